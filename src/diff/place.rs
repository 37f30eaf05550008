//! A path of the tree → the component and target it belongs to.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::emit::Tree;

/// Which targets a file is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// What all targets share.
    Base,
    /// One target: an environment on a cluster.
    Target(String),
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Base => "base",
            Self::Target(target) => target,
        })
    }
}

/// Where a file stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The folder within which identities are unique, without the target: `components/trino`, `argocd`.
    pub folder: String,
    pub side: Side,
    /// The folder below the target, which is applied as one: `release`, or empty.
    pub stage: String,
    pub component: String,
}

impl Place {
    /// Returns the place of a path.
    pub fn of(path: &str) -> Self {
        let parts: Vec<&str> = path.split('/').collect();
        let (folders, _) = parts.split_at(parts.len() - 1);
        let (folder, side, stage, component) = match folders {
            ["components", name, side, stage @ ..] => (format!("components/{name}"), *side, stage.join("/"), *name),
            ["manifests", target, unit, stage @ ..] => (format!("manifests/{unit}"), *target, stage.join("/"), *unit),
            ["jobs", job] => (format!("jobs/{job}"), "base", String::new(), *job),
            ["jobs", target, job, ..] => (format!("jobs/{job}"), *target, String::new(), *job),
            ["flux", target, "releases", name, ..] => ("flux".to_owned(), *target, format!("releases/{name}"), *name),
            [engine @ ("argocd" | "flux" | "bootstrap"), target, ..] => {
                ((*engine).to_owned(), *target, String::new(), *engine)
            }
            _ => (folders.join("/"), "base", String::new(), folders.first().copied().unwrap_or("")),
        };
        let side = if side == "base" { Side::Base } else { Side::Target(side.to_owned()) };
        Self { folder, side, stage, component: component.to_owned() }
    }
}

/// Returns the targets of each folder, over all trees given.
pub fn targets<'a>(trees: impl IntoIterator<Item = &'a Tree>) -> BTreeMap<String, BTreeSet<String>> {
    let mut out: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (path, _) in trees.into_iter().flat_map(Tree::files) {
        let place = Place::of(path);
        if let Side::Target(target) = place.side {
            out.entry(place.folder).or_default().insert(target);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_their_places() {
        let rows = [
            ("components/trino/base/release/a.yaml", "components/trino", "base", "release", "trino"),
            ("components/trino/prod/values/values.yaml", "components/trino", "prod", "values", "trino"),
            ("argocd/prod/trino.yaml", "argocd", "prod", "", "argocd"),
            ("flux/prod/releases/trino/release.yaml", "flux", "prod", "releases/trino", "trino"),
            ("manifests/prod/trino/x.yaml", "manifests/trino", "prod", "", "trino"),
            ("jobs/ingest/template.yaml", "jobs/ingest", "base", "", "ingest"),
            ("jobs/prod/ingest/1.yaml", "jobs/ingest", "prod", "", "ingest"),
            ("PLATFORM.md", "", "base", "", ""),
        ];
        for (path, folder, side, stage, component) in rows {
            let place = Place::of(path);
            let got = (&*place.folder, &*place.side.to_string(), &*place.stage, &*place.component);
            assert_eq!(got, (folder, side, stage, component), "{path}");
        }
    }
}
