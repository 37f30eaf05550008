//! Metadata × metadata → what a reader of an upgrade has to know: Kubernetes versions, dependencies, deprecation.

use std::collections::BTreeMap;

use crate::helm::metadata::{Dependency, Metadata};

/// Returns the fields that differ: name, old, new; empty for what is not there.
pub fn compare(old: &Metadata, new: &Metadata) -> Vec<(String, String, String)> {
    let yes = |is: bool| if is { "yes".to_owned() } else { String::new() };
    let mut all = vec![
        ("appVersion".to_owned(), old.app_version.clone(), new.app_version.clone()),
        ("kubeVersion".to_owned(), old.kube_version.clone(), new.kube_version.clone()),
        ("type".to_owned(), old.kind.clone(), new.kind.clone()),
        ("deprecated".to_owned(), yes(old.deprecated), yes(new.deprecated)),
    ];
    let (old, new) = (dependencies(old), dependencies(new));
    for name in old.keys().chain(new.keys().filter(|name| !old.contains_key(*name))) {
        let text = |all: &BTreeMap<&str, String>| all.get(name).cloned().unwrap_or_default();
        all.push((format!("dependency {name}"), text(&old), text(&new)));
    }
    all.retain(|(_, old, new)| old != new);
    all
}

fn dependencies(metadata: &Metadata) -> BTreeMap<&str, String> {
    let text = |dependency: &Dependency| {
        let condition = match dependency.condition.as_str() {
            "" => String::new(),
            condition => format!(" if {condition}"),
        };
        let name = if dependency.alias.is_empty() { String::new() } else { format!("{} ", dependency.name) };
        format!("{name}{}{condition}", dependency.version)
    };
    metadata.dependencies.iter().map(|dependency| (dependency.local_name(), text(dependency))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_named() {
        let dependency = |name: &str, version: &str| {
            let mut dependency = Dependency::default();
            (dependency.name, dependency.version) = (name.to_owned(), version.to_owned());
            dependency.condition = format!("{name}.enabled");
            dependency
        };
        let old = Metadata {
            app_version: "1".into(),
            dependencies: vec![dependency("a", "1.0.0"), dependency("b", "2.0.0")],
            ..Metadata::default()
        };
        let new = Metadata {
            app_version: "1".into(),
            kube_version: ">=1.30".into(),
            deprecated: true,
            dependencies: vec![dependency("a", "1.1.0")],
            ..Metadata::default()
        };
        let row = |name: &str, old: &str, new: &str| (name.to_owned(), old.to_owned(), new.to_owned());
        assert_eq!(
            compare(&old, &new),
            [
                row("kubeVersion", "", ">=1.30"),
                row("deprecated", "", "yes"),
                row("dependency a", "1.0.0 if a.enabled", "1.1.0 if a.enabled"),
                row("dependency b", "2.0.0 if b.enabled", ""),
            ]
        );
    }
}
