//! What is for people: the dashboard, the status page and badges, and who is told what they may.

use serde_json::json;

use super::*;
use crate::config::StatusPage;

/// What Chromium says it takes.
const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8";

/// A house whose reads take the token `s3cret`, with this status page.
fn guarded(status_page: StatusPage) -> Router {
    router_with(
        &House::running().board,
        config::Auth {
            protects_reads: true,
            tokens: vec![known("s3cret", Scopes::ALL)],
            status_page,
            ..Default::default()
        },
    )
}

fn router_with(board: &Arc<Board>, auth: config::Auth) -> Router {
    let board = Arc::clone(board);
    let control = Arc::new(Runner { board: Arc::clone(&board), refused: None });
    let alerts = Alerts::untold(Arc::clone(&board), events());
    router(State { board, events: events(), alerts, auth: ruled(auth), control, prober: Arc::new(Nobody) })
}

#[tokio::test]
async fn browsers_get_the_dashboard_and_programs_the_list() {
    let router = House::running().router;
    for (accept, is_page) in [(BROWSER, true), ("*/*", false), ("application/json", false), ("text/*", true)] {
        let answer = get("/").header("accept", accept).of(&router).await;
        let kind = if is_page { "text/html; charset=utf-8" } else { "application/json" };
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, Some(kind)), "{accept}");
        assert_eq!(answer.header("vary"), Some("accept, accept-encoding"), "{accept}");
    }
    let page = get("/").header("accept", BROWSER).of(&router).await;
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("script-src 'self'") && !policy.contains("unsafe"), "{policy}");
    let again = get("/").header("accept", BROWSER).header("if-none-match", page.header("etag").unwrap());
    assert_eq!(again.of(&router).await.status, 304);
    assert_eq!(get("/").of(&router).await.json()["routes"][0]["path"], "/");
}

#[tokio::test]
async fn the_files_of_the_dashboard_are_kept_for_ever() {
    let router = guarded(StatusPage::default());
    let page = get("/").header("accept", BROWSER).of(&router).await;
    assert_eq!(page.status, 200, "it has to be there to ask for the token");
    let named: Vec<&str> = page.text().split('"').filter(|part| part.starts_with("/assets/")).collect();
    assert!(named.len() > 10, "{named:?}");
    for file in named {
        let answer = get(file).header("accept-encoding", "gzip").of(&router).await;
        assert_eq!((answer.status.as_u16(), answer.header("vary")), (200, Some("accept-encoding")), "{file}");
        assert_eq!(answer.header("cache-control"), Some("public, max-age=31536000, immutable"), "{file}");
        let again = get(file).header("if-none-match", answer.header("etag").unwrap()).of(&router).await;
        assert_eq!(again.status, 304, "{file}");
    }
    let style = page.text().split('"').find(|part| part.ends_with("style.css")).unwrap();
    for wrong in [style.replace("style", "stile"), style.replace("/assets/", "/assets/0"), "/assets/x/style.css".into()]
    {
        let answer = get(&wrong).of(&router).await;
        assert_eq!((answer.status.as_u16(), &answer.json()["title"]), (404, &json!("No such route")), "{wrong}");
    }
}

#[tokio::test]
async fn whoever_asks_is_told_what_they_may() {
    let (open, locked) = (House::running().router, House::with(Some("s3cret")).router);
    let scoped = scoped(true);
    let bearer = |token: &str| get("/whoami").header("authorization", format!("Bearer {token}"));
    let table = [
        ("no token at all, from here", get("/whoami"), &open, json!(null), json!(["read", "run"])),
        ("no token at all, from elsewhere", get("/whoami").peer(ELSEWHERE), &open, json!(null), json!(["read"])),
        (
            "a page elsewhere",
            get("/whoami").header("origin", "https://example.com"),
            &open,
            json!(null),
            json!(["read"]),
        ),
        ("without the token", get("/whoami"), &locked, json!(null), json!(["read"])),
        ("with it", bearer("s3cret"), &locked, json!("its-name"), json!(["read", "report", "run", "control"])),
        ("nothing where reading is protected", get("/whoami"), &scoped, json!(null), json!([])),
        ("a reader", bearer("t-read"), &scoped, json!("its-name"), json!(["read"])),
        ("a reporter", bearer("t-report"), &scoped, json!("its-name"), json!(["report"])),
        ("a controller", bearer("t-control"), &scoped, json!("its-name"), json!(["run", "control"])),
    ];
    for (case, ask, router, token, may) in table {
        let told = ask.of(router).await.json();
        assert_eq!((&told["token"], &told["may"]), (&token, &may), "{case}");
    }
    assert_eq!(bearer("wrong").of(&locked).await.status, 401);
    let anonymous =
        router_with(&House::running().board, config::Auth { allow_anonymous_control: true, ..Default::default() });
    let told = get("/whoami").header("sec-fetch-site", "same-origin").of(&anonymous).await.json();
    assert_eq!(told, json!({ "token": null, "tokens": false, "may": ["read", "report", "run", "control"] }));
}

