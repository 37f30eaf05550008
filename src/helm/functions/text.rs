//! Strings: sprig's functions over them (`strings.go`, goutils v1.1.1), byte by byte as Go does it.
//!
//! A Go string may be cut in the middle of a character, so most of these work on bytes.

use super::super::go::print;
use super::super::go::value::{List, Of, Str, Val};
use super::super::go::vm::{Fail, Outcome, Vm};
use super::Kind::{Any, Int, Str as Text};
use super::{Function, arg, bytes, cast, exact, int, out_of_range, room, text_of, variadic};
use std::collections::BTreeSet;
use std::rc::Rc;

pub(super) const FUNCTIONS: &[Function] = &[
    exact("hello", &[], |_, _| Ok(Val::str("Hello!"))),
    exact("trim", &[Text], |_, args| Ok(trimmed(bytes(args, 0)))),
    exact("trimAll", &[Text, Text], trim_all),
    exact("trimall", &[Text, Text], trim_all),
    exact("trimPrefix", &[Text, Text], |_, args| Ok(cut(arg(args, 1), |s| s.strip_prefix(bytes(args, 0))))),
    exact("trimSuffix", &[Text, Text], |_, args| Ok(cut(arg(args, 1), |s| s.strip_suffix(bytes(args, 0))))),
    exact("hasPrefix", &[Text, Text], |_, args| Ok(Val::Bool(bytes(args, 1).starts_with(bytes(args, 0))))),
    exact("hasSuffix", &[Text, Text], |_, args| Ok(Val::Bool(bytes(args, 1).ends_with(bytes(args, 0))))),
    exact("contains", &[Text, Text], contains),
    exact("repeat", &[Int, Text], repeat),
    exact("replace", &[Text, Text, Text], replace),
    exact("substr", &[Int, Int, Text], substr),
    exact("trunc", &[Int, Text], trunc),
    exact("abbrev", &[Int, Text], abbrev),
    exact("abbrevboth", &[Int, Int, Text], abbrev_both),
    exact("nospace", &[Text], nospace),
    exact("initials", &[Text], initials),
    exact("wrap", &[Int, Text], |vm, args| wrap(vm, bytes(args, 1), int(args, 0), b"\n", false)),
    exact("wrapWith", &[Int, Text, Text], wrap_with),
    exact("indent", &[Int, Text], |vm, args| indent(vm, args, "")),
    exact("nindent", &[Int, Text], |vm, args| indent(vm, args, "\n")),
    variadic("quote", &[], Any, quote),
    variadic("squote", &[], Any, squote),
    variadic("cat", &[], Any, cat),
    exact("plural", &[Text, Text, Int], |_, args| Ok(arg(args, usize::from(int(args, 2) != 1)).clone())),
    exact("toString", &[Any], |vm, args| cast::text(vm, arg(args, 0))),
    exact("toStrings", &[Any], to_strings),
    exact("join", &[Text, Any], join),
    exact("split", &[Text, Text], |vm, args| split_map(vm, bytes(args, 1), bytes(args, 0), -1)),
    exact("splitn", &[Text, Int, Text], |vm, args| split_map(vm, bytes(args, 2), bytes(args, 0), int(args, 1))),
    exact("splitList", &[Text, Text], |vm, args| Ok(strings(split(vm, bytes(args, 1), bytes(args, 0), -1)?))),
];

/// A `[]string` of values that are strings.
pub(super) fn strings(items: Vec<Val>) -> Val {
    Val::List(Rc::new(List { items, of: Of::Str }))
}

fn contains(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let (part, text) = (bytes(args, 0), bytes(args, 1));
    vm.spend(usize::midpoint(text.len(), part.len()))?;
    Ok(Val::Bool(memchr::memmem::find(text, part).is_some()))
}

fn trimmed(text: &[u8]) -> Val {
    match std::str::from_utf8(text) {
        Ok(text) => Val::str(text.trim()),
        Err(_) => Val::from_bytes(text.trim_ascii().to_vec()),
    }
}

fn trim_all(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let (set, text) = (text_of(args, 0), text_of(args, 1));
    vm.spend(set.len().saturating_mul(16).saturating_add(text.len()))?;
    let set: BTreeSet<char> = set.chars().collect();
    Ok(Val::str(text.trim_matches(|c| set.contains(&c))))
}

