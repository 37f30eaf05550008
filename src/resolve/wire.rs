//! Slots bound to providers by capability, buckets to stores, claims gathered at their providers.

use std::collections::BTreeMap;
use std::sync::Arc;

use indexmap::IndexMap;

use super::credentials::{self, Credential, Sides};
use super::hosts::frame_of;
use super::instances::{Context, Instance};
use super::scope::{EarlyName, early_text, plain};
use super::{AMBIGUOUS_PROVIDER, Bucket, MISSING_PROVIDER, MISTYPED_WIRING, Target, unknown_name};
use crate::catalog::{self, Capability, Offer, Slot, SlotShape};
use crate::diag::{Diagnostic, Span, near, quoted_list};
use crate::parse::node::Lookup;
use crate::parse::text::Format;
use crate::parse::{INVALID_VALUE, Kind, Node, Table, text};

/// The capability whose claims name buckets instead of providers.
pub const BUCKET: &str = "bucket";

/// A slot bound to a provider.
#[derive(Clone, Debug)]
pub struct Binding {
    pub capability: String,
    /// Name of the component or external.
    pub provider: String,
    pub claim: IndexMap<String, String>,
    /// Keys of the buckets, for bucket slots.
    pub buckets: Vec<String>,
    pub credential: Option<Arc<Credential>>,
    pub span: Span,
}

impl Binding {
    /// Returns a binding that only names a provider, for references from outside of a slot.
    pub fn bare(capability: &str, provider: &str) -> Self {
        Self {
            capability: capability.into(),
            provider: provider.into(),
            claim: IndexMap::new(),
            buckets: vec![],
            credential: None,
            span: Span::default(),
        }
    }
}

/// What a slot is bound to.
#[derive(Clone, Debug)]
pub enum SlotBinding {
    Off,
    Embedded,
    One(Binding),
    Map(IndexMap<String, Binding>),
}

impl SlotBinding {
    /// Returns every binding in it.
    pub fn all(&self) -> Vec<&Binding> {
        match self {
            Self::Off | Self::Embedded => vec![],
            Self::One(binding) => vec![binding],
            Self::Map(map) => map.values().collect(),
        }
    }
}

/// A claim on a provider.
#[derive(Clone, Debug)]
pub struct Claim {
    pub fields: IndexMap<String, String>,
    /// The first consumer; a claim that several share is one claim.
    pub consumer: String,
    /// Namespace of that consumer.
    pub namespace: String,
    pub buckets: Vec<String>,
    pub credential: Option<Arc<Credential>>,
}

/// Something that can be bound: a component or an external.
pub enum Provider<'a> {
    Instance(&'a Instance),
    External(&'a Table),
}

/// A provider with its name.
pub struct Named<'a> {
    pub name: &'a str,
    pub provider: Provider<'a>,
    pub span: Span,
}

impl<'a> Named<'a> {
    fn component(instance: &'a Instance) -> Self {
        Self { name: &instance.name, span: instance.span, provider: Provider::Instance(instance) }
    }

    fn outside(name: &'a str, table: &'a Table) -> Self {
        let span = table.values().next().map_or(Span::default(), |e| e.key);
        Self { name, span, provider: Provider::External(table) }
    }

    /// Returns the component, when it is one.
    pub fn instance(&self) -> Option<&'a Instance> {
        match self.provider {
            Provider::Instance(instance) => Some(instance),
            Provider::External(_) => None,
        }
    }

    /// Returns the external's table, when it is one.
    pub fn external(&self) -> Option<&'a Table> {
        match self.provider {
            Provider::External(table) => Some(table),
            Provider::Instance(_) => None,
        }
    }

    /// Returns the namespace of the component.
    pub fn namespace(&self) -> Option<&'a str> {
        self.instance().map(|i| i.namespace.as_str())
    }

    /// Returns the offer of a component for a capability.
    pub fn offer(&self, capability: &str) -> Option<&'a Offer> {
        self.instance()?.definition.provides.get(capability)
    }

    fn provides(&self, capability: &str) -> bool {
        match self.provider {
            Provider::Instance(instance) => instance.definition.provides.contains_key(capability),
            Provider::External(table) => table.texts("provides").contains(&capability),
        }
    }

    fn offers(&self) -> String {
        match self.provider {
            Provider::Instance(instance) => instance.definition.offered(),
            Provider::External(table) => quoted_list(table.texts("provides"), "and"),
        }
    }
}

