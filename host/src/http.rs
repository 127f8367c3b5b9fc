//! What the runner tells over HTTP, and what can be asked of it: to examine a target, and to control the connection to it.
//!
//! Whatever covers all checks is rendered once per change of the [board](crate::board) and served from memory
//! (`rendered`), so readers wait for nobody and cause no run. All errors have one shape (`problem`), and the routes
//! describe themselves at `/openapi.json`.

mod accept;
mod alerts;
mod assets;
mod auth;
mod badge;
mod body;
mod check;
mod circuit;
mod connections;
mod control;
mod door;
mod entry;
mod events;
pub(crate) mod exposition;
mod forms;
mod grpc;
mod headers;
mod health;
mod health_json;
mod health_page;
mod history;
mod index;
mod listing;
mod live;
mod markup;
mod metrics;
mod origins;
mod page;
mod parts;
mod past;
mod probe;
mod probes;
mod problem;
mod problem_page;
mod process;
mod pulse;
mod rendered;
mod reports;
mod schema;
mod selection;
mod serve;
mod signs;
mod silences;
mod status_page;
mod summary;
#[cfg(test)]
mod tests;
mod thread;
mod tls;
mod view;
mod visitors;
mod whoami;
mod words;

use std::sync::Arc;

use axum::{Router, routing::post};
use futures_util::future::BoxFuture;
use thiserror::Error;
use tokio::sync::Semaphore;
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

pub use self::{
    auth::Auth,
    origins::Origins,
    serve::{Terms, serve},
    thread::serve_on_thread,
    tls::Tls,
};
pub(crate) use self::{
    exposition::{Kind, Metric, Number, Point, Value},
    history::KeptResult,
    metrics::values as metrics_as_values,
};
use self::{forms::Forms, page::Page, problem::Problem, rendered::Rendered, schema::Security};
use crate::{
    alerts::Alerts,
    board::Board,
    events::Events,
    probing::Probe,
    worker::{self, Answer, Ask},
};

/// What the routes are given.
pub struct State {
    /// All that they tell.
    pub board: Arc<Board>,
    /// What happens, to be followed.
    pub events: Arc<Events>,
    /// Who is told of trouble.
    pub alerts: Arc<Alerts>,
    /// Who may ask for what.
    pub auth: Auth,
    /// Who does it.
    pub control: Arc<dyn Control>,
    /// Who examines what is named.
    pub prober: Arc<dyn Probe>,
}

/// Whoever can ask something of a check.
pub trait Control: Send + Sync {
    /// Asks it; resolves when what came of it is on the board.
    fn ask<'a>(&'a self, check: &'a str, ask: Ask) -> BoxFuture<'a, Result<Answer, Refused>>;
}

impl Control for worker::Shared {
    fn ask<'a>(&'a self, check: &'a str, ask: Ask) -> BoxFuture<'a, Result<Answer, Refused>> {
        Box::pin(async move {
            let inbox = self.inboxes.find(check).ok_or(Refused::Unknown)?;
            inbox.ask(ask).await.map_err(|_| Refused::Stopping)
        })
    }
}

/// Why nothing was asked of a check.
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
    events: Arc<Events>,
    alerts: Arc<Alerts>,
    /// Room for those who follow them.
    followers: Arc<Semaphore>,
    auth: Auth,
    control: Arc<dyn Control>,
    /// Room for those who read what is kept of the past: each waits for the disk.
    readers: Arc<Semaphore>,
    prober: Arc<dyn Probe>,
    health: Arc<Rendered>,
    ready: Arc<Rendered>,
    startup: Arc<Rendered>,
    summary: Arc<Rendered>,
    /// The same as `health` and `ready`, in other forms.
    forms: Forms,
    /// Held by whoever has health rendered for a selection of checks.
    selecting: tokio::sync::Mutex<()>,
    checks: Arc<Rendered>,
    connections: Arc<Rendered>,
    probes: Arc<Rendered>,
    metrics: Arc<Rendered>,
    open_metrics: Arc<Rendered>,
    index: Page,
    openapi: Page,
    status_pages: status_page::Kept,
    /// Every path, for those who ask for one that does not exist.
    paths: Vec<String>,
}

