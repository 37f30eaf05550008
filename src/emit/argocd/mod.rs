//! Argo CD: one multi-source Application per unit, AppProjects, and what is applied by hand once.
//!
//! Facts: argo-cd v3.4 (docs/user-guide/multiple_sources.md, sync-waves.md, sync-options.md; the Application CRD).

mod bootstrap; // what is applied by hand once

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::layout::{All, Paths, kustomization};
use super::{Writer, jobs};
use crate::catalog::{Chart, Stage};
use crate::diag::Diagnostic;
use crate::lower::objects::demand;
use crate::lower::objects::namespaces;
use crate::lower::objects::sync;
use crate::lower::said::source;
use crate::lower::{Manifests, TargetManifests};
use crate::lower::{Place, UnitId};
use crate::manifest::value::object;
use crate::manifest::value::{Map, Value};
use crate::resolve::scope::plain;
use crate::resolve::{Engine, Instance, Platform, Target};
use crate::settings::Text;
use crate::settings::engines::{ArgoCd, Bootstrap, Event, Form, NotifyKind};
use crate::settings::group::{Project, matches};

/// Address of the cluster that Argo CD itself runs on.
const HERE: &str = "https://kubernetes.default.svc";

/// Annotation with the wave of an object.
pub(super) const WAVE: &str = "argocd.argoproj.io/sync-wave";

/// Label of an Application with its target.
pub(super) const TARGET: &str = "lakegen.dev/target";

/// Finalizer by which the objects go with their Application.
pub(super) const CASCADE: &str = "resources-finalizer.argocd.argoproj.io";

/// Writes the engine's folder and the bootstrap of every target.
pub fn write(platform: &Platform, manifests: &Manifests, paths: &All, writer: &mut Writer) {
    if platform.engine != Engine::ArgoCd {
        return;
    }
    let all = platform.targets.iter().zip(&manifests.targets);
    let all: Vec<Applications<'_>> =
        all.map(|(target, lowered)| Applications { platform, target, lowered, paths }).collect();
    let (sets, single): (Vec<_>, Vec<_>) = all.into_iter().partition(Applications::in_sets);
    let mut names = BTreeMap::new();
    for one in &single {
        one.check_names(&mut names, writer);
    }
    for one in single {
        one.write(writer);
    }
    super::appset::write(&sets, writer);
}

/// Writes a folder's projects and the kustomization of all that it holds.
pub(super) fn write_folder(
    folder: &str,
    mut files: Vec<String>,
    projects: &BTreeMap<String, Value>,
    writer: &mut Writer,
) {
    if !projects.is_empty() {
        let mut names = Vec::new();
        for (name, value) in projects {
            names.push(format!("{name}.yaml"));
            writer.yaml(format!("{folder}/projects/{name}.yaml"), value);
        }
        writer.yaml(format!("{folder}/projects/kustomization.yaml"), &kustomization(names, vec![], vec![]));
        files.insert(0, "projects".into());
    }
    writer.yaml(format!("{folder}/kustomization.yaml"), &kustomization(files, vec![], vec![]));
}

pub(super) struct Applications<'a> {
    pub(super) platform: &'a Platform,
    pub(super) target: &'a Target,
    pub(super) lowered: &'a TargetManifests,
    paths: &'a All,
}

impl<'a> Applications<'a> {
    fn write(&self, writer: &mut Writer) {
        let folder = format!("argocd/{}", self.target.name);
        let mut files = Vec::new();
        for (unit, place) in &self.lowered.order.units {
            let name = unit.name();
            files.push(format!("{name}.yaml"));
            writer.yaml(format!("{folder}/{name}.yaml"), &self.application(unit, place));
        }
        let projects = self.projects();
        write_folder(&folder, files, &projects, writer);
        self.bootstrap(&self.target.name, !projects.is_empty(), writer);
    }

