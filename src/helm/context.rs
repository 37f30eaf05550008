//! What a chart's templates see besides `.Values`: `.Chart`, `.Files`, `.Capabilities`, `.Release`, `.Template`.
//!
//! Types and methods are those of Helm 3.22 (`pkg/engine/files.go`, `pkg/chartutil/capabilities.go`, `pkg/chart/metadata.go`).

use std::any::Any;
use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use regex::Regex;

use super::archive::File;
use super::functions;
use super::go::value::{Entry, Object, Of, Str, Table, Val, base64};
use super::go::vm::{Fail, Outcome, Vm};
use super::metadata::Metadata;
use crate::manifest::value::Value;

/// The Helm whose behaviour this is, as `.Capabilities.HelmVersion` tells it.
const HELM_VERSION: &str = "v3.22.0";

/// The release that a chart is rendered for.
#[derive(Clone, Debug)]
pub struct Release {
    pub name: String,
    pub namespace: String,
}

impl Release {
    pub(super) fn value(&self) -> Val {
        let text = |text: &str| Val::str(text);
        Val::map(
            [
                ("Name", text(&self.name)),
                ("Namespace", text(&self.namespace)),
                ("IsUpgrade", Val::Bool(false)),
                ("IsInstall", Val::Bool(true)),
                ("Revision", Val::Int(1)),
                ("Service", text("Helm")),
            ]
            .map(|(key, val)| (Str::from(key), val)),
        )
    }
}

/// What the cluster can do, as far as charts ask.
#[derive(Clone, Debug)]
pub struct Capabilities {
    /// As in `v1.33.0`.
    pub kubernetes: String,
    /// As in `apps/v1`, and with the kind as in `apps/v1/Deployment`.
    pub apis: Arc<BTreeSet<String>>,
}

