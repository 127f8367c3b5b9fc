//! What the runner tells over HTTP, and the one thing that can be asked of it: to run a check now.
//!
//! Whatever covers all checks is rendered once per change of the [board](crate::board) and served from memory
//! (`rendered`), so readers wait for nobody and cause no run. All errors have one shape (`problem`), and the routes
//! describe themselves at `/openapi.json`.

mod auth;
mod check;
mod entry;
mod exposition;
mod health;
mod index;
mod metrics;
mod page;
mod probes;
mod problem;
mod process;
mod rendered;
mod schema;
mod serve;
#[cfg(test)]
mod tests;
mod thread;
mod view;

use std::sync::Arc;

use axum::Router;
use futures_util::future::BoxFuture;
use thiserror::Error;
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

pub use self::{auth::Auth, serve::serve, thread::serve_on_thread};
use self::{page::Page, rendered::Rendered, schema::Security};
use crate::board::Board;

/// What the routes are given.
pub struct State {
    /// All that they tell.
    pub board: Arc<Board>,
    /// Who may have a check run.
    pub auth: Auth,
    /// Who runs it.
    pub control: Arc<dyn Control>,
}

/// Whoever can have a check run.
pub trait Control: Send + Sync {
    /// Runs a check now; resolves when the result is on the board.
    fn run_now<'a>(&'a self, check: &'a str) -> BoxFuture<'a, Result<(), Refused>>;
}

/// Why a check was not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refused {
    /// There is none of that name.
    #[error("there is no such check")]
    Unknown,
    /// The runner is on its way out.
    #[error("the runner is stopping")]
    Stopping,
}

/// What the handlers share.
struct App {
    board: Arc<Board>,
    auth: Auth,
    control: Arc<dyn Control>,
    health: Arc<Rendered>,
    ready: Arc<Rendered>,
    checks: Arc<Rendered>,
    probes: Arc<Rendered>,
    metrics: Arc<Rendered>,
    index: Page,
    openapi: Page,
    /// Every path, for those who ask for one that does not exist.
    paths: Vec<String>,
}

/// The routes, ready to be served or called.
pub fn router(State { board, auth, control }: State) -> Router {
    let (routes, described) = described().split_for_parts();
    let rendered = |document| Arc::new(Rendered::new(Arc::clone(&board), document));
    let app = App {
        health: rendered(health::HEALTH),
        ready: rendered(health::READY),
        checks: rendered(health::CHECKS),
        probes: rendered(probes::PROBES),
        metrics: rendered(metrics::METRICS),
        index: index::page(&board.node_id, &described),
        openapi: index::openapi(&described),
        paths: described.paths.paths.keys().cloned().collect(),
        board,
        auth,
        control,
    };
    routes.fallback(problem::no_such_route).method_not_allowed_fallback(problem::wrong_method).with_state(Arc::new(app))
}

/// The description of all routes, as `/openapi.json` gives it.
#[must_use]
pub fn openapi() -> serde_json::Value {
    // All keys of the description are texts, so it can always be written.
    serde_json::to_value(described().into_openapi()).unwrap_or_default()
}

#[derive(OpenApi)]
#[openapi(
    info(title = "Probity", description = "Health, as probes in sandboxes find it. Durations are in nanoseconds."),
    modifiers(&Security),
    components(schemas(problem::Problem))
)]
struct Description;

fn described() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(index::index))
        .routes(routes!(index::description))
        .routes(routes!(health::health))
        .routes(routes!(health::ready))
        .routes(routes!(health::live))
        .routes(routes!(health::checks))
        .routes(routes!(check::check))
        .routes(routes!(check::run))
        .routes(routes!(probes::probes))
        .routes(routes!(metrics::metrics))
}
