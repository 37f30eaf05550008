//! An OCI registry: a chart's repository and tag in, its manifest and its layer out.
//!
//! Protocol: the OCI distribution specification 1.1 (manifests, blobs, tags), the token dance of
//! <https://distribution.github.io/distribution/spec/auth/token/> and /oauth/, and Helm's media types
//! (helm.sh/helm/v3@v3.22.0 pkg/registry/constants.go).

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use super::address::{Address, Origin, origin};
use super::client::{Answer, Call, Client};
use super::credentials::{Credentials, Login};
use super::{BAD_ANSWER, CHART_NOT_FOUND, Class, LOGIN_NEEDED, Problem, REFUSED_HOST};
use crate::world::charts::{Digest, MAX_CHART_BYTES};

/// Manifests that Helm writes; registries that keep to Docker's name for them call them that.
const MANIFEST: &str =
    "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";
/// The layer that is the chart, and its name in Helm before 3.8.
const LAYERS: [&str; 2] = ["application/vnd.cncf.helm.chart.content.v1.tar+gzip", "application/tar+gzip"];
/// What registries must take at least (distribution specification, "Pushing Manifests"): 4 MiB.
const MAX_MANIFEST_BYTES: u64 = 4 << 20;
const MAX_TOKEN_BYTES: u64 = 1 << 20;
const MAX_TAGS_BYTES: u64 = 8 << 20;
/// Pages of tags that are asked for.
const MAX_PAGES: usize = 50;

/// A repository of a registry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub origin: Origin,
    /// Such as `charts/trino`.
    pub repository: String,
}

/// A chart's manifest, as far as it matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Of the manifest's own bytes.
    pub digest: Digest,
    pub layer: Digest,
}

/// Speaks to registries, and remembers their tokens.
pub struct Registries<'a> {
    client: &'a Client,
    credentials: &'a Credentials,
    /// The value of `Authorization` for each repository.
    tokens: Mutex<BTreeMap<Place, String>>,
}

impl<'a> Registries<'a> {
    /// Returns the registries that a client reaches.
    pub fn new(client: &'a Client, credentials: &'a Credentials) -> Self {
        Self { client, credentials, tokens: Mutex::default() }
    }

