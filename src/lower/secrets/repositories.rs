//! Credentials of private repositories for Argo CD: a Secret for each that it finds by its label, whoever installs Argo CD.
//!
//! Where Argo CD is a component of the target, the Secrets go with it; elsewhere they are a unit of their own. A hub on
//! another cluster gets a manual step, because nothing of this target is applied there.
//!
//! Facts: Argo CD v3.4 (docs/operator-manual/declarative-setup.md, "Repositories"; docs/user-guide/oci.md; common/common.go:
//! names of the fields, util/settings/settings.go).

use std::sync::Arc;

use indexmap::IndexMap;

use super::Secrets;
use super::external_secret::{external_secrets_api, store_reference};
use crate::catalog::Stage;
use crate::diag::{Diagnostic, Span};
use crate::lower::{Added, Lowered, Lowering};
use crate::manifest::value::object;
use crate::manifest::value::{Map, Value};
use crate::resolve::credentials::SecretValue;
use crate::resolve::flux::is_ssh;
use crate::resolve::{Engine, Instance, NO_SECRET_STORE, Target};

/// Name of the unit.
pub const UNIT: &str = crate::resolve::reserved::REPOSITORIES;

/// Fields that a repository's Secret may have besides its address; a property of such a name is taken under it.
const FIELDS: &[&str] = &[
    "username",
    "password",
    "bearerToken",
    "sshPrivateKey",
    "tlsClientCertData",
    "tlsClientCertKey",
    "githubAppID",
    "githubAppInstallationID",
    "githubAppPrivateKey",
    "githubAppEnterpriseBaseUrl",
    "gcpServiceAccountKey",
];

const HOW: &str = "properties username and password (a read-only token); or sshPrivateKey; or githubAppID, githubAppInstallationID and githubAppPrivateKey";

/// A private repository.
#[derive(PartialEq)]
struct Private<'a> {
    name: &'a str,
    url: &'a str,
    item: &'a str,
    span: Span,
}

impl<'a> Private<'a> {
    fn all(target: &'a Target) -> Vec<Self> {
        let settings = &target.settings;
        let own = [("platform", &settings.git.url, &settings.git.secret)];
        let others = settings.repositories.iter().map(|(name, of)| (name.as_str(), &of.url, &of.secret));
        let private = own.into_iter().chain(others).filter(|(_, url, _)| !url.is_empty());
        private
            .filter_map(|(name, url, secret)| {
                let item = secret.as_ref()?;
                Some(Private { name, url, item, span: item.at })
            })
            .collect()
    }

    fn is(&self, other: &Private<'_>) -> bool {
        (self.name, self.url, self.item) == (other.name, other.url, other.item)
    }

    /// Returns the Secrets that it wants: suffix of the name, and known fields. A registry wants two: for the charts in it,
    /// and for artifacts that hold manifests.
    fn forms(&self, lowering: &Lowering<'_>) -> Vec<(&'static str, Vec<(&'static str, &'a str)>)> {
        let charts = |i: &Instance| i.chart.as_ref().is_some_and(|c| same(&c.repository, self.url));
        if let Some(registry) = self.url.strip_prefix("oci://") {
            return vec![
                ("", vec![("type", "helm"), ("enableOCI", "true"), ("url", registry)]),
                ("-oci", vec![("type", "oci"), ("url", self.url)]),
            ];
        }
        let kind = if lowering.target.instances.values().any(charts) { "helm" } else { "git" };
        vec![("", vec![("type", kind), ("url", self.url)])]
    }

    /// Returns the properties that are read under a field's name; nothing when the whole item is taken as it is.
    fn field(&self) -> Option<(&'static str, SecretValue)> {
        let (item, property) = self.item.split_once('#')?;
        let usual = if is_ssh(self.url) { "sshPrivateKey" } else { "password" };
        let field = FIELDS.iter().find(|field| **field == property).unwrap_or(&usual);
        Some((field, SecretValue::Item { item: item.into(), property: Some(property.into()) }))
    }
}

fn same(one: &str, other: &str) -> bool {
    one.trim_end_matches('/') == other.trim_end_matches('/')
}

/// Says whether a component of the target is Argo CD: it brings its kinds.
fn argocd(target: &Target) -> Option<&Instance> {
    let brings = |i: &&Instance| i.apis.iter().any(|api| api == "argoproj.io/v1alpha1/Application");
    target.instances.values().find(brings)
}

