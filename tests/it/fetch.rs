//! `lock`, `fetch` and `vendor` from outside: the real program against servers on loopback, good and hostile ones.
//!
//! Nothing here leaves the machine. The rows of the reliability note are T60 and T63 to T69; what a real registry and
//! Helm itself say is in `cargo xtask oracle fetch`.

mod registry;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::sandbox::{Ran, Sandbox};
use crate::server::{Reply, Request, Server, ok, raw, status};
use lakegen::world::charts::{Cache, Digest};
use registry::{Content, basic};

/// Returns a packed chart that makes nothing, different for each name.
fn chart(name: &str) -> Vec<u8> {
    let packer = flate2::GzBuilder::new().mtime(0).write(Vec::new(), flate2::Compression::fast());
    let mut archive = tar::Builder::new(packer);
    let text = format!("apiVersion: v2\nname: chart\nversion: 1.0.0\ndescription: {name:?}\n");
    let mut header = tar::Header::new_gnu();
    header.set_size(text.len() as u64);
    header.set_mode(0o644);
    header.set_cksum();
    archive.append_data(&mut header, "chart/Chart.yaml", text.as_bytes()).unwrap();
    archive.into_inner().unwrap().finish().unwrap()
}

/// Returns a platform with one component per chart: name, repository, chart, version.
fn platform(charts: &[(&str, &str, &str, &str)]) -> String {
    let mut text = String::from(
        "lakegen = \"1\"\n[platform]\nname = \"lake\"\ndomain = \"example.com\"\n[git]\nurl = \"https://git.example.com/a/b.git\"\n",
    );
    for (name, repository, chart, version) in charts {
        let key = if repository.starts_with("oci:") { "oci" } else { "repository" };
        text.push_str(&format!(
            "[components.{name}]\nuses = \"chart\"\nchart = {{ {key} = \"{repository}\", name = \"{chart}\", version = \"{version}\" }}\n"
        ));
    }
    text
}

/// A platform in a folder of its own, with a cache of its own, and who may be spoken to.
struct Site {
    sandbox: Sandbox,
    cache: tempfile::TempDir,
    allowed: Vec<String>,
    variables: Vec<(String, PathBuf)>,
}

