//! Worlds in memory: a map, and a map laid over another world. They read nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::charts::{self, Digest};
use super::{ReadError, World, path_gate};

/// A world that is a map from path to bytes.
#[derive(Clone, Debug, Default)]
pub struct MemoryWorld {
    files: BTreeMap<String, Arc<[u8]>>,
}

impl MemoryWorld {
    /// Adds or replaces a file.
    pub fn insert(&mut self, path: impl Into<String>, bytes: impl Into<Arc<[u8]>>) {
        self.files.insert(path.into(), bytes.into());
    }

    /// Adds a packed chart as `lakegen vendor` does, and returns its digest.
    pub fn insert_chart(&mut self, name: &str, version: &str, bytes: impl Into<Arc<[u8]>>) -> Digest {
        let bytes = bytes.into();
        let digest = Digest::of(&bytes);
        self.insert(charts::vendored_path(name, version, &digest), bytes);
        digest
    }
}

impl<P: Into<String>, B: Into<Arc<[u8]>>> FromIterator<(P, B)> for MemoryWorld {
    fn from_iter<I: IntoIterator<Item = (P, B)>>(files: I) -> Self {
        Self { files: files.into_iter().map(|(path, bytes)| (path.into(), bytes.into())).collect() }
    }
}

impl World for MemoryWorld {
    fn read_within(&self, path: &str, limit: u64) -> Result<Arc<[u8]>, ReadError> {
        path_gate::check(path).map_err(ReadError::Refused)?;
        let bytes = self.files.get(path).ok_or(ReadError::Missing)?;
        if bytes.len() as u64 > limit {
            return Err(ReadError::TooLarge { limit });
        }
        Ok(Arc::clone(bytes))
    }

    fn list(&self, path: &str) -> Result<Vec<String>, ReadError> {
        if path.is_empty() {
            return Ok(self.files.keys().cloned().collect());
        }
        path_gate::check(path).map_err(ReadError::Refused)?;
        let below = format!("{path}/");
        let files = self.files.range(below.clone()..).take_while(|(name, _)| name.starts_with(&below));
        Ok(files.map(|(name, _)| name.clone()).collect())
    }
}

/// A map laid over another world: what the map holds hides what lies below.
pub struct Overlay<'a> {
    top: MemoryWorld,
    below: &'a dyn World,
}

impl<'a> Overlay<'a> {
    /// Returns `top` laid over `below`.
    pub fn new(top: MemoryWorld, below: &'a dyn World) -> Self {
        Self { top, below }
    }
}

impl World for Overlay<'_> {
    fn read_within(&self, path: &str, limit: u64) -> Result<Arc<[u8]>, ReadError> {
        match self.top.read_within(path, limit) {
            Err(ReadError::Missing) => self.below.read_within(path, limit),
            found => found,
        }
    }

    fn list(&self, path: &str) -> Result<Vec<String>, ReadError> {
        let mut files: BTreeSet<String> = self.below.list(path)?.into_iter().collect();
        files.extend(self.top.list(path)?);
        Ok(files.into_iter().collect())
    }

    fn chart(&self, digest: &Digest) -> Result<Option<Arc<[u8]>>, ReadError> {
        match self.top.chart(digest)? {
            None => self.below.chart(digest),
            found => Ok(found),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_is_a_world() {
        let world: MemoryWorld =
            [("a/b", "1"), ("a/c/d", "2"), ("ab", "3")].map(|(p, b)| (p, b.as_bytes())).into_iter().collect();
        assert_eq!(&*world.read("a/c/d").unwrap(), b"2");
        assert_eq!(world.read("a"), Err(ReadError::Missing));
        assert!(matches!(world.read("../a"), Err(ReadError::Refused(_))));
        assert_eq!(world.list("a").unwrap(), ["a/b", "a/c/d"]);
        assert_eq!(world.list("").unwrap().len(), 3);
    }

    #[test]
    fn an_overlay_hides_what_lies_below() {
        let below: MemoryWorld = [("a", "old"), ("b", "kept")].map(|(p, b)| (p, b.as_bytes())).into_iter().collect();
        let top: MemoryWorld = [("a", "new"), ("c", "more")].map(|(p, b)| (p, b.as_bytes())).into_iter().collect();
        let world = Overlay::new(top, &below);
        assert_eq!(&*world.read("a").unwrap(), b"new");
        assert_eq!(&*world.read("b").unwrap(), b"kept");
        assert_eq!(world.list("").unwrap(), ["a", "b", "c"]);
    }
}
