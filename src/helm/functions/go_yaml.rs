//! YAML byte by byte as Go writes it: run-time values in, the text of go-yaml v2 or v3 out.
//!
//! `toYaml` is sigs.k8s.io/yaml v1.6 `Marshal`: JSON, read again as YAML, written by go.yaml.in/yaml/v2. That way
//! leaves its marks: whole floats become integers, and characters that YAML readers refuse make the whole text empty.
//! `toYamlPretty` writes the values themselves with v3. Charts hash these texts, so every byte counts; the rules are
//! those of `encode.go`, `emitterc.go` and `sorter.go`. A folded line is one longer than 80 columns; only v2 folds.

use std::cmp::Ordering;

use super::super::go::value::{Of, Str, Val, base64};
use super::go_yaml_style::{
    Style, fit, is_base_60, is_break, is_old_bool, is_printable, is_signed_octal, is_timestamp,
};
use super::{cast, go_json};
use crate::manifest::yaml::reads_as_string;

/// Which of the two writers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// sigs.k8s.io/yaml over go-yaml v2: no indentation of lists, lines folded.
    Sigs,
    /// go-yaml v3 with an indentation of 2.
    Pretty,
}

/// Why a value is not written.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// JSON or YAML cannot say it; Helm makes that an empty text. So many bytes were written before that was seen.
    Unsupported(usize),
    TooLarge,
}

/// Deeper values are refused, as a map that holds itself.
const MAX_DEPTH: usize = 500;

/// Writes a value with a newline at its end; all that it holds counts as read.
///
/// # Errors
/// When Go cannot write it, or the text is longer than `limit`.
pub(super) fn write(val: &Val, dialect: Dialect, limit: usize) -> Result<String, Refusal> {
    let mut emitter = Emitter {
        out: String::with_capacity(256),
        dialect,
        limit,
        width: if dialect == Dialect::Sigs { 80 } else { usize::MAX },
        column: 0,
        indent: -1,
        whitespace: true,
        indention: true,
    };
    match emitter.node(val, Place { mapping: false, key: false }, 0) {
        Err(Refusal::Unsupported(_)) => return Err(Refusal::Unsupported(emitter.out.len())),
        other => other?,
    }
    emitter.indent = 0;
    emitter.break_to_indent();
    // A text may be cut off within a scalar.
    if emitter.out.len() > limit { Err(Refusal::TooLarge) } else { Ok(emitter.out) }
}

struct Emitter {
    out: String,
    dialect: Dialect,
    limit: usize,
    /// Longer lines are folded at the next space.
    width: usize,
    /// Characters in the line so far.
    column: usize,
    indent: i32,
    /// The last character was a space or an indicator that needs none after it.
    whitespace: bool,
    /// Nothing but indentation and indicators stands in the line.
    indention: bool,
}

/// Where a node stands.
#[derive(Clone, Copy)]
struct Place {
    mapping: bool,
    /// As a key on one line.
    key: bool,
}

