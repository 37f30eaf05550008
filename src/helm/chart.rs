//! A chart as data: its files in, metadata, values, templates and subcharts out.
//!
//! Files are sorted as by Helm 3.22's loader (`pkg/chart/loader/load.go`, `directory.go`). Subcharts stand in the order
//! of their names in `charts/`, where Helm's order is that of a Go map, thus another one each time.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::archive::{self, Budget, File};
use super::ignore::{self, Ignore};
use super::metadata::{Lock, Metadata};
use super::{ChartError, ChartWarning, a_type, shown};
use crate::manifest::value::{Map, Value};
use crate::manifest::yaml::{self, Document, Lines};

/// Charts in one another.
const MAX_DEPTH: usize = 16;

/// A chart with everything it brings.
#[derive(Clone, Debug, Default)]
pub struct Chart {
    pub metadata: Metadata,
    /// The defaults of `values.yaml`. Integers are kept as written; Helm makes floats of them (see [`super::values`]).
    pub values: Map,
    /// `values.yaml` itself, for lines and comments.
    pub values_file: Option<File>,
    /// `values.schema.json`.
    pub schema: Option<File>,
    /// The files of `templates/`, in the order of the archive or folder.
    pub templates: Vec<File>,
    /// All other files, those of `crds/` too; what `.Files` may read.
    pub files: Vec<File>,
    pub dependencies: Vec<Chart>,
    pub lock: Option<Lock>,
}

/// A file of `crds/` of a chart or subchart.
#[derive(Clone, Debug)]
pub struct Crd {
    /// The chart by its path, as in `platform/charts/operator`.
    pub chart: String,
    pub file: File,
}

impl Chart {
    /// Reads a packaged chart; `label` is its name in messages.
    ///
    /// # Errors
    /// The first thing that Helm refuses or that is not safe.
    pub fn from_archive(label: &str, packed: &[u8]) -> Result<(Self, Vec<ChartWarning>), ChartError> {
        let mut loader = Loader::default();
        let chart = loader.archive(label, packed, 0)?;
        Ok((chart, loader.warnings))
    }

    /// Reads the files of a chart's folder, by their paths in it; `.helmignore` is obeyed.
    ///
    /// # Errors
    /// The first thing that Helm refuses or that is not safe.
    pub fn from_folder<'f>(
        label: &str,
        files: impl IntoIterator<Item = (&'f str, &'f [u8])>,
    ) -> Result<(Self, Vec<ChartWarning>), ChartError> {
        let mut loader = Loader::default();
        let mut files: Vec<(&str, &[u8])> = files.into_iter().collect();
        // Folder by folder, as Helm walks.
        files.sort_by(|(one, _), (two, _)| one.split('/').cmp(two.split('/')));
        let rules = match files.iter().find(|(name, _)| *name == ignore::FILE) {
            Some((_, data)) => {
                let text = std::str::from_utf8(data).map_err(|_| not_text(label, ignore::FILE))?;
                Ignore::parse(text).map_err(|error| ChartError { chart: label.to_owned(), ..error })?
            }
            None => Ignore::parse("")?,
        };
        let mut kept = Vec::with_capacity(files.len());
        for (name, data) in files.into_iter().filter(|(name, _)| !rules.ignores_file(name)) {
            let sized = archive::check_path(name).and_then(|()| loader.budget.take(name, data.len() as u64));
            sized.map_err(|error| ChartError { chart: label.to_owned(), ..error })?;
            kept.push(File::new(name, data));
        }
        let chart = loader.files(label, kept, 0)?;
        Ok((chart, loader.warnings))
    }

    /// Returns the chart's name, which is its alias once dependencies are processed.
    pub fn name(&self) -> &str {
        &self.metadata.name
    }

    /// Returns the custom resource definitions of this chart and its subcharts, in the order of Helm.
    pub fn crds(&self) -> Vec<Crd> {
        let mut all = Vec::new();
        self.collect_crds(self.name(), &mut all);
        all
    }

    fn collect_crds(&self, path: &str, into: &mut Vec<Crd>) {
        let is_manifest = |name: &str| {
            let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
            ["yaml", "yml", "json"].iter().any(|known| extension.eq_ignore_ascii_case(known))
        };
        let crds = self.files.iter().filter(|file| file.name.starts_with("crds/") && is_manifest(&file.name));
        into.extend(crds.map(|file| Crd { chart: path.to_owned(), file: file.clone() }));
        for dependency in &self.dependencies {
            dependency.collect_crds(&subchart(path, dependency.name()), into);
        }
    }
}

/// Returns the path of a subchart, as Helm's `ChartFullPath`.
pub fn subchart(parent: &str, name: &str) -> String {
    format!("{parent}/charts/{name}")
}

#[derive(Default)]
struct Loader {
    budget: Budget,
    warnings: Vec<ChartWarning>,
}

impl Loader {
    fn archive(&mut self, label: &str, packed: &[u8], depth: usize) -> Result<Chart, ChartError> {
        let files = archive::unpack(packed, &mut self.budget);
        self.files(label, files.map_err(|error| ChartError { chart: label.to_owned(), ..error })?, depth)
    }

