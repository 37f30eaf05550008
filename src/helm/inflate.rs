//! A chart and the values of a release in, objects out: what `helm template --include-crds` prints, each with the template
//! that made it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::chart::{Chart, Crd};
use super::context::{Capabilities, Release};
use super::go::vm::FailKind;
use super::manifests::{self, Item, Printed, Rendered};
use super::prepare::{self, Prepared};
use super::reads::Asked;
use super::render::{self, Again, Compiled, Printed as File, Seen, Stopped};
use super::version::Version;
use super::{ChartError, ChartWarning, values};
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
    /// The chart's own defaults.
    pub defaults: Arc<Map>,
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
    let run = |values: &Map| {
        let prepared = prepare::prepare(chart.clone(), values, &kubernetes).map_err(Failed::from)?;
        let mut inflated = on_thread(|| once(&prepared, release, capabilities, compiled, seed), chart.name())?;
        inflated.warnings.splice(0..0, prepared.warnings);
        Ok(Inflated { switches: switches(chart), defaults: Arc::new(chart.values.clone()), ..inflated })
    };
    run(values)
        .map_err(|failed: Failed| failed.blame(values, schemas(chart) * SCHEMA_WORK, |values| run(values).is_ok()))
}

/// What a byte of a schema takes to check, in fuel.
const SCHEMA_WORK: u64 = 100;

/// Returns the bytes of the schemas of a chart and its subcharts.
fn schemas(chart: &Chart) -> u64 {
    let own = chart.schema.as_ref().map_or(0, |file| file.data.len() as u64);
    own + chart.dependencies.iter().map(schemas).sum::<u64>()
}

/// Why a chart cannot be inflated, and what it had asked for by then, the latest first.
#[derive(Default)]
struct Failed {
    errors: Vec<ChartError>,
    kind: FailKind,
    asked: Vec<Asked>,
    /// Fuel used by then.
    work: u64,
}

impl From<Vec<ChartError>> for Failed {
    fn from(errors: Vec<ChartError>) -> Self {
        Self { errors, ..Self::default() }
    }
}

impl Failed {
    /// Looks for the value that made the templates stop: the one they asked for last and did not find, or the one
    /// without which they do not stop. Only so many are tried, and fewer when one of them is much work; `extra` is what
    /// each takes besides its fuel.
    fn blame(mut self, values: &Map, extra: u64, works: impl Fn(&Map) -> bool) -> Vec<ChartError> {
        const MOST_TRIED: u64 = 24;
        /// Fuel for all of them: a second or two.
        const MOST_WORK: u64 = 60_000_000;
        let tries = (MOST_WORK / (self.work + extra).max(1)).min(MOST_TRIED);
        if let [error] = &mut self.errors[..]
            && error.value.is_empty()
        {
            let lacking = self.asked.first().filter(|asked| asked.lacking).map(|asked| &asked.path);
            let tried = || {
                let given = self.asked.iter().filter_map(|asked| given(values, &asked.path));
                given.take(usize::try_from(tries).unwrap_or(0)).find(|path| works(&without(values, path)))
            };
            error.value = match self.kind {
                FailKind::Limit => None,
                FailKind::Missing | FailKind::Execution if lacking.is_some() => lacking.cloned(),
                _ => tried().or_else(|| lacking.cloned()),
            }
            .unwrap_or_default()
            .into();
        }
        self.errors
    }
}

/// Returns where a value that is no map is given, if it is: globals of subcharts stand in the outermost chart's.
fn given(values: &Map, path: &[String]) -> Option<Vec<String>> {
    let at = |path: &[String]| {
        let (first, rest) = path.split_first()?;
        let value = values.get(first.as_str())?.within(rest)?;
        (!matches!(value, Value::Map(_) | Value::Null)).then(|| path.to_vec())
    };
    at(path).or_else(|| at(&path[path.iter().position(|key| key == values::GLOBAL)?..]))
}

fn without(values: &Map, path: &[String]) -> Map {
    fn remove(map: &mut Map, path: &[String]) {
        match path {
            [] => {}
            [last] => drop(map.shift_remove(last.as_str())),
            [first, rest @ ..] => match map.get_mut(first.as_str()) {
                Some(Value::Map(map)) => remove(map, rest),
                // A list is one value here.
                _ => drop(map.shift_remove(first.as_str())),
            },
        }
    }
    let mut values = values.clone();
    remove(&mut values, path);
    values
}

