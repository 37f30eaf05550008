//! In which style go-yaml writes a string: what its characters allow, and what would be read back as something else.

use super::go_time_read;
use super::go_yaml::Dialect;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Single,
    Double,
    Literal,
}

/// The style that a text allows (`yaml_emitter_analyze_scalar` and `yaml_emitter_select_scalar_style`).
pub(super) fn fit(text: &str, style: Style, key: bool, dialect: Dialect) -> Style {
    let facts = Facts::of(text, dialect);
    let mut style = if key && facts.breaks { Style::Double } else { style };
    if style == Style::Plain && (!facts.plain || (text.is_empty() && key)) {
        style = Style::Single;
    }
    if style == Style::Single && !facts.single {
        style = Style::Double;
    }
    if style == Style::Literal && (!facts.block || key) {
        style = Style::Double;
    }
    style
}

/// What a text allows.
struct Facts {
    breaks: bool,
    plain: bool,
    single: bool,
    block: bool,
}

impl Facts {
    fn of(text: &str, dialect: Dialect) -> Self {
        if text.is_empty() {
            return Self { breaks: false, plain: true, single: true, block: false };
        }
        let mut indicators = text.starts_with("---") || text.starts_with("...");
        let (mut breaks, mut special, mut tabs) = (false, false, false);
        let (mut break_space, mut space_break) = (false, false);
        let (mut previous_space, mut previous_break) = (false, false);
        let mut after_blank = true;
        let mut chars = text.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            let before_blank = chars.peek().is_none_or(|(_, next)| matches!(next, ' ' | '\t'));
            indicators |= match c {
                '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`'
                    if at == 0 =>
                {
                    true
                }
                '?' | '-' if at == 0 => before_blank,
                ':' => before_blank,
                '#' => after_blank,
                _ => false,
            };
            if c == '\t' && dialect == Dialect::Pretty {
                tabs = true;
            } else {
                special |= !is_printable(c);
            }
            if c == ' ' {
                break_space |= previous_break;
                (previous_space, previous_break) = (true, false);
            } else if is_break(c) {
                breaks = true;
                space_break |= previous_space;
                (previous_space, previous_break) = (false, true);
            } else {
                (previous_space, previous_break) = (false, false);
            }
            after_blank = matches!(c, ' ' | '\t' | '\0') || is_break(c);
        }
        let edge = |c: char| c == ' ' || is_break(c);
        let outer = text.starts_with(edge) || text.ends_with(edge);
        let quoted_only = space_break || special;
        Self {
            breaks,
            plain: !(outer || break_space || quoted_only || breaks || indicators || tabs),
            single: !(break_space || quoted_only || tabs),
            block: !(text.ends_with(' ') || quoted_only),
        }
    }
}

/// A line end of YAML 1.1.
pub(super) fn is_break(c: char) -> bool {
    matches!(c, '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// What go-yaml writes as it is: nothing beyond U+FFFF.
pub(super) fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}') && c != '\u{feff}'
}

/// `^[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$`
pub(super) fn is_base_60(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let Some((first, rest)) = digits.split_once(':') else { return false };
    let digit_or_line = |b: u8| b.is_ascii_digit() || b == b'_';
    let (rest, fraction) = rest.split_once('.').unwrap_or((rest, ""));
    first.starts_with(|c: char| c.is_ascii_digit())
        && first.bytes().all(digit_or_line)
        && fraction.bytes().all(digit_or_line)
        && rest.split(':').all(|part| match part.as_bytes() {
            [one] => one.is_ascii_digit(),
            [tens, one] => matches!(tens, b'0'..=b'5') && one.is_ascii_digit(),
            _ => false,
        })
}

/// What go-yaml reads as a time (`parseTimestamp`).
pub(super) fn is_timestamp(text: &str) -> bool {
    const LAYOUTS: [&str; 4] =
        ["2006-1-2T15:4:5.999999999Z07:00", "2006-1-2t15:4:5.999999999Z07:00", "2006-1-2 15:4:5.999999999", "2006-1-2"];
    let year = (5..1000).contains(&text.len())
        && text.bytes().take(4).all(|b| b.is_ascii_digit())
        && text.as_bytes()[4] == b'-';
    year && LAYOUTS.iter().any(|layout| go_time_read::parse(layout, text).is_ok())
}

/// YAML 1.1's booleans, which v3 reads as strings but still quotes.
pub(super) fn is_old_bool(text: &str) -> bool {
    matches!(
        text,
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF"
    )
}

/// `0o-7`, which only v3 takes for a number.
pub(super) fn is_signed_octal(text: &str) -> bool {
    let text = text.replace('_', "");
    let digits = text.strip_prefix("0o").and_then(|rest| rest.strip_prefix(['+', '-']));
    digits.is_some_and(|digits| !digits.is_empty() && i64::from_str_radix(digits, 8).is_ok())
}
