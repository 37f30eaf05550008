//! `cargo xtask oracle charts [--bin DIR] [-q] [FOLDER…]`: charts inflated by the real helm and by lakegen, compared object by
//! object, field by field, types too.
//!
//! A chart is a folder with a `Chart.yaml`, or a `.tgz`, anywhere below the folders. It is rendered with its own values,
//! and once more with each file of its `ci/` folder (as chart-testing does). Our own charts are called `chart`, and stand
//! beside the `values*.yaml` to render them with. Where helm refuses, lakegen has to refuse.
//! Fields that come from random functions cannot be equal: they are left out when lakegen itself says that they would
//! differ, and counted.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};
use lakegen::helm::chart::Chart;
use lakegen::helm::context::{Capabilities, Release};
use lakegen::helm::inflate::{self, Inflated};
use lakegen::helm::render::Compiled;
use lakegen::helm::values;
use lakegen::manifest::value::{Map, Value};
use lakegen::manifest::yaml;

use super::Tally;
use super::tools::{self, Tools};

/// The Kubernetes that both render for.
const KUBERNETES: &str = "v1.33.0";
/// What both take the cluster to serve besides Helm's own list.
const APIS: &[&str] = &["monitoring.coreos.com/v1", "monitoring.coreos.com/v1/ServiceMonitor"];

/// A chart with one set of values.
pub struct Case {
    pub chart: PathBuf,
    values: Vec<PathBuf>,
}

impl Case {
    pub fn name(&self) -> String {
        let last = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let own = self.chart.parent().filter(|_| self.chart.ends_with("chart"));
        let chart = last(own.unwrap_or(&self.chart));
        let values: Vec<String> = self.values.iter().map(|path| last(path)).collect();
        if values.is_empty() { chart } else { format!("{chart} with {}", values.join(", ")) }
    }
}

/// Reads the command line and compares.
pub fn run(arguments: &[String], tally: &mut Tally) -> anyhow::Result<()> {
    let mut tools = Tools::default();
    let mut folders = Vec::new();
    let mut rest = arguments.iter();
    let mut quiet = false;
    while let Some(argument) = rest.next() {
        match argument.as_str() {
            "--bin" => tools = Tools::only(rest.next().map(PathBuf::from).context("--bin needs a folder")?),
            "-q" => quiet = true,
            flag if flag.starts_with('-') => bail!("usage: cargo xtask oracle charts [--bin DIR] [-q] [FOLDER…]"),
            folder => folders.push(PathBuf::from(folder)),
        }
    }
    if folders.is_empty() {
        folders.push(fixtures());
    }
    let helm = tools.find("helm").context("there is no helm: use `--bin`, or install it as `.ci/run` does")?;
    judge(&helm, &folders, quiet, tally)
}

/// Returns the folder of our own charts.
pub fn fixtures() -> PathBuf {
    crate::root().join("tests/charts")
}

/// Returns the charts below the folders, each with its own values and those beside it.
pub fn plain(folders: &[PathBuf]) -> anyhow::Result<Vec<Case>> {
    let mut cases = Vec::new();
    for folder in folders {
        find(folder, &mut cases)?;
    }
    cases.retain(|case| case.values.iter().all(|path| path.parent().is_none_or(|parent| !parent.ends_with("ci"))));
    Ok(cases)
}

/// Compares all charts below the folders.
pub fn judge(helm: &Path, folders: &[PathBuf], quiet: bool, tally: &mut Tally) -> anyhow::Result<()> {
    let apis = known_apis(helm)?;
    let mut cases = Vec::new();
    for folder in folders {
        find(folder, &mut cases)?;
    }
    ensure!(!cases.is_empty(), "there are no charts below the folders");
    let results = tools::parallel(&cases, |case| one(helm, &apis, case));
    let mut masked = 0;
    for (case, result) in cases.iter().zip(results) {
        match result {
            Ok(fields) => {
                masked += fields;
                if quiet {
                    tally.passed += 1;
                } else {
                    tally.check(&case.name(), &[]);
                }
            }
            Err(mut wrong) => {
                wrong.truncate(12);
                tally.check(&case.name(), &wrong);
            }
        }
    }
    println!("charts: {}; fields that random functions fill: {masked}", cases.len());
    Ok(())
}

fn find(folder: &Path, cases: &mut Vec<Case>) -> anyhow::Result<()> {
    if folder.join("Chart.yaml").is_file() || folder.is_file() {
        let own = folder.parent().filter(|_| folder.ends_with("chart"));
        let beside = own.map_or_else(|| Ok(Vec::new()), values_beside)?;
        cases.push(Case { chart: folder.to_owned(), values: beside });
        let mut files: Vec<PathBuf> = match std::fs::read_dir(folder.join("ci")) {
            Ok(entries) => entries.filter_map(|entry| Some(entry.ok()?.path())).collect(),
            Err(_) => Vec::new(),
        };
        files.retain(|path| path.extension().is_some_and(|end| end == "yaml" || end == "yml"));
        files.sort();
        cases.extend(files.into_iter().map(|values| Case { chart: folder.to_owned(), values: vec![values] }));
        return Ok(());
    }
    let entries = std::fs::read_dir(folder).with_context(|| format!("{}", folder.display()))?;
    let mut below: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    below.sort();
    for path in below {
        if path.is_dir() || path.extension().is_some_and(|end| end == "tgz") {
            find(&path, cases)?;
        }
    }
    Ok(())
}

