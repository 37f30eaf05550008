//! Versions and version constraints as Helm reads them: text in, an order and a yes or no out.
//!
//! The rules are those of github.com/Masterminds/semver v3.5 (`version.go`, `constraints.go`), which Helm uses for
//! chart versions, `kubeVersion`, dependencies and the template functions `semver` and `semverCompare`. They differ
//! from Rust's `semver`: a version may lack its minor and patch and begin with `v`, constraints know `||`, `!=`, `x`
//! and hyphen ranges, and a prerelease only matches where the constraint names one.

use std::cmp::Ordering;
use std::fmt;
use std::sync::OnceLock;

use regex::Regex;

/// Texts longer than this are no version (Masterminds/semver, `MaxVersionLen`).
const MAX_VERSION: usize = 256;
/// Texts longer than this are no constraint (`MaxConstraintLen`).
const MAX_CONSTRAINT: usize = 512;
/// What stands between comparisons: Go's `\s`.
const BLANKS: [char; 5] = ['\t', '\n', '\x0c', '\r', ' '];
/// A constraint has at most so many alternatives (`MaxConstraintGroups`).
const MAX_ALTERNATIVES: usize = 32;

/// A semantic version. Two are equal when only their build metadata differs.
#[derive(Clone, Debug)]
pub struct Version {
    pub major: u64,
    pub minor: u64,
    pub patch: u64,
    /// What follows `-`, empty for a release.
    pub pre: String,
    /// What follows `+`, empty where there is none; without meaning for the order.
    pub metadata: String,
    original: String,
}

impl Version {
    /// Reads a version as Helm does: `v1.2`, `1` and `01.2.3` are versions too.
    ///
    /// # Errors
    /// Says what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, VersionError> {
        let fail = |problem| Err(VersionError::new("version", text, problem));
        if text.len() > MAX_VERSION {
            return fail("it is longer than 256 characters");
        }
        let (numbers, pre, metadata) = parts(text.strip_prefix('v').unwrap_or(text));
        let numbers: Vec<&str> = numbers.split('.').collect();
        if numbers.len() > 3 {
            return fail("it has more than three numbers");
        }
        let mut parsed = [0; 3];
        for (slot, number) in parsed.iter_mut().zip(&numbers) {
            match number_of(number) {
                Ok(number) => *slot = number,
                Err(problem) => return fail(problem),
            }
        }
        Self::checked(text, parsed, pre, metadata)
    }

    /// Reads a version that follows semver.org to the letter: three numbers without leading zeros, no `v`.
    ///
    /// # Errors
    /// Says what is wrong with the text.
    pub fn parse_strict(text: &str) -> Result<Self, VersionError> {
        let version = Self::parse(text)?;
        let (numbers, ..) = parts(text);
        let strict = numbers.split('.').count() == 3 && numbers.split('.').all(|n| n == "0" || !n.starts_with('0'));
        if strict && !text.starts_with('v') {
            return Ok(version);
        }
        Err(VersionError::new("version", text, "it needs three numbers without `v` or leading zeros"))
    }

    fn checked(
        text: &str,
        [major, minor, patch]: [u64; 3],
        pre: Option<&str>,
        metadata: Option<&str>,
    ) -> Result<Self, VersionError> {
        let word = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let numeric = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if let Some(part) = pre.into_iter().chain(metadata).flat_map(|all| all.split('.')).find(|part| !word(part)) {
            let problem = format!("`{}` is not an identifier of letters, digits and hyphens", super::shown(part));
            return Err(VersionError::new("version", text, problem));
        }
        let zero = |part: &&str| part.len() > 1 && part.starts_with('0') && numeric(part);
        if let Some(part) = pre.into_iter().flat_map(|pre| pre.split('.')).find(zero) {
            return Err(VersionError::new("version", text, format!("the number `{part}` begins with 0")));
        }
        let owned = |part: Option<&str>| part.unwrap_or_default().to_owned();
        Ok(Self { major, minor, patch, pre: owned(pre), metadata: owned(metadata), original: text.to_owned() })
    }

    /// Returns the text this version was read from.
    pub fn original(&self) -> &str {
        &self.original
    }

    /// Says whether this is a prerelease.
    pub fn is_prerelease(&self) -> bool {
        !self.pre.is_empty()
    }
}

