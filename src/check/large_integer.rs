//! `large-integer`: whole numbers that a chart prints as `1e+06`, or that lose digits on the way to it.
//!
//! Helm reads values through JSON, where every number is a float (sigs.k8s.io/yaml, Go's encoding/json); Go prints one
//! from a million on with an exponent. A field that wants a number takes that; a program that reads it as text does not.

use std::collections::BTreeSet;

use super::unknown_value::{Where, dotted, find, shown};
use super::{Context, Findings, Release};
use crate::code;
use crate::diag::Diagnostic;
use crate::helm::inflate::Inflated;
use crate::helm::values::{self, LargeInteger};
use crate::manifest::value::Value;

code!(
    LARGE_INTEGER,
    "large-integer",
    "a large integer in Helm values is rendered differently",
    "Helm turns every number into a float, so a template may print 1000000 as `1e+06`, and digits beyond 2^53 are lost",
    "[components.kafka]\nvalues.heapOpts.maxBytes = 1048576    # the chart prints 1.048576e+06",
    "[components.kafka]\nvalues.heapOpts.maxBytes = \"1048576\""
);

/// Checks the values of every release whose chart is at hand.
pub fn check(context: &Context<'_>, findings: &mut Findings) {
    let mut said: BTreeSet<(String, Vec<String>)> = BTreeSet::new();
    for Release { made, instance, values, inflated } in context.releases() {
        for large in values.as_map().map(values::large_integers).unwrap_or_default() {
            let place = object_with(inflated, &large.printed);
            let read = inflated.seen.reads.asked.contains(&large.path);
            if !read || (place.is_none() && large.kept == large.written) {
                continue;
            }
            if !said.insert((made.name.to_string(), large.path.clone())) {
                continue;
            }
            let chart = instance.chart.as_ref().map_or("", |chart| chart.name.as_str());
            let ((_, span), by) = find(context.sources, instance, &shown(&large.path));
            let diagnostic = Diagnostic::warning(&LARGE_INTEGER, message(chart, &large, place.as_deref())).at(span, "");
            let diagnostic = match by {
                Where::User => diagnostic.help(format!("quote it: `\"{}\"`", large.written)),
                Where::Catalogue => diagnostic.at(instance.span, "used here"),
            };
            findings.component(made.index, made.name, diagnostic);
        }
    }
}

fn message(chart: &str, large: &LargeInteger, place: Option<&str>) -> String {
    let (name, written, kept) = (dotted(&shown(&large.path)), large.written, large.kept);
    let lost = match kept == written {
        true => String::new(),
        false => format!("; it becomes {kept}"),
    };
    match place {
        Some(place) => {
            format!("chart `{chart}` prints `{name}` as `{}` in {place}, not {written}{lost}", large.printed)
        }
        None => format!("chart `{chart}` reads `{name}`, {written}, as a float{lost}"),
    }
}

/// Returns the first object that has a text with this number in it, as a word.
fn object_with(inflated: &Inflated, number: &str) -> Option<String> {
    let item = inflated.items().find(|item| has(&item.document.value, number))?;
    let name = item.document.value.at(&["metadata", "name"]).and_then(Value::as_str).unwrap_or_default();
    Some(format!("{} `{name}`", item.kind()))
}

fn has(value: &Value, number: &str) -> bool {
    match value {
        Value::Str(text) => {
            let inside = |c: char| c.is_alphanumeric() || matches!(c, '.' | '+' | '-' | '_');
            text.match_indices(number)
                .any(|(at, _)| !text[..at].ends_with(inside) && !text[at + number.len()..].starts_with(inside))
        }
        Value::List(list) => list.iter().any(|value| has(value, number)),
        Value::Map(map) => map.values().any(|value| has(value, number)),
        _ => false,
    }
}
