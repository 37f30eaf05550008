//! Custom resource definitions × the same → versions that came, went, or are not served any more.
//!
//! A definition that comes or goes as a whole is an object like any other, and reported with its risk there.

use std::collections::BTreeMap;

use super::{Crd, Half, Pair, inflated};
use crate::manifest::value::Value;

/// Compares the definitions that both versions have. Targets have the same ones, so the first that has one speaks for all.
pub fn compare(pairs: &[Pair<'_>]) -> Vec<Crd> {
    let mut all: BTreeMap<String, Crd> = BTreeMap::new();
    for pair in pairs {
        let (old, new) = (definitions(&pair.old), definitions(&pair.new));
        for (name, old) in old {
            if let Some(new) = new.get(&name)
                && let Some(change) = versions(&name, old, new)
            {
                all.entry(name).or_insert(change);
            }
        }
    }
    all.into_values().collect()
}

fn definitions<'a>(half: &Half<'a>) -> BTreeMap<String, &'a Value> {
    let items = half.inflations().filter_map(inflated).flat_map(super::super::helm::inflate::Inflated::items);
    let definitions = items.filter(|item| item.kind() == "CustomResourceDefinition");
    definitions
        .filter_map(|item| {
            let name = item.document.value.at(&["metadata", "name"])?.as_str()?;
            Some((name.to_owned(), &item.document.value))
        })
        .collect()
}

/// Name, served, stored (apiextensions.k8s.io/v1 `CustomResourceDefinitionVersion`).
type Version<'a> = (&'a str, bool, bool);

fn listed(definition: &Value) -> Vec<Version<'_>> {
    let list = definition.at(&["spec", "versions"]).and_then(Value::as_list).unwrap_or_default();
    let is = |version: &Value, key: &str| version.get(key).and_then(Value::as_bool).unwrap_or(false);
    list.iter()
        .filter_map(|version| Some((version.get("name")?.as_str()?, is(version, "served"), is(version, "storage"))))
        .collect()
}

fn versions(name: &str, old: &Value, new: &Value) -> Option<Crd> {
    let (old, new) = (listed(old), listed(new));
    let find =
        |all: &[Version<'_>], name: &str| all.iter().find(|(other, ..)| *other == name).map(|(_, served, _)| *served);
    let missing = |these: &[Version<'_>], others: &[Version<'_>]| -> Vec<String> {
        let gone = these.iter().filter(|(name, ..)| find(others, name).is_none());
        gone.map(|(name, ..)| (*name).to_owned()).collect()
    };
    let unserved = old.iter().filter(|(name, served, _)| *served && find(&new, name) == Some(false));
    let stored = |all: &[Version<'_>]| {
        all.iter().find(|(.., stored)| *stored).map_or_else(String::new, |(name, ..)| (*name).to_owned())
    };
    let crd = Crd {
        name: name.to_owned(),
        added: missing(&new, &old),
        removed: missing(&old, &new),
        unserved: unserved.map(|(name, ..)| (*name).to_owned()).collect(),
        stored: Some((stored(&old), stored(&new))).filter(|(old, new)| old != new),
    };
    let is_same = crd == Crd { name: name.to_owned(), ..Crd::default() };
    (!is_same).then_some(crd)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::yaml;

    #[test]
    fn versions_come_and_go() {
        let crd = |list: &str| yaml::read_one(&format!("spec: {{versions: [{list}]}}")).unwrap();
        let old = crd("{name: v1alpha1, served: true, storage: false}, {name: v1beta1, served: true, storage: true}");
        let new = crd("{name: v1beta1, served: false, storage: false}, {name: v1, served: true, storage: true}");
        let found = versions("a.example.com", &old, &new).unwrap();
        assert_eq!(
            (&found.added[..], &found.removed[..], &found.unserved[..]),
            (&["v1".to_owned()][..], &["v1alpha1".to_owned()][..], &["v1beta1".to_owned()][..])
        );
        assert_eq!(found.stored, Some(("v1beta1".into(), "v1".into())));
        assert_eq!(versions("a.example.com", &old, &old), None);
    }
}
