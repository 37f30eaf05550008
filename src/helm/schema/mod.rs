//! `values.schema.json`: a chart and its values in, everything that does not fit out.
//!
//! As Helm 3.22 (`pkg/chartutil/jsonschema.go` over santhosh-tekuri/jsonschema 6.0.3): the schema's `$schema` decides
//! the draft, 2020-12 without one; formats count up to draft 7; patterns are those of a linear engine without
//! look-around; an invalid schema is an error; every subchart's values meet its own schema. A `urn:` allows everything.
//!
//! A `$ref` that leaves the schema is an error, wherever it leads. Helm would fetch it; lakegen does not, because what
//! a stranger's chart names could then be any address or file that the machine reaches, and would be another one
//! tomorrow. One exception: a type of Kubernetes in its published definitions (`…/_definitions.json#/definitions/io.k8s…`,
//! as the charts of Dagster have it) is not judged here, which a warning says.
//!
//! The library that checks has no bound of its own, so [`guard`] measures the work before it begins.

use std::collections::BTreeSet;

mod guard; // how much work a schema makes

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{Draft, JsonType, PatternOptions, Retrieve, Uri, ValidationError};
use serde_json::Value as Json;

use super::archive::File;
use super::chart::{Chart, subchart};
use super::{ChartError, ChartWarning};
use crate::manifest::value::{Map, Value};

/// Bytes of a schema.
const MAX_SCHEMA: usize = 2 << 20;
/// Findings that are told of one schema.
const MAX_FINDINGS: usize = 50;
/// Bytes that a pattern may take once compiled.
const MAX_PATTERN: usize = 1 << 20;
/// The guard lets through what needs far less stack than this.
const STACK: usize = 64 << 20;

/// Checks the values of a chart and its subcharts.
///
/// [`ChartError::value`] has the path of the value from the outermost chart on.
pub fn check(chart: &Chart, values: &Map) -> (Vec<ChartError>, Vec<ChartWarning>) {
    let mut checked = Checked::default();
    checked.chart(chart, &Value::Map(values.clone()), chart.name(), &mut Vec::new());
    (checked.errors, checked.warnings)
}

#[derive(Default)]
struct Checked {
    errors: Vec<ChartError>,
    warnings: Vec<ChartWarning>,
}

impl Checked {
    fn chart(&mut self, chart: &Chart, values: &Value, path: &str, keys: &mut Vec<String>) {
        if let Some(file) = &chart.schema {
            let about = |message: String| ChartError::new(path, &*file.name, message);
            let mut unchecked = BTreeSet::new();
            match check_one(file, values, &mut unchecked) {
                Ok(findings) => self.errors.extend(findings.into_iter().map(|(below, message)| {
                    let value: Vec<String> = keys.iter().cloned().chain(below).collect();
                    let shown =
                        if value.is_empty() { "the top level".to_owned() } else { format!("`{}`", shown(&value)) };
                    ChartError { value: value.into(), ..about(format!("{shown} {message}")) }
                })),
                Err(Refused { message, help }) => {
                    let error = about(message);
                    self.errors.push(match help {
                        Some(help) => error.help(help),
                        None => error,
                    });
                }
            }
            self.warnings.extend(unchecked.iter().map(|uri| {
                about(format!(
                    "values described by `{}` are not checked, because nothing is fetched for a schema",
                    cut(uri)
                ))
            }));
        }
        for below in &chart.dependencies {
            match values.get(below.name()) {
                None | Some(Value::Null) => {}
                Some(values) => {
                    keys.push(below.name().to_owned());
                    self.chart(below, values, &subchart(path, below.name()), keys);
                    keys.pop();
                }
            }
        }
    }
}

/// Shortens and escapes a text of a schema for a message.
fn cut(text: &str) -> String {
    const MOST: usize = 150;
    let start: String = text.chars().take(MOST).flat_map(char::escape_debug).collect();
    if text.chars().nth(MOST).is_some() { start + "…" } else { start }
}

/// Why a schema cannot be used at all.
#[derive(Debug)]
struct Refused {
    message: String,
    help: Option<&'static str>,
}

impl From<String> for Refused {
    fn from(message: String) -> Self {
        Self { message, help: None }
    }
}

