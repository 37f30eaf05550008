//! What a component's example says of it.

use indexmap::IndexMap;

use super::JOB;
use crate::diag::SourceId;
use crate::manifest::value::Value;
use crate::parse::node::Lookup;
use crate::parse::{Table, toml};

/// Returns the table that an example has of a component or job, key by key.
pub fn table_of(example: &str, component: &str) -> IndexMap<String, Value> {
    let root = toml::parse(SourceId::default(), example, &mut Vec::new());
    let table = match component.strip_prefix(JOB) {
        Some(kind) => find(&root, "jobs", |_, job| job.text("kind").unwrap_or("container") == kind),
        None => find(&root, "components", |name, table| table.text("uses").unwrap_or(name) == component),
    };
    table.into_iter().flatten().map(|(key, entry)| (key.to_string(), entry.node.to_value())).collect()
}

fn find<'a>(root: &'a Table, key: &str, is: impl Fn(&str, &Table) -> bool) -> Option<&'a Table> {
    let tables = root.table(key)?;
    tables.iter().find_map(|(name, entry)| entry.node.as_table().filter(|table| is(name, table)))
}