    fn files(&mut self, label: &str, files: Vec<File>, depth: usize) -> Result<Chart, ChartError> {
        if depth > MAX_DEPTH {
            return Err(ChartError::new(label, "", format!("charts are nested more than {MAX_DEPTH} levels deep")));
        }
        let mut chart = Chart::default();
        let mut lines = Lines::default();
        let Some(file) = files.iter().rfind(|file| file.name == "Chart.yaml") else {
            return Err(ChartError::new(label, "", "`Chart.yaml` is missing"));
        };
        if let Some(document) = self.document(label, file)? {
            chart.metadata.apply(label, &file.name, &document)?;
            lines = document.lines;
        }
        if chart.metadata.api_version.is_empty() {
            "v1".clone_into(&mut chart.metadata.api_version);
        }
        let mut subcharts: BTreeMap<String, Vec<File>> = BTreeMap::new();
        for file in files {
            self.sort(label, &mut chart, &mut subcharts, file)?;
        }
        chart.metadata.validate(label, &lines)?;
        for (name, files) in subcharts {
            if !name.starts_with(['_', '.']) {
                chart.dependencies.push(self.subchart(label, &name, files, depth)?);
            }
        }
        Ok(chart)
    }

    /// Puts a file where Helm puts it.
    fn sort(
        &mut self,
        label: &str,
        chart: &mut Chart,
        subcharts: &mut BTreeMap<String, Vec<File>>,
        file: File,
    ) -> Result<(), ChartError> {
        let old = chart.metadata.api_version == "v1";
        match file.name.as_str() {
            "Chart.yaml" => {}
            "values.yaml" => {
                chart.values = self.values(label, &file)?;
                chart.values_file = Some(file);
            }
            "values.schema.json" => chart.schema = Some(file),
            "Chart.lock" | "requirements.lock" => {
                let document = self.document(label, &file)?;
                let lock = document.map(|document| Lock::read(label, &file.name, &document)).transpose()?;
                chart.lock = Some(lock.unwrap_or_default());
                if old && file.name == "requirements.lock" {
                    chart.files.push(file);
                }
            }
            "requirements.yaml" => {
                if let Some(document) = self.document(label, &file)? {
                    chart.metadata.apply(label, &file.name, &document)?;
                }
                if old {
                    chart.files.push(file);
                } else {
                    let message = "a chart of apiVersion `v2` declares its dependencies in `Chart.yaml`";
                    self.warnings.push(ChartWarning::new(label, file.name, message));
                }
            }
            name if name.starts_with("templates/") => chart.templates.push(file),
            name => match name.strip_prefix("charts/") {
                Some(inside) if !has_extension(name, "prov") => {
                    let folder = inside.split('/').next().unwrap_or(inside).to_owned();
                    let file = File { name: inside.to_owned(), data: Arc::clone(&file.data) };
                    subcharts.entry(folder).or_default().push(file);
                }
                _ => chart.files.push(file),
            },
        }
        Ok(())
    }

    fn subchart(&mut self, label: &str, name: &str, files: Vec<File>, depth: usize) -> Result<Chart, ChartError> {
        if has_extension(name, "tgz") {
            let Some(file) = files.iter().find(|file| file.name == name) else {
                return Err(ChartError::new(label, format!("charts/{name}"), "this is a folder, not an archive"));
            };
            let stem = name.strip_suffix(".tgz").unwrap_or(name);
            return self.archive(&subchart(label, stem), &file.data, depth + 1);
        }
        let inside = files.into_iter().filter_map(|file| {
            let name = file.name.split_once('/').map(|(_, inside)| inside.to_owned())?;
            Some(File { name, ..file })
        });
        let inside: Vec<File> = inside.collect();
        if inside.is_empty() {
            let error = ChartError::new(label, format!("charts/{name}"), "Helm treats this file as a chart");
            return Err(error.help("move it out of `charts/`, or begin its name with `_`"));
        }
        self.files(&subchart(label, name), inside, depth + 1)
    }

    fn values(&mut self, label: &str, file: &File) -> Result<Map, ChartError> {
        match self.document(label, file)? {
            None => Ok(Map::default()),
            Some(Document { value: Value::Map(map), .. }) => Ok(map),
            Some(Document { value, line, .. }) => {
                let message = format!("values must be a map, but this is {}", a_type(&value));
                Err(ChartError::new(label, &*file.name, message).at(Some(line)))
            }
        }
    }

    /// Reads a file as Helm does: its first document, the last of keys that are set twice.
    fn document(&mut self, label: &str, file: &File) -> Result<Option<Document>, ChartError> {
        let (document, warnings) = read_document(label, file)?;
        self.warnings.extend(warnings);
        Ok(document)
    }
}

/// Reads a YAML file of a chart as Helm does, and tells what Helm passes over.
///
/// # Errors
/// The first thing that is not YAML.
pub fn read_document(chart: &str, file: &File) -> Result<(Option<Document>, Vec<ChartWarning>), ChartError> {
    let text = file.text().ok_or_else(|| not_text(chart, &file.name))?;
    let first = yaml::read_first(text)
        .map_err(|error| ChartError::new(chart, &*file.name, error.message).at(Some(error.line)))?;
    let mut warnings = Vec::new();
    for duplicate in first.duplicates {
        let key = shown(&duplicate.key);
        let message = format!("key `{key}` is set twice, first on line {}; this one is used", duplicate.first);
        warnings.push(ChartWarning::new(chart, &*file.name, message).at(Some(duplicate.line)));
    }
    if let Some(line) = first.rest {
        let message = "Helm only reads the first document of this file";
        warnings.push(ChartWarning::new(chart, &*file.name, message).at(Some(line)));
    }
    Ok((first.document, warnings))
}

fn not_text(chart: &str, file: &str) -> ChartError {
    ChartError::new(chart, file, "this file is not valid UTF-8")
}

fn has_extension(name: &str, extension: &str) -> bool {
    name.rsplit('/').next().and_then(|name| name.rsplit_once('.')).is_some_and(|(_, found)| found == extension)
}
