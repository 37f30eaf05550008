//! What is tried on a component: every key that may be said of it, with a value that differs from the default.

use lakegen::catalog::keys::common;
use lakegen::catalog::{Catalogue, Component, OptionDef, Slot, SlotShape};
use toml::{Table, Value};

use super::document::{Document, below, path, said};
use super::values::{claimed, required, values};

/// One key of one component.
#[derive(Clone)]
pub struct Probe {
    /// The key as a user would say it, below the component.
    pub name: String,
    /// Its path in the file: a finding has to stand on its lines.
    pub at: Vec<String>,
    /// Values of the right type; one that shows is enough.
    pub values: Vec<Value>,
    /// What else the platform says, with the key and without it.
    pub context: Vec<(Vec<String>, Value)>,
    /// What has to stand in the tree, where a difference alone proves too little.
    pub marker: Option<&'static str>,
    /// Whether a finding at another place is an answer too: what the key takes away is missed there.
    pub elsewhere: bool,
    /// The finding that goes away, where the key says only what is looked at.
    pub silences: Option<&'static str>,
}

/// What is probed: a component of an example, or a job.
pub struct Subject<'a> {
    pub definition: &'a Component,
    /// `components.kafka`
    pub place: Vec<String>,
    pub example: &'a Document,
    pub catalogue: &'a Catalogue,
}

fn text(value: &str) -> Value {
    Value::from(value)
}

fn table(table: Table) -> Value {
    Value::Table(table)
}

/// Returns every probe of a component.
pub fn all(subject: &Subject<'_>) -> Vec<Probe> {
    let mut probes: Vec<Probe> = common().keys.keys().flat_map(|key| common_key(subject, key)).collect();
    if subject.place[0] == "jobs" {
        probes.push(subject.probe(&["when"], ["sync", "schedule", "install", "demand"].map(text)));
        probes.push(subject.probe(&["on"], [text("probe-app")]));
    }
    let apis = vec![(path(&["platform", "apis"]), with_apis(subject.example))];
    for (name, def) in &subject.definition.options {
        options(&subject.below(&[name]), name, def, &apis, subject.example, &mut probes);
    }
    for (name, def) in &subject.definition.requires {
        probes.extend(slot(subject, name, def));
    }
    by_hand(subject, &mut probes);
    probes
}

/// Values that only a template or a doc describes, as the TOML of the key: component, key, text.
const VALUES: &[(&str, &str, &str)] = &[
    ("bootstrap-phases", "phases", r#""7.7".objective = "probe""#),
    ("lakekeeper", "rights", r#"probe = ["select"]"#),
    ("openfga", "model", "user = {}"),
];

/// What a key needs beside it, laid over the platform; `this` is the component: component, key, text.
const BESIDE: &[(&str, &str, &str)] = &[
    (
        "app",
        "rollout.query",
        "this.prometheus = 'probe'\nexternal.probe = { provides = 'monitoring', url = 'https://probe.example.com', alertmanager = 'https://probe.example.com', namespace = 'probe' }",
    ),
    // A chart whose values are known without its archive.
    (
        "chart",
        "chart.open_values",
        "this.chart = { oci = 'oci://quay.io/jetstack/charts', name = 'cert-manager', version = 'v1.21.1' }",
    ),
];

fn by_hand(subject: &Subject<'_>, probes: &mut [Probe]) {
    let of = |table: &'static [(&str, &str, &str)], key: &str| {
        let entry = table.iter().find(|(component, name, _)| subject.definition.name == *component && key == *name);
        entry.map(|(.., text)| *text)
    };
    for probe in probes {
        if let Some(text) = of(VALUES, &probe.name) {
            probe.at = subject.below(&[&probe.name]);
            probe.values = vec![said(text)];
        }
        let Some(text) = of(BESIDE, &probe.name) else { continue };
        let mut beside = toml::from_str::<Table>(text).expect("it is TOML");
        let this = beside.remove("this").and_then(|this| this.as_table().cloned()).unwrap_or_default();
        let this = this.into_iter().map(|(key, value)| (subject.below(&[&key]), value));
        let sections = beside.into_iter().flat_map(|(section, entries)| {
            let entries = entries.as_table().cloned().unwrap_or_default();
            entries.into_iter().map(move |(key, value)| (path(&[&section, &key]), value))
        });
        probe.context.splice(0..0, this.chain(sections));
    }
}

impl Subject<'_> {
    /// Returns a reference to something of the component.
    fn field(&self, field: &str) -> String {
        format!("${{components.{}.{field}}}", self.place[1])
    }

    fn below(&self, words: &[&str]) -> Vec<String> {
        below(&self.place, words)
    }

    fn probe(&self, key: &[&str], values: impl IntoIterator<Item = Value>) -> Probe {
        let (name, at) = (key.join("."), self.below(key));
        Probe {
            name,
            at,
            values: values.into_iter().collect(),
            context: vec![],
            marker: None,
            elsewhere: false,
            silences: None,
        }
    }
}

