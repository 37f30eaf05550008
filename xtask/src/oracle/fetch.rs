//! Helm, a real registry and a real HTTP server against `lock`, `fetch` and `vendor`: what lakegen pins and brings is what
//! `helm package` made, `helm push` pushed and `helm pull` pulls, byte by byte.
//!
//! The registry is distribution (`registry`), with TLS and a login; the HTTP server is Go's (`serve.go` beside this file,
//! run by `go`). Everything is on loopback.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use lakegen::world::charts::Digest;
use serde_json::Value;

use super::{Tally, tools};

const SERVER: &str = include_str!("serve.go");
/// `me` with the password `s3cret`, as `htpasswd -B` writes it.
const LOGIN: &str = "me:$2a$05$FfY7c9/JuY23vVH8YjH7BOwkrDae7mVKqMHSFiV.XGa84cQQKsDLu\n";
/// How long a server may take to start; `go run` compiles first.
const PATIENCE: Duration = Duration::from_secs(180);

/// A process that ends with its value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What all checks use.
struct Scene {
    folder: tempfile::TempDir,
    helm: PathBuf,
    plain: u16,
    good: u16,
    wrong: u16,
    expired: u16,
    registry: u16,
    _servers: [Running; 2],
}

type Check = fn(&Scene) -> anyhow::Result<()>;

/// Runs the section.
pub fn judge(helm: &Path, registry: &Path, tally: &mut Tally) -> anyhow::Result<()> {
    let scene = Scene::new(helm, registry)?;
    let checks: [(&str, Check); 5] = [
        ("fetch: a repository that helm indexed", repository),
        ("fetch: a registry that helm pushed to, with helm's login", from_registry),
        ("fetch: the version that helm takes", newest),
        ("fetch: certificates that must be refused", certificates),
        ("fetch: offline, with what was carried across", offline),
    ];
    for (name, check) in checks {
        let wrong: Vec<String> = check(&scene).err().map(|error| format!("{error:#}")).into_iter().collect();
        tally.check(name, &wrong);
    }
    Ok(())
}

impl Scene {
    fn new(helm: &Path, registry: &Path) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let at = |path: &str| folder.path().join(path);
        for name in ["served", "keys", "storage", "helm"] {
            std::fs::create_dir(at(name))?;
        }
        std::fs::write(at("serve.go"), SERVER)?;
        let mut server = Command::new("go");
        server
            .arg("run")
            .arg(at("serve.go"))
            .args([at("served"), at("keys")])
            .stdin(Stdio::piped())
            .stdout(Stdio::null());
        let mut server = Running(server.spawn().context("go is needed for the HTTP server")?);
        let ports = wait("the HTTP server", &mut server, || std::fs::read(at("keys/ports.json")).ok())?;
        let ports: Value = serde_json::from_slice(&ports)?;
        let port = |name: &str| ports[name].as_u64().and_then(|port| u16::try_from(port).ok()).context("a port");