impl Emitter {
    fn node(&mut self, val: &Val, place: Place, depth: usize) -> Result<(), Refusal> {
        if self.is_full() {
            return Err(Refusal::TooLarge);
        }
        if depth > MAX_DEPTH {
            return Err(Refusal::Unsupported(0));
        }
        match val {
            Val::Nil => self.scalar("null", Style::Plain, place),
            Val::Bool(b) => self.scalar(if *b { "true" } else { "false" }, Style::Plain, place),
            Val::Int(i) | Val::Int64(i) => self.scalar(&i.to_string(), Style::Plain, place),
            Val::Byte(b) => self.scalar(&b.to_string(), Style::Plain, place),
            Val::Float(f) => {
                let text = self.float(*f)?;
                self.scalar(&text, Style::Plain, place);
            }
            Val::Str(text) => self.string(text, place)?,
            Val::Raw(bytes) if self.dialect == Dialect::Sigs => self.string(&replaced(bytes), place)?,
            Val::Raw(bytes) => {
                self.indicator("!!binary", true, false, false);
                let text = base64(bytes);
                let lines: Vec<&str> = text.as_bytes().chunks(70).filter_map(|l| std::str::from_utf8(l).ok()).collect();
                match lines.as_slice() {
                    [line] if line.len() < 70 => self.scalar(line, Style::Plain, place),
                    lines => self.scalar(&(lines.join("\n") + "\n"), Style::Literal, place),
                }
            }
            Val::Bytes(bytes) if self.dialect == Dialect::Sigs => self.string(&base64(bytes), place)?,
            Val::Bytes(bytes) => {
                let items: Vec<Val> = bytes.iter().map(|b| Val::Byte(*b)).collect();
                self.list(&items, place, depth)?;
            }
            Val::List(list) if matches!(list.of, Of::Nil | Of::NilStr) && self.dialect == Dialect::Sigs => {
                self.scalar("null", Style::Plain, place);
            }
            Val::List(list) => self.list(&list.items, place, depth)?,
            Val::Map(map) if map.of == Of::Nil && map.is_empty() && self.dialect == Dialect::Sigs => {
                self.scalar("null", Style::Plain, place);
            }
            Val::Map(map) => {
                let mut entries = map.read_all();
                if self.dialect == Dialect::Sigs && entries.iter().any(|(key, _)| is_long(key)) {
                    return Err(Refusal::Unsupported(0));
                }
                sort(&mut entries, &|a, b| compare_keys(&a.0, &b.0, self.dialect));
                self.map(&entries, depth)?;
            }
            Val::Object(object) => self.node(&object.plain(), place, depth + 1)?,
        }
        Ok(())
    }

    fn list(&mut self, items: &[Val], place: Place, depth: usize) -> Result<(), Refusal> {
        if items.is_empty() {
            self.indicator("[", true, true, false);
            self.indicator("]", false, false, false);
            return Ok(());
        }
        let outer = self.indent;
        self.deeper(false, self.dialect == Dialect::Sigs && place.mapping && !self.indention);
        for item in items {
            self.break_to_indent();
            self.indicator("-", true, false, true);
            self.node(item, Place { mapping: false, key: false }, depth + 1)?;
        }
        self.indent = outer;
        Ok(())
    }

    fn map(&mut self, entries: &[(Str, Val)], depth: usize) -> Result<(), Refusal> {
        if entries.is_empty() {
            self.indicator("{", true, true, false);
            self.indicator("}", false, false, false);
            return Ok(());
        }
        let outer = self.indent;
        self.deeper(false, false);
        for (key, val) in entries {
            self.break_to_indent();
            // A key of the JSON in between must stand on one line, and be short.
            if self.dialect == Dialect::Sigs && (key.contains('\u{85}') || go_json::quoted_length(key) > MAX_KEY) {
                return Err(Refusal::Unsupported(0));
            }
            let simple = key.len() <= MAX_SIMPLE_KEY && !key.contains(is_break);
            if !simple {
                self.indicator("?", true, false, true);
            }
            self.string(key, Place { mapping: true, key: simple })?;
            if simple {
                self.indicator(":", false, false, false);
            } else {
                self.break_to_indent();
                self.indicator(":", true, false, true);
            }
            self.node(val, Place { mapping: true, key: false }, depth + 1)?;
        }
        self.indent = outer;
        Ok(())
    }

    fn float(&self, f: f64) -> Result<String, Refusal> {
        if self.dialect == Dialect::Sigs {
            if !f.is_finite() {
                return Err(Refusal::Unsupported(0));
            }
            // JSON has the shortest digits, and YAML takes them for an integer where 64 bits hold it.
            let text = if f == 0.0 { "0".to_owned() } else { cast::positional(f) };
            if text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok() {
                return Ok(text);
            }
        }
        Ok(match cast::format_g(f).as_str() {
            "NaN" => ".nan".into(),
            "+Inf" => ".inf".into(),
            "-Inf" => "-.inf".into(),
            text => text.to_owned(),
        })
    }

