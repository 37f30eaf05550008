//! How credentials travel: one source, and an ExternalSecret wherever a Secret is wanted.
//!
//! Known fields are written as text, secret ones as placeholders that External Secrets fills in the cluster; no value ever
//! passes through here. A Secret that another namespace made is read through a ClusterSecretStore of that namespace, which
//! may read exactly the named Secrets and may be used by exactly their consumers.
//!
//! Facts: external-secrets.io v2.9 (API reference of v1; guides/templating; provider/kubernetes).

pub mod copies; //       Secrets of one namespace read from another
pub mod external_secret; // one ExternalSecret
pub mod flux; //         what Flux itself reads
pub mod generated; //    passwords made in the cluster
mod items; //            what lies in which item of the store
pub mod kept; //         Secrets that people keep
pub mod kept_files; //   the same, in files of the repository
mod pod_secrets; //      what is secret in pods' variables and files
pub mod repositories; // credentials of private repositories for Argo CD
pub mod secret_keys; //  what a Secret's keys hold
pub mod stores; // the platform's store, and the same once per namespace
pub mod wired; //        Secrets that raw values must not take away

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use indexmap::IndexMap;

use crate::catalog::{SecretDef, Stage};
use crate::diag::{Diagnostic, Span, quoted_list};
use crate::lower::{ComponentManifests, Lowering, Needed, TargetManifests};
use crate::manifest::value::object;
use crate::manifest::value::{Map, Value};
use crate::parse::INVALID_VALUE;
use crate::resolve::credentials::{SecretValue, item as convention};
use crate::resolve::scope::{Filled, Late, Piece};
use crate::resolve::{Instance, Origin};
use crate::settings::secrets::Secret;
use external_secret::Wanted;
use items::Items;
use kept::Kept;
use secret_keys::{
    by_identity, each_entries, holds, itemless, lacking_keys, own_properties, unheard, unread_item, user_secret,
};

