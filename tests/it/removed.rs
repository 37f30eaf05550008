//! No key that is left out ends in a template of lakegen's own: what is missing is said where the platform would say it.
//!
//! Every component's `example.toml` is compiled without each of its keys, one after the other. Whatever is then wrong stands in
//! platform.toml; a template that cannot be rendered, or prints what is no object, would be a fault of the catalogue.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use lakegen::catalog;
use lakegen::compile::{Compiled, Request, compile};
use lakegen::diag::render::{Format, Style, render};
use lakegen::diag::{Diagnostic, Level};
use lakegen::world::memory::MemoryWorld;

use crate::laws::document::Document;

/// Findings at templates, which users did not write.
const OF_TEMPLATES: &[&str] = &["template-error", "template-limit", "bad-object"];

fn compiled(document: &Document) -> Compiled {
    let mut world: MemoryWorld =
        crate::examples::FILES.iter().map(|(path, text)| (*path, text.as_bytes().to_vec())).collect();
    world.insert("platform.toml", document.write().text.into_bytes());
    compile(&world, &Request::default())
}

/// Says whether a finding blames the catalogue for what the user wrote.
fn is_misplaced(compiled: &Compiled, finding: &Diagnostic) -> bool {
    let file = finding.labels.first().map_or("", |label| compiled.sources.path(label.span.source));
    OF_TEMPLATES.contains(&finding.code.slug)
        || file.starts_with("templates/")
        || file.starts_with("edges/")
        || file.starts_with("stores/")
}

/// Says whether a key is tried: what all examples say alike, some of them try for all.
fn is_tried(name: &str, path: &[String]) -> bool {
    matches!(path[0].as_str(), "components" | "jobs")
        || ["airflow", "argocd", "keycloak", "nifi", "trino"].contains(&name)
}

/// Gives every text of a component a value of another type, one after the other: one mistake is one error.
fn cascades(name: &str) -> String {
    let text =
        catalog::embedded_file(&format!("templates/{name}/example.toml")).expect("every component has an example");
    let document = Document::read(text).expect("an example is TOML");
    let mut wrong = String::new();
    for (path, _) in document.texts().into_iter().filter(|(path, _)| is_tried(name, path)) {
        let mut with = document.clone();
        with.set(&path.iter().map(String::as_str).collect::<Vec<_>>(), -7);
        let compiled = compiled(&with);
        let errors: Vec<_> = compiled.diagnostics.iter().filter(|d| d.level == Level::Error).cloned().collect();
        if errors.len() > 1 {
            let shown = render(&errors, &compiled.sources, Format::Full, Style { color: false, width: 120 });
            wrong.push_str(&format!("{name} with a number as `{}`:\n{shown}\n", path.join(".")));
        }
    }
    wrong
}

#[test]
fn one_value_of_another_type_is_one_error() {
    let names: Vec<String> = catalog::names(&MemoryWorld::default()).into_iter().collect();
    let wrong: Vec<String> = names.iter().map(|name| cascades(name)).collect();
    assert!(wrong.iter().all(String::is_empty), "{}", wrong.concat());
}

/// Compiles an example without each of its keys; returns what is then said at the wrong place.
fn misplaced(name: &str) -> String {
    let text =
        catalog::embedded_file(&format!("templates/{name}/example.toml")).expect("every component has an example");
    let document = Document::read(text).expect("an example is TOML");
    let mut wrong = String::new();
    for path in document.paths().into_iter().filter(|path| is_tried(name, path)) {
        let mut without = document.clone();
        without.remove(&path);
        let compiled = compiled(&without);
        let found = compiled.diagnostics.iter().filter(|d| is_misplaced(&compiled, d)).cloned().collect::<Vec<_>>();
        if !found.is_empty() {
            let shown = render(&found, &compiled.sources, Format::Full, Style { color: false, width: 120 });
            wrong.push_str(&format!("{name} without `{}`:\n{shown}\n", path.join(".")));
        }
    }
    wrong
}

#[test]
fn a_missing_key_is_never_a_fault_of_a_template() {
    let names: Vec<String> = catalog::names(&MemoryWorld::default()).into_iter().collect();
    assert!(names.len() > 40, "the catalogue is embedded");
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
                    wrong.lock().unwrap().push(misplaced(name));
                }
            });
        }
    });
    let mut wrong = wrong.into_inner().unwrap();
    wrong.sort();
    assert!(wrong.iter().all(String::is_empty), "{}", wrong.concat());
}