    /// Writes a string in the style that Go chooses.
    fn string(&mut self, text: &str, place: Place) -> Result<(), Refusal> {
        let read_again;
        let text = if self.dialect == Dialect::Sigs && !text.is_ascii() || text.contains('\u{7f}') {
            match self.dialect {
                Dialect::Sigs => {
                    read_again = through_json(text).ok_or(Refusal::Unsupported(0))?;
                    &read_again
                }
                Dialect::Pretty => text,
            }
        } else {
            text
        };
        let special = self.dialect == Dialect::Pretty && (is_old_bool(text) || is_signed_octal(text));
        let plain = reads_as_string(text) && !is_timestamp(text) && !is_base_60(text) && !special;
        let style = if text.contains('\n') {
            Style::Literal
        } else if plain {
            Style::Plain
        } else {
            Style::Double
        };
        self.scalar(text, style, place);
        Ok(())
    }

    fn scalar(&mut self, text: &str, style: Style, place: Place) {
        let style = fit(text, style, place.key, self.dialect);
        let outer = self.indent;
        self.deeper(true, false);
        match style {
            Style::Plain => self.plain(text, !place.key),
            Style::Single => self.single(text, !place.key),
            Style::Double => self.double(text, !place.key),
            Style::Literal => self.literal(text),
        }
        self.indent = outer;
    }

    fn deeper(&mut self, flow: bool, same: bool) {
        if self.indent < 0 {
            self.indent = if flow { 2 } else { 0 };
        } else if !same {
            self.indent += 2;
        }
    }

    fn is_full(&self) -> bool {
        self.out.len() > self.limit
    }

    fn put(&mut self, c: char) {
        self.out.push(c);
        self.column += 1;
    }

    fn put_break(&mut self) {
        self.out.push('\n');
        self.column = 0;
    }

    /// Writes a line end as it stands in a text.
    fn write_break(&mut self, c: char) {
        self.out.push(c);
        self.column = 0;
        self.indention = true;
    }

    fn break_to_indent(&mut self) {
        let indent = usize::try_from(self.indent).unwrap_or(0);
        if !self.indention || self.column > indent || (self.column == indent && !self.whitespace) {
            self.put_break();
        }
        while self.column < indent {
            self.put(' ');
        }
        self.whitespace = true;
        self.indention = true;
    }

    fn indicator(&mut self, text: &str, space_before: bool, is_space: bool, is_indention: bool) {
        if space_before && !self.whitespace {
            self.put(' ');
        }
        text.chars().for_each(|c| self.put(c));
        self.whitespace = is_space;
        self.indention = self.indention && is_indention;
    }

    fn plain(&mut self, text: &str, may_fold: bool) {
        if !self.whitespace && !text.is_empty() {
            self.put(' ');
        } else if !self.whitespace {
            // go-yaml v2 writes the space even when nothing follows.
            self.put(' ');
        }
        self.folded(text, may_fold, |_, at, next| at > 0 || next.is_some(), |_| {});
        self.whitespace = false;
        self.indention = false;
    }

    fn single(&mut self, text: &str, may_fold: bool) {
        self.indicator("'", true, false, false);
        let last = text.len().saturating_sub(1);
        self.folded(text, may_fold, move |_, at, _| at > 0 && at < last, |emitter| emitter.put('\''));
        self.indicator("'", false, false, false);
        self.whitespace = false;
        self.indention = false;
    }

    /// Writes a plain or single-quoted text, which may be folded where one space stands alone.
    fn folded(
        &mut self,
        text: &str,
        may_fold: bool,
        here: impl Fn(&Self, usize, Option<char>) -> bool,
        quote: impl Fn(&mut Self),
    ) {
        let (mut spaces, mut breaks) = (false, false);
        let mut chars = text.char_indices().peekable();
        while let Some((at, c)) = chars.next()
            && !self.is_full()
        {
            let next = chars.peek().map(|(_, c)| *c);
            if c == ' ' {
                if may_fold && !spaces && self.column > self.width && here(self, at, next) && next != Some(' ') {
                    self.break_to_indent();
                } else {
                    self.put(' ');
                }
                spaces = true;
            } else if is_break(c) {
                if !breaks && c == '\n' {
                    self.put_break();
                }
                self.write_break(c);
                breaks = true;
            } else {
                if breaks {
                    self.break_to_indent();
                }
                if c == '\'' {
                    quote(self);
                }
                self.put(c);
                self.indention = false;
                (spaces, breaks) = (false, false);
            }
        }
    }

