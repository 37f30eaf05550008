//! Who waits for whom: units, the dependencies between them, and waves.
//!
//! A dependency comes from a binding, a reference, `after`, a credential's maker, or a kind that an object really has. A unit is
//! a component, or its `crds` or `config` stage. A wave is ten times the tier, and more where a dependency asks for it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use indexmap::{IndexMap, IndexSet};

use super::{
    DEPENDENCY_CYCLE, Lowered, Lowering, TargetManifests, UNKNOWN_KIND, edges, externals, flux, namespaces, rendered,
};
use crate::catalog::component::Tier;
use crate::catalog::{self, Stage};
use crate::diag::{Diagnostic, near, quoted_list};
use crate::manifest::kinds;
use crate::manifest::value::Value;
use crate::resolve::{Instance, Origin, Target};

/// A unit: what the engine syncs as one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnitId {
    pub component: String,
    pub part: Portion,
}

/// The parts of a component that are units of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Portion {
    Crds,
    Main,
    Config,
}

impl Portion {
    /// Returns the part that a stage belongs to.
    pub fn of(stage: Stage) -> Self {
        match stage {
            Stage::Crds => Self::Crds,
            Stage::Prepare | Stage::Release | Stage::Demand => Self::Main,
            Stage::Config => Self::Config,
        }
    }
}

impl UnitId {
    fn new(component: &str, stage: Stage) -> Self {
        Self { component: component.into(), part: Portion::of(stage) }
    }

    /// Returns the unit's name: `trino`, `prometheus-crds`, `metallb-config`.
    pub fn name(&self) -> String {
        match self.part {
            Portion::Crds => format!("{}-crds", self.component),
            Portion::Main => self.component.clone(),
            Portion::Config => format!("{}-config", self.component),
        }
    }

    /// Returns the stages in the unit.
    pub fn stages(&self) -> &'static [Stage] {
        match self.part {
            Portion::Crds => &[Stage::Crds],
            Portion::Main => &[Stage::Prepare, Stage::Release],
            Portion::Config => &[Stage::Config],
        }
    }
}

/// The units of a target with what they wait for.
#[derive(Clone, Debug, Default)]
pub struct Order {
    /// In the order of coming up.
    pub units: IndexMap<UnitId, Place>,
}

/// A unit's place in the order.
#[derive(Clone, Debug, Default)]
pub struct Place {
    pub wave: i64,
    /// Units that must be up first, with the reason.
    pub after: BTreeMap<UnitId, String>,
    /// Units of the target that this one shares with others, which must be up first; a stage that is not there is part of
    /// the component's main unit.
    pub outside: BTreeSet<UnitId>,
}

/// Works out the order of a target.
pub fn order(lowering: &Lowering<'_>, out: &TargetManifests, found: &mut Vec<Diagnostic>) -> Order {
    let owners = owners(lowering);
    let stores = stores(out);
    let shared = lowering.target.shared.map(|index| &lowering.platform.targets[index]);
    let mut graph = Graph {
        lowering,
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
fn owners<'a>(lowering: &Lowering<'a>) -> Owners<'a> {
    let mut owners = BTreeMap::new();
    let shared = lowering.target.shared.map(|index| &lowering.platform.targets[index]);
    let all = lowering.target.instances.values().chain(shared.into_iter().flat_map(|t| t.instances.values()));
    for instance in all {
        let at = if instance.crds.is_some() { Stage::Crds } else { Stage::Release };
        for api in &instance.apis {
            owners.entry((kinds::group(api), kinds::kind_of(api))).or_insert((instance.name.as_str(), at));
        }
    }
    owners
}

/// Says whether a name is that of an external with a Service in front of it.
fn target_service(lowering: &Lowering<'_>, name: &str) -> bool {
    lowering.target.external.get(name).is_some_and(|external| external.words.service.is_some())
}

/// Returns who defines each kind in the tree itself, by group and kind.
fn defined(out: &TargetManifests) -> BTreeMap<(&str, &str), (&str, Stage)> {
    let mut defined = BTreeMap::new();
    for (name, unit) in &out.units {
        for (stage, objects) in &unit.stages {
            for lowered in objects.iter().filter(|l| l.object.kind() == "CustomResourceDefinition") {
                let text = |path: &[&str]| lowered.object.value().at(path).and_then(Value::as_str);
                if let (Some(group), Some(kind)) = (text(&["spec", "group"]), text(&["spec", "names", "kind"])) {
                    defined.entry((group, kind)).or_insert((name.as_str(), *stage));
                }
            }
        }
    }
    defined
}

