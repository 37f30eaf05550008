//! `lakegen dns`: the internal DNS list.

use clap::Args;

use super::project::{self, Project};
use super::select::Selection;
use super::{Code, DONE, Failure, Session};
use crate::emit::guide;

/// Print hosts with their addresses
///
/// One line `<host> → <address>` for each host that the platform publishes, as in `dns/<environment>.txt` of the tree.
#[derive(Args, Debug)]
#[command(after_long_help = "Examples:\n  lakegen dns\n  lakegen dns -e prod")]
pub struct Dns {
    /// Only these environments or targets
    #[arg(short, long = "env", value_name = "ENV", value_delimiter = ',', env = "LAKEGEN_ENV", hide_env = true)]
    environments: Vec<String>,
}

impl Dns {
    /// Runs the command.
    ///
    /// # Errors
    /// See [`Failure`].
    pub fn run(&self, session: &mut Session) -> Result<Code, Failure> {
        let project = Project::find(session)?;
        let compiled = project::compile(session, &project.world(), &project.request())?;
        let platform = compiled.platform.as_ref().expect("a compile without errors has a platform");
        let selection = Selection::new(platform, &self.environments)?;
        let targets = platform.targets.iter().zip(&compiled.manifests.targets);
        let lists: Vec<(&str, String)> = targets
            .filter(|(target, lowered)| selection.has(&target.name) && !lowered.dns.is_empty())
            .map(|(target, lowered)| (target.name.as_str(), guide::dns_list(&lowered.dns)))
            .collect();
        // One list needs no title, so that a script can read it line by line.
        let text = match lists.as_slice() {
            [(_, list)] => list.clone(),
            lists => lists.iter().map(|(target, list)| format!("# {target}\n{list}")).collect::<Vec<_>>().join("\n"),
        };
        if text.is_empty() {
            session.out.summary("no host is published");
        }
        session.out.data(&text)?;
        Ok(DONE)
    }
}
