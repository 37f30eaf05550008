//! Which line of a template an object began on.
//!
//! Conditions and loops print nothing of themselves, so a line of what a template printed is not the same line of the template.
//! The line that begins an object carries its number through as a comment, which is taken out again before anything reads it.

/// Around the number; a private character, which no template and no user writes.
const MARK: char = '\u{E0A7}';

/// A line of what was printed, with the line of the template that it came from.
pub type Marks = Vec<(usize, usize)>;

/// Puts its number behind every line that begins an object.
pub fn marked(template: &str) -> String {
    let mut out = String::with_capacity(template.len() + 64);
    for (index, line) in template.split_inclusive('\n').enumerate() {
        let text = line.trim_end_matches(['\n', '\r']);
        out.push_str(text);
        out.push_str(&mark(text, index + 1));
        out.push_str(&line[text.len()..]);
    }
    out
}

/// Returns the mark of a line, where it begins an object.
fn mark(text: &str, number: usize) -> String {
    // A line that ends in a tag of the template has its comment taken in by what stands behind it.
    let begins = text.starts_with("apiVersion:") && !text.ends_with("%}");
    if begins { format!(" #{MARK}{number}{MARK}") } else { String::new() }
}

/// Returns where a place of the marked template is in the template itself.
pub fn unmarked(template: &str, at: usize) -> usize {
    let (mut end, mut marks) = (0, 0);
    for (index, line) in template.split_inclusive('\n').enumerate() {
        end += line.len();
        if at < end + marks {
            break;
        }
        marks += mark(line.trim_end_matches(['\n', '\r']), index + 1).len();
    }
    at.saturating_sub(marks).min(template.len())
}

/// Takes the marks out of what was printed.
pub fn taken_out(printed: String) -> (String, Marks) {
    if !printed.contains(MARK) {
        return (printed, Marks::new());
    }
    let mut out = String::with_capacity(printed.len());
    let mut marks = Marks::new();
    for (index, line) in printed.split_inclusive('\n').enumerate() {
        let mut pieces = line.split(MARK);
        while let Some(text) = pieces.next() {
            let Some(number) = pieces.next() else {
                out.push_str(text);
                break;
            };
            out.push_str(text.strip_suffix(" #").unwrap_or(text));
            if let Ok(number) = number.parse() {
                marks.push((index + 1, number));
            }
        }
    }
    (out, marks)
}

/// Returns the line of the template that printed a line: that of the first mark from there on.
pub fn line(marks: &Marks, printed: usize) -> usize {
    marks.iter().find(|(at, _)| *at >= printed).map_or(printed, |(_, line)| *line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_conditions_leave_out_does_not_move_objects() {
        let template = "{% if x %}\nkind: A\n{% endif %}\napiVersion: v1\nkind: B\n---\napiVersion: v1\nkind: C\n";
        let marked = marked(template);
        assert_eq!(marked.lines().count(), template.lines().count());
        let printed = marked.split_once("endif %}\n").map(|(_, rest)| rest.to_string()).unwrap_or_default();
        let at = |text: &str, part: &str| text.find(part).unwrap_or_default();
        assert_eq!(unmarked(template, at(&marked, "kind: C")), at(template, "kind: C"));
        let (printed, marks) = taken_out(printed);
        assert_eq!(printed, "apiVersion: v1\nkind: B\n---\napiVersion: v1\nkind: C\n");
        assert_eq!([line(&marks, 1), line(&marks, 4)], [4, 7]);
    }
}
