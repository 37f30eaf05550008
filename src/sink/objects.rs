//! Objects in a repository: changed paths come in, a new tree goes out, and waits until it is on the disk.
//!
//! Trees are built from the old ones without a work tree or an index. No reference moves here.

use crate::diag::stop::Stop;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use git2::{FileMode, ObjectType, Oid, Repository, Tree};

use super::apply::each;

/// The changes at and below one name.
#[derive(Default)]
pub(super) struct Changes {
    /// A new blob, or nothing for a removal; unset where only what lies below changes.
    #[expect(clippy::option_option, reason = "to leave, to remove and to put are three things")]
    file: Option<Option<Oid>>,
    below: BTreeMap<String, Changes>,
}

impl Changes {
    /// Puts the blob `id` at `path`, or removes what is there.
    pub fn set(&mut self, path: &str, id: Option<Oid>) {
        let node = path.split('/').fold(self, |node, part| node.below.entry(part.to_owned()).or_default());
        node.file = Some(id);
    }
}

/// Writes `base` with the changes and returns the new tree, or nothing when it has become empty. Adds to `made` what was written.
pub(super) fn update(
    repository: &Repository,
    base: Option<&Tree<'_>>,
    changes: &Changes,
    made: &mut Vec<Oid>,
) -> Result<Option<Oid>, git2::Error> {
    let mut builder = repository.treebuilder(base)?;
    for (name, change) in &changes.below {
        if let Some(Some(id)) = change.file {
            builder.insert(name.as_str(), id, FileMode::Blob.into())?;
            continue;
        }
        let old = base.and_then(|tree| tree.get_name(name)).filter(|entry| entry.kind() == Some(ObjectType::Tree));
        let inner = old.map(|entry| repository.find_tree(entry.id())).transpose()?;
        match update(repository, inner.as_ref(), change, made)? {
            Some(id) => builder.insert(name.as_str(), id, FileMode::Tree.into()).map(drop)?,
            None if builder.get(name.as_str())?.is_some() => builder.remove(name.as_str())?,
            None => {}
        }
    }
    if builder.is_empty() {
        return Ok(None);
    }
    let id = builder.write()?;
    made.push(id);
    Ok(Some(id))
}

/// Waits until the loose objects `made` and their names are on the disk; libgit2 by itself waits for none.
pub(super) fn sync(repository: &Repository, made: &[Oid]) -> Result<(), Stop> {
    let objects = repository.commondir().join("objects");
    let path_of = |id: &Oid| {
        let text = id.to_string();
        objects.join(&text[..2]).join(&text[2..])
    };
    let files: Vec<PathBuf> = made.iter().map(path_of).collect();
    let mut folders: Vec<PathBuf> = files.iter().filter_map(|path| path.parent()).map(Path::to_owned).collect();
    folders.sort_unstable();
    folders.dedup();
    folders.push(objects.clone());
    let wait = |path: &PathBuf| match File::open(path).and_then(|file| file.sync_all()) {
        Ok(()) => Ok(()),
        // The object was there already, in a pack or with an alternate.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Stop::io(&format!("write `{}`", path.display()), &error)),
    };
    each(16, &files, wait)?;
    // Windows cannot open a folder as a file, and its file system journals names.
    if cfg!(unix) { each(16, &folders, wait) } else { Ok(()) }
}

/// Opens the repository once more, so that this handle also waits for references to reach the disk.
///
/// Libgit2 reads `core.fsyncObjectFiles` when it opens its reference store (libgit2 1.9 `refdb_fs.c`). The file with the
/// setting is temporary: the configuration of the user stays as it is.
pub(super) fn durable(repository: &Repository) -> Result<(Repository, tempfile::NamedTempFile), Stop> {
    let failed = |error: &io::Error| Stop::io("write a temporary file", error);
    let mut setting = tempfile::NamedTempFile::new().map_err(|error| failed(&error))?;
    io::Write::write_all(&mut setting, b"[core]\n\tfsyncObjectFiles = true\n").map_err(|error| failed(&error))?;
    let open = || -> Result<Repository, git2::Error> {
        let again = Repository::open(repository.path())?;
        again.config()?.add_file(setting.path(), git2::ConfigLevel::App, true)?;
        Ok(again)
    };
    let again = open().map_err(|error| crate::world::git::stopped("open the repository again", &error))?;
    Ok((again, setting))
}
