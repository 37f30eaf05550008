//! A shell script that asks for the values of a target's secrets and gives them to the store.
//!
//! No value is in the script, on a command line or in a file: values come from the terminal (or from a file that the
//! person names), stay in the shell's memory for one item (or until each Secret with a copy of it is made) and go to the provider's program through a pipe. An item
//! that is there already is never changed. Everything from the platform is quoted for the shell and for jq.
//!
//! What a store's program is told stands in the `commands.yaml.j2` of its kind (`stores/`).

use std::fmt::Write as _;

use indexmap::IndexMap;
use serde_json::json;

use super::{Item, List};
use crate::catalog::{StoreKind, Template};
use crate::diag::{Diagnostic, quoted_list};
use crate::lower::TEMPLATE_ERROR;
use crate::lower::secrets::kept::Kept;
use crate::lower::secrets::stores::settings;
use crate::lower::templates::{Engine, line_span, to_jinja};
use crate::manifest::value::{Value, object};
use crate::parse::string::shell as quote;

/// Returns the script for some targets; empty when there is nothing to make.
pub fn commands(lists: &[List<'_>], found: &mut Vec<Diagnostic>) -> String {
    let lists: Vec<&List<'_>> = lists.iter().filter(|l| !l.items.is_empty() || !l.kept.is_empty()).collect();
    if lists.is_empty() {
        return String::new();
    }
    let mut out = String::from(HEAD);
    for list in lists {
        let title = format!("\n# --- {} ---\n", list.target.name);
        out.push_str(&comment(&title));
        let mut program = Program::of(list, found);
        out.push_str(&program.words("", "").begin);
        for item in &list.items {
            one(&mut out, list, item, &mut program);
        }
        // A Secret that others hold a copy of comes first, so that its value is asked for once.
        let (first, later): (Vec<_>, Vec<_>) =
            list.kept.iter().partition(|(_, _, kept)| kept.keys.values().all(|f| copied(list, f).is_none()));
        for (namespace, name, kept) in first.into_iter().chain(later) {
            keep(&mut out, list, namespace, name, kept, &mut program);
        }
    }
    out
}

const HEAD: &str = r#"#!/bin/sh
# Prompts for the secrets of the platform and writes them to its store. This file contains no values.
# Needs jq, openssl and the store's own CLI, logged in. Existing items are left unchanged.
# A value is one line, or @FILE for the contents of a file; where the prompt says so, an empty value becomes random.
set -eu
[ -f "$0" ] || { echo 'save this script to a file and run the file: it reads the answers from standard input' >&2; exit 1; }
trap 'stty echo 2>/dev/null || :' EXIT
ask() { # variable, what to ask, how an empty answer becomes random: form, bytes
  printf '%s%s: ' "$2" "${3:+ (empty: random)}" >&2
  stty -echo 2>/dev/null || :
  IFS= read -r value || :
  stty echo 2>/dev/null || :
  printf '\n' >&2
  case $value in
    @*) value=$(cat -- "${value#@}") ;;
    '')
      case ${3:-} in
        hex) value=$(openssl rand -hex "$4") ;;
        base64) value=$(openssl rand -base64 "$4" | tr -d '\n') ;;
        urlsafe) value=$(openssl rand -base64 "$4" | tr -d '\n' | tr '+/' '-_') ;;
        *) echo 'no value given' >&2; exit 1 ;;
      esac ;;
  esac
  export "$1=$value"
}
"#;

/// Keeps text of the platform inside of comment lines.
fn comment(text: &str) -> String {
    crate::diag::escape::lines(text).into_owned()
}

/// The words of a store's program, as the template of its kind says them.
struct Program<'a> {
    list: &'a List<'a>,
    kind: Option<&'a StoreKind>,
    engine: Option<Engine>,
    found: &'a mut Vec<Diagnostic>,
}

/// What the program is told for one item, or one Secret that people keep.
#[derive(Default)]
struct Words {
    /// What comes before all.
    begin: String,
    /// Says whether the item is there.
    there: String,
    /// Takes the content from its standard input.
    create: String,
    /// What makes the content from the JSON object with all properties.
    filter: Option<String>,
}

impl<'a> Program<'a> {
    fn of(list: &'a List<'a>, found: &'a mut Vec<Diagnostic>) -> Self {
        let kind = list.target.store.definition.as_deref();
        let template = kind.and_then(|kind| kind.commands.as_ref());
        Self { list, kind, engine: template.map(|template| Engine::of(std::iter::once(template))), found }
    }

