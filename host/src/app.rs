//! A runner, from its configuration to its end.

mod critical;
mod parents;

use std::{
    collections::BTreeSet,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, anyhow, bail};
use arc_swap::ArcSwap;
use jiff::Timestamp;
use probity_core::health::Phase;
use tokio::{
    net::TcpListener,
    runtime::{Builder, Handle, Runtime},
    signal::unix::{Signal, SignalKind, signal},
    sync::{mpsc, oneshot},
    time::Instant,
};

use self::critical::Failure;
use crate::{
    alerts::{self, Alerts, Hooks, InForce},
    board::{Board, Component, Figures, Part},
    clock::Clock,
    config::{AuthInForce, Config, Http, Overrides, Report, Surroundings},
    engine::{self, Apart, Compiler, Engine, Options},
    events::Events,
    http, otlp,
    store::{self, Store},
    supervisor::{Command, Loader, Prober, SandboxedHooks, Supervisor, metric_limits, standard},
    worker::{Inboxes, Record, Shared},
};

/// How many commands may wait for the supervisor; each is a signal that somebody sent.
const COMMANDS: usize = 8;
/// How often the runner sees whether every check has had its first run.
const STARTING: Duration = Duration::from_millis(20);
/// How long the last runs and figures may take to be sent at the end.
const EXPORT: Duration = Duration::from_secs(3);
/// How often the scheduler shows that it schedules.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// How long connections that are open when everything else has ended may take to end as well.
const CONNECTIONS: Duration = Duration::from_secs(2);

/// How long what happened last may take to be written.
const HISTORY: Duration = Duration::from_secs(5);

/// After how many turns of tasks a thread looks at its timers. A guest that computes takes a turn of a whole tick of the engine's
/// clock; with tokio's 61, a few of them make every other run late by most of a second. To look costs a microsecond.
const TURNS: u32 = 1;

/// The threads that a runner runs on.
///
/// # Errors
///
/// If the system has no room for them, or for what they wait with.
pub fn runtime() -> io::Result<Runtime> {
    Builder::new_multi_thread().enable_all().event_interval(TURNS).build()
}

/// Where the configuration is.
#[derive(Clone, Debug)]
pub struct Configuration {
    /// The file; `None`: there is none, and all is as built in.
    pub path: Option<PathBuf>,
    /// What the command line says in its place.
    pub overrides: Overrides,
}

impl Configuration {
    /// Reads it, and finds checks of probes that there are none of.
    ///
    /// # Errors
    ///
    /// All that is wrong with it.
    pub fn read(&self, listening: Option<SocketAddr>) -> Result<(Config, Option<Arc<str>>), Report> {
        let surroundings = Surroundings::of_process(listening, Timestamp::now());
        let Some(path) = &self.path else {
            let config = Config::parse(Path::new(""), "", &self.overrides, surroundings)?;
            return Ok((config, None));
        };
        // Read once: what is remembered as read must be what was made use of, or a change in between would be lost.
        let text = Config::text(path)?;
        let config = Config::parse(path, &text, &self.overrides, surroundings)?;
        unknown_probes(&config).accept((config, Some(text.into())))
    }
}

/// Checks whose probe is neither in the folder nor a standard one. A folder that can't be read may hold anything.
#[must_use]
pub fn unknown_probes(config: &Config) -> Report {
    let mut report = Report::default();
    let Ok(entries) = std::fs::read_dir(&config.probes) else {
        return report;
    };
    let dropped: BTreeSet<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.strip_suffix(".wasm").map(str::to_owned))
        .collect();
    for check in &config.checks {
        if standard::find(&check.probe).is_none() && !dropped.contains(&check.probe) {
            let known: Vec<String> = standard::names().map(str::to_owned).chain(dropped.iter().cloned()).collect();
            let message = format!(
                "there is no probe `{}`: neither {}.wasm in {} nor a standard probe; there are {}",
                check.probe,
                check.probe,
                config.probes.display(),
                known.join(", ")
            );
            report.push(check.probe_origin.clone(), message);
        }
    }
    report
}

/// Why a runner ended that did so in good order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was told to.
    Told,
    /// A critical check failed, and `on_critical_failure` says so.
    CriticalFailure,
}