/// Splits a version into its numbers, prerelease and metadata.
fn parts(text: &str) -> (&str, Option<&str>, Option<&str>) {
    let (text, metadata) = text.split_once('+').map_or((text, None), |(text, metadata)| (text, Some(metadata)));
    let (numbers, pre) = text.split_once('-').map_or((text, None), |(numbers, pre)| (numbers, Some(pre)));
    (numbers, pre, metadata)
}

fn number_of(text: &str) -> Result<u64, &'static str> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err("its numbers have to be digits");
    }
    text.parse().map_err(|_| "one of its numbers is larger than 2^64")
}

impl fmt::Display for Version {
    /// Writes the version in its full form, without a leading `v`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)?;
        if !self.pre.is_empty() {
            write!(f, "-{}", self.pre)?;
        }
        if !self.metadata.is_empty() {
            write!(f, "+{}", self.metadata)?;
        }
        Ok(())
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Version {}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let numbers = |v: &Self| (v.major, v.minor, v.patch);
        numbers(self).cmp(&numbers(other)).then_with(|| match (self.pre.as_str(), other.pre.as_str()) {
            ("", "") => Ordering::Equal,
            ("", _) => Ordering::Greater,
            (_, "") => Ordering::Less,
            (one, two) => compare_prereleases(one, two),
        })
    }
}

