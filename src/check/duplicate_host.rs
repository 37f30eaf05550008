//! `duplicate-host`: two things published at one address of one cluster, or one address in two environments.

use std::collections::BTreeMap;

use super::{Context, Findings};
use crate::code;
use crate::diag::{Diagnostic, Span, quoted_list};
use crate::resolve::Edge;

code!(
    DUPLICATE_HOST,
    "duplicate-host",
    "two components are published at the same host and path",
    "the controller would route requests to either of them, unpredictably",
    "[components]\ntrino = { host = \"query\" }\nairflow = { host = \"query\" }",
    "[components]\ntrino = { host = \"query\" }\nairflow = { host = \"airflow\" }"
);

/// Who is published somewhere.
#[derive(Clone, Copy)]
struct Holder<'a> {
    component: &'a str,
    endpoint: &'a str,
    target: &'a str,
    edge: &'a Edge,
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
            for host in instance.routes().flat_map(|route| &route.names) {
                hosts.entry(host).or_default().push((index, name, host.at));
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
        let message = format!("{hosts} {are} published in {list}, on different clusters");
        let diagnostic = Diagnostic::warning(&DUPLICATE_HOST, message).at(span, "published here").help(
            "give each environment its own `platform.domain`, or put its name into the host: `host = \
            \"${environment.name}-…\"`",
        );
        findings.component(first, component, diagnostic);
    }
}

/// One host at two edges is right: people outside and inside of a company ask different name servers.
fn within_clusters(context: &Context<'_>, findings: &mut Findings) {
    let mut holders: BTreeMap<(&str, &str, &str), Vec<Holder<'_>>> = BTreeMap::new();
    for (index, target) in context.platform.targets.iter().enumerate() {
        for instance in target.instances.values() {
            for (endpoint, published) in &instance.hosts {
                let path = instance.definition.endpoints.get(endpoint).map_or("/", |e| e.path.as_str());
                for route in &published.routes {
                    let Some(edge) = target.edges.get(&route.edge) else { continue };
                    for name in &route.names {
                        let component = instance.name.as_str();
                        let holder = Holder { component, endpoint, target: &target.name, edge, span: name.at };
                        let here = holders.entry((&target.cluster, name.as_str(), path)).or_default();
                        match here.iter().find(|first| one_controller(first.edge, edge)) {
                            None => here.push(holder),
                            Some(first) => findings.component(index, component, twice(first, &holder, name)),
                        }
                    }
                }
            }
        }
    }
}

/// Says whether two edges lead to the same controller, as far as they say: routes of both then compete.
fn one_controller(one: &Edge, other: &Edge) -> bool {
    one.kind == other.kind
        && one.class == other.class
        && one.namespace == other.namespace
        && (one.gateway == other.gateway || !one.definition.as_ref().is_some_and(|kind| kind.takes("name")))
        && one.annotations == other.annotations
}

fn twice(first: &Holder<'_>, second: &Holder<'_>, host: &str) -> Diagnostic {
    let same = (first.component, first.endpoint, first.target) == (second.component, second.endpoint, second.target);
    let message = if same {
        format!("{} is published at `{host}` twice", say(second, first))
    } else {
        format!("{} and {} are both published at `{host}`", say(first, second), say(second, first))
    };
    let mut diagnostic = Diagnostic::error(&DUPLICATE_HOST, message).at(second.span, "published here");
    if first.span != second.span {
        diagnostic = diagnostic.at(first.span, "and here");
    }
    if first.edge.name != second.edge.name {
        let edges = format!("edges `{}` and `{}` use the same controller", first.edge.name, second.edge.name);
        diagnostic = diagnostic.note(edges);
    }
    diagnostic.help(match (same, first.target == second.target) {
        (true, _) => "remove one of them".into(),
        (_, true) => match [second, first].into_iter().find(|one| !host.starts_with(&format!("{}.", one.component))) {
            Some(one) => format!("change one host, for example of `{0}`: `host = \"{0}\"`", one.component),
            None => "change one of the hosts".into(),
        },
        _ => "make the host differ per environment: set `platform.domain` there, or use `host = \"${environment.name}-…\"`"
            .into(),
    })
}

fn say(one: &Holder<'_>, other: &Holder<'_>) -> String {
    let endpoint = if one.endpoint == "main" { String::new() } else { format!(" ({})", one.endpoint) };
    let target = if one.target == other.target { String::new() } else { format!(" of `{}`", one.target) };
    format!("`{}`{endpoint}{target}", one.component)
}
