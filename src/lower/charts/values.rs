//! Helm values: the component's own, general features put where the chart wants them, the user's last.

use std::sync::Arc;

use crate::catalog::component::Spread;
use crate::catalog::{CloudIdentity, Pod};
use crate::diag::{Diagnostic, Span};
use crate::lower::secrets::Own;
use crate::lower::secrets::wired::Wired;
use crate::lower::templates::context::Context;
use crate::lower::{BAD_OBJECT, Lowering};
use crate::manifest::value::object;
use crate::manifest::value::{Map, Value};
use crate::manifest::yaml;
use crate::parse::text;
use crate::resolve::scope::Late;
use crate::resolve::{Instance, Origin, unknown_name};
use crate::settings::component::{Identity, PodTable};
use crate::settings::group::Placement;

/// What lays something over the Helm values, in the order of being laid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The component's `values.yaml.j2`.
    Template,
    /// A general feature of a kind of pod: the pod's name and which (`replicas`, `resources`, …).
    Pod(String, &'static str),
    /// The component's `[metrics]`, because something here brings monitoring.
    Metrics,
    /// A file that the user names in `values_files`, and where.
    File(String, Span),
    /// The user's `values`.
    User,
    /// The platform's `[images]`.
    Images(Span),
}

/// Puts together the Helm values of a component; `None` without a chart.
pub fn values(
    lowering: &Lowering<'_>,
    instance: &Instance,
    context: &Context,
    own: &Own,
    found: &mut Vec<Diagnostic>,
) -> Option<Value> {
    stepwise(lowering, instance, context, own, &mut |_, _| {}, found)
}

/// [`values`], with a call of `seen` after each step that there is.
pub fn stepwise(
    lowering: &Lowering<'_>,
    instance: &Instance,
    context: &Context,
    own: &Own,
    seen: &mut dyn FnMut(&dyn Fn() -> Step, &Value),
    found: &mut Vec<Diagnostic>,
) -> Option<Value> {
    instance.chart.as_ref()?;
    let mut values = Value::Map(Map::default());
    if let Some(template) = &instance.definition.values {
        let inputs = context.inputs(lowering.engine.reads(&template.name));
        let made = lowering.memo.values.get(&instance.name, &template.name, inputs, || {
            match lowering
                .engine
                .documents(template, context.jinja(), &|path| crate::lower::templates::place_in(instance, path))
            {
                Ok(documents) => {
                    let mut merged = Value::Map(Map::default());
                    for document in documents {
                        merged.merge(document.value);
                    }
                    let asked = own.asked.lock().map(|a| a.clone()).unwrap_or_default();
                    Some((Arc::new(merged), asked, context.reads()))
                }
                Err(diagnostic) => {
                    found.push(*diagnostic);
                    None
                }
            }
        });
        if let Some((made, asked, reads)) = made {
            context.note(reads);
            values = (*made).clone();
            if let Ok(mut all) = own.asked.lock() {
                all.extend(asked);
            }
        }
    }
    seen(&|| Step::Template, &values);
    for (name, pod) in &instance.definition.pods {
        place_pod(lowering, instance, name, pod, own, &mut values, seen, found);
    }
    if lowering.apis.contains_key("monitoring.coreos.com") {
        for (path, value) in &instance.definition.metrics_values {
            set(&mut values, path, value.clone());
        }
        seen(&|| Step::Metrics, &values);
    }
    let late = Late { secrets: Some(&own.names), ..lowering.late_of(instance) };
    let wired = Wired::of(instance, own);
    for written in &instance.said.values_files {
        for (path, source, text) in lowering.files.get(written) {
            match yaml::read_one(text) {
                Ok(Value::Null) => {}
                Ok(value) => {
                    let before = values.clone();
                    wired.merge(&mut values, value);
                    wired.report(&before, &values, None, written.at, found);
                    seen(&|| Step::File(path.to_string(), Span::new(source, 0, 0)), &values);
                }
                Err(error) => {
                    let at = Span::new(source, 0, 0);
                    let message = format!("`{path}` is not valid YAML: {} (line {})", error.message, error.line);
                    found.push(Diagnostic::error(&BAD_OBJECT, message).at(at, "").at(written.at, "used here"));
                }
            }
        }
    }
    if let Some(node) = &instance.said.values {
        let before = values.clone();
        wired.merge(&mut values, late.fill_node(node, found));
        wired.report(&before, &values, Some(node), node.span, found);
        seen(&|| Step::User, &values);
    }
    if let Some(images) = &lowering.images {
        images.values(instance, &mut values);
        let at = lowering.target.settings.images.places.key;
        seen(&|| Step::Images(at), &values);
    }
    Some(values)
}

