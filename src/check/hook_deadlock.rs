//! `hook-deadlock`: a hook of a chart and something else that wait for one another, for ever.
//!
//! Argo CD runs `pre-install` hooks before it applies anything, and `post-install` hooks after everything is healthy
//! (argo-cd v3.4 docs/user-guide/sync-waves.md). A hook whose pod needs what is applied after it never ends, and pods that
//! need what only a late hook makes never become healthy. Flux runs hooks as Helm does, and the component's own Secrets
//! before the release.

use std::collections::{BTreeMap, BTreeSet};

use super::{Context, Findings, Made};
use crate::catalog::Stage;
use crate::code;
use crate::diag::Diagnostic;
use crate::helm::inflate::Inflated;
use crate::helm::manifests::{Event, Item};
use crate::lower::charts::Sight;
use crate::lower::rendered;
use crate::manifest::value::{Map, Value};
use crate::resolve::Engine;

code!(
    HOOK_DEADLOCK,
    "hook-deadlock",
    "a hook and something else wait for one another",
    "the sync would never end: the hook's pod cannot start before what is applied after the hook",
    "a `pre-install` Job that reads a Secret which an ExternalSecret of the same component makes",
    "sync the Secret with another component that comes before, or switch the hook off in the chart's values"
);

/// Kind and name of something that a pod cannot start without.
type Needed = (&'static str, String);

/// Checks the hooks of every chart that Argo CD renders.
pub fn check(context: &Context<'_>, findings: &mut Findings) {
    if context.platform.engine != Engine::ArgoCd {
        return;
    }
    for made in context.made() {
        // There, hooks have waves of the sync.
        if rendered::is_wanted(made.target) {
            continue;
        }
        for inflation in context.manifests.targets[made.index].charts.iter().filter(|i| i.component == made.name) {
            if let Sight::Inflated(inflated) = &inflation.sight {
                early(&made, inflated, &inflation.chart.name, findings);
                late(&made, inflated, &inflation.chart.name, findings);
            }
        }
    }
}

/// Hooks that run first and need what comes later.
fn early(made: &Made<'_>, inflated: &Inflated, chart: &str, findings: &mut Findings) {
    let before = |events: &[Event]| events.iter().any(|e| matches!(e, Event::PreInstall | Event::PreUpgrade));
    let first: BTreeSet<Needed> = inflated
        .rendered
        .hooks
        .iter()
        .filter(|hook| before(&hook.events))
        .filter_map(|hook| identity(&hook.item))
        .collect();
    let mut after: BTreeMap<Needed, &str> =
        inflated.rendered.objects.iter().filter_map(|item| Some((identity(item)?, "the chart itself"))).collect();
    for lowered in made.unit.stages.iter().filter(|(stage, _)| **stage != Stage::Crds).flat_map(|(_, objects)| objects)
    {
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
    for hook in inflated.rendered.hooks.iter().filter(|hook| before(&hook.events)) {
        for needed in needs(&hook.item.document.value) {
            if let (Some(maker), false) = (after.get(&needed), first.contains(&needed)) {
                let (kind, name) = &needed;
                let message = format!(
                    "{} `{}`, a hook of chart `{chart}` that runs before everything else, needs {kind} `{name}`, which comes with {maker}",
                    hook.item.kind(),
                    name_of(&hook.item)
                );
                report(made, &hook.item, message, findings);
            }
        }
    }
}

/// Pods that need what only a hook makes that waits for them.
fn late(made: &Made<'_>, inflated: &Inflated, chart: &str, findings: &mut Findings) {
    let mut only_late: BTreeMap<Needed, &Item> = BTreeMap::new();
    for hook in &inflated.rendered.hooks {
        let late =
            !hook.events.is_empty() && hook.events.iter().all(|e| matches!(e, Event::PostInstall | Event::PostUpgrade));
        if late && let Some(id) = identity(&hook.item) {
            only_late.insert(id, &hook.item);
        }
    }
    for item in &inflated.rendered.objects {
        if !matches!(item.kind(), "Deployment" | "StatefulSet" | "DaemonSet" | "Job" | "Pod") {
            continue;
        }
        for needed in needs(&item.document.value) {
            if let Some(hook) = only_late.get(&needed) {
                let (kind, name) = &needed;
                let message = format!(
                    "{} `{}` of chart `{chart}` needs {kind} `{name}`, a hook that runs when everything is healthy",
                    item.kind(),
                    name_of(item)
                );
                report(made, hook, message, findings);
            }
        }
    }
}

fn report(made: &Made<'_>, item: &Item, message: String, findings: &mut Findings) {
    let span = made.instance.map(|instance| instance.span).unwrap_or_default();
    let diagnostic = Diagnostic::warning(&HOOK_DEADLOCK, message)
        .at(span, "")
        .note(format!("the hook stands in {}", item.template))
        .help("switch the hook off in the chart's values, or let what it needs come with a component before this one");
    findings.component(made.index, made.name, diagnostic);
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
