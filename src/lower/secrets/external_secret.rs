//! How a Secret is asked of External Secrets: one ExternalSecret, a plain mapping where that suffices, a template where text
//! and secrets mix.
//!
//! Facts: external-secrets.io v2.9 (API reference of v1; guides/templating).

use std::sync::Arc;

use indexmap::IndexMap;

use crate::catalog::Stage;
use crate::diag::Span;
use crate::lower::{Lowered, Lowering};
use crate::manifest::value::object;
use crate::manifest::value::{Map, Value};
use crate::resolve::Target;
use crate::resolve::credentials::SecretValue;
use crate::resolve::scope::{Filled, Piece};

/// A Secret on its way: wanted keys with what they hold.
pub struct Wanted<'a> {
    pub name: String,
    pub namespace: &'a str,
    pub entries: IndexMap<String, Filled>,
    pub labels: IndexMap<String, String>,
    pub kind: String,
    /// The only item that `precious` and `hint` are about, when it reads others too.
    pub item: Option<String>,
    pub precious: bool,
    pub hint: Option<String>,
    /// Properties of its own item for which any long random text will do.
    pub generate: Vec<String>,
    pub stage: Stage,
    pub reader: &'a str,
    pub span: Span,
}

impl<'a> Wanted<'a> {
    /// Returns a Secret of the usual type, as yet without content.
    pub fn of(name: String, namespace: &'a str, reader: &'a str, span: Span) -> Self {
        Self {
            name,
            namespace,
            entries: IndexMap::new(),
            labels: IndexMap::new(),
            kind: "Opaque".into(),
            precious: false,
            hint: None,
            generate: vec![],
            item: None,
            stage: Stage::Prepare,
            reader,
            span,
        }
    }
}

/// Returns the name of the ClusterSecretStore that reads Secrets of a namespace; environments that share a cluster have one
/// each, because each has readers of its own.
pub fn copy_store(target: &Target, namespace: &str) -> String {
    let of = format!("secrets-of-{namespace}");
    if target.shared.is_some() { format!("{}-{of}", target.name) } else { of }
}

impl Wanted<'_> {
    /// Says whether what is said of the Secret holds for an item that it reads.
    pub fn is_own(&self, item: &str) -> bool {
        self.item.as_deref().is_none_or(|own| own.split('#').next() == Some(item))
    }

    /// Returns its ExternalSecret, one object, and the values that it reads.
    pub fn external_secret(&self, lowering: &Lowering<'_>) -> (Vec<Lowered>, Vec<SecretValue>) {
        let target = lowering.target;
        let mut made_from = Sources::default();
        let templates: Vec<(String, String)> =
            self.entries.iter().map(|(key, filled)| (key.clone(), made_from.text(key, filled))).collect();
        let direct =
            self.kind == "Opaque" && self.labels.is_empty() && self.entries.values().all(|f| f.only_secret().is_some());
        let store = made_from.common_store(target);
        let template = if direct { Map::default() } else { self.template(&templates) };
        let data: Vec<Value> = if direct {
            self.entries.iter().filter_map(|(key, f)| Some(data_entry(key, f.only_secret()?, &store, target))).collect()
        } else {
            made_from.values.iter().map(|(value, variable)| data_entry(variable, value, &store, target)).collect()
        };
        let refresh = if target.store.refresh.is_empty() { "1h" } else { &target.store.refresh };
        let inputs = [
            ("api", external_secrets_api(lowering).into()),
            ("name", self.name.as_str().into()),
            ("namespace", self.namespace.into()),
            ("refresh", refresh.into()),
            ("store", store_of_name(&store, target)),
            ("template", Value::Map(template)),
            ("data", Value::List(data)),
        ];
        let made = lowering.make("external-secret", inputs, self.span);
        (made, made_from.values.into_iter().map(|(value, _)| value).collect())
    }

    /// Returns the template that gives the Secret its type, labels and texts.
    fn template(&self, templates: &[(String, String)]) -> Map {
        let mut template = Map::default();
        template.insert("engineVersion".into(), Value::from("v2"));
        if self.kind != "Opaque" {
            template.insert("type".into(), Value::from(self.kind.as_str()));
        }
        if !self.labels.is_empty() {
            let labels = self.labels.iter().map(|(k, v)| (Arc::from(k.as_str()), Value::from(v.as_str()))).collect();
            template.insert("metadata".into(), object([("labels", Value::Map(labels))]));
        }
        let data = templates.iter().map(|(k, v)| (Arc::from(k.as_str()), Value::from(v.as_str()))).collect();
        template.insert("data".into(), Value::Map(data));
        template
    }
}

