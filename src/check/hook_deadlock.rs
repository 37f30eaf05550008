//! `hook-deadlock`: a hook of a chart and something else that wait for one another, for ever.
//!
//! Argo CD runs `pre-install` hooks before it applies anything, and `post-install` hooks after everything is healthy
//! (argo-cd v3.4 docs/user-guide/sync-waves.md). Rendered manifests have the former after what prepares for the component
//! and before the chart's own objects. Flux runs the hooks of a HelmRelease as Helm does, and waits for what a chart
//! installs before the hooks that come after it (helm v3.22 pkg/action/install.go). A hook whose pod needs what is
//! applied after it never ends, and pods that need what only a late hook makes never become healthy.

use std::collections::{BTreeMap, BTreeSet};

use super::words::{self, Told};
use super::{Context, Findings, Made};
use crate::catalog::Stage;
use crate::code;
use crate::diag::Diagnostic;
use crate::helm::inflate::Inflated;
use crate::helm::manifests::{Event, Hook, Item};
use crate::lower::Lowered;
use crate::lower::charts::Sight;
use crate::manifest::value::{Map, Value};
use crate::resolve::Engine;

code!(
    HOOK_DEADLOCK,
    "hook-deadlock",
    "a hook and another object wait for each other",
    "the sync would never finish: the hook needs objects that are only applied after it",
    "a `pre-install` Job that reads a Secret created by an ExternalSecret of the same component, or that waits for \
    its own chart's database; a `post-install` Job that the chart's pods wait for",
    "move the Secret to a component that syncs earlier, or disable the hook in the chart's values"
);

/// Kind and name of something that a pod cannot start without.
type Needed = (&'static str, String);

/// What comes before the hooks of an installation.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    /// Argo CD renders the chart: nothing.
    Nothing,
    /// Rendered manifests: what prepares for the component.
    Preparation,
    /// Helm runs the hooks: all that is not the chart's.
    AllButChart,
}

/// Checks the hooks of every chart.
pub fn check(context: &Context<'_>, findings: &mut Findings) {
    for made in context.made() {
        let before = match context.platform.engine {
            _ if made.unit.delivery.is_rendered() => Before::Preparation,
            Engine::ArgoCd => Before::Nothing,
            Engine::Flux => Before::AllButChart,
        };
        for inflation in context.manifests.targets[made.index].charts.iter().filter(|i| i.component == made.name) {
            if let Sight::Inflated(inflated) = &inflation.sight {
                let chart = Chart { made: &made, name: &inflation.chart.name, inflated, before };
                chart.early(findings);
                chart.late(findings);
                chart.awaited(findings);
            }
        }
    }
}

/// A chart whose hooks are looked at.
struct Chart<'a> {
    made: &'a Made<'a>,
    name: &'a str,
    inflated: &'a Inflated,
    before: Before,
}

