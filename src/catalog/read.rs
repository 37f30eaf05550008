//! Checked TOML → a component or a capability, with the defaults of what is left out.

use std::sync::Arc;

use indexmap::IndexMap;

use super::component::{
    BackendCa, Capability, Chart, ClaimField, Component, CredentialDef, Endpoint, Field, Filled, Lifecycle, Offer,
    OptionDef, Pod, Scope, Scrape, SecretDef, Shape, Slot, SourceDef, Spread, Stage, Tier, Trust,
};
use super::{BAD_COMPONENT, Template, keys, language, nested, option_check};
use crate::diag::{Diagnostic, SourceId, Span};
use crate::manifest::value::{Map, Value};
use crate::parse::node::{Lookup, table_value};
use crate::parse::{Kind, MISSING_KEY, Node, Table, toml};
use crate::settings::component::ChartTable;
use crate::settings::platform::Engine;
use crate::settings::secrets::CredentialSource;
use crate::settings::{Text, read};

/// Reads a component from its files.
pub fn component(
    name: &str,
    files: Vec<(String, SourceId, Arc<str>)>,
    capabilities: &IndexMap<String, Arc<Capability>>,
    found: &mut Vec<Diagnostic>,
) -> Option<Component> {
    let (_, id, text) = files.iter().find(|(path, ..)| path == "component.toml")?;
    let before = found.len();
    let table = toml::parse(*id, text, found);
    language::check_component(name, &table, found);
    nested::check(name, &table, capabilities, found);
    let mut component = from_table(name, &table, Span::new(*id, 0, 0), found);
    let texts = files.iter().filter(|(path, ..)| path.ends_with(".j2")).map(|(.., text)| text.as_ref());
    option_check::check(&component, &table, texts, found);
    let words = ["release}", "fullname}", "component.release", "component.fullname"];
    component.released |= files.iter().any(|(.., text)| words.iter().any(|word| text.contains(word)));
    component.keys = Arc::new(keys::component_keys(&component));
    for (path, source, text) in files {
        let template = || Template { name: format!("{name}/{path}"), source, text: text.clone() };
        match path.split_once('/') {
            None if path == "values.yaml.j2" => component.values = Some(template()),
            Some((folder, file)) if file.ends_with(".yaml.j2") => match Stage::from_name(folder) {
                Some(stage) => component.templates.entry(stage).or_default().push(template()),
                None => found.push(
                    Diagnostic::error(&BAD_COMPONENT, format!("`{name}/{folder}/` is not a stage"))
                        .at(Span::new(source, 0, 0), "")
                        .help("the stages are `crds`, `prepare`, `release` and `config`"),
                ),
            },
            _ => {}
        }
    }
    component.templates.sort_keys();
    component.keys = Arc::new(keys::with_claims((*component.keys).clone(), &component, capabilities));
    language::check_consistency(&component, capabilities, found);
    (found.len() == before || found[before..].iter().all(|d| d.level != crate::diag::Level::Error)).then_some(component)
}

fn from_table(name: &str, table: &Table, span: Span, found: &mut Vec<Diagnostic>) -> Component {
    for key in ["summary", "tier"] {
        if !table.contains_key(key) {
            found.push(Diagnostic::error(&MISSING_KEY, format!("component `{name}` has no `{key}`")).at(span, ""));
        }
    }
    let options = options(table.table("options"));
    let requires: IndexMap<String, Slot> = entries(table.table("requires"), slot);
    let endpoints = entries(table.table("endpoints"), endpoint);
    let pods = entries(table.table("pods"), |_, t, _| pod(t));
    let empty = Table::new();
    let metrics = table.table("metrics").unwrap_or(&empty);
    let network = table.table("network").unwrap_or(&empty);
    let engine = table.table("engine").unwrap_or(&empty);
    language::check_endpoints(name, table, found);
    Component {
        name: name.into(),
        summary: owned(table, "summary").unwrap_or_default(),
        tier: table.text("tier").and_then(Tier::of).unwrap_or(Tier::App),
        scope: if table.text("scope") == Some("cluster") { Scope::Cluster } else { Scope::Environment },
        namespace: owned(table, "namespace"),
        pod_security: owned(table, "pod_security"),
        apis: strings(table, "apis"),
        served: entries(table.table("served"), |_, t, _| read(t)),
        writes_to: strings(table, "writes_to"),
        store_account: owned(table, "store_account"),
        notes: strings(table, "notes"),
        needs: strings(table, "needs"),
        lifecycle: table.table("lifecycle").map(|t| Lifecycle {
            state: owned(t, "state").unwrap_or_default(),
            successor: owned(t, "successor"),
            reason: owned(t, "reason").unwrap_or_default(),
            source: owned(t, "source").unwrap_or_default(),
        }),
        chart: table.table("chart").map(|t| chart(&read(t))),
        crds: table.table("crds").map(|t| chart(&read(t))),
        source: table.table("source").map(|t| SourceDef {
            path: owned(t, "path").unwrap_or_default(),
            repository: owned(t, "repository"),
            revision: owned(t, "revision"),
        }),
        options,
        requires,
        provides: entries(table.table("provides"), offer),
        secrets: entries(table.table("secrets"), secret),
        endpoints,
        pods,
        without: text_map(table.table("without")),
        metrics_values: metrics.table("values").map(value_map).unwrap_or_default(),
        scrapes: entries(metrics.table("scrape"), scrape),
        alerts: entries(table.table("alerts"), |_, t, _| read(t)),
        network_from: strings(network, "from"),
        network_ports: network
            .node("ports")
            .and_then(Node::as_list)
            .unwrap_or(&[])
            .iter()
            .map(Node::to_value)
            .collect(),
        engine: engine.text("kind").and_then(Engine::of),
        annotations: strings(table, "annotations"),
        server_side: engine.flag("server_side").unwrap_or(false),
        operator_filled: filled(engine),
        data: strings(engine, "data"),
        health: text_map(engine.table("health")),
        ready: ready(engine),
        values: None,
        templates: IndexMap::new(),
        reads: option_check::reads(table),
        released: table.contains_key("chart") || strings(table, "needs").iter().any(|key| key == "chart"),
        keys: Arc::default(),
        span,
    }
}

