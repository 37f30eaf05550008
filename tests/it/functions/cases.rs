//! The tables of template functions: a file's text in, its cases out, and back.
//!
//! A case is a template on lines that begin with `>`, and below it what the real helm makes of it: text on lines that
//! begin with `|`, or an error on lines that begin with `!`. After `!~` stands Go's error, where ours says the same in
//! other words. Other lines are for the reader.

/// One template and what comes out.
#[derive(Debug)]
pub struct Case {
    pub template: String,
    pub expected: Expected,
    /// Where it stands, from 1.
    pub line: usize,
}

/// What a template comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    Text(String),
    Error(String),
    /// An error, in words of our own.
    OtherError(String),
    /// Not yet known.
    Nothing,
}

/// Reads a table.
pub fn read(table: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let mut last = ' ';
    for (index, line) in table.lines().enumerate() {
        let sign = line.chars().next().unwrap_or(' ');
        let own_words = line.strip_prefix("!~").map(|text| ('~', text));
        let (sign, text) = own_words.unwrap_or_else(|| (sign, line.get(1..).unwrap_or("")));
        let text = text.strip_prefix(' ').unwrap_or(text);
        match (sign, cases.last_mut()) {
            ('>', Some(case)) if last == '>' => {
                case.template.push('\n');
                case.template.push_str(text);
            }
            ('>', _) => {
                cases.push(Case { template: text.into(), expected: Expected::Nothing, line: index + 1 });
            }
            ('|' | '!' | '~', Some(case)) => match &mut case.expected {
                Expected::Text(all) | Expected::Error(all) | Expected::OtherError(all) => {
                    all.push('\n');
                    all.push_str(text);
                }
                Expected::Nothing if sign == '|' => case.expected = Expected::Text(text.into()),
                Expected::Nothing if sign == '!' => case.expected = Expected::Error(text.into()),
                Expected::Nothing => case.expected = Expected::OtherError(text.into()),
            },
            _ => {}
        }
        last = sign;
    }
    cases
}

/// Writes a table again with other results, one for each case.
#[allow(dead_code, reason = "only the oracle writes")]
pub fn write(table: &str, results: &[Expected]) -> String {
    let mut out = String::new();
    let mut results = results.iter();
    let mut lines = table.lines().peekable();
    while let Some(line) = lines.next() {
        if line.starts_with(['|', '!']) {
            continue;
        }
        out.push_str(line);
        out.push('\n');
        let ends = line.starts_with('>') && !lines.peek().is_some_and(|next| next.starts_with('>'));
        if ends && let Some(result) = results.next() {
            let (sign, text) = match result {
                Expected::Text(text) => ("|", text),
                Expected::Error(text) => ("!", text),
                Expected::OtherError(text) => ("!~", text),
                Expected::Nothing => continue,
            };
            for line in text.split('\n') {
                out.push_str(sign);
                out.push_str(if line.is_empty() { "" } else { " " });
                out.push_str(line);
                out.push('\n');
            }
        }
    }
    out
}
