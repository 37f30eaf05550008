//! The formats of strings in lakegen's language: what each accepts, and what it means.
//!
//! A string that still holds a `${…}` is checked after it has been filled in.

use std::net::IpAddr;

/// A format that a string may be asked to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Any text.
    Any,
    /// `20Gi`, `500M`: a Kubernetes quantity of bytes.
    Size,
    /// `500m..2`, `2Gi`: request and limit.
    Range,
    /// `7d`, `1h30m`.
    Duration,
    /// Five fields or a macro.
    Cron,
    /// `name:tag`, `name@sha256:…`.
    Image,
    /// `item` or `item#property` in the secret store.
    Item,
    /// `query`, `query.example.com`, `@`.
    Host,
    /// A DNS label: what most Kubernetes names must be.
    Name,
    /// `instance`, `instance/claim`.
    Reference,
    /// A name pattern with `*`.
    Glob,
    /// `https://…`
    Url,
    /// A version such as `1.42.2` or `v1.21.1`.
    Version,
    /// A relative path inside the repository.
    Path,
    /// `/spec/replicas`: a JSON pointer to a field (RFC 6901).
    Pointer,
    /// `cert-manager.io/v1`: an API group and version, also with a kind and its scope.
    Api,
}

impl Format {
    /// Says what is wrong with the text, and what a right one looks like.
    ///
    /// # Errors
    /// The reason, to be read after "`text` is not …".
    pub fn check(self, text: &str) -> Result<(), String> {
        let (ok, what) = match self {
            Self::Any => (true, ""),
            Self::Api => (
                api(text),
                "an API group and version, for example `cert-manager.io/v1` or, for a single kind, \
                `example.com/v1/Widget:Cluster`",
            ),
            Self::Size => (bytes(text).is_some(), "a size, for example `20Gi`"),
            Self::Range => {
                (range(text).is_some(), "a quantity or a range `request..limit`, for example `500m..2` or `4Gi`")
            }
            Self::Duration => (seconds(text).is_some(), "a duration, for example `30s`, `90m` or `7d`"),
            Self::Cron => return cron(text),
            Self::Image => return image(text),
            Self::Item => {
                (item(text), "an item in the secret store, for example `app/database` or `app/database#password`")
            }
            Self::Host => {
                (host(text), "a host: a name below the domain, a full name with dots, or `@` for the domain itself")
            }
            Self::Name => {
                (name(text), "a name: at most 63 lower-case letters, digits and `-`, beginning with a letter")
            }
            Self::Reference => (
                !text.is_empty() && !text.contains(char::is_whitespace),
                "a reference such as `postgres` or `postgres/warehouse`",
            ),
            Self::Glob => (globset::Glob::new(text).is_ok(), "a pattern such as `trino-*`"),
            Self::Url => (url(text), "a URL that begins with `https://`, `http://`, `ssh://`, `oci://` or `git@`"),
            Self::Version => (
                is_version(text),
                "an exact version, for example `1.42.2` (with a range, the output would change over time)",
            ),
            Self::Pointer => return pointer(text),
            Self::Path => (path(text), "a path inside the repository: relative, without `..`"),
        };
        if ok { Ok(()) } else { Err(what.into()) }
    }

    /// Returns what a text that does not have this format probably means: a size with `B`, a duration in words, a schedule with
    /// seconds, a name with capitals and spaces.
    pub fn meant(self, text: &str) -> Option<String> {
        let tight: String = text.split_whitespace().collect();
        let end = tight.find(|c: char| !c.is_ascii_digit()).unwrap_or(tight.len());
        let (digits, unit) = tight.split_at(end);
        let meant = match self {
            Self::Size => {
                let mut unit = unit.trim_end_matches(['b', 'B']).to_ascii_lowercase();
                // `k` is the only unit in lower case.
                if let (true, Some(first)) = (unit != "k", unit.get_mut(..1)) {
                    first.make_ascii_uppercase();
                }
                format!("{digits}{unit}")
            }
            Self::Duration => format!("{digits}{}", unit.chars().next()?.to_ascii_lowercase()),
            Self::Cron => match text.split_whitespace().collect::<Vec<_>>()[..] {
                [_, ref rest @ ..] if rest.len() == 5 => rest.join(" "),
                _ => return None,
            },
            Self::Name => {
                let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
                text.chars().map(plain).collect::<String>().trim_matches('-').to_string()
            }
            _ => return None,
        };
        (meant != text && self.check(&meant).is_ok()).then_some(meant)
    }

