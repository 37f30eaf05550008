//! One table changes who provides something, and every consumer follows (ecosystem.md E72, E73 and the wiring of issue 3).

use lakegen::compile::{Compiled, Request, compile};
use lakegen::diag::render::{Format, Style, render};
use lakegen::world::memory::MemoryWorld;

const HEAD: &str = r#"
lakegen = "1"

[platform]
name = "lake"
domain = "example.com"

[git]
url = "https://git.example.com/acme/lake.git"

[secrets]
provider = "vault"
at = "https://vault.example.com"
mount = "kv"
role = "external-secrets"

[buckets.warehouse]

[components]
external-secrets = {}
cloudnative-pg = {}
rook-ceph = {}
prometheus = {}
nessie = { database = "DATABASE", warehouse = "warehouse" }
trino = { buckets = ["warehouse"], catalogs = { lake = "nessie" } }
hive-metastore = { database = "DATABASE/metastore", warehouse = "warehouse" }
"#;
const CEPH: &str = "[components.store]\nuses = \"ceph\"\ndevices = \"^nvme[1-9]n1$\"\n";
const MINIO: &str = "[components.store]\nuses = \"minio\"\n";
const INSIDE: &str = "[components.db]\nuses = \"postgres\"\n";
const OUTSIDE: &str =
    "[external.db]\nprovides = \"postgres\"\nhost = \"pg.corp.example.com\"\ncredentials = \"corp/postgres\"\n";

fn compiled(store: &str, database: &str) -> Compiled {
    let mut world = MemoryWorld::default();
    let platform = format!("{}{store}{database}", HEAD.replace("DATABASE", "db"));
    world.insert("platform.toml", platform.into_bytes());
    let compiled = compile(&world, &Request::default());
    assert!(
        compiled.is_ok(),
        "{}",
        render(&compiled.diagnostics, &compiled.sources, Format::Full, Style { color: false, width: 120 })
    );
    compiled
}

/// Returns everything that was written for a component.
fn written(compiled: &Compiled, component: &str) -> String {
    let folder = format!("components/{component}/");
    let files = compiled.tree.files().filter(|(path, _)| path.starts_with(&folder));
    files.map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned()).collect()
}

#[test]
fn another_object_store_is_one_word() {
    let (ceph, minio) = (compiled(CEPH, INSIDE), compiled(MINIO, INSIDE));
    let (from, to) = (endpoint(&ceph), endpoint(&minio));
    assert_ne!(from, to);
    for consumer in ["trino", "nessie", "hive-metastore"] {
        let (before, after) = (written(&ceph, consumer), written(&minio, consumer));
        assert!(before.contains(&from) && !before.contains(&to), "{consumer} on Ceph speaks to {from}:\n{before}");
        assert!(after.contains(&to) && !after.contains(&from), "{consumer} on MinIO speaks to {to}:\n{after}");
    }
}

/// Returns the host of the object store as Trino's values name it.
fn endpoint(compiled: &Compiled) -> String {
    let trino = written(compiled, "trino");
    let at = trino.find("s3.endpoint=").expect("Trino is told where the buckets are");
    let rest = &trino[at + "s3.endpoint=".len()..];
    let address = &rest[..rest.find(|c: char| c.is_whitespace() || c == '"').unwrap_or(rest.len())];
    let host = address.split("://").last().unwrap();
    host.split([':', '/']).next().unwrap().to_string()
}

#[test]
fn a_database_elsewhere_is_one_table() {
    let (inside, outside) = (compiled(CEPH, INSIDE), compiled(CEPH, OUTSIDE));
    for consumer in ["nessie", "hive-metastore"] {
        let (before, after) = (written(&inside, consumer), written(&outside, consumer));
        assert!(before.contains("db-rw.") && !before.contains("pg.corp.example.com"), "{consumer}:\n{before}");
        assert!(after.contains("pg.corp.example.com") && !after.contains("db-rw."), "{consumer}:\n{after}");
        assert!(after.contains("corp/postgres"), "{consumer} takes its login from the named item:\n{after}");
    }
    assert!(written(&inside, "db").contains("kind: Cluster"), "the server inside is made");
    assert!(written(&outside, "db").is_empty(), "the server outside is not");
}

#[test]
fn another_environment_is_a_few_lines() {
    let mut world = MemoryWorld::default();
    let more = "[environments.prod]\n[environments.dev]\nplatform.domain = \"dev.example.com\"\n";
    let platform = format!("{}{CEPH}{INSIDE}{more}", HEAD.replace("DATABASE", "db"));
    world.insert("platform.toml", platform.into_bytes());
    let compiled = compile(&world, &Request::default());
    assert!(
        compiled.is_ok(),
        "{}",
        render(&compiled.diagnostics, &compiled.sources, Format::Full, Style { color: false, width: 120 })
    );
    assert_eq!(compiled.platform.unwrap().targets.len(), 2);
    assert!(more.lines().count() < 10);
}
