//! Base, environment and cluster: one merged table per target.

use std::collections::BTreeMap;
use std::sync::Arc;

use globset::Glob;
use indexmap::IndexMap;

use super::scope::{early, early_text};
use super::{CIRCULAR_REFERENCE, Engine, Git, Ground, NEWER_EDITION, Store, unknown_name};
use crate::catalog::{Catalogue, Scope};
use crate::diag::{Diagnostic, Sources, Span};
use crate::manifest::value::{Map, Value};
use crate::parse::node::{Lookup, merge, unset};
use crate::parse::{Entry, INVALID_VALUE, Kind, MISSING_KEY, Node, Syntax, Table, UNREADABLE_FILE, string};
use crate::world::World;

/// A target before its components are known.
#[derive(Clone, Debug)]
pub struct Frame {
    pub name: String,
    pub environment: String,
    pub cluster: String,
    pub table: Table,
    pub ground: Arc<Ground>,
    pub vars: Arc<Map>,
    pub store: Arc<Store>,
    pub shared: Option<usize>,
    pub is_shared: bool,
}

const NOT_LAYERED: &[&str] = &["lakegen", "include", "environments", "clusters"];

/// Returns a frame per target; shared clusters come before the environments that share them.
pub fn frames(world: &dyn World, syntax: &Syntax, sources: &Sources, found: &mut Vec<Diagnostic>) -> Vec<Frame> {
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
                let frame = frame(world, syntax, &base, None, own, (cluster, cluster, cluster), sources, found);
                shared.insert(cluster.clone(), frames.len());
                frames.push(Frame { is_shared: true, ..frame });
            }
            let target = if on.len() > 1 { format!("{name}-{cluster}") } else { name.clone() };
            let frame = frame(world, syntax, &base, *table, own, (&target, name, cluster), sources, found);
            frames.push(Frame { shared: shared.get(cluster).copied(), ..frame });
        }
    }
    frames
}

