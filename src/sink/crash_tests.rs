//! T01 and T06 in process: the writer is stopped before each of its operations in turn, once for good as `kill -9` does
//! and once for a moment as a full disk does, and every time the promises must hold and the next run complete the work.

use crate::diag::stop::Class;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

const SYNCED: Hands<'_> = Hands { fsync: true, bulk_from: usize::MAX, fault: None };
const BULK: Hands<'_> = Hands { bulk_from: 0, ..SYNCED };
const UNSYNCED: Hands<'_> = Hands { fsync: false, ..SYNCED };

type Files<'a> = &'a [(&'a str, &'a str)];

const OLD: Files<'_> = &[
    ("a/changed", "old 1\n"),
    ("a/same", "same\n"),
    ("b/changed", "old 2\n"),
    ("b/gone", "old 3\n"),
    ("c/d/gone", "old 4\n"),
    ("file-then-folder", "old 5\n"),
    ("folder-then-file/x", "old 6\n"),
    ("top", "old 7\n"),
];
const NEW: Files<'_> = &[
    ("a/added", "new 0\n"),
    ("a/changed", "new 1\n"),
    ("a/same", "same\n"),
    ("b/changed", "new 2\n"),
    ("e/f/added", "new 4\n"),
    ("file-then-folder/x", "new 5\n"),
    ("folder-then-file", "new 6\n"),
    ("top", "new 7\n"),
];
const THIRD: Files<'_> = &[
    ("a/changed", "third 1\n"),
    ("a/same", "third\n"),
    ("b/gone", "third 3\n"),
    ("e/f/added", "third 4\n"),
    ("file-then-folder", "third 5\n"),
    ("folder-then-file", "new 6\n"),
    ("top", "old 7\n"),
];
const FOREIGN: Files<'_> = &[("b/notes.txt", "mine\n"), ("c/.argocd-source-x.yaml", "mine too\n")];

fn tree(files: Files<'_>) -> Tree {
    let mut tree = Tree::default();
    for (path, text) in files {
        tree.add(*path, text.as_bytes()).unwrap();
    }
    tree
}

fn fast() -> WriteOptions {
    WriteOptions { fsync: false, ..WriteOptions::default() }
}

/// All files below the root that are not lakegen's own.
fn snapshot(root: &Path) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for entry in walkdir::WalkDir::new(root).sort_by_file_name() {
        let entry = entry.unwrap();
        let path = entry.path().strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        if entry.file_type().is_file() && !path.starts_with(".lakegen/") {
            files.insert(path, fs::read_to_string(entry.path()).unwrap());
        }
    }
    files
}

fn expected(files: Files<'_>) -> BTreeMap<String, String> {
    files.iter().chain(FOREIGN).map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
}

fn start(root: &Path, files: Files<'_>) {
    for (path, text) in FOREIGN {
        fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
        fs::write(root.join(path), text).unwrap();
    }
    if !files.is_empty() {
        write(root, &tree(files), &fast()).unwrap();
    }
}

