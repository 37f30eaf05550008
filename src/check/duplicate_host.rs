//! `duplicate-host`: two things published at one address of one cluster.

use std::collections::BTreeMap;

use super::{Context, Findings};
use crate::code;
use crate::diag::{Diagnostic, Span};

code!(
    DUPLICATE_HOST,
    "duplicate-host",
    "two components are published at one host and path",
    "the controller would send people to one of them, and which one may change",
    "[components]\ntrino = { host = \"query\" }\nairflow = { host = \"query\" }",
    "[components]\ntrino = { host = \"query\" }\nairflow = { host = \"airflow\" }"
);

/// Who is published somewhere.
struct Holder<'a> {
    component: &'a str,
    endpoint: &'a str,
    target: &'a str,
    span: Span,
}

/// Checks that each host and path of a cluster has one holder.
pub fn check(context: &Context<'_>, findings: &mut Findings) {
    let mut holders: BTreeMap<(&str, &str, &str), Holder<'_>> = BTreeMap::new();
    for (index, target) in context.platform.targets.iter().enumerate() {
        for instance in target.instances.values() {
            for (endpoint, published) in &instance.hosts {
                let path = instance.definition.endpoints.get(endpoint).map_or("/", |e| e.path.as_str());
                for name in &published.names {
                    let holder =
                        Holder { component: &instance.name, endpoint, target: &target.name, span: published.span };
                    match holders.get(&(target.cluster.as_str(), name.as_str(), path)) {
                        None => {
                            holders.insert((&target.cluster, name, path), holder);
                        }
                        Some(first) => {
                            let message = format!(
                                "{} and {} are both published at `{name}`",
                                say(first, &holder),
                                say(&holder, first)
                            );
                            let diagnostic =
                                Diagnostic::error(&DUPLICATE_HOST, message).at(holder.span, "published here");
                            let diagnostic = if first.span == holder.span {
                                diagnostic
                            } else {
                                diagnostic.at(first.span, "and here")
                            };
                            findings.component(index, &instance.name, diagnostic.help(if first.target == holder.target { "give one of them another host" } else { "make it part of the environment: `platform.domain` may differ there, or `host = \"${environment.name}-…\"`" }));
                        }
                    }
                }
            }
        }
    }
}

fn say(one: &Holder<'_>, other: &Holder<'_>) -> String {
    let endpoint = if one.endpoint == "main" { String::new() } else { format!(" ({})", one.endpoint) };
    let target = if one.target == other.target { String::new() } else { format!(" of `{}`", one.target) };
    format!("`{}`{endpoint}{target}", one.component)
}
