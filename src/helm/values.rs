//! Values: files of the user, a chart's defaults and its subcharts' in, the values of a render out.
//!
//! The rules are those of Helm 3.22's `pkg/chartutil/coalesce.go`, whose maps are shared by reference: what a subchart
//! adds to a table deep in `global` shows in its parent and siblings too. So the merge works on numbered tables
//! ([`Tables`]) that may be held in several places, not on trees.
//!
//! **Numbers.** Helm reads values through JSON into `float64`; only `--set` makes integers. [`Value::Int`] is kept here
//! as written, and a template has to see it as a float. [`large_integers`] finds the ones that show it.

use indexmap::IndexMap;
use std::sync::Arc;

use super::chart::{Chart, subchart};
use super::go::print;
use super::{ChartError, ChartWarning, a_type};
use crate::manifest::value::{Map, Value};

/// The key whose table all subcharts get.
pub const GLOBAL: &str = "global";

/// Characters of a path in a message.
const MAX_PATH: usize = 300;
/// Values that a render may have, shared tables counted wherever they show.
const MAX_VALUES: usize = 2_000_000;
/// Tables in one another; the YAML reader allows 128 in one file, and subcharts stand below their parents.
const MAX_DEPTH: usize = 512;

/// Merges values files: of the same key the later file wins, and maps are merged (`pkg/cli/values/options.go`).
///
/// A null stays: it deletes the chart's default in [`coalesce`].
pub fn merge_files(files: impl IntoIterator<Item = Map>) -> Map {
    let mut merged = Value::Map(Map::default());
    for file in files {
        merged.merge(Value::Map(file));
    }
    match merged {
        Value::Map(map) => map,
        _ => Map::default(),
    }
}

/// Lays the user's values over the defaults of a chart and its subcharts (Helm's `CoalesceValues`).
///
/// # Errors
/// When a subchart's values are not a map, or the result is too large.
pub fn coalesce(chart: &Chart, values: &Map) -> Result<(Map, Vec<ChartWarning>), ChartError> {
    let mut tables = Tables::default();
    let id = tables.import(values);
    let warnings = coalesce_tables(&mut tables, chart, id, false)?;
    Ok((tables.export(id).ok_or_else(|| too_large(chart.name()))?, warnings))
}

/// Lays a table over the defaults of a chart and its subcharts; with `keep_nulls` it is Helm's `MergeValues`.
pub(super) fn coalesce_tables(
    tables: &mut Tables,
    chart: &Chart,
    values: usize,
    keep_nulls: bool,
) -> Result<Vec<ChartWarning>, ChartError> {
    let mut coalescer = Coalescer { tables, warnings: Vec::new() };
    coalescer.chart(chart, values, chart.name(), keep_nulls)?;
    Ok(coalescer.warnings)
}

/// Returns the value at a path whose keys are separated by dots (Helm's `Values.Table` for maps).
pub fn at<'v>(values: &'v Map, path: &str) -> Option<&'v Value> {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let value = values.get(first)?;
    rest.map_or(Some(value), |rest| at(value.as_map()?, rest))
}

/// An integer that templates print in another form than it is written in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LargeInteger {
    pub path: Vec<String>,
    pub written: i128,
    /// What a template prints that does not ask for an integer, as in `1e+06`.
    pub printed: String,
    /// What is left of it as a float; another number when a float cannot hold it.
    pub kept: i128,
}

