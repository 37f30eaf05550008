//! Go's own functions (`text/template/funcs.go`, Go 1.26), but for `and` and `or`, which do not compute all they are given,
//! and `slice`, in whose place sprig puts another.

use std::cmp::Ordering;

use super::Kind::Any;
use super::printf::sprintf;
use super::{Function, Kind};
use crate::helm::go::args::article;
use crate::helm::go::print;
use crate::helm::go::value::{Of, Val};
use crate::helm::go::vm::{Fail, Outcome, Vm};

pub(super) const FUNCTIONS: &[Function] = &[
    Function { name: "print", takes: &[], rest: Some(Any), run: |vm, args| text(vm, print::sprint(args)) },
    Function { name: "println", takes: &[], rest: Some(Any), run: |vm, args| text(vm, print::sprintln(args)) },
    Function {
        name: "printf",
        takes: &[Kind::Str],
        rest: Some(Any),
        run: |vm, args| match args {
            [format, rest @ ..] => {
                let out = sprintf(vm, &super::cast::text_of(format), rest)?;
                text(vm, out)
            }
            _ => Err(Fail::new("`printf` takes a format")),
        },
    },
    Function { name: "html", takes: &[], rest: Some(Any), run: |vm, args| escaped(vm, args, html) },
    Function { name: "js", takes: &[], rest: Some(Any), run: |vm, args| escaped(vm, args, js) },
    Function { name: "urlquery", takes: &[], rest: Some(Any), run: |vm, args| escaped(vm, args, query_escape) },
    Function { name: "index", takes: &[Any], rest: Some(Any), run: |_, args| index(args) },
    Function { name: "len", takes: &[Any], rest: None, run: |_, args| length(&args[0]) },
    Function { name: "not", takes: &[Any], rest: None, run: |_, args| Ok(Val::Bool(!args[0].truth())) },
    Function { name: "eq", takes: &[Any], rest: Some(Any), run: |_, args| equal_any(args).map(Val::Bool) },
    Function {
        name: "ne",
        takes: &[Any, Any],
        rest: None,
        run: |_, args| equal(&args[0], &args[1]).map(|e| Val::Bool(!e)),
    },
    Function { name: "lt", takes: &[Any, Any], rest: None, run: |_, args| ordered(args, Ordering::is_lt) },
    Function { name: "le", takes: &[Any, Any], rest: None, run: |_, args| ordered(args, Ordering::is_le) },
    Function { name: "gt", takes: &[Any, Any], rest: None, run: |_, args| ordered(args, Ordering::is_gt) },
    Function { name: "ge", takes: &[Any, Any], rest: None, run: |_, args| ordered(args, Ordering::is_ge) },
    Function {
        name: "call",
        takes: &[Any],
        rest: Some(Any),
        run: |_, args| Err(Fail::new(format!("{} cannot be called", article(args[0].type_name())))),
    },
];

fn text(vm: &mut Vm<'_>, text: String) -> Outcome {
    print::refusal().map_or(Ok(()), Err)?;
    super::room(vm, text.len())?;
    Ok(Val::Str(text.into()))
}

/// The arguments as one text, escaped.
fn escaped(vm: &mut Vm<'_>, args: &[Val], escape: fn(&str) -> String) -> Outcome {
    /// Bytes that one byte becomes at most.
    const LONGEST: usize = 6;
    let joined = joined(args);
    print::refusal().map_or(Ok(()), Err)?;
    super::room(vm, joined.len().saturating_mul(LONGEST))?;
    Ok(Val::Str(escape(&joined).into()))
}

/// A single string as it is, and everything else as `print` prints it; nothing is `<no value>`.
fn joined(args: &[Val]) -> String {
    if let [Val::Str(text)] = args {
        return text.to_string();
    }
    let shown: Vec<Val> =
        args.iter().map(|arg| if matches!(arg, Val::Nil) { Val::str("<no value>") } else { arg.clone() }).collect();
    print::sprint(&shown)
}

fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\0' => out.push('\u{fffd}'),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c => out.push(c),
        }
    }
    out
}

