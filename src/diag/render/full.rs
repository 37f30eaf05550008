//! One finding with its source lines, drawn by `annotate-snippets`.
//!
//! That crate reads a whole source for each snippet and counts columns in what it shows. So it gets
//! only the lines around the spans, long ones cut, with hidden characters escaped; the true place of
//! the finding is put in afterwards.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level as Title, Origin, Renderer, Snippet};

use super::{Positions, Style};
use crate::diag::{Diagnostic, Label, Level, SourceId, escape};

/// A line is cut this many bytes before its first and after its last span.
const CONTEXT_BYTES: usize = 300;
/// A span over more lines than this is marked only in its first line.
const SPAN_LINES: usize = 6;
/// Spans of one file further apart than this many lines get a snippet each.
const GAP_LINES: usize = 4;
/// Further places of a finding are only counted.
const LABELS: usize = 12;
/// Encloses the number of a snippet in place of its path. No text can hold it: it is escaped everywhere.
const MARK: char = '\u{1}';

/// Returns the finding with a blank line behind it.
pub fn render(finding: &Diagnostic, positions: &Positions, style: Style) -> String {
    let level = match finding.level {
        Level::Error => Title::ERROR,
        Level::Warning => Title::WARNING,
        Level::Note => Title::NOTE,
    };
    let title = level.primary_title(escape::line(&finding.message).into_owned()).id(finding.code.slug);
    let shown: &[Label] = if finding.hidden { &[] } else { &finding.labels };
    let excerpts = excerpts(shown, positions);
    let mut group = Group::with_title(title);
    for label in finding.labels.iter().filter(|_| finding.hidden) {
        let (line, column) = positions.start(label.span);
        group = group.element(
            Origin::path(escape::line(positions.path(label.span)).into_owned()).line(line).char_column(column),
        );
    }
    for (number, excerpt) in excerpts.iter().enumerate() {
        group = group.element(excerpt.snippet(number));
    }
    let unseen = shown.len().saturating_sub(LABELS);
    let more = (unseen > 0).then(|| format!("and {unseen} more places"));
    for note in finding.notes.iter().chain(&more) {
        group = group.element(Title::NOTE.message(escape::lines(note).into_owned()));
    }
    let mut groups = vec![group];
    for help in &finding.help {
        groups.push(Group::with_title(Title::HELP.secondary_title(escape::lines(help).into_owned())));
    }
    let renderer = if style.color { Renderer::styled() } else { Renderer::plain() }.term_width(style.width.max(40));
    // Drawn together, a title without source lines gets an empty gutter below it.
    let is_bare = excerpts.is_empty() && finding.notes.is_empty() && !finding.hidden;
    let text = if is_bare {
        groups.iter().map(|group| renderer.render(std::slice::from_ref(group))).collect::<Vec<_>>().join("\n")
    } else {
        renderer.render(&groups)
    };
    let mut text = with_places(&text, &excerpts);
    text.push_str("\n\n");
    text
}

/// Some neighbouring lines of one file, ready to be shown.
struct Excerpt {
    /// `file:line:column` of its first label in the order given.
    place: String,
    first_line: usize,
    text: String,
    marks: Vec<(AnnotationKind, Range<usize>, String)>,
}

impl Excerpt {
    fn snippet(&self, number: usize) -> Snippet<'_, annotate_snippets::Annotation<'_>> {
        let marks = self.marks.iter().map(|(kind, span, text)| {
            kind.span(span.clone()).label(if text.is_empty() { None } else { Some(text.as_str()) })
        });
        Snippet::source(self.text.as_str())
            .path(format!("{MARK}{number}{MARK}"))
            .line_start(self.first_line)
            .annotations(marks)
    }
}

/// A label with the byte range and lines that will be marked.
struct Mark<'a> {
    label: &'a Label,
    is_primary: bool,
    bytes: Range<usize>,
    lines: Range<usize>,
}

/// Gathers labels that stand near each other; the primary one's excerpt comes first.
fn excerpts(labels: &[Label], positions: &Positions) -> Vec<Excerpt> {
    let mut clusters: Vec<(SourceId, Vec<Mark>)> = Vec::new();
    for (n, label) in labels.iter().take(LABELS).enumerate().filter(|(_, l)| !positions.path(l.span).is_empty()) {
        let mark = mark(label, n == 0, positions);
        let source = label.span.source;
        let is_near = |other: &Mark| {
            mark.lines.start <= other.lines.end + GAP_LINES && other.lines.start <= mark.lines.end + GAP_LINES
        };
        match clusters.iter_mut().find(|(id, marks)| *id == source && marks.iter().any(is_near)) {
            Some((_, marks)) => marks.push(mark),
            None => clusters.push((source, vec![mark])),
        }
    }
    clusters.iter().map(|(source, marks)| excerpt(*source, marks, positions)).collect()
}

