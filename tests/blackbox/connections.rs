//! Connections as whoever uses and keeps them sees them: asked for, told of, controlled, idle and back again.

use serde_json::json;

use crate::{
    runner::{BRISK, GUARDED, Home, Runner},
    target::Target,
};

/// A runner with one check `door` of a TCP target; `more` is the rest of its section.
fn watching(target: &Target, more: &str) -> Runner {
    let config = format!(
        "{GUARDED}{BRISK}[[check]]\nname = \"door\"\nprobe = \"tcp\"\n\
         settings = {{ host = \"127.0.0.1\", port = {}, expect = \"hello\" }}\n{more}\n",
        target.port()
    );
    let runner = Home::new(&config).start();
    runner.wait_for_check("door", "is connected", |check| check.state() == "CONNECTED");
    runner
}

/// Quick to lose a target and to look for it.
const EAGER: &str = "[check.connection]\nfall = 1\nreconnect_delay = \"100ms\"\nreconnect_multiplier = 1.0\n";

#[test]
fn an_idle_connection_is_closed_and_made_again_for_whoever_asks() {
    let target = Target::greeting("hello");
    let address = target.address;
    let runner = watching(&target, &format!("{EAGER}idle_timeout = \"300ms\"\ncleanup_interval = \"100ms\""));
    // To read its page would be to make use of it.
    runner.wait_for_check("door", "is idle", |check| check.state() == "DISCONNECTED");
    assert_eq!(runner.check("door").unwrap().status(), "pending");
    // What nobody needs is not missed.
    runner.wait_for_status("healthy");

    let lease = runner.change("POST", "/connections/door/acquire", "");
    assert_eq!(lease.status, 200, "{}", lease.text());
    let lease = lease.json();
    assert_eq!((&lease["state"], &lease["generation"]), (&json!("CONNECTED"), &json!(1)), "{lease}");
    assert_eq!(lease["stats"]["totalConnections"], 2, "{lease}");
    assert_eq!((&lease["idle_timeout"], &lease["is_healthy"]), (&json!("0s"), &json!(true)), "{lease}");

    runner.wait_for_check("door", "is idle again", |check| check.state() == "DISCONNECTED");
    drop(target);
    let refused = runner.change("POST", "/connections/door/acquire", "");
    assert_eq!((refused.status, &refused.json()["reason"]), (503, &json!("down")), "{}", refused.text());
    assert!(refused.header("retry-after").parse::<u64>().unwrap() >= 1);
    assert!(refused.json()["detail"].as_str().unwrap().contains("refused"), "{}", refused.text());

    let _target = Target::tcp_at(address, |mut stream| drop(std::io::Write::write_all(&mut stream, b"hello")));
    runner.wait_for("the connection to be had again", || {
        let lease = runner.change("POST", "/connections/door/acquire?timeout=5s", "");
        if lease.status == 200 { Ok(()) } else { Err(lease.text()) }
    });
    runner.stop();
}

