//! The common keys of components and jobs. Options, slots and pods are named by the component itself (`catalog/keys.rs`).

use indexmap::IndexMap;

use super::engines::Sync;
use super::secrets::{Given, Secret};
use super::text::{Read, Text};
use super::{DURATION, NAME, URL, VERSION};
use crate::parse::Node;
use crate::parse::shape::{COUNT, Shape, TEXT, either, free_map, list, map, texts, words};
use crate::parse::text::Format;

table! {
    /// A chart, as users and catalogues write it.
    ChartTable "`chart`" {
        repository: Option<Text> [URL], "URL of a classic Helm repository";
        oci: Option<Text> [URL], "URL (`oci://…`) of the folder in an OCI registry that contains the chart";
        name: Option<Text> [TEXT], "Chart name";
        version: Option<Text> [VERSION], "Exact chart version";
        supports: Option<Text> [TEXT], "Chart versions that the templates support";
        @late fullname: Option<Text> [TEXT], "Value of `${fullname}`";
        open_values: Vec<Text> [list(TEXT)], "Value maps that accept any key";
        skip_crds: bool [Shape::Bool] = false, "Whether the chart's `crds/` folder is left out";
    }
}

table! {
    /// An entry of `[served]` in component.toml: an API that older chart versions do not serve.
    Served "an entry of `served`" {
        since: Text [TEXT], "Chart versions that serve it, such as `>=0.49`";
        before: Text [TEXT], "API group/version that older versions serve";
    }
}

words! {
    /// How bad an alert is.
    Severity {
        Info = "info",
        Warning = "warning",
        Critical = "critical",
    }
}

table! {
    /// An entry of `alerts`.
    AlertTable "an alert" {
        @late expr: Text [TEXT], "PromQL expression that is true while something is wrong";
        r#for: Text [DURATION] = "5m", "How long it must be true before the alert fires";
        severity: Severity [words(Severity::WORDS)] = "warning", "Severity";
        @late summary: Text [TEXT], "One-line summary for the person on call";
    }
}

table! {
    /// The target of a patch.
    PatchTarget "`target`" {
        group: Option<Text> [TEXT], "API group";
        version: Option<Text> [TEXT], "API version";
        kind: Option<Text> [TEXT], "Kind";
        name: Option<Text> [TEXT], "Name (a regular expression, as kustomize reads it)";
        namespace: Option<Text> [TEXT], "Namespace";
        labels: Option<Text> [TEXT], "Label selector";
    }
}

table! {
    /// An entry of `json` of a patch.
    Operation "a JSON patch operation" {
        op: Option<Text> [words(&["add", "remove", "replace", "move", "copy", "test"])], "Operation";
        path: Option<Text> [Shape::Text(Format::Pointer)], "JSON pointer to the field: `/spec/replicas`";
        from: Option<Text> [Shape::Text(Format::Pointer)], "JSON pointer to the source of `move` and `copy`";
        @late value: Option<Node> [Shape::Any], "Value for `add`, `replace` and `test`";
    }
}

table! {
    /// An entry of `patches`.
    Patch "a patch" {
        @late target: Option<Node> [PatchTarget::shape()], "Objects to patch";
        stage: Text [words(&["crds", "prepare", "release", "config"])] = "release", "Stage of the objects";
        @late merge: Option<Node> [free_map(Shape::Any)], "Fields merged over the object (strategic merge)";
        @late json: Option<Node> [list(Operation::shape())], "JSON patch operations (RFC 6902)";
    }
}

/// `identity`: none, the platform's convention, or a role.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Identity {
    /// Nothing was said: a slot that is bound by cloud identity may still bring a role.
    #[default]
    Unsaid,
    Off,
    /// `platform.identity` says which.
    Convention,
    Role(Text),
}

impl Identity {
    /// Returns what it may be.
    pub fn shape() -> Shape {
        either([Shape::Bool, TEXT])
    }
}

impl Read for Identity {
    fn read(node: &Node) -> Option<Self> {
        match node.as_bool() {
            Some(true) => Some(Self::Convention),
            Some(false) => Some(Self::Off),
            None => Text::read(node).map(Self::Role),
        }
    }
}

