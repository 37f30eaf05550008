//! Base, environment and cluster: one merged table per target.

use std::collections::BTreeMap;
use std::sync::Arc;

use globset::Glob;
use indexmap::IndexMap;

use super::early::Early;
use super::fill::Filler;
use super::reserved::BASE;
use super::{BAD_NAME, CIRCULAR_REFERENCE, Ground, NEWER_EDITION, Store, unknown_name};
use crate::catalog::{Catalogue, Scope};
use crate::diag::{Diagnostic, Sources, Span};
use crate::manifest::value::{Map, Value};
use crate::parse::node::{Lookup, merge, unset};
use crate::parse::shape::Keys;
use crate::parse::{Entry, INVALID_VALUE, Kind, MISSING_KEY, Node, Syntax, Table, UNREADABLE_FILE, string};
use crate::settings::platform::Cluster;
use crate::settings::{Described, Settings, Text, read};
use crate::world::World;

/// A target before its components are known.
#[derive(Clone, Debug)]
pub struct Frame {
    pub name: String,
    pub environment: String,
    pub cluster: String,
    /// The name of its environment, or of its cluster, as it was written.
    pub at: Span,
    /// The merged layers as they were written: components, jobs and `defaults` are taken from here.
    pub table: Table,
    /// Everything else, filled in.
    pub settings: Arc<Settings>,
    /// The tables that templates see as they were written, filled in.
    pub seen: Seen,
    pub reached: Cluster,
    pub vars: Arc<Map>,
    pub store: Arc<Store>,
    pub shared: Option<usize>,
    pub is_shared: bool,
}

impl Frame {
    /// Returns what early references may name here.
    pub fn early(&self) -> Early<'_> {
        Early {
            ground: &self.settings.platform,
            names: [&self.environment, &self.cluster, &self.name],
            vars: &self.vars,
            component: None,
            here: &[],
        }
    }
}

/// The tables that templates see as users write them.
pub const SEEN: &[&str] = &["argocd", "edges", "projects", "notify", "repositories", "images"];

/// Their values, by name.
pub type Seen = Arc<BTreeMap<&'static str, Value>>;

const NOT_LAYERED: &[&str] = &["lakegen", "include", "environments", "clusters"];

/// Returns a frame per target; shared clusters come before the environments that share them.
pub fn frames(
    world: &dyn World,
    syntax: &Syntax,
    catalogue: &Catalogue,
    sources: &Sources,
    found: &mut Vec<Diagnostic>,
) -> Vec<Frame> {
    edition(&syntax.root, found);
    let mut base = syntax.root.clone();
    base.retain(|key, _| !NOT_LAYERED.contains(&&**key));
    let empty = Table::new();
    let clusters = syntax.root.table("clusters").unwrap_or(&empty);
    let environments = environments(&syntax.root);
    let mut users: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, _, on) in &environments {
        for cluster in on {
            *users.entry(cluster.as_str()).or_default() += 1;
        }
    }
    let keys = super::language::layer(catalogue);
    let layers = Layers { world, syntax, base: &base, keys: &keys, catalogue, sources };
    let mut frames: Vec<Frame> = Vec::new();
    let mut shared: IndexMap<String, usize> = IndexMap::new();
    for (name, table, on) in &environments {
        for cluster in on {
            let own = clusters.table(cluster);
            if own.is_none() && !clusters.is_empty() && cluster != name {
                let at = table.and_then(|t| t.get("clusters")).map_or(syntax.file, |e| e.node.span);
                found.push(unknown_name("cluster", cluster, at, clusters.keys().map(|k| &**k)));
            }
            if users[cluster.as_str()] > 1 && !shared.contains_key(cluster) {
                let frame = layers.frame(None, own, (cluster, cluster, cluster), found);
                shared.insert(cluster.clone(), frames.len());
                frames.push(Frame { is_shared: true, ..frame });
            }
            let target = if on.len() > 1 { format!("{name}-{cluster}") } else { name.clone() };
            let frame = layers.frame(*table, own, (&target, name, cluster), found);
            frames.push(Frame { shared: shared.get(cluster).copied(), ..frame });
        }
    }
    target_names(&frames, found);
    super::stores::unheard(&frames, catalogue, found);
    frames
}

