//! `output = "manifests"`: what a chart makes becomes objects of its component, so that the engine applies plain files.
//!
//! A chart that cannot be looked into is an error here, because nothing could be written for it. So is an object that
//! would be another one at the next render: a password that Helm draws must never come out of git. What
//! becomes of Helm's hooks is in `hooks`.

use std::borrow::Cow;

use super::hooks;
use super::{Inflation, Sight};
use crate::catalog::Portion;
use crate::catalog::Stage;
use crate::code;
use crate::diag::{Code, Diagnostic, quoted_list};
use crate::helm::inflate::Inflated;
use crate::helm::manifests::Item;
use crate::lower::objects::scopes::Scopes;
use crate::lower::{Added, Lowered, Lowering, Origin, TargetManifests, take};
use crate::manifest::object::Object;
use crate::manifest::value::Value;
use crate::resolve::{Engine, Instance};

/// The codes that this module emits.
pub static CODES: &[&Code] = &[&MISSING_ARCHIVE, &UNSTABLE_MANIFEST];

code!(
    MISSING_ARCHIVE,
    "missing-archive",
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

/// Returns what the charts of units that are rendered make.
pub fn objects(lowering: &Lowering<'_>, out: &TargetManifests, found: &mut Vec<Diagnostic>) -> Added {
    let mut added = Added::default();
    for inflation in &out.charts {
        let rendered = out.units.get(&inflation.component).is_some_and(|unit| unit.delivery.is_rendered());
        let Some(instance) = lowering.target.instances.get(&inflation.component).filter(|_| rendered) else { continue };
        match &inflation.sight {
            Sight::Inflated(inflated) => {
                refuse_random(instance, inflation, inflated, found);
                of_chart(lowering, instance, inflation, inflated, &out.scopes, &mut added, found);
            }
            // `chart-refused` says why.
            Sight::Failed(_) => {}
            sight => found.push(not_here(instance, inflation, sight)),
        }
    }
    added
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
    let at = instance.at("version");
    Diagnostic::error(&MISSING_ARCHIVE, message).at(at, "").help(help)
}

/// Refuses objects that random functions are part of.
fn refuse_random(instance: &Instance, inflation: &Inflation, inflated: &Inflated, found: &mut Vec<Diagnostic>) {
    let missing = inflated.seen.not_computed();
    for field in &inflated.rotating {
        let what = if missing.len() == inflated.seen.unstable.len() {
            format!("needs {}, which lakegen does not compute", quoted_list(missing.clone(), "and"))
        } else {
            "is another one at each render".to_owned()
        };
        let message =
            format!("{} `{}` of chart `{}` {what}: {}", field.kind, field.name, inflation.chart.name, field.path);
        found.push(
            Diagnostic::error(&UNSTABLE_MANIFEST, message)
                .at(instance.span, "")
                .note(format!("made by {}", field.template))
                .help("set the value by which the chart takes an existing Secret or certificate"),
        );
    }
}

fn of_chart(
    lowering: &Lowering<'_>,
    instance: &Instance,
    inflation: &Inflation,
    inflated: &Inflated,
    scopes: &Scopes,
    added: &mut Added,
    found: &mut Vec<Diagnostic>,
) {
    let mut made: Vec<(Stage, Lowered)> = Vec::new();
    let mut add = |stage: Stage, step: usize, item: &Item, annotations: &[(&'static str, Cow<'static, str>)]| {
        let origin = Origin {
            file: item.template.clone(),
            line: item.origin_of(&["kind"]),
            span: instance.span,
            template: None,
        };
        let mut lowered = Vec::new();
        take(item.document.value.clone(), &origin, &mut lowered, found);
        for mut one in lowered {
            one.step = step;
            hooks::mark(&mut one.object, annotations);
            made.push((stage, one));
        }
    };
    let own = match inflation.part {
        Portion::Crds => Stage::Crds,
        _ => Stage::Release,
    };
    for item in &inflated.rendered.crds {
        add(Stage::Crds, 0, item, &[]);
    }
    for item in &inflated.rendered.objects {
        let stage = if item.kind() == "CustomResourceDefinition" { Stage::Crds } else { own };
        add(stage, 0, item, &[]);
    }
    let engine = lowering.platform.engine;
    let hooks::Places { placed, left_out } = hooks::place(&inflated.rendered.hooks, engine, own);
    for hook in &placed {
        add(hook.stage, hook.step, &hook.hook.item, &hook.annotations);
    }
    for (stage, mut lowered) in made {
        lowering.settle(instance, scopes, &mut lowered);
        lasting(&mut lowered.object, engine);
        if engine == Engine::ArgoCd && lowered.object.value().json_size() >= ANNOTATION_BYTES / 5 * 4 {
            apply_by_server(&mut lowered.object);
        }
        added.objects.push((instance.name.clone(), stage, lowered));
    }
    if !left_out.is_empty() {
        let left_out: Vec<String> =
            left_out.iter().map(|hook| format!("{} `{}`", hook.item.kind(), hooks::name(hook))).collect();
        let note = format!(
            "Flux runs nothing when a component is removed, so these hooks of the chart are left out: {}. Do what they do \
             by hand before removing `{}`.",
            left_out.join(", "),
            inflation.component
        );
        added.notes.push((instance.name.clone(), note));
    }
}

/// Lets a Job stay when it is done: what is in git and not in the cluster is made again, and so the Job would run again and
/// again (argo-cd v3.4 docs/user-guide/resource_hooks.md, "Sync Status with Jobs/Workflows with Time to Live").
/// Flux makes it anew when it differs, because a Job cannot be changed (fluxcd.io/flux/use-cases/running-jobs).
fn lasting(object: &mut Object, engine: Engine) {
    if object.kind() != "Job" {
        return;
    }
    let value = object.value_mut();
    if let Some(Value::Map(spec)) = value.as_map_mut().and_then(|map| map.get_mut("spec")) {
        spec.shift_remove("ttlSecondsAfterFinished");
    }
    if engine == Engine::Flux {
        value.set(&["metadata", "annotations", hooks::FORCE.0], Value::from(hooks::FORCE.1));
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
