//! `docs/reference.md` is written from the description that the checker reads, and is what that says now.
//!
//! `LAKEGEN_BLESS=1` writes it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use lakegen::catalog::{self, Catalogue};
use lakegen::diag::Sources;
use lakegen::manifest::value::Value;
use lakegen::parse::shape::{Key, Keys, Phase, Shape};
use lakegen::resolve::{externals, language};
use lakegen::world::memory::MemoryWorld;

const HEAD: &str = "<!-- Written by `cargo xtask bless` from the description that the checker reads. -->

# Reference of platform.toml

All tables and keys. These pages explain them: [layers](layers.md), [references](references.md), [wiring](wiring.md),
[secrets](secrets.md), [edges](edges.md), [environments and clusters](environments.md), [your own components](components.md).
For the options and slots of a component, run `lakegen catalog show NAME`.

**References** says when `${…}` in the value is filled in: *early* (variables, platform, environment, cluster), *each* (like early, but
separately for each component that the value applies to), *late* (also bindings, secrets and hosts), *literal* (never). **Layers** says
where the key can be set: *all* means at the top level, in `[environments.<name>]` and in `[clusters.<name>]`; *top* means only at the top level.

## Types

| type | value |
|---|---|
| string | any text |
| size | bytes in Kubernetes notation: `20Gi`, `500M` |
| range | request and limit: `500m..2`, `4Gi..8Gi`; a single quantity sets only the request |
| duration | `30s`, `90m`, `1h30m`, `7d`, `2w` |
| cron schedule | five fields, `minute hour day month weekday`, or a macro such as `@daily` |
| image | `ghcr.io/acme/app:1.4.2`, or with a digest `@sha256:…` |
| item | an item in the secret store: `app/database`, or one of its properties: `app/database#password` |
| host | a name below the domain (`query`), a full name (`query.example.com`), or `@` for the domain itself; `edge:host` selects the edge |
| name | at most 63 lower-case letters, digits and `-`, beginning with a letter |
| reference | a component, external or bucket, or a claim on one: `postgres`, `postgres/warehouse` |
| glob | a pattern such as `trino-*` |
| URL | begins with `https://`, `http://`, `ssh://`, `oci://` or `git@` |
| version | an exact version: `1.42.2`, `v1.21.1` |
| path | relative to the repository, without `..` |
| JSON pointer | a field of an object: `/spec/replicas` |
| any | any TOML value |
";

/// What is written, and which tables were.
struct Writer {
    out: String,
    /// Name of a table in messages → title of its section.
    done: BTreeMap<String, String>,
}

impl Writer {
    /// Writes the section of a table and of the tables inside it.
    fn table(&mut self, path: &str, keys: &Keys, depth: usize, top_only: bool) {
        if self.done.contains_key(&keys.name) {
            return;
        }
        self.done.insert(keys.name.clone(), title(path));
        let marks = "#".repeat(depth.min(4));
        write!(
            self.out,
            "\n{marks} {}\n\n| key | type | default | references | layers | |\n|---|---|---|---|---|---|\n",
            title(path)
        )
        .unwrap();
        for (name, key) in &keys.keys {
            self.row(path, name, key, top_only);
        }
        for (name, key) in &keys.keys {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            self.inside(&path, &key.shape, depth + 1, top_only || key.once);
        }
    }

    fn row(&mut self, path: &str, name: &str, key: &Key, top_only: bool) {
        let default = key
            .default
            .as_ref()
            .filter(|v| !v.is_empty())
            .map_or_else(String::new, |value| format!("`{}`", toml(value)));
        let layers = if top_only || key.once { "top" } else { "all" };
        let path = if path.is_empty() { name.to_string() } else { format!("{path}.{name}") };
        let doc = key.doc.replace('|', "\\|");
        let phase = match path.as_str() {
            "vars" => "early",
            "components" | "jobs" | "defaults" => "", // Each of their keys says so itself.
            _ => phase(key),
        };
        writeln!(self.out, "| `{name}` | {} | {default} | {phase} | {layers} | {doc} |", kind(&key.shape)).unwrap();
    }

