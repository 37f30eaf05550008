//! The language of platform.toml: every table and key, with its type and one sentence.
//!
//! [`check`] reports unknown keys and wrong types; `schema.rs` writes the same description for editors.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::{UNKNOWN_COMPONENT, UNKNOWN_JOB_KIND};
use crate::catalog::keys::{common, sync_shape};
use crate::catalog::{Catalogue, Component};
use crate::diag::{Diagnostic, near, quoted_list};
use crate::parse::node::Lookup;
use crate::parse::shape::{
    COUNT, Key, Keys, Open, Shape, TEXT, check_table, either, free_map, list, map, texts, words,
};
use crate::parse::text::Format;
use crate::parse::{Syntax, Table};

/// Editions of the language that this lakegen reads.
pub const EDITIONS: &[&str] = &["1"];

/// Kinds of jobs; each is the catalogue's component `job-<kind>`.
pub const JOB_KINDS: &[&str] = &["container", "spark", "flink", "flink-sql"];

/// Returns the keys of the whole file.
pub fn root() -> Keys {
    let mut root = layer("platform.toml").key("lakegen", words(EDITIONS), "Language edition").key(
        "include",
        list(TEXT),
        "More files of the same language (globs)",
    );
    let environment = layer("an environment")
        .key("clusters", texts(Format::Name), "Clusters that it runs on (default: one of its own name)")
        .key("enable", texts(Format::Glob), "Components to switch on")
        .key("disable", texts(Format::Glob), "Components to switch off")
        .key("unset", list(TEXT), "Dotted keys to remove from what all environments share");
    let cluster = layer("a cluster")
        .key("server", Shape::Text(Format::Url), "API server address for Argo CD's destination")
        .key("name", TEXT, "Cluster name in Argo CD, instead of `server`")
        .key("kubernetes", Shape::Text(Format::Any), "Kubernetes version, when it differs")
        .key("vars_from", Shape::Text(Format::Path), "JSON file of the repository whose members become `vars`");
    root.keys.insert(
        "environments".into(),
        Key { shape: map(environment.shape()), doc: "What differs between environments".into() },
    );
    root.keys
        .insert("clusters".into(), Key { shape: map(cluster.shape()), doc: "Clusters and what differs there".into() });
    root
}

/// Returns the tables that may stand at the top, in an environment and in a cluster.
fn layer(name: &str) -> Keys {
    let namespace = Keys::new("a namespace")
        .key("members", texts(Format::Glob), "Components and jobs that live in it")
        .key("labels", free_map(TEXT), "Labels")
        .key("annotations", free_map(TEXT), "Annotations")
        .key("pod_security", words(&["privileged", "baseline", "restricted"]), "Pod Security level that is enforced")
        .key("quota", free_map(either([TEXT, COUNT])), "Hard limits of a ResourceQuota")
        .key("existing", Shape::Bool, "It is there already: never made or changed here");
    Keys::new(name)
        .key("platform", platform(), "Name and ground rules of the platform")
        .key(
            "vars",
            free_map(either([TEXT, Shape::Int { min: i64::MIN, max: i64::MAX }, Shape::Bool, Shape::Number])),
            "Values for `${vars.…}`",
        )
        .key("git", git(), "The repository that the engine reads")
        .key("argocd", argocd(), "Argo CD's own settings")
        .key("flux", flux(), "Flux's own settings")
        .key("secrets", secrets(), "Where secrets come from")
        .key("repositories", map(repository()), "Other Git, Helm and OCI sources")
        .key("edges", map(edge()), "Ways to publish hosts")
        .key("placements", map(placement()), "Where pods run")
        .key(
            "defaults",
            free_map(Shape::Any),
            "Value of a common key or optional slot for every component that knows it",
        )
        .key("namespaces", map(namespace.shape()), "Namespaces and who lives in them")
        .key("projects", map(project()), "Argo CD projects")
        .key("buckets", map(bucket()), "Object store buckets")
        .key("external", map(external()), "What is used and not run here")
        .key(
            "versions",
            Shape::Map(Format::Name, Shape::Text(Format::Version).into()),
            "Chart version per catalogue component",
        )
        .key("images", images(), "Registry rewrites and pins")
        .key("components", map(Shape::Component), "The components; the key is the instance's name")
        .key("jobs", map(Shape::Job), "The team's own jobs")
        .key("notify", map(notify()), "Who hears of failed syncs")
        .key("policy", policy(), "Levels of the checks, and exceptions")
}

