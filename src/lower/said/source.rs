//! The folder of somebody's repository or OCI artifact that a component is, for both engines.
//!
//! Facts: argo-cd v3.4 docs/user-guide/oci.md (an artifact is named by tag or digest; one layer, of two media types unless
//! told otherwise); fluxcd.io/flux/components/source/ocirepositories (v1: `ref` with `tag`, `semver` or `digest`).

use std::cell::OnceCell;
use std::collections::BTreeSet;

use crate::diag::{Diagnostic, Sources, near, quoted_list};
use crate::parse::{INVALID_VALUE, MISSING_KEY, UNREADABLE_FILE};
use crate::resolve::instances::option_text;
use crate::resolve::{Instance, Platform, Target};
use crate::world::World;

/// A folder of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub url: String,
    /// Branch, tag or commit; tag, digest or range of versions of an OCI artifact.
    pub revision: String,
    pub path: String,
    /// The entry of `[repositories]`, when it is one.
    pub entry: Option<String>,
}

impl Source {
    /// Says whether it is an artifact in a registry.
    pub fn is_oci(&self) -> bool {
        self.url.starts_with("oci://")
    }
}

/// Returns the source of a component that is a folder of somebody's repository.
pub fn of(target: &Target, instance: &Instance) -> Option<Source> {
    let source = instance.definition.source.as_ref()?;
    // What cannot be filled in is said once, by `report`.
    let fill = |text: &str| option_text(target, instance, text, &Sources::default(), &mut Vec::new());
    let repository = source.repository.as_deref().map(fill).filter(|t| !t.is_empty());
    let repositories = &target.settings.repositories;
    let entry = repository.as_deref().filter(|name| repositories.contains_key(*name));
    let known = entry.and_then(|name| repositories.get(name));
    let url = known.filter(|known| !known.url.is_empty()).map(|known| known.url.to_string());
    let git = &target.settings.git;
    let revision = source.revision.as_deref().map(fill).filter(|t| !t.is_empty());
    Some(Source {
        entry: entry.map(String::from),
        url: url.or_else(|| repository.clone()).unwrap_or_else(|| git.url.to_string()),
        revision: revision
            .or_else(|| known.and_then(|known| known.branch.as_ref()).map(String::from))
            .unwrap_or_else(|| git.branch.to_string()),
        path: fill(&source.path),
    })
}

/// Reports folders that are not there, artifacts without a version, or with one that only git knows.
pub fn report(world: &dyn World, platform: &Platform, sources: &Sources, found: &mut Vec<Diagnostic>) {
    let files = OnceCell::new();
    let files = || files.get_or_init(|| world.list("").unwrap_or_default()).as_slice();
    let mut said = BTreeSet::new();
    for (target, instance) in platform.targets.iter().flat_map(|t| t.instances.values().map(move |i| (t, i))) {
        let Some(source) = of(target, instance) else { continue };
        let texts =
            instance.definition.source.iter().flat_map(|s| [Some(&s.path), s.repository.as_ref(), s.revision.as_ref()]);
        let before = found.len();
        for text in texts.flatten() {
            option_text(target, instance, text, sources, found);
        }
        if found.len() > before {
            continue;
        }
        if !source.is_oci() {
            let here = is_here(target, &source) && !source.path.is_empty();
            if here && place(&source.path, files()).is_none() && said.insert(instance.span) {
                found.push(not_there(instance, &source.path, files()));
            }
            continue;
        }
        let own = instance.definition.source.as_ref().and_then(|s| s.revision.as_deref());
        let own = own.map(|text| option_text(target, instance, text, sources, &mut Vec::new())).unwrap_or_default();
        let known = source.entry.as_deref().and_then(|name| target.settings.repositories.get(name));
        let given = !own.is_empty() || known.is_some_and(|known| known.branch.is_some());
        if !given && said.insert(instance.span) {
            let message = format!("`{}` is read from an OCI artifact but sets no version", instance.name);
            let help = "add `revision = \"1.4.2\"` (a tag) or `revision = \"sha256:…\"`";
            found.push(Diagnostic::error(&MISSING_KEY, message).at(instance.span, "").help(help));
        } else if given && source.revision.starts_with("refs/") && said.insert(instance.span) {
            let message = format!("`{}` is a Git reference, but an OCI artifact has tags and digests", source.revision);
            found.push(Diagnostic::error(&INVALID_VALUE, message).at(instance.span, ""));
        }
    }
}

/// Says whether a source lies in this very repository and branch: another branch holds other files, and another repository is
/// not at hand.
pub fn is_here(target: &Target, source: &Source) -> bool {
    let git = &target.settings.git;
    !source.is_oci() && git.url == source.url.as_str() && git.branch == source.revision.as_str()
}

/// Returns a folder of the repository that has a file in it, as the platform's files lie. The platform may lie in a folder of
/// its repository itself, so what is there from some folder of the path on counts too.
pub fn place(path: &str, files: &[String]) -> Option<String> {
    let path = path.trim_start_matches("./").trim_end_matches('/');
    if path.is_empty() || path == "." {
        return Some(String::new());
    }
    let ends = path.match_indices('/').map(|(slash, _)| &path[slash + 1..]);
    let is_folder =
        |folder: &&str| files.iter().any(|file| file.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')));
    std::iter::once(path).chain(ends).find(is_folder).map(String::from)
}

fn not_there(instance: &Instance, path: &str, files: &[String]) -> Diagnostic {
    let at = instance.written().find(|node| node.as_str() == Some(path));
    let message = format!("the repository has no folder `{path}`");
    let diagnostic = Diagnostic::error(&UNREADABLE_FILE, message)
        .at(at.map_or(instance.span, |node| node.span), format!("`{}` is read from it", instance.name));
    let folders: BTreeSet<&str> =
        files.iter().filter_map(|file| file.rsplit_once('/')).map(|(folder, _)| folder).collect();
    match near(path, folders) {
        near if near.is_empty() => diagnostic.help("create the folder with a `kustomization.yaml`"),
        near => diagnostic.help(format!("did you mean {}?", quoted_list(near, "or"))),
    }
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn folders_are_told_from_files_and_other_folders() {
        let files = ["apps/demo/kustomization.yaml".to_string(), "README.md".to_string()];
        for there in ["apps/demo", "./apps/demo/", "apps", "platform/apps", "."] {
            assert!(place(there, &files).is_some(), "{there}");
        }
        for absent in ["does/not/exist", "app", "apps/demos", "README.md", "demo"] {
            assert!(place(absent, &files).is_none(), "{absent}");
        }
    }
}
