//! Which line of a template most likely made a value: the keys of its path are looked for one after the other.
//!
//! A template is a program, so its lines are not those of what it prints. Where a key is not written as such (a loop over
//! names, a filter that prints a map), the nearest line above is named, and it is said so.

/// A line of a template, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    pub line: usize,
    /// Whether every key of the path was met.
    pub exact: bool,
}

impl Found {
    /// Returns the words for the line.
    pub fn says(self) -> &'static str {
        if self.exact { "created by this template" } else { "created by this template, near this line" }
    }
}

/// Finds the line for a path in the document that begins near a line and has this kind.
pub fn line(text: &str, near: usize, kind: Option<&str>, path: &[String]) -> Found {
    let lines: Vec<&str> = text.lines().collect();
    let key_of = |line: &str| {
        let line = line.trim_start().trim_start_matches("- ").trim_start();
        line.split_once(':').map(|(key, _)| key.trim().trim_matches(['"', '\'']).to_string())
    };
    let kinds = (0..lines.len()).filter(|n| {
        kind.is_some_and(|kind| {
            lines[*n].trim().strip_prefix("kind:").is_some_and(|rest| rest.trim().trim_matches('"') == kind)
        })
    });
    let start = kinds.min_by_key(|n| (n + 1).abs_diff(near));
    let first = start.map_or(0, |at| (0..at).rev().find(|n| lines[*n].starts_with("---")).map_or(0, |n| n + 1));
    let end =
        start.map_or(lines.len(), |at| (at..lines.len()).find(|n| lines[*n].starts_with("---")).unwrap_or(lines.len()));
    let mut at = start.unwrap_or(0);
    let mut from = first;
    let mut exact = true;
    let mut indent = None;
    for key in path.iter().filter(|key| key.parse::<usize>().is_err()) {
        let depth = |n: usize| lines[n].len() - lines[n].trim_start().len();
        let found = (from..end).find(|n| {
            key_of(lines[*n]).as_deref() == Some(key)
                && indent.is_none_or(|indent| depth(*n) > indent || lines[*n].trim_start().starts_with("- "))
        });
        match found {
            Some(n) => {
                (at, from, indent) = (n, n + 1, Some(depth(n)));
            }
            None => exact = false,
        }
    }
    Found { line: at + 1, exact }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_met_one_after_the_other() {
        let text = "{# c #}\nimage:\n  tag: x\nserver:\n  workers: {{ n }}\n  config:\n    image: y\n{% for a in b %}\n{{ a }}: 1\n{% endfor %}\n";
        let at = |path: &[&str]| {
            let path: Vec<String> = path.iter().map(|p| (*p).to_string()).collect();
            let found = line(text, 1, None, &path);
            (found.line, found.exact)
        };
        assert_eq!(at(&["server", "workers"]), (5, true));
        assert_eq!(at(&["server", "config", "image"]), (7, true));
        assert_eq!(at(&["image", "tag"]), (3, true));
        assert_eq!(at(&["server", "made-in-a-loop"]), (4, false));
    }

    #[test]
    fn the_document_of_the_kind_is_the_one_that_is_searched() {
        let text = "kind: A\nmetadata:\n  name: a\n---\nkind: B\nmetadata:\n  name: b\n";
        let path = ["metadata".to_string(), "name".to_string()];
        assert_eq!(line(text, 1, Some("B"), &path).line, 7);
        assert_eq!(line(text, 1, Some("A"), &path).line, 3);
    }
}
