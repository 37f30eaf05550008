//! Text → lock: every mistake with its place, nothing skipped (reliability note, T63).

use super::{EDITION, Lock, Locked, NEWER_LOCK, broken, repository};
use crate::diag::{Diagnostic, SourceId, Span, quoted_list};
use crate::parse::node::{Kind, Node, Table};
use crate::parse::text::is_version;
use crate::parse::toml;
use crate::world::charts::Digest;
use crate::world::path_gate;

/// The keys of a chart, in the order of the file; the last two may be left out.
const KEYS: [&str; 7] = ["name", "repository", "version", "digest", "url", "wanted", "manifest"];
/// Longest text of the lock, in bytes.
const MAX_TEXT_BYTES: usize = 2048;

/// Reads the text of a lock; nothing when it has mistakes, which are reported.
pub fn parse(source: SourceId, text: &str, found: &mut Vec<Diagnostic>) -> Option<Lock> {
    let before = found.len();
    let table = toml::parse(source, text, found);
    let file = Span::new(source, 0, 0);
    // Half a file says nothing certain about its other half.
    if found.len() > before {
        let first = found.drain(before..).next();
        found.extend(first.map(|d| broken(d.labels.first().map_or(file, |label| label.span), d.message)));
        return None;
    }
    match table.get("edition") {
        Some(entry) => match entry.node.as_int() {
            Some(EDITION) => {}
            Some(newer) if newer > EDITION => {
                let message = format!("the lock uses edition {newer}, but this lakegen supports {EDITION}");
                found.push(Diagnostic::error(&NEWER_LOCK, message).at(entry.node.span, "").help("upgrade lakegen"));
                return None;
            }
            _ => found.push(broken(entry.node.span, format!("`edition` is not {EDITION}"))),
        },
        None => found.push(broken(file, "the lock has no `edition`")),
    }
    for (key, entry) in table.iter().filter(|(key, _)| !matches!(&***key, "edition" | "chart")) {
        found.push(broken(entry.key, format!("a lock has no key `{}`", path_gate::shown(key))));
    }
    let mut charts = Vec::new();
    let nodes = match table.get("chart").map(|entry| &entry.node) {
        None => &[][..],
        Some(Node { kind: Kind::List(nodes), .. }) => nodes,
        Some(node) => {
            found.push(broken(node.span, "`chart` is not a list of tables"));
            &[]
        }
    };
    for node in nodes {
        match node.as_table() {
            Some(table) => charts.extend(Reader { table, span: node.span, found }.chart().map(|c| (c, node.span))),
            None => found.push(broken(node.span, "a chart is not a table")),
        }
    }
    charts.sort_by(|(a, _), (b, _)| a.key().cmp(&b.key()));
    for pair in charts.windows(2) {
        if let [(first, at), (second, again)] = pair
            && first.key() == second.key()
        {
            let message = format!("chart `{}` {} is locked twice", first.name, first.wanted);
            found.push(broken(*again, message).at(*at, "here too"));
        }
    }
    let charts = charts.into_iter().map(|(chart, _)| chart).collect();
    (found.len() == before).then(|| Lock::new(charts))
}

/// Reads one chart.
struct Reader<'a> {
    table: &'a Table,
    span: Span,
    found: &'a mut Vec<Diagnostic>,
}

impl Reader<'_> {
    fn chart(&mut self) -> Option<Locked> {
        let before = self.found.len();
        for (key, entry) in self.table {
            if !KEYS.contains(&&**key) {
                let message = format!("a locked chart has no key `{}`", path_gate::shown(key));
                self.found.push(broken(entry.key, message).note(format!("its keys are {}", quoted_list(KEYS, "and"))));
            }
        }
        let name = self.text("name", check_name);
        let address = self.text("repository", check_url);
        let version = self.text("version", check_version);
        let digest = self.digest("digest");
        let url = self.text("url", check_url);
        let wanted =
            if self.table.contains_key("wanted") { self.text("wanted", check_version) } else { version.clone() };
        let manifest = if self.table.contains_key("manifest") { self.digest("manifest") } else { None };
        if self.found.len() > before {
            return None;
        }
        let repository = repository(&address?).to_owned();
        Some(Locked {
            name: name?,
            repository,
            wanted: wanted?,
            version: version?,
            digest: digest?,
            manifest,
            url: url?,
        })
    }

    fn text(&mut self, key: &str, check: fn(&str) -> Result<(), String>) -> Option<String> {
        let Some(entry) = self.table.get(key) else {
            self.found.push(broken(self.span, format!("the chart has no `{key}`")));
            return None;
        };
        let Some(text) = entry.node.as_str() else {
            self.found.push(broken(entry.node.span, format!("`{key}` is not a string")));
            return None;
        };
        match check(text) {
            Ok(()) => Some(text.to_owned()),
            Err(reason) => {
                let finding = broken(entry.node.span, format!("`{key}` {reason}"));
                // What stands in an address may be a password.
                self.found.push(if matches!(key, "repository" | "url") { finding.hidden() } else { finding });
                None
            }
        }
    }

    fn digest(&mut self, key: &str) -> Option<Digest> {
        let text = self.text(key, |text| match Digest::parse(text) {
            Some(_) => Ok(()),
            None => Err("is not `sha256:` with 64 lower-case hex digits".into()),
        })?;
        Digest::parse(&text)
    }
}

