//! Commands that answer, and those that change one value: what they write, and that they write nothing else.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use crate::sandbox::Sandbox;

#[test]
fn only_the_value_changes_on_disk() {
    let sandbox = Sandbox::new();
    let before = sandbox.read("platform.toml");
    sandbox.ok(&["image", "set", "one", "registry.example.com/one:1.1"]);
    assert_eq!(sandbox.read("platform.toml"), before.replace("one:1.0", "one:1.1"));
    sandbox.ok(&["image", "set", "one", "registry.example.com/one:1.2", "-e", "dev"]);
    let after = sandbox.read("platform.toml");
    assert!(after.ends_with("components.one.image = \"registry.example.com/one:1.2\"\n"), "{after}");
    sandbox.ok(&["check"]);
    assert_eq!(sandbox.files().len(), 1, "no other file");
}

#[test]
fn a_bad_value_and_a_dry_run_write_nothing() {
    let sandbox = Sandbox::new();
    let before = sandbox.files();
    sandbox.fails(1, &["image", "set", "one", "no images"]);
    sandbox.fails(2, &["image", "set", "tow", "registry.example.com/two:2"]);
    sandbox.fails(2, &["chart", "set", "one", "1.0.0"]);
    let ran = sandbox.ok(&["image", "set", "two", "registry.example.com/two:2", "--dry-run"]);
    assert!(ran.stdout.contains("+two = { uses = \"app\", image = \"registry.example.com/two:2\" }"), "{}", ran.stdout);
    sandbox.ok(&["image", "set", "two", "registry.example.com/two:1.0"]);
    assert_eq!(sandbox.files(), before);
}

#[test]
fn writers_at_once_all_land() {
    let sandbox = Sandbox::new();
    let set = |name: &str| {
        let image = format!("registry.example.com/{name}:2.0");
        let mut command = sandbox.command(&["image", "set", name, &image]);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    for mut child in [set("one"), set("two")] {
        assert!(child.wait().unwrap().success());
    }
    let after = sandbox.read("platform.toml");
    assert!(after.contains("one:2.0") && after.contains("two:2.0"), "{after}");
}

#[test]
fn an_image_of_an_included_file_changes_there() {
    let sandbox = Sandbox::new();
    sandbox.edit("lakegen = \"1\"\n", "lakegen = \"1\"\ninclude = [\"team/*.toml\"]\n");
    sandbox.write(
        "team/three.toml",
        "\u{feff}# ours\r\n[components.three]\r\nuses = \"app\"\r\nimage = 'x.example.com/three:1'\r\n",
    );
    sandbox.ok(&["image", "set", "three", "x.example.com/three:2"]);
    let wanted = "\u{feff}# ours\r\n[components.three]\r\nuses = \"app\"\r\nimage = 'x.example.com/three:2'\r\n";
    assert_eq!(sandbox.read("team/three.toml"), wanted);
}

/// The script asks, gives the answers to the store through a pipe, and leaves alone what is there.
#[test]
fn the_commands_ask_for_values_and_hold_none() {
    if std::process::Command::new("jq").arg("--version").output().is_err() {
        println!("skipped: there is no jq");
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.edit(
        "[components]\n",
        "[secrets]\nprovider = \"vault\"\nat = \"https://vault.example.com\"\n[components]\nexternal-secrets = {}\n",
    );
    sandbox.edit(
        "two = { uses = \"app\", ",
        "two = { uses = \"app\", secrets.it = { keys = { a = \"${item.a}\", b = \"${item.b}\" } }, ",
    );
    let script = sandbox.ok(&["secrets", "-e", "dev", "--format", "commands"]).stdout;
    sandbox.write("make.sh", &script);
    sandbox.write(
        "bin/vault",
        "#!/bin/sh\necho \"$@\" >>calls\n[ \"$2\" = put ] && cat >>stored\n[ \"$2\" = put ] || [ -e there ]\n",
    );
    let path = sandbox.path().join("bin/vault");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let run = |answers: &str| {
        use std::io::Write as _;
        let found = std::env::var("PATH").unwrap_or_default();
        let bin = sandbox.path().join("bin");
        let mut child = std::process::Command::new("sh")
            .arg("make.sh")
            .current_dir(sandbox.path())
            .env("PATH", format!("{}:{found}", bin.display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(answers.as_bytes()).unwrap();
        child.wait().unwrap().success()
    };
    assert!(run("it's \"$(id)\" \\n\n@platform.toml\n"), "{script}");
    let stored: serde_json::Value = serde_json::from_str(&sandbox.read("stored")).unwrap();
    assert_eq!(stored["a"], "it's \"$(id)\" \\n");
    assert_eq!(stored["b"], sandbox.read("platform.toml").trim_end());
    let calls = sandbox.read("calls");
    assert!(calls.contains("kv put -cas=0 -mount=kv two/it -") && !calls.contains("id"), "{calls}");
    sandbox.write("there", "");
    assert!(run(""), "what is there is left alone");
    assert!(!run_without_file(&sandbox, &script), "a script from a pipe would read itself");
}

fn run_without_file(sandbox: &Sandbox, script: &str) -> bool {
    use std::io::Write as _;
    let mut child = std::process::Command::new("sh")
        .current_dir(sandbox.path())
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _ = child.stdin.take().unwrap().write_all(script.as_bytes());
    child.wait().unwrap().success()
}
