//! `missing-namespace`: an object in a namespace that nobody makes.

use std::collections::BTreeSet;

use super::{Context, Findings, at_object};
use crate::code;
use crate::diag::{Diagnostic, near, quoted_list};
use crate::resolve::Engine;

code!(
    MISSING_NAMESPACE,
    "missing-namespace",
    "an object is in a namespace that nothing creates",
    "the API server would reject it",
    "metadata: { name: settings, namespace: analitics }",
    "metadata: { name: settings, namespace: analytics }"
);

/// Namespaces that every cluster has.
const BUILT_IN: &[&str] = &["default", "kube-system", "kube-public", "kube-node-lease"];

/// Checks the namespace of every object.
pub fn check(context: &Context<'_>, findings: &mut Findings) {
    let known: BTreeSet<(&str, &str)> = known(context);
    for made in context.made() {
        let cluster = made.target.cluster.as_str();
        for lowered in made.objects() {
            let namespace = lowered.object.namespace();
            if namespace.is_empty() || BUILT_IN.contains(&namespace) || known.contains(&(cluster, namespace)) {
                continue;
            }
            let message = format!(
                "{} `{}` is in namespace `{namespace}`, which nothing creates",
                lowered.object.kind(),
                lowered.object.name()
            );
            let diagnostic = at_object(Diagnostic::error(&MISSING_NAMESPACE, message), lowered, "");
            let near =
                near(namespace, known.range((cluster, "")..).take_while(|(c, _)| *c == cluster).map(|(_, n)| *n));
            let diagnostic = if near.is_empty() {
                diagnostic
            } else {
                diagnostic.help(format!("did you mean {}?", quoted_list(near, "or")))
            };
            findings.object(
                &made,
                lowered,
                diagnostic
                    .help(format!("if it already exists, add `{namespace}.existing = true` under `[namespaces]`")),
            );
        }
    }
}

/// Returns (cluster, namespace) of all that is made here or said to exist.
fn known<'a>(context: &Context<'a>) -> BTreeSet<(&'a str, &'a str)> {
    let mut known = BTreeSet::new();
    for target in &context.platform.targets {
        let cluster = target.cluster.as_str();
        known.extend(target.instances.values().map(|i| (cluster, i.namespace.as_str())));
        let existing = target.settings.namespaces.iter().filter(|(_, namespace)| namespace.existing);
        known.extend(existing.map(|(name, _)| (cluster, name.as_str())));
        let engine = match context.platform.engine {
            Engine::ArgoCd => target.settings.argocd.namespace.as_deref().unwrap_or("argocd"),
            Engine::Flux => "flux-system",
        };
        known.insert((cluster, engine));
        known.extend(target.edges.values().map(|edge| (cluster, edge.namespace.as_str())));
    }
    for made in context.made() {
        let namespaces = made.objects().filter(|l| l.object.kind() == "Namespace" && l.object.group().is_empty());
        known.extend(namespaces.map(|l| (made.target.cluster.as_str(), l.object.name())));
    }
    known
}