        let free = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let keys = at("keys").display().to_string();
        std::fs::write(at("htpasswd"), LOGIN)?;
        let config = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\n\
             http: {{addr: \"127.0.0.1:{free}\", tls: {{certificate: {keys}/good.pem, key: {keys}/good.key}}}}\n\
             auth: {{htpasswd: {{realm: oracle, path: {}}}}}\n",
            at("storage").display(),
            at("htpasswd").display()
        );
        std::fs::write(at("registry.yaml"), config)?;
        let mut process = Command::new(registry);
        process.arg("serve").arg(at("registry.yaml")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        process.env("OTEL_TRACES_EXPORTER", "none");
        let mut process = Running(process.spawn().context("start the registry")?);
        wait("the registry", &mut process, || TcpStream::connect(("127.0.0.1", free)).ok())?;
        let scene = Self {
            helm: helm.to_owned(),
            plain: port("plain")?,
            good: port("good")?,
            wrong: port("wrong")?,
            expired: port("expired")?,
            registry: free,
            _servers: [server, process],
            folder,
        };
        scene.make_charts()?;
        Ok(scene)
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn helm(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let mut command = Command::new(&self.helm);
        command.args(arguments).current_dir(self.folder.path()).env("HOME", self.at("helm"));
        for name in ["HELM_CONFIG_HOME", "HELM_CACHE_HOME", "HELM_DATA_HOME"] {
            command.env(name, self.at("helm"));
        }
        let output = command.output()?;
        ensure!(output.status.success(), "helm {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)))
    }

    /// Packs charts, indexes them, and pushes them.
    fn make_charts(&self) -> anyhow::Result<()> {
        for (name, version) in
            [("one", "1.0.0"), ("one", "1.0.3"), ("one", "1.1.0-rc.1"), ("one", "v1.2.0"), ("two", "2.0.0+build.7")]
        {
            let folder = self.at(&format!("source/{name}-{version}"));
            std::fs::create_dir_all(folder.join("templates"))?;
            std::fs::write(folder.join("Chart.yaml"), format!("apiVersion: v2\nname: {name}\nversion: {version}\n"))?;
            std::fs::write(
                folder.join("templates/map.yaml"),
                "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\n",
            )?;
            self.helm(&["package", &folder.display().to_string(), "-d", "served/charts"])?;
        }
        self.helm(&["repo", "index", "served/charts"])?;
        let host = format!("127.0.0.1:{}", self.registry);
        self.helm(&["registry", "login", &host, "-u", "me", "-p", "s3cret", "--ca-file", "keys/ca.pem"])?;
        for file in std::fs::read_dir(self.at("served/charts"))? {
            let file = file?.path();
            if file.extension().is_some_and(|extension| extension == "tgz") {
                let to = format!("oci://{host}/team/charts");
                self.helm(&["push", &file.display().to_string(), &to, "--ca-file", "keys/ca.pem"])?;
            }
        }
        Ok(())
    }

    /// Makes a platform of charts: repository, name and version.
    fn site(&self, name: &str, charts: &[(&str, &str, &str)]) -> anyhow::Result<Site<'_>> {
        let folder = self.at(name);
        std::fs::create_dir_all(&folder)?;
        let mut text = String::from(
            "lakegen = \"1\"\n[platform]\nname = \"lake\"\ndomain = \"example.com\"\n[git]\nurl = \"https://git.example.com/a/b.git\"\n",
        );
        for (number, (repository, name, version)) in charts.iter().enumerate() {
            let key = if repository.starts_with("oci:") { "oci" } else { "repository" };
            text.push_str(&format!(
                "[components.c{number}]\nuses = \"chart\"\nchart = {{ {key} = \"{repository}\", name = \"{name}\", version = \"{version}\" }}\n"
            ));
        }
        std::fs::write(folder.join("platform.toml"), text)?;
        Ok(Site { scene: self, folder })
    }
}

/// A platform in a folder, with a cache of its own.
struct Site<'a> {
    scene: &'a Scene,
    folder: PathBuf,
}

impl Site<'_> {
    /// Runs lakegen; returns its exit code and what it says.
    fn run(&self, arguments: &[&str], allowed: &str) -> anyhow::Result<(i32, String)> {
        let output = lakegen()?
            .args(arguments)
            .current_dir(&self.folder)
            .env_clear()
            .env("LAKEGEN_CACHE", self.folder.join("cache"))
            .env("LAKEGEN_ALLOW_HOST", allowed)
            .env("HELM_REGISTRY_CONFIG", self.scene.at("helm/registry/config.json"))
            .stdin(Stdio::null())
            .output()?;
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        Ok((output.status.code().unwrap_or(-1), text))
    }

    fn ok(&self, arguments: &[&str], allowed: &str) -> anyhow::Result<String> {
        let (code, text) = self.run(arguments, allowed)?;
        ensure!(code == 0, "lakegen {arguments:?} exits {code}: {text}");
        Ok(text)
    }

    fn lock(&self) -> anyhow::Result<String> {
        Ok(std::fs::read_to_string(self.folder.join("lakegen.lock"))?)
    }

    /// Returns the bytes of the vendored chart that stands for name and version.
    fn vendored(&self, name: &str) -> anyhow::Result<Vec<u8>> {
        for entry in std::fs::read_dir(self.folder.join("vendor/charts"))? {
            let path = entry?.path();
            if path.file_name().is_some_and(|file| file.to_string_lossy().starts_with(name)) {
                return Ok(std::fs::read(path)?);
            }
        }
        anyhow::bail!("no vendored file begins with {name}")
    }
}

