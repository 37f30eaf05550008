//! `merge` and its relatives, as dario.cat/mergo v1.0.1 merges maps: maps in, the first one changed in place.
//!
//! Nested maps of a source are shared, not copied, where the target has none. What is empty in the target (false, 0,
//! "", an empty list or map, nil) is overwritten always; nil in a source overwrites only where all is overwritten.

use std::rc::Rc;

use super::super::go::value::{Entry, Of, Str, Table, Val};
use super::super::go::vm::{Fail, Outcome, Vm};
use super::{arg, dicts};

/// What copying, finding and setting an entry costs, and what a map costs besides.
const PER_ENTRY: usize = 16;
const PER_MAP: usize = 8;

/// Merges all further arguments into the first, one after another.
///
/// # Errors
/// When maps are nested too deep; Go finds no fault with any maps, so the `must` functions are the same.
pub(super) fn all(vm: &mut Vm<'_>, args: &[Val], overwrite: bool) -> Outcome {
    let Some(target) = dicts::map(args, 0) else { return Ok(arg(args, 0).clone()) };
    // A nil map is replaced by a new one.
    let target = if target.of == Of::Nil { &Rc::new(Table::new(Of::Any)) } else { target };
    for index in 1..args.len() {
        let Some(source) = dicts::map(args, index) else { continue };
        into(vm, target, source, overwrite, 0)?;
    }
    Ok(Val::Map(target.clone()))
}

/// mergo's `deepMerge` for two maps.
fn into(vm: &mut Vm<'_>, target: &Rc<Table>, source: &Rc<Table>, overwrite: bool, depth: usize) -> Outcome<()> {
    const MAX_DEPTH: usize = 500;
    if depth > MAX_DEPTH {
        return Err(Fail::limit(format!("a map is nested more than {MAX_DEPTH} levels deep, or contains itself")));
    }
    if Rc::ptr_eq(target, source) {
        return Ok(());
    }
    vm.spend(source.len().saturating_mul(PER_ENTRY).saturating_add(PER_MAP))?;
    let entries = source.entries().clone();
    for (key, entry) in entries {
        let old = target.entry(&key).map(|old| old.val);
        if matches!(entry.val, Val::Nil) {
            if overwrite {
                set(vm, target, key, entry)?;
            }
            continue;
        }
        let full = old.as_ref().is_some_and(|old| !is_empty(old));
        if let (Val::Map(from), Some(Val::Map(to))) = (&entry.val, &old) {
            into(vm, to, from, overwrite, depth + 1)?;
            if !to.is_empty() {
                continue;
            }
        }
        if overwrite || !full {
            set(vm, target, key, entry)?;
        }
    }
    Ok(())
}

/// Sets an entry; the map keeps its entries in order, so a new one moves those behind it.
fn set(vm: &mut Vm<'_>, target: &Table, key: Str, entry: Entry) -> Outcome<()> {
    vm.spend(target.len() / 4)?;
    target.set(key, entry);
    Ok(())
}

/// What mergo takes for empty; structs are never.
fn is_empty(val: &Val) -> bool {
    match val {
        Val::Object(object) if object.kind() == "struct" => false,
        _ => !val.truth(),
    }
}
