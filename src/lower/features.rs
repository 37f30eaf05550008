//! What lakegen makes for every component from the same few words: routes and certificates, monitors, alert rules,
//! dashboards, network policies, the internal DNS list.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use indexmap::IndexMap;

use super::certificates::{self, certificate, tls_secret};
use super::secrets::Own;
use super::templates::object;
use super::{Dns, Lowered, Lowering, TargetManifests, Unit, backend_tls, gateways, made};
use crate::catalog::Stage;
use crate::catalog::component::Endpoint;
use crate::diag::Diagnostic;
use crate::manifest::value::{Map, Value};
use crate::parse::INVALID_VALUE;
use crate::resolve::offers::offered;
use crate::resolve::scope::Late;
use crate::resolve::{Binding, Edge, Instance, Route};
use crate::settings::Text;
use crate::settings::component::AlertTable;
use crate::settings::policy::Network;

/// Adds the objects that a component's endpoints, metrics, alerts and dashboards ask for.
pub fn add(lowering: &Lowering<'_>, instance: &Instance, own: &Own, unit: &mut Unit, found: &mut Vec<Diagnostic>) {
    let late = Late { secrets: Some(&own.names), ..lowering.late_of(instance) };
    let mut objects = Vec::new();
    for (endpoint, published) in &instance.hosts {
        let Some(def) = instance.definition.endpoints.get(endpoint) else { continue };
        let Some(service) = late.fill(&def.service, instance.definition.span, found).plain() else { continue };
        for route in &published.routes {
            let Some(edge) = lowering.target.edges.get(&route.edge) else { continue };
            objects.extend(object_of(instance, &service, def, route, edge, &late, found));
            objects.extend(certificate(lowering, instance, route, edge));
            let (trust, note) = backend_tls::beside(instance, &service, def, route, edge, &late, found);
            objects.extend(trust);
            unit.notes.extend(note);
            if let Some(secret) = edge.secret.as_ref().filter(|_| route.tls && certificates::read_a_secret(edge)) {
                unit.notes.push(certificates::by_hand(&instance.namespace, secret, &route.hosts()));
            }
        }
    }
    unit.notes.dedup();
    if lowering.apis.contains_key("monitoring.coreos.com") {
        objects.extend(monitors(lowering, instance, &late, found));
        objects.extend(rules(lowering, instance, &late, found));
    }
    objects.extend(dashboards(lowering, instance, found));
    if !objects.is_empty() {
        unit.stages.entry(Stage::Release).or_default().extend(objects);
    }
}

/// Makes the object that publishes a route.
fn object_of(
    instance: &Instance,
    service: &str,
    def: &Endpoint,
    published: &Route,
    edge: &Edge,
    late: &Late<'_>,
    found: &mut Vec<Diagnostic>,
) -> Option<Lowered> {
    let port = match &def.port {
        Value::Str(text) => {
            let text = late.fill(text, instance.definition.span, found).plain()?;
            text.parse::<i64>().map_or_else(|_| Value::from(text), Value::from)
        }
        other => other.clone(),
    };
    let name = published.name.as_str();
    let mut lowered = match edge.kind.as_str() {
        "gateway" => gateway(instance, name, service, &port, def, published, edge, found)?,
        "traefik" => traefik(instance, (name, service), port, def, published, edge),
        "route" => openshift(instance, (name, service), port, def, published),
        kind => ingress(instance, name, service, port, def, published, edge, kind == "tailscale"),
    };
    // A route is healthy only once its controller answers, which comes in a later wave than Argo CD or Vault
    // (argo-cd v3.4 docs/operator-manual/health.md, "Ignoring Child Resource Health Check in Applications").
    // Flux takes a route as it is; the word stays, so that changing the engine changes nothing here.
    let annotation = ["metadata", "annotations", "argocd.argoproj.io/ignore-healthcheck"];
    lowered.object.value_mut().set(&annotation, Value::from("true"));
    if let ("ingress", "alb", Some(health)) = (edge.kind.as_str(), edge.class.as_str(), &def.health) {
        // The load balancer asks the pods by itself, for `/` unless told otherwise
        // (AWS Load Balancer Controller v3 docs/guide/ingress/annotations.md, "Health Check").
        let path = late.fill(health, instance.definition.span, found).plain().unwrap_or_default();
        if !path.is_empty() {
            let key = ["metadata", "annotations", "alb.ingress.kubernetes.io/healthcheck-path"];
            lowered.object.value_mut().set(&key, Value::from(path));
        }
    }
    for (key, text) in &edge.annotations {
        if let Some(text) = late.fill(text, edge.span, found).plain() {
            lowered.object.value_mut().set(&["metadata", "annotations", key], Value::from(text));
        }
    }
    Some(lowered)
}

