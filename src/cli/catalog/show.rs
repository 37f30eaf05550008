//! A component as a page: everything that can be said of it, and what comes of it.

use indexmap::IndexMap;

use super::page::Page;
use super::pods::Containers;
use super::{facts, paste, tier};
use crate::catalog::keys::common;
use crate::catalog::{Capability, Catalogue, Component, OptionDef, SlotShape};

/// Returns the page of a component.
pub fn text(component: &Component, catalogue: &Catalogue, pods: &Containers, hand: &paste::Hand) -> String {
    let mut page = Page::default();
    head(component, &mut page);
    let mut rows = Vec::new();
    options("", &component.options, &mut rows);
    page.section("options", rows);
    slots(component, catalogue, &mut page);
    gives(component, catalogue, &mut page);
    pod_rows(component, pods, &mut page);
    let endpoints = component.endpoints.iter().map(|(name, endpoint)| {
        let port = facts::scalar(&endpoint.port);
        let key = if name == "main" { "host".to_string() } else { format!("hosts.{name}") };
        [
            name.clone(),
            format!("{}, port {port}", endpoint.protocol),
            format!("service {}; published by `{key}`", endpoint.service),
        ]
    });
    page.section("endpoints", endpoints);
    secrets(component, &mut page);
    common_keys(component, &mut page);
    page.line("");
    page.line("in platform.toml:");
    for line in paste::block(component, catalogue, hand).lines() {
        page.line(if line.is_empty() { String::new() } else { format!("  {line}") });
    }
    page.text()
}

fn head(component: &Component, page: &mut Page) {
    page.line(format!("{} ({}): {}", component.name, tier(component), component.summary));
    if let Some(chart) = &component.chart {
        let supports = if chart.supports.is_empty() { String::new() } else { format!(", supports {}", chart.supports) };
        page.line(format!("chart: {} {} from {}{supports}", chart.name, chart.version, chart.repository));
    }
    if let Some(life) = &component.lifecycle {
        let next = life.successor.as_ref().map_or_else(String::new, |name| format!("; use `{name}`"));
        page.line(format!("{}: {}{next} ({})", life.state, life.reason, life.source));
    }
    if let Some(namespace) = &component.namespace {
        page.line(format!("namespace: {namespace}"));
    }
    if facts::per_cluster(component) {
        page.line("scope: one per cluster, shared by its environments");
    }
    if !component.apis.is_empty() {
        page.line(format!("installs the kinds of: {}", component.apis.join(", ")));
    }
}

fn options(prefix: &str, all: &IndexMap<String, OptionDef>, rows: &mut Vec<[String; 3]>) {
    for (name, option) in all {
        let kind = match &option.default {
            Some(default) => format!("{} = {}", facts::kind(option), paste::toml(&default.to_value())),
            None if option.required => format!("{} (required)", facts::kind(option)),
            None => facts::kind(option),
        };
        rows.push([format!("{prefix}{name}"), kind, option.doc.clone()]);
        let entry = match option.kind.as_str() {
            "map" => ".<name>",
            "list" => "[]",
            _ => "",
        };
        options(&format!("{prefix}{name}{entry}."), &option.keys, rows);
    }
}

fn slots(component: &Component, catalogue: &Catalogue, page: &mut Page) {
    let rows = component.requires.iter().flat_map(|(name, slot)| {
        let need = if slot.optional { "optional" } else { "required" };
        let many = match slot.shape {
            SlotShape::One => "",
            SlotShape::List => ", one or several",
            SlotShape::Map => ", several by name",
        };
        let first = [name.clone(), format!("{} ({need}{many})", slot.capabilities.join(" or ")), slot.doc.clone()];
        let mut seen: Vec<&str> = Vec::new();
        let mut rows = vec![first];
        for (field, claim) in
            slot.capabilities.iter().filter_map(|c| catalogue.capabilities.get(c)).flat_map(|c| &c.claim)
        {
            if seen.contains(&field.as_str()) {
                continue;
            }
            seen.push(field);
            let default = slot.claim.get(field).or(claim.default.as_ref());
            let default = default.map_or_else(String::new, |text| format!("= \"{text}\""));
            rows.push([format!("{name}.{field}"), default, claim.doc.clone()]);
        }
        rows
    });
    page.section("slots (a name, or a table with `from` and the claim)", rows);
}

fn gives(component: &Component, catalogue: &Catalogue, page: &mut Page) {
    let rows = component.provides.iter().flat_map(|(name, offer)| {
        let capability = catalogue.capabilities.get(name);
        let summary = capability.map_or_else(String::new, |c| c.summary.clone());
        let secret = capability.map(|c| secret_fields(c)).unwrap_or_default();
        let mut rows = vec![[name.clone(), summary]];
        let fields: Vec<&str> = offer.fields.keys().map(String::as_str).collect();
        rows.push([String::new(), format!("fields: {}", fields.join(", "))]);
        if let Some(credential) = offer.credential.as_ref().filter(|_| !secret.is_empty()) {
            let how = facts::source(credential.source.name());
            rows.push([String::new(), format!("secret fields: {} ({how})", secret.join(", "))]);
        }
        rows
    });
    page.section("gives", rows);
}

fn secret_fields(capability: &Capability) -> Vec<&str> {
    capability.fields.iter().filter(|(_, field)| field.secret).map(|(name, _)| name.as_str()).collect()
}

fn pod_rows(component: &Component, containers: &Containers, page: &mut Page) {
    let rows = component.pods.keys().map(|name| {
        let shape = component.keys.keys.get("pods").map(|key| &key.shape);
        let defaults = facts::pod_default(component, name);
        let takes = facts::pod_keys(shape, name);
        [name.clone(), defaults, format!("takes {}", takes.join(", "))]
    });
    page.section("pods (`pods.<name>.…`)", rows);
    page.section(
        "containers in the example",
        containers.iter().map(|(object, names)| [object.clone(), names.join(", ")]),
    );
}

fn secrets(component: &Component, page: &mut Page) {
    let rows = component.secrets.iter().map(|(name, secret)| {
        let keys: Vec<&str> = secret.keys.keys().map(String::as_str).collect();
        [name.clone(), keys.join(", "), facts::how(secret, name)]
    });
    page.section("secrets it reads", rows);
}

fn common_keys(component: &Component, page: &mut Page) {
    let taken = common();
    let rows = taken
        .keys
        .iter()
        .filter(|(name, _)| component.keys.keys.contains_key(*name))
        .map(|(name, key)| [name.clone(), facts::shape_word(&key.shape), key.doc.clone()]);
    page.section("common keys", rows);
}
