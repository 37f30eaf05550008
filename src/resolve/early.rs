//! `${…}` with **early** names filled in: what is known of a target before anything is bound. They may stand everywhere, names,
//! hosts and namespaces included.

use super::scope::{no_such, plain};
use super::{Ground, LATE_REFERENCE};
use crate::diag::{Diagnostic, Sources, Span, quoted_list};
use crate::manifest::value::Map;
use crate::parse::string::{self, Part, Reference};
use crate::parse::{BAD_REFERENCE, Node};
use crate::settings::Text;

/// First words that only mean something once everything is bound.
const LATE: &[&str] = &[
    "requires",
    "secrets",
    "options",
    "hosts",
    "components",
    "buckets",
    "fullname",
    "version",
    "claim",
    "item",
    "each",
];

/// First words that are always known early.
const ALWAYS: &[&str] = &["vars", "platform", "environment", "cluster", "target"];

/// The names of a component that are known early.
#[derive(Clone, Copy)]
pub struct EarlyName<'a> {
    pub name: &'a str,
    /// Empty while it is not known yet.
    pub namespace: &'a str,
    /// Empty while it is not known yet.
    pub release: &'a str,
}

/// Everything that early references may name.
#[derive(Clone, Copy)]
pub struct Early<'a> {
    pub ground: &'a Ground,
    /// Names of the environment, the cluster and the target.
    pub names: [&'a str; 3],
    pub vars: &'a Map,
    pub component: Option<EarlyName<'a>>,
    /// Names that only mean something here, such as `edge.host`, with what they stand for.
    pub here: &'a [(&'a str, &'a str)],
}

impl<'a> Early<'a> {
    /// Returns the same with a component's names.
    #[must_use]
    pub fn of(self, component: EarlyName<'a>) -> Self {
        Self { component: Some(component), ..self }
    }

    /// Returns the same with names that only mean something here.
    #[must_use]
    pub fn with(self, here: &'a [(&'a str, &'a str)]) -> Self {
        Self { here, ..self }
    }

    /// Fills in a text that a user wrote.
    pub fn text(&self, text: &Text, sources: &Sources, found: &mut Vec<Diagnostic>) -> String {
        self.fill(text, text.at, sources, found)
    }

    /// Fills in the string of a node; nothing when it is none.
    pub fn node(&self, node: &Node, sources: &Sources, found: &mut Vec<Diagnostic>) -> String {
        node.as_str().map_or_else(String::new, |text| self.fill(text, node.span, sources, found))
    }

    /// Fills in a string that was written at `at`.
    pub fn fill(&self, text: &str, at: Span, sources: &Sources, found: &mut Vec<Diagnostic>) -> String {
        if !text.contains("${") {
            return text.to_string();
        }
        let mut out = String::new();
        for part in string::split(text) {
            match part {
                Part::Text(text) => out.push_str(&text),
                Part::Reference(reference) => {
                    match self.value(&reference).and_then(|value| filtered(&value, &reference)) {
                        Ok(value) => out.push_str(&value),
                        Err(diagnostic) => found.push(located(diagnostic, &reference, at, sources)),
                    }
                }
            }
        }
        out
    }

    /// Says whether every reference of a string can be filled in here.
    pub fn knows_all(&self, text: &str) -> bool {
        string::split(text).iter().all(|part| match part {
            Part::Text(_) => true,
            Part::Reference(reference) => {
                let first = reference.path.first().map_or("", String::as_str);
                ALWAYS.contains(&first) || (first == "component" && self.value(reference).is_ok())
            }
        })
    }

    fn value(&self, reference: &Reference) -> Result<String, Diagnostic> {
        let path: Vec<&str> = reference.path.iter().map(String::as_str).collect();
        let known = |text: &str| Ok(text.to_string());
        let written = path.join(".");
        if let Some((_, value)) = self.here.iter().find(|(name, _)| *name == written) {
            return known(value);
        }
        match (&path[..], self.component) {
            (["component", "name"], Some(c)) => known(c.name),
            (["component", "namespace"] | ["namespace"], Some(c)) if !c.namespace.is_empty() => known(c.namespace),
            (["component", "release"] | ["release"], Some(c)) if !c.release.is_empty() => known(c.release),
            _ => self.common(&path).unwrap_or_else(|| Err(self.not_early(&path))),
        }
    }

    /// Resolves the names that are known in both phases; `None` when the root is another one.
    pub fn common(&self, path: &[&str]) -> Option<Result<String, Diagnostic>> {
        let known = |text: &str| Some(Ok(text.to_string()));
        let [environment, cluster, target] = self.names;
        match path {
            ["platform", "name"] => known(&self.ground.name),
            ["platform", "domain"] => known(&self.ground.domain),
            ["platform", "kubernetes"] => known(&self.ground.kubernetes),
            ["platform", "engine"] => known(self.ground.engine.name()),
            ["platform", "cloud"] => known(&self.ground.cloud),
            ["environment", "name"] => known(environment),
            ["cluster", "name"] => known(cluster),
            ["target", "name"] => known(target),
            ["vars", name] => match self.vars.get(*name) {
                Some(value) => known(&plain(value)),
                None => Some(Err(no_such("variable", name, self.vars.keys().map(|k| &**k)))),
            },
            ["platform" | "environment" | "cluster" | "target" | "vars", rest @ ..] => {
                let fields: &[&str] = if path[0] == "platform" {
                    &["name", "domain", "kubernetes", "engine", "cloud"]
                } else {
                    &["name"]
                };
                Some(Err(no_such(&format!("field of `{}`", path[0]), &rest.join("."), fields.iter().copied())))
            }
            _ => None,
        }
    }

    fn not_early(&self, path: &[&str]) -> Diagnostic {
        let written = path.join(".");
        if path.first().is_some_and(|first| LATE.contains(first)) {
            return Diagnostic::error(
                &LATE_REFERENCE,
                format!(
                    "`{written}` cannot be used here: it is only known \
            after wiring"
                ),
            )
            .note(
                "names, hosts and namespaces can use `vars`, `platform`, `environment`, `cluster`, `target` and \
                `component.name`",
            );
        }
        let diagnostic = Diagnostic::error(&BAD_REFERENCE, format!("unknown reference `{written}`"));
        match self.here {
            [] => diagnostic,
            here => {
                diagnostic.note(format!("available here: {}", quoted_list(here.iter().map(|(name, _)| *name), "and")))
            }
        }
    }
}

/// Places a finding about a reference at its `${…}`.
pub(super) fn located(diagnostic: Diagnostic, reference: &Reference, at: Span, sources: &Sources) -> Diagnostic {
    diagnostic.at(string::span_of(reference, at, sources.text(at.source)), "")
}

/// Sends a value through the filters of a reference.
pub(super) fn filtered(value: &str, reference: &Reference) -> Result<String, Diagnostic> {
    reference.filters.iter().try_fold(value.to_string(), |text, name| {
        string::filter(name, &text).ok_or_else(|| {
            let all = quoted_list(string::FILTERS.iter().copied(), "and");
            Diagnostic::error(&BAD_REFERENCE, format!("there is no filter `{name}`"))
                .note(format!("available filters: {all}"))
        })
    })
}