fn js(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '"' => out.push_str("\\\""),
            '<' | '>' | '&' | '=' | '\0'..='\x1f' => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            ' '..='\x7f' => out.push(c),
            c if print::is_print(c) => out.push(c),
            c => out.push_str(&format!("\\u{:04X}", u32::from(c))),
        }
    }
    out
}

/// As Go's `url.QueryEscape`.
pub(super) fn query_escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            byte => super::urls::percent(&mut out, byte),
        }
    }
    out
}

/// An index into something of a length; the length itself is allowed where `slice` asks.
fn position(index: &Val, most: usize) -> Outcome<usize> {
    let (Val::Int(at) | Val::Int64(at)) = index else {
        return match index {
            Val::Byte(at) if usize::from(*at) <= most => Ok(usize::from(*at)),
            Val::Byte(at) => Err(Fail::new(format!("the index {at} is out of range"))),
            Val::Nil => Err(Fail::new("the index is nil")),
            other => Err(Fail::new(format!("{} is not an index into a list or a string", article(other.type_name())))),
        };
    };
    let fits = usize::try_from(*at).ok().filter(|at| *at <= most);
    fits.ok_or_else(|| Fail::new(format!("the index {at} is out of range: the length is {most}")))
}

fn index(args: &[Val]) -> Outcome {
    let [item, indexes @ ..] = args else { return Err(Fail::new("`index` takes a value")) };
    if matches!(item, Val::Nil) {
        return Err(Fail::new("`index` needs a list or map, not nil"));
    }
    let mut item = item.clone();
    for index in indexes {
        item = match &item {
            Val::Nil => return Err(Fail::new("`index` cannot look into nil")),
            Val::List(list) => {
                let at = position(index, list.items.len())?;
                let found = list.items.get(at).cloned();
                found.ok_or_else(|| {
                    Fail::new(format!("the index {at} is out of range: the length is {}", list.items.len()))
                })?
            }
            Val::Str(_) | Val::Raw(_) | Val::Bytes(_) => {
                let bytes = item.as_bytes().unwrap_or_default();
                let at = position(index, bytes.len())?;
                let found = bytes.get(at).map(|byte| Val::Byte(*byte));
                found.ok_or_else(|| {
                    Fail::new(format!("the index {at} is out of range: the length is {}", bytes.len()))
                })?
            }
            Val::Map(map) => match index {
                Val::Str(key) => match map.get(key) {
                    Some(val) => val,
                    None if map.of == Of::Str => Val::str(""),
                    None => Val::Nil,
                },
                Val::Nil => return Err(Fail::new("the key is nil")),
                other => {
                    return Err(Fail::new(format!("a key must be a string, not {}", article(other.type_name()))));
                }
            },
            Val::Object(object) => match (object.items(), index) {
                (Some(items), Val::Str(key)) => {
                    let found = items.into_iter().find(|(name, _)| name.as_deref() == Some(key));
                    found.map_or(Val::Nil, |(_, val)| val)
                }
                (Some(items), index) => {
                    let at = position(index, items.len())?;
                    items
                        .into_iter()
                        .nth(at)
                        .map(|(_, val)| val)
                        .ok_or_else(|| Fail::new(format!("the index {at} is out of range")))?
                }
                _ => return Err(Fail::new(format!("{} cannot be indexed", article(item.type_name())))),
            },
            other => return Err(Fail::new(format!("{} cannot be indexed", article(other.type_name())))),
        };
    }
    Ok(item)
}

fn length(item: &Val) -> Outcome {
    let length = match item {
        Val::Str(_) | Val::Raw(_) | Val::Bytes(_) => item.as_bytes().map_or(0, <[u8]>::len),
        Val::List(list) => list.items.len(),
        Val::Map(map) => map.len(),
        Val::Object(object) if object.items().is_some() => object.items().map_or(0, |items| items.len()),
        Val::Nil => return Err(Fail::new("`len` needs a value, not nil")),
        other => return Err(Fail::new(format!("{} has no length", article(other.type_name())))),
    };
    Ok(Val::Int(i64::try_from(length).unwrap_or(i64::MAX)))
}

