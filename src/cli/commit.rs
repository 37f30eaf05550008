//! `lakegen commit`: platform → one commit of exactly the owned files.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use clap::Args;
use sha2::{Digest as _, Sha256};

use super::project::{self, Project};
use super::{Code, DONE, Failure, Session};
use crate::sink::{self, CommitOptions, Committed, WriteOptions};
use crate::world::charts::Digest;
use crate::world::git::GitWorld;
use crate::world::{ReadError, World};

/// Commit the tree and record its source
///
/// Compiles the platform in the work tree and commits exactly the files that lakegen owns, straight
/// from memory. Nothing is committed if nothing has changed. Your index and work tree are left
/// alone; on the checked-out branch they are then behind the new commit, and the command prints how
/// to update them. No hooks and no other programs run.
///
/// Trailers record the source of the tree: Lakegen-Version, Lakegen-Source (the commit of platform.toml, with
/// `-dirty` when the work tree differs) and Lakegen-Spec (a digest of all files that were read).
#[derive(Args, Debug)]
#[command(
    after_long_help = "Examples:\n  lakegen commit\n  lakegen commit --branch deploy -m 'Render prod' --trailer \
                             Ticket=LAKE-7"
)]
pub struct Commit {
    /// The commit message
    #[arg(short, long, value_name = "MSG")]
    message: Option<String>,
    /// The branch to commit to [default: the checked-out branch]
    #[arg(long, value_name = "BRANCH", value_parser = branch)]
    branch: Option<String>,
    /// A trailer at the end of the message; can be repeated
    #[arg(long = "trailer", value_name = "KEY=VALUE", value_parser = trailer)]
    trailers: Vec<(String, String)>,
    /// Discard manual edits
    #[arg(long)]
    overwrite: bool,
    /// Allow a tree more than 30 % smaller than before
    #[arg(long)]
    allow_shrink: bool,
}

fn branch(text: &str) -> Result<String, String> {
    let name = text.strip_prefix("refs/heads/").unwrap_or(text);
    if git2::Branch::name_is_valid(name).unwrap_or(false) {
        Ok(name.to_owned())
    } else {
        Err("this is not a valid branch name".into())
    }
}

fn trailer(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write it as KEY=VALUE")?;
    // The grammar of git-interpret-trailers(1): a key of letters, digits and `-`, and a value on one line.
    if key.is_empty() || !key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        return Err("a key can only have letters, digits and `-`".into());
    }
    if value.chars().any(char::is_control) {
        return Err("a value must be a single line".into());
    }
    Ok((key.to_owned(), value.to_owned()))
}

impl Commit {
    /// Runs the command.
    ///
    /// # Errors
    /// See [`Failure`].
    pub fn run(&self, session: &mut Session) -> Result<Code, Failure> {
        let project = Project::find(session)?;
        let (_, prefix) = project.repository()?;
        let disk = project.world();
        let world = Recorder { inner: &disk, read: Mutex::default() };
        let compiled = project::compile(session, &world, &project.request())?;
        let platform = compiled.platform.as_ref().expect("a compile without errors has a platform");
        let folder: Vec<&str> =
            [prefix.as_str(), project::tree_path(platform, &|_| true)?].into_iter().filter(|p| !p.is_empty()).collect();
        let mut trailers = vec![("Lakegen-Version".to_owned(), env!("CARGO_PKG_VERSION").to_owned())];
        trailers.extend(source(&project.root, &prefix, &world).map(|source| ("Lakegen-Source".to_owned(), source)));
        trailers.push(("Lakegen-Spec".to_owned(), world.digest()));
        trailers.extend(self.trailers.iter().cloned());
        let options = CommitOptions {
            message: self.message.clone(),
            trailers,
            branch: self.branch.clone(),
            allow_shrink: self.allow_shrink,
            overwrite: self.overwrite,
            time: std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|seconds| seconds.parse().ok()),
            scope: None,
        };
        let done =
            session.out.timed("commit", || sink::commit(&project.root, &folder.join("/"), &compiled.tree, &options))?;
        match done {
            Committed::Nothing => session.out.summary("nothing to commit: the branch already has exactly this tree"),
            Committed::Made { commit, branch, written, removed } => {
                session.out.data(&format!("{commit}\n"))?;
                session.out.summary(&format!(
                    "{} written and {} removed on `{branch}`",
                    files(written.len()),
                    removed.len()
                ));
                if is_current(&project.root, &branch) {
                    let output = project.tree_folder(platform, &|_| true)?;
                    let fresh = sink::compare(&output, &compiled.tree, &WriteOptions::default());
                    let render = if fresh.is_ok_and(|stale| stale.is_fresh()) { "" } else { "lakegen render && " };
                    session.out.summary(&format!(
                        "next: `{render}git reset -q -- {}` updates your work tree and index to the new commit",
                        crate::world::git::quoted(&output.display().to_string())
                    ));
                }
            }
        }
        Ok(DONE)
    }
}

fn files(count: usize) -> String {
    if count == 1 { "1 file".to_owned() } else { format!("{count} files") }
}

fn is_current(root: &Path, branch: &str) -> bool {
    let repository = crate::world::git::Repository::discover(root).ok();
    let head = repository.and_then(|r| r.git().find_reference("HEAD").ok()?.symbolic_target().ok()?.map(str::to_owned));
    head.is_some_and(|head| head.strip_prefix("refs/heads/") == Some(branch))
}

/// Returns the commit that the inputs stand at, marked when they differ from it; nothing in a new repository.
fn source(root: &Path, prefix: &str, read: &Recorder<'_>) -> Option<String> {
    let head = GitWorld::open(root, "HEAD", prefix).ok()?;
    let read = read.read.lock().unwrap_or_else(PoisonError::into_inner);
    let same = read.iter().all(|(path, bytes)| head.read(path).is_ok_and(|old| old == *bytes));
    Some(format!("{}{}", head.commit(), if same { "" } else { "-dirty" }))
}

/// A world that remembers what was read of it: the platform's whole specification.
struct Recorder<'a> {
    inner: &'a dyn World,
    read: Mutex<BTreeMap<String, Arc<[u8]>>>,
}

impl Recorder<'_> {
    /// Returns the digest over the paths and bytes of all files that were read.
    fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for (path, bytes) in self.read.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            // Lengths keep two lists of files with the same bytes in a row apart.
            hash.update((path.len() as u64).to_be_bytes());
            hash.update(path);
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        }
        let hex: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("sha256:{hex}")
    }
}

impl World for Recorder<'_> {
    fn read_within(&self, path: &str, limit: u64) -> Result<Arc<[u8]>, ReadError> {
        let bytes = self.inner.read_within(path, limit)?;
        self.read.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), Arc::clone(&bytes));
        Ok(bytes)
    }

    fn list(&self, path: &str) -> Result<Vec<String>, ReadError> {
        self.inner.list(path)
    }

    // Which charts are used is in the lock, which is read as a file.
    fn chart(&self, digest: &Digest) -> Result<Option<Arc<[u8]>>, ReadError> {
        self.inner.chart(digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trailers_are_one_line() {
        assert_eq!(trailer("Ticket=A=1"), Ok(("Ticket".into(), "A=1".into())));
        assert!(trailer("Ticket").is_err() && trailer("A b=1").is_err() && trailer("A=1\nB: 2").is_err());
    }
}
