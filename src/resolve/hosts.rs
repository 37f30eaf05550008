//! Edges and the hosts published through them.

use indexmap::IndexMap;

use super::instances::{Context, Instance};
use super::layers::Frame;
use super::scope::{EarlyName, Edged, early_text, early_with_edge};
use super::{AMBIGUOUS_PROVIDER, Target, unknown_name};
use crate::diag::Diagnostic;
use crate::diag::Span;
use crate::parse::node::Lookup;
use crate::parse::text::Format;
use crate::parse::{INVALID_VALUE, Kind, MISSING_KEY, Node, Table};

/// A way to publish hosts.
#[derive(Clone, Debug)]
pub struct Edge {
    pub name: String,
    pub kind: String,
    pub class: String,
    /// Name of the Gateway.
    pub gateway: String,
    pub namespace: String,
    pub issuer: Option<String>,
    pub wildcard: bool,
    pub secret: Option<String>,
    /// Certificates that the cloud's load balancer keeps: a certificate map (GKE) or an ARN (AWS).
    pub certmap: Option<String>,
    pub tls: bool,
    pub annotations: IndexMap<String, String>,
    pub address: Option<String>,
    pub default: bool,
    pub span: Span,
    template: Option<String>,
}

/// Hosts of one endpoint.
#[derive(Clone, Debug)]
pub struct Published {
    pub edge: String,
    pub names: Vec<String>,
    pub tls: bool,
    pub span: Span,
}

impl Published {
    /// Returns the address that people open.
    pub fn url(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://{}", self.names.first().map_or("", String::as_str))
    }
}

/// Reads the edges of a frame.
pub fn edges(frame: &Frame, context: &Context<'_>, found: &mut Vec<Diagnostic>) -> IndexMap<String, Edge> {
    let empty = Table::new();
    let mut edges = IndexMap::new();
    for (name, entry) in frame.table.table("edges").unwrap_or(&empty) {
        let Some(table) = entry.node.as_table() else { continue };
        let tls = table.node("tls");
        let tls_table = tls.and_then(Node::as_table).unwrap_or(&empty);
        // Each cluster may have a certificate of its own.
        let certmap = tls_table.node("certmap").and_then(|node| {
            let written = node.as_str()?;
            Some(early_text(frame, None, written, node.span, context.sources, found))
        });
        let mut text = |key: &str| {
            let node = table.node(key)?;
            Some(early_text(frame, None, node.as_str()?, node.span, context.sources, found))
        };
        let class = text("class");
        let edge = Edge {
            name: name.to_string(),
            kind: table.text("kind").unwrap_or("ingress").into(),
            gateway: text("name").unwrap_or_else(|| name.to_string()),
            namespace: text("namespace").unwrap_or_default(),
            address: text("address"),
            class: class.unwrap_or_default(),
            issuer: tls_table.text("issuer").map(String::from),
            wildcard: tls_table.flag("wildcard").unwrap_or(false),
            secret: tls_table.text("secret").map(String::from),
            certmap,
            tls: tls.is_some_and(|node| node.as_bool() != Some(false)),
            annotations: crate::catalog::read::text_map(table.table("annotations")),
            default: table.flag("default").unwrap_or(false),
            template: table.text("hosts").map(String::from),
            span: entry.key,
        };
        check_tls(&edge, tls_table, found);
        edges.insert(name.to_string(), edge);
    }
    edges
}

/// Reports words under `tls` that this kind of edge cannot keep.
fn check_tls(edge: &Edge, tls: &Table, found: &mut Vec<Diagnostic>) {
    let mut say = |key: &str, message: String, help: &str| {
        let at = tls.get(key).map_or(edge.span, |e| e.node.span);
        found.push(Diagnostic::error(&INVALID_VALUE, message).at(at, "").help(help.to_string()));
    };
    let kind = edge.kind.as_str();
    if kind == "gateway" && edge.class.is_empty() {
        for key in ["issuer", "wildcard", "secret", "certmap"].into_iter().filter(|key| tls.contains_key(*key)) {
            let message =
                format!("`{key}` is for the Gateway `{}` itself, which is taken as being there", edge.gateway);
            say(key, message, "add `class = \"…\"`, and lakegen makes the Gateway; or write `tls = true`");
        }
    }
    if kind == "gateway" && !edge.class.is_empty() && edge.tls {
        let sources = edge.issuer.is_some() || edge.secret.is_some() || edge.certmap.is_some();
        if !sources {
            let help = "add `tls = { issuer = \"…\" }`, or `secret` or `certmap`";
            say("tls", format!("the Gateway of edge `{}` has no certificate", edge.name), help);
        }
    }
    if edge.certmap.is_some() {
        let load_balancer = kind == "gateway" || (kind == "ingress" && edge.class == "alb");
        if !load_balancer {
            let help = "`certmap` is for a Gateway on GKE, or for `class = \"alb\"` on AWS; elsewhere name a `secret` or an `issuer`";
            say(
                "certmap",
                format!("edge `{}` has no load balancer that keeps certificates by itself", edge.name),
                help,
            );
        } else if edge.issuer.is_some() || edge.secret.is_some() {
            let help = "keep `certmap`, or `issuer` or `secret`";
            say("certmap", format!("edge `{}` has two sources of its certificates", edge.name), help);
        }
    }
    if edge.wildcard && matches!(kind, "ingress" | "traefik") && edge.secret.is_none() && edge.certmap.is_none() {
        let help = "add `issuer = \"…\"`, a ClusterIssuer that can prove a whole domain (DNS-01, or a CA of your own)";
        if edge.issuer.is_none() {
            say(
                "wildcard",
                format!("edge `{}` asks for a wildcard certificate, and nothing issues it", edge.name),
                help,
            );
        }
    }
    if edge.wildcard && kind == "tailscale" {
        let help = "remove `wildcard`: Tailscale issues a certificate for each machine by itself";
        say("wildcard", "Tailscale has no wildcard certificates".into(), help);
    }
}

