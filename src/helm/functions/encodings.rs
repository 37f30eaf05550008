//! Base64 and base32 with Go's errors, which these functions return as their text.

use std::borrow::Cow;

use super::super::go::value::{Val, base64};
use super::super::go::vm::{Outcome, Vm};
use super::Kind::Str as Text;
use super::{Function, bytes, exact, room};

pub(super) const FUNCTIONS: &[Function] = &[
    exact("b64enc", &[Text], b64enc),
    exact("b64dec", &[Text], |_, args| Ok(decoded(decode(bytes(args, 0), &BASE64), "base64"))),
    exact("b32enc", &[Text], b32enc),
    exact("b32dec", &[Text], |_, args| Ok(decoded(decode(bytes(args, 0), &BASE32), "base32"))),
];

fn b64enc(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let text = bytes(args, 0);
    room(vm, text.len().div_ceil(3).saturating_mul(4))?;
    Ok(Val::str(&base64(text)))
}

fn b32enc(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let text = bytes(args, 0);
    room(vm, text.len().div_ceil(5).saturating_mul(8))?;
    let mut out = String::new();
    for chunk in text.chunks(5) {
        let word = chunk.iter().fold(0_u64, |word, byte| word << 8 | u64::from(*byte)) << (8 * (5 - chunk.len()));
        let used = (chunk.len() * 8).div_ceil(5);
        for place in 0..8 {
            let symbol = BASE32.symbols[(word >> (35 - 5 * place) & 31) as usize];
            out.push(if place < used { char::from(symbol) } else { '=' });
        }
    }
    Ok(Val::str(&out))
}

fn decoded(result: Result<Vec<u8>, usize>, name: &str) -> Val {
    match result {
        Ok(bytes) => Val::from_bytes(bytes),
        Err(at) => Val::str(&format!("illegal {name} data at input byte {at}")),
    }
}

/// An alphabet of `2^bits` symbols, in groups that fill whole bytes.
pub(super) struct Alphabet {
    symbols: &'static [u8],
    bits: u32,
    /// Symbols in a group.
    group: usize,
    /// How many symbols a group with padding may hold.
    partial: &'static [usize],
}

pub(super) const BASE64: Alphabet = Alphabet {
    symbols: b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    bits: 6,
    group: 4,
    partial: &[2, 3],
};
const BASE32: Alphabet =
    Alphabet { symbols: b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", bits: 5, group: 8, partial: &[2, 4, 5, 7] };

/// Decodes as `encoding/base64` and `encoding/base32` do: padding is needed, line ends are skipped.
///
/// # Errors
/// The place that Go names.
pub(super) fn decode(text: &[u8], alphabet: &Alphabet) -> Result<Vec<u8>, usize> {
    if alphabet.bits == 5 {
        // base32 takes line ends out first, so the places that it names are of what is left.
        let text: Cow<'_, [u8]> = text.iter().copied().filter(|b| !matches!(b, b'\r' | b'\n')).collect();
        return groups(&text, alphabet);
    }
    groups(text, alphabet)
}

fn groups(text: &[u8], alphabet: &Alphabet) -> Result<Vec<u8>, usize> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let mut at = 0;
    let skip = |mut at: usize| {
        while matches!(text.get(at), Some(b'\r' | b'\n')) {
            at += 1;
        }
        at
    };
    loop {
        let (mut word, mut count) = (0_u64, 0);
        while count < alphabet.group {
            at = skip(at);
            let Some(byte) = text.get(at) else {
                if count == 0 {
                    return Ok(out);
                }
                return Err(if alphabet.bits == 6 { at - count } else { at.saturating_sub(count) });
            };
            at += 1;
            if *byte == b'=' {
                return finish(out, word, count, text, at, alphabet);
            }
            let Some(symbol) = alphabet.symbols.iter().position(|symbol| symbol == byte) else { return Err(at - 1) };
            word = word << alphabet.bits | symbol as u64;
            count += 1;
        }
        push(&mut out, word, alphabet.group, alphabet);
    }
}

/// The last group, of which `count` symbols were read and one sign of padding, which ends before `at`.
fn finish(
    mut out: Vec<u8>,
    word: u64,
    count: usize,
    text: &[u8],
    at: usize,
    alphabet: &Alphabet,
) -> Result<Vec<u8>, usize> {
    if !alphabet.partial.contains(&count) {
        return Err(at - 1);
    }
    let mut at = at;
    for _ in count + 1..alphabet.group {
        while alphabet.bits == 6 && matches!(text.get(at), Some(b'\r' | b'\n')) {
            at += 1;
        }
        match text.get(at) {
            None => return Err(text.len()),
            Some(b'=') => at += 1,
            Some(_) => return Err(at),
        }
    }
    while matches!(text.get(at), Some(b'\r' | b'\n')) {
        at += 1;
    }
    push(&mut out, word, count, alphabet);
    if at < text.len() { Err(at) } else { Ok(out) }
}

/// Adds the whole bytes of `count` symbols.
fn push(out: &mut Vec<u8>, word: u64, count: usize, alphabet: &Alphabet) {
    let bits = u32::try_from(count).unwrap_or(0) * alphabet.bits;
    for byte in 1..=bits / 8 {
        out.push((word >> (bits - 8 * byte) & 0xff) as u8);
    }
}
