//! Kustomize against the layout: every folder with a kustomization builds, and base plus patches, or the files of a rendered
//! tree, give back exactly the complete objects that were written.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use lakegen::catalog::Stage;
use lakegen::emit::layout::step_name;
use lakegen::lower::ComponentManifests;
use lakegen::manifest::value::Value;
use lakegen::manifest::yaml;

use super::platforms::Rendered;
use super::sets::{Application, applications};
use super::{Options, Tally, tools};

/// A folder to build, and what must come out.
struct Folder<'a> {
    path: String,
    wanted: Option<Vec<&'a Value>>,
}

/// Builds every folder of every platform.
pub fn judge(program: &Path, _: &Options, rendered: &[Rendered], tally: &mut Tally) -> anyhow::Result<()> {
    for one in rendered {
        let folders = folders(one);
        let results = tools::parallel(&folders, |folder| build(program, one, folder));
        let equal = folders.iter().filter(|folder| folder.wanted.is_some()).count();
        let name = format!("kustomize {}: {} folders, {equal} compared", one.name, folders.len());
        let wrong: Vec<String> = results.into_iter().flatten().chain(dangling(one)).collect();
        tally.check(&name, &wrong);
    }
    Ok(())
}

/// Returns all folders that somebody builds.
fn folders(one: &Rendered) -> Vec<Folder<'_>> {
    let mut rest: BTreeSet<&str> =
        one.compiled.tree.files().filter_map(|(path, _)| path.strip_suffix("/kustomization.yaml")).collect();
    let exists = rest.clone();
    let mut all = Vec::new();
    for (target, manifests) in one.platform().targets.iter().zip(&one.compiled.manifests.targets) {
        for (name, unit) in &manifests.components {
            for stage in Stage::ALL {
                for (step, wanted) in objects(unit, stage) {
                    let own = match name.as_str() {
                        lakegen::resolve::reserved::FLUX_SECRETS => format!("flux/{}/secrets", target.name),
                        name if unit.delivery.is_rendered() => {
                            step_name(format!("manifests/{}/{name}/{}", target.name, stage.name()), step)
                        }
                        name => format!("components/{name}/{}/{}", target.name, stage.name()),
                    };
                    let base = format!("components/{name}/base/{}", stage.name());
                    // A base serves every target that has no folder of its own; where neither is there, the build says so.
                    let path =
                        if exists.contains(own.as_str()) || !exists.contains(base.as_str()) { own } else { base };
                    rest.remove(path.as_str());
                    all.push(Folder { path, wanted: Some(wanted) });
                }
            }
        }
    }
    all.extend(rest.into_iter().map(|path| Folder { path: path.into(), wanted: None }));
    all
}

/// Returns the folders that the engine looks for and that are not there.
fn dangling(one: &Rendered) -> Vec<String> {
    let mut wrong = Vec::new();
    let read = |bytes: &[u8]| std::str::from_utf8(bytes).ok().and_then(|text| yaml::read_one(text).ok());
    let flux = one.compiled.tree.files().filter(|(path, _)| path.starts_with("flux/"));
    let flux = flux.filter_map(|(path, bytes)| Some((path.to_string(), read(bytes)?)));
    let all = applications(&one.compiled).into_iter().map(|Application { path, value, .. }| (path, value)).chain(flux);
    for (file, object) in all {
        // An Application has sources; a Kustomization of Flux has one path, in the platform's own repository or another.
        let sources = object.at(&["spec", "sources"]).and_then(Value::as_list).unwrap_or(&[]);
        let own = format!("{}-", one.platform().name);
        let from = object.at(&["spec", "sourceRef", "name"]).and_then(Value::as_str).unwrap_or_default();
        let single = object.get("spec").filter(|_| from.starts_with(&own));
        for source in sources.iter().chain(single) {
            let path = source.get("path").and_then(Value::as_str).unwrap_or_default();
            let path = path.trim_start_matches("./");
            let path = path
                .strip_prefix(one.platform().targets[0].settings.git.path.as_str())
                .unwrap_or(path)
                .trim_start_matches('/');
            let kustomization = format!("{path}/kustomization.yaml");
            let ours = ["components/", "manifests/", "flux/"].iter().any(|top| path.starts_with(top));
            if ours && one.compiled.tree.get(&kustomization).is_none() {
                wrong.push(format!("{file} names {path}, which is not there"));
            }
        }
    }
    wrong.extend(waiting(one));
    wrong
}

/// Returns what Flux would wait for in vain: names in `dependsOn` that no Kustomization of the platform has.
fn waiting(one: &Rendered) -> Vec<String> {
    let mut names = BTreeSet::new();
    let mut asked = Vec::new();
    for (file, bytes) in one.compiled.tree.files().filter(|(path, _)| path.ends_with(".yaml")) {
        if !file.starts_with("flux/") && !file.starts_with("bootstrap/") {
            continue;
        }
        let Some(object) = std::str::from_utf8(bytes).ok().and_then(|text| yaml::read_one(text).ok()) else {
            continue;
        };
        let api = object.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
        if !api.starts_with("kustomize.toolkit.fluxcd.io/") {
            continue;
        }
        names.extend(object.at(&["metadata", "name"]).and_then(Value::as_str).map(String::from));
        for other in object.at(&["spec", "dependsOn"]).and_then(Value::as_list).unwrap_or(&[]) {
            asked.extend(other.get("name").and_then(Value::as_str).map(|name| (file.to_string(), name.to_string())));
        }
    }
    let missing = asked.into_iter().filter(|(_, name)| !names.contains(name));
    missing.map(|(file, name)| format!("{file} waits for {name}, which is not there")).collect()
}

