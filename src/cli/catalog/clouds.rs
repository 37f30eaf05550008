//! The clouds: how pods get roles there.

use serde_json::{Value as Json, json};

use super::page::Page;
use crate::catalog::{Catalogue, Cloud};
use crate::settings::Text;

/// Returns the page of all clouds.
pub fn text(catalogue: &Catalogue) -> String {
    let mut page = Page::default();
    page.table(catalogue.clouds.values().map(|cloud| [cloud.name.clone(), cloud.summary.to_string()]));
    for cloud in catalogue.clouds.values() {
        let rows = facts(cloud).into_iter().map(|(what, is)| [what.to_string(), is]);
        page.section(&cloud.name, rows);
        if let Some(toml) = toml(cloud) {
            page.line("");
            toml.lines().for_each(|line| page.line(format!("  {line}")));
        }
    }
    page.text()
}

fn facts(cloud: &Cloud) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    if let Some(identity) = &cloud.identity {
        facts.push(("role of a pod", format!("annotation `{}` of its ServiceAccount", identity.annotation)));
        let labels = identity.labels.iter().map(|(key, text)| format!("{key}: \"{text}\"")).collect::<Vec<_>>();
        if !labels.is_empty() {
            facts.push(("label of the pod", labels.join(", ")));
        }
    }
    if cloud.managed {
        facts.push(("control plane", "run by the cloud".into()));
    }
    facts.extend(cloud.dns.as_ref().map(|dns| ("DNS", format!("`{dns}` of external-dns"))));
    facts
}

/// Returns what a platform says of a cloud that gives roles.
fn toml(cloud: &Cloud) -> Option<String> {
    let identity = cloud.identity.as_ref()?;
    Some(format!(
        "[platform]\ncloud = \"{}\"\nidentity = \"{}\"   # for every `identity = true`\n",
        cloud.name, identity.example
    ))
}

/// Returns all clouds as JSON.
pub fn json(catalogue: &Catalogue) -> Json {
    let one = |cloud: &Cloud| {
        let identity = cloud.identity.as_ref().map(|identity| {
            let labels = identity.labels.iter().map(|(key, text)| (key.clone(), Json::from(text.as_str())));
            json!({
                "annotation": identity.annotation.as_str(),
                "labels": labels.collect::<serde_json::Map<_, _>>(),
                "example": identity.example.as_str(),
            })
        });
        json!({
            "name": cloud.name, "summary": cloud.summary.as_str(), "managed": cloud.managed,
            "dns": cloud.dns.as_ref().map(Text::as_str), "flux": cloud.flux.as_str(), "identity": identity,
            "toml": toml(cloud),
        })
    };
    catalogue.clouds.values().map(|cloud| one(cloud)).collect()
}
