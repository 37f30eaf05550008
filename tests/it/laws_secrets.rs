//! The law of secrets: whatever an object or a Helm value reads is made by an object of the tree in that namespace, by an
//! operator for one of its objects, asked for in `lakegen secrets`, or a manual step that names it.
//!
//! [`broken`] judges one compiled platform; the tests judge all examples and cases on both engines. Which kinds make which
//! Secrets is data: `tests/data/made-by-kinds.toml`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use lakegen::compile::{Compiled, Request, compile};
use lakegen::lower::TargetManifests;
use lakegen::manifest::object::Object;
use lakegen::manifest::value::{Map, Value};
use lakegen::manifest::yaml;
use lakegen::resolve::Target;
use lakegen::world::memory::MemoryWorld;

/// `Secret` or `ConfigMap`, namespace, name.
type Id = (&'static str, String, String);

const SECRET: &str = "Secret";
const CONFIG: &str = "ConfigMap";

/// Keys of what exists; `None` for any.
type Keys = Option<BTreeSet<String>>;

/// Something that is read.
#[derive(Debug)]
struct Read {
    id: Id,
    key: Option<String>,
    by: String,
}

/// What is there in one cluster.
#[derive(Default)]
struct There {
    made: BTreeMap<Id, Keys>,
    /// Store → namespace that it reads, Secrets, namespaces that may use it.
    items: BTreeMap<String, BTreeSet<String>>,
    steps: String,
}

/// Returns what nobody makes, a line each.
pub fn broken(compiled: &Compiled) -> Vec<String> {
    let Some(platform) = &compiled.platform else { return vec![] };
    let kinds = made_by_kinds();
    let mut clusters: BTreeMap<&str, There> = BTreeMap::new();
    for (target, lowered) in platform.targets.iter().zip(&compiled.manifests.targets) {
        gather(clusters.entry(&target.cluster).or_default(), target, lowered, &kinds);
    }
    let mut broken = Vec::new();
    for (target, lowered) in platform.targets.iter().zip(&compiled.manifests.targets) {
        let there = &clusters[target.cluster.as_str()];
        let mut reads = Vec::new();
        for (name, unit) in &lowered.components {
            let release = target.instances.get(name).map_or("", |i| i.namespace.as_str());
            if let Some(values) = &unit.values {
                of_value(values, release, &format!("values of {name}"), &mut reads);
            }
            for lowered in unit.stages.values().flatten().filter(|l| !l.origin.is_chart()) {
                of_object(&lowered.object, release, &mut reads);
            }
        }
        for (path, bytes) in compiled.tree.files().filter(|(path, _)| of_flux(path, &target.name)) {
            for document in yaml::read(&String::from_utf8_lossy(bytes)).unwrap_or_default() {
                if let Ok(object) = Object::new(document.value) {
                    of_object(&object, "flux-system", &mut reads);
                }
            }
            let _ = path;
        }
        broken.extend(reads.iter().filter_map(|read| there.lacks(read)).map(|what| format!("{}: {what}", target.name)));
        broken.extend(unread_items(target, lowered, there));
    }
    broken.sort();
    broken.dedup();
    broken
}

fn of_flux(path: &str, target: &str) -> bool {
    path.starts_with(&format!("flux/{target}/")) && path.ends_with(".yaml") && !path.ends_with("kustomization.yaml")
}

impl There {
    fn lacks(&self, read: &Read) -> Option<String> {
        let (kind, namespace, name) = &read.id;
        // Kubernetes puts it into every namespace.
        if *kind == CONFIG && name == "kube-root-ca.crt" {
            return None;
        }
        let named = |text: &str| {
            text.split(|c: char| !(c.is_ascii_alphanumeric() || "-.".contains(c)))
                .any(|word| word.trim_end_matches('.') == name)
        };
        match self.made.get(&read.id) {
            None if named(&self.steps) => None,
            None => Some(format!("{} reads {kind} {namespace}/{name}, which nobody makes", read.by)),
            Some(Some(keys)) => {
                let key = read.key.as_ref().filter(|key| !keys.contains(*key))?;
                Some(format!("{} reads `{key}` of {kind} {namespace}/{name}, which has {keys:?}", read.by))
            }
            Some(None) => None,
        }
    }
}

/// Gathers what a target makes, what people are asked for and what they are told.
fn gather(there: &mut There, target: &Target, lowered: &TargetManifests, kinds: &BTreeMap<String, Vec<(Id, Keys)>>) {
    let mut add = |id: Id, keys: Keys| {
        let known = there.made.entry(id).or_insert_with(|| Some(BTreeSet::new()));
        match (known.as_mut(), keys) {
            (Some(all), Some(more)) => all.extend(more),
            _ => *known = None,
        }
    };
    for ((namespace, name), kept) in &lowered.kept {
        let keys: BTreeSet<String> = kept.keys.keys().cloned().collect();
        add((SECRET, namespace.clone(), name.clone()), Some(keys.clone()));
        for space in spaces(kept.annotations.iter().map(|(k, v)| (k.as_str(), v.as_str()))) {
            add((SECRET, space, name.clone()), Some(keys.clone()));
        }
    }
    for (name, unit) in &lowered.components {
        let release = target.instances.get(name).map_or("", |i| i.namespace.as_str());
        for one in unit.stages.values().flatten() {
            for (id, keys) in makes(&one.object, release, kinds) {
                add(id, keys);
            }
        }
        there.steps.push_str(&unit.notes.join("\n"));
        there.steps.push('\n');
    }
    for (about, step) in &lowered.steps {
        there.steps.push_str(&format!("{about} {step}\n"));
    }
    for needed in lowered.needed.values() {
        there.items.entry(needed.item.clone()).or_default().extend(needed.properties.keys().cloned());
    }
}

fn spaces<'a>(annotations: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<String> {
    let auto = annotations.filter(|(key, _)| *key == "reflector.v1.k8s.emberstack.com/reflection-auto-namespaces");
    auto.flat_map(|(_, list)| list.split(',')).map(String::from).collect()
}

