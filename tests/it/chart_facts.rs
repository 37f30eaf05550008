//! What `lakegen check` says of Helm values, chart by chart.

use std::path::PathBuf;

use lakegen::chart::{Known, Problem, Status, facts, known};
use lakegen::manifest::value::Value;

/// Reads YAML with a reader that is not lakegen's own.
fn yaml(text: &str) -> Value {
    fn convert(value: serde_yaml::Value) -> Value {
        use serde_yaml::Value as Yaml;
        match value {
            Yaml::Null => Value::Null,
            Yaml::Bool(b) => Value::Bool(b),
            Yaml::Number(n) => match (n.as_i64(), n.as_f64()) {
                (Some(i), _) => Value::Int(i.into()),
                (None, float) => Value::Float(float.unwrap_or_default()),
            },
            Yaml::String(s) => s.into(),
            Yaml::Sequence(list) => Value::List(list.into_iter().map(convert).collect()),
            Yaml::Mapping(map) => Value::map(map.into_iter().map(|(key, value)| {
                let key = key.as_str().map_or_else(|| format!("{key:?}"), str::to_owned);
                (key, convert(value))
            })),
            Yaml::Tagged(tagged) => convert(tagged.value),
        }
    }
    convert(serde_yaml::from_str(text).expect("test values are YAML"))
}

