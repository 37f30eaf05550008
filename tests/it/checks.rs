//! Rules whose input is too large to lie in a case folder.

use lakegen::compile::{Request, compile};
use lakegen::world::memory::MemoryWorld;

/// Returns the slugs of what is found in a platform with one component whose ConfigMap is too large for an annotation.
fn found(platform: &str, annotations: &str) -> Vec<&'static str> {
    let head = "lakegen = \"1\"\n[platform]\nname = \"lake\"\ndomain = \"example.com\"\n[git]\nurl = \"https://git.example.com/acme/lake.git\"\n";
    let big = "x".repeat(300 << 10);
    let manifest = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: big\n  annotations: {{{annotations}}}\ndata:\n  a: {big}\n"
    );
    let world: MemoryWorld = [
        ("platform.toml".to_string(), format!("{head}{platform}").into_bytes()),
        ("big.yaml".to_string(), manifest.into_bytes()),
    ]
    .into_iter()
    .collect();
    compile(&world, &Request::default()).diagnostics.iter().map(|d| d.code.slug).collect()
}

/// What is judged is what is written: whoever asks for server-side apply, the Application says so.
#[test]
fn large_objects_need_the_server() {
    let own = "[components]\nmine = { uses = \"manifests\", manifests = [\"big.yaml\"] }\n";
    let with = |rest: &str| format!("{rest}{own}");
    assert_eq!(found(own, ""), ["large-object"]);
    assert_eq!(
        found(
            &with(
                "[projects.data]\nmembers = [\"other\"]\nsync.server_side = true\n[components.other]\nuses = \"app\"\nimage = \"ghcr.io/acme/a:1.0.0\"\n"
            ),
            ""
        ),
        ["large-object"]
    );
    assert_eq!(
        found(
            &with(
                "[argocd]\nsync.server_side = true\n[projects.data]\nmembers = [\"mine\"]\nsync.server_side = false\n"
            ),
            ""
        ),
        ["large-object"]
    );
    for rest in [
        "[projects.data]\nmembers = [\"mine\"]\nsync.server_side = true\n",
        "[argocd]\nsync.server_side = true\n",
        "[defaults]\nsync.server_side = true\n",
        "[defaults]\nsync.options = [\"ServerSideApply=true\"]\n",
    ] {
        assert_eq!(found(&with(rest), ""), [""; 0], "{rest}");
    }
    assert_eq!(found(own, "argocd.argoproj.io/sync-options: 'Prune=false,ServerSideApply=true'"), [""; 0]);
}
