//! `number-in-string`: a number or boolean where Kubernetes takes a string only.
//!
//! The API server refuses such an object whole, with a message about Go types.

use super::{Clean, Context, Findings, at_key};
use crate::code;
use crate::diag::Diagnostic;
use crate::manifest::value::{Map, Value};
use crate::parse::shape::with_article;

code!(
    NUMBER_IN_STRING,
    "number-in-string",
    "a number or boolean is used where Kubernetes requires a string",
    "the API server would reject the object, and a number such as 1.10 would be read as 1.1",
    "annotations:\n  prometheus.io/port: 8080",
    "annotations:\n  prometheus.io/port: \"8080\""
);

/// Maps whose values are strings, wherever they stand in an object
/// (kubernetes/api v0.34 core/v1 and meta/v1: `map[string]string`).
const STRING_MAPS: &[&str] = &["annotations", "labels", "matchLabels", "nodeSelector"];

/// Checks every object.
pub fn check(context: &Context<'_>, findings: &mut Findings) {
    let mut clean = Clean::default();
    for made in context.made() {
        for lowered in made.objects().filter(|l| l.object.kind() != "CustomResourceDefinition") {
            let object = &lowered.object;
            clean.unless_clean(object.value(), findings, |findings| {
                let mut found = Vec::new();
                walk(object.map(), &mut found);
                if object.group().is_empty() && matches!(object.kind(), "ConfigMap" | "Secret") {
                    for key in ["data", "stringData"] {
                        strings(key, object.map().get(key), &mut found);
                    }
                }
                for (what, key, value) in found {
                    let message = format!(
                        "`{key}` in the {what} of {} `{}` is {}, but must be a string",
                        object.kind(),
                        object.name(),
                        with_article(value.type_name())
                    );
                    let diagnostic = at_key(context, Diagnostic::error(&NUMBER_IN_STRING, message), lowered, key);
                    findings.object(
                        &made,
                        lowered,
                        match plain(value) {
                            Some(text) => diagnostic.help(format!("quote it: `\"{text}\"`")),
                            None => diagnostic.help("quote it: as a number, 1.10 would be read as 1.1"),
                        },
                    );
                }
            });
        }
    }
}

/// What was found: the map's name, the key and the value.
type Found<'a> = Vec<(&'a str, &'a str, &'a Value)>;

fn walk<'a>(map: &'a Map, found: &mut Found<'a>) {
    for (key, value) in map {
        match value {
            Value::Map(inner) if STRING_MAPS.contains(&&**key) => {
                // A field of a schema may have one of these names and hold tables: only scalars count.
                strings(key, Some(value), found);
                walk(inner, found);
            }
            Value::Map(inner) => walk(inner, found),
            Value::List(list) => {
                for item in list.iter().filter_map(Value::as_map) {
                    if &**key == "env"
                        && let (Some(Value::Str(name)), Some(value)) = (item.get("name"), item.get("value"))
                        && !matches!(value, Value::Str(_) | Value::Null)
                    {
                        found.push(("environment", name, value));
                    }
                    walk(item, found);
                }
            }
            _ => {}
        }
    }
}

fn strings<'a>(what: &'a str, map: Option<&'a Value>, found: &mut Found<'a>) {
    for (key, value) in map.and_then(Value::as_map).into_iter().flatten() {
        if matches!(value, Value::Bool(_) | Value::Int(_) | Value::Float(_)) {
            found.push((what, key, value));
        }
    }
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::Bool(b) => Some(b.to_string()),
        Value::Int(i) => Some(i.to_string()),
        _ => None,
    }
}
