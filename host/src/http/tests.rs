//! The routes, called in process over a board made by hand.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod access;
mod alerts;
mod answers;
mod caching;
mod connections;
mod dashboard;
mod description;
mod errors;
mod events;
mod forms;
mod history;
mod metrics;
mod reports;
mod serving;
mod summary;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use axum::{
    Router,
    body::{Body, Bytes},
    extract::ConnectInfo,
    http::{HeaderMap, Method, Request, StatusCode},
};
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use probity_core::{
    activity,
    health::{Health, Mode, Phase},
    machine::{Acquired, Machine, Policy, Unavailable},
    outcome::{Calls, Detail, Fault, FaultKind, Measurement, Outcome, Run, Status, Usage, Value, Verdict},
    schedule::{Every, Schedule},
    time::Now,
};
use tower::ServiceExt;

use super::{Auth, Control, Refused, State, router};
use crate::{
    alerts::Alerts,
    board::{Board, CheckInfo, CheckState, InForce, Inventory, ProbeInfo, ProbeSource, ProbeState, Slot, Source},
    clock::Clock,
    config::{self, KnownToken, Scopes, TokenDigest},
    events::{Events, Fact, Reload},
    limits::Limits,
    probing::{Probe, Probed, Unprobed},
    worker,
};

const STARTED: &str = "2026-03-02T12:00:00Z";
const HERE: &str = "127.0.0.1:50000";
const ELSEWHERE: &str = "192.0.2.7:50000";

/// A request, to be changed as the test wants it.
struct Ask {
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
    peer: &'static str,
    body: String,
}

fn get(path: &str) -> Ask {
    Ask {
        method: Method::GET,
        path: path.into(),
        headers: vec![("host", "localhost:8081".into())],
        peer: HERE,
        body: String::new(),
    }
}

fn put(path: &str, body: &str) -> Ask {
    get(path).method(Method::PUT).body(body)
}

fn post(path: &str) -> Ask {
    get(path).method(Method::POST)
}

impl Ask {
    fn method(self, method: Method) -> Ask {
        Ask { method, ..self }
    }

    fn header(mut self, name: &'static str, value: impl Into<String>) -> Ask {
        self.headers.retain(|(other, _)| *other != name);
        self.headers.push((name, value.into()));
        self
    }

    fn body(self, body: &str) -> Ask {
        Ask { body: body.into(), ..self }
    }

    /// As whoever holds the token of [`House::with`].
    fn trusted(self) -> Ask {
        self.header("authorization", "Bearer s3cret")
    }

    fn peer(self, peer: &'static str) -> Ask {
        Ask { peer, ..self }
    }

    /// The status alone: the body of some answers has no end.
    async fn status_of(self, router: &Router) -> u16 {
        router.clone().oneshot(self.request()).await.unwrap().status().as_u16()
    }

    async fn of(self, router: &Router) -> Answer {
        let (head, body) = router.clone().oneshot(self.request()).await.unwrap().into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Answer { status: head.status, headers: head.headers, body }
    }

    fn request(self) -> Request<Body> {
        let mut request = Request::builder().method(self.method).uri(&self.path);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        let peer: SocketAddr = self.peer.parse().unwrap();
        request.extension(ConnectInfo(peer)).body(Body::from(self.body)).unwrap()
    }
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// A house with something of everything: healthy, degraded, failing, unknown, and not run yet.
struct House {
    board: Arc<Board>,
    router: Router,
}

impl House {
    fn new() -> House {
        House::with(None)
    }

    fn with(token: Option<&str>) -> House {
        let board = Arc::new(Board::new("node-1".into(), Clock::new()));
        let (mut orders, run) = examined("orders-db", healthy());
        orders.info = Arc::new(CheckInfo {
            critical: true,
            group: Some("storage".into()),
            labels: [("team".to_owned(), "orders".to_owned())].into(),
            ..CheckInfo::clone(&orders.info)
        });
        place(&board, orders, run);
        for (name, outcome) in
            [("cache", said(Status::Degraded)), ("queue", said(Status::Unhealthy)), ("dns", timeout())]
        {
            let (state, run) = examined(name, outcome);
            place(&board, state, run);
        }
        board.arrange([(Arc::from("new"), Arc::new(Slot::new(pending("new"))))], &[]);
        board.take_inventory(inventory());
        House { router: router_of(&board, token, None), board }
    }

    fn running() -> House {
        let house = House::new();
        house.board.enter(Phase::Running);
        house
    }

