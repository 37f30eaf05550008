//! The keys that a user may set on a component: common ones, its options, its slots.
//!
//! This is the one description of a component's table: the checker, the JSON Schema, `catalog show` and the docs read it.

use indexmap::IndexMap;

use super::component::{Endpoint, OptionDef, Pod, Shape as SlotShape, Slot, TIERS};
use crate::parse::shape::{COUNT, Key, Keys, Shape, TEXT, either, free_map, list, map, texts, words};
use crate::parse::text::Format;

/// Keys that every component has; no option or slot may take one of these names.
pub fn common() -> Keys {
    let tiers: Vec<&str> = TIERS.iter().map(|(name, _)| *name).collect();
    Keys::new("a component")
        .key("uses", Shape::Text(Format::Name), "Name in the catalogue, when it differs from the instance's own name")
        .key("enabled", Shape::Bool, "Whether the component is part of the platform (default true)")
        .key("like", Shape::Text(Format::Name), "A sibling whose table is copied first, as it stands there")
        .key("namespace", Shape::Text(Format::Name), "Kubernetes namespace (default: the catalogue's)")
        .key("release", Shape::Text(Format::Name), "Helm release name (default: the instance's name)")
        .key("version", Shape::Text(Format::Version), "Chart version (default: the catalogue's)")
        .key("chart", chart_shape(), "Another chart or chart repository than the catalogue's")
        .key("tier", words(&tiers), "Layer of the platform, which decides the order of coming up")
        .key("after", texts(Format::Reference), "Components that must be up first, beyond what the wiring says")
        .key("host", texts(Format::Host), "Host of the main endpoint: a name below the domain, a whole name, or `@`")
        .key("hosts", Shape::Map(Format::Name, texts(Format::Host).into()), "Hosts of further endpoints")
        .key("identity", either([Shape::Bool, TEXT]), "Cloud identity (role) of its service accounts")
        .key(
            "credentials",
            free_map(credential_shape()),
            "Where a slot's credential comes from: an item of the store, or a table",
        )
        .key("apis", texts(Format::Any), "API group/versions (CRDs) that it brings to the cluster")
        .key("placement", texts(Format::Name), "Named placements of its pods")
        .key("pods", Shape::Any, "Replicas, cpu, memory and placement per pod")
        .key(
            "env",
            free_map(either([TEXT, Shape::Int { min: i64::MIN, max: i64::MAX }, Shape::Bool, Shape::Number])),
            "Environment variables of its pods; may refer to bindings and secrets",
        )
        .key(
            "files",
            free_map(TEXT),
            "Files mounted into its pods: absolute path → text; may refer to bindings and secrets",
        )
        .key("secrets", map(secret_shape()), "Secrets of its own, or another item for one of the catalogue's")
        .key("alerts", Shape::Map(Format::Any, alert_shape().into()), "Alert rules")
        .key("dashboards", texts(Format::Path), "Grafana dashboards (JSON files of the repository)")
        .key("values", free_map(Shape::Any), "Raw Helm values, laid over everything else and checked against the chart")
        .key("values_files", texts(Format::Path), "Helm values files of the repository, laid under `values`")
        .key("patches", list(patch_shape()), "Kustomize patches on the objects of the component")
        .key("manifests", texts(Format::Any), "Kubernetes manifests of the repository (globs), added to the component")
        .key("sync", sync_shape(), "How the engine syncs it")
        .key("unset", list(TEXT), "Dotted keys to remove from the layers below")
}

/// The table of a chart as users and catalogues write it.
pub fn chart_shape() -> Shape {
    Keys::new("`chart`")
        .key("repository", Shape::Text(Format::Url), "Address of a classic Helm repository")
        .key(
            "oci",
            Shape::Text(Format::Url),
            "Address (`oci://…`) of the folder that holds the chart in an OCI registry",
        )
        .key("name", TEXT, "Chart name")
        .key("version", Shape::Text(Format::Version), "Chart version, exact")
        .key("supports", TEXT, "Versions that the templates know")
        .key("fullname", TEXT, "What `${fullname}` is")
        .key("open_values", list(TEXT), "Value maps that take any key")
        .key("skip_crds", Shape::Bool, "Whether the chart's `crds/` folder is left out")
        .shape()
}

fn credential_shape() -> Shape {
    let table = Keys::new("a credential")
        .key("source", words(&["store", "generate", "made", "file", "identity"]), "Where the credential comes from")
        .key("item", Shape::Text(Format::Item), "Item of the secret store")
        .key("secret", TEXT, "Name of the Secret that holds it")
        .key("namespace", Shape::Text(Format::Name), "Namespace of that Secret")
        .key("keys", free_map(TEXT), "Field of the capability → key of the Secret or property of the item")
        .key("role", TEXT, "Cloud role, with source `identity`");
    either([Shape::Text(Format::Item), table.shape()])
}

