//! Removed here and added there: resources that move between files, and those that get a new name.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::manifest::value::Value;

use super::Subject;
use super::items::Item;
use super::place::Side;

/// Two resources are one under a new name when this share of their content is equal, in percent.
const ALIKE_PERCENT: usize = 80;
/// Smaller resources are alike by chance.
const LEAST_LEAVES: usize = 3;
/// More combinations of one kind are not tried.
const MOST_COMBINATIONS: usize = 10_000;

/// What is compared: the two states of one resource, or one state and its other name.
pub struct Pair<'a> {
    pub old: Option<&'a Item<'a>>,
    pub new: Option<&'a Item<'a>>,
    /// The resource under its other name: the removed one of an added, the added one of a removed.
    pub renamed: Option<&'a Item<'a>>,
}

type Half<'a> = (Option<&'a Item<'a>>, Option<&'a Item<'a>>);

/// Brings together what was matched by identity, what moved and what was renamed.
pub fn pair<'a>(matched: Vec<Half<'a>>, targets: &BTreeMap<String, BTreeSet<String>>) -> Vec<Pair<'a>> {
    let mut pairs = Vec::new();
    let (mut removed, mut added) = (Vec::new(), Vec::new());
    for half in matched {
        match half {
            (Some(old), None) if is_object(old) => removed.push(old),
            (None, Some(new)) if is_object(new) => added.push(new),
            (old, new) => pairs.push(Pair { old, new, renamed: None }),
        }
    }
    moves(&mut removed, &mut added, targets, &mut pairs);
    renames(&mut removed, &mut added, &mut pairs);
    pairs.extend(removed.into_iter().map(|old| Pair { old: Some(old), new: None, renamed: None }));
    pairs.extend(added.into_iter().map(|new| Pair { old: None, new: Some(new), renamed: None }));
    pairs
}

fn is_object(item: &Item) -> bool {
    matches!(item.key.subject, Subject::Object(_))
}

/// Pairs a resource with itself in another folder, and one of the base with itself in every target.
fn moves<'a>(
    removed: &mut Vec<&'a Item<'a>>,
    added: &mut Vec<&'a Item<'a>>,
    targets: &BTreeMap<String, BTreeSet<String>>,
    pairs: &mut Vec<Pair<'a>>,
) {
    let mut by_subject: BTreeMap<&Subject, (Vec<&'a Item<'a>>, Vec<&'a Item<'a>>)> = BTreeMap::new();
    for item in removed.drain(..) {
        by_subject.entry(&item.key.subject).or_default().0.push(item);
    }
    for item in added.drain(..) {
        by_subject.entry(&item.key.subject).or_default().1.push(item);
    }
    let covers = |folder: &str, items: &[&Item]| {
        let is_there = |target: &String| {
            items.iter().any(|i| i.place.folder == folder && i.place.side == Side::Target(target.clone()))
        };
        targets.get(folder).is_some_and(|targets| targets.iter().all(is_there))
    };
    for (mut olds, mut news) in by_subject.into_values() {
        olds.retain(|old| match news.iter().position(|new| new.place.side == old.place.side) {
            Some(n) => {
                pairs.push(Pair { old: Some(old), new: Some(news.remove(n)), renamed: None });
                false
            }
            None => true,
        });
        match (&*olds, &*news) {
            ([base], _) if base.place.side == Side::Base && covers(&base.place.folder, &news) => {
                let base = *base;
                pairs.extend(news.drain(..).map(|new| Pair { old: Some(base), new: Some(new), renamed: None }));
                olds.clear();
            }
            (_, [base]) if base.place.side == Side::Base && covers(&base.place.folder, &olds) => {
                let base = *base;
                pairs.extend(olds.drain(..).map(|old| Pair { old: Some(old), new: Some(base), renamed: None }));
                news.clear();
            }
            _ => {}
        }
        removed.extend(olds);
        added.extend(news);
    }
}

