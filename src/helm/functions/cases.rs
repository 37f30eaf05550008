//! Letter case: Go's simple mappings and classes of characters, and the words of huandu/xstrings v1.5.
//!
//! Go maps one character to one; Rust's mappings may make several, so those characters are listed here.

use std::sync::LazyLock;

use regex::Regex;

use super::super::go::value::Val;
use super::super::go::vm::{Outcome, Vm};
use super::Kind::Str as Text;
use super::{Function, exact, room, text_of};

pub(super) const FUNCTIONS: &[Function] = &[
    exact("upper", &[Text], |vm, args| map(vm, args, |text| text.chars().map(to_upper).collect())),
    exact("lower", &[Text], |vm, args| map(vm, args, |text| text.chars().map(to_lower).collect())),
    exact("title", &[Text], |vm, args| map(vm, args, title)),
    exact("untitle", &[Text], |vm, args| map(vm, args, untitle)),
    exact("swapcase", &[Text], |vm, args| map(vm, args, swapcase)),
    exact("camelcase", &[Text], |vm, args| map(vm, args, pascal)),
    exact("snakecase", &[Text], |vm, args| map(vm, args, |text| separated(text, '_'))),
    exact("kebabcase", &[Text], |vm, args| map(vm, args, |text| separated(text, '-'))),
];

fn map(vm: &mut Vm<'_>, args: &[Val], change: impl Fn(&str) -> String) -> Outcome {
    let text = text_of(args, 0);
    room(vm, text.len())?;
    if !text.is_ascii() {
        // The classes of other characters are looked up, one class after another.
        vm.spend(text.len().saturating_mul(8))?;
    }
    Ok(Val::str(&change(&text)))
}

/// Characters whose other case came with Unicode 16, which Go 1.26 does not know.
fn is_newer(c: char) -> bool {
    matches!(c, '\u{19b}' | '\u{264}' | '\u{1c89}' | '\u{1c8a}' | '\u{a7cb}'..='\u{a7cd}' | '\u{a7da}'..='\u{a7dc}')
        || matches!(c, '\u{10d50}'..='\u{10d89}')
}

/// Go's `unicode.ToUpper`
fn to_upper(c: char) -> char {
    // Characters whose full mapping is more than one character have a single one only here (UnicodeData.txt).
    match c {
        _ if is_newer(c) => c,
        '\u{1f80}'..='\u{1f87}' | '\u{1f90}'..='\u{1f97}' | '\u{1fa0}'..='\u{1fa7}' => {
            char::from_u32(u32::from(c) + 8).unwrap_or(c)
        }
        '\u{1fb3}' | '\u{1fc3}' | '\u{1ff3}' => char::from_u32(u32::from(c) + 9).unwrap_or(c),
        _ => single(c.to_uppercase(), c),
    }
}

/// Go's `unicode.ToLower`
fn to_lower(c: char) -> char {
    match c {
        _ if is_newer(c) => c,
        '\u{130}' => 'i',
        _ => single(c.to_lowercase(), c),
    }
}

/// Go's `unicode.ToTitle`
fn to_title(c: char) -> char {
    match c {
        'Ǆ' | 'ǅ' | 'ǆ' => 'ǅ',
        'Ǉ' | 'ǈ' | 'ǉ' => 'ǈ',
        'Ǌ' | 'ǋ' | 'ǌ' => 'ǋ',
        'Ǳ' | 'ǲ' | 'ǳ' => 'ǲ',
        '\u{10d0}'..='\u{10fa}' | '\u{10fd}'..='\u{10ff}' => c,
        _ => to_upper(c),
    }
}

