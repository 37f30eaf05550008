//! Maps: sprig's `dict.go`. `set`, `unset` and `merge` change a map in place, for everybody who holds it.
//!
//! What only copies takes entries as they are, so that the values of a release do not count as read by it.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::super::go::value::{Entry, Of, Str, Table, Val};
use super::super::go::vm::{Fail, Outcome, Vm};
use super::Kind::{Any, Map, Str as Text};
use super::{Function, arg, cast, exact, merge, room, text, text_of, variadic};

pub(super) const FUNCTIONS: &[Function] = &[
    variadic("dict", &[], Any, dict),
    exact("get", &[Map, Text], get),
    exact("set", &[Map, Text, Any], set),
    exact("unset", &[Map, Text], unset),
    exact("hasKey", &[Map, Text], |_, args| Ok(Val::Bool(map(args, 0).is_some_and(|map| map.has(&text_of(args, 1)))))),
    variadic("pluck", &[Text], Map, pluck),
    variadic("keys", &[], Map, keys),
    exact("values", &[Map], values),
    variadic("pick", &[Map], Text, pick),
    variadic("omit", &[Map], Text, omit),
    variadic("dig", &[], Any, dig),
    variadic("merge", &[Map], Map, |vm, args| merge::all(vm, args, false)),
    variadic("mustMerge", &[Map], Map, |vm, args| merge::all(vm, args, false)),
    variadic("mergeOverwrite", &[Map], Map, |vm, args| merge::all(vm, args, true)),
    variadic("mustMergeOverwrite", &[Map], Map, |vm, args| merge::all(vm, args, true)),
    exact("deepCopy", &[Any], |vm, args| deep_copy(vm, arg(args, 0), 0)),
    exact("mustDeepCopy", &[Any], |vm, args| deep_copy(vm, arg(args, 0), 0)),
];

/// The map at an argument that has to be one.
pub(super) fn map(args: &[Val], index: usize) -> Option<&Rc<Table>> {
    match arg(args, index) {
        Val::Map(map) => Some(map),
        _ => None,
    }
}

/// A map of entries, the last of a key first, of a type of its own.
pub(super) fn table(entries: impl IntoIterator<Item = (Str, Entry)>, of: Of) -> Table {
    entries.into_iter().collect::<Table>().typed(of)
}

fn dict(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    room(vm, args.len().saturating_mul(size_of::<Val>()))?;
    let mut pairs = Vec::with_capacity(args.len().div_ceil(2));
    for pair in args.chunks(2) {
        let value = pair.get(1).cloned().unwrap_or_else(|| Val::str(""));
        pairs.push((cast::key(vm, arg(pair, 0))?, value));
    }
    Ok(Val::map(pairs))
}

fn get(_: &mut Vm<'_>, args: &[Val]) -> Outcome {
    Ok(map(args, 0).and_then(|map| map.get(&text_of(args, 1))).unwrap_or_else(|| Val::str("")))
}

fn set(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    if let Some(map) = map(args, 0) {
        if map.of == Of::Nil {
            return Err(Fail::new("assignment to entry in nil map"));
        }
        // Entries are kept in order: a new one moves those behind it.
        vm.spend(16 + map.len() / 4)?;
        map.set(text_of(args, 1).into(), arg(args, 2).clone());
    }
    Ok(arg(args, 0).clone())
}

fn unset(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    if let Some(map) = map(args, 0) {
        vm.spend(16 + map.len() / 4)?;
        map.remove(&text_of(args, 1));
    }
    Ok(arg(args, 0).clone())
}

fn pluck(_: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let key = text_of(args, 0);
    Ok(Val::list((1..args.len()).filter_map(|index| map(args, index)?.get(&key)).collect()))
}

fn keys(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    // Go's order is random; charts sort, and where one does not, sorted keys are as right as any.
    let maps = || (0..args.len()).filter_map(|index| map(args, index));
    let count: usize = maps().map(|map| map.len()).sum();
    room(vm, count.saturating_mul(size_of::<Val>()))?;
    Ok(text::strings(maps().flat_map(|map| map.keys()).map(Val::Str).collect()))
}

