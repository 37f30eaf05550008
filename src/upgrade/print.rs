//! Reports on upgrades as text for a terminal, as Markdown for a pull request, as JSON for programs.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use super::{Crd, DefaultValue, ImageChange, Report, Unread, Upgrade};
use crate::diag::escape;
use crate::diag::{Level, quoted_list};
use crate::diff::{Action, Change, Hunk, text as changes};
use crate::manifest::value::Value;
use crate::manifest::yaml;

/// Default values that a person is shown; the others are counted.
const SHOWN_DEFAULTS: usize = 60;
/// Shortest fence of a block in Markdown.
const FENCE: usize = 3;

/// A title and the lines below it, each with its line break.
type Section = (String, String);

/// Writes a report for a terminal.
pub fn text(report: &Report, color: bool) -> String {
    if report.is_empty() {
        return "No changes.\n".to_owned();
    }
    let mut out = format!("{}\n", head(report));
    for (title, body) in sections(report, color) {
        write!(out, "\n{title}\n{body}").expect("a string takes all");
    }
    out
}

/// Writes a report for a pull request.
pub fn markdown(report: &Report) -> String {
    if report.is_empty() {
        return "No changes.\n".to_owned();
    }
    let mut out = format!("### {}\n", head(report).replace('`', "'"));
    for (title, body) in sections(report, false) {
        let longest = body.split(|c| c != '`').map(str::len).max().unwrap_or(0);
        let fence = "`".repeat(FENCE.max(longest + 1));
        write!(out, "\n**{}**\n\n{fence}text\n{body}{fence}\n", title.replace('`', "'")).expect("a string takes all");
    }
    out
}

fn head(report: &Report) -> String {
    let charts: Vec<String> = report.charts.iter().map(|c| format!("{} {} → {}", c.name, c.old, c.new)).collect();
    let head = format!("{}: chart {}, in {}", report.component, charts.join(", chart "), report.targets.join(", "));
    escape::line(&head).into_owned()
}

/// Returns what there is to say, the worst first.
fn sections(report: &Report, color: bool) -> Vec<Section> {
    let mut all: Vec<Section> = Vec::new();
    let mut add = |title: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            let body = lines.iter().fold(String::new(), |text, line| text + "  " + line + "\n");
            all.push((title.to_owned(), escape::lines(&body).into_owned()));
        }
    };
    let several = report.targets.len() > 1;
    let within = |targets: &[String]| match several && targets.len() < report.targets.len() {
        true => format!(" ({})", targets.join(", ")),
        false => String::new(),
    };
    add("Not compared", report.failed.iter().map(|(target, reason)| format!("{target}: {reason}")).collect());
    add("Found with the new version", report.findings.iter().map(finding).collect());
    add("Values that the platform sets but the new version does not read", {
        report.unread.iter().map(|one| format!("{}{}", unread(one), within(&one.targets))).collect()
    });
    add("Custom resource definitions", report.crds.iter().flat_map(crd).collect());
    for upgrade in &report.charts {
        add(&format!("Chart {}", upgrade.name), upgrade.facts.iter().map(fact).collect());
    }
    add("Images", {
        report.images.iter().map(|change| format!("{}{}", image(change), within(&change.targets))).collect()
    });
    for upgrade in report.charts.iter().filter(|upgrade| !upgrade.defaults.is_empty()) {
        all.push((format!("Default values of chart {}", escape::line(&upgrade.name)), defaults(upgrade, color)));
    }
    let compared = report.failed.len() < report.targets.len();
    if compared {
        all.push(("Objects".to_owned(), changes::render(&report.objects, color)));
    }
    all
}

fn finding((level, code, message): &(Level, &'static str, String)) -> String {
    format!("{}[{code}]: {message}", word(*level))
}

fn word(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Note => "note",
    }
}

fn unread(one: &Unread) -> String {
    let Unread { path, place, by_user, named, gone, near, .. } = one;
    let mut line = format!("{path}  {place}");
    let mut say = |text: &str| write!(line, "; {text}").expect("a string takes all");
    if !by_user {
        say("set by the catalogue");
    }
    if *gone {
        say("its default was removed, too");
    }
    if *named {
        say("templates still mention it, so another value may enable it");
    }
    if !near.is_empty() {
        say(&format!("did you mean {}?", quoted_list(near.iter().map(String::as_str), "or")));
    }
    line
}

/// The API server refuses a definition without a version that `status.storedVersions` names, and answers requests for a
/// version that is not served with 404 (kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/
/// custom-resource-definition-versioning).
fn crd(change: &Crd) -> Vec<String> {
    let name = &change.name;
    let mut lines = Vec::new();
    let list = |versions: &[String]| versions.join(", ");
    if !change.removed.is_empty() {
        lines.push(format!("!- {name}: {} was removed; objects stored in it block the new CRD", list(&change.removed)));
    }
    if !change.unserved.is_empty() {
        lines.push(format!("!~ {name}: {} is no longer served; manifests that use it fail", list(&change.unserved)));
    }
    if let Some((old, new)) = &change.stored {
        lines.push(format!("~ {name}: objects are stored as {new}, not {old}"));
    }
    if !change.added.is_empty() {
        lines.push(format!("+ {name}: {}", list(&change.added)));
    }
    lines
}

fn fact((name, old, new): &(String, String, String)) -> String {
    match (old.as_str(), new.as_str()) {
        ("", new) => format!("+ {name}: {new}"),
        (old, "") => format!("- {name}: {old}"),
        (old, new) => format!("~ {name}: {old} → {new}"),
    }
}