    /// Returns where a chart lies: `oci://host/folder` and the chart's name.
    ///
    /// # Errors
    /// When that is no address of a registry.
    pub fn place(&self, repository: &str, name: &str) -> Result<Place, Problem> {
        let odd = |reason: &str| super::repository::odd_text(repository, reason);
        crate::lock::check_url(repository).map_err(|reason| odd(&reason))?;
        let rest = repository.strip_prefix("oci://").ok_or_else(|| odd("does not begin with `oci://`"))?;
        let (authority, folder) = rest.split_once('/').unwrap_or((rest, ""));
        let of = |tls: bool| origin(tls, authority).map_err(|reason| odd(&reason));
        // Without TLS only where the operator said so, and never as a second try.
        let plain = of(false)?;
        let mut origin = if self.client.allowed().plain(&plain.host, plain.port) { plain } else { of(true)? };
        if origin.host == "docker.io" {
            origin.host = "registry-1.docker.io".into();
        }
        let parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).chain([name]).collect();
        // Distribution specification, "Pulling manifests": <name>; capitals are not allowed in it.
        let plain = |part: &&str| {
            part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
                && part.starts_with(|c: char| c.is_ascii_alphanumeric())
        };
        if !parts.iter().all(plain) {
            return Err(odd(
                "and the chart's name do not form a valid repository name: use lower-case letters, digits, `.`, `_` \
                and `-`",
            ));
        }
        Ok(Place { origin, repository: parts.join("/") })
    }

    /// Returns the manifest of a tag; nothing when there is no such tag.
    ///
    /// # Errors
    /// See [`Problem`].
    pub fn manifest(&self, place: &Place, tag: &str) -> Result<Option<Manifest>, Problem> {
        let address = Address::on(&place.origin, format!("/v2/{}/manifests/{tag}", place.repository));
        let Some(answer) = self.get(place, &address, MANIFEST, MAX_MANIFEST_BYTES)? else { return Ok(None) };
        let odd = |what: &str| Problem::new(&BAD_ANSWER, Class::Finding, format!("{address} {what}"));
        let value: Value = serde_json::from_slice(&answer.body).map_err(|_| {
            odd("is not a manifest: it is not valid \
        JSON")
        })?;
        let layers = value.get("layers").and_then(Value::as_array).ok_or_else(|| {
            odd("is not the manifest of a chart: it has no list of layers").help("use a chart, not an image")
        })?;
        let is_chart = |layer: &&Value| {
            layer.get("mediaType").and_then(Value::as_str).is_some_and(|media| LAYERS.contains(&media))
        };
        let mut charts = layers.iter().filter(is_chart);
        let layer = charts.next().ok_or_else(|| {
            odd("is not the manifest of a chart: no layer is a chart").help("use a chart, not an image")
        })?;
        if charts.next().is_some() {
            return Err(odd("has two layers that are charts"));
        }
        let digest = layer.get("digest").and_then(Value::as_str).and_then(Digest::parse);
        let digest = digest.ok_or_else(|| odd("does not refer to its layer by sha256 digest"))?;
        if layer.get("size").and_then(Value::as_u64).is_none_or(|size| size > MAX_CHART_BYTES) {
            return Err(odd(&format!("has a layer without a size, or larger than {} MiB", MAX_CHART_BYTES >> 20)));
        }
        Ok(Some(Manifest { digest: Digest::of(&answer.body), layer: digest }))
    }

    /// Returns a layer, whose digest is verified; nothing when the registry does not have it.
    ///
    /// # Errors
    /// See [`Problem`].
    pub fn layer(&self, place: &Place, digest: &Digest) -> Result<Option<Vec<u8>>, Problem> {
        let address = Address::on(&place.origin, format!("/v2/{}/blobs/{digest}", place.repository));
        let Some(answer) = self.get(place, &address, "*/*", MAX_CHART_BYTES)? else { return Ok(None) };
        let actual = Digest::of(&answer.body);
        if actual != *digest {
            return Err(Problem::mismatch(&format!("the response of {}", place.origin), "its URL", digest, &actual));
        }
        Ok(Some(answer.body))
    }

    /// Returns the tags of a repository; nothing when there is no such repository.
    ///
    /// # Errors
    /// See [`Problem`].
    pub fn tags(&self, place: &Place) -> Result<Option<Vec<String>>, Problem> {
        let mut tags = Vec::new();
        let mut address = Address::on(&place.origin, format!("/v2/{}/tags/list", place.repository));
        for _ in 0..MAX_PAGES {
            let Some(answer) = self.get(place, &address, "application/json", MAX_TAGS_BYTES)? else { return Ok(None) };
            let odd = |what: &str| Problem::new(&BAD_ANSWER, Class::Finding, format!("{address} {what}"));
            let value: Value = serde_json::from_slice(&answer.body).map_err(|_| odd("is not valid JSON"))?;
            let page = value.get("tags").ok_or_else(|| odd("has no list of tags"))?;
            // A repository without tags says null.
            tags.extend(page.as_array().into_iter().flatten().filter_map(Value::as_str).map(String::from));
            // Distribution specification, "Listing Tags": the next page is in a header, as RFC 5988 writes it.
            let next = answer.header("link").filter(|link| link.contains("rel=\"next\""));
            let Some(next) = next.and_then(|link| Some(link.split_once('<')?.1.split_once('>')?.0)) else { break };
            let next = address.join(next).map_err(|reason| odd(&format!("has a next page at a URL that {reason}")))?;
            if next.origin != place.origin || next == address {
                return Err(odd("has its next page on another host"));
            }
            address = next;
        }
        Ok(Some(tags))
    }

    fn tokens(&self) -> MutexGuard<'_, BTreeMap<Place, String>> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks a registry, and shows who lakegen is when it wants to know; nothing when there is no such thing.
    fn get(&self, place: &Place, address: &Address, accept: &str, limit: u64) -> Result<Option<Answer>, Problem> {
        let send = || {
            let token = self.tokens().get(place).cloned();
            // For this registry only, wherever it redirects to.
            let authorize = |at: &Address| token.clone().filter(|_| at.origin == place.origin);
            self.client.send(&Call { address, accept, limit, compressible: false, form: None, authorize: &authorize })
        };
        let mut answer = send()?;
        let mut shown = false;
        if answer.status == 401 {
            shown = self.introduce(place, &answer)?;
            answer = send()?;
        }
        match answer.status {
            200 => Ok(Some(answer)),
            404 => Ok(None),
            401 | 403 => Err(denied(place, answer.status, shown)),
            status => Err(Problem::new(&BAD_ANSWER, Class::Finding, format!("{address} answers {status}"))),
        }
    }

    /// Gets what a registry asks for, and says whether there was a login for it.
    fn introduce(&self, place: &Place, answer: &Answer) -> Result<bool, Problem> {
        let login = self.credentials.of_registry(&place.origin, &place.repository);
        let login = login.map_err(|reason| Problem::new(&LOGIN_NEEDED, Class::Environment, reason))?;
        let challenges: Vec<Challenge> = answer.headers("www-authenticate").filter_map(Challenge::parse).collect();
        let header = match &login {
            Some(Login::Bearer(token)) => Some(format!("Bearer {token}")),
            _ => match challenges.iter().find(|challenge| challenge.scheme == "bearer") {
                Some(challenge) => Some(format!("Bearer {}", self.token(place, challenge, login.as_ref())?)),
                None if challenges.iter().any(|challenge| challenge.scheme == "basic") => {
                    login.as_ref().and_then(Login::header)
                }
                None => None,
            },
        };
        if let Some(header) = header {
            self.tokens().insert(place.clone(), header);
        }
        Ok(login.is_some())
    }

    /// Gets a token from the server that the registry names.
    fn token(&self, place: &Place, challenge: &Challenge, login: Option<&Login>) -> Result<String, Problem> {
        let bad = |what: &str| Problem::new(&BAD_ANSWER, Class::Finding, format!("{} {what}", place.origin));
        let realm = challenge.get("realm").ok_or_else(|| bad("requires a token but does not say where to get one"))?;
        let realm = Address::parse(realm).map_err(|reason| {
            let message = format!("{} requests a token from a URL that {reason}", place.origin);
            Problem::new(&REFUSED_HOST, Class::Finding, message)
        })?;
        // The registry names who may see its credentials; never over a line that it does not use itself.
        if place.origin.tls && !realm.origin.tls {
            let message = format!("{} requests a token from {realm}, which is not encrypted", place.origin);
            return Err(Problem::new(&REFUSED_HOST, Class::Finding, message));
        }
        let scope = format!("repository:{}:pull", place.repository);
        let service = challenge.get("service").unwrap_or("");
        let mut address = realm.clone();
        let mut form = None;
        let mut header = None;
        if let Some(Login::Identity(token)) = login {
            form = Some(
                [
                    ("grant_type", "refresh_token"),
                    ("client_id", "lakegen"),
                    ("service", service),
                    ("scope", &scope),
                    ("refresh_token", token),
                ]
                .map(|(key, value)| format!("{key}={}", escaped(value)))
                .join("&"),
            );
        } else {
            if !service.is_empty() {
                address = address.with("service", service);
            }
            address = address.with("scope", &scope);
            header = login.and_then(Login::header);
        }
        let authorize = |at: &Address| header.clone().filter(|_| at.origin == realm.origin);
        let call = Call {
            address: &address,
            accept: "application/json",
            limit: MAX_TOKEN_BYTES,
            compressible: false,
            form: form.as_deref(),
            authorize: &authorize,
        };
        let answer = self.client.send(&call)?;
        if matches!(answer.status, 400 | 401 | 403) {
            return Err(denied(place, answer.status, login.is_some()));
        }
        let value: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let token = ["token", "access_token"].into_iter().find_map(|key| value.get(key).and_then(Value::as_str));
        let plain = |token: &&str| !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic());
        match token.filter(plain) {
            Some(token) if answer.status == 200 => Ok(token.to_owned()),
            _ => Err(bad(&format!("requests a token from {realm}, which returned none"))),
        }
    }
}

