//! Images of a component × the same → those that come and go, by repository.

use std::collections::{BTreeMap, BTreeSet};

use super::{Half, ImageChange, Pair};
use crate::emit::images;
use crate::parse::text::split_image;

/// Tags and digests by repository.
type Images = BTreeMap<String, BTreeSet<String>>;

/// Compares the images of the component. Targets that change alike are one entry.
pub fn compare(pairs: &[Pair<'_>]) -> Vec<ImageChange> {
    let mut all: Vec<ImageChange> = Vec::new();
    for pair in pairs.iter().filter(|pair| pair.new.failure().is_none() && pair.old.failure().is_none()) {
        let (old, new) = (of(&pair.old), of(&pair.new));
        let repositories: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for repository in repositories {
            let tags = |images: &Images| images.get(repository).cloned().unwrap_or_default();
            let (old, new) = (tags(&old), tags(&new));
            if old == new {
                continue;
            }
            let same =
                |other: &&mut ImageChange| (&other.repository, &other.old, &other.new) == (repository, &old, &new);
            match all.iter_mut().find(same) {
                Some(other) => other.targets.push(pair.name.to_owned()),
                None => all.push(ImageChange {
                    repository: repository.clone(),
                    old,
                    new,
                    targets: vec![pair.name.to_owned()],
                }),
            }
        }
    }
    all.sort_by(|a, b| a.repository.cmp(&b.repository));
    all
}

fn of(half: &Half<'_>) -> Images {
    let mut all = Images::new();
    let list = images::list(half.target, half.lowered, None).images;
    let used = list.into_iter().filter(|(_, uses)| uses.iter().any(|used| used.place.component == half.instance.name));
    for (image, _) in used {
        let repository = split_image(&image).repository;
        all.entry(repository.to_owned()).or_default().insert(image[repository.len()..].to_owned());
    }
    all
}
