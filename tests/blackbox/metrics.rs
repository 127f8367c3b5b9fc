//! The metrics, held to the tools of Prometheus: its linter, and a server that scrapes them.

use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    guest,
    runner::{BRISK, Home, Runner},
    servers::{self, Server},
    target::Target,
};

/// What Prometheus asks for.
const OPEN_METRICS: &str = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";

fn runner() -> Runner {
    let home = Home::new(&format!("{BRISK}connection = {{ fall = 1 }}\n"));
    home.drop_in("good", &guest::saying("hello"));
    home.drop_in("bad", &guest::verdict(2, "no"));
    home.drop_in("broken", &guest::fixture("traps"));
    let runner = home.start();
    for (name, status) in [("good", "healthy"), ("bad", "unhealthy"), ("broken", "unknown")] {
        runner.wait_for_check(name, status, |check| check.status() == status && check.runs() > 1);
    }
    runner
}

#[test]
fn promtool_accepts_them() {
    let Some(promtool) = servers::find("promtool") else { return };
    let runner = runner();
    // Its linter reads the text format alone.
    let metrics = runner.get("/metrics").text();
    let mut judge = Command::new(promtool);
    judge.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut judge = judge.spawn().unwrap();
    judge.stdin.take().unwrap().write_all(metrics.as_bytes()).unwrap();
    let output = judge.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    runner.stop();
}

