//! Diagnostics → text: with source lines for people, one line each for editors, JSON for programs.
//!
//! Findings come in as the stages left them and go out sorted, without repetition, and with every
//! character from the user's files made inert (see [`escape`](super::escape)). Nothing is printed here.

mod full; //      with source lines and carets
mod json; //      one object for programs
mod position; //  byte offsets → lines and columns

use std::cmp::Ordering;
use std::fmt::Write as _;

use position::Positions;

use super::{Diagnostic, Level, Sources, escape};

/// How many findings the text formats show; JSON holds all.
pub const LIMIT: usize = 50;

/// How findings are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// With source lines, notes and help.
    Full,
    /// `file:line:column: error[slug] message`, one line each.
    Concise,
    /// One object with all findings.
    Json,
}

/// What the output can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    pub color: bool,
    /// Columns of the terminal; longer source lines are cut around the carets.
    pub width: usize,
}

/// Returns the findings as text, sorted by file, line and level, each only once.
///
/// The text formats show at most [`LIMIT`] of them and then `and n more`; when there are more,
/// errors go before warnings and notes. The text ends with a line break unless it is empty.
pub fn render(diagnostics: &[Diagnostic], sources: &Sources, format: Format, style: Style) -> String {
    let positions = Positions::new(diagnostics, sources);
    let mut findings = sorted(diagnostics, &positions);
    if format == Format::Json {
        return json::render(&findings, &positions);
    }
    let hidden = findings.len().saturating_sub(LIMIT);
    if hidden > 0 {
        keep_worst(&mut findings);
    }
    let mut out = String::new();
    for finding in findings {
        match format {
            Format::Full => out.push_str(&full::render(finding, &positions, style)),
            _ => concise(&mut out, finding, &positions),
        }
    }
    if hidden > 0 {
        writeln!(out, "and {hidden} more").expect("writing to a string");
    }
    out
}

/// Returns the count per level as in `2 errors, 1 warning`, or nothing when there are no findings.
pub fn summary(diagnostics: &[Diagnostic]) -> Option<String> {
    let counts = [(Level::Error, "error"), (Level::Warning, "warning"), (Level::Note, "note")];
    let parts: Vec<String> = counts
        .into_iter()
        .map(|(level, word)| (diagnostics.iter().filter(|d| d.level == level).count(), word))
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}{}", if count == 1 { "" } else { "s" }))
        .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Orders findings as a reader walks through the files, and drops those that say the same again.
fn sorted<'a>(diagnostics: &'a [Diagnostic], positions: &Positions) -> Vec<&'a Diagnostic> {
    let place = |d: &Diagnostic| d.labels.first().map(|l| (positions.path(l.span), positions.line(l.span), l.span));
    let compare = |a: &&Diagnostic, b: &&Diagnostic| -> Ordering {
        let (at, bt) = (place(a), place(b));
        let lines = at.map(|(path, line, _)| (path, line)).cmp(&bt.map(|(path, line, _)| (path, line)));
        lines
            .then(a.level.cmp(&b.level))
            .then_with(|| at.map(|(.., span)| span).cmp(&bt.map(|(.., span)| span)))
            .then_with(|| (a.code.slug, &a.message).cmp(&(b.code.slug, &b.message)))
    };
    let mut findings: Vec<&Diagnostic> = diagnostics.iter().collect();
    findings.sort_by(compare);
    findings.dedup_by(|a, b| compare(a, b) == Ordering::Equal);
    findings
}

/// Cuts to [`LIMIT`] findings: the worst ones, and among equals the first ones, still in order.
fn keep_worst(findings: &mut Vec<&Diagnostic>) {
    let mut order: Vec<usize> = (0..findings.len()).collect();
    order.sort_by_key(|i| findings[*i].level);
    order.truncate(LIMIT);
    order.sort_unstable();
    *findings = order.into_iter().map(|i| findings[i]).collect();
}

fn concise(out: &mut String, finding: &Diagnostic, positions: &Positions) {
    if let Some(label) = finding.labels.first() {
        let (line, column) = positions.start(label.span);
        write!(out, "{}:{line}:{column}: ", escape::line(positions.path(label.span))).expect("writing to a string");
    }
    let (level, slug) = (level_word(finding.level), finding.code.slug);
    writeln!(out, "{level}[{slug}] {}", escape::line(&finding.message)).expect("writing to a string");
}

fn level_word(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Note => "note",
    }
}

#[cfg(test)]
pub(crate) mod tests;
