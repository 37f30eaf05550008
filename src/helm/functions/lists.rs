//! Lists: sprig's `list.go`. A list never changes; each function makes a new one.

use std::borrow::Cow;
use std::rc::Rc;

use super::super::go::value::{List, Of, Val};
use super::super::go::vm::{Fail, Outcome, Vm};
use super::Kind::{Any, Int};
use super::{Function, arg, cast, equal, exact, int, nil_pointer, out_of_range, room, text, variadic};

pub(super) const FUNCTIONS: &[Function] = &[
    variadic("list", &[], Any, list),
    variadic("tuple", &[], Any, list),
    exact("append", &[Any, Any], push),
    exact("push", &[Any, Any], push),
    exact("mustAppend", &[Any, Any], push),
    exact("mustPush", &[Any, Any], push),
    exact("prepend", &[Any, Any], prepend),
    exact("mustPrepend", &[Any, Any], prepend),
    exact("first", &[Any], first),
    exact("mustFirst", &[Any], first),
    exact("last", &[Any], last),
    exact("mustLast", &[Any], last),
    exact("rest", &[Any], rest),
    exact("mustRest", &[Any], rest),
    exact("initial", &[Any], initial),
    exact("mustInitial", &[Any], initial),
    exact("reverse", &[Any], reverse),
    exact("mustReverse", &[Any], reverse),
    exact("uniq", &[Any], uniq),
    exact("mustUniq", &[Any], uniq),
    exact("compact", &[Any], compact),
    exact("mustCompact", &[Any], compact),
    variadic("without", &[Any], Any, without),
    variadic("mustWithout", &[Any], Any, without),
    exact("has", &[Any, Any], has),
    exact("mustHas", &[Any, Any], has),
    variadic("slice", &[Any], Any, slice),
    variadic("mustSlice", &[Any], Any, slice),
    variadic("concat", &[], Any, concat),
    exact("chunk", &[Int, Any], chunk),
    exact("mustChunk", &[Int, Any], chunk),
    exact("sortAlpha", &[Any], sort_alpha),
];

/// The items of a list; `refusal` begins what Go says of anything else.
fn items<'v>(vm: &mut Vm<'_>, val: &'v Val, refusal: &str) -> Outcome<Cow<'v, [Val]>> {
    if let Val::Nil = val {
        return Err(nil_pointer());
    }
    of_list(vm, val)?.ok_or_else(|| Fail::new(format!("{refusal} {}", val.kind())))
}

/// The items of a list, a `[]byte` or an object that is a list.
fn of_list<'v>(vm: &mut Vm<'_>, val: &'v Val) -> Outcome<Option<Cow<'v, [Val]>>> {
    Ok(match val {
        Val::List(list) => Some(Cow::Borrowed(&list.items[..])),
        Val::Bytes(bytes) => {
            room(vm, bytes.len().saturating_mul(size_of::<Val>()))?;
            Some(bytes.iter().map(|b| Val::Byte(*b)).collect())
        }
        Val::Object(object) if object.kind() == "slice" => {
            room(vm, object.size().saturating_mul(size_of::<Val>()))?;
            Some(object.items().unwrap_or_default().into_iter().map(|(_, item)| item).collect())
        }
        _ => None,
    })
}

/// A `[]interface {}` that is nil.
fn nil_list() -> Val {
    Val::List(Rc::new(List { items: Vec::new(), of: Of::Nil }))
}

/// A list of the items of all parts.
fn made(vm: &mut Vm<'_>, parts: &[&[Val]]) -> Outcome {
    let count: usize = parts.iter().map(|part| part.len()).sum();
    room(vm, count.saturating_mul(size_of::<Val>()))?;
    Ok(Val::list(parts.concat()))
}

fn list(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    made(vm, &[args])
}

fn push(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let items = items(vm, arg(args, 0), "Cannot push on type")?;
    made(vm, &[&items, &[arg(args, 1).clone()]])
}

fn prepend(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let items = items(vm, arg(args, 0), "Cannot prepend on type")?;
    made(vm, &[&[arg(args, 1).clone()], &items])
}

fn first(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    Ok(items(vm, arg(args, 0), "Cannot find first on type")?.first().cloned().unwrap_or_default())
}

fn last(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    Ok(items(vm, arg(args, 0), "Cannot find last on type")?.last().cloned().unwrap_or_default())
}

fn rest(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    match items(vm, arg(args, 0), "Cannot find rest on type")?.split_first() {
        Some((_, rest)) => made(vm, &[rest]),
        None => Ok(nil_list()),
    }
}

fn initial(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    match items(vm, arg(args, 0), "Cannot find initial on type")?.split_last() {
        Some((_, initial)) => made(vm, &[initial]),
        None => Ok(nil_list()),
    }
}

fn reverse(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let items = items(vm, arg(args, 0), "Cannot find reverse on type")?;
    room(vm, items.len().saturating_mul(size_of::<Val>()))?;
    Ok(Val::list(items.iter().rev().cloned().collect()))
}

