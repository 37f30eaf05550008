//! Schemas that are hostile; what ordinary ones mean is proven against the real helm by `tests/it/charts.rs`.

use super::*;
use crate::helm::chart::Chart;
use crate::manifest::yaml;

fn checked(schema: &str, values: &str) -> Vec<String> {
    let chart = Chart { schema: Some(File::new("values.schema.json", schema.as_bytes())), ..Chart::default() };
    let values = yaml::read_one(values).unwrap();
    check(&chart, values.as_map().unwrap()).0.iter().map(|error| error.message.clone()).collect()
}

fn with_schema(schema: &str) -> Chart {
    let mut chart = Chart { schema: Some(File::new("values.schema.json", schema.as_bytes())), ..Chart::default() };
    chart.metadata.name = "c".into();
    chart
}

#[track_caller]
fn refuses(schema: &str, values: &str, with: &str) {
    let messages = checked(schema, values);
    assert!(messages.len() == 1 && messages[0].contains(with), "{messages:?}");
}

const DEEP: &str =
    "a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: {a: 1}}}}}}}}}}}}}}}}}}}\n";

#[test]
fn nothing_is_fetched() {
    let elsewhere = [
        "file:///etc/passwd",
        "file:///dev/zero",
        "/dev/zero",
        "other.json",
        "ftp://example.com/x",
        "http://example.com/s.json",
        "https://169.254.169.254/latest/meta-data",
        "https://user:secret@example.com/s.json",
        "http://[::1]:5000/",
        "data:application/json,true",
        // Like a type of Kubernetes, but not quite.
        "https://example.com/definitions.json",
        "file:///x/_definitions.json",
        "https://example.com/_definitions.json",
        "https://example.com/_definitions.json?x",
    ];
    for uri in elsewhere {
        for fragment in ["", "#", "#/x", "#/definitions/io.example.x"] {
            let chart = with_schema(&format!("{{\"properties\": {{\"a\": {{\"$ref\": \"{uri}{fragment}\"}}}}}}"));
            let (errors, warnings) = check(&chart, yaml::read_one("b: 1\n").unwrap().as_map().unwrap());
            assert!(warnings.is_empty(), "{uri}: {warnings:?}");
            let [error] = &errors[..] else { panic!("{uri}: {errors:?}") };
            assert!(error.message.contains("nothing is fetched for a schema"), "{uri}: {error}");
            assert!(error.message.contains(uri.rsplit('/').next().unwrap_or(uri)), "{uri}: {error}");
            assert!(error.help.as_deref().is_some_and(|help| help.contains("under `$defs`")), "{error}");
            assert!(!error.message.contains("secret"), "{error}");
            assert_eq!((error.file.as_str(), error.chart.as_str()), ("values.schema.json", "c"));
        }
        refuses(&format!("{{\"$schema\": \"{uri}\"}}"), "a: 1\n", "not a draft that Helm has built in");
    }
    for (draft, expected) in [("draft-07", 0), ("draft/2020-12", 1)] {
        let schema = format!(
            r#"{{"$schema": "http://json-schema.org/{draft}/schema", "properties": {{"a": {{"$ref": "https://example.com/v1.19.0/_definitions.json#/definitions/io.k8s.api.core.v1.Toleration", "type": "string"}}}}}}"#
        );
        let chart = with_schema(&schema);
        let (errors, warnings) = check(&chart, yaml::read_one("a: 1\n").unwrap().as_map().unwrap());
        assert_eq!(errors.len(), expected, "{errors:?}");
        assert_eq!(
            warnings[0].message,
            "values described by `https://example.com/v1.19.0/_definitions.json` are not checked, because nothing is fetched for a schema"
        );
        refuses(
            &format!("{{\"$schema\": \"http://example.com/{draft}\"}}"),
            "a: 1\n",
            "not a draft that Helm has built in",
        );
    }
    assert!(checked(r#"{"properties": {"a": {"$ref": "urn:example:x"}}}"#, "a: 1\n").is_empty());
    assert!(checked(r#"{"$id": "https://example.com/s", "properties": {"a": {"$ref": "https://example.com/s#/$defs/x"}}, "$defs": {"x": {"type": "integer"}}}"#, "a: 1\n").is_empty());
}

#[test]
fn references_end() {
    let loops = [
        r##"{"$ref": "#"}"##,
        r##"{"allOf": [{"$ref": "#"}]}"##,
        r##"{"not": {"anyOf": [{"$ref": "#"}]}}"##,
        r##"{"$dynamicRef": "#x", "$dynamicAnchor": "x"}"##,
        r##"{"$schema": "https://json-schema.org/draft/2019-09/schema", "$recursiveRef": "#", "$recursiveAnchor": true}"##,
        r##"{"$ref": "#/$defs/a", "$defs": {"a": {"if": {"$ref": "#/%24defs/a"}}}}"##,
        r#"{"$id": "https://example.com/s", "$ref": "https://example.com/s"}"#,
        r#"{"$id": "https://example.com/s", "$ref": "s"}"#,
        r##"{"dependentSchemas": {"a": {"$ref": "#"}}}"##,
        r##"{"properties": {"a": {"$anchor": "x", "$ref": "#x"}}}"##,
    ];
    for schema in loops {
        refuses(schema, "a: 1\n", "refers to itself endlessly");
    }
    let chain = |step: &dyn Fn(usize) -> String, from: &str| {
        let steps: Vec<String> = (0..10_000).map(|i| format!("\"d{i}\": {}", step(i + 1))).collect();
        format!("{{\"$defs\": {{{}, \"d10000\": true}}, {from}}}", steps.join(", "))
    };
    let plain = chain(&|i| format!("{{\"$ref\": \"#/$defs/d{i}\"}}"), r##""$ref": "#/$defs/d0""##);
    refuses(&plain, "a: 1\n", "levels deep");
    let unused =
        chain(&|i| format!("{{\"$ref\": \"#/$defs/d{i}\"}}"), r##""properties": {"zz": {"$ref": "#/$defs/d0"}}"##);
    refuses(&unused, "a: 1\n", "levels deep");
    let inner = chain(
        &|i| format!("{{\"properties\": {{\"a\": {{\"$ref\": \"#/$defs/d{i}\"}}}}}}"),
        r##""$ref": "#/$defs/d0""##,
    );
    refuses(&inner, "a: 1\n", "levels deep");
    let nested = format!("{}true{}", "{\"not\": ".repeat(100_000), "}".repeat(100_000));
    refuses(&nested, "a: 1\n", "deeper than 128 levels");
    // One that is as deep as the guard lets through has stack enough.
    let fair = format!("{{\"$ref\": \"#/$defs/d9700\", {}", &plain[1..].replace(r##", "$ref": "#/$defs/d0""##, ""));
    assert_eq!(checked(&fair, "a: 1\n"), Vec::<String>::new());
}

#[test]
fn work_is_bounded() {
    let doubled = |applied: &str| {
        let steps: Vec<String> = (0..60)
            .map(|i| {
                format!(
                    "\"d{i}\": {{\"{applied}\": [{{\"$ref\": \"#/$defs/d{n}\"}}, {{\"$ref\": \"#/$defs/d{n}\"}}]}}",
                    n = i + 1
                )
            })
            .collect();
        format!("{{\"$defs\": {{{}, \"d60\": {{\"type\": \"object\"}}}}, \"$ref\": \"#/$defs/d0\"}}", steps.join(", "))
    };
    for applied in ["allOf", "anyOf", "oneOf"] {
        refuses(&doubled(applied), "a: 1\n", "work limit");
    }
    let by_depth = r##"{"properties": {"a": {"allOf": [{"$ref": "#"}, {"$ref": "#"}, {"$ref": "#"}]}}}"##;
    refuses(by_depth, DEEP, "work limit");
    assert!(checked(by_depth, "a: {a: {a: 1}}\n").is_empty());
    let bounds = r#"{"properties": {"a": {"minItems": 1e300, "maxLength": 99999999999999999999}, "b": {"multipleOf": 1e-300, "maximum": -1e308}, "c": {"minLength": 18446744073709551615}}}"#;
    let found = checked(bounds, "a: [1]\nb: 5\nc: text\n");
    assert!(!found.is_empty(), "{found:?}");
    for pattern in ["(a{1000}){1000}", "((a{100}){100}){100}", "(((((((((", "(?=x)", r"\1"] {
        refuses(
            &format!("{{\"properties\": {{\"a\": {{\"pattern\": {}}}}}}}", Json::from(pattern)),
            "a: x\n",
            "the schema is not valid",
        );
    }
    let long = format!("a: {}!\n", "a".repeat(100_000));
    assert_eq!(checked(r#"{"properties": {"a": {"pattern": "^(a+)+$"}}}"#, &long), ["`a` does not match `^(a+)+$`"]);
    refuses(&format!("[{}1]", "1,".repeat(2_000_000)), "a: 1\n", "larger than 2 MiB");
    for odd in ["[]", "1", "null", "\"text\"", "", "{\"a\": 1} x", "{\"type\": 5}", "{\"$schema\": 5}"] {
        assert_eq!(checked(odd, "a: 1\n").len(), 1, "{odd}");
    }
}

#[test]
fn values_are_not_shown_and_paths_are_whole() {
    let schema = r#"{"properties": {"a/b": {"items": {"properties": {"c~d": {"type": "integer"}}}}}}"#;
    let chart = Chart { schema: Some(File::new("values.schema.json", schema.as_bytes())), ..Chart::default() };
    let values = yaml::read_one("a/b: [{c~d: secret}]\n").unwrap();
    let (found, _) = check(&chart, values.as_map().unwrap());
    assert_eq!(*found[0].value, ["a/b", "0", "c~d"]);
    assert_eq!(found[0].message, "`a/b.0.c~d` must be an integer, but is a string");
}
