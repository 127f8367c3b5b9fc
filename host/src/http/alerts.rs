//! What trouble there is, who was told of it, and who takes care of it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::{
    extract::{FromRequestParts, Path, State as Shared},
    http::request::Parts,
    response::Response,
};
use jiff::{SignedDuration, Timestamp};
use probity_core::alert::{Acknowledgement, Alert, Standing};
use serde::{Deserialize, Serialize};
use utoipa::{IntoResponses, ToSchema};

use super::{
    App,
    auth::{Caller, Controls, Reads},
    page::json,
    parts::{Asked, SaidIfAny, listed},
    problem::{PROBLEM, Problem},
    schema,
};
use crate::config::parse_duration;

/// Bytes of an id: of the name of a check, and a moment.
const ID: usize = 200;
/// The longest time for which something can be decreed: a year, after which nobody knows why.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);
/// Bytes of what somebody says of it.
const COMMENT: usize = 4 * 1024;
/// Bytes of who says it.
const BY: usize = 200;

/// The id of an alert or a silence, from the path.
pub(super) struct Id(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Id, Problem> {
        let Path(id): Path<String> = Path::from_request_parts(parts, state)
            .await
            .map_err(|rejection| Problem::invalid_value("id", rejection.body_text()))?;
        let letter = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.');
        if id.is_empty() || id.len() > ID || !id.bytes().all(letter) {
            return Err(Problem::invalid_value(
                "id",
                "must be an id as the list has it, such as `orders-db-19a0c3f1b2e`",
            ));
        }
        Ok(Id(id))
    }
}

/// What may go wrong with a decree about an alert or a silence of some id.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "it describes responses, and is never made")]
pub(super) enum Decreed {
    /// The id or the body can't be used; `field` says which
    #[response(status = 400, content_type = "application/problem+json")]
    Invalid(Problem),
    /// The token is wrong or missing
    #[response(status = 401, content_type = "application/problem+json")]
    Unauthorized(Problem),
    /// There is no token, so nobody may
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(Problem),
    /// There is none of that id
    #[response(status = 404, content_type = "application/problem+json")]
    Unknown(Problem),
}

/// All trouble.
#[derive(Serialize, ToSchema)]
#[schema(as = Alerts)]
struct All {
    /// Every alert, by the name of its check.
    alerts: Vec<Shown>,
    /// How many there are.
    total: usize,
    /// When this was true.
    #[schema(value_type = String, format = DateTime)]
    timestamp: Timestamp,
}

/// The trouble of one check.
#[derive(Serialize, ToSchema)]
#[schema(as = Alert)]
struct Shown {
    /// What names it.
    id: String,
    /// The check.
    check: String,
    /// The group of the check.
    group: Option<String>,
    /// The labels of the check.
    labels: BTreeMap<String, String>,
    /// How bad it is.
    #[schema(schema_with = schema::severity)]
    severity: &'static str,
    /// What the probe said last.
    message: String,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    /// Who takes care of it; null: nobody said so.
    acknowledged: Option<Care>,
    /// Where it stands with each rule that it concerns, by name.
    rules: BTreeMap<String, Stands>,
}

/// That somebody takes care of an alert.
#[derive(Serialize, ToSchema)]
struct Care {
    /// When somebody said so.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// When it is forgotten; null: when the alert is over.
    #[schema(value_type = Option<String>, format = DateTime)]
    until: Option<Timestamp>,
    /// Who.
    by: String,
    /// What they say.
    comment: String,
}

/// Where an alert stands with a rule.
#[derive(Serialize, ToSchema)]
struct Stands {
    /// Whether it was told, is kept from being told, or is about to be.
    #[schema(inline)]
    state: Word,
    /// Since when it concerns the rule.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    /// How often it was told.
    notifications: u32,
    /// When it was told last; null: not yet.
    #[schema(value_type = Option<String>, format = DateTime)]
    last_notified: Option<Timestamp>,
    /// What keeps it from being told: `silence:ID`, `maintenance:NAME`, `check:PARENT` or `acknowledgement`.
    suppressed_by: Vec<String>,
}

#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum Word {
    Pending,
    Suppressed,
    Firing,
}

impl Shown {
    fn of(alert: &Alert) -> Shown {
        Shown {
            id: alert.id.to_string(),
            check: alert.subject.check.to_string(),
            group: alert.subject.group.as_deref().map(str::to_owned),
            labels: alert.subject.labels.clone(),
            severity: alert.severity.as_str(),
            message: alert.message.to_string(),
            since: alert.since,
            acknowledged: alert.acknowledged.as_ref().map(|care| Care {
                at: care.at,
                until: care.until,
                by: care.by.clone(),
                comment: care.comment.clone(),
            }),
            rules: alert.rules.iter().map(|(name, standing)| (name.to_string(), Stands::of(standing))).collect(),
        }
    }
}

impl Stands {
    fn of(standing: &Standing) -> Stands {
        Stands {
            state: match (&standing.told, standing.suppressed_by.is_empty()) {
                (_, false) => Word::Suppressed,
                (Some(_), true) => Word::Firing,
                (None, true) => Word::Pending,
            },
            since: standing.since,
            notifications: standing.told.as_ref().map_or(0, |told| told.count),
            last_notified: standing.told.as_ref().map(|told| told.last),
            suppressed_by: standing.suppressed_by.iter().map(ToString::to_string).collect(),
        }
    }
}

/// Whose trouble is wanted.
#[derive(Deserialize)]
pub(super) struct Wanted {
    check: Option<String>,
    group: Option<String>,
}

