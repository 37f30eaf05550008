//! `bare-pod`: a Pod that nothing brings back.

use super::{Context, Findings, at_object};
use crate::code;
use crate::diag::Diagnostic;
use crate::manifest::object::Object;

code!(
    BARE_POD,
    "bare-pod",
    "a Pod has no workload that owns it",
    "when its node goes away, nothing recreates it, and most of its fields are immutable",
    "kind: Pod",
    "kind: Deployment      # or a component `uses = \"app\"`, or a job"
);

/// Annotations that make a Pod a step of a rollout, which is meant to end.
const HOOKS: &[&str] = &["helm.sh/hook", "argocd.argoproj.io/hook"];

/// Checks every Pod.
pub fn check(context: &Context<'_>, findings: &mut Findings) {
    for made in context.made() {
        for lowered in
            made.objects().filter(|l| l.object.kind() == "Pod" && l.object.group().is_empty() && !is_hook(&l.object))
        {
            let message =
                format!("Pod `{}` has no owner: nothing recreates it when its node goes away", lowered.object.name());
            let diagnostic = at_object(Diagnostic::warning(&BARE_POD, message), lowered, "");
            findings.object(
                &made,
                lowered,
                diagnostic.help("make it a Deployment, a component with `uses = \"app\"`, or a job"),
            );
        }
    }
}

fn is_hook(object: &Object) -> bool {
    HOOKS.iter().any(|hook| object.value().at(&["metadata", "annotations", hook]).is_some())
}
