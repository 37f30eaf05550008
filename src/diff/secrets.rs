//! Values that are never shown: what a Secret holds.
//!
//! Hunks come in with the real values, which were compared as they are, so a value that equals the
//! words shown in its place is still seen to change. They go out without them: no value, no length,
//! no digest.

use crate::manifest::value::Value;

use super::{Hunk, Subject};

/// Stands for a value that is not shown.
pub const HIDDEN: &str = "(value hidden)";

/// Takes the secret values out of the hunks of a resource.
pub fn mask(subject: &Subject, hunks: &mut [Hunk]) {
    let is_secret = subject.object().is_some_and(|id| &*id.kind == "Secret" && id.group.is_empty());
    let is_generator = matches!(subject, Subject::Kustomization(_));
    if !is_secret && !is_generator {
        return;
    }
    let keys: &[&str] = if is_secret { &["data", "stringData"] } else { &["secretGenerator"] };
    for hunk in hunks {
        let root = hunk.path.split(['.', '[']).next().unwrap_or_default();
        if root.is_empty() {
            for value in hunk.old.iter_mut().chain(&mut hunk.new) {
                for key in keys {
                    if let Some(value) = value.as_map_mut().and_then(|map| map.get_mut(*key)) {
                        blank(value);
                    }
                }
            }
        } else if keys.contains(&root) {
            hunk.masked = true;
            hunk.old.iter_mut().chain(&mut hunk.new).for_each(blank);
        }
    }
}

/// Replaces every scalar; a list becomes one, because its length can tell something.
fn blank(value: &mut Value) {
    match value {
        Value::Map(map) => map.values_mut().for_each(blank),
        other => *other = HIDDEN.into(),
    }
}
