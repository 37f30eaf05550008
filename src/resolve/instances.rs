//! Components and jobs with their final tables and names.

use std::collections::BTreeSet;
use std::sync::Arc;

use indexmap::IndexMap;

use super::charts;
use super::early::EarlyName;
use super::externals::External;
use super::fill::Filler;
use super::hosts::{self, Published, Route};
use super::layers::Frame;
use super::scope::Known;
use super::wire::SlotBinding;
use super::{BAD_NAME, CIRCULAR_REFERENCE, EMPTY_ENVIRONMENT, Target, reserved, unknown_name};
use crate::catalog::component::Tier;
use crate::catalog::{Catalogue, Chart, Component, Scope};
use crate::diag::{Diagnostic, Sources, Span, quoted_list};
use crate::parse::node::{Lookup, merge, unset};
use crate::parse::text::Format;
use crate::parse::{Entry, Kind, MISSING_KEY, Node, Table, string};
use crate::settings::component::{Common, JobWords};
use crate::settings::engines::NotifyKind;
use crate::settings::group::matches;
use crate::settings::platform::Engine;
use crate::settings::{Described, read};

/// What all targets share while they are resolved.
pub struct Context<'a> {
    pub catalogue: &'a Catalogue,
    pub sources: &'a Sources,
    /// Names of all components and jobs, whichever layer has them.
    pub declared: &'a BTreeSet<String>,
}

impl<'a> Context<'a> {
    /// Returns what scopes look up.
    pub fn known(&self) -> Known<'a> {
        Known { sources: self.sources, catalogue: self.catalogue, read: None }
    }
}

/// A component or job of a target.
#[derive(Clone, Debug)]
pub struct Instance {
    pub name: String,
    pub definition: Arc<Component>,
    /// Whether it comes from `[jobs]`.
    pub job: bool,
    /// What every component may say: defaults, like, own, environment and cluster laid over each other and filled in.
    pub said: Common,
    /// The same for jobs only.
    pub words: JobWords,
    /// The whole table: options and slots, whose names are the component's own, are read from it by those names.
    pub(super) table: Table,
    /// Components that its texts refer to.
    pub refers: BTreeSet<String>,
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
        if self.said.places.has(key) { self.said.places.value_of(key) } else { self.span }
    }

    /// Returns an option or a slot as it was written, or as the catalogue has it.
    pub fn option(&self, name: &str) -> Option<&Node> {
        self.arg(name).or_else(|| self.definition.options.get(name).and_then(|option| option.default.as_ref()))
    }

    /// Returns an option or a slot as it was written.
    pub fn arg(&self, name: &str) -> Option<&Node> {
        self.table.get(name).map(|entry| &entry.node)
    }

    /// Returns an option or a slot as it was written, with the place of its key.
    pub fn entry(&self, name: &str) -> Option<&Entry> {
        self.table.get(name)
    }

    /// Returns everything that was written of it, key by key.
    pub fn written(&self) -> impl Iterator<Item = &Node> {
        self.table.values().map(|entry| &entry.node)
    }

    /// Says whether it is the GitOps engine of a kind.
    pub fn is_engine(&self, engine: Engine) -> bool {
        self.definition.engine == Some(engine)
    }

    /// Returns what publishes its endpoints.
    pub fn routes(&self) -> impl Iterator<Item = &Route> {
        self.hosts.values().flat_map(|published| &published.routes)
    }

    /// Returns its names for early references.
    pub fn early_name(&self) -> EarlyName<'_> {
        EarlyName { name: &self.name, namespace: &self.namespace, release: &self.release }
    }
}

