//! Values as text, as Go's `fmt` prints them: `%v`, `%q`, `Sprint`, and all of `Sprintf`.

use std::cell::Cell;
use std::fmt::Write;

use super::value::Val;
use super::vm::Fail;

/// No value prints more than that; what is longer is cut off and noted for [`refusal`].
const MAX_TEXT: usize = 64 << 20;
/// Lists and maps within one another. A map that holds itself ends here.
const MAX_DEPTH: usize = 500;

thread_local! {
    /// Whether a value was not printed whole. Printing is used where nothing can fail, so the evaluator asks afterwards.
    static CUT: Cell<bool> = const { Cell::new(false) };
}

/// Says whether a value was not printed whole since this was asked last.
pub(in crate::helm) fn refusal() -> Option<Box<Fail>> {
    let message = || {
        let size = MAX_TEXT >> 20;
        format!("a printed value contains itself, or is more than {MAX_DEPTH} levels deep or {size} MiB long")
    };
    CUT.replace(false).then(|| Fail::limit(message()))
}

/// Notes what [`refusal`] tells.
pub(crate) fn refuse() {
    CUT.set(true);
}

/// As `%v`; strings as they are.
pub fn value(val: &Val) -> String {
    let mut out = String::new();
    write_value(&mut out, val, false, 0);
    out
}

/// A value for a message: at most 60 characters, on one line.
pub fn short(val: &Val) -> String {
    const MOST: usize = 60;
    let text = match val {
        Val::Str(text) => quoted(&text.chars().take(MOST + 1).collect::<String>()),
        other => {
            // What is cut here is cut anyway.
            let before = CUT.get();
            let text = value(other);
            CUT.set(before);
            text
        }
    };
    match text.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

/// As `fmt.Sprint`: a space between two neighbours of which neither is a string.
pub fn sprint(vals: &[Val]) -> String {
    let mut out = String::new();
    let mut last_string = true;
    for (index, val) in vals.iter().enumerate() {
        let string = matches!(val, Val::Str(_) | Val::Raw(_));
        if index > 0 && !string && !last_string {
            out.push(' ');
        }
        write_value(&mut out, val, false, 0);
        last_string = string;
    }
    out
}

/// As `fmt.Sprintln`: spaces between all, a newline at the end.
pub fn sprintln(vals: &[Val]) -> String {
    let mut out = String::new();
    for (index, val) in vals.iter().enumerate() {
        if index > 0 {
            out.push(' ');
        }
        write_value(&mut out, val, false, 0);
    }
    out.push('\n');
    out
}

/// Writes as `%v`, or with `go_syntax` as `%#v`.
pub(crate) fn write_value(out: &mut String, val: &Val, go_syntax: bool, depth: usize) {
    if depth > MAX_DEPTH || out.len() > MAX_TEXT {
        return refuse();
    }
    match val {
        Val::Nil => out.push_str("<nil>"),
        Val::Bool(b) => _ = write!(out, "{b}"),
        Val::Int(i) | Val::Int64(i) => _ = write!(out, "{i}"),
        Val::Byte(b) if go_syntax => _ = write!(out, "{b:#x}"),
        Val::Byte(b) => _ = write!(out, "{b}"),
        Val::Float(f) => out.push_str(&float(*f, 'g', None)),
        Val::Str(text) if go_syntax => out.push_str(&quoted(text)),
        Val::Str(text) => out.push_str(text),
        Val::Raw(bytes) => out.push_str(&String::from_utf8_lossy(bytes)),
        Val::Bytes(bytes) => {
            out.push_str(if go_syntax { "[]byte{" } else { "[" });
            for (index, byte) in bytes.iter().enumerate() {
                if out.len() > MAX_TEXT {
                    return refuse();
                }
                _ = match (go_syntax, index) {
                    (true, 0) => write!(out, "{byte:#x}"),
                    (true, _) => write!(out, ", {byte:#x}"),
                    (false, 0) => write!(out, "{byte}"),
                    (false, _) => write!(out, " {byte}"),
                };
            }
            out.push(if go_syntax { '}' } else { ']' });
        }
        Val::List(list) => {
            out.push_str(if go_syntax { val.type_name() } else { "" });
            out.push(if go_syntax { '{' } else { '[' });
            for (index, item) in list.items.iter().enumerate() {
                if index > 0 {
                    out.push_str(if go_syntax { ", " } else { " " });
                }
                write_item(out, item, go_syntax, depth + 1);
            }
            out.push(if go_syntax { '}' } else { ']' });
        }
        Val::Map(map) => {
            out.push_str(if go_syntax { val.type_name() } else { "map" });
            out.push(if go_syntax { '{' } else { '[' });
            for (index, (key, item)) in map.read_all().iter().enumerate() {
                if index > 0 {
                    out.push_str(if go_syntax { ", " } else { " " });
                }
                if go_syntax {
                    out.push_str(&quoted(key));
                } else {
                    out.push_str(key);
                }
                out.push(':');
                write_item(out, item, go_syntax, depth + 1);
            }
            out.push(if go_syntax { '}' } else { ']' });
        }
        Val::Object(object) => out.push_str(&object.print()),
    }
}

fn write_item(out: &mut String, item: &Val, go_syntax: bool, depth: usize) {
    match item {
        Val::Nil if go_syntax => out.push_str("interface {}(nil)"),
        item => write_value(out, item, go_syntax, depth),
    }
}

/// A float as Go's `strconv.FormatFloat(f, format, precision, 64)` writes it; `%v` is `g` without a precision, which
/// takes to exponents from a million on.
pub fn float(f: f64, format: char, precision: Option<usize>) -> String {
    /// Rust's own formatting takes no precision above 65535; no float has more than 1100 digits that are not 0.
    const DIGITS: usize = 1100;
    if f.is_nan() {
        return "NaN".to_owned();
    }
    if f.is_infinite() {
        return if f > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    if let Some(more) = precision.and_then(|precision| precision.checked_sub(DIGITS)).filter(|more| *more > 0) {
        let text = float(f, format, Some(DIGITS));
        return match (format, text.find(['e', 'E'])) {
            ('f' | 'F', _) => text + &"0".repeat(more),
            ('e' | 'E', Some(at)) => format!("{}{}{}", &text[..at], "0".repeat(more), &text[at..]),
            _ => text,
        };
    }
    match (format, precision) {
        ('f' | 'F', None) => format!("{f}"),
        ('f' | 'F', Some(precision)) => format!("{f:.precision$}"),
        ('e' | 'E', None) => exponent(&format!("{f:e}"), format),
        ('e' | 'E', Some(precision)) => exponent(&format!("{f:.precision$e}"), format),
        (_, None) => {
            let scientific = crate::helm::functions::shortest(f);
            match scientific.split_once('e').and_then(|(_, exponent)| exponent.parse::<i32>().ok()) {
                Some(-4..=5) => format!("{f}"),
                _ => exponent(&scientific, if format == 'G' { 'E' } else { 'e' }),
            }
        }
        (_, Some(precision)) => {
            let digits = precision.max(1);
            let scientific = format!("{f:.*e}", digits - 1);
            let power = scientific.split_once('e').and_then(|(_, e)| e.parse::<i32>().ok()).unwrap_or(0);
            if power < -4 || power >= i32::try_from(digits).unwrap_or(i32::MAX) {
                let (mantissa, rest) = scientific.split_once('e').unwrap_or((&scientific, "0"));
                let mantissa = trim_zeros(mantissa);
                return exponent(&format!("{mantissa}e{rest}"), if format == 'G' { 'E' } else { 'e' });
            }
            let places = usize::try_from(i32::try_from(digits).unwrap_or(i32::MAX) - 1 - power).unwrap_or(0);
            trim_zeros(&format!("{f:.places$}")).to_owned()
        }
    }
}

fn trim_zeros(number: &str) -> &str {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number }
}

/// Writes an exponent with its sign and at least two digits.
fn exponent(scientific: &str, letter: char) -> String {
    let (mantissa, power) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let (sign, power) = power.strip_prefix('-').map_or(('+', power), |power| ('-', power));
    format!("{mantissa}{letter}{sign}{power:0>2}")
}

/// A string in double quotes with Go's escapes (`strconv.Quote`).
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        escape(&mut out, c, '"', false);
    }
    out.push('"');
    out
}

