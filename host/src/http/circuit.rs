//! The circuit of one connection: how it stands, and what somebody decrees of it.

use std::{sync::Arc, time::Duration};

use axum::{extract::State as Shared, response::Response};
use jiff::Timestamp;
use probity_core::{
    circuit::{Command, Expiry, PolicyError},
    machine,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    App,
    auth::{Controls, Reads},
    connections::{find, last_activity},
    control::Controlled,
    page::json,
    parts::{Name, Said},
    problem::{PROBLEM, Problem},
    schema,
};
use crate::{
    board::{Board, CheckState, Slot},
    worker::Ask,
};

/// A circuit.
#[derive(Serialize, ToSchema)]
#[schema(as = Circuit)]
pub(super) struct CircuitPage {
    /// Whether calls are let through.
    #[schema(schema_with = schema::circuit_state)]
    state: &'static str,
    /// Who decides on that.
    #[schema(schema_with = schema::circuit_control)]
    control: &'static str,
    /// Counts its changes; whoever reports what a call came to names it, so that dated calls do not count.
    generation: u64,
    /// When it came into its state.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    /// When it was opened last; null: never.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    opened_at: Option<Timestamp>,
    /// When it turns half-open; null: it is not open, or is until somebody acts.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// How long it stays open.
    expiry: ExpiryPage,
    /// How many calls it lets through at a time when it is half-open.
    permits: u32,
    /// Failures in a row, up to the last call.
    consecutive_failures: u32,
    /// When a call failed last; null: never.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    last_failure: Option<Timestamp>,
    /// When a call succeeded last; null: never.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    last_success: Option<Timestamp>,
    /// When somebody asked for the connection last, before this.
    #[schema(value_type = String, format = DateTime)]
    last_activity: Timestamp,
}

/// The circuit of a probe, which protects the runner: a probe that keeps failing rests. The target has no part in it.
#[derive(Serialize, ToSchema)]
#[schema(as = ProbeCircuit)]
pub(super) struct ProbeCircuitPage {
    /// Whether the probe is run by its schedule; half-open: once, to find out.
    #[schema(schema_with = schema::circuit_state)]
    state: &'static str,
    /// When it came into its state.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    /// When it turns half-open; null: it is not open.
    #[schema(required, value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

impl ProbeCircuitPage {
    pub(super) fn of(check: &CheckState, board: &Board) -> ProbeCircuitPage {
        let rest = check.snapshot.rest;
        ProbeCircuitPage {
            state: rest.state.as_str(),
            since: rest.since,
            expires_at: rest.expires.map(|at| board.at(at)),
        }
    }
}

/// How long a circuit stays open.
#[derive(Serialize, ToSchema)]
#[schema(as = Expiry)]
struct ExpiryPage {
    /// Always as long, longer each time, or until somebody acts.
    #[schema(schema_with = schema::strategy)]
    strategy: &'static str,
    /// How long, at first if it is progressive, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<f64>,
    /// How many times as long each further time is.
    #[serde(skip_serializing_if = "Option::is_none")]
    factor: Option<f64>,
    /// The longest time, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_seconds: Option<f64>,
}

impl ExpiryPage {
    fn of(expiry: Expiry) -> ExpiryPage {
        let (seconds, factor, max_seconds) = match expiry {
            Expiry::Fixed(expiry) => (Some(expiry), None, None),
            Expiry::Progressive { initial, factor, max } => (Some(initial), Some(factor), Some(max)),
            Expiry::Disabled => (None, None, None),
        };
        ExpiryPage {
            strategy: expiry.strategy(),
            seconds: seconds.map(|span| span.as_secs_f64()),
            factor,
            max_seconds: max_seconds.map(|span| span.as_secs_f64()),
        }
    }
}

impl CircuitPage {
    pub(super) fn of(check: &CheckState, slot: &Slot, board: &Board) -> CircuitPage {
        let (circuit, policy) = (&check.snapshot.circuit, &check.info.policy.circuit);
        CircuitPage {
            state: circuit.state().as_str(),
            control: circuit.control().as_str(),
            generation: circuit.generation(),
            since: circuit.since(),
            opened_at: circuit.opened_at(),
            expires_at: circuit.expires().map(|at| board.at(at)),
            expiry: ExpiryPage::of(circuit.expiry(policy)),
            permits: policy.permits.get(),
            consecutive_failures: circuit.failures(),
            last_failure: circuit.last_failure(),
            last_success: circuit.last_success(),
            last_activity: board.at(last_activity(check, slot)),
        }
    }
}

/// How long a circuit is to stay open.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WantedExpiry {
    #[serde(default)]
    #[schema(inline)]
    strategy: Strategy,
    /// How long, at first if it is progressive; from 1 to 86400.
    #[schema(minimum = 1, maximum = 86400, example = 60)]
    seconds: Option<f64>,
    /// How many times as long each further time is; from 1 to 100, and 2 unless given.
    #[schema(minimum = 1, maximum = 100)]
    factor: Option<f64>,
    /// The longest time; from `seconds` to 86400, and 300 unless given.
    #[schema(minimum = 1, maximum = 86400)]
    max_seconds: Option<f64>,
}

/// `fixed` unless given; `configured` is what the configuration says, again.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Strategy {
    #[default]
    Fixed,
    Progressive,
    Disabled,
    Configured,
}

