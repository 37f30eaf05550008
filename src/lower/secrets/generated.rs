//! Passwords that are made in the cluster, by generators of External Secrets.
//!
//! A credential with source `generate` is made once, beside its provider. With `secrets.generate = true`, credentials of the
//! platform's store are made in the cluster too and pushed into the store, where everybody reads them: nothing that is there
//! is ever overwritten, so a rebuilt cluster finds its old passwords.
//!
//! Facts: external-secrets.io v2.9 (api/generator/password, api/pushsecret; CRD pushsecrets v1alpha1). How each store takes what is
//! pushed stands in `stores/`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::external_secret::{external_secrets_api, store_reference};
use crate::catalog::Stage;
use crate::catalog::store::PushBy;
use crate::diag::{Diagnostic, Span, quoted_list};
use crate::lower::{ComponentManifests, Lowered, Lowering};
use crate::manifest::value::object;
use crate::manifest::value::{Map, Value};
use crate::parse::{INVALID_VALUE, Node};
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
    fn objects(&self, lowering: &Lowering<'_>) -> Vec<Lowered> {
        let mut data = text_map(self.text.iter().copied());
        data.extend(self.keys.iter().map(|key| (Arc::from(*key), Value::from(format!("{{{{ index . {key:?} }}}}")))));
        let inputs = [
            ("api", external_secrets_api(lowering).into()),
            ("generators", GENERATORS.into()),
            ("name", self.name.into()),
            ("namespace", self.namespace.into()),
            ("keys", Value::from(self.keys.clone())),
            ("type", self.kind.into()),
            ("labels", Value::Map(text_map(self.labels.iter().copied()))),
            ("data", Value::Map(data)),
        ];
        lowering.make("generated-secret", inputs, self.span)
    }
}

/// Makes a credential once in the cluster, in the provider's namespace.
pub fn credential(
    lowering: &Lowering<'_>,
    instance: &Instance,
    credential: &Credential,
    unit: &mut ComponentManifests,
) {
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

/// Reports an item that people and the cluster would make together: where it is asked for as a whole, whoever comes first locks
/// the other out, and Vault lets nobody write into what somebody else made.
pub fn half_made(
    lowering: &Lowering<'_>,
    item: &str,
    by_hand: &BTreeSet<String>,
    generated: &[String],
    at: Span,
    found: &mut Vec<Diagnostic>,
) {
    if by_hand.is_empty() || !is_on(lowering) {
        return;
    }
    let people = quoted_list(by_hand.iter().map(String::as_str), "and");
    let cluster = quoted_list(generated.iter().map(String::as_str), "and");
    let message = format!(
        "item `{item}` would have two sources: {cluster} generated in the cluster, {people} entered \
    by people"
    );
    let help = format!("write {people} as text, or read it from a separate secret: an item can only have one source");
    found.push(Diagnostic::error(&INVALID_VALUE, message).at(at, "").help(help));
}

/// Reports an item of which a second secret would make further properties, where only the first is ever written.
pub fn made_twice(lowering: &Lowering<'_>, item: &str, new: &[String], at: Span, found: &mut Vec<Diagnostic>) {
    if lowering.target.store.push().is_some_and(|push| push.by == PushBy::Item) {
        let properties = quoted_list(new.iter().map(String::as_str), "and");
        let message = format!("item `{item}` would already exist, so {properties} would never be added to it");
        let help = "use a separate item for each secret: with this store, existing items are never changed";
        found.push(Diagnostic::error(&INVALID_VALUE, message).at(at, "").help(help));
    }
}

/// Says whether passwords of the platform's store are made in the cluster.
pub fn is_on(lowering: &Lowering<'_>) -> bool {
    lowering.target.settings.secrets.generate
        && lowering.target.store.readable()
        && lowering.target.store.push().is_some()
        && lowering.apis.contains_key("external-secrets.io")
}

/// Makes passwords in the cluster and pushes them to an item of the store, unless it is there already.
///
/// `properties` are the item's; each gets a password of its own.
pub fn pushed(
    lowering: &Lowering<'_>,
    instance: &Instance,
    (name, item): (&str, &str),
    properties: &[String],
    unit: &mut ComponentManifests,
) {
    let name = format!("{}-generated", crate::parse::string::slug(name));
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
        object(found)
    };
    let Some(push) = store.push() else { return };
    let whole = (push.by == PushBy::Item).then_some(None);
    let each = properties.iter().map(Some).filter(|_| push.by == PushBy::Property);
    let metadata = push.metadata.as_ref().map(Node::to_value);
    let data = each.chain(whole).map(|property| {
        let metadata = metadata.clone().map(|metadata| ("metadata", metadata));
        object(std::iter::once(("match", remote(property))).chain(metadata))
    });
    let inputs = [
        ("api", PUSH.into()),
        ("name", name.as_str().into()),
        ("namespace", instance.namespace.as_str().into()),
        ("store", store_reference(&store.name, store.namespaced)),
        ("data", Value::List(data.collect())),
    ];
    let push = lowering.make("push-secret", inputs, instance.span);
    unit.stages.entry(Stage::Prepare).or_default().extend(once.objects(lowering).into_iter().chain(push));
}
