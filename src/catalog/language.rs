//! The language of component.toml and of capabilities: their keys, and what must fit together.

use std::sync::{Arc, OnceLock};

use indexmap::IndexMap;

use super::BAD_COMPONENT;
use super::component::{Capability, Component, POD_WORDS, TEMPLATE_WORDS, Tier};
use super::keys::{OPTION_TYPES, common};
use crate::diag::{Diagnostic, Span, near, quoted_list};
use crate::parse::Table;
use crate::parse::node::Lookup;
use crate::parse::shape::{COUNT, Keys, Open, Shape, TEXT, check_table, either, free_map, list, texts, words};
use crate::parse::text::Format;
use crate::settings::Described;
use crate::settings::component::{AlertTable, ChartTable, Served};
use crate::settings::platform::Engine;

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
    crate::parse::misspelt::check(table, &keys, found);
}

/// Checks the keys and types of a capability's file.
pub fn check_capability(name: &str, table: &Table, found: &mut Vec<Diagnostic>) {
    check_table(table, &capability_file(name), &Closed, found);
}

/// Returns the keys of a capability's file.
pub fn capability_file(name: &str) -> Keys {
    let claim = Keys::new("a claim field")
        .key("default", Shape::Any, "Default value; can use early references and `${claim.…}`")
        .key("pattern", TEXT, "Regular expression that the value must match")
        .key("unless", TEXT, "Another field of the claim: if that is true, this one is refused")
        .key("doc", TEXT, "One-sentence description");
    let field = Keys::new("a field")
        .key("default", TEXT, "Value when the offer omits it")
        .key("type", words(&["string", "int", "bool"]), "Type in templates (default string)")
        .key("secret", Shape::Bool, "Whether it is secret, so that only a Secret can carry it")
        .key("unless", TEXT, "Claim field that, when true, means that this field does not exist")
        .key("optional", Shape::Bool, "Whether an offer can omit it")
        .key("doc", TEXT, "One-sentence description");
    Keys::new(format!("capability `{name}`"))
        .key("summary", TEXT, "One-line description")
        .key("claim", free_map(claim.shape()), "What a consumer can ask for")
        .key("fields", free_map(field.shape()), "What a consumer receives")
}

const ANY_SCALAR: [Shape; 3] = [TEXT, Shape::Int { min: i64::MIN, max: i64::MAX }, Shape::Bool];

