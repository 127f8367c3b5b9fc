//! Owns all checks: looks at the folder and the configuration, decides what is to run, and has it run.
//!
//! Whatever goes wrong with a new file or a new configuration, what ran before goes on.

mod checks;
pub mod dependencies;
mod examiner;
mod hooks;
mod orphans;
mod prober;
mod probes;
mod reloads;
mod sources;
pub mod standard;

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use probity_core::alert::Family;
use tokio::sync::{mpsc, oneshot};

use self::{
    checks::{Checks, With},
    orphans::Orphans,
    probes::{Found, Job, Probes},
    reloads::Reloads,
    sources::Sources,
};
pub use self::{examiner::Examiner, hooks::SandboxedHooks, prober::Prober};
use crate::{
    alerts::{Alerts, InForce},
    board::{Inventory, MetricLimits},
    catalog::{Catalog, Listing},
    config::{AuthInForce, Config, OnCriticalFailure, Overrides, Surroundings},
    engine::{Engine, LoadError, Prepared},
    watch::Watch,
    worker::Shared,
};

/// How often to look without being told to: some file systems tell nothing, and the kernel's queue of events overflows.
const PERIOD: Duration = Duration::from_secs(10);
/// How soon to look again while a file is being written.
const SOON: Duration = Duration::from_millis(150);
/// How soon to look again while the folder is missing, of which nobody tells when it appears. It may never.
const MISSING: Duration = Duration::from_secs(1);
/// How long to let events pile up before looking: a copy is many, and one look serves them all.
const DEBOUNCE: Duration = Duration::from_millis(20);

/// Where the configuration comes from, to be read again at will.
pub struct Loader {
    /// The file; without one, the text is what there is.
    pub path: Option<PathBuf>,
    /// What the command line says.
    pub overrides: Overrides,
    /// Where the runner listens.
    pub listening: std::net::SocketAddr,
    /// Where it is put who may ask for what.
    pub auth: AuthInForce,
    /// Who is told of trouble.
    pub alerts: Arc<Alerts>,
    /// Where it is put what happens when a critical check fails.
    pub reaction: Arc<ArcSwap<OnCriticalFailure>>,
    /// Who runs what others ask for.
    pub prober: Arc<Prober>,
}

impl Loader {
    fn surroundings(&self) -> Surroundings<'static> {
        Surroundings::of_process(Some(self.listening), Timestamp::now())
    }
}

/// What a supervisor can be asked for.
pub enum Command {
    /// Read the configuration again, even if its file has not changed: the secrets it names may have.
    Reload,
    /// Stop all checks until this moment.
    Stop(tokio::time::Instant),
}

/// The owner of all checks.
pub struct Supervisor {
    engine: Arc<Engine>,
    shared: Arc<Shared>,
    loader: Loader,
    sources: Sources,
    catalog: Option<Catalog>,
    listing: Listing,
    probes: Probes,
    checks: Checks,
    orphans: Orphans,
    results: (mpsc::UnboundedSender<Loaded>, mpsc::UnboundedReceiver<Loaded>),
    published: Inventory,
    settled: Option<oneshot::Sender<()>>,
}

/// What came of making a component ready.
type Loaded = (Arc<str>, Result<Arc<Prepared>, LoadError>);

impl Supervisor {
    /// Takes over a configuration that has been read. The second value is told when everything that there was at the start
    /// is running, or is known to be no good.
    #[must_use]
    pub fn new(
        engine: Arc<Engine>,
        shared: Arc<Shared>,
        loader: Loader,
        config: Config,
        text: Option<Arc<str>>,
    ) -> (Supervisor, oneshot::Receiver<()>) {
        let (settled, when_settled) = oneshot::channel();
        let limit = config.bounds.component_size;
        let supervisor = Supervisor {
            catalog: Some(Catalog::new(config.probes.clone(), loader.path.clone(), limit, Arc::clone(&config.trust))),
            probes: Probes::new(limit, Reloads::new(Arc::clone(&shared))),
            checks: Checks::new(Arc::clone(&engine), Arc::clone(&shared)),
            orphans: Orphans::default(),
            engine,
            shared,
            loader,
            sources: Sources::new(config, text),
            listing: Listing::default(),
            results: mpsc::unbounded_channel(),
            published: Inventory::default(),
            settled: Some(settled),
        };
        (supervisor, when_settled)
    }

