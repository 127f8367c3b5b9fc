//! Whether the runner itself lives, and whether it has started, whatever its checks find.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use probity_core::health::{Overall, Phase};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    App,
    auth::Reads,
    forms::ours,
    headers::Headers,
    health::message,
    listing::{EXCLUDED, HEALTH, line, verdict, warning},
    page::{REVALIDATE, TEXT, json},
    problem::{PROBLEM, Problem},
    rendered::{Document, Drawn},
    schema,
    selection::Selection,
    view::{SHUTDOWN, View},
    words::in_words,
};
use crate::board::{Board, Part};

/// What the last line names where `/livez` was asked.
const LIVEZ: &str = "livez";

/// Whether the runner itself lives.
#[derive(Serialize, ToSchema)]
struct Live {
    /// Whether it does, and is not about to stop.
    live: bool,
    /// The runner's own condition, whatever its checks find: `healthy` once it has started.
    #[schema(schema_with = schema::own)]
    status: &'static str,
    /// How long it has been up, as in `24h0m0s`.
    #[schema(example = "24h0m0s")]
    uptime: String,
    /// Why it does not; absent if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

/// Whether the runner has started.
#[derive(Serialize, ToSchema)]
struct Startup {
    /// Whether it has; then it always will have.
    started: bool,
    /// The one word for all.
    #[schema(schema_with = schema::overall)]
    status: &'static str,
    /// What is wrong, by name.
    message: String,
}

/// `/health/startup`
pub(super) const STARTUP: Document = ours(draw_startup);

/// Whether the runner itself lives, whatever its checks find: what schedules their runs and what ends those that take too long must
/// move. It tells of nothing else, and takes no token.
#[utoipa::path(get, path = "/health/live", tag = "health", params(Selection), responses(
    (status = 200, description = "It lives", content((Live = "application/json"), (String = "text/plain; charset=utf-8"))),
    (status = 400, description = "The query is not as described", body = Problem, content_type = PROBLEM),
    (status = 503, description = "It is stopping, or stands still",
        content((Live = "application/json"), (String = "text/plain; charset=utf-8"))),
))]
pub(super) async fn live(State(app): State<Arc<App>>, selection: Selection) -> Result<Response, Problem> {
    let flaws = Flaws::of(&app.board, &selection);
    if selection.verbose {
        return Ok(flaws.listing(true, HEALTH, &selection));
    }
    let own = match app.board.phase() {
        Phase::Starting => Overall::Starting,
        Phase::Running if flaws.are_none() => Overall::Healthy,
        Phase::Running => Overall::Unhealthy,
        Phase::Stopping => Overall::Stopping,
    };
    let body = json(&Live {
        live: flaws.are_none(),
        status: own.as_str(),
        uptime: in_words(app.board.uptime()),
        message: flaws.message(),
    })?;
    Ok((flaws.status(), body).into_response())
}

/// The same as Kubernetes has it: `ok`, or what is wrong; with `verbose`, a line for each part of the runner.
#[utoipa::path(get, path = "/livez", tag = "health", params(Selection), responses(
    (status = 200, description = "It lives", body = String, content_type = "text/plain; charset=utf-8"),
    (status = 400, description = "The query is not as described", body = Problem, content_type = PROBLEM),
    (status = 503, description = "It is stopping, or stands still", body = String,
        content_type = "text/plain; charset=utf-8"),
))]
pub(super) async fn livez(State(app): State<Arc<App>>, selection: Selection) -> Response {
    Flaws::of(&app.board, &selection).listing(selection.verbose, LIVEZ, &selection)
}

/// Whether the runner has started: every check has had its first run, or its time for it. It does not take that back.
#[utoipa::path(get, path = "/health/startup", tag = "health", responses(
    (status = 200, description = "It has started", body = Startup),
    (status = 304, description = "Nothing changed since the response that had this ETag"),
    (status = 503, description = "It is starting", body = Startup),
))]
pub(super) async fn startup(State(app): State<Arc<App>>, _: Reads, Headers(headers): Headers) -> Response {
    app.startup.answer(&headers).await
}

fn draw_startup(view: &View<'_>) -> Drawn {
    let started = view.phase != Phase::Starting;
    let status = if started { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = Startup { started, status: view.overall.as_str(), message: message(view) };
    Ok((status, serde_json::to_vec(&body)?))
}

/// What is wrong with the runner itself, by the names that can be left out of account.
struct Flaws([(&'static str, Told); Part::ALL.len() + 1]);

/// What is told of a part.
#[derive(Clone, Copy, PartialEq)]
enum Told {
    Well,
    Excluded,
    Stopping,
    Still(Duration),
}

impl Flaws {
    fn of(board: &Board, selection: &Selection) -> Flaws {
        let told = |name: &'static str, flaw: Option<Told>| {
            let excluded = selection.exclude.iter().any(|other| other == name);
            (name, if excluded { Told::Excluded } else { flaw.unwrap_or(Told::Well) })
        };
        let [scheduler, ticker] = Part::ALL.map(|part| told(part.as_str(), board.vitals.still(part).map(Told::Still)));
        let stopping = (board.phase() == Phase::Stopping).then_some(Told::Stopping);
        Flaws([scheduler, ticker, told(SHUTDOWN, stopping)])
    }

    fn are_none(&self) -> bool {
        self.0.iter().all(|(_, told)| matches!(told, Told::Well | Told::Excluded))
    }

    fn status(&self) -> StatusCode {
        if self.are_none() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
    }

    fn message(&self) -> Option<String> {
        let flaws = self.0.iter().filter_map(|(name, told)| match told {
            Told::Well | Told::Excluded => None,
            Told::Stopping => Some("the runner is stopping".to_owned()),
            Told::Still(span) => Some(format!("its {name} has not moved for {}", in_words(*span))),
        });
        let flaws: Vec<_> = flaws.collect();
        (!flaws.is_empty()).then(|| flaws.join("; "))
    }

    fn listing(&self, verbose: bool, route: &str, selection: &Selection) -> Response {
        let good = self.are_none();
        let mut out = String::new();
        if good && !verbose {
            out.push_str("ok");
        } else {
            line(&mut out, true, "ping", "ok");
            for (name, told) in &self.0 {
                match told {
                    Told::Well => line(&mut out, true, name, "ok"),
                    Told::Excluded => line(&mut out, true, name, EXCLUDED),
                    Told::Stopping => line(&mut out, false, name, "failed: the runner is stopping"),
                    Told::Still(span) => {
                        line(&mut out, false, name, &format!("failed: it has not moved for {}", in_words(*span)));
                    }
                }
            }
            let is_unknown = |name: &&String| self.0.iter().all(|(known, _)| known != *name);
            warning(&mut out, &selection.exclude.iter().filter(is_unknown).cloned().collect::<Vec<_>>());
            if selection.group.is_some() {
                out.push_str("warn: a group means nothing here: liveness depends on the runner alone\n");
            }
            verdict(&mut out, route, good);
        }
        (self.status(), [REVALIDATE, (header::CONTENT_TYPE, TEXT)], out).into_response()
    }
}
