//! The platform's secret store: what templates see of it, the ClusterSecretStore that the template of its kind makes, and the same
//! once per namespace (`secrets.scope = "namespace"`, in the unit `stores`).
//!
//! A component says that it opens the store (`store_account`), and the store is made in its stage `config`. Per namespace the same
//! words are said in every namespace that reads it, without the namespaces that only a cluster-wide store may name, and with an
//! account of that namespace.
//!
//! Facts: external-secrets.io v2.9 (api/secretstore; CRD secretstores v1).

use std::collections::BTreeSet;
use std::sync::Arc;

use super::external_secret::external_secrets_api;
use super::generated;
use crate::catalog::{Stage, StoreKind};
use crate::diag::{Diagnostic, quoted_list};
use crate::lower::objects::edges;
use crate::lower::templates::context::Shared;
use crate::lower::{Added, ComponentManifests, Lowered, Lowering, TargetManifests, made, take};
use crate::manifest::value::{Map, Value, object};
use crate::parse::MISSING_KEY;
use crate::resolve::offers::offered;
use crate::resolve::scope::Late;
use crate::resolve::{Binding, Instance, Store};
use crate::settings::Text;
use crate::settings::secrets::Secrets;

/// Name of the unit.
pub const UNIT: &str = crate::resolve::reserved::STORES;

/// The account that reads the store in each namespace.
pub const ACCOUNT: &str = "lakegen-secrets";

/// Returns what templates see of the store; nothing when there is none.
pub fn seen(lowering: &Lowering<'_>, found: &mut Vec<Diagnostic>) -> Value {
    let store = &lowering.target.store;
    if store.provider.is_empty() {
        return Value::Null;
    }
    let mut map = settings(store, &lowering.target.settings.secrets);
    require(lowering, &mut map, found);
    let opener = opener(lowering).map(|(_, account)| account);
    let account = if store.namespaced { ACCOUNT } else { opener.as_deref().unwrap_or_default() };
    let annotations = annotations(lowering).into_iter().map(|(key, text)| (Arc::from(key), Value::from(text)));
    let more = [
        ("server", server(lowering)),
        ("namespaced", Value::Bool(store.namespaced)),
        ("outside", Value::Bool(store.component.is_none())),
        ("writes", Value::Bool(generated::is_on(lowering))),
        ("account", Value::from(account)),
        ("annotations", Value::Map(annotations.collect())),
    ];
    map.extend(more.map(|(key, value)| (Arc::from(key), value)));
    Value::Map(map)
}

/// Returns what is said of the store, with defaults.
pub fn settings(store: &Store, secrets: &Secrets) -> Map {
    let text = |text: &Option<Text>| text.as_ref().map_or(Value::Null, Value::from);
    let recipients = secrets.sops.recipients().map(|(key, all)| (key, all.iter().map(Value::from).collect()));
    let mut map = store.said.clone();
    let shared = [
        ("name", Value::from(store.name.as_str())),
        ("provider", Value::from(store.provider.as_str())),
        ("refresh", Value::from(store.refresh.as_str())),
        ("at", text(&secrets.at)),
        ("ca", text(&secrets.ca)),
        ("secret", text(&secrets.secret)),
        ("identity", text(&secrets.identity)),
        ("files", text(&secrets.files)),
        ("sops", object(recipients.map(|(key, all)| (key, Value::List(all))))),
    ];
    map.extend(shared.map(|(key, value)| (Arc::from(key), value)));
    map
}

/// Returns the address of the store: what is said, or that of the component that runs it.
fn server(lowering: &Lowering<'_>) -> Value {
    let Some(component) = &lowering.target.store.component else {
        return lowering.target.settings.secrets.at.as_ref().map_or(Value::Null, Value::from);
    };
    let late = Late::new(&lowering.platform.targets, lowering.index, None, lowering.known);
    let provides = lowering.visible(component).map(|i| i.definition.provides.clone()).unwrap_or_default();
    let url = provides.iter().find(|(_, offer)| offer.fields.contains_key("url")).and_then(|(capability, _)| {
        offered(&late, &Binding::bare(capability, component), "url").ok().and_then(|filled| filled.plain())
    });
    url.map_or(Value::Null, Value::from)
}

