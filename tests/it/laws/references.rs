//! `${…}`: filled in wherever it may stand, or a finding at its key.

use super::document::Document;
use super::kept::Broken;
use super::subject::Subject;

/// No emitted text holds one of our references, but for those that are meant literally (`$${…}`).
pub fn nothing_of_ours_is_left(subject: &Subject) -> Vec<Broken> {
    let mut broken = Vec::new();
    if subject.files.values().any(|bytes| bytes.windows(3).any(|three| three == b"$${")) {
        return broken;
    }
    for (path, text) in subject.tree() {
        for line in text.lines().filter(|line| lakegen::parse::string::has_reference(line)) {
            broken.push(format!("{path}: {}", line.trim()));
        }
    }
    broken
}

/// A first word that is near one of ours is an error, wherever it stands.
pub fn a_misspelt_reference_is_an_error(subject: &Subject) -> Vec<Broken> {
    let Some(document) = &subject.document else { return vec![] };
    let texts = document.texts();
    if texts.is_empty() {
        return vec![];
    }
    let (path, _) = &texts[usize::try_from(subject.salt / 13).unwrap_or(0) % texts.len()];
    if matches!(path[0].as_str(), "lakegen" | "include") {
        return vec![];
    }
    let mut changed = document.clone();
    let keys: Vec<&str> = path.iter().map(String::as_str).collect();
    changed.set(&keys, "${vras.probe}");
    let other = subject.with(&changed);
    let at_key = other.blamed(&changed.write()).iter().any(|blamed| blamed == path);
    if at_key { vec![] } else { vec![format!("{}: `${{vras.probe}}` is no error", general(document, path))] }
}

/// A variable in the place of a text gives the same tree as the text, or there is a finding at its key.
pub fn a_reference_is_its_text(subject: &Subject) -> Vec<Broken> {
    let Some(document) = &subject.document else { return vec![] };
    let texts = document.texts();
    if texts.is_empty() {
        return vec![];
    }
    let (path, text) = &texts[usize::try_from(subject.salt / 11).unwrap_or(0) % texts.len()];
    reference_breaks(subject, path, text)
}

/// Returns a path with free names as `*`.
pub fn general(document: &Document, path: &[String]) -> String {
    let mut words: Vec<&str> = path.iter().map(String::as_str).collect();
    if matches!(words[0], "environments" | "clusters") && words.len() > 2 {
        words.drain(..2);
    }
    if words.len() > 2 && matches!(words[0], "components" | "jobs") {
        let uses = document.at(&[words[0], words[1], if words[0] == "jobs" { "kind" } else { "uses" }]);
        words[1] = uses.and_then(|uses| uses.as_str()).unwrap_or(words[1]);
        // Common keys are those of every component.
        if lakegen::catalog::keys::common().keys.contains_key(words[2]) {
            words[1] = "*";
            if words[2] == "pods" && words.len() > 3 {
                words[3] = "*";
            }
        }
        if words.last() == Some(&"from") && words.len() > 3 {
            return format!("{}.*.<slot>.from", words[0]);
        }
    } else if words.len() > 2
        && !matches!(words[0], "platform" | "git" | "argocd" | "flux" | "secrets" | "images" | "policy")
    {
        words[1] = "*";
    }
    words.join(".")
}

