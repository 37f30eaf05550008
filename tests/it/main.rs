//! The integration tests, one program: a module a subject, and what they share at the end.
//!
//! A test that compiles a platform in memory and looks at what comes out is best a case: a folder `tests/cases/<area>/<case>/`
//! with a `platform.toml`, then `cargo xtask bless`, and no Rust at all. Another goes into the module of its subject, or
//! into a new file here with a line `mod` below. One module alone: `cargo test --test it cases::`.
//!
//! All pass without network and outside tools. They share one process: none changes its variables or current folder.

mod appset;
mod cases;
mod catalog;
mod chart_facts;
mod charts;
mod checks;
mod cli;
mod covered;
mod docs;
mod examples;
mod faults;
mod fetch;
mod flux;
mod functions;
mod generate;
mod hostile;
mod images;
mod inflate;
mod laws;
mod laws_secrets;
mod readme;
mod reference;
mod removed;
mod remedies;
mod rewiring;
mod rotation;
mod schema;
mod seeds;
mod sensitivity;
mod tidy;
mod upgrades;

mod packed; //  charts as archives, with their locks
mod sandbox; // a folder with a platform, and the program run in it
mod server; //  HTTP on loopback
