//! The language of platform.toml: every table and key, with its type and one sentence.
//!
//! [`check`] reports unknown keys and wrong types; `schema.rs` writes the same description for editors.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::{UNKNOWN_COMPONENT, UNKNOWN_JOB_KIND};
use crate::catalog::keys::common;
use crate::catalog::{self, Catalogue, Component, JOB};
use crate::diag::{Diagnostic, Span, near, quoted_list};
use crate::parse::node::Lookup;
use crate::parse::shape::{Keys, Open, Phase, Shape, TEXT, check_table, list, map, texts, words};
use crate::parse::text::Format;
use crate::parse::{Entry, Kind, Node, Syntax, Table};
use crate::settings::component::{JobWords, When};
use crate::settings::platform::Cluster;
use crate::settings::policy::Policy;
use crate::settings::{Described, Settings};

/// Editions of the language that this lakegen reads.
pub const EDITIONS: &[&str] = &["1"];

/// Returns the keys of the whole file, with the words that this catalogue knows.
pub fn root(catalogue: &Catalogue) -> Keys {
    let mut root = Keys::new("platform.toml")
        .key("lakegen", words(EDITIONS), "Edition of the language")
        .filled(Phase::Literal)
        .key("include", list(TEXT), "Further platform files to include (globs)")
        .filled(Phase::Literal);
    let layer = layer(catalogue);
    root.keys.extend(layer.keys.clone());
    let mut environment = Keys::new("an environment");
    environment.keys.extend(layered(layer.clone()).keys);
    let environment = environment
        .key("clusters", texts(Format::Name), "Clusters it runs on (default: one of the same name)")
        .key("enable", texts(Format::Glob), "Components to switch on")
        .key("disable", texts(Format::Glob), "Components to switch off")
        .key("unset", list(TEXT), "Dotted keys to remove from the shared settings of all environments");
    let mut cluster = Keys::new("a cluster");
    cluster.keys.extend(layered(layer).keys);
    cluster.keys.extend(Cluster::keys().keys);
    root.key("environments", map(environment.shape()), "Environments, with their differences").key(
        "clusters",
        map(cluster.shape()),
        "Clusters, with their differences",
    )
}

/// Returns the tables that may stand at the top, in an environment and in a cluster.
pub fn layer(catalogue: &Catalogue) -> Keys {
    let mut keys = Settings::keys();
    keys.inside("platform", |platform| {
        if let Some(cloud) = platform.keys.get_mut("cloud") {
            cloud.shape = Shape::Enum(catalogue.clouds.keys().cloned().collect());
        }
    });
    keys.inside("secrets", |secrets| super::stores::describe(secrets, catalogue));
    if let Some(policy) = keys.keys.get_mut("policy") {
        policy.shape = Policy::keys(&crate::diag::codes::levelled()).shape();
    }
    keys
}

/// Takes out what cannot differ between targets.
fn layered(mut keys: Keys) -> Keys {
    for key in keys.keys.values_mut() {
        if key.once {
            key.shape = Shape::Once;
        } else if let Shape::Table(inner) = &key.shape {
            key.shape = layered((**inner).clone()).shape();
        }
    }
    keys
}

/// Returns the catalogue name of an instance: its `uses`, that of what it is `like`, or its own name.
pub fn uses_of(name: &str, own: Option<&Table>, all: &Table, depth: usize) -> String {
    let base = all.table(name);
    let tables = || own.into_iter().chain(base);
    if let Some(uses) = tables().find_map(|t| t.text("uses")) {
        return uses.into();
    }
    match tables().find_map(|t| t.text("like")) {
        Some(like) if depth < 16 && like != name => uses_of(like, None, all, depth + 1),
        _ => name.into(),
    }
}

/// Returns every component name that the file uses, for loading the catalogue.
pub fn used(syntax: &Syntax) -> BTreeSet<String> {
    let empty = Table::new();
    let base = syntax.root.table("components").unwrap_or(&empty);
    let mut used = BTreeSet::new();
    for layer in layers(&syntax.root) {
        for (name, entry) in layer.table("components").unwrap_or(&empty) {
            used.insert(uses_of(name, entry.node.as_table(), base, 0));
        }
        for (_, entry) in layer.table("jobs").unwrap_or(&empty) {
            if let Some(table) = entry.node.as_table() {
                used.insert(format!("{JOB}{}", table.text("kind").unwrap_or("container")));
            }
        }
    }
    used
}

