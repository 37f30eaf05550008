//! Platforms of any size for the benchmark: component and environment counts come in, a `platform.toml` goes out.
//!
//! They are made of the catalogue's real components, wired to each other as people wire them. No two instances are alike
//! in all values, and every environment differs from the others in a few.

use std::fmt::Write as _;

/// What every platform begins with.
const HEAD: &str = r#"lakegen = "1"

[platform]
name = "bench"
domain = "example.com"
engine = "argocd"
kubernetes = "1.33"

[git]
url = "https://git.example.com/acme/bench.git"

[secrets]
provider = "vault"
at = "https://vault.example.com"

[edges.web]
kind = "ingress"
class = "nginx"
tls = { issuer = "internal" }

[components]
external-secrets = {}
ingress-nginx = { address = "192.0.2.10" }
cert-manager = { issuers.internal = { kind = "self-signed-ca" } }
cloudnative-pg = {}
minio = { mode = "distributed", servers = 4, storage = "1Ti" }
"#;

/// How many components [`HEAD`] has.
const FIXED: usize = 5;

/// Returns the text of a platform with `components` components in each of `environments` environments.
pub fn platform(components: usize, environments: usize) -> String {
    let mut text = String::from(HEAD);
    let members: Vec<Member> = (0..components.saturating_sub(FIXED)).map(Member::at).collect();
    for team in 0..=components / Member::PER_TEAM {
        writeln!(text, "\n[buckets.lake-{team}]\nexpire_days = {}", 30 + team % 60).expect("a string takes all");
    }
    for member in &members {
        text.push_str(&member.table());
    }
    for environment in 0..environments {
        writeln!(text, "\n[environments.env-{environment}]\nplatform.domain = \"env-{environment}.example.com\"")
            .expect("a string takes all");
        for member in members.iter().filter(|_| environment > 0) {
            text.push_str(&member.difference(environment));
        }
    }
    text
}

/// One component of a team's share.
struct Member {
    team: usize,
    number: usize,
    kind: &'static str,
}

impl Member {
    /// A team has a database server, two catalogues, an engine and services of its own.
    const KINDS: [&str; 10] =
        ["postgres", "nessie", "hive-metastore", "trino", "app", "app", "app", "dbt", "app", "app"];
    const PER_TEAM: usize = Self::KINDS.len();

    fn at(index: usize) -> Self {
        let number = index % Self::PER_TEAM;
        Self { team: index / Self::PER_TEAM, number, kind: Self::KINDS[number] }
    }

    fn name(&self) -> String {
        match self.kind {
            "app" => format!("app-{}-{}", self.team, self.number),
            kind => format!("{kind}-{}", self.team),
        }
    }

    /// Returns the component's own table.
    fn table(&self) -> String {
        let Self { team, number, kind } = self;
        let keys = match *kind {
            "postgres" => format!("instances = 3\nstorage = \"{}Gi\"", 50 + team),
            "nessie" => format!("database = \"postgres-{team}/nessie\"\nwarehouse = \"lake-{team}\""),
            "hive-metastore" => format!("database = \"postgres-{team}/metastore\"\nwarehouse = \"lake-{team}\""),
            "trino" => format!(
                "host = \"query-{team}\"\nbuckets = [\"lake-{team}\"]\ncatalogs = {{ lake = \"nessie-{team}\", hive = \
                 \"hive-metastore-{team}\", mart = \"postgres-{team}/mart\" }}\npods.worker = {{ replicas = {}, cpu = \
                 \"2..4\", memory = \"16Gi..16Gi\" }}",
                2 + team % 5
            ),
            "dbt" => format!(
                "image = \"registry.example.com/acme/dbt:1.10.{team}\"\nengine = \"trino-{team}\"\ncatalog = \
                 \"lake\"\nrepository = {{ url = \"https://git.example.com/acme/dbt-{team}.git\" }}\nschedule = \"{} 4 * * *\"",
                team % 60
            ),
            _ => format!(
                "image = \"registry.example.com/acme/app-{number}:1.{team}.0\"\nport = 8080\nhealth = \
                 \"/healthz\"\nhost = \"app-{team}-{number}\"\nenv = {{ LOG_LEVEL = \"info\", TEAM = \"team-{team}\" \
                 }}\nconfig.\"app.yaml\" = \"team: {team}\\nnumber: {number}\\n\""
            ),
        };
        format!("\n[components.{}]\nuses = \"{kind}\"\n{keys}\n", self.name())
    }

    /// Returns what an environment says differently.
    fn difference(&self, environment: usize) -> String {
        let Self { team, number, kind } = self;
        let keys = match *kind {
            "postgres" => format!("instances = 1\nstorage = \"{}Gi\"", 5 + environment),
            "trino" => "pods.worker = { replicas = 1, cpu = \"1..2\", memory = \"8Gi..8Gi\" }".to_string(),
            "dbt" => "repository.ref = \"develop\"".to_string(),
            "app" if number % 2 == 0 => {
                format!("image = \"registry.example.com/acme/app-{number}:1.{team}.{environment}\"")
            }
            _ => return String::new(),
        };
        format!("\n[environments.env-{environment}.components.{}]\n{keys}\n", self.name())
    }
}

#[cfg(test)]
mod tests {
    use lakegen::compile::{Request, compile};
    use lakegen::world::memory::MemoryWorld;

    #[test]
    fn the_platforms_compile_and_grow_as_asked() {
        for (components, environments) in [(10, 2), (35, 3)] {
            let text = super::platform(components, environments);
            let world: MemoryWorld = [("platform.toml", text.into_bytes())].into_iter().collect();
            let compiled = compile(&world, &Request::default());
            assert!(compiled.is_ok(), "{:#?}", compiled.diagnostics);
            let platform = compiled.platform.expect("it compiled");
            assert_eq!(platform.targets.len(), environments);
            assert!(platform.targets.iter().all(|target| target.instances.len() == components));
        }
    }
}
