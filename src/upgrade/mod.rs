//! What another version of a chart changes, with the platform's own values.
//!
//! Comes in: the same platform compiled twice, once as it is and once with the other version, each with its charts at hand.
//! Goes out: a report on the chart, its default values, the values that the platform sets, definitions, images and
//! objects. What could not be compared is in the report by name; an object is never taken for removed because its chart
//! could not be rendered.

mod chart; //    what Chart.yaml says
mod defaults; // values.yaml × values.yaml
mod unread; //   values of the platform that lost their reader
mod crds; //     versions of custom resource definitions
mod images; //   container images
mod objects; //  objects, by `diff`
mod print; //    report → text, Markdown, JSON

use std::collections::BTreeSet;

use crate::catalog::Chart as Wanted;
use crate::check::{CHART_REFUSED, UNCHECKED_VALUES, UNREAD_VALUE};
use crate::compile::Compiled;
use crate::diag::{Diagnostic, Level};
use crate::diff::Changes;
use crate::helm::chart::Chart;
use crate::helm::inflate::Inflated;
use crate::lower::TargetManifests;
use crate::lower::charts::rendered::MISSING_ARCHIVE;
use crate::lower::charts::{Inflation, Sight};
use crate::manifest::value::Value;
use crate::resolve::{Instance, Target};
use crate::world::World;

pub use print::{json, markdown, text};

/// One of the two platforms, with the world that has its charts.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    pub world: &'a dyn World,
    pub compiled: &'a Compiled,
}

/// What changes.
#[derive(Debug, Default)]
pub struct Report {
    pub component: String,
    /// One for each chart that changes: the component's own, and where it has one the chart of its definitions.
    pub charts: Vec<Upgrade>,
    /// The targets in which it changes.
    pub targets: Vec<String>,
    /// Values that the platform sets and that are not read any more.
    pub unread: Vec<Unread>,
    /// Definitions whose versions change.
    pub crds: Vec<Crd>,
    pub images: Vec<ImageChange>,
    pub objects: Changes,
    /// Targets whose objects could not be compared, with the reason.
    pub failed: Vec<(String, String)>,
    /// What a compile finds with the other version and not with this one: level, code, message.
    pub findings: Vec<(Level, &'static str, String)>,
}

/// A chart in two versions.
#[derive(Debug, Default)]
pub struct Upgrade {
    pub name: String,
    pub old: String,
    pub new: String,
    /// What its metadata says otherwise: name of the field, old, new; empty for what is not there.
    pub facts: Vec<(String, String, String)>,
    pub defaults: Vec<DefaultValue>,
}

/// A default value that differs.
#[derive(Clone, Debug, PartialEq)]
pub struct DefaultValue {
    pub path: String,
    pub old: Option<Value>,
    pub new: Option<Value>,
    /// Whether the platform sets it in every target, so that the default does not count.
    pub set: bool,
}

/// A value of the platform that the other version does not read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unread {
    pub path: String,
    /// File and line where it is written.
    pub place: String,
    /// Whether the user wrote it; else it is the catalogue's.
    pub by_user: bool,
    /// Whether templates still name it, so that another value may switch it on.
    pub named: bool,
    /// Whether it had a default that is gone.
    pub gone: bool,
    pub near: Vec<String>,
    pub targets: Vec<String>,
}

/// A custom resource definition that is in both versions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Crd {
    pub name: String,
    pub added: Vec<String>,
    pub removed: Vec<String>,
    /// Versions that are still there and not served any more.
    pub unserved: Vec<String>,
    /// The version that objects are stored in, before and after, when that changes.
    pub stored: Option<(String, String)>,
}

/// Images of one repository that come and go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageChange {
    pub repository: String,
    /// Tags and digests, as in `:1.2@sha256:…`.
    pub old: BTreeSet<String>,
    pub new: BTreeSet<String>,
    pub targets: Vec<String>,
}

impl Report {
    /// Says whether the upgrade changes nothing at all.
    pub fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }
}

/// A target in which the chart changes.
struct Pair<'a> {
    name: &'a str,
    old: Half<'a>,
    new: Half<'a>,
}

/// A component in one target of one side.
#[derive(Clone, Copy)]
struct Half<'a> {
    side: Side<'a>,
    target: &'a Target,
    lowered: &'a TargetManifests,
    instance: &'a Instance,
}

impl<'a> Half<'a> {
    fn of(side: Side<'a>, index: usize, component: &str) -> Option<Self> {
        let target = side.compiled.platform.as_ref()?.targets.get(index)?;
        let instance = target.instances.get(component)?;
        Some(Self { side, target, lowered: side.compiled.manifests.targets.get(index)?, instance })
    }

    fn inflations(&self) -> impl Iterator<Item = &'a Inflation> + use<'a> {
        let name = self.instance.name.as_str();
        self.lowered.charts.iter().filter(move |inflation| inflation.component == name)
    }

