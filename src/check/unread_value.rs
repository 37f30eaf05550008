//! `unread-value`: Helm values that nothing in the chart reads, seen by running the chart's own templates with them.
//!
//! Where a chart is at hand this knows more than any list of keys: every value carries a flag that its readers set. What
//! is said is what was seen: with these values nothing read it. Whether a template so much as names the key tells a
//! misspelt value, which is a mistake, from one whose feature is switched off, which is worth a note.

use std::collections::BTreeSet;

use super::unknown_value::{self, Where, dotted, find, shown};
use super::{Context, Findings, Release};
use crate::code;
use crate::diag::{Diagnostic, Level, Sources, Span, near, quoted_list};
use crate::helm::inflate::Inflated;
use crate::manifest::value::Value;
use crate::resolve::Instance;

code!(
    UNREAD_VALUE,
    "unread-value",
    "a Helm value is set, but no template of the chart reads it",
    "Helm does not report it: the setting would silently have no effect",
    "[components.trino]\nvalues.server.wrokers = 4",
    "[components.trino]\nvalues.server.workers = 4"
);

/// Checks the values of every release whose chart is at hand.
pub fn check(context: &Context<'_>, findings: &mut Findings) {
    let mut said: BTreeSet<(String, Vec<String>)> = BTreeSet::new();
    for Release { made, instance, values, inflated } in context.releases() {
        let known = unknown_value::reported(instance, values);
        for one in unread(context.sources, instance, inflated, values) {
            // A value of the catalogue for a feature that is off is as it should be.
            if known.contains(&one.shown)
                || (one.named && one.by == Where::Catalogue)
                || !said.insert((made.name.to_string(), one.path.clone()))
            {
                continue;
            }
            findings.component(made.index, made.name, report(instance, inflated, &one));
        }
    }
}

/// A value that is set and that nothing read.
#[derive(Clone, Debug)]
pub struct Unread {
    pub path: Vec<String>,
    /// The path with indexes as `[0]`.
    pub shown: Vec<String>,
    /// Whether any template has its name in it.
    pub named: bool,
    /// Where it is written.
    pub place: Span,
    pub by: Where,
}

/// Returns the values of a release that nothing in its chart read.
pub fn unread(sources: &Sources, instance: &Instance, inflated: &Inflated, values: &Value) -> Vec<Unread> {
    let one = |path: &Vec<String>| {
        // What the chart sets itself is none of ours.
        let (path, value) = narrowed(path, values.within(path)?);
        if excused(inflated, &path) || value.is_empty() {
            return None;
        }
        let shown = shown(&path);
        let ((place, _), by) = find(sources, instance, &shown);
        let named = inflated.names(path.last().map_or("", String::as_str));
        Some(Unread { path, shown, named, place, by })
    };
    inflated.seen.reads.unread.iter().filter_map(one).collect()
}

/// Follows maps with one key down: `a: {b: {c: 1}}` was meant as `a.b.c`.
fn narrowed<'v>(path: &[String], value: &'v Value) -> (Vec<String>, &'v Value) {
    let (mut path, mut value) = (path.to_vec(), value);
    while let Some((key, below)) = value.as_map().filter(|map| map.len() == 1).and_then(|map| map.first()) {
        path.push(key.to_string());
        value = below;
    }
    (path, value)
}

/// Says whether something other than a template takes the value: Helm itself, or a subchart through its own globals.
fn excused(inflated: &Inflated, path: &[String]) -> bool {
    if inflated.switches.iter().any(|switch| switch == path || path.first().is_some_and(|first| first == "tags")) {
        return true;
    }
    let Some(at) = path.iter().position(|key| key == "global") else { return false };
    // Each subchart has a copy of the globals, and reads that.
    let asked = &inflated.seen.reads.asked;
    asked.iter().any(|other| other.len() > path.len() - at && other.ends_with(&path[at..]))
}

fn report(instance: &Instance, inflated: &Inflated, unread: &Unread) -> Diagnostic {
    let Unread { path, shown, named, place: key, by } = unread;
    let (key, named) = (*key, *named);
    let chart = instance.chart.as_ref().map_or("", |chart| chart.name.as_str());
    let name = dotted(shown);
    let last = path.last().map_or("", String::as_str);
    let diagnostic = if named {
        let message = format!("with these values, nothing in chart `{chart}` reads `{name}`");
        let note = Diagnostic { level: Level::Note, ..Diagnostic::warning(&UNREAD_VALUE, message) };
        note.at(key, "").note(format!("templates mention `{last}`, so another value may enable it"))
    } else {
        let message = format!("nothing in chart `{chart}` reads `{name}`, and none of its templates mentions `{last}`");
        let diagnostic = Diagnostic::warning(&UNREAD_VALUE, message).at(key, "");
        match nearest(inflated, path) {
            near if near.is_empty() => diagnostic,
            near => diagnostic.help(format!("did you mean {}?", quoted_list(near.iter().map(String::as_str), "or"))),
        }
    };
    match by {
        Where::Catalogue => diagnostic.at(instance.span, "used here"),
        Where::User => diagnostic,
    }
}

/// Returns the values that templates asked for and that are named much like this one: beside it first, else anywhere.
pub fn nearest(inflated: &Inflated, path: &[String]) -> Vec<String> {
    let Some((last, parent)) = path.split_last() else { return Vec::new() };
    let asked = &inflated.seen.reads.asked;
    let beside: BTreeSet<&str> = asked
        .iter()
        .filter(|other| other.len() == path.len() && other.starts_with(parent))
        .filter_map(|other| other.last())
        .map(String::as_str)
        .collect();
    let found = near(last, beside);
    if !found.is_empty() {
        let whole = |key: &str| dotted(&parent.iter().cloned().chain([key.to_owned()]).collect::<Vec<_>>());
        return found.into_iter().map(whole).collect();
    }
    let elsewhere: Vec<String> =
        asked.iter().filter(|other| other.last() == Some(last)).map(|other| dotted(other)).collect();
    if elsewhere.len() <= 3 { elsewhere } else { Vec::new() }
}
