//! `abandoned-component`: software that its makers no longer look after.

use super::{Context, Findings};
use crate::code;
use crate::diag::Diagnostic;

code!(
    ABANDONED_COMPONENT,
    "abandoned-component",
    "a component is no longer maintained",
    "it no longer receives fixes, not even for vulnerabilities",
    "[components]\ningress-nginx = {}",
    "use its successor, or add an exception: `[[policy.allow]]` with `rule`, `resource` and `reason`"
);

/// Checks which components of the catalogue are abandoned.
pub fn check(context: &Context<'_>, findings: &mut Findings) {
    for (index, target) in context.platform.targets.iter().enumerate() {
        for instance in target.instances.values() {
            let Some(lifecycle) = &instance.definition.lifecycle else { continue };
            let state = match lifecycle.state.as_str() {
                "end-of-life" => "at its end of life",
                other => other,
            };
            let mut diagnostic =
                Diagnostic::warning(&ABANDONED_COMPONENT, format!("`{}` is {state}", instance.definition.name))
                    .at(instance.span, "");
            for text in [&lifecycle.reason, &lifecycle.source].into_iter().filter(|text| !text.is_empty()) {
                diagnostic = diagnostic.note(text.clone());
            }
            if let Some(successor) = &lifecycle.successor {
                diagnostic = diagnostic.help(format!("use {successor}"));
            }
            findings.component(index, &instance.name, diagnostic);
        }
    }
}