    fn inside(&mut self, path: &str, shape: &Shape, depth: usize, top_only: bool) {
        match shape {
            Shape::Table(keys) => self.table(path, keys, depth, top_only),
            Shape::Map(_, of) => self.inside(&format!("{path}.<name>"), of, depth, top_only),
            Shape::List(of) => self.inside(path, of, depth, top_only),
            Shape::Either(shapes) => shapes.iter().for_each(|shape| self.inside(path, shape, depth, top_only)),
            _ => {}
        }
    }
}

/// Returns the anchor that a title has on the usual forges.
fn anchor(title: &str) -> String {
    title.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect::<String>().to_lowercase()
}

fn title(path: &str) -> String {
    match path {
        "" => "Top-level keys".into(),
        path if path.contains('.') => format!("`{path}`"),
        path => format!("`[{path}]`"),
    }
}

fn kind(shape: &Shape) -> String {
    match shape {
        Shape::Any => "any".into(),
        Shape::Bool => "true or false".into(),
        Shape::Int { min: i64::MIN, max: i64::MAX } => "integer".into(),
        Shape::Int { min, max: i64::MAX } => format!("integer, at least {min}"),
        Shape::Int { min, max } => format!("integer, {min} to {max}"),
        Shape::Number => "number".into(),
        Shape::Text(format) => format.word().into(),
        Shape::Enum(words) => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
        Shape::List(of) => format!("list of {}", kind(of)),
        Shape::Map(_, of) => format!("map of {}", kind(of)),
        Shape::Table(keys) => format!("table (@@{}@@)", keys.name),
        Shape::Either(shapes) => shapes.iter().map(kind).collect::<Vec<_>>().join(" or "),
        Shape::Component => "component".into(),
        Shape::Job => "job".into(),
        Shape::Once => String::new(),
    }
}

fn phase(key: &Key) -> &'static str {
    fn texts(shape: &Shape) -> bool {
        match shape {
            Shape::Any | Shape::Text(_) | Shape::Enum(_) | Shape::Component | Shape::Job => true,
            Shape::List(of) | Shape::Map(_, of) => texts(of),
            Shape::Either(shapes) => shapes.iter().any(texts),
            // Each of its keys says so itself.
            Shape::Table(_) | Shape::Bool | Shape::Int { .. } | Shape::Number | Shape::Once => false,
        }
    }
    match key.phase {
        _ if !texts(&key.shape) => "",
        Phase::Early => "early",
        Phase::Each => "each",
        Phase::Late => "late",
        Phase::Literal => "literal",
    }
}

fn toml(value: &Value) -> String {
    match value {
        Value::List(list) => format!("[{}]", list.iter().map(toml).collect::<Vec<_>>().join(", ")),
        other => serde_json::to_string(other).unwrap(),
    }
}

/// Returns the keys that only jobs of this kind have.
fn job_options(catalogue: &Catalogue, writer: &mut Writer) {
    let common = catalog::keys::common();
    for component in catalogue.components.values().filter(|c| c.name.starts_with("job-")) {
        let kind_name = component.name.trim_start_matches("job-");
        let out = &mut writer.out;
        writeln!(
            out,
            "\n### `jobs.<name>` with `kind = \"{kind_name}\"`\n\n{}.\n\n| key | type | default | |\n|---|---|---|---|",
            component.summary
        )
        .unwrap();
        for (name, key) in component.keys.keys.iter().filter(|(name, _)| !common.keys.contains_key(*name)) {
            let default =
                key.default.as_ref().filter(|v| !v.is_empty()).map_or_else(String::new, |v| format!("`{}`", toml(v)));
            writeln!(out, "| `{name}` | {} | {default} | {} |", kind(&key.shape), key.doc.replace('|', "\\|")).unwrap();
        }
        let pods: Vec<&String> = component.pods.keys().collect();
        if !pods.is_empty() {
            writeln!(out, "\nPods: {}.", pods.iter().map(|pod| format!("`pods.{pod}`")).collect::<Vec<_>>().join(", "))
                .unwrap();
        }
        for slot in component.requires.keys() {
            writer.done.insert(format!("`{slot}` of `{}`", component.name), "Capabilities".into());
        }
        for (name, key) in &component.keys.keys {
            if !common.keys.contains_key(name) && !component.requires.contains_key(name) {
                writer.inside(&format!("jobs.<name>.{name}"), &key.shape, 4, false);
            }
        }
    }
}

