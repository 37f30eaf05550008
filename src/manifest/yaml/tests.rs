//! Tests of reading and writing: strings that writers get wrong, texts with what Go makes of them,
//! hostile texts.

use serde_json::Value as Json;

use super::*;
use crate::manifest::value::Map;

/// Small texts, each with the JSON that sigs.k8s.io/yaml 1.6.0 (go.yaml.in/yaml/v2 2.4.5) makes of
/// it, or `error`.
const READS: &str = include_str!("../../../tests/data/yaml-reads.json");

fn same(a: &Json, b: &Json) -> bool {
    match (a, b) {
        // Go writes the float 1.0 as `1`; `Value` keeps it a float.
        (Json::Number(a), Json::Number(b)) => a == b || (a.is_f64() || b.is_f64()) && a.as_f64() == b.as_f64(),
        (Json::Array(a), Json::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

#[test]
fn reads_as_go_does() {
    // Where we differ on purpose or through the event parser; all but the last are refused by us only.
    const DIFFERENT: [&str; 3] = ["a: \u{feff}1\n", "a: \"x\n\t y\"\n", "- \ta: 1\n"];
    let cases: Vec<Json> = serde_json::from_str(READS).unwrap();
    assert!(cases.len() > 300);
    for case in &cases {
        let text = case["yaml"].as_str().unwrap();
        let ours = read(text).map(|documents| {
            documents.first().map_or(Json::Null, |document| serde_json::to_value(&document.value).unwrap())
        });
        let agree = match (&ours, case.get("json")) {
            (Ok(ours), Some(theirs)) => same(ours, theirs),
            (ours, theirs) => ours.is_err() && theirs.is_none(),
        };
        assert_eq!(agree, !DIFFERENT.contains(&text), "{text:?}\nours {ours:?}\ntheirs {case}");
    }
}

/// Both readers, on all that there is to read here: small oddities, naughty strings, and every YAML file of the tests.
#[test]
fn one_pass_and_events_read_alike() {
    let cases: Vec<Json> = serde_json::from_str(READS).unwrap();
    let mut texts: Vec<String> = cases.iter().map(|case| case["yaml"].as_str().unwrap().to_owned()).collect();
    texts.extend(
        naughty::strings().iter().map(|text| write(&Value::map([(text.as_str(), Value::from(text.as_str()))]))),
    );
    texts.extend(naughty::strings().iter().map(|text| format!("a: {text}\nb:\n- {text}\n- c: {text}\n{text}: d\n")));
    let oddities = texts.len();
    for folder in ["tests", "examples"] {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        for entry in walkdir::WalkDir::new(root).into_iter().filter_map(Result::ok) {
            if entry.path().extension().is_some_and(|extension| extension == "yaml") {
                let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
                texts.extend(text.split("\n---\n").map(str::to_owned));
                texts.push(text);
            }
        }
    }
    let mut taken = 0;
    for (at, text) in texts.iter().enumerate() {
        match compare(text) {
            Some(Ok(())) => taken += usize::from(at >= oddities),
            Some(Err(problem)) => panic!("{text:?}\n{problem}"),
            None => {}
        }
    }
    let files = texts.len() - oddities;
    assert!(taken * 10 > files * 8, "the one pass takes {taken} of {files} texts only");
}

fn key_of(value: &Value) -> Option<&str> {
    value.as_map()?.keys().next().map(|key| &**key)
}

#[test]
fn strings_read_back_by_us_and_serde_yaml() {
    let strings = naughty::strings();
    assert!(strings.len() >= 1000, "{}", strings.len());
    for text in &strings {
        let value = Value::from(text.as_str());
        let whole = Value::map([
            ("value", value.clone()),
            ("list", vec![value.clone(), Value::from("end")].into()),
            ("key", Value::map([(text.as_str(), Value::from("end"))])),
            ("deep", Value::map([("list", Value::List(vec![Value::map([("a", value.clone())]), value.clone()]))])),
        ]);
        for written in [&whole, &value] {
            let yaml = write(written);
            assert_eq!(read_one(&yaml).as_ref(), Ok(written), "{yaml}");
            let other: Json = serde_yaml::from_str(&yaml).unwrap_or_else(|e| panic!("{e}\n{yaml}"));
            assert_eq!(other, serde_json::to_value(written).unwrap(), "{yaml}");
        }
        assert_eq!(key_of(&read_one(&write(whole.get("key").unwrap())).unwrap()), Some(text.as_str()));
    }
}

#[test]
fn writes_readable_styles() {
    let cases = [
        ("nginx:1.25", "nginx:1.25"),
        ("500m", "500m"),
        ("1.2.3", "1.2.3"),
        ("-Xmx2g", "-Xmx2g"),
        ("--flag=1", "--flag=1"),
        ("/etc/x", "/etc/x"),
        ("$(POD_NAME)", "$(POD_NAME)"),
        ("no", "\"no\""),
        ("y", "\"y\""),
        ("1_000", "\"1_000\""),
        ("2001-01-01", "\"2001-01-01\""),
        ("1:30", "\"1:30\""),
        ("", "\"\""),
        ("123e456", "\"123e456\""),
        ("*.example.com", "'*.example.com'"),
        ("{{ x }}", "'{{ x }}'"),
        ("a: \"b\"", "'a: \"b\"'"),
        ("a: it's", "\"a: it's\""),
        ("a\tb", "\"a\\tb\""),
        ("a\u{202e}b", "\"a\\u202eb\""),
        ("a\nb\n", "|\n  a\n  b"),
        ("a\n\n  b", "|-\n  a\n\n    b"),
        ("a\nb\n\n", "\"a\\nb\\n\\n\""),
        ("a \nb\n", "\"a \\nb\\n\""),
    ];
    for (text, yaml) in cases {
        assert_eq!(write(&Value::from(text)), format!("{yaml}\n"));
    }
}

#[test]
fn writes_block_layout() {
    let value = Value::map([
        (
            "b",
            Value::map([(
                "list",
                Value::List(vec![
                    Value::map([("x", Value::Int(1)), ("z", vec![Value::Null].into())]),
                    Value::List(vec![Value::Bool(true), Value::List(Vec::new())]),
                    Value::from("a\nb"),
                ]),
            )]),
        ),
        ("a", Value::Map(Map::default())),
    ]);
    let yaml = "b:\n  list:\n  - x: 1\n    z:\n    - null\n  - - true\n    - []\n  - |-\n    a\n    b\na: {}\n";
    assert_eq!(write(&value), yaml);
    assert_eq!(write_all([&value, &Value::Null, &Value::from("x")]), format!("{yaml}---\nnull\n---\nx\n"));
    assert_eq!(write_all([]), "");
}

#[test]
fn long_keys_read_back_with_any_value() {
    for value in [Value::Int(1), vec![1_i64, 2].into(), Value::map([("a", vec![1_i64].into())]), Value::from("a\nb\n")]
    {
        let value = Value::map([("k".repeat(1500), value), ("z".to_owned(), Value::Null)]);
        assert_eq!(read_one(&write(&value)), Ok(value.clone()));
        let nested = Value::List(vec![Value::map([("a", value)])]);
        assert_eq!(read_one(&write(&nested)), Ok(nested));
    }
}

#[test]
fn numbers_keep_their_kind() {
    let floats =
        [(0.5, "0.5"), (1.0, "1.0"), (-0.0, "-0.0"), (1e21, "1.0e+21"), (1.5e-9, "1.5e-9"), (1e300, "1.0e+300")];
    for (float, yaml) in floats {
        assert_eq!(write(&Value::Float(float)), format!("{yaml}\n"));
        assert_eq!(read_one(yaml), Ok(Value::Float(float)));
    }
    for int in [0, -1, i64::MAX.into(), i64::MIN.into(), i128::from(u64::MAX)] {
        assert_eq!(read_one(&write(&Value::Int(int))), Ok(Value::Int(int)));
    }
}

#[test]
fn lines_name_keys_and_items() {
    let text = "# c\n\na: 1\nspec:\n  list:\n  - x: 1\n    w: 2\n  - z\n---\nb:\n  c: 1\n";
    let documents = read(text).unwrap();
    let line = |document: usize, path: &[&str]| documents[document].lines.line(path);
    assert_eq!((documents[0].line, documents[1].line), (3, 10));
    assert_eq!(line(0, &[]), Some(3));
    assert_eq!(line(0, &["spec"]), Some(4));
    assert_eq!(line(0, &["spec", "list", "0", "w"]), Some(7));
    assert_eq!(line(0, &["spec", "list", "1"]), Some(8));
    assert_eq!(line(1, &["b", "c"]), Some(11));
    assert_eq!(line(1, &["a"]), None);
}

#[test]
fn errors_say_what_and_where() {
    let error = |text: &str| read_one(text).unwrap_err().to_string();
    assert_eq!(error("a: 1\nb: 2\na: 3\n"), "line 3, column 1: key `a` is set twice, first on line 1");
    assert_eq!(error("on: 1\n\"true\": 2\n"), "line 2, column 1: key `true` is set twice, first on line 1");
    assert_eq!(error("v: .inf\n"), "line 1, column 4: `.inf` is not a number for Helm, which converts to JSON");
    assert_eq!(error("a: 1\n---\nb: 2\n"), "line 3, column 1: a second document begins here, but only one is allowed");
    assert_eq!(error("é: \"\\/\"\n"), "line 1, column 5: Helm does not support the escape `\\/`; write `/`");
    assert_eq!(
        error("a: {{ x }}\n"),
        "line 1, column 5: `{{` begins a map whose key is a map; quote a template expression"
    );
    assert_eq!(error("a: &a [*a]\n"), "line 1, column 8: `*a` is inside the value it repeats");
}

/// Reads a hostile text, which has to be refused (soon: the test run would hang otherwise).
fn refused(text: &str, with: &str) {
    let error = read(text).map(|documents| documents.len()).unwrap_err();
    assert!(error.message.contains(with), "{error}");
}

#[test]
fn hostile_aliases_are_refused() {
    let mut laughs = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for i in 1..10 {
        let items = vec![format!("*a{}", i - 1); 9].join(", ");
        laughs.push_str(&format!("a{i}: &a{i} [{items}]\n"));
    }
    refused(&laughs, "copy more than 250000 values");
    let merges: String = (1..40).map(|i| format!("m{i}: &m{i} {{<<: [*m{0}, *m{0}], k{i}: *m{0}}}\n", i - 1)).collect();
    refused(&format!("m0: &m0 {{a: 1}}\n{merges}"), "copy more than 250000 values");
    refused(&format!("a: &a {}\nb:\n{}", "x".repeat(100_000), "- *a\n".repeat(20_000)), "repeat more than 64 MiB");
    let chain: String = (1..200).map(|i| format!("c{i}: &c{i} [*c{}]\n", i - 1)).collect();
    refused(&format!("c0: &c0 [1]\n{chain}"), "more than 128 levels deep with aliases");
    refused("a: &a {<<: *a}\n", "is inside the value it repeats");
}

#[test]
fn hostile_depth_and_size_are_refused() {
    refused(&"[".repeat(100_000), "more than 128 levels deep");
    refused(&"{a: ".repeat(100_000), "more than 128 levels deep");
    refused(&"- ".repeat(20_000), "more than 128 levels deep");
    refused(&"? ".repeat(20_000), "cannot be a key");
    refused(&"a\n---\n".repeat(100_001), "more than 100000 documents");
    refused(&format!("[{}]", "1,".repeat(2_000_001)), "more than 2000000 values");
    assert_eq!(read(&"---\n".repeat(1_000_000)).unwrap().len(), 0);
    let deep = format!("{}1{}", "[".repeat(128), "]".repeat(128));
    assert_eq!(read_one(&write(&read_one(&deep).unwrap())), read_one(&deep));
}

#[test]
fn the_first_document_is_read_as_a_chart_file() {
    let first = read_first("a: 1\nb: {c: 1, c: 2}\na: [x]\n---\nd: }\n").unwrap();
    let document = first.document.unwrap();
    assert_eq!(write(&document.value), "a:\n- x\nb:\n  c: 2\n");
    assert_eq!((document.lines.line(&["a"]), first.rest), (Some(3), Some(4)));
    let twice: Vec<_> = first.duplicates.iter().map(|d| (d.key.as_str(), d.line, d.first)).collect();
    assert_eq!(twice, [("c", 2, 2), ("a", 3, 1)]);
    for empty in ["", "# nothing\n", "---\n", "---\n---\na: 1\n"] {
        assert!(read_first(empty).unwrap().document.is_none(), "{empty}");
    }
    assert_eq!(read_first("a: 1\n...\n").unwrap().rest, None);
    assert_eq!(read_first("a: }\n").unwrap_err().line, 1);
    let many = read_first(&"a: 1\n".repeat(100_000)).unwrap_err();
    assert_eq!(many.message, "more than 1000 keys are set twice");
}
