//! Values in, canonical block YAML out, as kubectl and kustomize lay it out.
//!
//! `- ` stands under its key without indentation, keys keep their order, empty collections are
//! `{}` and `[]`, nothing is folded. Same value, same bytes.

use std::fmt::Write as _;

use super::style::{self, Style};
use crate::manifest::value::{Map, Value};

/// Writes one value as canonical block YAML ending in a newline.
pub fn write(value: &Value) -> String {
    let mut out = String::with_capacity(1024);
    document(&mut out, value);
    out
}

/// Writes a multi-document stream with `---` between.
pub fn write_all<'a>(values: impl IntoIterator<Item = &'a Value>) -> String {
    let mut out = String::with_capacity(4096);
    for value in values {
        if !out.is_empty() {
            out.push_str("---\n");
        }
        document(&mut out, value);
    }
    out
}

/// Keys longer than this need `? `: readers look 1024 characters ahead for the colon.
const MAX_SIMPLE_KEY: usize = 1000;

fn document(out: &mut String, value: &Value) {
    match value {
        Value::Map(map) if !map.is_empty() => block_map(out, map, 0),
        Value::List(list) if !list.is_empty() => block_list(out, list, 0),
        _ => {
            scalar(out, value, 0);
            out.push('\n');
        }
    }
}

/// Writes the entries of a map; the first one stands where the text ends now.
fn block_map(out: &mut String, map: &Map, indent: usize) {
    for (i, (key, value)) in map.iter().enumerate() {
        if i > 0 {
            spaces(out, indent);
        }
        let start = out.len();
        string(out, key, style::of_key(key), indent);
        let long = out.len() - start > MAX_SIMPLE_KEY;
        if long {
            out.insert_str(start, "? ");
            out.push('\n');
            spaces(out, indent);
        }
        out.push(':');
        match value {
            Value::Map(map) if !map.is_empty() => {
                out.push('\n');
                spaces(out, indent + 2);
                block_map(out, map, indent + 2);
            }
            Value::List(list) if !list.is_empty() => {
                let indent = if long { indent + 2 } else { indent };
                out.push('\n');
                spaces(out, indent);
                block_list(out, list, indent);
            }
            _ => {
                out.push(' ');
                scalar(out, value, indent);
                out.push('\n');
            }
        }
    }
}

/// Writes the items of a list; the first one stands where the text ends now.
fn block_list(out: &mut String, list: &[Value], indent: usize) {
    for (i, value) in list.iter().enumerate() {
        if i > 0 {
            spaces(out, indent);
        }
        out.push_str("- ");
        match value {
            Value::Map(map) if !map.is_empty() => block_map(out, map, indent + 2),
            Value::List(list) if !list.is_empty() => block_list(out, list, indent + 2),
            _ => {
                scalar(out, value, indent);
                out.push('\n');
            }
        }
    }
}

fn scalar(out: &mut String, value: &Value, indent: usize) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Int(i) => write!(out, "{i}").expect("a string takes all that is written to it"),
        Value::Float(f) => float(out, *f),
        Value::Str(text) => string(out, text, style::of_value(text), indent),
        Value::List(_) => out.push_str("[]"),
        Value::Map(_) => out.push_str("{}"),
    }
}

/// Writes a float so that YAML 1.1 takes it for one: with a dot, and a sign in the exponent.
fn float(out: &mut String, float: f64) {
    if !float.is_finite() {
        out.push_str(if float.is_nan() {
            ".nan"
        } else if float > 0.0 {
            ".inf"
        } else {
            "-.inf"
        });
        return;
    }
    let text = format!("{float:?}");
    let Some((digits, exponent)) = text.split_once('e') else { return out.push_str(&text) };
    out.push_str(digits);
    if !digits.contains('.') {
        out.push_str(".0");
    }
    out.push_str(if exponent.starts_with('-') { "e" } else { "e+" });
    out.push_str(exponent);
}

fn string(out: &mut String, text: &str, style: Style, indent: usize) {
    match style {
        Style::Plain => out.push_str(text),
        Style::Single => {
            out.push('\'');
            for (i, part) in text.split('\'').enumerate() {
                out.push_str(if i > 0 { "''" } else { "" });
                out.push_str(part);
            }
            out.push('\'');
        }
        Style::Double => double(out, text),
        Style::Literal => literal(out, text, indent + 2),
    }
}

fn double(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if style::must_escape(c) => {
                // Everything that must be escaped lies below U+10000.
                let code = u32::from(c);
                let written = if code < 0x100 { write!(out, "\\x{code:02x}") } else { write!(out, "\\u{code:04x}") };
                written.expect("a string takes all that is written to it");
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

fn literal(out: &mut String, text: &str, indent: usize) {
    let body = text.strip_suffix('\n');
    out.push_str(if body.is_some() { "|" } else { "|-" });
    for line in body.unwrap_or(text).split('\n') {
        out.push('\n');
        if !line.is_empty() {
            spaces(out, indent);
            out.push_str(line);
        }
    }
}

fn spaces(out: &mut String, count: usize) {
    const SPACES: &str = "                                                                ";
    let mut left = count;
    while left > 0 {
        let now = left.min(SPACES.len());
        out.push_str(&SPACES[..now]);
        left -= now;
    }
}
