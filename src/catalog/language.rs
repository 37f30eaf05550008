//! The language of component.toml and of capabilities: their keys, and what must fit together.

use std::sync::{Arc, OnceLock};

use indexmap::IndexMap;

use super::BAD_COMPONENT;
use super::component::{Capability, Component, POD_WORDS, Tier};
use super::keys::{OPTION_TYPES, common};
use crate::diag::{Diagnostic, Span, near, quoted_list};
use crate::parse::Table;
use crate::parse::node::Lookup;
use crate::parse::shape::{COUNT, Keys, Open, Shape, TEXT, check_table, either, free_map, list, texts, words};
use crate::parse::text::Format;
use crate::settings::Described;
use crate::settings::component::{AlertTable, ChartTable, Served};

/// component.toml has no components in it.
pub(super) struct Closed;

impl Open for Closed {
    fn component(&self, _: &str, _: &Table) -> Option<Arc<Keys>> {
        None
    }
    fn job(&self, _: &str, _: &Table) -> Option<Arc<Keys>> {
        None
    }
}

/// Checks the keys and types of a component.toml.
pub fn check_component(name: &str, table: &Table, found: &mut Vec<Diagnostic>) {
    static KEYS: OnceLock<Keys> = OnceLock::new();
    let mut keys = KEYS.get_or_init(component_file).clone();
    keys.name = format!("component.toml of `{name}`");
    check_table(table, &keys, &Closed, found);
}

/// Checks the keys and types of a capability's file.
pub fn check_capability(name: &str, table: &Table, found: &mut Vec<Diagnostic>) {
    let claim = Keys::new("a claim field").key("default", Shape::Any, "").key("pattern", TEXT, "").key("doc", TEXT, "");
    let field = Keys::new("a field")
        .key("default", TEXT, "")
        .key("type", words(&["string", "int", "bool"]), "")
        .key("secret", Shape::Bool, "")
        .key("unless", TEXT, "")
        .key("optional", Shape::Bool, "")
        .key("doc", TEXT, "");
    let keys = Keys::new(format!("capability `{name}`"))
        .key("summary", TEXT, "")
        .key("claim", free_map(claim.shape()), "")
        .key("fields", free_map(field.shape()), "");
    check_table(table, &keys, &Closed, found);
}

const ANY_SCALAR: [Shape; 3] = [TEXT, Shape::Int { min: i64::MIN, max: i64::MAX }, Shape::Bool];

fn component_file() -> Keys {
    let stage = || words(&["crds", "prepare", "release", "config"]);
    let lifecycle = Keys::new("`[lifecycle]`")
        .key("state", words(&["archived", "retired", "stale", "end-of-life"]), "")
        .key("successor", TEXT, "")
        .key("reason", TEXT, "")
        .key("source", TEXT, "");
    let slot = Keys::new("a slot")
        .key("capability", texts(Format::Any), "")
        .key("claim", free_map(Shape::Any), "")
        .key("optional", Shape::Bool, "")
        .key("wait", Shape::Bool, "")
        .key("identity", Shape::Bool, "")
        .key("shape", words(&["one", "list", "map"]), "")
        .key("credential", TEXT, "")
        .key("stage", stage(), "")
        .key("doc", TEXT, "");
    let secret = Keys::new("a secret")
        .key("name", TEXT, "")
        .key("any_keys", Shape::Bool, "")
        .key("keys", free_map(TEXT), "")
        .key("labels", free_map(TEXT), "")
        .key("when", TEXT, "")
        .key("each", TEXT, "")
        .key("generate", list(TEXT), "")
        .key("precious", Shape::Bool, "")
        .key("hint", TEXT, "")
        .key("type", TEXT, "")
        .key("stage", stage(), "");
    let ca = Keys::new("`ca`").key("hostname", TEXT, "").key("secret", TEXT, "").key("config_map", TEXT, "").key(
        "system",
        Shape::Bool,
        "",
    );
    let endpoint = Keys::new("an endpoint")
        .key("service", TEXT, "")
        .key("port", either([Shape::Int { min: 1, max: 65535 }, TEXT]), "")
        .key("protocol", words(&["http", "https"]), "")
        .key("path", TEXT, "")
        .key("health", TEXT, "")
        .key("ca", ca.shape(), "");
    let metrics =
        Keys::new("`[metrics]`").key("values", free_map(Shape::Any), "").key("scrape", free_map(scrape().shape()), "");
    let network = Keys::new("`[network]`")
        .key("from", list(words(&["monitoring", "edge", "operator", "namespace", "all"])), "")
        .key("ports", list(either([Shape::Int { min: 1, max: 65535 }, TEXT])), "");
    let source = Keys::new("`[source]`").key("path", TEXT, "").key("repository", TEXT, "").key("revision", TEXT, "");
    Keys::new("component.toml")
        .key("summary", TEXT, "")
        .key("tier", words(Tier::WORDS), "")
        .key("scope", words(&["environment", "cluster"]), "")
        .key("namespace", TEXT, "")
        .key("pod_security", words(&["privileged", "baseline", "restricted"]), "")
        .key("apis", list(TEXT), "")
        .key(
            "served",
            free_map(Served::shape()),
            "API group/version → the chart versions that serve it, and what older ones serve",
        )
        .key("writes_to", list(TEXT), "")
        .key("notes", list(TEXT), "")
        .key("needs", list(words(&["chart", "manifests"])), "")
        .key("lifecycle", lifecycle.shape(), "")
        .key("chart", ChartTable::shape(), "")
        .key("crds", ChartTable::shape(), "")
        .key("source", source.shape(), "")
        .key("options", free_map(Shape::Table(Arc::new(option()))), "")
        .key("requires", free_map(slot.shape()), "")
        .key("provides", free_map(free_map(Shape::Any)), "")
        .key("secrets", free_map(secret.shape()), "")
        .key("endpoints", free_map(endpoint.shape()), "")
        .key("pods", free_map(pod().shape()), "")
        .key("without", free_map(TEXT), "")
        .key("metrics", metrics.shape(), "")
        .key("alerts", free_map(AlertTable::shape()), "")
        .key("network", network.shape(), "")
        .key("engine", engine().shape(), "")
}

