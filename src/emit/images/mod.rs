//! Every container image that a target runs: who uses it, where it comes from, and what `[images]` makes of it.
//!
//! Comes in: a lowered target, and the same one lowered without the rules of `[images]`. Goes out: a list, which
//! `lakegen images` prints. What a chart makes is in it as far as the chart could be looked into; the others are named.

mod print; // the list as text and JSON

use std::collections::BTreeMap;

use crate::helm::inflate::Inflated;
use crate::helm::manifests::Event;
use crate::lower::TargetManifests;
use crate::lower::charts::images::Images;
use crate::lower::charts::{Inflation, Sight};
use crate::manifest::images::{self, Found, Way};
use crate::manifest::kinds;
use crate::manifest::value::Value;
use crate::manifest::yaml;
use crate::parse::text::{floating, split_image, whole_image};
use crate::resolve::Target;

pub use print::{json, references, sentence, text};

/// The images of one target.
#[derive(Debug)]
pub struct List {
    pub target: String,
    /// By full name, with tag and digest.
    pub images: BTreeMap<String, Vec<Use>>,
    pub unseen: Vec<Unseen>,
}

/// One place that names an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Use {
    pub place: Place,
    /// Name of the container, where there is one.
    pub container: Option<String>,
    /// Whether the object is a custom resource, whose operator runs the image.
    pub custom: bool,
    /// Full name of the image that stood here, when `[images]` changed it.
    pub was: Option<String>,
    /// Full name that `[images]` means, when it does not reach this place.
    pub missed: Option<String>,
}

/// Where an image is named.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub component: String,
    pub source: Source,
    pub kind: String,
    /// Empty where the object does not say.
    pub namespace: String,
    pub name: String,
    /// As in `spec.template.spec.containers[0].image`.
    pub path: String,
    pub way: Way,
    /// Counts images of one path, such as several in one variable.
    nth: usize,
}

/// Who wrote an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// lakegen, from the catalogue or the user's own manifests.
    Platform,
    /// A patch of the user's, which the engine lays over an object.
    Patch,
    /// A chart, with its version.
    Chart(String, String),
}

/// A chart that could not be looked into, so its images are not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unseen {
    pub component: String,
    pub chart: String,
    pub version: String,
    pub why: String,
    pub help: &'static str,
}

/// Returns the full name of an image, with its tag and digest.
pub fn whole(image: &str) -> String {
    let name = split_image(image).repository;
    format!("{}{}", whole_image(name), &image[name.len()..])
}

/// Lists the images of a target. `plain` is the same target without the rules of `[images]`, where there are some.
pub fn list(target: &Target, lowered: &TargetManifests, plain: Option<&TargetManifests>) -> List {
    let rules = Images::of(target);
    let now = collect(lowered);
    let before = plain.map(collect).unwrap_or_default();
    let mut out = List { target: target.name.clone(), images: BTreeMap::new(), unseen: unseen(lowered) };
    for (place, one) in now {
        let image = whole(&one.image);
        let old = before.get(&place).map_or_else(|| image.clone(), |old| whole(&old.image));
        let meant = rules.as_ref().and_then(|rules| rules.image(&old)).map_or_else(|| old.clone(), |new| whole(&new));
        let used = Use {
            container: one.container,
            custom: one.custom,
            was: (old != image).then_some(old),
            missed: (meant != image).then_some(meant),
            place,
        };
        out.images.entry(image).or_default().push(used);
    }
    out
}

/// Says why an image may be another one tomorrow, when it floats.
pub fn floats(image: &str) -> Option<&'static str> {
    floating(image)
}

struct One {
    image: String,
    container: Option<String>,
    custom: bool,
}

/// All images of a target by place.
fn collect(lowered: &TargetManifests) -> BTreeMap<Place, One> {
    let mut all = Collected::default();
    // What is rendered stands in the units already.
    let is_rendered =
        |component: &str| lowered.components.get(component).is_some_and(|unit| unit.delivery.is_rendered());
    for (component, unit) in &lowered.components {
        for lowered_object in unit.stages.values().flatten() {
            let chart = lowered
                .charts
                .iter()
                .filter(|inflation| unit.delivery.is_rendered() && inflation.component == *component);
            let made_it = |inflation: &&Inflation| made_by(inflation, &lowered_object.origin.file);
            let source = chart.into_iter().find(made_it).map_or(Source::Platform, of_chart);
            all.object(component, &source, lowered_object.object.value());
        }
        for patch in unit.patches.values().flatten() {
            all.patch(component, patch);
        }
    }
    for inflation in lowered.charts.iter().filter(|inflation| !is_rendered(&inflation.component)) {
        if let Sight::Inflated(inflated) = &inflation.sight {
            let source = of_chart(inflation);
            running(inflated).for_each(|value| all.object(&inflation.component, &source, value));
        }
    }
    all.0
}