/// Pairs removed and added resources of one kind and target by their content, the most alike first.
fn renames<'a>(removed: &mut Vec<&'a Item<'a>>, added: &mut Vec<&'a Item<'a>>, pairs: &mut Vec<Pair<'a>>) {
    let mut groups: BTreeMap<_, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
    for (n, item) in removed.iter().enumerate() {
        groups.entry(group(item)).or_default().0.push(n);
    }
    for (n, item) in added.iter().enumerate() {
        groups.entry(group(item)).or_default().1.push(n);
    }
    let mut scores = Vec::new();
    for (olds, news) in groups.into_values().filter(|(olds, news)| olds.len() * news.len() <= MOST_COMBINATIONS) {
        if olds.is_empty() || news.is_empty() {
            continue;
        }
        let fingerprints: Vec<Vec<u64>> = news.iter().map(|n| leaves(added[*n])).collect();
        for old in olds {
            let leaves = leaves(removed[old]);
            for (new, others) in news.iter().zip(&fingerprints) {
                let percent = alike_percent(&leaves, others);
                if percent >= ALIKE_PERCENT {
                    scores.push((std::cmp::Reverse(percent), old, *new));
                }
            }
        }
    }
    scores.sort_unstable();
    let (mut gone, mut come) = (BTreeSet::new(), BTreeSet::new());
    for (_, old, new) in scores {
        if gone.contains(&old) || come.contains(&new) {
            continue;
        }
        gone.insert(old);
        come.insert(new);
        pairs.push(Pair { old: Some(removed[old]), new: None, renamed: Some(added[new]) });
        pairs.push(Pair { old: None, new: Some(added[new]), renamed: Some(removed[old]) });
    }
    let mut n = 0;
    removed.retain(|_| (!gone.contains(&n), n += 1).0);
    let mut n = 0;
    added.retain(|_| (!come.contains(&n), n += 1).0);
}

fn group<'a>(item: &'a Item) -> Option<(&'a str, &'a str, &'a Side)> {
    item.key.subject.object().map(|id| (&*id.group, &*id.kind, &item.place.side))
}

/// Returns how much of two resources is equal, in percent.
fn alike_percent(a: &[u64], b: &[u64]) -> usize {
    if a.len().min(b.len()) < LEAST_LEAVES {
        return 0;
    }
    let (mut i, mut j, mut equal) = (0, 0, 0);
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        equal += usize::from(x == y);
        (i, j) = (i + usize::from(x <= y), j + usize::from(y <= x));
    }
    200 * equal / (a.len() + b.len())
}

/// Returns sorted digests of all scalars with their paths, without those that make the identity.
///
/// The resource's own name is taken out of the values, because its labels and selectors repeat it.
fn leaves(item: &Item) -> Vec<u64> {
    let mut out = Vec::new();
    let name = item.key.subject.object().map_or("", |id| &id.name);
    if let Some(value) = &item.value {
        walk(value, &mut Vec::new(), name, &mut out);
    }
    out.sort_unstable();
    out
}

fn walk<'v>(value: &'v Value, path: &mut Vec<&'v str>, name: &str, out: &mut Vec<u64>) {
    match value {
        Value::Map(map) => {
            for (key, value) in map {
                path.push(key);
                if !matches!(path[..], ["apiVersion" | "kind"] | ["metadata", "name" | "namespace"]) {
                    walk(value, path, name, out);
                }
                path.pop();
            }
        }
        Value::List(list) => list.iter().for_each(|value| walk(value, path, name, out)),
        scalar => {
            let mut hasher = DefaultHasher::new();
            path.hash(&mut hasher);
            match scalar {
                Value::Str(s) => s.replace(name, "").hash(&mut hasher),
                other => serde_json::to_string(other).unwrap_or_default().hash(&mut hasher),
            }
            out.push(hasher.finish());
        }
    }
}
