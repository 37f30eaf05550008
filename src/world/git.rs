//! A git tree at a revision as a world: a repository and a revision come in, bytes and names go out.
//!
//! All goes through libgit2, which runs no hook, filter, monitor or helper program of the repository
//! (reliability note, T35). Tree entries are hostile data: libgit2 hands out names such as `../x`, so each name passes
//! the path gate here. Nothing is checked out and nothing is written.

use crate::diag::stop::Stop;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use git2::{ErrorCode, ObjectType, Oid, RepositoryOpenFlags};

use super::charts::{self, Cache, Digest};
use super::{MAX_DEPTH, MAX_ENTRIES, MAX_FILE_BYTES, ReadError, World, path_gate};

/// Mode of a symbolic link and of a submodule in a tree (gitformat: `git-fast-import(1)`, section "filemodify").
const LINK: i32 = 0o120_000;
const SUBMODULE: i32 = 0o160_000;

/// Returns the error of git while `doing` something.
pub(crate) fn stopped(doing: &str, error: &git2::Error) -> Stop {
    Stop::environment(format!("cannot {doing}: {}", path_gate::shown(error.message())))
}

/// An open repository.
pub struct Repository {
    inner: git2::Repository,
}

impl Repository {
    /// Opens the repository that `path` lies in: the nearest one, never one around it.
    ///
    /// # Errors
    /// When there is none, or when it belongs to another user.
    pub fn discover(path: &Path) -> Result<Self, Stop> {
        let start = existing(path);
        match git2::Repository::open_ext(&start, RepositoryOpenFlags::empty(), [] as [&Path; 0]) {
            Ok(inner) => Ok(Self { inner }),
            Err(error) => Err(cannot_open(path, &start, &error)),
        }
    }

    /// Returns the folder of the work tree, or git's own folder when there is none.
    pub fn top(&self) -> &Path {
        self.inner.workdir().unwrap_or_else(|| self.inner.path())
    }

    /// Returns the path of `folder` relative to the top, with `/` between its parts and `""` for the top itself.
    pub fn prefix_of(&self, folder: &Path) -> Option<String> {
        let top = self.inner.workdir()?.canonicalize().ok()?;
        let start = existing(folder);
        let full = std::path::absolute(folder).ok()?;
        let rest = full.strip_prefix(std::path::absolute(&start).ok()?).ok()?.to_owned();
        let full = start.canonicalize().ok()?.join(rest);
        let parts = full.strip_prefix(&top).ok()?.components().map(|part| match part {
            Component::Normal(name) => name.to_str(),
            _ => None,
        });
        Some(parts.collect::<Option<Vec<_>>>()?.join("/"))
    }

    /// Returns the commit that `revision` names.
    ///
    /// # Errors
    /// When it is not a plain revision (a name, an id, `~` and `^`), or there is no such commit here.
    pub fn resolve(&self, revision: &str) -> Result<Oid, Stop> {
        check_revision(revision)?;
        let found = self.inner.revparse_single(revision).and_then(|object| object.peel_to_commit());
        found.map(|commit| commit.id()).map_err(|error| self.unknown(revision, &error))
    }

    /// Returns the newest common ancestor of two revisions.
    ///
    /// # Errors
    /// When one of them is unknown, or the history here is too short to tell.
    pub fn merge_base(&self, one: &str, two: &str) -> Result<Oid, Stop> {
        let (a, b) = (self.resolve(one)?, self.resolve(two)?);
        self.inner.merge_base(a, b).map_err(|error| {
            if error.code() != ErrorCode::NotFound {
                return stopped("find the common ancestor", &error);
            }
            let message = format!("`{}` and `{}` have no common commit here", shown(one), shown(two));
            if self.inner.is_shallow() {
                return Stop::environment(format!("{message}: the clone is shallow"))
                    .help("run `git fetch --unshallow`");
            }
            Stop::environment(message)
        })
    }

    pub(crate) fn git(&self) -> &git2::Repository {
        &self.inner
    }

