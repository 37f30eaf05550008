//! Helm values against what the chart reads: `unknown-value`, `wrong-value-type` and, where nothing is known of a
//! chart, `unchecked-values`.
//!
//! Helm ignores a value that no template reads, so a misspelt one is a setting that silently does nothing.

use std::collections::BTreeSet;

use super::default_types::{Differs, differing};
use super::{Context, Findings, Made, walk};
use crate::catalog::Portion;
use crate::chart::{self, ChartFacts, Problem};
use crate::code;
use crate::diag::{Diagnostic, Level, Sources, Span, quoted_list};
use crate::helm::inflate::Inflated;
use crate::lower::charts::Sight;
use crate::lower::charts::values::split_path;
use crate::manifest::value::Value;
use crate::parse::shape::with_article;
use crate::resolve::Instance;

code!(
    UNKNOWN_VALUE,
    "unknown-value",
    "the chart has no such Helm value",
    "Helm ignores values that no template reads, so the setting would silently have no effect",
    "[components.trino]\nvalues.worker.replicas = 4",
    "[components.trino]\nvalues.server.workers = 4"
);
code!(
    WRONG_VALUE_TYPE,
    "wrong-value-type",
    "a Helm value has the wrong type for the chart",
    "the chart would fail to render, or misread it: in a template, the string \"false\" is true",
    "values.server.workers = \"four\"",
    "values.server.workers = 4"
);
code!(
    UNCHECKED_VALUES,
    "unchecked-values",
    "lakegen has no facts about a chart, so its values cannot be checked",
    "lakegen reports what it could not check: a misspelt value of this chart would go unnoticed",
    "[components.podinfo]\nuses = \"chart\"\nchart = { oci = \"oci://ghcr.io/stefanprodan/charts\", name = \"podinfo\", version = \"6.9.2\" }\nvalues.replicas = 2",
    "fetch the chart with `lakegen lock` and `lakegen fetch`, or set `policy.unchecked-values = \"off\"`"
);

/// Checks the values of every release.
pub fn check(context: &Context<'_>, findings: &mut Findings) {
    // Environments share most values: what was said of one place need not be worked out again.
    let mut said: BTreeSet<(String, Vec<String>)> = BTreeSet::new();
    for made in context.made() {
        let (Some(instance), Some(values)) = (made.instance, &made.unit.values) else { continue };
        let Some(chart) = &instance.chart else { continue };
        let Some(facts) = facts(instance) else {
            // Whose templates were run is checked by what they read: `unread-value`.
            let charts = &context.manifests.targets[made.index].charts;
            let seen = charts
                .iter()
                .any(|c| c.component == made.name && matches!(c.sight, Sight::Inflated(_) | Sight::Failed(_)));
            for sight in charts.iter().filter(|c| c.component == made.name && c.part == Portion::Main).map(|c| &c.sight)
            {
                if let Sight::Inflated(inflated) = sight {
                    by_default(context, &made, instance, inflated, values, findings);
                }
            }
            if let Some(span) = own_values(instance).filter(|_| !seen) {
                let message = format!(
                    "lakegen has no facts about chart `{}`, so the values of `{}` are not checked",
                    chart.name, made.name
                );
                let note = Diagnostic { level: Level::Note, ..Diagnostic::warning(&UNCHECKED_VALUES, message) };
                findings.component(made.index, made.name, note.at(span, ""));
            }
            continue;
        };
        let open: Vec<Vec<String>> = chart.open_values.iter().map(|path| split_path(path)).collect();
        for problem in facts.check(values) {
            if !open.iter().any(|open| problem.path().starts_with(open)) {
                let key = (made.name.to_string(), problem.path().to_vec());
                let at = find(context.sources, instance, problem.path());
                if said.insert(key) || at.1 == Where::User {
                    findings.component(made.index, made.name, report(&made, facts, &chart.version, &problem, at));
                }
            }
        }
    }
}

/// Reports values of another type than their defaults in a chart at hand.
fn by_default(
    context: &Context<'_>,
    made: &Made<'_>,
    instance: &Instance,
    inflated: &Inflated,
    values: &Value,
    findings: &mut Findings,
) {
    let chart = instance.chart.as_ref().map_or("", |chart| chart.name.as_str());
    for Differs { path, expected, found } in differing(&inflated.defaults, values) {
        let (is, takes) = (with_article(found), with_article(expected));
        let message = format!("`{}` is {is}, but its default in chart `{chart}` is {takes}", dotted(&path));
        let ((_, place), by) = find(context.sources, instance, &path);
        let diagnostic = Diagnostic::warning(&WRONG_VALUE_TYPE, message).at(place, "");
        let diagnostic = if found == "quoted boolean" { diagnostic.help("remove the quotes") } else { diagnostic };
        findings.component(
            made.index,
            made.name,
            match by {
                Where::Catalogue => diagnostic.at(instance.span, "used here"),
                Where::User => diagnostic,
            },
        );
    }
}

/// Returns what is known of an instance's chart, when it is the very chart and not only one of the same name.
fn facts(instance: &Instance) -> Option<&'static ChartFacts> {
    let chart = instance.chart.as_ref()?;
    let fits = |facts: &&ChartFacts| facts.name == chart.name && facts.release.is_at(&chart.repository);
    // A mirror has another address, but a catalogue component's chart of the same name is the same chart.
    let mirrored = |facts: &&ChartFacts| {
        facts.name == chart.name && instance.definition.chart.as_ref().is_some_and(|own| own.name == chart.name)
    };
    let by_component = chart::facts(&instance.definition.name);
    by_component.filter(|f| fits(f) || mirrored(f)).or_else(|| chart::facts(&chart.name).filter(fits))
}

