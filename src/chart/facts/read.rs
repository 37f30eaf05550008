//! Facts text → tree.
//!
//! One key per line, one space of indent per level, in alphabetical order:
//! ```text
//! # comment
//! &probe map          a piece that is used more than once
//!  enabled bool
//! values map          the root
//!  image map+
//!   tag               a default that is a string or number
//!   pullPolicy :string =Always|IfNotPresent|Never
//!  livenessProbe @probe
//!  "odd key" list
//! ```
//! The type is a default's rough shape (none for a string, `number`, `bool`, `quoted`, `list`, `map`), a
//! schema's exact types (`:string|integer`) or `any`. A map takes other keys when `+` follows,
//! refuses them when `!` follows, and ignores them otherwise (`any` alone is open, `any-` is not).
//! Below a key, `[]` stands for the items of a list and `*` for what is under keys not named.

use std::collections::BTreeMap;

/// The place of a node in its tree.
pub type Id = u32;

/// The tree of a chart's values; pieces that occur more than once are shared.
#[derive(Debug)]
pub struct Tree {
    nodes: Vec<Node>,
    pub root: Id,
}

/// One value of a chart.
#[derive(Debug)]
pub struct Node {
    pub shape: Shape,
    pub kind: Kind,
    /// The allowed values, with `|` between them.
    pub allowed: Option<&'static str>,
    /// Ordered by key.
    pub kids: Vec<(&'static str, Id)>,
    pub items: Option<Id>,
    pub values: Option<Id>,
}

/// What a value may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Any,
    /// Roughly like a scalar default: a string or a number (a boolean does too).
    Scalar,
    /// Roughly like a default that is a number.
    Number,
    /// Like a boolean default.
    Bool,
    /// Like a default "true" or "false" in quotes.
    Quoted,
    /// Like a list default.
    List,
    /// Like a map default.
    Map,
    /// Exactly the types that the schema names, with `|` between them.
    Exactly(&'static str),
}

/// What happens to keys of a map that the chart does not name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing reads them.
    Listed,
    /// They are taken.
    Open,
    /// The chart's schema refuses them.
    Closed,
}

impl Tree {
    /// Returns the node in this place.
    pub fn node(&self, id: Id) -> &Node {
        &self.nodes[id as usize]
    }
}

impl Node {
    /// Returns the place of what is under `key`, when the chart names that key.
    pub fn kid(&self, key: &str) -> Option<Id> {
        self.kids.binary_search_by(|(name, _)| (*name).cmp(key)).ok().map(|at| self.kids[at].1)
    }
}

/// Reads a facts text; it is generated, so what does not fit the form is a defect of the generator.
pub fn read(text: &'static str) -> Tree {
    let mut nodes: Vec<Node> = Vec::with_capacity(text.len() / 16);
    let mut shared: BTreeMap<&str, Id> = BTreeMap::new();
    let mut open: Vec<Id> = Vec::new();
    let mut root = 0;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let content = line.trim_start_matches(' ');
        open.truncate(line.len() - content.len());
        let (key, words) = split(content);
        let id = if let Some(name) = words.strip_prefix('@') {
            *shared.get(name).expect("the generator writes shared pieces before their use")
        } else {
            nodes.push(node(words));
            Id::try_from(nodes.len() - 1).expect("a chart has fewer values than u32 can count")
        };
        match (open.last(), key.strip_prefix('&')) {
            (None, Some(name)) => drop(shared.insert(name, id)),
            (None, None) => root = id,
            (Some(parent), _) => attach(&mut nodes[*parent as usize], content, key, id),
        }
        open.push(id);
    }
    Tree { nodes, root }
}

fn attach(parent: &mut Node, content: &str, key: &'static str, id: Id) {
    match key {
        "[]" if !content.starts_with('"') => parent.items = Some(id),
        "*" if !content.starts_with('"') => parent.values = Some(id),
        _ => parent.kids.push((key, id)),
    }
}

/// Returns the key of a line and the words behind it.
fn split(content: &'static str) -> (&'static str, &'static str) {
    if let Some(quoted) = content.strip_prefix('"') {
        let (key, words) = quoted.split_once('"').unwrap_or((quoted, ""));
        return (key, words.trim_start_matches(' '));
    }
    content.split_once(' ').unwrap_or((content, ""))
}

fn node(words: &'static str) -> Node {
    let (shape, allowed) = match words.strip_prefix('=') {
        Some(allowed) => ("", Some(allowed)),
        None => match words.split_once(" =") {
            Some((shape, allowed)) => (shape, Some(allowed)),
            None => (words, None),
        },
    };
    let (name, kind) = match shape.as_bytes().last() {
        Some(b'+') => (&shape[..shape.len() - 1], Kind::Open),
        Some(b'!') => (&shape[..shape.len() - 1], Kind::Closed),
        Some(b'-') => (&shape[..shape.len() - 1], Kind::Listed),
        _ if shape == "any" => (shape, Kind::Open),
        _ => (shape, Kind::Listed),
    };
    let shape = match name {
        "any" => Shape::Any,
        "number" => Shape::Number,
        "bool" => Shape::Bool,
        "quoted" => Shape::Quoted,
        "list" => Shape::List,
        "map" => Shape::Map,
        _ => name.strip_prefix(':').map_or(Shape::Scalar, Shape::Exactly),
    };
    Node { shape, kind, allowed, kids: Vec::new(), items: None, values: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mark_is_read() {
        let text = "# a comment\n&probe map\n enabled bool\nvalues map!\n \"a b\" list\n  [] :map+\n   * :string|integer\n \
                    count number\n flag quoted\n free any\n half any-\n probe @probe\n pull :string =Always|Never\n tag\n";
        let tree = read(text);
        let root = tree.node(tree.root);
        let kid = |key: &str| tree.node(root.kid(key).unwrap());
        assert_eq!(root.kind, Kind::Closed);
        assert_eq!(
            root.kids.iter().map(|(k, _)| *k).collect::<Vec<_>>(),
            ["a b", "count", "flag", "free", "half", "probe", "pull", "tag"]
        );
        assert_eq!(kid("a b").shape, Shape::List);
        let item = tree.node(kid("a b").items.unwrap());
        assert_eq!((item.shape, item.kind), (Shape::Exactly("map"), Kind::Open));
        assert_eq!(tree.node(item.values.unwrap()).shape, Shape::Exactly("string|integer"));
        assert_eq!(kid("flag").shape, Shape::Quoted);
        assert_eq!((kid("free").shape, kid("free").kind), (Shape::Any, Kind::Open));
        assert_eq!((kid("half").shape, kid("half").kind), (Shape::Any, Kind::Listed));
        assert_eq!(tree.node(kid("probe").kid("enabled").unwrap()).shape, Shape::Bool);
        assert_eq!((kid("pull").shape, kid("pull").allowed), (Shape::Exactly("string"), Some("Always|Never")));
        assert_eq!((kid("tag").shape, kid("count").shape), (Shape::Scalar, Shape::Number));
    }
}
