//! The event log, followed.

use axum::body::BodyDataStream;
use futures_util::StreamExt;
use serde_json::{Value as Json, json};

use super::*;

/// No test waits longer than this for what must happen.
const LONG: Duration = Duration::from_secs(10);

/// A log, and the routes that follow it.
struct Log {
    events: Arc<Events>,
    router: Router,
}

impl Log {
    fn new(capacity: usize) -> Log {
        let house = House::running();
        let events = Arc::new(Events::new(STARTED.parse().unwrap(), capacity));
        let router = router(State {
            board: Arc::clone(&house.board),
            events: Arc::clone(&events),
            alerts: Alerts::untold(Arc::clone(&house.board), Arc::clone(&events)),
            auth: Auth::default(),
            control: Arc::new(Runner { board: house.board, refused: None }),
            prober: Arc::new(Nobody),
        });
        Log { events, router }
    }

    fn tell(&self, check: &str, group: Option<&str>, event: probity_core::event::Event) {
        let fact = Fact::Check { check: check.into(), group: group.map(Into::into), event };
        self.events.tell(STARTED.parse().unwrap(), fact);
    }

    fn tell_of(&self, what: &str) {
        let reload = Reload { what: what.into(), generation: None, error: None };
        self.events.tell(STARTED.parse().unwrap(), Fact::Reload(reload));
    }

    async fn follow(&self, path: &str, last: Option<&str>) -> Stream {
        let mut request = Request::get(path).header("host", "localhost");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let answer = self.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Stream { body: answer.into_body().into_data_stream(), text: String::new() }
    }
}

/// A stream of server-sent events, read as its receiver reads it.
struct Stream {
    body: BodyDataStream,
    text: String,
}

impl Stream {
    /// The fields of the next event.
    async fn next(&mut self) -> Option<(String, String, Json)> {
        loop {
            while let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    let mut lines = event.lines().filter_map(|line| line.split_once(": "));
                    lines.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
                };
                let told = (field("id"), field("event"), field("data"));
                self.text = rest.to_owned();
                if let (Some(id), Some(kind), Some(data)) = told {
                    return Some((id, kind, serde_json::from_str(&data).unwrap()));
                }
            }
            let chunk = tokio::time::timeout(LONG, self.body.next()).await.expect("an event in time")?;
            self.text += std::str::from_utf8(&chunk.unwrap()).unwrap();
        }
    }

    async fn rest(mut self) -> Vec<String> {
        let mut told = vec![];
        while let Some((_, kind, event)) = self.next().await {
            told.push(format!("{kind} {}", event["sequence"].as_str().unwrap()));
        }
        told
    }
}

fn disconnected() -> probity_core::event::Event {
    probity_core::event::Event::Disconnected { cause: probity_core::connection::Cause::Idle }
}

#[tokio::test]
async fn whoever_was_cut_off_goes_on_after_the_last_event_that_they_saw() {
    let log = Log::new(100);
    log.tell_of("before");
    let mut stream = log.follow("/events", None).await;
    log.tell_of("one");
    log.tell_of("two");
    let (id, kind, event) = stream.next().await.unwrap();
    assert_eq!(
        (kind.as_str(), &event["type"], &event["data"]["what"]),
        ("reload", &json!("probity.reload"), &json!("one"))
    );
    assert_eq!((&event["id"], &event["specversion"]), (&json!(id), &json!("1.0")));
    drop(stream);
    log.tell_of("three");
    log.events.close();
    assert_eq!(log.follow("/events", Some(&id)).await.rest().await, ["reload 3", "reload 4"]);
    assert_eq!(log.follow("/events?after=3", None).await.rest().await, ["reload 4"]);
    assert_eq!(log.follow("/events?after=0", None).await.rest().await.len(), 4);
}

#[tokio::test]
async fn what_the_log_does_not_hold_any_more_is_told() {
    let log = Log::new(2);
    (1..=5).for_each(|at| log.tell_of(&at.to_string()));
    log.events.close();
    let mut stream = log.follow("/events?after=1", None).await;
    let (id, kind, gap) = stream.next().await.unwrap();
    assert_eq!((kind.as_str(), &gap["data"]), ("gap", &json!({"reason": "expired", "from": 2, "to": 3})));
    assert_eq!(stream.rest().await, ["reload 4", "reload 5"]);
    assert_eq!(log.follow("/events", Some(&id)).await.rest().await, ["reload 4", "reload 5"], "a gap is told once");

    let mut stream = log.follow("/events", Some("abc-1")).await;
    let (_, kind, gap) = stream.next().await.unwrap();
    assert_eq!((kind.as_str(), &gap["data"]["reason"]), ("gap", &json!("restarted")));
    assert_eq!(stream.rest().await, ["gap 3", "reload 4", "reload 5"]);
    let mut stream = log.follow("/events?after=6", None).await;
    assert_eq!(stream.next().await.unwrap().2["data"]["reason"], "restarted", "a number that there is none of yet");
}

#[tokio::test]
async fn only_what_is_wanted_is_told() {
    let log = Log::new(1000);
    log.tell("db", Some("storage"), disconnected());
    log.tell("cache", Some("storage"), disconnected());
    log.tell("web", None, disconnected());
    log.tell_of("probe");
    for _ in 0..200 {
        log.tell_of("noise");
    }
    log.tell("db", Some("storage"), probity_core::event::Event::Connected { lost_for: None });
    log.events.close();
    let table: [(&str, &[&str]); 5] = [
        ("check=db,web", &["disconnected 1", "disconnected 3", "connected 205"]),
        ("group=storage&type=disconnected", &["disconnected 1", "disconnected 2"]),
        ("type=connected", &["connected 205"]),
        ("check=db&type=reload", &[]),
        ("group=none", &[]),
    ];
    for (query, expected) in table {
        assert_eq!(log.follow(&format!("/events?after=0&{query}"), None).await.rest().await, expected, "{query}");
    }
    let mut stream = log.follow("/events?after=1&check=db", None).await;
    let read = stream.body.next().await.unwrap().unwrap();
    let read = std::str::from_utf8(&read).unwrap();
    assert!(read.starts_with("id: ") && !read.contains("data"), "what is filtered out need not be read again: {read}");
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_the_field_named() {
    let log = Log::new(10);
    for (path, field) in [
        ("/events?after=x", "after"),
        ("/events?after=-1", "after"),
        ("/events?after=xyz-1", "after"),
        ("/events?type=connect", "type"),
        ("/events/ws?type=connect", "upgrade"),
        ("/events/ws", "upgrade"),
    ] {
        let answer = get(path).of(&log.router).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["field"]), (400, &json!(field)), "{path}");
    }
    let elsewhere = get("/events/ws").header("origin", "https://example.com").of(&log.router).await;
    assert_eq!(elsewhere.status, 403);
    let own = get("/events/ws").header("origin", "http://localhost:8081").of(&log.router).await;
    assert_eq!(own.json()["field"], "upgrade");
}

#[tokio::test]
async fn there_is_room_for_so_many_followers_and_no_more() {
    let log = Log::new(10);
    let mut streams = vec![];
    for _ in 0..crate::http::events::FOLLOWERS {
        streams.push(log.follow("/events", None).await);
    }
    let answer = get("/events").of(&log.router).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, Some("10")));
    streams.pop();
    log.follow("/events", None).await;
}
