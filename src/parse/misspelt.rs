//! `${…}` that are none of ours and look as if they should be: a typo would reach the cluster as text.
//!
//! Where only references make sense (conventions such as `secrets.key`) every unknown one is an error; elsewhere those whose
//! first word is near one of ours. `$${…}` is the way to write one literally, and keys that are taken as they are keep theirs.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::node::Lookup;
use super::shape::{Keys, Phase, Shape};
use super::{BAD_REFERENCE, Kind, Node, Table, string};
use crate::diag::{Diagnostic, Span, quoted_list};

/// Goes over every text of a table.
pub fn check(table: &Table, keys: &Keys, found: &mut Vec<Diagnostic>) {
    let mut walk = Walk { in_cluster: substitutes(table), found };
    walk.table(table, &Shape::Table(Arc::new(keys.clone())), Phase::Late);
}

/// Returns the names that Flux replaces in the cluster, in any layer.
fn substitutes(root: &Table) -> BTreeSet<String> {
    let nested = ["environments", "clusters"].into_iter().filter_map(|key| root.table(key));
    let layers = nested.flat_map(|tables| tables.values().filter_map(|entry| entry.node.as_table()));
    let names = std::iter::once(root).chain(layers).filter_map(|t| t.table("flux")?.table("substitute"));
    names.flat_map(|names| names.keys().map(ToString::to_string)).collect()
}

struct Walk<'a> {
    in_cluster: BTreeSet<String>,
    found: &'a mut Vec<Diagnostic>,
}

impl Walk<'_> {
    fn table(&mut self, table: &Table, shape: &Shape, phase: Phase) {
        for (key, entry) in table {
            let (inner, phase) = match shape {
                Shape::Table(keys) => match keys.keys.get(&**key) {
                    Some(key) => (&key.shape, key.phase),
                    None => (&Shape::Any, phase),
                },
                Shape::Map(_, of) => (&**of, phase),
                _ => (&Shape::Any, phase),
            };
            self.node(&entry.node, inner, phase);
        }
    }

    fn node(&mut self, node: &Node, shape: &Shape, phase: Phase) {
        match &node.kind {
            Kind::Str(text) if phase != Phase::Literal && text.contains("${") => {
                self.text(text, node.span, phase == Phase::Each);
            }
            Kind::List(items) => items.iter().for_each(|item| self.node(item, shape, phase)),
            Kind::Table(table) => {
                let inner = match shape {
                    Shape::Either(shapes) => shapes.iter().find(|s| matches!(s, Shape::Table(_) | Shape::Map(..))),
                    Shape::List(of) => Some(&**of),
                    other => Some(other),
                };
                self.table(table, inner.unwrap_or(&Shape::Any), phase);
            }
            _ => {}
        }
    }

    fn text(&mut self, text: &str, at: Span, strict: bool) {
        for (inner, _) in string::foreign(text) {
            let meant = string::meant(inner);
            if (meant.is_empty() && !strict) || self.in_cluster.contains(inner) {
                continue;
            }
            let message = format!("unknown reference `${{{inner}}}`");
            let diagnostic = Diagnostic::error(&BAD_REFERENCE, message).at(at, "");
            let literal = format!("for the literal text, write `$${{{inner}}}`");
            self.found.push(if meant.is_empty() {
                diagnostic.note("only names of the platform, the environments and the component can be used here")
            } else {
                let rest = inner.trim_start().trim_start_matches(|c: char| c.is_ascii_lowercase());
                let whole: Vec<String> = meant.iter().map(|word| format!("{word}{rest}")).collect();
                let whole = quoted_list(whole.iter().map(String::as_str), "or");
                diagnostic.help(format!("did you mean {whole}?")).note(literal)
            });
        }
    }
}
