//! `lakegen lock`: the charts in use → `lakegen.lock`.

use clap::{Args, ValueEnum};
use serde_json::json;

use super::charts::{self, Charts, Network, Used};
use super::project::Project;
use super::{Code, DONE, FINDINGS, Failure, Session};
use crate::diag::{Span, near, quoted_list};
use crate::fetch::Problem;
use crate::fetch::resolve::{Resolved, Sources};
use crate::lock::{self, FILE, Lock, Locked};
use crate::sink::file;
use crate::world::{ReadError, World};

/// Pin every chart by digest in lakegen.lock
///
/// Resolves each chart that the platform uses, in all environments, in its Helm repository or OCI
/// registry, and writes its version, digest and URL to lakegen.lock beside platform.toml. Commit
/// that file. Charts that are already locked are not resolved again, so a second run changes
/// nothing and needs no network; charts that are no longer used are removed. Dependencies of a
/// chart are in its archive and pinned with it.
///
/// The charts stay in the cache, so that everything works offline afterwards. If a chart cannot be
/// fetched, nothing is written.
#[derive(Args, Debug)]
#[command(after_long_help = format!(
    "Examples:\n  lakegen lock\n  lakegen lock --check\n  lakegen lock --update trino\n\n{}", charts::NETWORK_HELP
))]
pub struct LockCharts {
    /// Write nothing; exit 1 if the lock would change; needs no network
    #[arg(long, conflicts_with = "update")]
    check: bool,
    /// Resolve these charts or components again, or all of them
    #[arg(long, value_name = "NAME", num_args = 0..)]
    update: Option<Vec<String>>,
    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    #[command(flatten)]
    network: Network,
}

/// How to print what was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Text,
    Json,
}

/// What becomes of the lock.
struct Plan<'a> {
    kept: Vec<Locked>,
    wanted: Vec<&'a Used>,
    removed: Vec<Locked>,
}

impl LockCharts {
    /// Runs the command.
    ///
    /// # Errors
    /// See [`Failure`].
    pub fn run(&self, session: &mut Session) -> Result<Code, Failure> {
        let project = Project::find(session)?;
        let charts = Charts::read(session, &project)?;
        if !charts.broken.is_empty() {
            if self.check {
                charts::print(session, &charts.broken, &charts.sources);
                return Err(Failure::reported(FINDINGS));
            }
            session.out.summary(&format!("note: `{FILE}` cannot be read, so all charts are resolved again"));
        }
        let old = charts.lock.clone().unwrap_or_default();
        let plan = self.plan(&charts, &old)?;
        let written = written(&project)?;
        if self.check {
            return self.compare(session, &charts, &plan, written.as_deref());
        }
        let found = self.find(session, &project, &charts, &plan.wanted)?;
        let new = Lock::new(plan.kept.iter().cloned().chain(found.iter().map(|r| r.locked.clone())).collect());
        let text = lock::text(&new);
        let changed = written.as_deref() != Some(text.as_bytes()) && !(written.is_none() && new.charts().is_empty());
        if changed {
            file::put(&project.root, FILE, written.as_deref(), text.as_bytes())?;
        }
        self.say(session, &old, &new, &plan, changed)?;
        Ok(DONE)
    }

