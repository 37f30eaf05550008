//! Capabilities: what can be needed and given.

use serde_json::{Value as Json, json};

use super::page::Page;
use crate::catalog::{Capability, Catalogue};

/// Returns all capabilities in a list.
pub fn list(catalogue: &Catalogue) -> String {
    let mut page = Page::default();
    page.table(
        sorted(catalogue).into_iter().map(|c| [c.name.clone(), c.summary.clone(), providers(c, catalogue).join(", ")]),
    );
    page.text()
}

/// Returns all capabilities as JSON.
pub fn json(catalogue: &Catalogue) -> Json {
    sorted(catalogue).into_iter().map(|c| whole(c, catalogue)).collect()
}

/// Returns the page of a capability.
pub fn show(capability: &Capability, catalogue: &Catalogue) -> String {
    let mut page = Page::default();
    page.line(format!("{} (capability): {}", capability.name, capability.summary));
    let claim = capability.claim.iter().map(|(name, field)| {
        let default = field.default.as_ref().map_or_else(String::new, |text| format!("= \"{text}\""));
        [name.clone(), default, field.doc.clone()]
    });
    page.section("what a consumer can ask for", claim);
    let fields = capability.fields.iter().map(|(name, field)| {
        let kind = match (field.secret, field.optional, field.default.as_deref()) {
            (true, ..) => "secret".to_string(),
            (_, true, _) => format!("{}, optional", field.kind),
            (_, _, Some(default)) => format!("{} = \"{default}\"", field.kind),
            _ => field.kind.clone(),
        };
        [name.clone(), kind, field.doc.clone()]
    });
    page.section("what it receives: `${requires.<slot>.<field>}`", fields);
    page.section(
        "provided by",
        [[providers(capability, catalogue).join(", ")]].into_iter().filter(|row| !row[0].is_empty()),
    );
    page.section(
        "required by",
        [[consumers(capability, catalogue).join(", ")]].into_iter().filter(|row| !row[0].is_empty()),
    );
    page.line("");
    page.line("in platform.toml, for an external system:");
    for line in external(capability).lines() {
        page.line(format!("  {line}"));
    }
    page.text()
}

/// Returns a capability as JSON.
pub fn whole(capability: &Capability, catalogue: &Catalogue) -> Json {
    let claim: serde_json::Map<String, Json> = capability
        .claim
        .iter()
        .map(|(name, field)| {
            (name.clone(), json!({"default": field.default, "pattern": field.pattern, "doc": field.doc}))
        })
        .collect();
    let fields: serde_json::Map<String, Json> = capability
        .fields
        .iter()
        .map(|(name, field)| {
            let about = json!({
                "type": field.kind, "default": field.default, "secret": field.secret, "optional": field.optional, "doc": field.doc,
            });
            (name.clone(), about)
        })
        .collect();
    json!({
        "name": capability.name,
        "summary": capability.summary,
        "claim": claim,
        "fields": fields,
        "providers": providers(capability, catalogue),
        "consumers": consumers(capability, catalogue),
        "toml": external(capability),
    })
}

fn sorted(catalogue: &Catalogue) -> Vec<&Capability> {
    let mut all: Vec<&Capability> = catalogue.capabilities.values().map(AsRef::as_ref).collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

fn providers<'a>(capability: &Capability, catalogue: &'a Catalogue) -> Vec<&'a str> {
    let gives = catalogue.components.values().filter(|c| c.provides.contains_key(&capability.name));
    gives.map(|c| c.name.as_str()).collect()
}

fn consumers<'a>(capability: &Capability, catalogue: &'a Catalogue) -> Vec<&'a str> {
    let needs = catalogue
        .components
        .values()
        .filter(|c| c.requires.values().any(|slot| slot.capabilities.contains(&capability.name)));
    needs.map(|c| c.name.as_str()).collect()
}

/// Returns the table of something that runs elsewhere and provides this.
fn external(capability: &Capability) -> String {
    let mut out = format!("[external.my-{}]\nprovides = \"{0}\"\n", capability.name);
    let open = capability.fields.iter().filter(|(name, f)| !f.secret && !capability.claim.contains_key(*name));
    for (name, field) in
        open.filter(|(name, _)| capability.name != crate::resolve::buckets::BUCKET || *name != "bucket")
    {
        let off = if field.optional || field.default.is_some() { "# " } else { "" };
        let value = match (field.default.as_deref(), field.kind.as_str()) {
            (Some(default), "int" | "bool") => default.to_string(),
            (Some(default), _) => format!("\"{default}\""),
            (None, "int") => "443".into(),
            (None, "bool") => "true".into(),
            (None, _) if name.ends_with("host") => "\"host.example.com\"".into(),
            (None, _) if ["url", "uri", "endpoint", "issuer"].iter().any(|end| name.ends_with(end)) => {
                "\"https://host.example.com\"".into()
            }
            (None, _) => "\"…\"".into(),
        };
        out.push_str(&format!("{off}{name} = {value}  # {}\n", field.doc));
    }
    if capability.fields.values().any(|field| field.secret) {
        out.push_str(&format!("credentials = \"my-{}/login\"  # item in the secret store\n", capability.name));
    }
    out
}