/// Compares two prereleases part by part; numbers stand before words, and a missing part before any.
fn compare_prereleases(one: &str, two: &str) -> Ordering {
    let (mut one, mut two) = (one.split('.'), two.split('.'));
    loop {
        let order = match (one.next(), two.next()) {
            (None, None) => return Ordering::Equal,
            (a, b) => {
                let (a, b) = (a.unwrap_or_default(), b.unwrap_or_default());
                match (a.parse::<u64>(), b.parse::<u64>()) {
                    _ if a.is_empty() || b.is_empty() => a.len().cmp(&b.len()),
                    (Ok(a), Ok(b)) => a.cmp(&b),
                    (Ok(_), Err(_)) => Ordering::Less,
                    (Err(_), Ok(_)) => Ordering::Greater,
                    (Err(_), Err(_)) => a.cmp(b),
                }
            }
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// A set of versions, as in `>=1.2 <2 || ~3.1`.
#[derive(Clone, Debug)]
pub struct Constraint {
    text: String,
    /// A version matches when it matches all comparisons of one alternative.
    alternatives: Vec<Alternative>,
}

#[derive(Clone, Debug)]
struct Alternative {
    all: Vec<Comparison>,
    /// Prereleases only match where one of the comparisons names one.
    prereleases: bool,
}

impl Constraint {
    /// Reads a constraint.
    ///
    /// # Errors
    /// Says what is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, VersionError> {
        let fail = |problem: String| Err(VersionError::new("version constraint", text, problem));
        if text.len() > MAX_CONSTRAINT {
            return fail("it is longer than 512 characters".into());
        }
        let rewritten = rewrite_ranges(text);
        let alternatives: Vec<&str> = rewritten.split("||").collect();
        if alternatives.len() > MAX_ALTERNATIVES {
            return fail("it has more than 32 alternatives".into());
        }
        let mut read = Vec::with_capacity(alternatives.len());
        for alternative in alternatives {
            match comparisons(alternative) {
                Some(all) => {
                    let prereleases = all.iter().any(|comparison| comparison.version.is_prerelease());
                    read.push(Alternative { all, prereleases });
                }
                None if alternative.trim().is_empty() => {
                    return fail("it is empty; write `*` for every release".into());
                }
                None => {
                    let alternative = super::shown(alternative.trim());
                    return fail(format!("`{alternative}` is not a list of comparisons such as `>=1.2 <2`"));
                }
            }
        }
        Ok(Self { text: text.to_owned(), alternatives: read })
    }

    /// Says whether a version is one of this set.
    pub fn matches(&self, version: &Version) -> bool {
        self.alternatives.iter().any(|alternative| {
            (alternative.prereleases || !version.is_prerelease())
                && alternative.all.iter().all(|comparison| comparison.matches(version))
        })
    }
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Says whether a version is in a constraint, and no when one of the texts is neither
/// (Helm's `chartutil.IsCompatibleRange`).
pub fn compatible(constraint: &str, version: &str) -> bool {
    Version::parse(version).is_ok_and(|v| Constraint::parse(constraint).is_ok_and(|c| c.matches(&v)))
}

/// Writes `a - b` as two comparisons. The library finds such ranges by an expression in the raw text, before it
/// knows alternatives, so this uses the same expression.
fn rewrite_ranges(text: &str) -> String {
    static RANGE: OnceLock<Option<Regex>> = OnceLock::new();
    const VERSION: &str = r"v?[0-9|xX*]+(?:\.[0-9|xX*]+)?(?:\.[0-9|xX*]+)?(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?";
    const BLANK: &str = r"[\t\n\x0c\r ]";
    let mut out = text.to_owned();
    if !text.split('-').skip(1).any(|after| after.starts_with(BLANKS)) {
        return out;
    }
    let range =
        RANGE.get_or_init(|| Regex::new(&format!("{BLANK}*({VERSION}){BLANK}+-{BLANK}+({VERSION}){BLANK}*")).ok());
    for found in range.iter().flat_map(|range| range.captures_iter(text)) {
        let group = |index| found.get(index).map_or("", |m| m.as_str());
        out = out.replacen(group(0), &format!(">= {}, <= {} ", group(1), group(2)), 1);
    }
    out
}

/// Reads comparisons that stand side by side, with blanks or commas between.
fn comparisons(text: &str) -> Option<Vec<Comparison>> {
    let mut all = Vec::new();
    let mut rest = text.trim_matches(BLANKS);
    loop {
        let operator = Operator::ALL.iter().find(|(sign, _)| rest.starts_with(sign));
        let (sign, operator) = operator.copied().unwrap_or(("", Operator::Equal));
        let after = rest[sign.len()..].trim_start_matches(BLANKS);
        let end = after.find(|c: char| c == ',' || BLANKS.contains(&c)).unwrap_or(after.len());
        all.push(Comparison::parse(operator, &after[..end])?);
        let next = after[end..].trim_start_matches(BLANKS);
        if next.is_empty() {
            return Some(all);
        }
        rest = next.strip_prefix(',').unwrap_or(next).trim_start_matches(BLANKS);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterEqual,
    LessEqual,
    Tilde,
    Caret,
}

impl Operator {
    /// The signs, longer ones first.
    const ALL: [(&str, Self); 11] = [
        ("!=", Self::NotEqual),
        (">=", Self::GreaterEqual),
        ("=>", Self::GreaterEqual),
        ("<=", Self::LessEqual),
        ("=<", Self::LessEqual),
        ("~>", Self::Tilde),
        (">", Self::Greater),
        ("<", Self::Less),
        ("=", Self::Equal),
        ("~", Self::Tilde),
        ("^", Self::Caret),
    ];
}

/// One comparison, as in `>=1.2.x`.
#[derive(Clone, Debug)]
struct Comparison {
    operator: Operator,
    version: Version,
    /// Which of the numbers is the first that is left open, by `x` or by not being there.
    open: Open,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Nothing,
    Patch,
    Minor,
    Major,
}

impl Comparison {
    fn parse(operator: Operator, text: &str) -> Option<Self> {
        let (numbers, pre, metadata) = parts(text.strip_prefix('v').unwrap_or(text));
        let numbers: Vec<&str> = numbers.split('.').collect();
        let digit = |b: u8| b.is_ascii_digit() || b"|xX*".contains(&b);
        if numbers.len() > 3 || numbers.iter().any(|number| number.is_empty() || !number.bytes().all(digit)) {
            return None;
        }
        let wild = |index: usize| numbers.get(index).is_none_or(|number| matches!(*number, "x" | "X" | "*"));
        let open = match [wild(0), wild(1), wild(2)] {
            [true, ..] => Open::Major,
            [_, true, _] => Open::Minor,
            [.., true] => Open::Patch,
            _ => Open::Nothing,
        };
        let known = match open {
            Open::Major => 0,
            Open::Minor => 1,
            Open::Patch => 2,
            Open::Nothing => 3,
        };
        let mut parsed = [0; 3];
        for (slot, number) in parsed.iter_mut().zip(numbers.iter().take(known)) {
            *slot = number_of(number).ok()?;
        }
        // The metadata of an open version is dropped, but has to be well formed.
        let version = Version::checked(text, parsed, pre, metadata).ok()?;
        (text.len() <= MAX_VERSION).then_some(Self { operator, version, open })
    }

    fn matches(&self, v: &Version) -> bool {
        let c = &self.version;
        let minors_open = self.open == Open::Minor;
        match self.operator {
            Operator::Equal if self.open == Open::Nothing => v == c,
            Operator::Equal | Operator::Tilde => self.matches_tilde(v),
            Operator::NotEqual => match self.open {
                Open::Nothing => v != c,
                _ if c.major != v.major => true,
                Open::Minor => false,
                _ if c.minor != v.minor => true,
                Open::Patch => prereleases_differ(&v.pre, &c.pre),
                Open::Major => v != c,
            },
            Operator::Greater => match self.open {
                Open::Nothing => v > c,
                _ if v.major != c.major => v.major > c.major,
                Open::Minor => false,
                Open::Patch => v.minor > c.minor,
                Open::Major => v > c,
            },
            Operator::Less => v < c,
            Operator::GreaterEqual => v >= c,
            Operator::LessEqual if self.open == Open::Nothing => v <= c,
            Operator::LessEqual => v.major < c.major || (v.major == c.major && (minors_open || v.minor <= c.minor)),
            Operator::Caret => v >= c && self.same_series(v),
        }
    }

    fn matches_tilde(&self, v: &Version) -> bool {
        let c = &self.version;
        if v < c {
            return false;
        }
        let any = c.major == 0 && c.minor == 0 && c.patch == 0 && !matches!(self.open, Open::Minor | Open::Patch);
        any || (v.major == c.major && (self.open == Open::Minor || v.minor == c.minor))
    }

    /// Says whether `^` takes both for compatible: the first number that is not 0 is the same.
    fn same_series(&self, v: &Version) -> bool {
        let c = &self.version;
        if c.major > 0 || self.open == Open::Minor {
            return v.major == c.major;
        }
        if v.major > 0 {
            return false;
        }
        if c.minor > 0 || self.open == Open::Patch {
            return v.minor == c.minor;
        }
        v.minor == 0 && v.patch == c.patch
    }
}

/// Says whether two prereleases differ; two releases do not.
fn prereleases_differ(one: &str, two: &str) -> bool {
    compare_prereleases(one, two) != Ordering::Equal
}

/// A text that is no version or no constraint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionError {
    what: &'static str,
    text: String,
    problem: String,
}

impl VersionError {
    fn new(what: &'static str, text: &str, problem: impl Into<String>) -> Self {
        let text: String = text.chars().take(80).flat_map(char::escape_debug).collect();
        Self { what, text, problem: problem.into() }
    }
}

impl fmt::Display for VersionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not a valid {}: {}", self.text, self.what, self.problem)
    }
}

impl std::error::Error for VersionError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        Version::parse(text).unwrap()
    }

    #[test]
    fn versions_may_be_loose() {
        for (text, full) in
            [("v1", "1.0.0"), ("01.2", "1.2.0"), ("1.2.3-rc.1+b.7", "1.2.3-rc.1+b.7"), ("1-x", "1.0.0-x")]
        {
            assert_eq!(version(text).to_string(), full);
            assert_eq!(version(text).original(), text);
            assert_eq!(Version::parse_strict(text).is_ok(), text == full);
        }
        let long = format!("1.0.0-{}", "a".repeat(256));
        let bad =
            ["", "V1", " 1", "1.2.3.4", "1.", "1.2-", "1.2.3-01", "1.2.3-a..b", "1+", "1.x", "18446744073709551616"];
        for text in bad.into_iter().chain([long.as_str()]) {
            Version::parse(text).unwrap_err();
        }
        let message = Version::parse("1.2.3-a\u{1b}").unwrap_err().to_string();
        assert_eq!(
            message,
            r"`1.2.3-a\u{1b}` is not a valid version: `a\u{1b}` is not an identifier of letters, digits and hyphens"
        );
    }

    #[test]
    fn prereleases_stand_before_their_release() {
        let order =
            ["0.9", "1.0.0-1", "1.0.0-2", "1.0.0-10", "1.0.0-a", "1.0.0-a.1", "1.0.0-a.b", "1.0.0-b", "v1", "1.0.1"];
        for pair in order.windows(2) {
            assert!(version(pair[0]) < version(pair[1]), "{pair:?}");
        }
        assert_eq!(version("1.0.0+a"), version("v1+b"));
    }

    /// Expected by running Masterminds/semver v3.5.0 itself; 600,000 random texts agreed when this was written.
    #[test]
    fn constraints_match_what_helm_matches() {
        let versions = ["1.2.3", "v1.4.0", "2.0.0", "2.1.9", "0.2.7", "0.0.3", "1.3.0-beta.2", "1.30.4-gke.1"];
        let table = [
            ("*", "######.."),
            ("1.2.3", "#......."),
            ("=1.2", "#......."),
            ("!=1.x", "..####.."),
            ("!=1.2.x", ".#####.."),
            (">1", "..##...."),
            (">1.2", ".###...."),
            (">=1.2.3, <2", "##......"),
            ("<2 || >=2.1", "##.###.."),
            ("~1.2", "#......."),
            (">=1.22.0-0", "..##...#"),
            ("~>2", "..##...."),
            ("^1.2.3", "##......"),
            ("^0.2.3", "....#..."),
            ("^0.0.3", ".....#.."),
            ("^0", "....##.."),
            ("^*", "........"),
            ("1.2 - 2.0", "###....."),
            ("<=1.x", "##..##.."),
            ("~0.0.0", "######.."),
            ("~1.3.0-0", "......#."),
            ("=>1.30-0", "..##...#"),
        ];
        for (text, expected) in table {
            let constraint = Constraint::parse(text).unwrap();
            let sign = |text: &&str| if constraint.matches(&version(text)) { '#' } else { '.' };
            assert_eq!(versions.iter().map(sign).collect::<String>(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_constraint_is_refused() {
        let (long, many) = ("1 ".repeat(300), "1||".repeat(40));
        for text in ["", "1 ||", ">", "1,,2", ",1", "1.2.3.4", "latest", "= 1 - 2", "1|2", ">>1", &long, &many] {
            Constraint::parse(text).unwrap_err();
        }
        let message = |text| Constraint::parse(text).unwrap_err().to_string();
        assert_eq!(message(" "), "` ` is not a valid version constraint: it is empty; write `*` for every release");
        assert_eq!(
            message("1 || latest"),
            "`1 || latest` is not a valid version constraint: `latest` is not a list of comparisons such as `>=1.2 <2`"
        );
        assert!(compatible("~1.2", "1.2.9") && !compatible("", "1.2.9") && !compatible("*", "latest"));
    }
}
