//! Kinds and who brings them, by what the engine is told: waves of Applications, `dependsOn` of Kustomizations.

use std::collections::{BTreeMap, BTreeSet};

use lakegen::manifest::kinds;
use lakegen::manifest::value::Value;

use super::kept::Broken;
use super::subject::Subject;

/// Groups that an engine brings with itself.
const ENGINES: &[(&str, &[&str])] = &[
    ("argocd", &["argoproj.io"]),
    (
        "flux",
        &[
            "source.toolkit.fluxcd.io",
            "kustomize.toolkit.fluxcd.io",
            "helm.toolkit.fluxcd.io",
            "notification.toolkit.fluxcd.io",
        ],
    ),
];

/// What the engine is told of one target: unit → the units that are surely up before it.
struct Told(BTreeMap<String, BTreeSet<String>>);

impl Told {
    fn of(subject: &Subject, target: &str) -> Self {
        match subject.engine() {
            "flux" => Self::flux(subject, target),
            _ => Self::argocd(subject, target),
        }
    }

    /// A wave begins when everything of the waves before is healthy.
    fn argocd(subject: &Subject, target: &str) -> Self {
        let waves: Vec<(String, i64)> = subject
            .below(&format!("argocd/{target}/"))
            .into_iter()
            .filter(|(_, value)| value.get("kind").and_then(Value::as_str) == Some("Application"))
            .filter_map(|(path, value)| {
                let wave =
                    value.at(&["metadata", "annotations", "argocd.argoproj.io/sync-wave"])?.as_str()?.parse().ok()?;
                Some((path.rsplit('/').next()?.trim_end_matches(".yaml").to_string(), wave))
            })
            .collect();
        let before = |wave: i64| waves.iter().filter(|(_, w)| *w < wave).map(|(name, _)| name.clone()).collect();
        Self(waves.iter().map(|(name, wave)| (name.clone(), before(*wave))).collect())
    }

    fn flux(subject: &Subject, target: &str) -> Self {
        let folder = format!("flux/{target}/");
        let mut direct: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (path, value) in subject.below(&folder) {
            if value.get("kind").and_then(Value::as_str) != Some("Kustomization") || value.get("spec").is_none() {
                continue;
            }
            let unit = path[folder.len()..].trim_end_matches(".yaml").to_string();
            let names = value.at(&["spec", "dependsOn"]).and_then(Value::as_list).unwrap_or_default();
            let names = names.iter().filter_map(|n| n.get("name")?.as_str());
            direct
                .entry(unit)
                .or_default()
                .extend(names.map(|name| name.trim_start_matches(&format!("{target}-")).to_string()));
        }
        let mut all = direct.clone();
        for _ in 0..direct.len() {
            for name in direct.keys() {
                let more: BTreeSet<String> =
                    all[name].iter().filter_map(|before| all.get(before)).flatten().cloned().collect();
                if let Some(known) = all.get_mut(name) {
                    known.extend(more);
                }
            }
        }
        Self(all)
    }

    fn comes_before(&self, first: &str, second: &str) -> bool {
        self.0.get(second).is_some_and(|before| before.contains(first))
    }
}

/// Returns the unit of a stage: Flux has Kustomizations of their own for some stages of some components.
fn unit(told: &Told, component: &str, stage: &str) -> String {
    let steps: &[&str] = match stage {
        "crds" => &["crds"],
        "config" => &["config"],
        "prepare" => &["prepare"],
        _ => &["objects", "runs"],
    };
    let names = steps.iter().map(|step| format!("{component}-{step}"));
    let mut own = names.filter(|name| told.0.contains_key(name));
    own.next().unwrap_or_else(|| component.to_string())
}

/// A kind that is not Kubernetes' own is brought by somebody in an earlier unit or stage, or is there already.
pub fn every_kind_is_brought_before_it_is_used(subject: &Subject) -> Vec<Broken> {
    let sets = subject
        .tree()
        .any(|(path, text)| path.starts_with("argocd/") && text.contains("kind: ApplicationSet\nmetadata"));
    let apis = subject.apis();
    let mut broken = BTreeSet::new();
    let shared: BTreeSet<&str> =
        subject.targets().iter().filter(|(_, environment, _)| environment.is_none()).map(|(name, ..)| *name).collect();
    let mut told: BTreeMap<&str, Told> = BTreeMap::new();
    for part in subject.objects() {
        let (group, kind) = (part.object.group(), part.object.kind());
        let builtin = kinds::is_builtin(part.object.api_version())
            && !kinds::versions(part.object.api_version(), kind).is_empty();
        let engine = ENGINES.iter().any(|(name, groups)| *name == subject.engine() && groups.contains(&group));
        if builtin || engine || kind == "Kustomization" || part.stage == "demand" {
            continue;
        }
        let mut bringers = apis.iter().filter(|(target, _, api)| {
            (*target == part.target || shared.contains(target)) && kinds::brings(api, group, kind)
        });
        let told = told.entry(part.target).or_insert_with(|| Told::of(subject, part.target));
        let here = unit(told, part.component, part.stage);
        let ok = bringers.any(|(target, bringer, _)| match bringer {
            None => true,
            // What a cluster's environments share comes first as a whole, or is waited for by the engine itself.
            Some(_) if *target != part.target => true,
            Some(bringer) => {
                sets || *bringer == part.component
                    || told.comes_before(bringer, &here)
                    || told.comes_before(&format!("{bringer}-crds"), &here)
            }
        });
        let own = subject
            .objects()
            .iter()
            .any(|p| p.object.kind() == "CustomResourceDefinition" && p.object.name().ends_with(group));
        if !ok && !own {
            broken.insert(format!("{} {here}: nobody brings {group} {kind} before", part.target));
        }
    }
    broken.into_iter().collect()
}
