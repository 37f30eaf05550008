//! Syntax + catalogue → platform: layers merged, names checked, capabilities bound.
//!
//! Comes in: what the user wrote and what the catalogue knows. Goes out: a [`Platform`] with one [`Target`] per
//! environment and cluster, in which every instance has its final table, names, bindings and credentials. Nothing is
//! rendered here; strings with late names are filled in on demand through [`scope`].

pub mod language; // the keys of platform.toml
pub mod schema; //   the same for editors
pub mod layers; //   base, environment, cluster: one table per target
pub mod charts; //    the chart and the APIs of each
pub mod instances; // components and jobs with their names
pub mod providers; // who can be bound, and what is said when none fits
pub mod externals; // `[external.*]` against the capabilities
pub mod buckets; //  each with its store and its real name
pub mod wire; //     slots bound to providers, claims gathered
pub mod offers; //    what a binding gives
pub mod credentials; // where each claim's credential comes from
pub mod hosts; //    edges and published names
pub mod early; //    `${…}` filled in with what is known before anything is bound
pub mod reserved; // names that lakegen gives to units of its own
pub mod flux; //   names of Flux's own objects
mod stores; //       `[secrets]`: the store of each target
mod fill; //         the same in whole tables
pub mod scope; //    `${…}` filled in with everything
pub mod rest; //     what mistakes leave whole

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use indexmap::IndexMap;

pub use crate::settings::platform::{Engine, Git, Ground};
pub use credentials::{Credential, Origin};
pub use early::{Early, EarlyName};
pub use externals::External;
pub use hosts::{Edge, Published, Route};
pub use instances::Instance;
pub use providers::Provider;
pub use stores::Store;
pub use wire::{Binding, Claim, SlotBinding};

use crate::catalog::{self, Catalogue};
use crate::code;
use crate::diag::several::{Several, Subject};
use crate::diag::{Code, Diagnostic, Level, Sources, Span, Warned};
use crate::manifest::value::Map;
use crate::parse::{INVALID_VALUE, Node, Syntax};
use crate::settings::engines::Sync;
use crate::settings::group::{Project, matches};
use crate::settings::platform::Cluster;
use crate::settings::publish::BucketTable;
use crate::settings::{Settings, Text};
use crate::world::World;

/// The codes that this stage emits.
pub static CODES: &[&Code] = &[
    &UNKNOWN_COMPONENT,
    &UNKNOWN_JOB_KIND,
    &UNKNOWN_NAME,
    &MISSING_PROVIDER,
    &AMBIGUOUS_PROVIDER,
    &MISTYPED_WIRING,
    &CIRCULAR_REFERENCE,
    &LATE_REFERENCE,
    &NO_SECRET_STORE,
    &BAD_NAME,
    &NEWER_EDITION,
    &SECRET_IN_VALUE,
    &UNTESTED_VERSION,
    &UNSERVED_API,
    &EMPTY_ENVIRONMENT,
    &schema::OLD_SCHEMA,
];

