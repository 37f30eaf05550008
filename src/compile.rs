//! The pipeline on one screen.
//!
//! `compile` is pure: all that it reads comes through [`World`], and all that it gives is a tree in memory with everything
//! that was found on the way. The same input gives the same bytes on every machine.

use std::collections::BTreeSet;

use crate::diag::several::join;
use crate::diag::{Diagnostic, Level, Sources, Span};
use crate::emit::{self, Tree};
use crate::lock::{self, Lock};
use crate::lower::{self, Manifests};
use crate::resolve::rest::rest;
use crate::resolve::{self, Platform};
use crate::world::World;
use crate::{check, order, parse};

/// What to compile.
#[derive(Clone, Debug)]
pub struct Request {
    /// The main file, relative to the world's root.
    pub file: String,
}

impl Default for Request {
    fn default() -> Self {
        Self { file: "platform.toml".into() }
    }
}

/// Everything that a compile gives, as far as it came.
#[derive(Debug, Default)]
pub struct Compiled {
    /// Complete only when no diagnostic is an error.
    pub tree: Tree,
    pub platform: Option<Platform>,
    pub manifests: Manifests,
    /// Which charts are meant, by digest; nothing when there is no lock.
    pub lock: Option<Lock>,
    pub diagnostics: Vec<Diagnostic>,
    pub sources: Sources,
}

impl Compiled {
    /// Says whether the tree may be written.
    pub fn is_ok(&self) -> bool {
        self.diagnostics.iter().all(|d| d.level != Level::Error)
    }
}

/// Compiles a platform: parse → resolve → lower → order → check → emit.
pub fn compile(world: &dyn World, request: &Request) -> Compiled {
    compile_watched(world, request, &mut |_| {})
}

fn place(diagnostic: &Diagnostic) -> Option<Span> {
    diagnostic.labels.first().map(|label| label.span)
}

/// [`compile`], with a call of `done` after each stage: the caller may have a clock, a compile has none.
pub fn compile_watched(world: &dyn World, request: &Request, done: &mut dyn FnMut(&'static str)) -> Compiled {
    let mut out = Compiled::default();
    stages(world, request, &mut out, done);
    // What is said of a value that is wrong already follows from that.
    let errors = out.diagnostics.iter().filter(|d| d.level == Level::Error);
    let wrong: Vec<(&str, Option<Span>)> = errors.map(|d| (d.code.slug, place(d))).collect();
    let follows =
        |d: &Diagnostic| wrong.iter().any(|(slug, at)| at.is_some() && *at == place(d) && *slug != d.code.slug);
    out.diagnostics.retain(|d| d.level == Level::Error || !follows(d));
    join(&mut out.diagnostics, &resolve::NO_SECRET_STORE);
    // What several targets or environments share is found once for each of them, and said once.
    let mut said = BTreeSet::new();
    out.diagnostics
        .retain(|d| said.insert((d.level, d.code.slug, d.message.clone(), d.labels.first().map(|l| l.span))));
    out
}

/// Judges what mistakes leave whole, so that one run says everything.
fn remaining(world: &dyn World, platform: &Platform, out: &mut Compiled) {
    let Some(rest) = rest(platform, &out.diagnostics) else { return };
    let lowered = lower::lower(world, &rest.platform, out.lock.as_ref(), &mut out.sources);
    let ordered = order::order(&rest.platform, lowered.output);
    let mut found = lowered.diagnostics;
    found.extend(ordered.diagnostics);
    found.extend(check::check(&rest.platform, &ordered.output, &out.sources));
    let is_new = |d: &Diagnostic| place(d).is_none_or(|at| !rest.said.contains(&at));
    out.diagnostics.extend(found.into_iter().filter(|d| check::holds_in_part(d, rest.is_sound) && is_new(d)));
}

fn stages(world: &dyn World, request: &Request, out: &mut Compiled, done: &mut dyn FnMut(&'static str)) {
    let syntax = parse::parse(world, &request.file, &mut out.sources);
    done("parse");
    out.diagnostics = syntax.diagnostics;
    let locked = lock::read(world, &mut out.sources);
    out.lock = locked.output;
    out.diagnostics.extend(locked.diagnostics);
    if !out.is_ok() {
        return;
    }
    let resolved = resolve::resolve(world, &syntax.output, &mut out.sources);
    done("resolve");
    out.diagnostics.extend(resolved.diagnostics);
    let Some(platform) = resolved.output else { return };
    // Templates only run on what holds together: on all of it, or on the components that no mistake stands in.
    if out.is_ok() {
        let lowered = lower::lower(world, &platform, out.lock.as_ref(), &mut out.sources);
        done("lower");
        out.diagnostics.extend(lowered.diagnostics);
        let ordered = order::order(&platform, lowered.output);
        done("order");
        out.diagnostics.extend(ordered.diagnostics);
        out.manifests = ordered.output;
        out.diagnostics.extend(check::check(&platform, &out.manifests, &out.sources));
        done("check");
        if out.is_ok() {
            let tree = emit::emit(&platform, &out.manifests);
            done("emit");
            out.diagnostics.extend(tree.diagnostics);
            out.tree = tree.output;
        }
    } else {
        remaining(world, &platform, out);
        done("check");
    }
    out.platform = Some(platform);
}
