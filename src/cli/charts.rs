//! What `lock`, `fetch` and `vendor` share: the charts in use, the way to servers, and what went wrong there.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::Duration;

use clap::Args;

use super::project::Project;
use super::{Code, ENVIRONMENT, FINDINGS, Failure, Session};
use crate::catalog::Chart;
use crate::diag::{Diagnostic, Level, Sources, Span, quoted_list, render};
use crate::fetch::client::{Client, Settings};
use crate::fetch::credentials::Credentials;
use crate::fetch::docker::Docker;
use crate::fetch::hosts::Allowed;
use crate::fetch::{self, Class, Problem};
use crate::lock::{self, Lock, Locked, NEWER_LOCK};
use crate::resolve::{NEWER_EDITION, Platform};
use crate::world::World;
use crate::world::charts::{Cache, Digest};
use crate::{parse, resolve};

/// Requests at the same time.
const WORKERS: usize = 8;
/// Largest file of credentials or authorities, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// How to reach servers.
#[derive(Args, Debug)]
#[command(next_help_heading = "Network options")]
pub struct Network {
    /// Allow charts from this host despite its private address; `http://HOST:PORT` also without
    /// encryption
    #[arg(long, value_name = "HOST", env = "LAKEGEN_ALLOW_HOST", hide_env = true, value_delimiter = ',')]
    allow_host: Vec<String>,
    /// Logins for chart repositories (TOML, see below)
    #[arg(long, value_name = "FILE", env = "LAKEGEN_CREDENTIALS", hide_env = true)]
    credentials: Option<PathBuf>,
    /// Trust these CAs in addition to the system's (PEM)
    #[arg(long, value_name = "FILE", env = "LAKEGEN_CA_FILE", hide_env = true)]
    ca_file: Option<PathBuf>,
    /// Timeout per file, including retries
    #[arg(long, value_name = "SECONDS", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
    /// Open no connections; fail if something has not been fetched
    #[arg(long, env = "LAKEGEN_OFFLINE", hide_env = true, value_parser = clap::builder::FalseyValueParser::new())]
    pub offline: bool,
}

/// What the help of all three says of the network.
pub const NETWORK_HELP: &str = "Network: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY are honoured.
Certificates are checked against the system's CAs (SSL_CERT_FILE and
SSL_CERT_DIR override them). Hosts with private, loopback, link-local or metadata
addresses are refused unless `--allow-host` names them, because platform.toml
may come from a stranger. LAKEGEN_ALLOW_HOST, LAKEGEN_CREDENTIALS,
LAKEGEN_CA_FILE and LAKEGEN_OFFLINE set the corresponding flags.

Logins: for registries, the logins of `helm registry login`, `podman login` and
`docker login` are used, including credential helpers from their configuration.
For repositories, and also for registries, `--credentials FILE` contains
  [[credential]]
  url = \"https://charts.example.com/private\"  # only URLs below this
  username = \"ci\"
  password_env = \"CHARTS_PASSWORD\"            # or password, token, token_env";

impl Network {
    /// Returns the client and the credentials.
    ///
    /// # Errors
    /// When a flag or the file that it names is wrong.
    pub fn open(&self, session: &mut Session) -> Result<(Client, Credentials), Failure> {
        let allowed = Allowed::parse(self.allow_host.iter().map(String::as_str)).map_err(|entry| {
            Failure::environment(format!("`{entry}` is not a host"))
                .help("use `--allow-host HOST`, `HOST:PORT`, `*.DOMAIN` or `http://HOST:PORT`")
        })?;
        let read = |path: &Path| {
            let path = session.path(path);
            let bytes = read_file(&path).map_err(|error| Failure::io(&format!("read `{}`", path.display()), &error))?;
            Ok::<_, Failure>((path, bytes))
        };
        let authorities = self.ca_file.as_deref().map(read).transpose()?;
        let timeout = Duration::from_secs(self.timeout);
        let settings = Settings { allowed, timeout, authorities: authorities.as_ref().map(|(_, bytes)| bytes.clone()) };
        let client = Client::new(settings).map_err(|reason| {
            let path = authorities.map_or_else(String::new, |(path, _)| path.display().to_string());
            Failure::environment(format!("cannot use `{path}`: {reason}"))
        })?;
        let file = self.credentials.as_deref().map(read).transpose()?;
        let text = file.as_ref().map(|(path, bytes)| {
            if is_readable_by_all(path) {
                session.out.summary(&format!(
                    "warning: any user on this machine can read `{0}`: run `chmod 600 {0}`",
                    path.display()
                ));
            }
            std::str::from_utf8(bytes)
                .map_err(|_| Failure::environment(format!("`{}` is not valid UTF-8", path.display())))
        });
        let docker = Docker::find(&|name| std::env::var_os(name).map(PathBuf::from));
        let variable = |name: &str| std::env::var(name).ok();
        let credentials = Credentials::new(text.transpose()?, docker, &variable).map_err(|reason| {
            let path = file.as_ref().map_or_else(String::new, |(path, _)| path.display().to_string());
            Failure::environment(format!("cannot use `{path}`: {reason}"))
        })?;
        Ok((client, credentials))
    }
}

