//! Templates in compiled form: names of functions and variables are resolved, texts and names are shared.
//!
//! A compiled template holds no run-time value, so charts can share it between releases and threads.

use std::collections::HashMap;
use std::sync::Arc;

use crate::helm::functions::Function;

/// All templates of a chart and its subcharts by name.
#[derive(Default)]
pub struct Templates(pub HashMap<Arc<str>, Arc<Template>>);

/// A file, or one of the definitions in it.
#[derive(Debug)]
pub struct Template {
    pub name: Arc<str>,
    /// The file that the text stands in; empty for a text that `tpl` was given.
    pub file: Arc<str>,
    /// The whole text of that file.
    pub text: Arc<str>,
    pub body: Vec<Node>,
    /// How many variables it needs room for; the first is `$`.
    pub slots: usize,
    /// Of a file, how many tokens it has, definitions counted: what it takes in memory. 0 for a definition.
    pub tokens: usize,
}

#[derive(Debug)]
pub enum Node {
    /// Text as it stands, and where.
    Text(u32, Arc<str>),
    /// `{{ pipe }}`; prints unless it declares.
    Action(Pipe),
    If(Branch),
    With(Branch),
    Range(Range),
    Template {
        at: u32,
        name: Arc<str>,
        pipe: Option<Pipe>,
    },
    Break,
    Continue,
}

#[derive(Debug)]
pub struct Branch {
    pub pipe: Pipe,
    pub body: Vec<Node>,
    pub otherwise: Vec<Node>,
}

#[derive(Debug)]
pub struct Range {
    /// Its variables: one is the element; two are the key and the element.
    pub pipe: Pipe,
    pub body: Vec<Node>,
    pub otherwise: Vec<Node>,
}

#[derive(Debug)]
pub struct Pipe {
    pub at: u32,
    /// The variables that take the result.
    pub into: Vec<usize>,
    /// `:=` makes new variables, `=` changes old ones.
    pub declares: bool,
    pub commands: Vec<Command>,
}

/// Something to compute: its first word, and what it is given.
#[derive(Debug)]
pub struct Command {
    pub head: Expr,
    pub args: Vec<Expr>,
}

#[derive(Debug)]
pub struct Expr {
    /// Byte offset into the text.
    pub at: u32,
    pub kind: ExprKind,
}

#[derive(Debug)]
pub enum ExprKind {
    Dot,
    Nil,
    Bool(bool),
    Number(Number),
    Str(Arc<str>),
    /// `.a.b`
    Field(Vec<Arc<str>>),
    /// `$x.a.b`
    Variable(usize, Vec<Arc<str>>),
    /// `(…).a.b`
    Chain(Box<Expr>, Vec<Arc<str>>),
    /// `(…)`
    Pipe(Box<Pipe>),
    Function(Callee),
}

/// The slot of a variable that is named where it has no value.
pub const NO_SLOT: usize = usize::MAX;

/// A number as it is written; what it becomes depends on what is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Number {
    pub int: Option<i64>,
    pub float: f64,
    /// Written with a point or exponent: a `float64` when nothing else is asked for.
    pub is_float: bool,
}

#[derive(Clone, Copy)]
pub enum Callee {
    And,
    Or,
    Include,
    Tpl,
    Plain(&'static Function),
}

impl Callee {
    pub fn name(self) -> &'static str {
        match self {
            Self::And => "and",
            Self::Or => "or",
            Self::Include => "include",
            Self::Tpl => "tpl",
            Self::Plain(function) => function.name,
        }
    }
}

impl std::fmt::Debug for Callee {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Says whether a body prints nothing but spaces and does nothing (`IsEmptyTree` there).
pub fn is_empty(body: &[Node]) -> bool {
    body.iter().all(|node| matches!(node, Node::Text(_, text) if text.trim().is_empty()))
}

impl Templates {
    /// Adds templates as parsing them one after another does: a later one replaces an earlier one of its name, unless it
    /// is empty.
    pub fn add(&mut self, parsed: Vec<Arc<Template>>) {
        for template in parsed {
            if self.0.contains_key(&template.name) && is_empty(&template.body) {
                continue;
            }
            self.0.insert(template.name.clone(), template);
        }
    }
}

/// Line and column of a byte offset, both from 1, the column in bytes.
pub fn place(text: &str, at: u32) -> (u32, u32) {
    let before = text.get(..at as usize).unwrap_or(text);
    let line = 1 + before.bytes().filter(|b| *b == b'\n').count();
    let column = 1 + before.len() - before.rfind('\n').map_or(0, |newline| newline + 1);
    (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
}
