//! What edges need: objects for each route, beside what it publishes, and objects of the edge itself, in the unit `edges`.
//!
//! The templates of an edge's kind make them (`edges/`); here is only what they see. An edge's own objects are made once for
//! all environments of a cluster: what environments share, the cluster's own target makes.

use std::collections::{BTreeMap, BTreeSet};

use super::certificates;
use crate::catalog::component::{Endpoint, Trust};
use crate::catalog::{Stage, Template};
use crate::diag::{Diagnostic, Span};
use crate::lower::secrets::Own;
use crate::lower::templates::context::{Context, Shared};
use crate::lower::{Added, ComponentManifests, Lowered, Lowering, take};
use crate::manifest::value::Value;
use crate::manifest::value::object;
use crate::resolve::scope::Late;
use crate::resolve::{Edge, Instance, Route};
use crate::settings::Text;

/// Name of the unit.
pub const UNIT: &str = crate::resolve::reserved::EDGES;

/// Adds the unit with what the edges of a target need themselves.
pub fn add(lowering: &Lowering<'_>, shared: &Shared, found: &mut Vec<Diagnostic>) -> Added {
    if lowering.target.shared.is_some() {
        return Added::default();
    }
    let mut unit = ComponentManifests::default();
    for edge in lowering.target.edges.values() {
        let Some(template) = edge.definition.as_ref().and_then(|kind| kind.edge.as_ref()) else { continue };
        let context = shared.with([("edge", of(edge)), ("published", published(lowering, edge))]);
        let made = run(lowering, edge, template, &context, edge.span, &mut unit.notes, found);
        unit.stages.entry(Stage::Release).or_default().extend(made);
    }
    Added::unit(UNIT, unit)
}

/// Adds what publishes a component's endpoints.
pub fn routes(
    lowering: &Lowering<'_>,
    instance: &Instance,
    shared: &Shared,
    own: &Own,
    unit: &mut ComponentManifests,
    found: &mut Vec<Diagnostic>,
) {
    let late = Late { secrets: Some(&own.names), ..lowering.late_of(instance) };
    for (endpoint, published) in &instance.hosts {
        let Some(def) = instance.definition.endpoints.get(endpoint) else { continue };
        for route in &published.routes {
            let Some(edge) = lowering.target.edges.get(&route.edge) else { continue };
            let Some(kind) = &edge.definition else { continue };
            let Some(seen) = seen(instance, route, edge, def, &late, found) else { continue };
            let context = shared.with([("edge", of(edge)), ("route", seen)]);
            let mut made = run(lowering, edge, &kind.route, &context, route.span, &mut unit.notes, found);
            if let Some(first) = made.first_mut() {
                annotate(first, edge, &late, found);
            }
            unit.stages.entry(Stage::Release).or_default().extend(made);
            if let Some(secret) = edge.secret.as_ref().filter(|_| route.tls && certificates::read_a_secret(edge)) {
                unit.notes.push(certificates::by_hand(&instance.namespace, secret, &route.hosts()));
            }
        }
    }
    unit.notes.dedup();
}

/// Gives the first object of a route the annotations of its edge.
fn annotate(lowered: &mut Lowered, edge: &Edge, late: &Late<'_>, found: &mut Vec<Diagnostic>) {
    for (key, text) in &edge.annotations {
        if let Some(text) = late.fill(text, edge.span, found).plain() {
            lowered.object.value_mut().set(&["metadata", "annotations", key], Value::from(text));
        }
    }
}

/// Runs a template of an edge. A document that is `note: …` is a step for people.
fn run(
    lowering: &Lowering<'_>,
    edge: &Edge,
    template: &Template,
    context: &Context,
    span: Span,
    notes: &mut Vec<String>,
    found: &mut Vec<Diagnostic>,
) -> Vec<Lowered> {
    let place = |path: &[String]| match path {
        [] => span,
        path => lowering.target.settings.edges.get(&edge.name).map_or(span, |table| table.place(&path.join("."))),
    };
    let mut made = Vec::new();
    for (value, origin) in lowering.print(template, context, &place, found) {
        match note(&value) {
            Some(note) => notes.push(note),
            None => take(value, &origin, &mut made, found),
        }
    }
    made
}

/// Returns the step for people that a document is.
pub fn note(document: &Value) -> Option<String> {
    let map = document.as_map().filter(|map| map.len() == 1)?;
    map.get("note").and_then(Value::as_str).map(String::from)
}

