//! A component as JSON, and the words for its parts that the page uses too.

use indexmap::IndexMap;
use serde_json::{Map, Value as Json, json};

use super::pods::Containers;
use super::{paste, tier};
use crate::catalog::keys::common;
use crate::catalog::{Catalogue, Component, OptionDef, Scope, SecretDef, SlotShape};
use crate::manifest::value::Value;
use crate::parse::shape::Shape;
use crate::settings::Text;

/// Returns what a list shows of a component.
pub fn brief(component: &Component) -> Json {
    json!({
        "name": component.name,
        "tier": tier(component),
        "summary": component.summary,
        "chart": component.chart.as_ref().map(|c| json!({
            "repository": c.repository, "name": c.name, "version": c.version,
        })),
    })
}

/// Returns everything of a component.
pub fn whole(component: &Component, catalogue: &Catalogue, pods: &Containers, hand: &paste::Hand) -> Json {
    let mut json = brief(component);
    json["namespace"] = Json::from(component.namespace.clone());
    json["scope"] = Json::from(if per_cluster(component) { "cluster" } else { "environment" });
    json["options"] = options(&component.options);
    json["requires"] = requires(component, catalogue);
    json["provides"] = provides(component, catalogue);
    json["secrets"] = map(component.secrets.iter().map(|(name, secret)| {
        let keys: Vec<&String> = secret.keys.keys().collect();
        (name, json!({"keys": keys, "how": how(secret, name), "precious": secret.precious}))
    }));
    json["endpoints"] = map(component.endpoints.iter().map(|(name, endpoint)| {
        let about = json!({"service": endpoint.service, "port": endpoint.port, "protocol": endpoint.protocol, "path": endpoint.path});
        (name, about)
    }));
    let shape = component.keys.keys.get("pods").map(|key| &key.shape);
    json["pods"] = map(component
        .pods
        .keys()
        .map(|name| (name, json!({"takes": pod_keys(shape, name), "default": pod_default(component, name)}))));
    json["containers"] = map(pods.iter().map(|(object, names)| (object, json!(names))));
    let keys: Vec<String> = common().keys.into_keys().filter(|name| component.keys.keys.contains_key(name)).collect();
    json["keys"] = json!(keys);
    json["apis"] = Json::from(component.apis.clone());
    json["lifecycle"] = component.lifecycle.as_ref().map_or(
        Json::Null,
        |l| json!({"state": l.state, "successor": l.successor, "reason": l.reason, "source": l.source}),
    );
    json["toml"] = Json::from(paste::block(component, catalogue, hand));
    json
}

fn map<'a>(entries: impl Iterator<Item = (&'a String, Json)>) -> Json {
    Json::Object(entries.map(|(name, value)| (name.clone(), value)).collect::<Map<_, _>>())
}

fn options(all: &IndexMap<String, OptionDef>) -> Json {
    map(all.iter().map(|(name, option)| {
        let mut json = json!({"type": option.kind, "required": option.required, "doc": option.doc});
        if let Some(default) = &option.default {
            json["default"] = json!(default.to_value());
        }
        if let Some(items) = &option.items {
            json["items"] = Json::from(items.clone());
        }
        if !option.values.is_empty() {
            json["values"] = Json::from(option.values.clone());
        }
        if !option.keys.is_empty() {
            json["keys"] = options(&option.keys);
        }
        (name, json)
    }))
}

fn requires(component: &Component, catalogue: &Catalogue) -> Json {
    map(component.requires.iter().map(|(name, slot)| {
        let mut claim = Map::new();
        for (field, def) in slot.capabilities.iter().filter_map(|c| catalogue.capabilities.get(c)).flat_map(|c| &c.claim) {
            let default = slot.claim.get(field).or(def.default.as_ref());
            claim.entry(field.clone()).or_insert_with(|| json!({"default": default, "doc": def.doc}));
        }
        let shape = match slot.shape {
            SlotShape::One => "one",
            SlotShape::List => "list",
            SlotShape::Map => "map",
        };
        let about = json!({
            "capabilities": slot.capabilities, "optional": slot.optional, "shape": shape, "claim": claim, "doc": slot.doc,
        });
        (name, about)
    }))
}

fn provides(component: &Component, catalogue: &Catalogue) -> Json {
    map(component.provides.iter().map(|(name, offer)| {
        let fields: Vec<&String> = offer.fields.keys().collect();
        let known = catalogue.capabilities.get(name);
        let secret: Vec<&String> =
            known.iter().flat_map(|c| &c.fields).filter(|(_, f)| f.secret).map(|(name, _)| name).collect();
        let source = offer.credential.as_ref().map(|credential| credential.source.name());
        (name, json!({"fields": fields, "secret_fields": secret, "credential": source}))
    }))
}

