//! `duplicate-host`: two things published at one address of one cluster, or one address in two environments.

use std::collections::BTreeMap;

use super::{Context, Findings};
use crate::code;
use crate::diag::{Diagnostic, Span, quoted_list};

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

/// Checks that each host and path of a cluster has one holder, and that environments keep their hosts to themselves.
pub fn check(context: &Context<'_>, findings: &mut Findings) {
    within_clusters(context, findings);
    between_environments(context, findings);
}

type Names<'a> = Vec<&'a str>;

/// One name cannot lead to two clusters. Clusters of one environment may answer at one host together.
fn between_environments(context: &Context<'_>, findings: &mut Findings) {
    let mut hosts: BTreeMap<&str, Vec<(usize, &str, Span)>> = BTreeMap::new();
    for (index, target) in context.platform.targets.iter().enumerate() {
        for (name, instance) in &target.instances {
            for published in instance.hosts.values() {
                for host in &published.names {
                    hosts.entry(host).or_default().push((index, name, published.span));
                }
            }
        }
    }
    // A component with several hosts has one mistake, in the same environments.
    let mut shared: BTreeMap<(usize, &str, Names<'_>), (Span, Names<'_>)> = BTreeMap::new();
    for (host, holders) in hosts {
        let target = |index: usize| &context.platform.targets[index];
        let (first, component, span) = holders[0];
        let others = holders.iter().filter(|(index, ..)| {
            target(*index).environment != target(first).environment && target(*index).cluster != target(first).cluster
        });
        let mut environments: Names<'_> = others.map(|(index, ..)| target(*index).environment.as_str()).collect();
        environments.insert(0, &target(first).environment);
        environments.dedup();
        if environments.len() > 1 {
            shared.entry((first, component, environments)).or_insert((span, vec![])).1.push(host);
        }
    }
    for ((first, component, environments), (span, hosts)) in shared {
        let list = quoted_list(environments, "and");
        let are = if hosts.len() == 1 { "is" } else { "are" };
        let hosts = quoted_list(hosts, "and");
        let message = format!("{hosts} {are} published in {list}, which run on different clusters");
        let diagnostic = Diagnostic::warning(&DUPLICATE_HOST, message).at(span, "published here").help(
            "give each environment its own `platform.domain`, or name it in the host: `host = \"${environment.name}-…\"`",
        );
        findings.component(first, component, diagnostic);
    }
}

fn within_clusters(context: &Context<'_>, findings: &mut Findings) {
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
