//! Where an object names container images: in fields, in variables and arguments that tell a program which one to run,
//! and in manifests that stand as text in a ConfigMap.
//!
//! This is the one walk over images; rules and lists say what they make of each.

use std::sync::Arc;

use super::value::{Map, Value};
use super::yaml;

/// A longer text in a ConfigMap is no manifest of a pod.
const TEXT_BYTES: usize = 256 << 10;

/// How an image is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// By a field of the object.
    Field,
    /// By an environment variable or argument: the program that gets it runs the image.
    Setting,
    /// By a manifest that is text in a ConfigMap.
    Text,
}

/// An image in an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// As written.
    pub image: String,
    /// Name of the container, or of whatever else has both a name and an image.
    pub container: Option<Arc<str>>,
    /// As in `spec.template.spec.containers[0].image`.
    pub path: String,
    pub way: Way,
}

/// Says whether a field of this name holds an image: `image` nearly everywhere, `imageName` for CloudNativePG
/// (postgresql.cnpg.io/v1 `Cluster`), `dockerImage` for Zalando's operator (acid.zalan.do/v1 `postgresql`).
pub fn is_field(key: &str) -> bool {
    matches!(key, "image" | "imageName" | "dockerImage")
}

/// Says whether a text can be an image reference at all, as in distribution/reference v0.6 (`regexp.go`), and is no
/// mere word.
pub fn is_reference(text: &str) -> bool {
    text.contains(['/', ':']) && is_name(text)
}

fn is_name(text: &str) -> bool {
    let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | ':' | '@');
    text.len() <= 512
        && text.chars().all(part)
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric())
        && !text.contains("//")
        && !text.rsplit('/').next().is_some_and(|last| last.is_empty() || last.matches(':').count() > 2)
}

/// Says whether a text is an image reference beyond doubt: a registry's host, a path, and a tag or digest.
fn is_whole(text: &str) -> bool {
    let Some((host, path)) = text.split_once('/') else { return false };
    let tagged = path.split_once(':').is_some_and(|(_, tag)| !tag.is_empty() && !tag.contains('/'));
    is_name(text) && host.contains('.') && host.contains(|c: char| c.is_ascii_alphabetic()) && tagged
}

/// Calls `see` with each image that an object names.
pub fn each(object: &Value, see: &mut dyn FnMut(Found)) {
    match object.get("kind").and_then(Value::as_str) {
        // Its schema describes images and has none.
        Some("CustomResourceDefinition") => {}
        Some("ConfigMap") => {
            for (key, value) in object.get("data").and_then(Value::as_map).into_iter().flatten() {
                if let Value::Str(text) = value {
                    manifests(text, &format!("data[{key}]"), see);
                }
            }
        }
        _ => below(object, &mut String::new(), see),
    }
}

/// Looks for pods in a text, as Airflow's Kubernetes executor and Spark take them.
fn manifests(text: &str, path: &str, see: &mut dyn FnMut(Found)) {
    if text.len() > TEXT_BYTES || !text.contains("containers:") || !text.contains("image:") {
        return;
    }
    let Ok(documents) = yaml::read(text) else { return };
    for document in documents.iter().filter(|document| document.value.get("kind").is_some()) {
        below(&document.value, &mut String::new(), &mut |found| {
            see(Found { path: format!("{path}.{}", found.path), way: Way::Text, ..found });
        });
    }
}

fn below(value: &Value, path: &mut String, see: &mut dyn FnMut(Found)) {
    match value {
        Value::Map(map) => {
            for (key, inner) in map {
                let length = path.len();
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(key);
                member(map, key, inner, path, see);
                path.truncate(length);
            }
        }
        Value::List(list) => {
            for (index, inner) in list.iter().enumerate() {
                let length = path.len();
                path.push_str(&format!("[{index}]"));
                below(inner, path, see);
                path.truncate(length);
            }
        }
        _ => {}
    }
}

fn member(map: &Map, key: &str, inner: &Value, path: &mut String, see: &mut dyn FnMut(Found)) {
    let container = match map.get("name") {
        Some(Value::Str(name)) => Some(name.clone()),
        _ => None,
    };
    let mut tell = |image: String, way, path: &str| {
        see(Found { image, container: container.clone(), path: path.to_owned(), way });
    };
    match inner {
        Value::Str(text) if is_field(key) => tell(text.to_string(), Way::Field, path),
        Value::Map(parts) if is_field(key) => match joined(parts) {
            Some(image) => tell(image, Way::Field, path),
            None => below(inner, path, see),
        },
        Value::List(list) if matches!(key, "args" | "command") => {
            let words = list.iter().filter_map(Value::as_str);
            for image in words.filter_map(|word| in_words(word.split_once('=').map_or(word, |(_, value)| value))) {
                tell(image, Way::Setting, path);
            }
        }
        Value::List(list) if key == "env" => {
            for (index, variable) in list.iter().enumerate() {
                let text = |key: &str| variable.get(key).and_then(Value::as_str);
                let (Some(name), Some(value)) = (text("name"), text("value")) else { continue };
                for image in in_setting(name, value) {
                    tell(image, Way::Setting, &format!("{path}[{index}]"));
                }
            }
        }
        _ => below(inner, path, see),
    }
}

