//! Keys of a table with their types, defaults and sentences, as rows.

use serde_json::{Value as Json, json};

use super::facts::shape_word;
use super::page::Page;
use super::paste::toml;
use crate::parse::shape::{Key, Keys, Shape};

/// What is shown of a key.
pub struct Row {
    needed: bool,
    name: String,
    kind: String,
    default: String,
    doc: String,
}

impl Row {
    /// Returns what is shown of a key.
    pub fn of(name: &str, key: &Key) -> Self {
        let default = key.default.as_ref().filter(|value| !value.is_empty()).map(toml).unwrap_or_default();
        Self { needed: false, name: name.into(), kind: kind(&key.shape), default, doc: key.doc.clone() }
    }

    /// Says whether nothing works without the key.
    pub fn needed(self, needed: bool) -> Self {
        Self { needed, ..self }
    }
}

/// Returns the type of a key: a few words as they are.
fn kind(shape: &Shape) -> String {
    match shape {
        Shape::Enum(words) if words.len() <= 6 => words.join(" | "),
        _ => shape_word(shape),
    }
}

/// Returns the row of a key of a table; `outer.inner` is a key of a table in it.
pub fn row(path: &str, table: &Keys) -> Option<Row> {
    match path.split_once('.') {
        None => table.keys.get(path).map(|key| Row::of(path, key)),
        Some((outer, inner)) => within(&table.keys.get(outer)?.shape, inner).map(|key| Row::of(path, key)),
    }
}

/// Returns a key inside a table that may also be something else.
fn within<'a>(shape: &'a Shape, key: &str) -> Option<&'a Key> {
    match shape {
        Shape::Table(keys) => keys.keys.get(key),
        Shape::Either(shapes) => shapes.iter().find_map(|shape| within(shape, key)),
        _ => None,
    }
}

/// Adds a titled table of keys, and a table to paste.
pub fn section(page: &mut Page, title: &str, rows: &[Row], paste: &str) {
    let default = |row: &Row| match (row.needed, row.default.is_empty()) {
        (true, _) => "needed".to_string(),
        (false, true) => String::new(),
        (false, false) => format!("default {}", row.default),
    };
    page.section(title, rows.iter().map(|row| [row.name.clone(), row.kind.clone(), default(row), row.doc.clone()]));
    page.line("");
    paste.lines().for_each(|line| page.line(format!("  {line}")));
}

/// Returns keys as JSON.
pub fn json(rows: &[Row]) -> Json {
    let default = |row: &Row| Some(&row.default).filter(|text| !text.is_empty()).cloned();
    rows.iter()
        .map(|row| json!({"name": row.name, "type": row.kind, "default": default(row), "needed": row.needed, "doc": row.doc}))
        .collect()
}
