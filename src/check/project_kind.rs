//! `project-kind`: a chart makes a cluster-scoped kind that its AppProject does not allow.

use std::collections::BTreeSet;

use super::{Context, Findings};
use crate::code;
use crate::diag::Diagnostic;
use crate::lower::charts::Sight;
use crate::manifest::kinds;
use crate::manifest::value::Value;
use crate::resolve::Engine;
use crate::settings::Text;

code!(
    PROJECT_KIND,
    "project-kind",
    "a chart creates a cluster-scoped kind that its AppProject does not allow",
    "Argo CD would reject the whole sync",
    "[projects.data]\nmembers = [\"trino\"]\nallow = []              # but the chart creates a ClusterRole",
    "[projects.data]\nmembers = [\"trino\"]\nallow = [\"rbac.authorization.k8s.io/ClusterRole\"]"
);

/// Checks what charts make against the kinds that projects allow.
pub fn check(context: &Context<'_>, findings: &mut Findings) {
    if context.platform.engine != Engine::ArgoCd {
        return;
    }
    for made in context.made() {
        let Some(instance) = made.instance.filter(|_| !made.unit.delivery.is_rendered()) else { continue };
        let Some((project, settings)) = made.target.project(made.name) else { continue };
        let Some(allow) = &settings.allow else { continue };
        let written: BTreeSet<&str> = allow.iter().map(Text::as_str).collect();
        let mut missing: BTreeSet<String> = BTreeSet::new();
        for inflation in context.manifests.targets[made.index].charts.iter().filter(|i| i.component == made.name) {
            let Sight::Inflated(inflated) = &inflation.sight else { continue };
            for item in inflated.items() {
                let api = item.document.value.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
                let kind = item.kind();
                let known = kinds::versions(api, kind);
                if known.is_empty() || known.iter().any(|k| k.namespaced) {
                    continue;
                }
                let name = format!("{}/{kind}", kinds::group(api)).trim_start_matches('/').to_owned();
                let allowed = written.iter().any(|w| *w == name || *w == "*/*" || *w == "*");
                // Kinds that lakegen itself makes are allowed in any case.
                let own = made.objects().any(|l| l.object.kind() == kind && l.object.group() == kinds::group(api));
                if !allowed && !own {
                    missing.insert(name);
                }
            }
        }
        if !missing.is_empty() {
            let list: Vec<String> = missing.iter().map(|kind| format!("`{kind}`")).collect();
            let message = format!(
                "project `{project}` does not allow {}, which the chart of `{}` creates",
                list.join(", "),
                made.name
            );
            let quoted: Vec<String> = missing.iter().map(|kind| format!("\"{kind}\"")).collect();
            let diagnostic = Diagnostic::error(&PROJECT_KIND, message)
                .at(settings.places.value_of("allow"), "")
                .at(instance.span, "its chart")
                .help(format!("add {} to `allow`", quoted.join(", ")));
            findings.component(made.index, made.name, diagnostic);
        }
    }
}
