//! Names what a template used that is not there: the first step of a path that the context cannot take, and what stands beside it.
//!
//! The engine says only where an undefined value was used, so the path is read from the template's own line.

use minijinja::value::{Value as Jinja, ValueKind};

use crate::diag::{Diagnostic, near, quoted_list};

/// More names than this are no help.
const SHOWN: usize = 24;

/// What was found missing.
pub struct Missing {
    /// The path up to the missing step: `options.siez`.
    path: String,
    /// What the step before it has; `None` where the path begins with a name of the template's own.
    beside: Option<Vec<String>>,
}

impl Missing {
    /// Returns the message.
    pub fn message(&self) -> String {
        format!("`{}` is not defined", self.path)
    }

    /// Adds the near name, or the names there are.
    pub fn help(&self, diagnostic: Diagnostic) -> Diagnostic {
        let Some(beside) = &self.beside else { return diagnostic };
        let (before, last) = match self.path.rsplit_once('.') {
            Some((before, last)) => (Some(before), last),
            None => (None, self.path.as_str()),
        };
        let near = near(last, beside.iter().map(String::as_str));
        let diagnostic = match (near.is_empty(), before) {
            (false, Some(before)) => {
                let near: Vec<String> = near.iter().map(|name| format!("{before}.{name}")).collect();
                diagnostic.help(format!("did you mean {}?", quoted_list(near.iter().map(String::as_str), "or")))
            }
            (false, None) => diagnostic.help(format!("did you mean {}?", quoted_list(near, "or"))),
            (true, Some(before)) if beside.is_empty() => diagnostic.note(format!("`{before}` is empty here")),
            (true, Some(before)) => {
                let more = beside.len().saturating_sub(SHOWN);
                let shown = quoted_list(beside.iter().take(SHOWN).map(String::as_str), "and");
                let more = if more > 0 { format!(", and {more} more") } else { String::new() };
                diagnostic.note(format!("`{before}` has {shown}{more}"))
            }
            (true, None) => diagnostic.note(format!(
                "available in templates: {}",
                quoted_list(beside.iter().take(SHOWN).map(String::as_str), "and")
            )),
        };
        if self.path.starts_with("requires.") && before.is_some_and(|before| before.contains('.')) {
            return diagnostic.note("templates cannot see secret fields of a binding: use them through `[secrets]`");
        }
        diagnostic
    }
}

/// Looks for the path that is not there. `end` is the byte where the path ends, when the engine knows it; `line` is the
/// whole line, and `text` the whole template, for names that its loops bind.
pub fn missing(text: &str, line: &str, end: Option<usize>, context: &Jinja) -> Option<Missing> {
    let candidates = match end {
        Some(end) => vec![path_before(&text[..end])],
        None => paths(line),
    };
    // A path that begins in the context is sure; one that begins with the template's own name is named as it stands.
    let sure = candidates.iter().find_map(|path| walk(text, path, context));
    sure.or_else(|| {
        let path = candidates.iter().find(|path| !path.is_empty() && !has(context, &path[0]))?;
        let declared = declares(text, &path[0]);
        if end.is_none() && declared {
            return None;
        }
        let beside = (!declared && path.len() == 1).then(|| names(context));
        let shown = if declared { path.join(".") } else { path[0].clone() };
        Some(Missing { path: shown, beside })
    })
}

/// Says whether the template itself gives a name its value.
fn declares(text: &str, name: &str) -> bool {
    ["for", "set", "macro", "with", "import", "as", ","].iter().any(|word| {
        text.match_indices(word).any(|(at, _)| {
            let rest = text[at + word.len()..].trim_start();
            rest.strip_prefix(name).is_some_and(|rest| !rest.starts_with(is_word) && !rest.starts_with('.'))
        })
    })
}

/// Follows a path through the context until a step is not there; a name that a loop binds stands for the loop's first entry.
fn walk(text: &str, path: &[String], context: &Jinja) -> Option<Missing> {
    let (first, rest) = path.split_first()?;
    let mut here = match context.get_attr(first) {
        Ok(value) if !value.is_undefined() => value,
        _ => first_entry(text, first, context)?,
    };
    let mut walked = first.clone();
    for step in rest {
        let before = here.clone();
        here = before.get_attr(step).unwrap_or_default();
        walked = format!("{walked}.{step}");
        if here.is_undefined() {
            return Some(Missing { path: walked, beside: Some(names(&before)) });
        }
    }
    None
}

/// Returns the first entry of what `{% for name in path %}` goes over.
fn first_entry(text: &str, name: &str, context: &Jinja) -> Option<Jinja> {
    let head = format!("for {name} in ");
    let start = text.find(&head)? + head.len();
    let over = paths(text[start..].split("%}").next()?).into_iter().next()?;
    let mut list = context.clone();
    for step in &over {
        list = list.get_attr(step).ok()?;
    }
    (list.kind() == ValueKind::Seq).then(|| list.get_item_by_index(0).ok()).flatten()
}

