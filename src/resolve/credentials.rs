//! Where each claim's credential comes from, and where its fields are found.
//!
//! One claim has one credential with one source. The user overrides the provider, the provider the platform.

use std::sync::Arc;

use indexmap::IndexMap;

use super::early::EarlyName;
use super::instances::{Context, Instance};
use super::providers::Named;
use super::scope::Late;
use super::{NO_SECRET_STORE, Target};
use crate::catalog::component::CredentialDef;
use crate::catalog::{Capability, Slot};
use crate::diag::{Diagnostic, Sources, Span, quoted_list};
use crate::parse::INVALID_VALUE;
use crate::settings::Text;
use crate::settings::secrets::CredentialTable;

pub use crate::settings::secrets::CredentialSource as Origin;

/// A credential and its places.
#[derive(Clone, Debug, PartialEq)]
pub struct Credential {
    pub origin: Origin,
    /// Namespace of the provider, where `secret` lies.
    pub namespace: String,
    pub secret: String,
    /// Capability field → key in the Secret and property of the item.
    pub keys: IndexMap<String, String>,
    /// Further keys of the provider's Secret, with known text.
    pub text: IndexMap<String, String>,
    pub labels: IndexMap<String, String>,
    pub kind: String,
    /// Item of the store (origin `Store`).
    pub item: String,
    /// Whether the user named the item.
    pub item_by_user: bool,
    /// Cloud role (origin `Identity`).
    pub role: String,
    /// Whether the provider's own unit must hold the Secret.
    pub at_provider: bool,
    /// Whether people must make the Secret, because nothing of the platform does.
    pub by_people: bool,
    /// Where the consumer says `credentials.<slot>`, when it does and that can mean anything.
    pub said: Span,
}

/// Where a secret value is found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SecretValue {
    /// A property of an item of the platform's store.
    Item { item: String, property: Option<String> },
    /// A key of a Secret in the cluster.
    Object { namespace: String, secret: String, key: String },
}

impl Credential {
    /// Returns where a field of the capability is found, when the credential holds it.
    pub fn field(&self, field: &str) -> Option<SecretValue> {
        let key = self.keys.get(field)?;
        match self.origin {
            Origin::Store => {
                let (item, property) = match self.item.split_once('#') {
                    Some((item, fixed)) => (item.to_string(), fixed.to_string()),
                    None => (self.item.clone(), key.clone()),
                };
                Some(SecretValue::Item { item, property: Some(property) })
            }
            Origin::Identity => None,
            _ => Some(SecretValue::Object {
                namespace: self.namespace.clone(),
                secret: self.secret.clone(),
                key: key.clone(),
            }),
        }
    }
}

/// The two sides of a claim whose credential is looked for.
pub struct Sides<'a> {
    pub target: &'a Target,
    pub consumer: &'a Instance,
    pub slot: &'a Slot,
    pub slot_name: &'a str,
    pub provider: &'a Named<'a>,
    pub capability: &'a Capability,
    pub claim: &'a IndexMap<String, String>,
    /// Whether the user named the claim (`postgres/warehouse`): then its item is named after the provider.
    pub named: bool,
    /// Name of the entry, in a slot that is a map: each has a credential of its own.
    pub entry: Option<&'a str>,
    pub at: Span,
}

/// Decides the credential of a claim; `None` when the capability has no secret fields.
pub fn decide(sides: &Sides<'_>, context: &Context<'_>, found: &mut Vec<Diagnostic>) -> Option<Arc<Credential>> {
    let absent = |name: &String| sides.claim.get(name).is_some_and(|value| value == "true");
    let fields = sides.capability.fields.iter().filter(|(_, f)| f.secret && !f.unless.as_ref().is_some_and(absent));
    let secret_fields: Vec<&String> = fields.map(|(name, _)| name).collect();
    if secret_fields.is_empty() {
        return None;
    }
    let own = sides.consumer.said.credentials.get(sides.slot_name);
    let external = sides.provider.external().and_then(|external| external.words.credentials.as_ref());
    let def = sides.provider.offer(&sides.capability.name).and_then(|o| o.credential.as_ref());
    // An item is nothing where people keep the Secrets themselves.
    let nothing = |table: &CredentialTable| sides.target.store.kept_by_people() && table.secret.is_none();
    let heard = own.map(|given| &given.0).filter(|table| table.item.is_none() || !nothing(table));
    let key = heard.map_or_else(Span::default, |table| table.places.key);
    let said = own.or(external).map(|given| given.0.clone());
    let at = said.as_ref().map_or(sides.at, |table| table.places.at);
    let given = said.unwrap_or_default();
    let origin = match given.source.or(def.map(|d| d.source)).unwrap_or_default() {
        Origin::Store if sides.target.store.kept_by_people() => Origin::File,
        source => source,
    };
    if origin == Origin::Generate && def.is_none() {
        let message = format!("nothing can generate a password for `{}`", sides.provider.name);
        let help = "set `source = \"store\"`, or `source = \"file\"` with the `secret` that holds the credential";
        found
            .push(Diagnostic::error(&INVALID_VALUE, message).at(at, "`generate` only works for components").help(help));
    }
    if origin == Origin::Identity {
        check_identity(sides, context, at, found);
    }
    if origin == Origin::Store && !sides.target.store.readable() {
        let store = sides.target.store.as_ref();
        if store.provider.is_empty() && sides.target.settings.secrets.places.has("provider") {
            return None; // It is no text, which was said.
        }
        let message = format!(
            "the credential of `{}` for `{}` must come from a secret store, but none is configured",
            sides.consumer.name, sides.provider.name
        );
        found.push(Diagnostic::error(&NO_SECRET_STORE, message).at(sides.at, "needs a credential").help(
            "add `[secrets]` with `provider = \"vault\"` and `at = \"https://vault.example.com\"`, or another provider",
        ));
        return None;
    }
    let mut keys: IndexMap<String, String> = match def {
        Some(def) => def.keys.clone(),
        None => secret_fields.iter().map(|f| ((*f).clone(), (*f).clone())).collect(),
    };
    keys.extend(given.keys.iter().map(|(field, key)| (field.clone(), key.to_string())));
    let text = |text: &Option<Text>| text.as_ref().map(String::from);
    let namespace = text(&given.namespace)
        .unwrap_or_else(|| sides.provider.namespace().unwrap_or(&sides.consumer.namespace).to_string());
    Some(Arc::new(Credential {
        origin,
        namespace,
        secret: text(&given.secret)
            .unwrap_or_else(|| provider_text(sides, def.map(|d| d.secret.as_str()), context, found)),
        text: provider_texts(sides, def.map(|d| &d.text), context, found),
        labels: def.map(|d| d.labels.clone()).unwrap_or_default(),
        kind: def.map_or("Opaque", |d: &CredentialDef| d.kind.as_str()).into(),
        item_by_user: given.item.is_some(),
        item: text(&given.item).unwrap_or_else(|| convention(sides, context.sources, found)),
        role: text(&given.role).unwrap_or_default(),
        said: key,
        at_provider: def.is_some() && sides.provider.external().is_none(),
        by_people: origin == Origin::File || (origin == Origin::Made && def.is_none_or(|d| d.source != Origin::Made)),
        keys,
    }))
}