code!(
    UNKNOWN_COMPONENT,
    "unknown-component",
    "the catalogue has no component of that name",
    "lakegen can only render components it knows; any other Helm chart can be used with `uses = \"chart\"`",
    "[components]\ntrinoo = {}",
    "[components]\ntrino = {}"
);
code!(
    UNKNOWN_JOB_KIND,
    "unknown-job-kind",
    "a job has an unknown kind",
    "the kind of a job decides which objects lakegen writes",
    "[jobs.etl]\nkind = \"sparkk\"",
    "[jobs.etl]\nkind = \"spark\""
);
code!(
    UNKNOWN_NAME,
    "unknown-name",
    "a name refers to something that does not exist in the platform",
    "a reference to a missing member, edge, placement or component would silently have no effect",
    "after = [\"postgress\"]",
    "after = [\"postgres\"]"
);
code!(
    MISSING_PROVIDER,
    "missing-provider",
    "a component requires a capability that nothing provides",
    "the component could never start",
    "[components]\nnessie = {}                 # needs a database",
    "[components]\npostgres = {}\nnessie = { database = \"postgres\" }"
);
code!(
    AMBIGUOUS_PROVIDER,
    "ambiguous-provider",
    "several components provide a required capability",
    "an implicit choice could change, and move data, when a provider is added",
    "[components]\npg-a = { uses = \"postgres\" }\npg-b = { uses = \"postgres\" }\nnessie = {}",
    "nessie = { database = \"pg-a\" }"
);
code!(
    MISTYPED_WIRING,
    "mistyped-wiring",
    "a slot is bound to a provider of another capability",
    "a database cannot serve as a bucket",
    "[components.nessie]\ndatabase = \"trino\"",
    "[components.nessie]\ndatabase = \"postgres\""
);
code!(
    CIRCULAR_REFERENCE,
    "circular-reference",
    "names refer to each other in a circle",
    "none of them could ever be resolved",
    "a = { like = \"b\" }\nb = { like = \"a\" }",
    "replace one of the references with a value"
);
code!(
    LATE_REFERENCE,
    "late-reference",
    "a late reference is used where only early ones are known",
    "names, hosts and namespaces determine the bindings, so they cannot depend on them",
    "namespace = \"${requires.database.host}\"",
    "namespace = \"${vars.namespace}\""
);
code!(
    NO_SECRET_STORE,
    "no-secret-store",
    "a credential needs a secret store, but none is configured",
    "lakegen never writes a Secret with a value; it has to come from a store",
    "[components]\npostgres = {}",
    "[secrets]\nprovider = \"vault\"\nat = \"https://vault.example.com\""
);
code!(
    BAD_NAME,
    "bad-name",
    "a name is not valid in Kubernetes",
    "the API server would reject the object",
    "[components.Trino_1]",
    "[components.trino-1]"
);
code!(
    NEWER_EDITION,
    "newer-edition",
    "the file uses a newer edition of the language",
    "an older lakegen could misread it",
    "lakegen = \"9\"",
    "lakegen = \"1\""
);

code!(
    SECRET_IN_VALUE,
    "secret-in-value",
    "a secret is used where anybody can read it",
    "git history is permanent, and Helm values, ConfigMaps and annotations are widely readable",
    "env.DB_URL = \"postgres://app:hunter2@db/app\"",
    "env.DB_URL = \"postgres://app:${requires.database.password|urlquery}@db/app\""
);
code!(
    UNTESTED_VERSION,
    "untested-version",
    "a chart version is outside the range that the component supports",
    "that version may have renamed values, and Helm silently ignores values that a chart does not read",
    "components.trino.version = \"2.0.0\"",
    "components.trino.version = \"1.42.2\""
);

code!(
    UNSERVED_API,
    "unserved-api",
    "a pinned chart version does not serve the API version that the catalogue writes",
    "the API server would reject every object of that kind",
    "[components]\nstrimzi = { version = \"0.45.0\" }",
    "[components]\nstrimzi = { version = \"0.45.0\", apis = [\"kafka.strimzi.io/v1beta2\"] }"
);

code!(
    EMPTY_ENVIRONMENT,
    "empty-environment",
    "an environment has no component",
    "the next sync would remove everything there",
    "[environments.prod]\ndisable = [\"*\"]",
    "[environments.prod]\ndisable = [\"*\"]\nenable = [\"trino\"]"
);

/// The whole platform, ready to be lowered.
#[derive(Clone, Debug)]
pub struct Platform {
    pub name: String,
    pub engine: Engine,
    pub targets: Vec<Target>,
    pub catalogue: Catalogue,
    /// Whether it is what mistakes left of a platform; what is found in some of its targets may be so in others.
    pub is_part: bool,
}

/// A bucket.
#[derive(Clone, Debug)]
pub struct Bucket {
    pub name: String,
    /// Its real name.
    pub bucket: String,
    /// Provider of its store, by name.
    pub store: String,
    /// Namespace of its claim, when it has one of its own.
    pub namespace: Option<String>,
    pub settings: BucketTable,
    pub span: Span,
}

