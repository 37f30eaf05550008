//! Values at run time, with the kinds that Go tells apart.
//!
//! Maps are shared and change in place, because `set` and `merge` do that in a chart; lists never change. Every entry of
//! the values of a release carries a flag that says whether a template has read it ([`Seen`]); a copy of an entry shares
//! the flag. Asking a map for a key it does not have is noted too, in maps that stem from values.

use std::any::Any;
use std::cell::{Cell, Ref, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::vm::{Outcome, Vm};
use crate::manifest::value::{Map, Value};

/// A string at run time; the texts of values and templates are shared, not copied.
pub type Str = Arc<str>;
/// When something last read the entry, counted in readings of values; 0 as long as nothing has.
pub type Seen = Rc<Cell<u64>>;

thread_local! {
    /// Readings of values so far; a render has a thread of its own.
    static READINGS: Cell<u64> = const { Cell::new(0) };
}

thread_local! {
    /// The file of templates that runs now, by number; 0 before the first.
    static FILE: Cell<u32> = const { Cell::new(0) };
    /// Whether a file has changed a map that it did not make itself.
    static CROSSED: Cell<bool> = const { Cell::new(false) };
}

/// Tells maps which file runs from now on.
pub(in crate::helm) fn enter_file(number: u32) {
    FILE.set(number);
}

/// Says whether any file has changed a map of another one, or one that all of them see, and forgets it.
pub(in crate::helm) fn has_crossed() -> bool {
    CROSSED.take()
}

fn next_reading() -> u64 {
    READINGS.with(|readings| {
        readings.set(readings.get() + 1);
        readings.get()
    })
}

/// A value that templates compute with.
#[derive(Clone, Default)]
pub enum Val {
    /// An untyped nil: a missing key, a YAML null.
    #[default]
    Nil,
    Bool(bool),
    /// Go's `int`: literals, lengths, indexes.
    Int(i64),
    /// Go's `int64`: what sprig's arithmetic returns.
    Int64(i64),
    /// Go's `uint8`: a byte of an indexed string.
    Byte(u8),
    /// Go's `float64`: every number that was read from YAML or JSON.
    Float(f64),
    Str(Str),
    /// A Go string that is not UTF-8, which only `b64dec` and its like can make.
    Raw(Rc<[u8]>),
    /// Go's `[]byte`.
    Bytes(Rc<[u8]>),
    List(Rc<List>),
    Map(Rc<Table>),
    /// Something with methods or fields: `.Files`, `.Capabilities`, a time, a version.
    Object(Rc<dyn Object>),
}

/// A slice; it never changes once made.
#[derive(Debug, Default)]
pub struct List {
    pub items: Vec<Val>,
    pub of: Of,
}

/// The element type of a list or map, as Go prints it in `typeOf`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Of {
    /// `interface {}`
    #[default]
    Any,
    /// `string`
    Str,
    /// `int`
    Int,
    /// `map[string]interface {}`; of lists only
    Map,
    /// `[]interface {}`; of lists only
    List,
    /// `interface {}` in a list or map that is nil: it is empty, but JSON and YAML write it as `null`
    Nil,
    /// `string` in a list that is nil
    NilStr,
    /// `chartutil.Values`, a `map[string]interface {}` by another name; of maps only
    Values,
}

/// A map with string keys, sorted as Go sorts them.
pub struct Table {
    entries: RefCell<Vec<(Str, Entry)>>,
    pub of: Of,
    /// The file that made it.
    file: u32,
    /// Keys that were asked for and are not there; kept only for maps of the values.
    missed: Option<Missed>,
}

/// Keys that a map of the values lacks, and how many more may be noted in all maps of the release together.
struct Missed {
    /// With the time when each was last asked for.
    keys: RefCell<BTreeMap<Str, u64>>,
    left: Rc<Cell<usize>>,
}

/// A chart asks for the keys that stand in its templates; one that makes up millions is not told all of them.
const MOST_MISSED: usize = 100_000;
/// Bytes of a key that is noted.
const MAX_MISSED: usize = 1000;

/// A value in a map, and the flag of the value in the release's values that it is a copy of.
#[derive(Clone, Default)]
pub struct Entry {
    pub val: Val,
    pub seen: Option<Seen>,
}

impl Entry {
    fn read(&self) -> Val {
        if let Some(seen) = &self.seen {
            seen.set(next_reading());
        }
        self.val.clone()
    }
}

impl From<Val> for Entry {
    fn from(val: Val) -> Self {
        Self { val, seen: None }
    }
}

