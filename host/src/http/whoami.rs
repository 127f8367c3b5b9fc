//! Who is asking, so that a page or a program knows what it can offer before it is refused.

use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    auth::Caller,
    page::json,
    problem::{PROBLEM, Problem},
    schema,
};

/// Who asks, and what for they may.
#[derive(Serialize, ToSchema)]
#[schema(as = Caller)]
struct Page<'a> {
    /// The name of the token that came along; null if none did, or this runner has none.
    #[schema(required)]
    token: Option<&'a str>,
    /// Whether this runner has any token.
    tokens: bool,
    /// What a request like this one may, by its token or for where it comes from. `run` is to have a check run.
    #[schema(schema_with = schema::powers)]
    may: Vec<&'static str>,
}

/// Who is asking, and what they may. A token that is none of this runner's is refused; without one, it is said what can be done
/// without.
#[utoipa::path(get, path = "/whoami", tag = "routes",
    responses(
        (status = 200, description = "Whoever it is", body = Page),
        (status = 401, description = "The token is wrong", body = Problem, content_type = PROBLEM),
    ),
    security((), ("token" = []))
)]
pub(super) async fn whoami(caller: Caller) -> Result<Response, Problem> {
    json(&Page { token: caller.token.as_deref(), tokens: caller.tokens, may: caller.may })
}