fn edition(root: &Table, found: &mut Vec<Diagnostic>) {
    if let Some(entry) = root.get("lakegen")
        && let Some(text) = entry.node.as_str()
        && let Ok(number) = text.parse::<u32>()
        && number > 1
    {
        let message = format!("this file is written in edition {number}; this lakegen reads edition 1");
        found.push(Diagnostic::error(&NEWER_EDITION, message).at(entry.node.span, "").help("use a newer lakegen"));
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

#[allow(clippy::too_many_arguments, reason = "each is one input of the merge, and there is one caller")]
fn frame(
    world: &dyn World,
    syntax: &Syntax,
    base: &Table,
    environment: Option<&Table>,
    cluster: Option<&Table>,
    (name, environment_name, cluster_name): (&str, &str, &str),
    sources: &Sources,
    found: &mut Vec<Diagnostic>,
) -> Frame {
    let mut table = base.clone();
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
        cluster_facts(world, &mut table, cluster, found);
    }
    if let Some(over) = environment {
        switch(&mut table, over, "enable", true, found);
        switch(&mut table, over, "disable", false, found);
    }
    let ground = ground(&table, syntax.file, found);
    let mut frame = Frame {
        name: name.into(),
        environment: environment_name.into(),
        cluster: cluster_name.into(),
        ground: Arc::new(ground),
        vars: Arc::default(),
        store: Arc::default(),
        table,
        shared: None,
        is_shared: false,
    };
    frame.vars = Arc::new(vars(&frame, sources, found));
    frame.store = Arc::new(store(&frame));
    frame
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
        let message = format!("`{text}` is not set in the layers below, so there is nothing to remove");
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

/// Switches the components that the patterns of `key` name on or off.
fn switch(table: &mut Table, environment: &Table, key: &str, on: bool, found: &mut Vec<Diagnostic>) {
    let Some(entry) = environment.get(key) else { return };
    let patterns: Vec<&Node> = match &entry.node.kind {
        Kind::List(list) => list.iter().collect(),
        _ => vec![&entry.node],
    };
    let Some(Kind::Table(components)) = table.get_mut("components").map(|e| &mut e.node.kind) else { return };
    let components = Arc::make_mut(components);
    for pattern in patterns {
        let Some(text) = pattern.as_str() else { continue };
        let Ok(glob) = Glob::new(text) else { continue };
        let matcher = glob.compile_matcher();
        let mut any = false;
        for (name, component) in components.iter_mut() {
            if matcher.is_match(&**name)
                && let Kind::Table(inner) = &mut component.node.kind
            {
                any = true;
                let flag = Entry { key: pattern.span, node: Node { kind: Kind::Bool(on), span: pattern.span } };
                Arc::make_mut(inner).insert("enabled".into(), flag);
            }
        }
        if !any {
            found.push(unknown_name("component", text, pattern.span, components.keys().map(|k| &**k)));
        }
    }
}

/// Reads name, engine and repository, which are the same for all targets.
pub fn ground_rules(
    frame: &Frame,
    file: Span,
    sources: &Sources,
    found: &mut Vec<Diagnostic>,
) -> (String, Engine, Git) {
    let table = &frame.table;
    let empty = Table::new();
    let platform = table.table("platform").unwrap_or(&empty);
    let git = table.table("git").unwrap_or(&empty);
    let mut need = |present: bool, key: &str, example: &str| {
        if !present {
            found.push(
                Diagnostic::error(&MISSING_KEY, format!("`{key}` is missing"))
                    .at(file, "")
                    .help(format!("add {example}")),
            );
        }
    };
    need(platform.contains_key("name"), "platform.name", "`name = \"lake\"` under `[platform]`");
    need(git.contains_key("url"), "git.url", "`url = \"https://git.example.com/acme/platform.git\"` under `[git]`");
    let engine = if platform.text("engine") == Some("flux") { Engine::Flux } else { Engine::ArgoCd };
    let mut filled = |key: &str| {
        let node = git.node(key)?;
        Some(early_text(frame, None, node.as_str()?, node.span, sources, found))
    };
    let path = filled("path").unwrap_or_else(|| "gitops".into());
    let path = path.trim_matches('/').trim_start_matches("./");
    let git = Git {
        url: filled("url").unwrap_or_default(),
        branch: filled("branch").unwrap_or_else(|| "main".into()),
        path: if path == "." { String::new() } else { path.into() },
        secret: filled("secret"),
    };
    (platform.text("name").unwrap_or("platform").into(), engine, git)
}

fn ground(table: &Table, file: Span, found: &mut Vec<Diagnostic>) -> Ground {
    let empty = Table::new();
    let platform = table.table("platform").unwrap_or(&empty);
    if let Some(entry) = platform.get("kubernetes")
        && let Some(text) = entry.node.as_str()
    {
        let ok =
            text.split('.').count() >= 2 && text.trim_start_matches('v').split('.').all(|n| n.parse::<u32>().is_ok());
        if !ok {
            let message = format!("`{text}` is not a Kubernetes version, for example `1.33`");
            found.push(Diagnostic::error(&INVALID_VALUE, message).at(entry.node.span, ""));
        }
    }
    if platform.contains_key("name") && !platform.contains_key("domain") && uses_hosts(table) {
        found.push(
            Diagnostic::error(&MISSING_KEY, "`platform.domain` is missing, and components have hosts below it")
                .at(platform.get("name").map_or(file, |e| e.key), "")
                .help("add `domain = \"example.com\"` under `[platform]`"),
        );
    }
    Ground {
        name: platform.text("name").unwrap_or("platform").into(),
        engine: platform.text("engine").unwrap_or("argocd").into(),
        domain: platform.text("domain").unwrap_or_default().into(),
        kubernetes: platform.text("kubernetes").unwrap_or("1.33").trim_start_matches('v').into(),
        cloud: platform.text("cloud").unwrap_or("none").into(),
        apis: platform.texts("apis").into_iter().map(String::from).collect(),
        labels: crate::catalog::read::text_map(platform.table("labels")),
    }
}

fn uses_hosts(table: &Table) -> bool {
    let components = table.table("components").into_iter().flatten();
    components.filter_map(|(_, e)| e.node.as_table()).any(|t| t.texts("host").iter().any(|h| !h.contains('.')))
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
        let message = format!("variables use each other in a circle: `{}`", circle.join("` → `"));
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
        let known = Frame { vars: Arc::new(done.clone()), ..frame.clone() };
        let filled = early(&known, None, &entry.node, sources, found);
        done.insert(name.clone(), Value::from(filled));
    }
}

fn store(frame: &Frame) -> Store {
    let Some(entry) = frame.table.get("secrets") else { return Store::default() };
    let Some(table) = entry.node.as_table() else { return Store::default() };
    let provider = table.text("provider").unwrap_or_default().to_string();
    // Names of these stores' items may hold no slash (GCP: Secret Manager, resource names; Azure: Key Vault, object names).
    let convention = match provider.as_str() {
        "gcp" | "azure" | "kubernetes" => "${component.name}-${secret.name}",
        _ => "${component.name}/${secret.name}",
    };
    let component = table.text("at").filter(|at| frame.table.table("components").is_some_and(|c| c.contains_key(*at)));
    Store {
        name: table.text("name").unwrap_or(&provider).into(),
        key: table.text("key").unwrap_or(convention).into(),
        key_at: table.node("key").map_or(entry.key, |node| node.span),
        refresh: table.text("refresh").unwrap_or("1h").into(),
        component: component.map(String::from),
        namespaced: table.text("scope") == Some("namespace"),
        provider,
        span: entry.key,
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
                apis.extend(component.apis.iter().cloned());
            }
        }
        Arc::make_mut(&mut frames[index].ground).apis.extend(apis);
    }
}
