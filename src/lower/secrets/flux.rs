//! Secrets that Flux itself reads, from the secret store: a unit of their own.
//!
//! Facts: Flux 2.9 (fluxcd.io/flux/components: source, notification).

use indexmap::IndexMap;

use super::Secrets;
use crate::diag::Diagnostic;
use crate::lower::{Added, ComponentManifests, Lowering};
use crate::parse::INVALID_VALUE;
use crate::resolve::credentials::SecretValue;
use crate::resolve::flux::{NAMESPACE, is_ssh, secret};
use crate::resolve::reserved::FLUX_SECRETS;
use crate::resolve::scope::{Filled, Piece};
use crate::resolve::{Engine, NO_SECRET_STORE, Target};
use crate::settings::engines::{Notify, NotifyKind};

/// Adds the unit with Flux's own Secrets.
pub fn secrets(lowering: &Lowering<'_>, secrets: &mut Secrets, found: &mut Vec<Diagnostic>) -> Added {
    if lowering.platform.engine != Engine::Flux {
        return Added::default();
    }
    let mut wanted = Vec::new();
    let target = lowering.target;
    let settings = &target.settings;
    if let Some(item) = &settings.git.secret {
        let name = secret::git(target);
        wanted.push((name, repository(&settings.git.url, item), "Opaque", item.at));
    }
    for (entry, of) in &settings.repositories {
        if let Some(item) = of.secret.as_ref().filter(|_| !of.url.is_empty()) {
            let kind = if of.url.starts_with("oci://") { "kubernetes.io/dockerconfigjson" } else { "Opaque" };
            wanted.push((secret::repository(target, entry), repository(&of.url, item), kind, item.at));
        }
    }
    for (entry, of) in &settings.notify {
        if let Some(item) = &of.secret {
            wanted.push((secret::notify(target, entry), notification(of, item), "Opaque", item.at));
        }
    }
    if let Some(item) = settings.flux.webhook.as_ref().and_then(|webhook| webhook.secret.as_ref()) {
        let entries = IndexMap::from([("token".to_string(), one(item, None))]);
        wanted.push((secret::webhook(target), entries, "Opaque", item.at));
    }
    let mut entries = IndexMap::new();
    for (variable, item) in &settings.flux.substitute {
        if is_variable(variable) {
            entries.insert(variable.clone(), one(item, Some(variable)));
        } else {
            let message = format!("`{variable}` is not a valid variable for Flux: use letters, digits and `_`");
            found.push(Diagnostic::error(&INVALID_VALUE, message).at(item.key, ""));
        }
    }
    if !entries.is_empty() {
        let at = settings.flux.places.key_of("substitute");
        wanted.push((secret::substitutes(target), entries, "Opaque", at));
    }
    let steps = by_hand(target);
    let Some((_, _, _, first)) = wanted.first() else { return Added { steps, ..Added::default() } };
    if target.store.provider.is_empty() {
        found.push(
            Diagnostic::error(&NO_SECRET_STORE, "Flux reads this from a secret store, but none is configured")
                .at(*first, "")
                .help("add `[secrets]` with `provider = \"vault\"` and `at = \"https://vault.example.com\"`"),
        );
        return Added { steps, ..Added::default() };
    }
    let mut unit = ComponentManifests::default();
    for (name, entries, kind, span) in wanted {
        secrets.own(lowering, FLUX_SECRETS, NAMESPACE, name, entries, kind, span, &mut unit);
    }
    Added { steps, ..Added::unit(FLUX_SECRETS, unit) }
}

/// Says which Secrets people make for Flux.
fn by_hand(target: &Target) -> Vec<(String, String)> {
    let settings = &target.settings.flux;
    let mut steps = Vec::new();
    let mut step = |secret: &str, what: &str| {
        let step = format!("Create Secret `{NAMESPACE}/{secret}` with {what}.");
        steps.push(("flux".to_string(), step));
    };
    if let Some(secret) = settings.decrypt.as_ref().and_then(|decrypt| decrypt.secret.as_ref()) {
        step(secret, "the keys that decrypt the SOPS files (`*.agekey`, `*.asc` or `sops.*`)");
    }
    if let Some(secret) = settings.webhook.as_ref().and_then(|webhook| webhook.existing.as_ref()) {
        step(secret, "the key `token`, with which the sender signs push events");
    }
    steps
}

/// Returns a property of an item: the one that the user names, else the one that is usual.
fn value(item: &str, usual: Option<&str>) -> SecretValue {
    let (item, named) = match item.split_once('#') {
        Some((item, property)) => (item, Some(property)),
        None => (item, None),
    };
    SecretValue::Item { item: item.into(), property: named.or(usual).map(String::from) }
}

fn secret_piece(value: SecretValue, filters: &[&str]) -> Piece {
    Piece::Secret { value, filters: filters.iter().map(|f| (*f).to_string()).collect() }
}

fn one(item: &str, usual: Option<&str>) -> Filled {
    Filled(vec![secret_piece(value(item, usual), &[])])
}

/// Returns the keys that a source's Secret has (fluxcd.io/flux/components/source/gitrepositories, helmrepositories and
/// ocirepositories, Secret reference). The item has the properties that it has for Argo CD too.
fn repository(url: &str, item: &str) -> IndexMap<String, Filled> {
    let whole = item.split('#').next().unwrap_or(item);
    let field = |key: &str| one(whole, Some(key));
    let text = |text: &str| Piece::Text(text.to_string());
    if let Some(rest) = url.strip_prefix("oci://") {
        let host = rest.split('/').next().unwrap_or(rest);
        let json = Filled(vec![
            text(&format!("{{\"auths\":{{\"{host}\":{{\"username\":")),
            secret_piece(value(whole, Some("username")), &["json"]),
            text(",\"password\":"),
            secret_piece(value(item, Some("password")), &["json"]),
            text("}}}"),
        ]);
        return IndexMap::from([(".dockerconfigjson".to_string(), json)]);
    }
    if is_ssh(url) {
        let key = one(item, Some("sshPrivateKey"));
        return IndexMap::from([("identity".to_string(), key), ("known_hosts".to_string(), field("known_hosts"))]);
    }
    // A single property is a token, for which every Git server takes any user name.
    let user = if item.contains('#') { Filled(vec![text("git")]) } else { field("username") };
    IndexMap::from([("username".to_string(), user), ("password".to_string(), one(item, Some("password")))])
}

/// Returns the keys that a Provider's Secret has (fluxcd.io/flux/components/notification/providers).
fn notification(of: &Notify, item: &str) -> IndexMap<String, Filled> {
    let bare = one(item, None);
    let (key, filled) = match (of.kind, &of.url) {
        (NotifyKind::Slack | NotifyKind::Github, _) => ("token", bare),
        (NotifyKind::Webhook, Some(_)) => {
            let mut pieces = vec![Piece::Text("Authorization: Bearer ".into())];
            pieces.extend(bare.0);
            ("headers", Filled(pieces))
        }
        _ => ("address", bare),
    };
    IndexMap::from([(key.to_string(), filled)])
}

fn is_variable(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !name.starts_with(|c: char| c.is_ascii_digit())
}
