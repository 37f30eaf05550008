//! What `lower` makes: units with their objects and values, for each target; and the order that the stage `order` puts them in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use indexmap::IndexMap;

use crate::catalog::{Chart, Portion, Stage};
use crate::diag::Span;
use crate::lower::charts;
use crate::lower::objects::folder::Read;
use crate::lower::objects::scopes::Scopes;
use crate::lower::secrets::kept;
use crate::manifest::object::Object;
use crate::manifest::value::{Map, Value};
use crate::resolve::{Instance, Target};
use crate::settings::platform::Output;

/// Where an object came from.
#[derive(Clone, Debug, PartialEq)]
pub struct Origin {
    /// The template and the line in it, or the file of the user's; empty for objects that lakegen makes by itself.
    pub file: String,
    pub line: usize,
    /// The place in platform.toml that asked for it.
    pub span: Span,
    /// The place in the template or file, for carets.
    pub template: Option<Span>,
}

impl Origin {
    /// Says whether a template of a chart made it.
    pub fn is_chart(&self) -> bool {
        self.template.is_none() && !self.file.is_empty() && !self.is_own()
    }

    /// Says whether one of lakegen's own templates made it, whatever the component.
    pub fn is_own(&self) -> bool {
        self.file.starts_with("objects/") && self.file.ends_with(".yaml.j2")
    }
}

/// An object with its origin.
#[derive(Clone, Debug)]
pub struct Lowered {
    pub object: Object,
    pub origin: Origin,
    /// How often something of the same stage has to be ready before this is applied; only hooks of charts wait so.
    pub step: usize,
}

/// How the engine gets a unit. `[platform] output` says it; it is decided once, and everything behind reads it here.
#[derive(Clone, Debug)]
pub enum Delivery {
    /// Objects as bases and overlays below `components/`, and the charts that the engine renders.
    Charts { main: Option<Box<Chart>>, crds: Option<Box<Chart>> },
    /// Objects complete below `manifests/`, those among them that charts make.
    Manifests,
}

impl Default for Delivery {
    fn default() -> Self {
        Self::Charts { main: None, crds: None }
    }
}

impl Delivery {
    /// Decides how a target gets a component, or a unit of lakegen's own.
    pub(super) fn of(target: &Target, instance: Option<&Instance>) -> Self {
        match target.ground().output {
            Output::Manifests => Self::Manifests,
            Output::Values => Self::Charts {
                main: instance.and_then(|instance| instance.chart.clone()).map(Box::new),
                crds: instance.and_then(|instance| instance.crds.clone()).map(Box::new),
            },
        }
    }

    /// Says whether everything is rendered into the tree.
    pub fn is_rendered(&self) -> bool {
        matches!(self, Self::Manifests)
    }

    /// Returns the chart that the engine renders for a part of the unit.
    pub fn chart(&self, part: Portion) -> Option<&Chart> {
        match (self, part) {
            (Self::Charts { main, .. }, Portion::Main) => main.as_deref(),
            (Self::Charts { crds, .. }, Portion::Crds) => crds.as_deref(),
            _ => None,
        }
    }

    /// Returns every chart that the engine renders.
    pub fn charts(&self) -> impl Iterator<Item = &Chart> {
        [Portion::Crds, Portion::Main].into_iter().filter_map(|part| self.chart(part))
    }
}

/// A component as it will be written for one target.
#[derive(Clone, Debug, Default)]
pub struct ComponentManifests {
    pub delivery: Delivery,
    /// Objects by stage.
    pub stages: BTreeMap<Stage, Vec<Lowered>>,
    /// What the engine reads by itself, as far as it could be read too: judged, and never written.
    pub read: Read,
    /// Helm values of the release.
    pub values: Option<Arc<Value>>,
    /// Kustomize patches of the user's, by stage.
    pub patches: BTreeMap<Stage, Vec<Value>>,
    /// Steps for people.
    pub notes: Vec<String>,
    /// Whether its objects stay when the component goes: data lives in them, or they define the kinds of others' objects.
    pub stays: bool,
}

impl ComponentManifests {
    /// Sorts the objects of each stage by what they are.
    pub fn sort(&mut self) {
        for objects in self.stages.values_mut() {
            objects.sort_by_cached_key(|lowered| lowered.object.id());
        }
    }
}

/// A secret item that must exist in the store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Needed {
    pub item: String,
    /// Property → components that read it.
    pub properties: BTreeMap<String, Vec<String>>,
    pub precious: bool,
    pub hint: Option<String>,
    /// Properties that the cluster makes and writes by itself.
    pub generated: BTreeSet<String>,
}

impl Needed {
    /// Whether people have to put something into the item.
    pub fn by_hand(&self) -> bool {
        self.properties.keys().any(|property| !self.generated.contains(property))
    }
}

