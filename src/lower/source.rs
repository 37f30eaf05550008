//! The folder of somebody's repository or OCI artifact that a component is, for both engines.
//!
//! Facts: argo-cd v3.4 docs/user-guide/oci.md (an artifact is named by tag or digest; one layer, of two media types unless
//! told otherwise); fluxcd.io/flux/components/source/ocirepositories (v1: `ref` with `tag`, `semver` or `digest`).

use crate::diag::Diagnostic;
use crate::parse::node::Lookup;
use crate::parse::{INVALID_VALUE, MISSING_KEY};
use crate::resolve::instances::option_text;
use crate::resolve::{Instance, Platform, Target};

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
pub fn of(platform: &Platform, target: &Target, instance: &Instance) -> Option<Source> {
    let source = instance.definition.source.as_ref()?;
    let fill = |text: &str| option_text(instance, text);
    let repository = source.repository.as_deref().map(fill).filter(|t| !t.is_empty());
    let entry =
        repository.as_deref().filter(|name| target.table.table("repositories").is_some_and(|r| r.contains_key(*name)));
    let known = entry.and_then(|name| target.table.table("repositories").and_then(|r| r.table(name)));
    let url = known.and_then(|t| t.text("url")).map(String::from);
    let revision = source.revision.as_deref().map(fill).filter(|t| !t.is_empty());
    Some(Source {
        entry: entry.map(String::from),
        url: url.or_else(|| repository.clone()).unwrap_or_else(|| platform.git.url.clone()),
        revision: revision
            .or_else(|| known.and_then(|t| t.text("branch")).map(String::from))
            .unwrap_or_else(|| platform.git.branch.clone()),
        path: fill(&source.path),
    })
}

/// Reports artifacts without a version, or with one that only git knows.
pub fn report(platform: &Platform, found: &mut Vec<Diagnostic>) {
    let mut said = std::collections::BTreeSet::new();
    for (target, instance) in platform.targets.iter().flat_map(|t| t.instances.values().map(move |i| (t, i))) {
        let Some(source) = of(platform, target, instance).filter(Source::is_oci) else { continue };
        let own = instance.definition.source.as_ref().and_then(|s| s.revision.as_deref());
        let own = own.map(|text| option_text(instance, text)).unwrap_or_default();
        let table = source.entry.as_deref().and_then(|name| target.table.table("repositories")?.table(name));
        let given = !own.is_empty() || table.is_some_and(|t| t.contains_key("branch"));
        if !given && said.insert(instance.span) {
            let message = format!("`{}` is read from an OCI artifact and says no version of it", instance.name);
            let help = "add `revision = \"1.4.2\"` (a tag) or `revision = \"sha256:…\"`";
            found.push(Diagnostic::error(&MISSING_KEY, message).at(instance.span, "").help(help));
        } else if given && source.revision.starts_with("refs/") && said.insert(instance.span) {
            let message =
                format!("`{}` is a reference of git, and an OCI artifact has tags and digests", source.revision);
            found.push(Diagnostic::error(&INVALID_VALUE, message).at(instance.span, ""));
        }
    }
}
