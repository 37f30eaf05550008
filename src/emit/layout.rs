//! `components/`: per component a base, a folder per target with what differs there, and Helm values beside them; or
//! `manifests/`: per target and component every object whole, one file each (`output = "manifests"`).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use indexmap::IndexMap;

use super::Writer;
use super::split::{own, shared};
use crate::catalog::Stage;
use crate::lower::{ComponentManifests, Lowered, Manifests};
use crate::manifest::object::{Object, ObjectId};
use crate::manifest::value::object;
use crate::manifest::value::{Map, Value};
use crate::resolve::{Engine, Platform};

/// Where the engine finds what belongs to a component in a target.
#[derive(Clone, Debug, Default)]
pub struct Paths {
    /// Folder of each stage, relative to the tree's root.
    pub stages: BTreeMap<Stage, String>,
    /// Folders of what waits for something of the same stage, in order.
    pub later: BTreeMap<Stage, Vec<String>>,
    /// Helm values files, base first.
    pub values: Vec<String>,
}

/// Paths by target name and component.
pub type All = BTreeMap<(String, String), Paths>;

/// Writes all components.
pub fn write(platform: &Platform, manifests: &Manifests, writer: &mut Writer) -> All {
    let mut members: IndexMap<&str, Vec<(&str, &ComponentManifests)>> = IndexMap::new();
    for (target, lowered) in platform.targets.iter().zip(&manifests.targets) {
        // What Flux reads for itself is no component, and stands in the engine's folder.
        for (name, unit) in
            lowered.components.iter().filter(|(name, _)| *name != crate::resolve::reserved::FLUX_SECRETS)
        {
            members.entry(name).or_default().push((&target.name, unit));
        }
    }
    let mut paths = All::new();
    for (name, units) in members {
        let (whole, units): (Vec<_>, Vec<_>) = units.into_iter().partition(|(_, unit)| unit.delivery.is_rendered());
        for (target, unit) in whole {
            let folder = format!("manifests/{target}/{name}");
            let component = Component { name, units: vec![(target, unit)], folder, engine: platform.engine };
            for stage in Stage::ALL {
                component.whole(stage, &mut paths, writer);
            }
        }
        let component = Component { name, units, folder: format!("components/{name}"), engine: platform.engine };
        component.values(&mut paths, writer);
        for stage in Stage::ALL {
            component.stage(stage, &mut paths, writer);
        }
    }
    paths
}

struct Component<'a> {
    name: &'a str,
    units: Vec<(&'a str, &'a ComponentManifests)>,
    folder: String,
    engine: Engine,
}

