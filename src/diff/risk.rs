//! What a change can do to data and to the next sync, read off kinds and paths.
//!
//! A false alarm costs a reader a sentence, a missed one costs data; so kinds are listed widely, and
//! a resource that an annotation keeps in the cluster is only reported with caution.

use crate::manifest::value::Value;

use super::{Action, Hunk, quantity};

/// How bad it can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    DataLoss,
    Failure,
    Caution,
}

impl Level {
    /// Returns the words for it.
    pub fn words(self) -> &'static str {
        match self {
            Self::DataLoss => "data loss",
            Self::Failure => "failure",
            Self::Caution => "caution",
        }
    }
}

/// What can happen, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Risk {
    pub level: Level,
    /// All reasons at this level, in one line.
    pub reason: String,
}

/// A change as far as its risk depends on it.
pub struct Subject<'a> {
    pub subject: &'a super::Subject,
    pub action: Action,
    pub old: Option<&'a Value>,
    pub new: Option<&'a Value>,
    pub hunks: &'a [Hunk],
    /// It stands in another folder than before, so another unit applies it.
    pub is_moved: bool,
}

/// Kinds whose removal takes data with it: API group, kind, what is lost.
const DATA: &[(&str, &str, &str)] = &[
    // Claims own their volume or bucket under the reclaim policy Delete, the default of dynamic provisioning:
    // https://kubernetes.io/docs/concepts/storage/persistent-volumes/#reclaiming
    ("", "PersistentVolumeClaim", "the volume and its data are deleted"),
    ("", "PersistentVolume", "the volume behind it may be deleted"),
    ("", "Namespace", "everything in the namespace is deleted"),
    ("apps", "StatefulSet", "its pods are deleted, and its volumes if the retention policy says so"),
    ("apiextensions.k8s.io", "CustomResourceDefinition", "every object of this kind in the cluster is deleted"),
    // The storage class says whether the bucket is deleted with its claim:
    // https://rook.io/docs/rook/latest/Storage-Configuration/Object-Storage-RGW/ceph-object-bucket-claim/
    ("objectbucket.io", "ObjectBucketClaim", "its bucket and all objects in it are deleted"),
    ("ceph.rook.io", "CephCluster", "the storage of the whole cluster is deleted"),
    ("ceph.rook.io", "CephObjectStore", "all buckets of the store are deleted"),
    ("ceph.rook.io", "CephObjectStoreUser", "the user and its keys are deleted"),
    ("ceph.rook.io", "CephBlockPool", "all volumes of the pool are deleted"),
    ("ceph.rook.io", "CephFilesystem", "all files of the file system are deleted"),
    // https://github.com/cloudnative-pg/cloudnative-pg/discussions/4278: claims go with their cluster.
    // https://cloudnative-pg.io/docs/1.25/declarative_database_management: databases by `databaseReclaimPolicy`.
    ("postgresql.cnpg.io", "Cluster", "the database servers and their volumes are deleted"),
    ("postgresql.cnpg.io", "Database", "the database is deleted if its reclaim policy is delete"),
    ("acid.zalan.do", "postgresql", "the database servers and their volumes are deleted"),
    // https://github.com/strimzi/strimzi-kafka-operator/discussions/9784: a topic goes with its KafkaTopic.
    ("kafka.strimzi.io", "Kafka", "the brokers are deleted, and the volumes if `deleteClaim` is set"),
    (
        "kafka.strimzi.io",
        "KafkaNodePool",
        "the brokers of the pool are deleted, with the partitions that only they \
    hold",
    ),
    ("kafka.strimzi.io", "KafkaTopic", "the topic and all its records are deleted"),
    ("minio.min.io", "Tenant", "the servers are deleted, and possibly their volumes"),
    ("clickhouse.altinity.com", "ClickHouseInstallation", "the tables are deleted"),
    ("elasticsearch.k8s.elastic.co", "Elasticsearch", "the indices are deleted"),
    ("opensearch.opster.io", "OpenSearchCluster", "the indices are deleted"),
    ("s3.aws.upbound.io", "Bucket", "the bucket and all objects in it are deleted"),
];

