//! How credentials travel: one source, and an ExternalSecret wherever a Secret is wanted.
//!
//! Known fields are written as text, secret ones as placeholders that External Secrets fills in the cluster; no value ever
//! passes through here. A Secret that another namespace made is read through a ClusterSecretStore of that namespace, which
//! may read exactly the named Secrets and may be used by exactly their consumers.
//!
//! Facts: external-secrets.io v2.9 (API reference of v1; guides/templating; provider/kubernetes).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use indexmap::IndexMap;

use super::kept::Kept;
use super::templates::object;
use super::{Lowering, Needed, TargetManifests, Unit, copies, generated, kept_files, made, stores};
use crate::catalog::component::text_map;
use crate::catalog::{SecretDef, Stage};
use crate::diag::{Diagnostic, Span, quoted_list};
use crate::manifest::value::{Map, Value};
use crate::parse::node::Lookup;
use crate::parse::{INVALID_VALUE, Node, Table, string};
use crate::resolve::credentials::{SecretValue, item as convention};
use crate::resolve::hosts::frame_of;
use crate::resolve::scope::{Filled, Late, Piece, plain};
use crate::resolve::{Binding, Instance, Origin, SlotBinding};

/// The Secrets of one component, and what refers to them.
#[derive(Clone, Debug, Default)]
pub struct Own {
    /// Key of the definition → name of the Secret.
    pub names: IndexMap<String, String>,
    /// Key of the definition → wanted key → key in the Secret.
    keys: IndexMap<String, IndexMap<String, String>>,
    /// Secrets of the definition that are not made here.
    absent: Vec<String>,
    env: Vec<Value>,
    pod_env: BTreeMap<String, Vec<Value>>,
    pub volumes: Vec<Value>,
    pub mounts: Vec<Value>,
    /// API groups that the templates asked for.
    pub asked: Arc<Mutex<BTreeSet<String>>>,
}

impl Own {
    /// Returns `secrets` as templates see it.
    pub fn context(&self) -> Value {
        let mut map = Map::default();
        for (key, name) in &self.names {
            let keys = self
                .keys
                .get(key)
                .into_iter()
                .flatten()
                .map(|(wanted, actual)| (Arc::from(wanted.as_str()), Value::from(actual.as_str())))
                .collect();
            map.insert(key.as_str().into(), object([("name", Value::from(name.as_str())), ("keys", Value::Map(keys))]));
        }
        for key in &self.absent {
            map.insert(key.as_str().into(), Value::Null);
        }
        Value::Map(map)
    }

    /// Returns the environment of one kind of pod.
    pub fn env(&self, pod: &str) -> Vec<Value> {
        self.env.iter().chain(self.pod_env.get(pod).into_iter().flatten()).cloned().collect()
    }
}

/// What all components of a target need together.
#[derive(Debug, Default)]
pub struct Secrets {
    needed: BTreeMap<String, Needed>,
    kept: BTreeMap<(String, String), Kept>,
    /// Source namespace → (Secrets read, namespaces that read them).
    copies: BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)>,
    /// Secrets that reflector copies: (namespace, name) → namespaces that read them.
    reflected: BTreeMap<(String, String), BTreeSet<String>>,
    /// Item → properties that the cluster makes and pushes.
    pushed: BTreeMap<String, BTreeSet<String>>,
    /// Namespaces that read the platform's store.
    readers: BTreeSet<String>,
    found: Vec<Diagnostic>,
}

/// A Secret on its way: wanted keys with what they hold.
struct Wanted<'a> {
    name: String,
    namespace: &'a str,
    entries: IndexMap<String, Filled>,
    labels: IndexMap<String, String>,
    kind: String,
    precious: bool,
    hint: Option<String>,
    stage: Stage,
    reader: &'a str,
    span: Span,
}

/// Returns the name of the ClusterSecretStore that reads Secrets of a namespace.
pub fn copy_store(namespace: &str) -> String {
    format!("secrets-of-{namespace}")
}

impl Lowering<'_> {
    /// Returns the scope of late references for an instance of any lifetime.
    pub fn late_of<'b>(&'b self, instance: &'b Instance) -> Late<'b> {
        Late::new(&self.platform.targets, self.index, Some(instance), self.known)
    }
}

