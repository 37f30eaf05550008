//! YAML in and out: text in, [`Value`]s out, and back.
//!
//! [`read`] understands a text as Helm, kubectl, Argo CD and Flux do (sigs.k8s.io/yaml over go-yaml
//! v2, so YAML 1.1 scalars), and refuses what they refuse. [`write`] writes a text that every YAML
//! 1.1 and 1.2 reader understands alike. Nothing here knows what the values mean.
//!
//! The writer is our own. `serde-saphyr` can write every test string right too, but took four to seven
//! times as long on 2 MB of manifests (10 against 1.4 to 3 ns per byte); every `serde_yaml` fork writes
//! `no`, `1_000` or `2001-01-01` bare.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::value::Value;

mod lint; //    texts our event parser takes and Go refuses
mod quick; //   the plain part of YAML in one pass → values
mod read; //    events → values
mod resolve; // plain scalar → type, as go-yaml v2 does it
mod style; //   string → plain, quoted or literal
mod write; //   values → block YAML

pub use read::{compare, read, read_first};
pub use resolve::float_key as float_text;
pub use write::{write, write_all};

/// Says whether a plain scalar of this text is a string or a date for go-yaml, and nothing else.
pub fn reads_as_string(text: &str) -> bool {
    resolve::implicit(text) == resolve::Scalar::Text
}

/// One parsed document: its value and for each node path the line it begins at.
#[derive(Clone, Debug)]
pub struct Document {
    pub value: Value,
    /// Line of its first node, counted from 1.
    pub line: usize,
    pub lines: Lines,
}

/// The first document of a text, read as Helm reads a file of a chart.
#[derive(Clone, Debug)]
pub struct First {
    /// None when it is empty.
    pub document: Option<Document>,
    /// Keys that are set twice in one map; the last one counted.
    pub duplicates: Vec<Duplicate>,
    /// The line where a second document begins, which Helm does not read.
    pub rest: Option<usize>,
}

/// A key that is set twice in one map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duplicate {
    pub key: String,
    /// Where it is set again.
    pub line: usize,
    /// Where it was set before.
    pub first: usize,
}

impl Document {
    /// Says how another reading of the same text differs.
    fn differs(&self, other: &Self) -> Option<String> {
        let sorted = |lines: &Lines| {
            let mut all = lines.0.clone();
            all.sort_unstable();
            all
        };
        if self.value != other.value {
            return Some(format!("{}\nis not\n{}", write(&self.value), write(&other.value)));
        }
        let same = self.line == other.line && sorted(&self.lines) == sorted(&other.lines);
        (!same).then(|| "the lines of the nodes differ".to_owned())
    }

    /// Returns the path of the node that stands on a line: the last and deepest one that begins there or before.
    pub fn path_at(&self, line: usize) -> Vec<String> {
        let lines: BTreeMap<u64, u32> = self.lines.0.iter().copied().collect();
        let (mut best, mut path) = ((0, vec![]), Vec::new());
        let limit = u32::try_from(line).unwrap_or(u32::MAX);
        deepest(&self.value, Lines::ROOT, &lines, limit, &mut path, &mut best);
        best.1
    }
}

fn deepest(
    value: &Value,
    hash: u64,
    lines: &BTreeMap<u64, u32>,
    limit: u32,
    path: &mut Vec<String>,
    best: &mut (u32, Vec<String>),
) {
    if let Some(line) = lines.get(&hash).filter(|line| **line <= limit && **line >= best.0) {
        *best = (*line, path.clone());
    }
    let mut below = |key: String, value: &Value| {
        let child = Lines::child(hash, &key);
        path.push(key);
        deepest(value, child, lines, limit, path, best);
        path.pop();
    };
    match value {
        Value::Map(map) => map.iter().for_each(|(key, value)| below(key.to_string(), value)),
        Value::List(list) => list.iter().enumerate().for_each(|(index, value)| below(index.to_string(), value)),
        _ => {}
    }
}

/// What is wrong with a text, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadError {
    pub message: String,
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1, in characters.
    pub column: usize,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.message)
    }
}

impl std::error::Error for ReadError {}

/// Says whether a plain scalar is a string, as go-yaml v2 sees it.
pub fn is_text(plain: &str) -> bool {
    resolve::implicit(plain) == resolve::Scalar::Text
}

/// Says whether a plain scalar is null, as go-yaml v2 sees it.
pub fn is_null(plain: &str) -> bool {
    resolve::implicit(plain) == resolve::Scalar::Null
}

/// Reads one document; [`Value::Null`] for an empty text.
///
/// # Errors
/// As [`read`], and when there are several documents.
pub fn read_one(text: &str) -> Result<Value, ReadError> {
    let mut documents = read(text)?.into_iter();
    let first = documents.next().map_or(Value::Null, |document| document.value);
    match documents.next() {
        None => Ok(first),
        Some(second) => {
            let message = "a second document begins here, but only one is allowed".to_owned();
            Err(ReadError { message, line: second.line, column: 1 })
        }
    }
}

/// Says on which line a node begins.
///
/// A node is found by the hash of its path, so that remembering one costs 16 bytes and no
/// allocation; a search walks them all, because it only happens for a diagnostic.
#[derive(Clone, Debug, Default)]
pub struct Lines(Vec<(u64, u32)>);

impl Lines {
    /// Returns the line (from 1) of the key at the end of `path`; of the document for an empty path.
    ///
    /// A list item is named by its index, as in `["spec", "containers", "0", "image"]`. Nodes that
    /// came by an alias or a merge have no line.
    pub fn line(&self, path: &[&str]) -> Option<usize> {
        self.find(path.iter().fold(Self::ROOT, |parent, key| Self::child(parent, key)))
    }

    const ROOT: u64 = 0x9e37_79b9_7f4a_7c15;

    fn find(&self, path: u64) -> Option<usize> {
        self.0.iter().find(|(hash, _)| *hash == path).map(|(_, line)| *line as usize)
    }

    fn add(&mut self, path: u64, line: usize) {
        self.0.push((path, u32::try_from(line).unwrap_or(u32::MAX)));
    }

    fn forget(&mut self, path: u64) {
        self.0.retain(|(hash, _)| *hash != path);
    }

    fn child(parent: u64, key: &str) -> u64 {
        // A multiply-and-rotate hash: keys are short, and a collision only misplaces a diagnostic.
        const FACTOR: u64 = 0xff51_afd7_ed55_8ccd;
        let mut hash = (parent ^ key.len() as u64).wrapping_mul(FACTOR);
        for chunk in key.as_bytes().chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            hash = (hash.rotate_left(29) ^ u64::from_le_bytes(word)).wrapping_mul(FACTOR);
        }
        hash ^ (hash >> 32)
    }
}

/// Keys seen lately, by hash: manifests repeat a few hundred keys all over.
#[derive(Default)]
struct Keys(Vec<Arc<str>>);

impl Keys {
    /// Returns a key that is shared with its like.
    fn get(&mut self, text: &str) -> Arc<str> {
        const SLOTS: usize = 512;
        if self.0.is_empty() {
            self.0.resize(SLOTS, Arc::from(""));
        }
        let hash = usize::try_from(Lines::child(0, text) % SLOTS as u64).unwrap_or(0);
        let slot = &mut self.0[hash];
        if **slot != *text {
            *slot = Arc::from(text);
        }
        Arc::clone(slot)
    }
}

#[cfg(test)]
mod naughty;
#[cfg(test)]
mod tests;
