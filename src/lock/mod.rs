//! `lakegen.lock`: which packed charts the platform uses, by digest.
//!
//! Comes in: the bytes of the file, through [`World`]. Goes out: a [`Lock`], or everything that is wrong with the file.
//! The lock is made by `lakegen lock` and by nothing else, so reading is strict: what that command would not write is an
//! error, never skipped. Nothing is fetched here.

mod read; //  text → lock
mod write; // lock → text, the same bytes for the same charts

use crate::catalog::Chart;
use crate::code;
use crate::diag::{Code, Diagnostic, Sources, Span, Warned};
use crate::parse;
use crate::world::charts::Digest;
use crate::world::{ReadError, World};

pub use read::{check_name, check_url, check_version, parse};
pub use write::text;

/// The lock's file, relative to the platform.
pub const FILE: &str = "lakegen.lock";
/// The edition of the file that this lakegen reads and writes.
pub const EDITION: i64 = 1;

/// The codes that this stage emits.
pub static CODES: &[&Code] = &[&BROKEN_LOCK, &NEWER_LOCK];

code!(
    BROKEN_LOCK,
    "broken-lock",
    "the lock is malformed",
    "the lock must be read exactly: skipping a line would leave a chart unchecked",
    "[[chart]]\nname = \"trino\"\ndigest = \"sha256:ba78\"",
    "run `lakegen lock` to write it again; after a merge conflict, remove it first"
);
code!(
    NEWER_LOCK,
    "newer-lock",
    "the lock was written by a newer lakegen",
    "this lakegen cannot interpret it",
    "edition = 2",
    "upgrade to the version of lakegen that the rest of the team uses"
);

/// One chart of the lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locked {
    /// The chart's name in its repository: one safe part of a path.
    pub name: String,
    /// The repository's address as the platform writes it, without a slash at its end.
    pub repository: String,
    /// The version as the platform writes it.
    pub wanted: String,
    /// The version that it is.
    pub version: String,
    /// Of the packed chart's bytes; in a registry, of its layer.
    pub digest: Digest,
    /// Of the manifest in a registry.
    pub manifest: Option<Digest>,
    /// Where the bytes come from.
    pub url: String,
}

impl Locked {
    /// Returns what makes an entry: name, repository and wanted version, in the order of the file.
    pub fn key(&self) -> (&str, &str, &str) {
        (&self.name, &self.repository, &self.wanted)
    }
}

/// The charts of a platform, sorted by [`Locked::key`], each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lock {
    charts: Vec<Locked>,
}

impl Lock {
    /// Returns the lock of these charts; of two with one key the first stays.
    pub fn new(mut charts: Vec<Locked>) -> Self {
        charts.sort_by(|a, b| a.key().cmp(&b.key()));
        charts.dedup_by(|later, first| later.key() == first.key());
        Self { charts }
    }

    /// Returns the charts in the order of the file.
    pub fn charts(&self) -> &[Locked] {
        &self.charts
    }

    /// Returns the entry of a chart that the platform uses.
    pub fn find(&self, chart: &Chart) -> Option<&Locked> {
        let key = (chart.name.as_str(), repository(&chart.repository), chart.version.as_str());
        self.charts.binary_search_by(|locked| locked.key().cmp(&key)).ok().and_then(|at| self.charts.get(at))
    }
}

/// Returns a repository's address as the lock writes it: with and without a slash at its end it is the same.
pub fn repository(address: &str) -> &str {
    address.trim_end_matches('/')
}

/// Reads the platform's lock; nothing when it has none, or a broken one.
pub fn read(world: &dyn World, sources: &mut Sources) -> Warned<Option<Lock>> {
    let mut diagnostics = Vec::new();
    if world.read(FILE) == Err(ReadError::Missing) {
        return Warned { output: None, diagnostics };
    }
    let text = parse::read_text(world, FILE, None, sources, &mut diagnostics);
    let output = text.and_then(|text| {
        let source = sources.add(FILE, text.clone());
        parse(source, &text, &mut diagnostics)
    });
    Warned { output, diagnostics }
}

/// Returns a finding about the lock.
fn broken(span: Span, message: impl Into<String>) -> Diagnostic {
    Diagnostic::error(&BROKEN_LOCK, message).at(span, "").help("run `lakegen lock` to write it again")
}