/// Returns the base and every environment's and cluster's table.
fn layers(root: &Table) -> Vec<&Table> {
    let nested = ["environments", "clusters"].into_iter().filter_map(|key| root.table(key));
    let tables = nested.flat_map(|tables| tables.values().filter_map(|entry| entry.node.as_table()));
    std::iter::once(root).chain(tables).collect()
}

/// Knows components by the catalogue, for the checker.
struct Known<'a> {
    catalogue: &'a Catalogue,
    /// The whole file, for components that another layer declares.
    root: &'a Table,
    base: &'a Table,
    jobs: &'a Table,
    found: RefCell<Vec<Diagnostic>>,
    /// Layers that change a component which is not there.
    changes: RefCell<Vec<Diagnostic>>,
}

impl<'a> Known<'a> {
    fn unknown_kind(&self, kind: &str, at: Span) -> Diagnostic {
        let kinds = quoted_list(self.catalogue.job_kinds(), "or");
        let message = format!("unknown job kind `{kind}`: use {kinds}");
        let diagnostic = Diagnostic::error(&UNKNOWN_JOB_KIND, message).at(at, "");
        match near(kind, self.catalogue.job_kinds()) {
            near if near.is_empty() => {
                diagnostic.help(format!("to add a kind, write a component: `lakegen/{JOB}{kind}/component.toml`"))
            }
            near => diagnostic.help(format!("did you mean {}?", quoted_list(near, "or"))),
        }
    }

    /// Returns the layer that a component's table stands in, when it is no part of the base: "environment", its name, and
    /// the component's key there.
    fn layer_of(&self, name: &str, table: &Table) -> Option<(&'static str, &'a str, Span)> {
        for (kind, word) in [("environments", "environment"), ("clusters", "cluster")] {
            for (layer, entry) in self.root.table(kind).into_iter().flatten() {
                let member = entry.node.as_table().and_then(|t| t.table("components")).and_then(|t| t.get(name));
                if let Some(entry) = member.filter(|e| e.node.as_table().is_some_and(|t| std::ptr::eq(t, table))) {
                    return Some((word, layer, entry.key));
                }
            }
        }
        None
    }

    /// Reports a layer that changes a component which nothing below it has.
    fn nothing_to_change(&self, name: &str, table: &Table) -> Option<Diagnostic> {
        let (kind, layer, at) = self.layer_of(name, table)?;
        if self.base.contains_key(name) || table.contains_key("uses") || table.contains_key("like") {
            return None;
        }
        let message = format!("{kind} `{layer}` changes component `{name}`, which does not exist");
        let diagnostic = Diagnostic::error(&UNKNOWN_COMPONENT, message).at(at, "");
        let near = near(name, self.base.keys().map(|key| &**key));
        Some(match near.is_empty() {
            false => diagnostic.help(format!("did you mean {}?", quoted_list(near, "or"))),
            true => diagnostic.help(format!("add `uses = \"…\"` if `{name}` only exists in this {kind}")),
        })
    }

    fn keys_of(&self, component: &str) -> Option<Arc<Keys>> {
        self.catalogue.components.get(component).map(|c| c.keys.clone())
    }

    /// Returns the catalogue name of a component: by its own table and the base, or by the layer that declares it.
    fn uses_of(&self, name: &str, table: &Table) -> String {
        let uses = uses_of(name, Some(table), self.base, 0);
        if uses != name || self.base.contains_key(name) || self.catalogue.names.contains(&uses) {
            return uses;
        }
        let others = layers(self.root).into_iter().filter_map(|layer| layer.table("components")?.table(name));
        others.map(|table| uses_of(name, Some(table), self.base, 0)).find(|other| other != name).unwrap_or(uses)
    }

