//! `[external.*]`: what they say of themselves, against the capabilities that they provide.

use super::buckets::BUCKET;
use super::instances::Context;
use super::{Target, unknown_name};
use crate::diag::{Diagnostic, Span, near, quoted_list};
use crate::parse::INVALID_VALUE;
use crate::parse::node::Lookup;
use crate::parse::text::Format;

/// Checks every external of a target.
pub fn check(target: &Target, context: &Context<'_>, found: &mut Vec<Diagnostic>) {
    for (name, table) in &target.external {
        let at = |key: &str| table.get(key).map(|e| e.node.span);
        if let Some(node) = table.node("service")
            && let Err(what) = Format::Name.check(node.as_str().unwrap_or_default())
        {
            let message = format!("`service` of external `{name}` is not {what}");
            found.push(Diagnostic::error(&INVALID_VALUE, message).at(node.span, ""));
        }
        let Some(entry) = table.get("provides") else {
            let span = table.values().next().map_or(Span::default(), |e| e.key);
            found.push(
                Diagnostic::error(
                    &crate::parse::MISSING_KEY,
                    format!("external `{name}` does not say what it `provides`"),
                )
                .at(span, "")
                .help("add for example `provides = \"postgres\"`"),
            );
            continue;
        };
        let capabilities = &context.catalogue.capabilities;
        for capability in table.texts("provides") {
            let Some(known) = capabilities.get(capability) else {
                found.push(unknown_name(
                    "capability",
                    capability,
                    entry.node.span,
                    capabilities.keys().map(String::as_str),
                ));
                continue;
            };
            for (key, field) in
                table.iter().filter(|(key, _)| !["provides", "credentials", "service", "like"].contains(&&***key))
            {
                if known.fields.get(&**key).is_some_and(|f| f.secret) {
                    let message =
                        format!("`{key}` of external `{name}` is a secret: it does not belong in platform.toml");
                    found.push(
                        Diagnostic::error(&crate::lower::SECRET_IN_VALUE, message).hidden().at(field.key, "").help(
                            format!("put it into the secret store and name the item: `credentials = \"{name}/login\"`"),
                        ),
                    );
                } else if !known.fields.contains_key(&**key) && table.texts("provides").len() == 1 {
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
            let asked = known.fields.iter().filter(|(field, _)| capability != BUCKET || *field != "bucket");
            for (field, def) in asked {
                if !def.secret
                    && !def.optional
                    && def.default.is_none()
                    && at(field).is_none()
                    && !known.claim.contains_key(field)
                {
                    let message = format!("external `{name}` provides `{capability}` without its field `{field}`");
                    found.push(
                        Diagnostic::error(&crate::parse::MISSING_KEY, message)
                            .at(entry.node.span, "")
                            .note(def.doc.clone()),
                    );
                }
            }
        }
    }
}