fn capabilities(catalogue: &Catalogue, out: &mut String) {
    out.push_str("\n## Capabilities\n\nSlots require capabilities, and offers provide them. *Claim* fields go into a slot's table beside `from`; the others are `${requires.<slot>.<field>}`.\n");
    let mut all: Vec<_> = catalogue.capabilities.values().collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    for capability in all {
        writeln!(
            out,
            "\n### `{}`\n\n{}.\n\n| field | | default | |\n|---|---|---|---|",
            capability.name, capability.summary
        )
        .unwrap();
        let text = |default: Option<&String>| default.map_or_else(String::new, |text| format!("`{text}`"));
        for (name, field) in &capability.claim {
            writeln!(out, "| `{name}` | claim | {} | {} |", text(field.default.as_ref()), field.doc).unwrap();
        }
        for (name, field) in &capability.fields {
            let what = match (field.secret, field.optional) {
                (true, _) => "secret",
                (_, true) => "optional",
                _ => "",
            };
            writeln!(out, "| `{name}` | {what} | {} | {} |", text(field.default.as_ref()), field.doc).unwrap();
        }
    }
}

/// Writes what each kind of edges, each secret store and each cloud is, with the keys that mean something to it.
fn kinds(catalogue: &Catalogue, out: &mut String) {
    let quoted = |keys: Vec<&str>| keys.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
    out.push_str("\n## Kinds of edges\n\nWhat `edges.<name>` may say beside `kind`; `lakegen catalog edges` shows types and a block to paste.\n\n| kind | | keys |\n|---|---|---|\n");
    for kind in catalogue.edges.values() {
        writeln!(out, "| `{}` | {} | {} |", kind.name, kind.summary, quoted(kind.keys().collect())).unwrap();
    }
    out.push_str("\n## Secret stores\n\nWhat `[secrets]` may say beside `provider`, needed keys in bold; `lakegen catalog stores` shows types, defaults and a block to paste.\n\n| provider | | keys | names |\n|---|---|---|---|\n");
    for kind in catalogue.stores.values() {
        let heeded = kind.heeded().filter(|key| *key != "provider");
        let keys = heeded.map(|key| match kind.needs.contains_key(key) {
            true => format!("**`{key}`**"),
            false => format!("`{key}`"),
        });
        let names = kind.file.names.iter().map(|rule| {
            let with: Vec<String> = rule.with.iter().map(|(key, text)| format!(" with `{key} = \"{text}\"`")).collect();
            format!("{}{}: {}", rule.of.name(), with.concat(), rule.says)
        });
        let (keys, names): (Vec<String>, Vec<String>) = (keys.collect(), names.collect());
        writeln!(out, "| `{}` | {} | {} | {} |", kind.name, kind.summary, keys.join(", "), names.join("<br>")).unwrap();
    }
    out.push_str("\n## Clouds\n\nWhat `platform.cloud` may be; `lakegen catalog clouds` shows more.\n\n| cloud | | role of a pod | label of the pod |\n|---|---|---|---|\n");
    for cloud in catalogue.clouds.values() {
        let identity = cloud.identity.as_ref();
        let annotation = identity.map_or("none".into(), |identity| format!("annotation `{}`", identity.annotation));
        let labels = identity.into_iter().flat_map(|identity| &identity.labels);
        let labels: Vec<String> = labels.map(|(key, text)| format!("`{key}: \"{text}\"`")).collect();
        writeln!(out, "| `{}` | {} | {annotation} | {} |", cloud.name, cloud.summary, labels.join(", ")).unwrap();
    }
}

