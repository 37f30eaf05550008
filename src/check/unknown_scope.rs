//! `unknown-scope`: an object without a namespace, of a kind of which nobody knows whether it wants one.

use super::{Context, Findings, at_object};
use crate::code;
use crate::diag::Diagnostic;
use crate::manifest::kinds;

code!(
    UNKNOWN_SCOPE,
    "unknown-scope",
    "lakegen does not know whether an object's kind is namespaced",
    "lakegen leaves the object as written, and the engine would put a namespaced one into its default namespace",
    "[platform]\napis = [\"example.com/v1\"]              # with a manifest of a `Widget` without `namespace`",
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
                "{kind} `{}` has no namespace, and lakegen does not know whether `{kind}` is namespaced",
                lowered.object.name()
            );
            let diagnostic = at_object(Diagnostic::warning(&UNKNOWN_SCOPE, message), lowered, "");
            let help = format!(
                "add `apis = [\"{api}/{kind}:Cluster\"]` under `[platform]`, or `:Namespaced` to put it into its \
                component's namespace"
            );
            findings.object(&made, lowered, diagnostic.help(help));
        }
    }
}
