//! How much work a schema makes with given values: both in, an error when it is too much.
//!
//! A hostile schema refers to itself, to a chain of thousands, or doubles the work at every step. This walks the same
//! pairs of schema and value as a validator, each pair once, and adds up what a validator would do that walks them again.
//! It looks at every part that could apply, so it counts too much rather than too little.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json};

/// Steps of a validator; a large chart makes some 100,000.
const MAX_WORK: u64 = 20_000_000;
/// Pairs of schema and value that are looked at.
const MAX_PAIRS: usize = 1_000_000;
/// Schemas in one another, references followed.
const MAX_DEPTH: usize = 500;

/// Keywords whose value is a schema for the same value.
const SAME: [&str; 4] = ["not", "if", "then", "else"];
/// Keywords whose value is a list of schemas for the same value.
const SAME_LISTS: [&str; 3] = ["allOf", "anyOf", "oneOf"];
/// Keywords whose value is a map of schemas for the same value, or of lists of names.
const SAME_MAPS: [&str; 2] = ["dependentSchemas", "dependencies"];
/// Keywords with a schema, or a list of schemas, for what stands in the value.
const INNER: [&str; 7] = [
    "items",
    "prefixItems",
    "additionalItems",
    "contains",
    "unevaluatedItems",
    "additionalProperties",
    "unevaluatedProperties",
];
/// Keywords that refer to another schema.
const REFERENCES: [&str; 3] = ["$ref", "$dynamicRef", "$recursiveRef"];

/// Refuses a schema that refers to itself for the same value, or makes too much work.
pub(super) fn check(schema: &Json, values: &Json) -> Result<(), String> {
    let mut guard = Guard { root: schema, named: BTreeMap::new(), work: BTreeMap::new(), open: BTreeSet::new() };
    guard.name(schema);
    Compiled { guard: &guard, seen: BTreeSet::new() }.walk(schema, 0)?;
    guard.work(schema, values, 0).map(|_| ())
}

struct Guard<'s> {
    root: &'s Json,
    /// Schemas by their `$id` and anchors, without `#`.
    named: BTreeMap<String, Vec<&'s Json>>,
    /// What is known of a pair of schema and value.
    work: BTreeMap<(usize, usize), u64>,
    /// The pairs that are being looked at.
    open: BTreeSet<(usize, usize)>,
}

fn address(value: &Json) -> usize {
    std::ptr::from_ref(value).addr()
}

fn too_deep() -> String {
    format!("the schema is more than {MAX_DEPTH} levels deep with references followed")
}

impl<'s> Guard<'s> {
    /// Finds all identifiers and anchors; the JSON reader has bounded the depth.
    fn name(&mut self, value: &'s Json) {
        match value {
            Json::Object(map) => {
                for key in ["$id", "id", "$anchor", "$dynamicAnchor"] {
                    if let Some(name) = map.get(key).and_then(Json::as_str) {
                        self.named.entry(name.trim_start_matches('#').to_owned()).or_default().push(value);
                    }
                }
                map.values().for_each(|value| self.name(value));
            }
            Json::Array(list) => list.iter().for_each(|value| self.name(value)),
            _ => {}
        }
    }

    /// Returns the schemas that a reference may mean; none for those that the validator will refuse.
    fn resolve(&self, reference: &str) -> Vec<&'s Json> {
        let (document, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let mut bases: Vec<&Json> = vec![self.root];
        if !document.is_empty() {
            let same = |name: &String| name.trim_end_matches('#').ends_with(document.trim_start_matches("./"));
            bases = self.named.iter().filter(|(name, _)| same(name)).flat_map(|(_, all)| all.iter().copied()).collect();
        }
        if fragment.is_empty() {
            return bases;
        }
        if !fragment.starts_with('/') {
            return self.named.get(fragment).cloned().unwrap_or_default();
        }
        let decoded = percent_decoded(fragment);
        // A pointer counts from the document or from a schema with an identifier around it.
        let bases = bases.into_iter().chain(self.named.values().flatten().copied());
        bases.filter_map(|base| base.pointer(&decoded)).collect()
    }

