//! The JSON Schema takes every right platform, and refuses what the checker refuses of a table by itself.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use jsonschema::Validator;
use lakegen::catalog;
use lakegen::diag::{Diagnostic, Sources};
use lakegen::resolve::{language, schema};
use lakegen::world::World;
use lakegen::world::memory::MemoryWorld;
use serde_json::Value as Json;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the schema of what a world has, components of its own included.
fn validator(world: &dyn World) -> Validator {
    let catalogue = catalog::load_all(world, &mut Sources::default()).output;
    jsonschema::validator_for(&schema::json_schema(&catalogue, "0.0.0")).expect("the schema is one")
}

/// Returns the schema of the embedded catalogue, which most worlds have.
fn embedded() -> &'static Validator {
    static EMBEDDED: OnceLock<Validator> = OnceLock::new();
    EMBEDDED.get_or_init(|| validator(&MemoryWorld::default()))
}

fn with_schema<T>(world: &MemoryWorld, ask: impl FnOnce(&Validator) -> T) -> T {
    let own = world.list("lakegen").is_ok_and(|files| !files.is_empty());
    if own { ask(&validator(world)) } else { ask(embedded()) }
}

fn json(text: &str) -> Option<Json> {
    let table: toml::Table = toml::from_str(text).ok()?;
    serde_json::to_value(table).ok()
}

/// Returns what the schema says against a text, with the place.
fn errors(validator: &Validator, text: &str) -> Vec<String> {
    let Some(json) = json(text) else { return vec!["no TOML".into()] };
    validator.iter_errors(&json).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// Returns a folder as a world, without its expectations.
fn world(folder: &Path) -> (MemoryWorld, BTreeMap<String, String>) {
    fn walk(at: &Path, root: &Path, world: &mut MemoryWorld, texts: &mut BTreeMap<String, String>) {
        for entry in fs::read_dir(at).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
            if path.is_dir() && name != "expected" {
                walk(&path, root, world, texts);
            } else if path.is_file() {
                let bytes = fs::read(&path).unwrap();
                if name.ends_with(".toml") && !name.starts_with("lakegen/") && !name.starts_with('.') {
                    texts.insert(name.clone(), String::from_utf8_lossy(&bytes).trim_start_matches('\u{feff}').into());
                }
                world.insert(name, bytes);
            }
        }
    }
    let (mut world, mut texts) = (MemoryWorld::default(), BTreeMap::new());
    walk(folder, folder, &mut world, &mut texts);
    (world, texts)
}

/// Returns the folders of all cases, and whether each compiles.
fn cases() -> Vec<(PathBuf, bool)> {
    let below = |folder: PathBuf| -> Vec<PathBuf> {
        let mut all: Vec<PathBuf> =
            fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).filter(|p| p.is_dir()).collect();
        all.sort();
        all
    };
    let all = below(root().join("tests/cases")).into_iter().flat_map(below);
    all.map(|case| (case.clone(), case.join("expected").is_dir())).collect()
}

#[test]
fn the_schema_takes_every_right_platform() {
    let mut wrong = String::new();
    let mut judge = |name: &str, validator: &Validator, text: &str| {
        for error in errors(validator, text) {
            wrong.push_str(&format!("{name}: {error}\n"));
        }
    };
    for name in catalog::names(&MemoryWorld::default()) {
        let path = format!("templates/{name}/example.toml");
        judge(&path, embedded(), catalog::embedded_file(&path).unwrap());
    }
    judge("src/cli/starter.toml", embedded(), include_str!("../../src/cli/starter.toml"));
    judge("platform.toml", embedded(), include_str!("../../platform.toml"));
    let examples = fs::read_dir(root().join("examples")).unwrap().map(|e| e.unwrap().path());
    let passing = cases().into_iter().filter(|(_, passes)| *passes).map(|(case, _)| case);
    let mut count = 0;
    for folder in examples.filter(|path| path.is_dir()).chain(passing) {
        let (world, texts) = world(&folder);
        with_schema(&world, |validator| {
            for (file, text) in &texts {
                judge(&format!("{}/{file}", folder.display()), validator, text);
                count += 1;
            }
        });
    }
    assert!(count > 40, "only {count} platforms were found");
    assert!(wrong.is_empty(), "{wrong}");
}

/// Returns what the checker says of the tables by themselves, before anything is resolved.
fn checked(world: &MemoryWorld) -> Vec<Diagnostic> {
    let mut sources = Sources::default();
    let syntax = lakegen::parse::parse(world, "platform.toml", &mut sources);
    let mut found = syntax.diagnostics;
    if found.is_empty() {
        let catalogue = catalog::load_all(world, &mut sources).output;
        language::check(&syntax.output, &catalogue, &mut found);
    } else {
        found.clear(); // It is no TOML, or not text: no schema comes that far.
    }
    found.retain(|d| matches!(d.code.slug, "invalid-value" | "wrong-type" | "unknown-key"));
    found
}

