//! Which kinds live in namespaces: known ones, those whose definition is at hand, and those of which the user says it in `apis`.

use std::collections::BTreeMap;

use crate::lower::charts::Sight;
use crate::lower::{Lowering, TargetManifests};
use crate::manifest::kinds;
use crate::manifest::object::Object;
use crate::manifest::value::Value;
use crate::resolve::Target;
use crate::settings::Text;

/// Group and kind → whether it lives in namespaces, for kinds that are not known anyway.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scopes(BTreeMap<(String, String), bool>);

/// What people keep their Secrets in; no chart of the catalogue brings its definition
/// (github.com/bitnami-labs/sealed-secrets, helm/sealed-secrets/crds: scope `Namespaced`).
const SEALED: (&str, &str) = ("bitnami.com", "SealedSecret");

impl Scopes {
    /// Returns what a target's `apis` say.
    pub fn said(target: &Target) -> Self {
        let own = target.instances.values().flat_map(|i| &i.apis).map(String::as_str);
        let mut scopes = Self::default();
        for api in own.chain(target.ground().apis.iter().map(Text::as_str)) {
            if let (Some(kind), Some(namespaced)) = (kinds::kind_of(api), kinds::said_scope(api)) {
                scopes.0.insert((kinds::group(api).to_string(), kind.to_string()), namespaced);
            }
        }
        scopes
    }

    /// Adds what a definition says; what the user says counts for more.
    fn define(&mut self, definition: &Value) {
        let text = |path: &[&str]| definition.at(path).and_then(Value::as_str).map(String::from);
        let names = (text(&["spec", "group"]), text(&["spec", "names", "kind"]), text(&["spec", "scope"]));
        if let (Some(group), Some(kind), Some(scope)) = names {
            self.0.entry((group, kind)).or_insert(scope != "Cluster");
        }
    }

    /// Says whether an object's kind lives in namespaces; nothing where nobody knows.
    pub fn of(&self, object: &Object) -> Option<bool> {
        if (object.group(), object.kind()) == SEALED {
            return Some(true);
        }
        let known = kinds::is_namespaced(object.api_version(), object.kind());
        known.or_else(|| self.0.get(&(object.group().to_string(), object.kind().to_string())).copied())
    }
}

/// Returns what is known of a target's kinds once all its objects are made.
pub fn all(lowering: &Lowering<'_>, out: &TargetManifests, before: &[TargetManifests]) -> Scopes {
    let mut scopes = lowering.scopes.clone();
    let shared = lowering.target.shared.and_then(|index| before.get(index));
    scopes.0.extend(shared.into_iter().flat_map(|shared| shared.scopes.0.clone()));
    let objects = out.components.values().flat_map(|unit| unit.stages.values().flatten().chain(&unit.read.objects));
    for lowered in objects.filter(|lowered| lowered.object.kind() == "CustomResourceDefinition") {
        scopes.define(lowered.object.value());
    }
    for inflation in &out.charts {
        let Sight::Inflated(inflated) = &inflation.sight else { continue };
        for item in inflated.items().filter(|item| item.kind() == "CustomResourceDefinition") {
            scopes.define(&item.document.value);
        }
    }
    scopes
}