/// What to do about a reference that leaves the schema.
const BRING_IT: &str = "the chart must include everything its schema refers to under `$defs`: tell its author, or use \
a version of the chart that does";

/// Says whether a reference is to a type in the published definitions of Kubernetes, as
/// <https://github.com/yannh/kubernetes-json-schema> and kubernetesjsonschema.dev have them.
fn is_kubernetes_type(reference: &str) -> bool {
    let network = reference.starts_with("https://") || reference.starts_with("http://");
    let Some((document, fragment)) = reference.split_once('#') else { return false };
    network
        && document.len() < 300
        && document.ends_with("/_definitions.json")
        && fragment.strip_prefix("/definitions/io.k8s.").is_some_and(|rest| {
            !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        })
}

/// Takes a name and password out of an address.
fn without_credentials(uri: &str) -> String {
    let Some((scheme, rest)) = uri.split_once("//") else { return uri.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => format!("{scheme}//…{}", &rest[at..]),
        None => uri.to_owned(),
    }
}

/// Takes references to types of Kubernetes out of a schema, and tells to which documents.
fn open_references(schema: &mut Json, draft: Draft, unchecked: &mut BTreeSet<String>) {
    fn names(value: &Json, into: &mut BTreeSet<String>) {
        match value {
            Json::Object(map) => {
                let own = ["$id", "id"].iter().filter_map(|key| map.get(*key)?.as_str());
                into.extend(own.map(|name| name.trim_end_matches('#').to_owned()));
                map.values().for_each(|value| names(value, into));
            }
            Json::Array(list) => list.iter().for_each(|value| names(value, into)),
            _ => {}
        }
    }
    fn open(value: &mut Json, siblings: bool, known: &BTreeSet<String>, unchecked: &mut BTreeSet<String>) {
        if let Json::Object(map) = value {
            let reference = map.get("$ref").and_then(Json::as_str).unwrap_or_default();
            let document = reference.split('#').next().unwrap_or_default();
            if is_kubernetes_type(reference) && !known.contains(document) {
                unchecked.insert(document.to_owned());
                if siblings {
                    map.shift_remove("$ref")
                } else {
                    map.clear();
                    None
                };
            }
        }
        match value {
            Json::Object(map) => map.values_mut().for_each(|value| open(value, siblings, known, unchecked)),
            Json::Array(list) => list.iter_mut().for_each(|value| open(value, siblings, known, unchecked)),
            _ => {}
        }
    }
    let mut known = BTreeSet::new();
    names(schema, &mut known);
    open(schema, matches!(draft, Draft::Draft201909 | Draft::Draft202012), &known, unchecked);
}

fn shown(path: &[String]) -> String {
    cut(&path.join("."))
}

type Finding = (Vec<String>, String);

/// Checks one document, on a thread of its own whose stack is known.
fn check_one(file: &File, values: &Value, unchecked: &mut BTreeSet<String>) -> Result<Vec<Finding>, Refused> {
    if file.data.len() > MAX_SCHEMA {
        return Err(format!("the schema is larger than {} MiB", MAX_SCHEMA >> 20).into());
    }
    let mut schema: Json = serde_json::from_slice(&file.data).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        format!("the schema is not valid JSON, or deeper than 128 levels: {place}")
    })?;
    let draft = draft_of(&mut schema)?;
    open_references(&mut schema, draft, unchecked);
    let values = json(values);
    std::thread::scope(|scope| {
        let work = || {
            guard::check(&schema, &values)?;
            run(&schema, &values, draft)
        };
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work);
        let thread = thread.map_err(|_| "not enough memory to check the schema".to_owned())?;
        thread.join().unwrap_or_else(|_| Err("the schema cannot be checked".to_owned().into()))
    })
}

