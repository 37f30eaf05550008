//! Jobs that set something up and do it again on a schedule (annotation `lakegen.dev/repeat`), on both engines.
//!
//! A Job runs when its definition changes, and under Argo CD when something else is synced. A password that changed in the
//! store changes neither. So the Job, which others wait for, gets a CronJob with the very same pod beside it.
//!
//! Facts: kubernetes.io/docs/concepts/workloads/controllers/cron-jobs (names of at most 52 characters; `timeZone` since 1.27).

use crate::lower::{ComponentManifests, Instance, Lowered, Lowering};
use crate::manifest::value::Value;

/// The annotation with the schedule; without text the Job is not repeated.
const REPEAT: &str = "lakegen.dev/repeat";

/// Longest name of a CronJob: the Jobs that it makes have eleven characters more.
const LONGEST: usize = 52;

/// Adds a CronJob for every Job that asks to be repeated.
pub fn add(lowering: &Lowering<'_>, instance: &Instance, unit: &mut ComponentManifests) {
    for objects in unit.stages.values_mut() {
        let repeated: Vec<Lowered> =
            objects.iter_mut().filter_map(|job| repeat(lowering, instance, job)).flatten().collect();
        objects.extend(repeated);
    }
}

fn repeat(lowering: &Lowering<'_>, instance: &Instance, job: &mut Lowered) -> Option<Vec<Lowered>> {
    if (job.object.group(), job.object.kind()) != ("batch", "Job") {
        return None;
    }
    let at = ["metadata", "annotations", REPEAT];
    let schedule = job.object.value().at(&at).and_then(Value::as_str).map(String::from)?;
    let annotations = job.object.value_mut().as_map_mut()?.get_mut("metadata")?.as_map_mut()?.get_mut("annotations")?;
    annotations.as_map_mut()?.shift_remove(REPEAT);
    if schedule.is_empty() {
        return None;
    }
    let mut spec = job.object.value().get("spec")?.clone();
    // The Job beside it keeps trying for a day; a run of the CronJob leaves that to the next one.
    spec.set(&["backoffLimit"], Value::from(3));
    spec.set(&["activeDeadlineSeconds"], Value::from(1800));
    let namespace = if job.object.namespace().is_empty() { &instance.namespace } else { job.object.namespace() };
    let inputs = [
        ("name", Value::from(shortened(job.object.name()))),
        ("namespace", namespace.into()),
        ("schedule", schedule.into()),
        ("spec", spec),
    ];
    let mut crons = lowering.make("cron-job", inputs, job.origin.span);
    for cron in &mut crons {
        cron.origin = job.origin.clone();
    }
    Some(crons)
}

/// Returns a name that a CronJob may have; one that is too long ends in what tells it from others.
fn shortened(name: &str) -> String {
    if name.len() <= LONGEST {
        return name.into();
    }
    let mark = &crate::parse::string::digest(name.as_bytes())[..8];
    let start: String = name.chars().take(LONGEST - 9).collect();
    format!("{}-{mark}", start.trim_end_matches(['-', '.']))
}
