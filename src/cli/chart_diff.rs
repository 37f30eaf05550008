//! `lakegen chart diff`: the platform compiled with another version of a chart × as it is.

use std::mem::ManuallyDrop;

use clap::{Args, ValueEnum};

use super::charts::{self, Charts, Network};
use super::diff::differs;
use super::fetch::{at_hand, get};
use super::project::{self, Project};
use super::{Code, FINDINGS, Failure, Session, edited};
use crate::catalog::Chart;
use crate::compile::Compiled;
use crate::diag::{Diagnostic, Level, Sources as Texts, Span, render};
use crate::edit::Written;
use crate::edit::member::Member;
use crate::fetch::Problem;
use crate::fetch::resolve::Sources;
use crate::fetch::store;
use crate::lock::{self, Lock, Locked};
use crate::lower::charts::rendered::MISSING_ARCHIVE;
use crate::upgrade::{self, Report, Side};
use crate::world::World;
use crate::world::charts::Cache;
use crate::world::memory::{MemoryWorld, Overlay};

/// Show what another version of a component's chart changes
///
/// Compiles the platform with the current and with the other version, renders the chart both times
/// with the platform's values, and compares: your values that are no longer read, with their lines;
/// default values; objects, risky ones first; CRD versions that are added, removed or no longer
/// served; images; Kubernetes versions and dependencies. Neither platform.toml nor lakegen.lock is
/// changed. Default values of dependencies are not compared, but their objects are.
///
/// The version is resolved as by `lakegen lock` and kept in the cache. With `--offline`, it is
/// taken from vendored charts and the cache, by name and version.
///
/// Also exits 0 when there are differences, unless a flag changes that.
#[derive(Args, Debug)]
#[command(after_long_help = format!(
    "Examples:\n  lakegen chart diff trino 1.43.0\n  lakegen chart diff trino 1.43.0 --format markdown >> comment.md\n\n{}",
    charts::NETWORK_HELP
))]
pub struct ChartDiff {
    /// A component of the platform
    component: String,
    /// The version to compare with
    version: String,
    /// Change it only for this environment
    #[arg(short, long = "env", value_name = "ENV")]
    environment: Option<String>,
    /// Exit 1 on differences, 2 on any error (like git)
    #[arg(long, conflicts_with = "detailed_exitcode")]
    exit_code: bool,
    /// Exit 2 on differences, 1 on any error (like terraform)
    #[arg(long)]
    detailed_exitcode: bool,
    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    #[command(flatten)]
    network: Network,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
    Markdown,
}

impl ChartDiff {
    /// Runs the command.
    ///
    /// # Errors
    /// See [`Failure`]; its code follows the flags.
    pub fn run(&self, session: &mut Session) -> Result<Code, Failure> {
        let result = self.compare(session).and_then(|report| {
            let text = match self.format {
                Format::Text => upgrade::text(&report, session.out.color()),
                Format::Json => upgrade::json(&report),
                Format::Markdown => upgrade::markdown(&report),
            };
            session.out.data(&text)?;
            Ok(!report.is_empty())
        });
        differs(result, self.exit_code, self.detailed_exitcode)
    }

    fn compare(&self, session: &mut Session) -> Result<Report, Failure> {
        let project = Project::find(session)?;
        let world = project.world();
        let before = Charts::of(session, &world, &project.file)?;
        if !before.broken.is_empty() {
            charts::print(session, &before.broken, &before.sources);
            return Err(Failure::reported(FINDINGS));
        }
        let read = Written::read(&world, &project.file);
        let written = read.map_err(|refusal| edited::refused(session, refusal, &Texts::default()))?;
        let member = Member::find(&written, &before.platform, &self.component, self.environment.as_deref());
        let path = member.and_then(|member| member.chart_version()).map_err(edited::cannot)?;
        let set = written.set(&path, &self.version);
        let Some(change) = set.map_err(|refusal| edited::refused(session, refusal, &written.sources))? else {
            session.out.summary(&format!("`{}` is already `{}`", path.join("."), self.version));
            return Ok(Report::default());
        };
        let (_, bytes) = edited::changed(&world, &change)?
            .ok_or_else(|| Failure::environment("another process has changed the file").help("run it again"))?;
        let mut new = MemoryWorld::default();
        new.insert(change.file.clone(), bytes);
        let after = Charts::of(session, &Overlay::new(new.clone(), &world), &project.file)?;
        let charts = self.charts(session, &project, &before, &after)?;
        // The lock on disk stays; both sides see one that has all charts of the component.
        let known = before.lock.iter().flat_map(|lock| lock.charts().iter().cloned());
        let all: Vec<Locked> = known.chain(charts.iter().map(|(locked, _)| locked.clone())).collect();
        let mut old = MemoryWorld::default();
        for side in [&mut old, &mut new] {
            side.insert(lock::FILE, lock::text(&Lock::new(all.clone())).into_bytes());
            for (locked, bytes) in &charts {
                side.insert_chart(&locked.name, &locked.version, bytes.clone());
            }
        }
        let (old, new) = (Overlay::new(old, &world), Overlay::new(new, &world));
        let was = compiled(session, &project, &old)?;
        let is = ManuallyDrop::new(crate::compile::compile(&new, &project.request()));
        let (was, is) = (Side { world: &old, compiled: &was }, Side { world: &new, compiled: &is });
        let report = session.out.timed("compare", || upgrade::compare(&self.component, was, is));
        if let (true, Some(first)) = (is.compiled.manifests.targets.is_empty(), is.compiled.diagnostics.first()) {
            return Err(Failure::finding(format!("with version `{}`, the platform has errors", self.version))
                .details([first.message.clone()]));
        }
        if report.is_empty() {
            session.out.summary(&format!(
                "note: every environment sets its own version, so `{}` changes none of them",
                path.join(".")
            ));
        }
        Ok(report)
    }

