//! Tests of the git world. Hostile objects are written raw, as `git hash-object --literally` would.

use super::*;
use std::fs;

struct Fixture {
    folder: tempfile::TempDir,
    repository: git2::Repository,
}

fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let repository = git2::Repository::init(folder.path()).unwrap();
    Fixture { folder, repository }
}

impl Fixture {
    fn blob(&self, text: &str) -> Oid {
        self.repository.blob(text.as_bytes()).unwrap()
    }

    /// Writes a tree without any of libgit2's checks.
    fn tree(&self, entries: &[(&str, &[u8], Oid)]) -> Oid {
        let mut raw = Vec::new();
        for (mode, name, id) in entries {
            raw.extend_from_slice(mode.as_bytes());
            raw.push(b' ');
            raw.extend_from_slice(name);
            raw.push(0);
            raw.extend_from_slice(id.as_bytes());
        }
        self.repository.odb().unwrap().write(ObjectType::Tree, &raw).unwrap()
    }

    fn commit(&self, tree: Oid) -> Oid {
        let tree = self.repository.find_tree(tree).unwrap();
        let author = git2::Signature::new("a", "a@example.com", &git2::Time::new(1, 0)).unwrap();
        let parent = self.repository.head().ok().map(|head| head.peel_to_commit().unwrap());
        let parents: Vec<_> = parent.iter().collect();
        self.repository.commit(Some("HEAD"), &author, &author, "c", &tree, &parents).unwrap()
    }

    fn world(&self, prefix: &str) -> GitWorld {
        GitWorld::open(self.folder.path(), "HEAD", prefix).unwrap()
    }
}

#[test]
fn reads_and_lists_below_a_prefix() {
    let f = fixture();
    let inner = f.tree(&[("100644", b"c.yaml", f.blob("c"))]);
    let project = f.tree(&[("100644", b"a.yaml", f.blob("a")), ("40000", b"b", inner)]);
    f.commit(f.tree(&[("40000", b"project", project), ("100755", b"run", f.blob("r"))]));
    let world = f.world("project");
    assert_eq!(&*world.read("b/c.yaml").unwrap(), b"c");
    assert_eq!(world.list("").unwrap(), ["a.yaml", "b/c.yaml"]);
    assert_eq!(world.list("b").unwrap(), ["b/c.yaml"]);
    assert_eq!(world.list("none").unwrap(), [""; 0]);
    assert_eq!(world.read("none/x"), Err(ReadError::Missing));
    assert_eq!(world.read("run"), Err(ReadError::Missing));
    assert_eq!(world.read("b"), Err(ReadError::Refused("`b` is a folder".into())));
    assert_eq!(world.blobs("b").unwrap(), [("b/c.yaml".to_owned(), f.blob("c"))]);
    assert_eq!(f.world("").list("").unwrap(), ["project/a.yaml", "project/b/c.yaml", "run"]);
    let empty = f.world("other");
    assert_eq!((empty.list("").unwrap().len(), empty.read("a.yaml")), (0, Err(ReadError::Missing)));
    assert!(GitWorld::open(f.folder.path(), "HEAD", "run").is_err());
}

/// T29: names that libgit2 hands out as they are never leave the gate.
#[test]
fn t29_refuses_hostile_names() {
    let names: [&[u8]; 18] = [
        b"../x",
        b"/abs",
        b".",
        b"..",
        b".git",
        b".GIT",
        b"git~1",
        ".g\u{200c}it".as_bytes(),
        b"a\\b",
        b"C:x",
        b"x:stream",
        b"CON",
        b"nul.yaml",
        b"aux.toml",
        b"dot.",
        b"esc\x1b[2J",
        b"cr\r",
        b"latin\xe9",
    ];
    for name in names {
        let f = fixture();
        f.commit(f.tree(&[("100644", name, f.blob("x"))]));
        match f.world("").list("") {
            Err(ReadError::Refused(text)) => assert!(!text.chars().any(char::is_control), "{text:?}"),
            other => panic!("{name:?}: {other:?}"),
        }
    }
    let f = fixture();
    let inner = f.tree(&[("100644", b"x", f.blob("x"))]);
    f.commit(f.tree(&[("100644", b"same", f.blob("x")), ("40000", b"same", inner)]));
    assert_eq!(f.world("").list(""), Err(ReadError::Refused("`same` exists twice".into())));
}

