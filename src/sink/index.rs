//! The list of owned files: bytes of `.lakegen/index.json` or of the journal ↔ paths with digests.
//!
//! Its text comes from the repository and may be hostile: each path passes the gate, and a claim proves nothing
//! without bytes that match. One line per file keeps merges readable, and a list that holds the markers of a
//! merge conflict is read as the claims of both sides.

use crate::diag::stop::Stop;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt::Write;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{INDEX, OWN_FOLDER, path_gate};

/// The format written here; a higher number is a newer lakegen's.
const FORMAT: u64 = 1;
/// Largest list that is read, in bytes.
pub(super) const MAX_INDEX_BYTES: u64 = 32 << 20;

/// SHA-256 of a file's bytes.
pub(super) type Digest = [u8; 32];

/// Returns the digest of these bytes.
pub(super) fn digest(bytes: &[u8]) -> Digest {
    Sha256::digest(bytes).into()
}

/// Owned paths with the digests that make them clean: one each, except after a crash or a merge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Index {
    pub files: BTreeMap<String, Vec<Digest>>,
}

impl Index {
    /// Adds a digest to those of `path`.
    pub fn add(&mut self, path: &str, digest: Digest) {
        match self.files.entry(path.to_owned()) {
            Entry::Vacant(slot) => {
                slot.insert(vec![digest]);
            }
            Entry::Occupied(mut slot) => {
                if !slot.get().contains(&digest) {
                    slot.get_mut().push(digest);
                }
            }
        }
    }

    /// Says whether these are bytes that lakegen wrote at `path`, whatever git did to the ends of lines since.
    pub fn matches(&self, path: &str, bytes: &[u8]) -> bool {
        let Some(digests) = self.files.get(path) else { return false };
        digests.contains(&digest(bytes)) || unix_lines(bytes).is_some_and(|bytes| digests.contains(&digest(&bytes)))
    }

    /// Returns the file's text.
    pub fn text(&self) -> String {
        let mut text =
            format!("{{\n  \"format\": {FORMAT},\n  \"lakegen\": \"{}\",\n  \"files\": {{", env!("CARGO_PKG_VERSION"));
        let mut separator = "\n";
        for (path, digests) in &self.files {
            let digests: Vec<String> = digests.iter().map(|digest| format!("\"{}\"", hex(digest))).collect();
            let value = if let [one] = digests.as_slice() { one.clone() } else { format!("[{}]", digests.join(", ")) };
            write!(text, "{separator}    {}: {value}", Value::from(path.as_str())).expect("writing to a string");
            separator = ",\n";
        }
        text.push_str(if self.files.is_empty() { "}\n}\n" } else { "\n  }\n}\n" });
        text
    }

    /// Reads the text of the list called `name`.
    ///
    /// # Errors
    /// When it is a newer lakegen's, damaged, or claims a path that lakegen never writes.
    pub fn parse(name: &str, bytes: &[u8]) -> Result<Self, Stop> {
        let damaged = |why: &str| {
            Stop::environment(format!("`{name}` is damaged: {why}"))
                .help(format!("restore it with `git checkout -- {name}`, or remove it and run `lakegen render` again"))
        };
        let text = std::str::from_utf8(bytes).map_err(|_| damaged("it is not valid UTF-8"))?;
        let index = match serde_json::from_str::<Value>(text) {
            Ok(value) => Self::from_value(name, &value, damaged)?,
            Err(_) if text.lines().any(|line| line.starts_with("<<<<<<<")) => Self::from_conflict(text),
            Err(error) => return Err(damaged(&error.to_string())),
        };
        for path in index.files.keys() {
            let own = path.split('/').next() == Some(OWN_FOLDER);
            let reason =
                if own { Err(format!("path `{path}` is reserved for lakegen")) } else { path_gate::check(path) };
            reason.map_err(|reason| {
                Stop::refused(format!("`{name}` lists a file that lakegen never writes"))
                    .details([reason])
                    .help(format!("restore it with `git checkout -- {name}`"))
            })?;
        }
        Ok(index)
    }

    fn from_value(name: &str, value: &Value, damaged: impl Fn(&str) -> Stop) -> Result<Self, Stop> {
        match value.get("format").and_then(Value::as_u64) {
            Some(FORMAT) => {}
            Some(newer) if newer > FORMAT => {
                let writer = value.get("lakegen").and_then(Value::as_str).unwrap_or("a newer version");
                let needed = path_gate::shown(writer);
                return Err(Stop::environment(format!("`{name}` needs lakegen >= {needed}"))
                    .help(format!("install lakegen {needed} or newer; nothing was changed")));
            }
            _ => return Err(damaged("it has no format version")),
        }
        let files = value.get("files").and_then(Value::as_object).ok_or_else(|| damaged("it has no `files`"))?;
        let mut index = Self::default();
        for (path, value) in files {
            let texts = value.as_array().map_or_else(|| std::slice::from_ref(value), Vec::as_slice);
            for text in texts {
                let digest =
                    text.as_str().and_then(unhex).ok_or_else(|| damaged("a digest is not 64 hexadecimal digits"))?;
                index.add(path, digest);
            }
        }
        Ok(index)
    }