fn escaped(value: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    value.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

fn denied(place: &Place, status: u16, known: bool) -> Problem {
    let host = place.origin.to_string();
    let host = host.split_once("://").map_or(host.as_str(), |(_, rest)| rest);
    let message = format!("{host} denied access to `{}`: it answers {status}", place.repository);
    let problem = Problem::new(&LOGIN_NEEDED, Class::Environment, message)
        .help(format!("run `helm registry login {host}` or `docker login {host}`, or use `--credentials FILE`"));
    if known {
        return problem.note("the stored login was rejected");
    }
    // Registries say so too when there is no such repository, so as not to give away which ones there are.
    problem.note("there is no stored login for it; many registries also answer this way when the chart does not exist")
}

/// Returns the problem of a tag that is not there.
pub fn missing(place: &Place, wanted: &str, near: &[String]) -> Problem {
    let message = format!("{} has no version {wanted} of `{}`", place.origin, place.repository);
    let problem = Problem::new(&CHART_NOT_FOUND, Class::Finding, message);
    match near {
        [] => problem,
        near => problem.note(format!(
            "its latest versions are {}",
            crate::diag::quoted_list(near.iter().map(String::as_str), "and")
        )),
    }
}

/// What a server wants to be told, from `WWW-Authenticate` (RFC 9110, section 11.6.1).
#[derive(Debug, PartialEq, Eq)]
struct Challenge {
    /// Lower case.
    scheme: String,
    parameters: Vec<(String, String)>,
}

impl Challenge {
    fn get(&self, key: &str) -> Option<&str> {
        self.parameters.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    fn parse(text: &str) -> Option<Self> {
        let (scheme, mut rest) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
        let mut parameters = Vec::new();
        loop {
            rest = rest.trim_start_matches([' ', ',', '\t']);
            let Some((key, value)) = rest.split_once('=') else { break };
            let key = key.trim().to_ascii_lowercase();
            let value = value.trim_start();
            let (value, left) = if let Some(quoted) = value.strip_prefix('"') {
                let (mut text, mut end) = (String::new(), None);
                let mut chars = quoted.char_indices();
                while let Some((at, c)) = chars.next() {
                    match c {
                        '"' => {
                            end = Some(at + 1);
                            break;
                        }
                        '\\' => text.extend(chars.next().map(|(_, c)| c)),
                        c => text.push(c),
                    }
                }
                (text, quoted.get(end?..)?)
            } else {
                let end = value.find([',', ' ']).unwrap_or(value.len());
                (value[..end].to_owned(), &value[end..])
            };
            parameters.push((key, value));
            rest = left;
        }
        Some(Self { scheme: scheme.to_ascii_lowercase(), parameters })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges() {
        let found = Challenge::parse(
            "Bearer realm=\"https://auth.docker.io/token\",service=\"registry.docker.io\",scope=\"repository:a/b:pull,push\"",
        )
        .unwrap();
        assert_eq!(found.scheme, "bearer");
        assert_eq!(found.get("realm"), Some("https://auth.docker.io/token"));
        assert_eq!(found.get("scope"), Some("repository:a/b:pull,push"));
        let found = Challenge::parse("BASIC realm=\"a \\\"b\\\"\" , charset=UTF-8").unwrap();
        assert_eq!(
            (found.scheme.as_str(), found.get("realm"), found.get("charset")),
            ("basic", Some("a \"b\""), Some("UTF-8"))
        );
        assert_eq!(Challenge::parse("Negotiate").unwrap().parameters, []);
        assert_eq!(Challenge::parse("Bearer realm=\"open"), None);
        for text in ["", "=", "Bearer =", "Bearer a=\"", "Bearer ,,,", "Bearer \u{fffd}=\""] {
            let _ = Challenge::parse(text);
        }
    }
}
