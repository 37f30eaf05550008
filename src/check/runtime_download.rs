//! `runtime-download`: a program that fetches parts of itself each time it starts.

use super::unknown_value::{Where, dotted, find};
use super::{Clean, Context, Findings, Made, at_key, walk};
use crate::code;
use crate::diag::Diagnostic;
use crate::manifest::object::Object;
use crate::manifest::value::Value;
use crate::resolve::Instance;

code!(
    RUNTIME_DOWNLOAD,
    "runtime-download",
    "an application downloads packages at every start",
    "the same commit may run different code later, and nothing starts while the package source is down",
    "conf.\"spark.jars.packages\" = \"org.apache.iceberg:iceberg-spark-runtime-3.5_2.12:1.10.0\"",
    "image = \"ghcr.io/acme/spark-iceberg:3.5.5-1\"      # with the JARs in /opt/spark/jars"
);

const HELP: &str =
    "build your own image with the package, pinned by version and checksum in the Dockerfile, and use that image";

/// Settings that make Spark resolve Maven coordinates (spark.apache.org/docs/latest/configuration.html).
const PACKAGES: &str = "spark.jars.packages";

/// Settings that may name files on a web server (the same page).
const FILES: &[&str] = &["spark.jars", "spark.files", "spark.submit.pyFiles", "spark.archives"];

/// What package managers are told to install with.
const INSTALLERS: &[&str] = &[
    "pip install",
    "pip3 install",
    "apt-get install",
    "apt install",
    "apk add",
    "yum install",
    "dnf install",
    "npm install",
];

/// Something that is downloaded: the key that it stands under, what is fetched, and the user's own text of it.
struct Download<'a> {
    key: &'a str,
    what: String,
    text: &'a str,
}

/// Checks every workload, every Spark application, every ConfigMap with Spark's settings, and the user's Helm values.
pub fn check(context: &Context<'_>, findings: &mut Findings) {
    let mut clean = Clean::default();
    for made in context.made() {
        let before = findings.0.len();
        if let (Some(all), Some(instance)) = (&made.unit.values, made.instance) {
            clean.unless_clean(all, findings, |findings| values(context, &made, instance, all, findings));
        }
        // What the chart makes of a value that was reported is no second mistake.
        let said = findings.0.len() > before;
        for lowered in made.objects().filter(|lowered| !(said && lowered.origin.is_chart())) {
            let value = lowered.object.value();
            clean.unless_clean(value, findings, |findings| {
                for download in downloads(&lowered.object) {
                    let (kind, name) = (lowered.object.kind(), lowered.object.name());
                    let verb = if kind == "ConfigMap" { "makes Spark download" } else { "downloads" };
                    let message = format!("{kind} `{name}` {verb} {} at every start", download.what);
                    let diagnostic = Diagnostic::warning(&RUNTIME_DOWNLOAD, message);
                    let diagnostic = match made.instance.and_then(|i| walk::written_text(i, download.text)) {
                        Some(span) => diagnostic.at(span, ""),
                        None => at_key(context, diagnostic, lowered, download.key),
                    };
                    findings.object(&made, lowered, diagnostic.help(HELP));
                }
            });
        }
    }
}

/// Values by which charts and images install packages at start: Airflow's image (airflow.apache.org/docs/docker-stack/entrypoint.html)
/// and the community's chart of it (github.com/airflow-helm/charts, `airflow.extraPipPackages`).
const PACKAGE_SETTINGS: &[&str] = &["_PIP_ADDITIONAL_REQUIREMENTS", "extraPipPackages"];

/// Looks at the Helm values that the user wrote.
fn values(context: &Context<'_>, made: &Made<'_>, instance: &Instance, all: &Value, findings: &mut Findings) {
    walk::paths(all, &mut Vec::new(), "", "", &mut |path, key, _, value| {
        let what = match value {
            _ if value.is_empty() => None,
            Value::Str(text) if text.is_empty() => None,
            Value::Str(_) | Value::List(_) if PACKAGE_SETTINGS.contains(&key) => Some("packages"),
            Value::Str(_) if key == PACKAGES => Some("Maven packages"),
            Value::Str(text) => fetched(text),
            // A command in words: none of them says it alone.
            Value::List(list) => {
                let words: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
                fetched(&words.join(" ")).filter(|_| words.iter().all(|word| fetched(word).is_none()))
            }
            _ => None,
        };
        let (Some(what), ((_, place), Where::User)) = (what, find(context.sources, instance, path)) else { return };
        let message =
            format!("a value of `{}` makes its chart download {what} at every start: `{}`", made.name, dotted(path));
        let diagnostic = Diagnostic::warning(&RUNTIME_DOWNLOAD, message).at(place, "");
        findings.component(made.index, made.name, diagnostic.help(HELP));
    });
}