impl Site {
    fn new(charts: &[(&str, &str, &str, &str)], allowed: &[&Server]) -> Self {
        let sandbox = Sandbox::new();
        sandbox.write("platform.toml", platform(charts));
        let allowed = allowed.iter().map(|server| server.url()).collect();
        Self { sandbox, cache: tempfile::tempdir().unwrap(), allowed, variables: vec![] }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.sandbox.command(arguments);
        command.env("LAKEGEN_CACHE", self.cache.path()).env("LAKEGEN_ALLOW_HOST", self.allowed.join(","));
        // The authorities of this machine take time to read, and nothing here speaks TLS.
        command.env("SSL_CERT_FILE", "/dev/null").env("SSL_CERT_DIR", "/nonexistent");
        for (name, value) in &self.variables {
            command.env(name, value);
        }
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let output = self.command(arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    #[track_caller]
    fn ok(&self, arguments: &[&str]) -> Ran {
        let ran = self.run(arguments);
        assert_eq!(ran.code, Some(0), "{arguments:?}: {}{}", ran.stdout, ran.stderr);
        ran
    }

    #[track_caller]
    fn fails(&self, code: i32, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, Some(code), "{arguments:?}: {}{}", ran.stdout, ran.stderr);
        ran.stderr
    }

    fn lock(&self) -> String {
        self.sandbox.read("lakegen.lock")
    }

    /// Returns the files of the cache with their bytes.
    fn cached(&self) -> BTreeSet<(PathBuf, Vec<u8>)> {
        let all = walkdir::WalkDir::new(self.cache.path()).into_iter().map(Result::unwrap);
        let files = all.filter(|entry| entry.file_type().is_file());
        files.map(|entry| (entry.path().to_owned(), fs::read(entry.path()).unwrap())).collect()
    }

    fn entry(&self, bytes: &[u8]) -> PathBuf {
        let ([kind, head], name) = Cache::place(&Digest::of(bytes));
        self.cache.path().join(kind).join(head).join(name)
    }
}

/// Returns an index of charts: name, version, address, and a digest when it gives one.
fn index(charts: &[(&str, &str, &str, Option<String>)]) -> String {
    let mut text = String::from("apiVersion: v1\nentries:\n");
    let names: BTreeSet<&str> = charts.iter().map(|(name, ..)| *name).collect();
    for name in names {
        text.push_str(&format!("  {name}:\n"));
        for (_, version, url, digest) in charts.iter().filter(|(other, ..)| *other == name) {
            text.push_str(&format!("  - version: \"{version}\"\n    urls: [\"{url}\"]\n"));
            if let Some(digest) = digest {
                text.push_str(&format!("    digest: {digest}\n"));
            }
        }
    }
    text
}

/// A repository with the charts `one` (two versions) and `two`.
fn repository() -> Server {
    Server::new(|request| match request.path.as_str() {
        "/charts/index.yaml" => ok(index(&[
            ("one", "1.0.0", "one-1.0.0.tgz", Some(Digest::of(&chart("one")).hex())),
            ("one", "1.1.0", "/elsewhere/one-1.1.0.tgz", None),
            ("two", "2.0.0", "nowhere.tgz\", \"files/two-2.0.0.tgz", None),
        ])),
        "/charts/one-1.0.0.tgz" => ok(chart("one")),
        "/elsewhere/one-1.1.0.tgz" => ok(chart("one, newer")),
        "/charts/files/two-2.0.0.tgz" => ok(chart("two")),
        _ => status(404, &[]),
    })
}

#[test]
fn a_platform_is_locked_fetched_and_vendored() {
    let server = repository();
    let url = format!("{}/charts/", server.url());
    let site =
        Site::new(&[("a", &url, "one", "1.0.0"), ("b", &url, "two", "2.0.0"), ("c", &url, "one", "1.0.0")], &[&server]);
    let said = site.fails(1, &["fetch"]);
    assert!(said.contains("there is no `lakegen.lock`"), "{said}");
    let said = site.fails(1, &["lock", "--check"]);
    assert!(said.contains("error[unlocked-chart]") && said.contains("used by `a` and `c`"), "{said}");
    assert_eq!(server.paths(), [""; 0]);

    let said = site.ok(&["lock"]).stderr;
    assert!(said.contains("wrote lakegen.lock: 2 charts (2 added)"), "{said}");
    let base = url.trim_end_matches('/');
    let expected = format!(
        "# Which charts the platform uses, by digest. `lakegen lock` writes this file: commit it, and do not edit it by hand.\n\
         edition = 1\n\n\
         [[chart]]\nname = \"one\"\nrepository = \"{base}\"\nversion = \"1.0.0\"\ndigest = \"{}\"\nurl = \"{base}/one-1.0.0.tgz\"\n\n\
         [[chart]]\nname = \"two\"\nrepository = \"{base}\"\nversion = \"2.0.0\"\ndigest = \"{}\"\nurl = \"{base}/files/two-2.0.0.tgz\"\n",
        Digest::of(&chart("one")),
        Digest::of(&chart("two")),
    );
    assert_eq!(site.lock(), expected);
    // One index for both charts, and the first address of `two` is not there.
    assert_eq!(server.paths().iter().filter(|path| path.ends_with("index.yaml")).count(), 1);
    server.forget();

    // What is locked is not asked for again, and what was fetched is at hand.
    site.ok(&["lock"]);
    site.ok(&["lock", "--check"]);
    let said = site.ok(&["fetch", "--offline"]).stderr;
    assert!(said.contains("all 2 charts at hand"), "{said}");
    site.ok(&["vendor", "--offline"]);
    assert_eq!(server.paths(), [""; 0]);
    site.ok(&["vendor", "--check"]);
    let vendored: Vec<String> = site
        .sandbox
        .files()
        .keys()
        .map(|path| path.display().to_string())
        .filter(|p| p.starts_with("vendor"))
        .collect();
    let name = |name: &str, version: &str, of: &str| {
        format!("vendor/charts/{name}-{version}.{}.tgz", Digest::of(&chart(of)).short())
    };
    assert_eq!(vendored, [name("one", "1.0.0", "one"), name("two", "2.0.0", "two")]);
    // Without a cache the vendored ones will do.
    fs::remove_dir_all(site.cache.path().join("sha256")).unwrap();
    site.ok(&["fetch"]);
    assert_eq!(server.paths(), [""; 0]);

    // A new version: the lock follows, the folder follows the lock.
    site.sandbox.write("platform.toml", platform(&[("a", &url, "one", "1.1.0")]));
    let said = site.fails(1, &["lock", "--check"]);
    assert!(said.contains("chart `two` 2.0.0 is locked and not used any more"), "{said}");
    site.fails(1, &["vendor"]);
    site.ok(&["lock"]);
    assert!(!site.lock().contains("two") && site.lock().contains("/elsewhere/one-1.1.0.tgz"));
    let said = site.fails(1, &["vendor", "--check"]);
    assert!(said.contains("is missing") && said.contains("is not locked any more"), "{said}");
    site.ok(&["vendor"]);
    site.ok(&["vendor", "--check"]);
    assert_eq!(fs::read_dir(site.sandbox.path().join("vendor/charts")).unwrap().count(), 1);

    // A vendored file that somebody changed is never overwritten.
    let path = site.sandbox.path().join(name("one", "1.1.0", "one, newer"));
    fs::write(&path, "changed").unwrap();
    let said = site.fails(3, &["vendor"]);
    assert!(said.contains("not what their names say"), "{said}");
    site.fails(1, &["vendor", "--check"]);
    site.fails(3, &["fetch"]);
    assert_eq!(fs::read(&path).unwrap(), b"changed");
}

#[test]
fn the_newest_that_fits_is_locked_once() {
    let releases = Arc::new(Mutex::new(vec![("one", "1.4.0", "one.tgz", None)]));
    let served = Arc::clone(&releases);
    let server = Server::new(move |request| match request.path.as_str() {
        "/index.yaml" => ok(index(&served.lock().unwrap())),
        path => ok(chart(path)),
    });
    let site = Site::new(&[("a", &server.url(), "one", "1.4"), ("b", &server.url(), "one", "1.4.0")], &[&server]);
    site.ok(&["lock"]);
    assert!(site.lock().contains("wanted = \"1.4\"\nversion = \"1.4.0\""), "{}", site.lock());
    releases.lock().unwrap().push(("one", "1.4.1", "newer.tgz", None));
    let before = site.lock();
    site.ok(&["lock"]);
    assert_eq!(site.lock(), before);
    site.ok(&["lock", "--update", "a"]);
    assert!(site.lock().contains("wanted = \"1.4\"\nversion = \"1.4.1\""), "{}", site.lock());
    let said = site.fails(2, &["lock", "--update", "onne"]);
    assert!(said.contains("did you mean `one`?"), "{said}");
    let said = site.ok(&["lock", "--update", "--format", "json"]).stdout;
    let json: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&json["written"], json["charts"].as_array().unwrap().len()), (&false.into(), 2));
    assert_eq!(json["charts"][0]["state"], "kept");
}

