//! One value of `platform.toml` changed in place: comments, order and layout stay, only its bytes differ.
//!
//! Comes in: the files as they are, a path of keys and a string. Goes out: the one file that changes, as a whole text.
//! Where the key is missing it is added in the way its neighbours are written. Every result is read back and compared:
//! it must say the same as before but for that one value, so no way of writing TOML can be misunderstood silently.

pub mod member; // images and chart versions of components and jobs
mod place; //      where a missing key can be added

use std::sync::Arc;

use crate::diag::{Diagnostic, Level, Sources, Span};
use crate::manifest::value::Value;
use crate::parse::node::table_value;
use crate::parse::{self, Node, Table, toml};
use crate::world::World;

/// A changed file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Relative to the project.
    pub file: String,
    pub old: String,
    pub new: String,
    /// Line of the value in the new text, from 1.
    pub line: usize,
    /// The value before, when there was one.
    pub before: Option<String>,
}

/// Why nothing can be changed.
#[derive(Clone, Debug)]
pub enum Refusal {
    /// The platform cannot be read: what was found.
    Unreadable(Vec<Diagnostic>, Sources),
    /// The key holds something else than a string: its type and place.
    NotText(&'static str, Span),
    /// There is no way of writing it that would leave the rest as it is.
    NoPlace,
}

/// The platform as it is written, before any layer is merged.
pub struct Written {
    pub root: Table,
    pub sources: Sources,
    main: String,
}

impl Written {
    /// Reads the main file and what it includes.
    ///
    /// # Errors
    /// When one of them is not valid TOML.
    pub fn read(world: &dyn World, main: &str) -> Result<Self, Refusal> {
        let mut sources = Sources::default();
        let syntax = parse::parse(world, main, &mut sources);
        match syntax.diagnostics.iter().any(|d| d.level == Level::Error) {
            true => Err(Refusal::Unreadable(syntax.diagnostics, sources)),
            false => Ok(Self { root: syntax.output.root, sources, main: main.into() }),
        }
    }

    /// Returns the node at a path.
    pub fn node(&self, path: &[&str]) -> Option<&Node> {
        node_at(&self.root, path)
    }

    /// Sets the string at a path; nothing when it is that already.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn set(&self, path: &[&str], value: &str) -> Result<Option<Change>, Refusal> {
        match self.node(path) {
            Some(node) => self.replace(path, node, value),
            None => self.add(path, value).map(Some),
        }
    }

    fn replace(&self, path: &[&str], node: &Node, value: &str) -> Result<Option<Change>, Refusal> {
        let Some(before) = node.as_str() else { return Err(Refusal::NotText(node.type_name(), node.span)) };
        if before == value {
            return Ok(None);
        }
        let old = self.sources.text(node.span.source);
        let (start, end) = (node.span.start as usize, node.span.end as usize);
        let written = old.get(start..end).ok_or(Refusal::NoPlace)?;
        let new = format!("{}{}{}", &old[..start], quoted(value, written), &old[end..]);
        let file = self.sources.path(node.span.source);
        let change = change(file, old, new, path, value, Some(before)).ok_or(Refusal::NoPlace)?;
        Ok(Some(change))
    }

    fn add(&self, path: &[&str], value: &str) -> Result<Change, Refusal> {
        // The file that says most of the path already; the main file when none says anything.
        let file = (1..path.len())
            .rev()
            .find_map(|length| self.node(&path[..length]))
            .map_or(self.main.as_str(), |node| self.sources.path(node.span.source));
        let id = self.sources.find(file).ok_or(Refusal::NoPlace)?;
        let old = self.sources.text(id);
        let ways = place::ways(old, path, &quoted(value, "\""));
        ways.into_iter().find_map(|new| change(file, old, new, path, value, None)).ok_or(Refusal::NoPlace)
    }
}

fn node_at<'t>(table: &'t Table, path: &[&str]) -> Option<&'t Node> {
    let (first, rest) = path.split_first()?;
    let node = &table.get(*first)?.node;
    if rest.is_empty() { Some(node) } else { node_at(node.as_table()?, rest) }
}

/// Returns a string as TOML, in the quotes of what stood there where they can hold it.
fn quoted(value: &str, written: &str) -> String {
    let literal = written.starts_with('\'') && !written.starts_with("'''");
    if literal && value.chars().all(|c| c != '\'' && !c.is_control()) {
        return format!("'{value}'");
    }
    // TOML's basic strings know the escapes of JSON; DEL is the one character that only TOML refuses bare.
    serde_json::to_string(value).map_or_else(|_| "\"\"".into(), |text| text.replace('\u{7f}', "\\u007f"))
}

/// Returns the change when the new text says the same as the old one but for the value at the path.
fn change(file: &str, old: &str, new: String, path: &[&str], value: &str, before: Option<&str>) -> Option<Change> {
    let mut wanted = table_value(&read(old)?);
    wanted.set(path, Value::from(value));
    let table = read(&new)?;
    if table_value(&table) != wanted {
        return None;
    }
    let at = node_at(&table, path)?.span.start as usize;
    let line = new.get(..at)?.matches('\n').count() + 1;
    Some(Change { file: file.into(), old: old.into(), new, line, before: before.map(String::from) })
}

/// Reads one file by itself; nothing when it is not valid TOML.
fn read(text: &str) -> Option<Table> {
    let mut found = Vec::new();
    let id = Sources::default().add("", Arc::from(""));
    let table = toml::parse(id, text, &mut found);
    found.is_empty().then_some(table)
}

#[cfg(test)]
mod tests;
