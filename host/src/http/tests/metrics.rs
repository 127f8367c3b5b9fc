//! The metrics, read as strictly as the format allows.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::board::{Figures, MetricLimits};

type Labels = BTreeMap<String, String>;

struct Read {
    kinds: BTreeMap<String, String>,
    samples: BTreeMap<(String, Labels), f64>,
}

impl Read {
    fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let labels = labels.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        self.samples.get(&(name.to_owned(), labels)).copied()
    }
}

/// Reads the text format 0.0.4: each family has its help, its type and then all of its samples, and comes once.
fn read(text: &str) -> Read {
    assert!(text.ends_with('\n'));
    let mut kinds: BTreeMap<String, String> = BTreeMap::new();
    let mut samples = BTreeMap::new();
    let mut lines = text.lines().peekable();
    while let Some(help) = lines.next() {
        let (family, help) = help.strip_prefix("# HELP ").expect(help).split_once(' ').expect(help);
        assert!(is_name(family) && help.ends_with('.'), "{family}: {help}");
        let kind = lines.next().unwrap().strip_prefix(&format!("# TYPE {family} ")).expect(family).to_owned();
        assert!(["counter", "gauge", "histogram", "summary"].contains(&&*kind), "{family}: {kind}");
        assert_eq!(kind == "counter", family.ends_with("_total"), "{family}");
        let suffixes: &[&str] = match &*kind {
            "histogram" => &["_bucket", "_sum", "_count"],
            "summary" => &["_sum", "_count"],
            _ => &[""],
        };
        assert!(kinds.insert(family.to_owned(), kind).is_none(), "{family} comes twice");
        while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
            let (name, labels, value) = sample(line);
            assert!(suffixes.iter().any(|suffix| name == format!("{family}{suffix}")), "{family}: {line}");
            assert!(samples.insert((name, labels), value).is_none(), "the same series twice: {line}");
        }
    }
    Read { kinds, samples }
}

fn is_name(name: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    !name.is_empty() && letter(name.as_bytes()[0]) && name.bytes().all(|byte| letter(byte) || byte.is_ascii_digit())
}

fn sample(line: &str) -> (String, Labels, f64) {
    let end = line.find(['{', ' ']).expect(line);
    let (name, mut rest) = line.split_at(end);
    let mut labels = Labels::new();
    if let Some(within) = rest.strip_prefix('{') {
        rest = within;
        loop {
            let (label, after) = rest.split_once("=\"").expect(line);
            assert!(is_name(label), "{line}");
            let mut value = String::new();
            let mut letters = after.chars();
            loop {
                match letters.next().expect(line) {
                    '"' => break,
                    '\\' => value.push(match letters.next() {
                        Some('n') => '\n',
                        Some(letter @ ('\\' | '"')) => letter,
                        other => panic!("{other:?} in {line}"),
                    }),
                    letter => value.push(letter),
                }
            }
            assert!(labels.insert(label.into(), value).is_none(), "{line}");
            rest = letters.as_str();
            match rest.strip_prefix(',') {
                Some(more) => rest = more,
                None => break,
            }
        }
        rest = rest.strip_prefix('}').expect(line);
    }
    let value = match rest.strip_prefix(' ').expect(line) {
        "+Inf" => f64::INFINITY,
        "-Inf" => f64::NEG_INFINITY,
        "NaN" => f64::NAN,
        number => number.parse().expect(line),
    };
    (name.to_owned(), labels, value)
}

async fn scrape(house: &House) -> Read {
    let answer = get("/metrics").of(&house.router).await;
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    read(answer.text())
}