/// What `helm package` made is what is locked and vendored, and helm renders the vendored file.
fn repository(scene: &Scene) -> anyhow::Result<()> {
    let url = format!("http://127.0.0.1:{}/charts", scene.plain);
    let site = scene.site("classic", &[(&url, "one", "1.0.0"), (&url, "two", "2.0.0+build.7")])?;
    let allowed = format!("http://127.0.0.1:{}", scene.plain);
    site.ok(&["lock"], &allowed)?;
    site.ok(&["vendor", "--offline"], "")?;
    let lock = site.lock()?;
    for name in ["one-1.0.0", "two-2.0.0+build.7"] {
        let packed = std::fs::read(scene.at(&format!("served/charts/{name}.tgz")))?;
        ensure!(lock.contains(&Digest::of(&packed).to_string()), "{name} is locked with another digest: {lock}");
        ensure!(site.vendored(name)? == packed, "{name} is vendored with other bytes");
    }
    let file = std::fs::read_dir(site.folder.join("vendor/charts"))?.next().context("a vendored file")??.path();
    let rendered = scene.helm(&["template", "release", &file.display().to_string()])?;
    ensure!(rendered.contains("name: release"), "helm does not render what is vendored: {rendered}");
    Ok(())
}

/// What `helm push` pushed is what is locked, by layer and manifest, and what `helm pull` pulls from the locked address.
fn from_registry(scene: &Scene) -> anyhow::Result<()> {
    let host = format!("127.0.0.1:{}", scene.registry);
    let url = format!("oci://{host}/team/charts");
    let site = scene.site("registry", &[(&url, "one", "1.0.0"), (&url, "two", "2.0.0+build.7")])?;
    let authority = scene.at("keys/ca.pem").display().to_string();
    site.ok(&["lock", "--ca-file", &authority], &host)?;
    // From the locked addresses alone.
    std::fs::remove_dir_all(site.folder.join("cache"))?;
    site.ok(&["fetch", "--ca-file", &authority], &host)?;
    site.ok(&["vendor", "--offline"], "")?;
    let lock = site.lock()?;
    std::fs::create_dir_all(scene.at("pulled"))?;
    for line in lock.lines().filter_map(|line| line.strip_prefix("url = \"")) {
        let address = line.trim_end_matches('"');
        let pulled = scene.helm(&["pull", address, "-d", "pulled", "--ca-file", "keys/ca.pem"])?;
        let manifest = address.rsplit('@').next().unwrap_or("");
        ensure!(
            pulled.contains(&format!("Digest: {manifest}")),
            "helm pulls another manifest than {address}: {pulled}"
        );
    }
    for name in ["one-1.0.0", "two-2.0.0+build.7"] {
        let packed = std::fs::read(scene.at(&format!("served/charts/{name}.tgz")))?;
        ensure!(lock.contains(&Digest::of(&packed).to_string()), "{name} is locked with another digest: {lock}");
        ensure!(site.vendored(name)? == packed, "{name} is vendored with other bytes");
    }
    // Without helm's login nothing comes.
    let mut lonely = lakegen()?;
    lonely.args(["lock", "--update", "--ca-file", &authority]).current_dir(&site.folder).env_clear();
    let output = lonely.env("LAKEGEN_ALLOW_HOST", &host).output()?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.code() == Some(2) && text.contains("error[login-needed]"), "without a login: {text}");
    Ok(())
}

/// A version that is not exact means what it means to helm, in a repository and in a registry.
fn newest(scene: &Scene) -> anyhow::Result<()> {
    let classic = format!("http://127.0.0.1:{}/charts", scene.plain);
    let registry = format!("oci://127.0.0.1:{}/team/charts", scene.registry);
    let allowed = format!("http://127.0.0.1:{},127.0.0.1:{}", scene.plain, scene.registry);
    let authority = scene.at("keys/ca.pem").display().to_string();
    for (number, wanted) in ["1.0", "1", "1.2.0", "v1.2.0", "1.1.0-rc.1"].into_iter().enumerate() {
        for (kind, url) in [("classic", &classic), ("registry", &registry)] {
            let folder = scene.at(&format!("newest/{number}-{kind}"));
            std::fs::create_dir_all(&folder)?;
            let to = folder.display().to_string();
            let address = format!("{url}/one");
            let pulled = if kind == "classic" {
                scene.helm(&["pull", "one", "--repo", url, "--version", wanted, "-d", &to])
            } else {
                scene.helm(&["pull", &address, "--version", wanted, "-d", &to, "--ca-file", "keys/ca.pem"])
            };
            let site = scene.site(&format!("newest-{number}-{kind}"), &[(url, "one", wanted)])?;
            let (code, text) = site.run(&["lock", "--ca-file", &authority], &allowed)?;
            let Ok(_) = pulled else {
                ensure!(code != 0, "{kind} {wanted}: helm finds nothing, lakegen does: {}", site.lock()?);
                continue;
            };
            ensure!(code == 0, "{kind} {wanted}: helm finds it, lakegen does not: {text}");
            let file = std::fs::read_dir(&folder)?.next().context("what helm pulled")??.path();
            let digest = Digest::of(&std::fs::read(&file)?);
            ensure!(
                site.lock()?.contains(&digest.to_string()),
                "{kind} {wanted}: helm takes {}: {}",
                file.display(),
                site.lock()?
            );
        }
    }
    Ok(())
}