impl Probe {
    fn with(mut self, at: &[&str], value: impl Into<Value>) -> Self {
        self.context.push((path(at), value.into()));
        self
    }

    fn beside(mut self, at: Vec<String>, value: impl Into<Value>) -> Self {
        self.context.push((at, value.into()));
        self
    }

    fn marked(mut self, marker: &'static str) -> Self {
        self.marker = Some(marker);
        self
    }

    fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }
}

/// Returns the probes of a key that all components may have.
fn common_key(subject: &Subject<'_>, key: &str) -> Vec<Probe> {
    let one = |value: Value| vec![subject.probe(&[key], [value])];
    match key {
        // What a component is: another word there makes another component.
        "uses" => vec![],
        "enabled" => vec![Probe { elsewhere: true, ..subject.probe(&[key], [false.into()]) }],
        "like" => {
            let sibling = path(&[&subject.place[0], "probe-like"]);
            let mut kind = vec![(below(&sibling, &["enabled"]), false.into())];
            if subject.place[0] == "jobs" {
                kind.push((below(&sibling, &["kind"]), text(&subject.definition.name["job-".len()..])));
            } else {
                kind.push((below(&sibling, &["uses"]), text(&subject.definition.name)));
            }
            kind.push((below(&sibling, &["sync", "prune"]), false.into()));
            let probe = subject.probe(&[key], [text("probe-like")]);
            vec![Probe { context: kind, ..probe }]
        }
        "namespace" | "release" => one(text("probe-other")),
        "version" => one(text("77.7.7")),
        "chart" => chart(subject),
        "tier" => vec![subject.probe(&[key], ["engine", "app"].map(text))],
        "after" => one(Value::from(vec!["probe-app"])),
        "host" => one(text("probe-host")),
        "hosts" => {
            let known = subject.definition.endpoints.keys().map(String::as_str).filter(|e| *e != "main");
            let names: Vec<&str> = known.chain(["probe"]).collect();
            names.iter().map(|name| subject.probe(&[key, name], [text("probe-host")])).collect()
        }
        "identity" => vec![
            subject.probe(&[key], [text("probe-role")]),
            subject
                .probe(&[key], [text("probe-role")])
                .with(&["platform", "cloud"], "aws")
                .marked("probe-role")
                .named("identity (on a cloud)"),
        ],
        "credentials" => credentials(subject),
        "apis" => vec![
            subject
                .probe(&[key], [Value::from(vec!["probe.example.com/v1"])])
                .with(&["components", "probe-objects", "uses"], "manifests")
                .with(&["components", "probe-objects", "manifests"], "probe/probe.yaml"),
        ],
        "placement" => vec![
            subject.probe(&[key], [text("probe")]).marked("probe-pool"),
            subject.probe(&[key], [text("probe-spread")]).marked("probe.example.com/zone").named("placement (spread)"),
        ],
        "pods" => pods(subject),
        "env" => vec![subject.probe(&["env", "LAKEGEN_PROBE"], [text("probe-value")]).marked("probe-value")],
        "files" => {
            let file = "/etc/lakegen-probe/probe.conf";
            vec![subject.probe(&["files", file], [text("probe")]).marked("/etc/lakegen-probe/probe.conf")]
        }
        "secrets" => secrets(subject),
        "alerts" => alerts(subject),
        "dashboards" => one(Value::from(vec!["dashboards/probe.json"])),
        "values" => vec![subject.probe(&["values", "lakegenProbe"], [text("probe")])],
        "values_files" => one(Value::from(vec!["values/probe.yaml"])),
        "patches" => patches(subject),
        "manifests" => one(Value::from(vec!["extras/settings.yaml"])),
        "sync" => sync(subject),
        "unset" => {
            let engine = subject.definition.tier == lakegen::catalog::Tier::Engine;
            let all = ["tier", "sync"].map(|key| Value::from(vec![key]));
            let tier = if engine { "app" } else { "engine" };
            vec![
                subject
                    .probe(&[key], all)
                    .with(&["defaults", "tier"], tier)
                    .with(&["defaults", "sync", "prune"], false),
            ]
        }
        new => panic!("`{new}` is a new common key: say here which value of it shows"),
    }
}

