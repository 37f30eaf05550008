//! `lakegen why`: what made a part of the tree.

use clap::Args;

use super::project::{self, Project};
use super::select::Selection;
use super::{Code, DONE, Failure, Session};
use crate::diag::render;
use crate::why::{self, ask::Asked};

/// Explain where something comes from: a line of platform.toml, a template or a default
///
/// WHAT is one of
///   Kind/name, namespace/Kind/name    a resource (case-insensitive)
///   FILE:LINE                         a line of the rendered tree, such as argocd/prod/trino.yaml:12
///   COMPONENT values [PATH]           a Helm value, such as `trino values server.workers`
///   COMPONENT                         a component or job
///
/// The keys of platform.toml in the answer are found by compiling without each of them, so keys
/// that take effect through a binding or a default are named too. Objects of charts are known if
/// `output = "manifests"` renders them.
#[derive(Args, Debug)]
#[command(verbatim_doc_comment)]
#[command(after_long_help = "Examples:\n  lakegen why ExternalSecret/airflow-env\n  lakegen why trino values \
                             server.workers -e prod\n  lakegen why components/trino/base/values/values.yaml:12")]
pub struct Why {
    /// A resource, FILE:LINE, a component, or `COMPONENT values PATH`
    #[arg(value_name = "WHAT", required = true, num_args = 1..=3)]
    what: Vec<String>,
    /// Only these environments or targets
    #[arg(short, long = "env", value_name = "ENV", value_delimiter = ',', env = "LAKEGEN_ENV", hide_env = true)]
    environments: Vec<String>,
}

impl Why {
    /// Runs the command.
    ///
    /// # Errors
    /// See [`Failure`].
    pub fn run(&self, session: &mut Session) -> Result<Code, Failure> {
        let project = Project::find(session)?;
        let world = project.world();
        let compiled = project::compile(session, &world, &project.request())?;
        let platform = compiled.platform.as_ref().expect("a compile without errors has a platform");
        let selection = Selection::new(platform, &self.environments)?;
        let asked = Asked { compiled: &compiled, platform, chosen: &|target| selection.has(target) };
        let answers = session.out.timed("why", || why::why(&world, &project.file, &asked, &self.what));
        let answers =
            answers.map_err(|no| no.help.into_iter().fold(Failure::environment(no.message), Failure::help))?;
        let format = session.global.output_format.into();
        session.out.data(&render::render(&answers, &compiled.sources, format, session.out.style()))?;
        Ok(DONE)
    }
}
