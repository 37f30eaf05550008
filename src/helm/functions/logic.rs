//! What is empty, what stands in for it, and of which type something is: sprig's `defaults.go` and `reflect.go`.

use super::super::go::value::Val;
use super::super::go::vm::{Outcome, Vm};
use super::Kind::{Any, Bool, Str as Text};
use super::{Function, arg, bytes, equal, exact, variadic};

pub(super) const FUNCTIONS: &[Function] = &[
    variadic("default", &[Any], Any, default),
    exact("empty", &[Any], |_, args| Ok(Val::Bool(is_empty(arg(args, 0))))),
    variadic("coalesce", &[], Any, |_, args| Ok(args.iter().find(|val| !is_empty(val)).cloned().unwrap_or_default())),
    variadic("all", &[], Any, |_, args| Ok(Val::Bool(!args.iter().any(is_empty)))),
    variadic("any", &[], Any, |_, args| Ok(Val::Bool(!args.iter().all(is_empty)))),
    exact("ternary", &[Any, Any, Bool], ternary),
    exact("typeOf", &[Any], |_, args| Ok(Val::str(arg(args, 0).type_name()))),
    exact("typeIs", &[Text, Any], |_, args| Ok(Val::Bool(bytes(args, 0) == arg(args, 1).type_name().as_bytes()))),
    exact("typeIsLike", &[Text, Any], type_is_like),
    exact("kindOf", &[Any], |_, args| Ok(Val::str(arg(args, 0).kind()))),
    exact("kindIs", &[Text, Any], |_, args| Ok(Val::Bool(bytes(args, 0) == arg(args, 1).kind().as_bytes()))),
    exact("deepEqual", &[Any, Any], |vm, args| equal::deep(vm, arg(args, 0), arg(args, 1)).map(Val::Bool)),
];

/// sprig's `empty`, which is the opposite of what `if` asks: structs are never empty.
fn is_empty(val: &Val) -> bool {
    !val.truth()
}

fn default(_: &mut Vm<'_>, args: &[Val]) -> Outcome {
    // Further arguments are ignored.
    Ok(args.get(1).filter(|given| !is_empty(given)).unwrap_or_else(|| arg(args, 0)).clone())
}

fn ternary(_: &mut Vm<'_>, args: &[Val]) -> Outcome {
    Ok(arg(args, usize::from(!arg(args, 2).truth())).clone())
}

fn type_is_like(_: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let (wanted, name) = (bytes(args, 0), arg(args, 1).type_name().as_bytes());
    Ok(Val::Bool(wanted == name || name.strip_prefix(b"*") == Some(wanted)))
}