/// Runs until told to stop by SIGTERM or SIGINT, or by what the configuration says of critical failures.
///
/// # Errors
///
/// If it can't start: the configuration is wrong, the address is taken, the system does not provide what a sandbox needs.
pub async fn run(configuration: Configuration) -> Result<Ended> {
    run_beside(configuration, |_| ()).await
}

/// As [`run`], for a program that has more to do meanwhile: `started` is called once, with what the runner publishes.
///
/// # Errors
///
/// As [`run`].
pub async fn run_beside(configuration: Configuration, started: impl FnOnce(&Arc<Board>)) -> Result<Ended> {
    let clock = Clock::new();
    let signals = Signals::new()?;
    let (config, _) = configuration.read(None)?;
    let listener = TcpListener::bind(config.listen).await.map_err(|error| cannot_listen(config.listen, &error))?;
    let listening = listener.local_addr()?;
    // Now that the address is known, it can be filled in.
    let (config, text) = configuration.read(Some(listening))?;

    let cache = config.data_dir.join("compiled");
    let (max_in_flight, max_live_connections) = (config.max_in_flight, config.max_live_connections);
    let apart = Apart::of_this_program(config.bounds.compile_time, config.bounds.compile_memory)?;
    let compiler = Compiler::Apart(apart);
    let engine = Engine::new(Options {
        max_in_flight,
        max_live_connections,
        cache: Some(&cache),
        compiler,
        experiments: config.experiments,
    })?;
    let board = Arc::new(Board::new(config.node_id.clone(), clock));
    board.limit_score(config.health.limits);
    board.limit_metrics(metric_limits(&config));
    let events = remember(&config, &board, clock)?;
    keep_vitals(&board, &engine);
    // What failed in an earlier life is no new failure.
    let before = events.last();
    let (spans, tally, exporting) = otlp::channel();
    count(&board, &engine, &events, tally);
    let traced = config.otlp.as_ref().is_some_and(|otlp| otlp.traces);
    let record = traced.then(|| -> Record { Box::new(move |finished| spans.hand_in(finished)) });
    let exporter = config.otlp.as_ref().map(|otlp| exporting.start(otlp, Arc::clone(&board)));
    let shared = Arc::new(Shared {
        board: Arc::clone(&board),
        events: Arc::clone(&events),
        inboxes: Inboxes::default(),
        clock,
        room: engine.room(),
        record,
    });
    let (commands, inbox) = mpsc::channel(COMMANDS);
    let (auth, terms) = doors(&config.http, listening)?;
    let tls = terms.tls.clone();
    let (startup_grace, grace_period) = (config.startup_grace, config.grace_period);
    let rules = Arc::clone(&auth.rules);
    let limit = config.bounds.component_size;
    let hooks: Arc<dyn Hooks> = Arc::new(SandboxedHooks::new(Arc::clone(&engine), limit));
    let kept = (!config.history.ephemeral).then(|| config.data_dir.join("notifications"));
    let in_force = InForce { alerting: Arc::clone(&config.alerting), ..InForce::default() };
    let alerts = Alerts::new(Arc::clone(&board), Arc::clone(&events), kept.as_deref(), in_force, hooks);
    board.count_notifications({
        let alerts = Arc::downgrade(&alerts);
        move || alerts.upgrade().map(|alerts| alerts.figures()).unwrap_or_default()
    });
    let reaction = critical::Reaction::new(ArcSwap::from_pointee(config.health.on_critical_failure.clone()));
    let prober = Arc::new(Prober::new(Arc::clone(&engine)));
    let loader = Loader {
        path: configuration.path,
        overrides: configuration.overrides,
        listening,
        auth: rules,
        alerts: Arc::clone(&alerts),
        reaction: Arc::clone(&reaction),
        prober: Arc::clone(&prober),
    };
    let runs = Arc::clone(&shared);
    let telling = tokio::spawn(alerts::follow(Arc::clone(&alerts), runs));
    let (supervisor, settled) = Supervisor::new(engine, Arc::clone(&shared), loader, config, text);
    // On a thread of its own: with a hundred thousand checks, what it does at once takes longer than runs may be late.
    let supervisor = tokio::task::spawn_blocking(|| Handle::current().block_on(supervisor.run(inbox)));
    tokio::spawn(become_ready(Arc::clone(&board), settled, startup_grace));

    if let Some(tls) = tls.clone() {
        let (board, events) = (Arc::clone(&board), Arc::clone(&events));
        tokio::spawn(async move { tls.follow(&board, &events).await });
    }
    let router = http::router(http::State {
        board: Arc::clone(&board),
        events: Arc::clone(&events),
        alerts,
        auth,
        control: shared,
        prober,
    });
    let (close, closing) = oneshot::channel();
    let server =
        http::serve_on_thread(listener, router, terms, closing, CONNECTIONS).context("can't start the HTTP server")?;
    announce(listening, tls.is_some());
    started(&board);

    let critical = critical::failure(Arc::clone(&board), Arc::clone(&events), before, reaction);
    let ended = signals.until_stop(&commands, critical).await?;
    // From here on this runner is not ready, and says so, while what is under way ends.
    board.enter(Phase::Stopping);
    tracing::info!("stopping: runs under way have {grace_period:?} to end");
    let stopped = commands.send(Command::Stop(Instant::now() + grace_period)).await;
    if stopped.is_ok() {
        supervisor.await.context("the supervisor failed")?;
    }
    events.close();
    if tokio::time::timeout(CONNECTIONS, events.left()).await.is_err() {
        tracing::warn!("not everybody who follows the events has read the last one within {CONNECTIONS:?}");
    }
    // What is not taken by now is kept, and goes out when the runner is back.
    if tokio::time::timeout(CONNECTIONS, telling).await.is_err() {
        tracing::warn!("not all that is to be told was written down within {CONNECTIONS:?}");
    }
    if let Some(exporter) = exporter
        && tokio::time::timeout(EXPORT, exporter.finish()).await.is_err()
    {
        tracing::warn!("OTLP: not everything could be sent within {EXPORT:?}");
    }
    // The server may have ended by itself.
    let _ = close.send(());
    server.await.context("the HTTP server failed")??;
    if board.store().is_some_and(|store| !store.close(HISTORY)) {
        tracing::warn!("not all that happened was written within {HISTORY:?}");
    }
    tracing::info!("stopped");
    Ok(ended)
}

