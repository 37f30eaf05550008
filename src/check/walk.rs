//! Walks over values and over the user's tables: strings with the key they stand under, places of paths.

use std::collections::BTreeMap;

use super::{Clean, Context, Findings, at_key};
use crate::catalog::OptionDef;
use crate::diag::{Diagnostic, Span};
use crate::lower::Lowered;
use crate::manifest::images::{self, Way};
use crate::manifest::value::Value;
use crate::parse::{Kind, Node, Table};
use crate::resolve::Instance;

/// Calls `see` with every scalar, the key that it stands under and the key above that one.
///
/// In a pair such as `{name: DB_PASSWORD, value: …}`, which is how containers take their environment, the name counts as
/// the key of the value.
pub fn scalars<'a>(value: &'a Value, key: &'a str, above: &'a str, see: &mut dyn FnMut(&'a str, &'a str, &'a Value)) {
    match value {
        Value::Map(map) => {
            let named = map.get("name").and_then(Value::as_str);
            for (inner, value) in map {
                let inner = match named {
                    Some(name) if &**inner == "value" => name,
                    _ => inner,
                };
                scalars(value, inner, key, see);
            }
        }
        Value::List(list) => list.iter().for_each(|item| scalars(item, key, above, see)),
        scalar => see(key, above, scalar),
    }
}

/// Takes the path of a value, its key, the key above and the value.
type See<'s, 'a> = dyn FnMut(&[String], &'a str, &'a str, &'a Value) + 's;

/// Calls `see` with the path of every value that is no map, and its keys as [`scalars`] tells them; the third item of a list is
/// `[2]`. Lists are seen as a whole, and then item by item.
pub fn paths<'a>(value: &'a Value, path: &mut Vec<String>, key: &'a str, above: &'a str, see: &mut See<'_, 'a>) {
    match value {
        Value::Map(map) => {
            let named = map.get("name").and_then(Value::as_str);
            for (inner, value) in map {
                path.push(inner.to_string());
                let inner = match named {
                    Some(name) if &**inner == "value" => name,
                    _ => inner,
                };
                paths(value, path, inner, key, see);
                path.pop();
            }
        }
        Value::List(list) => {
            see(path, key, above, value);
            for (index, item) in list.iter().enumerate() {
                path.push(format!("[{index}]"));
                paths(item, path, key, above, see);
                path.pop();
            }
        }
        scalar => see(path, key, above, scalar),
    }
}

/// Returns the beginning of an object in a file of the user's, when it is one of those.
pub fn file_of(context: &Context<'_>, lowered: &Lowered) -> Option<Span> {
    lowered.origin.template.filter(|span| context.sources.path(span.source) == lowered.origin.file)
}

/// Where texts stand in a file of the user's; each is met in the order of the file.
#[derive(Default)]
pub struct Places {
    from: BTreeMap<String, usize>,
}

impl Places {
    /// Returns the next place of a text behind the beginning of an object. Where it ends would tell its length.
    pub fn next(&mut self, context: &Context<'_>, start: Span, text: &str) -> Option<Span> {
        let file = context.sources.text(start.source);
        let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
        let from = *self.from.get(line).unwrap_or(&(start.start as usize));
        // Behind another sign it is a part of another value.
        let begins = |at: &usize| file[..*at].ends_with([' ', '"', '\'', '\n', '[', '{', ',']);
        let at = file.get(from..)?.match_indices(line).map(|(at, _)| from + at).find(begins)?;
        self.from.insert(line.to_owned(), at + line.len());
        Some(Span::new(start.source, at, at))
    }
}

/// Calls `see` with every string of the user's, the key that it stands under and the key above that one.
pub fn strings<'a>(node: &'a Node, key: &'a str, above: &'a str, see: &mut dyn FnMut(&'a str, &'a str, &'a str, Span)) {
    match &node.kind {
        Kind::Str(text) => see(key, above, text, node.span),
        Kind::List(list) => list.iter().for_each(|item| strings(item, key, above, see)),
        Kind::Table(table) => {
            let named = table.get("name").and_then(|e| e.node.as_str());
            for (inner, entry) in table.iter() {
                let inner = match named {
                    Some(name) if &**inner == "value" => name,
                    _ => inner,
                };
                strings(&entry.node, inner, key, see);
            }
        }
        _ => {}
    }
}

/// Returns the places of the key and of the value at a path, when the user wrote it.
pub fn written(table: &Table, path: &[String]) -> Option<(Span, Span)> {
    let (first, rest) = path.split_first()?;
    let entry = table.get(first.as_str())?;
    let mut place = (entry.key, entry.node.span);
    let mut node = &entry.node;
    for key in rest {
        match &node.kind {
            Kind::Table(table) => {
                let entry = table.get(key.as_str())?;
                place = (entry.key, entry.node.span);
                node = &entry.node;
            }
            Kind::List(list) => {
                let index: usize = key.strip_prefix('[')?.strip_suffix(']')?.parse().ok()?;
                node = list.get(index)?;
                place = (node.span, node.span);
            }
            _ => return None,
        }
    }
    Some(place)
}

