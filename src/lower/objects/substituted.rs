//! What Flux replaces in the cluster (`[flux] substitute`), and every other `$` protected from it.
//!
//! Facts: fluxcd.io/flux/components/kustomize "Post build variable substitution"; fluxcd/pkg envsubst/parse: every `$$`
//! becomes `$`, and only `${` begins a variable.

use crate::catalog::Stage;
use crate::lower::{Lowering, TargetManifests};
use crate::manifest::value::{Map, Value};
use crate::resolve::Engine;

/// Protects every `$` that Flux must leave alone, where it replaces anything at all, and notes where that is.
pub fn protect(lowering: &Lowering<'_>, out: &mut TargetManifests) {
    if lowering.platform.engine != Engine::Flux {
        return;
    }
    let names: Vec<&str> = lowering.target.settings.flux.substitute.keys().map(String::as_str).collect();
    if names.is_empty() {
        return;
    }
    for (component, unit) in &mut out.components {
        for stage in Stage::ALL {
            let objects = unit.stages.get(&stage).map(Vec::as_slice).unwrap_or_default();
            let patches = unit.patches.get(&stage).map(Vec::as_slice).unwrap_or_default();
            let values = unit.values.as_ref().filter(|_| stage == Stage::Release);
            let named = objects.iter().any(|l| mentions(l.object.value(), &names))
                || patches.iter().any(|p| mentions(p, &names))
                || values.is_some_and(|v| mentions(v, &names));
            if !named {
                continue;
            }
            out.substituted.insert((component.clone(), stage));
            for lowered in unit.stages.get_mut(&stage).into_iter().flatten() {
                if has_dollar(lowered.object.value()) {
                    let value = protected(lowered.object.value(), &names);
                    *lowered.object.value_mut() = value;
                }
            }
            for patch in unit.patches.get_mut(&stage).into_iter().flatten() {
                *patch = protected(patch, &names);
            }
            if let Some(values) = unit.values.as_mut().filter(|_| stage == Stage::Release) {
                *values = protected(values, &names).into();
            }
        }
    }
}

fn any_text(value: &Value, test: &dyn Fn(&str) -> bool) -> bool {
    match value {
        Value::Str(text) => test(text),
        Value::List(list) => list.iter().any(|v| any_text(v, test)),
        Value::Map(map) => map.iter().any(|(key, v)| test(key) || any_text(v, test)),
        _ => false,
    }
}

fn has_dollar(value: &Value) -> bool {
    any_text(value, &|text| text.contains('$'))
}

fn mentions(value: &Value, names: &[&str]) -> bool {
    any_text(value, &|text| text.match_indices("${").any(|(at, _)| meant(&text[at..], names).is_some()))
}

/// Returns the length of the variable that a text begins with: `${NAME}` or `${NAME:=default}`.
fn meant(text: &str, names: &[&str]) -> Option<usize> {
    let rest = text.strip_prefix("${")?;
    let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_'))?;
    let closed = rest[end..].find('}')?;
    (names.contains(&&rest[..end]) && rest[end..].starts_with(['}', ':', '=', ',', '^', '/', '#', '%']))
        .then_some(2 + end + closed + 1)
}

fn protected(value: &Value, names: &[&str]) -> Value {
    match value {
        Value::Str(text) => Value::from(escaped(text, names)),
        Value::List(list) => Value::List(list.iter().map(|v| protected(v, names)).collect()),
        Value::Map(map) => {
            Value::Map(map.iter().map(|(key, v)| (escaped(key, names).into(), protected(v, names))).collect::<Map>())
        }
        other => other.clone(),
    }
}

/// Doubles every `$` but those of the variables that are meant.
fn escaped(text: &str, names: &[&str]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(length) = meant(rest, names) {
            out.push_str(&rest[..length]);
            rest = &rest[length..];
        } else {
            out.push_str("$$");
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_meant_stays() {
        let names = ["IP"];
        for (from, to) in [
            ("a ${IP} b", "a ${IP} b"),
            ("${IP:=1.2.3.4}", "${IP:=1.2.3.4}"),
            ("${IPS} $IP $$ ${x}", "$${IPS} $$IP $$$$ $${x}"),
            ("$${IP}", "$$${IP}"),
            ("${IP", "$${IP"),
            ("ends with $", "ends with $$"),
        ] {
            assert_eq!(escaped(from, &names), to, "{from}");
        }
    }
}