/// Returns what templates see of an edge.
fn of(edge: &Edge) -> Value {
    let text = |text: &Option<Text>| text.as_ref().map_or(Value::Null, Value::from);
    object([
        ("name", Value::from(edge.name.as_str())),
        ("kind", Value::from(&edge.kind)),
        ("class", Value::from(&edge.class)),
        ("gateway", Value::from(edge.gateway.as_str())),
        ("namespace", Value::from(&edge.namespace)),
        ("address", text(&edge.address)),
        ("tls", Value::Bool(edge.tls)),
        ("issuer", text(&edge.issuer)),
        ("wildcard", Value::Bool(edge.wildcard)),
        ("secret", text(&edge.secret)),
        ("certmap", text(&edge.certmap)),
    ])
}

/// Returns what templates see of all that is published through an edge on this cluster.
fn published(lowering: &Lowering<'_>, edge: &Edge) -> Value {
    // Host → domain of its environment.
    let mut hosts = BTreeMap::new();
    let mut namespaces = BTreeSet::new();
    let here = lowering.index;
    let targets = lowering.platform.targets.iter().enumerate();
    for (_, target) in targets.filter(|(index, target)| *index == here || target.shared == Some(here)) {
        for instance in target.instances.values() {
            for route in instance.routes().filter(|route| route.edge == edge.name) {
                namespaces.insert(instance.namespace.as_str());
                let domain = &target.ground().domain;
                hosts.extend(route.names.iter().map(|name| (name.to_string(), domain.to_string())));
            }
        }
    }
    let certificates = certificates::of_edge(edge, &hosts);
    let pair = |(name, host): (&String, &String)| {
        object([("name", Value::from(name.as_str())), ("host", Value::from(host.as_str()))])
    };
    object([
        ("hosts", Value::from(hosts.keys().map(String::as_str).collect::<Vec<_>>())),
        ("namespaces", Value::from(namespaces.into_iter().collect::<Vec<_>>())),
        ("certificates", Value::List(certificates.iter().map(pair).collect())),
    ])
}

/// Returns what templates see of a route; nothing when a reference in its endpoint cannot be filled in.
fn seen(
    instance: &Instance,
    route: &Route,
    edge: &Edge,
    def: &Endpoint,
    late: &Late<'_>,
    found: &mut Vec<Diagnostic>,
) -> Option<Value> {
    let certificate = certificates::names(route, edge);
    let mut fill = |text: &str| late.fill(text, instance.definition.span, found).plain();
    let mut port = |port: &Value| match port {
        Value::Str(text) => {
            let text = fill(text)?;
            Some(text.parse::<i64>().map_or_else(|_| Value::from(text), Value::from))
        }
        other => Some(other.clone()),
    };
    let (target, port) = (port(def.target.as_ref().unwrap_or(&def.port))?, port(&def.port)?);
    let health = def.health.as_ref().and_then(|path| fill(path)).filter(|path| !path.is_empty());
    let ca = def.ca.as_ref().filter(|_| def.protocol == "https").and_then(|ca| {
        let (mut secret, mut config_map, mut system) = (Value::Null, Value::Null, false);
        match &ca.trust {
            Trust::Secret(name) => secret = Value::from(fill(name)?),
            Trust::ConfigMap(name) => config_map = Value::from(fill(name)?),
            Trust::System => system = true,
        }
        let hostname = Value::from(fill(&ca.hostname)?);
        Some(object([
            ("hostname", hostname),
            ("secret", secret),
            ("config_map", config_map),
            ("system", Value::Bool(system)),
        ]))
    });
    Some(object([
        ("name", Value::from(route.name.as_str())),
        ("component", Value::from(instance.name.as_str())),
        ("namespace", Value::from(instance.namespace.as_str())),
        ("host", Value::from(route.names.first().map_or("", Text::as_str))),
        ("hosts", Value::from(route.hosts())),
        ("secret", Value::from(certificates::tls_secret(&route.name, edge))),
        ("certificate", certificate.map_or(Value::Null, Value::from)),
        ("service", Value::from(fill(&def.service)?)),
        ("port", port),
        ("target", target),
        ("path", Value::from(def.path.as_str())),
        ("protocol", Value::from(def.protocol.as_str())),
        ("health", health.map_or(Value::Null, Value::from)),
        ("ca", ca.unwrap_or_default()),
    ]))
}
