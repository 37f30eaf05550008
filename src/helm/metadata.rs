//! `Chart.yaml`: a document in, typed fields out, checked as Helm 3.22 does (`pkg/chart/metadata.go`, `dependency.go`).
//!
//! Helm decodes it through sigs.k8s.io/yaml and Go's encoding/json: names of fields are found in any case, a number or
//! boolean where a string is wanted becomes its text, null leaves a field unset. Stricter than Helm: a chart's name and
//! version may not contain characters that Helm would silently drop, because both become parts of paths.

use std::collections::BTreeMap;

use super::version::Version;
use super::{ChartError, a_type, shown};
use crate::manifest::value::{Map, Value};
use crate::manifest::yaml::{self, Document, Lines};

/// What `Chart.yaml` says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metadata {
    pub name: String,
    pub home: String,
    pub sources: Vec<String>,
    /// A version as [`Version::parse`] reads it.
    pub version: String,
    pub description: String,
    pub keywords: Vec<String>,
    pub maintainers: Vec<Maintainer>,
    pub icon: String,
    /// `v1` or `v2`; a chart that does not say is `v1`.
    pub api_version: String,
    pub condition: String,
    pub tags: String,
    pub app_version: String,
    pub deprecated: bool,
    pub annotations: BTreeMap<String, String>,
    /// The Kubernetes versions that the chart is for, as a constraint; empty for all.
    pub kube_version: String,
    pub dependencies: Vec<Dependency>,
    /// Whether `dependencies` is set at all: Helm looks below a chart only then.
    pub declares_dependencies: bool,
    /// `application`, `library`, or empty for the first.
    pub kind: String,
}

/// Who looks after a chart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Maintainer {
    pub name: String,
    pub email: String,
    pub url: String,
}

/// A chart that another one needs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dependency {
    pub name: String,
    pub version: String,
    pub repository: String,
    /// Paths of values, separated by commas; the first one that exists switches the chart.
    pub condition: String,
    pub tags: Vec<String>,
    pub enabled: bool,
    pub import_values: Vec<Value>,
    /// The name that the chart gets here, empty for its own.
    pub alias: String,
    /// The file that declares it, and the line there.
    pub file: String,
    pub line: Option<usize>,
    /// Which declaration this is; a chart that stands under several aliases has the same ones in each.
    pub(crate) origin: usize,
}

impl Dependency {
    /// Returns the name by which values and templates know the chart.
    pub fn local_name(&self) -> &str {
        if self.alias.is_empty() { &self.name } else { &self.alias }
    }
}

/// `Chart.lock`: which versions of the dependencies were packed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lock {
    pub generated: String,
    pub digest: String,
    pub dependencies: Vec<Dependency>,
}

impl Metadata {
    /// Says whether this is a library, which renders nothing by itself.
    pub fn is_library(&self) -> bool {
        self.kind == "library"
    }

    /// Takes over the fields that a document sets; used for `Chart.yaml` and the `requirements.yaml` of old charts.
    ///
    /// # Errors
    /// The first field that has the wrong type.
    pub fn apply(&mut self, chart: &str, file: &str, document: &Document) -> Result<(), ChartError> {
        let Value::Map(map) = &document.value else {
            return Err(ChartError::new(chart, file, format!("this is {}, not a map", a_type(&document.value)))
                .at(Some(document.line)));
        };
        let fields = Fields { chart, file, lines: &document.lines, map, path: Vec::new() };
        for (name, slot) in [
            ("name", &mut self.name),
            ("home", &mut self.home),
            ("version", &mut self.version),
            ("description", &mut self.description),
            ("icon", &mut self.icon),
            ("apiVersion", &mut self.api_version),
            ("condition", &mut self.condition),
            ("tags", &mut self.tags),
            ("appVersion", &mut self.app_version),
            ("kubeVersion", &mut self.kube_version),
            ("type", &mut self.kind),
        ] {
            fields.text(name, slot)?;
        }
        fields.texts("sources", &mut self.sources)?;
        fields.texts("keywords", &mut self.keywords)?;
        fields.boolean("deprecated", &mut self.deprecated)?;
        if let Some((key, value)) = fields.find("annotations") {
            let Value::Map(map) = value else { return Err(fields.wrong(key, value, "a map of strings")) };
            for (name, value) in map {
                let text = text_of(value).ok_or_else(|| fields.below(&[key, name], map).wrong_here("a string"))?;
                self.annotations.insert(name.to_string(), text);
            }
        }
        if let Some(items) = fields.items("maintainers")? {
            self.maintainers = items.iter().map(maintainer).collect::<Result<_, _>>()?;
        }
        if let Some(items) = fields.items("dependencies")? {
            self.dependencies = items.iter().map(dependency).collect::<Result<_, _>>()?;
            self.declares_dependencies = true;
        }
        Ok(())
    }

