//! The one shape of all errors: problem details (RFC 9457).

use std::{borrow::Cow, collections::BTreeSet, sync::Arc, time::Duration};

use axum::{
    extract::State,
    http::{HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{App, Refused, page::REVALIDATE};
use crate::{board::Board, store::Unreadable};

/// The media type of problem details.
pub(super) const PROBLEM: &str = "application/problem+json";

/// When to ask again for a history that can't be read, in seconds: as often as the runner looks itself, once it is in earnest.
const HISTORY_BACK: u32 = 30;
/// How many names are suggested in place of one that does not exist.
const SUGGESTIONS: usize = 3;
/// How many names are compared with one that does not exist: about a millisecond's work, so that asking is no attack.
const COMPARED: usize = 1_000;

/// What went wrong, as RFC 9457 has it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Problem {
    /// Names the kind of problem, and stays the same for all of that kind.
    #[serde(rename = "type")]
    #[schema(example = "urn:probity:error:unknown-check")]
    kind: &'static str,
    /// The kind, for people.
    title: &'static str,
    /// The status of the response.
    status: u16,
    /// What went wrong this time, and what can be done about it.
    detail: Box<str>,
    /// The part of the request that is at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<Cow<'static, str>>,
    /// What there is in place of what was asked for and is not there.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    #[schema(value_type = Vec<String>, required = false)]
    nearest: Box<[String]>,
    /// Why a connection is not to be had, in one word.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = super::schema::unavailable, required = false)]
    reason: Option<&'static str>,
    /// When to ask again, in seconds; also in the header.
    #[serde(skip)]
    retry_after: Option<u32>,
}

impl Problem {
    fn new(status: StatusCode, kind: &'static str, title: &'static str, detail: impl Into<Box<str>>) -> Problem {
        Problem {
            kind,
            title,
            status: status.as_u16(),
            detail: detail.into(),
            field: None,
            nearest: Box::default(),
            reason: None,
            retry_after: None,
        }
    }

    pub(super) fn title(&self) -> &'static str {
        self.title
    }

    pub(super) fn detail(&self) -> &str {
        &self.detail
    }

    /// The status of the response.
    pub(super) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn no_such_route(path: &str, paths: &[String]) -> Problem {
        Problem {
            nearest: nearest(path, paths.iter().map(String::as_str)),
            ..Problem::new(
                StatusCode::NOT_FOUND,
                "urn:probity:error:no-such-route",
                "No such route",
                format!("there is nothing at {path}; `/` lists what there is"),
            )
        }
    }

    fn wrong_method(method: &Method) -> Problem {
        Problem::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "urn:probity:error:method-not-allowed",
            "Method not allowed",
            format!("{method} means nothing here; the Allow header lists what does"),
        )
    }

    pub(super) fn unknown_check(name: &str, board: &Board) -> Problem {
        let checks = board.checks();
        Problem {
            field: Some("name".into()),
            nearest: nearest(name, checks.keys().map(|name| &**name)),
            ..Problem::new(
                StatusCode::NOT_FOUND,
                "urn:probity:error:unknown-check",
                "Unknown check",
                format!("there is no check `{name}`; /health/checks lists all"),
            )
        }
    }

    /// The status page shows no check that is named so; whether there is one is nobody's business.
    pub(super) fn no_such_badge(name: &str) -> Problem {
        Problem {
            field: Some("name".into()),
            ..Problem::new(
                StatusCode::NOT_FOUND,
                "urn:probity:error:unknown-check",
                "Unknown check",
                format!("the status page shows no check `{name}`"),
            )
        }
    }

    /// The status page shows no such group; whether there is one is nobody's business.
    pub(super) fn no_such_group(group: &str) -> Problem {
        Problem {
            field: Some("group".into()),
            ..Problem::new(
                StatusCode::NOT_FOUND,
                "urn:probity:error:unknown-group",
                "Unknown group",
                format!("the status page shows no group `{group}`; /status shows all that it does"),
            )
        }
    }

    pub(super) fn unknown_group(group: &str, board: &Board) -> Problem {
        let checks = board.checks();
        let groups: BTreeSet<Arc<str>> = checks.values().filter_map(|slot| slot.state().info.group.clone()).collect();
        Problem {
            field: Some("group".into()),
            nearest: nearest(group, groups.iter().map(|group| &**group)),
            ..Problem::new(
                StatusCode::NOT_FOUND,
                "urn:probity:error:unknown-group",
                "Unknown group",
                format!("no check is in a group `{group}`; /health/checks tells the group of each"),
            )
        }
    }

    /// The same, where another part of the request names it.
    pub(super) fn in_field(self, field: &'static str) -> Problem {
        Problem { field: Some(field.into()), ..self }
    }

    pub(super) fn invalid_name(detail: impl Into<Box<str>>) -> Problem {
        Problem {
            field: Some("name".into()),
            ..Problem::new(StatusCode::BAD_REQUEST, "urn:probity:error:invalid-name", "Invalid name", detail)
        }
    }

    pub(super) fn refused(refused: Refused, name: &str, board: &Board) -> Problem {
        match refused {
            Refused::Unknown => Problem::unknown_check(name, board),
            Refused::Stopping => Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "urn:probity:error:stopping",
                "Stopping",
                format!("nothing was done about `{name}`: {refused}"),
            ),
        }
    }

    /// There is no alert, or no silence, of that id.
    pub(super) fn unknown_id(what: &str, id: &str, list: &str) -> Problem {
        Problem {
            field: Some("id".into()),
            ..Problem::new(
                StatusCode::NOT_FOUND,
                "urn:probity:error:unknown-id",
                "Unknown id",
                format!("there is no {what} `{id}`; {list} lists all"),
            )
        }
    }

    /// The check is one whose probe does not want to know what others report.
    pub(super) fn takes_no_reports(name: &str, probe: &str) -> Problem {
        Problem {
            field: Some("name".into()),
            ..Problem::new(
                StatusCode::CONFLICT,
                "urn:probity:error:takes-no-reports",
                "Takes no reports",
                format!(
                    "`{name}` takes no reports: its probe `{probe}` does not import `probity:probe/reports`, as \
                     `heartbeat` does"
                ),
            )
        }
    }

    /// A part of the request can't be used; `detail` says what would be right.
    pub(super) fn invalid_value(field: impl Into<Cow<'static, str>>, detail: impl Into<Box<str>>) -> Problem {
        Problem {
            field: Some(field.into()),
            ..Problem::new(StatusCode::BAD_REQUEST, "urn:probity:error:invalid-value", "Invalid value", detail)
        }
    }

    /// The body can't be used as a whole; `detail` says what would be right.
    pub(super) fn invalid_body(detail: impl Into<Box<str>>) -> Problem {
        Problem {
            field: Some("body".into()),
            ..Problem::new(StatusCode::BAD_REQUEST, "urn:probity:error:invalid-body", "Invalid body", detail)
        }
    }

    /// The body is larger than any that makes sense.
    pub(super) fn too_large(most: u64) -> Problem {
        Problem {
            field: Some("body".into()),
            ..Problem::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "urn:probity:error:too-large",
                "Too large",
                format!("a body may have {most} bytes here"),
            )
        }
    }

    /// The body did not come in time.
    pub(super) fn late(patience: Duration) -> Problem {
        Problem {
            field: Some("body".into()),
            ..Problem::new(
                StatusCode::REQUEST_TIMEOUT,
                "urn:probity:error:late",
                "Late",
                format!("the body did not come within {patience:?}; `http.timeouts.body` says how long it may take"),
            )
        }
    }

    /// The address asks more often than it may; after so many seconds it may again.
    pub(super) fn too_fast(retry_after: u32) -> Problem {
        Problem {
            retry_after: Some(retry_after),
            ..Problem::new(
                StatusCode::TOO_MANY_REQUESTS,
                "urn:probity:error:too-fast",
                "Too fast",
                "this address asks more often than it may; `http.limits.requests_per_second` says how often that is",
            )
        }
    }

    /// The connection is not to be had; ask again after so many seconds.
    pub(super) fn unavailable(reason: &'static str, retry_after: u32, detail: impl Into<Box<str>>) -> Problem {
        Problem {
            reason: Some(reason),
            retry_after: Some(retry_after),
            ..Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "urn:probity:error:unavailable",
                "Connection unavailable",
                detail,
            )
        }
    }

    /// There are too many who do this at the same time; ask again after so many seconds.
    pub(super) fn too_many(retry_after: u32, detail: impl Into<Box<str>>) -> Problem {
        Problem {
            retry_after: Some(retry_after),
            ..Problem::new(StatusCode::SERVICE_UNAVAILABLE, "urn:probity:error:too-many", "Too many", detail)
        }
    }

    /// What it takes is not there yet, or is rejected; ask again after so many seconds.
    pub(super) fn not_ready(retry_after: u32, detail: impl Into<Box<str>>) -> Problem {
        Problem {
            retry_after: Some(retry_after),
            ..Problem::new(StatusCode::SERVICE_UNAVAILABLE, "urn:probity:error:not-ready", "Not ready", detail)
        }
    }

    /// The runner is to forget what happens.
    pub(super) fn no_history() -> Problem {
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "urn:probity:error:no-history",
            "No history",
            "this runner keeps no history, as it was told by --ephemeral or `history.ephemeral`",
        )
    }

    /// What happened can't be read now.
    pub(super) fn history_unreadable(why: &Unreadable) -> Problem {
        Problem {
            retry_after: Some(HISTORY_BACK),
            ..Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "urn:probity:error:no-history",
                "No history",
                format!("{why}; checks go on, and the runner looks again by itself"),
            )
        }
    }

    /// What came is no request of gRPC.
    pub(super) fn not_grpc() -> Problem {
        Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "urn:probity:error:unsupported-media-type",
            "Unsupported media type",
            "this is for clients of gRPC, whose requests have the content type application/grpc; /health tells the same to others",
        )
    }

    /// The same to a client of gRPC.
    pub(super) fn into_status(self) -> tonic::Status {
        let code = match self.status {
            401 => tonic::Code::Unauthenticated,
            403 => tonic::Code::PermissionDenied,
            400 => tonic::Code::InvalidArgument,
            404 => tonic::Code::NotFound,
            429 => tonic::Code::ResourceExhausted,
            503 => tonic::Code::Unavailable,
            _ => tonic::Code::Internal,
        };
        tonic::Status::new(code, self.detail)
    }

    pub(super) fn unauthorized(detail: impl Into<Box<str>>) -> Problem {
        Problem::new(StatusCode::UNAUTHORIZED, "urn:probity:error:unauthorized", "Unauthorized", detail)
    }

    pub(super) fn forbidden(detail: impl Into<Box<str>>) -> Problem {
        Problem::new(StatusCode::FORBIDDEN, "urn:probity:error:forbidden", "Forbidden", detail)
    }

    /// The runner is at fault; the details are for its operator, in the log.
    pub(super) fn internal(error: &dyn std::error::Error) -> Problem {
        tracing::error!("a response can't be made: {error}");
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "urn:probity:error:internal",
            "Internal error",
            "the runner could not make this response; its log says why",
        )
    }
}

impl From<serde_json::Error> for Problem {
    fn from(error: serde_json::Error) -> Problem {
        Problem::internal(&error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        // All of its keys are texts, so it can always be written.
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let media_type = (header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM));
        let mut response = (status, [REVALIDATE, media_type], body).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer realm=\"probity\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// What answers where there is no route.
pub(super) async fn no_such_route(State(app): State<Arc<App>>, uri: Uri) -> Problem {
    Problem::no_such_route(uri.path(), &app.paths)
}

/// What answers where there is a route, but not for this method.
pub(super) async fn wrong_method(method: Method) -> Problem {
    Problem::wrong_method(&method)
}

/// The names that are most like this one, if there are any like it.
fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Box<[String]> {
    // A slip or two of the finger, and more in a longer name.
    let tolerated = (name.len() / 3).max(2);
    let mut found: Vec<(usize, &str)> = names
        .filter(|other| other.len().abs_diff(name.len()) <= tolerated)
        .take(COMPARED)
        .map(|other| (strsim::levenshtein(name, other), other))
        .filter(|(distance, _)| *distance <= tolerated)
        .collect();
    found.sort_unstable();
    found.into_iter().take(SUGGESTIONS).map(|(_, other)| other.to_owned()).collect()
}