/// Reports targets whose folders would be one, or that of what all have in common.
fn target_names(frames: &[Frame], found: &mut Vec<Diagnostic>) {
    let said = |frame: &Frame| match frame.is_shared {
        true => format!("the shared part of cluster `{}`", frame.cluster),
        false => format!("environment `{}` on cluster `{}`", frame.environment, frame.cluster),
    };
    let mut seen: BTreeMap<&str, &Frame> = BTreeMap::new();
    for frame in frames {
        let name = frame.name.as_str();
        let message = match seen.insert(name, frame) {
            Some(other) => format!("{} and {} would both be written as `{name}`", said(other), said(frame)),
            None if name == BASE => format!("`{BASE}` is reserved for the folder that all targets share"),
            None => continue,
        };
        let diagnostic = Diagnostic::error(&BAD_NAME, message).at(frame.at, "");
        found.push(diagnostic.help("rename the environment or the cluster"));
    }
}

/// Returns where an environment is named, or its cluster.
fn written_at(syntax: &Syntax, environment: &str, cluster: &str) -> Span {
    let named = |kind: &str, name: &str| Some(syntax.root.table(kind)?.get(name)?.key);
    named("environments", environment).or_else(|| named("clusters", cluster)).unwrap_or(syntax.file)
}

fn edition(root: &Table, found: &mut Vec<Diagnostic>) {
    if let Some(entry) = root.get("lakegen")
        && let Some(text) = entry.node.as_str()
        && let Ok(number) = text.parse::<u32>()
        && number > 1
    {
        let message = format!("this file uses edition {number} of the language; this lakegen supports edition 1");
        found.push(Diagnostic::error(&NEWER_EDITION, message).at(entry.node.span, "").help("upgrade lakegen"));
    }
}

/// Returns name, table and clusters of every environment; one called `default` when there is none.
fn environments(root: &Table) -> Vec<(String, Option<&Table>, Vec<String>)> {
    let Some(tables) = root.table("environments").filter(|t| !t.is_empty()) else {
        let clusters: Vec<String> =
            root.table("clusters").map(|t| t.keys().map(ToString::to_string).collect()).unwrap_or_default();
        let on = if clusters.is_empty() { vec!["default".to_string()] } else { clusters };
        return vec![("default".into(), None, on)];
    };
    tables
        .iter()
        .map(|(name, entry)| {
            let table = entry.node.as_table();
            let clusters: Vec<String> =
                table.map(|t| t.texts("clusters")).unwrap_or_default().into_iter().map(String::from).collect();
            let on = if clusters.is_empty() { vec![name.to_string()] } else { clusters };
            (name.to_string(), table, on)
        })
        .collect()
}

/// What all targets are merged from.
struct Layers<'a> {
    world: &'a dyn World,
    syntax: &'a Syntax,
    base: &'a Table,
    keys: &'a Keys,
    catalogue: &'a Catalogue,
    sources: &'a Sources,
}