/// Has it told what engine and events count.
fn count(board: &Board, engine: &Arc<Engine>, events: &Arc<Events>, exports: Arc<otlp::Tally>) {
    let (engine, events) = (Arc::clone(engine), Arc::clone(events));
    board.count_by(move || {
        let engine::Compilations { cached, compiled, failed, took } = engine.compilations();
        let (spans_sent, spans_dropped, export_failures) = exports.read();
        Figures {
            live: engine.live(),
            cached,
            compiled,
            compile_failures: failed,
            compile_time: took,
            events: events.last(),
            events_kept: events.kept(),
            followers: events.followers(),
            spans_sent,
            spans_dropped,
            export_failures,
        }
    });
}

/// Has it noticed if the runner does not move any more, whatever its targets do.
fn keep_vitals(board: &Arc<Board>, engine: &Arc<Engine>) {
    let ticking = Arc::clone(engine);
    board.vitals.watch(Part::EpochTicker, move || ticking.since_tick());
    let (beat, beating) = tokio::sync::watch::channel(Instant::now());
    board.vitals.watch(Part::Scheduler, move || beating.borrow().elapsed());
    let store = board.store().cloned();
    tokio::spawn(async move {
        // It ends with the board, which nobody asks any more then.
        while beat.send(Instant::now()).is_ok() {
            if let Some(store) = &store {
                store.beat();
            }
            tokio::time::sleep(HEARTBEAT).await;
        }
    });
}

/// Goes on with what is kept of the runners before this one, unless nothing is to be kept.
fn remember(config: &Config, board: &Arc<Board>, clock: Clock) -> Result<Arc<Events>> {
    if config.history.ephemeral {
        return Ok(Arc::new(Events::new(board.started, config.events.capacity)));
    }
    let options = store::Options {
        folder: config.data_dir.join("history"),
        entries: config.history.max_history_entries as u64,
        events: config.events.capacity as u64,
        flush_interval: config.history.flush_interval,
    };
    let tell = {
        let board = Arc::clone(board);
        move |standing: &store::Standing| {
            let component = Component { healthy: standing.keeps, message: standing.message.clone() };
            board.take_component("store", component);
        }
    };
    let opened = Store::open(options, &Events::instance_of(board.started), clock, tell);
    let (store, before) = opened.map_err(|unheld| {
        anyhow!(
            "{unheld}; give this runner a place of its own with --data-dir or `data_dir`, let it do without history with \
             --ephemeral, or stop the other one"
        )
    })?;
    let store = Arc::new(store);
    board.remember(Arc::clone(&store), Events::began(&before.instance).unwrap_or(board.started));
    let events = Events::resumed(before.instance, before.last, before.events, config.events.capacity);
    events.keep(move |record| store.event(record));
    Ok(Arc::new(events))
}

