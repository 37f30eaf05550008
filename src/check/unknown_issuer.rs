//! `unknown-issuer`: an edge whose certificates nobody would issue.

use std::collections::BTreeSet;

use super::{Context, Findings};
use crate::code;
use crate::diag::{Diagnostic, near, quoted_list};
use crate::resolve::Instance;

code!(
    UNKNOWN_ISSUER,
    "unknown-issuer",
    "an edge refers to a certificate issuer that does not exist",
    "no certificate would be issued, and browsers would reject every host",
    "[edges.web]\ntls = { issuer = \"letsencript\" }",
    "[edges.web]\ntls = { issuer = \"letsencrypt\" }"
);

/// Checks the issuer of every edge of a target that runs cert-manager.
pub fn check(context: &Context<'_>, findings: &mut Findings) {
    let targets = &context.platform.targets;
    for (index, target) in targets.iter().enumerate() {
        let with_shared = || std::iter::once(index).chain(target.shared);
        let runs_here = with_shared().any(|i| {
            targets[i].instances.values().any(|x| x.apis.iter().any(|api| api.starts_with("cert-manager.io/")))
        });
        if !runs_here {
            continue;
        }
        let issuers: BTreeSet<&str> = with_shared()
            .flat_map(|i| context.manifests.targets[i].components.values())
            .flat_map(|unit| unit.stages.values().flatten())
            .filter(|l| l.object.kind() == "ClusterIssuer")
            .map(|l| l.object.name())
            .collect();
        let used: BTreeSet<&str> =
            target.instances.values().flat_map(Instance::routes).map(|route| route.edge.as_str()).collect();
        for edge in target.edges.values().filter(|edge| used.contains(edge.name.as_str())) {
            let Some(issuer) = edge.issuer.as_ref().filter(|issuer| !issuers.contains(issuer.as_str())) else {
                continue;
            };
            let message = format!("edge `{}` refers to ClusterIssuer `{issuer}`, which does not exist", edge.name);
            let diagnostic = Diagnostic::error(&UNKNOWN_ISSUER, message).at(issuer.at, "");
            let near = near(issuer, issuers.iter().copied());
            let diagnostic = match (near.is_empty(), issuers.is_empty()) {
                (false, _) => diagnostic.help(format!("did you mean {}?", quoted_list(near, "or"))),
                (true, true) => diagnostic.help(format!(
                    "add it to cert-manager, for example `issuers.{issuer} = {{ kind = \"self-signed-ca\" }}`"
                )),
                (true, false) => diagnostic.note(format!("available: {}", quoted_list(issuers.iter().copied(), "and"))),
            };
            findings.component(index, "", diagnostic);
        }
    }
}
