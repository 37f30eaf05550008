//! Slots bound to providers by capability, claims gathered at their providers.

use std::collections::BTreeSet;
use std::sync::Arc;

use indexmap::IndexMap;

use super::buckets::{self, BUCKET};
use super::credentials::{self, Credential, Sides};
use super::externals;
use super::instances::{Context, Instance};
use super::providers::{Named, Offers, add_one, ambiguous, missing, mistyped, offers, provider};
use super::scope::plain;
use super::{Bucket, MISSING_PROVIDER, MISTYPED_WIRING, Target, unknown_name};
use crate::catalog::{Capability, Slot, SlotShape};
use crate::diag::{Diagnostic, Span, near, quoted_list};
use crate::parse::node::Lookup;
use crate::parse::{INVALID_VALUE, Kind, Node, Table};
use crate::settings::publish::BucketTable;

/// The capability of those who let people and programs in.
const LOGIN: &str = "oidc";

/// The capability of catalogues, which may want a login.
const CATALOGUE: &str = "iceberg-rest";

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

    /// Returns the name by which the provider knows the consumer: the role, the user, or whatever is claimed first.
    pub fn role(&self) -> &str {
        role(&self.claim)
    }
}

/// Returns the name by which a provider knows who claims.
pub fn role(claim: &IndexMap<String, String>) -> &str {
    claim.get("role").or_else(|| claim.values().next()).map_or("", String::as_str)
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

/// Binds every slot of a target and gathers the claims.
pub fn wire(index: usize, targets: &mut [Target], context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    externals::check(&targets[index], context, found);
    let buckets = buckets::declared(index, targets, context, found);
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
        targets[index].instances[&name].bindings = bindings;
    }
    let names: Vec<String> = targets[index].instances.keys().cloned().collect();
    for name in names {
        follow(index, targets, &offers, &name, context, found);
        let bindings = targets[index].instances[&name].bindings.clone();
        register(index, targets, &name, &bindings);
    }
}

