//! `.helmignore`: its text in, a yes or no per path of the chart's folder out.
//!
//! Follows Helm 3.22's `pkg/ignore/rules.go` and the patterns of Go's `filepath.Match` on Unix. Unlike `.gitignore`,
//! rules are asked from the first to the last, `!` drops whatever it does not match, and `**` is refused.

use super::{ChartError, shown};

/// The file's name, looked for in the folder of the outermost chart only.
pub const FILE: &str = ".helmignore";

/// Longer lines are refused, as by Go's line scanner.
const MAX_LINE: usize = 64 * 1024;

/// The rules of one `.helmignore`.
#[derive(Clone, Debug, Default)]
pub struct Ignore {
    rules: Vec<Rule>,
}

#[derive(Clone, Debug)]
struct Rule {
    pattern: Vec<char>,
    negated: bool,
    /// Written with a final `/`.
    folders_only: bool,
    /// Asked for the whole path, not for its last part.
    whole_path: bool,
}

impl Ignore {
    /// Reads the rules, and adds the one that Helm always has: hidden files of `templates/`.
    ///
    /// # Errors
    /// The first line that is no rule.
    pub fn parse(text: &str) -> Result<Self, ChartError> {
        let mut ignore = Self::default();
        for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            if let Err(problem) = ignore.add(line) {
                return Err(ChartError::new("", FILE, problem).at(Some(index + 1)));
            }
        }
        ignore.add("templates/.?*").map_err(|problem| ChartError::new("", FILE, problem))?;
        Ok(ignore)
    }

    fn add(&mut self, line: &str) -> Result<(), String> {
        let rule = line.trim();
        if rule.is_empty() || rule.starts_with('#') {
            return Ok(());
        }
        if line.len() > MAX_LINE {
            return Err("a line is longer than 64 KiB".into());
        }
        if rule.contains("**") {
            return Err(format!("Helm does not support `**`, in `{}`", shown(rule)));
        }
        // Checked as written, with its `!`, as Helm does.
        if !well_formed(&rule.chars().collect::<Vec<_>>()) {
            return Err(format!(
                "`{}` is not a valid pattern: it has a `[` without `]`, or a trailing `\\`",
                shown(rule)
            ));
        }
        let (negated, rule) = rule.strip_prefix('!').map_or((false, rule), |rule| (true, rule));
        let (folders_only, rule) = rule.strip_suffix('/').map_or((false, rule), |rule| (true, rule));
        let pattern = rule.strip_prefix('/').unwrap_or(rule).chars().collect();
        self.rules.push(Rule { pattern, negated, folders_only, whole_path: rule.contains('/') });
        Ok(())
    }

    /// Says whether a file is left out, by itself or with a folder that it stands in.
    pub fn ignores_file(&self, path: &str) -> bool {
        path.match_indices('/').any(|(at, _)| self.ignores(&path[..at], true)) || self.ignores(path, false)
    }

    /// Says whether a path by itself is left out.
    pub fn ignores(&self, path: &str, is_folder: bool) -> bool {
        if matches!(path, "" | "." | "./") {
            return false;
        }
        let chars: Vec<char> = path.chars().collect();
        let name = chars.iter().rposition(|c| *c == '/').map_or(&chars[..], |at| &chars[at + 1..]);
        self.rules.iter().any(|rule| {
            let fits = !rule.folders_only || is_folder;
            let found = fits && matches(&rule.pattern, if rule.whole_path { &chars } else { name });
            found != rule.negated
        })
    }
}

/// Says whether brackets are closed and not empty, and nothing is left to be escaped.
fn well_formed(pattern: &[char]) -> bool {
    let mut rest = pattern;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match first {
            '\\' => match rest.split_first() {
                Some((_, after)) => rest = after,
                None => return false,
            },
            '[' => match class(rest, None) {
                Some((_, after)) => rest = after,
                None => return false,
            },
            _ => {}
        }
    }
    true
}

/// Reads a bracket expression after its `[`: whether it has the character, and what follows it.
fn class(pattern: &[char], wanted: Option<char>) -> Option<(bool, &[char])> {
    fn one(rest: &[char]) -> Option<(char, &[char])> {
        match rest {
            ['-' | ']', ..] | [] | ['\\'] => None,
            ['\\', c, rest @ ..] | [c, rest @ ..] => Some((*c, rest)),
        }
    }
    let (negated, mut rest) = match pattern {
        ['^', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let (mut found, mut ranges) = (false, 0);
    loop {
        if let ([']', after @ ..], true) = (rest, ranges > 0) {
            return Some((found != negated, after));
        }
        let (low, after) = one(rest)?;
        let (high, after) = match after {
            ['-', after @ ..] => one(after)?,
            _ => (low, after),
        };
        rest = after;
        // A bracket that nothing follows is not closed.
        if rest.is_empty() {
            return None;
        }
        found |= wanted.is_some_and(|c| low <= c && c <= high);
        ranges += 1;
    }
}

/// Matches a well formed pattern: `*` and `?` do not match `/`.
fn matches(pattern: &[char], name: &[char]) -> bool {
    let (mut pattern, mut name) = (pattern, name);
    // Where to go on when this try fails: after the last `*`, with one more character taken by it.
    let mut retry: Option<(&[char], &[char])> = None;
    loop {
        let step = match (pattern, name) {
            ([], []) => return true,
            (['*', after @ ..], _) => {
                retry = Some((after, name));
                pattern = after;
                continue;
            }
            (['?', after @ ..], [c, rest @ ..]) if *c != '/' => Some((after, rest)),
            (['[', after @ ..], [c, rest @ ..]) => {
                class(after, Some(*c)).and_then(|(found, after)| found.then_some((after, rest)))
            }
            (['\\', p, after @ ..], [c, rest @ ..]) if p == c => Some((after, rest)),
            ([p, after @ ..], [c, rest @ ..]) if p == c && !matches!(p, '?' | '\\') => Some((after, rest)),
            _ => None,
        };
        if let Some((after, rest)) = step {
            (pattern, name) = (after, rest);
            continue;
        }
        match retry {
            Some((after, [c, rest @ ..])) if *c != '/' => {
                retry = Some((after, rest));
                (pattern, name) = (after, rest);
            }
            _ => return false,
        }
    }
}
