//! A folder on disk as a world: relative paths come in, bytes go out, nothing outside the folder is read.
//!
//! Every part of a path is opened from the folder before it, without following links, so neither a planted link
//! nor one swapped in meanwhile leads out. It never writes.

use crate::diag::stop::reason;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::beneath::{Fault, Folder, Kind};
use super::charts::{self, Cache, Digest};
use super::{MAX_DEPTH, MAX_ENTRIES, ReadError, World, path_gate};

/// The files below one folder.
#[derive(Debug)]
pub struct DiskWorld {
    root: PathBuf,
    cache: Option<Cache>,
}

impl DiskWorld {
    /// Returns the world below `root`. Links on the way to `root` itself are the caller's own and are followed.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), cache: None }
    }

    /// Adds the charts that this machine has fetched.
    #[must_use]
    pub fn with_cache(self, cache: impl Into<Option<Cache>>) -> Self {
        Self { cache: cache.into(), ..self }
    }

    fn open_root(&self) -> Result<Folder, ReadError> {
        let real = self.root.canonicalize().map_err(|error| failure("", Fault::from(error), 0))?;
        Folder::open(&real).map_err(|fault| failure("", fault, 0))
    }

    /// Opens the folder `path`; the error names the part that stopped it.
    fn open_folder(&self, path: &str) -> Result<Folder, ReadError> {
        let mut folder = self.open_root()?;
        let mut end = 0;
        for part in path.split('/').filter(|part| !part.is_empty()) {
            end += part.len();
            folder = folder.enter(part).map_err(|fault| failure(&path[..end], fault, 0))?;
            end += 1;
        }
        Ok(folder)
    }
}

impl World for DiskWorld {
    fn read_within(&self, path: &str, limit: u64) -> Result<Arc<[u8]>, ReadError> {
        path_gate::check(path).map_err(ReadError::Refused)?;
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        let folder = self.open_folder(parent)?;
        let (bytes, _) = folder.read(name, limit).map_err(|fault| failure(path, fault, limit))?;
        Ok(bytes.into())
    }

    fn list(&self, path: &str) -> Result<Vec<String>, ReadError> {
        if !path.is_empty() {
            path_gate::check(path).map_err(ReadError::Refused)?;
        }
        let folder = match self.open_folder(path) {
            Ok(folder) => folder,
            Err(ReadError::Missing) => return Ok(vec![]),
            Err(error) => return Err(error),
        };
        let mut listing = Listing { files: vec![], visited: 0 };
        listing.visit(&folder, path, 0)?;
        listing.files.sort_unstable();
        Ok(listing.files)
    }

    fn chart(&self, digest: &Digest) -> Result<Option<Arc<[u8]>>, ReadError> {
        match charts::vendored(self, digest)? {
            None => self.cache.as_ref().map_or(Ok(None), |cache| cache.read(digest)),
            found => Ok(found),
        }
    }
}

/// Collects the files below a folder within the limits.
struct Listing {
    files: Vec<String>,
    visited: usize,
}

impl Listing {
    fn visit(&mut self, folder: &Folder, at: &str, depth: usize) -> Result<(), ReadError> {
        if depth > MAX_DEPTH {
            return Err(ReadError::Failed(format!("folder `{at}` is nested deeper than {MAX_DEPTH} levels")));
        }
        for (name, kind) in folder.entries().map_err(|fault| failure(at, fault, 0))? {
            self.visited += 1;
            if self.visited > MAX_ENTRIES {
                return Err(ReadError::Failed(format!("more than {MAX_ENTRIES} files and folders")));
            }
            let name = name.map_err(|raw| ReadError::Refused(format!("name `{raw}` in `{at}` is not UTF-8")))?;
            // Git's own folder is no input, nor are the dangling links by which Emacs marks files being edited.
            if name.eq_ignore_ascii_case(".git") || (kind == Kind::Link && name.starts_with(".#")) {
                continue;
            }
            let path = if at.is_empty() { name.clone() } else { format!("{at}/{name}") };
            path_gate::check(&path).map_err(ReadError::Refused)?;
            match kind {
                Kind::File => self.files.push(path),
                Kind::Folder => match folder.enter(&name) {
                    Ok(inner) => self.visit(&inner, &path, depth + 1)?,
                    Err(Fault::Missing) => {}
                    Err(fault) => return Err(failure(&path, fault, 0)),
                },
                Kind::Link | Kind::Special => return Err(failure(&path, Fault::Odd(kind), 0)),
            }
        }
        Ok(())
    }
}

