//! Lock → text: sorted, one value a line, so that a change of one chart changes its lines only.

use std::fmt::Write as _;

use super::{EDITION, Lock};

const HEADER: &str = "\
# Which charts the platform uses, by digest. `lakegen lock` writes this file: commit it, and do not edit it by hand.
";

/// Returns the text of a lock.
pub fn text(lock: &Lock) -> String {
    let mut out = format!("{HEADER}edition = {EDITION}\n");
    for chart in lock.charts() {
        let mut line =
            |key: &str, value: &str| writeln!(out, "{key} = {}", quoted(value)).expect("writing to a string");
        line("\n[[chart]]\nname", &chart.name);
        line("repository", &chart.repository);
        if chart.wanted != chart.version {
            line("wanted", &chart.wanted);
        }
        line("version", &chart.version);
        line("digest", &chart.digest.to_string());
        if let Some(manifest) = &chart.manifest {
            line("manifest", &manifest.to_string());
        }
        line("url", &chart.url);
    }
    out
}

/// Returns a basic string of TOML. What the lock holds was checked to be plain, so this is a second line of defence.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => write!(out, "\\u{:04x}", u32::from(c)).expect("writing to a string"),
            c => out.push(c),
        }
    }
    out + "\""
}
