//! ApplicationSets: what their list generators make is what the other form writes one by one.

use std::collections::BTreeMap;

use lakegen::compile::{Compiled, Request, compile};
use lakegen::diag::render::{Format, Style, render};
use lakegen::manifest::value::Value;
use lakegen::manifest::yaml;
use lakegen::world::memory::MemoryWorld;

const WAVE: &str = "argocd.argoproj.io/sync-wave";

/// A hub that keeps three clusters, which differ in hosts, versions, values, sync settings and members.
const PLATFORM: &str = r#"
lakegen = "1"

[platform]
name = "lake"
domain = "example.com"
engine = "argocd"
kubernetes = "1.33"

[git]
url = "https://git.example.com/acme/lake.git"
branch = "main"

[argocd]
hub = true
FORM

[secrets]
provider = "vault"
at = "https://vault.example.com"
mount = "kv"

[edges.web]
kind = "ingress"
class = "nginx"

[notify.team]
kind = "slack"
channel = "lake"
secret = "argocd/slack#token"

[components]
external-secrets = {}
cloudnative-pg = {}
postgres = { storage = "20Gi" }
nessie = { database = "postgres", warehouse = "lake", host = "nessie" }

[external.s3]
provides = "bucket"
endpoint = "https://s3.example.com"
host = "s3.example.com"
port = 443

[buckets.lake]

[clusters.prod]
server = "https://10.1.0.1"

[clusters.staging]
server = "https://10.2.0.1"

[environments.hub.components]
argocd = {}

[environments.hub]
disable = ["cloudnative-pg", "postgres", "nessie"]

[environments.prod]
components.nessie.pods.server.replicas = 3

[environments.staging]
platform.domain = "staging.example.com"
components.nessie = { version = "0.108.3", sync = { prune = false, options = ["CreateNamespace=false", "Validate=false"] } }
components.postgres.sync.cascade = true
notify.team.on = ["failed", "degraded", "deployed"]
"#;

fn compiled(text: &str) -> Compiled {
    let mut world = MemoryWorld::default();
    world.insert("platform.toml", text.as_bytes());
    let compiled = compile(&world, &Request::default());
    let shown = render(&compiled.diagnostics, &compiled.sources, Format::Full, Style { color: false, width: 120 });
    assert!(compiled.is_ok(), "{shown}");
    compiled
}

/// Returns all objects of a kind below `argocd/`, with their paths.
fn objects(compiled: &Compiled, kind: &str) -> Vec<(String, Value)> {
    let read = |bytes: &[u8]| yaml::read_one(std::str::from_utf8(bytes).unwrap()).unwrap();
    let all = compiled.tree.files().filter(|(path, _)| path.starts_with("argocd/"));
    all.map(|(path, bytes)| (path.to_string(), read(bytes)))
        .filter(|(_, value)| value.get("kind").and_then(Value::as_str) == Some(kind))
        .collect()
}

fn name(value: &Value) -> String {
    value.at(&["metadata", "name"]).and_then(Value::as_str).unwrap().to_string()
}

fn unwaved(mut value: Value) -> Value {
    let annotations = value.as_map_mut().unwrap().get_mut("metadata").unwrap().as_map_mut().unwrap();
    annotations.get_mut("annotations").unwrap().as_map_mut().unwrap().shift_remove(WAVE);
    value
}

/// Fills `{{ .x }}` in, and nothing else that Go templates know.
fn filled(value: &Value, element: &Value) -> Value {
    match value {
        Value::Str(text) => {
            let (mut out, mut rest) = (String::new(), &**text);
            while let Some((before, after)) = rest.split_once("{{ ") {
                let (name, after) = after.split_once(" }}").unwrap();
                out.push_str(before);
                match name.strip_prefix('.') {
                    Some(name) => out.push_str(element.get(name).and_then(Value::as_str).unwrap()),
                    None => out.push_str(name.trim_matches('"')),
                }
                rest = after;
            }
            Value::from(out + rest)
        }
        Value::List(list) => Value::List(list.iter().map(|v| filled(v, element)).collect()),
        Value::Map(map) => Value::Map(map.iter().map(|(k, v)| (k.clone(), filled(v, element))).collect()),
        other => other.clone(),
    }
}

/// Makes the Applications of a set.
fn expanded(set: &Value) -> Vec<Value> {
    let spec = set.get("spec").unwrap();
    let elements = spec.get("generators").and_then(Value::as_list).unwrap()[0].at(&["list", "elements"]).unwrap();
    let preserve = spec.at(&["syncPolicy", "preserveResourcesOnDeletion"]).and_then(Value::as_bool).unwrap();
    let make = |element: &Value| {
        let mut made = filled(spec.get("template").unwrap(), element);
        if let Some(patch) = spec.get("templatePatch") {
            assert_eq!(patch.as_str(), Some("{{ toJson .patch }}"));
            made.merge(element.get("patch").unwrap().clone());
        }
        if !preserve {
            let finalizers = made.at(&["metadata", "finalizers"]).and_then(Value::as_list).unwrap_or(&[]);
            assert!(!finalizers.is_empty(), "the controller would add one by itself");
        }
        made.set(&["apiVersion"], Value::from("argoproj.io/v1alpha1"));
        made.set(&["kind"], Value::from("Application"));
        made
    };
    elements.as_list().unwrap().iter().map(make).collect()
}

