//! Thirty frequent mistakes: what the help shows can be pasted, and mends them.
//!
//! Each mistake is compiled, its finding is looked up, the pasted text must stand in backticks in the help, and with it
//! the finding is gone and nothing else is wrong.

use lakegen::compile::{Compiled, Request, compile};
use lakegen::diag::{Diagnostic, Level};
use lakegen::world::memory::MemoryWorld;

/// What every mistake is made in.
const BASE: &str = r#"lakegen = "1"
[platform]
name = "lake"
domain = "example.com"
[git]
url = "https://git.example.com/acme/lake.git"
[secrets]
provider = "vault"
at = "https://vault.example.com"
[edges.web]
kind = "ingress"
class = "nginx"
[external.s3]
provides = "bucket"
endpoint = "https://s3.example.com"
host = "s3.example.com"
port = 443
credentials = "s3/keys"
[components]
external-secrets = {}
cloudnative-pg = {}
postgres = {}
"#;

/// Two lines that the help shows for a password in clear.
const SECRET: &str =
    "secrets.db-password.keys.value = \"${item.value}\"\nenv.DB_PASSWORD = \"${secrets.db-password.value}\"";

const APP: &str = "uses = \"app\"\nimage = \"registry.example.com/acme/portal:1.0.0\"\nport = 8080\n";

