//! Rendered findings, as users see them.

use super::*;
use crate::code;
use crate::diag::{SourceId, Span};

code!(MISSING_PROVIDER, "missing-provider", "a need that nothing meets", "", "", "");
code!(UNKNOWN_KEY, "unknown-key", "a key that has no meaning", "", "", "");

const PLAIN: Style = Style { color: false, width: 100 };

fn sources(files: &[(&str, &str)]) -> Sources {
    let mut sources = Sources::default();
    for (path, text) in files {
        sources.add(*path, *text);
    }
    sources
}

/// Returns the span of the first occurrence of `word`.
fn span(sources: &Sources, source: u32, word: &str) -> Span {
    let start = sources.text(SourceId(source)).find(word).unwrap();
    Span::new(SourceId(source), start, start + word.len())
}

fn full(finding: &Diagnostic, sources: &Sources) -> String {
    render(std::slice::from_ref(finding), sources, Format::Full, PLAIN)
}

/// Compares what is shown with a text that stands indented in a test.
#[track_caller]
pub fn same(shown: &str, wanted: &str) {
    let lines = || wanted.lines().filter(|line| !line.trim().is_empty());
    let indent = lines().map(|line| line.len() - line.trim_start().len()).min().unwrap_or(0);
    let wanted: Vec<&str> = wanted.lines().map(|line| line.get(indent..).unwrap_or("")).collect();
    let wanted = wanted.join("\n");
    let (shown, wanted) = (shown.trim_end(), wanted.trim_start_matches('\n').trim_end());
    assert!(shown == wanted, "\n{shown}\nis not\n{wanted}");
}

#[test]
fn a_finding_with_all_its_parts() {
    let sources = sources(&[
        ("platform.toml", "lakegen = \"1\"\n\n[components.trino]\nhost = \"query\"\n"),
        ("more.toml", "a = 1\n[environments.prod]\n"),
    ]);
    let finding = Diagnostic::error(&MISSING_PROVIDER, "component `trino` needs a catalog and nothing provides one")
        .at(span(&sources, 0, "[components.trino]"), "requires `iceberg-catalog` or `hive-catalog`")
        .at(span(&sources, 1, "[environments.prod]"), "in this environment")
        .note("provided by `lakekeeper`, `nessie`")
        .help("add one of them, for example `[components.nessie]`");
    same(
        &full(&finding, &sources),
        r"
    error[missing-provider]: component `trino` needs a catalog and nothing provides one
     --> platform.toml:3:1
      |
    3 | [components.trino]
      | ^^^^^^^^^^^^^^^^^^ requires `iceberg-catalog` or `hive-catalog`
      |
     ::: more.toml:2:1
      |
    2 | [environments.prod]
      | ------------------- in this environment
      |
      = note: provided by `lakekeeper`, `nessie`
    help: add one of them, for example `[components.nessie]`
    ",
    );
}

#[test]
fn places_at_the_end_and_empty_places_are_shown() {
    let sources = sources(&[("a.toml", "x = \n"), ("b.toml", ""), ("c.toml", "x = \"")]);
    let at = |id: u32, start: usize, end: usize| {
        let finding = Diagnostic::error(&UNKNOWN_KEY, "no value").at(Span::new(SourceId(id), start, end), "here");
        full(&finding, &sources)
    };
    same(
        &[at(0, 4, 4), at(0, 5, 5), at(1, 0, 0), at(2, 5, 5), at(2, 99, 120)].concat(),
        r#"
    error[unknown-key]: no value
     --> a.toml:1:5
      |
    1 | x = 
      |     ^ here

    error[unknown-key]: no value
     --> a.toml:2:1
      |
    2 |
      | ^ here

    error[unknown-key]: no value
     --> b.toml:1:1
      |
    1 |
      | ^ here

    error[unknown-key]: no value
     --> c.toml:1:6
      |
    1 | x = "
      |      ^ here

    error[unknown-key]: no value
     --> c.toml:1:6
      |
    1 | x = "
      |      ^ here
    "#,
    );
}

#[test]
fn a_finding_without_place_and_one_in_no_file_have_no_snippet() {
    let sources = sources(&[]);
    let finding = Diagnostic::error(&UNKNOWN_KEY, "no file `platform.toml` here").help("write one");
    same(
        &full(&finding, &sources),
        r"
    error[unknown-key]: no file `platform.toml` here
    help: write one
    ",
    );
    let finding = Diagnostic::warning(&UNKNOWN_KEY, "lost").at(Span::new(SourceId(7), 3, 4), "gone");
    assert_eq!(full(&finding, &sources), "warning[unknown-key]: lost\n\n");
}

#[test]
fn several_lines_and_places_far_apart() {
    let text = format!("a = [\n  1,\n  2,\n]\n{}b = 2\n", "# filler\n".repeat(40));
    let sources = sources(&[("platform.toml", &text)]);
    let finding = Diagnostic::error(&UNKNOWN_KEY, "two ends")
        .at(span(&sources, 0, "[\n  1,\n  2,\n]"), "this list")
        .at(span(&sources, 0, "b = 2"), "");
    same(
        &full(&finding, &sources),
        r"
    error[unknown-key]: two ends
      --> platform.toml:1:5
       |
     1 |   a = [
       |  _____^
     2 | |   1,
     3 | |   2,
     4 | | ]
       | |_^ this list
       |
      ::: platform.toml:45:1
       |
    45 |   b = 2
       |   -----
    ",
    );
}

