//! The event log, followed: as server-sent events, and over a WebSocket.
//!
//! Both tell CloudEvents in JSON, in order, from any event on that the log still holds. What it does not hold any more is
//! told as an event of its own, `gap`.

use std::{collections::BTreeSet, convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::{
        State as Shared,
        ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code, rejection::WebSocketUpgradeRejection},
    },
    http::{HeaderMap, HeaderName, HeaderValue},
    response::{
        IntoResponse, Response,
        sse::{Event as Sent, KeepAlive, Sse},
    },
};
use bytes::Bytes;
use futures_util::stream;
use probity_core::event::Event;
use serde::Deserialize;
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, timeout, timeout_at},
};

use super::{
    App,
    auth::{KnownPage, Reads},
    parts::{Asked, listed},
    problem::{PROBLEM, Problem},
};
use crate::events::{Events, Followed, Follower, GAP, Gap, Notice, RELOAD, Record};

/// How many can follow at a time. A quarter of all connections that there can be, so that health can always be asked for.
pub(super) const FOLLOWERS: usize = 128;
/// How long to be silent at most: proxies close what is silent for a minute.
const SILENCE: Duration = Duration::from_secs(15);
/// How long a WebSocket may be without any sign of the other side: a pong is due after each silence.
const PATIENCE: Duration = Duration::from_secs(60);
/// After so many events in a row that are filtered out, the reader is told how far the log has been read, so that it need
/// not read them again when it comes back.
const SKIPPED: usize = 64;
/// When to try again if there are too many followers, in seconds.
const TOO_MANY: u32 = 10;
/// Bytes of a message from the other side, which has nothing to say.
const HEARD: usize = 4 * 1024;

/// What somebody wants to follow.
#[derive(Deserialize)]
pub(super) struct Wanted {
    after: Option<String>,
    check: Option<String>,
    group: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

/// Which events to tell: those that have one of the names, where there are any.
struct Filter {
    checks: BTreeSet<String>,
    groups: BTreeSet<String>,
    kinds: BTreeSet<String>,
}

impl Filter {
    fn read(wanted: &Wanted) -> Result<Filter, Problem> {
        let names =
            |list: &Option<String>| -> BTreeSet<String> { listed(list.as_deref()).map(str::to_owned).collect() };
        let kinds = names(&wanted.kind);
        let known = || Event::KINDS.into_iter().chain(Notice::KINDS).chain([RELOAD]);
        if let Some(unknown) = kinds.iter().find(|kind| known().all(|known| known != **kind)) {
            let known = known().collect::<Vec<_>>().join(", ");
            return Err(Problem::invalid_value("type", format!("there are no events `{unknown}`; there are {known}")));
        }
        Ok(Filter { checks: names(&wanted.check), groups: names(&wanted.group), kinds })
    }

    fn wants(&self, record: &Record) -> bool {
        let among = |names: &BTreeSet<String>, name: Option<&str>| {
            names.is_empty() || name.is_some_and(|name| names.contains(name))
        };
        let fact = &record.fact;
        among(&self.checks, fact.check().map(|check| &**check))
            && among(&self.groups, fact.group().map(|group| &**group))
            && among(&self.kinds, Some(fact.kind()))
    }
}

/// What to tell next.
enum Told {
    /// This event, as JSON.
    Event {
        /// What whoever comes back names.
        id: String,
        kind: &'static str,
        json: String,
    },
    /// The log has been read up to the event of this name, and nothing of it was wanted.
    Read(String),
}

/// Somebody who follows the log.
struct Reader {
    app: Arc<App>,
    follower: Follower,
    filter: Filter,
    /// Whoever comes back does not know yet that the numbers began anew.
    restarted: bool,
    _room: OwnedSemaphorePermit,
}

impl Reader {
    /// Follows the log from the event named `after` on, or from now on.
    fn new(app: Arc<App>, wanted: &Wanted, after: Option<&str>) -> Result<Reader, Problem> {
        let filter = Filter::read(wanted)?;
        let room = Arc::clone(&app.followers).try_acquire_owned().map_err(|_| {
            Problem::too_many(TOO_MANY, format!("{FOLLOWERS} already follow the events, and no more can at a time"))
        })?;
        let seq = match after {
            None => Some(app.events.last()),
            Some(id) if Events::is_id(id) => app.events.seq(id),
            Some(_) => {
                let detail = "must be the number or the id of an event, such as `42` or `19a0c3f1b2e-42`";
                return Err(Problem::invalid_value("after", detail));
            }
        };
        let follower = app.events.follow(seq.unwrap_or(0));
        Ok(Reader { app, follower, filter, restarted: seq.is_none(), _room: room })
    }

    /// What to tell next; `None` at the end. Nothing is lost if the wait is given up.
    async fn next(&mut self) -> Option<Told> {
        if std::mem::take(&mut self.restarted) {
            return Some(self.gap(&Gap::Restarted));
        }
        let mut read = 0;
        for _ in 0..SKIPPED {
            match self.follower.next().await {
                Followed::Event(record) if self.filter.wants(&record) => return Some(self.event(&record)),
                Followed::Event(record) => read = record.seq,
                Followed::Gap(gap) => return Some(self.gap(&gap)),
                Followed::End => return None,
            }
        }
        Some(Told::Read(self.app.events.id(read)))
    }