/// Something with methods or fields.
pub trait Object {
    /// Go's name of the type, as `typeOf` and error messages show it.
    fn type_name(&self) -> &'static str;
    /// Go's name of the kind, as `kindOf` shows it.
    fn kind(&self) -> &'static str;
    /// The field of that name.
    fn field(&self, _name: &str) -> Option<Val> {
        None
    }
    /// Calls the method of that name, when there is one.
    fn call(&self, _name: &str, _vm: &mut Vm<'_>, _args: &[Val]) -> Option<Outcome> {
        None
    }
    /// How many elements it holds, for counting the work of looking through them.
    fn size(&self) -> usize {
        0
    }
    /// What `range` walks and `len` counts, when that is possible: keys (none for a list) and values.
    fn items(&self) -> Option<Vec<(Option<Str>, Val)>> {
        None
    }
    /// Whether `if` takes it as true: structs always, lists and maps unless they are empty.
    fn truth(&self) -> bool {
        true
    }
    /// As `%v` prints it.
    fn print(&self) -> String;
    /// As `toYaml` and `toJson` see it.
    fn plain(&self) -> Val;
    /// For functions that want the thing itself.
    fn as_any(&self) -> &dyn Any;
}

impl Table {
    /// A map that `of` says the type of.
    pub fn new(of: Of) -> Self {
        Self { entries: RefCell::default(), of, file: FILE.get(), missed: None }
    }

    /// The same map as another type.
    pub fn typed(mut self, of: Of) -> Self {
        self.of = of;
        self
    }

    /// The value under a key, which counts as read; a key that is not there counts as asked for.
    pub fn get(&self, key: &str) -> Option<Val> {
        let entries = self.entries.borrow();
        if let Ok(at) = find(&entries, key) {
            return Some(entries[at].1.read());
        }
        if let Some(Missed { keys, left }) = &self.missed {
            let mut keys = keys.borrow_mut();
            if let Some(at) = keys.get_mut(key) {
                *at = next_reading();
            } else if left.get() > 0 && key.len() < MAX_MISSED {
                left.set(left.get() - 1);
                keys.insert(Str::from(key), next_reading());
            }
        }
        None
    }

    /// Says whether the key is there; that counts as reading it.
    pub fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// The entry under a key as it is, for copying it; this is not a reading.
    pub fn entry(&self, key: &str) -> Option<Entry> {
        let entries = self.entries.borrow();
        find(&entries, key).ok().map(|at| entries[at].1.clone())
    }

    fn note_change(&self) {
        if self.file != FILE.get() {
            CROSSED.set(true);
        }
    }

    /// Sets a key in place, for everybody who holds this map.
    pub fn set(&self, key: Str, entry: impl Into<Entry>) {
        self.note_change();
        let mut entries = self.entries.borrow_mut();
        match find(&entries, &key) {
            Ok(at) => entries[at].1 = entry.into(),
            Err(at) => entries.insert(at, (key, entry.into())),
        }
    }

    /// Takes a key out in place.
    pub fn remove(&self, key: &str) {
        self.note_change();
        let mut entries = self.entries.borrow_mut();
        if let Ok(at) = find(&entries, key) {
            entries.remove(at);
        }
    }

    /// All keys, sorted.
    pub fn keys(&self) -> Vec<Str> {
        self.entries.borrow().iter().map(|(key, _)| key.clone()).collect()
    }

    /// All entries as they are, for copying or for looking without reading.
    pub fn entries(&self) -> Ref<'_, Vec<(Str, Entry)>> {
        self.entries.borrow()
    }

    /// All keys and values, in the order of keys; all count as read.
    pub fn read_all(&self) -> Vec<(Str, Val)> {
        self.entries.borrow().iter().map(|(key, entry)| (key.clone(), entry.read())).collect()
    }

    pub fn len(&self) -> usize {
        self.entries.borrow().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The keys that were asked for and are not there, and when they last were.
    pub fn missed(&self) -> Vec<(Str, u64)> {
        let missed = self.missed.as_ref().map(|missed| missed.keys.borrow());
        missed.map(|keys| keys.iter().map(|(key, at)| (key.clone(), *at)).collect()).unwrap_or_default()
    }
}

// A chart can nest values as deep as its fuel lasts; dropping them level by level must not need a stack as deep.
impl Drop for List {
    fn drop(&mut self) {
        let nested = self.items.extract_if(.., |item| item.is_nested()).collect::<Vec<_>>();
        take_apart(nested);
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        take_apart(self.nested());
    }
}

