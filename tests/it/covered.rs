//! Every key of the language stands in a platform whose tree is kept: in a case that compiles or in an example.
//!
//! The description says what there is; the platforms are read beside it. A key that nobody writes anywhere would be one
//! that nobody looks after.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use lakegen::catalog::keys::common;
use lakegen::catalog::{self, Catalogue};
use lakegen::diag::Sources;
use lakegen::parse::shape::{Keys, Shape};
use lakegen::parse::text::Format;
use lakegen::resolve::language::{self, job_words};
use lakegen::settings::Described;
use lakegen::settings::component::PodTable;
use lakegen::world::memory::MemoryWorld;
use toml::{Table, Value};

/// Keys that no platform holds, with the reason.
const EXEMPT: &[(&str, &str)] = &[("`supports` of `chart`", "catalogues say it; in a platform it is refused")];

fn catalogue() -> &'static Catalogue {
    static CATALOGUE: OnceLock<Catalogue> = OnceLock::new();
    CATALOGUE.get_or_init(|| catalog::load_all(&MemoryWorld::default(), &mut Sources::default()).output)
}

fn root() -> Keys {
    language::root(catalogue())
}

/// A key and the table that it stands in, in the words of messages.
type Known = BTreeSet<String>;

/// What is in what the description does not write out: components and jobs have the common keys, pods those of a table.
fn opened(key: &str, shape: &Shape) -> Vec<Shape> {
    match shape {
        Shape::Component => vec![common().shape()],
        Shape::Job => vec![job_words(common()).shape()],
        Shape::Any if key == "pods" => vec![Shape::Map(Format::Any, PodTable::keys().shape().into())],
        Shape::List(of) | Shape::Map(_, of) => vec![(**of).clone()],
        Shape::Either(all) => all.to_vec(),
        _ => vec![],
    }
}

/// Names a key. What an environment or a cluster says is what stands at the top too; a job has keys of components.
fn named(keys: &Keys, key: &str) -> String {
    let table = match keys.name.as_str() {
        "an environment" | "a cluster" if language::layer(catalogue()).keys.contains_key(key) => "platform.toml",
        "a job" if common().keys.contains_key(key) => "a component",
        name => name,
    };
    format!("`{key}` of {table}")
}

/// Adds every key that the description knows.
fn declared(keys: &Keys, into: &mut Known) {
    for (name, key) in &keys.keys {
        if into.insert(named(keys, name)) {
            inside(name, &key.shape, into);
        }
    }
}

fn inside(name: &str, shape: &Shape, into: &mut Known) {
    if let Shape::Table(keys) = shape {
        declared(keys, into);
    }
    for shape in opened(name, shape) {
        inside(name, &shape, into);
    }
}

/// Adds the keys that a table holds.
fn written(table: &Table, keys: &Keys, into: &mut Known) {
    for (name, value) in table {
        if let Some(key) = keys.keys.get(name) {
            into.insert(named(keys, name));
            held(name, value, &key.shape, into);
        }
    }
}

fn held(name: &str, value: &Value, shape: &Shape, into: &mut Known) {
    match (value, shape) {
        (Value::Table(table), Shape::Table(keys)) => written(table, keys, into),
        (Value::Table(table), Shape::Map(_, of)) => table.values().for_each(|value| held(name, value, of, into)),
        (Value::Array(list), Shape::List(of)) => list.iter().for_each(|value| held(name, value, of, into)),
        (_, Shape::List(_) | Shape::Map(..)) => {}
        _ => opened(name, shape).iter().for_each(|shape| held(name, value, shape, into)),
    }
}

/// Returns every file of a platform that compiles.
fn platforms() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let other = |path: &Path| {
        path.components().any(|part| ["expected", "lakegen", "vendor"].iter().any(|name| part.as_os_str() == *name))
    };
    let mut all = vec![root.join("platform.toml")];
    for folder in ["tests/cases", "examples", "templates"] {
        for entry in walkdir::WalkDir::new(root.join(folder)).sort_by_file_name().into_iter().map(Result::unwrap) {
            let path = entry.path();
            let wanted = match folder {
                "templates" => path.ends_with("example.toml"),
                _ if path.extension().is_none_or(|ending| ending != "toml") => false,
                "examples" => true,
                _ => path.ancestors().take(4).any(|folder| folder.join("expected").is_dir()),
            };
            if wanted && !other(path.strip_prefix(root).unwrap()) {
                all.push(path.to_owned());
            }
        }
    }
    all
}

#[test]
fn every_key_of_the_language_is_in_a_platform_whose_tree_is_kept() {
    let (mut known, mut found) = (Known::new(), Known::new());
    declared(&root(), &mut known);
    // How bad a finding is says `policy` for every code alike, and each code has a case.
    let codes: Vec<String> =
        lakegen::diag::codes::all().iter().map(|code| format!("`{}` of `[policy]`", code.slug)).collect();
    known.retain(|key| !codes.contains(key) && !EXEMPT.iter().any(|(exempt, _)| exempt == key));
    assert!(known.len() > 150, "only {} keys are known", known.len());
    let platforms = platforms();
    assert!(platforms.len() > 100, "only {} platforms are found", platforms.len());
    for path in platforms {
        let table: Result<Table, _> = fs::read_to_string(&path).unwrap().parse();
        written(&table.unwrap_or_else(|error| panic!("{}: {error}", path.display())), &root(), &mut found);
    }
    let missing: Vec<&str> = known.difference(&found).map(String::as_str).collect();
    assert!(missing.is_empty(), "{} keys stand in no case and no example:\n{}", missing.len(), missing.join("\n"));
}
