//! Files below a folder handle: names come in, bytes and handles go out, links are never followed.
//!
//! Every step goes from an open folder to one name in it (`openat` with `O_NOFOLLOW`), so a folder that is
//! swapped for a link between two calls cannot lead outside. Names are single parts that passed the path gate;
//! nothing here decides what may be written. Systems without `openat` use `beneath_portable.rs` instead.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{self, AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Folder,
    Link,
    /// A FIFO, a socket or a device.
    Special,
}

impl Kind {
    /// Returns the words that follow "`x` is".
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::File => "a file",
            Self::Folder => "a folder",
            Self::Link => "a symbolic link",
            Self::Special => "not a regular file",
        }
    }
}

/// Why a name below the root could not be used.
#[derive(Debug)]
pub(crate) enum Fault {
    Missing,
    /// Something else stands there.
    Odd(Kind),
    TooLarge,
    Io(io::Error),
}

impl From<Errno> for Fault {
    fn from(errno: Errno) -> Self {
        if errno == Errno::NOENT { Self::Missing } else { Self::Io(errno.into()) }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::NotFound { Self::Missing } else { Self::Io(error) }
    }
}

/// A name in a folder, escaped when it is not Unicode, and what it stands for.
pub(crate) type Entry = (Result<String, String>, Kind);

/// Tells one state of a file from the next without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    inode: u64,
    bytes: u64,
    changed: (i64, i64),
}

/// An open folder.
#[derive(Debug)]
pub(crate) struct Folder {
    handle: OwnedFd,
}

const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
const FILE: OFlags = OFlags::NOFOLLOW.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

impl Folder {
    /// Opens the folder at `path`; its last part must not be a link.
    pub(crate) fn open(path: &Path) -> Result<Self, Fault> {
        // A trailing slash would make the kernel follow a link at the end.
        let path: std::path::PathBuf = path.components().collect();
        match fs::openat(fs::CWD, &path, FOLDER, Mode::empty()) {
            Ok(handle) => Ok(Self { handle }),
            Err(Errno::NOTDIR | Errno::LOOP | Errno::MLINK) => {
                let found = path.symlink_metadata()?.file_type();
                Err(Fault::Odd(if found.is_symlink() { Kind::Link } else { Kind::File }))
            }
            Err(errno) => Err(errno.into()),
        }
    }

