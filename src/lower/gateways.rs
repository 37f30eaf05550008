//! Gateways of edges: made here when the edge names its class, otherwise taken as being there.
//!
//! A Gateway is made once for all environments of a cluster. Only namespaces that publish hosts may attach routes; plain
//! HTTP is redirected. The unit is `edges`.
//!
//! Facts: gateway-api.sigs.k8s.io v1.6 (Gateway, HTTPRoute; guides/http-redirect-rewrite); cert-manager.io/docs/usage/gateway
//! (v1.21: the annotation makes a Certificate per listener with a host name and one `certificateRefs`);
//! cloud.google.com/kubernetes-engine/docs/how-to/secure-gateway (annotation `networking.gke.io/certmap`).

use std::collections::{BTreeMap, BTreeSet};

use super::templates::object;
use super::{Lowered, Lowering, TargetManifests, Unit, made};
use crate::catalog::Stage;
use crate::manifest::value::Value;
use crate::parse::string::slug;
use crate::resolve::{Edge, Target};

/// Name of the unit.
pub const UNIT: &str = crate::resolve::reserved::EDGES;

const API: &str = "gateway.networking.k8s.io/v1";

/// Says whether lakegen makes the Gateway of an edge.
pub fn is_made(edge: &Edge) -> bool {
    edge.kind == "gateway" && !edge.class.is_empty()
}

/// Returns the edges whose Gateway a target makes. What environments share on a cluster, the cluster's own target makes.
pub fn edges(target: &Target) -> impl Iterator<Item = &Edge> {
    let own = target.shared.is_none();
    target.edges.values().filter(move |edge| own && is_made(edge))
}

/// Adds the unit with the Gateways of a target.
pub fn add(lowering: &Lowering<'_>, out: &mut TargetManifests) {
    let mut unit = Unit::default();
    for edge in edges(lowering.target) {
        let hosts = published(lowering, edge);
        let objects = unit.stages.entry(Stage::Release).or_default();
        objects.push(gateway(edge, &hosts));
        if edge.tls {
            objects.push(redirect(edge));
        }
        if let Some(secret) = edge.secret.as_ref().filter(|_| edge.tls && edge.certmap.is_none()) {
            let names = certificates(edge, &hosts);
            let hosts: Vec<&str> = names.values().map(String::as_str).collect();
            unit.notes.push(super::certificates::by_hand(namespace(edge), secret, &hosts));
        }
    }
    if !unit.stages.is_empty() {
        // Wildcard certificates of other edges may be in it already.
        let before = out.units.shift_remove(UNIT).unwrap_or_default();
        for (stage, objects) in before.stages {
            unit.stages.entry(stage).or_default().extend(objects);
        }
        out.units.shift_insert(0, UNIT.into(), unit);
    }
}

/// Namespace of the Gateway.
pub fn namespace(edge: &Edge) -> &str {
    if edge.namespace.is_empty() { &edge.gateway } else { &edge.namespace }
}

/// What is published through an edge on this cluster.
struct Hosts {
    /// Host → domain of its environment.
    names: BTreeMap<String, String>,
    namespaces: BTreeSet<String>,
}

fn published(lowering: &Lowering<'_>, edge: &Edge) -> Hosts {
    let mut hosts = Hosts { names: BTreeMap::new(), namespaces: BTreeSet::new() };
    let here = lowering.index;
    let targets = lowering.platform.targets.iter().enumerate();
    for (_, target) in targets.filter(|(index, target)| *index == here || target.shared == Some(here)) {
        for instance in target.instances.values() {
            for route in instance.routes().filter(|route| route.edge == edge.name) {
                hosts.namespaces.insert(instance.namespace.clone());
                let domain = &target.ground().domain;
                hosts.names.extend(route.names.iter().map(|name| (name.to_string(), domain.to_string())));
            }
        }
    }
    hosts
}

