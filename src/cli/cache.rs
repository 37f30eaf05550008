//! Where the charts of this machine lie: the flag, its variable, or the system's folder for caches.

use std::path::PathBuf;

use super::Session;
use crate::world::charts::Cache;

/// Returns the cache of charts; nothing when neither the user nor the system names a folder.
pub fn find(session: &Session) -> Option<Cache> {
    let folder = match &session.global.cache_dir {
        Some(folder) => Some(session.path(folder)),
        None => system(|name| std::env::var_os(name).map(PathBuf::from)).map(|folder| folder.join("lakegen")),
    };
    folder.map(|folder| Cache::new(&folder))
}

/// Returns the system's folder for caches; `get` reads the environment.
///
/// Sources: the XDG Base Directory Specification 0.8 (a relative path is invalid and is left out), Apple's File System
/// Programming Guide (`Library/Caches`), and Windows' known folder `LocalAppData`.
fn system(get: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    let absolute = |name: &str| get(name).filter(|path| path.is_absolute());
    if cfg!(windows) {
        return absolute("LOCALAPPDATA");
    }
    let own = if cfg!(target_os = "macos") { "Library/Caches" } else { ".cache" };
    absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(own)))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_systems_folder() {
        for (variables, expected) in [
            (&[("XDG_CACHE_HOME", "/x"), ("HOME", "/h")][..], Some("/x")),
            (&[("XDG_CACHE_HOME", "x"), ("HOME", "/h")], Some("/h/.cache")),
            (&[("XDG_CACHE_HOME", "")], None),
            (&[], None),
        ] {
            let get =
                |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| PathBuf::from(value));
            assert_eq!(system(get), expected.map(PathBuf::from), "{variables:?}");
        }
    }
}
