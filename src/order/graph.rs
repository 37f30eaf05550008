//! The graph of a target's units: what each waits for, and the waves that follow.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use indexmap::{IndexMap, IndexSet};

use super::DEPENDENCY_CYCLE;
use super::unknown_kind::{is_misplaced, unknown_kind};
use crate::catalog::component::Tier;
use crate::catalog::{Portion, Stage};
use crate::diag::Diagnostic;
use crate::lower::{ComponentManifests, Lowered, Order, Place, TargetManifests, UnitId};
use crate::manifest::kinds;
use crate::manifest::value::Value;
use crate::resolve::{Instance, Origin, Platform, Target, reserved};

/// Works out the order of a target.
pub fn order(platform: &Platform, target: &Target, out: &TargetManifests, found: &mut Vec<Diagnostic>) -> Order {
    let shared = platform.shared_of(target);
    let owners = owners(target, shared);
    let stores = stores(out);
    let mut graph = Graph {
        target,
        out,
        owners,
        stores,
        shared,
        units: IndexSet::new(),
        dependencies: BTreeMap::new(),
        outside: BTreeMap::new(),
    };
    graph.nodes();
    graph.wiring(found);
    graph.kinds(found);
    graph.place(found)
}

/// API group, and the kind where several components share a group → who brings it, at which stage.
type Owners<'a> = BTreeMap<(&'a str, Option<&'a str>), (&'a str, Stage)>;

/// Returns who brings each API.
fn owners<'a>(target: &'a Target, shared: Option<&'a Target>) -> Owners<'a> {
    let mut owners = BTreeMap::new();
    let all = target.instances.values().chain(shared.into_iter().flat_map(|t| t.instances.values()));
    for instance in all {
        let at = if instance.crds.is_some() { Stage::Crds } else { Stage::Release };
        for api in &instance.apis {
            owners.entry((kinds::group(api), kinds::kind_of(api))).or_insert((instance.name.as_str(), at));
        }
    }
    owners
}

/// Says whether a name is that of an external with a Service in front of it.
fn has_service(target: &Target, name: &str) -> bool {
    target.external.get(name).is_some_and(|external| external.words.service.is_some())
}

/// Returns the objects of a unit by stage, with those that the engine reads by itself.
fn applied(unit: &ComponentManifests) -> impl Iterator<Item = (Stage, &[Lowered])> {
    let read = (Stage::Release, unit.read.objects.as_slice());
    unit.stages.iter().map(|(stage, objects)| (*stage, objects.as_slice())).chain([read])
}

/// Returns who defines each kind in the tree itself, by group and kind.
fn defined(out: &TargetManifests) -> BTreeMap<(&str, &str), (&str, Stage)> {
    let mut defined = BTreeMap::new();
    for (name, unit) in &out.components {
        for (stage, objects) in applied(unit) {
            for lowered in objects.iter().filter(|l| l.object.kind() == "CustomResourceDefinition") {
                let text = |path: &[&str]| lowered.object.value().at(path).and_then(Value::as_str);
                if let (Some(group), Some(kind)) = (text(&["spec", "group"]), text(&["spec", "names", "kind"])) {
                    defined.entry((group, kind)).or_insert((name.as_str(), stage));
                }
            }
        }
    }
    defined
}

/// Returns who makes each store of External Secrets.
fn stores(out: &TargetManifests) -> BTreeMap<&str, (&str, Stage)> {
    let mut stores = BTreeMap::new();
    for (name, unit) in &out.components {
        for (stage, objects) in &unit.stages {
            for lowered in objects.iter().filter(|l| matches!(l.object.kind(), "ClusterSecretStore" | "SecretStore")) {
                stores.entry(lowered.object.name()).or_insert((name.as_str(), *stage));
            }
        }
    }
    stores
}

struct Graph<'a> {
    target: &'a Target,
    out: &'a TargetManifests,
    owners: Owners<'a>,
    /// Store of External Secrets → who makes it, at which stage.
    stores: BTreeMap<&'a str, (&'a str, Stage)>,
    /// The target with what the environments of this cluster share.
    shared: Option<&'a Target>,
    units: IndexSet<UnitId>,
    dependencies: BTreeMap<UnitId, BTreeMap<UnitId, String>>,
    outside: BTreeMap<UnitId, BTreeSet<UnitId>>,
}

