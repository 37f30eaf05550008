//! The type of a scalar as go-yaml v2 sees it: a scalar's text, style and tag in, its value out.
//!
//! Follows `resolve.go` of go.yaml.in/yaml/v2 v2.4.5, which sigs.k8s.io/yaml 1.6.0 reads with:
//! octal with a leading zero, `yes` and `on`, underscores in numbers, no sexagesimals, timestamps
//! as strings. It must not guess: what Go leaves a string stays one.

use base64::alphabet;
use base64::engine::{Engine as _, GeneralPurpose, GeneralPurposeConfig};

/// What a scalar turned out to be.
#[derive(Debug, PartialEq)]
pub(super) enum Scalar {
    Null,
    Bool(bool),
    Int(i128),
    /// May be infinite or not a number, which only a map key can be.
    Float(f64),
    /// The text as it stands.
    Text,
    /// What a `!!binary` scalar holds.
    Decoded(String),
}

/// A scalar's tag, as far as Go cares.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tag<'a> {
    /// No tag: a plain scalar is resolved, a quoted one is a string.
    None,
    /// A tag of the YAML type repository, without its `!!`.
    Yaml(&'a str),
    /// Any other tag, `!` too: Go ignores it and takes the text as a string.
    Custom,
}

/// Resolves a scalar that has a tag or is plain.
///
/// # Errors
/// A message when the text cannot be what its tag says.
pub(super) fn resolve(text: &str, plain: bool, tag: Tag<'_>) -> Result<Scalar, String> {
    let wanted = match tag {
        Tag::None if !plain => return Ok(Scalar::Text),
        Tag::None => return Ok(implicit(text)),
        Tag::Custom | Tag::Yaml("str") => return Ok(Scalar::Text),
        Tag::Yaml("binary") => {
            let bytes = decode_base64(text).ok_or("a `!!binary` value is not valid base64")?;
            return Ok(Scalar::Decoded(String::from_utf8_lossy(&bytes).into_owned()));
        }
        Tag::Yaml(wanted) => wanted,
    };
    match (wanted, implicit(text)) {
        ("null", value @ Scalar::Null)
        | ("bool", value @ Scalar::Bool(_))
        | ("int", value @ Scalar::Int(_))
        | ("float", value @ Scalar::Float(_)) => Ok(value),
        // Go turns an `int64` into a float here but not a `uint64`.
        #[expect(clippy::cast_precision_loss, reason = "as Go's float64(v)")]
        ("float", Scalar::Int(i)) if i <= i64::MAX.into() => Ok(Scalar::Float(i as f64)),
        ("timestamp", Scalar::Text) if looks_like_date(text) => Ok(Scalar::Text),
        ("null" | "bool" | "int" | "float" | "timestamp", _) => Err(format!("`{text}` is not a `!!{wanted}`")),
        _ => Ok(Scalar::Text),
    }
}

/// Resolves a plain scalar without a tag.
pub(super) fn implicit(text: &str) -> Scalar {
    match text.as_bytes().first() {
        None => Scalar::Null,
        Some(b'0'..=b'9' | b'+' | b'-') => word(text).or_else(|| number(text)).unwrap_or(Scalar::Text),
        Some(b'.') => word(text).or_else(|| dotted_float(text)).unwrap_or(Scalar::Text),
        Some(b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~') => {
            word(text).unwrap_or(Scalar::Text)
        }
        Some(_) => Scalar::Text,
    }
}

fn word(text: &str) -> Option<Scalar> {
    if text.len() > 5 {
        return None;
    }
    Some(match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Scalar::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Scalar::Bool(false),
        "~" | "null" | "Null" | "NULL" => Scalar::Null,
        ".nan" | ".NaN" | ".NAN" => Scalar::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Scalar::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Scalar::Float(f64::NEG_INFINITY),
        _ => return None,
    })
}