fn read_file(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(std::io::Error::from(std::io::ErrorKind::FileTooLarge));
    }
    Ok(bytes)
}

#[cfg(unix)]
fn is_readable_by_all(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o004 != 0)
}

#[cfg(not(unix))]
fn is_readable_by_all(_: &Path) -> bool {
    false
}

/// A chart that the platform uses.
pub struct Used {
    pub chart: Chart,
    /// Where the platform says so, for findings.
    pub span: Span,
    /// The components that use it, sorted.
    pub components: Vec<String>,
}

impl Used {
    /// Returns name and version, for messages.
    pub fn shown(&self) -> String {
        format!("{} {}", self.chart.name, self.chart.version)
    }
}

/// The charts of a platform, and its lock.
pub struct Charts {
    /// Sorted by name, repository and version, each once.
    pub used: Vec<Used>,
    /// Nothing when there is none, or a broken one.
    pub lock: Option<Lock>,
    /// What is wrong with the lock.
    pub broken: Vec<Diagnostic>,
    pub sources: Sources,
    pub platform: Platform,
}

impl Charts {
    /// Reads the platform as far as its charts: no template runs, so no chart need be at hand.
    ///
    /// # Errors
    /// When the platform has mistakes so far; they are printed.
    pub fn read(session: &mut Session, project: &Project) -> Result<Self, Failure> {
        Self::of(session, &project.world(), &project.file)
    }

    /// [`Charts::read`] in any world.
    ///
    /// # Errors
    /// As [`Charts::read`].
    pub fn of(session: &mut Session, world: &dyn World, file: &str) -> Result<Self, Failure> {
        let mut sources = Sources::default();
        let syntax = parse::parse(world, file, &mut sources);
        let mut found = syntax.diagnostics;
        let is_error = |d: &Diagnostic| d.level == Level::Error;
        let mut platform = None;
        if !found.iter().any(is_error) {
            let resolved = resolve::resolve(world, &syntax.output, &mut sources);
            found.extend(resolved.diagnostics);
            platform = resolved.output;
        }
        let lock = lock::read(world, &mut sources);
        let newer = lock.diagnostics.iter().any(|d| d.code == &NEWER_LOCK);
        if newer {
            found.extend(lock.diagnostics.iter().cloned());
        }
        found.retain(is_error);
        let platform = match platform {
            Some(platform) if found.is_empty() => platform,
            _ => {
                print(session, &found, &sources);
                let too_old = newer || found.iter().any(|d| d.code == &NEWER_EDITION);
                return Err(Failure::reported(if too_old { ENVIRONMENT } else { FINDINGS }));
            }
        };
        let mut used: Vec<Used> = Vec::new();
        for instance in platform.targets.iter().flat_map(|target| target.instances.values()) {
            let span = ["version", "chart"].into_iter().find(|key| instance.said.places.has(key));
            let span = span.map_or(instance.span, |key| instance.at(key));
            for chart in instance.chart.iter().chain(&instance.crds) {
                match used.iter_mut().find(|other| key(&other.chart) == key(chart)) {
                    Some(other) => other.components.push(instance.name.clone()),
                    None => used.push(Used { chart: chart.clone(), span, components: vec![instance.name.clone()] }),
                }
            }
        }
        used.sort_by(|a, b| key(&a.chart).cmp(&key(&b.chart)));
        for one in &mut used {
            one.components.sort();
            one.components.dedup();
        }
        Ok(Self { used, lock: lock.output, broken: lock.diagnostics, sources, platform })
    }

    /// Returns the lock, which must know every chart in use.
    ///
    /// # Errors
    /// When there is none, or it is broken or lacks a chart.
    pub fn locked(&self, session: &mut Session) -> Result<&Lock, Failure> {
        if !self.broken.is_empty() {
            print(session, &self.broken, &self.sources);
            return Err(Failure::reported(FINDINGS));
        }
        let Some(lock) = &self.lock else {
            return Err(Failure::finding(format!("there is no `{}`", lock::FILE))
                .help("run `lakegen lock` to create it, and commit it"));
        };
        let missing = self.unlocked(lock);
        if !missing.is_empty() {
            print(session, &missing, &self.sources);
            return Err(Failure::reported(FINDINGS));
        }
        Ok(lock)
    }

    /// Returns a finding for each chart that a lock does not know.
    pub fn unlocked(&self, lock: &Lock) -> Vec<Diagnostic> {
        let missing = self.used.iter().filter(|used| lock.find(&used.chart).is_none());
        missing
            .map(|used| {
                let message = format!("chart `{}` {} is not in the lock", used.chart.name, used.chart.version);
                Diagnostic::error(&fetch::UNLOCKED_CHART, message)
                    .at(used.span, "")
                    .note(format!("used by {}", quoted_list(used.components.iter().map(String::as_str), "and")))
                    .help("run `lakegen lock`")
            })
            .collect()
    }

