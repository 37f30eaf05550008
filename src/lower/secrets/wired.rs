//! What raw values must not take away: the Secrets that a component is wired with.
//!
//! Lists of Helm values are replaced, not merged, so `envFrom = […]` would drop the credentials that the catalogue put there.
//! A list in which a Secret is wired is added to; where a value in the place of another takes a Secret away, that is said.

use std::collections::BTreeSet;

use super::Own;
use crate::diag::{Diagnostic, Span};
use crate::lower::LOST_SECRET;
use crate::manifest::value::{Map, Value};
use crate::parse::{Kind, Node};
use crate::resolve::Instance;

/// Names of the Secrets that a component is wired with.
pub struct Wired(BTreeSet<String>);

impl Wired {
    /// Returns the Secrets of a component, those behind `env` and `files` among them.
    pub fn of(instance: &Instance, own: &Own) -> Self {
        let made = ["env", "files"].map(|kind| format!("{}-{kind}", instance.name));
        Self(own.names.values().cloned().chain(made).collect())
    }

    /// Lays `over` on top of values: as [`Value::merge`], but a list with a wired Secret in it keeps its entries, unless one of
    /// the same name takes an entry's place.
    pub fn merge(&self, base: &mut Value, over: Value) {
        match (base, over) {
            (Value::Map(base), Value::Map(over)) => {
                for (key, value) in over {
                    match base.get_mut(&key) {
                        Some(old) => self.merge(old, value),
                        None => drop(base.insert(key, value)),
                    }
                }
            }
            (Value::List(base), Value::List(over)) if base.iter().any(|entry| self.is_in(entry)) => {
                let name = |entry: &Value| entry.get("name").and_then(Value::as_str).map(String::from);
                for entry in over {
                    let same = |old: &Value| *old == entry || (name(old).is_some() && name(old) == name(&entry));
                    match base.iter().position(same) {
                        Some(index) => base[index] = entry,
                        None => base.push(entry),
                    }
                }
            }
            (slot, over) => *slot = over,
        }
    }

    fn is_in(&self, value: &Value) -> bool {
        match value {
            Value::Str(text) => self.0.contains(&**text),
            Value::List(list) => list.iter().any(|item| self.is_in(item)),
            Value::Map(map) => map.values().any(|item| self.is_in(item)),
            _ => false,
        }
    }

    /// Reports Secrets that stood in the values before and stand nowhere in them now.
    pub fn report(&self, before: &Value, after: &Value, said: Option<&Node>, at: Span, found: &mut Vec<Diagnostic>) {
        let mut places = Vec::new();
        self.places(before, &mut Vec::new(), &mut places);
        let mut told = BTreeSet::new();
        for (name, path) in places {
            if !stands_in(after, &name) && told.insert(name.clone()) {
                let written = path.join(".");
                let message = format!("Secret `{name}` is no longer used: these values override `{written}`");
                let help = "remove this value, or, if that is intended, disable the slot or secret that it comes from";
                found.push(Diagnostic::warning(&LOST_SECRET, message).at(deepest(said, at, &path), "").help(help));
            }
        }
    }

    fn places(&self, value: &Value, path: &mut Vec<String>, places: &mut Vec<(String, Vec<String>)>) {
        let mut inside = |key: String, value: &Value, places: &mut Vec<_>| {
            path.push(key);
            self.places(value, path, places);
            path.pop();
        };
        match value {
            Value::Str(text) if self.0.contains(&**text) => places.push((text.to_string(), path.clone())),
            Value::List(list) => {
                list.iter().enumerate().for_each(|(index, item)| inside(index.to_string(), item, places));
            }
            Value::Map(map) => map.iter().for_each(|(key, item)| inside(key.to_string(), item, places)),
            _ => {}
        }
    }
}

fn stands_in(value: &Value, name: &str) -> bool {
    match value {
        Value::Str(text) => &**text == name,
        Value::List(list) => list.iter().any(|item| stands_in(item, name)),
        Value::Map(map) => Map::values(map).any(|item| stands_in(item, name)),
        _ => false,
    }
}

/// Returns the place of what the user wrote on the way along a path.
fn deepest(said: Option<&Node>, at: Span, path: &[String]) -> Span {
    let (Some((key, rest)), Some(Kind::Table(table))) = (path.split_first(), said.map(|node| &node.kind)) else {
        return at;
    };
    table.get(key.as_str()).map_or(at, |entry| deepest(Some(&entry.node), entry.key, rest))
}
