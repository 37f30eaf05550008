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
        repository: Option<Text> [URL], "Address of a classic Helm repository";
        oci: Option<Text> [URL], "Address (`oci://…`) of the folder that holds the chart in an OCI registry";
        name: Option<Text> [TEXT], "Chart name";
        version: Option<Text> [VERSION], "Chart version, exact";
        supports: Option<Text> [TEXT], "Versions that the templates know";
        @late fullname: Option<Text> [TEXT], "What `${fullname}` is";
        open_values: Vec<Text> [list(TEXT)], "Value maps that take any key";
        skip_crds: bool [Shape::Bool] = false, "Whether the chart's `crds/` folder is left out";
    }
}

table! {
    /// An entry of `[served]` in component.toml: an API that older chart versions do not serve.
    Served "an entry of `served`" {
        since: Text [TEXT], "Chart versions that serve it, such as `>=0.49`";
        before: Text [TEXT], "API group/version that older ones serve";
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
        @late expr: Text [TEXT], "PromQL expression that is true when something is wrong";
        r#for: Text [DURATION] = "5m", "How long it must be true";
        severity: Severity [words(Severity::WORDS)] = "warning", "How bad it is";
        @late summary: Text [TEXT], "One line for the person on call";
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
        op: Option<Text> [words(&["add", "remove", "replace", "move", "copy", "test"])], "What is done";
        path: Option<Text> [Shape::Text(Format::Pointer)], "JSON pointer to the field: `/spec/replicas`";
        from: Option<Text> [Shape::Text(Format::Pointer)], "JSON pointer that `move` and `copy` take the value from";
        @late value: Option<Node> [Shape::Any], "The value of `add`, `replace` and `test`";
    }
}

table! {
    /// An entry of `patches`.
    Patch "a patch" {
        @late target: Option<Node> [PatchTarget::shape()], "Which objects";
        stage: Text [words(&["crds", "prepare", "release", "config"])] = "release", "Stage of the objects";
        @late merge: Option<Node> [free_map(Shape::Any)], "What is laid over the object (strategic merge)";
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
        cpu: Option<Text> [Shape::Text(Format::Range)], "Processor `request..limit`, for example `500m..2`";
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
        uses: Option<Text> [NAME], "Name in the catalogue, when it differs from the instance's own name";
        enabled: bool [Shape::Bool] = true, "Whether the component is part of the platform";
        like: Option<Text> [NAME], "A sibling whose table is copied first, as it stands there";
        namespace: Option<Text> [NAME], "Kubernetes namespace (default: the catalogue's)";
        release: Option<Text> [NAME], "Helm release name (default: the instance's name)";
        version: Option<Text> [VERSION], "Chart version (default: the catalogue's)";
        chart: Option<ChartTable> [ChartTable::shape()], "Another chart or chart repository than the catalogue's";
        tier: Option<Tier> [words(Tier::WORDS)],
            "Layer of the platform, which decides the order of coming up";
        after: Vec<Text> [texts(Format::Reference)], "Components that must be up first, beyond what the wiring says";
        host: Vec<Text> [texts(Format::Host)], "Hosts of the main endpoint, each a name below the domain, a whole name or `@`; `\"edge:host\"` names the edge";
        hosts: IndexMap<String, Vec<Text>> [Shape::Map(Format::Name, texts(Format::Host).into())],
            "Hosts of further endpoints";
        identity: Identity [Identity::shape()], "Cloud identity (role) of its service accounts";
        credentials: IndexMap<String, Given> [free_map(Given::shape())],
            "Where a slot's credential comes from: an item of the store, or a table";
        apis: Vec<Text> [texts(Format::Api)],
            "API group/versions (CRDs) that it brings to the cluster; `group/version/Kind:Cluster` says that a kind lives in no namespace";
        placement: Vec<Text> [texts(Format::Name)], "Named placements of its pods";
        pods: IndexMap<String, PodTable> [Shape::Any], "Replicas, cpu, memory and placement per pod";
        @late env: IndexMap<String, Node> [free_map(super::variable())],
            "Environment variables of its pods; may refer to bindings and secrets";
        @late files: IndexMap<String, Text> [free_map(TEXT)],
            "Files mounted into its pods: absolute path → text; may refer to bindings and secrets";
        secrets: IndexMap<String, Secret> [map(Secret::shape())],
            "Secrets of its own, or another item for one of the catalogue's";
        alerts: IndexMap<String, AlertTable> [Shape::Map(Format::Any, AlertTable::shape().into())], "Alert rules";
        dashboards: Vec<Text> [texts(Format::Path)], "Grafana dashboards (JSON files of the repository)";
        @late values: Option<Node> [free_map(Shape::Any)],
            "Raw Helm values, laid over everything else and checked against the chart";
        values_files: Vec<Text> [texts(Format::Path)], "Helm values files of the repository, laid under `values`";
        patches: Vec<Patch> [list(Patch::shape())], "Kustomize patches on the objects of the component";
        manifests: Vec<Text> [texts(Format::Any)], "Kubernetes manifests of the repository (globs), added to the component";
        sync: Sync [Sync::shape()], "How the engine syncs it";
        unset: Vec<Text> [list(TEXT)], "Dotted keys to remove from the layers below";
    }
}

table! {
    /// What only jobs may say.
    JobWords "a job" {
        kind: Text [TEXT] = "container", "What runs it";
        when: Option<When> [words(When::WORDS)], "When it runs";
        on: Option<Text> [Shape::Text(Format::Reference)],
            "Component that runs it, such as one of several operators or a session cluster (default: who brings its kind)";
    }
}
