//! What a component and a capability say of themselves.

use std::collections::BTreeSet;
use std::sync::Arc;

use indexmap::IndexMap;

use super::Template;
use crate::diag::{Span, quoted_list};
use crate::manifest::value::{Map, Value};
use crate::parse::Node;
use crate::parse::shape::Keys;

pub use crate::settings::component::Tier;
use crate::settings::component::{AlertTable, PodTable, Served};
use crate::settings::platform::Engine;
use crate::settings::secrets::CredentialSource;

/// How often a component exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    #[default]
    Environment,
    Cluster,
}

/// The stages of a component, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    Crds,
    Prepare,
    Release,
    Config,
    /// Templates of jobs that start when somebody asks: checked as everything else, synced by nobody.
    Demand,
}

impl Stage {
    /// All stages that an engine syncs, in order.
    pub const ALL: [Stage; 4] = [Stage::Crds, Stage::Prepare, Stage::Release, Stage::Config];

    /// Returns the name, which is the folder's name too.
    pub fn name(self) -> &'static str {
        match self {
            Self::Crds => "crds",
            Self::Prepare => "prepare",
            Self::Release => "release",
            Self::Config => "config",
            Self::Demand => "demand",
        }
    }

    /// Reads a stage's name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.name() == name)
    }
}

/// The parts of a component that are units of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Portion {
    Crds,
    Main,
    Config,
}

impl Portion {
    /// Returns the part that a stage belongs to.
    pub fn of(stage: Stage) -> Self {
        match stage {
            Stage::Crds => Self::Crds,
            Stage::Prepare | Stage::Release | Stage::Demand => Self::Main,
            Stage::Config => Self::Config,
        }
    }
}

/// A Helm chart of a component.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// `https://…` of a classic repository, or `oci://…` of the folder that holds the chart.
    pub repository: String,
    pub name: String,
    pub version: String,
    /// A constraint on versions that the templates know, empty for any.
    pub supports: String,
    /// String with references that gives `${fullname}`.
    pub fullname: String,
    pub skip_crds: bool,
    /// Value maps that take any key: the chart's facts cannot know them.
    pub open_values: Vec<String>,
}

impl Chart {
    /// Says whether the chart lies in an OCI registry.
    pub fn is_oci(&self) -> bool {
        self.repository.starts_with("oci://")
    }
}

/// An option that users may set.
#[derive(Clone, Debug, Default)]
pub struct OptionDef {
    pub default: Option<Node>,
    pub required: bool,
    pub kind: String,
    pub doc: String,
    /// Options inside a table, or inside each value of a map of tables.
    pub keys: IndexMap<String, OptionDef>,
    pub items: Option<String>,
    pub pattern: Option<String>,
    pub values: Vec<String>,
    pub min: Option<i64>,
    pub max: Option<i64>,
    /// Its key in component.toml.
    pub span: Span,
}

/// How many things a slot binds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    #[default]
    One,
    List,
    Map,
}

/// Something that a component needs from another.
#[derive(Clone, Debug)]
pub struct Slot {
    pub capabilities: Vec<String>,
    pub claim: IndexMap<String, String>,
    pub optional: bool,
    pub wait: bool,
    /// Whether the component can use a cloud identity instead of the capability's secret fields.
    pub identity: bool,
    pub shape: Shape,
    /// Name of the claim's credential in the store.
    pub credential: String,
    /// Slot whose providers' buckets fill this one when it is left out.
    pub follows: Option<String>,
    pub stage: Stage,
    pub doc: String,
    pub span: Span,
}

/// Something that a component gives to others.
#[derive(Clone, Debug)]
pub struct Offer {
    pub fields: IndexMap<String, String>,
    pub credential: Option<CredentialDef>,
    pub span: Span,
}

/// How a claim gets its credential.
#[derive(Clone, Debug)]
pub struct CredentialDef {
    /// `store`, `generate` or `made`.
    pub source: CredentialSource,
    /// Name of the Secret in the provider's namespace; a string with references.
    pub secret: String,
    /// Capability field → key in that Secret.
    pub keys: IndexMap<String, String>,
    pub text: IndexMap<String, String>,
    pub labels: IndexMap<String, String>,
    pub kind: String,
}