fn failure(path: &str, fault: Fault, limit: u64) -> ReadError {
    match fault {
        Fault::Missing => ReadError::Missing,
        // A file on the way means that what was asked for cannot exist.
        Fault::Odd(kind) => ReadError::Refused(format!("`{}` is {}", path_gate::shown(path), kind.noun())),
        Fault::TooLarge => ReadError::TooLarge { limit },
        Fault::Io(error) => ReadError::Failed(reason(&error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::MAX_FILE_BYTES;
    use std::fs;

    fn world() -> (tempfile::TempDir, DiskWorld) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("a/b")).unwrap();
        fs::create_dir_all(folder.path().join(".git")).unwrap();
        for path in ["platform.toml", "a/z.yaml", "a/b/c.yaml", "a0.yaml", ".git/config"] {
            fs::write(folder.path().join(path), path).unwrap();
        }
        let world = DiskWorld::new(folder.path());
        (folder, world)
    }

    #[test]
    fn reads_and_lists() {
        let (_folder, world) = world();
        assert_eq!(&*world.read("a/b/c.yaml").unwrap(), b"a/b/c.yaml");
        assert_eq!(world.list("").unwrap(), ["a/b/c.yaml", "a/z.yaml", "a0.yaml", "platform.toml"]);
        assert_eq!(world.list("a/b").unwrap(), ["a/b/c.yaml"]);
        assert_eq!(world.list("nowhere").unwrap(), [""; 0]);
        assert_eq!(world.read("nowhere/x"), Err(ReadError::Missing));
        assert_eq!(world.read("a"), Err(ReadError::Refused("`a` is a folder".into())));
        assert_eq!(world.read("a0.yaml/x"), Err(ReadError::Refused("`a0.yaml` is a file".into())));
    }

    #[test]
    fn paths_pass_the_gate() {
        let (_folder, world) = world();
        for path in ["../x", "/etc/passwd", "a/../platform.toml", ".git/config", "a//z.yaml", ""] {
            assert!(matches!(world.read(path), Err(ReadError::Refused(_))), "{path}");
        }
        assert!(matches!(world.list(".."), Err(ReadError::Refused(_))));
    }

    /// T39: the size is looked at before the body.
    #[test]
    fn t39_refuses_large_files() {
        let (folder, world) = world();
        let file = fs::File::create(folder.path().join("big")).unwrap();
        file.set_len(MAX_FILE_BYTES).unwrap();
        assert_eq!(world.read("big").unwrap().len() as u64, MAX_FILE_BYTES);
        file.set_len(2 << 30).unwrap();
        assert_eq!(world.read("big"), Err(ReadError::TooLarge { limit: MAX_FILE_BYTES }));
    }

    /// T30: links to a file outside, to a folder, in a loop, absolute, or as a parent.
    #[cfg(unix)]
    #[test]
    fn t30_follows_no_link() {
        use std::os::unix::fs::symlink;
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("canary"), "canary-7d1c").unwrap();
        let (folder, world) = world();
        let at = |name: &str| folder.path().join(name);
        symlink(outside.path().join("canary"), at("a/link.yaml")).unwrap();
        symlink(outside.path(), at("folder")).unwrap();
        symlink("loop", at("loop")).unwrap();
        symlink("platform.toml", at("inside")).unwrap();
        for (path, link) in [
            ("a/link.yaml", "a/link.yaml"),
            ("folder/canary", "folder"),
            ("folder", "folder"),
            ("loop", "loop"),
            ("loop/x", "loop"),
            ("inside", "inside"),
        ] {
            assert_eq!(world.read(path), Err(ReadError::Refused(format!("`{link}` is a symbolic link"))), "{path}");
        }
        assert_eq!(world.list("folder"), Err(ReadError::Refused("`folder` is a symbolic link".into())));
        assert_eq!(world.list("a"), Err(ReadError::Refused("`a/link.yaml` is a symbolic link".into())));
        fs::remove_file(at("a/link.yaml")).unwrap();
        symlink("user@host.1:2", at("a/.#z.yaml")).unwrap();
        assert_eq!(world.list("a").unwrap(), ["a/b/c.yaml", "a/z.yaml"]);
    }

    /// T33: nothing waits for a FIFO, a socket or a device.
    #[cfg(unix)]
    #[test]
    fn t33_refuses_special_files() {
        let (folder, world) = world();
        let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("a/socket")).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            folder.path().join("a/fifo"),
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from_raw_mode(0o600),
            0,
        )
        .unwrap();
        for name in ["a/socket", "a/fifo"] {
            assert_eq!(world.read(name), Err(ReadError::Refused(format!("`{name}` is not a regular file"))));
        }
        assert!(matches!(world.list("a"), Err(ReadError::Refused(_))));
        assert_eq!(
            DiskWorld::new(Path::new("/dev")).read("null"),
            Err(ReadError::Refused("`null` is not a regular file".into()))
        );
    }

    /// T31: a folder and a link that swap places never let the outside be read.
    #[cfg(unix)]
    #[test]
    fn t31_survives_swapping() {
        use std::sync::atomic::{AtomicBool, Ordering};
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("c.yaml"), "canary-7d1c").unwrap();
        let (folder, world) = world();
        std::os::unix::fs::symlink(outside.path(), folder.path().join("link")).unwrap();
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let at = |name: &str| folder.path().join(name);
                while !stop.load(Ordering::Relaxed) {
                    fs::rename(at("a/b"), at("held")).unwrap();
                    fs::rename(at("link"), at("a/b")).unwrap();
                    fs::rename(at("a/b"), at("link")).unwrap();
                    fs::rename(at("held"), at("a/b")).unwrap();
                }
            });
            for _ in 0..20_000 {
                if let Ok(bytes) = world.read("a/b/c.yaml") {
                    assert_eq!(&*bytes, b"a/b/c.yaml");
                }
            }
            stop.store(true, Ordering::Relaxed);
        });
    }
}
