//! `lakegen init`: the first `platform.toml`, with the schema that editors read.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::PossibleValuesParser;

use super::schema::{self, SCHEMA};
use super::{Code, DONE, Failure, Session};
use crate::compile::{Request, compile};
use crate::world::git::Repository;
use crate::world::memory::MemoryWorld;

/// What ties editors to the schema (<https://taplo.tamasfe.dev/configuration/directives.html>).
const SCHEMA_LINE: &str = "#:schema ./platform.schema.json\n";
const ATTRIBUTES: &str = "*.toml text eol=lf\nplatform.schema.json text eol=lf linguist-generated\n";
const STARTER: &str = include_str!("starter.toml");
/// Whole platforms to start from.
const EXAMPLES: [(&str, &str); 2] = [
    ("argocd-onprem", include_str!("../../examples/argocd-onprem/platform.toml")),
    ("lakehouse", include_str!("../../platform.toml")),
];

/// Write a starter platform.toml
///
/// Writes a small commented `platform.toml`, the JSON Schema that its first line refers to
/// (`lakegen schema` updates it after an upgrade) and a `.gitattributes`. Existing files are never
/// overwritten.
#[derive(Args, Debug)]
#[command(after_long_help = "Examples:\n  lakegen init\n  lakegen init lake --from argocd-onprem")]
pub struct Init {
    /// The folder; created if it does not exist
    #[arg(value_name = "DIR", default_value = ".", hide_default_value = true)]
    folder: PathBuf,
    /// Start from a complete example platform
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(EXAMPLES.map(|(name, _)| name)))]
    from: Option<String>,
    /// The GitOps engine
    #[arg(long, value_name = "ENGINE", value_parser = PossibleValuesParser::new(["argocd", "flux"]))]
    engine: Option<String>,
    /// Print what would be written without writing anything
    #[arg(long)]
    dry_run: bool,
}

impl Init {
    /// Runs the command.
    ///
    /// # Errors
    /// See [`Failure`].
    pub fn run(&self, session: &mut Session) -> Result<Code, Failure> {
        let folder = session.path(&self.folder);
        let main = folder.join("platform.toml");
        if main.symlink_metadata().is_ok() {
            return Err(Failure::refused(format!("`{}` already exists", main.display()))
                .help("edit it, or run `lakegen init DIR` for a new folder"));
        }
        let text = match &self.from {
            Some(name) => {
                let (_, text) = EXAMPLES.iter().find(|(known, _)| known == name).expect("clap checked the name");
                format!("{SCHEMA_LINE}{text}")
            }
            None => starter(&folder),
        };
        let text = match &self.engine {
            Some(engine) => on_engine(&text, engine),
            None => text,
        };
        let schema = schema::text(&MemoryWorld::default(), session)?;
        let mut written = Vec::new();
        for (name, text) in [("platform.toml", text.as_str()), (SCHEMA, &schema), (".gitattributes", ATTRIBUTES)] {
            let path = folder.join(name);
            if path.symlink_metadata().is_ok() {
                session.out.summary(&format!("kept `{}`", path.display()));
                continue;
            }
            if !self.dry_run {
                create(&folder, &path, text)?;
            }
            written.push(path);
        }
        let verb = if self.dry_run { "would write" } else { "wrote" };
        for path in &written {
            session.out.summary(&format!("{verb} `{}`", path.display()));
        }
        if !self.dry_run {
            session.out.summary("next: edit platform.toml, then `lakegen check` and `lakegen render`");
        }
        Ok(DONE)
    }
}

/// Returns a platform's text for an engine.
fn on_engine(text: &str, engine: &str) -> String {
    text.replacen("\nengine = \"argocd\"", &format!("\nengine = \"{engine}\""), 1)
}

/// Writes a file that must not be there yet.
fn create(folder: &Path, path: &Path, text: &str) -> Result<(), Failure> {
    let failed = |error: &io::Error| Failure::io(&format!("write `{}`", path.display()), error);
    fs::create_dir_all(folder).map_err(|error| failed(&error))?;
    // `create_new` follows no link and replaces nothing, also when another process is faster.
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(|error| failed(&error))?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(|error| failed(&error))
}

/// Returns the starter with the folder's name and repository, where these make a platform that compiles.
fn starter(folder: &Path) -> String {
    let plain = format!("{SCHEMA_LINE}{STARTER}");
    let mut own = plain.clone();
    let full = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    if let Some(name) = full.file_name().and_then(|name| name.to_str()).filter(|name| is_plain(name)) {
        own = own.replacen("name = \"lake\"", &format!("name = \"{name}\""), 1);
    }
    if let Some(url) = origin(folder) {
        own = own.replacen("https://git.example.com/acme/lake.git", &url, 1);
    }
    let world = MemoryWorld::from_iter([("platform.toml", own.as_bytes().to_vec())]);
    if compile(&world, &Request::default()).is_ok() { own } else { plain }
}

fn is_plain(name: &str) -> bool {
    let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    name.len() <= 40
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(letters)
        && !name.ends_with('-')
}

/// Returns the address of the remote `origin` when it holds no credentials.
fn origin(folder: &Path) -> Option<String> {
    let repository = Repository::discover(folder).ok()?;
    let remote = repository.git().find_remote("origin").ok()?;
    let url = remote.url().ok()?;
    let plain = url.chars().all(|c| c.is_ascii_alphanumeric() || "/:._-~".contains(c));
    (url.starts_with("https://") && plain).then(|| url.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_start_compiles() {
        for (name, text) in EXAMPLES.into_iter().chain([("starter", STARTER)]) {
            let world = MemoryWorld::from_iter([("platform.toml", format!("{SCHEMA_LINE}{text}").into_bytes())]);
            let compiled = compile(&world, &Request::default());
            assert!(compiled.is_ok(), "{name}: {:#?}", compiled.diagnostics);
            let world = MemoryWorld::from_iter([("platform.toml", on_engine(text, "flux").into_bytes())]);
            let compiled = compile(&world, &Request::default());
            assert!(compiled.is_ok(), "{name} on Flux: {:#?}", compiled.diagnostics);
            assert!(compiled.tree.files().any(|(path, _)| path.starts_with("flux/")), "{name}");
        }
    }

    #[test]
    fn the_starter_takes_the_name_of_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let text = starter(&folder.path().join("acme-data"));
        assert!(text.contains("name = \"acme-data\"") && text.starts_with("#:schema "), "{text}");
        assert!(starter(&folder.path().join("Not A Name")).contains("name = \"lake\""));
    }
}
