//! Build script: embeds the catalogue (`templates/`, `edges/`, `stores/`, `clouds/`, `capabilities/`) as one table of paths and texts.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let mut files = Vec::new();
    for folder in ["templates", "edges", "stores", "clouds", "objects", "capabilities"] {
        println!("cargo::rerun-if-changed={folder}");
        walk(&root.join(folder), &mut files);
    }
    // As text, which is how they are searched: as paths, `job-flink/` would come before `job-flink-sql/`.
    files.sort_by_key(|path| path.to_string_lossy().replace('\\', "/"));
    let mut table =
        String::from("/// Paths (relative to the package) and texts of the embedded catalogue, sorted by path.\n");
    table.push_str("pub static FILES: &[(&str, &str)] = &[\n");
    for file in &files {
        let path = file.strip_prefix(&root).expect("found below the root").to_string_lossy().replace('\\', "/");
        println!("cargo::rerun-if-changed={path}");
        // The path is completed where the crate is compiled, so that two checkouts may share a build folder.
        let below = format!("/{path}");
        writeln!(table, "    ({path:?}, include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), {below:?}))),")
            .expect("a string takes all");
    }
    table.push_str("];\n");
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it"));
    fs::write(out.join("catalogue.rs"), table).expect("the build folder is writable");
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            walk(&path, files);
        } else if path.extension().is_some_and(|e| e == "toml" || e == "j2") {
            files.push(path);
        }
    }
}
