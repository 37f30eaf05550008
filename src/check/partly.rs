//! Which findings hold although a part of the platform was taken out, because mistakes stand in it.
//!
//! What is wrong with something that is there stays wrong. That something is missing may be so because it was taken out.

use super::{
    UNUSED_EXCEPTION, abandoned_component, abandoned_source, bare_pod, broken_secret_reference, bucket_claim_setting,
    floating_image, foreign_annotation, large_integer, missing_namespace, number_in_string, plain_secret,
    runtime_download, unapplied_bucket_setting, unknown_address, unknown_annotation, unknown_issuer, unknown_value,
};
use crate::diag::{Code, Diagnostic};
use crate::lower::charts::rendered::MISSING_ARCHIVE;
use crate::lower::{KEPT_SECRET, WITHOUT_EFFECT};
use crate::order::UNKNOWN_KIND;
use crate::parse::UNREADABLE_FILE;

/// Findings that something is not there.
static MISSING: &[&Code] = &[
    &UNKNOWN_KIND,
    &KEPT_SECRET,
    &WITHOUT_EFFECT,
    &MISSING_ARCHIVE,
    &missing_namespace::MISSING_NAMESPACE,
    &broken_secret_reference::BROKEN_SECRET_REFERENCE,
    &foreign_annotation::FOREIGN_ANNOTATION,
    &unknown_address::UNKNOWN_ADDRESS,
    &unknown_annotation::UNKNOWN_ANNOTATION,
    &unknown_issuer::UNKNOWN_ISSUER,
    &bucket_claim_setting::BUCKET_CLAIM_SETTING,
    &unapplied_bucket_setting::UNAPPLIED_BUCKET_SETTING,
    &UNUSED_EXCEPTION,
];

/// Findings that need no more than the component's own words.
static OWN: &[&Code] = &[
    &UNREADABLE_FILE,
    &unknown_value::UNKNOWN_VALUE,
    &unknown_value::WRONG_VALUE_TYPE,
    &large_integer::LARGE_INTEGER,
    &plain_secret::PLAIN_SECRET,
    &floating_image::FLOATING_IMAGE,
    &bare_pod::BARE_POD,
    &number_in_string::NUMBER_IN_STRING,
    &runtime_download::RUNTIME_DOWNLOAD,
    &abandoned_component::ABANDONED_COMPONENT,
    &abandoned_source::ABANDONED_CHART,
    &abandoned_source::ABANDONED_IMAGE,
];

/// Says whether a finding about what is left holds for the whole platform. Where the mistakes stand in components alone, only
/// what is missing may come from them; a mistake in a table that all share leaves what a component says by itself.
pub fn holds_in_part(finding: &Diagnostic, mistakes_in_components: bool) -> bool {
    if mistakes_in_components { !MISSING.contains(&finding.code) } else { OWN.contains(&finding.code) }
}