fn owned(table: &Table, key: &str) -> Option<String> {
    table.text(key).map(String::from)
}

fn strings(table: &Table, key: &str) -> Vec<String> {
    table.texts(key).into_iter().map(String::from).collect()
}

fn value_map(table: &Table) -> Map {
    match table_value(table) {
        Value::Map(map) => map,
        _ => Map::default(),
    }
}

/// Returns the string entries of a table.
pub fn text_map(table: Option<&Table>) -> IndexMap<String, String> {
    table
        .into_iter()
        .flatten()
        .filter_map(|(key, entry)| entry.node.as_str().map(|text| (key.to_string(), text.to_string())))
        .collect()
}

/// Reads what a slot claims: texts, numbers, booleans, and lists of them joined by commas.
fn claim_map(table: Option<&Table>) -> IndexMap<String, String> {
    fn text(value: &Value) -> String {
        match value {
            Value::Str(text) => text.to_string(),
            Value::Bool(flag) => flag.to_string(),
            Value::Int(number) => number.to_string(),
            Value::List(list) => list.iter().map(text).collect::<Vec<_>>().join(","),
            _ => String::new(),
        }
    }
    table.into_iter().flatten().map(|(key, entry)| (key.to_string(), text(&entry.node.to_value()))).collect()
}

fn entries<T>(table: Option<&Table>, read: impl Fn(&str, &Table, Span) -> T) -> IndexMap<String, T> {
    table
        .into_iter()
        .flatten()
        .filter_map(|(key, entry)| entry.node.as_table().map(|t| (key.to_string(), read(key, t, entry.key))))
        .collect()
}

fn stage_of(table: &Table, default: Stage) -> Stage {
    table.text("stage").and_then(Stage::from_name).unwrap_or(default)
}

/// Returns the chart of a table, the catalogue's or a user's.
pub fn chart(table: &ChartTable) -> Chart {
    let text = |text: &Option<Text>| text.as_ref().map_or_else(String::new, String::from);
    Chart {
        repository: text(if table.oci.is_some() { &table.oci } else { &table.repository }),
        name: text(&table.name),
        version: text(&table.version),
        supports: text(&table.supports),
        fullname: table.fullname.as_ref().map_or_else(|| "${release}".into(), String::from),
        skip_crds: table.skip_crds,
        open_values: table.open_values.iter().map(String::from).collect(),
    }
}

/// Returns the options that a table describes.
pub(super) fn options(table: Option<&Table>) -> IndexMap<String, OptionDef> {
    entries(table, |_, t, span| OptionDef {
        span,
        default: t.node("default").cloned(),
        required: t.flag("required").unwrap_or(false),
        kind: owned(t, "type").unwrap_or_else(|| "string".into()),
        doc: owned(t, "doc").unwrap_or_default(),
        keys: options(t.table("keys")),
        items: owned(t, "items"),
        pattern: owned(t, "pattern"),
        values: strings(t, "values"),
        min: t.node("min").and_then(Node::as_int),
        max: t.node("max").and_then(Node::as_int),
    })
}

fn slot(name: &str, t: &Table, span: Span) -> Slot {
    Slot {
        capabilities: strings(t, "capability"),
        claim: claim_map(t.table("claim")),
        optional: t.flag("optional").unwrap_or(false),
        wait: t.flag("wait").unwrap_or(true),
        identity: t.flag("identity").unwrap_or(false),
        shape: match t.text("shape") {
            Some("list") => Shape::List,
            Some("map") => Shape::Map,
            _ => Shape::One,
        },
        credential: owned(t, "credential").unwrap_or_else(|| name.into()),
        follows: owned(t, "follows"),
        stage: stage_of(t, Stage::Prepare),
        doc: owned(t, "doc").unwrap_or_default(),
        span,
    }
}

