//! `[images]`: registries rewritten, images pinned, a pull secret for pods.
//!
//! Objects of ours are walked as they are. In charts, the values that name images are set; which those are, the embedded
//! facts say (`chart::images`). What a chart writes into its templates by itself is not seen here.

use indexmap::IndexMap;

use super::values::split_path;
use crate::chart::{self, Known};
use crate::lower::secrets::Secrets;
use crate::lower::{Added, ComponentManifests, Lowering};
use crate::manifest::images;
use crate::manifest::object::Object;
use crate::manifest::value::Value;
use crate::manifest::value::object;
use crate::parse::text::{split_image, whole_image};
use crate::resolve::credentials::SecretValue;
use crate::resolve::scope::{Filled, Piece};
use crate::resolve::{Instance, Platform, Target};

/// Name of the unit that makes the pull secret in every namespace.
pub const UNIT: &str = crate::resolve::reserved::PULL_SECRETS;

/// Name of the pull secret, when it comes from the store.
const PULL: &str = "image-pull";

/// Kinds whose members called `image` are text for somebody else.
const NO_PODS: &[&str] = &["ConfigMap", "Secret", "ExternalSecret", "CustomResourceDefinition"];

/// What `[images]` says, ready to be applied.
pub struct Images<'a> {
    /// From → to, the longest first.
    rewrite: Vec<(String, &'a str)>,
    /// Whole name → tag or tag@digest.
    pins: Vec<(String, &'a str)>,
    pull: Option<&'a str>,
}

impl<'a> Images<'a> {
    /// Reads the settings of a target; `None` when there are none.
    pub fn of(target: &'a Target) -> Option<Self> {
        let images = &target.settings.images;
        if !images.places.any() {
            return None;
        }
        let rules = images.rewrite.iter();
        let mut rewrite: Vec<(String, &str)> =
            rules.map(|(from, to)| (from.trim_end_matches('/').to_string(), to.as_str())).collect();
        rewrite.sort_by_key(|(from, _)| std::cmp::Reverse(from.len()));
        let pins = images.pins.iter().map(|(name, tag)| (whole_image(name), tag.as_str())).collect();
        let pull = images.pull_secret.as_deref().map(|text| if is_item(text) { PULL } else { text });
        Some(Self { rewrite, pins, pull })
    }

    /// Returns the new whole name of an image, when a rule fits.
    fn renamed(&self, name: &str) -> Option<String> {
        let whole = whole_image(name);
        let rest = |from: &str| whole.strip_prefix(from).filter(|rest| rest.is_empty() || rest.starts_with('/'));
        let (rest, to) = self.rewrite.iter().find_map(|(from, to)| Some((rest(from)?, to)))?;
        Some(format!("{}{rest}", to.trim_end_matches('/')))
    }

    fn pin(&self, name: &str) -> Option<&'a str> {
        let whole = whole_image(name);
        self.pins.iter().find(|(pinned, _)| *pinned == whole).map(|(_, tag)| *tag)
    }

    /// Returns an image as it is pulled here, when that differs.
    pub fn image(&self, image: &str) -> Option<String> {
        let name = split_image(image).repository;
        let rest = &image[name.len()..];
        let pin = self.pin(name).map(|tag| format!(":{tag}"));
        let renamed = self.renamed(name);
        if pin.is_none() && renamed.is_none() {
            return None;
        }
        Some(format!("{}{}", renamed.as_deref().unwrap_or(name), pin.as_deref().unwrap_or(rest)))
    }

    /// Applies the settings to an object of ours.
    pub fn object(&self, object: &mut Object) {
        if NO_PODS.contains(&object.kind()) {
            return;
        }
        let mut changed = object.value().clone();
        self.walk(&mut changed, "");
        if let (Some(pull), "postgresql.cnpg.io", "Cluster") = (self.pull, object.group(), object.kind())
            && changed.at(&["spec", "imagePullSecrets"]).is_none()
        {
            changed.set(&["spec", "imagePullSecrets"], named(pull));
        }
        if changed != *object.value() {
            *object.value_mut() = changed;
        }
    }

    /// `above` is the key that the value stands under.
    fn walk(&self, value: &mut Value, above: &str) {
        match value {
            Value::Map(map) => {
                for (key, inner) in map.iter_mut() {
                    match inner {
                        // What else is called so and is one word need not be an image.
                        Value::Str(text)
                            if images::is_field(key)
                                && (text.contains(['/', ':'])
                                    || above.to_ascii_lowercase().ends_with("containers")) =>
                        {
                            if let Some(image) = self.image(text) {
                                *inner = Value::from(image);
                            }
                        }
                        _ => self.walk(inner, key),
                    }
                }
                let Some(pull) = self.pull.filter(|_| !map.contains_key("imagePullSecrets")) else { return };
                if map.get("containers").is_some_and(|c| c.as_list().is_some()) {
                    map.insert("imagePullSecrets".into(), named(pull));
                } else if map.contains_key("mainApplicationFile") {
                    // A SparkApplication takes bare names (sparkoperator.k8s.io v1beta2).
                    map.insert("imagePullSecrets".into(), Value::from(vec![pull]));
                }
            }
            Value::List(list) => list.iter_mut().for_each(|item| self.walk(item, above)),
            _ => {}
        }
    }

    /// Sets the values of a chart that name images.
    pub fn values(&self, instance: &Instance, values: &mut Value) {
        let Some(facts) = instance.chart.as_ref().and_then(|c| chart::facts(&c.name)) else { return };
        for image in chart::images(facts.release.component) {
            let keys = split_path(image.path);
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            self.value(facts, image, &keys, values);
        }
        let Some(pull) = self.pull else { return };
        for path in [&["imagePullSecrets"][..], &["global", "imagePullSecrets"], &["image", "pullSecrets"]] {
            if facts.knows(path) == Known::Yes && values.at(path).is_none_or(Value::is_empty) {
                values.set(path, named(pull));
                return;
            }
        }
    }

    fn value(&self, facts: &chart::ChartFacts, image: &chart::ChartImage, path: &[&str], values: &mut Value) {
        let below = |key: &'static str| -> Vec<&str> { path.iter().copied().chain([key]).collect() };
        let text = |values: &Value, path: &[&str], default: &str| {
            values.at(path).and_then(Value::as_str).unwrap_or(default).to_string()
        };
        match image.form {
            "registry" => {
                let now = text(values, path, image.registry);
                if let Some((_, to)) = self.rewrite.iter().find(|(from, _)| *from == now) {
                    values.set(path, Value::from(*to));
                }
            }
            "name" => {
                let now = text(values, path, image.repository);
                if let Some(new) = self.renamed(&now) {
                    values.set(path, Value::from(new));
                }
            }
            "text" => {
                if let Some(new) = values.at(path).and_then(Value::as_str).and_then(|now| self.image(now)) {
                    values.set(path, Value::from(new));
                }
            }
            form => {
                let key = if form == "image" { "image" } else { "repository" };
                let repository = text(values, &below(key), image.repository);
                let registry = text(values, &below("registry"), image.registry);
                let full = if registry.is_empty() { repository } else { format!("{registry}/{repository}") };
                if let Some(new) = self.renamed(&full) {
                    match (form, new.split_once('/')) {
                        ("registry+repository", Some((registry, repository))) => {
                            values.set(&below("registry"), Value::from(registry));
                            values.set(&below("repository"), Value::from(repository));
                        }
                        // A repository, where the chart takes one, stands for registry and image together.
                        ("image", _) if facts.knows(&below("repository")) != Known::No => {
                            values.set(&below("repository"), Value::from(new));
                        }
                        _ => values.set(&below(key), Value::from(new)),
                    }
                }
                if let Some(pin) = self.pin(&full) {
                    match pin.split_once('@') {
                        Some((tag, digest)) if facts.knows(&below("digest")) == Known::Yes => {
                            values.set(&below("tag"), Value::from(tag));
                            values.set(&below("digest"), Value::from(digest));
                        }
                        _ => values.set(&below("tag"), Value::from(pin)),
                    }
                }
            }
        }
    }
}