/// Checks a chart's name: one safe part of a path, of the characters that Helm allows.
///
/// # Errors
/// The reason, to be read after what holds the name.
pub fn check_name(name: &str) -> Result<(), String> {
    path_gate::check_part(name)?;
    // helm.sh/helm/v3@v3.22.0 pkg/lint/rules/chartfile.go and pkg/action/create.go: `^[a-zA-Z0-9._-]+$`, at most 250.
    if name.len() > 128
        || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        || name.starts_with('-')
    {
        return Err("is not a valid chart name: use at most 128 letters, digits, `.`, `_` and `-`".into());
    }
    Ok(())
}

/// Checks a chart's version.
///
/// # Errors
/// The reason, to be read after what holds the version.
pub fn check_version(version: &str) -> Result<(), String> {
    if is_version(version) { Ok(()) } else { Err("is not a version such as `1.42.2`".into()) }
}

/// Checks an address that something is fetched from: nothing in it that two readers could understand differently.
///
/// # Errors
/// The reason, to be read after what holds the address.
pub fn check_url(url: &str) -> Result<(), String> {
    let Some((scheme, rest)) = url.split_once("://") else { return Err("is not a URL".into()) };
    if !matches!(scheme, "https" | "http" | "oci") {
        return Err("does not begin with `https://` or `oci://`".into());
    }
    if url.len() > MAX_TEXT_BYTES {
        return Err(format!("is longer than {MAX_TEXT_BYTES} bytes"));
    }
    // Controls, blanks, backslashes and everything beyond ASCII are read differently by different programs
    // (CVE-2020-11008, CVE-2024-52006); an address spells them with `%`.
    if let Some(odd) = url.chars().find(|c| !c.is_ascii_graphic() || "\\\"<>^`{|}".contains(*c)) {
        return Err(format!("has the character `{}`", odd.escape_unicode()));
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
    if authority.contains('@') {
        return Err("contains credentials; move them to a credentials file".into());
    }
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let bracketed = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    let host_ok = match bracketed {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b)),
    };
    if !host_ok {
        return Err("has no valid host".into());
    }
    if port.is_some_and(|port| port.parse::<u16>().map_or(true, |port| port == 0) || port.starts_with('+')) {
        return Err("has no valid port".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Sources;
    use crate::lock::text;

    fn locked(name: &str) -> Locked {
        Locked {
            name: name.into(),
            repository: "https://charts.example.com/stable".into(),
            wanted: "1.2.3".into(),
            version: "1.2.3".into(),
            digest: Digest::of(name.as_bytes()),
            manifest: None,
            url: format!("https://charts.example.com/stable/{name}-1.2.3.tgz"),
        }
    }

    fn findings(text: &str) -> Vec<(usize, String)> {
        let mut sources = Sources::default();
        let id = sources.add("lakegen.lock", text);
        let mut found = Vec::new();
        let lock = parse(id, text, &mut found);
        assert_eq!(lock.is_none(), !found.is_empty());
        found.into_iter().map(|d| (sources.line_column(d.labels[0].span).0, d.message)).collect()
    }

    #[test]
    fn what_is_written_is_read() {
        let from_registry = Locked {
            repository: "oci://registry.example.com/charts".into(),
            wanted: "1.2".into(),
            manifest: Some(Digest::of(b"manifest")),
            url: "https://registry.example.com/v2/charts/b/blobs/sha256:00".into(),
            ..locked("b")
        };
        let lock = Lock::new(vec![locked("c"), from_registry, locked("a"), locked("c")]);
        let text = text(&lock);
        let mut found = Vec::new();
        assert_eq!(parse(SourceId(0), &text, &mut found), Some(lock.clone()), "{found:?}\n{text}");
        assert_eq!(lock.charts().iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
        let expected = "\
# Which charts the platform uses, by digest. `lakegen lock` writes this file: commit it, and do not edit it by hand.
edition = 1

[[chart]]
name = \"a\"
repository = \"https://charts.example.com/stable\"
version = \"1.2.3\"
digest = \"sha256:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb\"
url = \"https://charts.example.com/stable/a-1.2.3.tgz\"

[[chart]]
name = \"b\"
repository = \"oci://registry.example.com/charts\"
wanted = \"1.2\"
version = \"1.2.3\"
digest = \"sha256:3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d\"
manifest = \"sha256:05b3abf2579a5eb66403cd78be557fd860633a1fe2103c7642030defe32c657f\"
url = \"https://registry.example.com/v2/charts/b/blobs/sha256:00\"

[[chart]]
name = \"c\"
repository = \"https://charts.example.com/stable\"
version = \"1.2.3\"
digest = \"sha256:2e7d2c03a9507ae265ecf5b5356885a53393a2029d241394997265a1a25aefc6\"
url = \"https://charts.example.com/stable/c-1.2.3.tgz\"
";
        assert_eq!(text, expected);
    }

    #[test]
    fn every_mistake_is_found() {
        let good = text(&Lock::new(vec![locked("a")]));
        for (from, to, message) in [
            ("edition = 1", "edition = \"1\"", "`edition` is not 1"),
            ("edition = 1", "edition = 2", "the lock uses edition 2, but this lakegen supports 1"),
            ("edition = 1\n", "", "the lock has no `edition`"),
            ("edition = 1", "edition = 1\nx = 1", "a lock has no key `x`"),
            ("[[chart]]", "[chart]", "`chart` is not a list of tables"),
            ("\"a\"", "\"../a\"", "`name` has a separator within a name"),
            ("\"a\"", "\"..\"", "`name` has a part `.` or `..`"),
            ("\"a\"", "\"a\\u001b\"", "`name` has a control character"),
            ("\"a\"", "7", "`name` is not a string"),
            ("\"1.2.3\"", "\"latest\"", "`version` is not a version such as `1.42.2`"),
            ("\"1.2.3\"", "\"../1\"", "`version` is not a version such as `1.42.2`"),
            ("name =", "nam =", "a locked chart has no key `nam`"),
            ("digest = \"sha256:", "digest = \"sha256:0", "`digest` is not `sha256:` with 64 lower-case hex digits"),
            ("[[chart]]\n", "[[chart]]\n[[chart]]\n", "the chart has no `name`"),
        ] {
            let text = good.replacen(from, to, 1);
            assert_ne!(text, good, "{from}");
            let found = findings(&text);
            assert!(found.iter().any(|(_, m)| m == message), "{to}: {found:?}");
        }
        let twice = format!("{good}{}", good.split_once("\n\n").unwrap().1);
        let found = findings(&twice);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].1, "chart `a` 1.2.3 is locked twice");
    }

    #[test]
    fn addresses_have_one_meaning() {
        for good in [
            "https://charts.example.com",
            "https://charts.example.com:8443/a/b.tgz?x=1",
            "oci://registry.example.com/charts",
            "http://[::1]:5000/a",
            "http://127.0.0.1/a%20b",
        ] {
            assert_eq!(check_url(good), Ok(()), "{good}");
        }
        for bad in [
            "charts.example.com/a",
            "file:///etc/passwd",
            "https://user:secret@example.com/a",
            "https://example.com@evil.example/",
            "https://example.com\\@evil.example/",
            "https://example.com\r\nHost: evil",
            "https://example.com/a b",
            "https:///a",
            "https://exämple.com",
            "https://example.com:port/",
            "https://example.com:0/",
            "https://example.com:+80/",
            "https://[::1/",
            "https://example.com:99999/",
        ] {
            let reason = check_url(bad).unwrap_err();
            assert!(!reason.contains("secret"), "{reason}");
        }
    }
}
