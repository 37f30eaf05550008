//! `-e`: names of environments or targets → the targets meant, and which files of the tree are theirs.

use std::collections::BTreeSet;

use super::Failure;
use crate::diag::{near, quoted_list};
use crate::emit::Tree;
use crate::resolve::Platform;

/// Some of a platform's targets.
#[derive(Clone, Debug)]
pub struct Selection {
    chosen: BTreeSet<String>,
    others: BTreeSet<String>,
}

impl Selection {
    /// Returns the targets that the names mean; no names mean all targets.
    ///
    /// # Errors
    /// When a name is no environment and no target of the platform.
    pub fn new(platform: &Platform, names: &[String]) -> Result<Self, Failure> {
        let all = || platform.targets.iter();
        let mut chosen = BTreeSet::new();
        for name in names {
            let meant = all().filter(|t| t.name == *name || t.environment == *name).map(|t| t.name.clone());
            let before = chosen.len();
            chosen.extend(meant);
            if chosen.len() == before && !all().any(|t| t.name == *name || t.environment == *name) {
                return Err(unknown(platform, name));
            }
        }
        if names.is_empty() {
            chosen = all().map(|t| t.name.clone()).collect();
        }
        let others = all().map(|t| t.name.clone()).filter(|name| !chosen.contains(name)).collect();
        Ok(Self { chosen, others })
    }

    /// Says whether every target is meant.
    pub fn is_all(&self) -> bool {
        self.others.is_empty()
    }

    /// Says whether a target is meant.
    pub fn has(&self, target: &str) -> bool {
        self.chosen.contains(target)
    }

    /// Says whether a file belongs to a target that is not meant.
    pub fn is_of_others(&self, path: &str) -> bool {
        target_of(path).is_some_and(|target| self.others.contains(target))
    }

    /// Returns the tree without the files of the other targets.
    pub fn of(&self, tree: &Tree) -> Tree {
        let mut own = Tree::default();
        for (path, bytes) in tree.files().filter(|(path, _)| !self.is_of_others(path)) {
            own.add(path, bytes.clone()).expect("the paths of a tree differ");
        }
        own
    }
}

fn unknown(platform: &Platform, name: &str) -> Failure {
    let names: BTreeSet<&str> = platform
        .targets
        .iter()
        .flat_map(|t| [t.name.as_str(), t.environment.as_str()])
        .filter(|n| !n.is_empty())
        .collect();
    let failure = Failure::environment(format!("unknown environment: `{name}`"));
    match near(name, names.iter().copied()) {
        near if near.is_empty() => failure.help(format!("available: {}", quoted_list(names, "and"))),
        near => failure.help(format!("did you mean {}?", quoted_list(near, "or"))),
    }
}

/// Returns the target that a file of the tree belongs to; none for what all share.
pub fn target_of(path: &str) -> Option<&str> {
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        ["argocd" | "flux" | "bootstrap" | "manifests", target, _, ..] => Some(target),
        ["components", _, "base", ..] => None,
        ["components", _, target, _, ..] => Some(target),
        ["dns", file] => file.strip_suffix(".txt"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_know_their_target() {
        for (path, target) in [
            ("argocd/prod/trino.yaml", Some("prod")),
            ("bootstrap/prod/README.md", Some("prod")),
            ("components/trino/base/values/values.yaml", None),
            ("components/trino/dev/values/values.yaml", Some("dev")),
            ("dns/dev.txt", Some("dev")),
            ("PLATFORM.md", None),
            (".gitattributes", None),
        ] {
            assert_eq!(target_of(path), target, "{path}");
        }
    }
}