/// What a registry is asked, with tokens, with a login, and with both.
#[test]
fn charts_come_from_registries() {
    let mut content = Content::default();
    let (layer, manifest) = content.push("team/charts/one", "1.0.0_build.1", &chart("one"));
    content.push("team/charts/two", "2.0.0", &chart("two"));
    content.push("team/charts/two", "2.1.0-rc.1", &chart("two, candidate"));
    content.push("team/charts/two", "2.0.3", &chart("two, newer"));
    content.push("team/charts/two", "latest", &chart("two, latest"));
    let charts = |server: &Server| {
        let url = format!("oci://{}/team/charts", server.address);
        [("a", url.clone(), "one", "1.0.0+build.1"), ("b", url, "two", "2.0.3")]
    };
    for (tokens, login) in [(false, None), (true, None), (false, Some("me:s3cret")), (true, Some("me:s3cret"))] {
        let server = Content { tokens, login: login.map(String::from), ..content.clone() }.serve();
        let of = charts(&server);
        let borrowed: Vec<(&str, &str, &str, &str)> = of.iter().map(|(a, b, c, d)| (*a, b.as_str(), *c, *d)).collect();
        let mut site = Site::new(&borrowed, &[&server]);
        if login.is_some() {
            let said = site.fails(2, &["lock"]);
            assert!(said.contains("error[login-needed]") && said.contains("helm registry login"), "{said}");
            // The login of docker, of helm, and a file of our own.
            let entry =
                format!("{{\"auths\":{{\"{}\":{{\"auth\":\"{}\"}}}}}}", server.address, &basic("me:s3cret")[6..]);
            site.sandbox.write("docker/config.json", &entry);
            site.variables = vec![("DOCKER_CONFIG".into(), site.sandbox.path().join("docker"))];
        }
        site.ok(&["lock"]);
        let url = &of[0].1;
        let expected = format!(
            "[[chart]]\nname = \"one\"\nrepository = \"{url}\"\nversion = \"1.0.0+build.1\"\ndigest = \"{layer}\"\n\
             manifest = \"{manifest}\"\nurl = \"{url}/one@{manifest}\"\n"
        );
        assert!(site.lock().contains(&expected), "{}", site.lock());
        fs::remove_dir_all(site.cache.path().join("sha256")).unwrap();
        site.ok(&["fetch"]);
        assert_eq!(site.cached().len(), 2);
        assert!(!site.lock().contains("s3cret"));
        // A tag is a tag, as for Helm, and both pages of tags are read for what there is.
        site.sandbox.write("platform.toml", platform(&[("b", url, "two", "2.0")]));
        let said = site.fails(1, &["lock"]);
        assert!(said.contains("its newest are `2.1.0-rc.1`, `2.0.3` and `2.0.0`"), "{said}");
    }
}

#[test]
fn tokens_and_files_log_in_too() {
    let mut content = Content { login: Some("me:s3cret".into()), tokens: true, ..Content::default() };
    content.push("one", "1.0.0", &chart("one"));
    let server = content.serve();
    let url = format!("oci://{}", server.address);
    let mut site = Site::new(&[("a", &url, "one", "1.0.0")], &[&server]);
    // An identity token is exchanged (docker's `identitytoken`).
    site.sandbox
        .write("config.json", format!("{{\"auths\":{{\"{}\":{{\"identitytoken\":\"s3cret\"}}}}}}", server.address));
    site.variables = vec![("HELM_REGISTRY_CONFIG".into(), site.sandbox.path().join("config.json"))];
    site.ok(&["lock"]);
    assert!(server.paths().contains(&"POST /token".to_owned()), "{:?}", server.paths());
    fs::remove_file(site.sandbox.path().join("lakegen.lock")).unwrap();
    // A file of ours, with the password in a variable.
    site.sandbox.write(
        "logins.toml",
        format!("[[credential]]\nurl = \"{}\"\nusername = \"me\"\npassword_env = \"PASSWORD\"\n", server.url()),
    );
    site.variables = vec![("PASSWORD".into(), "s3cret".into())];
    site.ok(&["lock", "--credentials", "logins.toml"]);
    // A wrong one is refused in words that hold no password.
    site.variables = vec![("PASSWORD".into(), "canary-wrong".into())];
    let said = site.fails(2, &["lock", "--update", "--credentials", "logins.toml"]);
    assert!(said.contains("the login at hand was refused") && !said.contains("canary"), "{said}");
}

