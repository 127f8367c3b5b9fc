//! One check in full, and having it run now.

use std::{collections::BTreeMap, sync::Arc};

use axum::{extract::State, response::Response};
use jiff::Timestamp;
use probity_core::{
    history,
    outcome::{FaultKind, Outcome},
    report::Kind,
    time::nanoseconds,
};
use serde::{Serialize, Serializer, ser::SerializeMap};
use utoipa::ToSchema;

use super::{
    App,
    auth::{Reads, Runs},
    circuit::{CircuitPage, ProbeCircuitPage},
    entry::Entry,
    page::json,
    parts::Name,
    problem::{PROBLEM, Problem},
    reports, schema,
};
use crate::{
    board::{Board, CheckState, Slot},
    limits::{Each, Limits},
    worker::Ask,
};

/// A check, with what it is for and when it runs.
#[derive(Serialize, ToSchema)]
pub(super) struct Listed<'a> {
    #[serde(flatten)]
    entry: Entry<'a>,
    /// The name of its probe.
    probe: &'a str,
    /// What the operator says it is for.
    description: &'a str,
    /// Whatever the operator attached to it.
    labels: &'a BTreeMap<String, String>,
    /// When it is due, in words.
    #[schema(example = "every 30s")]
    schedule: String,
    /// How long a run may take, in nanoseconds.
    timeout: u64,
    /// Whether calls to the target are let through.
    #[serde(rename = "circuitState")]
    #[schema(schema_with = schema::circuit_state)]
    circuit_state: &'static str,
    /// Whether the target changes its mind too often.
    flapping: bool,
}

impl<'a> Listed<'a> {
    pub(super) fn of(check: &'a CheckState) -> Listed<'a> {
        let info = &check.info;
        Listed {
            entry: Entry::of(check),
            probe: &info.probe,
            description: &info.description,
            labels: &info.labels,
            schedule: info.policy.schedule.to_string(),
            timeout: nanoseconds(info.timeout),
            circuit_state: check.snapshot.circuit.state().as_str(),
            flapping: check.snapshot.flapping,
        }
    }
}

/// All that is known of a check.
#[derive(Serialize, ToSchema)]
#[schema(as = Check)]
struct Full<'a> {
    /// Its name.
    name: &'a str,
    #[serde(flatten)]
    listed: Listed<'a>,
    /// When the connection came into its state.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    /// Attempts to reach the target in the present outage.
    attempts: u32,
    /// When the next run is due; null: not before somebody asks.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    next_run: Option<Timestamp>,
    /// Whether calls to the target are let through, and what comes next of that.
    circuit: CircuitPage,
    /// Whether the probe is run, or rests because it keeps failing.
    probe_circuit: ProbeCircuitPage,
    /// What a run may use up, by the name of the setting; null if it runs in no sandbox.
    #[serde(serialize_with = "write_limits")]
    #[schema(required, value_type = Option<BTreeMap<String, u64>>)]
    limits: Option<Limits>,
    /// What it may reach, one grant each.
    grants: &'a [String],
    /// Counts the replacements of its probe or its configuration, from 1.
    generation: u64,
    /// The SHA-256 of the component it runs; null while there is none.
    #[schema(required)]
    digest: Option<&'a str>,
    /// What it has done since it was made.
    counters: Counters,
    /// What others reported of its target, by kind; absent unless its probe wants to know.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "reports::write_counts")]
    #[schema(value_type = BTreeMap<String, u64>, required = false)]
    reports: Option<[u64; Kind::ALL.len()]>,
    /// What the last run used of its budgets; null before the first.
    #[schema(required)]
    usage: Option<Usage>,
    /// The figures of the last run.
    measurements: Vec<Measurement<'a>>,
    /// The latest results, newest first.
    results: Vec<Past<'a>>,
    /// The latest failures and faults, newest first, though they may have scrolled away from the results.
    failures: Vec<Past<'a>>,
}

/// What a check has done since it was made.
#[derive(Serialize, ToSchema)]
struct Counters {
    /// Runs that came to an end.
    runs: u64,
    /// Runs whose verdict was healthy.
    healthy: u64,
    /// Runs whose verdict was degraded.
    degraded: u64,
    /// Runs whose verdict was unhealthy.
    unhealthy: u64,
    /// Runs that ended in a fault, by its kind.
    #[serde(serialize_with = "write_faults")]
    #[schema(value_type = BTreeMap<String, u64>)]
    faults: [u64; FaultKind::ALL.len()],
    /// Scheduled ticks that passed while the run before was still going.
    missed_ticks: u64,
    /// Failures in a row, of the target, up to the last verdict.
    consecutive_failures: u64,
    /// Faults in a row, of the probe, up to the last run.
    consecutive_faults: u64,
    /// Fuel used by all runs.
    fuel: u64,
    /// Time that all runs took together, in nanoseconds.
    took: u64,
}

/// What a run used of its budgets.
#[derive(Serialize, ToSchema)]
struct Usage {
    /// Units of fuel: about one an instruction.
    fuel: u64,
    /// The largest total size of the probe's memories, in bytes.
    peak_memory: u64,
}

/// One figure of a run.
#[derive(Serialize, ToSchema)]
struct Measurement<'a> {
    /// What was measured.
    name: &'a str,
    /// A UCUM code such as `s` or `By`.
    unit: &'a str,
    /// Null if it is no finite number.
    #[schema(value_type = Option<f64>, required)]
    value: f64,
}

