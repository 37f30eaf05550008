//! The output root as it stands: a path comes in, an open folder and what lies in it go out.
//!
//! All access goes through the handle of the root, part by part and without following links. Nothing is written here.

use std::path::{Path, PathBuf};

use super::index::{Index, MAX_INDEX_BYTES, unix_lines};
use super::plan::{Before, Found, Owned};
use super::{INDEX, OWN_FOLDER};
use crate::diag::stop::Stop;
use crate::world::beneath::{Fault, Folder, Kind};
use crate::world::{MAX_DEPTH, MAX_ENTRIES};

/// Largest file that is compared with what lakegen renders; it never writes larger ones.
const MAX_COMPARED_BYTES: u64 = 64 << 20;
/// Most foreign files that are listed.
const MAX_FOREIGN: usize = 1000;
/// The list of files that a writer has begun with, relative to the output root.
pub(super) const JOURNAL: &str = ".lakegen/journal.json";
/// The folder of temporary files in `.lakegen`.
pub(super) const TEMPORARY: &str = "tmp";

/// An output root that has been looked at and may be written to.
pub(super) struct Site {
    pub path: PathBuf,
    /// Nothing when there is no such folder yet.
    pub root: Option<Folder>,
}

impl Site {
    /// Opens the output root.
    ///
    /// # Errors
    /// When it is a link, or lies behind a link within its repository, in git's own folder, or is no folder.
    pub fn open(root: &Path) -> Result<Self, Stop> {
        let shown = root.display();
        let full: PathBuf = std::path::absolute(root)
            .map_err(|error| Stop::io(&format!("find `{shown}`"), &error))?
            .components()
            .collect();
        let real = full.ancestors().find_map(|at| at.canonicalize().ok()).unwrap_or_default();
        if full.components().chain(real.components()).any(|part| part.as_os_str().eq_ignore_ascii_case(".git")) {
            return Err(Stop::refused(format!("output folder `{shown}` is inside git's own folder"))
                .help("use an output folder in the work tree"));
        }
        if let Some(link) = link_within_repository(&full) {
            return Err(Stop::refused(format!(
                "output folder `{shown}` is behind the symbolic link `{}`",
                link.display()
            ))
            .help("use the folder that the link points to, or replace the link with a folder"));
        }
        let opened = match Folder::open(&full) {
            Ok(folder) => Some(folder),
            Err(Fault::Missing) => None,
            Err(Fault::Odd(kind)) => {
                return Err(Stop::refused(format!("output folder `{shown}` is {}", kind.noun()))
                    .help("use a folder, or a path that does not exist yet"));
            }
            Err(Fault::Io(error)) => return Err(Stop::io(&format!("open output folder `{shown}`"), &error)),
            Err(Fault::TooLarge) => unreachable!("a folder has no size limit"),
        };
        Ok(Self { path: root.to_owned(), root: opened })
    }

    /// Returns how a file below the root is called in messages.
    pub fn shown(&self, path: &str) -> String {
        self.path.join(path).display().to_string()
    }

    /// Returns the folder `.lakegen`, if it is there.
    pub fn own(&self) -> Result<Option<Folder>, Stop> {
        let Some(root) = &self.root else { return Ok(None) };
        match root.enter(OWN_FOLDER) {
            Ok(folder) => Ok(Some(folder)),
            Err(Fault::Missing) => Ok(None),
            Err(fault) => Err(self.fault(OWN_FOLDER, fault)),
        }
    }

    /// Returns the owned files.
    pub fn owned(&self) -> Result<Owned, Stop> {
        let Some(own) = self.own()? else { return Ok(Owned::default()) };
        let read = |path: &str| {
            let name = path.rsplit('/').next().unwrap_or(path);
            match own.read(name, MAX_INDEX_BYTES) {
                Ok((bytes, _)) => Ok(Some(bytes)),
                Err(Fault::Missing) => Ok(None),
                Err(fault) => Err(self.fault(path, fault)),
            }
        };
        let index = Index::read(read(INDEX)?.as_deref())?;
        let journal = read(JOURNAL)?.map(|bytes| Index::parse(JOURNAL, &bytes)).transpose()?;
        Ok(Owned { index, journal })
    }

    /// Says whether a killed writer left temporary files.
    pub fn has_litter(&self) -> Result<bool, Stop> {
        let Some(own) = self.own()? else { return Ok(false) };
        Ok(own.kind(TEMPORARY).is_ok())
    }

    /// Returns the error for a path that is not what it should be.
    pub fn fault(&self, path: &str, fault: Fault) -> Stop {
        let shown = self.shown(path);
        match fault {
            Fault::Missing => Stop::environment(format!("`{shown}` was removed while lakegen was running")),
            Fault::Odd(kind) => Stop::refused(format!("`{shown}` is {}", kind.noun())).help("move it away"),
            Fault::TooLarge => Stop::environment(format!("`{shown}` is too large")),
            Fault::Io(error) => Stop::io(&format!("read `{shown}`"), &error),
        }
    }

    /// Lists files in the root that are not owned, sorted. In a root that holds a project or a repository only the folders
    /// that lakegen writes into are looked at: the rest is not output.
    pub fn foreign(&self, owned: &Index) -> Result<Vec<String>, Stop> {
        let Some(root) = &self.root else { return Ok(vec![]) };
        let shared = root.kind(".git").is_ok() || root.kind("platform.toml").is_ok();
        let mut foreign = Foreign { site: self, owned, files: vec![], visited: 0 };
        for (name, kind) in root.entries().map_err(|fault| self.fault("", fault))? {
            let Ok(name) = name else { continue };
            let below = format!("{name}/");
            let used = owned.files.range(below.clone()..).next().is_some_and(|(path, _)| path.starts_with(&below));
            if !shared || (used && kind == Kind::Folder) {
                foreign.visit(root, &name, &name, kind, 0)?;
            }
        }
        foreign.files.sort_unstable();
        foreign.files.truncate(MAX_FOREIGN);
        Ok(foreign.files)
    }
}

