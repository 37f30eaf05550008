//! The secret stores: which keys of `[secrets]` each heeds.

use serde_json::{Value as Json, json};

use super::keys::{self, Row};
use super::page::Page;
use crate::catalog::{Catalogue, StoreKind};

/// Returns the page of all stores.
pub fn text(catalogue: &Catalogue) -> String {
    let kinds = || catalogue.stores.values();
    let mut page = Page::default();
    page.table(kinds().map(|kind| [kind.name.clone(), kind.summary.to_string()]));
    for kind in kinds() {
        keys::section(&mut page, &kind.name, &rows(kind), &kind.example);
    }
    page.text()
}

/// Returns all stores as JSON.
pub fn json(catalogue: &Catalogue) -> Json {
    let one = |kind: &StoreKind| {
        let names = kind.file.names.iter().map(|rule| {
            let with = rule.with.iter().map(|(key, text)| (key.clone(), Json::from(text.as_str())));
            json!({
                "of": rule.of.name(), "with": with.collect::<serde_json::Map<_, _>>(), "pattern": rule.pattern.as_str(),
                "says": rule.says.as_str(),
            })
        });
        json!({
            "name": kind.name, "summary": kind.summary.as_str(), "kept": kind.kept.name(),
            "keys": keys::json(&rows(kind)), "names": names.collect::<Vec<_>>(), "writes": !kind.file.push.is_empty(),
            "toml": kind.example.as_str(),
        })
    };
    catalogue.stores.values().map(|kind| one(kind)).collect()
}

/// Returns the keys that a store heeds.
fn rows(kind: &StoreKind) -> Vec<Row> {
    let keys = kind.described().keys;
    let needed = |name: &str| kind.needs.contains_key(name);
    keys.iter()
        .filter(|(name, _)| *name != "provider")
        .map(|(name, key)| Row::of(name, key).needed(needed(name)))
        .collect()
}
