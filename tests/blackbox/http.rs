//! What the runner tells over HTTP, to programs that poll, scrape and probe.

use std::io::Read;

use flate2::read::GzDecoder;
use serde_json::Value;

use crate::{
    guest,
    runner::{BRISK, Home, Runner},
};

/// Checks that run once, so that nothing changes any more.
const CALM: &str = "[defaults]\ninterval = \"1h\"\n";

/// A runner with a check of each status, of which all have run.
fn calm() -> Runner {
    let home = Home::new(CALM);
    for (name, status) in [("alpha", 0), ("beta", 1), ("gamma", 2)] {
        home.drop_in(name, &guest::verdict(status, &format!("I am {name}")));
    }
    let runner = home.start();
    runner.wait_for_message("alpha", "I am alpha");
    runner.wait_for_message("beta", "I am beta");
    runner.wait_for_message("gamma", "I am gamma");
    runner.wait_for_status("degraded");
    runner
}

#[test]
fn the_status_decides_the_code() {
    // What the only check says, whether it is critical, the one word for all, and the code.
    for (verdict, critical, status, code) in [
        (0, true, "healthy", 200),
        (1, true, "degraded", 200),
        (2, false, "degraded", 200),
        (2, true, "unhealthy", 503),
    ] {
        let home = Home::new(&format!("{BRISK}critical = {critical}\n"));
        home.drop_in("only", &guest::verdict(verdict, "this is it"));
        let runner = home.start();
        let health = runner.wait_for_status(status);
        assert_eq!(health["checks"]["only"]["critical"], critical, "{health}");
        for path in ["/health", "/health/ready"] {
            let answer = runner.get(path);
            assert_eq!(answer.status, code, "{path} when {status}");
            assert_eq!(answer.json()["status"], status, "{path}");
        }
        assert_eq!(runner.json("/health/ready")["ready"], code == 200);
        let live = runner.get("/health/live");
        assert_eq!(
            (live.status, &live.json()["live"]),
            (200, &true.into()),
            "the runner lives, whatever its target does"
        );
        runner.stop();
    }
}

#[test]
fn the_documents_have_the_fields_that_clients_know() {
    let runner = calm();
    let health = runner.json("/health");
    for key in ["status", "message", "checks", "uptime", "start_time", "last_update", "version", "node_id"] {
        assert!(!health[key].is_null(), "{key} is missing in {health:#}");
    }
    assert!(health["uptime"].is_u64() && health["start_time"].is_string(), "{health:#}");
    assert!(health["message"].as_str().unwrap().contains("gamma is failing; beta is degraded"), "{health:#}");
    let entry = &health["checks"]["beta"];
    assert_eq!(entry["healthy"], true, "degraded is of use: {entry:#}");
    assert_eq!((&entry["message"], &entry["status"]), (&"I am beta".into(), &"degraded".into()));
    assert!(entry["latency"].is_u64() && entry["timestamp"].is_string() && entry["details"].is_object(), "{entry:#}");
    assert_eq!(health["checks"]["gamma"]["healthy"], false);

    let checks = runner.json("/health/checks");
    assert_eq!(checks["total"], 3);
    assert!(checks["timestamp"].is_string());
    assert_eq!(checks["checks"]["alpha"]["probe"], "alpha");
    let live = runner.json("/health/live");
    assert!(live["uptime"].as_str().unwrap().ends_with('s'), "{live:#}");
    runner.stop();
}

#[test]
fn what_did_not_change_is_not_sent_again() {
    let runner = calm();
    for path in ["/health", "/health/ready", "/health/checks", "/probes", "/openapi.json"] {
        let first = runner.get(path);
        let tag = first.header("etag");
        assert!(!tag.is_empty(), "{path}: {first:?}");
        let again = runner.get_with(path, &[("if-none-match", tag)]);
        assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
        assert_eq!(again.header("etag"), tag, "{path}");
        assert_eq!(runner.get_with(path, &[("if-none-match", "\"other\"")]).status, 200, "{path}");
    }
    let before = runner.get("/health").header("etag").to_owned();
    runner.home.drop_in("alpha", &guest::saying("I am new"));
    runner.wait_for_message("alpha", "I am new");
    let after = runner.wait_for("another tag", || match runner.get_with("/health", &[("if-none-match", &before)]) {
        answer if answer.status == 200 => Ok(answer),
        answer => Err(answer.status),
    });
    assert_eq!(after.json()["checks"]["alpha"]["message"], "I am new");
    runner.stop();
}

