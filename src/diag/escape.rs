//! Makes text from a repository safe to print: what a terminal, a reader's eye or a CI log would
//! interpret is shown as `\u{202e}` instead.
//!
//! Text comes in as anyone wrote it and goes out inert and still readable. Nothing is dropped: a
//! hidden character that vanishes is as misleading as one that acts. JSON has an escape of its own
//! (`json`), so that a program still reads back the original.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Returns `text` as one line: line breaks and tabs are escaped as well.
pub fn line(text: &str) -> Cow<'_, str> {
    escape(text, false)
}

/// Returns `text` with its line breaks and tabs kept.
///
/// A line that begins with `::` would be a command to a GitHub runner, which trims leading blanks
/// before it looks; the second colon is escaped.
pub fn lines(text: &str) -> Cow<'_, str> {
    escape(text, true)
}

/// Returns serialised JSON with hidden characters as `\u202e`; the value it stands for is unchanged.
pub fn json(text: String) -> String {
    if !text.chars().any(|c| !c.is_ascii_control() && is_hidden(c)) {
        return text;
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut units = [0; 2];
    for c in text.chars() {
        // Line breaks of the layout are the only raw ASCII control characters in serialised JSON.
        if c.is_ascii_control() || !is_hidden(c) {
            out.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut units) {
            write!(out, "\\u{unit:04x}").expect("writing to a string");
        }
    }
    out
}

fn escape(text: &str, keep_layout: bool) -> Cow<'_, str> {
    let is_plain = |c: char| !is_hidden(c) || (keep_layout && matches!(c, '\n' | '\t'));
    if text.chars().all(is_plain) && !text.contains("##[") && !text.contains("::") {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    let (mut hashes, mut blank, mut colon) = (0_usize, true, false);
    for c in text.chars() {
        // `##[` anywhere and `::` after nothing but blanks are commands to CI runners.
        let command = (c == '[' && hashes >= 2) || (c == ':' && colon);
        if command || !is_plain(c) {
            match c {
                '\n' => out.push_str("\\n"),
                '\t' => out.push_str("\\t"),
                _ => write!(out, "\\u{{{:x}}}", u32::from(c)).expect("writing to a string"),
            }
        } else {
            out.push(c);
        }
        colon = c == ':' && blank;
        blank = if c == '\n' { keep_layout } else { blank && c.is_whitespace() };
        hashes = if c == '#' { hashes + 1 } else { 0 };
    }
    Cow::Owned(out)
}

/// Says whether a character acts on its surroundings or cannot be seen.
///
/// The ranges are the control characters, the bidirectional controls of CVE-2021-42574
/// (<https://trojansource.codes>), and those that Unicode calls default ignorable
/// (<https://www.unicode.org/Public/16.0.0/ucd/DerivedCoreProperties.txt>), without the variation
/// selectors that ordinary emoji carry. Private characters have no agreed look, so they count too.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{e000}'..='\u{f8ff}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}' | '\u{f0000}'..='\u{10ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_characters_are_shown() {
        assert_eq!(line("a\u{1b}[31mb"), "a\\u{1b}[31mb");
        assert_eq!(line("\u{202e}abc\u{2066}"), "\\u{202e}abc\\u{2066}");
        assert_eq!(line("a\nb\tc"), "a\\nb\\tc");
        assert_eq!(line("\u{9b}31m"), "\\u{9b}31m");
        assert_eq!(lines("a\nb\tc\r"), "a\nb\tc\\u{d}");
        assert_eq!(line("grün 日本 👍\u{fe0f}"), "grün 日本 👍\u{fe0f}");
    }

    #[test]
    fn commands_to_a_runner_are_broken() {
        assert_eq!(line("::error::x"), ":\\u{3a}error::x");
        assert_eq!(lines("a::b\n  ::add-mask::x"), "a::b\n  :\\u{3a}add-mask::x");
        assert_eq!(line("x ##[group]"), "x ##\\u{5b}group]");
        assert_eq!(line("a::b [c] #[d]"), "a::b [c] #[d]");
    }

    #[test]
    fn json_keeps_the_value() {
        let text = "a\u{202e}\u{e0001}\u{1b}\n";
        let escaped = json(serde_json::to_string(text).unwrap());
        assert!(escaped.is_ascii());
        assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), text);
    }
}
