//! The keys that a user may set on a component: common ones, its options, its slots.
//!
//! This is the one description of a component's table: the checker, the JSON Schema, `catalog show` and the docs read it.

use std::sync::Arc;

use indexmap::IndexMap;

use super::component::{Capability, Component, OptionDef, POD_WORDS, Pod, Shape as SlotShape, Slot};
use crate::parse::shape::{Key, Keys, Phase, Shape, TEXT, either, free_map, list, texts};
use crate::parse::text::Format;
use crate::settings::Described;
use crate::settings::component::{ChartTable, Common, PodTable};
use crate::settings::secrets::Given;

/// Keys that every component has; no option or slot may take one of these names.
pub fn common() -> Keys {
    Common::keys()
}

/// Returns the keys of one component: those common ones that it takes, its options and slots, its pods and endpoints by name.
pub fn component_keys(component: &Component) -> Keys {
    let name = &component.name;
    let mut keys = common();
    keys.name = format!("component `{name}`");
    let pods = component.pods.iter().fold(Keys::new(format!("`pods` of `{name}`")), |all, (pod, def)| {
        all.key(pod, pod_shape(component, pod, def), "One kind of pod of the component")
    });
    set(&mut keys, "pods", pods.shape());
    let further = component.endpoints.keys().filter(|endpoint| *endpoint != "main");
    let hosts = further.fold(Keys::new(format!("`hosts` of `{name}`")), |all, endpoint| {
        all.key(endpoint, texts(Format::Host), "Host of this endpoint")
    });
    set(&mut keys, "hosts", hosts.shape());
    let credentials = component.requires.keys().fold(Keys::new(format!("`credentials` of `{name}`")), |all, slot| {
        all.key(slot, Given::shape(), "Source of this slot's credential: an item in the store, or a table")
    });
    set(&mut keys, "credentials", credentials.shape());
    // What the templates know of a chart's versions is the catalogue's word.
    let mut chart = ChartTable::keys();
    chart.keys.shift_remove("supports");
    let why = (
        "the catalogue defines it, for the versions that its templates support".into(),
        "set a version with `version`".into(),
    );
    chart.refused.insert("supports".into(), why);
    set(&mut keys, "chart", chart.shape());
    for (key, reason, instead) in absent(component) {
        refuse(&mut keys, component, key, reason, instead);
    }
    // What is said of pods there explains why they do not take it; every other key is taken out by its reason.
    for (key, reason) in component.without.iter().filter(|(key, _)| !POD_WORDS.contains(&&***key)) {
        refuse(&mut keys, component, key, reason, String::new());
    }
    for (option, def) in &component.options {
        let doc = if def.required { format!("{} (required)", def.doc) } else { def.doc.clone() };
        keys.keys.insert(option.clone(), option_key(option, def, doc));
    }
    for (slot, def) in &component.requires {
        keys.keys.insert(
            slot.clone(),
            Key { phase: Phase::Late, ..Key::new(slot_shape(def, &free_map(Shape::Any)), def.doc.clone()) },
        );
    }
    keys
}

fn option_key(name: &str, def: &OptionDef, doc: String) -> Key {
    let default = def.default.as_ref().map(crate::parse::Node::to_value);
    Key { default, phase: Phase::Late, ..Key::new(option_shape(name, def), doc) }
}

/// Takes a common key out; the component's own reason says more than that of all.
fn refuse(keys: &mut Keys, component: &Component, key: &str, reason: &str, instead: String) {
    let own = component.without.get(key);
    let instead = if own.is_some() { String::new() } else { instead };
    keys.keys.shift_remove(key);
    keys.refused.insert(key.into(), (own.map_or(reason, String::as_str).into(), instead));
}

