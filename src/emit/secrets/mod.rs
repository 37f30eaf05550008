//! What people must put into the secret store of a target, and what is made in the cluster without them.
//!
//! Comes in: a lowered target. Goes out: a list, which PLATFORM.md, `lakegen secrets` and its commands share. There is no
//! value in it: lakegen never sees one.

mod shell; // the commands of each provider

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::{Value as Json, json};

pub use shell::commands;

use crate::lower::TargetManifests;
use crate::lower::secrets::kept::Kept;
use crate::resolve::{Origin, Target};

/// Everything secret of one target.
#[derive(Debug)]
pub struct List<'a> {
    pub target: &'a Target,
    /// Name of the store.
    pub store: &'a str,
    /// Such as `vault`; empty without a store.
    pub provider: &'a str,
    pub items: Vec<Item<'a>>,
    /// Items of the store that the cluster makes and writes by itself: name, properties, readers.
    pub written: Vec<(&'a str, Vec<&'a str>, BTreeSet<&'a str>)>,
    /// Secrets that people keep in files or make by hand: namespace, name, content.
    pub kept: Vec<(&'a str, &'a str, &'a Kept)>,
    pub made: Vec<Made<'a>>,
}

/// An item of the store.
#[derive(Debug)]
pub struct Item<'a> {
    pub name: &'a str,
    /// Property (empty for the whole item) → components that read it.
    pub properties: Vec<(&'a str, &'a [String])>,
    pub precious: bool,
    /// How a person makes a good value; empty when nothing is known.
    pub how: String,
    /// Whether any long random text will do for its secret properties.
    pub free: bool,
}

impl Item<'_> {
    /// Returns all readers.
    pub fn readers(&self) -> BTreeSet<&str> {
        self.properties.iter().flat_map(|(_, readers)| readers.iter()).map(String::as_str).collect()
    }
}

/// A Secret that is made in the cluster.
#[derive(Debug)]
pub struct Made<'a> {
    pub namespace: &'a str,
    pub secret: &'a str,
    pub keys: Vec<&'a str>,
    /// `External Secrets`, which draws it once, or the component whose operator makes it.
    pub by: &'a str,
    /// Components that use it.
    pub readers: BTreeSet<&'a str>,
}

/// Where the value of an item comes from.
#[derive(Clone, Copy)]
enum Source<'a> {
    /// Both ends are ours, so any good value will do.
    Ours,
    /// The external of this name gives it.
    External(&'a str),
}

/// Lists what is secret in a target.
pub fn list<'a>(target: &'a Target, lowered: &'a TargetManifests) -> List<'a> {
    let sources = sources(target);
    let items = lowered.needed.values().filter(|needed| needed.by_hand()).map(|needed| {
        let source = sources.get(needed.item.as_str());
        let how = match (&needed.hint, source) {
            (Some(hint), _) => hint.clone(),
            (None, Some(Source::External(name))) => format!("provided by `{name}`, which is outside the platform"),
            (None, Some(Source::Ours)) => {
                "any long random text: `openssl rand -hex 24`; all consumers read it from here".into()
            }
            (None, None) => String::new(),
        };
        Item {
            name: &needed.item,
            properties: needed
                .properties
                .iter()
                .filter(|(name, _)| !needed.generated.contains(*name))
                .map(|(name, readers)| (name.as_str(), readers.as_slice()))
                .collect(),
            precious: needed.precious,
            how,
            free: needed.hint.is_none() && matches!(source, Some(Source::Ours)),
        }
    });
    List {
        target,
        store: &target.store.name,
        provider: &target.store.provider,
        items: items.collect(),
        written: lowered
            .needed
            .values()
            .filter(|needed| !needed.generated.is_empty())
            .map(|needed| {
                let made = needed.properties.iter().filter(|(name, _)| needed.generated.contains(*name));
                let (properties, readers): (Vec<_>, Vec<_>) =
                    made.map(|(name, readers)| (name.as_str(), readers)).unzip();
                (needed.item.as_str(), properties, readers.into_iter().flatten().map(String::as_str).collect())
            })
            .collect(),
        kept: lowered.kept.iter().map(|((namespace, name), kept)| (namespace.as_str(), name.as_str(), kept)).collect(),
        made: made(target),
    }
}

/// Returns where the credential in each item comes from.
fn sources(target: &Target) -> BTreeMap<&str, Source<'_>> {
    let mut sources = BTreeMap::new();
    for binding in target.instances.values().flat_map(|i| i.bindings.values()).flat_map(|b| b.all()) {
        let Some(credential) = binding.credential.as_ref().filter(|c| c.origin == Origin::Store) else { continue };
        let item = credential.item.split_once('#').map_or(credential.item.as_str(), |(item, _)| item);
        let source = match target.external.get_key_value(&binding.provider) {
            Some((name, _)) => Source::External(name),
            None => Source::Ours,
        };
        sources.insert(item, source);
    }
    sources
}

