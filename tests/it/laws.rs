//! Laws that every tree keeps: all examples, all cases, and random platforms drawn from the language and the catalogue.
//!
//! `cargo xtask laws --seeds 5000` draws more of them than `cargo test`, with every law for each; `--from 17` begins at a seed.
//! A platform that breaks a law is made smaller as long as it breaks it, and is then shown as a file to run.

mod dice; // choices that a seed decides
pub mod document; // platform.toml as data
mod kit; // what can be drawn
mod draw; // a random platform
mod draw_component; // a random component with all that it needs
mod values; // values by their shape
mod subject; // a compiled platform
mod kept; // the laws by name
mod references; // `${…}`
mod objects; // what the API server takes
mod order; // kinds and who brings them
mod hosts; // hosts and edges
mod sharing; // what targets share
mod changes; // what a change may change

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use document::Document;
use kept::{Broken, DEARER, LAWS, Law};
use subject::Subject;

/// Seeds of a plain `cargo test`.
const SEEDS: u64 = 100;

/// Says whether there is time for every law on every platform.
fn all() -> bool {
    std::env::var_os("LAKEGEN_LAWS_SEEDS").is_some()
}

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
    !matches!(
        path.iter().map(String::as_str).collect::<Vec<_>>()[..],
        ["lakegen" | "platform" | "git" | "components"] | ["platform", "name"] | ["git", "url"]
    )
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

/// What a range of seeds came to.
#[derive(Default)]
struct Outcome {
    /// What breaks laws.
    text: String,
    compiled: usize,
    /// Those that compiled as they were drawn.
    at_once: usize,
    /// Keys that held a text.
    keys: BTreeSet<String>,
}

impl Outcome {
    fn add(&mut self, other: Self) {
        self.text.push_str(&other.text);
        self.compiled += other.compiled;
        self.at_once += other.at_once;
        self.keys.extend(other.keys);
    }

    fn seed(&mut self, seed: u64) {
        let (subject, rounds) = settled(seed);
        if !subject.is_ok() {
            let document = subject.document.as_ref().map(|document| document.write().text).unwrap_or_default();
            println!("seed {seed} does not compile\n{}---- platform.toml\n{document}----", subject.findings());
            return;
        }
        self.compiled += 1;
        self.at_once += usize::from(rounds == 0);
        self.text.push_str(&broken(&subject, LAWS, true));
        // The dear ones take turns, and all have theirs in a night.
        let turn = usize::try_from(seed).unwrap_or(0) % DEARER.len();
        self.text.push_str(&broken(&subject, if all() { DEARER } else { &DEARER[turn..=turn] }, true));
        self.variables(&subject);
    }

    /// Goes over every key that holds a text, each in the first platform that has it. Options of components are too many
    /// for a plain `cargo test`.
    fn variables(&mut self, subject: &Subject) {
        let Some(document) = &subject.document else { return };
        for (path, value) in document.texts() {
            let key = references::general(document, &path);
            let option = matches!(path[0].as_str(), "components" | "jobs") && !key.contains('*');
            if (option && !all()) || !self.keys.insert(key.clone()) {
                continue;
            }
            if let Some(first) = references::reference_breaks(subject, &path, &value).first() {
                self.text.push_str(&format!("{}: {first}\n", subject.name));
            }
        }
    }
}

#[test]
fn random_platforms_keep_every_law() {
    let (from, count) = (number("LAKEGEN_LAWS_FROM", 0), number("LAKEGEN_LAWS_SEEDS", SEEDS));
    let workers = if all() { std::thread::available_parallelism().map_or(1, |n| n.get() as u64) } else { 1 };
    let mut outcome = Outcome::default();
    std::thread::scope(|scope| {
        let share = |worker: u64| {
            let mut outcome = Outcome::default();
            (from..from + count).filter(|seed| seed % workers == worker).for_each(|seed| outcome.seed(seed));
            outcome
        };
        let all: Vec<_> = (0..workers).map(|worker| scope.spawn(move || share(worker))).collect();
        for one in all {
            outcome.add(one.join().expect("a platform panicked"));
        }
    });
    let Outcome { text, compiled, at_once, keys } = outcome;
    println!("{count} platforms: {compiled} compiled, {at_once} of them as drawn; {} keys hold texts", keys.len());
    assert!(text.is_empty(), "{text}");
    let rate = compiled as u64 * 100 / count.max(1);
    assert!(rate >= 90, "only {rate} % of the platforms compiled: the draw knows too little");
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
        let mut all: Vec<_> =
            std::fs::read_dir(at).unwrap().map(|e| e.unwrap().path()).filter(|p| p.is_dir()).collect();
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
            let mut world = BTreeMap::from([(
                "extras/settings.yaml".to_string(),
                b"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\ndata:\n  a: b\n".to_vec(),
            )]);
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
