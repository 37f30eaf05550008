//! `[namespaces]`, `[projects]` and `[placements]`: what is said of several components at once.

use globset::Glob;
use indexmap::IndexMap;

use super::Text;
use super::engines::Sync;
use crate::manifest::value::Value;
use crate::parse::Node;
use crate::parse::shape::{COUNT, Shape, TEXT, either, free_map, list, map, texts, words};
use crate::parse::text::Format;
use crate::settings::Read;

words! {
    /// Pod Security levels, strictest first (kubernetes.io/docs/concepts/security/pod-security-admission).
    PodSecurity {
        Restricted = "restricted",
        Baseline = "baseline",
        Privileged = "privileged",
    }
}

table! {
    /// An entry of `[namespaces]`.
    Namespace "a namespace" {
        members: Vec<Text> [texts(Format::Glob)], "Components and jobs in it";
        labels: IndexMap<String, Text> [free_map(TEXT)], "Labels";
        annotations: IndexMap<String, Text> [free_map(TEXT)], "Annotations";
        pod_security: Option<PodSecurity> [words(PodSecurity::WORDS)], "Enforced Pod Security level";
        quota: Option<IndexMap<String, Quantity>> [free_map(either([TEXT, COUNT]))], "Hard limits of a ResourceQuota";
        existing: bool [Shape::Bool] = false, "It already exists; lakegen does not create or change it";
    }
}

/// A quantity, written as a string or a whole number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quantity(pub String);

impl Read for Quantity {
    fn read(node: &Node) -> Option<Self> {
        match node.to_value() {
            Value::Str(text) => Some(Self(text.to_string())),
            Value::Int(number) => Some(Self(number.to_string())),
            _ => None,
        }
    }
}

table! {
    /// A role of a project.
    Role "a role" {
        groups: Vec<Text> [texts(Format::Any)], "Groups of the identity provider";
        can: Vec<Text> [texts(Format::Any)] = "view", "`view`, `sync`, `admin`, or Argo CD policy lines";
    }
}

table! {
    /// An entry of `[projects]`.
    Project "a project" {
        members: Vec<Text> [texts(Format::Glob)], "Components and jobs in it";
        description: Option<Text> [TEXT], "One-line description";
        roles: IndexMap<String, Role> [map(Role::shape())], "Roles for people";
        namespaces: Vec<Text> [texts(Format::Any)], "Further namespaces it may write to";
        allow: Option<Vec<Text>> [list(TEXT)], "Cluster-scoped kinds it may write (`group/Kind`)";
        orphaned: bool [Shape::Bool] = false, "Warn about orphaned objects";
        sync: Sync [Sync::shape()], "Defaults of `sync` for its members";
    }
}

table! {
    /// An entry of `[placements]`.
    Placement "a placement" {
        nodes: IndexMap<String, Text> [free_map(TEXT)], "Node labels to match";
        tolerate: Vec<Text> [texts(Format::Any)], "Taints to tolerate: `key=value:Effect`";
        spread: Option<Text> [TEXT], "Topology key over which pods are spread";
    }
}

/// Says whether a name is among the members that patterns name.
pub fn matches(patterns: &[Text], name: &str) -> bool {
    patterns.iter().any(|pattern| Glob::new(pattern).is_ok_and(|glob| glob.compile_matcher().is_match(name)))
}
