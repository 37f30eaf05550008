//! What `image set` and `chart set` share: the change, the compile that judges it, the diff, the write.

use std::mem::ManuallyDrop;

use similar::TextDiff;

use super::project::{self, Project};
use super::{Code, DONE, FINDINGS, Failure, Session};
use crate::compile::{self, Compiled};
use crate::diag::stop::Class;
use crate::diag::{Diagnostic, Sources, escape, quoted_list, render};
use crate::edit::member::{Cannot, Member};
use crate::edit::{Change, Refusal, Written};
use crate::sink::file;
use crate::world::World;
use crate::world::memory::{MemoryWorld, Overlay};

/// How often a change is made again when somebody else was faster.
const TRIES: usize = 10;

/// What a person wants.
pub struct Wish<'a> {
    pub component: &'a str,
    pub environment: Option<&'a str>,
    pub value: &'a str,
    pub dry_run: bool,
}

/// What a member says about the key to set.
type Choose = for<'m, 'a> fn(&'m Member<'a>) -> Result<Vec<&'a str>, Cannot>;

/// Sets a value in the platform's files.
///
/// # Errors
/// When the value cannot be set, or the platform would have errors with it: nothing is written then.
pub fn set(session: &mut Session, wish: &Wish<'_>, choose: Choose) -> Result<Code, Failure> {
    let project = Project::find(session)?;
    for _ in 1..TRIES {
        match once(session, &project, wish, choose)? {
            Some(code) => return Ok(code),
            None => session.out.summary("note: another process has changed the file; trying again"),
        }
    }
    once(session, &project, wish, choose)?.ok_or_else(|| {
        Failure::environment("other processes keep changing the file")
            .with_code(Class::TryAgain.exit_code())
            .help("run it again")
    })
}

/// One try; nothing when somebody else was faster.
fn once(session: &mut Session, project: &Project, wish: &Wish<'_>, choose: Choose) -> Result<Option<Code>, Failure> {
    let world = project.world();
    let written =
        Written::read(&world, &project.file).map_err(|refusal| refused(session, refusal, &Sources::default()))?;
    let before = ManuallyDrop::new(compile::compile(&world, &project.request()));
    let Some(platform) = &before.platform else { return Err(findings(session, &before)) };
    let member = Member::find(&written, platform, wish.component, wish.environment).map_err(cannot)?;
    let path = choose(&member).map_err(cannot)?;
    let shown = path.join(".");
    let Some(change) = written.set(&path, wish.value).map_err(|r| refused(session, r, &written.sources))? else {
        session.out.summary(&format!("`{shown}` is already `{}`", wish.value));
        return Ok(Some(DONE));
    };
    let Some(bytes) = changed(&world, &change)? else { return Ok(None) };
    let top: MemoryWorld = [(change.file.as_str(), bytes.1.as_slice())].into_iter().collect();
    let after = ManuallyDrop::new(compile::compile(&Overlay::new(top, &world), &project.request()));
    if !after.is_ok() {
        let failure = findings(session, &after);
        session.out.summary(&format!(
            "nothing was written: with `{shown} = \"{}\"`, the platform would have errors",
            wish.value
        ));
        return Err(failure);
    }
    let known = |d: &Diagnostic| before.diagnostics.iter().any(|b| b.code == d.code && b.message == d.message);
    let new: Vec<Diagnostic> = after.diagnostics.iter().filter(|d| !known(d)).cloned().collect();
    if !new.is_empty() {
        print(session, &new, &after.sources);
    }
    if wish.dry_run {
        session.out.data(&diff(&change))?;
    } else {
        match file::replace(&project.root, &change.file, &bytes.0, &bytes.1) {
            Err(error) if error.class == Class::TryAgain => return Ok(None),
            other => other?,
        }
    }
    say(session, wish, &change, &shown);
    let path = if wish.environment.is_none() { path } else { vec![] };
    let others = member.overridden(&path);
    if !others.is_empty() && !path.is_empty() {
        let verb = if others.len() == 1 { "sets its own value and keeps" } else { "set their own values and keep" };
        session.out.summary(&format!("note: {} {verb} it", quoted_list(others, "and")));
    }
    Ok(Some(DONE))
}

fn say(session: &mut Session, wish: &Wish<'_>, change: &Change, shown: &str) {
    let was = change.before.as_ref().map_or_else(String::new, |before| format!(", was `{before}`"));
    let verb = if wish.dry_run { "would set" } else { "set" };
    session.out.summary(&format!("{}:{}: {verb} `{shown}` to `{}`{was}", change.file, change.line, wish.value));
}

/// A file's bytes before and after.
pub(super) type Bytes = (Vec<u8>, Vec<u8>);

/// Returns the file's bytes before and after; a byte order mark is no part of the text, and stays. Nothing when the file
/// is not what the change was made from.
pub(super) fn changed(world: &dyn World, change: &Change) -> Result<Option<Bytes>, Failure> {
    let old = world.read(&change.file).map_err(|error| {
        Failure::environment(format!("cannot read `{}`: {}", change.file, crate::parse::read_reason(&error)))
    })?;
    let mark = if old.starts_with(b"\xef\xbb\xbf") { &old[..3] } else { &[] };
    let same = old[mark.len()..] == *change.old.as_bytes();
    Ok(same.then(|| (old.to_vec(), [mark, change.new.as_bytes()].concat())))
}

fn diff(change: &Change) -> String {
    let (old, new) = (format!("a/{}", change.file), format!("b/{}", change.file));
    let diff = TextDiff::from_lines(&change.old, &change.new);
    escape::lines(&diff.unified_diff().context_radius(2).header(&old, &new).to_string()).into_owned()
}

pub(super) fn cannot(cannot: Cannot) -> Failure {
    cannot.help.into_iter().fold(Failure::environment(cannot.message), Failure::help)
}

pub(super) fn refused(session: &mut Session, refusal: Refusal, sources: &Sources) -> Failure {
    match refusal {
        Refusal::Unreadable(found, sources) => print(session, &found, &sources),
        Refusal::NotText(kind, span) => {
            let (line, _) = sources.line_column(span);
            let place = format!("{}:{line}", sources.path(span.source));
            return Failure::environment(format!("{place}: the value is {} {kind}, not a string", article(kind)))
                .help("edit it by hand");
        }
        Refusal::NoPlace => {
            return Failure::environment("the key cannot be added without changing other lines").help("add it by hand");
        }
    }
    Failure::reported(FINDINGS)
}

fn article(word: &str) -> &'static str {
    if word.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}

fn findings(session: &mut Session, compiled: &Compiled) -> Failure {
    print(session, &compiled.diagnostics, &compiled.sources);
    Failure::reported(project::verdict(compiled).unwrap_or(FINDINGS))
}

fn print(session: &mut Session, found: &[Diagnostic], sources: &Sources) {
    let format = session.global.output_format.into();
    session.out.note(&render::render(found, sources, format, session.out.error_style()));
}
