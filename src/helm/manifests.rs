//! What templates printed in, objects and hooks in Helm's order out.
//!
//! Follows Helm 3.22's `pkg/releaseutil` (`manifest.go`, `manifest_sorter.go`, `kind_sorter.go`) and
//! `pkg/action/action.go` (`renderResources`). A document is read as its consumers do, through sigs.k8s.io/yaml: of a
//! key that is set twice the last one counts, which is told as a warning.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::archive::File;
use super::chart::Crd;
use super::{ChartError, ChartWarning, a_type, shown};
use crate::manifest::value::Value;
use crate::manifest::yaml::{self, Document};

/// The text of one template.
#[derive(Clone, Copy, Debug)]
pub struct Printed<'a> {
    /// The chart's path with the template's, as in `platform/charts/kafka/templates/service.yaml`.
    pub template: &'a str,
    pub text: &'a str,
}

/// All that a chart gives to a cluster.
#[derive(Clone, Debug, Default)]
pub struct Rendered {
    /// What stands in `crds/`; comes first.
    pub crds: Vec<Item>,
    /// In the order of installation.
    pub objects: Vec<Item>,
    /// By kind, as `helm template` prints them; see [`Hook::weight`] for the order in which they run.
    pub hooks: Vec<Hook>,
}

/// One document that a template printed or that stands in `crds/`.
#[derive(Clone, Debug)]
pub struct Item {
    /// As in [`Printed::template`].
    pub template: String,
    /// The line of the printed text where the document begins, counted from 1.
    pub line: usize,
    /// Its lines count from its own beginning. Shared, because definitions are large and the same in every release.
    pub document: Arc<Document>,
    /// For each line of the printed text, the line of the template that printed it; empty for what stands in `crds/`.
    pub origins: Arc<[u32]>,
}

impl Item {
    /// Returns the line of the printed text where the node at `path` begins.
    pub fn line_of(&self, path: &[&str]) -> Option<usize> {
        self.document.lines.line(path).map(|line| self.line + line - 1)
    }

    /// Returns the line of the template that printed the node at `path`; the line itself for what was not printed.
    pub fn origin_of(&self, path: &[&str]) -> usize {
        let line = self.line_of(path).unwrap_or(self.line);
        self.origins.get(line.saturating_sub(1)).map_or(line, |line| *line as usize)
    }

    /// Returns the kind, empty where the document has none.
    pub fn kind(&self) -> &str {
        self.document.value.get("kind").and_then(Value::as_str).unwrap_or_default()
    }
}

/// An object that is made at an event, not with the others.
#[derive(Clone, Debug)]
pub struct Hook {
    pub item: Item,
    pub events: Vec<Event>,
    /// Hooks of one event run by weight, then by name.
    pub weight: i64,
    /// `helm.sh/hook-delete-policy`, in lower case; empty where it is not set.
    pub delete_policies: Vec<String>,
}

/// When a hook runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    PreInstall,
    PostInstall,
    PreDelete,
    PostDelete,
    PreUpgrade,
    PostUpgrade,
    PreRollback,
    PostRollback,
    Test,
}

impl Event {
    /// Reads one word of `helm.sh/hook`.
    fn parse(word: &str) -> Option<Self> {
        Some(match word.trim().to_lowercase().as_str() {
            "pre-install" => Self::PreInstall,
            "post-install" => Self::PostInstall,
            "pre-delete" => Self::PreDelete,
            "post-delete" => Self::PostDelete,
            "pre-upgrade" => Self::PreUpgrade,
            "post-upgrade" => Self::PostUpgrade,
            "pre-rollback" => Self::PreRollback,
            "post-rollback" => Self::PostRollback,
            "test" | "test-success" => Self::Test,
            _ => return None,
        })
    }
}

/// Files of `crds/` that were read, by their texts: every release of a chart has the same, and they are large.
#[derive(Default)]
pub struct Definitions(Mutex<HashMap<u64, Definition>>);

struct Definition {
    data: Arc<[u8]>,
    /// With the lines that they begin at.
    documents: Vec<(usize, Arc<Document>)>,
}

impl Definitions {
    fn get(&self, name: &str, file: &File) -> Option<Vec<Item>> {
        let known = self.0.lock().ok()?;
        let found = known.get(&file.fingerprint()).filter(|found| found.data == file.data)?;
        let item = |(line, document): &(usize, Arc<Document>)| Item {
            template: name.to_owned(),
            line: *line,
            document: document.clone(),
            origins: Arc::default(),
        };
        Some(found.documents.iter().map(item).collect())
    }

