//! `lakegen chart`: the chart version of a component, set in platform.toml; and what another one would change.

use clap::{Args, Subcommand};

use super::chart_diff::ChartDiff;
use super::edited::{self, Wish};
use super::{Code, Failure, Session};

/// Set the chart version of a component, or show what another version changes
#[derive(Args, Debug)]
#[command(
    after_long_help = "Examples:\n  lakegen chart diff trino 1.42.2\n  lakegen chart set trino 1.42.2\n  lakegen chart \
                             set airflow 1.21.0 -e staging --dry-run"
)]
pub struct Chart {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Set it in platform.toml, in place
    ///
    /// Changes only the value, where it is currently set: `version` of the component, its
    /// `chart.version`, or its pin in `[versions]`. Comments, order and layout are preserved; a
    /// missing key is added. The platform is first compiled with the new value; if that finds
    /// errors, nothing is written (exit 1). Nothing is written either if the value is unchanged.
    Set {
        /// A component of the platform
        component: String,
        /// An exact version
        version: String,
        /// Set it only for this environment
        #[arg(short, long = "env", value_name = "ENV")]
        environment: Option<String>,
        /// Print what would change without writing anything
        #[arg(long)]
        dry_run: bool,
    },
    Diff(ChartDiff),
}

impl Chart {
    /// Runs the command.
    ///
    /// # Errors
    /// See [`Failure`].
    pub fn run(&self, session: &mut Session) -> Result<Code, Failure> {
        let (component, version, environment, dry_run) = match &self.command {
            Command::Set { component, version, environment, dry_run } => (component, version, environment, dry_run),
            Command::Diff(command) => return command.run(session),
        };
        let wish = Wish { component, environment: environment.as_deref(), value: version, dry_run: *dry_run };
        edited::set(session, &wish, |member| member.chart_version())
    }
}
