//! A tree into a commit: a repository, a folder in it and a complete tree come in, one commit on a branch goes out.
//!
//! The commit is built from the branch's own tree: the work tree and the index of the user are neither read nor
//! changed. All goes through libgit2, which runs no hook and no filter. The branch moves by compare-and-swap after
//! all objects are on the disk, so it is wholly old or wholly new, and no commit of another writer is lost.

use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use git2::{ErrorCode, ObjectType, Oid, RepositoryState, Signature, Time};

use super::index::Index;
use super::objects::{self, Changes};
use super::plan::{Before, Found, Owned, Plan, Rules};
use super::{INDEX, Scope, path_gate};
use crate::diag::stop::{Class, Stop};
use crate::emit::Tree;
use crate::world::MAX_ENTRIES;
use crate::world::beneath::Kind;
use crate::world::git::{self, Repository, quoted};

/// How often a lost race for the branch is run again.
const ATTEMPTS: u32 = 20;
/// How long to wait for whoever holds a lock of the branch.
const LOCK_PATIENCE: Duration = Duration::from_secs(2);

/// How to commit.
#[derive(Default)]
pub struct CommitOptions {
    /// The message; by default it says how many files were rendered.
    pub message: Option<String>,
    /// Lines such as `Source-Revision: …` at the end of the message.
    pub trailers: Vec<(String, String)>,
    /// The branch, by default the current one. One that does not exist yet starts at the current commit.
    pub branch: Option<String>,
    /// Allows a tree that is empty or much smaller than the last one.
    pub allow_shrink: bool,
    /// Drops hand edits of owned files.
    pub overwrite: bool,
    /// Seconds since 1970 to date the commit from (`SOURCE_DATE_EPOCH`), by default now.
    pub time: Option<i64>,
    /// Owned files outside the scope are left as they are and stay owned.
    pub scope: Option<Scope>,
}

/// What became of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Committed {
    /// The branch holds exactly this tree already.
    Nothing,
    /// A new commit. The paths are relative to the tree's folder.
    Made { commit: String, branch: String, written: Vec<String>, removed: Vec<String> },
}

/// Commits `tree` at the folder `tree_prefix` (relative to the top of the repository, `""` for the top) of the repository
/// around `project_dir`.
///
/// # Errors
/// When something would be lost, when another writer keeps the branch locked or keeps moving it, or when the repository
/// is in no state to be committed to. The branch has not moved then.
pub fn commit(project_dir: &Path, tree_prefix: &str, tree: &Tree, options: &CommitOptions) -> Result<Committed, Stop> {
    let repository = Repository::discover(project_dir)?;
    let prefix = tree_prefix.trim_matches('/');
    if !prefix.is_empty() {
        path_gate::check(prefix).map_err(Stop::environment)?;
    }
    let target = Target::find(repository.git(), options)?;
    let job =
        Job { repository: repository.git(), prefix, tree, options, target, author: author(repository.git(), options)? };
    for attempt in 0..ATTEMPTS {
        if let Some(done) = job.attempt()? {
            return Ok(done);
        }
        sleep(Duration::from_millis(u64::from(attempt) * 5));
    }
    Err(Stop::new(Class::TryAgain, format!("branch `{}` kept moving while lakegen was committing", job.target.shown()))
        .help("run it again when the other processes are done"))
}

fn failed(doing: &str, error: &git2::Error) -> Stop {
    git::stopped(doing, error)
}

/// The branch that gets the commit.
struct Target {
    reference: String,
    is_current: bool,
}

impl Target {
    /// Finds the branch and makes sure that a commit on it is safe and meant.
    fn find(repository: &git2::Repository, options: &CommitOptions) -> Result<Self, Stop> {
        let head = repository.find_reference("HEAD").map_err(|error| failed("read `HEAD`", &error))?;
        let current = head.symbolic_target().ok().flatten().map(str::to_owned);
        let reference = match (&options.branch, &current) {
            (Some(branch), _) => {
                let name = format!("refs/heads/{}", branch.strip_prefix("refs/heads/").unwrap_or(branch));
                if branch.starts_with('-') || !git2::Reference::is_valid_name(&name) {
                    return Err(Stop::environment(format!(
                        "`{}` is not a valid branch name",
                        path_gate::shown(branch)
                    )));
                }
                name
            }
            (None, Some(current)) if current.starts_with("refs/heads/") => current.clone(),
            (None, _) => {
                return Err(Stop::environment("no branch is checked out (detached `HEAD`), so a commit would be lost")
                    .help("run `git switch <branch>` first, or use `--branch`"));
            }
        };
        let target = Self { is_current: current.as_deref() == Some(&reference), reference };
        target.check_state(repository)?;
        check_signing(repository)?;
        Ok(target)
    }