fn number(text: &str) -> Option<Scalar> {
    // Most scalars that begin with a digit are short decimal numbers or not numbers at all.
    let digits = text.replace('_', "");
    if let Some(int) = integer(&digits) {
        return Some(Scalar::Int(int));
    }
    if is_float(&digits) {
        return finite(&digits);
    }
    // Go also takes a sign after the prefix, which its integer parser does not.
    let signed = digits.strip_prefix("0b")?;
    let magnitude = signed.strip_prefix(['+', '-'])?;
    let int = in_base(magnitude, 2)?;
    let int = if signed.starts_with('-') { -int } else { int };
    i64::try_from(int).ok().map(|int| Scalar::Int(int.into()))
}

/// Parses as Go's `strconv.ParseInt(s, 0, 64)`, then `ParseUint`.
fn integer(text: &str) -> Option<i128> {
    let (negative, signed, digits) = match text.as_bytes().first()? {
        b'-' => (true, true, &text[1..]),
        b'+' => (false, true, &text[1..]),
        _ => (false, false, text),
    };
    let int = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => in_base(&digits[2..], 16),
        [b'0', b'o' | b'O', ..] => in_base(&digits[2..], 8),
        [b'0', b'b' | b'B', ..] => in_base(&digits[2..], 2),
        [b'0', _, ..] => in_base(&digits[1..], 8),
        _ => in_base(digits, 10),
    }?;
    let int = if negative { -int } else { int };
    let fits = i64::try_from(int).is_ok() || (!signed && u64::try_from(int).is_ok());
    fits.then_some(int)
}

fn in_base(digits: &str, base: u32) -> Option<i128> {
    // A sign is not a digit here, unlike for `from_str_radix`.
    digits.bytes().all(|b| b.is_ascii_hexdigit()).then(|| i128::from_str_radix(digits, base).ok())?
}

/// Matches `^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`.
fn is_float(text: &str) -> bool {
    fn digits(text: &str) -> (usize, &str) {
        let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
        (text.len() - rest.len(), rest)
    }
    let (whole, rest) = digits(text.strip_prefix(['-', '+']).unwrap_or(text));
    let (fraction, rest) = rest.strip_prefix('.').map_or((0, rest), digits);
    if whole == 0 && fraction == 0 {
        return false;
    }
    let Some(exponent) = rest.strip_prefix(['e', 'E']) else { return rest.is_empty() };
    let (count, rest) = digits(exponent.strip_prefix(['-', '+']).unwrap_or(exponent));
    count > 0 && rest.is_empty()
}

/// Parses a float that begins with a dot, where Go allows underscores between digits only.
fn dotted_float(text: &str) -> Option<Scalar> {
    let bytes = text.as_bytes();
    let digit = |i: usize| bytes.get(i).is_some_and(u8::is_ascii_digit);
    let lone = |(i, b): (usize, &u8)| {
        *b == b'_' && !(digit(i - 1) && digit(i + 1)) // The first byte is the dot.
    };
    if bytes.iter().enumerate().any(lone) {
        return None;
    }
    let digits = text.replace('_', "");
    is_float(&digits).then(|| finite(&digits))?
}

fn finite(text: &str) -> Option<Scalar> {
    // Go reports a range error where Rust returns infinity, and then keeps the string.
    text.parse().ok().filter(|f: &f64| f.is_finite()).map(Scalar::Float)
}

fn looks_like_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 8 && bytes[..4].iter().all(u8::is_ascii_digit) && bytes[4] == b'-'
}

/// Writes a float as sigs.k8s.io/yaml does for a map key or where a string is wanted: `FormatFloat(f, 'g', -1, 32)`.
pub fn float_key(float: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "sigs.k8s.io/yaml asks for 32 bits")]
    let float = float as f32;
    if float.is_nan() {
        return ".nan".to_owned();
    }
    if float.is_infinite() {
        return if float > 0.0 { ".inf" } else { "-.inf" }.to_owned();
    }
    let scientific = format!("{float:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    match exponent.parse::<i32>() {
        Ok(exponent @ (..-4 | 6..)) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.abs())
        }
        _ => format!("{float}"),
    }
}

/// Reads base64 as Go's decoder does, which skips line ends and does not look at the bits behind the last byte.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true);
    let symbols: Vec<u8> = text.bytes().filter(|b| !matches!(b, b'\n' | b'\r')).collect();
    GeneralPurpose::new(&alphabet::STANDARD, LENIENT).decode(symbols).ok()
}
