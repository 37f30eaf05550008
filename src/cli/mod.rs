//! The command line: arguments in, exit code out, one file per command.
//!
//! A command parses, calls the library and prints; nothing else. Data goes to stdout, all else to stderr, both through
//! [`out`]. No command asks questions. Exit codes: 0 done, 1 findings, 2 usage or environment, 3 refused because
//! something would be lost, 70 a bug in lakegen, 75 try again.

pub mod render; //      platform → folder or stdout
pub mod check; //       everything except writing
pub mod diff; //        committed tree × fresh compile
pub mod commit; //      platform → one commit
pub mod init; //        the first platform.toml
pub mod catalog; //     what there is to use
pub mod schema; //      JSON Schema for editors
pub mod explain; //     what a finding means
pub mod dns; //         host → address
pub mod secrets; //     what people must put into the store
pub mod images; //      every container image
pub mod graph; //       who waits for whom, as a picture
pub mod why; //         what made something
pub mod job; //         a run of a job on demand
pub mod image; //       an image set in place
pub mod chart; //       a chart version set in place
mod chart_diff; //      what another version of a chart changes
pub mod lock; //        charts in use → lakegen.lock
pub mod fetch; //       locked charts → cache, bundle
pub mod vendor; //      locked charts → the repository
pub mod completions; // for shells
mod cache; //           where charts lie
mod charts; //          charts in use, and the way to servers
mod project; //         where the platform is, and its compile
mod edited; //          platform.toml changed, compiled and written
mod select; //          `-e`: some targets only
mod failure; //         why a command stops
mod color; //           whether to colour
mod out; //             the only door to stdout and stderr
mod bug; //             what a panic says

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

pub use failure::Failure;
pub use out::Out;

use crate::diag::render::Format;

/// The exit code of a command that came to its end.
pub type Code = u8;
/// Done, and nothing found.
pub const DONE: Code = 0;
/// Findings in the input, or a stale tree.
pub const FINDINGS: Code = 1;
/// Usage or environment.
pub const ENVIRONMENT: Code = 2;
/// Going on would lose something.
pub const REFUSED: Code = 3;
/// A bug in lakegen.
pub const BUG: Code = 70;

/// GitOps manifest compiler for data platforms: one platform.toml in, a git tree for Argo CD out
#[derive(Debug, Parser)]
#[command(name = "lakegen", version, max_term_width = 80, disable_help_subcommand = true)]
#[command(after_help = "Start with `lakegen init`, then `lakegen render`.")]
#[command(
    after_long_help = "Start with `lakegen init`, then `lakegen render`.\n\nEnvironment: LAKEGEN_FILE, LAKEGEN_ENV, LAKEGEN_OUTPUT_FORMAT and LAKEGEN_CACHE (`--cache-dir`) set the corresponding flags; flags take precedence.\n\nExit codes: 0 success, 1 findings, 2 usage or environment error, 3 refused because something would be lost, 70 a bug in lakegen, 75 temporary failure"
)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Flags of every command.
#[derive(Args, Debug)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Run as if started in DIR
    #[arg(short = 'C', long, value_name = "DIR", global = true)]
    pub directory: Option<PathBuf>,
    /// The platform file [default: nearest platform.toml]
    #[arg(short, long, value_name = "FILE", global = true, env = "LAKEGEN_FILE", hide_env = true)]
    pub file: Option<PathBuf>,
    /// Folder for fetched charts [default: in the system's cache folder]
    #[arg(long, value_name = "DIR", global = true, env = "LAKEGEN_CACHE", hide_env = true, hide_short_help = true)]
    pub cache_dir: Option<PathBuf>,
    /// Print no summary
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Print how long each stage took
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub verbose: bool,
    /// Colour: auto, always or never
    #[arg(long, value_name = "WHEN", global = true, default_value = "auto", hide_default_value = true)]
    #[arg(hide_possible_values = true)]
    pub color: Color,
    /// Format of findings: full, concise or json
    #[arg(long, value_name = "FORMAT", global = true, default_value = "full", env = "LAKEGEN_OUTPUT_FORMAT")]
    #[arg(hide_env = true, hide_default_value = true, hide_possible_values = true)]
    pub output_format: OutputFormat,
}

