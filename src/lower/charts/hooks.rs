//! Helm's hooks in the engines' words: where each goes, what it waits for, and the annotations that say so.
//!
//! Helm runs the hooks of an event by weight, and goes on when the Jobs and Pods of a weight have succeeded (helm v3.22
//! pkg/action/hooks.go; pkg/kube/client.go, `WatchUntilReady`). Argo CD has waves within its phases (argo-cd v3.4
//! docs/user-guide/sync-waves.md). Flux has no hooks, so there they are steps that wait for one another
//! (fluxcd.io/flux/use-cases/running-jobs).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::Stage;
use crate::helm::manifests::{Event, Hook};
use crate::manifest::object::Object;
use crate::manifest::value::Value;
use crate::resolve::Engine;

/// Names and texts of annotations.
pub type Annotations = Vec<(&'static str, Cow<'static, str>)>;

/// A hook with its place.
pub struct Placed<'a> {
    pub hook: &'a Hook,
    pub stage: Stage,
    /// As [`crate::lower::Lowered::step`].
    pub step: usize,
    pub annotations: Annotations,
}

/// The hooks of a chart with their places, and those that the engine has no place for.
#[derive(Default)]
pub struct Places<'a> {
    pub placed: Vec<Placed<'a>>,
    pub left_out: Vec<&'a Hook>,
}

/// When a hook runs, as Argo CD calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// Before an installation means before the chart's own objects, and after the objects that prepare for it: Argo CD's
    /// `PreSync` would come before the Secrets that such a Job reads, so it is a hook of the sync with an early wave.
    Sync,
    PostSync,
    PreDelete,
    PostDelete,
}

impl Phase {
    /// Returns the first phase of a hook; none for events that no engine has, such as tests.
    fn of(events: &[Event]) -> Option<Self> {
        let has = |wanted: &[Event]| events.iter().any(|event| wanted.contains(event));
        [
            (Self::Sync, &[Event::PreInstall, Event::PreUpgrade][..]),
            (Self::PostSync, &[Event::PostInstall, Event::PostUpgrade]),
            (Self::PreDelete, &[Event::PreDelete]),
            (Self::PostDelete, &[Event::PostDelete]),
        ]
        .into_iter()
        .find_map(|(phase, wanted)| has(wanted).then_some(phase))
    }

    fn stage(self, own: Stage) -> Stage {
        match self {
            Self::Sync => Stage::Prepare,
            Self::PostSync => Stage::Config,
            Self::PreDelete | Self::PostDelete => own,
        }
    }

    /// Returns the word of a hook with these events: Helm makes one of several events anew at each.
    fn word(self, events: &[Event]) -> &'static str {
        match self {
            Self::Sync if events.iter().any(|e| matches!(e, Event::PostInstall | Event::PostUpgrade)) => {
                "Sync,PostSync"
            }
            Self::Sync => "Sync",
            Self::PostSync => "PostSync",
            Self::PreDelete => "PreDelete",
            Self::PostDelete => "PostDelete",
        }
    }

    fn is_deletion(self) -> bool {
        matches!(self, Self::PreDelete | Self::PostDelete)
    }
}

/// Gives every hook its place; the chart's own objects are at stage `own`.
pub fn place(hooks: &[Hook], engine: Engine, own: Stage) -> Places<'_> {
    let all: Vec<(&Hook, Phase)> = hooks.iter().filter_map(|hook| Some((hook, Phase::of(&hook.events)?))).collect();
    let (waves, steps) = (waves(&all), steps(&all));
    let mut places = Places::default();
    for &(hook, phase) in &all {
        if engine == Engine::Flux && phase.is_deletion() {
            places.left_out.push(hook);
            continue;
        }
        let stays = stays(hook) && !phase.is_deletion();
        let mut weight = hook.weight;
        if stays && hook.item.kind() == "CustomResourceDefinition" {
            places.placed.push(Placed { hook, stage: Stage::Crds, step: 0, annotations: vec![] });
            continue;
        }
        if stays && hook.item.kind() == "PersistentVolumeClaim" {
            // A claim may be bound only when a pod wants it, so it comes with that pod: both engines wait for claims.
            if let Some(first) = first_use(name(hook), phase, &all) {
                weight = first;
            } else {
                places.placed.push(Placed { hook, stage: own, step: 0, annotations: vec![] });
                continue;
            }
        }
        let wave = waves.get(&(phase, weight)).copied().unwrap_or_default();
        let placed = match engine {
            Engine::Flux => Placed {
                hook,
                stage: phase.stage(own),
                step: steps.get(&(phase, weight)).copied().unwrap_or_default(),
                // What cannot be changed is made anew, as Helm does it (fluxcd.io/flux/components/kustomize/kustomizations,
                // Force).
                annotations: if stays { vec![] } else { vec![(FORCE.0, FORCE.1.into())] },
            },
            Engine::ArgoCd => {
                let mut annotations = vec![("argocd.argoproj.io/sync-wave", wave.to_string().into())];
                if !stays {
                    annotations.insert(0, ("argocd.argoproj.io/hook", phase.word(&hook.events).into()));
                    annotations.extend(deletion(hook));
                }
                Placed { hook, stage: own, step: 0, annotations }
            }
        };
        places.placed.push(placed);
    }
    places
}