/// Enough for the deepest evaluation that a render allows, in a debug build too; only what is used is ever taken.
const STACK: usize = 192 << 20;

/// Works on a thread with stack enough.
fn on_thread<T: Send>(work: impl FnOnce() -> Result<T, Failed> + Send, chart: &str) -> Result<T, Failed> {
    let failed =
        || Failed::from(vec![ChartError::new(chart, "", "the thread that renders charts could not be started")]);
    std::thread::scope(|scope| match std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work) {
        Ok(thread) => thread.join().unwrap_or_else(|_| Err(failed())),
        Err(_) => Err(failed()),
    })
}

fn once(
    prepared: &Prepared,
    release: &Release,
    capabilities: &Capabilities,
    compiled: &Compiled,
    seed: u64,
) -> Result<Inflated, Failed> {
    let print = |seed, which: &Again| {
        render::render(&prepared.chart, &prepared.values, release, capabilities, compiled, seed, which).map_err(
            |stopped| {
                let Stopped { error, kind, asked, work } = *stopped;
                Failed { errors: vec![error], kind, asked, work }
            },
        )
    };
    let (files, seen) = print(seed, &Again::All)?;
    let asked = |errors| Failed { errors, kind: FailKind::Chart, asked: seen.reads.given(), work: seen.work };
    let (mut rendered, warnings) = sort(files.iter(), &prepared.chart.crds(), compiled).map_err(asked)?;
    let origins: BTreeMap<&str, Arc<[u32]>> =
        files.iter().map(|file| (&*file.file, file.lines.clone().into())).collect();
    let Rendered { objects, hooks, .. } = &mut rendered;
    for item in objects.iter_mut().chain(hooks.iter_mut().map(|hook| &mut hook.item)) {
        item.origins = origins.get(item.template.as_str()).cloned().unwrap_or_default();
    }
    // Two renders with other random numbers show which fields hold some. Most templates print the same again.
    let mut rotating = Vec::new();
    if !seen.unstable.is_empty() {
        let (again, _) = print(seed.wrapping_add(1), &seen.again)?;
        let texts: BTreeMap<&str, &str> = files.iter().map(|file| (&*file.file, file.text.as_str())).collect();
        let other = again.iter().filter(|other| texts.get(&*other.file) != Some(&other.text.as_str()));
        let others: BTreeSet<&str> = other.clone().map(|file| &*file.file).collect();
        let (again, _) = sort(other, &[], compiled)?;
        rotating = rotating_fields(&rendered, &again, &others);
    }
    Ok(Inflated { rendered, seen, warnings, rotating, ..Inflated::default() })
}

/// Takes apart what the templates printed; errors and warnings point into the templates.
fn sort<'f>(
    files: impl Iterator<Item = &'f File> + Clone,
    crds: &[Crd],
    compiled: &Compiled,
) -> Result<(Rendered, Vec<ChartWarning>), Vec<ChartError>> {
    let lines: BTreeMap<&str, &[u32]> = files.clone().map(|file| (&*file.file, &*file.lines)).collect();
    let of_template = |mut error: ChartError| {
        if let (Some(line), Some(lines)) = (error.line, lines.get(error.file.as_str())) {
            error.line = lines.get(line.saturating_sub(1)).map(|line| *line as usize).or(error.line);
        }
        error
    };
    let printed: Vec<Printed<'_>> = files.map(|file| Printed { template: &file.file, text: &file.text }).collect();
    match manifests::sort(&printed, crds, &compiled.definitions) {
        Ok((rendered, warnings)) => Ok((rendered, warnings.into_iter().map(of_template).collect())),
        Err(errors) => Err(errors.into_iter().map(of_template).collect()),
    }
}

/// Compares two renders of the same chart with the same values; the second has only what these templates printed.
fn rotating_fields(one: &Rendered, two: &Rendered, templates: &BTreeSet<&str>) -> Vec<Rotating> {
    fn items(rendered: &Rendered) -> impl Iterator<Item = &Item> {
        rendered.objects.iter().chain(rendered.hooks.iter().map(|hook| &hook.item))
    }
    let identity = |item: &Item| {
        let text = |path: &[&str]| item.document.value.at(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        (text(&["kind"]), text(&["metadata", "namespace"]), text(&["metadata", "name"]))
    };
    let others: BTreeMap<_, &Item> = items(two).map(|item| (identity(item), item)).collect();
    let mut found = Vec::new();
    for item in items(one).filter(|item| templates.contains(item.template.as_str())) {
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