/// Puts a variable in the place of one text.
pub fn reference_breaks(subject: &Subject, path: &[String], text: &str) -> Vec<Broken> {
    let Some(document) = &subject.document else { return vec![] };
    let key = general(document, path);
    // What decides how the file is read, names of other tables, and variables themselves.
    if text.contains("${") || matches!(path[0].as_str(), "lakegen" | "include" | "vars") {
        return vec![];
    }
    let mut changed = document.clone();
    let keys: Vec<&str> = path.iter().map(String::as_str).collect();
    changed.set(&keys, "${vars.probe}");
    changed.set(&["vars", "probe"], text);
    let other = subject.with(&changed);
    if !other.is_ok() {
        let at_key = other.blamed(&changed.write()).iter().any(|blamed| blamed == path);
        return if at_key {
            vec![]
        } else {
            vec![format!("{key}: refused, but not at the key: {}", first_error(&other))]
        };
    }
    let (first, second): (Vec<_>, Vec<_>) = (subject.tree().collect(), other.tree().collect());
    let differs = first.iter().zip(&second).find(|(a, b)| a != b);
    match differs {
        None if first.len() == second.len() => vec![],
        Some(((one, before), (two, after))) if one == two => {
            let line = before.lines().zip(after.lines()).find(|(a, b)| a != b);
            vec![format!("{key} = {text:?}: {one}: {line:?}")]
        }
        _ => vec![format!("{key} = {text:?}: other files")],
    }
}

fn first_error(subject: &Subject) -> String {
    subject.findings().lines().find(|line| line.starts_with("error")).unwrap_or_default().to_string()
}

/// Keys that the draw seldom reaches, each in a small platform of its own.
#[test]
fn variables_stand_where_the_draw_seldom_comes() {
    let head = "lakegen = \"1\"\n[platform]\nname = \"lake\"\n[git]\nurl = \"https://git.example.com/acme/lake.git\"\n";
    let vault =
        "[secrets]\nprovider = \"vault\"\nat = \"https://vault.example.com\"\n[components]\nexternal-secrets = {}\n";
    let table: &[(&str, &[&str], &str)] = &[
        ("[components.web]\nuses = \"kustomize\"\npath = \"apps/web\"\n", &["components", "web", "path"], "apps/web"),
        (
            "[components.web]\nuses = \"kustomize\"\nrepository = \"https://git.example.com/acme/web.git\"\nrevision = \"v1\"\npath = \"deploy\"\n",
            &["components", "web", "repository"],
            "https://git.example.com/acme/web.git",
        ),
        (
            "[components.web]\nuses = \"kustomize\"\nrepository = \"https://git.example.com/acme/web.git\"\nrevision = \"v1\"\npath = \"deploy\"\n",
            &["components", "web", "revision"],
            "v1",
        ),
        (
            "[components.prometheus.receivers.team]\nkind = \"slack\"\nsecret = \"alerts/team#address\"\n",
            &["components", "prometheus", "receivers", "team", "secret"],
            "alerts/team#address",
        ),
        (
            "[external.db]\nprovides = \"postgres\"\nhost = \"db.example.com\"\ncredentials = \"db/login\"\n[external.s3]\nprovides = \"bucket\"\nendpoint = \"https://s3.example.com\"\nhost = \"s3.example.com\"\nport = 443\n[components.nessie]\ndatabase = \"db\"\n",
            &["external", "db", "credentials"],
            "db/login",
        ),
        (
            "[secrets]\nprovider = \"sops\"\nfiles = \"secrets\"\nsops.age = \"age1abc\"\n[flux.decrypt]\nsecret = \"sops-keys\"\n[components.web]\nuses = \"config\"\nmaps.a.b = \"c\"\n",
            &["secrets", "sops", "age"],
            "age1abc",
        ),
    ];
    let mut broken = String::new();
    for (text, path, value) in table {
        let store = if text.contains("[secrets]") { "" } else { vault };
        let mut document = Document::read(&format!("{head}{store}{text}")).unwrap();
        let engine = if text.contains("[flux") { "flux" } else { "argocd" };
        document.set(&["platform", "engine"], engine);
        document.files.insert("apps/web/kustomization.yaml".into(), "resources: []\n".into());
        let subject = Subject::of("a small platform", &document);
        assert!(subject.is_ok(), "{text}\n{}", subject.findings());
        let path: Vec<String> = path.iter().map(ToString::to_string).collect();
        broken.extend(reference_breaks(&subject, &path, value).iter().map(|line| format!("{line}\n")));
    }
    assert!(broken.is_empty(), "{broken}");
}
