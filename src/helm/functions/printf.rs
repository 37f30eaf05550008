//! `printf`: Go's `fmt.Sprintf` (`fmt/print.go`, `fmt/format.go`, Go 1.26) over run-time values.

use crate::helm::go::print::{self, escape, float, quoted, write_value};
use crate::helm::go::value::Val;
use crate::helm::go::vm::{Fail, Outcome, Vm};

/// Widths and precisions beyond this are refused by Go too (`tooLarge`).
const MAX_WIDTH: i64 = 1_000_000;

#[derive(Default, Clone)]
struct Flags {
    plus: bool,
    minus: bool,
    sharp: bool,
    space: bool,
    zero: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

/// Formats as `fmt.Sprintf`; mistakes in the format show in the text, as there.
///
/// # Errors
/// When widths make more text than a chart may.
pub(super) fn sprintf(vm: &mut Vm<'_>, format: &str, args: &[Val]) -> Outcome<String> {
    let mut out = String::with_capacity(format.len() + 16);
    let mut next = 0;
    let mut reordered = false;
    let mut rest = format;
    while let Some(percent) = rest.find('%') {
        out.push_str(&rest[..percent]);
        rest = &rest[percent + 1..];
        let mut flags = Flags::default();
        let mut good_index = true;
        while let Some(c) = rest.chars().next() {
            match c {
                '+' => flags.plus = true,
                '-' => flags.minus = true,
                '#' => flags.sharp = true,
                ' ' => flags.space = true,
                '0' => flags.zero = true,
                _ => break,
            }
            rest = &rest[1..];
        }
        argument_index(&mut rest, &mut next, args.len(), &mut reordered, &mut good_index);
        if let Some(after) = rest.strip_prefix('*') {
            rest = after;
            match star(args, &mut next) {
                Some(width) => {
                    flags.minus |= width < 0;
                    flags.zero &= width >= 0;
                    flags.width = usize::try_from(width.unsigned_abs()).ok();
                }
                None => out.push_str("%!(BADWIDTH)"),
            }
        } else {
            flags.width = number(&mut rest);
        }
        if let Some(after) = rest.strip_prefix('.') {
            rest = after;
            argument_index(&mut rest, &mut next, args.len(), &mut reordered, &mut good_index);
            if let Some(after) = rest.strip_prefix('*') {
                rest = after;
                match star(args, &mut next).map(usize::try_from) {
                    Some(Ok(precision)) => flags.precision = Some(precision),
                    Some(Err(_)) => {}
                    None => out.push_str("%!(BADPREC)"),
                }
            } else {
                flags.precision = Some(number(&mut rest).unwrap_or(0));
            }
        }
        argument_index(&mut rest, &mut next, args.len(), &mut reordered, &mut good_index);
        let Some(verb) = rest.chars().next() else {
            out.push_str("%!(NOVERB)");
            rest = "";
            break;
        };
        rest = &rest[verb.len_utf8()..];
        vm.spend(flags.width.unwrap_or(0) + flags.precision.unwrap_or(0) + 8)?;
        match (verb, args.get(next)) {
            ('%', _) => out.push('%'),
            _ if !good_index => out.push_str(&format!("%!{verb}(BADINDEX)")),
            (_, None) => out.push_str(&format!("%!{verb}(MISSING)")),
            (_, Some(arg)) => {
                next += 1;
                one(&mut out, verb, arg, &flags, 0);
            }
        }
        if out.len() > vm_limit(vm) {
            return Err(Fail::limit("the result of `printf` exceeds the maximum size"));
        }
    }
    out.push_str(rest);
    if !reordered && next < args.len() {
        out.push_str("%!(EXTRA ");
        for (index, arg) in args[next..].iter().enumerate() {
            if index > 0 {
                out.push_str(", ");
            }
            match arg {
                Val::Nil => out.push_str("<nil>"),
                arg => {
                    out.push_str(&format!("{}=", arg.type_name()));
                    write_value(&mut out, arg, false, 0);
                }
            }
        }
        out.push(')');
    }
    Ok(out)
}

fn vm_limit(vm: &Vm<'_>) -> usize {
    vm.limits().output
}

fn number(rest: &mut &str) -> Option<usize> {
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let value = rest[..digits].parse::<i64>().ok().filter(|n| *n <= MAX_WIDTH);
    *rest = &rest[digits..];
    value.and_then(|n| usize::try_from(n).ok())
}

fn star(args: &[Val], next: &mut usize) -> Option<i64> {
    let arg = args.get(*next);
    *next += usize::from(arg.is_some());
    match arg? {
        Val::Int(n) | Val::Int64(n) if n.abs() <= MAX_WIDTH => Some(*n),
        Val::Byte(n) => Some((*n).into()),
        _ => None,
    }
}

/// `[n]`: which argument comes next.
fn argument_index(rest: &mut &str, next: &mut usize, count: usize, reordered: &mut bool, good: &mut bool) {
    let Some(inner) = rest.strip_prefix('[') else { return };
    *reordered = true;
    let Some((index, after)) = inner.split_once(']') else {
        *good = false;
        *rest = inner;
        return;
    };
    *rest = after;
    match index.parse::<usize>() {
        Ok(index @ 1..) if index <= count => *next = index - 1,
        _ => *good = false,
    }
}

fn one(out: &mut String, verb: char, arg: &Val, flags: &Flags, depth: usize) {
    /// As deep as values are printed at all.
    const MAX_DEPTH: usize = 500;
    if depth > MAX_DEPTH || out.len() > super::MAX_VALUE {
        return print::refuse();
    }
    match (verb, arg) {
        ('T', arg) => pad(out, arg.type_name(), flags),
        ('v', Val::Nil) => pad(out, "<nil>", flags),
        (_, Val::Nil) => out.push_str(&format!("%!{verb}(<nil>)")),
        ('v', _) if flags.sharp => {
            let mut text = String::new();
            write_value(&mut text, arg, true, 0);
            pad(out, &text, flags);
        }
        // The elements of a list or map are formatted one by one.
        (_, Val::List(list)) if verb != 'p' => {
            out.push('[');
            for (index, item) in list.items.iter().enumerate() {
                if index > 0 {
                    out.push(' ');
                }
                one(out, verb, item, flags, depth + 1);
            }
            out.push(']');
        }
        (_, Val::Map(map)) if verb != 'p' => {
            out.push_str("map[");
            for (index, (key, item)) in map.read_all().into_iter().enumerate() {
                if index > 0 {
                    out.push(' ');
                }
                one(out, verb, &Val::Str(key), flags, depth + 1);
                out.push(':');
                one(out, verb, &item, flags, depth + 1);
            }
            out.push(']');
        }
        ('t' | 'v', Val::Bool(b)) => pad(out, if *b { "true" } else { "false" }, flags),
        (_, Val::Int(i) | Val::Int64(i)) => integer(out, verb, *i, arg, flags),
        (_, Val::Byte(b)) => integer(out, verb, (*b).into(), arg, flags),
        ('e' | 'E' | 'f' | 'F' | 'g' | 'G' | 'v', Val::Float(f)) => {
            let precision = flags.precision.or(if matches!(verb, 'g' | 'G' | 'v') { None } else { Some(6) });
            let format = if verb == 'v' { 'g' } else { verb };
            signed(
                out,
                float(f.abs(), format, precision).trim_start_matches('+'),
                f.is_sign_negative() && !f.is_nan(),
                flags,
            );
        }
        ('s' | 'v' | 'q' | 'x' | 'X', Val::Str(_) | Val::Raw(_) | Val::Bytes(_)) => text(out, verb, arg, flags),
        ('s' | 'v', Val::Object(object)) => pad(out, &object.print(), flags),
        ('q', Val::Object(object)) => pad(out, &quoted(&object.print()), flags),
        _ => out.push_str(&format!("%!{verb}({}={})", arg.type_name(), print::value(arg))),
    }
}

fn text(out: &mut String, verb: char, arg: &Val, flags: &Flags) {
    let bytes = arg.as_bytes().unwrap_or_default();
    if let (Val::Bytes(_), 'v') = (arg, verb) {
        return pad(out, &print::value(arg), flags);
    }
    if matches!(verb, 'x' | 'X') {
        let bytes = &bytes[..flags.precision.unwrap_or(bytes.len()).min(bytes.len())];
        let (prefix, digits) = if verb == 'x' { ("0x", b"0123456789abcdef") } else { ("0X", b"0123456789ABCDEF") };
        let mut text = String::from(if flags.sharp { prefix } else { "" });
        for (index, byte) in bytes.iter().enumerate() {
            if flags.space && index > 0 {
                text.push(' ');
            }
            text.extend([byte >> 4, byte & 15].map(|digit| char::from(digits[usize::from(digit)])));
        }
        return pad(out, &text, flags);
    }
    let whole = String::from_utf8_lossy(bytes);
    let cut: String = match flags.precision {
        Some(precision) => whole.chars().take(precision).collect(),
        None => whole.into_owned(),
    };
    if verb != 'q' {
        return pad(out, &cut, flags);
    }
    if flags.sharp && !cut.contains('`') && !cut.chars().any(|c| c < ' ' && c != '\t' || c == '\x7f' || c == '\u{feff}')
    {
        return pad(out, &format!("`{cut}`"), flags);
    }
    let mut literal = String::from("\"");
    cut.chars().for_each(|c| escape(&mut literal, c, '"', flags.plus));
    literal.push('"');
    pad(out, &literal, flags);
}

fn integer(out: &mut String, verb: char, value: i64, arg: &Val, flags: &Flags) {
    let magnitude = value.unsigned_abs();
    let digits = match verb {
        'd' | 'v' => magnitude.to_string(),
        'b' => format!("{magnitude:b}"),
        'o' | 'O' => format!("{magnitude:o}"),
        'x' => format!("{magnitude:x}"),
        'X' => format!("{magnitude:X}"),
        'c' | 'q' | 'U' => {
            let c = u32::try_from(value).ok().and_then(char::from_u32).unwrap_or('\u{fffd}');
            let text = match verb {
                'c' => c.to_string(),
                'q' => {
                    let mut literal = String::from("'");
                    escape(&mut literal, c, '\'', flags.plus);
                    literal.push('\'');
                    literal
                }
                _ if flags.sharp && print::is_print(c) => format!("U+{value:04X} '{c}'"),
                _ => format!("U+{value:04X}"),
            };
            return pad(out, &text, flags);
        }
        _ => {
            out.push_str(&format!("%!{verb}({}={value})", arg.type_name()));
            return;
        }
    };
    let digits = match flags.precision {
        Some(0) if value == 0 => String::new(),
        Some(precision) => "0".repeat(precision.saturating_sub(digits.len())) + &digits,
        None => digits,
    };
    let prefix = match verb {
        'O' => "0o",
        'b' if flags.sharp => "0b",
        'o' if flags.sharp && !digits.starts_with('0') => "0",
        'x' if flags.sharp => "0x",
        'X' if flags.sharp => "0X",
        _ => "",
    };
    let flags = Flags { zero: flags.zero && flags.precision.is_none(), ..flags.clone() };
    signed(out, &format!("{prefix}{digits}"), value < 0, &flags);
}

/// Pads a number: zeros go between the sign and the digits.
fn signed(out: &mut String, digits: &str, negative: bool, flags: &Flags) {
    let sign = if negative {
        "-"
    } else if flags.plus {
        "+"
    } else if flags.space {
        " "
    } else {
        ""
    };
    let width = flags.width.unwrap_or(0);
    let finite = digits.starts_with(|c: char| c.is_ascii_hexdigit());
    if flags.zero && !flags.minus && finite {
        let zeros = width.saturating_sub(sign.len() + digits.chars().count());
        out.push_str(&format!("{sign}{}{digits}", "0".repeat(zeros)));
        return;
    }
    pad(out, &format!("{sign}{digits}"), &Flags { zero: false, ..flags.clone() });
}

fn pad(out: &mut String, text: &str, flags: &Flags) {
    let missing = flags.width.unwrap_or(0).saturating_sub(text.chars().count());
    let fill = if flags.zero && !flags.minus { "0" } else { " " };
    if flags.minus {
        out.push_str(text);
        out.push_str(&" ".repeat(missing));
    } else {
        out.push_str(&fill.repeat(missing));
        out.push_str(text);
    }
}
