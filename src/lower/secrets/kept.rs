//! Secrets that people keep: what must be in the cluster without anything here making it.

use std::collections::BTreeSet;

use indexmap::IndexMap;

use crate::resolve::Credential;
use crate::resolve::credentials::SecretValue;
use crate::resolve::scope::{Filled, Piece};

/// A Secret that must exist in the cluster before its readers start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Key → what it holds, with `<…>` where secret parts go.
    pub keys: IndexMap<String, String>,
    /// Type of the Secret, such as `Opaque`.
    pub kind: String,
    pub labels: IndexMap<String, String>,
    pub annotations: IndexMap<String, String>,
    /// Components that read it.
    pub readers: BTreeSet<String>,
    /// Keys for which any long random text will do.
    pub free: BTreeSet<String>,
    pub precious: bool,
    pub hint: Option<String>,
}

impl Kept {
    /// Adds keys with what they hold.
    pub fn add(
        &mut self,
        entries: &IndexMap<String, Filled>,
        kind: &str,
        labels: IndexMap<String, String>,
        reader: &str,
    ) {
        self.keys.extend(entries.iter().map(|(key, filled)| (key.clone(), form(filled))));
        self.kind = kind.into();
        self.labels.extend(labels);
        self.readers.insert(reader.into());
    }

    /// Adds the keys of a credential.
    pub fn add_credential(&mut self, credential: &Credential, reader: &str) {
        self.keys.extend(credential.text.clone());
        let secret = credential.keys.iter().filter(|(_, key)| !credential.text.contains_key(*key));
        for (field, key) in secret {
            self.keys.insert(key.clone(), format!("<{field}>"));
            if credential.at_provider {
                self.free.insert(key.clone());
            }
        }
        self.kind.clone_from(&credential.kind);
        self.labels.extend(credential.labels.clone());
        self.readers.insert(reader.into());
    }
}

/// Returns the text of a filled string with `<…>` for each secret part.
fn form(filled: &Filled) -> String {
    let part = |piece: &Piece| match piece {
        Piece::Text(text) => text.clone(),
        Piece::Secret { value, filters } => {
            let name = match value {
                SecretValue::Item { item, property: None } => item.clone(),
                SecretValue::Item { property: Some(property), .. } => property.clone(),
                SecretValue::Object { namespace, secret, key } => format!("{key} of {namespace}/{secret}"),
            };
            format!("<{}>", [name].iter().chain(filters).map(String::as_str).collect::<Vec<_>>().join("|"))
        }
    };
    filled.0.iter().map(part).collect()
}
