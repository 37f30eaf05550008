//! `lakegen completions`: what a shell needs to complete commands and flags.

use clap::Args;
use clap_complete::Shell;

use super::{Code, DONE, Failure, Session};

/// Print completions for a shell
#[derive(Args, Debug)]
#[command(after_long_help = "Examples:\n  lakegen completions bash > ~/.local/share/bash-completion/completions/lakegen\n  \
                             lakegen completions fish > ~/.config/fish/completions/lakegen.fish")]
pub struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    /// Runs the command.
    ///
    /// # Errors
    /// When stdout takes no more.
    pub fn run(&self, session: &mut Session) -> Result<Code, Failure> {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut super::description(), "lakegen", &mut text);
        session.out.data(&String::from_utf8_lossy(&text))?;
        Ok(DONE)
    }
}