    fn check_state(&self, repository: &git2::Repository) -> Result<(), Stop> {
        let (what, next) = match repository.state() {
            RepositoryState::Clean => return Ok(()),
            RepositoryState::Merge => ("a merge", "git merge --continue` or `git merge --abort"),
            RepositoryState::Revert | RepositoryState::RevertSequence => {
                ("a revert", "git revert --continue` or `git revert --abort")
            }
            RepositoryState::CherryPick | RepositoryState::CherryPickSequence => {
                ("a cherry-pick", "git cherry-pick --continue` or `git cherry-pick --abort")
            }
            RepositoryState::Bisect => ("a bisection", "git bisect reset"),
            _ => ("a rebase", "git rebase --continue` or `git rebase --abort"),
        };
        if !self.is_current && matches!(repository.state(), RepositoryState::Merge | RepositoryState::Bisect) {
            return Ok(());
        }
        Err(Stop::environment(format!("{what} is in progress in this repository"))
            .help(format!("finish it first: `{next}`")))
    }

    fn shown(&self) -> &str {
        self.reference.strip_prefix("refs/heads/").unwrap_or(&self.reference)
    }
}

/// Refuses to make a commit without the signature that the user asked for.
fn check_signing(repository: &git2::Repository) -> Result<(), Stop> {
    let config = repository.config().map_err(|error| failed("read the configuration of git", &error))?;
    if !config.get_bool("commit.gpgsign").unwrap_or(false) {
        return Ok(());
    }
    Err(Stop::environment("`commit.gpgsign` requires signed commits, which lakegen does not support yet")
        .help("run `lakegen render`, then `git add` and `git commit -S`")
        .help("or allow unsigned commits in this repository: `git config commit.gpgsign false`"))
}

fn author(repository: &git2::Repository, options: &CommitOptions) -> Result<Signature<'static>, Stop> {
    let known = repository.signature().map_err(|_| {
        Stop::environment("git does not know who you are")
            .help("run `git config user.name \"Your Name\"` and `git config user.email you@example.com`")
    })?;
    let Some(seconds) = options.time else { return Ok(known) };
    let (name, email) = (known.name().unwrap_or("lakegen"), known.email().unwrap_or("lakegen"));
    Signature::new(name, email, &Time::new(seconds, 0)).map_err(|error| failed("date the commit", &error))
}

struct Job<'a> {
    repository: &'a git2::Repository,
    prefix: &'a str,
    tree: &'a Tree,
    options: &'a CommitOptions,
    target: Target,
    author: Signature<'static>,
}

