//! The connections to the targets of all checks: where each stands, and what it has been through.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{extract::State as Shared, http::StatusCode, response::Response};
use jiff::Timestamp;
use probity_core::{connection::State, snapshot::Snapshot};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    App,
    auth::Reads,
    circuit::CircuitPage,
    entry::NOT_RUN,
    forms::ours,
    headers::Headers,
    page::json,
    parts::Name,
    problem::{PROBLEM, Problem},
    rendered::{Document, Drawn},
    schema,
    view::View,
    words::in_words,
};
use crate::{
    board::{Board, CheckState, Slot},
    totals::Totals,
};

/// Every connection, and all of them together.
#[derive(Serialize, ToSchema)]
#[schema(as = Connections)]
struct All<'a> {
    /// Every connection, by the name of its check.
    connections: BTreeMap<&'a str, Listed<'a>>,
    /// How many there are.
    total: usize,
    /// How many are in each state.
    states: BTreeMap<&'static str, usize>,
    /// What all of them have been through together.
    totals: Totals,
}

/// A connection, in short.
#[derive(Serialize, ToSchema)]
#[schema(as = ConnectionListed)]
struct Listed<'a> {
    #[serde(flatten)]
    standing: Standing,
    /// The group of its check, if it is in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<&'a str>,
    #[serde(flatten)]
    totals: Totals,
}

/// A connection in full.
#[derive(Serialize, ToSchema)]
#[schema(as = Connection)]
pub(super) struct Full<'a> {
    /// What names it: the name of its check.
    connection_id: &'a str,
    #[serde(flatten)]
    standing: Standing,
    /// The name of the probe that examines its target.
    probe: &'a str,
    /// The group of its check, if it is in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<&'a str>,
    /// When it came into its state.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    /// What the last run, or the last report of somebody's own call, said.
    message: &'a str,
    /// Attempts to reach the target in the present outage.
    attempts: u32,
    /// When the target is examined next; null: not before somebody asks.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    next_attempt: Option<Timestamp>,
    /// Whether calls to the target are let through.
    circuit: CircuitPage,
    #[serde(flatten)]
    activity: Activity,
    /// What it has been through.
    stats: Totals,
}

/// When somebody asked for a connection last, and what it has been through.
#[derive(Serialize, ToSchema)]
#[schema(as = ConnectionStats)]
struct Stats<'a> {
    /// What names it: the name of its check.
    connection_id: &'a str,
    /// Whether its target counts as being of use.
    is_healthy: bool,
    /// Whether it is there.
    is_connected: bool,
    #[serde(flatten)]
    activity: Activity,
    /// The state it is in.
    #[serde(rename = "currentState")]
    #[schema(schema_with = schema::state)]
    state: &'static str,
    #[serde(flatten)]
    totals: Totals,
}

/// Where a connection stands. State, status and mode are three things: what became of the connection, what is known of its
/// target, and what the operator decreed.
#[derive(Serialize, ToSchema)]
struct Standing {
    /// Where the connection stands.
    #[schema(schema_with = schema::state)]
    state: &'static str,
    /// What is known of its target.
    #[schema(schema_with = schema::health)]
    status: &'static str,
    /// What the operator decreed.
    #[schema(schema_with = schema::mode)]
    mode: &'static str,
    /// Whether calls to the target are let through.
    #[serde(rename = "circuitState")]
    #[schema(schema_with = schema::circuit_state)]
    circuit: &'static str,
    /// Whether its target counts as being of use.
    is_healthy: bool,
    /// Whether it is there.
    is_connected: bool,
    /// Whether its target changes its mind too often.
    flapping: bool,
}

/// When somebody asked for a connection last.
#[derive(Serialize, ToSchema)]
struct Activity {
    /// When somebody asked for it last, before this.
    #[schema(value_type = String, format = DateTime)]
    last_activity: Timestamp,
    /// After how long without anybody asking it is closed; null: never.
    #[schema(required, example = "30m0s")]
    idle_timeout: Option<String>,
    /// How long that is from now on, unless somebody asks; null: for ever.
    #[schema(required, example = "25m30s")]
    time_remaining: Option<String>,
}

impl Standing {
    fn of(snapshot: &Snapshot) -> Standing {
        Standing {
            state: snapshot.connection.state().as_str(),
            status: snapshot.health.as_str(),
            mode: snapshot.mode.as_str(),
            circuit: snapshot.circuit.state().as_str(),
            is_healthy: snapshot.counts_as().is_up(),
            is_connected: is_connected(snapshot),
            flapping: snapshot.flapping,
        }
    }
}

impl Activity {
    fn of(check: &CheckState, slot: &Slot, board: &Board) -> Activity {
        let last = last_activity(check, slot);
        let idle_timeout = check.info.policy.activity.idle_timeout;
        let remaining = idle_timeout.map(|idle| (last + idle).saturating_sub(board.uptime()));
        Activity {
            last_activity: board.at(last),
            idle_timeout: idle_timeout.map(in_words),
            time_remaining: remaining.filter(|_| is_connected(&check.snapshot)).map(in_words),
        }
    }
}