    /// Returns the component's charts of both sides, with their bytes.
    fn charts(
        &self,
        session: &mut Session,
        project: &Project,
        before: &Charts,
        after: &Charts,
    ) -> Result<Vec<(Locked, Vec<u8>)>, Failure> {
        let world = project.world();
        let cache = project.cache.as_ref();
        let mut all: Vec<(Locked, Vec<u8>)> = Vec::new();
        let (mut absent, mut unlocked): (Vec<&Locked>, Vec<(&Chart, Span)>) = (vec![], vec![]);
        for (chart, span) in before.of_component(&self.component).chain(after.of_component(&self.component)) {
            match before.lock.as_ref().and_then(|lock| lock.find(chart)) {
                Some(locked) if all.iter().any(|(other, _)| other == locked) || absent.contains(&locked) => {}
                Some(locked) => match at_hand(&world, cache, &locked.digest)? {
                    Some(bytes) => all.push((locked.clone(), bytes.to_vec())),
                    None => absent.push(locked),
                },
                None if unlocked.iter().any(|(other, _)| *other == chart) => {}
                None => unlocked.push((chart, span)),
            }
        }
        let mut warned = false;
        for (locked, bytes) in get(session, before, &absent, &self.network)? {
            charts::keep(session, cache, &bytes, &mut warned);
            all.push((locked.clone(), bytes));
        }
        if self.network.offline {
            for (chart, _) in unlocked {
                all.push(found(session, &world, cache, chart)?);
            }
            return Ok(all);
        }
        if unlocked.is_empty() {
            return Ok(all);
        }
        charts::warn_of_open(session, cache);
        let (client, credentials) = self.network.open(session)?;
        let sources = Sources::new(&client, &credentials);
        let work = |(chart, _): &(&Chart, Span), say: &dyn Fn(String)| {
            let found = sources.resolve(chart)?;
            say(format!(
                "found {} {}, sha256:{}…",
                found.locked.name,
                found.locked.version,
                found.locked.digest.short()
            ));
            Ok::<_, Problem>(found)
        };
        let results = charts::side_by_side(&unlocked, work, |line| session.out.summary(line));
        let mut problems: Vec<(Span, Problem)> = Vec::new();
        for ((_, span), result) in unlocked.iter().zip(results) {
            match result {
                Ok(found) => {
                    charts::keep(session, cache, &found.bytes, &mut warned);
                    all.push((found.locked, found.bytes));
                }
                Err(problem) => problems.push((*span, problem)),
            }
        }
        // The places are those of the platform as it would be.
        if problems.is_empty() { Ok(all) } else { Err(after.failed(session, problems)) }
    }
}

/// Finds a chart without a network, by name and version.
fn found(
    session: &mut Session,
    world: &dyn World,
    cache: Option<&Cache>,
    chart: &Chart,
) -> Result<(Locked, Vec<u8>), Failure> {
    let safe = lock::check_name(&chart.name).is_ok() && lock::check_version(&chart.version).is_ok();
    let found = safe.then(|| store::named(world, cache, &chart.name, &chart.version)).flatten();
    let Some((digest, bytes)) = found else {
        return Err(Failure::environment(format!(
            "chart {} {} has not been fetched, and lakegen is offline",
            chart.name, chart.version
        ))
        .help("run it once with network access: the chart stays in the cache"));
    };
    let repository = lock::repository(&chart.repository).to_owned();
    session.out.summary(&format!(
        "note: chart {} {} was found by its name; offline, lakegen cannot tell whether it comes from {repository}",
        chart.name, chart.version
    ));
    let url = format!("{repository}/{}-{}.tgz", chart.name, chart.version);
    let locked = Locked {
        name: chart.name.clone(),
        repository,
        wanted: chart.version.clone(),
        version: chart.version.clone(),
        digest,
        manifest: None,
        url,
    };
    Ok((locked, bytes))
}

/// Compiles the platform as it is; charts of other components need not be at hand.
fn compiled(session: &mut Session, project: &Project, world: &dyn World) -> Result<ManuallyDrop<Compiled>, Failure> {
    let compiled = project::run(session, world, &project.request());
    let is_error = |d: &&Diagnostic| d.level == Level::Error && d.code != &MISSING_ARCHIVE;
    let errors: Vec<Diagnostic> = compiled.diagnostics.iter().filter(is_error).cloned().collect();
    if errors.is_empty() {
        return Ok(compiled);
    }
    let format = session.global.output_format.into();
    session.out.note(&render::render(&errors, &compiled.sources, format, session.out.error_style()));
    Err(Failure::reported(project::verdict(&compiled).unwrap_or(FINDINGS)))
}
