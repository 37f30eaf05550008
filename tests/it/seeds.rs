//! Everything that a real platform's description names is in what lakegen renders for it.
//!
//! `tests/seeds/<example>.txt` belongs to `examples/<example>/platform.toml`. A line is `<glob of paths> :: <text>`: the text is in
//! at least one of these files; `<glob> !! <text>`: it is in none of them, though there are such files. `#` begins a comment line.
//! In globs `*` stays within a folder and `**` does not.

use std::fs;
use std::path::{Path, PathBuf};

use globset::GlobBuilder;
use lakegen::compile::{Request, compile};
use lakegen::diag::Level;
use lakegen::diag::render::{Format, Style, render};
use lakegen::world::disk::DiskWorld;

/// Renders an example; it must compile.
fn tree(folder: &Path) -> Result<Vec<(String, String)>, String> {
    if !folder.join("platform.toml").is_file() {
        return Err(format!("there is no {}/platform.toml", folder.display()));
    }
    let compiled = compile(&DiskWorld::new(folder), &Request::default());
    let errors: Vec<_> = compiled.diagnostics.iter().filter(|d| d.level == Level::Error).cloned().collect();
    if !errors.is_empty() || compiled.tree.is_empty() {
        return Err(render(&errors, &compiled.sources, Format::Full, Style { color: false, width: 120 }));
    }
    Ok(compiled
        .tree
        .files()
        .map(|(path, bytes)| (path.to_string(), String::from_utf8_lossy(bytes).into_owned()))
        .collect())
}

/// Returns what is wrong with one line, or nothing.
fn miss(line: &str, tree: &[(String, String)]) -> Option<String> {
    let (glob, text, wanted) = match (line.split_once(" :: "), line.split_once(" !! ")) {
        (Some((glob, text)), _) => (glob, text, true),
        (None, Some((glob, text))) => (glob, text, false),
        (None, None) => return Some("is no assertion: `<glob> :: <text>`".to_owned()),
    };
    let (glob, text) = (glob.trim(), text.trim());
    let matcher = match GlobBuilder::new(glob).literal_separator(true).build() {
        Ok(built) => built.compile_matcher(),
        Err(error) => return Some(format!("has a bad glob: {error}")),
    };
    let files: Vec<_> = tree.iter().filter(|(path, _)| matcher.is_match(path)).collect();
    if files.is_empty() {
        return Some(format!("no file is called {glob}"));
    }
    let found = files.iter().find(|(_, content)| content.contains(text));
    match (wanted, found) {
        (true, None) => Some(format!("{text:?} is in none of {} files", files.len())),
        (false, Some((path, _))) => Some(format!("{text:?} is in {path}")),
        _ => None,
    }
}

fn tables() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/seeds");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "txt"))
        .collect();
    files.sort();
    files
}

#[test]
fn everything_that_a_seed_names_is_rendered() {
    let tables = tables();
    assert!(!tables.is_empty());
    let mut broken = String::new();
    for table in tables {
        let name = table.file_stem().unwrap().to_str().unwrap();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name);
        let tree = match tree(&folder) {
            Ok(tree) => tree,
            Err(why) => {
                broken.push_str(&format!("{name}: {why}\n"));
                continue;
            }
        };
        let text = fs::read_to_string(&table).unwrap();
        let mut lines = 0;
        for (number, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            lines += 1;
            if let Some(why) = miss(line, &tree) {
                broken.push_str(&format!("tests/seeds/{name}.txt:{}: {line}\n    {why}\n", number + 1));
            }
        }
        assert!(lines > 0, "tests/seeds/{name}.txt asserts nothing");
    }
    assert!(broken.is_empty(), "{broken}");
}

#[test]
fn the_harness_finds_what_is_missing() {
    let tree = [("a/b/c.yaml".to_owned(), "kind: Pod\n".to_owned())];
    for (line, broken) in [
        ("a/**/*.yaml :: kind: Pod", false),
        ("a/*.yaml :: kind: Pod", true),
        ("**/c.yaml !! kind: Pod", true),
        ("**/c.yaml !! kind: Job", false),
        ("**/d.yaml !! kind: Job", true),
        ("**/c.yaml :: kind: Job", true),
        ("**/c.yaml", true),
    ] {
        assert_eq!(miss(line, &tree).is_some(), broken, "{line}");
    }
}
