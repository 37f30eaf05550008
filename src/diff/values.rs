//! Value × value → hunks, each with its path.

use crate::manifest::value::Value;

use super::{Hunk, lists, quantity};

/// Below these keys scalars are quantities, and compared by what they mean.
const QUANTITIES: &[&str] = &["requests", "limits", "storage"];

/// Returns the smallest differences between two values.
pub fn hunks(old: &Value, new: &Value) -> Vec<Hunk> {
    let mut walk = Walk { path: String::new(), out: Vec::new() };
    walk.values("", false, old, new);
    walk.out
}

struct Walk {
    path: String,
    out: Vec<Hunk>,
}

impl Walk {
    fn values(&mut self, key: &str, in_quantity: bool, old: &Value, new: &Value) {
        if old == new {
            return;
        }
        let in_quantity = in_quantity || QUANTITIES.contains(&key);
        match (old, new) {
            (Value::Map(old), Value::Map(new)) => {
                let added = new.keys().filter(|key| !old.contains_key(*key));
                for key in old.keys().chain(added) {
                    self.below(&segment(key, self.path.is_empty()), |walk| {
                        walk.either(key, in_quantity, old.get(key), new.get(key));
                    });
                }
            }
            (Value::List(old), Value::List(new)) => self.lists(key, in_quantity, old, new),
            _ if in_quantity && quantity::nano(old).is_some_and(|old| quantity::nano(new) == Some(old)) => {}
            _ => self.push(Some(old), Some(new)),
        }
    }

    fn lists(&mut self, key: &str, in_quantity: bool, old: &[Value], new: &[Value]) {
        let matching = lists::matching(key, old, new);
        for (name, n, m) in matching.items {
            let (old, new) = (n.and_then(|n| old.get(n)), m.and_then(|m| new.get(m)));
            self.below(&format!("[{name}]"), |walk| walk.either("", in_quantity, old, new));
        }
        if let Some((old, new)) = matching.order {
            self.below(" (order)", |walk| walk.push(Some(&old.into()), Some(&new.into())));
        }
    }

    fn either(&mut self, key: &str, in_quantity: bool, old: Option<&Value>, new: Option<&Value>) {
        match (old, new) {
            (Some(old), Some(new)) => self.values(key, in_quantity, old, new),
            _ => self.push(old, new),
        }
    }

    fn below(&mut self, segment: &str, visit: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        self.path.push_str(segment);
        visit(self);
        self.path.truncate(length);
    }

    fn push(&mut self, old: Option<&Value>, new: Option<&Value>) {
        self.out.push(Hunk { path: self.path.clone(), old: old.cloned(), new: new.cloned(), masked: false });
    }
}

/// A key with dots or brackets in it is quoted, so that a path reads in one way only.
fn segment(key: &str, is_first: bool) -> String {
    let is_plain = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '$' | '/'));
    match (is_plain, is_first) {
        (true, true) => key.to_owned(),
        (true, false) => format!(".{key}"),
        (false, _) => format!("[{key:?}]"),
    }
}
