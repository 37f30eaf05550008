//! Components and jobs with their final tables and names.

use std::collections::BTreeMap;
use std::sync::Arc;

use globset::Glob;
use indexmap::IndexMap;

use super::hosts::{self, Published};
use super::layers::Frame;
use super::scope::{EarlyName, Known, early, early_text};
use super::wire::SlotBinding;
use super::{BAD_NAME, CIRCULAR_REFERENCE, Engine, Git, Target, unknown_name};
use crate::catalog::component::{Tier, tier};
use crate::catalog::read::chart;
use crate::catalog::{Catalogue, Chart, Component, Scope};
use crate::diag::{Diagnostic, Sources, Span};
use crate::parse::node::{Lookup, merge, unset};
use crate::parse::text::Format;
use crate::parse::{Entry, Kind, MISSING_KEY, Node, Table, string};

/// What all targets share while they are resolved.
pub struct Context<'a> {
    pub catalogue: &'a Catalogue,
    pub name: &'a str,
    pub engine: Engine,
    pub git: &'a Git,
    pub sources: &'a Sources,
}

impl<'a> Context<'a> {
    /// Returns what scopes look up.
    pub fn known(&self) -> Known<'a> {
        Known { sources: self.sources, catalogue: self.catalogue }
    }
}

/// A component or job of a target.
#[derive(Clone, Debug)]
pub struct Instance {
    pub name: String,
    pub definition: Arc<Component>,
    /// Whether it comes from `[jobs]`.
    pub job: bool,
    /// The merged table: defaults, like, own, environment, cluster.
    pub table: Table,
    /// The key under which it was written.
    pub span: Span,
    pub tier: Tier,
    pub namespace: String,
    pub release: String,
    pub fullname: String,
    pub chart: Option<Chart>,
    pub crds: Option<Chart>,
    pub apis: Vec<String>,
    pub bindings: IndexMap<String, SlotBinding>,
    pub hosts: IndexMap<String, Published>,
}

impl Instance {
    /// Returns the span of one of its keys, or of itself.
    pub fn at(&self, key: &str) -> Span {
        self.table.get(key).map_or(self.span, |entry| entry.node.span)
    }
}

/// Resolves the components and jobs of a frame.
pub fn target(frame: Frame, context: &Context<'_>, found: &mut Vec<Diagnostic>) -> Target {
    let empty = Table::new();
    let components = frame.table.table("components").unwrap_or(&empty).clone();
    let jobs = frame.table.table("jobs").unwrap_or(&empty).clone();
    let mut instances = IndexMap::new();
    for (name, entry) in &components {
        let Some(own) = entry.node.as_table() else { continue };
        let uses = super::language::uses_of(name, Some(own), &components, 0);
        let Some(definition) = context.catalogue.components.get(&uses) else { continue };
        if (definition.scope == Scope::Cluster) != frame.is_shared && (frame.is_shared || frame.shared.is_some()) {
            continue;
        }
        let table = layered(name, own, &components, definition, &frame, found);
        if table.flag("enabled") == Some(false) {
            continue;
        }
        let instance = instance(name, entry.key, table, definition.clone(), false, &frame, context, found);
        instances.insert(name.to_string(), instance);
    }
    for (name, entry) in jobs.iter().filter(|_| !frame.is_shared) {
        let Some(own) = entry.node.as_table() else { continue };
        let kind = own.text("kind").unwrap_or("container");
        let Some(definition) = context.catalogue.components.get(&format!("job-{kind}")) else { continue };
        let table = layered(name, own, &jobs, definition, &frame, found);
        if table.flag("enabled") == Some(false) {
            continue;
        }
        if let Some(other) = instances.get(&**name) {
            let other: &Instance = other;
            let message = format!("`{name}` is both a component and a job");
            found.push(
                Diagnostic::error(&BAD_NAME, message)
                    .at(entry.key, "this job")
                    .at(other.span, "this component")
                    .help("rename one of them"),
            );
            continue;
        }
        let instance = instance(name, entry.key, table, definition.clone(), true, &frame, context, found);
        instances.insert(name.to_string(), instance);
    }
    check_members(&frame, &instances, found);
    check_notify(&frame, found);
    let external = externals(&frame, found);
    let edges = hosts::edges(&frame, context, found);
    let mut target = Target {
        name: frame.name,
        environment: frame.environment,
        cluster: frame.cluster,
        ground: frame.ground,
        vars: frame.vars,
        store: frame.store,
        instances,
        external,
        buckets: IndexMap::new(),
        edges,
        claims: IndexMap::new(),
        shared: frame.shared,
        is_shared: frame.is_shared,
        table: frame.table,
    };
    hosts::publish(&mut target, context, found);
    target
}

