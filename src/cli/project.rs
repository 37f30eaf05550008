//! Where the platform is, and its compile: the nearest `platform.toml` upwards, never beyond a repository's border.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::cache;
use super::{Code, ENVIRONMENT, FINDINGS, Failure, OutputFormat, Session};
use crate::compile::{self, Compiled, Request};
use crate::diag::{Code as Known, Diagnostic, Level, render};
use crate::lock::NEWER_LOCK;
use crate::resolve::{NEWER_EDITION, Platform, Target};
use crate::sink::repository_of;
use crate::world::charts::Cache;
use crate::world::disk::DiskWorld;
use crate::world::git::Repository;
use crate::world::{ReadError, World};
use std::mem::ManuallyDrop;

/// Names of the main file, best first.
const NAMES: [&str; 2] = ["platform.toml", "lakegen.toml"];

/// A folder with a platform in it.
pub struct Project {
    pub root: PathBuf,
    /// The main file's name in it.
    pub file: String,
    /// The charts that this machine has fetched.
    pub cache: Option<Cache>,
}

impl Project {
    /// Finds the platform: the file that the user named, or the nearest one from here upwards.
    ///
    /// # Errors
    /// When there is none, or it cannot be opened.
    pub fn find(session: &Session) -> Result<Self, Failure> {
        let mut project = match &session.global.file {
            Some(file) => Self::named(&session.path(file))?,
            None => Self::above(&session.path(Path::new(".")))?,
        };
        project.cache = cache::find(session);
        project.open()?;
        Ok(project)
    }

    fn named(path: &Path) -> Result<Self, Failure> {
        let shown = path.display();
        let file = path.file_name().and_then(|name| name.to_str()).filter(|_| !path.is_dir());
        let file = file.ok_or_else(|| Failure::environment(format!("`{shown}` is not a file")))?;
        let root = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Ok(Self { root: root.to_owned(), file: file.to_owned(), cache: None })
    }

    fn above(start: &Path) -> Result<Self, Failure> {
        let full = start.canonicalize().map_err(|error| Failure::io(&format!("open `{}`", start.display()), &error))?;
        for folder in full.ancestors() {
            if let Some(file) = NAMES.into_iter().find(|name| folder.join(name).is_file()) {
                // A short path reads better in messages, where it is possible.
                let root = if folder == full { start.to_owned() } else { folder.to_owned() };
                return Ok(Self { root, file: file.to_owned(), cache: None });
            }
            if folder.join(".git").exists() {
                break;
            }
        }
        Err(Failure::environment(format!("no `platform.toml` in `{}` or any parent folder", full.display()))
            .help("run `lakegen init` to create one, or use `-f FILE`"))
    }

    /// Makes sure that the file can be opened: that it cannot is no finding about the platform.
    fn open(&self) -> Result<(), Failure> {
        let shown = if self.root == Path::new(".") { PathBuf::from(&self.file) } else { self.root.join(&self.file) };
        match self.world().read(&self.file) {
            Err(ReadError::Missing) => Err(Failure::environment(format!("no such file: `{}`", shown.display()))
                .help("run `lakegen init` to create one, or use another with `-f FILE`")),
            Err(ReadError::Failed(reason)) => {
                Err(Failure::environment(format!("cannot read `{}`: {reason}", shown.display())))
            }
            _ => Ok(()),
        }
    }

    /// Returns the work tree as a world.
    pub fn world(&self) -> DiskWorld {
        DiskWorld::new(&self.root).with_cache(self.cache.clone())
    }

    /// Returns what to compile.
    pub fn request(&self) -> Request {
        Request { file: self.file.clone() }
    }

    /// Returns the folder of the rendered tree that the engine reads, for the targets that are meant.
    ///
    /// # Errors
    /// See [`tree_path`].
    pub fn tree_folder(&self, platform: &Platform, meant: &dyn Fn(&str) -> bool) -> Result<PathBuf, Failure> {
        Ok(match tree_path(platform, meant)? {
            "" => self.root.clone(),
            path if self.root == Path::new(".") => PathBuf::from(path),
            path => self.root.join(path),
        })
    }

    /// Opens the project's repository and returns it with the project's folder in it.
    ///
    /// # Errors
    /// When the project is in no repository, or not in its work tree.
    pub fn repository(&self) -> Result<(Repository, String), Failure> {
        let repository = Repository::discover(&self.root)?;
        let prefix = repository.prefix_of(&self.root).ok_or_else(|| {
            Failure::environment(format!("`{}` is not in the work tree of its repository", self.root.display()))
        })?;
        Ok((repository, prefix))
    }

    /// Refuses an output folder in somebody else's repository.
    ///
    /// # Errors
    /// A refusal that names the repository.
    pub fn check_output(&self, output: &Path) -> Result<(), Failure> {
        match repository_of(output) {
            Some(other) if repository_of(&self.root).as_ref() != Some(&other) => Err(Failure::refused(format!(
                "`{}` is in another git repository, `{}`: nothing was written",
                output.display(),
                other.display()
            ))
            .help("use `-o DIR` with a folder in this project's repository, or outside any repository")
            .help("or move `platform.toml` into the repository that receives the tree")),
            _ => Ok(()),
        }
    }
}

