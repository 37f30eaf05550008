//! The only writer: a complete tree comes in, a folder or a commit that holds exactly it goes out.
//!
//! The sink owns what it wrote and nothing else. `.lakegen/index.json` in the output root lists the owned files with
//! the digests of the bytes that were written; only a file that still has those bytes is replaced or removed. Hand
//! edits and foreign files stop the run before its first write. It must never write outside the output root, follow
//! a link, or leave a file half written, also when it is killed.

mod apply; //        the plan on disk: journal, temporary files, renames, index
pub mod commit; //   tree → commit on a branch
mod edits; //        hand edits as diffs
pub mod file; //     one file of the user's, replaced at once
mod hands; //        the primitive operations, one by one, so that tests can stop after each
mod index; //        owned files and their digests
mod lock; //         one writer at a time
mod objects; //      trees and durable objects in git
mod plan; //         what would be written, removed, refused: decided before the first write
mod site; //         the output root: what stands there now
pub mod worktree; // tree → folder on disk

use crate::diag::stop::Stop;
use std::time::Duration;

pub use crate::world::git::repository_of;
pub use crate::world::path_gate;
pub use commit::{CommitOptions, Committed, commit};
pub use worktree::{compare, write};

/// The folder in the output root that lakegen keeps for itself.
pub const OWN_FOLDER: &str = ".lakegen";
/// The list of owned files, relative to the output root.
pub const INDEX: &str = ".lakegen/index.json";

/// Says which owned files a partial render speaks for.
pub type Scope = Box<dyn Fn(&str) -> bool + Send + Sync>;

/// How to write.
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct WriteOptions {
    /// Drops hand edits of owned files. Foreign files stay safe.
    pub overwrite: bool,
    /// Allows a tree that is empty or much smaller than the last one.
    pub allow_shrink: bool,
    /// Reports what would be done and writes nothing.
    pub dry_run: bool,
    /// How long to wait for another writer.
    pub lock_timeout: Duration,
    /// Waits until all is on the disk. Off only in tests and benchmarks: without it a power loss can lose files.
    pub fsync: bool,
    /// Owned files outside the scope are left as they are and stay owned.
    pub scope: Option<Scope>,
}

impl Default for WriteOptions {
    fn default() -> Self {
        Self {
            overwrite: false,
            allow_shrink: false,
            dry_run: false,
            lock_timeout: Duration::from_secs(30),
            fsync: true,
            scope: None,
        }
    }
}

/// What was done, or would be with `dry_run`. All paths are relative to the output root and sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub written: Vec<String>,
    pub removed: Vec<String>,
    pub unchanged: usize,
    /// Files in the output root that are not lakegen's; at most 1,000 are listed.
    pub foreign: Vec<String>,
    pub warnings: Vec<String>,
}

/// How a folder differs from the tree it should hold. All paths are relative to the output root and sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Staleness {
    /// Missing or out of date; holds [`INDEX`] when only the record of owned files is.
    pub written: Vec<String>,
    pub removed: Vec<String>,
    /// Changed by hand.
    pub edited: Vec<String>,
    /// Not lakegen's, and standing where it wants to write.
    pub in_the_way: Vec<String>,
    /// A writer was killed and its work is not complete; the next render completes it.
    pub interrupted: bool,
}

impl Staleness {
    /// Says whether a render would change nothing.
    pub fn is_fresh(&self) -> bool {
        *self == Self::default()
    }
}

/// Returns the paths that a list of owned files names, relative to the output root.
///
/// # Errors
/// When the list is damaged, a newer lakegen's, or claims what lakegen never writes.
pub fn owned_paths(list: &[u8]) -> Result<Vec<String>, Stop> {
    Ok(index::Index::read(Some(list))?.files.into_keys().collect())
}
