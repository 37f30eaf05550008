//! Passwords that are made in the cluster, by generators of External Secrets.
//!
//! A credential with source `generate` is made once, beside its provider. With `secrets.generate = true`, credentials of the
//! platform's store are made in the cluster too and pushed into the store, where everybody reads them: nothing that is there
//! is ever overwritten, so a rebuilt cluster finds its old passwords.
//!
//! Facts: external-secrets.io v2.9 (api/generator/password, api/pushsecret; CRD pushsecrets v1alpha1). The 1Password Connect
//! provider can tell whether an item exists since July 2026 (external-secrets/external-secrets#6646), which 2.9 of August follows.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::external_secret::{external_secrets_api, store_reference};
use super::templates::object;
use super::{Lowered, Lowering, Unit, made};
use crate::catalog::Stage;
use crate::diag::Span;
use crate::manifest::value::{Map, Value};
use crate::resolve::{Credential, Instance};

const GENERATORS: &str = "generators.external-secrets.io/v1alpha1";
const PUSH: &str = "external-secrets.io/v1alpha1";

/// A Secret that is made once and then left alone.
struct Once<'a> {
    namespace: &'a str,
    name: &'a str,
    /// Keys that get a password each.
    keys: Vec<&'a str>,
    /// Keys with known text.
    text: Vec<(&'a str, &'a str)>,
    kind: &'a str,
    labels: Vec<(&'a str, &'a str)>,
    span: Span,
}

fn text_map<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Map {
    pairs.into_iter().map(|(key, text)| (Arc::from(key), Value::from(text))).collect()
}

impl Once<'_> {
    /// Returns the generator, and the ExternalSecret that asks it a single time.
    fn objects(&self, lowering: &Lowering<'_>) -> [Lowered; 2] {
        let spec = object([
            ("length", Value::from(32)),
            ("digits", Value::from(8)),
            ("symbols", Value::from(0)),
            ("noUpper", Value::Bool(false)),
            ("allowRepeat", Value::Bool(true)),
        ]);
        let generator = made(GENERATORS, "Password", self.namespace, self.name, [("spec", spec)], self.span);
        let reference = object([
            ("apiVersion", Value::from(GENERATORS)),
            ("kind", Value::from("Password")),
            ("name", Value::from(self.name)),
        ]);
        let from = self.keys.iter().map(|key| {
            let regexp = object([("source", Value::from("password")), ("target", Value::from(*key))]);
            object([
                ("sourceRef", object([("generatorRef", reference.clone())])),
                ("rewrite", Value::List(vec![object([("regexp", regexp)])])),
            ])
        });
        let mut data = text_map(self.text.iter().copied());
        data.extend(self.keys.iter().map(|key| (Arc::from(*key), Value::from(format!("{{{{ index . {key:?} }}}}")))));
        let mut template = Map::from_iter([
            (Arc::from("engineVersion"), Value::from("v2")),
            (Arc::from("type"), Value::from(self.kind)),
        ]);
        if !self.labels.is_empty() {
            template.insert("metadata".into(), object([("labels", Value::Map(text_map(self.labels.iter().copied())))]));
        }
        template.insert("data".into(), Value::Map(data));
        let target = object([
            ("name", Value::from(self.name)),
            ("creationPolicy", Value::from("Orphan")),
            ("deletionPolicy", Value::from("Retain")),
            ("template", Value::Map(template)),
        ]);
        let spec = object([
            ("refreshPolicy", Value::from("CreatedOnce")),
            ("target", target),
            ("dataFrom", Value::List(from.collect())),
        ]);
        let api = external_secrets_api(lowering);
        [generator, made(&api, "ExternalSecret", self.namespace, self.name, [("spec", spec)], self.span)]
    }
}

/// Makes a credential once in the cluster, in the provider's namespace.
pub fn credential(lowering: &Lowering<'_>, instance: &Instance, credential: &Credential, unit: &mut Unit) {
    let pair = |(key, text): (&'_ String, &'_ String)| (key.clone(), text.clone());
    let (text, labels): (Vec<_>, Vec<_>) =
        (credential.text.iter().map(pair).collect(), credential.labels.iter().map(pair).collect());
    let once = Once {
        namespace: &credential.namespace,
        name: &credential.secret,
        keys: credential.keys.values().map(String::as_str).filter(|k| !credential.text.contains_key(*k)).collect(),
        text: text.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect(),
        kind: &credential.kind,
        labels: labels.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect(),
        span: instance.span,
    };
    unit.stages.entry(Stage::Prepare).or_default().extend(once.objects(lowering));
}

/// Says whether passwords of the platform's store are made in the cluster.
pub fn is_on(lowering: &Lowering<'_>) -> bool {
    lowering.target.settings.secrets.generate
        && lowering.target.store.readable()
        && lowering.apis.contains_key("external-secrets.io")
}

/// Makes passwords in the cluster and pushes them to an item of the store, unless it is there already.
///
/// `properties` are the item's; each gets a password of its own.
pub fn pushed(lowering: &Lowering<'_>, instance: &Instance, item: &str, properties: &[String], unit: &mut Unit) {
    let name = format!("{}-generated", crate::parse::string::slug(item));
    let once = Once {
        namespace: &instance.namespace,
        name: &name,
        keys: properties.iter().map(String::as_str).collect(),
        text: vec![],
        kind: "Opaque",
        labels: vec![],
        span: instance.span,
    };
    let store = &lowering.target.store;
    let remote = |property: Option<&String>| {
        let mut remote = Map::from_iter([(Arc::from("remoteKey"), Value::from(item))]);
        remote.extend(property.map(|p| (Arc::from("property"), Value::from(p.as_str()))));
        let mut found = BTreeMap::from([("remoteRef", Value::Map(remote))]);
        found.extend(property.map(|p| ("secretKey", Value::from(p.as_str()))));
        object([("match", object(found))])
    };
    // Clouds ask only whether the item is there, not each property, so an item of several goes as a whole, as JSON.
    let whole = properties.len() > 1 && matches!(store.provider.as_str(), "aws" | "gcp" | "azure");
    let data = if whole { vec![remote(None)] } else { properties.iter().map(|p| remote(Some(p))).collect() };
    let spec = object([
        ("updatePolicy", Value::from("IfNotExists")),
        ("deletionPolicy", Value::from("None")),
        ("refreshInterval", Value::from("1h")),
        ("secretStoreRefs", Value::List(vec![store_reference(&store.name, store.namespaced)])),
        ("selector", object([("secret", object([("name", Value::from(name.as_str()))]))])),
        ("data", Value::List(data)),
    ]);
    let push = made(PUSH, "PushSecret", &instance.namespace, &name, [("spec", spec)], instance.span);
    unit.stages.entry(Stage::Prepare).or_default().extend(once.objects(lowering).into_iter().chain([push]));
}
