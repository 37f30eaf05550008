//! `cargo xtask bench [--quick]`: processor time and peak memory of renders, beside the floor of the same run; and
//! `bench charts`, see there.
//!
//! Every measurement is a process of its own; the works take turns, and the median counts. Nothing is asserted here: a
//! busy machine must not fail a build. The aims stand in the last column.

mod charts; //    charts inflated, beside helm's processes
mod floor; //     the same bytes read and written by libyaml
mod measure; //   one measurement per process
mod platforms; // platforms of any size

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail, ensure};

use measure::{Sample, Work};

/// Components and environments of the full run.
const SIZES: &[(usize, usize)] = &[(10, 2), (50, 3), (200, 3), (1000, 3)];
const QUICK: &[(usize, usize)] = &[(10, 2), (50, 3)];
/// The floor and the render of these two sizes give the growth exponent.
const GROWTH: [usize; 2] = [200, 1000];

/// Runs the benchmark, or one measurement of it in a child.
pub fn run(arguments: &[String]) -> anyhow::Result<()> {
    match arguments {
        [child, rest @ ..] if child == "child" => measure::child(rest),
        [platform, components, environments] if platform == "platform" => {
            print!("{}", platforms::platform(components.parse()?, environments.parse()?));
            Ok(())
        }
        // A debug build says nothing about users' time.
        _ if cfg!(debug_assertions) => released(arguments),
        [charts, rest @ ..] if charts == "charts" => charts::run(rest),
        [] => table(SIZES, 5),
        [quick] if quick == "--quick" => table(QUICK, 3),
        _ => bail!(
            "usage: cargo xtask bench [--quick] | bench charts [--bin DIR] [FOLDER…] | bench platform COMPONENTS ENVIRONMENTS"
        ),
    }
}

/// Runs the same chore again, built for release.
fn released(arguments: &[String]) -> anyhow::Result<()> {
    let status = Command::new(crate::cargo())
        .args(["run", "--release", "--package", "xtask", "--", "bench"])
        .args(arguments)
        .status()?;
    ensure!(status.success(), "the benchmark failed");
    Ok(())
}

fn table(sizes: &[(usize, usize)], rounds: usize) -> anyhow::Result<()> {
    println!(
        "{:>10} {:>6} {:>7} {:>9} | {:>7} {:>7} {:>8} {:>7} {:>7} | {:>8} {:>8}",
        "size", "files", "KiB", "floor ms", "render", "nosync", "again", "check", "write", "peak MiB", "ms"
    );
    let mut growth = BTreeMap::new();
    for &(components, environments) in sizes {
        let folder = folder()?;
        let out = folder.path().join("out");
        measure::render(platforms::platform(components, environments), &out, false)?;
        let files = measure::read(&out)?;
        let bytes: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
        let mut samples: BTreeMap<Work, Vec<Sample>> = BTreeMap::new();
        for _ in 0..rounds {
            for work in Work::ALL {
                let sample = measure::sample(work, components, environments, folder.path())?;
                samples.entry(work).or_default().push(sample);
            }
        }
        let of = |work: Work| median(samples[&work].iter().map(|s| s.cpu_ms).collect());
        let ratio = |work: Work| of(work) / of(Work::Floor);
        let peak = median(samples[&Work::Render].iter().map(|s| s.peak_mib).collect());
        println!(
            "{:>10} {:>6} {:>7} {:>9.1} | {:>7.2} {:>7.2} {:>8.2} {:>7.2} {:>7.2} | {:>8.1} {:>8.1}",
            format!("{components}x{environments}"),
            files.len(),
            bytes / 1024,
            of(Work::Floor),
            ratio(Work::Render),
            ratio(Work::RenderUnsynced),
            ratio(Work::Again),
            ratio(Work::Check),
            ratio(Work::FloorWrite),
            peak,
            of(Work::Render),
        );
        if GROWTH.contains(&components) {
            growth.insert(components, (of(Work::Render), of(Work::Floor)));
        }
        breakdown(components, environments)?;
    }
    println!(
        "floor: libyaml reads and writes the same YAML once, then the files are written; all others as ratios to it\n\
         aims: render 1.5, again 0.75, growth 1.03, peak 50 MiB at 200x3 and 150 MiB at 1000x3"
    );
    if let [(small, (render, floor)), (large, (render_large, floor_large))] = growth.into_iter().collect::<Vec<_>>()[..]
    {
        #[expect(clippy::cast_precision_loss, reason = "component counts are small")]
        let step = (large as f64 / small as f64).ln();
        println!(
            "growth {small}x3 to {large}x3: render n^{:.2}, floor n^{:.2}",
            (render_large / render).ln() / step,
            (floor_large / floor).ln() / step
        );
    }
    Ok(())
}

/// Returns a folder in memory where there is one: making files on a full or busy disk costs up to fifty times as much
/// processor time, for the floor and the render alike, and hides everything else.
fn folder() -> anyhow::Result<tempfile::TempDir> {
    let memory = Path::new("/dev/shm");
    let program = std::env::current_exe()?;
    let beside = program.parent().context("a program has a folder")?;
    let make = |below: &Path| tempfile::Builder::new().prefix("bench").tempdir_in(below);
    make(memory).or_else(|_| make(beside)).context("no folder to write to")
}

/// Prints where the time goes.
fn breakdown(components: usize, environments: usize) -> anyhow::Result<()> {
    let folder = folder()?;
    let times = measure::stages(platforms::platform(components, environments), &folder.path().join("out"))?;
    let total: f64 = times.iter().filter(|(name, _)| *name != "sink, same").map(|(_, ms)| ms).sum();
    let parts: Vec<String> = times.iter().map(|(name, ms)| format!("{name} {:.0} %", ms / total * 100.0)).collect();
    println!("{:>10} {}", "", parts.join(" · "));
    Ok(())
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_median_is_the_middle() {
        assert!((super::median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
    }
}
