//! Charts in the platform's own repository: what the lock names comes in, `vendor/charts/` that holds exactly it goes out.
//!
//! The folder holds packed charts under names that people can read and that promise the digest
//! (`trino-1.42.2.ba7816bf8f01.tgz`), so a review shows which version comes and goes, a revision has its own charts, and each
//! file proves itself without a list. Only files with such a name and the bytes that it promises are ever removed or replaced.

use std::io::Write as _;
use std::path::Path;

use crate::diag::stop::Stop;
use crate::lock::Lock;
use crate::world::beneath::{Fault, Folder};
use crate::world::charts::{Digest, MAX_CHART_BYTES, VENDORED, promised, vendored_path};
use crate::world::{ReadError, World};

/// How the folder differs from the lock; paths are relative to the platform and sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drift {
    /// Locked, and not there.
    pub missing: Vec<String>,
    /// There, and not locked.
    pub superfluous: Vec<String>,
    /// There, and not what the name says.
    pub changed: Vec<String>,
}

impl Drift {
    /// Says whether the folder is as it should be.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// Compares the folder with the lock.
///
/// # Errors
/// When the folder cannot be read.
pub fn drift(world: &dyn World, lock: &Lock) -> Result<Drift, ReadError> {
    let mut wanted: Vec<(String, Digest)> =
        lock.charts().iter().map(|c| (vendored_path(&c.name, &c.version, &c.digest), c.digest)).collect();
    wanted.sort();
    wanted.dedup();
    let mut drift = Drift::default();
    let there = world.list(VENDORED)?;
    for path in there.iter().filter(|path| promised(path).is_some()) {
        // What is too large to be a chart is not what its name says.
        let digest = match world.read_within(path, MAX_CHART_BYTES) {
            Ok(bytes) => Some(Digest::of(&bytes)),
            Err(ReadError::TooLarge { .. }) => None,
            Err(error) => return Err(error),
        };
        let locked = wanted.iter().find(|(other, _)| other == path);
        match (locked, digest) {
            (Some((_, expected)), Some(digest)) if *expected == digest => {}
            (None, Some(digest)) if promised(path) == Some(&digest.short()) => drift.superfluous.push(path.clone()),
            _ => drift.changed.push(path.clone()),
        }
    }
    drift.missing = wanted.into_iter().map(|(path, _)| path).filter(|path| !there.contains(path)).collect();
    Ok(drift)
}

/// Writes `add`, all or nothing as far as each file goes, and removes `remove` after that.
///
/// # Errors
/// When a folder on the way is a link, or the system says no.
pub fn write(root: &Path, add: &[(String, &[u8])], remove: &[String]) -> Result<(), Stop> {
    if add.is_empty() && remove.is_empty() {
        return Ok(());
    }
    let failed = |fault: Fault| match fault {
        Fault::Odd(kind) => Stop::refused(format!("a parent folder of `{VENDORED}` is {}", kind.noun())),
        Fault::Io(error) => Stop::io(&format!("write to `{VENDORED}`"), &error),
        Fault::Missing | Fault::TooLarge => Stop::environment(format!(
            "`{VENDORED}` was removed while lakegen was \
        running"
        )),
    };
    let io = |error: std::io::Error| Stop::io(&format!("write to `{VENDORED}`"), &error);
    let mut folder = Folder::open(&root.canonicalize().map_err(io)?).map_err(failed)?;
    for part in VENDORED.split('/') {
        folder.make(part).map_err(io)?;
        folder = folder.enter(part).map_err(failed)?;
    }
    let name_of = |path: &str| path.rsplit('/').next().unwrap_or("").to_owned();
    for (path, bytes) in add {
        let name = name_of(path);
        let temporary = format!(".{name}.{}.tmp", std::process::id());
        // A killed run with the same number may have left one.
        let _ = folder.remove(&temporary);
        let written = folder.create(&temporary).and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        });
        if let Err(error) = written.and_then(|()| folder.rename(&temporary, &folder, &name)) {
            let _ = folder.remove(&temporary);
            return Err(io(error));
        }
    }
    for path in remove {
        folder.remove(&name_of(path)).map_err(io)?;
    }
    folder.sync().map_err(io)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::Locked;
    use crate::world::disk::DiskWorld;

    fn lock(charts: &[&str]) -> Lock {
        let locked = |name: &&str| Locked {
            name: (*name).into(),
            repository: "https://charts.example.com".into(),
            wanted: "1.0.0".into(),
            version: "1.0.0".into(),
            digest: Digest::of(name.as_bytes()),
            manifest: None,
            url: format!("https://charts.example.com/{name}.tgz"),
        };
        Lock::new(charts.iter().map(locked).collect())
    }

    #[test]
    fn the_folder_follows_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let world = DiskWorld::new(folder.path());
        let bring = |lock: &Lock, drift: &Drift| {
            let bytes = |path: &String| {
                let chart = lock.charts().iter().find(|c| vendored_path(&c.name, &c.version, &c.digest) == *path);
                (path.clone(), chart.unwrap().name.as_bytes())
            };
            let add: Vec<(String, &[u8])> = drift.missing.iter().map(bytes).collect();
            write(folder.path(), &add, &drift.superfluous).unwrap();
        };
        let first = lock(&["a", "b"]);
        let found = drift(&world, &first).unwrap();
        assert_eq!((found.missing.len(), found.superfluous.len()), (2, 0));
        bring(&first, &found);
        assert!(drift(&world, &first).unwrap().is_none());
        // A file of somebody else stays out of it.
        std::fs::write(folder.path().join("vendor/charts/own-1.0.0.tgz"), "own").unwrap();
        let second = lock(&["b", "c"]);
        let found = drift(&world, &second).unwrap();
        assert_eq!((found.missing.len(), found.superfluous.len()), (1, 1));
        bring(&second, &found);
        assert!(drift(&world, &second).unwrap().is_none());
        assert_eq!(world.list(VENDORED).unwrap().len(), 3);
        let changed = drift(&world, &second).map(|_| world.list(VENDORED).unwrap()[0].clone()).unwrap();
        std::fs::write(folder.path().join(&changed), "changed").unwrap();
        assert_eq!(drift(&world, &second).unwrap().changed, std::slice::from_ref(&changed));
        assert_eq!(drift(&world, &lock(&[])).unwrap().changed, [changed]);
    }

    #[cfg(unix)]
    #[test]
    fn no_link_is_followed() {
        let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::os::unix::fs::symlink(outside.path(), folder.path().join("vendor")).unwrap();
        let error = write(folder.path(), &[("vendor/charts/a".into(), b"a")], &[]).unwrap_err();
        assert!(error.message.contains("is a symbolic link"), "{error}");
        assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
    }
}