    /// Returns what is said for an item, or for a file with a Secret.
    fn words(&mut self, item: &str, file: &str) -> Words {
        let template = self.kind.and_then(|kind| kind.commands.as_ref());
        let (Some(engine), Some(template)) = (&self.engine, template) else { return Words::default() };
        let target = self.list.target;
        let store = Value::Map(settings(&target.store, &target.settings.secrets));
        let context = object([("store", store), ("item", Value::from(item)), ("file", Value::from(file))]);
        match engine.documents(template, &to_jinja(&context), &|_| target.store.span) {
            Ok(documents) => {
                self.complete(template, documents.first().map(|document| &document.value), item);
                let said = documents.first().map(|document| &document.value);
                let text = |key: &str| said.and_then(|value| value.get(key)).and_then(Value::as_str).map(String::from);
                let word = |key: &str| text(key).unwrap_or_default();
                Words { begin: word("begin"), there: word("there"), create: word("create"), filter: text("filter") }
            }
            Err(diagnostic) => {
                if !self.found.contains(&diagnostic) {
                    self.found.push(*diagnostic);
                }
                Words::default()
            }
        }
    }
}

impl Program<'_> {
    /// Reports a template that does not say all that is asked.
    fn complete(&mut self, template: &Template, said: Option<&Value>, item: &str) {
        const KNOWN: [&str; 4] = ["begin", "there", "create", "filter"];
        let has = |key: &&str| said.and_then(|said| said.get(key)).and_then(Value::as_str).is_some();
        let wanted = if item.is_empty() { &KNOWN[2..3] } else { &KNOWN[1..3] };
        let missing: Vec<&str> = wanted.iter().copied().filter(|key| !has(key)).collect();
        let keys = said.and_then(Value::as_map).into_iter().flatten().map(|(key, _)| &**key);
        let unknown: Vec<&str> = keys.filter(|key| !KNOWN.contains(key)).collect();
        let message = match (missing.is_empty(), unknown.is_empty()) {
            (false, _) => format!("this template does not print {}", quoted_list(missing, "and")),
            (true, false) => {
                format!("this template prints {}, which lakegen does not use", quoted_list(unknown, "and"))
            }
            (true, true) => return,
        };
        let at = line_span(template, 1);
        let note = format!("it must print texts under {}", quoted_list(KNOWN, "and"));
        let diagnostic = Diagnostic::error(&TEMPLATE_ERROR, message).at(at, "").note(note);
        if !self.found.contains(&diagnostic) {
            self.found.push(diagnostic);
        }
    }
}

fn one(out: &mut String, list: &List<'_>, item: &Item<'_>, program: &mut Program<'_>) {
    let words = program.words(item.name, "");
    let mut line = |text: &str| writeln!(out, "{text}").expect("a string takes all");
    let readers: Vec<&str> = item.readers().into_iter().collect();
    line(&comment(&format!("\n# {}: read by {}", one_line(item.name), readers.join(", "))));
    if !item.how.is_empty() {
        line(&comment(&format!("# how: {}", one_line(&item.how))));
    }
    if item.precious {
        line("# precious: losing it means losing data, so keep a separate copy");
    }
    if let Some((_, written, _)) = list.written.iter().find(|(name, ..)| *name == item.name) {
        let written = one_line(&written.join(", "));
        line(&comment(&format!("# the cluster adds {written} itself: if it already has, add the rest by hand")));
    }
    if words.create.is_empty() {
        let names: Vec<&str> = item.properties.iter().map(|(name, _)| *name).filter(|name| !name.is_empty()).collect();
        let with = if names.is_empty() { "as a whole".into() } else { format!("with {}", names.join(", ")) };
        let text = format!("# create it by hand {}: lakegen does not know the CLI of this store", one_line(&with));
        return line(&comment(&text));
    }
    line(&format!("if {} >/dev/null 2>&1; then", words.there));
    line(&format!("  printf '%s\\n' {} >&2", quote(&format!("{} already exists", item.name))));
    line("else");
    let whole = matches!(item.properties.as_slice(), [("", _)]);
    let mut names = Vec::new();
    for (index, (property, _)) in item.properties.iter().enumerate().filter(|(_, (p, _))| whole || !p.is_empty()) {
        let asked = if whole { item.name.to_string() } else { format!("{} {property}", item.name) };
        let random = random(item.free, &item.how, property);
        line(&format!("  ask V{} {}{random}", index + 1, quote(&asked)));
        names.push((index + 1, *property));
    }
    let content = if whole && words.filter.is_none() {
        "printf '%s' \"$V1\"".to_string()
    } else {
        let pairs =
            names.iter().map(|(n, property)| format!("{}: env.V{n}", json!(if whole { "value" } else { property })));
        let object = format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "));
        jq(&words.filter.map_or(object.clone(), |filter| format!("{object} | {filter}")))
    };
    line(&format!("  {content} | {}", words.create));
    line(&format!("  unset value{}", names.iter().map(|(n, _)| format!(" V{n}")).collect::<String>()));
    line("fi");
}

