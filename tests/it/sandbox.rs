//! A project in a folder of its own, and the real program run in it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Two environments; `size` differs between them, so that the base, both overlays and shared files are there.
pub const PLATFORM: &str = r#"lakegen = "1"
[platform]
name = "lake"
domain = "example.com"
[git]
url = "https://git.example.com/acme/lake.git"
[components]
one = { uses = "app", image = "registry.example.com/one:1.0" }
two = { uses = "app", image = "registry.example.com/two:1.0" }
[environments.prod]
components.one.pods.main.replicas = 3
[environments.dev]
components.one.pods.main.replicas = 1
"#;

/// A folder with a platform.
pub struct Sandbox {
    folder: tempfile::TempDir,
}

/// What a run gave.
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Sandbox {
    pub fn new() -> Self {
        let sandbox = Self { folder: tempfile::tempdir().unwrap() };
        sandbox.write("platform.toml", PLATFORM);
        sandbox
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    pub fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path().join(path)).unwrap()
    }

    /// Changes the platform's text, which must hold `old`.
    pub fn edit(&self, old: &str, new: &str) {
        let text = self.read("platform.toml");
        assert!(text.contains(old), "no `{old}` in the platform");
        self.write("platform.toml", text.replace(old, new));
    }

    /// Returns the program, ready to run here, in an environment without surprises.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lakegen"));
        command.args(arguments).current_dir(self.path()).env_clear().stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        ran(&self.command(arguments).output().unwrap())
    }

    /// Runs the program, which must come to a good end.
    pub fn ok(&self, arguments: &[&str]) -> Ran {
        let ran = self.run(arguments);
        assert_eq!(ran.code, Some(0), "{arguments:?}: {}", ran.stderr);
        ran
    }

    /// Runs the program, which must end with `code`, and returns what it says.
    pub fn fails(&self, code: i32, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, Some(code), "{arguments:?}: {}{}", ran.stdout, ran.stderr);
        ran.stderr
    }

    /// Returns all files with their bytes, without git's.
    pub fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let all = walkdir::WalkDir::new(self.path()).into_iter().map(Result::unwrap);
        all.filter(|entry| entry.file_type().is_file())
            .map(|entry| (entry.path().strip_prefix(self.path()).unwrap().to_owned(), fs::read(entry.path()).unwrap()))
            .filter(|(path, _)| !path.starts_with(".git"))
            .collect()
    }

    /// Makes this a git repository with everything committed.
    pub fn repository(&self) -> git2::Repository {
        let repository = git2::Repository::init(self.path()).unwrap();
        let mut config = repository.config().unwrap();
        config.set_str("user.name", "Test").unwrap();
        config.set_str("user.email", "test@example.com").unwrap();
        self.commit(&repository, "first");
        repository
    }

    #[allow(clippy::unused_self, reason = "what is done in the sandbox reads so")]
    /// Commits all files as they are and returns the commit's id.
    pub fn commit(&self, repository: &git2::Repository, message: &str) -> String {
        let mut index = repository.index().unwrap();
        index.add_all(["*"], git2::IndexAddOption::DEFAULT, None).unwrap();
        index.write().unwrap();
        let tree = repository.find_tree(index.write_tree().unwrap()).unwrap();
        let author = repository.signature().unwrap();
        let parent = repository.head().ok().map(|head| head.peel_to_commit().unwrap());
        let parents: Vec<&git2::Commit<'_>> = parent.iter().collect();
        repository.commit(Some("HEAD"), &author, &author, message, &tree, &parents).unwrap().to_string()
    }
}

pub fn ran(output: &Output) -> Ran {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    Ran { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

/// Says whether permissions mean nothing to this user, and says so.
#[cfg(unix)]
pub fn is_root(test: &str) -> bool {
    let probe = tempfile::tempdir().unwrap();
    fs::set_permissions(probe.path(), std::os::unix::fs::PermissionsExt::from_mode(0o500)).unwrap();
    let is_root = fs::write(probe.path().join("x"), "").is_ok();
    if is_root {
        eprintln!("skipped {test}: permissions do not bind this user");
    }
    is_root
}
