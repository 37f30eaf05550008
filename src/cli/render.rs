//! `lakegen render`: platform → folder, or stdout.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;

use super::project::{self, Project};
use super::select::{Selection, target_of};
use super::{Code, DONE, Failure, Session};
use crate::compile::Compiled;
use crate::emit::{Tree, stream};
use crate::sink::{self, INDEX, Report, Staleness, WriteOptions};

/// Most files that are listed one by one.
const LISTED: usize = 50;

/// Write the tree that the engine syncs
///
/// Compiles the platform and writes its whole tree. Nothing is written before everything has been
/// compiled and checked, and nothing at all if nothing changes. Only files that lakegen wrote are
/// replaced or removed; a manual edit stops the run (exit 3), and other files are never touched.
///
/// With `-e`, the files of other environments are left unchanged. Shared files
/// (`components/*/base`, PLATFORM.md) are also written, which is refused if it would change another
/// environment that is not up to date.
#[derive(Args, Debug)]
#[command(after_long_help = "Examples:\n  lakegen render\n  lakegen render -o - -e prod | kubectl diff -f -\n  \
                             lakegen render --check        # in CI: is the committed tree up to date?")]
pub struct Render {
    /// Output folder, or `-` for a single YAML stream [default: `git.path`]
    #[arg(short, long, value_name = "DIR|-")]
    output: Option<PathBuf>,
    /// Only these environments or targets
    #[arg(short, long = "env", value_name = "ENV", value_delimiter = ',', env = "LAKEGEN_ENV", hide_env = true)]
    environments: Vec<String>,
    /// Write nothing; exit 1 if the tree is not up to date
    #[arg(long, conflicts_with = "dry_run")]
    check: bool,
    /// Print what would be written without writing anything
    #[arg(long)]
    dry_run: bool,
    /// Discard manual edits
    #[arg(long)]
    overwrite: bool,
    /// Allow a tree more than 30 % smaller than before
    #[arg(long)]
    allow_shrink: bool,
}

impl Render {
    /// Runs the command.
    ///
    /// # Errors
    /// See [`Failure`].
    pub fn run(&self, session: &mut Session) -> Result<Code, Failure> {
        let project = Project::find(session)?;
        let to_stdout = self.output.as_deref() == Some(Path::new("-"));
        let given = self.output.as_ref().filter(|_| !to_stdout).map(|output| session.path(output));
        if let Some(output) = &given {
            project.check_output(output)?;
        }
        let compiled = project::compile(session, &project.world(), &project.request())?;
        let platform = compiled.platform.as_ref().expect("a compile without errors has a platform");
        let selection = Selection::new(platform, &self.environments)?;
        if to_stdout {
            return print(session, &compiled, &selection);
        }
        let output = given.map_or_else(|| project.tree_folder(platform, &|target| selection.has(target)), Ok)?;
        project.check_output(&output)?;
        let tree = selection.of(&compiled.tree);
        let options = self.options(&selection);
        if self.check {
            return check(session, &output, &sink::compare(&output, &tree, &options)?);
        }
        if !selection.is_all() {
            check_others(&output, &compiled.tree, &selection)?;
        }
        let report = session.out.timed("write", || sink::write(&output, &tree, &options))?;
        if self.dry_run {
            return plan(session, &output, &report);
        }
        summarize(session, &project, &output, &report, &compiled, &selection);
        Ok(DONE)
    }

    fn options(&self, selection: &Selection) -> WriteOptions {
        let selection = selection.clone();
        WriteOptions {
            overwrite: self.overwrite,
            allow_shrink: self.allow_shrink,
            dry_run: self.dry_run,
            scope: (!selection.is_all())
                .then(|| -> sink::Scope { Box::new(move |path| !selection.is_of_others(path)) }),
            ..WriteOptions::default()
        }
    }
}

fn print(session: &mut Session, compiled: &Compiled, selection: &Selection) -> Result<Code, Failure> {
    let platform = compiled.platform.as_ref().expect("a compile without errors has a platform");
    let text = stream::stream(platform, &compiled.manifests, &compiled.tree, &|target| selection.has(target));
    session.out.data(&text)?;
    let patches = stream::patches(&compiled.manifests);
    if patches > 0 {
        session.out.summary(&format!("note: {patches} of `patches` only apply when Kustomize builds the tree"));
    }
    Ok(DONE)
}

/// Refuses a partial render that would change an environment that was left out.
///
/// A base holds what all targets share. When it changes while another target's own folder stays old, that target
/// would be built from a new base and an old overlay: something that nobody asked for.
fn check_others(output: &Path, tree: &Tree, selection: &Selection) -> Result<(), Failure> {
    let stale = sink::compare(output, tree, &WriteOptions::default())?;
    let changed = || stale.written.iter().chain(&stale.removed).chain(&stale.edited).map(String::as_str);
    let shared: Vec<String> =
        changed().filter(|p| p.starts_with("components/") && target_of(p).is_none()).map(quoted).collect();
    let rendered =
        |target: &str| tree.files().any(|(path, _)| target_of(path) == Some(target) && output.join(path).exists());
    let behind = changed().filter(|p| selection.is_of_others(p)).filter_map(target_of).find(|t| rendered(t));
    match behind {
        Some(other) if !shared.is_empty() => Err(Failure::refused(format!(
            "`-e` would also change `{other}`: {} that all environments share, but `{other}` is not up to date",
            if shared.len() == 1 { "a file changes".to_owned() } else { format!("{} files change", shared.len()) }
        ))
        .details(short_list(&shared, 10))
        .help(format!("run `lakegen render` for all environments, or add `-e {other}`"))),
        _ => Ok(()),
    }
}