/// Writes bare `yes` and `no` as Helm, which reads YAML 1.1, takes them.
fn bare_booleans(text: &str) -> String {
    let line = |line: &str| match line.trim_end().rsplit_once(": ") {
        Some((key, "no")) => format!("{key}: false\n"),
        Some((key, "yes")) => format!("{key}: true\n"),
        _ => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

fn check(chart: &str, values: &str) -> Vec<Problem> {
    facts(chart).expect("the chart is known").check(&yaml(values))
}

fn words(path: &[&str]) -> Vec<String> {
    path.iter().map(|&key| key.to_owned()).collect()
}

/// Asserts that exactly `path` is unknown, and that `near` is the first key offered for it.
#[track_caller]
fn assert_unknown(chart: &str, values: &str, path: &[&str], first: &str) {
    let problems = check(chart, values);
    let [Problem::Unknown { path: found, near, closed: false }] = problems.as_slice() else {
        panic!("expected one unknown key, found {problems:#?}");
    };
    assert_eq!(*found, words(path));
    assert_eq!(near.first().map(String::as_str), Some(first), "offered: {near:?}");
}

#[track_caller]
fn assert_fine(chart: &str, values: &str) {
    assert_eq!(check(chart, values), []);
}

#[track_caller]
fn assert_type(chart: &str, values: &str, path: &[&str], expected: &str, found: &'static str) {
    let wanted = Problem::Type { path: words(path), expected: expected.into(), found, by_default: false };
    assert_eq!(check(chart, values), [wanted]);
}

/// What only a default says is believed within reason.
#[test]
fn numbers_by_default() {
    for (values, found) in [("server: {workers: three}", "string"), ("server: {workers: false}", "boolean")] {
        let wanted =
            Problem::Type { path: words(&["server", "workers"]), expected: "number".into(), found, by_default: true };
        assert_eq!(check("trino", values), [wanted], "{values}");
    }
    for values in ["3", "\"3\"", "3.0", "\"{{ .Values.x }}\"", "null", "25%"] {
        assert_fine("trino", &format!("server: {{workers: {values}}}"));
    }
    assert_fine("trino", "service: {port: http}");
}

/// Values of public platforms that their charts never read.
#[test]
fn values_that_real_platforms_misspelt() {
    assert_unknown("trino", "worker: {replicas: 3}", &["worker", "replicas"], "server.workers");
    assert_unknown("trino", "server: {worker: 3}", &["server", "worker"], "server.workers");
    assert_unknown("trino", "config: {query: {maxMemory: 8GB}}", &["config"], "server.config");
    assert_unknown(
        "trino",
        "coordinator: {config: {query: {maxMemory: 8GB}}}",
        &["coordinator", "config", "query", "maxMemory"],
        "server.config.query.maxMemory",
    );
    assert_unknown("spark-operator", "sparkJobNamespace: jobs", &["sparkJobNamespace"], "spark.jobNamespaces");
    assert_unknown("spark-operator", "enableWebhook: true", &["enableWebhook"], "webhook.enable");
    assert_unknown("cloudnative-pg", "crds: {enabled: false}", &["crds", "enabled"], "crds.create");
}

#[test]
fn misspellings_beside_the_right_key() {
    assert_unknown("trino", "image: {repositry: x}", &["image", "repositry"], "image.repository");
    assert_unknown("trino", "ingres: {enabled: true}", &["ingres"], "ingress");
    let path = ["prometheus", "prometheusSpec", "retensionSize"];
    let values = "prometheus: {prometheusSpec: {retensionSize: 10GB}}";
    assert_unknown("kube-prometheus-stack", values, &path, "prometheus.prometheusSpec.retentionSize");
}

#[test]
fn a_near_miss_in_an_open_map_is_still_a_misspelling() {
    let path = ["serviceMonitor", "scrapeTimeuot"];
    assert_unknown("trino", "serviceMonitor: {scrapeTimeuot: 5s}", &path, "serviceMonitor.scrapeTimeout");
    assert_fine("trino", "serviceMonitor: {honorLabels: true}");
}

/// Keys that `values.yaml` does not declare and templates read all the same.
#[test]
fn undeclared_values_that_templates_read() {
    assert_fine(
        "prometheus-pushgateway",
        "ingress: {enabled: true, hosts: [a.example.com], tls: [], annotations: {a: b}}",
    );
    assert_fine("airflow", "dags: {gitSync: {credentialsSecret: git, sshKeySecret: ssh, knownHosts: x}}");
    assert_fine("loki", "loki: {storage: {bucketNames: {chunks: a, ruler: b, admin: c}}}");
    assert_fine("argo-cd", "configs: {params: {server.insecure: true, application.namespaces: a, anything.else: b}}");
    assert_fine("vault", "server: {service: {type: ClusterIP}}");
    assert_fine("vault", "fullnameOverride: vault");
    assert_fine("nessie", "fullnameOverride: nessie");
    assert_fine("dagster", "dagsterWebserver: {image: {digest: sha256}}");
}

#[test]
fn keys_with_dots_are_literal() {
    assert_fine("argo-cd", "configs: {cm: {admin.enabled: false, oidc.config: x, my.own: y}}");
    assert_fine("kube-prometheus-stack", "grafana: {grafana.ini: {server: {root_url: https://a.example.com}}}");
    assert_eq!(facts("argo-cd").unwrap().knows(&["configs", "cm", "admin.enabled"]), Known::Yes);
    assert_eq!(facts("argo-cd").unwrap().knows(&["configs", "cm", "admin", "enabled"]), Known::Open);
}

#[test]
fn maps_that_templates_copy_are_open() {
    assert_fine("trino", "catalogs: {iceberg: connector.name=iceberg}");
    assert_fine("trino", "server: {coordinatorExtraConfig: x}\ncoordinator: {resources: {limits: {memory: 1Gi}}}");
    assert_fine(
        "rook-ceph-cluster",
        "cephClusterSpec: {dashboard: {prometheusEndpoint: x}, network: {provider: host}}",
    );
    assert_fine("grafana", "datasources: {datasources.yaml: {apiVersion: 1}}");
    assert_fine("argo-cd", "global: {anything: {at: all}}");
}

#[test]
fn subcharts_are_checked_with_their_own_facts() {
    assert_fine("kube-prometheus-stack", "grafana: {persistence: {enabled: true, storageClassName: fast}}");
    assert_fine("kube-prometheus-stack", "kube-state-metrics: {replicas: 2}");
    assert_unknown(
        "kube-prometheus-stack",
        "grafana: {persistence: {storageClass: fast}}",
        &["grafana", "persistence", "storageClass"],
        "grafana.persistence.storageClassName",
    );
    // Of Redis' own chart nothing is known, so nothing is said.
    assert_fine("argo-cd", "redis-ha: {enabled: true, haproxy: {replicas: 3}}");
}

#[test]
fn wrong_types_of_charts_without_a_schema() {
    assert_type("trino", "server: three", &["server"], "map", "string");
    assert_type("trino", "image: {tag: [1]}", &["image", "tag"], "string, number or boolean", "list");
    assert_type("trino", "gateway: {enabled: 'false'}", &["gateway", "enabled"], "boolean", "quoted string");
    assert_fine("trino", "image: {tag: 479}");
}

#[test]
fn wrong_types_and_choices_of_charts_with_a_schema() {
    assert_type("external-secrets", "replicaCount: '2'", &["replicaCount"], "integer", "string");
    let problems = check("airflow", "images: {airflow: {pullPolicy: Sometimes}}");
    let [Problem::Enum { path, allowed, found }] = problems.as_slice() else { panic!("{problems:#?}") };
    assert_eq!(*path, words(&["images", "airflow", "pullPolicy"]));
    assert_eq!((found.as_str(), allowed.contains(&"Always".to_owned())), ("Sometimes", true));
}

#[test]
fn items_of_lists_are_checked_where_the_schema_describes_them() {
    let problems = check("airflow", "ingress: {apiServer: {hosts: [{name: a.example.com}, {hots: b}]}}");
    assert!(
        matches!(problems.as_slice(), [Problem::Unknown { path, closed: true, .. }]
            if *path == words(&["ingress", "apiServer", "hosts", "[1]", "hots"])),
        "{problems:#?}"
    );
}

#[test]
fn a_closed_schema_refuses_unknown_keys() {
    for (chart, values) in [("openfga", "replicas: 2"), ("jupyterhub", "hubb: {}")] {
        let problems = check(chart, values);
        assert!(matches!(problems.as_slice(), [Problem::Unknown { closed: true, .. }]), "{chart}: {problems:#?}");
    }
}

#[test]
fn null_drops_a_default_and_is_always_fine() {
    assert_fine("trino", "server: null\nimage: {tag: null}");
    assert_fine("airflow", "executor: null");
    assert_unknown("trino", "servr: null", &["servr"], "server");
}

#[test]
fn keys_below_are_listed() {
    let trino = facts("trino").unwrap();
    assert!(trino.keys_below(&["server"]).contains(&"workers"));
    assert_eq!(trino.keys_below(&["nothing", "here"]), [""; 0]);
    assert_eq!(trino.knows(&["server", "workers"]), Known::Yes);
    assert_eq!(trino.knows(&["server", "wrokers"]), Known::No);
}

#[test]
fn releases_say_where_charts_come_from_and_which_have_no_future() {
    let trino = known("trino").unwrap();
    assert!(trino.is_at("https://trinodb.github.io/charts/") && !trino.is_at("https://example.com/charts"));
    let manager = known("cert-manager").unwrap();
    assert!(
        manager.is_at("oci://quay.io/jetstack/charts") && manager.is_at("oci://quay.io/jetstack/charts/cert-manager")
    );
    assert!(known("openfga").unwrap().is_at("oci://ghcr.io/openfga/helm-charts/openfga"));
    assert_eq!(known("promtail").unwrap().status, Status::Deprecated { instead: "alloy" });
    assert_eq!(known("tenant").unwrap().component, "minio-tenant");
    assert!(known("no-such-chart").is_none() && facts("no-such-chart").is_none());
}

/// Every facts file is read, and holds the keys in the order that look-ups rely on.
#[test]
fn every_facts_file_is_in_order() {
    for release in lakegen::chart::facts::releases() {
        let facts = facts(release.component).expect("it is in the table");
        let keys = facts.keys_below(&[]);
        assert!(keys.is_sorted(), "{}", release.component);
        assert!(keys.iter().all(|key| facts.knows(&[key]) == Known::Yes), "{}", release.component);
        assert_eq!(facts.knows(&["global"]), Known::Yes, "{}", release.component);
    }
}

/// A chart's own defaults are never wrong. Needs the data that the facts come from.
#[test]
fn own_defaults_have_no_problems() {
    let shared = std::env::var_os("LAKEGEN_SHARED").map_or_else(|| PathBuf::from("../shared"), PathBuf::from);
    let charts = shared.join("data/charts");
    if !charts.is_dir() {
        eprintln!("skipped: own_defaults_have_no_problems needs the charts' data (LAKEGEN_SHARED)");
        return;
    }
    let mut wrong = Vec::new();
    for release in lakegen::chart::facts::releases() {
        let path = charts.join(release.component).join("values.yaml");
        let text = std::fs::read_to_string(&path).expect("every chart has default values");
        let problems = facts(release.component).expect("it is in the table").check(&yaml(&bare_booleans(&text)));
        wrong.extend(problems.into_iter().map(|problem| format!("{}: {problem:?}", release.component)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
