//! Texts and tables with the places where they were written, and how nodes are read.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::diag::Span;
use crate::manifest::value::Value;
use crate::parse::{Kind, Node, Table};

/// What can be read from a node of the right type; a wrong type was reported before and reads as nothing.
pub trait Read: Sized {
    /// Reads a value.
    fn read(node: &Node) -> Option<Self>;

    /// Returns what stands for a key that nobody wrote, when that is more than the type's default.
    fn absent() -> Option<Self> {
        None
    }

    /// Takes in the place of the key that it stands under.
    fn under(&mut self, _key: Span) {}
}

/// A text and its place. Two texts are equal when they read the same.
#[derive(Clone, Default)]
pub struct Text {
    content: Arc<str>,
    /// The string.
    pub at: Span,
    /// The key that it stands under; the string itself in a list.
    pub key: Span,
}

impl Text {
    /// Returns a text that stands at a place.
    pub fn new(text: impl Into<Arc<str>>, at: Span) -> Self {
        Self { content: text.into(), at, key: at }
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.content
    }

    /// Returns it as a node.
    pub fn node(&self) -> Node {
        Node { kind: Kind::Str(self.content.clone()), span: self.at }
    }
}

impl Deref for Text {
    type Target = str;
    fn deref(&self) -> &str {
        &self.content
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.content.fmt(f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.content.fmt(f)
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.content == other.content
    }
}

impl Eq for Text {}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        &*self.content == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        &*self.content == *other
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::new(text, Span::default())
    }
}

impl From<&Text> for Value {
    fn from(text: &Text) -> Self {
        Value::Str(text.content.clone())
    }
}

impl From<&Text> for String {
    fn from(text: &Text) -> Self {
        text.to_string()
    }
}

/// Where a table and its keys were written.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// The key of the table; the table itself where it has none.
    pub key: Span,
    /// The table.
    pub at: Span,
    given: Vec<(Arc<str>, Span, Span)>,
}

// Places say nothing of what a table means.
impl PartialEq for Places {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Places {
    /// Returns the places of a table.
    pub fn of(table: &Table, at: Span) -> Self {
        let given = table.iter().map(|(key, entry)| (key.clone(), entry.key, entry.node.span)).collect();
        Self { key: at, at, given }
    }

    fn find(&self, key: &str) -> Option<&(Arc<str>, Span, Span)> {
        self.given.iter().find(|(name, ..)| **name == *key)
    }

    /// Says whether anything was written at all.
    pub fn any(&self) -> bool {
        !self.given.is_empty()
    }

    /// Returns the keys that were written, with their places.
    pub fn keys(&self) -> impl Iterator<Item = (&str, Span)> {
        self.given.iter().map(|(key, at, _)| (&**key, *at))
    }

    /// Says whether a key was written.
    pub fn has(&self, key: &str) -> bool {
        self.find(key).is_some()
    }

    /// Returns the place of the first key, or of the table.
    pub fn first(&self) -> Span {
        self.given.first().map_or(self.key, |(_, at, _)| *at)
    }

    /// Returns the place of a key, or of the table.
    pub fn key_of(&self, key: &str) -> Span {
        self.find(key).map_or(self.key, |(_, at, _)| *at)
    }

    /// Returns the place of a value, or of the table's key.
    pub fn value_of(&self, key: &str) -> Span {
        self.find(key).map_or(self.key, |(.., at)| *at)
    }
}

impl Read for bool {
    fn read(node: &Node) -> Option<Self> {
        node.as_bool()
    }
}

impl Read for i64 {
    fn read(node: &Node) -> Option<Self> {
        node.as_int()
    }
}

impl Read for Text {
    fn read(node: &Node) -> Option<Self> {
        match &node.kind {
            Kind::Str(text) => Some(Self { content: text.clone(), at: node.span, key: node.span }),
            _ => None,
        }
    }

    fn under(&mut self, key: Span) {
        self.key = key;
    }
}

impl Read for Node {
    fn read(node: &Node) -> Option<Self> {
        Some(node.clone())
    }
}

impl<T: Read> Read for Option<T> {
    fn read(node: &Node) -> Option<Self> {
        T::read(node).map(Some)
    }

    fn under(&mut self, key: Span) {
        if let Some(inner) = self {
            inner.under(key);
        }
    }
}

/// A list, or one of its items alone.
impl<T: Read> Read for Vec<T> {
    fn read(node: &Node) -> Option<Self> {
        match &node.kind {
            Kind::List(items) => Some(items.iter().filter_map(T::read).collect()),
            _ => T::read(node).map(|one| vec![one]),
        }
    }
}

impl<T: Read> Read for IndexMap<String, T> {
    fn read(node: &Node) -> Option<Self> {
        let read = |(key, entry): (&Arc<str>, &crate::parse::Entry)| {
            let mut value = T::read(&entry.node)?;
            value.under(entry.key);
            Some((key.to_string(), value))
        };
        Some(node.as_table()?.iter().filter_map(read).collect())
    }
}

/// Reads a field of a table, or what stands for it when nobody wrote it.
pub fn field<T: Read + Default>(table: &Table, key: &str, default: Option<Value>) -> T {
    let written = table.get(key).and_then(|entry| {
        let mut value = T::read(&entry.node)?;
        value.under(entry.key);
        Some(value)
    });
    let by_default = || default.and_then(|value| T::read(&node(&value)));
    written.or_else(by_default).or_else(T::absent).unwrap_or_default()
}

/// Returns a value as a node without a place.
fn node(value: &Value) -> Node {
    let kind = match value {
        Value::Bool(b) => Kind::Bool(*b),
        Value::Int(i) => i64::try_from(*i).map_or(Kind::Int(0), Kind::Int),
        Value::List(list) => Kind::List(list.iter().map(node).collect()),
        Value::Str(text) => Kind::Str(text.clone()),
        _ => Kind::Str("".into()),
    };
    Node { kind, span: Span::default() }
}

/// Reads a table into a struct.
pub fn read<T: Read + Default>(table: &Table) -> T {
    T::read(&Node { kind: Kind::Table(Arc::new(table.clone())), span: Span::default() }).unwrap_or_default()
}

/// Returns the node of a table that nobody wrote.
pub fn empty_table() -> Node {
    Node { kind: Kind::Table(Arc::default()), span: Span::default() }
}
