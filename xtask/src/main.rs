//! Chores of the project: `cargo xtask <chore> …`. One file or folder per chore, nothing of it ships.

mod bench; //  time and memory beside the floor
mod facts; //  what lakegen knows of charts and kinds
mod oracle; // the real tools judge the output

use std::path::PathBuf;

const USAGE: &str = "usage: cargo xtask <chore>
  bench [--quick]                   time and memory of renders, beside the floor
  facts [--check] <data folder>     what lakegen knows of charts and kinds
  oracle [tool] [platform.toml…]    helm, kustomize and kubeconform judge the output";

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (chore, rest) = arguments.split_first().map_or(("", &[][..]), |(first, rest)| (first.as_str(), rest));
    match chore {
        "bench" => bench::run(rest),
        "facts" => facts::run(rest),
        "oracle" => oracle::run(rest),
        _ => anyhow::bail!("{USAGE}"),
    }
}

/// Returns the repository's root.
fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().map_or_else(|| here.clone(), PathBuf::from)
}
