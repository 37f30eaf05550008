//! lakegen compiles one `platform.toml` into a git tree that Argo CD or Flux can sync.
//!
//! The modules below stand in reading order: each folder is a stage of the pipeline
//! `parse → resolve → lower → order → check → emit`, and [`compile`] shows them all on one screen.

#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::panic,
        clippy::print_stdout,
        clippy::dbg_macro,
        reason = "the user gets a message"
    )
)]

pub mod compile; //  the pipeline on one screen
pub mod diag; //     diagnostics: what, where, why, how to fix
pub mod world; //    all that a compile may read
pub mod parse; //    TOML → syntax with spans
#[macro_use]
pub mod settings; // the tables of platform.toml as structs
pub mod catalog; //   components and capabilities, embedded or the user's own
pub mod lock; //     lakegen.lock: charts by digest
pub mod resolve; //  syntax + catalogue → platform: targets, wiring, names
pub mod lower; //    platform → manifests: templates run, objects and values made
pub mod order; //    manifests → who waits for whom, and the waves
pub mod manifest; // Kubernetes objects, values, canonical YAML
pub mod helm; //     charts inflated in process
pub mod chart; //    facts about Helm charts: which values exist
pub mod check; //    read-only rules over manifests
pub mod emit; //     manifests → tree of files, one layout, two engines
pub mod sink; //     tree → worktree, git or stdout: the only writer
pub mod diff; //     tree × tree → resource changes
pub mod upgrade; //  what another version of a chart changes
pub mod why; //      what made a part of the tree
pub mod edit; //     one value of platform.toml changed in place
pub mod fetch; //    charts from repositories and registries: the only sockets
pub mod cli; //      one file per command
