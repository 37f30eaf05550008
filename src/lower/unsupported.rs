//! What the language promises and this version does not do yet: said plainly, with its place.

use std::collections::BTreeSet;

use super::UNSUPPORTED;
use crate::diag::{Diagnostic, Span};
use crate::parse::node::Lookup;
use crate::resolve::Platform;

/// Says plainly what the language promises and this version does not do yet.
pub fn report(platform: &Platform, found: &mut Vec<Diagnostic>) {
    // Path in the merged table, the word that is meant (any value when empty), what cannot be done.
    const NOT_YET: &[(&[&str], &str, &str)] = &[(&["platform", "output"], "manifests", "render charts to manifests")];
    let mut said = BTreeSet::new();
    let mut say = |at: Span, what: &str| {
        if said.insert((at, what.to_string())) {
            found.push(Diagnostic::error(&UNSUPPORTED, format!("this lakegen cannot {what} yet")).at(at, ""));
        }
    };
    for target in &platform.targets {
        for (path, word, what) in NOT_YET {
            let table = target.table.table(path[0]);
            if let Some(node) = table.and_then(|t| t.node(path[1]))
                && (word.is_empty() || node.as_str() == Some(word))
            {
                say(node.span, what);
            }
        }
    }
}