/// Returns the words that let an empty answer become random: as the hint says it, or any text where that will do.
fn random(free: bool, how: &str, property: &str) -> String {
    if is_name(property) {
        return String::new();
    }
    let said =
        regex::Regex::new(r"openssl rand -(hex|base64) (\d{1,4})( \| tr '\+/' '-_')?").expect("a constant pattern");
    match said.captures(how) {
        Some(found) => {
            let form = if found.get(3).is_some() { "urlsafe" } else { &found[1] };
            format!(" {form} {}", &found[2])
        }
        None if free => " hex 24".into(),
        None => String::new(),
    }
}

/// Says whether a property is a name rather than a secret: nobody wants a random user.
fn is_name(property: &str) -> bool {
    let property = property.to_lowercase();
    ["user", "login", "email", "access_key", "access-key", "accesskey"].iter().any(|word| property.contains(word))
        && !property.contains("password")
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn jq(program: &str) -> String {
    format!("jq --null-input {}", quote(program))
}

/// Returns the variable that holds the value which a form copies from another Secret of the list.
fn copied(list: &List<'_>, form: &str) -> Option<String> {
    let whole = form.strip_prefix('<')?.strip_suffix('>')?;
    let (key, place) = whole.rsplit_once(" of ")?;
    let (namespace, name) = place.split_once('/')?;
    let index =
        list.kept.iter().position(|(ns, n, kept)| (*ns, *n) == (namespace, name) && kept.keys.contains_key(key))?;
    let (_, _, kept) = list.kept[index];
    Some(format!("K{}_{}", index + 1, kept.keys.get_index_of(key)? + 1))
}

fn keep(out: &mut String, list: &List<'_>, namespace: &str, name: &str, kept: &Kept, program: &mut Program<'_>) {
    let mut line = |text: &str| writeln!(out, "{text}").expect("a string takes all");
    let readers: Vec<&str> = kept.readers.iter().map(String::as_str).collect();
    line(&comment(&format!("\n# Secret {namespace}/{name}: read by {}", readers.join(", "))));
    if let Some(hint) = &kept.hint {
        line(&comment(&format!("# how: {}", one_line(hint))));
    }
    if kept.precious {
        line("# precious: losing it means losing data, so keep a separate copy");
    }
    let files = list.target.settings.secrets.files.as_deref();
    let folder = files.unwrap_or(".").trim_end_matches('/');
    let path = format!("{folder}/{}.{namespace}.{name}.yaml", list.target.name);
    let (file, half) = (quote(&path), quote(&format!("{path}.tmp")));
    let in_file = format!("mkdir -p -- {}", quote(folder));
    let is_file = program.kind.is_some_and(StoreKind::in_files);
    let (there, create) = if is_file {
        (format!("test -e {file}"), format!("{} >{half}", program.words("", &path).create))
    } else {
        let there = format!("kubectl --namespace={} get secret {}", quote(namespace), quote(name));
        (there, "kubectl create -f -".to_string())
    };
    let own = list.kept.iter().position(|(ns, n, _)| (*ns, *n) == (namespace, name)).unwrap_or_default();
    let variable = |index: usize| format!("K{}_{}", own + 1, index + 1);
    line(&format!("if {there} >/dev/null 2>&1; then"));
    line(&format!("  printf '%s\\n' {} >&2", quote(&format!("{namespace}/{name} already exists"))));
    line("else");
    let mut pairs = Vec::new();
    let mut variables = String::new();
    for (index, (key, form)) in kept.keys.iter().enumerate() {
        if form.contains('<') {
            let bare =
                form.strip_prefix('<').and_then(|f| f.strip_suffix('>')).filter(|f| !f.contains([' ', '<', '|']));
            let asked = if bare.is_some() { key.clone() } else { format!("{key}, as {form}") };
            let hint = kept.hint.as_deref().filter(|_| bare.is_some()).unwrap_or_default();
            let random = random(kept.free.contains(key), hint, key);
            let ask =
                format!("ask V{} {}{random}", index + 1, quote(&format!("{namespace}/{name} {}", one_line(&asked))));
            match copied(list, form) {
                Some(known) => line(&format!(
                    "  if [ -n \"${{{known}:-}}\" ]; then V{0}=${known}; export V{0}; else {ask}; fi",
                    index + 1
                )),
                None => line(&format!("  {ask}")),
            }
            if list
                .kept
                .iter()
                .any(|(_, _, other)| other.keys.values().any(|f| copied(list, f).as_ref() == Some(&variable(index))))
            {
                line(&format!("  {}=$V{}", variable(index), index + 1));
            }
            variables.push_str(&format!(" V{}", index + 1));
            pairs.push(format!("{}: env.V{}", json!(key), index + 1));
        } else {
            pairs.push(format!("{}: {}", json!(key), json!(form)));
        }
    }
    let map = |key: &str, of: &IndexMap<String, String>| {
        if of.is_empty() { String::new() } else { format!(", {key}: {}", json!(of)) }
    };
    let labels = map("labels", &kept.labels) + &map("annotations", &kept.annotations);
    let program = format!(
        "{{apiVersion: \"v1\", kind: \"Secret\", metadata: {{name: {}, namespace: {}{labels}}}, type: {}, stringData: {{{}}}}}",
        json!(name),
        json!(namespace),
        json!(if kept.kind.is_empty() { "Opaque" } else { &kept.kind }),
        pairs.join(", ")
    );
    if is_file {
        line(&format!("  {in_file}"));
    }
    line(&format!("  {} | {create}", jq(&program)));
    if is_file {
        line(&format!("  mv -- {half} {file}"));
    }
    if !variables.is_empty() {
        line(&format!("  unset value{variables}"));
    }
    line("fi");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every provider with an item whose name and properties want to get out of their quotes.
    #[test]
    fn every_provider_has_its_commands() {
        for (settings, create) in [
            ("provider = \"vault\"\nat = \"https://v.example.com\"", "vault kv put -cas=0 -mount=kv 'it'\\''s $(x)' -"),
            ("provider = \"vault\"\nat = \"https://v.example.com\"\nversion = \"v1\"", "vault kv put -mount=kv 'it"),
            ("provider = \"onepassword\"\nvault = \"lake\"", "op item create --vault=lake -"),
            ("provider = \"aws\"\nregion = \"eu-1\"", "aws secretsmanager create-secret --region=eu-1 --name='it"),
            ("provider = \"aws\"\nservice = \"ParameterStore\"", "aws ssm put-parameter --name='it"),
            ("provider = \"gcp\"\nproject = \"p\"", "gcloud secrets create --project=p 'it"),
            (
                "provider = \"azure\"\nat = \"https://kv1.vault.azure.net\"",
                "az keyvault secret set --vault-name=kv1 --name='it",
            ),
            ("provider = \"kubernetes\"", "kubectl create -f -"),
            ("provider = \"sealed\"", "kubeseal --format=yaml >./default.one.x.yaml.tmp"),
            (
                "provider = \"sops\"\nfiles = \"s/\"\nsops.age = [\"age1\"]",
                "sops encrypt --age=age1 --encrypted-regex='^(data|stringData)$'",
            ),
            ("provider = \"none\"", "kubectl create -f -"),
        ] {
            let target = target(settings);
            let provider = target.settings.secrets.provider.to_string();
            let readers = ["one".to_string()];
            let item = Item {
                name: "it's $(x)",
                properties: vec![("a\"b\\(1)", &readers), ("user", &readers)],
                precious: true,
                how: "`x`\nsecond".into(),
                free: true,
            };
            let mut kept = Kept { kind: "Opaque".into(), ..Kept::default() };
            kept.keys.insert("url".into(), "pg://u:<password>@h".into());
            kept.keys.insert("user".into(), "it's".into());
            let by_people = matches!(provider.as_str(), "sealed" | "sops" | "none");
            let list = List {
                target: &target,
                store: "s",
                provider: &provider,
                written: Vec::new(),
                items: if by_people { vec![] } else { vec![item] },
                kept: if by_people { vec![("one", "x", &kept)] } else { vec![] },
                made: vec![],
            };
            let mut found = Vec::new();
            let text = commands(&[list], &mut found);
            assert!(found.is_empty(), "{found:?}");
            assert!(text.contains(create), "no `{create}` in:\n{text}");
            assert!(!text.contains("\nsecond"), "{text}");
            parses(&text);
        }
    }

    /// A store of one's own: without commands people make the item by hand, and with half of them it is a finding.
    #[test]
    fn a_store_of_ones_own_has_all_its_commands_or_none() {
        let store = "summary = \"x\"\nexample = \"x\"\n";
        for (commands, said, wrong) in [
            (None, "# create it by hand with token: lakegen does not know the CLI of this store", ""),
            (Some("there: {{ \"x \" ~ item | sh }}\ncreate: x"), "if x 'a b' >/dev/null", ""),
            (
                Some("there: {{ \"x \" ~ itm | sh }}\ncreate: x"),
                "",
                "invalid operation: the value before `sh` is undefined",
            ),
            (Some("create: x"), "", "this template does not print `there`"),
            (Some("there: x\ncreate: x\nfilters: y"), "", "this template prints `filters`, which lakegen does not use"),
        ] {
            let mut files =
                vec![("lakegen/stores/own/store.toml", store), ("lakegen/stores/own/store.yaml.j2", "apiVersion: v1")];
            files.extend(commands.map(|text| ("lakegen/stores/own/commands.yaml.j2", text)));
            let target = target_with("provider = \"own\"", &files);
            let readers = ["one".to_string()];
            let properties = vec![("token", &readers[..])];
            let item = Item { name: "a b", properties, precious: false, how: String::new(), free: false };
            let (written, kept, made) = (vec![], vec![], vec![]);
            let list = List { target: &target, store: "s", provider: "own", written, items: vec![item], kept, made };
            let mut found = Vec::new();
            let text = commands_of(&list, &mut found);
            assert!(text.contains(said), "no `{said}` in:\n{text}");
            assert_eq!(found.iter().map(|d: &Diagnostic| d.message.clone()).collect::<String>(), wrong);
        }
    }

    fn commands_of(list: &List<'_>, found: &mut Vec<Diagnostic>) -> String {
        let mut out = String::new();
        let mut program = Program::of(list, found);
        list.items.iter().for_each(|item| one(&mut out, list, item, &mut program));
        out
    }

    fn target(settings: &str) -> crate::resolve::Target {
        target_with(settings, &[])
    }

    fn target_with(settings: &str, files: &[(&str, &str)]) -> crate::resolve::Target {
        let mut out = crate::diag::Sources::default();
        let text =
            format!("[platform]\nname = \"t\"\n[git]\nurl = \"https://g.example.com/a.git\"\n[secrets]\n{settings}\n");
        let all = files.iter().copied().chain([("p", text.as_str())]);
        let world: crate::world::memory::MemoryWorld = all.map(|(path, text)| (path, text.as_bytes())).collect();
        let syntax = crate::parse::parse(&world, "p", &mut out);
        let platform = crate::resolve::resolve(&world, &syntax.output, &mut out).output.expect("a platform");
        platform.targets[0].clone()
    }

    /// Lets the shell read the script without running it, where there is one.
    fn parses(script: &str) {
        use std::io::Write as _;
        let shell = std::process::Command::new("sh").arg("-n").stdin(std::process::Stdio::piped()).spawn();
        let Ok(mut shell) = shell else { return };
        shell.stdin.take().expect("a pipe").write_all(script.as_bytes()).expect("the shell reads");
        assert!(shell.wait().expect("the shell ends").success(), "{script}");
    }

    #[test]
    fn nothing_escapes_the_quotes() {
        assert_eq!(quote("app/airflow"), "app/airflow");
        assert_eq!(quote("a b"), "'a b'");
        assert_eq!(quote("x'; rm -rf ~ #"), r"'x'\''; rm -rf ~ #'");
        assert_eq!(quote("$(id)"), "'$(id)'");
        assert_eq!(quote(""), "''");
        assert_eq!(quote("a\nb"), "'a\nb'");
    }
}
