//! Regular expressions in templates: sprig's `regex.go`, with Go's rules for `$1` and for splitting.

use std::cell::OnceCell;
use std::rc::Rc;

use regex::{CaptureLocations, Regex, RegexBuilder};
use regex_automata::dfa::dense;
use regex_automata::nfa::thompson;

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

/// What compiling costs, as in the time of ordinary steps, and for each byte and each state besides.
const COMPILING: usize = 50_000;
const PER_BYTE: usize = 16;
const PER_STATE: usize = 60;
/// Bytes of an expression; Go bounds the compiled one only.
const MAX_PATTERN: usize = 64 << 10;
/// Bytes of a compiled expression, and of the automaton that is built of it while it runs.
const MAX_COMPILED: usize = 1 << 20;
/// Compiled expressions that are kept.
const MOST_KEPT: usize = 32;
/// Texts up to this size are not worth the question whether an expression is tame.
const SHORT: usize = 200;
/// Characters of an expression in a message.
const SHOWN: usize = 60;

/// A compiled expression, and what is known of the work that it makes.
pub(in crate::helm) struct Pattern {
    regex: Regex,
    /// As the `regex` crate reads it.
    translated: String,
    /// States of the automaton. A search may have to follow all of them for each byte.
    states: usize,
    /// Whether one step a byte is enough, because a small deterministic automaton does the same in both directions.
    tame: OnceCell<bool>,
}

impl Pattern {
    /// Counts a search that begins where so many bytes are left: it may look at all of them.
    fn search(&self, vm: &mut Vm<'_>, left: usize) -> Outcome<()> {
        let step = if left > SHORT && self.is_tame(vm)? { 1 } else { self.states / 4 + 1 };
        vm.spend(left.saturating_mul(step).saturating_add(16))
    }

    /// Counts another search in the same text. A tame one that finds much mostly looks at little.
    fn search_again(&self, vm: &mut Vm<'_>, left: usize) -> Outcome<()> {
        if left > SHORT && self.is_tame(vm)? {
            return vm.spend(left / 8 + 16);
        }
        self.search(vm, left)
    }

    /// Counts finding the groups in what was found, which no deterministic automaton does.
    fn groups(&self, vm: &mut Vm<'_>, found: usize) -> Outcome<()> {
        vm.spend(found.saturating_mul(self.states / 4 + 1).saturating_add(16 * self.regex.captures_len()))
    }

    fn is_tame(&self, vm: &mut Vm<'_>) -> Outcome<bool> {
        if let Some(tame) = self.tame.get() {
            return Ok(*tame);
        }
        vm.spend(COMPILING.saturating_add(self.states.saturating_mul(PER_STATE)))?;
        let small = |reverse: bool| {
            const MOST: Option<usize> = Some(128 << 10);
            let nfa = thompson::Config::new().which_captures(thompson::WhichCaptures::None).reverse(reverse);
            let dfa = dense::Config::new().dfa_size_limit(MOST).determinize_size_limit(MOST);
            dense::Builder::new().thompson(nfa).configure(dfa).build(&self.translated).is_ok()
        };
        Ok(*self.tame.get_or_init(|| small(false) && small(true)))
    }
}

/// Compiles the expression of the first argument, or finds it compiled.
///
/// # Errors
/// Go's message: that of `Compile` for the `must` functions, that of the panic in `MustCompile` for the others.
fn compiled(vm: &mut Vm<'_>, args: &[Val], must: bool) -> Outcome<Rc<Pattern>> {
    let pattern = text_of(args, 0);
    if let Some(known) = vm.patterns.get(&*pattern) {
        return Ok(known.clone());
    }
    let too_large = || {
        let start = super::cut(&pattern, SHOWN);
        Fail::limit(format!("the regular expression `{}` is too large or not supported", start.escape_debug()))
    };
    if pattern.len() > MAX_PATTERN {
        return Err(too_large());
    }
    vm.spend(COMPILING.saturating_add(pattern.len().saturating_mul(PER_BYTE)))?;
    let translated = regex_syntax::translate(&pattern).map_err(|error| {
        let error = format!("error parsing regexp: {error}");
        let shown = || shown(&super::cut(&pattern, SHOWN));
        if must { Fail::new(error) } else { Fail::new(format!("regexp: Compile({}): {error}", shown())) }
    })?;
    let nfa = thompson::Config::new().nfa_size_limit(Some(MAX_COMPILED)).which_captures(thompson::WhichCaptures::None);
    let nfa = thompson::Compiler::new().configure(nfa).build(&translated).map_err(|_| too_large())?;
    let states = nfa.states().len();
    drop(nfa);
    vm.spend(states.saturating_mul(PER_STATE))?;
    let built = RegexBuilder::new(&translated).size_limit(MAX_COMPILED).dfa_size_limit(MAX_COMPILED).build();
    let regex = built.map_err(|_| too_large())?;
    if vm.patterns.len() >= MOST_KEPT {
        vm.patterns.clear();
    }
    let new = Rc::new(Pattern { regex, translated, states, tame: OnceCell::new() });
    vm.patterns.insert(pattern.into(), new.clone());
    Ok(new)
}

