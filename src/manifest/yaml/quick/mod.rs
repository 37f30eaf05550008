//! The plain part of YAML in one pass: block maps and lists, scalars, literal blocks, simple flow collections.
//!
//! Nearly all manifests and values files are written in it. Whatever is not surely in it (anchors, tags, folded blocks,
//! rare escapes, tabs, keys that are no strings, every mistake) makes the whole text one for the event parser, which
//! also words the errors. So this may refuse anything, and what it takes has to come out as from there: values, and
//! the line of every node. Tests and a fuzz target compare the two.

use std::sync::Arc;

mod scalar; // what stands behind a key or a dash

use super::resolve::{Scalar, implicit};
use super::{Document, Keys, Lines};
use crate::manifest::value::{Map, Value};
use scalar::starts_plain;

/// Levels within one another; deeper texts are left to the event parser, which knows the limit.
const MAX_DEPTH: usize = 100;
/// Values; the same.
const MAX_VALUES: usize = 1_000_000;
/// Bytes of a key; YAML allows 1024 characters.
const MAX_KEY: usize = 250;

/// Reads a text of one document that is not empty. `text` has no characters that YAML forbids, and no tab indents a line.
pub(super) fn read(text: &str) -> Option<Document> {
    if text.contains('\r') || text.starts_with(['%', '\u{feff}']) {
        return None;
    }
    let mut reader = Quick {
        text,
        bytes: text.as_bytes(),
        pos: 0,
        line: 1,
        lines: Lines::default(),
        values: 0,
        block_line: 0,
        keys: Keys::default(),
    };
    let mut indent = reader.next_line()?;
    if indent == 0 && reader.rest().starts_with("---") {
        reader.pos += 3;
        if !reader.at_end_of_line() {
            return None;
        }
        reader.skip_line();
        indent = reader.next_line()?;
    }
    let line = reader.line;
    reader.lines.add(Lines::ROOT, line);
    let value = reader.block(indent, Lines::ROOT, 0)?;
    match (reader.next_line(), &value) {
        (None, Value::Map(_) | Value::List(_)) => Some(Document { value, line, lines: reader.lines }),
        _ => None,
    }
}

struct Quick<'t> {
    text: &'t str,
    bytes: &'t [u8],
    /// Within a line: at the token to read. Between lines: at the first character of a line that says something.
    pos: usize,
    /// From 1.
    line: usize,
    lines: Lines,
    values: usize,
    /// The first line that the last literal block says something on.
    block_line: usize,
    keys: Keys,
}

