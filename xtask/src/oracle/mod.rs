//! `cargo xtask oracle [kustomize|kubeconform|helm|fetch|charts|functions|all] [--bin DIR] [--shared DIR] [--charts DIR] [PLATFORM.toml…]`:
//! the real tools judge what lakegen writes.
//!
//! Every platform is compiled and written to a temporary folder; then kustomize builds it, kubeconform reads every object,
//! helm reads the values, and each result is compared with what the compiler meant. One line per check, then
//! `N passed, N failed`. `oracle charts` and `oracle functions` hold inflation against helm itself, and are part of
//! `all`; their own files say what they take. lakegen itself never needs any of this.

pub mod charts; //      charts that lakegen inflates
pub mod functions; //   each function of chart templates
mod fetch; //       charts from a real registry and a real server
mod helm; //        the values as a chart sees them
mod kubeconform; // every object against its schema
mod kustomize; //   base and patches against the complete objects
mod platforms; //   what is judged
mod sets; //        Applications, also those that an ApplicationSet makes
mod schemas; //     OpenAPI and CRDs → schemas as kubeconform wants them
pub mod tools; //       where the binaries are, and many processes at once

use std::path::PathBuf;

use anyhow::{Context, bail, ensure};

use platforms::Rendered;
use tools::Tools;

const USAGE: &str = "usage: cargo xtask oracle [kustomize|kubeconform|helm|fetch|charts|functions|all] [--bin DIR] [--shared DIR] [--charts DIR] [PLATFORM.toml…]";

/// What the command line says.
struct Options {
    which: String,
    tools: Tools,
    /// The reference data beside the repository.
    shared: PathBuf,
    /// Unpacked charts, to be rendered with the values.
    charts: Option<PathBuf>,
    platforms: Vec<PathBuf>,
}

/// The outcome of all checks.
#[derive(Debug, Default)]
pub struct Tally {
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl Tally {
    /// Counts a check and prints its line, with what is wrong below.
    pub fn check(&mut self, name: &str, wrong: &[String]) {
        if wrong.is_empty() {
            self.passed += 1;
            println!("ok      {name}");
        } else {
            self.failed += 1;
            println!("FAILED  {name}");
            for line in wrong.iter().flat_map(|text| text.lines()) {
                println!("        {line}");
            }
        }
    }

    /// Prints the sums.
    ///
    /// # Errors
    /// When a check failed.
    fn end(&self) -> anyhow::Result<()> {
        let skipped = if self.skipped > 0 { format!(", {} skipped", self.skipped) } else { String::new() };
        println!("{} passed, {} failed{skipped}", self.passed, self.failed);
        ensure!(self.failed == 0, "the oracles disagree with lakegen");
        Ok(())
    }

    /// Counts a check that could not be made; on a build server that is a failure.
    fn skip(&mut self, name: &str, reason: &str) {
        if std::env::var("CI").is_ok_and(|ci| ci == "true") {
            self.check(name, &[reason.to_string()]);
        } else {
            self.skipped += 1;
            println!("skipped {name}: {reason}");
        }
    }
}

/// Judges the platforms and fails when one check did.
pub fn run(arguments: &[String]) -> anyhow::Result<()> {
    let mut tally = Tally::default();
    match arguments {
        [word, rest @ ..] if word == "charts" => {
            charts::run(rest, &mut tally)?;
            return tally.end();
        }
        [word, rest @ ..] if word == "functions" => {
            functions::start(rest, &mut tally)?;
            return tally.end();
        }
        _ => {}
    }
    let options = Options::read(arguments)?;
    let folder = tempfile::tempdir()?;
    let mut rendered = Vec::new();
    // What is fetched has nothing to do with what is rendered.
    let platforms = if options.which == "fetch" { &[][..] } else { &options.platforms };
    for (number, path) in platforms.iter().enumerate() {
        for other_engine in [false, true] {
            // Argo CD itself is what its example is about.
            if other_engine && path.ends_with("argocd/example.toml") {
                continue;
            }
            let here = folder.path().join(format!("{number}-{other_engine}"));
            match Rendered::new(path, &here, other_engine) {
                Ok(None) => {}
                Ok(Some(one)) => {
                    tally.check(&format!("render {}", one.name), &[]);
                    rendered.push(one);
                }
                Err(error) => tally.check(&format!("render {}", path.display()), &[format!("{error:#}")]),
            }
        }
    }
    for (tool, judge) in
        [("kustomize", kustomize::judge as Judge), ("kubeconform", kubeconform::judge), ("helm", helm::judge)]
    {
        if options.which != "all" && options.which != tool {
            continue;
        }
        match options.tools.find(tool) {
            None => tally.skip(tool, "there is no such program: use `--bin`, or install it as `.ci/run` does"),
            Some(_) if tool == "kubeconform" && !options.shared.is_dir() => {
                tally.skip(tool, &format!("there is no folder {} with schemas", options.shared.display()));
            }
            Some(program) => judge(&program, &options, &rendered, &mut tally)?,
        }
    }
    if matches!(options.which.as_str(), "fetch" | "all") {
        match (options.tools.find("helm"), options.tools.find("registry")) {
            (Some(helm), Some(registry)) => fetch::judge(&helm, &registry, &mut tally)?,
            _ => tally
                .skip("fetch", "there is no `helm` or no `registry`: use `--bin`, or install them as `.ci/run` does"),
        }
    }
    if options.which == "all" {
        match options.tools.find("helm") {
            None => tally.skip("charts", "there is no such program: use `--bin`, or install it as `.ci/run` does"),
            Some(helm) => {
                functions::run(&crate::root(), &helm, false, &mut tally)?;
                charts::judge(&helm, &[charts::fixtures()], true, &mut tally)?;
            }
        }
    }
    tally.end()
}

type Judge = fn(&std::path::Path, &Options, &[Rendered], &mut Tally) -> anyhow::Result<()>;

impl Options {
    fn read(arguments: &[String]) -> anyhow::Result<Self> {
        let root = crate::root();
        let mut options = Self {
            which: "all".into(),
            tools: Tools::default(),
            shared: root.join("../shared"),
            charts: None,
            platforms: vec![],
        };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let mut folder = || rest.next().map(PathBuf::from).with_context(|| format!("{argument} needs a folder"));
            match argument.as_str() {
                "kustomize" | "kubeconform" | "helm" | "fetch" | "all" => options.which.clone_from(argument),
                "--bin" => options.tools = Tools::only(folder()?),
                "--shared" => options.shared = folder()?,
                "--charts" => options.charts = Some(folder()?),
                flag if flag.starts_with('-') => bail!("{USAGE}"),
                path => options.platforms.push(path.into()),
            }
        }
        if options.platforms.is_empty() {
            options.platforms = platforms::all(&root)?;
        }
        Ok(options)
    }
}
