//! `unknown-scope`: an object without a namespace, of a kind of which nobody knows whether it wants one.

use super::{Context, Findings, at_object};
use crate::code;
use crate::diag::Diagnostic;
use crate::manifest::kinds;

code!(
    UNKNOWN_SCOPE,
    "unknown-scope",
    "nobody knows whether an object's kind lives in a namespace",
    "lakegen leaves the object as it was written: in a namespace of its own it would get the engine's default one",
    "[platform]\napis = [\"example.com/v1\"]              # and a manifest of a `Widget` without `namespace`",
    "[platform]\napis = [\"example.com/v1/Widget:Cluster\"]    # or `:Namespaced`"
);

/// Checks objects without a namespace.
pub(super) fn check(context: &Context<'_>, findings: &mut Findings) {
    for made in context.made() {
        let scopes = &context.manifests.targets[made.index].scopes;
        for lowered in made.objects().filter(|lowered| lowered.object.namespace().is_empty()) {
            let (api, kind) = (lowered.object.api_version(), lowered.object.kind());
            // A kind that nothing brings is an error of its own.
            let brought = || made.target.apis().contains_key(lowered.object.group());
            if kinds::is_builtin(api) || scopes.of(&lowered.object).is_some() || !brought() {
                continue;
            }
            let message = format!(
                "{kind} `{}` has no namespace, and nobody knows whether a `{kind}` lives in one",
                lowered.object.name()
            );
            let diagnostic = at_object(Diagnostic::warning(&UNKNOWN_SCOPE, message), lowered, "");
            let help = format!(
                "say so: `apis = [\"{api}/{kind}:Cluster\"]` under `[platform]`, or `:Namespaced`, which puts it where its component lives"
            );
            findings.object(&made, lowered, diagnostic.help(help));
        }
    }
}