/// Adds the Secrets of all private repositories, where Argo CD of this target looks for them.
pub fn add(lowering: &Lowering<'_>, secrets: &mut Secrets, found: &mut Vec<Diagnostic>) -> Added {
    let mut added = Added::default();
    let (platform, target) = (lowering.platform, lowering.target);
    if platform.engine != Engine::ArgoCd {
        return added;
    }
    let settings = &target.settings.argocd;
    let hub = settings.hub;
    let shared = platform.shared_of(target);
    let here = argocd(target);
    // Who else of the platform serves the same Argo CD, and has these credentials there already.
    let elsewhere = platform.targets.iter().filter(|t| hub && argocd(t).is_some() && !std::ptr::eq(*t, target));
    let servers: Vec<&Target> = shared.into_iter().chain(elsewhere).collect();
    let known: Vec<Private<'_>> = servers.iter().flat_map(|other| Private::all(other)).collect();
    let wanted: Vec<Private<'_>> =
        Private::all(target).into_iter().filter(|private| !known.iter().any(|k| k.is(private))).collect();
    let Some(first) = wanted.first() else { return added };
    if target.store.provider.is_empty() {
        let message = "Argo CD reads this from a secret store, but none is configured";
        found.push(
            Diagnostic::error(&NO_SECRET_STORE, message)
                .at(first.span, "")
                .help("add `[secrets]` with `provider = \"vault\"` and `at = \"https://vault.example.com\"`"),
        );
        return added;
    }
    let install = std::iter::once(target).chain(servers.iter().copied()).find_map(argocd);
    let namespace = settings.namespace.as_deref().or(install.map(|i| i.namespace.as_str())).unwrap_or("argocd");
    // Argo CD's own unit has them, where this target runs it.
    let unit = here.map_or(UNIT, |argocd| argocd.name.as_str());
    for private in &wanted {
        let clash = known.iter().any(|k| k.name == private.name);
        for (suffix, fields) in private.forms(lowering) {
            let name = if clash {
                format!("{}-{}{suffix}", target.name, private.name)
            } else {
                format!("{}{suffix}", private.name)
            };
            let secret = format!("repository-{name}");
            if hub && here.is_none() {
                added.steps.push((UNIT.into(), by_hand(namespace, &secret, private, &fields)));
                continue;
            }
            let mut text = fields.clone();
            text.push(("name", &name));
            if target.store.kept_by_people() {
                keep(secrets, namespace, &secret, private, &text);
                continue;
            }
            let objects = external_secret(lowering, namespace, &secret, private, &text);
            secrets.read(namespace, UNIT, HOW, &private.values(), private.span);
            added.objects.extend(objects.into_iter().map(|one| (unit.to_string(), Stage::Prepare, one)));
        }
    }
    added
}

impl Private<'_> {
    /// Returns the secret fields that are usual for its address: key of the Secret, property of the item.
    fn usual(&self) -> Vec<&'static str> {
        match self.field() {
            Some((field, _)) => vec![field],
            None if is_ssh(self.url) => vec!["sshPrivateKey"],
            None => vec!["username", "password"],
        }
    }

    fn values(&self) -> Vec<SecretValue> {
        let whole = || SecretValue::Item { item: self.item.into(), property: None };
        vec![self.field().map_or_else(whole, |(_, value)| value)]
    }

    /// A single property is a token, for which every Git server takes any user name.
    fn user(&self) -> Option<(&'static str, &'static str)> {
        (self.field().is_some_and(|(field, _)| field == "password")).then_some(("username", "git"))
    }
}

/// The label by which Argo CD finds the Secret.
const LABEL: (&str, &str) = ("argocd.argoproj.io/secret-type", "repository");

fn external_secret(
    lowering: &Lowering<'_>,
    namespace: &str,
    secret: &str,
    private: &Private<'_>,
    text: &[(&str, &str)],
) -> Vec<Lowered> {
    let store = &lowering.target.store;
    let data: Map =
        text.iter().copied().chain(private.user()).map(|(key, value)| (Arc::from(key), Value::from(value))).collect();
    let (key, item, property) = match private.field() {
        Some((field, SecretValue::Item { item, property })) => (Value::from(field), item, property.unwrap_or_default()),
        _ => (Value::Null, private.item.to_string(), String::new()),
    };
    let inputs = [
        ("api", external_secrets_api(lowering).into()),
        ("name", secret.into()),
        ("namespace", namespace.into()),
        ("how", HOW.into()),
        ("refresh", store.refresh.as_str().into()),
        ("store", store_reference(&store.name, store.namespaced)),
        ("labels", object([(LABEL.0, Value::from(LABEL.1))])),
        ("data", Value::Map(data)),
        ("key", key),
        ("item", item.into()),
        ("property", property.into()),
    ];
    lowering.make("repository", inputs, private.span)
}

/// Asks people for the Secret.
fn keep(secrets: &mut Secrets, namespace: &str, secret: &str, private: &Private<'_>, text: &[(&str, &str)]) {
    let known = text.iter().copied().chain(private.user()).map(|(key, text)| (key.to_string(), text.to_string()));
    let asked = private.usual().into_iter().map(|key| (key.to_string(), format!("<{key}>")));
    let kept = secrets.kept(namespace, secret);
    kept.keys.extend(known.chain(asked).collect::<IndexMap<_, _>>());
    kept.kind = "Opaque".into();
    kept.labels.insert(LABEL.0.into(), LABEL.1.into());
    kept.readers.insert(UNIT.into());
    kept.hint = Some(HOW.into());
}

/// Says what people must make where Argo CD runs.
fn by_hand(namespace: &str, secret: &str, private: &Private<'_>, text: &[(&str, &str)]) -> String {
    let known = text.iter().copied().chain(private.user()).map(|(key, value)| format!("`{key}` (`{value}`)"));
    let asked = private.usual().into_iter().map(|key| format!("`{key}`"));
    format!(
        "Argo CD runs on another cluster: create Secret `{namespace}/{secret}` there, with the label `{}: {}` and the \
        keys {}.",
        LABEL.0,
        LABEL.1,
        known.chain(asked).collect::<Vec<_>>().join(", ")
    )
}
