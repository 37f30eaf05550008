//! One writer at a time: the folder `.lakegen` comes in, a lock that dies with the process goes out.
//!
//! The lock is on an open file, not a file's existence, so a killed holder blocks nobody.

use std::fs::{File, TryLockError};
use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::diag::stop::{Class, Stop};
use crate::world::beneath::{Fault, Folder};

/// Name of the lock file in `.lakegen`.
pub(super) const LOCK: &str = "lock";
/// How often a held lock is tried again.
const PAUSE: Duration = Duration::from_millis(10);

/// A held lock, or the warning that this file system has none.
pub(super) struct Lock {
    // Dropping the file gives the lock back.
    _file: Option<File>,
    pub warning: Option<String>,
}

/// Takes the lock in `folder`, waiting at most `timeout`; makes its file only when `create` is set.
///
/// Returns nothing when there is no lock file and none may be made.
///
/// # Errors
/// [`Class::TryAgain`] when another writer holds it all that time.
pub(super) fn acquire(folder: &Folder, place: &str, timeout: Duration, create: bool) -> Result<Option<Lock>, Stop> {
    let file = match folder.open_lock(LOCK, create) {
        Ok(file) => file,
        Err(Fault::Missing) if !create => return Ok(None),
        Err(Fault::Odd(kind)) => {
            return Err(Stop::refused(format!("`{place}/.lakegen/lock` is {}", kind.noun())).help("remove it"));
        }
        Err(Fault::Io(error)) => return Err(Stop::io(&format!("open `{place}/.lakegen/lock`"), &error)),
        Err(Fault::Missing | Fault::TooLarge) => {
            return Err(Stop::environment(format!("`{place}/.lakegen` vanished while lakegen was starting")));
        }
    };
    hold(file, place, timeout, File::try_lock).map(Some)
}

fn hold(
    file: File,
    place: &str,
    timeout: Duration,
    try_lock: impl Fn(&File) -> Result<(), TryLockError>,
) -> Result<Lock, Stop> {
    let start = Instant::now();
    loop {
        match try_lock(&file) {
            Ok(()) => return Ok(Lock { _file: Some(file), warning: None }),
            Err(TryLockError::WouldBlock) if start.elapsed() >= timeout => {
                return Err(Stop::new(
                    Class::TryAgain,
                    format!(
                        "another lakegen is writing to `{place}` and did not finish within {} s",
                        timeout.as_secs()
                    ),
                )
                .help("try again when it has finished; the lock is released with its process"));
            }
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(TryLockError::WouldBlock) => sleep(PAUSE),
            Err(TryLockError::Error(_)) => {
                let warning = format!(
                    "the file system of `{place}` does not support locks: run only one lakegen at a time there"
                );
                return Ok(Lock { _file: None, warning: Some(warning) });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// T12: the lock is free as soon as its holder is gone, and a waiting writer gives up in time.
    #[test]
    fn t12_one_holder_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        assert!(acquire(&folder, "out", Duration::ZERO, false).unwrap().is_none());
        let held = acquire(&folder, "out", Duration::ZERO, true).unwrap().unwrap();
        let error = acquire(&folder, "out", Duration::from_millis(30), true).err().unwrap();
        assert_eq!(error.class, Class::TryAgain);
        drop(held);
        assert!(acquire(&folder, "out", Duration::ZERO, false).unwrap().unwrap().warning.is_none());
    }

    /// T13: without locks there is one warning and work goes on.
    #[test]
    fn t13_a_file_system_without_locks() {
        let unsupported = |_: &File| Err(TryLockError::Error(io::Error::from(io::ErrorKind::Unsupported)));
        let lock = hold(tempfile::tempfile().unwrap(), "out", Duration::ZERO, unsupported).unwrap();
        assert!(lock.warning.unwrap().contains("does not support locks"));
    }
}