fn namespace_of(object: &Object, release: &str) -> String {
    if object.namespace().is_empty() { release.into() } else { object.namespace().into() }
}

fn keys_at(value: &Value, path: &[&str]) -> BTreeSet<String> {
    value.at(path).and_then(Value::as_map).into_iter().flatten().map(|(key, _)| key.to_string()).collect()
}

/// Returns what an object makes.
fn makes(object: &Object, release: &str, kinds: &BTreeMap<String, Vec<(Id, Keys)>>) -> Vec<(Id, Keys)> {
    let (value, namespace) = (object.value(), namespace_of(object, release));
    let text = |path: &[&str]| value.at(path).and_then(Value::as_str);
    let secret = |name: &str, keys: Keys| ((SECRET, namespace.clone(), name.to_string()), keys);
    match object.kind() {
        "ConfigMap" => {
            let keys = [keys_at(value, &["data"]), keys_at(value, &["binaryData"])].concat_sets();
            vec![((CONFIG, namespace, object.name().into()), Some(keys))]
        }
        "Secret" => {
            let keys = [keys_at(value, &["data"]), keys_at(value, &["stringData"])].concat_sets();
            vec![secret(object.name(), Some(keys))]
        }
        "SealedSecret" => vec![secret(object.name(), Some(keys_at(value, &["spec", "encryptedData"])))],
        "ExternalSecret" => {
            let name = text(&["spec", "target", "name"]).unwrap_or(object.name());
            let data = value.at(&["spec", "data"]).and_then(Value::as_list).unwrap_or(&[]);
            let whole = value.at(&["spec", "dataFrom"]).is_some();
            let template = keys_at(value, &["spec", "target", "template", "data"]);
            let merged = text(&["spec", "target", "template", "mergePolicy"]) == Some("Merge");
            let direct: BTreeSet<String> =
                data.iter().filter_map(|d| Some(d.get("secretKey")?.as_str()?.to_string())).collect();
            let keys = match (template.is_empty(), whole) {
                (false, _) if !merged => Some(template),
                (_, true) => None,
                _ => Some([template, direct].concat_sets()),
            };
            let annotations = value.at(&["spec", "target", "template", "metadata", "annotations"]);
            let annotations = annotations.and_then(Value::as_map).into_iter().flatten();
            let copies = spaces(annotations.filter_map(|(key, value)| Some((&**key, value.as_str()?))));
            let copies = copies.into_iter().map(|space| ((SECRET, space, name.to_string()), keys.clone()));
            copies.chain([secret(name, keys.clone())]).collect()
        }
        "Certificate" => {
            let keys: BTreeSet<String> = ["tls.crt", "tls.key", "ca.crt"].map(String::from).into();
            let annotations = value.at(&["spec", "secretTemplate", "annotations"]).and_then(Value::as_map);
            let copies = spaces(annotations.into_iter().flatten().filter_map(|(key, v)| Some((&**key, v.as_str()?))));
            let name = text(&["spec", "secretName"]).unwrap_or_default().to_string();
            let places = copies.into_iter().chain([namespace.clone()]);
            places.map(|space| ((SECRET, space, name.clone()), Some(keys.clone()))).collect()
        }
        // cert-manager's shims make what an Ingress or Gateway with its annotation names.
        "Ingress" | "Gateway" if annotated(object, "cert-manager.io/") => {
            let mut names = Vec::new();
            of_map(object.map(), &namespace, "", &mut names);
            names.into_iter().map(|read| (read.id, None)).collect()
        }
        kind => {
            let made = kinds.get(&format!("{}/{kind}", object.group())).into_iter().flatten();
            made.map(|((what, _, pattern), keys)| ((*what, namespace.clone(), filled(pattern, object)), keys.clone()))
                .collect()
        }
    }
}

