//! The objects of a folder of the platform's own repository that the engine reads by itself, with Kustomize or as it is.
//!
//! They are read to be judged as raw manifests are; nothing of them is written. What Kustomize would change or fetch is
//! named ([`Read::beyond`]), so that nobody takes it for judged.
//!
//! Facts: kubectl.docs.kubernetes.io/references/kustomize/kustomization (fields; names of the file); argo-cd v3.4
//! docs/user-guide/directory.md (a plain folder is read without those in it); fluxcd.io/flux/components/kustomize/kustomizations,
//! "Generate kustomization.yaml" (a plain folder is read with them).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::diag::{Diagnostic, SourceId, Span};
use crate::lower::objects::own::line_of;
use crate::lower::said::source;
use crate::lower::{BAD_OBJECT, Lowered, Lowering, Origin, take};
use crate::manifest::value::Value;
use crate::manifest::yaml;
use crate::parse::UNREADABLE_FILE;
use crate::resolve::{Engine, Instance};

/// What was read of a folder.
#[derive(Clone, Debug, Default)]
pub struct Read {
    pub objects: Vec<Lowered>,
    /// What Kustomize does besides, or takes from elsewhere: nobody looked into it.
    pub beyond: BTreeSet<String>,
    /// Whether there was anything to read: the folder of another repository, or of another branch, is not at hand.
    pub at_hand: bool,
}

impl Read {
    /// Returns the objects, when they are all there and as they will be.
    pub fn whole(&self) -> &[Lowered] {
        if self.beyond.is_empty() { &self.objects } else { &[] }
    }
}

/// Names of Kustomize's file, best first.
const NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// Fields that change no more of an object than its namespace, labels and annotations.
const PLAIN: &[&str] = &[
    "apiVersion",
    "kind",
    "metadata",
    "resources",
    "namespace",
    "labels",
    "commonLabels",
    "commonAnnotations",
    "buildMetadata",
    "sortOptions",
];

/// How deep folders may name one another.
const DEPTH: usize = 16;

/// Reads the folder of a component, where the platform's own repository holds it.
pub fn read(lowering: &Lowering<'_>, instance: &Instance, found: &mut Vec<Diagnostic>) -> Read {
    let mut reading =
        Reading { lowering, instance, read: Read::default(), files: Vec::new(), seen: BTreeSet::new(), found };
    let Some(source) = source::of(lowering.target, instance).filter(|source| source::is_here(lowering.target, source))
    else {
        return Read::default();
    };
    let Some(folder) = source::place(&source.path, lowering.files.all()) else { return Read::default() };
    reading.read.at_hand = true;
    reading.folder(&folder, 0);
    reading.objects();
    reading.read
}

struct Reading<'a, 'b> {
    lowering: &'b Lowering<'a>,
    instance: &'b Instance,
    read: Read,
    /// Files with the namespace that Kustomize gives their objects.
    files: Vec<(String, Option<String>)>,
    seen: BTreeSet<String>,
    found: &'b mut Vec<Diagnostic>,
}

impl Reading<'_, '_> {
    fn text(&self, path: &str) -> Option<(SourceId, Arc<str>)> {
        self.lowering.files.at(path)
    }

    fn all(&self) -> &[String] {
        self.lowering.files.all()
    }

    /// Gathers the files of a folder.
    fn folder(&mut self, folder: &str, depth: usize) {
        if depth > DEPTH || !self.seen.insert(folder.to_string()) {
            return;
        }
        let within = |name: &str| if folder.is_empty() { name.to_string() } else { format!("{folder}/{name}") };
        let file = NAMES.iter().map(|name| within(name)).find(|path| self.all().contains(path));
        let Some(file) = file else { return self.plain(folder) };
        let Some((source, text)) = self.text(&file) else { return };
        let kustomization = match yaml::read_one(&text) {
            Ok(value) => value,
            Err(error) => return self.malformed(&file, source, &text, &error),
        };
        let fields = kustomization.as_map().into_iter().flatten().map(|(key, _)| key.to_string());
        self.read.beyond.extend(fields.filter(|key| !PLAIN.contains(&key.as_str())));
        let before = self.files.len();
        for entry in kustomization.get("resources").and_then(Value::as_list).into_iter().flatten() {
            if let Some(entry) = entry.as_str() {
                self.resource(folder, entry, (&file, source, &text), depth);
            }
        }
        if let Some(namespace) = kustomization.get("namespace").and_then(Value::as_str) {
            self.files[before..].iter_mut().for_each(|(_, own)| *own = Some(namespace.to_string()));
        }
    }

