//! What lies in which property of which item of the store: two different secrets must not fall on one place.
//!
//! Comes in: the credentials of claims and the items of components' own Secrets. Goes out: findings. Where a user names the
//! item, two readers share it on purpose; the convention (`[secrets] key`) can bring two secrets together unseen.

use std::collections::BTreeMap;

use indexmap::IndexMap;

use crate::catalog::store::Named;
use crate::diag::{Diagnostic, Span, quoted_list};
use crate::lower::{Lowering, SHARED_ITEM};
use crate::parse::INVALID_VALUE;
use crate::parse::string::{Part, slug, split};
use crate::resolve::credentials::SecretValue;
use crate::resolve::scope::{Filled, Piece};
use crate::resolve::{Instance, Origin};

/// Whose value it is, and which of the owner's values.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Meaning {
    /// Such as "secret `admin` of `keycloak`".
    owner: String,
    field: String,
    /// Whether the user named the item.
    by_user: bool,
}

impl Meaning {
    fn clashes(&self, other: &Self) -> bool {
        if self.owner == other.owner { self.field != other.field } else { !self.by_user && !other.by_user }
    }
}

/// What is known to lie in the items of one target's store.
#[derive(Debug, Default)]
pub struct Items {
    /// Item → property (`None`: the whole item) → what it means, with the place that asks for it.
    places: BTreeMap<String, BTreeMap<Option<String>, BTreeMap<Meaning, Span>>>,
}

impl Items {
    fn add(&mut self, item: &str, property: Option<String>, meaning: Meaning, at: Span) {
        let properties = self.places.entry(item.into()).or_default();
        properties.entry(property).or_default().entry(meaning).or_insert(at);
    }

    /// Notes the properties that a component's own Secret reads of its own item.
    pub fn own(
        &mut self,
        instance: &Instance,
        key: &str,
        item: &str,
        keys: &IndexMap<String, String>,
        at: Option<Span>,
    ) {
        for part in keys.values().flat_map(|text| split(text)) {
            let Part::Reference(reference) = part else { continue };
            if let Some(("item", property)) = reference.path.split_first().map(|(root, rest)| (root.as_str(), rest)) {
                self.one(instance, key, item, property.join("."), at);
            }
        }
    }

    /// The same for a Secret whose keys are made once per entry of a table.
    pub fn each(
        &mut self,
        instance: &Instance,
        key: &str,
        item: &str,
        entries: &IndexMap<String, Filled>,
        at: Option<Span>,
    ) {
        for piece in entries.values().flat_map(|filled| &filled.0) {
            if let Piece::Secret { value: SecretValue::Item { item: of, property: Some(property) }, .. } = piece
                && of == item
            {
                self.one(instance, key, item, property.clone(), at);
            }
        }
    }

    fn one(&mut self, instance: &Instance, key: &str, item: &str, field: String, at: Option<Span>) {
        let (item, property) = match item.split_once('#') {
            Some((item, fixed)) => (item, Some(fixed.to_string())),
            None => (item, (!field.is_empty()).then(|| field.clone())),
        };
        let meaning = Meaning { owner: format!("secret `{key}` of `{}`", instance.name), field, by_user: at.is_some() };
        self.add(item, property, meaning, at.unwrap_or(instance.span));
    }

    /// Notes the credentials of a component's claims.
    pub fn claimed(&mut self, instance: &Instance) {
        for binding in instance.bindings.values().flat_map(|bound| bound.all()) {
            let Some(credential) = binding.credential.as_ref().filter(|c| c.origin == Origin::Store) else { continue };
            let role = binding.role();
            let owner = format!("the credential of `{role}` for `{}`", binding.provider);
            for field in credential.keys.keys() {
                let Some(SecretValue::Item { item, property }) = credential.field(field) else { continue };
                let meaning = Meaning { owner: owner.clone(), field: field.clone(), by_user: credential.item_by_user };
                self.add(&item, property, meaning, binding.span);
            }
        }
    }

