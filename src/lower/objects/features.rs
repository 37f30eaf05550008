//! What lakegen makes for every component from the same few words: monitors, alert rules, dashboards, network policies, the
//! internal DNS list.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use indexmap::IndexMap;

use crate::catalog::Stage;
use crate::diag::Diagnostic;
use crate::lower::secrets::Own;
use crate::lower::{Added, ComponentManifests, Dns, Lowered, Lowering, TargetManifests};
use crate::manifest::value::object;
use crate::manifest::value::{Map, Value};
use crate::parse::INVALID_VALUE;
use crate::resolve::offers::offered;
use crate::resolve::scope::Late;
use crate::resolve::{Binding, Edge, Instance};
use crate::settings::component::AlertTable;
use crate::settings::policy::Network;

/// Adds the objects that a component's metrics, alerts and dashboards ask for.
pub fn add(
    lowering: &Lowering<'_>,
    instance: &Instance,
    own: &Own,
    unit: &mut ComponentManifests,
    found: &mut Vec<Diagnostic>,
) {
    let late = Late { secrets: Some(&own.names), ..lowering.late_of(instance) };
    let mut objects = Vec::new();
    if lowering.apis.contains_key("monitoring.coreos.com") {
        objects.extend(monitors(lowering, instance, &late, found));
        objects.extend(rules(lowering, instance, &late, found));
    }
    objects.extend(dashboards(lowering, instance, found));
    if !objects.is_empty() {
        unit.stages.entry(Stage::Release).or_default().extend(objects);
    }
}

fn monitors(
    lowering: &Lowering<'_>,
    instance: &Instance,
    late: &Late<'_>,
    found: &mut Vec<Diagnostic>,
) -> Vec<Lowered> {
    let api = lowering.apis.get("monitoring.coreos.com").cloned().unwrap_or_else(|| "monitoring.coreos.com/v1".into());
    let mut objects = Vec::new();
    for (key, scrape) in &instance.definition.scrapes {
        let path = late.fill(&scrape.path, instance.definition.span, found).plain().unwrap_or_default();
        if path.is_empty() {
            continue;
        }
        let name = if key == "main" { instance.name.clone() } else { format!("{}-{key}", instance.name) };
        let mut labels = Map::default();
        for (label, text) in &scrape.selector {
            if let Some(text) = late.fill(text, instance.definition.span, found).plain() {
                labels.insert(label.as_str().into(), Value::from(text));
            }
        }
        let inputs = [
            ("api", api.as_str().into()),
            ("name", name.into()),
            ("namespace", instance.namespace.as_str().into()),
            ("labels", Value::Map(labels)),
            ("path", path.into()),
            ("interval", scrape.interval.as_str().into()),
            ("port", scrape.port.clone()),
        ];
        objects.extend(lowering.make("service-monitor", inputs, instance.span));
    }
    objects
}