impl Graph<'_> {
    /// Every unit that has anything in it.
    ///
    /// A chart that the engine renders is something; what a rendered chart makes is here already, and may be nothing.
    fn nodes(&mut self) {
        for (name, unit) in &self.out.components {
            let instance = self.target.instances.get(name);
            let has = |stage: &Stage| unit.stages.contains_key(stage) || unit.patches.contains_key(stage);
            if has(&Stage::Crds) || unit.delivery.chart(Portion::Crds).is_some() {
                self.units.insert(UnitId::new(name, Stage::Crds));
            }
            let applied =
                unit.delivery.chart(Portion::Main).is_some() || instance.is_some_and(|i| i.definition.source.is_some());
            if has(&Stage::Prepare) || has(&Stage::Release) || has(&Stage::Demand) || applied {
                self.units.insert(UnitId::new(name, Stage::Release));
            }
            if has(&Stage::Config) {
                self.units.insert(UnitId::new(name, Stage::Config));
            }
        }
    }

    fn dependency(&mut self, from: (&str, Stage), to: (&str, Stage), reason: String) {
        let from = UnitId::new(from.0, from.1);
        let here = self.target.instances.contains_key(to.0) || self.out.components.contains_key(to.0);
        if !here && self.units.contains(&from) && self.shared.is_some_and(|t| t.instances.contains_key(to.0)) {
            self.outside.entry(from).or_default().insert(UnitId::new(to.0, to.1));
            return;
        }
        let mut to = UnitId::new(to.0, to.1);
        if !self.units.contains(&to) {
            to.part = Portion::Main;
        }
        if from != to && self.units.contains(&from) && self.units.contains(&to) {
            self.dependencies.entry(from).or_default().entry(to).or_insert(reason);
        }
    }

    fn wiring(&mut self, found: &mut Vec<Diagnostic>) {
        let target = self.target;
        let names: Vec<&String> = self.out.components.keys().collect();
        for name in &names {
            for (stage, before) in [(Stage::Release, Stage::Crds), (Stage::Config, Stage::Release)] {
                self.dependency((name, stage), (name, before), "the previous stage".into());
            }
            if **name != reserved::NAMESPACES {
                for stage in Stage::ALL {
                    self.dependency((name, stage), (reserved::NAMESPACES, Stage::Release), "its namespace".into());
                }
            }
        }
        for (name, stage) in &self.out.substituted {
            self.dependency(
                (name, *stage),
                (reserved::FLUX_SECRETS, Stage::Release),
                "variables substituted in the cluster".into(),
            );
        }
        for instance in target.instances.values() {
            let shares = |t: &Target| t.instances.values().any(|i| i.namespace == instance.namespace);
            if self.shared.is_some_and(shares) {
                let namespaces = UnitId::new(reserved::NAMESPACES, Stage::Release);
                for stage in Stage::ALL {
                    let unit = UnitId::new(&instance.name, stage);
                    if self.units.contains(&unit) {
                        self.outside.entry(unit).or_default().insert(namespaces.clone());
                    }
                }
            }
            self.bindings(instance);
            self.references(instance);
            let after = instance.said.after.iter().map(|other| ("after", other));
            for (key, other) in after.chain(instance.words.on.iter().map(|other| ("on", other))) {
                if target.instances.contains_key(other.as_str()) {
                    self.dependency((&instance.name, Stage::Release), (other, Stage::Release), format!("`{key}`"));
                } else if !self.is_visible(other) && !self.off_here(other) {
                    found.push(crate::resolve::unknown_name(
                        "component",
                        other,
                        other.at,
                        target.instances.keys().map(String::as_str),
                    ));
                }
            }
            let asked: Vec<String> = self.asked(&instance.name);
            for group in asked {
                self.brings(&instance.name.clone(), Stage::Release, &group, None);
            }
        }
    }

    /// Says whether a component exists in the file but is switched off in this target.
    fn off_here(&self, name: &str) -> bool {
        self.target.off.contains(name)
    }

    /// Says whether a component is one of this target, or of what the cluster's environments share.
    fn is_visible(&self, name: &str) -> bool {
        [Some(self.target), self.shared].into_iter().flatten().any(|target| target.instances.contains_key(name))
    }

    /// API groups whose presence a chart's values depend on.
    fn asked(&self, name: &str) -> Vec<String> {
        self.out.asked.get(name).cloned().unwrap_or_default().into_iter().collect()
    }

    fn bindings(&mut self, instance: &Instance) {
        for (slot_name, slot) in &instance.definition.requires {
            let Some(bound) = instance.bindings.get(slot_name) else { continue };
            for binding in bound.all() {
                let reason = format!("`{slot_name}`");
                if has_service(self.target, &binding.provider) {
                    self.dependency(
                        (&instance.name, slot.stage),
                        (reserved::EXTERNALS, Stage::Release),
                        reason.clone(),
                    );
                }
                if slot.wait {
                    self.dependency((&instance.name, slot.stage), (&binding.provider, Stage::Release), reason.clone());
                }
                if binding.credential.as_ref().is_some_and(|c| c.origin == Origin::Made || c.origin == Origin::Generate)
                {
                    self.dependency(
                        (&instance.name, Stage::Prepare),
                        (&binding.provider, Stage::Release),
                        format!("the credential of {reason}"),
                    );
                }
            }
        }
    }

    /// A late reference to another component is a dependency.
    fn references(&mut self, instance: &Instance) {
        for other in &instance.refers {
            self.dependency((&instance.name, Stage::Release), (other, Stage::Release), "a reference".into());
        }
    }

    /// Adds a dependency on whoever brings a kind, or, without one, to who brings anything of the group.
    fn brings(&mut self, name: &str, stage: Stage, group: &str, kind: Option<&str>) -> bool {
        let exact = kind.and_then(|kind| self.owners.get(&(group, Some(kind))));
        let whole = exact.or_else(|| self.owners.get(&(group, None)));
        let any = || self.owners.iter().find(|((g, _), _)| *g == group && kind.is_none()).map(|(_, owner)| owner);
        let Some((owner, at)) = whole.or_else(any).copied() else { return false };
        self.dependency((name, stage), (owner, at), format!("the kinds of `{group}`"));
        true
    }

    fn kinds(&mut self, found: &mut Vec<Diagnostic>) {
        let mut missing: IndexMap<String, Vec<&Lowered>> = IndexMap::new();
        let out = self.out;
        let defined = defined(out);
        for (name, unit) in &out.components {
            for (stage, objects) in applied(unit) {
                for lowered in objects {
                    let api = lowered.object.api_version();
                    let group = lowered.object.group();
                    if kinds::is_builtin(api) && !kinds::versions(api, lowered.object.kind()).is_empty() {
                        continue;
                    }
                    let kind = lowered.object.kind();
                    let there = self.target.ground().apis.iter().any(|a| kinds::brings(a, group, kind));
                    let mut brought = self.brings(name, stage, group, Some(kind)) || there;
                    if let (false, Some((owner, at))) = (brought, defined.get(&(group, kind))) {
                        // Within one sync both engines apply definitions first (argo-cd v3.4 docs/user-guide/sync-options.md,
                        // "Skip Dry Run for new custom resources types"; Flux's kustomize-controller applies them as a stage).
                        if (*owner, *at) != (name.as_str(), stage) {
                            self.dependency((name, stage), (owner, *at), format!("the kinds of `{group}`"));
                        }
                        brought = true;
                    }
                    let misplaced = kinds::is_builtin(api) || is_misplaced(api, kind);
                    if misplaced || !brought {
                        // Whoever brings one kind of a group brings the others: one mistake, one finding.
                        let key = if misplaced { format!("{group}/{kind}") } else { group.to_string() };
                        missing.entry(key).or_default().push(lowered);
                    }
                    self.store(name, stage, lowered);
                }
            }
        }
        for objects in missing.values() {
            found.push(unknown_kind(objects));
        }
    }

    /// An ExternalSecret waits for the store that it reads.
    fn store(&mut self, name: &str, stage: Stage, lowered: &Lowered) {
        let spec = |path: &[&str]| lowered.object.value().at(path);
        let store = match lowered.object.kind() {
            "ExternalSecret" => spec(&["spec", "secretStoreRef", "name"]).and_then(Value::as_str),
            "PushSecret" => spec(&["spec", "secretStoreRefs"])
                .and_then(Value::as_list)
                .and_then(|list| list.first()?.get("name")?.as_str()),
            _ => None,
        };
        let Some(store) = store else { return };
        let Some((owner, at)) = self.stores.get(store).copied() else {
            // The platform's store of a shared cluster is made beside External Secrets there.
            let bringer = self.owners.get(&("external-secrets.io", None)).copied();
            if let (Some((owner, _)), true) = (bringer, self.target.store.name == store) {
                self.dependency((name, stage), (owner, Stage::Config), format!("the store `{store}`"));
            }
            return;
        };
        self.dependency((name, stage), (owner, at), format!("the store `{store}`"));
        let platform = &self.target.store;
        if let Some(component) = platform.component.as_ref().filter(|_| platform.name == store) {
            self.dependency((owner, at), (component, Stage::Release), "the store's server".into());
        }
    }

    /// Sorts the units and gives each its wave.
    fn place(self, found: &mut Vec<Diagnostic>) -> Order {
        let none = BTreeMap::new();
        let after = |unit: &UnitId| self.dependencies.get(unit).unwrap_or(&none);
        let mut waiting: IndexMap<&UnitId, usize> = self.units.iter().map(|u| (u, after(u).len())).collect();
        let mut ready: VecDeque<&UnitId> = waiting.iter().filter(|(_, n)| **n == 0).map(|(u, _)| *u).collect();
        let mut needed_by: BTreeMap<&UnitId, Vec<&UnitId>> = BTreeMap::new();
        for (from, tos) in &self.dependencies {
            for to in tos.keys() {
                needed_by.entry(to).or_default().push(from);
            }
        }
        let mut waves: BTreeMap<&UnitId, i64> = BTreeMap::new();
        while let Some(unit) = ready.pop_front() {
            let before = after(unit).keys().filter_map(|u| waves.get(u)).max();
            let wave = before.map_or(self.floor(unit), |b| self.floor(unit).max(b + 1));
            waves.insert(unit, wave);
            for next in needed_by.get(unit).into_iter().flatten() {
                if let Some(n) = waiting.get_mut(*next) {
                    *n -= 1;
                    if *n == 0 {
                        ready.push_back(next);
                    }
                }
            }
        }
        if waves.len() < self.units.len() {
            found.push(self.cycle(&waves));
        }
        self.by_hand(&mut waves);
        let mut units: Vec<(&UnitId, i64)> =
            self.units.iter().map(|u| (u, waves.get(u).copied().unwrap_or(0))).collect();
        units.sort_by(|a, b| (a.1, a.0).cmp(&(b.1, b.0)));
        Order {
            units: units
                .into_iter()
                .map(|(u, wave)| {
                    let outside = self.outside.get(u).cloned().unwrap_or_default();
                    (u.clone(), Place { wave, after: after(u).clone(), outside })
                })
                .collect(),
        }
    }

    /// Puts what people sync themselves behind everything else, with what needs it: an Application that waits for a person
    /// is not healthy, and would hold up every later wave.
    fn by_hand(&self, waves: &mut BTreeMap<&UnitId, i64>) {
        let target = self.target;
        let manual = |unit: &UnitId| target.sync(target.instances.get(&unit.component)).automated == Some(false);
        let mut ordered: Vec<(&UnitId, i64)> = waves.iter().map(|(unit, wave)| (*unit, *wave)).collect();
        ordered.sort_by_key(|(_, wave)| *wave);
        // Units that wait by themselves, or for one that does: how many of those stand before each.
        let mut late: BTreeMap<&UnitId, i64> = BTreeMap::new();
        for (unit, _) in &ordered {
            let before =
                self.dependencies.get(*unit).into_iter().flat_map(BTreeMap::keys).filter_map(|u| late.get(u)).max();
            match before {
                Some(before) => drop(late.insert(unit, before + 1)),
                None if manual(unit) => drop(late.insert(unit, 0)),
                None => {}
            }
        }
        let last = ordered.iter().filter(|(unit, _)| !late.contains_key(unit)).map(|(_, wave)| *wave).max();
        let first = (last.unwrap_or(0) / 10 + 1) * 10;
        for (unit, behind) in late {
            waves.insert(unit, first + behind);
        }
    }

    /// The lowest wave that a unit may have: CRDs and namespaces first, then ten per tier.
    fn floor(&self, unit: &UnitId) -> i64 {
        if unit.component == reserved::NAMESPACES {
            return 0;
        }
        match unit.part {
            Portion::Crds => 1,
            _ if unit.component == reserved::EDGES => (Tier::Network as i64 + 1) * 10,
            _ => self.target.instances.get(&unit.component).map_or(10, |i| (i.tier as i64 + 1) * 10),
        }
    }

    fn cycle(&self, placed: &BTreeMap<&UnitId, i64>) -> Diagnostic {
        let left: BTreeSet<&UnitId> = self.units.iter().filter(|u| !placed.contains_key(u)).collect();
        // Walk along dependencies inside of what is left until a unit comes again: that is a circle.
        let mut path: Vec<&UnitId> = left.iter().take(1).copied().collect();
        while let Some(next) =
            path.last().and_then(|u| self.dependencies.get(*u)).and_then(|tos| tos.keys().find(|t| left.contains(t)))
        {
            if let Some(start) = path.iter().position(|u| *u == next) {
                path.drain(..start);
                break;
            }
            path.push(next);
        }
        let names: Vec<String> = path.iter().chain(path.first()).map(|u| u.name()).collect();
        let mut diagnostic =
            Diagnostic::error(&DEPENDENCY_CYCLE, format!("circular dependency: `{}`", names.join("` → `")));
        for (index, unit) in path.iter().enumerate() {
            let next = path[(index + 1) % path.len()];
            let reason = self.dependencies.get(*unit).and_then(|t| t.get(next)).cloned().unwrap_or_default();
            if let Some(instance) = self.target.instances.get(&unit.component) {
                diagnostic =
                    diagnostic.at(instance.span, format!("`{}` waits for `{}`: {reason}", unit.name(), next.name()));
            }
        }
        diagnostic
    }
}
