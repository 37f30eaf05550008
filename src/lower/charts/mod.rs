//! What the charts of a target make: locked charts inflated with the values that lakegen writes for them.
//!
//! A chart is looked into when `lakegen.lock` pins it and its archive is at hand. What could not be seen is kept as such
//! ([`Sight`]); nobody downstream may take it for nothing.

pub mod hooks; //    Helm's hooks in the engines' words
pub mod images; //   registries rewritten, images pinned
pub mod rendered; // what charts make as objects of the tree
pub mod values; //   Helm values

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use crate::catalog::Chart as Wanted;
use crate::catalog::Portion;
use crate::helm::ChartError;
use crate::helm::chart::Chart;
use crate::helm::context::{Capabilities, Release};
use crate::helm::inflate::{self, Inflated};
use crate::helm::render::Compiled;
use crate::lock::{Lock, Locked};
use crate::lower::templates::budget;
use crate::lower::{Lowering, TargetManifests};
use crate::manifest::kinds;
use crate::manifest::value::{Map, Value};
use crate::settings::Text;
use crate::world::charts::Digest;
use crate::world::{ReadError, World};

/// What is seen of a chart.
#[derive(Clone, Debug)]
pub enum Sight {
    /// The platform has no lock, so no chart is looked into.
    NoLock,
    /// The lock does not have this chart.
    NotLocked,
    /// The lock has it, and its archive is neither vendored nor in the cache.
    NotHere(Box<Locked>),
    /// The archive cannot be read, or is not what the lock says.
    Unreadable(String),
    /// Helm would stop, for these reasons.
    Failed(Vec<ChartError>),
    Inflated(Arc<Inflated>),
}

/// A release of a target's.
#[derive(Clone, Debug)]
pub struct Inflation {
    pub component: String,
    /// The component's own chart, or the chart with its custom resource definitions.
    pub part: Portion,
    pub chart: Wanted,
    pub sight: Sight,
}

/// The platform's lock and the charts that were loaded.
pub struct Charts<'w> {
    world: &'w dyn World,
    lock: Option<&'w Lock>,
    loaded: Mutex<BTreeMap<Digest, Result<Arc<Chart>, Sight>>>,
    compiled: Compiled,
    made: Mutex<Vec<(Job, Sight)>>,
}

/// All that decides what a chart makes.
#[derive(Clone, PartialEq)]
struct Job {
    wanted: Wanted,
    values: Option<Arc<Value>>,
    release: String,
    namespace: String,
    kubernetes: String,
    apis: Arc<BTreeSet<String>>,
}

impl<'w> Charts<'w> {
    /// Takes the lock; without one no chart is looked into.
    pub fn new(world: &'w dyn World, lock: Option<&'w Lock>) -> Self {
        Self { world, lock, loaded: Mutex::default(), compiled: Compiled::default(), made: Mutex::default() }
    }

    /// Inflates all charts of a target.
    pub fn target(&self, lowering: &Lowering<'_>, out: &TargetManifests) -> Vec<Inflation> {
        let ground = &lowering.target.ground();
        let mut jobs: Vec<(String, Portion, Job)> = Vec::new();
        let apis = match self.lock {
            Some(_) => Arc::new(served(lowering)),
            None => Arc::default(),
        };
        for instance in lowering.target.instances.values() {
            let values = out.components.get(&instance.name).and_then(|unit| unit.values.clone());
            let job = |wanted: &Wanted, values, release: String| Job {
                wanted: wanted.clone(),
                values,
                release,
                namespace: instance.namespace.clone(),
                kubernetes: ground.kubernetes.to_string(),
                apis: apis.clone(),
            };
            if let Some(chart) = &instance.crds {
                let release = format!("{}-crds", instance.name);
                jobs.push((instance.name.clone(), Portion::Crds, job(chart, None, release)));
            }
            if let Some(chart) = &instance.chart {
                jobs.push((instance.name.clone(), Portion::Main, job(chart, values, instance.release.clone())));
            }
        }
        let sights = self.all(&jobs);
        let inflation = |((component, part, job), sight): ((String, Portion, Job), Sight)| Inflation {
            component,
            part,
            chart: job.wanted,
            sight,
        };
        jobs.into_iter().zip(sights).map(inflation).collect()
    }

    fn all(&self, jobs: &[(String, Portion, Job)]) -> Vec<Sight> {
        match self.lock {
            Some(_) => jobs.iter().map(|(.., job)| self.one(job)).collect(),
            None => vec![Sight::NoLock; jobs.len()],
        }
    }

