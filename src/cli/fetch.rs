//! `lakegen fetch`: what the lock names → the cache; and bundles, for where there is no network.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde_json::json;

use super::charts::{self, Charts, Network};
use super::lock::Format;
use super::project::Project;
use super::{Code, DONE, FINDINGS, Failure, Session};
use crate::diag::Span;
use crate::fetch::resolve::Sources;
use crate::fetch::{Problem, bundle, store};
use crate::lock::{self, Lock, Locked};
use crate::world::charts::{Cache, Digest, vendored};
use crate::world::disk::DiskWorld;
use crate::world::{ReadError, path_gate};

/// Download the locked charts
///
/// Downloads every chart of lakegen.lock that is not yet in the cache, and verifies its digest.
/// Archives that differ from the lock are refused, and the cache is left unchanged. Vendored charts
/// need not be fetched. Afterwards everything works offline: `check`, `diff` and `render` never
/// open a connection.
///
/// For an air-gapped site, `--export FILE` writes all locked charts into one archive, and `--import
/// FILE` reads it there. An import only accepts charts that are in the lock.
#[derive(Args, Debug)]
#[command(after_long_help = format!(
    "Examples:\n  lakegen fetch\n  lakegen fetch --export charts.tar      # here\n  lakegen fetch --import charts.tar      # there\n\nThe cache is the folder of `--cache-dir` or LAKEGEN_CACHE, by default `lakegen`\nin the system's cache folder (XDG_CACHE_HOME). Everything read from it is verified, and\nit can be removed at any time.\n\n{}", charts::NETWORK_HELP
))]
pub struct Fetch {
    /// Write all locked charts to this file
    #[arg(long, value_name = "FILE", conflicts_with = "import")]
    export: Option<PathBuf>,
    /// Read charts from this file instead of the network
    #[arg(long, value_name = "FILE")]
    import: Option<PathBuf>,
    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    #[command(flatten)]
    network: Network,
}

impl Fetch {
    /// Runs the command.
    ///
    /// # Errors
    /// See [`Failure`].
    pub fn run(&self, session: &mut Session) -> Result<Code, Failure> {
        let project = Project::find(session)?;
        let charts = Charts::read(session, &project)?;
        let lock = charts.locked(session)?;
        let cache = project.cache.clone().ok_or_else(|| {
            Failure::environment("there is no folder for the chart cache").help("set one with `--cache-dir DIR`")
        })?;
        charts::warn_of_open(session, Some(&cache));
        let world = project.world();
        let mut states: Vec<(&Locked, &str)> = Vec::new();
        if let Some(file) = &self.import {
            let imported = import(session, &cache, lock, &session.path(file))?;
            states.extend(lock.charts().iter().filter(|c| imported.contains(&c.digest)).map(|c| (c, "imported")));
            let missing: Vec<&Locked> = missing(&world, &cache, lock)?;
            if !missing.is_empty() {
                let names = missing.iter().map(|c| format!("{} {}", c.name, c.version));
                return Err(Failure::finding("the bundle does not contain all charts of the lock")
                    .details(names)
                    .help("create it again with `lakegen fetch --export FILE`, using this lakegen.lock"));
            }
        } else {
            let missing = missing(&world, &cache, lock)?;
            let fetched = get(session, &charts, &missing, &self.network)?;
            for (_, bytes) in &fetched {
                store::put(&cache, bytes)
                    .map_err(|error| Failure::environment(charts::cannot_write(&cache, &error)))?;
            }
            states.extend(fetched.iter().map(|(locked, _)| (*locked, "fetched")));
        }
        if let Some(file) = &self.export {
            export(&world, &cache, lock, &session.path(file))?;
        }
        let state = |chart: &Locked| states.iter().find(|(c, _)| *c == chart).map_or("available", |(_, state)| *state);
        if self.format == Format::Json {
            let all: Vec<serde_json::Value> = lock.charts().iter().map(|c| charts::json(c, state(c))).collect();
            session.out.data(&format!("{:#}\n", json!({ "charts": all })))?;
        }
        let verb = if self.import.is_some() { "imported" } else { "fetched" };
        let total = lock.charts().len();
        session.out.summary(&match states.len() {
            0 => format!("{} available", charts::count(total)),
            n => format!("{verb} {}; {total} available", charts::count(n)),
        });
        if let Some(file) = &self.export {
            session.out.summary(&format!("wrote `{}` with {}", file.display(), charts::count(total)));
        }
        Ok(DONE)
    }
}

/// Returns the charts that are neither vendored nor whole in the cache.
fn missing<'l>(world: &DiskWorld, cache: &Cache, lock: &'l Lock) -> Result<Vec<&'l Locked>, Failure> {
    let mut missing: Vec<&Locked> = Vec::new();
    for locked in lock.charts() {
        if at_hand(world, Some(cache), &locked.digest)?.is_none() && !missing.iter().any(|m| m.digest == locked.digest)
        {
            missing.push(locked);
        }
    }
    Ok(missing)
}

