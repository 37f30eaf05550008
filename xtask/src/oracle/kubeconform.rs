//! Kubeconform against the objects: each one, complete, strictly against the schema of its Kubernetes version or CRD.
//! A kind without a schema is a failure, never skipped.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use anyhow::Context;
use lakegen::manifest::value::Value;
use lakegen::manifest::yaml;
use lakegen::resolve::Target;

use super::platforms::Rendered;
use super::schemas::Schemas;
use super::{Options, Tally};

/// Checks every object of every platform.
pub fn judge(program: &Path, options: &Options, rendered: &[Rendered], tally: &mut Tally) -> anyhow::Result<()> {
    for one in rendered {
        let folder = tempfile::tempdir()?;
        let engine = engine(one)?;
        let mut all: Vec<(&Target, &Value)> = Vec::new();
        for (target, manifests) in one.platform().targets.iter().zip(&one.compiled.manifests.targets) {
            let lowered = manifests.components.values().flat_map(|unit| unit.stages.values().flatten());
            all.extend(lowered.map(|lowered| (target, lowered.object.value())));
        }
        all.extend(engine.iter().map(|(target, value)| (*target, value)));
        let wrong = objects(program, options, &all, folder.path())?;
        tally.check(&format!("kubeconform {}: {} objects", one.name, all.len()), &wrong);
    }
    Ok(())
}

/// Returns what the engine reads by itself and what people apply by hand.
fn engine(one: &Rendered) -> anyhow::Result<Vec<(&Target, Value)>> {
    let mut objects = Vec::new();
    for target in &one.platform().targets {
        for (path, bytes) in one.compiled.tree.files() {
            let mine =
                ["argocd", "flux", "bootstrap"].iter().any(|top| path.starts_with(&format!("{top}/{}/", target.name)));
            if mine && path.ends_with(".yaml") && !path.ends_with("/kustomizeconfig.yaml") {
                let documents = yaml::read(std::str::from_utf8(bytes)?).with_context(|| path.to_string())?;
                objects.extend(documents.into_iter().map(|document| (target, document.value)));
            }
        }
    }
    // Kustomize's own files are no objects of a cluster.
    objects.retain(|(_, value)| !text(value, "apiVersion").starts_with("kustomize.config.k8s.io/"));
    Ok(objects)
}

/// Checks objects, each for the Kubernetes version of its target, and returns what is wrong.
pub fn objects(
    program: &Path,
    options: &Options,
    objects: &[(&Target, &Value)],
    folder: &Path,
) -> anyhow::Result<Vec<String>> {
    let mut wrong = Vec::new();
    let mut by_version: BTreeMap<&str, Vec<(&Target, &Value)>> = BTreeMap::new();
    for (target, value) in objects {
        by_version.entry(&target.ground().kubernetes).or_default().push((target, value));
    }
    for (version, objects) in by_version {
        let mut schemas = Schemas::new(&options.shared.join("data"), version)?;
        for (_, value) in objects.iter().filter(|(_, value)| text(value, "kind") == "CustomResourceDefinition") {
            schemas.bring(serde_json::to_value(value)?);
        }
        let (files, written) = (folder.join(version).join("objects"), folder.join(version).join("schemas"));
        std::fs::create_dir_all(&files)?;
        std::fs::create_dir_all(&written)?;
        let mut seen = BTreeSet::new();
        for (number, (target, value)) in objects.iter().enumerate() {
            let (api, kind) = (text(value, "apiVersion"), text(value, "kind"));
            if seen.insert((api.to_string(), kind.to_string())) {
                match schemas.of(api, kind)? {
                    Some(schema) => {
                        std::fs::write(written.join(name(api, kind)), serde_json::to_vec(&schema)?)?;
                    }
                    None => wrong.push(format!("{}: no schema for {api} {kind}", target.name)),
                }
            }
            std::fs::write(files.join(format!("{}_{number}.yaml", target.name)), yaml::write(value))?;
        }
        wrong.extend(conform(program, &files, &written, version)?);
    }
    Ok(wrong)
}

/// Returns the file of a schema, by the template that [`conform`] passes.
fn name(api: &str, kind: &str) -> String {
    let group = api.split('/').next().unwrap_or_default();
    let version = api.split('/').next_back().unwrap_or_default();
    format!("{group}_{version}_{}.json", kind.to_lowercase())
}

fn conform(program: &Path, files: &Path, schemas: &Path, version: &str) -> anyhow::Result<Vec<String>> {
    let location =
        format!("{}/{{{{.Group}}}}_{{{{.ResourceAPIVersion}}}}_{{{{.ResourceKind}}}}.json", schemas.display());
    let full = if version.matches('.').count() == 1 { format!("{version}.0") } else { version.to_string() };
    let output = Command::new(program)
        .args(["-strict", "-output", "json", "-verbose", "-n", "2", "-kubernetes-version", &full])
        .args(["-schema-location", &location])
        .arg(files)
        .output()?;
    let report: serde_json::Value = serde_json::from_slice(&output.stdout)
        .with_context(|| format!("kubeconform says: {}", String::from_utf8_lossy(&output.stderr)))?;
    let resources = report["resources"].as_array().context("kubeconform lists resources")?;
    let wanted = std::fs::read_dir(files)?.count();
    let mut wrong = Vec::new();
    if resources.len() != wanted {
        wrong.push(format!("kubeconform saw {} objects of {wanted}", resources.len()));
    }
    for resource in resources.iter().filter(|resource| resource["status"] != "statusValid") {
        let text = |key: &str| resource[key].as_str().unwrap_or_default();
        let file = Path::new(text("filename")).file_name().unwrap_or_default().to_string_lossy().into_owned();
        let target = file.rsplit_once('_').map_or("", |(target, _)| target);
        wrong.push(format!("{target}: {} {} {}: {}", text("version"), text("kind"), text("name"), text("msg")));
    }
    Ok(wrong)
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}
