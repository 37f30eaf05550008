//! Spanned TOML values: what the user wrote and where.

use std::sync::Arc;

use indexmap::IndexMap;

use crate::diag::Span;
use crate::manifest::value::Value;

/// A TOML value with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    pub kind: Kind,
    pub span: Span,
}

/// The kinds of TOML values. Dates are not part of lakegen's language.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(Arc<str>),
    List(Arc<[Node]>),
    Table(Arc<Table>),
}

/// An ordered table.
pub type Table = IndexMap<Arc<str>, Entry>;

/// A key's place and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub key: Span,
    pub node: Node,
}

impl Node {
    /// Returns the user's word for the type of this value.
    pub fn type_name(&self) -> &'static str {
        match self.kind {
            Kind::Bool(_) => "boolean",
            Kind::Int(_) => "integer",
            Kind::Float(_) => "number",
            Kind::Str(_) => "string",
            Kind::List(_) => "list",
            Kind::Table(_) => "table",
        }
    }

    /// Returns the string, when this is one.
    pub fn as_str(&self) -> Option<&str> {
        match &self.kind {
            Kind::Str(s) => Some(s),
            _ => None,
        }
    }

    /// Returns the boolean, when this is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self.kind {
            Kind::Bool(b) => Some(b),
            _ => None,
        }
    }

    /// Returns the integer, when this is one.
    pub fn as_int(&self) -> Option<i64> {
        match self.kind {
            Kind::Int(i) => Some(i),
            _ => None,
        }
    }

    /// Returns the list, when this is one.
    pub fn as_list(&self) -> Option<&[Node]> {
        match &self.kind {
            Kind::List(list) => Some(list),
            _ => None,
        }
    }

    /// Returns the table, when this is one.
    pub fn as_table(&self) -> Option<&Table> {
        match &self.kind {
            Kind::Table(table) => Some(table),
            _ => None,
        }
    }

    /// Returns the value without its places.
    pub fn to_value(&self) -> Value {
        match &self.kind {
            Kind::Bool(b) => Value::Bool(*b),
            Kind::Int(i) => Value::Int((*i).into()),
            Kind::Float(f) => Value::Float(*f),
            Kind::Str(s) => Value::Str(s.clone()),
            Kind::List(list) => Value::List(list.iter().map(Node::to_value).collect()),
            Kind::Table(table) => table_value(table),
        }
    }
}

/// Returns a table as a value without places.
pub fn table_value(table: &Table) -> Value {
    Value::Map(table.iter().map(|(key, entry)| (key.clone(), entry.node.to_value())).collect())
}

/// Lays `over` on top of `base`: tables merge, everything else is replaced, places included.
pub fn merge(base: &mut Table, over: &Table) {
    for (key, entry) in over {
        match base.get_mut(key) {
            Some(old) => {
                if let (Kind::Table(old), Kind::Table(new)) = (&mut old.node.kind, &entry.node.kind) {
                    merge(Arc::make_mut(old), new);
                } else {
                    *old = entry.clone();
                }
            }
            None => {
                base.insert(key.clone(), entry.clone());
            }
        }
    }
}

/// Puts the keys of a table, and of all tables in it, into alphabetical order.
pub fn sort(table: &mut Table) {
    table.sort_unstable_keys();
    table.values_mut().for_each(|entry| sort_node(&mut entry.node));
}

fn sort_node(node: &mut Node) {
    match &mut node.kind {
        Kind::Table(table) => sort(Arc::make_mut(table)),
        Kind::List(list) if list.iter().any(|item| matches!(item.kind, Kind::Table(_) | Kind::List(_))) => {
            Arc::make_mut(list).iter_mut().for_each(sort_node);
        }
        _ => {}
    }
}

/// Removes the value at a dotted path (`"values.server.workers"`); returns whether it was there.
pub fn unset(table: &mut Table, path: &str) -> bool {
    match table.shift_remove(path) {
        Some(_) => true,
        None => path.match_indices('.').any(|(dot, _)| {
            let (key, rest) = (&path[..dot], &path[dot + 1..]);
            match table.get_mut(key).map(|entry| &mut entry.node.kind) {
                Some(Kind::Table(inner)) => unset(Arc::make_mut(inner), rest),
                _ => false,
            }
        }),
    }
}

/// Reads from tables without caring whether a key is there or well typed: wrong types were reported before.
pub trait Lookup {
    /// Returns the value under a key.
    fn node(&self, key: &str) -> Option<&Node>;

    /// Returns the string under a key.
    fn text(&self, key: &str) -> Option<&str> {
        self.node(key).and_then(Node::as_str)
    }

    /// Returns the boolean under a key.
    fn flag(&self, key: &str) -> Option<bool> {
        self.node(key).and_then(Node::as_bool)
    }

    /// Returns the table under a key.
    fn table(&self, key: &str) -> Option<&Table> {
        self.node(key).and_then(Node::as_table)
    }

    /// Returns the strings of a list under a key; a single string counts as a list of one.
    fn texts(&self, key: &str) -> Vec<&str> {
        match self.node(key).map(|node| &node.kind) {
            Some(Kind::Str(one)) => vec![one],
            Some(Kind::List(list)) => list.iter().filter_map(Node::as_str).collect(),
            _ => vec![],
        }
    }
}

impl Lookup for Table {
    fn node(&self, key: &str) -> Option<&Node> {
        self.get(key).map(|entry| &entry.node)
    }
}
