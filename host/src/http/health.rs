//! Whether all is well: the whole, a group of it, whether traffic may come, and all checks.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use jiff::Timestamp;
use probity_core::{
    health::{Health, Mode, Overall},
    outcome::Run,
    time::nanoseconds,
};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use super::{
    App,
    auth::Reads,
    check::Listed,
    entry::{Entry, write_map},
    forms::{self, ours},
    headers::Headers,
    health_json::HealthJson,
    problem::{PROBLEM, Problem},
    rendered::{Document, Drawn},
    schema,
    selection::Selection,
    view::View,
};
use crate::board::{self, CheckState};

/// How many checks the message names; a line with more is not read.
const NAMED: usize = 5;

/// All that is known, in one document.
#[derive(Serialize, ToSchema)]
#[schema(as = Health)]
struct Whole<'a> {
    /// The one word for all.
    #[schema(schema_with = schema::overall)]
    status: &'static str,
    /// What is wrong, by name.
    message: String,
    /// Every check, by name.
    #[serde(serialize_with = "write_entries")]
    #[schema(value_type = HashMap<String, Entry>)]
    checks: &'a [Arc<CheckState>],
    /// How long the runner has been up, in nanoseconds.
    uptime: u64,
    /// When it started.
    #[schema(value_type = String, format = DateTime)]
    start_time: Timestamp,
    /// When the latest result came in; the start, if there is none yet.
    #[schema(value_type = String, format = DateTime)]
    last_update: Timestamp,
    /// The version of the runner.
    version: &'static str,
    /// The name of this runner among others.
    node_id: &'a str,
    /// The parts of the runner itself that tell how they are, by name: `store`, unless it keeps no history.
    #[serde(serialize_with = "write_components")]
    #[schema(value_type = HashMap<String, Component>)]
    components: &'a BTreeMap<&'static str, board::Component>,
}

/// A part of the runner itself.
#[derive(Serialize, ToSchema)]
struct Component<'a> {
    /// `healthy`, or `degraded` while it does not do what it is for.
    #[schema(example = "healthy")]
    status: &'static str,
    /// How it is.
    message: &'a str,
}

/// Whether traffic may be sent to what is probed.
#[derive(Serialize, ToSchema)]
struct Ready {
    /// Whether it may.
    ready: bool,
    /// The one word for all.
    #[schema(schema_with = schema::overall)]
    status: &'static str,
    /// What is wrong, by name.
    message: String,
}

/// All checks.
#[derive(Serialize, ToSchema)]
#[schema(as = Checks)]
struct All<'a> {
    /// Every check, by name.
    #[serde(serialize_with = "write_listed")]
    #[schema(value_type = HashMap<String, Listed>)]
    checks: &'a [Arc<CheckState>],
    /// How many there are.
    total: usize,
    /// When this was written.
    #[schema(value_type = String, format = DateTime)]
    timestamp: Timestamp,
}

/// `/health`
pub(super) const HEALTH: Document = ours(draw_health);
/// `/health/ready`
pub(super) const READY: Document = ours(draw_ready);
/// `/health/checks`
pub(super) const CHECKS: Document = ours(draw_checks);

/// Everything: the one word for all, and every check.
///
/// In our own JSON unless something else is asked for. With `verbose`, in text; with `exclude` or `group`, as if there were no other
/// checks.
#[utoipa::path(get, path = "/health", tag = "health", params(Selection), responses(
    (status = 200, description = "Healthy, or degraded: something is wrong, but nothing critical", content(
        (Whole = "application/json"), (HealthJson = "application/health+json"), (String = "text/html; charset=utf-8"),
        (String = "text/plain; charset=utf-8"),
    )),
    (status = 304, description = "Nothing changed since the response that had this ETag"),
    (status = 400, description = "The query is not as described", body = Problem, content_type = PROBLEM),
    (status = 404, description = "There is no such group", body = Problem, content_type = PROBLEM),
    (status = 503, description = "Unhealthy, starting or stopping", content(
        (Whole = "application/json"), (HealthJson = "application/health+json"), (String = "text/html; charset=utf-8"),
        (String = "text/plain; charset=utf-8"),
    )),
))]
pub(super) async fn health(
    State(app): State<Arc<App>>,
    _: Reads,
    selection: Selection,
    Headers(headers): Headers,
) -> Response {
    forms::answer(&app, &app.health, &headers, selection).await
}