/// Returns a value that does not depend on the order of keys.
fn sorted(value: &Value) -> serde_json::Value {
    serde_yaml::from_str(&yaml::write(value)).unwrap()
}

fn same_applications(single: &str, sets: &str) {
    let one = compiled(single);
    let other = compiled(sets);
    let wanted: BTreeMap<String, serde_json::Value> =
        objects(&one, "Application").into_iter().map(|(_, v)| (name(&v), sorted(&unwaved(v)))).collect();
    assert!(objects(&other, "Application").is_empty());
    let found: BTreeMap<String, serde_json::Value> = objects(&other, "ApplicationSet")
        .iter()
        .flat_map(|(_, set)| expanded(set))
        .map(|v| (name(&v), sorted(&v)))
        .collect();
    assert_eq!(wanted.keys().collect::<Vec<_>>(), found.keys().collect::<Vec<_>>());
    for (name, application) in &wanted {
        assert_eq!(application, &found[name], "{name}");
    }
    let projects = |c: &Compiled| -> BTreeMap<String, String> {
        objects(c, "AppProject").into_iter().map(|(_, v)| (name(&v), yaml::write(&v))).collect()
    };
    assert_eq!(projects(&one), projects(&other));
}

#[test]
fn a_hub_has_one_set_per_component() {
    let sets = PLATFORM.replace("FORM", "form = \"applicationset\"");
    same_applications(&PLATFORM.replace("FORM", ""), &sets);
    let compiled = compiled(&sets);
    let all = objects(&compiled, "ApplicationSet");
    assert!(all.iter().all(|(path, _)| path.starts_with("argocd/fleet/")), "one Argo CD, one folder");
    let nessie = &all.iter().find(|(_, set)| name(set) == "nessie").unwrap().1;
    assert_eq!(expanded(nessie).len(), 2, "only where it is");
    for file in ["argocd/fleet/kustomization.yaml", "bootstrap/fleet/root.yaml"] {
        assert!(compiled.tree.get(file).is_some(), "{file}");
    }
    let listed =
        std::str::from_utf8(compiled.tree.get("argocd/fleet/kustomization.yaml").unwrap()).unwrap().to_string();
    assert!(all.iter().all(|(path, _)| listed.contains(path.strip_prefix("argocd/fleet/").unwrap())), "{listed}");
}

/// What one Argo CD per cluster keeps becomes sets of one element.
#[test]
fn each_cluster_has_sets_of_its_own_without_a_hub() {
    let single = PLATFORM.replace("hub = true\nFORM", "");
    let sets = PLATFORM.replace("hub = true\nFORM", "form = \"applicationset\"");
    same_applications(&single, &sets);
    for (path, set) in objects(&compiled(&sets), "ApplicationSet") {
        assert_eq!(expanded(&set).len(), 1, "{path}");
    }
}

/// A set comes after everything that any of its members waits for.
#[test]
fn waves_keep_the_order_of_every_target() {
    let sets = compiled(&PLATFORM.replace("FORM", "form = \"applicationset\""));
    let wave = |set: &Value| -> i64 {
        set.at(&["metadata", "annotations", WAVE]).and_then(Value::as_str).unwrap().parse().unwrap()
    };
    let waves: BTreeMap<String, i64> =
        objects(&sets, "ApplicationSet").iter().map(|(_, set)| (name(set), wave(set))).collect();
    for target in &sets.manifests.targets {
        for (unit, place) in &target.order.units {
            for before in place.after.keys() {
                assert!(waves[&unit.name()] > waves[&before.name()], "{} after {}", unit.name(), before.name());
            }
        }
    }
}

/// Where data lives, neither the end of a set nor that of an element takes objects along.
#[test]
fn data_is_preserved() {
    let sets = compiled(&PLATFORM.replace("FORM", "form = \"applicationset\""));
    let preserve = |of: &str| {
        let all = objects(&sets, "ApplicationSet");
        let set = &all.iter().find(|(_, set)| name(set) == of).unwrap().1;
        set.at(&["spec", "syncPolicy", "preserveResourcesOnDeletion"]).and_then(Value::as_bool).unwrap()
    };
    for data in ["namespaces", "postgres", "cloudnative-pg", "external-secrets"] {
        assert!(preserve(data), "{data}");
    }
    assert!(!preserve("nessie"));
}

