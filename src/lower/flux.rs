//! What Flux needs of the secret store, and what it replaces in the cluster: a unit of its own, and `$` protected.
//!
//! Facts: Flux 2.9 (fluxcd.io/flux/components: source, kustomize "Post build variable substitution", notification;
//! fluxcd/pkg envsubst/parse: every `$$` becomes `$`, and only `${` begins a variable).

use indexmap::IndexMap;

use super::secrets::Secrets;
use super::{Lowering, TargetManifests, Unit};
use crate::catalog::Stage;
use crate::diag::Diagnostic;
use crate::manifest::value::{Map, Value};
use crate::parse::INVALID_VALUE;
use crate::resolve::credentials::SecretValue;
use crate::resolve::scope::{Filled, Piece};
use crate::resolve::{Engine, NO_SECRET_STORE, Target};
use crate::settings::engines::{Notify, NotifyKind};

/// Name of the unit with the Secrets that Flux itself reads.
pub const UNIT: &str = crate::resolve::reserved::FLUX_SECRETS;

/// Namespace of Flux's controllers and of all their objects.
pub const NAMESPACE: &str = "flux-system";

/// Returns the name of one of Flux's objects: it says the target where several share a cluster, and is no longer than a
/// label's value may be, because Flux writes it into labels.
pub fn name(target: &Target, base: &str) -> String {
    let full = if target.shared.is_some() { format!("{}-{base}", target.name) } else { base.to_string() };
    shortened(full)
}

/// Returns the name of a target's root: its Kustomization and the source of the platform's repository.
pub fn root(target: &Target) -> String {
    shortened(format!("{}-{}", target.ground().name, target.name))
}

/// Most characters of a label's value (kubernetes.io/docs/concepts/overview/working-with-objects/labels).
const LONGEST: usize = 63;

fn shortened(name: String) -> String {
    if name.len() <= LONGEST {
        return name;
    }
    let digest = crate::parse::string::digest(name.as_bytes());
    let cut: String = name.chars().take(LONGEST - 9).collect();
    format!("{}-{}", cut.trim_end_matches('-'), &digest[..8])
}

/// Secrets that Flux reads, by what they are for.
pub mod secret {
    use super::{Target, name, root};

    /// Credentials of the platform's own repository.
    pub fn git(target: &Target) -> String {
        format!("{}-git", root(target))
    }

    /// Credentials of an entry of `[repositories]`.
    pub fn repository(target: &Target, entry: &str) -> String {
        name(target, &format!("repository-{entry}"))
    }

    /// Address or token of an entry of `[notify]`.
    pub fn notify(target: &Target, entry: &str) -> String {
        name(target, &format!("notify-{entry}"))
    }

    /// Token of the webhook.
    pub fn webhook(target: &Target) -> String {
        name(target, "webhook-token")
    }

    /// Values that are replaced in the cluster.
    pub fn substitutes(target: &Target) -> String {
        name(target, "substitutes")
    }
}

/// Says whether an address is one of SSH, as in `ssh://git@host/x` or `git@host:x`.
pub fn is_ssh(url: &str) -> bool {
    url.starts_with("ssh://") || !url.contains("://")
}

/// Adds the unit with Flux's own Secrets.
pub fn secrets(lowering: &Lowering<'_>, secrets: &mut Secrets, out: &mut TargetManifests, found: &mut Vec<Diagnostic>) {
    if lowering.platform.engine != Engine::Flux {
        return;
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
            let message = format!("`{variable}` is not a name that Flux replaces: letters, digits and `_`");
            found.push(Diagnostic::error(&INVALID_VALUE, message).at(item.key, ""));
        }
    }
    if !entries.is_empty() {
        let at = settings.flux.places.key_of("substitute");
        wanted.push((secret::substitutes(target), entries, "Opaque", at));
    }
    by_hand(target, out);
    let Some((_, _, _, first)) = wanted.first() else { return };
    if target.store.provider.is_empty() {
        found.push(
            Diagnostic::error(&NO_SECRET_STORE, "Flux reads this from a secret store, and there is none")
                .at(*first, "")
                .help("add `[secrets]` with `provider = \"vault\"` and `at = \"https://vault.example.com\"`"),
        );
        return;
    }
    let mut unit = Unit::default();
    for (name, entries, kind, span) in wanted {
        secrets.own(lowering, UNIT, NAMESPACE, name, entries, kind, span, &mut unit);
    }
    if !unit.stages.is_empty() {
        out.units.insert(UNIT.into(), unit);
    }
}

