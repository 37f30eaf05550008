//! The files that differ → resources and documents, each with its identity.
//!
//! Blobs are compared first; only documents that differ are parsed, within a budget. A document
//! beyond it keeps its identity, read off its top-level lines, so that its removal is still judged.

use std::collections::{BTreeMap, BTreeSet};

use crate::emit::Tree;
use crate::manifest::object::{Object, ObjectId};
use crate::manifest::value::Value;
use crate::manifest::yaml;

use super::pairs::Pair;
use super::place::{Place, Side};
use super::{Hunk, Subject, values};

/// A larger document is not parsed. etcd takes objects up to 1.5 MiB
/// (<https://etcd.io/docs/v3.6/dev-guide/limit/>), and the largest definitions stay below 1 MiB.
const DOCUMENT_BYTES: usize = 1 << 20;
/// Both trees together; documents beyond it are only counted.
const TOTAL_BYTES: usize = 12 << 20;

/// What makes two items the same one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    folder: String,
    side: Side,
    pub subject: Subject,
    /// Counts repetitions, which a check reports elsewhere.
    nth: usize,
}

/// A resource or document of one tree.
pub struct Item<'a> {
    pub key: Key,
    pub place: Place,
    pub file: &'a str,
    text: &'a str,
    /// The content; nothing when it was too large or could not be read.
    pub value: Option<Value>,
}

/// Returns the paths whose bytes differ.
pub fn differing<'a>(old: &'a Tree, new: &'a Tree) -> BTreeSet<&'a str> {
    let in_old = old.files().filter(|(path, bytes)| new.get(path) != Some(bytes));
    let in_new = new.files().filter(|(path, bytes)| old.get(path) != Some(bytes));
    in_old.chain(in_new).map(|(path, _)| path).collect()
}

/// Returns the items of both trees that may differ.
pub fn read<'a>(old: &'a Tree, new: &'a Tree) -> (Vec<Item<'a>>, Vec<Item<'a>>) {
    let mut budget = TOTAL_BYTES;
    let paths = differing(old, new);
    let mut one = |tree: &'a Tree, other: &'a Tree| {
        let mut reader =
            Reader { tree, budget: &mut budget, patches: BTreeMap::new(), seen: BTreeMap::new(), out: vec![] };
        for (path, bytes) in paths.iter().filter_map(|path| Some((*path, tree.get(path)?))) {
            reader.file(path, bytes, other.get(path).map(|bytes| &**bytes));
        }
        reader.out
    };
    (one(old, new), one(new, old))
}

struct Reader<'a, 'b> {
    tree: &'a Tree,
    budget: &'b mut usize,
    /// The patch files that the kustomization of a folder names.
    patches: BTreeMap<&'a str, BTreeSet<String>>,
    seen: BTreeMap<(String, Side, Subject), usize>,
    out: Vec<Item<'a>>,
}

impl<'a> Reader<'a, '_> {
    fn file(&mut self, path: &'a str, bytes: &'a [u8], other: Option<&'a [u8]>) {
        let place = Place::of(path);
        let Ok(text) = std::str::from_utf8(bytes) else {
            return self.push(path, &place, "", Subject::File(path.to_owned()), None);
        };
        if !matches!(path.rsplit_once('.'), Some((_, "yaml" | "yml"))) {
            let value = self.afford(text).then(|| text.into());
            return self.push(path, &place, text, Subject::File(path.to_owned()), value);
        }
        let other: BTreeSet<&str> =
            other.and_then(|o| std::str::from_utf8(o).ok()).into_iter().flat_map(documents).collect();
        for document in documents(text).filter(|document| !other.contains(document)) {
            self.document(path, &place, document);
        }
    }

    fn document(&mut self, path: &'a str, place: &Place, text: &'a str) {
        // What cannot be read is not shown either: it may hold what the object would have hidden.
        let Some(documents) = self.afford(text).then(|| yaml::read(text).ok()).flatten() else {
            let subject = skim(text).map_or_else(|| document_subject(path, place), |id| self.object_subject(path, id));
            return self.push(path, place, text, subject, None);
        };
        for document in documents.into_iter().filter(|document| document.value != Value::Null) {
            let subject = self.subject(path, place, &document.value);
            self.push(path, place, text, subject, Some(document.value));
        }
    }

    fn subject(&mut self, path: &'a str, place: &Place, value: &Value) -> Subject {
        let is_document = matches!(file_name(path), "kustomization.yaml" | "values.yaml");
        match identity(value).filter(|_| !is_document) {
            Some(id) => self.object_subject(path, id),
            None => document_subject(path, place),
        }
    }

    fn object_subject(&mut self, path: &'a str, id: ObjectId) -> Subject {
        let (folder, _) = path.rsplit_once('/').unwrap_or(("", path));
        // A patch may stand below the folder of the kustomization that names it.
        let ancestors = std::iter::successors(Some(folder), |f| f.rsplit_once('/').map(|(parent, _)| parent)).take(3);
        for folder in ancestors {
            let patches = self.patches.entry(folder).or_insert_with(|| patches(self.tree, folder));
            if patches.contains(path) {
                return Subject::Patch(id);
            }
        }
        Subject::Object(id)
    }

    fn afford(&mut self, text: &str) -> bool {
        let fits = text.len() <= DOCUMENT_BYTES && text.len() <= *self.budget;
        if fits {
            *self.budget -= text.len();
        }
        fits
    }

    fn push(&mut self, file: &'a str, place: &Place, text: &'a str, subject: Subject, value: Option<Value>) {
        let nth = self.seen.entry((place.folder.clone(), place.side.clone(), subject.clone())).or_default();
        let key = Key { folder: place.folder.clone(), side: place.side.clone(), subject, nth: *nth };
        *nth += 1;
        self.out.push(Item { key, place: place.clone(), file, text, value });
    }
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Returns the subject of a document that is no object.
fn document_subject(path: &str, place: &Place) -> Subject {
    match file_name(path) {
        "kustomization.yaml" => {
            let parts = [place.component.as_str(), place.stage.as_str()];
            Subject::Kustomization(parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/"))
        }
        "values.yaml" => Subject::Values(place.component.clone()),
        _ => Subject::File(path.to_owned()),
    }
}

/// Splits a stream at its `---` lines. Such a line cannot stand inside a block scalar of a map,
/// whose lines are indented. Parts of nothing but comments are left out.
fn documents(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest.match_indices("\n---").map(|(n, _)| n + 1).next().unwrap_or(rest.len());
        let (document, tail) = rest.split_at(end);
        rest = tail;
        Some(document)
    })
    .filter(|document| {
        document.lines().any(|line| !matches!(line.trim(), "" | "---" | "...") && !line.trim_start().starts_with('#'))
    })
}

