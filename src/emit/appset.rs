//! ApplicationSets instead of Applications (`argocd.form = "applicationset"`): one per unit, with a list generator over
//! the targets that one Argo CD keeps.
//!
//! What all targets share stands in the template, strings that differ are parameters, and all else that differs is a
//! patch per element, because a template can fill in strings only. The generated Applications are those that the other
//! form writes, but for their sync waves: these order the sets. Within a set all targets come at once, or in the steps of
//! `argocd.rollout`.
//!
//! Facts: argo-cd v3.4 (docs/operator-manual/applicationset/{Generators-List,Template,GoTemplate,Controlling-Resource-Modification}.md;
//! the ApplicationSet CRD; applicationset/utils/utils.go for the finalizer that the controller adds by itself).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Writer;
use super::argocd::{Applications, CASCADE, TARGET, WAVE};
use crate::lower::said::rollout;
use crate::lower::{Place, UnitId};
use crate::manifest::value::object;
use crate::manifest::value::{Map, Value};
use crate::resolve::Engine;

/// The targets that one Argo CD keeps.
struct Fleet<'a> {
    folder: String,
    /// The target that Argo CD itself belongs to, as far as can be told.
    home: &'a Applications<'a>,
    members: Vec<&'a Applications<'a>>,
}

/// Writes the sets, projects and bootstrap of every Argo CD.
pub(super) fn write(all: &[Applications<'_>], writer: &mut Writer) {
    for fleet in fleets(all) {
        fleet.write(writer);
    }
}

/// Brings the targets together that one Argo CD keeps: all from a hub, else those of one cluster.
fn fleets<'a>(all: &'a [Applications<'a>]) -> Vec<Fleet<'a>> {
    let mut groups: BTreeMap<String, Vec<&Applications<'_>>> = BTreeMap::new();
    for one in all {
        let folder = match one.target.shared {
            _ if one.hub() => "fleet".to_string(),
            Some(shared) => one.platform.targets[shared].name.clone(),
            None => one.target.name.clone(),
        };
        groups.entry(folder).or_default().push(one);
    }
    let fleet = |(folder, members): (String, Vec<&'a Applications<'a>>)| {
        let with_argocd = members.iter().find(|m| m.target.instances.values().any(|i| i.is_engine(Engine::ArgoCd)));
        let home = with_argocd.or_else(|| members.iter().find(|m| m.target.name == folder)).or(members.first());
        home.copied().map(|home| Fleet { folder, home, members })
    };
    groups.into_iter().filter_map(fleet).collect()
}

impl Fleet<'_> {
    fn write(&self, writer: &mut Writer) {
        let folder = format!("argocd/{}", self.folder);
        let mut files = Vec::new();
        for (unit, wave) in self.waves() {
            let name = unit.name();
            files.push(format!("{name}.yaml"));
            writer.yaml(format!("{folder}/{name}.yaml"), &self.set(unit, wave));
        }
        let projects: BTreeMap<String, Value> = self.members.iter().flat_map(|m| m.projects()).collect();
        super::argocd::write_folder(&folder, files, &projects, writer);
        self.home.bootstrap(&self.folder, !projects.is_empty(), writer);
    }

    /// Returns every unit with a wave that keeps the order of each target.
    fn waves(&self) -> Vec<(&UnitId, i64)> {
        let mut waves: BTreeMap<&UnitId, i64> = BTreeMap::new();
        let mut edges: BTreeSet<(&UnitId, &UnitId)> = BTreeSet::new();
        for (unit, place) in self.members.iter().flat_map(|m| &m.lowered.order.units) {
            let wave = waves.entry(unit).or_insert(place.wave);
            *wave = (*wave).max(place.wave);
            edges.extend(place.after.keys().map(|before| (unit, before)));
        }
        // A target's own order has no cycle; that of several might, so the rounds are counted.
        for _ in 0..waves.len() {
            let mut changed = false;
            for (unit, before) in &edges {
                let Some(least) = waves.get(before).map(|wave| wave + 1) else { continue };
                if let Some(wave) = waves.get_mut(unit).filter(|wave| **wave < least) {
                    *wave = least;
                    changed = true;
                }
            }
            if !changed {
                break;
            }
        }
        let mut units: Vec<(&UnitId, i64)> = waves.into_iter().collect();
        units.sort_by(|a, b| (a.1, a.0).cmp(&(b.1, b.0)));
        units
    }

    /// Returns the steps in which a set's targets are synced, when there is more than one.
    fn strategy(&self, names: &[&str]) -> Option<Value> {
        let mut steps: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
        for member in self.members.iter().filter(|m| names.contains(&m.target.name.as_str())) {
            steps.entry(rollout::step(member.platform, member.target)?).or_default().push(&member.target.name);
        }
        if steps.len() < 2 {
            return None;
        }
        let step = |targets: Vec<&str>| {
            let expression = object([
                ("key", Value::from(TARGET)),
                ("operator", Value::from("In")),
                ("values", Value::from(targets)),
            ]);
            object([("matchExpressions", Value::List(vec![expression]))])
        };
        let steps = object([("steps", Value::List(steps.into_values().map(step).collect()))]);
        Some(object([("type", Value::from("RollingSync")), ("rollingSync", steps)]))
    }

    fn set(&self, unit: &UnitId, wave: i64) -> Value {
        let (mut names, mut applications) = (Vec::new(), Vec::new());
        for member in self.members.iter().filter(|m| m.lowered.order.units.contains_key(unit)) {
            let mut application = member.application(unit, &Place::default());
            remove(&mut application, &["metadata", "annotations", WAVE]);
            names.push(member.target.name.as_str());
            applications.push(application);
        }
        let parts: Vec<Value> = applications
            .iter()
            .map(|a| {
                let part = |key: &str| (Arc::from(key), a.get(key).cloned().unwrap_or_default());
                Value::Map(Map::from_iter([part("metadata"), part("spec")]))
            })
            .collect();
        let (template, patch, elements) = generalise(&names, &parts);
        // Without it the controller adds a finalizer, and objects would go with their Application.
        let finalizer = |a: &Value| a.at(&["metadata", "finalizers"]).and_then(Value::as_list).is_some_and(has_cascade);
        let preserve = !applications.iter().all(finalizer);
        let mut spec = Map::from_iter([
            (Arc::from("goTemplate"), Value::Bool(true)),
            (Arc::from("goTemplateOptions"), Value::from(vec!["missingkey=error"])),
            (
                Arc::from("generators"),
                Value::List(vec![object([("list", object([("elements", Value::List(elements))]))])]),
            ),
            (Arc::from("syncPolicy"), object([("preserveResourcesOnDeletion", Value::Bool(preserve))])),
            (Arc::from("template"), template),
        ]);
        if let Some(strategy) = self.strategy(&names) {
            spec.insert("strategy".into(), strategy);
        }
        if patch {
            spec.insert("templatePatch".into(), Value::from("{{ toJson .patch }}"));
        }
        let annotations = Map::from_iter([(Arc::from(WAVE), Value::from(wave.to_string()))]);
        let labels = object([("app.kubernetes.io/part-of", Value::from(&self.home.target.ground().name))]);
        let metadata = object([
            ("name", Value::from(unit.name())),
            ("namespace", Value::from(self.home.namespace())),
            ("labels", labels),
            ("annotations", Value::Map(annotations)),
        ]);
        object([
            ("apiVersion", Value::from("argoproj.io/v1alpha1")),
            ("kind", Value::from("ApplicationSet")),
            ("metadata", metadata),
            ("spec", Value::Map(spec)),
        ])
    }
}

fn has_cascade(list: &[Value]) -> bool {
    list.iter().any(|f| f.as_str() == Some(CASCADE))
}

fn remove(value: &mut Value, path: &[&str]) {
    let Some((last, rest)) = path.split_last() else { return };
    let parent = rest.iter().try_fold(value, |at, key| at.as_map_mut()?.get_mut(*key));
    if let Some(map) = parent.and_then(Value::as_map_mut) {
        map.shift_remove(*last);
    }
}

/// Returns the template of several values, whether it needs a patch, and the element of each.
fn generalise(names: &[&str], values: &[Value]) -> (Value, bool, Vec<Value>) {
    let mut common = Common { params: Vec::new(), patches: vec![Value::Map(Map::default()); values.len()] };
    common.params.push(("target".into(), names.iter().map(|n| Arc::from(*n)).collect()));
    let all: Vec<&Value> = values.iter().collect();
    let template = common.merge(&all, &mut Vec::new(), false).unwrap_or_default();
    let patched = common.patches.iter().any(|patch| !patch.is_empty());
    let elements = (0..values.len()).map(|index| {
        let mut element: Map = common
            .params
            .iter()
            .map(|(name, values)| (Arc::from(name.as_str()), Value::Str(values[index].clone())))
            .collect();
        if patched {
            element.insert("patch".into(), common.patches[index].clone());
        }
        Value::Map(element)
    });
    let elements = elements.collect();
    (template, patched, elements)
}

/// What several values have in common, as it is found.
struct Common {
    /// Parameter and its value in each.
    params: Vec<(String, Vec<Arc<str>>)>,
    /// What each has of its own.
    patches: Vec<Value>,
}

impl Common {
    /// Returns the template of values at one place; none when it must stand in the patches as a whole.
    ///
    /// `whole` says that no patch can reach below: a list is replaced as one.
    fn merge(&mut self, values: &[&Value], path: &mut Vec<Arc<str>>, whole: bool) -> Option<Value> {
        let first = values.first()?;
        if values.iter().all(|value| value == first) {
            return Some(literal(first));
        }
        if let Some(maps) = values.iter().map(|v| v.as_map()).collect::<Option<Vec<_>>>() {
            return self.maps(&maps, path, whole);
        }
        if let Some(lists) = values.iter().map(|v| v.as_list()).collect::<Option<Vec<_>>>() {
            return self.lists(&lists, path);
        }
        let texts: Vec<Arc<str>> = values.iter().map(|v| v.as_str().map(Arc::from)).collect::<Option<_>>()?;
        Some(Value::from(format!("{{{{ .{} }}}}", self.param(texts, path))))
    }

    fn maps(&mut self, maps: &[&Map], path: &mut Vec<Arc<str>>, whole: bool) -> Option<Value> {
        let mut keys: Vec<&Arc<str>> = Vec::new();
        for key in maps.iter().flat_map(|map| map.keys()) {
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        let mut template = Map::default();
        for key in keys {
            let there: Vec<Option<&Value>> = maps.iter().map(|map| map.get(key)).collect();
            path.push(key.clone());
            let merged = match there.iter().copied().collect::<Option<Vec<_>>>() {
                Some(all) => self.merge(&all, path, whole),
                None => None,
            };
            match merged {
                Some(value) => {
                    template.insert(key.clone(), value);
                }
                None if whole => {
                    path.pop();
                    return None;
                }
                None => {
                    let keys: Vec<&str> = path.iter().map(|key| &**key).collect();
                    for (patch, value) in self.patches.iter_mut().zip(&there) {
                        if let Some(value) = value {
                            patch.set(&keys, (*value).clone());
                        }
                    }
                }
            }
            path.pop();
        }
        Some(Value::Map(template))
    }

    fn lists(&mut self, lists: &[&[Value]], path: &mut Vec<Arc<str>>) -> Option<Value> {
        let length = lists.first()?.len();
        if lists.iter().any(|list| list.len() != length) {
            return None;
        }
        let before = self.params.len();
        let mut template = Vec::new();
        for index in 0..length {
            let items: Vec<&Value> = lists.iter().map(|list| &list[index]).collect();
            path.push(index.to_string().into());
            let merged = self.merge(&items, path, true);
            path.pop();
            let Some(value) = merged else {
                self.params.truncate(before);
                return None;
            };
            template.push(value);
        }
        Some(Value::List(template))
    }

    /// Returns the parameter that has these values, made after the place where it is needed first.
    fn param(&mut self, values: Vec<Arc<str>>, path: &[Arc<str>]) -> String {
        if let Some((name, _)) = self.params.iter().find(|(_, known)| *known == values) {
            return name.clone();
        }
        // `path`, or `sources2Path` when that is taken.
        let is_new = |name: &String| name != "patch" && self.params.iter().all(|(known, _)| known != name);
        let name = (1..=path.len())
            .map(|count| identifier(&path[path.len() - count..]))
            .find(is_new)
            .unwrap_or_else(|| format!("p{}", self.params.len()));
        self.params.push((name.clone(), values));
        name
    }
}

/// Returns a name that a Go template can ask for with a dot.
fn identifier(path: &[Arc<str>]) -> String {
    let mut name = String::new();
    for word in path.iter().flat_map(|key| key.split(|c: char| !c.is_ascii_alphanumeric())) {
        let mut letters = word.chars();
        let Some(first) = letters.next() else { continue };
        if name.is_empty() {
            name.push(first.to_ascii_lowercase());
        } else {
            name.push(first.to_ascii_uppercase());
        }
        name.extend(letters);
    }
    if name.starts_with(|c: char| c.is_ascii_digit()) || name.is_empty() { format!("p{name}") } else { name }
}

/// Returns a value whose strings come out of a Go template as they go in.
fn literal(value: &Value) -> Value {
    match value {
        Value::Str(text) if text.contains("{{") => Value::from(text.replace("{{", "{{ \"{{\" }}")),
        Value::List(list) => Value::List(list.iter().map(literal).collect()),
        Value::Map(map) => Value::Map(map.iter().map(|(key, value)| (key.clone(), literal(value))).collect()),
        other => other.clone(),
    }
}
