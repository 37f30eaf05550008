//! What stands behind a key or a dash: plain and quoted scalars, literal blocks, flow collections.

use std::sync::Arc;

use super::super::Lines;
use super::super::resolve::{Scalar, implicit};
use super::{MAX_DEPTH, MAX_KEY, Quick, index};
use crate::manifest::value::{Map, Value};

impl<'t> Quick<'t> {
    /// Reads a scalar or flow collection that begins on this line, and goes to the beginning of the line behind it.
    pub(super) fn scalar(&mut self, parent: usize, path: u64, depth: usize) -> Option<Value> {
        self.count(depth)?;
        let value = match self.byte()? {
            b'"' => Value::from(self.double_quoted(Some(parent))?),
            b'\'' => Value::from(self.single_quoted(Some(parent))?),
            b'[' | b'{' => self.flow(path, depth + 1)?,
            b'|' => return self.literal(parent),
            first if starts_plain(first) || first == b'-' => return self.plain(parent),
            _ => return None,
        };
        if !self.at_end_of_line() {
            return None;
        }
        self.skip_line();
        Some(value)
    }

    /// Reads a plain scalar, over several lines if it is: those deeper than `parent` belong to it.
    fn plain(&mut self, parent: usize) -> Option<Value> {
        let line_end = self.line_end(self.pos);
        let first = &self.text[self.pos..line_end];
        let (first, commented) = match first.find(" #") {
            Some(at) => (&first[..at], true),
            None => (first, false),
        };
        let first = first.trim_end_matches(' ');
        if has_colon(first) || first.contains('\t') {
            return None;
        }
        self.pos = line_end;
        self.skip_line();
        let mut whole = None;
        if !commented {
            whole = self.continued(parent, first)?;
        }
        match whole {
            Some(text) => resolved(&text),
            None => resolved(first),
        }
    }

    /// Reads the further lines of a plain scalar and folds them to its first one; none when there are none.
    #[expect(clippy::option_option, reason = "nothing to add, and a text to leave alone, are two things")]
    fn continued(&mut self, parent: usize, first: &str) -> Option<Option<String>> {
        let mut whole: Option<String> = None;
        loop {
            let (mut at, mut blank) = (self.pos, 0);
            loop {
                let indent = self.spaces(at);
                match self.bytes.get(at + indent) {
                    Some(b'\n') => (at, blank) = (at + indent + 1, blank + 1),
                    Some(b'#') | None => return Some(whole),
                    Some(_) if indent <= parent => return Some(whole),
                    Some(_) => {
                        at += indent;
                        break;
                    }
                }
            }
            let end = self.line_end(at);
            let more = self.text[at..end].trim_end_matches(' ');
            if has_colon(more) || more.contains('\t') || more.contains(" #") {
                return None;
            }
            let whole = whole.get_or_insert_with(|| first.to_owned());
            match blank {
                0 => whole.push(' '),
                _ => whole.extend(std::iter::repeat_n('\n', blank)),
            }
            whole.push_str(more);
            self.line += blank;
            self.pos = at;
            self.skip_line();
        }
    }