fn secret_shape() -> Shape {
    Keys::new("a secret")
        .key("item", Shape::Text(Format::Item), "Item of the store (default: by the convention `secrets.key`)")
        .key("name", TEXT, "Name of the Kubernetes Secret")
        .key("keys", free_map(TEXT), "Key of the Secret → string with `${item.<property>}` or other references")
        .key("labels", free_map(TEXT), "Labels of the Secret")
        .key("type", TEXT, "Type of the Secret")
        .shape()
}

/// The table of an alert.
pub fn alert_shape() -> Shape {
    Keys::new("an alert")
        .key("expr", TEXT, "PromQL expression that is true when something is wrong")
        .key("for", Shape::Text(Format::Duration), "How long it must be true (default 5m)")
        .key("severity", words(&["info", "warning", "critical"]), "How bad it is (default warning)")
        .key("summary", TEXT, "One line for the person on call")
        .shape()
}

fn patch_shape() -> Shape {
    let target = Keys::new("`target`")
        .key("group", TEXT, "API group")
        .key("version", TEXT, "API version")
        .key("kind", TEXT, "Kind")
        .key("name", TEXT, "Name (a regular expression, as kustomize reads it)")
        .key("namespace", TEXT, "Namespace")
        .key("labels", TEXT, "Label selector");
    Keys::new("a patch")
        .key("target", target.shape(), "Which objects")
        .key("stage", words(&["crds", "prepare", "release", "config"]), "Stage of the objects (default release)")
        .key("merge", free_map(Shape::Any), "What is laid over the object (strategic merge)")
        .key("json", list(free_map(Shape::Any)), "JSON patch operations (RFC 6902)")
        .shape()
}

/// The table of `sync`, per component and as defaults.
pub fn sync_shape() -> Shape {
    let ignore = Keys::new("`ignore`")
        .key("group", TEXT, "API group")
        .key("kind", TEXT, "Kind")
        .key("name", TEXT, "Name")
        .key("pointers", list(TEXT), "JSON pointers")
        .key("jq", list(TEXT), "jq path expressions");
    let retry = Keys::new("`retry`")
        .key("limit", Shape::Int { min: -1, max: 1000 }, "How often a failed sync is tried again; -1 for ever")
        .key("delay", Shape::Text(Format::Duration), "First delay")
        .key("factor", Shape::Int { min: 1, max: 10 }, "Growth of the delay")
        .key("max_delay", Shape::Text(Format::Duration), "Longest delay");
    Keys::new("`sync`")
        .key("automated", Shape::Bool, "Whether changes in git are applied by themselves (default true)")
        .key("prune", Shape::Bool, "Whether objects that left git are removed (default true; never data)")
        .key("self_heal", Shape::Bool, "Whether changes in the cluster are undone (default true)")
        .key("server_side", Shape::Bool, "Server-side apply for the whole component")
        .key(
            "cascade",
            Shape::Bool,
            "Whether removing the component removes its objects (default true unless it holds data)",
        )
        .key("retry", retry.shape(), "Retries of a failed sync")
        .key("options", list(TEXT), "Further sync options of Argo CD, as written there")
        .key("ignore", list(ignore.shape()), "Fields that others change")
        .key("revision_history", COUNT, "How many old syncs are kept")
        .shape()
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
        keys.keys.insert(option.clone(), Key { shape: option_shape(option, def), doc });
    }
    for (slot, def) in requires {
        keys.keys.insert(slot.clone(), Key { shape: slot_shape(def), doc: def.doc.clone() });
    }
    keys
}

fn set(keys: &mut Keys, name: &str, shape: Shape) {
    if let Some(key) = keys.keys.get_mut(name) {
        key.shape = shape;
    }
}

fn pod_shape(name: &str) -> Shape {
    Keys::new(format!("pod `{name}`"))
        .key("replicas", COUNT, "Number of pods")
        .key("cpu", Shape::Text(Format::Range), "Processor `request..limit`, for example `500m..2`")
        .key("memory", Shape::Text(Format::Range), "Memory `request..limit`, for example `4Gi..8Gi`")
        .key("placement", texts(Format::Name), "Named placements of these pods")
        .key(
            "env",
            free_map(either([TEXT, Shape::Int { min: i64::MIN, max: i64::MAX }, Shape::Bool])),
            "Environment variables of these pods",
        )
        .shape()
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
        all.keys.insert(key.clone(), Key { shape: option_shape(key, def), doc: def.doc.clone() });
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