/// Puts an image together that a resource gives in parts, and that of a volume (core/v1 `ImageVolumeSource`).
fn joined(parts: &Map) -> Option<String> {
    let text = |key: &str| parts.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    if let Some(reference) = text("reference") {
        return Some(reference.to_owned());
    }
    let repository = text("repository")?;
    let mut image = text("registry").map_or_else(String::new, |registry| format!("{registry}/"));
    image.push_str(repository);
    for (mark, key) in [(':', "tag"), ('@', "digest")] {
        if let Some(part) = text(key) {
            image.push(mark);
            image.push_str(part);
        }
    }
    Some(image)
}

fn in_words(word: &str) -> Option<String> {
    is_whole(word).then(|| word.to_owned())
}

/// Returns the images of an environment variable: its value, or a table such as Strimzi's `STRIMZI_KAFKA_IMAGES`
/// (`4.0.0=quay.io/strimzi/kafka:0.46.0-kafka-4.0.0`, one a line). One that is named an image may be written short.
fn in_setting(name: &str, value: &str) -> Vec<String> {
    if value.len() > TEXT_BYTES {
        return Vec::new();
    }
    let named = name.to_ascii_uppercase().contains("IMAGE");
    let words = value.split(|c: char| c.is_whitespace() || c == ',').map(|word| {
        let (_, image) = word.split_once('=').unwrap_or(("", word));
        image
    });
    let short = |word: &str| named && is_reference(word) && word.contains(':') && !word.ends_with("://");
    words.filter(|word| is_whole(word) || short(word)).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<(String, String, Way)> {
        let mut all = Vec::new();
        let document = yaml::read_one(text).unwrap();
        each(&document, &mut |found| all.push((found.image, found.path, found.way)));
        all
    }

    #[test]
    fn fields_of_pods_and_resources() {
        let pod = "kind: Pod\nspec:\n  containers:\n  - name: a\n    image: x:1\n  volumes:\n  - image: {reference: r.io/m:2}\n";
        assert_eq!(
            of(pod),
            [
                ("x:1".into(), "spec.containers[0].image".into(), Way::Field),
                ("r.io/m:2".into(), "spec.volumes[0].image".into(), Way::Field)
            ]
        );
        assert_eq!(of("kind: Cluster\nspec: {imageName: pg:18}")[0].1, "spec.imageName");
        let parts = "kind: X\nspec: {image: {registry: r.io, repository: a/b, tag: '1'}}";
        assert_eq!(of(parts)[0].0, "r.io/a/b:1");
        assert_eq!(of("kind: CustomResourceDefinition\nspec: {image: x:1}"), []);
    }

    #[test]
    fn variables_and_arguments_that_name_images() {
        let text = "kind: Deployment\nspec:\n  args: [--reloader=quay.io/p/r:v1, --log=info, quay.io/p/s:v2, --url=http://a.b/c:1]\n  env:\n  \
                    - {name: STRIMZI_KAFKA_IMAGES, value: \"4.0=quay.io/k:4\\n4.1=quay.io/k:5\\n\"}\n  - {name: RELATED_IMAGE, value: 'pg/pg:18'}\n  \
                    - {name: URL, value: 'kafka:9092'}\n  - {name: ADDRESS, value: 'a.example.com:443'}\n";
        let images: Vec<String> = of(text).into_iter().map(|(image, ..)| image).collect();
        assert_eq!(images, ["quay.io/p/r:v1", "quay.io/p/s:v2", "quay.io/k:4", "quay.io/k:5", "pg/pg:18"]);
    }

    #[test]
    fn pods_that_are_text() {
        let text = "kind: ConfigMap\ndata:\n  image: no/image:1\n  pod.yaml: |\n    kind: Pod\n    spec:\n      containers:\n      - {name: base, image: 'a/b:1'}\n";
        assert_eq!(of(text), [("a/b:1".into(), "data[pod.yaml].spec.containers[0].image".into(), Way::Text)]);
    }

    #[test]
    fn references() {
        for yes in ["a:1", "a/b", "r.io:5000/a/b:1.2", "a@sha256:ab"] {
            assert!(is_reference(yes), "{yes}");
        }
        for no in ["", "auto", "a b:1", "{{ x }}:1", "${x}:1", "http://a/b", "a/", "a:"] {
            assert!(!is_reference(no), "{no}");
        }
    }
}
