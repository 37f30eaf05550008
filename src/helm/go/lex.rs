//! Template text in, tokens out, as text/template's lexer cuts it (`text/template/parse/lex.go`, Go 1.26).
//!
//! A token is a kind and a range of bytes; texts around actions come trimmed already. Spaces inside an action are tokens,
//! because `.a .b` and `.a.b` differ.

use std::ops::Range;

use crate::helm::shown;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    LeftDelim,
    RightDelim,
    Space,
    Identifier,
    /// A word that begins or ends something: `if`, `end`, …
    Keyword(Keyword),
    Bool,
    /// `.name`
    Field,
    /// `.`
    Dot,
    /// `$` or `$name`
    Variable,
    Number,
    Char,
    String,
    RawString,
    LeftParen,
    RightParen,
    Pipe,
    Assign,
    Declare,
    Comma,
    /// Any other printable character, which no rule takes.
    Other,
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keyword {
    Block,
    Break,
    Continue,
    Define,
    Else,
    End,
    If,
    Nil,
    Range,
    Template,
    With,
}

/// A token: its kind and where it stands, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Token {
    pub kind: Kind,
    start: u32,
    end: u32,
}

impl Token {
    fn new(kind: Kind, at: Range<usize>) -> Self {
        // The archive's limits keep files far below 4 GiB.
        let short = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self { kind, start: short(at.start), end: short(at.end) }
    }

    pub fn start(self) -> usize {
        self.start as usize
    }

    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// Why a text is not a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    pub message: String,
    /// Byte offset into the text.
    pub at: usize,
}

impl SyntaxError {
    pub fn new(message: impl Into<String>, at: usize) -> Self {
        Self { message: message.into(), at }
    }
}

/// Length of the left delimiter, `{{`.
const LEFT: usize = 2;
const RIGHT: &str = "}}";
/// What trim markers trim, and what separates words (`spaceChars` there).
const SPACES: [char; 4] = [' ', '\t', '\r', '\n'];

/// Cuts a whole text; the last token is [`Kind::End`].
///
/// # Errors
/// The first place where the text cannot be a template.
pub fn tokens(text: &str) -> Result<Vec<Token>, SyntaxError> {
    let mut lexer = Lexer { text, pos: 0, tokens: Vec::with_capacity(text.len() / 8 + 2) };
    lexer.all()?;
    Ok(lexer.tokens)
}

/// A token becomes up to a hundred bytes of a compiled template.
const MAX_TOKENS: usize = 1_000_000;