fn in_list(vm: &mut Vm<'_>, list: &[Val], item: &Val) -> Outcome<bool> {
    for other in list {
        if equal::deep(vm, item, other)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn uniq(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let mut out: Vec<Val> = Vec::new();
    for item in items(vm, arg(args, 0), "Cannot find uniq on type")?.iter() {
        if !in_list(vm, &out, item)? {
            vm.spend(size_of::<Val>())?;
            out.push(item.clone());
        }
    }
    Ok(Val::list(out))
}

fn compact(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let items = items(vm, arg(args, 0), "Cannot compact on type")?;
    room(vm, items.len().saturating_mul(size_of::<Val>()))?;
    Ok(Val::list(items.iter().filter(|item| item.truth()).cloned().collect()))
}

fn without(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let mut out = Vec::new();
    for item in items(vm, arg(args, 0), "Cannot find without on type")?.iter() {
        if !in_list(vm, args.get(1..).unwrap_or_default(), item)? {
            vm.spend(size_of::<Val>())?;
            out.push(item.clone());
        }
    }
    Ok(Val::list(out))
}

fn has(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let (item, list) = (arg(args, 0), arg(args, 1));
    if let Val::Nil = list {
        return Ok(Val::Bool(false));
    }
    let items = items(vm, list, "Cannot find has on type")?;
    in_list(vm, &items, item).map(Val::Bool)
}

fn slice(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let val = arg(args, 0);
    let items = items(vm, val, "list should be type of slice or array but")?;
    if items.is_empty() {
        return Ok(Val::Nil);
    }
    let len = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let (from, to) = (args.get(1).map_or(0, cast::int64), args.get(2).map_or(len, cast::int64));
    if from < 0 || to < from || to > len {
        return Err(Fail::new("reflect.Value.Slice: slice index out of bounds"));
    }
    if let Some(fail) = out_of_range(from, to, items.len(), "capacity") {
        return Err(fail);
    }
    let index = |i: i64| usize::try_from(i).unwrap_or(0);
    let part = items.get(index(from)..index(to)).unwrap_or_default();
    room(vm, part.len().saturating_mul(size_of::<Val>()))?;
    let part = part.to_vec();
    Ok(match val {
        Val::List(list) => Val::List(Rc::new(List { items: part, of: list.of })),
        Val::Bytes(bytes) => Val::Bytes(Rc::from(bytes.get(index(from)..index(to)).unwrap_or_default())),
        _ => Val::list(part),
    })
}

fn concat(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let mut out = Vec::new();
    for val in args {
        if let Val::Nil = val {
            return Err(nil_pointer());
        }
        let refused = || Fail::new(format!("Cannot concat type {} as list", val.kind()));
        let items = of_list(vm, val)?.ok_or_else(refused)?;
        room(vm, (out.len() + items.len()).saturating_mul(size_of::<Val>()))?;
        out.extend_from_slice(&items);
    }
    Ok(if out.is_empty() { nil_list() } else { Val::list(out) })
}

fn chunk(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let (size, items) = (int(args, 0), items(vm, arg(args, 1), "Cannot chunk type")?);
    let Some(size) = usize::try_from(size).ok().filter(|size| *size > 0) else {
        // Go counts chunks in floats: a negative size makes none of two items or more.
        return match items.len() {
            1 if size < -1 => Ok(Val::List(Rc::new(List { items: vec![Val::list(items.to_vec())], of: Of::List }))),
            len if size < 0 && len > 1 && (len as u64 - 1).div_ceil(size.unsigned_abs()) == 1 => {
                Ok(Val::List(Rc::new(List { items: Vec::new(), of: Of::List })))
            }
            _ => Err(Fail::new("runtime error: makeslice: len out of range")),
        };
    };
    room(vm, items.len().saturating_mul(size_of::<Val>()))?;
    // Each is a list of its own.
    vm.spend(items.len().div_ceil(size).saturating_mul(100))?;
    let chunks = items.chunks(size).map(|part| Val::list(part.to_vec())).collect();
    Ok(Val::List(Rc::new(List { items: chunks, of: Of::List })))
}

fn sort_alpha(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let val = arg(args, 0);
    if !matches!(val, Val::List(_) | Val::Bytes(_)) && val.kind() != "slice" {
        return Ok(text::strings(vec![cast::text(vm, val)?]));
    }
    let mut texts = cast::texts(vm, val)?;
    // Sorting compares each text with some twenty others, which may begin alike.
    let bytes: usize = texts.iter().map(|text| text.as_bytes().map_or(0, <[u8]>::len)).sum();
    vm.spend(texts.len().saturating_mul(32).saturating_add(bytes / 2))?;
    texts.sort_by(|a, b| a.as_bytes().cmp(&b.as_bytes()));
    Ok(text::strings(texts))
}
