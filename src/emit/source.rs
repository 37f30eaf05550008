//! The folder of somebody's repository that a component is, for both engines.

use crate::parse::node::Lookup;
use crate::resolve::instances::option_text;
use crate::resolve::{Instance, Platform, Target};

/// A folder of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub url: String,
    /// Branch, tag or commit.
    pub revision: String,
    pub path: String,
    /// The entry of `[repositories]`, when it is one.
    pub entry: Option<String>,
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
