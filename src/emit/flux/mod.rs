//! Flux: one Kustomization per unit and step, HelmReleases, sources, and what is applied by hand once.
//!
//! Facts: Flux 2.9 (fluxcd.io/flux/components: kustomize/kustomizations, helm/helmreleases, source; the CRDs of
//! kustomize-controller, helm-controller, source-controller and notification-controller).

mod bootstrap; // what a person applies once
mod notify; //    Providers, Alerts and the Receiver
mod release; //   HelmReleases and their values
mod sources; //   repositories of charts and of manifests

pub use release::values_kustomization;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::layout::{All, Paths, kustomization, step_name};
use super::{Writer, jobs};
use crate::catalog::Portion;
use crate::catalog::component::Filled;
use crate::catalog::{Chart, Stage};
use crate::diag::Diagnostic;
use crate::lower::objects::demand;
use crate::lower::objects::namespaces;
use crate::lower::objects::pointer;
use crate::lower::said::source;
use crate::lower::{Lowered, Manifests, TargetManifests};
use crate::lower::{Place, UnitId};
use crate::manifest::value::object;
use crate::manifest::value::{Map, Value};
use crate::parse::text;
use crate::resolve::flux::{NAMESPACE, name, root, secret};
use crate::resolve::reserved::FLUX_SECRETS as UNIT;
use crate::resolve::{Engine, Instance, Platform, Target};
use crate::settings::engines;

/// Kinds whose `status.observedGeneration` is a string, which Flux takes for no status (fluxcd/flux2#4632;
/// argo-rollouts 2.41.0, CRD of Rollout).
const UNREADABLE: &[(&str, &str)] = &[("argoproj.io", "Rollout")];

/// Writes the engine's folder and the bootstrap of every target.
pub fn write(platform: &Platform, manifests: &Manifests, paths: &All, writer: &mut Writer) {
    if platform.engine != Engine::Flux {
        return;
    }
    let mut names: BTreeMap<(&str, String), &str> = BTreeMap::new();
    for (target, lowered) in platform.targets.iter().zip(&manifests.targets) {
        let shared = target.shared.map(|index| (&platform.targets[index], &manifests.targets[index]));
        let out = Flux { platform, target, lowered, paths, shared };
        for name in out.write(writer) {
            if let Some(other) = names.insert((&target.cluster, name.clone()), &target.name) {
                let message = format!(
                    "`{}` and `{other}` would both have a Kustomization `{name}` on cluster `{}`",
                    target.name, target.cluster
                );
                writer.found.push(
                    Diagnostic::error(&super::PATH_COLLISION, message).help("rename the component or the environment"),
                );
            }
        }
    }
}

struct Flux<'a> {
    platform: &'a Platform,
    target: &'a Target,
    lowered: &'a TargetManifests,
    paths: &'a All,
    /// The target with what the environments of this cluster share.
    shared: Option<(&'a Target, &'a TargetManifests)>,
}

/// What a Kustomization applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// A stage's folder, or that of a later step of it.
    Folder(Stage, usize),
    /// A HelmRelease, with the release's own objects where they can stand beside it.
    Chart { with_objects: bool },
    /// A folder of somebody's repository.
    Source,
    /// The folder of the runs of a job on demand.
    Runs,
}

/// A Kustomization on its way.
struct Step {
    /// Before the target's name is put in front.
    name: String,
    what: What,
    /// Relative to the tree's root, or to the source's.
    path: String,
    /// Kind and name.
    source: (&'static str, String),
    /// Whole names of the Kustomizations to wait for.
    after: Vec<String>,
    substitutes: bool,
}

impl<'a> Flux<'a> {
    /// Writes all and returns the names of the Kustomizations.
    fn write(&self, writer: &mut Writer) -> Vec<String> {
        let folder = format!("flux/{}", self.target.name);
        let mut names = vec![root(self.target)];
        let mut files = Vec::new();
        let mut sources = sources::Sources::default();
        for (unit, place) in &self.lowered.order.units {
            for step in self.steps(unit, place, &mut sources) {
                if let What::Chart { .. } = step.what {
                    self.release(unit, &step, &mut sources, writer);
                }
                files.push(format!("{}.yaml", step.name));
                names.push(name(self.target, &step.name));
                writer.yaml(format!("{folder}/{}.yaml", step.name), &self.kustomization(unit, &step));
            }
        }
        if sources.write(&format!("{folder}/sources"), writer) {
            files.insert(0, "sources".into());
        }
        if self.notifications(&format!("{folder}/notifications"), writer) {
            files.insert(0, "notifications".into());
        }
        self.secrets(&format!("{folder}/secrets"), writer);
        writer.yaml(format!("{folder}/kustomization.yaml"), &kustomization(files, vec![], vec![]));
        self.bootstrap(writer);
        names
    }

