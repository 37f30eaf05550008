//! Lists of images as text for people, as JSON for programs, and as bare references for pipelines.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use super::{List, Source, Unseen, Use, floats};
use crate::diag::escape;
use crate::manifest::images::Way;
use crate::parse::text::split_image;

/// Writes lists for people.
pub fn text(lists: &[List]) -> String {
    let text = lists.iter().map(target_text).collect::<Vec<_>>().join("\n");
    escape::lines(&text).into_owned()
}

fn target_text(list: &List) -> String {
    let mut out = String::new();
    let mut line = |text: &str| writeln!(out, "{text}").expect("a string takes all");
    let count = match list.images.len() {
        0 => "no images".to_owned(),
        1 => "1 image".to_owned(),
        n => format!("{n} images"),
    };
    line(&format!("# {}: {count}", list.target));
    for (image, uses) in &list.images {
        line(&format!("\n{image}"));
        for used in uses {
            line(&format!("    {}: {} ({})", used.place.component, described(used), source(&used.place.source)));
        }
        if let Some(why) = floats(image) {
            line(&format!("    floats: {why}"));
        }
        let old: BTreeSet<&str> = uses.iter().filter_map(|used| used.was.as_deref()).collect();
        for old in old {
            line(&format!("    was {old}, changed by `[images]`"));
        }
        let missed: BTreeSet<(&str, &str)> =
            uses.iter().filter_map(|used| Some((used.missed.as_deref()?, remedy(used)))).collect();
        for (meant, remedy) in missed {
            line(&format!("    not rewritten to {meant} by `[images]`: {remedy}"));
        }
    }
    if !list.unseen.is_empty() {
        line("\nNot inspected, so their images are missing from this list:");
    }
    for unseen in &list.unseen {
        line(&format!("    {}", sentence(unseen)));
    }
    out
}

/// Says which chart is not seen, why, and what to do.
pub fn sentence(unseen: &Unseen) -> String {
    let Unseen { component, chart, version, why, help } = unseen;
    format!("chart {chart} {version} of {component}: {why}; {help}")
}

fn described(used: &Use) -> String {
    let place = &used.place;
    let object = match (place.namespace.as_str(), place.name.as_str()) {
        (_, "") => place.kind.clone(),
        ("", name) => format!("{}/{name}", place.kind),
        (namespace, name) => format!("{} {namespace}/{name}", place.kind),
    };
    match (&used.container, place.way) {
        (Some(container), Way::Field) => format!("{object}, container {container}"),
        _ => format!("{object}, {}", place.path),
    }
}

fn source(source: &Source) -> String {
    match source {
        Source::Platform => "platform".to_owned(),
        Source::Patch => "patch".to_owned(),
        Source::Chart(name, version) => format!("chart {name} {version}"),
    }
}

/// Says what makes the rules of `[images]` reach a place.
fn remedy(used: &Use) -> &'static str {
    match (&used.place.source, used.place.way) {
        (Source::Patch, _) => "change it in the patch",
        (Source::Platform, _) => "it is not a plain field of a pod or resource; change it where it is written",
        (Source::Chart(..), Way::Field) => {
            "no known value of the chart sets it; set one under `values`, or use `output = \"manifests\"`"
        }
        (Source::Chart(..), Way::Setting | Way::Text) => {
            "the chart passes it to an application as text; set it under `values`"
        }
    }
}

/// Writes the full references of all targets, sorted, each once, one a line.
pub fn references(lists: &[List]) -> String {
    let all: BTreeSet<&str> = lists.iter().flat_map(|list| list.images.keys()).map(String::as_str).collect();
    let text = all.into_iter().fold(String::new(), |text, image| text + image + "\n");
    escape::lines(&text).into_owned()
}

/// Writes lists for programs.
pub fn json(lists: &[List]) -> String {
    let targets: Vec<Json> = lists.iter().map(target_json).collect();
    escape::json(format!("{:#}\n", json!({ "targets": targets })))
}

fn target_json(list: &List) -> Json {
    let images = list.images.iter().map(|(image, uses)| {
        let parts = split_image(image);
        json!({
            "image": image, "repository": parts.repository, "tag": parts.tag, "digest": parts.digest,
            "floating": floats(image).is_some(), "uses": uses.iter().map(use_json).collect::<Vec<_>>(),
        })
    });
    let unseen = list.unseen.iter().map(|unseen| {
        json!({
            "component": unseen.component, "chart": unseen.chart, "version": unseen.version, "why": unseen.why,
            "help": unseen.help,
        })
    });
    json!({
        "target": list.target,
        "images": images.collect::<Vec<_>>(),
        "not_seen": unseen.collect::<Vec<_>>(),
    })
}

fn use_json(used: &Use) -> Json {
    let place = &used.place;
    let (source, chart) = match &place.source {
        Source::Platform => ("platform", None),
        Source::Patch => ("patch", None),
        Source::Chart(name, version) => ("chart", Some(json!({ "name": name, "version": version }))),
    };
    let way = match place.way {
        Way::Field => "field",
        Way::Setting => "setting",
        Way::Text => "text",
    };
    json!({
        "component": place.component, "kind": place.kind, "namespace": Some(&place.namespace).filter(|n| !n.is_empty()),
        "name": place.name, "container": used.container, "path": place.path, "named_by": way, "source": source,
        "chart": chart, "custom_resource": used.custom, "was": used.was, "not_reached": used.missed,
    })
}
