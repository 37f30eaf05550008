//! JSON as Go's `encoding/json` writes and reads it: run-time values in, its bytes out, and back with its errors.

use super::super::go::value::{Of, Str, Val, base64};
use super::cast;

/// Deeper values are refused; Go stops at 1000 pointers to find cycles, and at 10000 levels when it reads.
const MAX_DEPTH: usize = 500;

/// How to write.
#[derive(Clone, Copy)]
pub(super) struct Format {
    /// `<`, `>` and `&` as escapes.
    pub html: bool,
    /// Two spaces per level, instead of nothing between.
    pub pretty: bool,
    /// Longer texts are refused.
    pub limit: usize,
}

/// Writes a value; all that it holds counts as read.
///
/// # Errors
/// Go's message for what JSON cannot say.
pub(super) fn write(val: &Val, format: Format) -> Result<String, Refusal> {
    let mut writer = Writer { out: String::new(), format };
    match writer.value(val, 0) {
        Ok(()) if writer.out.len() > format.limit => Err(Refusal::TooLarge),
        Ok(()) => Ok(writer.out),
        Err(Refusal::Unsupported(message, _)) => Err(Refusal::Unsupported(message, writer.out.len())),
        Err(refusal) => Err(refusal),
    }
}

/// Why a value is not written.
#[derive(Debug)]
pub(super) enum Refusal {
    /// As Go says it; and how many bytes were written before that was seen.
    Unsupported(String, usize),
    TooLarge,
}

struct Writer {
    out: String,
    format: Format,
}

impl Writer {
    fn value(&mut self, val: &Val, depth: usize) -> Result<(), Refusal> {
        if self.out.len() > self.format.limit {
            return Err(Refusal::TooLarge);
        }
        if depth > MAX_DEPTH {
            let message = format!("json: unsupported value: encountered a cycle via {}", val.type_name());
            return Err(Refusal::Unsupported(message, 0));
        }
        match val {
            Val::Nil => self.out.push_str("null"),
            Val::Bool(b) => self.out.push_str(if *b { "true" } else { "false" }),
            Val::Int(i) | Val::Int64(i) => self.out.push_str(&i.to_string()),
            Val::Byte(b) => self.out.push_str(&b.to_string()),
            Val::Float(f) if f.is_finite() => self.out.push_str(&float(*f)),
            Val::Float(f) => {
                return Err(Refusal::Unsupported(format!("json: unsupported value: {}", cast::format_g(*f)), 0));
            }
            Val::Str(text) => self.string(text),
            Val::Raw(bytes) => self.raw(bytes),
            Val::Bytes(bytes) => self.string(&base64(bytes)),
            Val::List(list) if matches!(list.of, Of::Nil | Of::NilStr) => self.out.push_str("null"),
            Val::List(list) => {
                self.out.push('[');
                for (i, item) in list.items.iter().enumerate() {
                    self.separate(i, depth + 1);
                    self.value(item, depth + 1)?;
                }
                self.end(list.items.is_empty(), depth, ']');
            }
            Val::Map(map) if map.of == Of::Nil && map.is_empty() => self.out.push_str("null"),
            Val::Map(map) => {
                self.out.push('{');
                for (i, (key, val)) in map.read_all().iter().enumerate() {
                    self.separate(i, depth + 1);
                    self.string(key);
                    self.out.push_str(if self.format.pretty { ": " } else { ":" });
                    self.value(val, depth + 1)?;
                }
                self.end(map.is_empty(), depth, '}');
            }
            Val::Object(object) => self.value(&object.plain(), depth + 1)?,
        }
        Ok(())
    }

    fn separate(&mut self, index: usize, depth: usize) {
        if index > 0 {
            self.out.push(',');
        }
        self.line(depth);
    }

    fn end(&mut self, empty: bool, depth: usize, bracket: char) {
        if !empty {
            self.line(depth);
        }
        self.out.push(bracket);
    }