fn has(context: &Jinja, name: &str) -> bool {
    context.get_attr(name).is_ok_and(|value| !value.is_undefined())
}

fn names(of: &Jinja) -> Vec<String> {
    if of.kind() != ValueKind::Map {
        return vec![];
    }
    let mut all: Vec<String> =
        of.try_iter().into_iter().flatten().filter_map(|key| key.as_str().map(String::from)).collect();
    all.sort_unstable();
    all
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Returns the dotted path that a text ends with.
fn path_before(text: &str) -> Vec<String> {
    let text = text.trim_end();
    let start = text.rfind(|c: char| !is_word(c) && c != '.').map_or(0, |at| at + 1);
    text[start..].split('.').filter(|step| !step.is_empty()).map(String::from).collect()
}

/// Returns the dotted paths of the expressions in a line, without filters, tests, functions and what stands in quotes.
fn paths(line: &str) -> Vec<Vec<String>> {
    let text = expressions(line);
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = text[at..].find(|c: char| c.is_ascii_lowercase() || c == '_').map(|start| at + start) {
        let path: String = text[start..].chars().take_while(|c| is_word(*c) || *c == '.').collect();
        at = start + path.len();
        let before = text[..start].trim_end();
        let called = text[at..].trim_start().starts_with('(');
        let other = before.ends_with(['|', ')', ']']) || before.ends_with(" is");
        if !called && !other && !KEYWORDS.contains(&&*path) {
            found.push(path.split('.').filter(|step| !step.is_empty()).map(String::from).collect());
        }
    }
    found
}

/// Returns the expressions of a line, or the line itself when it is one, without texts in quotes.
fn expressions(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(start) = rest.find("{{").into_iter().chain(rest.find("{%")).min() {
        let end = rest[start..].find("}}").into_iter().chain(rest[start..].find("%}")).min();
        unquoted(&rest[start + 2..end.map_or(rest.len(), |end| start + end)], &mut out);
        let Some(end) = end else { break };
        rest = &rest[start + end + 2..];
    }
    if out.is_empty() {
        unquoted(line, &mut out);
    }
    out
}

fn unquoted(text: &str, out: &mut String) {
    let mut quote = None;
    for c in text.chars() {
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if matches!(c, '"' | '\'') => quote = Some(c),
            None => out.push(c),
        }
    }
    out.push(' ');
}

/// Words of the template language that are no names.
const KEYWORDS: &[&str] = &[
    "if", "else", "elif", "endif", "for", "in", "endfor", "set", "endset", "is", "not", "and", "or", "none", "true",
    "false", "macro", "endmacro", "with", "endwith", "defined", "include", "import", "from", "as", "do", "loop",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, end: Option<usize>) -> Option<String> {
        let map = |pairs: Vec<(&'static str, Jinja)>| Jinja::from_pairs(pairs);
        let claim = map(vec![("role", "r".into()), ("database", "d".into())]);
        let context = map(vec![
            ("options", map(vec![("size", 1.into()), ("store", map(vec![("class", "a".into())]))])),
            ("claims", map(vec![("postgres", std::iter::once(claim).collect())])),
        ]);
        let line = text.lines().last().unwrap_or("");
        missing(text, line, end, &context).map(|missing| {
            let shown = missing.help(Diagnostic::error(&crate::lower::TEMPLATE_ERROR, missing.message()));
            let more: Vec<String> = shown.help.into_iter().chain(shown.notes).collect();
            format!("{}; {}", shown.message, more.join("; "))
        })
    }

    #[test]
    fn the_missing_step_is_named_with_what_stands_beside_it() {
        let table = [
            ("a: {{ options.siez }}", "`options.siez` is not defined; did you mean `options.size`?"),
            ("a: {{ options.store.kind }}", "`options.store.kind` is not defined; `options.store` has `class`"),
            ("a: {{ \"options.size\" ~ opions.size }}", "`opions` is not defined; "),
            ("a: {{ nope|seconds }}", "`nope` is not defined; available in templates: `claims` and `options`"),
            (
                "{% for claim in claims.postgres %}\na: {{ claim.rol }}",
                "`claim.rol` is not defined; did you mean `claim.role`?",
            ),
            ("a: {{ x }} {% if options.sized %}", "`options.sized` is not defined; did you mean `options.size`?"),
        ];
        for (text, wanted) in table {
            assert_eq!(found(text, None).as_deref(), Some(wanted), "{text}");
        }
    }

    #[test]
    fn the_end_of_the_path_decides_where_it_is_known() {
        let text = "a: {{ options.size }} {{ options.store.nope.deep }}";
        let end = text.find(".deep").map(|at| at + ".deep".len());
        let wanted = "`options.store.nope` is not defined; `options.store` has `class`";
        assert_eq!(found(text, end).as_deref(), Some(wanted));
        assert_eq!(found("a: {{ options.size }}", None), None);
    }
}
