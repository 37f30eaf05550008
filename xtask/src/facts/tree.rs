//! The tree of a chart's values, and how trees merge.

use std::collections::BTreeMap;

pub const BOOL: u8 = 1;
pub const INTEGER: u8 = 2;
/// A number with a fraction; JSON schema's `number` is this and [`INTEGER`].
pub const NUMBER: u8 = 4;
pub const STRING: u8 = 8;
pub const LIST: u8 = 16;
pub const MAP: u8 = 32;
pub const ALL: u8 = 63;

/// What a value may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shape {
    /// Says a default value: only the rough shape is compared.
    Like(Like),
    /// Says a schema: a set of the bits above.
    Exactly(u8),
    Any,
}

/// The rough shape of a default value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Like {
    Bool,
    /// The string "true" or "false".
    Quoted,
    Number,
    /// A string.
    Scalar,
    List,
    Map,
}

/// What happens to keys of a map that are not listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Not known yet: the paths that templates read will tell.
    Undecided,
    /// Nothing reads them.
    Listed,
    /// They are taken.
    Open,
    /// The schema refuses them.
    Closed,
}

/// One value of a chart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Node {
    pub shape: Shape,
    pub kind: Kind,
    pub allowed: Option<Vec<String>>,
    pub kids: BTreeMap<String, Node>,
    /// The items of a list.
    pub items: Option<Box<Node>>,
    /// The values under keys that are not listed.
    pub values: Option<Box<Node>>,
}

impl Node {
    pub fn new(shape: Shape, kind: Kind) -> Self {
        Self { shape, kind, allowed: None, kids: BTreeMap::new(), items: None, values: None }
    }

    /// Returns a value of which nothing is known.
    pub fn open() -> Self {
        Self::new(Shape::Any, Kind::Open)
    }

    /// Says whether a map can be the value.
    pub fn takes_map(&self) -> bool {
        match self.shape {
            Shape::Like(like) => like == Like::Map,
            Shape::Exactly(bits) => bits & MAP != 0,
            Shape::Any => true,
        }
    }

    /// Returns the node at `path`, made where missing; nothing is added below what a schema closes.
    pub fn reach(&mut self, path: &[String]) -> Option<&mut Node> {
        let Some((key, rest)) = path.split_first() else {
            return Some(self);
        };
        if !self.kids.contains_key(key) {
            if self.kind == Kind::Closed {
                return None;
            }
            if matches!(self.shape, Shape::Like(like) if like != Like::Map) {
                *self = Self { shape: Shape::Any, kind: Kind::Open, ..self.clone() };
            }
        }
        self.kids.entry(key.clone()).or_insert_with(Self::open).reach(rest)
    }

    /// Lets every map below take any key, save where a schema forbids it.
    pub fn open_all(&mut self) {
        if self.kind != Kind::Closed {
            self.kind = Kind::Open;
        }
        self.kids
            .values_mut()
            .chain(self.items.as_deref_mut())
            .chain(self.values.as_deref_mut())
            .for_each(Self::open_all);
    }

    /// Merges what two sources say of the same value; a schema's type counts more than a default's.
    pub fn merge(self, other: Self) -> Self {
        let shape = match (self.shape, other.shape) {
            (Shape::Exactly(a), Shape::Exactly(b)) if a & b != 0 => Shape::Exactly(a & b),
            (Shape::Exactly(a), Shape::Exactly(b)) => Shape::Exactly(a | b),
            (Shape::Exactly(bits), _) | (_, Shape::Exactly(bits)) => Shape::Exactly(bits),
            (a, b) if a == b => a,
            _ => Shape::Any,
        };
        Self {
            shape,
            kind: self.kind.max(other.kind),
            allowed: self.allowed.or(other.allowed),
            kids: merge_kids(self.kids, other.kids, Self::merge),
            items: merge_boxes(self.items, other.items),
            values: merge_boxes(self.values, other.values),
        }
    }
}

/// Returns all keys of both maps; `both` joins the nodes that stand under the same key.
pub fn merge_kids(
    mut left: BTreeMap<String, Node>,
    right: BTreeMap<String, Node>,
    both: fn(Node, Node) -> Node,
) -> BTreeMap<String, Node> {
    for (key, node) in right {
        let merged = match left.remove(&key) {
            Some(old) => both(old, node),
            None => node,
        };
        left.insert(key, merged);
    }
    left
}

fn merge_boxes(left: Option<Box<Node>>, right: Option<Box<Node>>) -> Option<Box<Node>> {
    match (left, right) {
        (Some(a), Some(b)) => Some(Box::new(a.merge(*b))),
        (one, other) => one.or(other),
    }
}
