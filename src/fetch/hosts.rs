//! Which hosts may be spoken to: addresses of the public network, and those that the operator lists.
//!
//! The platform comes from a repository, which may be a stranger's pull request, so nothing in it can open the inside of
//! the network that lakegen runs in (reliability note, T66). The check is on the very addresses that are connected to,
//! after the name was looked up, so a name that changes its answer gains nothing. What a proxy of the operator's
//! environment looks up is the proxy's to judge.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::{error, fmt};

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use super::address::{Origin, origin};

/// The hosts that the operator lists.
#[derive(Clone, Debug, Default)]
pub struct Allowed(Vec<Entry>);

#[derive(Clone, Debug)]
struct Entry {
    /// Whether unencrypted HTTP is fine too.
    plain: bool,
    /// With `*.` in front for all below.
    host: String,
    port: Option<u16>,
}

impl Allowed {
    /// Reads entries such as `registry.corp`, `*.corp:8443` and `http://localhost:5000`.
    ///
    /// # Errors
    /// The entry that is none of these.
    pub fn parse<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let entries = entries.into_iter().map(str::trim).filter(|entry| !entry.is_empty());
        entries.map(|entry| Entry::parse(entry).ok_or_else(|| entry.to_owned())).collect::<Result<_, _>>().map(Self)
    }

    /// Says whether the host may have any address.
    pub fn private(&self, host: &str, port: u16) -> bool {
        self.0.iter().any(|entry| entry.fits(host, port))
    }

    /// Says whether the host may be spoken to without TLS.
    pub fn plain(&self, host: &str, port: u16) -> bool {
        self.0.iter().any(|entry| entry.plain && entry.fits(host, port))
    }
}

impl Entry {
    fn parse(text: &str) -> Option<Self> {
        let (plain, rest) = match text.split_once("://") {
            Some(("http", rest)) => (true, rest),
            Some(("https", rest)) => (false, rest),
            Some(_) => return None,
            None => (false, text),
        };
        let (wildcard, rest) = rest.strip_prefix("*.").map_or(("", rest), |rest| ("*.", rest));
        let known = |b: u8| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b);
        if !rest.bytes().all(known) {
            return None;
        }
        let found = origin(!plain, rest).ok()?;
        let port = rest.ends_with(&format!(":{}", found.port)).then_some(found.port);
        // A scheme alone means its own port.
        let port = port.or_else(|| text.contains("://").then_some(found.port));
        Some(Self { plain, host: format!("{wildcard}{}", found.host), port })
    }

    fn fits(&self, host: &str, port: u16) -> bool {
        let named = match self.host.strip_prefix('*') {
            Some(suffix) => host.ends_with(suffix) && host.len() > suffix.len(),
            None => self.host == host,
        };
        named && self.port.is_none_or(|own| own == port)
    }
}

/// A host without a public address.
#[derive(Debug)]
pub struct NotPublic {
    pub host: String,
    pub address: IpAddr,
}

impl fmt::Display for NotPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is at {}, which is not a public address", self.host, self.address)
    }
}

impl error::Error for NotPublic {}

/// Checks a host that is written as an address; names are checked when they are looked up.
///
/// # Errors
/// When the address is not public and not listed.
pub fn check_literal(origin: &Origin, allowed: &Allowed) -> Result<(), NotPublic> {
    let bare = origin.host.trim_start_matches('[').trim_end_matches(']');
    let literal = bare.parse::<IpAddr>().ok();
    let local = (bare == "localhost" || bare.ends_with(".localhost")).then_some(IpAddr::V4(Ipv4Addr::LOCALHOST));
    match literal.filter(|address| !is_public(*address)).or(local) {
        Some(address) if !allowed.private(&origin.host, origin.port) => {
            Err(NotPublic { host: origin.host.clone(), address })
        }
        _ => Ok(()),
    }
}

/// Looks names up and hands out only addresses that may be connected to.
#[derive(Debug)]
pub struct Gate {
    pub inner: DefaultResolver,
    pub allowed: Allowed,
    /// Host and port of the proxy in the operator's environment.
    pub proxy: Option<(String, u16)>,
}

