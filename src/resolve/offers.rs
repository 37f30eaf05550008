//! What a binding gives: the fields of the provider's offer, filled in from the provider's own side.

use super::Origin;
use super::buckets::BUCKET;
use super::instances::Instance;
use super::providers::{Provider, provider};
use super::scope::{Filled, Late, Piece, plain};
use super::wire::Binding;
use crate::diag::{Diagnostic, near, quoted_list};
use crate::parse::string::{self, Part};
use crate::parse::{BAD_REFERENCE, MISSING_KEY};
use crate::settings::Text;

/// Returns a field of what a binding is bound to.
///
/// # Errors
/// When the capability has no such field, or the provider does not give it.
pub fn offered(late: &Late<'_>, binding: &Binding, field: &str) -> Result<Filled, Diagnostic> {
    let text = |text: String| Ok(Filled(vec![Piece::Text(text)]));
    if field == "provider" {
        return text(binding.provider.clone());
    }
    if let Some(value) = bucket_field(late, binding, field) {
        return text(value);
    }
    if let Some((credential, value)) = binding.credential.as_ref().and_then(|c| Some((c, c.field(field)?))) {
        late.known.note(credential.said);
        return Ok(Filled(vec![Piece::Secret { value, filters: vec![] }]));
    }
    let by_identity = binding.credential.as_ref().is_some_and(|c| c.origin == Origin::Identity);
    if by_identity && late.capability(&binding.capability).and_then(|c| c.fields.get(field)).is_some_and(|f| f.secret) {
        let message = format!("`{}` is accessed with a cloud identity, so there is no `{field}`", binding.provider);
        return Err(Diagnostic::error(&BAD_REFERENCE, message).help("leave it out: the pod's identity is enough"));
    }
    let Some(provider) = provider(late.targets, late.index, &binding.provider) else { return text(String::new()) };
    match provider.provider {
        Provider::Instance(instance) => {
            let Some(template) = provider.offer(&binding.capability).and_then(|o| o.fields.get(field)) else {
                // What was asked for is known, whether the provider repeats it or not; else the capability says what is usual.
                return by_default(late, binding, field, false);
            };
            if let Some(endpoint) = unpublished(instance, template) {
                return Err(not_published(instance, &endpoint, &binding.capability));
            }
            let at = late
                .targets
                .iter()
                .position(|t| t.instances.get(&instance.name).is_some_and(|i| std::ptr::eq(i, instance)));
            let mut found = Vec::new();
            let scope = Late {
                index: at.unwrap_or(late.index),
                claim: Some(&binding.claim),
                depth: late.depth + 1,
                item: None,
                each: None,
                secrets: None,
                held: None,
                ..Late::new(late.targets, late.index, Some(instance), late.known)
            };
            let filled = scope.fill(template, instance.definition.span, &mut found);
            found.into_iter().next().map_or(Ok(filled), Err)
        }
        Provider::External(external) if field == "host" && external.words.service.is_some() => {
            let namespace = external.words.service.as_ref().map_or("", Text::as_str);
            text(format!("{}.{namespace}.svc", provider.name))
        }
        Provider::External(external) => match external.fields.get(field).map(|entry| &entry.node) {
            Some(node) => {
                let mut found = Vec::new();
                let scope = Late { claim: Some(&binding.claim), depth: late.depth + 1, instance: None, ..*late };
                let filled = scope.fill(&plain(&node.to_value()), node.span, &mut found);
                found.into_iter().next().map_or(Ok(filled), Err)
            }
            None => by_default(late, binding, field, true),
        },
    }
}

/// Returns an endpoint whose address an offer is made of, and which nothing publishes.
fn unpublished(instance: &Instance, template: &str) -> Option<String> {
    string::split(template).into_iter().find_map(|part| match part {
        Part::Reference(reference) => match &reference.path[..] {
            [root, endpoint, _] if root == "hosts" && !instance.hosts.contains_key(endpoint) => Some(endpoint.clone()),
            _ => None,
        },
        Part::Text(_) => None,
    })
}

fn not_published(instance: &Instance, endpoint: &str, capability: &str) -> Diagnostic {
    let key = if endpoint == "main" { "host".to_string() } else { format!("hosts.{endpoint}") };
    let message = format!(
        "component `{}` needs `{key}`: it provides `{capability}` at a URL that browsers must reach",
        instance.name
    );
    Diagnostic::error(&MISSING_KEY, message)
        .at(instance.span, format!("has no `{key}`"))
        .help(format!("add `{key} = \"{}\"`", instance.name))
}

/// Returns a field that the provider says nothing of: what was claimed, or what is usual for the capability. What runs outside
/// may leave fields empty.
fn by_default(late: &Late<'_>, binding: &Binding, field: &str, outside: bool) -> Result<Filled, Diagnostic> {
    let known = late.capability(&binding.capability).and_then(|c| c.fields.get(field));
    if let Some(value) = binding.claim.get(field) {
        return Ok(Filled(vec![Piece::Text(value.clone())]));
    }
    match known {
        Some(def) => {
            let Some(text) = def.default.as_deref().or(outside.then_some("")) else {
                return Err(no_field(late, binding, field));
            };
            let mut found = Vec::new();
            let scope = Late { claim: Some(&binding.claim), depth: late.depth + 1, instance: None, ..*late };
            let filled = scope.fill(text, binding.span, &mut found);
            found.into_iter().next().map_or(Ok(filled), Err)
        }
        None => Err(no_field(late, binding, field)),
    }
}

fn no_field(late: &Late<'_>, binding: &Binding, field: &str) -> Diagnostic {
    let fields: Vec<String> =
        late.capability(&binding.capability).map(|c| c.fields.keys().cloned().collect()).unwrap_or_default();
    let diagnostic = Diagnostic::error(
        &BAD_REFERENCE,
        format!("`{}` of `{}` has no field `{field}`", binding.capability, binding.provider),
    );
    let close = near(field, fields.iter().map(String::as_str));
    if close.is_empty() {
        diagnostic.note(format!("its fields are {}", quoted_list(fields.iter().map(String::as_str), "and")))
    } else {
        diagnostic.help(format!("did you mean {}?", quoted_list(close, "or")))
    }
}

/// Returns the fields of a bucket binding that the platform knows itself.
fn bucket_field(late: &Late<'_>, binding: &Binding, field: &str) -> Option<String> {
    if binding.capability != BUCKET {
        return None;
    }
    let real = |name: &String| late.target().buckets.get(name).map(|b| b.bucket.clone());
    match field {
        "bucket" => binding.buckets.first().and_then(real),
        "buckets" => Some(binding.buckets.iter().filter_map(real).collect::<Vec<_>>().join(",")),
        "url" => binding.buckets.first().and_then(real).map(|b| format!("s3://{b}/")),
        _ => None,
    }
}