#[test]
fn the_format_is_the_one_that_is_asked_for() {
    let runner = runner();
    let plain = runner.get("/metrics");
    assert_eq!(plain.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let open = runner.get_with("/metrics", &[("accept", OPEN_METRICS)]);
    assert_eq!(open.header("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    let text = open.text();
    assert!(text.ends_with("# EOF\n"), "{text}");
    assert!(text.contains("# TYPE probity_check_fuel counter\nprobity_check_fuel_total{check="), "{text}");
    let families = |text: &str| text.lines().filter(|line| line.starts_with("# TYPE ")).count();
    assert_eq!(families(&text), families(&plain.text()));
    runner.stop();
}

#[test]
fn checks_beyond_the_limit_share_their_series() {
    let home = Home::new(&format!("metrics.max_checks = 1\n{BRISK}connection = {{ fall = 1 }}\n"));
    for (name, status) in [("a", 0), ("b", 0), ("c", 2)] {
        home.drop_in(name, &guest::verdict(status, "said"));
    }
    let runner = home.start();
    for name in ["a", "b", "c"] {
        runner.wait_for_message(name, "said");
    }
    runner.wait_for("the sums of two checks", || {
        let metrics = runner.get("/metrics").text();
        let has = |line: &str| metrics.lines().any(|other| other == line);
        let all = has("probity_check_status{check=\"_overflow\",probe=\"\",group=\"\",status=\"healthy\"} 1")
            && has("probity_check_status{check=\"_overflow\",probe=\"\",group=\"\",status=\"unhealthy\"} 1")
            && has("probity_check_up{check=\"a\"} 1")
            && has("probity_check_up{check=\"_overflow\"} 1")
            && has("probity_checks_overflowed 2")
            && metrics.contains("probity_check_latency_seconds_count{check=\"_overflow\"}")
            && !metrics.contains("check=\"b\"");
        if all { Ok(()) } else { Err(metrics) }
    });
    runner.stop();
}

/// A Prometheus with this configuration.
fn prometheus(config: &str, rules: Option<&Path>) -> Option<Server> {
    let program = servers::find("prometheus")?;
    let folder: TempDir = servers::folder();
    fs::write(folder.path().join("prometheus.yml"), config).unwrap();
    if let Some(rules) = rules {
        fs::copy(rules, folder.path().join("rules.yml")).unwrap();
    }
    let port = servers::free_port();
    Some(Server::start(folder, port, move |folder| {
        let mut command = Command::new(&program);
        command.current_dir(folder).args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"]);
        command.arg(format!("--web.listen-address=127.0.0.1:{port}")).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }))
}

/// What a Prometheus answers to a query: the value of each series, with its labels.
fn query(runner: &Runner, prometheus: &Server, query: &str) -> Vec<(Value, String)> {
    let url = format!("http://127.0.0.1:{}/api/v1/query", prometheus.port());
    let answer = runner.agent.get(&url).query("query", query).call();
    let mut body = answer.unwrap_or_else(|error| panic!("{query}: {error}"));
    // As long as it is starting, it says so in words.
    let answer: Value = serde_json::from_str(&body.body_mut().read_to_string().unwrap()).unwrap_or_default();
    let results = answer["data"]["result"].as_array().cloned().unwrap_or_default();
    results
        .into_iter()
        .map(|result| (result["metric"].clone(), result["value"][1].as_str().unwrap_or_default().to_owned()))
        .collect()
}

/// Waits until a query has one answer, and that one.
#[track_caller]
fn wait_for(runner: &Runner, prometheus: &Server, asked: &str, expected: &str) {
    runner.wait_for(&format!("{asked} to be {expected}"), || {
        let seen = query(runner, prometheus, asked);
        match &seen[..] {
            [(_, value)] if value == expected => Ok(()),
            _ => Err(format!("{seen:?}")),
        }
    });
}

#[test]
fn a_real_prometheus_scrapes_them_and_the_rules_of_the_example_fire() {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/monitoring/rules.yml");
    let runner = runner();
    let config = format!(
        "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\nrule_files: [rules.yml]\nscrape_configs:\n- job_name: probity\n  \
         static_configs: [{{ targets: ['{}'] }}]\n",
        runner.address
    );
    let Some(prometheus) = prometheus(&config, Some(&rules)) else { return };
    wait_for(&runner, &prometheus, "up{job=\"probity\"}", "1");
    wait_for(&runner, &prometheus, "probity_check_up{check=\"good\"}", "1");
    wait_for(&runner, &prometheus, "probity_check_status{check=\"bad\",status=\"unhealthy\"}", "1");
    wait_for(
        &runner,
        &prometheus,
        "sum(increase(probity_check_faults_total{check=\"broken\",kind=\"trap\"}[1m])) > bool 0",
        "1",
    );
    wait_for(
        &runner,
        &prometheus,
        "histogram_quantile(0.5, probity_check_latency_seconds_bucket{check=\"good\"}) > bool 0",
        "1",
    );
    // They are pending for as long as `for` says before they fire, which is longer than a test waits.
    wait_for(&runner, &prometheus, "count(ALERTS{alertname=\"ProbityCheckDown\",check=\"bad\"})", "1");
    wait_for(&runner, &prometheus, "count(ALERTS{alertname=\"ProbityCheckUnknown\",check=\"broken\"})", "1");
    assert!(query(&runner, &prometheus, "ALERTS{check=\"good\"}").is_empty());
    runner.stop();
}

#[test]
fn a_configuration_for_the_blackbox_exporter_works_by_changing_the_address() {
    let target = Target::http(|_| "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_owned());
    let closed = crate::target::nobody();
    let home = Home::new("[probe]\nallow = [\"http:127.0.0.1:*\", \"tcp:127.0.0.1:*\"]\n");
    let runner = home.start();
    let job = |name: &str, module: &str, targets: &str| {
        format!(
            "- job_name: {name}\n  metrics_path: /probe\n  params: {{ module: [{module}] }}\n  static_configs: [{{ targets: [{targets}] }}]\n  \
             relabel_configs:\n  - {{ source_labels: [__address__], target_label: __param_target }}\n  \
             - {{ source_labels: [__param_target], target_label: instance }}\n  - {{ target_label: __address__, replacement: '{}' }}\n",
            runner.address
        )
    };
    let (good, bad) = (format!("'127.0.0.1:{}'", target.port()), format!("'{closed}'"));
    let config = format!(
        "global: {{ scrape_interval: 1s }}\nscrape_configs:\n{}{}{}",
        job("web", "http_2xx", &good),
        job("port", "tcp_connect", &good),
        job("closed", "tcp_connect", &bad)
    );
    let Some(prometheus) = prometheus(&config, None) else { return };
    for (query, expected) in [
        ("probe_success{job=\"web\"}", "1"),
        ("probe_http_status_code{job=\"web\"}", "200"),
        ("probe_http_version{job=\"web\"}", "1.1"),
        ("probe_http_ssl{job=\"web\"}", "0"),
        ("probe_ip_protocol{job=\"web\"}", "4"),
        ("count(probe_http_duration_seconds{job=\"web\"})", "5"),
        ("probe_success{job=\"port\"}", "1"),
        ("probe_success{job=\"closed\"}", "0"),
        ("up{job=\"closed\"}", "1"),
        ("probe_duration_seconds{job=\"closed\"} > bool 0", "1"),
    ] {
        wait_for(&runner, &prometheus, query, expected);
    }
    runner.stop();
}

#[test]
fn the_example_is_right_and_asks_for_nothing_that_is_not_there() {
    let Some(promtool) = servers::find("promtool") else { return };
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/monitoring");
    for (what, file) in [("config", "prometheus.yml"), ("rules", "rules.yml")] {
        let output = Command::new(&promtool).args(["check", what]).arg(example.join(file)).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{file}: {said}");
    }
    let output = Command::new(&promtool).args(["test", "rules"]).arg(example.join("rules_test.yml")).output().unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );

    let runner = runner();
    let metrics = runner.get("/metrics").text();
    let kinds: std::collections::BTreeMap<&str, &str> =
        metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect();
    let is_there = |name: &str| {
        let parts = [
            ("_bucket", "histogram"),
            ("_sum", "histogram"),
            ("_count", "histogram"),
            ("_sum", "summary"),
            ("_count", "summary"),
        ];
        kinds.contains_key(name)
            || parts
                .iter()
                .any(|(suffix, kind)| name.strip_suffix(suffix).is_some_and(|family| kinds.get(family) == Some(kind)))
    };
    let mut seen = 0;
    for file in ["rules.yml", "dashboard.json"] {
        let text = fs::read_to_string(example.join(file)).unwrap();
        for name in text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_') {
            if name.starts_with("probity_") || name.starts_with("process_") {
                assert!(is_there(name), "{file} asks for {name}");
                seen += 1;
            }
        }
    }
    assert!(seen > 20, "{seen}");
    let dashboard: Value = serde_json::from_str(&fs::read_to_string(example.join("dashboard.json")).unwrap()).unwrap();
    let ids: Vec<_> =
        dashboard["panels"].as_array().unwrap().iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.iter().collect::<std::collections::BTreeSet<_>>().len(), ids.len(), "panels have ids of their own");
    runner.stop();
}