fn platform() -> Shape {
    Keys::new("`[platform]`")
        .key("name", Shape::Text(Format::Name), "Name of the platform")
        .key("domain", Shape::Text(Format::Host), "Domain below which hosts are named")
        .key("engine", words(&["argocd", "flux"]), "GitOps engine")
        .key("kubernetes", Shape::Text(Format::Any), "Kubernetes version, for example `1.33`")
        .key("output", words(&["values", "manifests"]), "Helm values for the engine, or rendered manifests")
        .key("cloud", words(&["none", "aws", "gcp", "azure", "openshift"]), "Cloud that it runs on")
        .key("identity", TEXT, "Template behind `identity = true`")
        .key("apis", list(TEXT), "API group/versions that the clusters have already")
        .key("labels", free_map(TEXT), "Labels on every object")
        .shape()
}

fn git() -> Shape {
    Keys::new("`[git]`")
        .key("url", Shape::Text(Format::Url), "Address of the repository that holds the rendered tree")
        .key("branch", TEXT, "Branch that the engine follows (default `main`)")
        .key("path", Shape::Text(Format::Path), "Folder of the tree in the repository (default `gitops`)")
        .key("secret", Shape::Text(Format::Item), "Item with the credentials of a private repository")
        .shape()
}

fn argocd() -> Shape {
    Keys::new("`[argocd]`")
        .key("namespace", Shape::Text(Format::Name), "Namespace of Argo CD (default `argocd`)")
        .key("project", Shape::Text(Format::Name), "An existing project for all Applications")
        .key("names", TEXT, "Name of an Application (default `${component.name}`)")
        .key("hub", Shape::Bool, "One Argo CD for all clusters instead of one on each")
        .key("form", words(&["application", "applicationset"]), "Applications one by one, or ApplicationSets")
        .key(
            "rollout",
            list(Shape::Text(Format::Name)),
            "Environments in the order in which ApplicationSets sync them, each once the one before is healthy (Argo CD's progressive syncs, which are beta)",
        )
        .key("bootstrap", words(&["full", "root", "external"]), "What `bootstrap/` holds")
        .key("sync", sync_shape(), "Defaults of `sync`")
        .shape()
}

fn flux() -> Shape {
    let decrypt = Keys::new("`decrypt`").key(
        "secret",
        Shape::Text(Format::Name),
        "Secret with the keys in Flux's namespace, made by hand; left out: the controller's own cloud identity",
    );
    let webhook = Keys::new("`webhook`")
        .key(
            "kind",
            words(&[
                "github",
                "gitlab",
                "bitbucket",
                "generic",
                "generic-hmac",
                "harbor",
                "dockerhub",
                "quay",
                "nexus",
                "acr",
            ]),
            "Who sends the events (default github)",
        )
        .key("secret", Shape::Text(Format::Item), "Item with the token that the sender signs with")
        .key(
            "existing",
            Shape::Text(Format::Name),
            "Secret with the key `token` in Flux's namespace, made by hand, instead of `secret`",
        );
    Keys::new("`[flux]`")
        .key("install", words(&["bootstrap", "operator", "existing"]), "How Flux gets there")
        .key("version", Shape::Text(Format::Version), "Version of Flux")
        .key("interval", Shape::Text(Format::Duration), "How often it looks (default 10m)")
        .key("retry", Shape::Text(Format::Duration), "How soon it tries again (default 1m)")
        .key("timeout", Shape::Text(Format::Duration), "How long it waits for a unit (default 15m)")
        .key(
            "substitute",
            free_map(Shape::Text(Format::Item)),
            "Name → item: `${name}` is replaced in the cluster, where everybody who may read the object sees the value",
        )
        .key("decrypt", decrypt.shape(), "Decryption of files encrypted with SOPS")
        .key("webhook", webhook.shape(), "Receiver of push events")
        .shape()
}

