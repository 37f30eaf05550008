//! Go's `reflect.DeepEqual` over run-time values: two values in, yes or no out.
//!
//! Types count: `1` is not `1.0`, and a `[]string` is no `[]interface {}`.

use super::super::go::print;
use super::super::go::value::{Of, Val};

/// Says whether two values are deeply equal; what it looks at counts as read.
pub(super) fn deep(one: &Val, two: &Val) -> bool {
    at(one, two, 0, &mut 0)
}

/// Deeper than any document that our readers take; a map that holds itself ends here.
const MAX_DEPTH: usize = 500;
/// Values that share parts can be unfolded without end.
const MAX_STEPS: usize = 10_000_000;

fn at(one: &Val, two: &Val, depth: usize, steps: &mut usize) -> bool {
    *steps += 1;
    if *steps > MAX_STEPS {
        print::refuse();
        return false;
    }
    if depth > MAX_DEPTH {
        return true; // As Go, which takes what it has met before as equal.
    }
    match (one, two) {
        (Val::Nil, Val::Nil) => true,
        (Val::Bool(a), Val::Bool(b)) => a == b,
        (Val::Int(a), Val::Int(b)) | (Val::Int64(a), Val::Int64(b)) => a == b,
        (Val::Byte(a), Val::Byte(b)) => a == b,
        #[expect(clippy::float_cmp, reason = "as Go's == does")]
        (Val::Float(a), Val::Float(b)) => a == b,
        (Val::Str(a), Val::Str(b)) => a == b,
        (Val::Raw(a), Val::Raw(b)) | (Val::Bytes(a), Val::Bytes(b)) => a == b,
        (Val::List(a), Val::List(b)) => {
            std::rc::Rc::ptr_eq(a, b)
                || (a.of == b.of
                    && a.items.len() == b.items.len()
                    && a.items.iter().zip(&b.items).all(|(a, b)| at(a, b, depth + 1, steps)))
        }
        (Val::Map(a), Val::Map(b)) => {
            if std::rc::Rc::ptr_eq(a, b) {
                a.read_all();
                return true;
            }
            let (nil, values) = (|of| of == Of::Nil, |of| of == Of::Values);
            if nil(a.of) != nil(b.of) || values(a.of) != values(b.of) || a.len() != b.len() {
                return false;
            }
            let pairs = a.read_all().into_iter().zip(b.read_all());
            pairs.into_iter().all(|((a_key, a), (b_key, b))| a_key == b_key && at(&a, &b, depth + 1, steps))
        }
        (Val::Object(a), Val::Object(b)) => {
            a.type_name() == b.type_name()
                && (std::rc::Rc::ptr_eq(a, b) || at(&a.plain(), &b.plain(), depth + 1, steps))
        }
        _ => false,
    }
}
