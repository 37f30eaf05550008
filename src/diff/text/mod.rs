//! Changes → text for a terminal: the verdict first, the plan last, risk before routine.
//!
//! Every word that comes from a repository is made inert on its way out (see [`escape`]). Nothing is
//! told by colour alone.

mod body; // the lines below the head of a change

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::{Action, Change, Changes, Hunk, Level, Side, Subject};
use crate::diag::escape;

/// Fewer equal changes than this are printed one by one.
const FOLD: usize = 3;

/// Returns the report; the last line is the plan, or `No changes.`
pub fn render(changes: &Changes, color: bool) -> String {
    let paint = Paint { color };
    let mut out = String::new();
    if changes.is_empty() {
        hidden(&mut out, changes);
        out.push_str("No changes.\n");
        return out;
    }
    line(&mut out, &paint.bold(&verdict(changes)));
    line(&mut out, &changes.summary().to_string());
    let bodies: Vec<String> = changes.resources.iter().map(|change| body::render(change, paint)).collect();
    let alike = alike(changes, &bodies);
    let mut section = String::new();
    let mut done = BTreeSet::new();
    for (n, change) in changes.resources.iter().enumerate() {
        if done.contains(&n) {
            continue;
        }
        let title =
            if change.risk.is_some() { "at risk".to_owned() } else { escape::line(&change.side.to_string()).into() };
        if title != section {
            write!(out, "\n{}\n", paint.bold(&title)).expect("writing to a string");
            section = title;
        }
        let group = alike.get(bodies[n].as_str()).filter(|_| can_fold(change)).filter(|group| group.len() >= FOLD);
        match group {
            Some(group) => {
                for n in group {
                    line(&mut out, &head(&changes.resources[*n], paint));
                }
                writeln!(out, "    same change in {} resources:", group.len()).expect("writing to a string");
                done.extend(group.iter().copied());
            }
            None => line(&mut out, &head(change, paint)),
        }
        out.push_str(&bodies[n]);
    }
    out.push('\n');
    hidden(&mut out, changes);
    line(&mut out, &changes.summary().to_string());
    out
}

/// Returns hunks alone, each line indented as below the head of a change.
pub fn hunks(hunks: &[Hunk], color: bool) -> String {
    body::hunks(hunks, Paint { color })
}

/// Returns one line per component and target with its counts, and the plan.
pub fn stat(changes: &Changes) -> String {
    let mut rows: BTreeMap<(String, String), [usize; 3]> = BTreeMap::new();
    for change in &changes.resources {
        let component = if change.component.is_empty() { "(top level)" } else { &change.component };
        let row = rows.entry((change.side.to_string(), component.to_owned())).or_default();
        row[match change.action {
            Action::Add => 0,
            Action::Change => 1,
            Action::Destroy => 2,
        }] += 1;
    }
    let mut out = String::new();
    let rows: Vec<(String, [usize; 3])> = rows
        .into_iter()
        .map(|((side, component), n)| (escape::line(&format!("{component} ({side})")).into(), n))
        .collect();
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    for (name, [add, change, destroy]) in rows {
        writeln!(out, " {name:width$} | +{add} ~{change} -{destroy}").expect("writing to a string");
    }
    line(&mut out, &if changes.is_empty() { "No changes.".to_owned() } else { changes.summary().to_string() });
    out
}

/// Returns the files that differ, each on its line, sorted.
pub fn name_only(changes: &Changes) -> String {
    let files: BTreeSet<&str> = changes
        .resources
        .iter()
        .flat_map(|change| [Some(change.file.as_str()), change.moved_from.as_deref()])
        .flatten()
        .collect();
    files.into_iter().fold(String::new(), |mut out, file| {
        line(&mut out, &escape::line(file));
        out
    })
}

/// Colours, or none.
#[derive(Clone, Copy)]
struct Paint {
    color: bool,
}

impl Paint {
    fn with(self, code: &str, text: &str) -> String {
        if self.color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    fn dim(self, text: &str) -> String {
        self.with("2", text)
    }

    fn marker(self, marker: &str, text: &str) -> String {
        match marker.chars().next() {
            Some('+') => self.with("32", text),
            Some('-') => self.with("31", text),
            Some('!') => self.with("1;31", text),
            _ => self.with("33", text),
        }
    }
}

fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}

/// Says what matters most, in one line.
fn verdict(changes: &Changes) -> String {
    let count = |level| changes.resources.iter().filter(|c| c.risk.as_ref().is_some_and(|r| r.level == level)).count();
    let words = [
        (count(Level::DataLoss), "can lose data"),
        (count(Level::Failure), "can fail"),
        (count(Level::Caution), "to review"),
    ];
    let parts: Vec<String> =
        words.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{} {what}", plural(*n, "change"))).collect();
    if parts.is_empty() { "no data at risk".to_owned() } else { parts.join(", ") }
}

fn plural(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

/// Groups changes with the same body.
fn alike<'a>(changes: &Changes, bodies: &'a [String]) -> BTreeMap<&'a str, Vec<usize>> {
    let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (n, _) in changes.resources.iter().enumerate().filter(|(_, change)| can_fold(change)) {
        groups.entry(&bodies[n]).or_default().push(n);
    }
    groups
}

/// Only routine changes are folded: what is at risk is always shown in full.
fn can_fold(change: &Change) -> bool {
    change.risk.is_none() && change.action == Action::Change && change.counts.is_none()
}

fn head(change: &Change, paint: Paint) -> String {
    let action = match change.action {
        Action::Add => "+",
        Action::Change => "~",
        Action::Destroy => "-",
    };
    let is_risky = change.risk.as_ref().is_some_and(|risk| risk.level < Level::Caution);
    let marker = if is_risky { format!("!{action}") } else { action.to_owned() };
    let side = match &change.side {
        Side::Base if change.targets.is_empty() => "base".to_owned(),
        Side::Base => format!("base of {}", change.targets.join(", ")),
        Side::Target(target) => target.clone(),
    };
    let subject = escape::line(&change.subject.to_string()).into_owned();
    if let Subject::File(_) = change.subject {
        return paint.marker(&marker, &format!("{marker} {subject}"));
    }
    let text = paint.marker(&marker, &format!("{marker} {subject} ({})", escape::line(&side)));
    format!("{text}  {}", paint.dim(&escape::line(&change.file)))
}

fn hidden(out: &mut String, changes: &Changes) {
    if changes.hidden.is_empty() {
        return;
    }
    let total: usize = changes.hidden.iter().map(|hidden| hidden.count).sum();
    let parts: Vec<String> = changes.hidden.iter().map(|h| format!("{} {} ({})", h.count, h.what, h.rule)).collect();
    writeln!(out, "{} hidden: {}", plural(total, "difference"), parts.join(", ")).expect("writing to a string");
}

#[cfg(test)]
mod tests;
