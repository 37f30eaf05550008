//! The tables of `platform.toml` as Rust structs: what a key is called, what it takes, its default, and the field it is read into.
//!
//! One declaration per table gives all of it: the description that the checker, the JSON Schema and the reference are made of,
//! and the reading into a struct. Reading never fails: a wrong type was reported when the file was checked. Texts and tables
//! keep the place where they were written, for carets.

#[macro_use]
mod declare; //       the macros
pub mod text; //      texts and tables with their places
pub mod platform; //  name and ground rules, repository, images
pub mod secrets; //   the secret store, Secrets and credentials
pub mod engines; //   Argo CD, Flux, how things are synced, who is told
pub mod publish; //   edges and buckets
pub mod group; //     namespaces, projects, placements
pub mod component; // the common keys of components and jobs
pub mod policy; //    levels of the checks, and exceptions
pub mod root; //      all tables of a target

pub use root::Settings;
pub use text::{Places, Read, Text, read};

use crate::parse::shape::{Keys, Shape, TEXT, either};
use crate::parse::text::Format;

/// A struct that is read from a table.
pub trait Described: Read {
    /// Returns what the table may hold.
    fn keys() -> Keys;

    /// Returns the same as a shape.
    fn shape() -> Shape {
        Self::keys().shape()
    }
}

// Short names for the shapes of the declarations.
const NAME: Shape = Shape::Text(Format::Name);
const ITEM: Shape = Shape::Text(Format::Item);
const URL: Shape = Shape::Text(Format::Url);
const PATH: Shape = Shape::Text(Format::Path);
const VERSION: Shape = Shape::Text(Format::Version);
const DURATION: Shape = Shape::Text(Format::Duration);

/// Returns what a variable may be: of the platform, or of a pod's environment.
fn variable() -> Shape {
    either([TEXT, Shape::Int { min: i64::MIN, max: i64::MAX }, Shape::Bool, Shape::Number])
}
