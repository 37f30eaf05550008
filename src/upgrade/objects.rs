//! Objects of a component × the same → changes with their risk, by [`crate::diff`].
//!
//! What is the same in all targets is said once. Left out, and counted: labels of an object that only name the chart's
//! version, and what a definition's schema says field by field. A value that is another one at each render is not
//! compared.

use std::collections::{BTreeMap, BTreeSet};

use super::{Half, Pair, inflated};
use crate::diff::{self, Change, Changes, Hidden, Options, Side};
use crate::emit::Tree;
use crate::helm::inflate::{Inflated, Rotating};
use crate::manifest::value::Value;
use crate::manifest::yaml;

/// Stands for what another render would fill otherwise.
const ROTATING: &str = "(changes on every render)";
/// Labels by which charts name their version (helm.sh/docs/chart_best_practices/labels, and the older `chart`).
const VERSION_LABELS: &[&str] = &["helm.sh/chart", "chart", "app.kubernetes.io/version"];

/// Kind, namespace and name, with the API group first.
type Id = (String, String, String, String);
/// Objects by identity.
type ById = BTreeMap<Id, Made>;

/// An object with the template that made it.
struct Made {
    template: String,
    value: Value,
}

/// Before and after.
type Both<'m> = (Option<&'m Made>, Option<&'m Made>);