impl App {
    /// Asks something of a check.
    async fn ask(&self, check: &str, ask: Ask) -> Result<Answer, Problem> {
        self.control.ask(check, ask).await.map_err(|refused| Problem::refused(refused, check, &self.board))
    }
}

/// The routes, ready to be served or called.
pub fn router(State { board, events, alerts, auth, control, prober }: State) -> Router {
    let (routes, mut described) = described().split_for_parts();
    schema::complete(&mut described);
    let rendered = |document| Arc::new(Rendered::new(Arc::clone(&board), document));
    let app = App {
        health: rendered(health::HEALTH),
        ready: rendered(health::READY),
        startup: rendered(live::STARTUP),
        summary: rendered(summary::SUMMARY),
        forms: Forms::new(&board),
        selecting: tokio::sync::Mutex::default(),
        checks: rendered(health::CHECKS),
        connections: rendered(connections::CONNECTIONS),
        probes: rendered(probes::PROBES),
        metrics: rendered(metrics::METRICS),
        open_metrics: rendered(metrics::OPEN),
        index: index::page(&board, &described),
        openapi: index::openapi(&described),
        status_pages: status_page::Kept::default(),
        paths: described.paths.paths.keys().cloned().collect(),
        board,
        events,
        alerts,
        followers: Arc::new(Semaphore::new(events::FOLLOWERS)),
        auth,
        control,
        readers: Arc::new(Semaphore::new(history::READERS)),
        prober,
    };
    let routes = routes.route(assets::ROUTE, axum::routing::get(assets::file));
    // A client of gRPC has its own description of it.
    let routes = routes.route(grpc::ROUTE, post(grpc::call));
    routes.fallback(problem::no_such_route).method_not_allowed_fallback(problem::wrong_method).with_state(Arc::new(app))
}

/// The description of all routes, as `/openapi.json` gives it.
#[must_use]
pub fn openapi() -> serde_json::Value {
    // All keys of the description are texts, so it can always be written.
    let mut described = described().into_openapi();
    schema::complete(&mut described);
    serde_json::to_value(described).unwrap_or_default()
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
        .routes(routes!(whoami::whoami))
        .routes(routes!(status_page::status_page))
        .routes(routes!(status_page::status_page_of_group))
        .routes(routes!(badge::status_badge))
        .routes(routes!(badge::uptime_badge))
        .routes(routes!(badge::latency_badge))
        .routes(routes!(health::health))
        .routes(routes!(health::ready))
        .routes(routes!(health::readyz))
        .routes(routes!(health::group))
        .routes(routes!(live::live))
        .routes(routes!(live::livez))
        .routes(routes!(live::startup))
        .routes(routes!(summary::summary))
        .routes(routes!(health::checks))
        .routes(routes!(check::check))
        .routes(routes!(check::run))
        .routes(routes!(history::history))
        .routes(routes!(history::uptime))
        .routes(routes!(history::latency))
        .routes(routes!(history::incidents))
        .routes(routes!(history::everything))
        .routes(routes!(reports::report))
        .routes(routes!(reports::report_kind))
        .routes(routes!(reports::reports))
        .routes(routes!(connections::connections))
        .routes(routes!(connections::connection))
        .routes(routes!(connections::stats))
        .routes(routes!(control::connect))
        .routes(routes!(control::disconnect))
        .routes(routes!(control::examine))
        .routes(routes!(control::reset))
        .routes(routes!(control::acquire))
        .routes(routes!(control::outcomes))
        .routes(routes!(control::mode))
        .routes(routes!(circuit::circuit))
        .routes(routes!(circuit::half_open))
        .routes(routes!(circuit::force_open))
        .routes(routes!(circuit::force_closed))
        .routes(routes!(circuit::auto))
        .routes(routes!(circuit::expiry))
        .routes(routes!(alerts::alerts))
        .routes(routes!(alerts::acknowledge, alerts::disown))
        .routes(routes!(silences::silences, silences::silence))
        .routes(routes!(silences::unsilence))
        .routes(routes!(events::events))
        .routes(routes!(events::events_ws))
        .routes(routes!(probes::probes))
        .routes(routes!(metrics::metrics))
        .routes(routes!(probe::probe))
}