    /// Returns the word for this format in docs and in the JSON Schema.
    pub fn word(self) -> &'static str {
        match self {
            Self::Any => "string",
            Self::Size => "size",
            Self::Range => "range",
            Self::Duration => "duration",
            Self::Cron => "cron schedule",
            Self::Image => "image",
            Self::Item => "item",
            Self::Host => "host",
            Self::Name => "name",
            Self::Reference => "reference",
            Self::Glob => "glob",
            Self::Url => "URL",
            Self::Version => "version",
            Self::Path => "path",
            Self::Pointer => "JSON pointer",
            Self::Api => "API",
        }
    }
}

/// Says whether this is `group/version`, `group/version/Kind`, or that with `:Cluster` or `:Namespaced`.
fn api(text: &str) -> bool {
    let (api, scope) = text.split_once(':').map_or((text, None), |(api, scope)| (api, Some(scope)));
    let parts: Vec<&str> = api.split('/').collect();
    let label = |text: &&str| subdomain(text);
    let kind = |text: &&str| {
        text.starts_with(|c: char| c.is_ascii_uppercase()) && text.chars().all(|c| c.is_ascii_alphanumeric())
    };
    let scoped = scope.is_none_or(|scope| parts.len() == 3 && matches!(scope, "Cluster" | "Namespaced"));
    scoped && matches!(parts.len(), 2 | 3) && parts[..2].iter().all(label) && parts[2..].iter().all(kind)
}

/// Says whether this is one exact version, not a range: digits and dots with an optional `v` and suffix.
pub fn is_version(text: &str) -> bool {
    let body = text.strip_prefix('v').unwrap_or(text);
    let core = body.split(['-', '+']).next().unwrap_or("");
    let mut numbers = core.split('.');
    body.len() <= 64
        && numbers.clone().count() <= 4
        && numbers.all(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
        && body.bytes().all(|b| b.is_ascii_alphanumeric() || b".-+".contains(&b))
}

/// Splits a number from its unit.
fn number(text: &str) -> Option<(f64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    if digits.is_empty() || digits.starts_with('.') || digits.ends_with('.') {
        return None;
    }
    Some((digits.parse().ok()?, unit))
}

/// Returns the bytes of a size such as `20Gi` (Kubernetes quantity suffixes).
pub fn bytes(text: &str) -> Option<f64> {
    let (value, unit) = number(text)?;
    let power = |base: f64, n: i32| base.powi(n);
    let factor = match unit {
        "" => 1.0,
        "k" => power(1e3, 1),
        "M" => power(1e3, 2),
        "G" => power(1e3, 3),
        "T" => power(1e3, 4),
        "P" => power(1e3, 5),
        "Ki" => power(1024.0, 1),
        "Mi" => power(1024.0, 2),
        "Gi" => power(1024.0, 3),
        "Ti" => power(1024.0, 4),
        "Pi" => power(1024.0, 5),
        _ => return None,
    };
    (value > 0.0).then_some(value * factor)
}

/// Returns a quantity as a plain number: cores, or bytes.
pub fn quantity(text: &str) -> Option<f64> {
    match text.strip_suffix('m') {
        Some(milli) => number(milli).filter(|(_, unit)| unit.is_empty()).map(|(n, _)| n / 1000.0),
        None => bytes(text).or_else(|| (text == "0").then_some(0.0)),
    }
}

/// Splits a range into request and limit; a single quantity is the request, with no limit of its own.
pub fn range(text: &str) -> Option<(&str, Option<&str>)> {
    match text.split_once("..") {
        Some((request, limit)) => (quantity(request)? <= quantity(limit)?).then_some((request, Some(limit))),
        None => quantity(text).map(|_| (text, None)),
    }
}

/// Returns the seconds of a duration such as `7d` or `1h30m`.
pub fn seconds(text: &str) -> Option<i64> {
    let mut rest = text;
    let mut total: i64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let value: i64 = rest[..digits].parse().ok()?;
        let tail = &rest[digits..];
        let unit = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let factor = match &tail[..unit] {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            "d" => 86_400,
            "w" => 604_800,
            _ => return None,
        };
        total = total.checked_add(value.checked_mul(factor)?)?;
        rest = &tail[unit..];
    }
    (!text.is_empty()).then_some(total)
}

