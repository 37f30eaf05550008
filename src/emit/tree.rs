//! The rendered tree: relative paths and bytes, complete in memory before anything is written.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

/// A complete rendered tree. Paths are relative to the output root, with `/` between parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    files: BTreeMap<String, Arc<[u8]>>,
}

impl Tree {
    /// Adds a file.
    ///
    /// # Errors
    /// Returns the path when another file stands there already. Paths that differ only in letter case are two here; the
    /// sink refuses such a tree, and a component's own objects are told apart in `layout`.
    pub fn add(&mut self, path: impl Into<String>, bytes: impl Into<Arc<[u8]>>) -> Result<(), String> {
        match self.files.entry(path.into()) {
            Entry::Vacant(slot) => {
                slot.insert(bytes.into());
                Ok(())
            }
            Entry::Occupied(slot) => Err(slot.key().clone()),
        }
    }

    /// Returns the files in path order.
    pub fn files(&self) -> impl Iterator<Item = (&str, &Arc<[u8]>)> {
        self.files.iter().map(|(path, bytes)| (path.as_str(), bytes))
    }

    /// Returns the bytes at `path`.
    pub fn get(&self, path: &str) -> Option<&Arc<[u8]>> {
        self.files.get(path)
    }

    /// Returns the number of files.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Says whether there is no file.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}
