//! What is fuzzed: the parser of templates, their evaluation, the merging of values, schemas; the others by name.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use lakegen::helm::chart::Chart;
use lakegen::helm::go::parse::{self};
use lakegen::helm::go::tree::Templates;
use lakegen::helm::go::value::{Of, Str, Val};
use lakegen::helm::go::vm::{FailKind, Limits, Vm};
use lakegen::helm::version::Version;
use lakegen::helm::{functions, prepare, schema, values};
use lakegen::manifest::value::{Map, Value};
use lakegen::manifest::yaml;

use super::{addresses, archives};
use crate::oracle::functions::cases;

/// Something that reads bytes of strangers.
pub struct Target {
    pub name: &'static str,
    /// Runs one input; panics when something does not hold.
    pub run: fn(&[u8]),
    /// Inputs to begin with, from the folder `tests`.
    pub seeds: fn(&Path) -> anyhow::Result<Vec<Vec<u8>>>,
    /// What is put in at random places.
    pub words: fn() -> Vec<String>,
}

pub const ALL: &[Target] = &[
    Target { name: "parse", run: parses, seeds: templates, words: template_words },
    Target { name: "evaluate", run: evaluates, seeds: templates, words: template_words },
    Target { name: "values", run: merges, seeds: documents, words: yaml_words },
    Target { name: "yaml_read", run: reads_alike, seeds: manifests, words: yaml_words },
    Target { name: "schema", run: judges, seeds: schemas, words: schema_words },
    Target { name: "archive", run: archives::unpacks, seeds: archives::seeds, words: yaml_words },
    Target { name: "lock_file", run: addresses::locks, seeds: addresses::lock_seeds, words: addresses::words },
    Target { name: "url_and_ref", run: addresses::addresses, seeds: addresses::seeds, words: addresses::words },
    Target { name: "index", run: addresses::indexes, seeds: addresses::index_seeds, words: addresses::words },
];

/// Finds a target by its name.
pub fn find(name: &str) -> anyhow::Result<&'static Target> {
    let names = || ALL.iter().map(|target| target.name).collect::<Vec<_>>().join(", ");
    ALL.iter().find(|target| target.name == name).with_context(|| format!("no target `{name}`: there are {}", names()))
}

fn templates(tests: &Path) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut all = Vec::new();
    for path in super::files(&tests.join("charts"))? {
        if path.components().any(|part| part.as_os_str() == "templates") {
            all.push(std::fs::read(path)?);
        }
    }
    for path in super::files(&tests.join("functions"))? {
        if path.extension().is_some_and(|end| end == "txt") && !path.ends_with("names.txt") {
            let cases = cases::read(&std::fs::read_to_string(path)?);
            all.extend(cases.into_iter().map(|case| case.template.into_bytes()));
        }
    }
    Ok(all)
}

fn template_words() -> Vec<String> {
    let mut words: Vec<String> = functions::all().map(|function| format!(" {} ", function.name)).collect();
    words.extend(functions::all().map(|function| format!("{{{{ {} ", function.name)));
    let others = [
        "{{",
        "}}",
        "{{- ",
        " -}}",
        "{{ end }}",
        "{{ else }}",
        "{{ if . }}",
        "{{ range . }}",
        "{{ with $ }}",
        "{{ break }}",
        "{{ continue }}",
        "{{ define \"x\" }}",
        "{{ template \"x\" . }}",
        "{{ block \"x\" . }}",
        "include \"x\" .",
        "tpl . .",
        "{{/*",
        "*/}}",
        " | ",
        "(",
        ")",
        "$",
        "$x := ",
        "$x = ",
        "$x",
        ".",
        ".Values",
        ".Values.list",
        "nil",
        "true",
        "\"",
        "`",
        "'a'",
        "%",
        "%v",
        "%-5.3q",
        "\\",
        "\u{feff}",
        "ü",
        "\0",
        "dict \"a\" 1",
        "list 1 2",
        "and ",
        "or ",
        ",",
        "0b1",
        "1i",
        "{{ else if . }}",
        "{{ else with . }}",
        "{{ range $i, $x := . }}",
        "{{ range 3 }}",
    ];
    words.extend(others.map(str::to_owned));
    words
}

fn parses(input: &[u8]) {
    let text: Arc<str> = String::from_utf8_lossy(input).into();
    let name: Arc<str> = "fuzz".into();
    match parse::parse(&name, &name, &text) {
        Ok(templates) => assert!(templates.first().is_some_and(|first| first.name == name)),
        Err(error) => {
            assert!(error.at <= text.len(), "the place {} is outside of the text", error.at);
            assert!(!error.message.is_empty());
        }
    }
}