#[tokio::test]
async fn the_runners_own_page_may_what_its_reader_may() {
    let open = House::new().router;
    let run = |origin: &str| post("/health/checks/queue/run").header("origin", origin);
    // The host that is asked for is localhost:8081.
    assert_eq!(run("http://localhost:8081").of(&open).await.status, 200);
    let named = |ask: Ask, host: &str| ask.header("host", host);
    for (case, ask) in [
        ("another port", run("http://localhost:8082")),
        ("another name", run("http://127.0.0.1:8081")),
        ("no origin to speak of", run("null")),
        ("a page of another site", run("http://localhost:8081").header("sec-fetch-site", "cross-site")),
        ("a name made to lead here", named(run("http://evil.example:8081"), "evil.example:8081")),
        ("from elsewhere", run("http://localhost:8081").peer(ELSEWHERE)),
    ] {
        assert_eq!(ask.of(&open).await.status, 403, "{case}");
    }
}

/// A house with a check whose texts are all markup.
fn marked_up() -> House {
    let house = House::running();
    let (mut state, run) = examined("markup", said(Status::Unhealthy));
    state.info = Arc::new(CheckInfo {
        description: "<script>alert(1)</script>".into(),
        group: Some("a/b & \"c\"".into()),
        ..CheckInfo::clone(&state.info)
    });
    place(&house.board, state, run);
    house
}

