//! Carries a permitted plan out on disk: journal, temporary files, removals, renames, index, in this order.
//!
//! Whenever the process dies, each file is wholly old or wholly new, and the journal names the bytes that may stand
//! there, so that the next run takes them for its own. What takes space comes first: a full disk is found out
//! while all old files are still there.

use std::collections::BTreeSet;
use std::io::ErrorKind::{DirectoryNotEmpty, NotADirectory, NotFound};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::hands::Hands;
use super::index::Index;
use super::plan::{Owned, Plan};
use super::site::{Cursor, JOURNAL, Site, TEMPORARY, split};
use super::{INDEX, OWN_FOLDER};
use crate::diag::stop::{Class, Stop};
use crate::emit::Tree;
use crate::world::beneath::{Fault, Folder};

/// Keeps what lakegen needs only while it runs out of `git status`, this file included.
const IGNORE: (&str, &str) = (".gitignore", "*\n!index.json\n");

/// Carries out `plan`; the caller holds the lock and has asked [`Plan::permit`].
///
/// # Errors
/// Names the file and says what was and was not changed.
pub(super) fn apply(site: &Site, owned: &Owned, tree: &Tree, plan: &Plan, hands: Hands<'_>) -> Result<(), Stop> {
    let vanished = || Stop::environment(format!("`{}` was removed while lakegen was running", site.path.display()));
    let root = site.root.as_ref().ok_or_else(vanished)?;
    let own = site.own()?.ok_or_else(vanished)?;
    let job = Job { site, root, own: &own, owned, tree, plan, hands };
    let changed = AtomicUsize::new(0);
    job.run(&changed).map_err(|error| {
        let total = plan.write.len() + plan.remove.len();
        match changed.load(Ordering::Relaxed) {
            0 => {
                job.clean_up();
                error.help(format!("nothing was changed; run `lakegen render` again to change {total} files"))
            }
            n => error.help(format!(
                "{n} of {total} files were changed, each completely, but {} were not; run `lakegen render` again to \
                finish",
                total - n
            )),
        }
    })
}

struct Job<'a> {
    site: &'a Site,
    root: &'a Folder,
    own: &'a Folder,
    owned: &'a Owned,
    tree: &'a Tree,
    plan: &'a Plan,
    hands: Hands<'a>,
}

