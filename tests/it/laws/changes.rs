//! Laws of two trees: a change of platform.toml changes what it says, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use lakegen::manifest::value::Value;
use lakegen::manifest::yaml;

use super::draw;
use super::kept::Broken;
use super::kit::kit;
use super::subject::Subject;

/// The order of tables and keys in platform.toml does not show.
pub fn order_does_not_show(subject: &Subject) -> Vec<Broken> {
    let Some(document) = &subject.document else { return vec![] };
    let other = subject.with(&document.reversed());
    if !other.is_ok() {
        return vec![format!("backwards it does not compile: {}", other.findings().lines().next().unwrap_or_default())];
    }
    differing(subject, &other, |_| true)
}

/// Returns the paths of files that are not the same in both trees.
fn differing(one: &Subject, other: &Subject, counts: impl Fn(&str) -> bool) -> Vec<Broken> {
    let (first, second): (BTreeMap<&str, &str>, BTreeMap<&str, &str>) = (one.tree().collect(), other.tree().collect());
    let paths: BTreeSet<&str> = first.keys().chain(second.keys()).copied().filter(|path| counts(path)).collect();
    let differ = |path: &&str| first.get(path) != second.get(path);
    paths
        .into_iter()
        .filter(differ)
        .map(|path| format!("{path} differs{}", first_line(first.get(path), second.get(path))))
        .collect()
}

fn first_line(one: Option<&&str>, other: Option<&&str>) -> String {
    let (Some(one), Some(other)) = (one, other) else { return ": it is in one of the trees only".into() };
    let pair = one.lines().zip(other.lines()).find(|(a, b)| a != b);
    pair.map_or_else(String::new, |(a, b)| format!(": `{}` and `{}`", a.trim(), b.trim()))
}

/// Another engine changes the engine's folders and no workload.
pub fn the_other_engine_has_the_same_workloads(subject: &Subject) -> Vec<Broken> {
    let Some(document) = &subject.document else { return vec![] };
    let mut swapped = document.clone();
    let engine = if subject.engine() == "flux" { "argocd" } else { "flux" };
    swapped.set(&["platform", "engine"], engine);
    // What only one of them knows is not the same workload.
    for layer in [vec![], vec!["environments"], vec!["clusters"]] {
        let names: Vec<String> = swapped.table(&layer).keys().cloned().collect();
        let at: Vec<Vec<String>> = match layer.first() {
            None => vec![vec![]],
            Some(kind) => names.into_iter().map(|name| vec![(*kind).to_string(), name]).collect(),
        };
        for path in at {
            for key in ["flux", "argocd", "notify"] {
                swapped.remove(&[path.clone(), vec![key.to_string()]].concat());
            }
        }
    }
    let here = subject.with(&{
        let mut same = swapped.clone();
        same.set(&["platform", "engine"], subject.engine());
        same
    });
    let there = subject.with(&swapped);
    if !here.is_ok() || !there.is_ok() {
        return vec![];
    }
    differing(&here, &there, |path| {
        let workload = path.starts_with("components/") || path.starts_with("manifests/") || path.starts_with("dns/");
        // Argo CD is set to what it installs itself; values become ConfigMaps of Flux by a kustomization beside them.
        workload
            && !path.ends_with("/values/kustomization.yaml")
            && !path.starts_with("components/argocd/")
            && !path.starts_with("components/repositories/")
    })
}

/// Units that lakegen makes for all components together.
const TOGETHER: &[&str] = &["namespaces", "externals", "edges", "pull-secrets", "stores"];

/// A component that goes takes its own files with it, and what it asked of others; nothing else changes.
pub fn a_component_goes_with_its_own_files(subject: &Subject) -> Vec<Broken> {
    let Some(document) = &subject.document else { return vec![] };
    let names: Vec<String> = document.table(&["components"]).keys().cloned().collect();
    if names.is_empty() {
        return vec![];
    }
    let name = &names[usize::try_from(subject.salt).unwrap_or(0) % names.len()];
    let definition = document.at(&["components", name, "uses"]).and_then(|uses| uses.as_str()).unwrap_or(name);
    let brings =
        kit().catalogue.components.get(definition).is_none_or(|c| !c.apis.is_empty() || !c.provides.is_empty());
    let mut without = document.clone();
    without.remove(&["components", name]);
    // A layer that names it would be a declaration of its own.
    for kind in ["environments", "clusters"] {
        for layer in document.table(&[kind]).keys() {
            without.remove(&[kind, layer, "components", name]);
        }
    }
    let other = subject.with(&without);
    // Whoever brings kinds or offers something changes what others can have.
    if !other.is_ok() || brings {
        return vec![];
    }
    let providers = subject.providers(name);
    let kept = differing(subject, &other, |path| {
        let component = path.strip_prefix("components/").or_else(|| path.strip_prefix("manifests/"));
        let Some(component) = component.and_then(|rest| rest.split('/').find(|part| !part.is_empty())) else {
            return false;
        };
        component != name && !providers.contains(component) && !TOGETHER.contains(&component) && component != "argocd"
    });
    let left = other.tree().filter(|(path, _)| path.starts_with(&format!("components/{name}/")));
    kept.into_iter()
        .chain(left.map(|(path, _)| format!("{path} is still there")))
        .map(|text| format!("without `{name}`: {text}"))
        .collect()
}

