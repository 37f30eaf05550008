//! Edges and the hosts published through them.

use std::collections::BTreeSet;
use std::sync::Arc;

use indexmap::IndexMap;

use super::early::EarlyName;
use super::instances::{Context, Instance};
use super::layers::Frame;
use super::{AMBIGUOUS_PROVIDER, Target, unknown_name};
use crate::catalog::EdgeKind;
use crate::catalog::edge::TAKEN;
use crate::diag::{Diagnostic, Span, quoted_list};
use crate::parse::string::slug;
use crate::parse::text::Format;
use crate::parse::{INVALID_VALUE, MISSING_KEY};
use crate::settings::Text;
use crate::settings::publish::EdgeTable;

/// A way to publish hosts.
#[derive(Clone, Debug)]
pub struct Edge {
    pub name: String,
    pub kind: Text,
    /// What its kind is; nothing where nobody knows the kind.
    pub definition: Option<Arc<EdgeKind>>,
    pub class: Text,
    /// Name of the Gateway.
    pub gateway: String,
    pub namespace: Text,
    pub issuer: Option<Text>,
    pub wildcard: bool,
    pub secret: Option<Text>,
    /// Certificates that the cloud's load balancer keeps: a certificate map (GKE) or an ARN (AWS).
    pub certmap: Option<Text>,
    pub tls: bool,
    pub annotations: IndexMap<String, Text>,
    pub address: Option<Text>,
    pub default: bool,
    pub span: Span,
    template: Option<Text>,
}

/// Hosts of one endpoint through one edge.
#[derive(Clone, Debug)]
pub struct Route {
    /// Name of the objects that publish them.
    pub name: String,
    pub edge: String,
    /// The hosts, each with the place where it was written.
    pub names: Vec<Text>,
    pub tls: bool,
    pub span: Span,
}

impl Route {
    /// Returns the hosts as text.
    pub fn hosts(&self) -> Vec<&str> {
        self.names.iter().map(Text::as_str).collect()
    }
}

/// What one endpoint publishes: a route per edge, in the order in which the hosts name them. It has one at least.
#[derive(Clone, Debug)]
pub struct Published {
    pub routes: Vec<Route>,
}

impl Published {
    /// Returns the host that stands for the endpoint: the first that was written.
    pub fn host(&self) -> &str {
        self.routes.first().and_then(|route| route.names.first()).map_or("", Text::as_str)
    }

    /// Returns the address that people open.
    pub fn url(&self) -> String {
        let scheme = if self.routes.first().is_some_and(|route| route.tls) { "https" } else { "http" };
        format!("{scheme}://{}", self.host())
    }

    /// Returns every host once, however many edges it is published through.
    pub fn hosts(&self) -> Vec<&str> {
        let mut all = Vec::new();
        for host in self.routes.iter().flat_map(Route::hosts) {
            if !all.contains(&host) {
                all.push(host);
            }
        }
        all
    }
}

/// Returns the edges of a frame.
pub fn edges(frame: &Frame, kinds: &IndexMap<String, Arc<EdgeKind>>) -> IndexMap<String, Edge> {
    let edge = |(name, table): (&String, &EdgeTable)| {
        let tls = &table.tls.table;
        let edge = Edge {
            definition: kinds.get(&*table.kind).cloned(),
            name: name.clone(),
            kind: table.kind.clone(),
            gateway: table.name.as_ref().map_or_else(|| name.clone(), String::from),
            namespace: table.namespace.clone(),
            address: table.address.clone(),
            class: table.class.clone(),
            issuer: tls.issuer.clone(),
            wildcard: tls.wildcard,
            secret: tls.secret.clone(),
            certmap: tls.certmap.clone(),
            tls: table.tls.on,
            annotations: table.annotations.clone(),
            default: table.default,
            template: table.hosts.clone(),
            span: table.places.key,
        };
        (name.clone(), edge)
    };
    frame.settings.edges.iter().map(edge).collect()
}