    fn settings(&self) -> &'a engines::Flux {
        &self.target.settings.flux
    }

    fn instance(&self, unit: &UnitId) -> Option<&'a Instance> {
        self.target.instances.get(&unit.component)
    }

    /// Returns a path of the tree as Flux writes it: relative to the repository's root.
    fn in_repository(&self, path: &str) -> String {
        let root = &self.target.settings.git.path;
        if root.is_empty() { format!("./{path}") } else { format!("./{root}/{path}") }
    }

    fn stages(&self, unit: &UnitId) -> BTreeMap<Stage, String> {
        if unit.component == UNIT {
            return BTreeMap::from([(Stage::Release, format!("flux/{}/secrets", self.target.name))]);
        }
        let key = (self.target.name.clone(), unit.component.clone());
        self.paths.get(&key).map(|p: &Paths| p.stages.clone()).unwrap_or_default()
    }

    /// Adds the folders of a stage: the first one, and those that wait for it in turn.
    fn folders(&self, unit: &UnitId, stage: Stage, first: &str, name: &str, plan: &mut Vec<(What, String, String)>) {
        let later =
            self.paths.get(&(self.target.name.clone(), unit.component.clone())).and_then(|p| p.later.get(&stage));
        let folders = std::iter::once(first).chain(later.into_iter().flatten().map(String::as_str));
        plan.extend(folders.enumerate().map(|(step, folder)| {
            (What::Folder(stage, step), step_name(name.to_owned(), step), self.in_repository(folder))
        }));
    }

    /// Returns the chart of a unit.
    fn chart_of(&self, unit: &UnitId) -> Option<&'a Chart> {
        self.lowered.chart(unit)
    }

    /// Says what of a unit can be applied at once, in order, with the name of each Kustomization and its folder.
    ///
    /// The names never depend on what else the unit has: an object that changed its Kustomization would be removed by the
    /// one and made again by the other, and a HelmRelease with it all that it installed.
    fn plan(&self, unit: &UnitId) -> Vec<(What, String, String)> {
        let folders = self.stages(unit);
        let mut plan = Vec::new();
        if unit.part == Portion::Main
            && let Some(path) = folders.get(&Stage::Prepare)
        {
            self.folders(unit, Stage::Prepare, path, &format!("{}-prepare", unit.name()), &mut plan);
        }
        let stage = match unit.part {
            Portion::Crds => Stage::Crds,
            Portion::Main => Stage::Release,
            Portion::Config => Stage::Config,
        };
        let source = self.instance(unit).filter(|_| stage == Stage::Release && self.chart_of(unit).is_none());
        let source = source.and_then(|i| source::of(self.target, i));
        let mut objects = folders.get(&stage);
        let mut objects_name = unit.name();
        if self.chart_of(unit).is_some() {
            let with_objects = !self.brings_kinds(unit);
            let path = self.in_repository(&format!("flux/{}/releases/{}", self.target.name, unit.name()));
            plan.push((What::Chart { with_objects }, unit.name(), path));
            objects = objects.filter(|_| !with_objects);
            objects_name = format!("{}-objects", unit.name());
        } else if let Some(source) = source {
            let path = format!("./{}", source.path.trim_start_matches("./").trim_matches('/'));
            plan.push((What::Source, unit.name(), path));
            objects_name = format!("{}-objects", unit.name());
        }
        if let Some(path) = objects {
            self.folders(unit, stage, path, &objects_name, &mut plan);
        }
        if let Some(job) = self.instance(unit).filter(|i| unit.part == Portion::Main && demand::is_on_demand(i)) {
            let path = self.in_repository(&jobs::runs(&self.target.name, &job.name));
            plan.push((What::Runs, format!("{}-runs", unit.name()), path));
        }
        plan
    }

    /// Returns the Kustomization of a unit that comes last: who waits for the unit waits for it. Nobody waits for runs.
    fn last(&self, unit: &UnitId) -> String {
        let mut plan = self.plan(unit);
        plan.retain(|(what, ..)| *what != What::Runs);
        plan.pop().map_or_else(|| format!("{}-runs", unit.name()), |(_, name, _)| name)
    }

    /// Splits a unit into Kustomizations.
    fn steps(&self, unit: &UnitId, place: &Place, sources: &mut sources::Sources) -> Vec<Step> {
        let mut after: Vec<String> = place.after.keys().map(|u| name(self.target, &self.last(u))).collect();
        if let Some((target, lowered)) = self.shared {
            let there = Flux { target, lowered, shared: None, ..*self };
            let units = place.outside.iter().filter_map(|unit| {
                let main = UnitId { part: Portion::Main, ..unit.clone() };
                [unit.clone(), main].into_iter().find(|u| lowered.order.units.contains_key(u))
            });
            after.extend(units.map(|u| name(target, &there.last(&u))));
        }
        after.sort();
        after.dedup();
        let substituted = |stage| self.lowered.substituted.contains(&(unit.component.clone(), stage));
        let mut steps = Vec::new();
        for (what, step_name, path) in self.plan(unit) {
            let source = match (what, self.instance(unit)) {
                (What::Source, Some(instance)) => {
                    source::of(self.target, instance).map(|source| self.folder_source(&source, sources))
                }
                _ => None,
            };
            steps.push(Step {
                name: step_name.clone(),
                what,
                path,
                source: source.unwrap_or_else(|| (sources::GIT, root(self.target))),
                after: std::mem::replace(&mut after, vec![name(self.target, &step_name)]),
                substitutes: match what {
                    What::Folder(stage, _) => substituted(stage),
                    What::Chart { .. } => substituted(Stage::Release),
                    What::Source | What::Runs => false,
                },
            });
        }
        steps
    }

    /// Says whether the release itself brings kinds: Flux asks the API server about all objects of a Kustomization before
    /// it applies the first, so objects of such kinds come after.
    fn brings_kinds(&self, unit: &UnitId) -> bool {
        let crds = UnitId { component: unit.component.clone(), part: Portion::Crds };
        let apart =
            |i: &Instance| self.lowered.chart(&crds).is_some() || i.definition.templates.contains_key(&Stage::Crds);
        let brings = |i: &Instance| !i.apis.is_empty() && !apart(i);
        unit.part == Portion::Main && self.instance(unit).is_some_and(brings)
    }

    fn metadata(&self, name: &str) -> Value {
        object([
            ("name", Value::from(name)),
            ("namespace", Value::from(NAMESPACE)),
            (
                "labels",
                object([
                    ("app.kubernetes.io/part-of", Value::from(&self.target.ground().name)),
                    ("lakegen.dev/target", Value::from(self.target.name.as_str())),
                ]),
            ),
        ])
    }

    fn kustomization(&self, unit: &UnitId, step: &Step) -> Value {
        let instance = self.instance(unit);
        let settings = self.settings();
        let nothing = engines::Sync::default();
        let sync = instance.map_or(&nothing, |instance| &instance.said.sync);
        let mut spec = Map::default();
        if !step.after.is_empty() {
            let names = step.after.iter().map(|n| object([("name", Value::from(n.as_str()))]));
            spec.insert("dependsOn".into(), Value::List(names.collect()));
        }
        spec.insert("interval".into(), duration(&settings.interval));
        let delay = sync.retry.as_ref().and_then(|retry| retry.delay.as_ref());
        spec.insert("retryInterval".into(), duration(delay.unwrap_or(&settings.retry)));
        spec.insert("timeout".into(), duration(&settings.timeout));
        spec.insert("path".into(), Value::from(step.path.as_str()));
        let source = object([("kind", Value::from(step.source.0)), ("name", Value::from(step.source.1.as_str()))]);
        spec.insert("sourceRef".into(), source);
        let is_namespaces = unit.component == namespaces::UNIT;
        spec.insert("prune".into(), Value::Bool(!is_namespaces && sync.prune.unwrap_or(true)));
        let stays = self.lowered.components.get(&unit.component).is_some_and(|unit| unit.stays);
        if !is_namespaces && (unit.part == Portion::Crds || !sync.cascade.unwrap_or(!stays)) {
            // The unit may go, what it made stays.
            spec.insert("deletionPolicy".into(), Value::from("Orphan"));
        }
        let named = self.named_checks(unit, step);
        // A run that fails is no reason to hold the next one back.
        let waits = step.what != What::Runs && unit.component != UNIT;
        spec.insert("wait".into(), Value::Bool(waits && named.is_empty()));
        if !named.is_empty() {
            spec.insert("healthChecks".into(), Value::List(named));
        }
        if let (What::Source, Some(instance)) = (step.what, instance) {
            spec.insert("targetNamespace".into(), Value::from(instance.namespace.as_str()));
        }
        if !sync.automated.unwrap_or(true) {
            spec.insert("suspend".into(), Value::Bool(true));
        }
        let ignored = match step.what {
            What::Folder(stage, _) => self.ignored(unit, stage),
            // Which kinds a folder of somebody's has is not seen here.
            What::Source => instance.into_iter().flat_map(own_ignored).collect(),
            _ => vec![],
        };
        if !ignored.is_empty() {
            spec.insert("ignore".into(), Value::List(ignored));
        }
        let checks = self.checks(unit, step);
        if !checks.is_empty() {
            spec.insert("healthCheckExprs".into(), Value::List(checks));
        }
        if step.substitutes {
            let from =
                object([("kind", Value::from("Secret")), ("name", Value::from(secret::substitutes(self.target)))]);
            spec.insert("postBuild".into(), object([("substituteFrom", Value::List(vec![from]))]));
        }
        if let Some(decryption) = self.decryption() {
            spec.insert("decryption".into(), decryption);
        }
        object([
            ("apiVersion", Value::from("kustomize.toolkit.fluxcd.io/v1")),
            ("kind", Value::from("Kustomization")),
            ("metadata", self.metadata(&name(self.target, &step.name))),
            ("spec", Value::Map(spec)),
        ])
    }

    /// Returns the objects of the component that a Kustomization applies.
    fn objects(&self, unit: &UnitId, step: &Step) -> Vec<&'a Lowered> {
        let (stage, number) = match step.what {
            What::Folder(stage, number) => (stage, number),
            What::Chart { with_objects: true } if unit.part == Portion::Crds => (Stage::Crds, 0),
            What::Chart { with_objects: true } => (Stage::Release, 0),
            _ => return vec![],
        };
        let all = self.lowered.components.get(&unit.component).and_then(|u| u.stages.get(&stage));
        all.into_iter().flatten().filter(|lowered| lowered.step == number).collect()
    }

    /// Returns what is waited for one by one where Flux cannot read the state of an object: it would wait in vain for all.
    fn named_checks(&self, unit: &UnitId, step: &Step) -> Vec<Value> {
        let objects = self.objects(unit, step);
        if unit.component == UNIT {
            // Others wait for the values that are replaced, not for somebody's token.
            let name = secret::substitutes(self.target);
            let substitutes = objects.iter().filter(|l| l.object.name() == name);
            return substitutes.map(|l| check(l.object.api_version(), l.object.kind(), NAMESPACE, &name)).collect();
        }
        let readable = |l: &&Lowered| !UNREADABLE.contains(&(l.object.group(), l.object.kind()));
        if objects.iter().all(readable) {
            return vec![];
        }
        let release = matches!(step.what, What::Chart { .. })
            .then(|| check("helm.toolkit.fluxcd.io/v2", "HelmRelease", NAMESPACE, &name(self.target, &unit.name())));
        let objects = objects
            .into_iter()
            .filter(readable)
            .map(|l| check(l.object.api_version(), l.object.kind(), l.object.namespace(), l.object.name()));
        release.into_iter().chain(objects).collect()
    }

    /// Returns how to tell that kinds are ready which say it in words of their own
    /// (fluxcd.io/flux/components/kustomize/kustomizations, "Health check expressions").
    fn checks(&self, unit: &UnitId, step: &Step) -> Vec<Value> {
        let objects = self.objects(unit, step);
        let kinds: BTreeMap<String, (&str, &str)> = objects
            .iter()
            .map(|l| (format!("{}_{}", l.object.group(), l.object.kind()), (l.object.api_version(), l.object.kind())))
            .collect();
        let shared = self.shared.map(|(target, _)| target);
        let all = || std::iter::once(self.target).chain(shared).flat_map(|t| t.instances.values());
        kinds
            .into_iter()
            .filter_map(|(key, (api, kind))| {
                let (current, failed) = all().find_map(|i| i.definition.ready.get(&key))?;
                let mut map = Map::from_iter([
                    (Arc::from("apiVersion"), Value::from(api)),
                    ("kind".into(), Value::from(kind)),
                    ("current".into(), Value::from(current.as_str())),
                ]);
                if let Some(failed) = failed {
                    map.insert("failed".into(), Value::from(failed.as_str()));
                }
                Some(Value::Map(map))
            })
            .collect()
    }

    /// Returns how files encrypted with SOPS are read (fluxcd.io/flux/components/kustomize/kustomizations, Decryption).
    fn decryption(&self) -> Option<Value> {
        let decrypt = self.settings().decrypt.as_ref()?;
        let mut map = Map::from_iter([(Arc::from("provider"), Value::from("sops"))]);
        if let Some(name) = &decrypt.secret {
            map.insert("secretRef".into(), object([("name", Value::from(name))]));
        }
        Some(Value::Map(map))
    }

    /// Returns the fields that operators fill in, for the kinds that a stage has. Only JSON pointers can be said.
    fn ignored(&self, unit: &UnitId, stage: Stage) -> Vec<Value> {
        let objects = self.lowered.components.get(&unit.component).and_then(|u| u.stages.get(&stage));
        let kinds: BTreeSet<(&str, &str)> =
            objects.into_iter().flatten().map(|l| (l.object.group(), l.object.kind())).collect();
        let filled = self.instance(unit).into_iter().flat_map(|i| &i.definition.operator_filled);
        filled
            .filter(|f| kinds.contains(&(f.group.as_str(), f.kind.as_str())))
            .filter_map(filled_rule)
            .chain(self.instance(unit).into_iter().flat_map(own_ignored))
            .collect()
    }

    /// Writes the folder of Flux's own Secrets.
    fn secrets(&self, folder: &str, writer: &mut Writer) {
        let Some(unit) = self.lowered.components.get(UNIT) else { return };
        let mut files = Vec::new();
        for lowered in unit.stages.values().flatten() {
            let file = format!("{}.yaml", lowered.object.name());
            writer.yaml(format!("{folder}/{file}"), lowered.object.value());
            files.push(file);
        }
        writer.yaml(format!("{folder}/kustomization.yaml"), &kustomization(files, vec![], vec![]));
    }
}

