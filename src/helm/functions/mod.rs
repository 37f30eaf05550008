//! The functions that a chart's templates may call: Go's own, sprig's as far as Helm exposes them, and Helm's.
//!
//! One file per idea. The set is closed: nothing here reaches a file, the environment, the network, the clock or a process.

#![expect(
    clippy::unnecessary_wraps,
    clippy::unnecessary_box_returns,
    reason = "all functions of a table have one signature"
)]

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use super::go::value::Val;
use super::go::vm::{Fail, Outcome, Vm};

mod core; //         Go's own
mod printf; //       `printf`

mod cases; //        camel, snake and title case; Go's classes of letters
mod cast; //         any value → number or text, as spf13/cast and sprig do it
mod certificates; // stand-ins for keys and certificates
mod dates; //        times
mod dicts; //        maps
mod documents; //    YAML, JSON and TOML, in and out
mod encodings; //    base64 and base32
mod equal; //        reflect.DeepEqual
mod go_json; //      encoding/json
mod go_time; //      layouts and durations
mod go_time_read; // times read by a layout
mod go_toml; //      BurntSushi/toml, the writing half
mod go_yaml; //      go-yaml, the writing half
mod go_yaml_style; // how go-yaml writes a string
mod hashes; //       sums
mod lists; //        slices
mod logic; //        default, empty, ternary, types
mod merge; //        mergo
mod messages; //     required, fail, lookup
mod numbers; //      arithmetic
mod paths; //        path.Base and its like
mod patterns; //     regular expressions
mod random; //       randAlphaNum and its like
mod regex_syntax; // Go's regular expressions → those of the `regex` crate
pub mod secrets; //  bcrypt, AES, derived passwords: stand-ins
mod text; //         strings
mod urls; //         net/url
mod versions; //     semver

pub(in crate::helm) use cast::shortest;
pub(in crate::helm) use patterns::Pattern;

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
    static ALL: LazyLock<HashMap<&'static str, &'static Function, foldhash::fast::RandomState>> =
        LazyLock::new(|| GROUPS.iter().copied().flatten().map(|function| (function.name, function)).collect());
    ALL.get(name).copied()
}

/// All functions, in no order that matters.
pub fn all() -> impl Iterator<Item = &'static Function> {
    GROUPS.iter().copied().flatten()
}

const GROUPS: &[&[Function]] = &[
    core::FUNCTIONS,
    text::FUNCTIONS,
    cases::FUNCTIONS,
    lists::FUNCTIONS,
    dicts::FUNCTIONS,
    logic::FUNCTIONS,
    numbers::FUNCTIONS,
    encodings::FUNCTIONS,
    documents::FUNCTIONS,
    hashes::FUNCTIONS,
    secrets::FUNCTIONS,
    certificates::FUNCTIONS,
    random::FUNCTIONS,
    dates::FUNCTIONS,
    versions::FUNCTIONS,
    patterns::FUNCTIONS,
    paths::FUNCTIONS,
    urls::FUNCTIONS,
    messages::FUNCTIONS,
];

/// A function that takes exactly these arguments.
const fn exact(name: &'static str, takes: &'static [Kind], run: fn(&mut Vm<'_>, &[Val]) -> Outcome) -> Function {
    Function { name, takes, rest: None, run }
}

/// A function that takes these arguments, and any number of one more kind.
const fn variadic(
    name: &'static str,
    takes: &'static [Kind],
    rest: Kind,
    run: fn(&mut Vm<'_>, &[Val]) -> Outcome,
) -> Function {
    Function { name, takes, rest: Some(rest), run }
}

/// No value that a function makes is larger (T51).
const MAX_VALUE: usize = 64 << 20;

/// Asks for leave to make a value of so many bytes or elements.
///
/// # Errors
/// When it is too large, or the render has used up all it may.
fn room(vm: &mut Vm<'_>, size: usize) -> Outcome<()> {
    if size > MAX_VALUE {
        return Err(Fail::limit(format!("a value of {size} bytes exceeds the maximum of 64 MiB")));
    }
    vm.spend(size)
}

/// The argument at `index`; nil when there is none, which the evaluator rules out.
fn arg(args: &[Val], index: usize) -> &Val {
    args.get(index).unwrap_or(&Val::Nil)
}

/// The bytes of a string argument.
fn bytes(args: &[Val], index: usize) -> &[u8] {
    arg(args, index).as_bytes().unwrap_or_default()
}

/// The text of a string argument; what is not UTF-8 becomes U+FFFD.
fn text_of(args: &[Val], index: usize) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes(args, index))
}

/// The number of an integer argument.
fn int(args: &[Val], index: usize) -> i64 {
    match arg(args, index) {
        Val::Int(i) | Val::Int64(i) => *i,
        Val::Byte(b) => (*b).into(),
        _ => 0,
    }
}

/// A text for a message: so many characters of it, then an ellipsis.
fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// What Go says when nil is asked for its type's kind, as most of sprig's list functions do.
fn nil_pointer() -> Box<Fail> {
    Fail::new("runtime error: invalid memory address or nil pointer dereference")
}

/// A slice's bounds that Go's run time refuses; `what` tells strings from slices.
fn out_of_range(from: i64, to: i64, len: usize, what: &str) -> Option<Box<Fail>> {
    let size = i64::try_from(len).unwrap_or(i64::MAX);
    let message = if to < 0 {
        format!("slice bounds out of range [:{to}]")
    } else if to > size {
        format!("slice bounds out of range [:{to}] with {what} {len}")
    } else if from < 0 {
        format!("slice bounds out of range [{from}:]")
    } else if from > to {
        format!("slice bounds out of range [{from}:{to}]")
    } else {
        return None;
    };
    Some(Fail::new(format!("runtime error: {message}")))
}
