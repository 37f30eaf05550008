//! Why something stopped before its end: one type for the disk, git, the sink and what is asked of a tree.

use std::{fmt, io};

/// What kind of failure it is; the number is the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The tree itself is wrong.
    Findings = 1,
    /// The disk, the repository or the call is wrong.
    Environment = 2,
    /// Going on would lose something.
    Refused = 3,
    /// Another writer was faster.
    TryAgain = 75,
}

impl Class {
    /// Returns the exit code of the process.
    pub fn exit_code(self) -> u8 {
        self as u8
    }
}

/// Why something stopped before its end: an error of the disk, of git or of the call, with its remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    pub class: Class,
    /// One line, lower case, no final period.
    pub message: String,
    /// Imperatives, ideally text to paste.
    pub help: Vec<String>,
    /// The files concerned; hand edits as diffs. Several lines each.
    pub details: Vec<String>,
}

impl Stop {
    pub(crate) fn new(class: Class, message: impl Into<String>) -> Self {
        Self { class, message: message.into(), help: vec![], details: vec![] }
    }

    pub(crate) fn environment(message: impl Into<String>) -> Self {
        Self::new(Class::Environment, message)
    }

    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self::new(Class::Refused, message)
    }

    /// Returns the error of the system while it was `doing` something, such as "write `x`".
    pub(crate) fn io(doing: &str, error: &io::Error) -> Self {
        Self::environment(format!("cannot {doing}: {}", reason(error)))
    }

    #[must_use]
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    #[must_use]
    pub(crate) fn details(mut self, details: impl IntoIterator<Item = String>) -> Self {
        self.details.extend(details);
        self
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        for detail in &self.details {
            for line in detail.lines() {
                write!(f, "\n  {line}")?;
            }
        }
        self.help.iter().try_for_each(|help| write!(f, "\nhelp: {help}"))
    }
}

impl std::error::Error for Stop {}

/// Returns the system's reason in our voice: lower case, without the number.
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}
