//! Values against the defaults of a chart at hand, of which nothing else is known: the type of a default is the type that
//! its templates expect, within reason.

use crate::manifest::value::{Map, Value};

/// A value of another type than its default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Differs {
    pub path: Vec<String>,
    pub expected: &'static str,
    pub found: &'static str,
}

/// Returns every value whose default has a type that cannot stand for it.
pub fn differing(defaults: &Map, values: &Value) -> Vec<Differs> {
    let mut found = Vec::new();
    if let Value::Map(values) = values {
        walk(defaults, values, &mut Vec::new(), &mut found);
    }
    found
}

fn walk(defaults: &Map, values: &Map, path: &mut Vec<String>, found: &mut Vec<Differs>) {
    for (key, value) in values {
        let Some(default) = defaults.get(key) else { continue };
        path.push(key.to_string());
        match (default, value) {
            (Value::Map(defaults), Value::Map(values)) => walk(defaults, values, path, found),
            _ if stands_for(key, default, value) => {}
            _ => found.push(Differs { path: path.clone(), expected: default.type_name(), found: type_of(value) }),
        }
        path.pop();
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Str(text) if is_boolean(text) => "quoted boolean",
        other => other.type_name(),
    }
}

fn is_boolean(text: &str) -> bool {
    matches!(text, "true" | "false")
}

/// Says whether a value can stand where a default of another type stood.
fn stands_for(key: &str, default: &Value, value: &Value) -> bool {
    // Nothing is said by an empty default, and null drops one; a template of its own may give anything.
    let empty = default.is_empty() || matches!(default, Value::Str(text) if text.is_empty());
    if empty || *value == Value::Null || matches!(value, Value::Str(text) if text.contains("{{")) {
        return true;
    }
    let scalar = !matches!(value, Value::Map(_) | Value::List(_));
    match default {
        Value::Bool(_) => matches!(value, Value::Bool(_)),
        // `"3"`, `25%` and `30s` are made of numbers; ports and levels have names too; 0 and 1 switch.
        Value::Int(_) | Value::Float(_) => match value {
            Value::Str(text) => {
                text.is_empty()
                    || text.starts_with(|c: char| c.is_ascii_digit() || "+-.$".contains(c))
                    || takes_names(key)
            }
            Value::Bool(_) => false,
            _ => scalar,
        },
        // What is printed is text.
        Value::Str(_) => scalar,
        // Charts run texts through `tpl`, and `false` switches a list or map off.
        Value::List(_) => matches!(value, Value::List(_) | Value::Str(_) | Value::Bool(false)),
        Value::Map(_) => matches!(value, Value::Map(_) | Value::Str(_) | Value::Bool(false)),
        Value::Null => true,
    }
}

fn takes_names(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["port", "level", "verbosity", "policy"].iter().any(|word| key.ends_with(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::yaml;

    #[test]
    fn types_of_defaults_are_believed_within_reason() {
        let defaults = yaml::read_one(
            "workers: 2\nenabled: true\nname: x\nargs: [a]\nresources: {limits: {cpu: 1}}\nempty: ''\nnone: null\nlist: []\nport: 80\n",
        )
        .expect("YAML");
        let of = |text: &str| -> Vec<String> {
            let values = yaml::read_one(text).expect("YAML");
            let found = differing(defaults.as_map().expect("a map"), &values);
            found.into_iter().map(|d| format!("{}: {} for {}", d.path.join("."), d.found, d.expected)).collect()
        };
        for (text, wanted) in [
            ("workers: three", "workers: string for integer"),
            ("workers: true", "workers: boolean for integer"),
            ("enabled: 'false'", "enabled: quoted boolean for boolean"),
            ("name: [a]", "name: list for string"),
            ("args: {a: b}", "args: map for list"),
            ("resources: [a]", "resources: list for map"),
            ("resources: {limits: {cpu: many}}", "resources.limits.cpu: string for integer"),
        ] {
            assert_eq!(of(text), [wanted], "{text}");
        }
        for text in [
            "workers: '3'",
            "workers: 25%",
            "workers: null",
            "workers: '{{ 1 }}'",
            "name: 3",
            "name: true",
            "args: '{{ x }}'",
            "empty: {a: b}",
            "none: 3",
            "list: {a: b}",
            "port: http",
            "unknown: 3",
            "resources: false",
            "resources: {limits: {cpu: 500m}}",
        ] {
            assert_eq!(of(text), [""; 0], "{text}");
        }
    }
}
