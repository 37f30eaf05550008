//! `malformed-field`: a schedule, duration, quantity or number of a manifest that its reader cannot read, or reads otherwise.
//!
//! The API server takes any text in most of these fields; the operator behind it does not.

use super::{Clean, Context, Findings, at_key};
use crate::code;
use crate::diag::{Diagnostic, near};
use crate::manifest::object::Object;
use crate::manifest::value::{Map, Value};
use crate::parse::text::{cron, cron_with_seconds};

code!(
    MALFORMED_FIELD,
    "malformed-field",
    "a field of a manifest has the wrong format for its kind",
    "the cluster or the operator would reject it, or interpret it differently",
    "kind: ScheduledBackup\nspec:\n  schedule: \"0 2 * * *\"          # its schedules begin with the seconds",
    "kind: ScheduledBackup\nspec:\n  schedule: \"0 0 2 * * *\""
);

/// How a field is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Cron,
    CronWithSeconds,
    /// A duration as Go reads it: no days.
    Duration,
    Quantity,
}

/// Group, kind, path below `spec`, and how it is written. Sources: batch/v1 `CronJobSpec` (kubernetes/api v0.34);
/// cloudnative-pg docs, backup, "Scheduled backups"; velero.io/docs, api-types/schedule; spark-operator, CRD
/// `ScheduledSparkApplication`; argo-workflows docs, cron-workflows; cert-manager docs, usage/certificate (Go's
/// `time.Duration`); external-secrets docs, api/externalsecret; fluxcd.io/flux, `interval` of its kinds.
const FIELDS: &[(&str, &str, &[&str], Form)] = &[
    ("batch", "CronJob", &["schedule"], Form::Cron),
    ("postgresql.cnpg.io", "ScheduledBackup", &["schedule"], Form::CronWithSeconds),
    ("postgresql.cnpg.io", "Cluster", &["storage", "size"], Form::Quantity),
    ("postgresql.cnpg.io", "Cluster", &["walStorage", "size"], Form::Quantity),
    ("velero.io", "Schedule", &["schedule"], Form::Cron),
    ("sparkoperator.k8s.io", "ScheduledSparkApplication", &["schedule"], Form::Cron),
    ("argoproj.io", "CronWorkflow", &["schedule"], Form::Cron),
    ("cert-manager.io", "Certificate", &["duration"], Form::Duration),
    ("cert-manager.io", "Certificate", &["renewBefore"], Form::Duration),
    ("external-secrets.io", "ExternalSecret", &["refreshInterval"], Form::Duration),
    ("external-secrets.io", "PushSecret", &["refreshInterval"], Form::Duration),
    ("kustomize.toolkit.fluxcd.io", "Kustomization", &["interval"], Form::Duration),
    ("kustomize.toolkit.fluxcd.io", "Kustomization", &["timeout"], Form::Duration),
    ("helm.toolkit.fluxcd.io", "HelmRelease", &["interval"], Form::Duration),
    ("helm.toolkit.fluxcd.io", "HelmRelease", &["timeout"], Form::Duration),
    ("source.toolkit.fluxcd.io", "GitRepository", &["interval"], Form::Duration),
    ("source.toolkit.fluxcd.io", "HelmRepository", &["interval"], Form::Duration),
    ("source.toolkit.fluxcd.io", "OCIRepository", &["interval"], Form::Duration),
    ("", "PersistentVolume", &["capacity", "storage"], Form::Quantity),
];

/// Annotations that hold an integer (argo-cd v3.4 docs/user-guide/sync-waves.md; helm.sh/docs/topics/charts_hooks).
const INTEGERS: &[&str] = &["argocd.argoproj.io/sync-wave", "helm.sh/hook-weight"];