    fn line(&mut self, depth: usize) {
        if self.format.pretty {
            self.out.push('\n');
            (0..depth).for_each(|_| self.out.push_str("  "));
        }
    }

    fn string(&mut self, text: &str) {
        self.out.push('"');
        self.characters(text);
        self.out.push('"');
    }

    fn raw(&mut self, bytes: &[u8]) {
        self.out.push('"');
        for chunk in bytes.utf8_chunks() {
            self.characters(chunk.valid());
            chunk.invalid().iter().for_each(|_| self.out.push_str("\\ufffd"));
        }
        self.out.push('"');
    }

    fn characters(&mut self, text: &str) {
        for c in text.chars() {
            if self.out.len() > self.format.limit {
                return;
            }
            match c {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\u{8}' => self.out.push_str("\\b"),
                '\u{c}' => self.out.push_str("\\f"),
                '\n' => self.out.push_str("\\n"),
                '\r' => self.out.push_str("\\r"),
                '\t' => self.out.push_str("\\t"),
                '\0'..'\u{20}' | '\u{2028}' | '\u{2029}' => self.escape(c),
                '<' | '>' | '&' if self.format.html => self.escape(c),
                c => self.out.push(c),
            }
        }
    }

    fn escape(&mut self, c: char) {
        self.out.push_str(&format!("\\u{:04x}", u32::from(c)));
    }
}

/// How many characters a string takes with its quotes.
pub(super) fn quoted_length(text: &str) -> usize {
    let mut writer = Writer { out: String::new(), format: Format { html: true, pretty: false, limit: usize::MAX } };
    writer.string(text);
    writer.out.chars().count()
}

/// A finite float as ES6 writes it.
pub(super) fn float(f: f64) -> String {
    if f != 0.0 && (f.abs() < 1e-6 || f.abs() >= 1e21) {
        let written = cast::shortest(f);
        return if written.contains("e-") { written } else { written.replace('e', "e+") };
    }
    if f == 0.0 {
        return if f.is_sign_negative() { "-0" } else { "0" }.into();
    }
    cast::positional(f)
}

/// Reads one JSON value; every number is a float. Beside it stands the message about a number that no float holds, for
/// which Go goes on with nil.
///
/// # Errors
/// Go's message.
pub(super) fn read(text: &[u8]) -> Result<(Val, Option<String>), String> {
    let mut reader = Reader { text, at: 0, unfit: None };
    let val = reader.value("looking for beginning of value", 0)?;
    reader.skip();
    match reader.peek() {
        None => Ok((val, reader.unfit)),
        Some(_) => Err(reader.unexpected("after top-level value")),
    }
}