impl Chart<'_> {
    /// Returns the hooks that run before the chart's own objects. Helm runs those of upgrades when all is there already;
    /// GitOps engines know no upgrades.
    fn first(&self) -> impl Iterator<Item = &Hook> {
        let upgrades = self.before != Before::AllButChart;
        self.inflated.rendered.hooks.iter().filter(move |hook| {
            hook.events.iter().any(|e| *e == Event::PreInstall || (upgrades && *e == Event::PreUpgrade))
        })
    }

    /// Returns the hooks that run only when everything is healthy.
    fn last(&self) -> impl Iterator<Item = &Hook> {
        self.inflated.rendered.hooks.iter().filter(|hook| {
            !hook.events.is_empty() && hook.events.iter().all(|e| matches!(e, Event::PostInstall | Event::PostUpgrade))
        })
    }

    /// Returns the component's own objects that come after the first hooks.
    fn own(&self) -> impl Iterator<Item = &Lowered> {
        let before = self.before;
        let stages = self.made.unit.stages.iter().filter(move |(stage, _)| match before {
            Before::Nothing => **stage != Stage::Crds,
            Before::Preparation => !matches!(stage, Stage::Crds | Stage::Prepare),
            Before::AllButChart => false,
        });
        // Rendered manifests have the chart's objects among them, which are looked at as such.
        stages.flat_map(|(_, objects)| objects).filter(|lowered| !lowered.origin.is_chart())
    }

    /// Says what the first hooks come before.
    fn when(&self) -> &'static str {
        if self.before == Before::Nothing { "before everything else" } else { "before the chart's own objects" }
    }

    /// Hooks that run first and need what comes later.
    fn early(&self, findings: &mut Findings) {
        let first: BTreeSet<Needed> = self.first().filter_map(|hook| identity(&hook.item)).collect();
        let chart = &self.inflated.rendered.objects;
        let mut after: BTreeMap<Needed, &str> =
            chart.iter().filter_map(|item| Some((identity(item)?, "the chart itself"))).collect();
        for lowered in self.own() {
            let object = lowered.object.value();
            let name = match lowered.object.kind() {
                "ExternalSecret" => {
                    object.at(&["spec", "target", "name"]).and_then(Value::as_str).unwrap_or(lowered.object.name())
                }
                _ => lowered.object.name(),
            };
            let kind = match lowered.object.kind() {
                "ExternalSecret" | "SealedSecret" | "Secret" => "Secret",
                "ConfigMap" => "ConfigMap",
                "ServiceAccount" => "ServiceAccount",
                "PersistentVolumeClaim" => "PersistentVolumeClaim",
                _ => continue,
            };
            after.insert((kind, name.to_owned()), "this component's own objects");
        }
        let services = self.services();
        for hook in self.first() {
            let who = |does: &str| {
                let (kind, name, chart, when) = (hook.item.kind(), name_of(&hook.item), self.name, self.when());
                format!("{kind} `{name}`, a hook of chart `{chart}` that runs {when}, {does}")
            };
            for needed in needs(&hook.item.document.value) {
                if let (Some(maker), false) = (after.get(&needed), first.contains(&needed)) {
                    let (kind, name) = &needed;
                    let message = who(&format!("needs {kind} `{name}`, which is applied later with {maker}"));
                    self.report(&hook.item, message, None, findings);
                }
            }
            let told = words::told(&hook.item.document.value, false);
            for (service, namespace) in &services {
                let seen = (0..told.len()).find_map(|i| Some((words::host(&told, i, service, namespace)?, &told[i])));
                if let Some((word, told)) = seen {
                    let message = who(&format!("refers to Service `{service}`, which is applied after it"));
                    self.report(&hook.item, message, Some((word, told)), findings);
                }
            }
        }
    }

    /// Returns names and namespaces of the Services that come after the first hooks, without those of webhooks: Jobs that
    /// name them make certificates for them.
    fn services(&self) -> BTreeSet<(String, String)> {
        let here = self.made.instance.map(|instance| instance.namespace.as_str()).unwrap_or_default();
        let rendered = &self.inflated.rendered;
        let mut served = BTreeSet::new();
        let values = rendered.objects.iter().chain(rendered.hooks.iter().map(|hook| &hook.item));
        values.for_each(|item| webhooks(&item.document.value, &mut served));
        let first: BTreeSet<&str> =
            self.first().filter(|hook| hook.item.kind() == "Service").map(|hook| name_of(&hook.item)).collect();
        let chart = rendered.objects.iter().map(|item| &item.document.value);
        let own = self.own().map(|lowered| lowered.object.value());
        let services = chart.chain(own).filter(|value| value.get("kind").and_then(Value::as_str) == Some("Service"));
        let text = |value: &Value, key: &str| value.at(&["metadata", key]).and_then(Value::as_str).map(str::to_owned);
        services
            .filter_map(|value| {
                Some((text(value, "name")?, text(value, "namespace").unwrap_or_else(|| here.to_owned())))
            })
            .filter(|(name, _)| !name.is_empty() && !served.contains(name.as_str()) && !first.contains(name.as_str()))
            .collect()
    }

    /// Pods that need what only a hook makes that waits for them.
    fn late(&self, findings: &mut Findings) {
        let only_late: BTreeMap<Needed, &Item> =
            self.last().filter_map(|hook| Some((identity(&hook.item)?, &hook.item))).collect();
        for item in &self.inflated.rendered.objects {
            if !matches!(item.kind(), "Deployment" | "StatefulSet" | "DaemonSet" | "Job" | "Pod") {
                continue;
            }
            for needed in needs(&item.document.value) {
                if let Some(hook) = only_late.get(&needed) {
                    let (kind, name) = &needed;
                    let message = format!(
                        "{} `{}` of chart `{}` needs {kind} `{name}`, a hook that only runs once everything is healthy",
                        item.kind(),
                        name_of(item),
                        self.name
                    );
                    self.report(hook, message, None, findings);
                }
            }
        }
    }

    /// Pods that wait for the end of a Job that waits for them.
    fn awaited(&self, findings: &mut Findings) {
        let late: Vec<&Item> = self.last().map(|hook| &hook.item).filter(|item| item.kind() == "Job").collect();
        if late.is_empty() {
            return;
        }
        for item in &self.inflated.rendered.objects {
            let told = words::told(&item.document.value, true);
            let containers: BTreeSet<&str> = told.iter().map(|told| told.container).collect();
            for container in containers {
                let text = all_of(told.iter().filter(|told| told.container == container));
                let awaited = late.iter().find(|job| {
                    let does = || all_of(&words::told(&job.document.value, false));
                    words::names_job(&text, name_of(job))
                        || (WAITS
                            .iter()
                            .any(|(wait, work)| text.contains(wait) && work.iter().any(|work| does().contains(work))))
                });
                if let Some(job) = awaited {
                    let message = format!(
                        "init container `{container}` of {} `{}` of chart `{}` waits for Job `{}`, a hook that only \
                        runs once everything is healthy",
                        item.kind(),
                        name_of(item),
                        self.name,
                        name_of(job)
                    );
                    self.report(job, message, None, findings);
                }
            }
        }
    }

    fn report(&self, item: &Item, message: String, seen: Option<(&str, &Told<'_>)>, findings: &mut Findings) {
        let late = self.last().any(|hook| std::ptr::eq(&raw const hook.item, item));
        let help = if late {
            "turn the hook into an ordinary object: many charts have a value for that, such as Airflow's \
            `useHelmHooks`"
        } else {
            "disable the hook in the chart's values, or move what it needs to a component that syncs earlier"
        };
        let span = self.made.instance.map(|instance| instance.span).unwrap_or_default();
        let mut diagnostic =
            Diagnostic::warning(&HOOK_DEADLOCK, message).at(span, "").note(format!("the hook is in {}", item.template));
        if let Some((word, Told { container, place, .. })) = seen {
            diagnostic = diagnostic.note(format!("`{word}` is in `{place}` of container `{container}`"));
        }
        let diagnostic = diagnostic.help(help);
        findings.component(self.made.index, self.made.name, diagnostic);
    }
}

