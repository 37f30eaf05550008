//! Addresses: text → scheme, host, port and path, in one reading that everybody shares.
//!
//! Credentials, redirects and the rules about hosts all ask the same [`Address`], so no two of them can understand an
//! address differently. What a message shows of it holds neither credentials nor a query, which may be a signature.

use std::fmt;

use crate::lock::check_url;

/// Where a server listens: what credentials are bound to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    pub tls: bool,
    /// Lower case; an IPv6 address in brackets.
    pub host: String,
    pub port: u16,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, usual) = if self.tls { ("https", 443) } else { ("http", 80) };
        write!(f, "{scheme}://{}", self.host)?;
        if self.port == usual { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

/// An address to fetch from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub origin: Origin,
    /// Begins with `/`.
    pub path: String,
    query: Option<String>,
}

impl Address {
    /// Reads an `https://` or `http://` address.
    ///
    /// # Errors
    /// The reason, to be read after "the address".
    pub fn parse(text: &str) -> Result<Self, String> {
        check_url(text)?;
        let (tls, rest) = match text.split_once("://") {
            Some(("https", rest)) => (true, rest),
            Some(("http", rest)) => (false, rest),
            _ => return Err("does not begin with `https://` or `http://`".into()),
        };
        let rest = rest.split('#').next().unwrap_or("");
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        let (path, query) = match rest.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (rest, None),
        };
        let path = if path.is_empty() { "/".to_owned() } else { path.to_owned() };
        Ok(Self { origin: origin(tls, authority)?, path, query })
    }

    /// Returns the address of `path`, which begins with `/`, on a server.
    pub fn on(origin: &Origin, path: impl Into<String>) -> Self {
        Self { origin: origin.clone(), path: path.into(), query: None }
    }

    /// Adds a pair to the query.
    #[must_use]
    pub fn with(mut self, key: &str, value: &str) -> Self {
        let pair = format!("{key}={}", escaped(value));
        self.query = Some(self.query.map_or_else(|| pair.clone(), |query| format!("{query}&{pair}")));
        self
    }

    /// Returns what a reference means that stands in a document at this address (RFC 3986, section 5.2).
    ///
    /// # Errors
    /// As [`Address::parse`].
    pub fn join(&self, reference: &str) -> Result<Self, String> {
        let scheme_end = reference.find(|c: char| !c.is_ascii_alphanumeric() && !"+.-".contains(c));
        let has_scheme = reference.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme_end.is_some_and(|end| reference[end..].starts_with(':'));
        if has_scheme {
            return Self::parse(reference);
        }
        let scheme = if self.origin.tls { "https" } else { "http" };
        if reference.starts_with("//") {
            return Self::parse(&format!("{scheme}:{reference}"));
        }
        let (path, query) = match reference.split('#').next().unwrap_or("").split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (reference.split('#').next().unwrap_or(""), None),
        };
        let folder = self.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let merged = match path {
            "" => self.path.clone(),
            path if path.starts_with('/') => without_dots(path),
            path => without_dots(&format!("{folder}/{path}")),
        };
        let query = query.map_or_else(String::new, |query| format!("?{query}"));
        Self::parse(&format!("{}{merged}{query}", self.origin))
    }

    /// Returns this address as that of a folder: references are relative to what lies in it.
    #[must_use]
    pub fn folder(&self) -> Self {
        Self { path: format!("{}/", self.path.trim_end_matches('/')), ..self.clone() }
    }

    /// Returns another address with the query of this one, as Helm asks an index's neighbours.
    #[must_use]
    pub fn lend_query(&self, other: Self) -> Self {
        match &self.query {
            Some(query) => Self { query: Some(query.clone()), ..other },
            None => other,
        }
    }

    /// Returns the whole address, for the request and the lock.
    pub fn text(&self) -> String {
        let query = self.query.as_ref().map_or_else(String::new, |query| format!("?{query}"));
        format!("{}{}{query}", self.origin, self.path)
    }
}