/// Fields that the API server refuses to change: API group, kind, path below which they stand, and the
/// exceptions. From the validation of Kubernetes 1.33,
/// <https://github.com/kubernetes/kubernetes/blob/v1.33.0/pkg/apis/apps/validation/validation.go> and
/// `pkg/apis/{batch,core,storage,rbac}/validation/validation.go` beside it.
const IMMUTABLE: &[(&str, &str, &str, &[&str])] = &[
    (
        "apps",
        "StatefulSet",
        "spec",
        &[
            "replicas",
            "ordinals",
            "template",
            "updateStrategy",
            "revisionHistoryLimit",
            "persistentVolumeClaimRetentionPolicy",
            "minReadySeconds",
        ],
    ),
    ("apps", "Deployment", "spec.selector", &[]),
    ("apps", "DaemonSet", "spec.selector", &[]),
    ("batch", "Job", "spec.template", &[]),
    ("batch", "Job", "spec.selector", &[]),
    ("", "PersistentVolumeClaim", "spec", &["resources", "volumeAttributesClassName"]),
    ("", "Secret", "type", &[]),
    ("", "Service", "spec.clusterIP", &[]),
    ("storage.k8s.io", "StorageClass", "provisioner", &[]),
    ("storage.k8s.io", "StorageClass", "parameters", &[]),
    ("storage.k8s.io", "StorageClass", "reclaimPolicy", &[]),
    ("storage.k8s.io", "StorageClass", "volumeBindingMode", &[]),
    ("rbac.authorization.k8s.io", "RoleBinding", "roleRef", &[]),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding", "roleRef", &[]),
    ("apiextensions.k8s.io", "CustomResourceDefinition", "spec.scope", &[]),
    ("apiextensions.k8s.io", "CustomResourceDefinition", "spec.names", &[]),
];

/// Returns the worst that a change can do, if anything.
pub fn assess(change: &Subject) -> Option<Risk> {
    let mut found = Vec::new();
    match change.action {
        Action::Destroy => found.extend(removal(change)),
        Action::Change => {
            let id = change.subject.object().map_or(("", ""), |id| (&*id.group, &*id.kind));
            if let (("argoproj.io", "ApplicationSet"), Some(old), Some(new)) = (id, change.old, change.new) {
                found.extend(super::appset::lost(old, new));
            }
            for hunk in change.hunks {
                leaves(&plain(&hunk.path), hunk.old.as_ref(), hunk.new.as_ref(), &mut |path, old, new| {
                    found.extend(field(change, path, old, new));
                });
            }
            // Whether a patch repeats what the base says is not known from the patch alone.
            if change.hunks.iter().any(|hunk| hunk.path.is_empty()) {
                for (level, _) in &mut found {
                    *level = Level::Caution;
                }
            }
        }
        Action::Add => {}
    }
    if change.is_moved {
        found.push((Level::Caution, "another unit now applies it, but the old one may prune it first".to_owned()));
    }
    let level = found.iter().map(|(level, _)| *level).min()?;
    let mut reasons: Vec<String> = Vec::new();
    for (_, reason) in found.into_iter().filter(|(l, _)| *l == level) {
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    Some(Risk { level, reason: reasons.join("; ") })
}

type Finding = (Level, String);

fn removal(change: &Subject) -> Option<Finding> {
    let id = change.subject.object()?;
    if let Some((_, _, what)) = DATA.iter().find(|(group, kind, _)| (*group, *kind) == (&*id.group, &*id.kind)) {
        if let Some(why) = change.old.and_then(kept_by) {
            return Some((
                Level::Caution,
                format!("{why} keeps it in the cluster, where nothing manages it any longer"),
            ));
        }
        return Some((Level::DataLoss, format!("`{}` is removed: {what}", id.name)));
    }
    let at = |path: &[&str]| change.old.and_then(|old| old.at(path));
    match (&*id.group, &*id.kind) {
        // https://argo-cd.readthedocs.io/en/release-3.1/user-guide/app_deletion/#about-the-deletion-finalizer
        ("argoproj.io", "Application") => Some(match at(&["metadata", "finalizers"]) {
            Some(list) if !list.is_empty() => (
                Level::DataLoss,
                format!("`{}` is removed with a finalizer: Argo CD deletes everything it manages", id.name),
            ),
            _ => (Level::Caution, format!("`{}` is removed: what it manages stays, unmanaged", id.name)),
        }),
        // https://argo-cd.readthedocs.io/en/release-3.1/operator-manual/applicationset/Application-Deletion/
        ("argoproj.io", "ApplicationSet") => {
            let kept = at(&["spec", "syncPolicy", "preserveResourcesOnDeletion"]) == Some(&Value::Bool(true));
            Some(if kept {
                (
                    Level::Caution,
                    format!("`{}` is removed with its Applications: what they manage stays, unmanaged", id.name),
                )
            } else {
                (
                    Level::DataLoss,
                    format!("`{}` is removed with its Applications: Argo CD deletes everything they manage", id.name),
                )
            })
        }
        // https://fluxcd.io/flux/components/kustomize/kustomizations/#garbage-collection
        ("kustomize.toolkit.fluxcd.io", "Kustomization") => Some(match at(&["spec", "prune"]) {
            Some(Value::Bool(false)) => {
                (Level::Caution, format!("`{}` is removed: what it manages stays, unmanaged", id.name))
            }
            _ => (Level::DataLoss, format!("`{}` is removed: Flux deletes everything it manages", id.name)),
        }),
        ("helm.toolkit.fluxcd.io", "HelmRelease") => {
            Some((Level::Failure, format!("`{}` is removed: Flux uninstalls the release", id.name)))
        }
        ("external-secrets.io", "ExternalSecret") => {
            Some((Level::Caution, format!("`{}` is removed: the Secret that it created is deleted", id.name)))
        }
        _ => None,
    }
}

/// Returns the annotation that keeps a removed object in the cluster.
fn kept_by(value: &Value) -> Option<&'static str> {
    let annotation = |name: &str| value.at(&["metadata", "annotations", name]).and_then(Value::as_str).unwrap_or("");
    // https://argo-cd.readthedocs.io/en/release-3.1/user-guide/sync-options/#no-prune-resources
    let options = annotation("argocd.argoproj.io/sync-options");
    if options.split(',').any(|option| option.trim() == "Prune=false") {
        return Some("`Prune=false`");
    }
    // https://fluxcd.io/flux/components/kustomize/kustomizations/#controlling-the-apply-behavior-of-resources
    (annotation("kustomize.toolkit.fluxcd.io/prune") == "disabled").then_some("`prune: disabled`")
}