fn secrets() -> Shape {
    // The names are those of SOPS's own configuration (getsops.io/docs, `.sops.yaml`).
    let sops = Keys::new("`sops`")
        .key("age", texts(Format::Any), "age recipients (public keys)")
        .key("pgp", texts(Format::Any), "Fingerprints of PGP keys")
        .key("kms", texts(Format::Any), "ARNs of AWS KMS keys")
        .key("gcp_kms", texts(Format::Any), "Resource names of GCP KMS keys")
        .key("azure_kv", texts(Format::Any), "URLs of Azure Key Vault keys")
        .key("vault", texts(Format::Any), "URIs of Vault transit keys");
    Keys::new("`[secrets]`")
        .key(
            "provider",
            words(&["vault", "onepassword", "aws", "gcp", "azure", "kubernetes", "sealed", "sops", "none"]),
            "The secret store",
        )
        .key("at", TEXT, "Its address, or the component that runs it")
        .key("name", Shape::Text(Format::Name), "Name of the ClusterSecretStore (default: the provider's)")
        .key("key", TEXT, "Convention that gives the item of a secret (default `${component.name}/${secret.name}`; gcp, azure and kubernetes: with `-`)")
        .key("mount", TEXT, "Mount of the KV engine (Vault)")
        .key("role", TEXT, "Role of External Secrets at the provider")
        .key("region", TEXT, "Region (AWS; GCP with `cluster`)")
        .key("project", TEXT, "Project (GCP)")
        .key("vault", TEXT, "Vault name (1Password, Azure); namespace of the Secrets (Kubernetes; default `secrets`)")
        .key("tenant", TEXT, "Tenant (Azure); namespace (Vault Enterprise)")
        .key("identity", TEXT, "Cloud identity of External Secrets (role ARN, service account or client id)")
        .key("auth_mount", TEXT, "Mount of the Kubernetes auth method (Vault; default `kubernetes`)")
        .key("version", words(&["v1", "v2"]), "Version of the KV engine (Vault; default `v2`)")
        .key("service", words(&["SecretsManager", "ParameterStore"]), "Service (AWS; default `SecretsManager`)")
        .key("cluster", TEXT, "Cluster whose identity is used (GCP; with its `region`; default: the one that asks)")
        .key("ca", TEXT, "ConfigMap with the server's CA in External Secrets' namespace")
        .key("secret", TEXT, "Secret with the token, made by hand in External Secrets' namespace")
        .key(
            "generate",
            Shape::Bool,
            "Passwords are made in the cluster and written to the store, unless they are there (default false)",
        )
        .key("scope", words(&["cluster", "namespace"]), "Cluster-wide store, or one per namespace")
        .key("refresh", Shape::Text(Format::Duration), "How often secrets are read again (default 1h)")
        .key("copy", words(&["external-secrets", "reflector"]), "How Secrets made in one namespace reach another")
        .key("files", Shape::Text(Format::Path), "Folder of secrets kept by people (sealed, sops)")
        .key("sops", sops.shape(), "Who can read files that SOPS encrypted; each must name them all")
        .shape()
}

fn repository() -> Shape {
    Keys::new("a repository")
        .key("url", Shape::Text(Format::Url), "Address")
        .key("branch", TEXT, "Branch or tag (git)")
        .key("secret", Shape::Text(Format::Item), "Item with its credentials")
        .shape()
}