/// Returns who makes each store of External Secrets.
fn stores(out: &TargetManifests) -> BTreeMap<&str, (&str, Stage)> {
    let mut stores = BTreeMap::new();
    for (name, unit) in &out.units {
        for (stage, objects) in &unit.stages {
            for lowered in objects.iter().filter(|l| matches!(l.object.kind(), "ClusterSecretStore" | "SecretStore")) {
                stores.entry(lowered.object.name()).or_insert((name.as_str(), *stage));
            }
        }
    }
    stores
}

struct Graph<'a> {
    lowering: &'a Lowering<'a>,
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
        let by_engine = !rendered::is_wanted(self.lowering.target);
        for (name, unit) in &self.out.units {
            let instance = self.lowering.target.instances.get(name);
            let has = |stage: &Stage| unit.stages.contains_key(stage) || unit.patches.contains_key(stage);
            if has(&Stage::Crds) || (by_engine && instance.is_some_and(|i| i.crds.is_some())) {
                self.units.insert(UnitId::new(name, Stage::Crds));
            }
            let chart = instance.is_some_and(|i| (by_engine && i.chart.is_some()) || i.definition.source.is_some());
            if has(&Stage::Prepare) || has(&Stage::Release) || has(&Stage::Demand) || chart {
                self.units.insert(UnitId::new(name, Stage::Release));
            }
            if has(&Stage::Config) {
                self.units.insert(UnitId::new(name, Stage::Config));
            }
        }
    }

    fn dependency(&mut self, from: (&str, Stage), to: (&str, Stage), reason: String) {
        let from = UnitId::new(from.0, from.1);
        let here = self.lowering.target.instances.contains_key(to.0) || self.out.units.contains_key(to.0);
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
        let target = self.lowering.target;
        let names: Vec<&String> = self.out.units.keys().collect();
        for name in &names {
            for (stage, before) in [(Stage::Release, Stage::Crds), (Stage::Config, Stage::Release)] {
                self.dependency((name, stage), (name, before), "the stage before".into());
            }
            if **name != namespaces::UNIT {
                for stage in Stage::ALL {
                    self.dependency((name, stage), (namespaces::UNIT, Stage::Release), "its namespace".into());
                }
            }
        }
        for (name, stage) in &self.out.substituted {
            self.dependency((name, *stage), (flux::UNIT, Stage::Release), "what only the cluster knows".into());
        }
        for instance in target.instances.values() {
            let shares = |t: &Target| t.instances.values().any(|i| i.namespace == instance.namespace);
            if self.shared.is_some_and(shares) {
                let namespaces = UnitId::new(namespaces::UNIT, Stage::Release);
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
                } else if self.lowering.visible(other).is_none() && !self.off_here(other) {
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
        self.lowering.target.off.contains(name)
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
                if target_service(self.lowering, &binding.provider) {
                    self.dependency((&instance.name, slot.stage), (externals::UNIT, Stage::Release), reason.clone());
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
        for (name, unit) in &out.units {
            for (stage, objects) in &unit.stages {
                for lowered in objects {
                    let api = lowered.object.api_version();
                    let group = lowered.object.group();
                    if kinds::is_builtin(api) && !kinds::versions(api, lowered.object.kind()).is_empty() {
                        continue;
                    }
                    let kind = lowered.object.kind();
                    let there = self.lowering.target.ground().apis.iter().any(|a| kinds::brings(a, group, kind));
                    let mut brought = self.brings(name, *stage, group, Some(kind)) || there;
                    if let (false, Some((owner, at))) = (brought, defined.get(&(group, kind)))
                        && (*owner, *at) != (name.as_str(), *stage)
                    {
                        self.dependency((name, *stage), (owner, *at), format!("the kinds of `{group}`"));
                        brought = true;
                    }
                    let misplaced = kinds::is_builtin(api) || is_misplaced(api, kind);
                    if misplaced || !brought {
                        // Whoever brings one kind of a group brings the others: one mistake, one finding.
                        let key = if misplaced { format!("{group}/{kind}") } else { group.to_string() };
                        missing.entry(key).or_default().push(lowered);
                    }
                    self.store(name, *stage, lowered);
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
            if let (Some((owner, _)), true) = (bringer, self.lowering.target.store.name == store) {
                self.dependency((name, stage), (owner, Stage::Config), format!("the store `{store}`"));
            }
            return;
        };
        self.dependency((name, stage), (owner, at), format!("the store `{store}`"));
        let platform = &self.lowering.target.store;
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
        let target = self.lowering.target;
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
        if unit.component == namespaces::UNIT {
            return 0;
        }
        match unit.part {
            Portion::Crds => 1,
            _ if unit.component == edges::UNIT => (Tier::Network as i64 + 1) * 10,
            _ => self.lowering.target.instances.get(&unit.component).map_or(10, |i| (i.tier as i64 + 1) * 10),
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
            Diagnostic::error(&DEPENDENCY_CYCLE, format!("these wait for each other: `{}`", names.join("` → `")));
        for (index, unit) in path.iter().enumerate() {
            let next = path[(index + 1) % path.len()];
            let reason = self.dependencies.get(*unit).and_then(|t| t.get(next)).cloned().unwrap_or_default();
            if let Some(instance) = self.lowering.target.instances.get(&unit.component) {
                diagnostic =
                    diagnostic.at(instance.span, format!("`{}` waits for `{}`: {reason}", unit.name(), next.name()));
            }
        }
        diagnostic
    }
}

/// Says whether a kind of Kubernetes itself stands under a group that is known and has no such kind.
fn is_misplaced(api: &str, kind: &str) -> bool {
    !kinds::is_builtin(api)
        && !kinds::kinds_of(api).is_empty()
        && kinds::versions(api, kind).is_empty()
        && kinds::groups_of(kind).into_iter().any(kinds::is_builtin)
}

fn unknown_kind(objects: &[&Lowered]) -> Diagnostic {
    let lowered = objects[0];
    let (api, kind) = (lowered.object.api_version(), lowered.object.kind());
    let at = lowered.origin.template.unwrap_or(lowered.origin.span);
    let known = kinds::versions(api, kind);
    if kinds::is_builtin(api) || is_misplaced(api, kind) {
        let whose = if kinds::is_builtin(api) { "Kubernetes has" } else { "there is" };
        let message = format!("{whose} no kind `{kind}` in `{api}`");
        let diagnostic = Diagnostic::error(&UNKNOWN_KIND, message).at(at, "");
        let elsewhere = kinds::groups_of(kind);
        let close = near(kind, kinds::kinds_of(api));
        return match (elsewhere.is_empty(), close.is_empty()) {
            (false, _) => diagnostic.help(format!("`{kind}` is in {}", quoted_list(elsewhere, "and"))),
            (_, false) => diagnostic.help(format!("did you mean {}?", quoted_list(close, "or"))),
            _ => diagnostic,
        };
    }
    let group = kinds::group(api);
    let kinds: BTreeSet<&str> = objects.iter().map(|lowered| lowered.object.kind()).collect();
    let what = match objects.len() {
        1 => format!("the kind of `{kind}/{}` (`{group}`)", lowered.object.name()),
        _ => format!("{} of `{group}`", quoted_list(kinds.iter().copied(), "and")),
    };
    let mut diagnostic = Diagnostic::error(&UNKNOWN_KIND, format!("nothing in the platform brings {what}"));
    let places: BTreeSet<crate::diag::Span> = objects.iter().map(|lowered| lowered.origin.span).collect();
    for place in places.iter().take(3) {
        diagnostic = diagnostic.at(*place, "needed here");
    }
    if known.is_empty() {
        diagnostic = diagnostic.note(format!("lakegen does not know `{api}` either"));
    }
    let bringers = catalog::bringers_of(group, kind);
    match bringers.first() {
        Some(first) => diagnostic.help(format!("add `{first} = {{}}` under `[components]`, or, if the cluster has it already, `apis = [\"{api}\"]` under `[platform]`")),
        None => diagnostic.help(format!("if the cluster has it already, say so: `apis = [\"{api}\"]` under `[platform]`")),
    }
}
