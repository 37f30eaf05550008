//! The keys that a user may set on a component: common ones, its options, its slots.
//!
//! This is the one description of a component's table: the checker, the JSON Schema, `catalog show` and the docs read it.

use indexmap::IndexMap;

use super::component::{Endpoint, OptionDef, Pod, Shape as SlotShape, Slot};
use crate::parse::shape::{Key, Keys, Phase, Shape, TEXT, either, free_map, list, texts};
use crate::parse::text::Format;
use crate::settings::Described;
use crate::settings::component::{Common, PodTable};

/// Keys that every component has; no option or slot may take one of these names.
pub fn common() -> Keys {
    Common::keys()
}

/// Returns the keys of one component: common ones, options, slots, pods and endpoints by name.
pub fn component_keys(
    name: &str,
    options: &IndexMap<String, OptionDef>,
    requires: &IndexMap<String, Slot>,
    pods: &IndexMap<String, Pod>,
    endpoints: &IndexMap<String, Endpoint>,
) -> Keys {
    let mut keys = common();
    keys.name = format!("component `{name}`");
    let pods = pods.keys().fold(Keys::new(format!("`pods` of `{name}`")), |all, pod| {
        all.key(pod, pod_shape(pod), "One kind of pod of the component")
    });
    set(&mut keys, "pods", pods.shape());
    let hosts =
        endpoints.keys().filter(|e| *e != "main").fold(Keys::new(format!("`hosts` of `{name}`")), |all, endpoint| {
            all.key(endpoint, texts(Format::Host), "Host of this endpoint")
        });
    set(&mut keys, "hosts", hosts.shape());
    for (option, def) in options {
        let doc = if def.required { format!("{} (required)", def.doc) } else { def.doc.clone() };
        keys.keys.insert(option.clone(), option_key(option, def, doc));
    }
    for (slot, def) in requires {
        keys.keys.insert(slot.clone(), Key { phase: Phase::Late, ..Key::new(slot_shape(def), def.doc.clone()) });
    }
    keys
}

fn option_key(name: &str, def: &OptionDef, doc: String) -> Key {
    let default = def.default.as_ref().map(crate::parse::Node::to_value);
    Key { default, phase: Phase::Late, ..Key::new(option_shape(name, def), doc) }
}

fn set(keys: &mut Keys, name: &str, shape: Shape) {
    if let Some(key) = keys.keys.get_mut(name) {
        key.shape = shape;
    }
}

fn pod_shape(name: &str) -> Shape {
    let mut keys = PodTable::keys();
    keys.name = format!("pod `{name}`");
    keys.shape()
}

fn slot_shape(slot: &Slot) -> Shape {
    let one = || vec![Shape::Text(Format::Reference), Shape::Bool, free_map(Shape::Any)];
    match slot.shape {
        SlotShape::One => either(one()),
        SlotShape::List => either([Shape::Text(Format::Reference), list(Shape::Text(Format::Reference)), Shape::Bool]),
        SlotShape::Map => Shape::Map(Format::Any, either(one()).into()),
    }
}

/// Returns the shape of an option.
pub fn option_shape(name: &str, option: &OptionDef) -> Shape {
    let item = || match option.items.as_deref() {
        Some("table") => table_shape(name, option),
        Some(kind) => kind_shape(kind, option),
        None => Shape::Any,
    };
    match option.kind.as_str() {
        "list" => either([list(item())]),
        "map" => free_map(item()),
        "table" => table_shape(name, option),
        kind => kind_shape(kind, option),
    }
}

fn table_shape(name: &str, option: &OptionDef) -> Shape {
    let keys = option.keys.iter().fold(Keys::new(format!("`{name}`")), |mut all, (key, def)| {
        all.keys.insert(key.clone(), option_key(key, def, def.doc.clone()));
        all
    });
    if option.keys.is_empty() { free_map(Shape::Any) } else { keys.shape() }
}

/// The words for option types that component.toml may use.
pub const OPTION_TYPES: &[&str] = &[
    "string",
    "int",
    "number",
    "bool",
    "size",
    "range",
    "duration",
    "cron",
    "image",
    "item",
    "host",
    "list",
    "map",
    "table",
    "any",
    "enum",
    "reference",
    "name",
    "url",
    "version",
    "path",
    "glob",
    "text",
];

fn kind_shape(kind: &str, option: &OptionDef) -> Shape {
    let shape = kind_format(kind, option);
    match (kind, option.values.is_empty()) {
        ("enum", _) | (_, true) => shape,
        (_, false) => either([shape, Shape::Enum(option.values.clone().into())]),
    }
}

fn kind_format(kind: &str, option: &OptionDef) -> Shape {
    match kind {
        "int" => Shape::Int { min: option.min.unwrap_or(i64::MIN), max: option.max.unwrap_or(i64::MAX) },
        "number" => Shape::Number,
        "bool" => Shape::Bool,
        "enum" => Shape::Enum(option.values.clone().into()),
        "size" => Shape::Text(Format::Size),
        "range" => Shape::Text(Format::Range),
        "duration" => Shape::Text(Format::Duration),
        "cron" => Shape::Text(Format::Cron),
        "image" => Shape::Text(Format::Image),
        "item" => Shape::Text(Format::Item),
        "host" => Shape::Text(Format::Host),
        "reference" => Shape::Text(Format::Reference),
        "name" => Shape::Text(Format::Name),
        "url" => Shape::Text(Format::Url),
        "version" => Shape::Text(Format::Version),
        "path" => Shape::Text(Format::Path),
        "glob" => Shape::Text(Format::Glob),
        "any" | "table" => Shape::Any,
        "list" => list(Shape::Any),
        "map" => free_map(Shape::Any),
        _ => TEXT,
    }
}
