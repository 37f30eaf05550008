//! Tree × tree → resource changes.
//!
//! The old tree is what git holds, the new one a fresh compile. Resources are matched by group, kind,
//! namespace and name, whichever file they stand in; lists by their keys. Out goes a list of changes
//! with the risk of each. Nothing is dropped without a count, secret values never leave this folder,
//! and what is too large to compare in detail is counted and said so.

mod appset; //   Applications that a set no longer makes
mod items; //    files that differ → resources and documents
mod lines; //    how many lines of a text differ
mod lists; //    list items matched by their keys
mod pairs; //    moved and renamed resources
mod place; //    path → component and target
mod quantity; // `1000m` is `1`
pub mod risk; // what a change can do to data
mod secrets; //  values that are never shown
pub mod text;
mod values; //   value × value → hunks // changes → text for a terminal

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::emit::Tree;
use crate::manifest::object::ObjectId;
use crate::manifest::value::Value;

use items::{Item, Key};
use lines::LineCounts;
pub use place::Side;
pub use risk::{Level, Risk};

/// A change keeps at most this many hunks; the rest is counted.
const HUNKS: usize = 200;

/// All differences between two trees.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Changes {
    /// Worst first, then by target, component and name.
    pub resources: Vec<Change>,
    /// What is left out, and how often.
    pub hidden: Vec<Hidden>,
}

/// A rule that leaves out differences without meaning, with the number of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hidden {
    pub rule: &'static str,
    /// What they are, as the end of the sentence "3 …".
    pub what: &'static str,
    pub count: usize,
}

/// One resource or document that differs.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The file that holds it, or held it when it is removed.
    pub file: String,
    /// The component, or the folder (`argocd`, `flux`, `bootstrap`) for what belongs to none.
    pub component: String,
    pub side: Side,
    /// The targets that see it: the side's own, or for the base all of the component's.
    pub targets: Vec<String>,
    pub subject: Subject,
    pub action: Action,
    pub hunks: Vec<Hunk>,
    /// How many further hunks there are.
    pub more_hunks: usize,
    /// Set when the difference was too large to compare in detail.
    pub counts: Option<LineCounts>,
    pub risk: Option<Risk>,
    /// The other half of a rename: an added resource nearly equal to a removed one.
    pub renamed: Option<Subject>,
    /// The file that the same resource stood in before, when that was in another folder.
    pub moved_from: Option<String>,
}

/// What a change is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    Object(ObjectId),
    /// A Kustomize patch for an object of the base.
    Patch(ObjectId),
    /// The Helm values of a component.
    Values(String),
    /// The kustomization file of a folder.
    Kustomization(String),
    /// A whole file, by its path.
    File(String),
}

impl Subject {
    /// Returns the object, or the one that is patched.
    pub fn object(&self) -> Option<&ObjectId> {
        match self {
            Self::Object(id) | Self::Patch(id) => Some(id),
            _ => None,
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Object(id) => id.fmt(f),
            Self::Patch(id) => write!(f, "patch of {id}"),
            Self::Values(component) => write!(f, "Helm values {component}"),
            Self::Kustomization(folder) => write!(f, "kustomization {folder}"),
            Self::File(path) => write!(f, "file {path}"),
        }
    }
}

/// What happens to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    Destroy,
    Change,
    Add,
}

/// One difference inside a resource.
#[derive(Clone, Debug, PartialEq)]
pub struct Hunk {
    /// As in `spec.containers[name=trino].image`; empty for the whole document.
    pub path: String,
    pub old: Option<Value>,
    pub new: Option<Value>,
    /// The values are secret and not in `old` and `new`.
    pub masked: bool,
}

/// The counts of the plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    pub add: usize,
    pub change: usize,
    pub destroy: usize,
}

impl fmt::Display for Summary {
    /// The sentence of `terraform plan`, which scripts look for.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Plan: {} to add, {} to change, {} to destroy.", self.add, self.change, self.destroy)
    }
}

/// What to compare and show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Shows also what the rules in [`Changes::hidden`] leave out.
    pub show_hidden: bool,
}

impl Changes {
    /// Says whether there is nothing to show.
    pub fn is_empty(&self) -> bool {
        self.resources.is_empty()
    }

    /// Returns how many changes there are of each action.
    pub fn summary(&self) -> Summary {
        let count = |action| self.resources.iter().filter(|change| change.action == action).count();
        Summary { add: count(Action::Add), change: count(Action::Change), destroy: count(Action::Destroy) }
    }

    fn hide(&mut self, rule: &'static str, what: &'static str) {
        match self.hidden.iter_mut().find(|hidden| hidden.rule == rule) {
            Some(hidden) => hidden.count += 1,
            None => self.hidden.push(Hidden { rule, what, count: 1 }),
        }
    }
}

