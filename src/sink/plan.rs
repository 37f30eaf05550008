//! Decides what to do before anything is done: what stands there, what is owned and the new tree come in; what to
//! write, remove or refuse goes out. The same rules serve a folder on disk and a commit. Nothing is written here.

use std::collections::{BTreeMap, BTreeSet};

use super::edits::{self, Edit};
use super::index::{Index, digest};
use super::{OWN_FOLDER, Scope, path_gate};
use crate::diag::stop::{Class, Stop};
use crate::emit::Tree;
use crate::world::beneath::{Kind, Stamp};

/// From this many owned files on, a tree that is smaller by more than 30 % is refused.
const SHRINK_FROM: usize = 10;

/// What stands at a path now.
pub(super) enum Found {
    Missing,
    /// The bytes asked for, give or take the ends of lines.
    Same,
    /// Other bytes; none when the file is too large to be ours.
    Differs(Option<Vec<u8>>, Option<Stamp>),
    /// No regular file.
    Odd(Kind),
    /// This ancestor is no folder.
    Blocked(String, Kind),
}

/// The place a tree goes to, as it stands now.
pub(super) trait Before {
    /// Returns what stands at `path`; [`Found::Same`] only when `new` is given and equal.
    fn look(&mut self, path: &str, new: Option<&[u8]>) -> Result<Found, Stop>;
    /// Returns all that stands below a folder, of whatever kind.
    fn below(&mut self, folder: &str) -> Result<Vec<String>, Stop>;
}

/// The files that are lakegen's: those of the index, and those a killed writer had begun with.
#[derive(Default)]
pub(super) struct Owned {
    pub index: Index,
    pub journal: Option<Index>,
}

impl Owned {
    fn clean(&self, path: &str, bytes: Option<&[u8]>) -> bool {
        let Some(bytes) = bytes else { return false };
        self.index.matches(path, bytes) || self.journal.as_ref().is_some_and(|journal| journal.matches(path, bytes))
    }

    fn in_journal(&self, path: &str) -> bool {
        self.journal.as_ref().is_some_and(|journal| journal.files.contains_key(path))
    }

    fn paths(&self) -> BTreeSet<&str> {
        let journal = self.journal.iter().flat_map(|journal| journal.files.keys());
        self.index.files.keys().chain(journal).map(String::as_str).collect()
    }
}

/// What the caller allows.
#[derive(Clone, Copy)]
pub(super) struct Rules<'a> {
    pub overwrite: bool,
    pub allow_shrink: bool,
    pub scope: Option<&'a Scope>,
}

impl Rules<'_> {
    fn covers(&self, path: &str) -> bool {
        self.scope.is_none_or(|scope| scope(path))
    }
}

/// All decisions about one tree.
#[derive(Default)]
pub(super) struct Plan {
    pub write: BTreeSet<String>,
    pub remove: BTreeSet<String>,
    pub unchanged: usize,
    pub edited: Vec<Edit>,
    pub in_the_way: BTreeMap<String, Kind>,
    /// Paths to be written where a folder stands that holds nothing but files to be removed.
    pub over_folders: BTreeSet<String>,
    /// The state of the files to be replaced or removed when they were looked at.
    pub stamps: BTreeMap<String, Stamp>,
    /// The owned files once the plan is carried out.
    pub index: Index,
    pub index_changed: bool,
    /// Why the tree is suspiciously small.
    pub shrunk: Option<String>,
}

impl Plan {
    /// Makes the plan for `tree`.
    ///
    /// # Errors
    /// When the tree itself cannot stand on every file system, or the place cannot be read.
    pub fn make(before: &mut dyn Before, owned: &Owned, tree: &Tree, rules: Rules<'_>) -> Result<Self, Stop> {
        check_tree(tree)?;
        let mut plan = Self::default();
        for path in owned.paths().into_iter().filter(|path| tree.get(path).is_none()) {
            if rules.covers(path) { plan.leave(before, owned, path, rules)? } else { plan.keep(before, owned, path)? }
        }
        for (path, bytes) in tree.files() {
            plan.place(before, owned, path, bytes, rules)?;
            plan.index.add(path, digest(bytes));
        }
        plan.index_changed = plan.index != owned.index;
        if !rules.allow_shrink {
            plan.shrunk = shrunk(owned, tree, rules);
        }
        Ok(plan)
    }

    /// Decides about an owned file that is no longer rendered.
    fn leave(&mut self, before: &mut dyn Before, owned: &Owned, path: &str, rules: Rules<'_>) -> Result<(), Stop> {
        let Found::Differs(found, stamp) = before.look(path, None)? else {
            // Gone already, or replaced by something that is not ours to remove.
            return Ok(());
        };
        let clean = owned.clean(path, found.as_deref());
        if !clean && !owned.index.files.contains_key(path) {
            return Ok(());
        }
        if clean || rules.overwrite {
            self.remove.insert(path.to_owned());
            self.stamps.extend(stamp.map(|stamp| (path.to_owned(), stamp)));
        } else {
            self.edited.push(Edit { path: path.to_owned(), rendered: None, found });
        }
        Ok(())
    }

