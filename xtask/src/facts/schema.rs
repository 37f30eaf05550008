//! A chart's `values.schema.json` → tree. Local references are followed; alternatives are merged
//! so that whatever one of them takes is taken; conditions (`if`/`then`) are left out.

use serde_json::{Map, Value};

use super::tree::{ALL, BOOL, INTEGER, Kind, LIST, MAP, NUMBER, Node, STRING, Shape, merge_kids};

/// Returns what the schema tells of the values.
pub fn read(root: &Value) -> Node {
    let mut node = Reader { root, open_references: Vec::new() }.node(root);
    // At the top `additionalProperties: true` says that Helm does not refuse, not that something reads the key.
    if node.kind == Kind::Open && !node.kids.is_empty() {
        node.kind = Kind::Undecided;
    }
    node
}

struct Reader<'a> {
    root: &'a Value,
    /// The references being followed: one that comes again is recursion and takes anything.
    open_references: Vec<&'a str>,
}

impl<'a> Reader<'a> {
    fn node(&mut self, schema: &'a Value) -> Node {
        let Value::Object(schema) = schema else {
            return Node::new(Shape::Exactly(ALL), Kind::Undecided);
        };
        let mut node = self.plain(schema);
        if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
            node = both(node, self.reference(target));
        }
        for part in list(schema, "allOf") {
            node = both(node, self.node(part));
        }
        for keyword in ["anyOf", "oneOf"] {
            if let Some(union) = list(schema, keyword).iter().map(|part| self.node(part)).reduce(either) {
                node = both(node, union);
            }
        }
        node
    }

    fn reference(&mut self, target: &'a str) -> Node {
        let found = target.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
        let Some(schema) = found.filter(|_| !self.open_references.contains(&target)) else {
            return Node { shape: Shape::Exactly(ALL), ..Node::open() };
        };
        self.open_references.push(target);
        let mut node = self.node(schema);
        self.open_references.pop();
        // Kubernetes' own definitions call both a string, and Kubernetes takes numbers for both.
        if target.ends_with(".resource.Quantity") || target.ends_with(".intstr.IntOrString") {
            node.shape = Shape::Exactly(STRING | INTEGER | NUMBER);
        }
        node
    }

    fn plain(&mut self, schema: &'a Map<String, Value>) -> Node {
        let allowed = allowed(schema);
        let mut node = Node::new(Shape::Exactly(types(schema)), Kind::Undecided);
        if let Some(Value::Object(properties)) = schema.get("properties") {
            node.kids = properties.iter().map(|(key, value)| (key.clone(), self.node(value))).collect();
        }
        let patterns = schema.get("patternProperties").is_some_and(|p| p.as_object().is_some_and(|p| !p.is_empty()));
        node.kind = match schema.get("additionalProperties") {
            _ if patterns => Kind::Open,
            Some(Value::Bool(false)) => Kind::Closed,
            Some(more) => {
                if more.as_object().is_some_and(|more| !more.is_empty()) {
                    node.values = Some(Box::new(self.node(more)));
                }
                Kind::Open
            }
            None => Kind::Undecided,
        };
        if let Some(items @ Value::Object(_)) = schema.get("items") {
            node.items = Some(Box::new(self.node(items)));
        }
        node.allowed = allowed;
        node
    }
}

fn list<'a>(schema: &'a Map<String, Value>, keyword: &str) -> &'a [Value] {
    schema.get(keyword).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Returns the type bits; null is left out, since Helm takes null as "no such value".
fn types(schema: &Map<String, Value>) -> u8 {
    let bit = |name: &str| match name {
        "boolean" => BOOL,
        "integer" => INTEGER,
        "number" => INTEGER | NUMBER,
        "string" if schema.get("format").is_some_and(|f| f == "int-or-string") => STRING | INTEGER,
        "string" => STRING,
        "array" => LIST,
        "object" => MAP,
        _ => 0,
    };
    match schema.get("type") {
        Some(Value::String(name)) => bit(name),
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).map(bit).fold(0, |a, b| a | b),
        _ => ALL,
    }
}

/// Returns the allowed values as text, when there are such and all of them are scalars.
fn allowed(schema: &Map<String, Value>) -> Option<Vec<String>> {
    let values = match (schema.get("enum"), schema.get("const")) {
        (Some(Value::Array(values)), _) => values.as_slice(),
        (_, Some(value)) => std::slice::from_ref(value),
        _ => return None,
    };
    values
        .iter()
        .filter(|v| !v.is_null())
        .map(|v| match v {
            Value::String(s) => (!s.contains(['|', '\n'])).then(|| s.clone()),
            Value::Bool(_) | Value::Number(_) => Some(v.to_string()),
            _ => None,
        })
        .collect()
}

fn bits(node: &Node) -> u8 {
    match node.shape {
        Shape::Exactly(bits) => bits,
        _ => ALL,
    }
}

/// Returns what satisfies both schemas.
fn both(a: Node, b: Node) -> Node {
    let (a_bits, b_bits) = (bits(&a), bits(&b));
    let mut node = a.merge(b);
    node.shape = Shape::Exactly(a_bits & b_bits);
    node
}

/// Returns what satisfies one of the schemas.
fn either(a: Node, b: Node) -> Node {
    let (a_bits, b_bits) = (bits(&a), bits(&b));
    let plain = |node: &Node| node.kids.is_empty() && node.kind == Kind::Undecided;
    let kind = match (a.takes_map(), b.takes_map()) {
        (true, true) if a.kind == b.kind => a.kind,
        (true, true) if a.kind == Kind::Open || b.kind == Kind::Open || plain(&a) || plain(&b) => Kind::Open,
        (true, false) => a.kind,
        (false, true) => b.kind,
        _ => Kind::Undecided,
    };
    let child = |bit: u8, left: Option<Box<Node>>, right: Option<Box<Node>>| match (left, right) {
        (Some(l), Some(r)) => Some(Box::new(either(*l, *r))),
        (Some(l), None) if b_bits & bit == 0 => Some(l),
        (None, Some(r)) if a_bits & bit == 0 => Some(r),
        _ => None,
    };
    let allowed = match (a.allowed, b.allowed) {
        (Some(mut left), Some(right)) => {
            left.extend(right);
            left.dedup();
            Some(left)
        }
        (Some(left), None) if b_bits == 0 => Some(left),
        (None, Some(right)) if a_bits == 0 => Some(right),
        _ => None,
    };
    Node {
        shape: Shape::Exactly(a_bits | b_bits),
        kind,
        allowed,
        kids: merge_kids(a.kids, b.kids, either),
        items: child(LIST, a.items, b.items),
        values: child(MAP, a.values, b.values),
    }
}