/// Returns the API version of External Secrets that is served here.
pub fn external_secrets_api(lowering: &Lowering<'_>) -> String {
    lowering.apis.get("external-secrets.io").cloned().unwrap_or_else(|| "external-secrets.io/v1".into())
}

/// The values of one Secret, each with the variable that templates know it by.
#[derive(Default)]
struct Sources {
    values: Vec<(SecretValue, String)>,
}

impl Sources {
    fn variable(&mut self, value: &SecretValue, key: &str) -> String {
        if let Some((_, variable)) = self.values.iter().find(|(known, _)| known == value) {
            return variable.clone();
        }
        let base = match value {
            SecretValue::Item { property: Some(property), .. } => property,
            SecretValue::Object { key, .. } => key,
            SecretValue::Item { .. } => key,
        };
        let base: String = base.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        let base = if base.starts_with(|c: char| c.is_ascii_digit()) { format!("_{base}") } else { base };
        let taken = |name: &String| self.values.iter().any(|(_, v)| v == name);
        let variable = std::iter::once(base.clone())
            .chain((2..).map(|n| format!("{base}_{n}")))
            .find(|name| !taken(name))
            .unwrap_or(base);
        self.values.push((value.clone(), variable.clone()));
        variable
    }

    /// Writes a filled string as a template of External Secrets.
    fn text(&mut self, key: &str, filled: &Filled) -> String {
        let mut out = String::new();
        for piece in &filled.0 {
            match piece {
                // A literal `{{` would be read as the start of an action.
                Piece::Text(text) => out.push_str(&text.replace("{{", "{{ \"{{\" }}")),
                Piece::Secret { value, filters } => {
                    let mut action = format!(".{}", self.variable(value, key));
                    for filter in filters {
                        action.push_str(match filter.as_str() {
                            "urlquery" => " | urlquery",
                            "json" => " | toJson",
                            "upper" => " | upper",
                            _ => "",
                        });
                    }
                    out.push_str(&format!("{{{{ {action} }}}}"));
                }
            }
        }
        out
    }

    /// Returns the store that most of the values come from.
    fn common_store(&self, target: &Target) -> String {
        let first = self.values.first().map(|(value, _)| store_of(value, target));
        let platform = target.store.name.clone();
        if self.values.iter().any(|(value, _)| store_of(value, target) == platform) {
            platform
        } else {
            first.unwrap_or(platform)
        }
    }
}

fn store_of(value: &SecretValue, target: &Target) -> String {
    match value {
        SecretValue::Item { .. } => target.store.name.clone(),
        SecretValue::Object { namespace, .. } => copy_store(target, namespace),
    }
}

/// Returns a reference to a store.
pub fn store_reference(name: &str, namespaced: bool) -> Value {
    let kind = if namespaced { "SecretStore" } else { "ClusterSecretStore" };
    object([("kind", Value::from(kind)), ("name", Value::from(name))])
}

/// Returns a reference to the platform's store, or to one that copies.
fn store_of_name(name: &str, target: &Target) -> Value {
    store_reference(name, target.store.namespaced && name == target.store.name)
}

fn data_entry(key: &str, value: &SecretValue, common: &str, target: &Target) -> Value {
    let mut remote = Map::default();
    match value {
        SecretValue::Item { item, property } => {
            remote.insert("key".into(), Value::from(item.as_str()));
            if let Some(property) = property {
                remote.insert("property".into(), Value::from(property.as_str()));
            }
        }
        SecretValue::Object { secret, key, .. } => {
            remote.insert("key".into(), Value::from(secret.as_str()));
            remote.insert("property".into(), Value::from(key.as_str()));
        }
    }
    let mut entry =
        Map::from_iter([(Arc::from("secretKey"), Value::from(key)), (Arc::from("remoteRef"), Value::Map(remote))]);
    let store = store_of(value, target);
    if store != common {
        entry.insert("sourceRef".into(), object([("storeRef", store_of_name(&store, target))]));
    }
    Value::Map(entry)
}
