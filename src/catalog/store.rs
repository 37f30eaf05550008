//! Secret stores: what `[secrets]` takes for each, how External Secrets reaches it, what its names may hold, what people do in it.
//!
//! A folder of `stores/` each, or of the user's `lakegen/stores/`: `store.toml`, `store.yaml.j2` (the ClusterSecretStore, and steps for
//! people) and `commands.yaml.j2` (for `lakegen secrets --format commands`).

use std::collections::BTreeSet;
use std::ops::Deref;
use std::sync::Arc;

use indexmap::IndexMap;

use super::keys::option_shape;
use super::language::{Closed, option};
use super::{BAD_COMPONENT, Cloud, File, OptionDef, Template, option_check, read as reader};
use crate::diag::{Diagnostic, Span, near, quoted_list};
use crate::manifest::value::{Map, Value};
use crate::parse::node::Lookup;
use crate::parse::shape::{Key, Keys, Shape, TEXT, check_table, free_map, list, words};
use crate::parse::text::Format;
use crate::parse::{MISSING_KEY, Node, toml};
use crate::settings::secrets::Secrets;
use crate::settings::{Described, Text, read};

/// Keys of `[secrets]` that mean something to every store.
const EVERY: &[&str] = &["provider", "key", "copy"];

/// Keys that mean something to every store which External Secrets reads.
const READ: &[&str] = &["name", "scope", "refresh", "generate"];

/// Keys that a store has to name before they may be said.
const TAKEN: &[&str] = &["at", "ca", "secret", "identity", "files", "sops"];

/// What templates see of every store beside its keys (`lower/secrets/stores.rs`).
pub const SEEN: &[&str] = &["server", "namespaced", "outside", "writes", "account", "annotations"];

/// What a store has when nothing else is said of its items.
const CONVENTION: &str = "${component.name}/${secret.name}";

words! {
    /// Who keeps the values.
    Keeper {
        /// The store, which External Secrets reads.
        Store = "store",
        /// People, in files of the repository.
        Files = "files",
        /// The same, encrypted: the engine decrypts them.
        Encrypted = "encrypted",
        /// People, in the cluster.
        Cluster = "cluster",
    }
}

words! {
    /// What a rule about names is for.
    Named {
        Item = "item",
        Property = "property",
    }
}

words! {
    /// How what the cluster made is written into the store.
    PushBy {
        /// Property by property; whether one is there is asked of the property.
        Property = "property",
        /// All properties at once, as JSON; whether they are there is asked of the item.
        Item = "item",
    }
}

table! {
    /// `store.toml`.
    StoreFile "store.toml" {
        summary: Text [TEXT], "One-line description";
        kept: Keeper [words(Keeper::WORDS)] = "store", "Where the values are kept: in the store, which External \
        Secrets reads; in files written by people; in encrypted files that the engine decrypts; or in the cluster";
        takes: Vec<Text> [list(words(TAKEN))], "Shared keys that this store uses";
        keys: Option<Node> [free_map(key().shape())], "Its own keys";
        needs: IndexMap<String, Need> [free_map(Need::shape())], "Required keys";
        cloud: Option<Text> [Shape::Text(Format::Name)], "Cloud whose roles open it: `identity` is such a role";
        annotations: IndexMap<String, Text> [free_map(TEXT)], "Further annotations of the ServiceAccount with the \
        role: annotation → key with the value";
        names: Vec<NameRule> [list(NameRule::shape())], "Rules for names; if several apply, the first one is used";
        push: Vec<Push> [list(Push::shape())], "How generated values are written; the first one that applies is used; \
        without any, nothing can be written";
        example: Text [TEXT], "A complete example of its `[secrets]` as TOML, shown by `lakegen catalog stores`";
    }
}

table! {
    /// An entry of `needs`.
    Need "a need" {
        example: Text [TEXT], "An example value, for the message";
        unless: Option<Text> [TEXT], "Another key that makes it unnecessary";
    }
}

table! {
    /// An entry of `names`.
    NameRule "`names`" {
        of: Named [words(Named::WORDS)] = "item", "What the rule applies to";
        with: IndexMap<String, Text> [free_map(TEXT)], "Only applies when these keys have these values";
        pattern: Text [TEXT], "Regular expression that the whole name must match";
        says: Text [TEXT], "The same in words";
        convention: Option<Text> [TEXT], "Convention for items if the platform sets no `key`";
    }
}

table! {
    /// An entry of `push`.
    Push "`push`" {
        with: IndexMap<String, Text> [free_map(TEXT)], "Only applies when these keys have these values";
        by: PushBy [words(PushBy::WORDS)] = "property", "Property by property, or the whole item at once";
        metadata: Option<Node> [free_map(Shape::Any)], "`metadata` of the PushSecret";
    }
}

