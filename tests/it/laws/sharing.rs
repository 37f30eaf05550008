//! What targets must not share, and what they share on purpose: bases, which laid under their patches give the objects.

use std::collections::{BTreeMap, BTreeSet};

use lakegen::manifest::object::{Object, ObjectId};
use lakegen::manifest::value::Value;

use super::hosts;
use super::kept::Broken;
use super::subject::Subject;

/// Names of what an engine syncs, hosts, and folders.
pub fn targets_share_nothing(subject: &Subject) -> Vec<Broken> {
    let mut broken = Vec::new();
    let targets = subject.targets();
    let hub = subject.document.as_ref().is_some_and(|d| d.at(&["argocd", "hub"]) == Some(&true.into()));
    // Where each engine runs: a hub keeps all clusters.
    let place = |target: &str| match hub {
        true => "the hub",
        false => targets.iter().find(|(name, ..)| *name == target).map_or("", |(.., cluster)| *cluster),
    };
    let mut names: BTreeMap<(String, String, ObjectId), String> = BTreeMap::new();
    for (target, ..) in &targets {
        for folder in [format!("argocd/{target}/"), format!("flux/{target}/"), format!("bootstrap/{target}/")] {
            for (path, value) in subject.below(&folder) {
                let Ok(object) = Object::new(value) else { continue };
                let key = (place(target).to_string(), String::new(), object.id());
                if let Some(other) = names.insert(key, path.to_string()) {
                    broken.push(format!("{other} and {path} are both {}", object.id()));
                }
            }
        }
    }
    let said = subject.compiled.diagnostics.iter().filter(|d| d.code.slug == "duplicate-host");
    let said: Vec<&str> = said.map(|d| d.message.as_str()).collect();
    let off = subject.document.as_ref().is_some_and(|d| d.at(&["policy", "duplicate-host"]) == Some(&"off".into()));
    let silent = |host: &str| !off && !said.iter().any(|message| message.contains(&format!("`{host}`")));
    // Clusters of one environment may answer at one host together.
    let environment = |target: &String| targets.iter().find(|(name, ..)| name == target).and_then(|(_, of, _)| *of);
    let several = |by: &BTreeSet<String>| by.iter().map(environment).collect::<BTreeSet<_>>().len() > 1;
    for (host, by) in hosts::of_clusters(subject).iter().filter(|(host, by)| several(by) && silent(host)) {
        broken.push(format!("{host} is published by {}", by.iter().cloned().collect::<Vec<_>>().join(" and ")));
    }
    broken
}

/// Returns the objects of a folder as kustomize would build it, for what lakegen writes into kustomizations.
fn built(subject: &Subject, folder: &str, depth: usize) -> Option<Vec<Value>> {
    let kustomization = subject.documents(&format!("{folder}/kustomization.yaml")).into_iter().next()?;
    let list = |key: &str| kustomization.get(key).and_then(Value::as_list).unwrap_or_default().to_vec();
    let mut objects = Vec::new();
    for resource in list("resources") {
        let path = joined(folder, resource.as_str()?);
        if path.ends_with(".yaml") {
            objects.extend(subject.documents(&path));
        } else if depth > 0 {
            objects.extend(built(subject, &path, depth - 1)?);
        }
    }
    for patch in list("patches") {
        // Patches of the user's are not what this is about.
        let path = joined(folder, patch.get("path")?.as_str()?);
        for patch in subject.documents(&path) {
            let id = Object::new(patch.clone()).ok()?.id();
            let object = objects.iter_mut().find(|o| Object::new((*o).clone()).is_ok_and(|o| o.id() == id))?;
            object.merge(patch);
        }
    }
    Some(objects)
}

fn joined(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').collect();
    for part in path.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// Every target's folder of a component gives exactly the objects that the component has there.
pub fn base_and_patch_give_the_object(subject: &Subject) -> Vec<Broken> {
    let mut wanted: BTreeMap<(String, String), BTreeMap<ObjectId, Value>> = BTreeMap::new();
    for part in subject.objects().into_iter().filter(|part| part.stage != "demand" && part.component != "flux-secrets")
    {
        let folder = (part.target.to_string(), format!("components/{}", part.component));
        let key = (folder.0, format!("{}\n{}", folder.1, part.stage));
        wanted.entry(key).or_default().insert(part.object.id(), sorted(part.object.value()));
    }
    let mut broken = Vec::new();
    for ((target, place), objects) in wanted {
        let (component, stage) = place.split_once('\n').unwrap_or_default();
        let own = format!("{component}/{target}/{stage}");
        let base = format!("{component}/base/{stage}");
        let there = |folder: &str| subject.compiled.tree.get(&format!("{folder}/kustomization.yaml")).is_some();
        let folder = [own, base].into_iter().find(|folder| there(folder));
        // Rendered manifests are written whole.
        let Some(folder) = folder else { continue };
        let Some(built) = built(subject, &folder, 2) else { continue };
        let built: BTreeMap<ObjectId, Value> = built
            .into_iter()
            .filter_map(|value| Some((Object::new(value.clone()).ok()?.id(), sorted(&value))))
            .collect();
        let ids: BTreeSet<&ObjectId> = objects.keys().chain(built.keys()).collect();
        for id in ids.into_iter().filter(|id| objects.get(*id) != built.get(*id)) {
            broken.push(format!("{target}: {folder} gives another {id}"));
        }
    }
    broken
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Map(map) => {
            let mut map: lakegen::manifest::value::Map = map.iter().map(|(k, v)| (k.clone(), sorted(v))).collect();
            map.sort_keys();
            Value::Map(map)
        }
        Value::List(list) => Value::List(list.iter().map(sorted).collect()),
        other => other.clone(),
    }
}
