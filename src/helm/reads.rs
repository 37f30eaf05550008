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

/// A value that a template asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub path: Vec<String>,
    /// Not set, null, or an empty text.
    pub lacking: bool,
}

impl Reads {
    /// Looks at the flags that a render has left in its values.
    pub(super) fn of(values: &Table) -> Self {
        let mut reads = Self::default();
        walk(values, &mut Vec::new(), &mut |path, val, at| match (val, at) {
            (Some(_), 0) => reads.unread.push(path.to_vec()),
            _ => {
                reads.asked.insert(path.to_vec());
            }
        });
        reads
    }

    /// Returns what was asked for, in no order that says when.
    pub(super) fn given(&self) -> Vec<Asked> {
        self.asked.iter().map(|path| Asked { path: path.clone(), lacking: false }).collect()
    }
}

/// Returns what was asked for, the latest first.
pub(super) fn latest(values: &Table) -> Vec<Asked> {
    let mut all = Vec::new();
    walk(values, &mut Vec::new(), &mut |path, val, at| {
        let lacking = match val {
            None | Some(Val::Nil) => true,
            Some(Val::Str(text)) => text.is_empty(),
            _ => false,
        };
        if at > 0 {
            all.push((at, Asked { path: path.to_vec(), lacking }));
        }
    });
    all.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    all.into_iter().map(|(_, asked)| asked).collect()
}

/// Visits all values that were read or missed, with the time of the last reading, and the topmost of those that were not.
fn walk(table: &Table, path: &mut Vec<String>, visit: &mut dyn FnMut(&[String], Option<&Val>, u64)) {
    for (key, at) in table.missed() {
        path.push(key.to_string());
        visit(path, None, at);
        path.pop();
    }
    for (key, entry) in table.entries().iter() {
        // What templates have set themselves is no value of the user's.
        let Some(seen) = &entry.seen else { continue };
        path.push(key.to_string());
        visit(path, Some(&entry.val), seen.get());
        if seen.get() > 0 {
            below(&entry.val, path, visit);
        }
        path.pop();
    }
}

fn below(val: &Val, path: &mut Vec<String>, visit: &mut dyn FnMut(&[String], Option<&Val>, u64)) {
    match val {
        Val::Map(table) => walk(table, path, visit),
        Val::List(list) => {
            for (index, item) in list.items.iter().enumerate() {
                path.push(index.to_string());
                below(item, path, visit);
                path.pop();
            }
        }
        _ => {}
    }
}
