//! The Kubernetes object model: typed values, object identity, names and canonical YAML.
//!
//! Values come in from templates and `platform.toml`, and go out as YAML that reads back the
//! same in every reader. Nothing here knows about components or engines.

pub mod object; // an object and its identity
pub mod kinds; //  which kinds there are and where they live
pub mod images; // where an object names container images
pub mod value; //  one dynamic value type for manifests and Helm values
pub mod yaml; //   `read` (as Helm reads) and `write` (safe for YAML 1.1 and 1.2)
