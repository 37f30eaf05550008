//! `output = "manifests"`: what a chart makes becomes objects of its component, so that the engine applies plain files.
//!
//! A chart that cannot be looked into is an error here, because nothing could be written for it. So is an object that
//! would be another one at the next render: a password that Helm draws must never come out of git. Helm's hooks become
//! the engine's (argo-cd v3.4 docs/user-guide/sync-waves.md; Flux has none, so there they become steps).

use std::collections::BTreeMap;

use super::charts::{Inflation, Sight};
use super::order::Portion;
use super::{Lowered, Lowering, Origin, TargetManifests, take};
use crate::catalog::Stage;
use crate::code;
use crate::diag::{Code, Diagnostic};
use crate::helm::inflate::Inflated;
use crate::helm::manifests::{Event, Hook, Item};
use crate::manifest::object::Object;
use crate::manifest::value::Value;
use crate::parse::node::Lookup;
use crate::resolve::{Engine, Instance, Target};

/// The codes that this module emits.
pub static CODES: &[&Code] = &[&CHART_NOT_AT_HAND, &UNSTABLE_MANIFEST];

code!(
    CHART_NOT_AT_HAND,
    "chart-not-at-hand",
    "a chart has to be rendered, and its archive is not here",
    "`output = \"manifests\"` writes what charts make, so each chart has to be locked and fetched",
    "[platform]\noutput = \"manifests\"          # and no lakegen.lock",
    "run `lakegen lock`, then `lakegen fetch` or `lakegen vendor`"
);
code!(
    UNSTABLE_MANIFEST,
    "unstable-manifest",
    "a chart makes an object that is another one at each render",
    "a password that a chart draws would be written to git, and be the same for everybody who has the chart",
    "[platform]\noutput = \"manifests\"\n\n[components.grafana]        # without `admin.existingSecret`",
    "set the value by which the chart takes an existing Secret"
);

/// Most bytes of all annotations together (kubernetes/apimachinery v0.34 pkg/api/validation, `TotalAnnotationSizeLimitB`).
pub const ANNOTATION_BYTES: usize = 256 << 10;

/// Where a hook goes: the stage, and what Argo CD calls its phase.
struct Phase {
    stage: Stage,
    argocd: &'static str,
    wave: i64,
}

/// Returns the phases that an engine has for the events of a hook; none for those that no engine runs.
///
/// Before an installation means before the chart's own objects, and after the objects that prepare for it: Argo CD's
/// `PreSync` would come before the Secrets that such a Job reads, so it is a hook of the sync with an early wave.
fn phase(events: &[Event]) -> Option<Phase> {
    let has = |wanted: &[Event]| events.iter().any(|event| wanted.contains(event));
    if has(&[Event::PreInstall, Event::PreUpgrade]) {
        Some(Phase { stage: Stage::Prepare, argocd: "Sync", wave: -5 })
    } else if has(&[Event::PostInstall, Event::PostUpgrade]) {
        Some(Phase { stage: Stage::Config, argocd: "PostSync", wave: 0 })
    } else if has(&[Event::PreDelete]) {
        Some(Phase { stage: Stage::Release, argocd: "PreDelete", wave: 0 })
    } else if has(&[Event::PostDelete]) {
        Some(Phase { stage: Stage::Release, argocd: "PostDelete", wave: 0 })
    } else {
        None
    }
}

/// Says whether charts are rendered into the tree.
pub fn is_wanted(target: &Target) -> bool {
    target.table.table("platform").and_then(|table| table.text("output")) == Some("manifests")
}

/// Puts what the charts of a target make into its units.
pub fn put(lowering: &Lowering<'_>, out: &mut TargetManifests, found: &mut Vec<Diagnostic>) {
    if !is_wanted(lowering.target) {
        return;
    }
    for inflation in std::mem::take(&mut out.charts) {
        if let Some(instance) = lowering.target.instances.get(&inflation.component) {
            match &inflation.sight {
                Sight::Inflated(inflated) => {
                    refuse_random(instance, &inflation, inflated, found);
                    objects(lowering, instance, &inflation, inflated, out, found);
                }
                // `chart-refused` says why.
                Sight::Failed(_) => {}
                sight => found.push(not_here(instance, &inflation, sight)),
            }
        }
        out.charts.push(inflation);
    }
}

