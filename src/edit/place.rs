//! Ways of adding a key to a TOML text, the nearest to its neighbours first. A way may be wrong: the caller reads it back.

use super::{node_at, read};
use crate::parse::{Kind, Node, Table};

/// A `[header]` with the lines below it; the first one is the top of the file, without a header.
struct Section {
    path: Vec<String>,
    start: usize,
    /// Where the next header begins.
    until: usize,
    /// Behind the last line with something on it.
    end: usize,
    /// Indentation of its keys.
    indent: String,
}

/// Returns texts that have `path = value` added.
pub fn ways(text: &str, path: &[&str], value: &str) -> Vec<String> {
    let Some(root) = read(text) else { return vec![] };
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let sections = sections(text, &root);
    let mut ways = Vec::new();
    for length in (1..path.len()).rev() {
        let (prefix, rest) = path.split_at(length);
        if let Some(node) = node_at(&root, prefix).filter(|node| is_inline(node, text)) {
            ways.push(inline(text, node, &format!("{} = {value}", dotted(rest))));
            continue;
        }
        // Beside keys that spell the table out: `components.one.host = …`.
        let beside =
            sections.iter().filter(|s| s.path.len() < length && starts_with(prefix, &s.path)).find_map(|section| {
                let end = last_statement(text, &root, prefix, section)?;
                let key = dotted(&path[section.path.len()..]);
                Some(insert(text, end, &format!("{}{key} = {value}", section.indent), newline))
            });
        // Below the table's own header.
        let below = sections.iter().filter(|s| s.path.len() == length && starts_with(prefix, &s.path)).map(|section| {
            insert(text, section.end, &format!("{}{} = {value}", section.indent, dotted(rest)), newline)
        });
        ways.extend(below.collect::<Vec<_>>());
        ways.extend(beside);
    }
    // A section of its own, at the end.
    let (key, table) = path.split_last().expect("a path has a key");
    let end = text.trim_end().len();
    let gap = if end == 0 { "" } else { newline };
    let new = format!("{gap}{gap}[{}]{newline}{} = {value}{newline}", dotted(table), dotted(&[key]));
    ways.push(format!("{}{new}", &text[..end]));
    ways
}

fn starts_with(path: &[&str], start: &[String]) -> bool {
    path.len() >= start.len() && path.iter().zip(start).all(|(a, b)| a == b)
}

fn dotted(path: &[&str]) -> String {
    let bare = |key: &str| !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    let quoted = |key: &&str| if bare(key) { (*key).to_string() } else { super::quoted(key, "\"") };
    path.iter().map(quoted).collect::<Vec<_>>().join(".")
}

fn range(node: &Node) -> std::ops::Range<usize> {
    node.span.start as usize..node.span.end as usize
}

fn is_inline(node: &Node, text: &str) -> bool {
    let written = text.get(range(node)).unwrap_or("");
    matches!(node.kind, Kind::Table(_)) && written.starts_with('{') && written.ends_with('}')
}

/// Adds a member to `{ … }`.
fn inline(text: &str, node: &Node, member: &str) -> String {
    let span = range(node);
    let last = node.as_table().into_iter().flat_map(Table::values).map(|entry| end_of(&entry.node, text)).max();
    match last {
        Some(end) => format!("{}, {member}{}", &text[..end], &text[end..]),
        None => format!("{}{{ {member} }}{}", &text[..span.start], &text[span.end..]),
    }
}

/// Returns the end of a value; that of dotted keys is the end of the last one.
fn end_of(node: &Node, text: &str) -> usize {
    match &node.kind {
        Kind::Table(table) if !is_inline(node, text) => {
            table.values().map(|entry| end_of(&entry.node, text)).max().unwrap_or(node.span.end as usize)
        }
        _ => node.span.end as usize,
    }
}

/// Adds a line behind the line that ends at or after `at`.
fn insert(text: &str, at: usize, line: &str, newline: &str) -> String {
    let end = text[at..].find('\n').map_or(text.len(), |n| at + n + 1);
    // `at` may be the start of a line: then everything before it is complete already.
    let end = if at == 0 || text[..at].ends_with('\n') { at } else { end };
    let before = &text[..end];
    let gap = if before.is_empty() || before.ends_with('\n') { "" } else { newline };
    format!("{before}{gap}{line}{newline}{}", &text[end..])
}

/// Returns the end of the last statement of a section that belongs to a table.
fn last_statement(text: &str, root: &Table, prefix: &[&str], section: &Section) -> Option<usize> {
    let mut ends = Vec::new();
    statements(node_at(root, prefix)?, text, &mut ends);
    let inside = section.start..section.until;
    ends.into_iter().filter(|(start, _)| inside.contains(start)).map(|(_, end)| end).max()
}

/// Gathers start and end of everything that stands behind a `=`.
fn statements(node: &Node, text: &str, into: &mut Vec<(usize, usize)>) {
    match &node.kind {
        Kind::Table(table) if !is_inline(node, text) => {
            table.values().for_each(|entry| statements(&entry.node, text, into));
        }
        _ => into.push((node.span.start as usize, node.span.end as usize)),
    }
}

fn sections(text: &str, root: &Table) -> Vec<Section> {
    let mut values = Vec::new();
    root.values().for_each(|entry| statements(&entry.node, text, &mut values));
    values.sort_unstable();
    let inside = |at: usize| {
        let before = values.partition_point(|(start, _)| *start < at);
        before > 0 && values[before - 1].1 > at
    };
    let mut sections = vec![Section { path: vec![], start: 0, until: text.len(), end: 0, indent: String::new() }];
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim();
        let end = start + line.len();
        if !inside(start) && trimmed.starts_with('[') {
            sections.last_mut().expect("there is one from the start").until = start;
            let path = header(trimmed);
            sections.push(Section { path, start, until: text.len(), end, indent: String::new() });
        } else if inside(start) || !(trimmed.is_empty() || trimmed.starts_with('#')) {
            let section = sections.last_mut().expect("there is one from the start");
            if !inside(start) {
                section.indent = line[..line.len() - line.trim_start().len()].into();
            }
            section.end = end;
        }
        start = end;
    }
    // A list of tables, or what could not be read, takes no key.
    let mut number = 0;
    sections.retain(|section| {
        number += 1;
        number == 1 || !section.path.is_empty()
    });
    sections
}

/// Returns the keys of a `[header]` line; none for `[[lists]]`.
fn header(line: &str) -> Vec<String> {
    let mut path = Vec::new();
    let Some(table) = Some(line).filter(|l| !l.starts_with("[[")).and_then(read) else { return path };
    let mut at = &table;
    while let Some((key, entry)) = at.first() {
        path.push(key.to_string());
        match entry.node.as_table() {
            Some(inner) => at = inner,
            None => break,
        }
    }
    path
}
