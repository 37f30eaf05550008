//! The kinds of edges: what each makes, and which keys of an edge it heeds.

use serde_json::{Value as Json, json};

use super::page::Page;
use crate::parse::shape::Shape;
use crate::settings::Described;
use crate::settings::publish::EdgeTable;

/// A kind of edge.
struct Kind {
    name: &'static str,
    /// What it makes of a published host.
    makes: &'static str,
    /// Keys that it heeds, beside those of every edge.
    keys: &'static [&'static str],
    toml: &'static str,
}

/// Keys that every kind heeds.
const EVERY: &[&str] = &["hosts", "address", "annotations", "default", "tls"];

/// Returns the kinds of edges that there are.
fn kinds() -> &'static [Kind] {
    &[
        Kind {
            name: "gateway",
            makes: "an HTTPRoute at a Gateway; with `class`, the Gateway and its certificates too",
            keys: &["class", "name", "namespace", "tls.issuer", "tls.wildcard", "tls.secret", "tls.certmap"],
            toml: "[edges.web]\nkind = \"gateway\"\nclass = \"istio\"\nnamespace = \"istio-ingress\"\ntls = { issuer = \"letsencrypt\", wildcard = true }\n",
        },
        Kind {
            name: "ingress",
            makes: "an Ingress of a class",
            keys: &["class", "namespace", "tls.issuer", "tls.wildcard", "tls.secret", "tls.certmap"],
            toml: "[edges.web]\nkind = \"ingress\"\nclass = \"nginx\"\ntls = { issuer = \"letsencrypt\" }\n",
        },
        Kind {
            name: "traefik",
            makes: "an IngressRoute of Traefik, with its certificate",
            keys: &["class", "namespace", "tls.issuer", "tls.wildcard", "tls.secret"],
            toml: "[edges.web]\nkind = \"traefik\"\ntls = { issuer = \"letsencrypt\" }\n",
        },
        Kind {
            name: "tailscale",
            makes: "an Ingress of Tailscale's operator: a machine of the tailnet, with its own certificate",
            keys: &["class", "namespace"],
            toml: "[edges.tailnet]\nkind = \"tailscale\"\nclass = \"tailscale\"\nhosts = \"${edge.host}.tail1234.ts.net\"\ntls = true\n",
        },
        Kind {
            name: "route",
            makes: "a Route of OpenShift",
            keys: &["namespace", "tls.issuer", "tls.secret"],
            toml: "[edges.web]\nkind = \"route\"\ntls = true\n",
        },
    ]
}

/// Returns the page of all kinds.
pub fn text() -> String {
    let mut page = Page::default();
    page.table(kinds().iter().map(|kind| [kind.name.to_string(), kind.makes.to_string()]));
    for kind in kinds() {
        page.section(kind.name, keys(kind).into_iter().map(|(name, doc)| [name, doc]));
        page.line("");
        kind.toml.lines().for_each(|line| page.line(format!("  {line}")));
    }
    page.text()
}

/// Returns all kinds as JSON.
pub fn json() -> Json {
    let one = |kind: &Kind| json!({"name": kind.name, "makes": kind.makes, "keys": keys(kind).into_iter().map(|(name, _)| name).collect::<Vec<_>>(), "toml": kind.toml});
    kinds().iter().map(one).collect()
}

/// Returns the keys that a kind heeds, with what the language says of each.
fn keys(kind: &Kind) -> Vec<(String, String)> {
    let table = EdgeTable::keys();
    let doc = |path: &str| match path.split_once('.') {
        None => table.keys.get(path).map(|key| key.doc.clone()),
        Some((outer, inner)) => within(&table.keys.get(outer)?.shape, inner),
    };
    let all = kind.keys.iter().chain(EVERY);
    all.map(|path| ((*path).to_string(), doc(path).unwrap_or_default())).collect()
}

/// Returns the doc of a key inside a table that may also be something else.
fn within(shape: &Shape, key: &str) -> Option<String> {
    match shape {
        Shape::Table(keys) => keys.keys.get(key).map(|key| key.doc.clone()),
        Shape::Either(shapes) => shapes.iter().find_map(|shape| within(shape, key)),
        _ => None,
    }
}
