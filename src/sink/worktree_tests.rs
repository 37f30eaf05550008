//! Tests of ownership: what is written, removed, refused and left alone. Crashes are in `crash_tests.rs`.

use crate::diag::stop::{Class, Stop};
use std::fs;
use std::path::PathBuf;

use super::*;

struct Out {
    folder: tempfile::TempDir,
    root: PathBuf,
}

fn out() -> Out {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("out");
    Out { folder, root }
}

impl Out {
    fn put(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn get(&self, path: &str) -> String {
        fs::read_to_string(self.root.join(path)).unwrap()
    }

    fn write(&self, files: &[(&str, &str)]) -> Result<Report, Stop> {
        write(&self.root, &tree(files), &fast())
    }

    /// All that lies in the root, with the time of its last change.
    fn state(&self) -> Vec<(PathBuf, std::time::SystemTime)> {
        let entries = walkdir::WalkDir::new(&self.root).sort_by_file_name().into_iter().map(Result::unwrap);
        entries.map(|entry| (entry.path().to_owned(), entry.metadata().unwrap().modified().unwrap())).collect()
    }
}

fn tree(files: &[(&str, &str)]) -> Tree {
    let mut tree = Tree::default();
    for (path, text) in files {
        tree.add(*path, text.as_bytes()).unwrap();
    }
    tree
}

fn numbered(count: usize) -> Tree {
    let mut tree = Tree::default();
    for n in 0..count {
        tree.add(format!("f/{n}"), format!("{n}\n").into_bytes()).unwrap();
    }
    tree
}

fn fast() -> WriteOptions {
    WriteOptions { fsync: false, ..WriteOptions::default() }
}

const ONE: &[(&str, &str)] = &[("a/x.yaml", "x: 1\n"), ("a/y.yaml", "y: 1\n"), ("b/z.yaml", "z: 1\n")];

#[test]
fn writes_changes_and_removes() {
    let out = out();
    let report = write(&out.root, &tree(ONE), &WriteOptions::default()).unwrap();
    assert_eq!(report.written, ["a/x.yaml", "a/y.yaml", "b/z.yaml"]);
    let report = out.write(&[("a/x.yaml", "x: 2\n"), ("a/y.yaml", "y: 1\n"), ("c", "")]).unwrap();
    assert_eq!(report.written, ["a/x.yaml", "c"]);
    assert_eq!((report.removed.as_slice(), report.unchanged), (["b/z.yaml".to_owned()].as_slice(), 1));
    assert_eq!((out.get("a/x.yaml"), out.get("c")), ("x: 2\n".into(), String::new()));
    assert!(!out.root.join("b").exists());
    assert!(out.get(INDEX).contains("\"a/x.yaml\": \""));
}

/// T24: a second render writes nothing at all, and `git status` stays clean.
#[test]
fn t24_a_second_render_touches_nothing() {
    let out = out();
    let repository = git2::Repository::init(out.folder.path()).unwrap();
    out.write(ONE).unwrap();
    let before = out.state();
    std::thread::sleep(Duration::from_millis(20));
    let report = out.write(ONE).unwrap();
    assert_eq!((report.written.len(), report.removed.len(), report.unchanged), (0, 0, 3));
    assert_eq!(out.state(), before);
    let mut options = git2::StatusOptions::new();
    options.include_untracked(true).recurse_untracked_dirs(true);
    let status = repository.statuses(Some(&mut options)).unwrap();
    let paths: Vec<_> = status.iter().map(|entry| entry.path().unwrap().to_owned()).collect();
    assert_eq!(paths, ["out/.lakegen/index.json", "out/a/x.yaml", "out/a/y.yaml", "out/b/z.yaml"]);
}

#[test]
fn a_dry_run_writes_nothing() {
    let out = out();
    let options = || WriteOptions { dry_run: true, ..fast() };
    assert_eq!(write(&out.root, &tree(ONE), &options()).unwrap().written.len(), 3);
    assert!(!out.root.exists());
    out.write(ONE).unwrap();
    let before = out.state();
    assert_eq!(write(&out.root, &tree(&ONE[..2]), &options()).unwrap().removed, ["b/z.yaml"]);
    assert_eq!(compare(&out.root, &tree(&ONE[..2]), &fast()).unwrap().removed, ["b/z.yaml"]);
    assert_eq!(out.state(), before);
}

/// T89: a hand edit stops everything, is shown, and there are three ways on.
#[test]
fn t89_hand_edits_are_refused() {
    let out = out();
    out.write(ONE).unwrap();
    out.put("a/x.yaml", "x: 7\n");
    let before = out.state();
    let next = [("a/x.yaml", "x: 1\n"), ("a/y.yaml", "y: 2\n")];
    let error = out.write(&next).unwrap_err();
    assert_eq!((error.class, error.help.len()), (Class::Refused, 3));
    assert!(error.details[0].contains("-x: 1") && error.details[0].contains("+x: 7"), "{error}");
    assert_eq!(out.state(), before);
    assert_eq!(compare(&out.root, &tree(&next), &fast()).unwrap().edited, ["a/x.yaml"]);
    write(&out.root, &tree(&next), &WriteOptions { overwrite: true, ..fast() }).unwrap();
    assert_eq!(out.get("a/x.yaml"), "x: 1\n");

    // An edited file that is no longer rendered is work of somebody as well.
    out.put("a/y.yaml", "y: 7\n");
    assert_eq!(out.write(&[("a/x.yaml", "x: 1\n")]).unwrap_err().class, Class::Refused);
    write(&out.root, &tree(&[("a/x.yaml", "x: 1\n")]), &WriteOptions { overwrite: true, ..fast() }).unwrap();
    assert!(!out.root.join("a/y.yaml").exists());
}

#[test]
fn an_edit_that_is_now_rendered_is_adopted() {
    let out = out();
    out.write(ONE).unwrap();
    out.put("a/x.yaml", "x: 7\n");
    let next = [("a/x.yaml", "x: 7\n"), ONE[1], ONE[2]];
    assert_eq!(compare(&out.root, &tree(&next), &fast()).unwrap().written, [INDEX]);
    assert!(out.write(&next).unwrap().written.is_empty());
    assert!(out.write(&[("a/x.yaml", "x: 8\n"), ONE[1], ONE[2]]).is_ok());
    // A deleted file is simply written again.
    fs::remove_file(out.root.join("b/z.yaml")).unwrap();
    assert_eq!(out.write(&[("a/x.yaml", "x: 8\n"), ONE[1], ONE[2]]).unwrap().written, ["b/z.yaml"]);
}

/// T90: foreign files are never changed or removed, and listed once.
#[test]
fn t90_foreign_files_are_left_alone() {
    let out = out();
    let foreign = ["a/.argocd-source-x.yaml", "a/x.yaml~", "a/overlay/k.yaml", "README.md"];
    for path in foreign {
        out.put(path, "mine");
    }
    let mut listed = out.write(ONE).unwrap().foreign;
    assert_eq!(listed, ["README.md", "a/.argocd-source-x.yaml", "a/overlay/k.yaml", "a/x.yaml~"]);
    write(&out.root, &tree(&[("b/z.yaml", "z: 1\n")]), &fast()).unwrap();
    assert!(foreign.iter().all(|path| out.get(path) == "mine"));
    assert!(!out.root.join("a/x.yaml").exists());

    // In a project only the folders that hold output are looked at.
    out.put("platform.toml", "");
    listed = out.write(ONE).unwrap().foreign;
    assert_eq!(listed, ["a/.argocd-source-x.yaml", "a/overlay/k.yaml", "a/x.yaml~"]);

    for (path, new) in [("README.md", "README.md"), ("a/overlay", "a/overlay/k.yaml"), ("README.md/x", "README.md")] {
        let error = write(&out.root, &tree(&[(path, "new")]), &WriteOptions { overwrite: true, ..fast() }).unwrap_err();
        assert_eq!(error.class, Class::Refused, "{path}");
        assert!(error.message.contains(&format!("`{new}` is in the way")), "{error}");
        assert_eq!(compare(&out.root, &tree(&[(path, "new")]), &fast()).unwrap().in_the_way, [new]);
    }
}

/// T92: a tree that is empty or 30 % smaller needs a word.
#[test]
fn t92_a_shrinking_tree_is_refused() {
    let out = out();
    write(&out.root, &numbered(20), &fast()).unwrap();
    for (count, refused) in [(14, false), (13, true), (0, true)] {
        let result = write(&out.root, &numbered(count), &WriteOptions { dry_run: true, ..fast() });
        assert_eq!(result.as_ref().err().map(|error| error.class), refused.then_some(Class::Refused), "{count}");
        assert!(result.err().is_none_or(|error| error.help[0].contains("--allow-shrink")));
    }
    write(&out.root, &numbered(0), &WriteOptions { allow_shrink: true, ..fast() }).unwrap();
    assert!(!out.root.join("f").exists());
    write(&out.root, &numbered(9), &fast()).unwrap();
    write(&out.root, &numbered(1), &fast()).unwrap();
    assert_eq!(write(&out.root, &numbered(0), &fast()).unwrap_err().class, Class::Refused);
}

/// T93: a claim proves nothing without matching bytes, and never reaches outside.
#[test]
fn t93_claims_are_not_believed() {
    let out = out();
    out.write(ONE).unwrap();
    out.put("notes.md", "mine");
    fs::write(out.folder.path().join("canary"), "canary").unwrap();
    let digest = "0".repeat(64);
    let honest = out.get(INDEX);
    out.put(INDEX, &honest.replace("\"files\": {", &format!("\"files\": {{\n    \"notes.md\": \"{digest}\",")));
    assert_eq!(out.write(ONE).unwrap_err().class, Class::Refused);
    assert_eq!(out.get("notes.md"), "mine");
    for path in ["../canary", ".git/config", "/etc/hosts"] {
        out.put(INDEX, &honest.replace("\"files\": {", &format!("\"files\": {{\n    \"{path}\": \"{digest}\",")));
        assert_eq!(out.write(ONE).unwrap_err().class, Class::Refused, "{path}");
    }
    assert!(out.folder.path().join("canary").exists());
    out.put(INDEX, r#"{"format": 9, "lakegen": "4.2.0"}"#);
    assert!(out.write(ONE).unwrap_err().message.ends_with("needs lakegen >= 4.2.0"));
    // Without an index all files are foreign, but equal ones are adopted.
    fs::remove_file(out.root.join(INDEX)).unwrap();
    assert_eq!(out.write(ONE).unwrap().unchanged, 3);
    assert_eq!(out.get(INDEX), honest);
}

/// A render of one environment leaves the others as they are.
#[test]
fn a_scope_keeps_the_rest() {
    let out = out();
    out.write(ONE).unwrap();
    let options = || WriteOptions { scope: Some(Box::new(|path| path.starts_with("a/"))), ..fast() };
    let report = write(&out.root, &tree(&[("a/y.yaml", "y: 2\n")]), &options()).unwrap();
    assert_eq!((report.written, report.removed), (vec!["a/y.yaml".to_owned()], vec!["a/x.yaml".to_owned()]));
    assert_eq!(out.get("b/z.yaml"), "z: 1\n");
    assert!(out.get(INDEX).contains("b/z.yaml"));
    assert!(compare(&out.root, &tree(&[("a/y.yaml", "y: 2\n")]), &options()).unwrap().is_fresh());
    let report = out.write(&[("a/y.yaml", "y: 2\n")]).unwrap();
    assert_eq!(report.removed, ["b/z.yaml"]);
}

/// T44, T29: paths that cannot stand everywhere.
#[test]
fn t44_impossible_trees_are_findings() {
    let out = out();
    for files in [
        &[("a/X", ""), ("a/x", "")][..],
        &[("../x", "")],
        &[(".git/config", "")],
        &[(".lakegen/lock", "")],
        &[("aux.toml", "")],
    ] {
        let error = out.write(files).unwrap_err();
        assert_eq!(error.class, Class::Findings, "{error}");
    }
    assert!(!out.root.exists());
}

/// T46: a clone with `core.autocrlf` is neither stale nor edited.
#[test]
fn t46_crlf_is_no_edit() {
    let out = out();
    out.write(ONE).unwrap();
    for (path, text) in ONE {
        out.put(path, &text.replace('\n', "\r\n"));
    }
    out.put(INDEX, &out.get(INDEX).replace('\n', "\r\n"));
    assert!(compare(&out.root, &tree(ONE), &fast()).unwrap().is_fresh());
    assert_eq!(out.write(&[("a/x.yaml", "x: 2\n"), ONE[1], ONE[2]]).unwrap().written, ["a/x.yaml"]);
    assert_eq!(out.get("a/x.yaml"), "x: 2\n");
}

/// T31: nothing is written through a link. T32: nor through a hard link. T33: nor to a FIFO.
#[cfg(unix)]
#[test]
fn t31_t32_t33_links_and_special_files() {
    use std::os::unix::fs::symlink;
    let out = out();
    let outside = out.folder.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("canary"), "canary").unwrap();

    symlink(&outside, &out.root).unwrap();
    assert_eq!(out.write(ONE).unwrap_err().class, Class::Refused);
    assert_eq!(write(&out.root.join(""), &tree(ONE), &fast()).unwrap_err().class, Class::Refused);
    fs::remove_file(&out.root).unwrap();

    out.write(ONE).unwrap();
    fs::remove_dir_all(out.root.join("b")).unwrap();
    symlink(&outside, out.root.join("b")).unwrap();
    let error = out.write(ONE).unwrap_err();
    assert!(
        error.class == Class::Refused && error.message.contains("`b` is in the way: it is a symbolic link"),
        "{error}"
    );
    // What a link hides is not ours to remove either.
    fs::write(outside.join("z.yaml"), "z: 1\n").unwrap();
    out.write(&ONE[..2]).unwrap();
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 2);
    fs::remove_file(out.root.join("b")).unwrap();

