//! `cargo xtask bench charts [--bin DIR] [FOLDER…]`: processor time of charts inflated in this process, of helm's processes
//! on the same charts in the same run, and of the floor.
//!
//! Ours reads the chart's files, inflates it and writes the objects as YAML. The floor is what is left when nothing is
//! computed: libyaml reads that output and writes it again. The three take turns, and the median counts. Without folders
//! the charts of `tests/charts/` are used, which are small: helm's processes spend their time on starting there.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, bail, ensure};
use lakegen::helm::ChartError;
use lakegen::helm::context::Capabilities;
use lakegen::helm::inflate::{self, Inflated};
use lakegen::helm::manifests::{self, Definitions, Printed};
use lakegen::helm::prepare;
use lakegen::helm::render::{self, Again, Compiled};
use lakegen::helm::version::Version;
use lakegen::manifest::yaml;

use super::measure::cpu_ms;
use super::{floor, median};
use crate::oracle::charts::{self, Case};
use crate::oracle::tools::Tools;

const ROUNDS: usize = 5;
/// What an inflation is made of, in its order; done once more, on their own, to know where the time goes.
const STAGES: [&str; 6] = ["load", "values and schema", "parse templates", "run templates", "read objects", "drop"];

/// One chart's times in milliseconds, one per round.
#[derive(Default)]
struct Times {
    /// By stage, in the order of [`STAGES`].
    stages: [Vec<f64>; STAGES.len()],
    ours: Vec<f64>,
    /// The same once more, as for another environment: the chart is loaded and its templates are known.
    again: Vec<f64>,
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
            let status = charts::command(&helm, case).stdout(File::create(&out)?).stderr(Stdio::null()).status()?;
            ensure!(status.success(), "helm refuses {}", case.name());
        }
        helms.push(children_ms()? - before);
        let compiled = Compiled::default();
        for (case, times) in cases.iter().zip(&mut times) {
            one(case, &capabilities, &compiled, &out, times)?;
        }
    }
    let (mut ours, mut again, mut floors, mut stages) = (0.0, 0.0, 0.0, [0.0; STAGES.len()]);
    println!("{:>9} {:>9} {:>7} {:>9} {:>9}  chart", "ours ms", "floor ms", "ratio", "KiB", "steps");
    for (case, times) in cases.iter().zip(times) {
        let (own, floor) = (median(times.ours), median(times.floor));
        ours += own;
        again += median(times.again);
        floors += floor;
        for (sum, stage) in stages.iter_mut().zip(times.stages) {
            *sum += median(stage);
        }
        let kib = times.bytes / 1024;
        println!("{own:>9.2} {floor:>9.2} {:>7.2} {kib:>9} {:>9}  {}", own / floor, times.work, case.name());
    }
    let helm = median(helms);
    println!("{} charts: helm's processes {helm:.0} ms, ours {ours:.1} ms, floor {floors:.1} ms", cases.len());
    let stages: Vec<String> = STAGES.iter().zip(stages).map(|(name, ms)| format!("{name} {ms:.1}")).collect();
    println!("stages on their own, ms: {}", stages.join(", "));
    println!(
        "for another environment, ms: {again:.1}, helm / that {:.1}, that / floor {:.2}",
        helm / again,
        again / floors
    );
    println!("helm / ours {:.1}, ours / floor {:.2}, helm / floor {:.1}", helm / ours, ours / floors, helm / floors);
    println!("aims: helm / ours at least 20, ours / floor at most 1.5");
    Ok(())
}

/// Times the stages one by one.
fn stages(case: &Case, capabilities: &Capabilities, times: &mut Times) -> Result<(), String> {
    let mut last = cpu_ms();
    let mut stage = 0;
    let mut lap = || {
        let now = cpu_ms();
        times.stages[stage].push(now - last);
        (stage, last) = (stage + 1, now);
    };
    let all = |errors: Vec<ChartError>| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    let (chart, values) = (charts::load(&case.chart)?, charts::values(case)?);
    lap();
    let kubernetes = Version::parse(&capabilities.kubernetes).map_err(|error| error.to_string())?;
    let prepared = prepare::prepare(chart, &values, &kubernetes).map_err(all)?;
    lap();
    let compiled = Compiled::default();
    compiled.warm(&prepared.chart).map_err(|error| error.to_string())?;
    lap();
    let release = charts::release();
    let printed = render::render(&prepared.chart, &prepared.values, &release, capabilities, &compiled, 0, &Again::All);
    let (files, seen) = printed.map_err(|stopped| stopped.error.to_string())?;
    lap();
    let texts: Vec<Printed<'_>> = files.iter().map(|file| Printed { template: &file.file, text: &file.text }).collect();
    let sorted = manifests::sort(&texts, &prepared.chart.crds(), &Definitions::default()).map_err(all)?;
    lap();
    drop((sorted, files, seen, prepared, compiled));
    lap();
    Ok(())
}

fn written(inflated: &Inflated) -> String {
    inflated.items().map(|item| format!("---\n{}", yaml::write(&item.document.value))).collect()
}

fn one(
    case: &Case,
    capabilities: &Capabilities,
    compiled: &Compiled,
    out: &Path,
    times: &mut Times,
) -> anyhow::Result<()> {
    stages(case, capabilities, times).map_err(anyhow::Error::msg)?;
    let loaded = cpu_ms();
    let inflated = charts::inflated(capabilities, case, compiled, 0).map_err(anyhow::Error::msg)?;
    let text = written(&inflated);
    std::fs::write(out, &text)?;
    times.ours.push(cpu_ms() - loaded);
    (times.bytes, times.work) = (text.len(), inflated.seen.work);
    drop(inflated);
    let (chart, values) = (charts::load(&case.chart), charts::values(case));
    let (chart, values) = (chart.map_err(anyhow::Error::msg)?, values.map_err(anyhow::Error::msg)?);
    let start = cpu_ms();
    let inflated = inflate::inflate(&chart, &values, &charts::release(), capabilities, compiled, 0);
    std::fs::write(out, written(&inflated.map_err(|_| anyhow::anyhow!("it was inflated before"))?))?;
    times.again.push(cpu_ms() - start);
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
