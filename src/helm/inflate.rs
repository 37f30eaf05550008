//! A chart and the values of a release in, objects out: what `helm template --include-crds` prints, each with the template
//! that made it.

use super::chart::Chart;
use super::context::{Capabilities, Release};
use super::manifests::{self, Item, Printed, Rendered};
use super::render::{self, Compiled, Seen};
use super::version::Version;
use super::{ChartError, ChartWarning, prepare};
use crate::manifest::value::Map;

/// What a chart makes, and what was seen on the way.
#[derive(Clone, Debug, Default)]
pub struct Inflated {
    pub rendered: Rendered,
    pub seen: Seen,
    /// What Helm passes over in silence.
    pub warnings: Vec<ChartWarning>,
}

impl Inflated {
    /// Returns everything that the chart gives to a cluster: definitions, objects, hooks.
    pub fn items(&self) -> impl Iterator<Item = &Item> {
        let Rendered { crds, objects, hooks } = &self.rendered;
        crds.iter().chain(objects).chain(hooks.iter().map(|hook| &hook.item))
    }
}

/// Inflates a chart.
///
/// # Errors
/// All that Helm would stop at.
pub fn inflate(
    chart: &Chart,
    values: &Map,
    release: &Release,
    capabilities: &Capabilities,
    compiled: &Compiled,
    seed: u64,
) -> Result<Inflated, Vec<ChartError>> {
    let one = |error: ChartError| vec![error];
    let kubernetes = Version::parse(&capabilities.kubernetes)
        .map_err(|error| one(ChartError::new(chart.name(), "", error.to_string())))?;
    let prepared = prepare::prepare(chart.clone(), values, &kubernetes)?;
    let (chart, mut warnings) = (&prepared.chart, prepared.warnings);
    let (files, seen) =
        render::render(chart, &prepared.values, release, capabilities, compiled, seed).map_err(one)?;
    let printed: Vec<Printed<'_>> =
        files.iter().map(|file| Printed { template: &file.file, text: &file.text }).collect();
    let (rendered, more) = manifests::sort(&printed, &chart.crds())?;
    warnings.extend(more);
    Ok(Inflated { rendered, seen, warnings })
}
