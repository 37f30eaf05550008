//! What every object gets: its namespace, our labels, protection where data lives, images as the platform wants them.

use crate::lower::charts::hooks;
use crate::lower::objects::scopes::Scopes;
use crate::lower::{ComponentManifests, Lowered, Lowering};
use crate::manifest::kinds;
use crate::manifest::value::Value;
use crate::resolve::Instance;

impl Lowering<'_> {
    /// Gives every object its namespace, labels and protection, in a stable order.
    pub fn finish(&self, name: &str, unit: &mut ComponentManifests, scopes: &Scopes) {
        let instance = self.target.instances.get(name);
        unit.stages.retain(|_, objects| !objects.is_empty());
        for objects in unit.stages.values_mut() {
            for lowered in objects.iter_mut() {
                place(scopes, instance, lowered);
                self.dress(instance, lowered);
                if let Some(images) = &self.images {
                    images.object(&mut lowered.object);
                }
            }
        }
        unit.sort();
        for lowered in &mut unit.read.objects {
            place(scopes, instance, lowered);
        }
        // What a chart makes is not seen here, so its word counts; without one, data lives only in objects that are there.
        unit.stays = instance.is_some_and(|i| {
            let there = || unit.stages.values().flatten().any(|lowered| is_data(instance, lowered));
            let data = !i.definition.data.is_empty() && (i.chart.is_some() || there());
            data || !i.definition.apis.is_empty()
        });
    }

    /// Lets an object of the catalogue's templates follow the version of its API that is served here, where that is another one.
    pub fn serve(&self, lowered: &mut Lowered) {
        let api = lowered.object.api_version();
        if kinds::is_builtin(api) || self.target.serves(api) {
            return;
        }
        if let Some(served) = self.apis.get(lowered.object.group()).cloned() {
            lowered.object.value_mut().set(&["apiVersion"], Value::from(served));
        }
    }

    /// Gives an object its namespace, labels and protection; one that has them already is left alone.
    pub fn dress(&self, instance: Option<&Instance>, lowered: &mut Lowered) {
        const MANAGED: &[&str] = &["metadata", "labels", "app.kubernetes.io/managed-by"];
        if lowered.object.value().at(MANAGED).and_then(Value::as_str) == Some("lakegen") {
            return;
        }
        place(&self.scopes, instance, lowered);
        let protect = is_data(instance, lowered);
        let value = lowered.object.value_mut();
        drop_nulls(value);
        let mut label = |key: &str, text: &str| {
            if value.at(&["metadata", "labels", key]).is_none() {
                value.set(&["metadata", "labels", key], Value::from(text));
            }
        };
        label("app.kubernetes.io/managed-by", "lakegen");
        label("app.kubernetes.io/part-of", &self.target.ground().name);
        for (key, text) in &self.target.ground().labels {
            label(key, text);
        }
        if protect {
            protect_from_pruning(value);
        }
    }

    /// Settles an object of a chart: its labels stay as the chart wrote them. Definitions stay when the chart goes, as with
    /// Helm: every object of their kinds would go with them. So does what the chart wants Helm to keep.
    pub fn settle(&self, instance: &Instance, scopes: &Scopes, lowered: &mut Lowered) {
        place(scopes, Some(instance), lowered);
        if kinds::is_builtin(lowered.object.api_version()) {
            drop_unset(lowered.object.value_mut());
            drop_namespace(lowered);
        }
        let keeps = keeps(lowered.object.value_mut());
        if keeps || is_data(Some(instance), lowered) || lowered.object.kind() == "CustomResourceDefinition" {
            protect_from_pruning(lowered.object.value_mut());
        }
        if let Some(images) = &self.images {
            images.object(&mut lowered.object);
        }
    }
}

/// Takes out what tells Helm to leave an object when the chart goes, and says whether it was there.
fn keeps(value: &mut Value) -> bool {
    let [metadata, annotations, policy] = hooks::KEEP;
    let Some(Value::Map(metadata)) = value.as_map_mut().and_then(|map| map.get_mut(metadata)) else { return false };
    let Some(Value::Map(map)) = metadata.get_mut(annotations) else { return false };
    let keeps = map.shift_remove(policy).is_some_and(|value| value.as_str() == Some("keep"));
    if map.is_empty() {
        metadata.shift_remove(annotations);
    }
    keeps
}

