//! Certificates of routes: which Secret holds one, and the Certificates that no annotation makes.
//!
//! Facts: cert-manager.io/docs/usage (v1.21; `secretTemplate` of a Certificate: reference/api-docs).

use std::collections::BTreeMap;

use super::edges;
use crate::catalog::Stage;
use crate::catalog::edge::Certificates;
use crate::diag::{Diagnostic, Span, quoted_list};
use crate::lower::secrets::Secrets;
use crate::lower::secrets::copies;
use crate::lower::{Added, ComponentManifests, Lowered, Lowering, UNSUPPORTED};
use crate::manifest::value::Value;
use crate::parse::INVALID_VALUE;
use crate::parse::string::slug;
use crate::resolve::credentials::SecretValue;
use crate::resolve::scope::{Filled, Piece};
use crate::resolve::{Edge, Route};

/// Returns the Secret that holds the certificate of a route.
pub fn tls_secret(name: &str, edge: &Edge) -> String {
    match &edge.secret {
        Some(secret) => secret.to_string(),
        None if edge.wildcard => format!("wildcard-{}-tls", edge.name),
        None => format!("{name}-tls"),
    }
}

/// Returns the hosts of the Certificate that the template of a route has to make.
pub fn names(route: &Route, edge: &Edge) -> Option<Vec<String>> {
    let own = edge.definition.as_ref()?.certificate == Certificates::Object;
    let issued = edge.tls && edge.issuer.is_some() && edge.secret.is_none();
    (own && issued && !edge.wildcard).then(|| route.names.iter().map(String::from).collect())
}

/// Says whether routes of an edge read their certificate from a Secret of their own namespace.
pub fn read_a_secret(edge: &Edge) -> bool {
    edge.definition
        .as_ref()
        .is_some_and(|kind| kind.certificate != Certificates::Never && !kind.keeps_certificates.contains(&edge.class))
}

/// Says that people bring the certificate of an edge.
pub fn by_hand(namespace: &str, secret: &str, hosts: &[&str]) -> String {
    format!(
        "Create Secret `{namespace}/{secret}` (type `kubernetes.io/tls`) with a certificate for {}.",
        quoted_list(hosts.iter().copied(), "and")
    )
}

fn made_by(
    lowering: &Lowering<'_>,
    issuer: &str,
    namespace: &str,
    secret: &str,
    names: &[&str],
    span: Span,
) -> Vec<Lowered> {
    let api = lowering.apis.get("cert-manager.io").cloned().unwrap_or_else(|| "cert-manager.io/v1".into());
    let inputs = [
        ("api", api.into()),
        ("name", secret.into()),
        ("namespace", namespace.into()),
        ("names", Value::from(names.to_vec())),
        ("issuer", issuer.into()),
    ];
    lowering.make("certificate", inputs, span)
}

/// Adds the wildcard certificates of edges whose routes read Secrets of their own namespaces: one for each edge, in a
/// namespace that does not depend on who publishes, and copies of its Secret. An ACME server gives no more than five
/// certificates of the same names a week (letsencrypt.org/docs/rate-limits).
pub fn wildcards(lowering: &Lowering<'_>, secrets: &mut Secrets, found: &mut Vec<Diagnostic>) -> Added {
    let mut all = Vec::new();
    let target = lowering.target;
    let reflected = copies::by_reflector(lowering);
    let copied = reflected || lowering.apis.contains_key("external-secrets.io");
    for edge in target.edges.values().filter(|e| e.wildcard && e.secret.is_none() && read_a_secret(e)) {
        let Some(issuer) = &edge.issuer else { continue };
        let readers = readers(lowering, edge, found);
        let Some((_, (_, first))) = readers.first_key_value() else { continue };
        let domain = target.ground().domain.as_str();
        let wildcard = format!("*.{domain}");
        let names = [wildcard.as_str(), domain];
        let secret = tls_secret("", edge);
        if !copied {
            if readers.len() > 1 {
                found.push(alone(edge, &readers));
            }
            for (namespace, (owner, span)) in &readers {
                let certificate = made_by(lowering, issuer, namespace, &secret, &names, *span);
                all.extend(certificate.into_iter().map(|one| (owner.clone(), Stage::Release, one)));
            }
            continue;
        }
        let home = home(lowering, edge).unwrap_or_else(|| readers.keys().next().cloned().unwrap_or_default());
        // Environments of one cluster may have certificates of their own there.
        let own = if target.shared.is_some() { format!("{}-{secret}", target.name) } else { secret.clone() };
        let mut certificate = made_by(lowering, issuer, &home, &own, &names, *first);
        let others: Vec<(&String, &(String, Span))> =
            readers.iter().filter(|(namespace, _)| **namespace != home || own != secret).collect();
        if reflected && own == secret {
            let spaces: Vec<&str> = others.iter().map(|(namespace, _)| namespace.as_str()).collect();
            for (key, text) in copies::annotations(&spaces.join(",")) {
                let path = ["spec", "secretTemplate", "annotations", key.as_str()];
                for one in &mut certificate {
                    one.object.value_mut().set(&path, Value::from(text));
                }
            }
        } else {
            for (namespace, (owner, span)) in others {
                let entries = ["tls.crt", "tls.key"].map(|key| (key.to_string(), part(&home, &own, key)));
                let (kind, name) = ("kubernetes.io/tls", secret.clone());
                let mut unit = ComponentManifests::default();
                secrets.own(lowering, owner, namespace, name, entries.into(), kind, *span, &mut unit);
                all.extend(unit.stages.into_values().flatten().map(|one| (owner.clone(), Stage::Release, one)));
            }
        }
        all.extend(certificate.into_iter().map(|one| (edges::UNIT.to_string(), Stage::Release, one)));
    }
    Added { objects: all, ..Added::default() }
}

