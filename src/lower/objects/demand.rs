//! Jobs that start when somebody asks (`when = "demand"`): their object is a template, their runs are files of their own.
//!
//! What the runs share (accounts, Secrets, settings) is synced like any component. The object itself goes to
//! `jobs/<job>/template.yaml`, and the engine syncs `jobs/<target>/<job>/`, where each run is a copy with its own name.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::Stage;
use crate::lower::{ComponentManifests, Lowered, Lowering};
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
pub fn set_apart(lowering: &Lowering<'_>, instance: &Instance, unit: &mut ComponentManifests) {
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
    let (job, target) = (&instance.name, &lowering.target.name);
    let folder = match lowering.target.settings.git.path.as_str() {
        "" => format!("jobs/{target}/{job}"),
        path => format!("{path}/jobs/{target}/{job}"),
    };
    let several = if lowering.platform.targets.len() > 1 { format!(" -e {target}") } else { String::new() };
    unit.notes.push(format!(
        "To run it: `lakegen job {job} <run>{several} > {folder}/<run>.yaml`, then commit that file; `--set key=value` fills in `${{run.key}}`."
    ));
}

/// A run of a job, or what stands in its way.
pub enum Run {
    Filled(Vec<Value>),
    /// Names of `${run.…}` that nobody filled in.
    Missing(BTreeSet<String>),
}

/// Fills the objects that start a job with the words of a run: `name`, and what else they ask for as `${run.…}`.
pub fn fill(objects: &[Lowered], words: &BTreeMap<String, String>) -> Run {
    let mut missing = BTreeSet::new();
    let filled = objects.iter().map(|lowered| filled(lowered.object.value(), words, &mut missing)).collect();
    if missing.is_empty() { Run::Filled(filled) } else { Run::Missing(missing) }
}

fn filled(value: &Value, words: &BTreeMap<String, String>, missing: &mut BTreeSet<String>) -> Value {
    match value {
        Value::Str(text) if text.contains(OPEN) => Value::from(text_of(text, words, missing)),
        Value::List(items) => Value::List(items.iter().map(|item| filled(item, words, missing)).collect()),
        Value::Map(map) => {
            Value::Map(map.iter().map(|(key, value)| (key.clone(), filled(value, words, missing))).collect())
        }
        other => other.clone(),
    }
}

/// How a word of a run begins in a text.
const OPEN: &str = "${run.";

fn text_of(text: &str, words: &BTreeMap<String, String>, missing: &mut BTreeSet<String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once(OPEN) {
        out.push_str(before);
        let Some((word, after)) = behind.split_once('}') else {
            out.push_str(OPEN);
            rest = behind;
            continue;
        };
        match words.get(word) {
            Some(value) => out.push_str(value),
            None => drop(missing.insert(word.to_string())),
        }
        rest = after;
    }
    out + rest
}

/// Returns the words that a job's runs may say, besides their name.
pub fn words(objects: &[Lowered]) -> BTreeSet<String> {
    match fill(objects, &BTreeMap::from([("name".to_string(), String::new())])) {
        Run::Filled(_) => BTreeSet::new(),
        Run::Missing(words) => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_filled_and_what_is_missing_is_named() {
        let words = BTreeMap::from([("name".to_string(), "a".to_string())]);
        let mut missing = BTreeSet::new();
        for (text, filled) in
            [("x-${run.name}", "x-a"), ("${run.name}${run.day}", "a"), ("${run.", "${run."), ("${HOME}", "${HOME}")]
        {
            assert_eq!(text_of(text, &words, &mut missing), filled);
        }
        assert_eq!(missing, BTreeSet::from(["day".to_string()]));
    }
}
