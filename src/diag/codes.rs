//! The stable slugs of diagnostics and their documentation.
//!
//! A code is declared once with [`code!`] beside the stage or rule that emits it, and listed in
//! [`ALL`], which `lakegen explain` and the tests read. A slug is never reused for another meaning.

/// A kind of finding with its documentation.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// Stable name, as in `error[unknown-key]`.
    pub slug: &'static str,
    /// What it says, in one line.
    pub summary: &'static str,
    /// Markdown with the sections What it does, Why, Example, Instead.
    pub docs: &'static str,
}

/// Declares a [`Code`] as a constant: `code!(UNKNOWN_KEY, "unknown-key", "summary", "docs");`
#[macro_export]
macro_rules! code {
    ($name:ident, $slug:literal, $summary:literal, $docs:literal $(,)?) => {
        #[doc = $summary]
        pub static $name: $crate::diag::Code = $crate::diag::Code { slug: $slug, summary: $summary, docs: $docs };
    };
}
pub static ALL: &[&Code] = &[];
