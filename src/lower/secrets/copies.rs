//! Secrets of one namespace that others read: through a store of their own, or copied by reflector.
//!
//! Facts: external-secrets.io v2.9 (provider/kubernetes); github.com/emberstack/kubernetes-reflector (README, annotations of the source).

use std::collections::{BTreeMap, BTreeSet};

use super::external_secret::{copy_store, external_secrets_api};
use crate::diag::{Diagnostic, Span};
use crate::lower::{Lowering, TargetManifests};
use crate::manifest::value::Value;
use crate::parse::INVALID_VALUE;
use crate::settings::secrets::CopyBy;

/// The account, right and store through which Secrets of a namespace are read from others.
pub fn copies(
    lowering: &Lowering<'_>,
    namespace: &str,
    secrets: &BTreeSet<String>,
    readers: &BTreeSet<String>,
    span: Span,
) -> Vec<crate::lower::Lowered> {
    let target = lowering.target;
    let reader = "lakegen-secret-reader";
    let name = if target.shared.is_some() { format!("{reader}-{}", target.name) } else { reader.to_string() };
    let name = name.as_str();
    let texts = |list: &BTreeSet<String>| Value::from(list.iter().map(String::as_str).collect::<Vec<_>>());
    let inputs = [
        ("api", external_secrets_api(lowering).into()),
        ("name", name.into()),
        ("namespace", namespace.into()),
        ("store", Value::from(copy_store(lowering.target, namespace))),
        ("secrets", texts(secrets)),
        ("readers", texts(readers)),
    ];
    lowering.make("copy-store", inputs, span)
}

/// Says whether reflector copies Secrets instead of External Secrets.
pub fn by_reflector(lowering: &Lowering<'_>) -> bool {
    lowering.target.settings.secrets.copy == CopyBy::Reflector
}

/// The place where the way of copying was chosen.
pub fn span(lowering: &Lowering<'_>) -> Span {
    lowering.target.settings.secrets.places.value_of("copy")
}

/// Returns the annotations by which reflector copies a Secret into namespaces, joined by commas.
pub fn annotations(namespaces: &str) -> [(String, &str); 4] {
    [
        ("reflection-allowed", "true"),
        ("reflection-allowed-namespaces", namespaces),
        ("reflection-auto-enabled", "true"),
        ("reflection-auto-namespaces", namespaces),
    ]
    .map(|(key, text)| (format!("reflector.v1.k8s.emberstack.com/{key}"), text))
}

/// Lets reflector copy Secrets: what lakegen makes says so itself, people are told for what they keep, and what an operator
/// makes cannot be copied this way.
pub fn reflect(
    lowering: &Lowering<'_>,
    reflected: &BTreeMap<(String, String), BTreeSet<String>>,
    out: &mut TargetManifests,
    found: &mut Vec<Diagnostic>,
) {
    for ((namespace, secret), readers) in reflected {
        let spaces = readers.iter().map(String::as_str).collect::<Vec<_>>().join(",");
        let annotations = annotations(&spaces);
        let mut objects = out.components.values_mut().flat_map(|u| u.stages.values_mut().flatten());
        let maker = objects.find(|l| {
            let o = &l.object;
            o.kind() == "ExternalSecret" && o.namespace() == namespace && o.name() == secret
        });
        if let Some(lowered) = maker {
            for (key, text) in &annotations {
                let path = ["spec", "target", "template", "metadata", "annotations", key];
                lowered.object.value_mut().set(&path, Value::from(*text));
            }
        } else if let Some(kept) = out.kept.get_mut(&(namespace.clone(), secret.clone())) {
            kept.annotations.extend(annotations.map(|(key, text)| (key, text.to_string())));
        } else {
            let message = format!(
                "Secret `{namespace}/{secret}` is created by an operator, so lakegen cannot annotate it for reflector"
            );
            found.push(
                Diagnostic::error(&INVALID_VALUE, message)
                    .at(span(lowering), "")
                    .help("let External Secrets copy it: `copy = \"external-secrets\"`"),
            );
        }
    }
}
