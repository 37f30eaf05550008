//! Manifests → manifests with their order: who waits for whom, and in which wave each unit comes up.
//!
//! Comes in: what `lower` made. Goes out: the same, with the [`Order`] of each target. A dependency comes from a binding, a
//! reference, `after`, a credential's maker, or a kind that an object really has. A unit is a component, or its `crds` or
//! `config` stage. A wave is ten times the tier, and more where a dependency asks for it.

mod graph; //        units, what they wait for, waves
mod unknown_kind; // objects whose kind nothing brings

use crate::code;
use crate::diag::several::Several;
use crate::diag::{Code, Warned};
use crate::lower::objects::sync;
use crate::lower::{Manifests, Unordered};
use crate::resolve::Platform;

/// The codes that this stage emits.
pub static CODES: &[&Code] = &[&DEPENDENCY_CYCLE, &UNKNOWN_KIND];

code!(
    DEPENDENCY_CYCLE,
    "dependency-cycle",
    "components depend on each other in a circle",
    "none of them could ever start",
    "a = { after = [\"b\"] }\nb = { after = [\"a\"] }",
    "remove one `after`, or replace one side by an external"
);
code!(
    UNKNOWN_KIND,
    "unknown-kind",
    "nothing in the platform installs the kind of an object",
    "the cluster would reject it, because its CustomResourceDefinition is missing",
    "[components]\npostgres = {}          # a Cluster of CloudNativePG",
    "[components]\ncloudnative-pg = {}\npostgres = {}"
);

/// Puts the units of every target into their order.
pub fn order(platform: &Platform, Unordered(mut manifests): Unordered) -> Warned<Manifests> {
    let mut several = Several::new(platform.subjects());
    for (index, out) in manifests.targets.iter_mut().enumerate() {
        let mut found = Vec::new();
        out.order = graph::order(platform, &platform.targets[index], out, &mut found);
        sync::by_hand(&platform.targets[index], out);
        several.add(index, found);
    }
    Warned { output: manifests, diagnostics: several.said() }
}
