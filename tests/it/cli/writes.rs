//! `render` and `init`: what is written, what is not, and what stops them.

use std::fs;

use crate::sandbox::Sandbox;

/// T24: nothing changed, so nothing is written.
#[test]
fn t24_second_render_writes_nothing() {
    let sandbox = Sandbox::new();
    let first = sandbox.ok(&["render"]);
    assert!(first.stderr.starts_with("wrote ") && first.stdout.is_empty(), "{}", first.stderr);
    let times = |sandbox: &Sandbox| -> Vec<_> {
        let paths: Vec<_> = sandbox.files().into_keys().collect();
        paths.iter().map(|p| fs::metadata(sandbox.path().join(p)).unwrap().modified().unwrap()).collect()
    };
    let before = times(&sandbox);
    let second = sandbox.ok(&["render"]);
    assert!(second.stderr.starts_with("`gitops` is up to date"), "{}", second.stderr);
    assert_eq!(times(&sandbox), before);
    sandbox.ok(&["render", "--check"]);
}

/// T10: an error in the last environment leaves everything as it was.
#[test]
fn t10_an_error_writes_nothing() {
    let sandbox = Sandbox::new();
    sandbox.write("platform.toml", crate::sandbox::PLATFORM.replace("replicas = 1", "replicas = \"x\""));
    let stderr = sandbox.fails(1, &["render"]);
    assert!(stderr.contains("platform.toml:"), "{stderr}");
    assert_eq!(sandbox.files().len(), 1);
    sandbox.write("platform.toml", crate::sandbox::PLATFORM);
    sandbox.ok(&["render"]);
    sandbox.edit("replicas = 3", "replicas = 5");
    sandbox.edit("replicas = 1\n", "replicas = \"x\"\n");
    let before = sandbox.files();
    sandbox.fails(1, &["render"]);
    assert_eq!(sandbox.files(), before);
}

/// T89: an edit by hand is shown and kept until somebody says otherwise.
#[test]
fn t89_a_hand_edit_stops_the_run() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["render"]);
    let edited = format!("{}edited by hand\n", sandbox.read("gitops/PLATFORM.md"));
    sandbox.write("gitops/PLATFORM.md", &edited);
    sandbox.edit("replicas = 3", "replicas = 4");
    let before = sandbox.files();
    let stderr = sandbox.fails(3, &["render"]);
    assert!(stderr.contains("+edited by hand") && stderr.contains("--overwrite"), "{stderr}");
    assert_eq!(sandbox.files(), before);
    let stderr = sandbox.fails(1, &["render", "--check"]);
    assert!(stderr.contains("edited by hand: PLATFORM.md"), "{stderr}");
    sandbox.ok(&["render", "--overwrite"]);
    assert!(!sandbox.read("gitops/PLATFORM.md").contains("edited by hand"));
}

/// T90: files of others are listed and never touched.
#[test]
fn t90_foreign_files_stay() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["render"]);
    sandbox.write("gitops/argocd/prod/.argocd-source-one.yaml", "mine\n");
    sandbox.edit("replicas = 3", "replicas = 4");
    let ran = sandbox.ok(&["render"]);
    assert!(
        ran.stderr.contains("not written by lakegen, left alone: `argocd/prod/.argocd-source-one.yaml`"),
        "{}",
        ran.stderr
    );
    assert_eq!(sandbox.read("gitops/argocd/prod/.argocd-source-one.yaml"), "mine\n");
}

/// T92: a tree that shrinks a lot needs a word.
#[test]
fn t92_a_shrunken_tree_needs_a_word() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["render"]);
    let before = sandbox.files();
    let short = crate::sandbox::PLATFORM.split("[environments.dev]").next().unwrap();
    let short: String = short.lines().filter(|line| !line.starts_with("two")).map(|line| format!("{line}\n")).collect();
    sandbox.write("platform.toml", &short);
    let stderr = sandbox.fails(3, &["render"]);
    assert!(stderr.contains("--allow-shrink"), "{stderr}");
    assert_eq!(sandbox.files().len(), before.len());
    sandbox.ok(&["render", "--allow-shrink"]);
    assert!(!sandbox.path().join("gitops/argocd/dev").exists());
}

#[test]
fn check_and_dry_run_write_nothing() {
    let sandbox = Sandbox::new();
    let ran = sandbox.ok(&["render", "--dry-run"]);
    assert!(ran.stdout.contains("write gitops/PLATFORM.md\n"), "{}", ran.stdout);
    let stderr = sandbox.fails(1, &["render", "--check"]);
    assert!(stderr.contains("out of date: PLATFORM.md"), "{stderr}");
    assert_eq!(sandbox.files().len(), 1);
}

