//! The merged tables of a target with every early reference filled in, by the description of the language.
//!
//! What a key says of itself decides ([`Phase`]): early texts are filled and then held against their format, texts with a closed
//! format are filled early wherever they stand when nothing late is in them, and everything else waits for its component.

use std::sync::Arc;

use super::early::{Early, EarlyName};
use crate::diag::{Diagnostic, Sources};
use crate::parse::shape::{self, Keys, Open, Phase, Shape};
use crate::parse::text::Format;
use crate::parse::{BAD_REFERENCE, Entry, Kind, Node, Table, string};

/// Names that only some texts know which are filled in for each component: the hosts of edges, and the convention for items.
const EACH: &[(&str, &str)] = &[("edge.host", "x"), ("secret.name", "x")];

/// Fills the tables of one target or one component.
pub struct Filler<'a, 'b> {
    pub early: Early<'a>,
    pub sources: &'a Sources,
    pub found: &'b mut Vec<Diagnostic>,
}

impl Filler<'_, '_> {
    /// Fills a table in place.
    pub fn fill(&mut self, table: &mut Table, keys: &Keys) {
        if let Some(filled) = self.table(table, keys) {
            *table = filled;
        }
    }

    /// Returns the table with its references filled in; nothing when there are none.
    fn table(&mut self, table: &Table, keys: &Keys) -> Option<Table> {
        self.entries(table, |key| keys.keys.get(key).map(|key| (&key.shape, key.phase)))
    }

    fn entries<'s>(&mut self, table: &Table, of: impl Fn(&str) -> Option<(&'s Shape, Phase)>) -> Option<Table> {
        let mut filled: Option<Table> = None;
        for (key, entry) in table {
            let Some((shape, phase)) = of(key) else { continue };
            if let Some(node) = self.node(key, &entry.node, shape, phase) {
                let all = filled.get_or_insert_with(|| table.clone());
                all.insert(key.clone(), Entry { key: entry.key, node });
            }
        }
        filled
    }

    fn node(&mut self, name: &str, node: &Node, shape: &Shape, phase: Phase) -> Option<Node> {
        match (&node.kind, shape) {
            (Kind::Str(text), _) => self.text(name, text, node, shape, phase),
            (Kind::List(items), _) => {
                let of = match shape {
                    Shape::List(of) => Some(&**of),
                    Shape::Either(shapes) => {
                        shapes.iter().find_map(|s| if let Shape::List(of) = s { Some(&**of) } else { None })
                    }
                    Shape::Any => Some(shape),
                    _ => None,
                }?;
                let mut filled: Option<Vec<Node>> = None;
                for (index, item) in items.iter().enumerate() {
                    if let Some(new) = self.node(name, item, of, phase) {
                        filled.get_or_insert_with(|| items.to_vec())[index] = new;
                    }
                }
                filled.map(|items| Node { kind: Kind::List(items.into()), span: node.span })
            }
            (Kind::Table(table), Shape::Either(shapes)) => {
                let inner = shapes.iter().find(|s| matches!(s, Shape::Table(_) | Shape::Map(..)))?;
                let filled = self.inner(table, inner, phase)?;
                Some(Node { kind: Kind::Table(Arc::new(filled)), span: node.span })
            }
            (Kind::Table(table), _) => {
                let filled = self.inner(table, shape, phase)?;
                Some(Node { kind: Kind::Table(Arc::new(filled)), span: node.span })
            }
            _ => None,
        }
    }

    fn inner(&mut self, table: &Table, shape: &Shape, phase: Phase) -> Option<Table> {
        match shape {
            Shape::Table(keys) => self.entries(table, |key| {
                let key = keys.keys.get(key)?;
                // A table that waits makes all of its keys wait.
                Some((&key.shape, if phase == Phase::Early { key.phase } else { phase }))
            }),
            Shape::Map(form, of) => {
                for (key, entry) in table
                    .iter()
                    .filter(|(key, _)| phase != Phase::Literal && *form == Format::Any && string::has_reference(key))
                {
                    let message = format!("references cannot be used in a key: `{key}`");
                    self.found.push(Diagnostic::error(&BAD_REFERENCE, message).at(entry.key, ""));
                }
                self.entries(table, |_| Some((&**of, phase)))
            }
            Shape::Any if phase == Phase::Early => self.entries(table, |_| Some((shape, phase))),
            _ => None,
        }
    }

    fn text(&mut self, name: &str, text: &str, node: &Node, shape: &Shape, phase: Phase) -> Option<Node> {
        if phase == Phase::Each && text.contains("${") {
            // Filled in for each component later; what it names is checked once, whether any component asks or not.
            let some = EarlyName { name: "x", namespace: "x", release: "x" };
            self.early.of(some).with(EACH).fill(text, node.span, self.sources, self.found);
            return None;
        }
        let now = match phase {
            Phase::Early => true,
            Phase::Late => is_closed(shape) && self.early.knows_all(text),
            Phase::Each | Phase::Literal => false,
        };
        if !now || !text.contains("${") {
            return None;
        }
        let before = self.found.len();
        let filled = self.early.fill(text, node.span, self.sources, self.found);
        let node = Node { kind: Kind::Str(filled.into()), span: node.span };
        if self.found.len() == before {
            shape::check_filled(name, &node, shape, &Nothing, self.found);
        }
        Some(node)
    }
}

/// Says whether only some texts are right.
fn is_closed(shape: &Shape) -> bool {
    match shape {
        Shape::Enum(_) => true,
        Shape::Text(format) => *format != Format::Any,
        Shape::Either(shapes) => shapes.iter().filter(|s| matches!(s, Shape::Text(_) | Shape::Enum(_))).all(is_closed),
        _ => false,
    }
}

/// Knows no components: their tables are filled one by one.
pub struct Nothing;

impl Open for Nothing {
    fn component(&self, _: &str, _: &Table) -> Option<Arc<Keys>> {
        None
    }
    fn job(&self, _: &str, _: &Table) -> Option<Arc<Keys>> {
        None
    }
}
