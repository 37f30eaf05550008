//! What templates see: the context of templates/README.md, built for one component of one target.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use indexmap::IndexMap;
use minijinja::value::Value as Jinja;

use super::to_jinja;
use super::watched::{Path, Reads, Watched};
use crate::catalog::OptionDef;
use crate::catalog::keys::option_shape;
use crate::diag::Diagnostic;
use crate::lower::Lowering;
use crate::lower::charts::values;
use crate::lower::secrets::{Own, stores};
use crate::manifest::value::{Map, Value, object};
use crate::parse::node::Lookup;
use crate::parse::shape::Shape;
use crate::parse::{INVALID_VALUE, Kind, MISSING_KEY, Node, string};
use crate::resolve::buckets::BUCKET;
use crate::resolve::charts::version_key;
use crate::resolve::offers::offered;
use crate::resolve::scope::{Known, Late};
use crate::resolve::{Binding, Instance, Route, SlotBinding};

/// The part of the context that all components of a target share.
pub struct Shared {
    entries: Vec<(&'static str, Arc<Value>, Jinja)>,
    /// Served API version by group.
    apis: Arc<BTreeMap<String, String>>,
}

/// What the templates of one component see.
pub struct Context {
    parts: Vec<(&'static str, Arc<Value>)>,
    given: Vec<(&'static str, Jinja)>,
    apis: Arc<BTreeMap<String, String>>,
    asked: Arc<Mutex<BTreeSet<String>>>,
    chart_version: String,
    built: OnceCell<Jinja>,
    /// Parts that remember what of them is read.
    watched: OnceCell<Vec<(&'static str, Arc<Watched>)>>,
    read: RefCell<Vec<Arc<Reads>>>,
}

/// Parts of the context that hold what users say of one component.
const WATCHED: &[&str] = &["options", "requires", "pods"];

impl Context {
    /// Returns what was read since the last call.
    pub fn reads(&self) -> Arc<Reads> {
        let mut reads = Reads::new();
        for (name, part) in self.watched.get().into_iter().flatten() {
            part.take(&mut Path::from([Arc::from(*name)]), &mut reads);
        }
        Arc::new(reads)
    }

    /// Remembers what a template read, now or when it gave the same before.
    pub fn note(&self, reads: Arc<Reads>) {
        self.read.borrow_mut().push(reads);
    }

    /// Returns everything that was noted.
    pub fn read(&self) -> Vec<Arc<Reads>> {
        self.read.take()
    }

    /// Returns the parts that a template reads, to tell whether it would give the same again.
    pub fn inputs(&self, names: &[String]) -> Vec<Arc<Value>> {
        let part = |name: &str| self.parts.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
        names.iter().filter_map(|name| part(name)).collect()
    }

    /// Returns the context as templates take it; built when the first one runs.
    pub fn jinja(&self) -> &Jinja {
        self.built.get_or_init(|| {
            let (apis, asked) = (self.apis.clone(), self.asked.clone());
            let api = move |group: &str| {
                let api = apis.get(group).cloned();
                if api.is_some()
                    && let Ok(mut asked) = asked.lock()
                {
                    asked.insert(group.to_string());
                }
                api
            };
            let version = self.chart_version.clone();
            let at_least = move |wanted: &str| version_key(&version) >= version_key(wanted);
            let functions = [("api", Jinja::from_function(api)), ("version_at_least", Jinja::from_function(at_least))];
            let given: BTreeSet<&str> = self.given.iter().map(|(key, _)| *key).collect();
            let watched = self.watched.get_or_init(|| {
                let parts = self.parts.iter().filter(|(key, _)| WATCHED.contains(key));
                parts.filter_map(|(key, value)| Some((*key, Watched::new(value)?))).collect()
            });
            let seen = |key: &str| watched.iter().find(|(name, _)| *name == key).map(|(_, part)| part.clone());
            let own = self.parts.iter().filter(|(key, _)| !given.contains(key) && *key != "api");
            let own = own.map(|(key, value)| (*key, seen(key).map_or_else(|| to_jinja(value), Jinja::from_dyn_object)));
            Jinja::from_pairs(self.given.iter().cloned().chain(own).chain(functions))
        })
    }
}

impl Shared {
    /// Builds it once per target.
    pub fn new(lowering: &Lowering<'_>, found: &mut Vec<Diagnostic>) -> Self {
        let target = lowering.target;
        let ground = &target.ground();
        let _late = Late::new(&lowering.platform.targets, lowering.index, None, lowering.known);
        let table = |key: &str| target.seen.get(key).cloned().unwrap_or_else(|| Value::Map(Map::default()));
        let platform = object([
            ("name", Value::from(ground.name.as_str())),
            ("domain", Value::from(ground.domain.as_str())),
            ("kubernetes", Value::from(ground.kubernetes.as_str())),
            ("engine", Value::from(lowering.platform.engine.name())),
            ("cloud", Value::from(ground.cloud.as_str())),
        ]);
        let named = |name: &str| object([("name", Value::from(name))]);
        let git = &target.settings.git;
        let git = object([
            ("url", Value::from(git.url.as_str())),
            ("branch", Value::from(git.branch.as_str())),
            ("path", Value::from(git.path.as_str())),
            ("secret", git.secret.as_deref().map_or(Value::Null, Value::from)),
        ]);
        let entries = vec![
            ("platform", platform),
            ("cloud", cloud(lowering)),
            ("environment", named(&target.environment)),
            ("cluster", named(&target.cluster)),
            ("target", named(&target.name)),
            ("vars", Value::Map((*target.vars).clone())),
            ("git", git),
            ("argocd", table("argocd")),
            ("edges", table("edges")),
            ("projects", table("projects")),
            ("notify", table("notify")),
            ("repositories", table("repositories")),
            ("images", table("images")),
            ("monitoring", Value::Bool(lowering.apis.contains_key("monitoring.coreos.com"))),
            ("store", stores::seen(lowering, found)),
            ("health_checks", health_checks(lowering)),
            ("ignore", ignore(lowering)),
        ];
        Self {
            apis: Arc::new(lowering.apis.clone()),
            entries: entries
                .into_iter()
                .map(|(key, value)| (key, to_jinja(&value), Arc::new(value)))
                .map(|(key, jinja, value)| (key, value, jinja))
                .collect(),
        }
    }
}

impl Shared {
    /// Returns a context of this and of what else a template sees.
    pub fn with<const N: usize>(&self, parts: [(&'static str, Value); N]) -> Context {
        let apis =
            self.apis.iter().map(|(group, api)| (Arc::from(group.as_str()), Value::from(api.as_str()))).collect();
        let own = parts.into_iter().chain([("api", Value::Map(apis))]).map(|(key, value)| (key, Arc::new(value)));
        Context {
            parts: self.entries.iter().map(|(key, value, _)| (*key, value.clone())).chain(own).collect(),
            given: self.entries.iter().map(|(key, _, jinja)| (*key, jinja.clone())).collect(),
            apis: self.apis.clone(),
            asked: Arc::default(),
            chart_version: String::new(),
            built: OnceCell::new(),
            watched: OnceCell::new(),
            read: RefCell::default(),
        }
    }
}

/// Returns what the platform's cloud is like.
fn cloud(lowering: &Lowering<'_>) -> Value {
    let name = &lowering.target.ground().cloud;
    let cloud = lowering.platform.catalogue.clouds.get(&**name);
    object([
        ("name", Value::from(name)),
        ("managed", Value::Bool(cloud.is_some_and(|cloud| cloud.managed))),
        ("dns", cloud.and_then(|cloud| cloud.dns.as_ref()).map_or(Value::Null, Value::from)),
    ])
}

fn health_checks(lowering: &Lowering<'_>) -> Value {
    let mut map = Map::default();
    for instance in lowering.platform.targets.iter().flat_map(|t| t.instances.values()) {
        for (kind, lua) in &instance.definition.health {
            map.insert(kind.as_str().into(), Value::from(lua.as_str()));
        }
    }
    map.sort_keys();
    Value::Map(map)
}

fn ignore(lowering: &Lowering<'_>) -> Value {
    let mut map = Map::default();
    for instance in lowering.platform.targets.iter().flat_map(|t| t.instances.values()) {
        for filled in instance.definition.operator_filled.iter().filter(|f| !f.pointers.is_empty()) {
            let key =
                if filled.group.is_empty() { filled.kind.clone() } else { format!("{}_{}", filled.group, filled.kind) };
            map.insert(key.into(), Value::from(filled.pointers.iter().map(String::as_str).collect::<Vec<_>>()));
        }
    }
    map.sort_keys();
    Value::Map(map)
}

impl<'a> Lowering<'a> {
    /// Returns a component of this target or of the cluster's shared one.
    pub fn visible(&self, name: &str) -> Option<&'a Instance> {
        let shared = self.platform.shared_of(self.target);
        self.target.instances.get(name).or_else(|| shared?.instances.get(name))
    }
}

/// Builds the context of a component.
pub fn of(
    lowering: &Lowering<'_>,
    instance: &Instance,
    shared: &Shared,
    own: &Own,
    found: &mut Vec<Diagnostic>,
) -> Context {
    let late = Late { secrets: Some(&own.names), ..lowering.late_of(instance) };
    let chart_version = instance.chart.as_ref().map_or_else(String::new, |c| c.version.clone());
    let component = object([
        ("name", Value::from(instance.name.as_str())),
        ("uses", Value::from(instance.definition.name.as_str())),
        ("namespace", Value::from(instance.namespace.as_str())),
        ("release", Value::from(instance.release.as_str())),
        ("fullname", Value::from(instance.fullname.as_str())),
        ("version", Value::from(chart_version.as_str())),
        (
            "labels",
            object([
                ("app.kubernetes.io/name", Value::from(instance.definition.name.as_str())),
                ("app.kubernetes.io/instance", Value::from(instance.name.as_str())),
            ]),
        ),
    ]);
    let parts = [
        ("component", component),
        ("options", options(&late, instance, found)),
        ("requires", requires(&late, instance, found)),
        ("secrets", own.context()),
        ("claims", claims(lowering, instance)),
        ("buckets", buckets(lowering, instance)),
        ("hosts", hosts(lowering, instance)),
        ("pods", values::pods(lowering, instance, own, found)),
    ];
    let apis = shared.apis.iter().map(|(group, api)| (Arc::from(group.as_str()), Value::from(api.as_str()))).collect();
    let own_parts = parts.into_iter().map(|(key, value)| (key, Arc::new(value)));
    let shared_parts = shared.entries.iter().map(|(key, value, _)| (*key, value.clone()));
    Context {
        parts: shared_parts.chain(own_parts).chain([("api", Arc::new(Value::Map(apis)))]).collect(),
        given: shared.entries.iter().map(|(key, _, jinja)| (*key, jinja.clone())).collect(),
        apis: shared.apis.clone(),
        asked: own.asked.clone(),
        chart_version,
        built: OnceCell::new(),
        watched: OnceCell::new(),
        read: RefCell::default(),
    }
}

/// Returns every option with its default applied, strings filled in and checked.
fn options(late: &Late<'_>, instance: &Instance, found: &mut Vec<Diagnostic>) -> Value {
    let mut map = Map::default();
    for (name, def) in &instance.definition.options {
        let node = instance.arg(name);
        let empty = node.filter(|node| node.as_str().is_some_and(|text| text.trim().is_empty()));
        if def.required && (node.is_none() || empty.is_some()) {
            let example = example(def);
            let diagnostic = Diagnostic::error(&MISSING_KEY, format!("component `{}` needs `{name}`", instance.name));
            let diagnostic = match empty {
                Some(node) => diagnostic.at(node.span, "this is empty"),
                None => diagnostic.at(instance.span, format!("has no `{name}`")),
            };
            found.push(diagnostic.note(def.doc.clone()).help(format!("add `{name} = {example}`")));
            map.insert(name.as_str().into(), Value::Null);
            continue;
        }
        map.insert(name.as_str().into(), option(late, name, node, def, found));
    }
    Value::Map(map)
}

fn example(def: &OptionDef) -> &'static str {
    match def.kind.as_str() {
        "int" | "number" => "1",
        "bool" => "true",
        "list" => "[…]",
        "map" | "table" => "{ … }",
        "image" => "\"ghcr.io/acme/app:1.0.0\"",
        "size" => "\"20Gi\"",
        "cron" => "\"0 2 * * *\"",
        _ => "\"…\"",
    }
}

fn option(late: &Late<'_>, name: &str, node: Option<&Node>, def: &OptionDef, found: &mut Vec<Diagnostic>) -> Value {
    let Some(node) = node.or(def.default.as_ref()) else {
        // A table of options with defaults is there even when the user says nothing, unless it needs a word of theirs.
        let complete = def.keys.values().any(|k| k.default.is_some()) && !def.keys.values().any(|k| k.required);
        return if def.kind == "table" && complete { table(late, name, None, def, found) } else { Value::Null };
    };
    match (&node.kind, def.kind.as_str(), def.items.as_deref()) {
        (Kind::Table(_), "table", _) => table(late, name, Some(node), def, found),
        (Kind::Table(entries), "map", Some("table")) => Value::Map(
            entries.iter().map(|(key, e)| (key.clone(), table(late, key, Some(&e.node), def, found))).collect(),
        ),
        (Kind::List(items), "list", Some("table")) => {
            Value::List(items.iter().map(|item| table(late, name, Some(item), def, found)).collect())
        }
        _ => {
            let value = late.fill_node(node, found);
            check(name, node, &value, def, found);
            value
        }
    }
}

fn table(late: &Late<'_>, _name: &str, node: Option<&Node>, def: &OptionDef, found: &mut Vec<Diagnostic>) -> Value {
    let given = node.and_then(Node::as_table);
    let mut map = Map::default();
    for (key, inner) in &def.keys {
        let own = given.and_then(|t| t.node(key));
        if let Some(empty) = own.filter(|node| inner.required && node.as_str().is_some_and(|s| s.trim().is_empty())) {
            let message = format!("`{key}` is empty but required");
            let finding = Diagnostic::error(&INVALID_VALUE, message).at(empty.span, "").note(inner.doc.clone());
            found.push(finding.help(format!("set `{key} = {}`", example(inner))));
        }
        if own.is_none()
            && inner.required
            && let Some(node) = node
        {
            found.push(
                Diagnostic::error(&MISSING_KEY, format!("`{key}` is missing here"))
                    .at(node.span, "")
                    .note(inner.doc.clone()),
            );
        }
        map.insert(key.as_str().into(), option(late, key, own, inner, found));
    }
    for (key, entry) in given.into_iter().flatten().filter(|(key, _)| !def.keys.contains_key(&***key)) {
        map.insert(key.clone(), late.fill_node(&entry.node, found));
    }
    Value::Map(map)
}

/// Checks patterns, and formats of strings that had references in them.
fn check(name: &str, node: &Node, value: &Value, def: &OptionDef, found: &mut Vec<Diagnostic>) {
    let texts: Vec<(&Node, String)> = match (&node.kind, value) {
        (Kind::Str(_), Value::Str(s)) => vec![(node, s.to_string())],
        (Kind::List(nodes), Value::List(values)) => {
            nodes.iter().zip(values).filter_map(|(n, v)| v.as_str().map(|s| (n, s.to_string()))).collect()
        }
        _ => vec![],
    };
    for (at, text) in texts {
        if let Some(pattern) = &def.pattern
            && let Ok(regex) = regex::Regex::new(pattern)
            && !regex.is_match(&text)
        {
            found.push(
                Diagnostic::error(&INVALID_VALUE, format!("`{text}` is not a valid `{name}`"))
                    .at(at.span, "")
                    .note(format!("{} (pattern `{pattern}`)", def.doc)),
            );
        } else if at.as_str().is_some_and(string::has_reference)
            && let Shape::Text(format) = option_shape(name, def)
            && let Err(what) = format.check(&text)
        {
            found.push(Diagnostic::error(&INVALID_VALUE, format!("`{text}` is not {what}")).at(at.span, ""));
        }
    }
}

fn requires(late: &Late<'_>, instance: &Instance, found: &mut Vec<Diagnostic>) -> Value {
    let mut map = Map::default();
    for slot in instance.definition.requires.keys() {
        let value = match instance.bindings.get(slot) {
            Some(SlotBinding::One(binding)) => fields(late, binding, instance, found),
            Some(SlotBinding::Map(bindings)) if !bindings.is_empty() => Value::Map(
                bindings.iter().map(|(name, b)| (name.as_str().into(), fields(late, b, instance, found))).collect(),
            ),
            _ => Value::Null,
        };
        map.insert(slot.as_str().into(), value);
    }
    Value::Map(map)
}

/// Returns the fields of a binding that are not secret.
fn fields(late: &Late<'_>, binding: &Binding, instance: &Instance, found: &mut Vec<Diagnostic>) -> Value {
    let mut map = Map::default();
    map.insert("provider".into(), Value::from(binding.provider.as_str()));
    map.insert("capability".into(), Value::from(binding.capability.as_str()));
    let capability = late.capability(&binding.capability);
    // What is secret stays out of templates: asking for it here reads nothing.
    let quiet = Late { known: Known { read: None, ..late.known }, ..*late };
    for (name, field) in capability.into_iter().flat_map(|c| &c.fields) {
        match offered(if field.secret { &quiet } else { late }, binding, name) {
            Ok(filled) => {
                if let Some(text) = filled.plain() {
                    map.insert(name.as_str().into(), typed(&field.kind, text));
                }
            }
            Err(_) if field.optional || field.secret => {
                if !field.secret {
                    map.insert(name.as_str().into(), Value::Null);
                }
            }
            Err(diagnostic) => found.push(diagnostic.at(binding.span, "").at(instance.span, "needed here")),
        }
    }
    if binding.capability == BUCKET {
        let target = late.target();
        let real = |name: &String| target.buckets.get(name).map(|b| Value::from(b.bucket.as_str()));
        map.insert("buckets".into(), Value::List(binding.buckets.iter().filter_map(real).collect()));
    }
    for (key, value) in &binding.claim {
        map.entry(key.as_str().into()).or_insert_with(|| Value::from(value.as_str()));
    }
    Value::Map(map)
}

fn typed(kind: &str, text: String) -> Value {
    match kind {
        "int" => text.parse::<i64>().map_or_else(|_| Value::from(text), Value::from),
        "bool" => Value::Bool(text == "true"),
        _ => Value::from(text),
    }
}

fn claims(lowering: &Lowering<'_>, instance: &Instance) -> Value {
    let empty = IndexMap::new();
    let claims = lowering.target.claims.get(&instance.name).unwrap_or(&empty);
    let mut map = Map::default();
    for capability in instance.definition.provides.keys() {
        let list = claims.get(capability).map(Vec::as_slice).unwrap_or_default();
        let list = list.iter().map(|claim| {
            let mut entry: Map = claim
                .fields
                .iter()
                .map(|(key, value)| (Arc::from(key.as_str()), Value::from(value.as_str())))
                .collect();
            entry.entry("role".into()).or_insert_with(|| Value::from(claim.consumer.as_str()));
            entry.insert("consumer".into(), Value::from(claim.consumer.as_str()));
            entry.insert("namespace".into(), Value::from(claim.namespace.as_str()));
            let published = lowering.visible(&claim.consumer).and_then(|consumer| consumer.hosts.get("main"));
            entry.insert("url".into(), published.map_or(Value::Null, |main| Value::from(main.url())));
            entry.insert(
                "secret".into(),
                claim.credential.as_ref().map_or(Value::Null, |c| Value::from(c.secret.as_str())),
            );
            let real = claim
                .buckets
                .iter()
                .filter_map(|b| lowering.target.buckets.get(b))
                .map(|b| Value::from(b.bucket.as_str()));
            entry.insert("buckets".into(), Value::List(real.collect()));
            Value::Map(entry)
        });
        map.insert(capability.as_str().into(), Value::List(list.collect()));
    }
    Value::Map(map)
}

/// Returns the buckets that a store has to make.
fn buckets(lowering: &Lowering<'_>, instance: &Instance) -> Value {
    let claims = lowering.target.claims.get(&instance.name).and_then(|c| c.get(BUCKET));
    let own = lowering.target.buckets.values().filter(|b| b.store == instance.name && b.settings.external.is_none());
    let mut roles: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for claim in claims.into_iter().flatten() {
        for bucket in &claim.buckets {
            roles.entry(bucket).or_default().extend(claim.fields.get("role").map(String::as_str));
        }
    }
    let list = own.map(|bucket| {
        let roles = roles.get(bucket.name.as_str()).into_iter().flatten().map(|role| Value::from(*role)).collect();
        let settings = &bucket.settings;
        let number = |number: Option<i64>| number.map_or(Value::Null, Value::from);
        object([
            ("name", Value::from(bucket.name.as_str())),
            ("bucket", Value::from(bucket.bucket.as_str())),
            ("namespace", Value::from(bucket.namespace.as_deref().unwrap_or(&instance.namespace))),
            ("versioned", Value::Bool(settings.versioned.unwrap_or(false))),
            ("expire_days", number(settings.expire_days)),
            ("noncurrent_expire_days", number(settings.noncurrent_expire_days)),
            ("max_size", settings.max_size.as_ref().map_or(Value::Null, Value::from)),
            ("max_objects", number(settings.max_objects)),
            ("roles", Value::List(roles)),
        ])
    });
    Value::List(list.collect())
}

fn hosts(lowering: &Lowering<'_>, instance: &Instance) -> Value {
    let mut map = Map::default();
    for endpoint in instance.definition.endpoints.keys() {
        let value = instance.hosts.get(endpoint).map_or(Value::Null, |published| {
            let routes: Vec<Value> = published.routes.iter().map(|route| self::route(lowering, route)).collect();
            let mut value = routes.first().cloned().unwrap_or_default();
            for (key, field) in [
                ("host", Value::from(published.host())),
                ("url", Value::from(published.url())),
                ("names", Value::from(published.hosts())),
                ("routes", Value::List(routes)),
            ] {
                value.set(&[key], field);
            }
            value
        });
        map.insert(endpoint.as_str().into(), value);
    }
    map.entry("main".into()).or_default();
    Value::Map(map)
}

fn route(lowering: &Lowering<'_>, route: &Route) -> Value {
    let edge = lowering.target.edges.get(&route.edge);
    object([
        ("edge", Value::from(route.edge.as_str())),
        ("names", Value::from(route.hosts())),
        ("class", Value::from(edge.map_or("", |e| e.class.as_str()))),
        ("tls", Value::Bool(route.tls)),
    ])
}