    /// Runs until told to stop.
    pub async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut watch = Watch::new(self.sources.config.probes.clone(), self.loader.path.as_deref());
        let mut next = self.look(&mut watch).await;
        loop {
            tokio::select! {
                () = watch.hint() => {
                    tokio::time::sleep(DEBOUNCE).await;
                    next = self.look(&mut watch).await;
                }
                () = tokio::time::sleep_until(next) => next = self.look(&mut watch).await,
                Some((digest, result)) = self.results.1.recv() => {
                    self.probes.take_result(&digest, result);
                    while let Ok((digest, result)) = self.results.1.try_recv() {
                        self.probes.take_result(&digest, result);
                    }
                    self.reconcile();
                }
                command = commands.recv() => match command {
                    Some(Command::Reload) => {
                        self.sources.forget_texts();
                        next = self.look(&mut watch).await;
                    }
                    Some(Command::Stop(deadline)) => return self.checks.stop(deadline).await,
                    None => return self.checks.stop(tokio::time::Instant::now()).await,
                },
            }
        }
    }

    /// Looks at the folder and the configuration; returns when to look again.
    async fn look(&mut self, watch: &mut Watch) -> tokio::time::Instant {
        watch.rearm();
        let listed = match self.catalog.take() {
            Some(mut catalog) => tokio::task::spawn_blocking(move || {
                let (listing, read) = catalog.scan(Instant::now());
                (catalog, listing, read)
            })
            .await
            .ok(),
            None => None,
        };
        let (settled, is_there) = match listed {
            Some((catalog, listing, read)) => {
                self.catalog = Some(catalog);
                let is_there = self.sources.take_folder(read, &mut self.probes.reloads);
                let settled = self.take_listing(listing);
                // The configuration that was just read may trust others than the one that was looked with.
                let distrusts = self.catalog.as_mut().is_some_and(|catalog| catalog.trust(&self.sources.config.trust));
                (settled && !distrusts, is_there)
            }
            // The thread that looked is gone, and what it knew with it: start over.
            None => {
                let (probes, path) = (self.sources.config.probes.clone(), self.loader.path.clone());
                let (limit, trust) =
                    (self.sources.config.bounds.component_size, Arc::clone(&self.sources.config.trust));
                self.catalog = Some(Catalog::new(probes, path, limit, trust));
                (false, true)
            }
        };
        self.reconcile();
        let wait = match (settled, is_there) {
            (false, _) => SOON,
            (true, false) => MISSING,
            (true, true) => PERIOD,
        };
        tokio::time::Instant::now() + wait
    }

    fn take_listing(&mut self, listing: Listing) -> bool {
        let settled = listing.settled();
        self.listing = listing;
        if self.sources.read_config(&self.loader, &self.listing, &mut self.probes.reloads) {
            self.put_in_force();
        }
        self.sources.read_sidecars(&self.loader, &self.listing, &mut self.probes.reloads);
        let jobs = self.probes.take_listing(&self.listing.components, &self.listing.trust);
        jobs.into_iter().for_each(|job| self.start(job));
        settled
    }

    /// Has a configuration taken up by all who go by it.
    fn put_in_force(&self) {
        let (config, board) = (&self.sources.config, &self.shared.board);
        self.loader.auth.store(config.http.auth.clone().into());
        self.loader.reaction.store(config.health.on_critical_failure.clone().into());
        board.limit_score(config.health.limits);
        board.limit_metrics(metric_limits(config));
    }

    /// Has run what is to run.
    fn reconcile(&mut self) {
        let wanted = self.sources.wanted(self.probes.dropped());
        if self.listing.settled() {
            self.orphans.tell(&wanted);
        }
        let dependent = wanted.iter().filter(|check| !check.depends_on.is_empty());
        let family = Arc::new(Family::new(dependent.map(|check| check.dependencies())));
        self.loader.alerts.adopt(InForce { alerting: Arc::clone(&self.sources.config.alerting), family });
        let mut ready = Vec::with_capacity(wanted.len());
        let mut waiting = Vec::new();
        for check in wanted {
            let job = self.probes.need(&check.probe);
            job.into_iter().for_each(|job| self.start(job));
            match self.probes.find(&check.probe) {
                Found::Ready(prepared) => {
                    let with = With::Probe(Arc::clone(prepared));
                    ready.push((check, with));
                }
                Found::Never(reason) => ready.push((check, With::Nothing(reason))),
                Found::Soon => waiting.push(check),
            }
        }
        let waits = !waiting.is_empty();
        self.checks.apply(ready, waiting);
        self.see_to_modules();
        self.publish();
        let done = !waits && !self.probes.busy() && self.listing.settled();
        if done && let Some(settled) = self.settled.take() {
            // Nobody may care.
            let _ = settled.send(());
        }
    }

    /// Has those probes made ready that others may ask for.
    fn see_to_modules(&mut self) {
        let mut found = Vec::new();
        for module in Prober::wanted(&self.sources.config) {
            let job = self.probes.need(&module.probe);
            job.into_iter().for_each(|job| self.start(job));
            let prepared = match self.probes.find(&module.probe) {
                Found::Ready(prepared) => Ok(Arc::clone(prepared)),
                Found::Never(reason) => Err(reason),
                Found::Soon => Err("it is being loaded".to_owned()),
            };
            found.push((module, prepared));
        }
        self.loader.prober.publish(&self.sources.config, found);
    }

    fn start(&self, job: Job) {
        let (engine, results) = (Arc::clone(&self.engine), self.results.0.clone());
        tokio::spawn(async move {
            let digest = Arc::clone(&job.digest);
            let result = engine.prepare(Arc::clone(&digest), || job.read()).await;
            // If the supervisor has stopped, nobody needs it.
            let _ = results.send((digest, result.map(Arc::new)));
        });
    }

    fn publish(&mut self) {
        let inventory = Inventory {
            sources: self.sources.publish(&self.loader, &self.listing),
            probes: self.probes.publish(),
            reloads_ok: self.probes.reloads.ok,
            reloads_failed: self.probes.reloads.failed,
            last_reload_ok: self.probes.reloads.last_ok,
            last_reload_failed: self.probes.reloads.last_failed,
        };
        if inventory != self.published {
            self.published = inventory.clone();
            self.shared.board.take_inventory(inventory);
        }
    }
}

/// How many series metrics may have by a configuration.
#[must_use]
pub fn metric_limits(config: &Config) -> MetricLimits {
    MetricLimits { checks: config.metrics.max_checks, measurements: config.metrics.max_measurements }
}