/// Returns the keys of component.toml.
pub fn component_file() -> Keys {
    let lifecycle = Keys::new("`[lifecycle]`")
        .key("state", words(&["archived", "retired", "stale", "end-of-life"]), "State of the software")
        .key("successor", TEXT, "Component that replaces it")
        .key("reason", TEXT, "What happened to it")
        .key("source", TEXT, "URL of the source");
    let metrics = Keys::new("`[metrics]`")
        .key("values", free_map(Shape::Any), "Helm values that enable the chart's own monitors (dotted paths)")
        .key("scrape", free_map(scrape().shape()), "ServiceMonitors that lakegen writes");
    let network = Keys::new("`[network]`")
        .key(
            "from",
            list(words(&["monitoring", "edge", "operator", "namespace", "all"])),
            "Who must reach its pods, in addition to its consumers",
        )
        .key("ports", list(either([Shape::Int { min: 1, max: 65535 }, TEXT])), "Ports of the pods, not of the Service");
    let source = Keys::new("`[source]`")
        .key("path", TEXT, "Folder in the repository")
        .key("repository", TEXT, "A name from `[repositories]` or a URL; empty: the platform's own repository")
        .key("revision", TEXT, "Branch, tag or digest; empty: the repository's branch");
    Keys::new("component.toml")
        .key("summary", TEXT, "One-line description")
        .key("tier", words(Tier::WORDS), "Layer of the platform, which decides the startup order")
        .key("scope", words(&["environment", "cluster"]), "One per environment (default), or one per cluster")
        .key("namespace", TEXT, "Its namespace (default: the name of the instance); can use early references")
        .key(
            "pod_security",
            words(&["privileged", "baseline", "restricted"]),
            "Pod Security level its namespace needs (default baseline)",
        )
        .key(
            "apis",
            list(TEXT),
            "API group/versions whose CRDs it installs; `group/version/Kind` where components share a group",
        )
        .key(
            "served",
            free_map(Served::shape()),
            "API group/version → the chart versions that serve it, and what older versions serve",
        )
        .key("annotations", list(TEXT), "Prefixes of the annotations that it reads on an Ingress")
        .key("writes_to", list(TEXT), "Other namespaces that its chart writes to")
        .key(
            "store_account",
            TEXT,
            "ServiceAccount that logs in to the platform's secret store, for the component that reads it; the \
            ClusterSecretStore is in its stage `config`",
        )
        .key("notes", list(TEXT), "Manual steps for PLATFORM.md; can use late references")
        .key("needs", list(words(&["chart", "manifests"])), "Common keys that an instance is empty without")
        .key("lifecycle", lifecycle.shape(), "Only for abandoned software")
        .key("chart", ChartTable::shape(), "Helm chart of stage `release`")
        .key("crds", ChartTable::shape(), "A chart that only installs CRDs, in stage `crds`")
        .key("source", source.shape(), "A folder in another repository that the engine reads directly")
        .key("options", free_map(Shape::Table(Arc::new(option()))), "Options that users can set")
        .key("requires", free_map(slot().shape()), "Capabilities it requires")
        .key(
            "provides",
            free_map(free_map(Shape::Any)),
            "Capabilities it provides: capability → fields; `credential` defines how a claim gets its credential",
        )
        .key("secrets", free_map(secret().shape()), "Secrets in its namespace that its chart or objects read")
        .key("endpoints", free_map(endpoint().shape()), "Services that can be published; `host` publishes `main`")
        .key(
            "pods",
            free_map(pod().shape()),
            "Where replicas, resources, placement and similar keys go in the Helm \
        values",
        )
        .key("without", free_map(TEXT), "Common keys it does not take: key → the reason, and what to do instead")
        .key("metrics", metrics.shape(), "Monitors, used where the target has `monitoring.coreos.com`")
        .key("alerts", free_map(AlertTable::shape()), "Alert rules, used under the same condition")
        .key("network", network.shape(), "For `policy.network = \"bindings\"`: who must reach its pods")
        .key("engine", engine().shape(), "What the engines must know about its objects")
}

fn stage() -> Shape {
    words(&["crds", "prepare", "release", "config"])
}

fn slot() -> Keys {
    Keys::new("a slot")
        .key("capability", texts(Format::Any), "Required capability, or several alternatives")
        .key("claim", free_map(Shape::Any), "Default claim: field of the capability → value")
        .key("optional", Shape::Bool, "Whether it can stay empty (default false)")
        .key("wait", Shape::Bool, "Whether the provider must be up first (default true)")
        .key("identity", Shape::Bool, "Whether a cloud identity can replace the secret fields (default false)")
        .key(
            "shape",
            words(&["one", "list", "map"]),
            "One provider (default), several buckets, or several providers \
        by name",
        )
        .key("credential", TEXT, "Name of the claim's credential in the store (default: the slot's name)")
        .key("follows", TEXT, "Slot whose providers' buckets or login it uses when omitted")
        .key("stage", stage(), "First stage that needs the provider (default prepare)")
        .key("doc", TEXT, "One-sentence description")
}

