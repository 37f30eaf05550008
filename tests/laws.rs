//! Laws that every tree keeps: all examples, all cases, and random platforms drawn from the language and the catalogue.
//!
//! `LAKEGEN_LAWS_SEEDS=5000 cargo test --release --test laws` draws more of them, `LAKEGEN_LAWS_FROM=17` begins at a seed.
//! A platform that breaks a law is made smaller as long as it breaks it, and is then shown as a file to run.

#[path = "laws/dice.rs"]
mod dice; // choices that a seed decides
#[path = "laws/document.rs"]
mod document; // platform.toml as data
#[path = "laws/kit.rs"]
mod kit; // what can be drawn
#[path = "laws/draw.rs"]
mod draw; // a random platform
#[path = "laws/draw_component.rs"]
mod draw_component; // a random component with all that it needs
#[path = "laws/values.rs"]
mod values; // values by their shape
#[path = "laws/subject.rs"]
mod subject; // a compiled platform
#[path = "laws/kept.rs"]
mod kept; // the laws by name
#[path = "laws/references.rs"]
mod references; // `${…}`
#[path = "laws/objects.rs"]
mod objects; // what the API server takes
#[path = "laws/order.rs"]
mod order; // kinds and who brings them
#[path = "laws/hosts.rs"]
mod hosts; // hosts and edges
#[path = "laws/sharing.rs"]
mod sharing; // what targets share
#[path = "laws/changes.rs"]
mod changes; // what a change may change

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use document::Document;
use kept::{Broken, DEARER, LAWS, Law};
use subject::Subject;

/// Seeds of a plain `cargo test`.
const SEEDS: u64 = 200;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Draws the platform of a seed and takes out what does not fit, as a user would: what the findings point at.
fn settled(seed: u64) -> (Subject, usize) {
    let mut document = draw::draw(kit::kit(), seed);
    for round in 0.. {
        let written = document.write();
        let mut subject = Subject::of(&format!("seed {seed}"), &document);
        subject.salt = seed;
        let blamed = subject.blamed(&written);
        if round == 0 && std::env::var_os("LAKEGEN_LAWS_SHOW").is_some() && !subject.is_ok() {
            println!("first of seed {seed}\n{}", subject.findings());
        }
        if subject.is_ok() || round == 12 || !blamed.iter().any(|path| removable(path) && document.remove(path)) {
            return (subject, round);
        }
        for path in &blamed[1..] {
            if removable(path) {
                document.remove(path);
            }
        }
    }
    unreachable!("the loop ends at a round")
}

/// Says whether a platform can do without a key.
fn removable(path: &[String]) -> bool {
    !matches!(path.iter().map(String::as_str).collect::<Vec<_>>()[..], ["lakegen" | "platform" | "git" | "components"] | ["platform", "name"] | ["git", "url"])
}

fn report(broken: &[Broken], subject: &Subject, law: &str) -> String {
    let lines: Vec<&str> = broken.iter().map(String::as_str).take(12).collect();
    format!("{}: {law}\n  {}\n", subject.name, lines.join("\n  "))
}

/// Returns what a platform breaks; random ones are made smaller first.
fn broken(subject: &Subject, laws: &[Law], small: bool) -> String {
    let mut text = String::new();
    for (law, holds) in laws {
        let found = holds(subject);
        if found.is_empty() {
            continue;
        }
        text.push_str(&report(&found, subject, law));
        if small && let Some(document) = &subject.document {
            let fails = |smaller: &Document| {
                let subject = subject.with(smaller);
                subject.is_ok() && !holds(&subject).is_empty()
            };
            let smallest = document::shrink(document, 400, &fails);
            text.push_str(&report(&holds(&subject.with(&smallest)), subject, "made smaller"));
            text.push_str(&format!("---- platform.toml\n{}----\n", smallest.write().text));
        }
    }
    text
}

