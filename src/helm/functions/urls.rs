//! URLs taken apart and put together, as Go's `net/url` does it.

use super::super::go::print;
use super::super::go::value::Val;
use super::super::go::vm::{Fail, Outcome, Vm};
use super::Kind::{Map, Str as Text};
use super::{Function, dicts, exact, room, text_of};

pub(super) const FUNCTIONS: &[Function] = &[exact("urlParse", &[Text], parse), exact("urlJoin", &[Map], join)];

/// Characters of Go's message, which holds the whole address.
const MAX_MESSAGE: usize = 300;

/// A URL's parts, unescaped.
#[derive(Default)]
struct Url {
    scheme: String,
    opaque: String,
    user: Option<(String, Option<String>)>,
    host: String,
    path: String,
    query: String,
    fragment: String,
}

fn parse(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let text = text_of(args, 0);
    room(vm, text.len().saturating_mul(4))?;
    let url = Url::parse(&text)
        .map_err(|error| Fail::new(format!("unable to parse url: {}", super::cut(&error, MAX_MESSAGE))))?;
    let hostname = match url.host.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
        Some((address, _)) => address,
        None => match url.host.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
            _ => &url.host,
        },
    };
    Ok(Val::map([
        ("fragment".into(), Val::str(&url.fragment)),
        ("host".into(), Val::str(&url.host)),
        ("hostname".into(), Val::str(hostname)),
        ("opaque".into(), Val::str(&url.opaque)),
        ("path".into(), Val::str(&url.path)),
        ("query".into(), Val::str(&url.query)),
        ("scheme".into(), Val::str(&url.scheme)),
        ("userinfo".into(), Val::str(&url.userinfo())),
    ]))
}

fn join(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let part = |key: &str| match dicts::map(args, 0).and_then(|map| map.get(key)) {
        None => Ok(String::new()),
        Some(val @ (Val::Str(_) | Val::Raw(_))) => Ok(super::cast::text_of(&val).into_owned()),
        Some(Val::Nil) => Err(super::nil_pointer()),
        Some(val) => {
            let kind = val.kind();
            Err(Fail::new(format!("unable to parse {key} key, must be of type string, but {kind} found")))
        }
    };
    let mut url = Url {
        scheme: part("scheme")?,
        host: part("host")?,
        path: part("path")?,
        query: part("query")?,
        opaque: part("opaque")?,
        fragment: part("fragment")?,
        user: None,
    };
    let userinfo = part("userinfo")?;
    if !userinfo.is_empty() {
        let parsed = Url::parse(&format!("proto://{userinfo}@host")).map_err(|error| {
            Fail::new(format!("unable to parse userinfo in dict: {}", super::cut(&error, MAX_MESSAGE)))
        })?;
        url.user = parsed.user;
    }
    let size: usize = [&url.scheme, &url.host, &url.path, &url.query, &url.opaque, &url.fragment, &userinfo]
        .iter()
        .map(|part| part.len())
        .sum();
    // Each byte may become `%XX`.
    room(vm, size.saturating_mul(3))?;
    let text = url.to_text();
    Ok(Val::str(&text))
}

/// What a part of a URL may hold without an escape.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Path,
    Host,
    Zone,
    User,
    Fragment,
}

fn must_escape(byte: u8, part: Part) -> bool {
    if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
        return false;
    }
    if matches!(part, Part::Host | Part::Zone) {
        return !b"!$&'()*+,;=:[]<>\"".contains(&byte);
    }
    if b"$&+,/:;=?@".contains(&byte) {
        return match part {
            Part::Path => byte == b'?',
            Part::User => b"@/?:".contains(&byte),
            _ => false,
        };
    }
    !(part == Part::Fragment && b"!()*".contains(&byte))
}

/// Writes a byte as `%XX`.
pub(super) fn percent(out: &mut String, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |value: u8| char::from(DIGITS[usize::from(value & 15)]);
    out.extend(['%', digit(byte >> 4), digit(byte)]);
}

fn escape(text: &str, part: Part) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if must_escape(byte, part) {
            percent(&mut out, byte);
        } else {
            out.push(char::from(byte));
        }
    }
    out
}

fn unescape(text: &str, part: Part) -> Result<String, String> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        if *byte == b'%' {
            let digits = bytes.get(at + 1..at + 3).filter(|two| two.iter().all(u8::is_ascii_hexdigit));
            let Some(code) = digits.and_then(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok()) else {
                let wrong = String::from_utf8_lossy(&bytes[at..bytes.len().min(at + 3)]).into_owned();
                return Err(format!("invalid URL escape {}", print::quoted(&wrong)));
            };
            let shown = &text[at..at + 3];
            if part == Part::Host && code < 0x80 && shown != "%25" {
                return Err(format!("invalid URL escape {}", print::quoted(shown)));
            }
            if part == Part::Zone && shown != "%25" && code != b' ' && must_escape(code, Part::Host) {
                return Err(format!("invalid URL escape {}", print::quoted(shown)));
            }
            out.push(code);
            at += 3;
        } else {
            if matches!(part, Part::Host | Part::Zone) && *byte < 0x80 && must_escape(*byte, part) {
                let shown = print::quoted(&char::from(*byte).to_string());
                return Err(format!("invalid character {shown} in host name"));
            }
            out.push(*byte);
            at += 1;
        }
    }
    Ok(String::from_utf8_lossy(&out).into_owned())
}

