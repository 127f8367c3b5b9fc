//! What the operator wants: `probity.toml`, and the side-cars of dropped components.
//!
//! Reading a config is a function of its text and its [`Surroundings`]; to reload is to call it again. Either everything
//! in it is right, or there is a [`Report`] of all that is wrong, each problem with its file and line.
//!
//! Every key is declared once, in `layout`: the reading, the message about a key that is not known, and the JSON Schema
//! come from there.

mod alerting;
mod alerting_keys;
mod check;
mod circuit;
mod connection;
mod defaults;
mod duration;
mod fill;
mod health;
mod http;
mod kind;
mod labels;
mod layout;
mod limits;
mod moment;
mod number;
mod otlp;
mod passive;
mod plan;
mod probing;
mod reader;
mod report;
mod schema;
mod section;
mod security;
mod settings;
mod size;
mod telling;
mod text;
mod tls;
mod token;
mod trust;

#[cfg(test)]
mod tests;

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

pub use self::{
    alerting::{Alerting, Email, Hook, Key, Secret, Security, Sink, SinkKind, Template, TemplateError, Web, Webhook},
    check::{Check, When, in_a_circle, refuse_duplicates},
    connection::{Connection, DownInterval},
    defaults::Defaults,
    fill::Surroundings,
    health::{Health, OnCriticalFailure},
    http::{Auth, AuthInForce, Http, HttpLimits, HttpTimeouts, ListenerTls, Pace, StatusPage, is_sendable},
    otlp::Otlp,
    plan::{Plan, PlanError, Suggestions},
    probing::Probing,
    report::{Origin, Position, Problem, Report},
    schema::schema,
    settings::Settings,
    token::{KnownToken, Scope, Scopes, TokenDigest},
};
use self::{check::Context, fill::Filler, kind::At, report::Source, tls::Files};
pub use crate::name::is_name;
use crate::{experiments::Experiments, grant::Policy, trust::Trust};

/// A span of time as it is written in the config: `500ms`, `30s`, `1m30s`. `None` if it is none.
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    duration::parse(text)
}

/// Where the runner answers HTTP unless told otherwise: reachable from this machine alone.
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8081);
/// The watched folder unless told otherwise, beside the config.
const PROBES: &str = "probes.d";

/// The configuration of a runner.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Where it answers HTTP; port 0 takes any free one.
    pub listen: SocketAddr,
    /// The watched folder.
    pub probes: PathBuf,
    /// Whether somebody named that folder, and so means it to be there.
    pub probes_named: bool,
    /// Where it keeps what must outlive it.
    pub data_dir: PathBuf,
    /// What it calls itself.
    pub node_id: String,
    /// How long after its start it waits for the first verdict of each check before it answers without.
    pub startup_grace: Duration,
    /// How long it waits at its end for what is under way.
    pub grace_period: Duration,
    /// How many runs there can be at once.
    pub max_in_flight: usize,
    /// How many connections probes can keep open between runs.
    pub max_live_connections: usize,
    /// What components may take until they are ready to run.
    pub bounds: Bounds,
    /// What is tried out.
    pub experiments: Experiments,
    /// The HTTP server.
    pub http: Http,
    /// What is made of the health of all checks together.
    pub health: Health,
    /// Which dropped components are trusted.
    pub trust: Arc<Trust>,
    /// What `/probe` examines for others.
    pub probing: Probing,
    /// Where metrics and traces are sent, if they are.
    pub otlp: Option<Otlp>,
    /// What `/metrics` tells.
    pub metrics: Metrics,
    /// The log of events.
    pub events: EventLog,
    /// What is kept of what happened.
    pub history: History,
    /// Who is told of trouble, and when.
    pub alerting: Arc<Alerting>,
    /// What holds for each check that does not say otherwise.
    pub defaults: Defaults,
    /// The checks, in their order. Whoever runs one shares it: there may be a hundred thousand.
    pub checks: Vec<Arc<Check>>,
}

