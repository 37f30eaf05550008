//! Which known value an unknown one most likely meant: path and value in, dotted paths out.
//!
//! Looks at the neighbours of the unknown key for misspellings and other words for the same thing,
//! and at the whole tree for the same name in another place.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::manifest::value::Value;

use super::facts::{Id, Kind, Shape, Tree};

/// Paths longer than this are pieces of Kubernetes objects, which nobody misplaces.
const DEEPEST: usize = 7;
/// A name that stands in more places than this says nothing about where it belongs.
const COMMON: usize = 8;
/// Other words for the same thing in other charts.
const SAME_THING: [&[&str]; 7] = [
    &["enabled", "enable", "create", "install", "deploy"],
    &["replicas", "replicacount", "count", "nodes", "workers", "instances"],
    &["host", "hosts", "hostname", "hostnames", "domain"],
    &["class", "classname", "ingressclass", "ingressclassname"],
    &["storageclass", "storageclassname", "classname"],
    &["size", "requestedsize", "storage", "storagesize"],
    &["existingsecret", "secretname", "existingsecretname", "secret"],
];

/// Returns up to three known paths that `path`, which the chart does not know, may have meant; best first.
pub fn near(tree: &Tree, path: &[String], value: &Value) -> Vec<String> {
    let mut known = Vec::new();
    collect(tree, tree.root, &mut Vec::new(), &mut known);
    let unknown = Unknown::new(path);
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for (candidate, _) in &known {
        *places.entry(candidate.last().map_or("", |leaf| *leaf)).or_default() += 1;
    }
    let mut scored: Vec<(usize, usize, String)> = known
        .iter()
        .filter_map(|(candidate, id)| {
            let leaf = candidate.last()?;
            let score = unknown.score(candidate, places[leaf] > COMMON, tree.node(*id).kids.is_empty())?;
            Some((score + misfit(tree, *id, value), candidate.len(), dotted(candidate)))
        })
        .collect();
    scored.sort();
    // What comes far behind the best is noise beside it.
    let best = scored.first().map_or(0, |(score, ..)| *score);
    scored.into_iter().take_while(|(score, ..)| *score <= best + 6).take(3).map(|(.., path)| path).collect()
}

/// Collects every named path; what stands below list items or free keys has no path of its own.
fn collect(tree: &Tree, id: Id, path: &mut Vec<&'static str>, known: &mut Vec<(Vec<&'static str>, Id)>) {
    for (key, kid) in &tree.node(id).kids {
        path.push(key);
        known.push((path.clone(), *kid));
        if path.len() < DEEPEST {
            collect(tree, *kid, path, known);
        }
        path.pop();
    }
}

struct Unknown<'a> {
    path: &'a [String],
    leaf: String,
    joined: String,
    words: Vec<String>,
}

impl<'a> Unknown<'a> {
    fn new(path: &'a [String]) -> Self {
        let leaf = path.last().map(|key| fold(key)).unwrap_or_default();
        let joined = path.iter().map(|key| fold(key)).collect();
        Self { path, leaf, joined, words: words(path.iter().map(String::as_str)) }
    }

    /// Returns how far a known path is from this one, 0 being nearest, or nothing when it is unlike.
    fn score(&self, candidate: &[&str], common: bool, scalar: bool) -> Option<usize> {
        let (leaf, above) = candidate.split_last()?;
        let leaf = fold(leaf);
        let parent = &self.path[..self.path.len() - 1];
        let sibling = above.len() == parent.len() && above.iter().zip(parent).all(|(a, b)| a == b);
        let by_name = if sibling { self.sibling(&leaf) } else { self.elsewhere(&leaf, above, parent, common, scalar) };
        [by_name, self.other_split(candidate)].into_iter().flatten().min()
    }

