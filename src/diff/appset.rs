//! What a changed ApplicationSet takes away: the Applications of the elements that its list generators lose.
//!
//! Facts: argo-cd v3.4 docs/operator-manual/applicationset/Application-Deletion.md (an Application that no element makes any
//! more is deleted, and its finalizer says whether what it manages goes too; `applicationsSync` may forbid it).

use std::collections::BTreeMap;

use crate::manifest::value::Value;

use super::risk::Level;

/// Returns what a change of an ApplicationSet removes, the worst first.
pub fn lost(old: &Value, new: &Value) -> Option<(Level, String)> {
    let (before, after) = (applications(old), applications(new));
    let gone: Vec<(&String, &&Value)> = before.iter().filter(|(name, _)| !after.contains_key(*name)).collect();
    let policy = |value: &Value, key: &str| value.at(&["spec", "syncPolicy", key]).cloned();
    if let Some(Value::Str(sync)) = policy(new, "applicationsSync")
        && matches!(&*sync, "create-only" | "create-update")
    {
        let names: Vec<&str> = gone.iter().map(|(name, _)| name.as_str()).collect();
        let reason = format!("{} no longer created: `{sync}` keeps the existing objects, unmanaged", are(&names));
        return (!names.is_empty()).then_some((Level::Caution, reason));
    }
    // The finalizers that are in the cluster came with the old set: written there, or added unless it preserves.
    let preserves = policy(old, "preserveResourcesOnDeletion") == Some(Value::Bool(true));
    let deletes = |element: &Value| !preserves || has_finalizer(old, element);
    let (deleted, kept): (Vec<_>, Vec<_>) = gone.into_iter().partition(|(_, element)| deletes(element));
    let names = |list: Vec<(&String, &&Value)>| are(&list.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>());
    match (deleted.is_empty(), kept.is_empty()) {
        (false, _) => {
            Some((Level::DataLoss, format!("{} removed: Argo CD deletes all managed objects", names(deleted))))
        }
        (true, false) => {
            Some((Level::Caution, format!("{} removed: the managed objects stay, unmanaged", names(kept))))
        }
        (true, true) => None,
    }
}

fn are(names: &[&str]) -> String {
    let list = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if names.len() == 1 { format!("Application {list} is") } else { format!("Applications {list} are") }
}

fn has_finalizer(set: &Value, element: &Value) -> bool {
    let template = set.at(&["spec", "template", "metadata", "finalizers"]);
    // lakegen's sets take what only some of their Applications have from the element: emit/appset.rs, `templatePatch`.
    let patch = element.at(&["patch", "metadata", "finalizers"]);
    [template, patch].into_iter().flatten().filter_map(Value::as_list).any(|list| !list.is_empty())
}

/// Returns the Applications that the list generators make, by name, each with its element.
fn applications(set: &Value) -> BTreeMap<String, &Value> {
    let generators = set.at(&["spec", "generators"]).and_then(Value::as_list).unwrap_or_default();
    let name = set.at(&["spec", "template", "metadata", "name"]).and_then(Value::as_str).unwrap_or_default();
    let elements = generators.iter().filter_map(|g| g.at(&["list", "elements"])?.as_list()).flatten();
    elements.map(|element| (filled(name, element), element)).collect()
}

/// Returns a name with its parameters; what cannot be worked out here stands for itself, beside the whole element.
fn filled(template: &str, element: &Value) -> String {
    let mut name = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        name.push_str(before);
        let Some((inside, after)) = after.split_once("}}") else { break };
        let path: Vec<&str> = inside.trim().trim_start_matches('.').split('.').collect();
        match element.at(&path).and_then(Value::as_str) {
            Some(text) => name.push_str(text),
            None => return format!("{template} of {}", crate::manifest::yaml::write(element).trim_end()),
        }
        rest = after;
    }
    name.push_str(rest);
    name
}
