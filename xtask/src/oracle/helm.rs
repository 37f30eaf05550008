//! Helm against the values: what a chart sees after Helm has laid the Application's values files over each other is what
//! the compiler meant, nulls included.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use lakegen::lower::{ComponentManifests, TargetManifests};
use lakegen::manifest::value::Value;
use lakegen::manifest::yaml;
use lakegen::resolve::{Engine, Target};

use super::platforms::Rendered;
use super::sets::{Application, applications};
use super::{Options, Tally, kustomize, tools};

/// A chart that only shows its values; quoted, so that nothing in them can look like a manifest.
const CHART: &[(&str, &str)] = &[
    ("Chart.yaml", "apiVersion: v2\nname: show\nversion: 0.0.0\n"),
    ("values.yaml", ""),
    (
        "templates/values.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: values\ndata:\n  json: {{ toJson .Values | quote }}\n",
    ),
];

/// A release of a chart as the Application describes it.
struct Release<'a> {
    name: String,
    chart: String,
    release: String,
    namespace: String,
    files: Vec<PathBuf>,
    wanted: &'a Value,
    target: &'a Target,
}

/// Checks every release of every platform.
pub fn judge(program: &Path, options: &Options, rendered: &[Rendered], tally: &mut Tally) -> anyhow::Result<()> {
    let show = tempfile::tempdir()?;
    std::fs::create_dir_all(show.path().join("templates"))?;
    for (path, text) in CHART {
        std::fs::write(show.path().join(path), text)?;
    }
    for one in rendered {
        let releases = match one.platform().engine {
            Engine::ArgoCd => releases(one)?,
            Engine::Flux => match options.tools.find("kustomize") {
                Some(kustomize) => flux(one, &kustomize)?,
                None => {
                    tally.skip(&format!("helm {}", one.name), "the values are in ConfigMaps that kustomize makes");
                    continue;
                }
            },
        };
        let results = tools::parallel(&releases, |release| values(program, show.path(), release));
        let wrong: Vec<String> = results.into_iter().flatten().collect();
        tally.check(&format!("helm {}: values of {} releases", one.name, releases.len()), &wrong);
        if let Some(charts) = &options.charts {
            full(program, charts, options, &releases, one, tally)?;
        }
    }
    Ok(())
}

/// Returns the targets whose charts the engine renders.
fn with_charts(one: &Rendered) -> impl Iterator<Item = (&Target, &TargetManifests)> {
    let targets = one.platform().targets.iter().zip(&one.compiled.manifests.targets);
    targets.filter(|(_, manifests)| !manifests.is_rendered())
}

/// Finds the Applications with a chart of their own values.
fn releases(one: &Rendered) -> anyhow::Result<Vec<Release<'_>>> {
    let platform = one.platform();
    let mut releases = Vec::new();
    let applications = applications(&one.compiled);
    for (target, manifests) in with_charts(one) {
        for (name, unit) in &manifests.components {
            let ComponentManifests { values: Some(wanted), .. } = unit else { continue };
            let application = applications.iter().find(|a| a.target == target.name && a.unit == *name);
            let Application { path, value: application, .. } =
                application.with_context(|| format!("no Application of {name} in {}", target.name))?;
            let sources = application.at(&["spec", "sources"]).and_then(Value::as_list).unwrap_or(&[]);
            let Some(source) = sources.iter().find(|source| source.get("chart").is_some()) else {
                bail!("{path} has values and no chart");
            };
            let text = |path: &[&str]| source.at(path).and_then(Value::as_str).unwrap_or_default().to_string();
            let files = source.at(&["helm", "valueFiles"]).and_then(Value::as_list).unwrap_or(&[]);
            let path = &platform.targets[0].settings.git.path;
            let root = if path.is_empty() { String::new() } else { format!("{path}/") };
            let inside = format!("$values/{root}");
            let files = files
                .iter()
                .map(|file| {
                    Ok(one.folder.join(file.as_str().and_then(|f| f.strip_prefix(&inside)).context("$values/")?))
                })
                .collect::<anyhow::Result<_>>()?;
            let namespace = application.at(&["spec", "destination", "namespace"]).and_then(Value::as_str);
            releases.push(Release {
                name: format!("{} {name}", target.name),
                chart: text(&["chart"]),
                release: text(&["helm", "releaseName"]),
                namespace: namespace.unwrap_or("default").to_string(),
                files,
                wanted,
                target,
            });
        }
    }
    Ok(releases)
}

