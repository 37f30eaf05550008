//! `[secrets]`: the platform's store in each target, and what is said of it that its kind does not heed.

use std::collections::BTreeSet;
use std::sync::Arc;

use indexmap::IndexMap;

use super::Target;
use super::fill::Nothing;
use super::layers::Frame;
use crate::catalog::store::{Keeper, Named, Push, own_key};
use crate::catalog::{Catalogue, OptionDef, StoreKind};
use crate::diag::{Diagnostic, Span, quoted_list};
use crate::manifest::value::{Map, Value};
use crate::parse::node::Lookup;
use crate::parse::shape::{Key, Keys, Shape, check_filled};
use crate::parse::{INVALID_VALUE, MISSING_KEY, Node, Table};
use crate::settings::Text;
use crate::settings::secrets::StoreScope;

/// The platform's secret store, as `[secrets]` says.
#[derive(Clone, Debug, Default)]
pub struct Store {
    /// Name of its kind; empty without a store.
    pub provider: String,
    /// What its kind is; nothing where nobody knows it.
    pub definition: Option<Arc<StoreKind>>,
    /// What its own keys say, defaults applied.
    pub said: Map,
    /// Name of the ClusterSecretStore.
    pub name: String,
    /// Convention for items; a string with references.
    pub key: Text,
    /// Whether the platform says that convention itself.
    pub own_key: bool,
    pub refresh: String,
    /// Component that runs the store, when it is one of the platform.
    pub component: Option<String>,
    /// A store per namespace instead of one for the cluster.
    pub namespaced: bool,
    pub span: Span,
}

impl Store {
    fn keeper(&self) -> Option<Keeper> {
        self.definition.as_ref().map(|kind| kind.kept)
    }

    /// Says whether people keep the final Secrets, in files or outside of lakegen.
    pub fn kept_by_people(&self) -> bool {
        self.keeper().is_some_and(|keeper| keeper != Keeper::Store)
    }

    /// Says whether External Secrets can read it.
    pub fn readable(&self) -> bool {
        !self.provider.is_empty() && !self.kept_by_people()
    }

    /// Returns how what the cluster made is written; nothing where nothing can be.
    pub fn push(&self) -> Option<&Push> {
        self.definition.as_ref()?.pushes(&self.said)
    }
}

/// Adds to the description of `[secrets]` what stores have for themselves.
pub fn describe(secrets: &mut Keys, catalogue: &Catalogue) {
    let kinds = || catalogue.stores.values();
    for (name, key) in &mut secrets.keys {
        let takers: Vec<&str> = kinds().filter(|kind| kind.heeds(name)).map(|kind| kind.name.as_str()).collect();
        if name == "provider" {
            key.shape = Shape::Enum(catalogue.stores.keys().cloned().collect());
        } else if takers.len() < catalogue.stores.len() {
            key.doc = format!("{}; for {}", key.doc, named(&takers, catalogue));
        }
    }
    let mut own: IndexMap<&str, Vec<(&str, Key)>> = IndexMap::new();
    for kind in kinds() {
        for (name, def) in &kind.keys {
            own.entry(name).or_default().push((&kind.name, own_key(name, def)));
        }
    }
    for (name, all) in own {
        let doc: Vec<String> = all.iter().map(|(kind, key)| format!("`{kind}`: {}", key.doc)).collect();
        let same = all.iter().all(|(_, key)| format!("{:?}", key.shape) == format!("{:?}", all[0].1.shape));
        let shape = if same { all[0].1.shape.clone() } else { Shape::Any };
        let default = all[0].1.default.clone().filter(|_| all.len() == 1);
        secrets.keys.insert(name.into(), Key { default, ..Key::new(shape, doc.join("; ")) });
    }
}

/// Returns stores for a message.
fn named(stores: &[&str], catalogue: &Catalogue) -> String {
    let read = catalogue.stores.values().filter(|kind| kind.is_read()).map(|kind| kind.name.as_str());
    match read.eq(stores.iter().copied()) {
        true => "stores that External Secrets reads".into(),
        false => quoted_list(stores.iter().copied(), "and"),
    }
}

/// Returns the store of a target.
pub fn store(frame: &Frame, secrets: Option<&Table>, catalogue: &Catalogue, found: &mut Vec<Diagnostic>) -> Store {
    let settings = &frame.settings.secrets;
    if !settings.places.any() {
        return Store::default();
    }
    let definition = catalogue.stores.get(&*settings.provider).cloned();
    let empty = Table::new();
    let mut said = Map::default();
    for (key, def) in definition.iter().flat_map(|kind| &kind.keys) {
        said.insert(key.as_str().into(), value(key, def, secrets.unwrap_or(&empty).node(key), found));
    }
    let known = |at: &&Text| frame.table.table("components").is_some_and(|c| c.contains_key(at.as_str()));
    let convention = definition.as_ref().map(|kind| kind.convention(&said)).unwrap_or_default();
    let store = Store {
        provider: settings.provider.to_string(),
        name: settings.name.as_ref().unwrap_or(&settings.provider).to_string(),
        key: settings.key.clone().unwrap_or_else(|| Text::new(convention.as_str(), settings.places.key)),
        own_key: settings.key.is_some(),
        refresh: settings.refresh.to_string(),
        component: settings.at.as_ref().filter(known).map(String::from),
        namespaced: settings.scope == StoreScope::Namespace,
        span: settings.places.key,
        definition,
        said,
    };
    if settings.generate && store.readable() && store.definition.is_some() && store.push().is_none() {
        let message =
            format!("External Secrets cannot write to the store `{}`, so secrets cannot be generated", store.name);
        let help = "remove `generate` and create the items by hand: `lakegen secrets` lists them";
        say(Diagnostic::error(&INVALID_VALUE, message).at(settings.places.value_of("generate"), "").help(help), found);
    }
    store
}

