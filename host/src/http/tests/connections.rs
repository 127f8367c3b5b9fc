//! Connections, read and controlled: over workers that run, whose targets do what a script says.

use std::{collections::VecDeque, sync::Mutex};

use probity_core::{machine::Policy, outcome::Attempt};
use serde_json::{Value as Json, json};
use tokio::sync::Semaphore;

use super::*;
use crate::worker::{Assignment, Attempting, Examine, Inbox, Inboxes, Shared, work};

/// Says what a script says, one after the other, and its last line for ever.
struct Target(Mutex<VecDeque<Status>>);

impl Examine for Target {
    fn attempt<'a>(&'a self, _: &'a [u8]) -> Attempting<'a> {
        let mut script = self.0.lock().unwrap();
        let status = if script.len() > 1 { script.pop_front() } else { script.front().copied() };
        let outcome = said(status.unwrap_or(Status::Healthy));
        Box::pin(std::future::ready(Attempt::of(outcome)))
    }
}

/// A check `db` that is examined every half a minute, and lives.
struct Living {
    shared: Arc<Shared>,
    router: Router,
}

impl Living {
    fn new(script: &[Status], adapt: impl FnOnce(&mut Policy)) -> Living {
        let clock = Clock::new();
        let board = Arc::new(Board::new("node-1".into(), clock));
        let events = Arc::new(Events::new(clock.now().wall, 100));
        let shared = Arc::new(Shared {
            board: Arc::clone(&board),
            events: Arc::clone(&events),
            inboxes: Inboxes::default(),
            clock,
            room: Arc::new(Semaphore::new(10)),
            record: None,
        });
        let mut policy = Policy::clone(&policy());
        adapt(&mut policy);
        let policy = Arc::new(policy);
        let state = pending("db");
        let info = Arc::new(CheckInfo { policy: Arc::clone(&policy), ..CheckInfo::clone(&state.info) });
        let snapshot = Machine::new(Arc::clone(&policy), clock.now(), 0.0).snapshot();
        let slot = Arc::new(Slot::new(CheckState { info: Arc::clone(&info), snapshot }));
        board.arrange([(Arc::clone(&info.name), Arc::clone(&slot))], &[]);
        let inbox = Arc::new(Inbox::default());
        shared.inboxes.add(Arc::clone(&info.name), Arc::clone(&inbox));
        let examine = Arc::new(Target(Mutex::new(script.iter().copied().collect())));
        let assignment = Assignment { info, policy, examine, afresh: true, target: 0 };
        let life = worker::life(&shared, &assignment, 0.0);
        tokio::spawn(work(Arc::clone(&shared), slot, inbox, assignment, life));
        let alerts = Alerts::untold(Arc::clone(&board), Arc::clone(&events));
        let router = router(State {
            board,
            events,
            alerts,
            auth: holding(Some("s3cret")),
            control: Arc::clone(&shared) as Arc<dyn Control>,
            prober: Arc::new(Nobody),
        });
        Living { shared, router }
    }

    async fn ask(&self, ask: Ask) -> (u16, Json) {
        let answer = ask.trusted().of(&self.router).await;
        (answer.status.as_u16(), answer.json())
    }