/// Returns the keys of an option.
pub(super) fn option() -> Keys {
    Keys::new("an option")
        .key("type", words(OPTION_TYPES), "")
        .key("values", list(TEXT), "")
        .key("default", Shape::Any, "")
        .key("required", Shape::Bool, "")
        .key("pattern", TEXT, "")
        .key("min", Shape::Int { min: i64::MIN, max: i64::MAX }, "")
        .key("max", Shape::Int { min: i64::MIN, max: i64::MAX }, "")
        .key("items", words(OPTION_TYPES), "")
        .key("keys", free_map(Shape::Any), "")
        .key("doc", TEXT, "")
}

fn scrape() -> Keys {
    Keys::new("`[metrics.scrape]`")
        .key("port", either(ANY_SCALAR), "")
        .key("path", TEXT, "")
        .key("interval", Shape::Text(Format::Duration), "")
        .key("selector", free_map(TEXT), "")
}

fn pod() -> Keys {
    let volumes = Keys::new("`volumes`").key("list", TEXT, "").key("mounts", TEXT, "");
    let default = Keys::new("`default`")
        .key("replicas", COUNT, "Number of pods")
        .key("cpu", Shape::Text(Format::Range), "Processor `request..limit`")
        .key("memory", Shape::Text(Format::Range), "Memory `request..limit`");
    Keys::new("a pod")
        .key("replicas", TEXT, "")
        .key("resources", TEXT, "")
        .key("placement", TEXT, "")
        .key("env", TEXT, "")
        .key("labels", TEXT, "")
        .key("identity", TEXT, "")
        .key("selector", free_map(TEXT), "")
        .key("volumes", volumes.shape(), "")
        .key("takes", list(words(POD_WORDS)), "")
        .key("spread", words(&["constraints", "affinity", "never"]), "")
        .key("default", default.shape(), "")
}

fn engine() -> Keys {
    let filled = Keys::new("`operator_filled`")
        .key("group", TEXT, "")
        .key("kind", TEXT, "")
        .key("pointers", list(Shape::Text(Format::Pointer)), "")
        .key("jq", list(TEXT), "");
    let ready = Keys::new("`ready`").key("current", TEXT, "").key("failed", TEXT, "");
    Keys::new("`[engine]`")
        .key("server_side", Shape::Bool, "")
        .key("operator_filled", list(filled.shape()), "")
        .key("data", list(TEXT), "")
        .key("health", free_map(TEXT), "")
        .key("ready", Shape::Map(Format::Any, ready.shape().into()), "")
}