    /// Reads a literal block whose parent stands in this column.
    fn literal(&mut self, parent: usize) -> Option<Value> {
        let header_end = self.line_end(self.pos);
        let chomp = match &self.text[self.pos..header_end] {
            "|" => None,
            "|-" => Some(false),
            "|+" => Some(true),
            _ => return None,
        };
        self.pos = header_end;
        self.skip_line();
        let start = self.pos;
        // Lines before the first that says something must not be deeper than it.
        let (mut indent, mut deepest) = (0, 0);
        while indent == 0 {
            let spaces = self.spaces(self.pos);
            match self.bytes.get(self.pos + spaces) {
                None => return None,
                Some(b'\n') => {
                    deepest = deepest.max(spaces);
                    self.skip_line();
                }
                Some(_) if spaces <= parent || spaces < deepest => return None,
                Some(_) => indent = spaces,
            }
        }
        self.block_line = self.line;
        let blank = self.text[start..self.pos].matches('\n').count();
        let mut text = "\n".repeat(blank);
        loop {
            let spaces = self.spaces(self.pos);
            let end = self.line_end(self.pos);
            let said = self.pos + spaces < end;
            if said && spaces < indent {
                break;
            }
            if end == self.bytes.len() {
                // A last line without its end counts as one that has it.
                if !said {
                    return None;
                }
                text.push_str(&self.text[self.pos + indent..end]);
                text.push('\n');
                self.pos = end;
                break;
            }
            text.push_str(self.text.get(self.pos + indent..end).unwrap_or_default());
            text.push('\n');
            self.skip_line();
            if self.pos == self.bytes.len() {
                break;
            }
        }
        let said = text.trim_end_matches('\n').len();
        match chomp {
            Some(true) => {}
            Some(false) => text.truncate(said),
            None => text.truncate(said + 1),
        }
        Some(Value::from(text))
    }

    /// Reads a string in double quotes; further lines have to be deeper than `parent`, and without one there are none.
    fn double_quoted(&mut self, parent: Option<usize>) -> Option<String> {
        let mut text = String::new();
        self.pos += 1;
        loop {
            let at = self.pos + self.text[self.pos..].find(['"', '\\', '\n'])?;
            let part = &self.text[self.pos..at];
            match self.bytes[at] {
                b'"' => {
                    text.push_str(part);
                    self.pos = at + 1;
                    return Some(text);
                }
                b'\\' => {
                    text.push_str(part);
                    self.pos = at + 2;
                    text.push(match self.bytes.get(at + 1)? {
                        b'"' => '"',
                        b'\\' => '\\',
                        b'n' => '\n',
                        b't' => '\t',
                        b' ' => ' ',
                        // The line goes on as if it had not ended.
                        b'\n' => {
                            self.line += 1;
                            self.deeper(parent)?;
                            continue;
                        }
                        _ => return None,
                    });
                }
                _ => self.fold(part, &mut text, at, parent)?,
            }
        }
    }

    /// Reads a string in single quotes, as [`Quick::double_quoted`].
    fn single_quoted(&mut self, parent: Option<usize>) -> Option<String> {
        let mut text = String::new();
        self.pos += 1;
        loop {
            let at = self.pos + self.text[self.pos..].find(['\'', '\n'])?;
            let part = &self.text[self.pos..at];
            if self.bytes[at] == b'\n' {
                self.fold(part, &mut text, at, parent)?;
                continue;
            }
            text.push_str(part);
            if self.bytes.get(at + 1) != Some(&b'\'') {
                self.pos = at + 1;
                return Some(text);
            }
            text.push('\'');
            self.pos = at + 2;
        }
    }

    /// Adds the last part of a line, which ends at `at`, and folds the break to the next one.
    fn fold(&mut self, part: &str, text: &mut String, at: usize, parent: Option<usize>) -> Option<()> {
        if part.contains('\t') {
            return None;
        }
        text.push_str(part.trim_end_matches(' '));
        let mut breaks = 1;
        self.pos = at + 1;
        while self.bytes.get(self.pos + self.spaces(self.pos)) == Some(&b'\n') {
            self.pos += self.spaces(self.pos) + 1;
            breaks += 1;
        }
        self.line += breaks;
        match breaks {
            1 => text.push(' '),
            _ => text.extend(std::iter::repeat_n('\n', breaks - 1)),
        }
        self.deeper(parent)
    }

    /// Goes to the first character of a further line of a quoted string.
    fn deeper(&mut self, parent: Option<usize>) -> Option<()> {
        let spaces = self.spaces(self.pos);
        self.pos += spaces;
        (spaces > parent? && !matches!(self.byte()?, b'\n' | b'\t' | b'#')).then_some(())
    }

    fn skip_spaces(&mut self) {
        self.pos += self.spaces(self.pos);
    }

