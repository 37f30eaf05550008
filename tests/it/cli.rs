//! The command line from outside: the real program, in folders of its own. What it prints for good is in `tests/cli/*.md`.
//!
//! Nothing here needs the network or another program; what needs a system's feature says so when it is skipped.

#[cfg(unix)]
mod answers;
mod bad_input;
mod commits;
mod streams;
mod transcripts;
mod writes;

#[test]
fn what_is_printed() {
    let wrong = transcripts::run();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
