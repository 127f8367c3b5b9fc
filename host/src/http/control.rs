//! What can be asked of a connection: to be made, closed, looked at, forgotten, made use of, and told of.

use std::{sync::Arc, time::Duration};

use axum::{extract::State as Shared, response::Response};
use jiff::SignedDuration;
use probity_core::{
    health::Mode,
    machine::{Acquired, Command, Unavailable},
    outcome::{Outcome, Run, Status, Usage, Verdict},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoResponses, ToSchema};

use super::{
    App,
    auth::Controls,
    connections::{Full, find, full, in_full},
    page::json,
    parts::{Asked, Name, Said, whole, whole_or_none},
    problem::{PROBLEM, Problem},
};
use crate::{
    config::parse_duration,
    worker::{Answer, Ask},
};

/// The word for a target whose examination goes on for longer than somebody wanted to wait.
pub(super) const CONNECTING: &str = "connecting";
/// When to ask again for what is not to be had for a reason that nobody can foresee the end of, in seconds.
const SOME_TIME: u32 = 30;
/// How long somebody may wait for a connection: as long as a run may take.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);
/// Bytes of the message of a report: as of a verdict's.
const MESSAGE: usize = 4 * 1024;

/// What may go wrong with all that changes something.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it describes responses, and is never made")]
pub(super) enum Controlled {
    /// The name, the query or the body can't be used; `field` says which
    #[response(status = 400, content_type = "application/problem+json")]
    Invalid(Problem),
    /// The token is wrong or missing
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthorized(Problem),
    /// There is no token, so nobody may
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(Problem),
    /// There is no such check
    #[response(status = 404, content_type = "application/problem+json")]
    Unknown(Problem),
    /// The runner is stopping
    #[response(status = 503, content_type = "application/problem+json")]
    Stopping(Problem),
}

/// Connects, unless it is connected or about to be; answered when the target has been examined.
#[utoipa::path(post, path = "/connections/{check}/connect", tag = "connections",
    params(("check" = String, Path, description = "The name of the check")),
    responses((status = 200, description = "The connection after that", body = Full), Controlled),
    security(("token" = ["control"]))
)]
pub(super) async fn connect(Shared(app): Shared<Arc<App>>, _: Controls, Name(name): Name) -> Result<Response, Problem> {
    obey(&app, &name, Command::Connect).await
}

/// Disconnects: a connection that is kept open is closed politely, and nothing is examined until somebody asks.
#[utoipa::path(post, path = "/connections/{check}/disconnect", tag = "connections",
    params(("check" = String, Path, description = "The name of the check")),
    responses((status = 200, description = "The connection after that", body = Full), Controlled),
    security(("token" = ["control"]))
)]
pub(super) async fn disconnect(
    Shared(app): Shared<Arc<App>>,
    _: Controls,
    Name(name): Name,
) -> Result<Response, Problem> {
    obey(&app, &name, Command::Disconnect).await
}

/// Examines the target now, whatever its circuit says; answered when the outcome is there.
#[utoipa::path(post, path = "/connections/{check}/check", tag = "connections",
    params(("check" = String, Path, description = "The name of the check")),
    responses((status = 200, description = "The connection after that", body = Full), Controlled),
    security(("token" = ["control"]))
)]
pub(super) async fn examine(Shared(app): Shared<Arc<App>>, _: Controls, Name(name): Name) -> Result<Response, Problem> {
    app.ask(&name, Ask::Run).await?;
    in_full(&app.board, &name)
}

/// Forgets all that was learned and counted, and begins as if the check had just been made. Its mode stays.
#[utoipa::path(post, path = "/connections/{check}/reset", tag = "connections",
    params(("check" = String, Path, description = "The name of the check")),
    responses((status = 200, description = "The connection after that", body = Full), Controlled),
    security(("token" = ["control"]))
)]
pub(super) async fn reset(Shared(app): Shared<Arc<App>>, _: Controls, Name(name): Name) -> Result<Response, Problem> {
    obey(&app, &name, Command::Reset).await
}

/// How long somebody waits.
#[derive(Deserialize)]
pub(super) struct Patience {
    timeout: Option<String>,
}

/// A connection that may be made use of.
#[derive(Serialize, ToSchema)]
#[schema(as = Acquired)]
struct Lease<'a> {
    /// That of the circuit, to be named when the outcome of the call is reported.
    generation: u64,
    #[serde(flatten)]
    connection: Full<'a>,
}

