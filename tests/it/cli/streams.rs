//! Stdout, stderr and colour.

use std::process::Stdio;

use serde::Deserialize as _;

use crate::sandbox::{Sandbox, ran};

#[test]
fn the_stream_holds_whole_objects() {
    let sandbox = Sandbox::new();
    sandbox.edit("two = {", "two = { uses = \"app\", image = \"registry.example.com/x:1\" }\nthree = {");
    let all = sandbox.ok(&["render", "-o", "-"]);
    assert_eq!(sandbox.files().len(), 1, "nothing is written");
    let mut replicas = vec![];
    for document in serde_yaml::Deserializer::from_str(&all.stdout) {
        let object = serde_yaml::Value::deserialize(document).unwrap();
        for key in ["apiVersion", "kind"] {
            assert!(object[key].is_string(), "{object:?}");
        }
        assert!(object["metadata"]["name"].is_string(), "{object:?}");
        assert_ne!(object["kind"], "Kustomization");
        if object["kind"] == "Deployment" && object["metadata"]["name"] == "one" {
            assert!(
                object["spec"]["template"]["spec"]["containers"][0]["image"].is_string(),
                "only a part: {object:?}"
            );
            replicas.push(object["spec"]["replicas"].as_i64());
        }
    }
    assert_eq!(replicas, [Some(1), Some(3)]);
    let dev = sandbox.ok(&["render", "-o", "-", "-e", "dev"]).stdout;
    assert!(dev.len() < all.stdout.len() && !dev.contains("# prod: "), "{dev}");
    assert!(dev.contains("kind: Application\n") && dev.contains("kind: AppProject\n"), "{dev}");
}

#[test]
fn findings_are_data_only_for_programs() {
    let sandbox = Sandbox::new();
    sandbox.edit("[components]", "[componentss]");
    let full = sandbox.run(&["check"]);
    assert_eq!((full.code, full.stdout.as_str()), (Some(1), ""));
    assert!(full.stderr.contains("error[unknown-key]") && full.stderr.contains("`components`"), "{}", full.stderr);
    let json = sandbox.run(&["check", "--output-format", "json", "-q"]);
    let parsed: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert!(parsed.to_string().contains("unknown-key") && json.stderr.is_empty(), "{}", json.stderr);
    let concise = sandbox.run(&["validate", "--output-format", "concise"]);
    assert!(concise.stdout.contains("platform.toml:7:2: error[unknown-key] "), "{}", concise.stdout);
    assert_eq!(sandbox.run(&["check", "--exit-zero"]).code, Some(0));
}

/// T83: a reader that went away is a normal end.
#[test]
fn t83_a_closed_pipe_is_a_normal_end() {
    let sandbox = Sandbox::new();
    let commands: [&[&str]; 6] = [
        &["render", "-o", "-"],
        &["catalog", "list"],
        &["schema"],
        &["explain"],
        &["--help"],
        &["completions", "bash"],
    ];
    for arguments in commands {
        let mut child = sandbox.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let ran = ran(&child.wait_with_output().unwrap());
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{arguments:?}");
    }
}

/// T84: lost output is never success.
#[cfg(target_os = "linux")]
#[test]
fn t84_a_full_disk_behind_stdout_is_an_error() {
    let sandbox = Sandbox::new();
    for arguments in
        [&["render", "-o", "-"][..], &["catalog", "list"], &["schema"], &["-h"], &["--version"], &["version"]]
    {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let ran = ran(&sandbox.command(arguments).stdout(full).output().unwrap());
        assert_eq!(ran.code, Some(2), "{arguments:?}");
        assert_eq!(ran.stderr, "error: cannot write to stdout: no space left on device\n", "{arguments:?}");
    }
}

/// T85: no terminal, no colour; the flag wins over everything.
#[test]
fn t85_colour_is_only_for_terminals() {
    let sandbox = Sandbox::new();
    sandbox.edit("[components]", "[componentss]");
    assert!(!sandbox.run(&["check"]).stderr.contains('\u{1b}'));
    assert!(sandbox.run(&["check", "--color", "always"]).stderr.contains('\u{1b}'));
    let with = |name: &str, value: &str| ran(&sandbox.command(&["check"]).env(name, value).output().unwrap()).stderr;
    assert!(with("CLICOLOR_FORCE", "1").contains('\u{1b}'));
    assert!(!with("CI", "true").contains('\u{1b}'));
}

/// T81 in part: no home, no PATH, no other variable is needed; every test here runs in an empty environment.
#[test]
fn t81_an_empty_environment_is_enough() {
    let sandbox = Sandbox::new();
    sandbox.repository();
    for arguments in [&["check"][..], &["diff"], &["render", "-o", "-"]] {
        sandbox.ok(arguments);
    }
}

#[test]
fn quiet_and_verbose() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.ok(&["render", "-q"]).stderr, "");
    let stderr = sandbox.ok(&["render", "-v"]).stderr;
    for stage in ["parse", "resolve", "lower", "check", "emit", "write"] {
        assert!(stderr.contains(&format!(" {stage} ")) || stderr.starts_with(stage), "{stderr}");
    }
    sandbox.fails(2, &["render", "-q", "-v"]);
}
