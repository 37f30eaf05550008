//! A compiled template and its data in, text out: text/template's evaluation (`text/template/exec.go`, Go 1.26) with
//! `missingkey=zero`, as Helm runs it.
#![expect(clippy::unnecessary_box_returns, reason = "a failure travels in its box, which keeps results small")]

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use super::args::{article, count, extent, fit, ideal, looking, misfit};
use super::lex::SyntaxError;
use super::origins::{Mark, origins};
use super::print;
use super::tree::{Branch, Callee, Command, Expr, ExprKind, Node, Pipe, Range, Template, place};
use super::value::{Of, Str, Val};
use super::vm::{Fail, Frame, Outcome, Vm};
use crate::helm::functions::{Function, Kind};
use crate::helm::shown;

/// What Go prints for nothing; Helm takes it out of what a file printed (`pkg/engine/engine.go`).
const NO_VALUE: &str = "<no value>";
/// What a step costs, when a byte that is made costs one.
const STEP: usize = 8;
/// What a token of a text costs that `tpl` compiles: time, and memory that stays in use.
const TOKEN: usize = 100;
/// What entering a template costs.
const CALL: usize = 200;

/// A text that `tpl` compiled: itself, and what it defines.
#[derive(Clone)]
pub(super) struct Compiled {
    main: Arc<Template>,
    tokens: usize,
    definitions: Option<Rc<HashMap<Arc<str>, Arc<Template>>>>,
}

/// What a list of nodes ended with.
#[derive(PartialEq)]
enum Flow {
    Next,
    Break,
    Continue,
}

/// One run of one template.
struct Run<'r> {
    template: &'r Template,
    vars: Vec<Val>,
}

impl Run<'_> {
    fn get(&self, slot: usize) -> Outcome {
        self.vars.get(slot).cloned().ok_or_else(|| Fail::new("this variable is not set here"))
    }

    fn set(&mut self, slot: usize, val: Val) -> Outcome<()> {
        match self.vars.get_mut(slot) {
            Some(var) => *var = val,
            None => return Err(Fail::new("this variable is not set here")),
        }
        Ok(())
    }
}

