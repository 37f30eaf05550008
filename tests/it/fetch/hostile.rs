//! Fetching from what means harm or is broken: other bytes, private hosts, credentials on the way elsewhere, slow servers.

use super::*;

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
    assert!(said.contains("warning: chart one 1.0.0 was republished"), "{said}");
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
    assert!(said.contains("fetched 1 chart; 2 available"), "{said}");
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
    assert!(said.contains("warning: any user on this machine can write to the chart cache"), "{said}");
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
        ("page", "one", "1.0.0", "cannot be used: it is not a map"),
        ("binary", "one", "1.0.0", "is not valid UTF-8 at byte 0"),
        ("large", "one", "1.0.0", "sends more than 10 MiB"),
        ("login", "one", "1.0.0", "looks like a web page"),
        ("loop", "one", "1.0.0", "redirects more than 5 times"),
        ("teapot", "one", "1.0.0", "answers 418"),
        ("none", "one", "1.0.0", "is not a Helm repository"),
        ("gone", "one", "1.0.0", "does not exist"),
        ("gone", "onne", "1.0.0", "did you mean `one`?"),
        ("gone", "one", "2.0.0", "its latest versions are `1.0.0` and `0.9.0`"),
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
        ("image", "1.0.0", "no layer is a chart"),
        ("list", "1.0.0", "has no list of layers"),
        ("text", "1.0.0", "it is not valid JSON"),
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
