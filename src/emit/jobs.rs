//! `jobs/`: the template of each job on demand, and per target the folder that the engine syncs its runs from.
//!
//! Runs are files that people or CI add; they are nobody's but theirs, so they stay through every render.

use std::collections::BTreeMap;

use super::Writer;
use crate::catalog::Stage;
use crate::lower::{Lowered, Manifests, made};
use crate::manifest::value::Value;
use crate::manifest::value::object;
use crate::manifest::yaml;
use crate::resolve::{Platform, Target};

/// Returns the folder of a job's runs.
pub fn runs(target: &str, job: &str) -> String {
    format!("jobs/{target}/{job}")
}

/// Writes the templates, and into each folder of runs a ConfigMap: engines refuse to sync an empty folder.
pub fn write(platform: &Platform, manifests: &Manifests, writer: &mut Writer) {
    let mut jobs: BTreeMap<&str, Vec<(&Target, &[Lowered])>> = BTreeMap::new();
    for (target, lowered) in platform.targets.iter().zip(&manifests.targets) {
        for (name, unit) in &lowered.components {
            if let Some(objects) = unit.stages.get(&Stage::Demand) {
                jobs.entry(name).or_default().push((target, objects));
            }
        }
    }
    for (job, targets) in jobs {
        let text = |objects: &[Lowered]| -> String {
            let documents: Vec<String> = objects.iter().map(|l| yaml::write(l.object.value())).collect();
            documents.join("---\n")
        };
        let texts: Vec<(&Target, String)> = targets.iter().map(|(target, objects)| (*target, text(objects))).collect();
        let same = texts.iter().all(|(_, text)| *text == texts[0].1);
        for (index, (target, text)) in texts.into_iter().enumerate() {
            // One template for all targets, unless they differ.
            let template = if same {
                format!("jobs/{job}/template.yaml")
            } else {
                format!("jobs/{job}/template.{}.yaml", target.name)
            };
            if !same || index == 0 {
                writer.file(template.clone(), text);
            }
            let first = &targets[index].1[0];
            let data = object([("job", Value::from(job)), ("template", Value::from(template))]);
            let mut map = made(
                "v1",
                "ConfigMap",
                first.object.namespace(),
                &format!("{job}-runs"),
                [("data", data)],
                first.origin.span,
            );
            for (label, text) in [("managed-by", "lakegen"), ("part-of", target.ground().name.as_str())] {
                let label = format!("app.kubernetes.io/{label}");
                map.object.value_mut().set(&["metadata", "labels", &label], Value::from(text));
            }
            writer.yaml(format!("{}/configmap-{job}-runs.yaml", runs(&target.name, job)), map.object.value());
        }
    }
}