fn annotated(object: &Object, prefix: &str) -> bool {
    let annotations = object.value().at(&["metadata", "annotations"]).and_then(Value::as_map);
    annotations.into_iter().flatten().any(|(key, _)| key.starts_with(prefix))
}

/// Fills `{a.b.c}` with what stands there in the object.
fn filled(pattern: &str, object: &Object) -> String {
    let mut out = String::new();
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('{') {
        let (path, behind) = after.split_once('}').expect("closed");
        let path: Vec<&str> = path.split('.').collect();
        out.push_str(before);
        out.push_str(object.value().at(&path).and_then(Value::as_str).unwrap_or("?"));
        rest = behind;
    }
    out + rest
}

/// Reads the data: group and kind → what an operator makes for each object of it.
fn made_by_kinds() -> BTreeMap<String, Vec<(Id, Keys)>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/made-by-kinds.toml");
    let text = fs::read_to_string(file).expect("the data is there");
    let mut kinds: BTreeMap<String, Vec<(Id, Keys)>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with('#') && !line.trim().is_empty()) {
        let (kind, rest) = line.split_once(" = ").expect("`\"group/Kind\" = [\"Secret name\"]`");
        let entry = kinds.entry(kind.trim_matches('"').to_string()).or_default();
        for made in rest.trim().trim_start_matches('[').split(']').next().unwrap_or("").split(',') {
            let made = made.trim().trim_matches('"');
            let (what, name) = made.split_once(' ').expect("kind and name");
            let what = if what == SECRET { SECRET } else { CONFIG };
            let (name, keys) = match name.split_once(": ") {
                Some((name, keys)) => (name, Some(keys.split(' ').map(String::from).collect())),
                None => (name, None),
            };
            entry.push(((what, String::new(), name.to_string()), keys));
        }
    }
    kinds
}

trait Sets {
    fn concat_sets(self) -> BTreeSet<String>;
}

impl<const N: usize> Sets for [BTreeSet<String>; N] {
    fn concat_sets(self) -> BTreeSet<String> {
        self.into_iter().flatten().collect()
    }
}

/// Kinds whose references are no reads: they describe, allow, or make what they name.
const SILENT: &[&str] =
    &["CustomResourceDefinition", "Role", "ClusterRole", "Certificate", "ClusterIssuer", "Issuer", "AppProject"];

fn of_object(object: &Object, release: &str, reads: &mut Vec<Read>) {
    if SILENT.contains(&object.kind()) {
        return;
    }
    let by = format!("{}/{}", object.kind(), object.name());
    let mut value = object.value().clone();
    if object.kind() == "ExternalSecret" {
        // Its target is what it makes; what it reads is looked at with the stores.
        return;
    }
    if let ("ConfigMap", Value::Map(map)) = (object.kind(), &mut value) {
        map.shift_remove("data");
    }
    of_value(&value, &namespace_of(object, release), &by, reads);
}

fn of_value(value: &Value, namespace: &str, by: &str, reads: &mut Vec<Read>) {
    match value {
        Value::Map(map) => of_map(map, namespace, by, reads),
        Value::List(list) => list.iter().for_each(|item| of_value(item, namespace, by, reads)),
        _ => {}
    }
}

