//! The catalogue: components, kinds of edges, secret stores, clouds and capabilities, embedded or from the user's own repository.
//!
//! Comes in: the names that a platform uses, and [`World`] for `lakegen/<name>/`, `lakegen/edges/`,
//! `lakegen/stores/`, `lakegen/clouds/` and `lakegen/capabilities/`. Goes out: a
//! [`Catalogue`] of checked definitions. A folder of the user's replaces the embedded one of the same name, in the same
//! format and with the same errors. Only what is used is read.

pub mod component; //  what a component says of itself
pub mod read; //      checked TOML → component
pub mod edge; //       kinds of edges
pub mod store; //      secret stores
pub mod cloud; //      clouds
pub mod language; //   the keys of component.toml and of capabilities
pub mod example; //    what a component's example says of it
mod nested; //         what stands inside its tables
pub mod keys; //       the keys that a user may set on a component
mod option_check; //   defaults that fit, and a reader of each option

use std::collections::BTreeSet;
use std::sync::Arc;

use indexmap::IndexMap;

pub use component::{
    Capability, Chart, Component, Field, Offer, OptionDef, Pod, Portion, Scope, SecretDef, Shape as SlotShape, Slot,
    Stage, Tier,
};

pub use cloud::{Cloud, CloudIdentity};
pub use edge::EdgeKind;
pub use store::StoreKind;

use crate::code;
use crate::diag::{Code, Diagnostic, SourceId, Sources, Warned, quoted_list};
use crate::manifest::kinds;
use crate::parse::{Table, read_reason, toml};
use crate::world::World;

mod embedded {
    include!(concat!(env!("OUT_DIR"), "/catalogue.rs"));
}

/// The codes that loading the catalogue emits.
pub static CODES: &[&Code] = &[&BAD_COMPONENT];

code!(
    BAD_COMPONENT,
    "bad-component",
    "the definition of a component is inconsistent",
    "slots, options and files that a component refers to must exist",
    "[secrets.login]\nwhen = \"requires.oidc\"        # no such slot",
    "[requires.oidc]\ncapability = \"oidc\"\noptional = true"
);

/// The folder of the user's own components, relative to the project.
pub const USER_FOLDER: &str = "lakegen";

/// A template of a component, a kind of edges or a secret store.
#[derive(Clone, Debug)]
pub struct Template {
    /// `trino/release/rules.yaml.j2`
    pub name: String,
    pub source: SourceId,
    pub text: Arc<str>,
}

/// The components and capabilities that a platform uses.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    pub components: IndexMap<String, Arc<Component>>,
    pub capabilities: IndexMap<String, Arc<Capability>>,
    /// Every kind of edges there is.
    pub edges: IndexMap<String, Arc<EdgeKind>>,
    /// Every secret store there is.
    pub stores: IndexMap<String, Arc<StoreKind>>,
    /// Every cloud there is.
    pub clouds: IndexMap<String, Arc<Cloud>>,
    /// lakegen's own templates of objects, by name (`objects/namespace.yaml.j2` is `namespace`).
    pub objects: IndexMap<&'static str, Template>,
    /// Every component name there is, loaded or not.
    pub names: BTreeSet<String>,
}

/// What the names of components that run jobs begin with: `job-spark` is the kind `spark`.
pub const JOB: &str = "job-";

impl Catalogue {
    /// Returns the kinds of jobs there are, loaded or not.
    pub fn job_kinds(&self) -> impl Iterator<Item = &str> {
        self.names.iter().filter_map(|name| name.strip_prefix(JOB))
    }

    /// Returns how pods get roles on a cloud; nothing where they get none.
    pub fn identity(&self, cloud: &str) -> Option<&CloudIdentity> {
        self.clouds.get(cloud)?.identity.as_ref()
    }

    /// Returns what to write where roles are asked for and the platform's cloud gives none.
    pub fn name_a_cloud(&self) -> String {
        let giving = self.clouds.values().filter(|cloud| cloud.identity.is_some());
        let names: Vec<String> = giving.map(|cloud| format!("\"{}\"", cloud.name)).collect();
        let names = quoted_list(names.iter().map(String::as_str), "or").replacen('`', "`cloud = ", 1);
        format!("set the cloud of these roles: {names} under `[platform]`")
    }
}

/// A file of a folder: its path below that, its source, its text.
pub type File = (String, SourceId, Arc<str>);

/// Where the files of the catalogue are found.
struct Shelf<'a> {
    world: &'a dyn World,
    /// The user's files below `lakegen/`, relative to it.
    own: Vec<String>,
}

