//! The JSON Schema of platform.toml, for editors: the same description that the checker reads.
//!
//! What it refuses, the check refuses too; of what the check refuses, it refuses all that a single table shows by itself: unknown
//! keys, wrong types, malformed texts. It never judges what another table decides, such as what an environment's component uses.

mod kinds; //  what a word decides of a table
mod shapes; // shapes as schemas

use indexmap::IndexMap;
use serde_json::{Map, Value as Json, json};

use super::externals;
use super::language::{job_keys, root};
use crate::catalog::keys::common;
use crate::catalog::{Capability, Catalogue, Component, JOB};
use crate::code;
use crate::parse::shape::Keys;
use crate::settings::Described;
use crate::settings::component::JobWords;
use shapes::{any_of, described, shape, table};

/// Where components and jobs stand: at the top, and in the layers, whose tables may say less than a component needs.
const LAYERS: [&str; 2] = ["environments", "clusters"];

/// Returns the JSON Schema (draft-07) of platform.toml with all components of the catalogue. `version` is that of the lakegen
/// that writes it.
pub fn json_schema(catalogue: &Catalogue, version: &str) -> Json {
    let (jobs, components): (Vec<&Component>, Vec<&Component>) =
        catalogue.components.values().map(AsRef::as_ref).partition(|component| component.name.starts_with(JOB));
    let mut definitions: Map<String, Json> = shapes::definitions().collect();
    for (name, key) in &common().keys {
        definitions.insert(format!("key-{name}"), described(shape(&key.shape), &key.doc));
    }
    for component in components.iter().chain(&jobs) {
        definitions.insert(definition(component), component_schema(component));
    }
    definitions.insert("component".into(), any_component(&components));
    definitions.insert("job".into(), any_job(&jobs));
    definitions.insert("external".into(), any_external(catalogue));
    definitions.insert("defaults".into(), defaults(catalogue));
    let mut root = table(&root(catalogue));
    tables(&mut root["properties"], &components, true);
    kinds::edges(&mut root["properties"], catalogue);
    kinds::stores(&mut root["properties"], catalogue);
    for layer in LAYERS {
        if let Some(inside) = root.pointer_mut(&format!("/properties/{layer}/additionalProperties/properties")) {
            tables(inside, &components, false);
            kinds::edges(inside, catalogue);
            kinds::stores(inside, catalogue);
        }
    }
    root["allOf"] = components.iter().map(|component| layered(component)).collect();
    let mut schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": TITLE,
        "$comment": format!("{WRITTEN_BY}{version}"),
        "description": "A data platform, compiled by lakegen into a git tree for Argo CD or Flux",
    });
    if let (Some(object), Json::Object(root)) = (schema.as_object_mut(), root) {
        object.extend(root);
        object.insert("definitions".into(), Json::Object(definitions));
    }
    schema
}

code!(
    OLD_SCHEMA,
    "old-schema",
    "the JSON Schema beside platform.toml comes from another version of lakegen",
    "an editor would flag valid keys, or accept invalid ones",
    "lakegen check        # platform.schema.json was written by lakegen 0.1.0",
    "lakegen schema -o platform.schema.json"
);

/// The title by which a schema of lakegen is known.
const TITLE: &str = "lakegen platform";
const WRITTEN_BY: &str = "written by lakegen ";

/// Returns the version of the lakegen that wrote a schema; `None` when it is no schema of lakegen, an empty one when it does
/// not say.
pub fn written_by(schema: &str) -> Option<String> {
    let schema: Json = serde_json::from_str(schema).ok()?;
    (schema.get("title")?.as_str()? == TITLE).then(|| {
        let comment = schema.get("$comment").and_then(Json::as_str);
        comment.and_then(|text| text.strip_prefix(WRITTEN_BY)).unwrap_or_default().to_string()
    })
}

fn definition(component: &Component) -> String {
    match component.name.strip_prefix(JOB) {
        Some(_) => component.name.clone(),
        None => format!("component-{}", component.name),
    }
}

fn refer(name: &str) -> Json {
    json!({"$ref": format!("#/definitions/{name}")})
}

/// Puts in what the description of the tables leaves open: what each component's name says, externals, defaults.
fn tables(properties: &mut Json, components: &[&Component], base: bool) {
    if base {
        let by_name = components.iter().map(|c| (c.name.clone(), unless_it_says(&refer(&definition(c)))));
        properties["components"]["properties"] = Json::Object(by_name.collect());
    }
    let doc = |key: &str| properties[key]["description"].as_str().unwrap_or_default().to_string();
    let (external, defaults) = (doc("external"), doc("defaults"));
    let name = properties["external"]["propertyNames"].clone();
    properties["external"] = described(json!({"type": "object", "additionalProperties": refer("external")}), &external);
    if !name.is_null() {
        properties["external"]["propertyNames"] = name;
    }
    properties["defaults"] = described(refer("defaults"), &defaults);
    // Only the table at the top shows a job's kind for certain.
    if base {
        properties["jobs"]["additionalProperties"] = json!({
            "if": {"required": ["kind"]},
            "then": refer("job"),
            "else": refer("job-container"),
        });
    }
}

/// A table under a component's own name is that component unless it says otherwise.
fn unless_it_says(schema: &Json) -> Json {
    json!({"if": {"anyOf": [{"required": ["uses"]}, {"required": ["like"]}]}, "then": refer("component"), "else": schema})
}