fn single(mut mapped: impl Iterator<Item = char>, c: char) -> char {
    match (mapped.next(), mapped.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

/// A class of characters by its Unicode category, which `char`'s own methods do not tell.
macro_rules! category {
    ($name:ident, $ascii:ident, $pattern:literal) => {
        fn $name(c: char) -> bool {
            static CLASS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new($pattern).ok());
            if c.is_ascii() {
                return c.$ascii();
            }
            CLASS.as_ref().is_some_and(|class| class.is_match(c.encode_utf8(&mut [0; 4])))
        }
    };
}

/// xstrings' `isAlphabet`: letters, but for the common Chinese characters.
fn is_alphabet(c: char) -> bool {
    is_letter(c) && !matches!(c, '\u{3400}'..='\u{4d85}' | '\u{4e00}'..='\u{9fcc}' | '\u{20000}'..='\u{2b81d}')
}

category!(is_upper, is_ascii_uppercase, r"^\p{Lu}$");
category!(is_lower, is_ascii_lowercase, r"^\p{Ll}$");
category!(is_letter, is_ascii_alphabetic, r"^\p{L}$");
category!(is_wide_punctuation, is_ascii_punctuation, r"^\p{P}$");

/// Go's `unicode.IsPunct`: without symbols such as `$` and `+`.
fn is_punctuation(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_punctuation() && !"$+<=>^`|~".contains(c) } else { is_wide_punctuation(c) }
}

fn is_title(c: char) -> bool {
    matches!(c, 'ǅ' | 'ǈ' | 'ǋ' | 'ǲ' | '\u{1f88}'..='\u{1f8f}' | '\u{1f98}'..='\u{1f9f}' | '\u{1fa8}'..='\u{1faf}')
        || matches!(c, '\u{1fbc}' | '\u{1fcc}' | '\u{1ffc}')
}

/// Go's `strings.Title`: a letter after what separates words gets its title case.
fn title(text: &str) -> String {
    let mut before = ' ';
    let separates = |c: char| match c {
        _ if c.is_ascii() => !c.is_ascii_alphanumeric() && c != '_',
        _ if is_letter(c) || is_digit(c) => false,
        _ => c.is_whitespace(),
    };
    text.chars()
        .map(|c| {
            let first = separates(before);
            before = c;
            if first { to_title(c) } else { c }
        })
        .collect()
}

/// Go's `unicode.IsDigit`
fn is_digit(c: char) -> bool {
    static CLASS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"^\p{Nd}$").ok());
    c.is_ascii_digit()
        || (!c.is_ascii() && CLASS.as_ref().is_some_and(|class| class.is_match(c.encode_utf8(&mut [0; 4]))))
}

/// Go's `unicode.IsNumber`
fn is_number(c: char) -> bool {
    c.is_numeric()
}

fn untitle(text: &str) -> String {
    let mut first = true;
    text.chars()
        .map(|c| {
            if c.is_whitespace() {
                first = true;
            } else if first {
                first = false;
                return to_lower(c);
            }
            c
        })
        .collect()
}

fn swapcase(text: &str) -> String {
    let mut after_space = true;
    text.chars()
        .map(|c| {
            if is_upper(c) || is_title(c) {
                after_space = false;
                to_lower(c)
            } else if is_lower(c) {
                let first = std::mem::take(&mut after_space);
                if first { to_title(c) } else { to_upper(c) }
            } else {
                after_space = c.is_whitespace();
                c
            }
        })
        .collect()
}

/// What stands between words.
fn connects(c: char) -> bool {
    c == '-' || c == '_' || c.is_whitespace()
}

/// xstrings' `ToPascalCase`
fn pascal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    let mut last = None;
    for c in rest.by_ref() {
        last = Some(c);
        if !connects(c) {
            break;
        }
        out.push(c);
    }
    let Some(first) = last else { return out };
    let mut upper = false;
    let mut current = first;
    if !connects(first) {
        upper = is_upper(first);
        current = to_upper(first);
    }
    if rest.as_str().is_empty() {
        // The last character was written already when it is a connector, and is written again.
        out.push(current);
        return out;
    }
    for c in rest {
        let before = std::mem::replace(&mut current, c);
        if connects(current) && connects(before) {
            out.push(before);
        } else if connects(before) {
            upper = is_upper(current);
            current = to_upper(current);
        } else {
            if upper {
                if is_upper(current) {
                    current = to_lower(current);
                } else {
                    upper = false;
                }
            }
            out.push(before);
        }
    }
    out.push(current);
    out
}