#[test]
fn random_platforms_keep_every_law() {
    let (from, count) = (number("LAKEGEN_LAWS_FROM", 0), number("LAKEGEN_LAWS_SEEDS", SEEDS));
    let workers = std::thread::available_parallelism().map_or(1, |n| n.get() as u64).min(count.max(1));
    let share = |worker: u64| {
        let (mut text, mut compiled, mut first) = (String::new(), 0, 0);
        for seed in (from..from + count).filter(|seed| seed % workers == worker) {
            let (subject, rounds) = settled(seed);
            if subject.is_ok() {
                compiled += 1;
                first += u64::from(rounds == 0);
                text.push_str(&broken(&subject, LAWS, true));
                // The dear ones take turns, and all have theirs in a night.
                let turn = usize::try_from(seed).unwrap_or(0) % DEARER.len();
                let all = std::env::var_os("LAKEGEN_LAWS_ALL").is_some();
                text.push_str(&broken(&subject, if all { DEARER } else { &DEARER[turn..=turn] }, true));
            } else if std::env::var_os("LAKEGEN_LAWS_SHOW").is_some() {
                println!("seed {seed} does not compile\n{}", subject.findings());
            }
        }
        (text, compiled, first)
    };
    let shares: Vec<(String, u64, u64)> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..workers).map(|worker| scope.spawn(move || share(worker))).collect();
        all.into_iter().map(|one| one.join().expect("a platform panicked")).collect()
    });
    let text: String = shares.iter().map(|(text, ..)| text.as_str()).collect();
    let (compiled, first) = shares.iter().fold((0, 0), |(c, f), (_, compiled, first)| (c + compiled, f + first));
    println!("{count} platforms: {compiled} compiled, {first} of them as drawn");
    assert!(text.is_empty(), "{text}");
    assert!(compiled * 10 >= count * 9, "only {compiled} of {count} platforms compiled: the draw knows too little");
}

/// Returns the files of a folder by their path in it.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    fn walk(at: &Path, root: &Path, into: &mut BTreeMap<String, Vec<u8>>) {
        for path in std::fs::read_dir(at).into_iter().flatten().flatten().map(|entry| entry.path()) {
            let name = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
            match path.is_dir() {
                true if name == "expected" => {}
                true => walk(&path, root, into),
                false => drop(into.insert(name, std::fs::read(&path).unwrap())),
            }
        }
    }
    let mut into = BTreeMap::new();
    walk(folder, folder, &mut into);
    into
}

/// Returns every platform of the repository that compiles.
fn written() -> Vec<Subject> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = |at: &Path| -> Vec<PathBuf> {
        let mut all: Vec<_> = std::fs::read_dir(at).unwrap().map(|e| e.unwrap().path()).filter(|p| p.is_dir()).collect();
        all.sort();
        all
    };
    let mut subjects: Vec<Subject> = folders(&root.join("tests/cases"))
        .iter()
        .flat_map(|area| folders(area))
        .filter(|case| case.join("expected").is_dir())
        .chain(folders(&root.join("examples")))
        .map(|folder| Subject::of_files(&folder.strip_prefix(root).unwrap().to_string_lossy(), files(&folder)))
        .collect();
    for name in lakegen::catalog::names(&lakegen::world::memory::MemoryWorld::default()) {
        if let Some(text) = lakegen::catalog::embedded_file(&format!("templates/{name}/example.toml")) {
            let mut world = BTreeMap::from([("extras/settings.yaml".to_string(), b"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\ndata:\n  a: b\n".to_vec())]);
            world.insert("platform.toml".into(), text.as_bytes().to_vec());
            subjects.push(Subject::of_files(&format!("templates/{name}"), world));
        }
    }
    subjects.retain(Subject::is_ok);
    subjects
}

#[test]
fn examples_and_cases_keep_every_law() {
    let subjects = written();
    assert!(subjects.len() > 80, "only {} platforms were found", subjects.len());
    let text: String = subjects.iter().map(|subject| broken(subject, LAWS, false)).collect();
    assert!(text.is_empty(), "{text}");
}

/// Goes over every key of the language that holds a text, each in the first random platform that has it.
#[test]
fn every_text_may_be_a_variable() {
    let (from, count) = (number("LAKEGEN_LAWS_FROM", 0), number("LAKEGEN_LAWS_SEEDS", SEEDS));
    let mut seen = std::collections::BTreeSet::new();
    let (mut text, mut unfilled) = (String::new(), Vec::new());
    for seed in from..from + count {
        let (subject, _) = settled(seed);
        let Some(document) = subject.document.as_ref().filter(|_| subject.is_ok()) else { continue };
        for (path, value) in document.texts() {
            let key = references::general(document, &path);
            if !seen.insert(key.clone()) {
                continue;
            }
            let broken = references::reference_breaks(&subject, &path, &value);
            if let Some(first) = broken.first() {
                text.push_str(&format!("seed {seed}: {first}\n"));
                unfilled.push(key);
            }
            for first in references::misspelt_breaks(&subject, &path) {
                text.push_str(&format!("seed {seed}: {first}\n"));
            }
        }
    }
    println!("{} keys hold texts; {} of them take no variable: {unfilled:?}", seen.len(), unfilled.len());
    assert!(text.is_empty(), "{text}");
}