/// The text without what `strip` takes off; the text itself where it takes nothing.
fn cut(text: &Val, strip: impl Fn(&[u8]) -> Option<&[u8]>) -> Val {
    match strip(text.as_bytes().unwrap_or_default()) {
        Some(rest) => Val::from_bytes(rest.to_vec()),
        None => text.clone(),
    }
}

/// `strings.Repeat`
///
/// # Errors
/// When the count is negative or the text too large.
fn repeated(vm: &mut Vm<'_>, text: &[u8], count: i64) -> Outcome<Vec<u8>> {
    let count = usize::try_from(count).map_err(|_| Fail::new("strings: negative Repeat count"))?;
    room(vm, text.len().saturating_mul(count))?;
    Ok(text.repeat(if text.is_empty() { 0 } else { count }))
}

fn repeat(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    repeated(vm, bytes(args, 1), int(args, 0)).map(Val::from_bytes)
}

fn replace(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    replaced(vm, bytes(args, 2), bytes(args, 0), bytes(args, 1)).map(Val::from_bytes)
}

/// `strings.Replace(text, old, new, -1)`
fn replaced(vm: &mut Vm<'_>, text: &[u8], old: &[u8], new: &[u8]) -> Outcome<Vec<u8>> {
    let mut out = Vec::new();
    if old.is_empty() {
        vm.spend(text.len().saturating_mul(16))?;
        room(vm, text.len().saturating_add((text.len() + 1).saturating_mul(new.len())))?;
        for part in characters(text) {
            out.extend_from_slice(new);
            out.extend_from_slice(part);
        }
        out.extend_from_slice(new);
        return Ok(out);
    }
    vm.spend(text.len())?;
    let count = memchr::memmem::find_iter(text, old).count();
    room(vm, (text.len() - count * old.len()).saturating_add(count.saturating_mul(new.len())))?;
    let mut from = 0;
    for at in memchr::memmem::find_iter(text, old) {
        out.extend_from_slice(&text[from..at]);
        out.extend_from_slice(new);
        from = at + old.len();
    }
    out.extend_from_slice(&text[from..]);
    Ok(out)
}

/// The characters of a string as Go's `range` walks them: a byte that is no part of one stands alone.
fn characters(text: &[u8]) -> Vec<&[u8]> {
    let mut out = Vec::new();
    let mut rest = text;
    for chunk in text.utf8_chunks() {
        for c in chunk.valid().chars() {
            let (part, after) = rest.split_at(c.len_utf8());
            out.push(part);
            rest = after;
        }
        for _ in chunk.invalid() {
            let (part, after) = rest.split_at(1);
            out.push(part);
            rest = after;
        }
    }
    out
}

/// Cuts a string as Go's `text[from:to]`.
fn slice(text: &[u8], from: i64, to: i64) -> Outcome {
    if let Some(fail) = out_of_range(from, to, text.len(), "length") {
        return Err(fail);
    }
    let (Ok(from), Ok(to)) = (usize::try_from(from), usize::try_from(to)) else { return Ok(Val::str("")) };
    Ok(Val::from_bytes(text.get(from..to).unwrap_or_default().to_vec()))
}

fn size(text: &[u8]) -> i64 {
    i64::try_from(text.len()).unwrap_or(i64::MAX)
}

fn substr(_: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let (start, end, text) = (int(args, 0), int(args, 1), bytes(args, 2));
    if start < 0 {
        return slice(text, 0, end);
    }
    if end < 0 || end > size(text) {
        if start > size(text) {
            return Err(Fail::new(format!("runtime error: slice bounds out of range [{start}:{}]", text.len())));
        }
        return slice(text, start, size(text));
    }
    slice(text, start, end)
}

fn trunc(_: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let (count, text) = (int(args, 0), bytes(args, 1));
    let from_end = size(text).saturating_add(count);
    if count < 0 && from_end > 0 {
        return slice(text, from_end, size(text));
    }
    if count >= 0 && size(text) > count {
        return slice(text, 0, count);
    }
    Ok(arg(args, 1).clone())
}

fn abbrev(_: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let (width, text) = (int(args, 0), bytes(args, 1));
    Ok(if width < 4 { arg(args, 1).clone() } else { Val::from_bytes(abbreviated(text, 0, width)) })
}

