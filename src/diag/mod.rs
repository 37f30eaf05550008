//! Diagnostics: what is wrong, where, why, and how to fix it.
//!
//! Every stage returns its output together with a list of [`Diagnostic`]s. They are plain values;
//! only this folder turns them into text (`render`) or JSON (`json`).

pub mod codes; //   every stable slug with its documentation, for `lakegen explain`
pub mod escape; // what a terminal or a CI log would interpret, shown as text
pub mod render; //  text for people, one-line text, JSON
pub mod several; // findings of several targets
pub mod stop; //    why something stopped before its end

use std::sync::Arc;

pub use codes::Code;

/// How bad a finding is. Only errors make a compile fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    Error,
    Warning,
    Note,
}

/// A file's place in [`Sources`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub u32);

/// A byte range of one source file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    pub source: SourceId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// Returns a span of `source` from byte `start` up to `end`.
    pub fn new(source: SourceId, start: usize, end: usize) -> Self {
        let clip = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Self { source, start: clip(start), end: clip(end) }
    }
}

/// A span with a few words about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    pub span: Span,
    pub text: String,
}

/// One finding.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostic {
    pub code: &'static Code,
    pub level: Level,
    /// One line, lower case, no final period, the user's words in backticks.
    pub message: String,
    /// Where: the first label is the primary one.
    pub labels: Vec<Label>,
    pub notes: Vec<String>,
    /// Imperatives, ideally text to paste.
    pub help: Vec<String>,
    /// Whether the source lines hold a secret: their places are named, the lines themselves are not shown.
    pub hidden: bool,
}

impl Diagnostic {
    /// Returns an error with this code and message.
    pub fn error(code: &'static Code, message: impl Into<String>) -> Self {
        Self {
            code,
            level: Level::Error,
            message: message.into(),
            labels: vec![],
            notes: vec![],
            help: vec![],
            hidden: false,
        }
    }

    /// Returns a warning with this code and message.
    pub fn warning(code: &'static Code, message: impl Into<String>) -> Self {
        Self { level: Level::Warning, ..Self::error(code, message) }
    }

    /// Adds a place; the first one added is the primary one.
    #[must_use]
    pub fn at(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    /// Keeps the source lines out of every report: they hold a secret.
    #[must_use]
    pub fn hidden(mut self) -> Self {
        self.hidden = true;
        self
    }

    /// Adds a sentence of background.
    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    /// Adds a remedy.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }
}

/// The texts that spans point into.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    files: Vec<(Arc<str>, Arc<str>)>,
}

impl Sources {
    /// Adds a file by its path (relative to the project, `/` between parts) and returns its id.
    pub fn add(&mut self, path: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> SourceId {
        self.files.push((path.into(), text.into()));
        SourceId(u32::try_from(self.files.len() - 1).expect("fewer files than u32 can count"))
    }

    /// Returns the path of a source.
    pub fn path(&self, id: SourceId) -> &str {
        self.files.get(id.0 as usize).map_or("", |(path, _)| path)
    }

    /// Returns the source of a path, when it was read.
    pub fn find(&self, path: &str) -> Option<SourceId> {
        let index = self.files.iter().rposition(|(known, _)| &**known == path)?;
        u32::try_from(index).ok().map(SourceId)
    }

    /// Returns the text of a source.
    pub fn text(&self, id: SourceId) -> &str {
        self.files.get(id.0 as usize).map_or("", |(_, text)| text)
    }

    /// Returns line and column (both from 1; columns count characters) of the first byte of a span.
    pub fn line_column(&self, span: Span) -> (usize, usize) {
        let text = self.text(span.source);
        let mut start = (span.start as usize).min(text.len());
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        let before = &text[..start];
        let line = before.matches('\n').count() + 1;
        let column = before[before.rfind('\n').map_or(0, |n| n + 1)..].chars().count() + 1;
        (line, column)
    }
}

/// An output with everything that was found on the way; the output is there as far as it could be made.
#[derive(Clone, Debug)]
pub struct Warned<T> {
    pub output: T,
    pub diagnostics: Vec<Diagnostic>,
}

/// Returns the candidates near to `word`, best first: what a misspelling most likely meant.
///
/// The cut is a Damerau-Levenshtein distance of at most 2 or a third of the word's length, or one
/// word being the other with its separators (`-`, `_`, `.`) or letter case changed.
pub fn near<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let fold = |s: &str| s.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase();
    let folded = fold(word);
    let limit = (word.chars().count() / 3).max(2).min(word.chars().count().saturating_sub(1));
    let mut scored: Vec<(usize, &str)> = candidates
        .into_iter()
        .filter_map(|candidate| {
            if fold(candidate) == folded {
                return Some((0, candidate));
            }
            let distance = strsim::damerau_levenshtein(word, candidate);
            (distance <= limit).then_some((distance, candidate))
        })
        .collect();
    scored.sort_unstable();
    scored.dedup();
    scored.into_iter().map(|(_, candidate)| candidate).take(3).collect()
}

/// Returns all candidates, those first that are most like a word.
pub fn like_first<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let distance = |candidate: &str| {
        // A word within the other counts as near, whatever its length.
        let long = word.len() >= 3 && candidate.len() >= 3;
        let within = long && (candidate.contains(word) || word.contains(candidate));
        if within { 0 } else { strsim::damerau_levenshtein(word, candidate) }
    };
    let mut all: Vec<(usize, &str)> =
        candidates.into_iter().map(|candidate| (distance(candidate), candidate)).collect();
    all.sort_unstable();
    all.dedup();
    all.into_iter().map(|(_, candidate)| candidate).collect()
}

/// Returns what there is as a sentence, the words first that are most like the wanted one: "there is `a`, `b` and 3 more".
pub fn what_there_is<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 8;
    let all = like_first(word, candidates);
    if all.len() <= SHOWN {
        return format!("available: {}", quoted_list(all, "and"));
    }
    let shown: Vec<String> = all[..SHOWN].iter().map(|word| format!("`{word}`")).collect();
    format!("available: {} and {} more", shown.join(", "), all.len() - SHOWN)
}

/// Returns the words as a list for a sentence: `` `a`, `b` or `c` ``.
pub fn quoted_list<'a>(words: impl IntoIterator<Item = &'a str>, conjunction: &str) -> String {
    let words: Vec<String> = words.into_iter().map(|w| format!("`{w}`")).collect();
    match words.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} {conjunction} {last}", rest.join(", ")),
    }
}
