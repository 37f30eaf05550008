//! `${…}` in strings: the only logic that `platform.toml` and `component.toml` know.
//!
//! A reference is a dotted path below one of the known roots, with optional filters: `${vars.zone}`,
//! `${requires.database.password|urlquery}`. Any other `${` passes through as it stands, because shells,
//! Java properties and Flux use the same sign; but one that looks like a misspelt reference is an error ([`meant`]).
//! `$${vars.x}` writes either literally: `${vars.x}`.

use crate::diag::Span;

/// First words that make a `${…}` ours.
pub const ROOTS: &[&str] = &[
    "vars",
    "platform",
    "environment",
    "cluster",
    "target",
    "component",
    "components",
    "buckets",
    "requires",
    "secrets",
    "secret",
    "options",
    "claim",
    "item",
    "each",
    "hosts",
    "git",
    "edge",
    "namespace",
    "release",
    "fullname",
    "version",
];

/// First words that mean something without a dot behind them.
const ALONE: &[&str] = &["namespace", "release", "fullname", "version", "item"];

/// Functions that may stand behind a reference.
pub const FILTERS: &[&str] = &["urlquery", "json", "upper", "env", "slug", "digest"];

/// A piece of a string.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    Text(String),
    Reference(Reference),
}

/// A `${path|filter}`.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    pub path: Vec<String>,
    pub filters: Vec<String>,
    /// Byte range of the whole `${…}` within the string.
    pub range: (usize, usize),
}

impl Reference {
    /// Returns the reference as it is written inside the braces.
    pub fn written(&self) -> String {
        self.path.iter().cloned().map(quote).collect::<Vec<_>>().join(".")
    }
}

fn quote(part: String) -> String {
    if part.contains('.') { format!("\"{part}\"") } else { part }
}

/// Says whether the string holds anything to replace.
pub fn has_reference(text: &str) -> bool {
    text.contains("${") && split(text).iter().any(|part| matches!(part, Part::Reference(_)))
}

/// Says whether the string holds anything that looks like ours and is not: reported once, for whatever key it stands under.
pub fn is_misspelt(text: &str) -> bool {
    foreign(text).iter().any(|(inner, _)| !meant(inner).is_empty())
}

/// Splits a string into text and references.
pub fn split(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut plain = String::new();
    let mut rest = 0;
    while let Some(found) = text[rest..].find("${") {
        let start = rest + found;
        plain.push_str(&text[rest..start]);
        let end = text[start + 2..].find('}').map(|end| start + 2 + end);
        let reference = end.and_then(|end| reference(text, start, end));
        match (reference, end) {
            (reference, Some(end))
                if plain.ends_with('$') && (reference.is_some() || !meant(&text[start + 2..end]).is_empty()) =>
            {
                plain.pop();
                rest = end + 1;
                plain.push_str(&text[start..rest]);
            }
            (Some(reference), _) => {
                if !plain.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut plain)));
                }
                rest = reference.range.1;
                parts.push(Part::Reference(reference));
            }
            (None, _) => {
                plain.push_str("${");
                rest = start + 2;
            }
        }
    }
    plain.push_str(&text[rest..]);
    if !plain.is_empty() || parts.is_empty() {
        parts.push(Part::Text(plain));
    }
    parts
}

/// Reads the reference whose `$` is at `start` and whose `}` is at `end`; `None` when its root is not ours.
fn reference(text: &str, start: usize, end: usize) -> Option<Reference> {
    let inner = &text[start + 2..end];
    let mut pieces = inner.split('|').map(str::trim);
    let path = split_path(pieces.next()?)?;
    ROOTS.contains(&path.first()?.as_str()).then(|| Reference {
        path,
        filters: pieces.map(String::from).collect(),
        range: (start, end + 1),
    })
}

/// Returns every `${…}` of a string that is none of ours, with its byte range; those behind a `$` are meant literally.
pub fn foreign(text: &str) -> Vec<(&str, (usize, usize))> {
    let starts = text.match_indices("${").map(|(start, _)| start);
    starts
        .filter(|start| !text[..*start].ends_with('$'))
        .filter_map(|start| {
            let end = start + 2 + text[start + 2..].find('}')?;
            reference(text, start, end).is_none().then(|| (&text[start + 2..end], (start, end + 1)))
        })
        .collect()
}

/// Returns the first words that the inside of a `${…}` may have meant, when it is none of ours but looks like one: a dotted
/// path, or a word that may stand alone, that begins with a word near one of ours. `${env.name}` is short for another.
pub fn meant(inner: &str) -> Vec<&'static str> {
    let Some(path) = inner.split('|').next().map(str::trim).and_then(split_path) else { return vec![] };
    let word = path[0].as_str();
    if ROOTS.contains(&word) || word.len() < 3 || !word.bytes().all(|b| b.is_ascii_lowercase()) {
        return vec![];
    }
    let known = if path.len() > 1 { ROOTS } else { ALONE };
    let limit = if word.len() > 5 { 2 } else { 1 };
    let near = known.iter().filter(|root| strsim::damerau_levenshtein(word, root) <= limit);
    let short = known.iter().filter(|root| path.len() == 2 && path[1] == "name" && root.starts_with(word));
    let mut all: Vec<&str> = near.chain(short).copied().collect();
    all.dedup();
    all
}