#[test]
fn a_target_that_goes_is_said_before_it_is_gone() {
    use lakegen::diff::{Options, diff, risk::Level};
    let sets = PLATFORM.replace("FORM", "form = \"applicationset\"");
    let gone = sets.replace("[clusters.staging]\nserver = \"https://10.2.0.1\"\n", "");
    let start = gone.find("[environments.staging]").unwrap();
    let (old, new) = (compiled(&sets), compiled(&gone[..start]));
    let changes = diff(&old.tree, &new.tree, Options::default());
    let named = |text: &str| {
        changes
            .resources
            .iter()
            .filter_map(|c| c.risk.as_ref())
            .filter(|r| r.reason.contains(text))
            .map(|r| r.level)
            .collect::<Vec<_>>()
    };
    assert_eq!(named("`staging-postgres` is removed: Argo CD deletes"), [Level::DataLoss]);
    assert_eq!(named("`staging-cloudnative-pg` is removed: the managed objects stay"), [Level::Caution]);
}

/// Steps of a set: the targets that each selects.
fn steps(set: &Value) -> Option<Vec<Vec<String>>> {
    let strategy = set.at(&["spec", "strategy"])?;
    assert_eq!(strategy.get("type").and_then(Value::as_str), Some("RollingSync"));
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(String::from);
    let step = |step: &Value| {
        let expressions = step.get("matchExpressions").and_then(Value::as_list).unwrap();
        assert_eq!(expressions.len(), 1);
        assert_eq!(text(&expressions[0], "key").as_deref(), Some("lakegen.dev/target"));
        assert_eq!(text(&expressions[0], "operator").as_deref(), Some("In"));
        let values = expressions[0].get("values").and_then(Value::as_list).unwrap();
        values.iter().filter_map(Value::as_str).map(String::from).collect()
    };
    Some(strategy.at(&["rollingSync", "steps"])?.as_list()?.iter().map(step).collect())
}

#[test]
fn environments_follow_each_other_where_a_rollout_says_so() {
    let form = "form = \"applicationset\"\nrollout = [\"hub\", \"staging\", \"prod\"]";
    let compiled = compiled(&PLATFORM.replace("FORM", form));
    let sets = objects(&compiled, "ApplicationSet");
    let mut rolled = 0;
    for (_, set) in &sets {
        let members: Vec<String> = expanded(set)
            .iter()
            .map(|a| a.at(&["metadata", "labels", "lakegen.dev/target"]).and_then(Value::as_str).unwrap().to_string())
            .collect();
        match steps(set) {
            None => assert_eq!(members.len(), 1, "{set:?}"),
            Some(steps) => {
                rolled += 1;
                let order: Vec<String> = steps.concat();
                let expected: Vec<String> =
                    ["hub", "staging", "prod"].map(String::from).into_iter().filter(|t| members.contains(t)).collect();
                assert_eq!(order, expected, "every Application has its step");
            }
        }
    }
    assert!(rolled > 2);
    let values =
        compiled.tree.files().find(|(path, _)| path.starts_with("components/argocd/") && path.ends_with("values.yaml"));
    let values = String::from_utf8_lossy(values.unwrap().1).into_owned();
    assert!(values.contains("applicationsetcontroller.enable.progressive.syncs: true"), "{values}");
}

#[test]
fn a_rollout_names_every_environment_once_and_needs_sets() {
    for (settings, words) in [
        ("form = \"applicationset\"\nrollout = [\"staging\", \"prod\"]", "does not list `hub`"),
        ("form = \"applicationset\"\nrollout = [\"hub\", \"staging\", \"prod\", \"test\"]", "`test`"),
        ("form = \"applicationset\"\nrollout = [\"hub\", \"staging\", \"prod\", \"hub\"]", "`hub` twice"),
        ("rollout = [\"hub\", \"staging\", \"prod\"]", "uses Applications"),
    ] {
        let mut world = MemoryWorld::default();
        world.insert("platform.toml", PLATFORM.replace("FORM", settings).as_bytes());
        let compiled = compile(&world, &Request::default());
        assert!(!compiled.is_ok());
        assert!(
            compiled.diagnostics.iter().any(|d| d.message.contains(words)),
            "{settings}: {:?}",
            compiled.diagnostics
        );
    }
}

#[test]
fn what_environments_share_comes_with_the_first_of_them() {
    let text = "lakegen = \"1\"\n[platform]\nname = \"lake\"\ndomain = \"example.com\"\n[git]\nurl = \"https://git.example.com/a/b.git\"\n\
                [argocd]\nform = \"applicationset\"\nhub = true\nrollout = [\"dev\", \"test\", \"prod\"]\n[components]\nmetrics-server = {}\n\
                [components.portal]\nuses = \"app\"\nnamespace = \"${environment.name}-portal\"\nimage = \"ghcr.io/acme/portal:1.0.0\"\nport = 80\n\
                [environments.test]\nclusters = [\"a\"]\n[environments.dev]\nclusters = [\"a\"]\n[environments.prod]\nclusters = [\"b\"]\n";
    let sets = objects(&compiled(text), "ApplicationSet");
    let of = |wanted: &str| steps(&sets.iter().find(|(_, set)| name(set) == wanted).unwrap().1).unwrap();
    assert_eq!(of("portal"), [["dev"], ["test"], ["prod"]]);
    assert_eq!(of("metrics-server"), [["a"], ["prod"]]);
}
