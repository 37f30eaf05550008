//! Go's `reflect.DeepEqual` over run-time values: two values in, yes or no out.
//!
//! Types count: `1` is not `1.0`, and a `[]string` is no `[]interface {}`.

use super::super::go::value::{Of, Val};
use super::super::go::vm::{Outcome, Vm};

/// Says whether two values are deeply equal; what it looks at counts as read.
///
/// # Errors
/// When the render has used up all it may: values that share parts can be unfolded without end.
pub(super) fn deep(vm: &mut Vm<'_>, one: &Val, two: &Val) -> Outcome<bool> {
    at(vm, one, two, 0)
}

/// Deeper than any document that our readers take; a map that holds itself ends here.
const MAX_DEPTH: usize = 500;

fn at(vm: &mut Vm<'_>, one: &Val, two: &Val, depth: usize) -> Outcome<bool> {
    vm.spend(1)?;
    if depth > MAX_DEPTH {
        return Ok(true); // As Go, which takes what it has met before as equal.
    }
    Ok(match (one, two) {
        (Val::Nil, Val::Nil) => true,
        (Val::Bool(a), Val::Bool(b)) => a == b,
        (Val::Int(a), Val::Int(b)) | (Val::Int64(a), Val::Int64(b)) => a == b,
        (Val::Byte(a), Val::Byte(b)) => a == b,
        #[expect(clippy::float_cmp, reason = "as Go's == does")]
        (Val::Float(a), Val::Float(b)) => a == b,
        (Val::Str(_), Val::Str(_)) | (Val::Raw(_), Val::Raw(_)) | (Val::Bytes(_), Val::Bytes(_)) => {
            let (a, b) = (one.as_bytes().unwrap_or_default(), two.as_bytes().unwrap_or_default());
            if a.len() == b.len() && !std::ptr::eq(a, b) {
                vm.spend(a.len() / 16)?;
            }
            a == b
        }
        (Val::List(a), Val::List(b)) => {
            if std::rc::Rc::ptr_eq(a, b) {
                return Ok(true);
            }
            if a.of != b.of || a.items.len() != b.items.len() {
                return Ok(false);
            }
            for (a, b) in a.items.iter().zip(&b.items) {
                if !at(vm, a, b, depth + 1)? {
                    return Ok(false);
                }
            }
            true
        }
        (Val::Map(a), Val::Map(b)) => {
            if std::rc::Rc::ptr_eq(a, b) {
                vm.spend(a.len())?;
                a.read_all();
                return Ok(true);
            }
            let (nil, values) = (|of| of == Of::Nil, |of| of == Of::Values);
            if nil(a.of) != nil(b.of) || values(a.of) != values(b.of) || a.len() != b.len() {
                return Ok(false);
            }
            vm.spend(a.len().saturating_mul(8))?;
            for ((a_key, a), (b_key, b)) in a.read_all().into_iter().zip(b.read_all()) {
                vm.spend(a_key.len() / 16)?;
                if a_key != b_key || !at(vm, &a, &b, depth + 1)? {
                    return Ok(false);
                }
            }
            true
        }
        (Val::Object(a), Val::Object(b)) => {
            vm.spend((a.size() + b.size()).saturating_mul(8).saturating_add(100))?;
            a.type_name() == b.type_name() && (std::rc::Rc::ptr_eq(a, b) || at(vm, &a.plain(), &b.plain(), depth + 1)?)
        }
        _ => false,
    })
}
