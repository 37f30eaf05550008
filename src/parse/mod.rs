//! TOML → syntax with spans.
//!
//! Comes in: the bytes of `platform.toml` and its includes, through [`World`]. Goes out: one table in which every key
//! and value knows where it was written. Nothing is interpreted here beyond TOML itself, and one mistake never hides
//! another: all syntax errors of all files are found in one run.

pub mod node; //    spanned values
pub mod toml; //    text → nodes, all errors at once
pub mod text; //    the formats of strings: sizes, durations, hosts, …
pub mod pattern; // the formats as regular expressions
pub mod string; //  `${…}` in strings
pub mod shape; //   what a table may hold: checks, and the JSON Schema
pub mod misspelt; // `${…}` that look like ours and are not

use std::sync::Arc;

use globset::Glob;
use indexmap::map::Entry as Slot;

pub use node::{Entry, Kind, Node, Table};

use crate::code;
use crate::diag::{Code, Diagnostic, Sources, Span, Warned};
use crate::world::{ReadError, World};

/// The codes that this stage emits.
pub static CODES: &[&Code] = &[
    &SYNTAX_ERROR,
    &UNREADABLE_FILE,
    &DUPLICATE_KEY,
    &UNKNOWN_KEY,
    &WRONG_TYPE,
    &INVALID_VALUE,
    &MISSING_KEY,
    &BAD_REFERENCE,
];

code!(
    SYNTAX_ERROR,
    "syntax-error",
    "the file is not valid TOML",
    "lakegen cannot compile a file that it cannot parse",
    "name = lake",
    "name = \"lake\""
);
code!(
    UNREADABLE_FILE,
    "unreadable-file",
    "a file cannot be read",
    "lakegen only reads regular UTF-8 files of limited size below the project folder, and never follows symbolic links",
    "include = [\"../other/*.toml\"]",
    "move the file below the folder of platform.toml"
);
code!(
    DUPLICATE_KEY,
    "duplicate-key",
    "one key is set in two files",
    "if a key had two values, one of them would be dropped silently",
    "a.toml: platform.name = \"a\"    b.toml: platform.name = \"b\"",
    "keep the key in one of the two files"
);
code!(
    UNKNOWN_KEY,
    "unknown-key",
    "a key is unknown to the language or the component",
    "a misspelt key that is ignored is a setting that silently has no effect",
    "[components.trino]\nreplica = 3",
    "[components.trino]\npods.worker.replicas = 3"
);
code!(
    WRONG_TYPE,
    "wrong-type",
    "a value has the wrong type for its key",
    "implicit conversions hide mistakes",
    "storage = 20",
    "storage = \"20Gi\""
);
code!(
    INVALID_VALUE,
    "invalid-value",
    "a value has the right type but the wrong format",
    "the cluster would reject it later, or misread it",
    "schedule = \"every day\"",
    "schedule = \"0 2 * * *\""
);
code!(
    MISSING_KEY,
    "missing-key",
    "a required key is missing",
    "it has no sensible default",
    "[platform]\ndomain = \"example.com\"",
    "[platform]\nname = \"lake\"\ndomain = \"example.com\""
);
code!(
    BAD_REFERENCE,
    "bad-reference",
    "a `${…}` refers to something that does not exist",
    "an unresolved reference would reach the cluster as literal text",
    "host = \"${vars.zon}\"",
    "host = \"${vars.zone}\""
);

/// The largest TOML file that is read, in bytes (reliability.md §4).
pub const MAX_TOML_BYTES: usize = 1 << 20;

/// Everything the user wrote, as one table.
#[derive(Clone, Debug, Default)]
pub struct Syntax {
    pub root: Table,
    /// The whole of the main file, for findings about what is not there.
    pub file: Span,
}

/// Reads the main file at `path` and everything it includes.
pub fn parse(world: &dyn World, path: &str, sources: &mut Sources) -> Warned<Syntax> {
    let mut diagnostics = Vec::new();
    let mut root = Table::new();
    let mut file = Span::default();
    if let Some(text) = read_text(world, path, None, sources, &mut diagnostics) {
        let id = sources.add(path, text.clone());
        file = Span::new(id, 0, 0);
        root = toml::parse(id, &text, &mut diagnostics);
    }
    for (included, at) in includes(world, path, &root, &mut diagnostics) {
        if let Some(text) = read_text(world, &included, Some(at), sources, &mut diagnostics) {
            let id = sources.add(included.as_str(), text.clone());
            let table = toml::parse(id, &text, &mut diagnostics);
            join(&mut root, table, &mut Vec::new(), &mut diagnostics);
        }
    }
    // The order of keys is a matter of taste: it shows nowhere in the output (reliability.md T25).
    node::sort(&mut root);
    Warned { output: Syntax { root, file }, diagnostics }
}

