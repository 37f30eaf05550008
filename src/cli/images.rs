//! `lakegen images`: every container image that the platform runs.

use std::mem::ManuallyDrop;

use clap::{Args, ValueEnum};

use super::project::{self, Project};
use super::select::Selection;
use super::{Code, DONE, FINDINGS, Failure, Session};
use crate::diag::escape;
use crate::emit::images::{self, List};
use crate::lower;
use crate::lower::charts::images::without_rules;
use crate::lower::charts::rendered;

/// List every container image that the platform runs
///
/// Lists the images of each target by full name: which containers and resources use them, which
/// chart they come with, whether their tag can change, and how `[images]` rewrites them. An image
/// that matches a rule of `[images]` but cannot be rewritten is listed with a remedy. Images that
/// operators are configured to run, through a variable, an argument or a pod template in a
/// ConfigMap, are listed too.
///
/// Images in charts are listed if the charts have been fetched (`lakegen lock`, `lakegen fetch`).
/// If a chart cannot be inspected, it is named and the exit code is 1, because the list is
/// incomplete. Default images that an operator chooses itself, without any field, variable or
/// argument, are not known to lakegen.
///
/// `--format list` prints only the full references of all targets, sorted and without duplicates,
/// for mirroring and scanning.
#[derive(Args, Debug)]
#[command(
    after_long_help = "Examples:\n  lakegen images\n  lakegen images -e prod --format list | xargs -n1 trivy image\n  lakegen \
                       images --format json | jq -r '.targets[].images[] | select(.floating) | .image'"
)]
pub struct ListImages {
    /// Only these environments or targets
    #[arg(short, long = "env", value_name = "ENV", value_delimiter = ',', env = "LAKEGEN_ENV", hide_env = true)]
    environments: Vec<String>,
    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
    List,
}

impl ListImages {
    /// Runs the command.
    ///
    /// # Errors
    /// See [`Failure`].
    pub fn run(&self, session: &mut Session) -> Result<Code, Failure> {
        let project = Project::find(session)?;
        let world = project.world();
        // A chart that is not at hand is named in the list.
        let mut compiled = project::compile_despite(session, &world, &project.request(), &rendered::MISSING_ARCHIVE)?;
        let mut sources = std::mem::take(&mut compiled.sources);
        let platform = compiled.platform.as_ref().expect("a compile without errors has a platform");
        let selection = Selection::new(platform, &self.environments)?;
        let lock = compiled.lock.as_ref();
        // What the rules of `[images]` did shows beside the same platform without them.
        let plain = without_rules(platform)
            .map(|plain| ManuallyDrop::new(lower::lower(&world, &plain, lock, &mut sources).output));
        let lists: Vec<List> = platform
            .targets
            .iter()
            .enumerate()
            .filter(|(_, target)| selection.has(&target.name))
            .filter_map(|(index, target)| {
                let before = plain.as_ref().and_then(|plain| plain.0.targets.get(index));
                Some(images::list(target, compiled.manifests.targets.get(index)?, before))
            })
            .collect();
        let text = match self.format {
            Format::Text => images::text(&lists),
            Format::Json => images::json(&lists),
            Format::List => images::references(&lists),
        };
        session.out.data(&text)?;
        let unseen: Vec<String> = lists.iter().flat_map(|list| &list.unseen).map(images::sentence).collect();
        if unseen.is_empty() {
            return Ok(DONE);
        }
        if self.format == Format::List {
            let mut said = unseen;
            said.sort();
            said.dedup();
            for one in said {
                session.out.note(&format!("not inspected: {}\n", escape::line(&one)));
            }
        }
        session.out.summary("the list is incomplete: some charts could not be inspected");
        Ok(FINDINGS)
    }
}