#[allow(clippy::too_many_arguments, reason = "an Ingress brings all of these together")]
fn ingress(
    instance: &Instance,
    name: &str,
    service: &str,
    port: Value,
    def: &Endpoint,
    published: &Route,
    edge: &Edge,
    tailscale: bool,
) -> Lowered {
    let port = if matches!(port, Value::Int(_)) { object([("number", port)]) } else { object([("name", port)]) };
    let backend = object([("service", object([("name", Value::from(service)), ("port", port)]))]);
    let path =
        object([("path", Value::from(def.path.as_str())), ("pathType", Value::from("Prefix")), ("backend", backend)]);
    let http = object([("paths", Value::List(vec![path]))]);
    let rules = published.names.iter().map(|host| match tailscale {
        // The machine's name stands in `tls`; a rule for another host is passed over (tailscale.com/kb/1439).
        true => object([("http", http.clone())]),
        false => object([("host", Value::from(host.as_str())), ("http", http.clone())]),
    });
    let mut spec = Map::default();
    let class = if tailscale { "tailscale" } else { &edge.class };
    if !class.is_empty() {
        spec.insert("ingressClassName".into(), Value::from(class));
    }
    spec.insert("rules".into(), Value::List(rules.collect()));
    if tailscale {
        let machine = published.names.first().and_then(|host| host.split('.').next()).unwrap_or(name);
        spec.insert("tls".into(), Value::List(vec![object([("hosts", Value::from(vec![machine]))])]));
    } else if published.tls {
        let mut tls = Map::from_iter([(Arc::from("hosts"), Value::from(published.hosts()))]);
        if edge.class != "alb" {
            tls.insert("secretName".into(), Value::from(tls_secret(name, edge)));
        }
        spec.insert("tls".into(), Value::List(vec![Value::Map(tls)]));
    }
    let mut lowered = made(
        "networking.k8s.io/v1",
        "Ingress",
        &instance.namespace,
        name,
        [("spec", Value::Map(spec))],
        published.span,
    );
    let mut annotate =
        |key: &str, text: &str| lowered.object.value_mut().set(&["metadata", "annotations", key], Value::from(text));
    if let (Some(issuer), None, false) = (&edge.issuer, &edge.secret, edge.wildcard) {
        // cert-manager.io/docs/usage/ingress (v1.21): the annotation makes a Certificate for `tls`.
        annotate("cert-manager.io/cluster-issuer", issuer);
    }
    if edge.class == "alb" && published.tls {
        // AWS Load Balancer Controller v3 docs/guide/ingress/annotations.md: certificates live in ACM, never in Secrets.
        // Without an ARN it looks for one that fits the hosts under `tls` (…/cert_discovery.md).
        if let Some(certificate) = &edge.certmap {
            annotate("alb.ingress.kubernetes.io/certificate-arn", certificate);
        }
        annotate("alb.ingress.kubernetes.io/listen-ports", "[{\"HTTP\": 80}, {\"HTTPS\": 443}]");
        annotate("alb.ingress.kubernetes.io/ssl-redirect", "443");
    }
    if def.protocol == "https" && edge.class == "alb" {
        annotate("alb.ingress.kubernetes.io/backend-protocol", "HTTPS");
    }
    if def.protocol == "https" && edge.class.contains("nginx") {
        annotate("nginx.ingress.kubernetes.io/backend-protocol", "HTTPS");
    }
    lowered
}