/// Returns everything of a target that can be bound: its components, the cluster's shared ones, externals.
pub fn providers(targets: &[Target], index: usize) -> Vec<Named<'_>> {
    let target = &targets[index];
    let shared = target.shared.map(|i| &targets[i]);
    let instances = target.instances.values().chain(shared.into_iter().flat_map(|t| t.instances.values()));
    instances
        .map(Named::component)
        .chain(target.external.iter().map(|(name, table)| Named::outside(name, table)))
        .collect()
}

/// Returns the component or external of a name.
pub fn provider<'a>(targets: &'a [Target], index: usize, name: &str) -> Option<Named<'a>> {
    let target = &targets[index];
    let shared = || target.shared.and_then(|i| targets[i].instances.get(name));
    let component = target.instances.get(name).or_else(shared).map(Named::component);
    component.or_else(|| target.external.get_key_value(name).map(|(name, table)| Named::outside(name, table)))
}

/// Who offers what in a target: capability → names, in order.
type Offers = BTreeMap<String, Vec<String>>;

fn offers(targets: &[Target], index: usize) -> Offers {
    let mut offers = Offers::new();
    for provider in providers(targets, index) {
        let capabilities: Vec<String> = match provider.provider {
            Provider::Instance(instance) => instance.definition.provides.keys().cloned().collect(),
            Provider::External(table) => table.texts("provides").into_iter().map(String::from).collect(),
        };
        for capability in capabilities {
            offers.entry(capability).or_default().push(provider.name.to_string());
        }
    }
    offers
}

/// Binds every slot of a target and gathers the claims.
pub fn wire(index: usize, targets: &mut [Target], context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    check_externals(&targets[index], context, found);
    let buckets = declared_buckets(index, targets, context, found);
    targets[index].buckets = buckets;
    let offers = offers(targets, index);
    let names: Vec<String> = targets[index].instances.keys().cloned().collect();
    for name in names {
        let mut bindings = IndexMap::new();
        let definition = targets[index].instances[&name].definition.clone();
        for (slot_name, slot) in &definition.requires {
            let mut own = Vec::new();
            let binder = Binder {
                targets,
                index,
                offers: &offers,
                consumer: &targets[index].instances[&name],
                slot,
                slot_name,
                context,
            };
            let binding = binder.bind(&mut own, found);
            for bucket in own {
                targets[index].buckets.insert(bucket.name.clone(), bucket);
            }
            if let Some(binding) = binding {
                bindings.insert(slot_name.clone(), binding);
            }
        }
        register(index, targets, &name, &bindings);
        targets[index].instances[&name].bindings = bindings;
    }
}

/// Adds the claims of a consumer at its providers; equal claims are one.
fn register(index: usize, targets: &mut [Target], consumer: &str, bindings: &IndexMap<String, SlotBinding>) {
    let namespace = targets[index].instances[consumer].namespace.clone();
    for binding in bindings.values().flat_map(SlotBinding::all) {
        let at = if targets[index].instances.contains_key(&binding.provider) || targets[index].shared.is_none() {
            index
        } else {
            targets[index].shared.unwrap_or(index)
        };
        let claims = targets[at]
            .claims
            .entry(binding.provider.clone())
            .or_default()
            .entry(binding.capability.clone())
            .or_default();
        match claims.iter_mut().find(|c| c.fields == binding.claim) {
            Some(claim) => {
                for bucket in &binding.buckets {
                    if !claim.buckets.contains(bucket) {
                        claim.buckets.push(bucket.clone());
                    }
                }
            }
            None => claims.push(Claim {
                fields: binding.claim.clone(),
                consumer: consumer.into(),
                namespace: namespace.clone(),
                buckets: binding.buckets.clone(),
                credential: binding.credential.clone(),
            }),
        }
    }
}