/// Reports kinds that nobody knows, and what an edge of its kind cannot keep.
fn check_kinds(target: &Target, context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let kinds = &context.catalogue.edges;
    for (name, table) in &target.settings.edges {
        let Some(kind) = kinds.get(&*table.kind) else {
            let known = kinds.keys().map(String::as_str);
            found.push(
                unknown_name("kind of edge", &table.kind, table.kind.at, known)
                    .help(format!("to add a kind, create the folder `lakegen/edges/{}`", table.kind)),
            );
            continue;
        };
        let gateway = table.name.as_deref().unwrap_or(name);
        for refusal in &kind.refuse {
            for key in refusal.refused(table) {
                let here = [
                    ("edge.key", short(key)),
                    ("edge.name", name),
                    ("edge.gateway", gateway),
                    ("edge.class", &table.class),
                ];
                let message = target.early().with(&here).text(&refusal.message, context.sources, found);
                let diagnostic = Diagnostic::error(&INVALID_VALUE, message).at(table.place(key), "");
                found.push(match &refusal.help {
                    Some(help) => diagnostic.help(help.to_string()),
                    None => diagnostic,
                });
            }
        }
        let refuses = |key: &str| kind.refuse.iter().any(|refusal| refusal.keys.iter().any(|k| *k == *key));
        for key in TAKEN.iter().filter(|key| table.says(key) && !kind.takes(key) && !refuses(key)) {
            let message = format!("`{}` has no effect on an edge of kind `{}`", short(key), kind.name);
            let takers = kinds.values().filter(|kind| kind.takes(key)).map(|kind| kind.name.as_str());
            found.push(
                Diagnostic::error(&INVALID_VALUE, message)
                    .at(table.place(key), "")
                    .note(format!("only edges of kind {} use it", quoted_list(takers, "and")))
                    .help("remove it"),
            );
        }
    }
}

fn short(key: &str) -> &str {
    key.strip_prefix("tls.").unwrap_or(key)
}

/// Works out the hosts of every endpoint.
pub fn publish(target: &mut Target, context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    check_kinds(target, context, found);
    let broken: BTreeSet<String> = broken_templates(target, context, found);
    let names: Vec<String> = target.instances.keys().cloned().collect();
    for name in names {
        let instance = &target.instances[&name];
        let mut wanted: Vec<(String, Vec<Text>)> = Vec::new();
        if !instance.said.host.is_empty() {
            wanted.push(("main".into(), instance.said.host.clone()));
        }
        wanted.extend(instance.said.hosts.clone());
        let mut hosts = IndexMap::new();
        for (endpoint, written) in wanted {
            // What it has no endpoint for was refused where its keys were checked.
            if !instance.definition.endpoints.contains_key(&endpoint) {
                continue;
            }
            if let Some(published) = published(target, instance, &endpoint, &written, &broken, context, found) {
                hosts.insert(endpoint, published);
            }
        }
        target.instances[&name].hosts = hosts;
    }
}

/// Reports templates of host names that no host can make right, once each, and returns their edges.
fn broken_templates(target: &Target, context: &Context<'_>, found: &mut Vec<Diagnostic>) -> BTreeSet<String> {
    let sample = EarlyName { name: "app", namespace: "app", release: "app" };
    let mut broken = BTreeSet::new();
    for edge in target.edges.values() {
        let Some(template) = &edge.template else { continue };
        let before = found.len();
        let early = target.early().of(sample);
        let name = early.with(&[("edge.host", "app")]).text(template, context.sources, found);
        if found.len() == before
            && let Err(what) = Format::Host.check(&name)
        {
            let message = format!("for the host `app`, this gives `{name}`, which is not {what}");
            found.push(Diagnostic::error(&INVALID_VALUE, message).at(template.at, ""));
        }
        if found.len() > before {
            broken.insert(edge.name.clone());
        }
    }
    broken
}

