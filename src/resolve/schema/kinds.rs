//! What a table may hold depends on a word in it: the kind of an edge, the secret store.

use std::sync::Arc;

use serde_json::{Map, Value as Json, json};

use super::refer;
use super::shapes::{described, property};
use crate::catalog::{Catalogue, EdgeKind, StoreKind};

/// Says which kinds of edges there are, and which keys each takes. A table that does not say its kind may be any: another layer says
/// it.
pub fn edges(properties: &mut Json, catalogue: &Catalogue) {
    let Some(edge) = properties.pointer_mut("/edges/additionalProperties") else { return };
    let kinds: Vec<&str> = catalogue.edges.keys().map(String::as_str).collect();
    choose(&mut edge["properties"]["kind"], &kinds);
    edge["allOf"] = catalogue.edges.values().map(|kind| kind_of_edge(kind)).collect();
}

/// Says which keys each secret store takes. A table that does not say its store may be of any: another layer says it.
pub fn stores(properties: &mut Json, catalogue: &Catalogue) {
    let Some(secrets) = properties.get_mut("secrets") else { return };
    let kind = |kind: &Arc<StoreKind>| {
        let keys = kind.described();
        let own: Map<String, Json> = keys.keys.iter().map(|(name, key)| (name.clone(), property(key))).collect();
        json!({
            "if": {"required": ["provider"], "properties": {"provider": {"const": kind.name}}},
            "then": {"propertyNames": {"enum": keys.keys.keys().collect::<Vec<_>>()}, "properties": own},
        })
    };
    secrets["allOf"] = catalogue.stores.values().map(kind).collect();
}

/// Makes a text a choice of words.
fn choose(property: &mut Json, words: &[&str]) {
    let doc = property["description"].as_str().unwrap_or_default().to_string();
    let default = property.get("default").cloned();
    *property = described(json!({"anyOf": [{"enum": words}, refer("reference")]}), &doc);
    if let Some(default) = default {
        property["default"] = default;
    }
}

fn kind_of_edge(kind: &EdgeKind) -> Json {
    let of = |prefix: &str| -> Vec<String> {
        let keys = kind.keys().filter_map(|key| key.strip_prefix(prefix));
        keys.filter(|key| !key.contains('.')).map(String::from).collect()
    };
    let keys: Vec<String> = of("").into_iter().chain(["kind".into()]).collect();
    json!({
        "if": {"required": ["kind"], "properties": {"kind": {"const": kind.name}}},
        "then": {"propertyNames": {"enum": keys}, "properties": {"tls": {"propertyNames": {"enum": of("tls.")}}}},
    })
}