fn offer(_: &str, t: &Table, span: Span) -> Offer {
    let fields = t
        .iter()
        .filter(|(key, _)| &***key != "credential")
        .map(|(key, entry)| {
            let text = match &entry.node.kind {
                Kind::Str(s) => s.to_string(),
                Kind::Int(i) => i.to_string(),
                Kind::Bool(b) => b.to_string(),
                _ => String::new(),
            };
            (key.to_string(), text)
        })
        .collect();
    let credential = t.table("credential").map(|t| CredentialDef {
        source: t.text("source").and_then(CredentialSource::of).unwrap_or_default(),
        secret: owned(t, "secret").unwrap_or_else(|| "${release}-${claim.role}".into()),
        keys: text_map(t.table("keys")),
        text: text_map(t.table("text")),
        labels: text_map(t.table("labels")),
        kind: owned(t, "type").unwrap_or_else(|| "Opaque".into()),
    });
    Offer { fields, credential, span }
}

fn secret(_: &str, t: &Table, span: Span) -> SecretDef {
    SecretDef {
        name: owned(t, "name"),
        any_keys: t.flag("any_keys").unwrap_or(false),
        keys: text_map(t.table("keys")),
        labels: text_map(t.table("labels")),
        when: owned(t, "when"),
        each: owned(t, "each"),
        precious: t.flag("precious").unwrap_or(false),
        generate: strings(t, "generate"),
        hint: owned(t, "hint"),
        kind: owned(t, "type"),
        stage: stage_of(t, Stage::Prepare),
        span,
    }
}

fn endpoint(_: &str, t: &Table, _: Span) -> Endpoint {
    Endpoint {
        service: owned(t, "service").unwrap_or_else(|| "${fullname}".into()),
        port: t.node("port").map_or(Value::Int(80), Node::to_value),
        target: t.node("target").map(Node::to_value),
        protocol: owned(t, "protocol").unwrap_or_else(|| "http".into()),
        path: owned(t, "path").unwrap_or_else(|| "/".into()),
        health: owned(t, "health"),
        ca: t.table("ca").and_then(backend_ca),
    }
}

fn backend_ca(t: &Table) -> Option<BackendCa> {
    let trust = match (owned(t, "secret"), owned(t, "config_map")) {
        (Some(name), _) => Trust::Secret(name),
        (None, Some(name)) => Trust::ConfigMap(name),
        (None, None) => Trust::System,
    };
    Some(BackendCa { trust, hostname: owned(t, "hostname")? })
}

fn pod(t: &Table) -> Pod {
    Pod {
        replicas: owned(t, "replicas"),
        resources: owned(t, "resources"),
        placement: owned(t, "placement"),
        env: owned(t, "env"),
        labels: owned(t, "labels"),
        identity: owned(t, "identity"),
        volumes: t.table("volumes").and_then(|v| Some((owned(v, "list")?, owned(v, "mounts")?))),
        takes: strings(t, "takes"),
        spread: match t.text("spread") {
            Some("affinity") => Spread::Affinity,
            Some("never") => Spread::Never,
            _ => Spread::Constraints,
        },
        selector: text_map(t.table("selector")),
        default: t.table("default").map(read).unwrap_or_default(),
    }
}

fn scrape(_: &str, t: &Table, _: Span) -> Scrape {
    Scrape {
        port: t.node("port").map_or(Value::from("metrics"), Node::to_value),
        path: owned(t, "path").unwrap_or_else(|| "/metrics".into()),
        interval: owned(t, "interval").unwrap_or_else(|| "30s".into()),
        selector: text_map(t.table("selector")),
    }
}

fn ready(engine: &Table) -> IndexMap<String, (String, Option<String>)> {
    let entries = engine.table("ready").into_iter().flatten();
    entries
        .filter_map(|(kind, entry)| {
            let table = entry.node.as_table()?;
            Some((kind.to_string(), (table.text("current")?.to_string(), table.text("failed").map(String::from))))
        })
        .collect()
}

fn filled(engine: &Table) -> Vec<Filled> {
    let list = engine.node("operator_filled").and_then(Node::as_list).unwrap_or(&[]);
    list.iter()
        .filter_map(Node::as_table)
        .map(|t| Filled {
            group: owned(t, "group").unwrap_or_default(),
            kind: owned(t, "kind").unwrap_or_default(),
            pointers: strings(t, "pointers"),
            jq: strings(t, "jq"),
        })
        .collect()
}

/// Reads a capability.
pub fn capability(name: &str, table: &Table, found: &mut Vec<Diagnostic>) -> Capability {
    language::check_capability(name, table, found);
    Capability {
        name: name.into(),
        summary: owned(table, "summary").unwrap_or_default(),
        claim: entries(table.table("claim"), |_, t, _| ClaimField {
            default: owned(t, "default"),
            pattern: owned(t, "pattern"),
            unless: owned(t, "unless"),
            doc: owned(t, "doc").unwrap_or_default(),
        }),
        fields: entries(table.table("fields"), |_, t, _| Field {
            default: owned(t, "default"),
            secret: t.flag("secret").unwrap_or(false),
            unless: owned(t, "unless"),
            kind: owned(t, "type").unwrap_or_else(|| "string".into()),
            optional: t.flag("optional").unwrap_or(false),
            doc: owned(t, "doc").unwrap_or_default(),
        }),
    }
}