/// Reads a TOML file as text: UTF-8, bounded, byte order mark dropped.
pub fn read_text(
    world: &dyn World,
    path: &str,
    wanted_at: Option<Span>,
    sources: &mut Sources,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Arc<str>> {
    let reason = match world.read(path) {
        Ok(bytes) if bytes.len() > MAX_TOML_BYTES => {
            format!("it is larger than {} KiB", MAX_TOML_BYTES >> 10)
        }
        Ok(bytes) => match std::str::from_utf8(&bytes) {
            Ok(text) => return Some(text.strip_prefix('\u{feff}').unwrap_or(text).into()),
            Err(error) => format!("it is not valid UTF-8 at byte {}", error.valid_up_to()),
        },
        Err(error) => read_reason(&error),
    };
    let at = wanted_at.unwrap_or_else(|| Span::new(sources.add(path, ""), 0, 0));
    let diagnostic = Diagnostic::error(&UNREADABLE_FILE, format!("cannot read `{path}`: {reason}")).at(at, "");
    diagnostics.push(diagnostic);
    None
}

/// Says why a file could not be read, for a message.
pub fn read_reason(error: &ReadError) -> String {
    match error {
        ReadError::Missing => "no such file".into(),
        ReadError::Refused(reason) | ReadError::Failed(reason) => reason.clone(),
        ReadError::TooLarge { limit } => format!("it is larger than {} KiB", limit >> 10),
    }
}

/// Returns the files that `include` names, each with the span of its pattern.
fn includes(world: &dyn World, main: &str, root: &Table, diagnostics: &mut Vec<Diagnostic>) -> Vec<(String, Span)> {
    let Some(Kind::List(patterns)) = root.get("include").map(|e| &e.node.kind) else { return vec![] };
    let files = world.list("").unwrap_or_default();
    let mut found: Vec<(String, Span)> = Vec::new();
    for pattern in patterns.iter() {
        let Kind::Str(text) = &pattern.kind else { continue };
        let matcher = match Glob::new(text) {
            Ok(glob) => glob.compile_matcher(),
            Err(error) => {
                let message = format!("`{text}` is not a valid file pattern: {}", error.kind());
                diagnostics.push(Diagnostic::error(&INVALID_VALUE, message).at(pattern.span, ""));
                continue;
            }
        };
        let before = found.len();
        for file in files.iter().filter(|file| *file != main && matcher.is_match(file.as_str())) {
            if !found.iter().any(|(known, _)| known == file) {
                found.push((file.clone(), pattern.span));
            }
        }
        if found.len() == before {
            let message = format!("no file matches `{text}`");
            diagnostics.push(Diagnostic::error(&UNREADABLE_FILE, message).at(pattern.span, "included here"));
        }
    }
    found
}

/// Joins an included table into the root; tables merge, a key set twice is an error that names both places.
fn join(into: &mut Table, from: Table, path: &mut Vec<Arc<str>>, diagnostics: &mut Vec<Diagnostic>) {
    for (key, entry) in from {
        match into.entry(key) {
            Slot::Vacant(slot) => {
                slot.insert(entry);
            }
            Slot::Occupied(mut slot) => {
                path.push(slot.key().clone());
                let old = slot.get_mut();
                match (&mut old.node.kind, entry.node.kind) {
                    (Kind::Table(old), Kind::Table(new)) => {
                        let new = Arc::unwrap_or_clone(new);
                        join(Arc::make_mut(old), new, path, diagnostics);
                    }
                    _ => diagnostics.push(
                        Diagnostic::error(&DUPLICATE_KEY, format!("`{}` is set in two files", path.join(".")))
                            .at(entry.key, "set here")
                            .at(old.key, "and here"),
                    ),
                }
                path.pop();
            }
        }
    }
}