/// For messages: a query is only hinted at.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.origin, self.path, if self.query.is_some() { "?…" } else { "" })
    }
}

/// Reads `host[:port]`, as it stands in an address that [`check_url`] passed or in a list of the operator's.
///
/// # Errors
/// The reason, to be read after "the address".
pub fn origin(tls: bool, authority: &str) -> Result<Origin, String> {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => {
            (host, port.parse().ok().filter(|port| *port != 0).ok_or("has no valid port")?)
        }
        _ => (authority, if tls { 443 } else { 80 }),
    };
    let host = host.to_ascii_lowercase();
    let host = host.strip_suffix('.').unwrap_or(&host).to_owned();
    // Old resolvers read `0x7f.1` and `2130706433` as 127.0.0.1; who looks at the text must see the same.
    let last = host.rsplit('.').next().unwrap_or("");
    let numeric = last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x");
    if host.is_empty() || (numeric && host.parse::<std::net::Ipv4Addr>().is_err()) {
        return Err("has no valid host".into());
    }
    Ok(Origin { tls, host, port })
}

/// Removes `.` and `..` from an absolute path (RFC 3986, section 5.2.4).
fn without_dots(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    let mut inner = path.split('/').skip(1).peekable();
    while let Some(part) = inner.next() {
        let last = inner.peek().is_none();
        match part {
            "." | ".." => {
                if part == ".." {
                    parts.pop();
                }
                if last {
                    parts.push("");
                }
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// Escapes a value of a query.
fn escaped(value: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~:/,".contains(&b);
    value.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_as_the_standard_reads_them() {
        // RFC 3986, section 5.4, as far as it stays with http.
        let base = Address::parse("http://a/b/c/d;p?q").unwrap();
        for (reference, expected) in [
            ("g", "http://a/b/c/g"),
            ("./g", "http://a/b/c/g"),
            ("g/", "http://a/b/c/g/"),
            ("/g", "http://a/g"),
            ("//g", "http://g/"),
            ("g?y", "http://a/b/c/g?y"),
            ("g#s", "http://a/b/c/g"),
            (";x", "http://a/b/c/;x"),
            (".", "http://a/b/c/"),
            ("..", "http://a/b/"),
            ("../g", "http://a/b/g"),
            ("../../g", "http://a/g"),
            ("../../../g", "http://a/g"),
            ("/./g", "http://a/g"),
            ("g;x=1/../y", "http://a/b/c/y"),
            ("https://h/x", "https://h/x"),
        ] {
            assert_eq!(base.join(reference).unwrap().text(), expected, "{reference}");
        }
        for reference in ["file:///etc/passwd", "javascript:x", "https://u:p@h/", "//u@h/", "a b", "\r\nx", "ftp://h/"]
        {
            assert!(base.join(reference).is_err(), "{reference}");
        }
    }

    #[test]
    fn a_host_has_one_meaning() {
        for (text, host, port) in [
            ("https://Charts.Example.COM", "charts.example.com", 443),
            ("https://charts.example.com.:8443/x", "charts.example.com", 8443),
            ("https://127.0.0.1/", "127.0.0.1", 443),
            ("https://[::1]:5000/", "[::1]", 5000),
            ("https://0x7f.example.com/", "0x7f.example.com", 443),
        ] {
            let origin = Address::parse(text).unwrap().origin;
            assert_eq!((origin.host.as_str(), origin.port), (host, port), "{text}");
        }
        for text in ["https://0x7f.1", "https://2130706433/", "https://127.1/", "https://0177.0.0.1/", "https://a.0x1/"]
        {
            assert!(Address::parse(text).is_err(), "{text}");
        }
    }

    /// T74: what is shown of an address holds no signature.
    #[test]
    fn t74_messages_show_no_query() {
        let address = Address::parse("https://h:8443/a.tgz?X-Amz-Signature=canary").unwrap();
        assert_eq!(address.to_string(), "https://h:8443/a.tgz?…");
        assert!(address.text().contains("canary"));
    }
}
