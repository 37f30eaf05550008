//! OpenAPI resources and the index of CRDs → `kinds.txt`: which kinds there are, where they live, which versions are served.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, bail};
use serde_json::Value;

/// What is known of a kind at one version.
struct Kind {
    namespaced: bool,
    /// First and last minor version of Kubernetes that serve it, for built-in kinds.
    minors: Option<(u32, u32)>,
}

/// Returns the text: a line `group/version Kind N|C [first last]` per kind and version, sorted.
pub fn text(data: &Path) -> anyhow::Result<String> {
    let mut kinds: BTreeMap<String, Kind> = BTreeMap::new();
    for (minor, path) in resources(data)? {
        for (key, resource) in read(&path)?.as_object().context("a map of kinds")? {
            let (api_version, kind) = key.rsplit_once('/').context("apiVersion/Kind")?;
            let namespaced = resource["namespaced"].as_bool().context("namespaced")?;
            let entry = kinds.entry(format!("{api_version} {kind}")).or_insert(Kind { namespaced, minors: None });
            let (first, last) = entry.minors.unwrap_or((minor, minor));
            entry.minors = Some((first.min(minor), last.max(minor)));
        }
    }
    for record in read(&data.join("crds/index.json"))?.as_array().context("a list of CRDs")? {
        let text = |key: &str| record[key].as_str().with_context(|| format!("a CRD has `{key}`"));
        if record["served"] == true {
            let key = format!("{}/{} {}", text("group")?, text("version")?, text("kind")?);
            kinds.entry(key).or_insert(Kind { namespaced: text("scope")? == "Namespaced", minors: None });
        }
    }
    Ok(kinds.iter().map(|(key, kind)| line(key, kind)).collect())
}

fn line(key: &str, kind: &Kind) -> String {
    let scope = if kind.namespaced { 'N' } else { 'C' };
    match kind.minors {
        Some((first, last)) => format!("{key} {scope} 1.{first} 1.{last}\n"),
        None => format!("{key} {scope}\n"),
    }
}

/// Returns the resource files by minor version.
fn resources(data: &Path) -> anyhow::Result<BTreeMap<u32, std::path::PathBuf>> {
    let folder = data.join("openapi");
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(&folder).with_context(|| format!("listing {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let minor = name.strip_prefix("kubernetes-1.").and_then(|rest| rest.strip_suffix(".resources.json"));
        if let Some(minor) = minor.map(str::parse).transpose()? {
            files.insert(minor, path);
        }
    }
    if files.is_empty() {
        bail!("no kubernetes-1.*.resources.json in {}", folder.display());
    }
    Ok(files)
}

fn read(path: &Path) -> anyhow::Result<Value> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("reading {}", path.display()))
}