/// The health of one group: as if there were no other checks.
#[utoipa::path(get, path = "/health/groups/{group}", tag = "health",
    params(
        ("group" = String, Path, description = "The name of the group"),
        ("verbose" = Option<bool>, Query, description = "Whether to tell of each check in a line of its own, as text"),
        ("exclude" = Option<Vec<String>>, Query, description = "The name of a check that is to be left out of account"),
    ),
    responses(
        (status = 200, description = "Healthy or degraded", content(
            (Whole = "application/json"), (HealthJson = "application/health+json"),
            (String = "text/html; charset=utf-8"), (String = "text/plain; charset=utf-8"),
        )),
        (status = 304, description = "Nothing changed since the response that had this ETag"),
        (status = 400, description = "The query is not as described", body = Problem, content_type = PROBLEM),
        (status = 404, description = "There is no such group", body = Problem, content_type = PROBLEM),
        (status = 503, description = "Unhealthy, starting or stopping", content(
            (Whole = "application/json"), (HealthJson = "application/health+json"),
            (String = "text/html; charset=utf-8"), (String = "text/plain; charset=utf-8"),
        )),
    )
)]
pub(super) async fn group(
    State(app): State<Arc<App>>,
    _: Reads,
    Path(group): Path<String>,
    selection: Selection,
    Headers(headers): Headers,
) -> Result<Response, Problem> {
    Ok(forms::answer(&app, &app.health, &headers, selection.of_group(group)?).await)
}

/// Whether traffic may be sent to what is probed.
#[utoipa::path(get, path = "/health/ready", tag = "health", params(Selection), responses(
    (status = 200, description = "Healthy or degraded", content(
        (Ready = "application/json"), (HealthJson = "application/health+json"), (String = "text/html; charset=utf-8"),
        (String = "text/plain; charset=utf-8"),
    )),
    (status = 304, description = "Nothing changed since the response that had this ETag"),
    (status = 400, description = "The query is not as described", body = Problem, content_type = PROBLEM),
    (status = 404, description = "There is no such group", body = Problem, content_type = PROBLEM),
    (status = 503, description = "Unhealthy, starting or stopping", content(
        (Ready = "application/json"), (HealthJson = "application/health+json"), (String = "text/html; charset=utf-8"),
        (String = "text/plain; charset=utf-8"),
    )),
))]
pub(super) async fn ready(
    State(app): State<Arc<App>>,
    _: Reads,
    selection: Selection,
    Headers(headers): Headers,
) -> Response {
    forms::answer(&app, &app.ready, &headers, selection).await
}

/// The same as Kubernetes has it: `ok`, or what is wrong; with `verbose`, a line for each check.
#[utoipa::path(get, path = "/readyz", tag = "health", params(Selection), responses(
    (status = 200, description = "Healthy or degraded", body = String, content_type = "text/plain; charset=utf-8"),
    (status = 304, description = "Nothing changed since the response that had this ETag"),
    (status = 400, description = "The query is not as described", body = Problem, content_type = PROBLEM),
    (status = 404, description = "There is no such group", body = Problem, content_type = PROBLEM),
    (status = 503, description = "Unhealthy, starting or stopping", body = String,
        content_type = "text/plain; charset=utf-8"),
))]
pub(super) async fn readyz(
    State(app): State<Arc<App>>,
    _: Reads,
    selection: Selection,
    Headers(headers): Headers,
) -> Response {
    forms::answer_readyz(&app, &headers, selection).await
}

/// Every check, with what it is for and when it runs; with `exclude` or `group`, as if there were no other checks.
#[utoipa::path(get, path = "/health/checks", tag = "checks",
    params(
        ("exclude" = Option<Vec<String>>, Query, description = "The name of a check that is to be left out"),
        ("group" = Option<String>, Query, description = "The only group whose checks are of interest"),
    ),
    responses(
        (status = 200, description = "Every check, however it is", body = All),
        (status = 304, description = "Nothing changed since the response that had this ETag"),
        (status = 400, description = "The query is not as described", body = Problem, content_type = PROBLEM),
        (status = 404, description = "There is no such group", body = Problem, content_type = PROBLEM),
    )
)]
pub(super) async fn checks(
    State(app): State<Arc<App>>,
    _: Reads,
    selection: Selection,
    Headers(headers): Headers,
) -> Response {
    forms::told(&app, &app.checks, &headers, selection).await
}

