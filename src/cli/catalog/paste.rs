//! A table to paste: the component with its slots filled from the platform at hand.

use std::collections::BTreeMap;

use indexmap::IndexMap;

use super::files;
use crate::catalog::example::table_of;
use crate::catalog::{Catalogue, Component, OptionDef, Slot, SlotShape, providers_of};
use crate::cli::Session;
use crate::cli::project::Project;
use crate::compile::{Request, compile};
use crate::manifest::value::Value;
use crate::resolve::buckets::BUCKET;
use crate::resolve::providers::offers;
use crate::world::World;

/// What the platform at hand offers.
#[derive(Debug, Default)]
pub struct Hand {
    /// Capability → who provides it.
    offers: BTreeMap<String, Vec<String>>,
    buckets: Vec<String>,
    edges: bool,
    /// Component → the table that its example has of it.
    examples: BTreeMap<String, IndexMap<String, Value>>,
}

impl Hand {
    /// Looks at the project's platform, when there is one, and at the examples of the catalogue.
    pub fn new(world: &dyn World, session: &Session) -> Self {
        match Project::find(session) {
            Ok(project) => Self::of(world, &project.request()),
            Err(_) => Self::default(),
        }
    }

    /// Looks at a platform, as far as it holds together.
    pub fn of(world: &dyn World, request: &Request) -> Self {
        let compiled = compile(world, request);
        let mut hand = Self::default();
        let Some(platform) = compiled.platform else { return hand };
        for (index, target) in platform.targets.iter().enumerate() {
            for (capability, names) in offers(&platform.targets, index) {
                let known = hand.offers.entry(capability).or_default();
                for name in names {
                    if !known.contains(&name) {
                        known.push(name);
                    }
                }
            }
            hand.buckets
                .extend(target.buckets.keys().filter(|name| !hand.buckets.contains(name)).cloned().collect::<Vec<_>>());
            hand.edges |= !target.edges.is_empty();
        }
        hand
    }

    /// Adds a component's own example, for what has no default.
    #[must_use]
    pub fn with_example(mut self, world: &dyn World, component: &str) -> Self {
        if let Some(text) = files::example(world, component) {
            self.examples.insert(component.into(), table_of(&text, component));
        }
        self
    }

    fn example(&self, component: &str, key: &str) -> Option<String> {
        self.examples.get(component)?.get(key).map(toml)
    }

    /// Returns what fills a slot, and whether it is there.
    fn filling(&self, slot_name: &str, slot: &Slot) -> (String, bool) {
        let bucket = slot.capabilities.iter().any(|c| c == BUCKET);
        let named = self.buckets.iter().find(|name| *name == slot_name);
        if bucket && let Some(name) = named.or(self.buckets.first()) {
            return (name.clone(), true);
        }
        let here = slot.capabilities.iter().find_map(|capability| self.offers.get(capability)?.first());
        match here.filter(|_| !bucket) {
            Some(name) => (name.clone(), true),
            None if bucket => ("lake".into(), false),
            None => {
                let known = slot.capabilities.iter().find_map(|capability| providers_of(capability).first().copied());
                (known.unwrap_or("…").into(), false)
            }
        }
    }
}

