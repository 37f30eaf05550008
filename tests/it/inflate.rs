//! Charts rendered in process, against what the real helm printed: every chart of `tests/charts/`, object by object, field
//! by field, types too.
//!
//! `charts.rs` says what stands in those folders and keeps `expected.yaml` as helm prints it. Charts of `fails-…` are
//! refused by helm while it renders; `refused.txt` has our message and the value that caused it, asked anew with
//! `LAKEGEN_BLESS=1`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use lakegen::helm::ChartError;
use lakegen::helm::archive::File;
use lakegen::helm::chart::{Chart, read_document};
use lakegen::helm::context::{Capabilities, Release};
use lakegen::helm::inflate::{self, Inflated};
use lakegen::helm::render::Compiled;
use lakegen::helm::values;
use lakegen::manifest::value::{Map, Value};
use lakegen::manifest::yaml;

fn cases() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/charts");
    let mut cases: Vec<PathBuf> = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}

fn name(case: &Path) -> &str {
    case.file_name().unwrap().to_str().unwrap()
}

fn files(folder: &Path, prefix: &str, into: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            files(&entry.path(), &format!("{name}/"), into);
        } else {
            into.push((name, fs::read(entry.path()).unwrap()));
        }
    }
}

/// Renders a chart with the values files beside it, for the release and the Kubernetes of `expected.yaml`.
fn inflated(case: &Path) -> Result<Inflated, Vec<ChartError>> {
    let mut all = Vec::new();
    files(&case.join("chart"), "", &mut all);
    let all = all.iter().map(|(name, data)| (&**name, &**data));
    let (chart, _) = Chart::from_folder("chart", all).map_err(|error| vec![error])?;
    let mut user: Vec<PathBuf> = fs::read_dir(case).unwrap().map(|entry| entry.unwrap().path()).collect();
    user.retain(|path| name(path).starts_with("values"));
    user.sort();
    let user = user.into_iter().map(|path| {
        let document = read_document("", &File::new(name(&path), &fs::read(&path).unwrap())).unwrap().0;
        document.map_or_else(Map::default, |document| document.value.as_map().unwrap().clone())
    });
    let release = Release { name: "release".into(), namespace: "default".into() };
    // Of Helm's own list, what these charts ask for.
    let apis: BTreeSet<String> = ["v1", "apps/v1"].map(str::to_owned).into();
    let capabilities = Capabilities { kubernetes: "v1.34.0".into(), apis: apis.into() };
    inflate::inflate(&chart, &values::merge_files(user), &release, &capabilities, &Compiled::default(), 0)
}

/// Takes out what depends on Helm's walking twice over what two aliases of one chart share.
fn without_imports(case: &Path, mut value: Value) -> Value {
    if name(case) == "aliases"
        && let Some(Value::Map(chart)) = value.as_map_mut().and_then(|map| map.get_mut("chart"))
        && let Some(Value::List(dependencies)) = chart.get_mut("dependencies")
    {
        for dependency in dependencies.iter_mut().filter_map(Value::as_map_mut) {
            dependency.shift_remove("import-values");
        }
    }
    value
}

/// Objects by template, in the order of one template's kind and name, because subcharts that are not declared come in
/// another order each time.
fn sorted(objects: impl IntoIterator<Item = (String, Value)>) -> BTreeMap<(String, String), Value> {
    let mut all = BTreeMap::new();
    for (source, value) in objects {
        let text = |path: &[&str]| value.at(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        let id = format!("{} {}", text(&["kind"]), text(&["metadata", "name"]));
        let before = all.insert((source, id), value);
        assert!(before.is_none(), "two objects of one name: {before:?}");
    }
    all
}

fn printed(case: &Path, text: &str) -> BTreeMap<(String, String), Value> {
    let pieces = text.split("---\n# Source: ").skip(1).map(|piece| piece.split_once('\n').unwrap());
    sorted(pieces.filter_map(|(source, piece)| {
        let document = yaml::read_first(piece).unwrap().document?;
        (!document.value.is_empty()).then(|| (source.to_owned(), without_imports(case, document.value)))
    }))
}

#[test]
fn charts_inflate_to_what_helm_prints() {
    let (mut wrong, mut compared) = (Vec::new(), 0);
    for case in cases().iter().filter(|case| !case.join("refused.txt").exists()) {
        let expected = printed(case, &fs::read_to_string(case.join("expected.yaml")).unwrap());
        match inflated(case) {
            Err(errors) => wrong.push(format!("{}: refused: {}", name(case), errors[0])),
            Ok(inflated) => {
                let items = inflated.items().filter(|item| !item.document.value.is_empty());
                let found = sorted(
                    items.map(|item| (item.template.clone(), without_imports(case, item.document.value.clone()))),
                );
                compared += found.len();
                if found != expected {
                    let show = |all: &BTreeMap<(String, String), Value>| {
                        let show = |((source, _), value): (&(String, String), &Value)| {
                            format!("# {source}\n{}", yaml::write(value))
                        };
                        all.iter().map(show).collect::<String>()
                    };
                    let diff = similar::TextDiff::from_lines(show(&expected), show(&found))
                        .unified_diff()
                        .header("helm", "lakegen")
                        .to_string();
                    wrong.push(format!("{}:\n{diff}", name(case)));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(compared > 80, "only {compared} objects were compared");
}

#[test]
fn what_helm_refuses_is_refused_with_a_place() {
    let (mut wrong, mut refused) = (Vec::new(), 0);
    for case in cases().iter().filter(|case| case.join("refused.txt").exists()) {
        refused += 1;
        let Err(errors) = inflated(case) else {
            wrong.push(format!("{}: not refused", name(case)));
            continue;
        };
        let by = |error: &ChartError| match error.value.join(".") {
            value if value.is_empty() || !name(case).starts_with("fails-") => String::new(),
            value => format!("  because of `{value}`\n"),
        };
        let text: String = errors.iter().map(|error| format!("{error}\n{}", by(error))).collect();
        let path = case.join("refused.txt");
        if std::env::var_os("LAKEGEN_BLESS").is_some() {
            fs::write(path, text).unwrap();
        } else if fs::read_to_string(path).unwrap() != text {
            wrong.push(format!("{}: {text}", name(case)));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(refused > 30, "only {refused} charts were refused");
}

/// The value behind a failure is found by trying; where each try is much work, nobody tries.
#[test]
fn causes_are_looked_for_within_bounds() {
    let caused = |work: &str| {
        let template = format!("{work}{{{{ if .Values.a }}}}{{{{ fail \"not so\" }}}}{{{{ end }}}}");
        let files: [(&str, &[u8]); 2] =
            [("Chart.yaml", b"apiVersion: v2\nname: c\nversion: 1.0.0\n"), ("templates/a.yaml", template.as_bytes())];
        let (chart, _) = Chart::from_folder("c", files).unwrap();
        let values: Map = [("a".into(), Value::Bool(true))].into_iter().collect();
        let release = Release { name: "release".into(), namespace: "default".into() };
        let capabilities = Capabilities { kubernetes: "v1.34.0".into(), apis: BTreeSet::new().into() };
        let errors = inflate::inflate(&chart, &values, &release, &capabilities, &Compiled::default(), 0).unwrap_err();
        assert_eq!(errors[0].message, "not so");
        errors[0].value.join(".")
    };
    assert_eq!(caused(""), "a");
    assert_eq!(caused("{{ $much := repeat 61000000 \"a\" }}"), "");
}
