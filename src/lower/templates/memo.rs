//! What a template gave before, for the same inputs.
//!
//! Environments mostly agree: the second and third ask the same templates the same questions. A result is remembered per
//! component and template together with the parts of the context that the template reads, and given again when those are
//! equal. So equal objects of several targets are one object in memory, and are compared in no time later.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::watched::Reads;
use crate::lower::Lowered;
use crate::manifest::value::Value;

/// Component and template → what went in and what came out.
type Entries<T> = BTreeMap<(String, String), (Vec<Arc<Value>>, T)>;

/// Results by component and template.
pub struct Memo<T> {
    entries: RefCell<Entries<T>>,
    /// Nobody will ask again after this: what is given is forgotten, and nothing new is remembered.
    last: Cell<bool>,
}

/// What was rendered for earlier targets.
#[derive(Default)]
pub struct Memos {
    /// Helm values of a template, with the API groups that it asked for and what it read.
    pub values: Memo<(Arc<Value>, BTreeSet<String>, Arc<Reads>)>,
    /// Objects of a template, with what it read.
    pub objects: Memo<(Vec<Lowered>, Arc<Reads>)>,
    /// Objects of lakegen's own templates.
    pub made: Memo<Vec<Lowered>>,
}

impl Memos {
    /// Says that the last target comes now.
    pub fn last_round(&self) {
        self.values.last_round();
        self.objects.last_round();
        self.made.last_round();
    }
}

impl<T> Default for Memo<T> {
    fn default() -> Self {
        Self { entries: RefCell::new(BTreeMap::new()), last: Cell::new(false) }
    }
}

impl<T: Clone> Memo<T> {
    /// Says that every question comes for the last time now.
    pub fn last_round(&self) {
        self.last.set(true);
    }

    /// Returns the remembered result for equal inputs, or makes and remembers it; a failure is not remembered.
    pub fn get(
        &self,
        component: &str,
        template: &str,
        inputs: Vec<Arc<Value>>,
        make: impl FnOnce() -> Option<T>,
    ) -> Option<T> {
        let key = (component.to_string(), template.to_string());
        if self.last.get() {
            let before = self.entries.borrow_mut().remove(&key);
            return match before {
                Some((known, result)) if same(&known, &inputs) => Some(result),
                _ => make(),
            };
        }
        if let Some((known, result)) = self.entries.borrow().get(&key)
            && same(known, &inputs)
        {
            return Some(result.clone());
        }
        let result = make()?;
        self.entries.borrow_mut().insert(key, (inputs, result.clone()));
        Some(result)
    }
}

fn same(a: &[Arc<Value>], b: &[Arc<Value>]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| Arc::ptr_eq(a, b) || a == b)
}