    /// Returns the charts of a component in all environments, with the places that say so.
    pub fn of_component<'c>(&'c self, component: &'c str) -> impl Iterator<Item = (&'c Chart, Span)> {
        let uses = move |used: &&Used| used.components.iter().any(|name| name == component);
        self.used.iter().filter(uses).map(|used| (&used.chart, used.span))
    }

    /// Returns where the platform uses a locked chart.
    pub fn span_of(&self, locked: &Locked) -> Span {
        let used = self.used.iter().find(|used| key(&used.chart) == locked.key());
        used.map_or_else(Span::default, |used| used.span)
    }

    /// Prints what could not be had, and returns the end of the command.
    pub fn failed(&self, session: &mut Session, problems: Vec<(Span, Problem)>) -> Failure {
        let code = exit_code(problems.iter().map(|(_, problem)| problem.class));
        let mut found: Vec<Diagnostic> = Vec::new();
        for (span, problem) in problems {
            let one = problem.at(span);
            // One broken repository fails many charts; it is said once, at the first of them.
            match found.iter_mut().find(|other| other.message == one.message && other.code == one.code) {
                Some(other) if other.labels != one.labels => other.labels.extend(one.labels),
                Some(_) => {}
                None => found.push(one),
            }
        }
        print(session, &found, &self.sources);
        Failure::reported(code)
    }
}

/// Returns what makes a chart the same in the lock.
fn key(chart: &Chart) -> (&str, &str, &str) {
    (&chart.name, lock::repository(&chart.repository), &chart.version)
}

/// Returns the exit code of several problems: trying again only helps when it helps against all.
fn exit_code(classes: impl Iterator<Item = Class>) -> Code {
    classes.min().map_or(FINDINGS, |class| class as Code)
}

/// Prints findings to stderr.
pub fn print(session: &mut Session, found: &[Diagnostic], sources: &Sources) {
    let format = session.global.output_format.into();
    session.out.note(&render::render(found, sources, format, session.out.error_style()));
}

/// Works on several jobs at a time; `done` hears of each as it ends. The results are in the order of the jobs.
pub fn side_by_side<J: Sync, R: Send>(
    jobs: &[J],
    work: impl Fn(&J, &dyn Fn(String)) -> R + Sync,
    mut say: impl FnMut(&str),
) -> Vec<R> {
    let next = Mutex::new(0);
    let results: Vec<Mutex<Option<R>>> = jobs.iter().map(|_| Mutex::new(None)).collect();
    let (sender, receiver) = mpsc::channel::<String>();
    std::thread::scope(|scope| {
        for _ in 0..WORKERS.min(jobs.len()) {
            let (next, results, work, sender) = (&next, &results, &work, sender.clone());
            scope.spawn(move || {
                loop {
                    let at = {
                        let mut next = next.lock().unwrap_or_else(PoisonError::into_inner);
                        *next += 1;
                        *next - 1
                    };
                    let (Some(job), Some(result)) = (jobs.get(at), results.get(at)) else { return };
                    let done = work(job, &|line| sender.send(line).unwrap_or(()));
                    *result.lock().unwrap_or_else(PoisonError::into_inner) = Some(done);
                }
            });
        }
        drop(sender);
        for line in receiver {
            say(&line);
        }
    });
    results.into_iter().filter_map(|result| result.into_inner().unwrap_or_else(PoisonError::into_inner)).collect()
}

/// Puts a chart into the cache; a cache that cannot be written is worth a warning, once.
pub fn keep(session: &mut Session, cache: Option<&Cache>, bytes: &[u8], warned: &mut bool) -> Option<Digest> {
    match fetch::store::put(cache?, bytes) {
        Ok(digest) => Some(digest),
        Err(error) => {
            if !*warned {
                *warned = true;
                session.out.summary(&format!("warning: {}", cannot_write(cache?, &error)));
            }
            None
        }
    }
}

/// Says that the cache cannot be written.
pub fn cannot_write(cache: &Cache, error: &std::io::Error) -> String {
    format!("cannot write the chart cache `{}`: {}", cache.root().display(), crate::diag::stop::reason(error))
}

/// Warns of a cache that everybody can write to.
pub fn warn_of_open(session: &mut Session, cache: Option<&Cache>) {
    if let Some(cache) = cache.filter(|cache| fetch::store::is_open_to_all(cache)) {
        let shown = cache.root().display();
        session.out.summary(&format!(
            "warning: any user on this machine can write to the chart cache `{shown}`; lakegen verifies what it \
            reads, but run `chmod -R go-w {shown}`"
        ));
    }
}

/// Returns "1 chart" or "n charts".
pub fn count(charts: usize) -> String {
    if charts == 1 { "1 chart".to_owned() } else { format!("{charts} charts") }
}

/// Returns a locked chart for a program.
pub fn json(chart: &Locked, state: &str) -> serde_json::Value {
    let mut value = serde_json::json!({
        "name": chart.name,
        "repository": chart.repository,
        "wanted": chart.wanted,
        "version": chart.version,
        "digest": chart.digest.to_string(),
        "url": chart.url,
        "state": state,
    });
    if let Some(manifest) = &chart.manifest {
        value["manifest"] = manifest.to_string().into();
    }
    value
}