/// Resolves the components and jobs of a frame.
pub fn target(frame: Frame, context: &Context<'_>, found: &mut Vec<Diagnostic>) -> Target {
    let empty = Table::new();
    let components = frame.table.table("components").unwrap_or(&empty).clone();
    let jobs = frame.table.table("jobs").unwrap_or(&empty).clone();
    let mut instances = IndexMap::new();
    let mut broken = BTreeSet::new();
    let (mut switched_off, mut unknown_job): (Vec<(String, Span)>, bool) = (Vec::new(), false);
    for (name, entry) in &components {
        let Some(own) = entry.node.as_table() else { continue };
        let uses = super::language::uses_of(name, Some(own), &components, 0);
        let Some(definition) = context.catalogue.components.get(&uses) else {
            broken.insert(name.to_string());
            continue;
        };
        if (definition.scope == Scope::Cluster) != frame.is_shared && (frame.is_shared || frame.shared.is_some()) {
            continue;
        }
        let table = layered(name, own, &components, definition, &frame, found);
        if let Some(at) = is_off(&table) {
            switched_off.push((name.to_string(), at));
            continue;
        }
        let instance = instance(name, entry.key, table, definition.clone(), false, &frame, context, found);
        instances.insert(name.to_string(), instance);
    }
    for (name, entry) in jobs.iter().filter(|_| !frame.is_shared) {
        let Some(own) = entry.node.as_table() else { continue };
        let kind = own.text("kind").unwrap_or("container");
        let Some(definition) = context.catalogue.components.get(&format!("{}{kind}", crate::catalog::JOB)) else {
            unknown_job = true;
            continue;
        };
        let table = layered(name, own, &jobs, definition, &frame, found);
        if let Some(at) = is_off(&table) {
            switched_off.push((name.to_string(), at));
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
    if instances.is_empty() && broken.is_empty() && !unknown_job {
        check_empty(&frame, &switched_off, context, found);
    }
    check_members(&frame, &instances, context, found);
    check_notify(&frame, found);
    let declared = components.keys().chain(jobs.keys()).map(ToString::to_string);
    let off = declared.filter(|name| !instances.contains_key(name)).collect();
    let external = externals(&frame, context, found);
    let edges = hosts::edges(&frame, &context.catalogue.edges);
    let mut target = Target {
        name: frame.name,
        environment: frame.environment,
        cluster: frame.cluster,
        settings: frame.settings,
        seen: frame.seen,
        reached: frame.reached,
        vars: frame.vars,
        store: frame.store,
        instances,
        off,
        broken,
        external,
        buckets: IndexMap::new(),
        edges,
        claims: IndexMap::new(),
        shared: frame.shared,
        is_shared: frame.is_shared,
        written: frame.table,
    };
    hosts::publish(&mut target, context, found);
    target
}

/// Returns where a component is switched off, if it is.
fn is_off(table: &Table) -> Option<Span> {
    let entry = table.get("enabled").filter(|_| table.flag("enabled") == Some(false))?;
    Some(entry.node.span)
}

/// Reports an environment that has nothing, where that was said or where others have something.
fn check_empty(frame: &Frame, off: &[(String, Span)], context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    if frame.is_shared || context.declared.is_empty() || (off.is_empty() && frame.shared.is_some()) {
        return;
    }
    let message = match frame.environment.as_str() {
        "default" => "no component is left".to_string(),
        name => format!("environment `{name}` has no component"),
    };
    let mut diagnostic = Diagnostic::warning(&EMPTY_ENVIRONMENT, message);
    let mut lines: IndexMap<Span, Vec<&str>> = IndexMap::new();
    for (name, at) in off {
        lines.entry(*at).or_default().push(name);
    }
    for (at, names) in lines.iter().take(3) {
        diagnostic = diagnostic.at(*at, format!("disables {}", quoted_list(names.iter().copied(), "and")));
    }
    if off.is_empty() {
        diagnostic = diagnostic.at(frame.at, "");
    }
    found.push(
        diagnostic
            .note("the engine would remove everything of the platform that runs there")
            .help("enable a component, or remove the environment from the file"),
    );
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
    if let Some(entry) = table.shift_remove("like") {
        super::language::strange(name, own, &entry, &table, definition, found);
    }
    table
}

/// Returns the externals, each laid over the one that it is like.
fn externals(frame: &Frame, context: &Context<'_>, found: &mut Vec<Diagnostic>) -> IndexMap<String, External> {
    let empty = Table::new();
    let all = frame.table.table("external").unwrap_or(&empty);
    let mut externals = IndexMap::new();
    for (name, entry) in all {
        let Some(own) = entry.node.as_table() else { continue };
        let mut table = Table::new();
        like("external", own, all, &mut table, &mut vec![name], found);
        table.shift_remove("like");
        // Fields wait until they are asked for; its own words do not.
        Filler { early: frame.early(), sources: context.sources, found }
            .fill(&mut table, &super::externals::Words::keys());
        externals.insert(name.to_string(), External::new(&table, entry.key));
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
                    Diagnostic::error(&CIRCULAR_REFERENCE, format!("`like` is circular: {circle}"))
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
            let message = format!("no earlier layer sets `{text}`, so there is nothing to remove");
            found.push(Diagnostic::error(&super::UNKNOWN_NAME, message).at(path.span, ""));
        }
    }
    let mut own = own.clone();
    own.shift_remove("unset");
    merge(into, &own);
}

#[allow(clippy::too_many_arguments, reason = "one argument per input of an instance, with two callers")]
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
    let mut table = table;
    let sources = context.sources;
    // Its own names first: everything else may use them.
    let alone = frame.early().of(EarlyName { name, namespace: "", release: "" });
    let (mut names, mut rest) = (Table::new(), Table::new());
    for (key, entry) in std::mem::take(&mut table) {
        let into = if matches!(&*key, "namespace" | "release") { &mut names } else { &mut rest };
        into.insert(key, entry);
    }
    Filler { early: alone, sources, found }.fill(&mut names, &definition.keys);
    let named: Common = read(&names);
    let namespace = match &named.namespace {
        Some(written) => checked(Format::Name, written.to_string(), written.at, found),
        None => match member_namespace(frame, name) {
            Some(namespace) => namespace,
            None => definition
                .namespace
                .as_deref()
                .map_or_else(|| name.to_string(), |text| alone.fill(text, definition.span, sources, found)),
        },
    };
    let release = match &named.release {
        Some(written) => checked(Format::Name, written.to_string(), written.at, found),
        None => name.to_string(),
    };
    if release.len() > 53 {
        let message = format!("the release name `{release}` is longer than 53 characters, the maximum of Helm");
        found.push(Diagnostic::error(&BAD_NAME, message).at(span, ""));
    }
    let early = frame.early().of(EarlyName { name, namespace: &namespace, release: &release });
    let mut filler = Filler { early, sources, found };
    filler.fill(&mut rest, &definition.keys);
    let words: JobWords = if job {
        filler.fill(&mut rest, &JobWords::keys());
        read(&rest)
    } else {
        JobWords::default()
    };
    rest.extend(names);
    check_needs(name, &rest, &definition, span, found);
    let said: Common = read(&rest);
    let chart = charts::chart_of(&said, &definition, frame, found, span);
    let rule = chart.as_ref().map_or("${release}", |c| c.fullname.as_str());
    let fullname = early.fill(rule, definition.span, sources, found);
    let apis = charts::apis_of(name, &said, &definition, chart.as_ref(), span, found);
    let mut refers = BTreeSet::new();
    references(&rest, &mut refers);
    Instance {
        name: name.into(),
        job,
        span,
        tier: said.tier.unwrap_or(definition.tier),
        crds: definition.crds.clone(),
        definition,
        said,
        words,
        table: rest,
        refers,
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
            "chart" => ("no chart is set", "chart = { repository = \"https://…\", name = \"…\", version = \"…\" }"),
            _ => ("no file is set", "manifests = [\"manifests/*.yaml\"]"),
        };
        let message = format!("component `{name}` needs `{key}`: {what}, so it would deploy nothing");
        let diagnostic = Diagnostic::error(&MISSING_KEY, message);
        let diagnostic = match entry {
            Some(entry) => diagnostic.at(entry.key, "this is empty"),
            None => diagnostic.at(span, format!("has no `{key}`")),
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
        let message = format!("`{name}` cannot be the name of a folder on Windows, and each component gets a folder");
        found.push(Diagnostic::error(&BAD_NAME, message).at(at, ""));
    }
    if let Some((_, what)) = reserved::UNITS.iter().find(|(unit, _)| *unit == name) {
        let message = format!("`{name}` is reserved: lakegen uses it for {what}");
        found.push(Diagnostic::error(&BAD_NAME, message).at(at, "").help("give the component another name"));
    }
}

