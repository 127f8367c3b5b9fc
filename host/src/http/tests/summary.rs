//! How well everything does, in numbers.

use probity_core::score::Limits;
use serde_json::json;

use super::*;

#[tokio::test]
async fn the_summary_has_what_its_clients_know() {
    let house = House::running();
    let answer = get("/health/summary").of(&house.router).await;
    assert_eq!(answer.status, 200);
    let body = answer.json();
    let keys: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["status", "overall_score", "last_check", "total_checks", "component_scores", "key_metrics"]);
    assert_eq!((&body["total_checks"], &body["last_check"]), (&json!(5), &json!("2026-03-02T12:00:01.5Z")));
    // Degraded: 0.6 x 0.75 + 0.25 + 0.15. Failed once of three: 0.25 x 2/3. A fault, and nothing at all.
    let scores = json!({ "cache": 0.85, "dns": 0.5, "new": null, "orders-db": 1.0, "queue": 0.1667 });
    assert_eq!(body["component_scores"], scores);
    // orders-db is critical, and counts three times.
    assert_eq!(body["overall_score"], 0.7528);
    assert_eq!(body["status"], "degraded");
    let metrics = &body["key_metrics"];
    let count = |what: &str| metrics[what].as_u64().unwrap();
    assert_eq!([count("healthy_checks"), count("degraded_checks"), count("unhealthy_checks")], [1, 1, 1]);
    assert_eq!([count("unknown_checks"), count("pending_checks"), count("critical_failures")], [1, 1, 0]);
    assert_eq!([count("total_runs"), count("total_faults"), count("missed_ticks")], [4, 1, 0]);
    assert_eq!((&metrics["success_rate"], count("mean_latency")), (&json!(0.6667), 1_125_750_000));
}

#[tokio::test]
async fn the_word_follows_the_operators_limits_and_is_never_better_than_that_of_the_checks() {
    let word = async |house: &House| get("/health/summary").of(&house.router).await.json()["status"].clone();
    let table = [
        (Limits { healthy: 0.75, degraded: 0.5 }, "degraded"),
        (Limits { healthy: 0.95, degraded: 0.76 }, "unhealthy"),
        (Limits { healthy: 0.0, degraded: 0.0 }, "degraded"),
    ];
    for (limits, expected) in table {
        let house = House::running();
        house.board.limit_score(limits);
        assert_eq!(word(&house).await, expected, "{limits:?}");
    }
    let house = House::new();
    assert_eq!(word(&house).await, "starting");
    house.board.enter(Phase::Stopping);
    assert_eq!(word(&house).await, "stopping");
    let empty = Arc::new(Board::new("node-1".into(), Clock::new()));
    empty.enter(Phase::Running);
    let body = get("/health/summary").of(&router_of(&empty, None, None)).await.json();
    assert_eq!((&body["status"], &body["overall_score"]), (&json!("healthy"), &json!(1.0)));
    assert_eq!((&body["last_check"], &body["key_metrics"]["success_rate"]), (&json!(null), &json!(null)));
}