/// A secret store.
#[derive(Clone, Debug)]
pub struct StoreKind {
    pub name: String,
    /// What its file says.
    pub file: StoreFile,
    /// Keys of its own.
    pub keys: IndexMap<String, OptionDef>,
    pub store: Option<Template>,
    pub commands: Option<Template>,
}

impl Deref for StoreKind {
    type Target = StoreFile;
    fn deref(&self) -> &StoreFile {
        &self.file
    }
}

/// Returns what may be said of a key of a store: as of an option, but whether it is needed says `needs`.
fn key() -> Keys {
    let mut keys = option();
    keys.name = "a key of a store".into();
    keys.keys.shift_remove("required");
    let why = ("required keys of a store are listed under `needs`".to_string(), String::new());
    keys.refused.insert("required".into(), why);
    keys
}

impl StoreKind {
    /// Says whether a key of `[secrets]` means something here.
    pub fn heeds(&self, key: &str) -> bool {
        self.heeded().any(|heeded| heeded == key)
    }

    /// Returns the keys of `[secrets]` that mean something here, its own first.
    pub fn heeded(&self) -> impl Iterator<Item = &str> {
        let read = READ.iter().filter(|_| self.is_read());
        let shared = self.file.takes.iter().map(Text::as_str).chain(self.keys.keys().map(String::as_str));
        shared.chain(EVERY.iter().chain(read).copied())
    }

    /// Returns what `[secrets]` takes for it.
    pub fn described(&self) -> Keys {
        let all = Secrets::keys();
        let mut keys = Keys::new(format!("`[secrets]` of `{}`", self.name));
        for name in self.heeded() {
            let own = || self.keys.get(name).map(|def| own_key(name, def));
            keys.keys.extend(all.keys.get(name).cloned().or_else(own).map(|key| (name.to_string(), key)));
        }
        keys
    }

    /// Says whether External Secrets reads it.
    pub fn is_read(&self) -> bool {
        self.kept == Keeper::Store
    }

    /// Says whether people keep its Secrets in files.
    pub fn in_files(&self) -> bool {
        matches!(self.kept, Keeper::Files | Keeper::Encrypted)
    }

    /// Returns what the names of items or properties may hold, given what is said of its own keys.
    pub fn names_of(&self, of: Named, said: &Map) -> Option<&NameRule> {
        self.file.names.iter().find(|rule| rule.of == of && fits(&rule.with, said))
    }

    /// Returns the convention that names items, when the platform says none.
    pub fn convention(&self, said: &Map) -> Text {
        let own = self.names_of(Named::Item, said).and_then(|rule| rule.convention.clone());
        own.unwrap_or_else(|| Text::from(CONVENTION))
    }

    /// Returns how what the cluster made is written; nothing where nothing can be.
    pub fn pushes(&self, said: &Map) -> Option<&Push> {
        self.file.push.iter().find(|push| fits(&push.with, said))
    }

    /// Returns its templates.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        self.store.iter().chain(&self.commands)
    }
}

impl NameRule {
    /// Says whether a name may be that.
    pub fn takes(&self, name: &str) -> bool {
        regex::Regex::new(&whole(&self.pattern)).is_ok_and(|pattern| pattern.is_match(name))
    }
}

fn whole(pattern: &str) -> String {
    format!("^(?:{pattern})$")
}

fn fits(with: &IndexMap<String, Text>, said: &Map) -> bool {
    with.iter().all(|(key, text)| said.get(key.as_str()).and_then(Value::as_str) == Some(text.as_str()))
}

/// Returns the description of a key of a store's own.
pub fn own_key(name: &str, def: &OptionDef) -> Key {
    let default = def.default.as_ref().map(Node::to_value);
    Key { default, ..Key::new(option_shape(name, def), def.doc.clone()) }
}

/// Reads a store from its files.
pub fn kind(
    name: &str,
    files: &[File],
    clouds: &IndexMap<String, Arc<Cloud>>,
    found: &mut Vec<Diagnostic>,
) -> Option<StoreKind> {
    let (_, id, text) = files.iter().find(|(path, ..)| path == "store.toml")?;
    let table = toml::parse(*id, text, found);
    let mut keys = StoreFile::keys();
    keys.name = format!("store.toml of `{name}`");
    check_table(&table, &keys, &Closed, found);
    let mut kind = StoreKind {
        name: name.into(),
        file: read(&table),
        keys: reader::options(table.table("keys")),
        store: None,
        commands: None,
    };
    for (path, source, text) in files.iter().filter(|(path, ..)| path.ends_with(".j2")) {
        let template = Template { name: format!("stores/{name}/{path}"), source: *source, text: text.clone() };
        match path.as_str() {
            "store.yaml.j2" => kind.store = Some(template),
            "commands.yaml.j2" => kind.commands = Some(template),
            _ => found.push(
                Diagnostic::error(&BAD_COMPONENT, format!("store `{name}` does not use `{path}`"))
                    .at(Span::new(*source, 0, 0), "")
                    .help("rename it to `store.yaml.j2` or `commands.yaml.j2`, or remove it"),
            ),
        }
    }
    check(&kind, Span::new(*id, 0, 0), found);
    for cloud in kind.cloud.iter().filter(|cloud| clouds.get(&***cloud).is_none_or(|cloud| cloud.identity.is_none())) {
        let giving = clouds.values().filter(|cloud| cloud.identity.is_some()).map(|cloud| cloud.name.as_str());
        let message = format!("cloud `{cloud}` has no roles for pods: use {}", quoted_list(giving, "or"));
        found.push(Diagnostic::error(&BAD_COMPONENT, message).at(cloud.at, ""));
    }
    Some(kind)
}

