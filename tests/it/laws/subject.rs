//! A platform that compiled, with what the laws ask of it. The only file that knows how the library holds a platform.

use std::collections::{BTreeMap, BTreeSet};

use lakegen::compile::{Compiled, Request, compile};
use lakegen::diag::Level;
use lakegen::diag::render::{Format, Style, render};
use lakegen::manifest::object::Object;
use lakegen::manifest::value::Value;
use lakegen::manifest::yaml;
use lakegen::world::memory::MemoryWorld;

use super::document::{Document, Written};

/// A platform and its tree.
pub struct Subject {
    pub name: String,
    /// Everything but platform.toml comes from here.
    pub files: BTreeMap<String, Vec<u8>>,
    /// `None` where the file is more than this reader takes (includes, dates).
    pub document: Option<Document>,
    pub compiled: Compiled,
    /// Decides what a law changes; stays when the platform is made smaller.
    pub salt: u64,
}

/// A unit of a target: its objects by stage and its Helm values.
pub struct Part<'a> {
    pub target: &'a str,
    pub component: &'a str,
    pub stage: &'static str,
    pub object: &'a Object,
}

impl Subject {
    /// Compiles a repository.
    pub fn of_files(name: &str, files: BTreeMap<String, Vec<u8>>) -> Self {
        let text =
            files.get("platform.toml").map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default();
        let document = if text.contains("include") { None } else { Document::read(&text) };
        let world: MemoryWorld = files.iter().map(|(path, bytes)| (path.clone(), bytes.clone())).collect();
        Self { name: name.into(), files, document, compiled: compile(&world, &Request::default()), salt: 0 }
    }

    /// Compiles a document.
    pub fn of(name: &str, document: &Document) -> Self {
        let mut files: BTreeMap<String, Vec<u8>> =
            document.files.iter().map(|(path, text)| (path.clone(), text.clone().into_bytes())).collect();
        files.insert("platform.toml".into(), document.write().text.into_bytes());
        let mut subject = Self::of_files(name, files);
        subject.document = Some(document.clone());
        subject
    }

    /// Compiles the same repository with another platform.toml.
    pub fn with(&self, document: &Document) -> Self {
        let mut files = self.files.clone();
        files.insert("platform.toml".into(), document.write().text.into_bytes());
        let mut subject = Self::of_files(&self.name, files);
        subject.document = Some(document.clone());
        subject.salt = self.salt;
        subject
    }

    /// Says whether there is a tree.
    pub fn is_ok(&self) -> bool {
        self.compiled.is_ok() && !self.compiled.tree.is_empty()
    }

    /// Returns all findings as text.
    pub fn findings(&self) -> String {
        render(&self.compiled.diagnostics, &self.compiled.sources, Format::Full, Style { color: false, width: 120 })
    }

    /// Returns the paths of the keys that errors are about, the surest first.
    pub fn blamed(&self, written: &Written) -> Vec<Vec<String>> {
        let errors = self.compiled.diagnostics.iter().filter(|d| d.level == Level::Error);
        let mut all: Vec<Vec<String>> = Vec::new();
        for error in errors {
            let mut places =
                error.labels.iter().filter(|l| self.compiled.sources.path(l.span.source) == "platform.toml");
            if let Some(path) = places.find_map(|l| written.path_at(l.span.start as usize))
                && !all.iter().any(|other| other == path)
            {
                all.push(path.to_vec());
            }
        }
        all
    }

    /// Returns the engine's name.
    pub fn engine(&self) -> &'static str {
        self.compiled.platform.as_ref().map_or("", |platform| platform.engine.name())
    }

    /// Returns target, environment and cluster of each target; the part of a cluster that environments share has no
    /// environment of its own.
    pub fn targets(&self) -> Vec<(&str, Option<&str>, &str)> {
        let targets = self.compiled.platform.iter().flat_map(|platform| &platform.targets);
        targets
            .map(|t| (t.name.as_str(), (!t.is_shared).then_some(t.environment.as_str()), t.cluster.as_str()))
            .collect()
    }

    /// Returns the instances of a target by name.
    pub fn instances(&self, target: &str) -> Vec<&str> {
        let targets = self.compiled.platform.iter().flat_map(|platform| &platform.targets);
        targets.filter(|t| t.name == target).flat_map(|t| t.instances.keys().map(String::as_str)).collect()
    }

    /// Returns every object that a component has in a target, and those of lakegen's own units.
    pub fn objects(&self) -> Vec<Part<'_>> {
        let platform = self.compiled.platform.iter();
        let pairs = platform.flat_map(|p| p.targets.iter().zip(&self.compiled.manifests.targets));
        let units =
            pairs.flat_map(|(target, lowered)| lowered.components.iter().map(move |(name, unit)| (target, name, unit)));
        units
            .flat_map(|(target, component, unit)| {
                unit.stages.iter().flat_map(move |(stage, objects)| {
                    objects.iter().map(move |lowered| Part {
                        target: &target.name,
                        component,
                        stage: stage.name(),
                        object: &lowered.object,
                    })
                })
            })
            .collect()
    }

    /// Returns the Helm values of every release by target and component.
    pub fn values(&self) -> BTreeMap<(String, String), &Value> {
        let platform = self.compiled.platform.iter();
        let pairs = platform.flat_map(|p| p.targets.iter().zip(&self.compiled.manifests.targets));
        let units =
            pairs.flat_map(|(target, lowered)| lowered.components.iter().map(move |(name, unit)| (target, name, unit)));
        units.filter_map(|(t, name, unit)| Some(((t.name.clone(), name.clone()), &**unit.values.as_ref()?))).collect()
    }

    /// Returns what brings kinds: (target, component, `group/version` or `group/version/Kind`).
    pub fn apis(&self) -> Vec<(&str, Option<&str>, &str)> {
        let targets = self.compiled.platform.iter().flat_map(|platform| &platform.targets);
        targets
            .flat_map(|t| {
                let own =
                    t.instances.values().flat_map(|i| i.apis.iter().map(|api| (Some(i.name.as_str()), api.as_str())));
                let there = t.ground().apis.iter().map(|api| (None, api.as_str()));
                own.chain(there).map(|(instance, api)| (t.name.as_str(), instance, api))
            })
            .collect()
    }

    /// Returns the components that a component is bound to, in any target.
    pub fn providers(&self, component: &str) -> BTreeSet<String> {
        let targets = self.compiled.platform.iter().flat_map(|platform| &platform.targets);
        let instances = targets.filter_map(|t| t.instances.get(component));
        instances.flat_map(|i| i.bindings.values().flat_map(|b| b.all()).map(|b| b.provider.clone())).collect()
    }

    /// Returns the text files of the tree.
    pub fn tree(&self) -> impl Iterator<Item = (&str, &str)> {
        self.compiled.tree.files().filter_map(|(path, bytes)| Some((path, std::str::from_utf8(bytes).ok()?)))
    }

    /// Returns the documents of a file of the tree.
    pub fn documents(&self, path: &str) -> Vec<Value> {
        let bytes = self.compiled.tree.get(path);
        let text = bytes.and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default();
        yaml::read(text).map(|all| all.into_iter().map(|d| d.value).collect()).unwrap_or_default()
    }

    /// Returns the YAML files below a folder with their first documents.
    pub fn below(&self, folder: &str) -> Vec<(&str, Value)> {
        let paths = self.compiled.tree.files().map(|(path, _)| path);
        paths
            .filter(|path| path.starts_with(folder) && path.ends_with(".yaml"))
            .flat_map(|path| self.documents(path).into_iter().map(move |value| (path, value)))
            .collect()
    }
}
