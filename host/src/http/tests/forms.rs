//! The forms in which health is told, and of which checks.

use serde_json::json;

use super::*;
use crate::board::{Component, Part, STILL};

#[tokio::test]
async fn the_form_is_the_one_that_is_most_welcome() {
    let house = House::running();
    let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
    let table = [
        (None, "application/json"),
        (Some("*/*"), "application/json"),
        (Some("application/health+json"), "application/health+json"),
        (Some(browser), "text/html; charset=utf-8"),
        (Some("text/plain"), "text/plain; charset=utf-8"),
        // Whoever wants what there is not still wants to know.
        (Some("image/png"), "application/json"),
    ];
    for path in ["/health", "/health/ready", "/health/groups/storage", "/health?group=storage"] {
        let mut tags = std::collections::BTreeSet::new();
        for (accept, expected) in table {
            let ask = accept.into_iter().fold(get(path), |ask, accept| ask.header("accept", accept));
            let answer = ask.of(&house.router).await;
            assert_eq!(answer.header("content-type"), Some(expected), "{path} {accept:?}");
            assert_eq!(answer.header("vary"), Some("accept, accept-encoding"), "{path} {accept:?}");
            tags.insert(answer.header("etag").unwrap().to_owned());
        }
        assert_eq!(tags.len(), 4, "{path}: each form has tags of its own");
    }
}

#[tokio::test]
async fn health_json_is_as_its_draft_has_it() {
    let house = House::running();
    let ask = async |path: &str| get(path).header("accept", "application/health+json").of(&house.router).await.json();
    let body = ask("/health").await;
    let keys: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["status", "version", "releaseId", "serviceId", "description", "output", "checks"]);
    assert_eq!((&body["status"], &body["serviceId"]), (&json!("warn"), &json!("node-1")));
    assert_eq!(body["output"], "queue is failing; cache is degraded; dns is unknown, as its probe fails");
    assert_eq!(
        body["checks"]["queue:responseTime"],
        json!([{
            "componentId": "queue",
            "componentType": "component",
            "observedValue": 1500.0,
            "observedUnit": "ms",
            "status": "fail",
            "time": "2026-03-02T12:00:01.5Z",
            "output": "it is unhealthy",
        }])
    );
    let sizes = &body["checks"]["orders-db:size"];
    let units: Vec<_> = sizes.as_array().unwrap().iter().map(|size| &size["observedUnit"]).collect();
    assert_eq!(units, ["By", "s", "a\"\\\n", "By"], "all that were measured under one name");
    assert_eq!((&sizes[0]["status"], &sizes[1]["observedValue"]), (&json!("pass"), &json!(null)));
    assert_eq!(sizes[0].get("output"), None);
    assert_eq!(body["checks"]["dns:responseTime"][0]["status"], "warn");
    let pending = &body["checks"]["new:responseTime"][0];
    assert_eq!((&pending["observedValue"], pending.get("status"), pending.get("time")), (&json!(null), None, None));

    let storage = ask("/health/groups/storage").await;
    assert_eq!((&storage["status"], storage.get("output")), (&json!("pass"), None));
    house.change("orders-db", Health::Unhealthy);
    let answer = get("/health/groups/storage").header("accept", "application/health+json").of(&house.router).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["status"]), (503, &json!("fail")));
}

#[tokio::test]
async fn the_page_says_the_same_and_nothing_on_it_is_taken_for_markup() {
    let house = House::running();
    let evil = Outcome::Verdict(Verdict::new(Status::Degraded, "<script>alert('\"&\"')</script>"));
    let (state, run) = examined("evil", evil);
    place(&house.board, state, run);
    let answer = get("/health").header("accept", "text/html").of(&house.router).await;
    let page = answer.text();
    assert!(page.starts_with("<!doctype html>\n<html lang=\"en\">"), "{page}");
    assert!(
        page.contains("<h1>node-1 is degraded</h1>") && page.contains("<title>degraded - node-1</title>"),
        "{page}"
    );
    assert!(page.contains("<th scope=\"row\"><a href=\"/health/checks/orders-db\">orders-db</a></th>"), "{page}");
    assert!(page.contains("<td>healthy, critical</td><td>storage</td><td>version 15 &quot;up&quot;</td>"), "{page}");
    assert!(page.contains("<time>2026-03-02T12:00:01Z</time>"), "{page}");
    assert!(page.contains("&lt;script&gt;alert(&#39;&quot;&amp;&quot;&#39;)&lt;/script&gt;"), "{page}");
    assert!(!page.contains("<script"), "{page}");
    let opened = page.matches("<tr>").count();
    assert_eq!((opened, page.matches("</tr>").count()), (7, 7), "a row for each check, and one for the headings");
}

