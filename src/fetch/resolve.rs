//! A chart that is wanted → what the lock says of it, with the bytes; and the bytes of what is locked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::address::Address;
use super::client::Client;
use super::credentials::Credentials;
use super::index::{self, NoRelease};
use super::registry::{self, Place, Registries};
use super::{BAD_ANSWER, CHART_NOT_FOUND, Class, Problem, repository};
use crate::catalog::Chart;
use crate::diag::{near, quoted_list};
use crate::helm::version::{Constraint, Version};
use crate::lock::{self, Locked};
use crate::world::charts::Digest;

/// How many versions a message names.
const SHOWN: usize = 3;

/// A chart with its bytes.
#[derive(Clone, Debug)]
pub struct Resolved {
    pub locked: Locked,
    pub bytes: Vec<u8>,
}

/// Everything that charts come from.
pub struct Sources<'a> {
    client: &'a Client,
    credentials: &'a Credentials,
    registries: Registries<'a>,
    /// Indexes of this run, by repository.
    indexes: Mutex<BTreeMap<String, Arc<str>>>,
}

impl<'a> Sources<'a> {
    /// Returns the sources that a client reaches.
    pub fn new(client: &'a Client, credentials: &'a Credentials) -> Self {
        Self { client, credentials, registries: Registries::new(client, credentials), indexes: Mutex::default() }
    }

    /// Finds a chart where the platform says, and fetches it.
    ///
    /// # Errors
    /// See [`Problem`].
    pub fn resolve(&self, chart: &Chart) -> Result<Resolved, Problem> {
        lock::check_name(&chart.name).map_err(|reason| {
            let message = format!("the chart name `{}` {reason}", chart.name.escape_debug());
            Problem::new(&BAD_ANSWER, Class::Finding, message)
        })?;
        let found = if chart.is_oci() { self.in_registry(chart)? } else { self.in_repository(chart)? };
        check_packed(&found.locked.url, &found.bytes)?;
        Ok(found)
    }

    /// Fetches what is locked, and verifies it.
    ///
    /// # Errors
    /// See [`Problem`].
    pub fn fetch(&self, locked: &Locked) -> Result<Vec<u8>, Problem> {
        let what = format!("chart `{}` {}", locked.name, locked.version);
        let gone = |place: &str| {
            let message = format!("{what} is no longer at {place}");
            Problem::new(&CHART_NOT_FOUND, Class::Finding, message)
                .help(format!("run `lakegen lock --update {}` to find its new location", locked.name))
        };
        let bytes = if locked.repository.starts_with("oci://") {
            let place = self.registries.place(&locked.repository, &locked.name)?;
            let layer = self.registries.layer(&place, &locked.digest)?;
            layer.ok_or_else(|| gone(&locked.repository))?
        } else {
            let address = read_address(&locked.url)?;
            repository::archive(self.client, self.credentials, &address)?.ok_or_else(|| gone(&address.to_string()))?
        };
        let actual = Digest::of(&bytes);
        if actual == locked.digest {
            return Ok(bytes);
        }
        let problem = Problem::mismatch(&format!("{what} as served"), "the lock", &locked.digest, &actual);
        Err(problem.help(format!(
            "ask the chart's owner what happened; if the new contents are legitimate, run `lakegen lock --update {}`",
            locked.name
        )))
    }

    fn index(&self, address: &Address) -> Result<Arc<str>, Problem> {
        let key = address.text();
        let known = || self.indexes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(text) = known().get(&key).cloned() {
            return Ok(text);
        }
        let text: Arc<str> = repository::index(self.client, self.credentials, address)?.into();
        known().insert(key, text.clone());
        Ok(text)
    }

    fn in_repository(&self, chart: &Chart) -> Result<Resolved, Problem> {
        let base = read_address(&chart.repository)?;
        let text = self.index(&base)?;
        let release = index::find(&text, &chart.name, &chart.version).map_err(|no| no_release(chart, &base, no))?;
        lock::check_version(&release.version).map_err(|reason| {
            let message = format!("the version `{}` in the index of {base} {reason}", release.version.escape_debug());
            Problem::new(&BAD_ANSWER, Class::Finding, message)
        })?;
        let mut last = None;
        for url in &release.urls {
            let address = match base.folder().join(url) {
                // helm.sh/helm/v3@v3.22.0 pkg/repo/chartrepo.go, `ResolveReferenceURL`: relative ones get the query.
                Ok(address) if !url.contains("://") => base.lend_query(address),
                Ok(address) => address,
                Err(reason) => {
                    let what = format!("in the index of {base} for chart `{}`", chart.name);
                    last = Some(repository::odd_address(&what, &reason));
                    continue;
                }
            };
            match repository::archive(self.client, self.credentials, &address) {
                Ok(Some(bytes)) => {
                    let digest = Digest::of(&bytes);
                    promised(&release, &address, &digest)?;
                    let locked = Locked {
                        name: chart.name.clone(),
                        repository: lock::repository(&chart.repository).to_owned(),
                        wanted: chart.version.clone(),
                        version: release.version.clone(),
                        digest,
                        manifest: None,
                        url: address.text(),
                    };
                    return Ok(Resolved { locked, bytes });
                }
                Ok(None) => {
                    let message = format!("{address}, listed in the index of {base}, does not exist");
                    last = Some(Problem::new(&CHART_NOT_FOUND, Class::Finding, message));
                }
                // The next address may be a mirror that works.
                Err(problem) => last = Some(problem),
            }
        }
        Err(last.unwrap_or_else(|| no_release(chart, &base, NoRelease::Version(vec![]))))
    }