/// Checks what endpoints say of the certificates that they show.
pub fn check_endpoints(name: &str, table: &Table, found: &mut Vec<Diagnostic>) {
    for (endpoint, entry) in table.table("endpoints").into_iter().flatten() {
        let Some(def) = entry.node.as_table() else { continue };
        let (Some(ca), Some(at)) = (def.table("ca"), def.get("ca")) else { continue };
        let mut say = |message: String, help: &str| {
            found.push(Diagnostic::error(&BAD_COMPONENT, message).at(at.key, "").help(help));
        };
        if def.text("protocol") != Some("https") {
            let message =
                format!("endpoint `{endpoint}` of `{name}` shows no certificate: its protocol is not `https`");
            say(message, "add `protocol = \"https\"`, or remove `ca`");
        }
        if !ca.contains_key("hostname") {
            let message = format!("`ca` of endpoint `{endpoint}` of `{name}` lacks `hostname`");
            say(message, "name a DNS name that its certificate holds, for example `${fullname}.${namespace}.svc`");
        }
        let system = ca.flag("system") == Some(true);
        let sources = [ca.contains_key("secret"), ca.contains_key("config_map"), system];
        if sources.iter().filter(|given| **given).count() != 1 {
            let message = format!("`ca` of endpoint `{endpoint}` of `{name}` needs exactly one place of the CA");
            say(message, "say `secret` or `config_map` (of its namespace, with key `ca.crt`), or `system = true`");
        }
    }
}

/// Checks what a component says against itself and against the capabilities there are.
pub fn check_consistency(
    component: &Component,
    capabilities: &IndexMap<String, Arc<Capability>>,
    found: &mut Vec<Diagnostic>,
) {
    let mut say = |at: Span, message: String, help: Option<String>| {
        let diagnostic = Diagnostic::error(&BAD_COMPONENT, message).at(at, "");
        found.push(match help {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        });
    };
    let name = &component.name;
    let common = common();
    for taken in component.options.keys().chain(component.requires.keys()).filter(|key| common.keys.contains_key(*key))
    {
        say(component.span, format!("`{taken}` is a common key: component `{name}` may not use it for itself"), None);
    }
    for key in component.without.keys().filter(|key| !common.keys.contains_key(*key) && !POD_WORDS.contains(&&***key)) {
        say(component.span, format!("`{name}` says why it takes no `{key}`, which is no common key"), None);
    }
    for twice in component.options.keys().filter(|key| component.requires.contains_key(*key)) {
        say(component.span, format!("`{twice}` is both an option and a slot of `{name}`"), None);
    }
    let unknown = |capability: &str| {
        let near = near(capability, capabilities.keys().map(String::as_str));
        (!near.is_empty()).then(|| format!("did you mean {}?", quoted_list(near, "or")))
    };
    for (slot_name, slot) in &component.requires {
        for capability in slot.capabilities.iter().filter(|c| !capabilities.contains_key(*c)) {
            say(
                slot.span,
                format!("slot `{slot_name}` of `{name}` asks for `{capability}`, which is no capability"),
                unknown(capability),
            );
        }
    }
    for (capability, offer) in &component.provides {
        let Some(known) = capabilities.get(capability) else {
            say(offer.span, format!("`{name}` provides `{capability}`, which is no capability"), unknown(capability));
            continue;
        };
        for field in offer.fields.keys().filter(|f| !known.fields.contains_key(*f)) {
            let near = near(field, known.fields.keys().map(String::as_str));
            let help = (!near.is_empty()).then(|| format!("did you mean {}?", quoted_list(near, "or")));
            say(offer.span, format!("capability `{capability}` has no field `{field}`"), help);
        }
        let given = |field: &String| {
            offer.fields.contains_key(field) || offer.credential.as_ref().is_some_and(|c| c.keys.contains_key(field))
        };
        for (field, _) in
            known.fields.iter().filter(|(field, def)| !def.optional && def.default.is_none() && !given(field))
        {
            say(offer.span, format!("`{name}` provides `{capability}` without its field `{field}`"), None);
        }
    }
    for (secret, def) in &component.secrets {
        if let Some(when) = &def.when
            && !exists(component, when)
        {
            say(
                def.span,
                format!("secret `{secret}` of `{name}` depends on `{when}`, which is no slot or option"),
                None,
            );
        }
        if let Some(each) = &def.each
            && !exists(component, each)
        {
            say(def.span, format!("secret `{secret}` of `{name}` goes over `{each}`, which is no slot"), None);
        }
    }
}

fn exists(component: &Component, path: &str) -> bool {
    match path.split_once('.') {
        Some(("requires", slot)) => component.requires.contains_key(slot),
        Some(("options", option)) => component.options.contains_key(option.split('.').next().unwrap_or("")),
        _ => path == "notify",
    }
}
