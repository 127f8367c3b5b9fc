//! What goes wrong is told in one shape.

use serde_json::json;

use super::*;

#[tokio::test]
async fn all_errors_have_one_shape() {
    let house = House::running();
    let table = [
        (get("/nothing/here"), 404, "no-such-route", None),
        (get("/health/"), 404, "no-such-route", None),
        (post("/health"), 405, "method-not-allowed", Some(("allow", "GET,HEAD"))),
        (get("/health/checks/queue/run"), 405, "method-not-allowed", Some(("allow", "POST"))),
        (get("/health").method(Method::OPTIONS), 405, "method-not-allowed", Some(("allow", "GET,HEAD"))),
        (get("/health/checks/absent"), 404, "unknown-check", None),
        (get("/health/checks/%FF"), 400, "invalid-name", None),
        (get("/health/checks/Queue"), 400, "invalid-name", None),
        (get("/health/checks/a%2Fb"), 400, "invalid-name", None),
        (post("/health/checks/absent/run"), 404, "unknown-check", None),
        (post("/health/checks/queue/run").peer(ELSEWHERE), 403, "forbidden", None),
        (get("/probe?target=busy"), 503, "too-many", Some(("retry-after", "1"))),
        (get("/probe?target=loading"), 503, "not-ready", Some(("retry-after", "1"))),
        (post("/health/checks/absent/run").peer(ELSEWHERE), 403, "forbidden", None),
    ];
    for (ask, status, slug, header) in table {
        let case = format!("{} {}", ask.method, ask.path);
        let answer = ask.of(&house.router).await;
        assert_eq!(answer.status.as_u16(), status, "{case}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{case}");
        let body = answer.json();
        assert_eq!((&body["type"], &body["status"]), (&json!(format!("urn:probity:error:{slug}")), &json!(status)));
        assert!(body["title"].is_string() && body["detail"].is_string(), "{case}: {body}");
        if let Some((name, value)) = header {
            assert_eq!(answer.header(name), Some(value), "{case}");
        }
    }
}

#[tokio::test]
async fn what_does_not_exist_is_answered_with_what_is_most_like_it() {
    let house = House::running();
    let table = [
        ("/health/checks/orders_db", json!(["orders-db"])),
        ("/health/checks/qeue", json!(["queue"])),
        ("/health/checks/cach3", json!(["cache"])),
        ("/health/checks/something-else", json!(null)),
        ("/heath", json!(["/health"])),
        ("/metric", json!(["/metrics"])),
        ("/healthz", json!(["/health"])),
    ];
    for (path, nearest) in table {
        let body = get(path).of(&house.router).await.json();
        assert_eq!(body["nearest"], nearest, "{path}");
    }
    let long = format!("/{}", "x".repeat(60_000));
    assert_eq!(get(&long).of(&house.router).await.status, 404);
}

#[tokio::test]
async fn a_runner_that_stops_runs_nothing_more() {
    let house = House::running();
    let router = router_of(&house.board, None, Some(Refused::Stopping));
    let answer = post("/health/checks/queue/run").of(&router).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["type"]), (503, &json!("urn:probity:error:stopping")));
}
