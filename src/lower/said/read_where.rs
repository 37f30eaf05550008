//! Under which condition a template reads a word: for findings about words that nothing read.

use crate::catalog::component::OptionDef;
use crate::catalog::{Component, Template};
use crate::diag::{Diagnostic, Span};
use crate::lower::templates::watched::Path;

/// Shows the condition under which the first template that names a word reads it, and what the word is for.
pub fn explain(finding: Diagnostic, component: &Component, part: &str, path: &Path) -> Diagnostic {
    let templates = component.values.iter().chain(component.templates.values().flatten());
    let condition = templates.flat_map(|template| conditions(template, part, path)).next();
    let finding = match condition {
        Some(at) => finding.at(at, "it is only read under this condition"),
        None => finding,
    };
    let doc = match part {
        "options" => option(component, path).map(|option| &option.doc),
        "requires" => component.requires.get(&*path[0]).map(|slot| &slot.doc),
        _ => None,
    };
    match doc.filter(|doc| !doc.is_empty()) {
        Some(doc) => finding.note(format!("`{}`: {doc}", path.last().map_or("", |key| key))),
        None => finding,
    }
}

/// Returns the definition of an option at any depth; a key of a map stands between the map and the keys of its entries.
fn option<'a>(component: &'a Component, path: &Path) -> Option<&'a OptionDef> {
    let (first, rest) = path.split_first()?;
    let mut option = component.options.get(&**first)?;
    for key in rest {
        option = match option.keys.get(&**key) {
            Some(inner) if option.kind == "table" => inner,
            _ if option.kind == "table" => return None,
            inner => inner.unwrap_or(option),
        };
    }
    Some(option)
}

/// Returns the conditions around the places where a template names a word, in their order.
fn conditions(template: &Template, part: &str, path: &Path) -> Vec<Span> {
    let whole = std::iter::once(part).chain(path.iter().map(|key| &**key)).collect::<Vec<_>>().join(".");
    let last = path.last().filter(|_| path.len() > 1).map(|key| format!(".{key}"));
    let mut found = Vec::new();
    let mut open: Vec<Option<Span>> = Vec::new();
    for (start, tag) in tags(&template.text) {
        let inner = tag[2..tag.len() - 2].trim_matches(['-', '+']).trim();
        let here = Span::new(template.source, start, start + tag.len());
        let (word, rest) = inner.split_once(char::is_whitespace).unwrap_or((inner, ""));
        let block = tag.starts_with("{%");
        let names = names(inner, &whole) || last.as_ref().is_some_and(|last| names(inner, last));
        match word {
            "if" | "elif" if block => {
                if word == "elif" {
                    open.pop();
                }
                if names {
                    let alone = !rest.contains(" and ");
                    found.extend(if alone { open.iter().rev().flatten().next().copied() } else { Some(here) });
                }
                open.push(Some(here));
                continue;
            }
            "for" if block => open.push(None),
            // What stands there is read where the condition does not hold.
            "else" if block => {
                open.pop();
                open.push(None);
            }
            "endif" | "endfor" if block => drop(open.pop()),
            _ => {}
        }
        if names {
            found.extend(open.iter().rev().flatten().next());
        }
    }
    found
}

/// Returns the tags and expressions of a template with their places.
fn tags(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let start = at + text[at..].find('{')?;
            let close = match text.as_bytes().get(start + 1)? {
                b'%' => "%}",
                b'{' => "}}",
                b'#' => "#}",
                _ => {
                    at = start + 1;
                    continue;
                }
            };
            let end = start + text[start..].find(close)? + 2;
            at = end;
            if close != "#}" {
                return Some((start, &text[start..end]));
            }
        }
    })
}

/// Says whether a text has a word that is no part of a longer one.
fn names(text: &str, word: &str) -> bool {
    let of_a_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        let before = word.starts_with('.') || !text[..at].ends_with(|c| of_a_word(c) || c == '.');
        before && !text[at + word.len()..].starts_with(of_a_word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::SourceId;

    #[test]
    fn the_nearest_condition_is_shown() {
        let text = "{% if a %}{% if b -%}\n{{ options.x }}{% endif %}{% set o = options.table %}{% elif c %}{{ o.key }}{% endif %}\n\
                    {# options.z #}{% if d and options.z %}{% endif %}{% for y in options.y %}{% endfor %}";
        let template = Template { name: "t".into(), source: SourceId::default(), text: text.into() };
        let table = [
            (vec!["x"], "{% if b -%}"),
            (vec!["table", "key"], "{% elif c %}"),
            (vec!["z"], "{% if d and options.z %}"),
            (vec!["y"], ""),
        ];
        for (path, wanted) in table {
            let path: Path = path.into_iter().map(Into::into).collect();
            let found = conditions(&template, "options", &path);
            assert_eq!(found.first().map_or("", |at| &text[at.start as usize..at.end as usize]), wanted, "{path:?}");
        }
    }
}