/// Reports settings without which External Secrets cannot reach the store.
fn require(lowering: &Lowering<'_>, map: &mut Map, found: &mut Vec<Diagnostic>) {
    let store = &lowering.target.store;
    let missing = |map: &Map, key: &str| map.get(key).is_none_or(|value| *value == Value::Null);
    for (key, need) in store.definition.iter().flat_map(|kind| &kind.needs) {
        if !missing(map, key) || need.unless.as_ref().is_some_and(|other| !missing(map, other)) {
            continue;
        }
        // One finding says it; the templates need not stumble over it too.
        map.insert(key.as_str().into(), Value::from(""));
        let message = format!("the secret store `{}` cannot be reached without `{key}`", store.provider);
        found.push(
            Diagnostic::error(&MISSING_KEY, message)
                .at(store.span, format!("has no `{key}`"))
                .help(format!("add `{key} = \"{}\"` to `[secrets]`", need.example)),
        );
    }
}

/// Returns the component that opens the store here, and the account under which it logs in.
fn opener<'a>(lowering: &'a Lowering<'_>) -> Option<(&'a Instance, String)> {
    let mut all = lowering.target.instances.values();
    all.find_map(|instance| {
        let account = instance.definition.store_account.as_deref()?;
        let filled = lowering.late_of(instance).fill(account, instance.definition.span, &mut Vec::new());
        Some((instance, filled.plain()?))
    })
}

/// Returns the annotations of the account that opens the store with a cloud role.
fn annotations(lowering: &Lowering<'_>) -> Vec<(String, String)> {
    let store = &lowering.target.store;
    let Some(kind) = &store.definition else { return vec![] };
    let cloud = kind.cloud.as_ref().and_then(|cloud| lowering.platform.catalogue.identity(cloud));
    let (Some(cloud), Some(role)) = (cloud, &lowering.target.settings.secrets.identity) else { return vec![] };
    let further = kind.annotations.iter().filter_map(|(annotation, key)| {
        Some((annotation.clone(), store.said.get(key.as_str())?.as_str()?.to_string()))
    });
    std::iter::once((cloud.annotation.to_string(), role.to_string())).chain(further).collect()
}

/// Makes the store, with the component that opens it, and says what people do so that it can.
pub fn open(lowering: &Lowering<'_>, shared: &Shared, found: &mut Vec<Diagnostic>) -> Added {
    let store = &lowering.target.store;
    let mut added = Added::default();
    let template = store.definition.as_ref().and_then(|kind: &Arc<StoreKind>| kind.store.as_ref());
    if let (Some(template), Some((opener, account))) = (template, opener(lowering)) {
        let operator =
            object([("namespace", Value::from(opener.namespace.as_str())), ("account", Value::from(account.as_str()))]);
        let settings = &lowering.target.settings.secrets.places;
        let place = |path: &[String]| path.first().map_or(store.span, |key| settings.value_of(key));
        let mut objects = Vec::new();
        for (value, origin) in lowering.print(template, &shared.with([("operator", operator)]), &place, found) {
            match edges::note(&value) {
                Some(note) => added.steps.push(("secrets".into(), note)),
                None => take(value, &origin, &mut objects, found),
            }
        }
        added.objects.extend(objects.into_iter().map(|one| (opener.name.clone(), Stage::Config, one)));
    }
    let mut references = BTreeSet::new();
    for (.., lowered) in &added.objects {
        localize(&mut lowered.object.value().clone(), &mut references);
    }
    added.steps.splice(0..0, by_hand(lowering, &references));
    added
}

/// Takes the cluster-wide store out of what was made, as the model of those of the namespaces.
pub fn take_model(lowering: &Lowering<'_>, out: &mut TargetManifests) {
    let name = &lowering.target.store.name;
    for objects in out.components.values_mut().flat_map(|unit| unit.stages.values_mut()) {
        let own = |l: &Lowered| l.object.kind() == "ClusterSecretStore" && l.object.name() == name;
        if let Some(index) = objects.iter().position(own) {
            out.store = Some(objects.remove(index));
            return;
        }
    }
}

