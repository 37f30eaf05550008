//! Passwords that the cluster makes are found again: what is pushed, as each provider stores it, is what is read.
//!
//! The providers are modelled after external-secrets v2.9.0 (`providers/v1`, `PushSecret` and `GetSecret` of each).

use std::collections::BTreeMap;

use lakegen::compile::{Compiled, Request, compile};
use lakegen::manifest::object::Object;
use lakegen::manifest::value::Value;
use lakegen::world::memory::MemoryWorld;

/// What lies in an item.
#[derive(Clone, Debug, PartialEq)]
enum Content {
    Text(String),
    Members(BTreeMap<String, String>),
}

fn compiled(provider: &str) -> Compiled {
    let text = format!(
        "[platform]\nname = \"lake\"\n[git]\nurl = \"https://git.example.com/a.git\"\n[secrets]\n{provider}\ngenerate = true\n\
         [components]\nexternal-secrets = {{}}\ncloudnative-pg = {{}}\npostgres = {{}}\nminio = {{}}\nprometheus = {{}}\n\
         nessie = {{ database = \"postgres\" }}\n"
    );
    let world: MemoryWorld = [("platform.toml", text.as_bytes())].into_iter().collect();
    let compiled = compile(&world, &Request::default());
    assert!(compiled.is_ok(), "{provider}: {:#?}", compiled.diagnostics);
    compiled
}

fn objects<'a>(compiled: &'a Compiled, kind: &'a str) -> impl Iterator<Item = &'a Object> {
    let units = compiled.manifests.targets.iter().flat_map(|target| target.components.values());
    units.flat_map(|u| u.stages.values().flatten()).map(|l| &l.object).filter(move |o| o.kind() == kind)
}

fn text<'a>(value: &'a Value, path: &[&str]) -> Option<&'a str> {
    value.at(path).and_then(Value::as_str)
}

fn list<'a>(value: &'a Value, path: &[&str]) -> &'a [Value] {
    value.at(path).and_then(Value::as_list).unwrap_or(&[])
}

/// Stores one entry of a PushSecret as the provider does; an item that is there already stays, where that is all it asks.
fn push(provider: &str, store: &mut BTreeMap<String, Content>, entry: &Value, generated: &BTreeMap<String, String>) {
    let key = text(entry, &["match", "remoteRef", "remoteKey"]).unwrap().to_string();
    let property = text(entry, &["match", "remoteRef", "property"]);
    let secret_key = text(entry, &["match", "secretKey"]);
    let decoded = entry.at(&["metadata", "spec", "encodeAsDecoded"]).and_then(Value::as_bool) == Some(true);
    let by_item = !matches!(provider, "vault" | "onepassword" | "kubernetes");
    if by_item && store.contains_key(&key) {
        return;
    }
    let whole = || {
        let coded =
            |v: &String| if provider == "parameters" && !decoded { format!("base64 of {v}") } else { v.clone() };
        Content::Members(generated.iter().map(|(k, v)| (k.clone(), coded(v))).collect())
    };
    let bare = |k: &str| generated[k].clone();
    let content = match (provider, secret_key, property) {
        ("onepassword", None, _) => panic!("1Password takes no whole Secrets"),
        ("kubernetes", Some(_), None) => panic!("a key wants a property"),
        (_, None, _) => whole(),
        // These pass the property over.
        ("azure" | "parameters", Some(k), _) | (_, Some(k), None) => Content::Text(bare(k)),
        (_, Some(k), Some(property)) => {
            let mut members = match store.get(&key) {
                Some(Content::Members(members)) => members.clone(),
                _ => BTreeMap::new(),
            };
            members.entry(property.to_string()).or_insert_with(|| bare(k));
            Content::Members(members)
        }
    };
    store.insert(key, content);
}

#[test]
fn what_is_pushed_is_what_is_read() {
    for (provider, settings) in [
        ("vault", "provider = \"vault\"\nat = \"https://vault.example.com\""),
        ("onepassword", "provider = \"onepassword\"\nat = \"http://connect.example.com\"\nvault = \"lake\""),
        ("kubernetes", "provider = \"kubernetes\""),
        ("aws", "provider = \"aws\"\nregion = \"eu-central-1\""),
        ("parameters", "provider = \"aws\"\nregion = \"eu-central-1\"\nservice = \"ParameterStore\""),
        ("gcp", "provider = \"gcp\"\nproject = \"acme\""),
        ("azure", "provider = \"azure\"\nvault = \"kv\"\ntenant = \"t\""),
    ] {
        let compiled = compiled(settings);
        let mut store = BTreeMap::new();
        for object in objects(&compiled, "PushSecret") {
            let name = text(object.value(), &["spec", "selector", "secret", "name"]).unwrap();
            let maker = objects(&compiled, "ExternalSecret")
                .find(|o| o.namespace() == object.namespace() && o.name() == name)
                .unwrap_or_else(|| panic!("{provider}: nobody makes {name}"));
            let keys = maker.value().at(&["spec", "target", "template", "data"]).and_then(Value::as_map).unwrap();
            let generated = keys.keys().map(|key| (key.to_string(), format!("{name}/{key}"))).collect();
            for entry in list(object.value(), &["spec", "data"]) {
                push(provider, &mut store, entry, &generated);
            }
        }
        let needed = &compiled.manifests.targets[0].needed;
        let mut found = 0;
        for object in objects(&compiled, "ExternalSecret") {
            for entry in list(object.value(), &["spec", "data"]) {
                let remote = |key| text(entry, &["remoteRef", key]).unwrap_or_default();
                let (key, property) = (remote("key"), remote("property"));
                if !needed.get(key).is_some_and(|needed| needed.generated.contains(property)) {
                    continue;
                }
                found += 1;
                match store.get(key) {
                    Some(Content::Members(members))
                        if members.get(property).is_some_and(|v| !v.starts_with("base64")) => {}
                    other => panic!(
                        "{provider}: {}/{} reads {key}#{property} of {other:?}",
                        object.namespace(),
                        object.name()
                    ),
                }
            }
        }
        assert!(found > 4, "{provider}: only {found} reads of what is made");
    }
}
