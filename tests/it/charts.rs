//! Charts of our own, each about one rule of Helm's chart model, against what the real helm made of them.
//!
//! `tests/charts/<name>/` has `chart/`, perhaps `values*.yaml`, and `expected.yaml`, the output of `helm template` 3.22;
//! or `refused.txt`, our message where helm refuses too. The templates of all these charts print what a template sees:
//! `.Values`, `.Chart` and the names of `.Files`; those of `plain-…` have no actions, and prove how what is printed is taken
//! apart and sorted; those of `language-…` and `fails-…` are about the template language, and `inflate.rs` holds them
//! against helm, as it does all the others. With `LAKEGEN_BLESS=1` the real helm and the messages are asked anew.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use lakegen::helm::ChartError;
use lakegen::helm::archive::File;
use lakegen::helm::chart::{Chart, read_document, subchart};
use lakegen::helm::manifests::{self, Definitions, Printed};
use lakegen::helm::prepare::{Prepared, prepare};
use lakegen::helm::values;
use lakegen::helm::version::Version;
use lakegen::manifest::value::{Map, Value};
use lakegen::manifest::yaml;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/charts")
}

fn all_cases() -> Vec<PathBuf> {
    let mut cases: Vec<PathBuf> = fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}

fn begins(case: &Path, prefixes: &[&str]) -> bool {
    let name = case.file_name().unwrap().to_str().unwrap();
    prefixes.iter().any(|prefix| name.starts_with(prefix))
}

/// Returns the cases whose templates print what they see.
fn cases() -> Vec<PathBuf> {
    let mut cases = all_cases();
    cases.retain(|case| !begins(case, &["language-", "fails-"]));
    assert!(cases.len() > 20, "the charts are not where they were");
    cases
}

fn blessing() -> bool {
    std::env::var_os("LAKEGEN_BLESS").is_some()
}

/// Returns the files below a folder by their paths in it.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    fn walk(folder: &Path, prefix: &str, into: &mut Vec<(String, Vec<u8>)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
            if entry.file_type().unwrap().is_dir() {
                walk(&entry.path(), &format!("{name}/"), into);
            } else {
                into.push((name, fs::read(entry.path()).unwrap()));
            }
        }
    }
    let mut all = Vec::new();
    walk(folder, "", &mut all);
    all
}

fn values_files(case: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(case).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.file_name().unwrap().to_str().unwrap().starts_with("values"));
    files.sort();
    files
}

fn inflate(case: &Path) -> Result<Prepared, Vec<ChartError>> {
    let files = files(&case.join("chart"));
    let files = files.iter().map(|(name, data)| (&**name, &**data));
    let (chart, _) = Chart::from_folder("chart", files).map_err(|error| vec![error])?;
    let user = values_files(case).into_iter().map(|path| {
        let file = File::new(path.to_str().unwrap(), &fs::read(&path).unwrap());
        let document = read_document("", &file).unwrap().0;
        document.map_or_else(Map::default, |document| document.value.as_map().unwrap().clone())
    });
    prepare(chart, &values::merge_files(user), &Version::parse("v1.34.0").unwrap())
}

/// What the templates of a chart and its subcharts see, by the template's name.
fn seen(chart: &Chart, values: &Map, path: &str, into: &mut BTreeMap<String, Value>) {
    let metadata = &chart.metadata;
    let mut fields: Vec<(&str, Value)> = Vec::new();
    let mut text = |name, text: &str| {
        if !text.is_empty() {
            fields.push((name, Value::from(text)));
        }
    };
    text("name", &metadata.name);
    text("home", &metadata.home);
    text("version", &metadata.version);
    text("description", &metadata.description);
    text("apiVersion", &metadata.api_version);
    text("appVersion", &metadata.app_version);
    text("kubeVersion", &metadata.kube_version);
    text("type", &metadata.kind);
    let texts = |all: &[String]| Value::List(all.iter().map(|text| Value::from(&**text)).collect());
    if !metadata.keywords.is_empty() {
        fields.push(("keywords", texts(&metadata.keywords)));
    }
    if !metadata.annotations.is_empty() {
        let all = metadata.annotations.iter().map(|(key, value)| (&**key, Value::from(&**value)));
        fields.push(("annotations", Value::map(all)));
    }
    if !metadata.maintainers.is_empty() {
        let one = |m: &lakegen::helm::metadata::Maintainer| {
            Value::map([("name", Value::from(&*m.name)), ("email", Value::from(&*m.email))])
        };
        fields.push(("maintainers", Value::List(metadata.maintainers.iter().map(one).collect())));
    }
    let names: Vec<String> = metadata.dependencies.iter().map(|dependency| dependency.name.clone()).collect();
    fields.push(("dependencies", texts(&names)));
    let mut names: Vec<String> = chart.files.iter().map(|file| file.name.clone()).collect();
    names.sort();
    let object = Value::map([
        ("chart", Value::map(fields)),
        ("files", texts(&names)),
        ("values", floats(&Value::Map(values.clone()))),
    ]);
    if !metadata.is_library() {
        for template in chart.templates.iter().filter(|file| file.name.ends_with("/values.yaml")) {
            into.insert(format!("{path}/{}", template.name), object.clone());
        }
    }
    for below in &chart.dependencies {
        let values = values::at(values, below.name()).and_then(Value::as_map).cloned().unwrap_or_default();
        seen(below, &values, &subchart(path, below.name()), into);
    }
}

