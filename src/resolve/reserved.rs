//! Names that lakegen gives to units of its own: no component, job or environment may have one of them.

/// Unit with every namespace.
pub const NAMESPACES: &str = "namespaces";
/// Unit with the Services of what runs elsewhere.
pub const EXTERNALS: &str = "externals";
/// Unit with the Gateways of edges.
pub const EDGES: &str = "edges";
/// Unit with the pull secrets of namespaces.
pub const PULL_SECRETS: &str = "pull-secrets";
/// Unit with the secret stores of namespaces.
pub const STORES: &str = "stores";
/// Unit with the credentials of repositories for Argo CD.
pub const REPOSITORIES: &str = "repositories";
/// Unit with the Secrets that Flux itself reads.
pub const FLUX_SECRETS: &str = "flux-secrets";

/// Names of units, with what each holds.
pub const UNITS: &[(&str, &str)] = &[
    (NAMESPACES, "namespaces"),
    (EXTERNALS, "the Services of external systems"),
    (EDGES, "the Gateways of edges"),
    (PULL_SECRETS, "pull secrets"),
    (REPOSITORIES, "credentials of repositories"),
    (STORES, "the secret stores of namespaces"),
    (FLUX_SECRETS, "the secrets that Flux itself reads"),
];

/// Folder of what targets have in common, beside a folder for each target.
pub const BASE: &str = "base";