table! {
    /// One kind of pod of a component.
    PodTable "a pod" {
        replicas: Option<i64> [COUNT], "Number of pods";
        cpu: Option<Text> [Shape::Text(Format::Range)], "CPU `request..limit`, for example `500m..2`";
        memory: Option<Text> [Shape::Text(Format::Range)], "Memory `request..limit`, for example `4Gi..8Gi`";
        placement: Vec<Text> [texts(Format::Name)], "Named placements of these pods";
        @late env: IndexMap<String, Node> [free_map(super::variable())], "Environment variables of these pods";
    }
}

words! {
    /// The layers of a platform, in the order in which they come up.
    Tier {
        Engine = "engine",
        Operator = "operator",
        Secrets = "secrets",
        Network = "network",
        Storage = "storage",
        Data = "data",
        Identity = "identity",
        Stream = "stream",
        Catalog = "catalog",
        Compute = "compute",
        App = "app",
    }
}

words! {
    /// When a job runs.
    When {
        Sync = "sync",
        Schedule = "schedule",
        Install = "install",
        Demand = "demand",
    }
}

table! {
    /// What every component and job may say.
    Common "a component" {
        uses: Option<Text> [NAME], "Name in the catalogue, when it differs from the instance's name";
        enabled: bool [Shape::Bool] = true, "Whether the component is part of the platform";
        like: Option<Text> [NAME], "Another component whose table is copied as a starting point";
        namespace: Option<Text> [NAME], "Kubernetes namespace (default: the catalogue's)";
        release: Option<Text> [NAME], "Helm release name (default: the instance's name)";
        version: Option<Text> [VERSION], "Chart version (default: the catalogue's)";
        chart: Option<ChartTable> [ChartTable::shape()], "Chart or chart repository to use instead of the catalogue's";
        tier: Option<Tier> [words(Tier::WORDS)],
            "Layer of the platform, which decides the startup order";
        after: Vec<Text> [texts(Format::Reference)], "Components that must be up first, in addition to those it is \
        wired to";
        host: Vec<Text> [texts(Format::Host)], "Hosts of the main endpoint: names below the domain, full names or \
        `@`; `\"edge:host\"` selects an edge";
        hosts: IndexMap<String, Vec<Text>> [Shape::Map(Format::Name, texts(Format::Host).into())],
            "Hosts of further endpoints";
        identity: Identity [Identity::shape()], "Cloud identity (role) of its ServiceAccounts";
        credentials: IndexMap<String, Given> [free_map(Given::shape())],
            "Source of a slot's credential: an item in the store, or a table";
        apis: Vec<Text> [texts(Format::Api)],
            "API group/versions (CRDs) that it installs; `group/version/Kind:Cluster` marks a kind as cluster-scoped";
        placement: Vec<Text> [texts(Format::Name)], "Named placements of its pods";
        pods: IndexMap<String, PodTable> [Shape::Any], "Replicas, CPU, memory and placement per pod";
        @late env: IndexMap<String, Node> [free_map(super::variable())],
            "Environment variables of its pods; can refer to bindings and secrets";
        @late files: IndexMap<String, Text> [free_map(TEXT)],
            "Files mounted into its pods: absolute path → text; can refer to bindings and secrets";
        secrets: IndexMap<String, Secret> [map(Secret::shape())],
            "Its own secrets, or another item for one that the catalogue defines";
        alerts: IndexMap<String, AlertTable> [Shape::Map(Format::Any, AlertTable::shape().into())], "Alert rules";
        dashboards: Vec<Text> [texts(Format::Path)], "Grafana dashboards (JSON files in the repository)";
        @late values: Option<Node> [free_map(Shape::Any)],
            "Raw Helm values, merged over everything else and checked against the chart";
        values_files: Vec<Text> [texts(Format::Path)], "Helm values files in the repository; `values` overrides them";
        patches: Vec<Patch> [list(Patch::shape())], "Kustomize patches for the component's objects";
        manifests: Vec<Text> [texts(Format::Any)], "Kubernetes manifests in the repository (globs), added to the \
        component";
        sync: Sync [Sync::shape()], "How the engine syncs it";
        unset: Vec<Text> [list(TEXT)], "Dotted keys to remove from earlier layers";
    }
}

table! {
    /// What only jobs may say.
    JobWords "a job" {
        kind: Text [TEXT] = "container", "What runs the job: `container`, or another kind from the catalogue";
        when: Option<When> [words(When::WORDS)], "When the job runs";
        on: Option<Text> [Shape::Text(Format::Reference)],
            "Component that runs it, such as one of several operators or a session cluster (default: the one that \
            installs its kind)";
    }
}
