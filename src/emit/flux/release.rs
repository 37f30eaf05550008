//! HelmReleases: a folder each, outside of what the root reads, which draws the component's values in.

use std::sync::Arc;

use super::super::Writer;
use super::super::layout::{kustomization, values_name};
use super::{Flux, Step, What, duration, filled_rule, own_ignored, sources};
use crate::catalog::Portion;
use crate::catalog::{Chart, Stage};
use crate::lower::UnitId;
use crate::manifest::value::object;
use crate::manifest::value::{Map, Value};
use crate::resolve::Instance;
use crate::resolve::flux::{NAMESPACE, name};

/// Returns what kustomize must know to follow the ConfigMaps' names: it knows its own kinds' references only, and these names
/// end in a digest of the values.
fn name_reference() -> Value {
    let field = object([("path", Value::from("spec/valuesFrom/name")), ("kind", Value::from("HelmRelease"))]);
    let reference = object([
        ("kind", Value::from("ConfigMap")),
        ("version", Value::from("v1")),
        ("fieldSpecs", Value::List(vec![field])),
    ]);
    object([("nameReference", Value::List(vec![reference]))])
}

impl Flux<'_> {
    /// Writes `flux/<target>/releases/<unit>/`.
    pub fn release(&self, unit: &UnitId, step: &Step, sources: &mut sources::Sources, writer: &mut Writer) {
        let (Some(instance), Some(chart)) = (self.instance(unit), self.chart_of(unit)) else { return };
        let folder = format!("flux/{}/releases/{}", self.target.name, unit.name());
        let up = "../../../..";
        let key = (self.target.name.clone(), unit.component.clone());
        let paths = self.paths.get(&key);
        let values: &[String] =
            paths.filter(|_| unit.part == Portion::Main).map(|p| p.values.as_slice()).unwrap_or_default();
        let prefix = name(self.target, "");
        let mut maps = Vec::new();
        let mut drawn = Vec::new();
        for path in values {
            let base = path.starts_with(&format!("components/{}/base/", unit.component));
            maps.push(format!("{prefix}{}", values_name(&unit.component, base)));
            drawn.push(path.trim_end_matches("/values.yaml").to_string());
        }
        let mut resources = vec!["release.yaml".to_string()];
        let mut settings = kustomization(vec![], vec![], vec![]);
        if !drawn.is_empty() {
            if prefix.is_empty() {
                resources.extend(drawn.iter().map(|path| format!("{up}/{path}")));
            } else {
                // Environments of one cluster have values of their own under one name: a folder between tells them apart.
                let mut between =
                    kustomization(drawn.iter().map(|path| format!("{up}/../{path}")).collect(), vec![], vec![]);
                between.set(&["namePrefix"], Value::from(prefix.as_str()));
                writer.yaml(format!("{folder}/values/kustomization.yaml"), &between);
                resources.push("values".into());
            }
            writer.yaml(format!("{folder}/kustomizeconfig.yaml"), &name_reference());
            settings.set(&["configurations"], Value::from(vec!["kustomizeconfig.yaml"]));
        }
        if let (What::Chart { with_objects: true }, Some(path)) = (
            step.what,
            paths.and_then(|p| p.stages.get(if unit.part == Portion::Crds { &Stage::Crds } else { &Stage::Release })),
        ) {
            resources.push(format!("{up}/{path}"));
        }
        settings.set(&["resources"], Value::from(resources));
        writer.yaml(format!("{folder}/kustomization.yaml"), &settings);

        let spec = self.release_spec(unit, instance, chart, &maps, sources);
        let release = object([
            ("apiVersion", Value::from("helm.toolkit.fluxcd.io/v2")),
            ("kind", Value::from("HelmRelease")),
            ("metadata", self.metadata(&name(self.target, &unit.name()))),
            ("spec", Value::Map(spec)),
        ]);
        writer.yaml(format!("{folder}/release.yaml"), &release);
    }

    /// Returns `spec` of a HelmRelease whose values stand in these ConfigMaps, base first.
    fn release_spec(
        &self,
        unit: &UnitId,
        instance: &Instance,
        chart: &Chart,
        maps: &[String],
        sources: &mut sources::Sources,
    ) -> Map {
        let timeout = duration(&self.settings().timeout);
        let mut spec =
            Map::from_iter([(Arc::from("interval"), duration(&self.settings().interval)), ("timeout".into(), timeout)]);
        let release_name = if unit.part == Portion::Main { instance.release.clone() } else { unit.name() };
        for (key, text) in [
            ("releaseName", release_name.as_str()),
            ("targetNamespace", &instance.namespace),
            ("storageNamespace", &instance.namespace),
        ] {
            spec.insert(key.into(), Value::from(text));
        }
        let (key, reference) = self.chart_source(unit, chart, sources);
        spec.insert(key.into(), reference);
        // CRDs of a chart's `crds/` folder are never upgraded by Helm itself (helm.sh/docs/chart_best_practices).
        let crds = if chart.skip_crds { "Skip" } else { "CreateReplace" };
        // Trying again upgrades in place; remediation of a failed installation would uninstall, and data with it
        // (fluxcd.io/flux/components/helm/helmreleases, "Retry on failure strategy").
        let strategy =
            object([("name", Value::from("RetryOnFailure")), ("retryInterval", duration(&self.settings().retry))]);
        spec.insert(
            "install".into(),
            object([
                ("crds", Value::from(crds)),
                ("createNamespace", Value::Bool(false)),
                ("strategy", strategy.clone()),
            ]),
        );
        spec.insert("upgrade".into(), object([("crds", Value::from(crds)), ("strategy", strategy)]));
        let heals = instance.said.sync.self_heal.unwrap_or(true);
        let mut drift = Map::from_iter([(Arc::from("mode"), Value::from(if heals { "enabled" } else { "warn" }))]);
        let filled = instance.definition.operator_filled.iter();
        let ignored: Vec<Value> = filled.filter_map(filled_rule).chain(own_ignored(instance)).collect();
        if !ignored.is_empty() {
            drift.insert("ignore".into(), Value::List(ignored));
        }
        spec.insert("driftDetection".into(), Value::Map(drift));
        if let Some(history) = instance.said.sync.revision_history {
            spec.insert("maxHistory".into(), Value::from(history));
        }
        if !maps.is_empty() {
            let from =
                maps.iter().map(|n| object([("kind", Value::from("ConfigMap")), ("name", Value::from(n.as_str()))]));
            spec.insert("valuesFrom".into(), Value::List(from.collect()));
        }
        spec
    }
}

/// Returns the Kustomization of a folder of Helm values: a ConfigMap whose name follows its content.
pub fn values_kustomization(name: &str) -> Value {
    let mut map = kustomization(vec![], vec![], vec![]);
    if let Some(map) = map.as_map_mut() {
        map.shift_remove("resources");
    }
    let generator = object([
        ("name", Value::from(name)),
        ("namespace", Value::from(NAMESPACE)),
        ("files", Value::from(vec!["values.yaml"])),
    ]);
    map.set(&["configMapGenerator"], Value::List(vec![generator]));
    map
}