/// An environment on a cluster, or a cluster that several environments share.
#[derive(Clone, Debug)]
pub struct Target {
    pub name: String,
    pub environment: String,
    pub cluster: String,
    /// What its layers say, filled in.
    pub settings: Arc<Settings>,
    /// The tables that templates see as they were written, filled in.
    pub seen: layers::Seen,
    /// How its cluster is reached, as `[clusters]` says.
    pub reached: Cluster,
    pub vars: Arc<Map>,
    pub store: Arc<Store>,
    pub instances: IndexMap<String, Instance>,
    /// Components and jobs that the file has and this target has not.
    pub off: BTreeSet<String>,
    /// Those of them whose definition is missing or broken, which was reported.
    pub broken: BTreeSet<String>,
    pub external: IndexMap<String, External>,
    pub buckets: IndexMap<String, Bucket>,
    pub edges: IndexMap<String, Edge>,
    /// Claims by provider and capability.
    pub claims: IndexMap<String, IndexMap<String, Vec<Claim>>>,
    /// The merged layers as they were written.
    written: crate::parse::Table,
    /// Index of the target that holds what the cluster's environments share.
    pub shared: Option<usize>,
    /// Whether this target itself is the shared part of a cluster.
    pub is_shared: bool,
}

impl Target {
    /// Returns the ground rules.
    pub fn ground(&self) -> &Ground {
        &self.settings.platform
    }

    /// Returns everything that was written for this target: the table at the top, the component or job where it is one, the node.
    pub fn written(&self) -> impl Iterator<Item = (&str, &str, &Node)> {
        self.written.iter().flat_map(|(table, entry)| {
            let members = entry.node.as_table().filter(|_| matches!(&**table, "components" | "jobs"));
            let whole = members.is_none().then_some((&**table, "", &entry.node));
            let each = members.into_iter().flatten().map(|(name, entry)| (&**table, &**name, &entry.node));
            whole.into_iter().chain(each)
        })
    }

    /// Returns how a component is synced: what it says itself, then its project, then the platform. What lakegen makes by
    /// itself, and is no component, is synced as the platform says.
    pub fn sync(&self, instance: Option<&Instance>) -> Sync {
        let below = &self.settings.argocd.sync;
        let Some(instance) = instance else {
            return if self.ground().engine == Engine::Flux { Sync::default() } else { below.clone() };
        };
        let own = &instance.said.sync;
        if self.ground().engine == Engine::Flux {
            return own.clone();
        }
        match self.project(&instance.name) {
            Some((_, project)) => own.or(&project.sync.or(below)),
            None => own.or(below),
        }
    }

    /// Returns the project of `[projects]` that a component is a member of.
    pub fn project(&self, component: &str) -> Option<(&str, &Project)> {
        let mut projects = self.settings.projects.iter();
        let found = projects.find(|(_, project)| matches(&project.members, component));
        found.map(|(name, project)| (name.as_str(), project))
    }

    /// Returns what early references may name here.
    pub fn early(&self) -> Early<'_> {
        Early {
            ground: self.ground(),
            names: [&self.environment, &self.cluster, &self.name],
            vars: &self.vars,
            component: None,
            here: &[],
        }
    }

    /// Says whether an API group/version is served here, as far as anybody says.
    pub fn serves(&self, api: &str) -> bool {
        let own = self.instances.values().flat_map(|i| &i.apis).map(String::as_str);
        let mut all = own.chain(self.ground().apis.iter().map(Text::as_str));
        all.any(|served| served.strip_prefix(api).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
    }

    /// Returns the API version served for each group here: by a component, or by the cluster already.
    pub fn apis(&self) -> BTreeMap<String, String> {
        let mut apis = BTreeMap::new();
        let own = self.instances.values().flat_map(|i| &i.apis).map(String::as_str);
        for api in own.chain(self.ground().apis.iter().map(Text::as_str)) {
            if let Some((group, rest)) = api.split_once('/') {
                let version = rest.split('/').next().unwrap_or(rest);
                apis.entry(group.to_string()).or_insert_with(|| format!("{group}/{version}"));
            }
        }
        apis
    }
}