/// Lays defaults, the sibling that it is like, and its own table over each other.
fn layered(
    name: &str,
    own: &Table,
    all: &Table,
    definition: &Component,
    frame: &Frame,
    found: &mut Vec<Diagnostic>,
) -> Table {
    let mut table = Table::new();
    for (key, entry) in frame.table.table("defaults").into_iter().flatten() {
        if definition.keys.keys.contains_key(&**key) {
            table.insert(key.clone(), entry.clone());
        }
    }
    let mut chain: Vec<&str> = vec![name];
    like("component", own, all, &mut table, &mut chain, found);
    table.shift_remove("like");
    table
}

/// Returns the externals, each laid over the one that it is like.
fn externals(frame: &Frame, found: &mut Vec<Diagnostic>) -> IndexMap<String, Table> {
    let empty = Table::new();
    let all = frame.table.table("external").unwrap_or(&empty);
    let mut externals = IndexMap::new();
    for (name, entry) in all {
        let Some(own) = entry.node.as_table() else { continue };
        let mut table = Table::new();
        like("external", own, all, &mut table, &mut vec![name], found);
        table.shift_remove("like");
        externals.insert(name.to_string(), table);
    }
    externals
}

/// Lays a table over the sibling that it is like. Hosts of components are not copied: two cannot answer at one.
fn like<'a>(
    what: &str,
    own: &'a Table,
    all: &'a Table,
    into: &mut Table,
    chain: &mut Vec<&'a str>,
    found: &mut Vec<Diagnostic>,
) {
    if let Some(entry) = own.get("like")
        && let Some(sibling) = entry.node.as_str()
    {
        match all.get_key_value(sibling) {
            Some((name, _)) if chain.contains(&&**name) => {
                let circle = format!("`{}` → `{name}`", chain.join("` → `"));
                found.push(
                    Diagnostic::error(&CIRCULAR_REFERENCE, format!("`like` goes in a circle: {circle}"))
                        .at(entry.node.span, ""),
                );
            }
            Some((name, other)) => {
                if let Some(table) = other.node.as_table() {
                    chain.push(name);
                    like(what, table, all, into, chain, found);
                    if what == "component" {
                        into.shift_remove("host");
                        into.shift_remove("hosts");
                    }
                }
            }
            None => found.push(unknown_name(what, sibling, entry.node.span, all.keys().map(|k| &**k))),
        }
    }
    for path in own.node("unset").and_then(Node::as_list).unwrap_or(&[]) {
        if let Some(text) = path.as_str()
            && !unset(into, text)
        {
            let message = format!("`{text}` is not set in the layers below, so there is nothing to remove");
            found.push(Diagnostic::error(&super::UNKNOWN_NAME, message).at(path.span, ""));
        }
    }
    let mut own = own.clone();
    own.shift_remove("unset");
    merge(into, &own);
}

