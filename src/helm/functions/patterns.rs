//! Regular expressions in templates: sprig's `regex.go`, with Go's rules for `$1` and for splitting.

use std::rc::Rc;

use regex::{Captures, Regex, RegexBuilder};

use super::super::go::value::{List, Of, Val};
use super::super::go::vm::{Fail, Outcome, Vm};
use super::Kind::{Int, Str as Text};
use super::{Function, exact, int, regex_syntax, room, text_of};

pub(super) const FUNCTIONS: &[Function] = &[
    exact("regexMatch", &[Text, Text], matches_or_not),
    exact("mustRegexMatch", &[Text, Text], |vm, args| is_match(vm, args, true)),
    exact("regexFind", &[Text, Text], |vm, args| find(vm, args, false)),
    exact("mustRegexFind", &[Text, Text], |vm, args| find(vm, args, true)),
    exact("regexFindAll", &[Text, Text, Int], |vm, args| find_all(vm, args, false)),
    exact("mustRegexFindAll", &[Text, Text, Int], |vm, args| find_all(vm, args, true)),
    exact("regexReplaceAll", &[Text, Text, Text], |vm, args| replace(vm, args, false, false)),
    exact("mustRegexReplaceAll", &[Text, Text, Text], |vm, args| replace(vm, args, true, false)),
    exact("regexReplaceAllLiteral", &[Text, Text, Text], |vm, args| replace(vm, args, false, true)),
    exact("mustRegexReplaceAllLiteral", &[Text, Text, Text], |vm, args| replace(vm, args, true, true)),
    exact("regexSplit", &[Text, Text, Int], |vm, args| split(vm, args, false)),
    exact("mustRegexSplit", &[Text, Text, Int], |vm, args| split(vm, args, true)),
    exact("regexQuoteMeta", &[Text], quote_meta),
];

/// What compiling costs, as in the time of ordinary steps.
const COMPILING: usize = 50_000;
/// Bytes of a compiled expression, and of the automaton that is built of it while it runs.
const MAX_COMPILED: usize = 2 << 20;
/// Compiled expressions that are kept.
const MOST_KEPT: usize = 64;

/// Counts a search that begins here: it may look at all that is left, and a later one at most of it again.
fn searched(vm: &mut Vm<'_>, left: usize) -> Outcome<()> {
    vm.spend(left / 16 + 1)
}

/// Compiles the expression of the first argument, or finds it compiled.
///
/// # Errors
/// Go's message: that of `Compile` for the `must` functions, that of the panic in `MustCompile` for the others.
fn compiled(vm: &mut Vm<'_>, args: &[Val], must: bool) -> Outcome<Rc<Regex>> {
    let pattern = text_of(args, 0);
    if let Some(regex) = vm.patterns.get(&*pattern) {
        return Ok(regex.clone());
    }
    vm.spend(COMPILING.saturating_add(pattern.len().saturating_mul(16)))?;
    let translated = regex_syntax::translate(&pattern).map_err(|error| {
        let error = format!("error parsing regexp: {error}");
        if must { Fail::new(error) } else { Fail::new(format!("regexp: Compile({}): {error}", shown(&pattern))) }
    })?;
    let built = RegexBuilder::new(&translated).size_limit(MAX_COMPILED).dfa_size_limit(MAX_COMPILED).build();
    let regex = built.map_err(|_| {
        Fail::limit(format!("the regular expression `{}` is too large or not known here", pattern.escape_debug()))
    })?;
    if vm.patterns.len() >= MOST_KEPT {
        vm.patterns.clear();
    }
    let regex = Rc::new(regex);
    vm.patterns.insert(pattern.into(), regex.clone());
    Ok(regex)
}

/// The expression as Go's panic shows it: between backquotes where that is possible.
fn shown(pattern: &str) -> String {
    let simple = |c: char| c != '`' && c != '\u{feff}' && (c == '\t' || !c.is_control());
    if pattern.chars().all(simple) { format!("`{pattern}`") } else { super::super::go::print::quoted(pattern) }
}

fn is_match(vm: &mut Vm<'_>, args: &[Val], must: bool) -> Outcome {
    let regex = compiled(vm, args, must)?;
    let text = text_of(args, 1);
    vm.spend(text.len())?;
    Ok(Val::Bool(regex.is_match(&text)))
}

/// `regexMatch` takes a broken expression for one that does not match.
fn matches_or_not(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    match is_match(vm, args, true) {
        Err(fail) if fail.kind == super::super::go::vm::FailKind::Execution => Ok(Val::Bool(false)),
        outcome => outcome,
    }
}