fn check_externals(target: &Target, context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for (name, table) in &target.external {
        let at = |key: &str| table.get(key).map(|e| e.node.span);
        if let Some(node) = table.node("service")
            && let Err(what) = Format::Name.check(node.as_str().unwrap_or_default())
        {
            let message = format!("`service` of external `{name}` is not {what}");
            found.push(Diagnostic::error(&INVALID_VALUE, message).at(node.span, ""));
        }
        let Some(entry) = table.get("provides") else {
            let span = table.values().next().map_or(Span::default(), |e| e.key);
            found.push(
                Diagnostic::error(
                    &crate::parse::MISSING_KEY,
                    format!("external `{name}` does not say what it `provides`"),
                )
                .at(span, "")
                .help("add for example `provides = \"postgres\"`"),
            );
            continue;
        };
        let capabilities = &context.catalogue.capabilities;
        for capability in table.texts("provides") {
            let Some(known) = capabilities.get(capability) else {
                found.push(unknown_name(
                    "capability",
                    capability,
                    entry.node.span,
                    capabilities.keys().map(String::as_str),
                ));
                continue;
            };
            for (key, field) in
                table.iter().filter(|(key, _)| !["provides", "credentials", "service", "like"].contains(&&***key))
            {
                if known.fields.get(&**key).is_some_and(|f| f.secret) {
                    let message =
                        format!("`{key}` of external `{name}` is a secret: it does not belong in platform.toml");
                    found.push(
                        Diagnostic::error(&crate::lower::SECRET_IN_VALUE, message).hidden().at(field.key, "").help(
                            format!("put it into the secret store and name the item: `credentials = \"{name}/login\"`"),
                        ),
                    );
                } else if !known.fields.contains_key(&**key) && table.texts("provides").len() == 1 {
                    let diagnostic = Diagnostic::error(
                        &crate::parse::UNKNOWN_KEY,
                        format!("capability `{capability}` has no field `{key}`"),
                    )
                    .at(field.key, "");
                    let close = near(key, known.fields.keys().map(String::as_str));
                    found.push(if close.is_empty() {
                        diagnostic.note(format!(
                            "its fields are {}",
                            quoted_list(known.fields.keys().map(String::as_str), "and")
                        ))
                    } else {
                        diagnostic.help(format!("did you mean {}?", quoted_list(close, "or")))
                    });
                }
            }
            // Which bucket it is, each slot says.
            let asked = known.fields.iter().filter(|(field, _)| capability != BUCKET || *field != "bucket");
            for (field, def) in asked {
                if !def.secret
                    && !def.optional
                    && def.default.is_none()
                    && at(field).is_none()
                    && !known.claim.contains_key(field)
                {
                    let message = format!("external `{name}` provides `{capability}` without its field `{field}`");
                    found.push(
                        Diagnostic::error(&crate::parse::MISSING_KEY, message)
                            .at(entry.node.span, "")
                            .note(def.doc.clone()),
                    );
                }
            }
        }
    }
}

/// Reads `[buckets]` and finds the store of each.
fn declared_buckets(
    index: usize,
    targets: &[Target],
    context: &Context<'_>,
    found: &mut Vec<Diagnostic>,
) -> IndexMap<String, Bucket> {
    let target = &targets[index];
    let mut buckets = IndexMap::new();
    if target.is_shared {
        return buckets;
    }
    for (name, entry) in target.table.table("buckets").into_iter().flatten() {
        let Some(table) = entry.node.as_table() else { continue };
        let store = table.get("store").map(|e| &e.node);
        if let Some(store) = store_of(index, targets, store, entry.key, name, found) {
            let bucket = bucket(index, targets, name, table.clone(), store, entry.key, context, found);
            buckets.insert(name.to_string(), bucket);
        }
    }
    buckets
}