    fn plan<'a>(&self, charts: &'a Charts, old: &Lock) -> Result<Plan<'a>, Failure> {
        let named = |used: &Used, name: &str| used.chart.name == name || used.components.iter().any(|c| c == name);
        for name in self.update.iter().flatten() {
            if !charts.used.iter().any(|used| named(used, name)) {
                let all = charts.used.iter().flat_map(|u| [&u.chart.name].into_iter().chain(&u.components));
                let near = near(name, all.map(String::as_str));
                let failure = Failure::environment(format!("the platform uses no chart `{name}`"));
                return Err(match near.is_empty() {
                    true => failure,
                    false => failure.help(format!("did you mean {}?", quoted_list(near, "or"))),
                });
            }
        }
        let again = |used: &Used| {
            self.update.as_ref().is_some_and(|names| names.is_empty() || names.iter().any(|name| named(used, name)))
        };
        let mut plan = Plan { kept: vec![], wanted: vec![], removed: vec![] };
        for used in &charts.used {
            match old.find(&used.chart) {
                Some(locked) if !again(used) => plan.kept.push(locked.clone()),
                _ => plan.wanted.push(used),
            }
        }
        let in_use = |locked: &&Locked| charts.used.iter().any(|u| old.find(&u.chart).is_some_and(|o| o == *locked));
        plan.removed = old.charts().iter().filter(|locked| !in_use(locked)).cloned().collect();
        Ok(plan)
    }

    fn compare(
        &self,
        session: &mut Session,
        charts: &Charts,
        plan: &Plan<'_>,
        written: Option<&[u8]>,
    ) -> Result<Code, Failure> {
        let same = lock::text(&Lock::new(plan.kept.clone()));
        let fresh = plan.wanted.is_empty()
            && plan.removed.is_empty()
            && (written == Some(same.as_bytes()) || (written.is_none() && plan.kept.is_empty()));
        charts::print(session, &charts.unlocked(&Lock::new(plan.kept.clone())), &charts.sources);
        for locked in &plan.removed {
            session.out.summary(&format!("chart `{}` {} is locked but no longer used", locked.name, locked.wanted));
        }
        if self.format == Format::Json {
            session.out.data(&format!("{:#}\n", json!({ "lock": FILE, "fresh": fresh })))?;
        }
        if fresh {
            session.out.summary(&format!("{FILE} is up to date: {}", charts::count(plan.kept.len())));
            return Ok(DONE);
        }
        Err(Failure::finding(format!("`{FILE}` is out of date")).help("run `lakegen lock` and commit the file"))
    }

    /// Finds charts, several repositories at a time, and keeps them in the cache.
    fn find(
        &self,
        session: &mut Session,
        project: &Project,
        charts: &Charts,
        wanted: &[&Used],
    ) -> Result<Vec<Resolved>, Failure> {
        if wanted.is_empty() {
            return Ok(vec![]);
        }
        if self.network.offline {
            let names = wanted.iter().map(|used| used.chart.name.as_str());
            return Err(Failure::environment(format!(
                "{} must be resolved, but lakegen is offline",
                quoted_list(names, "and")
            ))
            .help("run `lakegen lock` with network access, and commit lakegen.lock"));
        }
        charts::warn_of_open(session, project.cache.as_ref());
        let (client, credentials) = self.network.open(session)?;
        let sources = Sources::new(&client, &credentials);
        let mut groups: Vec<Vec<&Used>> = Vec::new();
        for used in wanted {
            match groups.iter_mut().find(|group| group[0].chart.repository == used.chart.repository) {
                Some(group) => group.push(used),
                None => groups.push(vec![used]),
            }
        }
        let work = |group: &Vec<&Used>, say: &dyn Fn(String)| -> Vec<Result<Resolved, (Span, Problem)>> {
            let one = |used: &&Used| {
                let found = sources.resolve(&used.chart).map_err(|problem| (used.span, problem));
                if let Ok(found) = &found {
                    let Locked { name, version, digest, .. } = &found.locked;
                    say(format!("found {name} {version}, sha256:{}…", digest.short()));
                }
                found
            };
            group.iter().map(one).collect()
        };
        let results = charts::side_by_side(&groups, work, |line| session.out.summary(line));
        let (mut found, mut problems) = (Vec::new(), Vec::new());
        for result in results.into_iter().flatten() {
            match result {
                Ok(one) => found.push(one),
                Err(problem) => problems.push(problem),
            }
        }
        let mut warned = false;
        for one in &found {
            charts::keep(session, project.cache.as_ref(), &one.bytes, &mut warned);
        }
        if problems.is_empty() {
            return Ok(found);
        }
        problems.sort_by_key(|(span, _)| *span);
        let failure = charts.failed(session, problems);
        session.out.summary(&format!("nothing was written to {FILE}"));
        Err(failure)
    }

    fn say(
        &self,
        session: &mut Session,
        old: &Lock,
        new: &Lock,
        plan: &Plan<'_>,
        changed: bool,
    ) -> Result<(), Failure> {
        let state = |chart: &Locked| match old.charts().iter().find(|other| other.key() == chart.key()) {
            Some(before) if before == chart => "kept",
            Some(_) => "changed",
            None => "added",
        };
        for chart in new.charts().iter().filter(|chart| state(chart) == "changed") {
            let before = old.charts().iter().find(|other| other.key() == chart.key());
            if let Some(before) = before.filter(|b| b.version == chart.version && b.digest != chart.digest) {
                session.out.note(&format!(
                    "warning: chart {} {} was republished with other contents: it was {} and is now {}\n",
                    chart.name, chart.version, before.digest, chart.digest
                ));
            }
        }
        if self.format == Format::Json {
            let mut all: Vec<serde_json::Value> = new.charts().iter().map(|c| charts::json(c, state(c))).collect();
            all.extend(
                plan.removed
                    .iter()
                    .filter(|r| !new.charts().iter().any(|n| n.key() == r.key()))
                    .map(|c| charts::json(c, "removed")),
            );
            session.out.data(&format!("{:#}\n", json!({ "lock": FILE, "written": changed, "charts": all })))?;
        }
        let total = charts::count(new.charts().len());
        if !changed {
            session.out.summary(&format!("{FILE} is up to date: {total}"));
            return Ok(());
        }
        let number = |wanted: &str| new.charts().iter().filter(|chart| state(chart) == wanted).count();
        let parts = [(number("added"), "added"), (number("changed"), "changed"), (plan.removed.len(), "removed")];
        let parts: Vec<String> = parts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
        let parts = if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) };
        session.out.summary(&format!("wrote {FILE}: {total}{parts}"));
        Ok(())
    }
}

/// Returns the lock's bytes as they are.
fn written(project: &Project) -> Result<Option<Vec<u8>>, Failure> {
    match project.world().read(FILE) {
        Ok(bytes) => Ok(Some(bytes.to_vec())),
        Err(ReadError::Missing) => Ok(None),
        Err(error) => {
            let reason = crate::parse::read_reason(&error);
            Err(Failure::environment(format!("cannot read `{FILE}`: {reason}")))
        }
    }
}