    /// Returns what the component's own chart makes.
    fn own(&self) -> Option<&'a Inflated> {
        let chart = self.instance.chart.as_ref()?;
        self.inflations().find(|inflation| inflation.chart == *chart).and_then(inflated)
    }

    /// Returns the values that lakegen writes.
    fn values(&self) -> Option<&'a Value> {
        self.lowered.components.get(&self.instance.name)?.values.as_deref()
    }

    fn wanted(&self) -> impl Iterator<Item = &'a Wanted> + use<'a> {
        self.instance.crds.iter().chain(&self.instance.chart)
    }

    /// Returns the reason why the charts could not be inflated.
    fn failure(&self) -> Option<String> {
        self.inflations().find_map(|inflation| {
            let chart = format!("chart {} {}", inflation.chart.name, inflation.chart.version);
            Some(match &inflation.sight {
                Sight::Inflated(_) => return None,
                Sight::Failed(errors) => {
                    let all: Vec<String> = errors.iter().map(ToString::to_string).collect();
                    format!("{chart} cannot be rendered with these values: {}", all.join("; "))
                }
                Sight::Unreadable(reason) => format!("{chart} cannot be read: {reason}"),
                Sight::NoLock | Sight::NotLocked | Sight::NotHere(_) => format!("{chart} has not been fetched"),
            })
        })
    }
}

fn inflated(inflation: &Inflation) -> Option<&Inflated> {
    match &inflation.sight {
        Sight::Inflated(inflated) => Some(inflated),
        _ => None,
    }
}

impl Side<'_> {
    /// Loads a chart that is at hand.
    fn chart(&self, wanted: &Wanted) -> Option<Chart> {
        let locked = self.compiled.lock.as_ref()?.find(wanted)?;
        let packed = self.world.chart(&locked.digest).ok()??;
        Chart::from_archive(&locked.name, &packed).ok().map(|(chart, _)| chart)
    }
}

/// Compares a component in two compiles of the platform.
pub fn compare(component: &str, old: Side<'_>, new: Side<'_>) -> Report {
    let count = old.compiled.platform.as_ref().map_or(0, |platform| platform.targets.len());
    let pair = |index| {
        let (old, new) = (Half::of(old, index, component)?, Half::of(new, index, component)?);
        let differs = old.instance.chart != new.instance.chart || old.instance.crds != new.instance.crds;
        differs.then_some(Pair { name: &old.target.name, old, new })
    };
    let pairs: Vec<Pair<'_>> = (0..count).filter_map(pair).collect();
    let failed = pairs.iter().filter_map(|pair| {
        let reason = pair.new.failure().or_else(|| pair.old.failure())?;
        Some((pair.name.to_owned(), reason))
    });
    Report {
        component: component.to_owned(),
        charts: upgrades(&pairs),
        targets: pairs.iter().map(|pair| pair.name.to_owned()).collect(),
        unread: unread::compare(&pairs),
        crds: crds::compare(&pairs),
        images: images::compare(&pairs),
        objects: objects::compare(component, &pairs),
        failed: failed.collect(),
        findings: findings(old.compiled, new.compiled),
    }
}

/// Compares each chart once, whatever the number of targets.
fn upgrades(pairs: &[Pair<'_>]) -> Vec<Upgrade> {
    let mut done: Vec<(&Wanted, &Wanted)> = Vec::new();
    let mut all = Vec::new();
    for pair in pairs {
        for (old, new) in pair.old.wanted().zip(pair.new.wanted()) {
            if old == new || done.contains(&(old, new)) {
                continue;
            }
            done.push((old, new));
            let mut upgrade = Upgrade {
                name: new.name.clone(),
                old: old.version.clone(),
                new: new.version.clone(),
                ..Upgrade::default()
            };
            if let (Some(before), Some(after)) = (pair.old.side.chart(old), pair.new.side.chart(new)) {
                upgrade.facts = chart::compare(&before.metadata, &after.metadata);
                let is_own = pair.new.instance.chart.as_ref() == Some(new);
                let set: Vec<Option<&Value>> = pairs.iter().map(|pair| pair.new.values().filter(|_| is_own)).collect();
                upgrade.defaults = defaults::compare(&before.values, &after.values, &set);
            }
            all.push(upgrade);
        }
    }
    all
}

/// Returns what only the compile with the other version finds, and that the report does not say itself.
fn findings(old: &Compiled, new: &Compiled) -> Vec<(Level, &'static str, String)> {
    let said = [&UNREAD_VALUE, &CHART_REFUSED, &MISSING_ARCHIVE, &UNCHECKED_VALUES].map(|code| code.slug);
    let known = |d: &Diagnostic| old.diagnostics.iter().any(|o| o.code == d.code && o.message == d.message);
    let new = new.diagnostics.iter().filter(|d| d.level != Level::Note && !said.contains(&d.code.slug) && !known(d));
    new.map(|d| (d.level, d.code.slug, d.message.clone())).collect()
}