/// Returns an entry of `healthChecks`.
fn check(api: &str, kind: &str, namespace: &str, name: &str) -> Value {
    let mut map = Map::from_iter([(Arc::from("apiVersion"), Value::from(api)), ("kind".into(), Value::from(kind))]);
    map.insert("name".into(), Value::from(name));
    if !namespace.is_empty() {
        map.insert("namespace".into(), Value::from(namespace));
    }
    Value::Map(map)
}

/// Returns what an operator fills in. Flux compares only the fields that a manifest has, so a path that cannot be said as a
/// pointer matters only where the manifest has the field too.
fn filled_rule(filled: &Filled) -> Option<Value> {
    let pointers = filled.pointers.iter().cloned().chain(filled.jq.iter().filter_map(|path| pointer::of_jq(path)));
    ignore_rule(&filled.group, &filled.kind, None, pointers.collect())
}

/// Returns what the user wants to be ignored.
fn own_ignored(instance: &Instance) -> Vec<Value> {
    let rules = instance.said.sync.ignore.iter().flatten();
    rules
        .filter_map(|rule| {
            let pointers = rule.pointers.iter().map(String::from);
            let pointers = pointers.chain(rule.jq.iter().filter_map(|path| pointer::of_jq(path))).collect();
            let (group, kind) = (rule.group.as_deref().unwrap_or(""), rule.kind.as_deref().unwrap_or(""));
            ignore_rule(group, kind, rule.name.as_deref(), pointers)
        })
        .collect()
}

/// Returns a rule of `ignore`: paths within the objects that a target selects.
fn ignore_rule(group: &str, kind: &str, name: Option<&str>, pointers: Vec<String>) -> Option<Value> {
    if pointers.is_empty() {
        return None;
    }
    let mut target = Map::default();
    for (key, text) in [("group", group), ("kind", kind), ("name", name.unwrap_or(""))] {
        if !text.is_empty() {
            target.insert(key.into(), Value::from(text));
        }
    }
    Some(object([("paths", Value::from(pointers)), ("target", Value::Map(target))]))
}

/// Returns a duration as Flux's fields take it.
fn duration(written: &str) -> Value {
    Value::from(go_duration(written))
}

/// Writes a duration as Go reads it: there are no days and weeks.
fn go_duration(duration: &str) -> String {
    if !duration.contains(['d', 'w']) {
        return duration.into();
    }
    text::seconds(duration).map_or_else(|| duration.into(), |s| format!("{}h", s / 3600))
}