/// Returns the platform as it would be without the rewrite rules and pins of `[images]`; nothing when it has none.
pub fn without_rules(platform: &Platform) -> Option<Platform> {
    let has = |target: &Target| {
        let images = &target.settings.images;
        !images.rewrite.is_empty() || !images.pins.is_empty()
    };
    platform.targets.iter().any(has).then(|| {
        let mut plain = platform.clone();
        for target in &mut plain.targets {
            let images = &mut std::sync::Arc::make_mut(&mut target.settings).images;
            images.rewrite.clear();
            images.pins.clear();
        }
        plain
    })
}

/// Says whether `pull_secret` is an item of the store rather than a Secret that is there.
fn is_item(text: &str) -> bool {
    text.contains(['/', '#'])
}

fn named(secret: &str) -> Value {
    Value::List(vec![object([("name", Value::from(secret))])])
}

/// Makes the pull secret in every namespace of the target, when it comes from the store.
pub fn pull_secrets(lowering: &Lowering<'_>, secrets: &mut Secrets) -> Added {
    let Some(text) = &lowering.target.settings.images.pull_secret else { return Added::default() };
    let (item, property) = text.split_once('#').unwrap_or((text, ".dockerconfigjson"));
    let mut unit = ComponentManifests::default();
    let namespaces: std::collections::BTreeSet<&str> =
        lowering.target.instances.values().map(|i| i.namespace.as_str()).collect();
    if !is_item(text) {
        let all = crate::diag::quoted_list(namespaces.iter().copied(), "and");
        let step = format!("Create Secret `{text}` (type `kubernetes.io/dockerconfigjson`) in every namespace: {all}.");
        return Added { steps: vec![("images".into(), step)], ..Added::default() };
    }
    for namespace in namespaces {
        let value = SecretValue::Item { item: item.into(), property: Some(property.into()) };
        let filled = Filled(vec![Piece::Secret { value, filters: vec![] }]);
        let entries = IndexMap::from([(".dockerconfigjson".to_string(), filled)]);
        let kind = "kubernetes.io/dockerconfigjson";
        secrets.own(lowering, UNIT, namespace, PULL.into(), entries, kind, text.at, &mut unit);
    }
    Added::unit(UNIT, unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_completed_renamed_and_pinned() {
        let images = Images {
            rewrite: vec![
                ("docker.io/library".into(), "mirror.example.com/official"),
                ("docker.io".into(), "mirror.example.com/hub/"),
            ],
            pins: vec![(whole_image("trinodb/trino"), "481@sha256:ab")],
            pull: None,
        };
        assert_eq!(images.image("postgres:18").as_deref(), Some("mirror.example.com/official/postgres:18"));
        assert_eq!(
            images.image("trinodb/trino:480").as_deref(),
            Some("mirror.example.com/hub/trinodb/trino:481@sha256:ab")
        );
        assert_eq!(images.image("quay.io/a/b:1"), None);
        assert_eq!(
            images.image("trinodb/trino@sha256:cd").as_deref(),
            Some("mirror.example.com/hub/trinodb/trino:481@sha256:ab")
        );
        assert_eq!(images.image("localhost:5000/a/b"), None);
        assert_eq!(images.image("a/b@sha256:cd").as_deref(), Some("mirror.example.com/hub/a/b@sha256:cd"));
    }
}
