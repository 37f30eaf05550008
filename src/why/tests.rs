//! Questions about a small platform.

use super::*;
use crate::compile::{Request, compile};
use crate::diag::stop::Stop;
use crate::world::memory::MemoryWorld;

const PLATFORM: &str = r#"lakegen = "1"
[platform]
name = "lake"
domain = "example.com"
[git]
url = "https://git.example.com/acme/lake.git"
[edges.web]
kind = "ingress"
class = "nginx"
[defaults]
env = { TZ = "UTC" }
[components]
ingress-nginx = { values.controller.replicaCount = 5 }
one = { uses = "app", image = "registry.example.com/one:1.0", host = "one" }
[environments.prod]
components.one.pods.main.replicas = 3
[environments.dev]
"#;

fn ask(words: &str) -> Result<Vec<String>, Stop> {
    ask_of(PLATFORM, words)
}

fn ask_of(platform: &str, words: &str) -> Result<Vec<String>, Stop> {
    let world: MemoryWorld = [("platform.toml", platform.as_bytes())].into_iter().collect();
    let compiled = compile(&world, &Request::default());
    assert!(compiled.is_ok(), "{:?}", compiled.diagnostics);
    let platform = compiled.platform.as_ref().expect("a platform");
    let asked = Asked { compiled: &compiled, platform, chosen: &|target| target == "prod" };
    let words: Vec<String> = words.split(' ').map(String::from).collect();
    let answers = why(&world, "platform.toml", &asked, &words)?;
    let text = |d: &Diagnostic| {
        let labels = d.labels.iter().map(|label| {
            let (path, (line, _)) =
                (compiled.sources.path(label.span.source), compiled.sources.line_column(label.span));
            format!("{path}:{line} {}", label.text)
        });
        std::iter::once(d.message.clone()).chain(labels).chain(d.notes.iter().cloned()).collect::<Vec<_>>().join("\n")
    };
    Ok(answers.iter().map(text).collect())
}

#[track_caller]
fn says(words: &str, wanted: &[&str]) {
    let text = ask(words).expect("an answer").join("\n");
    for part in wanted {
        assert!(text.contains(part), "no `{part}` in:\n{text}");
    }
}

#[test]
fn an_object_names_the_key_that_asks_for_it() {
    says(
        "ingress/ONE",
        &[
            "`Ingress one/one`",
            "platform.toml:14 without this, it would not exist",
            "edges/ingress/route.yaml.j2:8 created by this template",
        ],
    );
    says("one/Deployment/one", &["stage `release` of `one` in `prod`", "templates/app/"]);
}

#[test]
fn the_store_names_the_template_of_its_kind() {
    for (scope, object) in [("cluster", "ClusterSecretStore/vault"), ("namespace", "two/SecretStore/vault")] {
        let secrets = format!("[secrets]\nprovider = \"vault\"\nat = \"https://v.example.com\"\nscope = \"{scope}\"\n");
        let more = "\n[components.external-secrets]\n[components.two]\nuses = \"app\"\nimage = \"registry.example.com/two:1.0\"\nsecrets.x.keys.k = \"${item.k}\"\n";
        let answers = ask_of(&format!("{PLATFORM}{secrets}{more}"), object).expect("an answer").join("\n");
        assert!(answers.contains("stores/vault/store.yaml.j2:"), "{answers}");
        assert!(answers.contains("created by this template"), "{answers}");
    }
}

#[test]
fn a_field_names_its_key_and_its_layer() {
    let world: MemoryWorld = [("platform.toml", PLATFORM.as_bytes())].into_iter().collect();
    let compiled = compile(&world, &Request::default());
    let file = "components/one/prod/release/deployment-one.patch.yaml";
    let text = String::from_utf8_lossy(compiled.tree.get(file).expect("the overlay")).into_owned();
    let line = text.lines().position(|l| l.contains("replicas")).expect("replicas differ") + 1;
    says(
        &format!("{file}:{line}"),
        &["`spec.replicas` = `3`", "platform.toml:16 this decides it (environment `prod`)"],
    );
}

#[test]
fn a_value_names_its_step() {
    says(
        "ingress-nginx values controller.replicaCount",
        &["= `5`", "platform.toml:13", "set by the user's `values`", "over"],
    );
    says(
        "ingress-nginx values controller.ingressClassResource.name",
        &["templates/ingress-nginx/values.yaml.j2", "set by the component's template"],
    );
}

#[test]
fn what_is_not_there_names_what_is_near() {
    let refusal = ask("Ingres/one").expect_err("no such kind");
    assert_eq!(refusal.help, ["did you mean `Ingress/one`?"]);
    let refusal = ask("Deployment/ingress-nginx-controller").expect_err("a chart makes it");
    assert!(refusal.help[0].contains("chart `ingress-nginx"), "{refusal:?}");
    let refusal = ask("ingress-nginx values controller.replicaCuont").expect_err("no such value");
    assert_eq!(refusal.help, ["did you mean `controller.replicaCount`?"]);
    assert!(ask("components/nothing.yaml:1").is_err() && ask("PLATFORM.md:99999").is_err());
}

#[test]
fn a_line_of_the_engine_names_its_keys() {
    let world: MemoryWorld = [("platform.toml", PLATFORM.as_bytes())].into_iter().collect();
    let compiled = compile(&world, &Request::default());
    let text = String::from_utf8_lossy(compiled.tree.get("argocd/prod/one.yaml").expect("an Application")).into_owned();
    let line = text.lines().position(|l| l.contains("repoURL")).expect("a source") + 1;
    says(&format!("gitops/argocd/prod/one.yaml:{line}"), &["platform.toml:6", "for the GitOps engine"]);
}