impl Job<'_> {
    /// Tries once, from the branch as it is now. Returns nothing when another writer was faster.
    fn attempt(&self) -> Result<Option<Committed>, Stop> {
        let (tip, parent) = self.tip()?;
        let base = parent.map(|parent| self.repository.find_commit(parent).and_then(|commit| commit.tree()));
        let base = base.transpose().map_err(|error| failed("read the branch", &error))?;
        let folder = match parent {
            Some(parent) => git::folder_at(self.repository, parent, self.prefix)?,
            None => None,
        };
        let mut before = Looking { repository: self.repository, folder };
        let owned = Owned { index: Index::read(before.bytes(INDEX)?.as_deref())?, journal: None };
        let rules = Rules {
            overwrite: self.options.overwrite,
            allow_shrink: self.options.allow_shrink,
            scope: self.options.scope.as_ref(),
        };
        let plan = Plan::make(&mut before, &owned, self.tree, rules)?;
        plan.permit("committing")?;
        if plan.is_idle() {
            return Ok(Some(Committed::Nothing));
        }
        let mut made = Vec::new();
        let tree = self.build(base.as_ref(), &plan, &mut made).map_err(|error| failed("write objects", &error))?;
        let commit = self.record(tree, parent, &plan).map_err(|error| failed("write the commit", &error))?;
        made.push(commit);
        objects::sync(self.repository, &made)?;
        if !self.advance(tip, commit)? {
            return Ok(None);
        }
        Ok(Some(Committed::Made {
            commit: commit.to_string(),
            branch: self.target.shown().to_owned(),
            written: plan.write.into_iter().collect(),
            removed: plan.remove.into_iter().collect(),
        }))
    }

    /// Returns where the branch is, if it is there, and the commit to build upon.
    fn tip(&self) -> Result<(Option<Oid>, Option<Oid>), Stop> {
        let commit_of = |name: &str| match self.repository.find_reference(name).and_then(|found| found.peel_to_commit())
        {
            Ok(commit) => Ok(Some(commit.id())),
            Err(error) if matches!(error.code(), ErrorCode::NotFound | ErrorCode::UnbornBranch) => Ok(None),
            Err(error) => Err(failed(&format!("read branch `{}`", self.target.shown()), &error)),
        };
        let tip = commit_of(&self.target.reference)?;
        let parent = if tip.is_none() && !self.target.is_current { commit_of("HEAD")? } else { tip };
        Ok((tip, parent))
    }

    fn build(&self, base: Option<&git2::Tree<'_>>, plan: &Plan, made: &mut Vec<Oid>) -> Result<Oid, git2::Error> {
        let full =
            |path: &str| if self.prefix.is_empty() { path.to_owned() } else { format!("{}/{path}", self.prefix) };
        let mut changes = Changes::default();
        for path in &plan.remove {
            changes.set(&full(path), None);
        }
        for path in &plan.write {
            let id = self.repository.blob(self.tree.get(path).expect("only files of the tree are planned"))?;
            made.push(id);
            changes.set(&full(path), Some(id));
        }
        let index = self.repository.blob(plan.index.text().as_bytes())?;
        made.push(index);
        changes.set(&full(INDEX), Some(index));
        let tree = objects::update(self.repository, base, &changes, made)?;
        Ok(tree.expect("the tree holds at least the index"))
    }

    fn record(&self, tree: Oid, parent: Option<Oid>, plan: &Plan) -> Result<Oid, git2::Error> {
        let tree = self.repository.find_tree(tree)?;
        let parent = parent.map(|parent| self.repository.find_commit(parent)).transpose()?;
        let parents: Vec<&git2::Commit<'_>> = parent.iter().collect();
        let message = message(self.options, plan);
        self.repository.commit(None, &self.author, &self.author, &message, &tree, &parents)
    }

    /// Moves the branch from `tip` to `commit`; says no when it is not at `tip` any more.
    fn advance(&self, tip: Option<Oid>, commit: Oid) -> Result<bool, Stop> {
        let (durable, _setting) = objects::durable(self.repository)?;
        let (name, log) = (&self.target.reference, "commit: rendered by lakegen");
        let start = std::time::Instant::now();
        loop {
            let moved = match tip {
                Some(tip) => durable.reference_matching(name, commit, true, tip, log),
                None => durable.reference(name, commit, false, log),
            };
            match moved.map_err(|error| (error.code(), error)) {
                Ok(_) => return Ok(true),
                Err((ErrorCode::Modified | ErrorCode::Exists | ErrorCode::NotFound, _)) => return Ok(false),
                Err((ErrorCode::Locked, _)) if start.elapsed() < LOCK_PATIENCE => sleep(Duration::from_millis(20)),
                Err((ErrorCode::Locked, error)) => return Err(self.locked(&error)),
                Err((_, error)) => return Err(failed(&format!("move branch `{}`", self.target.shown()), &error)),
            }
        }
    }

    /// Explains a lock that nobody gives back. Lakegen never removes it: its owner may be alive.
    fn locked(&self, error: &git2::Error) -> Stop {
        let own = self.repository.path();
        let shared = self.repository.commondir();
        let candidates = [
            shared.join(format!("{}.lock", self.target.reference)),
            shared.join("packed-refs.lock"),
            own.join("HEAD.lock"),
        ];
        let Some(path) = candidates.iter().find(|path| path.exists()) else {
            return Stop { class: Class::TryAgain, ..failed("move the branch", error) };
        };
        Stop::new(
            Class::TryAgain,
            format!("branch `{}` is locked by `{}`, {}", self.target.shown(), path.display(), age(path)),
        )
        .help("another git process may be running: try again")
        .help(format!(
            "if none is, it was left behind by a killed process: run `rm {}`",
            quoted(&path.display().to_string())
        ))
    }
}

fn age(path: &PathBuf) -> String {
    let modified = std::fs::symlink_metadata(path).and_then(|found| found.modified());
    match modified.ok().and_then(|time| time.elapsed().ok()).map(|age| age.as_secs()) {
        None => "of unknown age".to_owned(),
        Some(seconds @ 0..120) => format!("{seconds} s old"),
        Some(seconds @ 120..7200) => format!("{} minutes old", seconds / 60),
        Some(seconds) => format!("{} hours old", seconds / 3600),
    }
}

