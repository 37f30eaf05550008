//! `plain-secret`: a secret that everybody who reads the repository can read.
//!
//! Looks at what the user wrote, at rendered objects and at Helm values. Names of secrets, of their keys and files, and
//! anything that is filled in elsewhere (`${…}`, `$(…)`, `{{ … }}`) are references, not secrets. A value that is taken for
//! a secret is never shown, nor its length.

use std::collections::BTreeSet;

use super::{Clean, Context, Findings, Made, at_key, at_object, walk};
use crate::code;
use crate::diag::{Diagnostic, Span};
use crate::lower::{Lowered, kept_files};
use crate::manifest::value::Value;

code!(
    PLAIN_SECRET,
    "plain-secret",
    "a secret stands in plain text",
    "git never forgets, and everybody who reads the repository, the values or the object can read it",
    "[components.app]\nenv.DB_PASSWORD = \"hunter2\"",
    "[components.app]\nsecrets.db = { keys = { password = \"${item.password}\" } }"
);

/// Checks everything that was written and everything that was made.
pub fn check(context: &Context<'_>, findings: &mut Findings) {
    // What was reported where the user wrote it is not reported again where it ended up.
    let mut reported: BTreeSet<&str> = BTreeSet::new();
    for (index, target) in context.platform.targets.iter().enumerate() {
        for (table, component, node) in target.written() {
            walk::strings(node, "", table, &mut |key, above, text, span| {
                if let Some(what) = secret(key, above, text) {
                    reported.insert(text);
                    findings.component(index, component, in_text(key, what, span));
                }
            });
        }
    }
    let mut clean = Clean::default();
    for made in context.made() {
        // What a chart writes into a Secret comes from the chart and from values, and neither holds a secret; what it draws
        // is refused before (`unstable-manifest`).
        for lowered in made.objects().filter(|lowered| !lowered.origin.is_chart()) {
            clean.unless_clean(lowered.object.value(), findings, |findings| {
                object(context, &made, lowered, &reported, findings);
            });
        }
        let (Some(values), Some(instance)) = (&made.unit.values, made.instance) else { continue };
        clean.unless_clean(values, findings, |findings| {
            let mut seen = None;
            walk::scalars(values, "", "", &mut |key, above, value| {
                if let Value::Str(text) = value
                    && seen.is_none()
                    && !reported.contains(&**text)
                    && let Some(what) = secret(key, above, text)
                {
                    seen = Some((key, what));
                }
            });
            if let Some((key, what)) = seen {
                let message = format!("{what} stands in the Helm values of `{}`, under `{key}`", made.name);
                findings.component(
                    made.index,
                    made.name,
                    remedy(Diagnostic::error(&PLAIN_SECRET, message).at(instance.span, "")),
                );
            }
        });
    }
}

fn in_text(key: &str, what: &str, span: Span) -> Diagnostic {
    let under = if key.is_empty() { String::new() } else { format!(" under `{key}`") };
    // Where it ends would tell its length.
    let span = Span { end: span.start, ..span };
    remedy(Diagnostic::error(&PLAIN_SECRET, format!("{what} stands in plain text{under}")).at(span, ""))
}

fn remedy(diagnostic: Diagnostic) -> Diagnostic {
    diagnostic
        .hidden()
        .help("put it into the secret store, and refer to it: `secrets.<name> = { keys = { password = \"${item.password}\" } }`")
        .note("if it was ever committed, it is known: change it")
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

fn object(
    context: &Context<'_>,
    made: &Made<'_>,
    lowered: &Lowered,
    reported: &BTreeSet<&str>,
    findings: &mut Findings,
) {
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
            let diagnostic = diagnostic.note("base64 is a spelling, not encryption");
            findings.object(made, lowered, remedy(diagnostic));
        }
        return;
    }
    let mut seen: Option<(&str, &str)> = None;
    walk::scalars(object.value(), "", "", &mut |key, above, value| {
        if let Value::Str(text) = value
            && seen.is_none()
            && !reported.contains(&**text)
            && let Some(what) = secret(key, above, text)
        {
            seen = Some((key, what));
        }
    });
    if let Some((key, what)) = seen {
        let message = format!("{what} stands in {} `{}`, under `{key}`", object.kind(), object.name());
        findings.object(
            made,
            lowered,
            remedy(at_key(context, Diagnostic::error(&PLAIN_SECRET, message), lowered, key)),
        );
    }
}

