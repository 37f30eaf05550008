//! Any value as a number or a text: a value in, what spf13/cast v1.7 and sprig's `strval` make of it out.
//!
//! Nothing here fails: what is no number is 0, as sprig ignores those errors.

use std::borrow::Cow;

use super::super::go::print;
use super::super::go::value::{Str, Val};
use super::super::go::vm::{Outcome, Vm};

/// No number is written with more characters than this; Go would read on.
const MAX_NUMBER: usize = 4096;

/// `cast.ToInt64`, and `cast.ToInt` where both are 64 bits.
pub(super) fn int64(val: &Val) -> i64 {
    match val {
        Val::Int(i) | Val::Int64(i) => *i,
        Val::Byte(b) => (*b).into(),
        Val::Float(f) => float_to_int(*f),
        Val::Bool(b) => (*b).into(),
        Val::Str(text) => parse_int(trim_zero_decimal(text), 0).ok().unwrap_or(0),
        _ => 0,
    }
}

/// `cast.ToFloat64`
pub(super) fn float64(val: &Val) -> f64 {
    match val {
        #[expect(clippy::cast_precision_loss, reason = "as Go's float64(i)")]
        Val::Int(i) | Val::Int64(i) => *i as f64,
        Val::Byte(b) => (*b).into(),
        Val::Float(f) => *f,
        Val::Bool(b) => f64::from(u8::from(*b)),
        Val::Str(text) => parse_float(text).unwrap_or(0.0),
        _ => 0.0,
    }
}

/// Go's `int64(f)` on amd64: what does not fit is the smallest integer.
pub(super) fn float_to_int(f: f64) -> i64 {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    #[expect(clippy::cast_possible_truncation, reason = "in range by the condition")]
    if (-LIMIT..LIMIT).contains(&f) { f as i64 } else { i64::MIN }
}

/// Cuts `.000` off, as cast does before it parses an integer.
fn trim_zero_decimal(text: &str) -> &str {
    let kept = text.trim_end_matches('0');
    match kept.strip_suffix('.') {
        Some(whole) if kept.len() < text.len() => whole,
        _ => text,
    }
}

/// Why a text is no integer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum IntError {
    Syntax,
    /// Too large; holds what Go returns then.
    Range(i64),
}

/// `strconv.ParseInt(text, base, 64)`; base 0 reads prefixes and underscores.
pub(super) fn parse_int(text: &str, base: u32) -> Result<i64, IntError> {
    if text.len() > MAX_NUMBER {
        return Err(IntError::Syntax);
    }
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, body) = match (base, lower.as_bytes()) {
        (0, [b'0', b'x', ..]) => (16, &lower[2..]),
        (0, [b'0', b'o', ..]) => (8, &lower[2..]),
        (0, [b'0', b'b', ..]) => (2, &lower[2..]),
        (0, [b'0', _, ..]) => (8, &lower[1..]),
        (0, _) => (10, &lower[..]),
        (base, _) => (base, &lower[..]),
    };
    let prefixed = radix != 10 && base == 0;
    let body = if base == 0 && body.contains('_') {
        // An underscore stands between digits, or between the prefix and a digit.
        let ok = radix != 10 || !body.starts_with('_');
        if !ok || body.ends_with('_') || body.contains("__") || (!prefixed && body.starts_with('_')) {
            return Err(IntError::Syntax);
        }
        body.replace('_', "")
    } else {
        body.to_owned()
    };
    if body.is_empty() || !body.chars().all(|c| c.is_digit(radix)) {
        return Err(IntError::Syntax);
    }
    let limit = if negative { i64::MIN } else { i64::MAX };
    let number = i128::from_str_radix(&body, radix).map_err(|_| IntError::Range(limit))?;
    i64::try_from(if negative { -number } else { number }).map_err(|_| IntError::Range(limit))
}

/// `strconv.ParseFloat(text, 64)`; `None` for bad syntax and for what is too large.
pub(super) fn parse_float(text: &str) -> Option<f64> {
    if text.len() > MAX_NUMBER {
        return None;
    }
    let (negative, rest) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let lower = rest.to_ascii_lowercase();
    let lower = if lower.contains('_') {
        if !underscores_stand_right(&lower) {
            return None;
        }
        lower.replace('_', "")
    } else {
        lower
    };
    let float = if let Some(hex) = lower.strip_prefix("0x") {
        hex_float(hex)?
    } else if matches!(lower.as_str(), "inf" | "infinity" | "nan") {
        lower.parse().ok()?
    } else if lower.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        lower.parse().ok().filter(|f: &f64| f.is_finite())?
    } else {
        return None;
    };
    Some(if negative { -float } else { float })
}

/// Says whether each underscore stands between digits, or between a prefix and a digit (`strconv`'s `underscoreOK`).
fn underscores_stand_right(text: &str) -> bool {
    let (digits, hex) = text.strip_prefix("0x").map_or((text, false), |digits| (digits, true));
    let is_digit = |c: char| c.is_ascii_digit() || (hex && c.is_ascii_hexdigit());
    let mut before = if hex { '0' } else { '^' };
    for c in digits.chars() {
        before = match c {
            '_' if before == '0' => '_',
            '_' => return false,
            c if is_digit(c) => '0',
            _ if before == '_' => return false,
            _ => '!',
        };
    }
    before != '_'
}

