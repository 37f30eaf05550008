//! The catalogue's examples and the whole platforms of `examples/` compile.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lakegen::catalog;
use lakegen::compile::{Compiled, Request, compile};
use lakegen::diag::render::{Format, Style, render};
use lakegen::diag::{Diagnostic, Level};
use lakegen::world::disk::DiskWorld;
use lakegen::world::memory::MemoryWorld;
use sha2::{Digest as _, Sha256};

/// Findings that examples may have: the software is what the example is about, and its end is well known.
const EXPECTED: &[&str] = &["abandoned-component", "unchecked-values"];

/// What examples name of the user's repository is there, and harmless.
pub const FILES: &[(&str, &str)] = &[
    ("extras/settings.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\ndata:\n  a: b\n"),
    ("dashboards/example.json", "{}"),
    ("kustomize/team-rules/kustomization.yaml", "resources: []"),
];

fn text(compiled: &Compiled, findings: &[Diagnostic]) -> String {
    render(findings, &compiled.sources, Format::Full, Style { color: false, width: 120 })
}

fn unexpected(compiled: &Compiled, warnings: bool) -> Vec<Diagnostic> {
    let counts = |d: &&Diagnostic| d.level == Level::Error || (warnings && !EXPECTED.contains(&d.code.slug));
    compiled.diagnostics.iter().filter(counts).cloned().collect()
}

/// Returns an example for each engine; that of Argo CD itself is about one only.
fn on_both_engines(name: &str, example: &str) -> Vec<(&'static str, String)> {
    let line = |engine: &str| format!("\nengine = \"{engine}\"");
    ["argocd", "flux"]
        .into_iter()
        .filter(|engine| name != "argocd" || *engine == "argocd")
        .map(|engine| {
            let other = if engine == "argocd" { "flux" } else { "argocd" };
            let swapped = example.replacen(&line(other), &line(engine), 1);
            let named = swapped.contains(&line(engine)) || engine == "argocd";
            (
                engine,
                if named { swapped } else { swapped.replacen("[platform]", &format!("[platform]{}", line(engine)), 1) },
            )
        })
        .collect()
}

/// Compiles an example for each engine.
fn compiled(name: &str, example: &str) -> Vec<(&'static str, Compiled)> {
    let mut world: MemoryWorld = FILES.iter().map(|(path, text)| (*path, text.as_bytes().to_vec())).collect();
    let run = |(engine, example): (&'static str, String)| {
        world.insert("platform.toml", example.into_bytes());
        (engine, compile(&world, &Request::default()))
    };
    on_both_engines(name, example).into_iter().map(run).collect()
}

#[test]
fn every_component_has_an_example_that_compiles() {
    let names = catalog::names(&MemoryWorld::default());
    assert!(names.len() > 20, "the catalogue is embedded");
    let mut broken = String::new();
    for name in names {
        let Some(example) = catalog::embedded_file(&format!("templates/{name}/example.toml")) else {
            broken.push_str(&format!("{name}: there is no example.toml\n"));
            continue;
        };
        for (engine, compiled) in compiled(&name, example) {
            let findings = unexpected(&compiled, false);
            if !findings.is_empty() || compiled.tree.is_empty() {
                broken.push_str(&format!("{name} on {engine}:\n{}\n", text(&compiled, &findings)));
            }
        }
    }
    assert!(broken.is_empty(), "{broken}");
}

/// Returns the folders of a component's instances in its example.
fn instances(name: &str, example: &str) -> Vec<String> {
    let table: toml::Table = example.parse().unwrap();
    let word = |value: &toml::Value, key: &str| value.get(key).and_then(toml::Value::as_str).map(str::to_owned);
    let all = |key: &str| table.get(key).and_then(toml::Value::as_table).into_iter().flatten();
    let components = all("components").filter(|(own, it)| word(it, "uses").as_ref().unwrap_or(own) == name);
    let jobs = all("jobs").filter(|(_, it)| {
        let kind = word(it, "kind").unwrap_or_else(|| "container".into());
        name.strip_prefix("job-") == Some(&kind)
    });
    components.chain(jobs).map(|(own, _)| format!("components/{own}/")).collect()
}

/// Writes down what an example makes: the files of the component itself, which are the same for both engines or stand
/// twice, and the sums of all others.
fn pinned(name: &str, example: &str) -> String {
    let mut text = format!("What templates/{name}/example.toml makes. `cargo xtask bless` writes this file.\n");
    let own = instances(name, example);
    assert!(!own.is_empty(), "the example of {name} does not use it");
    let mut first: BTreeMap<String, Arc<[u8]>> = BTreeMap::new();
    for (engine, compiled) in compiled(name, example) {
        let (mut mine, mut others): (Vec<_>, Vec<_>) =
            compiled.tree.files().partition(|(path, _)| own.iter().any(|folder| path.starts_with(folder)));
        text.push_str(&format!("\n==== {engine}\n"));
        for files in [&mut mine, &mut others] {
            files.retain(|(path, bytes)| first.get(*path) != Some(*bytes));
        }
        first.extend(compiled.tree.files().map(|(path, bytes)| (path.to_string(), Arc::clone(bytes))));
        for (path, bytes) in others {
            let sum: String = Sha256::digest(&**bytes).iter().take(6).map(|byte| format!("{byte:02x}")).collect();
            text.push_str(&format!("{sum} {path}\n"));
        }
        for (path, bytes) in mine {
            text.push_str(&format!("\n==> {path}\n{}", String::from_utf8_lossy(bytes)));
        }
    }
    text
}