    fn unknown(&self, revision: &str, error: &git2::Error) -> Stop {
        let name = shown(revision);
        if !matches!(error.code(), ErrorCode::NotFound | ErrorCode::InvalidSpec | ErrorCode::UnbornBranch) {
            return stopped(&format!("read revision `{name}`"), error);
        }
        let problem = Stop::environment(format!("revision `{name}` is not in this repository"));
        let fetch = match revision.strip_prefix("origin/") {
            Some(branch) => {
                let branch = branch.split(['~', '^', '@']).next().unwrap_or(branch);
                format!("git fetch origin {branch}:refs/remotes/origin/{branch}")
            }
            None => "git fetch origin".to_owned(),
        };
        if self.inner.is_shallow() {
            return problem.help(format!(
                "the clone is shallow: run `git fetch --unshallow`, or `{fetch} --depth=100`, or give the checkout \
                 step `fetch-depth: 0`"
            ));
        }
        problem.help(format!("run `{fetch}` first, or list the branches with `git branch --all`"))
    }
}

fn cannot_open(path: &Path, start: &Path, error: &git2::Error) -> Stop {
    let place = path.display();
    match error.code() {
        ErrorCode::NotFound => {
            Stop::environment(format!("`{place}` is not in a git repository")).help("run `git init` there")
        }
        ErrorCode::Owner => {
            let top = repository_of(start).unwrap_or_else(|| start.to_owned());
            Stop::environment(format!("the git repository at `{}` belongs to another user", top.display())).help(
                format!(
                    "if you trust it, run `git config --global --add safe.directory {}`",
                    quoted(&top.display().to_string())
                ),
            )
        }
        _ => stopped(&format!("open the git repository of `{place}`"), error),
    }
}

/// Quotes a word for a shell when it needs it.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+@=:,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Returns the work tree or bare repository that `path` lies in, by looking for `.git` upwards.
///
/// Nothing of the repository is opened or trusted; `path` need not exist yet.
pub fn repository_of(path: &Path) -> Option<PathBuf> {
    let start = existing(path).canonicalize().ok()?;
    let bare = |at: &Path| at.join("HEAD").is_file() && at.join("objects").is_dir() && at.join("refs").is_dir();
    start.ancestors().find(|at| at.join(".git").exists() || bare(at)).map(Path::to_owned)
}

/// Returns the nearest ancestor of `path` that exists, `path` itself first.
fn existing(path: &Path) -> PathBuf {
    let full = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    full.ancestors().find(|at| at.exists()).unwrap_or(Path::new(".")).to_owned()
}

fn shown(text: &str) -> String {
    path_gate::shown(text)
}

/// Refuses all but names, ids, `@`, `~n` and `^n`: searches and reflogs have no place in a pipeline (T41).
fn check_revision(revision: &str) -> Result<(), Stop> {
    let allowed = |c: char| c.is_alphanumeric() || "._/-+@~^#=!%,".contains(c);
    let plain = !revision.is_empty()
        && revision.len() <= path_gate::MAX_PATH_BYTES
        && !revision.starts_with(['-', '^', '~', '/', '.'])
        && !revision.contains("..")
        && revision.chars().all(allowed);
    if plain {
        return Ok(());
    }
    Err(Stop::environment(format!("`{}` is not a plain revision", shown(revision)))
        .help("use a branch, a tag or a commit ID, such as `main`, `origin/main`, `v1.2` or `HEAD~1`"))
}

/// The files of one commit below one folder.
pub struct GitWorld {
    // Libgit2's handle may move between threads but not be shared by them.
    repository: Mutex<git2::Repository>,
    commit: Oid,
    /// Nothing when the commit has no such folder.
    tree: Option<Oid>,
    cache: Option<Cache>,
}

impl GitWorld {
    /// Opens the tree of `revision` below the folder `prefix` (`""` for the top) of the repository around `folder`.
    ///
    /// # Errors
    /// See [`Repository::discover`] and [`Repository::resolve`]. A revision without that folder is an empty world.
    pub fn open(folder: &Path, revision: &str, prefix: &str) -> Result<Self, Stop> {
        let repository = Repository::discover(folder)?;
        let commit = repository.resolve(revision)?;
        Self::at(repository, commit, prefix)
    }