/// Binds slots that were left out to what the providers of another slot are bound to: who reads a catalogue reads the buckets
/// that its tables lie in, and logs in where it lets people in.
fn follow(
    index: usize,
    targets: &mut [Target],
    offers: &Offers,
    name: &str,
    context: &Context<'_>,
    found: &mut Vec<Diagnostic>,
) {
    let definition = targets[index].instances[name].definition.clone();
    for (slot_name, slot) in &definition.requires {
        let consumer = &targets[index].instances[name];
        let left_out = consumer.arg(slot_name).is_none();
        let Some(followed) = slot.follows.as_ref().filter(|_| left_out) else { continue };
        let bindings = || consumer.bindings.get(followed).into_iter().flat_map(|bound| bound.all());
        let binder = Binder { targets, index, offers, consumer, slot, slot_name, context };
        if slot.capabilities.iter().any(|c| c == LOGIN) {
            let binding = binder.logged_in(&bindings().collect::<Vec<_>>(), found).map(SlotBinding::One);
            targets[index].instances[name].bindings.extend(binding.map(|b| (slot_name.clone(), b)));
            continue;
        }
        let (mut buckets, mut at): (Vec<&Bucket>, Option<Span>) = (Vec::new(), None);
        for binding in bindings() {
            let Some(provider) = provider(targets, index, &binding.provider).and_then(|p| p.instance()) else {
                continue;
            };
            for bucket in provider.bindings.values().flat_map(|b| b.all()).flat_map(|b| &b.buckets) {
                let bucket = targets[index].buckets.get(bucket).filter(|b| !buckets.iter().any(|o| o.name == b.name));
                at = at.or(bucket.map(|_| binding.span));
                buckets.extend(bucket);
            }
        }
        let Some(at) = at else { continue };
        let binding = binder.bound(&buckets, None, at, found).map(SlotBinding::One);
        targets[index].instances[name].bindings.extend(binding.map(|b| (slot_name.clone(), b)));
    }
    let consumer = &targets[index].instances[name];
    let logs_in = consumer.bindings.values().flat_map(|b| b.all()).any(|b| b.capability == LOGIN);
    let slot = definition.requires.iter().find(|(_, slot)| slot.capabilities.iter().any(|c| c == LOGIN));
    let (false, Some((slot_name, slot))) = (logs_in, slot) else { return };
    let binder = Binder { targets, index, offers, consumer, slot, slot_name, context };
    let catalogues = consumer.bindings.values().flat_map(|b| b.all()).filter(|b| b.capability == CATALOGUE);
    if let Some((binding, door)) = catalogues.into_iter().find_map(|binding| Some((binding, binder.door(binding)?))) {
        let message = format!("`{}` requires a login, and `{name}` has none", binding.provider);
        let line = format!(
            "{slot_name} = {{ from = \"{}\", service = true, audiences = [\"{}\"] }}",
            door.provider,
            door.role()
        );
        found.push(Diagnostic::error(&MISSING_PROVIDER, message).at(binding.span, "").help(format!("add `{line}`")));
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
        let node = self.consumer.arg(self.slot_name);
        if node.is_some_and(is_no_reference) {
            return None;
        }
        if let Some(node) = node {
            match &node.kind {
                Kind::Bool(false) if !self.slot.optional => {
                    let message = format!("`{}` requires `{}`", self.consumer.definition.name, self.slot_name);
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
        if node.is_some_and(is_no_reference) {
            return None;
        }
        let at = node.map_or(self.consumer.span, |n| n.span);
        let (wanted, shorthand, table) = read_reference(node);
        let fits = |p: &Named<'_>| p.name != self.consumer.name && self.slot.capabilities.iter().any(|c| p.provides(c));
        let provider = match wanted {
            Some(name) => match provider(self.targets, self.index, &name) {
                Some(provider) if fits(&provider) => provider,
                Some(provider) => {
                    let diagnostic = mistyped(at, &name, &provider, &self.slot.capabilities, &self.subject());
                    let others = quoted_list(self.candidates().iter().map(|c| c.name), "or");
                    found.push(match others.is_empty() {
                        true => diagnostic.help(add_one(&self.slot.capabilities)),
                        false => diagnostic.help(format!("use {others}")),
                    });
                    return None;
                }
                None => {
                    let target = &self.targets[self.index];
                    if !target.broken.contains(&name) {
                        found.push(self.unknown(&name, at, &self.candidates()));
                    }
                    return None;
                }
            },
            None => match &self.candidates()[..] {
                [only] => provider(self.targets, self.index, only.name)?,
                // What is broken might have provided it.
                [] if !self.targets[self.index].broken.is_empty() => return None,
                [] => {
                    found.push(missing(&self.subject(), &self.slot.capabilities, at));
                    return None;
                }
                several => {
                    let several: Vec<&Named<'_>> = several.iter().collect();
                    let wanted = &self.slot.capabilities[0];
                    let mut names: Vec<&str> = several.iter().map(|p| p.name).collect();
                    names.sort_by_key(|name| *name != wanted.as_str());
                    let choices: Vec<String> =
                        names.iter().map(|name| format!("`{} = \"{name}\"`", self.slot_name)).collect();
                    let remedy = format!("{} to `{}`", choices.join(" or "), self.consumer.name);
                    found.push(ambiguous(&self.subject(), &self.slot.capabilities[0], at, &several, &remedy));
                    return None;
                }
            },
        };
        let capability = self.slot.capabilities.iter().find(|c| provider.provides(c))?;
        let capability = self.context.catalogue.capabilities.get(capability)?;
        let named = shorthand.is_some() || table.is_some_and(|t| t.iter().any(|(k, _)| &**k != "from"));
        let claim = self.claim(capability, shorthand.as_deref(), table, entry, at, found);
        Some(self.finish(capability, &provider, claim, vec![], (named, entry), at, found))
    }

    #[allow(clippy::too_many_arguments, reason = "the last step of a binding, with two callers")]
    fn finish(
        &self,
        capability: &Capability,
        provider: &Named<'_>,
        claim: IndexMap<String, String>,
        buckets: Vec<String>,
        (named, entry): (bool, Option<&str>),
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
            entry,
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
        let target = &self.targets[self.index];
        if target.off.contains(name) {
            let message = format!("`{}` needs `{name}`, which is disabled in `{}`", self.consumer.name, target.name);
            return Diagnostic::error(&super::UNKNOWN_NAME, message)
                .at(at, "")
                .help(format!("enable `{name}` there, or bind `{}` to another provider there", self.slot_name));
        }
        let message = format!("no component or external `{name}` provides {capabilities} for `{}`", self.consumer.name);
        let diagnostic = Diagnostic::error(&super::UNKNOWN_NAME, message).at(at, "");
        let close = near(name, candidates.iter().map(|c| c.name));
        if close.is_empty() && !candidates.is_empty() {
            diagnostic.note(format!("provided by {}", quoted_list(candidates.iter().map(|c| c.name), "or")))
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
        let early = self.targets[self.index].early().of(self.consumer.early_name());
        let mut claim: IndexMap<String, String> = IndexMap::new();
        for (index, (field, def)) in capability.claim.iter().enumerate() {
            let own = table.and_then(|t| t.node(field));
            let (text, span) = match (own, shorthand) {
                (Some(node), _) => (plain(&node.to_value()), node.span),
                (None, Some(shorthand)) if index == 0 => (shorthand.to_string(), at),
                _ => (self.slot.claim.get(field).or(def.default.as_ref()).cloned().unwrap_or_default(), at),
            };
            // Fields that stand before it are known, and so is the entry of a map of slots.
            let known: Vec<(String, &str)> = claim
                .iter()
                .map(|(field, value)| (format!("claim.{field}"), value.as_str()))
                .chain(entry.map(|name| ("each.name".to_string(), name)))
                .collect();
            let here: Vec<(&str, &str)> = known.iter().map(|(name, value)| (name.as_str(), *value)).collect();
            let value = early.with(&here).fill(&text, span, self.context.sources, found);
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
                let message = format!("`{value}` is not a valid `{field}` for a claim on `{}`", capability.name);
                found.push(
                    Diagnostic::error(&INVALID_VALUE, message)
                        .at(span, "")
                        .note(format!("{} (pattern `{pattern}`)", def.doc)),
                );
            }
            claim.insert(field.clone(), value);
        }
        for (field, def) in &capability.claim {
            let said =
                table.and_then(|table| table.get(field.as_str())).filter(|entry| entry.node.as_bool() != Some(false));
            let other = def.unless.as_ref().filter(|other| claim.get(*other).is_some_and(|value| value == "true"));
            if let (Some(entry), Some(other)) = (said, other) {
                let message = format!("a claim on `{}` with `{other}` takes no `{field}`", capability.name);
                let finding = Diagnostic::error(&crate::parse::UNKNOWN_KEY, message).at(entry.key, "");
                let finding = finding.note(format!("`{other}` is: {}", capability.claim[other].doc));
                found.push(finding.help(format!("remove `{field}`, or add `{other} = false`")));
            }
        }
        // What no capability of the slot knows was reported when the table was checked.
        let elsewhere = |key: &str| {
            let mut others = self.slot.capabilities.iter().filter_map(|c| self.context.catalogue.capabilities.get(c));
            !capability.claim.contains_key(key) && others.any(|other| other.claim.contains_key(key))
        };
        for (key, entry) in table.into_iter().flatten().filter(|(key, _)| elsewhere(key)) {
            let message = format!("a claim on `{}` has no field `{key}`", capability.name);
            let diagnostic = Diagnostic::error(&crate::parse::UNKNOWN_KEY, message).at(entry.key, "");
            found.push(diagnostic.note(format!(
                "its fields are {}",
                quoted_list(capability.claim.keys().map(String::as_str).chain(["from"]), "and")
            )));
        }
        claim
    }

    fn bind_buckets(&self, node: Option<&Node>, own: &mut Vec<Bucket>, found: &mut Vec<Diagnostic>) -> Option<Binding> {
        let target = &self.targets[self.index];
        let (nodes, table): (Vec<&Node>, Option<&Table>) = match node.map(|n| (n, &n.kind)) {
            Some((_, Kind::List(list))) => (list.iter().collect(), None),
            Some((node, Kind::Str(_))) => (vec![node], None),
            Some((_, Kind::Table(table))) => (table.node("from").into_iter().collect(), Some(table)),
            _ => (vec![], None),
        };
        // `true`, and what is claimed without a name, ask for a bucket of one's own.
        let asks = node.is_some_and(|node| node.as_bool() == Some(true)) || table.is_some();
        if nodes.is_empty() && self.slot.optional && !asks {
            return None;
        }
        let at = node.map_or(self.consumer.span, |n| n.span);
        // What the environments of a cluster share has the buckets that it names itself.
        let mut of_shared: Vec<Bucket> = Vec::new();
        for node in nodes.iter().filter(|_| target.is_shared) {
            let Some((name, settings)) = target.settings.buckets.get_key_value(node.as_str()?) else { continue };
            let store = buckets::store_of(self.index, self.targets, settings.store.as_ref(), node.span, name, found)?;
            of_shared.push(buckets::bucket(target, name, settings.clone(), store, node.span, self.context, found));
        }
        own.extend(of_shared.iter().cloned());
        let mut buckets: Vec<&Bucket> = Vec::new();
        for node in nodes {
            let name = node.as_str()?;
            match target.buckets.get(name).or_else(|| of_shared.iter().find(|bucket| bucket.name == name)) {
                Some(bucket) => buckets.push(bucket),
                None if target.settings.buckets.contains_key(name) => return None, // Its store was not found: reported there.
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
            let store = buckets::store_of(self.index, self.targets, None, at, &name, found)?;
            made = buckets::bucket(target, &name, BucketTable::default(), store, at, self.context, found);
            own.push(made.clone());
            buckets.push(&made);
        }
        self.bound(&buckets, table, at, found)
    }

    /// Binds a login to where the providers of bindings let programs in, as a client that their services take tokens of.
    fn logged_in(&self, bindings: &[&Binding], found: &mut Vec<Diagnostic>) -> Option<Binding> {
        let doors = bindings.iter().filter_map(|binding| Some((*binding, self.door(binding)?)));
        let doors: Vec<(&Binding, &Binding)> = doors.collect();
        let (binding, first) = doors.first()?;
        if let Some((other, door)) = doors.iter().find(|(_, door)| door.provider != first.provider) {
            let message = format!(
                "`{}` would need two logins: at `{}` for `{}`, and at `{}` for `{}`",
                self.consumer.name, first.provider, binding.provider, door.provider, other.provider
            );
            found.push(Diagnostic::error(&MISTYPED_WIRING, message).at(other.span, "").at(binding.span, "the first"));
            return None;
        }
        let provider = provider(self.targets, self.index, &first.provider)?;
        let capability = self.context.catalogue.capabilities.get(LOGIN)?;
        let mut claim = self.claim(capability, None, None, None, binding.span, found);
        let audiences: BTreeSet<&str> = doors.iter().map(|(_, door)| door.role()).collect();
        claim.insert("audiences".into(), audiences.into_iter().collect::<Vec<_>>().join(","));
        Some(self.finish(capability, &provider, claim, vec![], (false, None), binding.span, found))
    }

    /// Returns where the provider of a binding lets people and programs in.
    fn door(&self, binding: &Binding) -> Option<&'a Binding> {
        let instance = provider(self.targets, self.index, &binding.provider)?.instance()?;
        instance.bindings.values().flat_map(|bound| bound.all()).find(|bound| bound.capability == LOGIN)
    }

    /// Binds buckets that are known; a table says how they are claimed.
    fn bound(
        &self,
        buckets: &[&Bucket],
        table: Option<&Table>,
        at: Span,
        found: &mut Vec<Diagnostic>,
    ) -> Option<Binding> {
        let first = buckets.first()?;
        if let Some(other) = buckets.iter().find(|b| b.store != first.store) {
            let message = format!(
                "the buckets of one slot must be in the same store: `{}` is in `{}`, `{}` in `{}`",
                first.name, first.store, other.name, other.store
            );
            found.push(Diagnostic::error(&MISTYPED_WIRING, message).at(at, "").at(other.span, "the other store"));
        }
        let provider = &provider(self.targets, self.index, &first.store)?;
        let capability = self.context.catalogue.capabilities.get(BUCKET)?;
        let claim = self.claim(capability, None, table, None, at, found);
        let named = table.is_some_and(|table| table.keys().any(|key| &**key != "from"));
        let names = buckets.iter().map(|b| b.name.clone()).collect();
        Some(self.finish(capability, provider, claim, names, (named, None), at, found))
    }
}

/// Says whether a value names nothing at all, which was reported as a wrong type.
fn is_no_reference(node: &Node) -> bool {
    matches!(node.kind, Kind::Int(_) | Kind::Float(_))
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
