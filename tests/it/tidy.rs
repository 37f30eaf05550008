//! The house rules that a compiler does not check: headers, which stage may know which, unique names, nothing left over.
//!
//! Reads the repository's own sources; `cargo xtask tidy` runs only this.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use lakegen::diag::codes;

/// Folders with sources of our own.
const OURS: &[&str] = &["src", "tests", "xtask", "templates", "capabilities", "examples", ".ci", ".cargo"];

/// The stages in the order of the pipeline, and the ground that they stand on. A stage knows the ground and what came
/// before it; a code's documentation lives with its stage, so anybody may name one to emit it.
const GROUND: &[&str] = &["code", "diag", "manifest", "world", "chart"];
const STAGES: &[(&str, &[&str])] = &[
    ("diag", &["diag", "code"]),
    ("world", &["diag", "world"]),
    ("manifest", &["manifest"]),
    ("chart", &["chart", "manifest"]),
    ("parse", &["parse"]),
    ("settings", &["parse", "settings"]),
    ("catalog", &["parse", "settings", "catalog"]),
    ("lock", &["parse", "catalog", "lock"]),
    ("resolve", &["parse", "settings", "catalog", "resolve"]),
    ("lower", &["parse", "settings", "catalog", "lock", "resolve", "helm", "lower"]),
    ("order", &["catalog", "resolve", "lower", "order"]),
    ("check", &["parse", "settings", "catalog", "lock", "resolve", "helm", "lower", "check"]),
    ("emit", &["parse", "settings", "catalog", "resolve", "helm", "lower", "emit"]),
    ("sink", &["diag", "world", "emit", "sink"]),
    ("diff", &["diag", "manifest", "emit", "diff"]),
    (
        "upgrade",
        &[
            "world", "parse", "catalog", "lock", "resolve", "helm", "lower", "check", "emit", "diff", "compile",
            "upgrade",
        ],
    ),
    ("why", &["world", "parse", "catalog", "lock", "resolve", "helm", "lower", "order", "emit", "compile", "why"]),
    ("edit", &["parse", "catalog", "resolve", "edit"]),
    ("fetch", &["catalog", "lock", "helm", "fetch"]),
];
/// Those that stand on the ground too; the others have no need to.
const ON_GROUND: &[&str] = &[
    "parse", "settings", "catalog", "lock", "resolve", "lower", "order", "check", "emit", "upgrade", "why", "edit",
    "fetch",
];

/// A longer file probably holds a second idea.
const LONG_LINES: usize = 600;
/// Files that are longer, with the reason.
const LONG_FILES: &[(&str, &str)] =
    &[("src/why/mod.rs", "one question after another, each a few lines over the other's answer")];

/// Files after `resolve` that read what the user wrote as it was written, with the reason. It only gets shorter.
const READERS: &[(&str, &str)] = &[
    ("src/check/walk.rs", "finds the line of a value that is said to be wrong"),
    ("src/lower/templates/context.rs", "options that are tables, by the description in component.toml"),
    ("src/lower/secrets/secret_keys.rs", "values of a chart, which are anybody's"),
    ("src/why/effect.rs", "looks for the lines that shaped something"),
    ("src/why/mod.rs", "looks for the line that says something, whatever came of it"),
];

struct File {
    /// Relative to the repository, with `/`.
    path: String,
    text: String,
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Returns all text files of ours, in order.
fn files() -> Vec<File> {
    fn walk(folder: &Path, into: &mut Vec<File>) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, into);
            } else if let Ok(text) = fs::read_to_string(&path) {
                let path = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
                into.push(File { path, text });
            }
        }
    }
    let mut all = Vec::new();
    for folder in OURS {
        walk(&root().join(folder), &mut all);
    }
    for name in ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "Cargo.toml", "platform.toml"] {
        if let Ok(text) = fs::read_to_string(root().join(name)) {
            all.push(File { path: name.into(), text });
        }
    }
    all.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(all.len() > 100, "the sources are not where they were");
    all
}