    fn double(&mut self, text: &str, may_fold: bool) {
        self.indicator("\"", true, false, false);
        let mut spaces = false;
        let last = text.len().saturating_sub(1);
        // go-yaml looks for the mark at the start of the text, whichever character it is at.
        let marked = text.starts_with('\u{feff}');
        let mut chars = text.char_indices().peekable();
        while let Some((at, c)) = chars.next()
            && !self.is_full()
        {
            if marked || !is_printable(c) || is_break(c) || c == '"' || c == '\\' {
                self.escape(c);
                spaces = false;
            } else if c == ' ' {
                if may_fold && !spaces && self.column > self.width && at > 0 && at < last {
                    self.break_to_indent();
                    if chars.peek().is_some_and(|(_, next)| *next == ' ') {
                        self.put('\\');
                    }
                } else {
                    self.put(' ');
                }
                spaces = true;
            } else {
                self.put(c);
                spaces = false;
            }
        }
        self.indicator("\"", false, false, false);
        self.whitespace = false;
        self.indention = false;
    }

    fn escape(&mut self, c: char) {
        let short = match c {
            '\0' => '0',
            '\u{7}' => 'a',
            '\u{8}' => 'b',
            '\t' => 't',
            '\n' => 'n',
            '\u{b}' => 'v',
            '\u{c}' => 'f',
            '\r' => 'r',
            '\u{1b}' => 'e',
            '"' => '"',
            '\\' => '\\',
            '\u{85}' => 'N',
            '\u{a0}' => '_',
            '\u{2028}' => 'L',
            '\u{2029}' => 'P',
            _ => {
                let code = u32::from(c);
                let written = match code {
                    0..=0xff => format!("\\x{code:02X}"),
                    0x100..=0xffff => format!("\\u{code:04X}"),
                    _ => format!("\\U{code:08X}"),
                };
                return written.chars().for_each(|c| self.put(c));
            }
        };
        self.put('\\');
        self.put(short);
    }

    fn literal(&mut self, text: &str) {
        self.indicator("|", true, false, false);
        if text.starts_with(|c| c == ' ' || is_break(c)) {
            self.indicator("2", false, false, false);
        }
        let mut from_end = text.chars().rev();
        let chomp = match (from_end.next(), from_end.next()) {
            (Some(last), _) if !is_break(last) => "-",
            (Some(_), None) => "+",
            (Some(_), Some(before)) if is_break(before) => "+",
            _ => "",
        };
        if !chomp.is_empty() {
            self.indicator(chomp, false, false, false);
        }
        self.put_break();
        self.indention = true;
        self.whitespace = true;
        let mut breaks = true;
        for c in text.chars() {
            // Each line is indented, so a text may become many times as long.
            if self.is_full() {
                return;
            }
            if is_break(c) {
                self.write_break(c);
                breaks = true;
            } else {
                if breaks {
                    self.break_to_indent();
                }
                self.put(c);
                self.indention = false;
                breaks = false;
            }
        }
    }
}

/// Characters that a key of the JSON in between may have with its quotes.
const MAX_KEY: usize = 1024;

/// Says whether a key is too long whatever its characters are; this is known before keys are sorted.
fn is_long(key: &str) -> bool {
    key.len() > 4 * MAX_KEY || key.chars().count() + 2 > MAX_KEY
}

/// Longer keys are written after a `?`.
const MAX_SIMPLE_KEY: usize = 128;

