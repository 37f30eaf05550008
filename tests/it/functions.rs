//! Every function of chart templates, held against tables whose results the real helm wrote.
//!
//! `cargo xtask oracle functions` compares the tables with helm, and `… functions bless` fills them in.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lakegen::helm::chart::Chart;
use lakegen::helm::context::{Capabilities, Release};
use lakegen::helm::functions;
use lakegen::helm::go::parse;
use lakegen::helm::go::tree::Templates;
use lakegen::helm::go::value::{Of, Str, Val};
use lakegen::helm::go::vm::{Fail, FailKind, Limits, Vm};
use lakegen::helm::inflate;
use lakegen::helm::render::Compiled;
use lakegen::manifest::value::Map;
use lakegen::manifest::yaml;

mod cases;

use cases::Expected;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/functions")
}

fn tables() -> Vec<PathBuf> {
    let mut tables: Vec<PathBuf> = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    tables.retain(|path| path.extension().is_some_and(|extension| extension == "txt") && !path.ends_with("names.txt"));
    tables.sort();
    assert!(tables.len() > 5, "the tables are not where they were");
    tables
}

/// Renders a text with the values of the tables.
fn render(text: &str, limits: Limits, seed: u64) -> Result<String, Box<Fail>> {
    let values = yaml::read(&fs::read_to_string(folder().join("values.yaml")).unwrap()).unwrap();
    let values = Val::Map(Val::from_values(values[0].value.as_map().unwrap(), Of::Values));
    let dot = Val::map([(Str::from("Values"), values)]);
    let name: Arc<str> = Arc::from("case");
    let parsed = parse::parse(&name, &name, &Arc::from(text)).map_err(|error| Fail::new(format!("{error:?}")))?;
    let mut templates = Templates::default();
    templates.add(parsed);
    Vm::new(&templates, limits, seed).render("case", &dot).map(|(text, _)| text)
}

#[test]
fn tables_hold() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for path in tables() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        for case in cases::read(&fs::read_to_string(&path).unwrap()) {
            count += 1;
            let result = match render(&case.template, Limits::default(), 0) {
                Ok(text) => Expected::Text(text),
                Err(fail) => Expected::Error(fail.message.clone()),
            };
            let same = match &case.expected {
                Expected::OtherError(_) => matches!(result, Expected::Error(_)),
                expected => *expected == result,
            };
            if !same {
                wrong.push(format!(
                    "{name}:{}\n  {}\n  is {result:?}\n not {:?}",
                    case.line, case.template, case.expected
                ));
            }
        }
    }
    assert!(count >= 700, "only {count} cases are left");
    assert!(wrong.is_empty(), "{} of {count} cases differ from helm:\n{}", wrong.len(), wrong.join("\n"));
}

/// The names that a chart may call are those of sprig v3.3.0 (`functions.go`) and Helm 3.22 (`pkg/engine/funcs.go`,
/// without `env` and `expandenv`); those that the evaluator runs itself are not in our table.
#[test]
fn names_are_helms() {
    let names = fs::read_to_string(folder().join("names.txt")).unwrap();
    let evaluated = ["include", "tpl", "and", "or"];
    let wanted: BTreeSet<&str> = names.lines().filter(|name| !evaluated.contains(name)).collect();
    let ours: BTreeSet<&str> = functions::all().map(|function| function.name).collect();
    assert_eq!(ours, wanted);
    assert_eq!(ours.len(), functions::all().count(), "a name stands in two tables");
}

/// Every function has a case that names it.
#[test]
fn every_function_has_cases() {
    let mut all = String::new();
    for path in tables() {
        let table = fs::read_to_string(path).unwrap();
        all.extend(cases::read(&table).into_iter().map(|case| case.template + "\n"));
    }
    let words: BTreeSet<&str> = all.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).collect();
    let missing: Vec<&str> = functions::all().map(|f| f.name).filter(|name| !words.contains(name)).collect();
    assert!(missing.is_empty(), "functions without a case: {missing:?}");
}