/// Gathers the references in a map: the forms of pod specs, and what charts and custom resources make of them.
fn of_map(map: &Map, namespace: &str, by: &str, reads: &mut Vec<Read>) {
    for (key, value) in map {
        let lower = key.to_ascii_lowercase();
        let mut read = |kind: &'static str, name: Option<&str>, entry: Option<&str>, of: &Value| {
            let optional = of.get("optional").and_then(Value::as_bool) == Some(true);
            let Some(name) = name.filter(|name| !optional && !name.is_empty()) else { return };
            let space = of.get("namespace").and_then(Value::as_str).unwrap_or(namespace);
            let id = (kind, space.to_string(), name.to_string());
            reads.push(Read { id, key: entry.map(String::from), by: by.to_string() });
        };
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        match value {
            Value::Map(_)
                if lower.ends_with("secretkeyref")
                    || lower.ends_with("secretref")
                    || lower.ends_with("passwordsecret") =>
            {
                read(SECRET, text("name"), text("key"), value);
            }
            Value::Map(_) if lower.ends_with("configmapkeyref") || lower.ends_with("configmapref") => {
                read(CONFIG, text("name"), text("key"), value);
            }
            Value::Map(inner) if &**key == "secret" && inner.contains_key("secretName") => {
                for item in items(value) {
                    read(SECRET, text("secretName"), item.as_deref(), value);
                }
            }
            Value::Map(inner) if &**key == "configMap" && inner.contains_key("name") => {
                for item in items(value) {
                    read(CONFIG, text("name"), item.as_deref(), value);
                }
            }
            Value::List(list) if lower == "imagepullsecrets" || lower == "certificaterefs" => {
                for one in list {
                    read(SECRET, one.as_str().or_else(|| one.get("name")?.as_str()), None, one);
                }
                continue;
            }
            Value::Str(name) if lower.ends_with("secretname") || lower.ends_with("existingsecret") => {
                read(SECRET, Some(name), None, &Value::Null);
            }
            _ => {}
        }
        of_value(value, namespace, by, reads);
    }
}

/// Returns the keys that a volume takes one by one; a volume without a list takes the whole.
fn items(volume: &Value) -> Vec<Option<String>> {
    match volume.get("items").and_then(Value::as_list) {
        Some(list) => list.iter().map(|item| item.get("key").and_then(Value::as_str).map(String::from)).collect(),
        None => vec![None],
    }
}

/// Returns what ExternalSecrets read and nobody is asked for, or nobody may read.
fn unread_items(target: &Target, lowered: &TargetManifests, there: &There) -> Vec<String> {
    let mut broken = Vec::new();
    let objects = || lowered.components.values().flat_map(|u| u.stages.values().flatten()).map(|l| &l.object);
    let stores: BTreeMap<&str, &Object> =
        objects().filter(|o| o.kind() == "ClusterSecretStore").map(|o| (o.name(), o)).collect();
    for object in objects().filter(|o| o.kind() == "ExternalSecret") {
        let spec = object.value().get("spec").cloned().unwrap_or(Value::Null);
        let common = spec.at(&["secretStoreRef", "name"]).and_then(Value::as_str).unwrap_or_default();
        let list = |key: &str| spec.get(key).and_then(Value::as_list).unwrap_or(&[]).to_vec();
        let mut refs: Vec<(String, Value)> = Vec::new();
        for entry in list("data") {
            let store = entry.at(&["sourceRef", "storeRef", "name"]).and_then(Value::as_str).unwrap_or(common);
            refs.push((store.to_string(), entry.get("remoteRef").cloned().unwrap_or(Value::Null)));
        }
        refs.extend(list("dataFrom").iter().filter_map(|e| Some((common.to_string(), e.get("extract")?.clone()))));
        for (store, remote) in refs {
            let text = |key: &str| remote.get(key).and_then(Value::as_str).unwrap_or_default();
            let (key, property) = (text("key"), text("property"));
            let who = format!("{}: ExternalSecret {}/{}", target.name, object.namespace(), object.name());
            if store == target.store.name {
                if !there.items.get(key).is_some_and(|all| all.contains(property)) {
                    broken.push(format!("{who} reads `{key}#{property}`, which nobody is asked for"));
                }
                continue;
            }
            let Some(copies) = stores.get(store.as_str()) else {
                broken.push(format!("{who} reads through store `{store}`, which nobody makes"));
                continue;
            };
            let path = ["spec", "provider", "kubernetes", "remoteNamespace"];
            let from = copies.value().at(&path).and_then(Value::as_str).unwrap_or_default();
            let id = (SECRET, from.to_string(), key.to_string());
            broken.extend(there.lacks(&Read { id, key: Some(property.to_string()), by: who.clone() }));
            let conditions = copies.value().at(&["spec", "conditions"]).and_then(Value::as_list).unwrap_or(&[]);
            let spaces = conditions.iter().filter_map(|c| c.get("namespaces")?.as_list()).flatten();
            if !spaces.into_iter().any(|space| space.as_str() == Some(object.namespace())) {
                broken.push(format!("{who} may not use store `{store}`"));
            }
        }
    }
    broken
}