    /// Reports an Application whose name another one has already where the same Argo CD keeps both, the root among them.
    fn check_names<'n>(&'n self, names: &mut BTreeMap<(&'n str, String), String>, writer: &mut Writer) {
        let place = if self.hub() { "" } else { self.target.cluster.as_str() };
        let root = (self.project_name(&self.platform.name), "the root Application".to_string(), None);
        let root = (self.settings().bootstrap != Bootstrap::External).then_some(root);
        let units = self.lowered.order.units.keys();
        let units = units.map(|unit| (self.name(unit), format!("`{}`", unit.name()), self.instance(unit)));
        for (name, what, instance) in root.into_iter().chain(units) {
            let what = match self.platform.targets.len() {
                1 => what,
                _ => format!("{what} of `{}`", self.target.name),
            };
            if let Some(other) = names.insert((place, name.clone()), what.clone()) {
                let message = format!("{other} and {what} would both be called `{name}` in Argo CD");
                let diagnostic = Diagnostic::error(&super::PATH_COLLISION, message)
                    .help("rename the component, or set `[argocd] names` to separate them");
                writer.found.push(match instance {
                    Some(instance) => diagnostic.at(instance.span, ""),
                    None => diagnostic,
                });
            }
        }
    }

    /// Says whether ApplicationSets take the place of Applications.
    fn in_sets(&self) -> bool {
        self.settings().form == Form::ApplicationSet
    }