/// Says what a string is, when it is a secret.
fn secret(key: &str, above: &str, text: &str) -> Option<&'static str> {
    if text.len() < 3 {
        return None;
    }
    if text.contains("-----BEGIN") && text.contains("PRIVATE KEY-----") {
        return Some("a private key");
    }
    if let Some(what) = token(text) {
        return Some(what);
    }
    if password_in_url(text) {
        return Some("an address with a password");
    }
    if assigned_password(text) {
        return Some("a password");
    }
    if is_reference(text) || above_names_keys(above) {
        return None;
    }
    if ends_with(key, &["password", "passwd", "passphrase"])
        && !text.contains(char::is_whitespace)
        && !is_word_for_none(text)
    {
        return Some("a password");
    }
    // Hadoop's and Spark's settings, such as `fs.s3a.secret.key`: no name of anything ends so.
    if ends_with(key, &[".secret.key", ".session.token"]) && !is_word_for_none(text) {
        return Some("a secret key");
    }
    (ends_with(
        key,
        &[
            "secret",
            "token",
            "apikey",
            "api_key",
            "api-key",
            "secretkey",
            "secret_key",
            "secret-key",
            "accesskey",
            "access_key",
            "privatekey",
            "private_key",
            "private-key",
            "credential",
            "credentials",
        ],
    ) && is_random(text))
    .then_some("what looks like a key")
}

/// Says whether the key above says that what stands below are names of keys.
fn above_names_keys(above: &str) -> bool {
    ends_with(above, &["keys", "key", "keymapping", "remoteref", "credentials", "secret", "secretref"])
}

fn ends_with(key: &str, words: &[&str]) -> bool {
    words.iter().any(|word| {
        key.len() >= word.len()
            && key.is_char_boundary(key.len() - word.len())
            && key[key.len() - word.len()..].eq_ignore_ascii_case(word)
    })
}

/// Says whether a string is filled in elsewhere, or names a place.
fn is_reference(text: &str) -> bool {
    text.contains("${")
        || text.contains("$(")
        || text.contains("{{")
        || text.starts_with(['$', '/', '<', '%'])
        || text.starts_with("file:")
        || text.starts_with("env:")
        || text.starts_with("ENC[")
}

fn is_word_for_none(text: &str) -> bool {
    ["none", "null", "true", "false", "disabled", "optional", "required"]
        .iter()
        .any(|word| text.eq_ignore_ascii_case(word))
}

/// Says whether a string is random rather than a name: letters of both cases with digits, or many hexadecimal digits.
fn is_random(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.len() < 16 || !bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"+/=_-.~".contains(b)) {
        return false;
    }
    let has = |is: fn(&u8) -> bool| bytes.iter().any(is);
    let hexadecimal = bytes.len() >= 32 && bytes.iter().all(u8::is_ascii_hexdigit) && has(u8::is_ascii_digit);
    let mixed = has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase) && has(u8::is_ascii_digit);
    hexadecimal || (mixed && entropy(bytes) > 3.5)
}

/// Returns Shannon's entropy in bits per byte.
#[allow(clippy::cast_precision_loss, reason = "lengths of strings are far below 2^52")]
fn entropy(bytes: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in bytes {
        counts[usize::from(*byte)] += 1;
    }
    let all = bytes.len() as f64;
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| f64::from(*count) / all)
        .map(|share| -share * share.log2())
        .sum()
}

/// Shapes of tokens that their makers document: beginning, least number of further characters, what it is.
const TOKENS: &[(&str, usize, &str)] = &[
    ("AKIA", 16, "an AWS access key"),
    ("ASIA", 16, "an AWS access key"),
    ("AIza", 35, "a Google API key"),
    ("eyJ", 40, "a JSON web token"),
    ("ghp_", 36, "a GitHub token"),
    ("gho_", 36, "a GitHub token"),
    ("ghs_", 36, "a GitHub token"),
    ("github_pat_", 22, "a GitHub token"),
    ("glpat-", 20, "a GitLab token"),
    ("hvs.", 24, "a Vault token"),
    ("npm_", 36, "an npm token"),
    ("sk_live_", 16, "a Stripe key"),
    ("xoxa-", 10, "a Slack token"),
    ("xoxb-", 10, "a Slack token"),
    ("xoxp-", 10, "a Slack token"),
    ("xoxr-", 10, "a Slack token"),
    ("xoxs-", 10, "a Slack token"),
];

/// Finds a token of a known shape at the beginning of a word.
fn token(text: &str) -> Option<&'static str> {
    let bytes = text.as_bytes();
    let mut in_word = false;
    for (at, byte) in bytes.iter().enumerate() {
        let part_of_word = byte.is_ascii_alphanumeric() || *byte == b'_';
        if part_of_word && !in_word && matches!(byte, b'A' | b'e' | b'g' | b'h' | b'n' | b's' | b'x') {
            let rest = &bytes[at..];
            for (start, more, what) in TOKENS {
                if let Some(tail) = rest.strip_prefix(start.as_bytes()) {
                    let length = tail.iter().take_while(|b| b.is_ascii_alphanumeric() || b"_-.".contains(b)).count();
                    let digits = tail[..length].iter().any(u8::is_ascii_digit);
                    let fits = match *start {
                        "AKIA" | "ASIA" => {
                            length == 16 && tail[..16].iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
                        }
                        "eyJ" => length >= *more && tail[..length].iter().filter(|b| **b == b'.').count() == 2,
                        _ => length >= *more && digits,
                    };
                    if fits {
                        return Some(what);
                    }
                }
            }
        }
        in_word = part_of_word;
    }
    None
}