    async fn page(&self) -> Json {
        self.ask(get("/connections/db")).await.1
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_made_lost_and_made_again_and_all_of_it_is_counted() {
    use Status::{Healthy as Up, Unhealthy as Down};
    let living = Living::new(&[Up, Down, Down, Down, Up], |_| {});
    tokio::time::sleep(Duration::from_secs(1)).await;
    let page = living.page().await;
    assert_eq!(
        (&page["state"], &page["status"], &page["mode"]),
        (&json!("CONNECTED"), &json!("healthy"), &json!("auto"))
    );
    assert_eq!((&page["is_connected"], &page["is_healthy"]), (&json!(true), &json!(true)));
    tokio::time::sleep(Duration::from_secs(60)).await;
    let (_, stats) = living.ask(get("/connections/db/stats")).await;
    for (key, value) in [
        ("connection_id", json!("db")),
        ("idle_timeout", json!("30m0s")),
        ("is_healthy", json!(true)),
        ("is_connected", json!(true)),
        ("currentState", json!("CONNECTED")),
        ("totalConnections", json!(2)),
        ("totalReconnections", json!(1)),
        ("totalFailures", json!(1)),
        ("failedHealthChecks", json!(3)),
    ] {
        assert_eq!(stats[key], value, "{key}: {stats}");
    }
    let (checks, good) =
        (stats["totalHealthChecks"].as_u64().unwrap(), stats["successfulHealthChecks"].as_u64().unwrap());
    assert_eq!(checks, good + 3);
    assert_eq!(stats["healthCheckSuccessRate"], format!("{:.2}%", 100.0 * good as f64 / checks as f64));
    assert!((40_000..61_000).contains(&stats["uptime"].as_u64().unwrap()), "{stats}");
    assert!(stats["time_remaining"].as_str().unwrap().starts_with("29m"), "read a minute ago: {stats}");

    let (_, all) = living.ask(get("/connections")).await;
    assert_eq!((&all["total"], &all["states"]["CONNECTED"]), (&json!(1), &json!(1)));
    assert_eq!(all["totals"]["totalReconnections"], 1);
    assert_eq!(all["connections"]["db"]["state"], "CONNECTED");
}

#[tokio::test(start_paused = true)]
async fn who_may_connects_disconnects_resets_and_decrees() {
    let living = Living::new(&[Status::Healthy], |_| {});
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (status, page) = living.ask(post("/connections/db/disconnect")).await;
    assert_eq!((status, &page["state"], &page["next_attempt"]), (200, &json!("DISCONNECTED"), &Json::Null));
    let (_, page) = living.ask(post("/connections/db/connect")).await;
    assert_eq!(page["state"], "CONNECTED", "whoever connects hears what came of it");
    assert_eq!(page["stats"]["totalConnections"], 2);
    let (_, page) = living.ask(post("/connections/db/check")).await;
    assert_eq!(page["stats"]["totalHealthChecks"], 3);
    let (_, page) = living.ask(post("/connections/db/reset")).await;
    assert!(page["stats"]["totalHealthChecks"].as_u64() < Some(2), "it begins anew: {page}");
    let (_, page) = living.ask(put("/connections/db/mode", r#"{"mode": "forced-down"}"#)).await;
    assert_eq!((&page["mode"], &page["is_healthy"]), (&json!("forced-down"), &json!(false)));
    assert_eq!(living.ask(post("/connections/db/acquire")).await.1["reason"], "forced-down");
    let (_, page) = living.ask(put("/connections/db/mode", r#"{"mode": "disabled"}"#)).await;
    assert_eq!((&page["state"], &page["status"]), (&json!("DISCONNECTED"), &json!("pending")));
    let (_, page) = living.ask(put("/connections/db/mode", r#"{"mode": "auto"}"#)).await;
    assert_eq!(page["mode"], "auto");
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_and_made_again_for_whoever_asks() {
    let living = Living::new(&[Status::Healthy], |_| {});
    tokio::time::sleep(Duration::from_secs(2400)).await;
    let slot = living.shared.board.check("db").unwrap();
    assert_eq!(slot.state().snapshot.connection.state().as_str(), "DISCONNECTED");
    let (status, lease) = living.ask(post("/connections/db/acquire")).await;
    assert_eq!((status, &lease["state"], &lease["generation"]), (200, &json!("CONNECTED"), &json!(1)));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_to_be_had_is_refused_with_the_reason_and_when_to_ask_again() {
    let living = Living::new(&[Status::Healthy, Status::Unhealthy], |_| {});
    tokio::time::sleep(Duration::from_secs(60)).await;
    let answer = post("/connections/db/acquire").trusted().of(&living.router).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["reason"]), (503, &json!("down")));
    assert!(answer.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
    assert!(answer.json()["detail"].as_str().unwrap().contains("(last: it is unhealthy)"));
    let (status, body) = living.ask(post("/connections/db/acquire?timeout=soon")).await;
    assert_eq!((status, &body["field"]), (400, &json!("timeout")));
}

#[tokio::test(start_paused = true)]
async fn what_others_saw_opens_the_circuit_and_its_keeper_has_the_last_word() {
    let living = Living::new(&[Status::Healthy], |policy| {
        policy.circuit.trip.failures = std::num::NonZeroU32::new(2);
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let report = |success: bool| {
        let body = format!(r#"{{"success": {success}, "latency": 1500000, "message": "reset by peer"}}"#);
        post("/connections/db/outcomes").body(&body)
    };
    living.ask(report(false)).await;
    let (_, page) = living.ask(report(false)).await;
    assert_eq!((&page["circuit"]["state"], &page["message"]), (&json!("open"), &json!("reported: reset by peer")));
    assert_eq!(page["stats"]["reportedFailures"], 2);
    assert_eq!(living.ask(post("/connections/db/acquire")).await.1["reason"], "circuit-open");

    let circuit = async |ask: Ask| living.ask(ask).await.1;
    let set = |body: &str| put("/connections/db/circuit/expiry", body);
    let page = circuit(set(r#"{"seconds": 600}"#)).await;
    assert_eq!((&page["expiry"]["strategy"], &page["expiry"]["seconds"]), (&json!("fixed"), &json!(600.0)));
    let page = circuit(set(r#"{"strategy": "disabled"}"#)).await;
    assert_eq!((&page["expiry"]["strategy"], &page["expires_at"]), (&json!("disabled"), &Json::Null));
    let page = circuit(set(r#"{"strategy": "progressive", "seconds": 5, "factor": 3, "max_seconds": 50}"#)).await;
    assert_eq!(page["expiry"], json!({"strategy": "progressive", "seconds": 5.0, "factor": 3.0, "max_seconds": 50.0}));
    assert_eq!(circuit(set(r#"{"strategy": "configured"}"#)).await["expiry"]["seconds"], 60.0);
    assert_ne!(circuit(post("/connections/db/circuit/half-open")).await["state"], "open");
    tokio::time::sleep(Duration::from_secs(1)).await;
    let page = circuit(get("/connections/db/circuit")).await;
    assert_eq!((&page["state"], &page["generation"]), (&json!("closed"), &json!(4)), "the target was found well");
    let page = circuit(post("/connections/db/circuit/force-open")).await;
    assert_eq!((&page["state"], &page["control"]), (&json!("open"), &json!("forced-open")));
    assert_eq!(circuit(post("/connections/db/circuit/force-closed")).await["control"], "forced-closed");
    assert_eq!(circuit(post("/connections/db/circuit/auto")).await["control"], "auto");
}

#[tokio::test(start_paused = true)]
async fn what_makes_no_sense_is_refused_with_the_field_named() {
    let living = Living::new(&[Status::Healthy], |_| {});
    let outcome = |body: &str| post("/connections/db/outcomes").body(body);
    let expiry = |body: &str| put("/connections/db/circuit/expiry", body);
    let mode = |body: &str| put("/connections/db/mode", body);
    let long = format!(r#"{{"success": true, "message": "{}"}}"#, "x".repeat(5000));
    let longer = format!(r#"{{"success": true, "message": "{}"}}"#, "x".repeat(50_000));
    let table = [
        (outcome(""), 400, "body"),
        (outcome("[]"), 400, "body"),
        (outcome("{}"), 400, "body"),
        (outcome(r#"{"success": true} {}"#), 400, "body"),
        (outcome(r#"{"success": "yes"}"#), 400, "success"),
        (outcome(r#"{"success": true, "latency": -1}"#), 400, "latency"),
        (outcome(r#"{"success": true, "sucess": true}"#), 400, "sucess"),
        (outcome(&long), 400, "message"),
        (outcome(&longer), 413, "body"),
        (expiry("{}"), 400, "seconds"),
        (expiry(r#"{"seconds": 0}"#), 400, "seconds"),
        (expiry(r#"{"seconds": -5}"#), 400, "seconds"),
        (expiry(r#"{"seconds": 1e9}"#), 400, "seconds"),
        (expiry(r#"{"seconds": 60, "factor": 2}"#), 400, "factor"),
        (expiry(r#"{"strategy": "disabled", "seconds": 60}"#), 400, "seconds"),
        (expiry(r#"{"strategy": "progressive", "factor": 0.5}"#), 400, "factor"),
        (expiry(r#"{"strategy": "progressive", "seconds": 60, "max_seconds": 5}"#), 400, "max_seconds"),
        (expiry(r#"{"strategy": "sometimes"}"#), 400, "strategy"),
        (mode(r#"{"mode": "up"}"#), 400, "mode"),
        (mode(r#"{}"#), 400, "body"),
        (post("/connections/db/acquire?timeout=2h"), 400, "timeout"),
        (get("/connections/DB"), 400, "name"),
        (get("/connections/bd"), 404, "name"),
        (post("/connections/bd/connect"), 404, "name"),
    ];
    for (ask, expected, field) in table {
        let case = format!("{} {} {:.60}", ask.method, ask.path, ask.body);
        let (status, body) = living.ask(ask).await;
        assert_eq!((status, &body["field"]), (expected, &json!(field)), "{case}: {body}");
    }
    let (_, body) = living.ask(get("/connections/bd")).await;
    assert_eq!(body["nearest"], json!(["db"]));
    assert_eq!(living.ask(get("/connections/db/connect")).await.0, 405);
    assert_eq!(living.ask(post("/connections/db/mode")).await.0, 405);
}

#[tokio::test]
async fn whoever_changes_something_shows_the_token() {
    let changes = [
        post("/connections/queue/connect"),
        post("/connections/queue/disconnect"),
        post("/connections/queue/check"),
        post("/connections/queue/reset"),
        post("/connections/orders-db/acquire"),
        post("/connections/queue/outcomes").body(r#"{"success": true}"#),
        post("/connections/queue/circuit/half-open"),
        post("/connections/queue/circuit/force-open"),
        post("/connections/queue/circuit/force-closed"),
        post("/connections/queue/circuit/auto"),
        put("/connections/queue/circuit/expiry", r#"{"seconds": 5}"#),
        put("/connections/queue/mode", r#"{"mode": "auto"}"#),
    ];
    let again = |ask: &Ask| Ask {
        headers: ask.headers.clone(),
        path: ask.path.clone(),
        method: ask.method.clone(),
        body: ask.body.clone(),
        ..*ask
    };
    let (open, locked) = (House::new(), House::with(Some("s3cret")));
    let anonymous = router(State {
        board: Arc::clone(&open.board),
        events: events(),
        alerts: Alerts::untold(Arc::clone(&open.board), events()),
        auth: ruled(config::Auth { allow_anonymous_control: true, ..Default::default() }),
        control: Arc::new(Runner { board: Arc::clone(&open.board), refused: None }),
        prober: Arc::new(Nobody),
    });
    for ask in &changes {
        let status = async |ask: Ask, router: &Router| ask.of(router).await.status.as_u16();
        let case = &ask.path;
        assert_eq!(status(again(ask), &open.router).await, 403, "{case}: there is no token");
        assert_eq!(status(again(ask), &locked.router).await, 401, "{case}: even from here");
        assert_eq!(status(again(ask).header("authorization", "Bearer s3cres"), &locked.router).await, 401, "{case}");
        assert_eq!(status(again(ask).trusted(), &locked.router).await, 200, "{case}");
        assert_eq!(status(again(ask).trusted().peer(ELSEWHERE), &locked.router).await, 200, "{case}");
        assert_eq!(status(again(ask), &anonymous).await, 200, "{case}: the operator allows it");
        assert_eq!(status(again(ask).peer(ELSEWHERE), &anonymous).await, 403, "{case}: but only from here");
        assert_eq!(status(again(ask).header("origin", "https://example.com"), &anonymous).await, 403, "{case}: a page");
    }
    let detail = post("/connections/queue/connect").of(&open.router).await.json()["detail"].to_string();
    assert!(detail.contains("http.auth.token") && detail.contains("allow_anonymous_control = true"), "{detail}");
}
