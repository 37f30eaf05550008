//! A chart and the values of a release in, objects out: what `helm template --include-crds` prints, each with the template
//! that made it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::chart::Chart;
use super::context::{Capabilities, Release};
use super::manifests::{self, Item, Printed, Rendered};
use super::prepare::{self, Prepared};
use super::render::{self, Compiled, Seen};
use super::version::Version;
use super::{ChartError, ChartWarning};
use crate::manifest::value::{Map, Value};

/// What a chart makes, and what was seen on the way.
#[derive(Clone, Debug, Default)]
pub struct Inflated {
    pub rendered: Rendered,
    pub seen: Seen,
    /// What Helm passes over in silence.
    pub warnings: Vec<ChartWarning>,
    /// Fields that another render would fill otherwise.
    pub rotating: Vec<Rotating>,
    /// Values by which Helm itself switches subcharts.
    pub switches: BTreeSet<Vec<String>>,
}

/// A field that is another one at each render.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotating {
    pub kind: String,
    pub namespace: String,
    pub name: String,
    /// As in `data.password`; the whole object when its name changes.
    pub path: String,
    /// The template that made it, as in [`Item::template`].
    pub template: String,
}

impl Inflated {
    /// Returns everything that the chart gives to a cluster: definitions, objects, hooks.
    pub fn items(&self) -> impl Iterator<Item = &Item> {
        let Rendered { crds, objects, hooks } = &self.rendered;
        crds.iter().chain(objects).chain(hooks.iter().map(|hook| &hook.item))
    }

    /// Says whether any template has this word in it.
    pub fn names(&self, word: &str) -> bool {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let whole =
            |text: &str, at: usize| !text[..at].ends_with(is_word) && !text[at + word.len()..].starts_with(is_word);
        self.seen.texts.iter().any(|text| text.match_indices(word).any(|(at, _)| whole(text, at)))
    }
}

/// Returns the paths of the values that switch subcharts, of all charts in one another.
fn switches(chart: &Chart) -> BTreeSet<Vec<String>> {
    fn collect(chart: &Chart, above: &[String], into: &mut BTreeSet<Vec<String>>) {
        for dependency in &chart.metadata.dependencies {
            let conditions = dependency.condition.split(',').map(str::trim).filter(|path| !path.is_empty());
            into.extend(
                conditions.map(|path| above.iter().cloned().chain(path.split('.').map(str::to_owned)).collect()),
            );
            let below: Vec<String> = above.iter().cloned().chain([dependency.local_name().to_owned()]).collect();
            chart
                .dependencies
                .iter()
                .filter(|sub| sub.name() == dependency.name)
                .for_each(|sub| collect(sub, &below, into));
        }
    }
    let mut all = BTreeSet::new();
    collect(chart, &[], &mut all);
    all
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
    let (rendered, seen, mut warnings) = once(&prepared, release, capabilities, compiled, seed)?;
    // Two renders with other random numbers show which fields hold some.
    let rotating = if seen.unstable.is_empty() {
        Vec::new()
    } else {
        let (again, ..) = once(&prepared, release, capabilities, compiled, seed.wrapping_add(1))?;
        rotating(&rendered, &again)
    };
    warnings.splice(0..0, prepared.warnings);
    Ok(Inflated { rendered, seen, warnings, rotating, switches: switches(chart) })
}

/// Enough for the deepest evaluation that a render allows, in a debug build too; only what is used is ever taken.
const STACK: usize = 192 << 20;

/// Renders on a thread with stack enough.
fn once(
    prepared: &Prepared,
    release: &Release,
    capabilities: &Capabilities,
    compiled: &Compiled,
    seed: u64,
) -> Result<(Rendered, Seen, Vec<ChartWarning>), Vec<ChartError>> {
    let failed = || vec![ChartError::new(prepared.chart.name(), "", "the thread that renders charts could not run")];
    let work = || here(prepared, release, capabilities, compiled, seed);
    std::thread::scope(|scope| match std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work) {
        Ok(thread) => thread.join().unwrap_or_else(|_| Err(failed())),
        Err(_) => Err(failed()),
    })
}

