//! What is not to be told for a while, by decree.

use std::{collections::BTreeMap, sync::Arc};

use axum::{extract::State as Shared, response::Response};
use jiff::Timestamp;
use probity_core::alert::{Pattern, Selector, Silence};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    App,
    alerts::{Decreed, Id, said, until},
    auth::{Controls, Reads},
    page::json,
    parts::Said,
    problem::{PROBLEM, Problem},
    schema,
};

/// How many silences there can be: each is looked at for each alert.
const MOST: usize = 1_000;
/// How many names one can list.
const NAMES: usize = 20;
/// Characters of a name, with wild cards.
const NAME: usize = 100;

/// All silences.
#[derive(Serialize, ToSchema)]
#[schema(as = Silences)]
struct All {
    /// Every silence that is not over.
    silences: Vec<Shown>,
    /// How many there are.
    total: usize,
    /// When this was true.
    #[schema(value_type = String, format = DateTime)]
    timestamp: Timestamp,
}

/// That nothing is told of some checks.
#[derive(Serialize, ToSchema)]
#[schema(as = Silence)]
struct Shown {
    /// What names it.
    id: String,
    /// Names of checks, in which `*` stands for any letters; empty: all.
    checks: Vec<String>,
    /// Names of groups; empty: all, and checks without one.
    groups: Vec<String>,
    /// Labels that a check must have, and what they say.
    labels: BTreeMap<String, String>,
    /// When somebody said so.
    #[schema(value_type = String, format = DateTime)]
    created: Timestamp,
    /// When it is over.
    #[schema(value_type = String, format = DateTime)]
    until: Timestamp,
    /// Who said so.
    by: String,
    /// Why.
    comment: String,
}

impl Shown {
    fn of(silence: &Silence) -> Shown {
        let texts = |patterns: &[Pattern]| patterns.iter().map(|pattern| pattern.as_str().to_owned()).collect();
        let Selector { checks, groups, labels } = &silence.selector;
        Shown {
            id: silence.id.clone(),
            checks: texts(checks),
            groups: texts(groups),
            labels: labels.iter().map(|(name, said)| (name.clone(), said.as_str().to_owned())).collect(),
            created: silence.created,
            until: silence.until,
            by: silence.by.clone(),
            comment: silence.comment.clone(),
        }
    }
}

/// All silences that are not over.
#[utoipa::path(get, path = "/silences", tag = "alerts", responses(
    (status = 200, description = "Every silence that is not over", body = All),
))]
pub(super) async fn silences(Shared(app): Shared<Arc<App>>, _: Reads) -> Result<Response, Problem> {
    let silences: Vec<Shown> = app.alerts.silences().values().map(Shown::of).collect();
    json(&All { total: silences.len(), silences, timestamp: app.board.wall() })
}

/// What is to be silent, and for how long.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Silencing {
    /// For how long, such as `2h`; more than no time, and at most 366 days.
    #[serde(rename = "for")]
    #[schema(rename = "for", schema_with = schema::span)]
    span: String,
    /// Names of checks, in which `*` stands for any letters; unless given: all.
    #[serde(default)]
    #[schema(schema_with = names)]
    checks: Vec<String>,
    /// Names of groups, in which `*` stands for any letters; unless given: all, and checks without one.
    #[serde(default)]
    #[schema(schema_with = names)]
    groups: Vec<String>,
    /// Labels that a check must have, and what they say; `*` stands for any letters.
    #[serde(default)]
    labels: BTreeMap<String, String>,
    /// Who says so; at most 200 bytes.
    by: Option<String>,
    /// Why; at most 4096 bytes.
    comment: Option<String>,
}

/// A list of names.
fn names() -> utoipa::openapi::Schema {
    use utoipa::openapi::{ArrayBuilder, ObjectBuilder, Type};
    let name = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(NAME));
    ArrayBuilder::new().items(name).max_items(Some(NAMES)).build().into()
}

/// Silences some checks: their trouble is noticed, and not told. The end of what was told before is told all the same.
#[utoipa::path(post, path = "/silences", tag = "alerts",
    request_body = Silencing,
    responses(
        (status = 200, description = "The silence", body = Shown),
        (status = 400, description = "The body can't be used; `field` says why", body = Problem, content_type = PROBLEM),
        (status = 401, description = "The token is wrong or missing", body = Problem, content_type = PROBLEM),
        (status = 403, description = "There is no token, so nobody may", body = Problem, content_type = PROBLEM),
        (status = 413, description = "The body is larger than any that makes sense", body = Problem, content_type = PROBLEM),
        (status = 503, description = "There are too many silences", body = Problem, content_type = PROBLEM),
    ),
    security(("token" = ["control"]))
)]
pub(super) async fn silence(
    Shared(app): Shared<Arc<App>>,
    _: Controls,
    Said(Silencing { span, checks, groups, labels, by, comment }): Said<Silencing>,
) -> Result<Response, Problem> {
    let now = app.board.wall();
    let until = until(now, &span)?;
    let (by, comment) = said(by, comment)?;
    let patterns = |field: &'static str, names: Vec<String>| {
        let fits = |name: &String| (1..=NAME).contains(&name.chars().count());
        if names.len() > NAMES || !names.iter().all(fits) {
            let detail = format!("must be a list of up to {NAMES} names of 1 to {NAME} characters");
            return Err(Problem::invalid_value(field, detail));
        }
        Ok(names.into_iter().map(Pattern::new).collect())
    };
    let selector = Selector {
        checks: patterns("checks", checks)?,
        groups: patterns("groups", groups)?,
        labels: labels.into_iter().map(|(name, said)| (name, Pattern::new(said))).collect(),
    };
    if app.alerts.silences().len() >= MOST {
        return Err(Problem::too_many(60, format!("there are {MOST} silences already; end one, or wait for its end")));
    }
    let id = format!("{:016x}", fastrand::u64(..));
    let silence = Silence { id, selector, created: now, until, by, comment };
    let shown = Shown::of(&silence);
    app.alerts.silence(silence).await;
    json(&shown)
}

/// Ends a silence.
#[utoipa::path(delete, path = "/silences/{id}", tag = "alerts",
    params(("id" = String, Path, description = "The id of the silence")),
    responses(
        (status = 200, description = "The silences that are left", body = All),
        Decreed,
    ),
    security(("token" = ["control"]))
)]
pub(super) async fn unsilence(shared: Shared<Arc<App>>, _: Controls, Id(id): Id) -> Result<Response, Problem> {
    if !shared.alerts.unsilence(&id).await {
        return Err(Problem::unknown_id("silence", &id, "/silences"));
    }
    silences(shared, Reads).await
}