/// Returns the first link between the top of the repository around `full` and `full` itself.
fn link_within_repository(full: &Path) -> Option<PathBuf> {
    let top = full.ancestors().skip(1).find(|at| at.join(".git").exists())?;
    let between = full.ancestors().skip(1).take_while(|at| *at != top);
    between.filter(|at| at.is_symlink()).last().map(Path::to_owned)
}

struct Foreign<'a> {
    site: &'a Site,
    owned: &'a Index,
    files: Vec<String>,
    visited: usize,
}

impl Foreign<'_> {
    fn visit(&mut self, parent: &Folder, name: &str, path: &str, kind: Kind, depth: usize) -> Result<(), Stop> {
        self.visited += 1;
        let own = path == OWN_FOLDER || name.eq_ignore_ascii_case(".git");
        if own || self.visited > MAX_ENTRIES || depth > MAX_DEPTH || self.files.len() > MAX_FOREIGN {
            return Ok(());
        }
        if kind != Kind::Folder {
            if !self.owned.files.contains_key(path) {
                self.files.push(path.to_owned());
            }
            return Ok(());
        }
        // A folder that cannot be entered holds nothing of ours.
        let Ok(folder) = parent.enter(name) else { return Ok(()) };
        for (name, kind) in folder.entries().map_err(|fault| self.site.fault(path, fault))? {
            let name = name.unwrap_or_else(|raw| raw);
            self.visit(&folder, &name, &format!("{path}/{name}"), kind, depth + 1)?;
        }
        Ok(())
    }
}

/// Walks from folder to folder below a root; neighbours in sorted order cost one step.
pub(super) struct Cursor<'a> {
    root: &'a Folder,
    trail: Vec<(String, Folder)>,
}

impl<'a> Cursor<'a> {
    pub fn new(root: &'a Folder) -> Self {
        Self { root, trail: vec![] }
    }

    /// Opens the folder `path`; the error names the part that stopped it.
    pub fn folder(&mut self, path: &str) -> Result<&Folder, (String, Fault)> {
        self.folder_with(path, |_, _, _| Err(Fault::Missing))
    }

    /// Opens the folder `path`, asking `make` for each part that is missing.
    pub fn folder_with(
        &mut self,
        path: &str,
        mut make: impl FnMut(&Folder, &str, &str) -> Result<(), Fault>,
    ) -> Result<&Folder, (String, Fault)> {
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let shared = self.trail.iter().zip(&parts).take_while(|((have, _), want)| have == *want).count();
        self.trail.truncate(shared);
        for (depth, part) in parts.iter().enumerate().skip(shared) {
            let parent = self.trail.last().map_or(self.root, |(_, folder)| folder);
            let at = || parts[..=depth].join("/");
            let folder = match parent.enter(part) {
                Err(Fault::Missing) => make(parent, part, &at()).and_then(|()| parent.enter(part)),
                other => other,
            };
            let folder = folder.map_err(|fault| (at(), fault))?;
            self.trail.push(((*part).to_owned(), folder));
        }
        Ok(self.trail.last().map_or(self.root, |(_, folder)| folder))
    }
}

/// What stands in the root, for the plan.
pub(super) struct Looking<'a> {
    site: &'a Site,
    cursor: Option<Cursor<'a>>,
}

impl<'a> Looking<'a> {
    pub fn new(site: &'a Site) -> Self {
        Self { site, cursor: site.root.as_ref().map(Cursor::new) }
    }
}

/// Splits a path into its folder and its name.
pub(super) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

impl Before for Looking<'_> {
    fn look(&mut self, path: &str, new: Option<&[u8]>) -> Result<Found, Stop> {
        let Some(cursor) = &mut self.cursor else { return Ok(Found::Missing) };
        let (parent, name) = split(path);
        let folder = match cursor.folder(parent) {
            Ok(folder) => folder,
            Err((_, Fault::Missing)) => return Ok(Found::Missing),
            Err((at, Fault::Odd(kind))) => return Ok(Found::Blocked(at, kind)),
            Err((at, fault)) => return Err(self.site.fault(&at, fault)),
        };
        match folder.read(name, MAX_COMPARED_BYTES) {
            Ok((bytes, _))
                if new.is_some_and(|new| bytes == new || unix_lines(&bytes).is_some_and(|plain| plain == new)) =>
            {
                Ok(Found::Same)
            }
            Ok((bytes, stamp)) => Ok(Found::Differs(Some(bytes), Some(stamp))),
            Err(Fault::Missing) => Ok(Found::Missing),
            Err(Fault::TooLarge) => Ok(Found::Differs(None, None)),
            Err(Fault::Odd(kind)) => Ok(Found::Odd(kind)),
            Err(fault) => Err(self.site.fault(path, fault)),
        }
    }

    fn below(&mut self, folder: &str) -> Result<Vec<String>, Stop> {
        let Some(root) = &self.site.root else { return Ok(vec![]) };
        let (parent, name) = split(folder);
        let empty = Index::default();
        let mut all = Foreign { site: self.site, owned: &empty, files: vec![], visited: 0 };
        let mut cursor = Cursor::new(root);
        match cursor.folder(parent) {
            Ok(parent) => all.visit(parent, name, folder, Kind::Folder, 0)?,
            Err((at, fault)) => return Err(self.site.fault(&at, fault)),
        }
        Ok(all.files)
    }
}
