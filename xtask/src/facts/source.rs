//! The data folder → charts, and each chart's tree with its subcharts put in.

use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::Value;

use super::evidence::Evidence;
use super::tree::{Kind, Like, Node, Shape};
use super::{defaults, schema};

/// One chart of the index.
pub struct Chart {
    /// The folder's name; unique where chart names such as `operator` are not.
    pub component: String,
    pub name: String,
    pub version: String,
    pub app_version: String,
    pub repository: Option<String>,
    pub oci: Option<String>,
    pub deprecated: bool,
    pub has_schema: bool,
    dependencies: Vec<Dependency>,
    folder: PathBuf,
}

struct Dependency {
    name: String,
    version: String,
    repository: String,
    /// The key under which its values stand.
    key: String,
    conditions: Vec<String>,
}

impl Chart {
    /// Returns its default values.
    pub fn values(&self) -> anyhow::Result<serde_yaml::Value> {
        let path = self.folder.join("values.yaml");
        let text = std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        serde_yaml::from_str(&text).with_context(|| format!("reading {}", path.display()))
    }
}

/// All charts of the data folder.
pub struct Charts {
    pub list: Vec<Chart>,
}

impl Charts {
    pub fn read(data: &Path) -> anyhow::Result<Self> {
        let index = json(&data.join("index.json"))?;
        let records = index.as_array().context("index.json is not a list")?;
        // Records without a chart (Flux, Gateway API) are there for their CRDs.
        let with_chart = records.iter().filter(|record| record["chart"].is_string());
        let mut list = with_chart.map(|record| chart(data, record)).collect::<anyhow::Result<Vec<_>>>()?;
        list.sort_by(|a, b| a.component.cmp(&b.component));
        Ok(Self { list })
    }

    /// Returns everything that is known of a chart's values.
    pub fn tree(&self, chart: &Chart) -> anyhow::Result<Node> {
        let mut node = own(&chart.folder, chart.dependencies.iter().map(|d| d.key.clone()).collect())?;
        for dependency in &chart.dependencies {
            let below = self.subchart(chart, dependency)?;
            if let Some(slot) = node.reach(std::slice::from_ref(&dependency.key)) {
                let above = std::mem::replace(slot, Node::open());
                *slot = put_in(above, below);
            }
            for condition in &dependency.conditions {
                node.reach(&split(condition));
            }
        }
        if !chart.dependencies.is_empty() {
            node.reach(&["tags".into()]);
        }
        if let Some(global) = node.reach(&["global".into()]) {
            global.open_all();
        }
        settle(&mut node);
        Ok(node)
    }

    /// Returns the tree of a subchart when exactly that version is known.
    fn subchart(&self, parent: &Chart, dependency: &Dependency) -> anyhow::Result<Option<Node>> {
        let folder = parent.folder.join("subcharts").join(&dependency.name);
        if folder.join("values.yaml").is_file() {
            return own(&folder, Vec::new()).map(Some);
        }
        let known = self.list.iter().find(|chart| {
            let address = |repository: &str| repository.trim_end_matches('/').to_owned();
            chart.name == dependency.name
                && chart.version == dependency.version
                && chart.repository.as_deref().map(address) == Some(address(&dependency.repository))
        });
        known.map(|chart| self.tree(chart)).transpose()
    }
}

/// Returns the tree of one chart folder; maps under `subcharts` stay undecided.
fn own(folder: &Path, subcharts: Vec<String>) -> anyhow::Result<Node> {
    let path = folder.join("values.yaml");
    let text = std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let values: serde_yaml::Value =
        serde_yaml::from_str(&text).with_context(|| format!("reading {}", path.display()))?;
    let mut node = Node::new(Shape::Like(Like::Map), Kind::Undecided);
    if values.as_mapping().is_some_and(|map| !map.is_empty()) {
        node = defaults::read(&values);
    }
    let schema = ["values.schema.offline.json", "values.schema.json"].map(|name| folder.join(name));
    let schema = schema.iter().find(|path| path.is_file());
    if let Some(path) = schema {
        node = schema::read(&json(path)?).merge(node);
    }
    let keys = folder.join("keys.json");
    if keys.is_file() {
        let paths = read_paths(&json(&keys)?);
        for path in &paths {
            node.reach(path);
        }
        Evidence::new(&paths).decide(&mut node, &subcharts);
    } else if schema.is_some() {
        Evidence::new(&[]).decide(&mut node, &[]);
    } else {
        // Neither schema nor templates were at hand, so nothing can be said about keys that are not listed.
        node.open_all();
    }
    Ok(node)
}

fn read_paths(keys: &Value) -> Vec<Vec<String>> {
    let mut paths: Vec<Vec<String>> = ["referenced", "referenced_not_in_defaults"]
        .iter()
        .flat_map(|list| keys[list].as_array().into_iter().flatten())
        .filter_map(|path| path.as_str().map(split))
        .filter(|path| path.iter().all(|key| !key.is_empty()))
        .collect();
    paths.sort();
    paths.dedup();
    paths
}

/// Returns the keys of a path in which a literal dot is written `\.`.
fn split(path: &str) -> Vec<String> {
    path.replace("\\.", "\u{0}").split('.').map(|key| key.replace('\u{0}', ".")).collect()
}

/// Merges what a chart says of its subchart's values with what the subchart says itself.
fn put_in(mut above: Node, below: Option<Node>) -> Node {
    if above.shape == Shape::Any {
        above.shape = Shape::Like(Like::Map);
    }
    match below {
        Some(mut below) => {
            // An empty map (or no mention) in the parent does not make the subchart read more.
            unopen(&mut above);
            // The subchart's `global` is the parent's.
            below.kids.remove("global");
            above.merge(below)
        }
        None => {
            above.open_all();
            above
        }
    }
}

fn unopen(node: &mut Node) {
    if node.kind == Kind::Open && !node.kids.is_empty() {
        node.kind = Kind::Undecided;
    }
    node.kids.values_mut().for_each(unopen);
}

/// Takes what is still undecided as listed.
fn settle(node: &mut Node) {
    if node.kind == Kind::Undecided {
        node.kind = Kind::Listed;
    }
    node.kids.values_mut().chain(node.items.as_deref_mut()).chain(node.values.as_deref_mut()).for_each(settle);
}

fn chart(data: &Path, record: &Value) -> anyhow::Result<Chart> {
    let text = |field: &str| record[field].as_str().map(str::to_owned);
    let component = text("name").context("a record without a name")?;
    Ok(Chart {
        name: text("chart").context("a record without a chart")?,
        version: text("version").with_context(|| format!("{component} has no version"))?,
        app_version: text("appVersion").unwrap_or_default(),
        repository: text("repository").map(|r| r.trim_end_matches('/').to_owned()),
        oci: text("oci"),
        deprecated: record["deprecated"] == true,
        has_schema: record["has_schema"] == true,
        dependencies: record["dependencies"].as_array().into_iter().flatten().map(dependency).collect(),
        folder: data.join("charts").join(&component),
        component,
    })
}

fn dependency(record: &Value) -> Dependency {
    let text = |field: &str| record[field].as_str().unwrap_or_default().to_owned();
    let alias = text("alias");
    Dependency {
        key: if alias.is_empty() { text("name") } else { alias },
        name: text("name"),
        version: text("version"),
        repository: text("repository"),
        conditions: text("condition").split(',').map(|c| c.trim().to_owned()).filter(|c| !c.is_empty()).collect(),
    }
}

fn json(path: &Path) -> anyhow::Result<Value> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("reading {}", path.display()))
}
