//! One measurement per process, so that processor time and peak memory are of that work alone.
//!
//! The parent starts this program again with a [`Work`] and a folder; the child does the work once and prints a line.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail, ensure};
use lakegen::compile::{Request, compile};
use lakegen::diag::Sources;
use lakegen::sink::{self, WriteOptions};
use lakegen::world::memory::MemoryWorld;
use lakegen::{check, emit, lower, order, parse, resolve};

use super::floor::{self, Files};
use super::platforms::platform;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Work {
    /// Compile and write to an empty folder.
    Render,
    /// The same, without waiting for the disk.
    RenderUnsynced,
    /// Compile and write to a folder that holds the same tree.
    Again,
    /// Compile, write nothing.
    Check,
    /// Read and write the YAML once with libyaml, then write the files.
    Floor,
    /// Write the bytes.
    FloorWrite,
}

impl Work {
    /// All of them, in the order of a round.
    pub const ALL: [Work; 6] =
        [Work::Floor, Work::Render, Work::FloorWrite, Work::RenderUnsynced, Work::Again, Work::Check];

    /// Returns its name on the command line and in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Render => "render",
            Self::RenderUnsynced => "render-unsynced",
            Self::Again => "again",
            Self::Check => "check",
            Self::Floor => "floor",
            Self::FloorWrite => "floor-write",
        }
    }
}

/// What a child found.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sample {
    /// Processor time in milliseconds, user and system.
    pub cpu_ms: f64,
    /// Peak resident memory in MiB.
    pub peak_mib: f64,
}

/// Runs one piece of work in a process of its own.
pub fn sample(work: Work, components: usize, environments: usize, folder: &Path) -> anyhow::Result<Sample> {
    let output = Command::new(std::env::current_exe()?)
        .args(["bench", "child", work.name(), &components.to_string(), &environments.to_string()])
        .arg(folder)
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        bail!("{} failed: {}", work.name(), String::from_utf8_lossy(&output.stderr).trim());
    }
    let numbers: Vec<f64> = text.split_whitespace().map(str::parse).collect::<Result<_, _>>().context("two numbers")?;
    let [cpu_ms, peak_mib] = numbers[..] else { bail!("not two numbers: {text}") };
    Ok(Sample { cpu_ms, peak_mib })
}

/// The child's side: does the work and prints processor time and peak memory.
pub fn child(arguments: &[String]) -> anyhow::Result<()> {
    let [name, components, environments, folder] = arguments else { bail!("usage: bench child WORK N M FOLDER") };
    let work = Work::ALL.into_iter().find(|work| work.name() == name).context("unknown work")?;
    let folder = Path::new(folder);
    let out = folder.join("out");
    let fresh = tempfile::Builder::new().prefix("new").tempdir_in(folder)?;
    let files = if matches!(work, Work::Floor | Work::FloorWrite) { read(&out)? } else { Files::new() };
    let text = platform(components.parse()?, environments.parse()?);
    let before = cpu_ms();
    match work {
        Work::Render => render(text, fresh.path(), true)?,
        Work::RenderUnsynced => render(text, fresh.path(), false)?,
        Work::Again => render(text, &out, true)?,
        Work::Check => drop(compiled(text)?),
        Work::Floor => floor::write(&floor::reemit(&files)?, fresh.path())?,
        Work::FloorWrite => floor::write(&files, fresh.path())?,
    }
    println!("{} {}", cpu_ms() - before, peak_mib()?);
    Ok(())
}

fn compiled(text: String) -> anyhow::Result<lakegen::compile::Compiled> {
    let world: MemoryWorld = [("platform.toml", text.into_bytes())].into_iter().collect();
    let compiled = compile(&world, &Request::default());
    ensure!(compiled.is_ok(), "{:?}", compiled.diagnostics.first());
    Ok(compiled)
}

/// Compiles and writes; also makes the tree that later measurements compare with.
pub fn render(text: String, out: &Path, fsync: bool) -> anyhow::Result<()> {
    let compiled = compiled(text)?;
    sink::write(out, &compiled.tree, &WriteOptions { fsync, ..WriteOptions::default() })?;
    // The process is about to end: freeing a large tree piece by piece would be measured too, and no user pays for it.
    std::mem::forget(compiled);
    Ok(())
}

/// Returns the files of a rendered tree, without lakegen's own index.
pub fn read(folder: &Path) -> anyhow::Result<Files> {
    fn walk(folder: &Path, below: &str, files: &mut Files) -> anyhow::Result<()> {
        let mut entries: Vec<_> = std::fs::read_dir(folder)?.collect::<Result<_, _>>()?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let name = format!("{below}{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() {
                walk(&entry.path(), &format!("{name}/"), files)?;
            } else if !name.starts_with(sink::OWN_FOLDER) {
                files.push((name, std::fs::read(entry.path())?));
            }
        }
        Ok(())
    }
    let mut files = Files::new();
    walk(folder, "", &mut files)?;
    Ok(files)
}

/// Returns the processor time of each stage in milliseconds.
pub fn stages(text: String, out: &Path) -> anyhow::Result<Vec<(&'static str, f64)>> {
    let world: MemoryWorld = [("platform.toml", text.into_bytes())].into_iter().collect();
    let mut sources = Sources::default();
    let mut times = Vec::new();
    let mut last = cpu_ms();
    let mut lap = |name: &'static str| {
        let now = cpu_ms();
        times.push((name, now - last));
        last = now;
    };
    let syntax = parse::parse(&world, "platform.toml", &mut sources).output;
    lap("parse");
    let platform = resolve::resolve(&world, &syntax, &mut sources).output.context("the platform resolves")?;
    lap("resolve");
    let manifests = lower::lower(&world, &platform, None, &mut sources).output;
    lap("lower");
    let manifests = order::order(&platform, manifests).output;
    lap("order");
    drop(check::check(&platform, &manifests, &sources));
    lap("check");
    let tree = emit::emit(&platform, &manifests).output;
    lap("emit");
    sink::write(out, &tree, &WriteOptions::default())?;
    lap("sink, new");
    sink::write(out, &tree, &WriteOptions::default())?;
    lap("sink, same");
    Ok(times)
}

/// Returns the processor time of this process in milliseconds.
pub fn cpu_ms() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    #[expect(clippy::cast_precision_loss, reason = "a few minutes in nanoseconds are exact in a double")]
    let ms = time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6;
    ms
}

/// Returns the peak resident memory of this process (Linux).
fn peak_mib() -> anyhow::Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status").context("the benchmark needs Linux")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib / 1024.0)
}