fn quoted(path: &str) -> String {
    format!("`{path}`")
}

fn short_list(lines: &[String], most: usize) -> Vec<String> {
    let more = lines.len().saturating_sub(most);
    let rest = (more > 0).then(|| format!("and {more} more"));
    lines.iter().take(most).cloned().chain(rest).collect()
}

/// Says whether the folder is up to date.
fn check(session: &mut Session, output: &Path, stale: &Staleness) -> Result<Code, Failure> {
    let shown = output.display();
    if stale.is_fresh() {
        session.out.summary(&format!("`{shown}` is up to date"));
        return Ok(DONE);
    }
    let mut lines = Vec::new();
    for (what, paths) in [
        ("out of date", &stale.written),
        ("no longer rendered", &stale.removed),
        ("edited by hand", &stale.edited),
        ("in the way", &stale.in_the_way),
    ] {
        lines.extend(paths.iter().map(|path| format!("{what}: {path}")));
    }
    let count = lines.len();
    let mut failure = Failure::finding(match (stale.interrupted, count) {
        (true, 0) => format!("an interrupted write in `{shown}` is not complete"),
        (true, _) => format!("`{shown}` is not up to date: an interrupted write, and {}", files(count)),
        (false, _) => format!("`{shown}` is not up to date: {}", files(count)),
    })
    .details(short_list(&lines, LISTED));
    failure = match stale.edited.is_empty() {
        true => failure.help("run `lakegen render` and commit the result"),
        false => failure.help("run `lakegen render` to see the manual edits and how to continue"),
    };
    Err(failure)
}

fn plan(session: &mut Session, output: &Path, report: &Report) -> Result<Code, Failure> {
    let lines =
        report.written.iter().map(|path| ("write", path)).chain(report.removed.iter().map(|path| ("remove", path)));
    let text: String = lines.map(|(what, path)| format!("{what} {}\n", output.join(path).display())).collect();
    session.out.data(&text)?;
    session.out.summary(&format!("{}; nothing was written", counts("would write", output, report)));
    Ok(DONE)
}

fn files(count: usize) -> String {
    if count == 1 { "1 file".to_owned() } else { format!("{count} files") }
}

fn counts(verb: &str, output: &Path, report: &Report) -> String {
    let mut text = format!("{verb} {} in `{}`", files(report.written.len()), output.display());
    if !report.removed.is_empty() {
        text.push_str(&format!(", {} removed", report.removed.len()));
    }
    if report.unchanged > 0 {
        text.push_str(&format!(", {} unchanged", report.unchanged));
    }
    text
}

/// Says what was written and what comes next.
fn summarize(
    session: &mut Session,
    project: &Project,
    output: &Path,
    report: &Report,
    compiled: &Compiled,
    selection: &Selection,
) {
    let platform = compiled.platform.as_ref().expect("a compile without errors has a platform");
    for warning in &report.warnings {
        session.out.note(&format!("warning: {}\n", crate::diag::escape::line(warning)));
    }
    let is_idle = report.written.iter().all(|path| path == INDEX) && report.removed.is_empty();
    if is_idle {
        session.out.summary(&format!("`{}` is up to date: {} unchanged", output.display(), files(report.unchanged)));
    } else {
        session.out.summary(&counts("wrote", output, report));
    }
    if !report.foreign.is_empty() {
        let shown: Vec<String> = report.foreign.iter().take(5).map(|path| quoted(path)).collect();
        let rest = if report.foreign.len() > 5 { ", …" } else { "" };
        session.out.summary(&format!("not written by lakegen, left alone: {}{rest}", shown.join(", ")));
    }
    if is_idle {
        return;
    }
    let targets = || platform.targets.iter().zip(&compiled.manifests.targets).filter(|(t, _)| selection.has(&t.name));
    let width = targets().map(|(t, _)| t.name.len()).max().unwrap_or(0);
    for (target, lowered) in targets() {
        let objects: usize = lowered.components.values().flat_map(|unit| unit.stages.values()).map(Vec::len).sum();
        let components = project::counted([target]);
        let line = format!("  {:width$}  {components}, {}", target.name, project::plural(objects, "object"));
        session.out.summary(&line);
    }
    let shown = output.display();
    let mut stores: BTreeMap<&str, usize> = BTreeMap::new();
    for (target, lowered) in targets() {
        *stores.entry(target.store.name.as_str()).or_default() +=
            lowered.needed.values().filter(|needed| needed.by_hand()).count();
    }
    session.out.summary("next:");
    for (store, count) in stores.into_iter().filter(|(_, count)| *count > 0) {
        let what = if count == 1 { "1 secret".to_owned() } else { format!("{count} secrets") };
        session.out.summary(&format!("  create {what} in the store `{store}`: see {shown}/PLATFORM.md"));
    }
    let meant = |target: &str| selection.has(target);
    if project.tree_folder(platform, &meant).is_ok_and(|folder| output == folder) {
        session.out.summary(&format!("  commit and push `{shown}`"));
    } else if let Ok(path) = project::tree_path(platform, &meant) {
        let path = if path.is_empty() { "the top".to_owned() } else { format!("`{path}`") };
        session.out.summary(&format!("  the engine syncs {path} of the repository, where `lakegen render` writes"));
    }
    for (target, _) in targets() {
        let readme = format!("bootstrap/{}/README.md", target.name);
        if compiled.tree.get(&readme).is_some() {
            session.out.summary(&format!("  first rollout of {}: {shown}/{readme}", target.name));
        }
    }
}
