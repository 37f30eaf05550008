//! Reference data → JSON schemas: Kubernetes' OpenAPI definitions of a version, CRDs and plain CRD schemas come in, one
//! strict, self-contained schema per kind goes out, as kubeconform wants it (draft 4).
//!
//! Strict means that an unknown field is an error, as it is for `kubectl apply --validate=strict`. OpenAPI says less than
//! the API server knows: quantities and ports may be numbers, a CRD leaves `apiVersion`, `kind` and `metadata` out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde_json::{Map, Value, json};

/// Schemas of kinds of which the reference data has no CRD: facts alone, each with its source.
const OWN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas");
const REF: &str = "#/definitions/";
const METADATA: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
const ROOT: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// All schemas of one Kubernetes version, and those of the CRDs.
pub struct Schemas {
    data: PathBuf,
    definitions: Map<String, Value>,
    /// `apiVersion Kind` → name of the definition.
    kinds: BTreeMap<String, String>,
    /// `apiVersion Kind` → file of the CRD.
    crds: BTreeMap<String, PathBuf>,
    /// Definitions that a tree brings itself, for kinds of which the reference data knows nothing.
    brought: Vec<Value>,
}

impl Schemas {
    /// Reads the definitions of a version such as `1.33`, and where the CRDs are.
    pub fn new(data: &Path, version: &str) -> anyhow::Result<Self> {
        let minor: Vec<&str> = version.splitn(3, '.').take(2).collect();
        let path = data.join(format!("openapi/kubernetes-{}.definitions.json", minor.join(".")));
        let mut document = read(&path)?;
        let Value::Object(definitions) = document["definitions"].take() else {
            bail!("{} has no definitions", path.display());
        };
        let mut kinds = BTreeMap::new();
        for (name, definition) in &definitions {
            let all = definition["x-kubernetes-group-version-kind"].as_array().into_iter().flatten();
            for kind in all {
                let text = |key: &str| kind[key].as_str().unwrap_or_default();
                kinds.insert(key(text("group"), text("version"), text("kind")), name.clone());
            }
        }
        let mut crds = BTreeMap::new();
        for record in read(&data.join("crds/index.json"))?.as_array().into_iter().flatten() {
            let text = |key: &str| record[key].as_str().unwrap_or_default();
            if record["served"] == true {
                crds.insert(key(text("group"), text("version"), text("kind")), data.join(text("file")));
            }
        }
        Ok(Self { data: data.to_path_buf(), definitions, kinds, crds, brought: Vec::new() })
    }

    /// Takes a CustomResourceDefinition of the tree that is judged.
    pub fn bring(&mut self, crd: Value) {
        self.brought.push(crd);
    }

    /// Returns the schema of a kind; none when there is no data for it.
    pub fn of(&self, api_version: &str, kind: &str) -> anyhow::Result<Option<Value>> {
        let key = format!("{api_version} {kind}");
        if let Some(name) = self.kinds.get(&key) {
            return Ok(Some(self.complete(json!({ "$ref": format!("{REF}{name}") }))));
        }
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let file = format!("{group}/{}_{version}.json", kind.to_lowercase());
        let plain = [self.data.join("openapi/crd-json").join(&file), Path::new(OWN).join(&file)];
        let schema = match (self.crds.get(&key), plain.iter().find(|path| path.is_file())) {
            (Some(file), _) => of_crd(file, version)?,
            (None, Some(file)) => read(file)?,
            (None, None) => {
                let defines = |crd: &&Value| crd["spec"]["group"] == group && crd["spec"]["names"]["kind"] == kind;
                match self.brought.iter().find(defines) {
                    Some(crd) => of_version(crd, version)?,
                    None => return Ok(None),
                }
            }
        };
        let mut schema = converted(&schema);
        with_root(&mut schema);
        Ok(Some(self.complete(schema)))
    }

    /// Adds all definitions that a schema refers to.
    fn complete(&self, mut schema: Value) -> Value {
        let mut open: Vec<String> = references(&schema).collect();
        let mut done: BTreeSet<String> = BTreeSet::new();
        let mut definitions = Map::new();
        while let Some(name) = open.pop() {
            if !done.insert(name.clone()) {
                continue;
            }
            let definition = self.definitions.get(&name).map_or(Value::Bool(true), |d| definition(&name, d));
            open.extend(references(&definition));
            definitions.insert(name, definition);
        }
        // Beside a `$ref`, draft 4 reads nothing else.
        if schema.get("$ref").is_some() {
            schema = json!({ "allOf": [schema] });
        }
        schema["definitions"] = Value::Object(definitions);
        schema
    }
}

fn read(path: &Path) -> anyhow::Result<Value> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("reading {}", path.display()))
}

fn key(group: &str, version: &str, kind: &str) -> String {
    if group.is_empty() { format!("{version} {kind}") } else { format!("{group}/{version} {kind}") }
}

/// Returns the schema of a version of a CustomResourceDefinition.
fn of_crd(file: &Path, version: &str) -> anyhow::Result<Value> {
    let text = std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
    let crd: Value = serde_yaml::from_str(&text).with_context(|| format!("reading {}", file.display()))?;
    of_version(&crd, version)
}

fn of_version(crd: &Value, version: &str) -> anyhow::Result<Value> {
    let versions = crd["spec"]["versions"].as_array().context("a CRD has versions")?;
    let found = versions.iter().find(|v| v["name"] == version).context("the definition has no such version")?;
    Ok(found["schema"]["openAPIV3Schema"].clone())
}

