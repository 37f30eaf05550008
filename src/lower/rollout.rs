//! The order of environments in ApplicationSets (`argocd.rollout`): which step a target is synced in.
//!
//! Facts: argo-cd v3.4 docs/operator-manual/applicationset/Progressive-Syncs.md (beta; an Application that no step selects
//! is synced by nobody, so every environment must have its step).

use crate::diag::{Diagnostic, quoted_list};
use crate::parse::node::Lookup;
use crate::parse::{INVALID_VALUE, Node};
use crate::resolve::{Engine, Platform, Target};

fn words(target: &Target) -> Option<&Node> {
    target.table.table("argocd").and_then(|t| t.node("rollout"))
}

fn environments(target: &Target) -> Vec<&str> {
    words(target).and_then(Node::as_list).unwrap_or_default().iter().filter_map(Node::as_str).collect()
}

/// Returns the step of a target, from 0; none where all targets come at once. What environments share on a cluster comes
/// with the first of them.
pub fn step(platform: &Platform, target: &Target) -> Option<usize> {
    let steps = environments(target);
    let of = |environment: &str| steps.iter().position(|step| *step == environment);
    if !target.is_shared {
        return of(&target.environment);
    }
    let here = platform.targets.iter().filter(|other| other.cluster == target.cluster && !other.is_shared);
    here.filter_map(|other| of(&other.environment)).min()
}

/// Reports steps that cannot be taken, and environments without a step.
pub fn report(platform: &Platform, found: &mut Vec<Diagnostic>) {
    let Some(target) = platform.targets.iter().find(|target| words(target).is_some()) else { return };
    let Some(node) = words(target).filter(|_| platform.engine == Engine::ArgoCd) else { return };
    let known: Vec<&str> = platform.targets.iter().filter(|t| !t.is_shared).map(|t| t.environment.as_str()).collect();
    let form = target.table.table("argocd").and_then(|t| t.text("form"));
    if form != Some("applicationset") {
        let message = "`rollout` orders the targets of ApplicationSets, and there are none";
        let help = "add `form = \"applicationset\"`, or remove `rollout`";
        found.push(Diagnostic::error(&INVALID_VALUE, message).at(node.span, "").help(help));
    }
    let mut seen: Vec<&str> = Vec::new();
    for (item, name) in node.as_list().unwrap_or_default().iter().filter_map(|item| Some((item, item.as_str()?))) {
        if !known.contains(&name) {
            found.push(crate::resolve::unknown_name("environment", name, item.span, known.iter().copied()));
        } else if seen.contains(&name) {
            let message = format!("environment `{name}` has two steps in `rollout`");
            found.push(Diagnostic::error(&INVALID_VALUE, message).at(item.span, ""));
        }
        seen.push(name);
    }
    let mut left: Vec<&str> = known.into_iter().filter(|name| !seen.contains(name)).collect();
    left.dedup();
    if !left.is_empty() {
        let names = quoted_list(left, "and");
        let message = format!("`rollout` leaves {names} out, and Argo CD would never sync it");
        let help = "name every environment; the last one of the list comes last";
        found.push(Diagnostic::error(&INVALID_VALUE, message).at(node.span, "").help(help));
    }
    // A rollout is one order for all: a layer cannot have another.
    for other in platform.targets.iter().filter(|other| environments(other) != environments(target)) {
        let message = format!("`rollout` differs in `{}`, and ApplicationSets span all targets", other.name);
        let at = words(other).map_or(node.span, |own| own.span);
        found.push(Diagnostic::error(&INVALID_VALUE, message).at(at, "").help("say it once, under `[argocd]`"));
    }
}