    fn event(&self, record: &Record) -> Told {
        let App { events, board, .. } = &*self.app;
        // All keys of an event are texts, so it can always be written.
        let json = events.cloud_event(record, &board.node_id).unwrap_or_default();
        Told::Event { id: events.id(record.seq), kind: record.fact.kind(), json }
    }

    fn gap(&self, gap: &Gap) -> Told {
        let App { events, board, .. } = &*self.app;
        let json = events.cloud_gap(gap, board.wall(), &board.node_id).unwrap_or_default();
        Told::Event { id: events.id(gap.last()), kind: GAP, json }
    }
}

/// Follows the events as server-sent events: `event` is the kind, `data` a CloudEvent in JSON, and `id` what to come back
/// with as Last-Event-ID. Without that, and without `after`, what happens from now on is told. An event `gap` tells what the
/// log does not hold any more.
#[utoipa::path(get, path = "/events", tag = "events",
    params(
        ("after" = Option<String>, Query, description = "The number or id of the event after which to begin; 0: all there is"),
        ("check" = Option<String>, Query, description = "Only events of these checks, separated by commas"),
        ("group" = Option<String>, Query, description = "Only events of checks in these groups, separated by commas"),
        ("type" = Option<String>, Query, description = "Only events of these kinds, separated by commas"),
        ("last-event-id" = Option<String>, Header, description = "As `after`, and before it"),
    ),
    responses(
        (status = 200, description = "The events, without end", body = String, content_type = "text/event-stream"),
        (status = 400, description = "A parameter can't be used; `field` says which", body = Problem, content_type = PROBLEM),
        (status = 503, description = "Too many follow the events", body = Problem, content_type = PROBLEM),
    )
)]
pub(super) async fn events(
    Shared(app): Shared<Arc<App>>,
    _: Reads,
    Asked(wanted): Asked<Wanted>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()).filter(|id| !id.is_empty());
    let reader = Reader::new(app, &wanted, last.or(wanted.after.as_deref()))?;
    let events = stream::unfold(reader, async |mut reader| {
        let sent = match reader.next().await? {
            Told::Event { id, kind, json } => Sent::default().id(id).event(kind).data(json),
            // Without data it is no event, but it is remembered (WHATWG HTML, section 9.2.6).
            Told::Read(id) => Sent::default().id(id),
        };
        Some((Ok::<_, Infallible>(sent), reader))
    });
    let mut response = Sse::new(events).keep_alive(KeepAlive::new().interval(SILENCE)).into_response();
    // nginx holds answers back until it has some kilobytes of them, unless told not to.
    response.headers_mut().insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    Ok(response)
}

/// Follows the events over a WebSocket: each message is a CloudEvent in JSON. One of type `probity.gap` tells what the log
/// does not hold any more. Pages of other origins may not, but for those of `http.cors_origins`.
#[utoipa::path(get, path = "/events/ws", tag = "events",
    params(
        ("after" = Option<String>, Query, description = "The number or id of the event after which to begin; 0: all there is"),
        ("check" = Option<String>, Query, description = "Only events of these checks, separated by commas"),
        ("group" = Option<String>, Query, description = "Only events of checks in these groups, separated by commas"),
        ("type" = Option<String>, Query, description = "Only events of these kinds, separated by commas"),
    ),
    responses(
        (status = 101, description = "The events, without end"),
        (status = 400, description = "A parameter can't be used, or this is no WebSocket's handshake; `field` says which",
            body = Problem, content_type = PROBLEM),
        (status = 403, description = "It is a page of another origin that asks", body = Problem, content_type = PROBLEM),
        (status = 503, description = "Too many follow the events", body = Problem, content_type = PROBLEM),
    )
)]
pub(super) async fn events_ws(
    Shared(app): Shared<Arc<App>>,
    _: Reads,
    _: KnownPage,
    Asked(wanted): Asked<Wanted>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let upgrade = upgrade.map_err(|rejection| {
        let detail = format!("this is for WebSockets ({rejection}); /events tells the same to others");
        Problem::invalid_value("upgrade", detail)
    })?;
    let reader = Reader::new(app, &wanted, wanted.after.as_deref())?;
    Ok(upgrade.max_message_size(HEARD).on_upgrade(|socket| converse(socket, reader)))
}

async fn converse(mut socket: WebSocket, mut reader: Reader) {
    let (mut heard, mut sent) = (Instant::now(), Instant::now());
    loop {
        let message = tokio::select! {
            // However much is passed over, the other side hears something.
            told = timeout_at(sent + SILENCE, reader.next()) => match told {
                Ok(Some(Told::Event { json, .. })) => Message::text(json),
                Ok(Some(Told::Read(_))) => continue,
                Ok(None) => {
                    let reason = "the runner is stopping".into();
                    Message::Close(Some(CloseFrame { code: close_code::AWAY, reason }))
                }
                Err(_) if heard.elapsed() > PATIENCE => return,
                Err(_) => Message::Ping(Bytes::new()),
            },
            received = socket.recv() => match received {
                Some(Ok(_)) => {
                    heard = Instant::now();
                    continue;
                }
                Some(Err(_)) | None => return,
            },
        };
        let last = matches!(message, Message::Close(_));
        let taken = timeout(PATIENCE, socket.send(message)).await;
        if last || !matches!(taken, Ok(Ok(()))) {
            return;
        }
        sent = Instant::now();
    }
}
