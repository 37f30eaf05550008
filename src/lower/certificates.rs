//! Certificates of routes: which Secret holds one, and the Certificates that no annotation makes.
//!
//! Facts: cert-manager.io/docs/usage (v1.21).

use super::templates::object;
use super::{Lowered, Lowering, made};
use crate::diag::Diagnostic;
use crate::manifest::value::Value;
use crate::parse::INVALID_VALUE;
use crate::resolve::{Edge, Instance, Published};

/// Returns the Secret that holds the certificate of a route.
pub fn tls_secret(name: &str, edge: &Edge) -> String {
    match &edge.secret {
        Some(secret) => secret.to_string(),
        None if edge.wildcard => format!("wildcard-{}-tls", edge.name),
        None => format!("{name}-tls"),
    }
}

/// Returns the certificate of a route that cert-manager does not make from an annotation: those count on Ingress and
/// Gateway only (cert-manager.io/docs/usage, v1.21), and give each Ingress a certificate of its own.
///
/// An Ingress reads Secrets of its own namespace, so a wildcard certificate is made once in each, with the route of the
/// component that comes first there by name.
pub fn certificate(
    lowering: &Lowering<'_>,
    instance: &Instance,
    endpoint: &str,
    published: &Published,
    edge: &Edge,
    found: &mut Vec<Diagnostic>,
) -> Option<Lowered> {
    let (Some(issuer), None, true) = (&edge.issuer, &edge.secret, published.tls) else { return None };
    let kind = edge.kind.as_str();
    if !(kind == "traefik" || (kind == "ingress" && edge.wildcard)) {
        return None;
    }
    let name = if endpoint == "main" { instance.name.clone() } else { format!("{}-{endpoint}", instance.name) };
    let secret = tls_secret(&name, edge);
    let names = if edge.wildcard {
        wildcard_names(lowering, instance, endpoint, published, found)?
    } else {
        published.names.clone()
    };
    let reference = object([
        ("group", Value::from("cert-manager.io")),
        ("kind", Value::from("ClusterIssuer")),
        ("name", Value::from(issuer.as_str())),
    ]);
    let names = Value::from(names);
    let spec = object([("secretName", Value::from(secret.as_str())), ("dnsNames", names), ("issuerRef", reference)]);
    let api = lowering.apis.get("cert-manager.io").cloned().unwrap_or_else(|| "cert-manager.io/v1".into());
    Some(made(&api, "Certificate", &instance.namespace, &secret, [("spec", spec)], published.span))
}

/// Returns the names of a namespace's wildcard certificate; `None` when another route brings it.
fn wildcard_names(
    lowering: &Lowering<'_>,
    instance: &Instance,
    endpoint: &str,
    published: &Published,
    found: &mut Vec<Diagnostic>,
) -> Option<Vec<String>> {
    let target = lowering.target;
    let domain = &target.ground().domain;
    // A wildcard stands for exactly one label (RFC 6125, section 6.4.3).
    for host in published.names.iter().filter(|h| *domain != h.as_str()) {
        if host.split_once('.').is_none_or(|(_, rest)| *domain != rest) {
            let message = format!("`{host}` is not covered by the wildcard certificate `*.{domain}`");
            let help = "publish it through an edge without `wildcard`, or name it directly below the domain";
            found.push(Diagnostic::error(&INVALID_VALUE, message).at(published.span, "").help(help));
        }
    }
    let mut routes: Vec<(&str, &str)> = target
        .instances
        .values()
        .filter(|other| other.namespace == instance.namespace)
        .flat_map(|other| other.hosts.iter().map(move |(endpoint, p)| (other.name.as_str(), endpoint.as_str(), p)))
        .filter(|(_, _, p)| p.edge == published.edge && p.tls)
        .map(|(name, endpoint, _)| (name, endpoint))
        .collect();
    routes.sort_unstable();
    (routes.first() == Some(&(&instance.name, endpoint))).then(|| vec![format!("*.{domain}"), domain.to_string()])
}
