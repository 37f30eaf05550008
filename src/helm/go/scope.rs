//! Variables of a template while it is parsed: which can be named where, and in which slot each stands.

use std::borrow::Cow;

/// The variables that can be named here, each in the slot of its index.
pub(super) struct Scope {
    pub(super) names: Vec<Cow<'static, str>>,
    /// Variables of a body, which Go's parser still knows in the `else` behind it, and which have no value there.
    pub(super) gone: Vec<Cow<'static, str>>,
    pub(super) slots: usize,
}

impl Default for Scope {
    fn default() -> Self {
        Self { names: vec![Cow::Borrowed("$")], gone: Vec::new(), slots: 1 }
    }
}

impl Scope {
    pub(super) fn declare(&mut self, name: &str) -> usize {
        self.names.push(Cow::Owned(name.to_owned()));
        self.slots = self.slots.max(self.names.len());
        self.names.len() - 1
    }

    /// Leaves a body: its variables have no value any more.
    pub(super) fn leave(&mut self, bound: usize) {
        let left = self.names.drain(bound..);
        self.gone.extend(left);
    }

    /// Leaves a whole block.
    pub(super) fn close(&mut self, known: usize, gone: usize) {
        self.names.truncate(known);
        self.gone.truncate(gone);
    }
}
