//! What has happened: the results of a check, how much of the time its target was of use, how fast it answered, and when it was
//! down.
//!
//! All of it is read from the disk, so it is read on threads that may wait, by a few at a time.

mod asked;
mod told;

use std::{collections::BTreeMap, sync::Arc};

use axum::{extract::State, response::Response};
use jiff::Timestamp;
use probity_core::{health::Health, rollup::Level};

pub(crate) use self::told::KeptResult;
pub(super) use self::{
    asked::{Days, Window},
    told::{Day, Time, UptimeOf},
};
use self::{
    asked::{HistoryAsked, IncidentsAsked, LatencyAsked, UptimeAsked, UptimesAsked},
    told::{Incidents, Latencies, Results, Uptime, Uptimes},
};
use super::{
    App,
    auth::Reads,
    page::json,
    parts::{Asked, Name},
    problem::{PROBLEM, Problem},
};
use crate::{
    board::Slot,
    store::{Store, Unreadable},
};

/// How many read at a time: more would wait for the same disk.
pub(super) const READERS: usize = 4;

/// The latest results of a check, newest first, and its latest failures though they are older.
#[utoipa::path(get, path = "/health/checks/{name}/history", tag = "history",
    params(
        ("name" = String, Path, description = "The name of the check"),
        ("from" = Option<String>, Query, format = DateTime, description = "Only runs that started then or later"),
        ("to" = Option<String>, Query, format = DateTime, description = "Only runs that started before that"),
        ("status" = Option<String>, Query, description = "Only results of these statuses, separated by commas"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "How many at most; 100 unless given"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before"),
    ),
    responses(
        (status = 200, description = "The results", body = Results),
        (status = 400, description = "A parameter can't be used; `field` says which", body = Problem, content_type = PROBLEM),
        (status = 404, description = "There is no such check", body = Problem, content_type = PROBLEM),
        (status = 503, description = "No history is kept, or it can't be read now", body = Problem, content_type = PROBLEM),
    )
)]
pub(super) async fn history(
    State(app): State<Arc<App>>,
    _: Reads,
    Name(name): Name,
    Asked(asked): Asked<HistoryAsked>,
) -> Result<Response, Problem> {
    let (asked, statuses) = asked.read()?;
    read(&app, move |app, store, _| {
        let wanted = |status: Health| statuses.is_empty() || statuses.contains(status.as_str());
        let page = known(app, &name, store.results(&name, &asked, wanted))?;
        json(&Results::of(&name, page.as_ref()))
    })
    .await
}

/// How much of the time the target of a check was of use, in windows that end now, and by the day.
#[utoipa::path(get, path = "/health/checks/{name}/uptime", tag = "history",
    params(
        ("name" = String, Path, description = "The name of the check"),
        ("window" = Option<String>, Query,
            description = "Windows, separated by commas, such as `90m`, `24h` or `7d`; `1h,24h,7d,30d,90d` unless given"),
        ("days" = Option<u32>, Query, minimum = 0, maximum = 732, description = "How many days to tell of one by one; none unless given"),
    ),
    responses(
        (status = 200, description = "How much of the time it was of use", body = Uptime),
        (status = 400, description = "A parameter can't be used; `field` says which", body = Problem, content_type = PROBLEM),
        (status = 404, description = "There is no such check", body = Problem, content_type = PROBLEM),
        (status = 503, description = "No history is kept, or it can't be read now", body = Problem, content_type = PROBLEM),
    )
)]
pub(super) async fn uptime(
    State(app): State<Arc<App>>,
    _: Reads,
    Name(name): Name,
    Asked(asked): Asked<UptimeAsked>,
) -> Result<Response, Problem> {
    let (windows, days) = asked.read()?;
    read(&app, move |app, store, now| {
        known(app, &name, Ok(Some(())))?;
        let uptime = uptime_of(store, &name, &windows, days, now)?;
        json(&Uptime { check: &name, timestamp: now, uptime })
    })
    .await
}

/// The same for all checks, or for those of a group.
#[utoipa::path(get, path = "/uptime", tag = "history",
    params(
        ("window" = Option<String>, Query,
            description = "Windows, separated by commas, such as `90m`, `24h` or `7d`; `24h` unless given"),
        ("days" = Option<u32>, Query, minimum = 0, maximum = 732, description = "How many days to tell of one by one; none unless given"),
        ("group" = Option<String>, Query, description = "Only checks in these groups, separated by commas"),
    ),
    responses(
        (status = 200, description = "How much of the time each was of use", body = Uptimes),
        (status = 400, description = "A parameter can't be used; `field` says which", body = Problem, content_type = PROBLEM),
        (status = 404, description = "There is no such group", body = Problem, content_type = PROBLEM),
        (status = 503, description = "No history is kept, or it can't be read now", body = Problem, content_type = PROBLEM),
    )
)]
pub(super) async fn everything(
    State(app): State<Arc<App>>,
    _: Reads,
    Asked(asked): Asked<UptimesAsked>,
) -> Result<Response, Problem> {
    let (windows, days, groups) = asked.read()?;
    read(&app, move |app, store, now| {
        let slots = app.board.checks();
        let in_group = |slot: &Slot, group: &str| slot.state().info.group.as_deref() == Some(group);
        if let Some(unknown) = groups.iter().find(|group| !slots.values().any(|slot| in_group(slot, group))) {
            return Err(Problem::unknown_group(unknown, &app.board));
        }
        let wanted =
            slots.iter().filter(|(_, slot)| groups.is_empty() || groups.iter().any(|group| in_group(slot, group)));
        let checks = wanted.map(|(name, _)| Ok((&**name, uptime_of(store, name, &windows, days, now)?)));
        let checks: BTreeMap<&str, UptimeOf> = checks.collect::<Result<_, Problem>>()?;
        json(&Uptimes { timestamp: now, checks })
    })
    .await
}