/// The Secrets of one component, and what refers to them.
#[derive(Clone, Debug, Default)]
pub struct Own {
    /// Key of the definition → name of the Secret.
    pub names: IndexMap<String, String>,
    /// Key of the definition → wanted key → key in the Secret.
    keys: IndexMap<String, IndexMap<String, String>>,
    /// Key of the definition → wanted key → what it holds.
    pub(super) held: IndexMap<String, IndexMap<String, Filled>>,
    /// Secrets of the definition that are not made here.
    absent: Vec<String>,
    pub(super) env: Vec<Value>,
    pub(super) pod_env: BTreeMap<String, Vec<Value>>,
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
    /// Secrets that are read as they are: (namespace, name).
    direct: BTreeSet<(String, String)>,
    /// Secrets that reflector copies: (namespace, name) → namespaces that read them.
    reflected: BTreeMap<(String, String), BTreeSet<String>>,
    /// Item → properties that the cluster makes and pushes.
    pushed: BTreeMap<String, BTreeSet<String>>,
    /// Namespaces that read the platform's store.
    readers: BTreeSet<String>,
    items: Items,
    /// Item → who asks for it first.
    asked: BTreeMap<String, Span>,
    found: Vec<Diagnostic>,
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
        unit: &mut ComponentManifests,
        found: &mut Vec<Diagnostic>,
    ) -> Own {
        let mut own = Own::default();
        self.items.claimed(instance);
        let given = &instance.said.secrets;
        for (key, def) in &instance.definition.secrets {
            self.defined(lowering, instance, key, def, given.get(key), unit, &mut own, found);
        }
        for (key, secret) in given.iter().filter(|(key, _)| !instance.definition.secrets.contains_key(*key)) {
            let def = user_secret(secret);
            self.defined(lowering, instance, key, &def, Some(secret), unit, &mut own, found);
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
        given: Option<&Secret>,
        unit: &mut ComponentManifests,
        own: &mut Own,
        found: &mut Vec<Diagnostic>,
    ) {
        let (keys, replaced) = keys_of(instance, key, def, given, found);
        let idle = !replaced && by_identity(instance, &keys);
        if idle || !def.when.as_deref().is_none_or(|when| holds(lowering, instance, when)) {
            found.extend(given.map(|given| unheard(instance, key, given, def.when.as_deref().filter(|_| !idle))));
            own.absent.push(key.into());
            return;
        }
        found.extend(given.and_then(|given| itemless(instance, key, given, &keys)));
        let item = match given.and_then(|secret| secret.item.as_ref()) {
            Some(item) => item.to_string(),
            None => convention(lowering.target, instance.early_name(), key, lowering.known.sources, found),
        };
        if !def.generate.is_empty() && !def.precious && generated::is_on(lowering) {
            let mut by_hand = own_properties(&keys);
            by_hand.retain(|property| !def.generate.contains(property));
            let at = given.map_or(def.span, |given| given.places.key);
            generated::half_made(lowering, &item, &by_hand, &def.generate, at, found);
            self.push(lowering, instance, &item, &def.generate, unit);
        }
        let at = given.map_or(def.span, |secret| secret.places.first());
        let late = Late { item: Some(&item), ..lowering.late_of(instance) };
        let entries = match def.each.as_deref() {
            Some(each) => each_entries(lowering, instance, each, &keys, &late, found),
            None => keys.iter().map(|(k, text)| (k.clone(), late.fill(text, at, found))).collect(),
        };
        if entries.is_empty() {
            found.extend(given.filter(|_| !keys.is_empty()).map(|given| unheard(instance, key, given, None)));
            own.absent.push(key.into());
            return;
        }
        found
            .extend(given.and_then(|given| unread_item(&lowering.target.store, instance, key, given, &keys, &entries)));
        let named = given.and_then(|secret| secret.item.as_ref()).map(|item| item.at);
        match def.each {
            None => self.items.own(instance, key, &item, &keys, named),
            Some(_) => self.items.each(instance, key, &item, &entries, named),
        }
        own.held.insert(key.into(), entries.clone());
        let name = given.and_then(|secret| secret.name.as_deref()).or(def.name.as_deref()).map_or_else(
            || format!("{}-{key}", instance.name),
            |text| late.fill(text, at, found).plain().unwrap_or_default(),
        );
        if let Some((secret, keys)) = self.as_it_is(lowering, instance, def, given, &name, &entries) {
            own.names.insert(key.into(), secret);
            own.keys.insert(key.into(), keys);
            return;
        }
        own.keys.insert(key.into(), entries.keys().map(|k| (k.clone(), k.clone())).collect());
        own.names.insert(key.into(), name.clone());
        let given_labels = given.into_iter().flat_map(|given| &given.labels).map(|(k, text)| (k, text.as_str()));
        let labels = def.labels.iter().map(|(k, text)| (k, text.as_str())).chain(given_labels);
        let labels =
            labels.map(|(k, text)| (k.clone(), late.fill(text, at, found).plain().unwrap_or_default())).collect();
        let kind = given.and_then(|given| given.r#type.as_ref()).map(String::from).or_else(|| def.kind.clone());
        let wanted = Wanted {
            entries,
            labels,
            kind: kind.unwrap_or_else(|| "Opaque".into()),
            precious: def.precious,
            hint: def.hint.clone(),
            generate: def.generate.clone(),
            item: def.each.is_none().then_some(item),
            stage: def.stage,
            ..Wanted::of(name, &instance.namespace, &instance.name, instance.span)
        };
        self.make(lowering, wanted, unit);
    }

    /// Returns the Secret that serves as it is, with its keys by those that are wanted: the provider's own in the same namespace, or
    /// one that reflector copies. The user may want it otherwise.
    fn as_it_is(
        &mut self,
        lowering: &Lowering<'_>,
        instance: &Instance,
        def: &SecretDef,
        given: Option<&Secret>,
        name: &str,
        entries: &IndexMap<String, Filled>,
    ) -> Option<(String, IndexMap<String, String>)> {
        let (namespace, secret, keys) = source_secret(instance, entries)?;
        let otherwise = |given: &Secret| {
            let renamed = given.name.as_deref().is_some_and(|name| name != secret);
            renamed || given.r#type.is_some() || !given.labels.is_empty()
        };
        if given.is_some_and(otherwise) {
            return None;
        }
        if namespace == instance.namespace {
            return def.any_keys.then(|| {
                self.direct.insert((namespace, secret.clone()));
                (secret, keys)
            });
        }
        let fits = def.any_keys || (secret == name && keys.iter().all(|(wanted, key)| wanted == key));
        (fits && copies::by_reflector(lowering)).then(|| {
            self.reflected.entry((namespace, secret.clone())).or_default().insert(instance.namespace.clone());
            (secret, keys)
        })
    }

    /// Makes the Secrets that hold the credentials of claims on this component.
    fn provided(&mut self, lowering: &Lowering<'_>, instance: &Instance, unit: &mut ComponentManifests) {
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
                    let name = credential.secret.clone();
                    let wanted = Wanted {
                        entries: text.chain(fields).collect(),
                        labels: credential.labels.clone(),
                        kind: credential.kind.clone(),
                        ..Wanted::of(name, &credential.namespace, &instance.name, instance.span)
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
                Origin::File | Origin::Made if credential.by_people => {
                    self.kept(&credential.namespace, &credential.secret).add_credential(credential, &instance.name);
                }
                Origin::File | Origin::Made | Origin::Identity => {}
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
        unit: &mut ComponentManifests,
    ) {
        let made = self.pushed.entry(item.into()).or_default();
        let new: Vec<String> = properties.iter().filter(|property| !made.contains(*property)).cloned().collect();
        if new.is_empty() {
            return;
        }
        let name = if made.is_empty() { item.to_string() } else { format!("{item}-{}", new.join("-")) };
        if !made.is_empty() {
            generated::made_twice(lowering, item, &new, instance.span, &mut self.found);
        }
        made.extend(new.iter().cloned());
        self.readers.insert(instance.namespace.clone());
        generated::pushed(lowering, instance, (&name, item), &new, unit);
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
        unit: &mut ComponentManifests,
    ) {
        let wanted =
            Wanted { entries, kind: kind.into(), stage: Stage::Release, ..Wanted::of(name, namespace, reader, span) };
        self.make(lowering, wanted, unit);
    }

    /// Returns a Secret that people are asked for.
    pub fn kept(&mut self, namespace: &str, name: &str) -> &mut Kept {
        self.kept.entry((namespace.into(), name.into())).or_default()
    }

    /// Remembers values of the platform's store that an object other than a wanted Secret reads.
    pub fn read(&mut self, namespace: &str, reader: &str, how: &str, values: &[SecretValue], span: Span) {
        let nameless = Wanted::of(String::new(), namespace, reader, span);
        let wanted = Wanted { hint: Some(how.into()), ..nameless };
        for value in values {
            self.note(value, &wanted);
        }
    }

    /// Makes the ExternalSecret of a wanted Secret, or notes what people must keep.
    pub(super) fn make(&mut self, lowering: &Lowering<'_>, wanted: Wanted<'_>, unit: &mut ComponentManifests) {
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
            let free = |filled: &Filled| match filled.only_secret() {
                Some(SecretValue::Item { property: Some(property), .. }) => wanted.generate.contains(property),
                _ => false,
            };
            kept.free.extend(wanted.entries.iter().filter(|(_, filled)| free(filled)).map(|(key, _)| key.clone()));
            kept.hint = kept.hint.take().or(wanted.hint);
            return;
        }
        if copies::by_reflector(lowering) && self.cannot_reshape(lowering, &wanted) {
            return;
        }
        let (objects, values) = wanted.external_secret(lowering);
        for value in &values {
            self.note(value, &wanted);
        }
        unit.stages.entry(wanted.stage).or_default().extend(objects);
    }

    /// Remembers that a value must be there.
    fn note(&mut self, value: &SecretValue, wanted: &Wanted<'_>) {
        match value {
            SecretValue::Item { item, property } => {
                self.readers.insert(wanted.namespace.into());
                self.asked.entry(item.clone()).or_insert(wanted.span);
                let needed = self.needed.entry(item.clone()).or_insert_with(|| Needed {
                    generated: BTreeSet::new(),
                    item: item.clone(),
                    properties: BTreeMap::new(),
                    precious: false,
                    hint: None,
                });
                // What a Secret says of its own item does not hold for credentials beside it.
                if wanted.is_own(item) {
                    needed.precious |= wanted.precious;
                    needed.hint = needed.hint.take().or_else(|| wanted.hint.clone());
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
        if lowering.target.store.readable() {
            self.items.report(lowering, found);
            self.items.misnamed(lowering, &self.asked, found);
        }
        self.templated(lowering, out);
        for (item, properties) in &self.pushed {
            if let Some(needed) = self.needed.get_mut(item) {
                needed.generated.clone_from(properties);
            }
        }
        self.ask_for_sources(lowering);
        for (namespace, (secrets, readers)) in &self.copies {
            let mut near = lowering.target.instances.values().filter(|i| i.namespace == *namespace);
            let provider = near.clone().find(|i| lowering.target.claims.contains_key(&i.name));
            // Where nobody provides anything, it goes with who reads it first.
            let reader = || lowering.target.instances.values().find(|i| readers.contains(&i.namespace));
            let owner = provider.or_else(reader).or_else(|| near.next());
            let Some(unit) = owner.and_then(|i| out.components.get_mut(&i.name)) else { continue };
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

    /// Asks people for the Secrets of externals that are read: nothing of the platform makes those.
    fn ask_for_sources(&mut self, lowering: &Lowering<'_>) {
        for instance in lowering.target.instances.values() {
            for binding in instance.bindings.values().flat_map(|bound| bound.all()) {
                let Some(credential) = binding.credential.as_ref().filter(|c| c.by_people) else { continue };
                let place = (credential.namespace.clone(), credential.secret.clone());
                let copied = self.copies.get(&place.0).is_some_and(|(secrets, _)| secrets.contains(&place.1));
                let read = copied || self.direct.contains(&place) || self.reflected.contains_key(&place);
                match self.kept.get_mut(&place) {
                    Some(kept) if read => drop(kept.readers.insert(instance.name.clone())),
                    _ if read && !credential.at_provider => {
                        self.kept(&place.0, &place.1).add_credential(credential, &instance.name);
                    }
                    _ => {
                        // Nobody has a Secret of the external itself: its values are known by its name.
                        let (of, by) = (format!(" of {}/{}", place.0, place.1), format!(" of {}", binding.provider));
                        let forms = self.kept.values_mut().flat_map(|kept| kept.keys.values_mut());
                        forms.for_each(|form| *form = form.replace(&of, &by));
                    }
                }
            }
        }
    }

    /// Remembers what ExternalSecrets of templates read from the platform's store; the annotation `lakegen.dev/how` says how
    /// a good value is made.
    fn templated(&mut self, lowering: &Lowering<'_>, out: &TargetManifests) {
        let store = lowering.target.store.name.as_str();
        for (name, unit) in &out.components {
            for lowered in unit.stages.values().flatten().filter(|l| l.object.kind() == "ExternalSecret") {
                let value = lowered.object.value();
                let text = |path: &[&str]| value.at(path).and_then(Value::as_str);
                let list = |key: &str| value.at(&["spec", key]).and_then(Value::as_list).unwrap_or(&[]);
                if lowered.origin.file.is_empty()
                    || lowered.origin.is_own()
                    || text(&["spec", "secretStoreRef", "name"]) != Some(store)
                {
                    continue;
                }
                let namespace = match lowered.object.namespace() {
                    "" => lowering.target.instances.get(name).map_or("", |i| i.namespace.as_str()),
                    namespace => namespace,
                };
                let hint = text(&["metadata", "annotations", "lakegen.dev/how"]).map(String::from);
                let wanted =
                    Wanted { hint, ..Wanted::of(lowered.object.name().into(), namespace, name, lowered.origin.span) };
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
            "reflector copies Secret `{namespace}/{secret}` unchanged, but `{}` needs `{}` with {keys}",
            wanted.reader, wanted.name
        );
        self.found.push(
            Diagnostic::error(&INVALID_VALUE, message)
                .at(wanted.span, "needed here")
                .at(copies::span(lowering), "copied by reflector")
                .help("let External Secrets copy it: `copy = \"external-secrets\"`"),
        );
        true
    }
}

/// Returns namespace, name and keys of the one Secret that already holds everything wanted: secret values, and text that the
/// credential's Secret has beside them.
fn source_secret(
    instance: &Instance,
    entries: &IndexMap<String, Filled>,
) -> Option<(String, String, IndexMap<String, String>)> {
    let mut source: Option<(&str, &str)> = None;
    let mut keys = IndexMap::new();
    for (wanted, filled) in entries.iter().filter(|(_, filled)| filled.plain().is_none()) {
        let SecretValue::Object { namespace, secret, key } = filled.only_secret()? else { return None };
        if source.is_some_and(|s| s != (namespace.as_str(), secret.as_str())) {
            return None;
        }
        source = Some((namespace, secret));
        keys.insert(wanted.clone(), key.clone());
    }
    let (namespace, name) = source?;
    let mut credentials = instance.bindings.values().flat_map(|b| b.all()).filter_map(|b| b.credential.as_ref());
    let held = credentials.find(|c| (c.namespace.as_str(), c.secret.as_str()) == (namespace, name));
    for (wanted, text) in entries.iter().filter_map(|(wanted, filled)| Some((wanted, filled.plain()?))) {
        let (key, _) = held?.text.iter().find(|(_, known)| **known == text)?;
        keys.insert(wanted.clone(), key.clone());
    }
    let keys = entries.keys().filter_map(|wanted| Some((wanted.clone(), keys.get(wanted)?.clone()))).collect();
    Some((namespace.to_string(), name.to_string(), keys))
}

/// Returns the keys of a wanted Secret, and whether they are the user's.
fn keys_of(
    instance: &Instance,
    key: &str,
    def: &SecretDef,
    given: Option<&Secret>,
    found: &mut Vec<Diagnostic>,
) -> (IndexMap<String, String>, bool) {
    let Some(given) = given.filter(|given| given.places.has("keys")) else { return (def.keys.clone(), false) };
    let own = given.keys.iter().map(|(key, text)| (key.clone(), text.to_string()));
    if lacking_keys(key, def, given, &instance.name, found) {
        // Reported; with the catalogue's keys the templates go on as if nothing were missing.
        return (def.keys.clone().into_iter().chain(own).collect(), true);
    }
    (own.collect(), true)
}
