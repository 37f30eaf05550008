//! YAML, JSON and TOML in templates: Helm's `funcs.go` and sprig's JSON functions.
//!
//! Writing swallows what cannot be written, as Helm does; reading puts the error into the value that it returns.

use std::rc::Rc;

use super::super::go::value::{List, Of, Str, Table, Val};
use super::super::go::vm::{Fail, Outcome, Vm};
use super::Kind::{Any, Str as Text};
use super::go_json::{self, Format};
use super::go_yaml::{self, Dialect};
use super::{Function, MAX_VALUE, arg, bytes, exact, go_toml, room};
use crate::manifest::yaml;

pub(super) const FUNCTIONS: &[Function] = &[
    exact("toYaml", &[Any], |vm, args| to_yaml(vm, args, Dialect::Sigs)),
    exact("toYamlPretty", &[Any], |vm, args| to_yaml(vm, args, Dialect::Pretty)),
    exact("fromYaml", &[Text], |vm, args| from(vm, args, Shape::Map, from_yaml)),
    exact("fromYamlArray", &[Text], |vm, args| from(vm, args, Shape::List, from_yaml)),
    exact("toJson", &[Any], |vm, args| to_json(vm, args, true, false, false)),
    exact("mustToJson", &[Any], |vm, args| to_json(vm, args, true, false, true)),
    exact("toPrettyJson", &[Any], |vm, args| to_json(vm, args, true, true, false)),
    exact("mustToPrettyJson", &[Any], |vm, args| to_json(vm, args, true, true, true)),
    exact("toRawJson", &[Any], |vm, args| to_json(vm, args, false, false, true)),
    exact("mustToRawJson", &[Any], |vm, args| to_json(vm, args, false, false, true)),
    exact("fromJson", &[Text], |vm, args| from(vm, args, Shape::Map, from_json)),
    exact("fromJsonArray", &[Text], |vm, args| from(vm, args, Shape::List, from_json)),
    exact("mustFromJson", &[Text], |vm, args| {
        room(vm, bytes(args, 0).len().saturating_mul(16))?;
        match go_json::read(bytes(args, 0)).map_err(Fail::new)? {
            (val, None) => Ok(val),
            (_, Some(error)) => Err(Fail::new(error)),
        }
    }),
    exact("toToml", &[Any], to_toml),
    exact("fromToml", &[Text], |vm, args| from(vm, args, Shape::Map, from_toml)),
];

/// What a value costs that cannot be written after all, besides what was written of it: it may have been looked at in
/// parts that leave nothing in the text.
const UNSUPPORTED: usize = 100_000;

/// How long a text may become that is written in one go.
fn longest(vm: &Vm<'_>) -> usize {
    usize::try_from(vm.left()).unwrap_or(usize::MAX).min(MAX_VALUE)
}

/// Why a text of more than `limit` bytes is not made.
fn too_large(vm: &mut Vm<'_>, limit: usize) -> Box<Fail> {
    match room(vm, limit.saturating_add(1)) {
        Err(fail) => fail,
        Ok(()) => Fail::limit("a text exceeds the maximum size of a value"),
    }
}

fn to_yaml(vm: &mut Vm<'_>, args: &[Val], dialect: Dialect) -> Outcome {
    let limit = longest(vm);
    match go_yaml::write(arg(args, 0), dialect, limit) {
        Ok(text) => {
            room(vm, text.len())?;
            Ok(Val::str(text.strip_suffix('\n').unwrap_or(&text)))
        }
        Err(go_yaml::Refusal::Unsupported(written)) => {
            vm.spend(written.saturating_add(UNSUPPORTED))?;
            Ok(Val::str(""))
        }
        Err(go_yaml::Refusal::TooLarge) => Err(too_large(vm, limit)),
    }
}

fn to_json(vm: &mut Vm<'_>, args: &[Val], html: bool, pretty: bool, must: bool) -> Outcome {
    let limit = longest(vm);
    match go_json::write(arg(args, 0), Format { html, pretty, limit }) {
        Ok(text) => {
            room(vm, text.len())?;
            Ok(Val::str(&text))
        }
        Err(go_json::Refusal::Unsupported(error, _)) if must => Err(Fail::new(error)),
        Err(go_json::Refusal::Unsupported(_, written)) => {
            vm.spend(written.saturating_add(UNSUPPORTED))?;
            Ok(Val::str(""))
        }
        Err(go_json::Refusal::TooLarge) => Err(too_large(vm, limit)),
    }
}

fn to_toml(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let limit = longest(vm);
    match go_toml::write(arg(args, 0), limit) {
        Ok(text) => {
            room(vm, text.len())?;
            Ok(Val::str(&text))
        }
        Err(go_toml::Refusal::Unsupported(error, looked)) => {
            vm.spend(looked.saturating_add(UNSUPPORTED))?;
            Ok(Val::str(&error))
        }
        Err(go_toml::Refusal::TooLarge) => Err(too_large(vm, limit)),
    }
}

/// What Helm reads into.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Map,
    List,
}

