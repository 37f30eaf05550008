//! Which values of a release its templates read, and which they asked for in vain.

use std::collections::BTreeSet;

use super::go::value::{Table, Val};

/// Paths of values, lists by their indexes.
#[derive(Clone, Debug, Default)]
pub struct Reads {
    /// Values that nothing read, the topmost of each.
    pub unread: Vec<Vec<String>>,
    /// Values that were read or asked for, those that are not set too.
    pub asked: BTreeSet<Vec<String>>,
}

impl Reads {
    /// Looks at the flags that a render has left in its values.
    pub(super) fn of(values: &Table) -> Self {
        let mut reads = Self::default();
        reads.table(values, &mut Vec::new());
        reads
    }

    fn table(&mut self, table: &Table, path: &mut Vec<String>) {
        for key in table.missed() {
            let mut asked = path.clone();
            asked.push(key.to_string());
            self.asked.insert(asked);
        }
        for (key, entry) in table.entries().iter() {
            // What templates have set themselves is no value of the user's.
            let Some(seen) = &entry.seen else { continue };
            path.push(key.to_string());
            if seen.get() {
                self.asked.insert(path.clone());
                self.below(&entry.val, path);
            } else {
                self.unread.push(path.clone());
            }
            path.pop();
        }
    }

    fn below(&mut self, val: &Val, path: &mut Vec<String>) {
        match val {
            Val::Map(table) => self.table(table, path),
            Val::List(list) => {
                for (index, item) in list.items.iter().enumerate() {
                    path.push(index.to_string());
                    self.below(item, path);
                    path.pop();
                }
            }
            _ => {}
        }
    }
}
