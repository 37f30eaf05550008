//! `abandoned-chart`, `abandoned-image`: a chart repository or registry that its makers left.
//!
//! What is known of them is data of the catalogue: `templates/abandoned.toml`.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize;

use super::{Context, Findings, Made, walk};
use crate::catalog;
use crate::code;
use crate::diag::{Diagnostic, Span};
use crate::parse::text::{split_image, whole_image};
use crate::resolve::Instance;

code!(
    ABANDONED_CHART,
    "abandoned-chart",
    "a chart comes from an abandoned repository",
    "it no longer receives fixes and may disappear",
    "chart = { repository = \"https://googlecloudplatform.github.io/spark-on-k8s-operator\", name = \"spark-operator\", version = \"1.1.27\" }",
    "chart = { repository = \"https://kubeflow.github.io/spark-operator\", name = \"spark-operator\", version = \"2.5.2\" }"
);

code!(
    ABANDONED_IMAGE,
    "abandoned-image",
    "an image comes from an abandoned registry or repository",
    "it no longer receives fixes, and nodes may be unable to pull it",
    "image = \"docker.io/bitnami/kubectl:1.33\"",
    "image = \"registry.k8s.io/kubectl:v1.33.4\""
);

/// `templates/abandoned.toml`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Known {
    chart: Vec<ChartHome>,
    image: Vec<ImageHome>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChartHome {
    repository: String,
    #[serde(default)]
    names: Vec<String>,
    successor: String,
    reason: String,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ImageHome {
    prefix: String,
    successor: String,
    reason: String,
    source: String,
}

fn known() -> &'static Known {
    static KNOWN: OnceLock<Known> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let text = catalog::embedded_file("templates/abandoned.toml").unwrap_or_default();
        // A test reads the file, so that a mistake in it cannot hide here.
        toml::from_str(text).unwrap_or_default()
    })
}

/// Checks where charts and images come from.
pub fn check(context: &Context<'_>, findings: &mut Findings) {
    for made in context.made() {
        if let Some(instance) = made.instance {
            chart(&made, instance, findings);
        }
    }
    walk::images(context, findings, written, &|image| Some(report(image, image_home(image)?)));
}

fn chart(made: &Made<'_>, instance: &Instance, findings: &mut Findings) {
    // A component that says itself what became of it needs no second word.
    let charts = instance.chart.iter().chain(&instance.crds).filter(|_| instance.definition.lifecycle.is_none());
    for chart in charts {
        let address = chart.repository.trim_end_matches('/');
        let home = known()
            .chart
            .iter()
            .find(|home| home.repository == address && (home.names.is_empty() || home.names.contains(&chart.name)));
        let Some(home) = home else { continue };
        let message = format!("chart `{}` is no longer maintained at {address}", chart.name);
        let diagnostic = Diagnostic::warning(&ABANDONED_CHART, message)
            .at(instance.at("chart"), "")
            .note(home.reason.clone())
            .note(home.source.clone())
            .help(format!("use {}", home.successor));
        findings.component(made.index, made.name, diagnostic);
    }
}

fn report(image: &str, home: &ImageHome) -> Diagnostic {
    Diagnostic::warning(&ABANDONED_IMAGE, format!("image `{image}` comes from an abandoned registry or repository"))
        .note(home.reason.clone())
        .note(home.source.clone())
        .help(format!("use {}", home.successor))
}

fn image_home(image: &str) -> Option<&'static ImageHome> {
    let whole = whole_image(split_image(image).repository);
    known().image.iter().find(|home| whole.starts_with(&home.prefix))
}

/// Returns the images that the user wrote for a component: its options of that type, and in its Helm values.
fn written(instance: &Instance) -> BTreeMap<String, Span> {
    let mut images = walk::image_options(instance);
    if let Some(values) = &instance.said.values {
        walk::strings(values, "", "", &mut |key, _, text, span| {
            // Charts write an image as one string, or its name as `repository` beside `registry` and `tag`.
            if matches!(key, "image" | "repository") && !text.contains("://") {
                images.insert(text.to_string(), span);
            }
        });
    }
    images
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_can_be_read() {
        let known = known();
        assert!(known.chart.len() > 5 && known.image.len() > 3);
        assert!(known.chart.iter().all(|home| !home.repository.ends_with('/') && home.source.starts_with("https://")));
        assert!(known.image.iter().all(|home| home.prefix.ends_with('/') && home.source.starts_with("https://")));
    }

    #[test]
    fn short_names_are_those_of_docker() {
        for image in ["bitnami/kafka:3", "docker.io/bitnami/kafka:3", "k8s.gcr.io/pause:3.9"] {
            assert!(image_home(image).is_some(), "{image}");
        }
        for image in ["bitnami:1", "ghcr.io/bitnami/kafka:3", "registry.k8s.io/pause:3.9", "localhost/bitnami/x:1", ""]
        {
            assert!(image_home(image).is_none(), "{image}");
        }
    }
}