    /// Opens the tree of a commit that is known already.
    ///
    /// # Errors
    /// When the commit or its trees cannot be read, or `prefix` is no folder there.
    pub fn at(repository: Repository, commit: Oid, prefix: &str) -> Result<Self, Stop> {
        let prefix = prefix.trim_matches('/');
        let tree = folder_at(&repository.inner, commit, prefix)?;
        Ok(Self { repository: Mutex::new(repository.inner), commit, tree, cache: None })
    }

    /// Adds the charts that this machine has fetched; those that the commit holds come first.
    #[must_use]
    pub fn with_cache(self, cache: impl Into<Option<Cache>>) -> Self {
        Self { cache: cache.into(), ..self }
    }

    /// Returns the commit that is read.
    pub fn commit(&self) -> Oid {
        self.commit
    }

    /// Lists all files below `path` with the ids of their blobs, sorted: equal ids are equal bytes.
    ///
    /// # Errors
    /// As [`World::list`].
    pub fn blobs(&self, path: &str) -> Result<Vec<(String, Oid)>, ReadError> {
        let repository = self.lock();
        let Some(mut tree) = self.tree else { return Ok(vec![]) };
        if !path.is_empty() {
            match find(&repository, tree, path)? {
                None => return Ok(vec![]),
                Some(Entry { kind: EntryKind::Folder, id }) => tree = id,
                Some(entry) => return Err(odd(path, entry.kind)),
            }
        }
        let mut listing = Listing { repository: &repository, files: vec![], visited: 0 };
        listing.visit(tree, path, 0)?;
        listing.files.sort_unstable();
        Ok(listing.files)
    }

    fn lock(&self) -> MutexGuard<'_, git2::Repository> {
        // The handle holds no half-made state that a panic elsewhere could have left behind.
        self.repository.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl World for GitWorld {
    fn read_within(&self, path: &str, limit: u64) -> Result<Arc<[u8]>, ReadError> {
        path_gate::check(path).map_err(ReadError::Refused)?;
        let repository = self.lock();
        let tree = self.tree.ok_or(ReadError::Missing)?;
        match find(&repository, tree, path)?.ok_or(ReadError::Missing)? {
            Entry { kind: EntryKind::File, id } => read_blob_within(&repository, id, limit),
            entry => Err(odd(path, entry.kind)),
        }
    }

    fn list(&self, path: &str) -> Result<Vec<String>, ReadError> {
        Ok(self.blobs(path)?.into_iter().map(|(path, _)| path).collect())
    }

    fn chart(&self, digest: &Digest) -> Result<Option<Arc<[u8]>>, ReadError> {
        match charts::vendored(self, digest)? {
            None => self.cache.as_ref().map_or(Ok(None), |cache| cache.read(digest)),
            found => Ok(found),
        }
    }
}

/// What a tree entry stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EntryKind {
    File,
    Folder,
    Link,
    Submodule,
    Other,
}

struct Entry {
    kind: EntryKind,
    id: Oid,
}

fn entry_of(entry: &git2::TreeEntry<'_>) -> Entry {
    let kind = match (entry.filemode(), entry.kind()) {
        (LINK, _) => EntryKind::Link,
        (SUBMODULE, _) => EntryKind::Submodule,
        (_, Some(ObjectType::Blob)) => EntryKind::File,
        (_, Some(ObjectType::Tree)) => EntryKind::Folder,
        _ => EntryKind::Other,
    };
    Entry { kind, id: entry.id() }
}

fn odd(path: &str, kind: EntryKind) -> ReadError {
    let noun = match kind {
        EntryKind::File => "a file",
        EntryKind::Folder => "a folder",
        EntryKind::Link => "a symbolic link",
        EntryKind::Submodule => "a submodule",
        EntryKind::Other => "not a regular file",
    };
    ReadError::Refused(format!("`{}` is {noun}", shown(path)))
}