/// Makes floats of all integers, as Helm does.
#[expect(clippy::cast_precision_loss, reason = "as Helm")]
fn floats(value: &Value) -> Value {
    match value {
        Value::Int(int) => Value::Float(*int as f64),
        Value::List(list) => Value::List(list.iter().map(floats).collect()),
        Value::Map(map) => Value::map(map.iter().map(|(key, value)| (key.clone(), floats(value)))),
        other => other.clone(),
    }
}

/// Reads what helm printed: the same, by the template's name.
fn printed(text: &str) -> (BTreeMap<String, Value>, Vec<String>) {
    let (mut templates, mut others) = (BTreeMap::new(), Vec::new());
    for document in yaml::read(text).unwrap() {
        let value = document.value;
        let Some(name) = value.at(&["metadata", "name"]).and_then(Value::as_str) else {
            others.push(value.get("kind").and_then(Value::as_str).unwrap().to_owned());
            continue;
        };
        let mut chart = value.get("chart").unwrap().clone();
        let map = chart.as_map_mut().unwrap();
        map.shift_remove("IsRoot");
        map.shift_remove("deprecated");
        let names = map.get("dependencies").and_then(Value::as_list).unwrap_or_default().iter();
        let names = Value::List(names.map(|dependency| dependency.get("name").unwrap().clone()).collect());
        map.insert("dependencies".into(), names);
        let files = value.get("files").unwrap().clone();
        let object = [("chart", chart), ("files", files), ("values", floats(value.get("values").unwrap()))];
        templates.insert(name.to_owned(), Value::map(object));
    }
    (templates, others)
}

fn diff(expected: &str, found: &str) -> String {
    similar::TextDiff::from_lines(expected, found).unified_diff().header("helm", "lakegen").to_string()
}

/// Reads what helm printed for templates that have no actions: each document after its source.
fn in_order(text: &str) -> String {
    let pieces = text.split("---\n# Source: ").skip(1).map(|piece| piece.split_once('\n').unwrap());
    let written = |(source, piece): (&str, &str)| {
        let document = yaml::read_first(piece).unwrap().document?;
        Some(format!("# {source}\n{}", yaml::write(&document.value)))
    };
    pieces.filter_map(written).collect()
}

