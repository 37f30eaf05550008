//! What `sync` says of a component under Argo CD, and how its objects are applied: one answer for whoever writes the
//! Application and for whoever judges what is in it.
//!
//! Fact: argo-cd v3.4 docs/user-guide/sync-options.md, "Server-Side Apply" (per Application and per object).

use globset::Glob;

use super::order::Portion;
use crate::manifest::object::Object;
use crate::manifest::value::Value;
use crate::parse::node::Lookup;
use crate::parse::{Node, Table};
use crate::resolve::instances::named;
use crate::resolve::{Instance, Target};

/// The word of Argo CD for server-side apply.
pub const SERVER_SIDE: &str = "ServerSideApply=true";

/// Returns a setting of `sync`: the component's, its project's, or the platform's.
pub fn setting<'a>(target: &'a Target, instance: &'a Instance, key: &str) -> Option<&'a Node> {
    let of = |table: &'a Table| table.table("sync").and_then(|sync| sync.node(key));
    let own = of(&instance.table);
    let project = || project(target, &instance.name).and_then(|(_, table)| of(table));
    own.or_else(project).or_else(|| target.table.table("argocd").and_then(of))
}

/// Returns the project of the user's that a component is a member of.
pub fn project<'a>(target: &'a Target, component: &str) -> Option<(&'a str, &'a Table)> {
    let member = |table: &Table| {
        let patterns = table.texts("members");
        patterns.iter().any(|p| Glob::new(p).is_ok_and(|g| g.compile_matcher().is_match(component)))
    };
    named(&target.table, "projects").into_iter().find(|(_, table)| member(table))
}

/// Says whether the Application of a component's part applies by the server.
///
/// Definitions are too large for anything else; a component that needs it for more says so in the catalogue.
pub fn is_server_side(target: &Target, instance: Option<&Instance>, part: Portion) -> bool {
    let said = instance.and_then(|i| setting(target, i, "server_side")).and_then(Node::as_bool);
    said.unwrap_or_else(|| part == Portion::Crds || instance.is_some_and(|i| i.definition.server_side))
}

/// Says whether anything else asks for the server to apply an object: an option of Argo CD's, or the object itself.
pub fn asks_for_server(target: &Target, instance: Option<&Instance>, object: &Object) -> bool {
    const PATH: [&str; 3] = ["metadata", "annotations", "argocd.argoproj.io/sync-options"];
    let options = instance.and_then(|i| setting(target, i, "options")).and_then(Node::as_list).unwrap_or(&[]);
    let own = object.value().at(&PATH).and_then(Value::as_str).unwrap_or_default();
    options.iter().filter_map(Node::as_str).chain(own.split(',').map(str::trim)).any(|option| option == SERVER_SIDE)
}
