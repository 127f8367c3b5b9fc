//! Owns all checks: looks at the folder and the configuration, decides what is to run, and has it run.
//!
//! Whatever goes wrong with a new file or a new configuration, what ran before goes on.

mod checks;
pub mod dependencies;
mod examiner;
mod hooks;
mod prober;
mod probes;
mod reloads;
pub mod standard;

use std::{
    collections::{BTreeMap, BTreeSet},
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
    probes::{Found, Job, Probes},
    reloads::Reloads,
};
pub use self::{examiner::Examiner, hooks::SandboxedHooks, prober::Prober};
use crate::{
    alerts::{Alerts, InForce},
    board::{Inventory, MetricLimits, Source},
    catalog::{Catalog, Listing, Text},
    config::{
        AuthInForce, Check, Config, Http, OnCriticalFailure, Origin, Overrides, Report, Surroundings, in_a_circle,
    },
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

/// What became of a configuration file.
#[derive(Default)]
struct Seen {
    /// The text that was last made use of, or rejected.
    text: Option<Arc<str>>,
    error: Option<String>,
    checks: Vec<Arc<Check>>,
}

/// The owner of all checks.
pub struct Supervisor {
    engine: Arc<Engine>,
    shared: Arc<Shared>,
    loader: Loader,
    config: Config,
    config_seen: Seen,
    sidecars: BTreeMap<PathBuf, Seen>,
    conflicts: BTreeMap<PathBuf, String>,
    folder_error: Option<String>,
    catalog: Option<Catalog>,
    listing: Listing,
    probes: Probes,
    checks: Checks,
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
            engine,
            shared,
            loader,
            config,
            config_seen: Seen { text, ..Seen::default() },
            sidecars: BTreeMap::new(),
            conflicts: BTreeMap::new(),
            folder_error: None,
            listing: Listing::default(),
            results: mpsc::unbounded_channel(),
            published: Inventory::default(),
            settled: Some(settled),
        };
        (supervisor, when_settled)
    }

    /// Runs until told to stop.
    pub async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut watch = Watch::new(self.config.probes.clone(), self.loader.path.as_deref());
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
                        self.config_seen.text = None;
                        self.sidecars.values_mut().for_each(|seen| seen.text = None);
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
                let is_there = self.take_folder(read);
                let settled = self.take_listing(listing);
                // The configuration that was just read may trust others than the one that was looked with.
                let distrusts = self.catalog.as_mut().is_some_and(|catalog| catalog.trust(&self.config.trust));
                (settled && !distrusts, is_there)
            }
            // The thread that looked is gone, and what it knew with it: start over.
            None => {
                let (probes, path) = (self.config.probes.clone(), self.loader.path.clone());
                let (limit, trust) = (self.config.bounds.component_size, Arc::clone(&self.config.trust));
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
        self.read_config();
        self.read_sidecars();
        let jobs = self.probes.take_listing(&self.listing.components, &self.listing.trust);
        jobs.into_iter().for_each(|job| self.start(job));
        settled
    }

    /// Takes in whether the folder could be read.
    fn take_folder(&mut self, read: std::io::Result<()>) -> bool {
        match read {
            Ok(()) => {
                if self.folder_error.take().is_some() {
                    tracing::info!("the folder {} is back", self.config.probes.display());
                }
                true
            }
            Err(error) => {
                let error = format!("the folder can't be read: {error}; what was loaded from it goes on");
                if self.folder_error.as_ref() != Some(&error) {
                    self.probes.reloads.rejected(self.config.probes.display(), &*error);
                    self.folder_error = Some(error);
                }
                false
            }
        }
    }

    fn read_config(&mut self) {
        let Some(file) = &self.listing.config else {
            if let (Some(path), None) = (&self.loader.path, &self.config_seen.error) {
                let error = "the file is gone; what it said stays in force";
                self.probes.reloads.rejected(path.display(), error);
                self.config_seen = Seen { error: Some(error.into()), ..Seen::default() };
            }
            return;
        };
        let (path, overrides, surroundings) = (&file.path, &self.loader.overrides, self.loader.surroundings());
        let parsed = self.config_seen.read(file, |text| Config::parse(path, text, overrides, surroundings));
        match parsed {
            None => {}
            Some(Ok(config)) => {
                warn_of_what_needs_a_restart(&self.config, &config);
                self.loader.auth.store(config.http.auth.clone().into());
                self.loader.reaction.store(config.health.on_critical_failure.clone().into());
                self.shared.board.limit_score(config.health.limits);
                self.shared.board.limit_metrics(metric_limits(&config));
                self.config = Config {
                    probes: self.config.probes.clone(),
                    bounds: self.config.bounds,
                    experiments: self.config.experiments,
                    ..config
                };
                // Side-cars are read with the defaults of the configuration.
                self.sidecars.values_mut().for_each(|seen| seen.text = None);
                self.probes.reloads.taken(file.path.display(), None);
            }
            Some(Err(error)) => self.probes.reloads.rejected(file.path.display(), the_old_one_stays(&error)),
        }
    }

    fn read_sidecars(&mut self) {
        let listing = &self.listing;
        self.sidecars.retain(|path, _| listing.sidecars.values().any(|file| file.path == *path));
        for (stem, file) in &listing.sidecars {
            let (config, surroundings) = (&self.config, self.loader.surroundings());
            let seen = self.sidecars.entry(file.path.clone()).or_default();
            match seen.read(file, |text| config.sidecar(&file.path, text, stem, surroundings)) {
                None => {}
                Some(Ok(checks)) => {
                    seen.checks = checks;
                    self.probes.reloads.taken(file.path.display(), None);
                }
                Some(Err(error)) => self.probes.reloads.rejected(file.path.display(), the_old_one_stays(&error)),
            }
        }
    }

    /// Has run what is to run.
    fn reconcile(&mut self) {
        let wanted = self.wanted();
        let dependent = wanted.iter().filter(|check| !check.depends_on.is_empty());
        let family = Arc::new(Family::new(dependent.map(|check| check.dependencies())));
        self.loader.alerts.adopt(InForce { alerting: Arc::clone(&self.config.alerting), family });
        let mut ready = Vec::with_capacity(wanted.len());
        let mut waiting = BTreeSet::new();
        for check in wanted {
            let job = self.probes.need(&check.probe);
            job.into_iter().for_each(|job| self.start(job));
            match self.probes.find(&check.probe) {
                Found::Ready(prepared) => {
                    let with = With::Probe(Arc::clone(prepared));
                    ready.push((check, with));
                }
                Found::Never(reason) => ready.push((check, With::Nothing(reason))),
                Found::Soon => {
                    waiting.insert(check.name.clone());
                }
            }
        }
        self.checks.apply(ready, &waiting);
        self.see_to_modules();
        self.publish();
        let done = waiting.is_empty() && !self.probes.busy() && self.listing.settled();
        if done && let Some(settled) = self.settled.take() {
            // Nobody may care.
            let _ = settled.send(());
        }
    }

    /// Has those probes made ready that others may ask for.
    fn see_to_modules(&mut self) {
        let mut found = Vec::new();
        for module in Prober::wanted(&self.config) {
            let job = self.probes.need(&module.probe);
            job.into_iter().for_each(|job| self.start(job));
            let prepared = match self.probes.find(&module.probe) {
                Found::Ready(prepared) => Ok(Arc::clone(prepared)),
                Found::Never(reason) => Err(reason),
                Found::Soon => Err("it is being loaded".to_owned()),
            };
            found.push((module, prepared));
        }
        self.loader.prober.publish(&self.config, found);
    }

    /// Every check that should run: of the configuration first, then of the side-cars, then one for each dropped component
    /// that no other check uses. Of two with the same name the first counts, and the other is told of.
    fn wanted(&mut self) -> Vec<Arc<Check>> {
        self.conflicts.clear();
        let mut taken: BTreeMap<&str, &Origin> = BTreeMap::new();
        let mut used: BTreeSet<&str> = BTreeSet::new();
        let mut wanted = Vec::new();
        let written = self.config.checks.iter().chain(self.sidecars.values().flat_map(|seen| &seen.checks));
        for check in written {
            used.insert(&check.probe);
            if let Some(first) = taken.get(&*check.name) {
                let conflict =
                    format!("a check `{}` is already defined at {first}; give this one another name", check.name);
                self.conflicts.insert(check.origin.file.to_path_buf(), conflict);
                continue;
            }
            taken.insert(&check.name, &check.origin);
            wanted.extend(check.enabled.then(|| Arc::clone(check)));
        }
        for (name, path) in self.probes.dropped().filter(|(name, _)| !used.contains(name.as_str())) {
            if let Some(first) = taken.get(name.as_str()) {
                let conflict = format!(
                    "its check would be named `{name}`, and one is already defined at {first}; rename the file"
                );
                self.conflicts.insert(path.clone(), conflict);
                continue;
            }
            wanted.push(Arc::new(Check::of_component(name, Origin::of_file(path), &self.config.defaults)));
        }
        self.refuse_circles(&mut wanted);
        wanted
    }

    /// Leaves out what would depend on itself, by way of other files: within one, that is refused when it is read.
    fn refuse_circles(&mut self, wanted: &mut Vec<Arc<Check>>) {
        loop {
            let dependent = wanted.iter().filter(|check| !check.depends_on.is_empty());
            let Some(circle) = Family::new(dependent.map(|check| check.dependencies())).circle() else {
                return;
            };
            let last = wanted.iter().rposition(|check| circle.iter().any(|name| **name == *check.name));
            let Some(check) = last.map(|at| wanted.remove(at)) else { return };
            let conflict = format!("depends_on of `{}`: {}", check.name, in_a_circle(&circle));
            self.conflicts.insert(check.origin.file.to_path_buf(), conflict);
        }
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
        let folder = Source { path: self.config.probes.clone(), error: self.folder_error.clone() };
        let config = self.loader.path.iter().map(|path| Source {
            path: path.clone(),
            error: self.config_seen.error.clone().or_else(|| self.conflicts.get(path).cloned()),
        });
        let sidecars = self.sidecars.iter().map(|(path, seen)| Source {
            path: path.clone(),
            error: seen.error.clone().or_else(|| self.conflicts.get(path).cloned()),
        });
        let components = self.listing.components.values().filter_map(|file| {
            let error = self.conflicts.get(&file.path)?.clone();
            Some(Source { path: file.path.clone(), error: Some(error) })
        });
        let inventory = Inventory {
            sources: config.chain([folder]).chain(sidecars).chain(components).collect(),
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

impl Seen {
    /// Reads a text that is new, and keeps what is wrong with it. `None` if it is not new, or is still being written: half
    /// a configuration can be a right one, and would stop the checks of the other half.
    fn read<T>(&mut self, file: &Text, parse: impl FnOnce(&str) -> Result<T, Report>) -> Option<Result<T, String>> {
        if !file.settled {
            return None;
        }
        let result = match &file.text {
            Ok(text) if self.text.as_ref() == Some(text) => return None,
            Ok(text) => parse(text).map_err(|report| report.to_string()),
            Err(error) => Err(error.clone()),
        };
        match result {
            Ok(value) => {
                self.text = file.text.clone().ok();
                self.error = None;
                Some(Ok(value))
            }
            Err(error) if self.error.as_ref() == Some(&error) => None,
            Err(error) => {
                self.text = file.text.clone().ok();
                self.error = Some(error.clone());
                Some(Err(error))
            }
        }
    }
}

/// How many series metrics may have by a configuration.
#[must_use]
pub fn metric_limits(config: &Config) -> MetricLimits {
    MetricLimits { checks: config.metrics.max_checks, measurements: config.metrics.max_measurements }
}

fn the_old_one_stays(error: &str) -> String {
    format!("the last good one stays in force, as this one is wrong:\n{error}")
}

fn warn_of_what_needs_a_restart(old: &Config, new: &Config) {
    let changed = [
        ("listen", old.listen != new.listen),
        ("probes", old.probes != new.probes),
        ("data_dir", old.data_dir != new.data_dir),
        ("node_id", old.node_id != new.node_id),
        ("max_in_flight", old.max_in_flight != new.max_in_flight),
        ("max_live_connections", old.max_live_connections != new.max_live_connections),
        ("limits.component_size, .compile_time or .compile_memory", old.bounds != new.bounds),
        ("experimental", old.experiments != new.experiments),
        // Who may ask is taken up at once.
        ("http", old.http != Http { auth: old.http.auth.clone(), ..new.http.clone() }),
        ("otlp", old.otlp != new.otlp),
        ("probe.max_runs", old.probing.max_runs != new.probing.max_runs),
        ("events", old.events != new.events),
        ("history", old.history != new.history),
    ];
    for (key, _) in changed.iter().filter(|(_, changed)| *changed) {
        tracing::warn!("`{key}` was changed, and takes effect when the runner is started again");
    }
}