/// What components may take until they are ready to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The largest one that is loaded, in bytes.
    pub component_size: u64,
    /// A processor's time to compile one.
    pub compile_time: Duration,
    /// The memory to compile one, in bytes.
    pub compile_memory: u64,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds {
            component_size: layout::COMPONENT_SIZE,
            compile_time: layout::COMPILE_TIME,
            compile_memory: layout::COMPILE_MEMORY,
        }
    }
}

/// What `/metrics` tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metrics {
    /// How many checks have series of their own.
    pub max_checks: usize,
    /// How many names probes may make up for what they measure.
    pub max_measurements: usize,
}

/// The log of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventLog {
    /// How many of the latest events are kept.
    pub capacity: usize,
}

/// What is kept of what happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct History {
    /// How many of the latest results of each check.
    pub max_history_entries: usize,
    /// How often it is written.
    pub flush_interval: Duration,
    /// Nothing is.
    pub ephemeral: bool,
}

/// What the command line says in place of the config. Its relative paths are relative to the working directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// For [`Config::listen`].
    pub listen: Option<SocketAddr>,
    /// For [`Config::probes`].
    pub probes: Option<PathBuf>,
    /// For [`Config::data_dir`].
    pub data_dir: Option<PathBuf>,
    /// For [`History::ephemeral`], if it is said.
    pub ephemeral: bool,
}

impl Config {
    /// The text of the config at `path`.
    ///
    /// # Errors
    ///
    /// That the file can't be read, and why.
    pub fn text(path: &Path) -> Result<String, Report> {
        fs::read_to_string(path).map_err(|error| {
            let mut problems = Report::default();
            problems.push(Origin::of_file(path), format!("the config can't be read: {error}"));
            problems
        })
    }

    /// Reads the text of a config that is, or might be, at `path`. An empty text is a config too.
    ///
    /// # Errors
    ///
    /// All that is wrong with it.
    pub fn parse(
        path: &Path,
        text: &str,
        overrides: &Overrides,
        surroundings: Surroundings<'_>,
    ) -> Result<Config, Report> {
        let source = Source::new(path, text);
        let mut problems = Report::default();
        let top: layout::Top = reader::read(&source, &mut problems);

        let listen = overrides.listen.or(At::value(top.listen)).unwrap_or(LISTEN);
        let filler = Filler::new(path, surroundings, listen);
        let probes = At::value(top.probes);
        let probes_named = overrides.probes.is_some() || probes.is_some();
        let probes = probes.unwrap_or_else(|| PROBES.into());
        let data_dir = At::value(top.data_dir).map(|configured| filler.folder.join(configured));
        let data_dir = overrides.data_dir.clone().or(data_dir).or_else(|| usual_data_dir(surroundings));
        if data_dir.is_none() {
            let message = "`data_dir` is needed where neither `$STATE_DIRECTORY` nor `$XDG_STATE_HOME` nor `$HOME` is set, for \
                           example data_dir = \"/var/lib/probity\"";
            problems.push(Origin::of_file(path), message);
        }
        let runner = At::value(top.runner).unwrap_or_default();
        let shared = At::value(top.defaults).unwrap_or_default();
        let files = Files::of_config(filler.folder);
        let (bounds, usual) = (At::value(top.limits).unwrap_or_default(), Bounds::default());
        let most = limits::Said::read(bounds.max.as_ref());
        let security = At::value(top.security).unwrap_or_default();
        let policy = Arc::new(Policy::of_section(&security));
        let defaults = Defaults { most, policy, ..Defaults::read(&shared, &files, &source, &mut problems) };
        defaults::refuse_contradictions(&defaults, &shared, &source, &mut problems);

        let now = surroundings.now;
        let context = Context { source: &source, filler, files: &files, now, defaults: &defaults, beside: None };
        let sections = At::value(top.check).into_iter().flatten();
        let sections = sections.map(|At { value, at }| At { value: value.check, at });
        let checks = check::read_all(sections, &context, &mut problems);
        let events = At::value(top.events).unwrap_or_default();
        let history = At::value(top.history).unwrap_or_default();
        let trust = Arc::new(Trust::of_section(At::value(security.trust).unwrap_or_default()));
        let alerting = Alerting::read(At::value(top.notify).unwrap_or_default(), &trust, &context, &mut problems);
        let otlp = At::value(top.otlp).and_then(|otlp| Otlp::read(otlp, &context, &mut problems));
        let probing = Probing::read(At::value(top.probe).unwrap_or_default(), &context, &mut problems);
        let experimental = At::value(top.experimental).unwrap_or_default();
        let metrics = At::value(top.metrics).unwrap_or_default();
        let http = Http::read(At::value(top.http).unwrap_or_default(), &context, &mut problems);
        let health = Health::read(At::value(top.health).unwrap_or_default(), &source, &mut problems);
        let config = Config {
            listen,
            probes: overrides.probes.clone().unwrap_or_else(|| filler.folder.join(probes)),
            probes_named,
            data_dir: data_dir.unwrap_or_default(),
            node_id: At::value(top.node_id).unwrap_or_else(host_name),
            startup_grace: At::value(top.startup_grace).unwrap_or(layout::STARTUP_GRACE),
            grace_period: At::value(top.grace_period).unwrap_or(layout::GRACE_PERIOD),
            max_in_flight: At::value(runner.max_in_flight).unwrap_or(layout::MAX_IN_FLIGHT),
            max_live_connections: At::value(runner.max_live_connections).unwrap_or(layout::MAX_LIVE_CONNECTIONS),
            bounds: Bounds {
                component_size: At::value(bounds.component_size).unwrap_or(usual.component_size),
                compile_time: At::value(bounds.compile_time).unwrap_or(usual.compile_time),
                compile_memory: At::value(bounds.compile_memory).unwrap_or(usual.compile_memory),
            },
            experiments: Experiments::named(experimental),
            http,
            trust,
            alerting: Arc::new(alerting),
            health,
            probing,
            otlp,
            metrics: Metrics {
                max_checks: At::value(metrics.max_checks).unwrap_or(layout::MAX_CHECKS),
                max_measurements: At::value(metrics.max_measurements).unwrap_or(layout::MAX_MEASUREMENTS),
            },
            events: EventLog { capacity: At::value(events.capacity).unwrap_or(layout::EVENTS_KEPT) },
            history: History {
                max_history_entries: At::value(history.max_history_entries).unwrap_or(layout::HISTORY_KEPT),
                flush_interval: At::value(history.flush_interval).unwrap_or(layout::FLUSH_INTERVAL),
                ephemeral: overrides.ephemeral || At::value(history.ephemeral).unwrap_or(false),
            },
            defaults,
            checks,
        };
        problems.accept(config)
    }

