//! The lines below the head of a change: its risk, where it was before, and each hunk.

use similar::{ChangeTag, TextDiff};

use super::{Paint, plural};
use crate::diag::escape;
use crate::diff::{Action, Change, Hunk};
use crate::manifest::value::Value;
use crate::manifest::yaml;

/// A resource or block of this many lines or more is only counted.
const BLOCK_LINES: usize = 40;
/// Longer scalars are cut around the first difference, in characters.
const SCALAR_CHARS: usize = 160;
/// Texts larger than this, in bytes, are not compared line by line.
const TEXT_BYTES: usize = 256 << 10;

/// Returns the lines, each with its line break.
pub fn render(change: &Change, paint: Paint) -> String {
    let mut body = Body { out: String::new(), paint };
    if let Some(risk) = &change.risk {
        body.line(&format!("{}: {}", paint.bold(risk.level.words()), escape::line(&risk.reason)));
    }
    if let Some(other) = &change.renamed {
        let word = if change.action == Action::Add { "from" } else { "to" };
        body.line(&format!("renamed {word} {}", escape::line(&other.to_string())));
    }
    if let Some(file) = &change.moved_from {
        body.line(&format!("moved from {}", escape::line(file)));
    }
    if let Some(counts) = change.counts {
        let (added, kib) = (plural(counts.added, "line"), counts.bytes.div_ceil(1024));
        body.line(&format!("not compared in detail: {added} added, {} removed, {kib} KiB", counts.removed));
    }
    for hunk in &change.hunks {
        body.hunk(hunk);
    }
    if change.more_hunks > 0 {
        let count = plural(change.more_hunks, "difference").replacen(' ', " more ", 1);
        body.line(&format!("and {count}"));
    }
    body.out
}

/// Returns the lines of hunks alone.
pub fn hunks(hunks: &[Hunk], paint: Paint) -> String {
    let mut body = Body { out: String::new(), paint };
    for hunk in hunks {
        body.hunk(hunk);
    }
    body.out
}

struct Body {
    out: String,
    paint: Paint,
}

impl Body {
    fn line(&mut self, text: &str) {
        self.out.push_str(format!("    {text}").trim_end());
        self.out.push('\n');
    }

    fn marked(&mut self, marker: &str, text: &str) {
        let line = self.paint.marker(marker, &format!("{marker} {text}"));
        self.line(&line);
    }

    fn hunk(&mut self, hunk: &Hunk) {
        let path = escape::line(&hunk.path).into_owned();
        let at = |value: &str| if path.is_empty() { value.to_owned() } else { format!("{path}: {value}") };
        match (&hunk.old, &hunk.new) {
            (Some(_), Some(_)) if hunk.masked => self.marked("~", &at("changed (value hidden)")),
            (None, Some(_)) if hunk.masked => self.marked("+", &at("added (value hidden)")),
            (Some(_), None) if hunk.masked => self.marked("-", &at("removed (value hidden)")),
            (Some(Value::Str(old)), Some(Value::Str(new))) if old.contains('\n') || new.contains('\n') => {
                if !path.is_empty() {
                    self.marked("~", &format!("{path}:"));
                }
                self.lines(old, new);
            }
            (Some(old), Some(new)) => {
                if let (Some(old), Some(new)) = (scalar(old), scalar(new)) {
                    let (old, new) = clipped(&old, &new);
                    self.marked("~", &at(&format!("{old} → {new}")));
                } else {
                    self.block("-", &path, old);
                    self.block("+", &path, new);
                }
            }
            (None, Some(new)) => self.block("+", &path, new),
            (Some(old), None) => self.block("-", &path, old),
            (None, None) => {}
        }
    }

    /// Shows a value that is on one side only.
    fn block(&mut self, marker: &str, path: &str, value: &Value) {
        let is_text = value.as_str().is_some_and(|text| text.contains('\n'));
        if let Some(text) = scalar(value).filter(|_| !is_text && !path.is_empty()) {
            return self.marked(marker, &format!("{path}: {}", clip(&text, 0)));
        }
        let text = match value {
            Value::Str(text) => text.to_string(),
            value => yaml::write(value),
        };
        let lines = text.lines().count();
        let indent = if path.is_empty() { "" } else { "  " };
        if lines >= BLOCK_LINES {
            let title = if path.is_empty() { String::new() } else { format!("{path}: ") };
            return self.marked(marker, &format!("{title}{}", plural(lines, "line")));
        }
        if !path.is_empty() {
            self.marked(marker, &format!("{path}:"));
        }
        for line in text.lines() {
            self.marked(marker, &format!("{indent}{}", clip(&escape::line(line), 0)));
        }
    }

    /// Shows the lines that differ with three lines around them.
    fn lines(&mut self, old: &str, new: &str) {
        if old.len().max(new.len()) > TEXT_BYTES {
            let counts = crate::diff::lines::count(old, new);
            let added = plural(counts.added, "line");
            return self.line(&format!("  {added} added, {} removed", counts.removed));
        }
        let diff = TextDiff::from_lines(old, new);
        let mut left = BLOCK_LINES;
        for (n, group) in diff.grouped_ops(3).iter().enumerate() {
            if n > 0 && left > 0 {
                self.line("  …");
            }
            for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
                if left == 0 {
                    let counts = crate::diff::lines::count(old, new);
                    return self.line(&format!(
                        "  … {} added, {} removed in total",
                        plural(counts.added, "line"),
                        counts.removed
                    ));
                }
                left -= 1;
                let text = clip(&escape::line(change.value().trim_end_matches(['\n', '\r'])), 0);
                match change.tag() {
                    ChangeTag::Equal => self.line(&format!("    {text}")),
                    ChangeTag::Delete => self.marked("  -", &text),
                    ChangeTag::Insert => self.marked("  +", &text),
                }
            }
        }
    }
}

/// Returns a scalar as one would write it; a string is quoted when it could be read as something else.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Map(map) if map.is_empty() => Some("{}".to_owned()),
        Value::List(list) if list.is_empty() => Some("[]".to_owned()),
        Value::Map(_) => None,
        Value::List(list) => {
            let items: Option<Vec<String>> =
                list.iter().map(|item| scalar(item).filter(|_| !matches!(item, Value::List(_)))).collect();
            items.map(|items| format!("[{}]", items.join(", "))).filter(|text| text.len() <= 80)
        }
        Value::Str(s) => {
            let is_other = s.parse::<f64>().is_ok() || matches!(&**s, "" | "true" | "false" | "null" | "~");
            let is_bare = !is_other && s.trim() == &**s && !s.starts_with(['[', '{', '"', '\'']);
            Some(if is_bare { escape_scalar(s) } else { format!("\"{}\"", escape_scalar(s)) })
        }
        other => serde_json::to_string(other).ok(),
    }
}

fn escape_scalar(text: &str) -> String {
    escape::line(text).into_owned()
}

/// Cuts two scalars to where they begin to differ.
fn clipped(old: &str, new: &str) -> (String, String) {
    let common = old.chars().zip(new.chars()).take_while(|(a, b)| a == b).count();
    let start = if old.chars().count().max(new.chars().count()) > SCALAR_CHARS { common.saturating_sub(20) } else { 0 };
    (clip(old, start), clip(new, start))
}

/// Returns the characters from `start` on, as many as fit, with `…` where some are left out.
fn clip(text: &str, start: usize) -> String {
    let mut chars = text.chars().skip(start);
    let mut out = String::from(if start > 0 { "…" } else { "" });
    out.extend(chars.by_ref().take(SCALAR_CHARS));
    if chars.next().is_some() {
        out.push('…');
    }
    out
}
