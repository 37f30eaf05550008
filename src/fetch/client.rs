//! One request: an address comes in, an answer within its limits goes out.
//!
//! Redirects are followed here and not by the library, so that every hop passes the same rules as the first address:
//! the host, the scheme, and whose credentials may go along. A file has one time for all its tries together, and a
//! server that used it up is not asked again in this run.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use flate2::read::GzDecoder;
use ureq::http::{HeaderMap, Response};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, Body, Proxy};

use super::address::{Address, Origin};
use super::hosts::{Allowed, Gate, check_literal};
use super::troubles::{self, Trouble};
use super::{BAD_ANSWER, Class, Problem, REFUSED_HOST, UNREACHABLE};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);
/// How many redirects are followed.
const MAX_REDIRECTS: usize = 5;
/// How often a request is made again.
const MAX_RETRIES: u32 = 3;
/// Bytes of an answer that only says no.
const MAX_REFUSAL_BYTES: u64 = 64 << 10;

/// How to speak to servers.
pub struct Settings {
    pub allowed: Allowed,
    /// For one file, all tries together.
    pub timeout: Duration,
    /// PEM: authorities to trust beside the system's.
    pub authorities: Option<Vec<u8>>,
}

/// Speaks HTTP.
pub struct Client {
    agent: Agent,
    allowed: Allowed,
    timeout: Duration,
    /// Servers that used up the time of a file.
    tired: Mutex<BTreeSet<Origin>>,
}

/// What is asked for.
pub struct Call<'a> {
    pub address: &'a Address,
    /// Media types that will do.
    pub accept: &'a str,
    /// Bytes.
    pub limit: u64,
    /// Whether the server may compress it on the way.
    pub compressible: bool,
    /// A form to send with POST; GET without.
    pub form: Option<&'a str>,
    /// Returns the value of `Authorization` for an address; it is asked anew for each redirect.
    pub authorize: &'a dyn Fn(&Address) -> Option<String>,
}

/// What a server said.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
    headers: HeaderMap,
}

impl Answer {
    /// Returns a header, when it is there once and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Returns all values of a header that are text.
    pub fn headers(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers.get_all(name).iter().filter_map(|value| value.to_str().ok())
    }
}

impl Client {
    /// Returns a client.
    ///
    /// # Errors
    /// When the authorities to trust cannot be read.
    pub fn new(settings: Settings) -> Result<Self, String> {
        let proxy = Proxy::try_from_env();
        let gate = Gate {
            inner: DefaultResolver::default(),
            allowed: settings.allowed.clone(),
            proxy: proxy.as_ref().map(|proxy| (proxy.host().to_ascii_lowercase(), proxy.port())),
        };
        let config = Agent::config_builder()
            .user_agent(concat!("lakegen/", env!("CARGO_PKG_VERSION")))
            .proxy(proxy)
            .tls_config(TlsConfig::builder().root_certs(roots(settings.authorities.as_deref())?).build())
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(CONNECT))
            .timeout_resolve(Some(CONNECT))
            .max_idle_age(Duration::from_secs(5))
            .build();
        let agent = Agent::with_parts(config, DefaultConnector::default(), gate);
        Ok(Self { agent, allowed: settings.allowed, timeout: settings.timeout, tired: Mutex::default() })
    }

    /// Returns the hosts that the operator lists.
    pub fn allowed(&self) -> &Allowed {
        &self.allowed
    }

    /// Asks, and asks again when that may help; an answer of 400 to 499 is an answer.
    ///
    /// # Errors
    /// When the server cannot be reached in time, or what it sends breaks a rule.
    pub fn send(&self, call: &Call<'_>) -> Result<Answer, Problem> {
        let origin = &call.address.origin;
        if self.tired().contains(origin) {
            return Err(Problem::new(
                &UNREACHABLE,
                Class::TryAgain,
                format!("{origin} did not answer in time earlier"),
            ));
        }
        let deadline = Instant::now() + self.timeout;
        let mut tries = 0;
        loop {
            let trouble = match self.follow(call, deadline) {
                Ok(answer) => return Ok(answer),
                Err(trouble) if !trouble.passing => return Err(trouble.problem),
                Err(trouble) => trouble,
            };
            let pause = trouble.pause.unwrap_or_else(|| backoff(tries));
            tries += 1;
            if tries > MAX_RETRIES || Instant::now() + pause >= deadline {
                self.tired().insert(origin.clone());
                return Err(trouble.problem);
            }
            std::thread::sleep(pause);
        }
    }

    fn tired(&self) -> std::sync::MutexGuard<'_, BTreeSet<Origin>> {
        self.tired.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks once, through redirects.
    fn follow(&self, call: &Call<'_>, deadline: Instant) -> Result<Answer, Trouble> {
        let mut address = call.address.clone();
        for _ in 0..=MAX_REDIRECTS {
            self.check(&address, call.address).map_err(Trouble::lasting)?;
            let response = self.once(&address, call, deadline)?;
            let status = response.status().as_u16();
            if !matches!(status, 301 | 302 | 303 | 307 | 308) {
                return answer(&address, call, response);
            }
            let next = response.headers().get("location").and_then(|value| value.to_str().ok());
            let odd = |reason: &str| {
                let message = format!("{address} redirects to an address that {reason}");
                Trouble::lasting(Problem::new(&REFUSED_HOST, Class::Finding, message))
            };
            address = address.join(next.ok_or_else(|| odd("is missing"))?).map_err(|reason| odd(&reason))?;
        }
        let message = format!("{} redirects more than {MAX_REDIRECTS} times", call.address);
        Err(Trouble::lasting(Problem::new(&BAD_ANSWER, Class::Finding, message)))
    }

    /// Checks the scheme and the host of an address before anything is sent there.
    fn check(&self, address: &Address, first: &Address) -> Result<(), Problem> {
        let origin = &address.origin;
        let by = if address == first { String::new() } else { format!(", to which {first} redirects") };
        if !origin.tls && first.origin.tls {
            let message = format!("{first} redirects to {address}, which is not encrypted");
            return Err(Problem::new(&REFUSED_HOST, Class::Finding, message));
        }
        if !origin.tls && !self.allowed.plain(&origin.host, origin.port) {
            let message = format!("{address} is not encrypted{by}");
            return Err(Problem::new(&REFUSED_HOST, Class::Finding, message)
                .help("use its `https://` URL")
                .help(format!("or, if you trust the network, `--allow-host {origin}`")));
        }
        check_literal(origin, &self.allowed).map_err(|private| troubles::private(origin, &private))
    }

    fn once(&self, address: &Address, call: &Call<'_>, deadline: Instant) -> Result<Response<Body>, Trouble> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(troubles::late(address, self.timeout));
        }
        let encoding = if call.compressible { "gzip" } else { "identity" };
        let authorization = (call.authorize)(address);
        let result = match call.form {
            None => {
                let mut request =
                    self.agent.get(address.text()).header("accept", call.accept).header("accept-encoding", encoding);
                if let Some(value) = authorization {
                    request = request.header("authorization", value);
                }
                request.config().timeout_global(Some(left)).build().call()
            }
            Some(form) => {
                let mut request = self.agent.post(address.text()).header("accept", call.accept);
                if let Some(value) = authorization {
                    request = request.header("authorization", value);
                }
                request
                    .content_type("application/x-www-form-urlencoded")
                    .config()
                    .timeout_global(Some(left))
                    .build()
                    .send(form)
            }
        };
        result.map_err(|error| troubles::of(address, self.timeout, error))
    }
}