    /// Checks what Helm checks, and makes texts printable as Helm does.
    ///
    /// # Errors
    /// The first field that is missing or not allowed.
    pub fn validate(&mut self, chart: &str, lines: &Lines) -> Result<(), ChartError> {
        let fail =
            |path: &[&str], message: String| Err(ChartError::new(chart, "Chart.yaml", message).at(lines.line(path)));
        for (field, text) in [("name", &self.name), ("version", &self.version)] {
            if text.is_empty() {
                let error = ChartError::new(chart, "Chart.yaml", format!("`{field}` is missing"));
                return Err(error.at(lines.line(&[])));
            }
            if let Some(odd) = text.chars().find(|c| !is_printable(*c)) {
                return fail(&[field], format!("`{field}` has the character `{}`", odd.escape_debug()));
            }
        }
        let name = &self.name;
        if matches!(name.as_str(), "." | "..") || name.contains(['/', '\\']) || name.trim() != name || name.len() > 250
        {
            return fail(
                &["name"],
                format!("`{}` is not a valid chart name, which is also the name of a folder", shown(name)),
            );
        }
        if let Err(error) = Version::parse(&self.version) {
            return fail(&["version"], error.to_string());
        }
        if !matches!(self.kind.as_str(), "" | "application" | "library") {
            let kind = shown(&self.kind);
            return fail(&["type"], format!("`type` is `{kind}`, but must be `application` or `library`"));
        }
        for text in [
            &mut self.description,
            &mut self.home,
            &mut self.icon,
            &mut self.condition,
            &mut self.tags,
            &mut self.app_version,
            &mut self.kube_version,
        ]
        .into_iter()
        .chain(&mut self.sources)
        .chain(&mut self.keywords)
        .chain(self.maintainers.iter_mut().flat_map(|m| [&mut m.name, &mut m.email, &mut m.url]))
        {
            make_printable(text);
        }
        let mut names = BTreeMap::new();
        for dependency in &mut self.dependencies {
            let (file, line) = (dependency.file.clone(), dependency.line);
            let fail = |message: String| Err(ChartError::new(chart, &*file, message).at(line));
            for text in [&mut dependency.name, &mut dependency.version, &mut dependency.repository]
                .into_iter()
                .chain([&mut dependency.condition])
                .chain(&mut dependency.tags)
            {
                make_printable(text);
            }
            let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_-".contains(&b);
            if !dependency.alias.bytes().all(allowed) {
                let alias = shown(&dependency.alias);
                return fail(format!("the alias `{alias}` can only have letters, digits, `_` and `-`"));
            }
            if let Some(first) = names.insert(dependency.local_name().to_owned(), line) {
                let name = shown(dependency.local_name());
                let first = first.map_or_else(String::new, |line| format!(", first on line {line}"));
                return fail(format!("two dependencies are called `{name}`{first}"));
            }
        }
        Ok(())
    }
}

impl Lock {
    /// Reads `Chart.lock`.
    ///
    /// # Errors
    /// The first field that has the wrong type.
    pub fn read(chart: &str, file: &str, document: &Document) -> Result<Self, ChartError> {
        let mut lock = Self::default();
        let Value::Map(map) = &document.value else {
            return Err(ChartError::new(chart, file, "this is not a map").at(Some(document.line)));
        };
        let fields = Fields { chart, file, lines: &document.lines, map, path: Vec::new() };
        fields.text("generated", &mut lock.generated)?;
        fields.text("digest", &mut lock.digest)?;
        if let Some(items) = fields.items("dependencies")? {
            lock.dependencies = items.iter().map(dependency).collect::<Result<_, _>>()?;
        }
        Ok(lock)
    }
}

fn maintainer(fields: &Fields<'_>) -> Result<Maintainer, ChartError> {
    let mut maintainer = Maintainer::default();
    fields.text("name", &mut maintainer.name)?;
    fields.text("email", &mut maintainer.email)?;
    fields.text("url", &mut maintainer.url)?;
    Ok(maintainer)
}

fn dependency(fields: &Fields<'_>) -> Result<Dependency, ChartError> {
    let mut dependency = Dependency { file: fields.file.to_owned(), line: fields.line(), ..Dependency::default() };
    fields.text("name", &mut dependency.name)?;
    fields.text("version", &mut dependency.version)?;
    fields.text("repository", &mut dependency.repository)?;
    fields.text("condition", &mut dependency.condition)?;
    fields.text("alias", &mut dependency.alias)?;
    fields.texts("tags", &mut dependency.tags)?;
    fields.boolean("enabled", &mut dependency.enabled)?;
    if let Some((key, value)) = fields.find("import-values") {
        let Value::List(list) = value else { return Err(fields.wrong(key, value, "a list")) };
        dependency.import_values.clone_from(list);
    }
    Ok(dependency)
}

