//! What stands inside the tables of component.toml: claims, credentials, options within options.
//!
//! Their keys depend on a capability or go any depth, so the fixed description in `language` cannot list them.

use std::sync::Arc;

use indexmap::IndexMap;

use super::BAD_COMPONENT;
use super::component::Capability;
use super::language::{Closed, option};
use crate::diag::{Diagnostic, Span, near, quoted_list};
use crate::parse::node::Lookup;
use crate::parse::shape::{Keys, TEXT, check_table, free_map, words};
use crate::parse::{Node, Table};

/// Checks the nested tables of a component.toml.
pub fn check(name: &str, table: &Table, capabilities: &IndexMap<String, Arc<Capability>>, found: &mut Vec<Diagnostic>) {
    for (slot, entry) in table.table("requires").into_iter().flatten() {
        if let Some(def) = entry.node.as_table() {
            check_claim(name, slot, def, capabilities, found);
        }
    }
    for (capability, entry) in table.table("provides").into_iter().flatten() {
        let Some(credential) = entry.node.as_table().and_then(|t| t.node("credential")) else { continue };
        check_credential(capability, credential, capabilities.get(&**capability), found);
    }
    for (secret, entry) in table.table("secrets").into_iter().flatten() {
        let named = entry.node.as_table().is_some_and(|def| def.contains_key("name"));
        if matches!(&**secret, "env" | "files") && !named {
            let message = format!(
                "secret `{secret}` of `{name}` has a reserved name: lakegen creates a Secret of that name for the \
                user's `{secret}`"
            );
            let help = format!(
                "rename it, for example to `[secrets.settings]`, or add `name = \"${{component.name}}-own-{secret}\"`"
            );
            found.push(Diagnostic::error(&BAD_COMPONENT, message).at(entry.key, "").help(help));
        }
    }
    for (_, entry) in table.table("options").into_iter().flatten() {
        if let Some(def) = entry.node.as_table() {
            check_option(def, found);
        }
    }
}

/// A field that no capability of the slot can be asked for would be dropped without a word.
fn check_claim(
    name: &str,
    slot: &str,
    def: &Table,
    capabilities: &IndexMap<String, Arc<Capability>>,
    found: &mut Vec<Diagnostic>,
) {
    let known: Vec<&Capability> =
        def.texts("capability").into_iter().filter_map(|name| capabilities.get(name)).map(AsRef::as_ref).collect();
    if known.is_empty() {
        return; // A slot without a capability that exists was reported.
    }
    for (field, entry) in def.table("claim").into_iter().flatten() {
        if known.iter().any(|capability| capability.claim.contains_key(&**field)) {
            continue;
        }
        let of = quoted_list(known.iter().map(|c| c.name.as_str()), "or");
        let message = format!("slot `{slot}` of `{name}` claims `{field}`, but a claim on {of} has no such field");
        let fields: Vec<&str> = known.iter().flat_map(|c| c.claim.keys().map(String::as_str)).collect();
        found.push(with_names(Diagnostic::error(&BAD_COMPONENT, message).at(entry.key, ""), field, &fields));
    }
}

fn check_credential(capability: &str, credential: &Node, known: Option<&Arc<Capability>>, found: &mut Vec<Diagnostic>) {
    let Some(table) = credential.as_table() else {
        let message = format!("`credential` of `{capability}` must be a table");
        found.push(Diagnostic::error(&BAD_COMPONENT, message).at(credential.span, ""));
        return;
    };
    check_table(table, &credential_keys(), &Closed, found);
    let Some(known) = known else { return };
    let secret: Vec<&str> = known.fields.iter().filter(|(_, f)| f.secret).map(|(name, _)| name.as_str()).collect();
    for (field, entry) in table.table("keys").into_iter().flatten().filter(|(field, _)| !secret.contains(&&***field)) {
        let message = format!("capability `{capability}` has no secret field `{field}`");
        found.push(with_names(Diagnostic::error(&BAD_COMPONENT, message).at(entry.key, ""), field, &secret));
    }
}

/// Returns the keys of `[provides.<capability>.credential]`.
fn credential_keys() -> Keys {
    Keys::new("`credential`")
        .key("source", words(&["store", "generate", "made"]), "Its source (default store)")
        .key("secret", TEXT, "Secret in this component's namespace that holds it (default `${release}-${claim.role}`)")
        .key("keys", free_map(TEXT), "Secret field of the capability → key in that Secret")
        .key("text", free_map(TEXT), "Further keys of that Secret, with fixed text")
        .key("labels", free_map(TEXT), "Labels of that Secret")
        .key("type", TEXT, "Type of that Secret (default `Opaque`)")
}

/// Checks an option's pattern and the options inside it.
fn check_option(def: &Table, found: &mut Vec<Diagnostic>) {
    if let Some(node) = def.node("pattern")
        && let Some(Err(_)) = node.as_str().map(regex::Regex::new)
    {
        let message = format!("`{}` is not a valid regular expression", node.as_str().unwrap_or_default());
        found.push(Diagnostic::error(&BAD_COMPONENT, message).at(node.span, ""));
    }
    for (inner, entry) in def.table("keys").into_iter().flatten() {
        match entry.node.as_table() {
            Some(table) => {
                check_table(table, &option(), &Closed, found);
                check_option(table, found);
            }
            None => found.push(not_an_option(inner, entry.node.span)),
        }
    }
}

fn not_an_option(name: &str, at: Span) -> Diagnostic {
    Diagnostic::error(&BAD_COMPONENT, format!("key `{name}` defines an option and must be a table"))
        .at(at, "")
        .help(format!("write `{name} = {{ type = \"string\", doc = \"…\" }}`"))
}

/// Adds the near names, or all there are.
fn with_names(diagnostic: Diagnostic, wrong: &str, names: &[&str]) -> Diagnostic {
    let near = near(wrong, names.iter().copied());
    if near.is_empty() {
        let all = if names.is_empty() { "none".into() } else { quoted_list(names.iter().copied(), "and") };
        return diagnostic.note(format!("available: {all}"));
    }
    diagnostic.help(format!("did you mean {}?", quoted_list(near, "or")))
}