fn values(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let Some(map) = map(args, 0) else { return Ok(Val::list(Vec::new())) };
    room(vm, map.len().saturating_mul(size_of::<Val>()))?;
    Ok(Val::list(map.read_all().into_iter().map(|(_, val)| val).collect()))
}

fn pick(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    room(vm, args.len().saturating_mul(100))?;
    let picked = (1..args.len()).filter_map(|index| {
        let key = text_of(args, index);
        Some((Str::from(&*key), map(args, 0)?.entry(&key)?))
    });
    Ok(Val::Map(Rc::new(picked.collect())))
}

fn omit(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    vm.spend(args.len().saturating_mul(16))?;
    let dropped: BTreeSet<_> = (1..args.len()).map(|index| text_of(args, index)).collect();
    let kept = |key: &Str| !dropped.contains(&**key);
    let Some(map) = map(args, 0) else { return Ok(arg(args, 0).clone()) };
    room(vm, map.len().saturating_mul(size_of::<(Str, Entry)>()))?;
    let kept: Table = map.entries().iter().filter(|(key, _)| kept(key)).cloned().collect();
    Ok(Val::Map(Rc::new(kept)))
}

fn dig(_: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let [path @ .., default, start] = args else {
        return Err(Fail::new("dig needs at least three arguments"));
    };
    if path.is_empty() {
        return Err(Fail::new("dig needs at least three arguments"));
    }
    let wrong = |val: &Val, wanted: &str| {
        Fail::new(match val {
            Val::Nil => format!("interface conversion: interface {{}} is nil, not {wanted}"),
            _ => format!("interface conversion: interface {{}} is {}, not {wanted}", go_type(val)),
        })
    };
    let as_map = |val: &Val| match val {
        Val::Map(map) if map.of != Of::Values && matches!(map.of, Of::Any | Of::Nil) => Ok(map.clone()),
        _ => Err(wrong(val, "map[string]interface {}")),
    };
    let mut here = as_map(start)?;
    for key in path {
        if !matches!(key, Val::Str(_) | Val::Raw(_)) {
            return Err(wrong(key, "string"));
        }
    }
    for (i, key) in path.iter().enumerate() {
        let Some(next) = here.get(&cast::text_of(key)) else { return Ok(default.clone()) };
        if i + 1 == path.len() {
            return Ok(next);
        }
        here = as_map(&next)?;
    }
    Ok(default.clone())
}

/// The name of a type with its package's path, as run-time errors print it.
fn go_type(val: &Val) -> &'static str {
    val.type_name()
}

/// Copies maps and lists all the way down; entries keep their flags.
///
/// # Errors
/// When it is nested too deep, as a map that holds itself is.
pub(super) fn deep_copy(vm: &mut Vm<'_>, val: &Val, depth: usize) -> Outcome {
    const MAX_DEPTH: usize = 500;
    /// What a list or map takes besides its items.
    const CONTAINER: usize = 150;
    if depth > MAX_DEPTH {
        return Err(Fail::limit(format!("a value is nested more than {MAX_DEPTH} levels deep, or contains itself")));
    }
    vm.spend(if matches!(val, Val::List(_) | Val::Map(_)) { CONTAINER } else { 1 })?;
    match val {
        // copystructure asks for the type of nil.
        Val::Nil if depth == 0 => Err(nil_value()),
        Val::List(list) => {
            vm.spend(list.items.len().saturating_mul(size_of::<Val>()))?;
            let mut items = Vec::with_capacity(list.items.len());
            for item in &list.items {
                items.push(deep_copy(vm, item, depth + 1)?);
            }
            Ok(Val::List(Rc::new(super::super::go::value::List { items, of: list.of })))
        }
        Val::Map(map) => {
            vm.spend(map.len().saturating_mul(size_of::<(Str, Entry)>()))?;
            let entries = map.entries().clone();
            let mut copied = Vec::with_capacity(entries.len());
            for (key, entry) in entries {
                let val = deep_copy(vm, &entry.val, depth + 1)?;
                copied.push((key, Entry { val, seen: entry.seen }));
            }
            Ok(Val::Map(Rc::new(table(copied, map.of))))
        }
        _ => Ok(val.clone()),
    }
}

fn nil_value() -> Box<Fail> {
    Fail::new("reflect: call of reflect.Value.Type on zero Value")
}