#[tokio::test]
async fn kubernetes_is_told_in_its_own_way() {
    let house = House::running();
    let ask = async |path: &str| {
        let answer = get(path).of(&house.router).await;
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"), "{path}");
        (answer.status.as_u16(), answer.text().to_owned())
    };
    assert_eq!(ask("/readyz").await, (200, "ok".into()));
    let all = "[+]startup ok\n[+]shutdown ok\n[+]cache degraded: it is degraded\n[+]dns unknown: 10s were not enough\n\
               [+]new pending: not run yet\n[+]orders-db ok\n[-]queue failed, but is not critical: it is unhealthy\n\
               readyz check passed\n";
    for path in ["/readyz?verbose", "/readyz?verbose=true"] {
        assert_eq!(ask(path).await, (200, all.into()), "{path}");
    }
    for path in ["/health?verbose", "/health/ready?verbose=1"] {
        assert_eq!(ask(path).await, (200, all.replace("readyz", "health")), "{path}");
    }
    let group = ask("/health/groups/storage?verbose").await.1;
    assert!(group.ends_with("[+]orders-db ok\nhealth check passed\n"), "{group}");
    assert_eq!(ask("/readyz?verbose=false").await, (200, "ok".into()));
    let storage = "[+]startup ok\n[+]shutdown ok\n[+]orders-db ok\nreadyz check passed\n";
    assert_eq!(ask("/readyz?verbose&group=storage").await, (200, storage.into()));

    house.change("orders-db", Health::Unhealthy);
    let failing = all.replace("[+]orders-db ok", "[-]orders-db failed: version 15 \"up\"").replace("passed", "failed");
    in_the_end(async || ask("/readyz").await, (503, failing.clone())).await;
    in_the_end(async || ask("/readyz?verbose").await, (503, failing)).await;
    let excluded =
        all.replace("[+]orders-db ok\n", "").replace("[-]queue failed, but is not critical: it is unhealthy\n", "");
    let excluded = excluded.replace("readyz", "[+]orders-db excluded: ok\n[+]queue excluded: ok\nreadyz");
    assert_eq!(ask("/readyz?verbose&exclude=orders-db&exclude=queue&timeout=5s").await, (200, excluded.clone()));
    // In the words of Kubernetes.
    let warning = "warn: some health checks cannot be excluded: no matches for \"none\", \"other\"\nreadyz";
    let query = "/readyz?verbose&exclude=orders-db&exclude=queue&exclude=none&exclude=other";
    assert_eq!(ask(query).await, (200, excluded.replace("readyz", warning)));
    assert_eq!(ask("/readyz?exclude=orders-db").await, (200, "ok".into()));

    house.board.enter(Phase::Stopping);
    let (status, text) = ask("/readyz?exclude=orders-db").await;
    assert_eq!(status, 503);
    assert!(text.starts_with("[+]startup ok\n[-]shutdown failed: the runner is stopping\n"), "{text}");
    let starting = House::new();
    let text = get("/readyz").of(&starting.router).await;
    assert!(text.text().starts_with("[-]startup failed: 4 of 5 checks have had their first run\n"), "{}", text.text());
}

