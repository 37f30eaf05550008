//! `lakegen chart diff` on a chart of our own in three versions, served on loopback; nothing leaves the machine.

use std::process::Command;

use crate::packed::packed;
use crate::sandbox::{Ran, Sandbox};
use crate::server::{Server, ok, status};
use lakegen::world::charts::Digest;

const WORKLOAD: &str = r#"apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  labels: {helm.sh/chart: "{{ .Chart.Name }}-{{ .Chart.Version }}"}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: "{{ .Values.image.repository }}:{{ .Values.image.tag }}"
        args: ["--port={{ .Values.server.port }}", "--workers={{ .Values.server.WORKERS }}"]
"#;
const CLAIM: &str = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: web-data}\nspec: {resources: {requests: {storage: 1Gi}}}\n";
const SETTINGS: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {mode: {{ .Values.mode }}}\n";
const SECRET: &str =
    "apiVersion: v1\nkind: Secret\nmetadata: {name: web}\nstringData: {password: {{ randAlphaNum 12 | quote }}}\n";
const OLD_CRD: &str = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: widgets.example.com}\nspec:\n  group: example.com\n  names: {kind: Widget, plural: widgets}\n  scope: Namespaced\n  versions:\n  - {name: v1alpha1, served: true, storage: false, schema: {openAPIV3Schema: {type: object}}}\n  - {name: v1beta1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}\n";
const NEW_CRD: &str = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: widgets.example.com}\nspec:\n  group: example.com\n  names: {kind: Widget, plural: widgets}\n  scope: Namespaced\n  versions:\n  - {name: v1beta1, served: false, storage: false, schema: {openAPIV3Schema: {type: object, description: old}}}\n  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}\n";

fn one() -> Vec<u8> {
    packed(
        "web",
        &[
            ("Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\nappVersion: '1.0'\n"),
            (
                "values.yaml",
                "image: {repository: docker.io/acme/web, tag: '1.0'}\nreplicas: 1\nserver: {port: 8080, workers: 2}\nlegacy: true\n",
            ),
            ("templates/web.yaml", &WORKLOAD.replace("WORKERS", "workers")),
            ("templates/claim.yaml", CLAIM),
            ("templates/secret.yaml", SECRET),
            ("crds/widgets.yaml", OLD_CRD),
        ],
    )
}

fn two() -> Vec<u8> {
    packed(
        "web",
        &[
            ("Chart.yaml", "apiVersion: v2\nname: web\nversion: 2.0.0\nappVersion: '2.0'\nkubeVersion: '>=1.25.0-0'\n"),
            (
                "values.yaml",
                "image: {repository: docker.io/acme/web, tag: '2.0'}\nreplicas: 2\nserver: {port: 8081, worker: 2}\nmode: fast\n",
            ),
            ("templates/web.yaml", &WORKLOAD.replace("WORKERS", "worker").replace("app: web", "app: web-server")),
            ("templates/settings.yaml", SETTINGS),
            ("templates/secret.yaml", SECRET),
            ("crds/widgets.yaml", NEW_CRD),
        ],
    )
}

