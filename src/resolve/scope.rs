//! `${…}` with **late** names filled in: bindings, secrets, hosts, options, besides everything that is known early
//! ([`super::early`]). They may only stand in values. A secret field never becomes text: [`Filled`] keeps it as a piece that
//! only a Secret can carry.

use std::cell::RefCell;
use std::collections::BTreeSet;

use indexmap::IndexMap;

use super::Target;
use super::credentials::SecretValue;
use super::early::{filtered, located};
use super::instances::Instance;
use super::offers;
use super::wire::{Binding, SlotBinding};
use crate::catalog::{Capability, Catalogue};
use crate::diag::{Diagnostic, Sources, Span, near, quoted_list, what_there_is};
use crate::manifest::value::Value;
use crate::parse::string::{self, Part, Reference};
use crate::parse::{BAD_REFERENCE, Kind, Node};

pub(super) fn no_such<'a>(what: &str, name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Diagnostic {
    let candidates: Vec<&str> = candidates.into_iter().collect();
    let diagnostic = Diagnostic::error(&BAD_REFERENCE, format!("unknown {what}: `{name}`"));
    let close = near(name, candidates.iter().copied());
    if !close.is_empty() {
        diagnostic.help(format!("did you mean {}?", quoted_list(close, "or")))
    } else if candidates.is_empty() {
        diagnostic
    } else {
        diagnostic.note(what_there_is(name, candidates))
    }
}

/// Returns a scalar as the text that a string takes in.
pub fn plain(value: &Value) -> String {
    match value {
        Value::Str(s) => s.to_string(),
        Value::Bool(b) => b.to_string(),
        Value::Int(i) => i.to_string(),
        Value::Float(f) => f.to_string(),
        Value::List(list) => list.iter().map(plain).collect::<Vec<_>>().join(","),
        Value::Null => String::new(),
        Value::Map(_) => String::new(),
    }
}

/// A piece of a filled-in string.
#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    Text(String),
    Secret { value: SecretValue, filters: Vec<String> },
}

/// A string with its references filled in; secret fields are still apart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filled(pub Vec<Piece>);

impl Filled {
    /// Returns the text, when nothing secret is in it.
    pub fn plain(&self) -> Option<String> {
        self.0
            .iter()
            .map(|piece| if let Piece::Text(text) = piece { Some(text.as_str()) } else { None })
            .collect::<Option<Vec<_>>>()
            .map(|t| t.concat())
    }

    /// Returns the one secret value that the string consists of, when it is just that.
    pub fn only_secret(&self) -> Option<&SecretValue> {
        match &self.0[..] {
            [Piece::Secret { value, filters }] if filters.is_empty() => Some(value),
            _ => None,
        }
    }

    fn push(&mut self, piece: Piece) {
        match (self.0.last_mut(), piece) {
            (Some(Piece::Text(last)), Piece::Text(text)) => last.push_str(&text),
            (_, Piece::Text(text)) if text.is_empty() => {}
            (_, piece) => self.0.push(piece),
        }
    }
}

/// Everything that late references may name.
#[derive(Clone, Copy)]
pub struct Late<'a> {
    pub targets: &'a [Target],
    pub index: usize,
    pub instance: Option<&'a Instance>,
    pub claim: Option<&'a IndexMap<String, String>>,
    /// Item of the store that `${item.…}` is about.
    pub item: Option<&'a str>,
    pub each: Option<(&'a str, &'a Binding)>,
    /// Names of the instance's Secrets by key, once they are known.
    pub secrets: Option<&'a IndexMap<String, String>>,
    /// What their keys hold, where a Secret can carry it on.
    pub held: Option<&'a IndexMap<String, IndexMap<String, Filled>>>,
    pub known: Known<'a>,
    pub depth: usize,
}

/// What every scope can look up: texts of files for carets, and capabilities.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    pub sources: &'a Sources,
    pub catalogue: &'a Catalogue,
    /// Where the places of options and slots that texts read are remembered.
    pub read: Option<&'a RefCell<BTreeSet<Span>>>,
}

impl Known<'_> {
    /// Remembers that what stands at a place was read.
    pub(super) fn note(&self, place: Span) {
        if let Some(read) = self.read {
            read.borrow_mut().insert(place);
        }
    }
}

