//! Helm charts: which values exist in them, and of which type.
//!
//! Helm ignores values that no template reads, so a misspelt one is the most common silent failure
//! of a platform. The facts embedded here tell offline that a value does not exist, and which one
//! was meant. Nothing here reads the network or renders a template.

pub mod check; // values against facts
pub mod facts; // what is known of each chart, embedded
mod images; //     where values name images
mod near; //      which known value an unknown one most likely meant

pub use check::Problem;
pub use facts::{ChartFacts, Known, Release, Status, facts, known};
pub use images::{ChartImage, images};