impl Resolver for Gate {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.inner.resolve(uri, config, timeout)?;
        let host = uri.host().unwrap_or("").to_ascii_lowercase();
        let host = host.strip_suffix('.').unwrap_or(&host);
        let port = uri.port_u16().or_else(|| found.iter().map(SocketAddr::port).next()).unwrap_or(0);
        let is_proxy = self.proxy.as_ref().is_some_and(|(name, its)| name == host && *its == port);
        if is_proxy || self.allowed.private(host, port) {
            return Ok(found);
        }
        let mut public = self.empty();
        for address in found.iter().filter(|address| is_public(address.ip())) {
            public.push(*address);
        }
        match found.iter().next() {
            Some(first) if public.is_empty() => {
                Err(ureq::Error::Other(Box::new(NotPublic { host: host.to_owned(), address: first.ip() })))
            }
            _ => Ok(public),
        }
    }
}

/// Says whether an address lies in the public network.
///
/// Source: the IANA registries of special-purpose addresses (RFC 6890 and what followed), and 168.63.129.16, at which
/// Azure answers its virtual machines.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    const NOT_PUBLIC: [([u8; 4], u32); 16] = [
        ([0, 0, 0, 0], 8),
        ([10, 0, 0, 0], 8),
        ([100, 64, 0, 0], 10),
        ([127, 0, 0, 0], 8),
        ([168, 63, 129, 16], 32),
        ([169, 254, 0, 0], 16),
        ([172, 16, 0, 0], 12),
        ([192, 0, 0, 0], 24),
        ([192, 0, 2, 0], 24),
        ([192, 88, 99, 0], 24),
        ([192, 168, 0, 0], 16),
        ([198, 18, 0, 0], 15),
        ([198, 51, 100, 0], 24),
        ([203, 0, 113, 0], 24),
        ([224, 0, 0, 0], 4),
        ([240, 0, 0, 0], 4),
    ];
    let bits = address.to_bits();
    NOT_PUBLIC.iter().all(|(net, length)| (bits ^ u32::from_be_bytes(*net)) >> (32 - length) != 0)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, third, fourth, ..] = address.segments();
    let [.., high, low] = address.segments();
    let embedded = Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match (first, second, third, fourth) {
        // Translated to IPv4 on the way (RFC 6052), so what counts is what it is translated to.
        (0x64, 0xff9b, 0, 0) => is_public_v4(embedded),
        // 6to4, with the IPv4 address behind the prefix; protocols, Teredo among them; examples.
        (0x2002, ..) => false,
        (0x2001, 0..=0x1ff | 0xdb8, ..) | (0x3fff, 0..=0xfff, ..) => false,
        // Only this eighth has been given out; IPv4 in disguise, local and multicast addresses lie outside of it.
        (first, ..) => first >> 13 == 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// T66: loopback, private, link-local and metadata addresses, in every spelling that reaches them.
    #[test]
    fn t66_what_is_public() {
        for address in [
            "127.0.0.1",
            "127.255.255.254",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.100.100.200",
            "192.0.0.192",
            "168.63.129.16",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
            "100::1",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "172.15.0.1",
            "172.32.0.1",
            "100.63.0.1",
            "100.128.0.1",
            "169.253.0.1",
            "192.0.1.1",
            "223.255.255.255",
            "2606:4700::1111",
            "2a00:1450::1",
            "64:ff9b::808:808",
            "2001:4860:4860::8888",
        ] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn what_the_operator_lists() {
        let allowed =
            Allowed::parse(["registry.corp", " *.lan:8443", "http://localhost:5000", "[::1]", "http://plain.corp"])
                .unwrap();
        for (host, port, private, plain) in [
            ("registry.corp", 443, true, false),
            ("registry.corp", 5000, true, false),
            ("xregistry.corp", 443, false, false),
            ("a.lan", 8443, true, false),
            ("a.lan", 443, false, false),
            (".lan", 8443, false, false),
            ("localhost", 5000, true, true),
            ("localhost", 5001, false, false),
            ("[::1]", 443, true, false),
            ("plain.corp", 80, true, true),
            ("plain.corp", 443, false, false),
        ] {
            assert_eq!((allowed.private(host, port), allowed.plain(host, port)), (private, plain), "{host}:{port}");
        }
        for wrong in ["ftp://x", "a b", "a/b", "user@host", "host:port", "http://", "127.1"] {
            assert_eq!(Allowed::parse([wrong]).unwrap_err(), wrong);
        }
    }
}
