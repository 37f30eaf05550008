//! A tree into a folder on disk: an output root and a complete tree come in, a report of what changed goes out.
//!
//! Nothing is written before everything is decided, nothing at all when nothing changes, and nothing outside the root.

use std::path::Path;
use std::time::Duration;

use super::apply::apply;
use super::hands::{BULK_FROM, Hands};
use super::lock::{self, LOCK};
use super::plan::{Owned, Plan, Rules};
use super::site::{Looking, Site};
use super::{INDEX, OWN_FOLDER, Report, Staleness, WriteOptions};
use crate::diag::stop::Stop;
use crate::emit::Tree;
use crate::world::beneath::Folder;

/// Writes `tree` to the folder `root`, which may hold files of others.
///
/// # Errors
/// When something would be lost (a hand edit, a file in the way, a tree that shrank), when another writer holds the
/// lock for too long, or when the system refuses. In the first cases nothing was written.
pub fn write(root: &Path, tree: &Tree, options: &WriteOptions) -> Result<Report, Stop> {
    write_with(root, tree, options, Hands { fsync: options.fsync, bulk_from: BULK_FROM, fault: None })
}

/// Compares the folder `root` with `tree` and writes nothing.
///
/// # Errors
/// When the folder or its index cannot be read, or another lakegen is writing to it just now.
pub fn compare(root: &Path, tree: &Tree, options: &WriteOptions) -> Result<Staleness, Stop> {
    let site = Site::open(root)?;
    let (owned, plan) = decide(&site, tree, options)?;
    let interrupted = is_interrupted(&site, &owned)?;
    if interrupted && let Some(own) = site.own()? {
        // A journal is also there while another writer is at work; its lock tells the two apart.
        lock::acquire(&own, &root.display().to_string(), Duration::ZERO, false)?;
    }
    let mut written: Vec<String> = plan.write.into_iter().collect();
    if written.is_empty() && plan.remove.is_empty() && plan.index_changed && plan.edited.is_empty() {
        written.push(INDEX.to_owned());
    }
    Ok(Staleness {
        written,
        removed: plan.remove.into_iter().collect(),
        edited: plan.edited.into_iter().map(|edit| edit.path).collect(),
        in_the_way: plan.in_the_way.into_keys().collect(),
        interrupted,
    })
}

/// [`write`] with hands that may fail, for tests.
pub(super) fn write_with(root: &Path, tree: &Tree, options: &WriteOptions, hands: Hands<'_>) -> Result<Report, Stop> {
    let place = root.display().to_string();
    let mut site = Site::open(root)?;
    let mut lock = match site.own()? {
        Some(own) if !options.dry_run => lock::acquire(&own, &place, options.lock_timeout, false)?,
        _ => None,
    };
    let (mut owned, mut plan) = decide(&site, tree, options)?;
    let idle = plan.is_idle() && !is_interrupted(&site, &owned)?;
    if idle || options.dry_run {
        plan.permit("rendering")?;
    } else {
        if lock.is_none() {
            // A refusal must write nothing, not even a lock; without one nobody else has ever written here.
            if site.own()?.is_none_or(|own| own.kind(LOCK).is_err()) {
                plan.permit("rendering")?;
            }
            let own = prepare(root, options.fsync)?;
            lock = lock::acquire(&own, &place, options.lock_timeout, true)?;
            site = Site::open(root)?;
            (owned, plan) = decide(&site, tree, options)?;
        }
        plan.permit("rendering")?;
        apply(&site, &owned, tree, &plan, hands)?;
    }
    let foreign = site.foreign(&plan.index)?.into_iter().filter(|path| !plan.remove.contains(path)).collect();
    Ok(Report {
        written: plan.write.into_iter().collect(),
        removed: plan.remove.into_iter().collect(),
        unchanged: plan.unchanged,
        foreign,
        warnings: lock.and_then(|lock| lock.warning).into_iter().collect(),
    })
}

fn decide(site: &Site, tree: &Tree, options: &WriteOptions) -> Result<(Owned, Plan), Stop> {
    let owned = site.owned()?;
    let rules =
        Rules { overwrite: options.overwrite, allow_shrink: options.allow_shrink, scope: options.scope.as_ref() };
    let plan = Plan::make(&mut Looking::new(site), &owned, tree, rules)?;
    Ok((owned, plan))
}

fn is_interrupted(site: &Site, owned: &Owned) -> Result<bool, Stop> {
    Ok(owned.journal.is_some() || site.has_litter()?)
}

/// Makes the output root and the folder `.lakegen` in it.
fn prepare(root: &Path, fsync: bool) -> Result<Folder, Stop> {
    let failed = |error: &std::io::Error| Stop::io(&format!("create output folder `{}`", root.display()), error);
    std::fs::create_dir_all(root).map_err(|error| failed(&error))?;
    let site = Site::open(root)?;
    let folder = site.root.as_ref().ok_or_else(|| failed(&std::io::ErrorKind::NotFound.into()))?;
    folder.make(OWN_FOLDER).map_err(|error| failed(&error))?;
    if fsync {
        let parent = root.canonicalize().ok().and_then(|full| Some(Folder::open(full.parent()?)));
        if let Some(Ok(parent)) = parent {
            parent.sync().map_err(|error| failed(&error))?;
        }
        folder.sync().map_err(|error| failed(&error))?;
    }
    site.own()?.ok_or_else(|| failed(&std::io::ErrorKind::NotFound.into()))
}

#[cfg(test)]
#[path = "crash_tests.rs"]
mod crash_tests;
#[cfg(test)]
#[path = "worktree_tests.rs"]
mod tests;
