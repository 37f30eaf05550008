//! Byte offsets → lines and columns, for many findings in one file.
//!
//! The line starts of each file that a finding points into are found once; asking
//! [`Sources::line_column`] for each of ten thousand findings would read the file as often.

use std::collections::BTreeMap;

use crate::diag::{Diagnostic, SourceId, Sources, Span};

/// The texts that findings point into, with their lines.
pub struct Positions<'a> {
    sources: &'a Sources,
    files: BTreeMap<SourceId, File>,
}

struct File {
    /// First byte of each line; never empty.
    starts: Vec<usize>,
    is_ascii: bool,
}

impl<'a> Positions<'a> {
    /// Finds the lines of all files that the findings point into.
    pub fn new(diagnostics: &[Diagnostic], sources: &'a Sources) -> Self {
        let mut files = BTreeMap::new();
        for label in diagnostics.iter().flat_map(|d| &d.labels) {
            files.entry(label.span.source).or_insert_with(|| {
                let text = sources.text(label.span.source);
                let breaks = text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(n, _)| n + 1);
                File { starts: std::iter::once(0).chain(breaks).collect(), is_ascii: text.is_ascii() }
            });
        }
        Self { sources, files }
    }

    /// Returns the path of the file.
    pub fn path(&self, span: Span) -> &'a str {
        self.sources.path(span.source)
    }

    /// Returns the text of the file.
    pub fn text(&self, span: Span) -> &'a str {
        self.sources.text(span.source)
    }

    /// Returns the byte range of a span, put inside the text and onto character borders.
    pub fn range(&self, span: Span) -> (usize, usize) {
        let text = self.text(span);
        let mut start = (span.start as usize).min(text.len());
        let mut end = (span.end as usize).clamp(start, text.len());
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        while !text.is_char_boundary(end) {
            end += 1;
        }
        (start, end)
    }

    /// Returns the line, from 1, of the first byte.
    pub fn line(&self, span: Span) -> usize {
        self.line_at(span.source, self.range(span).0)
    }

    /// Returns line and column, both from 1, of the first byte; columns count characters.
    pub fn start(&self, span: Span) -> (usize, usize) {
        self.place(span.source, self.range(span).0)
    }

    /// Returns line and column, both from 1, just behind the last byte.
    pub fn end(&self, span: Span) -> (usize, usize) {
        self.place(span.source, self.range(span).1)
    }

    /// Returns the line, from 1, that holds this byte.
    pub fn line_at(&self, source: SourceId, byte: usize) -> usize {
        self.files.get(&source).map_or(1, |file| file.starts.partition_point(|start| *start <= byte))
    }

    /// Returns the byte range of a line, counted from 1, without its line break.
    pub fn line_range(&self, source: SourceId, line: usize) -> (usize, usize) {
        let text = self.sources.text(source);
        let Some(file) = self.files.get(&source) else { return (0, text.len()) };
        let start = file.starts.get(line - 1).copied().unwrap_or(text.len());
        let end = file.starts.get(line).map_or(text.len(), |next| next - 1);
        (start, if text[start..end].ends_with('\r') { end - 1 } else { end })
    }

    fn place(&self, source: SourceId, byte: usize) -> (usize, usize) {
        let line = self.line_at(source, byte);
        let start = self.line_range(source, line).0;
        let is_ascii = self.files.get(&source).is_none_or(|file| file.is_ascii);
        let before = &self.sources.text(source)[start.min(byte)..byte];
        (line, 1 + if is_ascii { before.len() } else { before.chars().count() })
    }
}
