//! Values of the platform that the chart read before and does not read in the other version.
//!
//! Both versions were run with these very values, so this is what was seen, not what a list of keys says.

use std::collections::{BTreeMap, BTreeSet};

use super::{Half, Pair, Unread};
use crate::check::{self, Where, dotted, find_value, nearest};
use crate::manifest::value::Value;

/// Compares what is not read, over all targets.
pub fn compare(pairs: &[Pair<'_>]) -> Vec<Unread> {
    let mut all: BTreeMap<(String, String), Unread> = BTreeMap::new();
    for pair in pairs {
        let (Some(before), Some(after), Some(inflated)) = (unread(&pair.old), unread(&pair.new), pair.new.own()) else {
            continue;
        };
        let before: BTreeSet<Vec<String>> = before.into_iter().map(|one| one.path).collect();
        let default = |half: &Half<'_>, path: &[String]| {
            let chart = half.instance.chart.as_ref().and_then(|chart| half.side.chart(chart));
            chart.is_some_and(|chart| Value::Map(chart.values).within(path).is_some())
        };
        for one in after.into_iter().filter(|one| !before.contains(&one.path)) {
            // The place in the file as it is: the other version may have taken a line of its own.
            let sources = &pair.old.side.compiled.sources;
            let ((place, _), _) = find_value(sources, pair.old.instance, &one.shown);
            let (line, _) = sources.line_column(place);
            let place = format!("{}:{line}", sources.path(place.source));
            let path = dotted(&one.shown);
            let found = all.entry((path.clone(), place.clone())).or_insert_with(|| Unread {
                path,
                place,
                by_user: one.by == Where::User,
                named: one.named,
                gone: default(&pair.old, &one.path) && !default(&pair.new, &one.path),
                near: nearest(inflated, &one.path),
                targets: vec![],
            });
            found.targets.push(pair.name.to_owned());
        }
    }
    all.into_values().collect()
}

fn unread(half: &Half<'_>) -> Option<Vec<check::Unread>> {
    let none = Value::default();
    let values = half.values().unwrap_or(&none);
    Some(check::unread(&half.side.compiled.sources, half.instance, half.own()?, values))
}