impl<'t> Quick<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.pos..]
    }

    fn byte(&self) -> Option<u8> {
        self.bytes.get(self.pos).copied()
    }

    fn spaces(&self, from: usize) -> usize {
        self.bytes[from..].iter().take_while(|byte| **byte == b' ').count()
    }

    /// Returns the end of the line that has this offset.
    fn line_end(&self, from: usize) -> usize {
        self.text[from..].find('\n').map_or(self.bytes.len(), |at| from + at)
    }

    /// Goes to the beginning of the next line.
    fn skip_line(&mut self) {
        self.pos = self.line_end(self.pos);
        if self.pos < self.bytes.len() {
            self.pos += 1;
            self.line += 1;
        }
    }

    /// Goes from the beginning of a line to the first character that is no space and in no comment, and returns its
    /// column; none at the end.
    fn next_line(&mut self) -> Option<usize> {
        loop {
            let indent = self.spaces(self.pos);
            match self.bytes.get(self.pos + indent) {
                None => {
                    self.pos = self.bytes.len();
                    return None;
                }
                Some(b'\n' | b'#') => self.skip_line(),
                Some(_) => {
                    self.pos += indent;
                    return Some(indent);
                }
            }
        }
    }

    /// Says whether nothing but spaces and a comment is left of the line.
    fn at_end_of_line(&self) -> bool {
        let spaces = self.spaces(self.pos);
        match self.bytes.get(self.pos + spaces) {
            None | Some(b'\n') => true,
            Some(b'#') => spaces > 0,
            Some(_) => false,
        }
    }

    fn is_item(&self) -> bool {
        self.byte() == Some(b'-') && matches!(self.bytes.get(self.pos + 1), None | Some(b' ' | b'\n'))
    }

    fn count(&mut self, depth: usize) -> Option<()> {
        self.values += 1;
        (self.values < MAX_VALUES && depth < MAX_DEPTH).then_some(())
    }

    /// Reads the map or list whose first token is here, in this column. The line of the node is noted already.
    fn block(&mut self, column: usize, path: u64, depth: usize) -> Option<Value> {
        self.count(depth)?;
        if self.is_item() { self.list(column, path, depth) } else { self.map(column, path, depth) }
    }

    /// Reads items up to a line that is not one of them, which is left at its first character.
    fn list(&mut self, column: usize, path: u64, depth: usize) -> Option<Value> {
        let mut items = Vec::new();
        loop {
            let child = Lines::child(path, index(items.len(), &mut [0; 20]));
            self.pos += 1;
            if self.at_end_of_line() {
                self.skip_line();
                match self.next_line() {
                    Some(indent) if indent > column => {
                        self.lines.add(child, self.line);
                        items.push(self.below(indent, column, child, depth)?);
                    }
                    // A missing item: where the event parser sees it is its own affair.
                    _ => return None,
                }
            } else {
                let spaces = self.spaces(self.pos);
                self.pos += spaces;
                // The event parser takes a block to begin where its text does.
                let (place, is_block) = (self.lines.0.len(), self.byte() == Some(b'|'));
                self.lines.add(child, self.line);
                items.push(self.inline(column + 1 + spaces, column, child, depth)?);
                if is_block {
                    self.lines.0[place].1 = u32::try_from(self.block_line).unwrap_or(u32::MAX);
                }
            }
            match self.here()? {
                Some(indent) if indent == column && self.is_item() => {}
                Some(indent) if indent > column => return None,
                _ => return Some(Value::List(items)),
            }
        }
    }

    /// Reads entries up to a line that is not one of them, which is left at its first character.
    fn map(&mut self, column: usize, path: u64, depth: usize) -> Option<Value> {
        let mut map = Map::default();
        loop {
            let key = self.key()?;
            let child = Lines::child(path, &key);
            self.lines.add(child, self.line);
            let (at, before) = map.insert_full(key, Value::Null);
            if before.is_some() {
                return None;
            }
            map[at] = self.value(column, child, depth)?;
            match self.here()? {
                Some(indent) if indent == column && !self.is_item() => {}
                Some(indent) if indent >= column => return None,
                _ => return Some(Value::Map(map)),
            }
        }
    }

    /// Returns the column of the token that comes next, from the beginning of a line or from the token itself.
    #[expect(clippy::option_option, reason = "no token, and a text to leave alone, are two things")]
    fn here(&mut self) -> Option<Option<usize>> {
        let start = self.text[..self.pos].rfind('\n').map_or(0, |at| at + 1);
        if start == self.pos {
            return Some(self.next_line());
        }
        // A block has ended at this token already.
        let column = self.pos - start;
        (self.spaces(start) == column || self.pos == self.bytes.len())
            .then(|| (self.pos < self.bytes.len()).then_some(column))
    }

    /// Reads what stands below a key or dash, deeper than `parent`.
    fn below(&mut self, indent: usize, parent: usize, path: u64, depth: usize) -> Option<Value> {
        if self.is_item() || self.has_key() {
            return self.block(indent, path, depth + 1);
        }
        let begins = |byte| starts_plain(byte) || matches!(byte, b'"' | b'\'' | b'[' | b'{');
        if self.byte().is_some_and(begins) { self.scalar(parent, path, depth) } else { None }
    }

    /// Reads an item that stands behind its dash: a list, a map or a scalar.
    fn inline(&mut self, column: usize, parent: usize, path: u64, depth: usize) -> Option<Value> {
        if self.is_item() || self.has_key() {
            return self.block(column, path, depth + 1);
        }
        self.scalar(parent, path, depth)
    }

    /// Reads what a key has, on its line or below; `column` is the key's.
    fn value(&mut self, column: usize, path: u64, depth: usize) -> Option<Value> {
        if !self.at_end_of_line() {
            self.pos += self.spaces(self.pos);
            if self.is_item() {
                return None;
            }
            return self.scalar(column, path, depth);
        }
        self.skip_line();
        match self.next_line() {
            Some(indent) if indent > column => self.below(indent, column, path, depth),
            // A list may stand right below its key.
            Some(indent) if indent == column && self.is_item() => self.block(column, path, depth + 1),
            _ => {
                self.count(depth)?;
                Some(Value::Null)
            }
        }
    }

    /// Says whether a key begins here.
    fn has_key(&self) -> bool {
        match self.byte() {
            Some(quote @ (b'"' | b'\'')) => {
                let Some(end) = self.bytes[self.pos + 1..].iter().position(|b| *b == quote || *b == b'\n') else {
                    return false;
                };
                self.bytes.get(self.pos + 1 + end) == Some(&quote)
                    && self.bytes.get(self.pos + end + 2) == Some(&b':')
                    && matches!(self.bytes.get(self.pos + end + 3), None | Some(b' ' | b'\n'))
            }
            Some(first) if starts_plain(first) || first == b'-' => self.colon().is_some(),
            _ => false,
        }
    }

    /// Returns the offset of the colon that ends the plain key here.
    fn colon(&self) -> Option<usize> {
        let line = &self.bytes[self.pos..self.line_end(self.pos)];
        let ends = |at: usize| matches!(line.get(at + 1), None | Some(b' '));
        let at = (0..line.len())
            .find(|at| line[*at] == b':' && ends(*at) || line[*at] == b'#' && *at > 0 && line[*at - 1] == b' ')?;
        (line[at] == b':').then_some(self.pos + at)
    }

    /// Reads a key with its colon.
    fn key(&mut self) -> Option<Arc<str>> {
        let text = self.text;
        let key = match self.byte()? {
            quote @ (b'"' | b'\'') if self.has_key() => {
                let start = self.pos + 1;
                let end = start + self.bytes[start..].iter().position(|byte| *byte == quote)?;
                self.pos = end + 2;
                &text[start..end]
            }
            first if starts_plain(first) || (first == b'-' && !self.is_item()) => {
                let end = self.colon()?;
                let key = &text[self.pos..end];
                self.pos = end + 1;
                // Three dashes or dots may be the marker of a document.
                if implicit(key) != Scalar::Text || key == "<<" || key.starts_with("---") || key.starts_with("...") {
                    return None;
                }
                key
            }
            _ => return None,
        };
        let simple = !key.is_empty() && key.len() <= MAX_KEY && !key.contains(['\\', '\t']) && !key.ends_with(' ');
        simple.then(|| self.keys.get(key))
    }
}

/// Writes an index without an allocation.
fn index(number: usize, buffer: &mut [u8; 20]) -> &str {
    let mut at = buffer.len();
    let mut left = number;
    loop {
        at -= 1;
        buffer[at] = b'0' + u8::try_from(left % 10).unwrap_or(0);
        left /= 10;
        if left == 0 {
            return std::str::from_utf8(&buffer[at..]).unwrap_or_default();
        }
    }
}