/// A run of the past.
#[derive(Serialize, ToSchema)]
#[schema(as = Result)]
struct Past<'a> {
    /// When it started.
    #[schema(value_type = String, format = DateTime)]
    started: Timestamp,
    /// How long the target took, in nanoseconds.
    latency: u64,
    /// The verdict; `unknown` if there was none.
    #[schema(schema_with = schema::health)]
    status: &'static str,
    /// Why there was no verdict, if there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schema::fault_kind, required = false)]
    fault: Option<&'static str>,
    /// What the probe said.
    message: &'a str,
}

impl<'a> Past<'a> {
    fn of(entry: &'a history::Entry) -> Past<'a> {
        let (status, fault) = match entry.result {
            history::Result::Verdict(status) => (status.into(), None),
            history::Result::Fault(kind) => (probity_core::health::Health::Unknown, Some(kind.as_str())),
        };
        Past {
            started: entry.started,
            latency: nanoseconds(entry.latency),
            status: status.as_str(),
            fault,
            message: &entry.message,
        }
    }
}

/// One check in full.
#[utoipa::path(get, path = "/health/checks/{name}", tag = "checks",
    params(("name" = String, Path, description = "The name of the check")),
    responses(
        (status = 200, description = "The check, however it is", body = Full),
        (status = 400, description = "This can't be a name", body = Problem, content_type = PROBLEM),
        (status = 404, description = "There is no such check", body = Problem, content_type = PROBLEM),
    )
)]
pub(super) async fn check(State(app): State<Arc<App>>, _: Reads, Name(name): Name) -> Result<Response, Problem> {
    in_full(&app, &name)
}

/// Runs a check now, and shows it when the result is there.
///
/// It takes a token with the scope `control`. As long as the runner has no token at all, requests from its own machine may do
/// so; a page in a browser may not, wherever the browser runs.
#[utoipa::path(post, path = "/health/checks/{name}/run", tag = "checks",
    params(("name" = String, Path, description = "The name of the check")),
    responses(
        (status = 200, description = "The check after the run", body = Full),
        (status = 400, description = "This can't be a name", body = Problem, content_type = PROBLEM),
        (status = 401, description = "The token is wrong or missing", body = Problem, content_type = PROBLEM),
        (status = 403, description = "Not from here, and there is no token", body = Problem, content_type = PROBLEM),
        (status = 404, description = "There is no such check", body = Problem, content_type = PROBLEM),
        (status = 503, description = "The runner is stopping", body = Problem, content_type = PROBLEM),
    ),
    security((), ("token" = ["control"]))
)]
pub(super) async fn run(State(app): State<Arc<App>>, _: Runs, Name(name): Name) -> Result<Response, Problem> {
    app.ask(&name, Ask::Run).await?;
    in_full(&app, &name)
}

fn in_full(app: &App, name: &str) -> Result<Response, Problem> {
    let slot = app.board.check(name).ok_or_else(|| Problem::unknown_check(name, &app.board))?;
    let state = slot.state();
    let history = slot.history();
    json(&full(&state, &history, &slot, &app.board))
}

fn full<'a>(check: &'a CheckState, history: &'a history::History, slot: &Slot, board: &Board) -> Full<'a> {
    let (info, snapshot) = (&check.info, &check.snapshot);
    let stats = &snapshot.stats;
    let last = snapshot.last.as_deref();
    let measurements = match last.map(|run| &run.outcome) {
        Some(Outcome::Verdict(verdict)) => &*verdict.measurements,
        _ => &[],
    };
    Full {
        name: &info.name,
        listed: Listed::of(check),
        since: snapshot.connection.since(),
        attempts: snapshot.connection.attempts(),
        next_run: snapshot.due.map(|due| board.at(due)),
        circuit: CircuitPage::of(check, slot, board),
        probe_circuit: ProbeCircuitPage::of(check, board),
        limits: info.limits,
        grants: &info.grants,
        generation: info.generation,
        digest: info.digest.as_deref(),
        counters: Counters {
            runs: stats.runs(),
            healthy: stats.healthy,
            degraded: stats.degraded,
            unhealthy: stats.unhealthy,
            faults: stats.faults,
            missed_ticks: stats.missed_ticks,
            consecutive_failures: stats.consecutive_failures,
            consecutive_faults: stats.consecutive_faults,
            fuel: stats.fuel,
            took: nanoseconds(stats.took),
        },
        reports: slot.reported(),
        usage: last.map(|run| Usage { fuel: run.usage.fuel, peak_memory: run.usage.peak_memory }),
        measurements: measurements
            .iter()
            .map(|figure| Measurement { name: &figure.name, unit: &figure.unit, value: figure.value })
            .collect(),
        results: history.results().rev().map(Past::of).collect(),
        failures: history.failures().rev().map(Past::of).collect(),
    }
}

fn write_faults<S: Serializer>(faults: &[u64; FaultKind::ALL.len()], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(FaultKind::ALL.iter().map(|kind| (kind.as_str(), faults[kind.index()])))
}

fn write_limits<S: Serializer>(limits: &Option<Limits>, serializer: S) -> Result<S::Ok, S::Error> {
    let Some(limits) = limits else { return serializer.serialize_none() };
    let mut map = serializer.serialize_map(None)?;
    let mut failed = Ok(());
    let _ = Each::NAMES.with(*limits, |name, most| {
        if failed.is_ok() {
            failed = map.serialize_entry(name, &most);
        }
    });
    failed?;
    map.end()
}