#[tokio::test]
async fn parts_of_the_runner_can_be_left_out_of_account_as_checks_can() {
    let house = House::new();
    house.change("queue", Health::Healthy);
    house.board.take_component("store", Component { healthy: false, message: "the disk is full".into() });
    let ask = async |path: &str| {
        let answer = get(path).of(&house.router).await;
        (answer.status.as_u16(), answer.text().to_owned())
    };
    assert_eq!(ask("/readyz").await.0, 503);
    assert_eq!(ask("/readyz?exclude=startup").await, (200, "ok".into()));
    let all = ask("/readyz?verbose&exclude=startup&exclude=store").await.1;
    assert!(all.starts_with("[+]startup excluded: ok\n[+]shutdown ok\n[+]store excluded: ok\n[+]cache"), "{all}");
    assert!(!all.contains("warn:"), "{all}");
    let rest = "exclude=startup&exclude=cache&exclude=dns";
    let message = async |query: &str| {
        let whole = get(&format!("/health?{query}")).of(&house.router).await.json();
        (whole["status"].as_str().unwrap().to_owned(), whole["message"].as_str().unwrap().to_owned())
    };
    assert_eq!(message(rest).await, ("degraded".into(), "store: the disk is full".into()));
    assert_eq!(message(&format!("{rest}&exclude=store")).await.0, "healthy");
    // A group has no parts of the runner.
    let group = ask("/readyz?verbose&group=storage&exclude=store").await.1;
    assert!(group.contains("no matches for \"store\"") && !group.contains("[+]store"), "{group}");

    house.board.enter(Phase::Stopping);
    assert_eq!(ask("/readyz?exclude=shutdown").await, (200, "ok".into()));
}

#[tokio::test]
async fn what_was_decreed_is_told_as_such_in_every_form() {
    let house = House::running();
    house.decree("orders-db", Mode::ForcedDown);
    house.decree("cache", Mode::Disabled);
    house.decree("queue", Mode::ForcedUp);
    let listing = get("/readyz?verbose").of(&house.router).await;
    for line in [
        "[-]orders-db failed: forced down by its operator\n",
        "[+]cache pending: not watched, as its operator disabled it\n",
        "[+]queue ok: forced up by its operator\n",
    ] {
        assert!(listing.text().contains(line), "{}", listing.text());
    }
    let whole = get("/health").of(&house.router).await.json();
    assert_eq!(whole["message"], "orders-db is forced down and critical; dns is unknown, as its probe fails");
    let draft = get("/health").header("accept", "application/health+json").of(&house.router).await.json();
    let output = |name: &str| draft["checks"][format!("{name}:responseTime")][0]["output"].clone();
    assert_eq!(output("orders-db"), "forced down by its operator");
    assert_eq!(output("cache"), "not watched, as its operator disabled it");
    let page = get("/health").header("accept", "text/html").of(&house.router).await;
    assert!(page.text().contains("<td>unhealthy, critical</td><td>storage</td><td>forced down by its operator</td>"));
    assert!(!page.text().contains("version 15"), "{}", page.text());
}

/// Asks until the answer is as expected: a rendering is used for a while after it was made.
async fn in_the_end<T: PartialEq + std::fmt::Debug>(ask: impl AsyncFn() -> T, expected: T) {
    for _ in 0..1_000 {
        if ask().await == expected {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(ask().await, expected);
}

#[tokio::test]
async fn what_is_selected_counts_as_if_there_were_nothing_else() {
    let house = House::running();
    let ask = async |path: &str| {
        let answer = get(path).of(&house.router).await;
        let body = answer.json();
        let names: Vec<_> = body["checks"].as_object().map(|all| all.keys().cloned().collect()).unwrap_or_default();
        (answer.status.as_u16(), body["status"].as_str().unwrap_or_default().to_owned(), names)
    };
    let storage = (200, "healthy".to_owned(), vec!["orders-db".to_owned()]);
    assert_eq!(ask("/health/groups/storage").await, storage);
    assert_eq!(ask("/health?group=storage").await, storage);
    assert_eq!(ask("/health?exclude=cache&exclude=dns&exclude=queue&exclude=new").await, storage);
    assert_eq!(ask("/health/groups/storage?exclude=none").await, storage);
    assert_eq!(ask("/health/groups/storage?exclude=orders-db").await.2, [""; 0]);
    assert_eq!(ask("/health/checks?group=storage").await.2, ["orders-db"]);
    let summary = get("/health/summary?exclude=queue&exclude=dns").of(&house.router).await.json();
    assert_eq!(summary["total_checks"], 3, "{summary}");
    house.change("orders-db", Health::Unhealthy);
    let (status, word, _) = ask("/health/groups/storage").await;
    assert_eq!((status, &*word), (503, "unhealthy"));
    let ready = get("/health/ready?exclude=orders-db").of(&house.router).await;
    assert_eq!((ready.status.as_u16(), &ready.json()["ready"]), (200, &json!(true)));

    // A name of a group may be anything that can be written.
    let (mut state, run) = examined("odd", healthy());
    state.info = Arc::new(CheckInfo { group: Some("a/b c?é".into()), ..CheckInfo::clone(&state.info) });
    place(&house.board, state, run);
    assert_eq!(ask("/health/groups/a%2Fb%20c%3F%C3%A9").await.2, ["odd"]);

    for (path, status, field) in [
        ("/health/groups/storrage", 404, "group"),
        ("/health?group=storrage", 404, "group"),
        ("/readyz?group=", 404, "group"),
        ("/health?verbose=maybe", 400, "verbose"),
        ("/health/live?verbose=maybe", 400, "verbose"),
        ("/livez?exclude=A", 400, "exclude"),
        ("/health?exclude=", 400, "exclude"),
        ("/health?group=storage&group=storage", 400, "group"),
        ("/health?verbose&verbose", 400, "verbose"),
        ("/health/groups/storage?group=other", 400, "group"),
        ("/health/checks?group=storrage", 404, "group"),
        ("/health/summary?group=storrage", 404, "group"),
    ] {
        let answer = get(path).of(&house.router).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["field"]), (status, &json!(field)), "{path}");
    }
    let nearest = get("/health/groups/storrage").of(&house.router).await.json()["nearest"].clone();
    assert_eq!(nearest, json!(["storage"]));
}

