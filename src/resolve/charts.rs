//! The chart and the APIs of a component: what the catalogue knows, what the user says, and what a pinned version allows.

use std::collections::BTreeSet;

use super::layers::Frame;
use super::{UNSERVED_API, UNTESTED_VERSION};
use crate::catalog::read::chart;
use crate::catalog::{Chart, Component};
use crate::diag::{Diagnostic, Span};
use crate::parse::MISSING_KEY;
use crate::parse::text::Format;
use crate::settings::Text;
use crate::settings::component::{ChartTable, Common};

/// Returns the APIs that a component brings: what the user says of a group, and what the catalogue knows of all others.
pub(super) fn brought<'a>(own: impl Iterator<Item = &'a str> + Clone, definition: &Component) -> Vec<String> {
    let group = |api: &str| api.split('/').next().unwrap_or_default().to_string();
    let said: BTreeSet<String> = own.clone().map(group).collect();
    let known = definition.apis.iter().filter(|api| !said.contains(&group(api))).cloned();
    own.map(String::from).chain(known).collect()
}

/// Returns the APIs that a component brings. What the user says of a group takes the place of what the catalogue knows of it; a version
/// that the pinned chart does not serve is an error.
pub(super) fn apis_of(
    name: &str,
    said: &Common,
    definition: &Component,
    chart: Option<&Chart>,
    span: Span,
    found: &mut Vec<Diagnostic>,
) -> Vec<String> {
    let apis = brought(said.apis.iter().map(Text::as_str), definition);
    for (api, served) in &definition.served {
        let older =
            |chart: &&Chart| is_version(chart) && apis.contains(api) && !supports(&served.since, &chart.version);
        let Some(chart) = chart.filter(older) else { continue };
        let at = said.version.as_ref().map_or(span, |version| version.at);
        let message = format!("`{name}` {} does not serve `{api}`, which lakegen writes", chart.version);
        found.push(
            Diagnostic::error(&UNSERVED_API, message)
                .at(at, "")
                .note(format!("chart versions {} serve it", served.since))
                .help(format!(
                    "pin one of them, or declare the version that this chart serves: `apis = [\"{}\"]`",
                    served.before
                )),
        );
    }
    apis
}

/// Returns the chart in use: the catalogue's, another one of the user's, with the version that counts.
pub(super) fn chart_of(
    said: &Common,
    definition: &Component,
    frame: &Frame,
    found: &mut Vec<Diagnostic>,
    span: Span,
) -> Option<Chart> {
    let mut result = definition.chart.clone();
    if let Some(own) = said.chart.as_ref().filter(|own| own.places.any()) {
        let given = chart(own);
        let base =
            result.get_or_insert_with(|| Chart { fullname: "${release}".into(), ..chart(&ChartTable::default()) });
        for (from, to) in [
            (&given.repository, &mut base.repository),
            (&given.name, &mut base.name),
            (&given.version, &mut base.version),
        ] {
            if !from.is_empty() {
                to.clone_from(from);
            }
        }
        if own.fullname.is_some() {
            base.fullname = given.fullname;
        }
        if own.places.has("skip_crds") {
            base.skip_crds = given.skip_crds;
        }
        base.open_values.extend(given.open_values);
    }
    let result = result.as_mut()?;
    if let Some(version) = said.version.as_ref().or(frame.settings.versions.get(&definition.name)) {
        result.version = version.to_string();
    }
    // What was written and is no text was reported as such.
    let written = |key: &str| said.chart.as_ref().is_some_and(|chart| chart.places.has(key));
    for (value, key) in [
        (&result.repository, "repository = \"https://…\"` or `oci = \"oci://…\""),
        (&result.name, "name = \"…\""),
        (&result.version, "version = \"…\""),
    ] {
        let name = key.split(' ').next().unwrap_or("");
        if value.is_empty() && !written(name) && !(name == "repository" && written("oci")) {
            let message = format!("the chart has no `{name}`");
            found.push(
                Diagnostic::error(&MISSING_KEY, message)
                    .at(said.chart.as_ref().map_or(span, |chart| chart.places.key), "")
                    .help(format!("add `{key}` to `chart`")),
            );
        }
    }
    check_supported(result, said, definition, found, span);
    Some(result.clone())
}

/// Says whether a chart's version is one: what is not was reported where it stands.
fn is_version(chart: &Chart) -> bool {
    Format::Version.check(&chart.version).is_ok()
}

fn check_supported(chart: &Chart, said: &Common, definition: &Component, found: &mut Vec<Diagnostic>, span: Span) {
    let Some(own) = definition.chart.as_ref().filter(|c| !c.supports.is_empty() && c.name == chart.name) else {
        return;
    };
    if is_version(chart) && !supports(&own.supports, &chart.version) {
        let message = format!(
            "version `{}` of chart `{}` is outside the range that `{}` supports: {}",
            chart.version, chart.name, definition.name, own.supports
        );
        let at = said.version.as_ref().map_or(span, |version| version.at);
        found.push(
            Diagnostic::warning(&UNTESTED_VERSION, message)
                .at(at, "")
                .note(format!("the catalogue uses version `{}`", own.version)),
        );
    }
}

/// Reads a version as numbers for comparing; a suffix after `-` counts as older than none.
pub fn version_key(version: &str) -> (Vec<u64>, bool) {
    let body = version.trim_start_matches('v');
    let (core, suffix) = body.split_once('-').map_or((body, false), |(core, _)| (core, true));
    (core.split('+').next().unwrap_or("").split('.').map(|n| n.parse().unwrap_or(0)).collect(), !suffix)
}

/// Says whether a version fits a constraint of comma-separated comparisons (`>=1.40, <2`).
pub fn supports(constraint: &str, version: &str) -> bool {
    constraint.split(',').map(str::trim).filter(|c| !c.is_empty()).all(|c| {
        let split = c.find(|x: char| x.is_ascii_digit() || x == 'v').unwrap_or(0);
        let (operator, bound) = c.split_at(split);
        let order = pad(version).cmp(&pad(bound));
        match operator.trim() {
            ">=" => order.is_ge(),
            ">" => order.is_gt(),
            "<=" => order.is_le(),
            "<" => order.is_lt(),
            "~" | "^" => order.is_ge(),
            _ => order.is_eq(),
        }
    })
}

fn pad(version: &str) -> (Vec<u64>, bool) {
    let (mut numbers, release) = version_key(version);
    numbers.resize(4, 0);
    (numbers, release)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constraints_are_compared_by_number() {
        assert!(supports(">=1.40, <2", "1.42.2"));
        assert!(!supports(">=1.40, <2", "2.0.0"));
        assert!(!supports(">=1.40", "1.9"));
        assert!(supports(">=1.21", "v1.21.1"));
        assert!(!supports(">=1.21", "1.21.0-rc.1"));
    }
}