/// The kinds of words that xstrings tells apart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    None,
    Number,
    Upper,
    Alphabet,
    Connector,
    Punctuation,
    Other,
}

/// Splits the first word off.
fn next_word(text: &str) -> (Word, &str, &str) {
    let mut chars = text.chars();
    let Some(first) = chars.next() else { return (Word::None, "", "") };
    let run = |of: &dyn Fn(char) -> bool| {
        let end = text.char_indices().skip(1).find(|(_, c)| !of(*c)).map_or(text.len(), |(at, _)| at);
        (&text[..end], &text[end..])
    };
    let small = |c: char| is_alphabet(c) && !is_upper(c);
    let (kind, (word, rest)) = if connects(first) {
        (Word::Connector, run(&connects))
    } else if is_punctuation(first) {
        (Word::Punctuation, run(&is_punctuation))
    } else if is_upper(first) {
        let split = match chars.next() {
            Some(second) if is_upper(second) => {
                let (word, rest) = run(&is_upper);
                // In `HTTPStatus` the last capital begins the next word.
                let last = word.chars().next_back().map_or(0, char::len_utf8);
                if rest.starts_with(is_alphabet) { text.split_at(word.len() - last) } else { (word, rest) }
            }
            Some(second) if is_alphabet(second) => run(&small),
            _ => text.split_at(first.len_utf8()),
        };
        (Word::Upper, split)
    } else if is_alphabet(first) {
        (Word::Alphabet, run(&small))
    } else if is_number(first) {
        (Word::Number, run(&is_number))
    } else {
        let other = |c: char| !(connects(c) || is_alphabet(c) || is_number(c) || is_punctuation(c));
        (Word::Other, run(&other))
    };
    (kind, word, rest)
}

/// xstrings' `ToSnakeCase` and `ToKebabCase`
fn separated(text: &str, connector: char) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let (mut kind, mut word, mut rest) = next_word(text);
    while !rest.is_empty() {
        if kind != Word::Connector {
            lower(&mut out, kind, word, connector);
        }
        let (before, last) = (kind, word);
        (kind, word, rest) = next_word(rest);
        match before {
            Word::Number => {
                while matches!(kind, Word::Alphabet | Word::Number) {
                    lower(&mut out, kind, word, connector);
                    (kind, word, rest) = next_word(rest);
                }
                if !matches!(kind, Word::None | Word::Punctuation | Word::Connector) {
                    out.push(connector);
                }
            }
            Word::Connector => lower(&mut out, before, last, connector),
            Word::Punctuation => {}
            _ if kind != Word::Number => {
                if !matches!(kind, Word::Connector | Word::Punctuation) {
                    out.push(connector);
                }
            }
            _ if rest.is_empty() => {}
            _ => {
                let last = word;
                (kind, word, rest) = next_word(rest);
                if kind == Word::Alphabet {
                    // Small letters after a number: the number begins a word.
                    out.push(connector);
                    lower(&mut out, Word::Number, last, connector);
                    while matches!(kind, Word::Alphabet | Word::Number) {
                        lower(&mut out, kind, word, connector);
                        (kind, word, rest) = next_word(rest);
                    }
                    if !matches!(kind, Word::None | Word::Connector | Word::Punctuation) {
                        out.push(connector);
                    }
                } else {
                    lower(&mut out, Word::Number, last, connector);
                    if !matches!(kind, Word::Connector | Word::Punctuation) {
                        out.push(connector);
                    }
                }
            }
        }
    }
    lower(&mut out, kind, word, connector);
    out
}

fn lower(out: &mut String, kind: Word, word: &str, connector: char) {
    if !matches!(kind, Word::Upper | Word::Connector) {
        out.push_str(word);
        return;
    }
    out.extend(word.chars().map(|c| match c {
        _ if connects(c) => connector,
        _ if is_upper(c) => to_lower(c),
        _ => c,
    }));
}