#[test]
fn one_environment_leaves_the_others_alone() {
    let sandbox = Sandbox::new();
    let stderr = sandbox.fails(2, &["render", "-e", "prodd"]);
    assert!(stderr.contains("did you mean `prod`?"), "{stderr}");
    sandbox.ok(&["render", "-e", "prod"]);
    assert!(sandbox.path().join("gitops/argocd/prod").exists());
    assert!(!sandbox.path().join("gitops/argocd/dev").exists());
    sandbox.ok(&["render", "--check", "-e", "prod"]);
    sandbox.ok(&["render"]);
    // Only what differs in `prod` changes, so `prod` can go first.
    sandbox.edit("replicas = 3", "replicas = 4");
    sandbox.ok(&["render", "-e", "prod"]);
    sandbox.ok(&["render", "--check"]);
    // With one number for both, it moves to the shared base, and `dev` would change unseen.
    sandbox.edit("replicas = 4", "replicas = 1");
    let before = sandbox.files();
    let stderr = sandbox.fails(3, &["render", "-e", "prod"]);
    assert!(stderr.contains("would also change `dev`") && stderr.contains("-e dev"), "{stderr}");
    assert_eq!(sandbox.files(), before);
    sandbox.ok(&["render", "-e", "prod,dev"]);
}

#[test]
fn a_foreign_repository_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.repository();
    let other = tempfile::tempdir().unwrap();
    git2::Repository::init(other.path()).unwrap();
    let output = other.path().join("deep/out");
    let stderr = sandbox.fails(3, &["render", "-o", output.to_str().unwrap()]);
    assert!(stderr.contains("another git repository"), "{stderr}");
    assert!(!other.path().join("deep").exists());
    // A repository inside of this one is another one too, also as the platform's own folder.
    git2::Repository::init(sandbox.path().join("gitops")).unwrap();
    sandbox.fails(3, &["render"]);
    let outside = tempfile::tempdir().unwrap();
    sandbox.ok(&["render", "-o", outside.path().join("out").to_str().unwrap()]);
}

#[test]
fn the_platform_is_found_upwards_to_the_border() {
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.path().join("a/b")).unwrap();
    sandbox.ok(&["-C", "a/b", "check"]);
    sandbox.ok(&["check", "-f", "platform.toml"]);
    let mut command = sandbox.command(&["check", "-C", "a"]);
    let ran = crate::sandbox::ran(&command.env("LAKEGEN_FILE", "nowhere.toml").output().unwrap());
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    git2::Repository::init(sandbox.path().join("a")).unwrap();
    let stderr = sandbox.fails(2, &["-C", "a/b", "check"]);
    assert!(stderr.contains("lakegen init"), "{stderr}");
}

#[test]
fn init_writes_a_platform_that_compiles_and_nothing_over_it() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["init", "new-lake", "--dry-run"]);
    assert!(!sandbox.path().join("new-lake").exists());
    for arguments in [&["init", "new-lake"][..], &["init", "onprem", "--from", "argocd-onprem"]] {
        sandbox.ok(arguments);
        sandbox.ok(&["-C", arguments[1], "check"]);
        let text = sandbox.read(&format!("{}/platform.toml", arguments[1]));
        assert!(text.starts_with("#:schema ./platform.schema.json\n"), "{text}");
    }
    let schema: serde_json::Value = serde_json::from_str(&sandbox.read("new-lake/platform.schema.json")).unwrap();
    assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
    let before = sandbox.files();
    sandbox.fails(3, &["init", "new-lake"]);
    assert_eq!(sandbox.files(), before);
    // The schema can be written anew, but never over something else.
    sandbox.write("new-lake/platform.schema.json", "{\"title\": \"lakegen platform\"}");
    sandbox.ok(&["schema", "-o", "new-lake/platform.schema.json"]);
    assert_eq!(sandbox.files(), before);
    sandbox.fails(3, &["schema", "-o", "platform.toml"]);
    assert_eq!(sandbox.files(), before);
}

/// An unreadable or read-only place is the environment's fault, and says which.
#[cfg(unix)]
#[test]
fn permissions_are_the_environment() {
    use std::os::unix::fs::PermissionsExt as _;
    if crate::sandbox::is_root("permissions_are_the_environment") {
        return;
    }
    let sandbox = Sandbox::new();
    let mode = |path: &str, mode: u32| {
        fs::set_permissions(sandbox.path().join(path), fs::Permissions::from_mode(mode)).unwrap();
    };
    fs::create_dir(sandbox.path().join("locked")).unwrap();
    mode("locked", 0o500);
    let stderr = sandbox.fails(2, &["render", "-o", "locked/out"]);
    assert!(stderr.contains("locked/out") && stderr.contains("permission denied"), "{stderr}");
    mode("locked", 0o700);
    mode("platform.toml", 0o000);
    let stderr = sandbox.fails(2, &["render"]);
    assert!(stderr.contains("platform.toml") && stderr.contains("permission denied"), "{stderr}");
    mode("platform.toml", 0o600);
    sandbox.ok(&["render"]);
    mode("gitops/argocd", 0o000);
    sandbox.fails(2, &["render"]);
    mode("gitops/argocd", 0o700);
    sandbox.ok(&["render", "--check"]);
}
