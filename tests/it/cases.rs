//! Runs `tests/cases/<area>/<case>/`: a small repository, and what lakegen makes or says of it.
//!
//! A case that compiles has the whole tree in `expected/`; a case with findings has them in `diagnostics.txt`. Everything
//! happens in memory. `LAKEGEN_BLESS=1 cargo test --test it cases` writes what is the case now; the diff is for review.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use lakegen::compile::{Compiled, Request, compile};
use lakegen::diag::codes;
use lakegen::diag::render::{Format, Style, render};
use lakegen::world::memory::MemoryWorld;

/// Codes that no case in memory can show, with the reason.
const EXEMPT: &[(&str, &str)] = &[
    ("origin", "the answer of `lakegen why`, which no compile gives: src/why/tests.rs"),
    ("old-schema", "`lakegen check` looks at a file that no compile reads: tests/it/catalog.rs"),
    ("unlocked-chart", "a command that fetches says so, and no compile does: tests/it/fetch.rs, as all below"),
    ("chart-not-found", "needs a server"),
    ("digest-mismatch", "needs a server"),
    ("bad-answer", "needs a server"),
    ("refused-host", "needs a server"),
    ("login-needed", "needs a server"),
    ("untrusted-server", "needs a server with a certificate: `cargo xtask oracle fetch`"),
    ("unreachable", "needs a server"),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases")
}

/// Returns all files below a folder, relative to it, in order.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    fn walk(at: &Path, root: &Path, into: &mut BTreeMap<String, Vec<u8>>) {
        for entry in fs::read_dir(at).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, root, into);
            } else {
                let name = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
                into.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    let mut into = BTreeMap::new();
    walk(folder, folder, &mut into);
    into
}

/// A case on disk.
struct Case {
    name: String,
    path: PathBuf,
    input: BTreeMap<String, Vec<u8>>,
    expected: BTreeMap<String, Vec<u8>>,
    diagnostics: Option<String>,
}

fn cases() -> Vec<Case> {
    let subfolders = |at: &Path| {
        let mut all: Vec<PathBuf> =
            fs::read_dir(at).into_iter().flatten().map(|e| e.unwrap().path()).filter(|p| p.is_dir()).collect();
        all.sort();
        all
    };
    subfolders(&folder())
        .iter()
        .flat_map(|area| subfolders(area))
        .map(|path| {
            let name = path.strip_prefix(folder()).unwrap().to_string_lossy().replace('\\', "/");
            let mut input = files(&path);
            let diagnostics = input.remove("diagnostics.txt").map(|bytes| String::from_utf8(bytes).unwrap());
            let outputs: Vec<String> = input.keys().filter(|path| path.starts_with("expected/")).cloned().collect();
            let expected = outputs
                .into_iter()
                .map(|path| (path["expected/".len()..].to_string(), input.remove(&path).unwrap()))
                .collect();
            Case { name, path, input, expected, diagnostics }
        })
        .collect()
}

fn run(case: &Case) -> Compiled {
    let world: MemoryWorld = case.input.iter().map(|(path, bytes)| (path.clone(), bytes.clone())).collect();
    compile(&world, &Request::default())
}

/// Shows findings as both text formats do.
fn shown(compiled: &Compiled) -> String {
    let style = Style { color: false, width: 120 };
    let concise = render(&compiled.diagnostics, &compiled.sources, Format::Concise, style);
    format!("{concise}\n{}", render(&compiled.diagnostics, &compiled.sources, Format::Full, style))
}

