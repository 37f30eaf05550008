//! List items matched by what identifies them, not by where they stand.

use std::collections::BTreeMap;

use crate::manifest::value::Value;
use similar::{Algorithm, DiffOp, capture_diff_slices};

/// The fields that identify an item, the first that all items have with distinct values.
///
/// The first ones are the merge keys of the Kubernetes API
/// (<https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy>: `x-kubernetes-list-map-keys`);
/// then those of the custom resources a platform uses.
const KEYS: &[&[&str]] = &[
    &["name"],
    &["containerPort", "protocol"],
    &["port", "protocol"],
    &["key"],
    &["mountPath"],
    &["devicePath"],
    &["topologyKey"],
    &["ip"],
    &["host"],
    &["hostname"],
    &["secretKey"],
    &["id"],
    &["uid"],
    &["alert"],
    &["record"],
    &["job_name"],
    &["ref"],
    &["path"],
    &["repoURL"],
];

/// Lists whose order means nothing: keyed ones by Kubernetes, plain ones because they are sets.
const UNORDERED: &[&str] = &[
    "accessModes",
    "apiGroups",
    "apiVersions",
    "data",
    "dnsNames",
    "finalizers",
    "hostnames",
    "hosts",
    "imagePullSecrets",
    "nonResourceURLs",
    "ports",
    "resourceNames",
    "resources",
    "secrets",
    "sourceRepos",
    "subjects",
    "syncOptions",
    "tolerations",
    "verbs",
    "volumeMounts",
    "volumes",
];

/// Longer lists without keys, after equal ends are cut, are compared as bags.
const LONGEST: usize = 2000;

/// How the items of two lists belong together.
pub struct Matching {
    /// What to write between brackets, the old item and the new one.
    pub items: Vec<(String, Option<usize>, Option<usize>)>,
    /// The names in old and new order, when these differ and the order means something.
    pub order: Option<(Vec<String>, Vec<String>)>,
}

/// Matches the items of two lists that stand under `key`.
pub fn matching(key: &str, old: &[Value], new: &[Value]) -> Matching {
    let is_unordered = UNORDERED.contains(&key);
    if let Some((old_names, new_names)) = KEYS.iter().find_map(|keys| Some((names(keys, old)?, names(keys, new)?))) {
        return keyed(&old_names, &new_names, is_unordered);
    }
    let (old, new) = interned(old, new);
    let items = if is_unordered { bag(&old, &new, 0) } else { sequence(&old, &new) };
    Matching { items, order: None }
}

/// Returns the identity of each item, when all have one and no two the same.
fn names(keys: &[&str], list: &[Value]) -> Option<Vec<String>> {
    let mut seen = std::collections::BTreeSet::new();
    list.iter()
        .map(|item| {
            let map = item.as_map()?;
            let mut parts = vec![format!("{}={}", keys[0], scalar(map.get(keys[0])?)?)];
            for key in &keys[1..] {
                if let Some(value) = map.get(*key).and_then(scalar) {
                    parts.push(format!("{key}={value}"));
                }
            }
            Some(parts.join(","))
        })
        .map(|name| name.filter(|name| seen.insert(name.clone())))
        .collect()
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Str(s) => Some(s.to_string()),
        Value::Int(i) => Some(i.to_string()),
        _ => None,
    }
}

fn keyed(old: &[String], new: &[String], is_unordered: bool) -> Matching {
    let position = |list: &[String]| -> BTreeMap<String, usize> {
        list.iter().enumerate().map(|(n, name)| (name.clone(), n)).collect()
    };
    let (old_at, new_at) = (position(old), position(new));
    let mut items: Vec<_> = old.iter().enumerate().map(|(n, k)| (k.clone(), Some(n), new_at.get(k).copied())).collect();
    items.extend(
        new.iter().enumerate().filter(|(_, k)| !old_at.contains_key(*k)).map(|(n, k)| (k.clone(), None, Some(n))),
    );
    let common = |list: &[String], other: &BTreeMap<String, usize>| -> Vec<String> {
        list.iter().filter(|name| other.contains_key(*name)).cloned().collect()
    };
    let (before, after) = (common(old, &new_at), common(new, &old_at));
    let order = (!is_unordered && before != after).then_some((before, after));
    Matching { items, order }
}

/// Gives equal items equal numbers.
fn interned(old: &[Value], new: &[Value]) -> (Vec<usize>, Vec<usize>) {
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    let mut number = |value: &Value| {
        let next = numbers.len();
        *numbers.entry(serde_json::to_string(value).unwrap_or_default()).or_insert(next)
    };
    let old = old.iter().map(&mut number).collect();
    (old, new.iter().map(number).collect())
}

/// Items on one side only, wherever they stand.
fn bag(old: &[usize], new: &[usize], offset: usize) -> Vec<(String, Option<usize>, Option<usize>)> {
    let mut places: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (n, number) in new.iter().enumerate().rev() {
        places.entry(*number).or_default().push(n);
    }
    let mut taken = vec![false; new.len()];
    let mut items = Vec::new();
    for (n, number) in old.iter().enumerate() {
        match places.get_mut(number).and_then(Vec::pop) {
            Some(m) => taken[m] = true,
            None => items.push((String::new(), Some(n + offset), None)),
        }
    }
    let added = taken.iter().enumerate().filter(|(_, taken)| !**taken);
    items.extend(added.map(|(n, _)| (String::new(), None, Some(n + offset))));
    items
}

/// Items by the longest common subsequence; replaced ones are matched one to one.
fn sequence(old: &[usize], new: &[usize]) -> Vec<(String, Option<usize>, Option<usize>)> {
    let prefix = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (a, b) = (&old[prefix..], &new[prefix..]);
    let suffix = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[..a.len() - suffix], &b[..b.len() - suffix]);
    if a.len().max(b.len()) > LONGEST {
        return bag(a, b, prefix);
    }
    let mut items = Vec::new();
    for op in capture_diff_slices(Algorithm::Myers, a, b) {
        if matches!(op, DiffOp::Equal { .. }) {
            continue;
        }
        let (olds, news) = (op.old_range(), op.new_range());
        for n in 0..olds.len().max(news.len()) {
            let old = (n < olds.len()).then(|| olds.start + n + prefix);
            let new = (n < news.len()).then(|| news.start + n + prefix);
            items.push((new.or(old).unwrap_or_default().to_string(), old, new));
        }
    }
    items
}
