//! Every function of chart templates, held against tables whose results the real helm wrote.
//!
//! `cargo xtask oracle functions` compares the tables with helm, and `… functions bless` fills them in.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use lakegen::helm::functions;
use lakegen::helm::go::parse;
use lakegen::helm::go::tree::Templates;
use lakegen::helm::go::value::{Of, Val};
use lakegen::helm::go::vm::{Fail, Limits, Vm};
use lakegen::manifest::yaml;

#[path = "functions/cases.rs"]
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
    let dot = Val::map([(Rc::from("Values"), values)]);
    let name: Arc<str> = Arc::from("case");
    let parsed = parse::parse(&name, &name, &Arc::from(text)).map_err(|error| Fail::new(format!("{error:?}")))?;
    let mut templates = Templates::default();
    templates.add(parsed.into_iter().map(Arc::new).collect());
    Vm::new(&templates, limits, seed).render("case", &dot)
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
