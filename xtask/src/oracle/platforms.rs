//! What is judged: paths of platform files come in, compiled platforms written to a folder go out.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use lakegen::compile::{Compiled, Request, compile};
use lakegen::diag::render::{Format, Style, render};
use lakegen::resolve::Platform;
use lakegen::world::disk::DiskWorld;

/// A compiled platform and where its tree lies.
pub struct Rendered {
    pub name: String,
    pub folder: PathBuf,
    pub compiled: Compiled,
}

impl Rendered {
    /// Compiles the file and writes the tree.
    pub fn new(file: &Path, folder: &Path) -> anyhow::Result<Self> {
        let parent = file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let request = Request { file: file.file_name().context("not a file")?.to_string_lossy().into_owned() };
        let compiled = compile(&DiskWorld::new(parent), &request);
        if !compiled.is_ok() {
            let style = Style { color: false, width: 120 };
            bail!("{}", render(&compiled.diagnostics, &compiled.sources, Format::Full, style));
        }
        for (path, bytes) in compiled.tree.files() {
            let path = folder.join(path);
            std::fs::create_dir_all(path.parent().context("a file stands in a folder")?)?;
            std::fs::write(path, bytes)?;
        }
        let root = crate::root();
        let name = file.strip_prefix(&root).unwrap_or(file).display().to_string();
        Ok(Self { name, folder: folder.to_path_buf(), compiled })
    }

    /// Returns the platform.
    pub fn platform(&self) -> &Platform {
        self.compiled.platform.as_ref().expect("only platforms that compiled are kept")
    }
}

/// Returns the worked example, every example and every component's example.
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
    Ok(files)
}