impl Secrets {
    /// Makes the Secrets of a component: those it wants, and those of the claims on it.
    pub fn of(
        &mut self,
        lowering: &Lowering<'_>,
        instance: &Instance,
        unit: &mut Unit,
        found: &mut Vec<Diagnostic>,
    ) -> Own {
        let mut own = Own::default();
        let given = instance.table.table("secrets");
        for (key, def) in &instance.definition.secrets {
            let table = given.and_then(|t| t.table(key));
            self.defined(lowering, instance, key, def, table, unit, &mut own, found);
        }
        for (key, entry) in
            given.into_iter().flatten().filter(|(key, _)| !instance.definition.secrets.contains_key(&***key))
        {
            let Some(table) = entry.node.as_table() else { continue };
            let def = user_secret(table, entry.key);
            self.defined(lowering, instance, key, &def, Some(table), unit, &mut own, found);
        }
        self.environment(lowering, instance, unit, &mut own, found);
        self.mounted(lowering, instance, unit, &mut own, found);
        self.provided(lowering, instance, unit);
        own
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "one secret needs its definition, what the user says and where it goes"
    )]
    fn defined(
        &mut self,
        lowering: &Lowering<'_>,
        instance: &Instance,
        key: &str,
        def: &SecretDef,
        given: Option<&Table>,
        unit: &mut Unit,
        own: &mut Own,
        found: &mut Vec<Diagnostic>,
    ) {
        let given_keys = given.and_then(|t| t.table("keys")).map(|keys| text_map(Some(keys)));
        let replaced = given_keys.is_some();
        let keys = given_keys.unwrap_or_else(|| def.keys.clone());
        let idle = !replaced && by_identity(instance, &keys);
        if idle || !def.when.as_deref().is_none_or(|when| holds(lowering, instance, when)) {
            own.absent.push(key.into());
            return;
        }
        let frame = frame_of(lowering.target);
        let item = match given.and_then(|t| t.text("item")) {
            Some(item) => item.to_string(),
            None => convention(&frame, &lowering.target.store, &instance.name, key, lowering.known.sources, found),
        };
        if !def.generate.is_empty() && !def.precious && generated::is_on(lowering) {
            self.push(lowering, instance, &item, &def.generate, unit);
        }
        let at = given.and_then(|t| t.values().next()).map_or(def.span, |e| e.key);
        let late = Late { item: Some(&item), ..lowering.late_of(instance) };
        let entries = match def.each.as_deref() {
            Some(each) => each_entries(lowering, instance, each, &keys, &late),
            None => keys.iter().map(|(k, text)| (k.clone(), late.fill(text, at, found))).collect(),
        };
        if entries.is_empty() {
            own.absent.push(key.into());
            return;
        }
        let name = given.and_then(|t| t.text("name")).or(def.name.as_deref()).map_or_else(
            || format!("{}-{key}", instance.name),
            |text| late.fill(text, at, found).plain().unwrap_or_default(),
        );
        if def.any_keys
            && let Some((namespace, name, keys)) = source_secret(&entries)
            && namespace == instance.namespace
        {
            own.names.insert(key.into(), name);
            own.keys.insert(key.into(), keys);
            return;
        }
        if copies::by_reflector(lowering)
            && let Some((namespace, secret, keys)) = source_secret(&entries)
            && namespace != instance.namespace
            && (def.any_keys || (secret == name && keys.iter().all(|(wanted, key)| wanted == key)))
        {
            self.reflected.entry((namespace, secret.clone())).or_default().insert(instance.namespace.clone());
            own.names.insert(key.into(), secret);
            own.keys.insert(key.into(), keys);
            return;
        }
        own.keys.insert(key.into(), entries.keys().map(|k| (k.clone(), k.clone())).collect());
        own.names.insert(key.into(), name.clone());
        let labels = def
            .labels
            .iter()
            .map(|(k, text)| (k.clone(), late.fill(text, at, found).plain().unwrap_or_default()))
            .collect();
        let wanted = Wanted {
            name,
            namespace: &instance.namespace,
            entries,
            labels,
            kind: def.kind.clone().unwrap_or_else(|| "Opaque".into()),
            precious: def.precious,
            hint: def.hint.clone(),
            stage: def.stage,
            reader: &instance.name,
            span: instance.span,
        };
        self.make(lowering, wanted, unit);
    }

    /// Turns `env` into entries of pods; what is secret goes through a Secret of its own.
    fn environment(
        &mut self,
        lowering: &Lowering<'_>,
        instance: &Instance,
        unit: &mut Unit,
        own: &mut Own,
        found: &mut Vec<Diagnostic>,
    ) {
        let name = format!("{}-env", instance.name);
        let names = own.names.clone();
        let late = Late { secrets: Some(&names), ..lowering.late_of(instance) };
        let mut entries = IndexMap::new();
        let mut read = |table: Option<&Table>, prefix: &str, found: &mut Vec<Diagnostic>| -> Vec<Value> {
            table
                .into_iter()
                .flatten()
                .map(|(variable, entry)| {
                    let filled = match entry.node.as_str() {
                        Some(text) => late.fill(text, entry.node.span, found),
                        None => Filled(vec![Piece::Text(plain(&entry.node.to_value()))]),
                    };
                    if let Some(text) = filled.plain() {
                        object([("name", Value::Str(variable.clone())), ("value", Value::from(text))])
                    } else {
                        let key = format!("{prefix}{variable}");
                        entries.insert(key.clone(), filled);
                        let reference = object([("name", Value::from(name.as_str())), ("key", Value::from(key))]);
                        object([
                            ("name", Value::Str(variable.clone())),
                            ("valueFrom", object([("secretKeyRef", reference)])),
                        ])
                    }
                })
                .collect()
        };
        own.env = read(instance.table.table("env"), "", found);
        for (pod, entry) in instance.table.table("pods").into_iter().flatten() {
            let table = entry.node.as_table().and_then(|t| t.table("env"));
            own.pod_env.insert(pod.to_string(), read(table, &format!("{pod}."), found));
        }
        self.extra(lowering, instance, name, entries, unit);
    }

    /// Turns `files` into mounted ConfigMap or Secret keys.
    fn mounted(
        &mut self,
        lowering: &Lowering<'_>,
        instance: &Instance,
        unit: &mut Unit,
        own: &mut Own,
        found: &mut Vec<Diagnostic>,
    ) {
        let Some(files) = instance.table.table("files") else { return };
        let names = own.names.clone();
        let late = Late { secrets: Some(&names), ..lowering.late_of(instance) };
        let name = format!("{}-files", instance.name);
        let mut texts = Map::default();
        let mut secret = IndexMap::new();
        let mut used = BTreeSet::new();
        for (path, entry) in files {
            let base = path.rsplit('/').next().unwrap_or(path);
            let key = if used.insert(base.to_string()) { base.to_string() } else { string::slug(path) };
            let filled = late.fill(entry.node.as_str().unwrap_or_default(), entry.node.span, found);
            let volume = if let Some(text) = filled.plain() {
                texts.insert(key.as_str().into(), Value::from(text));
                "lakegen-files"
            } else {
                secret.insert(key.clone(), filled);
                "lakegen-secret-files"
            };
            own.mounts.push(object([
                ("name", Value::from(volume)),
                ("mountPath", Value::Str(path.clone())),
                ("subPath", Value::from(key)),
                ("readOnly", Value::Bool(true)),
            ]));
        }
        if !texts.is_empty() {
            own.volumes.push(object([
                ("name", Value::from("lakegen-files")),
                ("configMap", object([("name", Value::from(name.as_str()))])),
            ]));
            let map = made("v1", "ConfigMap", &instance.namespace, &name, [("data", Value::Map(texts))], instance.span);
            unit.stages.entry(Stage::Prepare).or_default().push(map);
        }
        if !secret.is_empty() {
            own.volumes.push(object([
                ("name", Value::from("lakegen-secret-files")),
                ("secret", object([("secretName", Value::from(name.as_str()))])),
            ]));
        }
        self.extra(lowering, instance, name, secret, unit);
    }

    fn extra(
        &mut self,
        lowering: &Lowering<'_>,
        instance: &Instance,
        name: String,
        entries: IndexMap<String, Filled>,
        unit: &mut Unit,
    ) {
        if entries.is_empty() {
            return;
        }
        let wanted = Wanted {
            name,
            namespace: &instance.namespace,
            entries,
            labels: IndexMap::new(),
            kind: "Opaque".into(),
            precious: false,
            hint: None,
            stage: Stage::Prepare,
            reader: &instance.name,
            span: instance.span,
        };
        self.make(lowering, wanted, unit);
    }

    /// Makes the Secrets that hold the credentials of claims on this component.
    fn provided(&mut self, lowering: &Lowering<'_>, instance: &Instance, unit: &mut Unit) {
        let claims = lowering.target.claims.get(&instance.name).into_iter().flat_map(|c| c.values()).flatten();
        let mut done = BTreeSet::new();
        for credential in claims.filter_map(|c| c.credential.as_ref()).filter(|c| c.at_provider) {
            if !done.insert(credential.secret.clone()) {
                continue;
            }
            match credential.origin {
                Origin::Store => {
                    let fields = credential.keys.iter().filter_map(|(field, key)| {
                        Some((
                            key.clone(),
                            Filled(vec![Piece::Secret { value: credential.field(field)?, filters: vec![] }]),
                        ))
                    });
                    let text = credential
                        .text
                        .iter()
                        .map(|(key, text)| (key.clone(), Filled(vec![Piece::Text(text.clone())])));
                    let wanted = Wanted {
                        name: credential.secret.clone(),
                        namespace: &credential.namespace,
                        entries: text.chain(fields).collect(),
                        labels: credential.labels.clone(),
                        kind: credential.kind.clone(),
                        precious: false,
                        hint: None,
                        stage: Stage::Prepare,
                        reader: &instance.name,
                        span: instance.span,
                    };
                    self.make(lowering, wanted, unit);
                    if generated::is_on(lowering) {
                        let (item, properties) = match credential.item.split_once('#') {
                            Some((item, property)) => (item, vec![property.to_string()]),
                            None => (credential.item.as_str(), credential.keys.values().cloned().collect()),
                        };
                        self.push(lowering, instance, item, &properties, unit);
                    }
                }
                Origin::Generate => generated::credential(lowering, instance, credential, unit),
                Origin::File => {
                    let place = (credential.namespace.clone(), credential.secret.clone());
                    self.kept.entry(place).or_default().add_credential(credential, &instance.name);
                }
                Origin::Made | Origin::Identity => {}
            }
        }
    }

    /// Makes an item's passwords in the cluster, once per item.
    fn push(
        &mut self,
        lowering: &Lowering<'_>,
        instance: &Instance,
        item: &str,
        properties: &[String],
        unit: &mut Unit,
    ) {
        if !self.pushed.contains_key(item) {
            self.pushed.insert(item.into(), properties.iter().cloned().collect());
            self.readers.insert(instance.namespace.clone());
            generated::pushed(lowering, instance, item, properties, unit);
        }
    }

    /// Makes a Secret that is no component's.
    #[allow(clippy::too_many_arguments, reason = "all that a Secret is made of")]
    pub fn own(
        &mut self,
        lowering: &Lowering<'_>,
        reader: &str,
        namespace: &str,
        name: String,
        entries: IndexMap<String, Filled>,
        kind: &str,
        span: Span,
        unit: &mut Unit,
    ) {
        let wanted = Wanted {
            name,
            namespace,
            entries,
            labels: IndexMap::new(),
            kind: kind.into(),
            precious: false,
            hint: None,
            stage: Stage::Release,
            reader,
            span,
        };
        self.make(lowering, wanted, unit);
    }

    /// Makes the ExternalSecret of a wanted Secret, or notes what people must keep.
    fn make(&mut self, lowering: &Lowering<'_>, wanted: Wanted<'_>, unit: &mut Unit) {
        let target = lowering.target;
        let items = wanted
            .entries
            .values()
            .flat_map(|f| &f.0)
            .any(|p| matches!(p, Piece::Secret { value: SecretValue::Item { .. }, .. }));
        // Without External Secrets nobody can bring a Secret of another namespace here either.
        let copied = lowering.apis.contains_key("external-secrets.io");
        if target.store.kept_by_people() && (items || !copied) {
            let kept = self.kept.entry((wanted.namespace.into(), wanted.name)).or_default();
            kept.add(&wanted.entries, &wanted.kind, wanted.labels, wanted.reader);
            kept.precious |= wanted.precious;
            kept.hint = kept.hint.take().or(wanted.hint);
            return;
        }
        if copies::by_reflector(lowering) && self.cannot_reshape(lowering, &wanted) {
            return;
        }
        let mut made_from = Sources::default();
        let templates: Vec<(String, String)> =
            wanted.entries.iter().map(|(key, filled)| (key.clone(), made_from.text(key, filled))).collect();
        for (value, _) in &made_from.values {
            self.note(value, &wanted);
        }
        let direct = wanted.kind == "Opaque"
            && wanted.labels.is_empty()
            && wanted.entries.values().all(|f| f.only_secret().is_some());
        let store = made_from.common_store(target);
        let mut template = Map::default();
        if !direct {
            template.insert("engineVersion".into(), Value::from("v2"));
            if wanted.kind != "Opaque" {
                template.insert("type".into(), Value::from(wanted.kind.as_str()));
            }
            if !wanted.labels.is_empty() {
                let labels =
                    wanted.labels.iter().map(|(k, v)| (Arc::from(k.as_str()), Value::from(v.as_str()))).collect();
                template.insert("metadata".into(), object([("labels", Value::Map(labels))]));
            }
            let data = templates.iter().map(|(k, v)| (Arc::from(k.as_str()), Value::from(v.as_str()))).collect();
            template.insert("data".into(), Value::Map(data));
        }
        let data: Vec<Value> = if direct {
            wanted
                .entries
                .iter()
                .filter_map(|(key, f)| Some(data_entry(key, f.only_secret()?, &store, target)))
                .collect()
        } else {
            made_from.values.iter().map(|(value, variable)| data_entry(variable, value, &store, target)).collect()
        };
        let mut to = Map::from_iter([
            (Arc::from("name"), Value::from(wanted.name.as_str())),
            (Arc::from("creationPolicy"), Value::from("Owner")),
            (Arc::from("deletionPolicy"), Value::from("Retain")),
        ]);
        if !template.is_empty() {
            to.insert("template".into(), Value::Map(template));
        }
        let mut spec = Map::from_iter([
            (
                Arc::from("refreshInterval"),
                Value::from(if target.store.refresh.is_empty() { "1h" } else { &target.store.refresh }),
            ),
            (Arc::from("secretStoreRef"), store_of_name(&store, target)),
            (Arc::from("target"), Value::Map(to)),
        ]);
        if !data.is_empty() {
            spec.insert("data".into(), Value::List(data));
        }
        let api = external_secrets_api(lowering);
        unit.stages.entry(wanted.stage).or_default().push(made(
            &api,
            "ExternalSecret",
            wanted.namespace,
            &wanted.name,
            [("spec", Value::Map(spec))],
            wanted.span,
        ));
    }

    /// Remembers that a value must be there.
    fn note(&mut self, value: &SecretValue, wanted: &Wanted<'_>) {
        match value {
            SecretValue::Item { item, property } => {
                self.readers.insert(wanted.namespace.into());
                let needed = self.needed.entry(item.clone()).or_insert_with(|| Needed {
                    generated: BTreeSet::new(),
                    item: item.clone(),
                    properties: BTreeMap::new(),
                    precious: false,
                    hint: None,
                });
                needed.precious |= wanted.precious;
                if needed.hint.is_none() {
                    needed.hint.clone_from(&wanted.hint);
                }
                let readers = needed.properties.entry(property.clone().unwrap_or_default()).or_default();
                if !readers.iter().any(|r| r == wanted.reader) {
                    readers.push(wanted.reader.into());
                }
            }
            SecretValue::Object { namespace, secret, .. } => {
                let (secrets, readers) = self.copies.entry(namespace.clone()).or_default();
                secrets.insert(secret.clone());
                readers.insert(wanted.namespace.into());
            }
        }
    }

    /// Adds the stores through which Secrets of one namespace reach others.
    pub fn finish(
        mut self,
        lowering: &Lowering<'_>,
        before: &[TargetManifests],
        out: &mut TargetManifests,
        found: &mut Vec<Diagnostic>,
    ) {
        found.append(&mut self.found);
        self.templated(lowering, out);
        for (item, properties) in &self.pushed {
            if let Some(needed) = self.needed.get_mut(item) {
                needed.generated.clone_from(properties);
            }
        }
        for (namespace, (secrets, readers)) in &self.copies {
            let mut near = lowering.target.instances.values().filter(|i| i.namespace == *namespace);
            let provider = near.clone().find(|i| lowering.target.claims.contains_key(&i.name));
            let owner = provider.or_else(|| near.next());
            let Some(unit) = owner.and_then(|i| out.units.get_mut(&i.name)) else { continue };
            let span = owner.map_or(Span::default(), |i| i.span);
            unit.stages
                .entry(Stage::Prepare)
                .or_default()
                .extend(copies::copies(lowering, namespace, secrets, readers, span));
        }
        out.needed = self.needed;
        out.kept = self.kept;
        copies::reflect(lowering, &self.reflected, out, found);
        if lowering.target.store.namespaced {
            stores::take_model(lowering, out);
            stores::add(lowering, &self.readers, before, out);
        }
        kept_files::add(lowering, out, found);
    }

    /// Remembers what ExternalSecrets of templates read from the platform's store; the annotation `lakegen.dev/how` says how
    /// a good value is made.
    fn templated(&mut self, lowering: &Lowering<'_>, out: &TargetManifests) {
        let store = lowering.target.store.name.as_str();
        for (name, unit) in &out.units {
            for lowered in unit.stages.values().flatten().filter(|l| l.object.kind() == "ExternalSecret") {
                let value = lowered.object.value();
                let text = |path: &[&str]| value.at(path).and_then(Value::as_str);
                let list = |key: &str| value.at(&["spec", key]).and_then(Value::as_list).unwrap_or(&[]);
                if lowered.origin.file.is_empty() || text(&["spec", "secretStoreRef", "name"]) != Some(store) {
                    continue;
                }
                let namespace = match lowered.object.namespace() {
                    "" => lowering.target.instances.get(name).map_or("", |i| i.namespace.as_str()),
                    namespace => namespace,
                };
                let wanted = Wanted {
                    name: lowered.object.name().into(),
                    namespace,
                    entries: IndexMap::new(),
                    labels: IndexMap::new(),
                    kind: "Opaque".into(),
                    precious: false,
                    hint: text(&["metadata", "annotations", "lakegen.dev/how"]).map(String::from),
                    stage: Stage::Prepare,
                    reader: name,
                    span: lowered.origin.span,
                };
                let one = |remote: Option<&Value>| {
                    let key = |key: &str| remote?.get(key)?.as_str().map(String::from);
                    Some(SecretValue::Item { item: key("key")?, property: key("property") })
                };
                let data = list("data").iter().map(|entry| one(entry.get("remoteRef")));
                let whole = list("dataFrom").iter().map(|entry| one(entry.get("extract")));
                for value in data.chain(whole).flatten() {
                    self.note(&value, &wanted);
                }
            }
        }
    }

    /// Reports a Secret of another namespace that reflector would have to give another name or other keys.
    fn cannot_reshape(&mut self, lowering: &Lowering<'_>, wanted: &Wanted<'_>) -> bool {
        let pieces = wanted.entries.values().flat_map(|f| &f.0);
        let other = pieces.filter_map(|piece| match piece {
            Piece::Secret { value: SecretValue::Object { namespace, secret, .. }, .. } => Some((namespace, secret)),
            _ => None,
        });
        let Some((namespace, secret)) = other.into_iter().find(|(namespace, _)| *namespace != wanted.namespace) else {
            return false;
        };
        let keys = quoted_list(wanted.entries.keys().map(String::as_str), "and");
        let message = format!(
            "reflector copies Secret `{namespace}/{secret}` as it is, and `{}` wants `{}` with {keys}",
            wanted.reader, wanted.name
        );
        self.found.push(
            Diagnostic::error(&INVALID_VALUE, message)
                .at(wanted.span, "wanted here")
                .at(copies::span(lowering), "copied by reflector")
                .help("let External Secrets copy: `copy = \"external-secrets\"`"),
        );
        true
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
    fn common_store(&self, target: &crate::resolve::Target) -> String {
        let first = self.values.first().map(|(value, _)| store_of(value, target));
        let platform = target.store.name.clone();
        if self.values.iter().any(|(value, _)| store_of(value, target) == platform) {
            platform
        } else {
            first.unwrap_or(platform)
        }
    }
}