/// Makes one PrometheusRule of the catalogue's alerts and the user's; an alert of the same name is replaced.
fn rules(lowering: &Lowering<'_>, instance: &Instance, late: &Late<'_>, found: &mut Vec<Diagnostic>) -> Vec<Lowered> {
    let mut alerts: IndexMap<String, (AlertTable, crate::diag::Span)> = instance
        .definition
        .alerts
        .iter()
        .map(|(name, a)| (name.clone(), (a.clone(), instance.definition.span)))
        .collect();
    for (name, own) in &instance.said.alerts {
        let at = own.places.key;
        if own.expr.is_empty() && !alerts.contains_key(name) {
            found.push(
                Diagnostic::error(&crate::parse::MISSING_KEY, format!("alert `{name}` has no `expr`")).at(at, ""),
            );
        }
        let mut own = own.clone();
        if let Some((known, _)) = alerts.get(name)
            && own.expr.is_empty()
        {
            own.expr.clone_from(&known.expr);
        }
        alerts.insert(name.clone(), (own, at));
    }
    if alerts.is_empty() {
        return vec![];
    }
    let alerts = alerts.iter().map(|(name, (alert, span))| {
        let mut fill = |text: &str| Value::from(late.fill(text, *span, found).plain().unwrap_or_default());
        object([
            ("name", name.as_str().into()),
            ("expr", fill(&alert.expr)),
            ("for", Value::from(&alert.r#for)),
            ("severity", alert.severity.name().into()),
            ("summary", fill(&alert.summary)),
        ])
    });
    let alerts = Value::List(alerts.collect());
    let api = lowering.apis.get("monitoring.coreos.com").cloned().unwrap_or_else(|| "monitoring.coreos.com/v1".into());
    let inputs = [
        ("api", api.into()),
        ("name", instance.name.as_str().into()),
        ("namespace", instance.namespace.as_str().into()),
        ("alerts", alerts),
    ];
    lowering.make("prometheus-rule", inputs, instance.span)
}

fn dashboards(lowering: &Lowering<'_>, instance: &Instance, found: &mut Vec<Diagnostic>) -> Vec<Lowered> {
    let mut objects = Vec::new();
    for written in &instance.said.dashboards {
        for (path, _, text) in lowering.files.get(written) {
            if let Err(error) = serde_json::from_str::<serde_json::Value>(text) {
                found.push(
                    Diagnostic::error(&INVALID_VALUE, format!("`{path}` is not JSON: {error}")).at(written.at, ""),
                );
                continue;
            }
            let file = path.rsplit('/').next().unwrap_or(path);
            let name =
                format!("{}-dashboard-{}", instance.name, crate::parse::string::slug(file.trim_end_matches(".json")));
            let inputs = [
                ("name", name.into()),
                ("namespace", instance.namespace.as_str().into()),
                ("file", file.into()),
                ("text", Value::Str((*text).clone())),
            ];
            objects.extend(lowering.make("dashboard", inputs, written.at));
        }
    }
    objects
}

/// Lists every published host with the address of each edge that publishes it, where one is known.
pub fn dns(lowering: &Lowering<'_>) -> Dns {
    let late = Late::new(&lowering.platform.targets, lowering.index, None, lowering.known);
    let addresses: BTreeMap<&str, Option<String>> = lowering
        .target
        .edges
        .iter()
        .map(|(name, edge)| {
            (name.as_str(), edge.address.as_ref().map(String::from).or_else(|| address(lowering, &late, edge)))
        })
        .collect();
    let mut hosts = Dns::new();
    for route in lowering.target.instances.values().flat_map(Instance::routes) {
        for name in &route.names {
            let address = addresses.get(route.edge.as_str()).cloned().flatten();
            hosts.entry(name.to_string()).or_default().insert(route.edge.clone(), address);
        }
    }
    hosts
}

/// Asks the ingress controller of an edge's class for its address.
fn address(lowering: &Lowering<'_>, late: &Late<'_>, edge: &Edge) -> Option<String> {
    let text = |instance: &Instance, field: &str| {
        offered(late, &Binding::bare("ingress", &instance.name), field).ok()?.plain().filter(|t| !t.is_empty())
    };
    let shared = lowering.platform.shared_of(lowering.target);
    let all = lowering.target.instances.values().chain(shared.into_iter().flat_map(|t| t.instances.values()));
    all.filter(|i| i.definition.provides.contains_key("ingress"))
        .find(|i| text(i, "class").is_some_and(|c| edge.class == c.as_str()))
        .and_then(|i| text(i, "address"))
}

/// Makes NetworkPolicies from the bindings, where `policy.network = "bindings"` asks and the component says who else
/// must reach it.
pub fn network_policies(lowering: &Lowering<'_>, out: &TargetManifests) -> Added {
    let mut added = Added::default();
    if lowering.target.settings.policy.network != Network::Bindings {
        return added;
    }
    let mut consumers: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for instance in neighbours(lowering) {
        for binding in instance.bindings.values().flat_map(|b| b.all()) {
            consumers.entry(&binding.provider).or_default().insert(&instance.namespace);
        }
    }
    for instance in lowering.target.instances.values() {
        let def = &instance.definition;
        if def.network_from.is_empty() || def.network_from.iter().any(|w| w == "all") {
            continue;
        }
        let mut outside = BTreeSet::new();
        let mut namespaces: BTreeSet<&str> = consumers.get(instance.name.as_str()).cloned().unwrap_or_default();
        for word in &def.network_from {
            match word.as_str() {
                "namespace" => {
                    namespaces.insert(&instance.namespace);
                }
                "monitoring" => namespaces.extend(namespaces_of(lowering, "monitoring")),
                "edge" if !instance.hosts.is_empty() => {
                    namespaces.extend(namespaces_of(lowering, "ingress"));
                    outside = sources(lowering);
                    let edges = instance.routes().filter_map(|route| lowering.target.edges.get(&route.edge));
                    namespaces.extend(edges.map(|e| e.namespace.as_str()).filter(|n| !n.is_empty()));
                }
                "operator" => namespaces.extend(operators(lowering, out, instance)),
                _ => {}
            }
        }
        let policies = policies(lowering, instance, &namespaces, &outside);
        added.objects.extend(policies.into_iter().map(|one| (instance.name.clone(), Stage::Prepare, one)));
    }
    added
}

/// Returns every instance of the cluster that may speak to the target's, or be spoken to.
fn neighbours<'a>(lowering: &Lowering<'a>) -> impl Iterator<Item = &'a Instance> {
    let (targets, here, index) = (&lowering.platform.targets, lowering.target, lowering.index);
    let near = targets.iter().enumerate().filter(move |(other, target)| {
        *other == index || here.shared == Some(*other) || (here.is_shared && target.shared == Some(index))
    });
    near.flat_map(|(_, target)| target.instances.values())
}

