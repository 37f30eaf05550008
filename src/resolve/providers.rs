//! Who can be bound in a target: components, the cluster's shared ones and externals; and what is said when none fits.

use std::collections::BTreeMap;

use super::externals::External;
use super::instances::Instance;
use super::{AMBIGUOUS_PROVIDER, MISSING_PROVIDER, MISTYPED_WIRING, Target};
use crate::catalog::{self, Offer};
use crate::diag::{Diagnostic, Span, quoted_list};
use crate::settings::Text;

/// Something that can be bound: a component or an external.
pub enum Provider<'a> {
    Instance(&'a Instance),
    External(&'a External),
}

/// A provider with its name.
pub struct Named<'a> {
    pub name: &'a str,
    pub provider: Provider<'a>,
    pub span: Span,
}

impl<'a> Named<'a> {
    fn component(instance: &'a Instance) -> Self {
        Self { name: &instance.name, span: instance.span, provider: Provider::Instance(instance) }
    }

    fn outside(name: &'a str, external: &'a External) -> Self {
        Self { name, span: external.span, provider: Provider::External(external) }
    }

    /// Returns the component, when it is one.
    pub fn instance(&self) -> Option<&'a Instance> {
        match self.provider {
            Provider::Instance(instance) => Some(instance),
            Provider::External(_) => None,
        }
    }

    /// Returns the external, when it is one.
    pub fn external(&self) -> Option<&'a External> {
        match self.provider {
            Provider::External(external) => Some(external),
            Provider::Instance(_) => None,
        }
    }

    /// Returns the namespace of the component.
    pub fn namespace(&self) -> Option<&'a str> {
        self.instance().map(|i| i.namespace.as_str())
    }

    /// Returns the offer of a component for a capability.
    pub fn offer(&self, capability: &str) -> Option<&'a Offer> {
        self.instance()?.definition.provides.get(capability)
    }

    /// Says whether it offers a capability.
    pub fn provides(&self, capability: &str) -> bool {
        match self.provider {
            Provider::Instance(instance) => instance.definition.provides.contains_key(capability),
            Provider::External(external) => external.provides(capability),
        }
    }

    fn offers(&self) -> String {
        match self.provider {
            Provider::Instance(instance) => instance.definition.offered(),
            Provider::External(external) => quoted_list(external.words.provides.iter().map(Text::as_str), "and"),
        }
    }
}

/// Returns everything of a target that can be bound: its components, the cluster's shared ones, externals.
pub fn providers(targets: &[Target], index: usize) -> Vec<Named<'_>> {
    let target = &targets[index];
    let shared = target.shared.map(|i| &targets[i]);
    let instances = target.instances.values().chain(shared.into_iter().flat_map(|t| t.instances.values()));
    instances
        .map(Named::component)
        .chain(target.external.iter().map(|(name, external)| Named::outside(name, external)))
        .collect()
}

/// Returns the component or external of a name.
pub fn provider<'a>(targets: &'a [Target], index: usize, name: &str) -> Option<Named<'a>> {
    let target = &targets[index];
    let shared = || target.shared.and_then(|i| targets[i].instances.get(name));
    let component = target.instances.get(name).or_else(shared).map(Named::component);
    component.or_else(|| target.external.get_key_value(name).map(|(name, external)| Named::outside(name, external)))
}

/// Who offers what in a target: capability → names, in order.
pub type Offers = BTreeMap<String, Vec<String>>;

/// Returns who offers what in a target.
pub fn offers(targets: &[Target], index: usize) -> Offers {
    let mut offers = Offers::new();
    for provider in providers(targets, index) {
        let capabilities: Vec<String> = match provider.provider {
            Provider::Instance(instance) => instance.definition.provides.keys().cloned().collect(),
            Provider::External(external) => external.words.provides.iter().map(String::from).collect(),
        };
        for capability in capabilities {
            offers.entry(capability).or_default().push(provider.name.to_string());
        }
    }
    offers
}

/// Says how to get a provider.
pub fn add_one(capabilities: &[String]) -> String {
    let known: Vec<&str> = capabilities.iter().flat_map(|c| catalog::providers_of(c)).collect();
    match known.first() {
        Some(first) => format!(
            "add one of them under `[components]`, for example `{first} = {{}}`, or describe an existing one under \
            `[external]`"
        ),
        None => "describe an existing one under `[external]`".into(),
    }
}

/// Nothing provides it.
pub fn missing(subject: &str, capabilities: &[String], at: Span) -> Diagnostic {
    let wanted = quoted_list(capabilities.iter().map(String::as_str), "or");
    let known: Vec<&str> = capabilities.iter().flat_map(|c| catalog::providers_of(c)).collect();
    let diagnostic = Diagnostic::error(&MISSING_PROVIDER, format!("{subject} needs {wanted}, but nothing provides it"))
        .at(at, format!("requires {wanted}"));
    let diagnostic = if known.is_empty() {
        diagnostic
    } else {
        diagnostic.note(format!("provided by {}", quoted_list(known, "and")))
    };
    diagnostic.help(add_one(capabilities))
}

/// Several provide it.
pub fn ambiguous(subject: &str, capability: &str, at: Span, several: &[&Named<'_>], remedy: &str) -> Diagnostic {
    let names = quoted_list(several.iter().map(|p| p.name), "and");
    let mut diagnostic = Diagnostic::error(
        &AMBIGUOUS_PROVIDER,
        format!(
            "{subject} needs `{capability}`, but more than one provides \
        it: {names}"
        ),
    )
    .at(at, "which one?");
    for provider in several {
        diagnostic = diagnostic.at(provider.span, "could provide it");
    }
    diagnostic.help(format!("add {remedy}"))
}

/// What was named does not provide it.
pub fn mistyped(at: Span, name: &str, provider: &Named<'_>, wanted: &[String], subject: &str) -> Diagnostic {
    let wanted = quoted_list(wanted.iter().map(String::as_str), "or");
    let offers = provider.offers();
    let offers = if offers.is_empty() { "nothing a slot can bind".to_string() } else { offers };
    Diagnostic::error(&MISTYPED_WIRING, format!("{subject} needs {wanted}, but `{name}` does not provide it"))
        .at(at, format!("needs {wanted}"))
        .at(provider.span, format!("provides {offers}"))
}