/// Gives an object its namespace; one of a kind that nobody knows stays as it was written.
fn place(scopes: &Scopes, instance: Option<&Instance>, lowered: &mut Lowered) {
    let missing = lowered.object.namespace().is_empty();
    if let (true, Some(instance)) = (missing, instance)
        && scopes.of(&lowered.object) == Some(true)
    {
        insert_after_name(lowered.object.value_mut(), "namespace", Value::from(instance.namespace.as_str()));
    }
}

/// Removes the namespace that a chart gave to an object without one; Helm passes it over, too.
fn drop_namespace(lowered: &mut Lowered) {
    if kinds::is_namespaced(lowered.object.api_version(), lowered.object.kind()) == Some(false)
        && !lowered.object.namespace().is_empty()
        && let Some(Value::Map(metadata)) = lowered.object.value_mut().as_map_mut().and_then(|m| m.get_mut("metadata"))
    {
        metadata.shift_remove("namespace");
    }
}

/// Says whether an object holds data, by its kind.
fn is_data(instance: Option<&Instance>, lowered: &Lowered) -> bool {
    let full_kind = format!("{}/{}", lowered.object.group(), lowered.object.kind());
    let bare = full_kind.trim_start_matches('/');
    let data = instance.map(|i| i.definition.data.as_slice()).unwrap_or_default();
    data.iter().any(|kind| kind.trim_start_matches("v1/") == bare) || PROTECTED.contains(&full_kind.as_str())
}

/// Keeps an object when it leaves the tree. Both engines' words, so that changing the engine changes nothing here
/// (argo-cd v3.4 docs/user-guide/sync-options.md; fluxcd.io/flux/components/kustomize/kustomizations, prune).
fn protect_from_pruning(value: &mut Value) {
    let annotations = [
        ("argocd.argoproj.io/sync-options", "Prune=false,Delete=false"),
        ("kustomize.toolkit.fluxcd.io/prune", "disabled"),
    ];
    for (key, text) in annotations {
        value.set(&["metadata", "annotations", key], Value::from(text));
    }
}

/// Kinds that hold data whoever makes them.
const PROTECTED: &[&str] = &["/PersistentVolumeClaim", "/Namespace", "objectbucket.io/ObjectBucketClaim"];

/// Removes members without a value: the API server would, and a patch would read them as a removal.
fn drop_nulls(value: &mut Value) {
    match value {
        Value::Map(map) => {
            map.retain(|_, inner| *inner != Value::Null);
            map.values_mut().for_each(drop_nulls);
        }
        Value::List(list) => list.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

/// Removes members that a chart left empty from an object of a built-in kind: to the API server null is the same as
/// nothing there, and schemas refuse it. Entries of maps of strings stay, because null is an empty string in them.
fn drop_unset(value: &mut Value) {
    const STRINGS: [&str; 7] =
        ["annotations", "binaryData", "data", "labels", "matchLabels", "nodeSelector", "stringData"];
    match value {
        Value::Map(map) => {
            map.retain(|_, inner| *inner != Value::Null);
            map.iter_mut().filter(|(key, _)| !STRINGS.contains(&&***key)).for_each(|(_, inner)| drop_unset(inner));
        }
        Value::List(list) => list.iter_mut().for_each(drop_unset),
        _ => {}
    }
}

/// Puts a member of `metadata` right behind `name`.
fn insert_after_name(value: &mut Value, key: &str, new: Value) {
    if let Some(metadata) = value.as_map_mut().and_then(|m| m.get_mut("metadata")).and_then(Value::as_map_mut) {
        let index = metadata.get_index_of("name").map_or(0, |i| i + 1);
        metadata.shift_insert(index, key.into(), new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::yaml;

    #[test]
    fn what_a_chart_left_empty_goes_and_strings_stay() {
        let text = "metadata: {name: a, labels: null}\nspec: {items: [{x: null, y: 1}]}\ndata: {key: null}\n";
        let mut value = yaml::read_one(text).unwrap();
        drop_unset(&mut value);
        let left = yaml::read_one("metadata: {name: a}\nspec: {items: [{y: 1}]}\ndata: {key: null}\n").unwrap();
        assert_eq!(value, left);
    }
}
