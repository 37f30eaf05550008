//! The functions that a chart's templates may call: Go's own, sprig's as far as Helm exposes them, and Helm's.
//!
//! The set is closed: nothing here reaches a file, the environment, the network, the clock or a process.

mod core; //   Go's own
mod printf; // `printf`

use super::go::value::Val;
use super::go::vm::{Outcome, Vm};

/// A function by its name in templates.
pub struct Function {
    pub name: &'static str,
    /// The types of its parameters, in order.
    pub takes: &'static [Kind],
    /// The type of any number of further arguments.
    pub rest: Option<Kind>,
    /// Called with as many arguments as asked for, each of the type asked for.
    pub run: fn(&mut Vm<'_>, &[Val]) -> Outcome,
}

/// The type of a parameter. The evaluator refuses other arguments, as Go's reflection does; a literal number becomes the
/// type that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `interface {}`: anything, nil too.
    Any,
    /// `string`
    Str,
    /// `int`
    Int,
    /// `int64`
    Int64,
    /// `float64`
    Float,
    /// `bool`
    Bool,
    /// `map[string]interface {}`; nil becomes an empty map.
    Map,
    /// `[]interface {}`; nil becomes an empty list.
    List,
    /// `[]string`; nil becomes an empty list.
    Strings,
    /// `time.Time`
    Time,
}

impl Kind {
    /// Go's name of the type.
    pub fn name(self) -> &'static str {
        match self {
            Self::Any => "interface {}",
            Self::Str => "string",
            Self::Int => "int",
            Self::Int64 => "int64",
            Self::Float => "float64",
            Self::Bool => "bool",
            Self::Map => "map[string]interface {}",
            Self::List => "[]interface {}",
            Self::Strings => "[]string",
            Self::Time => "time.Time",
        }
    }
}

/// Finds a function by its name.
pub fn find(name: &str) -> Option<&'static Function> {
    GROUPS.iter().flat_map(|group| group.iter()).find(|function| function.name == name)
}

/// All functions, by the file they stand in.
const GROUPS: &[&[Function]] = &[core::FUNCTIONS];