impl Vm<'_> {
    /// Runs a template by its name and returns what it prints, without the words that Go prints for nothing, and for each
    /// line of that the line of the template that printed its beginning.
    ///
    /// # Errors
    /// What stopped it, with the places from the innermost outwards.
    pub fn render(&mut self, name: &str, dot: &Val) -> Outcome<(String, Vec<u32>)> {
        let Some(template) = self.template(name) else {
            return Err(Fail::new(format!("template `{}` does not exist", shown(name))));
        };
        self.marks.clear();
        let mut out = String::new();
        self.run(&template, dot, &mut out)?;
        let lines = origins(&out, &self.marks, &template.code.text);
        Ok((without_no_value(out), lines))
    }

    /// Notes which place of the file prints what comes next. What it includes counts as printed where it is included.
    fn mark(&mut self, out: &str, at: u32, verbatim: bool) {
        if self.depth == 1 {
            // What printed nothing leaves no mark, however often it runs.
            self.marks.pop_if(|last| last.out == out.len());
            self.marks.push(Mark { out: out.len(), at, verbatim });
        }
    }

    fn template(&self, name: &str) -> Option<Arc<Template>> {
        let scoped = self.scopes.iter().rev().find_map(|scope| scope.get(name));
        scoped.or_else(|| self.templates.0.get(name)).cloned()
    }

    fn run(&mut self, template: &Arc<Template>, dot: &Val, out: &mut String) -> Outcome<()> {
        if self.depth >= self.limits.depth {
            return Err(Fail::limit(format!("templates call each other more than {} levels deep", self.limits.depth)));
        }
        self.depth += 1;
        self.spend(CALL)?;
        if !template.file.is_empty() {
            self.running.push(template.file.clone());
        }
        let mut vars = vec![Val::Nil; template.code.slots];
        vars[0] = dot.clone();
        let mut run = Run { template, vars };
        let result = self.nodes(&template.code.body, dot, &mut run, out);
        if !template.file.is_empty() {
            self.running.pop();
        }
        self.depth -= 1;
        result.map(|_| ())
    }

    fn emit(&mut self, text: &str, out: &mut String) -> Outcome<()> {
        self.spend(text.len() + 1)?;
        if out.len() + text.len() > self.limits.output {
            return Err(Fail::limit(format!(
                "the output of a template is larger than {} MiB",
                self.limits.output >> 20
            )));
        }
        out.push_str(text);
        Ok(())
    }

    fn nodes(&mut self, nodes: &[Node], dot: &Val, run: &mut Run<'_>, out: &mut String) -> Outcome<Flow> {
        self.enter()?;
        let flow = self.each(nodes, dot, run, out)?;
        self.levels -= 1;
        Ok(flow)
    }

    fn each(&mut self, nodes: &[Node], dot: &Val, run: &mut Run<'_>, out: &mut String) -> Outcome<Flow> {
        for node in nodes {
            match node {
                Node::Text { at, end } => {
                    self.mark(out, *at, true);
                    self.emit(run.template.code.literal(*at, *end), out)?;
                }
                Node::Action(pipe) => {
                    let val = self.pipe(pipe, dot, run)?;
                    if pipe.into.is_empty() {
                        self.mark(out, pipe.at, false);
                        match &val {
                            Val::Str(text) => self.emit(text, out)?,
                            Val::Nil => self.emit(NO_VALUE, out)?,
                            other => {
                                let text = print::value(other);
                                print::refusal().map_or(Ok(()), Err)?;
                                self.emit(&text, out)?;
                            }
                        }
                    }
                }
                Node::If(branch) => match self.branch(branch, None, dot, run, out)? {
                    Flow::Next => {}
                    flow => return Ok(flow),
                },
                Node::With(branch) => match self.branch(branch, Some(()), dot, run, out)? {
                    Flow::Next => {}
                    flow => return Ok(flow),
                },
                Node::Range(range) => match self.range(range, dot, run, out)? {
                    Flow::Next => {}
                    flow => return Ok(flow),
                },
                Node::Template { at, name, pipe } => {
                    let Some(template) = self.template(name) else {
                        let message = format!("the template `{}` is not defined", shown(name));
                        return Err(placed(Fail::new(message), run.template, *at));
                    };
                    let dot = pipe.as_ref().map_or(Ok(Val::Nil), |pipe| self.pipe(pipe, dot, run))?;
                    self.run(&template, &dot, out).map_err(|fail| called(fail, run.template, *at))?;
                }
                Node::Break => return Ok(Flow::Break),
                Node::Continue => return Ok(Flow::Continue),
            }
        }
        Ok(Flow::Next)
    }

    fn branch(
        &mut self,
        branch: &Branch,
        with: Option<()>,
        dot: &Val,
        run: &mut Run<'_>,
        out: &mut String,
    ) -> Outcome<Flow> {
        let val = self.pipe(&branch.pipe, dot, run)?;
        if !val.truth() {
            return self.nodes(&branch.otherwise, dot, run, out);
        }
        self.nodes(&branch.body, if with.is_some() { &val } else { dot }, run, out)
    }

    fn range(&mut self, range: &Range, dot: &Val, run: &mut Run<'_>, out: &mut String) -> Outcome<Flow> {
        let val = self.pipe(&range.pipe, dot, run)?;
        let whole = |n: i64| -> Box<dyn Iterator<Item = (Val, Val)> + '_> {
            match val {
                Val::Int64(_) => Box::new((0..n).map(|i| (Val::Nil, Val::Int64(i)))),
                _ => Box::new((0..n).map(|i| (Val::Nil, Val::Int(i)))),
            }
        };
        let items = match &val {
            Val::Nil => return self.nodes(&range.otherwise, dot, run, out),
            Val::Int(n) | Val::Int64(n) if range.pipe.into.len() < 2 => whole(*n),
            Val::Byte(n) if range.pipe.into.len() < 2 => whole((*n).into()),
            Val::List(list) => Box::new((0..).map(Val::Int).zip(list.items.iter().cloned())),
            Val::Bytes(bytes) => Box::new((0..).map(Val::Int).zip(bytes.iter().map(|byte| Val::Byte(*byte)))),
            Val::Map(map) => {
                // The body may change the map: what is walked is a copy.
                self.spend(map.len().saturating_mul(4))?;
                Box::new(map.read_all().into_iter().map(|(key, val)| (Val::Str(key), val)))
            }
            Val::Object(object) if object.items().is_some() => {
                self.spend(object.size())?;
                let items = object.items().unwrap_or_default();
                let key = |(index, (key, val)): (i64, (Option<Str>, Val))| (key.map_or(Val::Int(index), Val::Str), val);
                Box::new((0..).zip(items).map(key))
            }
            other => {
                let message =
                    format!("`range` cannot iterate over {}: {}", article(other.type_name()), print::short(other));
                return Err(placed(Fail::new(message), run.template, range.pipe.at));
            }
        };
        let mut any = false;
        for (key, item) in items {
            any = true;
            self.spend(STEP)?;
            match range.pipe.into[..] {
                [] => {}
                [element] => run.set(element, item.clone())?,
                [index, element, ..] => {
                    run.set(index, key)?;
                    run.set(element, item.clone())?;
                }
            }
            if self.nodes(&range.body, &item, run, out)? == Flow::Break {
                break;
            }
        }
        if !any {
            return self.nodes(&range.otherwise, dot, run, out);
        }
        Ok(Flow::Next)
    }

    fn pipe(&mut self, pipe: &Pipe, dot: &Val, run: &mut Run<'_>) -> Outcome {
        self.enter()?;
        let mut last = None;
        for command in &pipe.commands {
            last = Some(self.command(command, last, dot, run)?);
        }
        self.levels -= 1;
        let val = last.unwrap_or_default();
        for slot in &pipe.into {
            run.set(*slot, val.clone())?;
        }
        Ok(val)
    }

    fn command(&mut self, command: &Command, last: Option<Val>, dot: &Val, run: &mut Run<'_>) -> Outcome {
        self.spend(STEP)?;
        let head = &command.head;
        let given = !command.args.is_empty() || last.is_some();
        let result = match &head.kind {
            ExprKind::Function(callee) => self.call(*callee, &command.args, last, dot, run),
            ExprKind::Field(path) => self.fields(dot.clone(), path, &command.args, last, dot, run),
            ExprKind::Chain(inner, path) => {
                let receiver = self.plain(inner, dot, run)?;
                self.fields(receiver, path, &command.args, last, dot, run)
            }
            ExprKind::Variable(slot, path) if !path.is_empty() => {
                run.get(*slot).and_then(|receiver| self.fields(receiver, path, &command.args, last, dot, run))
            }
            _ if given => Err(Fail::new("only functions and methods take arguments")),
            ExprKind::Nil => Err(Fail::new("`nil` is not a command")),
            _ => self.plain(head, dot, run),
        };
        result.map_err(|fail| placed(fail, run.template, head.at))
    }

    /// A value where nothing particular is asked for.
    fn plain(&mut self, expr: &Expr, dot: &Val, run: &mut Run<'_>) -> Outcome {
        let result = match &expr.kind {
            ExprKind::Dot => return Ok(dot.clone()),
            ExprKind::Nil => return Ok(Val::Nil),
            ExprKind::Bool(b) => return Ok(Val::Bool(*b)),
            ExprKind::Number(number) => ideal(*number),
            ExprKind::Str(text) => return Ok(Val::Str(text.clone())),
            ExprKind::Field(path) => self.fields(dot.clone(), path, &[], None, dot, run),
            ExprKind::Variable(slot, path) => {
                run.get(*slot).and_then(|receiver| self.fields(receiver, path, &[], None, dot, run))
            }
            ExprKind::Chain(inner, path) => {
                let receiver = self.plain(inner, dot, run)?;
                self.fields(receiver, path, &[], None, dot, run)
            }
            ExprKind::Pipe(pipe) => self.pipe(pipe, dot, run),
            ExprKind::Function(callee) => self.call(*callee, &[], None, dot, run),
        };
        result.map_err(|fail| placed(fail, run.template, expr.at))
    }

    /// An argument of the type that is asked for.
    fn arg(&mut self, expr: &Expr, wanted: Kind, dot: &Val, run: &mut Run<'_>) -> Outcome {
        self.spend(1)?;
        let val = match (&expr.kind, wanted) {
            (ExprKind::Number(number), Kind::Int) => number.int.map(Val::Int),
            (ExprKind::Number(number), Kind::Int64) => number.int.map(Val::Int64),
            (ExprKind::Number(number), Kind::Float) => Some(Val::Float(number.float)),
            _ => None,
        };
        if let Some(val) = val {
            Ok(val)
        } else {
            let val = self.plain(expr, dot, run)?;
            let fitted = match (&val, &expr.kind) {
                // A field that is nil still has Go's type `interface {}`; a variable or pipeline that is nil has none,
                // and becomes a nil map or list.
                (Val::Nil, ExprKind::Field(_) | ExprKind::Chain(..)) if wanted != Kind::Any => {
                    Err(misfit(&val, wanted))
                }
                (Val::Nil, ExprKind::Variable(_, path)) if wanted != Kind::Any && !path.is_empty() => {
                    Err(misfit(&val, wanted))
                }
                _ => fit(val, wanted),
            };
            fitted.map_err(|fail| placed(fail, run.template, expr.at))
        }
    }

    /// Follows a path of names from a value; the last one may be a method with arguments.
    #[expect(clippy::needless_pass_by_value, reason = "the piped value cannot be used here")]
    fn fields(
        &mut self,
        receiver: Val,
        path: &[Arc<str>],
        args: &[Expr],
        last: Option<Val>,
        dot: &Val,
        run: &mut Run<'_>,
    ) -> Outcome {
        let mut val = receiver;
        // What was nothing to begin with stays nothing; what a map lacks has no fields.
        let mut from_map = None;
        for (index, name) in path.iter().enumerate() {
            let is_last = index + 1 == path.len();
            val = match &val {
                Val::Nil => match from_map {
                    None => Val::Nil,
                    Some(parent) => {
                        let message =
                            format!("cannot read `.{}` of `.{}`, which is not set", shown(name), shown(parent));
                        return Err(Fail::new(message));
                    }
                },
                Val::Map(map) => {
                    if is_last && (!args.is_empty() || last.is_some()) {
                        return Err(Fail::new(format!(
                            "`.{}` is a value, not a method that takes arguments",
                            shown(name)
                        )));
                    }
                    from_map = Some(name);
                    match (map.get(name), map.of) {
                        (Some(val), _) => val,
                        (None, Of::Str) => Val::str(""),
                        (None, _) => Val::Nil,
                    }
                }
                Val::Object(object) => {
                    let object = object.clone();
                    from_map = None;
                    let mut values = Vec::new();
                    if is_last {
                        for arg in args {
                            values.push(self.plain(arg, dot, run)?);
                        }
                        values.extend(last.clone());
                    }
                    match object.call(name, self, &values) {
                        Some(result) => result?,
                        None => match object.field(name) {
                            Some(val) if values.is_empty() => val,
                            Some(_) => {
                                return Err(Fail::new(format!(
                                    "`.{}` is a field, which takes no arguments",
                                    shown(name)
                                )));
                            }
                            None => {
                                let message =
                                    format!("{} has no field or method `{}`", object.type_name(), shown(name));
                                return Err(Fail::new(message));
                            }
                        },
                    }
                }
                other => {
                    let message = format!(
                        "cannot read `.{}` of {}, which has no fields",
                        shown(name),
                        article(other.type_name())
                    );
                    return Err(Fail::new(message));
                }
            };
        }
        if path.is_empty() && (!args.is_empty() || last.is_some()) {
            return Err(Fail::new("only functions and methods take arguments"));
        }
        Ok(val)
    }

    fn call(&mut self, callee: Callee, args: &[Expr], last: Option<Val>, dot: &Val, run: &mut Run<'_>) -> Outcome {
        match callee {
            Callee::And | Callee::Or => {
                count(callee.name(), args.len() + usize::from(last.is_some()), 1, true)?;
                let decided_by = matches!(callee, Callee::Or);
                let mut val = Val::Nil;
                for arg in args {
                    val = self.plain(arg, dot, run)?;
                    if val.truth() == decided_by {
                        return Ok(val);
                    }
                }
                Ok(last.unwrap_or(val))
            }
            Callee::Include => {
                const TAKES: &[Kind] = &[Kind::Str, Kind::Any];
                let args = self.args("include", TAKES, None, args, last, dot, run)?;
                let [Val::Str(name), data] = &args[..] else { return Err(Fail::new("`include` takes a name")) };
                self.include(name, data)
            }
            Callee::Tpl => {
                const TAKES: &[Kind] = &[Kind::Str, Kind::Any];
                let args = self.args("tpl", TAKES, None, args, last, dot, run)?;
                let [Val::Str(text), data] = &args[..] else { return Err(Fail::new("`tpl` takes a text")) };
                self.tpl(text, data)
            }
            Callee::Plain(Function { name, takes, rest, run: function }) => {
                let args = self.args(name, takes, *rest, args, last, dot, run)?;
                // Looking through large arguments is work too, and so is making the result.
                self.spend(args.iter().map(looking).sum())?;
                let result = function(self, &args)?;
                if let Some(fail) = print::refusal() {
                    return Err(fail);
                }
                self.spend(extent(&result))?;
                Ok(result)
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "a call is its name, its signature, its arguments and its place")]
    fn args(
        &mut self,
        name: &str,
        takes: &[Kind],
        rest: Option<Kind>,
        args: &[Expr],
        last: Option<Val>,
        dot: &Val,
        run: &mut Run<'_>,
    ) -> Outcome<Vec<Val>> {
        let given = args.len() + usize::from(last.is_some());
        count(name, given, takes.len(), rest.is_some())?;
        let kind = |index: usize| takes.get(index).copied().or(rest).unwrap_or(Kind::Any);
        let mut values = Vec::with_capacity(given);
        for (index, arg) in args.iter().enumerate() {
            values.push(self.arg(arg, kind(index), dot, run)?);
        }
        if let Some(last) = last {
            values.push(fit(last, kind(args.len()))?);
        }
        Ok(values)
    }

    fn include(&mut self, name: &str, data: &Val) -> Outcome {
        let Some(template) = self.template(name) else {
            return Err(Fail::new(format!("template `{}` does not exist", shown(name))));
        };
        let mut out = String::new();
        match self.run(&template, data, &mut out) {
            Ok(()) => Ok(Val::Str(Str::from(out))),
            Err(fail) => Err(outward(fail)),
        }
    }

    fn tpl(&mut self, text: &Str, data: &Val) -> Outcome {
        if !text.contains("{{") {
            return Ok(if text.contains(NO_VALUE) {
                Val::str(&text.replace(NO_VALUE, ""))
            } else {
                Val::Str(text.clone())
            });
        }
        let compiled = if let Some(compiled) = self.compiled.get(text) {
            compiled.clone()
        } else {
            // A compiled text is kept.
            self.spend(text.len().saturating_mul(4).saturating_add(5000))?;
            let compiled = compile_tpl(text).map_err(|error| {
                let (line, column) = place(text, u32::try_from(error.at).unwrap_or(0));
                let message = format!(
                    "{} (line {line}, column {column} of the text passed to `tpl`: {})",
                    error.message,
                    print::short(&Val::Str(text.clone()))
                );
                Fail::new(message)
            })?;
            self.spend(compiled.tokens.saturating_mul(TOKEN))?;
            self.compiled.insert(text.clone(), compiled.clone());
            compiled
        };
        let scoped = compiled.definitions.is_some();
        self.scopes.extend(compiled.definitions);
        let mut out = String::new();
        let result = self.run(&compiled.main, data, &mut out);
        if scoped {
            self.scopes.pop();
        }
        match result {
            Ok(()) => Ok(Val::Str(Str::from(without_no_value(out)))),
            Err(fail) => Err(outward(fail)),
        }
    }
}

