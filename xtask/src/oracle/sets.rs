//! The Applications of a tree, written one by one or made by an ApplicationSet of lakegen's own.

use lakegen::compile::Compiled;
use lakegen::manifest::value::Value;
use lakegen::manifest::yaml;

/// An Application and where it comes from.
pub struct Application {
    /// The file of it or of its set.
    pub path: String,
    pub target: String,
    pub unit: String,
    pub value: Value,
}

/// Returns all Applications of units.
pub fn applications(compiled: &Compiled) -> Vec<Application> {
    let mut all = Vec::new();
    for (path, bytes) in compiled.tree.files().filter(|(path, _)| path.starts_with("argocd/")) {
        let Some(value) = std::str::from_utf8(bytes).ok().and_then(|text| yaml::read_one(text).ok()) else { continue };
        let made = match value.get("kind").and_then(Value::as_str) {
            Some("Application") => vec![value],
            Some("ApplicationSet") => expand(&value),
            _ => continue,
        };
        let unit = path.rsplit('/').next().and_then(|file| file.strip_suffix(".yaml")).unwrap_or_default();
        for value in made {
            let target = value.at(&["metadata", "labels", "lakegen.dev/target"]).and_then(Value::as_str);
            let target = target.unwrap_or_default().to_string();
            all.push(Application { path: path.to_string(), target, unit: unit.to_string(), value });
        }
    }
    all
}

/// Does what Argo CD's controller does with a list generator and a patch of each element.
fn expand(set: &Value) -> Vec<Value> {
    let Some(spec) = set.get("spec") else { return vec![] };
    let generators = spec.get("generators").and_then(Value::as_list).unwrap_or(&[]);
    let elements = generators.iter().filter_map(|g| g.at(&["list", "elements"])?.as_list()).flatten();
    let template = spec.get("template").cloned().unwrap_or_default();
    let make = |element: &Value| {
        let mut made = fill(&template, element);
        if spec.get("templatePatch").is_some() {
            made.merge(element.get("patch").cloned().unwrap_or_default());
        }
        made
    };
    elements.map(make).collect()
}

fn fill(value: &Value, element: &Value) -> Value {
    match value {
        Value::Str(text) => {
            let mut text = text.to_string();
            for (key, value) in element.as_map().into_iter().flatten() {
                text = text.replace(&format!("{{{{ .{key} }}}}"), value.as_str().unwrap_or_default());
            }
            Value::from(text.replace("{{ \"{{\" }}", "{{"))
        }
        Value::List(list) => Value::List(list.iter().map(|item| fill(item, element)).collect()),
        Value::Map(map) => Value::Map(map.iter().map(|(key, value)| (key.clone(), fill(value, element))).collect()),
        other => other.clone(),
    }
}
