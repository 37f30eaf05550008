//! Parser events in, documents out.
//!
//! The tree is built on an explicit stack, so that no input overflows the program's own. Every
//! limit is an error with a place. [`read`] refuses duplicate keys, where Helm silently takes the last;
//! [`read_first`] takes the last one too and tells of it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use granit_parser::{ErrorKind, Event, Marker, Parser, ScalarStyle, ScanError, Span, StructureStyle, Tag as ParsedTag};
use indexmap::IndexSet;

use super::lint::{self, IndentingTabs};
use super::resolve::{self, Scalar, Tag};
use super::{Document, Duplicate, First, Keys, Lines, ReadError, quick};
use crate::manifest::value::{Map, Value};

/// Levels of maps and lists in one another; the deepest CRD schemas reach about 50.
const MAX_DEPTH: usize = 128;
/// Values in one text, aliases expanded.
const MAX_VALUES: usize = 2_000_000;
/// Documents in one text that are not empty.
const MAX_DOCUMENTS: usize = 100_000;
/// Values that anchors and aliases of one text may copy.
const MAX_COPIED_VALUES: usize = 250_000;
/// Bytes of strings that aliases of one text may repeat.
const MAX_COPIED_BYTES: usize = 64 << 20;

/// Keys that may be set twice where that is allowed.
const MAX_DUPLICATES: usize = 1_000;

/// Reads all documents of a stream as Helm and kubectl do. Empty documents are left out.
///
/// # Errors
/// The first thing that is not YAML, that sigs.k8s.io/yaml refuses, that sets a key twice or that
/// exceeds a limit.
pub fn read(text: &str) -> Result<Vec<Document>, ReadError> {
    let tabs = lint::characters(text)?;
    if let Some(document) = plain(text, &tabs) {
        return Ok(vec![document]);
    }
    by_events(text, tabs)
}

/// Reads what is written in the plain part of YAML.
fn plain(text: &str, tabs: &IndentingTabs) -> Option<Document> {
    if tabs.any() { None } else { quick::read(text) }
}

fn by_events(text: &str, tabs: IndentingTabs) -> Result<Vec<Document>, ReadError> {
    let mut reader = Reader { text, tabs, ..Reader::default() };
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|e| scan_error(&e))?;
        if reader.tabs.any() {
            reader.judge_tabs(&event, &span)?;
        }
        reader.event(event, &span)?;
    }
    Ok(reader.documents)
}

/// Reads the first document of a stream as Helm reads a file of a chart: of a key that is set twice the last one
/// counts, and what follows the document is not looked at.
///
/// # Errors
/// The first thing in that document that is not YAML, that sigs.k8s.io/yaml refuses or that exceeds a limit.
pub fn read_first(text: &str) -> Result<First, ReadError> {
    let tabs = lint::characters(text)?;
    if let Some(document) = plain(text, &tabs) {
        return Ok(First { document: Some(document), duplicates: Vec::new(), rest: None });
    }
    let mut reader = Reader { text, tabs, last_key_wins: true, ..Reader::default() };
    let mut events = Parser::new_from_str(text);
    for event in events.by_ref() {
        let (event, span) = event.map_err(|e| scan_error(&e))?;
        if reader.tabs.any() {
            reader.judge_tabs(&event, &span)?;
        }
        let last = event == Event::DocumentEnd;
        reader.event(event, &span)?;
        if last {
            break;
        }
    }
    let rest = events.find_map(|event| match event {
        Ok((Event::DocumentStart(..), span)) => Some(Some(span.start.line())),
        Ok((Event::DocumentEnd | Event::StreamEnd, _)) | Err(_) => Some(None),
        Ok(_) => None,
    });
    let Reader { mut documents, duplicates, .. } = reader;
    Ok(First { document: documents.pop(), duplicates, rest: rest.flatten() })
}

/// Reads a text twice, in one pass and by events, and says how they differ; none where the one pass leaves it alone.
#[doc(hidden)]
pub fn compare(text: &str) -> Option<Result<(), String>> {
    let tabs = lint::characters(text).ok()?;
    let quick = plain(text, &tabs)?;
    Some(match by_events(text, tabs) {
        Ok(slow) => match &slow[..] {
            [slow] => quick.differs(slow).map_or(Ok(()), Err),
            other => Err(format!("there are {} documents", other.len())),
        },
        Err(error) => Err(format!("it is rejected: {error}")),
    })
}

fn scan_error(error: &ScanError) -> ReadError {
    // The parser has limits of its own above ours, which it meets first when it looks far ahead.
    if *error.kind() == ErrorKind::RecursionLimitExceeded {
        return place(too_deep(), error.marker());
    }
    place(error.info(), error.marker())
}

fn too_deep() -> String {
    format!("more than {MAX_DEPTH} levels deep")
}