/// A field of a schedule: what it is, its bounds, and the names that stand for numbers.
type CronField = (&'static str, u32, u32, &'static [&'static str]);

const CRON: [CronField; 5] = [
    ("a minute", 0, 59, &[]),
    ("an hour", 0, 23, &[]),
    ("a day of the month", 1, 31, &[]),
    ("a month", 1, 12, &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]),
    ("a day of the week", 0, 6, &["sun", "mon", "tue", "wed", "thu", "fri", "sat"]),
];

/// Checks a cron schedule as Kubernetes reads it (robfig/cron v3, standard parser: five fields or a macro).
///
/// # Errors
/// The reason, to be read after "`text` is not …".
pub fn cron(text: &str) -> Result<(), String> {
    let count = text.split_whitespace().count();
    if !text.starts_with('@') && count != 5 {
        let seconds = if count == 6 { " (only CloudNativePG's own schedules have seconds)" } else { "" };
        return Err(format!("a schedule with five fields `minute hour day month weekday`: it has {count}{seconds}"));
    }
    cron_fields(text, &CRON)
}

/// Checks a cron schedule with seconds (robfig/cron, `Second | Minute | Hour | Dom | Month | Dow`), as CloudNativePG reads it.
///
/// # Errors
/// As [`cron`].
pub fn cron_with_seconds(text: &str) -> Result<(), String> {
    let count = text.split_whitespace().count();
    if !text.starts_with('@') && count != 6 {
        return Err(format!("a schedule with six fields `second minute hour day month weekday`: it has {count}"));
    }
    let [minute, hour, day, month, weekday] = CRON;
    cron_fields(text, &[("a second", 0, 59, &[]), minute, hour, day, month, weekday])
}

fn cron_fields(text: &str, fields: &[CronField]) -> Result<(), String> {
    const MACROS: &[&str] = &["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];
    if text.starts_with('@') {
        return if MACROS.contains(&text) || text.starts_with("@every ") {
            Ok(())
        } else {
            Err(format!("a schedule macro; valid macros: {}", MACROS.join(", ")))
        };
    }
    for (field, (what, low, high, names)) in text.split_whitespace().zip(fields) {
        if !cron_field(field, *low, *high, names) {
            return Err(format!("a valid schedule: `{field}` is not {what} ({low}–{high})"));
        }
    }
    Ok(())
}

fn cron_field(field: &str, low: u32, high: u32, names: &[&str]) -> bool {
    let value = |text: &str| -> Option<u32> {
        let lower = text.to_ascii_lowercase();
        let named = names.iter().position(|n| *n == lower).map(|i| u32::try_from(i).unwrap_or(0) + low);
        named.or_else(|| text.parse().ok()).filter(|n| (low..=high).contains(n))
    };
    field.split(',').all(|item| {
        let (span, step) = item.split_once('/').map_or((item, None), |(span, step)| (span, Some(step)));
        let step_ok = step.is_none_or(|s| s.parse::<u32>().is_ok_and(|n| n > 0));
        let span_ok = match span {
            "*" | "?" => true,
            _ => match span.split_once('-') {
                Some((from, to)) => matches!((value(from), value(to)), (Some(from), Some(to)) if from <= to),
                None => value(span).is_some(),
            },
        };
        step_ok && span_ok
    })
}

/// The parts of an image reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Image<'a> {
    pub repository: &'a str,
    pub tag: Option<&'a str>,
    pub digest: Option<&'a str>,
}

/// Splits an image reference into repository, tag and digest.
pub fn split_image(text: &str) -> Image<'_> {
    let (name, digest) = text.split_once('@').map_or((text, None), |(name, digest)| (name, Some(digest)));
    let slash = name.rfind('/').map_or(0, |n| n + 1);
    let (repository, tag) = match name[slash..].find(':') {
        Some(colon) => (&name[..slash + colon], Some(&name[slash + colon + 1..])),
        None => (name, None),
    };
    Image { repository, tag, digest }
}

