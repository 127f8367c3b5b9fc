//! What each route says, and with which status.

use serde_json::json;

use super::*;

#[tokio::test]
async fn the_status_follows_the_health_of_the_whole() {
    use Phase::{Running, Starting, Stopping};
    // With all checks but one healthy, and that one as it says.
    let table = [
        (Starting, Health::Healthy, true, "starting", 503),
        (Running, Health::Healthy, true, "healthy", 200),
        (Running, Health::Pending, true, "healthy", 200),
        (Running, Health::Unknown, true, "degraded", 200),
        (Running, Health::Degraded, true, "degraded", 200),
        (Running, Health::Unhealthy, false, "degraded", 200),
        (Running, Health::Unhealthy, true, "unhealthy", 503),
        (Stopping, Health::Healthy, true, "stopping", 503),
    ];
    for (phase, health, critical, status, code) in table {
        let case = format!("{phase:?} {health:?} {critical}");
        let board = Arc::new(Board::new("node-1".into(), Clock::new()));
        let (other, run) = examined("other", healthy());
        place(&board, other, run);
        let (mut state, run) = examined("one", healthy());
        state.snapshot.health = health;
        state.info = Arc::new(CheckInfo { critical, ..CheckInfo::clone(&state.info) });
        place(&board, state, run);
        board.enter(phase);
        let router = router_of(&board, None, None);

        let whole = get("/health").of(&router).await;
        assert_eq!((whole.status.as_u16(), &whole.json()["status"]), (code, &json!(status)), "{case}");
        let ready = get("/health/ready").of(&router).await;
        assert_eq!(ready.status.as_u16(), code, "{case}");
        assert_eq!((&ready.json()["ready"], &ready.json()["status"]), (&json!(code == 200), &json!(status)), "{case}");
        let live = get("/health/live").of(&router).await;
        let lives = phase != Stopping;
        assert_eq!((live.status == 200, &live.json()["live"]), (lives, &json!(lives)), "{case}");
        for path in ["/health/checks", "/health/checks/one", "/probes", "/metrics", "/openapi.json", "/"] {
            assert_eq!(get(path).of(&router).await.status, 200, "{case} {path}");
        }
    }
}

#[tokio::test]
async fn health_tells_everything_in_one_document() {
    let house = House::running();
    let body = get("/health").of(&house.router).await.json();
    let keys: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
    let expected =
        ["status", "message", "checks", "uptime", "start_time", "last_update", "version", "node_id", "components"];
    assert_eq!(keys, expected);
    assert_eq!(body["status"], "degraded");
    assert_eq!(body["message"], "queue is failing; cache is degraded; dns is unknown, as its probe fails");
    assert_eq!(body["last_update"], "2026-03-02T12:00:01.5Z");
    assert_eq!((&body["version"], &body["node_id"]), (&json!("0.1.0"), &json!("node-1")));
    assert!(body["uptime"].is_u64());
    assert!(body["start_time"].as_str().unwrap().parse::<Timestamp>().is_ok());

    let checks = &body["checks"];
    let names: Vec<_> = checks.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["cache", "dns", "new", "orders-db", "queue"]);
    assert_eq!(
        checks["orders-db"],
        json!({
            "healthy": true,
            "message": "version 15 \"up\"",
            "details": { "server": "PostgreSQL", "ratio": 0.5, "infinite": null, "primary": true, "twice": 2 },
            "latency": 3_000_000,
            "timestamp": "2026-03-02T12:00:01.5Z",
            "status": "healthy",
            "critical": true,
            "state": "CONNECTED",
            "mode": "auto",
            "group": "storage",
        })
    );
    assert_eq!(
        checks["dns"],
        json!({
            "healthy": false,
            "message": "10s were not enough",
            "details": {},
            "latency": 1_500_000_000,
            "timestamp": "2026-03-02T12:00:01.5Z",
            "status": "unknown",
            "critical": false,
            "state": "CONNECTING",
            "mode": "auto",
            "fault": { "kind": "timeout", "message": "10s were not enough" },
        })
    );
    assert_eq!(
        checks["new"],
        json!({
            "healthy": false,
            "message": "not run yet",
            "details": {},
            "latency": null,
            "timestamp": null,
            "status": "pending",
            "critical": false,
            "state": "DISCONNECTED",
            "mode": "auto",
        })
    );
}

#[tokio::test]
async fn the_message_names_what_is_wrong_but_not_endlessly() {
    let house = House::running();
    let message = async |house: &House| get("/health/ready").of(&house.router).await.json()["message"].clone();
    for at in 0..10 {
        let (state, run) = examined(&format!("web-{at}"), said(Status::Unhealthy));
        place(&house.board, state, run);
    }
    house.change("orders-db", Health::Unhealthy);
    assert_eq!(
        message(&house).await,
        "orders-db is failing and critical; queue is failing; web-0 is failing; web-1 is failing; web-2 is failing; \
         and 9 more"
    );
    house.board.enter(Phase::Stopping);
    assert_eq!(message(&house).await, "the runner is stopping");

    assert_eq!(message(&House::new()).await, "4 of 5 checks have had their first run");
    let board = Arc::new(Board::new("node-1".into(), Clock::new()));
    board.enter(Phase::Running);
    let empty = House { router: router_of(&board, None, None), board };
    assert_eq!(message(&empty).await, "there are no checks");
}