fn here(
    prepared: &Prepared,
    release: &Release,
    capabilities: &Capabilities,
    compiled: &Compiled,
    seed: u64,
) -> Result<(Rendered, Seen, Vec<ChartWarning>), Vec<ChartError>> {
    let chart = &prepared.chart;
    let (files, seen) =
        render::render(chart, &prepared.values, release, capabilities, compiled, seed).map_err(|error| vec![error])?;
    let printed: Vec<Printed<'_>> =
        files.iter().map(|file| Printed { template: &file.file, text: &file.text }).collect();
    let origins: BTreeMap<&str, Arc<[u32]>> =
        files.iter().map(|file| (&*file.file, file.lines.clone().into())).collect();
    let of_template = |mut error: ChartError| {
        if let (Some(line), Some(lines)) = (error.line, origins.get(error.file.as_str())) {
            error.line = lines.get(line.saturating_sub(1)).map(|line| *line as usize).or(error.line);
        }
        error
    };
    let sorted = manifests::sort(&printed, &chart.crds());
    let (mut rendered, warnings) = sorted.map_err(|errors| errors.into_iter().map(of_template).collect::<Vec<_>>())?;
    let warnings = warnings.into_iter().map(of_template).collect();
    let Rendered { objects, hooks, .. } = &mut rendered;
    for item in objects.iter_mut().chain(hooks.iter_mut().map(|hook| &mut hook.item)) {
        item.origins = origins.get(item.template.as_str()).cloned().unwrap_or_default();
    }
    Ok((rendered, seen, warnings))
}

/// Compares two renders of the same chart with the same values.
fn rotating(one: &Rendered, two: &Rendered) -> Vec<Rotating> {
    fn items(rendered: &Rendered) -> impl Iterator<Item = &Item> {
        rendered.objects.iter().chain(rendered.hooks.iter().map(|hook| &hook.item))
    }
    let identity = |item: &Item| {
        let text = |path: &[&str]| item.document.value.at(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        (text(&["kind"]), text(&["metadata", "namespace"]), text(&["metadata", "name"]))
    };
    let others: BTreeMap<_, &Item> = items(two).map(|item| (identity(item), item)).collect();
    let mut found = Vec::new();
    for item in items(one) {
        let (kind, namespace, name) = identity(item);
        let mut paths = Vec::new();
        match others.get(&(kind.clone(), namespace.clone(), name.clone())) {
            Some(other) => differing(&item.document.value, &other.document.value, &mut String::new(), &mut paths),
            None => paths.push("metadata.name".to_owned()),
        }
        found.extend(paths.into_iter().map(|path| Rotating {
            kind: kind.clone(),
            namespace: namespace.clone(),
            name: name.clone(),
            path,
            template: item.template.clone(),
        }));
    }
    found
}

/// Collects the paths at which two values differ.
fn differing(one: &Value, two: &Value, path: &mut String, into: &mut Vec<String>) {
    let mut below = |step: String, a: Option<&Value>, b: Option<&Value>| {
        let length = path.len();
        path.push_str(&step);
        match (a, b) {
            (Some(a), Some(b)) => differing(a, b, path, into),
            _ => into.push(path.trim_start_matches('.').to_owned()),
        }
        path.truncate(length);
    };
    match (one, two) {
        (Value::Map(a), Value::Map(b)) => {
            let keys: BTreeSet<&Arc<str>> = a.keys().chain(b.keys()).collect();
            for key in keys {
                below(format!(".{key}"), a.get(key), b.get(key));
            }
        }
        (Value::List(a), Value::List(b)) => {
            for index in 0..a.len().max(b.len()) {
                below(format!("[{index}]"), a.get(index), b.get(index));
            }
        }
        (a, b) if a == b => {}
        _ => into.push(path.trim_start_matches('.').to_owned()),
    }
}