/// Asks for the connection. One that is closed or lost is made again first, as far as its circuit lets it be; answered when
/// it is there, or known not to be.
#[utoipa::path(post, path = "/connections/{check}/acquire", tag = "connections",
    params(
        ("check" = String, Path, description = "The name of the check"),
        ("timeout" = Option<String>, Query,
            description = "How long to wait at most, such as `5s`; unless given, the time-out of the check")
    ),
    responses(
        (status = 200, description = "The connection, which is there", body = Lease),
        Controlled,
        (status = 503, description = "The connection is not to be had; `reason` says why, and Retry-After when to ask again",
            body = Problem, content_type = PROBLEM, headers(("Retry-After" = u64, description = "In seconds")))
    ),
    security(("token" = ["control"]))
)]
pub(super) async fn acquire(
    Shared(app): Shared<Arc<App>>,
    _: Controls,
    Name(name): Name,
    Asked(Patience { timeout }): Asked<Patience>,
) -> Result<Response, Problem> {
    let slot = find(&app.board, &name)?;
    slot.touch(app.board.uptime());
    let timeout = match timeout {
        None => slot.state().info.timeout,
        Some(text) => parse_duration(&text).filter(|timeout| *timeout <= LONGEST_WAIT).ok_or_else(|| {
            Problem::invalid_value("timeout", "must be a duration of up to an hour, such as `500ms`, `5s` or `1m`")
        })?,
    };
    let answer = match tokio::time::timeout(timeout, app.ask(&name, Ask::Acquire)).await {
        Ok(answer) => answer?,
        Err(_) => {
            let detail = format!("it was not known within {timeout:?} whether the connection to `{name}` can be made");
            return Err(Problem::unavailable(CONNECTING, 1, detail));
        }
    };
    match answer {
        Answer::Acquired(Acquired::Ready { generation }) => {
            let check = slot.state();
            json(&Lease { generation, connection: full(&check, &slot, &app.board) })
        }
        Answer::Acquired(Acquired::Refused { why, until }) => {
            let seconds = until.map(|until| until.saturating_sub(app.board.uptime()).as_secs_f64().ceil() as u32);
            let last = slot.state().snapshot.last.as_ref().map(|run| Arc::clone(run.outcome.message()));
            let detail = explain(&name, why, last.as_deref());
            Err(Problem::unavailable(why.as_str(), seconds.unwrap_or(SOME_TIME).max(1), detail))
        }
        Answer::Done | Answer::Acquired(Acquired::Wait) => {
            Err(Problem::unavailable(CONNECTING, 1, format!("the connection to `{name}` is being made")))
        }
    }
}

fn explain(name: &str, why: Unavailable, last: Option<&str>) -> String {
    match last {
        Some(last) => format!("the target of `{name}` {why} (last: {last})"),
        None => format!("the target of `{name}` {why}"),
    }
}

/// What somebody's own call to the target came to.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Report {
    /// Whether it succeeded.
    success: bool,
    /// How long it took, in nanoseconds.
    #[serde(default, deserialize_with = "whole")]
    #[schema(format = "uint64")]
    latency: u64,
    /// What happened, in one line; at most 4096 bytes.
    message: Option<String>,
    /// That of the circuit when the call was let through, as `acquire` gave it. If the circuit changed since, the report is
    /// dated and changes nothing.
    #[serde(default, deserialize_with = "whole_or_none")]
    #[schema(format = "uint64")]
    generation: Option<u64>,
}

/// Tells what somebody's own call to the target came to. It counts as a run would, for the circuit as for the connection.
#[utoipa::path(post, path = "/connections/{check}/outcomes", tag = "connections",
    params(("check" = String, Path, description = "The name of the check")),
    request_body = Report,
    responses((status = 200, description = "The connection after that", body = Full), Controlled),
    security(("token" = ["control"]))
)]
pub(super) async fn outcomes(
    Shared(app): Shared<Arc<App>>,
    _: Controls,
    Name(name): Name,
    Said(report): Said<Report>,
) -> Result<Response, Problem> {
    let usual = if report.success { "a call succeeded" } else { "a call failed" };
    let message = report.message.as_deref().map_or(usual, str::trim);
    if message.len() > MESSAGE {
        return Err(Problem::invalid_value("message", format!("may have {MESSAGE} bytes, and has {}", message.len())));
    }
    let latency = Duration::from_nanos(report.latency);
    let status = if report.success { Status::Healthy } else { Status::Unhealthy };
    let verdict = Verdict { latency: Some(latency), ..Verdict::new(status, format!("reported: {message}")) };
    let now = app.board.wall();
    let took = SignedDuration::try_from(latency).unwrap_or(SignedDuration::MAX);
    let run = Run {
        started: now.checked_sub(took).unwrap_or(now),
        took: latency,
        outcome: Outcome::Verdict(verdict),
        usage: Usage::default(),
    };
    app.ask(&name, Ask::Report { run: Arc::new(run), generation: report.generation }).await?;
    in_full(&app.board, &name)
}

/// What somebody decrees.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Decree {
    #[schema(inline)]
    mode: DecreedMode,
}

/// What counts from now on: what is found, healthy, unhealthy, or nothing, as it is not examined.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum DecreedMode {
    Auto,
    ForcedUp,
    ForcedDown,
    Disabled,
}

/// Decrees that the target counts as healthy or as unhealthy, or is not examined at all; or that what is found counts.
#[utoipa::path(put, path = "/connections/{check}/mode", tag = "connections",
    params(("check" = String, Path, description = "The name of the check")),
    request_body = Decree,
    responses((status = 200, description = "The connection after that", body = Full), Controlled),
    security(("token" = ["control"]))
)]
pub(super) async fn mode(
    Shared(app): Shared<Arc<App>>,
    _: Controls,
    Name(name): Name,
    Said(Decree { mode }): Said<Decree>,
) -> Result<Response, Problem> {
    let mode = match mode {
        DecreedMode::Auto => Mode::Auto,
        DecreedMode::ForcedUp => Mode::ForcedUp,
        DecreedMode::ForcedDown => Mode::ForcedDown,
        DecreedMode::Disabled => Mode::Disabled,
    };
    obey(&app, &name, Command::Mode(mode)).await
}

async fn obey(app: &App, name: &str, command: Command) -> Result<Response, Problem> {
    app.ask(name, Ask::Command(command)).await?;
    in_full(&app.board, name)
}
