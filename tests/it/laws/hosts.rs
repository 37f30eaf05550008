//! Hosts: what the platform asks for, held against the routes of the tree and its list of names.

use std::collections::{BTreeMap, BTreeSet};

use lakegen::manifest::value::Value;
use serde_json::Value as Json;

use super::document::Document;
use super::kept::Broken;
use super::subject::Subject;

/// A route: by what and through which class or Gateway a host is published.
type Route = (String, String, String);

/// Every host goes through exactly the edges that it names, and stands in the list for the DNS.
pub fn hosts_are_published_as_asked(subject: &Subject) -> Vec<Broken> {
    let Some(document) = &subject.document else { return vec![] };
    let mut broken = Vec::new();
    for (target, environment, cluster) in subject.targets() {
        let layered = document.layered(environment.unwrap_or_default(), cluster);
        let components: BTreeSet<&str> =
            subject.instances(target).into_iter().filter(|name| layered.at(&["components", name]).is_some()).collect();
        let asked = asked(&layered, &components);
        let Some(asked) = asked else { continue };
        let made = made(subject, target, &components);
        for route in asked.difference(&made) {
            broken.push(format!("{target}: {} is not published by {} `{}`", route.2, route.0, route.1));
        }
        for route in made.difference(&asked) {
            broken.push(format!(
                "{target}: {} is published by {} `{}`, which nobody asked for",
                route.2, route.0, route.1
            ));
        }
        let list: String =
            subject.tree().filter(|(path, _)| *path == format!("dns/{target}.txt")).map(|(_, text)| text).collect();
        let names: BTreeSet<&str> = list
            .lines()
            .filter_map(|line| line.split_whitespace().find(|word| word.contains('.') && !word.starts_with('#')))
            .collect();
        for (_, _, host) in asked.iter().filter(|(.., host)| !list.is_empty() && !list.contains(host.as_str())) {
            broken.push(format!("{target}: {host} is not in the list for the DNS ({} names)", names.len()));
        }
    }
    broken
}

/// Works out the hosts by the language's own words; `None` where the file says them in a way that this cannot read.
fn asked(layered: &Document, components: &BTreeSet<&str>) -> Option<BTreeSet<Route>> {
    let edges = layered.table(&["edges"]);
    let domain = layered.at(&["platform", "domain"]).and_then(Json::as_str).unwrap_or_default();
    let default = edges.iter().find(|(_, edge)| edge.get("default") == Some(&Json::Bool(true)));
    let default = default.or_else(|| edges.iter().next()).map(|(name, _)| name.as_str());
    if domain.contains("${") {
        return None;
    }
    let mut all = BTreeSet::new();
    for component in components {
        let table = layered.table(&["components", component]);
        if table.contains_key("like") {
            return None;
        }
        let more = table.get("hosts").and_then(Json::as_object).into_iter().flat_map(|hosts| hosts.values());
        for hosts in table.get("host").into_iter().chain(more) {
            let texts: Vec<&str> = match hosts {
                Json::Array(list) => list.iter().filter_map(Json::as_str).collect(),
                other => other.as_str().into_iter().collect(),
            };
            for text in texts {
                let (edge, host) = text.split_once(':').map_or((default, text), |(edge, host)| (Some(edge), host));
                let table = edges.get(edge?)?;
                let word = |key: &str| table.get(key).and_then(Json::as_str);
                if text.contains("${") || word("hosts").is_some() || table.to_string().contains("${") {
                    return None;
                }
                let host = match host {
                    "@" => domain.to_string(),
                    host if host.contains('.') => host.to_string(),
                    host => format!("{host}.{domain}"),
                };
                let kind = word("kind").unwrap_or("ingress");
                let through = match kind {
                    "gateway" => word("name").or(edge).unwrap_or_default().to_string(),
                    "ingress" => word("class").unwrap_or_default().to_string(),
                    _ => String::new(),
                };
                if kind == "tailscale" {
                    return None;
                }
                all.insert((kind.to_string(), through, host));
            }
        }
    }
    Some(all)
}

fn made(subject: &Subject, target: &str, components: &BTreeSet<&str>) -> BTreeSet<Route> {
    let mut all = BTreeSet::new();
    for part in subject.objects() {
        if part.target != target || !components.contains(part.component) {
            continue;
        }
        let value = part.object.value();
        let texts = |path: &[&str]| -> Vec<String> {
            let list = value.at(path).and_then(Value::as_list).unwrap_or_default();
            list.iter().filter_map(|item| item.as_str().map(String::from)).collect()
        };
        let text = |path: &[&str]| value.at(path).and_then(Value::as_str).unwrap_or_default().to_string();
        let mut add = |kind: &str, through: String, host: String| _ = all.insert((kind.to_string(), through, host));
        match part.object.kind() {
            "Ingress" => {
                for rule in value.at(&["spec", "rules"]).and_then(Value::as_list).unwrap_or_default() {
                    let host = rule.get("host").and_then(Value::as_str).unwrap_or_default();
                    add("ingress", text(&["spec", "ingressClassName"]), host.to_string());
                }
            }
            "HTTPRoute" => {
                for parent in value.at(&["spec", "parentRefs"]).and_then(Value::as_list).unwrap_or_default() {
                    let name = parent.get("name").and_then(Value::as_str).unwrap_or_default();
                    for host in texts(&["spec", "hostnames"]) {
                        add("gateway", name.to_string(), host);
                    }
                }
            }
            "IngressRoute" => {
                for rule in value.at(&["spec", "routes"]).and_then(Value::as_list).unwrap_or_default() {
                    let rule = rule.get("match").and_then(Value::as_str).unwrap_or_default();
                    rule.split('`').skip(1).step_by(2).for_each(|host| add("traefik", String::new(), host.to_string()));
                }
            }
            "Route" => add("route", String::new(), text(&["spec", "host"])),
            _ => {}
        }
    }
    all
}

/// Returns how often each host of each cluster is published.
#[must_use]
pub fn of_clusters(subject: &Subject) -> BTreeMap<String, BTreeSet<String>> {
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (target, ..) in subject.targets() {
        let components: BTreeSet<&str> = subject.instances(target).into_iter().collect();
        for (_, _, host) in made(subject, target, &components) {
            all.entry(host).or_default().insert(target.to_string());
        }
    }
    all
}
