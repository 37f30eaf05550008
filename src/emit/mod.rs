//! Manifests → tree of files: one layout, two engines.

pub mod tree; // paths and bytes

pub use tree::Tree;
