//! The user's own files that components name: values files, manifests, dashboards. Read once, before anything is lowered.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::diag::{Diagnostic, Sources, Span};
use crate::lower::said::source;
use crate::resolve::Platform;
use crate::world::World;

/// The user's own files that components name, read once.
pub struct Files<'a> {
    world: &'a dyn World,
    read: BTreeMap<String, (crate::diag::SourceId, Arc<str>)>,
    /// Every path of the repository, once there is a reason to ask.
    all: Vec<String>,
}

impl<'a> Files<'a> {
    /// Knows no file yet.
    pub fn new(world: &'a dyn World) -> Self {
        Self { world, read: BTreeMap::new(), all: Vec::new() }
    }

    /// Reads every file that a component's table names, so that later stages only look up.
    pub fn preload(&mut self, platform: &Platform, sources: &mut Sources, found: &mut Vec<Diagnostic>) {
        let all = self.world.list("").unwrap_or_default();
        self.preload_folders(platform, &all, sources);
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

    /// Reads the YAML files of the folders that engines read by themselves. Which of them count is decided later.
    fn preload_folders(&mut self, platform: &Platform, all: &[String], sources: &mut Sources) {
        let sources_of = platform.targets.iter().flat_map(|target| {
            target
                .instances
                .values()
                .filter_map(move |instance| source::of(target, instance).map(|source| (target, source)))
        });
        let mut here = sources_of.filter(|(target, source)| source::is_here(target, source)).peekable();
        if here.peek().is_none() {
            return;
        }
        self.all = all.to_vec();
        // A folder may name others beside it, so the first step of its path decides.
        let tops: BTreeSet<String> = here
            .filter_map(|(_, source)| source::place(&source.path, all))
            .map(|folder| folder.split('/').next().unwrap_or_default().to_string())
            .collect();
        let within = |path: &&String| {
            tops.iter().any(|top| top.is_empty() || path.starts_with(&format!("{top}/")))
                && (is_yaml(path) || path.ends_with("/Kustomization"))
        };
        let paths: Vec<String> = all.iter().filter(within).cloned().collect();
        for path in paths {
            self.load(&path, Span::default(), sources, &mut Vec::new());
        }
    }

    /// Returns a file that was read.
    pub fn at(&self, path: &str) -> Option<(crate::diag::SourceId, Arc<str>)> {
        self.read.get(path).cloned()
    }

    /// Returns every path of the repository, where a folder of it is read by the engine.
    pub fn all(&self) -> &[String] {
        &self.all
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
