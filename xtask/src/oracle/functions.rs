//! `cargo xtask oracle functions [bless] [--bin DIR]`: the real helm judges the tables of template functions.
//!
//! All cases are rendered in one chart, each in a template of its own whose output is taken as base64, so that not a
//! byte is lost; what fails is rendered alone for its message.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::Tally;
use super::tools::Tools;

#[path = "../../../tests/it/functions/cases.rs"]
pub mod cases;

use cases::{Case, Expected};

/// Reads the command line and compares or rewrites.
pub fn start(arguments: &[String], tally: &mut Tally) -> anyhow::Result<()> {
    let (bless, tools) = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => (false, Tools::default()),
        ["bless"] => (true, Tools::default()),
        ["--bin", folder] => (false, Tools::only(folder.into())),
        ["bless", "--bin", folder] => (true, Tools::only(folder.into())),
        _ => bail!("usage: cargo xtask oracle functions [bless] [--bin DIR]"),
    };
    let helm = tools.find("helm").context("there is no helm: use `--bin`, or install it as `.ci/run` does")?;
    run(&crate::root(), &helm, bless, tally)
}

/// Compares or rewrites the tables below `root`, with the helm binary at `helm`.
pub fn run(root: &Path, helm: &Path, bless: bool, tally: &mut Tally) -> anyhow::Result<()> {
    let folder = root.join("tests/functions");
    let mut tables: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "txt") && !path.ends_with("names.txt") {
            tables.push(path);
        }
    }
    tables.sort();
    for path in tables {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let table = fs::read_to_string(&path)?;
        let cases = cases::read(&table);
        let results = results(&folder, helm, &cases).with_context(|| format!("{name} cannot be judged"))?;
        if bless {
            fs::write(&path, cases::write(&table, &results))?;
            println!("written {name}: {} cases", cases.len());
            continue;
        }
        let mut wrong = Vec::new();
        for (case, result) in cases.iter().zip(&results) {
            if case.expected != *result {
                wrong.push(format!("line {}: helm says {result:?}, the table {:?}", case.line, case.expected));
            }
        }
        tally.check(&format!("functions: {} cases of {name}", cases.len()), &wrong);
    }
    Ok(())
}

/// What helm makes of each case.
fn results(folder: &Path, helm: &Path, cases: &[Case]) -> anyhow::Result<Vec<Expected>> {
    let fails = |case: &&Case| matches!(case.expected, Expected::Error(_) | Expected::OtherError(_));
    let whole: Vec<&Case> = cases.iter().filter(|case| !fails(case)).collect();
    let mut together = rendered(folder, helm, &whole).ok().map(Vec::into_iter);
    let mut out = Vec::with_capacity(cases.len());
    for case in cases {
        let known = if fails(&case) { None } else { together.as_mut().and_then(Iterator::next) };
        out.push(match known {
            Some(text) => Expected::Text(text),
            None => alone(folder, helm, case)?,
        });
    }
    Ok(out)
}

fn alone(folder: &Path, helm: &Path, case: &Case) -> anyhow::Result<Expected> {
    if let Ok(texts) = rendered(folder, helm, &[case]) {
        return Ok(texts.into_iter().next().map_or(Expected::Nothing, Expected::Text));
    }
    // Once more without the wrapping, for the bare message.
    let error = template(folder, helm, &[("case.yaml".into(), case.template.clone())]).err();
    let error = error.context("it fails only within `include`")?;
    let message = message(&error);
    Ok(if matches!(case.expected, Expected::OtherError(_)) {
        Expected::OtherError(message)
    } else {
        Expected::Error(message)
    })
}

/// The words of the function itself, without helm's and the template's places around them.
fn message(error: &str) -> String {
    let error = error.trim_end().trim_start_matches("Error: ");
    let error = error.strip_suffix("\n\nUse --debug flag to render out invalid YAML").unwrap_or(error);
    if let Some((_, message)) = error.split_once("execution error at (").and_then(|(_, rest)| rest.split_once("): ")) {
        return message.into();
    }
    if let Some(message) = error.rsplit(": error calling ").next().filter(|rest| rest.len() < error.len()) {
        return message.split_once(": ").map_or(message, |(_, message)| message).into();
    }
    error.rsplit(">: ").next().unwrap_or(error).into()
}

/// The output of each case, or helm's error.
fn rendered(folder: &Path, helm: &Path, cases: &[&Case]) -> Result<Vec<String>, String> {
    let mut files: Vec<(String, String)> = cases
        .iter()
        .enumerate()
        .map(|(i, case)| (format!("_{i}.tpl"), format!("{{{{ define \"case{i}\" }}}}{}{{{{ end }}}}", case.template)))
        .collect();
    let all: String = (0..cases.len())
        .map(|i| {
            format!("---\nnumber: {i}\nout: {{{{ include \"case{i}\" . | replace \"<no value>\" \"\" | b64enc }}}}\n")
        })
        .collect();
    files.push(("all.yaml".into(), all));
    let output = template(folder, helm, &files)?;
    let mut texts = vec![String::new(); cases.len()];
    let mut number = 0;
    for line in output.lines() {
        if let Some(text) = line.strip_prefix("number: ") {
            number = text.trim().parse().unwrap_or(0);
        } else if let Some(text) = line.strip_prefix("out:") {
            texts[number] =
                String::from_utf8_lossy(&BASE64_STANDARD.decode(text.trim()).unwrap_or_default()).into_owned();
        }
    }
    Ok(texts)
}

/// Runs `helm template` on a chart of these template files.
fn template(folder: &Path, helm: &Path, files: &[(String, String)]) -> Result<String, String> {
    let run = || -> anyhow::Result<std::process::Output> {
        let chart = tempfile::tempdir()?;
        fs::write(chart.path().join("Chart.yaml"), "apiVersion: v2\nname: functions\nversion: 0.1.0\n")?;
        fs::copy(folder.join("values.yaml"), chart.path().join("values.yaml"))?;
        fs::create_dir(chart.path().join("templates"))?;
        for (name, text) in files {
            fs::write(chart.path().join("templates").join(name), text)?;
        }
        let mut command = Command::new(helm);
        command.args(["template", "release"]).arg(chart.path()).env("TZ", "UTC");
        Ok(command.output()?)
    };
    let output = run().map_err(|error| error.to_string())?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}
