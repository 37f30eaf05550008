//! Text → nodes. All syntax errors of a file are reported, not only the first.

use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::node::{Entry, Kind, Node, Table};
use super::{INVALID_VALUE, SYNTAX_ERROR};
use crate::diag::{Diagnostic, SourceId, Span};

/// Parses a file; what could be read is returned even when there were errors.
pub fn parse(source: SourceId, text: &str, diagnostics: &mut Vec<Diagnostic>) -> Table {
    let (root, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let span = error.span().map_or(Span::new(source, 0, 0), |range| Span::new(source, range.start, range.end));
        let message = error.message().split('\n').next().unwrap_or("").trim().to_string();
        let key = text.get(span.start as usize..span.end as usize).unwrap_or("");
        let message = if message == "duplicate key" { format!("`{key}` is set twice in this table") } else { message };
        let diagnostic = Diagnostic::error(&SYNTAX_ERROR, message).at(span, "");
        // The parser says some things twice.
        if diagnostics.last() != Some(&diagnostic) {
            diagnostics.push(diagnostic);
        }
    }
    table(source, root.get_ref(), diagnostics)
}

fn table(source: SourceId, table: &DeTable<'_>, diagnostics: &mut Vec<Diagnostic>) -> Table {
    table
        .iter()
        .map(|(key, value)| {
            let entry = Entry { key: span(source, key), node: node(source, value, diagnostics) };
            (Arc::from(key.get_ref().as_ref()), entry)
        })
        .collect()
}

fn node(source: SourceId, value: &Spanned<DeValue<'_>>, diagnostics: &mut Vec<Diagnostic>) -> Node {
    let at = span(source, value);
    let mut invalid = |message: String| {
        diagnostics.push(Diagnostic::error(&INVALID_VALUE, message).at(at, ""));
        Kind::Int(0)
    };
    let kind = match value.get_ref() {
        DeValue::String(s) => Kind::Str(Arc::from(s.as_ref())),
        DeValue::Boolean(b) => Kind::Bool(*b),
        DeValue::Integer(i) => {
            let digits = i.as_str().replace('_', "");
            match i64::from_str_radix(&digits, i.radix()) {
                Ok(number) => Kind::Int(number),
                Err(_) => invalid("this integer does not fit in 64 bits".into()),
            }
        }
        DeValue::Float(f) => match f.as_str().replace('_', "").parse::<f64>() {
            Ok(number) if number.is_finite() => Kind::Float(number),
            _ => invalid("this number is not finite, and YAML parsers disagree on how to read it".into()),
        },
        DeValue::Datetime(d) => invalid(format!("write dates as strings: `\"{d}\"`")),
        DeValue::Array(items) => Kind::List(items.iter().map(|item| node(source, item, diagnostics)).collect()),
        DeValue::Table(inner) => Kind::Table(Arc::new(table(source, inner, diagnostics))),
    };
    Node { kind, span: at }
}

fn span<T>(source: SourceId, spanned: &Spanned<T>) -> Span {
    let range = spanned.span();
    Span::new(source, range.start, range.end)
}
