//! Hand edits as text: what lakegen renders and what stands there come in, a short diff goes out.
//!
//! Only bytes of files below the output root are shown, and nothing in them is interpreted by a terminal.

use crate::diag::stop::{Class, Stop};
use similar::TextDiff;

/// Most files whose edits are shown in full.
const MAX_FILES: usize = 5;
/// Most lines shown of one edit.
const MAX_LINES: usize = 40;
/// Most characters shown of one line.
const MAX_COLUMNS: usize = 200;
/// Larger files are only named.
const MAX_BYTES: usize = 256 << 10;

/// An owned file that carries other bytes than lakegen wrote.
pub(super) struct Edit {
    pub path: String,
    /// What lakegen renders now; nothing when the file is no longer rendered.
    pub rendered: Option<Vec<u8>>,
    /// What stands there; nothing when it is too large to look at.
    pub found: Option<Vec<u8>>,
}

/// Returns the refusal that shows these edits and the ways on.
pub(super) fn refusal(edits: &[Edit], place: &str) -> Stop {
    let first = &edits[0].path;
    let message = match edits.len() {
        1 => format!("`{first}` was edited by hand, and {place} would lose the edit"),
        n => format!("{n} generated files were edited by hand, and {place} would lose the edits"),
    };
    let mut details: Vec<String> = edits.iter().take(MAX_FILES).map(describe).collect();
    if edits.len() > MAX_FILES {
        let rest: Vec<&str> = edits[MAX_FILES..].iter().map(|edit| edit.path.as_str()).take(20).collect();
        let more = (edits.len() - MAX_FILES).saturating_sub(rest.len());
        let tail = if more > 0 { format!(" and {more} more") } else { String::new() };
        details.push(format!("also edited: {}{tail}", rest.join(", ")));
    }
    Stop::new(Class::Refused, message)
        .details(details)
        .help("to keep the edit, add it to `platform.toml` under the component's `patches` or `values`")
        .help("to drop it, run again with `--overwrite`")
        .help(format!("to review it first, run `git diff -- {first}`; `git checkout -- {first}` reverts it"))
}

fn describe(edit: &Edit) -> String {
    let path = &edit.path;
    let Some(rendered) = &edit.rendered else { return format!("{path}: edited, but no longer rendered") };
    let Some(found) = edit.found.as_ref().filter(|found| found.len().max(rendered.len()) <= MAX_BYTES) else {
        return format!("{path}: edited; too large to show");
    };
    let (rendered, found) = (String::from_utf8_lossy(rendered), String::from_utf8_lossy(found));
    let diff = TextDiff::from_lines(rendered.as_ref(), found.as_ref());
    let text = diff
        .unified_diff()
        .context_radius(2)
        .header(&format!("{path} (rendered)"), &format!("{path} (edited)"))
        .to_string();
    let total = text.lines().count();
    let mut lines: Vec<String> = text.lines().take(MAX_LINES).map(inert).collect();
    if total > MAX_LINES {
        lines.push(format!("… {} more lines", total - MAX_LINES));
    }
    lines.join("\n")
}

/// Returns the line cut to size, with everything that a terminal would act on escaped.
fn inert(line: &str) -> String {
    let mut text = String::new();
    for (column, c) in line.chars().enumerate() {
        if column == MAX_COLUMNS {
            text.push('…');
            break;
        }
        let hidden =
            c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}');
        if hidden && c != '\t' { text.extend(c.escape_default()) } else { text.push(c) }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(rendered: &str, found: &str) -> Edit {
        Edit { path: "a.yaml".into(), rendered: Some(rendered.into()), found: Some(found.into()) }
    }

    #[test]
    fn shows_the_edit() {
        let error = refusal(&[edit("a: 1\nb: 2\n", "a: 1\nb: 3\n")], "rendering");
        let text = error.to_string();
        assert!(text.contains("-b: 2") && text.contains("+b: 3"), "{text}");
        assert_eq!(error.help.len(), 3);
        assert!(text.contains("--overwrite") && text.contains("git checkout -- a.yaml") && text.contains("`patches`"));
    }

    #[test]
    fn is_short_and_inert() {
        let long: String = (0..500).map(|n| format!("line {n}\n")).collect();
        let error = refusal(
            &[edit("", &long), edit("x", &"y".repeat(100_000)), edit("", "a\u{1b}[2J\u{202e}b\n")],
            "rendering",
        );
        assert!(error.details[0].lines().count() == MAX_LINES + 1 && error.details[0].ends_with("more lines"));
        assert!(error.details[1].len() < 1000);
        assert!(error.details[2].contains(r"\u{1b}[2J\u{202e}"), "{}", error.details[2]);
        let huge = Edit { path: "b".into(), rendered: Some(vec![b'x'; MAX_BYTES + 1]), found: Some(vec![]) };
        assert_eq!(describe(&huge), "b: edited; too large to show");
        let many: Vec<Edit> = (0..40).map(|_| edit("a", "b")).collect();
        let error = refusal(&many, "rendering");
        assert_eq!(error.details.len(), MAX_FILES + 1);
        assert!(error.details[MAX_FILES].ends_with("and 15 more"));
    }
}