/// Reads the draft off `$schema` and takes it out, so that it is decided here alone.
fn draft_of(schema: &mut Json) -> Result<Draft, String> {
    let Some(uri) = schema.as_object_mut().and_then(|map| map.shift_remove("$schema")) else {
        return Ok(Draft::Draft202012);
    };
    let uri = uri.as_str().unwrap_or_default();
    let bare = uri.strip_suffix('#').unwrap_or(uri);
    let bare = bare.strip_prefix("http://").or_else(|| bare.strip_prefix("https://")).unwrap_or(bare);
    Ok(match bare {
        "json-schema.org/schema" | "json-schema.org/draft/2020-12/schema" => Draft::Draft202012,
        "json-schema.org/draft/2019-09/schema" => Draft::Draft201909,
        "json-schema.org/draft-07/schema" => Draft::Draft7,
        "json-schema.org/draft-06/schema" => Draft::Draft6,
        "json-schema.org/draft-04/schema" => Draft::Draft4,
        _ => {
            let uri = cut(uri);
            return Err(format!("`$schema` is `{uri}`, which is not a draft that Helm has built in"));
        }
    })
}

fn run(schema: &Json, values: &Json, draft: Draft) -> Result<Vec<Finding>, Refused> {
    let formats = matches!(draft, Draft::Draft4 | Draft::Draft6 | Draft::Draft7);
    let validator = jsonschema::options()
        .with_draft(draft)
        .should_validate_formats(formats)
        .with_pattern_options(PatternOptions::regex().size_limit(MAX_PATTERN).dfa_size_limit(MAX_PATTERN))
        .with_retriever(Offline)
        .build(schema)
        .map_err(|error| broken(&error))?;
    Ok(validator.iter_errors(values).take(MAX_FINDINGS).map(|error| (keys(&error), reason(&error))).collect())
}

/// Answers for documents that a schema refers to.
struct Offline;

impl Retrieve for Offline {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Json, Box<dyn std::error::Error + Send + Sync>> {
        if uri.as_str().starts_with("urn:") { Ok(Json::Bool(true)) } else { Err("not fetched".into()) }
    }
}

/// Says what is wrong with a schema itself.
fn broken(error: &ValidationError<'_>) -> Refused {
    use jsonschema::ReferencingError as Ref;
    if let ValidationErrorKind::Referencing(error) = error.kind() {
        let message = match error {
            Ref::Unretrievable { uri, .. } => {
                let uri = cut(&without_credentials(uri));
                let message = format!("the schema refers to `{uri}`, but nothing is fetched for a schema");
                return Refused { message, help: Some(BRING_IT) };
            }
            Ref::PointerToNowhere { pointer } => format!("the schema refers to `{}`, which is not in it", cut(pointer)),
            Ref::NoSuchAnchor { anchor } | Ref::InvalidAnchor { anchor } => {
                format!("the schema refers to the anchor `{}`, which is not in it", cut(anchor))
            }
            _ => "a `$ref` of the schema cannot be followed".to_owned(),
        };
        return message.into();
    }
    let path = keys(error);
    let place = if path.is_empty() { "its top level".to_owned() } else { format!("`/{}`", cut(&path.join("/"))) };
    let message = match error.kind() {
        ValidationErrorKind::Format { format } if format == "regex" => {
            format!("the schema is not valid: Helm does not support the pattern at {place}, or it is too large")
        }
        _ => format!("the schema is not valid: at {place} it {}", reason(error)),
    };
    message.into()
}

/// Returns the path of the value that an error is about.
fn keys(error: &ValidationError<'_>) -> Vec<String> {
    let pointer = error.instance_path().as_str();
    pointer.split('/').skip(1).map(|key| key.replace("~1", "/").replace("~0", "~")).collect()
}

