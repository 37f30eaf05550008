//! Tokens in, compiled templates out, by the grammar of text/template (`text/template/parse/parse.go`, Go 1.26).
//!
//! Names are resolved on the way: a variable becomes a slot, a function its entry in the table, so that what Go finds
//! out when it parses is found out here, and what it looks up when it runs is looked up once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::lex::{self, Keyword, Kind, SyntaxError, Token};
use super::literal::{integer, unquote};
use super::scope::Scope;
use super::tree::{Branch, Callee, Code, Command, Expr, ExprKind, NO_SLOT, Node, Number, Pipe, Range, Template};
use crate::helm::{functions, shown};

/// Blocks and parentheses within one another. Go stops at 1000 parentheses; its stack grows, ours does not.
const MAX_DEPTH: usize = 250;

/// Compiles a file: first its own body, under the file's name, then its definitions.
///
/// # Errors
/// The first mistake, with its place.
pub fn parse(name: &Arc<str>, file: &Arc<str>, text: &Arc<str>) -> Result<Vec<Template>, SyntaxError> {
    Ok(compile(text)?.templates(name, file).collect())
}

/// A compiled text, which may stand in several files.
#[derive(Clone, Debug)]
pub struct Compiled {
    pub own: Arc<Code>,
    pub definitions: Vec<(Arc<str>, Arc<Code>)>,
    /// Words, marks and spaces in its actions.
    pub tokens: usize,
}

impl Compiled {
    /// Returns the text's own body under a name, and then its definitions.
    pub fn templates<'c>(&'c self, name: &'c Arc<str>, file: &'c Arc<str>) -> impl Iterator<Item = Template> + 'c {
        let own = std::iter::once((name, &self.own));
        let all = own.chain(self.definitions.iter().map(|(name, code)| (name, code)));
        all.map(|(name, code)| Template { name: name.clone(), file: file.clone(), code: code.clone() })
    }
}

/// Compiles a text.
///
/// # Errors
/// The first mistake, with its place.
pub fn compile(text: &Arc<str>) -> Result<Compiled, SyntaxError> {
    let tokens = lex::tokens(text)?;
    let mut parser = Parser {
        text,
        tokens,
        next: 0,
        depth: 0,
        ranges: 0,
        scope: Scope::default(),
        definitions: Vec::new(),
        places: HashMap::new(),
        names: HashSet::default(),
    };
    let body = parser.top()?;
    let own = parser.code(body);
    Ok(Compiled { own, definitions: parser.definitions, tokens: parser.tokens.len() })
}

struct Parser<'t> {
    text: &'t Arc<str>,
    tokens: Vec<Token>,
    next: usize,
    depth: usize,
    /// `range`s that are open.
    ranges: usize,
    scope: Scope,
    definitions: Vec<(Arc<str>, Arc<Code>)>,
    /// Where each definition stands among them.
    places: HashMap<Arc<str>, usize>,
    /// Names and texts so far: a file repeats a few dozens all over.
    names: HashSet<Arc<str>, foldhash::fast::RandomState>,
}

/// What ended a list of nodes.
#[derive(PartialEq)]
enum Ended {
    End,
    Else,
}

type Parsed<T> = Result<T, SyntaxError>;

fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

