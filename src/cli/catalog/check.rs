//! `lakegen catalog check`: the examples of own components, compiled on both engines.

use std::collections::BTreeSet;

use super::files;
use crate::catalog::{self, USER_FOLDER};
use crate::cli::{Code, DONE, FINDINGS, Failure, Session};
use crate::compile::{Compiled, Request, compile};
use crate::diag::render;
use crate::settings::platform::Engine;
use crate::world::World;
use crate::world::memory::{MemoryWorld, Overlay};

/// Compiles the examples of the named components, or of all of the user's own.
///
/// # Errors
/// When there is none, or one has no example.
pub fn run(world: &dyn World, names: &[String], session: &mut Session) -> Result<Code, Failure> {
    let own = catalog::own_names(world);
    let wanted: BTreeSet<String> = if names.is_empty() { own.clone() } else { names.iter().cloned().collect() };
    if wanted.is_empty() {
        return Err(Failure::environment(format!(
            "the platform has no components of its own (`{USER_FOLDER}/<name>/component.toml`)"
        ))
        .help("run it in the folder of `platform.toml`, or use `-f FILE`"));
    }
    let mut code = DONE;
    for name in &wanted {
        let Some(example) = files::example(world, name) else {
            return Err(Failure::environment(format!("component `{name}` has no example")).help(format!(
                "write a small but complete platform that uses it to `{USER_FOLDER}/{name}/example.toml`"
            )));
        };
        for engine in Engine::WORDS {
            let file = format!("{USER_FOLDER}/{name}/example.toml");
            let compiled = example_on(world, &file, &example, engine);
            if !compiled.diagnostics.is_empty() {
                let format = session.global.output_format.into();
                session.out.note(&render::render(
                    &compiled.diagnostics,
                    &compiled.sources,
                    format,
                    session.out.error_style(),
                ));
            }
            if compiled.is_ok() {
                let objects: usize = compiled
                    .manifests
                    .targets
                    .iter()
                    .flat_map(|t| t.components.values())
                    .flat_map(|u| u.stages.values())
                    .map(Vec::len)
                    .sum();
                session.out.summary(&format!("`{name}` compiles on {engine}: {objects} objects"));
            } else {
                session.out.summary(&format!("`{name}` does not compile on {engine}"));
                code = FINDINGS;
            }
        }
    }
    Ok(code)
}

/// Compiles an example on an engine, whatever engine it names.
fn example_on(world: &dyn World, file: &str, example: &str, engine: &str) -> Compiled {
    let text = on_engine(example, engine);
    let top = MemoryWorld::from_iter([(file, text.into_bytes())]);
    compile(&Overlay::new(top, world), &Request { file: file.into() })
}

/// Returns an example with another engine; lines stay where they are, so that findings point to the file.
fn on_engine(example: &str, engine: &str) -> String {
    let wanted = format!("engine = \"{engine}\"");
    let named = Engine::WORDS
        .iter()
        .map(|other| format!("engine = \"{other}\""))
        .find(|line| example.contains(&format!("\n{line}")));
    match named {
        Some(line) => example.replacen(&format!("\n{line}"), &format!("\n{wanted}"), 1),
        // It names none, and is for Argo CD then: places in findings for Flux lie one line too low.
        None => example.replacen("[platform]\n", &format!("[platform]\n{wanted}\n"), 1),
    }
}
