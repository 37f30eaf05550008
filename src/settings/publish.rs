//! `[edges]` and `[buckets]`.

use indexmap::IndexMap;

use super::text::{Read, Text};
use super::{Described, NAME};
use crate::diag::Span;
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

    fn under(&mut self, key: Span) {
        self.table.places.key = key;
    }
}

table! {
    /// An entry of `[edges]`: a way to publish hosts.
    EdgeTable "an edge" {
        kind: Text [NAME] = "ingress", "How hosts are published: one of `lakegen catalog edges`";
        class: Text [TEXT], "Ingress class, or the class of a Gateway that lakegen creates";
        name: Option<Text> [TEXT], "Name of the Gateway (default: the name of the edge)";
        namespace: Text [NAME], "Namespace of the Gateway or controller";
        @each hosts: Option<Text> [TEXT],
            "Template for host names; can use `${edge.host}`, the host as the component wrote it, and `${component.…}`";
        address: Option<Text> [TEXT], "Address that the hosts resolve to";
        tls: Tls [Tls::shape()], "Certificates";
        @late annotations: IndexMap<String, Text> [free_map(TEXT)], "Annotations on every route; `${component.…}` is \
        the published component";
        default: bool [Shape::Bool] = false, "Used when there are several edges and a host names none";
    }
}

impl EdgeTable {
    /// Says whether a key was said of the edge; `tls.` goes before the keys of `tls`.
    pub fn says(&self, key: &str) -> bool {
        let tls = &self.tls.table;
        match key {
            "class" => !self.class.is_empty(),
            "name" => self.name.is_some(),
            "namespace" => !self.namespace.is_empty(),
            "hosts" => self.hosts.is_some(),
            "address" => self.address.is_some(),
            "annotations" => !self.annotations.is_empty(),
            "tls" => self.tls.on,
            "tls.issuer" => tls.issuer.is_some(),
            "tls.wildcard" => tls.wildcard,
            "tls.secret" => tls.secret.is_some(),
            "tls.certmap" => tls.certmap.is_some(),
            _ => false,
        }
    }

    /// Returns the place of a key, as [`Self::says`] knows it.
    pub fn place(&self, key: &str) -> Span {
        match key.strip_prefix("tls.") {
            Some(key) => self.tls.table.places.value_of(key),
            None => self.places.value_of(key),
        }
    }
}

table! {
    /// An entry of `[buckets]`.
    BucketTable "a bucket" {
        store: Option<Text> [Shape::Text(Format::Reference)], "Component or external that stores it, when there are \
        several";
        namespace: Option<Text> [NAME], "Namespace of its claim";
        bucket: Option<Text> [TEXT], "Its real name (default: platform name and key)";
        noncurrent_expire_days: Option<i64> [COUNT], "Days until old versions of an object are deleted";
        expire_days: Option<i64> [COUNT], "Days until objects are deleted";
        versioned: Option<bool> [Shape::Bool], "Whether old versions are kept (default false)";
        max_size: Option<Text> [Shape::Text(Format::Size)], "Quota in bytes";
        max_objects: Option<i64> [COUNT], "Quota in objects";
        external: Option<Text> [words(&["s3", "gcs", "azure"])], "The bucket exists outside the platform; the kind of \
        its store";
    }
}
