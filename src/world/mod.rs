//! All that a compile may read: a worktree, a git tree at a revision, or memory.
//!
//! [`World`] is the only door from the pipeline to the outside. Paths are relative to the root,
//! with `/` between their parts, and never leave it: a symlink is refused, not followed.

#[cfg_attr(not(unix), path = "beneath_portable.rs")]
pub(crate) mod beneath; // files below a folder handle, links never followed
pub mod charts; //     packed charts by digest: vendored, or from the cache
pub mod disk; //       a folder on disk
pub mod git; //        a git tree at a revision
pub mod memory; //     a map, for tests and for stitching worlds together
pub mod path_gate; //  which relative paths are safe on every operating system

/// Largest file that a world hands out, in bytes (8 MiB); callers ask for less where less will do.
pub const MAX_FILE_BYTES: u64 = 8 << 20;
/// Most entries that one listing visits.
pub const MAX_ENTRIES: usize = 200_000;
/// Deepest folder that a listing enters.
pub const MAX_DEPTH: usize = 64;

use std::sync::Arc;

use charts::Digest;

/// Why a file could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// There is no such file.
    Missing,
    /// The path leaves the root, is a link, or is not a regular file; the text says which.
    Refused(String),
    /// The file is larger than the limit, in bytes.
    TooLarge { limit: u64 },
    /// The operating system or git said no; the text is its reason.
    Failed(String),
}

/// The inputs of a compile.
pub trait World: Sync {
    /// Reads the file at `path`, relative to the root, when it has at most `limit` bytes.
    ///
    /// # Errors
    /// See [`ReadError`]; nothing outside the root is ever read.
    fn read_within(&self, path: &str, limit: u64) -> Result<Arc<[u8]>, ReadError>;

    /// Reads the file at `path` with the limit of most files.
    ///
    /// # Errors
    /// As [`World::read_within`].
    fn read(&self, path: &str) -> Result<Arc<[u8]>, ReadError> {
        self.read_within(path, MAX_FILE_BYTES)
    }

    /// Lists all regular files below the folder `path` (`""` for the root), sorted, relative to the root.
    ///
    /// # Errors
    /// See [`ReadError`]. A missing folder is an empty list.
    fn list(&self, path: &str) -> Result<Vec<String>, ReadError>;

    /// Returns the packed chart with this digest: the vendored one, or the one in the cache that the world was given.
    /// Nothing when it is not at hand; nothing is ever fetched here.
    ///
    /// # Errors
    /// When the file that should be it holds something else, or cannot be read.
    fn chart(&self, digest: &Digest) -> Result<Option<Arc<[u8]>>, ReadError> {
        charts::vendored(self, digest)
    }
}
