//! What `sync` says of a component under Argo CD, and how its objects are applied: one answer for whoever writes the
//! Application and for whoever judges what is in it.
//!
//! Fact: argo-cd v3.4 docs/user-guide/sync-options.md, "Server-Side Apply" (per Application and per object).

use crate::catalog::Portion;
use crate::diag::Sources;
use crate::lower::TargetManifests;
use crate::manifest::object::Object;
use crate::manifest::value::Value;
use crate::resolve::{EarlyName, Instance, Target};

/// Says whether a target's Argo CD keeps several targets, whose names must then differ.
pub fn is_crowded(target: &Target) -> bool {
    target.settings.argocd.hub || target.shared.is_some()
}

/// Returns the name of a unit's Application.
pub fn application(target: &Target, unit: &str) -> String {
    match &target.settings.argocd.names {
        Some(template) => {
            let names = EarlyName { name: unit, namespace: "", release: "" };
            // What it cannot name was reported when the settings were filled in.
            target.early().of(names).text(template, &Sources::default(), &mut Vec::new())
        }
        None if is_crowded(target) => format!("{}-{unit}", target.name),
        None => unit.to_string(),
    }
}

/// Says that people sync a unit.
pub fn note(unit: &str) -> String {
    format!("`{unit}` is not synced automatically: sync it by hand, now and after each change.")
}

/// Adds a manual step for each unit of lakegen's own that people sync; components say so themselves.
pub fn by_hand(target: &Target, out: &mut TargetManifests) {
    if target.sync(None).automated != Some(false) {
        return;
    }
    let own = out.order.units.keys().filter(|unit| !target.instances.contains_key(&unit.component));
    let steps: Vec<(String, String)> = own.map(|unit| (unit.name(), note(&unit.name()))).collect();
    out.steps.extend(steps);
}

/// The word of Argo CD for server-side apply.
pub const SERVER_SIDE: &str = "ServerSideApply=true";

/// Says whether the Application of a component's part applies by the server.
///
/// Definitions are too large for anything else; a component that needs it for more says so in the catalogue.
pub fn is_server_side(target: &Target, instance: Option<&Instance>, part: Portion) -> bool {
    let said = target.sync(instance).server_side;
    said.unwrap_or_else(|| part == Portion::Crds || instance.is_some_and(|i| i.definition.server_side))
}

/// Says whether anything else asks for the server to apply an object: an option of Argo CD's, or the object itself.
pub fn asks_for_server(target: &Target, instance: Option<&Instance>, object: &Object) -> bool {
    const PATH: [&str; 3] = ["metadata", "annotations", "argocd.argoproj.io/sync-options"];
    let options = target.sync(instance).options.unwrap_or_default();
    let own = object.value().at(&PATH).and_then(Value::as_str).unwrap_or_default();
    options.iter().any(|option| *option == SERVER_SIDE) || own.split(',').any(|option| option.trim() == SERVER_SIDE)
}
