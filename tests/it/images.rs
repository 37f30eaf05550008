//! `lakegen images` on a platform with a chart of our own, vendored and locked.

use crate::packed::{lock, packed};
use crate::sandbox::Sandbox;

const CHART: &[(&str, &str)] = &[
    ("Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\nappVersion: '1.0'\n"),
    ("values.yaml", "image: docker.io/acme/web:1.0\n"),
    (
        "templates/web.yaml",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {{ .Release.Name }}\nspec:\n  template:\n    spec:\n      containers:\n      - name: web\n        image: {{ .Values.image }}\n        args: [\"--sidecar=quay.io/acme/sidecar:2.1\"]\n      initContainers:\n      - name: init\n        image: busybox\n",
    ),
    (
        "templates/test.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: test\n  annotations: {helm.sh/hook: test}\nspec:\n  containers:\n  - {name: test, image: 'acme/only-for-helm-test:1'}\n",
    ),
];

const PLATFORM: &str = r#"lakegen = "1"
[platform]
name = "lake"
domain = "example.com"
[git]
url = "https://git.example.com/acme/lake.git"
[images.rewrite]
"docker.io" = "mirror.example.com/hub"
[images.pins]
"registry.example.com/app" = "1.1"
[components]
app = { uses = "app", image = "registry.example.com/app:1.0" }
[components.web]
uses = "chart"
chart = { repository = "https://charts.example.com", name = "web", version = "1.0.0" }
"#;

/// Returns a platform whose chart is vendored.
fn site() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("platform.toml", PLATFORM);
    let chart = packed("web", CHART);
    let (text, place) = lock(&[("web", "https://charts.example.com", "1.0.0", &chart)]);
    sandbox.write("lakegen.lock", text);
    sandbox.write(&place[0], &chart);
    sandbox
}

#[test]
fn every_image_with_its_users() {
    let ran = site().ok(&["images"]);
    assert_eq!(ran.stdout, TEXT, "{}", ran.stdout);
    assert_eq!(ran.stderr, "");
}

const TEXT: &str = r#"# default: 4 images

docker.io/acme/web:1.0
    web: Deployment/web, container web (chart web 1.0.0)
    not rewritten to mirror.example.com/hub/acme/web:1.0 by `[images]`: no known value of the chart sets it; set one under `values`, or use `output = "manifests"`

docker.io/library/busybox
    web: Deployment/web, container init (chart web 1.0.0)
    floats: has no tag, so it means whatever is newest
    not rewritten to mirror.example.com/hub/library/busybox by `[images]`: no known value of the chart sets it; set one under `values`, or use `output = "manifests"`

quay.io/acme/sidecar:2.1
    web: Deployment/web, spec.template.spec.containers[0].args (chart web 1.0.0)

registry.example.com/app:1.1
    app: Deployment app/app, container main (platform)
    was registry.example.com/app:1.0, changed by `[images]`
"#;

#[test]
fn bare_references_for_pipelines() {
    let ran = site().ok(&["images", "--format", "list"]);
    assert_eq!(
        ran.stdout,
        "docker.io/acme/web:1.0\ndocker.io/library/busybox\nquay.io/acme/sidecar:2.1\nregistry.example.com/app:1.1\n"
    );
}

/// In rendered manifests every plain field is rewritten, the chart's own too.
#[test]
fn rendered_manifests_are_rewritten() {
    let sandbox = site();
    sandbox.edit("name = \"lake\"\n", "name = \"lake\"\noutput = \"manifests\"\n");
    // Rendered, the chart's bare name is an error of the platform's.
    sandbox.edit("[images.rewrite]", "[policy]\nfloating-image = \"off\"\n[images.rewrite]");
    let ran = sandbox.ok(&["images", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let images = json["targets"][0]["images"].as_array().unwrap();
    let one = |name: &str| images.iter().find(|image| image["image"] == name).unwrap_or_else(|| panic!("{images:#?}"));
    let web = one("mirror.example.com/hub/acme/web:1.0");
    assert_eq!(web["uses"][0]["was"], "docker.io/acme/web:1.0");
    assert_eq!(web["uses"][0]["source"], "chart");
    assert_eq!(web["uses"][0]["chart"]["version"], "1.0.0");
    assert_eq!(web["uses"][0]["not_reached"], serde_json::Value::Null);
    assert_eq!(one("registry.example.com/app:1.1")["uses"][0]["was"], "registry.example.com/app:1.0");
    assert_eq!(one("quay.io/acme/sidecar:2.1")["uses"][0]["named_by"], "setting");
    // A bare name is whatever is newest.
    assert_eq!(one("mirror.example.com/hub/library/busybox")["floating"], true);
}

/// A chart that is not at hand is named in every format, and the exit code tells a pipeline.
#[test]
fn charts_that_are_not_seen_are_named() {
    let sandbox = site();
    std::fs::remove_dir_all(sandbox.path().join("vendor")).unwrap();
    let cache = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let output = sandbox.command(arguments).env("LAKEGEN_CACHE", cache.path()).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let sentence = "chart web 1.0.0 of web: it is locked but not fetched; run `lakegen fetch`";
    let (code, stdout, _) = run(&["images"]);
    assert_eq!(code, Some(1));
    assert!(
        stdout.contains(&format!("Not inspected, so their images are missing from this list:\n    {sentence}")),
        "{stdout}"
    );
    let (code, stdout, stderr) = run(&["images", "--format", "list"]);
    assert_eq!((code, stdout.as_str()), (Some(1), "registry.example.com/app:1.1\n"));
    assert!(stderr.contains(&format!("not inspected: {sentence}\n")), "{stderr}");
    let (code, stdout, _) = run(&["images", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, &json["targets"][0]["not_seen"][0]["chart"]), (Some(1), &"web".into()));
    // The same where charts must be rendered, and where there is no lock at all.
    sandbox.edit("name = \"lake\"\n", "name = \"lake\"\noutput = \"manifests\"\n");
    assert!(run(&["images"]).1.contains(sentence));
    std::fs::remove_file(sandbox.path().join("lakegen.lock")).unwrap();
    assert!(run(&["images"]).1.contains("the platform has no `lakegen.lock`; run `lakegen lock`"));
}
