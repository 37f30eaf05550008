//! `[external.*]`: what they say of themselves, against the capabilities that they provide.

use indexmap::IndexMap;

use super::buckets::BUCKET;
use super::instances::Context;
use super::{SECRET_IN_VALUE, Target, unknown_name};
use crate::catalog::Capability;
use crate::diag::{Diagnostic, Span, near, quoted_list};
use crate::parse::shape::{Keys, Shape, TEXT, either, list, texts};
use crate::parse::text::Format;
use crate::parse::{Entry, INVALID_VALUE, Table};
use crate::settings::secrets::Given;
use crate::settings::{Described, Text, read};

table! {
    /// What every external may say, whatever it provides.
    Words "an external" {
        provides: Vec<Text> [texts(Format::Name)], "Capabilities it provides";
        credentials: Option<Given> [Given::shape()], "Source of its credentials";
        service: Option<Text> [Shape::Text(Format::Name)],
            "Name of a Service that lakegen creates for it, in the namespace of the same name";
        like: Option<Text> [Shape::Text(Format::Name)], "Another external whose table is copied as a starting point";
    }
}

/// Returns the keys of an external that provides these capabilities.
pub fn keys<'a>(capabilities: impl Iterator<Item = &'a Capability>) -> Keys {
    let fields = capabilities.flat_map(|capability| &capability.fields).filter(|(_, field)| !field.secret);
    fields.fold(Words::keys(), |keys, (name, field)| {
        let shape = match field.kind.as_str() {
            "int" => either([INTEGER, TEXT]),
            "bool" => either([Shape::Bool, TEXT]),
            _ => either([TEXT, list(TEXT)]),
        };
        keys.key(name, shape, &field.doc)
    })
}

const INTEGER: Shape = Shape::Int { min: i64::MIN, max: i64::MAX };

/// Something that is used and not run here.
#[derive(Clone, Debug)]
pub struct External {
    pub words: Words,
    /// Fields of the capabilities that it provides; they are filled in when they are asked for.
    pub fields: IndexMap<String, Entry>,
    /// The key under which it was written.
    pub span: Span,
}

impl External {
    /// Reads the merged table of an external.
    pub fn new(table: &Table, span: Span) -> Self {
        let words = Words::keys();
        let own = table.iter().filter(|(key, _)| !words.keys.contains_key(&***key));
        Self { fields: own.map(|(key, entry)| (key.to_string(), entry.clone())).collect(), words: read(table), span }
    }

    /// Says whether it provides a capability.
    pub fn provides(&self, capability: &str) -> bool {
        self.words.provides.iter().any(|name| *name == capability)
    }
}

/// Checks every external of a target.
pub fn check(target: &Target, context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for (name, external) in &target.external {
        let words = &external.words;
        if let Some(service) = &words.service
            && let Err(what) = Format::Name.check(service)
        {
            let message = format!("`service` of external `{name}` is not {what}");
            found.push(Diagnostic::error(&INVALID_VALUE, message).at(service.at, ""));
        }
        if !words.places.has("provides") {
            let span = external.span;
            found.push(
                Diagnostic::error(&crate::parse::MISSING_KEY, format!("external `{name}` has no `provides`"))
                    .at(span, "")
                    .help("add the capability, for example `provides = \"postgres\"`"),
            );
            // What no capability has is wrong whatever it provides.
            let known = || context.catalogue.capabilities.values().flat_map(|capability| capability.fields.keys());
            for (key, entry) in external.fields.iter().filter(|(key, _)| !known().any(|field| field == *key)) {
                let message = format!("no capability has a field `{key}`");
                found.push(Diagnostic::error(&crate::parse::UNKNOWN_KEY, message).at(entry.key, ""));
            }
            continue;
        }
        let at = words.places.value_of("provides");
        let capabilities = &context.catalogue.capabilities;
        for capability in &words.provides {
            let Some(known) = capabilities.get(capability.as_str()) else {
                found.push(unknown_name("capability", capability, at, capabilities.keys().map(String::as_str)));
                continue;
            };
            for (key, field) in &external.fields {
                if known.fields.get(key).is_some_and(|f| f.secret) {
                    let message = format!("`{key}` of external `{name}` is a secret and must not be in platform.toml");
                    found.push(Diagnostic::error(&SECRET_IN_VALUE, message).hidden().at(field.key, "").help(format!(
                        "store it in the secret store and name the item: `credentials = \"{name}/login\"`"
                    )));
                } else if !known.fields.contains_key(key) && words.provides.len() == 1 {
                    let diagnostic = Diagnostic::error(
                        &crate::parse::UNKNOWN_KEY,
                        format!("capability `{capability}` has no field `{key}`"),
                    )
                    .at(field.key, "");
                    let close = near(key, known.fields.keys().map(String::as_str));
                    found.push(if close.is_empty() {
                        diagnostic.note(format!(
                            "its fields are {}",
                            quoted_list(known.fields.keys().map(String::as_str), "and")
                        ))
                    } else {
                        diagnostic.help(format!("did you mean {}?", quoted_list(close, "or")))
                    });
                }
            }
            // Which bucket it is, each slot says.
            let asked = known.fields.iter().filter(|(field, _)| *capability != BUCKET || *field != "bucket");
            for (field, def) in asked {
                if !def.secret
                    && !def.optional
                    && def.default.is_none()
                    && !external.fields.contains_key(field)
                    && !known.claim.contains_key(field)
                {
                    let message = format!("external `{name}` provides `{capability}` but has no `{field}`");
                    found.push(Diagnostic::error(&crate::parse::MISSING_KEY, message).at(at, "").note(def.doc.clone()));
                }
            }
        }
    }
}
