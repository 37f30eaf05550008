//! Findings → one JSON object, for editors and CI.
//!
//! Keys are only ever added while `schema_version` stays the same.

use serde_json::{Value, json};

use super::Positions;
use crate::diag::{Diagnostic, Span, escape};

/// Returns all findings as one object on one line.
pub fn render(findings: &[&Diagnostic], positions: &Positions) -> String {
    let diagnostics: Vec<Value> = findings.iter().map(|finding| diagnostic(finding, positions)).collect();
    let mut text = escape::json(json!({ "schema_version": 1, "diagnostics": diagnostics }).to_string());
    text.push('\n');
    text
}

fn diagnostic(finding: &Diagnostic, positions: &Positions) -> Value {
    let labels: Vec<Value> = finding
        .labels
        .iter()
        .map(|label| {
            let mut value = place(Some(label.span), positions);
            value["text"] = json!(label.text);
            value
        })
        .collect();
    let mut value = json!({
        "code": finding.code.slug,
        "level": super::level_word(finding.level),
        "message": finding.message,
    });
    let rest = [("labels", json!(labels)), ("notes", json!(finding.notes)), ("help", json!(finding.help))];
    if let (Value::Object(value), Value::Object(place)) =
        (&mut value, place(finding.labels.first().map(|label| label.span), positions))
    {
        value.extend(place);
        value.extend(rest.map(|(key, item)| (key.to_owned(), item)));
    }
    value
}

/// A finding without a place has `null` in all five keys, so that readers need not ask for them.
fn place(span: Option<Span>, positions: &Positions) -> Value {
    let start = span.map(|span| positions.start(span));
    let end = span.map(|span| positions.end(span));
    json!({
        "file": span.map(|span| positions.path(span)),
        "line": start.map(|(line, _)| line),
        "column": start.map(|(_, column)| column),
        "end_line": end.map(|(line, _)| line),
        "end_column": end.map(|(_, column)| column),
    })
}
