//! Addresses in texts: buckets, hosts of Services, databases. Only what stands there in full is read: what is filled in
//! elsewhere (`${…}`, `$(…)`, `{{ … }}`, `<…>`) is nobody's address yet.

/// Something that a text names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address<'a> {
    /// A bucket, by an address such as `s3a://raw/daily`.
    Bucket { scheme: &'a str, name: &'a str },
    /// A Service with its namespace: `trino.query.svc`, or `trino.query` before a port or behind `//`.
    Service { name: &'a str, namespace: &'a str, certain: bool },
    /// A Service of the same namespace: one word behind `//` or in a list of `host:port`.
    Neighbour { name: &'a str },
    /// A host with a domain.
    Host { name: &'a str },
    /// A database behind the host of an address: `jdbc:postgresql://host/db`.
    Database { host: &'a str, name: &'a str },
}

/// Schemes of object stores (hadoop-aws, hadoop-azure-datalake, gcs-connector; `s3n` is the older one).
const BUCKETS: &[&str] = &["s3", "s3a", "s3n", "gs"];

/// Schemes of databases whose path is the database.
const DATABASES: &[&str] = &["postgres", "postgresql", "postgresql+psycopg2", "postgresql+asyncpg", "mysql", "redis"];

/// Returns every address of a text, in order.
pub fn addresses(text: &str) -> Vec<Address<'_>> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("://") {
        url(text, at, &mut found);
    }
    words(text, &mut found);
    found.dedup();
    found
}

/// Characters of host names.
fn of_a_host(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_')
}

/// Says whether a text goes on with something that is filled in elsewhere.
fn is_open(rest: &str) -> bool {
    rest.starts_with(['$', '{', '<', '%', '*', '('])
}

fn url<'a>(text: &'a str, at: usize, found: &mut Vec<Address<'a>>) {
    let start = text[..at].rfind(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.')));
    let start = start.map_or(0, |i| i + text[i..].chars().next().map_or(1, char::len_utf8));
    let scheme = &text[start..at];
    let rest = &text[at + 3..];
    // A user and a password may stand before the host.
    let authority = &rest[..rest
        .find(|c: char| matches!(c, '/' | '"' | '\'' | '`' | '<' | ')') || c.is_whitespace())
        .unwrap_or(rest.len())];
    let host_at = authority.rfind('@').map_or(0, |i| i + 1);
    let rest = &rest[host_at..];
    let end = rest.find(|c| !of_a_host(c)).unwrap_or(rest.len());
    let (name, behind) = rest.split_at(end);
    if name.is_empty() || is_open(behind) {
        return;
    }
    if BUCKETS.contains(&scheme) {
        // An address in prose ends with a full stop.
        found.push(Address::Bucket { scheme, name: name.trim_end_matches('.') });
        return;
    }
    host(name, true, found);
    if DATABASES.contains(&scheme)
        && let Some(database) = database(behind)
    {
        found.push(Address::Database { host: name, name: database });
    }
}

/// Returns the database behind a host: `:5432/db?x=y`.
fn database(behind: &str) -> Option<&str> {
    let path = &behind[behind.find('/')? + 1..];
    // Further hosts, or anything else that is no port, may stand between.
    let port = &behind[..behind.len() - path.len() - 1];
    if !port.bytes().all(|b| b.is_ascii_digit() || b == b':') {
        return None;
    }
    let end = path.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))).unwrap_or(path.len());
    let (name, rest) = path.split_at(end);
    (!name.is_empty() && !is_open(rest)).then_some(name)
}