    fs::remove_file(out.root.join("a/x.yaml")).unwrap();
    symlink(outside.join("canary"), out.root.join("a/x.yaml")).unwrap();
    assert_eq!(out.write(&[("a/x.yaml", "x: 2\n"), ONE[1]]).unwrap_err().class, Class::Refused);
    fs::remove_file(out.root.join("a/x.yaml")).unwrap();

    fs::write(outside.join("twin"), "x: 1\n").unwrap();
    fs::hard_link(outside.join("twin"), out.root.join("a/x.yaml")).unwrap();
    out.write(&[("a/x.yaml", "x: 2\n"), ONE[1]]).unwrap();
    assert_eq!(
        (fs::read_to_string(outside.join("twin")).unwrap(), out.get("a/x.yaml")),
        ("x: 1\n".into(), "x: 2\n".into())
    );

    fs::remove_file(out.root.join("a/x.yaml")).unwrap();
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, out.root.join("a/x.yaml"), rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let error = out.write(&[("a/x.yaml", "x: 2\n"), ONE[1]]).unwrap_err();
    assert!(error.class == Class::Environment && error.message.contains("not a regular file"), "{error}");

    fs::remove_dir_all(out.root.join(".lakegen")).unwrap();
    symlink(&outside, out.root.join(".lakegen")).unwrap();
    assert_eq!(out.write(&[ONE[1]]).unwrap_err().class, Class::Refused);
    assert_eq!(fs::read_to_string(outside.join("canary")).unwrap(), "canary");
}

