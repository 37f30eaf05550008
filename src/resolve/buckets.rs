//! Buckets: declared ones and those that slots make, each with its store and its real name.

use indexmap::IndexMap;

use super::early::EarlyName;
use super::instances::Context;
use super::providers::{Named, ambiguous, missing, mistyped, providers};
use super::{Bucket, Target, unknown_name};
use crate::diag::{Diagnostic, Span};
use crate::parse::{INVALID_VALUE, text};
use crate::settings::Text;
use crate::settings::publish::BucketTable;

/// The capability whose claims name buckets instead of providers.
pub const BUCKET: &str = "bucket";

/// Reads `[buckets]` and finds the store of each.
pub fn declared(
    index: usize,
    targets: &[Target],
    context: &Context<'_>,
    found: &mut Vec<Diagnostic>,
) -> IndexMap<String, Bucket> {
    let target = &targets[index];
    let mut buckets = IndexMap::new();
    if target.is_shared {
        return buckets;
    }
    for (name, settings) in &target.settings.buckets {
        let key = settings.places.key;
        if let Some(store) = store_of(index, targets, settings.store.as_ref(), key, name, found) {
            let bucket = bucket(&targets[index], name, settings.clone(), store, key, context, found);
            buckets.insert(name.clone(), bucket);
        }
    }
    buckets
}

/// Returns the store of a bucket: the one that is named, or the only one there is.
pub fn store_of(
    index: usize,
    targets: &[Target],
    named: Option<&Text>,
    at: Span,
    bucket: &str,
    found: &mut Vec<Diagnostic>,
) -> Option<String> {
    let all = providers(targets, index);
    let stores: Vec<&Named<'_>> = all.iter().filter(|p| p.provides(BUCKET)).collect();
    if let Some(name) = named {
        match all.iter().find(|p| *name == p.name) {
            Some(provider) if provider.provides(BUCKET) => return Some(name.to_string()),
            Some(provider) => {
                found.push(mistyped(name.at, name, provider, &[BUCKET.into()], &format!("bucket `{bucket}`")));
            }
            None => found.push(unknown_name("object store", name, name.at, stores.iter().map(|s| s.name))),
        }
        return None;
    }
    match &stores[..] {
        [only] => Some(only.name.into()),
        [] => {
            found.push(missing(&format!("bucket `{bucket}`"), &[BUCKET.into()], at));
            None
        }
        several => {
            found.push(ambiguous(
                &format!("bucket `{bucket}`"),
                BUCKET,
                at,
                several,
                &format!("`store = \"{}\"` to the bucket", several[0].name),
            ));
            None
        }
    }
}

/// Makes a bucket of what was said of it.
pub fn bucket(
    target: &Target,
    name: &str,
    settings: BucketTable,
    store: String,
    span: Span,
    context: &Context<'_>,
    found: &mut Vec<Diagnostic>,
) -> Bucket {
    let early = target.early().of(EarlyName { name, namespace: "", release: "" });
    let (real, at) = match &settings.bucket {
        Some(written) => (early.text(written, context.sources, found), written.at),
        None => (format!("{}-{name}", target.ground().name), span),
    };
    if !text::bucket(&real) {
        found.push(Diagnostic::error(&INVALID_VALUE, format!("`{real}` is not a valid bucket name")).at(at, "").note(
            "a bucket name has 3 to 63 lower-case letters, digits, `-` and `.`, and begins and ends with a \
                letter or digit",
        ));
    }
    let namespace = settings.namespace.as_ref().map(String::from);
    Bucket { name: name.into(), bucket: real, store, namespace, settings, span }
}