/// Completes an image's name: `trinodb/trino` is `docker.io/trinodb/trino` (distribution/reference v0.6, `normalize.go`).
pub fn whole_image(name: &str) -> String {
    match name.split_once('/') {
        Some((first, _)) if first.contains(['.', ':']) || first == "localhost" => name.to_string(),
        Some(_) => format!("docker.io/{name}"),
        None => format!("docker.io/library/{name}"),
    }
}

/// Tags that name a branch or whatever is newest.
const MOVING: &[&str] = &["latest", "main", "master", "edge", "nightly", "stable", "dev", "develop", "snapshot"];

/// Says why an image may be another one tomorrow, when it floats.
pub fn floating(image: &str) -> Option<&'static str> {
    if image.is_empty() || image.contains(['$', '{', ' ']) {
        return None;
    }
    let parts = split_image(image);
    match (parts.digest, parts.tag) {
        (Some(_), _) => None,
        (None, None) => Some("has no tag, so it means whatever is newest"),
        (None, Some(tag)) => is_moving(tag).then_some("has a tag that changes over time"),
    }
}

/// Says whether a tag names a branch or whatever is newest.
pub fn is_moving(tag: &str) -> bool {
    MOVING.contains(&tag)
}

fn image(text: &str) -> Result<(), String> {
    let image = split_image(text);
    let plain =
        |s: &str, more: &[u8]| !s.is_empty() && s.bytes().all(|b| b.is_ascii_alphanumeric() || more.contains(&b));
    let path_ok =
        plain(image.repository, b"._-/:") && !image.repository.ends_with('/') && !image.repository.starts_with('/');
    let lower = image.repository.rsplit('/').next().is_some_and(|last| !last.bytes().any(|b| b.is_ascii_uppercase()));
    let tag_ok = image.tag.is_none_or(|tag| plain(tag, b"._-") && tag.len() <= 128);
    let digest_ok = image.digest.is_none_or(|digest| {
        digest.strip_prefix("sha256:").is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
    });
    if path_ok && lower && tag_ok && digest_ok {
        Ok(())
    } else if !digest_ok {
        Err("a valid image: a digest is `sha256:` and 64 hexadecimal digits".into())
    } else {
        Err("an image, for example `ghcr.io/acme/app:1.4.2`".into())
    }
}

fn item(text: &str) -> bool {
    let (item, property) = text.split_once('#').unwrap_or((text, "x"));
    !item.is_empty() && !property.is_empty() && !text.contains(char::is_control) && !property.contains('#')
}

/// Says whether this is a DNS label.
pub fn name(text: &str) -> bool {
    text.len() <= 63
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && text.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
        && !text.ends_with('-')
}

/// Says whether this is a DNS subdomain: what object names and hosts must be.
pub fn subdomain(text: &str) -> bool {
    text.len() <= 253
        && text.split('.').all(|part| {
            !part.is_empty()
                && part.len() <= 63
                && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
                && !part.starts_with('-')
                && !part.ends_with('-')
        })
}

fn host(text: &str) -> bool {
    let text = text.split_once(':').filter(|(edge, _)| name(edge)).map_or(text, |(_, host)| host);
    text == "@" || subdomain(text.strip_prefix("*.").unwrap_or(text)) && text.parse::<IpAddr>().is_err()
}

/// What an address may begin with.
pub const SCHEMES: &[&str] = &["https://", "http://", "ssh://", "oci://", "git@", "thrift://", "s3://", "jdbc:"];

fn url(text: &str) -> bool {
    let rest = SCHEMES.iter().find_map(|scheme| text.strip_prefix(scheme));
    rest.is_some_and(|rest| !rest.is_empty()) && !text.contains(|c: char| c.is_whitespace() || c.is_control())
}