/// The digits and exponent of a hexadecimal float, which must have an exponent.
fn hex_float(text: &str) -> Option<f64> {
    let (digits, exponent) = text.split_once('p')?;
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all: String = [whole, fraction].concat();
    if all.is_empty() || all.len() > 13 || !all.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None; // More digits than a float holds are never written by hand.
    }
    let mantissa = u64::from_str_radix(&all, 16).ok()?;
    let exponent = exponent.parse::<i32>().ok()?.checked_sub(i32::try_from(fraction.len()).ok()? * 4)?;
    #[expect(clippy::cast_precision_loss, reason = "at most 52 bits")]
    let float = mantissa as f64 * 2_f64.powi(exponent);
    float.is_finite().then_some(float)
}

/// A value as `%v` prints it; what it takes is counted.
///
/// # Errors
/// When it holds itself or is too large, or the render has used up all it may.
pub(super) fn shown(vm: &mut Vm<'_>, val: &Val) -> Outcome<String> {
    let text = print::value(val);
    print::refusal().map_or(Ok(()), Err)?;
    vm.spend(text.len())?;
    Ok(text)
}

/// sprig's `strval`: strings as they are, everything else as `%v` prints it.
///
/// # Errors
/// As [`shown`].
pub(super) fn text(vm: &mut Vm<'_>, val: &Val) -> Outcome {
    Ok(match val {
        Val::Str(_) | Val::Raw(_) => val.clone(),
        Val::Bytes(bytes) => {
            vm.spend(bytes.len())?;
            Val::from_bytes(bytes.to_vec())
        }
        _ => Val::str(&shown(vm, val)?),
    })
}

/// The text of a string or bytes; what is not UTF-8 becomes U+FFFD.
pub(super) fn text_of(val: &Val) -> Cow<'_, str> {
    match val {
        Val::Str(text) => Cow::Borrowed(text),
        Val::Raw(bytes) | Val::Bytes(bytes) => String::from_utf8_lossy(bytes),
        _ => Cow::Borrowed(""),
    }
}

/// As [`text`], as a key of a map.
///
/// # Errors
/// As [`shown`].
pub(super) fn key(vm: &mut Vm<'_>, val: &Val) -> Outcome<Str> {
    Ok(match val {
        Val::Str(text) => text.clone(),
        Val::Raw(_) | Val::Bytes(_) => text_of(val).into(),
        _ => shown(vm, val)?.into(),
    })
}

/// sprig's `strslice`: the texts of a list without its nils, or of one thing.
///
/// # Errors
/// As [`shown`].
pub(super) fn texts(vm: &mut Vm<'_>, val: &Val) -> Outcome<Vec<Val>> {
    let byte;
    let items: Vec<&Val> = match val {
        Val::List(list) => list.items.iter().collect(),
        Val::Bytes(bytes) => {
            byte = bytes.iter().map(|b| Val::Byte(*b)).collect::<Vec<_>>();
            byte.iter().collect()
        }
        Val::Object(object) if object.kind() == "slice" => {
            byte = object.items().unwrap_or_default().into_iter().map(|(_, item)| item).collect();
            byte.iter().collect()
        }
        _ => vec![val],
    };
    let mut out = Vec::with_capacity(items.len());
    for item in items.into_iter().filter(|item| !matches!(item, Val::Nil)) {
        // A text of its own, beside its place in the list.
        vm.spend(size_of::<Val>() + 32)?;
        out.push(text(vm, item)?);
    }
    Ok(out)
}

/// A float as `%v` and `strconv.FormatFloat(f, 'g', -1, 64)` print it: `1e+06`.
pub(super) fn format_g(f: f64) -> String {
    if f.is_nan() {
        return "NaN".into();
    }
    if f.is_infinite() {
        return if f > 0.0 { "+Inf" } else { "-Inf" }.into();
    }
    if f == 0.0 {
        return if f.is_sign_negative() { "-0" } else { "0" }.into();
    }
    let written = shortest(f);
    let (digits, exponent) = written.split_once('e').unwrap_or((&written, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(-4..6).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.abs());
    }
    positional(f)
}

/// The shortest decimal that reads back as the float, as `d.ddde±x`; of two that are as near, the even one, as Go has it.
pub(in crate::helm) fn shortest(f: f64) -> String {
    let written = format!("{f:e}");
    let digits = written.bytes().take_while(|b| *b != b'e').filter(u8::is_ascii_digit).count();
    let even = format!("{f:.*e}", digits.saturating_sub(1));
    #[expect(clippy::float_cmp, reason = "the same float or not")]
    if even.parse::<f64>().is_ok_and(|read| read == f) { even } else { written }
}

/// The shortest decimal without an exponent.
pub(super) fn positional(f: f64) -> String {
    let written = shortest(f);
    let (mantissa, exponent) = written.split_once('e').unwrap_or((&written, "0"));
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |mantissa| ("-", mantissa));
    let digits = mantissa.replace('.', "");
    let exponent: isize = exponent.parse().unwrap_or(0);
    let point = exponent + 1;
    match usize::try_from(point) {
        Ok(point @ 1..) if point >= digits.len() => format!("{sign}{digits:0<point$}"),
        Ok(point @ 1..) => format!("{sign}{}.{}", &digits[..point], &digits[point..]),
        _ => format!("{sign}0.{}{digits}", "0".repeat(point.unsigned_abs())),
    }
}
