//! Manifests → tree of files: one layout, two engines.

pub mod tree; // paths and bytes
use crate::diag::Code;
pub static CODES: &[&Code] = &[];

pub use tree::Tree;
