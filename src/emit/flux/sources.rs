//! Sources: repositories of charts and of manifests, one object each however many use it.

use std::collections::BTreeMap;

use super::super::Writer;
use super::super::layout::kustomization;
use super::{Flux, duration};
use crate::catalog::Chart;
use crate::lower::UnitId;
use crate::lower::said::source::Source;
use crate::manifest::value::object;
use crate::manifest::value::{Map, Value};
use crate::parse::string::{digest, slug};
use crate::resolve::flux::{is_ssh, name, root, secret};
use crate::settings::engines::Install;

/// How often a Git server is asked for new commits.
const POLL: &str = "1m";

/// Kinds of sources that hold folders.
pub const GIT: &str = "GitRepository";
const OCI: &str = "OCIRepository";

/// The sources of a target, by file.
#[derive(Default)]
pub struct Sources(BTreeMap<String, Value>);

impl Sources {
    /// Returns the name, or one with a digest when another address has it already: `a.b/c` and `a-b/c` read the same.
    fn free(&self, kind: &str, base: String, url: &str) -> String {
        let taken = self.0.get(&format!("{kind}-{base}")).and_then(|v| v.at(&["spec", "url"])).and_then(Value::as_str);
        match taken {
            Some(other) if other.trim_end_matches('/') != url.trim_end_matches('/') => {
                format!("{base}-{}", &digest(url.as_bytes())[..6])
            }
            _ => base,
        }
    }

    /// Writes the folder; says whether there is anything in it.
    pub fn write(self, folder: &str, writer: &mut Writer) -> bool {
        let files: Vec<String> = self.0.keys().map(|file| format!("{file}.yaml")).collect();
        if files.is_empty() {
            return false;
        }
        for (file, value) in &self.0 {
            writer.yaml(format!("{folder}/{file}.yaml"), value);
        }
        writer.yaml(format!("{folder}/kustomization.yaml"), &kustomization(files, vec![], vec![]));
        true
    }
}

impl Flux<'_> {
    /// Returns the Secret of the `[repositories]` entry that an address stands in.
    fn credentials(&self, url: &str) -> Option<String> {
        let same = |other: &str| url.trim_end_matches('/') == other.trim_end_matches('/');
        let mut entries = self.target.settings.repositories.iter();
        let (entry, _) = entries.find(|(_, repository)| repository.secret.is_some() && same(&repository.url))?;
        Some(secret::repository(self.target, entry))
    }

    fn source(&self, api: &str, kind: &str, name: &str, mut spec: Map, secret: Option<String>) -> Value {
        // A commit should not wait for the comparison with the cluster; where a webhook tells of it, nobody need ask.
        let asks = kind == "GitRepository" && self.settings().webhook.is_none();
        spec.insert("interval".into(), if asks { Value::from(POLL) } else { duration(&self.settings().interval) });
        if let Some(secret) = secret {
            spec.insert("secretRef".into(), object([("name", Value::from(secret))]));
        }
        object([
            ("apiVersion", Value::from(api)),
            ("kind", Value::from(kind)),
            ("metadata", self.metadata(name)),
            ("spec", Value::Map(spec)),
        ])
    }

    /// Returns how a HelmRelease names its chart, and adds the source.
    pub fn chart_source(&self, unit: &UnitId, chart: &Chart, sources: &mut Sources) -> (&'static str, Value) {
        const API: &str = "source.toolkit.fluxcd.io/v1";
        let secret = self.credentials(&chart.repository);
        if chart.is_oci() {
            let source_name = name(self.target, &unit.name());
            let layer = object([
                // The layer that is the chart itself (fluxcd.io/flux/components/source/ocirepositories, "Layer selector").
                ("mediaType", Value::from("application/vnd.cncf.helm.chart.content.v1.tar+gzip")),
                ("operation", Value::from("copy")),
            ]);
            // Tags have no `+`: Helm writes `_` instead (helm.sh/docs/topics/registries).
            let reference = object([("tag", Value::from(chart.version.replace('+', "_")))]);
            let spec = Map::from_iter([
                ("url".into(), Value::from(format!("{}/{}", chart.repository.trim_end_matches('/'), chart.name))),
                ("ref".into(), reference),
                ("layerSelector".into(), layer),
            ]);
            let value = self.source(API, "OCIRepository", &source_name, spec, secret);
            sources.0.insert(format!("oci-{}", unit.name()), value);
            let reference = object([("kind", Value::from("OCIRepository")), ("name", Value::from(source_name))]);
            return ("chartRef", reference);
        }
        let host = chart.repository.split_once("://").map_or(chart.repository.as_str(), |(_, rest)| rest);
        let base = sources.free("helm", slug(host.trim_end_matches('/')), &chart.repository);
        let source_name = name(self.target, &base);
        let spec = Map::from_iter([("url".into(), Value::from(chart.repository.as_str()))]);
        let value = self.source(API, "HelmRepository", &source_name, spec, secret);
        sources.0.insert(format!("helm-{base}"), value);
        let reference = object([("kind", Value::from("HelmRepository")), ("name", Value::from(source_name))]);
        let spec = object([
            ("chart", Value::from(chart.name.as_str())),
            ("version", Value::from(chart.version.as_str())),
            ("sourceRef", reference),
        ]);
        ("chart", object([("spec", spec)]))
    }

    /// Returns kind and name of the source of a component that is a folder, and adds it unless it is the platform's own.
    pub fn folder_source(&self, source: &Source, sources: &mut Sources) -> (&'static str, String) {
        let git = &self.target.settings.git;
        if git.url == source.url.as_str() && git.branch == source.revision.as_str() {
            return (GIT, root(self.target));
        }
        if source.is_oci() {
            return (OCI, self.artifact(source, sources));
        }
        let place = source.url.split_once("://").map_or(source.url.as_str(), |(_, rest)| rest);
        let place = source.entry.as_deref().unwrap_or(place.trim_end_matches(".git"));
        let base = slug(&format!("{place}-{}", source.revision));
        let base = sources.free("git", base, &git_url(&source.url));
        let source_name = name(self.target, &base);
        let secret = if git.url == source.url.as_str() { self.own_secret() } else { self.credentials(&source.url) };
        let value = self.git_repository(&source_name, &source.url, &source.revision, secret);
        sources.0.insert(format!("git-{base}"), value);
        (GIT, source_name)
    }

    /// Adds the OCIRepository of an artifact that holds a folder, and returns its name.
    fn artifact(&self, source: &Source, sources: &mut Sources) -> String {
        let place = source.entry.as_deref().unwrap_or(source.url.trim_start_matches("oci://"));
        let base = slug(&format!("{place}-{}", source.revision));
        let base = sources.free("artifact", base, &source.url);
        // Charts of units have the units' names.
        let source_name = name(self.target, &format!("artifact-{base}"));
        let key = artifact_kind(&source.revision);
        let spec = Map::from_iter([
            ("url".into(), Value::from(source.url.trim_end_matches('/'))),
            ("ref".into(), object([(key, Value::from(source.revision.as_str()))])),
        ]);
        let secret = self.credentials(&source.url);
        let value = self.source("source.toolkit.fluxcd.io/v1", OCI, &source_name, spec, secret);
        sources.0.insert(format!("artifact-{base}"), value);
        source_name
    }

    /// Returns a GitRepository.
    pub fn git_repository(&self, name: &str, url: &str, revision: &str, secret: Option<String>) -> Value {
        let key = revision_kind(revision);
        let spec = Map::from_iter([
            ("url".into(), Value::from(git_url(url))),
            ("ref".into(), object([(key, Value::from(revision))])),
        ]);
        self.source("source.toolkit.fluxcd.io/v1", "GitRepository", name, spec, secret)
    }

    /// Returns the Secret with which Flux reads the platform's repository.
    pub fn own_secret(&self) -> Option<String> {
        let git = &self.target.settings.git;
        // `flux bootstrap` leaves the deploy key that it made in this Secret (flux bootstrap git, `--secret-name`).
        let made = is_ssh(&git.url) && self.settings().install == Install::Bootstrap;
        match &git.secret {
            Some(_) => Some(secret::git(self.target)),
            None => made.then(|| "flux-system".to_string()),
        }
    }
}