impl Parser<'_> {
    fn peek(&self) -> Token {
        // The last token is `End` and is never consumed.
        self.tokens[self.next.min(self.tokens.len() - 1)]
    }

    fn peek_word(&mut self) -> Token {
        while self.peek().kind == Kind::Space {
            self.next += 1;
        }
        self.peek()
    }

    fn take(&mut self) -> Token {
        let token = self.peek();
        if token.kind != Kind::End {
            self.next += 1;
        }
        token
    }

    fn take_word(&mut self) -> Token {
        self.peek_word();
        self.take()
    }

    fn text_of(&self, token: &Token) -> &str {
        &self.text[token.range()]
    }

    fn unexpected<T>(&self, token: &Token, place: &str) -> Parsed<T> {
        let message = match token.kind {
            Kind::End => format!("the text ends within {place}"),
            Kind::RightDelim => format!("unexpected `}}}}` in {place}"),
            _ => format!("unexpected `{}` in {place}", shown(self.text_of(token))),
        };
        Err(SyntaxError::new(message, token.start()))
    }

    fn deeper<T>(&mut self, inner: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth == MAX_DEPTH {
            let message = format!("blocks and parentheses are nested more than {MAX_DEPTH} levels deep");
            return Err(SyntaxError::new(message, self.peek().start()));
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    fn code(&mut self, body: Vec<Node>) -> Arc<Code> {
        let slots = std::mem::take(&mut self.scope).slots;
        Arc::new(Code { text: self.text.clone(), body, slots })
    }

    /// Returns one and the same text for all that are equal.
    fn shared(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.names.get(text) {
            return known.clone();
        }
        let new: Arc<str> = Arc::from(text);
        self.names.insert(new.clone());
        new
    }

    /// Returns the name of a field, without its dot.
    fn field(&mut self, token: Token) -> Arc<str> {
        let text = self.text;
        self.shared(&text[token.range()][1..])
    }

    fn top(&mut self) -> Parsed<Vec<Node>> {
        let mut body = Vec::new();
        loop {
            let token = self.take();
            match token.kind {
                Kind::End => return Ok(body),
                Kind::Text => body.push(Self::literal(token)),
                Kind::LeftDelim => {
                    let word = self.peek_word();
                    match word.kind {
                        Kind::Keyword(Keyword::Define) => {
                            self.take();
                            self.definition()?;
                        }
                        Kind::Keyword(Keyword::End | Keyword::Else) => {
                            let message = format!("this `{}` does not belong to a block", shown(self.text_of(&word)));
                            return Err(SyntaxError::new(message, word.start()));
                        }
                        _ => body.extend(self.action()?.0),
                    }
                }
                _ => return self.unexpected(&token, "a template"),
            }
        }
    }

    fn literal(token: Token) -> Node {
        let range = token.range();
        Node::Text { at: offset(range.start), end: offset(range.end) }
    }

    fn definition(&mut self) -> Parsed<()> {
        let token = self.take_word();
        let name = self.name(&token, "a `define`")?;
        self.right_delim("a `define`")?;
        self.defined(name, &token)
    }

    /// Reads the body of a definition up to its `end` and adds it.
    fn defined(&mut self, name: Arc<str>, at: &Token) -> Parsed<()> {
        let outer = std::mem::take(&mut self.scope);
        let ranges = std::mem::take(&mut self.ranges);
        let (body, ended) = self.deeper(Self::list)?;
        if ended != Ended::End {
            return Err(SyntaxError::new("a `define` cannot have an `else`", at.start()));
        }
        let code = self.code(body);
        (self.scope, self.ranges) = (outer, ranges);
        match self.places.get(&name).copied() {
            None => {
                self.places.insert(name.clone(), self.definitions.len());
                self.definitions.push((name, code));
            }
            Some(old) if self.definitions[old].1.is_empty() => self.definitions[old].1 = code,
            Some(_) if code.is_empty() => {}
            Some(_) => {
                let message = format!("the template `{}` is defined twice in this file", shown(&name));
                return Err(SyntaxError::new(message, at.start()));
            }
        }
        Ok(())
    }

    fn name(&mut self, token: &Token, place: &str) -> Parsed<Arc<str>> {
        match token.kind {
            Kind::String | Kind::RawString => self.string(token),
            _ => self.unexpected(token, place),
        }
    }

    fn right_delim(&mut self, place: &str) -> Parsed<()> {
        let token = self.take_word();
        if token.kind == Kind::RightDelim { Ok(()) } else { self.unexpected(&token, place) }
    }

    /// Nodes up to the `end` or `else` that closes them.
    fn list(&mut self) -> Parsed<(Vec<Node>, Ended)> {
        let mut nodes = Vec::new();
        loop {
            let token = self.take();
            match token.kind {
                Kind::Text => nodes.push(Self::literal(token)),
                Kind::LeftDelim => match self.action()? {
                    (node, None) => nodes.extend(node),
                    (_, Some(ended)) => return Ok((nodes, ended)),
                },
                Kind::End => {
                    return Err(SyntaxError::new("a block is never closed: `{{ end }}` is missing", token.start()));
                }
                _ => return self.unexpected(&token, "a template"),
            }
        }
    }

    /// What stands between delimiters, the left one taken already.
    fn action(&mut self) -> Parsed<(Option<Node>, Option<Ended>)> {
        let word = self.peek_word();
        let Kind::Keyword(keyword) = word.kind else {
            let pipe = self.pipe("an action", Kind::RightDelim)?;
            return Ok((Some(Node::Action(pipe)), None));
        };
        if keyword != Keyword::Nil {
            self.take();
        }
        let node = match keyword {
            Keyword::Nil => Node::Action(self.pipe("an action", Kind::RightDelim)?),
            Keyword::End => {
                self.right_delim("`end`")?;
                return Ok((None, Some(Ended::End)));
            }
            Keyword::Else => {
                // `else if` and `else with` are read by the block that they continue.
                let next = self.peek_word();
                if !matches!(next.kind, Kind::Keyword(Keyword::If | Keyword::With)) {
                    self.right_delim("`else`")?;
                }
                return Ok((None, Some(Ended::Else)));
            }
            Keyword::If => Node::If(self.branch(Keyword::If)?),
            Keyword::With => Node::With(self.branch(Keyword::With)?),
            Keyword::Range => self.range()?,
            Keyword::Template => {
                let token = self.take_word();
                let name = self.name(&token, "a `template`")?;
                let bare = self.peek_word().kind == Kind::RightDelim;
                let pipe = if bare { None } else { Some(self.pipe("a `template`", Kind::RightDelim)?) };
                if bare {
                    self.take();
                }
                Node::Template { at: offset(token.start()), name, pipe }
            }
            Keyword::Block => {
                let token = self.take_word();
                let name = self.name(&token, "a `block`")?;
                let pipe = self.pipe("a `block`", Kind::RightDelim)?;
                self.defined(name.clone(), &token)?;
                Node::Template { at: offset(token.start()), name, pipe: Some(pipe) }
            }
            Keyword::Break | Keyword::Continue => {
                self.right_delim("`break` or `continue`")?;
                if self.ranges == 0 {
                    let message = format!("`{}` is outside any `range`", shown(self.text_of(&word)));
                    return Err(SyntaxError::new(message, word.start()));
                }
                if keyword == Keyword::Break { Node::Break } else { Node::Continue }
            }
            Keyword::Define => {
                return Err(SyntaxError::new("`define` is only allowed at the top level of a file", word.start()));
            }
        };
        Ok((Some(node), None))
    }

    fn branch(&mut self, keyword: Keyword) -> Parsed<Branch> {
        self.deeper(|parser| {
            let (known, gone) = (parser.scope.names.len(), parser.scope.gone.len());
            let place = if keyword == Keyword::If { "an `if`" } else { "a `with`" };
            let pipe = parser.pipe(place, Kind::RightDelim)?;
            let bound = parser.scope.names.len();
            let (body, ended) = parser.list()?;
            parser.scope.leave(bound);
            let otherwise = parser.otherwise(&ended, Some(keyword))?;
            parser.scope.close(known, gone);
            Ok(Branch { pipe, body, otherwise })
        })
    }

    /// The other branch, when `else` ended the first one.
    fn otherwise(&mut self, ended: &Ended, keyword: Option<Keyword>) -> Parsed<Vec<Node>> {
        if *ended == Ended::End {
            return Ok(Vec::new());
        }
        let word = self.peek_word();
        match (word.kind, keyword) {
            (Kind::Keyword(Keyword::If), Some(Keyword::If)) => {
                self.take();
                return Ok(vec![Node::If(self.branch(Keyword::If)?)]);
            }
            (Kind::Keyword(Keyword::With), Some(Keyword::With)) => {
                self.take();
                return Ok(vec![Node::With(self.branch(Keyword::With)?)]);
            }
            (Kind::Keyword(Keyword::If | Keyword::With), _) => return self.unexpected(&word, "this `else`"),
            _ => {}
        }
        let (body, ended) = self.list()?;
        if ended == Ended::Else {
            return Err(SyntaxError::new("a second `else` in the same block", word.start()));
        }
        Ok(body)
    }

    fn range(&mut self) -> Parsed<Node> {
        self.deeper(|parser| {
            let (known, gone) = (parser.scope.names.len(), parser.scope.gone.len());
            let pipe = parser.pipe("a `range`", Kind::RightDelim)?;
            let bound = parser.scope.names.len();
            parser.ranges += 1;
            let (body, ended) = parser.list()?;
            parser.ranges -= 1;
            parser.scope.leave(bound);
            let otherwise = parser.otherwise(&ended, None)?;
            parser.scope.close(known, gone);
            Ok(Node::Range(Range { pipe, body, otherwise }))
        })
    }

    fn pipe(&mut self, place: &str, end: Kind) -> Parsed<Pipe> {
        let at = offset(self.peek_word().start());
        let (names, declares) = self.targets(place)?;
        let mut commands = Vec::with_capacity(1);
        loop {
            let token = self.peek_word();
            if token.kind == end {
                self.take();
                break;
            }
            let command = self.command(place)?;
            let constant = matches!(
                command.head.kind,
                ExprKind::Bool(_) | ExprKind::Dot | ExprKind::Nil | ExprKind::Number(_) | ExprKind::Str(_)
            );
            if constant && !commands.is_empty() {
                let message = "only a function, a field or a variable is allowed after `|`";
                return Err(SyntaxError::new(message, token.start()));
            }
            commands.push(command);
        }
        if commands.is_empty() {
            return Err(SyntaxError::new(format!("{place} is empty: a value is missing"), at as usize));
        }
        // A declared variable is known after its value only, as `$x := $x` shows.
        let mut into = Vec::new();
        for (name, token) in &names {
            into.push(match declares {
                true => self.scope.declare(name),
                false => self.slot(name, token)?,
            });
        }
        Ok(Pipe { at, into, declares, commands })
    }

    /// The variables that a pipeline sets: `$x :=`, `$x =`, and in a range `$k, $v :=`.
    fn targets(&mut self, place: &str) -> Parsed<(Vec<(String, Token)>, bool)> {
        let mut names = Vec::new();
        loop {
            let before = self.next;
            let token = self.peek_word();
            if token.kind != Kind::Variable {
                return Ok((names, true));
            }
            self.take();
            match self.peek_word().kind {
                kind @ (Kind::Assign | Kind::Declare) => {
                    self.take();
                    names.push((self.text_of(&token).to_owned(), token));
                    return Ok((names, kind == Kind::Declare));
                }
                Kind::Comma => {
                    self.take();
                    let next = self.peek_word();
                    names.push((self.text_of(&token).to_owned(), token));
                    if place != "a `range`" || names.len() == 2 || next.kind != Kind::Variable {
                        let message = "only `range` can set two variables, a key and a value";
                        return Err(SyntaxError::new(message, next.start()));
                    }
                }
                _ => {
                    self.next = before;
                    return Ok((names, true));
                }
            }
        }
    }

    fn slot(&self, name: &str, token: &Token) -> Parsed<usize> {
        let found = self.scope.names.iter().rposition(|known| known == name);
        let gone = || self.scope.gone.iter().any(|known| known == name).then_some(NO_SLOT);
        found
            .or_else(gone)
            .ok_or_else(|| SyntaxError::new(format!("the variable `{}` is not declared", shown(name)), token.start()))
    }

    fn command(&mut self, place: &str) -> Parsed<Command> {
        let start = self.peek_word();
        let (mut head, mut args) = (None, Vec::new());
        loop {
            self.peek_word();
            match (self.operand()?, &head) {
                (Some(word), Some(_)) => args.push(word),
                (Some(word), None) => head = Some(word),
                (None, _) => {}
            }
            let token = self.peek();
            match token.kind {
                Kind::Space => {}
                Kind::RightDelim | Kind::RightParen => break,
                Kind::Pipe => {
                    self.take();
                    break;
                }
                _ => return self.unexpected(&token, place),
            }
        }
        match head {
            Some(head) => Ok(Command { head, args }),
            None => self.unexpected(&start, place),
        }
    }

    fn operand(&mut self) -> Parsed<Option<Expr>> {
        let Some(mut term) = self.term()? else { return Ok(None) };
        let dot = self.peek();
        if dot.kind != Kind::Field {
            return Ok(Some(term));
        }
        if matches!(term.kind, ExprKind::Pipe(_) | ExprKind::Function(_)) {
            let at = term.at;
            term = Expr { at, kind: ExprKind::Chain(Box::new(term), Vec::new()) };
        }
        let (ExprKind::Field(path) | ExprKind::Variable(_, path) | ExprKind::Chain(_, path)) = &mut term.kind else {
            return Err(SyntaxError::new("a constant has no fields", dot.start()));
        };
        while self.peek().kind == Kind::Field {
            let token = self.take();
            path.push(self.field(token));
        }
        Ok(Some(term))
    }

    fn term(&mut self) -> Parsed<Option<Expr>> {
        let token = self.peek_word();
        let at = token.start();
        let kind = match token.kind {
            Kind::Identifier => ExprKind::Function(self.function(&token)?),
            Kind::Dot => ExprKind::Dot,
            Kind::Keyword(Keyword::Nil) => ExprKind::Nil,
            Kind::Bool => ExprKind::Bool(self.text_of(&token) == "true"),
            Kind::Field => {
                let mut path = Vec::with_capacity(3);
                path.push(self.field(token));
                ExprKind::Field(path)
            }
            Kind::Variable => ExprKind::Variable(self.slot(self.text_of(&token), &token)?, Vec::new()),
            Kind::Number => ExprKind::Number(self.number(&token)?),
            Kind::Char => {
                let text = unquote(self.text_of(&token)).filter(|text| text.chars().count() == 1);
                let Some(c) = text.as_deref().and_then(|text| text.chars().next()) else {
                    return Err(SyntaxError::new("this is not one character", at));
                };
                let int = i64::from(u32::from(c));
                ExprKind::Number(Number { int: Some(int), float: f64::from(u32::from(c)), is_float: false })
            }
            Kind::String | Kind::RawString => ExprKind::Str(self.string(&token)?),
            Kind::LeftParen => {
                self.take();
                let pipe = self.deeper(|parser| {
                    let known = parser.scope.names.len();
                    let pipe = parser.pipe("parentheses", Kind::RightParen);
                    debug_assert!(parser.scope.names.len() >= known);
                    pipe
                })?;
                return Ok(Some(Expr { at: offset(at), kind: ExprKind::Pipe(Box::new(pipe)) }));
            }
            _ => return Ok(None),
        };
        self.take();
        Ok(Some(Expr { at: offset(at), kind }))
    }

    fn function(&self, token: &Token) -> Parsed<Callee> {
        Ok(match self.text_of(token) {
            "and" => Callee::And,
            "or" => Callee::Or,
            "include" => Callee::Include,
            "tpl" => Callee::Tpl,
            name => {
                if let Some(function) = functions::find(name) {
                    Callee::Plain(function)
                } else {
                    let message = format!("function `{}` does not exist", shown(name));
                    return Err(SyntaxError::new(message, token.start()));
                }
            }
        })
    }

    fn string(&mut self, token: &Token) -> Parsed<Arc<str>> {
        let all = self.text;
        match unquote(&all[token.range()]) {
            Some(text) => Ok(self.shared(&text)),
            None => Err(SyntaxError::new("this string has an escape sequence that is not valid in Go", token.start())),
        }
    }

    fn number(&self, token: &Token) -> Parsed<Number> {
        let text = self.text_of(token);
        let bad = |message: String| Err(SyntaxError::new(message, token.start()));
        let hex = text.trim_start_matches(['+', '-']).to_ascii_lowercase().starts_with("0x");
        let is_float = if hex { text.contains(['p', 'P']) } else { text.contains(['.', 'e', 'E']) };
        if let (false, Some(int)) = (is_float, integer(text)) {
            #[expect(clippy::cast_precision_loss, reason = "as Go's float64(n)")]
            return Ok(Number { int: Some(int), float: int as f64, is_float: false });
        }
        if !is_float {
            return bad(format!("`{}` is not an integer of 64 bits", shown(text)));
        }
        match text.replace('_', "").parse::<f64>() {
            Ok(float) if !hex => {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_precision_loss,
                    reason = "checked by casting back"
                )]
                let int = Some(float as i64).filter(|int| (*int as f64).total_cmp(&float).is_eq());
                Ok(Number { int, float, is_float })
            }
            _ => bad(format!("`{}` is not a valid number in templates", shown(text))),
        }
    }
}