/// Says whether there is one per cluster.
pub fn per_cluster(component: &Component) -> bool {
    component.scope == Scope::Cluster
}

/// Returns the type of an option in words.
pub fn kind(option: &OptionDef) -> String {
    let of = option.items.as_ref().map_or_else(String::new, |items| format!(" of {items}"));
    // Other types than `enum` have words that may stand instead.
    match (option.kind.as_str(), option.values.join(" | ")) {
        (kind, words) if words.is_empty() => format!("{kind}{of}"),
        ("enum" | "list" | "map", words) => words,
        (kind, words) => format!("{kind}{of} | {words}"),
    }
}

/// Says where the credential of an offer comes from.
pub fn source(source: &str) -> &str {
    match source {
        "generate" => "generated once in the cluster",
        "made" => "created by its operator",
        _ => "an item in the secret store",
    }
}

/// Says what a Secret holds and how a good value is made.
pub fn how(secret: &SecretDef, name: &str) -> String {
    let from = |prefix: &str| {
        let mut names: Vec<String> = Vec::new();
        for text in secret.keys.values() {
            for part in text.split(prefix).skip(1) {
                let name: String =
                    part.chars().take_while(|c| c.is_ascii_alphanumeric() || "_-".contains(*c)).collect();
                if !name.is_empty() && !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        names
    };
    let mut parts = Vec::new();
    let (slots, items) = (from("${requires."), from("${item."));
    if !slots.is_empty() {
        parts.push(format!("from slot {}", slots.join(", ")));
    }
    if !items.is_empty() {
        parts.push(format!("item `<component>/{name}` with {}", items.join(", ")));
    }
    if secret.precious {
        parts.push("precious: losing it means losing data".into());
    }
    if !secret.generate.is_empty() {
        parts.push("can be generated in the cluster (`secrets.generate`)".into());
    }
    parts.extend(secret.hint.as_ref().map(|hint| format!("to create: {hint}")));
    parts.extend(
        secret
            .when
            .as_ref()
            .map(|when| format!("only with {}", when.trim_start_matches("requires.").trim_start_matches("options."))),
    );
    parts.join("; ")
}

/// Returns the defaults of a pod in words.
pub fn pod_default(component: &Component, name: &str) -> String {
    let Some(pod) = component.pods.get(name) else { return String::new() };
    let text = |text: &Option<Text>| text.as_ref().map(|text| text.as_str().to_string());
    let parts = [
        ("replicas", pod.default.replicas.map(|count| count.to_string())),
        ("cpu", text(&pod.default.cpu)),
        ("memory", text(&pod.default.memory)),
    ];
    let said = parts.into_iter().filter_map(|(key, value)| Some(format!("{key} {}", value?)));
    said.collect::<Vec<_>>().join(", ")
}

/// Returns the keys that a pod takes.
pub fn pod_keys(pods: Option<&Shape>, name: &str) -> Vec<String> {
    let Some(Shape::Table(pods)) = pods else { return vec![] };
    match pods.keys.get(name).map(|key| &key.shape) {
        Some(Shape::Table(keys)) => keys.keys.keys().cloned().collect(),
        _ => vec![],
    }
}

/// Returns a number or text without quotes.
pub fn scalar(value: &Value) -> String {
    match value {
        Value::Str(text) => text.to_string(),
        other => paste::toml(other),
    }
}

/// Returns the type of a key in a word or two.
pub fn shape_word(shape: &Shape) -> String {
    match shape {
        Shape::Text(format) => format.word().into(),
        Shape::Enum(_) => "word".into(),
        Shape::Int { .. } => "integer".into(),
        Shape::Number => "number".into(),
        Shape::List(of) => format!("list of {}", shape_word(of)),
        Shape::Either(shapes) => {
            let mut words: Vec<String> = Vec::new();
            for word in shapes.iter().map(shape_word).filter(|word| !word.starts_with("list of")) {
                if !words.contains(&word) {
                    words.push(word);
                }
            }
            let several = shapes.iter().any(|shape| matches!(shape, Shape::List(_)));
            format!("{}{}", words.join(" or "), if several { " or several" } else { "" })
        }
        Shape::Any | Shape::Map(..) | Shape::Table(_) | Shape::Component | Shape::Job => "table".into(),
        Shape::Bool | Shape::Once => "true or false".into(),
    }
}
