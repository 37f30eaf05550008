//! The only writer of the cache, and its search by name: bytes whose digest was verified come in, an entry that is whole or not there comes out.
//!
//! An entry is written beside its place and renamed, so readers and any number of writers see no half of one; all
//! writers of one entry write the same bytes. Modes never let the group or others write, whatever the umask is.

use std::io::{self, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::helm::chart::Chart;
use crate::world::beneath::{Fault, Folder};
use crate::world::charts::{Cache, Digest, MAX_CHART_BYTES, VENDORED, promised};
use crate::world::{MAX_ENTRIES, World};

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

/// Finds a chart by its name and version: a vendored one, else one of the cache. That its bytes have their digest is
/// verified; which repository it came from is not known. The least digest is taken when several have the name.
pub fn named(world: &dyn World, cache: Option<&Cache>, name: &str, version: &str) -> Option<(Digest, Vec<u8>)> {
    let is_wanted = |bytes: &[u8]| {
        let chart = Chart::from_archive(name, bytes);
        chart.is_ok_and(|(chart, _)| chart.metadata.name == name && chart.metadata.version == version)
    };
    let begin = format!("{VENDORED}/{name}-{version}.");
    let vendored = world.list(VENDORED).unwrap_or_default();
    let vendored = vendored.iter().filter(|path| path.starts_with(&begin) && promised(path).is_some());
    let found = vendored.filter_map(|path| {
        let bytes = world.read_within(path, MAX_CHART_BYTES).ok()?;
        let digest = Digest::of(&bytes);
        (promised(path) == Some(&*digest.short()) && is_wanted(&bytes)).then(|| (digest, bytes.to_vec()))
    });
    found.min_by_key(|(digest, _)| *digest).or_else(|| {
        let cache = cache?;
        digests(cache.root()).into_iter().find_map(|digest| {
            let bytes = cache.read(&digest).ok().flatten()?;
            is_wanted(&bytes).then(|| (digest, bytes.to_vec()))
        })
    })
}

/// Returns the digests that the files of a cache are named after, sorted.
fn digests(root: &Path) -> Vec<Digest> {
    let folders = std::fs::read_dir(root.join("sha256")).into_iter().flatten().flatten();
    let files = folders.flat_map(|folder| std::fs::read_dir(folder.path()).into_iter().flatten().flatten());
    let names = files.filter_map(|file| file.file_name().into_string().ok());
    let mut all: Vec<Digest> = names
        .take(MAX_ENTRIES)
        .filter_map(|name| Digest::parse(&format!("sha256:{}", name.strip_suffix(".tgz")?)))
        .collect();
    all.sort();
    all
}

fn io_error(fault: Fault) -> io::Error {
    match fault {
        Fault::Io(error) => error,
        Fault::Missing => io::Error::from(io::ErrorKind::NotFound),
        Fault::Odd(kind) => io::Error::other(format!("{} is in the way", kind.noun())),
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