/// Reads a text into a map or a list; an error becomes the entry `Error` or the only item.
fn from(vm: &mut Vm<'_>, args: &[Val], shape: Shape, read: fn(&[u8], Shape) -> Result<Val, String>) -> Outcome {
    let text = bytes(args, 0);
    // `[[],[],…`: three bytes become a value of its own.
    room(vm, text.len().saturating_mul(16))?;
    let aliases = text.contains(&b'*');
    let result = read(text, shape);
    if aliases {
        // Anchors and aliases make more of a text than stands in it, as long as the reader lets them.
        vm.spend(result.as_ref().map_or(BROKEN, |val| values(val).saturating_mul(32)))?;
    }
    Ok(match (result, shape) {
        (Ok(val), _) => val,
        (Err(error), Shape::Map) => Val::map([("Error".into(), Val::str(&error))]),
        (Err(error), Shape::List) => Val::list(vec![Val::str(&error)]),
    })
}

/// What a text with aliases costs that cannot be read: as much as the reader lets aliases make.
const BROKEN: usize = 5_000_000;

/// How many values there are in one that was read just now, so nothing in it is shared.
fn values(val: &Val) -> usize {
    1 + match val {
        Val::List(list) => list.items.iter().map(values).sum::<usize>(),
        Val::Map(map) => map.entries().iter().map(|(_, entry)| values(&entry.val)).sum(),
        val => val.as_bytes().map_or(0, |bytes| bytes.len() / 32),
    }
}

/// The value as the shape that is asked for; null is a nil map or list.
fn shaped(val: Val, shape: Shape) -> Result<Val, String> {
    Ok(match (val, shape) {
        (Val::Nil, Shape::Map) => Val::Map(Rc::new(Table::new(Of::Nil))),
        (Val::Nil, Shape::List) => Val::List(Rc::new(List { items: Vec::new(), of: Of::Nil })),
        (val @ Val::Map(_), Shape::Map) | (val @ Val::List(_), Shape::List) => val,
        (other, shape) => {
            let what = match other {
                Val::Map(_) => "object",
                Val::List(_) => "array",
                Val::Bool(_) => "bool",
                Val::Str(_) => "string",
                _ => "number",
            };
            let wanted = if shape == Shape::Map { "map[string]interface {}" } else { "[]interface {}" };
            return Err(format!("json: cannot unmarshal {what} into Go value of type {wanted}"));
        }
    })
}

fn from_json(text: &[u8], shape: Shape) -> Result<Val, String> {
    let (val, unfit) = go_json::read(text)?;
    let val = shaped(val, shape)?;
    match (unfit, &val) {
        (Some(error), Val::Map(map)) => map.set("Error".into(), Val::str(&error)),
        (Some(error), _) => return Err(error),
        (None, _) => {}
    }
    Ok(val)
}

fn from_yaml(text: &[u8], shape: Shape) -> Result<Val, String> {
    let unreadable = |error: String| format!("error converting YAML to JSON: {error}");
    let text = std::str::from_utf8(text).map_err(|_| unreadable("yaml: invalid leading UTF-8 octet".into()))?;
    // Of several documents the first one counts.
    let read =
        yaml::read_first(text).map_err(|error| unreadable(format!("yaml: line {}: {}", error.line, error.message)))?;
    let val = match (read.document.map_or(Val::Nil, |document| Val::from_data(&document.value)), shape) {
        // Here null leaves the empty map or list as it is, other than with JSON.
        (Val::Nil, Shape::Map) => Val::map([]),
        (Val::Nil, Shape::List) => Val::list(Vec::new()),
        (val, _) => val,
    };
    shaped(val, shape).map_err(|error| format!("error unmarshaling JSON: while decoding JSON: {error}"))
}

fn from_toml(text: &[u8], _: Shape) -> Result<Val, String> {
    let text = String::from_utf8_lossy(text);
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        let place = error.span().map_or(0, |span| span.start);
        let line = text.get(..place).map_or(1, |before| before.matches('\n').count() + 1);
        format!("toml: line {line}: {}", error.message())
    })?;
    Ok(toml_table(&table))
}

fn toml_table(table: &toml::Table) -> Val {
    Val::map(table.iter().map(|(key, value)| (Str::from(key.as_str()), toml_value(value))))
}

/// TOML's integers stay `int64`, other than those of YAML and JSON.
fn toml_value(value: &toml::Value) -> Val {
    match value {
        toml::Value::String(text) => Val::str(text),
        toml::Value::Integer(number) => Val::Int64(*number),
        toml::Value::Float(number) => Val::Float(*number),
        toml::Value::Boolean(yes) => Val::Bool(*yes),
        toml::Value::Datetime(time) => super::dates::from_text(&time.to_string()),
        toml::Value::Array(items) => {
            let tables = !items.is_empty() && items.iter().all(toml::Value::is_table);
            let of = if tables { Of::Map } else { Of::Any };
            Val::List(Rc::new(List { items: items.iter().map(toml_value).collect(), of }))
        }
        toml::Value::Table(table) => toml_table(table),
    }
}
