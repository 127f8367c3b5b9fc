//! `/probe`: who may ask, for what, and what is told.

use crate::{
    authority::Authority,
    runner::{Home, Runner, TOKEN},
    target::{Target, nobody},
};

const ON: &str =
    "[probe]\nallow = [\"http:127.0.0.1:*\", \"https:localhost:*\", \"tcp:127.0.0.1:*\", \"udp:127.0.0.1:*\"]\n";

fn web() -> Target {
    Target::http(|_| "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_owned())
}

/// What is told of a target, once the module is ready.
#[track_caller]
fn probe(runner: &Runner, query: &str) -> String {
    runner.wait_for(&format!("/probe?{query}"), || {
        let answer = runner.get(&format!("/probe?{query}"));
        if answer.status == 200 { Ok(answer.text()) } else { Err(answer.text()) }
    })
}

#[track_caller]
fn assert_has(metrics: &str, line: &str) {
    assert!(metrics.lines().any(|other| other == line), "{line} is missing in {metrics}");
}

#[test]
fn it_is_off_unless_the_operator_says_what_targets_may_be() {
    let runner = Home::new("").start();
    let answer = runner.get("/probe?target=127.0.0.1:1");
    assert_eq!(answer.status, 403);
    let detail = answer.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("[probe] allow = "), "{detail}");
    runner.stop();
}

#[test]
fn a_target_is_examined_and_told_of_by_the_names_of_the_blackbox_exporter() {
    let (runner, web) = (Home::new(ON).start(), web());
    let port = web.port();
    let metrics = probe(&runner, &format!("target=127.0.0.1:{port}"));
    for line in [
        "probe_success 1",
        "probe_http_status_code 200",
        "probe_http_version 1.1",
        "probe_http_ssl 0",
        "probe_ip_protocol 4",
    ] {
        assert_has(&metrics, line);
    }
    for phase in ["resolve", "connect", "tls", "processing", "transfer"] {
        assert!(metrics.contains(&format!("probe_http_duration_seconds{{phase=\"{phase}\"}} ")), "{metrics}");
    }
    assert!(
        metrics.contains("probe_dns_lookup_time_seconds ") && metrics.contains("probe_duration_seconds "),
        "{metrics}"
    );
    let metrics = probe(&runner, &format!("module=tcp_connect&target=127.0.0.1:{port}"));
    assert_has(&metrics, "probe_success 1");
    let metrics = probe(&runner, &format!("module=tcp_connect&target={}", nobody()));
    assert_has(&metrics, "probe_success 0");
    assert!(!metrics.contains("probe_fault"), "to find it down is no fault: {metrics}");
    runner.stop();
}

/// Rules compare with 0 where nothing answered, as they do with the blackbox exporter.
#[test]
fn a_target_that_does_not_answer_is_told_of_by_the_same_names() {
    let runner = Home::new(&ON.replace("allow = [", "allow = [\"tls\", ")).start();
    let gone = nobody();
    let metrics = probe(&runner, &format!("target={gone}"));
    for line in [
        "probe_success 0",
        "probe_http_status_code 0",
        "probe_http_version 0",
        "probe_http_ssl 0",
        "probe_http_uncompressed_body_length 0",
        "probe_ip_protocol 4",
        "probe_ip_addr_hash 3668918509",
    ] {
        assert_has(&metrics, line);
    }
    let metrics = probe(&runner, &format!("module=grpc_plain&target={gone}"));
    for line in [
        "probe_grpc_status_code 14",
        "probe_grpc_ssl 0",
        "probe_grpc_healthcheck_response{serving_status=\"SERVING\"} 0",
    ] {
        assert_has(&metrics, line);
    }
    let metrics = probe(&runner, &format!("module=dns&target={gone}"));
    assert_has(&metrics, "probe_dns_query_succeeded 0");
    assert_has(&metrics, "probe_dns_answer_rrs 0");
    // Though nothing is known of the target.
    let metrics = probe(&runner, "target=http://10.1.2.3/");
    assert_has(&metrics, "probe_fault{kind=\"denied\"} 1");
    assert_has(&metrics, "probe_http_status_code 0");
    runner.stop();
}

#[test]
fn the_sandbox_holds_it_to_what_is_allowed() {
    let (runner, web) = (Home::new("[probe]\nallow = [\"tcp:127.0.0.1:1\"]\n").start(), web());
    let metrics = probe(&runner, &format!("module=tcp_connect&target=127.0.0.1:{}", web.port()));
    assert_has(&metrics, "probe_success 0");
    assert_has(&metrics, "probe_fault{kind=\"denied\"} 1");
    let told = probe(&runner, &format!("module=tcp_connect&debug=true&target=127.0.0.1:{}", web.port()));
    assert!(told.contains(&format!("warn it was not allowed tcp:127.0.0.1:{}", web.port())), "{told}");
    assert!(told.contains("to allow it, add to [probe]: allow = [\"tcp:127.0.0.1:"), "{told}");
    runner.stop();
}