/// Returns where the user wrote a text, when it is the user's.
pub fn written_text(instance: &Instance, text: &str) -> Option<Span> {
    let mut place = None;
    for node in instance.written() {
        strings(node, "", "", &mut |_, _, string, span| {
            if string.trim() == text.trim() {
                place.get_or_insert(span);
            }
        });
    }
    place
}

/// Finds the line of a YAML text (or of a template that prints YAML) on which a path of keys ends: each key is looked for
/// behind the one before it. Returns byte range of the key.
pub fn yaml_line(text: &str, path: &[String]) -> Option<(usize, usize)> {
    let mut from = 0;
    let mut found = None;
    for key in path.iter().filter(|key| !key.starts_with('[')) {
        let (start, end) = key_behind(text, from, key)?;
        from = end;
        found = Some((start, end));
    }
    found
}

fn key_behind(text: &str, from: usize, key: &str) -> Option<(usize, usize)> {
    let mut at = from;
    while let Some(step) = text[at..].find(key) {
        let start = at + step;
        let end = start + key.len();
        let before = text[..start].chars().next_back();
        let after = text[end..].trim_start_matches(['"', '\'']);
        if after.starts_with(':') && before.is_none_or(|c| c.is_whitespace() || matches!(c, '"' | '\'' | '{' | ',')) {
            return Some((start, end));
        }
        at = end;
    }
    None
}

/// Looks at every image: the user's where it was written, all others in the objects where they ended up.
///
/// `written` returns the user's images of a component with their places; `judge` says what is wrong with one.
pub fn images(
    context: &Context<'_>,
    findings: &mut Findings,
    written: fn(&Instance) -> BTreeMap<String, Span>,
    judge: &dyn Fn(&str) -> Option<Diagnostic>,
) {
    let mut clean = Clean::default();
    for made in context.made() {
        let written = made.instance.map(written).unwrap_or_default();
        for (image, span) in &written {
            if let Some(diagnostic) = judge(image) {
                findings.component(made.index, made.name, diagnostic.at(*span, ""));
            }
        }
        for lowered in made.objects() {
            clean.unless_clean(lowered.object.value(), findings, |findings| {
                images::each(lowered.object.value(), &mut |found| {
                    if found.way == Way::Field
                        && !written.contains_key(&found.image)
                        && let Some(diagnostic) = judge(&found.image)
                    {
                        let key = found.path.rsplit('.').next().unwrap_or_default();
                        findings.object(&made, lowered, at_key(context, diagnostic, lowered, key));
                    }
                });
            });
        }
    }
}

/// Returns the images that a component's options name, at any depth, with their places.
pub fn image_options(instance: &Instance) -> BTreeMap<String, Span> {
    let mut images = BTreeMap::new();
    for (name, def) in &instance.definition.options {
        if let Some(node) = instance.arg(name) {
            image_option(node, &def.kind, def, &mut images);
        }
    }
    images
}

fn image_option(node: &Node, kind: &str, def: &OptionDef, images: &mut BTreeMap<String, Span>) {
    let items = || def.items.as_deref().unwrap_or_default();
    match (&node.kind, kind) {
        (Kind::Str(text), "image") => {
            images.insert(text.to_string(), node.span);
        }
        (Kind::List(list), "list") => list.iter().for_each(|item| image_option(item, items(), def, images)),
        (Kind::Table(table), "map") => {
            table.values().for_each(|entry| image_option(&entry.node, items(), def, images));
        }
        (Kind::Table(table), "table") => {
            for (key, inner) in &def.keys {
                if let Some(entry) = table.get(key.as_str()) {
                    image_option(&entry.node, &inner.kind, inner, images);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_in_the_order_of_the_path() {
        let text = "worker: 1\nserver:\n  worker: 2\n";
        let path = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(yaml_line(text, &path(&["server", "worker"])), Some((20, 26)));
        assert_eq!(yaml_line(text, &path(&["worker"])), Some((0, 6)));
        assert_eq!(yaml_line(text, &path(&["nothing"])), None);
    }

    #[test]
    fn the_name_of_a_pair_is_its_key() {
        let value = Value::List(vec![Value::map([("name", Value::from("DB_PASSWORD")), ("value", Value::from("x"))])]);
        let mut seen = Vec::new();
        scalars(&value, "env", "", &mut |key, _, _| seen.push(key.to_string()));
        assert_eq!(seen, ["name", "DB_PASSWORD"]);
    }
}
