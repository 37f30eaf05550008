//! `unapplied-bucket-setting`: a setting of a bucket that lies outside of the platform.

use super::{Context, Findings};
use crate::code;
use crate::diag::Diagnostic;

code!(
    UNAPPLIED_BUCKET_SETTING,
    "unapplied-bucket-setting",
    "a setting of a bucket has no effect, because its store is outside the platform",
    "the bucket would have no such rule or limit, although platform.toml sets one",
    "[buckets.raw]\nstore = \"s3\"            # an [external.s3]\nexpire_days = 30",
    "[buckets.raw]\nstore = \"s3\"            # set the rule where the bucket is created"
);

/// Settings that somebody has to apply to the bucket itself.
const SETTINGS: &[&str] = &["expire_days", "noncurrent_expire_days", "versioned", "max_size", "max_objects"];

/// Checks every bucket of an external store.
pub fn check(context: &Context<'_>, findings: &mut Findings) {
    for (index, target) in context.platform.targets.iter().enumerate() {
        let outside = target.buckets.values().filter(|bucket| target.external.contains_key(bucket.store.as_str()));
        for bucket in outside {
            let places = &bucket.settings.places;
            for key in SETTINGS.iter().filter(|key| places.has(key)) {
                let message = format!(
                    "bucket `{}`: `{key}` has no effect, because `{}` is outside the platform",
                    bucket.name, bucket.store
                );
                let diagnostic = Diagnostic::warning(&UNAPPLIED_BUCKET_SETTING, message).at(places.key_of(key), "");
                let help = format!("remove it, and set the rule where bucket `{}` is created", bucket.bucket);
                findings.component(index, &bucket.store, diagnostic.help(help));
            }
        }
    }
}