/// Reads an answer within its limit.
fn answer(address: &Address, call: &Call<'_>, response: Response<Body>) -> Result<Answer, Trouble> {
    let (parts, body) = response.into_parts();
    let status = parts.status.as_u16();
    if let Some(trouble) = troubles::busy(address, status, &parts.headers) {
        return Err(trouble);
    }
    let success = (200..300).contains(&status);
    let limit = if success { call.limit } else { MAX_REFUSAL_BYTES };
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let length = header("content-length").and_then(|text| text.parse::<u64>().ok());
    let too_much = || {
        let message = format!("{address} sends more than {} MiB", limit >> 20);
        Problem::new(&BAD_ANSWER, Class::Finding, message)
    };
    if success && length.is_some_and(|length| length > limit) {
        return Err(Trouble::lasting(too_much()));
    }
    let packed = header("content-encoding").is_some_and(|value| value.eq_ignore_ascii_case("gzip"));
    let mut bytes = Vec::new();
    let raw = body.into_with_config().limit(u64::MAX).reader();
    let read = if packed && call.compressible {
        GzDecoder::new(raw.take(limit + 1)).take(limit + 1).read_to_end(&mut bytes)
    } else {
        raw.take(limit + 1).read_to_end(&mut bytes)
    };
    match read {
        // What a refusal says is of no use; its status is.
        Err(_) if !success => bytes.clear(),
        Err(error) => return Err(troubles::cut(address, &error)),
        Ok(_) => {}
    }
    if success && bytes.len() as u64 > limit {
        // Without a length this may as well never end, and the next try may be served by a healthier server.
        let problem = too_much();
        return Err(if packed { Trouble::lasting(problem) } else { Trouble::endless(problem) });
    }
    Ok(Answer { status, body: bytes, headers: parts.headers })
}

/// Returns how long to wait before a try: 0.25, 0.5 and 1 s, and up to a quarter more, so that many clients spread.
fn backoff(tries: u32) -> Duration {
    let base = Duration::from_millis(250) * 2_u32.pow(tries.min(4));
    let dice = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |now| now.subsec_nanos());
    base + base * (dice % 256) / 1024
}

/// Returns the authorities to trust: the system's (or those of `SSL_CERT_FILE` and `SSL_CERT_DIR`) and the operator's; where
/// there are none at all, those that come with the program.
fn roots(own: Option<&[u8]>) -> Result<RootCerts, String> {
    let native = rustls_native_certs::load_native_certs();
    let mut all: Vec<Certificate<'static>> =
        native.certs.iter().map(|der| Certificate::from_der(der.as_ref()).to_owned()).collect();
    if let Some(pem) = own {
        let before = all.len();
        for item in ureq::tls::parse_pem(pem) {
            if let PemItem::Certificate(certificate) = item.map_err(|_| "it is not in the PEM format".to_owned())? {
                all.push(certificate);
            }
        }
        if all.len() == before {
            return Err("it contains no certificate".into());
        }
    }
    Ok(if all.is_empty() { RootCerts::WebPki } else { RootCerts::new_with_certs(&all) })
}