/// What a chart can make large stops at a limit, and soon.
#[test]
fn no_value_grows_without_end() {
    let limits = Limits { fuel: 5_000_000, ..Limits::default() };
    for text in [
        r#"{{ repeat 100000000 "x" }}"#,
        r#"{{ repeat 9223372036854775807 "xy" }}"#,
        r#"{{ indent 1000000000 "a\nb" }}"#,
        r#"{{ nindent 70000000 "a" }}"#,
        r#"{{ replace "" (repeat 100000 "x") (repeat 100000 "y") }}"#,
        r#"{{ regexReplaceAll "" (repeat 100000 "y") (repeat 100000 "x") }}"#,
        r#"{{ regexReplaceAllLiteral "y" (repeat 100000 "y") (repeat 100000 "x") }}"#,
        "{{ until 1000000000 }}",
        "{{ untilStep 0 9223372036854775807 1 }}",
        "{{ seq 1000000000 }}",
        "{{ randAlphaNum 1000000000 }}",
        "{{ randBytes 1000000000 }}",
        r#"{{ $x := list "0123456789" }}{{ range until 64 }}{{ $x = list $x $x }}{{ end }}{{ toYaml $x }}"#,
        r#"{{ $x := list "0123456789" }}{{ range until 64 }}{{ $x = list $x $x }}{{ end }}{{ toJson $x }}"#,
        r#"{{ $x := list "a" }}{{ range until 64 }}{{ $x = concat $x $x }}{{ end }}"#,
        r#"{{ $x := "ab" }}{{ range until 64 }}{{ $x = print $x $x }}{{ end }}"#,
        r#"{{ $x := "ab" }}{{ range until 64 }}{{ $x = b64enc $x }}{{ end }}"#,
        r#"{{ $d := dict }}{{ $_ := set $d "d" $d }}{{ deepCopy $d }}"#,
        r#"{{ $d := dict "d" (dict) }}{{ $_ := set $d.d "d" $d }}{{ $e := deepCopy $d }}"#,
        r#"{{ wrapWith 1 (repeat 100000 "x") (repeat 100000 "y") }}"#,
        r#"{{ join (repeat 100000 "x") (until 100000) }}"#,
    ] {
        let fail = render(text, limits, 0).expect_err(text);
        assert_eq!(fail.kind, FailKind::Limit, "{text}: {fail}");
    }
    // What holds itself is written as nothing, as helm does it.
    let own =
        r#"{{ $d := dict }}{{ $_ := set $d "d" $d }}{{ toJson $d }}|{{ toYaml $d }}|{{ len (toToml $d) | lt 0 }}"#;
    assert_eq!(render(own, limits, 0).unwrap(), "||true");
}

/// Randomness comes from the seed alone.
#[test]
fn random_is_repeatable() {
    for text in [
        "{{ randAlphaNum 12 }}",
        "{{ randBytes 12 }}",
        "{{ randInt 0 1000000 }}",
        "{{ uuidv4 }}",
        r#"{{ shuffle "abcdefghijklmnop" }}"#,
        r#"{{ genPrivateKey "rsa" }}"#,
        r#"{{ (genCA "x" 1).Cert }}"#,
        r#"{{ htpasswd "me" "password" }}"#,
        r#"{{ encryptAES "key" "text" }}"#,
        "{{ now }}",
    ] {
        let limits = Limits::default();
        let first = render(text, limits, 1).unwrap();
        assert_eq!(first, render(text, limits, 1).unwrap(), "{text}");
        assert_ne!(first, render(text, limits, 2).unwrap(), "{text}");
    }
}

/// Renders a chart of one template; how many objects it makes.
fn inflated(template: &str) -> Result<usize, String> {
    let files: [(&str, &[u8]); 2] =
        [("Chart.yaml", b"apiVersion: v2\nname: one\nversion: 1.0.0\n"), ("templates/a.yaml", template.as_bytes())];
    let (chart, _) = Chart::from_folder("one", files).map_err(|error| error.to_string())?;
    let release = Release { name: "one".into(), namespace: "one".into() };
    let capabilities = Capabilities { kubernetes: "v1.34.0".into(), apis: BTreeSet::new().into() };
    match inflate::inflate(&chart, &Map::default(), &release, &capabilities, &Compiled::default(), 0) {
        Ok(inflated) => Ok(inflated.items().count()),
        Err(errors) => Err(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")),
    }
}

/// T52: what reaches out is not there at all, and what there is is listed.
#[test]
fn t52_no_function_reaches_out() {
    for name in ["env", "expandenv", "readFile", "getenv", "exec", "httpGet", "readDir", "osBase2", "include_file"] {
        assert!(functions::find(name).is_none(), "{name}");
        let error = inflated(&format!("{{{{ {name} \"HOME\" }}}}")).unwrap_err();
        assert!(error.ends_with(&format!("function `{name}` does not exist")), "{error}");
    }
    // Names of Helm that reach out there, and do not here.
    assert_eq!(inflated("a: {{ getHostByName \"localhost\" | quote }}\nkind: X"), Ok(1));
    assert_eq!(inflated("{{ if lookup \"v1\" \"Secret\" \"\" \"\" }}{{ fail \"found\" }}{{ end }}"), Ok(0));
    for path in ["../Chart.yaml", "/etc/passwd", "templates/../../x", "values.yaml", "./a"] {
        assert_eq!(
            inflated(&format!("{{{{ if .Files.Get {path:?} }}}}{{{{ fail \"read\" }}}}{{{{ end }}}}")),
            Ok(0),
            "{path}"
        );
    }
}
