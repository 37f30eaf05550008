//! Addresses of charts and registries, locks, indexes: texts that name where charts come from.

use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use lakegen::diag::Sources;
use lakegen::diag::render::{self, Format, Style};
use lakegen::fetch::address::Address;
use lakegen::fetch::client::{Client, Settings};
use lakegen::fetch::credentials::Credentials;
use lakegen::fetch::docker::Docker;
use lakegen::fetch::hosts::Allowed;
use lakegen::fetch::index::{self, NoRelease};
use lakegen::fetch::registry::Registries;
use lakegen::fetch::repository;
use lakegen::lock::{self, Lock};

const LOCK: &str = "\
edition = 1

[[chart]]
name = \"a\"
repository = \"https://charts.example.com/stable\"
version = \"1.2.3\"
digest = \"sha256:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb\"
url = \"https://charts.example.com:8443/stable/a-1.2.3.tgz?x=1\"

[[chart]]
name = \"b\"
repository = \"oci://registry.example.com/charts\"
wanted = \">=1.2 <2 || ~3\"
version = \"1.2.3-rc.1+build\"
digest = \"sha256:3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d\"
manifest = \"sha256:05b3abf2579a5eb66403cd78be557fd860633a1fe2103c7642030defe32c657f\"
url = \"oci://registry.example.com/charts/b@sha256:05b3abf2579a5eb66403cd78be557fd860633a1fe2103c7642030defe32c657f\"
";

const INDEX: &str = "\
apiVersion: v1
generated: 2024-01-01T00:00:00Z
entries:
  chart:
  - {name: chart, version: 1.2.3, urls: [chart-1.2.3.tgz, 'https://cdn.example.com/chart-1.2.3.tgz'], digest: abc}
  - name: chart
    version: v1.3.0-rc.1
    urls:
    - ../chart-1.3.0.tgz
  other: []
";

/// Each is a repository, a reference in its index, and the name of a chart, one a line.
const ADDRESSES: &[&str] = &[
    "https://charts.example.com/stable\nchart-1.2.3.tgz\nchart",
    "https://charts.example.com:8443/a/?token=x#y\nhttps://cdn.example.com/a.tgz\na.b_c-d",
    "http://[::1]:5000/a\n//other.example.com/b?c=d\nx",
    "oci://registry.example.com/charts\n../../etc/passwd\ntrino",
    "oci://docker.io/bitnamicharts\n.\nkafka",
    "https://user:secret@example.com/a\n?x\nx",
    "https://127.0.0.1/a%20b\n/../x\nx",
];

pub fn words() -> Vec<String> {
    let words = [
        "https://",
        "http://",
        "oci://",
        "file:///",
        "ext::",
        "://",
        "//",
        "/",
        "\\",
        "..",
        "./",
        "@",
        ":",
        "?",
        "#",
        "%",
        "%0a",
        "%40",
        "%2e%2e%2f",
        "user:secret@",
        "secret@",
        "localhost",
        "127.0.0.1",
        "0x7f.1",
        "2130706433",
        "[::1]",
        "[::ffff:127.0.0.1]",
        ":0",
        ":99999",
        ":443",
        ":+80",
        "\n",
        "\r\n",
        "\t",
        " ",
        "\0",
        "\u{1b}",
        "\u{202e}",
        "é",
        "ｅ",
        "。",
        ".",
        "-",
        "_",
        "*",
        "sha256:",
        "edition = 1\n",
        "[[chart]]\n",
        "name = ",
        "\"",
        "'",
        "=",
        "{",
        "}",
        "wanted = ",
        "manifest = ",
        "\\u0000",
        "entries:\n",
        "  - ",
        "urls: [",
        "version: ",
        "digest: ",
        "&a ",
        "*a",
        "chart:\n",
    ];
    words.map(str::to_owned).to_vec()
}

pub fn lock_seeds(_: &Path) -> anyhow::Result<Vec<Vec<u8>>> {
    Ok(vec![LOCK.as_bytes().to_vec(), b"edition = 1\n".to_vec(), b"edition = 2\n".to_vec(), Vec::new()])
}

pub fn index_seeds(_: &Path) -> anyhow::Result<Vec<Vec<u8>>> {
    Ok(vec![INDEX.as_bytes().to_vec(), b"entries: {chart: [{version: 1.0.0, urls: [a]}]}".to_vec()])
}

pub fn seeds(_: &Path) -> anyhow::Result<Vec<Vec<u8>>> {
    Ok(ADDRESSES.iter().map(|text| text.as_bytes().to_vec()).collect())
}