/// Appends a character as Go writes it between quotes.
pub(crate) fn escape(out: &mut String, c: char, quote: char, ascii: bool) {
    match c {
        '\\' => out.push_str("\\\\"),
        c if c == quote => {
            out.push('\\');
            out.push(c);
        }
        '\x07' => out.push_str("\\a"),
        '\x08' => out.push_str("\\b"),
        '\x0c' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\x0b' => out.push_str("\\v"),
        ' '..='~' => out.push(c),
        c if c < ' ' || c == '\x7f' => _ = write!(out, "\\x{:02x}", u32::from(c)),
        c if !ascii && is_print(c) => out.push(c),
        c if u32::from(c) < 0x1_0000 => _ = write!(out, "\\u{:04x}", u32::from(c)),
        c => _ = write!(out, "\\U{:08x}", u32::from(c)),
    }
}

/// Whether Go prints the character as it is: letters, marks, numbers, punctuation, symbols, and the plain space.
pub(crate) fn is_print(c: char) -> bool {
    // Rust's own escaping draws the line where Unicode does, but for spaces and combining marks.
    c == ' ' || (!c.is_whitespace() && (c.escape_debug().len() == 1 || is_mark(c)))
}

fn is_mark(c: char) -> bool {
    matches!(u32::from(c), 0x300..=0x36f | 0x483..=0x489 | 0x591..=0x5c7 | 0x610..=0x61a | 0x64b..=0x65f | 0x1ab0..=0x1aff
        | 0x1dc0..=0x1dff | 0x20d0..=0x20ff | 0xfe00..=0xfe0f | 0xfe20..=0xfe2f | 0xe_0100..=0xe_01ef)
}
