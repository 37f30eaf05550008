//! `broken-secret-reference`: an object that waits for a Secret which nothing makes.
//!
//! Charts and operators make Secrets that cannot be seen here, so a finding needs more than an unknown name: a Secret of
//! a similar name beside it, one of the same name in another namespace, or a namespace in which nothing else lives.

use std::collections::{BTreeMap, BTreeSet};

use super::{Context, Findings, at_object};
use crate::code;
use crate::diag::{Diagnostic, near, quoted_list};
use crate::manifest::kinds;
use crate::manifest::object::Object;
use crate::manifest::value::{Map, Value};

code!(
    BROKEN_SECRET_REFERENCE,
    "broken-secret-reference",
    "an object refers to a Secret that nothing creates",
    "its pods would never start",
    "secretKeyRef: { name: portal-dp, key: password }",
    "secretKeyRef: { name: portal-db, key: password }"
);

/// What is known of a namespace.
#[derive(Default)]
struct Namespace<'a> {
    secrets: BTreeSet<&'a str>,
    /// Whether a chart or an operator may make Secrets that cannot be seen.
    unseen: bool,
}

/// Checks the references of every workload.
pub fn check(context: &Context<'_>, findings: &mut Findings) {
    let known = known(context);
    let mut elsewhere: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for ((cluster, namespace), entry) in &known {
        elsewhere.extend(entry.secrets.iter().map(|name| ((*cluster, *name), *namespace)));
    }
    let nothing = Namespace::default();
    for made in context.made() {
        let cluster = made.target.cluster.as_str();
        for lowered in made.objects().filter(|l| kinds::is_builtin(l.object.api_version())) {
            let namespace = lowered.object.namespace();
            let mut names = BTreeSet::new();
            references(lowered.object.map(), &mut names);
            let here = known.get(&(cluster, namespace)).unwrap_or(&nothing);
            for name in names.into_iter().filter(|name| !here.secrets.contains(name)) {
                let near = near(name, here.secrets.iter().copied());
                let other = elsewhere.get(&(cluster, name));
                // The names in what a chart makes are the chart's own, so one that is similar is no slip of anybody's.
                if (near.is_empty() || lowered.origin.is_chart()) && other.is_none() && here.unseen {
                    continue;
                }
                let message = format!(
                    "{} `{}` refers to Secret `{name}` in namespace `{namespace}`, but nothing creates it",
                    lowered.object.kind(),
                    lowered.object.name()
                );
                let diagnostic = at_object(Diagnostic::warning(&BROKEN_SECRET_REFERENCE, message), lowered, "");
                let diagnostic = match (near.is_empty(), other) {
                    (false, _) => diagnostic.help(format!("did you mean {}?", quoted_list(near, "or"))),
                    (true, Some(other)) => diagnostic.note(format!(
                        "namespace `{other}` has a Secret of that name, but Secrets cannot be read across namespaces"
                    )),
                    (true, None) => diagnostic.help("declare it under `secrets` of the component"),
                };
                findings.object(&made, lowered, diagnostic);
            }
        }
    }
}

/// Returns what is known of each (cluster, namespace).
fn known<'a>(context: &Context<'a>) -> BTreeMap<(&'a str, &'a str), Namespace<'a>> {
    let mut known: BTreeMap<(&str, &str), Namespace<'_>> = BTreeMap::new();
    for (target, manifests) in context.platform.targets.iter().zip(&context.manifests.targets) {
        for (namespace, name) in manifests.kept.keys() {
            known.entry((&target.cluster, namespace)).or_default().secrets.insert(name);
        }
        for instance in target.instances.values() {
            let entry = known.entry((&target.cluster, &instance.namespace)).or_default();
            entry.unseen |= instance.chart.is_some() || instance.definition.source.is_some();
        }
    }
    for made in context.made() {
        for lowered in made.objects() {
            let object = &lowered.object;
            let entry = known.entry((made.target.cluster.as_str(), object.namespace())).or_default();
            match makes(object) {
                Some(names) => entry.secrets.extend(names),
                // An operator may make a Secret for any object of its own kinds.
                None => entry.unseen |= !kinds::is_builtin(object.api_version()) && !QUIET.contains(&object.kind()),
            }
        }
    }
    known
}

/// Custom kinds of which nothing is made that has a name of its own.
pub(super) const QUIET: &[&str] = &[
    "ServiceMonitor",
    "PodMonitor",
    "PrometheusRule",
    "HTTPRoute",
    "IngressRoute",
    "Route",
    "Gateway",
    "BackendTLSPolicy",
    "ServersTransport",
];

/// Returns the Secrets that an object makes, when that is known of its kind.
fn makes(object: &Object) -> Option<Vec<&str>> {
    let text = |path: &[&str]| object.value().at(path).and_then(Value::as_str);
    match object.kind() {
        "ExternalSecret" => Some(vec![text(&["spec", "target", "name"]).unwrap_or(object.name())]),
        "Secret" | "SealedSecret" | "ObjectBucketClaim" => Some(vec![object.name()]),
        "Certificate" => Some(text(&["spec", "secretName"]).into_iter().collect()),
        // cert-manager's ingress-shim makes the Secrets that an Ingress names.
        "Ingress" => {
            let tls = object.value().at(&["spec", "tls"]).and_then(Value::as_list).unwrap_or(&[]);
            Some(tls.iter().filter_map(|entry| entry.get("secretName")?.as_str()).collect())
        }
        _ => None,
    }
}

/// Gathers the names of Secrets that a workload refers to and cannot do without.
fn references<'a>(map: &'a Map, names: &mut BTreeSet<&'a str>) {
    for (key, value) in map {
        match (&**key, value) {
            ("secretKeyRef" | "secretRef", Value::Map(reference)) => add(reference, "name", names),
            ("secret", Value::Map(reference)) => add(reference, "secretName", names),
            (_, Value::Map(inner)) => references(inner, names),
            (_, Value::List(list)) => list.iter().filter_map(Value::as_map).for_each(|item| references(item, names)),
            _ => {}
        }
    }
}

fn add<'a>(reference: &'a Map, key: &str, names: &mut BTreeSet<&'a str>) {
    if reference.get("optional").and_then(Value::as_bool) != Some(true)
        && let Some(name) = reference.get(key).and_then(Value::as_str)
    {
        names.insert(name);
    }
}
