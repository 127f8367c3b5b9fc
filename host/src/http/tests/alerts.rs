//! Trouble, who takes care of it, and what is silenced.

use serde_json::{Value as Json, json};

use super::*;

/// A router with a token, and trouble that its board shows: `orders-db` fails.
async fn troubled() -> (Router, Arc<Alerts>) {
    let house = House::running();
    let log = events();
    let alerts = Alerts::untold(Arc::clone(&house.board), Arc::clone(&log));
    tokio::spawn(crate::alerts::follow(Arc::clone(&alerts), Arc::new(crate::alerts::NoRuns)));
    while alerts.list().is_empty() {
        tokio::task::yield_now().await;
    }
    let router = router(State {
        board: Arc::clone(&house.board),
        events: log,
        alerts: Arc::clone(&alerts),
        auth: holding(Some("s3cret")),
        control: Arc::new(Runner { board: house.board, refused: None }),
        prober: Arc::new(Nobody),
    });
    (router, alerts)
}

/// What is asked of each route here: whether it is the router that is returned, or one without a token.
pub(super) async fn decrees() -> (Vec<(&'static str, Ask, bool)>, Router) {
    let (router, alerts) = troubled().await;
    let id = alerts.list().values().next().unwrap().id.to_string();
    let silence = post("/silences").trusted().body(r#"{"for": "2h", "checks": ["a*"]}"#).of(&router).await.json();
    let silenced = format!("/silences/{}", silence["id"].as_str().unwrap());
    let (care, silences) = ("/alerts/{id}/acknowledge", "/silences/{id}");
    let acknowledge = |id: &str| post(&format!("/alerts/{id}/acknowledge")).trusted().body(r#"{"by": "ann"}"#);
    let disown = |id: &str| get(&format!("/alerts/{id}/acknowledge")).method(Method::DELETE);
    let unsilence = |path: &str| get(path).method(Method::DELETE);
    let asked = vec![
        ("/alerts", get("/alerts"), true),
        ("/alerts", get("/alerts?check=nobody"), true),
        (care, acknowledge(&id), true),
        (care, acknowledge("A"), true),
        (care, acknowledge("nobody-1"), true),
        (care, post("/alerts/a-1/acknowledge").body("{}"), true),
        (care, post("/alerts/a-1/acknowledge").body("{}"), false),
        (care, disown(&id).trusted(), true),
        (care, disown("A").trusted(), true),
        (care, disown("nobody-1").trusted(), true),
        (care, disown(&id), true),
        (care, disown(&id), false),
        ("/silences", get("/silences"), true),
        ("/silences", post("/silences").trusted().body(r#"{"for": "2h", "labels": {"team": "*"}}"#), true),
        ("/silences", post("/silences").trusted().body("{}"), true),
        ("/silences", post("/silences").body("{}"), true),
        ("/silences", post("/silences").body("{}"), false),
        ("/silences", post("/silences").trusted().body(&" ".repeat(20_000)), true),
        (silences, unsilence(&silenced).trusted(), true),
        (silences, unsilence(&silenced).trusted(), true),
        (silences, unsilence("/silences/A").trusted(), true),
        (silences, unsilence("/silences/a"), true),
        (silences, unsilence("/silences/a"), false),
    ];
    (asked, router)
}

#[tokio::test]
async fn an_alert_can_be_taken_care_of_and_left_again() {
    let (router, alerts) = troubled().await;
    let all = get("/alerts").of(&router).await.json();
    let alert = all["alerts"].as_array().unwrap()[0].clone();
    assert_eq!((all["total"].as_u64(), &alert["acknowledged"]), (Some(alerts.list().len() as u64), &Json::Null));
    let path = format!("/alerts/{}/acknowledge", alert["id"].as_str().unwrap());
    let cared = post(&path).trusted().body(r#"{"by": "ann", "comment": "on it", "for": "2h"}"#).of(&router).await;
    let care = &cared.json()["acknowledged"];
    assert_eq!((&care["by"], &care["comment"], care["until"].is_string()), (&json!("ann"), &json!("on it"), true));
    // All of that may be left out, and the body with it.
    let cared = post(&path).trusted().of(&router).await;
    let care = cared.json()["acknowledged"].clone();
    assert_eq!((cared.status.as_u16(), &care["by"], &care["until"]), (200, &json!("its-name"), &Json::Null));
    let left = get(&path).method(Method::DELETE).trusted().of(&router).await;
    assert_eq!((left.status.as_u16(), &left.json()["acknowledged"]), (200, &Json::Null));
}

#[tokio::test]
async fn alerts_can_be_asked_for_by_check_and_by_group() {
    let (router, alerts) = troubled().await;
    let ask = async |query: &str| {
        let answer = get(&format!("/alerts?{query}")).of(&router).await;
        (answer.status.as_u16(), answer.json())
    };
    let names = |all: &Json| -> Vec<String> {
        all["alerts"].as_array().unwrap().iter().map(|alert| alert["check"].as_str().unwrap().to_owned()).collect()
    };
    let troubled: Vec<String> = alerts.list().keys().map(ToString::to_string).collect();
    let first = &troubled[0];
    assert_eq!(names(&ask("").await.1), troubled);
    let (status, one) = ask(&format!("check={first},orders-db")).await;
    assert_eq!((status, names(&one), one["total"].as_u64()), (200, vec![first.clone()], Some(1)));
    assert_eq!(names(&ask("group=storage").await.1), [""; 0], "nothing is wrong there");
    for (query, field, kind) in [
        ("check=nobody", "check", "urn:probity:error:unknown-check"),
        ("group=none", "group", "urn:probity:error:unknown-group"),
    ] {
        let (status, problem) = ask(query).await;
        assert_eq!((status, &problem["field"], &problem["type"]), (404, &json!(field), &json!(kind)), "{query}");
    }
}

#[tokio::test]
async fn how_long_is_described_as_it_is_taken() {
    let (router, _) = troubled().await;
    let described = crate::http::openapi();
    let schemas = &described["components"]["schemas"];
    let silence = &schemas["Silencing"]["allOf"][0]["properties"]["for"]["pattern"];
    assert!(silence.is_string());
    assert_eq!(silence, &schemas["Caring"]["properties"]["for"]["pattern"]);
    for (span, is_taken) in [
        ("1h30m", true),
        ("2000h", true),
        ("500ms", true),
        ("2h", true),
        ("2d", false),
        ("1m1h", false),
        ("0ms", false),
    ] {
        let answer =
            post("/silences").trusted().body(&json!({ "checks": ["*"], "for": span }).to_string()).of(&router).await;
        assert_eq!(answer.status == 200, is_taken, "{span}");
    }
}

#[tokio::test]
async fn who_gives_no_name_goes_by_that_of_the_token() {
    let (router, alerts) = troubled().await;
    let care = format!("/alerts/{}/acknowledge", alerts.list().values().next().unwrap().id);
    for (body, by) in [(r"{}", "its-name"), (r#"{"by": ""}"#, "its-name"), (r#"{"by": "ann"}"#, "ann")] {
        let cared = post(&care).trusted().body(body).of(&router).await.json();
        assert_eq!(cared["acknowledged"]["by"], by, "as `/whoami` has it");
    }
    let silence = post("/silences").trusted().body(r#"{"for": "2h", "checks": ["*"]}"#).of(&router).await.json();
    assert_eq!(silence["by"], "its-name");
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_what_would() {
    let (router, _) = troubled().await;
    let long = "x".repeat(201);
    for (body, field, part) in [
        (json!({}).to_string(), "body", "missing field `for`"),
        (json!({ "for": "soon" }).to_string(), "for", "such as `30m` or `2h`"),
        (json!({ "for": "0s" }).to_string(), "for", "such as `30m` or `2h`"),
        (json!({ "for": "9999h" }).to_string(), "for", "up to a year"),
        (json!({ "for": "1h" }).to_string(), "checks", "`[\"*\"]` is all checks"),
        (json!({ "for": "1h", "checks": [] }).to_string(), "checks", "1 to 20 names"),
        (json!({ "for": "1h", "checks": [], "groups": ["a"] }).to_string(), "checks", "1 to 20 names"),
        (json!({ "for": "1h", "groups": [] }).to_string(), "groups", "1 to 20 names"),
        (json!({ "for": "1h", "labels": {} }).to_string(), "labels", "leave it out"),
        (json!({ "for": "1h", "labels": { "": "x" } }).to_string(), "labels", "names of 1 to 100 characters"),
        (json!({ "for": "1h", "checks": [""] }).to_string(), "checks", "1 to 100 characters"),
        (json!({ "for": "1h", "groups": [long] }).to_string(), "groups", "1 to 100 characters"),
        (json!({ "for": "1h", "checks": ["*"], "by": long }).to_string(), "by", "may have 200 bytes, and has 201"),
        (
            json!({ "for": "1h", "checks": ["*"], "comment": "x".repeat(5_000) }).to_string(),
            "comment",
            "may have 4096 bytes",
        ),
        (json!({ "for": "1h", "check": ["a"] }).to_string(), "check", "unknown field"),
    ] {
        let answer = post("/silences").trusted().body(&body).of(&router).await;
        assert_eq!(answer.status, 400, "{body}");
        let problem = answer.json();
        assert_eq!(problem["field"], field, "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(part), "{problem}");
    }
}

#[tokio::test]
async fn there_are_only_so_many_silences() {
    let (router, alerts) = troubled().await;
    for _ in 0..1_000 {
        assert_eq!(post("/silences").trusted().body(r#"{"for": "1h", "checks": ["*"]}"#).of(&router).await.status, 200);
    }
    let answer = post("/silences").trusted().body(r#"{"for": "1h", "checks": ["*"]}"#).of(&router).await;
    assert_eq!((answer.status.as_u16(), alerts.silences().len()), (503, 1_000));
}
