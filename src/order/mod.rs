//! Manifests → manifests with their order: who waits for whom, and in which wave each unit comes up.
//!
//! Comes in: what `lower` made. Goes out: the same, with the [`Order`] of each target. A dependency comes from a binding, a
//! reference, `after`, a credential's maker, or a kind that an object really has. A unit is a component, or its `crds` or
//! `config` stage. A wave is ten times the tier, and more where a dependency asks for it.

mod graph; //        units, what they wait for, waves
mod unknown_kind; // objects whose kind nothing brings

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;

use crate::catalog::{Portion, Stage};
use crate::code;
use crate::diag::several::Several;
use crate::diag::{Code, Warned};
use crate::lower::Manifests;
use crate::resolve::Platform;

/// The codes that this stage emits.
pub static CODES: &[&Code] = &[&DEPENDENCY_CYCLE, &UNKNOWN_KIND];

code!(
    DEPENDENCY_CYCLE,
    "dependency-cycle",
    "components wait for each other in a circle",
    "none of them could ever start",
    "a = { after = [\"b\"] }\nb = { after = [\"a\"] }",
    "remove one `after`, or bind one side with an external"
);
code!(
    UNKNOWN_KIND,
    "unknown-kind",
    "an object's kind is brought by nothing in the platform",
    "the cluster would refuse it: no CustomResourceDefinition",
    "[components]\npostgres = {}          # a Cluster of CloudNativePG",
    "[components]\ncloudnative-pg = {}\npostgres = {}"
);

/// Puts the units of every target into their order.
pub fn order(platform: &Platform, mut manifests: Manifests) -> Warned<Manifests> {
    let mut several = Several::new(platform.subjects());
    for (index, out) in manifests.targets.iter_mut().enumerate() {
        let mut found = Vec::new();
        out.order = graph::order(platform, &platform.targets[index], out, &mut found);
        several.add(index, found);
    }
    Warned { output: manifests, diagnostics: several.said() }
}

/// A unit: what the engine syncs as one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnitId {
    pub component: String,
    pub part: Portion,
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
