//! Kinds of edges: what they take, what they refuse, and the templates of what they make.
//!
//! A folder of `edges/` each, or of the user's `lakegen/edges/`: `edge.toml`, `route.yaml.j2` (once for each route) and
//! `edge.yaml.j2` (once for each edge and cluster, left out by kinds that need nothing but routes).

use std::ops::Deref;

use super::language::Closed;
use super::{BAD_COMPONENT, File, Template};
use crate::diag::{Diagnostic, Span};
use crate::parse::shape::{Shape, TEXT, check_table, list, texts, words};
use crate::parse::text::Format;
use crate::parse::{MISSING_KEY, toml};
use crate::settings::publish::EdgeTable;
use crate::settings::{Described as _, Text, read};

/// Keys of `[edges.x]` that a kind has to name before they may be said.
pub const TAKEN: &[&str] = &["class", "name", "namespace", "tls.issuer", "tls.wildcard", "tls.secret", "tls.certmap"];

/// Keys of `[edges.x]` that mean something to every kind.
pub const EVERY: &[&str] = &["hosts", "address", "annotations", "default", "tls"];

/// Keys of `[edges.x]` that a refusal may ask for.
const ASKED: &[&str] = &[
    "class",
    "name",
    "namespace",
    "tls",
    "tls.issuer",
    "tls.wildcard",
    "tls.secret",
    "tls.certmap",
    "hosts",
    "address",
    "annotations",
];

words! {
    /// Where the certificate of a route comes from.
    Certificates {
        /// Routes read no Secret.
        Never = "never",
        /// cert-manager makes the Secret that the route reads from an annotation of it.
        Annotation = "annotation",
        /// The route reads a Secret, and its template makes the Certificate.
        Object = "object",
    }
}

table! {
    /// `edge.toml`.
    EdgeFile "edge.toml" {
        summary: Text [TEXT], "One-line description";
        takes: Vec<Text> [list(words(TAKEN))], "Keys of `[edges.x]` that this kind uses";
        single: bool [Shape::Bool] = false, "Whether each route has only one host";
        certificate: Certificates [words(Certificates::WORDS)] = "never", "Whether a route reads its certificate from \
        a Secret in its namespace, and what creates it";
        keeps_certificates: Vec<Text> [texts(Format::Any)], "Classes whose load balancers hold certificates \
        themselves: their routes read no Secret";
        example: Text [TEXT], "A complete example of such an edge as TOML, shown by `lakegen catalog edges`";
        refuse: Vec<Refusal> [list(Refusal::shape())], "Invalid combinations of keys";
    }
}

table! {
    /// An entry of `refuse`: a finding at each of `keys` that was said, where the rest holds.
    Refusal "`refuse`" {
        keys: Vec<Text> [list(words(ASKED))], "Keys that are invalid";
        with: Vec<Text> [list(words(ASKED))], "All of these are set";
        any: Vec<Text> [list(words(ASKED))], "One of these is set";
        without: Vec<Text> [list(words(ASKED))], "None of these is set";
        class: Vec<Text> [texts(Format::Any)], "The class is one of these";
        other_class: Vec<Text> [texts(Format::Any)], "The class is none of these";
        message: Text [TEXT], "The message; can use `${edge.key}`, `${edge.name}`, `${edge.gateway}` and \
        `${edge.class}`";
        help: Option<Text> [TEXT], "The remedy";
    }
}

/// A kind of edges.
#[derive(Clone, Debug)]
pub struct EdgeKind {
    pub name: String,
    /// What its file says.
    pub file: EdgeFile,
    pub route: Template,
    pub edge: Option<Template>,
}

impl Deref for EdgeKind {
    type Target = EdgeFile;
    fn deref(&self) -> &EdgeFile {
        &self.file
    }
}

impl EdgeKind {
    /// Says whether a key of [`TAKEN`] means something here.
    pub fn takes(&self, key: &str) -> bool {
        self.file.takes.iter().any(|taken| *taken == *key)
    }

    /// Returns the keys that mean something here.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.file.takes.iter().map(Text::as_str).chain(EVERY.iter().copied())
    }

    /// Returns its templates.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        std::iter::once(&self.route).chain(&self.edge)
    }
}

impl Refusal {
    /// Returns the keys that are refused on an edge.
    pub fn refused<'a>(&'a self, edge: &'a EdgeTable) -> impl Iterator<Item = &'a Text> {
        let said = |key: &Text| edge.says(key);
        let holds = self.with.iter().all(said)
            && (self.any.is_empty() || self.any.iter().any(said))
            && !self.without.iter().any(said)
            && (self.class.is_empty() || self.class.contains(&edge.class))
            && !self.other_class.contains(&edge.class);
        self.keys.iter().filter(move |key| holds && edge.says(key))
    }
}

/// Reads a kind of edges from its files.
pub fn kind(name: &str, files: &[File], found: &mut Vec<Diagnostic>) -> Option<EdgeKind> {
    let (_, id, text) = files.iter().find(|(path, ..)| path == "edge.toml")?;
    let start = Span::new(*id, 0, 0);
    let table = toml::parse(*id, text, found);
    let mut keys = EdgeFile::keys();
    keys.name = format!("edge.toml of `{name}`");
    check_table(&table, &keys, &Closed, found);
    let file: EdgeFile = read(&table);
    for (key, text) in [("summary", &file.summary), ("example", &file.example)] {
        if text.is_empty() {
            found.push(Diagnostic::error(&MISSING_KEY, format!("edge kind `{name}` has no `{key}`")).at(start, ""));
        }
    }
    let (mut route, mut edge) = (None, None);
    for (path, source, text) in files.iter().filter(|(path, ..)| path.ends_with(".j2")) {
        let template = Template { name: format!("edges/{name}/{path}"), source: *source, text: text.clone() };
        match path.as_str() {
            "route.yaml.j2" => route = Some(template),
            "edge.yaml.j2" => edge = Some(template),
            _ => found.push(
                Diagnostic::error(&BAD_COMPONENT, format!("edge kind `{name}` does not use `{path}`"))
                    .at(Span::new(*source, 0, 0), "")
                    .help("rename it to `route.yaml.j2` or `edge.yaml.j2`, or remove it"),
            ),
        }
    }
    if route.is_none() {
        found.push(
            Diagnostic::error(&BAD_COMPONENT, format!("edge kind `{name}` has no template for its routes"))
                .at(start, "")
                .help("add `route.yaml.j2` beside it"),
        );
    }
    Some(EdgeKind { name: name.into(), file, route: route?, edge })
}
