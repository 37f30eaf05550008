//! `index.yaml` of a classic repository: its text comes in, the versions of one chart go out.
//!
//! Indexes are large (20 MB and more) and full of what nobody asks for, so the events of the parser are walked and only
//! one chart's entries are kept. What is kept is strict: a field of the wrong type, a chart or key that is there twice, or
//! a version that is there twice with different contents is an error, as far as it concerns what is wanted. Other
//! people's broken entries are left alone, as Helm leaves them (helm.sh/helm/v3@v3.22.0 pkg/repo/index.go, `loadIndex`).

use granit_parser::{Event, Parser, ScalarStyle};

use crate::helm::version::{Constraint, Version};
use crate::manifest::yaml;

/// Largest index, in bytes (50 MiB): the default of Flux's source-controller.
pub const MAX_INDEX_BYTES: u64 = 50 << 20;
/// Levels of maps and lists in one another.
const MAX_DEPTH: usize = 64;
/// Versions of one chart, and addresses of one version.
const MAX_VERSIONS: usize = 50_000;
const MAX_ADDRESSES: usize = 32;

/// One version of a chart as the index has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Release {
    pub version: String,
    pub urls: Vec<String>,
    pub digest: Option<String>,
    /// What is wrong with it, when something is.
    pub broken: Option<String>,
}

/// Why an index gives no version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoRelease {
    /// The index is not what it should be; a sentence.
    Broken(String),
    /// It has no such chart; some that it has.
    Chart(Vec<String>),
    /// The chart has no such version; those that it has, newest first.
    Version(Vec<String>),
}

/// Finds the version of a chart that Helm would take: the very text, or the newest that fits it as a constraint.
///
/// # Errors
/// See [`NoRelease`].
pub fn find(text: &str, chart: &str, wanted: &str) -> Result<Release, NoRelease> {
    let (releases, names) = Walk::new(text, chart).releases().map_err(NoRelease::Broken)?;
    let Some(releases) = releases else { return Err(NoRelease::Chart(names)) };
    let versioned = || releases.iter().filter_map(|r| Version::parse(&r.version).ok().map(|version| (version, r)));
    let chosen = match releases.iter().find(|release| release.version == wanted) {
        Some(exact) => Some(exact),
        None => Constraint::parse(wanted).ok().and_then(|constraint| {
            let fitting = versioned().filter(|(version, _)| constraint.matches(version));
            fitting.max_by(|(a, _), (b, _)| a.cmp(b)).map(|(_, release)| release)
        }),
    };
    let Some(chosen) = chosen else {
        let mut all: Vec<(Version, &Release)> = versioned().collect();
        all.sort_by(|(a, _), (b, _)| b.cmp(a));
        return Err(NoRelease::Version(all.into_iter().map(|(_, release)| release.version.clone()).collect()));
    };
    let entry = format!("the entry of chart `{chart}` {}", chosen.version.escape_debug());
    if let Some(reason) = &chosen.broken {
        return Err(NoRelease::Broken(format!("{entry} is broken: {reason}")));
    }
    if releases.iter().any(|other| other.version == chosen.version && other != chosen) {
        return Err(NoRelease::Broken(format!("{entry} is listed twice, with different contents")));
    }
    Ok(chosen.clone())
}

/// Walks the events of an index.
struct Walk<'t> {
    text: &'t str,
    parser: Parser<'t, granit_parser::StrInput<'t>>,
    chart: &'t str,
    depth: usize,
}

/// A node: a scalar, or the beginning of a collection.
enum Node {
    Null,
    Text(String),
    /// A number or boolean.
    Other,
    Map,
    List,
    Alias,
}

impl<'t> Walk<'t> {
    fn new(text: &'t str, chart: &'t str) -> Self {
        Self { text, parser: Parser::new_from_str(text), chart, depth: 0 }
    }

