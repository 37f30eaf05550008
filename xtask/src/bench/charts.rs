//! `cargo xtask bench charts [--bin DIR] [FOLDER…]`: processor time of charts inflated in this process, of helm's processes
//! on the same charts in the same run, and of the floor.
//!
//! Ours reads the chart's files, inflates it and writes the objects as YAML. The floor is what is left when nothing is
//! computed: libyaml reads that output and writes it again. The three take turns, and the median counts. Without folders
//! the charts of `tests/charts/` are used, which are small: helm's processes spend their time on starting there.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use lakegen::helm::render::Compiled;
use lakegen::manifest::yaml;

use super::measure::cpu_ms;
use super::{floor, median};
use crate::oracle::charts::{self, Case};
use crate::oracle::tools::Tools;

const ROUNDS: usize = 5;

/// One chart's times in milliseconds, one per round.
#[derive(Default)]
struct Times {
    load: Vec<f64>,
    ours: Vec<f64>,
    floor: Vec<f64>,
    bytes: usize,
    work: u64,
}

/// Measures and prints.
pub fn run(arguments: &[String]) -> anyhow::Result<()> {
    let mut tools = Tools::default();
    let mut folders = Vec::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--bin" => tools = Tools::only(rest.next().map(PathBuf::from).context("--bin needs a folder")?),
            flag if flag.starts_with('-') => bail!("usage: cargo xtask bench charts [--bin DIR] [FOLDER…]"),
            folder => folders.push(PathBuf::from(folder)),
        }
    }
    if folders.is_empty() {
        folders.push(charts::fixtures());
    }
    let helm = tools.find("helm").context("there is no helm: use `--bin`, or install it as `.ci/run` does")?;
    let capabilities = charts::capabilities(&charts::known_apis(&helm)?);
    let mut cases = charts::plain(&folders)?;
    // What is refused is not work; and each chart is warm in the page cache then.
    cases.retain(|case| charts::inflated(&capabilities, case, &Compiled::default(), 0).is_ok());
    ensure!(!cases.is_empty(), "there are no charts below the folders that can be rendered");
    let folder = super::folder()?;
    let out = folder.path().join("out.yaml");
    let mut times: Vec<Times> = cases.iter().map(|_| Times::default()).collect();
    let mut helms = Vec::new();
    for _ in 0..ROUNDS {
        let before = children_ms()?;
        for case in &cases {
            let status = charts::command(&helm, case).stdout(File::create(&out)?).status()?;
            ensure!(status.success(), "helm refuses {}", case.name());
        }
        helms.push(children_ms()? - before);
        let compiled = Compiled::default();
        for (case, times) in cases.iter().zip(&mut times) {
            one(case, &capabilities, &compiled, &out, times)?;
        }
    }
    let (mut ours, mut floors, mut loads) = (0.0, 0.0, 0.0);
    println!("{:>9} {:>9} {:>7} {:>9} {:>9}  chart", "ours ms", "floor ms", "ratio", "KiB", "steps");
    for (case, times) in cases.iter().zip(times) {
        let (own, floor) = (median(times.ours), median(times.floor));
        ours += own;
        floors += floor;
        loads += median(times.load);
        let kib = times.bytes / 1024;
        println!("{own:>9.2} {floor:>9.2} {:>7.2} {kib:>9} {:>9}  {}", own / floor, times.work, case.name());
    }
    let helm = median(helms);
    println!(
        "{} charts: helm's processes {helm:.0} ms, ours {ours:.1} ms ({loads:.1} ms of it loading), floor {floors:.1} ms",
        cases.len()
    );
    println!("helm / ours {:.1}, ours / floor {:.2}, helm / floor {:.1}", helm / ours, ours / floors, helm / floors);
    println!("aims: helm / ours at least 20, ours / floor at most 1.5");
    Ok(())
}

fn one(
    case: &Case,
    capabilities: &lakegen::helm::context::Capabilities,
    compiled: &Compiled,
    out: &Path,
    times: &mut Times,
) -> anyhow::Result<()> {
    let start = cpu_ms();
    drop(charts::load(&case.chart));
    let loaded = cpu_ms();
    times.load.push(loaded - start);
    let inflated = charts::inflated(capabilities, case, compiled, 0).map_err(anyhow::Error::msg)?;
    let mut text = String::new();
    for item in inflated.items() {
        text.push_str("---\n");
        text.push_str(&yaml::write(&item.document.value));
    }
    std::fs::write(out, &text)?;
    times.ours.push(cpu_ms() - loaded);
    (times.bytes, times.work) = (text.len(), inflated.seen.work);
    drop(inflated);
    let files = vec![("all.yaml".to_owned(), text.into_bytes())];
    let start = cpu_ms();
    let again = floor::reemit(&files).with_context(|| case.name())?;
    std::fs::write(out, &again[0].1)?;
    times.floor.push(cpu_ms() - start);
    Ok(())
}

/// Returns the processor time of all children that have ended, in milliseconds (Linux, `proc(5)`).
fn children_ms() -> anyhow::Result<f64> {
    /// Linux counts in hundredths of a second here, whatever the kernel's own clock does (`USER_HZ`).
    const TICK_MS: f64 = 10.0;
    let stat = std::fs::read_to_string("/proc/self/stat").context("the benchmark needs Linux")?;
    // The name may hold anything but ends with the last parenthesis; user and system time are fields 16 and 17.
    let (_, fields) = stat.rsplit_once(')').context("no fields in /proc/self/stat")?;
    let ticks = fields.split_whitespace().skip(13).take(2).map(str::parse::<f64>).sum::<Result<f64, _>>()?;
    Ok(ticks * TICK_MS)
}