/// Everything of one target.
#[derive(Clone, Debug, Default)]
pub struct TargetManifests {
    pub components: IndexMap<String, ComponentManifests>,
    /// Filled by the stage `order`.
    pub order: Order,
    /// Store items by name.
    pub needed: BTreeMap<String, Needed>,
    /// Secrets that people keep, by (namespace, name).
    pub kept: BTreeMap<(String, String), kept::Kept>,
    /// API groups that the templates of a component asked for.
    pub asked: BTreeMap<String, BTreeSet<String>>,
    /// The platform's store, when there is one per namespace: the model of theirs.
    pub store: Option<Lowered>,
    /// Where Flux replaces variables in the cluster.
    pub substituted: BTreeSet<(String, Stage)>,
    /// What the charts make, as far as they could be looked into.
    pub charts: Vec<charts::Inflation>,
    /// Which kinds live in namespaces.
    pub scopes: Scopes,
    /// Steps for people that belong to no unit: what they are about, and what to do.
    pub steps: Vec<(String, String)>,
    pub dns: Dns,
}

/// What a step of `lower` adds to what it sees.
#[derive(Clone, Debug, Default)]
pub struct Added {
    /// Objects with their unit and stage. A unit that is not there yet is one of lakegen's own, and comes first.
    pub objects: Vec<(String, Stage, Lowered)>,
    /// Steps for people that belong to no unit.
    pub steps: Vec<(String, String)>,
    /// Notes of a unit.
    pub notes: Vec<(String, String)>,
}

impl Added {
    /// Returns everything of a unit.
    pub fn unit(name: &str, unit: ComponentManifests) -> Self {
        let all = unit.stages.into_iter().flat_map(|(stage, objects)| objects.into_iter().map(move |one| (stage, one)));
        let objects = all.map(|(stage, lowered)| (name.to_string(), stage, lowered)).collect();
        let notes = unit.notes.into_iter().map(|note| (name.to_string(), note)).collect();
        Self { objects, notes, steps: vec![] }
    }
}

impl TargetManifests {
    /// Takes what a step adds.
    pub fn add(&mut self, added: Added) {
        for (name, stage, lowered) in added.objects {
            if !self.components.contains_key(&name) {
                self.components.shift_insert(0, name.clone(), ComponentManifests::default());
            }
            self.components.entry(name).or_default().stages.entry(stage).or_default().push(lowered);
        }
        for (name, note) in added.notes {
            if let Some(unit) = self.components.get_mut(&name) {
                unit.notes.push(note);
            }
        }
        self.steps.extend(added.steps);
    }

    /// Returns what was made for a unit's component.
    pub fn of(&self, unit: &UnitId) -> Option<&ComponentManifests> {
        self.components.get(&unit.component)
    }

    /// Returns the chart that the engine renders for a unit.
    pub fn chart(&self, unit: &UnitId) -> Option<&Chart> {
        self.of(unit)?.delivery.chart(unit.part)
    }

    /// Says whether all that is applied stands in the tree.
    pub fn is_rendered(&self) -> bool {
        self.components.values().any(|unit| unit.delivery.is_rendered())
    }
}

/// Host → edge → address, where known.
pub type Dns = BTreeMap<String, BTreeMap<String, Option<String>>>;

/// Manifests whose units have no order yet: only the stage `order` makes [`Manifests`] of them, so nothing is written without one.
#[derive(Clone, Debug, Default)]
pub struct Unordered(pub Manifests);

/// The output of the stage, one entry per target of the platform.
#[derive(Clone, Debug, Default)]
pub struct Manifests {
    pub targets: Vec<TargetManifests>,
}

/// A unit: what the engine syncs as one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnitId {
    pub component: String,
    pub part: Portion,
}

impl UnitId {
    /// Returns the unit that a stage of a component belongs to.
    pub fn new(component: &str, stage: Stage) -> Self {
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

/// Returns an object from its parts, made by lakegen itself.
pub fn made(
    api_version: &str,
    kind: &str,
    namespace: &str,
    name: &str,
    rest: impl IntoIterator<Item = (&'static str, Value)>,
    span: Span,
) -> Lowered {
    let mut metadata = Map::from_iter([(Arc::from("name"), Value::from(name))]);
    if !namespace.is_empty() {
        metadata.insert("namespace".into(), Value::from(namespace));
    }
    let mut map = Map::from_iter([
        (Arc::from("apiVersion"), Value::from(api_version)),
        (Arc::from("kind"), Value::from(kind)),
        (Arc::from("metadata"), Value::Map(metadata)),
    ]);
    map.extend(rest.into_iter().map(|(key, value)| (Arc::from(key), value)));
    let object = Object::new(Value::Map(map)).expect("apiVersion, kind and name were given");
    Lowered { object, origin: Origin { file: String::new(), line: 0, span, template: None }, step: 0 }
}
