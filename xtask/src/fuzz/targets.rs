//! What is fuzzed: the parser of templates, their evaluation, the merging of values, packed charts.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use lakegen::helm::chart::Chart;
use lakegen::helm::go::parse::{self};
use lakegen::helm::go::tree::Templates;
use lakegen::helm::go::value::{Of, Str, Val};
use lakegen::helm::go::vm::{Limits, Vm};
use lakegen::helm::version::Version;
use lakegen::helm::{functions, prepare, values};
use lakegen::manifest::value::{Map, Value};
use lakegen::manifest::yaml;

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
    Target { name: "archive", run: unpacks, seeds: archives, words: yaml_words },
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
    let result = vm.render("fuzz", &dot).map_err(|fail| fail.message);
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

/// Charts as they are in an archive, without the compression.
fn archives(tests: &Path) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut all = Vec::new();
    for case in std::fs::read_dir(tests.join("charts"))? {
        let folder = case?.path().join("chart");
        let mut builder = tar::Builder::new(Vec::new());
        for path in super::files(&folder)? {
            let name = Path::new("chart").join(path.strip_prefix(&folder)?);
            let data = std::fs::read(&path)?;
            let mut header = tar::Header::new_gnu();
            header.set_size(data.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, name, &data[..])?;
        }
        all.push(builder.into_inner()?);
    }
    all.sort();
    all.retain(|archive| archive.len() < 64 << 10);
    Ok(all)
}

fn unpacks(input: &[u8]) {
    // Bytes of a compressed stream are seldom worth changing, but sometimes.
    if input.first() == Some(&0x1f) {
        let _ = Chart::from_archive("fuzz", input);
        return;
    }
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let packed = gzip.write_all(input).and_then(|()| gzip.finish()).expect("memory takes all");
    if let Ok((chart, _)) = Chart::from_archive("fuzz", &packed) {
        let names: BTreeSet<&str> = chart.files.iter().chain(&chart.templates).map(|file| &*file.name).collect();
        let inside = |name: &&str| !name.starts_with('/') && !name.split('/').any(|part| part == "..");
        assert!(names.iter().all(inside), "a file stands outside of its chart: {names:?}");
        assert!(!chart.name().contains(['/', '\\']), "the chart's name is a path: {}", chart.name());
    }
    let mut raw = packed;
    if let Some(byte) = input.first().and_then(|first| raw.get_mut(usize::from(*first))) {
        *byte = byte.wrapping_add(1);
    }
    let _ = Chart::from_archive("fuzz", &raw);
}