/// Returns the paths that [`check`] reports as unknown.
pub(super) fn reported(instance: &Instance, values: &Value) -> BTreeSet<Vec<String>> {
    let problems = facts(instance).map(|facts| facts.check(values)).unwrap_or_default();
    problems.into_iter().filter(|p| matches!(p, Problem::Unknown { .. })).map(|p| p.path().to_vec()).collect()
}

/// Returns the place of the user's own values, when there are any.
fn own_values(instance: &Instance) -> Option<Span> {
    let places = &instance.said.places;
    ["values", "values_files"].into_iter().find(|key| places.has(key)).map(|key| places.key_of(key))
}

/// Who wrote a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Where {
    User,
    Catalogue,
}

/// Finds where a value was written: platform.toml, a values file, the component's template, or the component as a whole.
/// The places are those of the key and of the value.
pub fn find(sources: &Sources, instance: &Instance, path: &[String]) -> ((Span, Span), Where) {
    if let Some(places) = instance.said.values.as_ref().and_then(|node| walk::written(node.as_table()?, path)) {
        return (places, Where::User);
    }
    for file in &instance.said.values_files {
        let Some(source) = sources.find(file.trim_start_matches("./")) else { continue };
        if let Some((start, end)) = walk::yaml_line(sources.text(source), path) {
            let span = Span::new(source, start, end);
            return ((span, span), Where::User);
        }
    }
    if let Some(template) = &instance.definition.values
        && let Some((start, end)) = walk::yaml_line(&template.text, path)
    {
        let span = Span::new(template.source, start, end);
        return ((span, span), Where::Catalogue);
    }
    ((instance.span, instance.span), Where::Catalogue)
}

fn report(
    made: &Made<'_>,
    facts: &ChartFacts,
    version: &str,
    problem: &Problem,
    (places, by): ((Span, Span), Where),
) -> Diagnostic {
    let path = dotted(problem.path());
    let chart = facts.name;
    let diagnostic = match problem {
        Problem::Unknown { near, closed, .. } => {
            let sure = *closed || (!near.is_empty() && version == facts.version);
            let message = match closed {
                true => format!("chart `{chart}` rejects the value `{path}`: its schema has no such key"),
                false => format!("chart `{chart}` has no value `{path}`"),
            };
            let diagnostic = if sure {
                Diagnostic::error(&UNKNOWN_VALUE, message)
            } else {
                Diagnostic::warning(&UNKNOWN_VALUE, message)
            };
            let diagnostic = diagnostic.at(places.0, "");
            match near.is_empty() {
                true => diagnostic,
                false => {
                    diagnostic.help(format!("did you mean {}?", quoted_list(near.iter().map(String::as_str), "or")))
                }
            }
        }
        Problem::Type { expected, found, by_default, .. } => {
            let (takes, is) = (with_article(expected), with_article(found));
            let diagnostic = if *by_default {
                let message = format!("`{path}` is {is}, but its default in chart `{chart}` is {takes}");
                Diagnostic::warning(&WRONG_VALUE_TYPE, message)
            } else {
                let message = format!("chart `{chart}` takes {takes} for `{path}`, not {is}");
                Diagnostic::error(&WRONG_VALUE_TYPE, message)
            };
            let diagnostic = diagnostic.at(places.1, "");
            let text = made.unit.values.as_ref().and_then(|all| all.within(problem.path())?.as_str());
            let unquoted = match (text, expected.as_str()) {
                (Some(text), "boolean") if *found == "quoted string" => Some(text),
                (Some(text), "integer" | "number") if text.parse::<f64>().is_ok() => Some(text),
                _ => None,
            };
            match unquoted {
                Some(text) => diagnostic.help(format!("remove the quotes: `{text}`")),
                None if matches!(*found, "integer" | "number" | "boolean") && expected.contains("string") => {
                    diagnostic.help("quote it")
                }
                None => diagnostic,
            }
        }
        Problem::Enum { allowed, found, .. } => {
            let message = format!("chart `{chart}` does not accept `{found}` for `{path}`");
            Diagnostic::error(&WRONG_VALUE_TYPE, message)
                .at(places.1, "")
                .note(format!("valid values: {}", quoted_list(allowed.iter().map(String::as_str), "or")))
        }
    };
    let diagnostic = match by {
        Where::Catalogue => diagnostic.at(made.instance.map_or(Span::default(), |i| i.span), "used here"),
        Where::User => diagnostic,
    };
    match version == facts.version {
        true => diagnostic,
        false => diagnostic.note(format!(
            "checked against version {} of the chart; the platform uses version {version}",
            facts.version
        )),
    }
}

/// Marks the indexes of lists in a path, as [`dotted`] and [`find`] want them.
pub(super) fn shown(path: &[String]) -> Vec<String> {
    path.iter().map(|key| key.parse::<usize>().map_or_else(|_| key.clone(), |n| format!("[{n}]"))).collect()
}

/// Writes a path as the user does: `a.b[2]."c.d"`.
pub fn dotted(path: &[String]) -> String {
    let mut out = String::new();
    for key in path {
        match key {
            item if item.starts_with('[') => out.push_str(item),
            key => {
                if !out.is_empty() {
                    out.push('.');
                }
                if key.contains('.') { out.push_str(&format!("\"{key}\"")) } else { out.push_str(key) }
            }
        }
    }
    out
}
