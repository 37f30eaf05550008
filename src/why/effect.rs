//! Which keys of platform.toml decide something: each is taken away or changed, and the platform compiled again.
//!
//! That is slower than a look-up, and it is the truth: no table of origins has to be kept while compiling, and a key that
//! works through a binding, a default or a template is found like one that is copied. Nothing is written, and what a change
//! breaks says nothing.

use std::sync::Arc;

use crate::diag::{Level, Sources, Span};
use crate::emit;
use crate::lower::{self, Manifests};
use crate::manifest::value::Value;
use crate::order;
use crate::parse::{Entry, Kind, Node, Syntax, Table};
use crate::resolve::{self, Platform};
use crate::world::World;

use super::Subject;

/// The most keys that one question tries.
const MOST: usize = 600;

/// A key that decides something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    pub path: Vec<Arc<str>>,
    pub key: Span,
    pub value: Span,
    /// Without the key, what was asked about would not be there at all.
    pub makes: bool,
}

/// A platform that can be compiled again and again.
pub struct Trial<'a> {
    pub world: &'a dyn World,
    pub syntax: &'a Syntax,
    pub sources: &'a Sources,
    /// Name of the target that the question is about.
    pub target: &'a str,
    pub subject: &'a Subject,
}

impl Trial<'_> {
    /// Returns the keys among `wanted` that decide the subject, in the order of the file.
    pub fn effects(&self, wanted: &dyn Fn(&[Arc<str>]) -> bool) -> Vec<Effect> {
        let Some(before) = self.run(self.syntax) else { return vec![] };
        let mut leaves = Vec::new();
        gather(&self.syntax.root, &mut Vec::new(), &mut leaves);
        leaves.retain(|(path, ..)| wanted(path));
        let mut effects: Vec<Effect> = leaves
            .into_iter()
            .take(MOST)
            .filter_map(|(path, key, node)| self.effect(before.as_ref(), &path, key, &node))
            .collect();
        effects.sort_by_key(|e| (e.key.source, e.key.start));
        effects
    }

    fn effect(&self, before: Option<&Value>, path: &[Arc<str>], key: Span, node: &Node) -> Option<Effect> {
        let changed = |after: Option<Option<Value>>| after.filter(|after| after.as_ref() != before);
        let makes = |after: &Option<Value>| after.is_none();
        let without = changed(self.run(&self.with(path, None)));
        let effect = |makes| Effect { path: path.to_vec(), key, value: node.span, makes };
        if let Some(after) = &without {
            return Some(effect(makes(after)));
        }
        let other = others(node).into_iter().find_map(|kind| {
            let other = Node { kind, span: node.span };
            // The first change that the platform can take decides.
            self.run(&self.with(path, Some(&other))).map(|after| changed(Some(after)).is_some())
        });
        other.filter(|differs| *differs).map(|_| effect(false))
    }

    /// Returns the syntax with another value at a path, or without it.
    fn with(&self, path: &[Arc<str>], node: Option<&Node>) -> Syntax {
        let mut root = self.syntax.root.clone();
        put(&mut root, path, node);
        Syntax { root, file: self.syntax.file }
    }

    /// Compiles and returns the subject; nothing when the platform has errors then.
    #[allow(clippy::option_option, reason = "no answer differs from the answer that it does not exist")]
    fn run(&self, syntax: &Syntax) -> Option<Option<Value>> {
        let mut sources = self.sources.clone();
        let resolved = resolve::resolve(self.world, syntax, &mut sources);
        if resolved.diagnostics.iter().any(|d| d.level == Level::Error) {
            return None;
        }
        let platform = resolved.output?;
        let lock = crate::lock::read(self.world, &mut sources).output;
        let lowered = lower::lower(self.world, &platform, lock.as_ref(), &mut sources);
        if lowered.diagnostics.iter().any(|d| d.level == Level::Error) {
            return None;
        }
        let ordered = order::order(&platform, lowered.output);
        if ordered.diagnostics.iter().any(|d| d.level == Level::Error) {
            return None;
        }
        Some(self.look(&platform, &ordered.output))
    }

    fn look(&self, platform: &Platform, manifests: &Manifests) -> Option<Value> {
        let index = platform.targets.iter().position(|t| t.name == self.target);
        let units = index.map(|index| &manifests.targets[index].components);
        match self.subject {
            Subject::Component { component, .. } => {
                let instance = platform.targets.get(index?)?.instances.get(component)?;
                Some(Value::from(instance.chart.as_ref().map_or("", |c| c.version.as_str())))
            }
            Subject::Value { component, path, .. } => units?.get(component)?.values.as_ref()?.within(path).cloned(),
            Subject::Object { component, stage, id, path, .. } => {
                let objects = units?.get(component)?.stages.get(stage)?;
                objects.iter().find(|one| one.object.id() == *id)?.object.value().within(path).cloned()
            }
            Subject::Line { file, path, line } => {
                let tree = emit::emit(platform, manifests).output;
                let text = String::from_utf8_lossy(tree.get(file)?).into_owned();
                match path {
                    Some(path) => crate::manifest::yaml::read_one(&text).ok()?.within(path).cloned(),
                    None => text.lines().nth(line - 1).map(Value::from),
                }
            }
        }
    }
}

/// Gathers everything that is not a table, with its path; an empty table counts, for its being there.
fn gather(table: &Table, path: &mut Vec<Arc<str>>, into: &mut Vec<(Vec<Arc<str>>, Span, Node)>) {
    for (key, entry) in table {
        path.push(key.clone());
        match &entry.node.kind {
            Kind::Table(inner) if !inner.is_empty() => gather(inner, path, into),
            _ => into.push((path.clone(), entry.key, entry.node.clone())),
        }
        path.pop();
    }
}

fn put(table: &mut Table, path: &[Arc<str>], node: Option<&Node>) {
    let Some((key, rest)) = path.split_first() else { return };
    if rest.is_empty() {
        match (node, table.get_mut(key)) {
            (Some(node), Some(entry)) => *entry = Entry { key: entry.key, node: node.clone() },
            _ => drop(table.shift_remove(key)),
        }
        return;
    }
    if let Some(Kind::Table(inner)) = table.get_mut(key).map(|entry| &mut entry.node.kind) {
        put(Arc::make_mut(inner), rest, node);
    }
}

/// Returns other values of the same type, the likelier to be taken first.
fn others(node: &Node) -> Vec<Kind> {
    match &node.kind {
        Kind::Bool(b) => vec![Kind::Bool(!b)],
        Kind::Int(i) => {
            vec![Kind::Int(i.saturating_add(1)), Kind::Int(i.saturating_add(2)), Kind::Int(i.saturating_sub(1))]
        }
        Kind::Float(f) => vec![Kind::Float(f + 1.0)],
        Kind::Str(text) => {
            let mut all = Vec::new();
            if let Some(at) = text.find(|c: char| c.is_ascii_digit()) {
                let digit = if &text[at..=at] == "3" { "4" } else { "3" };
                all.push(format!("{}{digit}{}", &text[..at], &text[at + 1..]));
            }
            all.push(format!("{text}x"));
            all.push(format!("x{text}"));
            all.into_iter().map(|text| Kind::Str(text.into())).collect()
        }
        Kind::List(list) if list.is_empty() => vec![],
        Kind::List(list) => vec![Kind::List(list[..list.len() - 1].into())],
        Kind::Table(_) => vec![],
    }
}
