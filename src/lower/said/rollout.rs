//! The order of environments in ApplicationSets (`argocd.rollout`): which step a target is synced in.
//!
//! Facts: argo-cd v3.4 docs/operator-manual/applicationset/Progressive-Syncs.md (beta; an Application that no step selects
//! is synced by nobody, so every environment must have its step).

use crate::diag::{Diagnostic, quoted_list};
use crate::parse::INVALID_VALUE;
use crate::resolve::{Engine, Platform, Target};
use crate::settings::Text;
use crate::settings::engines::Form;

fn environments(target: &Target) -> &[Text] {
    &target.settings.argocd.rollout
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
    let said = |target: &&Target| target.settings.argocd.places.has("rollout");
    let Some(target) = platform.targets.iter().find(said).filter(|_| platform.engine == Engine::ArgoCd) else { return };
    let at = |target: &Target| target.settings.argocd.places.value_of("rollout");
    let known: Vec<&str> = platform.targets.iter().filter(|t| !t.is_shared).map(|t| t.environment.as_str()).collect();
    if target.settings.argocd.form != Form::ApplicationSet {
        let message = "`rollout` orders the targets of ApplicationSets, but the platform uses Applications";
        let help = "add `form = \"applicationset\"`, or remove `rollout`";
        found.push(Diagnostic::error(&INVALID_VALUE, message).at(at(target), "").help(help));
    }
    let mut seen: Vec<&str> = Vec::new();
    for name in environments(target) {
        if !known.contains(&name.as_str()) {
            found.push(crate::resolve::unknown_name("environment", name, name.at, known.iter().copied()));
        } else if seen.contains(&name.as_str()) {
            let message = format!("`rollout` lists environment `{name}` twice");
            found.push(Diagnostic::error(&INVALID_VALUE, message).at(name.at, ""));
        }
        seen.push(name);
    }
    let mut left: Vec<&str> = known.into_iter().filter(|name| !seen.contains(name)).collect();
    left.dedup();
    if !left.is_empty() {
        let names = quoted_list(left, "and");
        let message = format!("`rollout` does not list {names}, so Argo CD would never sync it");
        let help = "list every environment in the order in which they sync";
        found.push(Diagnostic::error(&INVALID_VALUE, message).at(at(target), "").help(help));
    }
    // A rollout is one order for all: a layer cannot have another.
    for other in platform.targets.iter().filter(|other| environments(other) != environments(target)) {
        let message = format!("`rollout` differs in `{}`, but ApplicationSets span all targets", other.name);
        let at = if said(&other) { at(other) } else { at(target) };
        found.push(Diagnostic::error(&INVALID_VALUE, message).at(at, "").help("set it once, under `[argocd]`"));
    }
}