fn image(change: &ImageChange) -> String {
    let ImageChange { repository, old, new, .. } = change;
    let list = |tags: &BTreeSet<String>| {
        let all: Vec<&str> =
            tags.iter().map(|tag| if tag.is_empty() { "(no tag)" } else { tag.trim_start_matches(':') }).collect();
        all.join(", ")
    };
    match (old.is_empty(), new.is_empty()) {
        (true, _) => format!("+ {repository}: {}", list(new)),
        (_, true) => format!("- {repository}: {}", list(old)),
        _ => format!("~ {repository}: {} → {}", list(old), list(new)),
    }
}

fn defaults(upgrade: &Upgrade, color: bool) -> String {
    let mut out = String::new();
    let (set, free): (Vec<&DefaultValue>, Vec<&DefaultValue>) = upgrade.defaults.iter().partition(|d| d.set);
    let hunks: Vec<Hunk> = free.iter().take(SHOWN_DEFAULTS).map(|default| hunk(default)).collect();
    out.push_str(&changes::hunks(&hunks, color));
    if free.len() > SHOWN_DEFAULTS {
        let more = free.len() - SHOWN_DEFAULTS;
        writeln!(out, "    and {more} more; `--format json` has all").expect("a string takes all");
    }
    if !set.is_empty() {
        let names: Vec<&str> = set.iter().map(|default| default.path.as_str()).collect();
        let text = format!("    no effect, because the platform sets them: {}\n", names.join(", "));
        out.push_str(&escape::lines(&text));
    }
    out
}

fn hunk(default: &DefaultValue) -> Hunk {
    Hunk { path: default.path.clone(), old: default.old.clone(), new: default.new.clone(), masked: false }
}

/// Writes a report for programs.
pub fn json(report: &Report) -> String {
    let crds = report.crds.iter().map(|crd| {
        json!({
            "name": crd.name, "added": crd.added, "removed": crd.removed, "not_served": crd.unserved,
            "stored": crd.stored.as_ref().map(|(old, new)| json!({ "old": old, "new": new })),
        })
    });
    let images = report.images.iter().map(|change| {
        let whole = |tags: &BTreeSet<String>| -> Vec<String> {
            tags.iter().map(|tag| format!("{}{tag}", change.repository)).collect()
        };
        json!({ "repository": change.repository, "old": whole(&change.old), "new": whole(&change.new), "targets": change.targets })
    });
    let unread = report.unread.iter().map(|one| {
        json!({
            "path": one.path, "place": one.place, "by_user": one.by_user, "default_gone": one.gone,
            "named_in_templates": one.named, "near": one.near, "targets": one.targets,
        })
    });
    let failed = report.failed.iter().map(|(target, reason)| json!({ "target": target, "reason": reason }));
    let findings = report
        .findings
        .iter()
        .map(|(level, code, message)| json!({ "level": word(*level), "code": code, "message": message }));
    let hidden = report.objects.hidden.iter().map(|h| json!({ "rule": h.rule, "what": h.what, "count": h.count }));
    let json = json!({
        "component": report.component,
        "targets": report.targets,
        "charts": report.charts.iter().map(upgrade_json).collect::<Vec<_>>(),
        "not_compared": failed.collect::<Vec<_>>(),
        "findings": findings.collect::<Vec<_>>(),
        "unread_values": unread.collect::<Vec<_>>(),
        "crds": crds.collect::<Vec<_>>(),
        "images": images.collect::<Vec<_>>(),
        "objects": report.objects.resources.iter().map(change_json).collect::<Vec<_>>(),
        "hidden": hidden.collect::<Vec<_>>(),
    });
    escape::json(format!("{json:#}\n"))
}

/// Returns a value for programs; one with an integer beyond what JSON holds here as its YAML.
fn plain(value: Option<&Value>) -> Json {
    serde_json::to_value(value).unwrap_or_else(|_| value.map(yaml::write).into())
}

fn upgrade_json(upgrade: &Upgrade) -> Json {
    let facts = upgrade.facts.iter().map(|(name, old, new)| {
        let there = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        json!({ "name": name, "old": there(old), "new": there(new) })
    });
    let defaults = upgrade
        .defaults
        .iter()
        .map(|d| json!({ "path": d.path, "old": plain(d.old.as_ref()), "new": plain(d.new.as_ref()), "set_by_platform": d.set }));
    json!({
        "name": upgrade.name, "old": upgrade.old, "new": upgrade.new, "metadata": facts.collect::<Vec<_>>(),
        "defaults": defaults.collect::<Vec<_>>(),
    })
}

fn change_json(change: &Change) -> Json {
    let action = match change.action {
        Action::Add => "add",
        Action::Change => "change",
        Action::Destroy => "destroy",
    };
    let id = change.subject.object();
    let hunks = change.hunks.iter().map(
        |h| json!({ "path": h.path, "old": plain(h.old.as_ref()), "new": plain(h.new.as_ref()), "hidden": h.masked }),
    );
    json!({
        "action": action,
        "object": change.subject.to_string(),
        "group": id.map(|id| &*id.group), "kind": id.map(|id| &*id.kind), "namespace": id.map(|id| &*id.namespace),
        "name": id.map(|id| &*id.name),
        "template": change.file,
        "targets": change.targets,
        "risk": change.risk.as_ref().map(|risk| json!({ "level": risk.level.words(), "reason": risk.reason })),
        "renamed": change.renamed.as_ref().map(ToString::to_string),
        "changes": hunks.collect::<Vec<_>>(),
        "more_changes": change.more_hunks,
    })
}
