//! Read-only rules over manifests, one file each.
//!
//! Comes in: the platform and its manifests, borrowed, so that no rule can change what it judges. Goes out: findings.
//! `[policy]` sets a rule's level, `[[policy.allow]]` makes an exception with a reason.

use crate::diag::{Code, Diagnostic, Sources};
use crate::lower::Manifests;
use crate::resolve::Platform;

/// The codes of all rules.
pub static CODES: &[&Code] = &[];

/// Runs every rule.
pub fn check(_platform: &Platform, _manifests: &Manifests, _sources: &Sources) -> Vec<Diagnostic> {
    vec![]
}