impl Layers<'_> {
    fn frame(
        &self,
        environment: Option<&Table>,
        cluster: Option<&Table>,
        names: (&str, &str, &str),
        found: &mut Vec<Diagnostic>,
    ) -> Frame {
        let mut table = self.base.clone();
        if let Some(over) = environment {
            for path in over.node("unset").and_then(Node::as_list).unwrap_or(&[]) {
                remove(&mut table, path, found);
            }
            let mut over = over.clone();
            over.retain(|key, _| !["clusters", "enable", "disable", "unset"].contains(&&**key));
            unset_members(&mut table, &mut over, found);
            merge(&mut table, &over);
        }
        if let Some(over) = cluster {
            let mut over = over.clone();
            over.retain(|key, _| !["server", "name", "kubernetes", "vars_from"].contains(&&**key));
            unset_members(&mut table, &mut over, found);
            merge(&mut table, &over);
            cluster_facts(self.world, &mut table, cluster, found);
        }
        if let Some(over) = environment {
            switch(&mut table, over, cluster, found);
        }
        self.filled(table, cluster, names, found)
    }

    /// Fills in the merged tables and reads them.
    fn filled(
        &self,
        table: Table,
        cluster: Option<&Table>,
        (name, environment, cluster_name): (&str, &str, &str),
        found: &mut Vec<Diagnostic>,
    ) -> Frame {
        let raw = platform_of(&table);
        let mut frame = Frame {
            name: name.into(),
            environment: environment.into(),
            cluster: cluster_name.into(),
            at: written_at(self.syntax, environment, cluster_name),
            settings: Arc::new(Settings { platform: raw, ..Settings::default() }),
            seen: Seen::default(),
            reached: Cluster::default(),
            vars: Arc::default(),
            store: Arc::default(),
            table,
            shared: None,
            is_shared: false,
        };
        frame.vars = Arc::new(vars(&frame, self.sources, found));
        // The platform's own words may use variables, and everything else may use the platform's.
        let mut tables = frame.table.clone();
        let mut own = Table::new();
        if let Some(entry) = tables.get("platform") {
            own.insert("platform".into(), entry.clone());
            let mut filler = Filler { early: frame.early(), sources: self.sources, found };
            filler.fill(&mut own, self.keys);
            tables.extend(own);
            frame.settings = Arc::new(Settings { platform: platform_of(&tables), ..Settings::default() });
        }
        let mut reached = cluster.cloned().unwrap_or_default();
        let mut filler = Filler { early: frame.early(), sources: self.sources, found };
        filler.fill(&mut tables, self.keys);
        filler.fill(&mut reached, &Cluster::keys());
        let seen =
            SEEN.iter().map(|key| (*key, tables.node(key).map_or_else(|| Value::Map(Map::default()), Node::to_value)));
        frame.seen = Arc::new(seen.collect());
        frame.reached = read(&reached);
        let mut settings: Settings = read(&tables);
        settings.platform = platform_of(&tables);
        let path = settings.git.path.trim_matches('/').trim_start_matches("./");
        settings.git.path = Text::new(if path == "." { "" } else { path }, settings.git.path.at);
        frame.settings = Arc::new(settings);
        self.ground_rules(&frame, found);
        let secrets = tables.table("secrets");
        frame.store = Arc::new(super::stores::store(&frame, secrets, self.catalogue, found));
        frame
    }

    /// Reports what every platform must say.
    fn ground_rules(&self, frame: &Frame, found: &mut Vec<Diagnostic>) {
        let (platform, git, file) = (&frame.settings.platform, &frame.settings.git, self.syntax.file);
        let mut missing = |key: &str, at: Span, help: &str| {
            found.push(Diagnostic::error(&MISSING_KEY, format!("`{key}` is missing")).at(at, "").help(help));
        };
        if !platform.places.has("name") {
            missing("platform.name", file, "add `name = \"lake\"` under `[platform]`");
        }
        if !git.places.has("url") {
            missing("git.url", file, "add `url = \"https://git.example.com/acme/platform.git\"` under `[git]`");
        }
        let numbers = platform.kubernetes.split('.');
        if numbers.clone().count() < 2 || !numbers.clone().all(|n| n.parse::<u32>().is_ok()) {
            let message = format!("`{}` is not a Kubernetes version such as `1.33`", platform.kubernetes);
            found.push(Diagnostic::error(&INVALID_VALUE, message).at(platform.kubernetes.at, ""));
        }
        if platform.places.has("name") && !platform.places.has("domain") && uses_hosts(&frame.table) {
            found.push(
                Diagnostic::error(&MISSING_KEY, "`platform.domain` is missing, but components have hosts below it")
                    .at(platform.places.key_of("name"), "")
                    .help("add `domain = \"example.com\"` under `[platform]`"),
            );
        }
    }
}

/// Reads `[platform]`, with what stands for a name that is missing.
fn platform_of(tables: &Table) -> Ground {
    let empty = Table::new();
    let mut ground: Ground = read(tables.table("platform").unwrap_or(&empty));
    if ground.name.is_empty() {
        ground.name = "platform".into();
    }
    let version = Text::new(ground.kubernetes.trim_start_matches('v'), ground.kubernetes.at);
    ground.kubernetes = version;
    ground
}

/// Takes in what only the cluster's own table says: its Kubernetes version and variables from a file.
fn cluster_facts(world: &dyn World, table: &mut Table, cluster: Option<&Table>, found: &mut Vec<Diagnostic>) {
    let Some(cluster) = cluster else { return };
    if let Some(entry) = cluster.get("kubernetes") {
        let one = Table::from_iter([(Arc::from("kubernetes"), entry.clone())]);
        let over = Table::from_iter([(Arc::from("platform"), table_entry(one, entry.key))]);
        merge(table, &over);
    }
    let Some(entry) = cluster.get("vars_from") else { return };
    let Some(path) = entry.node.as_str() else { return };
    let read = crate::catalog::user_file(world, path)
        .and_then(|text| serde_json::from_str::<serde_json::Value>(&text).map_err(|e| e.to_string()));
    match read {
        Ok(serde_json::Value::Object(members)) => {
            let vars = members
                .iter()
                .filter_map(|(key, value)| Some((Arc::from(key.as_str()), json_entry(value, entry.node.span)?)));
            let over = Table::from_iter([(Arc::from("vars"), table_entry(vars.collect(), entry.key))]);
            // What people wrote in TOML wins over what a machine wrote in JSON.
            let written = table.clone();
            merge(table, &over);
            if let Some(own) = written.get("vars") {
                merge(table, &Table::from_iter([(Arc::from("vars"), own.clone())]));
            }
        }
        Ok(_) => found
            .push(Diagnostic::error(&INVALID_VALUE, format!("`{path}` is not a JSON object")).at(entry.node.span, "")),
        Err(reason) => found.push(
            Diagnostic::error(&UNREADABLE_FILE, format!("cannot read `{path}`: {reason}")).at(entry.node.span, ""),
        ),
    }
}

