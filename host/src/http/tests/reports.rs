//! What others report of a check's target: how it is said, to whom, and what is kept of it.

use probity_core::report::{KEPT, Kind, TEXT};
use serde_json::json;

use super::*;

/// A house whose check `cache` takes reports.
fn listening() -> House {
    let house = House::with(Some("s3cret"));
    house.board.check("cache").unwrap().listen(start());
    house
}

fn report(more: &str) -> Ask {
    post(&format!("/health/checks/cache/report{more}")).trusted()
}

/// The kinds and exit codes of what was kept, the latest first.
fn kept(house: &House) -> Vec<(Kind, Option<u8>)> {
    let reports = house.board.check("cache").unwrap().reports().unwrap();
    reports.latest().map(|report| (report.kind, report.exit_code)).collect()
}

#[tokio::test]
async fn each_form_tells_the_same_kinds() {
    let house = listening();
    let json = |body: &str| report("").body(body);
    for (ask, kind, code, text) in [
        (report(""), Kind::Success, None, ""),
        (report("").body("all copied\n"), Kind::Success, None, "all copied"),
        (report("/success").body("{}"), Kind::Success, None, "{}"),
        (report("/start"), Kind::Start, None, ""),
        (report("/fail").body("disk full"), Kind::Fail, None, "disk full"),
        (report("/log").body("half way"), Kind::Log, None, "half way"),
        (report("/0"), Kind::Exit, Some(0), ""),
        (report("/255").body("killed"), Kind::Exit, Some(255), "killed"),
        (json(r#"{"kind": "start"}"#), Kind::Start, None, ""),
        (json(r#" {"kind": "fail", "exit_code": 7, "message": "no"}"#), Kind::Fail, Some(7), "no"),
        (json(r#"{"kind": "success", "exit_code": 0}"#), Kind::Success, Some(0), ""),
        (json(r#"{"exit_code": 2, "duration": 5}"#), Kind::Exit, Some(2), ""),
        (json(r#"{"kind": "log", "message": "a\nb"}"#), Kind::Log, None, "a\nb"),
        (json(r#"{"kind": "fail"}"#).header("content-type", "application/json; charset=utf-8"), Kind::Fail, None, ""),
    ] {
        let case = format!("{} {}", ask.path, ask.body);
        let answer = ask.of(&house.router).await;
        assert_eq!(answer.status, 200, "{case}: {}", answer.text());
        let body = answer.json();
        assert_eq!((&body["name"], &body["kind"]), (&json!("cache"), &json!(kind.as_str())), "{case}");
        assert_eq!(body["status"], "healthy", "{case}: the check was asked to look at it");
        let reports = house.board.check("cache").unwrap().reports().unwrap();
        let latest = reports.latest().next().unwrap();
        assert_eq!((latest.kind, latest.exit_code, &*latest.text), (kind, code, text), "{case}");
    }
    let page = get("/health/checks/cache").of(&house.router).await.json();
    assert_eq!(page["reports"], json!({ "start": 2, "success": 4, "fail": 3, "exit": 3, "log": 2 }));
    let metrics = get("/metrics").of(&house.router).await;
    assert!(metrics.text().contains("probity_check_reports_total{check=\"cache\",kind=\"fail\"} 3\n"));
    assert!(!metrics.text().contains("probity_check_reports_total{check=\"queue\""), "it takes none");
    let page = get("/health/checks/queue").of(&house.router).await.json();
    assert!(page.get("reports").is_none());
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_the_field_named_and_not_taken() {
    let house = listening();
    let json = |body: &str| report("").body(body);
    let large = format!("{{\"kind\": \"log\", \"message\": \"{}\"}}", "x".repeat(1024 * 1024));
    for (ask, status, field) in [
        (report("/frobnicate"), 400, "kind"),
        (report("/256"), 400, "kind"),
        (report("/-1"), 400, "kind"),
        (report("/+1"), 400, "kind"),
        (json("{}"), 400, "kind"),
        (json(r#"{"kind": "succes"}"#), 400, "kind"),
        (json(r#"{"kind": "exit"}"#), 400, "kind"),
        (json(r#"{"exit_code": 256}"#), 400, "exit_code"),
        (json(r#"{"exit_code": "1"}"#), 400, "exit_code"),
        (json(r#"{"kind": "success", "exit_code": 1}"#), 400, "exit_code"),
        (json(r#"{"kind": "start", "exit_code": 0}"#), 400, "exit_code"),
        (json(r#"{"kind": "log", "duration": 1}"#), 400, "duration"),
        (json(r#"{"kind": "fail", "duration": -1}"#), 400, "duration"),
        (json(r#"{"kind": "fail", "reason": "x"}"#), 400, "reason"),
        (json(r#"{"kind": "fail""#), 400, "body"),
        (json(r#"{"kind": "fail"} {}"#), 400, "body"),
        (json("not json").header("content-type", "application/json"), 400, "body"),
        (json(&large), 413, "body"),
        (post("/health/checks/cahce/report").trusted(), 404, "name"),
        (post("/health/checks/CACHE/report/fail").trusted(), 400, "name"),
        (post("/health/checks/queue/report").trusted(), 409, "name"),
        (post("/health/checks/queue/report/fail").trusted(), 409, "name"),
        (get("/health/checks/queue/reports").trusted(), 409, "name"),
        (get("/health/checks/cahce/reports").trusted(), 404, "name"),
    ] {
        let case = format!("{} {} {:.60}", ask.method, ask.path, ask.body);
        let answer = ask.of(&house.router).await;
        let body = answer.json();
        assert_eq!((answer.status.as_u16(), &body["field"]), (status, &json!(field)), "{case}: {body}");
    }
    assert_eq!(kept(&house), []);
    let unknown = post("/health/checks/cahce/report").trusted().of(&house.router).await.json();
    assert_eq!(unknown["nearest"], json!(["cache"]));
    let none = post("/health/checks/queue/report").trusted().of(&house.router).await.json();
    assert_eq!(none["type"], "urn:probity:error:takes-no-reports");
    assert!(
        none["detail"].as_str().unwrap().contains("its probe `tcp` does not import `probity:probe/reports`"),
        "{none}"
    );
    assert_eq!(get("/health/checks/cache/report").trusted().of(&house.router).await.status, 405);
}

#[tokio::test]
async fn only_whoever_may_control_may_report_and_read_reports() {
    let locked = listening();
    let open = House::new();
    open.board.check("cache").unwrap().listen(start());
    for (path, method) in [
        ("/health/checks/cache/report", Method::POST),
        ("/health/checks/cache/report/fail", Method::POST),
        ("/health/checks/cache/reports", Method::GET),
    ] {
        let ask = || get(path).method(method.clone());
        let status = async |ask: Ask, house: &House| ask.of(&house.router).await.status.as_u16();
        assert_eq!(status(ask(), &open).await, 403, "{path}: there is no token");
        assert_eq!(status(ask(), &locked).await, 401, "{path}: even from here");
        assert_eq!(status(ask().header("authorization", "Bearer s3cres"), &locked).await, 401, "{path}");
        assert_eq!(status(ask().trusted().peer(ELSEWHERE), &locked).await, 200, "{path}");
    }
    assert_eq!(kept(&open), []);
    assert_eq!(kept(&locked).len(), 2);
}

#[tokio::test]
async fn the_texts_are_kept_as_far_as_anybody_reads() {
    let house = listening();
    // Half of what is cut is a letter.
    report("/log").body(&format!("x{}", "ä".repeat(1024 * 1024))).of(&house.router).await;
    for _ in 0..KEPT {
        report("/0").of(&house.router).await;
    }
    let page = get("/health/checks/cache/reports").trusted().of(&house.router).await.json();
    assert_eq!((&page["name"], &page["counts"]["exit"]), (&json!("cache"), &json!(KEPT)));
    let reports = page["reports"].as_array().unwrap();
    assert_eq!((reports.len(), &reports[0]["exit_code"]), (KEPT, &json!(0)));
    let log = reports.last().unwrap();
    assert_eq!((&log["kind"], &log["length"]), (&json!("log"), &json!(2 * 1024 * 1024 + 1)));
    let text = log["text"].as_str().unwrap();
    assert!((TEXT - 4..=TEXT).contains(&text.len()) && text.starts_with("xä"), "{}", text.len());
    assert!(log.get("exit_code").is_none() && log.get("duration").is_none(), "{log}");
}

/// Answers nobody, ever.
struct Busy;

impl Control for Busy {
    fn ask<'a>(&'a self, _: &'a str, _: worker::Ask) -> BoxFuture<'a, Result<worker::Answer, Refused>> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_reports_does_not_wait_for_ever() {
    let house = listening();
    let auth = holding(Some("s3cret"));
    let control = Arc::new(Busy);
    let alerts = Alerts::untold(Arc::clone(&house.board), events());
    let router = router(State {
        board: Arc::clone(&house.board),
        events: events(),
        alerts,
        auth,
        control,
        prober: Arc::new(Nobody),
    });
    let answer = report("/fail").of(&router).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["kind"]), (202, &json!("fail")));
    assert_eq!(kept(&house), [(Kind::Fail, None)]);
}