fn gateway(edge: &Edge, hosts: &Hosts) -> Lowered {
    let values = hosts.namespaces.iter().map(String::as_str).collect::<Vec<_>>();
    let expression = object([
        ("key", Value::from("kubernetes.io/metadata.name")),
        ("operator", Value::from("In")),
        ("values", Value::from(values)),
    ]);
    let selector = object([("matchExpressions", Value::List(vec![expression]))]);
    let from = |word: &str| object([("namespaces", object([("from", Value::from(word))]))]);
    let attached = if hosts.namespaces.is_empty() {
        from("Same")
    } else {
        object([("namespaces", object([("from", Value::from("Selector")), ("selector", selector)]))])
    };
    let listener = |name: String, protocol: &str, port: i64, routes: &Value| {
        object([
            ("name", Value::from(name)),
            ("protocol", Value::from(protocol)),
            ("port", Value::from(port)),
            ("allowedRoutes", routes.clone()),
        ])
    };
    // With certificates, plain HTTP only carries the redirect.
    let plain = if edge.tls { from("Same") } else { attached.clone() };
    let mut listeners = vec![listener("http".into(), "HTTP", 80, &plain)];
    if edge.tls && edge.certmap.is_some() {
        listeners.push(listener("https".into(), "HTTPS", 443, &attached));
    } else if edge.tls {
        for (name, host) in certificates(edge, hosts) {
            let mut https = listener(format!("https-{name}"), "HTTPS", 443, &attached);
            let secret = edge.secret.as_ref().map_or_else(|| format!("{}-{name}-tls", edge.gateway), String::from);
            https.set(&["hostname"], Value::from(host));
            let reference = object([("kind", Value::from("Secret")), ("name", Value::from(secret))]);
            https.set(
                &["tls"],
                object([("mode", Value::from("Terminate")), ("certificateRefs", Value::List(vec![reference]))]),
            );
            listeners.push(https);
        }
    }
    let spec = object([("gatewayClassName", Value::from(edge.class.as_str())), ("listeners", Value::List(listeners))]);
    let mut lowered = made(API, "Gateway", namespace(edge), &edge.gateway, [("spec", spec)], edge.span);
    let value = lowered.object.value_mut();
    let mut annotate = |key: &str, text: &str| value.set(&["metadata", "annotations", key], Value::from(text));
    if let (Some(issuer), None) = (&edge.issuer, &edge.secret) {
        annotate("cert-manager.io/cluster-issuer", issuer);
    }
    if let Some(map) = &edge.certmap {
        annotate("networking.gke.io/certmap", map);
    }
    ignore_health(&mut lowered);
    lowered
}

/// Returns the host names that listeners stand for, each with the end of its name: one per host, or, with a wildcard
/// certificate, one per domain and one for the hosts directly at it.
fn certificates(edge: &Edge, hosts: &Hosts) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for (host, domain) in &hosts.names {
        let below = host.strip_suffix(domain.as_str()).and_then(|h| h.strip_suffix('.'));
        match below {
            Some(label) if edge.wildcard && !label.contains('.') => {
                names.insert(format!("wildcard-{}", slug(domain)), format!("*.{domain}"));
            }
            _ => {
                names.insert(slug(host), host.clone());
            }
        }
    }
    names
}

/// Returns the route that sends plain HTTP to HTTPS.
fn redirect(edge: &Edge) -> Lowered {
    let parent = object([("name", Value::from(edge.gateway.as_str())), ("sectionName", Value::from("http"))]);
    let to = object([("scheme", Value::from("https")), ("statusCode", Value::from(301))]);
    let filter = object([("type", Value::from("RequestRedirect")), ("requestRedirect", to)]);
    let rule = object([("filters", Value::List(vec![filter]))]);
    let spec = object([("parentRefs", Value::List(vec![parent])), ("rules", Value::List(vec![rule]))]);
    let name = format!("{}-to-https", edge.gateway);
    let mut lowered = made(API, "HTTPRoute", namespace(edge), &name, [("spec", spec)], edge.span);
    ignore_health(&mut lowered);
    lowered
}

/// Its controller may come later than what waits for it, as with every route.
fn ignore_health(lowered: &mut Lowered) {
    let annotation = ["metadata", "annotations", "argocd.argoproj.io/ignore-healthcheck"];
    lowered.object.value_mut().set(&annotation, Value::from("true"));
}