    fn sibling(&self, leaf: &str) -> Option<usize> {
        let long = self.leaf.chars().count();
        let distance = strsim::damerau_levenshtein(&self.leaf, leaf);
        if distance <= (long / 3).clamp(1, 3).min(long.saturating_sub(1)) {
            return Some(distance);
        }
        if same_thing(&self.leaf, leaf) {
            return Some(4);
        }
        let part = long >= 4 && leaf.len() >= 4 && (leaf.starts_with(&self.leaf) || self.leaf.starts_with(leaf));
        part.then_some(7)
    }

    /// Scores the same name in another place, the nearer the better.
    fn elsewhere(&self, leaf: &str, above: &[&str], parent: &[String], common: bool, scalar: bool) -> Option<usize> {
        let head = above.iter().zip(parent).take_while(|(a, b)| a == b).count();
        let tail =
            above.iter().rev().zip(parent.iter().rev()).take_while(|(a, b)| stem(&fold(a)) == stem(&fold(b))).count();
        if leaf == self.leaf && (!common || tail > 0) {
            let steps = (above.len() + parent.len()).saturating_sub(2 * (head + tail));
            return Some(4 + steps);
        }
        // `worker.replicas` where the chart counts in `server.workers`.
        let owner = parent.last().map(|key| fold(key))?;
        let counts = scalar && stem(&owner) == stem(leaf) && owner != *leaf && same_thing("replicas", &self.leaf);
        counts.then_some(4)
    }

    /// Scores the same words with dots in other places: `sparkJobNamespace` for `spark.jobNamespaces`,
    /// `enableWebhook` for `webhook.enable`.
    fn other_split(&self, candidate: &[&str]) -> Option<usize> {
        if candidate.len() == self.path.len() || self.joined.len() < 6 {
            return None;
        }
        if words(candidate.iter().copied()) == self.words {
            return Some(2);
        }
        let joined: String = candidate.iter().map(|key| fold(key)).collect();
        if joined.len().abs_diff(self.joined.len()) > 2 {
            return None;
        }
        let distance = strsim::damerau_levenshtein(&self.joined, &joined);
        (distance <= 2).then_some(1 + distance)
    }
}

/// Returns a penalty for a place where the unknown value itself would not fit.
fn misfit(tree: &Tree, id: Id, value: &Value) -> usize {
    let node = tree.node(id);
    let Value::Map(map) = value else {
        let wants_map = node.shape == Shape::Map || !node.kids.is_empty();
        return if wants_map && *value != Value::Null { 4 } else { 0 };
    };
    let fits = |(key, value): &(&Arc<str>, &Value)| match node.kid(key) {
        Some(kid) => misfit(tree, kid, value) == 0,
        None => node.kind == Kind::Open && node.shape == Shape::Any && node.kids.is_empty(),
    };
    match map.iter().filter(fits).count() {
        count if count == map.len() => 0,
        0 => 4,
        _ => 2,
    }
}

/// Returns a path with dots between the keys; a literal dot is written `\.`.
fn dotted(path: &[&str]) -> String {
    path.iter().map(|key| key.replace('.', "\\.")).collect::<Vec<_>>().join(".")
}

/// Returns the words of a path's keys in alphabetical order: `maxMemory` is `max` and `memory`.
fn words<'a>(keys: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for key in keys {
        let mut fresh = true;
        for letter in key.chars() {
            let starts = letter.is_uppercase() || fresh;
            fresh = !letter.is_alphanumeric();
            if fresh {
                continue;
            }
            if starts || words.is_empty() {
                words.push(String::new());
            }
            if let Some(word) = words.last_mut() {
                word.extend(letter.to_lowercase());
            }
        }
    }
    words.sort();
    words
}

fn fold(key: &str) -> String {
    key.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn stem(folded: &str) -> &str {
    folded.strip_suffix('s').unwrap_or(folded)
}

fn same_thing(a: &str, b: &str) -> bool {
    SAME_THING.iter().any(|words| words.contains(&a) && words.contains(&b))
}
