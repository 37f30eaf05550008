//! Random platforms for a night: the test of the laws with more seeds, every law for each, in release.

use std::process::Command;

use anyhow::{Context as _, bail};

use crate::{cargo, started};

/// Runs the laws; `--seeds N` says how many platforms are drawn, `--from N` where the seeds begin.
pub fn run(arguments: &[String]) -> anyhow::Result<()> {
    let (mut seeds, mut from) = (2000_u64, 0_u64);
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let mut number =
            || words.next().and_then(|text| text.parse().ok()).with_context(|| format!("`{word}` takes a number"));
        match word.as_str() {
            "--seeds" => seeds = number()?,
            "--from" => from = number()?,
            _ => bail!("`laws` takes `--seeds N` and `--from N`, not `{word}`"),
        }
    }
    started(
        Command::new(cargo())
            .args(["test", "--release", "--package", "lakegen", "--test", "it", "laws::random", "--", "--nocapture"])
            .env("LAKEGEN_LAWS_SEEDS", seeds.to_string())
            .env("LAKEGEN_LAWS_FROM", from.to_string()),
    )
}
