//! The primitive operations on the disk, one function each: the smallest steps between which a process can die.
//!
//! Tests put a fault in: it sees each operation before it happens and may fail it, which stands for a full disk when it
//! fails once and for a killed process when it fails from then on.

use std::fs::File;
use std::io::{self, Write};

use crate::world::beneath::Folder;

/// Sees an operation and its path; an error makes the operation fail.
pub(super) type Fault<'a> = &'a (dyn Fn(&str, &str) -> io::Result<()> + Sync);

/// From this many files on, one call for the whole file system (Linux `syncfs`) replaces one per file and folder:
/// measured on ext4 with 6,000 files, two calls of 10 to 90 ms each.
pub(super) const BULK_FROM: usize = 256;

/// The operations, with the fault of a test if any.
#[derive(Clone, Copy)]
pub(super) struct Hands<'a> {
    pub fsync: bool,
    /// From how many files on the whole file system is synced at once.
    pub bulk_from: usize,
    pub fault: Option<Fault<'a>>,
}

impl Hands<'_> {
    fn before(&self, operation: &str, path: &str) -> io::Result<()> {
        self.fault.map_or(Ok(()), |fault| fault(operation, path))
    }

    /// Returns how many threads share the writing: one when a test counts operations.
    pub fn workers(&self) -> usize {
        match (self.fault, self.fsync) {
            (Some(_), _) => 1,
            // Waiting for the disk is what takes the time, and the file system syncs many files at once.
            (None, true) => 16,
            (None, false) => 2,
        }
    }

    /// Writes a new file and waits until its bytes are on the disk.
    pub fn create(&self, folder: &Folder, name: &str, path: &str, bytes: &[u8]) -> io::Result<()> {
        let file = self.fill(folder, name, path, bytes)?;
        if self.fsync {
            self.before("sync", path)?;
            file.sync_all()?;
        }
        Ok(())
    }

    /// Waits until everything is on the disk, when `count` files are enough for that; says whether it was done.
    pub fn sync_bulk(&self, folder: &Folder, count: usize) -> io::Result<bool> {
        if !self.fsync || count < self.bulk_from {
            return Ok(false);
        }
        self.before("sync-all", "")?;
        folder.sync_file_system()
    }

    /// Writes a new file without waiting.
    pub fn fill(&self, folder: &Folder, name: &str, path: &str, bytes: &[u8]) -> io::Result<File> {
        self.before("create", path)?;
        let mut file: File = folder.create(name)?;
        if let Err(error) = self.before("write", path) {
            // What a full disk or a killed process leaves behind.
            file.write_all(&bytes[..bytes.len() / 2])?;
            return Err(error);
        }
        file.write_all(bytes)?;
        Ok(file)
    }

    pub fn rename(&self, folder: &Folder, name: &str, target: &Folder, new_name: &str, path: &str) -> io::Result<()> {
        self.before("rename", path)?;
        folder.rename(name, target, new_name)
    }

    pub fn remove(&self, folder: &Folder, name: &str, path: &str) -> io::Result<()> {
        self.before("remove", path)?;
        folder.remove(name)
    }

    pub fn make(&self, folder: &Folder, name: &str, path: &str) -> io::Result<()> {
        self.before("make", path)?;
        folder.make(name)
    }

    pub fn remove_folder(&self, folder: &Folder, name: &str, path: &str) -> io::Result<()> {
        self.before("remove-folder", path)?;
        folder.remove_folder(name)
    }

    pub fn sync(&self, folder: &Folder, path: &str) -> io::Result<()> {
        if self.fsync {
            self.before("sync-folder", path)?;
            folder.sync()?;
        }
        Ok(())
    }
}