fn member_namespace(frame: &Frame, name: &str) -> Option<String> {
    let mut namespaces = frame.settings.namespaces.iter();
    namespaces.find(|(_, namespace)| matches(&namespace.members, name)).map(|(namespace, _)| namespace.clone())
}

/// Reports members of namespaces and projects that match nothing.
fn check_members(
    frame: &Frame,
    instances: &IndexMap<String, Instance>,
    context: &Context<'_>,
    found: &mut Vec<Diagnostic>,
) {
    let namespaces = frame.settings.namespaces.values().flat_map(|namespace| &namespace.members);
    let projects = frame.settings.projects.values().flat_map(|project| &project.members);
    // A component that is off here, or that another environment has, is fine; a name that is nowhere is a mistake.
    let known: Vec<&str> = context.declared.iter().map(String::as_str).collect();
    for member in namespaces.chain(projects) {
        let one = std::slice::from_ref(member);
        if !known.iter().any(|name| matches(one, name)) && !instances.keys().any(|name| matches(one, name)) {
            found.push(unknown_name("component or job", member, member.at, known.iter().copied()));
        }
    }
}

/// Reports notifications that nobody could send: their services take a token only, or an address that nobody gave.
fn check_notify(frame: &Frame, found: &mut Vec<Diagnostic>) {
    for (name, notify) in &frame.settings.notify {
        if matches!(notify.kind, NotifyKind::Slack | NotifyKind::Github) && !notify.places.has("secret") {
            let message = format!("notification `{name}` has no `secret`, but {} needs a token", notify.kind.name());
            let help = format!("add `secret = \"notify/{name}#token\"`, an item in the secret store");
            found.push(Diagnostic::error(&MISSING_KEY, message).at(notify.places.key, "").help(help));
        }
        let help = match (notify.kind, notify.places.has("url"), notify.places.has("secret")) {
            // Flux sends no mail at all, which is said as such.
            (NotifyKind::Email, false, _) if frame.settings.platform.engine == Engine::ArgoCd => {
                "add user and server: `url = \"https://lake@mail.example.com:587\"`".to_string()
            }
            (NotifyKind::Teams | NotifyKind::Webhook, false, false) => format!(
                "add `url = \"https://…\"`, or, if the URL itself is a secret, `secret = \"notify/{name}#address\"`"
            ),
            _ => continue,
        };
        let message = format!("notification `{name}` has no `url` to send it to");
        found.push(Diagnostic::error(&MISSING_KEY, message).at(notify.places.key, "").help(help));
    }
}