    /// Reads the claims of both sides of a merge conflict: every line that is one pair of path and digest.
    fn from_conflict(text: &str) -> Self {
        let mut index = Self::default();
        for line in text.lines() {
            let pair = format!("{{{}}}", line.trim().trim_end_matches(','));
            let Ok(Value::Object(pair)) = serde_json::from_str(&pair) else { continue };
            for (path, value) in &pair {
                if let Some(digest) = value.as_str().and_then(unhex) {
                    index.add(path, digest);
                }
            }
        }
        index
    }

    /// Returns the index that stands under [`INDEX`] with these bytes, if any.
    ///
    /// # Errors
    /// As [`Index::parse`].
    pub fn read(bytes: Option<&[u8]>) -> Result<Self, Stop> {
        bytes.map_or_else(|| Ok(Self::default()), |bytes| Self::parse(INDEX, bytes))
    }
}

/// Returns the bytes with LF at the ends of lines when they are text with CRLF, as `core.autocrlf` makes it.
pub(super) fn unix_lines(bytes: &[u8]) -> Option<Vec<u8>> {
    if bytes.contains(&0) || !bytes.windows(2).any(|pair| pair == b"\r\n") {
        return None;
    }
    let mut plain = Vec::with_capacity(bytes.len());
    for (at, &byte) in bytes.iter().enumerate() {
        if byte != b'\r' || bytes.get(at + 1) != Some(&b'\n') {
            plain.push(byte);
        }
    }
    Some(plain)
}

fn hex(digest: &Digest) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |n: u8| char::from(DIGITS[usize::from(n & 15)]);
    digest.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

fn unhex(text: &str) -> Option<Digest> {
    let digits: Vec<u8> =
        text.chars().map(|c| c.to_digit(16).and_then(|n| u8::try_from(n).ok())).collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect();
    if digits.len() == 64 { bytes.try_into().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::stop::Class;

    fn sample() -> Index {
        let mut index = Index::default();
        index.add("a/b.yaml", digest(b"b"));
        index.add("größe 'x", digest(b"c"));
        index
    }

    #[test]
    fn reads_what_it_writes_with_one_line_per_file() {
        let text = sample().text();
        assert_eq!(Index::parse(INDEX, text.as_bytes()).unwrap(), sample());
        assert_eq!(text.lines().filter(|line| line.starts_with("    \"")).count(), 2);
        assert_eq!(Index::parse(INDEX, text.replace('\n', "\r\n").as_bytes()).unwrap(), sample());
        assert_eq!(Index::parse(INDEX, Index::default().text().as_bytes()).unwrap(), Index::default());
        let mut journal = sample();
        journal.add("a/b.yaml", digest(b"newer"));
        assert_eq!(Index::parse(INDEX, journal.text().as_bytes()).unwrap(), journal);
    }

    /// T28: a newer lakegen's list is left alone.
    #[test]
    fn t28_says_which_version_it_needs() {
        let error = Index::parse(INDEX, br#"{"format": 2, "lakegen": "3.1.0", "files": []}"#).unwrap_err();
        assert_eq!(
            (error.class, error.message.as_str()),
            (Class::Environment, "`.lakegen/index.json` needs lakegen >= 3.1.0")
        );
    }

    /// T93: claims pass the gate.
    #[test]
    fn t93_refuses_claims_outside() {
        for path in ["../x", "/etc/passwd", ".git/config", "a/../../b", ".lakegen/lock", ""] {
            let mut index = sample();
            index.add(path, digest(b""));
            let error = Index::parse(INDEX, index.text().as_bytes()).unwrap_err();
            assert_eq!(error.class, Class::Refused, "{path}");
        }
    }

    #[test]
    fn damage_is_explained() {
        for text in [
            "",
            "{",
            "[]",
            r#"{"format": 1}"#,
            r#"{"format": 1, "files": {"a": "12"}}"#,
            r#"{"format":1,"files":{"a":[1]}}"#,
        ] {
            let error = Index::parse(INDEX, text.as_bytes()).unwrap_err();
            assert!(error.class == Class::Environment && error.message.contains("is damaged"), "{text}: {error}");
        }
        assert!(Index::parse(INDEX, b"\xff").is_err());
    }

    #[test]
    fn understands_a_merge_conflict() {
        let (ours, theirs) = (hex(&digest(b"ours")), hex(&digest(b"theirs")));
        let text = format!(
            "{{\n  \"format\": 1,\n  \"files\": {{\n    \"a\": \"{ours}\",\n<<<<<<< HEAD\n    \"b\": \"{ours}\"\n=======\n    \
             \"b\": \"{theirs}\",\n    \"c\": \"{theirs}\"\n>>>>>>> main\n  }}\n}}\n"
        );
        let index = Index::parse(INDEX, text.as_bytes()).unwrap();
        assert_eq!(index.files.len(), 3);
        assert!(index.matches("b", b"ours") && index.matches("b", b"theirs") && index.matches("c", b"theirs"));
    }

    /// T46: what `core.autocrlf` does is no edit.
    #[test]
    fn t46_ends_of_lines_are_no_edit() {
        let mut index = Index::default();
        index.add("a", digest(b"x\ny\n"));
        assert!(index.matches("a", b"x\ny\n") && index.matches("a", b"x\r\ny\r\n"));
        assert!(!index.matches("a", b"x\ry\n") && !index.matches("a", b"x\r\nz\r\n") && !index.matches("b", b"x\ny\n"));
        assert_eq!(unix_lines(b"\0\r\n"), None);
    }
}