/// Each file must be wholly one of these versions, and the foreign ones as they were.
fn assert_whole(root: &Path, versions: &[Files<'_>], context: &str) {
    let found = snapshot(root);
    for (path, text) in &found {
        let known = versions.iter().chain([&FOREIGN]).any(|files| files.contains(&(path.as_str(), text.as_str())));
        assert!(known, "{context}: `{path}` holds {text:?}");
    }
    for (path, text) in FOREIGN {
        assert_eq!(found.get(*path).map(String::as_str), Some(*text), "{context}");
    }
}

fn assert_clean(root: &Path, files: Files<'_>, context: &str) {
    assert_eq!(snapshot(root), expected(files), "{context}");
    assert!(compare(root, &tree(files), &fast()).unwrap().is_fresh(), "{context}");
    let mut own: Vec<_> =
        fs::read_dir(root.join(".lakegen")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    own.sort();
    assert_eq!(own, [".gitignore", "index.json", "lock"], "{context}");
    let report = write(root, &tree(files), &fast()).unwrap();
    assert!(report.written.is_empty() && report.removed.is_empty(), "{context}");
}

/// Renders and dies before operation `at`; says whether there was one.
fn killed(root: &Path, files: Files<'_>, at: usize, hands: Hands<'_>) -> bool {
    let seen = AtomicUsize::new(0);
    let fault = |_: &str, _: &str| match seen.fetch_add(1, Ordering::Relaxed) {
        n if n < at => Ok(()),
        // A dead process does nothing more, not even tidying up.
        _ => Err(io::Error::other("killed")),
    };
    let hands = Hands { fault: Some(&fault), ..hands };
    let result = write_with(root, &tree(files), &WriteOptions::default(), hands);
    let reached = seen.load(Ordering::Relaxed) > at;
    assert_eq!(result.is_err(), reached, "operation {at}: {result:?}");
    reached
}

#[test]
fn t01_killed_before_every_operation() {
    for (old, hands) in [(OLD, SYNCED), (&[], SYNCED), (OLD, BULK)] {
        let mut operations = 0;
        loop {
            let folder = tempfile::tempdir().unwrap();
            let root = folder.path().join("out");
            start(&root, old);
            if !killed(&root, NEW, operations, hands) {
                break;
            }
            let context = format!("killed before operation {operations}");
            assert_whole(&root, &[old, NEW], &context);
            let state = compare(&root, &tree(NEW), &fast()).unwrap();
            assert!(state.edited.is_empty() && state.in_the_way.is_empty(), "{context}: {state:?}");
            // Only the very last operation, waiting for the disk, comes after all is there.
            assert!(!state.is_fresh() || snapshot(&root) == expected(NEW), "{context}: {state:?}");
            if ![expected(old), expected(NEW)].contains(&snapshot(&root)) {
                assert!(state.interrupted, "{context}");
            }
            write(&root, &tree(NEW), &fast()).unwrap();
            assert_clean(&root, NEW, &context);
            operations += 1;
        }
        assert!(operations > 30, "only {operations} operations were seen");
    }
}

/// The platform may change between a kill and the next run, and that run may be killed as well.
#[test]
fn t01_killed_twice_with_different_trees() {
    for first in (0..).step_by(3) {
        let mut reached = true;
        for second in (0..).step_by(4) {
            let folder = tempfile::tempdir().unwrap();
            let root = folder.path();
            start(root, OLD);
            reached = killed(root, NEW, first, UNSYNCED);
            let again = killed(root, THIRD, second, UNSYNCED);
            let context = format!("killed before operations {first} and {second}");
            assert_whole(root, &[OLD, NEW, THIRD], &context);
            // Back to the first tree: every version on the disk must be known as lakegen's own.
            write(root, &tree(OLD), &fast()).unwrap_or_else(|error| panic!("{context}: {error}"));
            assert_clean(root, OLD, &context);
            if !again {
                break;
            }
        }
        if !reached {
            break;
        }
    }
}

/// After a killed full render, a render of one environment must not forget what the other files may hold.
#[test]
fn t01_killed_then_rendered_in_part() {
    for at in 0.. {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        start(root, OLD);
        let reached = killed(root, NEW, at, UNSYNCED);
        let part: Files<'_> = &[("a/changed", "new 1\n"), ("a/same", "same\n")];
        let options = WriteOptions { scope: Some(Box::new(|path| path.starts_with("a/"))), ..fast() };
        write(root, &tree(part), &options).unwrap();
        write(root, &tree(NEW), &fast()).unwrap_or_else(|error| panic!("killed before {at}: {error}"));
        assert_clean(root, NEW, &format!("killed before {at}"));
        if !reached {
            break;
        }
    }
}

#[test]
fn t06_a_full_disk_at_every_operation() {
    for at in 0.. {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("out");
        start(&root, OLD);
        let seen = AtomicUsize::new(0);
        let fault = |operation: &str, _: &str| {
            let now = seen.fetch_add(1, Ordering::Relaxed) == at;
            let takes_space = matches!(operation, "create" | "write" | "make" | "sync" | "sync-folder" | "rename");
            if now && takes_space { Err(io::Error::from_raw_os_error(28)) } else { Ok(()) }
        };
        let hands = Hands { fault: Some(&fault), ..SYNCED };
        let result = write_with(&root, &tree(NEW), &WriteOptions::default(), hands);
        if seen.load(Ordering::Relaxed) <= at {
            break;
        }
        let context = format!("disk full at operation {at}");
        assert_whole(&root, &[OLD, NEW], &context);
        if let Err(error) = result {
            assert_eq!(error.class, Class::Environment, "{context}");
            let text = error.to_string();
            assert!(
                text.contains("no space left on device") && text.contains(root.to_str().unwrap()),
                "{context}: {text}"
            );
            if text.contains("nothing was changed") {
                assert_eq!(snapshot(&root), expected(OLD), "{context}");
                assert!(!root.join(".lakegen/journal.json").exists(), "{context}");
            } else {
                assert!(text.contains("files were changed, each completely"), "{context}: {text}");
            }
        }
        write(&root, &tree(NEW), &fast()).unwrap();
        assert_clean(&root, NEW, &context);
    }
}

/// T03: each file is synced before it is renamed, its folder after, and the journal before all.
#[test]
fn t03_syncs_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    start(root, OLD);
    let log = std::sync::Mutex::new(Vec::new());
    let fault = |operation: &str, path: &str| {
        log.lock().unwrap().push((operation.to_owned(), path.to_owned()));
        Ok(())
    };
    write_with(root, &tree(NEW), &WriteOptions::default(), Hands { fault: Some(&fault), ..SYNCED }).unwrap();
    let log = log.into_inner().unwrap();
    let at = |operation: &str, path: &str| {
        log.iter()
            .position(|(o, p)| o == operation && p == path)
            .unwrap_or_else(|| panic!("{operation} {path}: {log:?}"))
    };
    for (path, parent) in [("a/added", "a"), ("b/changed", "b"), ("e/f/added", "e/f"), ("top", "")] {
        assert!(at("sync", path) < at("rename", path) && at("rename", path) < at("sync-folder", parent), "{path}");
        assert!(at("rename", ".lakegen/journal.json") < at("rename", path));
        assert!(at("sync-folder", parent) < at("rename", ".lakegen/index.json"), "{path}");
    }
    assert!(at("make", "e/f") < at("sync-folder", "e") && at("make", "e") < at("sync-folder", ""));
    assert!(at("rename", ".lakegen/index.json") < at("remove", ".lakegen/journal.json"));
}