/// Says which Secrets people make for Flux.
fn by_hand(target: &Target, out: &mut TargetManifests) {
    let settings = &target.settings.flux;
    let mut step = |secret: &str, what: &str| {
        let step = format!("Secret `{NAMESPACE}/{secret}` with {what} must be there: nothing here makes it.");
        out.steps.push(("flux".into(), step));
    };
    if let Some(secret) = settings.decrypt.as_ref().and_then(|decrypt| decrypt.secret.as_ref()) {
        step(secret, "the keys that decrypt what SOPS encrypted (`*.agekey`, `*.asc` or `sops.*`)");
    }
    if let Some(secret) = settings.webhook.as_ref().and_then(|webhook| webhook.existing.as_ref()) {
        step(secret, "the key `token`, which the sender of push events signs with,");
    }
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

/// Protects every `$` that Flux must leave alone, where it replaces anything at all, and notes where that is.
pub fn protect(lowering: &Lowering<'_>, out: &mut TargetManifests) {
    if lowering.platform.engine != Engine::Flux {
        return;
    }
    let names: Vec<&str> = lowering.target.settings.flux.substitute.keys().map(String::as_str).collect();
    if names.is_empty() {
        return;
    }
    for (component, unit) in &mut out.units {
        for stage in Stage::ALL {
            let objects = unit.stages.get(&stage).map(Vec::as_slice).unwrap_or_default();
            let patches = unit.patches.get(&stage).map(Vec::as_slice).unwrap_or_default();
            let values = unit.values.as_ref().filter(|_| stage == Stage::Release);
            let named = objects.iter().any(|l| mentions(l.object.value(), &names))
                || patches.iter().any(|p| mentions(p, &names))
                || values.is_some_and(|v| mentions(v, &names));
            if !named {
                continue;
            }
            out.substituted.insert((component.clone(), stage));
            for lowered in unit.stages.get_mut(&stage).into_iter().flatten() {
                if has_dollar(lowered.object.value()) {
                    let value = protected(lowered.object.value(), &names);
                    *lowered.object.value_mut() = value;
                }
            }
            for patch in unit.patches.get_mut(&stage).into_iter().flatten() {
                *patch = protected(patch, &names);
            }
            if let Some(values) = unit.values.as_mut().filter(|_| stage == Stage::Release) {
                *values = protected(values, &names).into();
            }
        }
    }
}

fn any_text(value: &Value, test: &dyn Fn(&str) -> bool) -> bool {
    match value {
        Value::Str(text) => test(text),
        Value::List(list) => list.iter().any(|v| any_text(v, test)),
        Value::Map(map) => map.iter().any(|(key, v)| test(key) || any_text(v, test)),
        _ => false,
    }
}

fn has_dollar(value: &Value) -> bool {
    any_text(value, &|text| text.contains('$'))
}

fn mentions(value: &Value, names: &[&str]) -> bool {
    any_text(value, &|text| text.match_indices("${").any(|(at, _)| meant(&text[at..], names).is_some()))
}

/// Returns the length of the variable that a text begins with: `${NAME}` or `${NAME:=default}`.
fn meant(text: &str, names: &[&str]) -> Option<usize> {
    let rest = text.strip_prefix("${")?;
    let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_'))?;
    let closed = rest[end..].find('}')?;
    (names.contains(&&rest[..end]) && rest[end..].starts_with(['}', ':', '=', ',', '^', '/', '#', '%']))
        .then_some(2 + end + closed + 1)
}

fn protected(value: &Value, names: &[&str]) -> Value {
    match value {
        Value::Str(text) => Value::from(escaped(text, names)),
        Value::List(list) => Value::List(list.iter().map(|v| protected(v, names)).collect()),
        Value::Map(map) => {
            Value::Map(map.iter().map(|(key, v)| (escaped(key, names).into(), protected(v, names))).collect::<Map>())
        }
        other => other.clone(),
    }
}

/// Doubles every `$` but those of the variables that are meant.
fn escaped(text: &str, names: &[&str]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(length) = meant(rest, names) {
            out.push_str(&rest[..length]);
            rest = &rest[length..];
        } else {
            out.push_str("$$");
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_meant_stays() {
        let names = ["IP"];
        for (from, to) in [
            ("a ${IP} b", "a ${IP} b"),
            ("${IP:=1.2.3.4}", "${IP:=1.2.3.4}"),
            ("${IPS} $IP $$ ${x}", "$${IPS} $$IP $$$$ $${x}"),
            ("$${IP}", "$$${IP}"),
            ("${IP", "$${IP"),
            ("ends with $", "ends with $$"),
        ] {
            assert_eq!(escaped(from, &names), to, "{from}");
        }
    }

    #[test]
    fn long_names_stay_apart() {
        let (a, b) = (shortened("a".repeat(70) + "x"), shortened("a".repeat(70) + "y"));
        assert!(a != b && a.len() <= LONGEST && crate::parse::text::name(&a), "{a}");
        assert_eq!(shortened("trino".into()), "trino");
    }
}