impl<'a> Late<'a> {
    /// Returns a scope for an instance of a target.
    pub fn new(targets: &'a [Target], index: usize, instance: Option<&'a Instance>, known: Known<'a>) -> Self {
        Self {
            targets,
            index,
            instance,
            claim: None,
            item: None,
            each: None,
            secrets: None,
            held: None,
            known,
            depth: 0,
        }
    }

    /// Returns a capability of the catalogue.
    pub fn capability(&self, name: &str) -> Option<&'a Capability> {
        self.known.catalogue.capabilities.get(name).map(|c| &**c)
    }

    /// Returns the target.
    pub fn target(&self) -> &'a Target {
        &self.targets[self.index]
    }

    /// Fills in a string written at `at`.
    pub fn fill(&self, text: &str, at: Span, found: &mut Vec<Diagnostic>) -> Filled {
        let mut filled = Filled::default();
        if !text.contains("${") {
            filled.push(Piece::Text(text.to_string()));
            return filled;
        }
        for part in string::split(text) {
            match part {
                Part::Text(text) => filled.push(Piece::Text(text)),
                Part::Reference(reference) => match self.value(&reference).and_then(|value| apply(value, &reference)) {
                    Ok(value) => value.0.into_iter().for_each(|piece| filled.push(piece)),
                    Err(diagnostic) => found.push(located(diagnostic, &reference, at, self.known.sources)),
                },
            }
        }
        filled
    }

    /// Fills in every string of a value; a string with a secret in it is an error that names the way out.
    pub fn fill_node(&self, node: &Node, found: &mut Vec<Diagnostic>) -> Value {
        match &node.kind {
            Kind::Str(text) if text.contains("${") => {
                let filled = self.fill(text, node.span, found);
                if let Some(text) = filled.plain() {
                    Value::from(text)
                } else {
                    found.push(secret_here(node.span));
                    Value::from("")
                }
            }
            Kind::List(items) => Value::List(items.iter().map(|item| self.fill_node(item, found)).collect()),
            Kind::Table(table) => {
                Value::Map(table.iter().map(|(key, entry)| (key.clone(), self.fill_node(&entry.node, found))).collect())
            }
            _ => node.to_value(),
        }
    }

    fn value(&self, reference: &Reference) -> Result<Filled, Diagnostic> {
        let path: Vec<&str> = reference.path.iter().map(String::as_str).collect();
        let target = self.target();
        let text = |text: &str| Ok(Filled(vec![Piece::Text(text.to_string())]));
        if self.depth > 16 {
            return Err(Diagnostic::error(
                &super::CIRCULAR_REFERENCE,
                format!("`{}` refers to itself through other components", reference.written()),
            ));
        }
        if let Some(found) = target.early().common(&path) {
            return found.map(|value| Filled(vec![Piece::Text(value)]));
        }
        match (&path[..], self.instance) {
            (["component", field], Some(instance)) => instance_field(instance, field).map_or_else(
                || Err(no_such("field of `component`", field, INSTANCE_FIELDS.iter().copied())),
                |v| text(&v),
            ),
            (["namespace" | "release" | "fullname" | "version"], Some(instance)) => {
                text(&instance_field(instance, path[0]).unwrap_or_default())
            }
            (["secrets", name, key @ ..], Some(_)) if !key.is_empty() && key != ["name"] => {
                self.secret_key(name, &key.join("."))
            }
            (["options", rest @ ..], Some(instance)) => self.option(instance, rest),
            (["requires", slot, field @ ..], Some(instance)) => self.requires(instance, slot, field),
            (["secrets", name, "name"], Some(instance)) => self.secret_name(instance, name),
            // What there is of a Secret, when that exists.
            (["secrets", name, ..], Some(instance)) => self.secret_name(instance, name).and_then(|_| {
                let message = format!(
                    "unknown reference `{}`: only the name of a Secret can be used in text",
                    reference.written()
                );
                Err(Diagnostic::error(&BAD_REFERENCE, message).help(format!("write `${{secrets.{name}.name}}`")))
            }),
            (["hosts", endpoint, field], Some(instance)) => host(instance, endpoint, field).map_or_else(
                || {
                    Err(Diagnostic::error(
                        &BAD_REFERENCE,
                        format!("component `{}` has no host at endpoint `{endpoint}`", instance.name),
                    ))
                },
                |v| text(&v),
            ),
            (["components", name, field @ ..], _) => self.component(name, field),
            (["buckets", name, field], _) => self.bucket(name, field).and_then(|v| text(&v)),
            (["claim", field], _) => self.claim(field).and_then(|v| text(&v)),
            // A property may have dots in its name, as a file name has.
            (["item", property @ ..], _) => self.item_property(&property.join(".")),
            (["each", "name"], _) if self.each.is_some() => text(self.each.map_or("", |(name, _)| name)),
            (["each", field], _) if self.each.is_some() => {
                let (_, binding) = self.each.expect("asked just before");
                offers::offered(self, binding, field)
            }
            _ => Err(Diagnostic::error(&BAD_REFERENCE, format!("unknown reference `{}`", reference.written()))),
        }
    }

    fn option(&self, instance: &'a Instance, path: &[&str]) -> Result<Filled, Diagnostic> {
        let [first, rest @ ..] = path else { return Err(no_such("option", "", [])) };
        let defs = &instance.definition.options;
        let node = instance.option(first);
        if !defs.contains_key(*first) {
            return Err(no_such("option", first, defs.keys().map(String::as_str)));
        }
        let mut node = node;
        for key in rest {
            node = node.and_then(Node::as_table).and_then(|t| t.get(*key)).map(|e| &e.node);
        }
        if let Some(node) = node {
            self.known.note(node.span);
        }
        match node {
            None => Ok(Filled(vec![Piece::Text(String::new())])),
            Some(node) => match node.as_str() {
                Some(text) => {
                    let mut found = Vec::new();
                    let filled = Late { depth: self.depth + 1, ..*self }.fill(text, node.span, &mut found);
                    found.into_iter().next().map_or(Ok(filled), Err)
                }
                None => Ok(Filled(vec![Piece::Text(plain(&node.to_value()))])),
            },
        }
    }

    fn requires(&self, instance: &'a Instance, slot: &str, field: &[&str]) -> Result<Filled, Diagnostic> {
        if let Some(entry) = instance.entry(slot) {
            self.known.note(entry.key);
        }
        let missing = || no_such("slot", slot, instance.definition.requires.keys().map(String::as_str));
        match (instance.bindings.get(slot), field) {
            (None, _) if !instance.definition.requires.contains_key(slot) => Err(missing()),
            (None | Some(SlotBinding::Off | SlotBinding::Embedded), _) => Err(Diagnostic::error(
                &BAD_REFERENCE,
                format!("slot `{slot}` of `{}` is not bound to anything", instance.name),
            )),
            (Some(SlotBinding::One(binding)), [field]) => offers::offered(self, binding, field),
            (Some(SlotBinding::Map(map)), [name, field]) => match map.get(*name) {
                Some(binding) => offers::offered(self, binding, field),
                None => Err(no_such(&format!("entry of `{slot}`"), name, map.keys().map(String::as_str))),
            },
            _ => Err(Diagnostic::error(&BAD_REFERENCE, format!("name a field of `requires.{slot}`"))),
        }
    }

    fn secret_name(&self, instance: &Instance, name: &str) -> Result<Filled, Diagnostic> {
        let known = self.secrets.and_then(|names| names.get(name)).cloned();
        let default = || instance.definition.secrets.contains_key(name).then(|| format!("{}-{name}", instance.name));
        match known.or_else(default) {
            Some(name) => Ok(Filled(vec![Piece::Text(name)])),
            None => Err(no_such("secret", name, instance.definition.secrets.keys().map(String::as_str))),
        }
    }

    /// Returns what a key of one of the component's own Secrets holds.
    fn secret_key(&self, name: &str, key: &str) -> Result<Filled, Diagnostic> {
        let Some(held) = self.held else {
            let message =
                format!("`secrets.{name}.{key}` can only be used in `env` and `files`, where a Secret can carry it");
            return Err(Diagnostic::error(&BAD_REFERENCE, message).help(format!(
                "use `${{secrets.{name}.name}}` for the name of the Secret, where a reference to it is expected"
            )));
        };
        let Some(keys) = held.get(name) else {
            return Err(no_such("secret", name, held.keys().map(String::as_str)));
        };
        let value = keys.get(key).cloned();
        value.ok_or_else(|| {
            let mut lacking = no_such("key", key, keys.keys().map(String::as_str));
            lacking.message = format!("secret `{name}` has no key `{key}`");
            lacking
        })
    }

    fn component(&self, name: &str, field: &[&str]) -> Result<Filled, Diagnostic> {
        let all = || self.visible().map(|i| i.name.as_str()).collect::<Vec<_>>();
        let Some(instance) = self.visible().find(|i| i.name == name) else {
            return Err(no_such("component", name, all()));
        };
        match field {
            [field] => match instance_field(instance, field) {
                Some(value) => Ok(Filled(vec![Piece::Text(value)])),
                None => Err(no_such("field of a component", field, INSTANCE_FIELDS.iter().copied())),
            },
            ["hosts", endpoint, field] => match host(instance, endpoint, field) {
                Some(value) => Ok(Filled(vec![Piece::Text(value)])),
                None => Err(Diagnostic::error(
                    &BAD_REFERENCE,
                    format!("component `{name}` has no host at endpoint `{endpoint}`"),
                )),
            },
            [capability, field] if instance.definition.provides.contains_key(*capability) => {
                let binding = Binding::bare(capability, name);
                offers::offered(self, &binding, field)
            }
            _ => Err(no_such("field of a component", &field.join("."), INSTANCE_FIELDS.iter().copied())),
        }
    }

    fn visible(&self) -> impl Iterator<Item = &'a Instance> + use<'a> {
        let target = self.target();
        let shared = target.shared.map(|index| &self.targets[index]);
        target.instances.values().chain(shared.into_iter().flat_map(|t| t.instances.values()))
    }

    fn bucket(&self, name: &str, field: &str) -> Result<String, Diagnostic> {
        let buckets = &self.target().buckets;
        let bucket = buckets.get(name).ok_or_else(|| no_such("bucket", name, buckets.keys().map(String::as_str)))?;
        match field {
            "bucket" | "name" => Ok(bucket.bucket.clone()),
            "url" => Ok(format!("s3://{}/", bucket.bucket)),
            _ => Err(no_such("field of a bucket", field, ["bucket", "url"])),
        }
    }

    fn claim(&self, field: &str) -> Result<String, Diagnostic> {
        match self.claim {
            Some(claim) => claim
                .get(field)
                .cloned()
                .ok_or_else(|| no_such("field of the claim", field, claim.keys().map(String::as_str))),
            None => Ok(String::new()),
        }
    }

    fn item_property(&self, property: &str) -> Result<Filled, Diagnostic> {
        let Some(item) = self.item else {
            return Err(Diagnostic::error(&BAD_REFERENCE, "`item` can only be used in the keys of a secret"));
        };
        let property = (!property.is_empty()).then(|| property.to_string());
        let (item, property) = match item.split_once('#') {
            Some((item, fixed)) => (item, Some(fixed.to_string())),
            None => (item, property),
        };
        Ok(Filled(vec![Piece::Secret { value: SecretValue::Item { item: item.into(), property }, filters: vec![] }]))
    }
}