impl Component<'_> {
    fn paths<'p>(&self, target: &str, paths: &'p mut All) -> &'p mut Paths {
        paths.entry((target.to_string(), self.name.to_string())).or_default()
    }

    /// Writes Helm values: the shared ones once, each target's own beside them.
    fn values(&self, paths: &mut All, writer: &mut Writer) {
        let with: Vec<(&str, &Value)> =
            self.units.iter().filter_map(|(target, unit)| Some((*target, &**unit.values.as_ref()?))).collect();
        if with.is_empty() {
            return;
        }
        let all: Vec<&Value> = with.iter().map(|(_, values)| *values).collect();
        let base = shared(&all).unwrap_or_else(|| Cow::Owned(Value::Map(Map::default())));
        let base_path = format!("{}/base/values/values.yaml", self.folder);
        if !base.is_empty() {
            writer.yaml(&base_path, &base);
            self.generated(&format!("{}/base/values", self.folder), true, writer);
        }
        for (target, values) in with {
            let mut files = Vec::new();
            if !base.is_empty() {
                files.push(base_path.clone());
            }
            if let Some(own) = own(values, &base) {
                let path = format!("{}/{target}/values/values.yaml", self.folder);
                writer.yaml(&path, &own);
                self.generated(&format!("{}/{target}/values", self.folder), false, writer);
                files.push(path);
            }
            self.paths(target, paths).values = files;
        }
    }

    /// Lets Flux make a ConfigMap of a folder of values; Argo CD reads the file itself.
    fn generated(&self, folder: &str, base: bool, writer: &mut Writer) {
        if self.engine == Engine::Flux {
            let value = super::flux::values_kustomization(&values_name(self.name, base));
            writer.yaml(format!("{folder}/kustomization.yaml"), &value);
        }
    }

    /// Writes the objects of a stage whole, for the one target that this is about: a folder, and one more for each step.
    fn whole(&self, stage: Stage, paths: &mut All, writer: &mut Writer) {
        for (target, unit) in &self.units {
            let objects = unit.stages.get(&stage).map(Vec::as_slice).unwrap_or_default();
            let patches = unit.patches.get(&stage).map(Vec::as_slice).unwrap_or_default();
            if objects.is_empty() && patches.is_empty() {
                continue;
            }
            self.doubles(stage, writer);
            let last = objects.iter().map(|lowered| lowered.step).max().unwrap_or(0);
            for step in 0..=last {
                let folder = step_name(format!("{}/{}", self.folder, stage.name()), step);
                let ids: Vec<(ObjectId, &Value)> =
                    objects.iter().filter(|l| l.step == step).map(|l| (l.object.id(), l.object.value())).collect();
                let files = folder_of(&folder, ids.iter().map(|(id, value)| (id, *value)), ".yaml", writer);
                // A patch that selects nothing in a folder changes nothing there.
                writer.yaml(format!("{folder}/kustomization.yaml"), &kustomization(files, vec![], patches.to_vec()));
                let paths = self.paths(target, paths);
                match step {
                    0 => drop(paths.stages.insert(stage, folder)),
                    _ => paths.later.entry(stage).or_default().push(folder),
                }
            }
        }
    }

    /// Writes the objects of a stage.
    fn stage(&self, stage: Stage, paths: &mut All, writer: &mut Writer) {
        let empty = Vec::new();
        let objects = |unit: &'_ ComponentManifests| -> IndexMap<ObjectId, Object> {
            unit.stages
                .get(&stage)
                .unwrap_or(&empty)
                .iter()
                .map(|l: &Lowered| (l.object.id(), l.object.clone()))
                .collect()
        };
        let with: Vec<(&str, IndexMap<ObjectId, Object>, &[Value])> = self
            .units
            .iter()
            .map(|(target, unit)| {
                (*target, objects(unit), unit.patches.get(&stage).map(Vec::as_slice).unwrap_or_default())
            })
            .filter(|(_, objects, patches)| !objects.is_empty() || !patches.is_empty())
            .collect();
        self.doubles(stage, writer);
        let Some((_, first, _)) = with.first() else { return };
        let everywhere: Vec<&ObjectId> =
            first.keys().filter(|id| with.iter().all(|(_, objects, _)| objects.contains_key(*id))).collect();
        let mut base: IndexMap<&ObjectId, Cow<'_, Value>> = IndexMap::new();
        for id in everywhere {
            let values: Vec<&Value> = with.iter().map(|(_, objects, _)| objects[id].value()).collect();
            if let Some(common) = shared(&values) {
                base.insert(id, common);
            }
        }
        let base_folder = format!("{}/base/{}", self.folder, stage.name());
        // Patches of the user's are laid over whole objects, so they always stand in the target's own folder.
        if !base.is_empty() {
            let files = folder_of(&base_folder, base.iter().map(|(id, value)| (*id, &**value)), ".yaml", writer);
            writer.yaml(format!("{base_folder}/kustomization.yaml"), &kustomization(files, vec![], vec![]));
        }
        for (target, objects, user) in &with {
            let folder = format!("{}/{target}/{}", self.folder, stage.name());
            let mut resources: Vec<(&ObjectId, &Value)> = Vec::new();
            let mut differing: Vec<(&ObjectId, Value)> = Vec::new();
            for (id, object) in objects {
                match base.get(id) {
                    None => resources.push((id, object.value())),
                    Some(common) => differing.extend(own(object.value(), common).map(|rest| (id, patch(object, rest)))),
                }
            }
            if resources.is_empty() && differing.is_empty() && user.is_empty() {
                self.paths(target, paths).stages.insert(stage, base_folder.clone());
                continue;
            }
            let mut files = folder_of(&folder, resources, ".yaml", writer);
            let patches = folder_of(&folder, differing.iter().map(|(id, value)| (*id, value)), ".patch.yaml", writer);
            if !base.is_empty() {
                files.insert(0, format!("../../base/{}", stage.name()));
            }
            writer.yaml(format!("{folder}/kustomization.yaml"), &kustomization(files, patches, user.to_vec()));
            self.paths(target, paths).stages.insert(stage, folder);
        }
    }

    /// Reports objects that a component makes twice: the second would silently replace the first.
    fn doubles(&self, stage: Stage, writer: &mut Writer) {
        for (_, unit) in &self.units {
            // Some file systems take `Reader` and `reader` for one name.
            let folded = |id: ObjectId| match id.name.chars().any(char::is_uppercase) {
                true => ObjectId { name: id.name.to_lowercase().into(), ..id },
                false => id,
            };
            let mut seen: BTreeMap<ObjectId, &Lowered> = BTreeMap::new();
            for lowered in unit.stages.get(&stage).into_iter().flatten() {
                let id = lowered.object.id();
                if let Some(before) = seen.insert(folded(id.clone()), lowered) {
                    let message = match before.object.id() {
                        same if same == id => format!("component `{}` creates {id} twice", self.name),
                        other => format!(
                            "component `{}` creates {id} and {other}, whose file names differ only in case",
                            self.name
                        ),
                    };
                    let at = |l: &Lowered| l.origin.template.unwrap_or(l.origin.span);
                    writer.found.push(
                        crate::diag::Diagnostic::error(&super::PATH_COLLISION, message)
                            .at(at(lowered), "created here")
                            .at(at(before), "and here"),
                    );
                }
            }
        }
    }
}