/// How the help is followed.
enum Paste {
    /// A text of the file, what it becomes, and what of that was pasted.
    Over(&'static str, &'static str, &'static str),
    /// Lines go below a table's header; a header that the file does not have is pasted at its end.
    Below(&'static str, &'static [&'static str]),
    /// The help names what to do, and people have to decide how.
    Think,
}
use Paste::{Below, Over, Think};

struct Mistake {
    name: &'static str,
    /// Lines of the base that are missing here.
    without: &'static [&'static str],
    /// What follows the base; `APP` stands for the keys of a small service.
    text: &'static str,
    /// `extra.yaml`, when it is not empty.
    manifest: &'static str,
    slug: &'static str,
    paste: Paste,
}

const fn of(name: &'static str, text: &'static str, slug: &'static str, paste: Paste) -> Mistake {
    Mistake { name, without: &[], text, manifest: "", slug, paste }
}

const MISTAKES: &[Mistake] = &[
    of("a misspelt key", "[components.a]\nAPPhots = \"a\"\n", "unknown-key", Over("hots", "host", "host")),
    of("a misspelt table", "[environmnts.dev]\n", "unknown-key", Over("environmnts", "environments", "environments")),
    of("a misspelt component", "nesie = {}\n", "unknown-component", Over("nesie", "nessie", "nessie")),
    of(
        "a number in quotes",
        "[components.a]\nAPPpods.main.replicas = \"3\"\n",
        "wrong-type",
        Over("replicas = \"3\"", "replicas = 3", "3"),
    ),
    of(
        "a string without quotes",
        "[vars]\n[namespaces.a]\nlabels.tier = 1\n",
        "wrong-type",
        Over("tier = 1", "tier = \"1\"", "\"1\""),
    ),
    of(
        "a size without a unit",
        "[components.minio]\nstorage = 20\n",
        "wrong-type",
        Over("storage = 20", "storage = \"20Gi\"", "\"20Gi\""),
    ),
    of(
        "a size that Kubernetes does not know",
        "[buckets.raw]\nmax_size = \"20 GB\"\n",
        "invalid-value",
        Over("20 GB", "20G", "20G"),
    ),
    of(
        "a schedule with seconds",
        "[jobs.load]\nimage = \"registry.example.com/acme/load:1.0.0\"\nschedule = \"0 0 2 * * *\"\n",
        "invalid-value",
        Over("0 0 2 * * *", "0 2 * * *", "0 2 * * *"),
    ),
    of(
        "a name with capitals",
        "[components.a]\nAPPnamespace = \"Data Lake\"\n",
        "invalid-value",
        Over("Data Lake", "data-lake", "data-lake"),
    ),
    Mistake {
        without: &["postgres = {}"],
        ..of("nothing provides it", "nessie = {}\n", "missing-provider", Below("[components]", &["postgres = {}"]))
    },
    of(
        "two providers",
        "pg = { uses = \"postgres\" }\n[components.nessie]\n",
        "ambiguous-provider",
        Below("[components.nessie]", &["database = \"postgres\""]),
    ),
    of(
        "the wrong kind of provider",
        "[components.a]\nAPPdatabase = \"external-secrets\"\n",
        "mistyped-wiring",
        Over("database = \"external-secrets\"", "database = \"postgres\"", "postgres"),
    ),
    of(
        "a value that the chart does not have",
        "[components.trino]\nvalues.server.workerz = 3\n",
        "unknown-value",
        Over("server.workerz", "server.workers", "server.workers"),
    ),
    of(
        "a value of another type",
        "[components.trino]\nvalues.server.autoscaling.enabled = \"true\"\n",
        "wrong-value-type",
        Over("enabled = \"true\"", "enabled = true", "true"),
    ),
    of(
        "a password in clear",
        "[components.a]\nAPPenv.DB_PASSWORD = \"k7Dq2vX9sLp4\"\n",
        "plain-secret",
        Over("env.DB_PASSWORD = \"k7Dq2vX9sLp4\"", SECRET, SECRET),
    ),
    of(
        "one host twice",
        "[components.a]\nAPPhost = \"portal\"\n[components.b]\nAPPhost = \"portal\"\n",
        "duplicate-host",
        Over("[components.b]\nAPPhost = \"portal\"", "[components.b]\nAPPhost = \"b\"", "host = \"b\""),
    ),
    Mistake {
        without: &["[edges.web]", "kind = \"ingress\"", "class = \"nginx\""],
        ..of(
            "a host without an edge",
            "[components.a]\nAPPhost = \"a\"\n",
            "missing-key",
            Below("[edges]", &["web = { kind = \"ingress\", class = \"nginx\" }"]),
        )
    },
    of(
        "an image that moves",
        "[components.a]\nuses = \"app\"\nimage = \"registry.example.com/acme/portal:latest\"\n",
        "floating-image",
        Over("acme/portal:latest", "acme/portal:1.4.2", "registry.example.com/acme/portal:1.4.2"),
    ),
    Mistake {
        manifest: "apiVersion: v1\nkind: Pod\nmetadata:\n  name: debug\nspec:\n  containers:\n    - {name: main, image: \"registry.example.com/acme/portal:1.0.0\"}\n",
        ..of("a bare Pod", "[components.m]\nuses = \"manifests\"\nmanifests = \"extra.yaml\"\n", "bare-pod", Think)
    },
    Mistake {
        manifest: "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  namespace: analytics\n",
        ..of(
            "a namespace that is not there",
            "[components.m]\nuses = \"manifests\"\nmanifests = \"extra.yaml\"\n",
            "missing-namespace",
            Below("[namespaces]", &["analytics.existing = true"]),
        )
    },
    Mistake {
        without: &["[secrets]", "provider = \"vault\"", "at = \"https://vault.example.com\""],
        ..of(
            "no secret store",
            "nessie = {}\n",
            "no-secret-store",
            Below("[secrets]", &["provider = \"vault\"", "at = \"https://vault.example.com\""]),
        )
    },
    Mistake {
        without: &["domain = \"example.com\""],
        ..of(
            "no domain",
            "[components.a]\nAPPhost = \"a\"\n",
            "missing-key",
            Below("[platform]", &["domain = \"example.com\""]),
        )
    },
    of(
        "a required option left out",
        "[components.a]\nuses = \"app\"\n",
        "missing-key",
        Below("[components.a]", &["image = \"ghcr.io/acme/app:1.0.0\""]),
    ),
    of(
        "a binding in a name",
        "[components.a]\nAPPdatabase = \"postgres\"\nnamespace = \"${requires.database.host}\"\n",
        "late-reference",
        Think,
    ),
    of(
        "a misspelt variable",
        "[vars]\nregion = \"eu\"\n[components.a]\nAPPenv.REGION = \"${vars.regoin}\"\n",
        "bad-reference",
        Over("vars.regoin", "vars.region", "region"),
    ),
    of(
        "a misspelt first word",
        "[components.a]\nAPPenv.NAME = \"${platfrom.name}\"\n",
        "bad-reference",
        Over("platfrom.name", "platform.name", "platform.name"),
    ),
    of(
        "a misspelt member",
        "[components.portal]\nAPP[namespaces.apps]\nmembers = [\"portl\"]\n",
        "unknown-name",
        Over("portl\"", "portal\"", "portal"),
    ),
    of("an operator that is missing", "kafka = {}\n", "unknown-kind", Below("[components]", &["strimzi = {}"])),
    of(
        "a notification without a token",
        "[notify.people]\nkind = \"slack\"\nchannel = \"data\"\n",
        "missing-key",
        Below("[notify.people]", &["secret = \"notify/people#token\""]),
    ),
    of(
        "a patch for a kind that is misspelt",
        "[components.a]\nAPP[[components.a.patches]]\ntarget = { kind = \"Deploymnt\" }\nmerge.spec.revisionHistoryLimit = 3\n",
        "unmatched-patch",
        Over("Deploymnt", "Deployment", "Deployment"),
    ),
];

fn platform(mistake: &Mistake) -> String {
    let base: Vec<&str> = BASE.lines().filter(|line| !mistake.without.contains(line)).collect();
    format!("{}\n{}", base.join("\n"), mistake.text).replace("APP", APP)
}

fn compiled(platform: &str, manifest: &str) -> Compiled {
    let mut world = MemoryWorld::default();
    world.insert("platform.toml", platform.as_bytes().to_vec());
    if !manifest.is_empty() {
        world.insert("extra.yaml", manifest.as_bytes().to_vec());
    }
    compile(&world, &Request::default())
}

/// Returns what is in backticks in the help of a finding.
fn shown(diagnostic: &Diagnostic) -> Vec<String> {
    let parts = |help: &String| help.split('`').skip(1).step_by(2).map(String::from).collect::<Vec<_>>();
    diagnostic.help.iter().flat_map(parts).collect()
}

fn line_after(text: &str, header: &str, lines: &str) -> String {
    match text.contains(&format!("{header}\n")) {
        true => text.replacen(&format!("{header}\n"), &format!("{header}\n{lines}\n"), 1),
        false => format!("{text}{header}\n{lines}\n"),
    }
}

/// Follows the help; `None` when people have to think.
///
/// # Errors
/// When the help does not show what is pasted.
fn mended(mistake: &Mistake, text: &str, shown: &[String]) -> Result<Option<String>, String> {
    let is_shown = |piece: &str| match shown.iter().any(|part| part == piece) {
        true => Ok(()),
        false => Err(format!("`{piece}` is not in {shown:?}")),
    };
    Ok(Some(match mistake.paste {
        Over(old, new, pasted) => {
            let (old, new) = (old.replace("APP", APP), new.replace("APP", APP));
            assert_eq!(text.matches(&old).count(), 1, "{}: `{old}`", mistake.name);
            pasted.lines().try_for_each(is_shown)?;
            text.replacen(&old, &new, 1)
        }
        Below(header, lines) => {
            lines.iter().try_for_each(|line| is_shown(line))?;
            if !text.contains(&format!("{header}\n")) {
                is_shown(header)?;
            }
            line_after(text, header, &lines.join("\n"))
        }
        Think => return Ok(None),
    }))
}

/// Says whether the help could be pasted.
///
/// # Errors
/// When the mistake is not found, the help does not show what is pasted, or that does not mend it.
fn judged(mistake: &Mistake) -> Result<bool, String> {
    let text = platform(mistake);
    let before = compiled(&text, mistake.manifest);
    let said = |compiled: &Compiled| {
        let all = compiled.diagnostics.iter().filter(|d| d.level != Level::Note);
        all.map(|d| format!("\n  {}: {} {:?}", d.code.slug, d.message, d.help)).collect::<String>()
    };
    let finding = before.diagnostics.iter().find(|d| d.code.slug == mistake.slug);
    let finding = finding.ok_or_else(|| format!("no `{}`, but{}", mistake.slug, said(&before)))?;
    let Some(mended) = mended(mistake, &text, &shown(finding))? else { return Ok(false) };
    let after = compiled(&mended, mistake.manifest);
    match after.diagnostics.iter().any(|d| d.level == Level::Error || d.code.slug == mistake.slug) {
        true => Err(format!("is not mended:{}\n{mended}", said(&after))),
        false => Ok(true),
    }
}

#[test]
fn what_the_help_shows_mends_the_mistake() {
    assert_eq!(MISTAKES.len(), 30);
    let mut pasted = 0;
    let mut wrong = String::new();
    for mistake in MISTAKES {
        match judged(mistake) {
            Ok(true) => pasted += 1,
            Ok(false) => {}
            Err(problem) => wrong.push_str(&format!("{}: {problem}\n", mistake.name)),
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(pasted >= 25, "only {pasted} of 30 can be pasted");
}