impl Table {
    /// Takes out the values that hold others.
    fn nested(&mut self) -> Vec<Val> {
        let entries = self.entries.get_mut().iter_mut();
        entries.filter(|(_, entry)| entry.val.is_nested()).map(|(_, entry)| std::mem::take(&mut entry.val)).collect()
    }
}

/// Drops values, and what only they hold, one after another.
fn take_apart(mut nested: Vec<Val>) {
    while let Some(val) = nested.pop() {
        match val {
            Val::List(list) => {
                if let Ok(mut list) = Rc::try_unwrap(list) {
                    nested.extend(list.items.extract_if(.., |item| item.is_nested()));
                }
            }
            Val::Map(map) => {
                if let Ok(mut map) = Rc::try_unwrap(map) {
                    nested.extend(map.nested());
                }
            }
            _ => {}
        }
    }
}

impl FromIterator<(Str, Entry)> for Table {
    fn from_iter<T: IntoIterator<Item = (Str, Entry)>>(entries: T) -> Self {
        let mut entries: Vec<_> = entries.into_iter().collect();
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        entries.dedup_by(|later, earlier| {
            let same = later.0 == earlier.0;
            if same {
                earlier.1 = later.1.clone(); // The last one wins.
            }
            same
        });
        Self { entries: RefCell::new(entries), of: Of::Any, file: FILE.get(), missed: None }
    }
}

fn find(entries: &[(Str, Entry)], key: &str) -> Result<usize, usize> {
    entries.binary_search_by(|(other, _)| (**other).cmp(key))
}

impl Val {
    pub fn str(text: &str) -> Self {
        Self::Str(Str::from(text))
    }

    /// A `[]interface {}`.
    pub fn list(items: Vec<Val>) -> Self {
        Self::List(Rc::new(List { items, of: Of::Any }))
    }

    /// A `[]string`.
    pub fn strings<S: AsRef<str>>(items: impl IntoIterator<Item = S>) -> Self {
        let items = items.into_iter().map(|item| Self::str(item.as_ref())).collect();
        Self::List(Rc::new(List { items, of: Of::Str }))
    }

    /// A `map[string]interface {}`.
    pub fn map(entries: impl IntoIterator<Item = (Str, Val)>) -> Self {
        Self::Map(Rc::new(entries.into_iter().map(|(key, val)| (key, Entry::from(val))).collect()))
    }

    pub fn object(object: impl Object + 'static) -> Self {
        Self::Object(Rc::new(object))
    }

    /// Whether it holds other values.
    fn is_nested(&self) -> bool {
        matches!(self, Self::List(_) | Self::Map(_))
    }