/// Returns the name of a step of a stage: `greeter-prepare`, then `greeter-prepare-2`.
pub fn step_name(stage: String, step: usize) -> String {
    if step == 0 { stage } else { format!("{stage}-{}", step + 1) }
}

/// Returns the name of the ConfigMap with a component's values, before its digest.
pub fn values_name(component: &str, base: bool) -> String {
    if base { format!("{component}-values-base") } else { format!("{component}-values") }
}

/// Writes objects or patches into a folder, one file each, and returns the files' names.
fn folder_of<'v>(
    folder: &str,
    objects: impl IntoIterator<Item = (&'v ObjectId, &'v Value)>,
    end: &str,
    writer: &mut Writer,
) -> Vec<String> {
    let objects: Vec<(&ObjectId, &Value)> = objects.into_iter().collect();
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    for (id, _) in &objects {
        *count.entry(short(id)).or_default() += 1;
    }
    let mut files = BTreeSet::new();
    for (id, value) in objects {
        let short = short(id);
        let name = if count[&short] > 1 { format!("{short}.{}.{}", id.namespace, id.group) } else { short };
        let file = format!("{name}{end}");
        writer.yaml(format!("{folder}/{file}"), value);
        files.insert(file);
    }
    files.into_iter().collect()
}

/// Returns `deployment-trino`; characters that some system refuses in file names become `_`.
fn short(id: &ObjectId) -> String {
    let name: String =
        id.name.chars().map(|c| if c.is_ascii_alphanumeric() || "-._".contains(c) { c } else { '_' }).collect();
    format!("{}-{name}", id.kind.to_lowercase())
}

/// Returns a strategic merge patch: what differs, with the identity of its object.
fn patch(object: &Object, rest: Value) -> Value {
    let mut patch = Value::Map(Map::default());
    patch.set(&["apiVersion"], Value::from(object.api_version()));
    patch.set(&["kind"], Value::from(object.kind()));
    patch.set(&["metadata", "name"], Value::from(object.name()));
    if !object.namespace().is_empty() {
        patch.set(&["metadata", "namespace"], Value::from(object.namespace()));
    }
    patch.merge(rest);
    patch
}

/// Returns a Kustomization.
pub fn kustomization(resources: Vec<String>, patches: Vec<String>, inline: Vec<Value>) -> Value {
    let mut map = Map::from_iter([
        (Arc::from("apiVersion"), Value::from("kustomize.config.k8s.io/v1beta1")),
        (Arc::from("kind"), Value::from("Kustomization")),
    ]);
    map.insert("resources".into(), Value::from(resources));
    let mut all: Vec<Value> = patches.into_iter().map(|path| object([("path", Value::from(path))])).collect();
    all.extend(inline);
    if !all.is_empty() {
        map.insert("patches".into(), Value::List(all));
    }
    Value::Map(map)
}