/// Returns the `values*.yaml` of a folder, in the order in which they count.
fn values_beside(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("{}", folder.display()))?;
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    let is_values = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("values"));
    files.retain(is_values);
    files.sort();
    Ok(files)
}

/// Asks helm which API versions it takes for granted.
pub fn known_apis(helm: &Path) -> anyhow::Result<Vec<String>> {
    let chart = tempfile::tempdir()?;
    std::fs::create_dir_all(chart.path().join("templates"))?;
    std::fs::write(chart.path().join("Chart.yaml"), "apiVersion: v2\nname: apis\nversion: 0.0.0\n")?;
    let template = "apis: {{ toJson .Capabilities.APIVersions }}\n";
    std::fs::write(chart.path().join("templates/apis.yaml"), template)?;
    let path = chart.path().to_string_lossy().into_owned();
    let text = tools::output(helm, &["template", "apis", &path]).map_err(anyhow::Error::msg)?;
    let value = yaml::read(&text)?.pop().context("helm prints nothing")?.value;
    let list = value.get("apis").and_then(Value::as_list).context("helm prints no list")?;
    let mut apis: Vec<String> = list.iter().filter_map(|api| api.as_str().map(str::to_owned)).collect();
    apis.extend(APIS.iter().map(|api| (*api).to_owned()));
    Ok(apis)
}

fn one(helm: &Path, apis: &[String], case: &Case) -> Result<usize, Vec<String>> {
    let theirs = by_helm(helm, case);
    let ours = by_lakegen(apis, case, 0);
    match (theirs, ours) {
        (Err(_), Err(_)) => Ok(0),
        (Err(theirs), Ok(_)) => Err(vec![format!("helm refuses it: {}", theirs.lines().last().unwrap_or_default())]),
        (Ok(_), Err(ours)) => Err(vec![format!("lakegen refuses it: {ours}")]),
        (Ok(theirs), Ok(ours)) => {
            let theirs = keyed(documents(&theirs).map_err(|error| vec![format!("helm's output: {error}")])?);
            let ours = keyed(inflated_objects(&ours));
            let mut differences = Vec::new();
            compare(&theirs, &ours, &mut differences);
            // Two aliases of one chart share what Helm changes in place, so it shows the imports of the first one only.
            differences.retain(|(path, _)| !path.ends_with(".import-values"));
            if differences.is_empty() {
                return Ok(0);
            }
            // What another seed changes is random, and cannot be equal.
            let again = by_lakegen(apis, case, 1).map_err(|error| vec![error])?;
            let mut random = Vec::new();
            compare(&ours, &keyed(inflated_objects(&again)), &mut random);
            let random: Vec<&str> = random.iter().map(|(path, _)| path.as_str()).collect();
            let before = differences.len();
            differences.retain(|(path, _)| !random.contains(&path.as_str()));
            if differences.is_empty() {
                Ok(before)
            } else {
                Err(differences.into_iter().map(|(path, what)| format!("{path}: {what}")).collect())
            }
        }
    }
}

fn by_helm(helm: &Path, case: &Case) -> Result<String, String> {
    let output = command(helm, case).output().map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
    }
}

/// Returns the command by which helm renders a chart.
pub fn command(helm: &Path, case: &Case) -> Command {
    let mut command = Command::new(helm);
    command.args(["template", "rel"]).arg(&case.chart).args([
        "-n",
        "space",
        "--include-crds",
        "--kube-version",
        KUBERNETES,
    ]);
    for api in APIS {
        command.args(["--api-versions", api]);
    }
    for values in &case.values {
        command.arg("-f").arg(values);
    }
    command
}

/// Reads all files of a folder, by their paths in it.
fn files(folder: &Path, below: &Path, into: &mut Vec<(String, Vec<u8>)>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(below)? {
        let path = entry?.path();
        if path.is_dir() {
            files(folder, &path, into)?;
        } else if let Ok(name) = path.strip_prefix(folder) {
            into.push((name.to_string_lossy().into_owned(), std::fs::read(&path)?));
        }
    }
    Ok(())
}

/// Loads a chart from a folder or an archive.
pub fn load(path: &Path) -> Result<Chart, String> {
    let label = path.file_name().unwrap_or_default().to_string_lossy();
    let loaded = if path.is_file() {
        let packed = std::fs::read(path).map_err(|error| error.to_string())?;
        Chart::from_archive(&label, &packed)
    } else {
        let mut all = Vec::new();
        files(path, path, &mut all).map_err(|error| error.to_string())?;
        Chart::from_folder(&label, all.iter().map(|(name, data)| (name.as_str(), data.as_slice())))
    };
    loaded.map(|(chart, _)| chart).map_err(|error| error.to_string())
}

