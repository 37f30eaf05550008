//! A chart, values and a release in; what each template file prints out (`pkg/engine/engine.go`, Helm 3.22).

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use super::ChartError;
use super::archive::File;
use super::chart::{Chart, subchart};
use super::context::{self, Capabilities, Files, Release};
use super::functions::secrets::NOT_COMPUTED;
use super::go::lex::SyntaxError;
use super::go::parse;
use super::go::tree::{Templates, place};
use super::go::value::{self, Entry, Of, Str, Table, Val};
use super::go::vm::{Fail, FailKind, Limits, Vm};
use super::manifests::Definitions;
use super::reads::{self, Asked, Reads};
use crate::manifest::value::Map;

/// What one file of templates printed.
#[derive(Clone, Debug)]
pub struct Printed {
    /// The file by its path, as in `platform/charts/kafka/templates/service.yaml`.
    pub file: Arc<str>,
    pub text: String,
    /// For each line of the text, the line of the file that printed its beginning, from 1.
    pub lines: Vec<u32>,
}

/// What rendering a chart shows besides objects.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Which values were read.
    pub reads: Reads,
    /// Functions that answer otherwise each time, and the files that call them.
    pub unstable: Vec<(&'static str, Vec<Arc<str>>)>,
    /// The files to run to see what another seed changes: those that drew, or all when files work on common maps.
    pub again: Again,
    /// What `lookup` was asked for; it finds nothing here, as in `helm template`.
    pub lookups: Vec<String>,
    /// The texts of all templates.
    pub texts: Vec<Arc<str>>,
    /// Steps and bytes, for measuring.
    pub work: u64,
}

impl Seen {
    /// Functions that were called and that only Helm computes; what is here in their place is a stand-in.
    pub fn not_computed(&self) -> Vec<&'static str> {
        self.unstable.iter().map(|(name, _)| *name).filter(|name| NOT_COMPUTED.contains(name)).collect()
    }
}

/// Which files are run.
#[derive(Clone, Debug, Default)]
pub enum Again {
    #[default]
    All,
    Only(BTreeSet<Arc<str>>),
}

/// Where a render stopped, and what its templates had asked for by then.
#[derive(Clone, Debug)]
pub struct Stopped {
    pub error: ChartError,
    pub kind: FailKind,
    /// The latest first.
    pub asked: Vec<Asked>,
    /// Fuel used by then.
    pub work: u64,
}

/// By fingerprint of the text.
type Known = HashMap<u64, parse::Compiled>;

/// Templates and definitions by their texts, shared between the releases of one process: charts bring the same libraries.
#[derive(Default)]
pub struct Compiled {
    templates: Mutex<Known>,
    /// What `crds/` hold.
    pub(super) definitions: Definitions,
}

impl Compiled {
    /// Parses all templates of a chart and its subcharts.
    ///
    /// # Errors
    /// The first that is not in the language.
    pub fn warm(&self, chart: &Chart) -> Result<(), ChartError> {
        self.below(chart, chart.name())
    }

    fn below(&self, chart: &Chart, path: &str) -> Result<(), ChartError> {
        for file in &chart.templates {
            self.get(&Arc::from(format!("{path}/{}", file.name)), file)?;
        }
        chart.dependencies.iter().try_for_each(|below| self.below(below, &subchart(path, below.name())))
    }

    fn get(&self, path: &Arc<str>, file: &File) -> Result<parse::Compiled, ChartError> {
        let key = file.fingerprint();
        let known = || self.templates.lock().ok()?.get(&key).cloned();
        if let Some(found) = known().filter(|found| found.own.text.as_bytes() == &*file.data) {
            return Ok(found);
        }
        // Go takes bytes that are not UTF-8 as they are; YAML would refuse them later.
        let text: Arc<str> = Arc::from(String::from_utf8_lossy(&file.data));
        let compiled = parse::compile(&text).map_err(|error| syntax_error(path, &text, &error))?;
        if let Ok(mut known) = self.templates.lock() {
            known.insert(key, compiled.clone());
        }
        Ok(compiled)
    }
}

fn syntax_error(path: &str, text: &str, error: &SyntaxError) -> ChartError {
    let (line, _) = place(text, u32::try_from(error.at).unwrap_or(0));
    let (chart, file) = split_path(path);
    ChartError::new(chart, file, error.message.clone()).at(Some(line as usize))
}

/// Divides `platform/charts/kafka/templates/a.yaml` into the chart's path and the file in it.
fn split_path(path: &str) -> (&str, &str) {
    match path.rfind("/templates/") {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => ("", path),
    }
}

/// A template file that will be run, and what it sees.
struct Renderable {
    path: Arc<str>,
    data: Rc<Table>,
    base: String,
}