/// Checks a JSON pointer to a field (RFC 6901, section 3). The empty one is the whole object, which nobody means.
fn pointer(text: &str) -> Result<(), String> {
    let Some(fields) = text.strip_prefix('/') else {
        let slash = text.strip_prefix('.').unwrap_or(text).replace('.', "/");
        let meant = if text.contains('/') { text } else { &slash };
        let example = if text.is_empty() { "/spec/replicas".to_owned() } else { format!("/{meant}") };
        return Err(format!("a JSON pointer: it must begin with `/`, as in `{example}`"));
    };
    let escaped = fields.match_indices('~').all(|(at, _)| fields[at + 1..].starts_with(['0', '1']));
    if escaped { Ok(()) } else { Err("a JSON pointer: in a name, `~` is written `~0` and `/` is written `~1`".into()) }
}

fn path(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('/')
        && !text.contains(['\\', ':', '\0'])
        && !text.split('/').any(|part| part == "..")
}

/// Says whether this is a name that S3 and its imitators take for a bucket
/// (docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html, general purpose buckets).
pub fn bucket(text: &str) -> bool {
    (3..=63).contains(&text.len())
        && subdomain(text)
        && text.parse::<IpAddr>().is_err()
        && !text.starts_with("xn--")
        && !text.ends_with("-s3alias")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_take_what_they_should_and_nothing_else() {
        let table: &[(Format, &[&str], &[&str])] = &[
            (Format::Size, &["20Gi", "1.5Ti", "500M", "20"], &["Gi", "20GB", "-1Gi", "0Gi"]),
            (Format::Range, &["500m..2", "4Gi", "1..1"], &["2..1", "a..b", "2...4", ""]),
            (Format::Duration, &["30s", "1h30m", "7d", "2w"], &["7", "d", "1x", ""]),
            (
                Format::Cron,
                &["0 2 * * *", "*/5 1-4 1,15 jan mon", "@daily"],
                &["0 2 * *", "60 * * * *", "* * * * 8", "@often", "0 0 2 * * *"],
            ),
            (
                Format::Image,
                &[
                    "a:1",
                    "r.io:5000/a/b:1.2",
                    "a@sha256:0000000000000000000000000000000000000000000000000000000000000000",
                ],
                &["", "a b:1", "A:1", "a@sha256:12", "a:"],
            ),
            (Format::Host, &["query", "q.example.com", "@"], &["Q", "a_b", "10.0.0.1", ""]),
            (Format::Name, &["trino", "a1-b"], &["1a", "a-", "A", "a.b"]),
            (Format::Version, &["1.42.2", "v1.21.1", "1.0.0-rc.1"], &[">=1", "1.x", "*", "latest", "1.2 - 1.3"]),
            (Format::Path, &["a/b"], &["/a", "../a", "a/../b", "c:\\x"]),
            (
                Format::Pointer,
                &["/spec/replicas", "/metadata/annotations/a.b~1c", "/a/-", "/"],
                &["", "spec/replicas", ".spec.replicas", "/a~b"],
            ),
            (
                Format::Api,
                &["cert-manager.io/v1", "example.com/v1/Widget", "example.com/v1/Widget:Cluster"],
                &[
                    "",
                    "v1",
                    "example.com",
                    "example.com/v1/widget",
                    "example.com/v1:Cluster",
                    "example.com/v1/Widget:None",
                ],
            ),
        ];
        for (format, good, bad) in table {
            for text in *good {
                assert_eq!(format.check(text), Ok(()), "{format:?} takes {text}");
            }
            for text in *bad {
                assert!(format.check(text).is_err(), "{format:?} refuses {text}");
            }
        }
    }

    #[test]
    fn quantities_mean_what_kubernetes_means() {
        assert_eq!(bytes("1Ki"), Some(1024.0));
        assert_eq!(quantity("250m"), Some(0.25));
        assert_eq!(seconds("1h30m"), Some(5400));
        assert_eq!(
            split_image("r:5000/a/b:1@sha256:x"),
            Image { repository: "r:5000/a/b", tag: Some("1"), digest: Some("sha256:x") }
        );
        assert!(bucket("lake-raw") && !bucket("Lake_raw") && !bucket("ab"));
    }
}
