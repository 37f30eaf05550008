//! Chores of the project: `cargo xtask <chore> …`. One file per chore, nothing of it ships.

mod bench; // time and memory beside the floor
mod facts; // what lakegen knows of charts and kinds

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (chore, rest) = arguments.split_first().map_or(("", &[][..]), |(first, rest)| (first.as_str(), rest));
    match chore {
        "facts" => facts::run(rest),
        "bench" => bench::run(rest),
        _ => anyhow::bail!("usage: cargo xtask facts [--check] <data folder>"),
    }
}