/// Splits `a.b\.c.d` into its keys.
pub fn split_path(path: &str) -> Vec<String> {
    let mut keys = vec![String::new()];
    let mut characters = path.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => keys.last_mut().expect("there is one from the start").extend(characters.next()),
            '.' => keys.push(String::new()),
            other => keys.last_mut().expect("there is one from the start").push(other),
        }
    }
    keys
}

fn set(values: &mut Value, path: &str, value: Value) {
    let keys = split_path(path);
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    values.set(&keys, value);
}

/// Lays a map over what stands at a path (`.` for the top).
fn merge(values: &mut Value, path: &str, value: Value) {
    if path == "." {
        values.merge(value);
    } else {
        let mut over = Value::Map(Map::default());
        set(&mut over, path, value);
        values.merge(over);
    }
}

/// Appends to the list at a path.
fn append(values: &mut Value, path: &str, items: Vec<Value>) {
    let keys = split_path(path);
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let mut list = values.at(&keys).and_then(Value::as_list).map(<[Value]>::to_vec).unwrap_or_default();
    list.extend(items);
    values.set(&keys, Value::List(list));
}

#[allow(clippy::too_many_arguments, reason = "one pod needs its definition, what the user says and where it goes")]
fn place_pod(
    lowering: &Lowering<'_>,
    instance: &Instance,
    name: &str,
    pod: &Pod,
    own: &Own,
    values: &mut Value,
    seen: &mut dyn FnMut(&dyn Fn() -> Step, &Value),
    found: &mut Vec<Diagnostic>,
) {
    let facts = pod_facts(lowering, instance, name, pod, own, found);
    let mut put = |values: &mut Value, path: &Option<String>, value: &Value, feature: &'static str| {
        if let Some(path) = path
            && !value.is_empty()
        {
            merge(values, path, value.clone());
            seen(&|| Step::Pod(name.into(), feature), values);
        }
    };
    put(values, &pod.replicas, &facts.replicas, "replicas");
    put(values, &pod.resources, &facts.resources, "resources");
    put(values, &pod.placement, &facts.placement(), "placement");
    put(values, &pod.identity, &facts.identity, "identity");
    put(values, &pod.labels, &facts.labels, "identity");
    if let (Some(path), Value::List(list)) = (&pod.env, &facts.env)
        && !list.is_empty()
    {
        append(values, path, list.clone());
        seen(&|| Step::Pod(name.into(), "env"), values);
    }
    if let (Some((volumes, mounts)), Value::List(list), Value::List(mounted)) =
        (&pod.volumes, &facts.volumes, &facts.mounts)
        && !list.is_empty()
    {
        append(values, volumes, list.clone());
        append(values, mounts, mounted.clone());
        seen(&|| Step::Pod(name.into(), "files"), values);
    }
}

/// What is known of one kind of pod.
struct PodFacts {
    replicas: Value,
    resources: Value,
    node_selector: Value,
    tolerations: Value,
    affinity: Value,
    spread: Value,
    env: Value,
    identity: Value,
    labels: Value,
    volumes: Value,
    mounts: Value,
}

impl PodFacts {
    /// Returns `nodeSelector`, `tolerations` and `affinity` as charts take them.
    fn placement(&self) -> Value {
        let parts = [
            ("nodeSelector", &self.node_selector),
            ("tolerations", &self.tolerations),
            ("affinity", &self.affinity),
            ("topologySpreadConstraints", &self.spread),
        ];
        Value::Map(parts.into_iter().filter(|(_, v)| !v.is_empty()).map(|(k, v)| (Arc::from(k), v.clone())).collect())
    }
}

