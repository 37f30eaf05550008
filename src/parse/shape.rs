//! What a table may hold: one description that checks the user's text; the JSON Schema and the reference are made of it too.
//!
//! [`check`] walks nodes beside a [`Shape`] and reports every unknown key, wrong type and malformed string with
//! its place and the nearest right word. Whether a required key is there is asked later, on the merged layers.

use std::sync::Arc;

use indexmap::IndexMap;

use super::node::{Kind, Node, Table};
use super::string;
use super::text::Format;
use super::{INVALID_VALUE, UNKNOWN_KEY, WRONG_TYPE};
use crate::diag::codes::renamed;
use crate::diag::{Diagnostic, like_first, near, quoted_list};
use crate::manifest::value::Value;

/// What a value may be.
#[derive(Clone, Debug)]
pub enum Shape {
    Any,
    Bool,
    Int {
        min: i64,
        max: i64,
    },
    Number,
    Text(Format),
    /// A string matching one of these words.
    Enum(Arc<[String]>),
    List(Arc<Shape>),
    /// A table with keys of the user's choice.
    Map(Format, Arc<Shape>),
    Table(Arc<Keys>),
    /// One of several, chosen by TOML type.
    Either(Arc<[Shape]>),
    /// The table of a component: depends on what `uses` says.
    Component,
    /// The table of a job: depends on its `kind`.
    Job,
    /// Nothing: the key holds for the whole platform and stands at the top.
    Once,
}

/// The keys of a table.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    /// What the table is, for messages: "`[git]`", "component `trino`".
    pub name: String,
    pub keys: IndexMap<String, Key>,
    /// Keys that others of its kind have, with the reason why not here and what to do instead.
    pub refused: IndexMap<String, (String, String)>,
}

/// One key of a table.
#[derive(Clone, Debug)]
pub struct Key {
    pub shape: Shape,
    pub doc: String,
    /// What holds when nobody writes it, where that is always the same.
    pub default: Option<Value>,
    /// When references in it are filled in.
    pub phase: Phase,
    /// Whether it holds for the whole platform, so that no environment and no cluster may have another value.
    pub once: bool,
}

impl Key {
    /// Returns a key without a default, filled in early.
    pub fn new(shape: Shape, doc: impl Into<String>) -> Self {
        Self { shape, doc: doc.into(), default: None, phase: Phase::Early, once: false }
    }
}

/// When the references in a text are filled in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Once for each target, before anything is bound: variables and the names of platform, environment and cluster.
    #[default]
    Early,
    /// As early, and anew for each component that it is about, with that component's names.
    Each,
    /// Once everything is bound: bindings, secrets, hosts, options too.
    Late,
    /// Never: `${…}` is what it says.
    Literal,
}

impl Keys {
    /// Returns an empty table description.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Adds a key.
    #[must_use]
    pub fn key(mut self, name: &str, shape: Shape, doc: &str) -> Self {
        self.keys.insert(name.into(), Key::new(shape, doc));
        self
    }

    /// Gives the key that was added last a default.
    #[must_use]
    pub fn by_default(mut self, default: impl Into<Value>) -> Self {
        self.last(|key| key.default = Some(default.into()));
        self
    }

    /// Says when references in the key that was added last are filled in.
    #[must_use]
    pub fn filled(mut self, phase: Phase) -> Self {
        self.last(|key| key.phase = phase);
        self
    }

    /// Says that the key that was added last cannot differ between targets.
    #[must_use]
    pub fn once(mut self) -> Self {
        self.last(|key| key.once = true);
        self
    }

    /// Changes the description of the table under a key.
    pub fn inside(&mut self, name: &str, change: impl FnOnce(&mut Self)) {
        if let Some(Key { shape: Shape::Table(inner), .. }) = self.keys.get_mut(name) {
            change(Arc::make_mut(inner));
        }
    }

    fn last(&mut self, change: impl FnOnce(&mut Key)) {
        if let Some((_, key)) = self.keys.last_mut() {
            change(key);
        }
    }

    /// Returns it as a shape.
    pub fn shape(self) -> Shape {
        Shape::Table(Arc::new(self))
    }
}

