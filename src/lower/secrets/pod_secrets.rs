//! What is secret in `env` and `files`: entries of pods and mounted volumes, through a Secret of their own or the user's.

use std::collections::BTreeSet;

use indexmap::IndexMap;

use super::external_secret::Wanted;
use super::{Own, Secrets};
use crate::catalog::Stage;
use crate::diag::Diagnostic;
use crate::lower::{ComponentManifests, Lowering};
use crate::manifest::value::object;
use crate::manifest::value::{Map, Value};
use crate::parse::{Node, string};
use crate::resolve::Instance;
use crate::resolve::scope::{Filled, Late, Piece, plain};

impl Secrets {
    /// Turns `env` into entries of pods; what is secret goes through a Secret of its own.
    pub(super) fn environment(
        &mut self,
        lowering: &Lowering<'_>,
        instance: &Instance,
        unit: &mut ComponentManifests,
        own: &mut Own,
        found: &mut Vec<Diagnostic>,
    ) {
        let name = format!("{}-env", instance.name);
        let (names, held) = (own.names.clone(), own.held.clone());
        let late = Late { secrets: Some(&names), held: Some(&held), ..lowering.late_of(instance) };
        let mut entries = IndexMap::new();
        let mut read = |table: &IndexMap<String, Node>, prefix: &str, found: &mut Vec<Diagnostic>| -> Vec<Value> {
            table
                .iter()
                .map(|(variable, node)| {
                    let filled = match node.as_str() {
                        Some(text) => late.fill(text, node.span, found),
                        None => Filled(vec![Piece::Text(plain(&node.to_value()))]),
                    };
                    if let Some(text) = filled.plain() {
                        object([("name", Value::from(variable.as_str())), ("value", Value::from(text))])
                    } else {
                        let key = format!("{prefix}{variable}");
                        entries.insert(key.clone(), filled);
                        let reference = object([("name", Value::from(name.as_str())), ("key", Value::from(key))]);
                        object([
                            ("name", Value::from(variable.as_str())),
                            ("valueFrom", object([("secretKeyRef", reference)])),
                        ])
                    }
                })
                .collect()
        };
        own.env = read(&instance.said.env, "", found);
        for (pod, table) in &instance.said.pods {
            own.pod_env.insert(pod.clone(), read(&table.env, &format!("{pod}."), found));
        }
        self.extra(lowering, instance, name, entries, unit);
    }

    /// Turns `files` into mounted ConfigMap or Secret keys.
    pub(super) fn mounted(
        &mut self,
        lowering: &Lowering<'_>,
        instance: &Instance,
        unit: &mut ComponentManifests,
        own: &mut Own,
        found: &mut Vec<Diagnostic>,
    ) {
        let files = &instance.said.files;
        let (names, held) = (own.names.clone(), own.held.clone());
        let late = Late { secrets: Some(&names), held: Some(&held), ..lowering.late_of(instance) };
        let name = format!("{}-files", instance.name);
        let mut texts = Map::default();
        let mut secret = IndexMap::new();
        let mut used = BTreeSet::new();
        for (path, written) in files {
            let base = path.rsplit('/').next().unwrap_or(path);
            let key = if used.insert(base.to_string()) { base.to_string() } else { string::slug(path) };
            let filled = late.fill(written, written.at, found);
            let volume = if let Some(text) = filled.plain() {
                texts.insert(key.as_str().into(), Value::from(text));
                "lakegen-files"
            } else {
                secret.insert(key.clone(), filled);
                "lakegen-secret-files"
            };
            own.mounts.push(object([
                ("name", Value::from(volume)),
                ("mountPath", Value::from(path.as_str())),
                ("subPath", Value::from(key)),
                ("readOnly", Value::Bool(true)),
            ]));
        }
        if !texts.is_empty() {
            own.volumes.push(object([
                ("name", Value::from("lakegen-files")),
                ("configMap", object([("name", Value::from(name.as_str()))])),
            ]));
            let inputs = [
                ("name", name.as_str().into()),
                ("namespace", instance.namespace.as_str().into()),
                ("data", Value::Map(texts)),
            ];
            unit.stages.entry(Stage::Prepare).or_default().extend(lowering.make("files", inputs, instance.span));
        }
        if !secret.is_empty() {
            own.volumes.push(object([
                ("name", Value::from("lakegen-secret-files")),
                ("secret", object([("secretName", Value::from(name.as_str()))])),
            ]));
        }
        self.extra(lowering, instance, name, secret, unit);
    }

    fn extra(
        &mut self,
        lowering: &Lowering<'_>,
        instance: &Instance,
        name: String,
        entries: IndexMap<String, Filled>,
        unit: &mut ComponentManifests,
    ) {
        if entries.is_empty() {
            return;
        }
        let wanted = Wanted { entries, ..Wanted::of(name, &instance.namespace, &instance.name, instance.span) };
        self.make(lowering, wanted, unit);
    }
}
