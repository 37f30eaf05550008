//! What nobody could look into: charts that are not at hand, folders that only the engine reads, kinds that nobody knows.
//!
//! No findings: `lakegen check` names them in one line, so that silence is not taken for approval.

use std::collections::{BTreeMap, BTreeSet};

use crate::diag::quoted_list;
use crate::lower::Manifests;
use crate::lower::charts::Sight;
use crate::manifest::kinds;
use crate::resolve::Platform;

/// Most names of one sort.
const SHOWN: usize = 4;

/// Returns what was not judged, as the parts of one sentence.
pub fn unjudged(platform: &Platform, manifests: &Manifests) -> Vec<String> {
    let mut charts: [BTreeSet<&str>; 3] = Default::default();
    let mut folders = BTreeSet::new();
    let mut beyond: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut unknown = BTreeSet::new();
    for (target, made) in platform.targets.iter().zip(&manifests.targets) {
        for inflation in &made.charts {
            let sort = match inflation.sight {
                Sight::NoLock | Sight::NotLocked => 0,
                Sight::NotHere(_) => 1,
                Sight::Unreadable(_) => 2,
                Sight::Failed(_) | Sight::Inflated(_) => continue,
            };
            charts[sort].insert(inflation.chart.name.as_str());
        }
        for instance in target.instances.values().filter(|instance| instance.definition.source.is_some()) {
            match made.units.get(&instance.name).map(|unit| &unit.read) {
                Some(read) if read.at_hand => {
                    beyond.entry(instance.name.as_str()).or_default().extend(read.beyond.iter().map(String::as_str));
                }
                _ => drop(folders.insert(instance.name.as_str())),
            }
        }
        for lowered in made.units.values().flat_map(|unit| unit.stages.values().flatten().chain(&unit.read.objects)) {
            let (api, kind) = (lowered.object.api_version(), lowered.object.kind());
            if !kinds::is_builtin(api) && kinds::versions(api, kind).is_empty() && !lowered.origin.is_chart() {
                unknown.insert(kind);
            }
        }
    }
    let [unlocked, absent, unreadable] = charts;
    let makes = |names: &BTreeSet<&str>| if names.len() == 1 { "chart" } else { "charts" };
    let parts = [
        (&unlocked, "what", makes(&unlocked), "make (run `lakegen lock`, then `lakegen fetch`)"),
        (&absent, "what", makes(&absent), "make (run `lakegen fetch`)"),
        (&unreadable, "what", makes(&unreadable), "make (the archive cannot be read)"),
        (&folders, "what", if folders.len() == 1 { "the folder of" } else { "the folders of" }, "make "),
        (&unknown, "the fields of", if unknown.len() == 1 { "kind" } else { "kinds" }, ""),
    ];
    let sentence = |(names, before, noun, behind): (&BTreeSet<&str>, &str, &str, &str)| {
        let behind = if names.len() == 1 { behind.replacen("make ", "makes ", 1) } else { behind.to_owned() };
        let words = [before.to_owned(), noun.to_owned(), listed(names), behind];
        words.iter().map(|word| word.trim()).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
    };
    let read = beyond.iter().filter(|(_, fields)| !fields.is_empty()).map(|(name, fields)| {
        let makes = if fields.len() == 1 { "makes" } else { "make" };
        format!("the effect of {} in the folder of `{name}`", listed(fields))
    });
    parts.into_iter().filter(|(names, ..)| !names.is_empty()).map(sentence).chain(read).collect()
}

fn listed(names: &BTreeSet<&str>) -> String {
    match names.len().checked_sub(SHOWN) {
        None | Some(0) => quoted_list(names.iter().copied(), "and"),
        Some(more) => {
            let shown: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
            format!("{} and {more} more", shown.join(", "))
        }
    }
}