/// Resolves the whole file.
pub fn resolve(world: &dyn World, syntax: &Syntax, sources: &mut Sources) -> Warned<Option<Platform>> {
    let used = language::used(syntax);
    let loaded = catalog::load(world, used.iter().map(String::as_str), sources);
    let catalogue = loaded.output;
    let mut found = loaded.diagnostics;
    language::check(syntax, &catalogue, &mut found);
    if found.iter().any(|d| d.level == Level::Error) && syntax.root.is_empty() {
        return Warned { output: None, diagnostics: found };
    }
    if language::is_shaken(syntax, &found) {
        return Warned { output: None, diagnostics: found };
    }
    let mut frames = layers::frames(world, syntax, &catalogue, sources, &mut found);
    let Some(first) = frames.first() else { return Warned { output: None, diagnostics: found } };
    let name = first.settings.platform.name.to_string();
    let engine = first.settings.platform.engine;
    let known = |at: Span, found: &[Diagnostic]| found.iter().any(|d| d.labels.first().is_some_and(|l| l.span == at));
    for other in frames.iter().map(|frame| &frame.settings.platform).filter(|other| other.engine != engine) {
        if known(other.places.value_of("engine"), &found) {
            continue;
        }
        let message = format!("`engine` is `{}` in one target and `{}` in another", engine.name(), other.engine.name());
        let help = "write the engine without references: it applies to the whole platform";
        let at = other.places.value_of("engine");
        found.push(Diagnostic::error(&INVALID_VALUE, message).at(at, "").help(help));
    }
    let mut targets: Vec<Target> = Vec::new();
    let declared = language::declared(syntax);
    let context = instances::Context { catalogue: &catalogue, sources, declared: &declared };
    layers::share_apis(&mut frames, &catalogue);
    let names: Vec<[&str; 2]> = frames.iter().map(|f| [f.environment.as_str(), f.cluster.as_str()]).collect();
    let subject = |f: &layers::Frame| subject([&f.environment, &f.cluster], f.is_shared, &names);
    let mut several = Several::new(frames.iter().map(subject).collect::<Vec<_>>());
    // One mistake is one finding: what was said before counts, and stands once in the list.
    let before = found.len();
    for (index, frame) in frames.into_iter().enumerate() {
        let mut here = found.clone();
        let target = instances::target(frame, &context, &mut here);
        several.add(index, target.settings.policy.level_warnings(here.split_off(before)));
        targets.push(target);
    }
    for index in 0..targets.len() {
        let mut here = found.clone();
        wire::wire(index, &mut targets, &context, &mut here);
        several.add(index, targets[index].settings.policy.level_warnings(here.split_off(before)));
    }
    found.extend(several.said());
    let platform = Platform { name, engine, targets, catalogue, is_part: false };
    Warned { output: Some(platform), diagnostics: found }
}

/// Returns how people call a target, given environment and cluster of all of them.
fn subject([environment, cluster]: [&str; 2], is_shared: bool, all: &[[&str; 2]]) -> Subject {
    let clusters = all.iter().filter(|[other, _]| *other == environment).count();
    let environments = all.iter().filter(|[_, other]| *other == cluster).count();
    let words = match (is_shared, clusters > 1) {
        (true, _) => format!("what the environments of cluster `{cluster}` share"),
        (false, true) if environments == 1 && environment == "default" => format!("cluster `{cluster}`"),
        (false, true) => format!("environment `{environment}` on cluster `{cluster}`"),
        (false, false) => format!("environment `{environment}`"),
    };
    Subject { names: vec![environment.to_string(), cluster.to_string()], words, sort: is_shared }
}

impl Platform {
    /// Returns the target with what the environments of a target's cluster share, when there is one.
    pub fn shared_of(&self, target: &Target) -> Option<&Target> {
        target.shared.map(|index| &self.targets[index])
    }

    /// Returns how people call each target, for findings that do not hold for all of them.
    pub fn subjects(&self) -> Vec<Subject> {
        if self.is_part {
            return vec![];
        }
        let names: Vec<[&str; 2]> = self.targets.iter().map(|t| [t.environment.as_str(), t.cluster.as_str()]).collect();
        self.targets.iter().map(|t| subject([&t.environment, &t.cluster], t.is_shared, &names)).collect()
    }
}

/// Reports a name that does not exist, with near matches.
pub(crate) fn unknown_name<'a>(
    what: &str,
    name: &str,
    at: Span,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Diagnostic {
    let candidates: Vec<&str> = candidates.into_iter().collect();
    let diagnostic = Diagnostic::error(&UNKNOWN_NAME, format!("unknown {what}: `{name}`")).at(at, "");
    let near = crate::diag::near(name, candidates.iter().copied());
    if !near.is_empty() {
        diagnostic.help(format!("did you mean {}?", crate::diag::quoted_list(near, "or")))
    } else if candidates.is_empty() {
        diagnostic.note(format!("the platform defines no {what}"))
    } else {
        diagnostic.note(crate::diag::what_there_is(name, candidates))
    }
}