/// When to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
}

/// How to print findings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    Full,
    Concise,
    Json,
}

impl From<OutputFormat> for Format {
    fn from(format: OutputFormat) -> Self {
        match format {
            OutputFormat::Full => Self::Full,
            OutputFormat::Concise => Self::Concise,
            OutputFormat::Json => Self::Json,
        }
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Init),
    Check(check::Check),
    Render(render::Render),
    Diff(diff::Diff),
    Commit(commit::Commit),
    Dns(dns::Dns),
    Secrets(secrets::Secrets),
    Images(images::ListImages),
    Graph(graph::Draw),
    Why(why::Why),
    Job(job::Job),
    Image(image::Image),
    Chart(chart::Chart),
    Lock(lock::LockCharts),
    Fetch(fetch::Fetch),
    Vendor(vendor::Vendor),
    Catalog(catalog::Catalog),
    Explain(explain::Explain),
    Schema(schema::Schema),
    Completions(completions::Completions),
    /// Print the version
    Version,
}

/// What every command gets.
pub struct Session {
    pub global: Global,
    pub out: Out,
}

impl Session {
    /// Returns a path of the command line as it is meant: relative to `-C`.
    pub fn path(&self, path: &std::path::Path) -> PathBuf {
        self.global.directory.as_ref().map_or_else(|| path.to_owned(), |base| base.join(path))
    }
}

/// Runs the command line and returns the exit code.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> Code {
    bug::install();
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    // Only here does 2 mean "differs", so a wrong call must be something else.
    let wrong_call = if arguments.iter().any(|a| a == "--detailed-exitcode") { FINDINGS } else { ENVIRONMENT };
    match Cli::try_parse_from(arguments) {
        Ok(cli) => {
            let out = Out::new(cli.global.color, cli.global.quiet, cli.global.verbose);
            let mut session = Session { global: cli.global, out };
            let result = run(&cli.command, &mut session).and_then(|code| session.out.finish().map(|()| code));
            result.unwrap_or_else(|failure| session.out.failure(&failure))
        }
        Err(error) => usage(&error, wrong_call),
    }
}

fn run(command: &Command, session: &mut Session) -> Result<Code, Failure> {
    match command {
        Command::Init(command) => command.run(session),
        Command::Check(command) => command.run(session),
        Command::Render(command) => command.run(session),
        Command::Diff(command) => command.run(session),
        Command::Commit(command) => command.run(session),
        Command::Dns(command) => command.run(session),
        Command::Secrets(command) => command.run(session),
        Command::Images(command) => command.run(session),
        Command::Graph(command) => command.run(session),
        Command::Why(command) => command.run(session),
        Command::Job(command) => command.run(session),
        Command::Image(command) => command.run(session),
        Command::Chart(command) => command.run(session),
        Command::Lock(command) => command.run(session),
        Command::Fetch(command) => command.run(session),
        Command::Vendor(command) => command.run(session),
        Command::Catalog(command) => command.run(session),
        Command::Explain(command) => command.run(session),
        Command::Schema(command) => command.run(session),
        Command::Completions(command) => command.run(session),
        Command::Version => {
            session.out.data(&format!("lakegen {}\n", env!("CARGO_PKG_VERSION")))?;
            Ok(DONE)
        }
    }
}

/// Prints what clap has to say: help and version are data, all else is a wrong call.
fn usage(error: &clap::Error, wrong_call: Code) -> Code {
    let mut out = Out::new(Color::Auto, false, false);
    let text = error.render();
    if error.use_stderr() {
        // It repeats the arguments, which may come from anywhere, so it is made inert and goes without colour.
        out.note(&crate::diag::escape::lines(&text.to_string()));
        return wrong_call;
    }
    let text = if out.color() { text.ansi().to_string() } else { text.to_string() };
    let printed = out.data(&text).and_then(|()| out.finish());
    printed.map_or_else(|failure| out.failure(&failure), |()| DONE)
}

/// Returns the command line's own description, for completions.
fn description() -> clap::Command {
    Cli::command()
}
