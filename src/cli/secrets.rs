//! `lakegen secrets`: what people must put into the secret store.

use clap::{Args, ValueEnum};

use super::project::{self, Project};
use super::select::Selection;
use super::{Code, DONE, FINDINGS, Failure, Session};
use crate::diag::render;
use crate::emit::secrets;
use crate::lower;

/// List the secrets to create, or print commands that create them
///
/// Lists every item that must exist in the secret store: its properties, their consumers, whether
/// losing it means losing data, and how to create a good value. Secrets that External Secrets or an
/// operator creates in the cluster are listed separately.
///
/// `--format commands` prints a shell script for the program of the store in use. It asks for each value when it runs; no
/// value is ever in it, and what is there already stays as it is.
#[derive(Args, Debug)]
#[command(
    after_long_help = "Examples:\n  lakegen secrets\n  lakegen secrets -e prod --format commands > make-secrets.sh; sh \
                             make-secrets.sh\n  lakegen secrets --format json | jq '.targets[].items[].item'"
)]
pub struct Secrets {
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
    Commands,
}

impl Secrets {
    /// Runs the command.
    ///
    /// # Errors
    /// See [`Failure`].
    pub fn run(&self, session: &mut Session) -> Result<Code, Failure> {
        let project = Project::find(session)?;
        // A missing file of the people's Secrets is what this command is for.
        let compiled = project::compile_despite(session, &project.world(), &project.request(), &lower::KEPT_SECRET)?;
        let platform = compiled.platform.as_ref().expect("a compile without errors has a platform");
        let selection = Selection::new(platform, &self.environments)?;
        let targets = platform.targets.iter().zip(&compiled.manifests.targets);
        let lists: Vec<secrets::List<'_>> = targets
            .filter(|(target, _)| selection.has(&target.name))
            .map(|(target, lowered)| secrets::list(target, lowered))
            .collect();
        let mut found = Vec::new();
        let text = match self.format {
            Format::Text => secrets::text(&lists),
            Format::Json => secrets::json(&lists),
            Format::Commands => secrets::commands(&lists, &mut found),
        };
        if !found.is_empty() {
            let format = session.global.output_format.into();
            session.out.note(&render::render(&found, &compiled.sources, format, session.out.error_style()));
            return Err(Failure::reported(FINDINGS));
        }
        if text.is_empty() {
            session.out.summary("no secrets have to be created");
        }
        session.out.data(&text)?;
        Ok(DONE)
    }
}