struct Lexer<'t> {
    text: &'t str,
    pos: usize,
    tokens: Vec<Token>,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.text[self.pos..]
    }

    fn peek(&self) -> Option<char> {
        match self.byte() {
            Some(byte) if byte.is_ascii() => Some(char::from(byte)),
            _ => self.rest().chars().next(),
        }
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.pos).copied()
    }

    fn push(&mut self, kind: Kind, start: usize) {
        self.tokens.push(Token::new(kind, start..self.pos));
    }

    fn skip_spaces(&mut self) {
        let bytes = &self.text.as_bytes()[self.pos..];
        self.pos += bytes.iter().position(|byte| !is_space(*byte)).unwrap_or(bytes.len());
    }

    fn all(&mut self) -> Result<(), SyntaxError> {
        loop {
            let start = self.pos;
            let Some(found) = find_left(self.rest()) else {
                self.pos = self.text.len();
                if self.pos > start {
                    self.push(Kind::Text, start);
                }
                self.push(Kind::End, self.pos);
                return Ok(());
            };
            let delim = start + found;
            let after = delim + LEFT;
            let trims = has_left_marker(&self.text[after..]);
            let before = &self.text[start..delim];
            let end = if trims { start + before.trim_end_matches(SPACES).len() } else { delim };
            if end > start {
                self.pos = end;
                self.push(Kind::Text, start);
            }
            self.pos = after + if trims { 2 } else { 0 };
            // The space of the marker is not skipped before a comment's slash, as there: `{{- /*` has just one.
            if self.rest().starts_with("/*") {
                self.comment(delim)?;
            } else {
                self.tokens.push(Token::new(Kind::LeftDelim, delim..after));
                self.action(delim)?;
            }
        }
    }

    fn comment(&mut self, delim: usize) -> Result<(), SyntaxError> {
        let Some(end) = self.rest()[2..].find("*/") else {
            return Err(SyntaxError::new("this comment is never closed: `*/}}` is missing", delim));
        };
        self.pos += 2 + end + 2;
        if self.close_delim() {
            return Ok(());
        }
        Err(SyntaxError::new("a comment must end with `*/}}`, with nothing in between", self.pos))
    }

    /// Takes a right delimiter, with or without a trim marker, and what it trims.
    fn close_delim(&mut self) -> bool {
        if has_right_marker(self.rest()) {
            self.pos += 2 + RIGHT.len();
            self.skip_spaces();
            return true;
        }
        let plain = self.rest().starts_with(RIGHT);
        if plain {
            self.pos += RIGHT.len();
        }
        plain
    }

    fn action(&mut self, delim: usize) -> Result<(), SyntaxError> {
        let mut open = Vec::new();
        loop {
            let start = self.pos;
            if self.close_delim() {
                if let Some(paren) = open.last() {
                    return Err(SyntaxError::new("this parenthesis is never closed", *paren));
                }
                self.tokens.push(Token::new(Kind::RightDelim, start..start + RIGHT.len()));
                if self.tokens.len() > MAX_TOKENS {
                    let message =
                        format!("a template has more than {MAX_TOKENS} words, marks and spaces in its actions");
                    return Err(SyntaxError::new(message, start));
                }
                return Ok(());
            }
            let Some(c) = self.peek() else {
                return Err(SyntaxError::new("this action is never closed: `}}` is missing", delim));
            };
            match c {
                ' ' | '\t' | '\r' | '\n' => self.spaces(start),
                '=' => self.one(Kind::Assign),
                '|' => self.one(Kind::Pipe),
                ',' => self.one(Kind::Comma),
                ':' => {
                    if !self.rest().starts_with(":=") {
                        return Err(SyntaxError::new("`:` is only allowed in `:=`", start));
                    }
                    self.pos += 2;
                    self.push(Kind::Declare, start);
                }
                '(' => {
                    open.push(start);
                    self.one(Kind::LeftParen);
                }
                ')' => {
                    if open.pop().is_none() {
                        return Err(SyntaxError::new("this parenthesis was never opened", start));
                    }
                    self.one(Kind::RightParen);
                }
                '"' | '\'' => self.quoted(c)?,
                '`' => {
                    let Some(end) = self.rest()[1..].find('`') else {
                        return Err(SyntaxError::new("this raw string is never closed", start));
                    };
                    self.pos += end + 2;
                    self.push(Kind::RawString, start);
                }
                '$' => {
                    self.pos += 1;
                    self.word(Kind::Variable, start)?;
                }
                '.' if !self.rest()[1..].starts_with(|c: char| c.is_ascii_digit()) => {
                    self.pos += 1;
                    let kind = if self.ends_here() { Kind::Dot } else { Kind::Field };
                    self.word(kind, start)?;
                }
                '.' | '+' | '-' | '0'..='9' => self.number(start)?,
                c if is_word(c) => self.identifier(start)?,
                ' '..='~' => self.one(Kind::Other),
                c => {
                    let message = format!("the character `{}` is not allowed in an action", c.escape_debug());
                    return Err(SyntaxError::new(message, start));
                }
            }
        }
    }

    fn one(&mut self, kind: Kind) {
        let start = self.pos;
        self.pos += 1;
        self.push(kind, start);
    }

    fn spaces(&mut self, start: usize) {
        self.skip_spaces();
        // The last space belongs to the trim marker of `-}}`.
        if self.rest().starts_with("-}}") {
            self.pos -= 1;
        }
        if self.pos > start {
            self.push(Kind::Space, start);
        }
    }

    fn quoted(&mut self, quote: char) -> Result<(), SyntaxError> {
        let start = self.pos;
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((offset, c)) = chars.next() {
            match c {
                '\\' if chars.next().is_some_and(|(_, c)| c != '\n') => {}
                '\\' | '\n' => break,
                c if c == quote => {
                    self.pos += offset + 1;
                    self.push(if quote == '"' { Kind::String } else { Kind::Char }, start);
                    return Ok(());
                }
                _ => {}
            }
        }
        let what = if quote == '"' { "string" } else { "character constant" };
        Err(SyntaxError::new(format!("this {what} is never closed"), start))
    }

    fn take_word(&mut self) {
        let bytes = &self.text.as_bytes()[self.pos..];
        let ascii = bytes.iter().position(|b| !(b.is_ascii_alphanumeric() || *b == b'_')).unwrap_or(bytes.len());
        self.pos += ascii;
        if self.byte().is_some_and(|byte| !byte.is_ascii()) {
            self.pos += self.rest().find(|c| !is_word(c)).unwrap_or(self.rest().len());
        }
    }

    fn ends_here(&self) -> bool {
        match self.peek() {
            None | Some(' ' | '\t' | '\r' | '\n' | '.' | ',' | '|' | ':' | ')' | '(') => true,
            _ => self.rest().starts_with(RIGHT),
        }
    }

    fn word(&mut self, kind: Kind, start: usize) -> Result<(), SyntaxError> {
        self.take_word();
        if self.ends_here() {
            self.push(kind, start);
            return Ok(());
        }
        let bad: String = self.peek().into_iter().flat_map(char::escape_debug).collect();
        let message = format!("the character `{bad}` cannot follow `{}`", shown(&self.text[start..self.pos]));
        Err(SyntaxError::new(message, self.pos))
    }

    fn identifier(&mut self, start: usize) -> Result<(), SyntaxError> {
        self.word(Kind::Identifier, start)?;
        let Some(token) = self.tokens.last_mut() else { return Ok(()) };
        token.kind = match &self.text[start..self.pos] {
            "block" => Kind::Keyword(Keyword::Block),
            "break" => Kind::Keyword(Keyword::Break),
            "continue" => Kind::Keyword(Keyword::Continue),
            "define" => Kind::Keyword(Keyword::Define),
            "else" => Kind::Keyword(Keyword::Else),
            "end" => Kind::Keyword(Keyword::End),
            "if" => Kind::Keyword(Keyword::If),
            "nil" => Kind::Keyword(Keyword::Nil),
            "range" => Kind::Keyword(Keyword::Range),
            "template" => Kind::Keyword(Keyword::Template),
            "with" => Kind::Keyword(Keyword::With),
            "true" | "false" => Kind::Bool,
            _ => Kind::Identifier,
        };
        Ok(())
    }

    fn number(&mut self, start: usize) -> Result<(), SyntaxError> {
        self.accept(|c| matches!(c, '+' | '-'));
        let mut digits: fn(char) -> bool = |c| c.is_ascii_digit() || c == '_';
        let (mut decimal, mut hex) = (true, false);
        if self.accept(|c| c == '0') {
            if self.accept(|c| matches!(c, 'x' | 'X')) {
                (digits, decimal, hex) = (|c: char| c.is_ascii_hexdigit() || c == '_', false, true);
            } else if self.accept(|c| matches!(c, 'o' | 'O')) {
                (digits, decimal) = (|c: char| matches!(c, '0'..='7' | '_'), false);
            } else if self.accept(|c| matches!(c, 'b' | 'B')) {
                (digits, decimal) = (|c: char| matches!(c, '0' | '1' | '_'), false);
            }
        }
        while self.accept(digits) {}
        if self.accept(|c| c == '.') {
            while self.accept(digits) {}
        }
        if decimal && self.accept(|c| matches!(c, 'e' | 'E')) || hex && self.accept(|c| matches!(c, 'p' | 'P')) {
            self.accept(|c| matches!(c, '+' | '-'));
            while self.accept(|c| c.is_ascii_digit() || c == '_') {}
        }
        if self.peek().is_some_and(is_word) || self.peek().is_some_and(|c| matches!(c, '+' | '-')) {
            self.take_word();
            let message = format!("`{}` is not a valid number in templates", shown(&self.text[start..self.pos]));
            return Err(SyntaxError::new(message, start));
        }
        self.push(Kind::Number, start);
        Ok(())
    }

    fn accept(&mut self, wanted: impl Fn(char) -> bool) -> bool {
        let found = self.peek().filter(|c| wanted(*c));
        self.pos += found.map_or(0, char::len_utf8);
        found.is_some()
    }
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphabetic() || c.is_numeric()
}

/// Finds the next left delimiter, by its first byte: most texts have few braces.
fn find_left(text: &str) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + text[from..].find('{')?;
        if text.as_bytes().get(at + 1) == Some(&b'{') {
            return Some(at);
        }
        from = at + 1;
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

fn has_left_marker(text: &str) -> bool {
    matches!(text.as_bytes(), [b'-', space, ..] if is_space(*space))
}

fn has_right_marker(text: &str) -> bool {
    matches!(text.as_bytes(), [space, b'-', b'}', b'}', ..] if is_space(*space))
}
