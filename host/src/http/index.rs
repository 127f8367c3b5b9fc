//! What there is to ask for: for people at `/`, for programs at `/openapi.json`. Neither changes while the runner
//! lives.

use std::{
    hash::{DefaultHasher, Hasher},
    sync::Arc,
};

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode},
    response::Response,
};
use serde::Serialize;
use utoipa::{ToSchema, openapi::OpenApi};

use super::{
    App,
    auth::Reads,
    page::{JSON, Page},
};

/// All routes.
#[derive(Serialize, ToSchema)]
struct Index<'a> {
    /// The name of this program.
    name: &'static str,
    /// Its version.
    version: &'static str,
    /// The name of this runner among others.
    node_id: &'a str,
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

/// What there is to ask for.
#[utoipa::path(get, path = "/", tag = "routes", responses(
    (status = 200, description = "Every route", body = Index),
    (status = 304, description = "The same as in the response that had this ETag"),
))]
pub(super) async fn index(State(app): State<Arc<App>>, _: Reads, headers: HeaderMap) -> Response {
    app.index.answer(&headers)
}

/// The description of all routes, as OpenAPI.
#[utoipa::path(get, path = "/openapi.json", tag = "routes", responses(
    (status = 200, description = "An OpenAPI document", content_type = "application/json"),
    (status = 304, description = "The same as in the response that had this ETag"),
))]
pub(super) async fn description(State(app): State<Arc<App>>, _: Reads, headers: HeaderMap) -> Response {
    app.openapi.answer(&headers)
}

/// The list, as it is served.
pub(super) fn page(node_id: &str, described: &OpenApi) -> Page {
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
        node_id,
        routes: routes.collect(),
    })
}

/// The description, as it is served.
pub(super) fn openapi(described: &OpenApi) -> Page {
    fixed(described)
}

/// A page that does not change. Its tag is made from what it says, so it stays the same when the runner starts again.
fn fixed(body: &impl Serialize) -> Page {
    // All of its keys are texts, so it can always be written.
    let body = serde_json::to_vec(body).unwrap_or_default();
    let mut hasher = DefaultHasher::new();
    hasher.write(&body);
    let tag = HeaderValue::try_from(format!("W/\"{:x}\"", hasher.finish())).ok();
    Page::new(StatusCode::OK, JSON, tag, body)
}