fn compile_tpl(text: &str) -> Result<Compiled, SyntaxError> {
    let compiled = super::parse::compile(&Arc::from(text))?;
    let (name, file) = (Arc::from("tpl"), Arc::from(""));
    let mut all = compiled.templates(&name, &file).map(Arc::new);
    let Some(main) = all.next() else { return Err(SyntaxError::new("the action is empty", 0)) };
    let scope: HashMap<_, _> = all.map(|t| (t.name.clone(), t)).collect();
    Ok(Compiled { main, tokens: compiled.tokens, definitions: (!scope.is_empty()).then(|| Rc::new(scope)) })
}

fn without_no_value(text: String) -> String {
    if text.contains(NO_VALUE) { text.replace(NO_VALUE, "") } else { text }
}

fn frame(template: &Template, at: u32) -> Frame {
    let (line, column) = place(&template.code.text, at);
    Frame { template: template.name.clone(), file: template.file.clone(), line, column }
}

/// Says where it happened, unless that is known more exactly already.
fn placed(mut fail: Box<Fail>, template: &Template, at: u32) -> Box<Fail> {
    if !fail.located {
        fail.located = true;
        fail.frames.push(frame(template, at));
    }
    fail
}

/// Leaves a template: who called it has a place of its own.
fn outward(mut fail: Box<Fail>) -> Box<Fail> {
    fail.located = false;
    fail
}

fn called(fail: Box<Fail>, template: &Template, at: u32) -> Box<Fail> {
    placed(outward(fail), template, at)
}
