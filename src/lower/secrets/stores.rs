//! The platform's store once per namespace (`secrets.scope = "namespace"`), in the unit `stores`.
//!
//! The component External Secrets says how the store is reached; here the same words are said in every namespace that
//! reads it, without the namespaces that only a cluster-wide store may name, and with an account of that namespace.
//!
//! Facts: external-secrets.io v2.9 (api/secretstore; CRD secretstores v1).

use std::collections::BTreeSet;
use std::sync::Arc;

use super::external_secret::external_secrets_api;
use crate::catalog::Stage;
use crate::lower::{Lowering, TargetManifests, Unit, made};
use crate::manifest::value::{Map, Value};

/// Name of the unit.
pub const UNIT: &str = crate::resolve::reserved::STORES;

/// The account that reads the store in each namespace.
pub const ACCOUNT: &str = "lakegen-secrets";

/// Takes the cluster-wide store out of what External Secrets' component made, and keeps its `spec.provider`.
pub fn take_model(lowering: &Lowering<'_>, out: &mut TargetManifests) {
    let name = &lowering.target.store.name;
    for objects in out.units.values_mut().flat_map(|unit| unit.stages.values_mut()) {
        let own = |l: &crate::lower::Lowered| l.object.kind() == "ClusterSecretStore" && l.object.name() == name;
        if let Some(index) = objects.iter().position(own) {
            out.store = objects.remove(index).object.value().at(&["spec", "provider"]).cloned();
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
    let mut provider = model;
    let mut secrets = BTreeSet::new();
    localize(&mut provider, &mut secrets);
    let mut unit = Unit::default();
    let objects = unit.stages.entry(Stage::Release).or_default();
    for namespace in namespaces {
        let mut account = made("v1", "ServiceAccount", namespace, ACCOUNT, [], store.span);
        let identity = lowering.target.settings.secrets.identity.as_deref();
        if let (Some(cloud), Some(role)) = (lowering.cloud_identity(), identity) {
            account.object.value_mut().set(&["metadata", "annotations", &cloud.annotation], Value::from(role));
        }
        objects.push(account);
        let spec = Map::from_iter([(Arc::from("provider"), provider.clone())]);
        let api = external_secrets_api(lowering);
        let spec = [("spec", Value::Map(spec))];
        objects.push(made(&api, "SecretStore", namespace, &store.name, spec, store.span));
        for (secret, key) in &secrets {
            let kept = out.kept.entry((namespace.clone(), secret.clone())).or_default();
            kept.keys.insert(key.clone(), format!("<{key}>"));
            kept.kind = "Opaque".into();
            kept.readers.insert(UNIT.into());
        }
    }
    if !objects.is_empty() {
        out.units.shift_insert(0, UNIT.into(), unit);
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

/// Says what people must make so that External Secrets can open the platform's store.
pub fn by_hand(lowering: &Lowering<'_>, out: &mut TargetManifests) {
    let target = lowering.target;
    let settings = &target.settings.secrets;
    let opener = target.instances.values().find(|i| i.apis.iter().any(|api| api.starts_with("external-secrets.io/")));
    let Some(opener) = opener else { return };
    for (kind, name, what) in [
        ("Secret", &settings.secret, "the token with which External Secrets opens the store"),
        ("ConfigMap", &settings.ca, "the CA that the store's server shows"),
    ] {
        if let Some(name) = name {
            let step = format!("Make {kind} `{name}` in namespace `{}`: {what}.", opener.namespace);
            out.steps.push((opener.name.clone(), step));
        }
    }
}
