//! Which subcharts take part, under which names, and what they hand to their parents: a loaded chart and the user's
//! values in, the chart as it will be rendered out.
//!
//! Follows Helm 3.22's `pkg/chartutil/dependencies.go` (`ProcessDependenciesWithMerge`), with what users see of its
//! pointers: charts that stand under two aliases share their declarations of dependencies, so an alias or
//! `import-values` below them works for the first of the two only.

use std::collections::BTreeSet;

use super::chart::{Chart, subchart};
use super::metadata::Dependency;
use super::values::{self, Node, Tables};
use super::{ChartError, ChartWarning, a_type, shown, version};
use crate::manifest::value::{Map, Value};

/// Checks that every chart that `Chart.yaml` declares stands in `charts/` (`action.CheckDependencies`).
///
/// # Errors
/// Names what is missing.
pub fn check(chart: &Chart) -> Result<(), ChartError> {
    let there: BTreeSet<&str> = chart.dependencies.iter().map(Chart::name).collect();
    let missing: Vec<&Dependency> =
        chart.metadata.dependencies.iter().filter(|dependency| !there.contains(&*dependency.name)).collect();
    let Some(first) = missing.first() else { return Ok(()) };
    let names: Vec<String> = missing.iter().map(|dependency| format!("`{}`", dependency.name)).collect();
    let message = format!("{} declared but not in `charts/`", is_are(&names));
    let help = "run `helm dependency build` on the chart, or use the packaged chart, which includes them";
    Err(ChartError::new(chart.name(), &*first.file, message).at(first.line).help(help))
}

fn is_are(names: &[String]) -> String {
    let verb = if names.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", names.join(", "))
}

/// Drops the subcharts that are switched off, names the others by their aliases, and imports their values.
///
/// # Errors
/// When values of a subchart are no map.
pub fn process(chart: &mut Chart, values: &Map) -> Result<Vec<ChartWarning>, ChartError> {
    let mut process = Process::default();
    process.number(chart);
    let label = chart.name().to_owned();
    process.enable(chart, values, "", &label)?;
    process.import(chart, &label)?;
    Ok(process.warnings)
}

#[derive(Default)]
struct Process {
    warnings: Vec<ChartWarning>,
    declarations: usize,
    /// Declarations that got their alias as name, and those whose `import-values` were used.
    renamed: BTreeSet<usize>,
    imported: BTreeSet<usize>,
}

impl Process {
    /// Numbers all declarations, before any chart is copied.
    fn number(&mut self, chart: &mut Chart) {
        for dependency in &mut chart.metadata.dependencies {
            dependency.origin = self.declarations;
            self.declarations += 1;
        }
        chart.dependencies.iter_mut().for_each(|below| self.number(below));
    }

    /// `processDependencyEnabled`; conditions are paths below `prefix` in the values of the whole render.
    fn enable(&mut self, chart: &mut Chart, values: &Map, prefix: &str, label: &str) -> Result<(), ChartError> {
        if !chart.metadata.declares_dependencies {
            return Ok(());
        }
        let mut declared = std::mem::take(&mut chart.metadata.dependencies);
        for dependency in declared.iter_mut().filter(|dependency| self.renamed.contains(&dependency.origin)) {
            dependency.name.clone_from(&dependency.alias);
        }
        let found = |dependency: &Dependency, chart: &&Chart| {
            chart.name() == dependency.name && version::compatible(&dependency.version, &chart.metadata.version)
        };
        let loaded = std::mem::take(&mut chart.dependencies);
        let undeclared = |chart: &&Chart| !declared.iter().any(|dependency| found(dependency, chart));
        chart.dependencies = loaded.iter().filter(undeclared).cloned().collect();
        for dependency in &mut declared {
            match loaded.iter().find(|chart| found(dependency, chart)) {
                Some(below) => {
                    let mut below = below.clone();
                    dependency.local_name().clone_into(&mut below.metadata.name);
                    chart.dependencies.push(below);
                }
                None => self.unfit(dependency, &loaded, label),
            }
            if !dependency.alias.is_empty() {
                dependency.name.clone_from(&dependency.alias);
                self.renamed.insert(dependency.origin);
            }
            dependency.enabled = true;
        }
        let (values, _) = values::coalesce(chart, values)?;
        for dependency in &mut declared {
            self.tags(dependency, &values, label);
            self.conditions(dependency, &values, prefix, label);
        }
        let off: BTreeSet<String> = declared.iter().filter(|d| !d.enabled).map(|d| d.name.clone()).collect();
        chart.dependencies.retain(|below| !off.contains(below.name()));
        declared.retain(|dependency| !off.contains(&dependency.name));
        for below in &mut chart.dependencies {
            let name = below.name().to_owned();
            self.enable(below, &values, &format!("{prefix}{name}."), &subchart(label, &name))?;
        }
        chart.metadata.declares_dependencies = !declared.is_empty();
        chart.metadata.dependencies = declared;
        Ok(())
    }