/// Finds the integers that Helm's floats print or keep otherwise: from a million on, Go prints an exponent.
pub fn large_integers(values: &Map) -> Vec<LargeInteger> {
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "the loss is what is asked for")]
    fn walk(value: &Value, path: &mut Vec<String>, found: &mut Vec<LargeInteger>) {
        let mut below = |key: String, value: &Value| {
            path.push(key);
            walk(value, path, found);
            path.pop();
        };
        match value {
            Value::Map(map) => map.iter().for_each(|(key, value)| below(key.to_string(), value)),
            Value::List(list) => list.iter().enumerate().for_each(|(index, value)| below(index.to_string(), value)),
            Value::Int(written) => {
                let printed = print::float(*written as f64, 'g', None);
                if printed != written.to_string() {
                    let kept = *written as f64 as i128;
                    found.push(LargeInteger { path: path.clone(), written: *written, printed, kept });
                }
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    for (key, value) in values {
        walk(value, &mut vec![key.to_string()], &mut found);
    }
    found
}

pub(super) fn too_large(chart: &str) -> ChartError {
    ChartError::new(chart, "values.yaml", format!("values have more than {MAX_VALUES} entries, or too many levels"))
}

/// Tables by number; whoever holds a number shares the table.
#[derive(Default)]
pub(super) struct Tables(Vec<Table>);

type Table = IndexMap<Arc<str>, Node, foldhash::fast::RandomState>;

/// What stands under a key.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Table(usize),
    /// Anything but a map; lists are never looked into.
    Leaf(Value),
}

impl Node {
    fn is_null(&self) -> bool {
        matches!(self, Self::Leaf(Value::Null))
    }
}

impl Tables {
    /// Copies a map in.
    pub(super) fn import(&mut self, map: &Map) -> usize {
        let id = self.add();
        for (key, value) in map {
            let node = match value {
                Value::Map(map) => Node::Table(self.import(map)),
                leaf => Node::Leaf(leaf.clone()),
            };
            self.0[id].insert(Arc::clone(key), node);
        }
        id
    }

    /// Copies a table out; none when it is too large or holds itself.
    pub(super) fn export(&self, id: usize) -> Option<Map> {
        let mut left = MAX_VALUES;
        self.export_within(id, MAX_DEPTH, &mut left)
    }

    fn export_within(&self, id: usize, depth: usize, left: &mut usize) -> Option<Map> {
        let table = &self.0[id];
        *left = left.checked_sub(table.len())?;
        let depth = depth.checked_sub(1)?;
        let mut map = Map::with_capacity_and_hasher(table.len(), foldhash::fast::RandomState::default());
        for (key, node) in table {
            let value = match node {
                Node::Table(id) => Value::Map(self.export_within(*id, depth, left)?),
                Node::Leaf(value) => value.clone(),
            };
            map.insert(Arc::clone(key), value);
        }
        Some(map)
    }

    pub(super) fn add(&mut self) -> usize {
        self.0.push(Table::default());
        self.0.len() - 1
    }

    /// Copies one table; the tables in it are shared.
    fn copy(&mut self, id: usize) -> usize {
        self.0.push(self.0[id].clone());
        self.0.len() - 1
    }

    pub(super) fn get(&self, id: usize, key: &str) -> Option<&Node> {
        self.0[id].get(key)
    }

    pub(super) fn set(&mut self, id: usize, key: &str, node: Node) {
        self.0[id].insert(Arc::from(key), node);
    }

    fn keys(&self, id: usize) -> Vec<Arc<str>> {
        self.0[id].keys().cloned().collect()
    }

    /// Lays `over` on top of `under` with nulls kept (Helm's `MergeTables`). None when tables hold themselves.
    pub(super) fn merge(&mut self, over: usize, under: usize) -> Option<()> {
        self.overlay(over, under, true, MAX_DEPTH, &mut |_, _| {})
    }

    /// Lays `over` on top of `under`; both are changed, `over` is the result. None when tables hold themselves.
    ///
    /// Helm's `coalesceTablesFullKey`: a null in `over` deletes what `under` has, unless nulls are kept.
    fn overlay(
        &mut self,
        over: usize,
        under: usize,
        keep_nulls: bool,
        depth: usize,
        conflict: &mut dyn FnMut(&[&str], Conflict),
    ) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        let given: Vec<Arc<str>> =
            self.0[under].iter().filter(|(_, node)| !node.is_null()).map(|(key, _)| Arc::clone(key)).collect();
        let nulls: Vec<Arc<str>> =
            self.0[over].iter().filter(|(_, node)| node.is_null()).map(|(key, _)| Arc::clone(key)).collect();
        for key in nulls {
            self.0[under].insert(key, Node::Leaf(Value::Null));
        }
        let given: std::collections::BTreeSet<Arc<str>> = given.into_iter().collect();
        for key in self.keys(under) {
            let Some(node) = self.get(under, &key).cloned() else { continue };
            match (self.get(over, &key), node) {
                (Some(old), _) if !keep_nulls && old.is_null() && given.contains(&key) => {
                    self.0[over].shift_remove(&key);
                }
                (None, node) => self.set(over, &key, node),
                (Some(Node::Table(one)), Node::Table(two)) => {
                    let one = *one;
                    let mut below = |path: &[&str], what| {
                        let path: Vec<&str> = std::iter::once(&*key).chain(path.iter().copied()).collect();
                        conflict(&path, what);
                    };
                    self.overlay(one, two, keep_nulls, depth, &mut below)?;
                }
                (Some(Node::Leaf(_)), Node::Table(_)) => conflict(&[&key], Conflict::LeafOverTable),
                (Some(Node::Table(_)), node) if !node.is_null() => conflict(&[&key], Conflict::TableOverLeaf),
                _ => {}
            }
        }
        Some(())
    }
}

/// A map on one side and something else on the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Conflict {
    /// The values replace a default that is a map.
    LeafOverTable,
    /// The values are a map where the default is none; the default is dropped.
    TableOverLeaf,
}

struct Coalescer<'a> {
    tables: &'a mut Tables,
    warnings: Vec<ChartWarning>,
}