/// What an init container does to wait, and what the Job does for which it waits.
const WAITS: &[(&str, &[&str])] = &[
    // Airflow: the former ends when the database has the newest schema (apache/airflow chart/values.yaml,
    // `migrateDatabaseJob` and `waitForMigrations`; chart/templates/jobs/migrate-database-job.yaml).
    ("db check-migrations", &["db migrate", "db upgrade"]),
];

/// Joins what containers are told, so that a command can be read as one.
fn all_of<'a>(told: impl IntoIterator<Item = &'a Told<'a>>) -> String {
    let words: Vec<&str> = told.into_iter().flat_map(|told| told.text.split_whitespace()).collect();
    words.join(" ")
}

/// Collects the Services by which the API server calls the chart: webhooks and APIs of its own.
fn webhooks(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::Map(map) => {
            let api = map.get("kind").and_then(Value::as_str) == Some("APIService");
            let called = map.get("clientConfig").or_else(|| map.get("spec").filter(|_| api));
            let name = called.and_then(|config| config.at(&["service", "name"])).and_then(Value::as_str);
            into.extend(name.map(str::to_owned));
            map.values().for_each(|below| webhooks(below, into));
        }
        Value::List(list) => list.iter().for_each(|below| webhooks(below, into)),
        _ => {}
    }
}

fn name_of(item: &Item) -> &str {
    item.document.value.at(&["metadata", "name"]).and_then(Value::as_str).unwrap_or_default()
}

/// What an object is, when pods can need it.
fn identity(item: &Item) -> Option<Needed> {
    const KINDS: [&str; 4] = ["Secret", "ConfigMap", "ServiceAccount", "PersistentVolumeClaim"];
    let kind = KINDS.into_iter().find(|kind| *kind == item.kind())?;
    Some((kind, name_of(item).to_owned()))
}

/// Returns what the pods of an object cannot start without.
fn needs(value: &Value) -> BTreeSet<Needed> {
    let mut all = BTreeSet::new();
    collect(value, &mut all);
    all
}

fn collect(value: &Value, into: &mut BTreeSet<Needed>) {
    match value {
        Value::Map(map) => {
            for (key, below) in map {
                match (&**key, below) {
                    ("serviceAccountName", Value::Str(name)) if &**name != "default" => {
                        into.insert(("ServiceAccount", name.to_string()));
                    }
                    ("secretKeyRef" | "secretRef", Value::Map(reference)) => named(reference, "name", "Secret", into),
                    ("configMapKeyRef" | "configMapRef" | "configMap", Value::Map(reference)) => {
                        named(reference, "name", "ConfigMap", into);
                    }
                    ("secret", Value::Map(volume)) => named(volume, "secretName", "Secret", into),
                    ("persistentVolumeClaim", Value::Map(volume)) => {
                        named(volume, "claimName", "PersistentVolumeClaim", into);
                    }
                    _ => {}
                }
                collect(below, into);
            }
        }
        Value::List(list) => list.iter().for_each(|item| collect(item, into)),
        _ => {}
    }
}

fn named(reference: &Map, key: &str, kind: &'static str, into: &mut BTreeSet<Needed>) {
    if reference.get("optional").and_then(Value::as_bool) == Some(true) {
        return;
    }
    if let Some(name) = reference.get(key).and_then(Value::as_str) {
        into.insert((kind, name.to_owned()));
    }
}