/// Returns the complete objects of a stage by step; none where the user's own patches change them once more.
fn objects(unit: &ComponentManifests, stage: Stage) -> BTreeMap<usize, Vec<&Value>> {
    let mut steps: BTreeMap<usize, Vec<&Value>> = BTreeMap::new();
    if unit.patches.get(&stage).is_none_or(Vec::is_empty) {
        for lowered in unit.stages.get(&stage).into_iter().flatten() {
            steps.entry(lowered.step).or_default().push(lowered.object.value());
        }
    }
    steps
}

/// Builds one folder and returns what is wrong.
fn build(program: &Path, one: &Rendered, folder: &Folder<'_>) -> Vec<String> {
    let path = one.folder.join(&folder.path);
    let built = match tools::output(program, &["build", &path.to_string_lossy()]) {
        Ok(text) => text,
        Err(error) => return vec![format!("{}: {error}", folder.path)],
    };
    let Some(wanted) = &folder.wanted else { return vec![] };
    // Read as the engines do, so that a scalar that kustomize leaves bare counts as what they take it for.
    let documents = match yaml::read(&built) {
        Ok(documents) => documents,
        Err(error) => return vec![format!("{}: kustomize's output: {error}", folder.path)],
    };
    let found: BTreeMap<String, &Value> = documents.iter().map(|d| (identity(&d.value), &d.value)).collect();
    let wanted: BTreeMap<String, &Value> = wanted.iter().map(|value| (identity(value), *value)).collect();
    let mut wrong = Vec::new();
    for (id, value) in &wanted {
        match found.get(id) {
            Some(built) => {
                if let Some(place) = difference(value, built, "") {
                    wrong.push(format!("{}: {id}: {place}", folder.path));
                }
            }
            None => wrong.push(format!("{}: {id} is lost", folder.path)),
        }
    }
    wrong.extend(found.keys().filter(|id| !wanted.contains_key(*id)).map(|id| format!("{}: {id} is new", folder.path)));
    wrong
}

fn identity(value: &Value) -> String {
    let text = |path: &[&str]| value.at(path).and_then(Value::as_str).unwrap_or("").to_string();
    [&["apiVersion"][..], &["kind"], &["metadata", "namespace"], &["metadata", "name"]].map(text).join(" ")
}

/// Returns the first place where two values differ; the order of keys does not count, nor the kind of an equal number.
pub fn difference(wanted: &Value, found: &Value, place: &str) -> Option<String> {
    match (wanted, found) {
        (Value::Map(a), Value::Map(b)) => {
            let missing = a.keys().find(|key| !b.contains_key(*key)).map(|key| format!("{place}.{key} is missing"));
            let extra = b.keys().find(|key| !a.contains_key(*key)).map(|key| format!("{place}.{key} is new"));
            let inner = || a.iter().find_map(|(key, value)| difference(value, b.get(key)?, &format!("{place}.{key}")));
            missing.or(extra).or_else(inner)
        }
        (Value::List(a), Value::List(b)) if a.len() == b.len() => {
            a.iter().zip(b).enumerate().find_map(|(index, (a, b))| difference(a, b, &format!("{place}[{index}]")))
        }
        (Value::Int(a), Value::Float(b)) | (Value::Float(b), Value::Int(a)) if same_number(*a, *b) => None,
        _ if wanted == found => None,
        _ => Some(format!("{place} is {found:?} instead of {wanted:?}")),
    }
}

fn same_number(whole: i128, real: f64) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "helm has all numbers as doubles, too")]
    let whole = whole as f64;
    whole.total_cmp(&real).is_eq()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Value {
        yaml::read_one(text).expect("YAML")
    }

    #[test]
    fn differences_are_named_and_order_is_none() {
        let wanted = read("a: {x: 1, list: [1, two]}\nb: null\n");
        assert_eq!(difference(&wanted, &read("b:\na: {list: [1, two], x: 1.0}\n"), ""), None);
        for (found, place) in [
            ("a: {x: 1, list: [1, three]}\nb:\n", ".a.list[1] is"),
            ("a: {x: 1, list: [1, two]}\n", ".b is missing"),
            ("a: {x: \"1\", list: [1, two]}\nb:\n", ".a.x is"),
            ("a: {x: 1, list: [1]}\nb:\n", ".a.list is"),
            ("a: {x: 1, list: [1, two], z: 0}\nb:\n", ".a.z is new"),
        ] {
            let said = difference(&wanted, &read(found), "").expect(found);
            assert!(said.starts_with(place), "{said}");
        }
    }
}