fn rust() -> impl Iterator<Item = File> {
    files().into_iter().filter(|file| file.path.ends_with(".rs"))
}

/// Fails with every finding at once.
#[track_caller]
fn none(found: &[String]) {
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn every_file_says_what_it_is_for() {
    let missing: Vec<String> = rust()
        .filter(|file| !file.text.starts_with("//! "))
        .map(|file| format!("{} does not begin with `//!`", file.path))
        .collect();
    none(&missing);
}

/// P1: a compile opens no socket, because what can do so lies in one folder that no stage knows.
#[test]
fn only_fetching_knows_the_network() {
    let words = ["ureq", "TcpStream", "TcpListener", "UdpSocket", "ToSocketAddrs", "UnixStream", "crate::fetch"];
    let mut wrong = Vec::new();
    for file in rust().filter(|file| file.path.starts_with("src/")) {
        let free = ["src/fetch/", "src/cli/"].iter().any(|folder| file.path.starts_with(folder));
        if free || file.path == "src/diag/codes.rs" {
            continue;
        }
        for (number, line) in file.text.lines().enumerate() {
            if words.iter().any(|word| line.contains(word)) {
                wrong.push(format!("{}:{}: {}", file.path, number + 1, line.trim()));
            }
        }
    }
    none(&wrong);
}

#[test]
fn stages_know_only_what_came_before_them() {
    let mut wrong = Vec::new();
    for file in rust() {
        let Some(stage) = file.path.strip_prefix("src/").and_then(|path| path.split_once('/')).map(|(stage, _)| stage)
        else {
            continue;
        };
        // `diag/codes.rs` lists the codes of all stages; `cli` sits on top of everything.
        let Some((_, known)) = STAGES.iter().find(|(name, _)| *name == stage) else { continue };
        if file.path == "src/diag/codes.rs" {
            continue;
        }
        let ground = if ON_GROUND.contains(&stage) { GROUND } else { &[] };
        for (number, line) in file.text.lines().enumerate() {
            for used in line.split("crate::").skip(1) {
                let end = used.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(used.len());
                let (name, rest) = used.split_at(end);
                if known.contains(&name) || ground.contains(&name) || names_a_code(rest) {
                    continue;
                }
                wrong.push(format!("{}:{}: `{stage}` knows `{name}`", file.path, number + 1));
            }
        }
    }
    none(&wrong);
}

/// Says whether the path goes on to a static such as `::SECRET_IN_VALUE` or `::CODES`.
fn names_a_code(rest: &str) -> bool {
    let name: String =
        rest.trim_start_matches("::").chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_')
}

#[test]
fn slugs_are_unique_and_documented() {
    let mut seen = BTreeSet::new();
    let mut wrong = Vec::new();
    for code in codes::all() {
        if !seen.insert(code.slug) {
            wrong.push(format!("the slug `{}` is used twice", code.slug));
        }
        if !code.slug.chars().all(|c| c.is_ascii_lowercase() || c == '-') {
            wrong.push(format!("the slug `{}` is not made of lower-case words", code.slug));
        }
        for (name, text) in
            [("summary", code.summary), ("why", code.why), ("example", code.example), ("instead", code.instead)]
        {
            if text.trim().is_empty() {
                wrong.push(format!("`{}` has no {name}", code.slug));
            }
        }
        if code.summary.ends_with('.') || code.summary.starts_with(|c: char| c.is_uppercase()) {
            wrong.push(format!("the summary of `{}` is not a lower-case phrase", code.slug));
        }
    }
    none(&wrong);
}

#[test]
fn every_rule_has_the_name_of_its_file() {
    let known: BTreeSet<&str> = codes::all().iter().map(|code| code.slug).collect();
    let mut wrong = Vec::new();
    for file in rust() {
        let Some(name) = file.path.strip_prefix("src/check/").and_then(|name| name.strip_suffix(".rs")) else {
            continue;
        };
        let slug = name.replace('_', "-");
        // Files without a code help the rules; one with several judges one thing in several ways.
        if file.text.matches("code!(").count() == 1 && name != "mod" && !known.contains(slug.as_str()) {
            wrong.push(format!("{} declares no code `{slug}`", file.path));
        }
    }
    none(&wrong);
}

#[test]
fn nothing_is_left_over() {
    // Put together here, so that this file does not find itself.
    let words = ["TO".to_string() + "DO", "FIX".to_string() + "ME", "dbg".to_string() + "!("];
    let hosts =
        ["crates.io", "pypi.org", "npmjs.org", "proxy.golang.org", "deb.debian.org", "repo1.maven.org"].map(|host| {
            let (name, end) = host.rsplit_once('.').unwrap();
            (format!("{name}.{end}"), host)
        });
    let paths = ["/home/", "/root/", "/work/"];
    let mut wrong = Vec::new();
    for file in files().iter().filter(|file| file.path != "tests/it/tidy.rs") {
        for (number, line) in file.text.lines().enumerate() {
            let mut say = |what: &str| wrong.push(format!("{}:{}: {what}", file.path, number + 1));
            for word in words.iter().filter(|word| line.contains(word.as_str())) {
                say(&format!("`{word}`: an issue number or nothing"));
            }
            for (host, _) in hosts.iter().filter(|(host, _)| line.contains(host.as_str())) {
                say(&format!("names the registry `{host}`"));
            }
            // A path of a container's own file system is fine; one of this machine is not.
            let ours = file.path.ends_with(".rs") || file.path.starts_with(".c") || file.path.ends_with(".md");
            for path in paths.iter().filter(|path| ours && line.contains(*path)) {
                say(&format!("an absolute path below `{path}`"));
            }
        }
    }
    none(&wrong);
}

/// What warns takes a level in `[policy]`, or nobody could switch it off.
#[test]
fn every_warning_takes_a_level() {
    let levelled: Vec<&str> = lakegen::diag::codes::levelled().iter().map(|code| code.slug).collect();
    let mut wrong = Vec::new();
    let stages = ["src/parse/", "src/catalog/", "src/resolve/", "src/lower/", "src/emit/", "src/lock/"];
    for file in rust().filter(|file| stages.iter().any(|stage| file.path.starts_with(stage))) {
        for rest in file.text.split("Diagnostic::warning(&").skip(1) {
            let name = rest.split([',', ')']).next().unwrap_or_default().rsplit("::").next().unwrap_or_default();
            let slug = name.to_lowercase().replace('_', "-");
            if !levelled.contains(&&*slug) {
                wrong.push(format!("{}: `{slug}` is a warning, and `[policy]` does not know it", file.path));
            }
        }
    }
    none(&wrong);
}

#[test]
fn files_are_of_one_idea() {
    let mut wrong = Vec::new();
    for file in rust() {
        let lines = file.text.lines().count();
        let reason = LONG_FILES.iter().find(|(path, _)| *path == file.path);
        match reason {
            None if lines > LONG_LINES => {
                wrong.push(format!("{} has {lines} lines: look for the second idea in it", file.path));
            }
            Some((path, _)) if lines <= LONG_LINES => wrong.push(format!("{path} is not long any more: unlist it")),
            _ => {}
        }
    }
    none(&wrong);
}

/// What `resolve` gives is typed and filled: who comes after it asks a struct, and no table by the name of a key.
#[test]
fn nobody_reads_the_users_tables_again() {
    let stages = ["lower", "emit", "check", "diff", "why", "cli"];
    let calls = [".text(\"", ".texts(\"", ".table(\"", ".flag(\"", ".node(\"", ".get_table(\""];
    let mut wrong = Vec::new();
    for file in rust().filter(|file| stages.iter().any(|stage| file.path.starts_with(&format!("src/{stage}/")))) {
        let places: Vec<String> = file
            .text
            .lines()
            .enumerate()
            .filter(|(_, line)| {
                let imports = line.starts_with("use crate::parse")
                    && line.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| ["Table", "Lookup"].contains(&word));
                imports || calls.iter().any(|call| line.contains(call))
            })
            .map(|(number, line)| format!("{}:{}: {}", file.path, number + 1, line.trim()))
            .collect();
        match READERS.iter().any(|(path, _)| *path == file.path) {
            true if places.is_empty() => wrong.push(format!("{} reads no table any more: unlist it", file.path)),
            true => {}
            false => wrong.extend(places),
        }
    }
    for (path, _) in READERS.iter().chain(LONG_FILES) {
        if !root().join(path).is_file() {
            wrong.push(format!("{path} is listed, and not there"));
        }
    }
    none(&wrong);
}

