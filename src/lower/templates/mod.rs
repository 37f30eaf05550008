//! The template engine: minijinja with strict undefined, JSON-safe printing and a budget.
//!
//! A template sees only its context: no file, environment, clock, network or process. What it prints is JSON, so a value
//! can never add a key. Fuel bounds the work, [`MAX_TEXT`] the size of texts; the memory behind both is bounded by the
//! program's allocator while templates run (`lower::budget`).

pub mod budget; //  memory bound while templates run
pub mod context; // what templates see
pub mod files; //   the user's own files that components name
pub mod memo; //    results that are asked for again
pub mod watched; // which parts of the context templates read
mod marks; //       which line of a template an object began on
mod undefined; //   what a template used in vain, by name

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use minijinja::value::{Value as Jinja, ValueKind};
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior};
use sha2::{Digest as _, Sha256};

use crate::catalog::{EdgeKind, StoreKind, Template};
use crate::diag::{Diagnostic, Span};
use crate::lower::TEMPLATE_ERROR;
use crate::manifest::value::Value;
use crate::manifest::yaml;
use crate::parse::{INVALID_VALUE, string, text};
use crate::resolve::{Instance, Platform};

/// Instructions that one template may run: about a second of work. A store or database with hundreds of claims needs
/// some millions, so the limit lies well above.
const FUEL: u64 = 20_000_000;
/// Largest text that one template may give, in bytes (reliability.md §4).
pub const MAX_TEXT: usize = 8 << 20;
/// How deep includes and macros may nest.
const DEPTH: usize = 64;

/// The compiled templates of a catalogue.
pub struct Engine {
    environment: Environment<'static>,
    broken: IndexMap<String, Diagnostic>,
    /// Template → names of the context that it reads.
    reads: BTreeMap<String, Vec<String>>,
}

impl Engine {
    /// Compiles every template of the components, kinds of edges and stores that are used, and lakegen's own.
    pub fn new(platform: &Platform) -> Self {
        let stores = platform.targets.iter().filter_map(|target| target.store.definition.as_ref());
        let stores: BTreeMap<&str, &StoreKind> = stores.map(|kind| (kind.name.as_str(), &**kind)).collect();
        let edges = platform.targets.iter().flat_map(|target| target.edges.values());
        let kinds: BTreeMap<&str, &EdgeKind> =
            edges.filter_map(|edge| Some((edge.kind.as_str(), &**edge.definition.as_ref()?))).collect();
        let components = platform.catalogue.components.values();
        let components = components.flat_map(|c| c.values.iter().chain(c.templates.values().flatten()));
        let kinds = kinds.into_values().flat_map(EdgeKind::templates);
        let stores = stores.into_values().flat_map(StoreKind::templates);
        Self::of(components.chain(kinds).chain(stores).chain(platform.catalogue.objects.values()))
    }