fn abbrev_both(_: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let (left, right, text) = (int(args, 0), int(args, 1), bytes(args, 2));
    if right < 4 || (left > 0 && right < 7) {
        return Ok(arg(args, 2).clone());
    }
    Ok(Val::from_bytes(abbreviated(text, left, right)))
}

/// goutils' `AbbreviateFull`; `width` is at least 4.
fn abbreviated(text: &[u8], offset: i64, width: i64) -> Vec<u8> {
    let len = size(text);
    if len <= width {
        return text.to_vec();
    }
    let mut offset = offset.min(len);
    if len.saturating_sub(offset) < width - 3 {
        offset = len - (width - 3);
    }
    let part = |from: i64, to: i64| {
        let index = |i: i64| usize::try_from(i).unwrap_or(0).min(text.len());
        &text[index(from)..index(to)]
    };
    if offset <= 4 {
        return [part(0, width - 3), b"..."].concat();
    }
    if width < 7 {
        return Vec::new();
    }
    if offset + width - 3 < len {
        // It comes back with an ellipsis at both ends; the inner width is at least 4.
        return [b"...", &abbreviated(part(offset, len), 0, width - 3)[..]].concat();
    }
    [b"...", part(len - (width - 3), len)].concat()
}

/// Go's `unicode.IsSpace` of a byte taken for a character.
fn is_space(byte: u8) -> bool {
    char::from(byte).is_whitespace()
}

/// goutils takes each byte for a character here, so a space within UTF-8 turns the rest into Latin-1.
fn nospace(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let text = bytes(args, 0);
    vm.spend(text.len())?;
    if !text.iter().any(|b| is_space(*b)) {
        return Ok(arg(args, 0).clone());
    }
    let kept: String = text.iter().filter(|b| !is_space(**b)).map(|b| char::from(*b)).collect();
    Ok(Val::str(&kept))
}

fn initials(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    vm.spend(bytes(args, 0).len())?;
    let (mut out, mut gap) = (String::new(), true);
    for byte in bytes(args, 0) {
        if is_space(*byte) {
            gap = true;
        } else if gap {
            out.push(char::from(*byte));
            gap = false;
        }
    }
    Ok(Val::str(&out))
}

fn wrap_with(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let line_break = if bytes(args, 1).is_empty() { b"\n" } else { bytes(args, 1) };
    wrap(vm, bytes(args, 2), int(args, 0), line_break, true)
}

/// goutils' `WrapCustom`
fn wrap(vm: &mut Vm<'_>, text: &[u8], width: i64, line_break: &[u8], break_words: bool) -> Outcome {
    let width = usize::try_from(width).unwrap_or(1).max(1);
    room(vm, text.len().saturating_add((text.len() / width).saturating_mul(line_break.len())))?;
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while text.len() - at > width {
        if text[at] == b' ' {
            at += 1;
            continue;
        }
        let line = &text[at..=at + width];
        let end = if let Some(space) = line.iter().rposition(|b| *b == b' ') {
            space
        } else if break_words {
            out.extend_from_slice(&line[..width]);
            out.extend_from_slice(line_break);
            at += width;
            continue;
        } else if let Some(space) = text[at + width..].iter().position(|b| *b == b' ') {
            width + space
        } else {
            break;
        };
        out.extend_from_slice(&text[at..at + end]);
        out.extend_from_slice(line_break);
        at += end + 1;
    }
    out.extend_from_slice(&text[at..]);
    Ok(Val::from_bytes(out))
}

fn indent(vm: &mut Vm<'_>, args: &[Val], before: &str) -> Outcome {
    let text = bytes(args, 1);
    let pad = repeated(vm, b" ", int(args, 0))?;
    let lines = text.iter().filter(|b| **b == b'\n').count() + 1;
    room(vm, text.len().saturating_add(lines.saturating_mul(pad.len())).saturating_add(before.len()))?;
    let mut out = Vec::with_capacity(text.len() + lines * pad.len() + before.len());
    out.extend_from_slice(before.as_bytes());
    for (i, line) in text.split(|b| *b == b'\n').enumerate() {
        if i > 0 {
            out.push(b'\n');
        }
        out.extend_from_slice(&pad);
        out.extend_from_slice(line);
    }
    Ok(Val::from_bytes(out))
}