/// A program that keeps credentials gets the server on its input and nothing else.
#[cfg(unix)]
#[test]
fn credential_helpers_are_asked() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut content = Content { login: Some("me:s3cret".into()), ..Content::default() };
    content.push("one", "1.0.0", &chart("one"));
    let server = content.serve();
    let mut site = Site::new(&[("a", &format!("oci://{}", server.address), "one", "1.0.0")], &[&server]);
    let helper = site.sandbox.path().join("bin/docker-credential-tests");
    site.sandbox.write(
        "bin/docker-credential-tests",
        "#!/bin/sh\n[ \"$1\" = get ] && read -r server\necho \"$# $server\" >\"${0%/*}/asked\"\n\
         echo '{\"Username\":\"me\",\"Secret\":\"s3cret\"}'\n",
    );
    fs::set_permissions(&helper, fs::Permissions::from_mode(0o755)).unwrap();
    site.sandbox.write("docker/config.json", format!("{{\"credHelpers\":{{\"{}\":\"tests\"}}}}", server.address));
    let path = format!("{}:/usr/bin:/bin", site.sandbox.path().join("bin").display());
    site.variables = vec![("DOCKER_CONFIG".into(), site.sandbox.path().join("docker")), ("PATH".into(), path.into())];
    site.ok(&["lock"]);
    assert_eq!(site.sandbox.read("bin/asked"), format!("1 {}\n", server.address));
    for (name, message) in [("none", "cannot be started"), ("../x", "no name of a credential helper")] {
        site.sandbox.write("docker/config.json", format!("{{\"credsStore\":\"{name}\"}}"));
        let said = site.fails(2, &["lock", "--update"]);
        assert!(said.contains(message), "{said}");
    }
}

/// T64: bytes that differ from the lock are refused with both digests, and the cache stays as it was.
#[test]
fn t64_other_bytes_are_refused() {
    let changed = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&changed);
    let now = move || if seen.load(Ordering::SeqCst) == 0 { "one" } else { "one, changed" };
    let server = Server::new(move |request| match request.path.as_str() {
        "/index.yaml" => ok(index(&[("one", "1.0.0", "one.tgz", None)])),
        _ => ok(chart(now())),
    });
    let site = Site::new(&[("a", &server.url(), "one", "1.0.0")], &[&server]);
    site.ok(&["lock"]);
    let before = site.lock();
    fs::remove_dir_all(site.cache.path().join("sha256")).unwrap();
    changed.store(1, Ordering::SeqCst);
    for command in ["fetch", "vendor"] {
        let said = site.fails(1, &[command]);
        let (expected, actual) = (Digest::of(&chart("one")), Digest::of(&chart("one, changed")));
        assert!(said.contains("error[digest-mismatch]") && said.contains("platform.toml:9:9"), "{said}");
        assert!(
            said.contains(&format!("expected {expected}")) && said.contains(&format!("received {actual}")),
            "{said}"
        );
        assert_eq!(site.cached(), BTreeSet::new());
        assert!(!site.sandbox.path().join("vendor").exists());
    }
    // Only a person can say that this is right, and it is not done silently.
    site.ok(&["lock"]);
    assert_eq!(site.lock(), before);
    let said = site.ok(&["lock", "--update", "-q"]).stderr;
    assert!(said.contains("warning: chart one 1.0.0 was published again"), "{said}");
    // An index that promises other bytes, and a registry that serves other bytes than it was asked for.
    let server = Server::new(|request| match request.path.as_str() {
        "/index.yaml" => ok(index(&[("one", "1.0.0", "one.tgz", Some(Digest::of(b"other").hex()))])),
        _ => ok(chart("one")),
    });
    let site = Site::new(&[("a", &server.url(), "one", "1.0.0")], &[&server]);
    let said = site.fails(1, &["lock"]);
    assert!(said.contains("error[digest-mismatch]") && said.contains("the repository's index"), "{said}");
    let mut content = Content::default();
    let (layer, _) = content.push("one", "1.0.0", &chart("one"));
    content.blobs.insert(layer.to_string(), chart("other"));
    let server = content.serve();
    let site = Site::new(&[("a", &format!("oci://{}", server.address), "one", "1.0.0")], &[&server]);
    let said = site.fails(1, &["lock"]);
    assert!(said.contains("error[digest-mismatch]") && said.contains(&layer.to_string()), "{said}");
    assert_eq!(site.cached(), BTreeSet::new());
}