/// Runs the templates of a chart whose dependencies are processed, with values that are merged.
///
/// # Errors
/// What Helm would stop at, with chart, file and line.
pub fn render(
    chart: &Chart,
    values: &Map,
    release: &Release,
    capabilities: &Capabilities,
    compiled: &Compiled,
    seed: u64,
    which: &Again,
) -> Result<(Vec<Printed>, Seen), Box<Stopped>> {
    value::enter_file(0);
    value::has_crossed();
    let stopped = |error, kind, asked, work| Box::new(Stopped { error, kind, asked, work });
    let values = Val::from_values(values, Of::Values);
    let mut sources = Vec::new();
    let shared = Shared { release: release.value(), capabilities: Val::object(capabilities.clone()) };
    collect(chart, chart.name(), true, &values, &shared, &mut sources);
    // Those deeper in folders first, and later names before earlier ones, so that the chart's own come last and win.
    sources.sort_by(|(a, _), (b, _)| {
        let slashes = |path: &str| path.bytes().filter(|byte| *byte == b'/').count();
        slashes(&b.path).cmp(&slashes(&a.path)).then_with(|| b.path.cmp(&a.path))
    });
    let mut templates = Templates::default();
    let mut tokens = 0_usize;
    for (source, file) in &sources {
        let compiled = compiled.get(&source.path, file);
        let compiled = compiled.map_err(|error| stopped(error, FailKind::Execution, Vec::new(), 0))?;
        tokens = tokens.saturating_add(compiled.tokens);
        if tokens > MAX_TOKENS {
            let message =
                format!("the chart's templates have more than {MAX_TOKENS} words, marks and spaces in actions");
            let (chart, file) = split_path(&source.path);
            return Err(stopped(ChartError::new(chart, file, message), FailKind::Limit, Vec::new(), 0));
        }
        templates.add(compiled.templates(&source.path, &source.path));
    }
    let mut vm = Vm::new(&templates, Limits::default(), seed);
    let mut printed = Vec::with_capacity(sources.len());
    for (number, (source, _)) in (1..).zip(&sources) {
        let base = source.path.rsplit('/').next().unwrap_or_default();
        if base.starts_with('_') || matches!(which, Again::Only(files) if !files.contains(&source.path)) {
            continue;
        }
        value::enter_file(0);
        source.data.set(Str::from("Template"), Entry::from(context::template(&source.path, &source.base)));
        value::enter_file(number);
        let (text, lines) = match vm.render(&source.path, &Val::Map(source.data.clone())) {
            Ok(printed) => printed,
            Err(fail) => {
                let asked = reads::latest(&values);
                return Err(stopped(failed(&fail, &source.path), fail.kind, asked, vm.used()));
            }
        };
        printed.push(Printed { file: source.path.clone(), text, lines });
    }
    let unstable = vm.unstable().iter().map(|(name, files)| (*name, files.iter().cloned().collect())).collect();
    let again = if value::has_crossed() { Again::All } else { Again::Only(vm.drawing().clone()) };
    let lookups = vm.lookups().iter().cloned().collect();
    let mut texts: Vec<Arc<str>> = templates.0.values().map(|template| template.code.text.clone()).collect();
    // Many templates share the text of one file, which may be long: by address first.
    texts.sort_by_key(|text| text.as_ptr().addr());
    texts.dedup_by(|one, other| Arc::ptr_eq(one, other));
    texts.sort();
    texts.dedup();
    let seen = Seen { reads: Reads::of(&values), unstable, again, lookups, texts, work: vm.used() };
    Ok((printed, seen))
}

/// Tokens of all templates of a chart, subcharts counted: a few hundred MiB once they are compiled.
const MAX_TOKENS: usize = 3_000_000;

/// So many callers are told; recursion has hundreds.
const MOST_CALLERS: usize = 5;

/// What all charts of a release see alike.
struct Shared {
    release: Val,
    capabilities: Val,
}

fn collect(
    chart: &Chart,
    path: &str,
    root: bool,
    values: &Rc<Table>,
    shared: &Shared,
    into: &mut Vec<(Renderable, File)>,
) -> Rc<Table> {
    let subcharts = Rc::new(Table::new(Of::Any));
    let data = Rc::new(Table::new(Of::Any));
    let set = |name: &str, val: Val| data.set(Str::from(name), Entry::from(val));
    set("Chart", context::chart(&chart.metadata, root));
    set("Files", Val::object(Files::new(&chart.files)));
    set("Release", shared.release.clone());
    set("Capabilities", shared.capabilities.clone());
    set("Values", Val::Map(values.clone()));
    set("Subcharts", Val::Map(subcharts.clone()));
    for dependency in &chart.dependencies {
        let own = below_dots(values, dependency.name()).unwrap_or_else(|| Rc::new(Table::new(Of::Values)));
        let below = collect(dependency, &subchart(path, dependency.name()), false, &own, shared, into);
        subcharts.set(Str::from(dependency.name()), Entry::from(Val::Map(below)));
    }
    let library = chart.metadata.kind.eq_ignore_ascii_case("library");
    for file in &chart.templates {
        let name = file.name.rsplit('/').next().unwrap_or_default();
        if library && !name.starts_with('_') {
            continue;
        }
        let full: Arc<str> = Arc::from(format!("{path}/{}", file.name));
        into.push((Renderable { path: full, data: data.clone(), base: format!("{path}/templates") }, file.clone()));
    }
    data
}

/// Finds a subchart's values. A dot in its name leads further down, as Helm's `Values.Table` reads it.
fn below_dots(values: &Rc<Table>, name: &str) -> Option<Rc<Table>> {
    name.split('.').try_fold(values.clone(), |here, part| match here.entry(part)?.val {
        Val::Map(below) => Some(below),
        _ => None,
    })
}

/// Says where a template stopped: at the innermost place that stands in a file.
fn failed(fail: &Fail, path: &str) -> ChartError {
    let at = fail.frames.iter().find(|frame| !frame.file.is_empty());
    let (chart, file) = split_path(at.map_or(path, |frame| &frame.file));
    let error = ChartError::new(chart, file, fail.message.clone()).at(at.map(|frame| frame.line as usize));
    // Who called whom, when it is not the same file.
    let callers = fail.frames.iter().filter(|frame| !frame.file.is_empty()).skip(1);
    let mut callers: Vec<String> =
        callers.map(|frame| format!("{}:{}", split_path(&frame.file).1, frame.line)).collect();
    let more = callers.len().saturating_sub(MOST_CALLERS);
    if more > 1 {
        callers.truncate(MOST_CALLERS);
        callers.push(format!("{more} more"));
    }
    match callers.is_empty() {
        true => error,
        false => error.help(format!("called from {}", callers.join(", from "))),
    }
}