/// Compares two trees.
pub fn diff(old: &Tree, new: &Tree, options: Options) -> Changes {
    let mut changes = Changes::default();
    let (olds, news) = items::read(old, new);
    let differing: BTreeSet<&str> = items::differing(old, new);
    let mut pairs: BTreeMap<&Key, (Option<&Item>, Option<&Item>)> = BTreeMap::new();
    for item in &olds {
        pairs.entry(&item.key).or_default().0 = Some(item);
    }
    for item in &news {
        pairs.entry(&item.key).or_default().1 = Some(item);
    }
    let targets = place::targets([old, new]);
    let paired = pairs::pair(pairs.into_values().collect(), &targets);
    let mut seen = BTreeSet::new();
    for pair in &paired {
        seen.extend(pair.old.iter().chain(&pair.new).map(|item| item.file));
        match change(pair, &targets) {
            Some(change) => match rule_for(&change).filter(|_| !options.show_hidden) {
                Some((rule, what)) => changes.hide(rule, what),
                None => changes.resources.push(change),
            },
            None => changes.hide("layout", "resources with different spelling but the same meaning"),
        }
    }
    // A file can differ in its comments or the order of its documents alone.
    for _ in differing.iter().filter(|path| !seen.contains(*path)) {
        changes.hide("layout", "resources with different spelling but the same meaning");
    }
    changes.resources.sort_by(|a, b| order(a).cmp(&order(b)));
    changes.hidden.sort_by_key(|hidden| hidden.rule);
    changes
}

/// Risky ones first, then by target, component, action and name.
fn order(change: &Change) -> impl Ord + '_ {
    (
        change.risk.as_ref().map_or(u8::MAX, |risk| risk.level as u8),
        &change.side,
        &change.component,
        change.action,
        &change.subject,
        &change.file,
    )
}

/// Returns the change that a pair stands for, or nothing when both halves mean the same.
fn change(pair: &pairs::Pair, targets: &BTreeMap<String, BTreeSet<String>>) -> Option<Change> {
    let item = pair.new.or(pair.old)?;
    let (old, new) = (pair.old, pair.new);
    let action = action(pair);
    let counts = items::is_too_large(old, new).then(|| lines::count(items::text(old), items::text(new)));
    let mut hunks = if counts.is_some() { Vec::new() } else { items::hunks(pair) };
    let moved_from = old.zip(new).and_then(|(old, new)| (old.place != new.place).then(|| old.file.to_owned()));
    if hunks.is_empty() && counts.is_none() && moved_from.is_none() && pair.renamed.is_none() {
        return None;
    }
    // Before all else that could repeat a value, reasons included.
    secrets::mask(&item.key.subject, &mut hunks);
    let risk = risk::assess(&risk::Subject {
        subject: &item.key.subject,
        action,
        old: old.and_then(|item| item.value.as_ref()),
        new: new.and_then(|item| item.value.as_ref()),
        hunks: &hunks,
        is_moved: old
            .zip(new)
            .is_some_and(|(old, new)| (&old.place.folder, &old.place.stage) != (&new.place.folder, &new.place.stage)),
    });
    let more_hunks = hunks.len().saturating_sub(HUNKS);
    hunks.truncate(HUNKS);
    Some(Change {
        file: item.file.to_owned(),
        component: item.place.component.clone(),
        side: item.place.side.clone(),
        targets: match &item.place.side {
            Side::Target(target) => vec![target.clone()],
            Side::Base => targets.get(&item.place.folder).into_iter().flatten().cloned().collect(),
        },
        subject: item.key.subject.clone(),
        action,
        hunks,
        more_hunks,
        counts,
        risk,
        renamed: pair.renamed.map(|other| other.key.subject.clone()),
        moved_from,
    })
}

/// A patch that comes or goes changes its object; one that deletes it takes it away.
fn action(pair: &pairs::Pair) -> Action {
    let deletes = |item: Option<&Item>| {
        let value = item.and_then(|item| item.value.as_ref());
        value.and_then(|value| value.get("$patch")).and_then(Value::as_str) == Some("delete")
    };
    if matches!(pair.new.or(pair.old).map(|item| &item.key.subject), Some(Subject::Patch(_))) {
        return match (deletes(pair.old), deletes(pair.new)) {
            (false, true) => Action::Destroy,
            (true, false) => Action::Add,
            _ => Action::Change,
        };
    }
    match (pair.old, pair.new) {
        (None, _) => Action::Add,
        (_, None) => Action::Destroy,
        _ => Action::Change,
    }
}

/// Returns the rule that leaves out a change, when there is one.
fn rule_for(change: &Change) -> Option<(&'static str, &'static str)> {
    match &change.subject {
        Subject::File(path) if path == ".lakegen/index.json" => Some(("index", "list of owned files")),
        Subject::Kustomization(_) if change.counts.is_none() && items::follows_folder(&change.hunks) => {
            Some(("kustomization", "kustomization files that only list the files beside them"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
