//! `lakegen catalog`: what there is to use, and how.

use std::fmt::Write as _;

use clap::{Args, Subcommand, ValueEnum};
use indexmap::IndexMap;
use serde_json::{Value as Json, json};

use super::{Code, DONE, Failure, Session, schema};
use crate::catalog::{Catalogue, Component, OptionDef};
use crate::diag::{escape, near, quoted_list};
use crate::parse::Node;

/// List the components there are, or show one
#[derive(Args, Debug)]
#[command(after_long_help = "Examples:\n  lakegen catalog list\n  lakegen catalog show trino")]
pub struct Catalog {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List all components
    List {
        /// How to print
        #[arg(short, long, value_name = "FORMAT", default_value = "text")]
        output: Output,
    },
    /// Show what a component takes, needs and gives
    Show {
        /// The component's name
        name: String,
        /// How to print
        #[arg(short, long, value_name = "FORMAT", default_value = "text")]
        output: Output,
    },
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
    /// When there is no such component, or one of the user's own is wrong.
    pub fn run(&self, session: &mut Session) -> Result<Code, Failure> {
        let world = schema::world(session)?;
        let catalogue = schema::catalogue(&*world, session)?;
        let text = match &self.command {
            Command::List { output: Output::Text } => list(&catalogue),
            Command::List { output: Output::Json } => {
                json_text(&Json::Array(sorted(&catalogue).into_iter().map(brief).collect()))
            }
            Command::Show { name, output } => {
                let component = catalogue.components.get(name).ok_or_else(|| unknown(name, &catalogue))?;
                match output {
                    Output::Text => show(component),
                    Output::Json => json_text(&whole(component)),
                }
            }
        };
        session.out.data(&text)?;
        Ok(DONE)
    }
}

fn json_text(value: &Json) -> String {
    escape::json(format!("{value:#}\n"))
}

