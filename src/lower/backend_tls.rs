//! TLS behind an edge: how the one who publishes a host trusts the certificate that an `https` endpoint shows.
//!
//! A Gateway wants a BackendTLSPolicy beside the Service. Only a ConfigMap with `ca.crt` is understood by every
//! implementation, and operators keep their CA in a Secret: a small CronJob copies that one public certificate, mounts
//! nothing else of the Secret and may write nothing but that ConfigMap.
//!
//! Facts: Gateway API v1.6 (BackendTLSPolicy v1, `caCertificateRefs`: a single ConfigMap has core support, other kinds are
//! up to the implementation; Cilium 1.20 takes ConfigMaps only, cilium/cilium#47759); Traefik v3.4
//! docs/reference/routing-configuration/kubernetes/crd/http/serverstransport (`rootCAs`, `serverName`); OpenShift 4.20
//! Route (`destinationCACertificate` is text in the object); kubectl v1.34 `apply -k` (kustomize, no shell needed).

use std::sync::Arc;

use super::templates::object;
use super::{Lowered, made};
use crate::catalog::component::{Endpoint, Trust};
use crate::diag::{Diagnostic, Span};
use crate::manifest::value::{Map, Value};
use crate::resolve::scope::Late;
use crate::resolve::{Edge, Instance, Route};

/// Image of the copying CronJob: kubectl and nothing else.
const KUBECTL: &str = "registry.k8s.io/kubectl:v1.34.3";

/// How often the CA is copied: how long a host may answer 5xx after the first start, or after a CA was replaced.
const SCHEDULE: &str = "*/10 * * * *";

/// What the backend shows, with every reference filled.
struct Backend<'a> {
    instance: &'a Instance,
    /// Name of the route and of what stands beside it.
    name: &'a str,
    service: &'a str,
    hostname: String,
    trust: Ca,
    span: Span,
}

/// Where the certificate of the CA lies.
enum Ca {
    Secret(String),
    ConfigMap(String),
    System,
}

/// Returns what an edge needs beside its route to reach an `https` endpoint, and a step for people where that is not
/// enough.
pub fn beside(
    instance: &Instance,
    service: &str,
    def: &Endpoint,
    route: &Route,
    edge: &Edge,
    late: &Late<'_>,
    found: &mut Vec<Diagnostic>,
) -> (Vec<Lowered>, Option<String>) {
    if def.protocol != "https" {
        return (vec![], None);
    }
    let backend = def.ca.as_ref().and_then(|ca| {
        let mut fill = |text: &str| late.fill(text, instance.definition.span, found).plain();
        let trust = match &ca.trust {
            Trust::Secret(name) => Ca::Secret(fill(name)?),
            Trust::ConfigMap(name) => Ca::ConfigMap(fill(name)?),
            Trust::System => Ca::System,
        };
        Some(Backend { instance, name: &route.name, service, hostname: fill(&ca.hostname)?, trust, span: route.span })
    });
    let who = &instance.name;
    match (edge.kind.as_str(), backend) {
        ("gateway", Some(backend)) => {
            let copied = match backend.trust {
                Ca::Secret(_) => {
                    "; after the first start it answers 5xx for up to ten minutes, until the CA was copied"
                }
                Ca::ConfigMap(_) | Ca::System => "",
            };
            let note = format!(
                "`{who}` answers with TLS only: the controller of Gateway `{}` must support BackendTLSPolicy v1 (Gateway API 1.4; Cilium from 1.20) for Service `{service}`{copied}.",
                edge.gateway
            );
            (gateway(&backend), Some(note))
        }
        ("gateway", None) => {
            let note = format!(
                "`{who}` answers with TLS only, and its component does not say whose certificate it shows: the Gateway `{}` speaks plain HTTP to Service `{service}` until a BackendTLSPolicy names the CA.",
                edge.gateway
            );
            (vec![], Some(note))
        }
        ("traefik", Some(backend)) => (vec![traefik(&backend)], None),
        ("traefik", None) => {
            let note = format!(
                "`{who}` answers with TLS only, and its component does not say whose certificate it shows: Traefik refuses Service `{service}` unless its own `serversTransport` trusts the CA."
            );
            (vec![], Some(note))
        }
        ("route", backend) => {
            let ca = match backend.map(|b| b.trust) {
                Some(Ca::Secret(name)) => format!("`ca.crt` of Secret `{name}`"),
                Some(Ca::ConfigMap(name)) => format!("`ca.crt` of ConfigMap `{name}`"),
                Some(Ca::System) => return (vec![], None),
                None => "the certificate of its CA".into(),
            };
            let note = format!(
                "`{who}` answers with TLS only, and a Route holds the CA that it trusts as text: put {ca} into `spec.tls.destinationCACertificate` of Route `{}` with `patches`, and again whenever the CA changes.",
                route.name
            );
            (vec![], Some(note))
        }
        ("ingress", _) if edge.class != "alb" && !edge.class.contains("nginx") => {
            let note = format!(
                "`{who}` answers with TLS only: say so to the ingress controller of class `{}` by its own annotation on Service `{service}` or in `annotations` of the edge; lakegen knows those of `nginx` and `alb`.",
                edge.class
            );
            (vec![], Some(note))
        }
        _ => (vec![], None),
    }
}

