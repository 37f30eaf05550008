//! The sources of a component.

use crate::catalog::{self, USER_FOLDER};
use crate::world::World;

/// Returns all files of a component, each under a line with its path; `None` when there is no such component.
pub fn text(world: &dyn World, name: &str) -> Option<String> {
    let files = catalog::files(world, name);
    if files.is_empty() {
        return None;
    }
    let mut out = String::new();
    for (path, text) in files {
        let end = if text.ends_with('\n') { "" } else { "\n" };
        out.push_str(&format!("==> {path} <==\n{text}{end}\n"));
    }
    Some(out)
}

/// Returns the example of a component, of the user's own first.
pub fn example(world: &dyn World, name: &str) -> Option<String> {
    let path = |folder: &str| format!("{folder}/{name}/example.toml");
    let own = catalog::user_file(world, &path(USER_FOLDER)).ok().map(|text| text.to_string());
    own.or_else(|| catalog::embedded_file(&path("templates")).map(String::from))
}