fn secret() -> Keys {
    Keys::new("a secret")
        .key("name", TEXT, "Name of the Secret (default: instance and key of this table)")
        .key(
            "any_keys",
            Shape::Bool,
            "Whether the chart takes the names of Secret and keys as values, so that an existing Secret can be used \
            directly",
        )
        .key(
            "keys",
            free_map(TEXT),
            "Key of the Secret → string that can use `${requires.…}`, `${item.<property>}` and other references",
        )
        .key("labels", free_map(TEXT), "Labels of the Secret")
        .key("when", TEXT, "Only with this slot (`requires.x`), option (`options.x`) or table (`notify`)")
        .key("each", TEXT, "Once per entry of a map slot, of an option that is a map of tables, or of `notify`")
        .key("generate", list(TEXT), "Properties of its item that can be any random text")
        .key("precious", Shape::Bool, "Whether losing it means losing data, so that it is never generated silently")
        .key("hint", TEXT, "How to create a good value")
        .key("type", TEXT, "Type of the Secret (default `Opaque`)")
        .key("stage", stage(), "Stage that creates it (default prepare)")
}

fn endpoint() -> Keys {
    let ca = Keys::new("`ca`")
        .key("hostname", TEXT, "DNS name in the pods' certificate")
        .key("secret", TEXT, "Secret with the CA's certificate under `ca.crt`")
        .key("config_map", TEXT, "ConfigMap with the CA's certificate under `ca.crt`")
        .key("system", Shape::Bool, "Whether a public CA signed it");
    Keys::new("an endpoint")
        .key("service", TEXT, "Its Service (default `${fullname}`)")
        .key(
            "port",
            either([Shape::Int { min: 1, max: 65535 }, TEXT]),
            "Port of the Service, a number or a name (default 80)",
        )
        .key(
            "target",
            either([Shape::Int { min: 1, max: 65535 }, TEXT]),
            "The Service's name of that port, or its number on the pods, when it differs (default: `port`)",
        )
        .key("protocol", words(&["http", "https"]), "Protocol of the pods (default http)")
        .key("path", TEXT, "Published path (default `/`)")
        .key(
            "health",
            TEXT,
            "Path that returns 200 when the pods can serve, for load balancers with their own health \
        checks",
        )
        .key("ca", ca.shape(), "With protocol `https`: the CA of the pods' certificate")
}

/// Returns the keys of an option.
pub(super) fn option() -> Keys {
    Keys::new("an option")
        .key("type", words(OPTION_TYPES), "Type (default string)")
        .key("values", list(TEXT), "The words of an enum; with other types, words that are accepted as well")
        .key("default", Shape::Any, "Default value; strings can contain references")
        .key("required", Shape::Bool, "Whether the user must set it (default false)")
        .key("pattern", TEXT, "Regular expression that a string must match")
        .key("min", Shape::Int { min: i64::MIN, max: i64::MAX }, "Minimum")
        .key("max", Shape::Int { min: i64::MIN, max: i64::MAX }, "Maximum")
        .key("items", words(OPTION_TYPES), "Type of a list's items or a map's values")
        .key("keys", free_map(Shape::Any), "Options inside a table, or inside each entry with `items = \"table\"`")
        .key("doc", TEXT, "One-sentence description")
}

fn scrape() -> Keys {
    Keys::new("`[metrics.scrape]`")
        .key("port", either(ANY_SCALAR), "Name of the Service's port, or a port number of the pods (default `metrics`)")
        .key("path", TEXT, "Path of the metrics (default `/metrics`); empty: no monitor")
        .key("interval", Shape::Text(Format::Duration), "Scrape interval (default 30s)")
        .key("selector", free_map(TEXT), "Labels of the Service")
}

fn pod() -> Keys {
    let volumes = Keys::new("`volumes`").key("list", TEXT, "Path of the list of volumes").key(
        "mounts",
        TEXT,
        "Path of the list of mounts",
    );
    let default = Keys::new("`default`")
        .key("replicas", COUNT, "Number of pods")
        .key("cpu", Shape::Text(Format::Range), "CPU `request..limit`")
        .key("memory", Shape::Text(Format::Range), "Memory `request..limit`");
    Keys::new("a pod")
        .key("replicas", TEXT, "Path of the replica count in the Helm values")
        .key("resources", TEXT, "Path of requests and limits")
        .key("placement", TEXT, "Path that receives nodeSelector, tolerations and affinity; `.` is the top level")
        .key("env", TEXT, "Path of the list of environment variables")
        .key("labels", TEXT, "Path of the pods' labels")
        .key("identity", TEXT, "Path of the ServiceAccount's annotations")
        .key("selector", free_map(TEXT), "Labels that select its pods")
        .key("volumes", volumes.shape(), "Where `files` and mounted Secrets go")
        .key(
            "takes",
            list(words(TEMPLATE_WORDS)),
            "Keys that its templates read themselves, in addition to the paths above",
        )
        .key(
            "spread",
            words(&["constraints", "affinity", "never"]),
            "How a placement's `spread` is applied (default constraints)",
        )
        .key("default", default.shape(), "Default replicas, CPU and memory")
}

