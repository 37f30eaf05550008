//! What the keys of a wanted Secret hold: whether it is wanted at all, once or once per entry, from the catalogue or the user.

use std::collections::BTreeSet;

use indexmap::IndexMap;

use crate::catalog::{SecretDef, Stage};
use crate::diag::{Diagnostic, Span, quoted_list};
use crate::lower::{Lowering, WITHOUT_EFFECT};
use crate::manifest::value::Value;
use crate::parse::node::Lookup;
use crate::parse::string::{Part, split};
use crate::parse::{INVALID_VALUE, MISSING_KEY, Node};
use crate::resolve::credentials::SecretValue;
use crate::resolve::scope::{Filled, Late, Piece};
use crate::resolve::{Binding, Instance, Origin, SlotBinding, Store};
use crate::settings::secrets::Secret;

/// Says whether a `when` holds: a bound slot, an option that is set, a table of the platform that is not empty.
pub fn holds(lowering: &Lowering<'_>, instance: &Instance, when: &str) -> bool {
    match when.split_once('.') {
        Some(("requires", slot)) => instance.bindings.get(slot).is_some_and(|b| !b.all().is_empty()),
        Some(("options", path)) => {
            let mut keys = path.split('.');
            let first = keys.next().unwrap_or("");
            let node = instance.option(first);
            let node = keys.fold(node, |node, key| node.and_then(Node::as_table).and_then(|t| t.node(key)));
            node.is_some_and(|n| n.as_bool() != Some(false) && !n.to_value().is_empty() && n.as_str() != Some(""))
        }
        _ => lowering.target.seen.get(when).is_some_and(|table| !table.is_empty()),
    }
}

/// Fills in the keys once per entry of a slot, of an option that is a map, or of `[notify]`; entries without the field are
/// passed over.
pub fn each_entries(
    lowering: &Lowering<'_>,
    instance: &Instance,
    each: &str,
    keys: &IndexMap<String, String>,
    late: &Late<'_>,
    found: &mut Vec<Diagnostic>,
) -> IndexMap<String, Filled> {
    let mut entries = IndexMap::new();
    let slot = each.strip_prefix("requires.").unwrap_or(each);
    if let Some(SlotBinding::Map(map)) = instance.bindings.get(slot) {
        for (name, binding) in map {
            let scope = Late { each: Some((name, binding)), ..*late };
            fill_each(&scope, keys, binding.span, &mut entries, found);
        }
        return entries;
    }
    // An entry of an option that names no item has a property of its own name in this secret's item.
    let (table, common, at) = match each.strip_prefix("options.") {
        Some(option) => (instance.arg(option).map(Node::to_value), late.item, instance.at(option)),
        None => (lowering.target.seen.get(each).cloned(), None, instance.span),
    };
    if let Some(Value::Map(table)) = table {
        let nothing = Binding::bare("", "");
        for (name, entry) in &table {
            let own = entry.get("secret").and_then(Value::as_str).map(String::from);
            let Some(item) = own.or_else(|| common.map(|item| format!("{item}#{name}"))) else { continue };
            let scope = Late { each: Some((name, &nothing)), item: Some(&item), ..*late };
            let keys =
                keys.iter().map(|(key, text)| (key.clone(), text.replace("${each.secret}", "${item}"))).collect();
            fill_each(&scope, &keys, at, &mut entries, found);
        }
    }
    entries
}

/// Reports the keys that a component reads and that the user's `keys` leave out, because they take the place of the
/// catalogue's; says whether there were any.
pub fn lacking_keys(
    secret: &str,
    def: &SecretDef,
    given: &Secret,
    component: &str,
    found: &mut Vec<Diagnostic>,
) -> bool {
    if !given.places.has("keys") {
        return false;
    }
    let keys = &given.keys;
    let lacking: Vec<(&String, &String)> =
        def.keys.iter().filter(|(key, _)| !key.contains("${") && !keys.contains_key(*key)).collect();
    if lacking.is_empty() || def.each.is_some() {
        return false;
    }
    let names = quoted_list(lacking.iter().map(|(key, _)| key.as_str()), "and");
    let paste: Vec<String> = lacking.iter().map(|(key, text)| format!("{key} = \"{text}\"")).collect();
    found.push(
        Diagnostic::error(&MISSING_KEY, format!("secret `{secret}` has no {names}, which `{component}` reads"))
            .at(given.places.key_of("keys"), "these keys replace those of the catalogue")
            .help(format!("add `{}`", paste.join(", "))),
    );
    true
}

/// Returns the properties of a secret's own item that its keys read.
pub fn own_properties(keys: &IndexMap<String, String>) -> BTreeSet<String> {
    let parts = keys.values().flat_map(|text| split(text));
    let paths =
        parts.filter_map(|part| if let Part::Reference(reference) = part { Some(reference.path) } else { None });
    paths.filter(|path| path.len() > 1 && path[0] == "item").map(|path| path[1..].join(".")).collect()
}