fn find(vm: &mut Vm<'_>, args: &[Val], must: bool) -> Outcome {
    let regex = compiled(vm, args, must)?;
    let text = text_of(args, 1);
    vm.spend(text.len())?;
    Ok(Val::str(regex.find(&text).map_or("", |found| found.as_str())))
}

fn find_all(vm: &mut Vm<'_>, args: &[Val], must: bool) -> Outcome {
    let regex = compiled(vm, args, must)?;
    let text = text_of(args, 1);
    room(vm, text.len())?;
    let most = usize::try_from(int(args, 2)).unwrap_or(usize::MAX);
    let mut all = Vec::new();
    for found in regex.find_iter(&text).take(most) {
        searched(vm, text.len() - found.end())?;
        vm.spend(size_of::<Val>() + found.len())?;
        all.push(Val::str(found.as_str()));
    }
    Ok(strings(all))
}

/// A `[]string`, nil when it is empty.
fn strings(items: Vec<Val>) -> Val {
    let of = if items.is_empty() { Of::NilStr } else { Of::Str };
    Val::List(Rc::new(List { items, of }))
}

fn replace(vm: &mut Vm<'_>, args: &[Val], must: bool, literal: bool) -> Outcome {
    let regex = compiled(vm, args, must)?;
    let (text, template) = (text_of(args, 1), text_of(args, 2));
    room(vm, text.len())?;
    let mut out = String::with_capacity(text.len());
    let mut last = 0;
    for captures in regex.captures_iter(&text) {
        let Some(whole) = captures.get(0) else { continue };
        out.push_str(&text[last..whole.start()]);
        if literal {
            out.push_str(&template);
        } else {
            expand(&mut out, &template, &captures, &regex);
        }
        searched(vm, text.len() - whole.end())?;
        if out.len() > super::MAX_VALUE {
            room(vm, out.len())?;
        }
        last = whole.end();
    }
    out.push_str(&text[last..]);
    room(vm, out.len())?;
    Ok(Val::str(&out))
}

/// Go's `Regexp.Expand`: `$name` and `${name}`, the longest name that can be; `$$` is a dollar.
fn expand(out: &mut String, template: &str, captures: &Captures<'_>, regex: &Regex) {
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        let word = |text: &str| text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
        let dollar = after;
        let (name, after) = if let Some(inner) = after.strip_prefix('{') {
            let length = word(inner);
            match inner[length..].strip_prefix('}') {
                Some(after) => (&inner[..length], after),
                None => ("", after),
            }
        } else {
            after.split_at(word(after))
        };
        if name.is_empty() {
            // Not a name: the dollar stands for itself.
            out.push('$');
            rest = dollar;
            continue;
        }
        rest = after;
        let number = name.bytes().all(|b| b.is_ascii_digit()) && (name == "0" || !name.starts_with('0'));
        let group = if number {
            name.parse::<usize>().ok().filter(|number| *number < 100_000_000).and_then(|number| captures.get(number))
        } else {
            // Of groups with one name, the first that matched.
            let mut named = regex.capture_names().enumerate().filter(|(_, other)| *other == Some(name));
            named.find_map(|(index, _)| captures.get(index))
        };
        out.push_str(group.map_or("", |group| group.as_str()));
    }
    out.push_str(rest);
}

/// Go's `Regexp.Split`
fn split(vm: &mut Vm<'_>, args: &[Val], must: bool) -> Outcome {
    let regex = compiled(vm, args, must)?;
    let (text, count) = (text_of(args, 1), int(args, 2));
    room(vm, text.len())?;
    if count == 0 {
        return Ok(strings(Vec::new()));
    }
    if !super::bytes(args, 0).is_empty() && text.is_empty() {
        return Ok(super::text::strings(vec![Val::str("")]));
    }
    let most = usize::try_from(count).unwrap_or(usize::MAX);
    let mut out = Vec::new();
    let (mut begin, mut end) = (0, 0);
    for found in regex.find_iter(&text).take(most) {
        if out.len() + 1 == most {
            break;
        }
        searched(vm, text.len() - found.end())?;
        vm.spend(size_of::<Val>())?;
        end = found.start();
        if found.end() != 0 {
            out.push(Val::str(&text[begin..end]));
        }
        begin = found.end();
    }
    if end != text.len() {
        out.push(Val::str(&text[begin..]));
    }
    Ok(super::text::strings(out))
}

fn quote_meta(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let text = text_of(args, 0);
    room(vm, text.len().saturating_mul(2))?;
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if r"\.+*?()|[]{}^$".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    Ok(Val::str(&out))
}
