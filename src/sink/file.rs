//! One file of the user's replaced at once: what it held and what it shall hold come in, all or nothing is done.
//!
//! The new bytes lie on the disk under another name before that name takes the old one's place. Writers of the same file
//! wait for each other, and one that comes second sees that the file is not what it read.

use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use super::site::split;
use crate::diag::stop::{Class, Stop};
use crate::world::MAX_FILE_BYTES;
use crate::world::beneath::{Fault, Folder};

/// How long to wait for another writer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Replaces the file at `path` below `root`, which must still hold `old`.
///
/// # Errors
/// [`Class::TryAgain`] when the file changed meanwhile; otherwise what the system says. Nothing is changed then.
pub fn replace(root: &Path, path: &str, old: &[u8], new: &[u8]) -> Result<(), Stop> {
    let failed = |fault: Fault| match fault {
        Fault::Missing => changed(path),
        Fault::Odd(kind) => Stop::refused(format!("`{path}` is {}", kind.noun())),
        Fault::TooLarge => Stop::environment(format!("`{path}` is too large")),
        Fault::Io(error) => Stop::io(&format!("write `{path}`"), &error),
    };
    let io = |error: std::io::Error| Stop::io(&format!("write `{path}`"), &error);
    let root = root.canonicalize().map_err(io)?;
    let (parents, name) = split(path);
    let mut folder = Folder::open(&root).map_err(failed)?;
    for part in parents.split('/').filter(|part| !part.is_empty()) {
        folder = folder.enter(part).map_err(failed)?;
    }
    let lock = folder.open_lock(name, false).map_err(failed)?;
    let start = Instant::now();
    while let Err(error) = lock.try_lock() {
        match error {
            std::fs::TryLockError::WouldBlock if start.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(10));
            }
            std::fs::TryLockError::WouldBlock => return Err(changed(path)),
            // Some file systems know no locks; the comparison below still finds most of what happens meanwhile.
            std::fs::TryLockError::Error(_) => break,
        }
    }
    if folder.read(name, MAX_FILE_BYTES).map_err(failed)?.0 != old {
        return Err(changed(path));
    }
    let temporary = format!(".{name}.{}.tmp", std::process::id());
    // A killed run with the same number may have left one.
    let _ = folder.remove(&temporary);
    let written = folder.create(&temporary).and_then(|mut file| {
        file.set_permissions(lock.metadata()?.permissions())?;
        file.write_all(new)?;
        file.sync_all()
    });
    let result = written.and_then(|()| folder.rename(&temporary, &folder, name));
    if let Err(error) = result {
        let _ = folder.remove(&temporary);
        return Err(io(error));
    }
    folder.sync().map_err(io)
}

/// Writes the file at `path` below `root`: over `old`, or where there is none yet.
///
/// # Errors
/// As [`replace`]; [`Class::TryAgain`] also when there is a file where none was.
pub fn put(root: &Path, path: &str, old: Option<&[u8]>, new: &[u8]) -> Result<(), Stop> {
    if let Some(old) = old {
        return replace(root, path, old, new);
    }
    let io = |error: std::io::Error| Stop::io(&format!("write `{path}`"), &error);
    let full = root.canonicalize().map_err(io)?.join(path);
    let folder = full.parent().unwrap_or(root);
    let mut temporary = tempfile::Builder::new();
    temporary.prefix(".lakegen-").suffix(".tmp");
    #[cfg(unix)]
    temporary.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = temporary.tempfile_in(folder).map_err(io)?;
    file.write_all(new).and_then(|()| file.as_file().sync_all()).map_err(io)?;
    match file.persist_noclobber(&full) {
        Ok(_) => Folder::open(folder).map_err(|_| changed(path))?.sync().map_err(io),
        Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => Err(changed(path)),
        Err(error) => Err(io(error.error)),
    }
}

fn changed(path: &str) -> Stop {
    Stop::new(Class::TryAgain, format!("another process has changed `{path}`")).help("run it again")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_is_replaced_only_when_it_is_what_was_read() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("a")).unwrap();
        let file = folder.path().join("a/b.toml");
        fs::write(&file, "old").unwrap();
        replace(folder.path(), "a/b.toml", b"old", b"new").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"new");
        assert_eq!(replace(folder.path(), "a/b.toml", b"old", b"x").unwrap_err().class, Class::TryAgain);
        assert_eq!(fs::read(&file).unwrap(), b"new");
        assert_eq!(fs::read_dir(folder.path().join("a")).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn the_mode_stays_and_no_link_is_followed() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("b.toml");
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink("b.toml", folder.path().join("link.toml")).unwrap();
        replace(folder.path(), "b.toml", b"old", b"new").unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(replace(folder.path(), "link.toml", b"new", b"x").unwrap_err().class, Class::Refused);
    }
}