/// Lets Flux make an object anew that cannot be changed.
pub const FORCE: (&str, &str) = ("kustomize.toolkit.fluxcd.io/force", "enabled");

/// Returns the name of a hook.
pub fn name(hook: &Hook) -> &str {
    hook.item.document.value.at(&["metadata", "name"]).and_then(Value::as_str).unwrap_or_default()
}

/// Says whether Helm goes on only when the hook has succeeded.
fn waits(hook: &Hook) -> bool {
    matches!(hook.item.kind(), "Job" | "Pod")
}

/// Says whether a hook must outlive its event: removing it before it is made anew, as engines and Helm do with hooks, would
/// take data with it, and a GitOps engine runs hooks at every sync.
fn stays(hook: &Hook) -> bool {
    matches!(hook.item.kind(), "PersistentVolumeClaim" | "Namespace" | "CustomResourceDefinition")
        || hook.item.document.value.at(&KEEP).and_then(Value::as_str) == Some("keep")
}

/// The annotation by which Helm leaves an object when it goes (helm v3.22 pkg/kube/resource_policy.go).
pub const KEEP: [&str; 3] = ["metadata", "annotations", "helm.sh/resource-policy"];

/// Returns the weight of the first Job or Pod of a phase that mounts a claim.
fn first_use(claim: &str, phase: Phase, hooks: &[(&Hook, Phase)]) -> Option<i64> {
    let users = hooks.iter().filter(|(hook, other)| *other == phase && waits(hook));
    users.filter(|(hook, _)| mounts(&hook.item.document.value, claim)).map(|(hook, _)| hook.weight).min()
}

fn mounts(value: &Value, claim: &str) -> bool {
    match value {
        Value::Map(map) => map
            .iter()
            .any(|(key, below)| (&**key == "claimName" && below.as_str() == Some(claim)) || mounts(below, claim)),
        Value::List(list) => list.iter().any(|below| mounts(below, claim)),
        _ => false,
    }
}

/// Numbers the weights of each phase, so that hooks run one weight after another.
fn waves(hooks: &[(&Hook, Phase)]) -> BTreeMap<(Phase, i64), i64> {
    let mut weights: BTreeMap<Phase, BTreeSet<i64>> = BTreeMap::new();
    for (hook, phase) in hooks {
        weights.entry(*phase).or_default().insert(hook.weight);
    }
    let mut waves = BTreeMap::new();
    for (phase, weights) in weights {
        // The last wave before the chart's own objects is -1; what prepares for the component is at -10.
        let last = if phase == Phase::Sync { -1 } else { i64::try_from(weights.len()).unwrap_or(0) - 1 };
        for (index, weight) in weights.iter().rev().enumerate() {
            let wave = last - i64::try_from(index).unwrap_or(0);
            waves.insert((phase, *weight), if phase == Phase::Sync { wave.max(-9) } else { wave });
        }
    }
    waves
}

/// Numbers the steps of each phase: a new one begins where something waits for a Job or Pod of a lower weight.
fn steps(hooks: &[(&Hook, Phase)]) -> BTreeMap<(Phase, i64), usize> {
    let mut weights: BTreeMap<(Phase, i64), bool> = BTreeMap::new();
    for (hook, phase) in hooks {
        *weights.entry((*phase, hook.weight)).or_default() |= waits(hook);
    }
    let last: BTreeMap<Phase, i64> =
        weights.iter().filter(|(_, waits)| **waits).map(|((phase, weight), _)| (*phase, *weight)).collect();
    let mut steps = BTreeMap::new();
    let (mut before, mut step, mut full) = (None, 0, false);
    for ((phase, weight), waits) in weights {
        if before.replace(phase) != Some(phase) {
            (step, full) = (0, false);
        }
        // What only comes after the last Job has nobody who waits for it.
        if full && last.get(&phase).is_some_and(|last| weight <= *last) {
            (step, full) = (step + 1, false);
        }
        full |= waits;
        steps.insert((phase, weight), step);
    }
    steps
}