/// T30: links are refused, also as a folder on the way; T34: submodules are not entered.
#[test]
fn t30_follows_no_link() {
    let f = fixture();
    let link = f.blob("/etc/passwd");
    let module = Oid::from_str("1111111111111111111111111111111111111111").unwrap();
    let inner = f.tree(&[("120000", b"l.yaml", link)]);
    f.commit(f.tree(&[("40000", b"a", inner), ("120000", b"l", link), ("160000", b"m", module)]));
    let world = f.world("");
    for (path, named) in [("a/l.yaml", "a/l.yaml"), ("l", "l"), ("l/x", "l")] {
        assert_eq!(world.read(path), Err(ReadError::Refused(format!("`{named}` is a symbolic link"))));
    }
    assert_eq!(world.list("a"), Err(ReadError::Refused("`a/l.yaml` is a symbolic link".into())));
    assert_eq!(world.read("m/x"), Err(ReadError::Refused("`m` is a submodule".into())));
    let g = fixture();
    g.commit(g.tree(&[("160000", b"m", module), ("100644", b"x", g.blob("x"))]));
    assert_eq!(g.world("").list("").unwrap(), ["x"]);
}

/// T38: eleven objects that name ten thousand million paths.
#[test]
fn t38_stops_at_a_tree_bomb() {
    let f = fixture();
    let mut tree = f.tree(&[("100644", b"x", f.blob("x"))]);
    for _ in 0..10 {
        let names: Vec<String> = (0..10).map(|n| format!("d{n}")).collect();
        let entries: Vec<_> = names.iter().map(|name| ("40000", name.as_bytes(), tree)).collect();
        tree = f.tree(&entries);
    }
    f.commit(tree);
    assert_eq!(f.world("").list(""), Err(ReadError::Failed("more than 200000 files and folders".into())));
    assert_eq!(&*f.world("").read("d0/d1/d2/d3/d4/d5/d6/d7/d8/d9/x").unwrap(), b"x");
}

/// T39: depth and size are limits with names.
#[test]
fn t39_stops_at_depth_and_size() {
    let f = fixture();
    let mut tree = f.tree(&[("100644", b"x", f.blob("x"))]);
    for _ in 0..200 {
        tree = f.tree(&[("40000", b"d", tree)]);
    }
    let big = f.repository.blob(&vec![b'x'; usize::try_from(MAX_FILE_BYTES).unwrap() + 1]).unwrap();
    f.commit(f.tree(&[("100644", b"big", big), ("40000", b"deep", tree)]));
    assert_eq!(f.world("").read("big"), Err(ReadError::TooLarge { limit: MAX_FILE_BYTES }));
    assert!(matches!(f.world("").list("deep"), Err(ReadError::Failed(text)) if text.contains("64 levels")));
}

/// T41: searches, reflogs and options are no revisions.
#[test]
fn t41_takes_only_plain_revisions() {
    let f = fixture();
    let first = f.commit(f.tree(&[("100644", b"x", f.blob("1"))]));
    let second = f.commit(f.tree(&[("100644", b"x", f.blob("2"))]));
    let repository = Repository::discover(f.folder.path()).unwrap();
    assert_eq!(repository.resolve("HEAD~1").unwrap(), first);
    assert_eq!(repository.resolve("@").unwrap(), second);
    assert_eq!(repository.resolve(&second.to_string()[..8]).unwrap(), second);
    assert_eq!(repository.merge_base("HEAD", "HEAD^").unwrap(), first);
    for bad in ["--output=x", "-h", "@{-1}", ":/re", "HEAD^{/x}", "HEAD:x", "a\nb", "a b", "", "main..x", "x\u{1b}[m"] {
        let error = repository.resolve(bad).unwrap_err();
        assert!(error.message.contains("not a plain revision"), "{bad}: {error}");
        assert!(!error.message.chars().any(char::is_control));
    }
    let error = repository.resolve("origin/gone~2").unwrap_err().to_string();
    assert!(error.contains("`origin/gone~2` is not in this repository"), "{error}");
    assert!(error.contains("git fetch origin gone:refs/remotes/origin/gone"), "{error}");
}

