//! The user's own files that components name: values files, manifests, dashboards. Read once, before anything is lowered.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::diag::{Diagnostic, Sources, Span};
use crate::resolve::Platform;
use crate::world::World;

/// The user's own files that components name, read once.
pub struct Files<'a> {
    world: &'a dyn World,
    read: BTreeMap<String, (crate::diag::SourceId, Arc<str>)>,
}

impl<'a> Files<'a> {
    /// Knows no file yet.
    pub fn new(world: &'a dyn World) -> Self {
        Self { world, read: BTreeMap::new() }
    }

    /// Reads every file that a component's table names, so that later stages only look up.
    pub fn preload(&mut self, platform: &Platform, sources: &mut Sources, found: &mut Vec<Diagnostic>) {
        let all = self.world.list("").unwrap_or_default();
        for target in &platform.targets {
            if let Some(folder) = &target.settings.secrets.files {
                for path in matching(&all, folder) {
                    self.load(path, folder.at, sources, found);
                }
            }
            for instance in target.instances.values() {
                let said = &instance.said;
                for pattern in said.values_files.iter().chain(&said.manifests).chain(&said.dashboards) {
                    let paths = matching(&all, pattern);
                    if paths.is_empty() {
                        let message = format!("no file matches `{pattern}`");
                        found.push(Diagnostic::error(&crate::parse::UNREADABLE_FILE, message).at(pattern.at, ""));
                    }
                    for path in paths {
                        self.load(path, pattern.at, sources, found);
                    }
                }
            }
        }
    }

    fn load(&mut self, path: &str, at: Span, sources: &mut Sources, found: &mut Vec<Diagnostic>) {
        if self.read.contains_key(path) {
            return;
        }
        match crate::catalog::user_file(self.world, path) {
            Ok(text) => {
                let id = sources.add(path, text.clone());
                self.read.insert(path.to_string(), (id, text));
            }
            Err(reason) => {
                let message = format!("cannot read `{path}`: {reason}");
                found.push(Diagnostic::error(&crate::parse::UNREADABLE_FILE, message).at(at, ""));
            }
        }
    }

    /// Returns the files that a pattern names, in path order.
    pub fn get(&self, pattern: &str) -> Vec<(&str, crate::diag::SourceId, &Arc<str>)> {
        let all: Vec<String> = self.read.keys().cloned().collect();
        matching(&all, pattern)
            .into_iter()
            .filter_map(|p| self.read.get_key_value(p).map(|(path, (id, text))| (path.as_str(), *id, text)))
            .collect()
    }
}

fn matching<'a>(all: &'a [String], pattern: &str) -> Vec<&'a str> {
    let exact = pattern.trim_start_matches("./");
    let Ok(glob) = globset::GlobBuilder::new(exact).literal_separator(true).build() else { return vec![] };
    let matcher = glob.compile_matcher();
    let folder = format!("{}/", exact.trim_end_matches('/'));
    all.iter()
        .map(String::as_str)
        .filter(|path| *path == exact || matcher.is_match(path) || (path.starts_with(&folder) && is_yaml(path)))
        .collect()
}

fn is_yaml(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, end)| end == "yaml" || end == "yml")
}
