//! Files below a folder, for systems without `openat`: the same interface as `beneath.rs`.
//!
//! Each call looks at the name itself before it uses it and refuses a link or junction. A folder swapped for a
//! link between the two is not noticed here; that race is closed only by the handles of `beneath.rs`.

use std::fs::{self, File, FileType, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Folder,
    Link,
    /// A pipe, a socket or a device.
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
    bytes: u64,
    changed: Option<SystemTime>,
}

/// A folder.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Opens the folder at `path`; its last part must not be a link.
    pub(crate) fn open(path: &Path) -> Result<Self, Fault> {
        let path: PathBuf = path.components().collect();
        match kind_of(path.symlink_metadata()?.file_type()) {
            Kind::Folder => Ok(Self { path }),
            other => Err(Fault::Odd(other)),
        }
    }

    /// Opens the folder `name` in this one.
    pub(crate) fn enter(&self, name: &str) -> Result<Self, Fault> {
        Self::open(&self.path.join(name))
    }

    /// Returns what `name` stands for.
    pub(crate) fn kind(&self, name: &str) -> Result<Kind, Fault> {
        Ok(kind_of(self.path.join(name).symlink_metadata()?.file_type()))
    }

    /// Returns the names in this folder, sorted; those that are not Unicode come back as their escaped form.
    pub(crate) fn entries(&self) -> Result<Vec<Entry>, Fault> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let kind = kind_of(entry.file_type()?);
            let name = entry.file_name().into_string().map_err(|raw| raw.to_string_lossy().into_owned());
            entries.push((name, kind));
        }
        entries.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        Ok(entries)
    }

    /// Reads the regular file `name`, at most `limit` bytes.
    pub(crate) fn read(&self, name: &str, limit: u64) -> Result<(Vec<u8>, Stamp), Fault> {
        let stamp = self.stamp(name)?;
        if stamp.bytes > limit {
            return Err(Fault::TooLarge);
        }
        let mut bytes = Vec::new();
        File::open(self.path.join(name))?.take(limit + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limit {
            return Err(Fault::TooLarge);
        }
        Ok((bytes, stamp))
    }

    /// Returns the stamp of the regular file `name`.
    pub(crate) fn stamp(&self, name: &str) -> Result<Stamp, Fault> {
        let found = self.path.join(name).symlink_metadata()?;
        match kind_of(found.file_type()) {
            Kind::File => Ok(Stamp { bytes: found.len(), changed: found.modified().ok() }),
            other => Err(Fault::Odd(other)),
        }
    }

    /// Opens the file `name` to take a lock on it; makes it when `create` is set.
    pub(crate) fn open_lock(&self, name: &str, create: bool) -> Result<File, Fault> {
        match self.kind(name) {
            Ok(Kind::File) => {}
            Ok(other) => return Err(Fault::Odd(other)),
            Err(Fault::Missing) if create => {}
            Err(fault) => return Err(fault),
        }
        let path = self.path.join(name);
        let writable = OpenOptions::new().read(true).write(true).create(create).truncate(false).open(&path);
        writable.or_else(|_| File::open(&path)).map_err(Fault::from)
    }

    /// Makes the new file `name`; one that is there already is an error.
    pub(crate) fn create(&self, name: &str) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).open(self.path.join(name))
    }

    /// Makes the folder `name`; one that is there already will do.
    pub(crate) fn make(&self, name: &str) -> io::Result<()> {
        match fs::create_dir(self.path.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            other => other,
        }
    }

    /// Makes the new file `name`; these systems have no modes to close.
    pub(crate) fn create_closed(&self, name: &str) -> io::Result<File> {
        self.create(name)
    }

    /// Makes the folder `name`; these systems have no modes to close.
    pub(crate) fn make_closed(&self, name: &str) -> io::Result<()> {
        self.make(name)
    }

    /// Moves the file `name` to `new_name` in `target`, over what stands there.
    pub(crate) fn rename(&self, name: &str, target: &Self, new_name: &str) -> io::Result<()> {
        fs::rename(self.path.join(name), target.path.join(new_name))
    }

    /// Removes the file `name`.
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    /// Removes the empty folder `name`.
    pub(crate) fn remove_folder(&self, name: &str) -> io::Result<()> {
        fs::remove_dir(self.path.join(name))
    }

    /// Says no: there is no such call.
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "the interface of `beneath.rs`")]
    pub(crate) fn sync_file_system(&self) -> io::Result<bool> {
        Ok(false)
    }

    /// Does nothing: Windows offers no way to sync a folder, and NTFS journals its names.
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "the interface of `beneath.rs`")]
    pub(crate) fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

fn kind_of(found: FileType) -> Kind {
    if found.is_file() {
        Kind::File
    } else if found.is_dir() {
        Kind::Folder
    } else if found.is_symlink() {
        Kind::Link
    } else {
        Kind::Special
    }
}
