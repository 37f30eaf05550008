//! A shape as a JSON Schema (draft-07).

use serde_json::{Value as Json, json};

use crate::parse::pattern::{pattern, reference};
use crate::parse::shape::{Key, Keys, Shape};
use crate::parse::text::Format;

/// All formats, which are written once.
const FORMATS: &[Format] = &[
    Format::Any,
    Format::Size,
    Format::Range,
    Format::Duration,
    Format::Cron,
    Format::Image,
    Format::Item,
    Format::Host,
    Format::Name,
    Format::Reference,
    Format::Glob,
    Format::Url,
    Format::Version,
    Format::Path,
    Format::Pointer,
    Format::Api,
];
/// A text without control characters, line breaks and tabs apart.
const PLAIN: &str = r"[^\x00-\x08\x0b-\x1f\x7f-\x9f]*";

/// Returns the definitions that the schemas of shapes refer to.
pub fn definitions() -> impl Iterator<Item = (String, Json)> {
    // A text with references is judged once they are filled in.
    let later = reference();
    let filled = json!({"type": "string", "pattern": later});
    let format = move |format: &Format| {
        let of = pattern(*format).unwrap_or_else(|| PLAIN.into());
        let schema = json!({"type": "string", "pattern": format!("^(?:{of})$|{later}")});
        (definition(*format), schema)
    };
    std::iter::once(("reference".to_string(), filled)).chain(FORMATS.iter().map(format))
}

/// Returns the name of a format's definition.
fn definition(format: Format) -> String {
    format!("text-{}", format.word().replace(' ', "-").to_lowercase())
}

/// Returns the schema of a shape.
pub fn shape(of: &Shape) -> Json {
    match of {
        Shape::Any => json!({}),
        Shape::Bool => json!({"type": "boolean"}),
        Shape::Int { min, max } => {
            let mut schema = json!({"type": "integer"});
            if *min != i64::MIN {
                schema["minimum"] = json!(min);
            }
            if *max != i64::MAX {
                schema["maximum"] = json!(max);
            }
            schema
        }
        Shape::Number => json!({"type": "number"}),
        Shape::Text(format) => json!({"$ref": format!("#/definitions/{}", definition(*format))}),
        Shape::Enum(words) => json!({"anyOf": [{"enum": words.to_vec()}, {"$ref": "#/definitions/reference"}]}),
        Shape::List(item) => json!({"type": "array", "items": shape(item)}),
        Shape::Map(format, value) => {
            let mut schema = json!({"type": "object", "additionalProperties": shape(value)});
            if let Some(pattern) = pattern(*format) {
                schema["propertyNames"] = json!({"pattern": format!("^(?:{pattern})$")});
            }
            schema
        }
        Shape::Table(keys) => table(keys),
        Shape::Either(shapes) => any_of(shapes.iter().map(shape)),
        Shape::Component => json!({"$ref": "#/definitions/component"}),
        Shape::Job => json!({"$ref": "#/definitions/job"}),
        Shape::Once => json!({"not": {}}),
    }
}

/// Returns a schema that takes what one of several takes; what says the same is said once.
pub fn any_of(schemas: impl IntoIterator<Item = Json>) -> Json {
    let mut all: Vec<Json> = Vec::new();
    for schema in schemas {
        if !all.contains(&schema) {
            all.push(schema);
        }
    }
    if all.len() == 1 { all.remove(0) } else { json!({"anyOf": all}) }
}

/// Returns the schema of a table with fixed keys.
pub fn table(keys: &Keys) -> Json {
    let properties: serde_json::Map<String, Json> =
        keys.keys.iter().map(|(name, key)| (name.clone(), property(key))).collect();
    json!({"type": "object", "additionalProperties": false, "properties": properties})
}

/// Returns the schema of a key.
pub fn property(key: &Key) -> Json {
    let mut schema = described(shape(&key.shape), &key.doc);
    if let (Some(default), Some(object)) = (&key.default, schema.as_object_mut()) {
        object.insert("default".into(), json!(default));
    }
    schema
}

/// Adds a description. Draft-07 readers ignore everything beside a `$ref`, so a reference is wrapped.
pub fn described(mut schema: Json, doc: &str) -> Json {
    if let Some(object) = schema.as_object_mut().filter(|_| !doc.is_empty()) {
        if let Some(reference) = object.remove("$ref") {
            object.insert("allOf".into(), json!([{ "$ref": reference }]));
        }
        object.insert("description".into(), doc.into());
    }
    schema
}