fn chart(subject: &Subject<'_>) -> Vec<Probe> {
    let keys = [
        ("repository", text("https://charts.probe.example.com")),
        ("oci", text("oci://probe.example.com/charts")),
        ("name", text("probe")),
        ("version", text("77.7.7")),
        ("supports", text(">=77")),
        ("fullname", text("probe-fullname")),
        ("open_values", Value::from(vec!["lakegenProbe"])),
        ("skip_crds", true.into()),
    ];
    keys.into_iter()
        .map(|(key, value)| {
            let probe = subject.probe(&["chart", key], [value]);
            match key {
                "open_values" => Probe {
                    silences: Some("unknown-value"),
                    ..probe.beside(subject.below(&["values", "lakegenProbe", "a"]), "b")
                },
                "fullname" => {
                    probe.beside(path(&["components", "probe-app", "maps", "probe", "a"]), subject.field("fullname"))
                }
                "skip_crds" => Probe { values: vec![true.into(), false.into()], ..probe },
                _ => probe,
            }
        })
        .collect()
}

fn pods(subject: &Subject<'_>) -> Vec<Probe> {
    let mut probes = vec![subject.probe(&["pods", "probe-pod", "replicas"], [Value::from(7)])];
    for pod in subject.definition.pods.keys() {
        let of = |key: &str, value: Value| subject.probe(&["pods", pod, key], [value]);
        probes.push(of("replicas", 7.into()));
        probes.push(of("cpu", text("333m..7")));
        probes.push(of("memory", text("7Gi..7Gi")));
        probes.push(of("placement", text("probe")).marked("probe-pool"));
        probes.push(
            of("placement", text("probe-spread"))
                .marked("probe.example.com/zone")
                .named(format!("pods.{pod}.placement (spread)")),
        );
        let env = subject.probe(&["pods", pod, "env", "LAKEGEN_PROBE"], [text("probe-value")]);
        probes.push(env.marked("probe-value"));
    }
    probes
}