/// All trouble, or that of some checks, whether somebody was told of it or not.
#[utoipa::path(get, path = "/alerts", tag = "alerts",
    params(
        ("check" = Option<String>, Query, pattern = ".*", description = "Only alerts of these checks, separated by commas"),
        ("group" = Option<String>, Query, description = "Only alerts of checks in these groups, separated by commas"),
    ),
    responses(
        (status = 200, description = "Every alert that goes on", body = All),
        (status = 404, description = "There is no such check, or no such group", body = Problem, content_type = PROBLEM),
    )
)]
pub(super) async fn alerts(
    Shared(app): Shared<Arc<App>>,
    _: Reads,
    Asked(wanted): Asked<Wanted>,
) -> Result<Response, Problem> {
    let checks: Vec<&str> = listed(wanted.check.as_deref()).collect();
    let groups: Vec<&str> = listed(wanted.group.as_deref()).collect();
    let slots = app.board.checks();
    if let Some(unknown) = checks.iter().find(|check| !slots.contains_key(**check)) {
        return Err(Problem::unknown_check(unknown, &app.board).in_field("check"));
    }
    let is_there = |group: &str| slots.values().any(|slot| slot.state().info.group.as_deref() == Some(group));
    if let Some(unknown) = groups.iter().find(|group| !is_there(group)) {
        return Err(Problem::unknown_group(unknown, &app.board));
    }
    let is_wanted = |alert: &&Alert| {
        let subject = &alert.subject;
        (checks.is_empty() || checks.contains(&&*subject.check))
            && (groups.is_empty() || subject.group.as_deref().is_some_and(|group| groups.contains(&group)))
    };
    let alerts: Vec<Shown> = app.alerts.list().values().filter(is_wanted).map(Shown::of).collect();
    json(&All { total: alerts.len(), alerts, timestamp: app.board.wall() })
}

/// That somebody takes care.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Caring {
    /// Who; at most 200 bytes. Unless given: the name of the token.
    by: Option<String>,
    /// What they say; at most 4096 bytes.
    comment: Option<String>,
    /// For how long, such as `2h`: more than no time, and at most 366 days; unless given, until the alert is over.
    #[serde(rename = "for")]
    #[schema(rename = "for", schema_with = schema::span_or_null, required = false)]
    span: Option<String>,
}

/// Takes care of an alert: no more is told of it until it is over, or gets worse. Nothing need be said of that: there may be no body.
#[utoipa::path(post, path = "/alerts/{id}/acknowledge", tag = "alerts",
    params(("id" = String, Path, description = "The id of the alert")),
    request_body = Option<Caring>,
    responses(
        (status = 200, description = "The alert after that", body = Shown),
        Decreed,
    ),
    security(("token" = ["control"]))
)]
pub(super) async fn acknowledge(
    Shared(app): Shared<Arc<App>>,
    _: Controls,
    caller: Caller,
    Id(id): Id,
    SaidIfAny(Caring { by, comment, span }): SaidIfAny<Caring>,
) -> Result<Response, Problem> {
    let now = app.board.wall();
    let until = span.map(|span| until(now, &span)).transpose()?;
    let (by, comment) = said(&caller, by, comment)?;
    let found = app.alerts.find(&id).ok_or_else(|| unknown(&id))?;
    let care = Acknowledgement { at: now, until, by, comment, severity: found.severity };
    if !app.alerts.acknowledge(&id, care).await {
        return Err(unknown(&id));
    }
    shown(&app, &id)
}

/// Takes back that somebody takes care of an alert.
#[utoipa::path(delete, path = "/alerts/{id}/acknowledge", tag = "alerts",
    params(("id" = String, Path, description = "The id of the alert")),
    responses(
        (status = 200, description = "The alert after that; also if nobody took care of it", body = Shown),
        Decreed,
    ),
    security(("token" = ["control"]))
)]
pub(super) async fn disown(
    Shared(app): Shared<Arc<App>>,
    _: Controls,
    caller: Caller,
    Id(id): Id,
) -> Result<Response, Problem> {
    app.alerts.disown(&id, caller.name()).await;
    shown(&app, &id)
}

fn shown(app: &App, id: &str) -> Result<Response, Problem> {
    json(&Shown::of(&app.alerts.find(id).ok_or_else(|| unknown(id))?))
}

fn unknown(id: &str) -> Problem {
    Problem::unknown_id("alert", id, "/alerts")
}

/// The moment that is so much later, as somebody wrote it.
pub(super) fn until(now: Timestamp, span: &str) -> Result<Timestamp, Problem> {
    let span = parse_duration(span).filter(|span| !span.is_zero() && *span <= LONGEST);
    let until = span.and_then(|span| now.checked_add(SignedDuration::try_from(span).ok()?).ok());
    until.ok_or_else(|| Problem::invalid_value("for", "must be a duration of up to a year, such as `30m` or `2h`"))
}

/// Who says what, within bounds. Who does not give a name goes by that of the token.
pub(super) fn said(caller: &Caller, by: Option<String>, comment: Option<String>) -> Result<(String, String), Problem> {
    let by = by.filter(|by| !by.is_empty()).unwrap_or_else(|| caller.name().to_owned());
    let bounded = |field: &'static str, text: String, most: usize| {
        if text.len() > most {
            return Err(Problem::invalid_value(field, format!("may have {most} bytes, and has {}", text.len())));
        }
        Ok(text)
    };
    Ok((bounded("by", by, BY)?, bounded("comment", comment.unwrap_or_default(), COMMENT)?))
}
