//! The secret stores: which keys of `[secrets]` each heeds.

use serde_json::{Value as Json, json};

use super::page::Page;
use crate::settings::Described;
use crate::settings::secrets::Secrets;

/// A secret store.
struct Store {
    name: &'static str,
    about: &'static str,
    /// Keys that it heeds, beside those of every store.
    keys: &'static [&'static str],
    toml: &'static str,
}

/// Keys that every store of External Secrets heeds.
const EVERY: &[&str] = &["name", "key", "secret", "scope", "refresh", "copy", "generate"];

/// Returns the stores that there are.
fn stores() -> &'static [Store] {
    &[
        Store {
            name: "vault",
            about: "HashiCorp Vault or OpenBao, a KV engine",
            keys: &["at", "mount", "version", "auth_mount", "role", "tenant", "ca"],
            toml: "[secrets]\nprovider = \"vault\"\nat = \"https://vault.example.com\"   # or a component: at = \"vault\"\n",
        },
        Store {
            name: "onepassword",
            about: "1Password, through a Connect server",
            keys: &["at", "vault"],
            toml: "[secrets]\nprovider = \"onepassword\"\nat = \"onepassword-connect\"   # the component, or an address\nvault = \"lake\"\n",
        },
        Store {
            name: "aws",
            about: "AWS Secrets Manager or Parameter Store",
            keys: &["region", "service", "role", "identity"],
            toml: "[secrets]\nprovider = \"aws\"\nregion = \"eu-central-1\"\nidentity = \"arn:aws:iam::111122223333:role/external-secrets\"\n",
        },
        Store {
            name: "gcp",
            about: "Google Secret Manager",
            keys: &["project", "cluster", "region", "identity"],
            toml: "[secrets]\nprovider = \"gcp\"\nproject = \"acme-lake\"\n",
        },
        Store {
            name: "azure",
            about: "Azure Key Vault",
            keys: &["at", "vault", "tenant", "identity"],
            toml: "[secrets]\nprovider = \"azure\"\nvault = \"acme-lake\"\ntenant = \"00000000-0000-0000-0000-000000000000\"\n",
        },
        Store {
            name: "kubernetes",
            about: "Secrets of one namespace, of this cluster or another",
            keys: &["at", "vault", "ca"],
            toml: "[secrets]\nprovider = \"kubernetes\"\nvault = \"secrets\"\n",
        },
        Store {
            name: "sealed",
            about: "SealedSecrets in a folder of the repository, made by people",
            keys: &["files"],
            toml: "[secrets]\nprovider = \"sealed\"\nfiles = \"secrets\"\n",
        },
        Store {
            name: "sops",
            about: "Secrets in a folder of the repository, encrypted with SOPS by people (`files` needs Flux)",
            keys: &["files", "sops"],
            toml: "[secrets]\nprovider = \"sops\"\nfiles = \"secrets\"\nsops = { age = \"age1…\" }\n",
        },
        Store {
            name: "none",
            about: "Secrets that people make in the cluster; PLATFORM.md lists them",
            keys: &[],
            toml: "[secrets]\nprovider = \"none\"\n",
        },
    ]
}

/// Returns the page of all stores.
pub fn text() -> String {
    let mut page = Page::default();
    page.table(stores().iter().map(|store| [store.name.to_string(), store.about.to_string()]));
    for store in stores() {
        page.section(store.name, keys(store).into_iter().map(|(name, doc)| [name, doc]));
        page.line("");
        store.toml.lines().for_each(|line| page.line(format!("  {line}")));
    }
    page.text()
}

/// Returns all stores as JSON.
pub fn json() -> Json {
    let one = |store: &Store| json!({"name": store.name, "about": store.about, "keys": keys(store).into_iter().map(|(name, _)| name).collect::<Vec<_>>(), "toml": store.toml});
    stores().iter().map(one).collect()
}

/// Returns the keys that a store heeds, with what the language says of each.
fn keys(store: &Store) -> Vec<(String, String)> {
    let table = Secrets::keys();
    let every: &[&str] = if matches!(store.name, "sealed" | "sops" | "none") { &[] } else { EVERY };
    let all = store.keys.iter().chain(every);
    all.map(|key| ((*key).to_string(), table.keys.get(*key).map(|key| key.doc.clone()).unwrap_or_default())).collect()
}
