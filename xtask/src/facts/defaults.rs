//! A chart's `values.yaml` → tree: the shape of each default, never the default itself.

use serde_yaml::Value;

use super::tree::{Kind, Like, Node, Shape};

/// Returns what the default values tell: an empty or absent default takes anything.
pub fn read(value: &Value) -> Node {
    match value {
        Value::Null => Node::open(),
        Value::Bool(_) => like(Like::Bool),
        Value::Number(_) => like(Like::Number),
        Value::String(s) if s == "true" || s == "false" => like(Like::Quoted),
        // Without quotes Helm's YAML 1.1 reader takes these for booleans; the quotes are gone here.
        Value::String(s) if matches!(s.as_str(), "yes" | "no" | "on" | "off") => Node::new(Shape::Any, Kind::Undecided),
        Value::String(_) => like(Like::Scalar),
        Value::Sequence(list) if list.is_empty() => Node::open(),
        Value::Sequence(_) => like(Like::List),
        Value::Mapping(map) if map.is_empty() => Node::open(),
        Value::Mapping(map) => {
            let mut node = Node::new(Shape::Like(Like::Map), Kind::Undecided);
            node.kids = map.iter().map(|(key, value)| (key_text(key), read(value))).collect();
            node
        }
        Value::Tagged(tagged) => read(&tagged.value),
    }
}

fn like(like: Like) -> Node {
    Node::new(Shape::Like(like), Kind::Undecided)
}

/// Returns a key as Helm sees it: a string, whatever YAML takes it for.
fn key_text(key: &Value) -> String {
    match key {
        Value::String(s) => s.clone(),
        Value::Bool(b) => b.to_string(),
        Value::Number(n) => n.to_string(),
        other => format!("{other:?}"),
    }
}