#[test]
fn a_circuit_opens_by_itself_and_obeys_its_keeper() {
    let target = Target::greeting("hello");
    let address = target.address;
    let runner = watching(&target, &format!("{EAGER}[check.circuit]\nfailures = 2\nexpiry = \"1s\"\n"));
    let circuit = |state: &str| {
        let is_so = |circuit: &serde_json::Value| circuit["state"] == state;
        runner.wait_for_json("/connections/door/circuit", &format!("the circuit is {state}"), is_so)
    };
    let told = |method: &str, path: &str, body: &str| {
        let answer = runner.change(method, &format!("/connections/door/circuit/{path}"), body);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    };
    assert_eq!(circuit("closed")["expiry"], json!({ "strategy": "fixed", "seconds": 1.0 }));

    drop(target);
    let opened = circuit("open");
    assert!(opened["opened_at"].is_string() && opened["last_failure"].is_string(), "{opened}");
    let refused = runner.change("POST", "/connections/door/acquire", "");
    assert!(
        matches!(refused.json()["reason"].as_str(), Some("circuit-open" | "down" | "test-under-way")),
        "{}",
        refused.text()
    );
    // Until somebody acts: no attempt is due, and an attempt by hand does not close it.
    let page = told("PUT", "expiry", r#"{"strategy": "disabled"}"#);
    assert_eq!(page["expiry"]["strategy"], "disabled", "{page}");
    runner.wait_for_json("/connections/door", "nothing is due", |door| {
        door["circuit"]["state"] == "open" && door["next_attempt"].is_null()
    });
    let target = Target::tcp_at(address, |mut stream| drop(std::io::Write::write_all(&mut stream, b"hello")));
    let page = runner.change("POST", "/connections/door/check", "").json();
    assert_eq!((&page["state"], &page["circuit"]["state"]), (&json!("CONNECTED"), &json!("open")), "{page}");
    told("POST", "half-open", "");
    assert_eq!(circuit("closed")["control"], "auto");

    assert_eq!(told("POST", "force-open", "")["control"], "forced-open");
    let refused = runner.change("POST", "/connections/door/acquire", "");
    assert_eq!((refused.status, &refused.json()["reason"]), (503, &json!("circuit-open")), "{}", refused.text());
    told("POST", "force-closed", "");
    drop(target);
    runner.wait_for_json("/connections/door", "many attempts fail", |door| {
        door["state"] == "RECONNECTING" && door["circuit"]["consecutive_failures"].as_u64() > Some(4)
    });
    assert_eq!(circuit("closed")["control"], "forced-closed");
    told("POST", "auto", "");
    assert_eq!(told("PUT", "expiry", r#"{"strategy": "configured"}"#)["expiry"]["seconds"], 1.0);
    circuit("open");
    let _target = Target::tcp_at(address, |mut stream| drop(std::io::Write::write_all(&mut stream, b"hello")));
    circuit("closed");
    runner.wait_for_check("door", "is back", |check| check.state() == "CONNECTED");
    runner.stop();
}

#[test]
fn what_a_service_saw_counts_as_a_run_does() {
    let target = Target::greeting("hello");
    let slow =
        "interval = \"1h\"\n[check.connection]\nfall = 2\nreconnect_delay = \"1h\"\nmax_reconnect_delay = \"1h\"\n";
    let runner = watching(&target, &format!("{slow}fast_interval = \"1h\"\n[check.circuit]\nfailures = 3\n"));
    let report = |body: &str| {
        let answer = runner.change("POST", "/connections/door/outcomes", body);
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    };
    let failed = r#"{"success": false, "latency": 2000000, "message": "broken pipe"}"#;
    assert_eq!(report(failed)["state"], "CONNECTED", "once is not enough");
    let page = report(failed);
    assert_eq!((&page["state"], &page["message"]), (&json!("RECONNECTING"), &json!("reported: broken pipe")), "{page}");
    assert_eq!(runner.check("door").unwrap().status(), "unhealthy");
    let page = report(failed);
    assert_eq!(page["circuit"]["state"], "open", "{page}");
    let generation = page["circuit"]["generation"].as_u64().unwrap();
    runner.change("POST", "/connections/door/circuit/half-open", "");
    runner.wait_for_json("/connections/door", "is found well", |door| {
        door["circuit"]["state"] == "closed" && door["state"] == "CONNECTED"
    });
    // What was let through before all that is dated.
    for _ in 0..5 {
        report(&format!(r#"{{"success": false, "generation": {generation}}}"#));
    }
    let page = runner.json("/connections/door");
    assert_eq!((&page["state"], &page["circuit"]["state"]), (&json!("CONNECTED"), &json!("closed")), "{page}");
    assert_eq!(page["stats"]["reportedFailures"], 8, "{page}");
    runner.stop();
}

#[test]
fn what_is_decreed_is_kept_apart_from_what_is_found() {
    let target = Target::greeting("hello");
    let runner = watching(&target, "critical = true");
    let decree = |mode: &str| {
        let answer = runner.change("PUT", "/connections/door/mode", &format!(r#"{{"mode": "{mode}"}}"#));
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    };
    // What is served of all checks together may be a moment old.
    let serves = |status: u16| {
        runner.wait_for(&format!("/health to answer {status}"), || match runner.get("/health") {
            answer if answer.status == status => Ok(()),
            answer => Err(answer.text()),
        });
    };
    let page = decree("forced-down");
    assert_eq!([&page["state"], &page["status"], &page["mode"]], ["CONNECTED", "healthy", "forced-down"], "{page}");
    serves(503);
    decree("auto");
    drop(target);
    runner.wait_for_check("door", "is down", |check| check.status() == "unhealthy");
    serves(503);
    let page = decree("forced-up");
    assert_eq!((&page["status"], &page["is_healthy"]), (&json!("unhealthy"), &json!(true)), "{page}");
    serves(200);
    let page = decree("disabled");
    assert_eq!((&page["state"], &page["next_attempt"]), (&json!("DISCONNECTED"), &json!(null)), "{page}");
    serves(200);
    runner.stop();
}

#[test]
fn without_a_token_nobody_controls_but_whom_the_operator_lets() {
    let open = Home::new(BRISK).start();
    let refused = open.ask("POST", "/connections/door/disconnect", &[]);
    assert_eq!(refused.status, 403, "{}", refused.text());
    let detail = refused.json()["detail"].as_str().unwrap().to_owned();
    assert!(
        detail.contains("http.auth.token") && detail.contains("http.auth.allow_anonymous_control = true"),
        "{detail}"
    );
    open.stop();

    let target = Target::greeting("hello");
    let runner = watching(&target, "");
    assert_eq!(runner.ask("POST", "/connections/door/disconnect", &[]).status, 401);
    let wrong = [("authorization", "Bearer s3cres")];
    assert_eq!(runner.ask("POST", "/connections/door/disconnect", &wrong).status, 401);
    assert_eq!(runner.change("POST", "/connections/dor/disconnect", "").json()["nearest"], json!(["door"]));
    let page = runner.change("POST", "/connections/door/disconnect", "").json();
    assert_eq!((&page["state"], &page["is_connected"]), (&json!("DISCONNECTED"), &json!(false)), "{page}");
    let page = runner.change("POST", "/connections/door/connect", "").json();
    assert_eq!(page["state"], "CONNECTED", "{page}");
    let page = runner.change("POST", "/connections/door/reset", "").json();
    assert!(page["stats"]["totalConnections"].as_u64() < Some(2), "{page}");
    assert!(!runner.log().contains("s3cret"));
    runner.stop();

    let config = format!("http.auth.allow_anonymous_control = true\n{BRISK}");
    let ours = Home::new(&config).start();
    assert_eq!(ours.ask("POST", "/connections/door/disconnect", &[]).status, 404, "there is no such check");
    ours.stop();

    let home = Home::new(&config);
    let command = home.command(&["run", "--listen", "0.0.0.0:0", "--data-dir", "state"]);
    let reachable = home.start_by(command);
    reachable.wait_for_log("`http.auth.allow_anonymous_control` has no effect, as other machines may reach 0.0.0.0:");
    assert_eq!(reachable.ask("POST", "/connections/door/disconnect", &[]).status, 403);
    reachable.stop();
}