    /// Compiles templates.
    pub fn of<'a>(templates: impl Iterator<Item = &'a Template>) -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        environment.set_recursion_limit(DEPTH);
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::Json);
        environment.remove_global("debug");
        environment.remove_filter("indent");
        environment.remove_filter("format");
        environment.remove_filter("pprint");
        functions(&mut environment);
        let mut broken = IndexMap::new();
        let mut reads = BTreeMap::new();
        for template in templates {
            let source = marks::marked(&raw_in_set_blocks(&template.text));
            if let Err(error) = environment.add_template_owned(template.name.clone(), source) {
                broken.insert(template.name.clone(), diagnostic(&error, template, &Jinja::default()));
            } else if let Ok(compiled) = environment.get_template(&template.name) {
                // `component` says which chart version counts and where objects live: every template depends on it.
                let mut names: BTreeSet<String> = compiled.undeclared_variables(false).into_iter().collect();
                names.insert("component".into());
                reads.insert(template.name.clone(), names.into_iter().collect());
            }
        }
        Self { environment, broken, reads }
    }

    /// Returns the names of the context that a template reads.
    pub fn reads(&self, template: &str) -> &[String] {
        self.reads.get(template).map_or(&[], Vec::as_slice)
    }

    /// Runs a template and reads what it printed as YAML documents. `place` says where the user asked for it, and where a
    /// refusal about a key belongs.
    ///
    /// # Errors
    /// `template-error` with file and line: of the template, or of the YAML that it printed.
    /// `invalid-value` at what the user wrote, when the template says `fail(…)`.
    pub fn documents(
        &self,
        template: &Template,
        context: &Jinja,
        place: &dyn Fn(&[String]) -> Span,
    ) -> Result<Vec<yaml::Document>, Box<Diagnostic>> {
        let printed = self.print(template, context).map_err(|failure| match failure {
            Failure::Refused(refusal) => Box::new(refusal.diagnostic(place)),
            Failure::Broken(diagnostic) => Box::new(diagnostic.at(place(&[]), "used here")),
        })?;
        let (printed, marks) = marks::taken_out(printed);
        let documents = yaml::read(&printed).map(|mut documents| {
            for document in &mut documents {
                document.line = marks::line(&marks, document.line);
            }
            documents
        });
        documents.map_err(|error| {
            let line = printed.lines().nth(error.line.saturating_sub(1)).unwrap_or("").trim();
            let line: String = line.chars().take(100).collect();
            let span = similar_line(&template.text, &line, template);
            Box::new(
                Diagnostic::error(
                    &TEMPLATE_ERROR,
                    format!("the output of this template is not valid YAML: {}", error.message),
                )
                .at(span, "")
                .at(place(&[]), "used here")
                .note(format!("line {} of the output: `{line}`", error.line)),
            )
        })
    }

    fn print(&self, template: &Template, context: &Jinja) -> Result<String, Failure> {
        if let Some(diagnostic) = self.broken.get(&template.name) {
            return Err(Failure::Broken(diagnostic.clone()));
        }
        let _budget = budget::limit(&template.name);
        let broken = |error: &Error| match refusal(error) {
            Some(refusal) => Failure::Refused(refusal.clone()),
            None => Failure::Broken(diagnostic(error, template, context)),
        };
        let compiled = self.environment.get_template(&template.name).map_err(|e| broken(&e))?;
        let printed = compiled.render(context).map_err(|e| broken(&e))?;
        if printed.len() > MAX_TEXT {
            let message = format!("the output of this template is larger than {} MiB", MAX_TEXT >> 20);
            return Err(Failure::Broken(
                Diagnostic::error(&crate::lower::TEMPLATE_LIMIT, message).at(start_of(template), ""),
            ));
        }
        Ok(printed)
    }
}

/// Why a template gave nothing.
enum Failure {
    /// What the user wrote cannot be, says the template.
    Refused(Refusal),
    Broken(Diagnostic),
}

/// What `fail(message, key)` says: the user's settings contradict each other.
#[derive(Clone, Debug)]
struct Refusal {
    message: String,
    /// The option, or the way to it: `["topics", "events", "replicas"]`.
    path: Vec<String>,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.message)
    }
}

impl std::error::Error for Refusal {}

impl Refusal {
    fn diagnostic(&self, place: &dyn Fn(&[String]) -> Span) -> Diagnostic {
        Diagnostic::error(&INVALID_VALUE, self.message.clone()).at(place(&self.path), "")
    }
}

/// Returns the place of the deepest part of a path that the user wrote, or of the component.
pub fn place_in(instance: &Instance, path: &[String]) -> Span {
    let Some((first, rest)) = path.split_first() else { return instance.span };
    let Some(mut node) = instance.arg(first) else { return instance.span };
    for key in rest {
        let Some(entry) = node.as_table().and_then(|table| table.get(key.as_str())) else { break };
        node = &entry.node;
    }
    node.span
}

/// Returns the `fail(…)` behind an error, which a macro or include may have wrapped.
fn refusal(error: &Error) -> Option<&Refusal> {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(refusal) = error.downcast_ref::<Refusal>() {
            return Some(refusal);
        }
        next = error.source();
    }
    None
}

/// `fail(message, key)`: stops, and shows the user the message at the option (a name, or a list of names on the way to it).
fn fail(message: String, key: Option<Jinja>) -> Result<Jinja, Error> {
    let path = match key {
        None => vec![],
        Some(key) if key.kind() == ValueKind::Seq => key.try_iter()?.map(|part| scalar(&part)).collect(),
        Some(key) => vec![scalar(&key)],
    };
    Err(Error::new(ErrorKind::InvalidOperation, message.clone()).with_source(Refusal { message, path }))
}

/// Makes printing inside `{% set x %}…{% endset %}` raw: such a block builds one text that is printed whole later.
fn raw_in_set_blocks(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(start) = rest.find("{%") {
        let Some(length) = rest[start..].find("%}") else { break };
        let tag = &rest[start..start + length + 2];
        let inner = tag[2..tag.len() - 2].trim_start_matches(['-', '+']).trim_end_matches(['-', '+']).trim();
        out.push_str(&rest[..start]);
        let dash = if tag.starts_with("{%-") { "-" } else { "" };
        let after = if tag.ends_with("-%}") { "-" } else { "" };
        if inner.starts_with("set ") && !inner.contains('=') {
            out.push_str(&format!("{{%{dash} autoescape false %}}{{% {inner} {after}%}}"));
        } else if inner == "endset" {
            out.push_str(&format!("{{%{dash} endset %}}{{% endautoescape {after}%}}"));
        } else {
            out.push_str(tag);
        }
        rest = &rest[start + length + 2..];
    }
    out.push_str(rest);
    out
}