fn edge() -> Shape {
    let tls = Keys::new("`tls`")
        .key("issuer", TEXT, "cert-manager ClusterIssuer")
        .key("wildcard", Shape::Bool, "One certificate for the whole domain")
        .key("secret", TEXT, "An existing TLS Secret")
        .key("certmap", TEXT, "Certificate map (Gateway on GKE) or certificate ARN (ALB on AWS)");
    Keys::new("an edge")
        .key("kind", words(&["gateway", "ingress", "traefik", "tailscale", "route"]), "How hosts are published")
        .key("class", TEXT, "Ingress class; or Gateway class, and lakegen then makes the Gateway")
        .key("name", TEXT, "Name of the Gateway")
        .key("namespace", Shape::Text(Format::Name), "Namespace of the Gateway or controller")
        .key("hosts", TEXT, "Template of host names, with `${host}` written as `${edge.host}`")
        .key("address", TEXT, "Address that DNS names should have")
        .key("tls", either([Shape::Bool, tls.shape()]), "Certificates")
        .key("annotations", free_map(TEXT), "Annotations on every route")
        .key("default", Shape::Bool, "Used where several edges exist and none is named")
        .shape()
}

fn placement() -> Shape {
    Keys::new("a placement")
        .key("nodes", free_map(TEXT), "Labels of the nodes")
        .key("tolerate", texts(Format::Any), "Taints to tolerate: `key=value:Effect`")
        .key("spread", TEXT, "Topology key over which pods are spread")
        .shape()
}

fn project() -> Shape {
    let role = Keys::new("a role").key("groups", texts(Format::Any), "Groups of the identity provider").key(
        "can",
        texts(Format::Any),
        "`view`, `sync`, `admin`, or Argo CD policy lines",
    );
    Keys::new("a project")
        .key("members", texts(Format::Glob), "Components and jobs in it")
        .key("description", TEXT, "One line")
        .key("roles", map(role.shape()), "Roles of people")
        .key("namespaces", texts(Format::Any), "Further namespaces that it may write to")
        .key("allow", list(TEXT), "Cluster-scoped kinds that it may write (`group/Kind`)")
        .key("orphaned", Shape::Bool, "Warn of objects that nobody owns")
        .key("sync", sync_shape(), "Defaults of `sync` for its members")
        .shape()
}

fn bucket() -> Shape {
    Keys::new("a bucket")
        .key("store", Shape::Text(Format::Reference), "Component or external that holds it, when there are several")
        .key("namespace", Shape::Text(Format::Name), "Namespace of its claim")
        .key("bucket", TEXT, "Its real name (default: platform and key)")
        .key("noncurrent_expire_days", COUNT, "Days until old versions of an object go")
        .key("expire_days", COUNT, "Days until objects go")
        .key("versioned", Shape::Bool, "Whether old versions are kept")
        .key("max_size", Shape::Text(Format::Size), "Quota in bytes")
        .key("max_objects", COUNT, "Quota in objects")
        .key("external", words(&["s3", "gcs", "azure"]), "It exists outside; the kind of store")
        .shape()
}

fn external() -> Shape {
    // The fields of an external depend on the capability that it provides: checked when it is bound.
    free_map(Shape::Any)
}

fn images() -> Shape {
    Keys::new("`[images]`")
        .key(
            "rewrite",
            free_map(TEXT),
            "Registry or its folder → another, for example `\"docker.io\" = \"mirror.example.com/hub\"`",
        )
        .key("pins", free_map(TEXT), "Image → `tag@digest`")
        .key(
            "pull_secret",
            TEXT,
            "Item of the store that holds a `.dockerconfigjson`, or the name of a Secret that every namespace has",
        )
        .shape()
}

fn notify() -> Shape {
    Keys::new("a notification")
        .key("kind", words(&["slack", "teams", "webhook", "github", "email"]), "Where it goes")
        .key("channel", TEXT, "Channel or address")
        .key("url", Shape::Text(Format::Url), "Address of a webhook")
        .key("secret", Shape::Text(Format::Item), "Item with the token")
        .key("on", list(words(&["failed", "degraded", "deployed"])), "Events")
        .key("members", texts(Format::Glob), "Components that it is about")
        .shape()
}

fn policy() -> Shape {
    let allow = Keys::new("`[[policy.allow]]`")
        .key("rule", TEXT, "Slug of the check")
        .key("resource", TEXT, "Component, or `Kind/name`; globs allowed")
        .key("reason", TEXT, "Why it is right here")
        .key("until", TEXT, "Date after which it should be looked at again");
    let rules: Vec<&crate::diag::Code> = crate::check::CODES.to_vec();
    let level = || words(&["off", "warn", "error"]);
    rules
        .iter()
        .fold(Keys::new("`[policy]`"), |keys, code| keys.key(code.slug, level(), code.summary))
        .key("network", words(&["off", "bindings"]), "NetworkPolicies from the bindings")
        .key("allow", list(allow.shape()), "Exceptions")
        .shape()
}