/// The fields of one map, with its place.
struct Fields<'a> {
    chart: &'a str,
    file: &'a str,
    lines: &'a Lines,
    map: &'a Map,
    path: Vec<String>,
}

impl<'a> Fields<'a> {
    /// Returns the value that encoding/json would leave in a field: names match in any case, the last one in the
    /// order of bytes counts, and null sets nothing.
    fn find(&self, name: &str) -> Option<(&'a str, &'a Value)> {
        let same = |(key, value): &(&'a str, &Value)| key.eq_ignore_ascii_case(name) && **value != Value::Null;
        self.map.iter().map(|(key, value)| (&**key, value)).filter(same).max_by_key(|(key, _)| *key)
    }

    fn text(&self, name: &str, into: &mut String) -> Result<(), ChartError> {
        if let Some((key, value)) = self.find(name) {
            *into = text_of(value).ok_or_else(|| self.wrong(key, value, "a string"))?;
        }
        Ok(())
    }

    fn texts(&self, name: &str, into: &mut Vec<String>) -> Result<(), ChartError> {
        let Some((key, value)) = self.find(name) else { return Ok(()) };
        let texts = value.as_list().and_then(|list| list.iter().map(text_of).collect());
        *into = texts.ok_or_else(|| self.wrong(key, value, "a list of strings"))?;
        Ok(())
    }

    fn boolean(&self, name: &str, into: &mut bool) -> Result<(), ChartError> {
        if let Some((key, value)) = self.find(name) {
            *into = value.as_bool().ok_or_else(|| self.wrong(key, value, "`true` or `false`"))?;
        }
        Ok(())
    }

    /// Returns the maps of a list of maps.
    fn items(&self, name: &str) -> Result<Option<Vec<Self>>, ChartError> {
        let Some((key, value)) = self.find(name) else { return Ok(None) };
        let Value::List(list) = value else { return Err(self.wrong(key, value, "a list of maps")) };
        let item = |(index, value): (usize, &'a Value)| {
            if let Value::Map(map) = value {
                Ok(self.below(&[key, &index.to_string()], map))
            } else {
                let mut error = self.wrong(key, value, "a list of maps");
                error.message = format!("item {index} of `{key}` is {}, not a map", a_type(value));
                Err(error)
            }
        };
        list.iter().enumerate().map(item).collect::<Result<_, _>>().map(Some)
    }

    fn below(&self, path: &[&str], map: &'a Map) -> Self {
        let path = self.path.iter().cloned().chain(path.iter().map(|key| (*key).to_owned())).collect();
        Self { map, path, ..*self }
    }

    fn line(&self) -> Option<usize> {
        self.lines.line(&self.path.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn wrong(&self, key: &str, value: &Value, wanted: &str) -> ChartError {
        let message = format!("`{key}` is {}, not {wanted}", a_type(value));
        let place = self.below(&[key], self.map);
        ChartError::new(self.chart, self.file, message).at(place.line())
    }

    fn wrong_here(&self, wanted: &str) -> ChartError {
        let name = self.path.last().map_or("", String::as_str);
        ChartError::new(self.chart, self.file, format!("`{}` must be {wanted}", shown(name))).at(self.line())
    }
}

/// Turns a value into the text that Helm reads where a string is wanted; null is the empty one.
fn text_of(value: &Value) -> Option<String> {
    Some(match value {
        Value::Null => String::new(),
        Value::Str(text) => text.to_string(),
        Value::Bool(b) => b.to_string(),
        Value::Int(i) => i.to_string(),
        Value::Float(f) => yaml::float_text(*f),
        Value::List(_) | Value::Map(_) => return None,
    })
}

/// Makes blanks of all white space and drops what cannot be seen, as Helm's `sanitizeString`.
fn make_printable(text: &mut String) {
    if text.bytes().any(|b| !(b' '..=b'~').contains(&b)) {
        let blank = |c: char| if c.is_whitespace() { ' ' } else { c };
        *text = text.chars().map(blank).filter(|c| is_printable(*c)).collect();
    }
}

/// Says whether a character can be seen, as Go's `unicode.IsPrint`.
fn is_printable(c: char) -> bool {
    // Rust's standard library knows, but only tells by what it escapes; after a letter it leaves marks alone.
    matches!(c, ' '..='~') || !format!("a{c}").escape_debug().any(|c| c == '\\')
}