#[allow(clippy::too_many_arguments, reason = "an HTTPRoute brings all of these together")]
fn gateway(
    instance: &Instance,
    name: &str,
    service: &str,
    port: &Value,
    def: &Endpoint,
    published: &Route,
    edge: &Edge,
    found: &mut Vec<Diagnostic>,
) -> Option<Lowered> {
    if !matches!(port, Value::Int(_)) {
        let message =
            format!("an HTTPRoute needs a port number, and the endpoint of `{}` has a port name", instance.name);
        found.push(Diagnostic::error(&INVALID_VALUE, message).at(published.span, ""));
        return None;
    }
    let mut parent = Map::from_iter([(Arc::from("name"), Value::from(edge.gateway.as_str()))]);
    if !edge.namespace.is_empty() || gateways::is_made(edge) {
        parent.insert("namespace".into(), Value::from(gateways::namespace(edge)));
    }
    let matches =
        object([("path", object([("type", Value::from("PathPrefix")), ("value", Value::from(def.path.as_str()))]))]);
    let rule = object([
        ("matches", Value::List(vec![matches])),
        ("backendRefs", Value::List(vec![object([("name", Value::from(service)), ("port", port.clone())])])),
    ]);
    let spec = object([
        ("parentRefs", Value::List(vec![Value::Map(parent)])),
        ("hostnames", Value::from(published.hosts())),
        ("rules", Value::List(vec![rule])),
    ]);
    Some(made("gateway.networking.k8s.io/v1", "HTTPRoute", &instance.namespace, name, [("spec", spec)], published.span))
}

fn traefik(
    instance: &Instance,
    (name, service): (&str, &str),
    port: Value,
    def: &Endpoint,
    published: &Route,
    edge: &Edge,
) -> Lowered {
    let mut backend = object([("name", Value::from(service)), ("port", port)]);
    if def.protocol == "https" {
        backend.set(&["scheme"], Value::from("https"));
        if def.ca.is_some() {
            backend.set(&["serversTransport"], Value::from(backend_tls::transport(name)));
        }
    }
    let hosts = published.names.iter().map(|h| format!("Host(`{h}`)")).collect::<Vec<_>>().join(" || ");
    let route = object([
        ("match", Value::from(hosts)),
        ("kind", Value::from("Rule")),
        ("services", Value::List(vec![backend])),
    ]);
    let mut spec = Map::from_iter([
        (Arc::from("entryPoints"), Value::from(vec![if published.tls { "websecure" } else { "web" }])),
        (Arc::from("routes"), Value::List(vec![route])),
    ]);
    if published.tls {
        spec.insert("tls".into(), object([("secretName", Value::from(tls_secret(name, edge)))]));
    }
    made("traefik.io/v1alpha1", "IngressRoute", &instance.namespace, name, [("spec", Value::Map(spec))], published.span)
}

fn openshift(
    instance: &Instance,
    (name, service): (&str, &str),
    port: Value,
    def: &Endpoint,
    published: &Route,
) -> Lowered {
    let mut spec = Map::from_iter([
        (Arc::from("host"), Value::from(published.names.first().map_or("", Text::as_str))),
        (
            Arc::from("to"),
            object([("kind", Value::from("Service")), ("name", Value::from(service)), ("weight", Value::from(100))]),
        ),
        (Arc::from("port"), object([("targetPort", port)])),
    ]);
    if published.tls {
        let termination = if def.protocol == "https" { "reencrypt" } else { "edge" };
        let policy = Value::from("Redirect");
        let tls = object([("termination", Value::from(termination)), ("insecureEdgeTerminationPolicy", policy)]);
        spec.insert("tls".into(), tls);
    }
    made("route.openshift.io/v1", "Route", &instance.namespace, name, [("spec", Value::Map(spec))], published.span)
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
        let port = if matches!(scrape.port, Value::Int(_)) { "targetPort" } else { "port" };
        let endpoint = object([
            (port, scrape.port.clone()),
            ("path", Value::from(path)),
            ("interval", Value::from(scrape.interval.as_str())),
        ]);
        let spec = object([
            ("selector", object([("matchLabels", Value::Map(labels))])),
            ("endpoints", Value::List(vec![endpoint])),
        ]);
        objects.push(made(&api, "ServiceMonitor", &instance.namespace, &name, [("spec", spec)], instance.span));
    }
    objects
}