/// Any text.
pub const TEXT: Shape = Shape::Text(Format::Any);

/// Returns a list shape.
pub fn list(of: Shape) -> Shape {
    Shape::List(Arc::new(of))
}

/// Returns a map shape whose keys are DNS labels.
pub fn map(of: Shape) -> Shape {
    Shape::Map(Format::Name, Arc::new(of))
}

/// Returns a map shape with free keys.
pub fn free_map(of: Shape) -> Shape {
    Shape::Map(Format::Any, Arc::new(of))
}

/// Returns a shape that takes one or the other.
pub fn either(of: impl Into<Arc<[Shape]>>) -> Shape {
    Shape::Either(of.into())
}

/// Returns a shape of words.
pub fn words(of: &[&str]) -> Shape {
    Shape::Enum(of.iter().map(|w| (*w).to_string()).collect())
}

/// Returns a string or a list of strings.
pub fn texts(format: Format) -> Shape {
    either([Shape::Text(format), list(Shape::Text(format))])
}

/// An integer of at least 0.
pub const COUNT: Shape = Shape::Int { min: 0, max: i64::MAX };

/// Tells which keys components and jobs take; the catalogue knows.
pub trait Open {
    /// Returns the keys of the component instance `name`, whose table is given; `None` when that was reported or is open.
    fn component(&self, name: &str, table: &Table) -> Option<Arc<Keys>>;
    /// Returns the keys of the job `name`.
    fn job(&self, name: &str, table: &Table) -> Option<Arc<Keys>>;
}

/// Checks a table against its keys.
pub fn check_table(table: &Table, keys: &Keys, open: &dyn Open, found: &mut Vec<Diagnostic>) {
    for (name, entry) in table {
        match keys.keys.get(&**name) {
            Some(key) => check(name, &entry.node, &key.shape, open, found),
            None => found.push(unknown_key(name, entry.key, keys)),
        }
    }
}

fn unknown_key(name: &str, at: crate::diag::Span, keys: &Keys) -> Diagnostic {
    if let Some((reason, instead)) = keys.refused.get(name) {
        let message = format!("{} does not take `{name}`", keys.name);
        let diagnostic = Diagnostic::error(&UNKNOWN_KEY, message).at(at, "").note(reason.as_str());
        return if instead.is_empty() { diagnostic } else { diagnostic.help(instead.as_str()) };
    }
    let message = format!("unknown key `{name}` in {}", keys.name);
    let diagnostic = Diagnostic::error(&UNKNOWN_KEY, message).at(at, "");
    let near = near(name, keys.keys.keys().map(String::as_str));
    if !near.is_empty() {
        return diagnostic.help(format!("did you mean {}?", quoted_list(near, "or")));
    }
    if let Some(today) = renamed(name).filter(|today| keys.keys.contains_key(*today)) {
        return diagnostic.help(format!("`{name}` has been renamed to `{today}`"));
    }
    // A key a level or two too high is the commonest mistake with no near match here.
    let mut below = Vec::new();
    deeper(name, keys, "", 2, &mut below);
    if !below.is_empty() {
        return diagnostic.help(format!("did you mean {}?", quoted_list(below.iter().map(String::as_str), "or")));
    }
    let all = like_first(name, keys.keys.keys().map(String::as_str));
    let shown = all.len().min(16);
    let more = if all.len() > shown { format!(" and {} more", all.len() - shown) } else { String::new() };
    diagnostic.note(format!("valid keys: {}{more}", all[..shown].join(", ")))
}

/// Finds the tables below that take a key, so many levels down; the first three are enough.
fn deeper(name: &str, keys: &Keys, above: &str, levels: usize, found: &mut Vec<String>) {
    let tables = || {
        keys.keys.iter().filter_map(|(outer, key)| match &key.shape {
            Shape::Table(inner) => Some((format!("{above}{outer}."), inner)),
            _ => None,
        })
    };
    found.extend(tables().filter(|(_, inner)| inner.keys.contains_key(name)).map(|(path, _)| format!("{path}{name}")));
    if found.is_empty() && levels > 1 {
        tables().for_each(|(path, inner)| deeper(name, inner, &path, levels - 1, found));
    }
    found.truncate(3);
}

