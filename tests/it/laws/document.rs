//! A platform.toml as data: written out with the place of every key, changed key by key, made smaller.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// A table of platform.toml.
pub type Table = Map<String, Value>;

/// A file and what of the repository it reads.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document {
    pub root: Table,
    /// Further files of the repository.
    pub files: BTreeMap<String, String>,
}

/// A document as text.
pub struct Written {
    pub text: String,
    /// Where each key stands: first byte, byte behind the last one, dotted path.
    places: Vec<(usize, usize, Vec<String>)>,
}

impl Written {
    /// Returns the path of the key that stands at a byte.
    pub fn path_at(&self, byte: usize) -> Option<&[String]> {
        self.places.iter().find(|(start, end, _)| (*start..*end).contains(&byte)).map(|(_, _, path)| path.as_slice())
    }
}

impl Document {
    /// Reads a text.
    pub fn read(text: &str) -> Option<Self> {
        Some(Self { root: toml::from_str(text.trim_start_matches('\u{feff}')).ok()?, files: BTreeMap::new() })
    }

    /// Returns the value at a path.
    pub fn at(&self, path: &[&str]) -> Option<&Value> {
        let (first, rest) = path.split_first()?;
        rest.iter().try_fold(self.root.get(*first)?, |value, key| value.get(*key))
    }

    /// Returns the table at a path, or an empty one.
    pub fn table(&self, path: &[&str]) -> Table {
        self.at(path).and_then(Value::as_object).cloned().unwrap_or_default()
    }

    /// Sets the value at a path, making tables on the way.
    pub fn set(&mut self, path: &[&str], value: impl Into<Value>) {
        let Some((last, above)) = path.split_last() else { return };
        let mut table = &mut self.root;
        for key in above {
            let slot = table.entry(*key).or_insert_with(|| Value::Object(Table::new()));
            if !slot.is_object() {
                *slot = Value::Object(Table::new());
            }
            table = slot.as_object_mut().expect("made one just before");
        }
        table.insert((*last).to_string(), value.into());
    }

    /// Removes the key at a path, and says whether it was there.
    pub fn remove<S: AsRef<str>>(&mut self, path: &[S]) -> bool {
        let Some((last, above)) = path.split_last() else { return false };
        let mut table = &mut self.root;
        for key in above {
            match table.get_mut(key.as_ref()).and_then(Value::as_object_mut) {
                Some(inner) => table = inner,
                None => return false,
            }
        }
        table.shift_remove(last.as_ref()).is_some()
    }

    /// Returns every key as a path, outer ones first.
    pub fn paths(&self) -> Vec<Vec<String>> {
        fn walk(table: &Table, path: &mut Vec<String>, all: &mut Vec<Vec<String>>) {
            for (key, value) in table {
                path.push(key.clone());
                all.push(path.clone());
                if let Value::Object(inner) = value {
                    walk(inner, path, all);
                }
                path.pop();
            }
        }
        let mut all = Vec::new();
        walk(&self.root, &mut Vec::new(), &mut all);
        all.sort_by_key(Vec::len);
        all
    }

    /// Returns every text with its path; lists are passed over.
    pub fn texts(&self) -> Vec<(Vec<String>, String)> {
        let text = |path: Vec<String>| {
            let keys: Vec<&str> = path.iter().map(String::as_str).collect();
            let text = self.at(&keys)?.as_str()?.to_string();
            Some((path, text))
        };
        self.paths().into_iter().filter_map(text).collect()
    }

    /// Returns the document with every table read backwards.
    pub fn reversed(&self) -> Self {
        fn turn(table: &Table) -> Table {
            let turned = |(key, value): (&String, &Value)| {
                let value = value.as_object().map_or_else(|| value.clone(), |inner| Value::Object(turn(inner)));
                (key.clone(), value)
            };
            table.iter().rev().map(turned).collect()
        }
        Self { root: turn(&self.root), files: self.files.clone() }
    }

    /// Writes it as TOML.
    pub fn write(&self) -> Written {
        let mut written = Written { text: String::new(), places: Vec::new() };
        write_table(&self.root, &mut Vec::new(), &mut written);
        written
    }

    /// Returns what a layer makes of it: `environments.<environment>` and `clusters.<cluster>` laid over the rest.
    pub fn layered(&self, environment: &str, cluster: &str) -> Self {
        let mut root = self.root.clone();
        let above = [("environments", environment), ("clusters", cluster)];
        for (kind, name) in above {
            root.remove(kind);
            merge(&mut root, &self.table(&[kind, name]));
        }
        Self { root, files: self.files.clone() }
    }
}

fn merge(into: &mut Table, over: &Table) {
    for (key, value) in over {
        match (into.get_mut(key).and_then(Value::as_object_mut), value) {
            (Some(below), Value::Object(above)) => merge(below, above),
            _ => drop(into.insert(key.clone(), value.clone())),
        }
    }
}

fn write_table(table: &Table, path: &mut Vec<String>, written: &mut Written) {
    for (key, value) in table.iter().filter(|(_, value)| !value.is_object()) {
        path.push(key.clone());
        line(&format!("{} = {}\n", bare(key), inline(value)), path, written);
        path.pop();
    }
    for (key, value) in table {
        let Value::Object(inner) = value else { continue };
        path.push(key.clone());
        // A table that holds tables only needs no line of its own, except where its name alone says something.
        if inner.is_empty() || inner.values().any(|value| !value.is_object()) || path.len() > 1 {
            let name: Vec<String> = path.iter().map(|key| bare(key)).collect();
            line(&format!("\n[{}]\n", name.join(".")), path, written);
        }
        write_table(inner, path, written);
        path.pop();
    }
}

fn line(text: &str, path: &[String], written: &mut Written) {
    let start = written.text.len();
    written.text.push_str(text);
    written.places.push((start, written.text.len(), path.to_vec()));
}

fn bare(key: &str) -> String {
    let plain = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if plain { key.to_string() } else { quoted(key) }
}

fn inline(value: &Value) -> String {
    match value {
        Value::Object(table) => {
            let entries: Vec<String> = table.iter().map(|(k, v)| format!("{} = {}", bare(k), inline(v))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::String(text) => quoted(text),
        other => other.to_string(),
    }
}

/// JSON's strings are TOML's basic strings, but for the character DEL.
fn quoted(text: &str) -> String {
    Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

/// Removes keys as long as `fails` says that what is left still fails.
pub fn shrink(document: &Document, mut tries: usize, fails: &dyn Fn(&Document) -> bool) -> Document {
    let mut smallest = document.clone();
    loop {
        let before = smallest.root.clone();
        for path in smallest.paths() {
            if tries == 0 {
                return smallest;
            }
            let mut smaller = smallest.clone();
            if !smaller.remove(&path) {
                continue;
            }
            tries -= 1;
            if fails(&smaller) {
                smallest = smaller;
            }
        }
        if smallest.root == before {
            return smallest;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back_and_knows_its_places() {
        let text = "lakegen = \"1\"\n[platform]\nname = \"lake\"\n[components.a]\nconfig.\"x.y\" = \"z\"\nhosts = [\"a\", \"b\"]\n[components.b]\n";
        let document = Document::read(text).unwrap();
        let written = document.write();
        assert_eq!(Document::read(&written.text), Some(document.clone()));
        let byte = written.text.find("\"z\"").unwrap();
        assert_eq!(written.path_at(byte), Some(&["components", "a", "config", "x.y"].map(String::from)[..]));
        let small = shrink(&document, 100, &|d| d.at(&["components", "a", "config", "x.y"]).is_some());
        assert_eq!(small.paths().len(), 4);
    }
}