/// Works out the hosts of every endpoint.
pub fn publish(target: &mut Target, context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    let names: Vec<String> = target.instances.keys().cloned().collect();
    for name in names {
        let instance = &target.instances[&name];
        let mut wanted: Vec<(String, Vec<Node>)> = Vec::new();
        if let Some(node) = instance.table.node("host") {
            wanted.push(("main".into(), nodes(node)));
        }
        for (endpoint, entry) in instance.table.table("hosts").into_iter().flatten() {
            wanted.push((endpoint.to_string(), nodes(&entry.node)));
        }
        let mut hosts = IndexMap::new();
        for (endpoint, nodes) in wanted {
            if !instance.definition.endpoints.contains_key(&endpoint) {
                let at = nodes.first().map_or(instance.span, |n| n.span);
                let message = format!("component `{}` has nothing to publish at a host", instance.definition.name);
                found.push(Diagnostic::error(&INVALID_VALUE, message).at(at, ""));
                continue;
            }
            if let Some(published) = published(target, instance, &nodes, context, found) {
                hosts.insert(endpoint, published);
            }
        }
        target.instances[&name].hosts = hosts;
    }
}

fn nodes(node: &Node) -> Vec<Node> {
    match &node.kind {
        Kind::List(list) => list.to_vec(),
        _ => vec![node.clone()],
    }
}

fn published(
    target: &Target,
    instance: &Instance,
    nodes: &[Node],
    context: &Context<'_>,
    found: &mut Vec<Diagnostic>,
) -> Option<Published> {
    let mut result: Option<Published> = None;
    for node in nodes {
        let written = node.as_str()?;
        let (edge_name, host) = match written.split_once(':') {
            Some((edge, host)) if target.edges.contains_key(edge) => (Some(edge), host),
            Some((edge, _)) => {
                found.push(unknown_name("edge", edge, node.span, target.edges.keys().map(String::as_str)));
                return None;
            }
            None => (None, written),
        };
        let edge = edge(target, edge_name, node.span, found)?;
        let name = full_name(target, instance, edge, host, node.span, context, found)?;
        match &mut result {
            Some(published) => published.names.push(name),
            None => {
                result = Some(Published { edge: edge.name.clone(), names: vec![name], tls: edge.tls, span: node.span });
            }
        }
    }
    result
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
                .at(at, "through which one?")
                .at(first.span, "could publish it")
                .at(second.span, "could publish it too")
                .help(format!("write `\"{}:<host>\"`, or add `default = true` to one edge", first.name)),
        ),
        (None, _) => found.push(
            Diagnostic::error(&MISSING_KEY, "a host is published, but there is no edge to publish it through")
                .at(at, "")
                .help("add `[edges.web]` with `kind = \"ingress\"` and `class = \"nginx\"`, or `kind = \"gateway\"`"),
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
    let frame = frame_of(target);
    let known = EarlyName::of(instance);
    let host = early_text(&frame, Some(&known), host, at, context.sources, found);
    let written = host.clone();
    let domain = &target.ground.domain;
    let name = if host == "@" {
        domain.clone()
    } else if host.contains('.') {
        host
    } else if let Some(template) = &edge.template {
        early_with_edge(&frame, Some(&known), template, edge.span, &Edged { host: &host }, context.sources, found)
    } else {
        format!("{host}.{domain}")
    };
    if let Err(what) = Format::Host.check(&name) {
        if Format::Host.check(&written).is_err() {
            return None; // The language says so already, with the user's own words.
        }
        found.push(Diagnostic::error(&INVALID_VALUE, format!("`{name}` is not {what}")).at(at, ""));
        return None;
    }
    Some(name)
}

/// Returns the early names of a target that is being resolved.
pub fn frame_of(target: &Target) -> Frame {
    Frame {
        name: target.name.clone(),
        environment: target.environment.clone(),
        cluster: target.cluster.clone(),
        table: Table::new(),
        ground: target.ground.clone(),
        vars: target.vars.clone(),
        store: target.store.clone(),
        shared: target.shared,
        is_shared: target.is_shared,
    }
}