impl Job<'_> {
    fn run(&self, changed: &AtomicUsize) -> Result<(), Stop> {
        let temporary = self.open_temporary()?;
        if self.own.kind(IGNORE.0).is_err() {
            self.keep(&temporary, IGNORE.0, IGNORE.1)?;
        }
        if !self.plan.write.is_empty() || !self.plan.remove.is_empty() {
            self.keep(&temporary, split(JOURNAL).1, &self.journal().text())?;
            let files: Vec<(usize, &str)> = self.plan.write.iter().map(String::as_str).enumerate().collect();
            self.stage(&temporary, &files)?;
            let mut touched = BTreeSet::new();
            self.remove(changed, &mut touched)?;
            self.place(&temporary, &files, changed, &mut touched)?;
            self.sync(touched)?;
        }
        if self.plan.index_changed {
            self.keep(&temporary, split(INDEX).1, &self.plan.index.text())?;
        }
        drop(temporary);
        self.forget()
    }

    /// Opens the folder of temporary files, without what a killed writer left there.
    fn open_temporary(&self) -> Result<Folder, Stop> {
        let path = format!("{OWN_FOLDER}/{TEMPORARY}");
        self.hands.make(self.own, TEMPORARY, &path).map_err(|error| self.failed("make", &path, &error))?;
        let folder = self.own.enter(TEMPORARY).map_err(|fault| self.site.fault(&path, fault))?;
        self.empty(&folder)?;
        Ok(folder)
    }

    fn empty(&self, temporary: &Folder) -> Result<(), Stop> {
        let path = format!("{OWN_FOLDER}/{TEMPORARY}");
        for (name, _) in temporary.entries().map_err(|fault| self.site.fault(&path, fault))? {
            let Ok(name) = name else { continue };
            self.hands.remove(temporary, &name, &path).map_err(|error| self.failed("remove", &path, &error))?;
        }
        Ok(())
    }

    /// Replaces one of lakegen's own files in one step.
    fn keep(&self, temporary: &Folder, name: &str, text: &str) -> Result<(), Stop> {
        let path = format!("{OWN_FOLDER}/{name}");
        let written = self
            .hands
            .create(temporary, name, &path, text.as_bytes())
            .and_then(|()| self.hands.rename(temporary, name, self.own, name, &path))
            .and_then(|()| self.hands.sync(self.own, OWN_FOLDER));
        written.map_err(|error| self.failed("write", &path, &error))
    }

    /// Returns all bytes that may stand at a path until the work is done. Claims of an older journal live on: its files
    /// may not all be replaced before this run is killed too.
    fn journal(&self) -> Index {
        let mut journal = self.owned.journal.clone().unwrap_or_default();
        for path in &self.plan.write {
            for &digest in self.plan.index.files.get(path).into_iter().flatten() {
                journal.add(path, digest);
            }
        }
        journal
    }

    /// Writes all new bytes beside the tree, in parallel, and waits until they are on the disk.
    fn stage(&self, temporary: &Folder, files: &[(usize, &str)]) -> Result<(), Stop> {
        let bulk = cfg!(target_os = "linux") && files.len() >= self.hands.bulk_from;
        each(self.hands.workers(), files, |&(number, path)| {
            let (name, bytes) = (number.to_string(), self.tree.get(path).expect("only files of the tree are planned"));
            let written = if bulk {
                self.hands.fill(temporary, &name, path, bytes).map(drop)
            } else {
                self.hands.create(temporary, &name, path, bytes)
            };
            written.map_err(|error| self.failed("write", path, &error))
        })?;
        if bulk {
            self.hands.sync_bulk(temporary, files.len()).map_err(|error| self.failed("write", "", &error))?;
        }
        Ok(())
    }

    fn remove(&self, changed: &AtomicUsize, touched: &mut BTreeSet<String>) -> Result<(), Stop> {
        let mut cursor = Cursor::new(self.root);
        for path in &self.plan.remove {
            let (parent, name) = split(path);
            let folder = cursor.folder(parent).map_err(|(at, fault)| self.site.fault(&at, fault))?;
            self.untouched(folder, name, path)?;
            self.hands.remove(folder, name, path).map_err(|error| self.failed("remove", path, &error))?;
            changed.fetch_add(1, Ordering::Relaxed);
            touched.insert(parent.to_owned());
        }
        self.remove_empty_folders(touched)
    }

    /// Removes the folders that became empty, inner ones first, but none that the tree still uses.
    fn remove_empty_folders(&self, touched: &mut BTreeSet<String>) -> Result<(), Stop> {
        for path in &self.plan.over_folders {
            let (parent, name) = split(path);
            let mut cursor = Cursor::new(self.root);
            let folder = cursor.folder(parent).map_err(|(at, fault)| self.site.fault(&at, fault))?;
            self.remove_hollow_folder(folder, name, path)?;
        }
        // Not only the files removed just now: a killed writer may have got as far as that.
        let mut emptied = BTreeSet::new();
        for path in self.owned.index.files.keys().filter(|path| !self.plan.index.files.contains_key(*path)) {
            let parents = path.match_indices('/').map(|(at, _)| &path[..at]);
            emptied.extend(parents.filter(|folder| !self.used(folder) && !self.plan.over_folders.contains(*folder)));
        }
        for path in emptied.into_iter().rev() {
            let (parent, name) = split(path);
            let mut cursor = Cursor::new(self.root);
            let folder = match cursor.folder(parent) {
                Ok(folder) => folder,
                Err((_, Fault::Missing | Fault::Odd(_))) => continue,
                Err((at, fault)) => return Err(self.site.fault(&at, fault)),
            };
            match self.hands.remove_folder(folder, name, path) {
                Ok(()) => {
                    touched.remove(path);
                    touched.insert(parent.to_owned());
                }
                // Foreign files live on in it, or it is gone or a file by now.
                Err(error) if matches!(error.kind(), DirectoryNotEmpty | NotFound | NotADirectory) => {}
                Err(error) => return Err(self.failed("remove", path, &error)),
            }
        }
        Ok(())
    }

    /// Removes a folder that holds only folders, all as hollow.
    fn remove_hollow_folder(&self, parent: &Folder, name: &str, path: &str) -> Result<(), Stop> {
        let folder = match parent.enter(name) {
            Ok(folder) => folder,
            Err(Fault::Missing) => return Ok(()),
            Err(fault) => return Err(self.site.fault(path, fault)),
        };
        for (inner, _) in folder.entries().map_err(|fault| self.site.fault(path, fault))? {
            let inner = inner.unwrap_or_else(|raw| raw);
            self.remove_hollow_folder(&folder, &inner, &format!("{path}/{inner}"))?;
        }
        self.hands.remove_folder(parent, name, path).map_err(|error| self.failed("remove", path, &error))
    }

    fn used(&self, folder: &str) -> bool {
        let below = format!("{folder}/");
        self.plan.index.files.range(below.clone()..).next().is_some_and(|(path, _)| path.starts_with(&below))
    }

    /// Moves the staged files to their places.
    fn place(
        &self,
        temporary: &Folder,
        files: &[(usize, &str)],
        changed: &AtomicUsize,
        touched: &mut BTreeSet<String>,
    ) -> Result<(), Stop> {
        let mut cursor = Cursor::new(self.root);
        for &(number, path) in files {
            let (parent, name) = split(path);
            let mut make = |folder: &Folder, name: &str, at: &str| {
                touched.insert(split(at).0.to_owned());
                self.hands.make(folder, name, at).map_err(Fault::Io)
            };
            let folder = cursor.folder_with(parent, &mut make).map_err(|(at, fault)| match fault {
                Fault::Io(error) => self.failed("make", &at, &error),
                fault => self.site.fault(&at, fault),
            })?;
            self.untouched(folder, name, path)?;
            let moved = self.hands.rename(temporary, &number.to_string(), folder, name, path);
            moved.map_err(|error| self.failed("write", path, &error))?;
            changed.fetch_add(1, Ordering::Relaxed);
            touched.insert(parent.to_owned());
        }
        Ok(())
    }

    /// Makes sure that nobody changed the file since the plan was made.
    fn untouched(&self, folder: &Folder, name: &str, path: &str) -> Result<(), Stop> {
        let same = match (self.plan.stamps.get(path), folder.kind(name)) {
            (None, Err(Fault::Missing)) => true,
            (Some(stamp), Ok(_)) => folder.stamp(name).is_ok_and(|now| now == *stamp),
            _ => false,
        };
        if same {
            return Ok(());
        }
        Err(Stop::new(Class::TryAgain, format!("`{}` was changed while lakegen was writing", self.site.shown(path))))
    }

    /// Waits until the new names are on the disk.
    fn sync(&self, touched: BTreeSet<String>) -> Result<(), Stop> {
        if self.hands.sync_bulk(self.root, self.plan.write.len()).map_err(|error| self.failed("write", "", &error))? {
            return Ok(());
        }
        let folders: Vec<String> = touched.into_iter().collect();
        each(self.hands.workers(), &folders, |path| {
            let mut cursor = Cursor::new(self.root);
            match cursor.folder(path) {
                Ok(folder) => self.hands.sync(folder, path).map_err(|error| self.failed("write", path, &error)),
                // Removed since, or a file by now: the folder above is synced as well.
                Err((_, Fault::Missing | Fault::Odd(_))) => Ok(()),
                Err((at, fault)) => Err(self.site.fault(&at, fault)),
            }
        })
    }

    /// Removes the journal and the folder of temporary files: the work is complete.
    fn forget(&self) -> Result<(), Stop> {
        let name = split(JOURNAL).1;
        if self.own.kind(name).is_ok() {
            self.hands.remove(self.own, name, JOURNAL).map_err(|error| self.failed("remove", JOURNAL, &error))?;
        }
        let path = format!("{OWN_FOLDER}/{TEMPORARY}");
        self.hands.remove_folder(self.own, TEMPORARY, &path).map_err(|error| self.failed("remove", &path, &error))?;
        self.hands.sync(self.own, OWN_FOLDER).map_err(|error| self.failed("write", OWN_FOLDER, &error))
    }

    /// Takes back the preparations, as far as a broken disk lets it. An older journal must stay.
    fn clean_up(&self) {
        let Ok(temporary) = self.own.enter(TEMPORARY) else { return };
        let tidy = self.empty(&temporary).is_ok();
        if tidy && self.owned.journal.is_none() {
            // What cannot be removed now is removed by the next run.
            let _ = self.forget();
        }
    }

    fn failed(&self, doing: &str, path: &str, error: &std::io::Error) -> Stop {
        Stop::io(&format!("{doing} `{}`", self.site.shown(path)), error)
    }
}

/// Does `work` for each item on up to `workers` threads; the first error stops all.
pub(super) fn each<T: Sync>(
    workers: usize,
    items: &[T],
    work: impl Fn(&T) -> Result<(), Stop> + Sync,
) -> Result<(), Stop> {
    let workers = workers.min(items.len());
    if workers < 2 {
        return items.iter().try_for_each(work);
    }
    let (next, failure) = (AtomicUsize::new(0), Mutex::new(None));
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(error) = work(item) {
                        failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                        next.store(items.len(), Ordering::Relaxed);
                    }
                }
            });
        }
    });
    failure.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}
