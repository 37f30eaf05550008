//! No word is dropped: every key that may be said of a component changes the tree, or a finding stands at it.
//!
//! The pairs are generated from the language and the catalogue, and every one is compiled on both engines in memory: the
//! component's `example.toml` with the key and without it. A new component, option, slot or common key is covered by itself.
//! `PROBE=trino` tries one component alone.

mod document; // a platform, with the line of each key
mod probes; //   keys and values to try
mod values; //   values of every type

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use document::{Document, below, path, said};
use lakegen::catalog::{self, Catalogue};
use lakegen::compile::{Request, compile};
use lakegen::diag::{Level, Sources, Span};
use lakegen::world::memory::MemoryWorld;
use probes::{Probe, Subject};
use toml::Value;

const ENGINES: [&str; 2] = ["argocd", "flux"];

/// A file that only the probed key names, and the line that stands for all of it.
const NAMED: &str = "values/probe.yaml";
const IN_NAMED: usize = usize::MAX;

/// Codes of findings that say that a value is not right, and nothing of the key.
const OF_VALUES: &[&str] = &["wrong-type", "invalid-value", "bad-reference", "bad-name", "unreadable-file", "syntax"];

/// What a compile gave.
struct Outcome {
    /// The tree as text, or nothing when there are errors.
    tree: Option<BTreeMap<String, String>>,
    /// Code, message and lines in platform.toml.
    findings: Vec<(String, String, Vec<usize>, Level)>,
}

/// A platform with the user's files that an example or a probe may name.
fn run(text: &str) -> Outcome {
    let mut world = MemoryWorld::default();
    let settings = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\ndata:\n  a: b\n";
    world.insert("extras/settings.yaml", settings.as_bytes());
    world.insert("probe/probe.yaml", &b"apiVersion: probe.example.com/v1\nkind: Probe\nmetadata:\n  name: probe\n"[..]);
    world.insert("extras/limits.yaml", settings.replace("name: settings", "name: limits").as_bytes());
    world.insert("kustomize/team-rules/kustomization.yaml", &b"resources: []"[..]);
    world.insert("kustomize/probe/kustomization.yaml", &b"resources: []"[..]);
    world.insert("dashboards/example.json", &b"{}"[..]);
    world.insert("dashboards/probe.json", &b"{\"title\": \"probe\"}"[..]);
    world.insert("values/probe.yaml", &b"lakegenProbe: probe\n"[..]);
    world.insert("platform.toml", text.as_bytes());
    let compiled = compile(&world, &Request::default());
    let findings = compiled.diagnostics.iter().map(|d| {
        let line = |span: Span| match compiled.sources.path(span.source) {
            "platform.toml" => compiled.sources.line_column(span).0,
            NAMED => IN_NAMED,
            _ => 0,
        };
        let lines = d.labels.iter().map(|label| line(label.span)).collect();
        (d.code.slug.to_string(), d.message.clone(), lines, d.level)
    });
    let files = compiled.tree.files().map(|(path, bytes)| (path.into(), String::from_utf8_lossy(bytes).into_owned()));
    Outcome { findings: findings.collect(), tree: compiled.is_ok().then(|| files.collect()) }
}

/// What became of a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Effect {
    /// The workloads differ, which are the same on every engine, or the key is refused before there is an engine.
    HeardByAll,
    /// The tree differs, or a finding stands at the key.
    Heard,
    /// The tree differs, but not by what was said.
    Lost,
    /// Neither.
    Silent,
    /// A finding stands somewhere else.
    Elsewhere(String),
    /// The probe's value is not one that the key takes.
    Refused(String),
}

fn effect(with: &Outcome, lines: &RangeInclusive<usize>, without: &Outcome, probe: &Probe) -> Effect {
    let marker = probe.marker;
    let said = |outcome: &Outcome, code: &str| outcome.findings.iter().any(|f| f.0 == code);
    if probe.silences.is_some_and(|code| said(without, code) && !said(with, code)) {
        return Effect::Heard;
    }
    let before: BTreeSet<&str> = without.findings.iter().map(|f| &*f.1).collect();
    let new = || with.findings.iter().filter(|f| !before.contains(&*f.1));
    let here = with.findings.iter().find(|f| f.2.iter().any(|line| lines.contains(line) || *line == IN_NAMED));
    let says = |f: &(String, String, Vec<usize>, Level)| format!("{}: {}", f.0, f.1);
    if with.tree.is_some() && with.tree != without.tree {
        let told = here.is_some() || marker.is_none_or(|m| mentions(with, m) && !mentions(without, m));
        return match told {
            true if workloads(with) != workloads(without) => Effect::HeardByAll,
            true => Effect::Heard,
            false => Effect::Lost,
        };
    }
    match here {
        Some(finding) if OF_VALUES.contains(&&*finding.0) => Effect::Refused(says(finding)),
        Some(finding) if finding.0 == "unknown-key" => Effect::HeardByAll,
        Some(_) => Effect::Heard,
        None if without.tree.is_none() => {
            let why = without.findings.iter().find(|f| f.3 == Level::Error).map(says);
            Effect::Refused(format!("without it nothing is made: {}", why.unwrap_or_default()))
        }
        None => match new().find(|f| f.3 == Level::Error).or_else(|| new().next()) {
            Some(finding) => Effect::Elsewhere(says(finding)),
            None => Effect::Silent,
        },
    }
}