fn store_of(
    index: usize,
    targets: &[Target],
    named: Option<&Node>,
    at: Span,
    bucket: &str,
    found: &mut Vec<Diagnostic>,
) -> Option<String> {
    let all = providers(targets, index);
    let stores: Vec<&Named<'_>> = all.iter().filter(|p| p.provides(BUCKET)).collect();
    if let Some(node) = named {
        let name = node.as_str()?;
        match all.iter().find(|p| p.name == name) {
            Some(provider) if provider.provides(BUCKET) => return Some(name.into()),
            Some(provider) => {
                found.push(mistyped(node.span, name, provider, &[BUCKET.into()], &format!("bucket `{bucket}`")));
            }
            None => found.push(unknown_name("object store", name, node.span, stores.iter().map(|s| s.name))),
        }
        return None;
    }
    match &stores[..] {
        [only] => Some(only.name.into()),
        [] => {
            found.push(missing(&format!("bucket `{bucket}`"), &[BUCKET.into()], at));
            None
        }
        several => {
            found.push(ambiguous(
                &format!("bucket `{bucket}`"),
                BUCKET,
                at,
                several,
                &format!("`store = \"{}\"` to the bucket", several[0].name),
            ));
            None
        }
    }
}

#[allow(clippy::too_many_arguments, reason = "each is one fact of a bucket, and there are two callers")]
fn bucket(
    index: usize,
    targets: &[Target],
    name: &str,
    table: Table,
    store: String,
    span: Span,
    context: &Context<'_>,
    found: &mut Vec<Diagnostic>,
) -> Bucket {
    let frame = frame_of(&targets[index]);
    let names = EarlyName { name, namespace: "", release: "" };
    let (written, at) = match table.get("bucket") {
        Some(entry) => (entry.node.as_str().unwrap_or_default().to_string(), entry.node.span),
        None => (format!("{}-{name}", context.name), span),
    };
    let real = early_text(&frame, Some(&names), &written, at, context.sources, found);
    if !text::bucket(&real) {
        found.push(
            Diagnostic::error(&INVALID_VALUE, format!("`{real}` cannot be a bucket's name"))
                .at(at, "")
                .note("3 to 63 lower-case letters, digits, `-` and `.`, beginning and ending with a letter or digit"),
        );
    }
    Bucket { name: name.into(), bucket: real, store, namespace: table.text("namespace").map(String::from), table, span }
}

/// One slot on its way to a binding.
struct Binder<'a> {
    targets: &'a [Target],
    index: usize,
    offers: &'a Offers,
    consumer: &'a Instance,
    slot: &'a Slot,
    slot_name: &'a str,
    context: &'a Context<'a>,
}

impl<'a> Binder<'a> {
    fn bind(&self, own: &mut Vec<Bucket>, found: &mut Vec<Diagnostic>) -> Option<SlotBinding> {
        let node = self.consumer.table.node(self.slot_name);
        if let Some(node) = node {
            match &node.kind {
                Kind::Bool(false) if !self.slot.optional => {
                    let message = format!("`{}` cannot do without `{}`", self.consumer.definition.name, self.slot_name);
                    found.push(Diagnostic::error(&MISSING_PROVIDER, message).at(node.span, ""));
                    return None;
                }
                Kind::Bool(false) => return Some(SlotBinding::Off),
                Kind::Str(text) if &**text == "embedded" => return Some(SlotBinding::Embedded),
                _ => {}
            }
        }
        if self.slot.capabilities.iter().any(|c| c == BUCKET) {
            return self.bind_buckets(node, own, found).map(SlotBinding::One);
        }
        match (self.slot.shape, node.map(|n| (n, &n.kind))) {
            (SlotShape::Map, Some((_, Kind::Table(table)))) => {
                let entries = table.iter().filter_map(|(name, entry)| {
                    Some((name.to_string(), self.bind_one(Some(&entry.node), Some(name), found)?))
                });
                Some(SlotBinding::Map(entries.collect()))
            }
            (SlotShape::Map, _) => Some(SlotBinding::Map(IndexMap::new())),
            (_, None) if self.slot.optional => Some(SlotBinding::Off),
            (_, node) => self.bind_one(node.map(|(n, _)| n), None, found).map(SlotBinding::One),
        }
    }