/// Annotations that hold words with commas between them (the same pages).
const WORDS: &[(&str, &[&str])] = &[
    ("argocd.argoproj.io/hook", &["PreSync", "Sync", "PostSync", "SyncFail", "Skip", "PreDelete", "PostDelete"]),
    ("argocd.argoproj.io/hook-delete-policy", &["HookSucceeded", "HookFailed", "BeforeHookCreation"]),
    (
        "helm.sh/hook",
        &[
            "pre-install",
            "post-install",
            "pre-delete",
            "post-delete",
            "pre-upgrade",
            "post-upgrade",
            "pre-rollback",
            "post-rollback",
            "test",
            "test-success",
            "test-failure",
            "crd-install",
        ],
    ),
];

/// A field, its text, and what is wrong with it.
struct Wrong<'a> {
    key: &'a str,
    message: String,
    note: Option<&'static str>,
    help: Option<String>,
}

/// Checks every object that no chart made.
pub fn check(context: &Context<'_>, findings: &mut Findings) {
    let mut clean = Clean::default();
    for made in context.made() {
        for lowered in made.objects().filter(|l| !l.origin.is_chart() && l.object.kind() != "CustomResourceDefinition")
        {
            clean.unless_clean(lowered.object.value(), findings, |findings| {
                for wrong in wrong(&lowered.object) {
                    let message = format!("{} `{}`: {}", lowered.object.kind(), lowered.object.name(), wrong.message);
                    let mut diagnostic =
                        at_key(context, Diagnostic::error(&MALFORMED_FIELD, message), lowered, wrong.key);
                    diagnostic.notes.extend(wrong.note.map(String::from));
                    diagnostic.help.extend(wrong.help);
                    findings.object(&made, lowered, diagnostic);
                }
            });
        }
    }
}

fn wrong(object: &Object) -> Vec<Wrong<'_>> {
    let mut found = Vec::new();
    for (_, _, path, form) in
        FIELDS.iter().filter(|(group, kind, ..)| *group == object.group() && *kind == object.kind())
    {
        let value = path.iter().try_fold(object.value().get("spec"), |value, key| Some(value?.get(key))).flatten();
        if let (Some(Value::Str(text)), Some(key)) = (value, path.last()) {
            found.extend(judge(key, text, *form));
        }
    }
    resources(object.map(), &mut found);
    let annotations = object.value().at(&["metadata", "annotations"]).and_then(Value::as_map);
    for (key, value) in annotations.into_iter().flatten() {
        if let Some(text) = value.as_str() {
            found.extend(annotation(key, text));
        }
    }
    found
}

/// Looks at the quantities of `resources`, wherever they stand.
fn resources<'a>(map: &'a Map, found: &mut Vec<Wrong<'a>>) {
    for (key, value) in map {
        match value {
            Value::Map(inner) => {
                if &**key == "resources" {
                    for (name, value) in
                        ["requests", "limits"].iter().filter_map(|side| inner.get(*side)?.as_map()).flatten()
                    {
                        if let Some(text) = value.as_str() {
                            found.extend(judge(name, text, Form::Quantity));
                        }
                    }
                }
                resources(inner, found);
            }
            Value::List(list) => list.iter().filter_map(Value::as_map).for_each(|inner| resources(inner, found)),
            _ => {}
        }
    }
}

fn judge<'a>(key: &'a str, text: &str, form: Form) -> Option<Wrong<'a>> {
    // What is filled in elsewhere cannot be read here.
    if text.contains(['$', '{']) {
        return None;
    }
    let wrong = |message: String| Wrong { key, message, note: None, help: None };
    match form {
        Form::Cron => cron(text).err().map(|what| wrong(format!("`{text}` is not {what}"))),
        Form::CronWithSeconds => cron_with_seconds(text).err().map(|what| {
            let five = cron(text).is_ok();
            Wrong {
                note: five.then_some("schedules of this kind begin with the seconds, so this would run far more often"),
                help: five.then(|| format!("write `{key}: \"0 {text}\"`")),
                ..wrong(format!("`{text}` is not {what}"))
            }
        }),
        Form::Duration => (!is_duration(text)).then(|| Wrong {
            help: days(text).map(|hours| format!("write it in hours: `{key}: {hours}h`")),
            ..wrong(format!("`{text}` is not a duration in `h`, `m` and `s`"))
        }),
        Form::Quantity => (!is_quantity(text)).then(|| Wrong {
            help: bytes(text).map(|right| format!("write `{key}: {right}`")),
            ..wrong(format!("`{text}` is not a quantity, for example `20Gi` or `500m`"))
        }),
    }
}