fn secrets(subject: &Subject<'_>) -> Vec<Probe> {
    let mut probes = Vec::new();
    // What the store itself needs cannot come from it.
    let kept = subject.definition.tier == lakegen::catalog::Tier::Secrets;
    let store = |probe: Probe| match kept {
        true => probe.with(&["secrets"], said("provider = 'sealed'")),
        false => store(probe, subject.example),
    };
    for secret in subject.definition.secrets.keys() {
        let of = |key: &str, value: Value| store(subject.probe(&["secrets", secret, key], [value]));
        probes.push(of("item", text("probe/item")));
        probes.push(of("name", text("probe-secret")));
        probes.push(of("labels", said(r#"probe = "probe""#)));
        probes.push(of("type", text("example.com/probe")));
    }
    let own = subject.below(&["secrets", "probe"]);
    let keys = || said(r#"probe = "${item.probe}""#);
    for (key, value) in [
        ("item", text("probe/item")),
        ("name", text("probe-secret")),
        ("labels", said(r#"probe = "probe""#)),
        ("type", text("example.com/probe")),
    ] {
        let probe = subject.probe(&["secrets", "probe", key], [value]).beside(below(&own, &["keys"]), keys());
        probes.push(store(probe));
    }
    probes.push(store(subject.probe(&["secrets", "probe", "keys"], [keys()])));
    probes
}

/// Adds a store that External Secrets reads, where the example has none.
fn store(probe: Probe, example: &Document) -> Probe {
    if example.get(&path(&["secrets", "provider"])).is_some() {
        return probe;
    }
    probe
        .with(&["secrets", "provider"], "vault")
        .with(&["secrets", "at"], "https://vault.example.com")
        .with(&["components", "external-secrets", "enabled"], true)
}

fn alerts(subject: &Subject<'_>) -> Vec<Probe> {
    let rule = || said(r#"expr = "vector(7777)""#);
    let watched = |probe: Probe| probe.with(&["platform", "apis"], with_apis(subject.example));
    let mut probes = vec![
        subject.probe(&["alerts", "LakegenProbe"], [rule()]).named("alerts (nothing watches)"),
        watched(subject.probe(&["alerts", "LakegenProbe"], [rule()])),
    ];
    let known = subject.definition.alerts.keys().next().map_or("LakegenProbe", String::as_str);
    for (key, value) in [("expr", "vector(7777)"), ("for", "77m"), ("severity", "info"), ("summary", "probe")] {
        let mut probe = watched(subject.probe(&["alerts", known, key], [text(value)]));
        if known == "LakegenProbe" && key != "expr" {
            probe = probe.beside(subject.below(&["alerts", known, "expr"]), "vector(1)");
        }
        probes.push(probe);
    }
    probes
}

/// Returns the platform's `apis` and those that options ask for.
fn with_apis(example: &Document) -> Value {
    let known = example.get(&path(&["platform", "apis"])).and_then(Value::as_array);
    let more = ["monitoring.coreos.com/v1", "argoproj.io/v1alpha1"].map(text);
    Value::Array(known.into_iter().flatten().cloned().chain(more).collect())
}

fn patches(subject: &Subject<'_>) -> Vec<Probe> {
    let annotate = || said(r#"metadata.annotations.probe = "probe""#);
    let patch = |target: Value, stage: Option<&str>| {
        let mut patch = Table::from_iter([("target".to_string(), target), ("merge".to_string(), annotate())]);
        if let Some(stage) = stage {
            patch.insert("stage".into(), text(stage));
        }
        Value::Array(vec![table(patch)])
    };
    let any = || said(r#"name = ".*""#);
    let mut probes = vec![
        subject.probe(&["patches"], [patch(any(), None)]).named("patches"),
        subject.probe(&["patches"], [patch(said(r#"kind = "Probe""#), None)]).named("patches (of nothing)"),
    ];
    for stage in ["crds", "prepare", "config"] {
        probes.push(subject.probe(&["patches"], [patch(any(), Some(stage))]).named(format!("patches ({stage})")));
    }
    probes
}

fn sync(subject: &Subject<'_>) -> Vec<Probe> {
    let of = |words: &[&str], values: Vec<Value>| {
        let key: Vec<&str> = ["sync"].iter().chain(words).copied().collect();
        subject.probe(&key, values)
    };
    let both = || vec![Value::from(false), Value::from(true)];
    let rule = |key: &str, field: &str| {
        let fields = Value::from(vec![field]);
        let rule = Table::from_iter([
            ("kind".to_string(), text("Deployment")),
            ("group".to_string(), text("apps")),
            (key.to_string(), fields),
        ]);
        vec![Value::Array(vec![table(rule)])]
    };
    let mut probes: Vec<Probe> =
        ["automated", "prune", "self_heal", "server_side", "cascade"].iter().map(|key| of(&[key], both())).collect();
    probes.push(of(&["retry", "limit"], vec![77.into()]));
    probes.push(of(&["retry", "delay"], vec![text("77s")]));
    probes.push(of(&["retry", "factor"], vec![7.into()]));
    probes.push(of(&["retry", "max_delay"], vec![text("77m")]));
    probes.push(of(&["options"], vec![Value::from(vec!["Probe=true"])]));
    probes.push(of(&["ignore"], rule("pointers", "/spec/probe")).named("sync.ignore.pointers"));
    probes.push(of(&["ignore"], rule("jq", ".spec.probe")).named("sync.ignore.jq"));
    probes.push(of(&["revision_history"], vec![77.into()]));
    probes
}

/// Returns the probes of an option, and of every key in it.
fn options(
    at: &[String],
    name: &str,
    def: &OptionDef,
    context: &[(Vec<String>, Value)],
    example: &Document,
    probes: &mut Vec<Probe>,
) {
    let known = values(def, example.get(at));
    let of = |values: Vec<Value>| Probe {
        name: name.to_string(),
        at: at.to_vec(),
        values,
        context: context.to_vec(),
        marker: None,
        elsewhere: false,
        silences: None,
    };
    let tables = def.keys.iter();
    match (def.kind.as_str(), def.items.as_deref()) {
        ("table", _) if !def.keys.is_empty() => inner(at, name, def, context, example, probes),
        ("map", Some("table")) if !def.keys.is_empty() => {
            let known = example.get(at).and_then(Value::as_table).and_then(|t| t.keys().next().cloned());
            let entry = known.unwrap_or_else(|| "probe".into());
            let entry_at = below(at, &[&entry]);
            probes.push(Probe { at: below(at, &["probe"]), ..of(vec![table(required(def))]) });
            inner(&entry_at, &format!("{name}.*"), def, context, example, probes);
        }
        ("list", Some("table")) if !def.keys.is_empty() => {
            probes.push(of(vec![Value::Array(vec![table(required(def))])]));
            for (key, inner) in tables {
                let lists = values(inner, None).into_iter().map(|value| {
                    let mut entry = required(def);
                    entry.insert(key.clone(), value);
                    Value::Array(vec![table(entry)])
                });
                let mut context = context.to_vec();
                context.push((at.to_vec(), Value::Array(vec![table(required(def))])));
                probes.push(Probe { name: format!("{name}[].{key}"), context, ..of(lists.collect()) });
            }
        }
        _ => probes.push(of(known)),
    }
}

fn inner(
    at: &[String],
    name: &str,
    def: &OptionDef,
    context: &[(Vec<String>, Value)],
    example: &Document,
    probes: &mut Vec<Probe>,
) {
    for (key, inner) in &def.keys {
        let mut context = context.to_vec();
        for (other, value) in required(def) {
            let path = below(at, &[&other]);
            if other != *key && example.get(&path).is_none() {
                context.push((path, value));
            }
        }
        options(&below(at, &[key]), &format!("{name}.{key}"), inner, &context, example, probes);
    }
}

/// Returns the probes of a slot: bound to something else, or to something at all.
fn slot(subject: &Subject<'_>, name: &str, def: &Slot) -> Vec<Probe> {
    let at = subject.below(&[name]);
    let capability = &def.capabilities[0];
    let bound = match def.shape {
        SlotShape::One => text("probe-external"),
        SlotShape::List => Value::from(vec!["probe-external"]),
        SlotShape::Map => said(r#"probe = "probe-external""#),
    };
    let mut probe = external(subject.probe(&[name], [bound]), subject, capability);
    if def.optional && subject.example.get(&at).is_none() && def.shape != SlotShape::Map {
        probe = probe.beside(at, false);
    }
    // A list of buckets is claimed as it is.
    let capabilities = def.capabilities.iter().filter(|_| def.shape != SlotShape::List);
    let claimed = capabilities.flat_map(|capability| claims(subject, name, def, capability));
    std::iter::once(probe).chain(claimed).collect()
}

/// Returns the probes of what is claimed in a slot, bound as the example binds it or to something outside.
fn claims(subject: &Subject<'_>, name: &str, def: &Slot, capability: &str) -> Vec<Probe> {
    let mut at = subject.below(&[name]);
    if def.shape == SlotShape::Map {
        at.push("probe".into());
    }
    let provider = subject.example.get(&at).and_then(Value::as_str).and_then(|said| said.split('/').next());
    let claim = &subject.catalogue.capabilities[capability].claim;
    let probes = claim.iter().map(|(field, claim)| {
        let mut probe = subject.probe(&[name, field], claimed(claim.pattern.as_deref()));
        probe.at = below(&at, &[field]);
        if provider.is_none() {
            probe = external(probe, subject, capability);
        }
        probe.beside(below(&at, &["from"]), provider.unwrap_or("probe-external"))
    });
    probes.collect()
}

/// Adds something outside that offers a capability.
fn external(mut probe: Probe, subject: &Subject<'_>, capability: &str) -> Probe {
    let known = &subject.catalogue.capabilities[capability];
    let mut offer = Table::from_iter([("provides".to_string(), text(capability))]);
    for (field, def) in &known.fields {
        if def.secret {
            offer.insert("credentials".into(), text("probe/login"));
        } else if def.default.is_none() && !def.optional && field != "bucket" {
            let value = match def.kind.as_str() {
                "int" => Value::from(7777),
                "bool" => Value::from(true),
                _ if field.contains("ur") => text("https://probe.example.com"),
                _ => text("probe.example.com"),
            };
            offer.insert(field.clone(), value);
        }
    }
    if capability == "bucket" {
        let known = known_store(subject);
        let store = known.as_deref().unwrap_or("probe-store");
        probe = probe.with(&["buckets", "probe-external", "store"], store);
        if known.is_none() {
            probe = probe.with(&["external", "probe-store"], table(offer));
        }
    } else {
        probe = probe.with(&["external", "probe-external"], table(offer));
    }
    store(probe, subject.example)
}

/// Returns the object store of the example: with a second one, its own buckets would have to say where they lie.
fn known_store(subject: &Subject<'_>) -> Option<String> {
    let entries =
        |section: &str| subject.example.get(&path(&[section])).and_then(Value::as_table).into_iter().flatten();
    let inside = entries("components").find(|(name, said)| {
        let uses = said.get("uses").and_then(Value::as_str).unwrap_or(name);
        subject.catalogue.components.get(uses).is_some_and(|definition| definition.provides.contains_key("bucket"))
    });
    let outside = || {
        entries("external").find(|(_, said)| match said.get("provides") {
            Some(Value::Array(all)) => all.iter().any(|one| one.as_str() == Some("bucket")),
            one => one.and_then(Value::as_str) == Some("bucket"),
        })
    };
    inside.or_else(outside).map(|(name, _)| name.clone())
}

/// Returns the probes of where a slot's credential comes from.
fn credentials(subject: &Subject<'_>) -> Vec<Probe> {
    let nothing = subject.probe(&["credentials", "probe-slot"], [text("probe/item")]);
    let mut probes = vec![store(nothing, subject.example)];
    for (name, def) in &subject.definition.requires {
        let capability = &def.capabilities[0];
        if !subject.catalogue.capabilities[capability].fields.values().any(|field| field.secret) {
            continue;
        }
        let probe = subject.probe(&["credentials", name], [text("probe/other")]);
        let bound = subject.example.get(&subject.below(&[name])).is_some();
        probes.push(if bound {
            store(probe, subject.example)
        } else {
            let bound = slot(subject, name, def).remove(0);
            let value = bound.values[0].clone();
            Probe { context: bound.context, ..probe }.beside(bound.at, value)
        });
    }
    probes
}