impl Object for Capabilities {
    fn type_name(&self) -> &'static str {
        "*chartutil.Capabilities"
    }

    fn kind(&self) -> &'static str {
        "ptr"
    }

    fn field(&self, name: &str) -> Option<Val> {
        match name {
            "KubeVersion" => Some(Val::object(KubeVersion(self.kubernetes.clone()))),
            "APIVersions" => Some(Val::object(Versions(self.apis.clone()))),
            "HelmVersion" => Some(Val::object(Fields {
                type_name: "version.BuildInfo",
                entries: vec![
                    ("Version", "version", Val::str(HELM_VERSION)),
                    ("GitCommit", "git_commit", Val::str("")),
                    ("GitTreeState", "git_tree_state", Val::str("")),
                    ("GoVersion", "go_version", Val::str("go1.26")),
                ],
            })),
            _ => None,
        }
    }

    fn print(&self) -> String {
        format!("&{{{} {} {HELM_VERSION}}}", self.kubernetes, Versions(self.apis.clone()).print())
    }

    fn plain(&self) -> Val {
        Val::map(
            ["KubeVersion", "APIVersions", "HelmVersion"]
                .map(|name| (Str::from(name), self.field(name).unwrap_or_default())),
        )
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// `.Capabilities.KubeVersion`.
struct KubeVersion(String);

impl Object for KubeVersion {
    fn type_name(&self) -> &'static str {
        "chartutil.KubeVersion"
    }

    fn kind(&self) -> &'static str {
        "struct"
    }

    fn field(&self, name: &str) -> Option<Val> {
        let mut parts = self.0.trim_start_matches('v').split('.');
        match name {
            "Version" => Some(Val::str(&self.0)),
            "Major" => Some(Val::str(parts.next().unwrap_or_default())),
            "Minor" => Some(Val::str(parts.nth(1).unwrap_or_default())),
            _ => None,
        }
    }

    fn call(&self, name: &str, _vm: &mut Vm<'_>, _args: &[Val]) -> Option<Outcome> {
        matches!(name, "String" | "GitVersion").then(|| Ok(Val::str(&self.0)))
    }

    fn print(&self) -> String {
        self.0.clone()
    }

    fn plain(&self) -> Val {
        Val::map(["Version", "Major", "Minor"].map(|name| (Str::from(name), self.field(name).unwrap_or_default())))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// `.Capabilities.APIVersions`.
struct Versions(Arc<BTreeSet<String>>);

impl Object for Versions {
    fn type_name(&self) -> &'static str {
        "chartutil.VersionSet"
    }

    fn kind(&self) -> &'static str {
        "slice"
    }

    fn call(&self, name: &str, _vm: &mut Vm<'_>, args: &[Val]) -> Option<Outcome> {
        if name != "Has" {
            return None;
        }
        Some(match args {
            [Val::Str(version)] => Ok(Val::Bool(self.0.contains(&**version))),
            _ => Err(Fail::new("`.Capabilities.APIVersions.Has` takes one API version, a string")),
        })
    }

    fn size(&self) -> usize {
        self.0.len() * 8
    }

    fn items(&self) -> Option<Vec<(Option<Str>, Val)>> {
        Some(self.0.iter().map(|version| (None, Val::str(version))).collect())
    }

    fn truth(&self) -> bool {
        !self.0.is_empty()
    }

    fn print(&self) -> String {
        format!("[{}]", self.0.iter().map(String::as_str).collect::<Vec<_>>().join(" "))
    }

    fn plain(&self) -> Val {
        Val::strings(self.0.iter())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A Go struct that has nothing but fields: name there, name in JSON, value.
struct Fields {
    type_name: &'static str,
    entries: Vec<(&'static str, &'static str, Val)>,
}

impl Object for Fields {
    fn type_name(&self) -> &'static str {
        self.type_name
    }

    fn kind(&self) -> &'static str {
        "struct"
    }

    fn field(&self, name: &str) -> Option<Val> {
        self.entries.iter().find(|(field, ..)| *field == name).map(|(.., val)| val.clone())
    }

    fn print(&self) -> String {
        let shown: Vec<String> = self.entries.iter().map(|(.., val)| super::go::print::value(val)).collect();
        format!("{{{}}}", shown.join(" "))
    }

    fn plain(&self) -> Val {
        // Empty fields are left out, as `omitempty` says for all but these two.
        let always = |json: &str| matches!(json, "repository" | "IsRoot");
        let set = self.entries.iter().filter(|(_, json, val)| val.truth() || always(json));
        Val::map(set.map(|(_, json, val)| (Str::from(*json), val.clone())))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// What values a chart imports, as Helm leaves it after importing them (`processImportValues`).
fn import(wanted: &Value) -> Option<Val> {
    let (child, parent) = match wanted {
        Value::Str(export) => (Val::str(&format!("exports.{export}")), Val::str(".")),
        Value::Map(map) => {
            let shown = |key: &str| {
                let val = map.get(key).map_or(Val::Nil, Val::from_data);
                Val::str(&super::go::print::value(&val))
            };
            (shown("child"), shown("parent"))
        }
        _ => return None,
    };
    let table = Table::new(Of::Str);
    table.set("child".into(), child);
    table.set("parent".into(), parent);
    Some(Val::Map(Rc::new(table)))
}

/// `.Chart`.
pub(super) fn chart(metadata: &Metadata, is_root: bool) -> Val {
    let text = |text: &str| Val::str(text);
    let maintainers = metadata.maintainers.iter().map(|maintainer| {
        Val::object(Fields {
            type_name: "*chart.Maintainer",
            entries: vec![
                ("Name", "name", text(&maintainer.name)),
                ("Email", "email", text(&maintainer.email)),
                ("URL", "url", text(&maintainer.url)),
            ],
        })
    });
    let dependencies = metadata.dependencies.iter().map(|dependency| {
        Val::object(Fields {
            type_name: "*chart.Dependency",
            entries: vec![
                ("Name", "name", text(&dependency.name)),
                ("Version", "version", text(&dependency.version)),
                ("Repository", "repository", text(&dependency.repository)),
                ("Condition", "condition", text(&dependency.condition)),
                ("Tags", "tags", Val::strings(&dependency.tags)),
                ("Enabled", "enabled", Val::Bool(dependency.enabled)),
                (
                    "ImportValues",
                    "import-values",
                    Val::list(dependency.import_values.iter().filter_map(import).collect()),
                ),
                ("Alias", "alias", text(&dependency.alias)),
            ],
        })
    });
    let annotations = Table::new(Of::Str);
    for (key, value) in &metadata.annotations {
        annotations.set(Str::from(key.as_str()), Entry::from(text(value)));
    }
    Val::object(Fields {
        type_name: "struct { chart.Metadata; IsRoot bool }",
        entries: vec![
            ("Name", "name", text(&metadata.name)),
            ("Home", "home", text(&metadata.home)),
            ("Sources", "sources", Val::strings(&metadata.sources)),
            ("Version", "version", text(&metadata.version)),
            ("Description", "description", text(&metadata.description)),
            ("Keywords", "keywords", Val::strings(&metadata.keywords)),
            ("Maintainers", "maintainers", Val::list(maintainers.collect())),
            ("Icon", "icon", text(&metadata.icon)),
            ("APIVersion", "apiVersion", text(&metadata.api_version)),
            ("Condition", "condition", text(&metadata.condition)),
            ("Tags", "tags", text(&metadata.tags)),
            ("AppVersion", "appVersion", text(&metadata.app_version)),
            ("Deprecated", "deprecated", Val::Bool(metadata.deprecated)),
            ("Annotations", "annotations", Val::Map(Rc::new(annotations))),
            ("KubeVersion", "kubeVersion", text(&metadata.kube_version)),
            ("Dependencies", "dependencies", Val::list(dependencies.collect())),
            ("Type", "type", text(&metadata.kind)),
            ("IsRoot", "IsRoot", Val::Bool(is_root)),
        ],
    })
}

/// Bytes of a pattern for files; Go has no such bound.
const MAX_GLOB: usize = 1024;

/// `.Files`: what is in the chart and is neither template nor subchart.
#[derive(Clone)]
pub(super) struct Files(Rc<Vec<Here>>);

/// A file as templates see it.
#[derive(Clone)]
struct Here {
    path: Str,
    data: Arc<[u8]>,
    /// The same bytes as a value, once something asked for it.
    val: Rc<OnceCell<Val>>,
}

impl Here {
    fn val(&self) -> Val {
        self.val.get_or_init(|| Val::Bytes(self.data[..].into())).clone()
    }
}

impl Files {
    pub(super) fn new(files: &[File]) -> Self {
        let here = |file: &File| Here { path: file.name.as_str().into(), data: file.data.clone(), val: Rc::default() };
        let mut all: Vec<_> = files.iter().map(here).collect();
        all.sort_by(|a, b| a.path.cmp(&b.path));
        Self(Rc::new(all))
    }

    fn bytes(&self, name: &str) -> &[u8] {
        self.find(name).map_or(&[], |file| &file.data)
    }

    fn find(&self, name: &str) -> Option<&Here> {
        self.0.binary_search_by(|file| (*file.path).cmp(name)).ok().and_then(|at| self.0.get(at))
    }

    fn glob(&self, pattern: &str) -> Self {
        // A pattern that is none matches everything, as there.
        let pattern = glob(pattern).and_then(|pattern| Regex::new(&pattern).ok());
        let matches = |path: &str| pattern.as_ref().is_none_or(|pattern| pattern.is_match(path));
        Self(Rc::new(self.0.iter().filter(|file| matches(&file.path)).cloned().collect()))
    }

    /// By the last part of their paths; of two with the same one the later counts (Go takes any).
    fn named(&self, text: impl Fn(&[u8]) -> Val) -> Val {
        let table = Table::new(Of::Str);
        for Here { path, data, .. } in self.0.iter() {
            table.set(Str::from(path.rsplit('/').next().unwrap_or(path)), Entry::from(text(data)));
        }
        Val::Map(Rc::new(table))
    }
}

impl Object for Files {
    fn type_name(&self) -> &'static str {
        "engine.files"
    }

    fn kind(&self) -> &'static str {
        "map"
    }

    fn field(&self, name: &str) -> Option<Val> {
        // Go sees a map here, so `.Files.name` is the file of that name.
        Some(self.find(name).map_or_else(|| Val::Bytes([].into()), Here::val))
    }

    fn call(&self, name: &str, vm: &mut Vm<'_>, args: &[Val]) -> Option<Outcome> {
        let wants = match name {
            "Get" | "GetBytes" | "Glob" | "Lines" => 1,
            "AsConfig" | "AsSecrets" => 0,
            _ => return None,
        };
        let path = match args {
            [] if wants == 0 => "",
            [Val::Str(path)] if wants == 1 => path,
            _ if wants == 0 => return Some(Err(Fail::new(format!("`.{name}` takes no argument")))),
            _ => return Some(Err(Fail::new(format!("`.Files.{name}` takes one argument, a string")))),
        };
        let bytes = self.bytes(path);
        let work = match name {
            "Glob" if path.len() > MAX_GLOB => {
                return Some(Err(Fail::limit(format!("a pattern for files is longer than {MAX_GLOB} bytes"))));
            }
            "Glob" => 2000 + path.len() * 500 + self.0.len() * (32 + path.len()),
            "AsConfig" | "AsSecrets" => self.0.iter().map(|file| file.path.len() + file.data.len()).sum(),
            // Each line becomes a value of its own.
            "Lines" => bytes.len() + memchr::memchr_iter(b'\n', bytes).count().saturating_mul(50),
            _ => bytes.len(),
        };
        if let Err(fail) = vm.spend(work) {
            return Some(Err(fail));
        }
        let yaml = |vm: &mut Vm<'_>, map: Val| match functions::find("toYaml") {
            Some(function) => (function.run)(vm, &[map]),
            None => Err(Fail::new("`toYaml` is missing")),
        };
        Some(match name {
            "Get" => Ok(Val::from_bytes(bytes.to_vec())),
            "GetBytes" => Ok(Val::Bytes(bytes.into())),
            "Glob" => Ok(Val::object(self.glob(path))),
            "Lines" if bytes.is_empty() => Ok(Val::strings::<&str>([])),
            "Lines" => {
                let text = String::from_utf8_lossy(bytes);
                Ok(Val::strings(text.strip_suffix('\n').unwrap_or(&text).split('\n')))
            }
            "AsConfig" => yaml(vm, self.named(|data| Val::from_bytes(data.to_vec()))),
            _ => yaml(vm, self.named(|data| Val::str(&base64(data)))),
        })
    }

    fn size(&self) -> usize {
        self.0.len()
    }

    fn truth(&self) -> bool {
        !self.0.is_empty()
    }

    fn items(&self) -> Option<Vec<(Option<Str>, Val)>> {
        Some(self.0.iter().map(|file| (Some(file.path.clone()), file.val())).collect())
    }

    fn print(&self) -> String {
        let mut out = String::from("map[");
        for (index, file) in self.0.iter().enumerate() {
            out.push_str(if index > 0 { " " } else { "" });
            out.push_str(&file.path);
            out.push(':');
            super::go::print::write_value(&mut out, &file.val(), false, 0);
        }
        out.push(']');
        out
    }

    fn plain(&self) -> Val {
        Val::map(self.0.iter().map(|file| (file.path.clone(), file.val())))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A glob as github.com/gobwas/glob reads it with `/` between parts, as a regular expression; `None` when it is none.
fn glob(pattern: &str) -> Option<String> {
    let mut out = String::from("(?s)^");
    let mut chars = pattern.chars().peekable();
    let mut braces = 0;
    while let Some(c) = chars.next() {
        match c {
            '*' if chars.next_if_eq(&'*').is_some() => out.push_str(".*"),
            '*' => out.push_str("[^/]*"),
            '?' => out.push_str("[^/]"),
            '[' => {
                out.push('[');
                if chars.next_if_eq(&'!').is_some() {
                    out.push('^');
                }
                loop {
                    match chars.next()? {
                        ']' => break,
                        c @ ('\\' | '[' | '^' | '&' | '~') => out.extend(['\\', c]),
                        c => out.push(c),
                    }
                }
                out.push(']');
            }
            '{' => {
                braces += 1;
                out.push_str("(?:");
            }
            '}' if braces > 0 => {
                braces -= 1;
                out.push(')');
            }
            ',' if braces > 0 => out.push('|'),
            '\\' => out.push_str(&regex::escape(&chars.next()?.to_string())),
            c => out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    (braces == 0).then(|| out + "$")
}

/// `.Template`.
pub(super) fn template(name: &str, base: &str) -> Val {
    Val::map([(Str::from("Name"), Val::str(name)), (Str::from("BasePath"), Val::str(base))])
}
