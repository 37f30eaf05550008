//! Lists: sprig's `list.go`. A list never changes; each function makes a new one.

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
fn items(val: &Val, refusal: &str) -> Outcome<Vec<Val>> {
    if let Val::Nil = val {
        return Err(nil_pointer());
    }
    of_list(val).ok_or_else(|| Fail::new(format!("{refusal} {}", val.kind())))
}

/// The items of a list, a `[]byte` or an object that is a list.
pub(super) fn of_list(val: &Val) -> Option<Vec<Val>> {
    match val {
        Val::List(list) => Some(list.items.clone()),
        Val::Bytes(bytes) => Some(bytes.iter().map(|b| Val::Byte(*b)).collect()),
        Val::Object(object) if object.kind() == "slice" => {
            Some(object.items().unwrap_or_default().into_iter().map(|(_, item)| item).collect())
        }
        _ => None,
    }
}

/// A `[]interface {}` that is nil.
fn nil_list() -> Val {
    Val::List(Rc::new(List { items: Vec::new(), of: Of::Nil }))
}

fn made(vm: &mut Vm<'_>, items: Vec<Val>) -> Outcome {
    room(vm, items.len().saturating_mul(size_of::<Val>()))?;
    Ok(Val::list(items))
}

fn list(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    made(vm, args.to_vec())
}

fn push(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let mut items = items(arg(args, 0), "Cannot push on type")?;
    items.push(arg(args, 1).clone());
    made(vm, items)
}

fn prepend(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let mut items = items(arg(args, 0), "Cannot prepend on type")?;
    items.insert(0, arg(args, 1).clone());
    made(vm, items)
}

fn first(_: &mut Vm<'_>, args: &[Val]) -> Outcome {
    Ok(items(arg(args, 0), "Cannot find first on type")?.into_iter().next().unwrap_or_default())
}

fn last(_: &mut Vm<'_>, args: &[Val]) -> Outcome {
    Ok(items(arg(args, 0), "Cannot find last on type")?.pop().unwrap_or_default())
}

fn rest(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let mut items = items(arg(args, 0), "Cannot find rest on type")?;
    if items.is_empty() {
        return Ok(nil_list());
    }
    items.remove(0);
    made(vm, items)
}

fn initial(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let mut items = items(arg(args, 0), "Cannot find initial on type")?;
    if items.pop().is_none() {
        return Ok(nil_list());
    }
    made(vm, items)
}

fn reverse(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let mut items = items(arg(args, 0), "Cannot find reverse on type")?;
    items.reverse();
    made(vm, items)
}

fn in_list(vm: &mut Vm<'_>, list: &[Val], item: &Val) -> Outcome<bool> {
    vm.spend(list.len())?;
    Ok(list.iter().any(|other| equal::deep(item, other)))
}

fn uniq(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let mut out: Vec<Val> = Vec::new();
    for item in items(arg(args, 0), "Cannot find uniq on type")? {
        if !in_list(vm, &out, &item)? {
            out.push(item);
        }
    }
    made(vm, out)
}

fn compact(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let mut items = items(arg(args, 0), "Cannot compact on type")?;
    items.retain(Val::truth);
    made(vm, items)
}

fn without(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let mut out = Vec::new();
    for item in items(arg(args, 0), "Cannot find without on type")? {
        if !in_list(vm, args.get(1..).unwrap_or_default(), &item)? {
            out.push(item);
        }
    }
    made(vm, out)
}

fn has(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let (item, list) = (arg(args, 0), arg(args, 1));
    if let Val::Nil = list {
        return Ok(Val::Bool(false));
    }
    let items = items(list, "Cannot find has on type")?;
    in_list(vm, &items, item).map(Val::Bool)
}

fn slice(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let val = arg(args, 0);
    let items = items(val, "list should be type of slice or array but")?;
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
    let part = items.get(index(from)..index(to)).unwrap_or_default().to_vec();
    room(vm, part.len())?;
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
        out.extend(of_list(val).ok_or_else(refused)?);
        room(vm, out.len().saturating_mul(size_of::<Val>()))?;
    }
    Ok(if out.is_empty() { nil_list() } else { Val::list(out) })
}

fn chunk(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let (size, items) = (int(args, 0), items(arg(args, 1), "Cannot chunk type")?);
    let Some(size) = usize::try_from(size).ok().filter(|size| *size > 0) else {
        // Go counts chunks in floats: a negative size makes none of two items or more.
        return match items.len() {
            1 if size < -1 => Ok(Val::List(Rc::new(List { items: vec![Val::list(items)], of: Of::List }))),
            len if size < 0 && len > 1 && (len as u64 - 1).div_ceil(size.unsigned_abs()) == 1 => {
                Ok(Val::List(Rc::new(List { items: Vec::new(), of: Of::List })))
            }
            _ => Err(Fail::new("runtime error: makeslice: len out of range")),
        };
    };
    room(vm, items.len().saturating_mul(size_of::<Val>()))?;
    let chunks = items.chunks(size).map(|part| Val::list(part.to_vec())).collect();
    Ok(Val::List(Rc::new(List { items: chunks, of: Of::List })))
}

fn sort_alpha(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let val = arg(args, 0);
    if of_list(val).is_none() {
        return Ok(text::strings(vec![cast::text(val)]));
    }
    let mut texts = cast::texts(val);
    vm.spend(texts.len())?;
    texts.sort_by(|a, b| a.as_bytes().cmp(&b.as_bytes()));
    Ok(text::strings(texts))
}
