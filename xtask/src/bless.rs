//! `cargo xtask bless`: rewrites every file that is generated from the sources, for review with `git diff`.
//!
//! The expectations of the cases and of the command line are what the program says now. Facts and kinds are written only
//! where the reference data lies beside the repository.

use std::process::Command;

use anyhow::ensure;

use crate::facts;

/// Tests that write what they find: file, name, and the variable that asks them to.
const TESTS: &[(&str, &str, &str, &str)] = &[
    ("cases", "every_case_gives_what_it_is_known_to_give", "LAKEGEN_BLESS", "1"),
    ("cli", "what_is_printed", "TRYCMD", "overwrite"),
];

/// Rewrites all of them.
pub fn run() -> anyhow::Result<()> {
    let data = crate::root().join("../shared/data");
    if data.is_dir() {
        facts::run(&[data.to_string_lossy().into_owned()])?;
    } else {
        eprintln!("skipped facts and kinds: there is no {}", data.display());
    }
    for (file, test, variable, value) in TESTS {
        let status = Command::new(crate::cargo())
            .args(["test", "--package", "lakegen", "--quiet", "--test", file, "--", "--exact", test])
            .env(variable, value)
            .current_dir(crate::root())
            .status()?;
        // A case that is blessed passes; what still fails is no matter of expectations.
        ensure!(status.success(), "the test `{test}` fails for another reason");
    }
    Ok(())
}
