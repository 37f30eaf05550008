//! The credentials that `docker login`, `podman login` and `helm registry login` keep: their files come in, a login for
//! one registry goes out. The files are those of the person who runs lakegen, and they are only read when a registry asks.
//!
//! Format: <https://github.com/docker/cli/blob/v28.0.0/cli/config/configfile/file.go> and containers-auth.json(5).

use std::io::Read as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use super::address::Origin;
use super::credentials::Login;
use super::helper;

/// Largest file that is read, in bytes.
const MAX_BYTES: u64 = 1 << 20;
/// Docker's own registry, which has one name in its configuration and another on the wire.
const HUB: [&str; 3] = ["index.docker.io", "docker.io", "registry-1.docker.io"];

/// The files to look into, best first.
#[derive(Clone, Debug, Default)]
pub struct Docker {
    files: Vec<PathBuf>,
}

impl Docker {
    /// Returns the places of this machine; `variable` reads the environment.
    pub fn find(variable: &dyn Fn(&str) -> Option<PathBuf>) -> Self {
        let home = variable("HOME").or_else(|| variable("USERPROFILE"));
        let below = |path: &str| home.as_ref().map(|home| home.join(path));
        let helm = variable("HELM_CONFIG_HOME")
            .or_else(|| variable("XDG_CONFIG_HOME").map(|folder| folder.join("helm")))
            .or_else(|| below(".config/helm"));
        let files = [
            // helm.sh/docs/helm/helm: HELM_REGISTRY_CONFIG.
            variable("HELM_REGISTRY_CONFIG").or_else(|| helm.map(|folder| folder.join("registry/config.json"))),
            variable("REGISTRY_AUTH_FILE")
                .or_else(|| variable("XDG_RUNTIME_DIR").map(|folder| folder.join("containers/auth.json"))),
            variable("DOCKER_CONFIG").or_else(|| below(".docker")).map(|folder| folder.join("config.json")),
        ];
        Self { files: files.into_iter().flatten().collect() }
    }

    /// Returns the login for a repository of a registry.
    ///
    /// # Errors
    /// When a file that is there cannot be understood, or a helper fails.
    pub fn login(&self, origin: &Origin, repository: &str) -> Result<Option<Login>, String> {
        for file in &self.files {
            let Some(text) = read(file)? else { continue };
            let value: Value = serde_json::from_slice(&text)
                .map_err(|_| format!("`{}` is not valid JSON; log in to the registry again", file.display()))?;
            let found = in_config(&value, origin, repository)
                .map_err(|reason| format!("`{}` has a broken entry for {origin}: {reason}", file.display()))?;
            match found {
                Some(Entry::Login(login)) => return Ok(Some(login)),
                Some(Entry::Helper { program, server }) => {
                    if let Some(login) = helper::ask(&program, &server)? {
                        return Ok(Some(login));
                    }
                }
                None => {}
            }
        }
        Ok(None)
    }
}

fn read(file: &Path) -> Result<Option<Vec<u8>>, String> {
    let failed =
        |error: &std::io::Error| format!("cannot read `{}`: {}", file.display(), crate::diag::stop::reason(error));
    let open = match std::fs::File::open(file) {
        Ok(open) => open,
        Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(failed(&error)),
    };
    let mut bytes = Vec::new();
    open.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| failed(&error))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format!("`{}` is larger than {} KiB", file.display(), MAX_BYTES >> 10));
    }
    Ok(Some(bytes))
}

/// What a configuration has for a registry.
enum Entry {
    Login(Login),
    Helper { program: String, server: String },
}

/// Looks a registry up in one configuration.
fn in_config(config: &Value, origin: &Origin, repository: &str) -> Result<Option<Entry>, &'static str> {
    let keys = keys(origin, repository);
    let of = |table: &str| {
        let table = config.get(table).and_then(Value::as_object);
        keys.iter().find_map(|key| {
            table?.iter().find(|(name, _)| normal(name) == *key).map(|(name, value)| (name.as_str(), value))
        })
    };
    let helper = |program: &Value, server: &str| {
        program
            .as_str()
            .filter(|p| !p.is_empty())
            .map(|program| Entry::Helper { program: program.to_owned(), server: server.to_owned() })
    };
    if let Some((server, program)) = of("credHelpers") {
        return helper(program, server).ok_or("its helper has no name").map(Some);
    }
    let auth = of("auths");
    if let Some((_, auth)) = auth
        && let Some(login) = login(auth)?
    {
        return Ok(Some(Entry::Login(login)));
    }
    // A store of all credentials has an empty entry for each of them.
    if let Some(program) = config.get("credsStore") {
        let server = auth.map_or_else(|| keys.last().cloned().unwrap_or_default(), |(server, _)| server.to_owned());
        let server = if HUB.contains(&server.as_str()) { "https://index.docker.io/v1/".into() } else { server };
        return Ok(helper(program, &server));
    }
    Ok(None)
}