#[tokio::test]
async fn the_status_page_shows_what_everybody_may_know() {
    let house = marked_up();
    let page = get("/status").of(&house.router).await;
    assert_eq!((page.status.as_u16(), page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(page.header("content-security-policy").unwrap().contains("script-src 'self'"));
    let text = page.text();
    for part in [
        "<h1>node-1</h1>",
        "Not all is well",
        "what orders-db is for",
        "<h2>Others</h2>",
        "queue",
        "Down",
        "Degraded",
        "Unknown",
        "Not watched",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(text.contains("&lt;script&gt;alert(1)&lt;/script&gt;") && !text.contains("<script>alert"), "{text}");
    assert!(text.contains("<a href=\"/status/a%2Fb%20%26%20%22c%22\">a/b &amp; &quot;c&quot;</a>"), "{text}");
    // What is said, granted and attached is not for everybody.
    for secret in ["it is unhealthy", "db.internal", "orders\"", "timeout", "5ca1ab1e"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    let again = get("/status").header("if-none-match", page.header("etag").unwrap()).of(&house.router).await;
    assert_eq!(again.status, 304);
    // It says when it was true, and how a script finds out whether it still is.
    assert_eq!(page.header("cache-control"), Some("no-store"));
    let tag = page.header("etag").unwrap().replace('"', "&quot;");
    assert!(text.contains(&format!("<p class=\"as-of\" data-tag=\"{tag}\">As of <time datetime=\"")), "{text}");

    let group = get("/status/a%2Fb%20%26%20%22c%22").of(&house.router).await;
    assert!(group.text().contains("markup") && !group.text().contains("queue"), "{}", group.text());
    let none = get("/status/nothing").of(&house.router).await;
    assert_eq!((none.status.as_u16(), &none.json()["field"]), (404, &json!("group")));
    assert_eq!(get("/status/%ff").of(&house.router).await.status, 400);
}

#[tokio::test]
async fn who_is_led_to_no_status_page_is_told_so_as_a_page() {
    let house = marked_up();
    let protected = guarded(StatusPage::default());
    for (router, path, status, part) in [
        (
            &house.router,
            "/status/%3Cb%3E",
            404,
            "<p>the status page shows no group `&lt;b&gt;`; /status shows all that it does</p>",
        ),
        (&house.router, "/status/%ff", 400, "<a href=\"/status\">"),
        (&protected, "/status", 401, "<a href=\"/\">Log in at the dashboard</a>"),
    ] {
        let page = get(path).header("accept", BROWSER).of(router).await;
        assert_eq!(
            (page.status.as_u16(), page.header("content-type")),
            (status, Some("text/html; charset=utf-8")),
            "{path}"
        );
        assert!(page.text().contains(part), "{path}: {}", page.text());
        assert!(page.header("content-security-policy").is_some() && page.header("vary") == Some("accept"), "{path}");
        let told = get(path).of(router).await;
        assert_eq!(
            (told.status.as_u16(), told.header("content-type")),
            (status, Some("application/problem+json")),
            "{path}"
        );
    }
}

#[tokio::test]
async fn the_operator_says_what_the_status_page_shows_and_to_whom() {
    let house = marked_up();
    let with = |status_page| router_with(&house.board, config::Auth { status_page, ..Default::default() });
    let storage = StatusPage {
        title: Some("Acme & Sons".into()),
        groups: Some(vec!["storage".into()]),
        messages: true,
        ..Default::default()
    };
    let text = get("/status").of(&with(storage.clone())).await.text().to_owned();
    assert!(
        text.contains("<h1>Acme &amp; Sons</h1>") && text.contains("All is well") && text.contains("orders-db"),
        "{text}"
    );
    assert!(!text.contains("queue"), "{text}");
    let messages = StatusPage { messages: true, ..Default::default() };
    assert!(get("/status").of(&with(messages)).await.text().contains("it is unhealthy"));

    // Whether it is for everybody, where reading is not.
    for (public, groups, path, status) in [
        (false, None, "/status", 401),
        (false, None, "/badge/orders-db/status.svg", 401),
        (true, None, "/status", 200),
        (true, None, "/badge/queue/status.svg", 200),
        (true, None, "/health", 401),
        (true, Some("storage"), "/status/storage", 200),
        (true, Some("storage"), "/badge/orders-db/status.svg", 200),
        (true, Some("storage"), "/badge/queue/status.svg", 404),
        (true, Some("jobs"), "/status/storage", 404),
    ] {
        let groups = groups.map(|group: &str| vec![group.to_owned()]);
        let router = guarded(StatusPage { public, groups, ..Default::default() });
        let answer = get(path).of(&router).await;
        assert_eq!(answer.status.as_u16(), status, "{path}, public: {public}");
        if status == 404 {
            assert!(answer.json().get("nearest").is_none(), "what is not shown is not named: {}", answer.text());
        }
        let trusted = get("/badge/queue/status.svg").trusted().of(&router).await;
        assert_eq!(trusted.status, 200, "whoever may read sees all of them");
    }
}

#[tokio::test]
async fn a_change_is_on_the_status_page() {
    let house = House::running();
    let page = get("/status").of(&house.router).await;
    assert!(!page.text().contains("critical is down"));
    house.change("orders-db", Health::Unhealthy);
    for _ in 0..1_000 {
        let now = get("/status").of(&house.router).await;
        if now.text().contains("Something critical is down") {
            assert_ne!(now.header("etag"), page.header("etag"));
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it does not change");
}

#[tokio::test]
async fn a_badge_is_one_fact_of_a_check() {
    let house = House::running();
    let table = [
        ("/badge/orders-db/status.svg", "orders-db: healthy"),
        ("/badge/cache/status.svg", "cache: degraded"),
        ("/badge/queue/status.svg", "queue: down"),
        ("/badge/dns/status.svg", "dns: unknown"),
        ("/badge/new/status.svg", "new: not watched"),
        ("/badge/queue/status.svg?label=the%20%3Cqueue%3E", "the &lt;queue&gt;: down"),
        ("/badge/queue/status.svg?label=", "down"),
        ("/badge/orders-db/latency.svg", "latency: 3.0ms"),
        ("/badge/new/latency.svg", "latency: not run yet"),
        ("/badge/orders-db/uptime.svg", "uptime 30d: no history"),
        ("/badge/orders-db/uptime.svg?window=24h", "uptime 24h: no history"),
    ];
    for (path, words) in table {
        let answer = get(path).of(&house.router).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, Some("image/svg+xml")), "{path}");
        assert_eq!(answer.header("cache-control"), Some("no-cache"), "{path}");
        assert!(answer.text().contains(&format!("<title>{words}</title>")), "{path}: {}", answer.text());
        assert!(answer.text().contains("role=\"img\""), "{path}");
        let again = get(path).header("if-none-match", answer.header("etag").unwrap()).of(&house.router).await;
        assert_eq!(again.status, 304, "{path}");
    }
    let long = format!("/badge/queue/status.svg?label={}", "x".repeat(61));
    for (path, status, field) in [
        ("/badge/qeue/status.svg", 404, "name"),
        ("/badge/Q/status.svg", 400, "name"),
        (long.as_str(), 400, "label"),
        ("/badge/queue/status.svg?label=a%0Ab", 400, "label"),
        ("/badge/queue/uptime.svg?window=soon", 400, "window"),
        ("/badge/queue/uptime.svg?window=0d", 400, "window"),
    ] {
        let answer = get(path).of(&house.router).await;
        assert_eq!((answer.status.as_u16(), answer.json()["field"].as_str()), (status, Some(field)), "{path}");
    }
}

#[tokio::test]
async fn a_check_in_full_tells_its_limits_and_its_circuit() {
    let check = get("/health/checks/orders-db").of(&House::running().router).await.json();
    assert_eq!((&check["limits"]["fuel"], &check["limits"]["memory"]), (&json!(1_000_000_000), &json!(64 << 20)));
    assert_eq!(check["limits"].as_object().unwrap().len(), 16);
    assert_eq!((&check["circuitState"], &check["circuit"]["state"]), (&json!("closed"), &json!("closed")));
    assert_eq!(
        (&check["probe_circuit"]["state"], &check["probe_circuit"]["expires_at"]),
        (&json!("closed"), &json!(null))
    );
    assert_eq!(check["flapping"], false);
    assert!(check["next_run"].as_str().unwrap().parse::<Timestamp>().is_ok());
}

#[tokio::test]
async fn the_past_is_on_the_status_page_and_on_badges() {
    let keeping = super::history::Keeping::new();
    let router = &keeping.house.router;
    let badge = get("/badge/orders-db/uptime.svg?window=1h").of(router).await;
    let told = badge.text().split("<title>uptime 1h: ").nth(1).and_then(|rest| rest.split('%').next()).unwrap();
    let known = get("/health/checks/orders-db/uptime?window=1h").of(router).await.json();
    let known = known["windows"][0]["availability"].as_f64().unwrap();
    assert!((told.parse::<f64>().unwrap() - known).abs() < 0.01, "{told} {known}");
    let unwatched = get("/badge/queue/uptime.svg").of(router).await;
    assert!(unwatched.text().contains("<title>uptime 30d: nothing known</title>"), "{}", unwatched.text());

    let page = get("/status").of(router).await;
    let text = page.text();
    for part in [
        "uptime, 1 incident</span>",
        "<path class=\"unhealthy\" d=\"M",
        "<path class=\"nothing\" d=\"M",
        "role=\"img\"",
        "nothing known yet",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // A bar for each of ninety days, whatever is known of it.
    let bars = text.split("<svg class=\"bars\"").skip(1).find(|bars| bars.contains("1 incident")).unwrap();
    let nothing = bars.split("class=\"nothing\" d=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let days = nothing.matches('M').count();
    assert!((88..90).contains(&days), "half an hour is of one day, or of two: {days}");
    // The same in short, for the script.
    let attribute =
        |name: &str| bars.split(&format!(" {name}=\"")).nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let told = get("/health/checks/orders-db/uptime?days=90").of(router).await.json();
    assert_eq!(attribute("data-last"), told["days"][89]["date"]);
    let short = attribute("data-days");
    assert!(short.starts_with(&format!("{days}x- ")) && short.contains("/1"), "{short}");
    let unwatched = text.split("<svg class=\"bars\"").find(|bars| bars.contains("nothing known yet")).unwrap();
    assert!(unwatched.contains(" data-days=\"90x-\""), "{unwatched}");
}
