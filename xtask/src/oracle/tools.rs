//! Where the tools are, and how many of them run at once.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Folders in which the tools are looked for.
pub struct Tools(Vec<PathBuf>);

impl Default for Tools {
    /// The folder that `.ci/run` installs to, then the user's path.
    fn default() -> Self {
        let mut folders = vec![crate::root().join("target/oracle")];
        folders.extend(std::env::var_os("PATH").iter().flat_map(std::env::split_paths));
        Self(folders)
    }
}

impl Tools {
    /// Looks in one folder only.
    pub fn only(folder: PathBuf) -> Self {
        Self(vec![folder])
    }

    /// Returns the path of a tool.
    pub fn find(&self, name: &str) -> Option<PathBuf> {
        let path = self.0.iter().map(|folder| folder.join(name)).find(|path| path.is_file())?;
        path.canonicalize().ok()
    }
}

/// Runs a tool.
///
/// # Errors
/// With what the tool says when it fails.
pub fn output(program: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(program).args(arguments).output().map_err(|error| error.to_string())?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).trim().to_string())
    }
}

/// Does the work for every item on as many threads as there are processors, and returns the results in order.
pub fn parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::with_capacity(items.len()));
    let threads = std::thread::available_parallelism().map_or(2, usize::from).min(items.len().max(1));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((index, item)) = {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    items.get(index).map(|item| (index, item))
                } {
                    let result = work(item);
                    results.lock().expect("no thread panics while it holds the lock").push((index, result));
                }
            });
        }
    });
    let mut results = results.into_inner().expect("all threads have ended well");
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}
