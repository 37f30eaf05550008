//! Slash-separated paths, as Go's `path` sees them; on Unix, where Helm renders, `filepath` is the same.

use super::super::go::value::Val;
use super::super::go::vm::{Outcome, Vm};
use super::Kind::Str as Text;
use super::{Function, exact, text_of};

pub(super) const FUNCTIONS: &[Function] = &[
    exact("base", &[Text], |_, args| Ok(Val::str(base(&text_of(args, 0))))),
    exact("dir", &[Text], dir),
    exact("clean", &[Text], |_, args| Ok(Val::str(&clean(&text_of(args, 0))))),
    exact("ext", &[Text], |_, args| Ok(Val::str(ext(&text_of(args, 0))))),
    exact("isAbs", &[Text], is_abs),
    exact("osBase", &[Text], |_, args| Ok(Val::str(base(&text_of(args, 0))))),
    exact("osDir", &[Text], dir),
    exact("osClean", &[Text], |_, args| Ok(Val::str(&clean(&text_of(args, 0))))),
    exact("osExt", &[Text], |_, args| Ok(Val::str(ext(&text_of(args, 0))))),
    exact("osIsAbs", &[Text], is_abs),
];

fn base(path: &str) -> &str {
    if path.is_empty() {
        return ".";
    }
    let trimmed = path.trim_end_matches('/');
    if trimmed.is_empty() { "/" } else { trimmed.rsplit('/').next().unwrap_or(trimmed) }
}

fn dir(_: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let path = text_of(args, 0);
    Ok(Val::str(&clean(path.rfind('/').map_or("", |at| &path[..=at]))))
}

fn ext(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rfind('.').map_or("", |at| &name[at..])
}

fn is_abs(_: &mut Vm<'_>, args: &[Val]) -> Outcome {
    Ok(Val::Bool(text_of(args, 0).starts_with('/')))
}

fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if rooted => {}
            part => parts.push(part),
        }
    }
    match (rooted, parts.join("/")) {
        (true, path) => format!("/{path}"),
        (false, path) if path.is_empty() => ".".into(),
        (false, path) => path,
    }
}
