//! Tests of commits, each in a repository of its own.

use crate::diag::stop::{Class, Stop};
use std::fs;

use super::*;

struct Fixture {
    folder: tempfile::TempDir,
    repository: git2::Repository,
}

/// A repository with one commit that holds a foreign file beside the output.
fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let mut init = git2::RepositoryInitOptions::new();
    let repository = git2::Repository::init_opts(folder.path(), init.initial_head("main")).unwrap();
    let mut config = repository.config().unwrap();
    for (key, value) in [("user.name", "Ada"), ("user.email", "ada@example.com"), ("commit.gpgsign", "false")] {
        config.set_str(key, value).unwrap();
    }
    let fixture = Fixture { folder, repository };
    fixture.put(&[("README.md", Some("mine")), ("out/a/notes.txt", Some("mine too"))]);
    fixture
}

impl Fixture {
    /// Commits as somebody else would.
    fn put(&self, files: &[(&str, Option<&str>)]) -> Oid {
        let parent = self.repository.head().ok().map(|head| head.peel_to_commit().unwrap());
        let base = parent.as_ref().map(|parent| parent.tree().unwrap());
        let mut changes = Changes::default();
        for (path, text) in files {
            changes.set(path, text.map(|text| self.repository.blob(text.as_bytes()).unwrap()));
        }
        let tree = objects::update(&self.repository, base.as_ref(), &changes, &mut vec![]).unwrap().unwrap();
        let tree = self.repository.find_tree(tree).unwrap();
        let bob = Signature::new("Bob", "bob@example.com", &Time::new(1, 0)).unwrap();
        let parents: Vec<_> = parent.iter().collect();
        self.repository.commit(Some("HEAD"), &bob, &bob, "by hand", &tree, &parents).unwrap()
    }

    fn commit(&self, files: &[(&str, &str)], options: &CommitOptions) -> Result<Committed, Stop> {
        commit(self.folder.path(), "out", &tree(files), options)
    }

    fn tip(&self) -> Oid {
        self.repository.refname_to_id("refs/heads/main").unwrap()
    }

    fn paths(&self, revision: &str) -> Vec<String> {
        use crate::world::World;
        git::GitWorld::open(self.folder.path(), revision, "").unwrap().list("").unwrap()
    }
}

fn tree(files: &[(&str, &str)]) -> Tree {
    let mut tree = Tree::default();
    for (path, text) in files {
        tree.add(*path, text.as_bytes()).unwrap();
    }
    tree
}

fn made(committed: Committed) -> (String, Vec<String>, Vec<String>) {
    match committed {
        Committed::Made { commit, written, removed, .. } => (commit, written, removed),
        Committed::Nothing => panic!("nothing was committed"),
    }
}

const ONE: &[(&str, &str)] = &[("a/x.yaml", "x: 1\n"), ("b/y.yaml", "y: 1\n")];

#[test]
fn commits_exactly_the_owned_files() {
    let f = fixture();
    let options = || CommitOptions {
        message: Some("render lake\n\nbody".into()),
        trailers: vec![("Source-Revision".into(), "abc\nEvil: x".into()), ("Lakegen-Version".into(), "0.1.0".into())],
        time: Some(1_700_000_000),
        ..CommitOptions::default()
    };
    let parent = f.tip();
    let (id, written, _) = made(f.commit(ONE, &options()).unwrap());
    assert_eq!(written, ["a/x.yaml", "b/y.yaml"]);
    assert_eq!(f.tip().to_string(), id);
    let commit = f.repository.find_commit(f.tip()).unwrap();
    assert_eq!(commit.parent_id(0).unwrap(), parent);
    assert_eq!((commit.time().seconds(), commit.author().name().unwrap()), (1_700_000_000, "Ada"));
    assert_eq!(
        commit.message().unwrap(),
        "render lake\n\nbody\n\nSource-Revision: abc Evil: x\nLakegen-Version: 0.1.0\n"
    );
    let trailers = git2::message_trailers_strs(commit.message().unwrap()).unwrap();
    assert_eq!(trailers.iter().count(), 2);
    assert_eq!(
        f.paths("main"),
        ["README.md", "out/.lakegen/index.json", "out/a/notes.txt", "out/a/x.yaml", "out/b/y.yaml"]
    );

    assert_eq!(f.commit(ONE, &options()).unwrap(), Committed::Nothing);
    assert_eq!(f.tip().to_string(), id);
    let (_, written, removed) = made(f.commit(&[("a", "no"), ("a/x.yaml", "x: 2\n")][1..], &options()).unwrap());
    assert_eq!((written, removed), (vec!["a/x.yaml".to_owned()], vec!["b/y.yaml".to_owned()]));
    assert_eq!(f.paths("main"), ["README.md", "out/.lakegen/index.json", "out/a/notes.txt", "out/a/x.yaml"]);
    // The work tree and the index are the user's.
    assert_eq!(fs::read_dir(f.folder.path()).unwrap().count(), 1);
    assert!(!f.repository.path().join("index").exists());
    assert!(f.repository.odb().unwrap().exists(f.tip()));
}