/// Checks a text whose references are filled in: what is left of `${…}` is text.
pub fn check_filled(name: &str, node: &Node, shape: &Shape, open: &dyn Open, found: &mut Vec<Diagnostic>) {
    match (shape, &node.kind) {
        (Shape::Enum(words), Kind::Str(text)) if !words.iter().any(|word| **word == **text) => {
            found.push(not_a_word(name, node, text, words));
        }
        _ => check(name, node, shape, open, found),
    }
}

/// Checks a value against a shape. `name` is the key it stands under.
pub fn check(name: &str, node: &Node, shape: &Shape, open: &dyn Open, found: &mut Vec<Diagnostic>) {
    let wrong = |expected: &str| {
        let message = format!("`{name}` takes {expected}, not {}", with_article(node.type_name()));
        Diagnostic::error(&WRONG_TYPE, message).at(node.span, format!("this is {}", with_article(node.type_name())))
    };
    match (shape, &node.kind) {
        (Shape::Any, _) | (Shape::Bool, Kind::Bool(_)) | (Shape::Number, Kind::Int(_) | Kind::Float(_)) => {}
        (Shape::Int { min, max }, Kind::Int(number)) => {
            if number < min || number > max {
                let range = if *max == i64::MAX { format!("at least {min}") } else { format!("from {min} to {max}") };
                let message = format!("`{name}` takes a number {range}");
                found.push(Diagnostic::error(&INVALID_VALUE, message).at(node.span, ""));
            }
        }
        (Shape::Text(format), Kind::Str(text)) => check_text(name, node, text, *format, found),
        (Shape::Enum(words), Kind::Str(text)) => {
            if !words.iter().any(|word| **word == **text) && !waits(text) {
                found.push(not_a_word(name, node, text, words));
            }
        }
        (Shape::List(of), Kind::List(items)) => {
            for item in items.iter() {
                check(name, item, of, open, found);
            }
        }
        (Shape::Map(format, of), Kind::Table(table)) => {
            for (key, entry) in table.iter() {
                if let Err(what) = format.check(key) {
                    let message = format!("`{key}` is not {what}");
                    found.push(Diagnostic::error(&INVALID_VALUE, message).at(entry.key, ""));
                }
                check(key, &entry.node, of, open, found);
            }
        }
        (Shape::Table(keys), Kind::Table(table)) => check_table(table, keys, open, found),
        (Shape::Component, Kind::Table(table)) => {
            if let Some(keys) = open.component(name, table) {
                check_table(table, &keys, open, found);
            }
        }
        (Shape::Job, Kind::Table(table)) => {
            if let Some(keys) = open.job(name, table) {
                check_table(table, &keys, open, found);
            }
        }
        (Shape::Once, _) => {
            let message = format!("`{name}` applies to the whole platform and cannot differ between targets");
            found.push(
                Diagnostic::error(&INVALID_VALUE, message)
                    .at(node.span, "")
                    .help("set it once, at the top level of the file"),
            );
        }
        // One of the words that may stand instead of a text is that word.
        (Shape::Either(shapes), Kind::Str(text)) if shapes.iter().any(|shape| is_word(shape, text)) => {}
        (Shape::Either(shapes), _) => match shapes.iter().find(|shape| fits(shape, &node.kind)) {
            Some(shape) => check(name, node, shape, open, found),
            None => found.push(wrong(&expected(shape))),
        },
        _ => found.push(hint(wrong(&expected(shape)), shape, node)),
    }
}

/// Says whether a text is judged once it is filled in, or is reported as a misspelt reference.
fn waits(text: &str) -> bool {
    text.contains("${") && (string::has_reference(text) || string::is_misspelt(text))
}