/// Returns the tree of a commit below a folder, or nothing when there is no such folder.
pub(crate) fn folder_at(repository: &git2::Repository, commit: Oid, prefix: &str) -> Result<Option<Oid>, Stop> {
    let root = repository.find_commit(commit).and_then(|commit| commit.tree());
    let root = root.map_err(|error| stopped(&format!("read commit {commit}"), &error))?.id();
    if prefix.is_empty() {
        return Ok(Some(root));
    }
    path_gate::check(prefix).map_err(Stop::environment)?;
    let found = find(repository, root, prefix).map_err(|error| match error {
        ReadError::Refused(text) | ReadError::Failed(text) => Stop::environment(format!("{text} in commit {commit}")),
        ReadError::Missing | ReadError::TooLarge { .. } => Stop::environment(format!("cannot read `{prefix}`")),
    })?;
    match found {
        None => Ok(None),
        Some(Entry { kind: EntryKind::Folder, id }) => Ok(Some(id)),
        Some(_) => Err(Stop::environment(format!("`{prefix}` is not a folder in commit {commit}"))),
    }
}

/// Walks to `path` one part at a time, so that a link or submodule on the way is named.
fn find(repository: &git2::Repository, tree: Oid, path: &str) -> Result<Option<Entry>, ReadError> {
    path_gate::check(path).map_err(ReadError::Refused)?;
    let mut current = Entry { kind: EntryKind::Folder, id: tree };
    let mut end = 0;
    for part in path.split('/') {
        if current.kind != EntryKind::Folder {
            return Err(odd(&path[..end - 1], current.kind));
        }
        let tree = repository.find_tree(current.id).map_err(|error| failed(&error))?;
        match tree.get_name(part) {
            Some(entry) => current = entry_of(&entry),
            None => return Ok(None),
        }
        end += part.len() + 1;
    }
    Ok(Some(current))
}

/// Reads a blob with the limit of most files.
pub(crate) fn read_blob(repository: &git2::Repository, id: Oid) -> Result<Arc<[u8]>, ReadError> {
    read_blob_within(repository, id, MAX_FILE_BYTES)
}

/// Reads a blob after its header said that it is small enough.
fn read_blob_within(repository: &git2::Repository, id: Oid, limit: u64) -> Result<Arc<[u8]>, ReadError> {
    let store = repository.odb().map_err(|error| failed(&error))?;
    let (bytes, _) = store.read_header(id).map_err(|error| failed(&error))?;
    if bytes as u64 > limit {
        return Err(ReadError::TooLarge { limit });
    }
    let blob = repository.find_blob(id).map_err(|error| failed(&error))?;
    Ok(blob.content().into())
}

fn failed(error: &git2::Error) -> ReadError {
    ReadError::Failed(shown(error.message()))
}

/// Collects the files below a tree within the limits.
struct Listing<'a> {
    repository: &'a git2::Repository,
    files: Vec<(String, Oid)>,
    visited: usize,
}

impl Listing<'_> {
    fn visit(&mut self, tree: Oid, at: &str, depth: usize) -> Result<(), ReadError> {
        if depth > MAX_DEPTH {
            return Err(ReadError::Failed(format!("folder `{}` is nested deeper than {MAX_DEPTH} levels", shown(at))));
        }
        let tree = self.repository.find_tree(tree).map_err(|error| failed(&error))?;
        let mut names = std::collections::BTreeSet::new();
        for entry in &tree {
            self.visited += 1;
            if self.visited > MAX_ENTRIES {
                return Err(ReadError::Failed(format!("more than {MAX_ENTRIES} files and folders")));
            }
            let Entry { kind, id } = entry_of(&entry);
            let name = std::str::from_utf8(entry.name_bytes()).map_err(|_| {
                let raw = entry.name_bytes().escape_ascii();
                ReadError::Refused(format!("name `{raw}` in `{}` is not UTF-8", shown(at)))
            })?;
            let path = if at.is_empty() { name.to_owned() } else { format!("{at}/{name}") };
            path_gate::check_part(name)
                .map_err(|reason| ReadError::Refused(format!("path `{}` {reason}", shown(&path))))?;
            path_gate::check(&path).map_err(ReadError::Refused)?;
            if !names.insert(name.to_owned()) {
                return Err(ReadError::Refused(format!("`{}` exists twice", shown(&path))));
            }
            match kind {
                EntryKind::File => self.files.push((path, id)),
                EntryKind::Folder => self.visit(id, &path, depth + 1)?,
                EntryKind::Submodule => {}
                EntryKind::Link | EntryKind::Other => return Err(odd(&path, kind)),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "git_tests.rs"]
mod tests;