/// T89, T90: hand edits and foreign files on the branch.
#[test]
fn t89_edits_on_the_branch_are_refused() {
    let f = fixture();
    f.commit(ONE, &CommitOptions::default()).unwrap();
    let tip = f.put(&[("out/a/x.yaml", Some("x: 7\n"))]);
    let next = [("a/x.yaml", "x: 2\n"), ("b/y.yaml", "y: 1\n")];
    let error = f.commit(&next, &CommitOptions::default()).unwrap_err();
    assert!(error.class == Class::Refused && error.details[0].contains("+x: 7"), "{error}");
    let error =
        f.commit(&[ONE[0], ONE[1], ("a/notes.txt", "new")], &CommitOptions { overwrite: true, ..Default::default() });
    assert!(error.unwrap_err().message.contains("`a/notes.txt` is in the way"));
    let error =
        f.commit(&[ONE[1], ("a", "file")], &CommitOptions { overwrite: true, ..Default::default() }).unwrap_err();
    assert!(error.message.contains("`a/notes.txt` is in the way"), "{error}");
    assert_eq!(f.tip(), tip);
    f.commit(&next, &CommitOptions { overwrite: true, ..Default::default() }).unwrap();
    assert!(f.commit(&[], &CommitOptions::default()).unwrap_err().help[0].contains("--allow-shrink"));
    f.commit(&[], &CommitOptions { allow_shrink: true, ..Default::default() }).unwrap();
    assert_eq!(f.paths("main"), ["README.md", "out/.lakegen/index.json", "out/a/notes.txt"]);
}

#[test]
fn files_and_folders_change_places() {
    let f = fixture();
    f.commit(&[("p", "1"), ("q/r/s", "2"), ("z", "")], &CommitOptions::default()).unwrap();
    made(f.commit(&[("p/x", "1"), ("q", "2"), ("z", "")], &CommitOptions::default()).unwrap());
    let out: Vec<_> = f.paths("main").into_iter().filter(|path| path.starts_with("out/")).collect();
    assert_eq!(out, ["out/.lakegen/index.json", "out/a/notes.txt", "out/p/x", "out/q", "out/z"]);
}

/// T21: every state of a repository has its answer.
#[test]
fn t21_states_of_a_repository() {
    let f = fixture();
    f.repository.set_head_detached(f.tip()).unwrap();
    let error = f.commit(ONE, &CommitOptions::default()).unwrap_err();
    assert!(error.class == Class::Environment && error.help[0].contains("git switch"), "{error}");
    let options = CommitOptions { branch: Some("release".into()), ..CommitOptions::default() };
    f.commit(ONE, &options).unwrap();
    assert_eq!(f.paths("release").len(), 5);
    assert_eq!(f.paths("main").len(), 2);
    f.repository.set_head("refs/heads/main").unwrap();

    let merge = f.repository.path().join("MERGE_HEAD");
    fs::write(&merge, format!("{}\n", f.tip())).unwrap();
    let error = f.commit(ONE, &CommitOptions::default()).unwrap_err();
    assert!(error.class == Class::Environment && error.message.contains("a merge is in progress"), "{error}");
    fs::remove_file(merge).unwrap();

    f.repository.config().unwrap().set_bool("commit.gpgsign", true).unwrap();
    let error = f.commit(ONE, &CommitOptions::default()).unwrap_err();
    assert!(error.class == Class::Environment && error.message.contains("does not support yet"), "{error}");
    f.repository.config().unwrap().set_bool("commit.gpgsign", false).unwrap();

    for bad in ["-x", "a b", "a..b", "x\n", ""] {
        let options = CommitOptions { branch: Some(bad.into()), ..CommitOptions::default() };
        assert!(f.commit(ONE, &options).unwrap_err().message.contains("is not a valid branch name"), "{bad:?}");
    }
    assert!(commit(f.folder.path(), "../x", &tree(ONE), &CommitOptions::default()).is_err());
}

