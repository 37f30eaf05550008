//! Objects whose API nothing in the platform brings: a template's `api("…")` gives nothing there.
//!
//! Such an object keeps the version that its kind is known by, so that the order of things says what is missing
//! (`unknown-kind`) rather than that an object of lakegen's own is malformed.

use std::collections::BTreeMap;

use crate::manifest::kinds;
use crate::manifest::value::Value;

/// Names the API of a document that was printed without one, by what its template asked for.
pub fn name_api(document: &mut Value, template: &str, served: &BTreeMap<String, String>) {
    if !matches!(document.get("apiVersion"), Some(Value::Null)) {
        return;
    }
    let Some(kind) = document.get("kind").and_then(Value::as_str) else { return };
    let asked: Vec<&str> = asked(template).filter(|group| !served.contains_key(*group)).collect();
    let known = kinds::groups_of(kind).into_iter().find(|api| asked.contains(&kinds::group(api)));
    // Of a kind that nobody knows, the version cannot be known either.
    let Some(api) = known.map(String::from).or_else(|| Some(format!("{}/v1", asked.first()?))) else { return };
    document.set(&["apiVersion"], Value::from(api));
}

/// Returns the groups that a template asks for with `api("…")`.
fn asked(template: &str) -> impl Iterator<Item = &str> {
    template.split("api(").skip(1).filter_map(|rest| {
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        rest[1..].split_once(quote).map(|(group, _)| group)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_api_that_is_not_served_is_named() {
        let template = "apiVersion: {{ api(\"flink.apache.org\") }}\nkind: FlinkDeployment\n";
        let object = |kind: &str| Value::map([("apiVersion", Value::Null), ("kind", Value::from(kind))]);
        let named = |mut object: Value, template: &str, served: &BTreeMap<String, String>| {
            name_api(&mut object, template, served);
            object.get("apiVersion").and_then(Value::as_str).map(String::from)
        };
        let none = BTreeMap::new();
        assert_eq!(named(object("FlinkDeployment"), template, &none).as_deref(), Some("flink.apache.org/v1beta1"));
        assert_eq!(
            named(object("Thing"), "apiVersion: {{ api('x.example.com') }}", &none).as_deref(),
            Some("x.example.com/v1")
        );
        let served = BTreeMap::from([("flink.apache.org".to_string(), "flink.apache.org/v1beta1".to_string())]);
        assert_eq!(named(object("FlinkDeployment"), template, &served), None);
        assert_eq!(named(object("Thing"), "apiVersion: {{ none }}", &none), None);
    }
}
