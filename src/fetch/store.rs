//! The only writer of the cache: bytes whose digest was verified come in, an entry that is whole or not there comes out.
//!
//! An entry is written beside its place and renamed, so readers and any number of writers see no half of one; all
//! writers of one entry write the same bytes. Modes never let the group or others write, whatever the umask is.

use std::io::{self, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::world::beneath::{Fault, Folder};
use crate::world::charts::{Cache, Digest};

/// Writes a chart into the cache, over a damaged entry too.
///
/// # Errors
/// What the system says, to be read after "cannot write the chart cache".
pub fn put(cache: &Cache, bytes: &[u8]) -> io::Result<Digest> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let digest = Digest::of(bytes);
    let mut folder = open(cache.root())?;
    let (folders, name) = Cache::place(&digest);
    for part in &folders {
        folder.make_closed(part)?;
        folder = folder.enter(part).map_err(io_error)?;
    }
    let temporary = format!(".{name}.{}.{}.tmp", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    // A killed run with the same number may have left one.
    let _ = folder.remove(&temporary);
    let written = folder.create_closed(&temporary).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    if let Err(error) = written.and_then(|()| folder.rename(&temporary, &folder, &name)) {
        let _ = folder.remove(&temporary);
        return Err(error);
    }
    folder.sync()?;
    Ok(digest)
}

/// Opens the cache's folder, and makes it with its parents when it is not there.
fn open(root: &Path) -> io::Result<Folder> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o755);
    builder.create(root)?;
    Folder::open(&root.canonicalize()?).map_err(io_error)
}

fn io_error(fault: Fault) -> io::Error {
    match fault {
        Fault::Io(error) => error,
        Fault::Missing => io::Error::from(io::ErrorKind::NotFound),
        Fault::Odd(kind) => io::Error::other(format!("{} stands in its way", kind.noun())),
        Fault::TooLarge => io::Error::from(io::ErrorKind::FileTooLarge),
    }
}

/// Says whether everybody on this machine can write into the cache: digests keep what is read safe, but not what is there.
#[cfg(unix)]
pub fn is_open_to_all(cache: &Cache) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    let open = |path: &Path| std::fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o002 != 0);
    open(cache.root()) || open(&cache.root().join("sha256"))
}

/// Other systems have no such modes.
#[cfg(not(unix))]
pub fn is_open_to_all(_: &Cache) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// T65: many writers of the same and of other entries; every reader sees a whole entry or none.
    #[test]
    fn t65_twenty_writers() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(&folder.path().join("a/b/cache"));
        let charts: Vec<Vec<u8>> = (0..4_u8).map(|n| vec![n; 100_000]).collect();
        std::thread::scope(|scope| {
            for writer in 0..20 {
                let (cache, charts) = (&cache, &charts);
                scope.spawn(move || {
                    for round in 0..10 {
                        let chart = &charts[(writer + round) % charts.len()];
                        let digest = put(cache, chart).unwrap();
                        assert_eq!(cache.read(&digest).unwrap().as_deref(), Some(&chart[..]));
                    }
                });
            }
        });
        let files = walkdir::WalkDir::new(cache.root()).into_iter().map(Result::unwrap);
        assert_eq!(files.filter(|entry| entry.file_type().is_file()).count(), charts.len());
    }

    /// T65: a damaged entry is replaced.
    #[test]
    fn t65_a_damaged_entry_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(folder.path());
        let digest = put(&cache, b"chart").unwrap();
        let ([kind, head], name) = Cache::place(&digest);
        std::fs::write(folder.path().join(kind).join(head).join(name), b"damage").unwrap();
        assert!(cache.read(&digest).is_err());
        put(&cache, b"chart").unwrap();
        assert_eq!(cache.read(&digest).unwrap().as_deref(), Some(&b"chart"[..]));
    }
}