#[tokio::test]
async fn checks_are_told() {
    let metrics = scrape(&House::running()).await;
    let value = |name, labels: &[_]| metrics.value(name, labels);

    let orders = [("check", "orders-db"), ("probe", "tcp"), ("group", "storage")];
    for health in Health::ALL {
        let labels = [&orders[..], &[("status", health.as_str())]].concat();
        let expected = f64::from(u8::from(health == Health::Healthy));
        assert_eq!(value("probity_check_status", &labels), Some(expected), "{health:?}");
    }
    let up = |check| value("probity_check_up", &[("check", check)]);
    assert_eq!([up("orders-db"), up("cache"), up("queue")], [Some(1.0), Some(1.0), Some(0.0)]);
    assert_eq!([up("dns"), up("new")], [None, None], "nothing is known of them");
    let state = |state| value("probity_connection_state", &[("check", "new"), ("state", state)]);
    assert_eq!([state("DISCONNECTED"), state("CONNECTED")], [Some(1.0), Some(0.0)]);

    let runs = |outcome| value("probity_check_runs_total", &[("check", "queue"), ("outcome", outcome)]);
    assert_eq!([runs("healthy"), runs("degraded"), runs("unhealthy")], [Some(0.0), Some(0.0), Some(1.0)]);
    let faults = |kind| value("probity_check_faults_total", &[("check", "dns"), ("kind", kind)]);
    assert_eq!([faults("timeout"), faults("trap")], [Some(1.0), None], "that never happened");
    let of = |name, check| value(name, &[("check", check)]);
    let failed = |check| of("probity_check_failed_runs_total", check);
    assert_eq!([failed("dns"), failed("queue"), failed("new")], [Some(1.0), Some(0.0), Some(0.0)]);
    assert_eq!(of("probity_check_duration_seconds_sum", "dns"), Some(1.5));
    assert_eq!(of("probity_check_duration_seconds_count", "dns"), Some(1.0));
    assert_eq!(of("probity_check_last_duration_seconds", "dns"), Some(1.5));
    assert_eq!(of("probity_check_last_duration_seconds", "new"), None);
    assert_eq!(of("probity_check_fuel_total", "orders-db"), Some(4096.0));
    assert_eq!(of("probity_check_peak_memory_bytes", "orders-db"), Some(65_536.0));
    assert_eq!(of("probity_check_missed_ticks_total", "orders-db"), Some(0.0));
    assert_eq!(of("probity_check_consecutive_failures", "queue"), Some(1.0));
    assert_eq!(of("probity_check_consecutive_faults", "dns"), Some(1.0));
    assert_eq!(of("probity_check_last_run_timestamp_seconds", "dns"), Some(1_772_452_801.5));

    let measured =
        |unit| value("probity_check_measurement", &[("check", "orders-db"), ("name", "size"), ("unit", unit)]);
    assert_eq!([measured("By"), measured("a\"\\\n")], [Some(2.0), Some(3.5)]);
    assert!(measured("s").is_some_and(f64::is_nan));
}

#[tokio::test]
async fn the_runner_is_told() {
    let house = House::running();
    drop(house.board.run_started(Duration::from_millis(2)));
    drop(house.board.run_started(Duration::from_secs(60)));
    let under_way = house.board.run_started(Duration::ZERO);
    let metrics = scrape(&house).await;
    drop(under_way);
    let value = |name, labels: &[_]| metrics.value(name, labels);

    assert_eq!(value("probity_health_status", &[("status", "degraded")]), Some(1.0));
    assert_eq!(value("probity_health_status", &[("status", "healthy")]), Some(0.0));
    assert_eq!(value("probity_probes", &[("state", "loaded")]), Some(1.0));
    assert_eq!(value("probity_probes", &[("state", "loading")]), Some(0.0));
    assert_eq!(value("probity_sources", &[("state", "failed")]), Some(1.0));
    assert_eq!(value("probity_reloads_total", &[("result", "ok")]), Some(3.0));
    assert_eq!(value("probity_reloads_total", &[("result", "failed")]), Some(1.0));
    assert_eq!(value("probity_runs_in_flight", &[]), Some(1.0));
    assert_eq!(value("probity_build_info", &[("version", "0.1.0")]), Some(1.0));
    assert!(value("probity_uptime_seconds", &[]).is_some_and(|uptime| uptime > 0.0));
    assert!(value("process_cpu_seconds_total", &[]).is_some_and(|cpu| cpu > 0.0));

    let bucket = |le| value("probity_schedule_lag_seconds_bucket", &[("le", le)]);
    let buckets = ["0.001", "0.0025", "0.1", "1", "10", "+Inf"].map(bucket);
    assert_eq!(buckets, [1.0, 2.0, 2.0, 2.0, 2.0, 3.0].map(Some));
    assert_eq!(value("probity_schedule_lag_seconds_count", &[]), Some(3.0));
    assert_eq!(value("probity_schedule_lag_seconds_sum", &[]), Some(60.002));
}

#[tokio::test]
async fn families_are_the_same_whatever_there_is() {
    let board = Arc::new(Board::new("node-1".into(), Clock::new()));
    let empty = House { router: router_of(&board, None, None), board };
    let names = |read: &Read| read.kinds.keys().cloned().collect::<BTreeSet<_>>();
    let (empty, full) = (scrape(&empty).await, scrape(&House::running()).await);
    assert_eq!(names(&empty), names(&full));
    let ours = full.kinds.keys().filter(|name| !name.starts_with("process_"));
    assert!(ours.clone().count() > 20 && ours.clone().all(|name| name.starts_with("probity_")));
}

