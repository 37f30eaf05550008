//! Jobs that start when somebody asks (`when = "demand"`): their object is a template, their runs are files of their own.
//!
//! What the runs share (accounts, Secrets, settings) is synced like any component. The object itself goes to
//! `jobs/<job>/template.yaml`, and the engine syncs `jobs/<target>/<job>/`, where each run is a copy with its own name.

use crate::catalog::Stage;
use crate::lower::{Lowering, Unit};
use crate::manifest::value::Value;
use crate::resolve::Instance;
use crate::settings::component::When;

/// Kinds whose creation starts something, as (group, kind).
const RUNS: &[(&str, &str)] = &[
    ("batch", "Job"),
    ("sparkoperator.k8s.io", "SparkApplication"),
    ("flink.apache.org", "FlinkDeployment"),
    ("flink.apache.org", "FlinkSessionJob"),
];

/// The end of a run's name in the template.
pub const RUN: &str = "${run.name}";

/// Says whether a job only starts when somebody asks.
pub fn is_on_demand(instance: &Instance) -> bool {
    instance.words.when == Some(When::Demand)
}

/// Sets the objects that start a job apart from those that its runs share.
pub fn set_apart(lowering: &Lowering<'_>, instance: &Instance, unit: &mut Unit) {
    if !is_on_demand(instance) {
        return;
    }
    let starts = |object: &crate::manifest::object::Object| RUNS.contains(&(object.group(), object.kind()));
    let Some(objects) = unit.stages.get_mut(&Stage::Release) else { return };
    let (mut runs, shared): (Vec<_>, Vec<_>) = std::mem::take(objects).into_iter().partition(|l| starts(&l.object));
    *objects = shared;
    for run in &mut runs {
        let name = format!("{}-{RUN}", run.object.name());
        run.object.value_mut().set(&["metadata", "name"], Value::from(name));
    }
    unit.stages.insert(Stage::Demand, runs);
    unit.notes.push(format!(
        "To run it, copy `jobs/{0}/template.yaml` to `jobs/{1}/{0}/<run>.yaml`, put the run's name in place of `{RUN}` (and fill in every other `${{run.…}}`), and commit.",
        instance.name, lowering.target.name
    ));
}