    /// Publishes that a check's operator decreed this.
    fn decree(&self, name: &str, mode: Mode) {
        let slot = self.board.check(name).unwrap();
        let mut state = CheckState::clone(&slot.state());
        state.snapshot.mode = mode;
        self.board.publish(&slot, state, None);
    }

    /// Publishes that a check has this health now.
    fn change(&self, name: &str, health: Health) {
        let slot = self.board.check(name).unwrap();
        let mut state = CheckState::clone(&slot.state());
        state.snapshot.health = health;
        self.board.publish(&slot, state, None);
    }
}

fn router_of(board: &Arc<Board>, token: Option<&str>, refused: Option<Refused>) -> Router {
    router(State {
        board: Arc::clone(board),
        events: events(),
        alerts: Alerts::untold(Arc::clone(board), events()),
        auth: holding(token),
        control: Arc::new(Runner { board: Arc::clone(board), refused }),
        prober: Arc::new(Nobody),
    })
}

/// Who may do what, if there is one token of all scopes, or none.
fn holding(token: Option<&str>) -> Auth {
    ruled(config::Auth {
        tokens: token.map(|token| known(token, Scopes::ALL)).into_iter().collect(),
        ..Default::default()
    })
}

/// Who may do what by these rules, on an address that no other machine reaches.
fn ruled(auth: config::Auth) -> Auth {
    Auth { rules: Arc::new(ArcSwap::from_pointee(auth)), local: true, ..Auth::default() }
}

fn known(token: &str, scopes: Scopes) -> KnownToken {
    KnownToken { name: "its-name".into(), digest: TokenDigest::of(token), scopes }
}

/// A router whose tokens are one for each scope, named after it.
fn scoped(protects_reads: bool) -> Router {
    let house = House::running();
    let token = |scope: &&str| known(&format!("t-{scope}"), Scopes::of(&[scope]));
    let tokens = crate::config::Scope::WORDS.iter().map(token).collect();
    router(State {
        board: Arc::clone(&house.board),
        events: events(),
        alerts: Alerts::untold(Arc::clone(&house.board), events()),
        auth: ruled(config::Auth { protects_reads, tokens, ..Default::default() }),
        control: Arc::new(Runner { board: house.board, refused: None }),
        prober: Arc::new(Nobody),
    })
}

/// A log of two events.
fn events() -> Arc<Events> {
    let events = Arc::new(Events::new(STARTED.parse().unwrap(), 100));
    for what in ["one", "two"] {
        let reload = Reload { what: what.into(), generation: None, error: None };
        events.tell(STARTED.parse().unwrap(), Fact::Reload(reload));
    }
    events
}

/// Answers each request for a run with a healthy one, says yes to everything else, or refuses it.
struct Runner {
    board: Arc<Board>,
    refused: Option<Refused>,
}

impl Control for Runner {
    fn ask<'a>(&'a self, check: &'a str, ask: worker::Ask) -> BoxFuture<'a, Result<worker::Answer, Refused>> {
        Box::pin(async move {
            if let Some(refused) = self.refused {
                return Err(refused);
            }
            let slot = self.board.check(check).ok_or(Refused::Unknown)?;
            use worker::{Answer, Ask};
            match ask {
                Ask::Run => {
                    let (state, run) = examined(check, healthy());
                    self.board.publish(&slot, state, Some(&run));
                    Ok(Answer::Done)
                }
                Ask::Acquire if check == "queue" => {
                    let until = Some(Duration::from_secs(90));
                    Ok(Answer::Acquired(Acquired::Refused { why: Unavailable::Down, until }))
                }
                Ask::Acquire => Ok(Answer::Acquired(Acquired::Ready { generation: 3 })),
                Ask::Command(_) | Ask::Report { .. } => Ok(Answer::Done),
            }
        })
    }
}

/// Examines whatever is named, and finds it well; but for some names.
struct Nobody;

impl Probe for Nobody {
    fn probe<'a>(
        &'a self,
        target: &'a str,
        module: &'a str,
        most: Duration,
    ) -> BoxFuture<'a, Result<Probed, Unprobed>> {
        Box::pin(async move {
            match (target, module) {
                ("off", _) => return Err(Unprobed::Off("write it down")),
                ("busy", _) => return Err(Unprobed::Busy),
                ("loading", _) => return Err(Unprobed::NotReady("it is being loaded".into())),
                (_, "http_2xx") => {}
                _ => return Err(Unprobed::NoModule(vec!["http_2xx".into()])),
            }
            let (_, run) = examined(target, if target == "fault" { timeout() } else { healthy() });
            let (probe, settings) = ("http".into(), "{}".into());
            let log = vec!["info said".into()];
            Ok(Probed { run, calls: Calls::default(), address: None, probe, settings, timeout: most, log })
        })
    }
}