fn table_entry(table: Table, at: Span) -> Entry {
    Entry { key: at, node: Node { kind: Kind::Table(Arc::new(table)), span: at } }
}

fn json_entry(value: &serde_json::Value, at: Span) -> Option<Entry> {
    let kind = match value {
        serde_json::Value::Bool(b) => Kind::Bool(*b),
        serde_json::Value::Number(n) => n.as_i64().map(Kind::Int).or_else(|| n.as_f64().map(Kind::Float))?,
        serde_json::Value::String(s) => Kind::Str(s.as_str().into()),
        // Terraform writes its outputs as objects with a member `value`.
        serde_json::Value::Object(o) => return json_entry(o.get("value")?, at),
        _ => return None,
    };
    Some(Entry { key: at, node: Node { kind, span: at } })
}

fn remove(table: &mut Table, path: &Node, found: &mut Vec<Diagnostic>) {
    if let Some(text) = path.as_str()
        && !unset(table, text)
    {
        let message = format!("no earlier layer sets `{text}`, so there is nothing to remove");
        found.push(Diagnostic::error(&super::UNKNOWN_NAME, message).at(path.span, ""));
    }
}

/// Applies the `unset` of components and jobs in a layer to the layers below, before the layer itself is laid over them.
fn unset_members(table: &mut Table, over: &mut Table, found: &mut Vec<Diagnostic>) {
    for key in ["components", "jobs"] {
        let Some(Kind::Table(members)) = over.get_mut(key).map(|e| &mut e.node.kind) else { continue };
        for (name, entry) in Arc::make_mut(members) {
            let Kind::Table(member) = &mut entry.node.kind else { continue };
            let Some(Kind::List(paths)) = Arc::make_mut(member).shift_remove("unset").map(|e| e.node.kind) else {
                continue;
            };
            let below = table
                .get_mut(key)
                .and_then(|e| inner_mut(&mut e.node))
                .and_then(|t| t.get_mut(name))
                .and_then(|e| inner_mut(&mut e.node));
            let Some(below) = below else { continue };
            for path in paths.iter() {
                remove(below, path, found);
            }
        }
    }
}

fn inner_mut(node: &mut Node) -> Option<&mut Table> {
    match &mut node.kind {
        Kind::Table(table) => Some(Arc::make_mut(table)),
        _ => None,
    }
}

/// Switches components on and off as an environment's `enable` and `disable` say. What is called by its name wins over a pattern,
/// and so does an `enabled` of the layers that differ here.
fn switch(table: &mut Table, environment: &Table, cluster: Option<&Table>, found: &mut Vec<Diagnostic>) {
    let said = |layer: Option<&Table>, name: &str| {
        layer.and_then(|t| t.table("components")?.table(name)?.flag("enabled")).is_some()
    };
    let jobs: Vec<Arc<str>> = table.table("jobs").into_iter().flat_map(|t| t.keys().cloned()).collect();
    let Some(Kind::Table(components)) = table.get_mut("components").map(|e| &mut e.node.kind) else { return };
    let components = Arc::make_mut(components);
    for by_pattern in [true, false] {
        for (key, on) in [("enable", true), ("disable", false)] {
            let Some(entry) = environment.get(key) else { continue };
            let patterns: Vec<&Node> = match &entry.node.kind {
                Kind::List(list) => list.iter().collect(),
                _ => vec![&entry.node],
            };
            for pattern in patterns {
                let Some(text) = pattern.as_str().filter(|text| text.contains(['*', '?', '[', '{']) == by_pattern)
                else {
                    continue;
                };
                let Ok(glob) = Glob::new(text) else { continue };
                let matcher = glob.compile_matcher();
                let mut any = false;
                for (name, component) in components.iter_mut().filter(|(name, _)| matcher.is_match(&***name)) {
                    any = true;
                    if by_pattern && (said(Some(environment), name) || said(cluster, name)) {
                        continue;
                    }
                    if let Kind::Table(inner) = &mut component.node.kind {
                        let flag = Entry { key: pattern.span, node: Node { kind: Kind::Bool(on), span: pattern.span } };
                        Arc::make_mut(inner).insert("enabled".into(), flag);
                    }
                }
                if any {
                    continue;
                }
                found.push(if jobs.iter().any(|job| matcher.is_match(&**job)) {
                    let message = format!("`{text}` is a job, but `{key}` only switches components");
                    Diagnostic::error(&super::UNKNOWN_NAME, message)
                        .at(pattern.span, "")
                        .help(format!("set `jobs.{text}.enabled = {on}` in the environment"))
                } else {
                    unknown_name("component", text, pattern.span, components.keys().map(|k| &**k))
                });
            }
        }
    }
}

