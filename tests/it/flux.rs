//! What every tree for Flux has to be, seen over all examples: names that Flux can use, folders that are there, an order
//! without circles, values that a release finds, and no object beside the release that brings its kind.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use lakegen::catalog;
use lakegen::compile::{Compiled, Request, compile};
use lakegen::emit::Tree;
use lakegen::manifest::value::Value;
use lakegen::manifest::yaml;
use lakegen::world::memory::MemoryWorld;

/// Returns every platform of the catalogue and of `examples/` that compiles for Flux, by name.
fn platforms() -> Vec<(String, Compiled)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let names = catalog::names(&MemoryWorld::default());
    let mut texts: Vec<(String, String)> = names
        .into_iter()
        .filter(|name| name != "argocd")
        .filter_map(|name| {
            let text = catalog::embedded_file(&format!("templates/{name}/example.toml"))?;
            Some((name, text.to_string()))
        })
        .collect();
    for folder in ["examples", "tests/cases/flux"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path().join("platform.toml");
            if let Ok(text) = std::fs::read_to_string(&path) {
                texts.push((path.display().to_string(), text));
            }
        }
    }
    let compiled = texts.into_iter().map(|(name, text)| {
        let mut world = MemoryWorld::default();
        let line = "\nengine = \"argocd\"";
        let text = match text.contains("\nengine = ") {
            true => text.replacen(line, "\nengine = \"flux\"", 1),
            false => text.replacen("[platform]", "[platform]\nengine = \"flux\"", 1),
        };
        world.insert("platform.toml", text.into_bytes());
        (name, compile(&world, &Request::default()))
    });
    compiled.filter(|(_, compiled)| compiled.is_ok()).collect()
}

fn text(value: &Value, path: &[&str]) -> String {
    value.at(path).and_then(Value::as_str).unwrap_or_default().to_string()
}

/// Returns the objects of the engine's folders with their paths.
fn objects(tree: &Tree) -> Vec<(String, Value)> {
    let engine = |path: &str| {
        (path.starts_with("flux/") || path.starts_with("bootstrap/"))
            && path.ends_with(".yaml")
            && !path.ends_with("/kustomization.yaml")
            && !path.ends_with("/kustomizeconfig.yaml")
    };
    let files = tree.files().filter(|(path, _)| engine(path));
    files.map(|(path, bytes)| (path.into(), yaml::read_one(std::str::from_utf8(bytes).unwrap()).unwrap())).collect()
}

fn is(value: &Value, kind: &str, group: &str) -> bool {
    text(value, &["kind"]) == kind && text(value, &["apiVersion"]).starts_with(group)
}