/// The one line that other programs wait for.
#[expect(clippy::print_stdout, reason = "it is this program's output")]
fn announce(listening: SocketAddr, tls: bool) {
    let scheme = if tls { "https" } else { "http" };
    println!("listening on {scheme}://{listening}");
}

/// Who may ask for what, and on which terms.
fn doors(http: &Http, listening: SocketAddr) -> Result<(http::Auth, http::Terms)> {
    let local = listening.ip().to_canonical().is_loopback();
    if http.auth.allow_anonymous_control && !local {
        tracing::warn!("`http.auth.allow_anonymous_control` has no effect, as other machines may reach {listening}");
    }
    if !local && http.tls.is_none() && !http.auth.tokens.is_empty() {
        tracing::warn!(
            "tokens are sent to {listening} in the clear; give it a certificate in `[http.tls]`, unless a proxy in front of \
             it speaks TLS"
        );
    }
    let origins = http::Origins::new(&http.cors_origins);
    let tls = http.tls.clone().map(http::Tls::new).transpose().map_err(|why| anyhow!("http.tls: {why}"))?;
    let rules = AuthInForce::new(ArcSwap::from_pointee(http.auth.clone()));
    let auth = http::Auth { rules: Arc::clone(&rules), local, origins: origins.clone() };
    let tls = tls.map(Arc::new);
    Ok((auth, http::Terms { limits: http.limits, timeouts: http.timeouts, tls, auth: rules, origins }))
}

fn cannot_listen(address: SocketAddr, error: &std::io::Error) -> anyhow::Error {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            anyhow!(
                "another program listens on {address}; stop it, or choose another address: --listen 127.0.0.1:0 takes any free port"
            )
        }
        std::io::ErrorKind::PermissionDenied => {
            anyhow!(
                "this user may not listen on {address}; ports below 1024 are reserved, choose a higher one with --listen"
            )
        }
        std::io::ErrorKind::AddrNotAvailable => {
            anyhow!("{address} is no address of this machine; choose one that is with --listen, or 0.0.0.0 for all")
        }
        _ => anyhow!("can't listen on {address}: {error}"),
    }
}

/// Starting is over once every check has run, or has had its time to. It does not come back: a check that is added later
/// does not make this runner unready.
async fn become_ready(board: Arc<Board>, settled: oneshot::Receiver<()>, grace: Duration) {
    let all_examined = async {
        // A supervisor that stopped has nothing more to tell.
        let _ = settled.await;
        while !board.all_examined() {
            tokio::time::sleep(STARTING).await;
        }
    };
    if tokio::time::timeout(grace, all_examined).await.is_err() {
        tracing::warn!("not every check had its first run within {grace:?}; ready all the same");
    }
    board.enter(Phase::Running);
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> Result<Signals> {
        let listen = |kind| signal(kind).context("can't listen for signals");
        Ok(Signals {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    /// Waits to be told to stop, or for a failure that is to end the runner, and hands on the wish to read everything again.
    async fn until_stop(
        mut self,
        commands: &mpsc::Sender<Command>,
        critical: impl Future<Output = Failure>,
    ) -> Result<Ended> {
        let mut critical = pin!(critical);
        let ended = loop {
            tokio::select! {
                _ = self.terminate.recv() => break Ended::Told,
                _ = self.interrupt.recv() => break Ended::Told,
                Failure { check, message, .. } = &mut critical => {
                    tracing::error!("stopping, as {check} is critical and fails: {message}");
                    break Ended::CriticalFailure;
                }
                _ = self.hangup.recv() => {
                    if commands.send(Command::Reload).await.is_err() {
                        bail!("the supervisor failed");
                    }
                }
                () = commands.closed() => bail!("the supervisor failed"),
            }
        };
        // Whoever asks twice does not want to wait.
        tokio::spawn(async move {
            self.interrupt.recv().await;
            std::process::exit(130);
        });
        Ok(ended)
    }
}
