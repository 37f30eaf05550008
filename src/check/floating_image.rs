//! `floating-image`: an image that may be another one tomorrow.
//!
//! Looks at rendered workloads and at what users wrote; the defaults inside of charts are the charts' own.

use std::collections::BTreeMap;

use super::unknown_value::{Where, dotted, find};
use super::{Context, Findings, Made, walk};
use crate::code;
use crate::diag::{Diagnostic, Span};
use crate::manifest::value::Value;
use crate::parse::text::{floating, is_moving, split_image};
use crate::parse::{Kind, Node};
use crate::resolve::Instance;

code!(
    FLOATING_IMAGE,
    "floating-image",
    "an image has no tag, or a tag that changes over time",
    "the same commit would run different code on different days, and rollbacks would not work",
    "image = \"ghcr.io/acme/app:latest\"",
    "image = \"ghcr.io/acme/app:1.4.2\""
);

/// Checks the images of all workloads.
pub fn check(context: &Context<'_>, findings: &mut Findings) {
    walk::images(context, findings, written, &|image| Some(report(image, floating(image)?)));
    for made in context.made() {
        if let (Some(all), Some(instance)) = (&made.unit.values, made.instance) {
            in_files(context, &made, instance, all, findings);
        }
        let Some(values) = made.instance.and_then(|instance| instance.said.values.as_ref()) else { continue };
        let mut bare = Vec::new();
        tags(values, "values", &mut |image, path, tag, span| {
            if image.is_none() {
                bare.push((format!("{path}.tag"), tag.to_owned(), span));
            }
        });
        for (path, tag, span) in bare {
            let message = format!("`{path}` is `{tag}`, a tag that changes over time");
            let diagnostic = Diagnostic::error(&FLOATING_IMAGE, message).at(span, "");
            findings.component(made.index, made.name, diagnostic.help("pin a version, for example `tag = \"1.4.2\"`"));
        }
    }
}

/// Looks at what values files of the user's say.
fn in_files(context: &Context<'_>, made: &Made<'_>, instance: &Instance, all: &Value, findings: &mut Findings) {
    if instance.said.values_files.is_empty() {
        return;
    }
    walk::paths(all, &mut Vec::new(), "", "", &mut |path, key, above, value| {
        let Value::Str(text) = value else { return };
        let beside = |key: &str| {
            let parts = path.split_last().and_then(|(_, parent)| all.within(parent))?;
            parts.get(key).and_then(Value::as_str).filter(|text| !text.is_empty())
        };
        let diagnostic = match key {
            "tag"
                if is_moving(text)
                    && (is_image(above) || beside("repository").is_some())
                    && beside("digest").is_none() =>
            {
                let message = format!("`{}` is `{text}`, a tag that changes over time", dotted(path));
                let help = "pin a version, for example `tag: \"1.4.2\"`";
                Some(Diagnostic::error(&FLOATING_IMAGE, message).help(help))
            }
            _ if is_image(key) && text.contains(':') => floating(text).map(|why| report(text, why)),
            _ => None,
        };
        if let (Some(diagnostic), ((_, place), Where::User)) = (diagnostic, find(context.sources, instance, path))
            && instance
                .said
                .values_files
                .iter()
                .any(|f| f.trim_start_matches("./") == context.sources.path(place.source))
        {
            findings.component(made.index, made.name, diagnostic.at(place, ""));
        }
    });
}

fn report(image: &str, why: &str) -> Diagnostic {
    let repository = split_image(image).repository;
    Diagnostic::error(&FLOATING_IMAGE, format!("image `{image}` {why}"))
        .help(format!("pin a version, for example `{repository}:1.4.2`, or a digest"))
}

/// Returns the images that the user wrote for a component: its options of that type, and in its Helm values.
fn written(instance: &Instance) -> BTreeMap<String, Span> {
    let mut images = walk::image_options(instance);
    if let Some(values) = &instance.said.values {
        walk::strings(values, "", "", &mut |key, _, text, span| {
            // Many charts keep the tag beside: `image = "x"` alone says nothing of it.
            if is_image(key) && text.contains(':') {
                images.insert(text.to_string(), span);
            }
        });
        tags(values, "values", &mut |image, _, _, span| {
            images.extend(image.map(|image| (image, span)));
        });
    }
    images
}

/// Says whether a key holds an image: `image`, `initImage`, `sidecar_image`.
fn is_image(key: &str) -> bool {
    key.to_ascii_lowercase().ends_with("image")
}

/// Takes the whole image, the path of its table, its tag and the place of that.
type SeeTag<'s> = dyn FnMut(Option<String>, &str, &str, Span) + 's;

/// Calls `see` with each moving tag of an image that Helm values give in parts: the whole image, when its repository stands
/// beside, the path of the table, the tag and its place.
fn tags(node: &Node, path: &str, see: &mut SeeTag<'_>) {
    match &node.kind {
        Kind::Table(table) => {
            let text = |key: &str| table.get(key).and_then(|entry| entry.node.as_str()).filter(|text| !text.is_empty());
            let repository = text("repository").map(|repository| match text("registry") {
                Some(registry) => format!("{registry}/{repository}"),
                None => repository.to_owned(),
            });
            let pinned = ["digest", "sha"].iter().any(|key| text(key).is_some());
            if let Some(tag) = table.get("tag").map(|entry| &entry.node)
                && let Some(text) = tag.as_str().filter(|tag| is_moving(tag) && !pinned)
                && (repository.is_some() || is_image(path))
            {
                see(repository.map(|repository| format!("{repository}:{text}")), path, text, tag.span);
            }
            for (key, entry) in table.iter() {
                tags(&entry.node, &format!("{path}.{key}"), see);
            }
        }
        Kind::List(list) => list.iter().for_each(|item| tags(item, path, see)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::floating;

    #[test]
    fn only_exact_images_stand_still() {
        for image in ["app", "ghcr.io/acme/app", "r:5000/app", "app:latest", "app:main"] {
            assert!(floating(image).is_some(), "{image}");
        }
        for image in ["app:1", "r:5000/app:1.4.2", "app@sha256:00", "app:latest@sha256:00", "${vars.image}", ""] {
            assert_eq!(floating(image), None, "{image}");
        }
    }
}
