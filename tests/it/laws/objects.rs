//! Objects that the API server would refuse, and namespaces that nobody makes.
//!
//! Facts: kubernetes.io/docs/concepts/overview/working-with-objects (names, labels, annotations), Kubernetes 1.33.

use std::collections::BTreeSet;

use lakegen::manifest::kinds;
use lakegen::manifest::object::Object;
use lakegen::manifest::value::Value;
use lakegen::parse::text::subdomain;

use super::kept::Broken;
use super::subject::Subject;

/// Groups whose names may be any path segment (apimachinery, `path.ValidatePathSegmentName`).
const FREE_NAMES: &[&str] = &["rbac.authorization.k8s.io"];

/// Kinds whose names are labels of DNS: a Service's name is one, and so is a Namespace's.
const LABEL_NAMES: &[&str] = &["Service", "Namespace"];

/// Namespaces of every cluster.
const BUILT_IN: &[&str] = &["default", "kube-system", "kube-public", "kube-node-lease", "flux-system", "argocd"];

/// Names, labels and annotations of every object, and the scope of its kind.
pub fn the_api_server_takes_every_object(subject: &Subject) -> Vec<Broken> {
    let mut broken: Vec<Broken> = Vec::new();
    // Names of runs on demand are completed when somebody asks.
    for part in subject.objects().into_iter().filter(|part| part.stage != "demand") {
        for fault in faults(part.object) {
            broken.push(format!("{} {} {}: {fault}", part.target, part.component, part.object.id()));
        }
    }
    for folder in ["argocd/", "flux/", "bootstrap/"] {
        for (path, value) in subject.below(folder) {
            let Ok(object) = Object::new(value) else { continue };
            for fault in faults(&object) {
                broken.push(format!("{path}: {fault}"));
            }
        }
    }
    broken
}

fn faults(object: &Object) -> Vec<String> {
    let mut faults = Vec::new();
    let name = object.name();
    let segment = !name.contains(['/', '%']) && name != "." && name != ".." && name.len() <= 253;
    let ok = if FREE_NAMES.contains(&object.group()) {
        segment
    } else if LABEL_NAMES.contains(&object.kind()) && object.group().is_empty() {
        subdomain(name) && !name.contains('.') && name.len() <= 63
    } else {
        subdomain(name)
    };
    if !ok {
        faults.push(format!("`{name}` is no name"));
    }
    let known = kinds::versions(object.api_version(), object.kind());
    if let Some(kind) = known.first() {
        match (kind.namespaced, object.namespace().is_empty()) {
            (true, true) => faults.push("it has no namespace".into()),
            (false, false) => faults.push("its kind has no namespaces".into()),
            _ => {}
        }
    }
    let metadata = object.value().get("metadata").cloned().unwrap_or_default();
    for (path, labels) in [("labels", true), ("annotations", false)] {
        for (key, value) in metadata.get(path).and_then(Value::as_map).into_iter().flatten() {
            if !qualified(key) {
                faults.push(format!("`{key}` is no key of {path}"));
            }
            match value.as_str() {
                None => faults.push(format!("{path} `{key}` is not a text")),
                Some(text) if labels && !label_value(text) => {
                    faults.push(format!("`{text}` is no value of label `{key}`"));
                }
                _ => {}
            }
        }
    }
    // What an ApplicationSet makes is a template of its controller.
    if object.kind() != "ApplicationSet" {
        selectors(object.value(), &mut faults);
    }
    faults
}

/// Labels of pod templates count like those of objects.
fn selectors(value: &Value, faults: &mut Vec<String>) {
    for path in [&["spec", "template", "metadata", "labels"][..], &["spec", "selector", "matchLabels"]] {
        for (key, value) in value.at(path).and_then(Value::as_map).into_iter().flatten() {
            if !qualified(key) || !value.as_str().is_some_and(label_value) {
                faults.push(format!("`{key}: {value:?}` is no label"));
            }
        }
    }
}

fn qualified(key: &str) -> bool {
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    prefix.is_none_or(subdomain) && !name.is_empty() && label_value(name)
}

fn label_value(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    let edge = |b: Option<u8>| b.is_none_or(|b| b.is_ascii_alphanumeric());
    text.len() <= 63 && text.bytes().all(inner) && edge(text.bytes().next()) && edge(text.bytes().next_back())
}

/// Every namespace that an object lives in is made by the tree, or the platform says that it is there.
pub fn every_namespace_is_there(subject: &Subject) -> Vec<Broken> {
    let mut there: BTreeSet<(String, String)> = BTreeSet::new();
    let clusters: Vec<(&str, Option<&str>, &str)> = subject.targets();
    let cluster =
        |target: &str| clusters.iter().find(|(name, ..)| *name == target).map_or("", |(.., cluster)| *cluster);
    for (_, environment, cluster) in &clusters {
        if let Some(document) = &subject.document {
            let layered = document.layered(environment.unwrap_or_default(), cluster);
            for (name, table) in layered.table(&["namespaces"]) {
                if table.get("existing").and_then(serde_json::Value::as_bool) == Some(true) {
                    there.insert(((*cluster).to_string(), name));
                }
            }
            let edges = layered.table(&["edges"]);
            let named = edges.values().filter_map(|edge| edge.get("namespace")?.as_str().map(String::from));
            let engine = layered.at(&["argocd", "namespace"]).and_then(|n| n.as_str().map(String::from));
            there.extend(named.chain(engine).map(|name| ((*cluster).to_string(), name)));
        }
    }
    for part in subject.objects().iter().filter(|p| p.object.kind() == "Namespace" && p.object.group().is_empty()) {
        there.insert((cluster(part.target).to_string(), part.object.name().to_string()));
    }
    let mut broken = Vec::new();
    for part in subject.objects() {
        let namespace = part.object.namespace();
        let known = namespace.is_empty()
            || BUILT_IN.contains(&namespace)
            || there.contains(&(cluster(part.target).to_string(), namespace.to_string()));
        if !known && subject.document.is_some() {
            broken.push(format!("{} {}: {} lives in `{namespace}`", part.target, part.component, part.object.id()));
        }
    }
    broken
}