#[cfg(unix)]
#[test]
fn the_root_lies_in_no_trap() {
    let folder = tempfile::tempdir().unwrap();
    git2::Repository::init(folder.path()).unwrap();
    let outside = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(outside.path(), folder.path().join("deploy")).unwrap();
    for root in ["deploy/out", ".git/out", ".git", "deploy"] {
        let error = write(&folder.path().join(root), &tree(ONE), &fast()).unwrap_err();
        assert_eq!(error.class, Class::Refused, "{root}: {error}");
    }
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    fs::write(folder.path().join("file"), "").unwrap();
    assert_eq!(write(&folder.path().join("file"), &tree(ONE), &fast()).unwrap_err().class, Class::Refused);
    write(&folder.path().join("a/b/out"), &tree(ONE), &fast()).unwrap();
    write(folder.path(), &tree(ONE), &fast()).unwrap();
}

/// T11: writers at once all land or are told to try again, and the tree is whole.
#[test]
fn t11_eight_writers_at_once() {
    let out = out();
    let trees: Vec<Tree> = (0..2)
        .map(|version| {
            let mut tree = Tree::default();
            for n in 0..40 {
                tree.add(format!("d{}/{n}", n % 5), format!("{}\n", n * version).into_bytes()).unwrap();
            }
            tree
        })
        .collect();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (root, tree) = (&out.root, &trees[thread % 2]);
            scope.spawn(move || {
                for _ in 0..5 {
                    if let Err(error) = write(root, tree, &fast()) {
                        assert_eq!(error.class, Class::TryAgain, "{error}");
                    }
                }
            });
        }
    });
    assert!(trees.iter().any(|tree| compare(&out.root, tree, &fast()).unwrap().is_fresh()));
    let held = fs::File::open(out.root.join(".lakegen/lock")).unwrap();
    held.lock().unwrap();
    let options = WriteOptions { lock_timeout: Duration::from_millis(20), ..fast() };
    assert_eq!(write(&out.root, &numbered(50), &options).unwrap_err().class, Class::TryAgain);
}

/// T81: on a read-only disk an up-to-date tree is fine and a stale one an error that names the file.
#[cfg(unix)]
#[test]
fn t81_a_folder_without_permission() {
    use std::os::unix::fs::PermissionsExt;
    let out = out();
    out.write(ONE).unwrap();
    let closed = fs::Permissions::from_mode(0o555);
    for folder in ["", "a", "b", ".lakegen"] {
        fs::set_permissions(out.root.join(folder), closed.clone()).unwrap();
    }
    assert_eq!(out.write(ONE).unwrap().unchanged, 3);
    if fs::write(out.root.join("probe"), "").is_ok() {
        eprintln!("skipped half of T81: this user may write anywhere");
    } else {
        let error = out.write(&[("a/x.yaml", "x: 2\n"), ONE[1], ONE[2]]).unwrap_err();
        assert!(error.class == Class::Environment && error.message.contains("permission denied"), "{error}");
    }
    for folder in ["", "a", "b", ".lakegen"] {
        fs::set_permissions(out.root.join(folder), fs::Permissions::from_mode(0o755)).unwrap();
    }
}