/// T20: a shallow clone says how to deepen it.
#[test]
fn t20_explains_a_shallow_clone() {
    let f = fixture();
    let first = f.commit(f.tree(&[("100644", b"x", f.blob("1"))]));
    let second = f.commit(f.tree(&[("100644", b"x", f.blob("2"))]));
    fs::write(f.repository.path().join("shallow"), format!("{second}\n")).unwrap();
    let repository = Repository::discover(f.folder.path()).unwrap();
    assert!(repository.resolve("origin/main").unwrap_err().to_string().contains("git fetch --unshallow"));
    let error = repository.merge_base("HEAD", &first.to_string());
    // Libgit2 reads grafts of shallow clones, so the older commit is unreachable from the newer one.
    assert!(error.unwrap_err().to_string().contains("git fetch --unshallow"));
}

#[test]
fn says_when_there_is_no_repository() {
    let folder = tempfile::tempdir().unwrap();
    let error = GitWorld::open(&folder.path().join("new"), "HEAD", "").err().unwrap();
    assert!(error.message.contains("is not in a git repository"), "{error}");
    assert_eq!(repository_of(&folder.path().join("new")), None);
    let f = fixture();
    assert_eq!(repository_of(&f.folder.path().join("a/b")), Some(f.folder.path().canonicalize().unwrap()));
    let repository = Repository::discover(&f.folder.path().join("a/b")).unwrap();
    assert_eq!(repository.prefix_of(&f.folder.path().join("a/b")).as_deref(), Some("a/b"));
    assert_eq!(repository.prefix_of(f.folder.path()).as_deref(), Some(""));
    assert_eq!(repository.prefix_of(folder.path()), None);
    assert!(repository.resolve("HEAD").unwrap_err().message.contains("`HEAD` is not in this repository"));
}

/// T35: planted programs do not run. T37: a repository of another user is not opened.
#[cfg(unix)]
#[test]
fn t35_t37_runs_nothing_and_trusts_no_foreign_owner() {
    use std::os::unix::fs::PermissionsExt;
    let f = fixture();
    f.commit(f.tree(&[
        ("100644", b".gitattributes", f.blob("* filter=evil diff=evil\n")),
        ("100644", b"x.yaml", f.blob("x")),
    ]));
    let canary = f.folder.path().join("canary");
    let script = f.folder.path().join("evil.sh");
    fs::write(&script, format!("#!/bin/sh\ntouch {}\ncat\n", canary.display())).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let mut config = f.repository.config().unwrap();
    for key in [
        "core.fsmonitor",
        "filter.evil.smudge",
        "filter.evil.clean",
        "diff.evil.textconv",
        "core.pager",
        "core.sshCommand",
        "gpg.program",
    ] {
        config.set_str(key, script.to_str().unwrap()).unwrap();
    }
    let world = f.world("");
    assert_eq!(&*world.read("x.yaml").unwrap(), b"x");
    assert_eq!(world.list("").unwrap().len(), 2);
    assert!(!canary.exists());

    if std::os::unix::fs::chown(f.folder.path(), Some(12345), Some(12345)).is_err()
        || std::os::unix::fs::chown(f.repository.path(), Some(12345), Some(12345)).is_err()
    {
        eprintln!("skipped T37: changing owners needs root");
        return;
    }
    let error = GitWorld::open(f.folder.path(), "HEAD", "").err().unwrap();
    assert!(error.message.contains("belongs to another user"), "{error}");
    assert!(error.help[0].contains("git config --global --add safe.directory /"), "{error}");
}