/// Returns `pods` as templates see it.
pub fn pods(lowering: &Lowering<'_>, instance: &Instance, own: &Own, found: &mut Vec<Diagnostic>) -> Value {
    let pods = instance.definition.pods.iter().map(|(name, pod)| {
        let facts = pod_facts(lowering, instance, name, pod, own, found);
        let value = object([
            ("replicas", facts.replicas),
            ("resources", facts.resources),
            ("node_selector", facts.node_selector),
            ("tolerations", facts.tolerations),
            ("affinity", facts.affinity),
            ("spread", facts.spread),
            ("env", facts.env),
            ("identity", facts.identity),
            ("labels", facts.labels),
            ("volumes", facts.volumes),
            ("volume_mounts", facts.mounts),
        ]);
        (Arc::from(name.as_str()), value)
    });
    Value::Map(pods.collect())
}

fn pod_facts(
    lowering: &Lowering<'_>,
    instance: &Instance,
    name: &str,
    pod: &Pod,
    own: &Own,
    found: &mut Vec<Diagnostic>,
) -> PodFacts {
    let nothing = PodTable::default();
    let given = instance.said.pods.get(name).unwrap_or(&nothing);
    let replicas = given.replicas.or(pod.default.replicas).map_or(Value::Null, Value::from);
    let cpu = given.cpu.as_deref().or(pod.default.cpu.as_deref());
    let resources = resources(cpu, given.memory.as_deref().or(pod.default.memory.as_deref()));
    let selector = selector(lowering, instance, pod, found);
    let identity = identity(lowering, instance, found);
    let mut facts = PodFacts {
        replicas,
        resources,
        node_selector: Value::Map(Map::default()),
        tolerations: Value::List(vec![]),
        affinity: Value::Map(Map::default()),
        spread: Value::List(vec![]),
        env: Value::List(own.env(name)),
        labels: if identity.is_empty() { Value::Map(Map::default()) } else { role_labels(lowering, instance, pod) },
        identity,
        volumes: Value::List(own.volumes.clone()),
        mounts: Value::List(own.mounts.clone()),
    };
    let places = if given.placement.is_empty() { &instance.said.placement } else { &given.placement };
    let known = &lowering.target.settings.placements;
    for place in places {
        match known.get(place.as_str()) {
            Some(placement) => place_on(placement, pod.spread, &selector, &mut facts),
            None => found.push(unknown_name("placement", place, place.at, known.keys().map(String::as_str))),
        }
    }
    facts
}

fn selector(lowering: &Lowering<'_>, instance: &Instance, pod: &Pod, found: &mut Vec<Diagnostic>) -> Map {
    let late = lowering.late_of(instance);
    pod.selector
        .iter()
        .filter_map(|(key, text)| {
            Some((Arc::from(key.as_str()), Value::from(late.fill(text, instance.definition.span, found).plain()?)))
        })
        .collect()
}

/// Turns `request..limit` into `requests` and `limits`. Memory given alone is both, because a pod that may grow beyond
/// its request is the first to be killed; processor time given alone has no limit, because a limit only slows down.
pub fn resources(cpu: Option<&str>, memory: Option<&str>) -> Value {
    let mut requests = Map::default();
    let mut limits = Map::default();
    if let Some((request, limit)) = cpu.and_then(text::range) {
        requests.insert("cpu".into(), Value::from(request));
        if let Some(limit) = limit {
            limits.insert("cpu".into(), Value::from(limit));
        }
    }
    if let Some((request, limit)) = memory.and_then(text::range) {
        requests.insert("memory".into(), Value::from(request));
        limits.insert("memory".into(), Value::from(limit.unwrap_or(request)));
    }
    let parts = [("requests", requests), ("limits", limits)];
    Value::Map(
        parts
            .into_iter()
            .filter(|(_, map)| !map.is_empty())
            .map(|(key, map)| (Arc::from(key), Value::Map(map)))
            .collect(),
    )
}

fn place_on(placement: &Placement, by: Spread, selector: &Map, facts: &mut PodFacts) {
    if let Value::Map(map) = &mut facts.node_selector {
        map.extend(placement.nodes.iter().map(|(key, text)| (Arc::from(key.as_str()), Value::from(text))));
    }
    if let Value::List(list) = &mut facts.tolerations {
        list.extend(placement.tolerate.iter().map(|written| toleration(written)));
    }
    let Some(key) = placement.spread.as_ref().filter(|_| !selector.is_empty()) else { return };
    let labels = ("labelSelector", object([("matchLabels", Value::Map(selector.clone()))]));
    match (by, &mut facts.spread) {
        (Spread::Constraints, Value::List(list)) => list.push(object([
            ("maxSkew", Value::from(1)),
            ("topologyKey", Value::from(key)),
            ("whenUnsatisfiable", Value::from("ScheduleAnyway")),
            labels,
        ])),
        (Spread::Affinity, _) => keep_apart(&mut facts.affinity, object([("topologyKey", Value::from(key)), labels])),
        _ => {}
    }
}

