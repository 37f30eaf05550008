//! `bucket-claim-setting`: a setting of an ObjectBucketClaim that nobody reads.
//!
//! The CRD takes any key under `additionalConfig`, so the API server says nothing.

use super::{Clean, Context, Findings, at_key};
use crate::code;
use crate::diag::{Diagnostic, near};
use crate::manifest::value::Value;

code!(
    BUCKET_CLAIM_SETTING,
    "bucket-claim-setting",
    "an ObjectBucketClaim has a setting that is ignored or invalid",
    "the API server accepts any key there, so the bucket would silently have no such rule or limit",
    "additionalConfig:\n  lifecycleConfiguration: <LifecycleConfiguration>…",
    "additionalConfig:\n  bucketLifecycle: '{\"Rules\":[…]}'      # or `[buckets.x] noncurrent_expire_days = 30`"
);

/// What Rook reads (rook v1.20, Documentation/Storage-Configuration/Object-Storage-RGW/ceph-object-bucket-claim.md).
const ROOK: &[&str] =
    &["bucketLifecycle", "bucketMaxObjects", "bucketMaxSize", "bucketOwner", "bucketPolicy", "maxObjects", "maxSize"];

/// What NooBaa, the other provisioner of these claims, reads (noobaa-operator, doc/bucket-types.md).
const NOOBAA: &[&str] = &["bucketclass", "nsfsAccountConfig", "path", "quota", "replicationPolicy"];

/// Settings that hold a JSON document.
const JSON: &[&str] = &["bucketLifecycle", "bucketPolicy"];

/// Checks every claim.
pub fn check(context: &Context<'_>, findings: &mut Findings) {
    let mut clean = Clean::default();
    for made in context.made() {
        for lowered in made.objects().filter(|l| l.object.kind() == "ObjectBucketClaim") {
            let value = lowered.object.value();
            let Some(settings) = value.at(&["spec", "additionalConfig"]).and_then(Value::as_map) else { continue };
            clean.unless_clean(value, findings, |findings| {
                for (key, setting) in settings {
                    let Some((problem, help)) = problem(key, setting) else { continue };
                    let message = format!("bucket claim `{}`: {problem}", lowered.object.name());
                    let diagnostic = Diagnostic::error(&BUCKET_CLAIM_SETTING, message);
                    findings.object(&made, lowered, at_key(context, diagnostic, lowered, key).help(help));
                }
            });
        }
    }
}

/// Says what is wrong with a setting, and what to do.
fn problem(key: &str, setting: &Value) -> Option<(String, String)> {
    const RULES: &str = "rename it to `bucketLifecycle` and write the rules as JSON, or declare the bucket as \
    `[buckets.<name>]` with `expire_days` or `noncurrent_expire_days`";
    let lower = key.to_ascii_lowercase();
    if !ROOK.contains(&key) && !NOOBAA.contains(&key) {
        let help = if lower.contains("lifecycle") {
            RULES.to_owned()
        } else {
            match near(key, ROOK.iter().copied()).first() {
                Some(name) => format!("did you mean `{name}`?"),
                None => format!("Rook reads {}", ROOK.join(", ")),
            }
        };
        return Some((format!("no provisioner reads `{key}`"), help));
    }
    let text = setting.as_str()?;
    if JSON.contains(&key) && serde_json::from_str::<serde_json::Value>(text).is_err() {
        let what =
            if text.trim_start().starts_with('<') { "is XML, but Rook expects JSON" } else { "is not valid JSON" };
        let help = if key == "bucketLifecycle" { RULES } else { "write the policy as a JSON document" };
        return Some((format!("`{key}` {what}"), help.to_owned()));
    }
    None
}