struct Reader<'t> {
    text: &'t [u8],
    at: usize,
    /// The first number that did not fit.
    unfit: Option<String>,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn skip(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// Go's message for the byte that stands here.
    fn unexpected(&self, place: &str) -> String {
        const WITHIN: [&str; 6] =
            ["in numeric", "after decimal", "in exponent", "in literal", "in string escape", "in \\u"];
        let Some(byte) = self.peek() else {
            // Go takes the end for a space, which only within a word, number or escape is wrong.
            return match WITHIN.iter().any(|start| place.starts_with(start)) {
                true => format!("invalid character ' ' {place}"),
                false => "unexpected end of JSON input".into(),
            };
        };
        let shown = match byte {
            b'\'' => r"'\''".into(),
            b'"' => "'\"'".into(),
            byte => {
                let quoted = super::super::go::print::quoted(&char::from(byte).to_string());
                format!("'{}'", quoted.trim_matches('"'))
            }
        };
        format!("invalid character {shown} {place}")
    }

    fn value(&mut self, place: &str, depth: usize) -> Result<Val, String> {
        if depth > MAX_DEPTH {
            return Err("exceeded max depth".into());
        }
        self.skip();
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => Ok(Val::str(&self.string()?)),
            Some(b't') => self.word("true", Val::Bool(true)),
            Some(b'f') => self.word("false", Val::Bool(false)),
            Some(b'n') => self.word("null", Val::Nil),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(self.unexpected(place)),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Val, String> {
        self.at += 1;
        let mut entries = Vec::new();
        self.skip();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Val::map(entries));
        }
        loop {
            self.skip();
            if self.peek() != Some(b'"') {
                let first = "looking for beginning of object key string";
                return Err(self.unexpected(first));
            }
            let key = self.string()?;
            self.skip();
            if self.peek() != Some(b':') {
                return Err(self.unexpected("after object key"));
            }
            self.at += 1;
            let val = self.value("looking for beginning of value", depth + 1)?;
            entries.push((Str::from(key), val));
            self.skip();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(Val::map(entries));
                }
                _ => return Err(self.unexpected("after object key:value pair")),
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Val, String> {
        self.at += 1;
        let mut items = Vec::new();
        self.skip();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Val::list(items));
        }
        loop {
            items.push(self.value("looking for beginning of value", depth + 1)?);
            self.skip();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(Val::list(items));
                }
                _ => return Err(self.unexpected("after array element")),
            }
        }
    }

    fn word(&mut self, word: &str, val: Val) -> Result<Val, String> {
        for (i, byte) in word.bytes().enumerate() {
            if self.peek() != Some(byte) {
                let expected = char::from(byte);
                let place = match i {
                    0 => "looking for beginning of value".to_owned(),
                    _ => format!("in literal {word} (expecting '{expected}')"),
                };
                return Err(self.unexpected(&place));
            }
            self.at += 1;
        }
        Ok(val)
    }

    fn digits(&mut self) -> bool {
        let from = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        self.at > from
    }

    fn number(&mut self) -> Result<Val, String> {
        let from = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else if !self.digits() {
            return Err(self.unexpected("in numeric literal"));
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            if !self.digits() {
                return Err(self.unexpected("after decimal point in numeric literal"));
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if !self.digits() {
                return Err(self.unexpected("in exponent of numeric literal"));
            }
        }
        let written = String::from_utf8_lossy(self.text.get(from..self.at).unwrap_or_default());
        match written.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Val::Float(number)),
            _ => {
                let message = || format!("json: cannot unmarshal number {written} into Go value of type float64");
                self.unfit.get_or_insert_with(message);
                Ok(Val::Nil)
            }
        }
    }

    fn string(&mut self) -> Result<String, String> {
        self.at += 1;
        let mut out = Vec::new();
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(String::from_utf8_lossy(&out).into_owned());
                }
                Some(b'\\') => {
                    self.at += 1;
                    let c = self.escape()?;
                    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                }
                None | Some(0..0x20) => return Err(self.unexpected("in string literal")),
                Some(byte) => {
                    self.at += 1;
                    out.push(byte);
                }
            }
        }
    }

    fn escape(&mut self) -> Result<char, String> {
        let c = match self.peek() {
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'u') => {
                self.at += 1;
                let high = self.hex()?;
                if !(0xd800..0xdc00).contains(&high) {
                    return Ok(char::from_u32(high).unwrap_or('\u{fffd}'));
                }
                let before = self.at;
                if self.text.get(self.at..self.at + 2) == Some(b"\\u") {
                    self.at += 2;
                    let low = self.hex()?;
                    if (0xdc00..0xe000).contains(&low) {
                        let code = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                        return Ok(char::from_u32(code).unwrap_or('\u{fffd}'));
                    }
                }
                self.at = before;
                return Ok('\u{fffd}');
            }
            _ => return Err(self.unexpected("in string escape code")),
        };
        self.at += 1;
        Ok(c)
    }

    fn hex(&mut self) -> Result<u32, String> {
        let mut code = 0;
        for _ in 0..4 {
            let Some(digit) = self.peek().and_then(|b| char::from(b).to_digit(16)) else {
                return Err(self.unexpected("in \\u hexadecimal character escape"));
            };
            code = code << 4 | digit;
            self.at += 1;
        }
        Ok(code)
    }
}
