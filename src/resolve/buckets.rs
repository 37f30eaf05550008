//! Buckets: declared ones and those that slots make, each with its store and its real name.

use indexmap::IndexMap;

use super::hosts::frame_of;
use super::instances::Context;
use super::providers::{Named, ambiguous, missing, mistyped, providers};
use super::scope::{EarlyName, early_text};
use super::{Bucket, Target, unknown_name};
use crate::diag::{Diagnostic, Span};
use crate::parse::node::Lookup;
use crate::parse::{INVALID_VALUE, Node, Table, text};

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
    for (name, entry) in target.table.table("buckets").into_iter().flatten() {
        let Some(table) = entry.node.as_table() else { continue };
        let store = table.get("store").map(|e| &e.node);
        if let Some(store) = store_of(index, targets, store, entry.key, name, found) {
            let bucket = bucket(index, targets, name, table.clone(), store, entry.key, context, found);
            buckets.insert(name.to_string(), bucket);
        }
    }
    buckets
}

/// Returns the store of a bucket: the one that is named, or the only one there is.
pub fn store_of(
    index: usize,
    targets: &[Target],
    named: Option<&Node>,
    at: Span,
    bucket: &str,
    found: &mut Vec<Diagnostic>,
) -> Option<String> {
    let all = providers(targets, index);
    let stores: Vec<&Named<'_>> = all.iter().filter(|p| p.provides(BUCKET)).collect();
    if let Some(node) = named {
        let name = node.as_str()?;
        match all.iter().find(|p| p.name == name) {
            Some(provider) if provider.provides(BUCKET) => return Some(name.into()),
            Some(provider) => {
                found.push(mistyped(node.span, name, provider, &[BUCKET.into()], &format!("bucket `{bucket}`")));
            }
            None => found.push(unknown_name("object store", name, node.span, stores.iter().map(|s| s.name))),
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

#[allow(clippy::too_many_arguments, reason = "each is one fact of a bucket, and there are two callers")]
pub fn bucket(
    index: usize,
    targets: &[Target],
    name: &str,
    table: Table,
    store: String,
    span: Span,
    context: &Context<'_>,
    found: &mut Vec<Diagnostic>,
) -> Bucket {
    let frame = frame_of(&targets[index]);
    let names = EarlyName { name, ..EarlyName::default() };
    let (written, at) = match table.get("bucket") {
        Some(entry) => (entry.node.as_str().unwrap_or_default().to_string(), entry.node.span),
        None => (format!("{}-{name}", context.name), span),
    };
    let real = early_text(&frame, Some(&names), &written, at, context.sources, found);
    if !text::bucket(&real) {
        found.push(
            Diagnostic::error(&INVALID_VALUE, format!("`{real}` cannot be a bucket's name"))
                .at(at, "")
                .note("3 to 63 lower-case letters, digits, `-` and `.`, beginning and ending with a letter or digit"),
        );
    }
    Bucket { name: name.into(), bucket: real, store, namespace: table.text("namespace").map(String::from), table, span }
}