/// Returns what is the same on every engine (the test e73 of the examples says so), if there is a tree.
fn workloads(outcome: &Outcome) -> Vec<(&String, &String)> {
    let generated = |path: &str| path.ends_with("/values/kustomization.yaml");
    outcome.tree.iter().flatten().filter(|(path, _)| path.starts_with("components/") && !generated(path)).collect()
}

/// Says whether the tree holds a text.
fn mentions(outcome: &Outcome, marker: &str) -> bool {
    outcome.tree.iter().flatten().any(|(_, text)| text.contains(marker))
}

/// Returns the example of a component as a document, with what probes name.
fn example(component: &str, text: &str) -> (Document, Vec<String>) {
    let mut document = Document::parse(text);
    let instance = |section: &str, says: &dyn Fn(&str, &Value) -> bool| {
        let entries = document.0.get(section)?.as_table()?;
        Some(path(&[section, entries.iter().find(|(name, value)| says(name, value))?.0]))
    };
    let place = match component.strip_prefix("job-") {
        Some(kind) => {
            instance("jobs", &|_, job| job.get("kind").and_then(Value::as_str).unwrap_or("container") == kind)
        }
        None => instance("components", &|name, value| {
            value.get("uses").and_then(Value::as_str).unwrap_or(name) == component
        }),
    };
    let place = place.unwrap_or_else(|| panic!("the example of `{component}` has no `{component}`"));
    // Findings at the component as a whole stand at its first line, which is none of the probes'.
    document.set(&below(&place, &["enabled"]), true.into());
    for (name, with) in [
        ("probe", said("nodes.pool = 'probe-pool'\ntolerate = ['probe-pool:NoSchedule']")),
        ("probe-spread", said("spread = 'probe.example.com/zone'")),
    ] {
        document.set(&path(&["placements", name]), with);
    }
    document.set(&path(&["components", "probe-app"]), said("uses = 'config'\nmaps.probe.a = 'b'"));
    document.set(&path(&["vars", "probe"]), "probe".into());
    (document, place)
}

/// Tries a probe on one engine; the best of its values counts.
fn try_probe(example: &Document, probe: &Probe, engine: &str, controls: &mut BTreeMap<String, Outcome>) -> Effect {
    let mut without = example.clone();
    without.set(&path(&["platform", "engine"]), engine.into());
    for (at, value) in &probe.context {
        without.set(at, value.clone());
    }
    let (text, _) = without.write(&probe.at);
    let control = controls.entry(text.clone()).or_insert_with(|| run(&text));
    let mut best: Option<Effect> = None;
    for value in &probe.values {
        let mut with = without.clone();
        with.set(&probe.at, value.clone());
        let (text, lines) = with.write(&probe.at);
        let effect = match effect(&run(&text), &lines, control, probe) {
            Effect::Elsewhere(_) if probe.elsewhere => Effect::Heard,
            effect => effect,
        };
        best = best.into_iter().chain([effect]).min();
        if best.as_ref().is_some_and(|best| *best <= Effect::Heard) {
            break;
        }
    }
    best.unwrap_or_else(|| Effect::Refused("there is no value to try".into()))
}

/// One component and its holes.
fn holes(name: &str, catalogue: &Catalogue) -> Vec<(String, Effect)> {
    let text =
        catalog::embedded_file(&format!("templates/{name}/example.toml")).expect("every component has an example");
    let (document, place) = example(name, text);
    let definition = &catalogue.components[name];
    let subject = Subject { definition, place, example: &document, catalogue };
    let probes = probes::all(&subject);
    let base = run(&document.write(&path(&["nothing"])).0);
    assert!(base.tree.is_some(), "the example of {name} does not compile: {:#?}", base.findings);
    let mut holes = Vec::new();
    let mut controls = BTreeMap::new();
    for probe in &probes {
        for engine in ENGINES {
            let effect = try_probe(&document, probe, engine, &mut controls);
            if effect > Effect::Heard {
                holes.push((format!("{name}: {} on {engine}", probe.name), effect.clone()));
            }
            // Argo CD itself is for one engine only.
            if name == "argocd" {
                break;
            }
            // What the first engine hears by what both share, the second need not be asked.
            if effect == Effect::HeardByAll && std::env::var_os("LAKEGEN_BOTH_ENGINES").is_none() {
                break;
            }
        }
    }
    holes
}

#[test]
fn every_key_is_heard() {
    let mut sources = Sources::default();
    let catalogue = catalog::load_all(&MemoryWorld::default(), &mut sources).output;
    let only = std::env::var("PROBE").unwrap_or_default();
    let names: Vec<&String> = catalogue.components.keys().filter(|name| only.is_empty() || **name == only).collect();
    let (next, found) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let holes = holes(name, &catalogue);
                    found.lock().unwrap().extend(holes);
                }
            });
        }
    });
    let mut found = found.into_inner().unwrap();
    found.sort();
    assert!(found.is_empty(), "{} keys are dropped without a word:\n{found:#?}", found.len());
}
