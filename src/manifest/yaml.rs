//! YAML in and out: a stand-in with the final interface, replaced on merge.

use std::fmt;

use serde::Deserialize;

use super::value::{Map, Value};

/// One document of a YAML stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    pub value: Value,
    /// First line, from 1.
    pub line: usize,
}

/// Why a text is not YAML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadError(pub String);

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads all documents.
///
/// # Errors
/// The text is not YAML.
pub fn read(text: &str) -> Result<Vec<Document>, ReadError> {
    let mut out = Vec::new();
    for document in serde_yaml::Deserializer::from_str(text) {
        let value = serde_yaml::Value::deserialize(document).map_err(|e| ReadError(e.to_string()))?;
        out.push(Document { value: convert(value), line: 1 });
    }
    Ok(out)
}

/// Reads the only document.
///
/// # Errors
/// The text is not YAML, or more than one document.
pub fn read_one(text: &str) -> Result<Value, ReadError> {
    let mut all = read(text)?;
    match all.len() {
        0 => Ok(Value::Null),
        1 => Ok(all.remove(0).value),
        _ => Err(ReadError("more than one document".to_owned())),
    }
}

/// Writes a value.
pub fn write(value: &Value) -> String {
    serde_yaml::to_string(value).unwrap_or_default()
}

fn convert(value: serde_yaml::Value) -> Value {
    match value {
        serde_yaml::Value::Null => Value::Null,
        serde_yaml::Value::Bool(b) => Value::Bool(b),
        serde_yaml::Value::Number(n) => match (n.as_i64(), n.as_u64()) {
            (Some(i), _) => Value::Int(i.into()),
            (_, Some(u)) => Value::Int(u.into()),
            _ => Value::Float(n.as_f64().unwrap_or(f64::NAN)),
        },
        serde_yaml::Value::String(s) => s.into(),
        serde_yaml::Value::Sequence(list) => Value::List(list.into_iter().map(convert).collect()),
        serde_yaml::Value::Mapping(map) => {
            let entry = |(k, v): (serde_yaml::Value, serde_yaml::Value)| {
                let key = match convert(k) {
                    Value::Str(s) => s,
                    other => serde_json::to_string(&other).unwrap_or_default().into(),
                };
                (key, convert(v))
            };
            Value::Map(map.into_iter().map(entry).collect::<Map>())
        }
        serde_yaml::Value::Tagged(tagged) => convert(tagged.value),
    }
}
