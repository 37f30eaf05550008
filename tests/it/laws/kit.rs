//! What a platform can be drawn from: the language, the catalogue, and values that examples and cases have tried.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::OnceLock;

use lakegen::catalog::{self, Catalogue};
use lakegen::diag::Sources;
use lakegen::parse::shape::Keys;
use lakegen::resolve::language;
use lakegen::world::memory::MemoryWorld;
use serde_json::Value;

use super::document::Document;

/// The kit; it is the same for all seeds.
pub struct Kit {
    pub catalogue: Catalogue,
    pub root: Keys,
    /// Component and key → values that were written somewhere.
    pub samples: BTreeMap<(String, String), Vec<Value>>,
    /// Capability → components that offer it.
    pub providers: BTreeMap<String, Vec<String>>,
    /// Component → operators whose kinds its templates name, and that its example has too.
    pub operators: BTreeMap<String, BTreeSet<String>>,
    /// The same, where no example says that they are needed.
    pub friends: BTreeMap<String, BTreeSet<String>>,
    /// Components whose own offers and secrets name their host.
    pub hosted: BTreeSet<String>,
    /// Tables of `[external]` by the capability that they provide.
    pub externals: BTreeMap<String, Vec<Value>>,
}

/// Returns the kit.
pub fn kit() -> &'static Kit {
    static KIT: OnceLock<Kit> = OnceLock::new();
    KIT.get_or_init(made)
}

fn made() -> Kit {
    let catalogue = catalog::load_all(&MemoryWorld::default(), &mut Sources::default()).output;
    let mut kit = Kit {
        root: language::root(&catalogue),
        samples: BTreeMap::new(),
        providers: BTreeMap::new(),
        operators: BTreeMap::new(),
        friends: BTreeMap::new(),
        hosted: BTreeSet::new(),
        externals: BTreeMap::new(),
        catalogue,
    };
    for (name, component) in &kit.catalogue.components {
        for capability in component.provides.keys() {
            kit.providers.entry(capability.clone()).or_default().push(name.clone());
        }
    }
    for text in written() {
        kit.learn(&text);
    }
    for name in kit.catalogue.components.keys().cloned().collect::<Vec<_>>() {
        kit.operators_of(&name);
    }
    kit
}

/// Returns every platform.toml that the repository holds.
fn written() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut all: Vec<String> = catalog::names(&MemoryWorld::default())
        .iter()
        .filter_map(|name| catalog::embedded_file(&format!("templates/{name}/example.toml")))
        .map(String::from)
        .collect();
    let folders = ["examples", "tests/cases/language", "tests/cases/flux", "tests/cases/charts"];
    let mut paths: Vec<_> = folders
        .iter()
        .flat_map(|folder| std::fs::read_dir(root.join(folder)).into_iter().flatten().flatten())
        .map(|entry| entry.path().join("platform.toml"))
        .collect();
    paths.sort();
    all.extend(paths.iter().filter_map(|path| std::fs::read_to_string(path).ok()));
    all
}

impl Kit {
    /// Remembers the values of options and common keys.
    fn learn(&mut self, text: &str) {
        let Some(document) = Document::read(text) else { return };
        for (kind, default) in [("components", None), ("jobs", Some("container"))] {
            for (name, table) in document.table(&[kind]) {
                let Some(table) = table.as_object() else { continue };
                let word = |key: &str| table.get(key).and_then(Value::as_str);
                let uses = match default {
                    Some(job) => format!("job-{}", word("kind").unwrap_or(job)),
                    None => word("uses").unwrap_or(&name).to_string(),
                };
                let Some(component) = self.catalogue.components.get(&uses) else { continue };
                for (key, value) in table.iter().filter(|(key, _)| !component.requires.contains_key(*key)) {
                    // What names something of another platform is no value for this one.
                    if !value.to_string().contains("${") {
                        self.samples.entry((uses.clone(), key.clone())).or_default().push(value.clone());
                    }
                }
            }
        }
        for (_, table) in document.table(&["external"]) {
            if let Some(capability) = table.get("provides").and_then(Value::as_str) {
                self.externals.entry(capability.to_string()).or_default().push(table.clone());
            }
        }
    }

    fn operators_of(&mut self, name: &str) {
        let component = &self.catalogue.components[name];
        let texts = component.templates.values().flatten().map(|t| &*t.text);
        let text: String = texts.chain(component.values.as_ref().map(|t| &*t.text)).collect();
        if catalog::embedded_file(&format!("templates/{name}/component.toml")).is_some_and(|t| t.contains("hosts.main"))
        {
            self.hosted.insert(name.to_string());
        }
        let example = catalog::embedded_file(&format!("templates/{name}/example.toml"));
        let example = example.and_then(Document::read).unwrap_or_default().table(&["components"]);
        for (other, definition) in &self.catalogue.components {
            let groups = definition.apis.iter().filter_map(|api| api.split('/').next());
            let named = other != name && groups.clone().any(|group| text.contains(group));
            if named || (other == "external-secrets" && !component.secrets.is_empty()) {
                let needed = example.contains_key(other);
                let all = if needed { &mut self.operators } else { &mut self.friends };
                all.entry(name.to_string()).or_default().insert(other.clone());
            }
        }
    }
}