#[test]
fn the_schema_refuses_what_the_checker_refuses_of_a_table() {
    // What no schema can say: what two texts mean to each other.
    // Which components are used decides what a default may say: no schema knows.
    let beyond = ["is not a pattern", "no component used here"];
    let mut passed = String::new();
    let mut count = 0;
    for (case, _) in cases().into_iter().filter(|(_, passes)| !passes) {
        let (world, texts) = world(&case);
        let found = checked(&world);
        if found.is_empty() || found.iter().all(|d| beyond.iter().any(|words| d.message.contains(words))) {
            continue;
        }
        count += 1;
        if with_schema(&world, |validator| texts.values().all(|text| errors(validator, text).is_empty())) {
            passed.push_str(&format!("{}: {}\n", case.display(), found[0].message));
        }
    }
    assert!(count > 10, "only {count} cases are about tables by themselves");
    assert!(passed.is_empty(), "the schema takes:\n{passed}");
}

/// Lines of a small platform that are wrong by themselves, with the table that they stand in; and their right sisters.
const LINES: &[(&str, &str, &str)] = &[
    ("platform", "name = \"Lake\"", "name = \"lake\""),
    ("platform", "domain = \"exa mple.com\"", "domain = \"example.com\""),
    ("platform", "engine = \"argo\"", "engine = \"flux\""),
    ("platform", "kubernetes = 1.33", "kubernetes = \"1.33\""),
    ("platform", "cloud = \"aws2\"", "cloud = \"aws\""),
    ("platform", "nam = \"x\"", "labels = { team = \"data\" }"),
    ("git", "url = \"lake.git\"", "url = \"https://git.example.com/lake.git\""),
    ("git", "path = \"/gitops\"", "path = \"gitops\""),
    ("git", "branch = 1", "branch = \"${vars.branch}\""),
    ("argocd", "hub = \"yes\"", "hub = true"),
    ("argocd", "form = \"apps\"", "form = \"applicationset\""),
    ("argocd.sync", "retry = { limit = 5000 }", "retry = { limit = 5 }"),
    ("argocd.sync", "retry = { delay = \"5 s\" }", "retry = { delay = \"5s\" }"),
    ("flux", "interval = \"ten minutes\"", "interval = \"10m\""),
    ("flux", "version = \">=2\"", "version = \"2.8.0\""),
    ("flux.webhook", "kind = \"svn\"", "kind = \"gitlab\""),
    ("secrets", "provider = \"bitwarden\"", "provider = \"vault\""),
    ("secrets", "generate = 1", "generate = true"),
    ("secrets", "refresh = \"1hour\"", "refresh = \"1h\""),
    ("repositories.x", "adress = \"https://a\"", "url = \"https://a.example.com\""),
    ("edges.web", "tls = { isuer = \"x\" }", "tls = { issuer = \"x\" }"),
    ("placements.big", "node = { a = \"b\" }", "nodes = { a = \"b\" }"),
    ("namespaces.data", "pod_security = \"strict\"", "pod_security = \"restricted\""),
    ("namespaces.Data", "existing = true", ""),
    ("projects.team", "orphaned = \"true\"", "orphaned = true"),
    ("buckets.raw", "expire_days = -1", "expire_days = 30"),
    ("buckets.raw", "max_size = \"20GB\"", "max_size = \"20Gi\""),
    ("external.db", "provides = \"postgres\"\nhosst = \"db\"", "provides = \"postgres\"\nhost = \"db\""),
    ("external.db", "provides = \"postgres\"\npassword = \"x\"", "provides = \"postgres\"\nport = 5432"),
    ("external.s3", "provides = \"bucket\"\nendpoint = 7", "provides = \"bucket\"\nendpoint = \"https://s3\""),
    (
        "external.s3",
        "provides = \"bucket\"\ncredentials = { sorce = \"store\" }",
        "provides = \"bucket\"\ncredentials = { source = \"file\" }",
    ),
    ("images", "rewrites = {}", "rewrite = {}"),
    ("notify.team", "on = [\"broken\"]", "on = [\"failed\"]"),
    ("policy", "plain-secret = \"ignore\"", "plain-secret = \"warn\""),
    ("policy", "plain-secrets = \"warn\"", "network = \"bindings\""),
    ("defaults", "versoin = \"1.0.0\"", "version = \"1.0.0\""),
    ("components.postgres", "storage = 20", "storage = \"20Gi\""),
    ("components.postgres", "storge = \"20Gi\"", "storage = \"${vars.size}\""),
    ("components.pg", "uses = \"postgres\"\nstorge = \"20Gi\"", "uses = \"postgres\"\nstorage = \"20Gi\""),
    ("components.trino", "pods.worker.memory = \"8GB\"", "pods.worker.memory = \"4Gi..8Gi\""),
    ("components.trino", "pods.wroker.replicas = 2", "pods.worker.replicas = 2"),
    ("components.trino", "host = \"10.0.0.1\"", "host = [\"query\", \"web:@\", \"q.example.com\"]"),
    (
        "components.nessie",
        "database = { from = \"postgres\", databse = \"x\" }",
        "database = { from = \"postgres\", database = \"x\" }",
    ),
    ("components.nessie", "enabled = \"no\"", "enabled = false"),
    ("components.nessie", "secrets.x = { item = \"a#b#c\" }", "secrets.x = { item = \"a#b\" }"),
    (
        "components.nessie",
        "patches = [{ targets = {} }]",
        "patches = [{ target = { kind = \"Service\" }, merge = {} }]",
    ),
    ("environments.dev", "components.trino.pods.worker.replicas = -1", "components.trino.pods.worker.replicas = 1"),
    ("environments.dev", "components.trino.hots = \"q\"", "components.trino.host = \"q\""),
    ("environments.dev", "enable = 1", "enable = \"*\""),
    ("environments.dev.secrets", "refresh = \"1hour\"", "refresh = \"1h\""),
    ("clusters.main", "server = \"10.0.0.1\"", "server = \"https://10.0.0.1:6443\""),
    ("clusters.main", "kubernets = \"1.33\"", "kubernetes = \"1.33\""),
    ("jobs.bronze", "kind = \"spark\"\npods.drivr.cpu = \"1\"", "kind = \"spark\"\npods.driver.cpu = \"1\""),
    ("jobs.load", "when = \"often\"", "when = \"schedule\""),
    ("jobs.load", "schedule = \"60 * * * *\"", "schedule = \"*/5 1-4 * * mon\""),
    ("jobs.load", "kind = \"sparc\"", "kind = \"container\""),
];