fn draw_health(view: &View<'_>) -> Drawn {
    let body = serde_json::to_vec(&Whole {
        status: view.overall.as_str(),
        message: message(view),
        checks: &view.checks,
        uptime: nanoseconds(view.uptime),
        start_time: view.board.started,
        last_update: last_update(view),
        version: env!("CARGO_PKG_VERSION"),
        node_id: &view.board.node_id,
        components: &view.board.components(),
    })?;
    Ok((status(view.overall), body))
}

fn draw_ready(view: &View<'_>) -> Drawn {
    let body = serde_json::to_vec(&Ready {
        ready: view.overall.is_serving(),
        status: view.overall.as_str(),
        message: message(view),
    })?;
    Ok((status(view.overall), body))
}

fn draw_checks(view: &View<'_>) -> Drawn {
    let body = serde_json::to_vec(&All { checks: &view.checks, total: view.checks.len(), timestamp: view.now })?;
    Ok((StatusCode::OK, body))
}

/// The status that goes with a word.
pub(super) fn status(overall: Overall) -> StatusCode {
    if overall.is_serving() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

fn last_update(view: &View<'_>) -> Timestamp {
    let latest = view.checks.iter().filter_map(|check| check.snapshot.last.as_deref()).map(Run::ended).max();
    latest.unwrap_or(view.board.started)
}

/// What is wrong, by name, or that nothing is.
pub(super) fn message(view: &View<'_>) -> String {
    let tally = &view.tally;
    match view.overall {
        Overall::Stopping => "the runner is stopping".into(),
        Overall::Starting => {
            let awaited = view.checks.iter().filter(|check| check.snapshot.is_awaited()).count();
            format!("{} of {} checks have had their first run", tally.total - awaited, tally.total)
        }
        Overall::Healthy if tally.total == 0 => "there are no checks".into(),
        Overall::Healthy if tally.pending > 0 => {
            format!("all is well; {} of {} checks are not watched, or have not run yet", tally.pending, tally.total)
        }
        Overall::Healthy => format!("all is well with {}", count(tally.total)),
        Overall::Degraded | Overall::Unhealthy => what_is_wrong(view),
    }
}

/// The worst first: what is critical and failing, what is failing, what is degraded, and what is unknown. What was forced down by its
/// operator does not fail, but counts as if it did.
fn what_is_wrong(view: &View<'_>) -> String {
    let gravity = |check: &CheckState| match check.snapshot.counts_as() {
        Health::Unhealthy if check.info.critical => Some((0, decreed(check).unwrap_or("is failing and critical"))),
        Health::Unhealthy => Some((1, decreed(check).unwrap_or("is failing"))),
        Health::Degraded => Some((2, "is degraded")),
        Health::Unknown => Some((3, "is unknown, as its probe fails")),
        Health::Pending | Health::Healthy => None,
    };
    let mut wrong: Vec<_> = view.checks.iter().filter_map(|check| Some((gravity(check)?, &*check.info.name))).collect();
    wrong.sort_unstable();
    let mut told: Vec<String> = wrong.iter().take(NAMED).map(|((_, how), name)| format!("{name} {how}")).collect();
    if wrong.len() > NAMED {
        told.push(format!("and {} more", wrong.len() - NAMED));
    }
    told.extend(view.impaired().map(|(name, component)| format!("{name}: {}", component.message)));
    told.join("; ")
}

/// What is said of a check that counts as unhealthy because its operator decreed so.
fn decreed(check: &CheckState) -> Option<&'static str> {
    let how = if check.info.critical { "is forced down and critical" } else { "is forced down" };
    (check.snapshot.mode == Mode::ForcedDown).then_some(how)
}

fn count(checks: usize) -> String {
    if checks == 1 { "1 check".into() } else { format!("{checks} checks") }
}

fn write_components<S: Serializer>(
    components: &BTreeMap<&'static str, board::Component>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(components.iter().map(|(name, component)| {
        let status = if component.healthy { Overall::Healthy } else { Overall::Degraded };
        (name, Component { status: status.as_str(), message: &component.message })
    }))
}

fn write_entries<S: Serializer>(checks: &[Arc<CheckState>], serializer: S) -> Result<S::Ok, S::Error> {
    write_map(checks, Entry::of, serializer)
}

fn write_listed<S: Serializer>(checks: &[Arc<CheckState>], serializer: S) -> Result<S::Ok, S::Error> {
    write_map(checks, Listed::of, serializer)
}