/// Changes that may stand in a layer, each with its path below the layer: every key of the tables with fixed keys.
pub fn layer_changes(subject: &Subject) -> Vec<(Vec<String>, serde_json::Value)> {
    let Some(document) = &subject.document else { return vec![] };
    draw::changes(kit(), document, subject.salt)
}

/// What a layer of one environment or cluster says changes nothing for another.
pub fn a_layer_is_for_its_own_targets(subject: &Subject) -> Vec<Broken> {
    let changes = layer_changes(subject);
    if changes.is_empty() {
        return vec![];
    }
    let at = usize::try_from(subject.salt / 7).unwrap_or(0) % changes.len();
    layer_breaks(subject, &changes[at].0, &changes[at].1)
}

/// Says which other targets a change below one environment changes.
pub fn layer_breaks(subject: &Subject, path: &[String], value: &serde_json::Value) -> Vec<Broken> {
    let Some(document) = &subject.document else { return vec![] };
    let environments: Vec<String> = document.table(&["environments"]).keys().cloned().collect();
    if environments.len() < 2 {
        return vec![];
    }
    let environment = &environments[usize::try_from(subject.salt / 3).unwrap_or(0) % environments.len()];
    let mut full: Vec<&str> = vec!["environments", environment];
    full.extend(path.iter().map(String::as_str));
    let mut changed = document.clone();
    changed.set(&full, value.clone());
    let other = subject.with(&changed);
    if !other.is_ok() {
        return vec![];
    }
    let others = subject.targets().into_iter().filter(|(_, of, _)| *of != Some(environment.as_str()));
    let mut broken = Vec::new();
    for (target, of, _) in others {
        let (before, after) = (effective(subject, target), effective(&other, target));
        let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        // A Gateway that environments of a cluster share listens for the hosts of all of them.
        let keys = keys.into_iter().filter(|key| of.is_some() || !key.starts_with("edges "));
        for key in keys.into_iter().filter(|key| before.get(*key) != after.get(*key)).take(3) {
            let lines = |side: &BTreeMap<String, String>| side.get(key).cloned().unwrap_or_default();
            let (one, two) = (lines(&before), lines(&after));
            broken.push(format!(
                "{} = {value} changes {target}: {key}{}",
                full.join("."),
                first_line(Some(&one.as_str()), Some(&two.as_str()))
            ));
        }
    }
    broken
}

/// Returns all that an engine is told and applies for a target, whatever is shared with other targets.
fn effective(subject: &Subject, target: &str) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for part in subject.objects().into_iter().filter(|part| part.target == target) {
        all.insert(format!("{} {} {}", part.component, part.stage, part.object.id()), yaml::write(part.object.value()));
    }
    for ((of, component), values) in subject.values() {
        if of == target {
            all.insert(format!("{component} values"), yaml::write(values));
        }
    }
    for folder in ["argocd", "flux", "bootstrap"] {
        let prefix = format!("{folder}/{target}/");
        for (path, text) in subject.tree().filter(|(path, _)| path.starts_with(&prefix)) {
            let text = match path.ends_with(".yaml") {
                true => subject.documents(path).iter().map(|value| yaml::write(&neutral(value, target))).collect(),
                false => text.replace(&format!("/{target}/"), "/_/").replace("/base/", "/_/"),
            };
            all.insert(path.to_string(), text);
        }
    }
    all
}

/// Forgets whether a folder or file is the base's or the target's own.
fn neutral(value: &Value, target: &str) -> Value {
    match value {
        Value::Map(map) => Value::Map(map.iter().map(|(k, v)| (k.clone(), neutral(v, target))).collect()),
        Value::List(list) => {
            let mut distinct: Vec<Value> = Vec::new();
            for item in list.iter().map(|item| neutral(item, target)) {
                if !distinct.contains(&item) {
                    distinct.push(item);
                }
            }
            Value::List(distinct)
        }
        Value::Str(text) if text.contains("components/") => {
            Value::from(text.replace(&format!("/{target}/"), "/_/").replace("/base/", "/_/"))
        }
        Value::Str(text) => Value::from(text.replace("-values-base", "-values")),
        other => other.clone(),
    }
}
