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
        domain: Text [Shape::Text(Format::Host)], "Domain that hosts are below";
        @once engine: Engine [words(Engine::WORDS)] = "argocd", "GitOps engine";
        kubernetes: Text [Shape::Text(Format::Any)] = "1.33", "Kubernetes version, for example `1.33`";
        output: Output [words(Output::WORDS)] = "values", "`values`: the engine renders the charts; `manifests`: \
        lakegen does";
        cloud: Text [NAME] = "none", "Cloud it runs on: one of `lakegen catalog clouds`";
        @each identity: Option<Text> [TEXT], "Template for `identity = true`; can use `${component.…}`";
        apis: Vec<Text> [list(Shape::Text(Format::Api))],
            "API group/versions that already exist in the clusters; `group/version/Kind:Cluster` or `…:Namespaced` \
            sets the scope of a kind that lakegen does not know";
        labels: IndexMap<String, Text> [free_map(TEXT)], "Labels on every object";
    }
}

table! {
    /// `[git]`: the repository that the engine reads.
    Git "`[git]`" {
        url: Text [URL], "URL of the repository that contains the rendered tree";
        branch: Text [TEXT] = "main", "Branch that the engine syncs";
        path: Text [PATH] = "gitops", "Folder of the tree within the repository";
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
            "Registry, or a folder in it → its replacement, for example `\"docker.io\" = \"mirror.example.com/hub\"`";
        pins: IndexMap<String, Text> [free_map(TEXT)], "Image → `tag@digest`";
        pull_secret: Option<Text> [TEXT],
            "Item in the store that holds a `.dockerconfigjson`, or the name of a Secret that exists in every \
            namespace";
    }
}

table! {
    /// What only a cluster's own table says.
    Cluster "a cluster" {
        server: Option<Text> [URL], "API server URL for Argo CD's destination";
        name: Option<Text> [TEXT], "Cluster name in Argo CD, instead of `server`";
        kubernetes: Option<Text> [Shape::Text(Format::Any)], "Kubernetes version, when it differs";
        vars_from: Option<Text> [PATH], "JSON file in the repository whose members become `vars`";
    }
}