/// Adds a term to the pods that a pod would rather not stand beside.
fn keep_apart(affinity: &mut Value, term: Value) {
    const TERMS: &[&str] = &["podAntiAffinity", "preferredDuringSchedulingIgnoredDuringExecution"];
    let mut terms = affinity.at(TERMS).and_then(Value::as_list).map(<[Value]>::to_vec).unwrap_or_default();
    terms.push(object([("weight", Value::from(100)), ("podAffinityTerm", term)]));
    affinity.set(TERMS, Value::List(terms));
}

/// Reads `key=value:Effect`, `key:Effect` or `key`.
fn toleration(written: &str) -> Value {
    let (rest, effect) = written.rsplit_once(':').map_or((written, None), |(rest, effect)| (rest, Some(effect)));
    let (key, value) = rest.split_once('=').map_or((rest, None), |(key, value)| (key, Some(value)));
    let mut map = Map::from_iter([
        (Arc::from("key"), Value::from(key)),
        (Arc::from("operator"), Value::from(if value.is_some() { "Equal" } else { "Exists" })),
    ]);
    if let Some(value) = value {
        map.insert("value".into(), Value::from(value));
    }
    if let Some(effect) = effect {
        map.insert("effect".into(), Value::from(effect));
    }
    Value::Map(map)
}

impl<'a> Lowering<'a> {
    /// Returns how pods get roles here; nothing where the cloud gives none.
    pub fn cloud_identity(&self) -> Option<&'a CloudIdentity> {
        self.platform.catalogue.identity(&self.target.ground().cloud)
    }
}

/// Returns the annotations that bind service accounts to a cloud role.
fn identity(lowering: &Lowering<'_>, instance: &Instance, found: &mut Vec<Diagnostic>) -> Value {
    let Some(cloud) = lowering.cloud_identity() else { return Value::Map(Map::default()) };
    let template = lowering.target.ground().identity.as_ref();
    let mut convention = || {
        let early = lowering.target.early().of(instance.early_name());
        template.map(|text| early.text(text, lowering.known.sources, found))
    };
    let role = match &instance.said.identity {
        Identity::Role(role) => Some(role.to_string()),
        Identity::Convention => convention(),
        Identity::Off => None,
        Identity::Unsaid => bound_role(instance, convention),
    };
    Value::Map(role.into_iter().map(|role| (Arc::from(cloud.annotation.as_str()), Value::from(role))).collect())
}

/// Returns the labels without which pods get no role.
fn role_labels(lowering: &Lowering<'_>, instance: &Instance, pod: &Pod) -> Value {
    let cloud = lowering.cloud_identity().filter(|_| instance.definition.gets_role(pod));
    let labels = cloud.into_iter().flat_map(|cloud| &cloud.labels);
    Value::Map(labels.map(|(key, text)| (Arc::from(key.as_str()), Value::from(text))).collect())
}

/// Returns the role of a slot that is bound by cloud identity: its own, or the platform's template.
fn bound_role(instance: &Instance, platform: impl FnOnce() -> Option<String>) -> Option<String> {
    let bindings = instance.bindings.values().flat_map(|b| b.all());
    let mut credentials = bindings.filter_map(|b| b.credential.as_ref()).filter(|c| c.origin == Origin::Identity);
    let first = credentials.next()?;
    if first.role.is_empty() { platform() } else { Some(first.role.clone()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_become_requests_and_limits() {
        let made = resources(Some("500m..2"), Some("4Gi"));
        assert_eq!(yaml::write(&made), "requests:\n  cpu: 500m\n  memory: 4Gi\nlimits:\n  cpu: \"2\"\n  memory: 4Gi\n");
        assert_eq!(split_path("a.b\\.c.d"), ["a", "b.c", "d"]);
    }
}