    fn bind_one(&self, node: Option<&Node>, entry: Option<&str>, found: &mut Vec<Diagnostic>) -> Option<Binding> {
        let at = node.map_or(self.consumer.span, |n| n.span);
        let (wanted, shorthand, table) = read_reference(node);
        let fits = |p: &Named<'_>| p.name != self.consumer.name && self.slot.capabilities.iter().any(|c| p.provides(c));
        let provider = match wanted {
            Some(name) => match provider(self.targets, self.index, &name) {
                Some(provider) if fits(&provider) => provider,
                Some(provider) => {
                    found.push(mistyped(at, &name, &provider, &self.slot.capabilities, &self.subject()));
                    return None;
                }
                None => {
                    found.push(self.unknown(&name, at, &self.candidates()));
                    return None;
                }
            },
            None => match &self.candidates()[..] {
                [only] => provider(self.targets, self.index, only.name)?,
                [] => {
                    found.push(missing(&self.subject(), &self.slot.capabilities, at));
                    return None;
                }
                several => {
                    let several: Vec<&Named<'_>> = several.iter().collect();
                    let remedy = format!("`{} = \"{}\"` to `{}`", self.slot_name, several[0].name, self.consumer.name);
                    found.push(ambiguous(&self.subject(), &self.slot.capabilities[0], at, &several, &remedy));
                    return None;
                }
            },
        };
        let capability = self.slot.capabilities.iter().find(|c| provider.provides(c))?;
        let capability = self.context.catalogue.capabilities.get(capability)?;
        let named = shorthand.is_some() || table.is_some_and(|t| t.iter().any(|(k, _)| &**k != "from"));
        let claim = self.claim(capability, shorthand.as_deref(), table, entry, at, found);
        Some(self.finish(capability, &provider, claim, vec![], named, at, found))
    }

    #[allow(clippy::too_many_arguments, reason = "the last step of a binding, with two callers")]
    fn finish(
        &self,
        capability: &Capability,
        provider: &Named<'_>,
        claim: IndexMap<String, String>,
        buckets: Vec<String>,
        named: bool,
        at: Span,
        found: &mut Vec<Diagnostic>,
    ) -> Binding {
        let sides = Sides {
            target: &self.targets[self.index],
            consumer: self.consumer,
            slot: self.slot,
            slot_name: self.slot_name,
            provider,
            capability,
            claim: &claim,
            named,
            at,
        };
        let credential = credentials::decide(&sides, self.context, found);
        Binding {
            capability: capability.name.clone(),
            provider: provider.name.into(),
            claim,
            buckets,
            credential,
            span: at,
        }
    }

