//! The stable slugs of diagnostics and their documentation.
//!
//! A code is declared once with [`code!`](crate::code) beside the stage or rule that emits it, and listed in
//! [`all`], which `lakegen explain` and the tests read. A slug is never reused for another meaning.

/// A kind of finding with its documentation.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// Stable name, as in `error[unknown-key]`.
    pub slug: &'static str,
    /// What it says, in one line.
    pub summary: &'static str,
    /// Why it matters.
    pub why: &'static str,
    /// Input that causes it.
    pub example: &'static str,
    /// What to write instead.
    pub instead: &'static str,
}

/// Declares a [`Code`] as a static: `code!(UNKNOWN_KEY, "unknown-key", "summary", "why", "example", "instead");`
#[macro_export]
macro_rules! code {
    ($name:ident, $slug:literal, $summary:literal, $why:literal, $example:literal, $instead:literal $(,)?) => {
        #[doc = $summary]
        pub static $name: $crate::diag::Code =
            $crate::diag::Code { slug: $slug, summary: $summary, why: $why, example: $example, instead: $instead };
    };
}

/// Slugs of earlier versions with today's; an old one is never given to another finding.
const RENAMED: &[(&str, &str)] = &[
    ("chart-not-at-hand", "missing-archive"),
    ("chart-not-seen", "unfetched-chart"),
    ("cycle", "circular-reference"),
    ("unseen-chart", "unchecked-values"),
];

/// Returns what a slug of an earlier version is called today.
pub fn renamed(slug: &str) -> Option<&'static str> {
    RENAMED.iter().find(|(old, _)| *old == slug).map(|(_, new)| *new)
}

/// Returns every code, in the order of the stages that emit them.
pub fn all() -> Vec<&'static Code> {
    [
        crate::parse::CODES,
        crate::catalog::CODES,
        crate::lock::CODES,
        crate::fetch::CODES,
        crate::resolve::CODES,
        crate::lower::CODES,
        crate::order::CODES,
        crate::lower::charts::rendered::CODES,
        crate::check::CODES,
        crate::emit::CODES,
        crate::why::CODES,
    ]
    .concat()
}

/// What the stages before `check` warn of.
static WARNINGS: &[&Code] = &[
    &crate::resolve::UNTESTED_VERSION,
    &crate::resolve::EMPTY_ENVIRONMENT,
    &crate::lower::UNSUPPORTED,
    &crate::lower::OTHER_ENGINE,
    &crate::lower::WITHOUT_EFFECT,
    &crate::lower::KEPT_SECRET,
    &crate::lower::LOST_SECRET,
];

/// Returns every code that takes a level in `[policy]`: all checks, and the warnings of the stages before them.
pub fn levelled() -> Vec<&'static Code> {
    [crate::check::CODES, WARNINGS].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_slug_leads_to_one_of_today_and_is_not_used_again() {
        let is = |slug: &str| all().iter().any(|code| code.slug == slug);
        for (old, new) in RENAMED {
            assert!(is(new) && !is(old), "{old} → {new}");
        }
    }
}