#[test]
fn a_huge_line_is_cut_and_cheap() {
    let text = format!("# {}\nkey = \"{}NEEDLE{}\"\n", "é".repeat(500_000), "x".repeat(500_000), "y".repeat(500_000));
    let sources = sources(&[("platform.toml", &text)]);
    let needle = span(&sources, 0, "NEEDLE");
    let whole = Span::new(SourceId(0), 0, text.len());
    let finding = Diagnostic::error(&UNKNOWN_KEY, "found").at(needle, "it").at(whole, "all of it");
    let shown = full(&finding, &sources);
    assert!(shown.len() < 8_000, "{}", shown.len());
    assert!(shown.contains("--> platform.toml:2:500008\n"), "{shown}");
    let source_line = shown.lines().find(|line| line.contains("NEEDLE")).unwrap();
    let carets = shown.lines().find(|line| line.contains("^^^^^^ it")).unwrap();
    let column = |line: &str, word: &str| line[..line.find(word).unwrap()].chars().count();
    assert_eq!(column(source_line, "NEEDLE"), column(carets, "^"));
}

#[test]
fn hidden_characters_are_escaped_in_every_part() {
    let text = "\u{202e}key = \"\u{1b}[31m\" # ##[group]\n";
    let sources = sources(&[("a\u{1b}.toml", text)]);
    let finding = Diagnostic::error(&UNKNOWN_KEY, "key `\u{202e}\n::error::x`")
        .at(span(&sources, 0, "key"), "label \u{7}")
        .note("note\n::error::\u{9b}")
        .help("help \u{2066}");
    same(
        &full(&finding, &sources),
        r#"
    error[unknown-key]: key `\u{202e}\n::error::x`
     --> a\u{1b}.toml:1:2
      |
    1 | \u{202e}key = "\u{1b}[31m" # ##\u{5b}group]
      |         ^^^ label \u{7}
      |
      = note: note
              :\u{3a}error::\u{9b}
    help: help \u{2066}
    "#,
    );
    let one = render(std::slice::from_ref(&finding), &sources, Format::Concise, PLAIN);
    assert_eq!(one, "a\\u{1b}.toml:1:2: error[unknown-key] key `\\u{202e}\\n::error::x`\n");
    let json = render(&[finding], &sources, Format::Json, PLAIN);
    assert!(!json.trim_end().chars().any(crate::diag::escape::is_hidden), "{json}");
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["diagnostics"][0]["file"], "a\u{1b}.toml");
    assert_eq!(value["diagnostics"][0]["labels"][0]["text"], "label \u{7}");
}

#[test]
fn color_is_only_added() {
    let sources = sources(&[("platform.toml", "key = 1\n")]);
    let finding = Diagnostic::error(&UNKNOWN_KEY, "x").at(span(&sources, 0, "key"), "y").help("z");
    let colored = render(std::slice::from_ref(&finding), &sources, Format::Full, Style { color: true, width: 100 });
    assert!(colored.contains("\u{1b}["));
    assert!(colored.contains("platform.toml:1:1"));
    assert!(!full(&finding, &sources).contains('\u{1b}'));
}

#[test]
fn findings_are_sorted_once_and_limited() {
    let sources = sources(&[("b.toml", &"k = 1\n".repeat(80)), ("a.toml", "k = 1\n")]);
    let at = |file: u32, line: usize| Span::new(SourceId(file), line * 6, line * 6 + 1);
    let mut findings: Vec<Diagnostic> =
        (0..60).rev().map(|line| Diagnostic::warning(&UNKNOWN_KEY, "w").at(at(0, line), "")).collect();
    findings.push(Diagnostic::error(&UNKNOWN_KEY, "last").at(at(0, 70), ""));
    findings.push(Diagnostic::error(&UNKNOWN_KEY, "first").at(at(1, 0), ""));
    findings.push(Diagnostic::error(&UNKNOWN_KEY, "first").at(at(1, 0), "said again"));
    let text = render(&findings, &sources, Format::Concise, PLAIN);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), LIMIT + 1);
    assert_eq!(lines[0], "a.toml:1:1: error[unknown-key] first");
    assert_eq!(lines[1], "b.toml:1:1: warning[unknown-key] w");
    assert_eq!(lines[LIMIT - 1], "b.toml:71:1: error[unknown-key] last");
    assert_eq!(lines[LIMIT], "and 12 more");
    let json: serde_json::Value = serde_json::from_str(&render(&findings, &sources, Format::Json, PLAIN)).unwrap();
    assert_eq!(json["diagnostics"].as_array().unwrap().len(), 62);
}

#[test]
fn json_names_both_ends_of_a_place() {
    let sources = sources(&[("platform.toml", "ä = [\n1]\n")]);
    let finding = Diagnostic::error(&UNKNOWN_KEY, "x").at(span(&sources, 0, "[\n1]"), "y").note("n").help("h");
    let text = render(&[finding, Diagnostic::warning(&UNKNOWN_KEY, "z")], &sources, Format::Json, PLAIN);
    same(
        &text,
        r#"{"schema_version":1,"diagnostics":[{"code":"unknown-key","level":"warning","message":"z","file":null,"line":null,"column":null,"end_line":null,"end_column":null,"labels":[],"notes":[],"help":[]},{"code":"unknown-key","level":"error","message":"x","file":"platform.toml","line":1,"column":5,"end_line":2,"end_column":3,"labels":[{"file":"platform.toml","line":1,"column":5,"end_line":2,"end_column":3,"text":"y"}],"notes":["n"],"help":["h"]}]}"#,
    );
}

#[test]
fn the_summary_counts_levels() {
    let error = Diagnostic::error(&UNKNOWN_KEY, "x");
    let warning = Diagnostic::warning(&UNKNOWN_KEY, "x");
    assert_eq!(summary(&[]), None);
    assert_eq!(summary(&[error.clone(), warning.clone(), error]).unwrap(), "2 errors, 1 warning");
    assert_eq!(summary(&[warning]).unwrap(), "1 warning");
}