/// T65: a damaged entry is fetched again, modes never let others write, and an open folder is warned of.
#[cfg(unix)]
#[test]
fn t65_the_cache() {
    use std::os::unix::fs::PermissionsExt as _;
    let server = repository();
    let url = format!("{}/charts", server.url());
    let site = Site::new(&[("a", &url, "one", "1.0.0"), ("b", &url, "two", "2.0.0")], &[&server]);
    site.ok(&["lock"]);
    let entry = site.entry(&chart("one"));
    fs::write(&entry, "damaged").unwrap();
    let said = site.ok(&["fetch"]).stderr;
    assert!(said.contains("fetched 1 chart; all 2 at hand"), "{said}");
    assert_eq!(fs::read(&entry).unwrap(), chart("one"));
    // A link in the place of an entry is replaced, not followed.
    let outside = site.sandbox.path().join("outside");
    fs::write(&outside, "canary").unwrap();
    fs::remove_file(&entry).unwrap();
    std::os::unix::fs::symlink(&outside, &entry).unwrap();
    site.ok(&["fetch"]);
    assert_eq!(fs::read(&outside).unwrap(), b"canary");
    assert_eq!(fs::read(&entry).unwrap(), chart("one"));

    fs::remove_dir_all(site.cache.path().join("sha256")).unwrap();
    let program = env!("CARGO_BIN_EXE_lakegen");
    let fetch = || {
        let mut command = Command::new("sh");
        let inner = site.command(&[]);
        command.args(["-c", "umask 000; exec \"$0\" fetch", program]).current_dir(site.sandbox.path()).env_clear();
        for (name, value) in inner.get_envs() {
            command.env(name, value.unwrap());
        }
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let all: Vec<std::process::Child> = (0..20).map(|_| fetch()).collect();
    for mut one in all {
        assert!(one.wait().unwrap().success());
    }
    assert_eq!(site.cached().len(), 2);
    for entry in walkdir::WalkDir::new(site.cache.path()).min_depth(1) {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o022, 0, "{} has mode {mode:o}", entry.path().display());
    }
    fs::set_permissions(site.cache.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let said = site.ok(&["fetch"]).stderr;
    assert!(said.contains("warning: everybody on this machine can write to the chart cache"), "{said}");
}

/// T66: what is not public is refused before anything is sent, whoever names it, unless the operator lists the host.
#[test]
fn t66_private_hosts_are_refused() {
    let server = repository();
    let port = server.address.port();
    for host in ["127.0.0.1", "localhost", "LOCALHOST", "[::1]", "[::ffff:127.0.0.1]", "127.0.0.1."] {
        let url = format!("https://{host}:{port}/charts");
        let said = Site::new(&[("a", &url, "one", "1.0.0")], &[]).fails(1, &["lock"]);
        assert!(said.contains("error[refused-host]") && said.contains("not a public address"), "{host}: {said}");
        assert!(said.contains("--allow-host"), "{said}");
    }
    for url in
        ["https://169.254.169.254/latest", "https://10.0.0.1/charts", "oci://192.168.0.1/charts", "https://0x7f.1/c"]
    {
        let said = Site::new(&[("a", url, "one", "1.0.0")], &[]).fails(1, &["lock"]);
        assert!(said.contains("error[refused-host]"), "{url}: {said}");
    }
    // Not encrypted: listing the host is not enough, the operator has to say `http://`.
    let mut site = Site::new(&[("a", &format!("{}/charts", server.url()), "one", "1.0.0")], &[]);
    site.allowed = vec![server.address.to_string()];
    let said = site.fails(1, &["lock"]);
    assert!(said.contains("is not encrypted"), "{said}");
    // An address in an index, in a redirect and in a challenge passes the same rules.
    let inside = Server::new(|_| ok(chart("inside")));
    let target = format!("{}/one.tgz", inside.url());
    let copy = target.clone();
    let outside = Server::new(move |request| match request.path.as_str() {
        "/direct/index.yaml" => ok(index(&[("one", "1.0.0", &copy, None)])),
        "/redirect/index.yaml" => ok(index(&[("one", "1.0.0", "one.tgz", None)])),
        "/file/index.yaml" => ok(index(&[("one", "1.0.0", "file:///etc/passwd", None)])),
        "/secret/index.yaml" => ok(index(&[("one", "1.0.0", "https://user:canary@example.com/x.tgz", None)])),
        "/redirect/one.tgz" => status(302, &[("location", &copy)]),
        _ => status(401, &[("www-authenticate", &format!("Bearer realm=\"{copy}\""))]),
    });
    let url = outside.url();
    for repository in [format!("{url}/direct"), format!("{url}/redirect"), format!("oci://{}/x", outside.address)] {
        let said = Site::new(&[("a", &repository, "one", "1.0.0")], &[&outside]).fails(1, &["lock"]);
        assert!(said.contains("error[refused-host]"), "{repository}: {said}");
    }
    for folder in ["file", "secret"] {
        let said = Site::new(&[("a", &format!("{url}/{folder}"), "one", "1.0.0")], &[&outside]).fails(1, &["lock"]);
        assert!(said.contains("error[refused-host]") && !said.contains("canary"), "{said}");
    }
    assert_eq!(inside.paths(), [""; 0]);
    // And a lock that a stranger wrote.
    let site = Site::new(&[("a", &url, "one", "1.0.0")], &[&outside]);
    let (digest, url) = (Digest::of(&chart("inside")), site.allowed[0].clone());
    site.sandbox.write(
        "lakegen.lock",
        format!("edition = 1\n[[chart]]\nname = \"one\"\nrepository = \"{url}\"\nversion = \"1.0.0\"\ndigest = \"{digest}\"\nurl = \"{target}\"\n"),
    );
    let said = site.fails(1, &["fetch"]);
    assert!(said.contains("error[refused-host]"), "{said}");
    assert_eq!(inside.paths(), [""; 0]);
}

/// T67: a credential goes to its own scheme, host and port, and nowhere else.
#[test]
fn t67_credentials_stay_at_home() {
    let elsewhere = Server::new(|_| ok(chart("one")));
    let away = format!("{}/one.tgz", elsewhere.url());
    let home = Server::new(move |request| {
        if request.header("authorization") != Some(&basic("me:canary-p")) {
            return status(401, &[]);
        }
        match request.path.as_str() {
            "/r/index.yaml" => ok(index(&[("one", "1.0.0", "one.tgz", None)])),
            "/r/one.tgz" => status(302, &[("location", "/r/two.tgz")]),
            _ => status(302, &[("location", &away)]),
        }
    });
    let site = Site::new(&[("a", &format!("{}/r", home.url()), "one", "1.0.0")], &[&home, &elsewhere]);
    let said = site.fails(2, &["lock"]);
    assert!(said.contains("error[login-needed]") && said.contains("--credentials"), "{said}");
    let login = format!("[[credential]]\nurl = \"{}/r\"\nusername = \"me\"\npassword = \"canary-p\"\n", home.url());
    site.sandbox.write("logins.toml", login);
    home.forget();
    site.ok(&["lock", "--credentials", "logins.toml"]);
    assert_eq!(home.paths(), ["GET /r/index.yaml", "GET /r/one.tgz", "GET /r/two.tgz"]);
    assert_eq!(elsewhere.log().len(), 1);
    assert_eq!(elsewhere.log()[0].header("authorization"), None);
    assert!(!site.lock().contains("canary"));
    // A registry's token stays at the registry when a layer lies elsewhere, and no signature shows.
    elsewhere.forget();
    let mut content = Content { tokens: true, storage: Some(elsewhere.url()), ..Content::default() };
    content.push("one", "1.0.0", &chart("one"));
    let registry = content.serve();
    let site = Site::new(&[("a", &format!("oci://{}", registry.address), "one", "1.0.0")], &[&registry, &elsewhere]);
    site.ok(&["lock"]);
    assert_eq!(elsewhere.log().len(), 1);
    assert_eq!(elsewhere.log()[0].header("authorization"), None);
    assert!(elsewhere.paths()[0].contains("X-Amz-Signature=canary-q"));
    let mut blind = site;
    blind.allowed.truncate(1);
    let said = blind.fails(1, &["lock", "--update"]);
    assert!(said.contains("error[refused-host]") && !said.contains("canary"), "{said}");
    // Credentials in an address are refused, and not shown.
    for url in [
        "https://me:canary@example.com/charts",
        "https://example.com\\\\@evil.example/c",
        "https://host?@evil.example/",
    ] {
        let site = Site::new(&[("a", url, "one", "1.0.0")], &[]);
        let said = site.run(&["lock", "--output-format", "concise", "--timeout", "1"]);
        assert_ne!(said.code, Some(0), "{url}");
        assert!(!said.stderr.contains("canary"), "{}", said.stderr);
    }
}

/// Answers nothing good, in one of many ways.
fn hostile(kind: &'static str) -> impl Fn(&Request) -> Reply + Send + Sync {
    move |request| {
        if request.path.ends_with("index.yaml") && kind != "index" {
            return ok(index(&[("one", "1.0.0", "one.tgz", None)]));
        }
        match kind {
            "429" => status(429, &[("retry-after", "1")]),
            "429 for long" => status(429, &[("retry-after", "3600")]),
            "503" => status(503, &[]),
            _ => raw(move |stream| {
                let mut send = |bytes: &[u8]| stream.write_all(bytes).is_ok();
                match kind {
                    "closed" => {}
                    "garbage" => drop(send(b"\x16\x03\x01\x00\x00 what is this\r\n\r\n")),
                    "silent" => std::thread::sleep(Duration::from_secs(20)),
                    "cut" => drop(send(b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n\x1f\x8b\x08")),
                    "cut chunks" => drop(send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabc")),
                    "endless" => {
                        send(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n");
                        while send(&[0x1f; 8192]) {}
                    }
                    "endless head" => {
                        send(b"HTTP/1.1 200 OK\r\n");
                        while send(b"x-filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n") {}
                    }
                    // A byte now and then keeps every single read from timing out.
                    _ => {
                        send(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n");
                        while send(b"x") {
                            std::thread::sleep(Duration::from_millis(100));
                        }
                    }
                }
            }),
        }
    }
}

/// T68: slow drip, endless body, lying length, truncation, 429 and 503 end in time and say "try again".
#[test]
fn t68_slow_and_broken_servers() {
    let run = |kind: &'static str| {
        let server = Server::new(hostile(kind));
        let site = Site::new(&[("a", &server.url(), "one", "1.0.0")], &[&server]);
        let start = Instant::now();
        let ran = site.run(&["lock", "--timeout", "4"]);
        assert!(start.elapsed() < Duration::from_secs(9), "{kind} took {:?}", start.elapsed());
        assert!(!site.sandbox.path().join("lakegen.lock").exists(), "{kind}");
        assert_eq!(site.cached(), BTreeSet::new(), "{kind}");
        let archives = server.paths().iter().filter(|path| path.ends_with(".tgz")).count();
        (kind, ran, archives)
    };
    let kinds = [
        "429",
        "429 for long",
        "503",
        "closed",
        "garbage",
        "silent",
        "cut",
        "cut chunks",
        "endless",
        "endless head",
        "drip",
        "index",
    ];
    let results: Vec<(&str, Ran, usize)> = std::thread::scope(|scope| {
        let all: Vec<_> = kinds.into_iter().map(|kind| scope.spawn(move || run(kind))).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    for (kind, ran, archives) in results {
        assert_eq!(ran.code, Some(75), "{kind}: {}", ran.stderr);
        assert!(
            ran.stderr.contains("error[unreachable]") && ran.stderr.contains("platform.toml:9:9"),
            "{kind}: {}",
            ran.stderr
        );
        let tries = match kind {
            "429" => 4,
            "503" | "closed" | "garbage" | "cut" | "cut chunks" | "endless head" => 4,
            "index" => 0,
            _ => 1,
        };
        assert_eq!(archives, tries, "{kind}: {}", ran.stderr);
    }
}

/// A server that recovers in time is forgiven.
#[test]
fn a_passing_trouble_passes() {
    let count = AtomicUsize::new(0);
    let server = Server::new(move |request| match (request.path.as_str(), count.fetch_add(1, Ordering::SeqCst)) {
        (_, 0) => status(503, &[]),
        (_, 1) => status(429, &[("retry-after", "1")]),
        ("/index.yaml", _) => ok(index(&[("one", "1.0.0", "one.tgz", None)])),
        _ => ok(chart("one")),
    });
    let site = Site::new(&[("a", &server.url(), "one", "1.0.0")], &[&server]);
    site.ok(&["lock"]);
    assert_eq!(server.paths().len(), 4);
}

/// What is no chart, no index, no manifest, too large, or not there.
#[test]
fn wrong_answers_are_findings() {
    let server = Server::new(|request| match request.path.as_str() {
        "/page/index.yaml" => ok("<html><body>Log in</body></html>"),
        "/binary/index.yaml" => ok(b"\xff\xfe".to_vec()),
        "/large/one.tgz" => Reply::Whole { status: 200, headers: vec![], body: vec![0x1f; (10 << 20) + 1] },
        "/login/one.tgz" => ok("<html>"),
        "/loop/one.tgz" => status(302, &[("location", "/loop/one.tgz")]),
        "/teapot/one.tgz" => status(418, &[]),
        path if path.ends_with("index.yaml") && !path.starts_with("/none") => {
            ok(index(&[("one", "1.0.0", "one.tgz", None), ("one", "0.9.0", "x", None)]))
        }
        _ => status(404, &[]),
    });
    for (folder, name, version, message) in [
        ("page", "one", "1.0.0", "cannot be used: it is no map"),
        ("binary", "one", "1.0.0", "is not UTF-8 text: byte 0"),
        ("large", "one", "1.0.0", "sends more than 10 MiB"),
        ("login", "one", "1.0.0", "looks like a web page"),
        ("loop", "one", "1.0.0", "redirects more than 5 times"),
        ("teapot", "one", "1.0.0", "answers 418"),
        ("none", "one", "1.0.0", "there is no Helm repository at"),
        ("gone", "one", "1.0.0", "does not exist"),
        ("gone", "onne", "1.0.0", "did you mean `one`?"),
        ("gone", "one", "2.0.0", "its newest are `1.0.0` and `0.9.0`"),
    ] {
        let site = Site::new(&[("a", &format!("{}/{folder}", server.url()), name, version)], &[&server]);
        let said = site.fails(1, &["lock"]);
        assert!(said.contains(message), "{folder}: {said}");
        assert!(!site.sandbox.path().join("lakegen.lock").exists());
    }
    let mut content = Content::default();
    content.push("one", "1.0.0", &chart("one"));
    content
        .manifests
        .insert("image:1.0.0".into(), b"{\"schemaVersion\":2,\"layers\":[{\"mediaType\":\"x\"}]}".to_vec());
    content.manifests.insert("list:1.0.0".into(), b"{\"schemaVersion\":2,\"manifests\":[]}".to_vec());
    content.manifests.insert("text:1.0.0".into(), b"text".to_vec());
    let server = content.serve();
    for (name, version, message) in [
        ("one", "2.0.0", "has no version 2.0.0 of `one`"),
        ("two", "1.0.0", "has no version 1.0.0 of `two`"),
        ("image", "1.0.0", "no layer is one"),
        ("list", "1.0.0", "has no list of layers"),
        ("text", "1.0.0", "it is not JSON"),
    ] {
        let site = Site::new(&[("a", &format!("oci://{}", server.address), name, version)], &[&server]);
        let said = site.fails(1, &["lock"]);
        assert!(said.contains(message), "{name}: {said}");
    }
    // An index may be compressed on the way, but not into a bomb.
    let bomb = Server::new(|_| {
        let mut packer = flate2::GzBuilder::new().write(Vec::new(), flate2::Compression::fast());
        for _ in 0..60 {
            packer.write_all(&vec![b' '; 1 << 20]).unwrap();
        }
        let headers = vec![("content-encoding".to_owned(), "gzip".to_owned())];
        Reply::Whole { status: 200, headers, body: packer.finish().unwrap() }
    });
    let said = Site::new(&[("a", &bomb.url(), "one", "1.0.0")], &[&bomb]).fails(1, &["lock"]);
    assert!(said.contains("sends more than 50 MiB"), "{said}");
}

/// One archive carries everything across to where there is no network.
#[test]
fn a_bundle_goes_across() {
    let server = repository();
    let url = format!("{}/charts", server.url());
    let here = Site::new(&[("a", &url, "one", "1.0.0"), ("b", &url, "two", "2.0.0")], &[&server]);
    here.ok(&["lock"]);
    here.ok(&["fetch", "--export", "charts.tar"]);
    here.ok(&["fetch", "--export", "again.tar"]);
    let bundle = fs::read(here.sandbox.path().join("charts.tar")).unwrap();
    assert_eq!(bundle, fs::read(here.sandbox.path().join("again.tar")).unwrap());

    let there = Site::new(&[("a", &url, "one", "1.0.0"), ("b", &url, "two", "2.0.0")], &[]);
    there.sandbox.write("lakegen.lock", here.lock());
    there.sandbox.write("charts.tar", &bundle);
    server.forget();
    let said = there.fails(2, &["fetch", "--offline"]);
    assert!(said.contains("one 1.0.0 (sha256:") && said.contains("--export"), "{said}");
    let said = there.ok(&["fetch", "--import", "charts.tar"]).stderr;
    assert!(said.contains("imported 2 charts; all 2 at hand"), "{said}");
    assert_eq!(there.cached().len(), 2);
    there.ok(&["vendor", "--offline"]);
    there.ok(&["vendor", "--check"]);
    assert_eq!(server.paths(), [""; 0]);

    // A bundle brings only what the lock names, and says what it lacks.
    let other = Site::new(&[("a", &url, "one", "1.1.0")], &[&server]);
    other.ok(&["lock"]);
    fs::remove_dir_all(other.cache.path().join("sha256")).unwrap();
    other.sandbox.write("charts.tar", &bundle);
    let ran = other.run(&["fetch", "--import", "charts.tar"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("2 charts of the bundle are not in the lock"), "{}", ran.stderr);
    assert!(ran.stderr.contains("one 1.1.0"), "{}", ran.stderr);
    assert_eq!(other.cached(), BTreeSet::new());
    other.sandbox.write("charts.tar", &bundle[..3000]);
    let said = other.fails(1, &["fetch", "--import", "charts.tar"]);
    assert!(said.contains("cut off"), "{said}");
}

/// T69: with vendored or cached charts nothing opens a socket, looks up a name or starts a program.
#[cfg(target_os = "linux")]
#[test]
fn t69_everything_works_offline() {
    let probe = Command::new("strace").args(["-f", "-o", "/dev/null", "true"]).stderr(Stdio::null()).status();
    if !probe.is_ok_and(|status| status.success()) {
        eprintln!("skipped T69: strace is not installed or may not trace");
        return;
    }
    let server = repository();
    let url = format!("{}/charts", server.url());
    let site = Site::new(&[("a", &url, "one", "1.0.0"), ("b", &url, "two", "2.0.0")], &[&server]);
    site.ok(&["lock"]);
    site.ok(&["render"]);
    let repository = site.sandbox.repository();
    site.sandbox.commit(&repository, "rendered");
    server.forget();
    for vendored in [false, true] {
        if vendored {
            site.ok(&["vendor", "--offline"]);
            fs::remove_dir_all(site.cache.path().join("sha256")).unwrap();
        }
        for arguments in [
            &["check"][..],
            &["diff"],
            &["diff", "HEAD..HEAD"],
            &["render", "-o", "-"],
            &["render", "--check"],
            &["lock", "--check"],
            &["lock"],
            &["fetch"],
            &["vendor", "--check"],
        ] {
            if !vendored && arguments == ["vendor", "--check"] {
                continue;
            }
            let log = tempfile::NamedTempFile::new().unwrap();
            let inner = site.command(arguments);
            let mut strace = Command::new("strace");
            strace.args([
                "-f",
                "-o",
                log.path().to_str().unwrap(),
                "-e",
                "trace=execve,execveat,socket,connect,sendto,openat",
                "--",
            ]);
            strace.arg(inner.get_program()).args(arguments).current_dir(site.sandbox.path()).env_clear();
            for (name, value) in inner.get_envs() {
                strace.env(name, value.unwrap());
            }
            let output = strace.output().unwrap();
            assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
            let log = fs::read_to_string(log.path()).unwrap();
            let calls: Vec<&str> = log.lines().filter(|line| line.contains('(')).collect();
            assert!(calls.len() > 2 && calls[0].contains("execve("), "{arguments:?}: the trace is not complete");
            for call in &calls[1..] {
                assert!(call.contains("openat("), "{arguments:?} reaches out: {call}");
                let names = ["/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/ssl"];
                assert!(!names.iter().any(|name| call.contains(name)), "{arguments:?} looks up a name: {call}");
            }
        }
    }
    assert_eq!(server.paths(), [""; 0]);
}

/// A lock is all or nothing, and a cache that cannot be written is no reason to fail.
#[test]
fn nothing_is_written_when_one_chart_fails() {
    let server = repository();
    let url = format!("{}/charts", server.url());
    let site = Site::new(
        &[("a", &url, "one", "1.0.0"), ("b", &url, "none", "1.0.0"), ("c", &url, "two", "9.0.0")],
        &[&server],
    );
    let said = site.fails(1, &["lock", "--output-format", "concise"]);
    assert!(said.contains("platform.toml:12:9: error[chart-not-found]"), "{said}");
    assert!(said.contains("platform.toml:15:9: error[chart-not-found]"), "{said}");
    assert!(!site.sandbox.path().join("lakegen.lock").exists());
    let file = site.sandbox.path().join("file");
    fs::write(&file, "").unwrap();
    site.sandbox.write("platform.toml", platform(&[("a", &url, "one", "1.0.0")]));
    let ran = site.ok(&["lock", "--cache-dir", file.to_str().unwrap()]);
    assert!(ran.stderr.contains("warning: cannot write the chart cache"), "{}", ran.stderr);
    let said = site.fails(2, &["fetch", "--cache-dir", file.to_str().unwrap()]);
    assert!(said.contains("cannot write the chart cache"), "{said}");
    // A lock that another one wrote meanwhile, or that a merge broke, is said so.
    site.sandbox.write("lakegen.lock", format!("<<<<<<< ours\n{}=======\n>>>>>>> theirs\n", site.lock()));
    assert!(site.fails(1, &["fetch"]).contains("error[broken-lock]"));
    assert!(site.fails(1, &["check"]).contains("error[broken-lock]"));
    assert!(site.ok(&["lock"]).stderr.contains("every chart is looked for anew"));
    site.ok(&["check"]);
    site.sandbox.write("lakegen.lock", "edition = 9\n");
    assert!(site.fails(2, &["lock"]).contains("error[newer-lock]"));
    assert_eq!(site.lock(), "edition = 9\n");
}