fn quote(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    joined(vm, args, |vm, val| {
        Ok(match cast::text(vm, val)? {
            Val::Raw(raw) => {
                // Each byte may become `\x00`.
                room(vm, raw.len().saturating_mul(4))?;
                quoted_bytes(&raw)
            }
            text => {
                let text = text.as_str().unwrap_or_default();
                room(vm, text.len().saturating_add(escapes(text)))?;
                print::quoted(text)
            }
        })
    })
}

/// How many bytes quoting adds at most.
fn escapes(text: &str) -> usize {
    let escaped = |b: &u8| !(b' '..=b'~').contains(b) || matches!(b, b'"' | b'\\');
    text.bytes().filter(escaped).count().saturating_mul(5)
}

/// `strconv.Quote` of a string that is not UTF-8.
fn quoted_bytes(text: &[u8]) -> String {
    let mut out = String::from("\"");
    for chunk in text.utf8_chunks() {
        let valid = print::quoted(chunk.valid());
        out.push_str(valid.get(1..valid.len() - 1).unwrap_or_default());
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out.push('"');
    out
}

fn squote(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    joined(vm, args, |vm, val| Ok(format!("'{}'", cast::shown(vm, val)?)))
}

fn cat(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    joined(vm, args, cast::shown)
}

/// The texts of all arguments that are not nil, with a space between.
fn joined(vm: &mut Vm<'_>, args: &[Val], text: impl Fn(&mut Vm<'_>, &Val) -> Outcome<String>) -> Outcome {
    let mut out = String::new();
    let mut first = true;
    for val in args.iter().filter(|val| !matches!(val, Val::Nil)) {
        if !std::mem::take(&mut first) {
            out.push(' ');
        }
        let part = text(vm, val)?;
        if out.len() + part.len() > super::MAX_VALUE {
            room(vm, out.len() + part.len())?;
        }
        out.push_str(&part);
    }
    Ok(Val::Str(out.into()))
}

fn to_strings(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let val = arg(args, 0);
    Ok(match val {
        Val::List(list) if matches!(list.of, Of::Str | Of::NilStr) => val.clone(),
        _ => strings(cast::texts(vm, val)?),
    })
}

fn join(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let (between, parts) = (bytes(args, 0), cast::texts(vm, arg(args, 1))?);
    let total = parts.iter().map(|part| part.as_bytes().map_or(0, <[u8]>::len)).sum::<usize>();
    room(vm, total.saturating_add(parts.len().saturating_mul(between.len())))?;
    let parts: Vec<&[u8]> = parts.iter().filter_map(Val::as_bytes).collect();
    Ok(Val::from_bytes(parts.join(between)))
}

/// What a text of its own takes besides its bytes, as an item of a list.
pub(super) const ITEM: usize = size_of::<Val>() + 32;

/// `strings.SplitN`: at most `count` parts, none for 0, all for a negative number.
pub(super) fn split(vm: &mut Vm<'_>, text: &[u8], by: &[u8], count: i64) -> Outcome<Vec<Val>> {
    let most = usize::try_from(count).unwrap_or(usize::MAX);
    room(vm, text.len())?;
    let mut out = Vec::new();
    if most == 0 {
        return Ok(out);
    }
    if by.is_empty() {
        vm.spend(text.len().saturating_mul(16))?;
        let all = characters(text);
        let single = all.len().min(most.saturating_sub(usize::from(all.len() > most)));
        room(vm, single.saturating_mul(ITEM))?;
        out.extend(all[..single].iter().map(|part| Val::from_bytes(part.to_vec())));
        if single < all.len() {
            out.push(Val::from_bytes(all[single..].concat()));
        }
        return Ok(out);
    }
    let mut from = 0;
    for at in memchr::memmem::find_iter(text, by) {
        if out.len() + 1 >= most {
            break;
        }
        vm.spend(ITEM)?;
        out.push(Val::from_bytes(text[from..at].to_vec()));
        from = at + by.len();
    }
    out.push(Val::from_bytes(text[from..].to_vec()));
    Ok(out)
}

/// The parts of a text under `_0`, `_1` and so on.
fn split_map(vm: &mut Vm<'_>, text: &[u8], by: &[u8], count: i64) -> Outcome {
    let parts = split(vm, text, by, count)?;
    // A key for each.
    vm.spend(parts.len().saturating_mul(100))?;
    let entries = parts.into_iter().enumerate().map(|(i, part)| (Str::from(format!("_{i}")), part.into()));
    Ok(Val::Map(Rc::new(super::dicts::table(entries, Of::Str))))
}
