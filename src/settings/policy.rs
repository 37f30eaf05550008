//! `[policy]`.

use indexmap::IndexMap;

use super::text::{Places, Read, Text, field};
use super::{Described, text};
use crate::diag::{Code, Diagnostic, Level};
use crate::parse::Node;
use crate::parse::shape::{Keys, TEXT, list, words};

words! {
    /// How bad a finding is.
    PolicyLevel {
        Off = "off",
        Warn = "warn",
        Error = "error",
    }
}

words! {
    /// Which NetworkPolicies are made.
    Network {
        Off = "off",
        Bindings = "bindings",
    }
}

table! {
    /// `[[policy.allow]]`.
    Allow "`[[policy.allow]]`" {
        rule: Option<Text> [TEXT], "Slug of the rule";
        resource: Option<Text> [TEXT], "Component, or `Kind/name`; globs allowed";
        reason: Option<Text> [TEXT], "Why the exception is justified";
        until: Option<Text> [TEXT], "Date after which it should be reviewed";
    }
}

/// `[policy]`: a level per check, whose names are keys of this table, and the rest.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    /// Slug → level, where one was written.
    pub levels: IndexMap<String, PolicyLevel>,
    pub network: Network,
    pub allow: Vec<Allow>,
    pub places: Places,
}

impl Policy {
    /// Returns what the table may hold, given all checks.
    pub fn keys(codes: &[&'static Code]) -> Keys {
        codes
            .iter()
            .fold(Keys::new("`[policy]`"), |keys, code| keys.key(code.slug, words(PolicyLevel::WORDS), code.summary))
            .key("network", words(Network::WORDS), "`bindings`: NetworkPolicies that allow only bound consumers")
            .by_default("off")
            .key("allow", list(Allow::shape()), "Exceptions")
    }

    /// Gives a finding the level that was written for its code; nothing when it is off.
    pub fn level(&self, mut diagnostic: Diagnostic) -> Option<Diagnostic> {
        match self.levels.get(diagnostic.code.slug) {
            Some(PolicyLevel::Off) => return None,
            Some(PolicyLevel::Warn) => diagnostic.level = Level::Warning,
            Some(PolicyLevel::Error) => diagnostic.level = Level::Error,
            None => {}
        }
        Some(diagnostic)
    }

    /// Does the same with warnings of the stages before `check`; what is an error there stays one.
    pub fn level_warnings(&self, found: Vec<Diagnostic>) -> impl Iterator<Item = Diagnostic> {
        found.into_iter().filter_map(|d| if d.level == Level::Warning { self.level(d) } else { Some(d) })
    }
}

impl Read for Policy {
    fn read(node: &Node) -> Option<Self> {
        let table = node.as_table()?;
        let levels = table.iter().filter_map(|(key, entry)| Some((key.to_string(), PolicyLevel::read(&entry.node)?)));
        Some(Self {
            // `network = "off"` reads as a level too; no check has that name.
            levels: levels.filter(|(key, _)| key != "network").collect(),
            network: field(table, "network", None),
            allow: field(table, "allow", None),
            places: Places::of(table, node.span),
        })
    }

    fn absent() -> Option<Self> {
        Self::read(&text::empty_table())
    }

    fn under(&mut self, key: crate::diag::Span) {
        self.places.key = key;
    }
}
