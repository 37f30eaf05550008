//! What the README shows is what the program prints.

use std::process::Command;

const README: &str = include_str!("../../README.md");

fn lakegen(folder: &std::path::Path, arguments: &[&str]) -> (String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_lakegen"))
        .args(arguments)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .output()
        .expect("the program was built for this test");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("lakegen prints UTF-8");
    (text(output.stdout), text(output.stderr))
}

#[test]
fn the_result_of_the_first_command_is_real() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let out = tempfile::tempdir().expect("a temporary folder");
    let folder = out.path().join("out");
    let folder = folder.to_str().expect("a plain path");
    let (stdout, stderr) = lakegen(root, &["render", "-o", folder]);
    let printed = format!("{stdout}{stderr}").replace(folder, "out");
    let wanted: Vec<&str> = printed.lines().filter(|line| !line.contains("cannot be")).collect();
    assert!(wanted.len() > 4, "{printed}");
    for line in wanted {
        assert!(README.lines().any(|shown| shown == line), "the README does not show `{line}`");
    }
}

#[test]
fn the_mistake_is_real() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let platform = "lakegen = \"1\"\n[platform]\nname = \"lake\"\ndomain = \"example.com\"\nengine = \"argocd\"\n\
        [git]\nurl = \"https://git.example.com/acme/lake.git\"\n[secrets]\nprovider = \"vault\"\nat = \"https://vault.example.com\"\n\
        [external]\ns3 = { provides = \"bucket\", endpoint = \"https://s3.example.com\", host = \"s3.example.com\", port = 443 }\n\
        [components]\nnessie = { warehouse = \"warehouse\" }\n\n[buckets]\nwarehouse = {}\n";
    std::fs::write(folder.path().join("platform.toml"), platform).expect("a writable folder");
    let (_, stderr) = lakegen(folder.path(), &["check"]);
    let error = stderr.split("\n\n").next().unwrap_or_default().trim_end();
    assert!(README.contains(error), "the README does not show:\n{error}");
}
