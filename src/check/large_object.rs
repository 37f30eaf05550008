//! `large-object`: an object too large for the way in which it is applied.

use super::{Context, Findings, Made, at_object};
use crate::catalog::{Portion, Stage};
use crate::code;
use crate::diag::Diagnostic;
use crate::lower::charts::Sight;
use crate::lower::charts::rendered::ANNOTATION_BYTES as LIMIT;
use crate::lower::objects::sync;
use crate::manifest::object::Object;
use crate::manifest::value::Value;
use crate::resolve::Engine;

code!(
    LARGE_OBJECT,
    "large-object",
    "an object is too large for client-side apply",
    "client-side apply keeps a copy of the object in an annotation, and annotations are limited to 256 KiB",
    "dashboards = [\"dashboards/huge.json\"]",
    "[components.prometheus]\nsync.server_side = true"
);

/// Checks the size of every object.
pub(super) fn check(context: &Context<'_>, findings: &mut Findings) {
    // Flux applies everything by the server.
    if context.platform.engine == Engine::Flux {
        return;
    }
    for made in context.made() {
        let stages = made.unit.stages.iter().map(|(stage, objects)| (*stage, objects.as_slice()));
        for (stage, objects) in stages.chain([(Stage::Release, made.unit.read.whole())]) {
            if sync::is_server_side(made.target, made.instance, Portion::of(stage)) {
                continue;
            }
            for lowered in objects {
                let size = lowered.object.value().json_size();
                let asks = || sync::asks_for_server(made.target, made.instance, &lowered.object);
                if size < LIMIT || asks() {
                    continue;
                }
                let (kind, name) = (lowered.object.kind(), lowered.object.name());
                let message = format!("{kind} `{name}` has {} KiB, too large for client-side apply", size >> 10);
                let diagnostic = at_object(Diagnostic::error(&LARGE_OBJECT, message), lowered, "");
                let help = match made.instance {
                    Some(_) => format!("add `sync.server_side = true` to `{}`, or split it", made.name),
                    None => "add `sync.server_side = true` to `[argocd]`".to_string(),
                };
                findings.object(&made, lowered, diagnostic.help(help));
            }
        }
        if !made.unit.delivery.is_rendered() {
            charts(context, &made, findings);
        }
    }
}

/// Checks what the component's chart makes.
fn charts(context: &Context<'_>, made: &Made<'_>, findings: &mut Findings) {
    for inflation in context.manifests.targets[made.index].charts.iter().filter(|i| i.component == made.name) {
        let Sight::Inflated(inflated) = &inflation.sight else { continue };
        if sync::is_server_side(made.target, made.instance, inflation.part) {
            continue;
        }
        let large = inflated.items().filter(|item| item.document.value.json_size() >= LIMIT);
        let names: Vec<String> = large
            .filter(|item| match Object::new(item.document.value.clone()) {
                Ok(object) => !sync::asks_for_server(made.target, made.instance, &object),
                Err(_) => true,
            })
            .map(|item| {
                let name = item.document.value.at(&["metadata", "name"]).and_then(Value::as_str).unwrap_or_default();
                format!("{} {name} ({} KiB)", item.kind(), item.document.value.json_size() >> 10)
            })
            .collect();
        if let (Some(first), Some(instance)) = (names.first(), made.instance) {
            let more = if names.len() > 1 { format!(" and {} more", names.len() - 1) } else { String::new() };
            let message = format!(
                "chart `{}` creates objects that are too large for client-side apply: {first}{more}",
                inflation.chart.name
            );
            let diagnostic = Diagnostic::error(&LARGE_OBJECT, message)
                .at(instance.span, "")
                .help(format!("add `sync.server_side = true` to `{}`", made.name));
            findings.component(made.index, made.name, diagnostic);
        }
    }
}