#[tokio::test]
async fn a_runner_that_stands_still_does_not_live() {
    let house = House::running();
    let still = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let stands = Arc::clone(&still);
    house.board.vitals.watch(Part::EpochTicker, move || {
        if stands.load(std::sync::atomic::Ordering::Relaxed) { STILL } else { Duration::ZERO }
    });
    let ask = async |path: &str| {
        let answer = get(path).of(&house.router).await;
        (answer.status.as_u16(), answer.text().to_owned())
    };
    assert_eq!(ask("/livez").await, (200, "ok".into()));
    let all = "[+]ping ok\n[+]scheduler ok\n[+]epoch-ticker ok\n[+]shutdown ok\nlivez check passed\n";
    assert_eq!(ask("/livez?verbose").await, (200, all.into()));
    assert_eq!(ask("/health/live?verbose").await, (200, all.replace("livez", "health")));
    let (status, warned) = ask("/livez?verbose&exclude=none&group=storage").await;
    assert_eq!(status, 200, "what others are called has nothing to do with it");
    assert!(warned.contains("no matches for \"none\"\n") && warned.contains("a group means nothing here"), "{warned}");

    still.store(true, std::sync::atomic::Ordering::Relaxed);
    let dead = all.replace("[+]epoch-ticker ok", "[-]epoch-ticker failed: it has not moved for 15s");
    let dead = dead.replace("passed", "failed");
    assert_eq!(ask("/livez").await, (503, dead.clone()));
    let live = get("/health/live").of(&house.router).await;
    assert_eq!(live.status, 503);
    let body = live.json();
    assert_eq!((&body["live"], &body["status"]), (&json!(false), &json!("unhealthy")));
    assert_eq!(body["message"], "its epoch-ticker has not moved for 15s");
    assert_eq!(get("/health/ready").of(&house.router).await.status, 200, "that is another question");
    assert_eq!(ask("/livez?exclude=epoch-ticker").await, (200, "ok".into()));

    still.store(false, std::sync::atomic::Ordering::Relaxed);
    house.board.enter(Phase::Stopping);
    assert_eq!(ask("/livez").await.0, 503);
    assert_eq!(get("/health/live").of(&house.router).await.json()["message"], "the runner is stopping");
    assert_eq!(ask("/livez?exclude=shutdown").await, (200, "ok".into()));
}

#[tokio::test]
async fn what_has_started_has_started() {
    let house = House::new();
    let ask = async || get("/health/startup").of(&house.router).await;
    let answer = ask().await;
    assert_eq!(answer.status, 503);
    let message = "4 of 5 checks have had their first run";
    assert_eq!(answer.json(), json!({ "started": false, "status": "starting", "message": message }));
    for phase in [Phase::Running, Phase::Stopping] {
        house.board.enter(phase);
        let answer = ask().await;
        assert_eq!((answer.status.as_u16(), &answer.json()["started"]), (200, &json!(true)), "{phase:?}");
    }
}
