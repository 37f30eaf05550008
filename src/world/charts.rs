//! Packed charts by digest: a digest comes in, exactly the bytes with that digest go out, or nothing.
//!
//! They lie in two places: in the repository ([`VENDORED`]), where a revision holds its own, and in a cache of the
//! machine, which all platforms share. Every read is verified, so neither place has to be trusted. Nothing is written.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::beneath::{Fault, Folder};
use super::{ReadError, World, path_gate};
use crate::diag::stop::reason;

/// The folder of vendored charts, relative to the platform.
pub const VENDORED: &str = "vendor/charts";
/// Largest packed chart, in bytes (10 MiB): the default of Flux's source-controller.
pub const MAX_CHART_BYTES: u64 = 10 << 20;
/// Hex digits of the digest in the name of a vendored file: enough to find it, and short enough to read the rest.
const SHORT: usize = 12;

/// The SHA-256 of a packed chart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Returns the digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Reads `sha256:` and 64 lower-case hex digits: the one spelling that OCI registries and the lock know.
    pub fn parse(text: &str) -> Option<Self> {
        let hex = text.strip_prefix("sha256:")?.as_bytes();
        let digit = |c: u8| match c {
            b'0'..=b'9' => Some(c - b'0'),
            b'a'..=b'f' => Some(c - b'a' + 10),
            _ => None,
        };
        let mut bytes = [0; 32];
        if hex.len() != 64 {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Some(Self(bytes))
    }

    /// Returns the 64 hex digits alone.
    pub fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Returns the hex digits that stand in the name of a vendored file.
    pub fn short(&self) -> String {
        self.hex()[..SHORT].to_owned()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Returns where a chart is vendored, relative to the platform. People read name and version, lakegen the digest.
pub fn vendored_path(name: &str, version: &str, digest: &Digest) -> String {
    format!("{VENDORED}/{name}-{version}.{}.tgz", digest.short())
}

/// Returns the beginning of the digest that the name of a vendored file promises; nothing for files of others.
pub fn promised(path: &str) -> Option<&str> {
    let name = path.strip_prefix(VENDORED)?.strip_prefix('/')?.strip_suffix(".tgz")?;
    let (_, short) = name.rsplit_once('.')?;
    let hex = short.len() == SHORT && short.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    (hex && !name.contains('/')).then_some(short)
}

/// Returns the vendored chart with this digest.
///
/// # Errors
/// When the file that promises it by its name holds something else, or cannot be read.
pub fn vendored<W: World + ?Sized>(world: &W, digest: &Digest) -> Result<Option<Arc<[u8]>>, ReadError> {
    let short = digest.short();
    let files = world.list(VENDORED)?;
    let mut other = None;
    for path in files.iter().filter(|path| promised(path) == Some(&short)) {
        let bytes = world.read_within(path, MAX_CHART_BYTES)?;
        if Digest::of(&bytes) == *digest {
            return Ok(Some(bytes));
        }
        other = Some(path);
    }
    match other {
        None => Ok(None),
        Some(path) => Err(ReadError::Refused(format!("`{}` does not match its name", path_gate::shown(path)))),
    }
}

/// The charts that this machine has fetched, shared by all platforms: `sha256/<aa>/<digest>.tgz` below one folder.
#[derive(Clone, Debug)]
pub struct Cache {
    root: PathBuf,
}

impl Cache {
    /// Returns the cache at `root`, which need not exist.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Returns the folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns where a chart lies: the folders below the root, and the file in the last of them.
    pub fn place(digest: &Digest) -> ([String; 2], String) {
        let hex = digest.hex();
        (["sha256".to_owned(), hex[..2].to_owned()], format!("{hex}.tgz"))
    }

    /// Returns the chart with this digest, or nothing when it was never fetched.
    ///
    /// # Errors
    /// When the entry is damaged, or cannot be read.
    pub fn read(&self, digest: &Digest) -> Result<Option<Arc<[u8]>>, ReadError> {
        let failed = |fault: Fault| match fault {
            Fault::Missing => ReadError::Missing,
            Fault::Odd(kind) => ReadError::Refused(format!("the entry {digest} of the chart cache is {}", kind.noun())),
            Fault::TooLarge => damaged(digest),
            Fault::Io(error) => ReadError::Failed(format!("the chart cache: {}", reason(&error))),
        };
        let read = || {
            // A cache may lie behind links of the user's own; below it there are none.
            let real = self.root.canonicalize().map_err(|error| failed(error.into()))?;
            let mut folder = Folder::open(&real).map_err(failed)?;
            let (folders, name) = Self::place(digest);
            for part in &folders {
                folder = folder.enter(part).map_err(failed)?;
            }
            Ok(folder.read(&name, MAX_CHART_BYTES).map_err(failed)?.0)
        };
        match read() {
            Ok(bytes) if Digest::of(&bytes) == *digest => Ok(Some(bytes.into())),
            Ok(_) => Err(damaged(digest)),
            Err(ReadError::Missing) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn damaged(digest: &Digest) -> ReadError {
    ReadError::Failed(format!(
        "the entry {digest} of the chart cache is damaged; run `lakegen fetch` to download it \
    again"
    ))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::world::disk::DiskWorld;
    use crate::world::memory::MemoryWorld;

    #[test]
    fn a_digest_has_one_spelling() {
        let digest = Digest::of(b"abc");
        // FIPS 180-2, appendix B.1.
        let text = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest.to_string(), text);
        assert_eq!(Digest::parse(text), Some(digest));
        for wrong in [&text[..70], &text.to_uppercase(), &text[7..], &format!("{text}0"), "sha256:", "", "sha256:é"] {
            assert_eq!(Digest::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn names_of_vendored_files() {
        let digest = Digest::of(b"abc");
        let path = vendored_path("trino", "1.42.2", &digest);
        assert_eq!(path, "vendor/charts/trino-1.42.2.ba7816bf8f01.tgz");
        assert_eq!(promised(&path), Some("ba7816bf8f01"));
        for other in
            ["vendor/charts/trino-1.42.2.tgz", "charts/a.ba7816bf8f01.tgz", "vendor/charts/x/a.ba7816bf8f01.tgz"]
        {
            assert_eq!(promised(other), None, "{other}");
        }
    }

    #[test]
    fn a_vendored_chart_is_found_and_verified() {
        let mut world = MemoryWorld::default();
        let digest = world.insert_chart("trino", "1.42.2", &b"chart"[..]);
        assert_eq!(world.chart(&digest).unwrap().as_deref(), Some(&b"chart"[..]));
        assert_eq!(world.chart(&Digest::of(b"other")), Ok(None));
        world.insert(vendored_path("trino", "1.42.2", &digest), &b"changed"[..]);
        let error = world.chart(&digest).unwrap_err();
        assert!(matches!(&error, ReadError::Refused(text) if text.contains("does not match its name")));
    }

    /// T65: the digest is checked on every read, and a link in the cache is not followed.
    #[test]
    fn t65_the_cache_is_verified() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(&folder.path().join("cache"));
        let digest = Digest::of(b"chart");
        assert_eq!(cache.read(&digest), Ok(None));
        let ([kind, head], name) = Cache::place(&digest);
        let place = cache.root().join(kind).join(head);
        fs::create_dir_all(&place).unwrap();
        fs::write(place.join(&name), b"chart").unwrap();
        assert_eq!(cache.read(&digest).unwrap().as_deref(), Some(&b"chart"[..]));
        let world = DiskWorld::new(folder.path()).with_cache(cache.clone());
        assert_eq!(world.chart(&digest).unwrap().as_deref(), Some(&b"chart"[..]));
        fs::write(place.join(&name), b"chars").unwrap();
        assert!(matches!(cache.read(&digest), Err(ReadError::Failed(text)) if text.contains("is damaged")));
        assert!(world.chart(&digest).is_err());
        #[cfg(unix)]
        {
            fs::write(folder.path().join("outside"), b"chart").unwrap();
            fs::remove_file(place.join(&name)).unwrap();
            std::os::unix::fs::symlink(folder.path().join("outside"), place.join(&name)).unwrap();
            assert!(matches!(cache.read(&digest), Err(ReadError::Refused(_))));
        }
    }
}