/// The expression as Go's panic shows it: between backquotes where that is possible.
fn shown(pattern: &str) -> String {
    let simple = |c: char| c != '`' && c != '\u{feff}' && (c == '\t' || !c.is_control());
    if pattern.chars().all(simple) { format!("`{pattern}`") } else { super::super::go::print::quoted(pattern) }
}

fn is_match(vm: &mut Vm<'_>, args: &[Val], must: bool) -> Outcome {
    let pattern = compiled(vm, args, must)?;
    let text = text_of(args, 1);
    pattern.search(vm, text.len())?;
    Ok(Val::Bool(pattern.regex.is_match(&text)))
}

/// `regexMatch` takes a broken expression for one that does not match.
fn matches_or_not(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    match is_match(vm, args, true) {
        Err(fail) if fail.kind == super::super::go::vm::FailKind::Execution => Ok(Val::Bool(false)),
        outcome => outcome,
    }
}

fn find(vm: &mut Vm<'_>, args: &[Val], must: bool) -> Outcome {
    let pattern = compiled(vm, args, must)?;
    let text = text_of(args, 1);
    pattern.search(vm, text.len())?;
    Ok(Val::str(pattern.regex.find(&text).map_or("", |found| found.as_str())))
}

fn find_all(vm: &mut Vm<'_>, args: &[Val], must: bool) -> Outcome {
    let pattern = compiled(vm, args, must)?;
    let text = text_of(args, 1);
    pattern.search(vm, text.len())?;
    let most = usize::try_from(int(args, 2)).unwrap_or(usize::MAX);
    let mut all = Vec::new();
    for found in pattern.regex.find_iter(&text).take(most) {
        pattern.search_again(vm, text.len() - found.end())?;
        vm.spend(super::text::ITEM + found.len())?;
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
    let pattern = compiled(vm, args, must)?;
    let (text, template) = (text_of(args, 1), text_of(args, 2));
    pattern.search(vm, text.len())?;
    room(vm, text.len())?;
    let literal = literal || !template.contains('$');
    let mut groups = pattern.regex.capture_locations();
    let mut out = String::with_capacity(text.len());
    let mut last = 0;
    for found in pattern.regex.find_iter(&text) {
        pattern.search_again(vm, text.len() - found.end())?;
        out.push_str(&text[last..found.start()]);
        if literal {
            out.push_str(&template);
        } else {
            pattern.groups(vm, found.len())?;
            if template.len() > SHORT {
                vm.spend(template.len())?;
            }
            // The same search again: what was found begins there.
            pattern.regex.captures_read_at(&mut groups, &text, found.start());
            expand(&mut out, &template, &groups, &pattern.regex, &text);
        }
        if out.len() > super::MAX_VALUE {
            room(vm, out.len())?;
        }
        last = found.end();
    }
    out.push_str(&text[last..]);
    room(vm, out.len())?;
    Ok(Val::Str(out.into()))
}

/// Go's `Regexp.Expand`: `$name` and `${name}`, the longest name that can be; `$$` is a dollar.
fn expand(out: &mut String, template: &str, groups: &CaptureLocations, regex: &Regex, text: &str) {
    let of = |index: usize| groups.get(index).and_then(|(from, to)| text.get(from..to));
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
            name.parse::<usize>().ok().filter(|number| *number < 100_000_000).and_then(of)
        } else {
            // Of groups with one name, the first that matched.
            let mut named = regex.capture_names().enumerate().filter(|(_, other)| *other == Some(name));
            named.find_map(|(index, _)| of(index))
        };
        out.push_str(group.unwrap_or_default());
    }
    out.push_str(rest);
}

/// Go's `Regexp.Split`
fn split(vm: &mut Vm<'_>, args: &[Val], must: bool) -> Outcome {
    let pattern = compiled(vm, args, must)?;
    let (text, count) = (text_of(args, 1), int(args, 2));
    pattern.search(vm, text.len())?;
    if count == 0 {
        return Ok(strings(Vec::new()));
    }
    if !super::bytes(args, 0).is_empty() && text.is_empty() {
        return Ok(super::text::strings(vec![Val::str("")]));
    }
    let most = usize::try_from(count).unwrap_or(usize::MAX);
    let mut out = Vec::new();
    let (mut begin, mut end) = (0, 0);
    for found in pattern.regex.find_iter(&text).take(most) {
        if out.len() + 1 == most {
            break;
        }
        pattern.search_again(vm, text.len() - found.end())?;
        vm.spend(super::text::ITEM)?;
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