#[test]
fn what_is_long_is_compressed_for_those_who_can_read_it() {
    let runner = calm();
    for path in ["/openapi.json", "/metrics"] {
        let plain = runner.get_with(path, &[("accept-encoding", "identity")]);
        assert_eq!(plain.header("content-encoding"), "", "{path}");
        let packed = runner.wait_for("a compressed answer", || {
            let answer = runner.get_with(path, &[("accept-encoding", "br, gzip")]);
            if answer.header("content-encoding") == "gzip" { Ok(answer) } else { Err(answer.body.len()) }
        });
        let mut text = String::new();
        GzDecoder::new(packed.body.as_slice()).read_to_string(&mut text).unwrap();
        assert!(packed.body.len() < text.len() / 2, "{path}");
        assert!(packed.header("vary").contains("accept-encoding"), "{path}");
        if path == "/openapi.json" {
            assert_eq!(text, plain.text());
        }
    }
    runner.stop();
}

#[test]
fn head_is_get_without_the_body() {
    let runner = calm();
    for path in [
        "/health",
        "/health?verbose",
        "/health/live",
        "/health/startup",
        "/health/summary",
        "/health/checks/alpha",
        "/livez",
        "/readyz",
        "/metrics",
    ] {
        let (get, head) = (runner.get(path), runner.ask("HEAD", path, &[]));
        assert_eq!((head.status, head.body.len()), (get.status, 0), "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
    }
    runner.stop();
}

#[test]
fn what_is_not_there_is_a_problem_that_suggests_what_is() {
    let runner = calm();
    for (path, status, kind, nearest) in [
        ("/health/checks/gama", 404, "urn:probity:error:unknown-check", "gamma"),
        ("/health/checks/gama/", 404, "urn:probity:error:no-such-route", ""),
        ("/heath", 404, "urn:probity:error:no-such-route", "/health"),
        ("/health/checks/No%20Name", 400, "urn:probity:error:invalid-name", ""),
    ] {
        let answer = runner.get(path);
        assert_eq!((answer.status, answer.header("content-type")), (status, "application/problem+json"), "{path}");
        let problem = answer.json();
        assert_eq!((&problem["type"], &problem["status"]), (&kind.into(), &status.into()), "{problem:#}");
        assert!(problem["detail"].is_string(), "{problem:#}");
        if !nearest.is_empty() {
            assert_eq!(problem["nearest"][0], nearest, "{problem:#}");
        }
    }
    let answer = runner.ask("DELETE", "/health", &[]);
    assert_eq!((answer.status, answer.header("content-type")), (405, "application/problem+json"));
    assert!(answer.header("allow").contains("GET"), "{answer:?}");
    assert_eq!(runner.get("/health/checks/alpha/run").status, 405, "to run is to change something");
    runner.stop();
}

#[test]
fn whoever_is_at_this_machine_can_have_a_check_run() {
    let runner = calm();
    let run = |name: &str, headers: &[(&str, &str)]| runner.ask("POST", &format!("/health/checks/{name}/run"), headers);
    let before = runner.check("alpha").unwrap().runs();
    let answer = run("alpha", &[]);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["counters"]["runs"], before + 1, "the result is there when the answer is");
    assert_eq!(runner.check("alpha").unwrap().runs(), before + 1);

    let answer = run("alfa", &[]);
    assert_eq!((answer.status, &answer.json()["nearest"][0]), (404, &"alpha".into()));
    // A page in a browser on this machine is not somebody at this machine.
    for headers in [
        ("origin", "https://evil.example"),
        ("sec-fetch-site", "cross-site"),
        ("host", "evil.example"),
        ("x-forwarded-for", "192.0.2.1"),
    ] {
        let answer = run("alpha", &[headers]);
        assert_eq!(answer.status, 403, "{headers:?}: {}", answer.text());
    }
    assert_eq!(runner.check("alpha").unwrap().runs(), before + 1, "nothing ran");
    runner.stop();
}