fn login(auth: &Value) -> Result<Option<Login>, &'static str> {
    let text = |key: &str| auth.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    if let Some(token) = text("identitytoken") {
        return if is_plain(token) { Ok(Some(Login::Identity(token.into()))) } else { Err("its token is malformed") };
    }
    if let Some(token) = text("registrytoken") {
        return if is_plain(token) { Ok(Some(Login::Bearer(token.into()))) } else { Err("its token is malformed") };
    }
    let pair = match (text("auth"), text("username"), text("password")) {
        (Some(auth), ..) => {
            let bytes = BASE64_STANDARD.decode(auth.trim()).map_err(|_| "`auth` is not base64")?;
            let decoded = String::from_utf8(bytes).map_err(|_| "`auth` is not text")?;
            let (username, password) = decoded.split_once(':').ok_or("`auth` has no password")?;
            (username.to_owned(), password.trim_end_matches('\0').to_owned())
        }
        (None, Some(username), Some(password)) => (username.to_owned(), password.to_owned()),
        _ => return Ok(None),
    };
    let (username, password) = pair;
    Ok(Some(Login::Basic { username, password }))
}

fn is_plain(token: &str) -> bool {
    token.bytes().all(|b| b.is_ascii_graphic())
}

/// Returns the keys that mean a repository, best first: podman allows folders, everybody else names the host.
fn keys(origin: &Origin, repository: &str) -> Vec<String> {
    let usual = if origin.tls { 443 } else { 80 };
    let mut hosts = vec![format!("{}:{}", origin.host, origin.port)];
    if origin.port == usual {
        hosts.push(origin.host.clone());
    }
    if HUB.contains(&origin.host.as_str()) && origin.tls && origin.port == 443 {
        hosts.extend(HUB.map(String::from));
    }
    let mut keys = Vec::new();
    let mut folder = repository;
    while !folder.is_empty() {
        keys.extend(hosts.iter().map(|host| format!("{host}/{folder}")));
        folder = folder.rsplit_once('/').map_or("", |(outer, _)| outer);
    }
    keys.extend(hosts);
    keys
}

/// Returns a key without its scheme and without the version that docker adds to some.
fn normal(key: &str) -> String {
    let key = key.strip_prefix("https://").unwrap_or(key).trim_end_matches('/');
    let key = key.strip_suffix("/v1").or_else(|| key.strip_suffix("/v2")).unwrap_or(key);
    let (host, rest) = key.split_once('/').map_or((key, None), |(host, rest)| (host, Some(rest)));
    let host = host.to_ascii_lowercase();
    rest.map_or(host.clone(), |rest| format!("{host}/{rest}"))
}

#[cfg(test)]
mod tests {
    use super::super::address::Address;
    use super::*;

    fn found(config: &str, registry: &str, repository: &str) -> Option<String> {
        let origin = Address::parse(registry).unwrap().origin;
        let config: Value = serde_json::from_str(config).unwrap();
        in_config(&config, &origin, repository).unwrap().map(|entry| match entry {
            Entry::Login(Login::Basic { username, password }) => format!("{username}:{password}"),
            Entry::Login(Login::Bearer(token)) => format!("bearer {token}"),
            Entry::Login(Login::Identity(token)) => format!("identity {token}"),
            Entry::Helper { program, server } => format!("{program} for {server}"),
        })
    }

    /// T67: an entry is for its host and port only.
    #[test]
    fn t67_entries_are_for_their_host() {
        let config = r#"{"auths": {
            "registry.example.com": {"auth": "YTpi"},
            "https://Other.example.com:5000/v2/": {"username": "c", "password": "d:e"},
            "shared.example.com/team": {"auth": "dGVhbTp0"},
            "shared.example.com": {"identitytoken": "i"},
            "https://index.docker.io/v1/": {"auth": "aHViOmh1Yg=="},
            "http://plain.example.com": {"auth": "YTpi"},
            "empty.example.com": {}
        }}"#;
        for (registry, repository, expected) in [
            ("https://registry.example.com", "x/y", Some("a:b")),
            ("https://registry.example.com:5000", "x", None),
            ("https://registry.example.com.evil.example", "x", None),
            ("https://other.example.com:5000", "x", Some("c:d:e")),
            ("https://other.example.com", "x", None),
            ("https://shared.example.com", "team/trino", Some("team:t")),
            ("https://shared.example.com", "teams/trino", Some("identity i")),
            ("https://registry-1.docker.io", "library/x", Some("hub:hub")),
            ("https://plain.example.com", "x", None),
            ("https://empty.example.com", "x", None),
        ] {
            assert_eq!(found(config, registry, repository).as_deref(), expected, "{registry}/{repository}");
        }
    }

    #[test]
    fn helpers_are_named_by_registry_or_for_all() {
        let config = r#"{"credHelpers": {"1.dkr.ecr.eu-west-1.amazonaws.com": "ecr-login"}, "credsStore": "desktop",
            "auths": {"https://index.docker.io/v1/": {}}}"#;
        for (registry, expected) in [
            ("https://1.dkr.ecr.eu-west-1.amazonaws.com", "ecr-login for 1.dkr.ecr.eu-west-1.amazonaws.com"),
            ("https://ghcr.io", "desktop for ghcr.io"),
            ("https://registry-1.docker.io", "desktop for https://index.docker.io/v1/"),
        ] {
            assert_eq!(found(config, registry, "x").as_deref(), Some(expected));
        }
    }
}
