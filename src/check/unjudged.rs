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
            match made.components.get(&instance.name).map(|unit| &unit.read) {
                Some(read) if read.at_hand => {
                    beyond.entry(instance.name.as_str()).or_default().extend(read.beyond.iter().map(String::as_str));
                }
                _ => drop(folders.insert(instance.name.as_str())),
            }
        }
        for lowered in
            made.components.values().flat_map(|unit| unit.stages.values().flatten().chain(&unit.read.objects))
        {
            let (api, kind) = (lowered.object.api_version(), lowered.object.kind());
            if !kinds::is_builtin(api) && kinds::versions(api, kind).is_empty() && !lowered.origin.is_chart() {
                unknown.insert(kind);
            }
        }
    }
    let [unlocked, absent, unreadable] = charts;
    let charts = |names: &BTreeSet<&str>| if names.len() == 1 { "the output of chart" } else { "the output of charts" };
    let parts = [
        (&unlocked, charts(&unlocked), "(run `lakegen lock`, then `lakegen fetch`)"),
        (&absent, charts(&absent), "(run `lakegen fetch`)"),
        (&unreadable, charts(&unreadable), "(the archive cannot be read)"),
        (&folders, if folders.len() == 1 { "the folder of" } else { "the folders of" }, ""),
        (&unknown, if unknown.len() == 1 { "the fields of kind" } else { "the fields of kinds" }, ""),
    ];
    let sentence = |(names, before, behind): (&BTreeSet<&str>, &str, &str)| {
        format!("{before} {} {behind}", listed(names)).trim_end().to_owned()
    };
    let read = beyond
        .iter()
        .filter(|(_, fields)| !fields.is_empty())
        .map(|(name, fields)| format!("the effect of {} in the folder of `{name}`", listed(fields)));
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