/// Adds a store for every namespace that reads it. Without a model the store is kept by whoever brings External Secrets.
pub fn add(
    lowering: &Lowering<'_>,
    namespaces: &BTreeSet<String>,
    before: &[TargetManifests],
    out: &mut TargetManifests,
) {
    let shared = lowering.target.shared.and_then(|index| before.get(index)?.store.clone());
    let Some(model) = out.store.clone().or(shared) else { return };
    let store = &lowering.target.store;
    let mut spec = model.object.value().get("spec").cloned().unwrap_or_default();
    let mut secrets = BTreeSet::new();
    localize(&mut spec, &mut secrets);
    let mut unit = ComponentManifests::default();
    let objects = unit.stages.entry(Stage::Release).or_default();
    for namespace in namespaces {
        let annotations = annotations(lowering).into_iter().map(|(key, text)| (Arc::from(key), Value::from(text)));
        let inputs = [
            ("name", ACCOUNT.into()),
            ("namespace", namespace.as_str().into()),
            ("annotations", Value::Map(annotations.collect())),
        ];
        objects.extend(lowering.make("store-account", inputs, store.span));
        let api = external_secrets_api(lowering);
        let one = made(&api, "SecretStore", namespace, &store.name, [("spec", spec.clone())], store.span);
        objects.push(Lowered { origin: model.origin.clone(), ..one });
        for (secret, key) in &secrets {
            let kept = out.kept.entry((namespace.clone(), secret.clone())).or_default();
            kept.keys.insert(key.clone(), format!("<{key}>"));
            kept.kind = "Opaque".into();
            kept.readers.insert(UNIT.into());
        }
    }
    if !objects.is_empty() {
        out.components.shift_insert(0, UNIT.into(), unit);
    }
}

/// Removes namespaces from references, names the account of each namespace, and collects the Secrets that people make.
fn localize(value: &mut Value, secrets: &mut BTreeSet<(String, String)>) {
    let Value::Map(map) = value else { return };
    for (key, inner) in map.iter_mut() {
        if let Value::Map(reference) = inner
            && reference.contains_key("name")
            && reference.contains_key("namespace")
        {
            reference.shift_remove("namespace");
            if matches!(&**key, "serviceAccountRef" | "serviceAccount") {
                reference.insert("name".into(), Value::from(ACCOUNT));
            } else if &**key != "caProvider" {
                let text = |key: &str| reference.get(key).and_then(Value::as_str).unwrap_or_default().to_string();
                secrets.insert((text("name"), text("key")));
            }
        }
        localize(inner, secrets);
    }
}

/// Says what people must make so that External Secrets can open the platform's store, given the Secrets that it names with a key of
/// each.
fn by_hand(lowering: &Lowering<'_>, references: &BTreeSet<(String, String)>) -> Vec<(String, String)> {
    let target = lowering.target;
    let settings = &target.settings.secrets;
    let opener = target.instances.values().find(|i| i.apis.iter().any(|api| api.starts_with("external-secrets.io/")));
    let Some(opener) = opener else { return vec![] };
    let mut steps = Vec::new();
    if let Some(secret) = &settings.secret {
        let keys = references.iter().filter(|(name, _)| **name == **secret).map(|(_, key)| key.as_str());
        let keys = quoted_list(keys, "and");
        let with = if keys.is_empty() { String::new() } else { format!(" with {keys}") };
        steps.push(format!(
            "Create Secret `{secret}`{with} in namespace `{}`: External Secrets logs in to the store with it.",
            opener.namespace
        ));
    }
    if let Some(name) = &settings.ca {
        steps.push(format!(
            "Create ConfigMap `{name}` with `ca.crt` in namespace `{}`: the CA certificate of the store's server.",
            opener.namespace
        ));
    }
    steps.into_iter().map(|step| (opener.name.clone(), step)).collect()
}
