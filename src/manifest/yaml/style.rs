//! How a string is written: a string in, its style out.
//!
//! Plain only where no reader can see anything but this string: go-yaml v2 and v3, `PyYAML` (YAML
//! 1.1 with sexagesimals, dates, `=` and `<<`), libyaml-based and YAML 1.2 readers. When in doubt
//! the answer is quotes; nothing here knows about indentation.

/// A way to write a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    /// Single quotes: the text as it is, `'` doubled.
    Single,
    /// Double quotes with escapes.
    Double,
    /// A block literal.
    Literal,
}

const SPACE: u8 = 1; //    allowed inside, but watched
const COLON: u8 = 2; //    `:` and `#`, which may end a plain scalar
const QUOTE: u8 = 4; //    `'`
const ESCAPE: u8 = 8; //   `"` and `\`, dear in double quotes
const NEWLINE: u8 = 16;
const CONTROL: u8 = 32; // must be written as an escape
const WIDE: u8 = 64; //    not ASCII

const CLASS: [u8; 256] = {
    let mut class = [0; 256];
    let mut byte = 0_u8;
    loop {
        class[byte as usize] = match byte {
            b' ' => SPACE,
            b':' | b'#' => COLON,
            b'\'' => QUOTE,
            b'"' | b'\\' => ESCAPE,
            b'\n' => NEWLINE,
            0..0x20 | 0x7f => CONTROL,
            0x80.. => WIDE,
            _ => 0,
        };
        if byte == u8::MAX {
            break class;
        }
        byte += 1;
    }
};

/// Returns the style for a value.
pub(super) fn of_value(text: &str) -> Style {
    style(text, true)
}

/// Returns the style for a key, which has to stay on one line.
pub(super) fn of_key(text: &str) -> Style {
    style(text, false)
}

fn style(text: &str, literal: bool) -> Style {
    let mut seen = text.bytes().fold(0, |seen, b| seen | CLASS[usize::from(b)]);
    if seen & WIDE != 0 && text.chars().any(must_escape) {
        seen |= CONTROL;
    }
    if seen & CONTROL != 0 {
        return if literal && seen & NEWLINE != 0 && is_safe_literal(text) { Style::Literal } else { Style::Double };
    }
    if seen & NEWLINE != 0 {
        return if literal && is_safe_literal(text) { Style::Literal } else { Style::Double };
    }
    match plain(text, seen) {
        Plain::Safe => Style::Plain,
        Plain::OtherType => Style::Double,
        // `"it's"` reads better than `'it''s'`.
        Plain::Syntax if seen & QUOTE != 0 && seen & ESCAPE == 0 => Style::Double,
        Plain::Syntax => Style::Single,
    }
}

/// Says whether a character is written as an escape: what some reader refuses or takes for a line
/// end, and what hides or reorders the text around it.
pub(super) fn must_escape(c: char) -> bool {
    matches!(c,
        '\0'..='\x1f' | '\x7f'..='\u{9f}'
        | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// Says whether a text with line breaks reads back the same from a block literal in every reader.
fn is_safe_literal(text: &str) -> bool {
    let body = text.strip_suffix('\n').unwrap_or(text);
    !text.starts_with([' ', '\t', '\n'])
        && !body.ends_with('\n')
        && body.split('\n').all(|line| !line.starts_with('\t') && !line.ends_with([' ', '\t']))
        && !text.chars().any(|c| must_escape(c) && c != '\n' && c != '\t')
}

/// What a reader would make of a plain text.
enum Plain {
    Safe,
    /// Perhaps a number, a date, a boolean or null.
    OtherType,
    /// No scalar, or another one.
    Syntax,
}

fn plain(text: &str, seen: u8) -> Plain {
    if seen & COLON != 0 && (text.ends_with(':') || text.contains(": ") || text.contains(" #")) {
        return Plain::Syntax;
    }
    if seen & SPACE != 0 && text.ends_with(' ') {
        return Plain::Syntax;
    }
    let inside_is_safe = seen & WIDE == 0 || text.chars().all(|c| c.is_ascii() || c.is_alphanumeric());
    let begins = match text.as_bytes() {
        [b'a'..=b'z' | b'A'..=b'Z', ..] => letters(text),
        [b'0'..=b'9', ..] => digits(text),
        [b'/', ..] => Plain::Safe,
        [b'_', b'a'..=b'z' | b'A'..=b'Z' | b'_', ..] => Plain::Safe,
        [b'$', b'(' | b'{' | b'a'..=b'z' | b'A'..=b'Z', ..] => Plain::Safe,
        [b'(', b'a'..=b'z' | b'A'..=b'Z', ..] => Plain::Safe,
        [b'.', b'/', ..] | [b'.', b'.', b'/', ..] => Plain::Safe,
        // `.inf`, `.nan` and, for some readers, `.e3` are numbers.
        [b'.', b'a'..=b'd' | b'f'..=b'h' | b'j'..=b'm' | b'o'..=b'z', ..] => Plain::Safe,
        [b'-', b'a'..=b'z' | b'A'..=b'Z', ..] => letters(&text[1..]),
        [b'-', b'-', b'a'..=b'z' | b'A'..=b'Z', ..] => Plain::Safe,
        [] | [b'+' | b'-' | b'.' | b'~' | b'=' | b'<', ..] => Plain::OtherType,
        [0x80..=0xff, ..] if text.starts_with(char::is_alphabetic) => Plain::Safe,
        _ => Plain::Syntax,
    };
    if matches!(begins, Plain::Safe) && !inside_is_safe { Plain::Syntax } else { begins }
}

fn letters(text: &str) -> Plain {
    const WORDS: [&str; 13] =
        ["y", "n", "no", "on", "yes", "off", "nan", "inf", "true", "null", "false", "infinity", "~"];
    let taken = text.len() <= 8 && WORDS.iter().any(|word| text.eq_ignore_ascii_case(word));
    if taken { Plain::OtherType } else { Plain::Safe }
}

/// Judges a text that begins with a digit: safe when it holds a character no number, date or time has.
fn digits(text: &str) -> Plain {
    let bytes = text.as_bytes();
    let based = bytes[0] == b'0' && matches!(bytes.get(1), Some(b'x' | b'X' | b'o' | b'O' | b'b' | b'B'));
    // The letters of exponents, prefixes and times are `b e o t x z`; hexadecimals need a prefix.
    let foreign = |b: &u8| match b {
        b'/' => true,
        b'a' | b'c' | b'd' | b'f' | b'A' | b'C' | b'D' | b'F' => !based,
        b'b' | b'e' | b'o' | b't' | b'x' | b'z' | b'B' | b'E' | b'O' | b'T' | b'X' | b'Z' => false,
        _ => b.is_ascii_alphabetic(),
    };
    if bytes.iter().any(foreign) || is_version(text) { Plain::Safe } else { Plain::OtherType }
}

/// Says whether a text is at least three groups of digits with dots between, as `1.2.3`.
fn is_version(text: &str) -> bool {
    let mut groups = text.split('.');
    groups.clone().count() >= 3 && groups.all(|group| !group.is_empty() && group.bytes().all(|b| b.is_ascii_digit()))
}