#[test]
fn charts_are_what_helm_makes_of_them() {
    let mut wrong = Vec::new();
    for case in cases() {
        let name = case.file_name().unwrap().to_str().unwrap().to_owned();
        let outcome = inflate(&case);
        if !name.starts_with("refused-") {
            match outcome {
                Ok(prepared) if name.starts_with("plain-") => {
                    let chart = &prepared.chart;
                    let named = |file: &'_ File| format!("{}/{}", chart.name(), file.name);
                    let texts: Vec<_> =
                        chart.templates.iter().map(|file| (named(file), file.text().unwrap())).collect();
                    let printed: Vec<_> = texts.iter().map(|(template, text)| Printed { template, text }).collect();
                    let (rendered, _) = manifests::sort(&printed, &chart.crds(), &Definitions::default()).unwrap();
                    let all =
                        rendered.crds.iter().chain(&rendered.objects).chain(rendered.hooks.iter().map(|h| &h.item));
                    let found: String =
                        all.map(|item| format!("# {}\n{}", item.template, yaml::write(&item.document.value))).collect();
                    let expected = in_order(&fs::read_to_string(case.join("expected.yaml")).unwrap());
                    if found != expected {
                        wrong.push(format!("{name}:\n{}", diff(&expected, &found)));
                    }
                }
                Ok(prepared) => {
                    let (expected, others) = printed(&fs::read_to_string(case.join("expected.yaml")).unwrap());
                    let mut found = BTreeMap::new();
                    seen(&prepared.chart, &prepared.values, prepared.chart.name(), &mut found);
                    if found != expected {
                        let show = |all: &BTreeMap<String, Value>| {
                            all.iter()
                                .map(|(name, value)| format!("# {name}\n{}", yaml::write(value)))
                                .collect::<String>()
                        };
                        wrong.push(format!("{name}:\n{}", diff(&show(&expected), &show(&found))));
                    }
                    if others.len() != prepared.chart.crds().len() {
                        wrong.push(format!("{name}: helm has the definitions {others:?}"));
                    }
                }
                Err(errors) => wrong.push(format!("{name}: refused: {}", errors[0])),
            }
            continue;
        }
        let text = match outcome {
            Ok(_) => {
                wrong.push(format!("{name}: not refused"));
                continue;
            }
            Err(errors) => errors.iter().map(|error| format!("{error}\n")).collect::<String>(),
        };
        let path = case.join("refused.txt");
        if blessing() {
            fs::write(path, text).unwrap();
        } else if fs::read_to_string(path).unwrap_or_default() != text {
            wrong.push(format!("{name}: {text}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Returns the real helm: of `.ci/run`, or of the path.
fn helm() -> Option<PathBuf> {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("target/oracle")];
    folders.extend(std::env::var_os("PATH").iter().flat_map(std::env::split_paths));
    folders.into_iter().map(|folder| folder.join("helm")).find(|path| path.is_file())
}

#[test]
fn expectations_are_what_the_real_helm_prints() {
    let Some(helm) = helm() else {
        eprintln!("skipped: there is no helm in target/oracle or on the path");
        return;
    };
    for case in all_cases() {
        let mut command = Command::new(&helm);
        command.args(["template", "release", "--include-crds", "--kube-version", "1.34.0"]).arg(case.join("chart"));
        for file in values_files(&case) {
            command.arg("-f").arg(file);
        }
        let output = command.output().unwrap();
        let path = case.join("expected.yaml");
        if case.join("refused.txt").exists() {
            assert!(!output.status.success(), "helm takes {}", case.display());
            continue;
        }
        assert!(output.status.success(), "{}: {}", case.display(), String::from_utf8_lossy(&output.stderr));
        if blessing() {
            fs::write(&path, &output.stdout).unwrap();
        }
        // The order of objects of one kind is another one each time where subcharts are not declared.
        let text = String::from_utf8(output.stdout).unwrap();
        let before = fs::read_to_string(&path).unwrap();
        if begins(&case, &["plain-", "language-"]) {
            assert_eq!(text, before, "{}", case.display());
        } else {
            assert_eq!(printed(&text), printed(&before), "{}", case.display());
        }
    }
}

/// Packs files into a folder of an archive.
fn packed(folder: &str, files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let mut builder = tar::Builder::new(gzip);
    for (name, data) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(data.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, format!("{folder}/{name}"), &**data).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

/// Packs each folder of `charts/`, from the deepest on.
fn pack_subcharts(files: Vec<(String, Vec<u8>)>) -> Vec<(String, Vec<u8>)> {
    let (mut own, mut below) = (Vec::new(), BTreeMap::<String, Vec<(String, Vec<u8>)>>::new());
    for (name, data) in files {
        match name.strip_prefix("charts/").and_then(|inside| inside.split_once('/')) {
            Some((chart, inside)) if !chart.starts_with('_') => {
                below.entry(chart.to_owned()).or_default().push((inside.to_owned(), data));
            }
            _ => own.push((name, data)),
        }
    }
    own.extend(
        below
            .into_iter()
            .map(|(chart, files)| (format!("charts/{chart}.tgz"), packed("any-name", &pack_subcharts(files)))),
    );
    own
}

#[test]
fn packed_charts_are_the_same_as_folders() {
    let mut compared = 0;
    for case in cases() {
        let mut files = files(&case.join("chart"));
        files.sort_by(|(one, _), (two, _)| one.split('/').cmp(two.split('/')));
        if case.file_name().unwrap().to_str().unwrap().starts_with("refused-")
            || files.iter().any(|(name, _)| name == ".helmignore")
        {
            continue;
        }
        let folder = Chart::from_folder("c", files.iter().map(|(name, data)| (&**name, &**data))).unwrap();
        let archive = Chart::from_archive("c", &packed("c", &pack_subcharts(files))).unwrap();
        assert_eq!(format!("{folder:?}"), format!("{archive:?}"), "{}", case.display());
        compared += 1;
    }
    assert!(compared > 10);
}

#[test]
fn hostile_charts_are_refused() {
    let chart = || ("Chart.yaml".to_owned(), b"apiVersion: v2\nname: c\nversion: 1.0.0\n".to_vec());
    let message = |files: &[(String, Vec<u8>)]| {
        Chart::from_archive("c.tgz", &packed("c", files)).map(|(chart, _)| chart.metadata).unwrap_err().to_string()
    };
    // A chart in a chart in a chart …
    let mut nested = packed("c", &[chart()]);
    for _ in 0..20 {
        nested = packed("c", &[chart(), ("charts/c.tgz".to_owned(), nested)]);
    }
    let error = Chart::from_archive("c.tgz", &nested).unwrap_err();
    assert_eq!(error.message, "charts are nested more than 16 levels deep");
    // Many small archives that are large together.
    let zeros = vec![b' '; 4 << 20];
    let bomb = packed("c", &[chart(), ("a".to_owned(), zeros)]);
    let mut files = vec![chart()];
    files.extend((0..100).map(|i| (format!("charts/c{i}.tgz"), bomb.clone())));
    assert!(message(&files).contains("larger than 100 MiB unpacked"), "{}", message(&files));
    let with = |lines: &str| {
        let text = format!("apiVersion: v2\nname: c\nversion: 1.0.0\n{lines}");
        message(&[("Chart.yaml".to_owned(), text.into_bytes())])
    };
    for (lines, expected) in [
        ("name: ../x\n", "c.tgz/Chart.yaml:4: `../x` is not a valid chart name, which is also the name of a folder"),
        ("name: .\n", "c.tgz/Chart.yaml:4: `.` is not a valid chart name, which is also the name of a folder"),
        ("name: a\\b\n", "c.tgz/Chart.yaml:4: `a\\\\b` is not a valid chart name, which is also the name of a folder"),
        ("name: \"a\\e[31m\"\n", "c.tgz/Chart.yaml:4: `name` has the character `\\u{1b}`"),
        ("name: \"a\\u202e\"\n", "c.tgz/Chart.yaml:4: `name` has the character `\\u{202e}`"),
        ("name: [a]\n", "c.tgz/Chart.yaml:4: `name` is a list, not a string"),
        ("version: {}\n", "c.tgz/Chart.yaml:4: `version` is a map, not a string"),
        ("type: operator\n", "c.tgz/Chart.yaml:4: `type` is `operator`, but must be `application` or `library`"),
        ("deprecated: 1\n", "c.tgz/Chart.yaml:4: `deprecated` is an integer, not `true` or `false`"),
        ("annotations:\n  a: [1]\n", "c.tgz/Chart.yaml:5: `a` must be a string"),
        ("dependencies: {}\n", "c.tgz/Chart.yaml:4: `dependencies` is a map, not a list of maps"),
    ] {
        assert_eq!(with(lines), expected);
    }
    assert_eq!(
        message(&[("Chart.yaml".to_owned(), b"\xff".to_vec())]),
        "c.tgz/Chart.yaml: this file is not valid UTF-8"
    );
    assert_eq!(message(&[("values.yaml".to_owned(), vec![])]), "c.tgz: `Chart.yaml` is missing");
    assert_eq!(message(&[("Chart.yaml".to_owned(), vec![])]), "c.tgz/Chart.yaml: `name` is missing");
    let laughs = b"a: &a [x, x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]\n".to_vec();
    let mut text = String::from_utf8(laughs).unwrap();
    for (one, two) in ["c", "d", "e", "f", "g", "h"].iter().zip(["b", "c", "d", "e", "f", "g"]) {
        text.push_str(&format!("{one}: &{one} [{}]\n", vec![format!("*{two}"); 10].join(", ")));
    }
    let files = [chart(), ("values.yaml".to_owned(), text.into_bytes())];
    assert!(
        message(&files).starts_with("c.tgz/values.yaml:6: anchors and aliases copy more than"),
        "{}",
        message(&files)
    );
}

#[test]
fn what_helm_passes_over_is_told() {
    let (_, warnings) = Chart::from_folder(
        "c",
        [
            ("Chart.yaml", &b"apiVersion: v2\nname: c\nversion: 1.0.0\nname: c\n"[..]),
            ("values.yaml", b"a: 1\n---\nb: 2\n"),
            ("requirements.yaml", b"dependencies: []\n"),
        ],
    )
    .unwrap();
    let told: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "c/Chart.yaml:4: key `name` is set twice, first on line 2; this one is used",
            "c/requirements.yaml: a chart of apiVersion `v2` declares its dependencies in `Chart.yaml`",
            "c/values.yaml:2: Helm only reads the first document of this file",
        ]
    );
    let values = yaml::read_one(
        "a: {b: [1, 9007199254740993]}\nc: 9007199254740992\nd: -9223372036854775807\ne: 1000000\nf: 999999\n",
    )
    .unwrap();
    let large = values::large_integers(values.as_map().unwrap());
    let large: Vec<_> = large.iter().map(|one| (one.path.join("."), &*one.printed, one.written - one.kept)).collect();
    assert_eq!(
        large,
        [
            ("a.b.1".to_owned(), "9.007199254740992e+15", 1),
            ("c".to_owned(), "9.007199254740992e+15", 0),
            ("d".to_owned(), "-9.223372036854776e+18", 1),
            ("e".to_owned(), "1e+06", 0),
        ]
    );
}