fn unknown(name: &str, catalogue: &Catalogue) -> Failure {
    let failure = Failure::environment(format!("the catalogue has no component `{name}`"));
    match near(name, catalogue.names.iter().map(String::as_str)) {
        near if near.is_empty() => {
            failure.help("run `lakegen catalog list`; any Helm chart can be used through the component `chart`")
        }
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

fn chart(component: &Component) -> String {
    component.chart.as_ref().map_or_else(String::new, |chart| format!("{} {}", chart.name, chart.version))
}

fn list(catalogue: &Catalogue) -> String {
    let all = sorted(catalogue);
    let width = |text: &dyn Fn(&Component) -> String| all.iter().map(|c| text(c).chars().count()).max().unwrap_or(0);
    let (names, tiers, charts) = (width(&|c| c.name.clone()), width(&tier), width(&chart));
    let mut out = String::new();
    for component in &all {
        let (name, tier, chart) = (escape::line(&component.name), tier(component), chart(component));
        let line = format!("{name:names$}  {tier:tiers$}  {chart:charts$}  {}", escape::line(&component.summary));
        writeln!(out, "{}", line.trim_end()).expect("writing to a string");
    }
    out
}

fn brief(component: &Component) -> Json {
    json!({
        "name": component.name,
        "tier": tier(component),
        "summary": component.summary,
        "chart": component.chart.as_ref().map(|c| json!({
            "repository": c.repository, "name": c.name, "version": c.version,
        })),
    })
}

fn whole(component: &Component) -> Json {
    let mut json = brief(component);
    let names = |keys: Vec<&String>| Json::from(keys.into_iter().map(String::as_str).collect::<Vec<_>>());
    json["namespace"] = Json::from(component.namespace.clone());
    json["options"] = options_json(&component.options);
    let slots = component.requires.iter().map(|(name, slot)| {
        (name.clone(), json!({"capabilities": slot.capabilities, "optional": slot.optional, "doc": slot.doc}))
    });
    json["requires"] = Json::Object(slots.collect());
    json["provides"] = names(component.provides.keys().collect());
    json["secrets"] = names(component.secrets.keys().collect());
    json["endpoints"] = names(component.endpoints.keys().collect());
    json["pods"] = names(component.pods.keys().collect());
    json["apis"] = Json::from(component.apis.clone());
    json["lifecycle"] = component.lifecycle.as_ref().map_or(
        Json::Null,
        |l| json!({"state": l.state, "successor": l.successor, "reason": l.reason, "source": l.source}),
    );
    json
}

fn options_json(options: &IndexMap<String, OptionDef>) -> Json {
    let entries = options.iter().map(|(name, option)| {
        let mut json = json!({"type": option.kind, "required": option.required, "doc": option.doc});
        if let Some(default) = &option.default {
            json["default"] = Json::from(shown(default));
        }
        if !option.values.is_empty() {
            json["values"] = Json::from(option.values.clone());
        }
        if !option.keys.is_empty() {
            json["keys"] = options_json(&option.keys);
        }
        (name.clone(), json)
    });
    Json::Object(entries.collect())
}

fn show(component: &Component) -> String {
    let mut out = format!("{} ({}): {}\n", component.name, tier(component), component.summary);
    if let Some(chart) = &component.chart {
        let supports = if chart.supports.is_empty() { String::new() } else { format!(", knows {}", chart.supports) };
        out.push_str(&format!("chart: {} {} from {}{supports}\n", chart.name, chart.version, chart.repository));
    }
    if let Some(life) = &component.lifecycle {
        let next = life.successor.as_ref().map_or_else(String::new, |name| format!("; use `{name}`"));
        out.push_str(&format!("{}: {}{next} ({})\n", life.state, life.reason, life.source));
    }
    if let Some(namespace) = &component.namespace {
        out.push_str(&format!("namespace: {namespace}\n"));
    }
    let mut rows = Vec::new();
    options("", &component.options, &mut rows);
    section(&mut out, "options", &rows);
    let slots = component.requires.iter().map(|(name, slot)| {
        let need = if slot.optional { "optional" } else { "required" };
        (name.clone(), format!("{} ({need})", slot.capabilities.join(" or ")), slot.doc.clone())
    });
    section(&mut out, "needs", &slots.collect::<Vec<_>>());
    let offers = component.provides.iter().map(|(name, offer)| {
        (name.clone(), offer.fields.keys().cloned().collect::<Vec<_>>().join(", "), String::new())
    });
    section(&mut out, "gives", &offers.collect::<Vec<_>>());
    let secrets = component.secrets.iter().map(|(name, secret)| {
        let keys: Vec<&str> = secret.keys.keys().map(String::as_str).collect();
        (name.clone(), keys.join(", "), secret.hint.clone().unwrap_or_default())
    });
    section(&mut out, "secrets", &secrets.collect::<Vec<_>>());
    section(
        &mut out,
        "pods",
        &component.pods.keys().map(|name| (name.clone(), String::new(), String::new())).collect::<Vec<_>>(),
    );
    let endpoints = component
        .endpoints
        .iter()
        .map(|(name, e)| (name.clone(), e.protocol.clone(), format!("service {}", e.service)));
    section(&mut out, "endpoints", &endpoints.collect::<Vec<_>>());
    escape::lines(&out).into_owned()
}

fn options(prefix: &str, all: &IndexMap<String, OptionDef>, rows: &mut Vec<(String, String, String)>) {
    for (name, option) in all {
        let default = match &option.default {
            Some(default) => format!(" = {}", shown(default)),
            None if option.required => " (required)".to_owned(),
            None => String::new(),
        };
        // Other types than `enum` have words that may stand instead.
        let kind = match (option.kind.as_str(), option.values.join(" | ")) {
            (kind, words) if words.is_empty() => kind.to_string(),
            ("enum" | "list" | "map", words) => words,
            (kind, words) => format!("{kind} | {words}"),
        };
        rows.push((format!("{prefix}{name}"), format!("{kind}{default}"), option.doc.clone()));
        options(&format!("{prefix}{name}."), &option.keys, rows);
    }
}

fn section(out: &mut String, title: &str, rows: &[(String, String, String)]) {
    if rows.is_empty() {
        return;
    }
    let first = rows.iter().map(|(name, ..)| name.chars().count()).max().unwrap_or(0);
    let second = rows.iter().map(|(_, kind, _)| kind.chars().count()).max().unwrap_or(0).min(40);
    writeln!(out, "\n{title}:").expect("writing to a string");
    for (name, kind, doc) in rows {
        writeln!(out, "{}", format!("  {name:first$}  {kind:second$}  {doc}").trim_end()).expect("writing to a string");
    }
}

/// Returns a default as it would be written: strings, numbers and lists are the same in JSON and TOML.
fn shown(node: &Node) -> String {
    serde_json::to_string(&node.to_value()).expect("a value of TOML is a value of JSON")
}
