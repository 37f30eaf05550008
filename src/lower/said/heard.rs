//! Which words of a component anything read while its targets were rendered. The others do nothing, and are said so.
//!
//! An option is read by a template ([`crate::lower::templates::watched`]), or by a text of component.toml or of the user's own that is filled
//! in (`Known::read`). A slot is read in the same way; besides, a binding may do something by itself: a database is made,
//! a consumer waits. Words of pods are read by templates where the component has no chart that takes them. What several
//! targets share counts when one of them reads it.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::read_where;
use crate::catalog::Pod;
use crate::diag::several::Several;
use crate::diag::{Diagnostic, Sources, Span};
use crate::lower::secrets::secret_keys::itemless_store;
use crate::lower::templates::watched::{Path, Reads};
use crate::lower::{Lowering, WITHOUT_EFFECT};
use crate::parse::string::environment_name;
use crate::parse::{Entry, Kind, Node};
use crate::resolve::{Binding, Credential, Instance, Origin, Platform, SlotBinding, Store, Target};
use crate::settings::policy::Network;

/// Places whose words were read, in one target or another.
#[derive(Debug, Default)]
pub struct Heard {
    pub places: RefCell<BTreeSet<Span>>,
}

impl Heard {
    /// Remembers which words of a component were read in a target. With `all`, nobody can tell: a template stopped.
    pub fn listen(&self, lowering: &Lowering<'_>, instance: &Instance, reads: &[Arc<Reads>], all: bool) {
        let mut places = self.places.borrow_mut();
        let named = &instance.definition.reads;
        let asked = |path: &Path| reads.iter().any(|reads| reads.contains(path));
        let read = |path: &Path| all || asked(path) || named.iter().any(|named| covers(named, path));
        for (name, entry) in options(instance) {
            leaves(&entry.node, &mut path(&["options", name]), &mut |path, place| {
                if read(path) {
                    places.insert(place);
                }
            });
        }
        for (name, entry, bound) in slots(instance) {
            if read(&path(&["requires", name])) || acts(lowering, instance, name, bound) {
                places.insert(entry.key);
            }
        }
        for (slot, given) in &instance.said.credentials {
            let credentials = instance.bindings.get(slot).into_iter().flat_map(SlotBinding::all);
            let mut credentials = credentials.filter_map(|binding| binding.credential.as_ref());
            let acts =
                |c: &Arc<Credential>| c.said != Span::default() && (c.at_provider || c.origin == Origin::Identity);
            if all || credentials.any(acts) {
                places.insert(given.0.places.key);
            }
        }
        for (pod, word, place) in pod_words(instance) {
            if fields(word).iter().any(|field| read(&path(&["pods", pod, field]))) {
                places.insert(place);
            }
        }
    }

    /// Reports what nothing read in any target.
    pub fn report(&self, platform: &Platform, sources: &Sources, several: &mut Several) {
        let places = self.places.borrow();
        for (index, target) in platform.targets.iter().enumerate() {
            let found = target.instances.values().flat_map(|i| unheard(&places, target, i, sources)).collect();
            several.add(index, target.settings.policy.level_warnings(found));
        }
    }
}

/// A word that nothing read, or a table of which nothing was read.
struct Silent<'a> {
    /// The part of the context that it stands in, and the way to it there.
    part: &'static str,
    path: Path,
    word: String,
    key: Span,
    /// The table behind the key.
    table: Option<&'a Node>,
}

fn unheard(places: &BTreeSet<Span>, target: &Target, instance: &Instance, sources: &Sources) -> Vec<Diagnostic> {
    let mut silent = Vec::new();
    for (name, entry) in options(instance) {
        topmost(entry.key, &entry.node, &mut path(&[name]), places, &mut |path, key, node| {
            let word = path.join(".");
            silent.push(Silent { part: "options", path: path.clone(), word, key, table: Some(node) });
        });
    }
    for (name, entry, _) in slots(instance).filter(|(_, entry, _)| !places.contains(&entry.key)) {
        silent.push(Silent { part: "requires", path: path(&[name]), word: name.into(), key: entry.key, table: None });
    }
    for (pod, word, key) in pod_words(instance).filter(|(.., key)| !places.contains(key)) {
        let path = path(&[pod, fields(word)[0]]);
        silent.push(Silent { part: "pods", path, word: format!("pods.{pod}.{word}"), key, table: None });
    }
    let words = silent.into_iter().map(|silent| silent.finding(instance, sources));
    words.chain(credentials(places, &target.store, instance)).collect()
}

