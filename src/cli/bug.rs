//! What a panic says: one line with the place in lakegen and how to report it, and exit code 70.
//!
//! The message of the panic itself is not printed: it could repeat a value of the platform.

use std::io::Write as _;
use std::panic;

use super::BUG;

/// Makes every panic end the program with [`BUG`].
pub fn install() {
    panic::set_hook(Box::new(|panic| {
        let place =
            panic.location().map_or_else(String::new, |at| format!("{}:{}:{}", at.file(), at.line(), at.column()));
        let _ = std::io::stderr().write_all(report(&place).as_bytes());
        // Whatever is half written is completed by the next run; the locks end with the process.
        std::process::exit(i32::from(BUG));
    }));
}

fn report(place: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "error: this is a bug in lakegen {version}, at {place}\nhelp: report it with this line, the command and the part of platform.toml that causes it; it contains no secrets\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_where_and_what_to_do() {
        let text = report("src/x.rs:1:2");
        assert!(text.starts_with("error: this is a bug in lakegen ") && text.contains("src/x.rs:1:2"), "{text}");
        assert_eq!(text.lines().count(), 2);
    }
}