/// Every platform of the repository by name: its files.
fn platforms() -> Vec<(String, BTreeMap<String, Vec<u8>>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let below = |folder: PathBuf| -> Vec<PathBuf> {
        let mut all: Vec<PathBuf> =
            fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).filter(|p| p.is_dir()).collect();
        all.sort();
        all
    };
    let cases = below(root.join("tests/cases")).into_iter().flat_map(below);
    let folders = cases.chain(below(root.join("examples"))).chain(below(root.join("templates")));
    let mut all: Vec<(String, BTreeMap<String, Vec<u8>>)> = folders
        .map(|folder| (folder.strip_prefix(root).unwrap().to_string_lossy().into_owned(), files(&folder, &folder)))
        .filter(|(_, files)| files.contains_key("platform.toml") || files.contains_key("example.toml"))
        .collect();
    all.push((
        "platform.toml".into(),
        [("platform.toml".to_string(), fs::read(root.join("platform.toml")).unwrap())].into(),
    ));
    all
}

fn files(at: &Path, root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(at).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
        if path.is_dir() && name != "expected" {
            all.extend(files(&path, root));
        } else if path.is_file() {
            let name = if name == "example.toml" { "platform.toml".into() } else { name };
            all.insert(name, fs::read(&path).unwrap());
        }
    }
    all
}

#[test]
fn whatever_is_read_is_made_or_asked_for() {
    let mut report = Vec::new();
    let mut compiled_ones = 0;
    for (name, files) in platforms() {
        for engine in ["argocd", "flux"] {
            let mut world: MemoryWorld = files.iter().map(|(path, bytes)| (path.clone(), bytes.clone())).collect();
            let text = String::from_utf8_lossy(&files["platform.toml"]).into_owned();
            let other = if engine == "argocd" { "engine = \"flux\"" } else { "engine = \"argocd\"" };
            let line = format!("engine = \"{engine}\"");
            let text = if text.contains(other) {
                text.replacen(other, &line, 1)
            } else if text.contains(&line) || engine == "argocd" {
                text
            } else {
                text.replacen("[platform]", &format!("[platform]\n{line}"), 1)
            };
            world.insert("platform.toml", text.into_bytes());
            let compiled = compile(&world, &Request::default());
            if compiled.is_ok() {
                compiled_ones += 1;
                report.extend(broken(&compiled).into_iter().map(|line| format!("{name} on {engine}: {line}")));
            }
        }
    }
    assert!(compiled_ones > 150, "only {compiled_ones} platforms compiled");
    assert!(report.is_empty(), "{} breaches\n{}", report.len(), report.join("\n"));
}

#[test]
fn a_secret_that_nobody_makes_is_a_breach() {
    let all = platforms();
    let (_, files) = all.iter().find(|(name, _)| name.ends_with("language/postgres-and-nessie")).unwrap();
    let world: MemoryWorld = files.iter().map(|(path, bytes)| (path.clone(), bytes.clone())).collect();
    let mut compiled = compile(&world, &Request::default());
    assert_eq!(broken(&compiled), Vec::<String>::new());
    let units = compiled.manifests.targets[0].components.values_mut();
    for stage in units.flat_map(|unit| unit.stages.values_mut()) {
        stage.retain(|l| l.object.kind() != "ExternalSecret");
    }
    assert!(!broken(&compiled).is_empty());
    compiled.manifests.targets[0].needed.clear();
    assert!(!broken(&compiled).is_empty());
}
