//! `lakegen graph`: who waits for whom, as a picture.

use clap::{Args, ValueEnum};

use super::project::{self, Project};
use super::select::Selection;
use super::{Code, DONE, Failure, Session};
use crate::emit::graph::{self, Graph};

/// Draw the dependency graph
///
/// Draws the units of each environment by wave, with arrows from each unit's dependencies to the
/// unit. Arrows implied by others are left out. With `--wires`, bindings are drawn too, with the
/// names of their slots, as well as external systems.
///
/// `svg` needs no other program; `dot` is for Graphviz; GitHub, GitLab and many editors show
/// Mermaid.
#[derive(Args, Debug)]
#[command(after_long_help = "Examples:\n  lakegen graph -e prod --format svg > graph.svg\n  lakegen graph --wires")]
pub struct Draw {
    /// Only these environments or targets
    #[arg(short, long = "env", value_name = "ENV", value_delimiter = ',', env = "LAKEGEN_ENV", hide_env = true)]
    environments: Vec<String>,
    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "mermaid")]
    format: Format,
    /// Draw bindings with their slots
    #[arg(long)]
    wires: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Mermaid,
    Dot,
    Svg,
}

impl Draw {
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
        let graphs: Vec<Graph> = targets
            .filter(|(target, _)| selection.has(&target.name))
            .map(|(target, lowered)| graph::graph(target, lowered, self.wires))
            .collect();
        let text = match self.format {
            Format::Mermaid => graph::mermaid(&graphs),
            Format::Dot => graph::dot(&platform.name, &graphs),
            Format::Svg => graph::svg(&platform.name, &graphs),
        };
        session.out.data(&text)?;
        Ok(DONE)
    }
}