/// Gathers the components that late references name.
fn references(table: &Table, named: &mut BTreeSet<String>) {
    fn node(value: &Node, named: &mut BTreeSet<String>) {
        match &value.kind {
            Kind::Str(text) if text.contains("${components.") => {
                for part in string::split(text) {
                    if let string::Part::Reference(reference) = part
                        && let [root, name, ..] = &reference.path[..]
                        && root == "components"
                    {
                        named.insert(name.clone());
                    }
                }
            }
            Kind::List(list) => list.iter().for_each(|n| node(n, named)),
            Kind::Table(table) => references(table, named),
            _ => {}
        }
    }
    table.values().for_each(|entry| node(&entry.node, named));
}

/// Fills `${options.…}` of a component into a text, and what options refer to early: for sources, which need nothing else.
pub fn option_text(
    target: &Target,
    instance: &Instance,
    text: &str,
    sources: &Sources,
    found: &mut Vec<Diagnostic>,
) -> String {
    let early = target.early().of(instance.early_name());
    let mut out = String::new();
    for part in string::split(text) {
        match part {
            string::Part::Text(text) => out.push_str(&text),
            string::Part::Reference(reference) => {
                if let [root, name] = &reference.path[..]
                    && root == "options"
                {
                    out.push_str(
                        &instance.option(name).map_or_else(String::new, |node| early.node(node, sources, found)),
                    );
                }
            }
        }
    }
    out
}