/// Returns the Secrets that the cluster makes by itself.
fn made(target: &Target) -> Vec<Made<'_>> {
    let mut made: BTreeMap<(&str, &str), Made<'_>> = BTreeMap::new();
    for instance in target.instances.values() {
        for binding in instance.bindings.values().flat_map(|b| b.all()) {
            let Some(credential) = binding.credential.as_ref().filter(|c| !c.by_people) else { continue };
            let by = match credential.origin {
                Origin::Generate => "External Secrets",
                Origin::Made => binding.provider.as_str(),
                Origin::Store | Origin::File | Origin::Identity => continue,
            };
            let one = made.entry((&credential.namespace, &credential.secret)).or_insert_with(|| Made {
                namespace: &credential.namespace,
                secret: &credential.secret,
                keys: credential.keys.values().map(String::as_str).collect(),
                by,
                readers: BTreeSet::new(),
            });
            one.readers.insert(&instance.name);
        }
    }
    made.into_values().collect()
}

/// Writes lists for people.
pub fn text(lists: &[List<'_>]) -> String {
    lists.iter().map(target_text).collect::<Vec<_>>().join("\n")
}

fn target_text(list: &List<'_>) -> String {
    let mut out = String::new();
    let mut line = |text: &str| writeln!(out, "{}", text.trim_end()).expect("a string takes all");
    line(&format!("# {}", list.target.name));
    if list.items.is_empty() && list.kept.is_empty() && list.made.is_empty() && list.written.is_empty() {
        line("no secrets are needed");
    }
    if !list.items.is_empty() {
        line(&format!("\nTo create in the store `{}` ({}):", list.store, list.provider));
    }
    for item in &list.items {
        line(&format!("\n  {}", item.name));
        if item.precious {
            line("    precious: losing it means losing data, so keep a separate copy");
        }
        let width = item.properties.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
        for (name, readers) in &item.properties {
            let name = if name.is_empty() { "(the whole item)" } else { name };
            line(&format!("    {name:width$}  read by {}", readers.join(", ")));
        }
        if !item.how.is_empty() {
            line(&format!("    how: {}", item.how));
        }
    }
    if !list.kept.is_empty() {
        line("\nTo create in the cluster before their components start:");
    }
    for (namespace, name, kept) in &list.kept {
        line(&format!("\n  Secret {namespace}/{name} ({})", kept.kind));
        if kept.precious {
            line("    precious: losing it means losing data, so keep a separate copy");
        }
        let width = kept.keys.keys().map(|key| key.chars().count()).max().unwrap_or(0);
        for (key, form) in &kept.keys {
            line(&format!("    {key:width$}  {form}"));
        }
        for (key, value) in &kept.labels {
            line(&format!("    label {key}={value}"));
        }
        for (key, value) in &kept.annotations {
            line(&format!("    annotation {key}={value}"));
        }
        line(&format!("    read by {}", kept.readers.iter().cloned().collect::<Vec<_>>().join(", ")));
        if let Some(hint) = &kept.hint {
            line(&format!("    how: {hint}"));
        }
    }
    if !list.written.is_empty() {
        line("\nGenerated in the cluster and written to the store unless already there; nothing to do:");
    }
    for (item, properties, readers) in &list.written {
        let readers: Vec<&str> = readers.iter().copied().collect();
        line(&format!("  {item} ({}), read by {}", properties.join(", "), readers.join(", ")));
    }
    if !list.made.is_empty() {
        line("\nCreated in the cluster; nothing to do:");
    }
    for made in &list.made {
        let readers: Vec<&str> = made.readers.iter().copied().collect();
        line(&format!(
            "  Secret {}/{} ({}) by {}, used by {}",
            made.namespace,
            made.secret,
            made.keys.join(", "),
            made.by,
            readers.join(", ")
        ));
    }
    crate::diag::escape::lines(&out).into_owned()
}

/// Writes lists for programs.
pub fn json(lists: &[List<'_>]) -> String {
    let targets: Vec<Json> = lists.iter().map(target_json).collect();
    crate::diag::escape::json(format!("{:#}\n", json!({ "targets": targets })))
}

fn target_json(list: &List<'_>) -> Json {
    let items = list.items.iter().map(|item| {
        let properties = item.properties.iter().map(|(name, readers)| json!({"name": name, "readers": readers}));
        json!({
            "item": item.name, "properties": properties.collect::<Vec<_>>(), "precious": item.precious,
            "how": Some(&item.how).filter(|how| !how.is_empty()),
        })
    });
    let kept = list.kept.iter().map(|(namespace, name, kept)| {
        json!({
            "namespace": namespace, "secret": name, "type": kept.kind, "keys": kept.keys, "labels": kept.labels,
            "annotations": kept.annotations,
            "readers": kept.readers, "precious": kept.precious, "how": kept.hint,
        })
    });
    let made = list.made.iter().map(|made| {
        json!({
            "namespace": made.namespace, "secret": made.secret, "keys": made.keys, "by": made.by, "readers": made.readers,
        })
    });
    json!({
        "target": list.target.name,
        "store": Some(list.store).filter(|s| !s.is_empty()),
        "provider": Some(list.provider).filter(|p| !p.is_empty()),
        "items": items.collect::<Vec<_>>(),
        "kept": kept.collect::<Vec<_>>(),
        "made_in_cluster": made.collect::<Vec<_>>(),
        "written_by_cluster": list
            .written
            .iter()
            .map(|(item, properties, readers)| json!({"item": item, "properties": properties, "readers": readers}))
            .collect::<Vec<_>>(),
    })
}