/// Returns a finding for each credential that nothing read.
fn credentials(places: &BTreeSet<Span>, store: &Store, instance: &Instance) -> Vec<Diagnostic> {
    let silent = instance.said.credentials.iter().filter(|(_, given)| !places.contains(&given.0.places.key));
    let findings = silent.map(|(slot, given)| {
        let message = format!("`credentials.{slot}` of `{}` has no effect here", instance.name);
        let finding = Diagnostic::warning(&WITHOUT_EFFECT, message).at(given.0.places.key, "");
        let bindings = instance.bindings.get(slot).map(SlotBinding::all).unwrap_or_default();
        match bindings.first() {
            None => finding.note(format!("slot `{slot}` is not bound")),
            Some(binding) if binding.credential.is_none() => {
                finding.note(format!("`{}` needs no credential from `{}`", binding.provider, instance.name))
            }
            Some(_) if store.kept_by_people() && given.0.item.is_some() => {
                let instead = format!("set the Secret: `credentials.{slot} = {{ source = \"file\", secret = \"…\" }}`");
                finding.note(itemless_store(store)).help(instead)
            }
            Some(binding) => {
                let finding = finding.note(format!("nothing in `{}` reads it", instance.name));
                let key = binding.credential.as_ref().and_then(|credential| credential.keys.keys().next_back());
                match key.filter(|_| instance.definition.keys.keys.contains_key("env")) {
                    Some(field) => finding.help(format!(
                        "pass it as an environment variable: `env.{} = \"${{requires.{slot}.{field}}}\"`",
                        environment_name(field)
                    )),
                    None => finding,
                }
            }
        }
    });
    findings.collect()
}

impl Silent<'_> {
    fn finding(&self, instance: &Instance, sources: &Sources) -> Diagnostic {
        let message = format!("`{}` of `{}` has no effect here", self.word, instance.name);
        let mut finding = Diagnostic::warning(&WITHOUT_EFFECT, message).at(self.key, "");
        // A table may be written over several lines.
        let line = |place: Span| (place.source, sources.line_column(place).0);
        let mut lines = BTreeSet::from([line(self.key)]);
        if let Some(table) = self.table {
            leaves(table, &mut Path::new(), &mut |_, place| {
                if lines.insert(line(place)) {
                    finding.labels.extend(Diagnostic::warning(&WITHOUT_EFFECT, "").at(place, "").labels);
                }
            });
        }
        read_where::explain(finding, &instance.definition, self.part, &self.path)
    }
}

fn path(steps: &[&str]) -> Path {
    steps.iter().map(|step| Arc::from(*step)).collect()
}

/// Returns the options that users wrote.
fn options(instance: &Instance) -> impl Iterator<Item = (&str, &Entry)> {
    instance.definition.options.keys().filter_map(|name| Some((name.as_str(), instance.entry(name)?)))
}

/// Returns the slots that users bound to something.
fn slots(instance: &Instance) -> impl Iterator<Item = (&str, &Entry, &SlotBinding)> {
    instance.definition.requires.keys().filter_map(|name| {
        Some((
            name.as_str(),
            instance.entry(name)?,
            instance.bindings.get(name).filter(|bound| !bound.all().is_empty())?,
        ))
    })
}

