//! Texts that our event parser takes and Go refuses: source text in, an error with its place out.
//!
//! A file that passes here but not in Helm would be found out only in the cluster. Sources: the
//! reader and scanner of go.yaml.in/yaml/v2 v2.4.5 (`readerc.go`, `scannerc.go`). Nothing here
//! looks at values.

use granit_parser::{ScalarStyle, Span};

use super::ReadError;

/// Makes an error at a byte offset.
pub(super) fn error_at(text: &str, offset: usize, message: impl Into<String>) -> ReadError {
    let before = &text[..offset];
    let line_start = before.rfind('\n').map_or(0, |i| i + 1);
    let line = 1 + before.bytes().filter(|b| *b == b'\n').count();
    ReadError { message: message.into(), line, column: 1 + before[line_start..].chars().count() }
}

/// Checks the characters of a text and finds the tabs that indent a line.
pub(super) fn characters(text: &str) -> Result<IndentingTabs, ReadError> {
    let mut tabs = IndentingTabs::default();
    // Nearly every manifest is plain ASCII without tabs; this loop is a few vector instructions.
    let odd = |b: u8| (b < 0x20 && b != b'\n') || b >= 0x7f;
    if !text.bytes().fold(false, |any, b| any | odd(b)) {
        return Ok(tabs);
    }
    let mut only_spaces = true;
    for (offset, c) in text.char_indices() {
        match c {
            '\n' | '\r' => only_spaces = true,
            ' ' => {}
            '\t' => {
                if only_spaces {
                    tabs.offsets.push(offset);
                }
                only_spaces = false;
            }
            '\u{feff}' if offset == 0 => {}
            '\0'..='\x1f' | '\x7f'..='\u{84}' | '\u{86}'..='\u{9f}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                let code = u32::from(c);
                let message = format!(
                    "control character U+{code:04X} is not allowed in YAML; write it as an escape in double quotes"
                );
                return Err(error_at(text, offset, message));
            }
            '\u{85}' | '\u{2028}' | '\u{2029}' => {
                let code = u32::from(c);
                let message =
                    format!("line separator U+{code:04X} ends a line for Helm; write it as an escape in double quotes");
                return Err(error_at(text, offset, message));
            }
            _ => only_spaces = false,
        }
    }
    Ok(tabs)
}

/// The tabs with only spaces before them on their line, in order; Go takes them in few places.
#[derive(Default)]
pub(super) struct IndentingTabs {
    offsets: Vec<usize>,
    passed: usize,
}

impl IndentingTabs {
    /// Says whether there is still a tab to judge.
    pub(super) fn any(&self) -> bool {
        self.passed < self.offsets.len()
    }

    /// Lets all tabs before `end` be, as in a quoted string or a flow collection.
    pub(super) fn allow_before(&mut self, end: usize) {
        while self.offsets.get(self.passed).is_some_and(|offset| *offset < end) {
            self.passed += 1;
        }
    }

    /// Refuses any tab before `end`.
    pub(super) fn refuse_before(&self, text: &str, end: usize) -> Result<(), ReadError> {
        match self.offsets.get(self.passed) {
            Some(offset) if *offset < end => Err(error_at(
                text,
                *offset,
                "tabs are not allowed for indentation; use \
            spaces",
            )),
            _ => Ok(()),
        }
    }

    /// Judges the tabs in and right after a plain scalar, which Go reads on to the next text.
    pub(super) fn plain_scalar(&mut self, text: &str, span: &Span, indent: usize) -> Result<(), ReadError> {
        let Some(range) = span.byte_range().filter(|range| !range.is_empty()) else { return Ok(()) };
        let rest = &text[range.end..];
        let end = range.end + rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
        while let Some(offset) = self.offsets.get(self.passed).copied().filter(|offset| *offset < end) {
            let column = offset - text[..offset].rfind(['\n', '\r']).map_or(0, |i| i + 1);
            if column < indent {
                return self.refuse_before(text, end);
            }
            self.passed += 1;
        }
        Ok(())
    }

    /// Judges the tabs of a block scalar, whose span begins at its first character: Go refuses a tab
    /// where it still looks for indentation.
    pub(super) fn block_scalar(&mut self, text: &str, span: &Span) -> Result<(), ReadError> {
        let Some(range) = span.byte_range() else { return Ok(()) };
        let indent = span.start.col();
        while let Some(offset) = self.offsets.get(self.passed).copied().filter(|offset| *offset < range.end) {
            let line_start = text[..offset].rfind(['\n', '\r']).map_or(0, |i| i + 1);
            let guessed = offset == range.start && !has_indentation_indicator(&text[..line_start]);
            if offset - line_start < indent || guessed {
                return self.refuse_before(text, range.end);
            }
            self.passed += 1;
        }
        Ok(())
    }
}

/// Says whether the block scalar header at the end of a text says how far its content is indented.
fn has_indentation_indicator(before: &str) -> bool {
    let header = before.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
    let header = header.split(" #").next().unwrap_or_default().trim_end();
    header.rsplit(['|', '>']).next().is_some_and(|signs| signs.bytes().any(|b| b.is_ascii_digit()))
}

/// Refuses the escapes of double quotes that Go does not know.
pub(super) fn escapes(text: &str, style: ScalarStyle, span: &Span) -> Result<(), ReadError> {
    if style != ScalarStyle::DoubleQuoted {
        return Ok(());
    }
    let (Some(range), Some(raw)) = (span.byte_range(), span.slice(text)) else { return Ok(()) };
    let mut rest = raw;
    while let Some(at) = rest.find('\\') {
        let offset = range.start + raw.len() - rest.len() + at;
        rest = &rest[at + 1..];
        if rest.starts_with('/') {
            return Err(error_at(text, offset, "Helm does not support the escape `\\/`; write `/`"));
        }
        let code = rest.strip_prefix('u').and_then(|hex| u32::from_str_radix(hex.get(..4)?, 16).ok());
        if code.is_some_and(|code| (0xd800..0xe000).contains(&code)) {
            return Err(error_at(
                text,
                offset,
                "Helm does not support escaped surrogate pairs; write `\\U` and eight digits",
            ));
        }
        rest = rest.get(1..).unwrap_or_default();
    }
    Ok(())
}
