//! Services in front of what runs elsewhere: `external.<name>.service = "<namespace>"`.
//!
//! A host name becomes a Service of type ExternalName; an address becomes a Service without selector with an EndpointSlice,
//! because ExternalName takes names only (kubernetes.io/docs/concepts/services-networking/service, "ExternalName" and
//! "Services without selectors"). What is bound to the external then uses the Service's name, so that a move of the outside
//! is a change of one line. The unit is `externals`.

use std::net::IpAddr;

use crate::catalog::Stage;
use crate::diag::{Diagnostic, Span};
use crate::lower::{Added, ComponentManifests, Lowered, Lowering};
use crate::manifest::value::Value;
use crate::parse::{INVALID_VALUE, MISSING_KEY};
use crate::resolve::scope::Late;
use crate::resolve::{External, Instance, Target};

/// Name of the unit.
pub const UNIT: &str = crate::resolve::reserved::EXTERNALS;

/// Returns the externals that want a Service: name, namespace, and where that was written.
pub fn services(target: &Target) -> impl Iterator<Item = (&str, &str, Span)> {
    target.external.iter().filter_map(|(name, external)| {
        let namespace = external.words.service.as_ref()?;
        Some((name.as_str(), namespace.as_str(), namespace.at))
    })
}

/// Says what people must make outside for a component: nothing here could.
pub fn claims(target: &Target, instance: &Instance) -> Vec<String> {
    let bindings = instance.bindings.values().flat_map(|bound| bound.all());
    let outside = bindings.filter(|b| target.external.contains_key(&b.provider));
    let notes = outside.filter_map(|binding| {
        let real = |key: &String| target.buckets.get(key).map(|b| format!("bucket `{}`", b.bucket));
        let known = binding.claim.iter().filter(|(_, value)| !value.is_empty() && *value != "[]");
        let fields = known.map(|(field, value)| format!("{field} `{value}`"));
        let wanted: Vec<String> = binding.buckets.iter().filter_map(real).chain(fields).collect();
        (!wanted.is_empty())
            .then(|| format!("`{}` is outside the platform. Create there: {}.", binding.provider, wanted.join(", ")))
    });
    notes.collect()
}

/// Adds the unit with the Service of every external that asks for one.
pub fn add(lowering: &Lowering<'_>, found: &mut Vec<Diagnostic>) -> Added {
    let mut unit = ComponentManifests::default();
    for (name, namespace, span) in services(lowering.target) {
        let external = &lowering.target.external[name];
        let Some(node) = external.fields.get("host").map(|entry| &entry.node) else {
            let message = format!("external `{name}` has a `service` but no `host`");
            found.push(
                Diagnostic::error(&MISSING_KEY, message)
                    .at(span, "the Service needs a host to point to")
                    .help(format!("add `host = \"{name}.example.com\"`, or remove `service`")),
            );
            continue;
        };
        let late = Late::new(&lowering.platform.targets, lowering.index, None, lowering.known);
        let host = late.fill(node.as_str().unwrap_or_default(), node.span, found).plain().unwrap_or_default();
        let objects = match host.parse::<IpAddr>() {
            Ok(address) => address_service(lowering, name, namespace, address, external, span, found),
            Err(_) => lowering.make(
                "external",
                [("name", name.into()), ("namespace", namespace.into()), ("host", host.into())],
                span,
            ),
        };
        unit.stages.entry(Stage::Release).or_default().extend(objects);
    }
    Added::unit(UNIT, unit)
}

/// Returns a Service without selector, and the EndpointSlice that says where it leads.
fn address_service(
    lowering: &Lowering<'_>,
    name: &str,
    namespace: &str,
    address: IpAddr,
    external: &External,
    span: Span,
    found: &mut Vec<Diagnostic>,
) -> Vec<Lowered> {
    // The capability's own port counts where the external says none.
    let capabilities = &lowering.platform.catalogue.capabilities;
    let usual = || {
        let mut known = external.words.provides.iter().filter_map(|c| capabilities.get(c.as_str()));
        known.find_map(|c| c.fields.get("port")?.default.as_ref()?.parse().ok())
    };
    let written = external.fields.get("port").map(|entry| &entry.node);
    let port = written.map_or_else(usual, |node| node.as_int().or_else(|| node.as_str()?.parse().ok()));
    let Some(port) = port.filter(|port| (1..=65535).contains(port)) else {
        let diagnostic = match written {
            Some(node) => {
                Diagnostic::error(&INVALID_VALUE, "a port must be a number from 1 to 65535").at(node.span, "")
            }
            None => Diagnostic::error(&MISSING_KEY, format!("the Service of external `{name}` needs a port"))
                .at(span, "its host is an IP address")
                .help("add `port = 5432`, or use a host name instead of the IP address"),
        };
        found.push(diagnostic);
        return vec![];
    };
    let family = if address.is_ipv4() { "IPv4" } else { "IPv6" };
    let inputs = [
        ("name", name.into()),
        ("namespace", namespace.into()),
        ("host", Value::Null),
        ("port", port.into()),
        ("family", family.into()),
        ("address", Value::from(address.to_string())),
    ];
    lowering.make("external", inputs, span)
}