/// Returns the whole message: subject, body, and trailers in their own last paragraph.
fn message(options: &CommitOptions, plan: &Plan) -> String {
    let count = plan.write.len() + plan.remove.len();
    let plural = if count == 1 { "file" } else { "files" };
    let text = options.message.as_deref().map(str::trim).filter(|text| !text.is_empty());
    let mut message = text.map_or_else(|| format!("lakegen: render {count} {plural}"), str::to_owned);
    message.retain(|c| c == '\n' || c == '\t' || !c.is_control());
    message.push('\n');
    if !options.trailers.is_empty() {
        message.push('\n');
    }
    for (key, value) in &options.trailers {
        // A line break would end the trailer, and with it the paragraph that git looks for.
        let value: Vec<&str> =
            value.split(|c: char| c.is_control() || c == ' ').filter(|word| !word.is_empty()).collect();
        let key: String = key.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
        message.push_str(&format!("{key}: {}\n", value.join(" ")));
    }
    message
}

/// What stands in the branch's tree, for the plan.
struct Looking<'a> {
    repository: &'a git2::Repository,
    folder: Option<Oid>,
}

impl Looking<'_> {
    /// Returns the entry at `path`, or what ends the search.
    fn find(&self, path: &str) -> Result<Result<(Kind, Oid), Found>, Stop> {
        let Some(mut tree) = self.folder else { return Ok(Err(Found::Missing)) };
        let mut end = 0;
        for part in path.split('/') {
            end += part.len();
            let entries = self.repository.find_tree(tree).map_err(|error| failed("read a tree", &error))?;
            let Some(entry) = entries.get_name(part) else { return Ok(Err(Found::Missing)) };
            let kind = match (entry.filemode(), entry.kind()) {
                (0o120_000, _) => Kind::Link,
                (_, Some(ObjectType::Blob)) => Kind::File,
                (_, Some(ObjectType::Tree)) => Kind::Folder,
                _ => Kind::Special,
            };
            if end == path.len() {
                return Ok(Ok((kind, entry.id())));
            }
            if kind != Kind::Folder {
                return Ok(Err(Found::Blocked(path[..end].to_owned(), kind)));
            }
            tree = entry.id();
            end += 1;
        }
        Ok(Err(Found::Missing))
    }

    fn bytes(&self, path: &str) -> Result<Option<Vec<u8>>, Stop> {
        match self.find(path)? {
            Ok((Kind::File, id)) => self.blob(id),
            Ok((kind, _)) => Err(Stop::refused(format!("`{path}` is {} in the branch", kind.noun()))),
            Err(_) => Ok(None),
        }
    }

    /// Returns the bytes of a blob, or nothing when it is too large to be ours.
    fn blob(&self, id: Oid) -> Result<Option<Vec<u8>>, Stop> {
        match git::read_blob(self.repository, id) {
            Ok(bytes) => Ok(Some(bytes.to_vec())),
            Err(crate::world::ReadError::TooLarge { .. }) => Ok(None),
            Err(error) => Err(Stop::environment(format!("cannot read object {id}")).details(match error {
                crate::world::ReadError::Failed(text) => vec![text],
                _ => vec![],
            })),
        }
    }
}

impl Before for Looking<'_> {
    fn look(&mut self, path: &str, new: Option<&[u8]>) -> Result<Found, Stop> {
        match self.find(path)? {
            Err(found) => Ok(found),
            Ok((Kind::File, id)) => {
                let same = |new| Oid::hash_object(ObjectType::Blob, new).is_ok_and(|hash| hash == id);
                if new.is_some_and(same) {
                    return Ok(Found::Same);
                }
                Ok(Found::Differs(self.blob(id)?, None))
            }
            Ok((kind, _)) => Ok(Found::Odd(kind)),
        }
    }

    fn below(&mut self, folder: &str) -> Result<Vec<String>, Stop> {
        let Ok((Kind::Folder, id)) = self.find(folder)? else { return Ok(vec![]) };
        let mut files = Vec::new();
        let mut open = vec![(folder.to_owned(), id)];
        while let Some((path, id)) = open.pop() {
            let tree = self.repository.find_tree(id).map_err(|error| failed("read a tree", &error))?;
            for entry in &tree {
                let path = format!("{path}/{}", String::from_utf8_lossy(entry.name_bytes()));
                if entry.kind() == Some(ObjectType::Tree) { open.push((path, entry.id())) } else { files.push(path) }
            }
            if files.len() + open.len() > MAX_ENTRIES {
                return Err(Stop::environment(format!("more than {MAX_ENTRIES} files below `{folder}`")));
            }
        }
        Ok(files)
    }
}

#[cfg(test)]
#[path = "commit_tests.rs"]
mod tests;