    /// The text, when this is a string that is UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The bytes, when this is a string of any kind or `[]byte`.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Str(text) => Some(text.as_bytes()),
            Self::Raw(bytes) | Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// A Go string of these bytes.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        match String::from_utf8(bytes) {
            Ok(text) => Self::Str(Str::from(text)),
            Err(error) => Self::Raw(Rc::from(error.into_bytes())),
        }
    }

    /// Whether `if` takes this as true (text/template's `IsTrue`).
    pub fn truth(&self) -> bool {
        match self {
            Self::Nil => false,
            Self::Bool(b) => *b,
            Self::Int(i) | Self::Int64(i) => *i != 0,
            Self::Byte(b) => *b != 0,
            Self::Float(f) => *f != 0.0,
            Self::Str(text) => !text.is_empty(),
            Self::Raw(bytes) | Self::Bytes(bytes) => !bytes.is_empty(),
            Self::List(list) => !list.items.is_empty(),
            Self::Map(map) => !map.is_empty(),
            Self::Object(object) => object.truth(),
        }
    }

    /// Go's name of the type, as `typeOf` shows it; `<nil>` for nil.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Nil => "<nil>",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Int64(_) => "int64",
            Self::Byte(_) => "uint8",
            Self::Float(_) => "float64",
            Self::Str(_) | Self::Raw(_) => "string",
            Self::Bytes(_) => "[]uint8",
            Self::List(list) => match list.of {
                Of::Any | Of::Nil => "[]interface {}",
                Of::Str | Of::NilStr => "[]string",
                Of::Int => "[]int",
                Of::Map => "[]map[string]interface {}",
                Of::List => "[][]interface {}",
                Of::Values => "[]chartutil.Values",
            },
            Self::Map(map) => match map.of {
                Of::Any | Of::Nil => "map[string]interface {}",
                Of::Str | Of::NilStr => "map[string]string",
                Of::Int => "map[string]int",
                Of::Map => "map[string]map[string]interface {}",
                Of::List => "map[string][]interface {}",
                Of::Values => "chartutil.Values",
            },
            Self::Object(object) => object.type_name(),
        }
    }

    /// Go's name of the kind, as `kindOf` shows it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Nil => "invalid",
            Self::List(_) | Self::Bytes(_) => "slice",
            Self::Map(_) => "map",
            Self::Object(object) => object.kind(),
            _ => self.type_name(),
        }
    }

    /// Makes run-time values of data: every number a `float64`, as `sigs.k8s.io/yaml` hands them to Helm.
    pub fn from_data(value: &Value) -> Self {
        match value {
            Value::Null => Self::Nil,
            Value::Bool(b) => Self::Bool(*b),
            #[expect(clippy::cast_precision_loss, reason = "as Go's encoding/json does")]
            Value::Int(i) => Self::Float(*i as f64),
            Value::Float(f) => Self::Float(*f),
            Value::Str(text) => Self::Str(text.clone()),
            Value::List(list) => Self::list(list.iter().map(Self::from_data).collect()),
            Value::Map(map) => Self::map(map.iter().map(|(key, value)| (key.clone(), Self::from_data(value)))),
        }
    }

    /// As [`Val::from_data`] for the values of a release: every entry with a flag, and every map noting what it lacks.
    pub fn from_values(map: &Map, of: Of) -> Rc<Table> {
        Self::tracked_map(map, of, &Rc::new(Cell::new(MOST_MISSED)))
    }

    fn tracked_map(map: &Map, of: Of, left: &Rc<Cell<usize>>) -> Rc<Table> {
        let entry = |value| Entry { val: Self::tracked(value, left), seen: Some(Seen::default()) };
        let mut entries: Vec<(Str, Entry)> = map.iter().map(|(key, value)| (key.clone(), entry(value))).collect();
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        let missed = Missed { keys: RefCell::default(), left: left.clone() };
        Rc::new(Table { entries: RefCell::new(entries), of, file: FILE.get(), missed: Some(missed) })
    }

    fn tracked(value: &Value, left: &Rc<Cell<usize>>) -> Self {
        match value {
            Value::Map(map) => Self::Map(Self::tracked_map(map, Of::Any, left)),
            Value::List(list) => Self::list(list.iter().map(|item| Self::tracked(item, left)).collect()),
            _ => Self::from_data(value),
        }
    }

    /// Makes data of a run-time value; all that it holds counts as read.
    ///
    /// Whole floats become integers when they are exact, as they print in JSON. `None` for what JSON cannot say: an
    /// infinite number, or a map that holds itself.
    pub fn to_data(&self) -> Option<Value> {
        self.data_at(0)
    }

    fn data_at(&self, depth: usize) -> Option<Value> {
        /// Deeper than any document that our readers take; a map that holds itself ends here.
        const MAX_DEPTH: usize = 256;
        if depth > MAX_DEPTH {
            return None;
        }
        Some(match self {
            Self::Nil => Value::Null,
            Self::Bool(b) => Value::Bool(*b),
            Self::Int(i) | Self::Int64(i) => Value::Int((*i).into()),
            Self::Byte(b) => Value::Int((*b).into()),
            Self::Float(f) if !f.is_finite() => return None,
            #[expect(clippy::cast_possible_truncation, reason = "below 1e15 every whole float is an exact integer")]
            Self::Float(f) if f.fract() == 0.0 && f.abs() < 1e15 => Value::Int(*f as i128),
            Self::Float(f) => Value::Float(*f),
            Self::Str(text) => Value::Str(text.clone()),
            Self::Raw(bytes) => Value::from(&*String::from_utf8_lossy(bytes)),
            Self::Bytes(bytes) => Value::from(base64(bytes)),
            Self::List(list) if matches!(list.of, Of::Nil | Of::NilStr) => Value::Null,
            Self::Map(map) if map.of == Of::Nil && map.is_empty() => Value::Null,
            Self::List(list) => {
                Value::List(list.items.iter().map(|item| item.data_at(depth + 1)).collect::<Option<_>>()?)
            }
            Self::Map(map) => {
                let entries = map.read_all();
                let mut out = Map::default();
                for (key, val) in entries {
                    out.insert(key, val.data_at(depth + 1)?);
                }
                Value::Map(out)
            }
            Self::Object(object) => object.plain().data_at(depth + 1)?,
        })
    }
}

/// Base64 with the standard alphabet and padding.
pub fn base64(bytes: &[u8]) -> String {
    BASE64_STANDARD.encode(bytes)
}

impl fmt::Debug for Val {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.type_name(), super::print::value(self))
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.entries().iter().map(|(key, entry)| (key, &entry.val))).finish()
    }
}