/// Returns the name of what trusts a route's backend, as the route refers to it.
pub fn transport(name: &str) -> String {
    format!("{name}-backend")
}

fn gateway(backend: &Backend<'_>) -> Vec<Lowered> {
    let namespace = &backend.instance.namespace;
    let copied = format!("{}-ca", backend.name);
    let mut validation = Map::from_iter([(Arc::from("hostname"), Value::from(backend.hostname.as_str()))]);
    let config_map = match &backend.trust {
        Ca::Secret(_) => Some(&copied),
        Ca::ConfigMap(name) => Some(name),
        Ca::System => None,
    };
    match config_map {
        Some(name) => {
            let reference = object([
                ("group", Value::from("")),
                ("kind", Value::from("ConfigMap")),
                ("name", Value::from(name.as_str())),
            ]);
            validation.insert("caCertificateRefs".into(), Value::List(vec![reference]));
        }
        None => {
            validation.insert("wellKnownCACertificates".into(), Value::from("System"));
        }
    }
    let target =
        object([("group", Value::from("")), ("kind", Value::from("Service")), ("name", Value::from(backend.service))]);
    let spec = object([("targetRefs", Value::List(vec![target])), ("validation", Value::Map(validation))]);
    let name = transport(backend.name);
    let api = "gateway.networking.k8s.io/v1";
    let mut objects = vec![made(api, "BackendTLSPolicy", namespace, &name, [("spec", spec)], backend.span)];
    if let Ca::Secret(secret) = &backend.trust {
        objects.extend(copy(backend, secret, &copied));
    }
    objects
}

fn traefik(backend: &Backend<'_>) -> Lowered {
    let mut spec = Map::from_iter([(Arc::from("serverName"), Value::from(backend.hostname.as_str()))]);
    let root = match &backend.trust {
        Ca::Secret(name) => Some(object([("secret", Value::from(name.as_str()))])),
        Ca::ConfigMap(name) => Some(object([("configMap", Value::from(name.as_str()))])),
        Ca::System => None,
    };
    if let Some(root) = root {
        spec.insert("rootCAs".into(), Value::List(vec![root]));
    }
    let (name, namespace) = (transport(backend.name), &backend.instance.namespace);
    made("traefik.io/v1alpha1", "ServersTransport", namespace, &name, [("spec", Value::Map(spec))], backend.span)
}