/// Says whether an address carries a literal password: `scheme://user:password@host`.
fn password_in_url(text: &str) -> bool {
    text.match_indices("://").any(|(at, _)| {
        let rest = &text[at + 3..];
        let end = rest
            .find(|c: char| c == '/' || c == '?' || c.is_whitespace() || c == '"' || c == '\'')
            .unwrap_or(rest.len());
        let Some((user, _)) = rest[..end].rsplit_once('@') else { return false };
        user.split_once(':').is_some_and(|(_, password)| {
            !password.is_empty() && !is_reference(password) && !password.contains(['{', '}', '*'])
        })
    })
}

/// Says whether a text sets a password: `password=…` in an address or a properties file, `"password": "…"` in JSON.
fn assigned_password(text: &str) -> bool {
    const WORD: &[u8] = b"password";
    let bytes = text.as_bytes();
    (0..bytes.len().saturating_sub(WORD.len())).any(|at| {
        if !matches!(bytes[at], b'p' | b'P') || !bytes[at..at + WORD.len()].eq_ignore_ascii_case(WORD) {
            return false;
        }
        let after = text[at + WORD.len()..].trim_start_matches(['"', '\'', ' ']);
        let quoted = after.starts_with(':');
        let Some(value) = after.strip_prefix('=').or_else(|| after.strip_prefix(':')) else { return false };
        let value = value.trim_start_matches(' ');
        let json = value.strip_prefix('"').or_else(|| value.strip_prefix('\''));
        // `password: x` in prose or code is not an assignment; in JSON and YAML the value is quoted.
        if quoted && json.is_none() {
            return false;
        }
        let value = json.unwrap_or(value);
        let end = value
            .find(|c: char| c.is_whitespace() || matches!(c, '&' | ';' | ',' | '"' | '\'' | '<' | '>' | '`' | ')'))
            .unwrap_or(value.len());
        let value = &value[..end];
        value.len() >= 3
            && !is_reference(value)
            && !value.contains(['$', '(', '{', '[', '}', '*'])
            && !is_word_for_none(value)
            && !is_expression(value)
    })
}

/// Says whether what stands behind `password=` is code that names something: `connection.password`.
fn is_expression(value: &str) -> bool {
    value.contains('.')
        && value.split('.').all(|part| {
            part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_told_from_names_of_secrets() {
        let secrets: &[(&str, &str)] = &[
            ("DB_PASSWORD", "hunter2"),
            ("password", "correct-horse"),
            ("x", "AKIAIOSFODNN7EXAMPLE"),
            ("x", "token ghp_0123456789abcdefghijABCDEFGHIJ012345"),
            ("url", "postgres://app:hunter2@db/app"),
            ("url", "jdbc:postgresql://db/app?user=app&password=hunter2"),
            ("config", "connection-password=hunter2\nx=1"),
            ("annotation", "{\"password\": \"hunter2\"}"),
            ("clientSecret", "Zm9vYmFyMTIzNDU2Nzg5MA"),
            ("api_key", "0123456789abcdef0123456789abcdef"),
            ("x", "-----BEGIN RSA PRIVATE KEY-----\nMIIE"),
        ];
        for (key, text) in secrets {
            assert!(secret(key, "", text).is_some(), "{key} = {text}");
        }
        let names: &[(&str, &str)] = &[
            ("passwordKey", "admin-password"),
            ("adminPasswordSecret", "grafana-admin"),
            ("existingSecret", "airflow-metadata-2"),
            ("secretKey", "lakehouse-minio-secret-key-2"),
            ("password", "${ENV:DB_PASSWORD}"),
            ("password", "$(DB_PASSWORD)"),
            ("password", "{{ .password }}"),
            ("url", "postgres://app:${DB_PASSWORD}@db/app"),
            ("url", "https://git.example.com/acme/x.git"),
            ("config", "connection-password=${ENV:X}"),
            ("code", "connect(user=c.login, password=c.password)"),
            ("script", "password=$(cat /run/password)"),
            ("doc", "the password: see the wiki"),
            ("token", "/var/run/secrets/token"),
        ];
        for (key, text) in names {
            assert_eq!(secret(key, "", text), None, "{key} = {text}");
        }
        assert_eq!(secret("password", "secretKeys", "postgres-password"), None);
    }
}