impl Url {
    /// # Errors
    /// Go's message.
    fn parse(text: &str) -> Result<Self, String> {
        let (start, fragment) = text.split_once('#').unwrap_or((text, ""));
        let failed = |shown: &str, error: String| format!("parse {}: {error}", print::quoted(shown));
        let mut url = Self::without_fragment(start).map_err(|error| failed(start, error))?;
        url.fragment = unescape(fragment, Part::Fragment).map_err(|error| failed(text, error))?;
        Ok(url)
    }

    fn without_fragment(text: &str) -> Result<Self, String> {
        let mut url = Self::default();
        if text.bytes().any(|b| b < b' ' || b == 0x7f) {
            return Err("net/url: invalid control character in URL".into());
        }
        if text == "*" {
            url.path = "*".into();
            return Ok(url);
        }
        let (scheme, rest) = scheme(text)?;
        url.scheme = scheme.to_ascii_lowercase();
        let (mut rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        url.query = query.into();
        if !rest.starts_with('/') {
            if !url.scheme.is_empty() {
                url.opaque = rest.into();
                return Ok(url);
            }
            if rest.split('/').next().is_some_and(|segment| segment.contains(':')) {
                return Err("first path segment in URL cannot contain colon".into());
            }
        }
        if let Some(authority) = rest.strip_prefix("//")
            && (!url.scheme.is_empty() || !rest.starts_with("///"))
        {
            let end = authority.find('/').unwrap_or(authority.len());
            rest = &authority[end..];
            url.authority(&authority[..end])?;
        }
        url.path = unescape(rest, Part::Path)?;
        Ok(url)
    }

    fn authority(&mut self, authority: &str) -> Result<(), String> {
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        self.host = self::host(&self.scheme, host)?;
        let Some(user) = user else { return Ok(()) };
        let valid = |b: u8| b.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(&b);
        if !user.bytes().all(valid) {
            return Err("net/url: invalid userinfo".into());
        }
        self.user = Some(match user.split_once(':') {
            None => (unescape(user, Part::User)?, None),
            Some((name, password)) => (unescape(name, Part::User)?, Some(unescape(password, Part::User)?)),
        });
        Ok(())
    }

    fn userinfo(&self) -> String {
        match &self.user {
            None => String::new(),
            Some((name, None)) => escape(name, Part::User),
            Some((name, Some(password))) => format!("{}:{}", escape(name, Part::User), escape(password, Part::User)),
        }
    }

    fn to_text(&self) -> String {
        let mut out = String::new();
        if !self.scheme.is_empty() {
            out.push_str(&self.scheme);
            out.push(':');
        }
        if self.opaque.is_empty() {
            if !self.host.is_empty() || self.user.is_some() || (!self.scheme.is_empty() && !self.path.is_empty()) {
                out.push_str("//");
            }
            if self.user.is_some() {
                out.push_str(&self.userinfo());
                out.push('@');
            }
            out.push_str(&escape(&self.host, Part::Host));
            let path = if self.path == "*" { "*".into() } else { escape(&self.path, Part::Path) };
            if !path.is_empty() && !path.starts_with('/') && !self.host.is_empty() {
                out.push('/');
            }
            if out.is_empty() && path.split('/').next().is_some_and(|segment| segment.contains(':')) {
                out.push_str("./");
            }
            out.push_str(&path);
        } else {
            out.push_str(&self.opaque);
        }
        if !self.query.is_empty() {
            out.push('?');
            out.push_str(&self.query);
        }
        if !self.fragment.is_empty() {
            out.push('#');
            out.push_str(&escape(&self.fragment, Part::Fragment));
        }
        out
    }
}

/// Splits the scheme off.
fn scheme(text: &str) -> Result<(&str, &str), String> {
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if at > 0 => {}
            b':' if at == 0 => return Err("missing protocol scheme".into()),
            b':' => return Ok((&text[..at], &text[at + 1..])),
            _ => break,
        }
    }
    Ok(("", text))
}

fn host(scheme: &str, host: &str) -> Result<String, String> {
    let checked = |port: &str| match port.strip_prefix(':') {
        None if port.is_empty() => Ok(()),
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => Ok(()),
        _ => Err(format!("invalid port {} after host", print::quoted(port))),
    };
    match host.rfind('[') {
        Some(0) => {
            let close = host.rfind(']').ok_or("missing ']' in host")?;
            let (name, port) = (&host[1..close], &host[close + 1..]);
            checked(port)?;
            let name = match name.find("%25") {
                Some(at) => unescape(&name[..at], Part::Host)? + &unescape(&name[at..], Part::Zone)?,
                None => unescape(name, Part::Host)?,
            };
            let address = name.split('%').next().unwrap_or_default();
            if address.parse::<std::net::Ipv4Addr>().is_ok() {
                return Err("invalid IP-literal".into());
            }
            if address.parse::<std::net::Ipv6Addr>().is_err() {
                return Err(format!("invalid host: ParseAddr({}): unable to parse IP", print::quoted(&name)));
            }
            Ok(format!("[{name}]{port}"))
        }
        Some(_) => Err("invalid IP-literal".into()),
        None => {
            // Go is strict with colons only for http and https.
            let first = matches!(scheme, "http" | "https");
            if let Some(at) = if first { host.find(':') } else { host.rfind(':') } {
                checked(&host[at..])?;
            }
            unescape(host, Part::Host)
        }
    }
}
