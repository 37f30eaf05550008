//! Arguments in, exit code out.

mod memory;

#[global_allocator]
static ALLOCATOR: memory::Counting = memory::Counting;

fn main() -> std::process::ExitCode {
    lakegen::cli::main(std::env::args_os()).into()
}