    fn settings(&self) -> &'a ArgoCd {
        &self.target.settings.argocd
    }

    /// Returns Argo CD's namespace: as said, or where its component lives, or the default.
    pub(super) fn namespace(&self) -> String {
        let shared = self.platform.shared_of(self.target);
        let elsewhere = self.platform.targets.iter().filter(|_| self.hub());
        let mut instances =
            std::iter::once(self.target).chain(shared).chain(elsewhere).flat_map(|t| t.instances.values());
        let own = instances.find(|i| i.is_engine(Engine::ArgoCd)).map(|i| i.namespace.clone());
        self.settings().namespace.as_ref().map(String::from).or(own).unwrap_or_else(|| "argocd".into())
    }

    fn instance(&self, unit: &UnitId) -> Option<&'a Instance> {
        self.target.instances.get(&unit.component)
    }

    /// Returns a path of the tree as it stands in the repository.
    fn in_repository(&self, path: &str) -> String {
        let root = &self.target.settings.git.path;
        if root.is_empty() { path.to_string() } else { format!("{root}/{path}") }
    }

    pub(super) fn application(&self, unit: &UnitId, place: &Place) -> Value {
        let instance = self.instance(unit);
        let mut annotations = Map::from_iter([(Arc::from(WAVE), Value::from(place.wave.to_string()))]);
        if self.foreign() {
            // Fields that the API server fills in, such as those of an HTTPRoute, are then no difference
            // (argo-cd v3.4 docs/user-guide/diff-strategies.md); Argo CD of the catalogue is set to it as a whole.
            annotations.insert("argocd.argoproj.io/compare-options".into(), Value::from("ServerSideDiff=true"));
        }
        annotations.extend(self.subscriptions(&unit.component));
        let mut metadata = Map::from_iter([
            (Arc::from("name"), Value::from(self.name(unit))),
            (Arc::from("namespace"), Value::from(self.namespace())),
            (
                Arc::from("labels"),
                object([
                    ("app.kubernetes.io/part-of", Value::from(&self.target.ground().name)),
                    (TARGET, Value::from(self.target.name.as_str())),
                ]),
            ),
            (Arc::from("annotations"), Value::Map(annotations)),
        ]);
        if self.cascades(unit, instance) {
            metadata.insert("finalizers".into(), Value::from(vec![CASCADE]));
        }
        let mut spec = Map::from_iter([
            (Arc::from("project"), Value::from(self.project_of(&unit.component))),
            (Arc::from("sources"), Value::List(self.sources(unit, instance))),
            (Arc::from("destination"), self.destination(instance)),
            (Arc::from("syncPolicy"), self.sync_policy(unit, instance)),
        ]);
        let ignored = self.ignored(instance);
        if !ignored.is_empty() {
            spec.insert("ignoreDifferences".into(), Value::List(ignored));
        }
        if let Some(history) = self.target.sync(instance).revision_history {
            spec.insert("revisionHistoryLimit".into(), Value::from(history));
        }
        object([
            ("apiVersion", Value::from("argoproj.io/v1alpha1")),
            ("kind", Value::from("Application")),
            ("metadata", Value::Map(metadata)),
            ("spec", Value::Map(spec)),
        ])
    }

    fn name(&self, unit: &UnitId) -> String {
        sync::application(self.target, &unit.name())
    }

    /// Returns the name of an AppProject of this target.
    fn project_name(&self, name: &str) -> String {
        if sync::is_crowded(self.target) { format!("{name}-{}", self.target.name) } else { name.to_string() }
    }

    /// Says whether Argo CD is no component of the platform.
    fn foreign(&self) -> bool {
        !self.platform.targets.iter().any(|t| t.instances.values().any(|i| i.is_engine(Engine::ArgoCd)))
    }

    pub(super) fn hub(&self) -> bool {
        self.settings().hub
    }

    /// Returns the destination cluster: where Argo CD runs, or, from a hub, the one that `[clusters]` names.
    fn server(&self) -> (&'static str, String) {
        let reached = &self.target.reached;
        match (&reached.server, &reached.name) {
            _ if !self.hub() => ("server", HERE.to_string()),
            (Some(server), _) => ("server", server.to_string()),
            (None, Some(name)) => ("name", name.to_string()),
            (None, None) => ("name", self.target.cluster.clone()),
        }
    }

    fn destination(&self, instance: Option<&Instance>) -> Value {
        let (key, server) = self.server();
        let mut map = Map::from_iter([(Arc::from(key), Value::from(server))]);
        // A project allows pairs of cluster and namespace, so even what only makes cluster-wide objects or names every
        // namespace itself has one: Argo CD's own (argo-cd v3.4, `isDestinationMatched`).
        let namespace = instance.map_or_else(|| self.namespace(), |i| i.namespace.clone());
        map.insert("namespace".into(), Value::from(namespace));
        Value::Map(map)
    }

    /// Returns the sources: the chart with its values, the repository for them, then a folder per stage.
    fn sources(&self, unit: &UnitId, instance: Option<&Instance>) -> Vec<Value> {
        let none = Paths::default();
        let paths = self.paths.get(&(self.target.name.clone(), unit.component.clone())).unwrap_or(&none);
        let mut sources = Vec::new();
        let main = unit.stages().contains(&Stage::Release);
        let chart = self.lowered.chart(unit);
        if let (Some(chart), Some(instance)) = (chart, instance) {
            let values: &[String] = if main { &paths.values } else { &[] };
            sources.push(self.chart(chart, if main { instance.release.clone() } else { unit.name() }, values));
            if !values.is_empty() {
                sources.push(object([
                    ("repoURL", Value::from(self.target.settings.git.url.as_str())),
                    ("targetRevision", Value::from(self.target.settings.git.branch.as_str())),
                    ("ref", Value::from("values")),
                ]));
            }
        }
        for stage in unit.stages() {
            if let Some(path) = paths.stages.get(stage) {
                sources.push(self.folder(path, *stage));
            }
        }
        if let Some(instance) = instance.filter(|_| main) {
            if demand::is_on_demand(instance) {
                sources.push(self.folder(&jobs::runs(&self.target.name, &instance.name), Stage::Release));
            }
            sources.extend(self.own_source(instance));
        }
        sources
    }

    fn chart(&self, chart: &Chart, release: String, values: &[String]) -> Value {
        let mut helm = Map::from_iter([(Arc::from("releaseName"), Value::from(release))]);
        if !values.is_empty() {
            let files: Vec<String> =
                values.iter().map(|path| format!("$values/{}", self.in_repository(path))).collect();
            helm.insert("valueFiles".into(), Value::from(files));
        }
        if chart.skip_crds {
            helm.insert("skipCrds".into(), Value::Bool(true));
        }
        object([
            // Argo CD writes OCI repositories without their scheme (docs/user-guide/helm.md).
            ("repoURL", Value::from(chart.repository.trim_start_matches("oci://"))),
            ("chart", Value::from(chart.name.as_str())),
            ("targetRevision", Value::from(chart.version.as_str())),
            ("helm", Value::Map(helm)),
        ])
    }

    /// Returns the source of a stage's folder. Objects of `prepare` come before the chart's within the same sync.
    fn folder(&self, path: &str, stage: Stage) -> Value {
        let mut map = Map::from_iter([
            (Arc::from("repoURL"), Value::from(self.target.settings.git.url.as_str())),
            (Arc::from("targetRevision"), Value::from(self.target.settings.git.branch.as_str())),
            (Arc::from("path"), Value::from(self.in_repository(path))),
        ]);
        if stage == Stage::Prepare {
            let wave = Map::from_iter([(Arc::from(WAVE), Value::from("-10"))]);
            map.insert("kustomize".into(), object([("commonAnnotations", Value::Map(wave))]));
        }
        Value::Map(map)
    }

    /// Returns the source of a component that is a folder of somebody's repository.
    fn own_source(&self, instance: &Instance) -> Option<Value> {
        let source = source::of(self.target, instance)?;
        Some(object([
            ("repoURL", Value::from(source.url)),
            ("targetRevision", Value::from(source.revision)),
            ("path", Value::from(source.path)),
        ]))
    }

    fn sync_policy(&self, unit: &UnitId, instance: Option<&Instance>) -> Value {
        let sync = self.target.sync(instance);
        let mut policy = Map::default();
        if sync.automated.unwrap_or(true) {
            let prune = unit.component != namespaces::UNIT && sync.prune.unwrap_or(true);
            policy.insert(
                "automated".into(),
                object([("prune", Value::Bool(prune)), ("selfHeal", Value::Bool(sync.self_heal.unwrap_or(true)))]),
            );
        }
        let mut options = Vec::new();
        if sync::is_server_side(self.target, instance, unit.part) {
            options.push("ServerSideApply=true".to_string());
        }
        if !self.ignored(instance).is_empty() {
            options.push("RespectIgnoreDifferences=true".to_string());
        }
        options.extend(sync.options.iter().flatten().map(String::from));
        if !options.is_empty() {
            policy.insert("syncOptions".into(), Value::from(options));
        }
        policy.insert("retry".into(), self.retry(instance));
        Value::Map(policy)
    }

    fn retry(&self, instance: Option<&Instance>) -> Value {
        let retry = self.target.sync(instance).retry.unwrap_or_default();
        let text = |text: &Option<Text>, default: &str| Value::from(text.as_deref().unwrap_or(default));
        object([
            // A first roll-out waits for images and volumes: ten tries with growing pauses are about half an hour.
            ("limit", Value::from(retry.limit.unwrap_or(10))),
            // A commit that repairs a failing sync is taken up at the next try (Application CRD of argo-cd v3.4).
            ("refresh", Value::Bool(true)),
            (
                "backoff",
                object([
                    ("duration", text(&retry.delay, "15s")),
                    ("factor", Value::from(retry.factor.unwrap_or(2))),
                    ("maxDuration", text(&retry.max_delay, "5m")),
                ]),
            ),
        ])
    }

    /// Says whether removing the unit removes its objects; never where data lives.
    fn cascades(&self, unit: &UnitId, instance: Option<&Instance>) -> bool {
        if unit.component == namespaces::UNIT || unit.stages().contains(&Stage::Crds) {
            return false;
        }
        let stays = self.lowered.components.get(&unit.component).is_some_and(|unit| unit.stays);
        self.target.sync(instance).cascade.unwrap_or(!stays)
    }

    fn ignored(&self, instance: Option<&Instance>) -> Vec<Value> {
        let mut ignored = Vec::new();
        for filled in instance.iter().flat_map(|instance| &instance.definition.operator_filled) {
            let mut map = Map::default();
            if !filled.group.is_empty() {
                map.insert("group".into(), Value::from(filled.group.as_str()));
            }
            map.insert("kind".into(), Value::from(filled.kind.as_str()));
            if !filled.pointers.is_empty() {
                map.insert("jsonPointers".into(), Value::from(filled.pointers.clone()));
            }
            if !filled.jq.is_empty() {
                map.insert("jqPathExpressions".into(), Value::from(filled.jq.clone()));
            }
            ignored.push(Value::Map(map));
        }
        for own in self.target.sync(instance).ignore.iter().flatten() {
            let mut map = Map::default();
            for (key, text) in [("group", &own.group), ("kind", &own.kind), ("name", &own.name)] {
                if let Some(text) = text {
                    map.insert(key.into(), Value::from(text));
                }
            }
            for (key, list) in [("jsonPointers", &own.pointers), ("jqPathExpressions", &own.jq)] {
                if !list.is_empty() {
                    map.insert(key.into(), Value::List(list.iter().map(Value::from).collect()));
                }
            }
            ignored.push(Value::Map(map));
        }
        ignored
    }

    /// Returns the annotations that subscribe people to what happens to a component
    /// (argo-cd v3.4 docs/operator-manual/notifications/subscriptions.md).
    fn subscriptions(&self, component: &str) -> Vec<(Arc<str>, Value)> {
        let mut all: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (name, notify) in &self.target.settings.notify {
            if !notify.members.is_empty() && !matches(&notify.members, component) {
                continue;
            }
            let own = matches!(notify.kind, NotifyKind::Slack | NotifyKind::Email);
            let service = if own { notify.kind.name() } else { name };
            let to = notify.channel.as_deref().unwrap_or("");
            for event in &notify.on {
                let trigger = match event {
                    Event::Failed => "on-sync-failed",
                    Event::Degraded => "on-health-degraded",
                    Event::Deployed => "on-deployed",
                };
                let key = format!("notifications.argoproj.io/subscribe.{trigger}.{service}");
                let recipients: &mut Vec<&str> = all.entry(key).or_default();
                if !to.is_empty() && !recipients.contains(&to) {
                    recipients.push(to);
                }
            }
        }
        // Several recipients of one service stand behind one key, with semicolons between them.
        all.into_iter().map(|(key, to)| (Arc::from(key), Value::from(to.join(";")))).collect()
    }

    fn project_of(&self, component: &str) -> String {
        if let Some(existing) = &self.settings().project {
            return existing.to_string();
        }
        self.project_name(self.target.project(component).map_or(self.target.ground().name.as_str(), |(name, _)| name))
    }

    /// Returns the AppProjects by name; none when an existing one is used.
    pub(super) fn projects(&self) -> BTreeMap<String, Value> {
        let mut projects = BTreeMap::new();
        if self.settings().project.is_some() {
            return projects;
        }
        let mut members: BTreeMap<String, Vec<&UnitId>> = BTreeMap::new();
        members.insert(self.project_name(&self.target.ground().name), vec![]);
        for unit in self.lowered.order.units.keys() {
            members.entry(self.project_of(&unit.component)).or_default().push(unit);
        }
        for (name, units) in members {
            let mut projects_said = self.target.settings.projects.iter();
            let own = projects_said.find(|(key, _)| self.project_name(key) == name).map(|(_, own)| own);
            projects.insert(name.clone(), self.project(&name, own, &units));
        }
        projects
    }

    fn project(&self, name: &str, own: Option<&Project>, units: &[&UnitId]) -> Value {
        let is_default = name == self.project_name(&self.target.ground().name);
        let mut repositories = BTreeSet::from([self.target.settings.git.url.to_string()]);
        let mut spaces = BTreeSet::new();
        let mut kinds_used = BTreeSet::new();
        if is_default {
            spaces.insert(self.namespace());
        }
        for unit in units {
            if self.instance(unit).is_none() {
                spaces.insert(self.namespace());
            }
            if unit.component == namespaces::UNIT {
                spaces.extend(self.target.instances.values().map(|i| i.namespace.clone()));
            }
            let unit_objects = self.lowered.of(unit).into_iter().flat_map(|made| made.stages.values().flatten());
            for lowered in unit_objects {
                let object = &lowered.object;
                // What has no namespace at all may be of a kind that nobody knows: its project allows both.
                if object.namespace().is_empty() {
                    kinds_used.insert((object.group().to_string(), object.kind().to_string()));
                } else {
                    spaces.insert(object.namespace().to_string());
                }
            }
            let Some(instance) = self.instance(unit) else { continue };
            spaces.insert(instance.namespace.clone());
            spaces.extend(instance.definition.writes_to.iter().cloned());
            for chart in self.lowered.of(unit).into_iter().flat_map(|unit| unit.delivery.charts()) {
                repositories.insert(chart.repository.trim_start_matches("oci://").to_string());
            }
            if let Some(source) = self.own_source(instance).and_then(|s| s.get("repoURL").map(plain)) {
                repositories.insert(source);
            }
        }
        spaces.extend(own.iter().flat_map(|own| &own.namespaces).map(String::from));
        let (key, server) = self.server();
        let destinations = spaces
            .into_iter()
            .filter(|s| !s.is_empty())
            .map(|space| object([(key, Value::from(server.as_str())), ("namespace", Value::from(space))]));
        // The root Application and what it holds lie beside Argo CD, wherever the target's own cluster is.
        let root = (is_default && self.hub())
            .then(|| object([("server", Value::from(HERE)), ("namespace", Value::from(self.namespace()))]));
        let description = own
            .and_then(|own| own.description.as_ref())
            .map_or_else(|| format!("Platform {} in {}", self.target.ground().name, self.target.name), String::from);
        let mut spec = Map::from_iter([
            (Arc::from("description"), Value::from(description)),
            (Arc::from("sourceRepos"), Value::from(repositories.into_iter().collect::<Vec<_>>())),
            (Arc::from("destinations"), Value::List(destinations.chain(root).collect())),
            (
                Arc::from("clusterResourceWhitelist"),
                Value::List(cluster_kinds(own, &kinds_used, self.lowered.is_rendered())),
            ),
        ]);
        if own.is_some_and(|own| own.orphaned) {
            spec.insert("orphanedResources".into(), object([("warn", Value::Bool(true))]));
        }
        let roles = roles(name, own);
        if !roles.is_empty() {
            spec.insert("roles".into(), Value::List(roles));
        }
        let metadata = object([
            ("name", Value::from(name)),
            ("namespace", Value::from(self.namespace())),
            // Before every Application, which could not be synced without its project.
            ("annotations", object([(WAVE, Value::from("-1"))])),
        ]);
        object([
            ("apiVersion", Value::from("argoproj.io/v1alpha1")),
            ("kind", Value::from("AppProject")),
            ("metadata", metadata),
            ("spec", Value::Map(spec)),
        ])
    }
}