fn place(message: impl Into<String>, at: &Marker) -> ReadError {
    ReadError { message: message.into(), line: at.line(), column: at.col() + 1 }
}

#[derive(Default)]
struct Reader<'t> {
    text: &'t str,
    documents: Vec<Document>,
    tabs: IndentingTabs,
    open_flows: usize,
    /// The collections that are open, outermost first.
    stack: Vec<Frame>,
    /// The finished document and the line it began on.
    root: Option<Value>,
    root_line: usize,
    lines: Lines,
    anchors: BTreeMap<usize, Anchored>,
    keys: Keys,
    /// Values and string bytes so far, aliases expanded.
    values: usize,
    bytes: usize,
    copied_values: usize,
    copied_bytes: usize,
    /// Whether a key that is set twice is remembered here, instead of refused.
    last_key_wins: bool,
    duplicates: Vec<Duplicate>,
}

/// A collection that is being filled.
struct Frame {
    content: Content,
    anchor: usize,
    path: u64,
    /// Where it began, for its indentation.
    column: usize,
    /// The reader's counts when it began.
    values: usize,
    bytes: usize,
    /// Levels below this one so far.
    height: usize,
}

enum Content {
    List(Vec<Value>),
    Map {
        map: Map,
        slot: Slot,
        /// Keys that came by a merge only; writing one of them is no duplicate.
        merged: IndexSet<Arc<str>>,
    },
}

/// What the next node of a map is.
enum Slot {
    Key,
    /// The value of the entry with this index, and its path.
    Value(usize, u64),
    /// The value of `<<`.
    Merge,
}

/// A finished node that aliases can repeat.
struct Anchored {
    value: Value,
    values: usize,
    bytes: usize,
    height: usize,
}