#[tokio::test]
async fn what_is_counted_of_each_check_is_told() {
    let house = House::running();
    let slot = house.board.check("orders-db").unwrap();
    slot.started(Duration::from_millis(250));
    let metrics = scrape(&house).await;
    let of = |name, check| metrics.value(name, &[("check", check)]);
    assert_eq!(of("probity_check_schedule_lag_seconds", "orders-db"), Some(0.25));
    assert_eq!(of("probity_check_schedule_lag_seconds", "new"), None, "it has not run");
    assert_eq!(of("probity_check_transitions_total", "orders-db"), Some(1.0));
    assert_eq!(of("probity_connection_transitions_total", "orders-db"), Some(2.0));
    assert_eq!(of("probity_connection_transitions_total", "new"), Some(0.0));
    assert_eq!(of("probity_check_last_latency_seconds", "orders-db"), Some(0.003));
    assert_eq!(of("probity_check_last_fuel", "orders-db"), Some(4096.0));
    assert_eq!([of("probity_check_score", "orders-db"), of("probity_check_score", "new")], [Some(1.0), None]);
    assert_eq!(of("probity_check_score", "queue"), Some(0.1667), "as the summary has it");
    assert_eq!(metrics.value("probity_score_status", &[("status", "degraded")]), Some(1.0));
    let bucket = |le| metrics.value("probity_check_latency_seconds_bucket", &[("check", "orders-db"), ("le", le)]);
    assert_eq!([bucket("0.001"), bucket("0.005"), bucket("+Inf")], [Some(0.0), Some(1.0), Some(1.0)]);
    assert_eq!(of("probity_check_latency_seconds_sum", "orders-db"), Some(0.003));
    assert_eq!(of("probity_check_latency_seconds_count", "dns"), Some(0.0), "a fault says nothing of the target");
    let phase = |phase| metrics.value("probity_check_phase_seconds", &[("check", "orders-db"), ("phase", phase)]);
    assert!(phase("size").is_some_and(f64::is_nan));
}

#[tokio::test]
async fn what_others_count_is_told() {
    let house = House::running();
    let compile_time = Duration::from_millis(1500);
    house.board.count_by(move || Figures {
        compiled: 2,
        cached: 3,
        compile_failures: 1,
        compile_time,
        events: 9,
        ..Figures::default()
    });
    let queued = house.board.run_queued();
    let metrics = scrape(&house).await;
    drop(queued);
    let value = |name, labels: &[_]| metrics.value(name, labels);
    assert_eq!(value("probity_compilations_total", &[("result", "cached")]), Some(3.0));
    assert_eq!(
        (value("probity_compile_seconds_sum", &[]), value("probity_compile_seconds_count", &[])),
        (Some(1.5), Some(6.0))
    );
    assert_eq!((value("probity_events_total", &[]), value("probity_runs_queued", &[])), (Some(9.0), Some(1.0)));
    assert_eq!(value("probity_last_reload_timestamp_seconds", &[("result", "ok")]), Some(1_772_452_800.0));
    assert_eq!(value("probity_last_reload_timestamp_seconds", &[("result", "failed")]), None, "there was none");
    assert_eq!(value("probity_part_moving", &[("part", "scheduler")]), Some(1.0));
}

#[tokio::test]
async fn series_are_bounded_and_what_is_beyond_is_summed_up() {
    let house = House::running();
    house.board.limit_metrics(MetricLimits { checks: 2, measurements: 1 });
    let metrics = scrape(&house).await;
    let value = |name, labels: &[_]| metrics.value(name, labels);
    // cache and dns are named; new, orders-db and queue are not.
    let other = [("check", "_overflow"), ("probe", ""), ("group", "")];
    let status = |status| value("probity_check_status", &[&other[..], &[("status", status)]].concat());
    assert_eq!([status("healthy"), status("unhealthy"), status("pending")], [Some(1.0), Some(1.0), Some(1.0)]);
    let runs = |outcome| value("probity_check_runs_total", &[("check", "_overflow"), ("outcome", outcome)]);
    assert_eq!([runs("healthy"), runs("unhealthy")], [Some(1.0), Some(1.0)]);
    assert_eq!(value("probity_check_fuel_total", &[("check", "_overflow")]), Some(8192.0));
    assert_eq!(value("probity_check_latency_seconds_count", &[("check", "_overflow")]), Some(2.0));
    assert_eq!(value("probity_checks_overflowed", &[]), Some(3.0));
    assert_eq!(value("probity_check_up", &[("check", "orders-db")]), None);
    assert_eq!(
        value("probity_check_last_duration_seconds", &[("check", "_overflow")]),
        None,
        "that can't be summed up"
    );

    house.board.limit_metrics(MetricLimits { checks: 10, measurements: 1 });
    let house = House { router: router_of(&house.board, None, None), ..house };
    let metrics = scrape(&house).await;
    let told = metrics.samples.keys().filter(|(name, _)| name == "probity_check_measurement").count();
    assert_eq!((told, metrics.value("probity_measurements_overflowed", &[])), (1, Some(2.0)));
}