/// Returns the identity of a value that is an object, without a copy of all its content.
fn identity(value: &Value) -> Option<ObjectId> {
    let mut head = Value::default();
    for path in [&["apiVersion"][..], &["kind"], &["metadata", "name"], &["metadata", "namespace"]] {
        if let Some(part) = value.at(path) {
            head.set(path, part.clone());
        }
    }
    Object::new(head).ok().map(|object| object.id())
}

/// Reads the identity of a block-style object off its top-level lines.
fn skim(text: &str) -> Option<ObjectId> {
    let scalar = |line: &str, key: &str| {
        let value = line.strip_prefix(key)?.strip_prefix(':')?.trim();
        Some(value.trim_matches(['"', '\'']).to_owned()).filter(|value| !value.is_empty())
    };
    let (mut version, mut kind, mut name, mut namespace) = (None, None, None, None);
    let mut in_metadata = false;
    for line in text.lines() {
        if line.starts_with([' ', '#']) {
            if let Some(line) = line.strip_prefix("  ").filter(|_| in_metadata) {
                name = name.or_else(|| scalar(line, "name"));
                namespace = namespace.or_else(|| scalar(line, "namespace"));
            }
            continue;
        }
        in_metadata = line.trim_end() == "metadata:";
        version = version.or_else(|| scalar(line, "apiVersion"));
        kind = kind.or_else(|| scalar(line, "kind"));
    }
    let version = version?;
    Some(ObjectId {
        group: version.rsplit_once('/').map_or("", |(group, _)| group).into(),
        kind: kind?.into(),
        namespace: namespace.unwrap_or_default().into(),
        name: name?.into(),
    })
}

/// Returns the paths of the patches that the kustomization of a folder names.
fn patches(tree: &Tree, folder: &str) -> BTreeSet<String> {
    let file = tree.get(&format!("{folder}/kustomization.yaml")).filter(|bytes| bytes.len() <= DOCUMENT_BYTES);
    let value = file.and_then(|bytes| yaml::read_one(std::str::from_utf8(bytes).ok()?).ok()).unwrap_or_default();
    let list = |key: &str| value.get(key).and_then(Value::as_list).unwrap_or_default();
    let named = list("patches").iter().filter_map(|patch| patch.get("path").and_then(Value::as_str));
    let merged = list("patchesStrategicMerge").iter().filter_map(Value::as_str);
    named.chain(merged).map(|path| format!("{folder}/{}", path.trim_start_matches("./"))).collect()
}

/// Says whether one of the two could not be read in detail.
pub fn is_too_large(old: Option<&Item>, new: Option<&Item>) -> bool {
    old.into_iter().chain(new).any(|item| item.value.is_none())
}

/// Returns the text of an item, empty when there is none.
pub fn text<'a>(item: Option<&Item<'a>>) -> &'a str {
    item.map_or("", |item| item.text)
}

/// Returns the differences within a pair; a renamed resource is compared with what it was.
pub fn hunks(pair: &Pair) -> Vec<Hunk> {
    let value = |item: Option<&Item>| item.and_then(|item| item.value.clone());
    match (value(pair.old), value(pair.new)) {
        (Some(old), Some(new)) => values::hunks(&old, &new),
        (None, Some(new)) if pair.renamed.is_some() => values::hunks(&value(pair.renamed).unwrap_or_default(), &new),
        (Some(_), None) if pair.renamed.is_some() => Vec::new(),
        (old, new) => vec![Hunk { path: String::new(), old, new, masked: false }],
    }
}

/// Says whether the hunks of a kustomization only follow the files beside it, which are shown themselves.
pub fn follows_folder(hunks: &[Hunk]) -> bool {
    const WHOLE: &[&str] = &[
        "apiVersion",
        "kind",
        "metadata",
        "namespace",
        "namePrefix",
        "resources",
        "components",
        "configurations",
        "configMapGenerator",
        "patches",
    ];
    let is_inline = |value: &Value| {
        let patches = value.as_list().unwrap_or(std::slice::from_ref(value));
        patches.iter().any(|patch| patch.get("path").is_none() || patch.get("patch").is_some())
    };
    hunks.iter().all(|hunk| {
        let mut values = hunk.old.iter().chain(&hunk.new);
        match hunk.path.split('[').next().unwrap_or_default() {
            "" => values.all(|value| {
                value.as_map().is_some_and(|map| map.keys().all(|key| WHOLE.contains(&&**key)))
                    && !value.get("patches").is_some_and(is_inline)
            }),
            "resources" | "components" => true,
            "patches" if !hunk.path.contains("].") => !values.any(is_inline),
            _ => false,
        }
    })
}