#[tokio::test]
async fn live_is_about_the_runner_alone() {
    let house = House::new();
    let body = async |house: &House| get("/health/live").of(&house.router).await.json();
    assert_eq!(body(&house).await, json!({ "live": true, "status": "starting", "uptime": "0s" }));
    house.board.enter(Phase::Running);
    house.change("orders-db", Health::Unhealthy);
    assert_eq!(body(&house).await["status"], "healthy");
}

#[tokio::test]
async fn checks_lists_what_each_is_for() {
    let house = House::running();
    let body = get("/health/checks").of(&house.router).await.json();
    assert_eq!(body["total"], 5);
    assert!(body["timestamp"].as_str().unwrap().parse::<Timestamp>().is_ok());
    let orders = &body["checks"]["orders-db"];
    assert_eq!((&orders["healthy"], &orders["status"]), (&json!(true), &json!("healthy")));
    assert_eq!((&orders["probe"], &orders["description"]), (&json!("tcp"), &json!("what orders-db is for")));
    assert_eq!((&orders["schedule"], &orders["timeout"]), (&json!("every 30s"), &json!(10_000_000_000_u64)));
    assert_eq!(orders["labels"], json!({ "team": "orders" }));
}

#[tokio::test]
async fn a_check_is_shown_in_full() {
    let house = House::running();
    let body = get("/health/checks/orders-db").of(&house.router).await.json();
    assert_eq!(
        (&body["name"], &body["state"], &body["attempts"]),
        (&json!("orders-db"), &json!("CONNECTED"), &json!(0))
    );
    assert_eq!((&body["since"], &body["generation"]), (&json!(STARTED), &json!(1)));
    assert_eq!((&body["digest"], &body["grants"]), (&json!("5ca1ab1e"), &json!(["tcp:db.internal:5432"])));
    assert_eq!(body["usage"], json!({ "fuel": 4096, "peak_memory": 65_536 }));
    assert_eq!(body["measurements"][1], json!({ "name": "size", "unit": "s", "value": null }));
    assert_eq!((&body["counters"]["runs"], &body["counters"]["healthy"]), (&json!(1), &json!(1)));
    assert_eq!(body["counters"]["faults"]["out-of-fuel"], 0);
    assert_eq!(body["failures"], json!([]));

    let body = get("/health/checks/dns").of(&house.router).await.json();
    let fault = json!({
        "started": STARTED,
        "latency": 1_500_000_000,
        "status": "unknown",
        "fault": "timeout",
        "message": "10s were not enough",
    });
    assert_eq!((&body["results"], &body["failures"]), (&json!([fault]), &json!([fault])));
    assert_eq!(body["counters"]["faults"]["timeout"], 1);

    // A name may be written with escapes.
    assert_eq!(get("/health/checks/orders%2Ddb").of(&house.router).await.json()["name"], "orders-db");
}

#[tokio::test]
async fn results_are_told_newest_first() {
    let house = House::running();
    let slot = house.board.check("cache").unwrap();
    let (state, run) = examined("cache", said(Status::Healthy));
    house.board.publish(&slot, state, Some(&run));
    let body = get("/health/checks/cache").of(&house.router).await.json();
    let statuses: Vec<_> = body["results"].as_array().unwrap().iter().map(|result| &result["status"]).collect();
    assert_eq!(statuses, ["healthy", "degraded"]);
}

#[tokio::test]
async fn probes_are_told_with_their_files() {
    let house = House::running();
    let body = get("/probes").of(&house.router).await.json();
    assert_eq!(body["total"], 2);
    let [broken, tcp] = body["probes"].as_array().unwrap().as_slice() else { panic!("{body}") };
    assert_eq!((&broken["state"], &broken["reason"]), (&json!("rejected"), &json!("it is no component")));
    assert_eq!((&broken["source"], &broken["path"]), (&json!("folder"), &json!("/probes.d/broken.wasm")));
    assert_eq!((&broken["digest"], &broken["hides_standard"]), (&json!(null), &json!(true)));
    assert_eq!((&tcp["source"], &tcp["state"], &tcp["generation"]), (&json!("standard"), &json!("loaded"), &json!(2)));
    assert_eq!(tcp["checks"], json!(["cache", "dns", "new", "orders-db", "queue"]));
    assert_eq!(
        body["sources"],
        json!([
            { "path": "/etc/probity.toml", "error": null, "in_force": "whole" },
            { "path": "/probes.d/foo.toml", "error": "line 1: no", "in_force": "earlier" },
        ])
    );
    assert_eq!(body["reloads"], json!({ "ok": 3, "failed": 1 }));
}

#[tokio::test]
async fn the_index_lists_every_route() {
    let house = House::running();
    let body = get("/").of(&house.router).await.json();
    assert_eq!((&body["name"], &body["node_id"]), (&json!("probity"), &json!("node-1")));
    let routes: Vec<_> = body["routes"].as_array().unwrap().iter().collect();
    let run = json!({
        "method": "POST",
        "path": "/health/checks/{name}/run",
        "summary": "Runs a check now, and shows it when the result is there.",
    });
    assert!(routes.contains(&&run), "{body}");
}