fn equal_any(args: &[Val]) -> Outcome<bool> {
    let [first, rest @ ..] = args else { return Err(Fail::new("`eq` takes two values")) };
    if rest.is_empty() {
        return Err(Fail::new("`eq` needs a value to compare with"));
    }
    for other in rest {
        if equal(first, other)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A basic kind, by which comparisons sort values.
#[derive(PartialEq)]
enum Basic<'v> {
    Bool(bool),
    Int(i64),
    Uint(u8),
    Float(f64),
    Text(&'v [u8]),
    None,
}

fn basic(val: &Val) -> Basic<'_> {
    match val {
        Val::Bool(b) => Basic::Bool(*b),
        Val::Int(i) | Val::Int64(i) => Basic::Int(*i),
        Val::Byte(b) => Basic::Uint(*b),
        Val::Float(f) => Basic::Float(*f),
        Val::Str(_) | Val::Raw(_) => Basic::Text(val.as_bytes().unwrap_or_default()),
        _ => Basic::None,
    }
}

fn incompatible(a: &Val, b: &Val) -> Box<Fail> {
    let (a, b) = (article(a.type_name()), article(b.type_name()));
    Fail::new(format!("{a} and {b} cannot be compared; numbers of a values file are float64, literals are int"))
}

#[expect(clippy::float_cmp, reason = "Go compares floats bit by bit too")]
fn equal(a: &Val, b: &Val) -> Outcome<bool> {
    Ok(match (basic(a), basic(b)) {
        (Basic::Int(a), Basic::Uint(b)) | (Basic::Uint(b), Basic::Int(a)) => a == i64::from(b),
        (Basic::Bool(a), Basic::Bool(b)) => a == b,
        (Basic::Int(a), Basic::Int(b)) => a == b,
        (Basic::Uint(a), Basic::Uint(b)) => a == b,
        (Basic::Float(a), Basic::Float(b)) => a == b,
        (Basic::Text(a), Basic::Text(b)) => a == b,
        (Basic::None, Basic::None) => match (a, b) {
            (Val::Nil, Val::Nil) => true,
            (Val::Nil, _) | (_, Val::Nil) => false,
            _ => return Err(Fail::new(format!("two values of type {} cannot be compared", b.type_name()))),
        },
        // Nothing equals nothing else, whatever its type.
        _ if matches!(a, Val::Nil) || matches!(b, Val::Nil) => false,
        _ => return Err(incompatible(a, b)),
    })
}

fn ordered(args: &[Val], wanted: fn(Ordering) -> bool) -> Outcome {
    let (a, b) = (&args[0], &args[1]);
    let order = match (basic(a), basic(b)) {
        (Basic::None, _) | (_, Basic::None) => {
            let none = if matches!(basic(a), Basic::None) { a } else { b };
            let message = format!("{} has no order; numbers and strings have", article(none.type_name()));
            return Err(Fail::new(message));
        }
        (Basic::Int(a), Basic::Int(b)) => a.cmp(&b),
        (Basic::Int(a), Basic::Uint(b)) => a.cmp(&b.into()),
        (Basic::Uint(a), Basic::Int(b)) => i64::from(a).cmp(&b),
        (Basic::Uint(a), Basic::Uint(b)) => a.cmp(&b),
        (Basic::Text(a), Basic::Text(b)) => a.cmp(b),
        (Basic::Float(a), Basic::Float(b)) => match a.partial_cmp(&b) {
            Some(order) => order,
            // As there: `gt` is "not `le`", and `le` is "`lt` or `eq`".
            None => return Ok(Val::Bool(wanted(Ordering::Greater) && !wanted(Ordering::Equal))),
        },
        (Basic::Bool(_), Basic::Bool(_)) => return Err(Fail::new("true and false have no order")),
        _ => return Err(incompatible(a, b)),
    };
    Ok(Val::Bool(wanted(order)))
}