/// Returns the table, ready to be pasted.
pub fn block(component: &Component, catalogue: &Catalogue, hand: &Hand) -> String {
    let mut lines = Vec::new();
    let head = match component.name.strip_prefix("job-") {
        Some(kind) => {
            lines.push((format!("kind = \"{kind}\""), String::new()));
            "[jobs.my-job]".to_string()
        }
        None => format!("[components.{}]", component.name),
    };
    for (name, slot) in &component.requires {
        lines.push(slot_line(name, slot, catalogue, hand));
    }
    for (name, option) in component.options.iter().filter(|(_, option)| option.required) {
        let value = hand.example(&component.name, name).unwrap_or_else(|| placeholder(option));
        lines.push((format!("{name} = {value}"), option.doc.clone()));
    }
    let needed = component.needs.iter().find_map(|key| Some((key, hand.example(&component.name, key)?)));
    lines.extend(needed.map(|(key, value)| (format!("{key} = {value}"), String::new())));
    if component.endpoints.contains_key("main") {
        let off = if hand.edges { "" } else { "# " };
        lines.push((format!("{off}host = \"{}\"", component.name), "a name below the domain".into()));
    }
    for (name, option) in component.options.iter().filter(|(_, option)| !option.required) {
        let example = || hand.example(&component.name, name).unwrap_or_else(|| placeholder(option));
        let value = option.default.as_ref().map_or_else(example, |default| toml(&default.to_value()));
        if value.len() <= 60 && !value.contains('\n') {
            lines.push((format!("# {name} = {value}"), option.doc.clone()));
        }
    }
    let width = lines.iter().map(|(line, _)| line.chars().count()).filter(|n| *n <= 44).max().unwrap_or(0);
    let mut out = format!("{head}\n");
    for (line, doc) in lines {
        let doc = if doc.is_empty() { String::new() } else { format!("  # {doc}") };
        out.push_str(format!("{line:width$}{doc}").trim_end());
        out.push('\n');
    }
    out
}

fn slot_line(name: &str, slot: &Slot, catalogue: &Catalogue, hand: &Hand) -> (String, String) {
    let (filling, here) = hand.filling(name, slot);
    let value = match slot.shape {
        SlotShape::One => format!("\"{filling}\""),
        SlotShape::List => format!("[\"{filling}\"]"),
        SlotShape::Map => format!("{{ {} = \"{filling}\" }}", key(&filling)),
    };
    let what = slot.capabilities.iter().filter_map(|c| catalogue.capabilities.get(c)).map(|c| c.name.as_str());
    let what = what.collect::<Vec<_>>().join(" or ");
    let doc = if slot.doc.is_empty() { what } else { slot.doc.clone() };
    let doc = match (slot.optional, here) {
        (true, true) => format!("optional: {doc}"),
        (true, false) => format!("optional: {doc}; nothing provides it yet"),
        (false, true) => doc,
        (false, false) => format!("{doc}; nothing provides it yet"),
    };
    let off = if slot.optional { "# " } else { "" };
    (format!("{off}{name} = {value}"), doc)
}

/// Returns a value of the right type for what only the user knows.
fn placeholder(option: &OptionDef) -> String {
    let text = match option.kind.as_str() {
        "int" | "number" => return option.min.unwrap_or(1).to_string(),
        "bool" => return "true".into(),
        "list" => return "[]".into(),
        "table" => {
            let required = option.keys.iter().filter(|(_, key)| key.required);
            let mut shown: Vec<(&String, &OptionDef)> = required.collect();
            shown.extend(option.keys.iter().next().filter(|_| shown.is_empty()));
            let entries: Vec<String> =
                shown.iter().map(|(name, def)| format!("{name} = {}", placeholder(def))).collect();
            return if entries.is_empty() { "{}".into() } else { format!("{{ {} }}", entries.join(", ")) };
        }
        "map" => return "{}".into(),
        "enum" => option.values.first().map_or("", String::as_str),
        "size" => "10Gi",
        "range" => "500m..2",
        "duration" => "1h",
        "cron" => "0 2 * * *",
        "image" => "registry.example.com/acme/app:1.0.0",
        "item" => "app/login#token",
        "host" => "app",
        "url" => "https://git.example.com/acme/app.git",
        "version" => "1.0.0",
        "path" => "folder",
        _ => "…",
    };
    format!("\"{text}\"")
}

/// Returns a value as TOML in one line.
pub fn toml(value: &Value) -> String {
    match value {
        Value::Map(map) if map.is_empty() => "{}".into(),
        Value::Map(map) => {
            let entries: Vec<String> =
                map.iter().map(|(name, value)| format!("{} = {}", key(name), toml(value))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        Value::List(list) => format!("[{}]", list.iter().map(toml).collect::<Vec<_>>().join(", ")),
        // JSON's strings are TOML's basic strings, but for the character DEL.
        other => serde_json::to_string(other).unwrap_or_default().replace('\u{7f}', "\\u007f"),
    }
}

fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
    if bare { name.into() } else { toml(&Value::from(name)) }
}
