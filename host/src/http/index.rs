//! What there is to ask for: at `/` the dashboard for browsers and a list for programs, and at `/openapi.json` the whole
//! description. None of them changes while the runner lives.

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, State},
    http::request::Parts,
    response::Response,
};
use serde::Serialize;
use utoipa::{ToSchema, openapi::OpenApi};

use super::{
    App,
    accept::preferred,
    assets,
    auth::Reads,
    headers::Headers,
    page::{JSON, Page},
    problem::Problem,
};

use crate::board::Board;

/// What there is at `/`; the first is for those who do not care.
const OFFERED: [&str; 2] = ["application/json", "text/html"];

/// All routes.
#[derive(Serialize, ToSchema)]
struct Index<'a> {
    /// The name of this program.
    name: &'static str,
    /// Its version.
    version: &'static str,
    /// The name of this runner among others.
    node_id: &'a str,
    /// Whether it keeps a history, which some routes tell of.
    history: bool,
    /// Every route.
    routes: Vec<Route<'a>>,
}

/// One route.
#[derive(Serialize, ToSchema)]
struct Route<'a> {
    /// How to ask.
    method: &'static str,
    /// What to ask for.
    path: &'a str,
    /// What comes back.
    summary: &'a str,
}

/// A request for `/`: the dashboard is for anybody, as it tells nothing of this runner; the list is for those who may read.
pub(super) struct AtTheFront {
    wants_dashboard: bool,
}

impl FromRequestParts<Arc<App>> for AtTheFront {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<AtTheFront, Problem> {
        let wants_dashboard = preferred(&parts.headers, &OFFERED) == Some(1);
        if !wants_dashboard {
            Reads::from_request_parts(parts, app).await?;
        }
        Ok(AtTheFront { wants_dashboard })
    }
}

/// What there is to ask for; for browsers, the dashboard.
#[utoipa::path(get, path = "/", tag = "routes", responses(
    (status = 200, description = "Every route; or the dashboard, which takes no token: it asks for one",
        content((Index = "application/json"), (String = "text/html; charset=utf-8"))),
    (status = 304, description = "The same as in the response that had this ETag"),
))]
pub(super) async fn index(State(app): State<Arc<App>>, at: AtTheFront, Headers(headers): Headers) -> Response {
    if at.wants_dashboard { assets::dashboard().answer(&headers) } else { app.index.answer(&headers) }
}

/// The description of all routes, as OpenAPI.
#[utoipa::path(get, path = "/openapi.json", tag = "routes", responses(
    (status = 200, description = "An OpenAPI document", content_type = "application/json"),
    (status = 304, description = "The same as in the response that had this ETag"),
))]
pub(super) async fn description(State(app): State<Arc<App>>, _: Reads, Headers(headers): Headers) -> Response {
    app.openapi.answer(&headers)
}

/// The list, as it is served.
pub(super) fn page(board: &Board, described: &OpenApi) -> Page {
    let routes = described.paths.paths.iter().flat_map(|(path, item)| {
        let operations = [("GET", &item.get), ("POST", &item.post), ("PUT", &item.put)];
        operations.into_iter().filter_map(move |(method, operation)| {
            let summary = operation.as_ref()?.summary.as_deref().unwrap_or_default();
            Some(Route { method, path, summary })
        })
    });
    fixed(&Index {
        name: env!("CARGO_PKG_NAME"),
        version: env!("CARGO_PKG_VERSION"),
        node_id: &board.node_id,
        history: board.store().is_some(),
        routes: routes.collect(),
    })
}

/// The description, as it is served.
pub(super) fn openapi(described: &OpenApi) -> Page {
    fixed(described)
}

fn fixed(body: &impl Serialize) -> Page {
    // All of its keys are texts, so it can always be written.
    Page::fixed(JSON, serde_json::to_vec(body).unwrap_or_default())
}
