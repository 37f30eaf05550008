//! What the user adds to a component: manifests of the repository, and kustomize patches.

use crate::catalog::Stage;
use crate::diag::{Diagnostic, Span};
use crate::lower::{BAD_OBJECT, ComponentManifests, Lowering, Origin, take};
use crate::manifest::kinds;
use crate::manifest::value::{Map, Value};
use crate::parse::Node;
use crate::resolve::Instance;

impl<'a> Lowering<'a> {
    /// Adds the user's own manifests to the release.
    pub fn manifests(&self, instance: &Instance, unit: &mut ComponentManifests, found: &mut Vec<Diagnostic>) {
        for written in &instance.said.manifests {
            for (path, source, text) in self.files.get(written) {
                let span = |line: usize| line_of(text, source, line);
                match crate::manifest::yaml::read(text) {
                    Err(error) => found.push(
                        Diagnostic::error(&BAD_OBJECT, format!("`{path}` is not valid YAML: {}", error.message))
                            .at(span(error.line), "")
                            .at(written.at, "used here"),
                    ),
                    Ok(documents) => {
                        for document in documents {
                            let origin = Origin {
                                file: path.to_string(),
                                line: document.line,
                                span: written.at,
                                template: Some(span(document.line)),
                            };
                            let mut lowered = Vec::new();
                            take(document.value, &origin, &mut lowered, found);
                            unit.stages.entry(Stage::Release).or_default().extend(lowered);
                        }
                    }
                }
            }
        }
    }

    /// Turns the user's `patches` into kustomize's.
    pub fn patches(&self, instance: &'a Instance, unit: &mut ComponentManifests, found: &mut Vec<Diagnostic>) {
        let late = self.late(instance);
        for written in &instance.said.patches {
            let mut filled = |node: &Option<Node>| node.as_ref().map(|node| late.fill_node(node, found));
            let (target, merge, json) = (filled(&written.target), filled(&written.merge), filled(&written.json));
            let stage = Stage::from_name(&written.stage).unwrap_or(Stage::Release);
            let mut patch = Map::default();
            if let Some(target) = &target {
                // Kustomize's name for it (kustomize v5, api/types/selector.go).
                let keys = target.as_map().into_iter().flatten();
                let keys = keys.map(|(key, value)| {
                    (if &**key == "labels" { "labelSelector".into() } else { key.clone() }, value.clone())
                });
                patch.insert("target".into(), Value::Map(keys.collect()));
            }
            let text = match (&merge, &json) {
                (Some(merge), None) => crate::manifest::yaml::write(&named_patch(merge, target.as_ref())),
                (None, Some(json)) => crate::manifest::yaml::write(json),
                _ => {
                    found.push(
                        Diagnostic::error(&crate::parse::MISSING_KEY, "a patch needs either `merge` or `json`")
                            .at(written.places.at, ""),
                    );
                    continue;
                }
            };
            patch.insert("patch".into(), Value::from(text));
            unit.patches.entry(stage).or_default().push(Value::Map(patch));
        }
    }
}

/// Returns the place of a line (from 1) of a file.
pub fn line_of(text: &str, source: crate::diag::SourceId, line: usize) -> Span {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let end = text[start..].find('\n').map_or(text.len(), |n| start + n);
    Span::new(source, start, end)
}

/// Adds `apiVersion`, `kind` and `metadata.name` to a merge patch when its target names them.
fn named_patch(merge: &Value, target: Option<&Value>) -> Value {
    let mut patch = Value::Map(Map::default());
    let text = |key: &str| target.and_then(|t| t.get(key)).and_then(Value::as_str);
    let kind = text("kind").unwrap_or("Any");
    let known = kinds::groups_of(kind);
    let api = match (text("group"), text("version")) {
        (Some(group), Some(version)) if !group.is_empty() => format!("{group}/{version}"),
        (_, Some(version)) => version.to_string(),
        _ => known.first().map_or_else(|| "v1".to_string(), |api| (*api).to_string()),
    };
    patch.set(&["apiVersion"], Value::from(api));
    patch.set(&["kind"], Value::from(kind));
    patch.set(&["metadata", "name"], Value::from(text("name").unwrap_or("any")));
    patch.merge(merge.clone());
    patch
}
