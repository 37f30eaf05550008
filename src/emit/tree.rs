//! The rendered tree: relative paths and bytes, complete in memory before anything is written.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

/// A complete rendered tree. Paths are relative to the output root, with `/` between parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    files: BTreeMap<String, Arc<[u8]>>,
    /// Paths with capital letters in small ones: two that fold to one cannot both be checked out everywhere.
    folded: BTreeMap<String, String>,
}

impl Tree {
    /// Adds a file.
    ///
    /// # Errors
    /// Returns the path when another file stands there already, also when the two differ only in
    /// letter case (such a tree cannot be checked out on every file system).
    pub fn add(&mut self, path: impl Into<String>, bytes: impl Into<Arc<[u8]>>) -> Result<(), String> {
        let path = path.into();
        let folded = path.chars().any(char::is_uppercase).then(|| path.to_lowercase());
        if let Some(folded) = folded {
            if self.files.contains_key(&folded) {
                return Err(path);
            }
            if let Some(other) = self.folded.insert(folded, path.clone()).filter(|other| *other != path) {
                return Err(other);
            }
        } else if self.folded.contains_key(&path) {
            return Err(path);
        }
        match self.files.entry(path) {
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