    fn put(&self, file: &File, items: &[Item]) {
        let documents = items.iter().map(|item| (item.line, item.document.clone())).collect();
        if let Ok(mut known) = self.0.lock() {
            known.insert(file.fingerprint(), Definition { data: file.data.clone(), documents });
        }
    }
}

/// Takes apart what the templates printed and sorts it.
///
/// Errors and warnings carry lines of the printed texts; [`ChartError::file`] is the template.
///
/// # Errors
/// Every text that is not YAML or has no usable head, at once.
pub fn sort(
    printed: &[Printed<'_>],
    crds: &[Crd],
    known: &Definitions,
) -> Result<(Rendered, Vec<ChartWarning>), Vec<ChartError>> {
    let mut sorter = Sorter::default();
    for crd in crds {
        let name = format!("{}/{}", crd.chart, crd.file.name);
        if let Some(items) = known.get(&name, &crd.file) {
            sorter.rendered.crds.extend(items);
            continue;
        }
        match crd.file.text() {
            Some(text) => {
                let told = (sorter.errors.len(), sorter.warnings.len());
                let items = sorter.items(&name, text);
                if told == (sorter.errors.len(), sorter.warnings.len()) {
                    known.put(&crd.file, &items);
                }
                sorter.rendered.crds.extend(items);
            }
            None => sorter.errors.push(ChartError::new("", name, "this file is not valid UTF-8")),
        }
    }
    let mut templates: Vec<&Printed<'_>> = printed.iter().filter(|printed| is_manifest(printed.template)).collect();
    templates.sort_by_key(|printed| printed.template);
    for printed in templates {
        for item in sorter.items(printed.template, printed.text) {
            sorter.take(item);
        }
    }
    let Sorter { mut rendered, errors, warnings } = sorter;
    if !errors.is_empty() {
        return Err(errors);
    }
    rendered.objects.sort_by(|one, two| rank(one.kind()).cmp(&rank(two.kind())));
    rendered.hooks.sort_by(|one, two| rank(one.item.kind()).cmp(&rank(two.item.kind())));
    Ok((rendered, warnings))
}

/// Says whether a template is for the cluster: not notes, and not a file of helpers.
fn is_manifest(template: &str) -> bool {
    let name = template.rsplit('/').next().unwrap_or(template);
    !template.ends_with("NOTES.txt") && !name.starts_with('_')
}

#[derive(Default)]
struct Sorter {
    rendered: Rendered,
    errors: Vec<ChartError>,
    warnings: Vec<ChartWarning>,
}

impl Sorter {
    /// Reads the documents of a text; empty ones are left out.
    fn items(&mut self, template: &str, text: &str) -> Vec<Item> {
        let mut items = Vec::new();
        for (line, piece) in split(text) {
            let first = match yaml::read_first(piece) {
                Ok(first) => first,
                Err(error) => {
                    let problem = ChartError::new("", template, format!("this is not valid YAML: {}", error.message));
                    self.errors.push(problem.at(Some(line + error.line - 1)));
                    continue;
                }
            };
            let warn = |at: usize, message: String| ChartWarning::new("", template, message).at(Some(line + at - 1));
            self.warnings.extend(first.duplicates.iter().map(|duplicate| {
                let (key, first) = (shown(&duplicate.key), line + duplicate.first - 1);
                warn(duplicate.line, format!("key `{key}` is set twice, first on line {first}; this one is used"))
            }));
            if let Some(rest) = first.rest {
                self.warnings.push(warn(rest, "Helm ignores the rest of this document".to_owned()));
            }
            let Some(document) = first.document else { continue };
            match check_head(&document) {
                Ok(()) => {
                    let (template, document) = (template.to_owned(), Arc::new(document));
                    items.push(Item { template, line, document, origins: Arc::default() });
                }
                Err((path, message)) => {
                    let at = document.lines.line(path).unwrap_or(document.line);
                    self.errors.push(ChartError::new("", template, message).at(Some(line + at - 1)));
                }
            }
        }
        items
    }

    /// Puts a document among objects or hooks.
    fn take(&mut self, item: Item) {
        let annotation = |name: &str| {
            let value = item.document.value.at(&["metadata", "annotations"])?.get(name)?;
            Some(value.as_str().map_or_else(|| yaml::write(value).trim_end().to_owned(), str::to_owned))
        };
        let Some(hook) = annotation("helm.sh/hook") else {
            self.rendered.objects.push(item);
            return;
        };
        let Some(events) = hook.split(',').map(Event::parse).collect::<Option<Vec<_>>>() else {
            let line = item.line_of(&["metadata", "annotations", "helm.sh/hook"]);
            let message = format!("Helm does not know the hook event `{}`, so it leaves this object out", shown(&hook));
            self.warnings.push(ChartWarning::new("", item.template, message).at(line));
            return;
        };
        let weight = annotation("helm.sh/hook-weight").and_then(|weight| weight.parse().ok()).unwrap_or(0);
        let policies = annotation("helm.sh/hook-delete-policy").unwrap_or_default();
        let delete_policies = policies.split(',').map(|policy| policy.trim().to_lowercase());
        let delete_policies = delete_policies.filter(|policy| !policy.is_empty()).collect();
        self.rendered.hooks.push(Hook { item, events, weight, delete_policies });
    }
}

const ANNOTATIONS: &[&str] = &["metadata", "annotations"];

/// Checks what Helm itself reads of a document (`SimpleHead`).
fn check_head(document: &Document) -> Result<(), (&'static [&'static str], String)> {
    let value = &document.value;
    if value.as_map().is_none() {
        return Err((&[], format!("an object must be a map, but this is {}", a_type(value))));
    }
    let scalar = |value: &Value| !matches!(value, Value::Map(_) | Value::List(_));
    for path in [&["apiVersion"][..], &["kind"], &["metadata", "name"]] {
        if let Some(value) = value.at(path).filter(|value| !scalar(value)) {
            return Err((path, format!("`{}` is {}, not a string", path.join("."), a_type(value))));
        }
    }
    let map = |path: &'static [&'static str]| match value.at(path) {
        None | Some(Value::Null | Value::Map(_)) => Ok(()),
        Some(other) => Err((path, format!("`{}` is {}, not a map", path.join("."), a_type(other)))),
    };
    map(&["metadata"])?;
    map(ANNOTATIONS)?;
    let annotations = value.at(ANNOTATIONS).and_then(Value::as_map);
    match annotations.into_iter().flatten().find(|(_, value)| !scalar(value)) {
        Some((key, value)) => {
            Err((ANNOTATIONS, format!("the annotation `{}` is {}, not a string", shown(key), a_type(value))))
        }
        None => Ok(()),
    }
}

