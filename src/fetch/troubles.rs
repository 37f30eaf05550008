//! Why a request failed: the library's errors and a server's refusals in, words and whose turn it is out.

use std::io;
use std::time::Duration;

use ureq::Error;
use ureq::http::HeaderMap;

use super::address::{Address, Origin};
use super::hosts::NotPublic;
use super::{BAD_ANSWER, Class, Problem, REFUSED_HOST, UNREACHABLE, UNTRUSTED_SERVER};
use crate::diag::stop::reason;

/// A request that failed.
pub struct Trouble {
    pub problem: Problem,
    /// Whether another try may help.
    pub passing: bool,
    /// How long the server asks to wait.
    pub pause: Option<Duration>,
}

impl Trouble {
    /// Returns a trouble that stays.
    pub fn lasting(problem: Problem) -> Self {
        Self { problem, passing: false, pause: None }
    }

    /// Returns the trouble of an answer without end: worth another run, but not another try now.
    pub fn endless(problem: Problem) -> Self {
        Self::lasting(Problem { code: &UNREACHABLE, class: Class::TryAgain, ..problem })
    }

    fn passing(message: String) -> Self {
        Self { problem: Problem::new(&UNREACHABLE, Class::TryAgain, message), passing: true, pause: None }
    }
}

/// Returns the trouble of a server that took too long.
pub fn late(address: &Address, timeout: Duration) -> Trouble {
    let message = format!("{address} took longer than {} s", timeout.as_secs());
    let mut trouble = Trouble::passing(message);
    trouble.problem = trouble.problem.help("on a slow connection, allow more time with `--timeout SECONDS`");
    trouble
}

/// Returns the problem of a host without a public address.
pub fn private(origin: &Origin, private: &NotPublic) -> Problem {
    Problem::new(&REFUSED_HOST, Class::Finding, private.to_string())
        .note("the URL of a repository cannot grant access to a private network; only the person who runs lakegen can")
        .help(format!("if this is the intended server, use `--allow-host {}`", authority(origin)))
}

fn authority(origin: &Origin) -> String {
    let text = origin.to_string();
    text.strip_prefix("https://").map_or(text.clone(), str::to_owned)
}

/// Returns the trouble of an answer that says "later".
pub fn busy(address: &Address, status: u16, headers: &HeaderMap) -> Option<Trouble> {
    // 408 and 425 ask for another try as well (RFC 9110, 8470); 429 is RFC 6585.
    if !matches!(status, 408 | 425 | 429 | 500..=599) || status == 501 {
        return None;
    }
    let seconds = headers.get("retry-after").and_then(|value| value.to_str().ok()).and_then(|text| text.parse().ok());
    let wish = seconds.map_or_else(String::new, |s: u32| format!(" and asks to wait {s} s"));
    let mut trouble = Trouble::passing(format!("{address} answers {status} {}{wish}", word(status)));
    trouble.pause = seconds.map(|s| Duration::from_secs(s.into()));
    Some(trouble)
}

fn word(status: u16) -> &'static str {
    let known = ureq::http::StatusCode::from_u16(status).ok();
    known.and_then(|status| status.canonical_reason()).unwrap_or("").trim()
}

/// Returns the trouble of a body that breaks off.
pub fn cut(address: &Address, error: &io::Error) -> Trouble {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    if matches!(inner, Some(Error::Timeout(_))) || error.kind() == io::ErrorKind::TimedOut {
        let mut trouble = Trouble::passing(format!("{address} sends too slowly"));
        trouble.problem = trouble.problem.help("on a slow connection, allow more time with `--timeout SECONDS`");
        return trouble;
    }
    let what = match error.kind() {
        io::ErrorKind::UnexpectedEof => "it is incomplete".to_owned(),
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => "it is malformed".to_owned(),
        _ => reason(error),
    };
    Trouble::passing(format!("the response of {address} is broken: {what}"))
}

/// Returns the trouble of a request without an answer.
pub fn of(address: &Address, timeout: Duration, error: Error) -> Trouble {
    let origin = &address.origin;
    match error {
        Error::Other(inner) => match inner.downcast::<NotPublic>() {
            Ok(found) => Trouble::lasting(private(origin, &found)),
            Err(_) => Trouble::passing(format!("cannot reach {origin}")),
        },
        Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => {
            Trouble::passing(format!("cannot reach {origin}: it does not answer"))
        }
        Error::Timeout(_) => late(address, timeout),
        Error::HostNotFound => Trouble::passing(format!("cannot reach {origin}: host not found")),
        Error::ConnectProxyFailed(what) => Trouble::passing(format!("cannot reach {origin} through the proxy: {what}")),
        Error::LargeResponseHeader(..) => {
            let message = format!("{address} sends headers that are too large");
            Trouble::lasting(Problem::new(&BAD_ANSWER, Class::Finding, message))
        }
        Error::Tls(text) => untrusted(origin, text),
        Error::Io(error) => network(address, &error),
        Error::Protocol(_) | Error::Http(_) => Trouble::passing(format!("{address} does not speak HTTP")),
        // What the other errors say is about the library, and may repeat the address with its query. TLS is among them.
        other => match other.to_string() {
            text if text.starts_with("rustls: ") => untrusted(origin, &text),
            _ => Trouble::passing(format!("cannot reach {origin}")),
        },
    }
}

fn network(address: &Address, error: &io::Error) -> Trouble {
    let origin = &address.origin;
    let text = error.to_string();
    if error.kind() == io::ErrorKind::InvalidData && origin.tls {
        return untrusted(origin, &text);
    }
    let what = match error.kind() {
        io::ErrorKind::UnexpectedEof => "it closed the connection".to_owned(),
        _ if text.starts_with("failed to lookup address information") => "host not found".to_owned(),
        _ => reason(error),
    };
    Trouble::passing(format!("cannot reach {origin}: {what}"))
}

/// Says what is wrong with a certificate; a handshake that fails for another reason may be over soon.
fn untrusted(origin: &Origin, text: &str) -> Trouble {
    let has = |word: &str| text.contains(word);
    let what = if has("UnknownIssuer") || has("CaUsedAsEndEntity") {
        "its certificate is not signed by a CA that this machine trusts"
    } else if has("xpired") {
        "its certificate has expired"
    } else if has("NotValidYet") || has("not valid yet") {
        "its certificate is not valid yet"
    } else if has("NotValidForName") || has("not valid for name") {
        "its certificate is for another host"
    } else if has("Revoked") {
        "its certificate is revoked"
    } else if has("invalid peer certificate") || has("Certificate") {
        "its certificate is not valid"
    } else {
        return Trouble::passing(format!("cannot reach {origin}: its TLS handshake failed"));
    };
    let problem = Problem::new(&UNTRUSTED_SERVER, Class::Environment, format!("{origin} is not trusted: {what}"))
        .help("for your own CA, use `--ca-file FILE` (PEM)");
    Trouble::lasting(problem)
}
