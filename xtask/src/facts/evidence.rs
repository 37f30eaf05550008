//! Which maps of a chart take keys that are not listed, told from the value paths its templates read.
//!
//! A template that reads a map as a whole (`toYaml .Values.nodeSelector`, `range .Values.catalogs`)
//! takes any key below it; one that reads only keys of it does not.

use std::collections::BTreeSet;

use super::tree::{Kind, Node};

/// The value paths that templates read.
pub struct Evidence {
    whole: BTreeSet<Vec<String>>,
    /// All prefixes of the paths read.
    deeper: BTreeSet<Vec<String>>,
}

impl Evidence {
    pub fn new(paths: &[Vec<String>]) -> Self {
        let deeper = paths.iter().flat_map(|path| (0..path.len()).map(|n| path[..n].to_vec())).collect();
        Self { whole: paths.iter().cloned().collect(), deeper }
    }

    /// Decides every undecided map; those that `skip` names (subcharts, read by other templates) stay.
    pub fn decide(&self, root: &mut Node, skip: &[String]) {
        if root.kind != Kind::Closed {
            root.kind = Kind::Listed;
        }
        for (key, node) in &mut root.kids {
            if !skip.contains(key) {
                self.node(node, &mut vec![key.clone()], Above::default());
            }
        }
    }

    fn node(&self, node: &mut Node, path: &mut Vec<String>, above: Above) {
        let read = self.whole.contains(path);
        let below = self.deeper.contains(path);
        let open = above.open
            || path.last().is_some_and(|key| kubernetes_writes(key))
            || match (read, below) {
                (true, false) => true,
                (true, true) => self.mostly_unread(node, path),
                (false, true) => false,
                (false, false) => above.read,
            };
        if node.kind == Kind::Undecided {
            node.kind = if open { Kind::Open } else { Kind::Listed };
        }
        let above = Above { open, read: above.read || read };
        for (key, kid) in &mut node.kids {
            path.push(key.clone());
            self.node(kid, path, above);
            path.pop();
        }
        // Templates copy list items and the values of free maps; only a schema can refuse something there.
        node.items.iter_mut().chain(&mut node.values).for_each(|inner| settle(inner));
    }

    /// Says whether templates read fewer than half of the listed keys by name, or keys are file names or settings.
    fn mostly_unread(&self, node: &Node, path: &[String]) -> bool {
        let named = |key: &&String| {
            let full: Vec<String> = path.iter().chain(std::iter::once(*key)).cloned().collect();
            self.whole.contains(&full) || self.deeper.contains(&full)
        };
        node.kids.keys().any(|key| key.contains('.')) || node.kids.keys().filter(named).count() * 2 < node.kids.len()
    }
}

#[derive(Clone, Copy, Default)]
struct Above {
    /// A map above takes any key, so what is below may be a piece of anything.
    open: bool,
    /// A map above is read as a whole, though keys of it are read too.
    read: bool,
}

fn settle(node: &mut Node) {
    if node.kind == Kind::Undecided {
        node.kind = Kind::Open;
    }
    node.kids.values_mut().chain(node.items.as_deref_mut()).chain(node.values.as_deref_mut()).for_each(settle);
}

/// Says whether a key's content is by custom a piece of a Kubernetes object, copied as it stands.
fn kubernetes_writes(key: &str) -> bool {
    const ENDS: [&str; 13] = [
        "annotations",
        "labels",
        "selector",
        "resources",
        "limits",
        "requests",
        "securitycontext",
        "capabilities",
        "seccompprofile",
        "affinity",
        "probe",
        "strategy",
        "lifecycle",
    ];
    let key = key.to_lowercase();
    ENDS.iter().any(|end| key.ends_with(end))
}