/// Takes a text apart as Helm does, by `(?:^|\s*\n)---\s*`; each piece with the line it begins at.
///
/// A `---` right after a separator is no separator, because the line break before it is used up.
fn split(text: &str) -> Vec<(usize, &str)> {
    const BLANKS: [char; 5] = ['\t', '\n', '\x0c', '\r', ' '];
    let mut pieces = Vec::new();
    let body = text.trim();
    // How far lines are counted: up to this offset there are so many.
    let (mut counted, mut line) = (0, 1);
    let mut line_of = |piece: &str| {
        let offset = piece.as_ptr().addr() - text.as_ptr().addr();
        line += text.as_bytes()[counted..offset].iter().filter(|byte| **byte == b'\n').count();
        counted = offset;
        line
    };
    let mut rest = body.strip_prefix("---").map_or(body, |rest| rest.trim_start_matches(BLANKS));
    loop {
        let (piece, after) = match rest.find("\n---") {
            Some(at) => (&rest[..at], Some(rest[at + 4..].trim_start_matches(BLANKS))),
            None => (rest, None),
        };
        let piece = piece.trim();
        if !piece.is_empty() {
            pieces.push((line_of(piece), piece));
        }
        match after {
            Some(after) => rest = after,
            None => return pieces,
        }
    }
}

/// Helm's `InstallOrder`; other kinds follow by their names.
const INSTALL_ORDER: [&str; 36] = [
    "PriorityClass",
    "Namespace",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "PodSecurityPolicy",
    "PodDisruptionBudget",
    "ServiceAccount",
    "Secret",
    "SecretList",
    "ConfigMap",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleList",
    "ClusterRoleBinding",
    "ClusterRoleBindingList",
    "Role",
    "RoleList",
    "RoleBinding",
    "RoleBindingList",
    "Service",
    "DaemonSet",
    "Pod",
    "ReplicationController",
    "ReplicaSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "StatefulSet",
    "Job",
    "CronJob",
    "IngressClass",
    "Ingress",
    "APIService",
];