    /// Gathers the files of a folder without a kustomization.
    fn plain(&mut self, folder: &str) {
        let deep = self.lowering.platform.engine == Engine::Flux;
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let inside = |path: &&String| {
            path.strip_prefix(&prefix).is_some_and(|rest| {
                (rest.ends_with(".yaml") || rest.ends_with(".yml")) && (deep || !rest.contains('/'))
            })
        };
        let files: Vec<(String, Option<String>)> =
            self.all().iter().filter(inside).map(|path| (path.clone(), None)).collect();
        self.files.extend(files);
    }

    fn resource(&mut self, folder: &str, entry: &str, (file, source, text): (&str, SourceId, &str), depth: usize) {
        if entry.contains("://") || entry.contains("?ref=") || entry.starts_with("git@") {
            self.read.beyond.insert(entry.to_string());
            return;
        }
        let Some(path) = joined(folder, entry) else {
            self.read.beyond.insert(entry.to_string());
            return;
        };
        if self.all().contains(&path) {
            self.files.push((path, None));
        } else if self.all().iter().any(|other| other.starts_with(&format!("{path}/"))) {
            self.folder(&path, depth + 1);
        } else if entry.split('/').next().is_some_and(|first| first.contains('.'))
            && entry.contains('/')
            && !entry.starts_with('.')
        {
            // `github.com/acme/base`: somebody's repository without a scheme.
            self.read.beyond.insert(entry.to_string());
        } else {
            let at = text.find(entry).map_or(Span::new(source, 0, 0), |at| Span::new(source, at, at + entry.len()));
            let message = format!("`{file}` lists `{entry}`, which does not exist");
            self.found
                .push(Diagnostic::error(&UNREADABLE_FILE, message).at(at, "").at(self.instance.span, "used here"));
        }
    }

    fn malformed(&mut self, path: &str, source: SourceId, text: &str, error: &yaml::ReadError) {
        let message = format!("`{path}` is not valid YAML: {}", error.message);
        let diagnostic = Diagnostic::error(&BAD_OBJECT, message).at(line_of(text, source, error.line), "");
        self.found.push(diagnostic.at(self.instance.span, "used here"));
    }

    /// Reads the files as objects.
    fn objects(&mut self) {
        let mut files: BTreeMap<String, Option<String>> = BTreeMap::new();
        files.extend(std::mem::take(&mut self.files));
        for (path, namespace) in files {
            let Some((source, text)) = self.text(&path) else { continue };
            let documents = match yaml::read(&text) {
                Ok(documents) => documents,
                Err(error) => {
                    self.malformed(&path, source, &text, &error);
                    continue;
                }
            };
            for document in documents {
                let line = line_of(&text, source, document.line);
                let (file, span) = (path.clone(), self.instance.span);
                let origin = Origin { file, line: document.line, span, template: Some(line) };
                let before = self.read.objects.len();
                take(document.value, &origin, &mut self.read.objects, self.found);
                for lowered in &mut self.read.objects[before..] {
                    let scoped = self.lowering.scopes.of(&lowered.object) == Some(false);
                    if let Some(namespace) = namespace.as_ref().filter(|_| !scoped) {
                        lowered.object.value_mut().set(&["metadata", "namespace"], Value::from(namespace.as_str()));
                    }
                }
            }
        }
    }
}

/// Returns a path of the repository, seen from a folder; nothing when it leaves the repository.
fn joined(folder: &str, entry: &str) -> Option<String> {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in entry.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::joined;

    #[test]
    fn paths_are_followed_within_the_repository() {
        assert_eq!(joined("a/b", "../c/./d.yaml").as_deref(), Some("a/c/d.yaml"));
        assert_eq!(joined("", "x.yaml").as_deref(), Some("x.yaml"));
        assert_eq!(joined("a", "../../x.yaml"), None);
    }
}
