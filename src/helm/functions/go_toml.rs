//! TOML as BurntSushi/toml v1.6 writes it: a value in, its text out.
//!
//! Direct values come before tables, both sorted; tables are indented by their depth; a list of maps is a list of tables.

use super::super::go::value::{Of, Str, Val};
use super::cast;

const MAX_DEPTH: usize = 200;

/// Why a value is not written.
#[derive(Debug)]
pub(super) enum Refusal {
    /// As Go says it, which Helm makes the text; and how many bytes and values were looked at before that was seen.
    Unsupported(String, usize),
    TooLarge,
}

/// Writes a map.
///
/// # Errors
/// When Go cannot write it, or the text is longer than `limit`.
pub(super) fn write(val: &Val, limit: usize) -> Result<String, Refusal> {
    let mut writer = Writer { out: String::new(), looked: 0, limit };
    match writer.encode(&mut Vec::new(), &plain(val)) {
        Ok(()) if writer.out.len() > limit => Err(Refusal::TooLarge),
        Ok(()) => Ok(writer.out),
        Err(Refusal::Unsupported(message, _)) => {
            Err(Refusal::Unsupported(message, writer.out.len().saturating_add(writer.looked)))
        }
        Err(refusal) => Err(refusal),
    }
}

fn unsupported<T>(message: &str) -> Result<T, Refusal> {
    Err(Refusal::Unsupported(message.to_owned(), 0))
}

const TOO_DEEP: &str = "toml: the value is nested too deep";

/// The value behind an object; a time stays what it is.
fn plain(val: &Val) -> Val {
    match val {
        Val::Object(object) if object.type_name() != "time.Time" => object.plain(),
        val => val.clone(),
    }
}

struct Writer {
    out: String,
    /// Items of lists that were looked at to tell lists of tables from others.
    looked: usize,
    limit: usize,
}

fn is_nil(val: &Val) -> bool {
    match val {
        Val::Nil => true,
        Val::List(list) => matches!(list.of, Of::Nil | Of::NilStr),
        Val::Map(map) => map.of == Of::Nil && map.is_empty(),
        _ => false,
    }
}

impl Writer {
    fn bounded(&self, depth: usize) -> Result<(), Refusal> {
        if self.out.len().saturating_add(self.looked) > self.limit {
            return Err(Refusal::TooLarge);
        }
        if depth > MAX_DEPTH { unsupported(TOO_DEEP) } else { Ok(()) }
    }

    /// Says whether a list holds maps only.
    fn is_table_list(&mut self, items: &[Val], depth: usize) -> Result<bool, Refusal> {
        self.looked += 1 + items.len();
        self.bounded(depth)?;
        if items.iter().any(is_nil) {
            return unsupported("toml: cannot encode array with nil element");
        }
        for item in items {
            if let Val::List(list) = item {
                self.is_table_list(&list.items, depth + 1)?; // Go looks into lists within lists too.
            }
        }
        Ok(!items.is_empty() && items.iter().all(|item| matches!(plain(item), Val::Map(_))))
    }

    fn encode(&mut self, key: &mut Vec<Str>, val: &Val) -> Result<(), Refusal> {
        self.bounded(key.len())?;
        match val {
            Val::Nil => {}
            Val::Map(map) if is_nil(val) => drop(map.read_all()),
            Val::Map(_) => self.table(key, val)?,
            Val::List(list) if self.is_table_list(&list.items, 0)? => {
                if key.is_empty() {
                    return unsupported("toml: top-level values must be Go maps or structs");
                }
                for item in &list.items {
                    self.newline();
                    self.heading(key, "[[", "]]")?;
                    self.newline();
                    self.map(key, &plain(item))?;
                }
            }
            _ => self.pair(key, val)?,
        }
        Ok(())
    }

    fn newline(&mut self) {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
    }

    fn heading(&mut self, key: &[Str], open: &str, close: &str) -> Result<(), Refusal> {
        let indent = "  ".repeat(key.len().saturating_sub(1));
        self.out.push_str(&indent);
        self.out.push_str(open);
        for (index, part) in key.iter().enumerate() {
            self.bounded(0)?;
            self.out.push_str(if index > 0 { "." } else { "" });
            self.out.push_str(&quoted_key(part));
        }
        self.out.push_str(close);
        Ok(())
    }

