//! Chores of the project: `cargo xtask <chore> …`. One file or folder per chore, nothing of it ships.

mod bench; //  time and memory beside the floor
mod bless; //  generated files
mod bombs; //  charts that are meant to hurt
mod facts; //  what lakegen knows of charts and kinds
mod fuzz; //   inputs that nobody wrote
mod laws; //   random platforms for a night
mod oracle; // the real tools judge the output

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::ensure;

const USAGE: &str = "usage: cargo xtask <chore>
  bench [--quick]                  time and memory of renders, beside the floor
  bench charts [folder…]           charts inflated, beside helm's processes
  bless                            rewrite expectations and generated files; review the diff
  bombs                            charts that are meant to hurt end soon and small
  ci                               everything that has to hold before a change lands
  facts [--check] <data folder>    what lakegen knows of charts and kinds
  fuzz [--seconds N] [target…]     inputs that nobody wrote, for what reads charts
  laws [--seeds N] [--from N]      random platforms, and the laws that every tree keeps
  oracle [tool] [platform.toml…]   helm, kustomize, kubeconform and a registry judge the output
  oracle charts [folder…]          helm judges how charts are inflated
  tidy                             the house rules";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> anyhow::Result<()> {
    let (chore, rest) = arguments.split_first().map_or(("", &[][..]), |(first, rest)| (first.as_str(), rest));
    match chore {
        "bench" => bench::run(rest),
        "bless" => bless::run(),
        "bombs" => bombs::run(rest),
        "ci" => started(Command::new("bash").arg(".ci/run")),
        "fuzz" => fuzz::run(rest),
        "facts" => facts::run(rest),
        "laws" => laws::run(rest),
        // For the oracles: the command line itself, in a process of its own.
        "lakegen" => std::process::exit(lakegen::cli::main(arguments.iter().map(OsString::from)).into()),
        "oracle" => oracle::run(rest),
        "tidy" => started(Command::new(cargo()).args(["test", "--package", "lakegen", "--test", "it", "tidy::"])),
        _ => anyhow::bail!("{USAGE}"),
    }
}

/// Runs a program in the repository's root.
fn started(command: &mut Command) -> anyhow::Result<()> {
    ensure!(command.current_dir(root()).status()?.success(), "it failed");
    Ok(())
}

/// Returns the cargo that runs this chore.
fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Returns the repository's root.
fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().map_or_else(|| here.clone(), PathBuf::from)
}
