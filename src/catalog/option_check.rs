//! Options of a component against themselves and its templates: a default has to fit, and something has to read each one.

use std::collections::BTreeSet;
use std::sync::Arc;

use indexmap::IndexMap;

use super::BAD_COMPONENT;
use super::component::{Component, OptionDef};
use super::keys::option_shape;
use super::language::Closed;
use crate::diag::{Diagnostic, near};
use crate::parse::node::Lookup;
use crate::parse::string::{Part, split};
use crate::parse::{Kind, Node, Table, shape};

/// Options that stages read rather than templates, because they decide what is made (`lower/objects/demand.rs`, `lower/objects/repeat.rs`).
const READ_BY_STAGES: &[&str] = &["when", "resync"];

/// Checks the defaults of all options, and that each is read by a template or named in component.toml.
pub fn check<'a>(
    component: &Component,
    file: &Table,
    templates: impl Iterator<Item = &'a str>,
    found: &mut Vec<Diagnostic>,
) {
    defaults(&component.options, found);
    let mut read = Read::default();
    templates.for_each(|text| read.text(text));
    file.iter().filter(|(key, _)| &***key != "options").for_each(|(_, entry)| read.node(&entry.node));
    // A template that reads a misspelt name says so itself.
    let unknown: Vec<&str> = read.names.iter().copied().filter(|name| !component.options.contains_key(*name)).collect();
    let unread = |name: &&String| {
        let name = name.as_str();
        let somewhere = read.all || read.names.contains(name) || READ_BY_STAGES.contains(&name);
        !somewhere && near(name, unknown.iter().copied()).is_empty()
    };
    for name in component.options.keys().filter(unread) {
        let message =
            format!("no template of `{}` reads the option `{name}`, so it would have no effect", component.name);
        found.push(
            Diagnostic::error(&BAD_COMPONENT, message)
                .at(component.options[name].span, "")
                .help(format!("use `options.{name}` in a template, or remove the option")),
        );
    }
}

/// Returns the paths of options and slots that stages read because a component.toml says so, other than by filling in a text
/// while lowering: conditions of its secrets, its folder, how its credentials are called.
pub fn reads(file: &Table) -> BTreeSet<Vec<Arc<str>>> {
    let path = |text: &str| text.split('.').map(Arc::from).collect::<Vec<Arc<str>>>();
    let mut reads: BTreeSet<_> = READ_BY_STAGES.iter().map(|name| path(&format!("options.{name}"))).collect();
    for (_, secret) in file.table("secrets").into_iter().flatten() {
        let Some(secret) = secret.node.as_table() else { continue };
        reads.extend(secret.text("when").map(path));
        // Of the entries of an option, only the item is read here.
        let each = secret
            .text("each")
            .map(|each| if each.starts_with("options.") { format!("{each}.*.secret") } else { each.into() });
        reads.extend(each.as_deref().map(path));
    }
    let offers = file.table("provides").into_iter().flatten().filter_map(|(_, offer)| offer.node.as_table());
    let early = offers.filter_map(|offer| offer.node("credential")).chain(file.node("source"));
    early.for_each(|node| references(node, &mut reads));
    reads
}

fn references(node: &Node, reads: &mut BTreeSet<Vec<Arc<str>>>) {
    match &node.kind {
        Kind::Str(text) => reads.extend(split(text).into_iter().filter_map(|part| match part {
            Part::Reference(reference) => Some(reference.path.into_iter().map(Arc::from).collect()),
            Part::Text(_) => None,
        })),
        Kind::List(list) => list.iter().for_each(|item| references(item, reads)),
        Kind::Table(table) => table.values().for_each(|entry| references(&entry.node, reads)),
        _ => {}
    }
}

/// Checks that defaults fit.
pub(super) fn defaults(options: &IndexMap<String, OptionDef>, found: &mut Vec<Diagnostic>) {
    for (name, def) in options {
        defaults(&def.keys, found);
        let Some(default) = &def.default else { continue };
        // An empty text stands for none.
        if default.as_str().is_some_and(str::is_empty) {
            continue;
        }
        let mut wrong = Vec::new();
        shape::check(name, default, &option_shape(name, def), &Closed, &mut wrong);
        found.extend(wrong.into_iter().map(|diagnostic| {
            let message = format!("the default of option `{name}` is invalid: {}", diagnostic.message);
            Diagnostic { code: &BAD_COMPONENT, message, ..diagnostic }
        }));
    }
}

/// Which options texts read.
#[derive(Default)]
struct Read<'a> {
    names: BTreeSet<&'a str>,
    /// Some text takes them all at once, so nobody can tell which it reads.
    all: bool,
}

impl<'a> Read<'a> {
    fn text(&mut self, text: &'a str) {
        let of_a_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        for (at, word) in text.match_indices("options") {
            let rest = &text[at + word.len()..];
            // Part of another word, or a field of something else, such as `sync.options`.
            if text[..at].ends_with(|c| of_a_word(c) || c == '.') || rest.starts_with(of_a_word) {
                continue;
            }
            let quoted = ["[\"", "['"].iter().find_map(|quote| rest.strip_prefix(quote));
            match quoted.or_else(|| rest.strip_prefix('.')) {
                Some(name) => {
                    let end = name.find(|c| !of_a_word(c) && c != '-').unwrap_or(name.len());
                    // With a minus behind it, a name may end before that.
                    let name = &name[..end];
                    self.names.extend([name, name.split('-').next().unwrap_or(name)]);
                }
                None => self.all |= rest.trim_start().starts_with(['[', '|', ')', '%', '}', ',']),
            }
        }
    }

    fn node(&mut self, node: &'a Node) {
        match &node.kind {
            Kind::Str(text) => self.text(text),
            Kind::List(list) => list.iter().for_each(|item| self.node(item)),
            Kind::Table(table) => table.values().for_each(|entry| self.node(&entry.node)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_of_options() {
        let mut read = Read::default();
        for text in [
            "{{ options.admin }}",
            "{% if options['two-words'] %}",
            "${options.three|x}",
            "sync.options.four",
            "a: options",
            "no_options.five",
        ] {
            read.text(text);
        }
        assert!(!read.all);
        let names: Vec<&str> = read.names.iter().copied().collect();
        assert_eq!(names, ["admin", "three", "two", "two-words"]);
        read.text("{% for key, value in options | items %}");
        assert!(read.all);
    }
}
