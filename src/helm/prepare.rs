//! Everything between a loaded chart and its templates, in the order of `helm template`.
//!
//! Sources: Helm 3.22, `cmd/helm/install.go` (`runInstall`) and `pkg/action/install.go` (`RunWithContext`).

use super::chart::Chart;
use super::version::{Constraint, Version};
use super::{ChartError, ChartWarning, dependencies, schema, shown, values};
use crate::manifest::value::Map;

/// A chart whose templates can run.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// With the subcharts that take part, under the names they have here.
    pub chart: Chart,
    /// `.Values` of the chart; a subchart's are the map under its name.
    pub values: Map,
    pub warnings: Vec<ChartWarning>,
}

/// Checks a chart, processes its dependencies and merges its values with the user's.
///
/// # Errors
/// All that Helm refuses before it renders; several at once only where the values do not meet a schema.
pub fn prepare(mut chart: Chart, user: &Map, kubernetes: &Version) -> Result<Prepared, Vec<ChartError>> {
    let one = |error: ChartError| vec![error];
    let name = chart.name().to_owned();
    if chart.metadata.is_library() {
        let error = ChartError::new(name, "Chart.yaml", "this is a library, which has no objects of its own");
        return Err(one(error.help("use a chart that depends on it")));
    }
    let mut warnings = Vec::new();
    if chart.metadata.deprecated {
        warnings.push(ChartWarning::new(&*name, "Chart.yaml", "the chart is deprecated"));
    }
    dependencies::check(&chart).map_err(one)?;
    warnings.extend(dependencies::process(&mut chart, user).map_err(one)?);
    let (values, more) = values::coalesce(&chart, user).map_err(one)?;
    warnings.extend(more);
    let (misfits, more) = schema::check(&chart, &values);
    warnings.extend(more);
    if !misfits.is_empty() {
        return Err(misfits);
    }
    check_kubernetes(&chart, kubernetes).map_err(one)?;
    Ok(Prepared { chart, values, warnings })
}

/// Checks `kubeVersion`; Helm asks only the outermost chart.
fn check_kubernetes(chart: &Chart, kubernetes: &Version) -> Result<(), ChartError> {
    let wanted = &chart.metadata.kube_version;
    if wanted.is_empty() {
        return Ok(());
    }
    let message = match Constraint::parse(wanted) {
        Ok(constraint) if constraint.matches(kubernetes) => return Ok(()),
        Ok(_) => format!("the chart requires Kubernetes `{}`, not {kubernetes}", shown(wanted)),
        Err(error) => format!("`kubeVersion`: {error}"),
    };
    Err(ChartError::new(chart.name(), "Chart.yaml", message))
}