/// Writes an address as Flux reads it: `git@host:path` is no URL.
pub fn git_url(url: &str) -> String {
    match url.split_once(':') {
        Some((host, path)) if !url.contains("://") => {
            let user = if host.contains('@') { "" } else { "git@" };
            format!("ssh://{user}{host}/{path}")
        }
        _ => url.to_string(),
    }
}

/// Says what a revision is: a commit, a full reference, a tag (it looks like a version), or a branch.
fn revision_kind(revision: &str) -> &'static str {
    let is_hex = revision.len() == 40 && revision.chars().all(|c| c.is_ascii_hexdigit());
    let number = revision.strip_prefix('v').unwrap_or(revision);
    let is_version =
        number.contains('.') && number.split(['.', '-', '+']).next().is_some_and(|n| n.parse::<u32>().is_ok());
    match (is_hex, revision.starts_with("refs/"), is_version) {
        (true, ..) => "commit",
        (_, true, _) => "name",
        (_, _, true) => "tag",
        _ => "branch",
    }
}

/// Says what a revision of an artifact is: a digest, a range of versions, or a tag.
fn artifact_kind(revision: &str) -> &'static str {
    if revision.starts_with("sha256:") {
        "digest"
    } else if revision.contains(['<', '>', '=', '^', '~', '*', ' ', '|', ',']) || revision.ends_with(".x") {
        "semver"
    } else {
        "tag"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn revisions_and_addresses() {
        for (revision, kind) in [
            ("main", "branch"),
            ("release-1.4", "branch"),
            ("v1.4.2", "tag"),
            ("1.4", "tag"),
            ("refs/pull/7/head", "name"),
            ("0123456789012345678901234567890123456789", "commit"),
        ] {
            assert_eq!(revision_kind(revision), kind, "{revision}");
        }
        for (revision, kind) in [
            ("1.4.2", "tag"),
            ("latest", "tag"),
            ("sha256:0123", "digest"),
            (">=1.4 <2", "semver"),
            ("1.4.x", "semver"),
        ] {
            assert_eq!(artifact_kind(revision), kind, "{revision}");
        }
        assert_eq!(git_url("git@github.com:acme/lake.git"), "ssh://git@github.com/acme/lake.git");
        assert_eq!(git_url("https://github.com/acme/lake.git"), "https://github.com/acme/lake.git");
    }
}