    /// Reads the text of the side-car at `path`, which lies beside the component of the probe `probe`.
    ///
    /// # Errors
    ///
    /// All that is wrong with it.
    pub fn sidecar(
        &self,
        path: &Path,
        text: &str,
        probe: &str,
        surroundings: Surroundings<'_>,
    ) -> Result<Vec<Arc<Check>>, Report> {
        let source = Source::new(path, text);
        let mut problems = Report::default();
        let sidecar: layout::Sidecar = reader::read(&source, &mut problems);
        let filler = Filler::new(path, surroundings, self.listen);
        let context = Context {
            source: &source,
            filler,
            files: &Files::of_config(filler.folder),
            now: surroundings.now,
            defaults: &self.defaults,
            beside: Some(probe),
        };
        let sections = At::value(sidecar.check).into_iter().flatten();
        let checks = check::read_all(sections, &context, &mut problems);
        problems.accept(checks)
    }
}

/// Where a service keeps its state: as systemd says, or else the XDG base directories.
fn usual_data_dir(surroundings: Surroundings<'_>) -> Option<PathBuf> {
    let absolute = |name: &str| {
        let value = (surroundings.variable)(name)?;
        // systemd can name several; both specifications demand absolute paths, and the second that others are ignored.
        std::env::split_paths(&value).next().filter(|path| path.is_absolute())
    };
    let under = |name, below| absolute(name).map(|path| path.join(below));
    absolute("STATE_DIRECTORY")
        .or_else(|| under("XDG_STATE_HOME", "probity"))
        .or_else(|| under("HOME", ".local/state/probity"))
}

/// What the system calls this host.
fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
