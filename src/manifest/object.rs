//! A Kubernetes object: its identity and its content.

use std::fmt;
use std::sync::Arc;

use super::value::{Map, Value};

/// What makes two objects the same one: API group (not version), kind, namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId {
    /// API group, empty for the core group.
    pub group: Arc<str>,
    pub kind: Arc<str>,
    /// Empty for cluster-scoped objects and where the object does not say.
    pub namespace: Arc<str>,
    pub name: Arc<str>,
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace.is_empty() {
            write!(f, "{}/{}", self.kind, self.name)
        } else {
            write!(f, "{} {}/{}", self.kind, self.namespace, self.name)
        }
    }
}

/// A Kubernetes object. The content is always a map with `apiVersion`, `kind` and `metadata.name`.
#[derive(Clone, Debug)]
pub struct Object(Arc<Value>);

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        // Objects that several targets share are one in memory.
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl Object {
    /// Takes a value as an object.
    ///
    /// # Errors
    /// Names what is missing or has the wrong type: `apiVersion`, `kind` or `metadata.name`.
    pub fn new(value: Value) -> Result<Self, &'static str> {
        let text = |path: &[&str]| value.at(path).and_then(Value::as_str).is_some_and(|s| !s.is_empty());
        if value.as_map().is_none() {
            return Err("a map");
        }
        for (path, name) in
            [(&["apiVersion"][..], "apiVersion"), (&["kind"], "kind"), (&["metadata", "name"], "metadata.name")]
        {
            if !text(path) {
                return Err(name);
            }
        }
        Ok(Self(Arc::new(value)))
    }

    /// Returns the content.
    pub fn value(&self) -> &Value {
        &self.0
    }

    /// Returns the content for changing; copies it first when it is shared.
    pub fn value_mut(&mut self) -> &mut Value {
        Arc::make_mut(&mut self.0)
    }

    /// Returns the top-level map.
    pub fn map(&self) -> &Map {
        self.0.as_map().expect("checked when made")
    }

    fn text(&self, path: &[&str]) -> &str {
        self.0.at(path).and_then(Value::as_str).unwrap_or("")
    }

    /// Returns `apiVersion`, as in `apps/v1` or `v1`.
    pub fn api_version(&self) -> &str {
        self.text(&["apiVersion"])
    }

    /// Returns the API group, empty for the core group.
    pub fn group(&self) -> &str {
        self.api_version().rsplit_once('/').map_or("", |(group, _)| group)
    }

    /// Returns `kind`.
    pub fn kind(&self) -> &str {
        self.text(&["kind"])
    }

    /// Returns `metadata.name`.
    pub fn name(&self) -> &str {
        self.text(&["metadata", "name"])
    }

    /// Returns `metadata.namespace`, empty when it is not set.
    pub fn namespace(&self) -> &str {
        self.text(&["metadata", "namespace"])
    }

    /// Returns the identity.
    pub fn id(&self) -> ObjectId {
        ObjectId {
            group: self.group().into(),
            kind: self.kind().into(),
            namespace: self.namespace().into(),
            name: self.name().into(),
        }
    }
}