/// Says why a value does not fit; never says the value, which may be a secret.
fn reason(error: &ValidationError<'_>) -> String {
    use ValidationErrorKind as Kind;
    let named = |all: &[String]| {
        let shown: Vec<String> = all.iter().take(5).map(|key| format!("`{}`", cut(key))).collect();
        shown.join(", ")
    };
    match error.kind() {
        Kind::Type { kind } => {
            let wanted: Vec<&str> = match kind {
                TypeKind::Single(one) => vec![a(*one)],
                TypeKind::Multiple(set) => set.iter().map(a).collect(),
            };
            format!("must be {}, but is {}", wanted.join(" or "), type_of(error.instance()))
        }
        Kind::Required { property } => format!("has no `{}`", cut(property.as_str().unwrap_or_default())),
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            format!("must not have {}", named(unexpected))
        }
        Kind::Enum { options } => format!("must be one of {}", cut_json(options)),
        Kind::Constant { expected_value } => format!("must be {}", cut_json(expected_value)),
        Kind::Pattern { pattern } => format!("does not match `{}`", cut(pattern)),
        Kind::Format { format } => format!("does not have the format `{}`", cut(format)),
        Kind::Minimum { limit } => format!("must be at least {limit}"),
        Kind::Maximum { limit } => format!("must be at most {limit}"),
        Kind::ExclusiveMinimum { limit } => format!("must be more than {limit}"),
        Kind::ExclusiveMaximum { limit } => format!("must be less than {limit}"),
        Kind::MultipleOf { multiple_of } => format!("must be a multiple of {multiple_of}"),
        Kind::MinLength { limit } => format!("must have at least {limit} characters"),
        Kind::MaxLength { limit } => format!("must have at most {limit} characters"),
        Kind::MinItems { limit } => format!("must have at least {limit} items"),
        Kind::MaxItems { limit } => format!("must have at most {limit} items"),
        Kind::MinProperties { limit } => format!("must have at least {limit} keys"),
        Kind::MaxProperties { limit } => format!("must have at most {limit} keys"),
        Kind::AdditionalItems { limit } => format!("must have at most {limit} items"),
        Kind::UnevaluatedItems { .. } => "has items that the schema does not allow".to_owned(),
        Kind::UniqueItems => "has duplicate items".to_owned(),
        Kind::Contains => "does not contain an item that the schema requires".to_owned(),
        Kind::FalseSchema => "must not be set".to_owned(),
        Kind::Not { .. } => "is excluded by the schema".to_owned(),
        Kind::PropertyNames { error } => {
            let key = error.instance().as_str().unwrap_or_default();
            format!("has the key `{}`, which {}", cut(key), reason(error))
        }
        Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
            alternatives(context, error.instance_path().as_str())
        }
        Kind::OneOfMultipleValid { .. } => {
            "matches several alternatives of the schema, but must match exactly one".to_owned()
        }
        _ => "does not match the schema".to_owned(),
    }
}

/// Says why each of some alternatives does not fit, by the first finding of each.
fn alternatives(context: &[Vec<ValidationError<'static>>], base: &str) -> String {
    let mut reasons: Vec<String> = Vec::new();
    for error in context.iter().filter_map(|errors| errors.first()) {
        let below = error.instance_path().as_str().strip_prefix(base).unwrap_or_default();
        let place =
            if below.is_empty() { "it".to_owned() } else { format!("`{}`", cut(&below[1..].replace('/', "."))) };
        let reason = format!("{place} {}", reason(error));
        if reasons.len() < 4 && !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    format!("matches none of the {} alternatives of the schema: {}", context.len(), reasons.join("; or "))
}

fn cut_json(value: &Json) -> String {
    let text = value.to_string();
    let cut: String = text.chars().take(200).collect();
    if cut.len() < text.len() { format!("{cut} …") } else { cut }
}

fn a(kind: JsonType) -> &'static str {
    match kind {
        JsonType::Null => "null",
        JsonType::Boolean => "a boolean",
        JsonType::Integer => "an integer",
        JsonType::Number => "a number",
        JsonType::String => "a string",
        JsonType::Array => "a list",
        JsonType::Object => "a map",
    }
}

fn type_of(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "a boolean",
        Json::Number(_) => "a number",
        Json::String(_) => "a string",
        Json::Array(_) => "a list",
        Json::Object(_) => "a map",
    }
}

/// Turns values into JSON, with every number the float that Helm has; whole ones are integers for a schema.
fn json(value: &Value) -> Json {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::float_cmp,
        reason = "as Helm's float64"
    )]
    let number = |float: f64| {
        let whole = float as i64;
        if whole as f64 == float && whole.unsigned_abs() <= 1 << 53 { Json::from(whole) } else { Json::from(float) }
    };
    match value {
        Value::Null => Json::Null,
        Value::Bool(b) => Json::Bool(*b),
        #[expect(clippy::cast_precision_loss, reason = "as Helm's float64")]
        Value::Int(int) => number(*int as f64),
        Value::Float(float) => number(*float),
        Value::Str(text) => Json::from(&**text),
        Value::List(list) => Json::Array(list.iter().map(json).collect()),
        Value::Map(map) => Json::Object(map.iter().map(|(key, value)| (key.to_string(), json(value))).collect()),
    }
}

#[cfg(test)]
mod tests;
