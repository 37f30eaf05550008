//! A Kubernetes object: its identity and its content.

use std::fmt;
use std::sync::{Arc, OnceLock};

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
pub struct Object {
    value: Arc<Value>,
    /// What is asked most, kept beside; gone whenever the content may change.
    head: OnceLock<Head>,
}

#[derive(Clone, Debug)]
struct Head {
    api_version: Arc<str>,
    id: ObjectId,
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        // Objects that several targets share are one in memory.
        self.same(other) || self.value == other.value
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
        Ok(Self { value: Arc::new(value), head: OnceLock::new() })
    }

    /// Says whether both are one object in memory.
    pub fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.value, &other.value)
    }

    /// Returns the content.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// Returns the content for changing; copies it first when it is shared.
    pub fn value_mut(&mut self) -> &mut Value {
        self.head = OnceLock::new();
        Arc::make_mut(&mut self.value)
    }

    /// Returns the top-level map.
    pub fn map(&self) -> &Map {
        self.value.as_map().expect("checked when made")
    }

    fn head(&self) -> &Head {
        self.head.get_or_init(|| {
            let text = |path: &[&str]| match self.value.at(path) {
                Some(Value::Str(text)) => text.clone(),
                _ => Arc::from(""),
            };
            let api_version = text(&["apiVersion"]);
            let group = api_version.rsplit_once('/').map_or("", |(group, _)| group).into();
            let metadata = self.value.get("metadata");
            let inner = |key: &str| match metadata.and_then(|m| m.get(key)) {
                Some(Value::Str(text)) => text.clone(),
                _ => Arc::from(""),
            };
            let id = ObjectId { group, kind: text(&["kind"]), namespace: inner("namespace"), name: inner("name") };
            Head { api_version, id }
        })
    }

    /// Returns `apiVersion`, as in `apps/v1` or `v1`.
    pub fn api_version(&self) -> &str {
        &self.head().api_version
    }

    /// Returns the API group, empty for the core group.
    pub fn group(&self) -> &str {
        &self.head().id.group
    }

    /// Returns `kind`.
    pub fn kind(&self) -> &str {
        &self.head().id.kind
    }

    /// Returns `metadata.name`.
    pub fn name(&self) -> &str {
        &self.head().id.name
    }

    /// Returns `metadata.namespace`, empty when it is not set.
    pub fn namespace(&self) -> &str {
        &self.head().id.namespace
    }

    /// Returns the identity.
    pub fn id(&self) -> ObjectId {
        self.head().id.clone()
    }
}