    fn references(&self, map: &'s Map<String, Json>) -> Vec<&'s Json> {
        let texts = REFERENCES.iter().filter_map(|key| map.get(*key)?.as_str());
        texts.flat_map(|reference| self.resolve(reference)).collect()
    }

    /// Returns the steps that a validator takes for a pair.
    fn work(&mut self, schema: &'s Json, value: &Json, depth: usize) -> Result<u64, String> {
        let Json::Object(map) = schema else { return Ok(1) };
        let pair = (address(schema), address(value));
        if let Some(work) = self.work.get(&pair) {
            return Ok(*work);
        }
        if depth > MAX_DEPTH {
            return Err(too_deep());
        }
        if !self.open.insert(pair) {
            return Err("the schema refers to itself endlessly".to_owned());
        }
        if self.work.len() > MAX_PAIRS {
            return Err("the schema exceeds its work limit with these values".to_owned());
        }
        let mut total: u64 = 1;
        let mut add = |work: u64| {
            total = total.saturating_add(work);
            if total > MAX_WORK {
                Err("the schema exceeds its work limit with these values".to_owned())
            } else {
                Ok(())
            }
        };
        for target in self.references(map) {
            add(self.work(target, value, depth + 1)?)?;
        }
        for below in same(map) {
            add(self.work(below, value, depth + 1)?)?;
        }
        let inner: Vec<&Json> = match value {
            Json::Object(values) => values.values().collect(),
            Json::Array(values) => values.iter().collect(),
            _ => Vec::new(),
        };
        if !inner.is_empty() {
            for below in everywhere(map) {
                for value in &inner {
                    add(self.work(below, value, depth + 1)?)?;
                }
            }
        }
        if let (Some(Json::Object(properties)), Json::Object(values)) = (map.get("properties"), value) {
            for (key, value) in values {
                if let Some(below) = properties.get(key) {
                    add(self.work(below, value, depth + 1)?)?;
                }
            }
        }
        if let (Some(names), Json::Object(values)) = (map.get("propertyNames"), value) {
            // Names are texts, for which nothing below applies: all take the same work.
            add(self.work(names, &Json::Null, depth + 1)?.saturating_mul(values.len() as u64))?;
        }
        self.open.remove(&pair);
        self.work.insert(pair, total);
        Ok(total)
    }
}

/// Returns the schemas that apply to the same value.
fn same(map: &Map<String, Json>) -> impl Iterator<Item = &Json> {
    let one = SAME.iter().filter_map(|key| map.get(*key));
    let lists = SAME_LISTS.iter().filter_map(|key| map.get(*key)?.as_array()).flatten();
    let maps = SAME_MAPS.iter().filter_map(|key| map.get(*key)?.as_object()).flat_map(|map| map.values());
    one.chain(lists).chain(maps)
}

/// Returns the schemas that may apply to anything in the value.
fn everywhere(map: &Map<String, Json>) -> impl Iterator<Item = &Json> {
    let patterns = map.get("patternProperties").and_then(Json::as_object).into_iter().flat_map(|map| map.values());
    INNER
        .iter()
        .filter_map(|key| map.get(*key))
        .flat_map(|value| value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice))
        .chain(patterns)
}

/// Walks a schema as a compiler does, every part once, to bound how deep it goes.
struct Compiled<'g, 's> {
    guard: &'g Guard<'s>,
    seen: BTreeSet<usize>,
}

impl<'s> Compiled<'_, 's> {
    fn walk(&mut self, schema: &'s Json, depth: usize) -> Result<(), String> {
        let Json::Object(map) = schema else { return Ok(()) };
        if depth > MAX_DEPTH {
            return Err(too_deep());
        }
        if !self.seen.insert(address(schema)) {
            return Ok(());
        }
        let properties = map.get("properties").and_then(Json::as_object).into_iter().flat_map(|map| map.values());
        let names = map.get("propertyNames");
        for below in same(map).chain(everywhere(map)).chain(properties).chain(names) {
            self.walk(below, depth + 1)?;
        }
        for target in self.guard.references(map) {
            self.walk(target, depth + 1)?;
        }
        Ok(())
    }
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match hex {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