impl Shelf<'_> {
    fn new(world: &dyn World) -> Shelf<'_> {
        let prefix = format!("{USER_FOLDER}/");
        let own = world.list(USER_FOLDER).unwrap_or_default();
        Shelf { world, own: own.iter().filter_map(|path| path.strip_prefix(&prefix)).map(String::from).collect() }
    }

    fn is_own(&self, component: &str) -> bool {
        let file = format!("{component}/component.toml");
        self.own.contains(&file)
    }

    fn names(&self) -> BTreeSet<String> {
        let embedded = embedded::FILES
            .iter()
            .filter_map(|(path, _)| path.strip_prefix("templates/")?.strip_suffix("/component.toml"));
        let own = self.own.iter().filter_map(|path| path.strip_suffix("/component.toml"));
        embedded.chain(own).map(String::from).collect()
    }

    /// Returns what is a folder `<folder>/<name>/` with a file of this name, in order: name and files.
    fn folders(
        &self,
        folder: &str,
        file: &str,
        sources: &mut Sources,
        found: &mut Vec<Diagnostic>,
    ) -> Vec<(String, Vec<File>)> {
        let (before, after) = (format!("{folder}/"), format!("/{file}"));
        let all = embedded::FILES.iter().map(|(path, _)| *path).chain(self.own.iter().map(String::as_str));
        let names: BTreeSet<&str> = all.filter_map(|path| path.strip_prefix(&before)?.strip_suffix(&after)).collect();
        let mut files = |name: &str| {
            let inside = format!("{folder}/{name}");
            let own = self.own.contains(&format!("{inside}/{file}"));
            self.folder(own, &inside, &format!("{inside}/"), sources, found)
        };
        names.into_iter().map(|name| (name.to_string(), files(name))).collect()
    }

    /// Returns the files of a component as (path below its folder, shown path, text).
    fn files(&self, component: &str, sources: &mut Sources, found: &mut Vec<Diagnostic>) -> Vec<File> {
        self.folder(self.is_own(component), component, &format!("templates/{component}/"), sources, found)
    }

    /// Returns the files of a folder, the user's own or the embedded one.
    fn folder(
        &self,
        own: bool,
        name: &str,
        inside: &str,
        sources: &mut Sources,
        found: &mut Vec<Diagnostic>,
    ) -> Vec<File> {
        let prefix = format!("{name}/");
        if !own {
            return embedded::FILES
                .iter()
                .filter_map(|(path, text)| Some((path.strip_prefix(inside)?, *path, *text)))
                .map(|(rest, path, text)| (rest.to_string(), sources.add(path, text), Arc::from(text)))
                .collect();
        }
        let paths: Vec<&String> = self.own.iter().filter(|path| path.starts_with(&prefix)).collect();
        paths
            .into_iter()
            .filter_map(|path| {
                self.own_file(path, sources, found).map(|(id, text)| (path[prefix.len()..].to_string(), id, text))
            })
            .collect()
    }

    /// Hands out what is a file `<folder>/<name>.toml` each: name and text, the embedded ones first, those of the user's after them.
    fn flat(
        &self,
        folder: &str,
        sources: &mut Sources,
        found: &mut Vec<Diagnostic>,
        mut add: impl FnMut(&str, SourceId, &str, &mut Vec<Diagnostic>),
    ) {
        let prefix = format!("{folder}/");
        let name = |path: &'_ str| path.strip_prefix(&prefix)?.strip_suffix(".toml").map(String::from);
        for (path, text) in embedded::FILES {
            if let Some(name) = name(path) {
                let id = sources.add(*path, *text);
                add(&name, id, text, found);
            }
        }
        for path in &self.own {
            if let Some(name) = name(path)
                && let Some((id, text)) = self.own_file(path, sources, found)
            {
                add(&name, id, &text, found);
            }
        }
    }

    fn own_file(&self, path: &str, sources: &mut Sources, found: &mut Vec<Diagnostic>) -> Option<(SourceId, Arc<str>)> {
        let path = format!("{USER_FOLDER}/{path}");
        let text = crate::parse::read_text(self.world, &path, None, sources, found)?;
        Some((sources.add(path.as_str(), text.clone()), text))
    }
}

/// Returns the text of a file of the embedded catalogue, for example `templates/trino/example.toml`.
pub fn embedded_file(path: &str) -> Option<&'static str> {
    embedded::FILES.binary_search_by_key(&path, |(path, _)| path).ok().map(|i| embedded::FILES[i].1)
}

/// Returns the names of all components, embedded and the user's own.
pub fn names(world: &dyn World) -> BTreeSet<String> {
    Shelf::new(world).names()
}

/// Returns the names of the user's own components.
pub fn own_names(world: &dyn World) -> BTreeSet<String> {
    let shelf = Shelf::new(world);
    shelf.own.iter().filter_map(|path| path.strip_suffix("/component.toml")).map(String::from).collect()
}