fn not_here(instance: &Instance, inflation: &Inflation, sight: &Sight) -> Diagnostic {
    let chart = format!("chart `{}` {}", inflation.chart.name, inflation.chart.version);
    let (message, help) = match sight {
        Sight::NoLock => (
            format!("{chart} cannot be rendered: the platform has no `lakegen.lock`"),
            "run `lakegen lock`, then `lakegen fetch`",
        ),
        Sight::NotHere(locked) => (
            format!("{chart} cannot be rendered: its archive {} is neither vendored nor in the cache", locked.digest),
            "run `lakegen fetch`, or `lakegen vendor` to keep it in the repository",
        ),
        Sight::Unreadable(reason) => (format!("{chart} cannot be rendered: {reason}"), "run `lakegen fetch`"),
        _ => (
            format!("{chart} cannot be rendered: `lakegen.lock` does not have it"),
            "run `lakegen lock`, then `lakegen fetch`",
        ),
    };
    let at = instance.table.get("version").map_or(instance.span, |entry| entry.node.span);
    Diagnostic::error(&CHART_NOT_AT_HAND, message).at(at, "").help(help)
}

/// Refuses objects that random functions are part of.
fn refuse_random(instance: &Instance, inflation: &Inflation, inflated: &Inflated, found: &mut Vec<Diagnostic>) {
    for field in &inflated.rotating {
        let message = format!(
            "{} `{}` of chart `{}` is another one at each render: {}",
            field.kind, field.name, inflation.chart.name, field.path
        );
        found.push(
            Diagnostic::error(&UNSTABLE_MANIFEST, message)
                .at(instance.span, "")
                .note(format!("made by {}", field.template))
                .help("set the value by which the chart takes an existing Secret or certificate"),
        );
    }
}