/// A string as it comes out of JSON read as YAML: line ends within become spaces; `None` for what readers refuse.
fn through_json(text: &str) -> Option<String> {
    let allowed = |c: char| !matches!(c, '\u{7f}'..='\u{84}' | '\u{86}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}');
    if !text.chars().all(allowed) {
        return None;
    }
    // The others are escapes in JSON.
    if !text.contains('\u{85}') {
        return Some(text.to_owned());
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\u{85}') {
        // Spaces around line ends vanish; tabs are escapes in JSON, and stay.
        let after = rest[at..].trim_start_matches(['\u{85}', ' ']);
        let breaks = rest[at..rest.len() - after.len()].matches('\u{85}').count();
        out.push_str(rest[..at].trim_end_matches(' '));
        if breaks == 1 {
            out.push(' ');
        } else {
            (1..breaks).for_each(|_| out.push('\n'));
        }
        rest = after;
    }
    out.push_str(rest);
    Some(out)
}

/// Each byte that is no part of UTF-8 as U+FFFD, as JSON has it.
fn replaced(bytes: &[u8]) -> String {
    let mut out = String::new();
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        chunk.invalid().iter().for_each(|_| out.push('\u{fffd}'));
    }
    out
}

/// Sorts by merging. go-yaml's order is none for some keys (`0777`, `0o777` and `1x` go round in a circle), which the
/// standard library's sort may answer with a panic; Go's result is then a matter of chance.
fn sort<T: Clone>(items: &mut [T], compare: &dyn Fn(&T, &T) -> Ordering) {
    if items.len() < 2 {
        return;
    }
    let (left, right) = items.split_at_mut(items.len() / 2);
    sort(left, compare);
    sort(right, compare);
    let mut merged = Vec::with_capacity(left.len() + right.len());
    let (mut left, mut right) = (left.iter().peekable(), right.iter().peekable());
    while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
        let next = if compare(a, b) == Ordering::Greater { right.next() } else { left.next() };
        merged.extend(next.cloned());
    }
    merged.extend(left.chain(right).cloned());
    items.clone_from_slice(&merged);
}

/// go-yaml's order of keys: by runes, letters after the rest, and runs of digits as numbers.
fn compare_keys(one: &str, two: &str, dialect: Dialect) -> Ordering {
    let alike = one.bytes().zip(two.bytes()).take_while(|(a, b)| a == b).count();
    let at = (0..=alike).rev().find(|at| one.is_char_boundary(*at) && two.is_char_boundary(*at)).unwrap_or(0);
    let (before, a_rest, b_rest) = (&one[..at], &one[at..], &two[at..]);
    let (Some(a), Some(b)) = (a_rest.chars().next(), b_rest.chars().next()) else {
        return one.len().cmp(&two.len());
    };
    let (a_letter, b_letter) = (a.is_alphabetic(), b.is_alphabetic());
    if a_letter && b_letter {
        return a.cmp(&b);
    }
    if a_letter || b_letter {
        // v3 puts a letter that follows a digit before what is no letter.
        let after_digit = dialect == Dialect::Pretty && before.chars().next_back().is_some_and(char::is_numeric);
        return if b_letter == after_digit { Ordering::Greater } else { Ordering::Less };
    }
    let (mut a_number, mut b_number) = (0_i64, 0_i64);
    if a == '0' || b == '0' {
        // A number goes on here: zeros within it count.
        let digits = before.chars().rev().take_while(|c| c.is_numeric());
        if digits.into_iter().any(|c| c != '0') {
            (a_number, b_number) = (1, 1);
        }
    }
    let read = |text: &str, number: &mut i64| {
        let mut length = 0;
        for c in text.chars().take_while(|c| c.is_numeric()) {
            let digit = i64::from(u32::from(c)) - i64::from(u32::from('0'));
            *number = number.wrapping_mul(10).wrapping_add(digit);
            length += 1;
        }
        length
    };
    let (a_length, b_length): (usize, usize) = (read(a_rest, &mut a_number), read(b_rest, &mut b_number));
    a_number.cmp(&b_number).then(a_length.cmp(&b_length)).then(a.cmp(&b))
}
