//! Objects whose kind nothing in the platform brings.

use std::collections::BTreeSet;

use super::UNKNOWN_KIND;
use crate::catalog;
use crate::diag::{Diagnostic, Span, near, quoted_list};
use crate::lower::Lowered;
use crate::manifest::kinds;

/// Says whether a kind of Kubernetes itself stands under a group that is known and has no such kind.
pub fn is_misplaced(api: &str, kind: &str) -> bool {
    !kinds::is_builtin(api)
        && !kinds::kinds_of(api).is_empty()
        && kinds::versions(api, kind).is_empty()
        && kinds::groups_of(kind).into_iter().any(kinds::is_builtin)
}

/// Reports objects of one group or kind: one mistake, one finding.
pub fn unknown_kind(objects: &[&Lowered]) -> Diagnostic {
    let lowered = objects[0];
    let (api, kind) = (lowered.object.api_version(), lowered.object.kind());
    let at = lowered.origin.template.unwrap_or(lowered.origin.span);
    let known = kinds::versions(api, kind);
    if kinds::is_builtin(api) || is_misplaced(api, kind) {
        let whose = if kinds::is_builtin(api) { "Kubernetes has" } else { "there is" };
        let message = format!("{whose} no kind `{kind}` in `{api}`");
        let diagnostic = Diagnostic::error(&UNKNOWN_KIND, message).at(at, "");
        let elsewhere = kinds::groups_of(kind);
        let close = near(kind, kinds::kinds_of(api));
        return match (elsewhere.is_empty(), close.is_empty()) {
            (false, _) => diagnostic.help(format!("`{kind}` is in {}", quoted_list(elsewhere, "and"))),
            (_, false) => diagnostic.help(format!("did you mean {}?", quoted_list(close, "or"))),
            _ => diagnostic,
        };
    }
    let group = kinds::group(api);
    let kinds: BTreeSet<&str> = objects.iter().map(|lowered| lowered.object.kind()).collect();
    let what = match objects.len() {
        1 => format!("the kind of `{kind}/{}` (`{group}`)", lowered.object.name()),
        _ => format!("{} of `{group}`", quoted_list(kinds.iter().copied(), "and")),
    };
    let mut diagnostic = Diagnostic::error(&UNKNOWN_KIND, format!("nothing in the platform installs {what}"));
    let places: BTreeSet<Span> = objects.iter().map(|lowered| lowered.origin.span).collect();
    for place in places.iter().take(3) {
        diagnostic = diagnostic.at(*place, "needed here");
    }
    if known.is_empty() {
        diagnostic = diagnostic.note(format!("lakegen does not know `{api}` either"));
    }
    let bringers = catalog::bringers_of(group, kind);
    match bringers.first() {
        Some(first) => diagnostic.help(format!(
            "add `{first} = {{}}` under `[components]`, or, if the cluster already \
        has it, `apis = [\"{api}\"]` under `[platform]`"
        )),
        None => diagnostic.help(format!("if the cluster already has it, add `apis = [\"{api}\"]` under `[platform]`")),
    }
}