#[allow(clippy::too_many_arguments, reason = "each is one input of an instance, and there are two callers")]
fn instance(
    name: &str,
    span: Span,
    table: Table,
    definition: Arc<Component>,
    job: bool,
    frame: &Frame,
    context: &Context<'_>,
    found: &mut Vec<Diagnostic>,
) -> Instance {
    check_name(name, span, found);
    let sources = context.sources;
    let alone = EarlyName { name, ..EarlyName::default() };
    let namespace = match table.get("namespace") {
        Some(entry) => {
            checked(Format::Name, early(frame, Some(&alone), &entry.node, sources, found), entry.node.span, found)
        }
        None => match member_namespace(frame, name) {
            Some(namespace) => namespace,
            None => definition.namespace.as_deref().map_or_else(
                || name.to_string(),
                |text| early_text(frame, Some(&alone), text, definition.span, sources, found),
            ),
        },
    };
    let release = match table.get("release") {
        Some(entry) => {
            checked(Format::Name, early(frame, Some(&alone), &entry.node, sources, found), entry.node.span, found)
        }
        None => name.to_string(),
    };
    if release.len() > 53 {
        let message = format!("the release name `{release}` is longer than the 53 characters that Helm takes");
        found.push(Diagnostic::error(&BAD_NAME, message).at(span, ""));
    }
    check_needs(name, &table, &definition, span, found);
    let chart = chart_of(&table, &definition, frame, found, span);
    let known = EarlyName { name, namespace: &namespace, release: &release, secret: "" };
    let rule = chart.as_ref().map_or("${release}", |c| c.fullname.as_str());
    let fullname = early_text(frame, Some(&known), rule, definition.span, sources, found);
    let tier = table.text("tier").and_then(tier).unwrap_or(definition.tier);
    let mut apis = definition.apis.clone();
    apis.extend(table.texts("apis").into_iter().map(String::from));
    Instance {
        name: name.into(),
        job,
        span,
        tier,
        crds: definition.crds.clone(),
        definition,
        table,
        namespace,
        release,
        fullname,
        chart,
        apis,
        bindings: IndexMap::new(),
        hosts: IndexMap::new(),
    }
}

/// Reports keys without which there is nothing to make.
fn check_needs(name: &str, table: &Table, definition: &Component, span: Span, found: &mut Vec<Diagnostic>) {
    for key in &definition.needs {
        let entry = table.get(key.as_str());
        let empty = entry.is_none_or(|entry| match &entry.node.kind {
            Kind::Str(text) => text.trim().is_empty(),
            Kind::List(list) => list.is_empty(),
            Kind::Table(table) => table.is_empty(),
            _ => false,
        });
        if !empty {
            continue;
        }
        let (what, example) = match key.as_str() {
            "chart" => ("no chart is named", "chart = { repository = \"https://…\", name = \"…\", version = \"…\" }"),
            _ => ("no file is named", "manifests = [\"manifests/*.yaml\"]"),
        };
        let message = format!("component `{name}` needs `{key}`: {what}, so it makes nothing");
        let diagnostic = Diagnostic::error(&MISSING_KEY, message);
        let diagnostic = match entry {
            Some(entry) => diagnostic.at(entry.key, "this is empty"),
            None => diagnostic.at(span, format!("lacks `{key}`")),
        };
        found.push(diagnostic.help(format!("add `{example}`")));
    }
}

fn checked(format: Format, text: String, at: Span, found: &mut Vec<Diagnostic>) -> String {
    // One mistake is one finding: what could not be filled in, or is wrong as written, was reported where it was read.
    let said = found.iter().any(|d| {
        d.labels.first().is_some_and(|l| l.span.source == at.source && l.span.start >= at.start && l.span.end <= at.end)
    });
    if let (Err(what), false) = (format.check(&text), said) {
        found.push(Diagnostic::error(&BAD_NAME, format!("`{text}` is not {what}")).at(at, ""));
    }
    text
}

/// Names that are folders must be folders on every system.
fn check_name(name: &str, at: Span, found: &mut Vec<Diagnostic>) {
    const DEVICES: &[&str] = &["con", "prn", "aux", "nul"];
    let numbered =
        |prefix: &str| name.strip_prefix(prefix).is_some_and(|n| n.len() == 1 && n.bytes().all(|b| b.is_ascii_digit()));
    if DEVICES.contains(&name) || numbered("com") || numbered("lpt") {
        let message =
            format!("`{name}` cannot be a folder's name on Windows, and the tree has a folder for each component");
        found.push(Diagnostic::error(&BAD_NAME, message).at(at, ""));
    }
    if let Some(what) = match name {
        "namespaces" => Some("the namespaces themselves"),
        "externals" => Some("the Services of externals"),
        "edges" => Some("the Gateways of edges"),
        "pull-secrets" => Some("pull secrets"),
        "stores" => Some("the secret stores of namespaces"),
        _ => None,
    } {
        let message = format!("`{name}` is the unit that lakegen makes for {what}");
        found.push(Diagnostic::error(&BAD_NAME, message).at(at, "").help("give the component another name"));
    }
}