/// Returns a chart that is vendored or whole in the cache.
///
/// # Errors
/// When a vendored chart is not what its name says, or cannot be read.
pub fn at_hand(world: &DiskWorld, cache: Option<&Cache>, digest: &Digest) -> Result<Option<Arc<[u8]>>, Failure> {
    match vendored(world, digest) {
        Ok(Some(bytes)) => Ok(Some(bytes)),
        // A damaged entry is one that has to be fetched.
        Ok(None) => Ok(cache.and_then(|cache| cache.read(digest).ok().flatten())),
        Err(error) => Err(Failure::refused(crate::parse::read_reason(&error))
            .help("run `git diff --stat -- vendor/charts` to see what changed; to vendor it again, remove the file")),
    }
}

/// Fetches charts, several at a time.
///
/// # Errors
/// When one cannot be had: nothing of what was fetched is returned then.
pub fn get<'l>(
    session: &mut Session,
    charts: &Charts,
    wanted: &[&'l Locked],
    network: &Network,
) -> Result<Vec<(&'l Locked, Vec<u8>)>, Failure> {
    if wanted.is_empty() {
        return Ok(vec![]);
    }
    if network.offline {
        return Err(Failure::environment(format!("{} not fetched, and lakegen is offline", are(wanted.len())))
            .details(wanted.iter().map(|c| format!("{} {} ({})", c.name, c.version, c.digest)))
            .help("run `lakegen fetch` or `lakegen vendor` with network access")
            .help("or carry them over: `lakegen fetch --export FILE` there, `lakegen fetch --import FILE` here"));
    }
    let (client, credentials) = network.open(session)?;
    let sources = Sources::new(&client, &credentials);
    let work = |locked: &&'l Locked, say: &dyn Fn(String)| {
        let bytes = sources.fetch(locked)?;
        say(format!("fetched {} {}, {} KiB", locked.name, locked.version, bytes.len().div_ceil(1024)));
        Ok::<_, Problem>(bytes)
    };
    let results = charts::side_by_side(wanted, work, |line| session.out.summary(line));
    let mut found: Vec<(&Locked, Vec<u8>)> = Vec::new();
    let mut problems: Vec<(Span, Problem)> = Vec::new();
    for (locked, result) in wanted.iter().zip(results) {
        match result {
            Ok(bytes) => found.push((locked, bytes)),
            Err(problem) => problems.push((charts.span_of(locked), problem)),
        }
    }
    if problems.is_empty() { Ok(found) } else { Err(charts.failed(session, problems)) }
}

fn are(charts: usize) -> String {
    format!("{} {}", charts::count(charts), if charts == 1 { "is" } else { "are" })
}

fn export(world: &DiskWorld, cache: &Cache, lock: &Lock, file: &Path) -> Result<(), Failure> {
    let mut all: Vec<(&Locked, Arc<[u8]>)> = Vec::new();
    for locked in lock.charts() {
        let bytes = at_hand(world, Some(cache), &locked.digest)?
            .ok_or_else(|| Failure::environment("another process has changed the chart cache").help("run it again"))?;
        all.push((locked, bytes));
    }
    let all: Vec<(&Locked, &[u8])> = all.iter().map(|(locked, bytes)| (*locked, &**bytes)).collect();
    let failed = |error: std::io::Error| Failure::io(&format!("write `{}`", file.display()), &error);
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Beside its place and renamed, so that a full disk leaves no half of it behind.
    let mut builder = tempfile::Builder::new();
    builder.prefix(".lakegen-").suffix(".tmp");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    let temporary = builder.tempfile_in(folder).map_err(failed)?;
    bundle::write(BufWriter::new(temporary.as_file()), &lock::text(lock), &all).map_err(failed)?;
    temporary.as_file().sync_all().map_err(failed)?;
    temporary.persist(file).map_err(|error| failed(error.error))?;
    Ok(())
}

fn import(session: &mut Session, cache: &Cache, lock: &Lock, file: &Path) -> Result<Vec<Digest>, Failure> {
    let shown = path_gate::shown(&file.display().to_string());
    let open = File::open(file).map_err(|error| Failure::io(&format!("read `{shown}`"), &error))?;
    let wanted: Vec<Digest> = lock.charts().iter().map(|chart| chart.digest).collect();
    let mut taken = Vec::new();
    let others = bundle::read(BufReader::new(open), &wanted, |digest, bytes| {
        store::put(cache, &bytes)?;
        taken.push(digest);
        Ok(())
    });
    match others {
        Ok(0) => {}
        Ok(others) => {
            session.out.summary(&format!(
                "note: {} in the bundle {} not in the lock and skipped",
                charts::count(others),
                if others == 1 { "is" } else { "are" }
            ));
        }
        Err(bundle::Unreadable::Io(error)) => return Err(Failure::environment(charts::cannot_write(cache, &error))),
        Err(bundle::Unreadable::Odd(reason)) => {
            return Err(Failure::environment(format!("cannot use `{shown}`: {reason}")).with_code(FINDINGS));
        }
    }
    Ok(taken)
}

/// Says why a file could not be read, for a failure.
pub fn unreadable(error: &ReadError) -> Failure {
    Failure::environment(crate::parse::read_reason(error))
}
