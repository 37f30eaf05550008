//! What is judged: paths of platform files come in, compiled platforms written to a folder go out.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use lakegen::compile::{Compiled, Request, compile};
use lakegen::diag::render::{Format, Style, render};
use lakegen::diag::{Diagnostic, Level};
use lakegen::lower::OTHER_ENGINE;
use lakegen::resolve::Platform;
use lakegen::world::charts::Digest;
use lakegen::world::disk::DiskWorld;
use lakegen::world::{ReadError, World};

/// A compiled platform and where its tree lies.
pub struct Rendered {
    pub name: String,
    pub folder: PathBuf,
    pub compiled: Compiled,
}

impl Rendered {
    /// Compiles the file, for the other engine than it says when asked to, and writes the tree.
    ///
    /// Nothing when the platform says things that only its own engine can do.
    pub fn new(file: &Path, folder: &Path, other_engine: bool) -> anyhow::Result<Option<Self>> {
        let parent = file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let request = Request { file: file.file_name().context("not a file")?.to_string_lossy().into_owned() };
        let disk = DiskWorld::new(parent);
        let root = crate::root();
        let mut name = file.strip_prefix(&root).unwrap_or(file).display().to_string();
        let compiled = if other_engine {
            let (text, engine) = swapped(&std::fs::read_to_string(file)?).context("it names no engine")?;
            name = format!("{name} on {engine}");
            compile(&Swapped { disk: &disk, file: &request.file, text: text.into_bytes().into() }, &request)
        } else {
            compile(&disk, &request)
        };
        let bound = |d: &Diagnostic| d.level == Level::Error && d.code.slug == OTHER_ENGINE.slug;
        if other_engine && compiled.diagnostics.iter().any(bound) {
            return Ok(None);
        }
        if !compiled.is_ok() {
            let style = Style { color: false, width: 120 };
            bail!("{}", render(&compiled.diagnostics, &compiled.sources, Format::Full, style));
        }
        for (path, bytes) in compiled.tree.files() {
            let path = folder.join(path);
            std::fs::create_dir_all(path.parent().context("a file stands in a folder")?)?;
            std::fs::write(path, bytes)?;
        }
        Ok(Some(Self { name, folder: folder.to_path_buf(), compiled }))
    }

    /// Returns the platform.
    pub fn platform(&self) -> &Platform {
        self.compiled.platform.as_ref().expect("only platforms that compiled are kept")
    }
}

/// A folder in which one file reads differently.
struct Swapped<'a> {
    disk: &'a DiskWorld,
    file: &'a str,
    text: Arc<[u8]>,
}

impl World for Swapped<'_> {
    fn read_within(&self, path: &str, limit: u64) -> Result<Arc<[u8]>, ReadError> {
        if path == self.file { Ok(self.text.clone()) } else { self.disk.read_within(path, limit) }
    }

    fn list(&self, path: &str) -> Result<Vec<String>, ReadError> {
        self.disk.list(path)
    }

    fn chart(&self, digest: &Digest) -> Result<Option<Arc<[u8]>>, ReadError> {
        self.disk.chart(digest)
    }
}

/// Returns a platform's text for the other engine, and that engine's name.
pub fn swapped(text: &str) -> Option<(String, &'static str)> {
    let line = |engine: &str| format!("\nengine = \"{engine}\"");
    [("argocd", "flux"), ("flux", "argocd")]
        .into_iter()
        .find(|(from, _)| text.contains(&line(from)))
        .map(|(from, to)| (text.replacen(&line(from), &line(to), 1), to))
        .or_else(|| Some((text.replacen("[platform]\n", "[platform]\nengine = \"flux\"\n", 1), "flux")))
        .filter(|(swapped, _)| swapped != text)
}

/// Cases that make what no example makes.
const CASES: &[&str] = &[
    "tests/cases/flux/operator/platform.toml",
    "tests/cases/charts/rendered-argocd/platform.toml",
    "tests/cases/charts/rendered-flux/platform.toml",
    "tests/cases/charts/hooks-flux/platform.toml",
];

/// Returns the worked example, every example and every component's example, and a few cases.
pub fn all(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = vec![root.join("platform.toml")];
    for (folder, name) in [("examples", "platform.toml"), ("templates", "example.toml")] {
        let mut found: Vec<PathBuf> = std::fs::read_dir(root.join(folder))?
            .filter_map(|entry| Some(entry.ok()?.path().join(name)))
            .filter(|path| path.is_file())
            .collect();
        found.sort();
        files.append(&mut found);
    }
    files.extend(CASES.iter().map(|case| root.join(case)));
    Ok(files)
}