#[test]
fn wrong_lines_are_refused_and_right_ones_are_not() {
    let mut report = String::new();
    for (table, wrong, right) in LINES {
        let platform = |lines: &str| format!("lakegen = \"1\"\n[{table}]\n{lines}\n");
        let by_checker = |text: &str| checked(&MemoryWorld::from_iter([("platform.toml", text.as_bytes().to_vec())]));
        let kind_is_elsewhere = wrong.contains("kind = \"sparc\"") || wrong.contains("password");
        if by_checker(&platform(wrong)).is_empty() && !kind_is_elsewhere && !table.starts_with("external") {
            report.push_str(&format!("the checker takes `{wrong}` in `[{table}]`\n"));
        }
        if errors(embedded(), &platform(wrong)).is_empty() {
            report.push_str(&format!("the schema takes `{wrong}` in `[{table}]`\n"));
        }
        for error in errors(embedded(), &platform(right)).iter().filter(|_| !right.is_empty()) {
            report.push_str(&format!("the schema refuses `{right}` in `[{table}]`: {error}\n"));
        }
        let found = by_checker(&platform(right));
        if !right.is_empty() && !found.is_empty() {
            report.push_str(&format!("the checker refuses `{right}` in `[{table}]`: {}\n", found[0].message));
        }
    }
    assert!(report.is_empty(), "{report}");
}

/// What layers say of a component counts as what the table at the top says that it is.
#[test]
fn a_layer_is_judged_by_what_the_component_uses() {
    let with = |base: &str| {
        format!(
            "lakegen = \"1\"\n[components]\n{base}\n[environments.dev]\ncomponents.trino = {{ image = \"a/b:1\" }}\n"
        )
    };
    assert!(!errors(embedded(), &with("trino = {}")).is_empty(), "Trino takes no `image`");
    assert_eq!(errors(embedded(), &with("trino = { uses = \"app\" }")), Vec::<String>::new());
}

#[test]
fn a_schema_says_who_wrote_it() {
    let catalogue = catalog::load_all(&MemoryWorld::default(), &mut Sources::default()).output;
    let text = schema::json_schema(&catalogue, "1.2.3").to_string();
    assert_eq!(schema::written_by(&text).as_deref(), Some("1.2.3"));
    assert_eq!(schema::written_by("{\"title\": \"lakegen platform\"}").as_deref(), Some(""));
    assert_eq!(schema::written_by("{}"), None);
}