fn of_chart(inflation: &Inflation) -> Source {
    Source::Chart(inflation.chart.name.clone(), inflation.chart.version.clone())
}

fn made_by(inflation: &Inflation, file: &str) -> bool {
    match &inflation.sight {
        Sight::Inflated(inflated) => inflated.items().any(|item| item.template == file),
        _ => false,
    }
}

/// Returns the objects of a chart that an engine applies: tests are for `helm test` alone.
fn running(inflated: &Inflated) -> impl Iterator<Item = &Value> {
    let hooks = inflated.rendered.hooks.iter().filter(|hook| hook.events.iter().any(|event| *event != Event::Test));
    let items = inflated.rendered.objects.iter().chain(hooks.map(|hook| &hook.item));
    items.map(|item| &item.document.value)
}

#[derive(Default)]
struct Collected(BTreeMap<Place, One>);

impl Collected {
    fn object(&mut self, component: &str, source: &Source, value: &Value) {
        images::each(value, &mut |found| self.add(component, source, value, found));
    }

    fn add(&mut self, component: &str, source: &Source, object: &Value, found: Found) {
        let is_container = found.path.contains("ontainers[");
        // A field called `image` may hold a word that only its operator understands.
        if found.image.is_empty() || (found.way == Way::Field && !is_container && !images::is_reference(&found.image)) {
            return;
        }
        let text = |path: &[&str]| object.at(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut place = Place {
            component: component.to_owned(),
            source: source.clone(),
            kind: text(&["kind"]),
            namespace: text(&["metadata", "namespace"]),
            name: text(&["metadata", "name"]),
            path: found.path,
            way: found.way,
            nth: 0,
        };
        while self.0.contains_key(&place) {
            place.nth += 1;
        }
        let container = found.container.map(|name| name.to_string()).filter(|_| is_container);
        let custom = !kinds::is_builtin(&text(&["apiVersion"])) && found.way == Way::Field;
        self.0.insert(place, One { image: found.image, container, custom });
    }

    /// Takes a kustomize patch: a merge, or a list of operations.
    fn patch(&mut self, component: &str, patch: &Value) {
        let text = patch.get("patch").and_then(Value::as_str).unwrap_or_default();
        let Ok(value) = yaml::read_one(text) else { return };
        let mut object = value.clone();
        if object.as_map().is_none() {
            object = Value::default();
        }
        for (to, from) in [(&["kind"][..], "kind"), (&["metadata", "name"], "name")] {
            if let (None, Some(given)) = (object.at(to), patch.at(&["target", from])) {
                object.set(to, given.clone());
            }
        }
        if value.as_map().is_some() {
            return self.object(component, &Source::Patch, &object);
        }
        for operation in value.as_list().unwrap_or_default() {
            let (Some(path), Some(value)) = (operation.get("path").and_then(Value::as_str), operation.get("value"))
            else {
                continue;
            };
            let key = path.rsplit('/').next().unwrap_or_default();
            // The walk knows objects, so what is set is put where it would stand in one.
            images::each(&Value::map([(key, value.clone())]), &mut |found| {
                let path = format!("{path}{}", found.path.strip_prefix(key).unwrap_or_default());
                self.add(component, &Source::Patch, &object, Found { path, ..found });
            });
        }
    }
}

/// Returns the charts that could not be looked into.
fn unseen(lowered: &TargetManifests) -> Vec<Unseen> {
    let one = |inflation: &Inflation| {
        let (why, help) = match &inflation.sight {
            Sight::Inflated(_) => return None,
            Sight::NoLock => ("the platform has no `lakegen.lock`".to_owned(), "run `lakegen lock`"),
            Sight::NotLocked => ("it is not in `lakegen.lock`".to_owned(), "run `lakegen lock`"),
            Sight::NotHere(_) => ("it is locked but not fetched".to_owned(), "run `lakegen fetch`"),
            Sight::Unreadable(reason) => (reason.clone(), "run `lakegen fetch`"),
            Sight::Failed(errors) => (
                errors.first().map_or_else(|| "it cannot be rendered".to_owned(), ToString::to_string),
                "run `lakegen check`",
            ),
        };
        Some(Unseen {
            component: inflation.component.clone(),
            chart: inflation.chart.name.clone(),
            version: inflation.chart.version.clone(),
            why,
            help,
        })
    };
    lowered.charts.iter().filter_map(one).collect()
}