/// Reports an identity that nobody could use.
fn check_identity(sides: &Sides<'_>, context: &Context<'_>, at: Span, found: &mut Vec<Diagnostic>) {
    let (consumer, provider) = (&sides.consumer.name, sides.provider.name);
    let (message, help) = if !sides.slot.identity {
        let known = sides.consumer.definition.requires.iter().filter(|(_, slot)| slot.identity);
        let slots = quoted_list(known.map(|(name, _)| name.as_str()), "and");
        let help = if slots.is_empty() { String::new() } else { format!("it can for {slots}, but not here: ") };
        (
            format!("`{}` cannot use a cloud identity for `{}`", sides.consumer.definition.name, sides.slot_name),
            format!("{help}remove `source = \"identity\"` to read the credential from the secret store"),
        )
    } else if sides.provider.external().is_none() {
        (
            format!("`{provider}` runs in the cluster and does not accept cloud identities"),
            format!("remove `source = \"identity\"` from `{consumer}`"),
        )
    } else if context.catalogue.identity(&sides.target.ground().cloud).is_none() {
        (
            format!(
                "the credential of `{consumer}` for `{provider}` is a cloud identity, but `platform.cloud` is `{}`, \
                which has no roles for pods",
                sides.target.ground().cloud
            ),
            context.catalogue.name_a_cloud(),
        )
    } else {
        return;
    };
    found.push(Diagnostic::error(&INVALID_VALUE, message).at(at, "").help(help));
}

/// Returns the item of a claim's credential by the platform's convention.
///
/// A claim that the user named belongs to the provider (`postgres/warehouse`); every other one to its consumer,
/// so neither name depends on how many consumers there are.
fn convention(sides: &Sides<'_>, sources: &Sources, found: &mut Vec<Diagnostic>) -> String {
    let role = super::wire::role(sides.claim);
    let (names, secret) = match (sides.named, sides.provider.instance()) {
        (true, Some(provider)) => (provider.early_name(), role),
        (true, None) => {
            // What runs elsewhere lives in the namespace of its Service, or else in none: there its name stands for it.
            let name = sides.provider.name;
            let service = sides.provider.external().and_then(|external| external.words.service.as_deref());
            (EarlyName { name, namespace: service.unwrap_or(name), release: name }, role)
        }
        (false, _) => (sides.consumer.early_name(), sides.slot.credential.as_str()),
    };
    let secret = match sides.entry.filter(|_| !sides.named) {
        Some(entry) => format!("{secret}-{entry}"),
        None => secret.into(),
    };
    item(sides.target, names, &secret, sources, found)
}

/// Returns the item that the convention gives a component's secret.
pub fn item(
    target: &Target,
    component: EarlyName<'_>,
    secret: &str,
    sources: &Sources,
    found: &mut Vec<Diagnostic>,
) -> String {
    let here = [("secret.name", secret)];
    target.early().of(component).with(&here).text(&target.store.key, sources, found)
}

fn provider_text(sides: &Sides<'_>, text: Option<&str>, context: &Context<'_>, found: &mut Vec<Diagnostic>) -> String {
    let Some(text) = text else { return format!("{}-{}", sides.provider.name, sides.slot.credential) };
    let Some(instance) = sides.provider.instance() else { return text.to_string() };
    let targets = std::slice::from_ref(sides.target);
    let late = Late { claim: Some(sides.claim), ..Late::new(targets, 0, Some(instance), context.known()) };
    late.fill(text, instance.definition.span, found).plain().unwrap_or_default()
}

fn provider_texts(
    sides: &Sides<'_>,
    texts: Option<&IndexMap<String, String>>,
    context: &Context<'_>,
    found: &mut Vec<Diagnostic>,
) -> IndexMap<String, String> {
    texts
        .into_iter()
        .flatten()
        .map(|(key, text)| (key.clone(), provider_text(sides, Some(text), context, found)))
        .collect()
}
