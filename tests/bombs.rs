//! Charts that are meant to hurt (reliability.md T50, T51, T52): loops and recursion without end, texts, lists and maps
//! without bound, values that hold themselves. Each ends in a clear error, or in a result, soon and in little memory.
//!
//! Every bomb is rendered in a process of its own, this test program again, so that a stack overflow or an abort is seen
//! as what it is, and the peak of memory is that of one bomb.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use lakegen::helm::chart::Chart;
use lakegen::helm::context::{Capabilities, Release};
use lakegen::helm::functions;
use lakegen::helm::inflate;
use lakegen::helm::render::Compiled;
use lakegen::manifest::value::Map;

/// Names the bomb for the child.
const WHICH: &str = "LAKEGEN_BOMB";
/// A release build needs a few seconds at most; this has room for a debug build on a busy machine.
const PATIENCE: Duration = Duration::from_secs(if cfg!(debug_assertions) { 120 } else { 15 });
/// The program's own bound around templates, and what a process needs anyway.
const MOST_MIB: u64 = 900;

enum End {
    /// It stops with a message that has this in it.
    Fails(&'static str),
    /// It is harmless after all.
    Renders,
}
use End::{Fails, Renders};

const WORK: &str = "does more work than a chart may";
const NESTED: &str = "within one another";
const DEEP: &str = "deep";
const ITSELF: &str = "holds itself";
const LARGE: &str = "larger than the 64 MiB";

#[expect(clippy::too_many_lines, reason = "a table")]
fn bombs() -> Vec<(&'static str, String, End)> {
    let text = str::to_owned;
    let doubled = |start: &str, step: &str, times: usize| format!("{start}{}", step.repeat(times));
    vec![
        // T50: without end
        ("a loop of 10^10", text("{{ range 100000 }}{{ range 100000 }}{{ end }}{{ end }}"), Fails(WORK)),
        ("one long loop", text("{{ range 10000000000 }}{{ end }}"), Fails(WORK)),
        ("loops over lists", format!("{}x{}", "{{ range until 1000 }}".repeat(5), "{{ end }}".repeat(5)), Fails(WORK)),
        ("includes itself", text("{{ define \"a\" }}{{ include \"a\" . }}{{ end }}{{ include \"a\" . }}"), Fails(DEEP)),
        ("a template of itself", text("{{ define \"a\" }}{{ template \"a\" . }}{{ end }}{{ template \"a\" . }}"), Fails(DEEP)),
        (
            "includes in turn",
            text("{{ define \"a\" }}{{ include \"b\" . }}{{ end }}{{ define \"b\" }}{{ include \"a\" . }}{{ end }}{{ include \"a\" . }}"),
            Fails(DEEP),
        ),
        ("twice itself", text("{{ define \"a\" }}{{ if lt . 200 }}{{ include \"a\" (add 1 . | int) }}{{ include \"a\" (add 1 . | int) }}{{ end }}{{ end }}{{ include \"a\" 0 }}"), Fails(WORK)),
        ("tpl of itself", text("{{ $t := \"{{ tpl .t . }}\" }}{{ tpl $t (dict \"t\" $t) }}"), Fails(DEEP)),
        ("tpl of more and more", text("{{ define \"a\" }}{{ tpl (printf \"{{/* %d */}}{{ include \\\"a\\\" %d }}\" . .) . }}{{ end }}{{ include \"a\" 1 }}"), Fails(DEEP)),
        ("many texts for tpl", text("{{ range $i := 100000000 }}{{ $_ := tpl (printf \"{{ %d }}\" $i) $ }}{{ end }}"), Fails(WORK)),
        (
            "deep includes of deep blocks",
            format!(
                "{{{{ define \"a\" }}}}{}{{{{ include \"a\" . }}}}{}{{{{ end }}}}{{{{ include \"a\" . }}}}",
                "{{ if true }}".repeat(200),
                "{{ end }}".repeat(200)
            ),
            Fails(DEEP),
        ),
        (
            "deep includes in deep parentheses",
            format!(
                "{{{{ define \"a\" }}}}{{{{ {}include \"a\" .{} }}}}{{{{ end }}}}{{{{ include \"a\" . }}}}",
                "print (".repeat(200),
                ")".repeat(200)
            ),
            Fails(DEEP),
        ),
        ("100,000 blocks", format!("{}{}", "{{ if true }}".repeat(100_000), "{{ end }}".repeat(100_000)), Fails(NESTED)),
        ("100,000 open blocks", "{{ range . }}".repeat(100_000), Fails(NESTED)),
        ("100,000 else if", format!("{{{{ if . }}}}{}{{{{ end }}}}", "{{ else if . }}".repeat(100_000)), Fails(NESTED)),
        ("100,000 parentheses", format!("{{{{ {}1{} }}}}", "(".repeat(100_000), ")".repeat(100_000)), Fails(NESTED)),
        ("100,000 fields", format!("{{{{ .a{} }}}}", ".a".repeat(100_000)), Fails("not set")),
        ("100,000 pipes", format!("a: {{{{ 1{} }}}}", " | print".repeat(100_000)), Renders),
        ("100,000 definitions", (0..100_000).map(|i| format!("{{{{ define \"d{i}\" }}}}x{{{{ end }}}}")).collect(), Renders),
        // T51: without bound
        ("repeat", text("{{ repeat 1000000000 \"abcdefgh\" }}"), Fails(LARGE)),
        ("repeat of repeat", text("{{ range 1000 }}{{ $_ := repeat 60000000 \"x\" }}{{ end }}"), Fails(WORK)),
        ("wide printf", text("{{ range 100000 }}{{ $_ := printf \"%1000000d\" 1 }}{{ end }}"), Fails(WORK)),
        ("wide printf of a list", text("{{ printf \"%1000000d\" (until 100000) }}"), Fails("longer text")),
        ("exact printf", text("{{ range 100000 }}{{ $_ := printf \"%.1000000f\" 1.5 }}{{ end }}"), Fails(WORK)),
        ("printf with stars", text("{{ range 100000 }}{{ $_ := printf \"%*d\" 1000000 1 }}{{ end }}"), Fails(WORK)),
        ("until", text("{{ until 1000000000 }}"), Fails("bytes")),
        ("seq", text("{{ seq 1000000000 }}"), Fails("bytes")),
        ("doubled text", text("{{ $s := \"xxxxxxxx\" }}{{ range 100 }}{{ $s = print $s $s }}{{ end }}"), Fails("")),
        ("doubled by printf", text("{{ $s := \"xxxxxxxx\" }}{{ range 100 }}{{ $s = printf \"%s%s\" $s $s }}{{ end }}"), Fails("")),
        ("doubled by join", text("{{ $s := \"xxxxxxxx\" }}{{ range 100 }}{{ $s = join $s (list $s $s $s) }}{{ end }}"), Fails("")),
        ("doubled by replace", text("{{ $s := \"xxxxxxxx\" }}{{ range 100 }}{{ $s = replace \"x\" \"xx\" $s }}{{ end }}"), Fails("")),
        ("doubled by quote", text("{{ $s := \"\\\"\" }}{{ range 100 }}{{ $s = quote $s $s }}{{ end }}"), Fails("")),
        ("doubled by toJson", text("{{ $s := \"<\" }}{{ range 100 }}{{ $s = toJson (list $s $s) }}{{ end }}"), Fails("")),
        ("doubled by include", text("{{ define \"a\" }}{{ . }}{{ . }}{{ end }}{{ $s := \"xxxxxxxx\" }}{{ range 100 }}{{ $s = include \"a\" $s }}{{ end }}"), Fails("")),
        ("a growing list", text("{{ $l := list }}{{ range $i := 10000000 }}{{ $l = append $l $i }}{{ end }}"), Fails("")),
        ("a doubled list", text("{{ $l := list 1 2 3 }}{{ range 100 }}{{ $l = concat $l $l }}{{ end }}"), Fails("")),
        ("many large lists", text("{{ $l := list }}{{ range 10000 }}{{ $l = append $l (until 1000000) }}{{ end }}"), Fails("")),
        ("a growing map", text("{{ $d := dict }}{{ range $i := 100000000 }}{{ $_ := set $d (printf \"%09d\" $i) 1 }}{{ end }}"), Fails(WORK)),
        ("a map grown backwards", text("{{ $d := dict }}{{ range $i := 100000000 }}{{ $_ := set $d (printf \"%09d\" (sub 100000000 $i)) 1 }}{{ end }}"), Fails(WORK)),
        ("copies of copies", text("{{ $d := dict \"a\" 1 }}{{ range 100 }}{{ $d = dict \"a\" $d \"b\" $d }}{{ end }}{{ $_ := deepCopy $d }}"), Fails("")),
        ("YAML of a tree without end", text("{{ $d := dict \"a\" 1 }}{{ range 100 }}{{ $d = dict \"a\" $d \"b\" $d }}{{ end }}{{ toYaml $d }}"), Fails("")),
        ("JSON of a tree without end", text("{{ $d := dict \"a\" 1 }}{{ range 100 }}{{ $d = list $d $d }}{{ end }}{{ toJson $d }}"), Fails("")),
        ("TOML of a tree without end", text("{{ $d := dict \"a\" 1 }}{{ range 60 }}{{ $d = dict \"a\" $d \"b\" $d }}{{ end }}{{ toToml $d }}"), Renders),
        ("a tree without end printed", text("{{ $d := dict \"a\" 1 }}{{ range 100 }}{{ $d = list $d $d }}{{ end }}{{ $d }}"), Fails(ITSELF)),
        ("trees without end compared", text("{{ $d := list 1 }}{{ $e := list 1 }}{{ range 100 }}{{ $d = list $d $d }}{{ $e = list $e $e }}{{ end }}{{ deepEqual $d $e }}"), Fails(ITSELF)),
        ("a large indent", text("{{ indent 1000000000 \"x\" }}"), Fails(LARGE)),
        ("many indented lines", text("{{ indent 1000000 (repeat 1000 \"x\\n\") }}"), Fails(LARGE)),
        ("a large expression", text("{{ regexMatch \"(((a{1,999}){1,999}){1,999})\" \"aaa\" }}"), Fails("regular expression")),
        ("many expressions", text("{{ range $i := 1000000 }}{{ $_ := regexMatch (printf \"(a|b%d){500}\" $i) \"aaa\" }}{{ end }}"), Fails(WORK)),
        ("a slow expression", text("{{ $t := repeat 30000 \"a\" }}{{ range 100000 }}{{ $_ := regexMatch \"(a*)*(a*)*b\" $t }}{{ end }}"), Fails(WORK)),
        ("quadratic matches", text("{{ $t := repeat 1000000 \"a\" }}{{ $_ := regexFindAll \".*[^a]|a\" $t -1 }}"), Fails(WORK)),
        ("a large replacement", text("{{ regexReplaceAll \"a\" (repeat 1000000 \"a\") (repeat 1000 \"b\") }}"), Fails("")),
        ("quick work on a large text", text("{{ $t := repeat 30000000 \"a\" }}{{ range 1000000 }}{{ $_ := trimSuffix \"b\" $t | contains \"b\" }}{{ end }}"), Fails(WORK)),
        ("trimmed copies", text("{{ $t := repeat 10000000 \"a\" }}{{ $l := list }}{{ range 1000 }}{{ $l = append $l (trimSuffix \"a\" $t) }}{{ end }}"), Fails(WORK)),
        ("much output", text("{{ $t := repeat 1000000 \"a\" }}{{ range 1000 }}{{ $t }}{{ end }}"), Fails("prints more than 64 MiB")),
        ("costly passwords", text("{{ range 1000000 }}{{ $_ := bcrypt \"x\" }}{{ end }}"), Fails(WORK)),
        ("a long decimal", text("{{ $x := 1e300 }}{{ range 1000 }}{{ $x = mulf 1e300 1e300 1e300 1e-300 1e-300 1e-300 }}{{ end }}{{ $x }}"), Fails("has to be a map")),
        ("laughs", text("{{ fromYaml \"a: &a [x,x,x,x,x,x,x,x,x]\\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\\ng: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f]\\nh: [*g,*g,*g,*g,*g,*g,*g,*g,*g]\" | toJson | trunc 300 }}"), Renders),
        ("wide JSON", text("{{ $_ := fromJson (printf \"{\\\"a\\\": [%s1]}\" (repeat 10000000 \"[],\")) }}"), Fails("larger than")),
        // Values that hold themselves, and deep ones
        ("itself printed", text("{{ $d := dict }}{{ $_ := set $d \"d\" $d }}{{ $d }}"), Fails(ITSELF)),
        ("itself in printf", text("{{ $d := dict }}{{ $_ := set $d \"d\" $d }}{{ printf \"%s %v\" $d $d }}"), Fails(ITSELF)),
        ("itself in printf of Go", text("{{ $d := dict }}{{ $_ := set $d \"d\" $d }}{{ printf \"%#v\" $d }}"), Fails(ITSELF)),
        ("itself quoted", text("{{ $d := dict }}{{ $_ := set $d \"d\" $d }}{{ quote $d }}"), Fails(ITSELF)),
        ("itself as text", text("{{ $d := dict }}{{ $_ := set $d \"d\" (list $d $d) }}{{ toString $d | len }}"), Fails(ITSELF)),
        ("itself as YAML", text("{{ $d := dict }}{{ $_ := set $d \"d\" $d }}a: {{ toYaml $d | quote }}"), Renders),
        ("itself as YAML, again and again", text("{{ $d := dict }}{{ $_ := set $d \"d\" $d }}{{ range 100000000 }}{{ $_ := toYaml $d }}{{ end }}"), Fails(WORK)),
        ("itself as JSON", text("{{ $d := dict }}{{ $_ := set $d \"d\" $d }}a: {{ toJson $d | quote }}"), Renders),
        ("itself as JSON that has to be", text("{{ $d := dict }}{{ $_ := set $d \"d\" $d }}{{ mustToJson $d }}"), Fails("cycle")),
        ("itself as TOML", text("{{ $d := dict }}{{ $_ := set $d \"d\" $d }}{{ $_ := toToml $d }}"), Renders),
        ("itself copied", text("{{ $d := dict }}{{ $_ := set $d \"d\" $d }}{{ deepCopy $d }}"), Fails(ITSELF)),
        ("itself merged", text("{{ $d := dict }}{{ $_ := set $d \"d\" $d }}{{ $e := dict }}{{ $_ := set $e \"d\" $e }}{{ merge $d $e }}"), Fails(ITSELF)),
        ("itself compared", text("{{ $d := dict }}{{ $_ := set $d \"d\" $d }}{{ $e := dict }}{{ $_ := set $e \"d\" $e }}{{ $_ := deepEqual $d $e }}"), Renders),
        ("itself walked", text("{{ define \"w\" }}{{ range . }}{{ include \"w\" . }}{{ end }}{{ end }}{{ $d := dict }}{{ $_ := set $d \"d\" $d }}{{ include \"w\" $d }}"), Fails(DEEP)),
        ("values that hold the root", text("{{ $_ := set .Values \"root\" $ }}a: {{ .Values.root.Values.root.Release.Name }}"), Renders),
        ("a deep list", text("{{ $l := list }}{{ range 1000000 }}{{ $l = list $l }}{{ end }}a: b"), Renders),
        ("a deep map", text("{{ $l := dict }}{{ range 300000 }}{{ $l = dict \"a\" $l }}{{ end }}a: b"), Renders),
        ("a deep list printed", text("{{ $l := list }}{{ range 100000 }}{{ $l = list $l }}{{ end }}{{ $l }}"), Fails(DEEP)),
        ("a deep list as YAML", text("{{ $l := list }}{{ range 100000 }}{{ $l = list $l }}{{ end }}a: {{ toYaml $l | quote }}"), Renders),
        ("deep JSON", text("{{ (fromJsonArray (printf \"%s%s\" (repeat 10000 \"[\") (repeat 10000 \"]\"))) | toJson | len }}"), Fails("")),
        ("deep YAML", text("{{ (fromYamlArray (printf \"%s%s\" (repeat 10000 \"[\") (repeat 10000 \"]\"))) | toJson | len }}"), Fails("")),
        ("deep TOML", text("{{ $_ := fromToml (printf \"a = %s%s\" (repeat 10000 \"[\") (repeat 10000 \"]\")) }}"), Renders),
        ("a deep expression", text("{{ regexMatch (printf \"%sa%s\" (repeat 10000 \"(\") (repeat 10000 \")\")) \"a\" }}"), Fails("regular expression")),
        ("deep output", format!("a: {}{}", "[".repeat(100_000), "]".repeat(100_000)), Fails("deep")),
        ("doubled definitions", doubled("{{ define \"a0\" }}xxxxxxxx{{ end }}", "", 0) + &(0..40).map(|i| format!("{{{{ define \"a{}\" }}}}{{{{ include \"a{i}\" . }}}}{{{{ include \"a{i}\" . }}}}{{{{ end }}}}", i + 1)).collect::<String>() + "{{ include \"a40\" . }}", Fails("")),
    ]
}

/// Renders a chart of one template.
fn render(template: &str) -> Result<usize, String> {
    let files: [(&str, &[u8]); 2] =
        [("Chart.yaml", b"apiVersion: v2\nname: bomb\nversion: 1.0.0\n"), ("templates/a.yaml", template.as_bytes())];
    let (chart, _) = Chart::from_folder("bomb", files).map_err(|error| error.to_string())?;
    let release = Release { name: "bomb".into(), namespace: "bomb".into() };
    let capabilities = Capabilities { kubernetes: "v1.34.0".into(), apis: BTreeSet::new().into() };
    match inflate::inflate(&chart, &Map::default(), &release, &capabilities, &Compiled::default(), 0) {
        Ok(inflated) => Ok(inflated.items().count()),
        Err(errors) => Err(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")),
    }
}

/// What a child does; without the variable, a test that has nothing to do.
#[test]
fn child() {
    let Some(which) = std::env::var_os(WHICH) else { return };
    let (_, template, _) = bombs().into_iter().find(|(name, ..)| *name == which.to_string_lossy()).unwrap();
    match render(&template) {
        Ok(items) => println!("\nrendered {items}"),
        Err(message) => println!("\nfailed {message}"),
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB");
    println!("\npeak {}", peak.trim().trim_end_matches(" kB"));
}

/// Sets one bomb off in a process of its own; what is wrong with its end.
fn set_off(name: &str, end: &End) -> Option<String> {
    let start = Instant::now();
    let child = ["--exact", "child", "--nocapture", "--test-threads=1"];
    let output = Command::new(std::env::current_exe().unwrap()).args(child).env(WHICH, name).output().unwrap();
    let took = start.elapsed();
    let said = String::from_utf8_lossy(&output.stdout);
    let line = |word: &str| said.lines().find_map(|line| line.strip_prefix(word)).map(str::to_owned);
    let peak = line("peak ").and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(u64::MAX) / 1024;
    if std::env::var_os("LAKEGEN_SHOW").is_some() {
        let end: String = line("failed ").unwrap_or_else(|| "renders".into()).chars().take(160).collect();
        eprintln!("{name}: {took:.1?}, {peak} MiB, {end}");
    }
    if !output.status.success() {
        let last = String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default().to_owned();
        return Some(format!("{name}: the process ends with {}: {last}", output.status));
    }
    if took > PATIENCE || peak > MOST_MIB {
        return Some(format!("{name}: took {took:.1?} and {peak} MiB"));
    }
    match (end, line("failed "), line("rendered ")) {
        (Fails(word), Some(message), _) if message.contains(word) && message.len() < 10_000 => None,
        (Renders, None, Some(_)) => None,
        (_, message, rendered) => Some(format!("{name}: {message:?} {rendered:?}")),
    }
}

#[test]
#[cfg_attr(
    debug_assertions,
    ignore = "about a hundred charts that use all they may: `cargo test --release --test bombs`"
)]
fn t50_t51_bombs_end_soon_and_small() {
    let bombs = Mutex::new(bombs().into_iter());
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                loop {
                    let Some((name, _, end)) = bombs.lock().unwrap().next() else { break };
                    wrong.lock().unwrap().extend(set_off(name, &end));
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// T52: what reaches out is not there at all, and what there is is listed.
#[test]
fn t52_no_function_reaches_out() {
    for name in ["env", "expandenv", "readFile", "getenv", "exec", "httpGet", "readDir", "osBase2", "include_file"] {
        assert!(functions::find(name).is_none(), "{name}");
        let error = render(&format!("{{{{ {name} \"HOME\" }}}}")).unwrap_err();
        assert!(error.ends_with(&format!("there is no function `{name}`")), "{error}");
    }
    // Names of Helm that reach out there, and do not here.
    assert_eq!(render("a: {{ getHostByName \"localhost\" | quote }}\nkind: X"), Ok(1));
    assert_eq!(render("{{ if lookup \"v1\" \"Secret\" \"\" \"\" }}{{ fail \"found\" }}{{ end }}"), Ok(0));
    for path in ["../Chart.yaml", "/etc/passwd", "templates/../../x", "values.yaml", "./a"] {
        assert_eq!(
            render(&format!("{{{{ if .Files.Get {path:?} }}}}{{{{ fail \"read\" }}}}{{{{ end }}}}")),
            Ok(0),
            "{path}"
        );
    }
    // The list of the set is a file, and `functions.rs` holds both against each other.
    let listed = include_str!("functions/names.txt");
    assert!(functions::all().all(|function| listed.lines().any(|name| name == function.name)));
}
