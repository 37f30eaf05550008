//! `lock`, `fetch` and `vendor` from outside: the real program against servers on loopback, good and hostile ones.
//!
//! Nothing here leaves the machine. The rows of the reliability note are T60 and T63 to T69; what a real registry and
//! Helm itself say is in `cargo xtask oracle fetch`.

mod hostile;
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
    assert!(said.contains("2 charts available"), "{said}");
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
    assert!(said.contains("chart `two` 2.0.0 is locked but no longer used"), "{said}");
    site.fails(1, &["vendor"]);
    site.ok(&["lock"]);
    assert!(!site.lock().contains("two") && site.lock().contains("/elsewhere/one-1.1.0.tgz"));
    let said = site.fails(1, &["vendor", "--check"]);
    assert!(said.contains("is missing") && said.contains("is no longer locked"), "{said}");
    site.ok(&["vendor"]);
    site.ok(&["vendor", "--check"]);
    assert_eq!(fs::read_dir(site.sandbox.path().join("vendor/charts")).unwrap().count(), 1);

    // A vendored file that somebody changed is never overwritten.
    let path = site.sandbox.path().join(name("one", "1.1.0", "one, newer"));
    fs::write(&path, "changed").unwrap();
    let said = site.fails(3, &["vendor"]);
    assert!(said.contains("do not match their names"), "{said}");
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
        assert!(said.contains("its latest versions are `2.1.0-rc.1`, `2.0.3` and `2.0.0`"), "{said}");
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
    assert!(said.contains("the stored login was rejected") && !said.contains("canary"), "{said}");
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
    for (name, message) in [("none", "cannot be started"), ("../x", "not a valid name of a credential helper")] {
        site.sandbox.write("docker/config.json", format!("{{\"credsStore\":\"{name}\"}}"));
        let said = site.fails(2, &["lock", "--update"]);
        assert!(said.contains(message), "{said}");
    }
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
    assert!(said.contains("imported 2 charts; 2 available"), "{said}");
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
    assert!(ran.stderr.contains("2 charts in the bundle are not in the lock"), "{}", ran.stderr);
    assert!(ran.stderr.contains("one 1.1.0"), "{}", ran.stderr);
    assert_eq!(other.cached(), BTreeSet::new());
    other.sandbox.write("charts.tar", &bundle[..3000]);
    let said = other.fails(1, &["fetch", "--import", "charts.tar"]);
    assert!(said.contains("truncated"), "{said}");
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
    assert!(site.ok(&["lock"]).stderr.contains("all charts are resolved again"));
    site.ok(&["check"]);
    site.sandbox.write("lakegen.lock", "edition = 9\n");
    assert!(site.fails(2, &["lock"]).contains("error[newer-lock]"));
    assert_eq!(site.lock(), "edition = 9\n");
}
