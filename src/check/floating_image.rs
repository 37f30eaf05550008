//! `floating-image`: an image that may be another one tomorrow.
//!
//! Looks at rendered workloads and at what users wrote; the defaults inside of charts are the charts' own.

use std::collections::BTreeMap;

use super::{Context, Findings, walk};
use crate::code;
use crate::diag::{Diagnostic, Span};
use crate::parse::text::{floating, is_moving, split_image};
use crate::resolve::Instance;

code!(
    FLOATING_IMAGE,
    "floating-image",
    "an image has no tag, or one that moves",
    "the same commit would run different programs on different days, and nobody could go back",
    "image = \"ghcr.io/acme/app:latest\"",
    "image = \"ghcr.io/acme/app:1.4.2\""
);

/// Checks the images of all workloads.
pub fn check(context: &Context<'_>, findings: &mut Findings) {
    walk::images(context, findings, written, &|image| Some(report(image, floating(image)?)));
}

fn report(image: &str, why: &str) -> Diagnostic {
    let repository = split_image(image).repository;
    Diagnostic::error(&FLOATING_IMAGE, format!("image `{image}` {why}"))
        .help(format!("name one version, for example `{repository}:1.4.2`, or a digest"))
}

/// Returns the images that the user wrote for a component: its options of that type, and in its Helm values.
fn written(instance: &Instance) -> BTreeMap<String, Span> {
    let mut images = walk::image_options(instance);
    if let Some(values) = &instance.said.values {
        walk::strings(values, "", "", &mut |key, above, text, span| match key {
            "image"
                // Many charts keep the tag beside: `image = "x"` alone says nothing of it.
                if text.contains(':') => {
                    images.insert(text.to_string(), span);
                }
            "tag" if above.to_ascii_lowercase().ends_with("image") && is_moving(text) => {
                images.insert(format!("{above}:{text}"), span);
            }
            _ => {}
        });
    }
    images
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