/// Returns what is said of a key of a store's own, or its default.
fn value(key: &str, def: &OptionDef, node: Option<&Node>, found: &mut Vec<Diagnostic>) -> Value {
    let Some(node) = node else { return def.default.as_ref().map_or(Value::Null, Node::to_value) };
    let mut wrong = Vec::new();
    check_filled(key, node, &own_key(key, def).shape, &Nothing, &mut wrong);
    let text = node.as_str().filter(|_| wrong.is_empty());
    if let (Some(text), Some(pattern)) = (text, &def.pattern)
        && regex::Regex::new(pattern).is_ok_and(|pattern| !pattern.is_match(text))
    {
        let note = format!("{} (pattern `{pattern}`)", def.doc);
        let message = format!("`{text}` is not a valid `{key}`");
        wrong.push(Diagnostic::error(&INVALID_VALUE, message).at(node.span, "").note(note));
    }
    for diagnostic in wrong {
        say(diagnostic, found);
    }
    node.to_value()
}

/// Adds a finding, unless something was said of its place already: in another target, or where the file was checked.
fn say(diagnostic: Diagnostic, found: &mut Vec<Diagnostic>) {
    let at = |diagnostic: &Diagnostic| diagnostic.labels.first().map(|label| label.span);
    if !found.iter().any(|known| at(known) == at(&diagnostic)) {
        found.push(diagnostic);
    }
}

/// Reports keys of a `[secrets]` that names its store which that does not heed.
pub fn foreign(secrets: &Table, catalogue: &Catalogue, found: &mut Vec<Diagnostic>) {
    let Some(kind) = secrets.text("provider").and_then(|provider| catalogue.stores.get(provider)) else { return };
    for (key, entry) in secrets {
        deaf(key, entry.key, kind, catalogue, found);
    }
}

fn deaf(key: &str, at: Span, kind: &StoreKind, catalogue: &Catalogue, found: &mut Vec<Diagnostic>) {
    let all = catalogue.stores.values();
    let takers: Vec<&str> = all.filter(|kind| kind.heeds(key)).map(|kind| kind.name.as_str()).collect();
    // A key that no store has was reported where the file was checked.
    if !kind.heeds(key) && !takers.is_empty() {
        let message = format!("`{key}` has no effect on the store `{}`", kind.name);
        let note = format!("only {} use it", named(&takers, catalogue));
        say(Diagnostic::error(&INVALID_VALUE, message).at(at, "").note(note).help("remove it"), found);
    }
}

/// Reports keys of layers that the store of no target heeds, and `[secrets]` without any store.
pub fn unheard(frames: &[Frame], catalogue: &Catalogue, found: &mut Vec<Diagnostic>) {
    let tables = || frames.iter().map(|frame| &frame.settings.secrets);
    if let Some(nameless) = tables().find(|secrets| secrets.places.any())
        && !tables().any(|secrets| secrets.places.has("provider"))
    {
        let help = "add `provider = \"vault\"`, or another of `lakegen catalog stores`";
        let diagnostic = Diagnostic::error(&MISSING_KEY, "`[secrets]` has no `provider`");
        say(diagnostic.at(nameless.places.key, "has no `provider`").help(help), found);
    }
    let mut heard: BTreeSet<Span> = BTreeSet::new();
    let mut unheard: IndexMap<Span, (&str, &StoreKind)> = IndexMap::new();
    for frame in frames {
        let Some(kind) = &frame.store.definition else { continue };
        for (key, at) in frame.settings.secrets.places.keys() {
            if kind.heeds(key) {
                heard.insert(at);
            } else {
                unheard.entry(at).or_insert((key, kind));
            }
        }
    }
    for (at, (key, kind)) in unheard.into_iter().filter(|(at, _)| !heard.contains(at)) {
        deaf(key, at, kind, catalogue, found);
    }
}

impl Target {
    /// Says why a name cannot be that of an item or property of this target's store.
    pub fn misnamed(&self, of: Named, name: &str) -> Option<&str> {
        let rule = self.store.definition.as_ref()?.names_of(of, &self.store.said)?;
        (!rule.takes(name)).then_some(rule.says.as_str())
    }
}
