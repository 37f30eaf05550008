//! Values of every type of options.

use lakegen::catalog::OptionDef;
use toml::{Table, Value};

use super::document::said;

fn text(value: &str) -> Value {
    Value::from(value)
}

fn table(table: Table) -> Value {
    Value::Table(table)
}

/// Returns the keys that a table of options must have.
pub fn required(def: &OptionDef) -> Table {
    let needed = def.keys.iter().filter(|(_, def)| def.required);
    needed.filter_map(|(key, def)| Some((key.clone(), values(def, None).into_iter().next()?))).collect()
}

/// Returns values of an option's type that are neither its default nor what the example says.
pub fn values(def: &OptionDef, said: Option<&Value>) -> Vec<Value> {
    let words = def.values.iter().map(|word| text(word));
    let default = def.default.as_ref().map(lakegen::parse::Node::to_value);
    let default = default.map(|value| serde_yaml::from_str(&lakegen::manifest::yaml::write(&value)).unwrap());
    let plain = match def.kind.as_str() {
        "list" => vec![Value::Array(item(def).into_iter().take(1).collect())],
        "map" => item(def)
            .into_iter()
            .take(1)
            .flat_map(|value| {
                ["probe", "probe.example.com/probe", "PROBE"]
                    .map(|key| table(Table::from_iter([(key.to_string(), value.clone())])))
            })
            .collect(),
        "table" if !def.keys.is_empty() => vec![table(required(def))],
        kind => kind_values(kind, def),
    };
    words
        .chain(plain)
        .filter(|value| fits(def, value))
        .filter(|value| said.map_or_else(|| Some(json(value)) != default, |said| said != value))
        .collect()
}

fn fits(def: &OptionDef, value: &Value) -> bool {
    let pattern = def.pattern.as_deref().map(|pattern| regex::Regex::new(pattern).expect("it is a pattern"));
    pattern.is_none_or(|pattern| value.as_str().is_none_or(|text| pattern.is_match(text)))
}

fn json(value: &Value) -> serde_json::Value {
    serde_json::to_value(value).unwrap()
}

fn item(def: &OptionDef) -> Vec<Value> {
    let mut items = match def.items.as_deref() {
        Some("table") => vec![table(required(def))],
        kind => kind_values(kind.unwrap_or("string"), def),
    };
    items.retain(|item| fits(def, item));
    items
}

/// Returns values of a field of a claim, of which only the pattern is known.
pub fn claimed(pattern: Option<&str>) -> Vec<Value> {
    let def = OptionDef { pattern: pattern.map(String::from), ..OptionDef::default() };
    let texts = kind_values("string", &def).into_iter().filter(|text| fits(&def, text));
    [Value::from(true), Value::from(vec!["/probe"])].into_iter().chain(texts).collect()
}

fn kind_values(kind: &str, def: &OptionDef) -> Vec<Value> {
    let texts = |all: &[&str]| all.iter().map(|one| text(one)).collect::<Vec<_>>();
    match kind {
        "int" => [7, 9, 1, 3, 0, 77777]
            .into_iter()
            .filter(|n| def.min.is_none_or(|min| *n >= min) && def.max.is_none_or(|max| *n <= max))
            .map(Value::from)
            .collect(),
        "number" => vec![Value::from(0.75)],
        "bool" => vec![Value::from(true), Value::from(false)],
        "size" => texts(&["777Gi"]),
        "range" => texts(&["3Gi..3Gi"]),
        "duration" => texts(&["77m"]),
        "cron" => texts(&["7 7 * * *", "0 7 7 * * *"]),
        "image" => texts(&["registry.example.com/probe/probe:7.7.7"]),
        "item" => texts(&["probe/item#probe", "probe/item"]),
        "host" => texts(&["probe-host"]),
        "reference" => texts(&["probe-app"]),
        "name" => texts(&["probe"]),
        "url" => texts(&["https://probe.example.com/probe"]),
        "version" => texts(&["7.7.7"]),
        "path" => texts(&["probe/probe"]),
        "glob" => texts(&["probe*"]),
        "list" => vec![Value::from(vec!["probe"])],
        "map" | "table" => vec![said(r#"probe = "probe""#)],
        "any" => vec![text("probe"), said(r#"probe = "probe""#), Value::from(7)],
        _ => texts(&[
            "probe",
            "/probe",
            "probe.example.com",
            "7.7.7",
            "7",
            "7.7",
            "https://probe.example.com",
            "10.7.7.0/24",
            "PROBE",
            "kustomize/probe",
            // Forms that patterns ask for: names of a cloud, versions, days, folders, tables.
            "vpc-7777777777777777a",
            "al2023@v20270707",
            "3.7.7",
            "2.7",
            "2027-07-07",
            "probe/",
            "probe.probe",
        ]),
    }
}