/// Renders once; the text or the message.
fn rendered(text: &Arc<str>) -> Result<String, String> {
    const VALUES: &str = "a: 1\nlist: [a, 2, null, {b: c}]\nmap: {x: y, n: 1.5}\ntext: some text\nempty: {}\n";
    let values = yaml::read_one(VALUES).expect("it is YAML");
    let values = Val::Map(Val::from_values(values.as_map().expect("it is a map"), Of::Values));
    let dot = Val::map([(Str::from("Values"), values.clone()), (Str::from("list"), Val::list(vec![values]))]);
    let name: Arc<str> = "fuzz".into();
    let parsed = parse::parse(&name, &name, text).map_err(|error| error.message)?;
    let mut templates = Templates::default();
    templates.add(parsed);
    let limits = Limits { fuel: 2_000_000, depth: 50, output: 1 << 20 };
    let mut vm = Vm::new(&templates, limits, 7);
    // A chart may stop with words of its own, which may be none.
    let result = vm.render("fuzz", &dot).map_err(|fail| match fail.kind {
        FailKind::Chart | FailKind::Missing => format!("the chart says: {}", fail.message),
        _ => fail.message,
    });
    assert!(vm.used() <= limits.fuel);
    result.map(|(text, _)| text)
}

fn evaluates(input: &[u8]) {
    let text: Arc<str> = String::from_utf8_lossy(input).into();
    let work = || {
        let once = rendered(&text);
        assert_eq!(once, rendered(&text), "two renders differ");
        match once {
            Ok(text) => assert!(text.len() <= 1 << 20),
            Err(message) => {
                assert!(!message.is_empty() && message.len() < 1 << 20, "a message of {} bytes", message.len())
            }
        }
    };
    std::thread::scope(|scope| {
        let thread =
            std::thread::Builder::new().stack_size(192 << 20).spawn_scoped(scope, work).expect("a thread starts");
        thread.join().expect("nothing panics");
    });
}

fn documents(tests: &Path) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut all = Vec::new();
    for path in super::files(&tests.join("charts"))? {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let chart = path.parent().is_some_and(|parent| parent.join("Chart.yaml").is_file());
        if file == "values.yaml" && chart {
            // The values of the chart, then those of the user.
            let own = std::fs::read(&path)?;
            let user = path.parent().and_then(Path::parent).map(|case| case.join("values.yaml"));
            let user = user.and_then(|path| std::fs::read(path).ok()).unwrap_or_default();
            all.push([&own[..], SEPARATOR.as_bytes(), &user].concat());
        }
    }
    Ok(all)
}

/// Small YAML files of the tests, of every kind.
fn manifests(tests: &Path) -> anyhow::Result<Vec<Vec<u8>>> {
    const LARGE: usize = 8 << 10;
    let mut all = Vec::new();
    for path in super::files(tests)? {
        if path.extension().is_some_and(|end| end == "yaml") {
            let text = std::fs::read(path)?;
            all.extend((text.len() < LARGE).then_some(text));
        }
    }
    // So many are enough to have every kind among them.
    let step = all.len() / 500 + 1;
    Ok(all.into_iter().step_by(step).collect())
}

/// The reader in one pass and the one by events say the same, where the first says anything.
fn reads_alike(input: &[u8]) {
    if let Some(Err(problem)) = yaml::compare(&String::from_utf8_lossy(input)) {
        panic!("{problem}");
    }
}

const SEPARATOR: &str = "\n--- user ---\n";

fn yaml_words() -> Vec<String> {
    let words = [
        "global:",
        "\n  a: ",
        "null",
        "~",
        "{}",
        "[]",
        "- ",
        ": ",
        "\n",
        "&a ",
        "*a",
        "<<: *a",
        "true",
        "\"",
        "'",
        "|\n  ",
        ">-\n",
        "!!binary ",
        "? ",
        "# ",
        "\t",
        "name: ",
        "version: 1.0.0\n",
        "dependencies:\n",
        "condition: ",
        "tags:\n",
        "alias: ",
        "import-values:\n",
        "parent: ",
        "child: ",
        "exports:\n",
        "type: library\n",
        "../",
        "\0",
        "sub:\n  ",
        "\n    ",
        "- - ",
        "|-\n      ",
        "|+\n\n",
        " #",
        "''",
        "\\n",
        "\\\n",
        "{a: [b, \"c\"]}",
        "...\n",
        "---\n",
        "  ",
        "=",
        "0o7",
        "1_000",
        "on",
        "%",
        "@",
        SEPARATOR,
    ];
    words.map(str::to_owned).to_vec()
}

