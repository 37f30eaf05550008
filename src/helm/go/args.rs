//! Arguments of functions: how many there are, of which type they have to be, what looking at them costs.
#![expect(clippy::unnecessary_box_returns, reason = "a failure travels in its box, which keeps results small")]

use std::rc::Rc;

use super::print;
use super::tree::Number;
use super::value::{List, Of, Table, Val};
use super::vm::{Fail, Outcome};
use crate::helm::functions::Kind;

/// How many bytes or elements a value has itself.
pub(super) fn extent(val: &Val) -> usize {
    match val {
        Val::Str(text) => text.len(),
        Val::Raw(bytes) | Val::Bytes(bytes) => bytes.len(),
        Val::List(list) => list.items.len(),
        Val::Map(map) => map.len(),
        Val::Object(object) => object.size(),
        _ => 0,
    }
}

/// What it costs to look through an argument once; functions that do more than that ask for more.
pub(super) fn looking(val: &Val) -> usize {
    match val {
        Val::List(list) => list.items.len() / 4,
        Val::Object(object) => object.size(),
        val => extent(val) / 8,
    }
}

/// Refuses a wrong number of arguments.
pub(super) fn count(name: &str, given: usize, wanted: usize, more: bool) -> Outcome<()> {
    if given == wanted || more && given > wanted {
        return Ok(());
    }
    let least = if more { "at least " } else { "" };
    Err(Fail::new(format!("`{name}` takes {least}{wanted} arguments, but gets {given}")))
}

pub(super) fn ideal(number: Number) -> Outcome {
    match number {
        Number { is_float: true, float, .. } => Ok(Val::Float(float)),
        Number { int: Some(int), .. } => Ok(Val::Int(int)),
        Number { .. } => Err(Fail::new("this number does not fit in 64 bits")),
    }
}

/// Gives back the value when it is of the type, as `validateType` there; nothing becomes an empty map or list.
pub(super) fn fit(val: Val, wanted: Kind) -> Outcome {
    let fits = match (wanted, &val) {
        (Kind::Any, _)
        | (Kind::Str, Val::Str(_) | Val::Raw(_))
        | (Kind::Int, Val::Int(_))
        | (Kind::Int64, Val::Int64(_))
        | (Kind::Float, Val::Float(_))
        | (Kind::Bool, Val::Bool(_)) => true,
        (Kind::Map, Val::Map(map)) => matches!(map.of, Of::Any | Of::Values | Of::Nil),
        (Kind::List, Val::List(list)) => matches!(list.of, Of::Any | Of::Nil),
        (Kind::Strings, Val::List(list)) => matches!(list.of, Of::Str | Of::NilStr),
        (Kind::Time, Val::Object(object)) => object.type_name() == "time.Time",
        (Kind::Map, Val::Nil) => return Ok(Val::Map(Rc::new(Table::new(Of::Nil)))),
        (Kind::List, Val::Nil) => return Ok(Val::List(Rc::new(List { items: Vec::new(), of: Of::Nil }))),
        (Kind::Strings, Val::Nil) => return Ok(Val::List(Rc::new(List { items: Vec::new(), of: Of::NilStr }))),
        _ => false,
    };
    if fits { Ok(val) } else { Err(misfit(&val, wanted)) }
}

/// Says that a value is not of the type that a function takes.
pub(super) fn misfit(val: &Val, wanted: Kind) -> Box<Fail> {
    Fail::new(match val {
        Val::Nil => format!("expected {} here, but got nothing", article(wanted.name())),
        _ => format!(
            "expected {} here, but got {}: {}",
            article(wanted.name()),
            article(val.type_name()),
            print::short(val)
        ),
    })
}

/// A type's name with its article.
pub(in crate::helm) fn article(name: &str) -> String {
    let article = if name.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {name}")
}
