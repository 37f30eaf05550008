//! Manifests → tree of files: one layout of `components/`, and an engine's folder beside it.
//!
//! Comes in: lowered manifests. Goes out: a [`Tree`], complete in memory. What all targets share is written once, under
//! `base`; a target's own folder holds only what differs. Two things at one path are an error.

pub mod tree; //   paths and bytes
pub mod layout; // components/: bases, overlays, Helm values
pub mod split; //  what targets share, and what each has of its own
pub mod jobs; //   templates of jobs on demand, and the folders of their runs
pub mod argocd; // argocd/ and bootstrap/
pub mod flux; //   flux/ and bootstrap/
mod appset; //     the same as ApplicationSets
pub mod guide; //  PLATFORM.md and the DNS lists
pub mod stream; // whole objects as one stream
pub mod secrets; // what people must put into the secret store
pub mod images; // every container image, and what `[images]` makes of it
pub mod graph; //  who waits for whom, as pictures

pub use tree::Tree;

use crate::code;
use crate::diag::{Code, Diagnostic, Warned};
use crate::lower::Manifests;
use crate::manifest::value::Value;
use crate::manifest::yaml;
use crate::resolve::Platform;

/// The codes that this stage emits.
pub static CODES: &[&Code] = &[&PATH_COLLISION];

code!(
    PATH_COLLISION,
    "path-collision",
    "two objects would be written to the same file",
    "one of them would be lost silently",
    "two objects of the same kind and name in one component",
    "rename one of them, or give it another namespace"
);

/// Lays everything out.
pub fn emit(platform: &Platform, manifests: &Manifests) -> Warned<Tree> {
    let mut writer = Writer { tree: Tree::default(), found: Vec::new() };
    let paths = layout::write(platform, manifests, &mut writer);
    jobs::write(platform, manifests, &mut writer);
    argocd::write(platform, manifests, &paths, &mut writer);
    flux::write(platform, manifests, &paths, &mut writer);
    guide::write(platform, manifests, &mut writer);
    writer.file(".gitattributes", "# Written by lakegen: generated files fold in reviews and keep their line ends.\n* text eol=lf linguist-generated\n".into());
    // A clash that names its objects says more than the same one seen as files.
    if writer.found.iter().any(|d| !d.labels.is_empty()) {
        writer.found.retain(|d| !d.labels.is_empty());
    }
    Warned { output: writer.tree, diagnostics: writer.found }
}

/// A tree on its way, with what went wrong.
pub struct Writer {
    pub tree: Tree,
    pub found: Vec<Diagnostic>,
}

impl Writer {
    /// Adds a text file.
    pub fn file(&mut self, path: impl Into<String>, text: String) {
        if let Err(path) = self.tree.add(path, text.into_bytes()) {
            self.found.push(Diagnostic::error(&PATH_COLLISION, format!("two objects would be written to `{path}`")));
        }
    }

    /// Adds a YAML file.
    pub fn yaml(&mut self, path: impl Into<String>, value: &Value) {
        self.file(path, yaml::write(value));
    }
}