    /// Returns what is asked of a component by the slots that name it, with a component of the catalogue that gives it.
    fn asked(&self, name: &str) -> Option<(String, &'static str)> {
        let names_it = |node: &Node| node.as_str().is_some_and(|text| text.split('/').next() == Some(name));
        for (consumer, entry) in self.base {
            let Some(table) = entry.node.as_table() else { continue };
            let uses = uses_of(consumer, Some(table), self.base, 0);
            let Some(definition) = self.catalogue.components.get(&uses) else { continue };
            for (slot, def) in &definition.requires {
                let Some(node) = table.node(slot) else { continue };
                let inside = node.as_table().into_iter().flatten().any(|(_, entry)| names_it(&entry.node));
                let provider = || def.capabilities.iter().flat_map(|c| catalog::providers_of(c)).next();
                if names_it(node) || inside {
                    return Some((format!("slot `{slot}` of `{consumer}`"), provider()?));
                }
            }
        }
        None
    }
}

impl Open for Known<'_> {
    fn component(&self, name: &str, table: &Table) -> Option<Arc<Keys>> {
        if let Some(entry) = table.get("uses").filter(|entry| entry.node.as_str().is_none()) {
            let mut found = self.found.borrow_mut();
            crate::parse::shape::check("uses", &entry.node, &Shape::Text(Format::Name), &Nothing, &mut found);
            return None;
        }
        let uses = self.uses_of(name, table);
        if let Some(keys) = self.keys_of(&uses) {
            return Some(keys);
        }
        if self.catalogue.names.contains(&uses) {
            return None; // The component itself is broken: reported where it is.
        }
        if let Some(diagnostic) = self.nothing_to_change(name, table) {
            self.changes.borrow_mut().push(diagnostic);
            return None;
        }
        let at = table.get("uses").map(|e| e.node.span).or_else(|| self.base.get(name).map(|e| e.key));
        let mut diagnostic = Diagnostic::error(&UNKNOWN_COMPONENT, format!("the catalogue has no component `{uses}`"));
        if let Some(at) = at {
            diagnostic = diagnostic.at(at, "");
        }
        let near = near(&uses, self.catalogue.names.iter().map(String::as_str));
        diagnostic = match near.is_empty() {
            true if self.asked(name).is_some() => {
                let (slot, provider) = self.asked(name).unwrap_or_default();
                diagnostic.help(format!("add `uses = \"{provider}\"`, which provides what {slot} requires"))
            }
            false => diagnostic.help(format!("did you mean {}?", quoted_list(near, "or"))),
            true => diagnostic
                .help("set `uses = \"chart\"` for any Helm chart, or `uses = \"app\"` for your own service")
                .note("`lakegen catalog list` shows all components"),
        };
        self.found.borrow_mut().push(diagnostic);
        None
    }

    fn job(&self, name: &str, table: &Table) -> Option<Arc<Keys>> {
        if table.get("kind").is_some_and(|entry| entry.node.as_str().is_none()) {
            return None;
        }
        let kind = table.text("kind").or_else(|| self.jobs.table(name)?.text("kind")).unwrap_or("container");
        let component = self.catalogue.components.get(&format!("{JOB}{kind}"));
        if component.is_none()
            && let Some(entry) = table.get("kind")
        {
            // A component that is there and broken was reported where it is.
            if !self.catalogue.names.contains(&format!("{JOB}{kind}")) {
                self.found.borrow_mut().push(self.unknown_kind(kind, entry.node.span));
            }
        }
        Some(Arc::new(job_keys(component?)))
    }
}

/// Returns the keys of a job whose kind is this component.
pub fn job_keys(component: &Component) -> Keys {
    let mut keys = (*component.keys).clone();
    keys.name = "a job".into();
    // A kind that has no option for it runs at each sync, or when somebody asks.
    let always = !keys.keys.contains_key("when");
    let mut keys = job_words(keys);
    if let Some(when) = keys.keys.get_mut("when").filter(|_| always) {
        when.shape = words(&[When::Sync.name(), When::Demand.name()]);
    }
    keys
}

