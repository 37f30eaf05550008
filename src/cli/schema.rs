//! `lakegen schema`: the JSON Schema of `platform.toml`, with all components.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value as Json;

use super::project::Project;
use super::{Code, DONE, FINDINGS, Failure, Session};
use crate::catalog;
use crate::diag::{Level, Sources, render};
use crate::resolve::schema;
use crate::world::World;
use crate::world::memory::MemoryWorld;

/// Print the JSON Schema of platform.toml for editors
///
/// The schema (draft-07) describes every key, with the components of the catalogue and of `lakegen/` in the project.
/// Name it in the first line of platform.toml: `#:schema ./platform.schema.json`.
#[derive(Args, Debug)]
#[command(after_long_help = "Examples:\n  lakegen schema | jq .definitions\n  lakegen schema -o platform.schema.json")]
pub struct Schema {
    /// The file to write instead of stdout; only an older schema is replaced
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
    let schema = schema::json_schema(&catalogue(world, session)?);
    Ok(format!("{schema:#}\n"))
}

/// Writes the schema at once, over an older one or nothing.
fn replace(path: &Path, text: &str) -> Result<(), Failure> {
    let failed = |error: &std::io::Error| Failure::io(&format!("write `{}`", path.display()), error);
    if path.symlink_metadata().is_ok() {
        let old = std::fs::read(path).map_err(|error| failed(&error))?;
        let title =
            serde_json::from_slice::<Json>(&old).ok().and_then(|old| Some(old.get("title")?.as_str()?.to_owned()));
        if title.as_deref() != Some("lakegen platform") {
            return Err(Failure::refused(format!("`{}` is there already and is no schema of lakegen", path.display()))
                .help("choose another file, or remove it first"));
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