    fn next(&mut self) -> Result<Event<'t>, String> {
        match self.parser.next() {
            Some(Ok((event, _))) => Ok(event),
            Some(Err(error)) => Err(format!("it is not valid YAML at line {}", error.marker().line())),
            None => Err("it is truncated".into()),
        }
    }

    /// Returns the next node; nothing at the end of the collection around it.
    fn node(&mut self) -> Result<Option<Node>, String> {
        Ok(Some(match self.next()? {
            Event::Scalar(text, style, ..) => {
                if style != ScalarStyle::Plain || yaml::is_text(&text) {
                    Node::Text(text.into_owned())
                } else if yaml::is_null(&text) {
                    Node::Null
                } else {
                    Node::Other
                }
            }
            Event::MappingStart(..) => self.deeper(Node::Map)?,
            Event::SequenceStart(..) => self.deeper(Node::List)?,
            Event::Alias(_) => Node::Alias,
            Event::MappingEnd | Event::SequenceEnd => {
                self.depth -= 1;
                return Ok(None);
            }
            _ => return Err("it is not a single document".into()),
        }))
    }

    fn deeper(&mut self, node: Node) -> Result<Node, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(format!("it is more than {MAX_DEPTH} levels deep")) } else { Ok(node) }
    }

    /// Passes over the rest of a node that has begun.
    fn skip(&mut self, node: &Node) -> Result<(), String> {
        if matches!(node, Node::Map | Node::List) {
            let outer = self.depth - 1;
            while self.depth > outer {
                self.node()?;
            }
        }
        Ok(())
    }

    /// Returns the key and the beginning of the value of the next entry of a map; nothing at its end.
    fn entry(&mut self) -> Result<Option<(String, Node)>, String> {
        let key = match self.node()? {
            None => return Ok(None),
            Some(Node::Text(key)) => key,
            Some(Node::Null | Node::Other) => String::new(),
            Some(_) => return Err("one of its keys is not a string".into()),
        };
        match self.node()? {
            Some(value) => Ok(Some((key, value))),
            None => Err("one of its keys has no value".into()),
        }
    }

    /// Returns the releases of the chart, if the index has it, and the names of some charts that it has.
    fn releases(&mut self) -> Result<(Option<Vec<Release>>, Vec<String>), String> {
        if self.text.trim().is_empty() {
            return Err("it is empty".into());
        }
        // The stream and the document begin.
        while let Some(Ok((Event::StreamStart | Event::DocumentStart(..), _))) = self.parser.peek() {
            self.next()?;
        }
        if !matches!(self.node()?, Some(Node::Map)) {
            return Err("it is not a map".into());
        }
        let (mut found, mut names, mut seen, mut api) = (None, Vec::new(), false, false);
        while let Some((key, value)) = self.entry()? {
            match (key.as_str(), value) {
                ("entries", Node::Map) if !seen => {
                    seen = true;
                    while let Some((name, value)) = self.entry()? {
                        if name != self.chart {
                            if names.len() < MAX_VERSIONS {
                                names.push(name);
                            }
                            self.skip(&value)?;
                            continue;
                        }
                        if found.is_some() {
                            return Err(format!("chart `{name}` is listed twice"));
                        }
                        found = Some(self.list(&value)?);
                    }
                }
                ("entries", Node::Null) if !seen => seen = true,
                ("entries", _) if seen => return Err("`entries` is listed twice".into()),
                ("entries", _) => return Err("`entries` is not a map".into()),
                ("apiVersion", Node::Text(_)) => api = true,
                (_, value) => self.skip(&value)?,
            }
        }
        if !api {
            return Err("it has no `apiVersion`".into());
        }
        Ok((found, names))
    }

    fn list(&mut self, value: &Node) -> Result<Vec<Release>, String> {
        let mut releases = Vec::new();
        match value {
            Node::List => {}
            Node::Null => return Ok(releases),
            _ => return Err(format!("the entry of chart `{}` is not a list", self.chart)),
        }
        while let Some(node) = self.node()? {
            if releases.len() == MAX_VERSIONS {
                return Err(format!("chart `{}` has more than {MAX_VERSIONS} versions", self.chart));
            }
            match node {
                Node::Map => releases.push(self.release()?),
                // Helm passes over empty entries.
                other => self.skip(&other)?,
            }
        }
        Ok(releases)
    }

    fn release(&mut self) -> Result<Release, String> {
        let mut release = Release::default();
        let mut seen: Vec<String> = Vec::new();
        let mut broken: Option<String> = None;
        while let Some((key, value)) = self.entry()? {
            if !matches!(key.as_str(), "version" | "urls" | "digest") {
                self.skip(&value)?;
                continue;
            }
            if seen.contains(&key) {
                broken = broken.or(Some(format!("`{key}` is listed twice")));
            }
            match (key.as_str(), value) {
                ("version", Node::Text(text)) => release.version = text,
                ("digest", Node::Text(text)) => release.digest = Some(text).filter(|text| !text.is_empty()),
                ("digest", Node::Null) => {}
                ("urls", Node::List) => {
                    while let Some(node) = self.node()? {
                        match node {
                            Node::Text(url) if release.urls.len() < MAX_ADDRESSES => release.urls.push(url),
                            other => {
                                broken =
                                    broken.or(Some("an item of `urls` is not a string, or there are too many".into()));
                                self.skip(&other)?;
                            }
                        }
                    }
                }
                (key, value) => {
                    broken = broken.or(Some(format!("`{key}` has the wrong type")));
                    self.skip(&value)?;
                }
            }
            seen.push(key);
        }
        if release.urls.is_empty() {
            broken = broken.or(Some("its `urls` is empty".into()));
        }
        release.broken = broken;
        Ok(release)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INDEX: &str = r#"
apiVersion: v1
generated: 2026-01-01T00:00:00Z
entries:
  alpine:
    - {version: 1.0.0, urls: [a.tgz]}
  trino:
    - version: 1.43.0-rc.1
      urls: [trino-1.43.0-rc.1.tgz]
    - apiVersion: v2
      annotations: &x {artifacthub.io/changes: "- one"}
      name: trino
      version: 1.42.2
      digest: ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad
      urls:
        - https://a.example.com/trino-1.42.2.tgz
        - trino-1.42.2.tgz
    - version: v1.41.0
      maintainers: [*x, {name: [nested, [deep]]}]
      urls: [trino-1.41.0.tgz]
    - null
    - version: 1.40
      urls: [x]
    - version: latest
      urls: [x]
    - version: "1.39.0"
      urls: null
    - version: "1.38.0"
      urls: []
    - version: "1.37.0"
      digest: 7
      urls: [x]
    - version: 1.36.0
      urls: [a]
    - version: 1.36.0
      urls: [b]
    - version: 1.35.0
      urls: [a]
    - version: 1.35.0
      urls: [a]
  empty: []
  nothing: null
  odd: {version: 1.0.0}
"#;

    fn version(chart: &str, wanted: &str) -> Result<String, NoRelease> {
        find(INDEX, chart, wanted).map(|release| release.version)
    }

    #[test]
    fn versions_as_helm_finds_them() {
        let release = find(INDEX, "trino", "1.42.2").unwrap();
        assert_eq!(release.urls, ["https://a.example.com/trino-1.42.2.tgz", "trino-1.42.2.tgz"]);
        assert!(release.digest.unwrap().starts_with("ba7816"));
        for (wanted, expected) in [
            ("1.43.0-rc.1", "1.43.0-rc.1"),
            ("1.42", "1.42.2"),
            ("1.41.0", "v1.41.0"),
            ("^1", "1.42.2"),
            ("1.35.0", "1.35.0"),
        ] {
            assert_eq!(version("trino", wanted).unwrap(), expected, "{wanted}");
        }
    }

    /// T63: null and wrong types, duplicate versions, versions that are none.
    #[test]
    fn t63_broken_entries() {
        for (chart, wanted, message) in [
            ("trino", "1.39.0", "`urls` has the wrong type"),
            ("trino", "1.38.0", "its `urls` is empty"),
            ("trino", "1.37.0", "`digest` has the wrong type"),
            ("trino", "1.36.0", "is listed twice, with different contents"),
            ("odd", "1.0.0", "is not a list"),
        ] {
            let error = version(chart, wanted).unwrap_err();
            assert!(matches!(&error, NoRelease::Broken(text) if text.contains(message)), "{wanted}: {error:?}");
        }
        assert_eq!(version("empty", "1"), Err(NoRelease::Version(vec![])));
        assert_eq!(version("nothing", "1"), Err(NoRelease::Version(vec![])));
        let missing = NoRelease::Chart(["alpine", "trino", "empty", "nothing", "odd"].map(String::from).to_vec());
        assert_eq!(version("alpin", "1"), Err(missing));
        let Err(NoRelease::Version(all)) = version("trino", "9") else { panic!() };
        assert_eq!(all[..3], ["1.43.0-rc.1", "1.42.2", "v1.41.0"]);
    }

    #[test]
    fn t63_broken_indexes() {
        let deep = format!("apiVersion: v1\nx: {}", "[".repeat(10_000));
        for (text, message) in [
            ("", "is empty"),
            ("<html><body>Login</body></html>", "is not a map"),
            ("- a", "is not a map"),
            ("apiVersion: v1\nentries: [a]", "`entries` is not a map"),
            ("apiVersion: v1\nentries: {a: []}\nentries: {a: []}", "`entries` is listed twice"),
            ("apiVersion: v1\nentries: {a: [], a: []}", "chart `a` is listed twice"),
            ("entries: {a: []}", "no `apiVersion`"),
            ("apiVersion: v1\nentries: {a: [", "not valid YAML"),
            ("apiVersion: v1\nentries: {[a]: b}", "one of its keys is not a string"),
            (&deep, ""),
        ] {
            let error = find(text, "a", "1").unwrap_err();
            assert!(matches!(&error, NoRelease::Broken(reason) if reason.contains(message)), "{text:.40}: {error:?}");
        }
        // JSON is YAML.
        let json = r#"{"apiVersion":"v1","entries":{"a":[{"version":"1.0.0","urls":["x"]}]}}"#;
        assert_eq!(find(json, "a", "1.0.0").unwrap().urls, ["x"]);
    }
}
