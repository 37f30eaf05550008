//! `cargo xtask fuzz [--seconds N] [--seed N] [TARGET…]`: inputs that nobody wrote, for what reads charts.
//!
//! Every target runs in a process of its own, so that a stack overflow or an abort is seen as what it is. It takes seeds
//! from `tests/charts/` and `tests/functions/`, changes them at random, and holds what happens against bounds: no panic,
//! one second and 512 MiB (reliability.md §7). One seed always makes the same inputs in the same order. An input that
//! breaks something is kept below `target/fuzz/`, and `cargo xtask fuzz TARGET FILE` runs it again within the same
//! bounds; it becomes a test. This needs no nightly compiler and no coverage.

mod addresses; // addresses of charts, locks, indexes
mod archives; //  packed charts
mod guard; //     time and memory
mod mutate; //    seeds changed at random
mod targets; //   what is run, and on which seeds

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

use guard::{Guard, Taken};
use mutate::Random;
use targets::Target;

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
    let folder = crate::root().join("target/fuzz");
    std::fs::create_dir_all(&folder)?;
    if let [name, file] = &names[..]
        && Path::new(file).is_file()
    {
        let input = std::fs::read(file)?;
        let Taken { time, mib } = Guard::new(&folder.join("again"))?.run(&input, targets::find(name)?.run)?;
        println!("{name} takes {file}: {time:.1?}, {mib} MiB");
        return Ok(());
    }
    let chosen = match names.is_empty() {
        true => targets::ALL.iter().collect(),
        false => names.iter().map(|name| targets::find(name)).collect::<Result<Vec<_>, _>>()?,
    };
    let (left, found) = (Mutex::new(chosen.into_iter()), Mutex::new(Vec::new()));
    let next = || left.lock().ok().and_then(|mut left| left.next());
    let work = || {
        while let Some(target) = next() {
            let broken = fuzzed(target, seconds, seed, &folder)
                .unwrap_or_else(|error| Some(format!("{}: {error:#}", target.name)));
            if let Ok(mut found) = found.lock() {
                found.extend(broken);
            }
        }
    };
    // The bounds are in processor time, so targets may run side by side.
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    let found = found.into_inner().unwrap_or_default();
    ensure!(found.is_empty(), "{}", found.join("\n"));
    Ok(())
}

/// Runs a target in a process of its own, and says what it broke.
fn fuzzed(target: &Target, seconds: u64, seed: u64, folder: &Path) -> anyhow::Result<Option<String>> {
    let running = folder.join(format!("{}.running", target.name));
    let status = Command::new(std::env::current_exe()?)
        .args(["fuzz", "child", target.name, &seconds.to_string(), &seed.to_string()])
        .arg(&running)
        .status()?;
    if status.success() {
        return Ok(None);
    }
    let input = std::fs::read(&running)?;
    let kept = folder.join(format!("{}-{:016x}", target.name, fingerprint(&input)));
    std::fs::write(&kept, input)?;
    let again = kept.strip_prefix(crate::root()).unwrap_or(&kept).display();
    Ok(Some(format!("{}: {status}; again: cargo xtask fuzz {} {again}", target.name, target.name)))
}

/// A name for an input (FNV-1a).
fn fingerprint(input: &[u8]) -> u64 {
    input.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Runs one target until the time is over; the input that is being run is always in the file.
fn child(target: &Target, seconds: u64, seed: u64, kept: &Path) -> anyhow::Result<()> {
    let end = Instant::now() + Duration::from_secs(seconds);
    let seeds = (target.seeds)(&crate::root().join("tests"))?;
    ensure!(!seeds.is_empty(), "`{}` has no seeds", target.name);
    let words = (target.words)();
    let mut random = Random::new(seed);
    let mut guard = Guard::new(kept)?;
    let (mut count, mut most) = (0_u64, Taken::default());
    // The seeds as they are come first.
    let mut inputs = seeds.clone().into_iter();
    while Instant::now() < end {
        let input = inputs.next().unwrap_or_else(|| mutate::changed(&seeds, &words, &mut random));
        let taken = guard.run(&input, target.run)?;
        most = Taken { time: most.time.max(taken.time), mib: most.mib.max(taken.mib) };
        count += 1;
    }
    std::fs::remove_file(kept)?;
    println!(
        "fuzz {:<11} {count:>8} inputs in {seconds} s, slowest {:.1?}, largest {} MiB",
        target.name, most.time, most.mib
    );
    Ok(())
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