    /// Opens the folder `name` in this one.
    pub(crate) fn enter(&self, name: &str) -> Result<Self, Fault> {
        match fs::openat(&self.handle, name, FOLDER, Mode::empty()) {
            Ok(handle) => Ok(Self { handle }),
            Err(Errno::NOTDIR | Errno::LOOP | Errno::MLINK) => Err(Fault::Odd(self.kind(name)?)),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Returns what `name` stands for.
    pub(crate) fn kind(&self, name: &str) -> Result<Kind, Fault> {
        let found = fs::statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(kind_of(FileType::from_raw_mode(found.st_mode)))
    }

    /// Returns the names in this folder, sorted; those that are not Unicode come back as their escaped form.
    pub(crate) fn entries(&self) -> Result<Vec<Entry>, Fault> {
        let mut entries = Vec::new();
        for entry in fs::Dir::read_from(&self.handle)? {
            let entry = entry?;
            let raw = entry.file_name();
            if matches!(raw.to_bytes(), b"." | b"..") {
                continue;
            }
            let kind = match entry.file_type() {
                // Some file systems do not tell the type while listing.
                FileType::Unknown => match fs::statat(&self.handle, raw, AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(found) => kind_of(FileType::from_raw_mode(found.st_mode)),
                    Err(Errno::NOENT) => continue,
                    Err(errno) => return Err(errno.into()),
                },
                known => kind_of(known),
            };
            let name = raw.to_str().map(str::to_owned).map_err(|_| raw.to_bytes().escape_ascii().to_string());
            entries.push((name, kind));
        }
        entries.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        Ok(entries)
    }

    /// Reads the regular file `name`, at most `limit` bytes; a FIFO or device is refused without waiting for it.
    pub(crate) fn read(&self, name: &str, limit: u64) -> Result<(Vec<u8>, Stamp), Fault> {
        let mut file = self.open_file(name, OFlags::RDONLY)?;
        let found = file.metadata()?;
        if found.len() > limit {
            return Err(Fault::TooLarge);
        }
        let mut bytes = Vec::with_capacity(usize::try_from(found.len()).unwrap_or(0) + 1);
        (&mut file).take(limit + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limit {
            return Err(Fault::TooLarge);
        }
        Ok((bytes, stamp_of(&found)))
    }

    /// Returns the stamp of the regular file `name`.
    pub(crate) fn stamp(&self, name: &str) -> Result<Stamp, Fault> {
        Ok(stamp_of(&self.open_file(name, OFlags::RDONLY)?.metadata()?))
    }

    /// Opens the file `name` to take a lock on it; makes it when `create` is set.
    pub(crate) fn open_lock(&self, name: &str, create: bool) -> Result<File, Fault> {
        if create {
            let flags = FILE | OFlags::RDWR | OFlags::CREATE;
            return match fs::openat(&self.handle, name, flags, Mode::from_raw_mode(0o666)) {
                Ok(handle) => Ok(File::from(handle)),
                Err(Errno::LOOP | Errno::MLINK | Errno::NXIO | Errno::ISDIR) => Err(Fault::Odd(self.kind(name)?)),
                Err(errno) => Err(errno.into()),
            };
        }
        match self.open_file(name, OFlags::RDWR) {
            // Reading is enough for a lock where nothing may be written.
            Err(Fault::Io(_)) => self.open_file(name, OFlags::RDONLY),
            other => other,
        }
    }

    fn open_file(&self, name: &str, access: OFlags) -> Result<File, Fault> {
        let handle = match fs::openat(&self.handle, name, FILE | access, Mode::empty()) {
            Ok(handle) => handle,
            Err(Errno::LOOP | Errno::MLINK | Errno::NXIO | Errno::ISDIR) => return Err(Fault::Odd(self.kind(name)?)),
            Err(errno) => return Err(errno.into()),
        };
        let file = File::from(handle);
        let found = file.metadata()?.file_type();
        if found.is_file() {
            return Ok(file);
        }
        Err(Fault::Odd(if found.is_dir() { Kind::Folder } else { Kind::Special }))
    }

    /// Makes the new file `name`; one that is there already is an error.
    pub(crate) fn create(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(File::from(fs::openat(&self.handle, name, flags, Mode::from_raw_mode(0o666))?))
    }

    /// Makes the folder `name`; one that is there already will do.
    pub(crate) fn make(&self, name: &str) -> io::Result<()> {
        match fs::mkdirat(&self.handle, name, Mode::from_raw_mode(0o777)) {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Makes the new file `name`, which only its owner may write, whatever the umask is.
    pub(crate) fn create_closed(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(File::from(fs::openat(&self.handle, name, flags, Mode::from_raw_mode(0o644))?))
    }

    /// Makes the folder `name`, which only its owner may write; one that is there already will do.
    pub(crate) fn make_closed(&self, name: &str) -> io::Result<()> {
        match fs::mkdirat(&self.handle, name, Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Moves the file `name` to `new_name` in `target`, over what stands there.
    pub(crate) fn rename(&self, name: &str, target: &Self, new_name: &str) -> io::Result<()> {
        Ok(fs::renameat(&self.handle, name, &target.handle, new_name)?)
    }

    /// Removes the file `name`.
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        Ok(fs::unlinkat(&self.handle, name, AtFlags::empty())?)
    }

    /// Removes the empty folder `name`.
    pub(crate) fn remove_folder(&self, name: &str) -> io::Result<()> {
        Ok(fs::unlinkat(&self.handle, name, AtFlags::REMOVEDIR)?)
    }

    /// Waits until all of the file system that this folder lies on is on the disk; says no where that cannot be asked for.
    pub(crate) fn sync_file_system(&self) -> io::Result<bool> {
        #[cfg(target_os = "linux")]
        return fs::syncfs(&self.handle).map(|()| true).map_err(io::Error::from);
        #[cfg(not(target_os = "linux"))]
        Ok(false)
    }

    /// Waits until the names in this folder are on the disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        match fs::fsync(&self.handle) {
            // Some network file systems cannot sync a folder; they order renames themselves.
            Ok(()) | Err(Errno::INVAL | Errno::NOTSUP) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }
}

fn kind_of(found: FileType) -> Kind {
    match found {
        FileType::RegularFile => Kind::File,
        FileType::Directory => Kind::Folder,
        FileType::Symlink => Kind::Link,
        _ => Kind::Special,
    }
}

fn stamp_of(found: &std::fs::Metadata) -> Stamp {
    Stamp { inode: found.ino(), bytes: found.len(), changed: (found.mtime(), found.mtime_nsec()) }
}