/// Copies `ca.crt` of a Secret into a ConfigMap.
///
/// git holds the ConfigMap without data, so that it goes with the component and the CronJob needs no right to make one.
/// The field manager is its own: Flux undoes what `kubectl` owns (fluxcd.io/flux/components/kustomize/kustomizations,
/// "Controlling the apply behavior of resources").
fn copy(backend: &Backend<'_>, secret: &str, target: &str) -> Vec<Lowered> {
    let namespace = &backend.instance.namespace;
    let name = &format!("{target}-copy");
    let text = |text: &str| Value::from(text);
    let rbac = "rbac.authorization.k8s.io/v1";
    let rule = object([
        ("apiGroups", Value::from(vec![""])),
        ("resources", Value::from(vec!["configmaps"])),
        ("resourceNames", Value::from(vec![target])),
        ("verbs", Value::from(vec!["get", "patch"])),
    ]);
    let role = object([("apiGroup", text("rbac.authorization.k8s.io")), ("kind", text("Role")), ("name", text(name))]);
    let subject = object([("kind", text("ServiceAccount")), ("name", text(name)), ("namespace", text(namespace))]);
    let generator = object([
        ("name", text(target)),
        ("namespace", text(namespace)),
        ("files", Value::from(vec!["ca.crt"])),
        ("options", object([("disableNameSuffixHash", Value::Bool(true))])),
    ]);
    let kustomization = object([
        ("apiVersion", text("kustomize.config.k8s.io/v1beta1")),
        ("kind", text("Kustomization")),
        ("configMapGenerator", Value::List(vec![generator])),
    ]);
    let kustomization = Value::from(crate::manifest::yaml::write(&kustomization));
    let data = Map::from_iter([(Arc::from("kustomization.yaml"), kustomization)]);
    let make = |api: &str, kind: &str, name: &str, rest: Vec<(&'static str, Value)>| {
        made(api, kind, namespace, name, rest, backend.span)
    };
    vec![
        make("v1", "ConfigMap", target, vec![]),
        make("v1", "ConfigMap", name, vec![("data", Value::Map(data))]),
        make("v1", "ServiceAccount", name, vec![]),
        make(rbac, "Role", name, vec![("rules", Value::List(vec![rule]))]),
        make(rbac, "RoleBinding", name, vec![("roleRef", role), ("subjects", Value::List(vec![subject]))]),
        make("batch/v1", "CronJob", name, vec![("spec", cronjob(name, secret))]),
    ]
}

fn cronjob(name: &str, secret: &str) -> Value {
    let text = |text: &str| Value::from(text);
    let no = Value::Bool(false);
    let item = |key: &str| Value::List(vec![object([("key", text(key)), ("path", text(key))])]);
    let kustomization = object([("name", text(name)), ("items", item("kustomization.yaml"))]);
    // Of the Secret only the public certificate reaches the pod.
    let certificate = object([("name", text(secret)), ("items", item("ca.crt"))]);
    let projected = object([(
        "sources",
        Value::List(vec![object([("configMap", kustomization)]), object([("secret", certificate)])]),
    )]);
    let security = object([
        ("allowPrivilegeEscalation", no.clone()),
        ("readOnlyRootFilesystem", Value::Bool(true)),
        ("capabilities", object([("drop", Value::from(vec!["ALL"]))])),
    ]);
    let mount = object([("name", text("ca")), ("mountPath", text("/ca")), ("readOnly", Value::Bool(true))]);
    let amounts = |cpu: &str, memory: &str| object([("cpu", text(cpu)), ("memory", text(memory))]);
    let manager = "--field-manager=lakegen-ca";
    let container = object([
        ("name", text("copy")),
        ("image", text(KUBECTL)),
        ("command", Value::from(vec!["kubectl", "apply", "--server-side", "--force-conflicts", manager, "-k", "/ca"])),
        ("resources", object([("requests", amounts("10m", "32Mi")), ("limits", amounts("200m", "128Mi"))])),
        ("securityContext", security),
        ("volumeMounts", Value::List(vec![mount])),
    ]);
    let pod = object([
        ("serviceAccountName", text(name)),
        ("restartPolicy", text("Never")),
        (
            "securityContext",
            object([
                ("runAsNonRoot", Value::Bool(true)),
                ("runAsUser", Value::from(65532)),
                ("seccompProfile", object([("type", text("RuntimeDefault"))])),
            ]),
        ),
        ("containers", Value::List(vec![container])),
        ("volumes", Value::List(vec![object([("name", text("ca")), ("projected", projected)])])),
    ]);
    // A pod whose Secret is not there yet waits; the next run then has to be free to start.
    let job = object([
        ("backoffLimit", Value::from(2)),
        ("activeDeadlineSeconds", Value::from(540)),
        ("template", object([("spec", pod)])),
    ]);
    object([
        ("schedule", text(SCHEDULE)),
        ("concurrencyPolicy", text("Forbid")),
        ("startingDeadlineSeconds", Value::from(300)),
        ("successfulJobsHistoryLimit", Value::from(1)),
        ("failedJobsHistoryLimit", Value::from(1)),
        ("jobTemplate", object([("spec", job)])),
    ])
}