/// When somebody asked for a connection last, as time since the runner's start.
pub(super) fn last_activity(check: &CheckState, slot: &Slot) -> Duration {
    slot.touched().max(check.snapshot.activity.last())
}

fn is_connected(snapshot: &Snapshot) -> bool {
    snapshot.connection.state() == State::Connected
}

/// `/connections`
pub(super) const CONNECTIONS: Document = ours(draw);

/// Every connection, with what each and all of them have been through.
#[utoipa::path(get, path = "/connections", tag = "connections", responses(
    (status = 200, description = "Every connection, however it is", body = All),
    (status = 304, description = "Nothing changed since the response that had this ETag"),
))]
pub(super) async fn connections(Shared(app): Shared<Arc<App>>, _: Reads, Headers(headers): Headers) -> Response {
    app.connections.answer(&headers).await
}

fn draw(view: &View<'_>) -> Drawn {
    let mut states: BTreeMap<&str, usize> = State::ALL.map(|state| (state.as_str(), 0)).into();
    let mut totals = Totals::default();
    let mut connections = BTreeMap::new();
    for check in &view.checks {
        let snapshot = &check.snapshot;
        *states.entry(snapshot.connection.state().as_str()).or_default() += 1;
        let own = Totals::of(snapshot, view.uptime);
        totals = totals.plus(own);
        let listed = Listed { standing: Standing::of(snapshot), group: check.info.group.as_deref(), totals: own };
        connections.insert(&*check.info.name, listed);
    }
    let all = All { total: connections.len(), connections, states, totals };
    Ok((StatusCode::OK, serde_json::to_vec(&all)?))
}

/// One connection in full. Whoever reads it makes use of it.
#[utoipa::path(get, path = "/connections/{check}", tag = "connections",
    params(("check" = String, Path, description = "The name of the check")),
    responses(
        (status = 200, description = "The connection, however it is", body = Full),
        (status = 400, description = "This can't be a name", body = Problem, content_type = PROBLEM),
        (status = 404, description = "There is no such check", body = Problem, content_type = PROBLEM),
    )
)]
pub(super) async fn connection(Shared(app): Shared<Arc<App>>, _: Reads, Name(name): Name) -> Result<Response, Problem> {
    in_full(&app.board, &name)
}

/// What one connection has been through, and how long it stays if nobody asks for it. Whoever reads it makes use of it.
#[utoipa::path(get, path = "/connections/{check}/stats", tag = "connections",
    params(("check" = String, Path, description = "The name of the check")),
    responses(
        (status = 200, description = "What it has been through", body = Stats),
        (status = 400, description = "This can't be a name", body = Problem, content_type = PROBLEM),
        (status = 404, description = "There is no such check", body = Problem, content_type = PROBLEM),
    )
)]
pub(super) async fn stats(Shared(app): Shared<Arc<App>>, _: Reads, Name(name): Name) -> Result<Response, Problem> {
    let slot = find(&app.board, &name)?;
    let check = slot.state();
    let response = json(&Stats {
        connection_id: &check.info.name,
        is_healthy: check.snapshot.counts_as().is_up(),
        is_connected: is_connected(&check.snapshot),
        activity: Activity::of(&check, &slot, &app.board),
        state: check.snapshot.connection.state().as_str(),
        totals: Totals::of(&check.snapshot, app.board.uptime()),
    });
    slot.touch(app.board.uptime());
    response
}

/// The slot of a check, or that there is none.
pub(super) fn find(board: &Board, name: &str) -> Result<Arc<Slot>, Problem> {
    board.check(name).ok_or_else(|| Problem::unknown_check(name, board))
}

/// The page of one connection; to show it is to make use of it.
pub(super) fn in_full(board: &Board, name: &str) -> Result<Response, Problem> {
    let slot = find(board, name)?;
    let check = slot.state();
    let response = json(&full(&check, &slot, board));
    slot.touch(board.uptime());
    response
}

/// All that is known of a connection.
pub(super) fn full<'a>(check: &'a CheckState, slot: &Slot, board: &Board) -> Full<'a> {
    let (info, snapshot) = (&check.info, &check.snapshot);
    Full {
        connection_id: &info.name,
        standing: Standing::of(snapshot),
        probe: &info.probe,
        group: info.group.as_deref(),
        since: snapshot.connection.since(),
        message: snapshot.last.as_ref().map_or(NOT_RUN, |run| run.outcome.message()),
        attempts: snapshot.connection.attempts(),
        next_attempt: snapshot.due.map(|due| board.at(due)),
        circuit: CircuitPage::of(check, slot, board),
        activity: Activity::of(check, slot, board),
        stats: Totals::of(snapshot, board.uptime()),
    }
}