/// How fast the target of a check answered, step by step: for a chart.
#[utoipa::path(get, path = "/health/checks/{name}/latency", tag = "history",
    params(
        ("name" = String, Path, description = "The name of the check"),
        ("window" = Option<String>, Query, description = "How far back, such as `90m`, `24h` or `7d`; `24h` unless given"),
    ),
    responses(
        (status = 200, description = "How fast it answered", body = Latencies),
        (status = 400, description = "A parameter can't be used; `field` says which", body = Problem, content_type = PROBLEM),
        (status = 404, description = "There is no such check", body = Problem, content_type = PROBLEM),
        (status = 503, description = "No history is kept, or it can't be read now", body = Problem, content_type = PROBLEM),
    )
)]
pub(super) async fn latency(
    State(app): State<Arc<App>>,
    _: Reads,
    Name(name): Name,
    Asked(asked): Asked<LatencyAsked>,
) -> Result<Response, Problem> {
    let window = asked.read()?;
    read(&app, move |app, store, now| {
        let wanted = [(window.level, window.from(now))];
        let stretches = known(app, &name, store.stretches(&name, &wanted, now))?;
        json(&Latencies::of(&name, &window, stretches.and_then(|mut found| found.pop()), now))
    })
    .await
}

/// When the target of a check was down, newest first: from when it counted as unhealthy until it counted as of use again. That
/// nothing is known meanwhile does not end it.
#[utoipa::path(get, path = "/health/checks/{name}/incidents", tag = "history",
    params(
        ("name" = String, Path, description = "The name of the check"),
        ("from" = Option<String>, Query, format = DateTime, description = "Only incidents that went on then or later"),
        ("to" = Option<String>, Query, format = DateTime, description = "Only incidents that began before that"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000, description = "How many at most; 100 unless given"),
        ("cursor" = Option<String>, Query, description = "`next` of the page before"),
    ),
    responses(
        (status = 200, description = "The incidents", body = Incidents),
        (status = 400, description = "A parameter can't be used; `field` says which", body = Problem, content_type = PROBLEM),
        (status = 404, description = "There is no such check", body = Problem, content_type = PROBLEM),
        (status = 503, description = "No history is kept, or it can't be read now", body = Problem, content_type = PROBLEM),
    )
)]
pub(super) async fn incidents(
    State(app): State<Arc<App>>,
    _: Reads,
    Name(name): Name,
    Asked(asked): Asked<IncidentsAsked>,
) -> Result<Response, Problem> {
    let asked = asked.read()?;
    read(&app, move |app, store, now| {
        let page = known(app, &name, store.incidents(&name, &asked))?;
        json(&Incidents::of(&name, page.as_ref(), now))
    })
    .await
}

/// Reads the store on a thread that may wait for the disk.
async fn read(
    app: &Arc<App>,
    read: impl FnOnce(&App, &Store, Timestamp) -> Result<Response, Problem> + Send + 'static,
) -> Result<Response, Problem> {
    let store = app.board.store().cloned().ok_or_else(Problem::no_history)?;
    let reader = Arc::clone(app);
    apart(app, move || read(&reader, &store, reader.board.wall())).await?
}

/// Does work that reads the disk when it is its turn, on a thread that may wait.
pub(super) async fn apart<T: Send + 'static>(
    app: &App,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Problem> {
    // It is never closed, so there always is a permit in the end. The work holds it, which goes on though nobody waits for it any more.
    let turn = Arc::clone(&app.readers).acquire_owned().await;
    let work = move || {
        let _turn = turn;
        work()
    };
    tokio::task::spawn_blocking(work).await.map_err(|error| Problem::internal(&error))
}

/// What is known of a check, if there is one of that name.
fn known<T>(app: &App, name: &str, read: Result<Option<T>, Unreadable>) -> Result<Option<T>, Problem> {
    if app.board.check(name).is_none() {
        return Err(Problem::unknown_check(name, &app.board));
    }
    read.map_err(|why| Problem::history_unreadable(&why))
}

/// How much of the time a check's target was of use, in these windows and in so many days.
pub(super) fn uptime_of(
    store: &Store,
    name: &str,
    windows: &[Window],
    Days(days): Days,
    now: Timestamp,
) -> Result<UptimeOf, Problem> {
    let today = Level::Day.index(now.as_millisecond());
    let first = today + 1 - i64::from(days);
    let first_day = Timestamp::from_millisecond(first * Level::Day.length()).unwrap_or(now);
    let wanted = windows.iter().map(|window| (window.level, window.from(now)));
    let wanted: Vec<_> = wanted.chain((days > 0).then_some((Level::Day, first_day))).collect();
    let found = store.stretches(name, &wanted, now).map_err(|why| Problem::history_unreadable(&why))?;
    let mut found = found.into_iter().flatten();
    let windows = windows.iter().map(|window| told::Window::of(window, found.next(), window.from(now), now)).collect();
    let by_day = found.next();
    let day = |index| {
        let begins = index * Level::Day.length();
        Day::of(begins, by_day.as_ref().and_then(|days| days.stretches.get(&begins)))
    };
    Ok(UptimeOf { windows, days: (first..=today).map(day).collect() })
}