fn namespaces_of<'a>(lowering: &Lowering<'a>, capability: &str) -> Vec<&'a str> {
    neighbours(lowering)
        .filter(|i| i.definition.provides.contains_key(capability))
        .map(|i| i.namespace.as_str())
        .collect()
}

/// Returns the networks that load balancers outside of the cluster speak to the pods from.
fn sources(lowering: &Lowering<'_>) -> BTreeSet<String> {
    let late = Late::new(&lowering.platform.targets, lowering.index, None, lowering.known);
    let controllers = neighbours(lowering).filter(|i| i.definition.provides.contains_key("ingress"));
    let networks = controllers
        .filter_map(|i| offered(&late, &Binding::bare("ingress", &i.name), "sources").ok()?.plain())
        .flat_map(|text| text.split(',').map(|network| network.trim().to_string()).collect::<Vec<_>>());
    networks.filter(|network| !network.is_empty()).collect()
}

/// Returns the namespaces of those who bring the kinds that a component's objects have; External Secrets is also the
/// one who asks the store.
fn operators<'a>(lowering: &Lowering<'a>, out: &TargetManifests, instance: &Instance) -> Vec<&'a str> {
    let mut groups: BTreeSet<&str> = out
        .components
        .get(&instance.name)
        .into_iter()
        .flat_map(|u| u.stages.values().flatten())
        .map(|l| l.object.group())
        .collect();
    if lowering.target.store.component.as_deref() == Some(&*instance.name) {
        groups.insert("external-secrets.io");
    } else {
        // An ExternalSecret is answered by the API server: nobody comes to the component for it.
        groups.remove("external-secrets.io");
    }
    let brings = |other: &Instance| other.apis.iter().any(|api| groups.contains(crate::manifest::kinds::group(api)));
    neighbours(lowering).filter(|i| brings(i)).map(|i| i.namespace.as_str()).collect()
}

fn policies(
    lowering: &Lowering<'_>,
    instance: &Instance,
    namespaces: &BTreeSet<&str>,
    outside: &BTreeSet<String>,
) -> Vec<Lowered> {
    let late = lowering.late_of(instance);
    let ports = instance.definition.network_ports.iter().filter_map(|port| {
        let port = match port {
            Value::Str(text) => {
                let text = late.fill(text, instance.definition.span, &mut Vec::new()).plain()?;
                if text.is_empty() {
                    return None;
                }
                text.parse::<i64>().map_or_else(|_| Value::from(text), Value::from)
            }
            other => other.clone(),
        };
        Some(port)
    });
    let ports: Vec<Value> = ports.collect();
    let mut policies = Vec::new();
    for (pod, def) in instance.definition.pods.iter().filter(|(_, def)| !def.selector.is_empty()) {
        let labels = def.selector.iter().filter_map(|(key, text)| {
            Some((
                Arc::from(key.as_str()),
                Value::from(late.fill(text, instance.definition.span, &mut Vec::new()).plain()?),
            ))
        });
        let inputs = [
            ("name", Value::from(format!("{}-{pod}", instance.name))),
            ("namespace", instance.namespace.as_str().into()),
            ("labels", Value::Map(labels.collect())),
            ("namespaces", Value::from(namespaces.iter().copied().collect::<Vec<_>>())),
            ("networks", Value::from(outside.iter().map(String::as_str).collect::<Vec<_>>())),
            ("ports", Value::List(ports.clone())),
        ];
        policies.extend(lowering.make("network-policy", inputs, instance.span));
    }
    policies
}