fn objects(
    lowering: &Lowering<'_>,
    instance: &Instance,
    inflation: &Inflation,
    inflated: &Inflated,
    out: &mut TargetManifests,
    found: &mut Vec<Diagnostic>,
) {
    let mut made: Vec<(Stage, Lowered)> = Vec::new();
    let mut add = |stage: Stage, item: &Item, annotations: &[(&'static str, String)]| {
        let origin = Origin {
            file: item.template.clone(),
            line: item.origin_of(&["kind"]),
            span: instance.span,
            template: None,
        };
        let mut lowered = Vec::new();
        take(item.document.value.clone(), &origin, &mut lowered, found);
        if !annotations.is_empty() {
            for one in &mut lowered {
                mark(&mut one.object, annotations);
            }
        }
        made.extend(lowered.into_iter().map(|one| (stage, one)));
    };
    let own = match inflation.part {
        Portion::Crds => Stage::Crds,
        _ => Stage::Release,
    };
    for item in &inflated.rendered.crds {
        add(Stage::Crds, item, &[]);
    }
    for item in &inflated.rendered.objects {
        let stage = if item.kind() == "CustomResourceDefinition" { Stage::Crds } else { own };
        add(stage, item, &[]);
    }
    let flux = lowering.platform.engine == Engine::Flux;
    let hooks: Vec<(&Hook, Phase)> =
        inflated.rendered.hooks.iter().filter_map(|hook| Some((hook, phase(&hook.events)?))).collect();
    let waves = waves(&hooks);
    let mut left_out = Vec::new();
    for (hook, phase) in &hooks {
        if flux && matches!(phase.argocd, "PreDelete" | "PostDelete") {
            left_out.push(format!("{} `{}`", hook.item.kind(), name(&hook.item)));
        } else {
            let stage = if flux { phase.stage } else { own };
            add(stage, &hook.item, &annotations(lowering.platform.engine, hook, phase, &waves));
        }
    }
    let Some(unit) = out.units.get_mut(&inflation.component) else { return };
    for (stage, mut lowered) in made {
        lowering.settle(instance, &mut lowered);
        if !flux && lowered.object.value().json_size() >= ANNOTATION_BYTES / 5 * 4 {
            apply_by_server(&mut lowered.object);
        }
        unit.stages.entry(stage).or_default().push(lowered);
    }
    for objects in unit.stages.values_mut() {
        objects.sort_by_cached_key(|lowered| lowered.object.id());
    }
    if !left_out.is_empty() {
        unit.notes.push(format!(
            "Flux runs nothing when a component is removed, so these hooks of the chart are left out: {}. Do what they do \
             by hand before removing `{}`.",
            left_out.join(", "),
            inflation.component
        ));
    }
}

/// Lets the server apply an object: a copy of it in an annotation would not fit
/// (argo-cd v3.4 docs/user-guide/sync-options.md).
fn apply_by_server(object: &mut Object) {
    const PATH: [&str; 3] = ["metadata", "annotations", "argocd.argoproj.io/sync-options"];
    let options = match object.value().at(&PATH).and_then(Value::as_str) {
        Some(options) if options.contains("ServerSideApply") => return,
        Some(options) => format!("{options},ServerSideApply=true"),
        None => "ServerSideApply=true".to_owned(),
    };
    object.value_mut().set(&PATH, Value::from(options));
}

fn name(item: &Item) -> &str {
    item.document.value.at(&["metadata", "name"]).and_then(Value::as_str).unwrap_or_default()
}

/// Numbers the weights of each phase, so that hooks run one weight after another.
fn waves(hooks: &[(&Hook, Phase)]) -> BTreeMap<(&'static str, i64), i64> {
    let mut weights: BTreeMap<&'static str, Vec<i64>> = BTreeMap::new();
    for (hook, phase) in hooks {
        weights.entry(phase.argocd).or_default().push(hook.weight);
    }
    let mut waves = BTreeMap::new();
    for (phase, mut weights) in weights {
        weights.sort_unstable();
        weights.dedup();
        // The last wave before the chart's own objects is -1; what prepares for the component is at -10.
        let last = if phase == "Sync" { -1 } else { i64::try_from(weights.len()).unwrap_or(0) - 1 };
        for (index, weight) in weights.iter().rev().enumerate() {
            let wave = last - i64::try_from(index).unwrap_or(0);
            waves.insert((phase, *weight), if phase == "Sync" { wave.max(-9) } else { wave });
        }
    }
    waves
}

/// Names and texts of annotations.
type Annotations = Vec<(&'static str, String)>;

/// Returns the annotations by which the engine knows a hook.
fn annotations(engine: Engine, hook: &Hook, phase: &Phase, waves: &BTreeMap<(&'static str, i64), i64>) -> Annotations {
    if engine == Engine::Flux {
        // A Job cannot be changed, so a new one takes the place of the old one when it differs
        // (fluxcd.io/flux/components/kustomize/kustomizations, Force).
        return vec![("kustomize.toolkit.fluxcd.io/force", "enabled".into())];
    }
    let wave = waves.get(&(phase.argocd, hook.weight)).copied().unwrap_or(phase.wave);
    let mut all =
        vec![("argocd.argoproj.io/hook", phase.argocd.to_owned()), ("argocd.argoproj.io/sync-wave", wave.to_string())];
    let policies: Vec<&str> = hook
        .delete_policies
        .iter()
        .filter_map(|policy| match policy.as_str() {
            "before-hook-creation" => Some("BeforeHookCreation"),
            "hook-succeeded" => Some("HookSucceeded"),
            "hook-failed" => Some("HookFailed"),
            _ => None,
        })
        .collect();
    // Helm and Argo CD both remove the old one first when nothing is said.
    if !policies.is_empty() {
        all.push(("argocd.argoproj.io/hook-delete-policy", policies.join(",")));
    }
    all
}

/// Puts the engine's annotations in the place of Helm's.
fn mark(object: &mut Object, annotations: &[(&'static str, String)]) {
    let value = object.value_mut();
    let path = ["metadata", "annotations"];
    if let Some(Value::Map(map)) =
        value.as_map_mut().and_then(|map| map.get_mut(path[0])).and_then(|m| m.as_map_mut()?.get_mut(path[1]))
    {
        map.retain(|key, _| !matches!(&**key, "helm.sh/hook" | "helm.sh/hook-weight" | "helm.sh/hook-delete-policy"));
    }
    for (key, text) in annotations {
        value.set(&["metadata", "annotations", key], Value::from(text.as_str()));
    }
}