fn store_of(value: &SecretValue, target: &crate::resolve::Target) -> String {
    match value {
        SecretValue::Item { .. } => target.store.name.clone(),
        SecretValue::Object { namespace, .. } => copy_store(namespace),
    }
}

/// Returns a reference to a store.
pub fn store_reference(name: &str, namespaced: bool) -> Value {
    let kind = if namespaced { "SecretStore" } else { "ClusterSecretStore" };
    object([("kind", Value::from(kind)), ("name", Value::from(name))])
}

/// Returns a reference to the platform's store, or to one that copies.
fn store_of_name(name: &str, target: &crate::resolve::Target) -> Value {
    store_reference(name, target.store.namespaced && name == target.store.name)
}

fn data_entry(key: &str, value: &SecretValue, common: &str, target: &crate::resolve::Target) -> Value {
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

/// Returns namespace, name and keys of the one Secret that already holds everything wanted.
fn source_secret(entries: &IndexMap<String, Filled>) -> Option<(String, String, IndexMap<String, String>)> {
    let mut source: Option<(&str, &str)> = None;
    let mut keys = IndexMap::new();
    for (wanted, filled) in entries {
        let SecretValue::Object { namespace, secret, key } = filled.only_secret()? else { return None };
        if source.is_some_and(|s| s != (namespace.as_str(), secret.as_str())) {
            return None;
        }
        source = Some((namespace, secret));
        keys.insert(wanted.clone(), key.clone());
    }
    let (namespace, name) = source?;
    Some((namespace.to_string(), name.to_string(), keys))
}

/// Says whether a `when` holds: a bound slot, an option that is set, a table of the platform that is not empty.
fn holds(lowering: &Lowering<'_>, instance: &Instance, when: &str) -> bool {
    match when.split_once('.') {
        Some(("requires", slot)) => instance.bindings.get(slot).is_some_and(|b| !b.all().is_empty()),
        Some(("options", path)) => {
            let mut keys = path.split('.');
            let first = keys.next().unwrap_or("");
            let def = instance.definition.options.get(first);
            let node = instance.table.node(first).or_else(|| def.and_then(|d| d.default.as_ref()));
            let node = keys.fold(node, |node, key| node.and_then(Node::as_table).and_then(|t| t.node(key)));
            node.is_some_and(|n| n.as_bool() != Some(false) && !n.to_value().is_empty() && n.as_str() != Some(""))
        }
        _ => lowering.target.table.table(when).is_some_and(|t| !t.is_empty()),
    }
}

/// Fills in the keys once per entry of a slot, of an option that is a map, or of `[notify]`; entries without the field are
/// passed over.
fn each_entries(
    lowering: &Lowering<'_>,
    instance: &Instance,
    each: &str,
    keys: &IndexMap<String, String>,
    late: &Late<'_>,
) -> IndexMap<String, Filled> {
    let mut entries = IndexMap::new();
    let slot = each.strip_prefix("requires.").unwrap_or(each);
    if let Some(SlotBinding::Map(map)) = instance.bindings.get(slot) {
        for (name, binding) in map {
            let scope = Late { each: Some((name, binding)), ..*late };
            fill_each(&scope, keys, &mut entries);
        }
        return entries;
    }
    // An entry of an option that names no item has a property of its own name in this secret's item.
    let (table, common) = match each.strip_prefix("options.") {
        Some(option) => (instance.table.table(option), late.item),
        None => (lowering.target.table.table(each), None),
    };
    if let Some(table) = table {
        let nothing = Binding::bare("", "");
        for (name, entry) in table {
            let own = entry.node.as_table().and_then(|t| t.text("secret")).map(String::from);
            let Some(item) = own.or_else(|| common.map(|item| format!("{item}#{name}"))) else { continue };
            let scope = Late { each: Some((name, &nothing)), item: Some(&item), ..*late };
            let keys =
                keys.iter().map(|(key, text)| (key.clone(), text.replace("${each.secret}", "${item}"))).collect();
            fill_each(&scope, &keys, &mut entries);
        }
    }
    entries
}

/// Says whether a Secret would only hold what a cloud identity stands for.
fn by_identity(instance: &Instance, keys: &IndexMap<String, String>) -> bool {
    instance.bindings.iter().any(|(slot, bound)| {
        let identity = |b: &&Binding| b.credential.as_ref().is_some_and(|c| c.origin == Origin::Identity);
        let prefix = format!("requires.{slot}.");
        bound.all().iter().any(identity) && keys.values().any(|text| text.contains(&prefix))
    })
}

fn fill_each(scope: &Late<'_>, keys: &IndexMap<String, String>, entries: &mut IndexMap<String, Filled>) {
    for (key, text) in keys {
        let mut missing = Vec::new();
        let name = scope.fill(key, Span::default(), &mut missing).plain().unwrap_or_default();
        let filled = scope.fill(text, Span::default(), &mut missing);
        if missing.is_empty() {
            entries.insert(name, filled);
        }
    }
}

fn user_secret(table: &Table, span: Span) -> SecretDef {
    SecretDef {
        name: None,
        any_keys: false,
        keys: IndexMap::new(),
        labels: text_map(table.table("labels")),
        when: None,
        each: None,
        precious: false,
        generate: vec![],
        hint: None,
        kind: table.text("type").map(String::from),
        stage: Stage::Prepare,
        span,
    }
}
