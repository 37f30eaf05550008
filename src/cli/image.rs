//! `lakegen image`: the image of a component or job, set in platform.toml.

use clap::{Args, Subcommand};

use super::edited::{self, Wish};
use super::{Code, Failure, Session};

/// Set the image of a component or job
#[derive(Args, Debug)]
#[command(after_long_help = "Examples:\n  lakegen image set dbt ghcr.io/acme/dbt:1.10.1\n  lakegen image set airflow \
                             ghcr.io/acme/airflow:3.2.1 -e staging --dry-run")]
pub struct Image {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Set it in platform.toml, in place
    ///
    /// Changes only the value, in the file where it is set: comments, order and layout are
    /// preserved. A missing key is added. The platform is first compiled with the new value; if
    /// that finds errors, nothing is written (exit 1). Nothing is written either if the value is
    /// unchanged.
    Set {
        /// A component or job of the platform
        component: String,
        /// Such as `ghcr.io/acme/app:1.4.2`
        image: String,
        /// Set it only for this environment
        #[arg(short, long = "env", value_name = "ENV")]
        environment: Option<String>,
        /// Print what would change without writing anything
        #[arg(long)]
        dry_run: bool,
    },
}

impl Image {
    /// Runs the command.
    ///
    /// # Errors
    /// See [`Failure`].
    pub fn run(&self, session: &mut Session) -> Result<Code, Failure> {
        let Command::Set { component, image, environment, dry_run } = &self.command;
        let wish = Wish { component, environment: environment.as_deref(), value: image, dry_run: *dry_run };
        edited::set(session, &wish, |member| member.image())
    }
}
