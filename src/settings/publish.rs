//! `[edges]` and `[buckets]`.

use indexmap::IndexMap;

use super::text::{Read, Text};
use super::{Described, NAME};
use crate::parse::Node;
use crate::parse::shape::{COUNT, Shape, TEXT, either, free_map, words};
use crate::parse::text::Format;

table! {
    /// `edges.<edge>.tls` in full.
    TlsTable "`tls`" {
        issuer: Option<Text> [TEXT], "cert-manager ClusterIssuer";
        wildcard: bool [Shape::Bool] = false, "One certificate for the whole domain";
        secret: Option<Text> [TEXT], "An existing TLS Secret";
        certmap: Option<Text> [TEXT], "Certificate map (Gateway on GKE) or certificate ARN (ALB on AWS)";
    }
}

/// `edges.<edge>.tls`: off, on, or on with certificates from somewhere.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tls {
    pub on: bool,
    pub table: TlsTable,
}

impl Tls {
    /// Returns what it may be.
    pub fn shape() -> Shape {
        either([Shape::Bool, TlsTable::shape()])
    }
}

impl Read for Tls {
    fn read(node: &Node) -> Option<Self> {
        match node.as_bool() {
            Some(on) => Some(Self { on, table: TlsTable::default() }),
            None => TlsTable::read(node).map(|table| Self { on: true, table }),
        }
    }

    fn under(&mut self, key: crate::diag::Span) {
        self.table.places.key = key;
    }
}

table! {
    /// An entry of `[edges]`: a way to publish hosts.
    EdgeTable "an edge" {
        kind: Text [words(&["gateway", "ingress", "traefik", "tailscale", "route"])] = "ingress", "How hosts are published";
        class: Text [TEXT], "Ingress class; or Gateway class, and lakegen then makes the Gateway";
        name: Option<Text> [TEXT], "Name of the Gateway (default: the edge's)";
        namespace: Text [NAME], "Namespace of the Gateway or controller";
        @each hosts: Option<Text> [TEXT],
            "Template of host names: `${edge.host}` is what the component says, and `${component.…}` may be used";
        address: Option<Text> [TEXT], "Address that DNS names should have";
        tls: Tls [Tls::shape()], "Certificates";
        annotations: IndexMap<String, Text> [free_map(TEXT)], "Annotations on every route";
        default: bool [Shape::Bool] = false, "Used where several edges exist and none is named";
    }
}

table! {
    /// An entry of `[buckets]`.
    BucketTable "a bucket" {
        store: Option<Text> [Shape::Text(Format::Reference)], "Component or external that holds it, when there are several";
        namespace: Option<Text> [NAME], "Namespace of its claim";
        bucket: Option<Text> [TEXT], "Its real name (default: platform and key)";
        noncurrent_expire_days: Option<i64> [COUNT], "Days until old versions of an object go";
        expire_days: Option<i64> [COUNT], "Days until objects go";
        versioned: Option<bool> [Shape::Bool], "Whether old versions are kept (default false)";
        max_size: Option<Text> [Shape::Text(Format::Size)], "Quota in bytes";
        max_objects: Option<i64> [COUNT], "Quota in objects";
        external: Option<Text> [words(&["s3", "gcs", "azure"])], "It exists outside; the kind of store";
    }
}