/// Returns the common keys that a component has no place for: key, reason, and what to do instead.
fn absent(component: &Component) -> Vec<(&'static str, &'static str, String)> {
    let mut absent = Vec::new();
    let instead = elsewhere(component);
    if !is_charted(component) {
        let why = "it has no Helm chart";
        absent.extend(["version", "chart", "values", "values_files"].map(|key| (key, why, String::new())));
    }
    if component.pods.is_empty() {
        let seen = !is_charted(component) && component.source.is_none();
        let why = if seen { "it creates no pods" } else { "lakegen does not know its pods" };
        absent.extend(["pods", "placement", "env", "files", "identity"].map(|key| (key, why, instead.clone())));
    } else {
        let takes = |word: &str| component.pods.values().any(|pod| pod.takes(word));
        for (key, why) in POD_REASONS.iter().filter(|(key, _)| component_wide(key) && !takes(key)) {
            absent.push((*key, *why, instead.clone()));
        }
    }
    if !component.released {
        absent.push(("release", "its objects are not named after a release", String::new()));
    }
    if !component.endpoints.contains_key("main") {
        absent.push(("host", "it has no endpoint to publish", String::new()));
    }
    if !component.endpoints.keys().any(|endpoint| endpoint != "main") {
        absent.push(("hosts", "it has no other endpoint to publish", String::new()));
    }
    if component.requires.is_empty() {
        absent.push(("credentials", "it has no slots", String::new()));
    }
    absent
}

/// Why pods do not take a word.
const POD_REASONS: &[(&str, &str)] = &[
    ("replicas", "their number follows from its options"),
    ("cpu", "its requests and limits are not configurable"),
    ("memory", "its requests and limits are not configurable"),
    ("placement", "their placement is not configurable"),
    ("env", "it does not pass on environment variables"),
    ("files", "it cannot mount files"),
    ("identity", "their ServiceAccounts do not support cloud identities"),
];

/// Words of pods that may also be said of the whole component.
fn component_wide(word: &str) -> bool {
    matches!(word, "placement" | "env" | "files" | "identity")
}

/// Says whether there is a chart: the catalogue's, or one that the user has to name.
fn is_charted(component: &Component) -> bool {
    component.chart.is_some() || component.needs.iter().any(|key| key == "chart")
}

/// Says where else something of pods can be said.
fn elsewhere(component: &Component) -> String {
    match &component.chart {
        Some(chart) => format!("set it under `values`, by its name in chart `{}`", chart.name),
        None if is_charted(component) => "set it under `values`, by its name in the chart".into(),
        None if component.source.is_some() => "set it in the folder itself".into(),
        None if !component.pods.is_empty() => "patch the workload with `patches`".into(),
        None => String::new(),
    }
}

fn set(keys: &mut Keys, name: &str, shape: Shape) {
    if let Some(key) = keys.keys.get_mut(name) {
        key.shape = shape;
    }
}

fn pod_shape(component: &Component, name: &str, pod: &Pod) -> Shape {
    let mut keys = PodTable::keys();
    keys.name = format!("pod `{name}` of `{}`", component.name);
    for (key, why) in POD_REASONS.iter().filter(|(key, _)| !pod.takes(key)) {
        if keys.keys.contains_key(*key) {
            refuse(&mut keys, component, key, why, elsewhere(component));
        }
    }
    keys.shape()
}

/// Returns the keys of a component, with the fields that a claim in a slot's table may name.
pub fn with_claims(mut keys: Keys, component: &Component, capabilities: &IndexMap<String, Arc<Capability>>) -> Keys {
    for (name, slot) in &component.requires {
        let known = || slot.capabilities.iter().filter_map(|capability| capabilities.get(capability));
        let from = Keys::new(format!("`{name}` of `{}`", component.name)).key(
            "from",
            Shape::Text(Format::Reference),
            "Component or external that provides it",
        );
        let value = || either([TEXT, Shape::Int { min: i64::MIN, max: i64::MAX }, Shape::Bool, list(TEXT)]);
        let claim = known().flat_map(|c| &c.claim).fold(from, |all, (field, def)| all.key(field, value(), &def.doc));
        set(&mut keys, name, slot_shape(slot, &claim.shape()));
    }
    keys
}

fn slot_shape(slot: &Slot, claim: &Shape) -> Shape {
    let one = || vec![Shape::Text(Format::Reference), Shape::Bool, claim.clone()];
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