/// Returns a Kubernetes definition as a strict schema.
fn definition(name: &str, definition: &Value) -> Value {
    // What the API server reads by a function of its own, and OpenAPI calls a string or an object.
    match name.rsplit('.').next().unwrap_or_default() {
        "IntOrString" => json!({ "type": ["string", "integer"] }),
        "Quantity" => json!({ "type": ["string", "number"] }),
        "JSON" | "JSONSchemaPropsOrBool" | "JSONSchemaPropsOrArray" | "JSONSchemaPropsOrStringArray" => json!({}),
        _ => converted(definition),
    }
}

/// Returns a schema in draft 4's words, closed where it names its fields.
fn converted(schema: &Value) -> Value {
    let Value::Object(from) = schema else { return schema.clone() };
    let mut to = Map::new();
    for (key, value) in from {
        match key.as_str() {
            "properties" => {
                let fields = value.as_object().into_iter().flatten();
                to.insert(key.clone(), fields.map(|(name, field)| (name.clone(), converted(field))).collect());
            }
            "items" | "additionalProperties" => {
                to.insert(key.clone(), converted(value));
            }
            // Alternatives only narrow the fields that stand beside them (Kubernetes' structural schemas).
            "type" | "required" | "enum" | "$ref" | "allOf" | "anyOf" | "oneOf" | "not" | "pattern" | "minimum"
            | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf" | "minLength" | "maxLength"
            | "minItems" | "maxItems" | "uniqueItems" | "minProperties" | "maxProperties" => {
                to.insert(key.clone(), value.clone());
            }
            _ => {}
        }
    }
    let says = |key: &str| from.get(key) == Some(&Value::Bool(true));
    if says("x-kubernetes-int-or-string") || from.get("format").is_some_and(|format| format == "int-or-string") {
        to.insert("type".into(), json!(["string", "integer"]));
    }
    if says("nullable")
        && let Some(kind) = to.remove("type")
    {
        let mut kinds = kind.as_array().cloned().unwrap_or_else(|| vec![kind]);
        kinds.push("null".into());
        to.insert("type".into(), kinds.into());
    }
    if says("x-kubernetes-embedded-resource") {
        add_root(&mut to);
    }
    let open = says("x-kubernetes-preserve-unknown-fields") || to.contains_key("additionalProperties");
    if open
        && to.get("additionalProperties") == Some(&Value::Bool(false))
        && says("x-kubernetes-preserve-unknown-fields")
    {
        to.remove("additionalProperties");
    }
    if !open && to.contains_key("properties") {
        to.insert("additionalProperties".into(), Value::Bool(false));
    }
    Value::Object(to)
}

/// Lets a custom resource have what every object has.
fn with_root(schema: &mut Value) {
    if let Value::Object(map) = schema {
        add_root(map);
        let open = map.get("additionalProperties").is_some_and(|a| a != &Value::Bool(false));
        if !open {
            map.insert("additionalProperties".into(), Value::Bool(false));
        }
        let required = map.entry("required").or_insert_with(|| json!([]));
        if let Value::Array(required) = required {
            required
                .extend(ROOT.into_iter().map(Value::from).filter(|key| !required.contains(key)).collect::<Vec<_>>());
        }
    }
}

fn add_root(map: &mut Map<String, Value>) {
    let fields = map.entry("properties").or_insert_with(|| json!({}));
    fields["apiVersion"] = json!({ "type": "string" });
    fields["kind"] = json!({ "type": "string" });
    fields["metadata"] = json!({ "$ref": format!("{REF}{METADATA}") });
}

/// Returns the names of the definitions that a schema refers to.
fn references(schema: &Value) -> Box<dyn Iterator<Item = String> + '_> {
    match schema {
        Value::Object(map) => Box::new(map.iter().flat_map(|(key, value)| {
            let own = (key == "$ref").then(|| value.as_str()?.strip_prefix(REF).map(String::from)).flatten();
            own.into_iter().chain(references(value))
        })),
        Value::Array(list) => Box::new(list.iter().flat_map(references)),
        _ => Box::new(std::iter::empty()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas_are_closed_where_they_name_fields() {
        let schema = converted(&json!({
            "type": "object", "description": "x",
            "properties": {
                "port": { "x-kubernetes-int-or-string": true, "anyOf": [{ "type": "integer" }, { "type": "string" }] },
                "any": { "type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": { "a": {} } },
                "map": { "type": "object", "additionalProperties": { "type": "string", "nullable": true } },
            }
        }));
        assert_eq!(schema["additionalProperties"], false);
        assert_eq!(schema["properties"]["port"]["type"], json!(["string", "integer"]));
        assert_eq!(schema["properties"]["any"].get("additionalProperties"), None);
        assert_eq!(schema["properties"]["map"]["additionalProperties"]["type"], json!(["string", "null"]));
        assert_eq!(schema.get("description"), None);
    }

    #[test]
    fn a_custom_resource_is_an_object() {
        let mut schema = converted(&json!({ "type": "object", "properties": { "spec": { "type": "object" } } }));
        with_root(&mut schema);
        assert_eq!(schema["required"], json!(["apiVersion", "kind", "metadata"]));
        assert_eq!(references(&schema).collect::<Vec<_>>(), [METADATA]);
        assert_eq!(schema["properties"]["spec"], json!({ "type": "object" }));
    }
}