    /// Reports names that the store cannot have: items of the convention once, at the convention.
    pub fn misnamed(&self, lowering: &Lowering<'_>, asked: &BTreeMap<String, Span>, found: &mut Vec<Diagnostic>) {
        let target = lowering.target;
        let mut by_convention: Option<(Vec<&str>, &str)> = None;
        for (item, at) in asked {
            let meanings = || self.places.get(item).into_iter().flat_map(BTreeMap::values).flatten();
            if let Some(says) = target.misnamed(Named::Item, item) {
                let named = meanings().find(|(meaning, _)| meaning.by_user).map(|(_, at)| *at);
                match named.or_else(|| meanings().next().is_none().then_some(*at)) {
                    Some(at) => found.push(
                        misnamed(lowering, "an item", item, says)
                            .at(at, "")
                            .help(format!("use another name, for example `{}`", slug(item))),
                    ),
                    None => by_convention.get_or_insert((vec![], says)).0.push(item),
                }
            }
            for (property, meanings) in self.places.get(item).into_iter().flatten() {
                let Some(property) = property else { continue };
                let says = target.misnamed(Named::Property, property);
                if let Some((says, (_, at))) = says.zip(meanings.iter().next()) {
                    let found_here = misnamed(lowering, &format!("a property of item `{item}`"), property, says);
                    found.push(found_here.at(*at, "").help("use another name where it is read"));
                }
            }
        }
        let Some((items, says)) = by_convention else { return };
        let diagnostic = misnamed(lowering, "an item", items[0], says).at(target.store.key.at, "sets that name");
        let more = items.len() - 1;
        let diagnostic =
            if more > 0 { diagnostic.note(format!("it also sets {more} more invalid names")) } else { diagnostic };
        let convention = target.store.definition.as_ref().map(|kind| kind.convention(&target.store.said));
        found.push(match convention.filter(|_| target.store.own_key) {
            Some(convention) => diagnostic.help(format!("set `key = \"{convention}\"` under `[secrets]`")),
            None => diagnostic.help("set the item: `item = \"…\"`"),
        });
    }

    /// Reports items with two different secrets in one place: one finding for an item.
    pub fn report(&self, lowering: &Lowering<'_>, found: &mut Vec<Diagnostic>) {
        for (item, properties) in &self.places {
            let clash = properties.iter().find_map(|(property, meanings)| {
                let whole = properties.get(&None).filter(|_| property.is_some()).into_iter().flatten();
                let all: Vec<Placed<'_>> = meanings.iter().chain(whole).collect();
                let (first, second) = pair(&all)?;
                Some((property, first, second))
            });
            let Some((property, first, second)) = clash else { continue };
            let place = property.as_ref().map_or_else(|| item.clone(), |property| format!("{item}#{property}"));
            let message =
                format!("two different secrets would share `{place}`: {} and {}", said(first.0), said(second.0));
            let store = &lowering.target.store;
            let mut finding = Diagnostic::error(&SHARED_ITEM, message);
            if !(first.0.by_user && second.0.by_user) {
                finding = finding.at(store.key.at, format!("`{}` gives both this item", store.key));
            }
            for (meaning, at) in [first, second] {
                finding = finding.at(*at, format!("`{}` of {}", meaning.field, meaning.owner));
            }
            let key = ["component", "secret"].map(|root| format!("${{{root}.name}}"));
            let missing: Vec<&str> = key.iter().map(String::as_str).filter(|name| !store.key.contains(name)).collect();
            let help = if first.0.owner == second.0.owner {
                format!("use the item without `#`, so that each gets its own property: `{item}`")
            } else if missing.is_empty() {
                "separate the names in `key`, or set another item for one of them with `item = \"…\"`".into()
            } else {
                format!(
                    "add {} to `key` under `[secrets]`, or set another item for one of them",
                    quoted_list(missing, "and")
                )
            };
            found.push(finding.help(help));
        }
    }
}

fn misnamed(lowering: &Lowering<'_>, what: &str, name: &str, says: &str) -> Diagnostic {
    let store = &lowering.target.store;
    let message = format!("`{name}` cannot be the name of {what} in the store `{}`", store.name);
    Diagnostic::error(&INVALID_VALUE, message).note(format!("its names can have {says}"))
}

/// A meaning and the place that asks for it.
type Placed<'a> = (&'a Meaning, &'a Span);

/// Returns the first two that mean different things.
fn pair<'a>(all: &[Placed<'a>]) -> Option<(Placed<'a>, Placed<'a>)> {
    let (index, first) = all.iter().enumerate().find(|(i, (m, _))| all[i + 1..].iter().any(|(o, _)| m.clashes(o)))?;
    let second = all[index + 1..].iter().find(|(other, _)| first.0.clashes(other))?;
    Some((*first, *second))
}

fn said(meaning: &Meaning) -> String {
    format!("`{}` of {}", meaning.field, meaning.owner)
}