/// Calls `visit` for a hunk and, when it is a whole map that came or went, for every field in it.
fn leaves(
    path: &str,
    old: Option<&Value>,
    new: Option<&Value>,
    visit: &mut impl FnMut(&str, Option<&Value>, Option<&Value>),
) {
    let map = old.or(new).and_then(Value::as_map);
    visit(path, old, new);
    if old.is_some() && new.is_some() {
        return;
    }
    for key in map.into_iter().flat_map(|map| map.keys()) {
        let path = if path.is_empty() { key.to_string() } else { format!("{path}.{key}") };
        leaves(&path, old.and_then(|v| v.get(key)), new.and_then(|v| v.get(key)), visit);
    }
}

/// Returns a path without what stands between brackets.
fn plain(path: &str) -> String {
    let mut depth = 0_usize;
    let mut quoted = false;
    path.chars()
        .filter(|c| {
            match c {
                '"' if depth > 0 => quoted = !quoted,
                '[' if !quoted => depth += 1,
                ']' if !quoted => {
                    depth = depth.saturating_sub(1);
                    return false;
                }
                _ => {}
            }
            depth == 0
        })
        .collect()
}

fn field(change: &Subject, path: &str, old: Option<&Value>, new: Option<&Value>) -> Option<Finding> {
    let id = change.subject.object();
    let (group, kind) = id.map_or(("", ""), |id| (&*id.group, &*id.kind));
    special(group, kind, path, old, new)
        .or_else(|| immutable(group, kind, path))
        .or_else(|| anywhere(path, old, new))
        .or_else(|| engine(group, kind, path, old, new))
}

fn special(group: &str, kind: &str, path: &str, old: Option<&Value>, new: Option<&Value>) -> Option<Finding> {
    let (before, after) = (shown(old), shown(new));
    let is_less =
        || matches!((old.and_then(quantity::nano), new.and_then(quantity::nano)), (Some(a), Some(b)) if b < a);
    match (group, kind, path) {
        // The three that a KafkaTopic does not allow, from "Configuring Kafka topics" in
        // https://docs.redhat.com/en/documentation/red_hat_streams_for_apache_kafka/2.7/ (Strimzi's own distribution).
        ("kafka.strimzi.io", "KafkaTopic", "spec.partitions") if is_less() => {
            Some((Level::Failure, format!("partitions go from {before} to {after}, but Kafka cannot shrink a topic")))
        }
        ("kafka.strimzi.io", "KafkaTopic", "spec.replicas") => {
            Some((Level::Caution, format!("replicas go from {before} to {after}, which the operator may reject")))
        }
        ("kafka.strimzi.io", "KafkaTopic", "spec.topicName") => {
            Some((Level::Failure, "a topic cannot be renamed: the operator rejects the change".to_owned()))
        }
        ("kafka.strimzi.io", "KafkaNodePool", "spec.replicas") if is_less() => {
            Some((Level::Caution, "brokers are removed: move their partitions first".to_owned()))
        }
        ("objectbucket.io", "ObjectBucketClaim", "spec.bucketName" | "spec.generateBucketName") => {
            Some((Level::Failure, "a claim keeps its bucket: the objects are not moved to the new name".to_owned()))
        }
        ("apiextensions.k8s.io", "CustomResourceDefinition", "spec.versions") if new.is_none() => {
            Some((Level::Failure, "a version is removed that stored objects may use".to_owned()))
        }
        _ => None,
    }
}

