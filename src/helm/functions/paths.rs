//! Slash-separated paths, as Go's `path` sees them; on Unix, where Helm renders, `filepath` is the same.

use super::super::go::value::Val;
use super::super::go::vm::{Outcome, Vm};
use super::Kind::Str as Text;
use super::{Function, exact, text_of};

pub(super) const FUNCTIONS: &[Function] = &[
    exact("base", &[Text], |_, args| Ok(Val::str(base(&text_of(args, 0))))),
    exact("dir", &[Text], dir),
    exact("clean", &[Text], |vm, args| cleaned(vm, &text_of(args, 0))),
    exact("ext", &[Text], |_, args| Ok(Val::str(ext(&text_of(args, 0))))),
    exact("isAbs", &[Text], is_abs),
    exact("osBase", &[Text], |_, args| Ok(Val::str(base(&text_of(args, 0))))),
    exact("osDir", &[Text], dir),
    exact("osClean", &[Text], |vm, args| cleaned(vm, &text_of(args, 0))),
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

fn dir(vm: &mut Vm<'_>, args: &[Val]) -> Outcome {
    let path = text_of(args, 0);
    cleaned(vm, path.rfind('/').map_or("", |at| &path[..=at]))
}

fn cleaned(vm: &mut Vm<'_>, path: &str) -> Outcome {
    vm.spend(path.len().saturating_mul(2))?;
    Ok(Val::str(&clean(path)))
}

fn ext(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rfind('.').map_or("", |at| &name[at..])
}

fn is_abs(_: &mut Vm<'_>, args: &[Val]) -> Outcome {
    Ok(Val::Bool(text_of(args, 0).starts_with('/')))
}

fn clean(path: &str) -> String {
    let root = usize::from(path.starts_with('/'));
    let mut out = String::from(&path[..root]);
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if out.len() > root && out.rsplit('/').next() != Some("..") => {
                let cut = out.rfind('/').unwrap_or(0);
                out.truncate(cut.max(root));
            }
            ".." if root == 1 => {}
            part => {
                if out.len() > root {
                    out.push('/');
                }
                out.push_str(part);
            }
        }
    }
    if out.is_empty() { ".".into() } else { out }
}
