//! Which kinds there are, where they live, and which versions are served.
//!
//! `kinds.txt` is derived from the Kubernetes OpenAPI documents (1.31–1.36) and from the CustomResourceDefinitions of
//! the catalogue's charts, by `cargo xtask facts`: `group/version Kind N|C [first last]` (namespaced or cluster-scoped).

use std::collections::BTreeMap;
use std::sync::OnceLock;

static TEXT: &str = include_str!("kinds.txt");

/// A kind at one version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    pub api_version: &'static str,
    pub kind: &'static str,
    pub namespaced: bool,
    /// First and last Kubernetes minor version (as `1.31`) known to serve it, for built-in kinds.
    pub kubernetes: Option<(&'static str, &'static str)>,
}

/// Group → kind → versions.
type Table = BTreeMap<&'static str, BTreeMap<&'static str, Vec<Kind>>>;

fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut table = Table::new();
        for line in TEXT.lines() {
            let mut words = line.split(' ');
            let (Some(api_version), Some(kind), Some(scope)) = (words.next(), words.next(), words.next()) else {
                continue;
            };
            let kubernetes = words.next().zip(words.next());
            let entry = Kind { api_version, kind, namespaced: scope == "N", kubernetes };
            table.entry(group(api_version)).or_default().entry(kind).or_default().push(entry);
        }
        table
    })
}

/// Returns the group of an `apiVersion`, empty for the core group.
pub fn group(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

/// Says whether `api` (`group/version`, or `group/version/Kind` where several share a group) brings a kind.
pub fn brings(api: &str, wanted: &str, kind: &str) -> bool {
    group(api) == wanted && kind_of(api).is_none_or(|only| only == kind)
}

/// Returns the kind of `group/version/Kind`, without what is said of its scope.
pub fn kind_of(api: &str) -> Option<&str> {
    let kind = api.split('/').nth(2)?;
    Some(kind.split(':').next().unwrap_or(kind))
}

/// Returns an API without what is said of its kind's scope.
pub fn without_scope(api: &str) -> &str {
    api.split(':').next().unwrap_or(api)
}

/// Returns what `group/version/Kind:Cluster` or `…:Namespaced` says of its kind: whether it lives in namespaces.
pub fn said_scope(api: &str) -> Option<bool> {
    api.split_once(':').map(|(_, scope)| scope != "Cluster")
}

/// Returns what is known of a kind, one entry per version; empty for unknown kinds.
pub fn versions(api_version: &str, kind: &str) -> &'static [Kind] {
    table().get(group(api_version)).and_then(|kinds| kinds.get(kind)).map_or(&[], Vec::as_slice)
}

/// Says whether objects of the kind live in a namespace; nothing of unknown kinds.
pub fn is_namespaced(api_version: &str, kind: &str) -> Option<bool> {
    versions(api_version, kind).first().map(|k| k.namespaced)
}

/// Says whether a group is built into Kubernetes.
pub fn is_builtin(api_version: &str) -> bool {
    let group = group(api_version);
    group.is_empty()
        || !group.contains('.')
        || table().get(group).is_some_and(|kinds| kinds.values().flatten().any(|kind| kind.kubernetes.is_some()))
}

/// Returns everything that is known, by group and kind.
pub fn all() -> impl Iterator<Item = &'static Kind> {
    table().values().flat_map(BTreeMap::values).flatten()
}

/// Returns the kinds of a group, for near matches.
pub fn kinds_of(api_version: &str) -> Vec<&'static str> {
    table().get(group(api_version)).into_iter().flat_map(BTreeMap::keys).copied().collect()
}

/// Returns the groups that have a kind of this name, for near matches.
pub fn groups_of(kind: &str) -> Vec<&'static str> {
    table().values().filter_map(|kinds| kinds.get(kind)?.last().map(|k| k.api_version)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scope_and_versions_are_known() {
        assert_eq!(is_namespaced("apps/v1", "Deployment"), Some(true));
        assert_eq!(is_namespaced("v1", "Namespace"), Some(false));
        assert_eq!(is_namespaced("external-secrets.io/v1", "ClusterSecretStore"), Some(false));
        assert_eq!(is_namespaced("example.com/v1", "Widget"), None);
        assert_eq!(said_scope("example.com/v1/Widget:Cluster"), Some(false));
        assert_eq!(said_scope("example.com/v1/Widget:Namespaced"), Some(true));
        assert_eq!((said_scope("example.com/v1"), kind_of("example.com/v1/Widget:Cluster")), (None, Some("Widget")));
        assert!(
            versions("external-secrets.io/v1beta1", "ExternalSecret")
                .iter()
                .all(|k| k.api_version == "external-secrets.io/v1")
        );
        assert!(is_builtin("v1") && is_builtin("networking.k8s.io/v1") && !is_builtin("gateway.networking.k8s.io/v1"));
        assert_eq!(groups_of("ServiceMonitor"), ["monitoring.coreos.com/v1"]);
    }
}
