//! What is told of the past: over a store of its own, that lives as long as the test.

use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::store::{Keeper, Options, Store};

/// A house that remembers, and the folder that it does so in.
pub(super) struct Keeping {
    pub(super) house: House,
    _folder: TempDir,
}

impl Keeping {
    /// The check `orders-db` has been up, down and up again, half an hour ago.
    pub(super) fn new() -> Keeping {
        let folder = tempfile::tempdir().unwrap();
        let house = House::running();
        let options =
            Options { folder: folder.path().into(), entries: 100, events: 10, flush_interval: Duration::from_secs(1) };
        let (store, _) = Store::open(options, "abc", Clock::new(), |_| {}).unwrap();
        let store = Arc::new(store);
        let ago = jiff::SignedDuration::from_secs(1800);
        let mut now = Now { elapsed: Duration::ZERO, wall: Timestamp::now() - ago };
        let mut keeper = Keeper::new(Arc::clone(&store), "orders-db".into(), "tcp", 1, now);
        let mut machine = keeper.machine(policy(), now, 0.0);
        let down = || Outcome::Verdict(Verdict::from(Status::Unhealthy));
        for outcome in
            [healthy(), down(), down(), down(), healthy(), Outcome::Fault(Fault::new(FaultKind::Trap, "crashed"))]
        {
            let mut events = vec![];
            machine.request(now);
            machine.poll(now, &mut events);
            let (_, run) = examined("orders-db", outcome);
            let run = Arc::new(Run { started: now.wall, ..run });
            now = now.plus(Duration::from_secs(60));
            machine.finished(Arc::clone(&run), now, 0.5, &mut events);
            keeper.keep(&machine, Some((&run, 1, false)), !events.is_empty(), now);
        }
        assert!(store.flush(Duration::from_secs(30)));
        house.board.remember(store, house.board.started);
        Keeping { house, _folder: folder }
    }

    /// Questions that are answered in every way there is, each with its route.
    pub(super) fn questions(&self) -> Vec<(&'static str, Ask)> {
        let of_a_check = [
            ("/health/checks/{name}/history", "history", "limit=0"),
            ("/health/checks/{name}/uptime", "uptime?days=3", "window=1y"),
            ("/health/checks/{name}/latency", "latency", "window=x"),
            ("/health/checks/{name}/incidents", "incidents", "from=x"),
        ];
        let of_a_check = of_a_check.into_iter().flat_map(|(route, path, wrong)| {
            let plain = path.split('?').next().unwrap();
            [
                (route, get(&format!("/health/checks/orders-db/{path}"))),
                (route, get(&format!("/health/checks/queue/{path}"))),
                (route, get(&format!("/health/checks/queue/{plain}?{wrong}"))),
                (route, get(&format!("/health/checks/qeue/{plain}"))),
            ]
        });
        of_a_check
            .chain([
                ("/uptime", get("/uptime?days=2")),
                ("/uptime", get("/uptime?days=x")),
                ("/uptime", get("/uptime?group=storage,none")),
            ])
            .collect()
    }
}

#[tokio::test]
async fn the_past_is_told_as_it_was() {
    let keeping = Keeping::new();
    let router = &keeping.house.router;
    let history = get("/health/checks/orders-db/history").of(router).await.json();
    let told: Vec<_> = history["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["number"].as_u64().unwrap(), it["status"].as_str().unwrap(), it["health"].as_str().unwrap()))
        .collect();
    let expected = [
        (6, "unknown", "unknown"),
        (5, "healthy", "healthy"),
        (4, "unhealthy", "unhealthy"),
        (3, "unhealthy", "healthy"),
        (2, "unhealthy", "healthy"),
        (1, "healthy", "healthy"),
    ];
    assert_eq!((told.as_slice(), &history["next"]), (&expected[..], &json!(null)));
    assert_eq!(
        (&history["results"][0]["fault"], &history["results"][0]["message"]),
        (&json!("trap"), &json!("crashed"))
    );
    let failures = get("/health/checks/orders-db/history?status=unhealthy&limit=2").of(router).await.json();
    assert_eq!((failures["results"].as_array().unwrap().len(), &failures["next"]), (2, &json!("3")));

    let uptime = get("/health/checks/orders-db/uptime?window=24h,1h&days=3").of(router).await.json();
    for (at, window) in ["24h", "1h"].into_iter().enumerate() {
        let told = &uptime["windows"][at];
        assert_eq!((&told["window"], &told["results"], &told["failures"]), (&json!(window), &json!(6), &json!(3)));
        assert_eq!((&told["faults"], &told["incidents"]), (&json!(1), &json!(1)), "{told}");
        // It was down from one run to the next.
        assert_eq!(told["mttr"], json!(60_000_000_000_u64), "{told}");
        assert_eq!(told["mtbf"], json!(240_000_000_000_u64), "{told}");
        assert_eq!(told["availability"], json!(80.0), "{told}");
        assert!(told["unknown"].as_f64().unwrap() > 70.0, "nothing was known since the probe crashed: {told}");
    }
    let days = uptime["days"].as_array().unwrap();
    assert_eq!((days.len(), &days[0]["status"], &days[0]["availability"]), (3, &json!(null), &json!(null)));
    let downs = days.iter().map(|day| day["time"]["down"].as_u64().unwrap()).sum::<u64>();
    assert_eq!(downs, 60_000_000_000);

    let latency = get("/health/checks/orders-db/latency?window=1h").of(router).await.json();
    let points = latency["points"].as_array().unwrap();
    assert_eq!((points.len(), &latency["step"]), (5, &json!(60_000_000_000_u64)), "{latency}");
    assert_eq!((&points[0]["count"], &points[1]["failures"]), (&json!(1), &json!(1)));

    let incidents = get("/health/checks/orders-db/incidents").of(router).await.json();
    let incident = &incidents["incidents"][0];
    assert_eq!((&incident["number"], &incident["duration"]), (&json!(1), &json!(60_000_000_000_u64)), "{incidents}");
    assert!(incident["ended"].is_string() && incident["message"] == "unhealthy", "{incidents}");

    let all = get("/uptime?group=storage").of(router).await.json();
    assert_eq!(all["checks"].as_object().unwrap().keys().collect::<Vec<_>>(), ["orders-db"], "{all}");
    let metrics = get("/metrics").of(router).await;
    for line in ["probity_store_up 1", "probity_store_dropped_total 0", "probity_store_flush_seconds_count "] {
        assert!(metrics.text().contains(line), "{line}");
    }
}

#[tokio::test]
async fn a_check_without_a_past_has_nothing_to_tell_and_a_runner_without_one_says_so() {
    let keeping = Keeping::new();
    let uptime = get("/health/checks/queue/uptime?window=7d&days=1").of(&keeping.house.router).await.json();
    let window = &uptime["windows"][0];
    assert_eq!(
        (&window["availability"], &window["unknown"], &window["results"]),
        (&json!(null), &json!(null), &json!(0))
    );
    let answer = get("/health/checks/queue/uptime").of(&House::running().router).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["type"]), (503, &json!("urn:probity:error:no-history")));
}
