//! `[secrets]`, a component's own Secrets, and where credentials come from.

use indexmap::IndexMap;

use super::text::{Read, Text};
use super::{DURATION, Described, ITEM, NAME, PATH};
use crate::parse::shape::{Shape, TEXT, either, free_map, texts, words};
use crate::parse::text::Format;
use crate::parse::{Kind, Node};

words! {
    /// Whether one store serves the cluster, or each namespace has its own.
    StoreScope {
        Cluster = "cluster",
        Namespace = "namespace",
    }
}

words! {
    /// How Secrets made in one namespace reach another.
    CopyBy {
        ExternalSecrets = "external-secrets",
        Reflector = "reflector",
    }
}

table! {
    /// `secrets.sops`. The names are those of SOPS's own configuration (getsops.io/docs, `.sops.yaml`).
    Sops "`sops`" {
        age: Vec<Text> [texts(Format::Any)], "age recipients (public keys)";
        pgp: Vec<Text> [texts(Format::Any)], "Fingerprints of PGP keys";
        kms: Vec<Text> [texts(Format::Any)], "ARNs of AWS KMS keys";
        gcp_kms: Vec<Text> [texts(Format::Any)], "Resource names of GCP KMS keys";
        azure_kv: Vec<Text> [texts(Format::Any)], "URLs of Azure Key Vault keys";
        vault: Vec<Text> [texts(Format::Any)], "URIs of Vault transit keys";
    }
}

impl Sops {
    /// Returns every kind of recipient, by its name in the file.
    pub fn recipients(&self) -> [(&'static str, &[Text]); 6] {
        [
            ("age", &self.age),
            ("pgp", &self.pgp),
            ("kms", &self.kms),
            ("gcp_kms", &self.gcp_kms),
            ("azure_kv", &self.azure_kv),
            ("vault", &self.vault),
        ]
    }
}

table! {
    /// `[secrets]`.
    Secrets "`[secrets]`" {
        provider: Text [NAME], "The secret store: one of `lakegen catalog stores`";
        at: Option<Text> [TEXT], "URL of the store, or the component that runs it";
        name: Option<Text> [NAME], "Name of the ClusterSecretStore (default: the provider)";
        @each key: Option<Text> [TEXT],
            "Naming convention for items (default `${component.name}/${secret.name}`, or what the store allows)";
        identity: Option<Text> [TEXT], "Cloud role of External Secrets";
        ca: Option<Text> [TEXT], "ConfigMap with the server's CA, created by hand in External Secrets' namespace";
        secret: Option<Text> [TEXT], "Secret with the token or keys, created by hand in External Secrets' namespace";
        generate: bool [Shape::Bool] = false,
            "Whether missing passwords are generated in the cluster and written to the store";
        scope: StoreScope [words(StoreScope::WORDS)] = "cluster", "Cluster-wide store, or one per namespace";
        refresh: Text [DURATION] = "1h", "How often secrets are refreshed from the store";
        copy: CopyBy [words(CopyBy::WORDS)] = "external-secrets", "How Secrets from one namespace are copied to \
        another";
        files: Option<Text> [PATH], "Folder of Secret files";
        sops: Sops [Sops::shape()], "Recipients of SOPS-encrypted files; every file must list them all";
    }
}

table! {
    /// An entry of a component's `secrets`.
    Secret "a secret" {
        item: Option<Text> [ITEM], "Item in the store (default: named by `secrets.key`)";
        name: Option<Text> [TEXT], "Name of the Kubernetes Secret";
        @late keys: IndexMap<String, Text> [free_map(TEXT)],
            "Key of the Secret → string with `${item.<property>}` or other references";
        labels: IndexMap<String, Text> [free_map(TEXT)], "Labels of the Secret";
        r#type: Option<Text> [TEXT], "Type of the Secret";
    }
}

words! {
    /// Who makes a credential.
    CredentialSource {
        /// An item of the platform's secret store.
        Store = "store",
        /// Generated once in the cluster, in the provider's namespace.
        Generate = "generate",
        /// Made by the provider's operator.
        Made = "made",
        /// A Secret kept by people.
        File = "file",
        /// A cloud role: no Secret at all.
        Identity = "identity",
    }
}

table! {
    /// Where a slot's credential comes from, in full.
    CredentialTable "a credential" {
        source: Option<CredentialSource> [words(CredentialSource::WORDS)], "Source of the credential";
        item: Option<Text> [ITEM], "Item in the secret store";
        secret: Option<Text> [TEXT], "Name of the Secret that holds it";
        namespace: Option<Text> [NAME], "Namespace of that Secret";
        keys: IndexMap<String, Text> [free_map(TEXT)],
            "Field of the capability → key of the Secret or property of the item";
        role: Option<Text> [TEXT], "Cloud role, with source `identity`";
    }
}

/// Where a slot's credential comes from: a table, or an item of the store.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Given(pub CredentialTable);

impl Given {
    /// Returns what it may be.
    pub fn shape() -> Shape {
        either([ITEM, CredentialTable::shape()])
    }
}

impl Read for Given {
    fn read(node: &Node) -> Option<Self> {
        let Kind::Str(_) = node.kind else { return CredentialTable::read(node).map(Self) };
        let mut table =
            CredentialTable { source: Some(CredentialSource::Store), item: Text::read(node), ..Default::default() };
        table.places.at = node.span;
        Some(Self(table))
    }

    fn under(&mut self, key: crate::diag::Span) {
        self.0.places.key = key;
    }
}