fn published(
    target: &Target,
    instance: &Instance,
    endpoint: &str,
    hosts: &[Text],
    broken: &BTreeSet<String>,
    context: &Context<'_>,
    found: &mut Vec<Diagnostic>,
) -> Option<Published> {
    let mut routes: Vec<Route> = Vec::new();
    for written in hosts {
        let (edge_name, host) = match written.split_once(':') {
            Some((edge, host)) if target.edges.contains_key(edge) => (Some(edge), host),
            Some((edge, _)) => {
                found.push(unknown_name("edge", edge, written.at, target.edges.keys().map(String::as_str)));
                continue;
            }
            None => (None, written.as_str()),
        };
        let Some(edge) = edge(target, edge_name, written.at, found).filter(|edge| !broken.contains(&edge.name)) else {
            continue;
        };
        let Some(host) = full_name(target, instance, edge, host, written.at, context, found) else { continue };
        let host = Text::new(host, written.at);
        let alone = edge.definition.as_ref().is_some_and(|kind| kind.single);
        let known = routes.iter_mut().find(|route| route.edge == edge.name);
        let more = known.is_some();
        match known {
            Some(route) if !alone => route.names.push(host),
            _ => routes.push(Route {
                name: route_name(instance, endpoint, (!routes.is_empty()).then_some(edge), more.then_some(&host)),
                edge: edge.name.clone(),
                names: vec![host],
                tls: edge.tls,
                span: written.at,
            }),
        }
    }
    (!routes.is_empty()).then_some(Published { routes })
}

/// Returns the name of a route. The first one of an endpoint is named after that alone, so that a further edge or host renames
/// nothing.
fn route_name(instance: &Instance, endpoint: &str, further: Option<&Edge>, host: Option<&Text>) -> String {
    let mut name = instance.name.clone();
    // An edge may have the name of an endpoint.
    let clash = further.is_some_and(|edge| instance.definition.endpoints.contains_key(&edge.name));
    let host = host.map(|host| slug(host));
    let parts = (endpoint != "main" || clash).then_some(endpoint).into_iter();
    for part in parts.chain(further.map(|edge| edge.name.as_str())).chain(host.as_deref()) {
        name.push('-');
        name.push_str(part);
    }
    name
}

fn edge<'a>(target: &'a Target, name: Option<&str>, at: Span, found: &mut Vec<Diagnostic>) -> Option<&'a Edge> {
    if let Some(name) = name {
        return target.edges.get(name);
    }
    if let Some(edge) = target.edges.values().find(|edge| edge.default) {
        return Some(edge);
    }
    let mut edges = target.edges.values();
    let (first, second) = (edges.next(), edges.next());
    match (first, second) {
        (Some(first), Some(second)) => found.push(
            Diagnostic::error(&AMBIGUOUS_PROVIDER, "several edges could publish this host")
                .at(at, "which one?")
                .at(first.span, "could publish it")
                .at(second.span, "could publish it too")
                .help(format!("write `\"{}:<host>\"`, or add `default = true` to one edge", first.name)),
        ),
        (None, _) => found.push(
            Diagnostic::error(&MISSING_KEY, "this host cannot be published: there is no edge")
                .at(at, "")
                .help("add an edge, for example `web = { kind = \"ingress\", class = \"nginx\" }` under `[edges]`"),
        ),
        (Some(only), None) => return Some(only),
    }
    None
}

fn full_name(
    target: &Target,
    instance: &Instance,
    edge: &Edge,
    host: &str,
    at: Span,
    context: &Context<'_>,
    found: &mut Vec<Diagnostic>,
) -> Option<String> {
    let written = host;
    let domain = &target.ground().domain;
    if domain.is_empty() && !host.contains('.') && edge.template.is_none() {
        return None; // That there is no domain was said.
    }
    let name = if host == "@" {
        domain.to_string()
    } else if host.contains('.') {
        host.to_string()
    } else if let Some(template) = &edge.template {
        let here = [("edge.host", host)];
        target.early().of(instance.early_name()).with(&here).text(template, context.sources, found)
    } else {
        format!("{host}.{domain}")
    };
    if let Err(what) = Format::Host.check(&name) {
        if Format::Host.check(written).is_err() {
            return None; // The language says so already, with the user's own words.
        }
        let diagnostic = Diagnostic::error(&INVALID_VALUE, format!("`{name}` is not {what}"));
        found.push(diagnostic.at(at, ""));
        return None;
    }
    Some(name)
}