impl Coalescer<'_> {
    fn chart(&mut self, chart: &Chart, values: usize, path: &str, keep_nulls: bool) -> Result<(), ChartError> {
        self.defaults(chart, values, path, keep_nulls)?;
        for dependency in &chart.dependencies {
            let name = dependency.name();
            let below = match self.tables.get(values, name) {
                None => {
                    let id = self.tables.add();
                    self.tables.set(values, name, Node::Table(id));
                    id
                }
                Some(Node::Table(id)) => *id,
                Some(Node::Leaf(value)) => {
                    let message =
                        format!("`{name}` must be a map, the values of the subchart, but is {}", a_type(value));
                    return Err(ChartError::new(path, "values.yaml", message));
                }
            };
            let path = subchart(path, name);
            self.globals(below, values, &path)?;
            self.chart(dependency, below, &path, keep_nulls)?;
        }
        Ok(())
    }

    /// Lays values over the defaults of their chart (`coalesceValues`).
    fn defaults(&mut self, chart: &Chart, values: usize, path: &str, keep_nulls: bool) -> Result<(), ChartError> {
        let defaults = self.tables.import(&chart.values);
        for key in self.tables.keys(defaults) {
            let Some(default) = self.tables.get(defaults, &key).cloned() else { continue };
            match (self.tables.get(values, &key), default) {
                (None, default) => self.tables.set(values, &key, default),
                (Some(value), _) if value.is_null() && !keep_nulls => {
                    self.tables.0[values].shift_remove(&key);
                }
                (Some(Node::Table(over)), Node::Table(under)) => {
                    let keep_nulls = keep_nulls || chart.dependencies.iter().any(|d| d.name() == &*key);
                    self.overlay(*over, under, keep_nulls, path, &[&key])?;
                }
                (Some(Node::Table(_)), default) if !default.is_null() => {
                    self.conflict(path, &[&key], Conflict::TableOverLeaf);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Gives the globals of a chart to a subchart (`coalesceGlobals`); where both say something, the chart wins.
    fn globals(&mut self, below: usize, above: usize, path: &str) -> Result<(), ChartError> {
        let mut table_of = |id: usize| match self.tables.get(id, GLOBAL) {
            None => Some(self.tables.add()),
            Some(Node::Table(id)) => Some(*id),
            Some(Node::Leaf(_)) => None,
        };
        let (Some(into), Some(from)) = (table_of(below), table_of(above)) else {
            let message =
                format!("`{GLOBAL}` is not a map here or in the parent chart, so no globals reach this chart");
            self.warnings.push(ChartWarning::new(path, "values.yaml", message));
            return Ok(());
        };
        for key in self.tables.keys(from) {
            let Some(node) = self.tables.get(from, &key).cloned() else { continue };
            match (node, self.tables.get(into, &key).cloned()) {
                (Node::Table(table), None) => {
                    let copy = self.tables.copy(table);
                    self.tables.set(into, &key, Node::Table(copy));
                }
                (Node::Table(table), Some(Node::Table(own))) => {
                    let copy = self.tables.copy(table);
                    self.overlay(copy, own, true, path, &[GLOBAL, &key])?;
                    self.tables.set(into, &key, Node::Table(copy));
                }
                (Node::Table(_), Some(Node::Leaf(_))) => self.conflict(path, &[GLOBAL, &key], Conflict::TableOverLeaf),
                (Node::Leaf(_), Some(Node::Table(_))) => self.conflict(path, &[GLOBAL, &key], Conflict::LeafOverTable),
                (leaf, _) => self.tables.set(into, &key, leaf),
            }
        }
        self.tables.set(below, GLOBAL, Node::Table(into));
        Ok(())
    }

    fn overlay(
        &mut self,
        over: usize,
        under: usize,
        keep_nulls: bool,
        path: &str,
        key: &[&str],
    ) -> Result<(), ChartError> {
        let mut conflicts = Vec::new();
        let mut conflict = |below: &[&str], what| conflicts.push(([key, below].concat().join("."), what));
        let done = self.tables.overlay(over, under, keep_nulls, MAX_DEPTH, &mut conflict);
        for (key, what) in conflicts {
            self.conflict(path, &[&key], what);
        }
        done.ok_or_else(|| too_large(path))
    }

    fn conflict(&mut self, path: &str, key: &[&str], what: Conflict) {
        let key = key.join(".").chars().take(MAX_PATH).flat_map(char::escape_debug).collect::<String>();
        let message = match what {
            Conflict::LeafOverTable => {
                format!("`{key}` is a map in the chart, but the values set it to something else")
            }
            Conflict::TableOverLeaf => format!("`{key}` is not a map in the chart, but the values set it to one"),
        };
        self.warnings.push(ChartWarning::new(path, "values.yaml", message));
    }
}
