//! `[platform]`, `[git]`, `[repositories]`, `[images]`, `[clusters.*]`.

use indexmap::IndexMap;

use super::{ITEM, NAME, PATH, Text, URL};
use crate::parse::shape::{Shape, TEXT, free_map, list, words};
use crate::parse::text::Format;

words! {
    /// GitOps engines.
    Engine {
        ArgoCd = "argocd",
        Flux = "flux",
    }
}

words! {
    /// What becomes of charts.
    Output {
        /// The engine renders them, with values from the tree.
        Values = "values",
        /// lakegen renders them, and the tree holds their objects.
        Manifests = "manifests",
    }
}

table! {
    /// `[platform]`.
    Ground "`[platform]`" {
        name: Text [NAME], "Name of the platform";
        domain: Text [Shape::Text(Format::Host)], "Domain below which hosts are named";
        @once engine: Engine [words(Engine::WORDS)] = "argocd", "GitOps engine";
        kubernetes: Text [Shape::Text(Format::Any)] = "1.33", "Kubernetes version, for example `1.33`";
        output: Output [words(Output::WORDS)] = "values", "Helm values for the engine, or rendered manifests";
        cloud: Text [NAME] = "none", "Cloud that it runs on: one of `lakegen catalog clouds`";
        @each identity: Option<Text> [TEXT], "Template behind `identity = true`; may use `${component.…}`";
        apis: Vec<Text> [list(Shape::Text(Format::Api))],
            "API group/versions that the clusters have already; `group/version/Kind:Cluster` or `…:Namespaced` says where a kind that lakegen does not know lives";
        labels: IndexMap<String, Text> [free_map(TEXT)], "Labels on every object";
    }
}

table! {
    /// `[git]`: the repository that the engine reads.
    Git "`[git]`" {
        url: Text [URL], "Address of the repository that holds the rendered tree";
        branch: Text [TEXT] = "main", "Branch that the engine follows";
        path: Text [PATH] = "gitops", "Folder of the tree in the repository";
        secret: Option<Text> [ITEM], "Item with the credentials of a private repository";
    }
}

table! {
    /// An entry of `[repositories]`.
    Repository "a repository" {
        url: Text [URL], "Address";
        branch: Option<Text> [TEXT], "Branch or tag (git)";
        secret: Option<Text> [ITEM], "Item with its credentials";
    }
}

table! {
    /// `[images]`.
    Images "`[images]`" {
        rewrite: IndexMap<String, Text> [free_map(TEXT)],
            "Registry or its folder → another, for example `\"docker.io\" = \"mirror.example.com/hub\"`";
        pins: IndexMap<String, Text> [free_map(TEXT)], "Image → `tag@digest`";
        pull_secret: Option<Text> [TEXT],
            "Item of the store that holds a `.dockerconfigjson`, or the name of a Secret that every namespace has";
    }
}

table! {
    /// What only a cluster's own table says.
    Cluster "a cluster" {
        server: Option<Text> [URL], "API server address for Argo CD's destination";
        name: Option<Text> [TEXT], "Cluster name in Argo CD, instead of `server`";
        kubernetes: Option<Text> [Shape::Text(Format::Any)], "Kubernetes version, when it differs";
        vars_from: Option<Text> [PATH], "JSON file of the repository whose members become `vars`";
    }
}