    /// Returns everything that could fill the slot.
    fn candidates(&self) -> Vec<Named<'a>> {
        let mut names: Vec<&String> = Vec::new();
        for name in self.slot.capabilities.iter().filter_map(|c| self.offers.get(c)).flatten() {
            if *name != self.consumer.name && !names.contains(&name) {
                names.push(name);
            }
        }
        names.into_iter().filter_map(|name| provider(self.targets, self.index, name)).collect()
    }

    fn subject(&self) -> String {
        format!("component `{}`", self.consumer.name)
    }

    fn unknown(&self, name: &str, at: Span, candidates: &[Named<'_>]) -> Diagnostic {
        let capabilities = quoted_list(self.slot.capabilities.iter().map(String::as_str), "or");
        let message = format!("there is no `{name}` that could provide {capabilities} for `{}`", self.consumer.name);
        let diagnostic = Diagnostic::error(&super::UNKNOWN_NAME, message).at(at, "");
        let close = near(name, candidates.iter().map(|c| c.name));
        if close.is_empty() && !candidates.is_empty() {
            diagnostic.note(format!("{} could", quoted_list(candidates.iter().map(|c| c.name), "or")))
        } else if close.is_empty() {
            diagnostic.help(add_one(&self.slot.capabilities))
        } else {
            diagnostic.help(format!("did you mean {}?", quoted_list(close, "or")))
        }
    }

    /// Fills in the fields of the claim: the user's words, the slot's, the capability's.
    fn claim(
        &self,
        capability: &Capability,
        shorthand: Option<&str>,
        table: Option<&Table>,
        entry: Option<&str>,
        at: Span,
        found: &mut Vec<Diagnostic>,
    ) -> IndexMap<String, String> {
        let frame = frame_of(&self.targets[self.index]);
        let names = EarlyName {
            name: &self.consumer.name,
            namespace: &self.consumer.namespace,
            release: &self.consumer.release,
        };
        let mut claim: IndexMap<String, String> = IndexMap::new();
        for (index, (field, def)) in capability.claim.iter().enumerate() {
            let own = table.and_then(|t| t.node(field));
            let (text, span) = match (own, shorthand) {
                (Some(node), _) => (plain(&node.to_value()), node.span),
                (None, Some(shorthand)) if index == 0 => (shorthand.to_string(), at),
                _ => (self.slot.claim.get(field).or(def.default.as_ref()).cloned().unwrap_or_default(), at),
            };
            let text =
                claim.iter().fold(text, |text, (known, value)| text.replace(&format!("${{claim.{known}}}"), value));
            let text = entry.map_or(text.clone(), |name| text.replace("${each.name}", name));
            let value = early_text(&frame, Some(&names), &text, span, self.context.sources, found);
            // Databases and roles are SQL names: the default made of a component's name turns its dashes over.
            let value =
                if own.is_none() && shorthand.is_none() && def.pattern.as_ref().is_some_and(|p| !p.contains('-')) {
                    value.replace('-', "_")
                } else {
                    value
                };
            if let Some(pattern) = &def.pattern
                && let Ok(regex) = regex::Regex::new(pattern)
                && !regex.is_match(&value)
            {
                let message = format!("`{value}` cannot be the `{field}` of a `{}` claim", capability.name);
                found.push(
                    Diagnostic::error(&INVALID_VALUE, message)
                        .at(span, "")
                        .note(format!("{} (pattern `{pattern}`)", def.doc)),
                );
            }
            claim.insert(field.clone(), value);
        }
        for (key, entry) in
            table.into_iter().flatten().filter(|(k, _)| &***k != "from" && !capability.claim.contains_key(&***k))
        {
            let message = format!("a claim on `{}` has no `{key}`", capability.name);
            let diagnostic = Diagnostic::error(&crate::parse::UNKNOWN_KEY, message).at(entry.key, "");
            found.push(diagnostic.note(format!(
                "it has {}",
                quoted_list(capability.claim.keys().map(String::as_str).chain(["from"]), "and")
            )));
        }
        claim
    }

    fn bind_buckets(&self, node: Option<&Node>, own: &mut Vec<Bucket>, found: &mut Vec<Diagnostic>) -> Option<Binding> {
        let target = &self.targets[self.index];
        let nodes: Vec<&Node> = match node.map(|n| (n, &n.kind)) {
            Some((_, Kind::List(list))) => list.iter().collect(),
            Some((node, Kind::Str(_))) => vec![node],
            _ => vec![],
        };
        if nodes.is_empty() && self.slot.optional {
            return None;
        }
        let at = node.map_or(self.consumer.span, |n| n.span);
        let mut buckets: Vec<&Bucket> = Vec::new();
        for node in nodes {
            let name = node.as_str()?;
            match target.buckets.get(name) {
                Some(bucket) => buckets.push(bucket),
                None if target.table.table("buckets").is_some_and(|b| b.contains_key(name)) => return None, // Its store was not found: reported there.
                None => {
                    let diagnostic = unknown_name("bucket", name, node.span, target.buckets.keys().map(String::as_str));
                    found.push(diagnostic.help(format!("add `[buckets.{name}]`")));
                    return None;
                }
            }
        }
        let made;
        if buckets.is_empty() {
            let name = format!("{}-{}", self.consumer.name, self.slot_name);
            let store = store_of(self.index, self.targets, None, at, &name, found)?;
            made = bucket(self.index, self.targets, &name, Table::new(), store, at, self.context, found);
            own.push(made.clone());
            buckets.push(&made);
        }
        let first = buckets[0];
        if let Some(other) = buckets.iter().find(|b| b.store != first.store) {
            let message = format!(
                "the buckets of one slot must lie in one store: `{}` is in `{}`, `{}` in `{}`",
                first.name, first.store, other.name, other.store
            );
            found.push(Diagnostic::error(&MISTYPED_WIRING, message).at(at, "").at(other.span, "the other store"));
        }
        let provider = &provider(self.targets, self.index, &first.store)?;
        let capability = self.context.catalogue.capabilities.get(BUCKET)?;
        let claim = self.claim(capability, None, None, None, at, found);
        let names = buckets.iter().map(|b| b.name.clone()).collect();
        Some(self.finish(capability, provider, claim, names, false, at, found))
    }
}