fn merges(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (own, user) = text.split_once(SEPARATOR).unwrap_or((&text, ""));
    let read = |text: &str| match yaml::read_first(text) {
        Ok(read) => match read.document.map(|document| document.value) {
            Some(Value::Map(map)) => Some(map),
            _ => Some(Map::default()),
        },
        Err(_) => None,
    };
    let Some(user) = read(user) else { return };
    assert_eq!(values::merge_files([user.clone(), Map::default()]), values::merge_files([user.clone()]));
    let parent = b"apiVersion: v2\nname: fuzz\nversion: 1.0.0\ndependencies:\n- {name: sub, version: 1.0.0, condition: sub.enabled, import-values: [data, {child: a, parent: b}]}\n";
    let child = b"apiVersion: v2\nname: sub\nversion: 1.0.0\n";
    let files: [(&str, &[u8]); 4] = [
        ("Chart.yaml", parent),
        ("values.yaml", own.as_bytes()),
        ("charts/sub/Chart.yaml", child),
        ("charts/sub/values.yaml", own.as_bytes()),
    ];
    let Ok((chart, _)) = Chart::from_folder("fuzz", files) else { return };
    let kubernetes = Version::parse("v1.34.0").expect("it is a version");
    let once = prepare::prepare(chart.clone(), &user, &kubernetes).map(|prepared| prepared.values);
    let again = prepare::prepare(chart, &user, &kubernetes).map(|prepared| prepared.values);
    assert_eq!(once, again, "merging twice differs");
}

/// Schemas, each with values to judge.
fn schemas(tests: &Path) -> anyhow::Result<Vec<Vec<u8>>> {
    const WHOLE: &str = r##"{"$schema": "http://json-schema.org/draft-07/schema#", "definitions": {"n": {"type": "integer", "minimum": 1}},
"properties": {"a": {"$ref": "#/definitions/n"}, "b": {"items": {"pattern": "^(a|b)*$"}, "maxItems": 3, "uniqueItems": true},
"c": {"$ref": "https://example.com/_definitions.json#/definitions/io.k8s.api.core.v1.Pod"}, "d": {"format": "ipv4"}},
"patternProperties": {"^x": {"anyOf": [{"type": "string"}, {"type": ["null", "boolean"]}]}}, "additionalProperties": false,
"required": ["a"], "if": {"required": ["b"]}, "then": {"propertyNames": {"maxLength": 3}}, "dependencies": {"a": ["b"]}}"##;
    let mut all = vec![[WHOLE, SEPARATOR, "a: 1\nb: [a, b]\nc: {x: 1}\nxx: true\n"].concat().into_bytes()];
    for path in super::files(&tests.join("charts"))? {
        if path.ends_with("values.schema.json") {
            let values = std::fs::read(path.with_file_name("values.yaml")).unwrap_or_default();
            all.push([&std::fs::read(&path)?[..], SEPARATOR.as_bytes(), &values].concat());
        }
    }
    Ok(all)
}

fn schema_words() -> Vec<String> {
    const KEYS: &str = "$ref $id $anchor $defs $dynamicRef $dynamicAnchor $recursiveRef $schema type properties items \
        prefixItems additionalProperties patternProperties propertyNames allOf anyOf oneOf not if then else enum const \
        required pattern format minimum maximum multipleOf minLength maxItems uniqueItems contains unevaluatedProperties \
        dependentSchemas dependencies default";
    let keys = KEYS.split_whitespace().map(|key| format!("\"{key}\": "));
    let values = [
        "{",
        "}",
        "[",
        "]",
        ",",
        "true",
        "null",
        "\"#\"",
        "\"#/$defs/a\"",
        "\"#/properties/a\"",
        "\"#a\"",
        "\"http://example.com/x\"",
        "\"file:///dev/zero\"",
        "\"urn:x\"",
        "\"(a+)+$\"",
        "\"(a{1000}){1000}\"",
        "\"string\"",
        "\"a\": ",
        "{\"$ref\": \"#\"}",
        "{\"allOf\": [{\"$ref\": \"#\"}, {\"$ref\": \"#\"}]}",
        SEPARATOR,
    ];
    keys.chain(values.map(str::to_owned)).collect()
}

fn judges(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (judge, own) = text.split_once(SEPARATOR).unwrap_or((&text, "a: 1\n"));
    let Ok(values) = yaml::read_one(own) else { return };
    let Some(values) = values.as_map() else { return };
    let files: [(&str, &[u8]); 2] =
        [("Chart.yaml", b"apiVersion: v2\nname: fuzz\nversion: 1.0.0\n"), ("values.schema.json", judge.as_bytes())];
    let Ok((chart, _)) = Chart::from_folder("fuzz", files) else { return };
    let once = schema::check(&chart, values);
    assert_eq!(once, schema::check(&chart, values), "checking twice differs");
    for error in once.0.iter().chain(&once.1) {
        assert!(!error.message.is_empty() && error.message.len() < 20_000, "a message of {}", error.message.len());
        assert!(!error.message.contains(['\n', '\u{1b}']), "a message is not one line: {}", error.message);
    }
}