fn check_text(name: &str, node: &Node, text: &str, format: Format, found: &mut Vec<Diagnostic>) {
    if waits(text) {
        return;
    }
    if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
        let message = format!("`{name}` contains a control character");
        found.push(Diagnostic::error(&INVALID_VALUE, message).at(node.span, ""));
    } else if let Err(what) = format.check(text) {
        let diagnostic = Diagnostic::error(&INVALID_VALUE, format!("`{text}` is not {what}")).at(node.span, "");
        found.push(match format.meant(text) {
            Some(meant) => diagnostic.help(format!("did you mean `{meant}`?")),
            None => diagnostic,
        });
    }
}

fn not_a_word(name: &str, node: &Node, text: &str, words: &[String]) -> Diagnostic {
    let all = quoted_list(words.iter().map(String::as_str), "or");
    let diagnostic =
        Diagnostic::error(&INVALID_VALUE, format!("`{name}` cannot be `{text}`: use {all}")).at(node.span, "");
    match near(text, words.iter().map(String::as_str)).first() {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic,
    }
}

/// Adds the text to paste where a plain number or word was given for a string.
fn hint(diagnostic: Diagnostic, shape: &Shape, node: &Node) -> Diagnostic {
    match (shape, &node.kind) {
        (Shape::Text(Format::Size), Kind::Int(n)) => diagnostic.help(format!("add a unit: `\"{n}Gi\"`")),
        (Shape::Text(Format::Version), Kind::Float(_)) => {
            diagnostic.help("quote it: as a number, `1.10` would be read as `1.1`")
        }
        (Shape::Text(_), Kind::Int(n)) => diagnostic.help(format!("quote it: `\"{n}\"`")),
        (Shape::Text(_), Kind::Float(n)) => diagnostic.help(format!("quote it: `\"{n}\"`")),
        (Shape::Text(_), Kind::Bool(b)) => diagnostic.help(format!("quote it: `\"{b}\"`")),
        (Shape::Int { .. }, Kind::Str(text)) if text.parse::<i64>().is_ok() => {
            diagnostic.help(format!("remove the quotes: `{text}`"))
        }
        (Shape::Bool, Kind::Str(text)) if matches!(&**text, "true" | "false" | "yes" | "no" | "on" | "off") => {
            let word = matches!(&**text, "true" | "yes" | "on");
            diagnostic.help(format!("remove the quotes: `{word}`"))
        }
        (Shape::List(_), Kind::Str(text)) => diagnostic.help(format!("write a list: `[\"{text}\"]`")),
        _ => diagnostic,
    }
}

fn fits(shape: &Shape, kind: &Kind) -> bool {
    matches!(
        (shape, kind),
        (Shape::Any, _)
            | (Shape::Bool, Kind::Bool(_))
            | (Shape::Int { .. }, Kind::Int(_))
            | (Shape::Number, Kind::Int(_) | Kind::Float(_))
            | (Shape::Text(_) | Shape::Enum(_), Kind::Str(_))
            | (Shape::List(_), Kind::List(_))
            | (Shape::Map(..) | Shape::Table(_) | Shape::Component | Shape::Job, Kind::Table(_))
    ) || matches!(shape, Shape::Either(shapes) if shapes.iter().any(|s| fits(s, kind)))
}

fn is_word(shape: &Shape, text: &str) -> bool {
    matches!(shape, Shape::Enum(words) if words.iter().any(|word| word == text))
}

/// Says in words what a shape takes.
pub fn expected(shape: &Shape) -> String {
    match shape {
        Shape::Any => "any value".into(),
        Shape::Bool => "`true` or `false`".into(),
        Shape::Int { .. } => "an integer".into(),
        Shape::Number => "a number".into(),
        Shape::Text(Format::Any) => "a string".into(),
        Shape::Text(format) => format!("a string ({})", format.word()),
        Shape::Enum(words) => quoted_list(words.iter().map(String::as_str), "or"),
        Shape::List(_) => "a list".into(),
        Shape::Map(..) | Shape::Table(_) | Shape::Component | Shape::Job => "a table".into(),
        Shape::Once => "nothing".into(),
        Shape::Either(shapes) => shapes.iter().map(expected).collect::<Vec<_>>().join(" or "),
    }
}

/// Returns a word with its article.
pub fn with_article(word: &str) -> String {
    let an = word.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {word}", if an { "an" } else { "a" })
}
