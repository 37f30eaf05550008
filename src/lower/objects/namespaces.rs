//! Namespaces as a unit of their own, never pruned: whoever lives in one, nobody takes it away.

use std::collections::BTreeMap;

use super::edges;
use super::externals;
use crate::catalog::Stage;
use crate::diag::Span;
use crate::lower::{Added, ComponentManifests, Lowering, TargetManifests};
use crate::manifest::value::{Map, Value};
use crate::settings::Text;
use crate::settings::group::Namespace;

/// Name of the unit.
pub const UNIT: &str = crate::resolve::reserved::NAMESPACES;

/// Namespaces that every cluster has.
const BUILT_IN: &[&str] = &["default", "kube-system", "kube-public", "kube-node-lease"];

/// Adds the unit with every namespace that the target's components live in.
pub fn add(lowering: &Lowering<'_>, out: &TargetManifests) -> Added {
    let nothing = Namespace::default();
    let settings = &lowering.target.settings.namespaces;
    let mut namespaces: BTreeMap<&str, (Span, &str)> = BTreeMap::new();
    for instance in lowering.target.instances.values() {
        let level = instance.definition.pod_security.as_deref().unwrap_or("baseline");
        let entry = namespaces.entry(&instance.namespace).or_insert((instance.span, "restricted"));
        if openness(level) > openness(entry.1) {
            entry.1 = level;
        }
    }
    for (_, namespace, span) in externals::services(lowering.target) {
        namespaces.entry(namespace).or_insert((span, "baseline"));
    }
    let own = out.components.get(edges::UNIT).map(|unit| unit.stages.clone()).unwrap_or_default();
    for lowered in own.values().flatten().filter(|l| l.origin.template.is_some() && !l.object.namespace().is_empty()) {
        namespaces.entry(lowered.object.namespace()).or_insert((lowered.origin.span, "baseline"));
    }
    let shared = lowering.platform.shared_of(lowering.target);
    let theirs = |name: &str| shared.is_some_and(|t| t.instances.values().any(|i| i.namespace == name));
    let mut unit = ComponentManifests::default();
    for (name, (span, level)) in namespaces {
        let own = settings.get(name).unwrap_or(&nothing);
        if own.existing || BUILT_IN.contains(&name) || theirs(name) {
            continue;
        }
        // kubernetes.io/docs/concepts/security/pod-security-admission
        let level = own.pod_security.map_or(level, |level| level.name());
        let mut labels = Map::from_iter([("pod-security.kubernetes.io/enforce".into(), Value::from(level))]);
        labels.extend(texts(&own.labels));
        let quota = own.quota.iter().flatten().map(|(key, limit)| (key.as_str().into(), Value::from(limit.0.as_str())));
        let inputs = [
            ("name", name.into()),
            ("labels", Value::Map(labels)),
            ("annotations", Value::Map(texts(&own.annotations).collect())),
            ("quota", Value::Map(quota.collect())),
        ];
        unit.stages.entry(Stage::Release).or_default().extend(lowering.make("namespace", inputs, span));
    }
    Added::unit(UNIT, unit)
}

fn openness(level: &str) -> u8 {
    match level {
        "restricted" => 0,
        "baseline" => 1,
        _ => 2,
    }
}

fn texts(all: &indexmap::IndexMap<String, Text>) -> impl Iterator<Item = (std::sync::Arc<str>, Value)> {
    all.iter().map(|(key, text)| (key.as_str().into(), Value::from(text)))
}
