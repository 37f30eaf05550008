//! `large-object`: an object too large for the way in which it is applied.

use super::{Context, Findings, at_object};
use crate::catalog::Stage;
use crate::code;
use crate::diag::Diagnostic;
use crate::manifest::value::Value;
use crate::parse::node::Lookup;
use crate::resolve::Engine;

code!(
    LARGE_OBJECT,
    "large-object",
    "an object is too large for client-side apply",
    "client-side apply keeps a copy of the object in an annotation, and annotations end at 256 KiB",
    "dashboards = [\"dashboards/huge.json\"]",
    "[components.prometheus]\nsync.server_side = true"
);

/// Most bytes of all annotations together (kubernetes/apimachinery v0.34 pkg/api/validation, `TotalAnnotationSizeLimitB`).
const LIMIT: usize = 256 << 10;

/// Checks the size of every object.
pub fn check(context: &Context<'_>, findings: &mut Findings) {
    // Flux applies everything by the server.
    if context.platform.engine == Engine::Flux {
        return;
    }
    for made in context.made() {
        let defaults =
            made.target.table.table("argocd").and_then(|t| t.table("sync")).and_then(|t| t.flag("server_side"));
        let own = made.instance.and_then(|i| i.table.table("sync")).and_then(|t| t.flag("server_side"));
        // The engine turns server-side apply on for a component that brings definitions, as emit does.
        let needed =
            made.instance.is_some_and(|i| i.definition.server_side) || made.unit.stages.contains_key(&Stage::Crds);
        if own.or(defaults).unwrap_or(needed) {
            continue;
        }
        for lowered in made.objects() {
            let size = size(lowered.object.value());
            if size >= LIMIT {
                let message = format!(
                    "{} `{}` has {} KiB: too large for client-side apply",
                    lowered.object.kind(),
                    lowered.object.name(),
                    size >> 10
                );
                let diagnostic = at_object(Diagnostic::error(&LARGE_OBJECT, message), lowered, "");
                findings.object(
                    &made,
                    lowered,
                    diagnostic.help(format!("add `sync.server_side = true` to `{}`, or split it", made.name)),
                );
            }
        }
    }
}

/// Returns the bytes of a value as compact JSON; escapes count as one byte, which is near enough.
fn size(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 4,
        Value::Int(_) | Value::Float(_) => 6,
        Value::Str(text) => text.len() + 2,
        Value::List(list) => list.iter().map(|item| size(item) + 1).sum::<usize>() + 1,
        Value::Map(map) => map.iter().map(|(key, value)| key.len() + 4 + size(value)).sum::<usize>() + 1,
    }
}