#[test]
fn every_example_makes_the_tree_that_it_is_known_to_make() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/components");
    let mut kept: BTreeMap<String, String> = BTreeMap::new();
    for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().replace(".txt", "");
        kept.insert(name, std::fs::read_to_string(entry.path()).unwrap());
    }
    let mut wrong = String::new();
    for name in catalog::names(&MemoryWorld::default()) {
        let example = catalog::embedded_file(&format!("templates/{name}/example.toml")).unwrap();
        let (old, new) = (kept.remove(&name).unwrap_or_default(), pinned(&name, example));
        if old == new {
            continue;
        }
        if std::env::var_os("LAKEGEN_BLESS").is_some() {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join(format!("{name}.txt")), &new).unwrap();
            continue;
        }
        let diff = similar::TextDiff::from_lines(&old, &new);
        wrong.push_str(&format!("tests/components/{name}.txt\n{}\n", diff.unified_diff()));
    }
    for name in kept.keys() {
        wrong.push_str(&format!("tests/components/{name}.txt: there is no such component\n"));
    }
    assert!(wrong.is_empty(), "{wrong}\n`cargo xtask bless` writes what is the case now");
}

#[test]
fn every_platform_compiles_without_surprises() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders: Vec<PathBuf> = std::fs::read_dir(root.join("examples"))
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.join("platform.toml").is_file())
        .collect();
    folders.push(root.into());
    folders.sort();
    let mut broken = String::new();
    for folder in folders {
        let lines = std::fs::read_to_string(folder.join("platform.toml")).unwrap().lines().count();
        if lines > 150 {
            broken.push_str(&format!("{}: {lines} lines, more than 150\n", folder.display()));
        }
        let compiled = compile(&DiskWorld::new(&folder), &Request::default());
        let findings = unexpected(&compiled, true);
        if !findings.is_empty() || compiled.tree.is_empty() {
            broken.push_str(&format!("{}:\n{}\n", folder.display(), text(&compiled, &findings)));
        }
    }
    assert!(broken.is_empty(), "{broken}");
}

/// Returns the tree of a text, which must compile.
fn tree(platform: &str) -> Vec<(String, Arc<[u8]>)> {
    let mut world = MemoryWorld::default();
    world.insert("platform.toml", platform.as_bytes());
    let compiled = compile(&world, &Request::default());
    assert!(compiled.is_ok(), "{}", text(&compiled, &compiled.diagnostics));
    compiled.tree.files().map(|(path, bytes)| (path.to_string(), Arc::clone(bytes))).collect()
}

/// E73: changing the engine changes the engine's folders and nothing of the workloads. Flux reads values from ConfigMaps,
/// which a kustomization beside them makes.
#[test]
fn e73_changing_the_engine_changes_no_workload() {
    let workloads = |platform: &str| -> Vec<(String, Arc<[u8]>)> {
        let generated = |path: &str| path.ends_with("/values/kustomization.yaml");
        let ours = |path: &str| path.starts_with("components/") || path.starts_with("dns/");
        tree(platform).into_iter().filter(|(path, _)| ours(path) && !generated(path)).collect()
    };
    let mut both = on_both_engines("", &example()).into_iter().map(|(_, text)| workloads(&text));
    let (argocd, flux) = (both.next().unwrap(), both.next().unwrap());
    assert!(argocd.len() > 100, "the example is a whole platform");
    assert_eq!(
        argocd.iter().map(|(path, _)| path).collect::<Vec<_>>(),
        flux.iter().map(|(p, _)| p).collect::<Vec<_>>()
    );
    for ((path, one), (_, other)) in argocd.iter().zip(&flux) {
        assert_eq!(String::from_utf8_lossy(one), String::from_utf8_lossy(other), "{path}");
    }
}

fn example() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/argocd-onprem/platform.toml")).unwrap()
}

/// Returns the table with every table in it read backwards.
fn reversed(table: &toml::Table) -> toml::Table {
    table
        .iter()
        .rev()
        .map(|(key, value)| {
            let value = match value {
                toml::Value::Table(inner) => toml::Value::Table(reversed(inner)),
                other => other.clone(),
            };
            (key.clone(), value)
        })
        .collect()
}

/// T22, T25: neither the order of tables and keys nor comments show in the tree.
#[test]
fn t25_order_and_comments_change_nothing() {
    let written = example();
    let parsed: toml::Table = toml::from_str(&written).unwrap();
    // The writer knows no comments, and each nested table is written in the order given here.
    let (first, second) = (tree(&written), tree(&inline(&reversed(&parsed))));
    let names = |tree: &[(String, Arc<[u8]>)]| tree.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>();
    assert_eq!(names(&first), names(&second));
    for ((path, one), (_, other)) in first.iter().zip(&second) {
        assert_eq!(String::from_utf8_lossy(one), String::from_utf8_lossy(other), "{path}");
    }
}

/// Writes a table as TOML: each key of the top as a table of its own, everything below inline.
pub fn inline(table: &toml::Table) -> String {
    fn value(of: &toml::Value) -> String {
        match of {
            toml::Value::Table(table) => {
                let entries: Vec<String> = table.iter().map(|(k, v)| format!("{} = {}", quoted(k), value(v))).collect();
                format!("{{ {} }}", entries.join(", "))
            }
            toml::Value::Array(items) => format!("[{}]", items.iter().map(value).collect::<Vec<_>>().join(", ")),
            toml::Value::String(text) => quoted(text),
            toml::Value::Integer(number) => number.to_string(),
            toml::Value::Float(number) => number.to_string(),
            toml::Value::Boolean(truth) => truth.to_string(),
            toml::Value::Datetime(date) => date.to_string(),
        }
    }
    table.iter().map(|(key, of)| format!("{} = {}\n", quoted(key), value(of))).collect()
}

/// JSON's strings are TOML's basic strings, but for the character DEL.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap().replace('\u{7f}', "\\u007f")
}