/// Compiles, and prints what was found to stderr.
///
/// # Errors
/// When the platform has errors; they were printed.
pub fn compile(session: &mut Session, world: &dyn World, request: &Request) -> Result<ManuallyDrop<Compiled>, Failure> {
    let compiled = run(session, world, request);
    report(session, &compiled);
    match verdict(&compiled) {
        Some(code) => Err(Failure::reported(code)),
        None => Ok(compiled),
    }
}

/// Returns the folder of the tree in the repository, for the targets that are meant; empty for the repository's root.
///
/// # Errors
/// When they read different folders: a tree is written whole.
pub fn tree_path<'a>(platform: &'a Platform, meant: &dyn Fn(&str) -> bool) -> Result<&'a str, Failure> {
    let targets = || platform.targets.iter().filter(|target| meant(&target.name));
    let paths: BTreeSet<&str> = targets().map(|target| target.settings.git.path.as_str()).collect();
    match paths.len() {
        0 | 1 => Ok(paths.first().copied().unwrap_or_default()),
        _ => {
            let all = targets().map(|target| format!("{} reads `{}`", target.name, target.settings.git.path));
            Err(Failure::environment(
                "the environments are synced from different folders, but only one tree can be \
            written",
            )
            .details(all.collect::<Vec<_>>())
            .help("render them separately: `lakegen render -e <environment>`"))
        }
    }
}

/// Compiles, and lets errors of one kind pass: for a command that helps against them.
///
/// # Errors
/// When the platform has other errors; all were printed.
pub fn compile_despite(
    session: &mut Session,
    world: &dyn World,
    request: &Request,
    code: &'static Known,
) -> Result<ManuallyDrop<Compiled>, Failure> {
    let compiled = run(session, world, request);
    let mut errors = compiled.diagnostics.iter().filter(|d| d.level == Level::Error);
    if compiled.platform.is_some() && errors.all(|d| d.code == code) {
        return Ok(compiled);
    }
    report(session, &compiled);
    Err(Failure::reported(verdict(&compiled).unwrap_or(FINDINGS)))
}

/// Compiles, and says how long each stage took when the user wants to know.
pub fn run(session: &mut Session, world: &dyn World, request: &Request) -> ManuallyDrop<Compiled> {
    let mut start = Instant::now();
    let compiled = compile::compile_watched(world, request, &mut |stage| {
        session.out.took(stage, start);
        start = Instant::now();
    });
    // The program ends soon, and taking a large platform apart takes a tenth of the whole time.
    ManuallyDrop::new(compiled)
}

/// Prints errors in full, and how many warnings there are: `lakegen check` is the place to read those. What programs read
/// is complete.
fn report(session: &mut Session, compiled: &Compiled) {
    let format = session.global.output_format;
    let all = &compiled.diagnostics;
    if format == OutputFormat::Json {
        session.out.note(&render::render(all, &compiled.sources, format.into(), session.out.error_style()));
        return;
    }
    let errors: Vec<Diagnostic> = all.iter().filter(|d| d.level == Level::Error).cloned().collect();
    session.out.note(&render::render(&errors, &compiled.sources, format.into(), session.out.error_style()));
    let warnings = all.iter().any(|d| d.level == Level::Warning);
    if format == OutputFormat::Full
        && (warnings || !errors.is_empty())
        && let Some(counts) = render::summary(all)
    {
        let where_to_read = if warnings { ": run `lakegen check` to see them all" } else { "" };
        session.out.summary(&format!("{counts}{where_to_read}"));
    }
}

/// Returns how many components and jobs there are, as the user counts them: each name once, wherever it runs, and nothing
/// that lakegen adds.
pub fn counted<'a>(targets: impl IntoIterator<Item = &'a Target>) -> String {
    let all: BTreeMap<&str, bool> =
        targets.into_iter().flat_map(|t| &t.instances).map(|(name, i)| (name.as_str(), i.job)).collect();
    let jobs = all.values().filter(|job| **job).count();
    let components = plural(all.len() - jobs, "component");
    if jobs == 0 { components } else { format!("{components} and {}", plural(jobs, "job")) }
}

/// Returns a number with its noun.
pub fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// Returns the exit code when the platform has errors.
pub fn verdict(compiled: &Compiled) -> Option<Code> {
    let newer = compiled
        .diagnostics
        .iter()
        .any(|d| d.level == Level::Error && (d.code == &NEWER_EDITION || d.code == &NEWER_LOCK));
    match compiled.is_ok() {
        true => None,
        // The platform may be fine; it is this lakegen that is too old (T28).
        false if newer => Some(ENVIRONMENT),
        false => Some(FINDINGS),
    }
}
