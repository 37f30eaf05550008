//! The pages of `docs/` are right: their examples compile on both engines, and wrong ones are found as the page shows.
//!
//! A fence `toml` is laid over a small platform and compiled (`toml argocd` for that engine only); `toml wrong` must be refused, with the findings that the fence
//! `text` after it shows; `<language> file=PATH` is a file of the repository for the rest of the page. `LAKEGEN_BLESS=1` writes
//! the findings.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use lakegen::compile::{Compiled, Request, compile};
use lakegen::diag::Level;
use lakegen::diag::render::{Format, Style, render};
use lakegen::world::memory::MemoryWorld;

/// What every example stands on.
const BASE: &str = r#"
lakegen = "1"
[platform]
name = "lake"
domain = "example.com"
engine = "argocd"
apis = ["gateway.networking.k8s.io/v1", "route.openshift.io/v1"]
[git]
url = "https://git.example.com/acme/lake.git"
[secrets]
provider = "vault"
at = "https://vault.example.com"
[edges.web]
kind = "ingress"
class = "nginx"
[external.s3]
provides = "bucket"
endpoint = "https://s3.example.com"
host = "s3.example.com"
port = 443
credentials = "s3/keys"
[external.idp]
provides = "oidc"
issuer = "https://login.example.com"
client_id = "lake"
[components]
external-secrets = {}
cloudnative-pg = {}
postgres = {}
"#;

/// A fenced block of a page.
struct Block {
    /// Line of the fence, from 1.
    line: usize,
    info: String,
    text: String,
}

fn pages() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let mut all: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    all.retain(|path| path.extension().is_some_and(|end| end == "md") && !path.ends_with("reference.md"));
    all.sort();
    all
}

fn blocks(page: &str) -> Vec<Block> {
    let mut all = Vec::new();
    let mut open: Option<Block> = None;
    for (index, line) in page.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(info)) => open = Some(Block { line: index + 1, info: info.trim().into(), text: String::new() }),
            (Some(_), Some(_)) => all.extend(open.take()),
            (Some(block), None) => writeln!(block.text, "{line}").unwrap(),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a fence stays open");
    all
}

/// Lays a table over another; an example that defines an edge is about its own.
fn lay(over: &toml::Table, base: &mut toml::Table) {
    for (key, value) in over {
        match (base.get_mut(key), value) {
            (Some(toml::Value::Table(below)), toml::Value::Table(above)) if key != "edges" => lay(above, below),
            _ => {
                base.insert(key.clone(), value.clone());
            }
        }
    }
}

fn compiled(world: &MemoryWorld, example: &str, engine: &str) -> Compiled {
    let mut platform: toml::Table = toml::from_str(BASE).unwrap();
    platform["platform"].as_table_mut().unwrap().insert("engine".into(), engine.into());
    lay(&toml::from_str(example).unwrap(), &mut platform);
    let mut world = world.clone();
    world.insert("platform.toml", super::examples::inline(&platform).into_bytes());
    compile(&world, &Request::default())
}

/// Returns the findings of a level, a line each, without places.
fn said(compiled: &Compiled, level: Level) -> Vec<String> {
    let findings = compiled.diagnostics.iter().filter(|d| d.level == level);
    let word = if level == Level::Error { "error" } else { "warning" };
    findings.map(|d| format!("{word}[{}]: {}", d.code.slug, d.message)).collect()
}

/// Findings that examples may have: charts are not at hand, and the base is small.
const EXPECTED: &[&str] = &["unseen-chart", "abandoned-component"];

#[test]
fn examples_of_the_pages_compile_and_wrong_ones_are_found() {
    let mut report = String::new();
    for path in pages() {
        let page = fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let mut world = MemoryWorld::default();
        let mut new = page.clone();
        let all = blocks(&page);
        let mut wrong = 0;
        for (index, block) in all.iter().enumerate() {
            let place = format!("docs/{name}:{}", block.line);
            if let Some((_, file)) = block.info.split_once("file=") {
                world.insert(file, block.text.clone().into_bytes());
                continue;
            }
            match block.info.as_str() {
                "toml" | "toml argocd" => {
                    let engines = if block.info == "toml" { &["argocd", "flux"][..] } else { &["argocd"] };
                    for engine in engines {
                        let compiled = compiled(&world, &block.text, engine);
                        let wanted =
                            |d: &&lakegen::diag::Diagnostic| !EXPECTED.contains(&d.code.slug) && d.level != Level::Note;
                        let found: Vec<_> = compiled.diagnostics.iter().filter(wanted).cloned().collect();
                        if !found.is_empty() || compiled.tree.is_empty() {
                            let style = Style { color: false, width: 120 };
                            let text = render(&found, &compiled.sources, Format::Concise, style);
                            writeln!(report, "{place} on {engine}:\n{text}").unwrap();
                        }
                    }
                }
                "toml wrong" => {
                    wrong += 1;
                    let found = said(&compiled(&world, &block.text, "argocd"), Level::Error);
                    let found = found.iter().map(|line| format!("{line}\n")).collect::<String>();
                    if found.is_empty() {
                        writeln!(report, "{place}: nothing is found wrong").unwrap();
                    }
                    let shown = all.get(index + 1).filter(|next| next.info == "text").map(|next| next.text.as_str());
                    let bless = std::env::var_os("LAKEGEN_BLESS").is_some();
                    if shown != Some(found.as_str()) && !bless {
                        writeln!(report, "{place}: the page shows\n{}and this is found\n{found}", shown.unwrap_or(""))
                            .unwrap();
                    }
                    let fence = format!("```toml wrong\n{}```\n", block.text);
                    let old = match shown {
                        Some(shown) => format!("{fence}\n```text\n{shown}```\n"),
                        None => fence.clone(),
                    };
                    new = new.replacen(&old, &format!("{fence}\n```text\n{found}```\n"), 1);
                }
                "text" | "sh" => {}
                other => writeln!(report, "{place}: what is a fence `{other}`?").unwrap(),
            }
        }
        if wrong == 0 {
            writeln!(report, "docs/{name} shows no mistake").unwrap();
        }
        if std::env::var_os("LAKEGEN_BLESS").is_some() && new != page {
            fs::write(&path, new).unwrap();
        }
    }
    let bless = std::env::var_os("LAKEGEN_BLESS").is_some();
    assert!(report.is_empty() || bless, "{report}");
}

#[test]
fn pages_lead_where_they_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let readme = include_str!("../../README.md");
    let mut dead = Vec::new();
    for path in pages() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !readme.contains(&format!("docs/{name}")) {
            dead.push(format!("the README does not lead to docs/{name}"));
        }
        let page = fs::read_to_string(&path).unwrap();
        assert!(page.lines().count() <= 200, "docs/{name} is long");
        for link in page.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = folder.join(file);
            if link.contains("://") || target.is_file() && (anchor.is_empty() || heading(&target, anchor)) {
                continue;
            }
            dead.push(format!("docs/{name}: {link}"));
        }
    }
    assert!(dead.is_empty(), "{dead:#?}");
}

fn heading(page: &Path, anchor: &str) -> bool {
    let slug = |line: &str| line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
    fs::read_to_string(page).unwrap().lines().any(|line| line.starts_with('#') && slug(line) == anchor)
}
