//! `lakegen vendor`: what the lock names → `vendor/charts/` in the platform's repository.

use clap::Args;
use serde_json::json;

use super::charts::{self, Charts, Network};
use super::lock::Format;
use super::project::Project;
use super::{Code, DONE, Failure, Session, fetch};
use crate::fetch::vendor::{self, Drift};
use crate::lock::{Lock, Locked};
use crate::world::charts::{VENDORED, vendored_path};

/// Keep the locked charts in the repository
///
/// Writes every chart of lakegen.lock to vendor/charts/ beside platform.toml and removes those that
/// are no longer locked. Commit the folder: a clone then needs neither network nor cache, and each
/// revision has its own charts. File names are readable in a review (trino-1.42.2.ba7816bf8f01.tgz)
/// and end with the digest, so each file can be verified. Other files in the folder are left alone;
/// a modified vendored file stops the command (exit 3).
///
/// Charts are taken from the cache if it has them.
#[derive(Args, Debug)]
#[command(after_long_help = format!(
    "Examples:\n  lakegen vendor\n  lakegen vendor --check\n\n{}", charts::NETWORK_HELP
))]
pub struct Vendor {
    /// Write nothing; exit 1 if the folder differs from the lock; needs no network
    #[arg(long)]
    check: bool,
    /// Output format
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    #[command(flatten)]
    network: Network,
}

impl Vendor {
    /// Runs the command.
    ///
    /// # Errors
    /// See [`Failure`].
    pub fn run(&self, session: &mut Session) -> Result<Code, Failure> {
        let project = Project::find(session)?;
        let charts = Charts::read(session, &project)?;
        let lock = charts.locked(session)?;
        let world = project.world();
        let drift = vendor::drift(&world, lock).map_err(|error| fetch::unreadable(&error))?;
        if self.check {
            return self.compare(session, lock, &drift);
        }
        if !drift.changed.is_empty() {
            return Err(Failure::refused(format!("files in `{VENDORED}` do not match their names"))
                .details(drift.changed)
                .help("nothing was written; remove them or restore them with git, then run `lakegen vendor` again"));
        }
        let place = |chart: &Locked| vendored_path(&chart.name, &chart.version, &chart.digest);
        let mut add: Vec<(String, Vec<u8>)> = Vec::new();
        let mut absent: Vec<&Locked> = Vec::new();
        for chart in lock.charts() {
            let path = place(chart);
            if !drift.missing.contains(&path) || add.iter().any(|(other, _)| *other == path) {
                continue;
            }
            match fetch::at_hand(&world, project.cache.as_ref(), &chart.digest)? {
                Some(bytes) => add.push((path, bytes.to_vec())),
                None if absent.iter().any(|other| place(other) == path) => {}
                None => absent.push(chart),
            }
        }
        charts::warn_of_open(session, project.cache.as_ref());
        let mut warned = false;
        for (chart, bytes) in fetch::get(session, &charts, &absent, &self.network)? {
            charts::keep(session, project.cache.as_ref(), &bytes, &mut warned);
            add.push((place(chart), bytes));
        }
        add.sort();
        let borrowed: Vec<(String, &[u8])> = add.iter().map(|(path, bytes)| (path.clone(), bytes.as_slice())).collect();
        vendor::write(&project.root, &borrowed, &drift.superfluous)?;
        if self.format == Format::Json {
            let added: Vec<&String> = add.iter().map(|(path, _)| path).collect();
            session.out.data(&format!("{:#}\n", json!({ "added": added, "removed": drift.superfluous })))?;
        }
        let total = charts::count(lock.charts().len());
        session.out.summary(&match (add.len(), drift.superfluous.len()) {
            (0, 0) => format!("{VENDORED} is up to date: {total}"),
            (added, removed) => format!("wrote {VENDORED}: {total} ({added} added, {removed} removed)"),
        });
        Ok(DONE)
    }

    fn compare(&self, session: &mut Session, lock: &Lock, drift: &Drift) -> Result<Code, Failure> {
        if self.format == Format::Json {
            let Drift { missing, superfluous, changed } = drift;
            let value =
                json!({ "fresh": drift.is_none(), "missing": missing, "superfluous": superfluous, "changed": changed });
            session.out.data(&format!("{value:#}\n"))?;
        }
        if drift.is_none() {
            session.out.summary(&format!("{VENDORED} is up to date: {}", charts::count(lock.charts().len())));
            return Ok(DONE);
        }
        let line = |what: &'static str| move |path: &String| format!("{path} {what}");
        let details = drift
            .missing
            .iter()
            .map(line("is missing"))
            .chain(drift.superfluous.iter().map(line("is no longer locked")))
            .chain(drift.changed.iter().map(line("does not match its name")));
        Err(Failure::finding(format!("`{VENDORED}` differs from the lock"))
            .details(details)
            .help("run `lakegen vendor` and commit the folder"))
    }
}