/// Looks at words that stand without a scheme: `name.namespace.svc`, and `host:port` in lists.
fn words<'a>(text: &'a str, found: &mut Vec<Address<'a>>) {
    let mut at = 0;
    while let Some(step) = text[at..].find(of_a_host) {
        let start = at + step;
        let end = text[start..].find(|c| !of_a_host(c)).map_or(text.len(), |n| start + n);
        at = end;
        let (before, word, behind) = (&text[..start], &text[start..end], &text[end..]);
        let word = word.trim_end_matches('.');
        // Behind `//` it was seen; beside an open reference it is a part of something.
        if before.ends_with("//")
            || before.ends_with('@')
            || before.ends_with(['}', ')', '$', '{', '('])
            || is_open(behind)
        {
            continue;
        }
        let port = behind.strip_prefix(':').is_some_and(|rest| {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            (2..=5).contains(&digits) && !rest[digits..].starts_with(|c: char| of_a_host(c) || c == ':' || c == '/')
        });
        if word.contains(".svc") || port {
            host(word, port, found);
        }
    }
}

/// Takes a host apart. With `known` it surely is one.
fn host<'a>(name: &'a str, known: bool, found: &mut Vec<Address<'a>>) {
    let labels: Vec<&str> = name.split('.').collect();
    if labels.iter().any(|label| label.is_empty()) || labels.iter().all(|l| l.bytes().all(|b| b.is_ascii_digit())) {
        return;
    }
    match labels.iter().position(|label| *label == "svc") {
        Some(at) if at >= 2 && matches!(labels[at + 1..], [] | ["cluster", ..]) => {
            found.push(Address::Service { name: labels[at - 2], namespace: labels[at - 1], certain: true });
        }
        Some(_) => {}
        None if !known => {}
        None => match labels[..] {
            [one] => found.push(Address::Neighbour { name: one }),
            [one, two] => {
                found.push(Address::Service { name: one, namespace: two, certain: false });
                found.push(Address::Host { name });
            }
            _ => found.push(Address::Host { name }),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service<'a>(name: &'a str, namespace: &'a str) -> Address<'a> {
        Address::Service { name, namespace, certain: true }
    }

    #[test]
    fn addresses_are_found_in_texts() {
        let bucket = |scheme, name| Address::Bucket { scheme, name };
        for (text, wanted) in [
            ("s3a://nope/x.py", vec![bucket("s3a", "nope")]),
            ("--out=s3://a-b, then gs://c.", vec![bucket("s3", "a-b"), bucket("gs", "c")]),
            ("http://trino.query.svc:8080/x", vec![service("trino", "query")]),
            ("http://trino.query.svc.cluster.local", vec![service("trino", "query")]),
            ("pg-0.pg.data.svc:5432", vec![service("pg", "data")]),
            ("nc -z trino.query.svc 80", vec![service("trino", "query")]),
            (
                "k.stream:9092,l:9092",
                vec![
                    Address::Service { name: "k", namespace: "stream", certain: false },
                    Address::Host { name: "k.stream" },
                    Address::Neighbour { name: "l" },
                ],
            ),
            ("https://web.example.com/x", vec![Address::Host { name: "web.example.com" }]),
            (
                "jdbc:postgresql://pg-rw.data.svc:5432/lake?ssl=true",
                vec![service("pg-rw", "data"), Address::Database { host: "pg-rw.data.svc", name: "lake" }],
            ),
            (
                "postgres://app@pg/lake",
                vec![Address::Neighbour { name: "pg" }, Address::Database { host: "pg", name: "lake" }],
            ),
        ] {
            assert_eq!(addresses(text), wanted, "{text}");
        }
    }

    #[test]
    fn what_is_filled_in_or_no_address_is_left_alone() {
        for text in [
            "s3a://${buckets.raw.bucket}/x",
            "s3://<bucket>/x",
            "s3a://lake-${environment.name}/x",
            "s3://{bucket}/x",
            "s3://$BUCKET/x",
            "http://$(HOST):80",
            "http://10.0.0.1:8080",
            "local:///opt/x.py",
            "image:1.0.0",
            "ghcr.io/acme/app:1.0.0",
            "12:30:00",
            "a.b.c",
            "svc",
            "$HOST.svc:80",
            "${NAME}.svc",
        ] {
            assert_eq!(addresses(text), [], "{text}");
        }
    }
}