/// Returns the files of a component with their paths, and nothing when there is none of that name.
pub fn files(world: &dyn World, name: &str) -> Vec<(String, Arc<str>)> {
    let mut sources = Sources::default();
    let files = Shelf::new(world).files(name, &mut sources, &mut Vec::new());
    files.into_iter().map(|(_, id, text)| (sources.path(id).to_string(), text)).collect()
}

/// Loads the named components; names that are nowhere are left out (the caller knows where they were written).
pub fn load<'a>(
    world: &dyn World,
    wanted: impl IntoIterator<Item = &'a str>,
    sources: &mut Sources,
) -> Warned<Catalogue> {
    let shelf = Shelf::new(world);
    let mut found = Vec::new();
    let mut catalogue = Catalogue { names: shelf.names(), ..Catalogue::default() };
    catalogue.capabilities = capabilities(&shelf, sources, &mut found);
    shelf.flat("clouds", sources, &mut found, |name, id, text, found| {
        catalogue.clouds.insert(name.into(), Arc::new(cloud::cloud(name, id, text, found)));
    });
    catalogue.clouds.sort_keys();
    for (name, files) in shelf.folders("stores", "store.toml", sources, &mut found) {
        if let Some(kind) = store::kind(&name, &files, &catalogue.clouds, &mut found) {
            catalogue.stores.insert(name, Arc::new(kind));
        }
    }
    for (name, files) in shelf.folders("edges", "edge.toml", sources, &mut found) {
        if let Some(kind) = edge::kind(&name, &files, &mut found) {
            catalogue.edges.insert(name, Arc::new(kind));
        }
    }
    catalogue.objects = objects(sources);
    for name in wanted {
        if catalogue.components.contains_key(name) || !catalogue.names.contains(name) {
            continue;
        }
        let files = shelf.files(name, sources, &mut found);
        if let Some(component) = read::component(name, files, &catalogue.capabilities, &mut found) {
            catalogue.components.insert(name.to_string(), Arc::new(component));
        }
    }
    Warned { output: catalogue, diagnostics: found }
}

/// Loads every component there is.
pub fn load_all(world: &dyn World, sources: &mut Sources) -> Warned<Catalogue> {
    let names = names(world);
    load(world, names.iter().map(String::as_str), sources)
}

/// Returns the templates of the objects that lakegen makes whatever the components are.
fn objects(sources: &mut Sources) -> IndexMap<&'static str, Template> {
    let all = embedded::FILES.iter().filter_map(|(path, text)| {
        let name = path.strip_prefix("objects/")?.strip_suffix(".yaml.j2")?;
        Some((name, Template { name: (*path).to_string(), source: sources.add(*path, *text), text: Arc::from(*text) }))
    });
    all.collect()
}

fn capabilities(
    shelf: &Shelf<'_>,
    sources: &mut Sources,
    found: &mut Vec<Diagnostic>,
) -> IndexMap<String, Arc<Capability>> {
    let mut all = IndexMap::new();
    shelf.flat("capabilities", sources, found, |name, id, text, found| {
        let table: Table = toml::parse(id, text, found);
        all.insert(name.to_string(), Arc::new(read::capability(name, &table, found)));
    });
    all
}

/// Reads a file of the user's that a component names, such as a values file.
///
/// # Errors
/// The reason, for a message.
pub fn user_file(world: &dyn World, path: &str) -> Result<Arc<str>, String> {
    let bytes = world.read(path).map_err(|error| read_reason(&error))?;
    let text = std::str::from_utf8(&bytes).map_err(|e| format!("it is not valid UTF-8 at byte {}", e.valid_up_to()))?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text).into())
}

/// Returns the names of embedded components that offer a capability, for the help of an error.
pub fn providers_of(capability: &str) -> Vec<&'static str> {
    let header = format!("[provides.{capability}]");
    embedded::FILES
        .iter()
        .filter_map(|(path, text)| Some((path.strip_prefix("templates/")?.strip_suffix("/component.toml")?, text)))
        .filter(|(_, text)| text.lines().any(|line| line.split('#').next().is_some_and(|line| line.trim() == header)))
        .map(|(name, _)| name)
        .collect()
}

/// Returns the names of embedded components that bring a kind, for the help of an error.
pub fn bringers_of(group: &str, kind: &str) -> Vec<&'static str> {
    let brings = |text: &str| {
        let Some((_, list)) = text.split_once("\napis") else { return false };
        let list = list.split_once(']').map_or(list, |(list, _)| list);
        list.split('"').any(|api| kinds::brings(api, group, kind))
    };
    embedded::FILES
        .iter()
        .filter_map(|(path, text)| Some((path.strip_prefix("templates/")?.strip_suffix("/component.toml")?, text)))
        .filter(|(_, text)| brings(text))
        .map(|(name, _)| name)
        .collect()
}