/// A Secret that a component's chart or objects want.
#[derive(Clone, Debug)]
pub struct SecretDef {
    pub name: Option<String>,
    pub any_keys: bool,
    pub keys: IndexMap<String, String>,
    pub labels: IndexMap<String, String>,
    pub when: Option<String>,
    pub each: Option<String>,
    pub precious: bool,
    /// Properties of its own item that may be any random password.
    pub generate: Vec<String>,
    pub hint: Option<String>,
    pub kind: Option<String>,
    pub stage: Stage,
    pub span: Span,
}

/// A place to publish.
#[derive(Clone, Debug)]
pub struct Endpoint {
    pub service: String,
    pub port: Value,
    /// The same port as those know it who look at the pods: the Service's name for it, or the pods' number.
    pub target: Option<Value>,
    pub protocol: String,
    pub path: String,
    /// HTTP path that answers 200 when the pods can serve.
    pub health: Option<String>,
    /// Whose certificate it shows, with protocol `https`.
    pub ca: Option<BackendCa>,
}

/// Whose certificate an `https` endpoint shows.
#[derive(Clone, Debug)]
pub struct BackendCa {
    pub trust: Trust,
    /// DNS name in the certificate; a string with references.
    pub hostname: String,
}

/// Where the certificate of a CA lies; names are strings with references.
#[derive(Clone, Debug)]
pub enum Trust {
    /// Key `ca.crt` of a Secret.
    Secret(String),
    /// Key `ca.crt` of a ConfigMap.
    ConfigMap(String),
    /// A public CA.
    System,
}

/// Where general features enter a component's Helm values.
#[derive(Clone, Debug, Default)]
pub struct Pod {
    pub replicas: Option<String>,
    pub resources: Option<String>,
    pub placement: Option<String>,
    pub env: Option<String>,
    pub labels: Option<String>,
    pub identity: Option<String>,
    pub volumes: Option<(String, String)>,
    /// What the templates read of it by themselves: words of [`TEMPLATE_WORDS`].
    pub takes: Vec<String>,
    pub spread: Spread,
    pub selector: IndexMap<String, String>,
    /// `replicas`, `cpu`, `memory` when the user says nothing.
    pub default: PodTable,
}

/// What users may say of pods: keys of the component or of `pods.<pod>`.
pub const POD_WORDS: &[&str] = &["replicas", "cpu", "memory", "placement", "env", "files", "identity"];

/// What templates may read of pods: the same, and the labels that a cloud asks for.
pub const TEMPLATE_WORDS: &[&str] = &["replicas", "cpu", "memory", "placement", "env", "files", "identity", "labels"];

/// How pods are spread where a placement asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spread {
    /// By topologySpreadConstraints.
    #[default]
    Constraints,
    /// By a preferred pod anti-affinity, where nothing takes constraints.
    Affinity,
    /// Not at all: a pod on every node, or only one.
    Never,
}

impl Pod {
    /// Says whether `word` (of [`TEMPLATE_WORDS`]) reaches these pods.
    pub fn takes(&self, word: &str) -> bool {
        let path = match word {
            "replicas" => self.replicas.is_some(),
            "cpu" | "memory" => self.resources.is_some(),
            "placement" => self.placement.is_some(),
            "env" => self.env.is_some(),
            "files" => self.volumes.is_some(),
            "identity" => self.identity.is_some(),
            "labels" => self.labels.is_some(),
            _ => false,
        };
        path || self.takes.iter().any(|own| own == word)
    }
}

/// A ServiceMonitor of our own.
#[derive(Clone, Debug)]
pub struct Scrape {
    pub port: Value,
    pub path: String,
    pub interval: String,
    pub selector: IndexMap<String, String>,
}

/// What is said of abandoned software.
#[derive(Clone, Debug)]
pub struct Lifecycle {
    pub state: String,
    pub successor: Option<String>,
    pub reason: String,
    pub source: String,
}

/// Fields that an operator fills in, for `ignoreDifferences`.
#[derive(Clone, Debug)]
pub struct Filled {
    pub group: String,
    pub kind: String,
    pub pointers: Vec<String>,
    pub jq: Vec<String>,
}

