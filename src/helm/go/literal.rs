//! Constants of templates: integers and quoted strings, as Go writes them.

use std::borrow::Cow;

/// Parses an integer as Go writes them: with underscores, and in base 2, 8 or 16 by its prefix.
pub(super) fn integer(text: &str) -> Option<i64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let lower = digits.to_ascii_lowercase().replace('_', "");
    let magnitude = match lower.as_bytes() {
        [b'0', b'x', ..] => u64::from_str_radix(&lower[2..], 16),
        [b'0', b'o', ..] => u64::from_str_radix(&lower[2..], 8),
        [b'0', b'b', ..] => u64::from_str_radix(&lower[2..], 2),
        [b'0', _, ..] => u64::from_str_radix(&lower[1..], 8),
        _ => lower.parse(),
    }
    .ok()?;
    let signed = if negative { -i128::from(magnitude) } else { magnitude.into() };
    i64::try_from(signed).ok()
}

/// The text between quotes, escapes resolved as Go's `strconv.Unquote` does; `None` when one is unknown.
pub(super) fn unquote(token: &str) -> Option<Cow<'_, str>> {
    let inner = token.get(1..token.len().checked_sub(1)?)?;
    if token.starts_with('`') {
        return Some(if inner.contains('\r') { Cow::Owned(inner.replace('\r', "")) } else { Cow::Borrowed(inner) });
    }
    if !inner.contains('\\') {
        return Some(Cow::Borrowed(inner));
    }
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(found) = rest.find('\\') {
        bytes.extend_from_slice(&rest.as_bytes()[..found]);
        let escape = rest[found + 1..].chars().next()?;
        rest = &rest[found + 1 + escape.len_utf8()..];
        let mut code = |digits: usize, radix: u32| -> Option<u32> {
            let text = rest.get(..digits)?;
            rest = &rest[digits..];
            u32::from_str_radix(text, radix).ok()
        };
        let mut utf8 = |code: u32| -> Option<()> {
            bytes.extend_from_slice(char::from_u32(code)?.encode_utf8(&mut [0; 4]).as_bytes());
            Some(())
        };
        match escape {
            'a' => bytes.push(7),
            'b' => bytes.push(8),
            'f' => bytes.push(12),
            'n' => bytes.push(b'\n'),
            'r' => bytes.push(b'\r'),
            't' => bytes.push(b'\t'),
            'v' => bytes.push(11),
            '\\' => bytes.push(b'\\'),
            '\'' if token.starts_with('\'') => bytes.push(b'\''),
            '"' if token.starts_with('"') => bytes.push(b'"'),
            'x' => bytes.push(u8::try_from(code(2, 16)?).ok()?),
            'u' => utf8(code(4, 16)?)?,
            'U' => utf8(code(8, 16)?)?,
            '0'..='7' => {
                let octal = format!("{escape}{}", rest.get(..2)?);
                rest = &rest[2..];
                bytes.push(u8::try_from(u32::from_str_radix(&octal, 8).ok()?).ok()?);
            }
            _ => return None,
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    Some(Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()))
}
