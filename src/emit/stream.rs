//! Manifests → one multi-document stream of whole Kubernetes objects, for `kubectl diff -f -` and kubeconform.
//!
//! The tree holds objects in parts (bases and patches); here each stands complete, in the order of coming up, and the
//! engine's own objects come after. Kustomizations and Helm values are no objects of the cluster and are left out.

use std::fmt::Write as _;

use super::Tree;
use crate::lower::{Manifests, TargetManifests};
use crate::manifest::yaml;
use crate::resolve::{Platform, Target};

/// Kustomize's own files.
const KUSTOMIZE: &[&str] = &["/kustomization.yaml", "/kustomizeconfig.yaml"];

/// Returns the objects of the targets that `wanted` names.
pub fn stream(platform: &Platform, manifests: &Manifests, tree: &Tree, wanted: &dyn Fn(&str) -> bool) -> String {
    let mut out = String::new();
    for (target, lowered) in platform.targets.iter().zip(&manifests.targets) {
        if wanted(&target.name) {
            components(&mut out, target, lowered);
            engine(&mut out, platform, target, tree);
        }
    }
    out
}

/// Returns how many patches of the user's wait for Kustomize: no stream of whole objects holds them.
pub fn patches(manifests: &Manifests) -> usize {
    let units = manifests.targets.iter().flat_map(|target| target.components.values());
    units.flat_map(|unit| unit.patches.values()).map(Vec::len).sum()
}

fn components(out: &mut String, target: &Target, lowered: &TargetManifests) {
    for id in lowered.order.units.keys() {
        let Some(unit) = lowered.components.get(&id.component) else { continue };
        for stage in id.stages() {
            for made in unit.stages.get(stage).into_iter().flatten() {
                let place = format!("{}: {}/{}", target.name, id.component, stage.name());
                document(out, &place, &yaml::write(made.object.value()));
            }
        }
    }
}

/// Adds what stands in the engine's folders: projects first, because Applications name them.
fn engine(out: &mut String, platform: &Platform, target: &Target, tree: &Tree) {
    let folders = [
        format!("{}/{}/projects/", platform.engine.name(), target.name),
        format!("{}/{}/", platform.engine.name(), target.name),
        format!("bootstrap/{}/", target.name),
    ];
    for (n, folder) in folders.iter().enumerate() {
        for (path, bytes) in tree.files() {
            let is_object = path.ends_with(".yaml") && !KUSTOMIZE.iter().any(|file| path.ends_with(file));
            let is_done = folders[..n].iter().any(|before| path.starts_with(before));
            // The Secrets that Flux reads are a unit like others, and stand above.
            let is_unit = path.starts_with(&format!("flux/{}/secrets/", target.name));
            if is_object && !is_unit && path.starts_with(folder) && !is_done {
                document(out, path, &String::from_utf8_lossy(bytes));
            }
        }
    }
}

fn document(out: &mut String, place: &str, text: &str) {
    write!(out, "---\n# {place}\n{text}").expect("writing to a string");
}