/// Checks what a store says against itself.
fn check(kind: &StoreKind, start: Span, found: &mut Vec<Diagnostic>) {
    let name = &kind.name;
    for (key, text) in [("summary", &kind.summary), ("example", &kind.example)] {
        if text.is_empty() {
            found.push(Diagnostic::error(&MISSING_KEY, format!("store `{name}` has no `{key}`")).at(start, ""));
        }
    }
    let mut say = |at: Span, message: String, help: &str| {
        let diagnostic = Diagnostic::error(&BAD_COMPONENT, message).at(at, "");
        found.push(if help.is_empty() { diagnostic } else { diagnostic.help(help) });
    };
    if kind.is_read() && kind.store.is_none() {
        let help = "add `store.yaml.j2` with the ClusterSecretStore, or set `kept` if the values are kept elsewhere";
        say(start, format!("store `{name}` has no template for its ClusterSecretStore"), help);
    }
    let shared = Secrets::keys();
    let texts: Vec<&str> = kind.templates().map(|template| &*template.text).collect();
    let named: BTreeSet<&str> = kind.annotations.values().map(Text::as_str).collect();
    for (key, def) in &kind.keys {
        let chosen = kind.file.names.iter().map(|rule| &rule.with).chain(kind.file.push.iter().map(|push| &push.with));
        let read = texts.iter().any(|text| text.contains(&format!("store.{key}")));
        if TAKEN.contains(&key.as_str()) {
            say(def.span, format!("`{key}` is a shared key of stores"), &format!("list it: `takes = [\"{key}\"]`"));
        } else if SEEN.contains(&key.as_str()) {
            say(def.span, format!("`store.{key}` is reserved: templates see it for every store"), "rename it");
        } else if shared.keys.contains_key(key) {
            say(def.span, format!("`{key}` is a key of every store"), "rename it");
        } else if !read && !named.contains(key.as_str()) && !chosen.into_iter().any(|with| with.contains_key(key)) {
            let help = format!("use `store.{key}` in a template, or remove it");
            say(def.span, format!("no template of store `{name}` reads `{key}`, so it would have no effect"), &help);
        }
    }
    for rule in &kind.file.names {
        if regex::Regex::new(&whole(&rule.pattern)).is_err() {
            say(rule.pattern.at, format!("`{}` is not a valid regular expression", rule.pattern), "");
        }
        for (key, text) in [("pattern", &rule.pattern), ("says", &rule.says)] {
            if text.is_empty() {
                say(rule.places.at, format!("a rule about names has no `{key}`"), "");
            }
        }
    }
    unknown_keys(kind, found);
    option_check::defaults(&kind.keys, found);
}

/// Reports words that stand for a key of the store and are none.
fn unknown_keys(kind: &StoreKind, found: &mut Vec<Diagnostic>) {
    let rules = kind.file.names.iter().map(|rule| &rule.with).chain(kind.file.push.iter().map(|push| &push.with));
    let with = rules.flatten().map(|(key, text)| (key.as_str(), text.key));
    let needs = kind.needs.iter().flat_map(|(key, need)| {
        let unless = need.unless.iter().map(|text| (text.as_str(), text.at));
        std::iter::once((key.as_str(), need.places.key)).chain(unless)
    });
    let annotations = kind.annotations.values().map(|text| (text.as_str(), text.at));
    for (key, at) in with.chain(needs).chain(annotations).filter(|(key, _)| !kind.heeds(key)) {
        let message = format!("`{key}` is not a key of store `{}`", kind.name);
        let near = near(key, kind.heeded());
        let diagnostic = Diagnostic::error(&BAD_COMPONENT, message).at(at, "");
        found.push(match near.is_empty() {
            true => diagnostic.help(format!("describe it under `[keys.{key}]`")),
            false => diagnostic.help(format!("did you mean {}?", quoted_list(near, "or"))),
        });
    }
}