#[test]
fn whoever_has_the_token_can_have_a_check_run() {
    let home = Home::new(&format!("http.auth.token = \"${{file:token}}\"\n{CALM}"));
    home.put("token", b"open-sesame\n");
    home.drop_in("alpha", &guest::saying("hello"));
    let runner = home.start();
    runner.wait_for_message("alpha", "hello");
    // Sent by a page, so that being at this machine is not enough.
    let run = |token: &str| {
        let headers = [("origin", "https://ops.example"), ("authorization", token)];
        runner.ask("POST", "/health/checks/alpha/run", &headers[..if token.is_empty() { 1 } else { 2 }])
    };
    let refused = run("Bearer close-sesame");
    assert_eq!(refused.status, 401);
    assert!(refused.header("www-authenticate").starts_with("Bearer"), "{refused:?}");
    assert!(matches!(run("").status, 401 | 403));
    assert_eq!(run("Bearer open-sesame").status, 200);
    for path in ["/probes", "/health/checks/alpha"] {
        assert!(!runner.get(path).text().contains("open-sesame"));
    }
    runner.stop();
}

#[test]
fn metrics_can_be_scraped() {
    let runner = calm();
    let answer = runner.get("/metrics");
    assert!(answer.header("content-type").starts_with("text/plain; version=0.0.4"), "{answer:?}");
    let text = answer.text();
    let mut family = "";
    let mut samples = 0;
    for line in text.lines() {
        if let Some(declared) = line.strip_prefix("# TYPE ") {
            let (name, kind) = declared.split_once(' ').unwrap();
            assert!(["counter", "gauge", "histogram", "summary"].contains(&kind), "{line}");
            assert!(name.starts_with("probity_") || name.starts_with("process_"), "{line}");
            assert!(kind != "counter" || name.ends_with("_total"), "{line}");
            family = name;
        } else if !line.starts_with("# HELP ") {
            let (series, value) = line.rsplit_once(' ').unwrap();
            assert!(value.parse::<f64>().is_ok(), "{line}");
            let name = series.split('{').next().unwrap();
            let suffix = name.strip_prefix(family).unwrap_or_else(|| panic!("{line} is not of the family {family}"));
            assert!(["", "_bucket", "_count", "_sum"].contains(&suffix), "{line}");
            samples += 1;
        }
    }
    assert!(samples > 20, "{text}");
    for name in ["alpha", "beta", "gamma"] {
        assert!(text.contains(&format!("check=\"{name}\"")), "{name} is missing in:\n{text}");
    }
    runner.stop();
}

#[test]
fn every_route_is_described_and_every_description_is_a_route() {
    let runner = calm();
    let described = runner.json("/openapi.json");
    let paths = described["paths"].as_object().unwrap();
    for path in [
        "/health",
        "/health/ready",
        "/health/live",
        "/health/checks",
        "/health/checks/{name}",
        "/probes",
        "/metrics",
        "/openapi.json",
    ] {
        assert!(described["paths"][path]["get"].is_object(), "{path} is missing");
    }
    assert!(described["paths"]["/health/checks/{name}/run"]["post"].is_object());
    for (path, methods) in paths {
        // What is followed does not end, what changes something needs more than a path, nobody is in a group here, and `/probe` is
        // off: all have tests of their own.
        let is_of_its_own = |method: &str| {
            let is_decreed = path == "/silences" || path.contains("{id}");
            let changes = (path.contains("{check}") || is_decreed) && method != "get";
            path.starts_with("/events")
                || path.contains("/report")
                || path.contains("{group}")
                || path == "/probe"
                || changes
        };
        for method in methods.as_object().unwrap().keys().filter(|method| !is_of_its_own(method)) {
            let path = path.replace("{name}", "alpha").replace("{check}", "alpha");
            let answer = runner.ask(&method.to_uppercase(), &path, &[]);
            assert_eq!(answer.status, 200, "{method} {path}");
        }
    }
    runner.stop();
}

#[test]
fn a_check_remembers_what_it_found() {
    let home = Home::new(BRISK);
    home.drop_in("a", &guest::verdict(2, "down"));
    let runner = home.start();
    runner.wait_for_message("a", "down");
    runner.home.drop_in("a", &guest::saying("up"));
    runner.wait_for_message("a", "up");
    let check = runner.wait_for_runs("a", 3);
    let texts = |key: &str| -> Vec<Value> {
        check.0[key].as_array().unwrap().iter().map(|past| past["message"].clone()).collect()
    };
    assert_eq!(texts("results").first(), Some(&"up".into()), "the newest comes first");
    assert!(texts("results").contains(&"down".into()));
    assert!(!texts("failures").is_empty() && texts("failures").iter().all(|message| message == "down"));
    runner.stop();
}
