//! A platform as data: one line per value, so that the line of a key is known.

use std::ops::RangeInclusive;

use toml::{Table, Value};

/// Returns a path from words.
pub fn path(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_string()).collect()
}

/// Returns a path below another.
pub fn below(outer: &[String], words: &[&str]) -> Vec<String> {
    outer.iter().cloned().chain(path(words)).collect()
}

/// Returns a table from its text.
pub fn said(text: &str) -> Value {
    Value::Table(toml::from_str(text).expect("it is TOML"))
}

/// A `platform.toml`.
#[derive(Clone)]
pub struct Document(pub Table);

impl Document {
    pub fn parse(text: &str) -> Self {
        Self(toml::from_str(text).expect("the example is TOML"))
    }

    pub fn get(&self, path: &[String]) -> Option<&Value> {
        let (last, outer) = path.split_last()?;
        let table = outer.iter().try_fold(&self.0, |table, key| table.get(key)?.as_table())?;
        table.get(last)
    }

    /// Puts a value at a path; a table is laid over the one that is there.
    pub fn set(&mut self, path: &[String], value: Value) {
        let (last, outer) = path.split_last().expect("a path has a key");
        let mut table = &mut self.0;
        for key in outer {
            let inner = table.entry(key.clone()).or_insert_with(|| Value::Table(Table::new()));
            if !inner.is_table() {
                *inner = Value::Table(Table::new());
            }
            table = inner.as_table_mut().expect("it was just made a table");
        }
        table.insert(last.clone(), value);
    }

    /// Writes it with everything below `at` on the last lines, and says which these are (from 1).
    pub fn write(&self, at: &[String]) -> (String, RangeInclusive<usize>) {
        let mut lines = Vec::new();
        flatten(&self.0, &mut Vec::new(), &mut lines);
        let (probed, rest): (Vec<_>, Vec<_>) = lines.into_iter().partition(|(path, _)| path.starts_with(at));
        let first = rest.len() + 1;
        let last = rest.len() + probed.len();
        let text = rest.iter().chain(&probed).map(|(path, value)| format!("{} = {value}\n", dotted(path))).collect();
        (text, first..=last)
    }
}

fn dotted(path: &[String]) -> String {
    path.iter().map(|key| quoted(key)).collect::<Vec<_>>().join(".")
}

fn flatten(table: &Table, at: &mut Vec<String>, lines: &mut Vec<(Vec<String>, String)>) {
    for (key, value) in table {
        at.push(key.clone());
        match value {
            Value::Table(inner) if !inner.is_empty() => flatten(inner, at, lines),
            other => lines.push((at.clone(), inline(other))),
        }
        at.pop();
    }
}

/// Writes a value on one line.
pub fn inline(value: &Value) -> String {
    match value {
        Value::Table(table) => {
            let entries: Vec<String> = table.iter().map(|(k, v)| format!("{} = {}", quoted(k), inline(v))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::String(text) => quoted(text),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => format!("{number:?}"),
        Value::Boolean(truth) => truth.to_string(),
        Value::Datetime(date) => date.to_string(),
    }
}

/// JSON's strings are TOML's basic strings, but for the character DEL.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap().replace('\u{7f}', "\\u007f")
}