fn engine() -> Keys {
    let filled = Keys::new("`operator_filled`")
        .key("group", TEXT, "API group")
        .key("kind", TEXT, "Kind")
        .key("pointers", list(TEXT), "JSON pointers")
        .key("jq", list(TEXT), "jq path expressions");
    let ready = Keys::new("`ready`").key("current", TEXT, "CEL expression that is true when the object is ready").key(
        "failed",
        TEXT,
        "CEL expression that is true when it has failed",
    );
    Keys::new("`[engine]`")
        .key("kind", words(Engine::WORDS), "Whether it is the GitOps engine itself")
        .key(
            "server_side",
            Shape::Bool,
            "Server-side apply, for objects near the annotation size limit (default \
        false)",
        )
        .key("operator_filled", list(filled.shape()), "Fields that an operator fills in, ignored in diffs")
        .key("data", list(TEXT), "Kinds (`group/Kind`) that hold data: never pruned or deleted")
        .key("health", free_map(TEXT), "Argo CD's health checks in Lua: `group_Kind` → script")
        .key(
            "ready",
            Shape::Map(Format::Any, ready.shape().into()),
            "The same for Flux, in CEL: `group_Kind` → expressions",
        )
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
            let message = format!("endpoint `{endpoint}` of `{name}` has `ca`, but its protocol is not `https`");
            say(message, "add `protocol = \"https\"`, or remove `ca`");
        }
        if !ca.contains_key("hostname") {
            let message = format!("`ca` of endpoint `{endpoint}` of `{name}` has no `hostname`");
            say(message, "set it to a DNS name in the certificate, for example `${fullname}.${namespace}.svc`");
        }
        let system = ca.flag("system") == Some(true);
        let sources = [ca.contains_key("secret"), ca.contains_key("config_map"), system];
        if sources.iter().filter(|given| **given).count() != 1 {
            let message = format!("`ca` of endpoint `{endpoint}` of `{name}` needs exactly one source of the CA");
            say(message, "set `secret` or `config_map` (in its namespace, with key `ca.crt`), or `system = true`");
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
        say(
            component.span,
            format!("`{taken}` is a common key, so component `{name}` cannot use it for its own"),
            None,
        );
    }
    for key in component.without.keys().filter(|key| !common.keys.contains_key(*key) && !POD_WORDS.contains(&&***key)) {
        say(component.span, format!("`without` of `{name}` names `{key}`, which is not a common key"), None);
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
                format!("slot `{slot_name}` of `{name}` requires `{capability}`, which is not a capability"),
                unknown(capability),
            );
        }
    }
    for (capability, offer) in &component.provides {
        let Some(known) = capabilities.get(capability) else {
            say(
                offer.span,
                format!("`{name}` provides `{capability}`, which is not a capability"),
                unknown(capability),
            );
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
            say(offer.span, format!("`{name}` provides `{capability}` but not its field `{field}`"), None);
        }
    }
    for (secret, def) in &component.secrets {
        if let Some(when) = &def.when
            && !exists(component, when)
        {
            say(
                def.span,
                format!("secret `{secret}` of `{name}` depends on `{when}`, which is not a slot or option"),
                None,
            );
        }
        if let Some(each) = &def.each
            && !exists(component, each)
        {
            say(
                def.span,
                format!("secret `{secret}` of `{name}` repeats for each `{each}`, which is not a slot"),
                None,
            );
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