/// Words of the language that a component of the catalogue has for a name too.
const WORDS_THAT_ARE_NAMES: &[(&str, &str)] = &[
    ("app", "a tier, and a sample name"),
    ("argocd", "an engine, with its table, folder and usual namespace"),
    ("cert-manager", "a program whose annotations people write"),
    ("chart", "a key of components"),
    ("config", "a stage"),
    ("external-secrets", "a word of `secrets.copy`"),
    ("ingress-nginx", "a program whose annotations people write"),
    ("job-container", "the kind of a job that says none"),
    ("kustomize", "a field of Argo CD's Application"),
    ("manifests", "a key of components, and an output"),
    ("postgres", "a scheme of addresses"),
    ("vault", "a secret store, and a key of others"),
];

/// A component says in its data what it is: what Rust decided by a name would not hold for a component of a team's own.
#[test]
fn no_component_is_known_by_its_name() {
    let names: Vec<String> = fs::read_dir(root().join("templates"))
        .unwrap()
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    let mut wrong = Vec::new();
    for file in files().iter().filter(|file| file.path.starts_with("src/") && file.path.ends_with(".rs")) {
        // Facts about charts are a table made from the catalogue; a fetch and a chart know no components.
        if file.path == "src/chart/facts/table.rs" || file.path.ends_with("tests.rs") {
            continue;
        }
        let code = file.text.split("#[cfg(test)]").next().unwrap_or_default();
        for (number, line) in code.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            for name in names.iter().filter(|name| line.contains(&format!("\"{name}\""))) {
                let decides = line.contains(&format!("definition.name == \"{name}\""));
                if decides || !WORDS_THAT_ARE_NAMES.iter().any(|(word, _)| word == name) {
                    wrong.push(format!("{}:{}: `{name}`", file.path, number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "say it in component.toml: {wrong:#?}");
    let unknown: Vec<_> = WORDS_THAT_ARE_NAMES.iter().filter(|(word, _)| !names.iter().any(|n| n == word)).collect();
    assert!(unknown.is_empty(), "no components any more: {unknown:?}");
}

/// Words of the language, of file formats and of other programs that a store or a cloud has for a name too: where, and what they are.
const OTHER_WORDS: &[(&str, &str, &str)] = &[
    ("src/catalog/cloud.rs", "aws azure gcp kubernetes openshift", "the Flux Operator's types of clusters"),
    ("src/catalog/nested.rs", "none", "that there are no fields"),
    ("src/emit/flux/bootstrap.rs", "kubernetes", "the type of a cluster that no cloud says"),
    ("src/emit/flux/mod.rs", "sops", "Flux's word for how it decrypts"),
    ("src/lower/templates/context.rs", "kubernetes", "a key of `[platform]`"),
    ("src/lower/secrets/kept_files.rs", "sops vault", "members of a file that SOPS encrypted"),
    ("src/lower/secrets/stores.rs", "sops", "a key of `[secrets]`"),
    ("src/catalog/store.rs", "sops", "a key of `[secrets]`"),
    ("src/resolve/early.rs", "kubernetes", "a key of `[platform]`"),
    ("src/resolve/layers.rs", "kubernetes", "a key of `[platform]`"),
    ("src/settings/platform.rs", "none", "the cloud of a platform that says none"),
    ("src/settings/publish.rs", "azure", "a kind of object stores"),
    ("src/settings/secrets.rs", "vault", "a kind of recipients of SOPS"),
];

/// A store and a cloud say in their data what they are, so that one of a team's own is as good as ours.
#[test]
fn no_store_and_no_cloud_is_known_by_its_name() {
    let names = |folder: &str| {
        let entries = fs::read_dir(root().join(folder)).unwrap().flatten();
        entries.map(|entry| entry.path().file_stem().unwrap().to_string_lossy().into_owned()).collect::<Vec<_>>()
    };
    let names: BTreeSet<String> = names("stores").into_iter().chain(names("clouds")).collect();
    assert!(names.len() >= 10, "{names:?}");
    let mut wrong = Vec::new();
    let mut unused: BTreeSet<(&str, &str)> =
        OTHER_WORDS.iter().flat_map(|(path, words, _)| words.split(' ').map(|word| (*path, word))).collect();
    for file in files().iter().filter(|file| file.path.starts_with("src/") && file.path.ends_with(".rs")) {
        // A list of words of charts, texts for tests of YAML, words that no secret is, and a template engine's own.
        let other = [
            "src/chart/",
            "src/manifest/yaml/",
            "src/check/secret_words.rs",
            "src/lower/templates/undefined.rs",
            "src/helm/",
        ];
        if other.iter().any(|path| file.path.starts_with(path)) || file.path.ends_with("tests.rs") {
            continue;
        }
        let code = file.text.split("#[cfg(test)]").next().unwrap_or_default();
        for (number, line) in code.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
            for name in names.iter().filter(|name| line.contains(&format!("\"{name}\""))) {
                let known = OTHER_WORDS
                    .iter()
                    .find(|(path, words, _)| *path == file.path && words.split(' ').any(|word| word == name));
                match known {
                    Some((path, words, _)) => {
                        unused.retain(|(at, word)| at != path || *word != name || !words.contains(name.as_str()));
                    }
                    None => wrong.push(format!("{}:{}: `{name}`", file.path, number + 1)),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "say it in store.toml, or in the cloud's file: {wrong:#?}");
    assert!(unused.is_empty(), "not there any more: {unused:?}");
}

/// Every template in `objects/` is made somewhere, and every one that is made is there.
#[test]
fn own_templates_are_there_and_used() {
    let mut made = BTreeSet::new();
    for file in files().iter().filter(|file| file.path.starts_with("src/")) {
        for call in file.text.split(".make(").skip(1) {
            let name = call.trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next());
            made.extend(name.map(String::from));
        }
    }
    let folder = fs::read_dir(root().join("objects")).unwrap();
    let names = folder.map(|entry| entry.unwrap().file_name().to_string_lossy().replace(".yaml.j2", ""));
    assert_eq!(names.collect::<BTreeSet<_>>(), made);
}

/// Phrases that read as translated, with what to say instead. They are looked for in what people read: strings of the
/// sources, docs of components and pages.
const FOREIGN: &[(&str, &str)] = &[
    ("at hand", "fetched, available, current"),
    ("for ever", "forever, no limit, never finishes"),
    ("one's own", "your own"),
    ("nobody lives", "no component is in"),
    ("who waits for whom", "dependencies"),
    ("is no name", "is not a valid name"),
    ("is no map", "is not a map"),
    ("is no text", "is not a string"),
    ("is no list", "is not a list"),
    ("is no number", "is not a number"),
    ("is no version", "is not a version"),
    ("is no slot", "is not a slot"),
    ("is no capability", "is not a capability"),
    ("passed over", "ignored, skipped"),
    ("nobody mends", "no longer receives fixes"),
    ("is said, never", "is reported"),
    ("what is wanted", "what is required"),
    ("lies outside of", "is outside"),
    ("stands in plain text", "is in plain text"),
    ("names nothing", "unknown reference"),
    ("goes with it", "is deleted"),
    ("nobody makes", "nothing creates"),
    ("nothing here makes", "create"),
    ("is there already", "already exists"),
];

/// Returns the text of each string in a Rust source, with its line; a continued line is one text. Tests are left out.
fn strings(source: &str) -> Vec<(usize, String)> {
    let code = source.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let (mut all, mut line, mut rest) = (Vec::new(), 1, code.chars().peekable());
    let mut before = ' ';
    while let Some(c) = rest.next() {
        line += usize::from(c == '\n');
        match (c, rest.peek()) {
            ('/', Some('/')) => {
                while rest.peek().is_some_and(|next| *next != '\n') {
                    rest.next();
                }
            }
            // A character, such as a quote.
            ('\'', Some('"')) => drop(rest.next()),
            ('\'', Some('\\')) => drop((rest.next(), rest.next())),
            ('"', _) => {
                let (start, raw, mut text) = (line, before == 'r' || before == '#', String::new());
                while let Some(c) = rest.next() {
                    line += usize::from(c == '\n');
                    match c {
                        '"' if !raw || before != '#' || rest.peek() == Some(&'#') => break,
                        '\\' if !raw => match rest.next() {
                            Some('\n') => {
                                line += 1;
                                while rest.peek().is_some_and(|next| next.is_whitespace()) {
                                    line += usize::from(rest.next() == Some('\n'));
                                }
                            }
                            Some(other) => text.extend(['\\', other]),
                            None => break,
                        },
                        other => text.push(other),
                    }
                }
                all.push((start, text));
            }
            _ => {}
        }
        before = c;
    }
    all
}

#[test]
fn messages_are_in_plain_english() {
    let is_docs = |path: &str| {
        let folder = ["docs/", "templates/", "capabilities/", "edges/", "stores/", "clouds/"]
            .iter()
            .any(|f| path.starts_with(f));
        (path.ends_with(".md") && !path.starts_with("tests/")) || (folder && path.ends_with(".toml"))
    };
    let mut wrong = Vec::new();
    let mut look = |path: &str, line: usize, text: &str| {
        let text = text.to_lowercase();
        let whole = |phrase: &str| {
            let ends = |(at, _): (usize, &str)| !text[at + phrase.len()..].starts_with(|c: char| c.is_alphabetic());
            text.match_indices(phrase).any(ends)
        };
        for (phrase, instead) in FOREIGN.iter().filter(|(phrase, _)| whole(phrase)) {
            wrong.push(format!("{path}:{line}: \"{phrase}\": say for example {instead}"));
        }
    };
    let mut all = files();
    for folder in ["docs", "edges", "stores", "clouds"] {
        for entry in walkdir::WalkDir::new(root().join(folder)).into_iter().flatten() {
            if let (true, Ok(text)) = (entry.file_type().is_file(), fs::read_to_string(entry.path())) {
                let path = entry.path().strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
                all.push(File { path, text });
            }
        }
    }
    for file in &all {
        let tests = file.path.ends_with("tests.rs") || file.path.contains("/tests/");
        match &*file.path {
            path if path.starts_with("src/") && path.ends_with(".rs") && !tests => {
                for (line, text) in &strings(&file.text) {
                    look(path, *line, text);
                }
            }
            path if is_docs(path) => {
                let comment = |line: &str| path.ends_with(".toml") && line.trim_start().starts_with('#');
                let lines = file.text.lines().enumerate().filter(|(_, line)| !comment(line));
                lines.for_each(|(number, line)| look(path, number + 1, line));
            }
            _ => {}
        }
    }
    none(&wrong);
}

#[test]
fn strings_are_told_from_code() {
    let source = "// \"no\"\nlet a = \"one \\\n    two\";\nlet b = '\"'; let c = r#\"three \"3\" \"#;\n#[cfg(test)]\nmod tests { \"no\" }";
    let texts: Vec<String> = strings(source).into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, ["one two", "three \"3\" "]);
}
