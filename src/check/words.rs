//! What containers are told: the hosts and names in their commands, arguments and environment.
//!
//! A word is only a word: what is found here is what a person would see, never what a program does with it.

use crate::manifest::value::Value;

/// A text that a container is given, with the place where it stands.
pub struct Told<'a> {
    pub container: &'a str,
    /// `command`, `args`, or the name of a variable.
    pub place: &'a str,
    pub text: &'a str,
}

/// Returns what the containers of an object are told; with `init` only those that come before the others.
pub fn told(object: &Value, init: bool) -> Vec<Told<'_>> {
    let mut all = Vec::new();
    let Some(pod) = pod(object) else { return all };
    let lists: &[&str] = if init { &["initContainers"] } else { &["initContainers", "containers"] };
    for container in lists.iter().filter_map(|list| pod.get(list)?.as_list()).flatten() {
        let name = container.get("name").and_then(Value::as_str).unwrap_or_default();
        for place in ["command", "args"] {
            let texts = container.get(place).and_then(Value::as_list).unwrap_or(&[]).iter().filter_map(Value::as_str);
            all.extend(texts.map(|text| Told { container: name, place, text }));
        }
        for variable in container.get("env").and_then(Value::as_list).unwrap_or(&[]) {
            let text = |key: &str| variable.get(key).and_then(Value::as_str);
            if let (Some(place), Some(text)) = (text("name"), text("value")) {
                all.push(Told { container: name, place, text });
            }
        }
    }
    all
}

/// Returns the pod of a workload, or the Pod itself.
fn pod(object: &Value) -> Option<&Value> {
    match object.get("kind").and_then(Value::as_str)? {
        "Pod" => object.get("spec"),
        "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" | "Job" => object.at(&["spec", "template", "spec"]),
        _ => None,
    }
}

/// Characters of host names and of names in general: a word ends at any other.
fn of_a_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_')
}

/// Returns the words of a text with the offset of each.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split(|c| !of_a_word(c)).filter(|word| !word.is_empty()).map(|word| {
        let word = word.trim_end_matches('.');
        (word.as_ptr().addr() - text.as_ptr().addr(), word)
    })
}

/// Returns the word by which a text names the host of a Service.
///
/// With its namespace the name is a host wherever it stands. Alone it is one before a port, behind `//` or `@`, and behind
/// something that is called a host; elsewhere it may be the name of anything.
pub fn host<'a>(all: &[Told<'a>], index: usize, service: &str, namespace: &str) -> Option<&'a str> {
    let told = &all[index];
    let before =
        index.checked_sub(1).map(|i| &all[i]).filter(|b| b.container == told.container && b.place == told.place);
    words(told.text).map(|(at, word)| (&told.text[..at], word, &told.text[at + word.len()..])).find_map(
        |(left, word, right)| {
            let rest = word.strip_prefix(service)?;
            let full = rest
                .strip_prefix('.')
                .and_then(|rest| rest.strip_prefix(namespace))
                .is_some_and(|rest| rest.is_empty() || rest == ".svc" || rest.starts_with(".svc."));
            let left =
                if left.is_empty() { before.filter(|b| is_host_option(b.text)).map_or(left, |b| b.text) } else { left };
            let alone = rest.is_empty()
                && (port(right)
                    || left.ends_with("//")
                    || left.ends_with('@')
                    || is_host_option(left)
                    || (left.is_empty() && right.is_empty() && is_host_variable(told.place)));
            (full || alone).then_some(word)
        },
    )
}

/// Says whether a port comes next: `:5432`, or ` 5432` as `nc` takes it.
fn port(right: &str) -> bool {
    right.strip_prefix([':', ' ']).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// Says whether a text ends in an option that a host follows: `--host=`, `-h `, `DB_HOST=`.
fn is_host_option(left: &str) -> bool {
    let left = left.trim_end_matches(['"', '\'', ' ']);
    let name = left.trim_end_matches('=');
    let option = name.rsplit(|c: char| !of_a_word(c)).next().unwrap_or_default();
    option == "-h" || ((option.starts_with('-') || name != left) && is_host_variable(option))
}

/// Says whether a name is that of a host: `--host`, `DB_HOST`, `dbhost`, `POSTGRES_SERVER`.
fn is_host_variable(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["host", "hostname", "server", "addr", "address", "endpoint"].iter().any(|end| name.ends_with(end))
}

/// Says whether texts name a Job as `kubectl wait` and its like do: `job/name`, `job.batch/name`, `jobs name`.
pub fn names_job(texts: &str, job: &str) -> bool {
    words(texts).any(|(at, word)| {
        let kind = texts[..at].trim_end_matches(['/', ' ']);
        word == job
            && kind.len() < at
            && ["job", "jobs", "job.batch", "jobs.batch"]
                .iter()
                .any(|k| kind.strip_suffix(k).is_some_and(|rest| !rest.ends_with(of_a_word)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(texts: &[(&'static str, &'static str)]) -> Vec<Told<'static>> {
        texts.iter().map(|(place, text)| Told { container: "c", place, text }).collect()
    }

    #[test]
    fn a_host_is_told_from_other_words() {
        for (place, text, found) in [
            ("args", "postgres://app:secret@db:5432/app", Some("db")),
            ("args", "until nc -z db 5432; do sleep 1; done", Some("db")),
            ("args", "--host=db", Some("db")),
            ("command", "psql -h db -U app", Some("db")),
            ("args", "http://db/ready", Some("db")),
            ("args", "--wait-for db.shop", Some("db.shop")),
            ("args", "x db.shop.svc.cluster.local. y", Some("db.shop.svc.cluster.local")),
            ("DB_HOST", "db", Some("db")),
            ("DB_NAME", "db", None),
            ("args", "--name=db", None),
            ("args", "my-db:5432", None),
            ("args", "db-replica:5432", None),
            ("args", "my_db:5432", None),
            ("args", "db.other.svc:5432", None),
            ("args", "db.shopping.svc:5432", None),
            ("args", "db migrate", None),
            ("args", "start-server db", None),
        ] {
            assert_eq!(host(&told(&[(place, text)]), 0, "db", "shop"), found, "{place}: {text}");
        }
        assert_eq!(host(&told(&[("args", "--host"), ("args", "db")]), 1, "db", "shop"), Some("db"));
        assert_eq!(host(&told(&[("args", "--name"), ("args", "db")]), 1, "db", "shop"), None);
    }

    #[test]
    fn a_job_is_told_from_other_words() {
        for (text, found) in [
            ("kubectl wait --for=condition=complete job/seed", true),
            ("job seed", true),
            ("wait jobs.batch/seed -n x", true),
            ("job/seeds", false),
            ("cronjob/seed", false),
            ("seed", false),
            ("jobseed", false),
        ] {
            assert_eq!(names_job(text, "seed"), found, "{text}");
        }
    }
}