fn reference() -> String {
    let catalogue = catalog::load_all(&MemoryWorld::default(), &mut Sources::default()).output;
    let mut writer = Writer { out: HEAD.into(), done: BTreeMap::new() };
    let root = language::root(&catalogue);
    let alone: BTreeSet<&str> = BTreeSet::from(["lakegen", "include", "environments", "clusters"]);
    writer.out.push_str(
        "\n## Top-level keys\n\n| key | type | default | references | layers | |\n|---|---|---|---|---|---|\n",
    );
    for (name, key) in &root.keys {
        writer.row("", name, key, alone.contains(name.as_str()));
    }
    for (name, key) in root.keys.iter().filter(|(name, _)| !alone.contains(name.as_str())) {
        match &key.shape {
            _ if name == "external" => {
                let keys = externals::keys(std::iter::empty());
                writer.table("external.<name>", &keys, 2, false);
                writer.out.push_str("\nIn addition, all fields of the [capability](#capabilities) that it provides, except secret ones.\n");
            }
            Shape::Map(_, of) if matches!(**of, Shape::Component) => {
                writer.table("components.<name>", &catalog::keys::common(), 2, false);
                let pods = <lakegen::settings::component::PodTable as lakegen::settings::Described>::keys();
                writer.table("components.<name>.pods.<name>", &pods, 3, false);
            }
            Shape::Map(_, of) if matches!(**of, Shape::Job) => {
                let words = <lakegen::settings::component::JobWords as lakegen::settings::Described>::keys();
                writer.table("jobs.<name>", &words, 2, false);
                writer.out.push_str("\nJobs also take the keys of components.\n");
                job_options(&catalogue, &mut writer);
            }
            shape => writer.inside(name, shape, 2, key.once),
        }
    }
    for (name, words) in [("environments", "an environment"), ("clusters", "a cluster")] {
        let Some(Shape::Map(_, of)) = root.keys.get(name).map(|key| &key.shape) else { continue };
        let Shape::Table(keys) = &**of else { continue };
        writer.done.insert(keys.name.clone(), format!("`{name}.<name>`"));
        writeln!(writer.out, "\n## `{name}.<name>`\n\nAll tables that can differ between layers, and these keys of {words}:\n\n| key | type | |\n|---|---|---|").unwrap();
        for (key, about) in keys.keys.iter().filter(|(key, _)| !root.keys.contains_key(*key)) {
            writeln!(writer.out, "| `{key}` | {} | {} |", kind(&about.shape), about.doc).unwrap();
        }
    }
    kinds(&catalogue, &mut writer.out);
    capabilities(&catalogue, &mut writer.out);
    let unlinked = writer.out;
    writer.done.iter().fold(unlinked, |text, (name, title)| {
        let link = format!("[{}](#{})", name.replace('`', ""), anchor(title));
        text.replace(&format!("@@{name}@@"), &link)
    })
}

#[test]
fn the_reference_is_what_the_language_says_now() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference.md");
    let text = reference();
    assert!(!text.contains("@@"), "a table has no section to lead to");
    if std::env::var_os("LAKEGEN_BLESS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        return;
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(written == text, "docs/reference.md is out of date: run `cargo xtask bless`");
}

/// A key without a sentence is a riddle.
#[test]
fn every_key_has_its_sentence() {
    fn walk(path: &str, shape: &Shape, bare: &mut Vec<String>) {
        match shape {
            Shape::Table(keys) => keys.keys.iter().for_each(|(name, key)| {
                let path = format!("{path}.{name}");
                if key.doc.trim().is_empty() || key.doc.ends_with('.') {
                    bare.push(path.clone());
                }
                walk(&path, &key.shape, bare);
            }),
            Shape::Map(_, of) | Shape::List(of) => walk(path, of, bare),
            Shape::Either(shapes) => shapes.iter().for_each(|shape| walk(path, shape, bare)),
            _ => {}
        }
    }
    let mut bare = Vec::new();
    let catalogue = catalog::load_all(&MemoryWorld::default(), &mut Sources::default()).output;
    walk("", &language::root(&catalogue).shape(), &mut bare);
    for component in catalogue.components.values() {
        walk(&component.name, &Shape::Table(component.keys.clone()), &mut bare);
    }
    walk("component.toml", &catalog::language::component_file().shape(), &mut bare);
    walk("capability", &catalog::language::capability_file("x").shape(), &mut bare);
    assert!(bare.is_empty(), "no sentence, or one with a full stop: {bare:#?}");
}