/// Returns the words of pods that templates take, as users wrote them: the pod, the word, its place.
fn pod_words(instance: &Instance) -> impl Iterator<Item = (&str, &'static str, Span)> {
    instance.said.pods.iter().flat_map(|(name, said)| {
        let pod = instance.definition.pods.get(name);
        let words = ["replicas", "cpu", "memory", "placement", "env"].into_iter();
        let taken = words.filter(move |word| said.places.has(word) && pod.is_some_and(|pod| !has_path(pod, word)));
        taken.map(move |word| (name.as_str(), word, said.places.key_of(word)))
    })
}

fn has_path(pod: &Pod, word: &str) -> bool {
    match word {
        "replicas" => pod.replicas.is_some(),
        "cpu" | "memory" => pod.resources.is_some(),
        "placement" => pod.placement.is_some(),
        _ => pod.env.is_some(),
    }
}

/// Returns where templates see a word of pods.
fn fields(word: &str) -> &'static [&'static str] {
    match word {
        "replicas" => &["replicas"],
        "cpu" | "memory" => &["resources"],
        "placement" => &["node_selector", "tolerations", "spread", "affinity"],
        _ => &["env"],
    }
}

/// Calls `each` with every value that has nothing below it, its path and its place.
fn leaves(node: &Node, at: &mut Path, each: &mut dyn FnMut(&Path, Span)) {
    let mut below = |key: Arc<str>, node: &Node| {
        at.push(key);
        leaves(node, at, each);
        at.pop();
    };
    match &node.kind {
        Kind::Table(table) if !table.is_empty() => {
            table.iter().for_each(|(key, entry)| below(key.clone(), &entry.node));
        }
        Kind::List(list) if holds_tables(list) => {
            list.iter().enumerate().for_each(|(number, item)| below(number.to_string().into(), item));
        }
        _ => each(at, node.span),
    }
}

fn holds_tables(list: &[Node]) -> bool {
    list.iter().any(|item| matches!(item.kind, Kind::Table(_)))
}

/// Calls `each` with every key that nothing read; a table of which nothing was read is one key.
fn topmost<'a>(
    key: Span,
    node: &'a Node,
    at: &mut Path,
    places: &BTreeSet<Span>,
    each: &mut dyn FnMut(&Path, Span, &'a Node),
) {
    let mut heard = false;
    leaves(node, at, &mut |_, place| heard |= places.contains(&place));
    if !heard {
        each(at, key, node);
        return;
    }
    let mut below = |step: Arc<str>, key: Span, node: &'a Node| {
        at.push(step);
        topmost(key, node, at, places, each);
        at.pop();
    };
    match &node.kind {
        Kind::Table(table) => table.iter().for_each(|(step, entry)| below(step.clone(), entry.key, &entry.node)),
        Kind::List(list) if holds_tables(list) => {
            list.iter().enumerate().for_each(|(number, item)| below(number.to_string().into(), item.span, item));
        }
        _ => {}
    }
}

/// Says whether what is at a path is what component.toml reads as `named`, or a table above that; `*` stands for any key.
fn covers(named: &Path, path: &Path) -> bool {
    named.len() >= path.len() && named.iter().zip(path).all(|(named, step)| **named == **step || &**named == "*")
}

/// Says whether a binding does something though nothing reads what it gives.
fn acts(lowering: &Lowering<'_>, instance: &Instance, slot: &str, bound: &SlotBinding) -> bool {
    let slots = &instance.definition.requires;
    let followed = slots.values().any(|other| other.follows.as_deref() == Some(slot));
    let waits = slots.get(slot).is_some_and(|slot| slot.wait);
    let guarded = lowering.target.settings.policy.network == Network::Bindings;
    let claims = |binding: &Binding| {
        let capability = lowering.known.catalogue.capabilities.get(&binding.capability);
        capability.is_some_and(|capability| !capability.claim.is_empty())
    };
    let one = |binding: &&Binding| {
        let identity = binding.credential.as_ref().is_some_and(|c| c.origin == Origin::Identity);
        let here = lowering.visible(&binding.provider).is_some();
        identity || (here && (waits || guarded || claims(binding)))
    };
    followed || bound.all().iter().any(one)
}
