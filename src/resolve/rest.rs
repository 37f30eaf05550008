//! What mistakes leave whole, so that everything else is judged in the same run.
//!
//! Comes in: a platform and what was found wrong with it. Goes out: the same platform without the components that a mistake
//! stands in, and without those that need one of them. What is then missing is no finding, because it was taken out here.

use std::collections::BTreeSet;

use super::instances::Instance;
use super::{Platform, Target};
use crate::catalog::SlotShape;
use crate::diag::{Diagnostic, Level, Span};
use crate::parse::{Kind, Node, Table};
use crate::settings::Text;

/// A platform without what mistakes stand in.
pub struct Rest {
    pub platform: Platform,
    /// Whether every mistake stands in components: then the others are all that their author wants them to be.
    pub is_sound: bool,
    /// Places of which the mistakes were said: more about them would be the same mistake.
    pub said: BTreeSet<Span>,
}

/// Returns what the mistakes leave whole; nothing where texts everywhere may be other ones, because variables are wrong.
pub fn rest(platform: &Platform, found: &[Diagnostic]) -> Option<Rest> {
    let errors: Vec<Span> = found
        .iter()
        .filter(|d| d.level == Level::Error)
        .map(|d| d.labels.first().map_or_else(Span::default, |label| label.span))
        .collect();
    let within = |table: &str, at: &Span| platform.targets.iter().any(|target| is_within(target, table, *at));
    if errors.iter().any(|at| within("vars", at)) {
        return None;
    }
    let is_sound = errors.iter().all(|at| within("components", at) || within("jobs", at) || within("defaults", at));
    let mut rest = Platform { is_part: true, ..platform.clone() };
    let hurt: Vec<BTreeSet<String>> = platform.targets.iter().map(|target| hurt(target, &errors)).collect();
    for (index, target) in platform.targets.iter().enumerate() {
        let shared = target.shared.map(|shared| hurt[shared].clone()).unwrap_or_default();
        let gone = with_dependents(target, &hurt[index], &shared);
        rest.targets[index].instances.retain(|name, _| !gone.contains(name));
        let claims = rest.targets[index].claims.values_mut().flat_map(|claims| claims.values_mut());
        claims.for_each(|claims| claims.retain(|claim| !gone.contains(&claim.consumer)));
        rest.targets[index].off.extend(gone);
    }
    let mut said: BTreeSet<Span> = errors.iter().copied().collect();
    platform.targets.iter().for_each(|target| values_of(&target.written, &errors, &mut said));
    Some(Rest { platform: rest, is_sound, said })
}

/// Adds the values of keys that a mistake stands at.
fn values_of(table: &Table, keys: &[Span], into: &mut BTreeSet<Span>) {
    for entry in table.values() {
        if keys.contains(&entry.key) {
            into.insert(entry.node.span);
        }
        if let Kind::Table(inner) = &entry.node.kind {
            values_of(inner, keys, into);
        }
    }
}

/// Says whether a place is in a table of a target.
fn is_within(target: &Target, table: &str, at: Span) -> bool {
    target.written.get(table).is_some_and(|entry| entry.key == at || node_holds(&entry.node, at))
}

/// Returns the components of a target that a mistake stands in.
fn hurt(target: &Target, errors: &[Span]) -> BTreeSet<String> {
    let is_hurt = |instance: &&Instance| {
        is_loose(instance) || errors.iter().any(|at| *at == instance.span || holds(&instance.table, *at))
    };
    let instances = target.instances.values().filter(is_hurt).map(|instance| instance.name.clone());
    instances.chain(target.broken.iter().cloned()).collect()
}

fn holds(table: &Table, at: Span) -> bool {
    table.values().any(|entry| entry.key == at || node_holds(&entry.node, at))
}

fn node_holds(node: &Node, at: Span) -> bool {
    let within = node.span.source == at.source && node.span.start <= at.start && at.end <= node.span.end;
    match &node.kind {
        Kind::Table(table) => node.span == at || holds(table, at),
        Kind::List(items) => within || items.iter().any(|item| node_holds(item, at)),
        _ => within,
    }
}

/// Says whether a slot that must be bound, or that the user binds, is not.
fn is_loose(instance: &Instance) -> bool {
    instance.definition.requires.iter().any(|(name, slot)| {
        let asked = !slot.optional || instance.arg(name).is_some();
        asked && slot.shape != SlotShape::Map && !instance.bindings.contains_key(name)
    })
}

/// Adds those that need one of them, and those that need these.
fn with_dependents(target: &Target, hurt: &BTreeSet<String>, shared: &BTreeSet<String>) -> BTreeSet<String> {
    let mut gone = hurt.clone();
    loop {
        let lost = |name: &str| gone.contains(name) || (shared.contains(name) && !target.instances.contains_key(name));
        let next = target.instances.values().filter(|i| !gone.contains(&i.name)).find(|i| needs(i, target, &lost));
        let Some(name) = next.map(|instance| instance.name.clone()) else { return gone };
        gone.insert(name);
    }
}

fn needs(instance: &Instance, target: &Target, lost: &impl Fn(&str) -> bool) -> bool {
    let bindings = instance.bindings.values().flat_map(|bound| bound.all());
    let said = instance.said.after.iter().chain(&instance.words.on).map(Text::as_str);
    let store = target.store.component.iter().map(String::as_str);
    let buckets = || bindings.clone().flat_map(|b| &b.buckets).filter_map(|b| target.buckets.get(b));
    bindings.clone().map(|binding| binding.provider.as_str()).any(lost)
        || buckets().any(|bucket| lost(&bucket.store))
        || instance.refers.iter().map(String::as_str).chain(said).chain(store).any(lost)
}