fn place(board: &Board, state: CheckState, run: Run) {
    let slot = Arc::new(Slot::new(pending(&state.info.name)));
    board.arrange([(Arc::clone(&state.info.name), Arc::clone(&slot))], &[]);
    board.publish(&slot, state, Some(&run));
}

fn pending(name: &str) -> CheckState {
    CheckState {
        info: Arc::new(CheckInfo {
            name: name.into(),
            probe: "tcp".into(),
            description: format!("what {name} is for"),
            critical: false,
            group: None,
            labels: [].into(),
            policy: policy(),
            timeout: Duration::from_secs(10),
            limits: Some(Limits::DEFAULT),
            grants: vec!["tcp:db.internal:5432".into()],
            generation: 1,
            digest: Some("5ca1ab1e".into()),
        }),
        snapshot: Machine::new(policy(), start(), 0.0).snapshot(),
    }
}

fn policy() -> Arc<Policy> {
    let schedule = Schedule::Every(Every::new(Duration::from_secs(30), 0.0, "check").unwrap());
    let activity = activity::Policy { idle_timeout: Some(Duration::from_secs(1800)), ..activity::Policy::default() };
    Arc::new(Policy { activity, ..Policy::usual(schedule) })
}

fn start() -> Now {
    Now { elapsed: Duration::ZERO, wall: STARTED.parse().unwrap() }
}

/// A check after its first run, and that run.
fn examined(name: &str, outcome: Outcome) -> (CheckState, Run) {
    let run = Run {
        started: STARTED.parse().unwrap(),
        took: Duration::from_millis(1500),
        outcome,
        usage: Usage { fuel: 4096, peak_memory: 65_536 },
    };
    let (mut machine, mut events) = (Machine::new(policy(), start(), 0.0), vec![]);
    machine.poll(start(), &mut events);
    machine.finished(Arc::new(run.clone()), start(), 0.5, &mut events);
    (CheckState { snapshot: machine.snapshot(), ..pending(name) }, run)
}

fn said(status: Status) -> Outcome {
    Outcome::Verdict(Verdict {
        status,
        message: format!("it is {}", status.as_str()).into(),
        details: vec![],
        measurements: vec![],
        latency: None,
        permanent: false,
    })
}

/// A verdict with everything that is awkward to write.
fn healthy() -> Outcome {
    let detail = |key: &str, value| Detail { key: key.into(), value };
    let figure = |unit: &str, value| Measurement { name: "size".into(), unit: unit.into(), value };
    Outcome::Verdict(Verdict {
        status: Status::Healthy,
        message: "version 15 \"up\"".into(),
        details: vec![
            detail("twice", Value::Integer(1)),
            detail("server", Value::Text("PostgreSQL".into())),
            detail("ratio", Value::Number(0.5)),
            detail("infinite", Value::Number(f64::INFINITY)),
            detail("primary", Value::Boolean(true)),
            detail("twice", Value::Integer(2)),
        ],
        measurements: vec![figure("By", 1.0), figure("s", f64::NAN), figure("a\"\\\n", 3.5), figure("By", 2.0)],
        latency: Some(Duration::from_millis(3)),
        permanent: false,
    })
}

fn timeout() -> Outcome {
    Outcome::Fault(Fault::new(FaultKind::Timeout, "10s were not enough"))
}

fn inventory() -> Inventory {
    let standard = ProbeInfo {
        name: "tcp".into(),
        source: ProbeSource::Standard,
        state: ProbeState::Loaded,
        digest: Some("5ca1ab1e".into()),
        generation: 2,
        size: Some(31_000),
        version: Some("1.0.0".into()),
        description: Some("Connects.".into()),
        imports: vec!["wasi:sockets/tcp@0.2.0".into()],
        hides_standard: false,
    };
    let rejected = ProbeInfo {
        name: "broken".into(),
        source: ProbeSource::File("/probes.d/broken.wasm".into()),
        state: ProbeState::Rejected("it is no component".into()),
        digest: None,
        generation: 0,
        size: None,
        version: None,
        description: None,
        imports: vec![],
        hides_standard: true,
    };
    Inventory {
        probes: vec![rejected, standard],
        sources: vec![
            Source { path: "/etc/probity.toml".into(), error: None, in_force: InForce::Whole },
            Source { path: "/probes.d/foo.toml".into(), error: Some("line 1: no".into()), in_force: InForce::Earlier },
        ],
        reloads_ok: 3,
        reloads_failed: 1,
        last_reload_ok: Some(STARTED.parse().unwrap()),
        last_reload_failed: None,
    }
}