/// Returns the catalogue name of an instance: its `uses`, that of what it is `like`, or its own name.
pub fn uses_of(name: &str, own: Option<&Table>, all: &Table, depth: usize) -> String {
    let base = all.table(name);
    let tables = || own.into_iter().chain(base);
    if let Some(uses) = tables().find_map(|t| t.text("uses")) {
        return uses.into();
    }
    match tables().find_map(|t| t.text("like")) {
        Some(like) if depth < 16 && like != name => uses_of(like, None, all, depth + 1),
        _ => name.into(),
    }
}

/// Returns every component name that the file uses, for loading the catalogue.
pub fn used(syntax: &Syntax) -> BTreeSet<String> {
    let empty = Table::new();
    let base = syntax.root.table("components").unwrap_or(&empty);
    let mut used = BTreeSet::new();
    for layer in layers(&syntax.root) {
        for (name, entry) in layer.table("components").unwrap_or(&empty) {
            used.insert(uses_of(name, entry.node.as_table(), base, 0));
        }
        for (_, entry) in layer.table("jobs").unwrap_or(&empty) {
            if let Some(table) = entry.node.as_table() {
                used.insert(format!("job-{}", table.text("kind").unwrap_or("container")));
            }
        }
    }
    used
}

/// Returns the base and every environment's and cluster's table.
fn layers(root: &Table) -> Vec<&Table> {
    let nested = ["environments", "clusters"].into_iter().filter_map(|key| root.table(key));
    let tables = nested.flat_map(|tables| tables.values().filter_map(|entry| entry.node.as_table()));
    std::iter::once(root).chain(tables).collect()
}

/// Knows components by the catalogue, for the checker.
struct Known<'a> {
    catalogue: &'a Catalogue,
    base: &'a Table,
    jobs: &'a Table,
    found: RefCell<Vec<Diagnostic>>,
}

impl Known<'_> {
    fn keys_of(&self, component: &str) -> Option<Arc<Keys>> {
        self.catalogue.components.get(component).map(|c| c.keys.clone())
    }
}

impl Open for Known<'_> {
    fn component(&self, name: &str, table: &Table) -> Option<Arc<Keys>> {
        let uses = uses_of(name, Some(table), self.base, 0);
        if let Some(keys) = self.keys_of(&uses) {
            return Some(keys);
        }
        if self.catalogue.names.contains(&uses) {
            return None; // The component itself is broken: reported where it is.
        }
        let at = table.get("uses").map(|e| e.node.span).or_else(|| self.base.get(name).map(|e| e.key));
        let mut diagnostic = Diagnostic::error(&UNKNOWN_COMPONENT, format!("the catalogue has no component `{uses}`"));
        if let Some(at) = at {
            diagnostic = diagnostic.at(at, "");
        }
        let near = near(&uses, self.catalogue.names.iter().map(String::as_str));
        diagnostic = match near.is_empty() {
            false => diagnostic.help(format!("did you mean {}?", quoted_list(near, "or"))),
            true => diagnostic
                .help("use `uses = \"chart\"` for any Helm chart, `uses = \"app\"` for a service of your own")
                .note("`lakegen catalog list` shows every component"),
        };
        self.found.borrow_mut().push(diagnostic);
        None
    }

    fn job(&self, name: &str, table: &Table) -> Option<Arc<Keys>> {
        let kind = table.text("kind").or_else(|| self.jobs.table(name)?.text("kind")).unwrap_or("container");
        let component = self.catalogue.components.get(&format!("job-{kind}"));
        if component.is_none()
            && let Some(entry) = table.get("kind")
        {
            let kinds = quoted_list(JOB_KINDS.iter().copied(), "or");
            let message = format!("there is no job kind `{kind}`: it is {kinds}");
            self.found.borrow_mut().push(Diagnostic::error(&UNKNOWN_JOB_KIND, message).at(entry.node.span, ""));
        }
        Some(Arc::new(job_keys(component?)))
    }
}

