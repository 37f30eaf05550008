//! What a running template may use up, draw from and call: fuel, depth, randomness, the set of templates.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use super::tree::{Template, Templates};
use super::value::{Str, Val};
use crate::helm::functions::Pattern;

/// What a function or a template ends with.
pub type Outcome<T = Val> = Result<T, Box<Fail>>;

/// Why a template stopped.
#[derive(Debug, Clone, Default)]
pub struct Fail {
    pub message: String,
    pub kind: FailKind,
    /// From the innermost place outwards.
    pub frames: Vec<Frame>,
    /// Whether the template that runs now has its frame already.
    pub(super) located: bool,
}

/// What kind of stop it was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FailKind {
    /// The template is wrong, or wrong for these values.
    #[default]
    Execution,
    /// The chart itself said so, by `fail`.
    Chart,
    /// The chart lacks a value, by `required`.
    Missing,
    /// Fuel, depth or size ran out.
    Limit,
}

/// A place that execution was at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The template that was running: a file's path, or the name of a definition.
    pub template: Arc<str>,
    /// The file that its text stands in; empty for a text that `tpl` was given.
    pub file: Arc<str>,
    /// From 1; 0 when the text is not known.
    pub line: u32,
    /// From 1, in bytes.
    pub column: u32,
}

impl Fail {
    pub fn new(message: impl Into<String>) -> Box<Self> {
        Box::new(Self { message: message.into(), ..Self::default() })
    }

    pub fn limit(message: impl Into<String>) -> Box<Self> {
        Box::new(Self { message: message.into(), kind: FailKind::Limit, ..Self::default() })
    }

    /// What the chart's author says of a value that is not set.
    pub fn missing(message: impl Into<String>) -> Box<Self> {
        Box::new(Self { message: message.into(), kind: FailKind::Missing, ..Self::default() })
    }

    /// What the chart's author says to the user.
    pub fn chart(message: impl Into<String>) -> Box<Self> {
        Box::new(Self { message: message.into(), kind: FailKind::Chart, ..Self::default() })
    }
}

impl fmt::Display for Fail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// What one render may use at most.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Steps of evaluation and bytes made, together.
    pub fuel: u64,
    /// Templates within one another, `include`, `template` and `tpl` counted alike.
    pub depth: u32,
    /// Bytes that all templates print together.
    pub output: usize,
}

impl Default for Limits {
    fn default() -> Self {
        // The largest charts of the catalogue use some millions of steps and print 5 MB.
        Self { fuel: 300_000_000, depth: 300, output: 64 << 20 }
    }
}

/// Different questions to the cluster that are kept; a chart asks a few.
const MOST_LOOKUPS: usize = 1000;
/// Each needs a few KiB of stack in a debug build; `inflate` gives so many.
const MAX_LEVELS: u32 = 10_000;

/// The state of one render: all templates of a chart, run one after another.
pub struct Vm<'t> {
    pub(super) templates: &'t Templates,
    /// Definitions made by `tpl` texts that are running now, innermost last.
    pub(super) scopes: Vec<Rc<HashMap<Arc<str>, Arc<Template>>>>,
    /// Texts that `tpl` has compiled.
    pub(super) compiled: HashMap<Str, super::exec::Compiled>,
    pub(super) depth: u32,
    /// Blocks and pipelines that are being evaluated within one another, in all templates together.
    pub(super) levels: u32,
    pub(super) limits: Limits,
    fuel: u64,
    random: u64,
    /// Functions that answer otherwise each time: their names, and the templates that called them.
    unstable: BTreeMap<&'static str, BTreeSet<Arc<str>>>,
    /// The files that drew, as what the chart runs them for, not by where a helper stands.
    drawing: BTreeSet<Arc<str>>,
    /// Calls of `lookup`: what was asked for.
    lookups: BTreeSet<String>,
    pub(super) running: Vec<Arc<str>>,
    /// Places of the file that runs now, by what they have printed.
    pub(super) marks: Vec<super::origins::Mark>,
    /// Compiled regular expressions, for the functions that take one.
    pub(in crate::helm) patterns: HashMap<Str, Rc<Pattern>>,
}

impl<'t> Vm<'t> {
    /// `seed` decides all that is random; 0 is as good as any.
    pub fn new(templates: &'t Templates, limits: Limits, seed: u64) -> Self {
        Self {
            templates,
            scopes: Vec::new(),
            compiled: HashMap::new(),
            depth: 0,
            levels: 0,
            limits,
            fuel: limits.fuel,
            random: seed,
            unstable: BTreeMap::new(),
            drawing: BTreeSet::new(),
            lookups: BTreeSet::new(),
            running: Vec::new(),
            marks: Vec::new(),
            patterns: HashMap::new(),
        }
    }

    /// Counts work: one per step, one per byte or element that is made. Ask before making something large.
    ///
    /// # Errors
    /// When the render has used up all it may.
    pub fn spend(&mut self, amount: usize) -> Outcome<()> {
        match self.fuel.checked_sub(amount as u64) {
            Some(left) => {
                self.fuel = left;
                Ok(())
            }
            None => Err(Fail::limit("this chart exceeds its work limit, through an endless loop or very large texts")),
        }
    }

    /// Goes one block or pipeline deeper; who comes out again takes it off. After an error nobody does, because nothing
    /// runs after it.
    ///
    /// # Errors
    /// When it is too deep for the stack that a render runs on.
    pub(super) fn enter(&mut self) -> Outcome<()> {
        if self.levels >= MAX_LEVELS {
            return Err(Fail::limit(format!(
                "blocks, parentheses and templates are nested more than {MAX_LEVELS} levels deep"
            )));
        }
        self.levels += 1;
        Ok(())
    }

    /// What this render may use.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Fuel used so far.
    pub fn used(&self) -> u64 {
        self.limits.fuel - self.fuel
    }

    /// How much fuel is left.
    pub fn left(&self) -> u64 {
        self.fuel
    }

    /// Returns 64 random bits (SplitMix64 of the seed). Who hands them on notes its function with [`Vm::note_unstable`].
    pub fn draw(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Notes that `function` answers otherwise each time.
    pub fn note_unstable(&mut self, function: &'static str) {
        let file = self.running.last().cloned().unwrap_or_default();
        self.unstable.entry(function).or_default().insert(file);
        self.drawing.extend(self.running.first().cloned());
    }

    /// The time that `now` tells, in seconds since 1970: fixed for a seed, because a compile has no clock.
    pub fn now(&mut self) -> i64 {
        self.note_unstable("now");
        // 2025-01-01 and a seed's worth of days: two seeds show what depends on the time.
        1_735_689_600 + i64::try_from(self.random % 300).unwrap_or(0) * 86_400
    }

    /// Notes what `lookup` was asked for; the answer is always empty, as in `helm template`. Of very many only the first
    /// are kept.
    pub fn note_lookup(&mut self, what: String) {
        if self.lookups.len() < MOST_LOOKUPS {
            self.lookups.insert(what);
        }
    }

    /// Functions whose answers change from render to render, with the templates that called them.
    pub fn unstable(&self) -> &BTreeMap<&'static str, BTreeSet<Arc<str>>> {
        &self.unstable
    }

    /// The files that print otherwise each time, because they or what they include call such functions.
    pub fn drawing(&self) -> &BTreeSet<Arc<str>> {
        &self.drawing
    }

    /// What `lookup` was asked for.
    pub fn lookups(&self) -> &BTreeSet<String> {
        &self.lookups
    }
}
