//! `cargo xtask fuzz [--seconds N] [--seed N] [TARGET…]`: inputs that nobody wrote, for what reads charts.
//!
//! Every target runs in a process of its own, so that a stack overflow or an abort is seen as what it is. It takes seeds
//! from `tests/charts/` and `tests/functions/`, changes them at random, and holds what happens against bounds: no panic,
//! one second and 512 MiB (reliability.md §7). An input that breaks them is kept below `target/fuzz/`, and
//! `cargo xtask fuzz TARGET FILE` runs it again; it becomes a test. This needs no nightly compiler and no coverage.

mod mutate; //  seeds changed at random
mod targets; // what is run, and on which seeds

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

use mutate::Random;
use targets::Target;

/// One input may take so long; a debug build on a busy machine needs more than the second of a release.
const PATIENCE: Duration = Duration::from_secs(if cfg!(debug_assertions) { 10 } else { 1 });
const MOST_MIB: u64 = 512;

/// Fuzzes all targets or some, runs one input again, or is the child that does it.
pub fn run(arguments: &[String]) -> anyhow::Result<()> {
    let (mut seconds, mut seed, mut names) = (20, 1, Vec::new());
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut number =
            || rest.next().and_then(|text| text.parse().ok()).with_context(|| format!("{argument} needs a number"));
        match argument.as_str() {
            "--seconds" => seconds = number()?,
            "--seed" => seed = number()?,
            "child" => {
                let [name, seconds, seed, kept] = rest.as_slice() else { bail!("a child takes four arguments") };
                return child(targets::find(name)?, seconds.parse()?, seed.parse()?, Path::new(kept));
            }
            name => names.push(name.to_owned()),
        }
    }
    if let [name, file] = &names[..]
        && Path::new(file).is_file()
    {
        let start = Instant::now();
        (targets::find(name)?.run)(&std::fs::read(file)?);
        println!("{name} takes {file} in {:.1?}", start.elapsed());
        return Ok(());
    }
    let chosen = match names.is_empty() {
        true => targets::ALL.iter().collect(),
        false => names.iter().map(|name| targets::find(name)).collect::<Result<Vec<_>, _>>()?,
    };
    let folder = crate::root().join("target/fuzz");
    std::fs::create_dir_all(&folder)?;
    let mut found = Vec::new();
    for target in chosen {
        let kept = folder.join(target.name);
        let status = Command::new(std::env::current_exe()?)
            .args(["fuzz", "child", target.name, &seconds.to_string(), &seed.to_string()])
            .arg(&kept)
            .status()?;
        if !status.success() {
            found.push(format!("{}: {status}; the input is {}", target.name, kept.display()));
        }
    }
    ensure!(found.is_empty(), "{}", found.join("\n"));
    Ok(())
}

/// Runs one target until the time is over; the input that is being run is always in the file.
fn child(target: &Target, seconds: u64, seed: u64, kept: &Path) -> anyhow::Result<()> {
    let end = Instant::now() + Duration::from_secs(seconds);
    let seeds = (target.seeds)(&crate::root().join("tests"))?;
    ensure!(!seeds.is_empty(), "`{}` has no seeds", target.name);
    let words = (target.words)();
    let mut random = Random::new(seed);
    let (mut count, mut slowest) = (0_u64, Duration::ZERO);
    // The seeds as they are come first.
    let mut inputs = seeds.clone().into_iter();
    while Instant::now() < end {
        let input = inputs.next().unwrap_or_else(|| mutate::changed(&seeds, &words, &mut random));
        std::fs::write(kept, &input)?;
        let start = Instant::now();
        (target.run)(&input);
        let took = start.elapsed();
        ensure!(took < PATIENCE, "{} takes {took:.1?} for one input", target.name);
        slowest = slowest.max(took);
        count += 1;
        if count.is_multiple_of(256) {
            let peak = peak_mib();
            ensure!(peak < MOST_MIB, "{} takes {peak} MiB", target.name);
        }
    }
    std::fs::remove_file(kept)?;
    println!("fuzz {:<9} {count:>8} inputs, slowest {slowest:.1?}, peak {} MiB", target.name, peak_mib());
    Ok(())
}

/// Returns the peak of resident memory of this process (Linux; 0 elsewhere).
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) / 1024
}

/// Returns all files below a folder, in order.
fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("{}", folder.display()))?;
    let mut entries: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    entries.sort();
    let mut all = Vec::new();
    for path in entries {
        match path.is_dir() {
            true => all.extend(files(&path)?),
            false => all.push(path),
        }
    }
    Ok(all)
}
