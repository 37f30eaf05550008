//! A chart and the values of a release in, objects out: what `helm template --include-crds` prints, with the place in the
//! chart that made each.

use super::ChartError;
use super::chart::Chart;
use super::context::{Capabilities, Release};
use super::render::{self, Compiled, Seen};
use super::prepare;
use super::version::Version;
use crate::manifest::value::{Map, Value};
use crate::manifest::yaml;

/// What a chart makes.
#[derive(Clone, Debug, Default)]
pub struct Inflated {
    pub objects: Vec<Made>,
    pub seen: Seen,
}

/// An object and the template that made it.
#[derive(Clone, Debug)]
pub struct Made {
    pub value: Value,
    pub file: String,
    pub line: usize,
}

/// Inflates a chart.
///
/// # Errors
/// The first thing that Helm would stop at.
pub fn inflate(
    chart: &Chart,
    values: &Map,
    release: &Release,
    capabilities: &Capabilities,
    compiled: &Compiled,
    seed: u64,
) -> Result<Inflated, Vec<ChartError>> {
    let one = |error: ChartError| vec![error];
    let kubernetes = Version::parse(&capabilities.kubernetes).map_err(|e| one(ChartError::new(chart.name(), "", e.to_string())))?;
    let prepared = prepare::prepare(chart.clone(), values, &kubernetes)?;
    let chart = &prepared.chart;
    let (printed, seen) = render::render(chart, &prepared.values, release, capabilities, compiled, seed).map_err(one)?;
    let mut objects = Vec::new();
    for crd in chart.crds() {
        for document in yaml::read(crd.file.text().unwrap_or_default()).map_err(|e| ChartError::new(&crd.chart, &crd.file.name, e.to_string())).map_err(one)? {
            objects.push(Made { value: document.value, file: crd.file.name.clone(), line: document.line });
        }
    }
    for printed in printed {
        if printed.file.ends_with("NOTES.txt") { continue }
        for document in yaml::read(&printed.text).map_err(|e| ChartError::new("", &*printed.file, e.to_string())).map_err(one)? {
            objects.push(Made { value: document.value, file: printed.file.to_string(), line: document.line });
        }
    }
    Ok(Inflated { objects, seen })
}