/// Calls with every platform's objects and gathers what is wrong.
#[track_caller]
fn all(check: impl Fn(&Compiled, &[(String, Value)]) -> Vec<String>) {
    let platforms = platforms();
    assert!(platforms.len() > 20, "only {} platforms compile", platforms.len());
    let mut wrong = Vec::new();
    for (name, compiled) in &platforms {
        let objects = objects(&compiled.tree);
        wrong.extend(check(compiled, &objects).into_iter().map(|w| format!("{name}: {w}")));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn names_fit_into_labels_and_are_unique_on_a_cluster() {
    all(|compiled, objects| {
        let cluster = |path: &str| {
            let target = path.split('/').nth(1).unwrap_or_default();
            let targets = &compiled.platform.as_ref().unwrap().targets;
            targets.iter().find(|t| t.name == target).map(|t| t.cluster.clone()).unwrap_or_default()
        };
        let mut seen = BTreeSet::new();
        let mut wrong = Vec::new();
        for (path, value) in objects {
            let name = text(value, &["metadata", "name"]);
            // RFC 1123, as labels and names of custom resources have it: a digit may come first.
            let letters = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
            if !letters || name.is_empty() || name.len() > 63 || name.starts_with('-') || name.ends_with('-') {
                wrong.push(format!("{path}: `{name}`"));
            }
            if !seen.insert((cluster(path), text(value, &["kind"]), text(value, &["apiVersion"]), name)) {
                wrong.push(format!("{path}: its object is there twice"));
            }
        }
        wrong
    });
}

#[test]
fn every_kustomization_finds_its_folder_and_nobody_waits_in_a_circle() {
    all(|compiled, objects| {
        let platform = compiled.platform.as_ref().unwrap();
        let mut wrong = Vec::new();
        let mut waits: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (path, value) in objects.iter().filter(|(_, v)| is(v, "Kustomization", "kustomize.toolkit.fluxcd.io/")) {
            let folder = text(value, &["spec", "path"]);
            let folder = folder
                .trim_start_matches("./")
                .strip_prefix(platform.targets[0].settings.git.path.as_str())
                .unwrap_or("");
            let folder = folder.trim_start_matches('/');
            let ours = ["components/", "flux/"].iter().any(|top| folder.starts_with(top));
            if ours && compiled.tree.get(&format!("{folder}/kustomization.yaml")).is_none() {
                wrong.push(format!("{path}: there is no {folder}"));
            }
            let on = value.at(&["spec", "dependsOn"]).and_then(Value::as_list).unwrap_or(&[]);
            waits.insert(text(value, &["metadata", "name"]), on.iter().map(|o| text(o, &["name"])).collect());
        }
        // What can be done is taken away until nothing is left.
        let mut done: BTreeSet<String> = BTreeSet::new();
        while let Some(next) =
            waits.iter().find(|(name, on)| !done.contains(*name) && on.iter().all(|o| done.contains(o)))
        {
            done.insert(next.0.clone());
        }
        wrong.extend(waits.keys().filter(|name| !done.contains(*name)).map(|name| format!("`{name}` never starts")));
        wrong
    });
}

#[test]
fn every_release_finds_its_chart_and_its_values() {
    all(|compiled, objects| {
        let mut wrong = Vec::new();
        let has = |kind: &str, name: &str| {
            objects
                .iter()
                .any(|(_, v)| is(v, kind, "source.toolkit.fluxcd.io/") && text(v, &["metadata", "name"]) == name)
        };
        for (path, value) in objects.iter().filter(|(_, v)| is(v, "HelmRelease", "helm.toolkit.fluxcd.io/")) {
            let reference = value.at(&["spec", "chartRef"]).or(value.at(&["spec", "chart", "spec", "sourceRef"]));
            let reference = reference.cloned().unwrap_or_default();
            if !has(&text(&reference, &["kind"]), &text(&reference, &["name"])) {
                wrong.push(format!("{path}: nobody brings the chart"));
            }
            let component = path.split('/').nth(3).unwrap_or_default();
            let target = path.split('/').nth(1).unwrap_or_default();
            let wanted = ["base", target].into_iter().filter(|side| {
                compiled.tree.get(&format!("components/{component}/{side}/values/values.yaml")).is_some()
            });
            let from = value.at(&["spec", "valuesFrom"]).and_then(Value::as_list).unwrap_or(&[]);
            if from.len() != wanted.count() {
                wrong.push(format!("{path}: values are left out"));
            }
        }
        wrong
    });
}

#[test]
fn no_object_stands_beside_the_release_that_brings_its_kind() {
    all(|compiled, _| {
        let mut wrong = Vec::new();
        let platform = compiled.platform.as_ref().unwrap();
        for target in &platform.targets {
            for instance in target.instances.values().filter(|i| i.crds.is_none()) {
                let file = format!("flux/{}/releases/{}/kustomization.yaml", target.name, instance.name);
                let Some(bytes) = compiled.tree.get(&file) else { continue };
                let beside = std::str::from_utf8(bytes).unwrap().contains("/release\n");
                if beside
                    && !instance.apis.is_empty()
                    && !instance.definition.templates.contains_key(&catalog::Stage::Crds)
                {
                    wrong.push(format!("{file}: {}", instance.name));
                }
            }
        }
        wrong
    });
}

/// Says where a value is not what a schema of types, required fields and enums takes; unknown fields are wrong.
fn unlike(value: &serde_json::Value, schema: &serde_json::Value, at: &str, wrong: &mut Vec<String>) {
    use serde_json::Value as Json;
    let kind = match value {
        Json::Null => "null",
        Json::Bool(_) => "boolean",
        Json::Number(_) => "integer",
        Json::String(_) => "string",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    };
    if schema["type"].as_str().is_some_and(|wanted| wanted != kind) {
        wrong.push(format!("{at} is {kind}, not {}", schema["type"]));
    }
    if schema["enum"].as_array().is_some_and(|words| !words.contains(value)) {
        wrong.push(format!("{at} is {value}, none of {}", schema["enum"]));
    }
    for required in schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str) {
        if value.get(required).is_none() {
            wrong.push(format!("{at} lacks `{required}`"));
        }
    }
    for (number, item) in value.as_array().into_iter().flatten().enumerate() {
        unlike(item, &schema["items"], &format!("{at}[{number}]"), wrong);
    }
    for (key, inner) in value.as_object().into_iter().flatten() {
        match (schema["properties"].get(key), schema.get("additionalProperties")) {
            (Some(known), _) | (None, Some(known)) => unlike(inner, known, &format!("{at}.{key}"), wrong),
            (None, None) if schema["properties"].is_object() => wrong.push(format!("{at} takes no `{key}`")),
            (None, None) => {}
        }
    }
}

/// Facts of the operator that keeps Flux: xtask/schemas names their source.
#[test]
fn a_flux_instance_is_one_that_the_operator_takes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let schema = root.join("xtask/schemas/fluxcd.controlplane.io/fluxinstance_v1.json");
    let schema: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(schema).unwrap()).unwrap();
    let case = std::fs::read_to_string(root.join("tests/cases/flux/operator/platform.toml")).unwrap();
    for cloud in ["none", "aws", "gcp", "azure", "openshift"] {
        for git in ["", "secret = \"git/lake\"\n", "branch = \"live\"\npath = \".\"\n"] {
            let text = case.replace("[platform]\n", &format!("[platform]\ncloud = \"{cloud}\"\n"));
            let text = text
                .replace("[git]\n", &format!("[git]\n{git}"))
                .replace("[flux]\n", "[secrets]\nprovider = \"vault\"\nat = \"https://vault.example.com\"\n\n[flux]\n");
            let text = format!("{text}\n[components.external-secrets]\n");
            let mut world = MemoryWorld::default();
            world.insert("platform.toml", text.into_bytes());
            let compiled = compile(&world, &Request::default());
            let all = objects(&compiled.tree);
            let instances: Vec<_> =
                all.iter().filter(|(_, v)| is(v, "FluxInstance", "fluxcd.controlplane.io/v1")).collect();
            assert_eq!(instances.len(), 1, "{:?}", compiled.diagnostics);
            let value: serde_json::Value = serde_json::to_value(&instances[0].1).unwrap();
            // What every object has is checked elsewhere; the operator takes no other name.
            assert_eq!(value["metadata"]["name"], "flux");
            let mut wrong = vec![];
            unlike(&value["spec"], &schema["properties"]["spec"], "spec", &mut wrong);
            assert!(wrong.is_empty(), "{cloud}, {git:?}: {wrong:?}");
            assert_eq!(value["spec"]["sync"].get("pullSecret").is_some(), git.contains("secret"), "{value}");
        }
    }
    // The check itself can fail.
    let mut wrong = vec![];
    let bad = serde_json::json!({"distribution": {"version": 2}, "cluster": {"type": "vsphere"}, "sink": {}});
    unlike(&bad, &schema["properties"]["spec"], "spec", &mut wrong);
    assert_eq!(wrong.len(), 4, "{wrong:?}");
}
