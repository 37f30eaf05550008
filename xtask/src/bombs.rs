//! `cargo xtask bombs`: charts that are meant to hurt (reliability.md T50, T51): loops and recursion without end, texts,
//! lists and maps without bound, values that hold themselves. Each ends in a clear error, or in a result, soon and in
//! little memory.
//!
//! Every bomb is rendered in a process of its own, this program again, so that a stack overflow or an abort is seen as
//! what it is, and the peak of memory is that of one bomb. It is no test, because a debug build takes minutes for it.

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use lakegen::helm::chart::Chart;
use lakegen::helm::context::{Capabilities, Release};
use lakegen::helm::inflate;
use lakegen::helm::render::Compiled;
use lakegen::manifest::value::Map;

/// Processor time that a bomb may take, whatever it does; a debug build needs more.
const PATIENCE: Duration = Duration::from_secs(if cfg!(debug_assertions) { 120 } else { 10 });
/// Time on the wall, on a busy machine: what waits without working is found too.
const WALL: Duration = Duration::from_secs(120);
/// The program's own bound around templates, and what a process needs anyway.
const MOST_MIB: u64 = 900;

enum End {
    /// It stops with a message that has this in it.
    Fails(&'static str),
    /// It is harmless after all.
    Renders,
}
use End::{Fails, Renders};

const WORK: &str = "exceeds its work limit";
const TOKENS: &str = "words, marks and spaces";
const NESTED: &str = "are nested more than";
const DEEP: &str = "deep";
const ITSELF: &str = "contains itself";
const LARGE: &str = "64 MiB";

#[expect(clippy::too_many_lines, reason = "a table")]
fn bombs() -> Vec<(&'static str, String, End)> {
    let text = str::to_owned;
    let doubled = |start: &str, step: &str, times: usize| format!("{start}{}", step.repeat(times));
    let mut all = vec![
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
        ("100,000 blocks", format!("{}{}", "{{ if true }}".repeat(100_000), "{{ end }}".repeat(100_000)), Fails(TOKENS)),
        ("100,000 open blocks", "{{ range . }}".repeat(100_000), Fails(NESTED)),
        ("100,000 else if", format!("{{{{ if . }}}}{}{{{{ end }}}}", "{{ else if . }}".repeat(100_000)), Fails(NESTED)),
        ("100,000 parentheses", format!("{{{{ {}1{} }}}}", "(".repeat(100_000), ")".repeat(100_000)), Fails(NESTED)),
        ("100,000 fields", format!("{{{{ .a{} }}}}", ".a".repeat(100_000)), Fails("not set")),
        ("100,000 pipes", format!("a: {{{{ 1{} }}}}", " | print".repeat(100_000)), Renders),
        ("many actions", "{{.}}".repeat(1_000_000), Fails("more than 1000000")),
        ("many words in an action", format!("{{{{ print {} }}}}", "1 ".repeat(2_000_000)), Fails("more than 1000000")),
        ("100,000 definitions", (0..100_000).map(|i| format!("{{{{ define \"d{i}\" }}}}x{{{{ end }}}}")).collect(), Fails(TOKENS)),
        // T51: without bound
        ("repeat", text("{{ repeat 1000000000 \"abcdefgh\" }}"), Fails(LARGE)),
        ("repeat of repeat", text("{{ range 1000 }}{{ $_ := repeat 60000000 \"x\" }}{{ end }}"), Fails(WORK)),
        ("wide printf", text("{{ range 100000 }}{{ $_ := printf \"%1000000d\" 1 }}{{ end }}"), Fails(WORK)),
        ("wide printf of a list", text("{{ printf \"%1000000d\" (until 100000) }}"), Fails("exceeds the maximum size")),
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
        ("trees without end: merge", text("{{ $d := dict \"a\" 1 }}{{ $e := dict \"a\" 2 }}{{ range 100 }}{{ $d = dict \"a\" $d \"b\" $d }}{{ $e = dict \"a\" $e \"b\" $e }}{{ end }}{{ $_ := merge $d $e }}"), Fails(WORK)),
        ("trees without end: mergeOverwrite", text("{{ $d := dict \"a\" 1 }}{{ $e := dict \"a\" 2 }}{{ range 100 }}{{ $d = dict \"a\" $d \"b\" $d }}{{ $e = dict \"a\" $e \"b\" $e }}{{ end }}{{ $_ := mergeOverwrite $d $e }}"), Fails(WORK)),
        ("trees without end: mustMerge", text("{{ $d := dict \"a\" 1 }}{{ $e := dict \"a\" 2 }}{{ range 100 }}{{ $d = dict \"a\" $d \"b\" $d }}{{ $e = dict \"a\" $e \"b\" $e }}{{ end }}{{ $_ := mustMerge $d $e }}"), Fails(WORK)),
        ("trees without end: mustMergeOverwrite", text("{{ $d := dict \"a\" 1 }}{{ $e := dict \"a\" 2 }}{{ range 100 }}{{ $d = dict \"a\" $d \"b\" $d }}{{ $e = dict \"a\" $e \"b\" $e }}{{ end }}{{ $_ := mustMergeOverwrite $d $e }}"), Fails(WORK)),
        ("copies of copies", text("{{ $d := dict \"a\" 1 }}{{ range 100 }}{{ $d = dict \"a\" $d \"b\" $d }}{{ end }}{{ $_ := deepCopy $d }}"), Fails("")),
        ("YAML of a tree without end", text("{{ $d := dict \"a\" 1 }}{{ range 100 }}{{ $d = dict \"a\" $d \"b\" $d }}{{ end }}{{ toYaml $d }}"), Fails("")),
        ("JSON of a tree without end", text("{{ $d := dict \"a\" 1 }}{{ range 100 }}{{ $d = list $d $d }}{{ end }}{{ toJson $d }}"), Fails("")),
        ("TOML of a tree without end", text("{{ $d := dict \"a\" 1 }}{{ range 60 }}{{ $d = dict \"a\" $d \"b\" $d }}{{ end }}{{ toToml $d }}"), Fails("")),
        ("TOML of lists without end", text("{{ $d := list 1 }}{{ range 100 }}{{ $d = list $d $d }}{{ end }}{{ $_ := toToml (dict \"a\" $d) }}"), Fails("")),
        ("TOML of a deep list", text("{{ $l := list }}{{ range 1000000 }}{{ $l = list $l }}{{ end }}{{ $_ := toToml (dict \"a\" $l) }}"), Renders),
        ("TOML of long keys", text("{{ $k := repeat 10000000 \"k\" }}{{ $d := dict }}{{ range 190 }}{{ $d = dict $k $d }}{{ end }}{{ $_ := toToml $d }}"), Fails("")),
        ("a tree without end printed", text("{{ $d := dict \"a\" 1 }}{{ range 100 }}{{ $d = list $d $d }}{{ end }}{{ $d }}"), Fails(ITSELF)),
        ("trees without end compared", text("{{ $d := list 1 }}{{ $e := list 1 }}{{ range 100 }}{{ $d = list $d $d }}{{ $e = list $e $e }}{{ end }}{{ deepEqual $d $e }}"), Fails(WORK)),
        ("a large indent", text("{{ indent 1000000000 \"x\" }}"), Fails(LARGE)),
        ("many indented lines", text("{{ indent 1000000 (repeat 1000 \"x\\n\") }}"), Fails(LARGE)),
        ("a large expression", text("{{ regexMatch \"(((a{1,999}){1,999}){1,999})\" \"aaa\" }}"), Fails("regular expression")),
        ("many expressions", text("{{ range $i := 1000000 }}{{ $_ := regexMatch (printf \"(a|b%d){500}\" $i) \"aaa\" }}{{ end }}"), Fails(WORK)),
        ("a slow expression", text("{{ $t := repeat 30000 \"a\" }}{{ range 100000 }}{{ $_ := regexMatch \"(a*)*(a*)*b\" $t }}{{ end }}"), Fails(WORK)),
        ("quadratic matches", text("{{ $t := repeat 1000000 \"a\" }}{{ $_ := regexFindAll \".*[^a]|a\" $t -1 }}"), Fails(WORK)),
        ("a large replacement", text("{{ regexReplaceAll \"a\" (repeat 1000000 \"a\") (repeat 1000 \"b\") }}"), Fails("")),
        ("quick work on a large text", text("{{ $t := repeat 30000000 \"a\" }}{{ range 1000000 }}{{ $_ := trimSuffix \"b\" $t | contains \"b\" }}{{ end }}"), Fails(WORK)),
        ("trimmed copies", text("{{ $t := repeat 10000000 \"a\" }}{{ $l := list }}{{ range 1000 }}{{ $l = append $l (trimSuffix \"a\" $t) }}{{ end }}"), Fails(WORK)),
        ("much output", text("{{ $t := repeat 1000000 \"a\" }}{{ range 1000 }}{{ $t }}{{ end }}"), Fails(LARGE)),
        ("a long decimal", text("{{ $x := 1e300 }}{{ range 1000 }}{{ $x = mulf 1e300 1e300 1e300 1e-300 1e-300 1e-300 }}{{ end }}{{ $x }}"), Fails("must be a map")),
        ("laughs", text("{{ fromYaml \"a: &a [x,x,x,x,x,x,x,x,x]\\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\\nf: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\\ng: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f]\\nh: [*g,*g,*g,*g,*g,*g,*g,*g,*g]\" | toJson | trunc 300 }}"), Renders),
        ("wide JSON", text("{{ $_ := fromJson (printf \"{\\\"a\\\": [%s1]}\" (repeat 10000000 \"[],\")) }}"), Fails(LARGE)),
        ("many arguments", format!("{{{{ $t := repeat 30000000 \"x\" }}}}{{{{ $_ := cat {} }}}}", "$t ".repeat(100)), Fails("")),
        ("many quoted arguments", format!("{{{{ $t := repeat 30000000 \"\\x00\" }}}}{{{{ $_ := quote {} }}}}", "$t ".repeat(100)), Fails("")),
        ("many printed arguments", format!("{{{{ $t := repeat 30000000 \"x\" }}}}{{{{ $_ := println {} }}}}", "$t ".repeat(100)), Fails("")),
        ("many arguments too many", format!("{{{{ $t := repeat 30000000 \"x\" }}}}{{{{ $_ := printf \"x\" {} }}}}", "$t ".repeat(100)), Fails("")),
        ("many maps", format!("{{{{ $d := dict }}}}{{{{ range $i := 20000 }}}}{{{{ $_ := set $d (toString $i) 1 }}}}{{{{ end }}}}{{{{ $_ := keys {} }}}}", "$d ".repeat(5000)), Fails("")),
        ("many factors", format!("{{{{ $x := \"1.2345678901234567e300\" }}}}{{{{ range 1000000 }}}}{{{{ $_ := mulf {} }}}}{{{{ end }}}}", "$x ".repeat(5000)), Fails("")),
        ("a large text of single characters", text("{{ $t := repeat 60000000 \"a\" }}{{ $_ := splitList \"\" $t }}"), Fails("")),
        ("a large text by its commas", text("{{ $t := repeat 60000000 \",\" }}{{ $_ := split \",\" $t }}"), Fails(WORK)),
        ("a large path", text("{{ $_ := clean (repeat 10000000 \"a/\") }}"), Renders),
        ("a large text in hexadecimal", text("{{ $_ := printf \"%x\" (repeat 60000000 \"a\") }}"), Fails("")),
        ("trees joined", text("{{ $d := list 1 }}{{ range 40 }}{{ $d = list $d $d }}{{ end }}{{ $_ := join \",\" (list $d $d $d $d) }}"), Fails("")),
        ("indented lines in YAML", text("{{ $d := repeat 10000000 \"x\\n\" }}{{ range 400 }}{{ $d = list $d }}{{ end }}{{ $_ := toYaml $d }}"), Fails("")),
        ("a loop that is left", text("{{ $l := until 2000000 }}{{ range 1000000000 }}{{ range $l }}{{ break }}{{ end }}{{ end }}"), Fails(WORK)),
        ("a loop over a map that is left", text("{{ $d := dict }}{{ range $i := 20000 }}{{ $_ := set $d (toString $i) 1 }}{{ end }}{{ range 1000000000 }}{{ range $d }}{{ break }}{{ end }}{{ end }}"), Fails(WORK)),
        ("values asked for in vain", text("{{ range $i := 1000000000 }}{{ $_ := index $.Values (toString $i) }}{{ end }}"), Fails(WORK)),
        ("lookups in vain", text("{{ range $i := 1000000000 }}{{ $_ := lookup \"v1\" \"Secret\" \"\" (toString $i) }}{{ end }}"), Fails(WORK)),
        ("prints nothing", text("{{ range 1000000000 }}{{ \"\" }}{{ end }}"), Fails(WORK)),
        ("a long text for tpl", text("{{ $_ := tpl (repeat 3000000 \"{{.}}\") 1 }}"), Fails("")),
        ("large expressions that are kept", text("{{ range $i := 1000000 }}{{ $_ := regexMatch (printf \"(a|b%d|[c-z0-9]{3}){250}\" $i) (repeat 10000 \"ab1\") }}{{ end }}"), Fails(WORK)),
        ("a long expression", text("{{ regexMatch (repeat 10000000 \"a\") \"a\" }}"), Fails("is too large")),
        ("a broken long expression", text("{{ regexFind (print (repeat 50000 \"a\") \"(\") \"a\" }}"), Fails("missing closing )")),
        ("a long message", text("{{ fail (repeat 10000000 \"a\") }}"), Fails("aaaa")),
        ("a long message of a date", text("{{ mustToDate (repeat 400 \"x\") (repeat 900 \"\\x00\") }}"), Fails("parsing time")),
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
    ];
    all.extend(functions_again_and_again());
    all
}

#[expect(clippy::too_many_lines, reason = "a table")]
/// Calls that are quick once: each is made in a loop until the fuel is used up, so that none is cheaper than its work.
fn functions_again_and_again() -> Vec<(&'static str, String, End)> {
    /// What is made first, and what is done over and over again.
    const CALLS: &[(&str, &str, &str)] = &[
        ("sums", "", "add 1 2"),
        ("comparisons", "", "and (eq 1 1) (lt 1 2)"),
        ("certificates", "", "genCA \"x\" 1"),
        ("signed certificates", "{{ $ca := genCA \"x\" 1 }}", "genSignedCert \"x\" nil (list \"x\") 1 $ca"),
        ("private keys", "", "genPrivateKey \"ed25519\""),
        ("passwords", "", "bcrypt \"x\""),
        ("derived passwords", "", "derivePassword 1 \"long\" \"x\" \"x\" \"x\""),
        ("encrypted texts", "{{ $t := repeat 1000 \"x\" }}", "encryptAES \"x\" $t"),
        ("UUIDs", "", "uuidv4"),
        ("random letters", "", "randAlphaNum 1000000"),
        ("random bytes", "", "randBytes 1000000"),
        ("shuffled texts", "{{ $t := repeat 1000000 \"x\" }}", "shuffle $t"),
        ("sums of texts", "{{ $t := repeat 1000000 \"x\" }}", "sha512sum $t"),
        ("checksums", "{{ $t := repeat 1000000 \"x\" }}", "adler32sum $t"),
        ("decoded texts", "{{ $t := repeat 1000000 \"eHh4\" }}", "b64dec $t"),
        ("decoded base32", "{{ $t := repeat 1000000 \"PB4HQ6DY\" }}", "b32dec $t"),
        ("trimmed sets", "{{ $t := repeat 1000000 \"a\" }}{{ $s := print $t \"b\" }}", "trimAll $s $t"),
        (
            "parts that are nearly there",
            "{{ $t := repeat 10000000 \"a\" }}{{ $s := print (repeat 5000000 \"a\") \"b\" }}",
            "contains $s $t",
        ),
        (
            "replaced parts that are nearly there",
            "{{ $t := repeat 10000000 \"a\" }}{{ $s := print (repeat 50000 \"a\") \"b\" }}",
            "replace $s \"\" $t",
        ),
        (
            "split parts that are nearly there",
            "{{ $t := repeat 10000000 \"a\" }}{{ $s := print (repeat 50000 \"a\") \"b\" }}",
            "splitList $s $t",
        ),
        ("single characters", "{{ $t := repeat 100000 \"ab\" }}", "splitList \"\" $t"),
        ("numbered parts", "{{ $t := repeat 100000 \"a,\" }}", "split \",\" $t"),
        ("titles", "{{ $t := repeat 100000 \"é \" }}", "title $t"),
        ("snakes", "{{ $t := repeat 100000 \"éÉ\" }}", "snakecase $t"),
        ("kebabs", "{{ $t := repeat 100000 \"aB1\" }}", "kebabcase $t"),
        ("camels", "{{ $t := repeat 100000 \"é_\" }}", "camelcase $t"),
        ("swapped case", "{{ $t := repeat 100000 \"éÉ\" }}", "swapcase $t"),
        ("wrapped texts", "{{ $t := repeat 100000 \"a \" }}", "wrapWith 1 \"\\n\" $t"),
        ("indented texts", "{{ $t := repeat 100000 \"a\\n\" }}", "nindent 2 $t"),
        ("quoted texts", "{{ $t := repeat 1000000 \"\\u200b\" }}", "quote $t"),
        ("texts without spaces", "{{ $t := repeat 1000000 \" \" }}", "nospace $t"),
        ("initials", "{{ $t := repeat 1000000 \" a\" }}", "initials $t"),
        ("escaped HTML", "{{ $t := repeat 1000000 \"<\" }}", "html $t"),
        ("escaped JavaScript", "{{ $t := repeat 1000000 \"\\x01\" }}", "js $t"),
        ("escaped queries", "{{ $t := repeat 1000000 \"<\" }}", "urlquery $t"),
        ("numbers of many digits", "{{ $t := repeat 60000000 \"1\" }}", "add $t $t | int64 | float64"),
        ("numbers out of trees", "{{ $d := list 1 }}{{ range 18 }}{{ $d = list $d $d }}{{ end }}", "toDecimal $d"),
        ("texts of trees", "{{ $d := list 1 }}{{ range 18 }}{{ $d = list $d $d }}{{ end }}", "toString $d"),
        ("keys of trees", "{{ $d := list 1 }}{{ range 18 }}{{ $d = list $d $d }}{{ end }}", "dict $d 1"),
        (
            "joined trees",
            "{{ $d := list 1 }}{{ range 18 }}{{ $d = list $d $d }}{{ end }}",
            "join \",\" (list $d $d $d $d)",
        ),
        (
            "sorted trees",
            "{{ $d := list 1 }}{{ range 18 }}{{ $d = list $d $d }}{{ end }}",
            "sortAlpha (list $d $d $d $d)",
        ),
        (
            "sorted texts",
            "{{ $l := list }}{{ range $i := 3000 }}{{ $l = append $l (printf \"%s%d\" (repeat 1000 \"x\") (mod (mul $i 7919) 3000)) }}{{ end }}",
            "sortAlpha $l",
        ),
        (
            "sorted keys",
            "{{ $d := dict }}{{ range $i := 3000 }}{{ $_ := set $d (printf \"%s%d\" (repeat 1000 \"x\") (mod (mul $i 7919) 3000)) 1 }}{{ end }}",
            "toYamlPretty $d",
        ),
        (
            "keys that YAML refuses",
            "{{ $d := dict }}{{ range $i := 1000 }}{{ $_ := set $d (printf \"%s%d\" (repeat 10000 \"x\") $i) 1 }}{{ end }}",
            "toYaml $d",
        ),
        (
            "long texts in lists",
            "{{ $l := list }}{{ range 10 }}{{ $l = append $l (printf \"%sb\" (repeat 1000000 \"a\")) }}{{ end }}{{ $t := printf \"%sc\" (repeat 1000000 \"a\") }}",
            "has $t $l",
        ),
        ("lists that are the same", "{{ $a := until 1000000 }}{{ $b := until 1000000 }}", "deepEqual $a $b"),
        (
            "trees that are the same",
            "{{ $a := list 1 }}{{ $b := list 1 }}{{ range 18 }}{{ $a = list $a $a }}{{ $b = list $b $b }}{{ end }}",
            "deepEqual $a $b",
        ),
        (
            "trees in lists",
            "{{ $a := list 1 }}{{ $b := list 1 }}{{ range 18 }}{{ $a = list $a $a }}{{ $b = list $b $b }}{{ end }}",
            "without (list $a $a) $b $b",
        ),
        ("lists without doubles", "{{ $l := until 3000 }}", "uniq $l"),
        ("first items", "{{ $l := until 2000000 }}", "first $l"),
        ("last items", "{{ $l := until 2000000 }}", "last $l"),
        ("slices", "{{ $l := until 2000000 }}", "slice $l 0 1"),
        ("reversed lists", "{{ $l := until 100000 }}", "reverse $l"),
        ("chunks", "{{ $l := until 100000 }}", "chunk 1 $l"),
        ("texts of lists", "{{ $l := until 100000 }}", "toStrings $l"),
        ("sequences", "", "seq 100000"),
        (
            "keys",
            "{{ $d := dict }}{{ range $i := 10000 }}{{ $_ := set $d (toString $i) 1 }}{{ end }}",
            "keys $d $d $d $d",
        ),
        ("values", "{{ $d := dict }}{{ range $i := 10000 }}{{ $_ := set $d (toString $i) 1 }}{{ end }}", "values $d"),
        (
            "maps without keys",
            "{{ $d := dict }}{{ range $i := 10000 }}{{ $_ := set $d (toString $i) 1 }}{{ end }}",
            "omit $d \"1\" \"2\"",
        ),
        (
            "keys set and unset",
            "{{ $d := dict }}{{ range $i := 30000 }}{{ $_ := set $d (printf \"%05d\" $i) 1 }}{{ end }}",
            "set $d \"0\" (unset $d \"0\")",
        ),
        (
            "merged maps",
            "{{ $d := dict }}{{ range $i := 10000 }}{{ $_ := set $d (toString $i) 1 }}{{ end }}",
            "merge (dict) $d",
        ),
        (
            "maps merged in front",
            "{{ $d := dict }}{{ $e := dict }}{{ range $i := 10000 }}{{ $_ := set $d (toString $i) 1 }}{{ $_ := set $e (print \"z\" $i) 1 }}{{ end }}",
            "merge (merge (dict) $e) $d",
        ),
        (
            "copied maps",
            "{{ $d := dict }}{{ range $i := 10000 }}{{ $_ := set $d (toString $i) 1 }}{{ end }}",
            "deepCopy $d",
        ),
        ("versions", "", "semverCompare \">=1.2.3 <2.0.0 || ~3.1 || 4.x - 5.x || ^6.0.0-beta.1\" \"6.1.2-rc.1\""),
        ("zones", "", "dateInZone \"2006-01-02 15:04:05 MST\" 1700000000 \"Europe/Berlin\""),
        ("dates", "{{ $t := repeat 100000 \"1 \" }}", "date $t 1700000000"),
        ("layouts", "{{ $t := repeat 400 \"05\" }}", "toDate $t $t"),
        ("durations", "", "durationRound \"1h1m1s1ms1us1ns\""),
        (
            "products",
            "{{ $x := \"1.2345678901234567e300\" }}",
            "mulf $x $x $x $x $x $x $x $x $x $x $x $x $x $x $x $x $x $x $x $x",
        ),
        (
            "quotients",
            "{{ $x := \"1e-300\" }}",
            "divf 1e300 $x $x $x $x $x $x $x $x $x $x $x $x $x $x $x $x $x $x $x $x",
        ),
        ("paths", "{{ $t := repeat 1000000 \"a/\" }}", "clean $t"),
        ("addresses", "{{ $t := print \"https://x/\" (repeat 100000 \"%41\") }}", "urlParse $t"),
        (
            "joined addresses",
            "{{ $t := repeat 100000 \"<\" }}",
            "urlJoin (dict \"scheme\" \"https\" \"host\" \"x\" \"path\" $t)",
        ),
        ("questions to the cluster", "{{ $t := repeat 1000000 \"x\" }}", "lookup \"v1\" \"Secret\" \"\" $t"),
        ("refused YAML", "{{ $d := dict }}{{ $_ := set $d \"d\" $d }}{{ $l := list (until 1000000) $d }}", "toYaml $l"),
        ("refused JSON", "{{ $d := dict }}{{ $_ := set $d \"d\" $d }}{{ $l := list (until 1000000) $d }}", "toJson $l"),
        ("refused TOML", "{{ $d := dict \"a\" (until 1000000) \"b\" (list nil) }}", "toToml $d"),
        (
            "laughs again",
            "{{ $t := \"a: &a [x,x,x,x,x,x,x,x,x]\\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\\nf: [*e,*e,*e,*e]\" }}",
            "fromYaml $t",
        ),
        ("read TOML", "{{ $t := repeat 10000 \"[[a]]\\nb=1\\n\" }}", "fromToml $t"),
        ("deep keys of TOML", "{{ $t := printf \"%sa=1\" (repeat 5000 \"a.\") }}", "fromToml $t"),
        ("read JSON", "{{ $t := printf \"[%s1]\" (repeat 100000 \"{},\") }}", "fromJsonArray $t"),
        ("hexadecimal texts", "{{ $t := repeat 1000000 \"x\" }}", "printf \"% x\" $t"),
        ("many verbs", "{{ $t := repeat 100000 \"%d\" }}", "printf $t 1"),
        (
            "text that has an automaton too large",
            "{{ $t := repeat 10000 \"abaabbaaabbbbaababab\" }}",
            "regexMatch \"[ab]*a[ab]{300}c\" $t",
        ),
        (
            "backwards too",
            "{{ $t := print \"c\" (repeat 10000 \"abaabbaaabbbbaababab\") }}",
            "regexFind \"c[ab]{300}a[ab]*\" $t",
        ),
        (
            "groups",
            "{{ $t := repeat 10000 \"abaabbaaabbbbaababab\" }}",
            "regexReplaceAll \"(a*)(b*)(.*)\" $t \"$3$2$1\"",
        ),
        ("little replacements", "{{ $t := repeat 10000 \"ab\" }}", "regexReplaceAll \"(a)\" $t \"$1\""),
        ("parts by an expression", "{{ $t := repeat 10000 \"ab\" }}", "regexSplit \"a\" $t -1"),
        ("words of Unicode", "{{ $t := repeat 10000 \"é \" }}", "regexFindAll \"\\\\p{L}+\" $t -1"),
    ];
    let looped = |(name, first, call): &(&'static str, &str, &str)| {
        (*name, format!("{first}{{{{ range 1000000000 }}}}{{{{ $_ := {call} }}}}{{{{ end }}}}"), Fails(WORK))
    };
    CALLS.iter().map(looped).collect()
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

/// Sets all bombs off, or is the child that renders one.
pub fn run(arguments: &[String]) -> anyhow::Result<()> {
    match arguments {
        [child, which] if child == "child" => return rendered(which),
        [] => {}
        _ => bail!("usage: cargo xtask bombs"),
    }
    let all = bombs();
    let count = all.len();
    let bombs = Mutex::new(all.into_iter());
    let wrong = Mutex::new(Vec::new());
    let next = || bombs.lock().ok().and_then(|mut bombs| bombs.next());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some((name, _, end)) = next() {
                    let problem = set_off(name, &end).unwrap_or_else(|error| Some(format!("{name}: {error:#}")));
                    if let (Some(problem), Ok(mut wrong)) = (problem, wrong.lock()) {
                        wrong.push(problem);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap_or_default();
    ensure!(wrong.is_empty(), "{} of {count} bombs:\n{}", wrong.len(), wrong.join("\n"));
    println!("{count} bombs end soon and small");
    Ok(())
}

/// What a child does.
fn rendered(which: &str) -> anyhow::Result<()> {
    let bomb = bombs().into_iter().find(|(name, ..)| *name == which);
    let (_, template, _) = bomb.with_context(|| format!("there is no bomb `{which}`"))?;
    // On a thread as small as any of a user's process may be.
    match std::thread::spawn(move || render(&template)).join().map_err(|_| anyhow::anyhow!("it panics"))? {
        Ok(items) => println!("rendered {items}"),
        Err(message) => println!("failed {message}"),
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB");
    println!("\npeak {}", peak.trim().trim_end_matches(" kB"));
    println!("took {}", processor_time().as_millis());
    Ok(())
}

/// The time that this process has worked (proc(5), fields 14 and 15 of `stat`, in hundredths; 0 elsewhere).
fn processor_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// Sets one bomb off in a process of its own; what is wrong with its end.
fn set_off(name: &str, end: &End) -> anyhow::Result<Option<String>> {
    let start = Instant::now();
    let output = Command::new(std::env::current_exe()?).args(["bombs", "child", name]).output()?;
    let wall = start.elapsed();
    let said = String::from_utf8_lossy(&output.stdout);
    let line = |word: &str| said.lines().find_map(|line| line.strip_prefix(word)).map(str::to_owned);
    let took = line("took ").and_then(|millis| millis.parse().ok()).map_or(wall, Duration::from_millis);
    let peak = line("peak ").and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(u64::MAX) / 1024;
    if std::env::var_os("LAKEGEN_SHOW").is_some() {
        let end: String = line("failed ").unwrap_or_else(|| "renders".into()).chars().take(160).collect();
        eprintln!("{name}: {took:.1?}, {peak} MiB, {end}");
    }
    if !output.status.success() {
        let last = String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default().to_owned();
        return Ok(Some(format!("{name}: the process ends with {}: {last}", output.status)));
    }
    if took > PATIENCE || wall > WALL || peak > MOST_MIB {
        return Ok(Some(format!("{name}: took {took:.1?} in {wall:.1?}, and {peak} MiB")));
    }
    Ok(match (end, line("failed "), line("rendered ")) {
        (Fails(word), Some(message), _) if message.contains(word) && message.len() < 10_000 => None,
        (Renders, None, Some(_)) => None,
        (_, message, rendered) => Some(format!("{name}: {message:?} {rendered:?}")),
    })
}
