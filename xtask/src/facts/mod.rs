//! `cargo xtask facts [--check] <data folder>`: what lakegen knows of Helm charts' values.
//!
//! Reads charts' default values, schemas and the value paths their templates read; writes
//! `src/chart/facts/<component>.facts` and the table that embeds them, and `src/manifest/kinds.txt`. Only structure goes
//! out: key names, types, enum values and closedness; no defaults, descriptions or comments.

mod defaults; // values.yaml → tree
mod evidence; // the paths that templates read → which maps take any key
mod images; //   values.yaml → where images are named
mod kinds; //    OpenAPI resources and CRDs → kinds.txt
mod schema; //   values.schema.json → tree
mod source; //   the data folder → one tree per chart, subcharts put in
mod table; //    index.json → table.rs
mod tree; //     the tree and how two of them merge
mod write; //    tree → text

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// The kinds, relative to the folder of the facts.
const KINDS: &str = "../../manifest/kinds.txt";

/// Writes all generated files, or with `--check` only compares them.
pub fn run(arguments: &[String]) -> anyhow::Result<()> {
    let check = arguments.iter().any(|a| a == "--check");
    let Some(data) = arguments.iter().find(|a| !a.starts_with("--")) else {
        bail!("usage: cargo xtask facts [--check] <data folder>");
    };
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../src/chart/facts");
    let wanted = generate(Path::new(data))?;
    let stale = differences(&target, &wanted)?;
    if check {
        if !stale.is_empty() {
            bail!("not up to date, run `cargo xtask facts <data folder>`: {}", stale.join(", "));
        }
        eprintln!("{} files are up to date", wanted.len());
        return Ok(());
    }
    for name in &stale {
        let path = target.join(name);
        match wanted.get(name) {
            Some(text) => std::fs::write(&path, text),
            None => std::fs::remove_file(&path),
        }
        .with_context(|| format!("writing {}", path.display()))?;
    }
    let bytes: usize = wanted.values().map(String::len).sum();
    eprintln!("{} files, {bytes} bytes, {} changed", wanted.len(), stale.len());
    Ok(())
}

/// Returns file name → text for everything that is generated.
fn generate(data: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let charts = source::Charts::read(data)?;
    let mut files = BTreeMap::new();
    for chart in &charts.list {
        let tree = charts.tree(chart).with_context(|| format!("chart {}", chart.component))?;
        files.insert(format!("{}.facts", chart.component), write::text(chart, &tree));
    }
    files.insert("images.txt".into(), images::text(&charts.list)?);
    files.insert("table.rs".into(), table::text(&charts.list));
    files.insert(KINDS.into(), kinds::text(data)?);
    Ok(files)
}

/// Returns the names of generated files that are missing, differ or should not be there.
fn differences(target: &Path, wanted: &BTreeMap<String, String>) -> anyhow::Result<Vec<String>> {
    let mut stale: Vec<String> = wanted
        .iter()
        .filter(|(name, text)| std::fs::read_to_string(target.join(name)).ok().as_ref() != Some(text))
        .map(|(name, _)| name.clone())
        .collect();
    for entry in std::fs::read_dir(target).with_context(|| format!("listing {}", target.display()))? {
        let path: PathBuf = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.extension().is_some_and(|e| e == "facts") && !wanted.contains_key(&name) {
            stale.push(name);
        }
    }
    Ok(stale)
}
