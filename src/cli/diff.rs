//! `lakegen diff`: what git holds × what the platform compiles to, resource by resource.

use clap::Args;

use super::project::{self, Project};
use super::{Code, DONE, ENVIRONMENT, FINDINGS, Failure, Session};
use crate::diff::{self, Changes, text};
use crate::emit::Tree;
use crate::resolve::Platform;
use crate::sink::{self, INDEX};
use crate::world::git::{GitWorld, Repository};
use crate::world::{ReadError, World};

/// Show what will change in the cluster, and what could lose data
///
/// Compares the tree committed at BASE (by default `HEAD`) with a fresh compile of the work tree.
/// With `BASE..HEAD`, the platform is compiled at the second revision, without a checkout;
/// `BASE...HEAD` starts from the latest common ancestor, as on a pull request. A platform with
/// errors is a failure, never a deletion.
///
/// Also exits 0 when there are differences, unless a flag changes that.
#[derive(Args, Debug)]
#[command(after_long_help = "Examples:\n  lakegen diff\n  lakegen diff origin/main...HEAD --exit-code")]
pub struct Diff {
    /// What to compare [default: HEAD against the work tree]
    #[arg(value_name = "BASE[..HEAD]")]
    range: Option<String>,
    /// Exit 1 on differences, 2 on any error (like git)
    #[arg(long, conflicts_with = "detailed_exitcode")]
    exit_code: bool,
    /// Exit 2 on differences, 1 on any error (like terraform)
    #[arg(long)]
    detailed_exitcode: bool,
    /// Print only counts per component
    #[arg(long, conflicts_with = "name_only")]
    stat: bool,
    /// Print only file names
    #[arg(long)]
    name_only: bool,
    /// Also show changes that are hidden because they do not affect a cluster
    #[arg(long)]
    no_ignore: bool,
}

impl Diff {
    /// Runs the command.
    ///
    /// # Errors
    /// See [`Failure`]; its code follows the flags.
    pub fn run(&self, session: &mut Session) -> Result<Code, Failure> {
        let result = self.compare(session).and_then(|changes| {
            let text = self.text(&changes, session.out.color());
            session.out.data(&text)?;
            Ok(!changes.is_empty())
        });
        differs(result, self.exit_code, self.detailed_exitcode)
    }

    fn compare(&self, session: &mut Session) -> Result<Changes, Failure> {
        let project = Project::find(session)?;
        let (repository, prefix) = project.repository()?;
        let sides = Sides::read(self.range.as_deref(), &repository)?;
        let compiled = match &sides.head {
            None => project::compile(session, &project.world(), &project.request())?,
            Some(head) => {
                let world = GitWorld::open(&project.root, head, &prefix)?.with_cache(project.cache.clone());
                if world.read(&project.file) == Err(ReadError::Missing) {
                    return Err(Failure::environment(format!("`{}` does not exist at `{head}`", project.file))
                        .help("use a revision that has it"));
                }
                project::compile(session, &world, &project.request())?
            }
        };
        let platform = compiled.platform.as_ref().expect("a compile without errors has a platform");
        let old = committed(&project, &sides.base, &prefix, platform)?;
        if old.is_empty() {
            let folder = project::tree_path(platform, &|_| true)?;
            let message = format!("note: `{}` has no rendered tree in `{folder}` yet", sides.base);
            session.out.summary(&message);
        }
        let options = diff::Options { show_hidden: self.no_ignore };
        Ok(session.out.timed("diff", || diff::diff(&old, &compiled.tree, options)))
    }

    fn text(&self, changes: &Changes, color: bool) -> String {
        if self.name_only {
            text::name_only(changes)
        } else if self.stat {
            text::stat(changes)
        } else {
            text::render(changes, color)
        }
    }
}

/// The two sides of a comparison; no head means the work tree.
struct Sides {
    base: String,
    head: Option<String>,
}

impl Sides {
    /// Reads `BASE`, `BASE..HEAD` or `BASE...HEAD`; a side left out is `HEAD`, as in git.
    fn read(range: Option<&str>, repository: &Repository) -> Result<Self, Failure> {
        let named = |revision: &str| if revision.is_empty() { "HEAD".to_owned() } else { revision.to_owned() };
        let Some(range) = range else { return Ok(Self { base: "HEAD".into(), head: None }) };
        if let Some((base, head)) = range.split_once("...") {
            let (base, head) = (named(base), named(head));
            return Ok(Self { base: repository.merge_base(&base, &head)?.to_string(), head: Some(head) });
        }
        if let Some((base, head)) = range.split_once("..") {
            return Ok(Self { base: named(base), head: Some(named(head)) });
        }
        Ok(Self { base: range.to_owned(), head: None })
    }
}

/// Reads the files that lakegen owns at a revision: files of others beside them are not part of the platform.
fn committed(project: &Project, revision: &str, prefix: &str, platform: &Platform) -> Result<Tree, Failure> {
    let folder = [prefix, project::tree_path(platform, &|_| true)?]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>();
    let folder = folder.join("/");
    let world = GitWorld::open(&project.root, revision, &folder)?;
    let mut tree = Tree::default();
    let index = match world.read(INDEX) {
        Ok(index) => index,
        Err(ReadError::Missing) => return Ok(tree),
        Err(error) => return Err(unreadable(revision, &folder, INDEX, &error)),
    };
    for path in sink::owned_paths(&index)? {
        match world.read(&path) {
            Ok(bytes) => tree.add(path, bytes).expect("the paths of an index differ"),
            Err(ReadError::Missing) => {}
            Err(error) => return Err(unreadable(revision, &folder, &path, &error)),
        }
    }
    Ok(tree)
}

fn unreadable(revision: &str, folder: &str, path: &str, error: &ReadError) -> Failure {
    Failure::environment(format!("cannot read `{folder}/{path}` at `{revision}`: {}", crate::parse::read_reason(error)))
}

/// Returns the exit code of a comparison, as `--exit-code` and `--detailed-exitcode` ask for it.
///
/// # Errors
/// The comparison's own, with a code that no script takes for "differs".
pub(super) fn differs(result: Result<bool, Failure>, exit_code: bool, detailed: bool) -> Result<Code, Failure> {
    match result {
        Ok(false) => Ok(DONE),
        Ok(true) if exit_code => Ok(FINDINGS),
        Ok(true) if detailed => Ok(ENVIRONMENT),
        Ok(true) => Ok(DONE),
        Err(failure) if exit_code => Err(failure.with_code(ENVIRONMENT)),
        Err(failure) if detailed => Err(failure.with_code(FINDINGS)),
        Err(failure) => Err(failure),
    }
}