    fn in_registry(&self, chart: &Chart) -> Result<Resolved, Problem> {
        let place = self.registries.place(&chart.repository, &chart.name)?;
        // Tags have no `+`: Helm writes `_` instead (helm.sh/docs/topics/registries).
        let tag_of = |version: &str| version.replace('+', "_");
        let (version, manifest) = if let Some(manifest) = self.registries.manifest(&place, &tag_of(&chart.version))? {
            (chart.version.clone(), manifest)
        } else {
            let version = self.newest(&place, &chart.version)?;
            let manifest = self.registries.manifest(&place, &tag_of(&version))?;
            (version, manifest.ok_or_else(|| registry::missing(&place, &chart.version, &[]))?)
        };
        let bytes = self.registries.layer(&place, &manifest.layer)?.ok_or_else(|| {
            let message = format!("{} lists a layer of `{}` that it does not have", place.origin, place.repository);
            Problem::new(&BAD_ANSWER, Class::Finding, message)
        })?;
        let repository = lock::repository(&chart.repository).to_owned();
        let locked = Locked {
            name: chart.name.clone(),
            wanted: chart.version.clone(),
            version,
            digest: manifest.layer,
            manifest: Some(manifest.digest),
            url: format!("{repository}/{}@{}", chart.name, manifest.digest),
            repository,
        };
        Ok(Resolved { locked, bytes })
    }

    /// Returns the newest version of a repository's tags that fits, as Helm does.
    fn newest(&self, place: &Place, wanted: &str) -> Result<String, Problem> {
        let tags = self.registries.tags(place)?.unwrap_or_default();
        let mut versions: Vec<Version> = tags
            .iter()
            .map(|tag| tag.replace('_', "+"))
            .filter(|tag| lock::check_version(tag).is_ok())
            .filter_map(|tag| Version::parse(&tag).ok())
            .collect();
        versions.sort_by(|a, b| b.cmp(a));
        // What reads as a version is a tag and never a range here: `1.0` is found in repositories and not in registries
        // (helm.sh/helm/v3@v3.22.0 pkg/registry/client.go, `ValidateReference`).
        let fitting = Version::parse(wanted).is_err().then(|| Constraint::parse(wanted).ok()).flatten();
        let found = fitting.and_then(|constraint| versions.iter().find(|version| constraint.matches(version)));
        found.map(|version| version.original().to_owned()).ok_or_else(|| {
            let newest: Vec<String> = versions.iter().take(SHOWN).map(|v| v.original().to_owned()).collect();
            registry::missing(place, wanted, &newest)
        })
    }
}

/// Reads an address; what is shown of a bad one holds no credentials.
fn read_address(text: &str) -> Result<Address, Problem> {
    Address::parse(text).map_err(|reason| repository::odd_text(text, &reason))
}

/// Checks what an index promises of an archive.
fn promised(release: &index::Release, address: &Address, digest: &Digest) -> Result<(), Problem> {
    let Some(text) = &release.digest else { return Ok(()) };
    let hex = text.strip_prefix("sha256:").unwrap_or(text).to_ascii_lowercase();
    match Digest::parse(&format!("sha256:{hex}")) {
        Some(expected) if expected != *digest => {
            let problem =
                Problem::mismatch(&format!("the response of {address}"), "the repository's index", &expected, digest);
            Err(problem.help("ask the repository's owner: its index and its archives do not match"))
        }
        Some(_) => Ok(()),
        None => {
            let message = format!("the digest of {address} in the index is not a SHA-256 digest");
            Err(Problem::new(&BAD_ANSWER, Class::Finding, message))
        }
    }
}

/// Checks that bytes are gzip: a page that says "log in" with status 200 is not.
fn check_packed(url: &str, bytes: &[u8]) -> Result<(), Problem> {
    // RFC 1952, section 2.3.1.
    if bytes.starts_with(&[0x1f, 0x8b, 8]) {
        return Ok(());
    }
    let url = url.split('?').next().unwrap_or("");
    let problem = Problem::new(&BAD_ANSWER, Class::Finding, format!("{url} does not serve a packaged chart"));
    let page = bytes.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'<');
    Err(if page { problem.note("it looks like a web page, perhaps a login page") } else { problem })
}

fn no_release(chart: &Chart, base: &Address, no: NoRelease) -> Problem {
    let Chart { name, version, .. } = chart;
    match no {
        NoRelease::Broken(reason) => {
            Problem::new(&BAD_ANSWER, Class::Finding, format!("the index of {base} cannot be used: {reason}"))
        }
        NoRelease::Chart(names) => {
            let problem = Problem::new(&CHART_NOT_FOUND, Class::Finding, format!("{base} has no chart `{name}`"));
            match near(name, names.iter().map(String::as_str)) {
                near if near.is_empty() => problem,
                near => problem.help(format!("did you mean {}?", quoted_list(near, "or"))),
            }
        }
        NoRelease::Version(versions) => {
            let message = format!("{base} has no version {version} of chart `{name}`");
            let problem = Problem::new(&CHART_NOT_FOUND, Class::Finding, message);
            let shown: Vec<String> = versions.iter().take(SHOWN).map(|v| v.escape_debug().to_string()).collect();
            match shown.as_slice() {
                [] => problem.note("it has no versions"),
                shown => problem
                    .note(format!("its latest versions are {}", quoted_list(shown.iter().map(String::as_str), "and"))),
            }
        }
    }
}