    /// Reads a list or map in brackets that ends on this line.
    fn flow(&mut self, path: u64, depth: usize) -> Option<Value> {
        if depth >= MAX_DEPTH {
            return None;
        }
        let is_map = self.byte()? == b'{';
        let close = if is_map { b'}' } else { b']' };
        let (mut map, mut list) = (Map::default(), Vec::new());
        self.pos += 1;
        self.skip_spaces();
        if self.byte()? == close {
            self.pos += 1;
            return Some(if is_map { Value::Map(map) } else { Value::List(list) });
        }
        loop {
            self.skip_spaces();
            if is_map {
                let key = self.flow_key()?;
                let child = Lines::child(path, &key);
                self.lines.add(child, self.line);
                self.skip_spaces();
                let value = self.flow_value(child, depth)?;
                if map.insert(key, value).is_some() {
                    return None;
                }
            } else {
                let child = Lines::child(path, index(list.len(), &mut [0; 20]));
                self.lines.add(child, self.line);
                list.push(self.flow_value(child, depth)?);
            }
            self.skip_spaces();
            match self.byte()? {
                b',' => self.pos += 1,
                byte if byte == close => {
                    self.pos += 1;
                    return Some(if is_map { Value::Map(map) } else { Value::List(list) });
                }
                _ => return None,
            }
        }
    }

    /// Reads a key in braces, with its colon and the space behind it.
    fn flow_key(&mut self) -> Option<Arc<str>> {
        let key = match self.byte()? {
            b'"' => self.double_quoted(None)?,
            b'\'' => self.single_quoted(None)?,
            _ => {
                let key = self.flow_word();
                if implicit(key) != Scalar::Text {
                    return None;
                }
                key.to_owned()
            }
        };
        if key.is_empty() || key.len() > MAX_KEY || self.byte()? != b':' || self.bytes.get(self.pos + 1)? != &b' ' {
            return None;
        }
        self.pos += 1;
        Some(self.keys.get(&key))
    }

    fn flow_value(&mut self, path: u64, depth: usize) -> Option<Value> {
        self.count(depth)?;
        match self.byte()? {
            b'"' => Some(Value::from(self.double_quoted(None)?)),
            b'\'' => Some(Value::from(self.single_quoted(None)?)),
            b'[' | b'{' => self.flow(path, depth + 1),
            _ => resolved(self.flow_word()),
        }
    }

    /// Takes a plain word that is the same within and without brackets.
    fn flow_word(&mut self) -> &'t str {
        let start = self.pos;
        let first = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'.' | b'_' | b'$');
        let more = |b: u8| first(b) || matches!(b, b'-' | b'+' | b'=' | b'~');
        if self.byte().is_some_and(first) {
            self.pos += self.bytes[start..].iter().take_while(|byte| more(**byte)).count();
        }
        &self.text[start..self.pos]
    }
}

/// Says whether a plain scalar may begin with this byte, whatever follows.
pub(super) fn starts_plain(byte: u8) -> bool {
    !matches!(
        byte,
        b'-' | b'?'
            | b':'
            | b','
            | b'['
            | b']'
            | b'{'
            | b'}'
            | b'#'
            | b'&'
            | b'*'
            | b'!'
            | b'|'
            | b'>'
            | b'\''
            | b'"'
            | b'%'
            | b'@'
            | b'`'
            | b' '
            | b'\t'
            | b'\n'
            | b'='
    )
}

/// Says whether a text has a colon that would end a key.
fn has_colon(text: &str) -> bool {
    text.ends_with(':') || text.contains(": ")
}

fn resolved(text: &str) -> Option<Value> {
    Some(match implicit(text) {
        Scalar::Null => return (!text.is_empty()).then_some(Value::Null),
        Scalar::Bool(b) => Value::Bool(b),
        Scalar::Int(i) => Value::Int(i),
        Scalar::Float(f) if f.is_finite() => Value::Float(f),
        Scalar::Text => Value::from(text),
        _ => return None,
    })
}