/// Returns the cluster-scoped kinds that a project may write.
///
/// Charts bring kinds that are not known before they are rendered, so without `allow` every kind is allowed; with
/// `output = "manifests"` all that is applied is known, and nothing else is allowed.
fn cluster_kinds(own: Option<&Project>, used: &BTreeSet<(String, String)>, rendered: bool) -> Vec<Value> {
    let entry = |group: &str, kind: &str| object([("group", Value::from(group)), ("kind", Value::from(kind))]);
    match own.and_then(|own| own.allow.as_ref()) {
        None if rendered => used.iter().map(|(group, kind)| entry(group, kind)).collect(),
        None => vec![entry("*", "*")],
        Some(list) => {
            let written = list.iter().map(|text| text.rsplit_once('/').unwrap_or(("", text.as_str())));
            let all: BTreeSet<(&str, &str)> =
                written.chain(used.iter().map(|(g, k)| (g.as_str(), k.as_str()))).collect();
            all.into_iter().map(|(group, kind)| entry(group, kind)).collect()
        }
    }
}

/// Turns `roles` into policies of the project (argo-cd v3.4 docs/user-guide/projects.md, Project Roles).
fn roles(project: &str, own: Option<&Project>) -> Vec<Value> {
    let mut all = Vec::new();
    for (role, said) in own.iter().flat_map(|own| &own.roles) {
        let subject = format!("proj:{project}:{role}");
        let line = |action: &str| format!("p, {subject}, applications, {action}, {project}/*, allow");
        let mut policies = vec![line("get")];
        for word in &said.can {
            match word.as_str() {
                "view" => {}
                "admin" => policies.push(line("*")),
                word if word.starts_with("p,") => policies.push(word.to_string()),
                word => policies.push(line(word)),
            }
        }
        all.push(object([
            ("name", Value::from(role.as_str())),
            ("policies", Value::from(policies)),
            ("groups", Value::List(said.groups.iter().map(Value::from).collect())),
        ]));
    }
    all
}
