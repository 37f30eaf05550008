//! `cargo xtask bless`: rewrites every file that is generated from the sources, for review with `git diff`.
//!
//! The expectations of the cases and of the command line are what the program says now. Facts and kinds are written only
//! where the reference data lies beside the repository.

use std::process::{Command, Stdio};

use anyhow::ensure;

use crate::facts;

/// Tests that write what they find when they are asked to.
const TESTS: &[&str] = &[
    "cases::every_case_gives_what_it_is_known_to_give",
    "cli::what_is_printed",
    "examples::every_example_makes_the_tree_that_it_is_known_to_make",
    "reference::the_reference_is_what_the_language_says_now",
    "docs::examples_of_the_pages_compile_and_wrong_ones_are_found",
];

/// Rewrites all of them.
pub fn run() -> anyhow::Result<()> {
    let data = crate::root().join("../shared/data");
    if data.is_dir() {
        facts::run(&[data.to_string_lossy().into_owned()])?;
    } else {
        eprintln!("skipped facts and kinds: there is no {}", data.display());
    }
    let output = Command::new(crate::cargo())
        .args(["test", "--package", "lakegen", "--test", "it", "--", "--exact"])
        .args(TESTS)
        .env("LAKEGEN_BLESS", "1")
        .current_dir(crate::root())
        .stderr(Stdio::inherit())
        .output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    // A case that is blessed passes; what still fails is no matter of expectations.
    ensure!(output.status.success(), "a test fails for another reason:\n{said}");
    // A test of another name would not be run, and nothing would be said.
    let missing = TESTS.iter().find(|test| !said.contains(&format!("test {test} ... ok")));
    ensure!(missing.is_none(), "there is no test `{}`", missing.unwrap_or(&""));
    Ok(())
}
