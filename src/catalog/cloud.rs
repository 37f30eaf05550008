//! Clouds: how a pod gets a role there, and what else differs from cloud to cloud.
//!
//! A file `clouds/<cloud>.toml` each, or of the user's `lakegen/clouds/`.

use std::ops::Deref;

use indexmap::IndexMap;

use super::BAD_COMPONENT;
use super::language::Closed;
use crate::diag::{Diagnostic, SourceId, Span};
use crate::parse::shape::{Shape, TEXT, check_table, free_map, words};
use crate::parse::{MISSING_KEY, toml};
use crate::settings::{Described as _, Text, read};

/// Types of clusters that the Flux Operator knows (fluxoperator.dev/docs/crd/fluxinstance, v1, `spec.cluster.type`).
const FLUX_TYPES: &[&str] = &["kubernetes", "openshift", "aws", "azure", "gcp"];

table! {
    /// `clouds/<cloud>.toml`.
    CloudFile "a cloud" {
        summary: Text [TEXT], "One-line description";
        managed: bool [Shape::Bool] = false, "Whether the cloud runs the control plane, so that it cannot be \
        monitored from the cluster";
        dns: Option<Text> [TEXT], "Its DNS service, by external-dns's name of the provider";
        flux: Text [words(FLUX_TYPES)] = "kubernetes", "Type of its clusters for the Flux Operator";
        identity: Option<CloudIdentity> [CloudIdentity::shape()], "How a pod gets a role; without it, pods have no \
        roles";
    }
}

table! {
    /// `identity` of a cloud.
    CloudIdentity "`[identity]`" {
        annotation: Text [TEXT], "Annotation of the ServiceAccount with the role";
        labels: IndexMap<String, Text> [free_map(TEXT)], "Labels that a pod needs to get a role";
        example: Text [TEXT], "An example role, for messages; can use early references";
    }
}

/// A cloud.
#[derive(Clone, Debug)]
pub struct Cloud {
    pub name: String,
    /// What its file says.
    pub file: CloudFile,
}

impl Deref for Cloud {
    type Target = CloudFile;
    fn deref(&self) -> &CloudFile {
        &self.file
    }
}

/// Reads a cloud from its file.
pub fn cloud(name: &str, id: SourceId, text: &str, found: &mut Vec<Diagnostic>) -> Cloud {
    let table = toml::parse(id, text, found);
    let mut keys = CloudFile::keys();
    keys.name = format!("cloud `{name}`");
    check_table(&table, &keys, &Closed, found);
    crate::parse::misspelt::check(&table, &keys, found);
    let file: CloudFile = read(&table);
    if !table.contains_key("summary") {
        found.push(
            Diagnostic::error(&MISSING_KEY, format!("cloud `{name}` has no `summary`")).at(Span::new(id, 0, 0), ""),
        );
    }
    if let Some(identity) = &file.identity {
        for (key, example) in [("annotation", "\"eks.amazonaws.com/role-arn\""), ("example", "\"a role\"")] {
            if !identity.places.has(key) {
                let message = format!("`identity` of cloud `{name}` has no `{key}`");
                let help = format!("add `{key}`, for example `{key} = {example}`");
                found.push(Diagnostic::error(&MISSING_KEY, message).at(identity.places.key, "").help(help));
            }
        }
        let annotation = std::iter::once(&identity.annotation).filter(|_| identity.places.has("annotation"));
        let keys = annotation.map(|text| (text.as_str(), text.at));
        let labels = identity.labels.iter().map(|(key, text)| (key.as_str(), text.key));
        for (key, at) in keys.chain(labels).filter(|(key, _)| !is_key(key)) {
            let message = format!("`{key}` is not a valid label or annotation key");
            let help = "use a name or `<domain>/<name>` of letters, digits, `-`, `_` and `.`, with at most 63 characters \
                after the `/`";
            found.push(Diagnostic::error(&BAD_COMPONENT, message).at(at, "").help(help));
        }
    }
    Cloud { name: name.into(), file }
}

/// Says whether a text can be the key of a label or annotation (kubernetes.io/docs/concepts/overview/working-with-objects/labels,
/// "Syntax and character set").
fn is_key(text: &str) -> bool {
    let (prefix, name) = text.split_once('/').map_or((None, text), |(prefix, name)| (Some(prefix), name));
    let word = |text: &str, more: &str, most: usize| {
        let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        text.len() <= most
            && ends(text.chars().next())
            && ends(text.chars().next_back())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
    };
    word(name, "-_.", 63) && prefix.is_none_or(|prefix| word(prefix, "-.", 253))
}
