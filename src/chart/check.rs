//! Values against facts: which values the chart never reads, and which have the wrong type.
//!
//! The values come as they would be given to Helm; the chart's defaults need not be among them.

use crate::manifest::value::Value;

use super::facts::{ChartFacts, Id, Kind, Node, Shape};
use super::near::near;

/// A value that the chart does not take as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// No template or schema of the chart knows this key.
    Unknown {
        path: Vec<String>,
        /// Full dotted paths that may have been meant, best first; a literal dot in a key is written `\.`.
        near: Vec<String>,
        /// The chart's own schema refuses the key: Helm fails instead of ignoring it.
        closed: bool,
    },
    /// The value's type is not what the chart takes.
    Type {
        path: Vec<String>,
        expected: String,
        found: &'static str,
        /// Whether only the default says so: a template may make something of another type.
        by_default: bool,
    },
    /// Not one of the allowed values.
    Enum { path: Vec<String>, allowed: Vec<String>, found: String },
}

impl Problem {
    /// Returns the keys that lead to the value; the third item of a list is `[2]`.
    pub fn path(&self) -> &[String] {
        match self {
            Self::Unknown { path, .. } | Self::Type { path, .. } | Self::Enum { path, .. } => path,
        }
    }
}

impl ChartFacts {
    /// Returns all problems of the values, in the order of the values.
    pub fn check(&self, values: &Value) -> Vec<Problem> {
        let mut walk = Walk { facts: self, path: Vec::new(), problems: Vec::new() };
        walk.value(self.tree.root, values);
        walk.problems
    }
}

struct Walk<'a> {
    facts: &'a ChartFacts,
    path: Vec<String>,
    problems: Vec<Problem>,
}

impl Walk<'_> {
    fn value(&mut self, id: Id, value: &Value) {
        // To Helm null means "drop this default", whatever its type.
        if *value == Value::Null {
            return;
        }
        let node = self.facts.tree.node(id);
        let named = || self.path.last().is_some_and(|key| takes_names(key));
        if !(admits(node.shape, value) || node.shape == Shape::Number && named()) {
            let found = match value {
                Value::Str(s) if &**s == "true" || &**s == "false" => "quoted string",
                other => other.type_name(),
            };
            let by_default = node.shape == Shape::Number;
            let path = self.path.clone();
            self.problems.push(Problem::Type { path, expected: expected(node.shape), found, by_default });
            return;
        }
        match value {
            Value::Map(map) => {
                for (key, value) in map {
                    self.path.push(key.to_string());
                    self.entry(node, key, value);
                    self.path.pop();
                }
            }
            Value::List(list) => {
                for (at, item) in list.iter().enumerate() {
                    let Some(items) = node.items else { break };
                    self.path.push(format!("[{at}]"));
                    self.value(items, item);
                    self.path.pop();
                }
            }
            scalar => self.choice(node, scalar),
        }
    }

    fn entry(&mut self, node: &Node, key: &str, value: &Value) {
        if let Some(kid) = node.kid(key).or(node.values) {
            self.value(kid, value);
        } else if node.kind != Kind::Open || looks_misspelt(node, key) {
            let near = near(&self.facts.tree, &self.path, value);
            let closed = node.kind == Kind::Closed;
            self.problems.push(Problem::Unknown { path: self.path.clone(), near, closed });
        }
    }

    fn choice(&mut self, node: &Node, value: &Value) {
        let Some(allowed) = node.allowed else { return };
        let found = text(value);
        if !allowed.split('|').any(|choice| choice == found) {
            let allowed = allowed.split('|').map(str::to_owned).collect();
            self.problems.push(Problem::Enum { path: self.path.clone(), allowed, found });
        }
    }
}

/// Says whether a key of an open map is all but one that the chart reads by name.
///
/// Keys that are plural, numbered or in capitals (environment variables) come in look-alikes on purpose.
fn looks_misspelt(node: &Node, key: &str) -> bool {
    let plain =
        |key: &str| key.len() >= 6 && key.chars().all(char::is_alphanumeric) && key.chars().any(char::is_lowercase);
    let letters = |key: &str| key.trim_end_matches('s').trim_matches(|c: char| c.is_ascii_digit()).to_owned();
    plain(key)
        && node
            .kids
            .iter()
            .any(|(kid, _)| plain(kid) && letters(kid) != letters(key) && strsim::damerau_levenshtein(kid, key) <= 1)
}

fn text(value: &Value) -> String {
    match value {
        Value::Bool(b) => b.to_string(),
        Value::Int(i) => i.to_string(),
        Value::Float(f) => f.to_string(),
        Value::Str(s) => s.to_string(),
        Value::Null | Value::List(_) | Value::Map(_) => String::new(),
    }
}

/// Says whether a number may have a name instead: ports (core/v1, `IntOrString`), levels.
fn takes_names(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    ["port", "level", "verbosity", "policy"].iter().any(|word| key.ends_with(word))
}

/// Says whether a value of this type will do.
fn admits(shape: Shape, value: &Value) -> bool {
    let scalar = !matches!(value, Value::List(_) | Value::Map(_));
    match shape {
        Shape::Any => true,
        Shape::Scalar => scalar,
        // `"3"`, `25%` and `30s` are made of numbers too, and what a template fills in may be one.
        Shape::Number => match value {
            Value::Str(text) => {
                text.is_empty()
                    || text.contains("{{")
                    || text.starts_with(|c: char| c.is_ascii_digit() || "+-.$".contains(c))
            }
            Value::Bool(_) => false,
            _ => scalar,
        },
        // Templates ask `if .Values.x`, and to them the string "false" is true.
        Shape::Bool => scalar && !matches!(value.as_str(), Some("true" | "false")),
        Shape::Quoted => scalar && !matches!(value, Value::Bool(_)),
        Shape::List => matches!(value, Value::List(_)),
        Shape::Map => matches!(value, Value::Map(_)),
        Shape::Exactly(names) => names.split('|').any(|name| match (name, value) {
            ("number", Value::Int(_) | Value::Float(_)) => true,
            // JSON has one number type: 3.0 is an integer.
            ("integer", Value::Float(f)) => f.fract() == 0.0,
            (name, value) => name == value.type_name(),
        }),
    }
}

fn expected(shape: Shape) -> String {
    match shape {
        Shape::Any => "anything".into(),
        Shape::Scalar => "string, number or boolean".into(),
        Shape::Number => "number".into(),
        Shape::Bool => "boolean".into(),
        Shape::Quoted => "quoted string".into(),
        Shape::List => "list".into(),
        Shape::Map => "map".into(),
        Shape::Exactly(names) => match names.rsplit_once('|') {
            Some((first, last)) => format!("{} or {last}", first.replace('|', ", ")),
            None => names.into(),
        },
    }
}