    fn table(&mut self, key: &mut Vec<Str>, val: &Val) -> Result<(), Refusal> {
        if key.len() == 1 {
            self.newline();
        }
        if !key.is_empty() {
            self.heading(key, "[", "]")?;
            self.newline();
        }
        self.map(key, val)
    }

    /// The entries of a map: direct ones, then tables.
    fn sorted(&mut self, val: &Val) -> Result<Vec<(Str, Val, bool)>, Refusal> {
        let Val::Map(map) = val else { return Ok(Vec::new()) };
        let mut entries = Vec::new();
        self.looked += map.len();
        for (key, val) in map.read_all() {
            let val = plain(&val);
            let table = match &val {
                _ if is_nil(&val) => false,
                Val::Map(_) => true,
                Val::List(list) => self.is_table_list(&list.items, 0)?,
                _ => false,
            };
            entries.push((key, val, table));
        }
        entries.sort_by_key(|(_, _, table)| *table);
        Ok(entries)
    }

    fn map(&mut self, key: &mut Vec<Str>, val: &Val) -> Result<(), Refusal> {
        for (name, val, _) in self.sorted(val)? {
            if is_nil(&val) {
                continue;
            }
            key.push(name);
            self.encode(key, &val)?;
            key.pop();
        }
        Ok(())
    }

    fn pair(&mut self, key: &[Str], val: &Val) -> Result<(), Refusal> {
        let Some(last) = key.last() else { return self.element(val, 0) };
        let indent = "  ".repeat(key.len() - 1);
        self.out.push_str(&format!("{indent}{} = ", quoted_key(last)));
        self.element(val, 0)?;
        self.newline();
        Ok(())
    }

    fn element(&mut self, val: &Val, depth: usize) -> Result<(), Refusal> {
        self.bounded(depth)?;
        match &plain(val) {
            Val::Bool(b) => self.out.push_str(if *b { "true" } else { "false" }),
            Val::Int(i) | Val::Int64(i) => self.out.push_str(&i.to_string()),
            Val::Byte(b) => self.out.push_str(&b.to_string()),
            Val::Float(f) => self.out.push_str(&float(*f)),
            val @ (Val::Str(_) | Val::Raw(_)) => self.string(&cast::text_of(val)),
            Val::Bytes(bytes) => {
                let items: Vec<Val> = bytes.iter().map(|b| Val::Byte(*b)).collect();
                self.list(&items, depth)?;
            }
            Val::List(list) => self.list(&list.items, depth)?,
            val @ Val::Map(_) => {
                self.out.push('{');
                let entries = self.sorted(val)?;
                let (direct, tables): (Vec<_>, Vec<_>) = entries.into_iter().partition(|(_, _, table)| !table);
                for (group, more) in [(&direct, !tables.is_empty()), (&tables, false)] {
                    for (i, (key, val, _)) in group.iter().enumerate() {
                        if is_nil(val) {
                            continue;
                        }
                        self.out.push_str(&format!("{} = ", quoted_key(key)));
                        self.element(val, depth + 1)?;
                        if more || i + 1 < group.len() {
                            self.out.push_str(", ");
                        }
                    }
                }
                self.out.push('}');
            }
            Val::Object(object) => {
                if let Some(text) = object.plain().as_str() {
                    self.out.push_str(text);
                }
            }
            Val::Nil => {}
        }
        Ok(())
    }

    fn list(&mut self, items: &[Val], depth: usize) -> Result<(), Refusal> {
        self.out.push('[');
        for (i, item) in items.iter().enumerate() {
            if i > 0 {
                self.out.push_str(", ");
            }
            self.element(item, depth + 1)?;
        }
        self.out.push(']');
        Ok(())
    }

    fn string(&mut self, text: &str) {
        self.out.push_str(&quoted(text));
    }
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            '\0'..='\x1f' | '\x7f' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn quoted_key(key: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !key.is_empty() && key.chars().all(bare) { key.to_owned() } else { quoted(key) }
}

fn float(f: f64) -> String {
    if f.is_nan() {
        return "nan".into();
    }
    if f.is_infinite() {
        return if f > 0.0 { "inf" } else { "-inf" }.into();
    }
    let text = cast::format_g(f);
    if text.contains(['.', 'e']) { text } else { text + ".0" }
}
