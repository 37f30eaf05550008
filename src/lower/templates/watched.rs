//! Parts of the context that know what of them was read.
//!
//! A table or list is an object to templates, and every entry remembers whether anybody asked for it. What was printed or
//! walked whole was asked for entry by entry, so a leaf that nothing asked for cannot be in what the templates gave.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use indexmap::IndexMap;
use minijinja::value::{Enumerator, Object, ObjectRepr, Value as Jinja};

use super::to_jinja;
use crate::manifest::value::Value;

/// Steps from a part of the context down to an entry: `["options", "rollout", "query"]`.
pub type Path = Vec<Arc<str>>;

/// Entries that were read.
pub type Reads = BTreeSet<Path>;

/// A table or a list.
#[derive(Debug)]
pub struct Watched {
    list: bool,
    /// By key, or by number.
    entries: IndexMap<Arc<str>, Entry>,
}

#[derive(Debug)]
struct Entry {
    value: Jinja,
    inner: Option<Arc<Watched>>,
    read: AtomicBool,
}

impl Watched {
    /// Returns a value that is watched, when it is a table or holds tables.
    pub fn new(value: &Value) -> Option<Arc<Self>> {
        let (list, entries) = match value {
            Value::Map(map) => (false, map.iter().map(|(key, value)| (key.clone(), Entry::new(value))).collect()),
            Value::List(items) if items.iter().any(|item| matches!(item, Value::Map(_))) => {
                let numbered = items.iter().enumerate();
                (true, numbered.map(|(at, item)| (Arc::from(at.to_string()), Entry::new(item))).collect())
            }
            _ => return None,
        };
        Some(Arc::new(Self { list, entries }))
    }

    /// Adds the paths of what was read to `reads`, and forgets that it was.
    pub fn take(&self, at: &mut Path, reads: &mut Reads) {
        for (key, entry) in &self.entries {
            at.push(key.clone());
            if entry.read.swap(false, Ordering::Relaxed) {
                reads.insert(at.clone());
                // Below what nobody asked for, nobody can have asked either.
                if let Some(inner) = &entry.inner {
                    inner.take(at, reads);
                }
            }
            at.pop();
        }
    }
}

impl Entry {
    fn new(value: &Value) -> Self {
        let inner = Watched::new(value);
        let value = inner.clone().map_or_else(|| to_jinja(value), Jinja::from_dyn_object);
        Self { value, inner, read: AtomicBool::new(false) }
    }

    fn read(&self) -> Jinja {
        self.read.store(true, Ordering::Relaxed);
        self.value.clone()
    }
}

impl Object for Watched {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        if self.list { ObjectRepr::Seq } else { ObjectRepr::Map }
    }

    fn get_value(self: &Arc<Self>, key: &Jinja) -> Option<Jinja> {
        if self.list {
            return self.entries.get_index(key.as_usize()?).map(|(_, entry)| entry.read());
        }
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Jinja> {
        self.entries.get(key).map(Entry::read)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        if self.list {
            return Enumerator::Seq(self.entries.len());
        }
        Enumerator::Values(self.entries.keys().map(|key| Jinja::from(key.clone())).collect())
    }

    fn enumerator_len(self: &Arc<Self>) -> Option<usize> {
        Some(self.entries.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use minijinja::{Environment, context};

    #[test]
    fn what_templates_ask_for_is_known() {
        let value =
            crate::manifest::yaml::read_one("a: {b: 1, c: 2}\nlist: [{d: 3, e: 4}]\nwhole: {f: {g: 5}}\nh: 6\n")
                .unwrap();
        let table = [
            ("{{ o.a.b }}", "a a.b"),
            ("{% if o.a %}{% endif %}", "a"),
            ("{% for one in o.list %}{{ one.d }}{% endfor %}", "list list.0 list.0.d"),
            ("{{ o.list[-1].e }}", "list list.0 list.0.e"),
            ("{{ o.whole | tojson }}", "whole whole.f whole.f.g"),
            ("{% for key in o.a %}{{ key }}{% endfor %}", "a"),
            ("{% for key, value in o.a | items %}{{ value }}{% endfor %}", "a a.b a.c"),
            ("{% if o.h == 7 and o.a.c %}{% endif %}", "h"),
        ];
        let watched = Watched::new(&value).unwrap();
        for (template, wanted) in table {
            Environment::new().render_str(template, context! { o => Jinja::from_dyn_object(watched.clone()) }).unwrap();
            let mut reads = Reads::new();
            watched.take(&mut Path::new(), &mut reads);
            let said: Vec<String> = reads.iter().map(|path| path.join(".")).collect();
            assert_eq!(said.join(" "), wanted, "{template}");
        }
    }
}