/// What layers say under a component's own name, where the table at the top does not say that it is another.
fn layered(component: &Component) -> Json {
    let name = &component.name;
    let inside = |what: Json| json!({"properties": {"components": {"properties": {name: what}}}});
    let says = json!({"required": ["components"], "properties": {"components": {"required": [name]}}});
    let otherwise = inside(json!({"anyOf": [{"required": ["uses"]}, {"required": ["like"]}]}));
    let layer = json!({"additionalProperties": inside(unless_it_says(&refer(&definition(component))))});
    json!({
        "if": {"allOf": [says, otherwise]},
        "else": {"properties": LAYERS.map(|key| (key.to_string(), layer.clone())).into_iter().collect::<Map<_, _>>()},
    })
}

/// Says whether a key is the same for all components: what pods and endpoints there are is each component's own.
fn all_share(common: &Keys, name: &str) -> bool {
    common.keys.contains_key(name) && !matches!(name, "pods" | "hosts" | "credentials")
}

/// Returns the schema of a component's table; keys that all components have are written once, elsewhere.
fn component_schema(component: &Component) -> Json {
    let common = common();
    let keys = if component.name.starts_with(JOB) { job_keys(component) } else { (*component.keys).clone() };
    let mut schema = table(&keys);
    for (name, property) in schema["properties"].as_object_mut().into_iter().flatten() {
        if all_share(&common, name) {
            *property = refer(&format!("key-{name}"));
        }
        if let Some(pattern) = component.options.get(name).and_then(|option| option.pattern.as_ref()) {
            let filled = crate::parse::pattern::reference();
            let pattern = json!({"pattern": format!("{pattern}|{filled}")});
            match property.get_mut("allOf").and_then(Json::as_array_mut) {
                Some(all) => all.push(pattern),
                None => property["allOf"] = json!([pattern]),
            }
        }
    }
    schema
}

/// Returns the schema of a table that may be any component: by its `uses`, else all keys there are.
fn any_component(components: &[&Component]) -> Json {
    let rules = components.iter().map(|component| {
        json!({
            "if": {"required": ["uses"], "properties": {"uses": {"const": component.name}}},
            "then": refer(&definition(component)),
        })
    });
    let mut schema = every_key(components.iter().map(|component| &*component.keys));
    schema["allOf"] = rules.collect();
    schema
}

/// Returns the schema of a table that may be a job of any kind.
fn any_job(jobs: &[&Component]) -> Json {
    let keys: Vec<Keys> = jobs.iter().map(|job| job_keys(job)).collect();
    let rules = jobs.iter().map(|job| {
        let kind = job.name.strip_prefix(JOB).unwrap_or(&job.name);
        json!({"if": {"required": ["kind"], "properties": {"kind": {"const": kind}}}, "then": refer(&job.name)})
    });
    let mut schema = every_key(keys.iter());
    let kinds: Vec<&str> = jobs.iter().filter_map(|job| job.name.strip_prefix(JOB)).collect();
    let doc = JobWords::keys().keys.get("kind").map(|key| key.doc.clone()).unwrap_or_default();
    schema["properties"]["kind"] = described(json!({"anyOf": [{"enum": kinds}, refer("reference")]}), &doc);
    schema["allOf"] = rules.collect();
    schema
}

/// Returns the schema of a table that takes every key of several, each as any of them takes it.
fn every_key<'a>(tables: impl Iterator<Item = &'a Keys>) -> Json {
    let common = common();
    let mut all: IndexMap<String, (Vec<Json>, String)> = common
        .keys
        .iter()
        .filter(|(name, _)| all_share(&common, name))
        .map(|(name, _)| (name.clone(), (vec![refer(&format!("key-{name}"))], String::new())))
        .collect();
    for keys in tables {
        for (name, key) in &keys.keys {
            if !all_share(&common, name) {
                let entry = all.entry(name.clone()).or_insert_with(|| (vec![], key.doc.clone()));
                entry.0.push(shape(&key.shape));
            }
        }
    }
    let properties: Map<String, Json> =
        all.into_iter().map(|(name, (schemas, doc))| (name, described(any_of(schemas), &doc))).collect();
    json!({"type": "object", "additionalProperties": false, "properties": properties})
}

/// Returns the schema of `[defaults]`: common keys, and what any component takes.
fn defaults(catalogue: &Catalogue) -> Json {
    let mut schema = every_key(catalogue.components.values().map(|component| &*component.keys));
    // One table may name the pods of several components.
    for name in ["pods", "hosts", "credentials"] {
        schema["properties"][name] = refer(&format!("key-{name}"));
    }
    schema
}

/// Returns the schema of an external: the fields of the capability that it provides, or of any.
fn any_external(catalogue: &Catalogue) -> Json {
    let keys_of = |capability: &Capability| externals::keys([capability].into_iter());
    let capabilities = || catalogue.capabilities.values().map(AsRef::as_ref);
    let mut schema = table(&externals::keys(capabilities()));
    let rules = capabilities().map(|capability| {
        let keys: Vec<String> = keys_of(capability).keys.into_keys().collect();
        json!({
            "if": {"required": ["provides"], "properties": {"provides": {"const": capability.name}}},
            "then": {"propertyNames": {"enum": keys}},
        })
    });
    schema["allOf"] = rules.collect();
    schema
}