fn member_namespace(frame: &Frame, name: &str) -> Option<String> {
    let namespaces = frame.table.table("namespaces")?;
    namespaces
        .iter()
        .find(|(_, entry)| {
            let members = entry.node.as_table().map(|t| t.texts("members")).unwrap_or_default();
            members.iter().any(|m| Glob::new(m).is_ok_and(|g| g.compile_matcher().is_match(name)))
        })
        .map(|(namespace, _)| namespace.to_string())
}

/// Reports members of namespaces and projects that match nothing.
fn check_members(frame: &Frame, instances: &IndexMap<String, Instance>, found: &mut Vec<Diagnostic>) {
    for key in ["namespaces", "projects"] {
        for (_, entry) in frame.table.table(key).into_iter().flatten() {
            let Some(members) = entry.node.as_table().and_then(|t| t.get("members")) else { continue };
            let nodes: Vec<&Node> = match &members.node.kind {
                Kind::List(list) => list.iter().collect(),
                _ => vec![&members.node],
            };
            for node in nodes {
                let Some(text) = node.as_str() else { continue };
                // A plain name of a component that is off here is fine; a name that is nowhere is a mistake.
                let everywhere =
                    ["components", "jobs"].iter().filter_map(|k| frame.table.table(k)).flat_map(Table::keys);
                let known: Vec<&str> = everywhere.map(|k| &**k).collect();
                let matches = Glob::new(text).is_ok_and(|g| {
                    let g = g.compile_matcher();
                    known.iter().any(|name| g.is_match(name)) || instances.keys().any(|name| g.is_match(name))
                });
                if !matches {
                    found.push(unknown_name("component or job", text, node.span, known));
                }
            }
        }
    }
}

/// Reports notifications that nobody could send: their services take a token only.
fn check_notify(frame: &Frame, found: &mut Vec<Diagnostic>) {
    for (name, entry) in frame.table.table("notify").into_iter().flatten() {
        let Some(table) = entry.node.as_table() else { continue };
        let kind = table.text("kind").unwrap_or("webhook");
        if matches!(kind, "slack" | "github") && !table.contains_key("secret") {
            let message = format!("notification `{name}` has no `secret`, and {kind} takes a token");
            let help = format!("add `secret = \"notify/{name}#token\"`, an item of the secret store");
            found.push(Diagnostic::error(&MISSING_KEY, message).at(entry.key, "").help(help));
        }
    }
}

/// Returns the chart in use: the catalogue's, another one of the user's, with the version that counts.
fn chart_of(
    table: &Table,
    definition: &Component,
    frame: &Frame,
    found: &mut Vec<Diagnostic>,
    span: Span,
) -> Option<Chart> {
    let mut result = definition.chart.clone();
    if let Some(entry) = table.get("chart")
        && let Some(own) = entry.node.as_table().filter(|own| !own.is_empty())
    {
        let given = chart(own);
        let base = result.get_or_insert_with(|| Chart { fullname: "${release}".into(), ..chart(&Table::new()) });
        for (from, to) in [
            (&given.repository, &mut base.repository),
            (&given.name, &mut base.name),
            (&given.version, &mut base.version),
        ] {
            if !from.is_empty() {
                to.clone_from(from);
            }
        }
        if own.contains_key("fullname") {
            base.fullname = given.fullname;
        }
        base.skip_crds |= given.skip_crds;
    }
    let result = result.as_mut()?;
    let pinned = frame.table.table("versions").and_then(|v| v.text(&definition.name));
    if let Some(version) = table.text("version").or(pinned) {
        result.version = version.into();
    }
    for (value, key) in [
        (&result.repository, "repository = \"https://…\"` or `oci = \"oci://…\""),
        (&result.name, "name = \"…\""),
        (&result.version, "version = \"…\""),
    ] {
        if value.is_empty() {
            let message = format!("the chart lacks `{}`", key.split(' ').next().unwrap_or(""));
            found.push(
                Diagnostic::error(&MISSING_KEY, message)
                    .at(table.get("chart").map_or(span, |e| e.key), "")
                    .help(format!("add `{key}` to `chart`")),
            );
        }
    }
    check_supported(result, table, definition, found, span);
    Some(result.clone())
}