fn part(namespace: &str, secret: &str, key: &str) -> Filled {
    let value = SecretValue::Object { namespace: namespace.into(), secret: secret.into(), key: key.into() };
    Filled(vec![Piece::Secret { value, filters: vec![] }])
}

/// Returns the namespace that keeps the certificate of an edge: its own, else its controller's, else cert-manager's.
fn home(lowering: &Lowering<'_>, edge: &Edge) -> Option<String> {
    if !edge.namespace.is_empty() {
        return Some(edge.namespace.to_string());
    }
    let target = lowering.target;
    let shared = lowering.platform.shared_of(target);
    let all = || std::iter::once(target).chain(shared).flat_map(|t| t.instances.values());
    let issuer = all().find(|i| i.apis.iter().any(|api| api.starts_with("cert-manager.io/")));
    issuer.map(|i| i.namespace.clone())
}

/// Returns the namespaces in which routes read the wildcard certificate of an edge: each with the component whose unit holds
/// it, the first by name, and the place of its route.
fn readers(lowering: &Lowering<'_>, edge: &Edge, found: &mut Vec<Diagnostic>) -> BTreeMap<String, (String, Span)> {
    let domain = lowering.target.ground().domain.as_str();
    let mut readers: BTreeMap<String, (String, Span)> = BTreeMap::new();
    for instance in lowering.target.instances.values() {
        for route in instance.routes().filter(|route| route.edge == edge.name && route.tls) {
            // A wildcard stands for exactly one label (RFC 6125, section 6.4.3).
            for host in route.names.iter().filter(|h| *h != domain) {
                if host.split_once('.').is_none_or(|(_, rest)| rest != domain) {
                    let message = format!("`{host}` is not covered by the wildcard certificate `*.{domain}`");
                    let help = "publish it through an edge without `wildcard`, or use a host directly below the domain";
                    found.push(Diagnostic::error(&INVALID_VALUE, message).at(host.at, "").help(help));
                }
            }
            let here = readers.entry(instance.namespace.clone()).or_insert_with(|| (instance.name.clone(), route.span));
            if instance.name < here.0 {
                *here = (instance.name.clone(), route.span);
            }
        }
    }
    readers
}

/// Says that each namespace asks for a certificate of its own.
fn alone(edge: &Edge, readers: &BTreeMap<String, (String, Span)>) -> Diagnostic {
    let namespaces = quoted_list(readers.keys().map(String::as_str), "and");
    let message =
        format!("edge `{}` requests the same wildcard certificate {} times: in {namespaces}", edge.name, readers.len());
    Diagnostic::warning(&UNSUPPORTED, message)
        .at(edge.span, "nothing copies Secrets between namespaces here")
        .note("Let's Encrypt issues at most five certificates with the same names per week")
        .help(
            "add `external-secrets = {}` under `[components]`, or, if reflector is installed, `copy = \
        \"reflector\"` under `[secrets]`",
        )
}

/// Returns the host names that certificates of an edge itself stand for, each with the end of its name: one per host, or,
/// with a wildcard certificate, one per domain and one for the hosts directly at it.
pub fn of_edge(edge: &Edge, hosts: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for (host, domain) in hosts {
        let below = host.strip_suffix(domain.as_str()).and_then(|h| h.strip_suffix('.'));
        match below {
            Some(label) if edge.wildcard && !label.contains('.') => {
                names.insert(format!("wildcard-{}", slug(domain)), format!("*.{domain}"));
            }
            _ => {
                names.insert(slug(host), host.clone());
            }
        }
    }
    names
}