fn start_of(template: &Template) -> Span {
    let end = template.text.find('\n').unwrap_or(template.text.len());
    Span::new(template.source, 0, end)
}

/// Returns the span of a line (from 1) of a template.
pub fn line_span(template: &Template, line: usize) -> Span {
    let mut start = 0;
    for (index, text) in template.text.split_inclusive('\n').enumerate() {
        if index + 1 == line {
            let trimmed = text.trim_end();
            let indent = trimmed.len() - trimmed.trim_start().len();
            return Span::new(template.source, start + indent, start + trimmed.len().max(indent));
        }
        start += text.len();
    }
    start_of(template)
}

/// Finds the template line that most likely printed a line: the one with the same key.
fn similar_line(source: &str, printed: &str, template: &Template) -> Span {
    let key = printed.split(':').next().unwrap_or("");
    let found = source.lines().position(|line| !key.is_empty() && line.trim_start().starts_with(key));
    found.map_or_else(|| start_of(template), |index| line_span(template, index + 1))
}

fn diagnostic(error: &Error, template: &Template, context: &Jinja) -> Diagnostic {
    let code = if error.kind() == ErrorKind::OutOfFuel { &crate::lower::TEMPLATE_LIMIT } else { &TEMPLATE_ERROR };
    let range = error
        .range()
        .map(|range| {
            let at = |at| marks::unmarked(&template.text, at);
            at(range.start)..at(range.end)
        })
        .filter(|r| r.end <= template.text.len() && !template.text.contains("endset"));
    let span = match (&range, error.line()) {
        (Some(range), _) => Span::new(template.source, range.start, range.end),
        (_, Some(line)) => line_span(template, line),
        _ => start_of(template),
    };
    let diagnostic = match error.kind() {
        ErrorKind::UndefinedError => {
            let line = template.text.lines().nth(error.line().unwrap_or(1).saturating_sub(1)).unwrap_or("");
            let missing = undefined::missing(&template.text, line, range.map(|r| r.end), context);
            let message = missing
                .as_ref()
                .map_or_else(|| "this uses an undefined variable".to_string(), undefined::Missing::message);
            let diagnostic = Diagnostic::error(code, message).at(span, "");
            match missing {
                Some(missing) => missing.help(diagnostic),
                None => diagnostic,
            }
        }
        ErrorKind::OutOfFuel => {
            Diagnostic::error(code, format!("this template runs for more than {FUEL} instructions")).at(span, "")
        }
        ErrorKind::SyntaxError => {
            let message = format!("the template cannot be parsed: {}", error.detail().unwrap_or(""));
            Diagnostic::error(code, message).at(span, "")
        }
        kind => {
            let message = format!("{kind}{}", error.detail().map(|d| format!(": {d}")).unwrap_or_default());
            Diagnostic::error(code, message).at(span, "")
        }
    };
    match error.name().filter(|name| *name != template.name) {
        Some(name) => diagnostic.note(format!("in `{name}`")),
        None => diagnostic,
    }
}

/// Returns a manifest value as a template value.
pub fn to_jinja(value: &Value) -> Jinja {
    match value {
        Value::Null => Jinja::from(()),
        Value::Bool(b) => Jinja::from(*b),
        Value::Int(i) => i64::try_from(*i).map_or_else(|_| Jinja::from(*i), Jinja::from),
        Value::Float(f) => Jinja::from(*f),
        Value::Str(s) => Jinja::from(s.clone()),
        Value::List(list) => list.iter().map(to_jinja).collect(),
        Value::Map(map) => {
            Jinja::from_pairs(map.iter().map(|(key, value)| (Jinja::from(key.clone()), to_jinja(value))))
        }
    }
}