fn check_supported(chart: &Chart, table: &Table, definition: &Component, found: &mut Vec<Diagnostic>, span: Span) {
    let Some(own) = definition.chart.as_ref().filter(|c| !c.supports.is_empty() && c.name == chart.name) else {
        return;
    };
    if !supports(&own.supports, &chart.version) {
        let message = format!(
            "version `{}` of chart `{}` is outside of what `{}` knows: {}",
            chart.version, chart.name, definition.name, own.supports
        );
        let at = table.get("version").map_or(span, |e| e.node.span);
        found.push(
            Diagnostic::warning(&crate::lower::UNTESTED_VERSION, message)
                .at(at, "")
                .note(format!("the catalogue's own version is `{}`", own.version)),
        );
    }
}

/// Reads a version as numbers for comparing; a suffix after `-` counts as older than none.
pub fn version_key(version: &str) -> (Vec<u64>, bool) {
    let body = version.trim_start_matches('v');
    let (core, suffix) = body.split_once('-').map_or((body, false), |(core, _)| (core, true));
    (core.split('+').next().unwrap_or("").split('.').map(|n| n.parse().unwrap_or(0)).collect(), !suffix)
}

/// Says whether a version fits a constraint of comma-separated comparisons (`>=1.40, <2`).
pub fn supports(constraint: &str, version: &str) -> bool {
    constraint.split(',').map(str::trim).filter(|c| !c.is_empty()).all(|c| {
        let split = c.find(|x: char| x.is_ascii_digit() || x == 'v').unwrap_or(0);
        let (operator, bound) = c.split_at(split);
        let order = pad(version).cmp(&pad(bound));
        match operator.trim() {
            ">=" => order.is_ge(),
            ">" => order.is_gt(),
            "<=" => order.is_le(),
            "<" => order.is_lt(),
            "~" | "^" => order.is_ge(),
            _ => order.is_eq(),
        }
    })
}

fn pad(version: &str) -> (Vec<u64>, bool) {
    let (mut numbers, release) = version_key(version);
    numbers.resize(4, 0);
    (numbers, release)
}

/// Fills `${options.…}` of a component into a text: for sources, which need nothing else.
pub fn option_text(instance: &Instance, text: &str) -> String {
    let mut out = String::new();
    for part in string::split(text) {
        match part {
            string::Part::Text(text) => out.push_str(&text),
            string::Part::Reference(reference) => {
                if let [root, name] = &reference.path[..]
                    && root == "options"
                {
                    let default = instance.definition.options.get(name).and_then(|o| o.default.as_ref());
                    out.push_str(instance.table.node(name).or(default).and_then(Node::as_str).unwrap_or(""));
                }
            }
        }
    }
    out
}

/// Returns the tables of `[placements]`, `[projects]` and the like by name.
pub fn named<'a>(table: &'a Table, key: &str) -> BTreeMap<&'a str, &'a Table> {
    table
        .table(key)
        .into_iter()
        .flatten()
        .filter_map(|(name, e): (&Arc<str>, &Entry)| Some((&**name, e.node.as_table()?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constraints_are_compared_by_number() {
        assert!(supports(">=1.40, <2", "1.42.2"));
        assert!(!supports(">=1.40, <2", "2.0.0"));
        assert!(!supports(">=1.40", "1.9"));
        assert!(supports(">=1.21", "v1.21.1"));
        assert!(!supports(">=1.21", "1.21.0-rc.1"));
    }
}
