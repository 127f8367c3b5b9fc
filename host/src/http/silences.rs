//! What is not to be told for a while, by decree.

use std::{collections::BTreeMap, sync::Arc};

use axum::{extract::State as Shared, response::Response};
use jiff::Timestamp;
use probity_core::alert::{Pattern, Selector, Silence};
use serde::{Deserialize, Serialize};
use utoipa::{
    ToSchema,
    openapi::{
        ArrayBuilder, ObjectBuilder, RefOr, Schema, Type,
        schema::{AllOfBuilder, AnyOfBuilder, SchemaType},
    },
};

use super::{
    App,
    alerts::{Decreed, Id, said, until},
    auth::{Caller, Controls, Reads},
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
/// Characters of what a label says: as many as one can say.
const LABEL: usize = 255;

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

/// What is to be silent, and for how long. It names something: whatever it does not name is not looked at.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Silencing {
    /// For how long, such as `2h`; more than no time, and at most 366 days.
    #[serde(rename = "for")]
    #[schema(rename = "for", schema_with = schema::span)]
    span: String,
    /// Names of checks, in which `*` stands for any letters, and by itself for all. One of `checks`, `groups` and `labels` is needed.
    #[schema(schema_with = names)]
    checks: Option<Vec<String>>,
    /// Names of groups, in which `*` stands for any letters; unless given: all, and checks without one.
    #[schema(schema_with = names)]
    groups: Option<Vec<String>>,
    /// Labels that a check must have, one at least, and what they say; `*` stands for any letters.
    #[schema(schema_with = labels)]
    labels: Option<BTreeMap<String, String>>,
    /// Who says so; at most 200 bytes. Unless given: the name of the token.
    by: Option<String>,
    /// Why; at most 4096 bytes.
    comment: Option<String>,
}

/// Adds to the description that one of three is needed, which no attribute can say.
pub(super) fn complete(schemas: &mut BTreeMap<String, RefOr<Schema>>) {
    let Some(silencing) = schemas.get_mut("Silencing") else { return };
    let one = |name: &str, kind: Type| {
        let there = RefOr::T(ObjectBuilder::new().schema_type(kind).build().into());
        RefOr::T(Schema::from(ObjectBuilder::new().property(name, there).required(name).build()))
    };
    let any = AnyOfBuilder::new()
        .item(one("checks", Type::Array))
        .item(one("groups", Type::Array))
        .item(one("labels", Type::Object));
    let all = AllOfBuilder::new().item(silencing.clone()).item(Schema::from(any.build()));
    *silencing = RefOr::T(Schema::from(all.build()));
}

/// A list of names, or null.
fn names() -> Schema {
    let list = ArrayBuilder::new().schema_type([Type::Array, Type::Null].into_iter().collect::<SchemaType>());
    list.items(text(1, NAME)).min_items(Some(1)).max_items(Some(NAMES)).build().into()
}

/// Labels and what they say, or null.
fn labels() -> Schema {
    let labels = ObjectBuilder::new().schema_type([Type::Object, Type::Null].into_iter().collect::<SchemaType>());
    let labels = labels.property_names(Some(text(1, NAME))).additional_properties(Some(text(0, LABEL)));
    labels.min_properties(Some(1)).max_properties(Some(NAMES)).build().into()
}

/// A text of so many characters.
fn text(least: usize, most: usize) -> RefOr<Schema> {
    let text = ObjectBuilder::new().schema_type(Type::String).min_length(Some(least)).max_length(Some(most));
    RefOr::T(text.build().into())
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
    caller: Caller,
    Said(Silencing { span, checks, groups, labels, by, comment }): Said<Silencing>,
) -> Result<Response, Problem> {
    let now = app.board.wall();
    let until = until(now, &span)?;
    let (by, comment) = said(&caller, by, comment)?;
    let selector = selector(checks, groups, labels)?;
    if app.alerts.silences().len() >= MOST {
        return Err(Problem::too_many(60, format!("there are {MOST} silences already; end one, or wait for its end")));
    }
    let id = format!("{:016x}", fastrand::u64(..));
    let silence = Silence { id, selector, created: now, until, by, comment };
    let shown = Shown::of(&silence);
    app.alerts.silence(silence).await;
    json(&shown)
}

/// Which checks are meant. A list that is given and empty is what a script makes that found nothing, and never means all.
fn selector(
    checks: Option<Vec<String>>,
    groups: Option<Vec<String>>,
    labels: Option<BTreeMap<String, String>>,
) -> Result<Selector, Problem> {
    if checks.is_none() && groups.is_none() && labels.is_none() {
        let detail = "must say which; `groups` or `labels` can stand in its place, and `[\"*\"]` is all checks";
        return Err(Problem::invalid_value("checks", detail));
    }
    let fits = |name: &str| (1..=NAME).contains(&name.chars().count());
    let patterns = |field: &'static str, names: Option<Vec<String>>| {
        if names
            .as_ref()
            .is_some_and(|names| !(1..=NAMES).contains(&names.len()) || !names.iter().all(|name| fits(name)))
        {
            let detail =
                format!("must be a list of 1 to {NAMES} names of 1 to {NAME} characters; `[\"*\"]` is all of them");
            return Err(Problem::invalid_value(field, detail));
        }
        Ok(names.into_iter().flatten().map(Pattern::new).collect())
    };
    let (checks, groups) = (patterns("checks", checks)?, patterns("groups", groups)?);
    let named = |labels: &BTreeMap<String, String>| {
        (1..=NAMES).contains(&labels.len())
            && labels.iter().all(|(name, said)| fits(name) && said.chars().count() <= LABEL)
    };
    if labels.as_ref().is_some_and(|labels| !named(labels)) {
        let detail = format!(
            "must be 1 to {NAMES} labels with names of 1 to {NAME} characters, which say up to {LABEL}, such as \
             {{\"team\": \"orders\"}}; leave it out if none are meant"
        );
        return Err(Problem::invalid_value("labels", detail));
    }
    let labels = labels.into_iter().flatten().map(|(name, said)| (name, Pattern::new(said))).collect();
    Ok(Selector { checks, groups, labels })
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
pub(super) async fn unsilence(
    shared: Shared<Arc<App>>,
    _: Controls,
    caller: Caller,
    Id(id): Id,
) -> Result<Response, Problem> {
    if !shared.alerts.unsilence(&id, caller.name()).await {
        return Err(Problem::unknown_id("silence", &id, "/silences"));
    }
    silences(shared, Reads).await
}