fn functions(environment: &mut Environment<'static>) {
    environment.add_filter("seconds", |duration: &str| {
        text::seconds(duration).ok_or_else(|| refuse("seconds", duration, "a duration"))
    });
    environment.add_filter("bytes", |size: &str| bytes(size).ok_or_else(|| refuse("bytes", size, "a size")));
    environment.add_filter("mebibytes", |size: &str| {
        bytes(size).map(|b| b >> 20).ok_or_else(|| refuse("mebibytes", size, "a size"))
    });
    environment.add_filter("env", |name: &str| string::environment_name(name));
    environment.add_filter("digest", |value: &Jinja| string::digest(value.to_string().as_bytes()));
    environment.add_filter("slug", |name: &str| string::slug(name));
    environment.add_filter("urlquery", |value: &str| string::url_query(value));
    environment.add_filter("sh", shell);
    environment.add_filter("json", json);
    environment.add_filter("properties", |map: &Jinja| properties(map));
    environment.add_filter("ini", |map: &Jinja| ini(map));
    environment.add_filter("digest", |value: &Jinja| digest(value));
    environment.add_filter("replace", replace);
    environment.add_function("range", range);
    environment.add_function("fail", fail);
}

/// Quotes a text for the shell; what is not there would be an empty word.
fn shell(text: &Jinja) -> Result<String, Error> {
    match text.kind() {
        ValueKind::Undefined | ValueKind::None => Err(absent("sh")),
        _ => Ok(string::shell(&scalar(text))),
    }
}

/// Writes a value as JSON, for jq.
fn json(value: &Jinja) -> Result<String, Error> {
    if value.is_undefined() {
        return Err(absent("json"));
    }
    serde_json::to_string(value).map_err(|error| Error::new(ErrorKind::InvalidOperation, error.to_string()))
}

fn absent(filter: &str) -> Error {
    Error::new(ErrorKind::InvalidOperation, format!("the value before `{filter}` is undefined"))
}

fn refuse(filter: &str, value: &str, what: &str) -> Error {
    Error::new(ErrorKind::InvalidOperation, format!("`{filter}` needs {what}, not `{value}`"))
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "sizes are far below the limit of 64 bits")]
fn bytes(size: &str) -> Option<u64> {
    text::bytes(size).map(|b| b as u64)
}

/// `replace` that cannot be used to blow a text up without bound.
fn replace(value: &str, from: &str, to: &str) -> Result<String, Error> {
    let count = if from.is_empty() { value.len() + 1 } else { value.matches(from).count() };
    let size = value.len().saturating_add(count.saturating_mul(to.len()));
    if size > MAX_TEXT {
        return Err(Error::new(ErrorKind::InvalidOperation, "the text would exceed the maximum output of a template"));
    }
    Ok(value.replace(from, to))
}

/// Returns a short digest of a value, for an annotation that restarts pods when their configuration changes.
fn digest(value: &Jinja) -> Result<String, Error> {
    let text =
        serde_json::to_string(value).map_err(|error| Error::new(ErrorKind::InvalidOperation, error.to_string()))?;
    Ok(Sha256::digest(text).iter().take(8).map(|byte| format!("{byte:02x}")).collect())
}

/// `range` with a bound that no manifest needs to cross.
fn range(first: i64, second: Option<i64>, step: Option<i64>) -> Result<Vec<i64>, Error> {
    let (start, end) = second.map_or((0, first), |end| (first, end));
    let step = step.unwrap_or(1);
    if step <= 0 || end.saturating_sub(start) / step > 10_000 {
        return Err(Error::new(
            ErrorKind::InvalidOperation,
            "a range can have at most 10000 steps, and its step must be at least 1",
        ));
    }
    Ok((start..end).step_by(usize::try_from(step).unwrap_or(1)).collect())
}

fn scalar(value: &Jinja) -> String {
    match value.kind() {
        ValueKind::None | ValueKind::Undefined => String::new(),
        _ => value.to_string(),
    }
}

fn pairs(map: &Jinja) -> Result<Vec<(String, Jinja)>, Error> {
    map.try_iter()?.map(|key| Ok((scalar(&key), map.get_item(&key)?))).collect()
}

fn properties(map: &Jinja) -> Result<String, Error> {
    let lines = pairs(map)?
        .into_iter()
        .filter(|(_, v)| v.kind() != ValueKind::None)
        .map(|(key, value)| format!("{key}={}\n", scalar(&value)));
    Ok(lines.collect())
}

fn ini(map: &Jinja) -> Result<String, Error> {
    let mut out = String::new();
    for (key, value) in pairs(map)? {
        if value.kind() == ValueKind::Map {
            out.push_str(&format!(
                "[{key}]\n{}\n",
                pairs(&value)?.iter().map(|(k, v)| format!("{k} = {}\n", scalar(v))).collect::<String>()
            ));
        } else {
            out.push_str(&format!("{key} = {}\n", scalar(&value)));
        }
    }
    Ok(out)
}