fn job_keys(component: &Component) -> Keys {
    let mut keys = (*component.keys).clone();
    keys.name = "a job".into();
    job_words(keys)
}

/// Adds the keys that only jobs have.
pub fn job_words(keys: Keys) -> Keys {
    keys.key("kind", words(JOB_KINDS), "What runs it")
        .key("when", words(&["sync", "schedule", "install", "demand"]), "When it runs")
        .key(
            "on",
            Shape::Text(Format::Reference),
            "Component that runs it, such as one of several operators or a session cluster (default: who brings its kind)",
        )
}

/// Checks every key and type of the file.
pub fn check(syntax: &Syntax, catalogue: &Catalogue, found: &mut Vec<Diagnostic>) {
    let empty = Table::new();
    let known = Known {
        catalogue,
        base: syntax.root.table("components").unwrap_or(&empty),
        jobs: syntax.root.table("jobs").unwrap_or(&empty),
        found: RefCell::new(Vec::new()),
    };
    let before = found.len();
    check_table(&syntax.root, &root(), &known, found);
    misplaced(syntax, catalogue, &mut found[before..]);
    // A newer edition is reported as such, not as a word that `lakegen` cannot be.
    let newer = syntax
        .root
        .get("lakegen")
        .filter(|e| e.node.as_str().is_some_and(|text| text.parse::<u32>().is_ok_and(|n| n > 1)));
    if let Some(entry) = newer {
        found.retain(|d| d.labels.first().is_none_or(|l| l.span != entry.node.span));
    }
    let mut seen = BTreeSet::new();
    for diagnostic in known.found.into_inner() {
        if seen.insert((diagnostic.message.clone(), diagnostic.labels.first().map(|l| l.span))) {
            found.push(diagnostic);
        }
    }
    for layer in layers(&syntax.root) {
        defaults(layer.table("defaults"), catalogue, found);
    }
}

/// Helps those who wrote a component's table at the top.
fn misplaced(syntax: &Syntax, catalogue: &Catalogue, found: &mut [Diagnostic]) {
    for (name, entry) in syntax.root.iter().filter(|(name, _)| catalogue.names.contains(&***name)) {
        let its = |d: &&mut Diagnostic| {
            d.code.slug == crate::parse::UNKNOWN_KEY.slug && d.labels.first().is_some_and(|l| l.span == entry.key)
        };
        if let Some(diagnostic) = found.iter_mut().find(its) {
            diagnostic.notes.clear();
            diagnostic.help = vec![format!("components stand under `components`: `[components.{name}]`")];
        }
    }
}

/// A default must be a key that at least one component knows.
fn defaults(table: Option<&Table>, catalogue: &Catalogue, found: &mut Vec<Diagnostic>) {
    let common = common();
    for (key, entry) in table.into_iter().flatten() {
        let shape =
            common.keys.get(&**key).or_else(|| catalogue.components.values().find_map(|c| c.keys.keys.get(&**key)));
        match shape {
            Some(known) if !matches!(known.shape, Shape::Any) => {
                struct Nothing;
                impl Open for Nothing {
                    fn component(&self, _: &str, _: &Table) -> Option<Arc<Keys>> {
                        None
                    }
                    fn job(&self, _: &str, _: &Table) -> Option<Arc<Keys>> {
                        None
                    }
                }
                crate::parse::shape::check(key, &entry.node, &known.shape, &Nothing, found);
            }
            Some(_) => {}
            None => {
                let message = format!("`{key}` is neither a common key nor a slot of any component used here");
                let diagnostic = Diagnostic::error(&crate::parse::UNKNOWN_KEY, message).at(entry.key, "");
                let near = near(key, common.keys.keys().map(String::as_str));
                found.push(if near.is_empty() {
                    diagnostic
                } else {
                    diagnostic.help(format!("did you mean {}?", quoted_list(near, "or")))
                });
            }
        }
    }
}