fn bless(case: &Case, compiled: &Compiled) {
    let _ = fs::remove_dir_all(case.path.join("expected"));
    let _ = fs::remove_file(case.path.join("diagnostics.txt"));
    if !compiled.diagnostics.is_empty() {
        fs::write(case.path.join("diagnostics.txt"), shown(compiled)).unwrap();
    }
    if compiled.is_ok() {
        for (path, bytes) in compiled.tree.files() {
            let path = case.path.join("expected").join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }
}

/// Says how a case differs from what is expected of it.
fn differences(case: &Case, compiled: &Compiled) -> Vec<String> {
    let mut all = Vec::new();
    let expected = case.diagnostics.clone().unwrap_or_default();
    let found = if compiled.diagnostics.is_empty() { String::new() } else { shown(compiled) };
    if expected != found {
        all.push(format!("diagnostics.txt differs\n--- expected\n{expected}\n--- found\n{found}"));
    }
    let tree: BTreeMap<&str, &[u8]> = if compiled.is_ok() {
        compiled.tree.files().map(|(path, bytes)| (path, &**bytes)).collect()
    } else {
        BTreeMap::new()
    };
    for path in case.expected.keys().map(String::as_str).chain(tree.keys().copied()).collect::<BTreeSet<_>>() {
        match (case.expected.get(path), tree.get(path)) {
            (Some(old), Some(new)) if old.as_slice() == *new => {}
            (Some(old), Some(new)) => all.push(format!(
                "expected/{path} differs\n--- expected\n{}\n--- found\n{}",
                String::from_utf8_lossy(old),
                String::from_utf8_lossy(new)
            )),
            (Some(_), None) => all.push(format!("expected/{path} is not written any more")),
            (None, _) => all.push(format!("{path} is written, and is not in expected/")),
        }
    }
    all
}

#[test]
fn every_case_gives_what_it_is_known_to_give() {
    let cases = cases();
    assert!(cases.len() >= 40, "there are only {} cases", cases.len());
    let mut report = String::new();
    for case in &cases {
        let compiled = run(case);
        if std::env::var_os("LAKEGEN_BLESS").is_some() {
            bless(case, &compiled);
            continue;
        }
        for difference in differences(case, &compiled) {
            report.push_str(&format!("{}: {difference}\n", case.name));
        }
    }
    assert!(report.is_empty(), "{report}\nLAKEGEN_BLESS=1 writes what is the case now");
}

#[test]
fn every_code_has_a_case_and_its_documentation() {
    let mut emitted: BTreeSet<&str> = BTreeSet::new();
    for case in cases() {
        emitted.extend(run(&case).diagnostics.iter().map(|d| d.code.slug));
    }
    let mut slugs = BTreeSet::new();
    let mut missing = Vec::new();
    for code in codes::all() {
        assert!(slugs.insert(code.slug), "`{}` is declared twice", code.slug);
        for (what, text) in
            [("summary", code.summary), ("why", code.why), ("example", code.example), ("instead", code.instead)]
        {
            assert!(!text.trim().is_empty(), "`{}` has no {what}", code.slug);
        }
        let exempt = EXEMPT.iter().any(|(slug, _)| *slug == code.slug);
        assert!(!(exempt && emitted.contains(code.slug)), "`{}` has a case: it needs no exemption", code.slug);
        if !exempt && !emitted.contains(code.slug) {
            missing.push(code.slug);
        }
    }
    assert!(missing.is_empty(), "no case shows {missing:?}");
}

#[test]
fn every_check_has_its_own_case() {
    let without: Vec<&str> = lakegen::check::CODES
        .iter()
        .map(|code| code.slug)
        .filter(|slug| !folder().join("check").join(slug).is_dir())
        .collect();
    assert!(without.is_empty(), "tests/cases/check/ lacks {without:?}");
}

#[test]
fn about_a_third_of_the_cases_fail() {
    let cases = cases();
    let failing = cases.iter().filter(|case| case.expected.is_empty()).count();
    assert!(failing * 3 >= cases.len(), "{failing} of {} cases fail", cases.len());
    assert!(failing < cases.len(), "no case compiles");
}

#[test]
fn every_finding_names_its_place_and_does_not_shout() {
    let mut poor = Vec::new();
    for case in cases() {
        for finding in run(&case).diagnostics {
            let message = &finding.message;
            if finding.labels.is_empty() || message.ends_with('.') || message.contains('\n') || message.is_empty() {
                poor.push(format!("{}: {message}", case.name));
            }
        }
    }
    assert!(poor.is_empty(), "{poor:#?}");
}
