//! `lakegen check`: everything except writing.

use std::collections::BTreeSet;

use clap::Args;

use super::project::{self, Project};
use super::{Code, DONE, Failure, OutputFormat, Session, schema};
use crate::check;
use crate::diag::render;

/// Find mistakes without writing anything
///
/// Compiles the platform and prints every independent mistake in one run. `--output-format concise` and `json` go to
/// stdout, for programs; the full format goes to stderr, for people.
#[derive(Args, Debug)]
#[command(visible_alias = "validate")]
#[command(after_long_help = "Examples:\n  lakegen check\n  lakegen check --output-format json | jq .")]
pub struct Check {
    /// Exit 0 even when there are errors
    #[arg(long)]
    exit_zero: bool,
}

impl Check {
    /// Runs the command.
    ///
    /// # Errors
    /// See [`Failure`].
    pub fn run(&self, session: &mut Session) -> Result<Code, Failure> {
        let project = Project::find(session)?;
        let world = project.world();
        let mut compiled = project::run(session, &world, &project.request());
        let old = schema::outdated(&world, &project.file, &mut compiled.sources);
        compiled.diagnostics.extend(old);
        let format = session.global.output_format;
        let text = |style| render::render(&compiled.diagnostics, &compiled.sources, format.into(), style);
        match format {
            OutputFormat::Full if compiled.diagnostics.is_empty() => {}
            OutputFormat::Full => session.out.note(&text(session.out.error_style())),
            OutputFormat::Concise | OutputFormat::Json => session.out.data(&text(session.out.style()))?,
        }
        if let Some(counts) = render::summary(&compiled.diagnostics) {
            session.out.summary(&counts);
        } else if let Some(platform) = &compiled.platform {
            let environments: BTreeSet<&str> = platform.targets.iter().map(|t| t.environment.as_str()).collect();
            let environments = project::plural(environments.len(), "environment");
            session.out.summary(&format!("no findings: {} in {environments}", project::counted(&platform.targets)));
        }
        if let Some(platform) = &compiled.platform {
            let unjudged = check::unjudged(platform, &compiled.manifests);
            if !unjudged.is_empty() {
                session.out.summary(&format!("not checked: {}", unjudged.join("; ")));
            }
        }
        Ok(project::verdict(&compiled).filter(|_| !self.exit_zero).unwrap_or(DONE))
    }
}
