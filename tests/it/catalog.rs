//! `lakegen catalog`: what it shows can be pasted, and an own component's example is compiled on both engines.

use std::fs;
use std::path::Path;
use std::process::Command;

use lakegen::catalog;
use lakegen::compile::{Request, compile};
use lakegen::diag::Level;
use lakegen::diag::render::{Format, Style, render};
use lakegen::world::memory::MemoryWorld;

/// Runs the program in a folder; returns exit code, stdout and stderr.
fn lakegen(folder: &Path, arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_lakegen"))
        .args(arguments)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .output()
        .expect("the program was built for this test");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("lakegen prints UTF-8");
    (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
}

/// Takes the table that the example has of a component out of it, and says how it is called.
fn without(example: &mut toml::Table, component: &str) -> Option<(&'static str, String)> {
    let (key, is) = match component.strip_prefix("job-") {
        Some(kind) => ("jobs", ("kind", kind, "container")),
        None => ("components", ("uses", component, "")),
    };
    let tables = example.get_mut(key)?.as_table_mut()?;
    let name = tables.iter().find(|(name, table)| {
        let said = table.get(is.0).and_then(toml::Value::as_str);
        said.unwrap_or(if is.2.is_empty() { name } else { is.2 }) == is.1
    })?;
    let name = name.0.clone();
    tables.remove(&name);
    Some((key, name))
}

#[test]
fn what_is_shown_of_a_component_can_be_pasted() {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in super::examples::FILES {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let mut broken = String::new();
    for name in catalog::names(&MemoryWorld::default()) {
        let example = catalog::embedded_file(&format!("templates/{name}/example.toml")).unwrap();
        fs::write(folder.path().join("platform.toml"), example).unwrap();
        let (code, shown, said) = lakegen(folder.path(), &["catalog", "show", &name, "-o", "json"]);
        assert_eq!(code, 0, "{said}");
        let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
        let block: toml::Table = toml::from_str(shown["toml"].as_str().unwrap()).unwrap();
        let mut platform: toml::Table = toml::from_str(example).unwrap();
        let Some((key, instance)) = without(&mut platform, &name) else {
            broken.push_str(&format!("{name}: its example does not use it\n"));
            continue;
        };
        let mut pasted = block[key].as_table().unwrap().values().next().unwrap().clone();
        if key == "components" && instance != name {
            pasted.as_table_mut().unwrap().insert("uses".into(), name.clone().into());
        }
        platform[key].as_table_mut().unwrap().insert(instance, pasted);
        let mut world: MemoryWorld =
            super::examples::FILES.iter().map(|(path, text)| (*path, text.as_bytes().to_vec())).collect();
        world.insert("platform.toml", super::examples::inline(&platform).into_bytes());
        let compiled = compile(&world, &Request::default());
        let errors: Vec<_> = compiled.diagnostics.iter().filter(|d| d.level == Level::Error).cloned().collect();
        if !errors.is_empty() {
            let style = Style { color: false, width: 120 };
            broken.push_str(&format!("{name}:\n{}\n", render(&errors, &compiled.sources, Format::Full, style)));
        }
    }
    assert!(broken.is_empty(), "{broken}");
}

/// What `catalog edges`, `catalog clouds` and `catalog stores` show of each is taken as it stands, on both engines.
#[test]
fn what_is_shown_of_edges_clouds_and_stores_can_be_pasted() {
    let folder = tempfile::tempdir().unwrap();
    let mut broken = String::new();
    for (what, least) in [("edges", 5), ("clouds", 5), ("stores", 9)] {
        let (code, shown, said) = lakegen(folder.path(), &["catalog", what, "-o", "json"]);
        assert_eq!(code, 0, "{said}");
        let shown: Vec<serde_json::Value> = serde_json::from_str(&shown).unwrap();
        assert!(shown.len() >= least, "{shown:?}");
        for one in shown {
            let (name, Some(block)) = (one["name"].as_str().unwrap(), one["toml"].as_str()) else { continue };
            for engine in ["argocd", "flux"] {
                // Argo CD decrypts nothing.
                if one["kept"] == "encrypted" && engine == "argocd" {
                    continue;
                }
                broken.push_str(&pasted(name, block, engine));
            }
        }
    }
    assert!(broken.is_empty(), "{broken}");
}

/// Returns the errors of a small platform with a block in it, laid over what it says already; edges take the place of its own.
fn pasted(name: &str, block: &str, engine: &str) -> String {
    let mut platform: toml::Table = toml::from_str(SMALL).unwrap();
    platform["platform"].as_table_mut().unwrap().insert("engine".into(), engine.into());
    for (key, value) in toml::from_str::<toml::Table>(block).unwrap_or_else(|error| panic!("{name}: {error}")) {
        match (platform.get_mut(&key).and_then(toml::Value::as_table_mut), value) {
            (Some(table), toml::Value::Table(more)) if key != "edges" => table.extend(more),
            (_, value) => drop(platform.insert(key, value)),
        }
    }
    let world: MemoryWorld = [("platform.toml", super::examples::inline(&platform).into_bytes())].into_iter().collect();
    let compiled = compile(&world, &Request::default());
    // The folder of a store that is kept in files is empty here.
    let wrong = compiled.diagnostics.iter().filter(|d| d.level == Level::Error && d.code.slug != "kept-secret");
    let errors: Vec<_> = wrong.cloned().collect();
    if errors.is_empty() {
        return String::new();
    }
    let style = Style { color: false, width: 120 };
    format!("{name} on {engine}:\n{}\n", render(&errors, &compiled.sources, Format::Full, style))
}

/// A platform that publishes something and has a role.
const SMALL: &str = r#"
[platform]
name = "lake"
domain = "example.com"
cloud = "aws"
identity = "role-${component.name}"
apis = ["traefik.io/v1alpha1", "gateway.networking.k8s.io/v1", "cert-manager.io/v1", "route.openshift.io/v1"]
[git]
url = "https://git.example.com/acme/lake.git"
[secrets]
provider = "none"
[components.external-secrets]
[components.portal]
uses = "app"
image = "ghcr.io/acme/portal:1.0.0"
port = 8080
host = "portal"
identity = true
secrets.login.keys.token = "${item.token}"
env.TOKEN = "${secrets.login.token}"
[edges.web]
kind = "ingress"
class = "nginx"
"#;

const EXAMPLE: &str = "lakegen = \"1\"\n[platform]\nname = \"lake\"\ndomain = \"example.com\"\nengine = \"argocd\"\n\
    [git]\nurl = \"https://git.example.com/acme/lake.git\"\n[components]\ngreeter = {}\n";

#[test]
fn an_own_example_is_compiled_on_both_engines() {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("lakegen/greeter");
    fs::create_dir_all(own.join("release")).unwrap();
    fs::write(folder.path().join("platform.toml"), EXAMPLE).unwrap();
    fs::write(own.join("component.toml"), "summary = \"It greets\"\ntier = \"app\"\n").unwrap();
    let (code, _, said) = lakegen(folder.path(), &["catalog", "check"]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("lakegen/greeter/example.toml"), "{said}");
    fs::write(own.join("example.toml"), EXAMPLE).unwrap();
    let template = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ component.name }}\ndata:\n  a: b\n";
    fs::write(own.join("release/greeter.yaml.j2"), template).unwrap();
    let (code, _, said) = lakegen(folder.path(), &["catalog", "check"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("compiles on argocd") && said.contains("compiles on flux"), "{said}");
    fs::write(own.join("release/greeter.yaml.j2"), template.replace("component.name", "component.nam")).unwrap();
    let (code, _, said) = lakegen(folder.path(), &["catalog", "check", "greeter"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("`component.nam` is not defined"), "{said}");
    let (code, files, _) = lakegen(folder.path(), &["catalog", "show", "greeter", "--files"]);
    assert_eq!(code, 0);
    assert!(files.contains("==> lakegen/greeter/component.toml <==\nsummary = \"It greets\""), "{files}");
}

/// The schema that `init` wrote is known to be old once another lakegen checks.
#[test]
fn an_old_schema_is_noted() {
    let folder = tempfile::tempdir().unwrap();
    let (code, _, said) = lakegen(folder.path(), &["init"]);
    assert_eq!(code, 0, "{said}");
    let (_, _, said) = lakegen(folder.path(), &["check"]);
    assert!(!said.contains("old-schema"), "{said}");
    let path = folder.path().join("platform.schema.json");
    let schema = fs::read_to_string(&path).unwrap();
    fs::write(&path, schema.replacen(concat!("lakegen ", env!("CARGO_PKG_VERSION")), "lakegen 0.0.9", 1)).unwrap();
    let (code, _, said) = lakegen(folder.path(), &["check"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("note[old-schema]: `platform.schema.json` was written by lakegen 0.0.9"), "{said}");
    assert!(said.contains("lakegen schema -o platform.schema.json"), "{said}");
}