#[test]
fn t21_unborn_bare_and_linked() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bare) in [("unborn", false), ("bare.git", true)] {
        let path = folder.path().join(name);
        let mut init = git2::RepositoryInitOptions::new();
        let repository = git2::Repository::init_opts(&path, init.initial_head("trunk").bare(bare)).unwrap();
        repository.config().unwrap().set_str("user.name", "Ada").unwrap();
        repository.config().unwrap().set_str("user.email", "ada@example.com").unwrap();
        repository.config().unwrap().set_bool("commit.gpgsign", false).unwrap();
        made(commit(&path, "", &tree(ONE), &CommitOptions::default()).unwrap());
        let head = repository.head().unwrap().peel_to_commit().unwrap();
        assert_eq!((head.parent_count(), head.message().unwrap()), (0, "lakegen: render 2 files\n"));
        if bare {
            continue;
        }
        let linked = folder.path().join("linked");
        repository.worktree("linked", &linked, None).unwrap();
        made(commit(&linked, "", &tree(&ONE[..1]), &CommitOptions::default()).unwrap());
        assert_eq!(repository.head().unwrap().target(), Some(head.id()));
        assert_ne!(repository.refname_to_id("refs/heads/linked").unwrap(), head.id());
    }
}

/// T02: a lock that a killed git left behind is explained and never removed.
#[test]
fn t02_a_stale_lock_is_explained() {
    let f = fixture();
    let lock = f.repository.path().join("refs/heads/main.lock");
    fs::write(&lock, "").unwrap();
    let tip = f.tip();
    let error = f.commit(ONE, &CommitOptions::default()).unwrap_err();
    assert_eq!(error.class, Class::TryAgain);
    assert!(error.message.contains("refs/heads/main.lock`,") && error.message.ends_with("s old"), "{error}");
    assert!(error.help[1].contains("run `rm ") && lock.exists(), "{error}");
    assert_eq!(f.tip(), tip);
    fs::remove_file(&lock).unwrap();
    made(f.commit(ONE, &CommitOptions::default()).unwrap());
}

/// T14, T18 without a remote: writers of different folders on one branch all land, in one line.
#[test]
fn t14_eight_writers_on_one_branch() {
    let f = fixture();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let folder = f.folder.path();
            scope.spawn(move || {
                for round in 0..4 {
                    let file = format!("{round}\n");
                    let tree = tree(&[("x.yaml", file.as_str())]);
                    made(commit(folder, &format!("out{thread}"), &tree, &CommitOptions::default()).unwrap());
                }
            });
        }
    });
    let mut walk = f.repository.revwalk().unwrap();
    walk.push_head().unwrap();
    assert_eq!(walk.count(), 1 + 8 * 4);
    assert_eq!(f.paths("main").iter().filter(|path| path.ends_with("x.yaml")).count(), 8);
    for commit in {
        let mut walk = f.repository.revwalk().unwrap();
        walk.push_head().unwrap();
        walk
    } {
        assert!(f.repository.find_commit(commit.unwrap()).unwrap().parent_count() <= 1);
    }
}

/// T35: hooks and filters of the repository do not run.
#[cfg(unix)]
#[test]
fn t35_runs_no_hook() {
    use std::os::unix::fs::PermissionsExt;
    let f = fixture();
    let canary = f.folder.path().join("canary");
    let hooks = f.repository.path().join("hooks");
    fs::create_dir_all(&hooks).unwrap();
    let script = format!("#!/bin/sh\ntouch {}\nexit 1\n", canary.display());
    for hook in ["pre-commit", "commit-msg", "post-commit", "reference-transaction", "evil"] {
        fs::write(hooks.join(hook), &script).unwrap();
        fs::set_permissions(hooks.join(hook), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let evil = hooks.join("evil");
    for key in ["core.fsmonitor", "filter.evil.clean", "filter.evil.smudge", "gpg.program"] {
        f.repository.config().unwrap().set_str(key, evil.to_str().unwrap()).unwrap();
    }
    f.put(&[(".gitattributes", Some("* filter=evil text eol=crlf\n"))]);
    made(f.commit(ONE, &CommitOptions::default()).unwrap());
    assert!(!canary.exists());
    let world = git::GitWorld::open(f.folder.path(), "main", "out").unwrap();
    assert_eq!(&*crate::world::World::read(&world, "a/x.yaml").unwrap(), b"x: 1\n");
}