fn rank(kind: &str) -> (usize, &str) {
    match INSTALL_ORDER.iter().position(|known| *known == kind) {
        Some(rank) => (rank, ""),
        None => (INSTALL_ORDER.len(), kind),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(texts: &[(&str, &str)]) -> Result<(Rendered, Vec<ChartWarning>), Vec<ChartError>> {
        let printed: Vec<_> = texts.iter().map(|(template, text)| Printed { template, text }).collect();
        sort(&printed, &[], &Definitions::default())
    }

    fn messages(all: &[ChartError]) -> Vec<String> {
        all.iter().map(ChartError::to_string).collect()
    }

    /// Pieces as Helm's `SplitManifests` gives them.
    #[test]
    fn documents_are_split_where_helm_splits_them() {
        for (text, expected) in [
            ("", &[][..]),
            ("a: 1", &[(1, "a: 1")]),
            ("\n\n---\na: 1\n---\nb: 2\n", &[(4, "a: 1"), (6, "b: 2")]),
            ("a\n \n---   \n\n  b", &[(1, "a"), (5, "b")]),
            ("---\n---\na", &[(2, "---\na")]),
            ("a\n---\n---\n---\nb", &[(1, "a"), (3, "---"), (5, "b")]),
            ("a\n---b", &[(1, "a"), (2, "b")]),
            ("a\n--- # comment\nb", &[(1, "a"), (2, "# comment\nb")]),
            ("a\n  ---\nb", &[(1, "a\n  ---\nb")]),
            ("a ---\nb\n---", &[(1, "a ---\nb")]),
        ] {
            assert_eq!(split(text), expected, "{text:?}");
        }
        let many = "a: 1\n---\n".repeat(200_000);
        assert_eq!(split(&many).last(), Some(&(399_999, "a: 1")));
    }

    #[test]
    fn mistakes_carry_template_and_line() {
        let errors = sorted(&[
            ("c/templates/b.yaml", "a: 1\n---\n\nkind: X\nb: }\n"),
            ("c/templates/a.yaml", "---\n- list\n"),
            ("c/templates/c.yaml", "kind: X\nmetadata:\n  annotations:\n    a: [1]\n"),
            ("c/templates/d.yaml", "kind: [X]\n---\nkind: X\nmetadata: text\n"),
            ("c/templates/_e.yaml", "}"),
            ("c/templates/NOTES.txt", "}"),
        ]);
        assert_eq!(
            messages(&errors.unwrap_err()),
            [
                "c/templates/a.yaml:2: an object must be a map, but this is a list",
                "c/templates/b.yaml:5: this is not valid YAML: misplaced bracket",
                "c/templates/c.yaml:3: the annotation `a` is a list, not a string",
                "c/templates/d.yaml:1: `kind` is a list, not a string",
                "c/templates/d.yaml:4: `metadata` is a string, not a map",
            ]
        );
    }

    #[test]
    fn hooks_are_told_from_objects() {
        let hook = |name: &str, more: &str| {
            format!("kind: Job\nmetadata:\n  name: {name}\n  annotations:\n    helm.sh/hook: {more}\n")
        };
        let text = [
            hook("one", "pre-install, Post-Upgrade\n    helm.sh/hook-weight: -5\n    helm.sh/hook-delete-policy: Before-Hook-Creation, x"),
            hook("two", "test-success\n    helm.sh/hook-weight: heavy"),
            hook("three", "crd-install"),
            "kind: Pod\na: 1\na: 2\n".to_owned(),
            "# nothing\n".to_owned(),
        ]
        .join("---\n");
        let (rendered, warnings) = sorted(&[("c/templates/a.yaml", &text)]).unwrap();
        let hooks: Vec<_> = rendered.hooks.iter().map(|hook| (&hook.events[..], hook.weight)).collect();
        assert_eq!(hooks, [(&[Event::PreInstall, Event::PostUpgrade][..], -5), (&[Event::Test], 0)]);
        assert_eq!(rendered.hooks[0].delete_policies, ["before-hook-creation", "x"]);
        assert_eq!((rendered.hooks[1].item.line, rendered.hooks[1].item.line_of(&["metadata", "name"])), (9, Some(11)));
        assert_eq!(rendered.objects.len(), 1);
        assert_eq!(yaml::write(&rendered.objects[0].document.value), "kind: Pod\na: 2\n");
        assert_eq!(
            messages(&warnings),
            [
                "c/templates/a.yaml:24: key `a` is set twice, first on line 23; this one is used",
                "c/templates/a.yaml:20: Helm does not know the hook event `crd-install`, so it leaves this object out",
            ]
        );
    }
}