/// Adds the keys that only jobs have.
pub fn job_words(mut keys: Keys) -> Keys {
    keys.keys.extend(JobWords::keys().keys);
    keys
}

/// Says whether a mistake at the top of the file, or of a layer, would make others of everything below: a table that is
/// misspelt or is none.
pub fn is_shaken(syntax: &Syntax, found: &[Diagnostic]) -> bool {
    let at = |entry: &Entry, d: &Diagnostic| {
        d.labels.first().is_some_and(|label| label.span == entry.key || label.span == entry.node.span)
    };
    let is_table = |entry: &Entry| match &entry.node.kind {
        Kind::Table(_) => true,
        Kind::List(items) => items.iter().any(|item| item.as_table().is_some()),
        _ => false,
    };
    let codes = [crate::parse::UNKNOWN_KEY.slug, crate::parse::WRONG_TYPE.slug];
    found.iter().filter(|d| codes.contains(&d.code.slug)).any(|d| {
        let mut tables = layers(&syntax.root).into_iter().flat_map(Table::values).filter(|entry| is_table(entry));
        syntax.root.values().any(|entry| at(entry, d)) || tables.any(|entry| at(entry, d))
    })
}

/// Returns the names of all components and jobs of the file, whichever layer has them.
pub fn declared(syntax: &Syntax) -> BTreeSet<String> {
    let tables = layers(&syntax.root).into_iter().flat_map(|layer| ["components", "jobs"].map(|key| layer.table(key)));
    tables.flatten().flat_map(Table::keys).map(ToString::to_string).collect()
}

/// Checks every key and type of the file.
pub fn check(syntax: &Syntax, catalogue: &Catalogue, found: &mut Vec<Diagnostic>) {
    let empty = Table::new();
    let known = Known {
        catalogue,
        root: &syntax.root,
        base: syntax.root.table("components").unwrap_or(&empty),
        jobs: syntax.root.table("jobs").unwrap_or(&empty),
        found: RefCell::default(),
        changes: RefCell::default(),
    };
    let before = found.len();
    let root = root(catalogue);
    check_table(&syntax.root, &root, &known, found);
    misplaced(syntax, catalogue, &mut found[before..]);
    // A newer edition is reported as such, not as a word that `lakegen` cannot be.
    let newer = syntax
        .root
        .get("lakegen")
        .filter(|e| e.node.as_str().is_some_and(|text| text.parse::<u32>().is_ok_and(|n| n > 1)));
    if let Some(entry) = newer {
        found.retain(|d| d.labels.first().is_none_or(|l| l.span != entry.node.span));
    }
    let mut seen = BTreeSet::new();
    // A component that a layer changes may stand in the very table that is misspelt.
    let shaken = is_shaken(syntax, &found[before..]);
    let changes = known.changes.into_inner().into_iter().filter(|_| !shaken);
    for diagnostic in changes.chain(known.found.into_inner()) {
        if seen.insert((diagnostic.message.clone(), diagnostic.labels.first().map(|l| l.span))) {
            found.push(diagnostic);
        }
    }
    crate::parse::misspelt::check(&syntax.root, &root, found);
    for layer in layers(&syntax.root) {
        if let Some(secrets) = layer.table("secrets") {
            super::stores::foreign(secrets, catalogue, found);
        }
        defaults(layer.table("defaults"), catalogue, found);
    }
}

/// Helps those who wrote a component's table at the top.
fn misplaced(syntax: &Syntax, catalogue: &Catalogue, found: &mut [Diagnostic]) {
    for (name, entry) in syntax.root.iter().filter(|(name, _)| catalogue.names.contains(&***name)) {
        let its = |d: &&mut Diagnostic| {
            d.code.slug == crate::parse::UNKNOWN_KEY.slug && d.labels.first().is_some_and(|l| l.span == entry.key)
        };
        if let Some(diagnostic) = found.iter_mut().find(its) {
            diagnostic.notes.clear();
            diagnostic.help = vec![format!("move it under `components`: `[components.{name}]`")];
        }
    }
}

