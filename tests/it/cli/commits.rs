//! `commit` and `diff`: what is in git, and what a compile would make of it.

use std::fs;

use crate::sandbox::Sandbox;

#[test]
fn commit_makes_one_commit_and_touches_nothing_else() {
    let sandbox = Sandbox::new();
    let repository = sandbox.repository();
    let first = repository.head().unwrap().target().unwrap().to_string();
    sandbox.write("staged.txt", "mine\n");
    let mut index = repository.index().unwrap();
    index.add_path("staged.txt".as_ref()).unwrap();
    index.write().unwrap();
    let index_bytes = || fs::read(sandbox.path().join(".git/index")).unwrap();
    let (before, staged) = (sandbox.files(), index_bytes());
    let ran = sandbox.ok(&["commit", "--trailer", "Ticket=LAKE-7"]);
    assert_eq!((sandbox.files(), index_bytes()), (before, staged));
    let commit = repository.head().unwrap().peel_to_commit().unwrap();
    assert_eq!(ran.stdout.trim(), commit.id().to_string());
    assert!(ran.stderr.contains("lakegen render && git reset -q -- gitops"), "{}", ran.stderr);
    let message = commit.message().unwrap();
    assert!(message.contains(&format!("Lakegen-Source: {first}\n")), "{message}");
    assert!(message.contains("Lakegen-Spec: sha256:") && message.contains("Ticket: LAKE-7"), "{message}");
    let tree = commit.tree().unwrap();
    assert!(tree.get_path("gitops/PLATFORM.md".as_ref()).is_ok());
    assert!(tree.get_path("staged.txt".as_ref()).is_err(), "what the user staged is not in it");
    let again = sandbox.ok(&["commit"]);
    assert!(again.stdout.is_empty() && again.stderr.contains("nothing to commit"), "{}", again.stderr);
    assert_eq!(repository.head().unwrap().target().unwrap(), commit.id());
    sandbox.edit("replicas = 3", "replicas = 4");
    sandbox.ok(&["commit", "-m", "More of it"]);
    let commit = repository.head().unwrap().peel_to_commit().unwrap();
    assert!(commit.message().unwrap().starts_with("More of it\n"));
    assert!(commit.message().unwrap().contains("-dirty\n"), "the platform was not committed");
    sandbox.fails(2, &["commit", "--trailer", "A=1\nB: 2"]);
    sandbox.fails(2, &["commit", "--branch", "a..b"]);
}

#[test]
fn diff_has_the_exit_codes_of_git_and_terraform() {
    let sandbox = Sandbox::new();
    let stderr = sandbox.fails(2, &["diff"]);
    assert!(stderr.contains("git repository"), "{stderr}");
    let repository = sandbox.repository();
    sandbox.ok(&["render"]);
    sandbox.write("gitops/foreign.yaml", "kind: ConfigMap\napiVersion: v1\nmetadata:\n  name: mine\n");
    let base = sandbox.commit(&repository, "rendered");
    for flag in ["--exit-code", "--detailed-exitcode"] {
        assert_eq!(sandbox.ok(&["diff", flag]).stdout, "No changes.\n");
    }
    sandbox.edit("replicas = 3", "replicas = 4");
    let ran = sandbox.ok(&["diff"]);
    assert!(ran.stdout.contains("replicas: 3 → 4") && !ran.stdout.contains("mine"), "{}", ran.stdout);
    assert!(ran.stdout.ends_with(" to destroy.\n"), "{}", ran.stdout);
    sandbox.fails(1, &["diff", "--exit-code"]);
    sandbox.fails(2, &["diff", "--detailed-exitcode"]);
    // Two revisions, compiled without a checkout; the work tree has no say.
    let head = sandbox.commit(&repository, "more replicas");
    sandbox.edit("replicas = 4", "replicas = \"x\"");
    for range in [format!("{base}..{head}"), format!("{base}.."), format!("{base}...{head}")] {
        assert!(sandbox.ok(&["diff", &range]).stdout.contains("replicas: 3 → 4"), "{range}");
    }
    // An error is never "differs".
    sandbox.fails(1, &["diff"]);
    sandbox.fails(2, &["diff", "--exit-code"]);
    sandbox.fails(1, &["diff", "--detailed-exitcode"]);
    sandbox.fails(1, &["diff", "nowhere", "--detailed-exitcode"]);
    sandbox.fails(1, &["diff", "--detailed-exitcode", "--no-such-flag"]);
    sandbox.fails(2, &["diff", "--no-such-flag"]);
}

/// T41: a revision is data, whatever it looks like.
#[test]
fn t41_revisions_are_data() {
    let sandbox = Sandbox::new();
    sandbox.repository();
    for revision in ["--output=x", "-h", "@{-1}", ":/first", "HEAD^{/first", "a\nb", "%0a", "\u{1b}[31m"] {
        let stderr = sandbox.fails(2, &["diff", "--", revision]);
        assert!(stderr.starts_with("error: ") && !stderr.contains('\u{1b}'), "{revision:?}: {stderr}");
        assert!(!stderr.contains("a\nb"), "{stderr}");
    }
    assert_eq!(sandbox.files().len(), 1);
}

/// T35: nothing that a repository plants is ever run.
#[cfg(unix)]
#[test]
fn t35_no_planted_program_runs() {
    use std::os::unix::fs::PermissionsExt as _;
    let sandbox = Sandbox::new();
    let repository = sandbox.repository();
    sandbox.ok(&["render"]);
    sandbox.write(".gitattributes", "* filter=evil diff=evil\n");
    sandbox.commit(&repository, "rendered");
    let canary = sandbox.path().join(".git/canary");
    let script = sandbox.path().join(".git/evil.sh");
    fs::write(&script, format!("#!/bin/sh\ntouch '{}'\n", canary.display())).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let evil = script.to_str().unwrap();
    let mut config = repository.config().unwrap();
    for key in ["core.fsmonitor", "core.pager", "core.sshCommand", "core.editor", "gpg.program", "credential.helper"] {
        config.set_str(key, evil).unwrap();
    }
    for key in ["filter.evil.clean", "filter.evil.smudge", "filter.evil.process", "diff.external", "diff.evil.textconv"]
    {
        config.set_str(key, evil).unwrap();
    }
    config.set_str("alias.diff", &format!("!{evil}")).unwrap();
    for hook in
        ["pre-commit", "commit-msg", "post-commit", "post-index-change", "reference-transaction", "post-checkout"]
    {
        fs::create_dir_all(sandbox.path().join(".git/hooks")).unwrap();
        fs::copy(&script, sandbox.path().join(".git/hooks").join(hook)).unwrap();
    }
    sandbox.edit("replicas = 3", "replicas = 4");
    for arguments in
        [&["check"][..], &["diff"], &["diff", "HEAD..HEAD"], &["render", "-o", "-"], &["render"], &["commit"]]
    {
        sandbox.ok(arguments);
        assert!(!canary.exists(), "{arguments:?} ran a planted program");
    }
}