    /// Keeps an owned file outside the scope owned, with the digest that it carries.
    fn keep(&mut self, before: &mut dyn Before, owned: &Owned, path: &str) -> Result<(), Stop> {
        if owned.in_journal(path)
            && let Found::Differs(Some(found), _) = before.look(path, None)?
            && owned.clean(path, Some(&found))
        {
            self.index.add(path, digest(&super::index::unix_lines(&found).unwrap_or(found)));
            return Ok(());
        }
        if let Some(digests) = owned.index.files.get(path) {
            self.index.files.insert(path.to_owned(), digests.clone());
        }
        Ok(())
    }

    /// Decides about a file of the tree.
    fn place(
        &mut self,
        before: &mut dyn Before,
        owned: &Owned,
        path: &str,
        new: &[u8],
        rules: Rules<'_>,
    ) -> Result<(), Stop> {
        match before.look(path, Some(new))? {
            Found::Same => {
                self.unchanged += 1;
                return Ok(());
            }
            Found::Missing => {}
            Found::Differs(found, stamp) => {
                if !owned.clean(path, found.as_deref()) {
                    if !owned.index.files.contains_key(path) {
                        self.in_the_way.insert(path.to_owned(), Kind::File);
                        return Ok(());
                    }
                    if !rules.overwrite {
                        self.edited.push(Edit { path: path.to_owned(), rendered: Some(new.to_owned()), found });
                        return Ok(());
                    }
                }
                self.stamps.extend(stamp.map(|stamp| (path.to_owned(), stamp)));
            }
            Found::Blocked(ancestor, _) if self.remove.contains(&ancestor) => {}
            Found::Blocked(ancestor, kind) => {
                self.in_the_way.insert(ancestor, kind);
                return Ok(());
            }
            Found::Odd(Kind::Folder) => {
                let below = before.below(path)?;
                if let Some(foreign) = below.iter().find(|file| !self.remove.contains(*file)) {
                    self.in_the_way.insert(foreign.clone(), Kind::File);
                    return Ok(());
                }
                self.over_folders.insert(path.to_owned());
            }
            Found::Odd(kind) => {
                self.in_the_way.insert(path.to_owned(), kind);
                return Ok(());
            }
        }
        self.write.insert(path.to_owned());
        Ok(())
    }

    /// Says whether carrying out the plan would change no file.
    pub fn is_idle(&self) -> bool {
        self.write.is_empty() && self.remove.is_empty() && !self.index_changed
    }

    /// Refuses the plan when it would lose something.
    ///
    /// # Errors
    /// With the files concerned and the ways on.
    pub fn permit(&self, place: &str) -> Result<(), Stop> {
        let in_the_way: Vec<String> = self
            .in_the_way
            .iter()
            .map(|(path, kind)| match kind {
                Kind::File => format!("`{path}` is in the way: it was not written by lakegen"),
                kind => format!("`{path}` is in the way: it is {}", kind.noun()),
            })
            .collect();
        if !self.edited.is_empty() {
            return Err(edits::refusal(&self.edited, place).details(in_the_way));
        }
        if !in_the_way.is_empty() {
            return Err(blocked(&self.in_the_way, in_the_way));
        }
        match &self.shrunk {
            Some(message) => Err(Stop::refused(message).help("if that is intended, run again with `--allow-shrink`")),
            None => Ok(()),
        }
    }
}

fn blocked(files: &BTreeMap<String, Kind>, mut details: Vec<String>) -> Stop {
    // A FIFO or device is a fault of the machine, all else may be somebody's work.
    let class = if files.values().any(|kind| *kind == Kind::Special) { Class::Environment } else { Class::Refused };
    let message = match details.as_slice() {
        [one] => {
            let message = one.clone();
            details.clear();
            message
        }
        _ => format!("{} files that lakegen did not write are in the way", details.len()),
    };
    details.truncate(20);
    Stop::new(class, message)
        .details(details)
        .help("move or delete them, or use another output folder; lakegen only replaces files that it wrote")
}

fn check_tree(tree: &Tree) -> Result<(), Stop> {
    let own = |path: &&str| path.split('/').next().is_some_and(|top| top.eq_ignore_ascii_case(OWN_FOLDER));
    let mut details: Vec<String> = tree.files().filter_map(|(path, _)| path_gate::check(path).err()).collect();
    details.extend(tree.files().map(|(path, _)| path).filter(own).map(|path| {
        format!(
            "path `{path}` is reserved for \
        lakegen"
        )
    }));
    let pairs = path_gate::collisions(tree.files().map(|(path, _)| path));
    details.extend(pairs.iter().map(|(a, b)| format!("`{a}` and `{b}` are the same file on some systems")));
    if details.is_empty() {
        return Ok(());
    }
    details.truncate(20);
    Err(Stop::new(Class::Findings, "the rendered tree has paths that some systems cannot store").details(details))
}

/// Says how the tree shrank when that looks like an accident.
fn shrunk(owned: &Owned, tree: &Tree, rules: Rules<'_>) -> Option<String> {
    let before = owned.index.files.keys().filter(|path| rules.covers(path)).count();
    let now = tree.len();
    if before > 0 && now == 0 {
        return Some(format!("the rendered tree is empty, so all {before} generated files would be removed"));
    }
    (before >= SHRINK_FROM && now * 10 < before * 7)
        .then(|| format!("the rendered tree has {now} files instead of {before}, a drop of more than 30 %"))
}
