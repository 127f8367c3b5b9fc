//! What is kept, what is sent again, and what is not sent at all.

use std::{collections::BTreeSet, io::Read};

use super::*;

/// Every document about all checks; all but the last can be asked for by what is already known.
const DOCUMENTS: [&str; 5] = ["/health", "/health/ready", "/health/checks", "/probes", "/metrics"];

fn many() -> House {
    let house = House::running();
    for at in 0..1_000 {
        let (state, run) = examined(&format!("check-{at}"), healthy());
        place(&house.board, state, run);
    }
    house
}

/// Asks until the answer is as wanted: a rendering is used for a while after it was made.
async fn in_the_end(house: &House, path: &str, wanted: impl Fn(&Answer) -> bool) -> Answer {
    for _ in 0..1_000 {
        let answer = get(path).of(&house.router).await;
        if wanted(&answer) {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{path} does not change");
}

#[tokio::test]
async fn a_thousand_checks_are_rendered_once_and_not_for_each_request() {
    let house = many();
    for path in DOCUMENTS {
        for coding in ["identity", "gzip"] {
            let mut bodies = BTreeSet::new();
            for _ in 0..100 {
                bodies.insert(get(path).header("accept-encoding", coding).of(&house.router).await.body.as_ptr());
            }
            // A second may pass meanwhile, and then the time it tells is old.
            assert!(bodies.len() <= 3, "{path} {coding}: {} bodies", bodies.len());
        }
    }
}

#[tokio::test]
async fn a_change_is_seen_and_has_another_tag() {
    let house = House::running();
    let (before, again) = (get("/health").of(&house.router).await, get("/health").of(&house.router).await);
    assert_eq!(before.header("etag"), again.header("etag"));
    house.change("orders-db", Health::Unhealthy);
    let after = in_the_end(&house, "/health", |answer| answer.status == 503).await;
    assert_ne!(before.header("etag"), after.header("etag"));
}

#[tokio::test]
async fn a_change_of_phase_is_seen_at_once() {
    let house = many();
    for path in ["/health", "/health/ready"] {
        assert_eq!(get(path).of(&house.router).await.status, 200, "{path}");
    }
    house.board.enter(Phase::Stopping);
    for path in ["/health", "/health/ready"] {
        assert_eq!(get(path).of(&house.router).await.status, 503, "{path}");
    }
}

#[tokio::test]
async fn uptime_goes_on_though_nothing_changes() {
    let house = House::running();
    let first = get("/health").of(&house.router).await;
    let uptime = |answer: &Answer| answer.json()["uptime"].as_u64();
    let second = in_the_end(&house, "/health", |answer| uptime(answer) > uptime(&first)).await;
    assert_eq!(second.header("etag"), first.header("etag"), "nothing else is different");
}

#[tokio::test]
async fn what_is_known_is_not_sent_again() {
    let house = House::running();
    for path in [
        "/",
        "/openapi.json",
        "/health",
        "/health?exclude=queue",
        "/health/groups/storage",
        "/health/ready",
        "/health/startup",
        "/health/summary",
        "/health/checks",
        "/readyz",
        "/readyz?verbose",
        "/probes",
    ] {
        let whole = get(path).of(&house.router).await;
        let tag = whole.header("etag").unwrap();
        let strong = tag.strip_prefix("W/").unwrap();
        let table = [
            (tag.to_owned(), 304),
            (strong.to_owned(), 304),
            ("*".to_owned(), 304),
            (format!("\"other\", {tag}"), 304),
            (format!("\"other\",{strong} ,W/\"third\""), 304),
            ("\"other\"".to_owned(), 200),
            (strong.trim_matches('"').to_owned(), 200),
            (String::new(), 200),
        ];
        for (known, status) in table {
            for method in [Method::GET, Method::HEAD] {
                let ask = get(path).method(method.clone()).header("if-none-match", &*known);
                let answer = ask.of(&house.router).await;
                assert_eq!(answer.status.as_u16(), status, "{method} {path} {known}");
                assert_eq!(answer.header("etag"), Some(tag), "{path} {known}");
                assert_eq!(answer.header("cache-control"), Some("no-cache"), "{path} {known}");
                assert_eq!(answer.header("vary"), Some("accept, accept-encoding"), "{path} {known}");
                assert_eq!(answer.body.is_empty(), status == 304 || method == Method::HEAD, "{path} {known}");
            }
        }
    }
    assert_eq!(get("/metrics").of(&house.router).await.header("etag"), None, "each scrape is to count");
}

#[tokio::test]
async fn what_is_not_well_is_always_sent() {
    let house = House::new();
    for path in ["/health", "/health/ready"] {
        let tag = get(path).of(&house.router).await.header("etag").unwrap().to_owned();
        for known in [tag, "*".into()] {
            let answer = get(path).header("if-none-match", known).of(&house.router).await;
            assert_eq!((answer.status.as_u16(), answer.body.is_empty()), (503, false), "{path}");
        }
    }
}

#[tokio::test]
async fn two_starts_have_no_tag_in_common() {
    let first = House::running();
    tokio::time::sleep(Duration::from_millis(1)).await;
    let second = House::running();
    let tag = get("/health").of(&first.router).await.header("etag").unwrap().to_owned();
    assert_eq!(first.board.version(), second.board.version());
    assert_eq!(get("/health").header("if-none-match", tag).of(&second.router).await.status, 200);
}

#[tokio::test]
async fn bodies_are_compressed_for_those_who_want_it() {
    let house = many();
    let table = [
        ("gzip", true),
        ("GZIP", true),
        ("br, gzip;q=0.5", true),
        ("deflate,gzip ; q=1.0", true),
        ("*", true),
        ("*;q=0.1, br", true),
        ("gzip;q=0", false),
        ("gzip;q=0.000", false),
        ("*, gzip;q=0", false),
        ("gzip;q=nonsense", false),
        ("identity", false),
        ("br", false),
        ("", false),
    ];
    for path in ["/health", "/health/checks", "/metrics"] {
        let plain = get(path).of(&house.router).await;
        assert_eq!(plain.header("content-encoding"), None, "{path}");
        for (accepted, compressed) in table {
            let answer = get(path).header("accept-encoding", accepted).of(&house.router).await;
            assert_eq!(answer.header("content-encoding"), compressed.then_some("gzip"), "{path} {accepted}");
            assert_eq!(answer.header("vary"), Some("accept, accept-encoding"), "{path} {accepted}");
            assert_eq!(answer.header("content-length"), Some(&*answer.body.len().to_string()), "{path} {accepted}");
            if compressed {
                assert!(answer.body.len() * 4 < plain.body.len(), "{path} {accepted}");
                let mut text = String::new();
                flate2::read::GzDecoder::new(&*answer.body).read_to_string(&mut text).unwrap();
                assert!(text.contains("check-999"), "{path} {accepted}");
            }
        }
    }
    // A short body is sent as it is.
    let ready = get("/health/ready").header("accept-encoding", "gzip").of(&house.router).await;
    assert_eq!(ready.header("content-encoding"), None);
}

#[tokio::test]
async fn head_is_get_without_a_body() {
    let house = House::running();
    let paths = DOCUMENTS.into_iter().chain(["/", "/health/live", "/health/checks/queue", "/openapi.json", "/nothing"]);
    for path in paths {
        let whole = get(path).of(&house.router).await;
        let head = get(path).method(Method::HEAD).of(&house.router).await;
        assert_eq!((head.status, head.body.len()), (whole.status, 0), "{path}");
        for name in ["content-type", "etag", "cache-control"] {
            assert_eq!(head.header(name), whole.header(name), "{path} {name}");
        }
        // What tells the time may be longer by now.
        let length = |answer: &Answer| answer.header("content-length").unwrap().parse::<usize>().unwrap();
        assert!(length(&head).abs_diff(length(&whole)) < 50, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_of_a_board_that_changes_all_the_time_wait_for_nobody() {
    let house = Arc::new(many());
    let writer = tokio::spawn({
        let house = Arc::clone(&house);
        async move {
            for at in 0..200 {
                house.change("queue", if at % 2 == 0 { Health::Healthy } else { Health::Unhealthy });
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    });
    let mut renderings = BTreeSet::new();
    let mut answers = 0;
    while !writer.is_finished() {
        let answer = get("/health").of(&house.router).await;
        renderings.insert(answer.header("etag").unwrap().to_owned());
        answers += 1;
    }
    assert!(answers > 2 * renderings.len(), "{} renderings for {answers} answers", renderings.len());
    // Whatever was changed last is seen in the end.
    in_the_end(&house, "/health", |answer| answer.json()["checks"]["queue"]["status"] == "unhealthy").await;
}
