//! `lakegen explain`: what a finding means, why it matters, and what to write instead.

use clap::Args;

use super::{Code, DONE, Failure, Session};
use crate::check;
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
        let today = codes::renamed(slug);
        if let Some(today) = today {
            session.out.summary(&format!("`{slug}` has been renamed to `{today}`"));
        }
        let slug = today.unwrap_or(slug);
        let code = all.iter().find(|code| code.slug == slug).ok_or_else(|| unknown(slug, &all))?;
        session.out.data(&text(code))?;
        Ok(DONE)
    }
}

fn unknown(slug: &str, all: &[&diag::Code]) -> Failure {
    let failure = Failure::environment(format!("unknown code: `{slug}`"));
    let slugs = || all.iter().map(|code| code.slug);
    // One word of a slug is what people remember: `abandoned`, `secret`.
    let with_word = || slugs().filter(|known| known.split('-').any(|word| word == slug));
    let begun = || slugs().filter(|known| !slug.is_empty() && known.starts_with(slug));
    let guesses: [Vec<&str>; 3] = [near(slug, slugs()), begun().collect(), with_word().collect()];
    match guesses.into_iter().find(|guess| !guess.is_empty()) {
        None => failure.help("run `lakegen explain` for a list"),
        Some(guess) => failure.help(format!("did you mean {}?", diag::quoted_list(guess, "or"))),
    }
}

fn text(code: &diag::Code) -> String {
    let block =
        |text: &str| text.lines().map(|line| format!("    {line}").trim_end().to_owned() + "\n").collect::<String>();
    format!(
        "{}: {}\n\nWhy: {}\n\nExample:\n{}\nInstead:\n{}\n{}",
        code.slug,
        code.summary,
        code.why,
        block(code.example),
        block(code.instead),
        exception(code, block)
    )
}

/// Says how a finding is switched off or excused, or that it cannot be.
fn exception(code: &diag::Code, block: impl Fn(&str) -> String) -> String {
    let slug = code.slug;
    let level = format!("[policy]\n{slug} = \"off\"               # or \"warn\", \"error\"");
    if !codes::levelled().contains(&code) {
        return "Exceptions: none. It is an error and has to be fixed.\n".into();
    }
    if !check::CODES.contains(&code) {
        return format!("Level, if it is a warning:\n{}", block(&level));
    }
    if *code == check::UNUSED_EXCEPTION {
        return format!("Level:\n{}", block(&level));
    }
    let allow = format!(
        "[[policy.allow]]\nrule = \"{slug}\"\nresource = \"trino\"      # a component or `Kind/name`; globs allowed\nreason = \"why it is acceptable\""
    );
    format!("Exception for one component or object:\n{}\nLevel:\n{}", block(&allow), block(&level))
}
