//! `lakegen catalog`: what there is to use, and how.

mod page; //   rows of text
mod show; //   one component, whole
mod facts; //  the same as JSON
mod paste; //  a table to paste, its slots filled from the platform at hand
mod pods; //   which containers a component makes
mod capability; // what can be claimed
mod keys; //   keys of a table, as rows
mod edges; //  how hosts are published
mod clouds; // how pods get roles
mod stores; // where secrets come from
mod files; //  the sources of a component
mod check; //  an own component's example

use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value as Json;

use super::{Code, DONE, Failure, OutputFormat, Session, schema};
use crate::catalog::{Catalogue, Component};
use crate::diag::{escape, near, quoted_list};
use crate::world::World;
use page::Page;

/// Look up components, capabilities, edges, clouds and secret stores
#[derive(Args, Debug)]
#[command(
    after_long_help = "Examples:\n  lakegen catalog list\n  lakegen catalog show trino\n  lakegen catalog show oidc\n  \
                             lakegen catalog show trino --files\n  lakegen catalog check superset"
)]
pub struct Catalog {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List all components
    List {
        #[command(flatten)]
        print: Print,
    },
    /// Show a component or capability: its options, slots and offers
    Show {
        /// The name of a component or capability
        name: String,
        /// Print the component's sources instead
        #[arg(long)]
        files: bool,
        #[command(flatten)]
        print: Print,
    },
    /// List the capabilities that components can require and provide, or show one
    Capabilities {
        /// The capability's name
        name: Option<String>,
        #[command(flatten)]
        print: Print,
    },
    /// List the kinds of edges
    Edges {
        #[command(flatten)]
        print: Print,
    },
    /// List the clouds and how pods get roles there
    Clouds {
        #[command(flatten)]
        print: Print,
    },
    /// List the secret stores
    Stores {
        #[command(flatten)]
        print: Print,
    },
    /// Compile the examples of your own components (in lakegen/) on both engines
    Check {
        /// The components [default: all of your own]
        names: Vec<String>,
    },
}

#[derive(Args, Debug)]
struct Print {
    /// Output format
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    output: Output,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    Text,
    Json,
}

impl Catalog {
    /// Runs the command.
    ///
    /// # Errors
    /// When there is nothing of that name, or one of the user's own components is wrong.
    pub fn run(&self, session: &mut Session) -> Result<Code, Failure> {
        let world = schema::world(session)?;
        if let Command::Check { names } = &self.command {
            return check::run(&*world, names, session);
        }
        if let Command::Show { name, files: true, .. } = &self.command {
            let Some(text) = files::text(&*world, name) else {
                return Err(unknown(name, &schema::catalogue(&*world, session)?));
            };
            session.out.data(&escape::lines(&text))?;
            return Ok(DONE);
        }
        let catalogue = schema::catalogue(&*world, session)?;
        let (text, json): (String, Json) = match &self.command {
            Command::List { .. } => (list(&catalogue), sorted(&catalogue).into_iter().map(facts::brief).collect()),
            Command::Show { name, .. } => one(name, &*world, &catalogue, session)?,
            Command::Capabilities { name: None, .. } => (capability::list(&catalogue), capability::json(&catalogue)),
            Command::Capabilities { name: Some(name), .. } => {
                let found = catalogue.capabilities.get(name);
                let found = found.ok_or_else(|| no_capability(name, &catalogue))?;
                (capability::show(found, &catalogue), capability::whole(found, &catalogue))
            }
            Command::Edges { .. } => (edges::text(&catalogue), edges::json(&catalogue)),
            Command::Clouds { .. } => (clouds::text(&catalogue), clouds::json(&catalogue)),
            Command::Stores { .. } => (stores::text(&catalogue), stores::json(&catalogue)),
            Command::Check { .. } => return Ok(DONE), // Done above.
        };
        let text = if self.wants_json(session) {
            escape::json(format!("{json:#}\n"))
        } else {
            escape::lines(&text).into_owned()
        };
        session.out.data(&text)?;
        Ok(DONE)
    }

    fn wants_json(&self, session: &Session) -> bool {
        let print = match &self.command {
            Command::List { print }
            | Command::Show { print, .. }
            | Command::Capabilities { print, .. }
            | Command::Edges { print }
            | Command::Clouds { print }
            | Command::Stores { print } => print.output,
            Command::Check { .. } => Output::Text,
        };
        print == Output::Json || session.global.output_format == OutputFormat::Json
    }
}

/// Shows a component, or else a capability of that name.
fn one(name: &str, world: &dyn World, catalogue: &Catalogue, session: &mut Session) -> Result<(String, Json), Failure> {
    if let Some(component) = catalogue.components.get(name) {
        let hand = paste::Hand::new(world, session).with_example(world, name);
        let pods = pods::of(world, component);
        return Ok((show::text(component, catalogue, &pods, &hand), facts::whole(component, catalogue, &pods, &hand)));
    }
    let capability = catalogue.capabilities.get(name).ok_or_else(|| unknown(name, catalogue))?;
    Ok((capability::show(capability, catalogue), capability::whole(capability, catalogue)))
}

fn unknown(name: &str, catalogue: &Catalogue) -> Failure {
    let names = catalogue.names.iter().chain(catalogue.capabilities.keys()).map(String::as_str);
    let failure = Failure::environment(format!("unknown component: `{name}`"));
    match near(name, names) {
        near if near.is_empty() => failure.help(
            "run `lakegen catalog list` for all components, or use the component `chart` for any Helm \
            chart",
        ),
        near => failure.help(format!("did you mean {}?", quoted_list(near, "or"))),
    }
}

fn no_capability(name: &str, catalogue: &Catalogue) -> Failure {
    let failure = Failure::environment(format!("unknown capability: `{name}`"));
    match near(name, catalogue.capabilities.keys().map(String::as_str)) {
        near if near.is_empty() => failure.help("run `lakegen catalog capabilities` for a list"),
        near => failure.help(format!("did you mean {}?", quoted_list(near, "or"))),
    }
}

/// Returns all components in the order of coming up.
fn sorted(catalogue: &Catalogue) -> Vec<&Component> {
    let mut all: Vec<&Component> = catalogue.components.values().map(AsRef::as_ref).collect();
    all.sort_by(|a, b| (a.tier, &a.name).cmp(&(b.tier, &b.name)));
    all
}

fn tier(component: &Component) -> String {
    component.tier.name().into()
}

fn list(catalogue: &Catalogue) -> String {
    let chart =
        |c: &Component| c.chart.as_ref().map_or_else(String::new, |chart| format!("{} {}", chart.name, chart.version));
    let mut page = Page::default();
    page.table(sorted(catalogue).into_iter().map(|c| [c.name.clone(), tier(c), chart(c), c.summary.clone()]));
    page.text()
}