    fn one(&self, job: &Job) -> Sight {
        if let Some(known) = self
            .made
            .lock()
            .ok()
            .and_then(|made| made.iter().find(|(other, _)| other == job).map(|(_, sight)| sight.clone()))
        {
            return known;
        }
        let sight = self.inflate(job);
        if let Ok(mut made) = self.made.lock() {
            made.push((job.clone(), sight.clone()));
        }
        sight
    }

    fn inflate(&self, job: &Job) -> Sight {
        let chart = match self.load(&job.wanted) {
            Ok(chart) => chart,
            Err(sight) => return sight,
        };
        let none = Map::default();
        let values = job.values.as_deref().and_then(Value::as_map).unwrap_or(&none);
        let release = Release { name: job.release.clone(), namespace: job.namespace.clone() };
        let kubernetes = match job.kubernetes.matches('.').count() {
            1 => format!("v{}.0", job.kubernetes),
            _ => format!("v{}", job.kubernetes),
        };
        let capabilities = Capabilities { kubernetes, apis: job.apis.clone() };
        let _budget = budget::limit(&job.wanted.name);
        match inflate::inflate(&chart, values, &release, &capabilities, &self.compiled, 0) {
            Ok(mut inflated) => {
                if job.wanted.skip_crds {
                    inflated.rendered.crds.clear();
                }
                Sight::Inflated(Arc::new(inflated))
            }
            Err(errors) => Sight::Failed(errors),
        }
    }

    fn load(&self, wanted: &Wanted) -> Result<Arc<Chart>, Sight> {
        let Some(locked) = self.lock.and_then(|lock| lock.find(wanted)) else { return Err(Sight::NotLocked) };
        let known = self.loaded.lock().ok().and_then(|loaded| loaded.get(&locked.digest).cloned());
        if let Some(known) = known {
            return known;
        }
        let label = format!("{}-{}", locked.name, locked.version);
        let loaded = match self.world.chart(&locked.digest) {
            Ok(None) => Err(Sight::NotHere(Box::new(locked.clone()))),
            Err(error) => Err(Sight::Unreadable(reason(&error))),
            Ok(Some(packed)) => match Chart::from_archive(&label, &packed) {
                Ok((chart, _)) => Ok(Arc::new(chart)),
                Err(error) => Err(Sight::Failed(vec![error])),
            },
        };
        if let Ok(mut all) = self.loaded.lock() {
            all.insert(locked.digest, loaded.clone());
        }
        loaded
    }
}

fn reason(error: &ReadError) -> String {
    match error {
        ReadError::Missing => "it is missing".into(),
        ReadError::Refused(text) | ReadError::Failed(text) => text.clone(),
        ReadError::TooLarge { limit } => format!("it is larger than {limit} bytes"),
    }
}

/// Returns the APIs that the target's cluster serves: Kubernetes' own, and what its components bring. Charts ask by
/// `group/version` and by `group/version/Kind` (Argo CD and Flux tell them both).
fn served(lowering: &Lowering<'_>) -> BTreeSet<String> {
    let mut served = BTreeSet::new();
    let minor = |text: &str| -> Option<u32> { text.split('.').nth(1)?.parse().ok() };
    let here = minor(&lowering.target.ground().kubernetes);
    for kind in kinds::all() {
        let Some((first, last)) = kind.kubernetes else { continue };
        let within =
            |at: u32| minor(first).is_none_or(|first| first <= at) && (minor(last).is_none_or(|last| at <= last));
        if here.is_none_or(within) {
            served.insert(kind.api_version.to_owned());
            served.insert(format!("{}/{}", kind.api_version, kind.kind));
        }
    }
    let shared = lowering.platform.shared_of(lowering.target);
    let instances = lowering.target.instances.values().chain(shared.into_iter().flat_map(|t| t.instances.values()));
    let brought = instances.flat_map(|instance| instance.apis.iter().map(String::as_str));
    for api in brought.chain(lowering.target.ground().apis.iter().map(Text::as_str)) {
        let known = kinds::all()
            .filter(|kind| kind.kubernetes.is_none() && kinds::brings(api, kinds::group(kind.api_version), kind.kind));
        for kind in known {
            served.insert(kind.api_version.to_owned());
            served.insert(format!("{}/{}", kind.api_version, kind.kind));
        }
        served.insert(kinds::without_scope(api).to_string());
    }
    served
}