/// Compares the objects of all targets whose charts could be rendered on both sides.
pub fn compare(component: &str, pairs: &[Pair<'_>]) -> Changes {
    let mut labels = 0;
    let mut sides: Vec<(&str, ById, ById)> = Vec::new();
    for pair in pairs.iter().filter(|pair| pair.old.failure().is_none() && pair.new.failure().is_none()) {
        let (mut old, mut new) = (objects(&pair.old), objects(&pair.new));
        for (id, new) in &mut new {
            if let Some(old) = old.get_mut(id)
                && settle(&mut old.value, &new.value)
            {
                labels += 1;
            }
        }
        sides.push((pair.name, old, new));
    }
    let ids: BTreeSet<&Id> = sides.iter().flat_map(|(_, old, new)| old.keys().chain(new.keys())).collect();
    let (mut before, mut after) = (Tree::default(), Tree::default());
    let mut templates = BTreeMap::new();
    for (number, id) in ids.into_iter().enumerate() {
        let both: Vec<(&str, Both<'_>)> =
            sides.iter().map(|(target, old, new)| (*target, (old.get(id), new.get(id)))).collect();
        let value = |made: Option<&Made>| made.map(|made| made.value.clone());
        let Some((_, first)) = both.first() else { continue };
        let is_same =
            both.iter().all(|(_, other)| value(first.0) == value(other.0) && value(first.1) == value(other.1));
        let shown: Vec<(&str, Both<'_>)> = if is_same { vec![("base", *first)] } else { both.clone() };
        for (folder, (old, new)) in shown {
            let path = format!("components/{component}/{folder}/release/{number:05}.yaml");
            for (tree, made) in [(&mut before, old), (&mut after, new)] {
                if let Some(made) = made {
                    let text = yaml::write(&made.value);
                    tree.add(&path, text.into_bytes()).expect("each path is written once");
                    templates.insert(path.clone(), made.template.clone());
                }
            }
        }
    }
    let targets: Vec<String> = sides.iter().map(|(target, ..)| (*target).to_owned()).collect();
    finish(diff::diff(&before, &after, Options::default()), &targets, &templates, labels)
}

/// Gives changes the names that a reader knows.
fn finish(mut changes: Changes, targets: &[String], templates: &BTreeMap<String, String>, labels: usize) -> Changes {
    for change in &mut changes.resources {
        if let Some(template) = templates.get(&change.file) {
            change.file.clone_from(template);
        }
        if change.side == Side::Base {
            change.targets = targets.to_vec();
        }
        let is_definition = change.subject.object().is_some_and(|id| &*id.kind == "CustomResourceDefinition");
        if is_definition {
            let all = change.hunks.len();
            change.hunks.retain(|hunk| !hunk.path.contains(".schema."));
            change.more_hunks += all - change.hunks.len();
        }
    }
    merge(&mut changes, targets);
    if labels > 0 {
        changes.hidden.push(Hidden {
            rule: "version-labels",
            what: "objects where only version labels differ",
            count: labels,
        });
    }
    changes
}

/// Says once what changes alike in all targets, though the objects themselves differ.
fn merge(changes: &mut Changes, targets: &[String]) {
    fn alike(a: &Change, b: &Change) -> bool {
        (&a.subject, a.action, &a.hunks, a.more_hunks, a.counts, &a.risk, &a.renamed)
            == (&b.subject, b.action, &b.hunks, b.more_hunks, b.counts, &b.risk, &b.renamed)
    }
    let mut merged: Vec<Change> = Vec::new();
    for change in std::mem::take(&mut changes.resources) {
        match merged.iter_mut().find(|other| other.side != Side::Base && alike(other, &change)) {
            Some(other) => other.targets.extend(change.targets),
            None => merged.push(change),
        }
    }
    for change in &mut merged {
        if change.targets.len() == targets.len() {
            change.side = Side::Base;
        } else if change.targets.len() > 1 {
            change.side = Side::Target(change.targets.join(", "));
        }
    }
    changes.resources = merged;
}

/// Returns what a component's charts make; the later one counts when two are the same.
fn objects(half: &Half<'_>) -> BTreeMap<Id, Made> {
    let mut all = BTreeMap::new();
    for inflated in half.inflations().filter_map(inflated) {
        for item in inflated.items() {
            let mut value = item.document.value.clone();
            let text = |path: &[&str]| value.at(path).and_then(Value::as_str).unwrap_or_default().to_owned();
            let version = text(&["apiVersion"]);
            let group = version.rsplit_once('/').map_or("", |(group, _)| group).to_owned();
            let id = (group, text(&["kind"]), text(&["metadata", "namespace"]), text(&["metadata", "name"]));
            let rotating = rotating(inflated, &id);
            if !rotating.is_empty() {
                still(&mut value, &mut String::new(), &rotating);
            }
            all.insert(id, Made { template: item.template.clone(), value });
        }
    }
    all
}

/// Returns the paths of an object that another render would fill otherwise.
fn rotating<'i>(inflated: &'i Inflated, (_, kind, namespace, name): &Id) -> BTreeSet<&'i str> {
    let is_of = |field: &&Rotating| (&field.kind, &field.namespace, &field.name) == (kind, namespace, name);
    inflated.rotating.iter().filter(is_of).map(|field| field.path.as_str()).collect()
}

/// Puts one word in the place of what rotates. Paths are those of [`Rotating::path`].
fn still(value: &mut Value, path: &mut String, rotating: &BTreeSet<&str>) {
    if rotating.contains(path.trim_start_matches('.')) {
        *value = Value::from(ROTATING);
        return;
    }
    let length = path.len();
    match value {
        Value::Map(map) => {
            for (key, inner) in map.iter_mut() {
                path.push_str(&format!(".{key}"));
                still(inner, path, rotating);
                path.truncate(length);
            }
        }
        Value::List(list) => {
            for (index, inner) in list.iter_mut().enumerate() {
                path.push_str(&format!("[{index}]"));
                still(inner, path, rotating);
                path.truncate(length);
            }
        }
        _ => {}
    }
}

/// Takes over the labels of the new object that name a version, and says whether that changed anything. Labels of pods and
/// of volume claims stay: the first restart pods, the second cannot change.
fn settle(old: &mut Value, new: &Value) -> bool {
    let mut changed = false;
    for label in VERSION_LABELS {
        let path = ["metadata", "labels", *label];
        if let (Some(before), Some(after)) = (old.at(&path), new.at(&path))
            && before != after
        {
            let after = after.clone();
            old.set(&path, after);
            changed = true;
        }
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_labels_of_the_object_itself_are_settled() {
        let text = |version: &str| {
            yaml::read_one(&format!(
                "metadata: {{labels: {{helm.sh/chart: a-{version}, role: a}}}}\nspec: {{template: {{metadata: {{labels: {{chart: a-{version}}}}}}}}}"
            ))
            .unwrap()
        };
        let (mut old, new) = (text("1"), text("2"));
        assert!(settle(&mut old, &new));
        assert_eq!(old.at(&["metadata", "labels"]), new.at(&["metadata", "labels"]));
        assert_ne!(old.at(&["spec"]), new.at(&["spec"]));
        assert!(!settle(&mut old, &new));
    }

    #[test]
    fn what_rotates_is_one_word() {
        let mut value = yaml::read_one("data: {a.b: x, c: [1, 2]}").unwrap();
        still(&mut value, &mut String::new(), &BTreeSet::from(["data.a.b", "data.c[1]"]));
        let shown = Value::from(ROTATING);
        assert_eq!(value.at(&["data", "a.b"]), Some(&shown));
        assert_eq!(value.at(&["data", "c"]).and_then(Value::as_list), Some(&[Value::Int(1), shown][..]));
    }
}