fn immutable(group: &str, kind: &str, path: &str) -> Option<Finding> {
    let is_below = |path: &str, root: &str| path.strip_prefix(root).is_some_and(|r| r.is_empty() || r.starts_with('.'));
    let (.., root, _) = IMMUTABLE.iter().find(|(g, k, root, except)| {
        (*g, *k) == (group, kind)
            && is_below(path, root)
            && path != "spec"
            && !except.iter().any(|field| is_below(path, &format!("{root}.{field}")))
    })?;
    let field = if *root == "spec" { path } else { root };
    Some((
        Level::Failure,
        format!("`{field}` of an existing {kind} is immutable: it must be deleted and created again"),
    ))
}

/// Fields that mean the same wherever they stand, in Helm values as well.
fn anywhere(path: &str, old: Option<&Value>, new: Option<&Value>) -> Option<Finding> {
    let parts: Vec<&str> = path.split('.').collect();
    let last = *parts.last()?;
    let under_storage = parts.iter().rev().skip(1).any(|p| {
        let part = p.to_lowercase();
        ["storage", "persisten", "volumeclaim", "pvc"].iter().any(|word| part.contains(word))
    });
    let is_size = last == "storage" || last == "storageSize" || (last == "size" && under_storage);
    let (before, after) = (shown(old), shown(new));
    match last {
        _ if is_size => match (old.and_then(quantity::nano), new.and_then(quantity::nano)) {
            (Some(a), Some(b)) if b < a => {
                Some((Level::Failure, format!("`{path}` goes from {before} to {after}, but volumes cannot shrink")))
            }
            _ => None,
        },
        "storageClass" | "storageClassName" if old.is_some() || new.is_some() => Some((
            Level::Failure,
            format!("`{path}` goes from {before} to {after}: existing volumes do not move to another class"),
        )),
        "bucketName" | "bucket" | "claimName" | "existingClaim" if old.is_some_and(is_scalar) => {
            Some((Level::Caution, format!("`{path}` goes from {before} to {after}: existing data is not moved")))
        }
        "enabled" if under_storage && new == Some(&Value::Bool(false)) && old == Some(&Value::Bool(true)) => {
            Some((Level::DataLoss, format!("`{path}` is disabled: the next pod starts with an empty disk")))
        }
        "reclaimPolicy" | "persistentVolumeReclaimPolicy" | "databaseReclaimPolicy" | "deletionPolicy"
            if new.and_then(Value::as_str).is_some_and(|s| s.eq_ignore_ascii_case("delete")) =>
        {
            Some((Level::Caution, format!("`{path}` becomes {after}: a later removal would delete the data")))
        }
        _ => None,
    }
}

fn engine(group: &str, kind: &str, path: &str, old: Option<&Value>, new: Option<&Value>) -> Option<Finding> {
    let is_on = new == Some(&Value::Bool(true)) && old != Some(&Value::Bool(true));
    let is_engine = matches!(
        (group, kind),
        ("argoproj.io", "Application" | "ApplicationSet") | ("kustomize.toolkit.fluxcd.io", "Kustomization")
    );
    match path.rsplit('.').next()? {
        "prune" if is_engine && is_on => {
            Some((Level::Caution, "prune is enabled: objects removed from git are deleted".to_owned()))
        }
        "selfHeal" if is_engine && is_on => {
            Some((Level::Caution, "self-heal is enabled: manual changes are reverted".to_owned()))
        }
        _ => None,
    }
}

fn is_scalar(value: &Value) -> bool {
    !matches!(value, Value::Map(_) | Value::List(_) | Value::Null)
}

fn shown(value: Option<&Value>) -> String {
    match value {
        None => "nothing".to_owned(),
        Some(Value::Str(s)) => format!("`{s}`"),
        Some(other) => format!("`{}`", serde_json::to_string(other).unwrap_or_default()),
    }
}
