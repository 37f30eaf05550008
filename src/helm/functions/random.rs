//! What differs each time: every bit comes from the render's seed, so a compile is repeatable and says what is unstable.

use super::super::go::value::{Val, base64};
use super::super::go::vm::{Fail, Outcome, Vm};
use super::Kind::{Int, Str as Text};
use super::{Function, exact, int, room, text_of};

pub(super) const FUNCTIONS: &[Function] = &[
    exact("randAlphaNum", &[Int], |vm, args| letters(vm, "randAlphaNum", count(args), u8::is_ascii_alphanumeric)),
    exact("randAlpha", &[Int], |vm, args| letters(vm, "randAlpha", count(args), u8::is_ascii_alphabetic)),
    exact("randNumeric", &[Int], |vm, args| letters(vm, "randNumeric", count(args), u8::is_ascii_digit)),
    exact("randAscii", &[Int], |vm, args| letters(vm, "randAscii", count(args), |b| (32..127).contains(b))),
    exact("randBytes", &[Int], rand_bytes),
    exact("randInt", &[Int, Int], rand_int),
    exact("shuffle", &[Text], shuffle),
    exact("uuidv4", &[], uuid),
];

/// So many random bytes.
///
/// # Errors
/// When the render has used up all it may.
pub(super) fn fill(vm: &mut Vm<'_>, function: &'static str, count: usize) -> Outcome<Vec<u8>> {
    vm.spend(count)?;
    if count > 0 {
        vm.note_unstable(function);
    }
    let mut out = Vec::with_capacity(count + 8);
    while out.len() < count {
        out.extend_from_slice(&vm.draw().to_le_bytes());
    }
    out.truncate(count);
    Ok(out)
}

/// A random number below `limit`, which is not 0.
fn below(vm: &mut Vm<'_>, limit: u64) -> u64 {
    let wide = u128::from(vm.draw()) * u128::from(limit);
    u64::try_from(wide >> 64).unwrap_or(0)
}

/// How many letters are asked for. A negative count is an error that sprig swallows.
fn count(args: &[Val]) -> usize {
    usize::try_from(int(args, 0)).unwrap_or(0)
}

/// A text of random ASCII characters of a class.
///
/// # Errors
/// When the render has used up all it may.
pub(super) fn letters(vm: &mut Vm<'_>, function: &'static str, count: usize, of: impl Fn(&u8) -> bool) -> Outcome {
    room(vm, count)?;
    if count > 0 {
        vm.note_unstable(function);
    }
    let class: Vec<u8> = (0..128_u8).filter(of).collect();
    let text: String = (0..count)
        .filter_map(|_| {
            let index = below(vm, class.len() as u64);
            usize::try_from(index).ok().and_then(|index| class.get(index)).copied().map(char::from)
        })
        .collect();
    Ok(Val::str(&text))
}

fn rand_bytes(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let Ok(count) = usize::try_from(int(args, 0)) else {
        return Err(Fail::new("runtime error: makeslice: len out of range"));
    };
    room(vm, count.saturating_mul(2))?;
    Ok(Val::str(&base64(&fill(vm, "randBytes", count)?)))
}

fn rand_int(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let (min, max) = (int(args, 0), int(args, 1));
    let span = max.wrapping_sub(min);
    let Ok(limit @ 1..) = u64::try_from(span) else { return Err(Fail::new("invalid argument to Intn")) };
    vm.note_unstable("randInt");
    let offset = i64::try_from(below(vm, limit)).unwrap_or(0);
    Ok(Val::Int(min.wrapping_add(offset)))
}

fn shuffle(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let mut runes: Vec<char> = text_of(args, 0).chars().collect();
    vm.spend(runes.len().saturating_mul(4))?;
    if runes.len() > 1 {
        vm.note_unstable("shuffle");
    }
    for i in (1..runes.len()).rev() {
        let other = below(vm, i as u64 + 1);
        runes.swap(i, usize::try_from(other).unwrap_or(i));
    }
    Ok(Val::str(&runes.into_iter().collect::<String>()))
}

fn uuid(vm: &mut Vm<'_>, _: &[Val]) -> Outcome {
    vm.spend(64)?;
    vm.note_unstable("uuidv4");
    let high = vm.draw() & !0xf000 | 0x4000;
    let low = vm.draw() & !(3 << 62) | 2 << 62;
    let text = format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xffff,
        low >> 48,
        low & 0xffff_ffff_ffff
    );
    Ok(Val::str(&text))
}
