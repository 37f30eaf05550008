//! The one gate for relative paths: what comes in may be hostile, what passes is safe on every system.
//!
//! A path that passes stays below its root on Linux, macOS and Windows, cannot name git's own folder
//! in any of its disguises, and means the same file after a checkout elsewhere. Nothing here touches
//! the disk. The rules for `.git` are those of git's `verify_path`
//! (<https://github.com/git/git/blob/v2.51.0/read-cache.c>, `utf8.c`: `next_hfs_char`), the device names those of
//! <https://learn.microsoft.com/en-us/windows/win32/fileio/naming-a-file>.

use std::collections::BTreeMap;

/// Longest part of a path, in bytes: what ext4, APFS and NTFS can all store.
pub const MAX_PART_BYTES: usize = 255;
/// Longest whole path, in bytes.
pub const MAX_PATH_BYTES: usize = 1024;

/// Checks a relative path with `/` between its parts.
///
/// # Errors
/// Returns the reason as a sentence that names the path, with everything unprintable escaped.
pub fn check(path: &str) -> Result<(), String> {
    let fail = |reason: &str| Err(format!("path `{}` {reason}", shown(path)));
    if path.is_empty() {
        return fail("is empty");
    }
    if path.len() > MAX_PATH_BYTES {
        return fail("is longer than 1024 bytes");
    }
    if path.starts_with('/') {
        return fail("is absolute");
    }
    for part in path.split('/') {
        if let Err(reason) = check_part(part) {
            return fail(reason);
        }
    }
    Ok(())
}

/// Checks one part of a path: a name without any separator.
///
/// # Errors
/// Returns the reason, to be read after the path it belongs to.
pub fn check_part(part: &str) -> Result<(), &'static str> {
    match part {
        "" => return Err("has an empty part"),
        "." | ".." => return Err("has a part `.` or `..`"),
        _ => {}
    }
    if part.len() > MAX_PART_BYTES {
        return Err("has a part longer than 255 bytes");
    }
    for c in part.chars() {
        match c {
            '/' => return Err("has a separator within a name"),
            '\\' => return Err("has a backslash"),
            ':' => return Err("has a colon"),
            '<' | '>' | '"' | '|' | '?' | '*' => return Err("has a character that Windows cannot store"),
            _ if c.is_control() => return Err("has a control character"),
            _ if invisible(c) => return Err("has an invisible character"),
            // One spelling per name, so that file systems that normalise cannot make two files one.
            '\u{300}'..='\u{36f}' => return Err("has a combining mark"),
            _ => {}
        }
    }
    if part.ends_with(['.', ' ']) {
        return Err("has a part that ends with a dot or a space");
    }
    if part.eq_ignore_ascii_case(".git") || part.eq_ignore_ascii_case("git~1") {
        return Err("is git's own folder");
    }
    if is_device(part) {
        return Err("has a part that is a device name on Windows");
    }
    Ok(())
}

/// Says whether HFS+ ignores the character in names, or a terminal reorders text at it.
fn invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Says whether Windows opens a device under this name, whatever follows the first dot.
fn is_device(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or(part).trim_end_matches(' ').to_ascii_lowercase();
    if matches!(stem.as_str(), "con" | "prn" | "aux" | "nul" | "conin$" | "conout$") {
        return true;
    }
    let Some(number) = stem.strip_prefix("com").or_else(|| stem.strip_prefix("lpt")) else { return false };
    let mut digits = number.chars();
    matches!((digits.next(), digits.next()), (Some('0'..='9' | '¹' | '²' | '³'), None))
}

/// Returns the path with everything that a terminal would interpret escaped.
pub fn shown(path: &str) -> String {
    path.escape_debug().to_string()
}