impl Reader<'_> {
    fn event(&mut self, event: Event<'_>, span: &Span) -> Result<(), ReadError> {
        match event {
            Event::DocumentStart(_, Some(version)) if (version.major, version.minor) != (1, 1) => {
                Err(place("Helm only reads YAML 1.1; remove the `%YAML` line", &span.start))
            }
            Event::DocumentStart(..) => {
                self.anchors.clear();
                Ok(())
            }
            Event::DocumentEnd => self.finish_document(span),
            Event::Scalar(text, style, anchor, tag) => self.scalar(&text, style, anchor, tag.as_deref(), span),
            Event::SequenceStart(_, anchor, _) => self.open(Content::List(Vec::new()), anchor, span),
            Event::MappingStart(_, anchor, _) => {
                let content = Content::Map { map: Map::default(), slot: Slot::Key, merged: IndexSet::new() };
                self.open(content, anchor, span)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span),
            Event::Alias(id) => self.alias(id, span),
            _ => Ok(()),
        }
    }

    fn finish_document(&mut self, span: &Span) -> Result<(), ReadError> {
        let lines = std::mem::take(&mut self.lines);
        match self.root.take() {
            None | Some(Value::Null) => return Ok(()),
            Some(_) if self.documents.len() == MAX_DOCUMENTS => {
                return Err(place(format!("more than {MAX_DOCUMENTS} documents"), &span.start));
            }
            Some(value) => self.documents.push(Document { value, line: self.root_line, lines }),
        }
        Ok(())
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&ParsedTag>,
        span: &Span,
    ) -> Result<(), ReadError> {
        lint::escapes(self.text, style, span)?;
        self.count(1, text.len(), &span.start)?;
        let plain = style == ScalarStyle::Plain;
        let in_yaml = tag.and_then(|tag| tag.suffix_in_namespace("tag:yaml.org,2002:"));
        let tag = match (tag, &in_yaml) {
            (None, _) => Tag::None,
            (_, Some(suffix)) => Tag::Yaml(suffix),
            (Some(_), None) => Tag::Custom,
        };
        if text == "<<"
            && ((plain && tag == Tag::None) || tag == Tag::Yaml("merge"))
            && let Some(Frame { content: Content::Map { slot: slot @ Slot::Key, .. }, .. }) = self.stack.last_mut()
        {
            *slot = Slot::Merge;
            return Ok(());
        }
        let scalar = resolve::resolve(text, plain, tag).map_err(|message| place(message, &span.start))?;
        let value = match scalar {
            Scalar::Null => Value::Null,
            Scalar::Bool(b) => Value::Bool(b),
            Scalar::Int(i) => Value::Int(i),
            Scalar::Float(f) => Value::Float(f),
            Scalar::Text if anchor == 0 && self.at_key() => Value::Str(self.keys.get(text)),
            Scalar::Text => Value::from(text),
            Scalar::Decoded(text) => Value::from(text),
        };
        if anchor != 0 {
            self.copied_values += 1;
            let anchored = Anchored { value: value.clone(), values: 1, bytes: text.len(), height: 0 };
            self.anchors.insert(anchor, anchored);
        }
        self.put(value, 0, false, span)
    }

    /// Says whether the next node is a key.
    fn at_key(&self) -> bool {
        matches!(self.stack.last(), Some(Frame { content: Content::Map { slot: Slot::Key, .. }, .. }))
    }

    fn open(&mut self, content: Content, anchor: usize, span: &Span) -> Result<(), ReadError> {
        self.count(1, 0, &span.start)?;
        if self.stack.len() >= MAX_DEPTH {
            return Err(place(too_deep(), &span.start));
        }
        let path = match self.stack.last() {
            None => Lines::ROOT,
            Some(Frame { content: Content::Map { slot: Slot::Key, .. }, .. }) => {
                return Err(self.collection_as_key(span));
            }
            Some(Frame { content: Content::Map { slot: Slot::Value(_, path), .. }, .. }) => *path,
            Some(Frame { content: Content::Map { slot: Slot::Merge, .. }, path, .. }) => Lines::child(*path, "<<"),
            Some(Frame { content: Content::List(list), path, .. }) => Lines::child(*path, &list.len().to_string()),
        };
        self.begin(path, span);
        let (values, bytes) = (self.values, self.bytes);
        self.stack.push(Frame { content, anchor, path, column: span.start.col(), values, bytes, height: 0 });
        Ok(())
    }

    /// Remembers the line of a collection; that of a map entry is its key's, which is known already.
    fn begin(&mut self, path: u64, span: &Span) {
        match self.stack.last() {
            None => {
                self.root_line = span.start.line();
                self.lines.add(path, self.root_line);
            }
            Some(Frame { content: Content::List(_), .. }) => self.lines.add(path, span.start.line()),
            Some(_) => {}
        }
    }

    fn collection_as_key(&self, span: &Span) -> ReadError {
        let source = span.start.byte_offset().and_then(|offset| self.text.get(offset.saturating_sub(1)..));
        if source.is_some_and(|source| source.starts_with("{{")) {
            return place("`{{` begins a map whose key is a map; quote a template expression", &span.start);
        }
        place("a map or list cannot be a key", &span.start)
    }

    fn close(&mut self, span: &Span) -> Result<(), ReadError> {
        let Some(frame) = self.stack.pop() else { return Ok(()) };
        let value = match frame.content {
            Content::List(list) => Value::List(list),
            Content::Map { map, .. } => Value::Map(map),
        };
        let height = frame.height + 1;
        if frame.anchor != 0 {
            let values = self.values - frame.values + 1;
            self.copy(values, 0, &span.start)?;
            let anchored = Anchored { value: value.clone(), values, bytes: self.bytes - frame.bytes, height };
            self.anchors.insert(frame.anchor, anchored);
        }
        self.put(value, height, false, span)
    }

    fn alias(&mut self, id: usize, span: &Span) -> Result<(), ReadError> {
        let Some(anchored) = self.anchors.get(&id) else {
            let name = span.slice(self.text).unwrap_or_default();
            return Err(place(format!("`{name}` is inside the value it repeats"), &span.start));
        };
        let (values, bytes, height) = (anchored.values, anchored.bytes, anchored.height);
        if self.stack.len() + height > MAX_DEPTH {
            return Err(place(format!("more than {MAX_DEPTH} levels deep with aliases expanded"), &span.start));
        }
        // The budget is checked before the copy is made.
        self.copy(values, bytes, &span.start)?;
        self.count(values, bytes, &span.start)?;
        let value = self.anchors[&id].value.clone();
        self.put(value, height, true, span)
    }

    fn copy(&mut self, values: usize, bytes: usize, at: &Marker) -> Result<(), ReadError> {
        self.copied_values += values;
        self.copied_bytes += bytes;
        if self.copied_values > MAX_COPIED_VALUES {
            return Err(place(format!("anchors and aliases copy more than {MAX_COPIED_VALUES} values"), at));
        }
        if self.copied_bytes > MAX_COPIED_BYTES {
            return Err(place(format!("aliases repeat more than {} MiB of text", MAX_COPIED_BYTES >> 20), at));
        }
        Ok(())
    }

    fn count(&mut self, values: usize, bytes: usize, at: &Marker) -> Result<(), ReadError> {
        self.values += values;
        self.bytes += bytes;
        if self.values > MAX_VALUES {
            return Err(place(format!("more than {MAX_VALUES} values"), at));
        }
        Ok(())
    }

    /// Puts a finished node where it belongs: as the document, a list item, a key or a key's value.
    fn put(&mut self, value: Value, height: usize, alias: bool, span: &Span) -> Result<(), ReadError> {
        if let Value::Float(float) = value
            && !float.is_finite()
            && !self.at_key()
        {
            let source = span.slice(self.text).unwrap_or("infinity");
            return Err(place(format!("`{source}` is not a number for Helm, which converts to JSON"), &span.start));
        }
        let Some(frame) = self.stack.last_mut() else {
            if height == 0 || alias {
                self.root_line = span.start.line();
                self.lines.add(Lines::ROOT, self.root_line);
            }
            self.root = Some(value);
            return Ok(());
        };
        frame.height = frame.height.max(height);
        let (map, slot, merged) = match &mut frame.content {
            Content::List(list) => {
                if height == 0 || alias {
                    self.lines.add(Lines::child(frame.path, &list.len().to_string()), span.start.line());
                }
                list.push(value);
                return Ok(());
            }
            Content::Map { map, slot, merged } => (map, slot, merged),
        };
        match std::mem::replace(slot, Slot::Key) {
            Slot::Key => {
                let key = key_text(value).map_err(|message| place(message, &span.start))?;
                let path = Lines::child(frame.path, &key);
                // The entry is made now and filled later, which spares a second search.
                let (index, before) = map.insert_full(Arc::clone(&key), Value::Null);
                if before.is_some() && !merged.swap_remove(&key) {
                    let first = self.lines.find(path).unwrap_or(span.start.line());
                    if !self.last_key_wins {
                        let message = format!("key `{key}` is set twice, first on line {first}");
                        return Err(place(message, &span.start));
                    }
                    if self.duplicates.len() == MAX_DUPLICATES {
                        let message = format!("more than {MAX_DUPLICATES} keys are set twice");
                        return Err(place(message, &span.start));
                    }
                    self.duplicates.push(Duplicate { key: key.to_string(), line: span.start.line(), first });
                    self.lines.forget(path);
                }
                self.lines.add(path, span.start.line());
                *slot = Slot::Value(index, path);
            }
            Slot::Value(index, _) => map[index] = value,
            Slot::Merge => merge(map, merged, value, alias).map_err(|message| place(message, &span.start))?,
        }
        Ok(())
    }

    fn judge_tabs(&mut self, event: &Event<'_>, span: &Span) -> Result<(), ReadError> {
        let Some(range) = span.byte_range() else { return Ok(()) };
        if self.open_flows > 0 {
            self.tabs.allow_before(range.start);
        } else {
            self.tabs.refuse_before(self.text, range.start)?;
        }
        match event {
            Event::SequenceStart(StructureStyle::Flow, ..) | Event::MappingStart(StructureStyle::Flow, ..) => {
                self.open_flows += 1;
            }
            Event::SequenceStart(..) | Event::MappingStart(..) if self.open_flows > 0 => self.open_flows += 1,
            Event::SequenceEnd | Event::MappingEnd if self.open_flows > 0 => {
                self.open_flows -= 1;
                self.tabs.allow_before(range.end);
            }
            Event::Scalar(_, ScalarStyle::Plain, ..) => {
                let indent = self.stack.last().map_or(0, |frame| frame.column + 1);
                self.tabs.plain_scalar(self.text, span, indent)?;
            }
            Event::Scalar(_, ScalarStyle::Literal | ScalarStyle::Folded, ..) => {
                self.tabs.block_scalar(self.text, span)?;
            }
            Event::Scalar(..) => self.tabs.allow_before(range.end),
            _ => {}
        }
        Ok(())
    }
}