fn uses_hosts(table: &Table) -> bool {
    let below = |table: &Table, key: &str| table.texts(key).iter().any(|host| !host.contains('.'));
    let further = |table: &Table| table.table("hosts").is_some_and(|hosts| hosts.keys().any(|key| below(hosts, key)));
    let mut components = table.table("components").into_iter().flatten().filter_map(|(_, e)| e.node.as_table());
    components.any(|table| below(table, "host") || further(table))
}

/// Fills in the variables; they may use each other, but not in a circle.
fn vars(frame: &Frame, sources: &Sources, found: &mut Vec<Diagnostic>) -> Map {
    let Some(table) = frame.table.table("vars") else { return Map::default() };
    let mut done = Map::default();
    let mut path = Vec::new();
    for name in table.keys() {
        var(name, table, frame, &mut done, &mut path, sources, found);
    }
    done.sort_keys();
    done
}

fn var(
    name: &Arc<str>,
    table: &Table,
    frame: &Frame,
    done: &mut Map,
    path: &mut Vec<Arc<str>>,
    sources: &Sources,
    found: &mut Vec<Diagnostic>,
) {
    if done.contains_key(name) {
        return;
    }
    let Some(entry) = table.get(name) else { return };
    let Kind::Str(text) = &entry.node.kind else {
        done.insert(name.clone(), entry.node.to_value());
        return;
    };
    if let Some(start) = path.iter().position(|on| on == name) {
        let circle: Vec<&str> = path[start..].iter().map(|n| &**n).chain([&**name]).collect();
        let message = format!("variables refer to each other in a circle: `{}`", circle.join("` → `"));
        found.push(Diagnostic::error(&CIRCULAR_REFERENCE, message).at(entry.node.span, ""));
        done.insert(name.clone(), Value::from(""));
        return;
    }
    path.push(name.clone());
    for part in string::split(text) {
        if let string::Part::Reference(reference) = part
            && let [root, other] = &reference.path[..]
            && root == "vars"
            && let Some((other, _)) = table.get_key_value(other.as_str())
        {
            var(other, table, frame, done, path, sources, found);
        }
    }
    path.pop();
    if !done.contains_key(name) {
        let early = Early { vars: done, ..frame.early() };
        let filled = early.node(&entry.node, sources, found);
        done.insert(name.clone(), Value::from(filled));
    }
}

/// Lets the environments of a shared cluster know the APIs that its shared components bring.
pub fn share_apis(frames: &mut [Frame], catalogue: &Catalogue) {
    for index in 0..frames.len() {
        let Some(shared) = frames[index].shared else { continue };
        let empty = Table::new();
        let mut apis = Vec::new();
        let components = frames[shared].table.table("components").unwrap_or(&empty).clone();
        for (name, entry) in &components {
            let uses = super::language::uses_of(name, entry.node.as_table(), &components, 0);
            let off = entry.node.as_table().and_then(|t| t.flag("enabled")) == Some(false);
            if let Some(component) = catalogue.components.get(&uses).filter(|c| c.scope == Scope::Cluster && !off) {
                let own: Vec<&str> = entry.node.as_table().map(|t| t.texts("apis")).unwrap_or_default();
                apis.extend(super::charts::brought(own.iter().copied(), component));
            }
        }
        let settings = Arc::make_mut(&mut frames[index].settings);
        settings.platform.apis.extend(apis.iter().map(|api: &String| Text::from(api.as_str())));
    }
}
