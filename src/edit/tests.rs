//! Texts before and after.

use super::*;
use crate::world::memory::MemoryWorld;

fn set(text: &str, path: &str, value: &str) -> String {
    let world: MemoryWorld = [("platform.toml", text.as_bytes())].into_iter().collect();
    let written = Written::read(&world, "platform.toml").expect("valid TOML");
    let path: Vec<&str> = path.split('/').collect();
    match written.set(&path, value) {
        Ok(Some(change)) => change.new,
        Ok(None) => "equal".into(),
        Err(refusal) => format!("{refusal:?}"),
    }
}

#[test]
fn only_the_bytes_of_the_value_change() {
    for (before, after) in [
        ("[components.a]\nimage = \"x:1\"  # CI\n", "[components.a]\nimage = \"x:2\"  # CI\n"),
        ("[components.a]\r\nimage = 'x:1'\r\nhost='h'\r\n", "[components.a]\r\nimage = 'x:2'\r\nhost='h'\r\n"),
        (
            "[components]\na = { image = \"x:1\", host = \"h\" }\n",
            "[components]\na = { image = \"x:2\", host = \"h\" }\n",
        ),
        ("components.a.image=\"\"\"x:1\"\"\"", "components.a.image=\"x:2\""),
        ("[components]\n\"a\".'image' = \"x:1\"", "[components]\n\"a\".'image' = \"x:2\""),
    ] {
        assert_eq!(set(before, "components/a/image", "x:2"), after);
        assert_eq!(set(after, "components/a/image", "x:2"), "equal");
    }
}

#[test]
fn a_missing_key_is_added_beside_its_neighbours() {
    for (before, after) in [
        (
            "[components.a]\n  host = \"h\"  # why\n\n# next\n[x]\n",
            "[components.a]\n  host = \"h\"  # why\n  image = \"x:2\"\n\n# next\n[x]\n",
        ),
        ("[components.a]\n[x]\n", "[components.a]\nimage = \"x:2\"\n[x]\n"),
        ("[components.a]", "[components.a]\nimage = \"x:2\"\n"),
        ("[components]\na = {}\n", "[components]\na = { image = \"x:2\" }\n"),
        ("[components]\na = { host = \"h\" } # c\n", "[components]\na = { host = \"h\", image = \"x:2\" } # c\n"),
        ("[components]\na = { pods.m.replicas = 1 }\n", "[components]\na = { pods.m.replicas = 1, image = \"x:2\" }\n"),
        ("[components]\na.host = \"h\"\nb = {}\n", "[components]\na.host = \"h\"\na.image = \"x:2\"\nb = {}\n"),
        (
            "components.a.list = [\n  \"[x]\",\n]\ny = 1\n",
            "components.a.list = [\n  \"[x]\",\n]\ncomponents.a.image = \"x:2\"\ny = 1\n",
        ),
        (
            "[components.a.pods.m]\nreplicas = 1\n",
            "[components.a.pods.m]\nreplicas = 1\n\n[components.a]\nimage = \"x:2\"\n",
        ),
        (
            "t = '''\n[components.a]\n'''\n[components.b]\n",
            "t = '''\n[components.a]\n'''\n[components.b]\n\n[components.a]\nimage = \"x:2\"\n",
        ),
        ("", "[components.a]\nimage = \"x:2\"\n"),
    ] {
        assert_eq!(set(before, "components/a/image", "x:2"), after, "{before}");
    }
}

#[test]
fn an_environment_gets_the_key_in_its_own_table() {
    let text = "[components.a]\nimage = \"x:1\"\n[environments.dev]\ndisable = [\"b\"]\n";
    let after = set(text, "environments/dev/components/a/image", "x:2");
    assert_eq!(after, format!("{text}components.a.image = \"x:2\"\n"));
}

#[test]
fn what_is_no_string_is_left_alone() {
    assert!(set("[components.a]\nimage = { tag = \"1\" }\n", "components/a/image", "x").starts_with("NotText"));
    assert!(set("[components]\na = 1\n", "components/a/image", "x").starts_with("NoPlace"));
}

#[test]
fn no_text_leaves_its_quotes() {
    for value in ["a\"b", "a\\b", "a\nb", "a'b", "\u{7f}", "é", "\u{1b}"] {
        for before in ["image = \"x\"\n", "image = 'x'\n", "y = 1\n"] {
            let after = set(&format!("[components.a]\n{before}"), "components/a/image", value);
            let table = read(&after).expect("valid TOML");
            assert_eq!(node_at(&table, &["components", "a", "image"]).and_then(Node::as_str), Some(value));
        }
    }
}

#[test]
fn the_file_that_holds_the_component_is_the_one_that_changes() {
    let main = "include = [\"more/*.toml\"]\n[components]\nb = {}\n";
    let world: MemoryWorld = [("platform.toml", main), ("more/a.toml", "[components.a]\nhost = \"h\"\n")]
        .map(|(p, t)| (p, t.as_bytes()))
        .into_iter()
        .collect();
    let written = Written::read(&world, "platform.toml").expect("valid TOML");
    let change = written.set(&["components", "a", "image"], "x:2").expect("a place").expect("a change");
    assert_eq!((change.file.as_str(), change.line), ("more/a.toml", 3));
}