/// Reads `"postgres"`, `"postgres/warehouse"` or `{ from = "postgres", database = "warehouse" }`.
fn read_reference(node: Option<&Node>) -> (Option<String>, Option<String>, Option<&Table>) {
    match node.map(|n| &n.kind) {
        Some(Kind::Str(text)) => match text.split_once('/') {
            Some((name, claim)) => (Some(name.into()), Some(claim.into()), None),
            None => (Some(text.to_string()), None, None),
        },
        Some(Kind::Table(table)) => (table.text("from").map(String::from), None, Some(table)),
        _ => (None, None, None),
    }
}

fn add_one(capabilities: &[String]) -> String {
    let known: Vec<&str> = capabilities.iter().flat_map(|c| catalog::providers_of(c)).collect();
    match known.first() {
        Some(first) => format!(
            "add one of them under `[components]`, for example `{first} = {{}}`, or describe one that runs elsewhere under `[external]`"
        ),
        None => "describe one that runs elsewhere under `[external]`".into(),
    }
}

fn missing(subject: &str, capabilities: &[String], at: Span) -> Diagnostic {
    let wanted = quoted_list(capabilities.iter().map(String::as_str), "or");
    let known: Vec<&str> = capabilities.iter().flat_map(|c| catalog::providers_of(c)).collect();
    let diagnostic = Diagnostic::error(&MISSING_PROVIDER, format!("{subject} needs {wanted}, and nothing provides it"))
        .at(at, format!("requires {wanted}"));
    let diagnostic = if known.is_empty() {
        diagnostic
    } else {
        diagnostic.note(format!("provided by {}", quoted_list(known, "and")))
    };
    diagnostic.help(add_one(capabilities))
}

fn ambiguous(subject: &str, capability: &str, at: Span, several: &[&Named<'_>], remedy: &str) -> Diagnostic {
    let names = quoted_list(several.iter().map(|p| p.name), "and");
    let mut diagnostic =
        Diagnostic::error(&AMBIGUOUS_PROVIDER, format!("{subject} needs `{capability}`, and {names} provide it"))
            .at(at, "which one?");
    for provider in several {
        diagnostic = diagnostic.at(provider.span, "could provide it");
    }
    diagnostic.help(format!("add {remedy}"))
}

fn mistyped(at: Span, name: &str, provider: &Named<'_>, wanted: &[String], subject: &str) -> Diagnostic {
    let wanted = quoted_list(wanted.iter().map(String::as_str), "or");
    let offers = provider.offers();
    let offers = if offers.is_empty() { "nothing that can be bound".to_string() } else { offers };
    Diagnostic::error(&MISTYPED_WIRING, format!("{subject} needs {wanted}, and `{name}` does not provide it"))
        .at(at, format!("needs {wanted}"))
        .at(provider.span, format!("provides {offers}"))
}