fn by_lakegen(apis: &[String], case: &Case, seed: u64) -> Result<Inflated, String> {
    inflated(&capabilities(apis), case, &Compiled::default(), seed)
}

/// Returns what both take the cluster to be.
pub fn capabilities(apis: &[String]) -> Capabilities {
    Capabilities { kubernetes: KUBERNETES.into(), apis: apis.iter().cloned().collect::<BTreeSet<_>>().into() }
}

/// Reads the values files of a case and merges them.
pub fn values(case: &Case) -> Result<Map, String> {
    let mut read = Vec::new();
    for path in &case.values {
        let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
        // Helm reads the first document of a values file.
        let first = yaml::read_first(&text).map_err(|error| error.to_string())?.document;
        if let Some(Value::Map(map)) = first.map(|document| document.value) {
            read.push(map);
        }
    }
    Ok(values::merge_files(read))
}

/// Returns the release that both render.
pub fn release() -> Release {
    Release { name: "rel".into(), namespace: "space".into() }
}

/// Reads and inflates a chart as [`command`] does.
pub fn inflated(capabilities: &Capabilities, case: &Case, compiled: &Compiled, seed: u64) -> Result<Inflated, String> {
    let inflated = inflate::inflate(&load(&case.chart)?, &values(case)?, &release(), capabilities, compiled, seed);
    inflated.map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}

fn inflated_objects(inflated: &Inflated) -> impl Iterator<Item = Value> + '_ {
    inflated.items().map(|item| item.document.value.clone())
}

/// Reads helm's output as engines do: of a key that is set twice the last one counts.
fn documents(text: &str) -> Result<Vec<Value>, yaml::ReadError> {
    let mut all = Vec::new();
    for piece in text.split("---\n# Source: ") {
        let piece = piece.split_once('\n').map_or("", |(_, rest)| rest);
        // A file of `crds/` may hold several.
        for document in piece.split("\n---\n") {
            let first = yaml::read_first(document.trim_start_matches("---\n"))?;
            all.extend(first.document.map(|document| document.value));
        }
    }
    Ok(all)
}

type Keyed = BTreeMap<String, Value>;

/// Objects by kind, namespace and name; the second of a kind and name gets a number.
fn keyed(objects: impl IntoIterator<Item = Value>) -> Keyed {
    let mut all = Keyed::new();
    for object in objects {
        if object.is_empty() {
            continue;
        }
        let text = |path: &[&str]| object.at(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        let id = format!(
            "{}/{} {}/{}",
            text(&["apiVersion"]),
            text(&["kind"]),
            text(&["metadata", "namespace"]),
            text(&["metadata", "name"])
        );
        let key =
            (1..).map(|n| if n == 1 { id.clone() } else { format!("{id} #{n}") }).find(|key| !all.contains_key(key));
        all.extend(key.map(|key| (key, object)));
    }
    all
}

fn compare(theirs: &Keyed, ours: &Keyed, into: &mut Vec<(String, String)>) {
    for (key, object) in theirs {
        match ours.get(key) {
            None => into.push((key.clone(), "lakegen does not make it".into())),
            Some(other) => differ(key, object, other, into),
        }
    }
    into.extend(
        ours.keys().filter(|key| !theirs.contains_key(*key)).map(|key| (key.clone(), "helm does not make it".into())),
    );
}

fn differ(path: &str, theirs: &Value, ours: &Value, into: &mut Vec<(String, String)>) {
    match (theirs, ours) {
        (Value::Map(a), Value::Map(b)) => {
            for (key, value) in a {
                match b.get(key) {
                    Some(other) => differ(&format!("{path}.{key}"), value, other, into),
                    None => into.push((format!("{path}.{key}"), "is missing".into())),
                }
            }
            into.extend(
                b.keys().filter(|key| !a.contains_key(*key)).map(|key| (format!("{path}.{key}"), "is too much".into())),
            );
        }
        (Value::List(a), Value::List(b)) if a.len() == b.len() => {
            for (index, (value, other)) in a.iter().zip(b).enumerate() {
                differ(&format!("{path}[{index}]"), value, other, into);
            }
        }
        (a, b) if a == b => {}
        (Value::Str(a), Value::Str(b)) => {
            // Long texts mostly agree at their beginnings.
            let same = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
            let from = (0..=same.saturating_sub(20)).rev().find(|at| a.is_char_boundary(*at)).unwrap_or(0);
            let tail = |text: &str| text[from..].chars().take(80).collect::<String>();
            into.push((path.to_owned(), format!("helm …{:?} lakegen …{:?}", tail(a), tail(b))));
        }
        (a, b) => into.push((path.to_owned(), format!("helm {} lakegen {}", short(a), short(b)))),
    }
}

fn short(value: &Value) -> String {
    let text = format!("{value:?}");
    text.chars().take(160).collect()
}