/// T70: an unknown authority, another host's certificate and an expired one are refused; one's own authority works.
fn certificates(scene: &Scene) -> anyhow::Result<()> {
    let authority = scene.at("keys/ca.pem").display().to_string();
    for (name, port, flags, code, words) in [
        ("unknown authority", scene.good, &[][..], 2, "not signed by a CA"),
        ("own authority", scene.good, &["--ca-file", &authority], 0, ""),
        ("another host", scene.wrong, &["--ca-file", &authority], 2, "is for another host"),
        ("expired", scene.expired, &["--ca-file", &authority], 2, "has expired"),
    ] {
        let url = format!("https://127.0.0.1:{port}/charts");
        let site = scene.site(&format!("tls-{port}-{code}"), &[(&url, "one", "1.0.0")])?;
        let arguments: Vec<&str> = ["lock"].into_iter().chain(flags.iter().copied()).collect();
        let (actual, text) = site.run(&arguments, &format!("127.0.0.1:{port}"))?;
        ensure!(actual == code && text.contains(words), "{name}: exit {actual}, {text}");
        ensure!(code == 0 || text.contains("error[untrusted-server]"), "{name}: {text}");
    }
    Ok(())
}

/// One file carries the charts to where there is nothing, and helm renders them there.
fn offline(scene: &Scene) -> anyhow::Result<()> {
    let url = format!("http://127.0.0.1:{}/charts", scene.plain);
    let here = scene.site("here", &[(&url, "one", "1.0.3")])?;
    here.ok(&["lock"], &format!("http://127.0.0.1:{}", scene.plain))?;
    here.ok(&["fetch", "--export", "charts.tar", "--offline"], "")?;
    let listed = tools::output(Path::new("tar"), &["-tf", &here.folder.join("charts.tar").display().to_string()]);
    let listed = listed.map_err(anyhow::Error::msg)?;
    ensure!(listed.lines().count() == 2 && listed.starts_with("lakegen.lock\nsha256/"), "the bundle holds {listed}");
    let there = scene.site("there", &[(&url, "one", "1.0.3")])?;
    for file in ["lakegen.lock", "charts.tar"] {
        std::fs::copy(here.folder.join(file), there.folder.join(file))?;
    }
    there.ok(&["fetch", "--import", "charts.tar"], "")?;
    there.ok(&["vendor", "--offline"], "")?;
    there.ok(&["vendor", "--check"], "")?;
    let packed = std::fs::read(scene.at("served/charts/one-1.0.3.tgz"))?;
    ensure!(there.vendored("one-1.0.3")? == packed, "other bytes came across");
    Ok(())
}

/// Waits until something is there.
fn wait<T>(what: &str, process: &mut Running, mut ready: impl FnMut() -> Option<T>) -> anyhow::Result<T> {
    let start = Instant::now();
    loop {
        if let Some(found) = ready() {
            return Ok(found);
        }
        if let Some(status) = process.0.try_wait()? {
            let mut text = String::new();
            process.0.stderr.take().map(|mut stderr| stderr.read_to_string(&mut text)).transpose()?;
            anyhow::bail!("{what} ended: {status} {text}");
        }
        ensure!(start.elapsed() < PATIENCE, "{what} does not start");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Returns lakegen's command line, which this program has in it: the other need not be built.
fn lakegen() -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("lakegen");
    Ok(command)
}
