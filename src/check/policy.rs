//! Levels and exceptions: findings come in as the rules made them, and go out as `[policy]` wants them.

use std::collections::{BTreeMap, BTreeSet};

use crate::settings::Text;
use crate::settings::policy::Allow;
use globset::{Glob, GlobMatcher};

use super::{CODES, Finding, UNUSED_EXCEPTION};
use crate::diag::codes::{levelled, renamed};
use crate::diag::several::Several;
use crate::diag::{Diagnostic, Span, near, quoted_list};
use crate::parse::{INVALID_VALUE, MISSING_KEY};
use crate::resolve::{Platform, Target, UNKNOWN_NAME};

/// An exception of the user's.
struct Exception<'a> {
    rule: &'a str,
    resource: GlobMatcher,
    written: &'a str,
    until: Option<&'a str>,
    span: Span,
}

/// Applies levels and exceptions; says each thing once, however many targets it is true of.
pub fn apply(platform: &Platform, findings: Vec<Finding>) -> Vec<Diagnostic> {
    let mut out = Vec::new();
    let exceptions: Vec<Vec<Exception<'_>>> =
        platform.targets.iter().map(|target| exceptions(target, &mut out)).collect();
    let mut used: BTreeSet<Span> = BTreeSet::new();
    let mut several = Several::new(platform.subjects());
    for finding in findings {
        let excused = exceptions[finding.target].iter().find(|exception| excuses(exception, &finding));
        if let Some(exception) = excused {
            used.insert(exception.span);
            continue;
        }
        several.add(finding.target, platform.targets[finding.target].settings.policy.level(finding.diagnostic));
    }
    let mut unused: BTreeMap<Span, Diagnostic> = BTreeMap::new();
    for (target, exception) in
        platform.targets.iter().zip(&exceptions).flat_map(|(t, all)| all.iter().map(move |e| (t, e)))
    {
        if !used.contains(&exception.span) {
            let until = exception.until.map(|date| format!(" (kept until {date})")).unwrap_or_default();
            let message =
                format!("no finding for `{}` needs the exception from `{}`{until}", exception.written, exception.rule);
            let diagnostic = Diagnostic::warning(&UNUSED_EXCEPTION, message).at(exception.span, "").help("remove it");
            if let Some(diagnostic) = target.settings.policy.level(diagnostic) {
                unused.insert(exception.span, diagnostic);
            }
        }
    }
    out.extend(several.said());
    out.extend(unused.into_values());
    let mut seen = BTreeSet::new();
    out.retain(|d| seen.insert((d.level, d.code.slug, d.message.clone(), d.labels.first().map(|l| l.span))));
    out
}

fn excuses(exception: &Exception<'_>, finding: &Finding) -> bool {
    exception.rule == finding.diagnostic.code.slug
        && (exception.resource.is_match(&finding.component)
            || (!finding.resource.is_empty() && exception.resource.is_match(&finding.resource)))
}

fn exceptions<'a>(target: &'a Target, found: &mut Vec<Diagnostic>) -> Vec<Exception<'a>> {
    target.settings.policy.allow.iter().filter_map(|allow| exception(allow, found)).collect()
}

fn exception<'a>(allow: &'a Allow, found: &mut Vec<Diagnostic>) -> Option<Exception<'a>> {
    let said = |text: &'a Option<Text>| text.as_ref().filter(|text| !text.trim().is_empty());
    let (rule, resource, reason) = (said(&allow.rule), said(&allow.resource), said(&allow.reason));
    for (key, given, example) in [
        ("rule", rule, "rule = \"bare-pod\""),
        ("resource", resource, "resource = \"trino\""),
        ("reason", reason, "reason = \"why this is acceptable\""),
    ] {
        if given.is_none() {
            let message = format!("an exception needs a `{key}`");
            found.push(
                Diagnostic::error(&MISSING_KEY, message).at(allow.places.at, "").help(format!("add `{example}`")),
            );
            return None;
        }
    }
    let (rule, written) = (rule?, resource?);
    let slugs = || CODES.iter().map(|code| code.slug);
    if !slugs().any(|slug| *rule == slug) {
        let diagnostic = Diagnostic::error(&UNKNOWN_NAME, format!("unknown rule: `{rule}`")).at(rule.at, "");
        let near = near(rule, slugs());
        found.push(if levelled().iter().any(|code| *rule == code.slug) {
            diagnostic.help(format!(
                "exceptions do not apply to it; set its level instead: `{rule} = \"off\"` under \
            `[policy]`"
            ))
        } else if let Some(today) = renamed(rule).filter(|today| slugs().any(|slug| slug == *today)) {
            diagnostic.help(format!("`{rule}` has been renamed to `{today}`"))
        } else if near.is_empty() {
            diagnostic.note(format!("available: {}", quoted_list(slugs(), "and")))
        } else {
            diagnostic.help(format!("did you mean {}?", quoted_list(near, "or")))
        });
        return None;
    }
    if let Some(until) = allow.until.as_ref().filter(|until| !is_date(until)) {
        found.push(
            Diagnostic::error(&INVALID_VALUE, "`until` must be a date such as `\"2027-01-31\"`").at(until.at, ""),
        );
        return None;
    }
    match Glob::new(written) {
        Ok(glob) => Some(Exception {
            rule,
            resource: glob.compile_matcher(),
            written,
            until: allow.until.as_deref(),
            span: allow.places.at,
        }),
        Err(error) => {
            let message = format!("`{written}` is not a valid pattern: {}", error.kind());
            found.push(Diagnostic::error(&INVALID_VALUE, message).at(written.at, ""));
            None
        }
    }
}

fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let number = |text: &str, digits: usize| (text.len() == digits).then(|| text.parse::<u32>().ok()).flatten();
    match parts[..] {
        [year, month, day] => {
            number(year, 4).is_some()
                && number(month, 2).is_some_and(|m| (1..=12).contains(&m))
                && number(day, 2).is_some_and(|d| (1..=31).contains(&d))
        }
        _ => false,
    }
}