    /// Tells of a chart that is there in another version, which Helm then takes as if it were not declared.
    fn unfit(&mut self, dependency: &Dependency, loaded: &[Chart], label: &str) {
        if let Some(below) = loaded.iter().find(|below| below.name() == dependency.name) {
            let (name, version, wanted) = (&dependency.name, &below.metadata.version, &dependency.version);
            let message = format!(
                "`{name}` {version} in `charts/` does not match the declared version `{}`, so its alias and imports \
                are ignored",
                shown(wanted)
            );
            self.warn(label, dependency, message);
        }
    }

    /// One tag that is on suffices; tags that are all off switch the chart off (`processDependencyTags`).
    fn tags(&mut self, dependency: &mut Dependency, values: &Map, label: &str) {
        let Some(tags) = values.get("tags").and_then(Value::as_map) else { return };
        let (mut on, mut off) = (false, false);
        for tag in &dependency.tags {
            match tags.get(tag.as_str()) {
                Some(Value::Bool(true)) => on = true,
                Some(Value::Bool(false)) => off = true,
                None => {}
                Some(value) => {
                    let message = format!("the tag `{}` is {} and has no effect", shown(tag), a_type(value));
                    self.warnings.push(ChartWarning::new(label, &*dependency.file, message).at(dependency.line));
                }
            }
        }
        dependency.enabled = on || !off;
    }

    /// The first path that is a boolean decides, over tags too (`processDependencyConditions`).
    fn conditions(&mut self, dependency: &mut Dependency, values: &Map, prefix: &str, label: &str) {
        let condition = dependency.condition.trim().to_owned();
        for path in condition.split(',').filter(|path| !path.is_empty()) {
            match values::at(values, &format!("{prefix}{path}")) {
                Some(Value::Bool(on)) => {
                    dependency.enabled = *on;
                    return;
                }
                None | Some(Value::Map(_)) => {}
                Some(value) => {
                    let path = shown(path);
                    let message = format!("the condition `{path}` is {} and has no effect", a_type(value));
                    self.warn(label, dependency, message);
                }
            }
        }
    }

    fn warn(&mut self, label: &str, dependency: &Dependency, message: String) {
        self.warnings.push(ChartWarning::new(label, &*dependency.file, message).at(dependency.line));
    }

    /// `processDependencyImportValues`: from the deepest charts upwards.
    fn import(&mut self, chart: &mut Chart, label: &str) -> Result<(), ChartError> {
        for below in &mut chart.dependencies {
            let label = subchart(label, below.name());
            self.import(below, &label)?;
        }
        if !chart.metadata.declares_dependencies {
            return Ok(());
        }
        let mut tables = Tables::default();
        let values = tables.add();
        values::coalesce_tables(&mut tables, chart, values, true)?;
        let imports = tables.add();
        let declared = std::mem::take(&mut chart.metadata.dependencies);
        for dependency in &declared {
            if !self.imported.insert(dependency.origin) {
                continue;
            }
            for import in &dependency.import_values {
                let (child, parent) = match import {
                    Value::Str(name) => (format!("exports.{name}"), ".".to_owned()),
                    Value::Map(map) => (as_printed(map.get("child")), as_printed(map.get("parent"))),
                    _ => continue,
                };
                let Some(table) = table_at(&tables, values, &format!("{}.{child}", dependency.name)) else {
                    let (name, child) = (&dependency.name, shown(&child));
                    self.warn(label, dependency, format!("`{name}` has no map `{child}` to import"));
                    continue;
                };
                let wrapped = wrap(&mut tables, &parent, table);
                tables.merge(imports, wrapped).ok_or_else(|| values::too_large(label))?;
            }
        }
        chart.metadata.dependencies = declared;
        // What the parent says itself counts more than what it imports.
        let own = tables.export(values).ok_or_else(|| values::too_large(label))?;
        let own = tables.import(&own);
        tables.merge(own, imports).ok_or_else(|| values::too_large(label))?;
        chart.values = tables.export(own).ok_or_else(|| values::too_large(label))?;
        Ok(())
    }
}

/// Writes a name of `import-values` as Go's `%v`.
fn as_printed(value: Option<&Value>) -> String {
    match value {
        Some(Value::Str(text)) => text.to_string(),
        Some(Value::Bool(b)) => b.to_string(),
        Some(Value::Int(i)) => i.to_string(),
        _ => "<nil>".to_owned(),
    }
}

fn table_at(tables: &Tables, from: usize, path: &str) -> Option<usize> {
    path.split('.').try_fold(from, |table, key| match tables.get(table, key) {
        Some(Node::Table(id)) => Some(*id),
        _ => None,
    })
}

/// Puts a table below a path, as it will stand in the parent.
fn wrap(tables: &mut Tables, path: &str, table: usize) -> usize {
    if path == "." {
        return table;
    }
    path.rsplit('.').fold(table, |inner, key| {
        let outer = tables.add();
        tables.set(outer, key, Node::Table(inner));
        outer
    })
}