/// Turns a scalar into a key as sigs.k8s.io/yaml does.
fn key_text(value: Value) -> Result<Arc<str>, Cow<'static, str>> {
    Ok(match value {
        Value::Str(text) => text,
        Value::Bool(b) => Arc::from(if b { "true" } else { "false" }),
        Value::Int(i) if i64::try_from(i).is_ok() => Arc::from(i.to_string()),
        Value::Int(i) => return Err(format!("`{i}` is too large a number for a key; quote it").into()),
        Value::Float(f) => Arc::from(resolve::float_key(f)),
        Value::Null => return Err("null cannot be a key; quote it".into()),
        Value::List(_) | Value::Map(_) => return Err("a map or list cannot be a key".into()),
    })
}

/// Merges the value of `<<` into a map as go-yaml v2 does: what stands in the map already loses.
fn merge(map: &mut Map, merged: &mut IndexSet<Arc<str>>, value: Value, alias: bool) -> Result<(), &'static str> {
    const WANTED: &str = "`<<` needs a map or a list of maps";
    let sources = match value {
        Value::Map(source) => vec![source],
        Value::List(list) if !alias => list
            .into_iter()
            .map(|item| if let Value::Map(source) = item { Ok(source) } else { Err(WANTED) })
            .collect::<Result<_, _>>()?,
        _ => return Err(WANTED),
    };
    // Earlier maps of a list win, so they are laid on last.
    for (key, value) in sources.into_iter().rev().flatten() {
        if map.insert(Arc::clone(&key), value).is_none() {
            merged.insert(key);
        }
    }
    Ok(())
}
