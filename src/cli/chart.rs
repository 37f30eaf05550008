//! `lakegen chart`: the chart version of a component, set in platform.toml; and what another one would change.

use clap::{Args, Subcommand};

use super::chart_diff::ChartDiff;
use super::edited::{self, Wish};
use super::{Code, Failure, Session};

/// Set the chart version of a component, or see what another one changes
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
    /// Only the value changes, where it is written now: `version` of the component, its `chart.version`, or its pin in
    /// `[versions]`. Comments, order and layout stay; the key is added where it is missing. The platform is compiled with
    /// the new value first; when that finds errors, nothing is written (exit 1). Nothing is written either when the value
    /// is that already.
    Set {
        /// A component of the platform
        component: String,
        /// An exact version
        version: String,
        /// Set it for this environment only
        #[arg(short, long = "env", value_name = "ENV")]
        environment: Option<String>,
        /// Print what would change, and write nothing
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