/// A folder of somebody's repository that is synced as it is.
#[derive(Clone, Debug)]
pub struct SourceDef {
    pub path: String,
    pub repository: Option<String>,
    pub revision: Option<String>,
}

/// A component of the catalogue.
#[derive(Clone, Debug)]
pub struct Component {
    pub name: String,
    pub summary: String,
    pub tier: Tier,
    pub scope: Scope,
    pub namespace: Option<String>,
    pub pod_security: Option<String>,
    pub apis: Vec<String>,
    /// API group/version → the chart versions that serve it, and what older ones serve instead.
    pub served: IndexMap<String, Served>,
    pub writes_to: Vec<String>,
    /// The service account under which it opens the platform's secret store, if it does.
    pub store_account: Option<String>,
    pub notes: Vec<String>,
    /// Common keys without which an instance is empty.
    pub needs: Vec<String>,
    pub lifecycle: Option<Lifecycle>,
    pub chart: Option<Chart>,
    pub crds: Option<Chart>,
    pub source: Option<SourceDef>,
    pub options: IndexMap<String, OptionDef>,
    pub requires: IndexMap<String, Slot>,
    pub provides: IndexMap<String, Offer>,
    pub secrets: IndexMap<String, SecretDef>,
    pub endpoints: IndexMap<String, Endpoint>,
    pub pods: IndexMap<String, Pod>,
    /// Common keys that it does not take, with the reason and what to do instead.
    pub without: IndexMap<String, String>,
    pub metrics_values: Map,
    pub scrapes: IndexMap<String, Scrape>,
    pub alerts: IndexMap<String, AlertTable>,
    pub network_from: Vec<String>,
    pub network_ports: Vec<Value>,
    /// The GitOps engine that it is.
    pub engine: Option<Engine>,
    /// Beginnings of the annotations that it reads on an Ingress.
    pub annotations: Vec<String>,
    pub server_side: bool,
    pub operator_filled: Vec<Filled>,
    pub data: Vec<String>,
    pub health: IndexMap<String, String>,
    /// `<group>_<Kind>` → CEL expressions that are true when it is ready, and when it has failed (Flux).
    pub ready: IndexMap<String, (String, Option<String>)>,
    pub values: Option<Template>,
    pub templates: IndexMap<Stage, Vec<Template>>,
    /// Options and slots that stages read because of component.toml, by their path; `*` is any key.
    pub reads: BTreeSet<Vec<Arc<str>>>,
    /// Whether there is a release, or anything named after one.
    pub released: bool,
    /// What a user's table of this component may hold.
    pub keys: Arc<Keys>,
    /// The whole of component.toml, for findings without a better place.
    pub span: Span,
}

/// A field of a capability.
#[derive(Clone, Debug)]
pub struct Field {
    /// For externals that do not say: a string with `${claim.…}`.
    pub default: Option<String>,
    pub secret: bool,
    /// A field of the claim: when it is true, this one does not exist.
    pub unless: Option<String>,
    pub optional: bool,
    /// `string`, `int` or `bool`: what templates see.
    pub kind: String,
    pub doc: String,
}

/// Something that can be claimed from a component.
#[derive(Clone, Debug)]
pub struct Capability {
    pub name: String,
    pub summary: String,
    /// Claim fields with their defaults and patterns.
    pub claim: IndexMap<String, ClaimField>,
    pub fields: IndexMap<String, Field>,
}

/// What a consumer may ask for.
#[derive(Clone, Debug)]
pub struct ClaimField {
    pub default: Option<String>,
    pub pattern: Option<String>,
    /// Another field of the claim: if that is true, this one is refused.
    pub unless: Option<String>,
    pub doc: String,
}

impl Component {
    /// Says whether pods run under an account that gets the component's role: one of their own, or the only one that there is.
    pub fn gets_role(&self, pod: &Pod) -> bool {
        pod.takes("identity") || self.pods.values().filter(|pod| pod.takes("identity")).count() == 1
    }

    /// Returns the capabilities it offers, as words for a message.
    pub fn offered(&self) -> String {
        quoted_list(self.provides.keys().map(String::as_str), "and")
    }
}
