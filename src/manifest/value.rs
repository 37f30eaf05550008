//! The dynamic value that manifests and Helm values are made of.
//!
//! A [`Value`] is what a YAML document says, with Go's number kinds kept apart and map order kept
//! as written. It is cheap to share (strings are reference counted) and compares by content.

use std::sync::Arc;

use indexmap::IndexMap;
use serde::{Serialize, Serializer};

/// An ordered map from string keys to values; order is the order of writing.
/// Its hasher is fast and seeded per process; neither shows, because order is that of insertion.
pub type Map = IndexMap<Arc<str>, Value, foldhash::fast::RandomState>;

/// A YAML or JSON value.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    #[default]
    Null,
    Bool(bool),
    /// An integer; `i128` so that every `i64` and `u64` fits.
    Int(i128),
    Float(f64),
    Str(Arc<str>),
    List(Vec<Value>),
    Map(Map),
}

impl Value {
    /// Returns a map value from key and value pairs.
    pub fn map<K: Into<Arc<str>>>(entries: impl IntoIterator<Item = (K, Value)>) -> Self {
        Self::Map(entries.into_iter().map(|(k, v)| (k.into(), v)).collect())
    }

    /// Returns the string, when this is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(s) => Some(s),
            _ => None,
        }
    }

    /// Returns the integer, when this is one that fits.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Int(i) => i64::try_from(*i).ok(),
            _ => None,
        }
    }

    /// Returns the boolean, when this is one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(b) => Some(*b),
            _ => None,
        }
    }

    /// Returns the map, when this is one.
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Self::Map(map) => Some(map),
            _ => None,
        }
    }

    /// Returns the map for writing, when this is one.
    pub fn as_map_mut(&mut self) -> Option<&mut Map> {
        match self {
            Self::Map(map) => Some(map),
            _ => None,
        }
    }

    /// Returns the list, when this is one.
    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Self::List(list) => Some(list),
            _ => None,
        }
    }

    /// Returns the value under `key`, when this is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_map()?.get(key)
    }

    /// Returns the value at a path of map keys.
    pub fn at(&self, path: &[&str]) -> Option<&Value> {
        path.iter().try_fold(self, |value, key| value.get(key))
    }

    /// Returns the value at a path of map keys and list indexes.
    pub fn within<S: AsRef<str>>(&self, path: &[S]) -> Option<&Value> {
        path.iter().try_fold(self, |value, key| match value {
            Self::List(list) => list.get(key.as_ref().parse::<usize>().ok()?),
            _ => value.get(key.as_ref()),
        })
    }

    /// Says whether this is an empty map, an empty list or null.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Null => true,
            Self::List(list) => list.is_empty(),
            Self::Map(map) => map.is_empty(),
            _ => false,
        }
    }

    /// Returns the bytes of this value as compact JSON; escapes count as one byte, which is near enough.
    pub fn json_size(&self) -> usize {
        match self {
            Self::Null | Self::Bool(_) => 4,
            Self::Int(_) | Self::Float(_) => 6,
            Self::Str(text) => text.len() + 2,
            Self::List(list) => list.iter().map(|item| item.json_size() + 1).sum::<usize>() + 1,
            Self::Map(map) => map.iter().map(|(key, value)| key.len() + 4 + value.json_size()).sum::<usize>() + 1,
        }
    }

    /// Returns the user's word for the type of this value.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Int(_) => "integer",
            Self::Float(_) => "number",
            Self::Str(_) => "string",
            Self::List(_) => "list",
            Self::Map(_) => "map",
        }
    }

    /// Sets the value at a path of map keys, making maps on the way; a value that is not a map is replaced.
    pub fn set(&mut self, path: &[&str], value: Value) {
        let Some((key, rest)) = path.split_first() else {
            *self = value;
            return;
        };
        if self.as_map().is_none() {
            *self = Self::Map(Map::default());
        }
        let map = self.as_map_mut().expect("made a map just above");
        map.entry(Arc::from(*key)).or_default().set(rest, value);
    }

    /// Lays `over` on top of this value: maps merge key by key, everything else is replaced.
    pub fn merge(&mut self, over: Value) {
        match (self, over) {
            (Self::Map(base), Self::Map(over)) => {
                for (key, value) in over {
                    match base.get_mut(&key) {
                        Some(old) => old.merge(value),
                        None => {
                            base.insert(key, value);
                        }
                    }
                }
            }
            (slot, over) => *slot = over,
        }
    }
}

impl From<&str> for Value {
    fn from(s: &str) -> Self {
        Self::Str(Arc::from(s))
    }
}

impl From<String> for Value {
    fn from(s: String) -> Self {
        Self::Str(Arc::from(s))
    }
}

impl From<Arc<str>> for Value {
    fn from(s: Arc<str>) -> Self {
        Self::Str(s)
    }
}

impl From<bool> for Value {
    fn from(b: bool) -> Self {
        Self::Bool(b)
    }
}

impl From<i64> for Value {
    fn from(i: i64) -> Self {
        Self::Int(i.into())
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(list: Vec<T>) -> Self {
        Self::List(list.into_iter().map(Into::into).collect())
    }
}

impl From<Map> for Value {
    fn from(map: Map) -> Self {
        Self::Map(map)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(b) => serializer.serialize_bool(*b),
            Self::Int(i) => match (i64::try_from(*i), u64::try_from(*i)) {
                (Ok(i), _) => serializer.serialize_i64(i),
                (_, Ok(u)) => serializer.serialize_u64(u),
                _ => serializer.serialize_i128(*i),
            },
            Self::Float(f) => serializer.serialize_f64(*f),
            Self::Str(s) => serializer.serialize_str(s),
            Self::List(list) => serializer.collect_seq(list),
            Self::Map(map) => serializer.collect_map(map.iter().map(|(k, v)| (&**k, v))),
        }
    }
}

/// Returns a map from names and values.
pub fn object(entries: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    Value::Map(entries.into_iter().map(|(key, value)| (Arc::from(key), value)).collect())
}
