//! `plain-secret`: a secret that everybody who reads the repository can read.
//!
//! Looks at what the user wrote, at rendered objects and at Helm values, and reports every place where one is written.
//! Names of secrets, of their keys and files, and anything that is filled in elsewhere (`${…}`, `$(…)`, `{{ … }}`) are
//! references, not secrets (`secret_words`). A value that is taken for a secret is never shown, nor its length.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::secret_words::{number, secret};
use super::unknown_value::{Where, find};
use super::{Clean, Context, Findings, Made, at_key, at_object, walk};
use crate::code;
use crate::diag::{Diagnostic, Span};
use crate::lower::Lowered;
use crate::lower::secrets::kept_files;
use crate::manifest::value::Value;
use crate::resolve::Instance;

code!(
    PLAIN_SECRET,
    "plain-secret",
    "a secret is in plain text",
    "git history is permanent, and anybody who can read the repository, the values or the object can read the secret",
    "[components.app]\nenv.DB_PASSWORD = \"hunter2\"",
    "[components.app]\nsecrets.db = { keys = { password = \"${item.password}\" } }"
);

/// What was reported where it was written, so that it is not reported again where it ended up.
#[derive(Default)]
struct Reported<'a> {
    texts: BTreeSet<&'a str>,
    places: BTreeSet<Span>,
}

/// Checks everything that was written and everything that was made.
pub fn check(context: &Context<'_>, findings: &mut Findings) {
    let mut reported = Reported::default();
    for (index, target) in context.platform.targets.iter().enumerate() {
        for (table, component, node) in target.written() {
            walk::strings(node, "", table, &mut |key, above, text, span| {
                if let Some(what) = secret(key, above, text) {
                    reported.texts.insert(text);
                    reported.places.insert(span);
                    findings.component(index, component, in_text(key, above, what, span));
                }
            });
        }
    }
    let mut clean = Clean::default();
    for made in context.made() {
        // What a chart writes into a Secret comes from the chart and from values, and neither holds a secret; what it draws
        // is refused before (`unstable-manifest`).
        for lowered in made.written().filter(|lowered| !lowered.origin.is_chart()) {
            clean.unless_clean(lowered.object.value(), findings, |findings| {
                object(context, &made, lowered, &reported, findings);
            });
        }
        let (Some(all), Some(instance)) = (&made.unit.values, made.instance) else { continue };
        clean.unless_clean(all, findings, |findings| values(context, &made, instance, all, &reported, findings));
    }
}

/// Says what a value is, when it is a secret, with its text.
fn judged<'v>(key: &str, above: &str, value: &'v Value) -> Option<(&'static str, Cow<'v, str>)> {
    match value {
        Value::Str(text) => Some((secret(key, above, text)?, Cow::Borrowed(text))),
        Value::Int(digits) => Some((number(key, above)?, Cow::Owned(digits.to_string()))),
        _ => None,
    }
}

fn in_text(key: &str, above: &str, what: &str, span: Span) -> Diagnostic {
    let under = if key.is_empty() { String::new() } else { format!(" under `{key}`") };
    // Where it ends would tell its length.
    let span = Span { end: span.start, ..span };
    let diagnostic = Diagnostic::error(&PLAIN_SECRET, format!("{what} is in plain text{under}")).at(span, "");
    if above != "env" {
        return remedy(diagnostic);
    }
    let name = key.to_ascii_lowercase().replace('_', "-");
    let help = format!(
        "store it in the secret store and refer to it: `secrets.{name}.keys.value = \"${{item.value}}\"` and `env.{key} = \"${{secrets.{name}.value}}\"`"
    );
    diagnostic.hidden().help(help).note(ROTATE)
}

const ROTATE: &str = "if it was ever committed, rotate it";

fn remedy(diagnostic: Diagnostic) -> Diagnostic {
    diagnostic
        .hidden()
        .help(
            "store it in the secret store and refer to it: `secrets.<name> = { keys = { password = \
        \"${item.password}\" } }`",
        )
        .note(ROTATE)
}

/// Kinds whose content is a reference or encrypted.
const SAFE_KINDS: &[&str] = &[
    "SealedSecret",
    "CustomResourceDefinition",
    "ExternalSecret",
    "ClusterExternalSecret",
    "ClusterSecretStore",
    "SecretStore",
];

fn object(context: &Context<'_>, made: &Made<'_>, lowered: &Lowered, reported: &Reported<'_>, findings: &mut Findings) {
    let object = &lowered.object;
    // A file that SOPS has encrypted says so at its top.
    if SAFE_KINDS.contains(&object.kind()) || kept_files::is_encrypted(object.value()) {
        return;
    }
    if object.kind() == "Secret" && object.group().is_empty() {
        let filled =
            ["data", "stringData"].iter().any(|key| object.map().get(*key).is_some_and(|data| !data.is_empty()));
        if filled {
            let message = format!("Secret `{}` is written in plain text", object.name());
            let diagnostic = at_object(Diagnostic::error(&PLAIN_SECRET, message), lowered, "");
            let diagnostic = diagnostic.note("base64 is an encoding, not encryption");
            findings.object(made, lowered, remedy(diagnostic));
        }
        return;
    }
    let file = walk::file_of(context, lowered);
    let mut places = walk::Places::default();
    walk::scalars(object.value(), "", "", &mut |key, above, value| {
        let Some((what, text)) = judged(key, above, value) else { return };
        // A manifest of the user's is a place of its own; what a template made of a text was reported where that stands.
        if file.is_none() && reported.texts.contains(&*text) {
            return;
        }
        let message = format!("{what} is in plain text in {} `{}`, under `{key}`", object.kind(), object.name());
        let diagnostic = Diagnostic::error(&PLAIN_SECRET, message);
        let place = file.and_then(|start| places.next(context, start, &text));
        let diagnostic = match place {
            Some(span) => diagnostic.at(span, "").at(lowered.origin.span, "included here"),
            None => at_key(context, diagnostic, lowered, key),
        };
        findings.object(made, lowered, remedy(diagnostic));
    });
}

/// Looks at the Helm values of a component: what files of the user's say is reported there.
fn values(
    context: &Context<'_>,
    made: &Made<'_>,
    instance: &Instance,
    all: &Value,
    reported: &Reported<'_>,
    findings: &mut Findings,
) {
    walk::paths(all, &mut Vec::new(), "", "", &mut |path, key, above, value| {
        let Some((what, text)) = judged(key, above, value) else { return };
        let ((at, place), by) = find(context.sources, instance, path);
        let known = match by {
            Where::User => reported.places.contains(&place),
            Where::Catalogue => reported.texts.contains(&*text),
        };
        if known {
            return;
        }
        let message = format!("{what} is in plain text in the Helm values of `{}`, under `{key}`", made.name);
        let span = if by == Where::User { Span { end: at.start, ..at } } else { instance.span };
        findings.component(made.index, made.name, remedy(Diagnostic::error(&PLAIN_SECRET, message).at(span, "")));
    });
}
