//! The kinds of edges: what each makes, and which keys of an edge it heeds.

use serde_json::{Value as Json, json};

use super::keys::{self, Row};
use super::page::Page;
use crate::catalog::{Catalogue, EdgeKind};
use crate::settings::Described;
use crate::settings::publish::EdgeTable;

/// Returns the page of all kinds.
pub fn text(catalogue: &Catalogue) -> String {
    let kinds = || catalogue.edges.values();
    let mut page = Page::default();
    page.table(kinds().map(|kind| [kind.name.clone(), kind.summary.to_string()]));
    for kind in kinds() {
        keys::section(&mut page, &kind.name, &rows(kind), &kind.example);
    }
    page.text()
}

/// Returns all kinds as JSON.
pub fn json(catalogue: &Catalogue) -> Json {
    let one = |kind: &EdgeKind| json!({"name": kind.name, "summary": kind.summary.as_str(), "keys": keys::json(&rows(kind)), "toml": kind.example.as_str()});
    catalogue.edges.values().map(|kind| one(kind)).collect()
}

/// Returns the keys that a kind heeds, as the language describes them.
fn rows(kind: &EdgeKind) -> Vec<Row> {
    let table = EdgeTable::keys();
    kind.keys().filter_map(|path| keys::row(path, &table)).collect()
}