/// A name inside a default must be known by at least one component that takes the default.
fn nested(key: &str, table: &Table, catalogue: &Catalogue, found: &mut Vec<Diagnostic>) {
    let tables = catalogue.components.values().filter_map(|c| match &c.keys.keys.get(key)?.shape {
        Shape::Table(keys) => Some(keys),
        _ => None,
    });
    let known: Vec<(&String, &Shape)> =
        tables.flat_map(|keys| &keys.keys).map(|(name, key)| (name, &key.shape)).collect();
    for (name, entry) in table {
        let mut shapes = known.iter().filter(|(own, _)| **own == **name).peekable();
        if shapes.peek().is_none() {
            let message = format!("no component used here has `{name}` in its `{key}`");
            let diagnostic = Diagnostic::error(&crate::parse::UNKNOWN_KEY, message).at(entry.key, "");
            let near = near(name, known.iter().map(|(name, _)| name.as_str()));
            found.push(match near.is_empty() {
                true => diagnostic,
                false => diagnostic.help(format!("did you mean {}?", quoted_list(near, "or"))),
            });
            continue;
        }
        // The one that has the least to say against it.
        let judged = shapes.map(|(_, shape)| {
            let mut said = Vec::new();
            crate::parse::shape::check(name, &entry.node, shape, &Nothing, &mut said);
            said
        });
        found.extend(judged.min_by_key(Vec::len).unwrap_or_default());
    }
}

/// A default holds no components.
struct Nothing;

impl Open for Nothing {
    fn component(&self, _: &str, _: &Table) -> Option<Arc<Keys>> {
        None
    }
    fn job(&self, _: &str, _: &Table) -> Option<Arc<Keys>> {
        None
    }
}

/// A default must be a key that at least one component knows.
fn defaults(table: Option<&Table>, catalogue: &Catalogue, found: &mut Vec<Diagnostic>) {
    let common = common();
    for (key, entry) in table.into_iter().flatten() {
        let taken = catalogue.components.values().find_map(|c| c.keys.keys.get(&**key));
        if taken.is_none() && common.keys.contains_key(&**key) && !catalogue.components.is_empty() {
            let message = format!("no component used here takes `{key}`");
            found.push(Diagnostic::error(&crate::parse::UNKNOWN_KEY, message).at(entry.key, ""));
            continue;
        }
        // What pods, slots and endpoints there are is each component's own: one that knows the name is enough.
        if let ("pods" | "hosts" | "credentials", Some(table)) = (&**key, entry.node.as_table()) {
            nested(key, table, catalogue, found);
            continue;
        }
        match common.keys.get(&**key).or(taken) {
            Some(known) if !matches!(known.shape, Shape::Any) => {
                crate::parse::shape::check(key, &entry.node, &known.shape, &Nothing, found);
            }
            Some(_) => {}
            None => {
                let message = format!("`{key}` is neither a common key nor a slot of any component used here");
                let diagnostic = Diagnostic::error(&crate::parse::UNKNOWN_KEY, message).at(entry.key, "");
                let near = near(key, common.keys.keys().map(String::as_str));
                found.push(if near.is_empty() {
                    diagnostic
                } else {
                    diagnostic.help(format!("did you mean {}?", quoted_list(near, "or")))
                });
            }
        }
    }
}

/// Reports what a sibling of another kind brings and the component has no place for.
pub fn strange(
    name: &str,
    own: &Table,
    like: &Entry,
    table: &Table,
    definition: &Component,
    found: &mut Vec<Diagnostic>,
) {
    let keys = &definition.keys;
    let job = JobWords::keys();
    let known = |key: &str| keys.keys.contains_key(key) || job.keys.contains_key(key) || own.contains_key(key);
    for key in table.keys().filter(|key| !known(key)) {
        let sibling = like.node.as_str().unwrap_or_default();
        let message = format!("`{name}` copies `{key}` from `{sibling}`, but {} does not take it", keys.name);
        let help = format!("remove it: `unset = [\"{key}\"]`");
        found.push(Diagnostic::error(&crate::parse::UNKNOWN_KEY, message).at(like.node.span, "").help(help));
    }
}