/// Returns Argo CD's word for when a hook goes; both remove the old one first when nothing is said.
fn deletion(hook: &Hook) -> Option<(&'static str, Cow<'static, str>)> {
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
    (!policies.is_empty()).then(|| ("argocd.argoproj.io/hook-delete-policy", policies.join(",").into()))
}

/// Puts the engine's annotations in the place of Helm's.
pub fn mark(object: &mut Object, annotations: &[(&'static str, Cow<'static, str>)]) {
    const PATH: [&str; 2] = ["metadata", "annotations"];
    let value = object.value_mut();
    if let Some(Value::Map(metadata)) = value.as_map_mut().and_then(|map| map.get_mut(PATH[0]))
        && let Some(Value::Map(map)) = metadata.get_mut(PATH[1])
    {
        map.retain(|key, _| !HELM.contains(&&**key));
        if map.is_empty() {
            metadata.shift_remove(PATH[1]);
        }
    }
    for (key, text) in annotations {
        value.set(&[PATH[0], PATH[1], key], Value::from(&**text));
    }
}

/// What only Helm reads of a hook (helm v3.22 pkg/release/hook.go). Argo CD reads some of it, too, even of plain manifests.
const HELM: [&str; 4] =
    ["helm.sh/hook", "helm.sh/hook-weight", "helm.sh/hook-delete-policy", "helm.sh/hook-output-log-policy"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::helm::manifests::{Definitions, Printed, sort};

    /// Kind, name, events and weight of each hook.
    fn hooks(all: &[(&str, &str, &str, i64)]) -> Vec<Hook> {
        let text: Vec<String> = all
            .iter()
            .map(|(kind, name, events, weight)| {
                format!("kind: {kind}\nmetadata:\n  name: {name}\n  annotations:\n    helm.sh/hook: {events}\n    helm.sh/hook-weight: \"{weight}\"\n")
            })
            .collect();
        let text = text.join("---\n");
        sort(&[Printed { template: "c/templates/a.yaml", text: &text }], &[], &Definitions::default()).unwrap().0.hooks
    }

    fn steps_of(all: &[(&str, &str, &str, i64)]) -> Vec<(String, Stage, usize)> {
        let hooks = hooks(all);
        let mut placed: Vec<_> = place(&hooks, Engine::Flux, Stage::Release)
            .placed
            .iter()
            .map(|placed| (name(placed.hook).to_owned(), placed.stage, placed.step))
            .collect();
        placed.sort();
        placed
    }

    #[test]
    fn only_what_waits_begins_a_step() {
        let (before, after) = ("pre-install", "post-install");
        let place = |name: &str, stage: Stage, step: usize| (name.to_owned(), stage, step);
        // One weight with a Job: one step, whatever else there is.
        assert_eq!(
            steps_of(&[("Secret", "a", before, -9), ("Job", "b", before, 0), ("Secret", "c", before, 9)]),
            [place("a", Stage::Prepare, 0), place("b", Stage::Prepare, 0), place("c", Stage::Prepare, 0)]
        );
        // What stands between two Jobs comes with the second, and each phase counts for itself.
        assert_eq!(
            steps_of(&[
                ("Job", "a", before, 0),
                ("Secret", "b", before, 1),
                ("Pod", "c", before, 2),
                ("Job", "d", after, 0),
                ("Job", "e", after, 5),
            ]),
            [
                place("a", Stage::Prepare, 0),
                place("b", Stage::Prepare, 1),
                place("c", Stage::Prepare, 1),
                place("d", Stage::Config, 0),
                place("e", Stage::Config, 1),
            ]
        );
    }

    #[test]
    fn tests_are_left_out_and_flux_deletes_without_hooks() {
        let hooks = hooks(&[("Pod", "a", "test", 0), ("Job", "b", "pre-delete", 0), ("Job", "c", "pre-rollback", 0)]);
        let flux = place(&hooks, Engine::Flux, Stage::Release);
        assert_eq!(flux.left_out.iter().map(|hook| name(hook)).collect::<Vec<_>>(), ["b"]);
        assert!(flux.placed.is_empty());
        let argocd = place(&hooks, Engine::ArgoCd, Stage::Release);
        assert_eq!(argocd.placed.iter().map(|placed| name(placed.hook)).collect::<Vec<_>>(), ["b"]);
        assert!(argocd.left_out.is_empty());
    }
}
