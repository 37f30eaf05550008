//! Base64 and base32 with Go's errors, which these functions return as their text.

use super::super::go::value::{Val, base64};
use super::super::go::vm::{Outcome, Vm};
use super::Kind::Str as Text;
use super::{Function, bytes, exact, room};

pub(super) const FUNCTIONS: &[Function] = &[
    exact("b64enc", &[Text], b64enc),
    exact("b64dec", &[Text], |vm, args| {
        room(vm, bytes(args, 0).len())?;
        Ok(decoded(decode64(bytes(args, 0)), "base64"))
    }),
    exact("b32enc", &[Text], b32enc),
    exact("b32dec", &[Text], |vm, args| {
        room(vm, bytes(args, 0).len())?;
        Ok(decoded(decode32(bytes(args, 0)), "base32"))
    }),
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
            let symbol = SYMBOLS32[(word >> (35 - 5 * place) & 31) as usize];
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

const SYMBOLS32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The value of a symbol of base64.
fn value64(symbol: u8) -> Option<u64> {
    Some(u64::from(match symbol {
        b'A'..=b'Z' => symbol - b'A',
        b'a'..=b'z' => symbol - b'a' + 26,
        b'0'..=b'9' => symbol - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

/// The value of a symbol of base32.
fn value32(symbol: u8) -> Option<u64> {
    Some(u64::from(match symbol {
        b'A'..=b'Z' => symbol - b'A',
        b'2'..=b'7' => symbol - b'2' + 26,
        _ => return None,
    }))
}

/// Adds the whole bytes of a word of so many bits.
fn push(out: &mut Vec<u8>, word: u64, bits: usize) {
    for byte in 1..=bits / 8 {
        out.push((word >> (bits - 8 * byte) & 0xff) as u8);
    }
}

/// Decodes as `base64.StdEncoding`: padding is needed, line ends are skipped.
///
/// # Errors
/// The place that Go names.
pub(super) fn decode64(text: &[u8]) -> Result<Vec<u8>, usize> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let after_lines = |mut at: usize| {
        while matches!(text.get(at), Some(b'\r' | b'\n')) {
            at += 1;
        }
        at
    };
    let mut at = 0;
    loop {
        let (mut word, mut count) = (0, 0);
        while count < 4 {
            at = after_lines(at);
            let Some(byte) = text.get(at) else {
                return if count == 0 { Ok(out) } else { Err(at - count) };
            };
            at += 1;
            if let Some(value) = value64(*byte) {
                word = word << 6 | value;
                count += 1;
                continue;
            }
            if *byte != b'=' || count < 2 {
                return Err(at - 1);
            }
            if count == 2 {
                at = after_lines(at);
                match text.get(at) {
                    None => return Err(text.len()),
                    Some(b'=') => at += 1,
                    Some(_) => return Err(at - 1),
                }
            }
            at = after_lines(at);
            push(&mut out, word >> if count == 2 { 4 } else { 2 }, 8 * (count - 1));
            return if at < text.len() { Err(at) } else { Ok(out) };
        }
        push(&mut out, word, 24);
    }
}

/// Decodes as `base32.StdEncoding`, which takes line ends out first and does not look at what follows padding.
fn decode32(text: &[u8]) -> Result<Vec<u8>, usize> {
    let text: Vec<u8> = text.iter().copied().filter(|b| !matches!(b, b'\r' | b'\n')).collect();
    let mut out = Vec::with_capacity(text.len() / 8 * 5);
    let mut at = 0;
    while at < text.len() {
        let (mut word, mut count) = (0, 0);
        while count < 8 {
            let Some(byte) = text.get(at) else { return Err(at - count) };
            at += 1;
            let left = text.len() - at;
            if *byte == b'=' && count >= 2 && left < 8 {
                if left + count < 7 {
                    return Err(text.len());
                }
                if let Some(wrong) = text[at..].iter().take(7 - count).position(|b| *b != b'=') {
                    return Err(at + wrong - 1);
                }
                if matches!(count, 3 | 6) {
                    return Err(at - 1);
                }
                let bits = count * 5;
                push(&mut out, word >> (bits % 8), bits - bits % 8);
                return Ok(out);
            }
            let Some(value) = value32(*byte) else { return Err(at - 1) };
            word = word << 5 | value;
            count += 1;
        }
        push(&mut out, word, 40);
    }
    Ok(out)
}
