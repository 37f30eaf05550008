//! What is said for the engine that is not used: warned of, and refused where the platform would not be what it says.

use std::collections::BTreeSet;

use super::{OTHER_ENGINE, UNSUPPORTED};
use crate::diag::{Diagnostic, Span};
use crate::parse::node::Lookup;
use crate::parse::{MISSING_KEY, Node};
use crate::resolve::instances::named;
use crate::resolve::{Engine, Instance, Platform, Target};

/// Reports words of the other engine.
pub fn report(platform: &Platform, found: &mut Vec<Diagnostic>) {
    let mut said: BTreeSet<(Span, String)> = BTreeSet::new();
    for target in &platform.targets {
        let mut all = Vec::new();
        match platform.engine {
            Engine::ArgoCd => on_argocd(target, &mut all),
            Engine::Flux => on_flux(target, &mut all),
        }
        found.extend(all.into_iter().filter(|d| {
            let at = d.labels.first().map(|l| l.span).unwrap_or_default();
            said.insert((at, d.message.clone()))
        }));
    }
}

fn on_argocd(target: &Target, all: &mut Vec<Diagnostic>) {
    let Some(entry) = target.table.get("flux") else { return };
    let table = entry.node.as_table();
    let mut refused = false;
    for (key, why) in [
        ("substitute", "Argo CD replaces nothing in the cluster: `${…}` would stay as it is"),
        ("decrypt", "Argo CD decrypts nothing: encrypted files would be applied as they are"),
    ] {
        if let Some(inner) = table.and_then(|t| t.get(key)) {
            refused = true;
            let message = format!("`flux.{key}` is for Flux, and the engine is Argo CD");
            all.push(Diagnostic::error(&OTHER_ENGINE, message).at(inner.key, "").note(why));
        }
    }
    if !refused {
        let message = "`[flux]` is for Flux, and the engine is Argo CD: it is passed over";
        all.push(Diagnostic::warning(&OTHER_ENGINE, message).at(entry.key, ""));
    }
}

fn on_flux(target: &Target, all: &mut Vec<Diagnostic>) {
    let warn = |at: Span, what: &str| {
        let message = format!("{what} for Argo CD, and the engine is Flux: passed over here");
        Diagnostic::warning(&OTHER_ENGINE, message).at(at, "")
    };
    for (key, what) in [("argocd", "`[argocd]` is"), ("projects", "`[projects]` are")] {
        if let Some(entry) = target.table.get(key).filter(|e| !e.node.to_value().is_empty()) {
            all.push(warn(entry.key, what));
        }
    }
    for instance in target.instances.values() {
        if instance.definition.name == "argocd" {
            let message = format!("`{}` installs Argo CD, and the engine is Flux", instance.name);
            all.push(
                Diagnostic::warning(&OTHER_ENGINE, message)
                    .at(instance.span, "")
                    .note("it would sync nothing of this platform")
                    .help("leave the component out, or set `engine = \"argocd\"`"),
            );
        }
        for path in unsaid(instance) {
            let message =
                "this path can mean several fields, and Flux ignores fields by JSON pointer: passed over here";
            let help = "name each field under `pointers`, for example `/webhooks/0/clientConfig/caBundle`";
            all.push(Diagnostic::warning(&OTHER_ENGINE, message).at(path.span, "").help(help));
        }
        let options = instance.table.table("sync").and_then(|t| t.get("options"));
        if let Some(entry) = options {
            all.push(warn(entry.key, "`sync.options` are"));
        }
    }
    for (name, table) in named(&target.table, "notify") {
        if let Some(entry) = table.get("kind").filter(|e| e.node.as_str() == Some("email")) {
            let message = format!("Flux sends no mail, and `notify.{name}` asks for it");
            all.push(
                Diagnostic::error(&UNSUPPORTED, message)
                    .at(entry.node.span, "")
                    .help("take `slack`, `teams`, `github` or a `webhook` that sends the mail"),
            );
        }
    }
    if let Some(entry) = target.table.table("flux").and_then(|t| t.get("webhook"))
        && let Some(webhook) = entry.node.as_table()
        && !webhook.contains_key("secret")
        && !webhook.contains_key("existing")
    {
        all.push(
            Diagnostic::error(&MISSING_KEY, "a webhook needs a token that its sender knows too")
                .at(entry.key, "")
                .help("add `secret = \"<item>#<property>\"`, or `existing = \"<Secret>\"`"),
        );
    }
}

/// Returns the jq paths of a component's `sync.ignore` that are no pointers.
fn unsaid(instance: &Instance) -> impl Iterator<Item = &Node> {
    let rules = instance.table.table("sync").and_then(|t| t.node("ignore")).and_then(Node::as_list);
    let paths = rules.into_iter().flatten().filter_map(|rule| rule.as_table()?.node("jq")?.as_list()).flatten();
    paths.filter(|path| path.as_str().is_some_and(|text| super::pointer::of_jq(text).is_none()))
}