/// Says whether a Secret would only hold what a cloud identity stands for.
pub fn by_identity(instance: &Instance, keys: &IndexMap<String, String>) -> bool {
    instance.bindings.iter().any(|(slot, bound)| {
        let identity = |b: &&Binding| b.credential.as_ref().is_some_and(|c| c.origin == Origin::Identity);
        let prefix = format!("requires.{slot}.");
        bound.all().iter().any(identity) && keys.values().any(|text| text.contains(&prefix))
    })
}

fn fill_each(
    scope: &Late<'_>,
    keys: &IndexMap<String, String>,
    at: Span,
    entries: &mut IndexMap<String, Filled>,
    found: &mut Vec<Diagnostic>,
) {
    for (key, text) in keys {
        let mut missing = Vec::new();
        let name = scope.fill(key, Span::default(), &mut missing).plain().unwrap_or_default();
        let filled = scope.fill(text, Span::default(), &mut missing);
        if !missing.is_empty() {
            continue;
        }
        if entries.get(&name).is_some_and(|other| *other != filled) {
            let entry = scope.each.map_or("", |(name, _)| name);
            let message = format!("the secrets of `{entry}` and of another entry would both be called `{name}`");
            let help = "rename one of them: names that differ only in `-`, `_` or case are the same here";
            found.push(Diagnostic::error(&INVALID_VALUE, message).at(at, "").help(help));
        }
        entries.insert(name, filled);
    }
}

/// Says that a Secret is not made here, so that nothing of what is said of it counts.
pub fn unheard(instance: &Instance, key: &str, given: &Secret, when: Option<&str>) -> Diagnostic {
    let message = format!("secret `{key}` of `{}` is not created here", instance.name);
    let diagnostic = Diagnostic::warning(&WITHOUT_EFFECT, message).at(given.places.key, "");
    match when {
        Some(when) => diagnostic.note(match when.split_once('.') {
            Some(("requires", slot)) => format!("it is only created when slot `{slot}` is bound"),
            Some((_, option)) => format!("it is only created when `{option}` is set"),
            None => format!("it is only created when there is a `[{when}]`"),
        }),
        None => diagnostic.note("it would have no keys"),
    }
}

/// Reports a Secret of one's own without keys.
pub fn itemless(instance: &Instance, key: &str, given: &Secret, keys: &IndexMap<String, String>) -> Option<Diagnostic> {
    if !keys.is_empty() {
        return None;
    }
    let message = format!("secret `{key}` of `{}` has no `keys`, so it would be empty", instance.name);
    let help = "add its keys, for example `keys = { token = \"${item.token}\" }`";
    Some(Diagnostic::error(&MISSING_KEY, message).at(given.places.key, "").help(help))
}

/// Reports an item of which none of a Secret's keys reads anything.
pub fn unread_item(
    store: &Store,
    instance: &Instance,
    key: &str,
    given: &Secret,
    keys: &IndexMap<String, String>,
    entries: &IndexMap<String, Filled>,
) -> Option<Diagnostic> {
    let item = given.item.as_ref()?;
    if store.kept_by_people() {
        let message = format!("`item` of secret `{key}` of `{}` has no effect here", instance.name);
        return Some(Diagnostic::warning(&WITHOUT_EFFECT, message).at(item.key, "").note(itemless_store(store)));
    }
    let name = item.split_once('#').map_or(item.as_str(), |(name, _)| name);
    let reads =
        |piece: &Piece| matches!(piece, Piece::Secret { value: SecretValue::Item { item, .. }, .. } if item == name);
    if entries.values().flat_map(|filled| &filled.0).any(reads) {
        return None;
    }
    let slot = keys.values().find_map(|text| text.split("${requires.").nth(1)?.split(['.', '|', '}']).next());
    let message = format!("secret `{key}` of `{}` reads nothing from an item", instance.name);
    let diagnostic = Diagnostic::warning(&WITHOUT_EFFECT, message).at(item.key, "");
    Some(match slot {
        Some(slot) => diagnostic.help(format!(
            "set the source of the slot's credential instead: `credentials.{slot} = \
            \"{item}\"`"
        )),
        None => diagnostic,
    })
}

/// Says why a store has no items.
pub fn itemless_store(store: &Store) -> String {
    format!("with `provider = \"{}\"` there are no items: you create the Secrets yourself", store.provider)
}

/// Returns the definition of a Secret that only the user knows.
pub fn user_secret(secret: &Secret) -> SecretDef {
    SecretDef {
        name: None,
        any_keys: false,
        keys: IndexMap::new(),
        labels: secret.labels.iter().map(|(key, text)| (key.clone(), text.to_string())).collect(),
        when: None,
        each: None,
        precious: false,
        generate: vec![],
        hint: None,
        kind: secret.r#type.as_ref().map(String::from),
        stage: Stage::Prepare,
        span: secret.places.key,
    }
}
