//! What a chart says to its user, and what it asks of a cluster: Helm's `required`, `fail`, `lookup`.

use super::super::go::value::{Of, Table, Val};
use super::super::go::vm::{Fail, Outcome, Vm};
use super::Kind::{Any, Str as Text};
use super::{Function, arg, exact, text_of};

pub(super) const FUNCTIONS: &[Function] = &[
    exact("required", &[Text, Any], required),
    exact("fail", &[Text], |_, args| Err(Fail::chart(said(args)))),
    exact("lookup", &[Text, Text, Text, Text], lookup),
    // Helm looks nothing up unless it is told to, and answers with nothing.
    exact("getHostByName", &[Text], |_, _| Ok(Val::str(""))),
];

/// What the chart's author says, as far as anybody reads it.
fn said(args: &[Val]) -> String {
    super::cut(&text_of(args, 0), 4000)
}

/// Only nil and the empty text are missing; `0` and `false` are there.
fn required(_: &mut Vm<'_>, args: &[Val]) -> Outcome {
    match arg(args, 1) {
        Val::Nil => Err(Fail::missing(said(args))),
        Val::Str(text) if text.is_empty() => Err(Fail::missing(said(args))),
        val => Ok(val.clone()),
    }
}

/// There is no cluster: the answer is that of `helm template`, an empty map.
fn lookup(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    /// As much of a text as is kept.
    const MOST: usize = 300;
    let part = |index| text_of(args, index).chars().take(MOST).collect::<String>();
    vm.spend(200)?;
    let place = match (&*part(2), &*part(3)) {
        ("", "") => String::new(),
        ("", name) => format!(" `{name}`"),
        (namespace, "") => format!(" in namespace `{namespace}`"),
        (namespace, name) => format!(" `{name}` in namespace `{namespace}`"),
    };
    vm.note_lookup(format!("{} {}{place}", part(0), part(1)));
    Ok(Val::Map(std::rc::Rc::new(Table::new(Of::Any))))
}
