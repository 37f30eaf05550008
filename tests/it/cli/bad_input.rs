//! Input that is broken, hostile or too large: a clear error, and nothing is written.

use std::time::Instant;

use crate::sandbox::{PLATFORM, Sandbox};

/// T28: a newer file is not misread.
#[test]
fn t28_newer_files_need_a_newer_lakegen() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["render"]);
    sandbox.edit("lakegen = \"1\"", "lakegen = \"9\"");
    let before = sandbox.files();
    sandbox.fails(2, &["render"]);
    sandbox.write("platform.toml", PLATFORM);
    sandbox.write("gitops/.lakegen/index.json", "{\"format\": 99, \"lakegen\": \"9.1.0\", \"files\": {}}");
    let stderr = sandbox.fails(2, &["render"]);
    assert!(stderr.contains("needs lakegen >= 9.1.0"), "{stderr}");
    assert_eq!(sandbox.files().len(), before.len());
}

/// T42: names from a repository act on no terminal and no CI log.
#[test]
fn t42_names_are_shown_escaped() {
    let sandbox = Sandbox::new();
    sandbox.write("platform.toml", format!("{PLATFORM}\n[\"\\u001b[31m\\u202e::error::x ##[y]\"]\n"));
    for format in ["full", "concise", "json"] {
        let ran = sandbox.run(&["check", "--output-format", format]);
        let all = format!("{}{}", ran.stdout, ran.stderr);
        assert_eq!(ran.code, Some(1), "{all}");
        assert!(!all.contains('\u{1b}') && !all.contains('\u{202e}'), "{format}: {all:?}");
        assert!(!all.lines().any(|line| line.trim_start().starts_with("::")), "{format}: {all}");
    }
}

/// T43: what is not UTF-8 text is a finding.
#[test]
fn t43_other_encodings_are_findings() {
    let utf16: Vec<u8> = PLATFORM.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for bytes in [b"name = \"caf\xe9\"\n".to_vec(), utf16, b"a = \"\0\"\n".to_vec(), b"a = \"\xed\xa0\x80\"\n".to_vec()]
    {
        let sandbox = Sandbox::new();
        sandbox.write("platform.toml", &bytes);
        let stderr = sandbox.fails(1, &["render"]);
        assert!(stderr.contains("platform.toml"), "{stderr}");
        assert_eq!(sandbox.files().len(), 1);
    }
}

/// T46: the ends of lines and a byte order mark change nothing.
#[test]
fn t46_crlf_and_bom_change_nothing() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["render"]);
    sandbox.write("platform.toml", format!("\u{feff}{}", PLATFORM.replace('\n', "\r\n")));
    sandbox.ok(&["render", "--check"]);
    for (path, bytes) in sandbox.files() {
        if path.starts_with("gitops") {
            assert!(!bytes.contains(&b'\r'), "{}", path.display());
            sandbox.write(path.to_str().unwrap(), String::from_utf8(bytes).unwrap().replace('\n', "\r\n"));
        }
    }
    sandbox.ok(&["render", "--check"]);
}

/// T48: depth and size end in a finding, soon.
#[test]
fn t48_deep_and_large_toml_is_a_finding() {
    let deep = 100_000;
    for text in [
        format!("a = {}{}\n", "[".repeat(deep), "]".repeat(deep)),
        format!("a = {}1{}\n", "{ b = ".repeat(deep), " }".repeat(deep)),
        format!("{}c = 1\n", "a.".repeat(deep)),
        format!("[{}c]\n", "a.".repeat(deep)),
        format!("a = {}\n", "9".repeat(1000)),
        "a = 1\na = 2\n".to_owned(),
        "x = \"".to_owned() + &"y".repeat(9 << 20) + "\"\n",
    ] {
        let sandbox = Sandbox::new();
        sandbox.write("platform.toml", &text);
        let start = Instant::now();
        let stderr = sandbox.fails(1, &["check"]);
        assert!(stderr.contains("error[") && stderr.len() < 20_000, "{}", &stderr[..200]);
        // A second on an idle machine; debug builds on a busy one get more.
        assert!(start.elapsed().as_secs() < 20, "{:?} for {}", start.elapsed(), &text[..20]);
    }
}

/// T51: a template that asks for more memory than there should be ends the run, with its name.
#[test]
fn t51_memory_bombs_end_with_a_finding() {
    let double = "{% set x = x ~ x %}".repeat(40);
    for bomb in [
        format!("{{% set x = \"aaaaaaaa\" %}}{double}a: {{{{ x }}}}\n"),
        "{% set x = \"a\" * 4000000000 %}a: {{ x }}\n".to_owned(),
        "{% set x = \"a\" * 100000000 %}a: {{ x | replace(\"a\", x) }}\n".to_owned(),
        "{% set x = \"a\\n\" * 40000000 %}a: {{ x | indent(100) }}\n".to_owned(),
        "{% set x = \"%1000000000d\" % 1 %}a: {{ x }}\n".to_owned(),
        "{% set x = \"a\" * 90000000 %}a: {{ [x, x, x, x, x, x, x, x, x, x, x, x] | join(x) }}\n".to_owned(),
        "{% for i in range(100000000) %}- aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n{% endfor %}".to_owned(),
    ] {
        let sandbox = Sandbox::new();
        sandbox.write("lakegen/bomb/component.toml", "summary = \"A bomb\"\ntier = \"app\"\nnamespace = \"bomb\"\n");
        sandbox.write("lakegen/bomb/release/bomb.yaml.j2", &bomb);
        sandbox.edit("[components]\n", "[components]\nbomb = {}\n");
        let stderr = sandbox.fails(1, &["render"]);
        assert!(stderr.contains("error[template-"), "{}: {stderr}", &bomb[..40]);
        assert!(stderr.contains("bomb/release/bomb.yaml.j2"), "{}: {stderr}", &bomb[..40]);
        assert!(!sandbox.path().join("gitops").exists());
    }
}
