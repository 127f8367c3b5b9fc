//! Metrics and traces by OTLP, taken by a collector that reads them with OpenTelemetry's own code.

use std::{fs, process::Command};

use serde_json::Value;

use crate::{
    guest,
    runner::{BRISK, Home, Runner},
    servers::{self, Server},
    target::Target,
};

fn collector() -> Option<Server> {
    let (python, packages) = (servers::find("python3")?, servers::python_package("opentelemetry-proto")?);
    let folder = servers::folder();
    fs::write(folder.path().join("collector.py"), include_str!("otlp/collector.py")).unwrap();
    let port = servers::free_port();
    Some(Server::start(folder, port, move |folder| {
        let mut command = Command::new(&python);
        command.current_dir(folder).env("PYTHONPATH", &packages).env("PYTHONDONTWRITEBYTECODE", "1");
        command.args(["collector.py", "--port", &port.to_string()]);
        command
    }))
}

/// What a collector took, each with its path, headers and message.
fn taken(collector: &Server) -> Vec<Value> {
    let text = fs::read_to_string(collector.folder().join("taken")).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A runner that sends to a collector, with more of a configuration.
fn runner(collector: &Server, more: &str) -> Home {
    Home::new(&format!(
        "node_id = \"node-7\"\n[otlp]\nendpoint = \"http://127.0.0.1:{}\"\nmetrics_interval = \"1s\"\n\
         headers = {{ authorization = \"Bearer hunter2\" }}\n{BRISK}connection = {{ fall = 1 }}\n{more}",
        collector.port()
    ))
}

fn attributes(of: &Value) -> Value {
    let pairs = of["attributes"].as_array().cloned().unwrap_or_default();
    let value = |pair: &Value| pair["value"].as_object().unwrap().values().next().unwrap().clone();
    pairs.iter().map(|pair| (pair["key"].as_str().unwrap().to_owned(), value(pair))).collect()
}

/// All spans that were taken.
fn all_spans(collector: &Server) -> Vec<Value> {
    let all = taken(collector).into_iter().filter(|taken| taken["path"] == "/v1/traces");
    let resources = all.flat_map(|taken| taken["message"]["resource_spans"].as_array().cloned().unwrap());
    resources.flat_map(|resource| resource["scope_spans"][0]["spans"].as_array().cloned().unwrap()).collect()
}

/// The runs of a check.
fn spans(collector: &Server, check: &str) -> Vec<Value> {
    all_spans(collector).into_iter().filter(|span| span["name"] == check).collect()
}

/// A moment of a span.
fn nanoseconds(span: &Value, key: &str) -> u64 {
    span[key].as_str().unwrap().parse().unwrap()
}

#[track_caller]
fn wait_for_span(runner: &Runner, collector: &Server, check: &str) -> Value {
    runner.wait_for(&format!("a span of {check}"), || {
        spans(collector, check).into_iter().next().ok_or_else(|| format!("{} requests", taken(collector).len()))
    })
}

#[test]
fn each_run_is_a_span_and_metrics_come_at_intervals() {
    let Some(collector) = collector() else { return };
    let web = Target::http(|_| "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_owned());
    let check = format!(
        "[[check]]\nname = \"web\"\nprobe = \"http\"\ngroup = \"shop\"\nlabels = {{ team = \"orders\" }}\n\
         settings = {{ url = \"http://127.0.0.1:{}/\" }}\n",
        web.port()
    );
    let home = runner(&collector, &check);
    home.drop_in("bad", &guest::verdict(2, "no"));
    home.drop_in("broken", &guest::fixture("traps"));
    let runner = home.start();
    let web = wait_for_span(&runner, &collector, "web");
    let told = attributes(&web);
    for (key, expected) in [
        ("probity.check", "web"),
        ("probity.probe", "http"),
        ("probity.group", "shop"),
        ("probity.label.team", "orders"),
        ("probity.status", "healthy"),
    ] {
        assert_eq!(told[key], expected, "{key} of {told:#}");
    }
    for key in ["probity.latency", "probity.phase.connect", "probity.phase.wait", "probity.phase.total"] {
        assert!(told[key].as_f64().is_some_and(|seconds| seconds > 0.0), "{key} of {told:#}");
    }
    let (start, end) = ("start_time_unix_nano", "end_time_unix_nano");
    assert!(nanoseconds(&web, end) > nanoseconds(&web, start), "{web:#}");
    assert!(web["status"].get("code").is_none(), "{web:#}");
    // Its phases are spans below it, one after the other.
    assert!(web.get("parent_span_id").is_none(), "{web:#}");
    let phases: Vec<Value> =
        all_spans(&collector).into_iter().filter(|span| span["parent_span_id"] == web["span_id"]).collect();
    let names: Vec<&str> = phases.iter().map(|phase| phase["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["resolve", "connect", "wait", "body"], "{phases:#?}");
    let mut now = nanoseconds(&web, start);
    for phase in &phases {
        assert_eq!((&phase["trace_id"], nanoseconds(phase, start)), (&web["trace_id"], now), "{phases:#?}");
        assert_ne!(phase["span_id"], web["span_id"]);
        assert_eq!(attributes(phase)["probity.check"], "web");
        now = nanoseconds(phase, end);
    }
    assert!(now <= nanoseconds(&web, end), "{phases:#?}");
    let bad = wait_for_span(&runner, &collector, "bad");
    assert_eq!((&bad["status"]["code"], &bad["status"]["message"]), (&"STATUS_CODE_ERROR".into(), &"no".into()));
    let broken = attributes(&wait_for_span(&runner, &collector, "broken"));
    assert_eq!((&broken["probity.status"], &broken["probity.fault"]), (&"unknown".into(), &"trap".into()));

    let metrics = runner.wait_for("metrics", || {
        let all = taken(&collector).into_iter().rev().find(|taken| taken["path"] == "/v1/metrics");
        let told = all.filter(|taken| taken.to_string().contains("probity_check_latency_seconds"));
        told.ok_or_else(|| "none yet".to_owned())
    });
    assert_eq!(
        (&metrics["type"], &metrics["authorization"]),
        (&"application/x-protobuf".into(), &"Bearer hunter2".into())
    );
    assert_eq!(metrics["unknown"], false, "nothing is sent that is not described");
    let resource = &metrics["message"]["resource_metrics"][0];
    let of_resource = attributes(&resource["resource"]);
    assert_eq!(
        (&of_resource["service.name"], &of_resource["service.instance.id"]),
        (&"probity".into(), &"node-7".into())
    );
    let all = resource["scope_metrics"][0]["metrics"].as_array().unwrap();
    let find = |name: &str| all.iter().find(|metric| metric["name"] == name).unwrap_or_else(|| panic!("no {name}"));
    let point = |points: &Value| {
        points["data_points"]
            .as_array()
            .unwrap()
            .iter()
            .find(|point| attributes(point)["check"] == "web")
            .unwrap()
            .clone()
    };
    assert_eq!(point(&find("probity_check_up")["gauge"])["as_int"], "1");
    let latency = find("probity_check_latency_seconds");
    assert_eq!(latency["unit"], "s");
    let histogram = point(&latency["histogram"]);
    let counts: Vec<u64> = histogram["bucket_counts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|count| count.as_str().unwrap().parse().unwrap())
        .collect();
    assert_eq!(histogram["explicit_bounds"].as_array().unwrap().len() + 1, counts.len());
    assert_eq!(histogram["count"], counts.iter().sum::<u64>().to_string());
    let runs = &find("probity_check_runs")["sum"];
    assert_eq!(
        (&runs["is_monotonic"], &runs["aggregation_temporality"]),
        (&true.into(), &"AGGREGATION_TEMPORALITY_CUMULATIVE".into())
    );
    assert!(point(&find("probity_check_duration_seconds")["summary"])["sum"].as_f64().is_some_and(|sum| sum > 0.0));
    runner.stop();
}

#[test]
fn what_is_counted_on_after_a_restart_is_told_with_the_beginning_that_it_has() {
    let Some(collector) = collector() else { return };
    let home = runner(&collector, "");
    home.drop_in("good", &guest::saying("hello"));
    // The latest sums of the check's runs and of the runner's loads: how many, and since when.
    let latest = |name: &str, check: Option<&str>| {
        let all = taken(&collector).into_iter().rev().filter(|taken| taken["path"] == "/v1/metrics");
        let sums = all.flat_map(|taken| {
            let resource = taken["message"]["resource_metrics"][0].clone();
            resource["scope_metrics"][0]["metrics"].as_array().cloned().unwrap_or_default()
        });
        let points = sums.filter(|metric| metric["name"] == name).flat_map(|metric| {
            let points = &metric["sum"]["data_points"];
            points.as_array().cloned().unwrap_or_default()
        });
        let wanted = |point: &Value| {
            let of = attributes(point);
            check.is_none_or(|check| of["check"] == check && of["outcome"] == "healthy")
        };
        let number = |value: &Value| value.as_str().unwrap().parse::<u64>().unwrap();
        points.into_iter().find(wanted).map(|point| (number(&point["as_int"]), number(&point["start_time_unix_nano"])))
    };
    let runs = || latest("probity_check_runs", Some("good"));
    let mut runner = home.start();
    runner.wait_for_runs("good", 3);
    let (before, began) = runner.wait_for("runs to be sent", || runs().filter(|(count, _)| *count >= 3).ok_or("none"));
    let (_, first) = latest("probity_store_written", None).unwrap();
    assert!(began <= first && first - began < 1_000_000, "to a millisecond, when the first runner started: {began}");
    for _ in 0..2 {
        runner = runner.stop().start();
        let (count, since) = runner.wait_for("more runs to be sent", || {
            let own = latest("probity_store_written", None).filter(|(_, since)| *since > first);
            own.and_then(|_| runs()).filter(|(count, _)| *count > before).ok_or("none")
        });
        assert_eq!(since, began, "{count} since");
    }
    runner.stop();
}

#[test]
fn the_trace_goes_on_to_whom_a_probe_asks() {
    let Some(collector) = collector() else { return };
    let (seen, told) = std::sync::mpsc::channel();
    let web = Target::http(move |request| {
        let parent = request.lines().find_map(|line| line.strip_prefix("traceparent: "));
        // The test may have ended.
        let _ = seen.send(parent.map(str::to_owned));
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_owned()
    });
    let check = format!(
        "[[check]]\nname = \"web\"\nprobe = \"http\"\nsettings = {{ url = \"http://127.0.0.1:{}/\" }}\n",
        web.port()
    );
    let runner = runner(&collector, &check).start();
    let parent = told.recv_timeout(crate::runner::PATIENCE).unwrap().expect("a traceparent");
    let parts: Vec<_> = parent.split('-').collect();
    assert_eq!((parts.len(), parts[0], parts[1].len(), parts[2].len(), parts[3]), (4, "00", 32, 16, "01"), "{parent}");
    let base_64 = |hex: &str| {
        use base64::Engine;
        let bytes: Vec<u8> =
            (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
        base64::engine::general_purpose::STANDARD.encode(bytes)
    };
    let (trace, span) = (base_64(parts[1]), base_64(parts[2]));
    runner.wait_for("the span of that run", || {
        let spans = spans(&collector, "web");
        let found = spans.iter().any(|other| other["trace_id"] == trace && other["span_id"] == span);
        if found { Ok(()) } else { Err(format!("{} spans", spans.len())) }
    });
    runner.stop();
}

#[test]
fn without_a_collector_no_trace_is_told_of() {
    let (seen, told) = std::sync::mpsc::channel();
    let web = Target::http(move |request| {
        // The test may have ended.
        let _ = seen.send(request.contains("traceparent"));
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_owned()
    });
    let check = format!(
        "{BRISK}[[check]]\nname = \"web\"\nprobe = \"http\"\nsettings = {{ url = \"http://127.0.0.1:{}/\" }}\n",
        web.port()
    );
    let runner = Home::new(&check).start();
    assert!(!told.recv_timeout(crate::runner::PATIENCE).unwrap());
    runner.stop();
}

#[test]
fn what_can_not_be_sent_waits_and_what_is_left_is_sent_at_the_end() {
    let Some(collector) = collector() else { return };
    fs::write(collector.folder().join("busy"), "").unwrap();
    let home = runner(&collector, "");
    home.drop_in("good", &guest::saying("hello"));
    let runner = home.start();
    runner.wait_for_log("OTLP: 127.0.0.1:");
    runner.wait_for_log("answered 503 Service Unavailable");
    runner.wait_for_runs("good", 2);
    assert!(taken(&collector).is_empty());
    let failures = runner.wait_for("failures to be counted", || {
        let metrics = runner.get("/metrics").text();
        let count =
            metrics.lines().find_map(|line| line.strip_prefix("probity_otlp_failures_total ")).map(str::to_owned);
        count.filter(|count| count != "0").ok_or(metrics)
    });
    assert!(failures.parse::<u64>().unwrap() > 0);
    fs::remove_file(collector.folder().join("busy")).unwrap();
    runner.wait_for_log("takes what is sent again");
    let first = runner.json("/health/checks/good")["counters"]["runs"].as_u64().unwrap();
    runner.stop();
    let sent = spans(&collector, "good").len() as u64;
    assert!(sent >= first, "{sent} of {first} runs at least: those that waited, and the last ones");
}

#[test]
fn what_a_collector_took_and_did_not_want_is_dropped() {
    let Some(collector) = collector() else { return };
    fs::write(collector.folder().join("picky"), "").unwrap();
    let home = runner(&collector, "");
    home.drop_in("good", &guest::saying("hello"));
    let runner = home.start();
    runner.wait_for_log("did not take 1 of what was sent: one is too old");
    let metrics = runner.get("/metrics").text();
    assert!(metrics.contains("\nprobity_otlp_failures_total 0\n"), "{metrics}");
    runner.wait_for("one to be counted as dropped", || {
        let metrics = runner.get("/metrics").text();
        let is_told =
            |line: &str| line.starts_with("probity_otlp_spans_total{result=\"dropped\"} ") && !line.ends_with(" 0");
        if metrics.lines().any(is_told) { Ok(()) } else { Err(metrics) }
    });
    runner.stop();
}