/// Refuses what the platform sets.
fn three() -> Vec<u8> {
    packed(
        "web",
        &[
            ("Chart.yaml", "apiVersion: v2\nname: web\nversion: 3.0.0\n"),
            ("values.yaml", "server: {}\n"),
            ("values.schema.json", r#"{"properties":{"server":{"properties":{"workers":{"type":"string"}}}}}"#),
            ("templates/web.yaml", SECRET),
        ],
    )
}

fn repository() -> Server {
    Server::new(|request| match request.path.as_str() {
        "/charts/index.yaml" => {
            let entry = |version: &str, bytes: &[u8]| {
                format!(
                    "  - version: {version}\n    urls: [web-{version}.tgz]\n    digest: {}\n",
                    Digest::of(bytes).hex()
                )
            };
            let entries = [entry("3.0.0", &three()), entry("2.0.0", &two()), entry("1.0.0", &one())].concat();
            ok(format!("apiVersion: v1\nentries:\n  web:\n{entries}"))
        }
        "/charts/web-1.0.0.tgz" => ok(one()),
        "/charts/web-2.0.0.tgz" => ok(two()),
        "/charts/web-3.0.0.tgz" => ok(three()),
        _ => status(404, &[]),
    })
}

/// A platform with two environments, and a cache of its own.
struct Site {
    sandbox: Sandbox,
    cache: tempfile::TempDir,
    allowed: String,
}

impl Site {
    fn new(server: &Server) -> Self {
        let sandbox = Sandbox::new();
        sandbox.write(
            "platform.toml",
            format!(
                "lakegen = \"1\"\n[platform]\nname = \"lake\"\ndomain = \"example.com\"\n[git]\nurl = \"https://git.example.com/a/b.git\"\n\
                 [components.web]\nuses = \"chart\"\nchart = {{ repository = \"{}/charts\", name = \"web\", version = \"1.0.0\" }}\n\
                 values.server.workers = 4\nvalues.server.port = 9000\n\
                 [environments.dev]\n[environments.prod]\ncomponents.web.values.replicas = 3\n",
                server.url()
            ),
        );
        Self { sandbox, cache: tempfile::tempdir().unwrap(), allowed: server.url() }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.sandbox.command(arguments);
        command.env("LAKEGEN_CACHE", self.cache.path()).env("LAKEGEN_ALLOW_HOST", &self.allowed);
        // The authorities of this machine take time to read, and nothing here speaks TLS.
        command.env("SSL_CERT_FILE", "/dev/null").env("SSL_CERT_DIR", "/nonexistent");
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let output = self.command(arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    #[track_caller]
    fn ok(&self, arguments: &[&str]) -> Ran {
        let ran = self.run(arguments);
        assert_eq!(ran.code, Some(0), "{arguments:?}: {}{}", ran.stdout, ran.stderr);
        ran
    }
}

const DIFF: &[&str] = &["chart", "diff", "web", "2.0.0"];

#[test]
fn what_an_upgrade_changes() {
    let server = repository();
    let site = Site::new(&server);
    site.ok(&["lock"]);
    let (platform, lock) = (site.sandbox.read("platform.toml"), site.sandbox.read("lakegen.lock"));
    let ran = site.ok(DIFF);
    assert_eq!(ran.stdout, TEXT, "{}", ran.stdout);
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    assert!(ran.stderr.starts_with("found web 2.0.0, sha256:"), "{}", ran.stderr);
    assert_eq!((site.sandbox.read("platform.toml"), site.sandbox.read("lakegen.lock")), (platform, lock));
}

const TEXT: &str = r#"web: chart web 1.0.0 → 2.0.0, in dev, prod

Values that the platform sets but the new version does not read
  server.workers  platform.toml:10; its default was removed, too; templates still mention it, so another value may enable it; did you mean `server.worker`?

Custom resource definitions
  !- widgets.example.com: v1alpha1 was removed; objects stored in it block the new CRD
  !~ widgets.example.com: v1beta1 is no longer served; manifests that use it fail
  ~ widgets.example.com: objects are stored as v1, not v1beta1
  + widgets.example.com: v1

Chart web
  ~ appVersion: 1.0 → 2.0
  + kubeVersion: >=1.25.0-0

Images
  ~ docker.io/acme/web: 1.0 → 2.0

Default values of chart web
    ~ image.tag: "1.0" → "2.0"
    ~ replicas: 1 → 2
    - server.workers: 2
    + server.worker: 2
    - legacy: true
    + mode: fast
    no effect, because the platform sets them: server.port

Objects
1 change can lose data, 3 changes can fail
Plan: 1 to add, 3 to change, 1 to destroy.

at risk
!- PersistentVolumeClaim/web-data (base of dev, prod)  web/templates/claim.yaml
    data loss: `web-data` is removed: the volume and its data are deleted
    - apiVersion: v1
    - kind: PersistentVolumeClaim
    - metadata:
    -   name: web-data
    - spec:
    -   resources:
    -     requests:
    -       storage: 1Gi
!~ CustomResourceDefinition/widgets.example.com (base of dev, prod)  web/crds/widgets.yaml
    failure: a version is removed that stored objects may use
    - spec.versions[name=v1alpha1]:
    -   name: v1alpha1
    -   served: true
    -   storage: false
    -   schema:
    -     openAPIV3Schema:
    -       type: object
    ~ spec.versions[name=v1beta1].served: true → false
    ~ spec.versions[name=v1beta1].storage: true → false
    + spec.versions[name=v1]:
    +   name: v1
    +   served: true
    +   storage: true
    +   schema:
    +     openAPIV3Schema:
    +       type: object
    and 1 more difference
!~ Deployment/web (dev)  web/templates/web.yaml
    failure: `spec.selector` of an existing Deployment is immutable: it must be deleted and created again
    ~ spec.replicas: 1 → 2
    ~ spec.selector.matchLabels.app: web → web-server
    ~ spec.template.metadata.labels.app: web → web-server
    ~ spec.template.spec.containers[name=web].image: docker.io/acme/web:1.0 → docker.io/acme/web:2.0
    ~ spec.template.spec.containers[name=web].args[1]: --workers=4 → --workers=2
!~ Deployment/web (prod)  web/templates/web.yaml
    failure: `spec.selector` of an existing Deployment is immutable: it must be deleted and created again
    ~ spec.selector.matchLabels.app: web → web-server
    ~ spec.template.metadata.labels.app: web → web-server
    ~ spec.template.spec.containers[name=web].image: docker.io/acme/web:1.0 → docker.io/acme/web:2.0
    ~ spec.template.spec.containers[name=web].args[1]: --workers=4 → --workers=2

base
+ ConfigMap/web (base of dev, prod)  web/templates/settings.yaml
    + apiVersion: v1
    + kind: ConfigMap
    + metadata:
    +   name: web
    + data:
    +   mode: fast

2 differences hidden: 2 objects where only version labels differ (version-labels)
Plan: 1 to add, 3 to change, 1 to destroy.
"#;

/// Without a lock both versions are looked for; the exit codes are those of `lakegen diff`.
#[test]
fn without_a_lock_and_for_scripts() {
    let server = repository();
    let site = Site::new(&server);
    let ran = site.run(&[DIFF, &["--exit-code", "--format", "json"]].concat());
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    let json: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(json["charts"][0]["new"], "2.0.0");
    assert_eq!(json["unread_values"][0]["path"], "server.workers");
    assert_eq!(json["unread_values"][0]["place"], "platform.toml:10");
    assert_eq!(json["unread_values"][0]["near"], serde_json::json!(["server.worker"]));
    let lost = json["objects"].as_array().unwrap().iter().find(|o| o["kind"] == "PersistentVolumeClaim").unwrap();
    assert_eq!((&lost["action"], &lost["risk"]["level"]), (&"destroy".into(), &"data loss".into()));
    // What is drawn anew at each render is no change.
    assert!(!json["objects"].to_string().contains("Secret"), "{json:#}");
    assert!(!site.sandbox.path().join("lakegen.lock").exists());
    assert_eq!(site.run(&[DIFF, &["--detailed-exitcode"]].concat()).code, Some(2));
    let same = site.ok(&["chart", "diff", "web", "1.0.0", "--exit-code"]);
    assert_eq!(same.stdout, "No changes.\n");
    let missing = site.run(&["chart", "diff", "web", "9.0.0", "--exit-code"]);
    assert_eq!(missing.code, Some(2));
    assert!(missing.stderr.contains("chart-not-found"), "{}", missing.stderr);
    let odd = site.run(&["chart", "diff", "wbe", "2.0.0"]);
    assert!(odd.stderr.contains("did you mean `web`?"), "{}", odd.stderr);
}

/// What cannot be rendered is not compared, and nothing is taken for removed.
#[test]
fn a_version_that_refuses_the_values() {
    let server = repository();
    let site = Site::new(&server);
    let ran = site.ok(&["chart", "diff", "web", "3.0.0"]);
    let reason = "chart web 3.0.0 cannot be rendered with these values: web/values.schema.json: `server.workers`";
    assert!(ran.stdout.contains(&format!("\nNot compared\n  dev: {reason}")), "{}", ran.stdout);
    assert!(ran.stdout.contains(&format!("\n  prod: {reason}")), "{}", ran.stdout);
    assert!(!ran.stdout.contains("to destroy"), "{}", ran.stdout);
}

#[test]
fn one_environment_only() {
    let server = repository();
    let site = Site::new(&server);
    let ran = site.ok(&[DIFF, &["-e", "prod", "--format", "markdown"]].concat());
    assert!(ran.stdout.starts_with("### web: chart web 1.0.0 → 2.0.0, in prod\n"), "{}", ran.stdout);
    assert!(ran.stdout.contains("\n**Images**\n\n```text\n  ~ docker.io/acme/web: 1.0 → 2.0\n```\n"), "{}", ran.stdout);
}

/// Offline nothing is asked: what was fetched is found by its name, and what was not is named.
#[test]
fn offline() {
    let server = repository();
    let site = Site::new(&server);
    site.ok(&["lock"]);
    let asked = server.paths();
    let ran = site.run(&[DIFF, &["--offline"]].concat());
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("chart web 2.0.0 has not been fetched, and lakegen is offline"), "{}", ran.stderr);
    assert_eq!(server.paths(), asked);
    let online = site.ok(DIFF);
    let asked = server.paths();
    let ran = site.ok(&[DIFF, &["--offline"]].concat());
    assert_eq!(ran.stdout, online.stdout);
    assert!(ran.stderr.contains("chart web 2.0.0 was found by its name"), "{}", ran.stderr);
    assert_eq!(server.paths(), asked);
}