/// Makes one PrometheusRule of the catalogue's alerts and the user's; an alert of the same name is replaced.
fn rules(
    lowering: &Lowering<'_>,
    instance: &Instance,
    late: &Late<'_>,
    found: &mut Vec<Diagnostic>,
) -> Option<Lowered> {
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
        return None;
    }
    let rules = alerts.iter().map(|(name, (alert, span))| {
        let mut fill = |text: &str| Value::from(late.fill(text, *span, found).plain().unwrap_or_default());
        let mut rule = Map::from_iter([
            (Arc::from("alert"), Value::from(name.as_str())),
            (Arc::from("expr"), fill(&alert.expr)),
            (Arc::from("for"), Value::from(&alert.r#for)),
        ]);
        rule.insert(
            "labels".into(),
            object([
                ("severity", Value::from(alert.severity.name())),
                ("component", Value::from(instance.name.as_str())),
            ]),
        );
        rule.insert("annotations".into(), object([("summary", fill(&alert.summary))]));
        Value::Map(rule)
    });
    let group = object([("name", Value::from(instance.name.as_str())), ("rules", Value::List(rules.collect()))]);
    let api = lowering.apis.get("monitoring.coreos.com").cloned().unwrap_or_else(|| "monitoring.coreos.com/v1".into());
    Some(made(
        &api,
        "PrometheusRule",
        &instance.namespace,
        &instance.name,
        [("spec", object([("groups", Value::List(vec![group]))]))],
        instance.span,
    ))
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
            let data = Map::from_iter([(Arc::from(file), Value::Str((*text).clone()))]);
            let mut map = made("v1", "ConfigMap", &instance.namespace, &name, [("data", Value::Map(data))], written.at);
            // The label that Grafana's sidecar looks for (kube-prometheus-stack 88.5.3, grafana.sidecar.dashboards.label).
            map.object.value_mut().set(&["metadata", "labels", "grafana_dashboard"], Value::from("1"));
            objects.push(map);
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
    let shared = lowering.target.shared.map(|i| &lowering.platform.targets[i]);
    let all = lowering.target.instances.values().chain(shared.into_iter().flat_map(|t| t.instances.values()));
    all.filter(|i| i.definition.provides.contains_key("ingress"))
        .find(|i| text(i, "class").is_some_and(|c| edge.class == c.as_str()))
        .and_then(|i| text(i, "address"))
}

/// Makes NetworkPolicies from the bindings, where `policy.network = "bindings"` asks and the component says who else
/// must reach it.
pub fn network_policies(lowering: &Lowering<'_>, out: &mut TargetManifests) {
    if lowering.target.settings.policy.network != Network::Bindings {
        return;
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
        if let Some(unit) = out.units.get_mut(&instance.name) {
            unit.stages.entry(Stage::Prepare).or_default().extend(policies);
        }
    }
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
        .units
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
        Some(object([("protocol", Value::from("TCP")), ("port", port)]))
    });
    let ports: Vec<Value> = ports.collect();
    let peers = namespaces.iter().map(|namespace| {
        let labels = Map::from_iter([(Arc::from("kubernetes.io/metadata.name"), Value::from(*namespace))]);
        object([("namespaceSelector", object([("matchLabels", Value::Map(labels))]))])
    });
    let networks =
        outside.iter().map(|network| object([("ipBlock", object([("cidr", Value::from(network.as_str()))]))]));
    let mut rule = Map::from_iter([(Arc::from("from"), Value::List(peers.chain(networks).collect()))]);
    if !ports.is_empty() {
        rule.insert("ports".into(), Value::List(ports));
    }
    let mut policies = Vec::new();
    for (pod, def) in instance.definition.pods.iter().filter(|(_, def)| !def.selector.is_empty()) {
        let labels = def.selector.iter().filter_map(|(key, text)| {
            Some((
                Arc::from(key.as_str()),
                Value::from(late.fill(text, instance.definition.span, &mut Vec::new()).plain()?),
            ))
        });
        let selector = object([("matchLabels", Value::Map(labels.collect()))]);
        let spec = object([
            ("podSelector", selector),
            ("policyTypes", Value::from(vec!["Ingress"])),
            ("ingress", Value::List(vec![Value::Map(rule.clone())])),
        ]);
        policies.push(made(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            &instance.namespace,
            &format!("{}-{pod}", instance.name),
            [("spec", spec)],
            instance.span,
        ));
    }
    policies
}