fn annotation<'a>(key: &'a str, text: &str) -> Option<Wrong<'a>> {
    let wrong = |message: String| Wrong { key, message, note: None, help: None };
    if INTEGERS.contains(&key) && text.parse::<i64>().is_err() {
        return Some(wrong(format!("`{key}` takes an integer, not `{text}`")));
    }
    let (_, known) = WORDS.iter().find(|(name, _)| *name == key)?;
    let word = text.split(',').map(str::trim).find(|word| !known.contains(word))?;
    let help = near(word, known.iter().copied()).first().map(|word| format!("did you mean `{word}`?"));
    Some(Wrong { help, ..wrong(format!("`{key}` does not accept `{word}`")) })
}

/// Says whether Go reads this as a duration (`time.ParseDuration`).
fn is_duration(text: &str) -> bool {
    let mut rest = text.strip_prefix(['-', '+']).unwrap_or(text);
    if rest == "0" {
        return true;
    }
    let mut any = false;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
        let behind = &rest[digits..];
        let unit = behind.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(behind.len());
        if digits == 0 || !matches!(&behind[..unit], "ns" | "us" | "µs" | "ms" | "s" | "m" | "h") {
            return false;
        }
        any = true;
        rest = &behind[unit..];
    }
    any
}

/// Returns the hours of a duration in days or weeks.
fn days(text: &str) -> Option<u64> {
    let number = |unit: char| text.strip_suffix(unit).and_then(|n| n.parse::<u64>().ok());
    number('d').and_then(|n| n.checked_mul(24)).or_else(|| number('w').and_then(|n| n.checked_mul(168)))
}

/// Says whether Kubernetes reads this as a quantity (kubernetes/apimachinery v0.34, `resource.ParseQuantity`).
fn is_quantity(text: &str) -> bool {
    let body = text.strip_prefix(['-', '+']).unwrap_or(text);
    let digits = body.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(body.len());
    let (number, suffix) = body.split_at(digits);
    let exponent = suffix.strip_prefix(['e', 'E']).is_some_and(|rest| {
        let rest = rest.strip_prefix(['-', '+']).unwrap_or(rest);
        !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit())
    });
    let units = ["", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    number.bytes().any(|b| b.is_ascii_digit())
        && number.matches('.').count() <= 1
        && (exponent || units.contains(&suffix))
}

/// Returns the quantity that was meant by `20GB`, `512mb` or `4gi`.
fn bytes(text: &str) -> Option<String> {
    let digits = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).filter(|n| *n > 0)?;
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim().to_ascii_lowercase();
    let letter = unit.chars().next().filter(|c| "kmgtp".contains(*c))?.to_ascii_uppercase();
    matches!(&unit[1..], "" | "b" | "i" | "ib").then(|| format!("{number}{letter}i"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_quantities_are_read_as_their_readers_do() {
        for good in ["2160h", "1h30m", "0", "1.5h", "500ms"] {
            assert!(is_duration(good), "{good}");
        }
        for bad in ["90d", "1 h", "h", "", "10", "1w"] {
            assert!(!is_duration(bad), "{bad}");
        }
        assert_eq!((days("90d"), days("2w"), days("x")), (Some(2160), Some(336), None));
        for good in ["20Gi", "500m", "1.5", "1e3", "128M", "0", "2E", "100k"] {
            assert!(is_quantity(good), "{good}");
        }
        for bad in ["20GB", "512mb", "1g", "4gi", "", "Gi", "1.2.3", "ten"] {
            assert!(!is_quantity(bad), "{bad}");
        }
        assert_eq!(bytes("20GB").as_deref(), Some("20Gi"));
        assert_eq!(bytes("512mb").as_deref(), Some("512Mi"));
        assert_eq!(bytes("ten"), None);
    }
}