#[test]
fn where_there_are_tokens_it_takes_one() {
    let (runner, web) = (Home::new(&format!("http.auth.token = \"{TOKEN}\"\n{ON}")).start(), web());
    let path = format!("/probe?module=tcp_connect&target=127.0.0.1:{}", web.port());
    assert_eq!(runner.get(&path).status, 401);
    let bearer = format!("Bearer {TOKEN}");
    let answer = runner.wait_for("an answer", || {
        let answer = runner.get_with(&path, &[("authorization", &bearer)]);
        if answer.status == 200 { Ok(answer) } else { Err(answer.text()) }
    });
    assert_has(&answer.text(), "probe_success 1");
    assert_eq!(answer.header("cache-control"), "no-store");
    runner.stop();
}

#[test]
fn what_is_wrong_with_a_request_is_said() {
    let runner = Home::new(ON).start();
    probe(&runner, &format!("module=tcp_connect&target={}", nobody()));
    for (query, field, detail) in [
        ("", "target", "must be a host or a URL"),
        ("target=", "target", "must be a host or a URL"),
        ("target=127.0.0.1&module=tcp_connect", "target", "`127.0.0.1` names no port"),
        ("target=127.0.0.1&module=none", "module", "there is no module `none`; there are dns, grpc, "),
        ("target=127.0.0.1&debug=maybe", "debug", "must be true or false"),
    ] {
        let answer = runner.get(&format!("/probe?{query}"));
        assert_eq!(answer.status, 400, "{query}: {}", answer.text());
        let problem = answer.json();
        assert_eq!(problem["field"], field, "{query}");
        assert!(problem["detail"].as_str().unwrap().contains(detail), "{query}: {problem:#}");
    }
    runner.stop();
}

#[test]
fn the_operator_can_add_modules_and_a_person_can_see_what_a_run_did() {
    let web = Target::http(|request| {
        assert!(request.contains("authorization: Bearer hunter2"), "{request}");
        "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n".to_owned()
    });
    let module = "[[probe.module]]\nname = \"tired\"\nprobe = \"http\"\nsettings = { url = \"{url}/tired\", expect_status = [503], \
                  headers = { authorization = \"Bearer ${env:SECRET}\" } }\n";
    let home = Home::new(&format!("{ON}{module}"));
    let mut command = home.command(&["run", "--listen", "127.0.0.1:0", "--data-dir", "state"]);
    command.env("SECRET", "hunter2");
    let runner = home.start_by(command);
    let target = format!("127.0.0.1:{}", web.port());
    let told = probe(&runner, &format!("module=tired&debug=true&target={target}"));
    for part in [
        "Logs for the probe:\n",
        &*format!("the module tired examines {target}\n"),
        "1 connections, 1 requests",
        &*format!("healthy: http://{target}/tired answered 503"),
        "info status = 503\n",
        &*format!("info url = http://{target}/tired\n"),
        "Metrics that would have been returned:\n",
        "\nprobe_success 1\n",
        "Module configuration:\nprobe: http\n",
    ] {
        assert!(told.contains(part), "{part} is missing in {told}");
    }
    assert!(!told.contains("hunter2") && told.contains("***"), "{told}");
    runner.stop();
}

#[test]
fn the_time_that_prometheus_has_is_kept() {
    let silent = Target::tcp(crate::target::freeze);
    let runner = Home::new(ON).start();
    let path = format!("/probe?target=127.0.0.1:{}", silent.port());
    let told = runner.wait_for("an answer", || {
        let answer = runner.get_with(&format!("{path}&debug=true"), &[("x-prometheus-scrape-timeout-seconds", "1.5")]);
        if answer.status == 200 { Ok(answer.text()) } else { Err(answer.text()) }
    });
    assert!(told.contains("timeout: 1s\n") && told.contains("\nprobe_success 0\n"), "{told}");
    runner.stop();
}

#[test]
fn a_certificate_is_told_by_its_end() {
    let authority = Authority::new("ours");
    let home = Home::new(&format!(
        "{ON}[defaults.tls]\nca_file = \"ca.pem\"\n[http.tls]\ncert_file = \"server.crt\"\nkey_file = \"server.key\"\n"
    ));
    authority.certify(&["localhost"], &home.path(""));
    home.put("ca.pem", authority.pem().as_bytes());
    let watched = home.start();
    let on = ON.replace("allow = [", "allow = [\"tls\", \"tcp:localhost:*\", ");
    let home = Home::new(&format!("{on}[defaults.tls]\nca_file = \"ca.pem\"\n"));
    home.put("ca.pem", authority.pem().as_bytes());
    let runner = home.start();
    let metrics = probe(&runner, &format!("target=https://localhost:{}/livez", watched.address.port()));
    assert_has(&metrics, "probe_success 1");
    assert_has(&metrics, "probe_http_ssl 1");
    let expiry = |metrics: &str| -> f64 {
        let expiry = metrics.lines().find_map(|line| line.strip_prefix("probe_ssl_earliest_cert_expiry "));
        expiry.unwrap_or_else(|| panic!("no expiry in {metrics}")).parse().unwrap()
    };
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    let of_http = expiry(&metrics);
    assert!(of_http > now, "{metrics}");

    // And of what speaks no HTTP.
    let metrics = probe(&runner, &format!("module=tcp_connect_tls&target=localhost:{}", watched.address.port()));
    assert_has(&metrics, "probe_success 1");
    assert_has(&metrics, "probe_tls_version_info{version=\"TLS 1.3\"} 1");
    assert!((expiry(&metrics) - of_http).abs() < 60.0, "it is the same certificate: {metrics}");
    runner.stop();
}