fn downloads(object: &Object) -> Vec<Download<'_>> {
    let mut found = Vec::new();
    match (object.group(), object.kind()) {
        ("sparkoperator.k8s.io", _) => {
            for spec in [&["spec"][..], &["spec", "template"]].iter().filter_map(|path| object.value().at(path)) {
                spark(spec, &mut found);
            }
        }
        ("", "ConfigMap") => {
            for value in object.value().at(&["data"]).and_then(Value::as_map).into_iter().flat_map(|data| data.values())
            {
                let text = value.as_str().map_or("", |text| text);
                let line = text.lines().map(str::trim).find(|line| setting(line) == Some(PACKAGES));
                found.extend(line.map(|line| Download {
                    key: PACKAGES,
                    what: "Maven packages".into(),
                    text: line[PACKAGES.len()..].trim_start_matches([' ', '\t', '=', ':']),
                }));
            }
        }
        ("" | "apps" | "batch", _) => containers(object.value(), &mut found),
        _ => {}
    }
    found
}

/// Returns the name of the setting in a line of spark-defaults.conf.
fn setting(line: &str) -> Option<&str> {
    line.split([' ', '\t', '=', ':']).next().filter(|name| !name.is_empty())
}

fn spark<'a>(spec: &'a Value, found: &mut Vec<Download<'a>>) {
    let list =
        |key: &str| spec.at(&["deps", key]).and_then(Value::as_list).into_iter().flatten().filter_map(Value::as_str);
    for package in list("packages") {
        found.push(Download { key: "packages", what: format!("Maven package `{package}`"), text: package });
    }
    for key in ["jars", "files", "pyFiles", "archives"] {
        for file in list(key).filter(|file| on_the_web(file)) {
            found.push(Download { key: "deps", what: format!("`{file}`"), text: file });
        }
    }
    let conf = spec.at(&["sparkConf"]).and_then(Value::as_map);
    for (name, value) in conf.into_iter().flatten() {
        let Some(text) = value.as_str() else { continue };
        if &**name == PACKAGES {
            found.push(Download { key: PACKAGES, what: format!("Maven package `{text}`"), text });
        } else if FILES.contains(&&**name) && text.split(',').any(on_the_web) {
            found.push(Download { key: "sparkConf", what: format!("`{text}`"), text });
        }
    }
}

fn on_the_web(file: &str) -> bool {
    ["http://", "https://"].iter().any(|scheme| file.trim_start().starts_with(scheme))
}

/// Looks at the commands of all containers: maps with an image, wherever a workload keeps them.
fn containers<'a>(value: &'a Value, found: &mut Vec<Download<'a>>) {
    match value {
        Value::Map(map) => {
            if map.contains_key("image") {
                let words: Vec<&'a str> = ["command", "args"]
                    .iter()
                    .filter_map(|key| map.get(*key).and_then(Value::as_list))
                    .flatten()
                    .filter_map(Value::as_str)
                    .collect();
                if let Some(what) = fetched(&words.join(" ")) {
                    let longest = words.iter().copied().max_by_key(|word| word.len()).unwrap_or_default();
                    found.push(Download { key: "args", what: what.into(), text: longest });
                }
            }
            map.values().for_each(|inner| containers(inner, found));
        }
        Value::List(list) => list.iter().for_each(|inner| containers(inner, found)),
        _ => {}
    }
}

/// Says what a command line fetches before it does its work.
fn fetched(command: &str) -> Option<&'static str> {
    let program = |name: &str| {
        command
            .split(|c: char| !(c.is_ascii_alphanumeric() || "-_./".contains(c)))
            .any(|word| word.rsplit('/').next() == Some(name))
    };
    if (program("curl") || program("wget")) && command.contains(".jar") {
        return Some("JARs");
    }
    if command.contains("--packages ") && command.contains("spark") {
        return Some("Maven packages");
    }
    INSTALLERS.iter().any(|installer| command.contains(installer)).then_some("packages")
}

#[cfg(test)]
mod tests {
    use super::fetched;

    #[test]
    fn downloads_are_told_from_requests() {
        for command in [
            "/bin/sh -c curl -L -o /opt/spark/jars/iceberg.jar https://maven.example.com/x.jar",
            "/bin/sh -c set -e\n/usr/bin/wget https://x/y.jar",
            "spark-submit --packages org.apache.iceberg:x:1 main.py",
            "/bin/sh -c pip install dbt-core && dbt run",
            "sh -c apk add --no-cache curl",
        ] {
            assert!(fetched(command).is_some(), "{command}");
        }
        for command in [
            "curl -f https://hooks.example.com/done",
            "java -jar /app/app.jar",
            "/opt/curly/bin/run app.jar",
            "pg_dump --format=plain",
            "spark-submit /opt/jobs/daily.py",
        ] {
            assert_eq!(fetched(command), None, "{command}");
        }
    }
}
