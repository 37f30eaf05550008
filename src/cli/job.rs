//! `lakegen job`: a run of a job that starts on demand.

use std::collections::BTreeMap;

use clap::Args;

use super::project::{self, Project};
use super::select::Selection;
use super::{Code, DONE, Failure, Session};
use crate::catalog::Stage;
use crate::compile::Compiled;
use crate::diag::{near, quoted_list};
use crate::lower::Lowered;
use crate::lower::objects::demand::{self, Run};
use crate::manifest::value::Value;
use crate::manifest::yaml;
use crate::parse::text::Format;

/// Print a run of a job that runs on demand
///
/// Fills in the template of a job with `when = "demand"`: the run's name is appended to the object's name and replaces
/// `${run.name}`; `--set` sets every other `${run.…}`. Save the output in the folder that the engine syncs for this job,
/// `jobs/<target>/<job>/` of the tree.
#[derive(Args, Debug)]
#[command(
    after_long_help = "Examples:\n  lakegen job ingest 2026-11 > gitops/jobs/prod/ingest/2026-11.yaml\n  lakegen job ingest 2026-11 -e prod \
                             --set file=orders.csv | kubectl create -f -"
)]
pub struct Job {
    /// The job
    #[arg(value_name = "JOB")]
    name: String,
    /// A name for the run
    #[arg(value_name = "RUN")]
    run: String,
    /// Value of `${run.<KEY>}`
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    set: Vec<(String, String)>,
    /// The environment or target
    #[arg(short, long = "env", value_name = "ENV", env = "LAKEGEN_ENV", hide_env = true)]
    environment: Option<String>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write it as KEY=VALUE")?;
    Ok((key.to_string(), value.to_string()))
}

impl Job {
    /// Runs the command.
    ///
    /// # Errors
    /// When there is no such job, it does not start on demand, or the run lacks a word.
    pub fn run(&self, session: &mut Session) -> Result<Code, Failure> {
        let project = Project::find(session)?;
        let compiled = project::compile(session, &project.world(), &project.request())?;
        let objects = self.template(&compiled)?;
        let mut words: BTreeMap<String, String> = self.set.iter().cloned().collect();
        let known = demand::words(objects);
        if let Some(key) = words.keys().find(|key| !known.contains(*key)) {
            let failure = Failure::environment(format!("job `{}` does not use `${{run.{key}}}`", self.name));
            return Err(match near(key, known.iter().map(String::as_str)) {
                near if near.is_empty() && known.is_empty() => failure.help("remove `--set`"),
                near if near.is_empty() => {
                    failure.help(format!("available: {}", quoted_list(known.iter().map(String::as_str), "and")))
                }
                near => failure.help(format!("did you mean {}?", quoted_list(near, "or"))),
            });
        }
        words.insert("name".into(), self.run.clone());
        let filled = match demand::fill(objects, &words) {
            Run::Filled(filled) => filled,
            Run::Missing(missing) => {
                let set: Vec<String> = missing.iter().map(|word| format!("--set {word}=…")).collect();
                let message = format!(
                    "a run of `{}` needs {}",
                    self.name,
                    quoted_list(missing.iter().map(String::as_str), "and")
                );
                return Err(Failure::environment(message).help(format!("add `{}`", set.join(" "))));
            }
        };
        for object in &filled {
            let name = object.at(&["metadata", "name"]).and_then(Value::as_str).unwrap_or_default();
            if let Err(what) = Format::Name.check(name) {
                let message = format!("the run would be called `{name}`, which is not {what}");
                return Err(Failure::environment(message).help("use another name for the run"));
            }
        }
        let documents: Vec<String> = filled.iter().map(yaml::write).collect();
        session.out.data(&documents.join("---\n"))?;
        Ok(DONE)
    }

    /// Returns the objects that start the job, in the target that is meant.
    fn template<'a>(&self, compiled: &'a Compiled) -> Result<&'a [Lowered], Failure> {
        let platform = compiled.platform.as_ref().expect("a compile without errors has a platform");
        let names: Vec<String> = self.environment.iter().cloned().collect();
        let selection = Selection::new(platform, &names)?;
        let targets = platform.targets.iter().zip(&compiled.manifests.targets);
        let meant: Vec<_> = targets.filter(|(target, _)| selection.has(&target.name)).collect();
        let templates = meant.iter().filter_map(|(target, lowered)| {
            let objects = lowered.components.get(&self.name)?.stages.get(&Stage::Demand)?;
            Some((target.name.as_str(), objects.as_slice()))
        });
        let templates: Vec<(&str, &[Lowered])> = templates.collect();
        let Some((_, first)) = templates.first() else {
            let jobs = || meant.iter().flat_map(|(target, _)| target.instances.values()).filter(|i| i.job);
            let failure = Failure::environment(format!("no job `{}` runs on demand", self.name));
            let demands: Vec<&str> = jobs().filter(|i| demand::is_on_demand(i)).map(|i| i.name.as_str()).collect();
            return Err(match near(&self.name, demands.iter().copied()) {
                _ if jobs().any(|i| i.name == self.name) => failure.help("add `when = \"demand\"` to the job"),
                near if !near.is_empty() => failure.help(format!("did you mean {}?", quoted_list(near, "or"))),
                _ if demands.is_empty() => failure.help("set `when = \"demand\"` on a job"),
                _ => failure.help(format!("available: {}", quoted_list(demands, "and"))),
            });
        };
        let same = |objects: &[Lowered]| {
            objects.len() == first.len() && objects.iter().zip(*first).all(|(a, b)| a.object == b.object)
        };
        if !templates.iter().all(|(_, objects)| same(objects)) {
            let names = quoted_list(templates.iter().map(|(name, _)| *name), "and");
            return Err(Failure::environment(format!("job `{}` differs in {names}", self.name))
                .help(format!("select one: `-e {}`", templates[0].0)));
        }
        Ok(first)
    }
}