/// Any bytes are a lock or findings; a lock writes back to what reads the same.
pub fn locks(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let read = |text: &str| {
        let mut sources = Sources::default();
        let mut found = Vec::new();
        let source = sources.add(lock::FILE, text);
        let lock = lock::parse(source, text, &mut found);
        assert_eq!(lock.is_none(), !found.is_empty(), "a lock with findings, or none without");
        for finding in &found {
            for label in &finding.labels {
                let (start, end) = (label.span.start as usize, label.span.end as usize);
                assert!(start <= end && end <= text.len(), "a place outside of the file: {start}..{end}");
            }
        }
        let shown = render::render(&found, &sources, Format::Full, Style { color: false, width: 100 });
        assert!(!shown.contains(['\u{1b}', '\0', '\u{202e}']), "it is not inert: {shown:?}");
        lock
    };
    let Some(once) = read(&text) else { return };
    for chart in once.charts() {
        for address in [&chart.repository, &chart.url] {
            plain(address);
        }
        assert!(!chart.name.contains(['/', '\\']) && chart.name != "..", "a name is a path: {}", chart.name);
    }
    let written = lock::text(&once);
    let again = read(&written).expect("what is written is read");
    assert_eq!(once, again, "it reads otherwise");
    assert_eq!(written, lock::text(&Lock::new(again.charts().to_vec())), "it writes otherwise");
}

/// What holds for every address that was let through, by a reading of its own.
fn plain(address: &str) {
    assert!(address.bytes().all(|byte| byte.is_ascii_graphic()), "blanks, controls or more than ASCII: {address:?}");
    let (scheme, rest) = address.split_once("://").expect("it has a scheme");
    assert!(["https", "http", "oci"].contains(&scheme), "{address}");
    let authority = &rest[..rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len())];
    assert!(!authority.contains('@'), "credentials in {address}");
    let host = authority.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')).map_or(authority, |(host, _)| host);
    assert!(!host.trim_matches(['[', ']']).is_empty(), "no host in {address}");
}

fn settings() -> Settings {
    Settings { allowed: Allowed::default(), timeout: Duration::from_secs(1), authorities: None }
}

static CLIENT: LazyLock<Option<Client>> = LazyLock::new(|| Client::new(settings()).ok());

/// A repository, a reference in its index, the name of a chart: nothing gets through that two readers could understand
/// differently, and nothing that is shown has a password. Nothing is fetched: what would be is not asked for.
pub fn addresses(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let mut lines = text.splitn(3, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let (base, reference, name) = (line(), line(), line());
    let _ = Allowed::parse([base, reference, name]);
    if lock::check_url(base).is_ok() {
        plain(base);
    }
    match Address::parse(base) {
        Err(reason) => no_password(&repository::odd_text(base, &reason).message, base),
        Ok(address) => {
            kept(&address);
            for address in [address.folder().join(reference), address.join(reference)].into_iter().flatten() {
                kept(&address);
                kept(&address.with("key", name));
            }
        }
    }
    let Some(client) = &*CLIENT else { panic!("there is no client") };
    let credentials = Credentials::new(None, Docker::default(), &|_| None).expect("nothing is wrong with none");
    match Registries::new(client, &credentials).place(base, name) {
        Err(problem) => no_password(&problem.message, base),
        Ok(place) => {
            assert!(lock::check_url(base).is_ok(), "an address that the lock would refuse: {base}");
            let part = |part: &str| {
                part.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
                    && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
            };
            assert!(place.repository.split('/').all(part), "no name of a repository: {}", place.repository);
            assert!(!place.origin.host.is_empty() && place.origin.port != 0);
        }
    }
}

/// What holds for an address that was read: it reads back from its text, and what is shown of it has no query.
fn kept(address: &Address) {
    let text = address.text();
    plain(&text);
    assert!(address.path.starts_with('/'), "{text}");
    let again = Address::parse(&text).expect("what was read is read again");
    assert_eq!(&again, address, "{text} reads otherwise");
    let shown = address.to_string();
    plain(&shown.replace('…', ""));
    assert!(!shown.contains('#') && shown.split_once('?').is_none_or(|(_, query)| query == "…"), "{shown}");
}

/// What is shown of a bad address holds nothing that stands before an `@`.
fn no_password(shown: &str, address: &str) {
    assert!(!shown.contains(['\n', '\u{1b}', '\0']), "it is not one inert line: {shown:?}");
    let Some((before, rest)) = address.rsplit_once('@') else { return };
    // The canary of the seeds and words.
    let planted = before.contains("secret") && !rest.contains("secret");
    assert!(!planted || !shown.contains("secret"), "the password of {address:?} is shown: {shown}");
}

/// Any text is an index or not.
pub fn indexes(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    for wanted in ["1.2.3", ">=1", "*", "x"] {
        let once = index::find(&text, "chart", wanted);
        assert_eq!(once, index::find(&text, "chart", wanted), "finding twice differs");
        if let Err(NoRelease::Broken(reason)) = once {
            assert!(!reason.contains(['\n', '\u{1b}', '\0']) && reason.len() < 20_000, "{reason:?}");
        }
    }
}
