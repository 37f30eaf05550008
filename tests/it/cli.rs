//! The command line from outside: the real program, in folders of its own. What it prints for good is in `cli/*.trycmd`.
//!
//! Nothing here needs the network or another program; what needs a system's feature says so when it is skipped.

#[cfg(unix)]
mod answers;
mod bad_input;
mod commits;
mod streams;
mod writes;

#[test]
fn what_is_printed() {
    let cases = trycmd::TestCases::new();
    cases.env("CI", "").env("NO_COLOR", "1");
    cases.case("tests/cli/*.trycmd");
}
