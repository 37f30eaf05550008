//! What running the charts shows besides values: `chart-refused`, `unfetched-chart`, `unstable-template`.

use super::unknown_value::{self, Where, dotted, shown};
use super::{Context, Findings};
use crate::code;
use crate::diag::{Diagnostic, Level, Span, quoted_list};
use crate::helm::ChartError;
use crate::helm::inflate::Inflated;
use crate::lower::charts::{Inflation, Sight};
use crate::manifest::value::Value;
use crate::resolve::{Engine, Instance};

code!(
    CHART_REFUSED,
    "chart-refused",
    "a chart cannot be rendered with these values",
    "the engine would fail with the same error at the first sync",
    "[components.grafana]\nvalues.replicas = \"two\"    # the chart's schema requires an integer",
    "[components.grafana]\nvalues.replicas = 2"
);
code!(
    UNFETCHED_CHART,
    "unfetched-chart",
    "a locked chart has not been fetched, so its objects were not checked",
    "lakegen reports what it could not check: values that the chart does not read would go unnoticed",
    "lakegen check          # with a lakegen.lock, before `lakegen fetch`",
    "lakegen fetch && lakegen check"
);
code!(
    UNSTABLE_TEMPLATE,
    "unstable-template",
    "a chart fills fields with new values on every render",
    "Argo CD renders on every sync, so the object never stays in sync, and a password in it keeps changing",
    "[components.grafana]        # without `admin.existingSecret`, the chart generates a password",
    "[components.grafana]\nvalues.admin.existingSecret = \"grafana-admin\""
);

/// Reports what was seen of each chart.
pub fn check(context: &Context<'_>, findings: &mut Findings) {
    for (index, (target, manifests)) in context.platform.targets.iter().zip(&context.manifests.targets).enumerate() {
        for inflation in &manifests.charts {
            let Some(instance) = target.instances.get(&inflation.component) else { continue };
            let Some(unit) = manifests.components.get(&inflation.component) else { continue };
            // There a chart that cannot be seen is an error already, and so is one that is never the same.
            let rendered = unit.delivery.is_rendered();
            match &inflation.sight {
                Sight::Failed(errors) => {
                    for error in errors {
                        let refused = refused(context, instance, inflation, error, unit.values.as_deref());
                        findings.component(index, &inflation.component, refused);
                    }
                }
                Sight::Inflated(inflated) if !rendered && !inflated.rotating.is_empty() => {
                    let unstable = unstable(instance, inflation, inflated, context.platform.engine);
                    findings.component(index, &inflation.component, unstable);
                }
                Sight::NotLocked | Sight::NotHere(_) | Sight::Unreadable(_) if !rendered => {
                    findings.component(index, &inflation.component, not_seen(instance, inflation));
                }
                _ => {}
            }
        }
    }
}

fn refused(
    context: &Context<'_>,
    instance: &Instance,
    inflation: &Inflation,
    error: &ChartError,
    values: Option<&Value>,
) -> Diagnostic {
    let place = match (error.file.as_str(), error.line) {
        ("", _) => error.chart.clone(),
        (file, None) => format!("{}/{file}", error.chart),
        (file, Some(line)) => format!("{}/{file}:{line}", error.chart),
    };
    let chart = &inflation.chart;
    let message =
        format!("chart `{}` {} cannot be rendered with these values: {}", chart.name, chart.version, error.message);
    let at = match error.value.is_empty() {
        true => {
            if instance.said.places.has("values") {
                instance.said.places.key_of("values")
            } else {
                instance.span
            }
        }
        false => closest(context, instance, &shown(&error.value)),
    };
    let diagnostic = Diagnostic::error(&CHART_REFUSED, message).at(at, "").note(format!("in {place}"));
    let missing = !error.value.is_empty() && values.and_then(|values| values.within(&error.value)).is_none();
    match &error.help {
        Some(help) => diagnostic.help(help.clone()),
        None if missing => {
            diagnostic.help(format!("set `values.{}`, which the chart requires", dotted(&shown(&error.value))))
        }
        None => diagnostic,
    }
}

/// Returns where a value is written: the value itself, or the key of the closest table around it that the user wrote.
fn closest(context: &Context<'_>, instance: &Instance, path: &[String]) -> Span {
    let whole = unknown_value::find(context.sources, instance, path);
    let user = |found: &((Span, Span), Where)| found.1 == Where::User;
    let around = || {
        let tables = (1..path.len()).rev().map(|keys| unknown_value::find(context.sources, instance, &path[..keys]));
        tables.into_iter().find(user).map(|((key, _), _)| key)
    };
    if user(&whole) { whole.0.1 } else { around().unwrap_or(whole.0.1) }
}

fn not_seen(instance: &Instance, inflation: &Inflation) -> Diagnostic {
    let chart = format!("chart `{}` {}", inflation.chart.name, inflation.chart.version);
    let (message, help) = match &inflation.sight {
        Sight::NotHere(_) => {
            (format!("{chart} is locked but not fetched, so its objects were not checked"), "run `lakegen fetch`")
        }
        Sight::Unreadable(reason) => (format!("{chart} was not checked: {reason}"), "run `lakegen fetch`"),
        _ => (format!("{chart} is not in `lakegen.lock`, so its objects were not checked"), "run `lakegen lock`"),
    };
    let note = Diagnostic { level: Level::Note, ..Diagnostic::warning(&UNFETCHED_CHART, message) };
    note.at(instance.span, "").help(help)
}

fn unstable(instance: &Instance, inflation: &Inflation, inflated: &Inflated, engine: Engine) -> Diagnostic {
    const SHOWN: usize = 6;
    let fields: Vec<String> =
        inflated.rotating.iter().map(|field| format!("{} {}: {}", field.kind, field.name, field.path)).collect();
    let functions = quoted_list(inflated.seen.unstable.iter().map(|(name, _)| *name), "and");
    let count = if fields.len() == 1 { "a field".to_owned() } else { format!("{} fields", fields.len()) };
    let chart = &inflation.chart.name;
    let missing = inflated.seen.not_computed();
    let found = if missing.len() == inflated.seen.unstable.len() {
        let message = format!("chart `{chart}` fills {count} with {functions}, which lakegen does not compute");
        Diagnostic { level: Level::Note, ..Diagnostic::warning(&UNSTABLE_TEMPLATE, message) }
    } else {
        Diagnostic::warning(
            &UNSTABLE_TEMPLATE,
            format!("chart `{chart}` fills {count} with new values on every render, using {functions}"),
        )
    };
    let mut diagnostic = found.at(instance.span, "");
    for field in fields.iter().take(SHOWN) {
        diagnostic = diagnostic.note(field.clone());
    }
    if fields.len() > SHOWN {
        diagnostic = diagnostic.note(format!("and {} more", fields.len() - SHOWN));
    }
    if !inflated.seen.lookups.is_empty() {
        diagnostic = diagnostic.note(match engine {
            Engine::ArgoCd => "the chart reuses the existing value through `lookup`, which finds nothing under Argo CD",
            Engine::Flux => {
                "the chart reuses the existing value through `lookup`; under Flux this works after the first install"
            }
        });
    }
    diagnostic.help("set the chart's values for an existing Secret or certificate")
}