impl WantedExpiry {
    fn read(self) -> Result<Option<Expiry>, Problem> {
        let span = |field: &'static str, seconds: f64| {
            Duration::try_from_secs_f64(seconds)
                .map_err(|_| Problem::invalid_value(field, "must be a number of seconds from 1 to 86400"))
        };
        let seconds = self.seconds.map(|seconds| span("seconds", seconds)).transpose()?;
        let max = self.max_seconds.map(|seconds| span("max_seconds", seconds)).transpose()?;
        let is_progressive = matches!(self.strategy, Strategy::Progressive);
        let is_timed = is_progressive || matches!(self.strategy, Strategy::Fixed);
        let superfluous = [
            ("seconds", seconds.is_some() && !is_timed),
            ("factor", self.factor.is_some() && !is_progressive),
            ("max_seconds", max.is_some() && !is_progressive),
        ];
        if let Some((field, _)) = superfluous.into_iter().find(|(_, superfluous)| *superfluous) {
            return Err(Problem::invalid_value(field, "means nothing with this strategy; leave it out"));
        }
        let expiry = match self.strategy {
            Strategy::Configured => return Ok(None),
            Strategy::Disabled => Ok(Expiry::Disabled),
            Strategy::Fixed => {
                let missing = || Problem::invalid_value("seconds", "is missing; for example {\"seconds\": 60}");
                Expiry::fixed(seconds.ok_or_else(missing)?)
            }
            Strategy::Progressive => {
                let initial = seconds.unwrap_or(Expiry::INITIAL);
                let max = max.unwrap_or(Expiry::MAX.max(initial));
                Expiry::progressive(initial, self.factor.unwrap_or(Expiry::FACTOR), max)
            }
        };
        expiry.map(Some).map_err(|error| {
            let field = match error {
                PolicyError::Factor(_) => "factor",
                PolicyError::Max { .. } => "max_seconds",
                _ => "seconds",
            };
            Problem::invalid_value(field, error.to_string())
        })
    }
}

/// The circuit of one connection. Whoever reads it makes use of the connection.
#[utoipa::path(get, path = "/connections/{check}/circuit", tag = "circuits",
    params(("check" = String, Path, description = "The name of the check")),
    responses(
        (status = 200, description = "The circuit, however it is", body = CircuitPage),
        (status = 400, description = "This can't be a name", body = Problem, content_type = PROBLEM),
        (status = 404, description = "There is no such check", body = Problem, content_type = PROBLEM),
    )
)]
pub(super) async fn circuit(Shared(app): Shared<Arc<App>>, _: Reads, Name(name): Name) -> Result<Response, Problem> {
    show(&app, &name)
}

/// Ends the expiry of an open circuit: half-open now. It is found out at once whether the target is back.
#[utoipa::path(post, path = "/connections/{check}/circuit/half-open", tag = "circuits",
    params(("check" = String, Path, description = "The name of the check")),
    responses((status = 200, description = "The circuit after that", body = CircuitPage), Controlled),
    security(("token" = ["control"]))
)]
pub(super) async fn half_open(
    Shared(app): Shared<Arc<App>>,
    _: Controls,
    Name(name): Name,
) -> Result<Response, Problem> {
    obey(&app, &name, Command::HalfOpen).await
}

/// Opens the circuit, until told otherwise.
#[utoipa::path(post, path = "/connections/{check}/circuit/force-open", tag = "circuits",
    params(("check" = String, Path, description = "The name of the check")),
    responses((status = 200, description = "The circuit after that", body = CircuitPage), Controlled),
    security(("token" = ["control"]))
)]
pub(super) async fn force_open(
    Shared(app): Shared<Arc<App>>,
    _: Controls,
    Name(name): Name,
) -> Result<Response, Problem> {
    obey(&app, &name, Command::ForceOpen).await
}

/// Closes the circuit, whatever comes of calls, until told otherwise.
#[utoipa::path(post, path = "/connections/{check}/circuit/force-closed", tag = "circuits",
    params(("check" = String, Path, description = "The name of the check")),
    responses((status = 200, description = "The circuit after that", body = CircuitPage), Controlled),
    security(("token" = ["control"]))
)]
pub(super) async fn force_closed(
    Shared(app): Shared<Arc<App>>,
    _: Controls,
    Name(name): Name,
) -> Result<Response, Problem> {
    obey(&app, &name, Command::ForceClosed).await
}

/// Lets the outcomes of calls decide again. The expiry of a circuit that was forced open begins now.
#[utoipa::path(post, path = "/connections/{check}/circuit/auto", tag = "circuits",
    params(("check" = String, Path, description = "The name of the check")),
    responses((status = 200, description = "The circuit after that", body = CircuitPage), Controlled),
    security(("token" = ["control"]))
)]
pub(super) async fn auto(Shared(app): Shared<Arc<App>>, _: Controls, Name(name): Name) -> Result<Response, Problem> {
    obey(&app, &name, Command::Auto).await
}

/// Sets how long this circuit stays open, in place of what the configuration says. It counts from the opening, if it is
/// open.
#[utoipa::path(put, path = "/connections/{check}/circuit/expiry", tag = "circuits",
    params(("check" = String, Path, description = "The name of the check")),
    request_body = WantedExpiry,
    responses((status = 200, description = "The circuit after that", body = CircuitPage), Controlled),
    security(("token" = ["control"]))
)]
pub(super) async fn expiry(
    Shared(app): Shared<Arc<App>>,
    _: Controls,
    Name(name): Name,
    Said(wanted): Said<WantedExpiry>,
) -> Result<Response, Problem> {
    obey(&app, &name, Command::SetExpiry(wanted.read()?)).await
}

async fn obey(app: &App, name: &str, command: Command) -> Result<Response, Problem> {
    app.ask(name, Ask::Command(machine::Command::Circuit(command))).await?;
    show(app, name)
}

fn show(app: &App, name: &str) -> Result<Response, Problem> {
    let slot = find(&app.board, name)?;
    let response = json(&CircuitPage::of(&slot.state(), &slot, &app.board));
    slot.touch(app.board.uptime());
    response
}