/// Splits `a.b."c.d"` into its parts.
fn split_path(path: &str) -> Option<Vec<String>> {
    let mut parts = Vec::new();
    let mut rest = path;
    loop {
        let (part, after) = match rest.strip_prefix('"') {
            Some(quoted) => {
                let close = quoted.find('"')?;
                (&quoted[..close], &quoted[close + 1..])
            }
            None => rest.split_at(rest.find('.').unwrap_or(rest.len())),
        };
        if part.is_empty() || part.chars().any(|c| c.is_whitespace() || c == '$' || c == '{') {
            return None;
        }
        parts.push(part.to_string());
        match after.strip_prefix('.') {
            Some(next) => rest = next,
            None => return after.is_empty().then_some(parts),
        }
    }
}

/// Returns the span of a reference inside a string that was written at `span`.
///
/// The caret is exact where the string's text stands in the file as it is (no escapes before the
/// reference); else it covers the whole string.
pub fn span_of(reference: &Reference, written: Span, source_text: &str) -> Span {
    let (start, end) = (written.start as usize, written.end as usize);
    let Some(raw) = source_text.get(start..end) else { return written };
    let needle = format!("${{{}", reference.path.first().map_or("", |p| p));
    let wanted = &reference.written();
    raw.match_indices(needle.as_str())
        .find_map(|(at, _)| {
            let close = raw[at..].find('}')?;
            let inner = raw[at + 2..at + close].split('|').next()?.trim();
            (inner == wanted).then(|| Span::new(written.source, start + at, start + at + close + 1))
        })
        .unwrap_or(written)
}

/// Applies a filter to a text.
pub fn filter(name: &str, text: &str) -> Option<String> {
    Some(match name {
        "urlquery" => url_query(text),
        "json" => serde_json::Value::from(text).to_string(),
        "upper" => text.to_uppercase(),
        "env" => environment_name(text),
        "slug" => slug(text),
        "digest" => digest(text.as_bytes()),
        _ => return None,
    })
}

/// Percent-encodes everything but unreserved characters, a blank as `+`: Go's `url.QueryEscape`, which
/// ESO's `urlquery` is too (external-secrets.io/v2.9 guides/templating).
pub fn url_query(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(byte as char),
            b' ' => out.push('+'),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// Returns the first ten hexadecimal digits of a text's SHA-256: changes when the text does.
pub fn digest(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).iter().take(5).map(|byte| format!("{byte:02x}")).collect()
}

/// Returns a name for an environment variable: upper case, every other character an underscore.
pub fn environment_name(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
}

/// Returns a name for a Kubernetes object: lower case letters, digits and single dashes.
pub fn slug(text: &str) -> String {
    let dashed: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    dashed.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-")
}

/// Quotes a text for the shell: in single quotes nothing is special but the quote itself.
pub fn shell(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.into();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(text: &str) -> Vec<String> {
        split(text).iter().filter_map(|p| if let Part::Reference(r) = p { Some(r.written()) } else { None }).collect()
    }

    #[test]
    fn known_roots_are_references_and_others_pass_through() {
        assert_eq!(paths("a ${vars.x} ${HOME} ${requires.db.password|urlquery}"), ["vars.x", "requires.db.password"]);
        assert_eq!(split("${ENV:FOO}"), [Part::Text("${ENV:FOO}".into())]);
        assert_eq!(split("${vars.x"), [Part::Text("${vars.x".into())]);
        assert_eq!(split("$${vars.x}!"), [Part::Text("${vars.x}!".into())]);
        assert_eq!(paths("${components.\"a.b\".namespace}"), ["components.\"a.b\".namespace"]);
    }

    #[test]
    fn what_looks_like_a_reference_is_told_from_what_others_mean() {
        for (inner, word) in
            [("vras.x", "vars"), ("platfrom.name", "platform"), ("env.name", "environment"), ("namespce", "namespace")]
        {
            assert!(meant(inner).contains(&word), "{inner}");
        }
        for inner in
            ["HOME", "env:HOME", "env.HOME", "host", "name", "user.home", "vars.x", "run.name", "spark.executor.id"]
        {
            assert!(meant(inner).is_empty(), "{inner}");
        }
        assert_eq!(split("$${vras.x} $${HOME}"), [Part::Text("${vras.x} $${HOME}".into())]);
        assert_eq!(foreign("${HOME} $${vras.x} ${vars.x} ${vras.y}"), [("HOME", (0, 7)), ("vras.y", (29, 38))]);
    }

    #[test]
    fn filters_make_safe_text() {
        assert_eq!(url_query("a b@c/é"), "a+b%40c%2F%C3%A9");
        assert_eq!(environment_name("lake-house.1"), "LAKE_HOUSE_1");
        assert_eq!(slug("Lake.House__1"), "lake-house-1");
        assert_eq!(filter("json", "a\"b").as_deref(), Some("\"a\\\"b\""));
    }
}
