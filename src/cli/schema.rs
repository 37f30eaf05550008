//! `lakegen schema`: the JSON Schema of `platform.toml`, with all components.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value as Json;

use super::project::Project;
use super::{Code, DONE, FINDINGS, Failure, Session};
use crate::catalog;
use crate::diag::{Diagnostic, Level, Sources, Span, render};
use crate::resolve::schema;
use crate::world::World;
use crate::world::memory::MemoryWorld;

/// Print the JSON Schema of platform.toml for editors
///
/// The schema (draft-07) describes every key, including the components of the catalogue and of
/// `lakegen/` in the project. Refer to it in the first line of platform.toml: `#:schema
/// ./platform.schema.json`.
#[derive(Args, Debug)]
#[command(after_long_help = "Examples:\n  lakegen schema | jq .definitions\n  lakegen schema -o platform.schema.json")]
pub struct Schema {
    /// Write to this file instead of stdout; only an older schema is replaced
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Schema {
    /// Runs the command.
    ///
    /// # Errors
    /// See [`Failure`].
    pub fn run(&self, session: &mut Session) -> Result<Code, Failure> {
        let text = text(&*world(session)?, session)?;
        match self.output.as_ref().filter(|path| *path != Path::new("-")) {
            None => session.out.data(&text)?,
            Some(path) => {
                let path = session.path(path);
                replace(&path, &text)?;
                session.out.summary(&format!("wrote `{}`", path.display()));
            }
        }
        Ok(DONE)
    }
}

/// Returns the project's files, or nothing outside of a project: the embedded catalogue is there anyway.
///
/// # Errors
/// When the user named a project that is not there.
pub fn world(session: &Session) -> Result<Box<dyn World>, Failure> {
    match Project::find(session) {
        Ok(project) => Ok(Box::new(project.world())),
        Err(failure) if session.global.file.is_some() => Err(failure),
        Err(_) => Ok(Box::new(MemoryWorld::default())),
    }
}

/// Loads the whole catalogue and prints what is wrong with it.
///
/// # Errors
/// When a component has errors; they were printed.
pub fn catalogue(world: &dyn World, session: &mut Session) -> Result<catalog::Catalogue, Failure> {
    let mut sources = Sources::default();
    let loaded = catalog::load_all(world, &mut sources);
    if !loaded.diagnostics.is_empty() {
        let format = session.global.output_format.into();
        session.out.note(&render::render(&loaded.diagnostics, &sources, format, session.out.error_style()));
    }
    match loaded.diagnostics.iter().any(|d| d.level == Level::Error) {
        true => Err(Failure::reported(FINDINGS)),
        false => Ok(loaded.output),
    }
}

/// Returns the schema's text.
///
/// # Errors
/// As [`catalogue`].
pub fn text(world: &dyn World, session: &mut Session) -> Result<String, Failure> {
    let schema = schema::json_schema(&catalogue(world, session)?, VERSION);
    Ok(lines(&schema))
}

/// Says that the schema which `platform.toml` names, or that lies beside it, was written by another lakegen.
pub fn outdated(world: &dyn World, file: &str, sources: &mut Sources) -> Option<Diagnostic> {
    let text = world.read(file).ok()?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let first = text.lines().next().unwrap_or_default();
    let named = first.trim_start_matches('\u{feff}').strip_prefix("#:schema ").map(str::trim);
    let beside = Path::new(file).parent()?.join(named.unwrap_or(SCHEMA));
    let path = beside.to_string_lossy().replace('\\', "/").replace("./", "");
    let written = schema::written_by(&String::from_utf8_lossy(&world.read(&path).ok()?))?;
    if written == VERSION {
        return None;
    }
    let by = if written.is_empty() { "an older lakegen".into() } else { format!("lakegen {written}") };
    let id = sources.find(file).unwrap_or_else(|| sources.add(file, text.as_str()));
    let mut note =
        Diagnostic::warning(&schema::OLD_SCHEMA, format!("`{path}` was written by {by}, but this is {VERSION}"))
            .at(Span::new(id, 0, first.len()), "")
            .help(format!("run `lakegen schema -o {path}`"));
    note.level = Level::Note;
    Some(note)
}

/// The version of this lakegen.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The schema's file beside `platform.toml`, as `lakegen init` writes it.
pub const SCHEMA: &str = "platform.schema.json";

/// Writes a schema with a line for each table and definition: a change shows where it is, and nothing is spent on blanks.
fn lines(schema: &Json) -> String {
    let of = |object: &serde_json::Map<String, Json>, indent: &str, deeper: &dyn Fn(&str, &Json) -> String| -> String {
        let lines =
            object.iter().map(|(key, value)| format!("{indent}{}: {}", Json::from(key.as_str()), deeper(key, value)));
        lines.collect::<Vec<_>>().join(",\n")
    };
    let plain = |_: &str, value: &Json| value.to_string();
    let inside =
        |key: &str, value: &Json| match value.as_object().filter(|_| matches!(key, "properties" | "definitions")) {
            Some(object) => format!("{{\n{}\n  }}", of(object, "    ", &plain)),
            None => value.to_string(),
        };
    schema.as_object().map_or_else(String::new, |object| format!("{{\n{}\n}}\n", of(object, "  ", &inside)))
}

/// Writes the schema at once, over an older one or nothing.
fn replace(path: &Path, text: &str) -> Result<(), Failure> {
    let failed = |error: &std::io::Error| Failure::io(&format!("write `{}`", path.display()), error);
    if path.symlink_metadata().is_ok() {
        let old = std::fs::read(path).map_err(|error| failed(&error))?;
        if schema::written_by(&String::from_utf8_lossy(&old)).is_none() {
            return Err(Failure::refused(format!("`{}` already exists and is not a lakegen schema", path.display()))
                .help("use another file, or remove it first"));
        }
    }
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    let mut file = builder.tempfile_in(folder).map_err(|error| failed(&error))?;
    file.write_all(text.as_bytes()).and_then(|()| file.as_file().sync_all()).map_err(|error| failed(&error))?;
    file.persist(path).map_err(|error| failed(&error.error))?;
    Ok(())
}