/// Reports a secret where only text may stand.
pub fn secret_here(at: Span) -> Diagnostic {
    Diagnostic::error(&super::SECRET_IN_VALUE, "a secret would be written into a plain value here")
        .at(at, "")
        .help("use it in `env`, `files` or `secrets` of the component, where a Secret can carry it")
}

const INSTANCE_FIELDS: &[&str] = &["name", "namespace", "release", "fullname", "version"];

fn instance_field(instance: &Instance, field: &str) -> Option<String> {
    Some(match field {
        "name" => instance.name.clone(),
        "namespace" => instance.namespace.clone(),
        "release" => instance.release.clone(),
        "fullname" => instance.fullname.clone(),
        "version" => instance.chart.as_ref().map_or_else(String::new, |c| c.version.clone()),
        _ => return None,
    })
}

fn host(instance: &Instance, endpoint: &str, field: &str) -> Option<String> {
    let published = instance.hosts.get(endpoint)?;
    match field {
        "host" => Some(published.host().to_string()),
        "url" => Some(published.url()),
        _ => None,
    }
}

fn apply(filled: Filled, reference: &Reference) -> Result<Filled, Diagnostic> {
    if reference.filters.is_empty() {
        return Ok(filled);
    }
    filled
        .0
        .into_iter()
        .map(|piece| match piece {
            Piece::Text(text) => filtered(&text, reference).map(Piece::Text),
            Piece::Secret { value, mut filters } => {
                filtered("", reference)?;
                filters.extend(reference.filters.iter().cloned());
                Ok(Piece::Secret { value, filters })
            }
        })
        .collect::<Result<Vec<_>, _>>()
        .map(Filled)
}