/// Returns the pairs of paths that cannot stand beside each other on every file system.
///
/// Two paths collide when they differ only in letter case, when folders on their way do, or when one
/// is a file where the other needs a folder.
pub fn collisions<'a>(paths: impl IntoIterator<Item = &'a str>) -> Vec<(String, String)> {
    let mut seen: BTreeMap<String, (&str, bool)> = BTreeMap::new();
    let mut found = Vec::new();
    for path in paths {
        let borders = path.match_indices('/').map(|(at, _)| (at, false)).chain([(path.len(), true)]);
        for (end, is_file) in borders {
            let spelled = &path[..end];
            match seen.get(&folded(spelled)) {
                Some((other, other_is_file)) if *other != spelled || is_file || *other_is_file => {
                    found.push(((*other).to_owned(), path.to_owned()));
                    break;
                }
                Some(_) => {}
                None => {
                    seen.insert(folded(spelled), (spelled, is_file));
                }
            }
        }
    }
    found
}

/// Folds letter case the way case-insensitive file systems do, a little more eagerly than any of them.
fn folded(path: &str) -> String {
    if path.is_ascii() {
        return path.to_ascii_lowercase();
    }
    // Upper-casing first brings together what lower-casing alone keeps apart, such as `ß` and `ss`.
    path.to_uppercase().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// T29: git's confusing names, and those of Windows, are refused on every system.
    #[test]
    fn t29_refuses_confusing_names() {
        let long_part = "x".repeat(256);
        let long_path = vec!["abcdefgh"; 130].join("/");
        let bad = [
            "",
            "/abs",
            "../x",
            "a/../b",
            ".",
            "..",
            "a//b",
            "a/",
            "a/.",
            ".git",
            ".GIT",
            "a/.Git/config",
            "git~1",
            "GIT~1/x",
            ".g\u{200c}it",
            ".git\u{200d}",
            "\u{feff}.git",
            ".gi\u{202e}t",
            "a\\b",
            "C:x",
            "x:stream",
            ".git::$INDEX_ALLOCATION",
            "CON",
            "nul.yaml",
            "aux.toml",
            "a/com1.txt",
            "lpt9",
            "com¹",
            "nul .txt",
            "conin$",
            "trailing.",
            "trailing ",
            ".git ",
            ".git.",
            "a\nb",
            "a\rb",
            "a\0b",
            "a\u{1b}[31m",
            "a\u{85}b",
            "e\u{301}",
            "what?",
            "a*",
            &long_part,
            &long_path,
        ];
        for path in bad {
            let message = check(path).expect_err(path);
            assert!(!message.chars().any(char::is_control), "{message:?}");
        }
    }

    #[test]
    fn accepts_what_lakegen_writes() {
        for path in [
            ".lakegen/index.json",
            "components/nessie/base/values/values.yaml",
            "a/.gitignore",
            ".gitattributes",
            ".github/workflows/x.yml",
            "git",
            "console.yaml",
            "com10",
            "command",
            "null",
            "größe.yaml",
            "a b",
            "...x",
        ] {
            assert_eq!(check(path), Ok(()), "{path}");
        }
        assert_eq!(check(&"x".repeat(255)), Ok(()));
    }

    /// T44: outputs that collide on case-insensitive or normalising file systems.
    #[test]
    fn t44_finds_collisions() {
        let pair = |a: &str, b: &str| vec![(a.to_owned(), b.to_owned())];
        assert_eq!(collisions(["a/X.yaml", "a/x.yaml"]), pair("a/X.yaml", "a/x.yaml"));
        assert_eq!(collisions(["A/1", "a/2"]), pair("A", "a/2"));
        assert_eq!(collisions(["a", "a/b"]), pair("a", "a/b"));
        assert_eq!(collisions(["a/b", "a"]), pair("a", "a"));
        assert_eq!(collisions(["Ä", "ä"]), pair("Ä", "ä"));
        assert_eq!(collisions(["straße", "STRASSE"]), pair("straße", "STRASSE"));
        assert_eq!(collisions(["a/b", "a/c", "ab"]), []);
    }
}