/// Finds the HelmReleases of Flux, with their values as kustomize puts them into ConfigMaps.
fn flux<'a>(one: &'a Rendered, kustomize: &Path) -> anyhow::Result<Vec<Release<'a>>> {
    let mut releases = Vec::new();
    for (target, manifests) in with_charts(one) {
        for (name, unit) in &manifests.components {
            let ComponentManifests { values: Some(wanted), .. } = unit else { continue };
            let folder = one.folder.join(format!("flux/{}/releases/{name}", target.name));
            let built = tools::output(kustomize, &["build", &folder.to_string_lossy()]).map_err(anyhow::Error::msg)?;
            let objects: Vec<Value> = yaml::read(&built)?.into_iter().map(|document| document.value).collect();
            let text = |object: &Value, path: &[&str]| object.at(path).and_then(Value::as_str).map(String::from);
            let find = |kind: &str, name: Option<&str>| {
                objects.iter().find(|o| {
                    let same = name.is_none_or(|name| text(o, &["metadata", "name"]).as_deref() == Some(name));
                    text(o, &["kind"]).as_deref() == Some(kind) && same
                })
            };
            let release = find("HelmRelease", None).with_context(|| format!("no HelmRelease in {name}"))?;
            let mut files = Vec::new();
            let from = release.at(&["spec", "valuesFrom"]).and_then(Value::as_list).unwrap_or(&[]);
            for (number, reference) in from.iter().enumerate() {
                let map = text(reference, &["name"]).context("a reference has a name")?;
                let object = find("ConfigMap", Some(&map)).with_context(|| format!("{name}: nothing makes {map}"))?;
                let values = text(object, &["data", "values.yaml"]).context("values.yaml")?;
                let file = one.folder.join(format!("values-{}-{name}-{number}.yaml", target.name));
                std::fs::write(&file, values)?;
                files.push(file);
            }
            let instance = target.instances.get(name).context("values belong to a component")?;
            releases.push(Release {
                name: format!("{} {name}", target.name),
                chart: instance.chart.as_ref().map(|chart| chart.name.clone()).unwrap_or_default(),
                release: text(release, &["spec", "releaseName"]).unwrap_or_default(),
                namespace: text(release, &["spec", "targetNamespace"]).unwrap_or_default(),
                files,
                wanted,
                target,
            });
        }
    }
    Ok(releases)
}

fn template(program: &Path, chart: &Path, release: &Release<'_>, more: &[&str]) -> Result<String, String> {
    let chart = chart.to_string_lossy();
    let mut arguments = vec!["template", &release.release, &chart, "--namespace", &release.namespace];
    let files: Vec<_> = release.files.iter().map(|file| file.to_string_lossy()).collect();
    for file in &files {
        arguments.extend(["--values", file]);
    }
    arguments.extend(more);
    tools::output(program, &arguments)
}

/// Compares what a chart sees with what was meant.
fn values(program: &Path, show: &Path, release: &Release<'_>) -> Option<String> {
    let seen = || -> Result<Value, String> {
        let text = template(program, show, release, &[])?;
        let object = yaml::read_one(&text).map_err(|error| error.to_string())?;
        let json = object.at(&["data", "json"]).and_then(Value::as_str).ok_or("no values")?;
        yaml::read_one(json).map_err(|error| error.to_string())
    };
    match seen() {
        Ok(seen) => {
            kustomize::difference(release.wanted, &seen, "").map(|place| format!("{}: values{place}", release.name))
        }
        Err(error) => Some(format!("{}: {error}", release.name)),
    }
}

/// Renders the real charts that are at hand and checks what they make.
fn full(
    program: &Path,
    charts: &Path,
    options: &Options,
    releases: &[Release<'_>],
    one: &Rendered,
    tally: &mut Tally,
) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let mut made = Vec::new();
    for release in releases {
        let chart = charts.join(release.chart.rsplit('/').next().unwrap_or_default());
        if !chart.is_dir() {
            continue;
        }
        let mut more = vec!["--skip-tests", "--kube-version", &release.target.ground().kubernetes];
        let apis: Vec<&String> = release.target.instances.values().flat_map(|i| &i.apis).collect();
        for api in &apis {
            more.extend(["--api-versions", api.as_str()]);
        }
        let name = format!("helm {} {}: chart {}", one.name, release.name, release.chart);
        match template(program, &chart, release, &more) {
            Ok(text) => {
                tally.check(&name, &[]);
                let objects = yaml::read(&text)?.into_iter().map(|document| document.value);
                made.extend(objects.filter(|value| !value.is_empty()).map(|value| (release.target, value)));
            }
            Err(error) => tally.check(&name, &[error]),
        }
    }
    if let (Some(kubeconform), false) = (options.tools.find("kubeconform"), made.is_empty()) {
        let objects = made.iter().map(|(target, value)| (*target, value)).collect::<Vec<_>>();
        super::kubeconform::objects(&kubeconform, options, &objects, folder.path())
            .map(|wrong| tally.check(&format!("kubeconform {}: {} objects of charts", one.name, made.len()), &wrong))?;
    }
    Ok(())
}