fn mark<'a>(label: &'a Label, is_primary: bool, positions: &Positions) -> Mark<'a> {
    let source = label.span.source;
    let (start, end) = positions.range(label.span);
    let first = positions.line_at(source, start);
    // A span that ends with a line break does not reach into the next line.
    let last = positions.line_at(source, if end > start { end - 1 } else { end });
    let is_long = last - first >= SPAN_LINES || (last > first && end - start > CONTEXT_BYTES);
    let last = if is_long { first } else { last };
    // Neither end may lie in a line break.
    let start = start.min(positions.line_range(source, first).1);
    let end = end.clamp(start, positions.line_range(source, last).1);
    Mark { label, is_primary, bytes: start..end, lines: first..last }
}

fn excerpt(source: SourceId, marks: &[Mark], positions: &Positions) -> Excerpt {
    let first_line = marks.iter().map(|mark| mark.lines.start).min().unwrap_or(1);
    let last_line = marks.iter().map(|mark| mark.lines.end).max().unwrap_or(1);
    let (line, column) = positions.start(marks[0].label.span);
    let place = format!("{}:{line}:{column}", escape::line(positions.path(marks[0].label.span)));
    let full_text = positions.text(marks[0].label.span);
    let mut spans = vec![0..0; marks.len()];
    let mut text = String::new();
    for line in first_line..=last_line {
        let (start, end) = positions.line_range(source, line);
        let inside = |byte: usize| (start..=end).contains(&byte);
        let ends = || marks.iter().flat_map(|m| [m.bytes.start, m.bytes.end]).filter(|byte| inside(*byte));
        let window = window(&full_text[start..end], start, ends().min(), ends().max());
        let base = text.len() + if window.start > start { '…'.len_utf8() } else { 0 };
        let place = |byte: usize| base + shown(&full_text[window.start..byte.clamp(window.start, window.end)]).len();
        for (mark, span) in marks.iter().zip(&mut spans) {
            if inside(mark.bytes.start) {
                span.start = place(mark.bytes.start);
            }
            if inside(mark.bytes.end) {
                span.end = place(mark.bytes.end);
            }
        }
        text.push_str(if window.start > start { "…" } else { "" });
        text.push_str(&shown(&full_text[window.clone()]));
        text.push_str(if window.end < end { "…" } else { "" });
        if line < last_line {
            text.push('\n');
        }
    }
    let kind = |mark: &Mark| if mark.is_primary { AnnotationKind::Primary } else { AnnotationKind::Context };
    let marks = marks.iter().zip(spans).map(|(m, span)| (kind(m), span, escape::lines(&m.label.text).into_owned()));
    Excerpt { place, first_line, marks: marks.collect(), text }
}

/// Returns the bytes of a line to show, given where its marks begin and end.
fn window(line: &str, start: usize, first: Option<usize>, last: Option<usize>) -> Range<usize> {
    let first = first.unwrap_or(start) - start;
    // A mark longer than what fits is cut, too.
    let last = (last.unwrap_or(start) - start).min(first + 4 * CONTEXT_BYTES);
    let mut from = first.saturating_sub(CONTEXT_BYTES);
    let mut to = (last + CONTEXT_BYTES).min(line.len());
    while !line.is_char_boundary(from) {
        from -= 1;
    }
    while !line.is_char_boundary(to) {
        to += 1;
    }
    start + from..start + to
}

/// Escapes a part of a source line. Tabs stay, they are drawn as blanks. Each character is escaped
/// for itself, so that a part is as long as it is within the whole.
fn shown(part: &str) -> String {
    let mut out = String::with_capacity(part.len());
    for c in part.chars() {
        match c {
            '\t' => out.push(c),
            '[' if out.ends_with("##") => out.push_str("\\u{5b}"),
            _ if escape::is_hidden(c) => out.push_str(&escape::line(c.encode_utf8(&mut [0; 4]))),
            _ => out.push(c),
        }
    }
    out
}

/// Puts the true places where the snippets' marks stand, over the line and column counted by the renderer.
fn with_places(text: &str, excerpts: &[Excerpt]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut parts = text.split(MARK);
    out.push_str(parts.next().unwrap_or_default());
    while let (Some(number), Some(rest)) = (parts.next(), parts.next()) {
        let place = number.parse().ok().and_then(|n: usize| excerpts.get(n)).map_or("", |e| &e.place);
        out.push_str(place);
        out.push_str(rest.trim_start_matches(|c: char| c == ':' || c.is_ascii_digit()));
    }
    out
}
