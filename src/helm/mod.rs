//! Helm charts, inflated in process: a chart and values in, the objects that `helm template` prints out.
//!
//! A chart is hostile input: nothing here opens a file or a socket, and every size has a bound. What Helm refuses is
//! refused; where this is stricter, the file says so. Rules are those of Helm 3.22.

use std::fmt;

use crate::manifest::value::Value;

pub mod archive; //      a packaged chart → its files
pub mod chart; //        files → chart with subcharts
pub mod context; //      what templates see besides values
pub mod dependencies; // subcharts switched, renamed, imported from
pub mod functions; //    what templates may call
pub mod go; //           the template language: Go's text/template
pub mod ignore; //       .helmignore: which files of a folder are no part of the chart
pub mod inflate; //      chart and values → objects
pub mod manifests; //    what templates printed → objects and hooks in Helm's order
pub mod metadata; //     Chart.yaml
pub mod prepare; //      a chart switched, its values merged, in Helm's order
pub mod reads; //        which values were read
pub mod render; //       chart and values → text
pub mod schema; //       values.schema.json
pub mod values; //       values of charts, globals and files merged
pub mod version; //      versions and constraints, as Helm reads them

/// What is wrong with a chart, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChartError {
    /// The chart by its path, as in `platform/charts/kafka`; empty while its name is not known.
    pub chart: String,
    /// The file in that chart; empty when it is about the whole chart.
    pub file: String,
    /// Counted from 1.
    pub line: Option<usize>,
    /// Lower case and without a final period.
    pub message: String,
    /// The path of the value that caused it, from the outermost chart on; empty where none did.
    pub value: Box<[String]>,
    pub help: Option<Box<str>>,
}

/// What is odd about a chart, though Helm takes it.
pub type ChartWarning = ChartError;

/// Characters of a message; a chart's own words may be long, and what quotes a chart's text cuts it itself.
const MAX_MESSAGE: usize = 4000;

impl ChartError {
    /// Makes an error about a file of a chart.
    pub fn new(chart: impl Into<String>, file: impl Into<String>, message: impl Into<String>) -> Self {
        let mut message = message.into();
        if let Some((at, _)) = message.char_indices().nth(MAX_MESSAGE) {
            message.truncate(at);
            message.push('…');
        }
        Self { chart: chart.into(), file: file.into(), message, ..Self::default() }
    }

    /// Adds the line, when it is known.
    pub fn at(self, line: Option<usize>) -> Self {
        Self { line, ..self }
    }

    /// Adds what to do about it.
    pub fn help(self, help: impl Into<Box<str>>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

impl fmt::Display for ChartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place: Vec<&str> =
            [self.chart.as_str(), self.file.as_str()].into_iter().filter(|p| !p.is_empty()).collect();
        write!(f, "{}", place.join("/"))?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        let colon = if place.is_empty() { "" } else { ": " };
        write!(f, "{colon}{}", self.message)?;
        self.help.iter().try_for_each(|help| write!(f, "; {help}"))
    }
}

impl std::error::Error for ChartError {}

/// Characters of a chart's own text in a message.
const MAX_SHOWN: usize = 60;

/// Shortens and escapes a text of a chart for a message.
fn shown(text: &str) -> String {
    let start: String = text.chars().take(MAX_SHOWN).flat_map(char::escape_debug).collect();
    if text.chars().nth(MAX_SHOWN).is_some() { start + "…" } else { start }
}

/// Returns the type of a value with its article.
fn a_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Int(_) => "an integer",
        Value::Float(_) => "a number",
        Value::Str(_) => "a string",
        Value::List(_) => "a list",
        Value::Map(_) => "a map",
    }
}
