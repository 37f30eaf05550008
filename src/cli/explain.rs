//! `lakegen explain`: what a finding means, why it matters, and what to write instead.

use clap::Args;

use super::{Code, DONE, Failure, Session};
use crate::diag::{self, codes, near};

/// Explain a finding, or list them all
///
/// The slug is the word in brackets: `error[unknown-key]`.
#[derive(Args, Debug)]
#[command(after_long_help = "Examples:\n  lakegen explain unknown-key\n  lakegen explain")]
pub struct Explain {
    /// Such as `unknown-key`
    #[arg(value_name = "SLUG")]
    slug: Option<String>,
}

impl Explain {
    /// Runs the command.
    ///
    /// # Errors
    /// When there is no such slug.
    pub fn run(&self, session: &mut Session) -> Result<Code, Failure> {
        let all = codes::all();
        let Some(slug) = &self.slug else {
            let width = all.iter().map(|code| code.slug.len()).max().unwrap_or(0);
            let lines: String = all.iter().map(|code| format!("{:width$}  {}\n", code.slug, code.summary)).collect();
            session.out.data(&lines)?;
            return Ok(DONE);
        };
        let code = all.iter().find(|code| code.slug == slug).ok_or_else(|| unknown(slug, &all))?;
        session.out.data(&text(code))?;
        Ok(DONE)
    }
}

fn unknown(slug: &str, all: &[&diag::Code]) -> Failure {
    let failure = Failure::environment(format!("there is no finding `{slug}`"));
    match near(slug, all.iter().map(|code| code.slug)) {
        near if near.is_empty() => failure.help("run `lakegen explain` for a list"),
        near => failure.help(format!("did you mean {}?", diag::quoted_list(near, "or"))),
    }
}

fn text(code: &diag::Code) -> String {
    let block = |text: &str| text.lines().map(|line| format!("    {line}").trim_end().to_owned() + "\n").collect::<String>();
    format!(
        "{}: {}\n\nWhy: {}\n\nExample:\n{}\nInstead:\n{}",
        code.slug,
        code.summary,
        code.why,
        block(code.example),
        block(code.instead)
    )
}
