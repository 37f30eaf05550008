//! A password that changes in the store reaches the servers that keep a copy of it, on both engines: the Job that writes
//! it is repeated by a CronJob with the very same pod.

use std::path::Path;

use lakegen::compile::{Compiled, Request, compile};
use lakegen::diag::Level;
use lakegen::manifest::value::Value;
use lakegen::manifest::yaml;
use lakegen::world::memory::MemoryWorld;

/// Component → name of its Job, and a key of a Secret that its pod reads.
const REPEATED: &[(&str, &str, &str)] = &[
    ("keycloak", "keycloak-realm", "client-secret"),
    ("lakekeeper", "lakekeeper-setup", "secret_key"),
    ("rustfs", "rustfs-buckets", "secret_key"),
];

/// Returns the example of a component on an engine, with a line more for that component.
fn compiled(component: &str, engine: &str, line: &str) -> Compiled {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates").join(component).join("example.toml");
    let text = std::fs::read_to_string(path).unwrap();
    let text = text.replace("engine = \"argocd\"\n", "").replace("engine = \"flux\"\n", "");
    let text = text.replace("[platform]\n", &format!("[platform]\nengine = \"{engine}\"\n"));
    let (table, inline) = (format!("[components.{component}]\n"), format!("\n{component} = {{ "));
    let comma = if line.is_empty() { "" } else { ", " };
    let text = text.replace(&table, &format!("{table}{line}\n"));
    let text = text.replace(&inline, &format!("{inline}{line}{comma}"));
    assert!(text.contains(line), "{component}");
    let world: MemoryWorld = [("platform.toml".to_string(), text.into_bytes())].into_iter().collect();
    compile(&world, &Request::default())
}

fn objects(compiled: &Compiled, kind: &str, name: &str) -> Vec<Value> {
    let files = compiled.tree.files().filter(|(path, _)| path.starts_with("components/"));
    let documents = files.filter_map(|(_, bytes)| yaml::read(std::str::from_utf8(bytes).ok()?).ok()).flatten();
    let is = |value: &Value, path: &[&str], text: &str| value.at(path).and_then(Value::as_str) == Some(text);
    documents.map(|d| d.value).filter(|v| is(v, &["kind"], kind) && is(v, &["metadata", "name"], name)).collect()
}

#[test]
fn a_job_that_writes_passwords_is_repeated_with_the_same_pod() {
    for (component, job, key) in REPEATED {
        for engine in ["argocd", "flux"] {
            let compiled = compiled(component, engine, "");
            let (jobs, crons) = (objects(&compiled, "Job", job), objects(&compiled, "CronJob", job));
            assert_eq!((jobs.len(), crons.len()), (1, 1), "{component} on {engine}");
            let pod = jobs[0].at(&["spec", "template"]).unwrap();
            let repeated = crons[0].at(&["spec", "jobTemplate", "spec", "template"]).unwrap();
            assert_eq!(pod, repeated, "{component} on {engine}");
            assert!(yaml::write(pod).contains(&format!("key: {key}")), "{component} reads no `{key}`");
            // Only one at a time, and none for ever: the next run tries again.
            let at = |path: &[&str]| crons[0].at(path).cloned();
            assert_eq!(at(&["spec", "concurrencyPolicy"]), Some(Value::from("Forbid")));
            assert_eq!(at(&["spec", "jobTemplate", "spec", "backoffLimit"]), Some(Value::from(3)));
            assert!(at(&["spec", "jobTemplate", "spec", "activeDeadlineSeconds"]).is_some());
            // What makes engines run the Job stays with the Job, and the word of the catalogue with the catalogue.
            assert!(at(&["metadata", "annotations"]).is_none());
            let annotations = jobs[0].at(&["metadata", "annotations"]).unwrap();
            assert!(annotations.get("kustomize.toolkit.fluxcd.io/force").is_some());
            assert!(annotations.get("lakegen.dev/repeat").is_none());
            let guide = compiled.tree.files().find(|(path, _)| *path == "PLATFORM.md").unwrap().1;
            let guide = String::from_utf8(guide.to_vec()).unwrap();
            assert!(guide.contains(&format!("CronJob `{job}`")), "{component} on {engine}");
        }
    }
}

#[test]
fn the_schedule_is_the_users_or_none() {
    for (component, job, _) in REPEATED {
        let own = compiled(component, "flux", "resync = \"7 3 * * 1\"");
        let crons = objects(&own, "CronJob", job);
        assert_eq!(crons[0].at(&["spec", "schedule"]).and_then(Value::as_str), Some("7 3 * * 1"));
        let never = compiled(component, "flux", "resync = \"never\"");
        assert!(objects(&never, "CronJob", job).is_empty());
        assert_eq!(objects(&never, "Job", job).len(), 1);
        let wrong = compiled(component, "flux", "resync = \"sometimes\"");
        let errors: Vec<_> = wrong.diagnostics.iter().filter(|d| d.level == Level::Error).collect();
        assert!(errors.iter().any(|d| d.message.contains("`sometimes`")), "{errors:?}");
    }
}
