//! `cargo xtask bless`: rewrites every file that is generated from the sources, for review with `git diff`.
//!
//! The expectations of the cases and of the command line are what the program says now. Facts and kinds are written only
//! where the reference data lies beside the repository.

use std::process::Command;

use anyhow::ensure;

use crate::facts;

/// The tests that write what they find, with the variable that asks them to.
const TESTS: &[(&str, &str, &str)] = &[("cases", "LAKEGEN_BLESS", "1"), ("cli", "TRYCMD", "overwrite")];

/// Rewrites all of them.
pub fn run() -> anyhow::Result<()> {
    let data = crate::root().join("../shared/data");
    if data.is_dir() {
        facts::run(&[data.to_string_lossy().into_owned()])?;
    } else {
        eprintln!("skipped facts and kinds: there is no {}", data.display());
    }
    for (test, variable, value) in TESTS {
        if !crate::root().join("tests").join(test).with_extension("rs").is_file() {
            continue;
        }
        let status = Command::new(crate::cargo())
            .args(["test", "--package", "lakegen", "--quiet", "--test", test])
            .env(variable, value)
            .current_dir(crate::root())
            .status()?;
        // A case that is blessed passes; what still fails is no matter of expectations.
        ensure!(status.success(), "the test `{test}` fails for another reason");
    }
    Ok(())
}
