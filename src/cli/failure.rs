//! Why a command stops before its end: errors of the sink, of git and of the system, as one text with a remedy.

use std::fmt::Write as _;
use std::io;

use super::{Code, ENVIRONMENT, FINDINGS, REFUSED};
use crate::diag::escape;
use crate::diag::stop::Stop;
use crate::diag::stop::reason;

/// An exit code with what to say; nothing to say when the findings were printed already.
#[derive(Debug)]
pub struct Failure {
    pub code: Code,
    message: String,
    details: Vec<String>,
    help: Vec<String>,
}

impl Failure {
    /// Returns an error of usage or environment.
    pub fn environment(message: impl Into<String>) -> Self {
        Self { code: ENVIRONMENT, message: message.into(), details: vec![], help: vec![] }
    }

    /// Returns a refusal.
    pub fn refused(message: impl Into<String>) -> Self {
        Self { code: REFUSED, ..Self::environment(message) }
    }

    /// Returns a finding about the tree.
    pub fn finding(message: impl Into<String>) -> Self {
        Self { code: FINDINGS, ..Self::environment(message) }
    }

    /// Returns the end of a command whose findings were printed.
    pub fn reported(code: Code) -> Self {
        Self { code, ..Self::environment("") }
    }

    /// Returns the error of the system while `doing` something, such as "write `x`".
    pub fn io(doing: &str, error: &io::Error) -> Self {
        Self::environment(format!("cannot {doing}: {}", reason(error)))
    }

    /// Returns the same with another exit code.
    #[must_use]
    pub fn with_code(self, code: Code) -> Self {
        Self { code, ..self }
    }

    /// Adds an imperative, ideally text to paste.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Adds what is concerned, several lines each.
    #[must_use]
    pub fn details(mut self, details: impl IntoIterator<Item = String>) -> Self {
        self.details.extend(details);
        self
    }

    /// Returns the whole text; nothing in it acts on a terminal or a CI log.
    pub fn text(&self, color: bool) -> String {
        if self.message.is_empty() {
            return String::new();
        }
        let (red, blue, off) = if color { ("\x1b[1;31m", "\x1b[1;34m", "\x1b[0m") } else { ("", "", "") };
        let mut out = format!("{red}error{off}: {}\n", escape::line(&self.message));
        for line in self.details.iter().flat_map(|detail| detail.lines()) {
            writeln!(out, "  {}", escape::lines(line)).expect("writing to a string");
        }
        for help in &self.help {
            writeln!(out, "{blue}help{off}: {}", escape::line(help)).expect("writing to a string");
        }
        out
    }
}

impl From<Stop> for Failure {
    fn from(error: Stop) -> Self {
        Self { code: error.class.exit_code(), message: error.message, details: error.details, help: error.help }
    }
}
