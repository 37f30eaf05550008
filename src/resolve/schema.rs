//! The JSON Schema of platform.toml, for editors: the same description that the checker reads.

use indexmap::IndexMap;
use serde_json::{Value as Json, json};

use super::language::{job_words, root};
use crate::catalog::keys::common;
use crate::catalog::{Catalogue, JOB};
use crate::parse::shape::{Key, Keys, Shape, TEXT, keys_schema, words};

/// Returns the schema of a component's table; keys that all components have are written once, elsewhere.
fn component_schema(keys: &Keys) -> Json {
    let common = common();
    let mut schema = keys_schema(keys);
    for (name, property) in schema["properties"].as_object_mut().into_iter().flatten() {
        // What pods and endpoints there are is each component's own.
        if common.keys.contains_key(name) && !matches!(name.as_str(), "pods" | "hosts") {
            *property = json!({"$ref": format!("#/definitions/key-{name}")});
        }
    }
    schema
}

/// Returns the JSON Schema (draft-07) of platform.toml with all components of the catalogue.
pub fn json_schema(catalogue: &Catalogue) -> Json {
    let mut components: IndexMap<String, Json> = IndexMap::new();
    let mut rules: Vec<Json> = Vec::new();
    let mut every = common();
    every.keys.insert("uses".into(), Key::new(TEXT, "Name in the catalogue"));
    for (name, component) in &catalogue.components {
        if name.starts_with(JOB) {
            continue;
        }
        for (key, value) in &component.keys.keys {
            every.keys.entry(key.clone()).or_insert_with(|| Key::new(Shape::Any, value.doc.clone()));
        }
        components.insert(format!("component-{name}"), component_schema(&component.keys));
        rules.push(json!({
            "if": {"required": ["uses"], "properties": {"uses": {"const": name}}},
            "then": {"$ref": format!("#/definitions/component-{name}")},
        }));
    }
    let mut any = keys_schema(&every);
    any["allOf"] = Json::Array(rules);
    let mut job = job_words(Keys::new("a job"));
    if let Some(kind) = job.keys.get_mut("kind") {
        kind.shape = words(&catalogue.job_kinds().collect::<Vec<_>>());
    }
    for kind in catalogue.job_kinds() {
        if let Some(component) = catalogue.components.get(&format!("{JOB}{kind}")) {
            for (key, value) in &component.keys.keys {
                job.keys.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
    }
    let mut root = keys_schema(&root());
    // A table under a component's own name is that component unless it says otherwise.
    let by_name: serde_json::Map<String, Json> = catalogue
        .components
        .keys()
        .filter(|name| !name.starts_with(JOB))
        .map(|name| {
            let schema = json!({"if": {"anyOf": [{"required": ["uses"]}, {"required": ["like"]}]},
                "then": {"$ref": "#/definitions/component"},
                "else": {"$ref": format!("#/definitions/component-{name}")}});
            (name.clone(), schema)
        })
        .collect();
    for path in [
        "/properties/components",
        "/properties/environments/additionalProperties/properties/components",
        "/properties/clusters/additionalProperties/properties/components",
    ] {
        if let Some(components) = root.pointer_mut(path).and_then(Json::as_object_mut) {
            components.insert("properties".into(), Json::Object(by_name.clone()));
        }
    }
    let mut definitions: serde_json::Map<String, Json> = components.into_iter().collect();
    for (name, schema) in keys_schema(&common())["properties"].as_object().into_iter().flatten() {
        definitions.insert(format!("key-{name}"), schema.clone());
    }
    definitions.insert("component".into(), any);
    definitions.insert("job".into(), keys_schema(&job));
    let mut schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "lakegen platform",
        "description": "A data platform, compiled by lakegen into a git tree for Argo CD or Flux",
    });
    let object = schema.as_object_mut().expect("made as an object");
    object.extend(root.as_object().cloned().unwrap_or_default());
    object.insert("definitions".into(), Json::Object(definitions));
    schema
}
