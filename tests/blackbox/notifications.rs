//! Who is told of trouble: rules, silences, acknowledgements, and messages that arrive whatever happens to the runner.

mod alertmanager;
mod chat;
mod hooks;
mod mail;
mod parents;
mod receiver;

use std::{fs, net::TcpListener};

use base64::{Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use ring::hmac;
use rustix::process::Signal;
use serde_json::{Value, json};

use self::receiver::{Received, Receiver};
use crate::{
    guest,
    runner::{BRISK, EAGER, GUARDED, Home, Runner},
    target::Target,
};

/// A check of a port.
fn check(name: &str, port: u16, more: &str) -> String {
    format!(
        "[[check]]\nname = \"{name}\"\nprobe = \"tcp\"\n{more}{EAGER}settings = {{ host = \"127.0.0.1\", port = {port} }}\n"
    )
}

/// A sink at a receiver.
fn hook(name: &str, receiver: &Receiver, more: &str) -> String {
    format!("[[notify.sink]]\nname = \"{name}\"\ntype = \"webhook\"\nurl = \"{}\"\n{more}", receiver.url("/hook"))
}

/// A port on which nobody listens, and whoever can come to listen there.
fn silent_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// Somebody listens at a port.
fn listening_at(port: u16) -> Target {
    Target::tcp_at(([127, 0, 0, 1], port).into(), drop)
}

/// What a message says of what: its kind, and its check.
fn told(received: &Received) -> String {
    let letter = received.json();
    format!("{} {}", letter["kind"].as_str().unwrap(), letter["check"].as_str().unwrap_or("-"))
}

fn alert_of(runner: &Runner, check: &str) -> Value {
    runner.wait_for(&format!("an alert of {check}"), || {
        let all = runner.json("/alerts");
        all["alerts"].as_array().unwrap().iter().find(|alert| alert["check"] == check).cloned().ok_or(all)
    })
}

/// What the first event of a kind says; waits for it.
fn notice(runner: &Runner, kind: &str) -> Value {
    use std::io::{BufRead, BufReader, Write};
    let mut stream = std::net::TcpStream::connect(runner.address).unwrap();
    stream.set_read_timeout(Some(crate::runner::PATIENCE)).unwrap();
    write!(stream, "GET /events?after=0&type={kind} HTTP/1.0\r\nhost: localhost\r\n\r\n").unwrap();
    for line in BufReader::new(stream).lines().map(Result::unwrap) {
        let event = line.strip_prefix("data: ").map(|json| serde_json::from_str::<Value>(json).unwrap());
        // After a restart, numbers go on with a gap.
        if let Some(event) = event.filter(|event| event["type"] == format!("probity.{kind}")) {
            return event["data"].clone();
        }
    }
    panic!("the events ended before there was one of the kind {kind}")
}

#[test]
fn a_webhook_is_signed_and_told_the_same_until_it_takes_it() {
    let receiver = Receiver::new();
    receiver.answer(503);
    let port = silent_port();
    let secret = format!("whsec_{}", STANDARD.encode("a secret of some length"));
    let sink = hook(
        "ops",
        &receiver,
        &format!("secret = \"{secret}\"\nheaders = {{ Authorization = \"Bearer ${{env:HOOK_TOKEN}}\" }}\n"),
    );
    let home = Home::new(&format!(
        "{BRISK}[notify]\nwindow = \"0s\"\n[[notify.rule]]\nname = \"page\"\nsinks = [\"ops\"]\n{sink}{}",
        check("door", port, "critical = true\ngroup = \"front\"\nlabels = { team = \"shop\" }\n")
    ));
    let mut command = home.command(&["run", "--listen", "127.0.0.1:0", "--data-dir", "state"]);
    command.env("HOOK_TOKEN", "t0ken");
    let runner = home.start_by(command);
    let first = receiver.wait_for(1, &runner).remove(0);
    runner.wait_for_log("delivery-failed");
    runner.wait_for("the failure to be counted", || {
        let metrics = runner.get("/metrics").text();
        let failed = metrics.contains("probity_notifications_queued{sink=\"ops\"} 1\n");
        if failed { Ok(()) } else { Err(metrics) }
    });
    receiver.answer(204);
    let second = receiver.wait_for(2, &runner).remove(1);

    // Both are the same message, signed each time anew.
    for received in [&first, &second] {
        assert_eq!(received.header("webhook-id"), first.header("webhook-id"));
        assert_eq!(received.header("idempotency-key"), first.header("webhook-id"));
        assert_eq!(received.header("authorization"), "Bearer t0ken");
        let signed =
            format!("{}.{}.{}", received.header("webhook-id"), received.header("webhook-timestamp"), received.body);
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"a secret of some length");
        let tag = STANDARD.decode(received.header("webhook-signature").strip_prefix("v1,").unwrap()).unwrap();
        hmac::verify(&key, signed.as_bytes(), &tag).unwrap();
    }
    let letter = second.json();
    assert_eq!(letter["id"], first.header("webhook-id"));
    assert_eq!(letter["title"], "door is unhealthy (critical)");
    assert_eq!((&letter["rule"], &letter["kind"], &letter["firing"]), (&json!("page"), &json!("alert"), &json!(true)));
    assert_eq!((&letter["group"], &letter["labels"]), (&json!("front"), &json!({ "team": "shop" })));
    assert!(letter["message"].as_str().unwrap().contains("connection refused"), "{letter}");

    // And that it is over.
    let _open = listening_at(port);
    let third = receiver.wait_for(3, &runner).remove(2);
    assert_eq!((told(&third).as_str(), &third.json()["firing"]), ("resolved door", &json!(false)));
    assert_ne!(third.header("webhook-id"), first.header("webhook-id"));
    runner.wait_for_json("/alerts", "no more alerts", |all| all["total"] == 0);
    let metrics = runner.get("/metrics").text();
    assert!(metrics.contains("probity_notifications_sent_total{sink=\"ops\"} 2\n"), "{metrics}");
    let all = runner.stop_and_tell_all();
    assert!(!all.contains("t0ken") && !all.contains(&secret), "secrets are nobody's business");
}

#[test]
fn what_nobody_took_is_told_after_the_runner_was_killed() {
    let receiver = Receiver::new();
    receiver.answer(500);
    let port = silent_port();
    let config = format!(
        "{BRISK}[notify]\nwindow = \"0s\"\n[[notify.rule]]\nname = \"page\"\nsinks = [\"ops\"]\n{}{}",
        hook("ops", &receiver, ""),
        check("door", port, "")
    );
    let mut home = Home::new(&config);
    let mut id = String::new();
    for life in 0..5 {
        let before = receiver.count();
        let mut runner = home.start();
        let received = receiver.wait_for(before + 1, &runner).remove(before);
        assert_eq!(told(&received), "alert door", "life {life}");
        if life == 0 {
            id = received.header("webhook-id").to_owned();
        }
        assert_eq!(received.header("webhook-id"), id, "life {life}: it is the same message");
        runner.signal(Signal::KILL);
        runner.wait_for_exit();
        home = runner.home.clone();
    }
    // While it is away, the trouble ends: whoever was told hears of it.
    receiver.answer(200);
    let _open = listening_at(port);
    let before = receiver.count();
    let runner = home.start();
    let received = receiver.wait_for(before + 2, &runner);
    let told: Vec<String> = received[before..].iter().map(told).collect();
    assert_eq!(told, ["alert door", "resolved door"]);
    assert_eq!(received[before].header("webhook-id"), id);
    runner.wait_for("nothing more to wait", || {
        let metrics = runner.get("/metrics").text();
        if metrics.contains("probity_notifications_queued{sink=\"ops\"} 0\n") { Ok(()) } else { Err(metrics) }
    });
    let home = runner.stop();
    let again = home.start();
    again.wait_for_check("door", "is well", |check| check.status() == "healthy");
    assert_eq!(receiver.count(), before + 2, "and nothing is told twice");
}

#[test]
fn trouble_can_be_taken_care_of_and_silenced() {
    let receiver = Receiver::new();
    let (one, other) = (silent_port(), silent_port());
    let home = Home::new(&format!(
        "{GUARDED}{BRISK}[notify]\nwindow = \"0s\"\n[[notify.rule]]\nname = \"page\"\nsinks = [\"ops\"]\nrepeat = \"1s\"\n{}{}{}",
        hook("ops", &receiver, ""),
        check("one", one, ""),
        check("other", other, "enabled = false\n"),
    ));
    let runner = home.start();
    let alert = alert_of(&runner, "one");
    receiver.wait_until(&runner, "a reminder", |received| received.iter().any(|one| told(one) == "reminder one"));
    let path = format!("/alerts/{}/acknowledge", alert["id"].as_str().unwrap());
    assert_eq!(runner.ask("POST", &path, &[]).status, 401, "not without a token");
    let cared = runner.change("POST", &path, r#"{"by": "ann", "comment": "on it"}"#);
    assert_eq!((cared.status, &cared.json()["acknowledged"]["by"]), (200, &json!("ann")));
    runner.wait_for_json("/alerts", "to be suppressed", |all| {
        all["alerts"][0]["rules"]["page"]["suppressed_by"] == json!(["acknowledgement"])
    });
    let cared_at: Timestamp = cared.json()["acknowledged"]["at"].as_str().unwrap().parse().unwrap();

    // A silence outlives the runner, and so does what was acknowledged.
    let silence = runner.change("POST", "/silences", r#"{"checks": ["oth*"], "for": "1h", "comment": "moving"}"#);
    assert_eq!(silence.status, 200, "{}", silence.text());
    let decreed = notice(&runner, "silenced");
    assert_eq!(
        (&decreed["checks"], &decreed["by"], &decreed["comment"]),
        (&json!(["oth*"]), &json!("token"), &json!("moving"))
    );
    let mut runner = runner;
    runner.signal(Signal::KILL);
    runner.wait_for_exit();
    let home = runner.home.clone();
    let text = fs::read_to_string(home.path("probity.toml")).unwrap();
    home.put("probity.toml", text.replace("enabled = false\n", "").as_bytes());
    let runner = home.start();
    let silenced = format!("silence:{}", silence.json()["id"].as_str().unwrap());
    runner.wait_for_json("/alerts", "to be silenced", |all| {
        let of = |check: &str| all["alerts"].as_array().unwrap().iter().find(|alert| alert["check"] == check).cloned();
        of("other").is_some_and(|other| other["rules"]["page"]["suppressed_by"] == json!([silenced]))
            && of("one").is_some_and(|one| one["acknowledged"]["by"] == "ann")
    });
    for received in receiver.received() {
        let time: Timestamp = received.json()["time"].as_str().unwrap().parse().unwrap();
        assert!(time <= cared_at, "nothing more was told: {received:?}");
    }
    let suppressed = notice(&runner, "suppressed");
    assert!(suppressed["suppressed_by"].is_array(), "{suppressed:?}");

    let ended = runner.change("DELETE", &format!("/silences/{}", silence.json()["id"].as_str().unwrap()), "");
    assert_eq!((ended.status, &ended.json()["total"]), (200, &json!(0)));
    assert_eq!(runner.change("DELETE", &path, "").status, 200);
    // Whoever did what is told.
    for kind in ["unsilenced", "unacknowledged"] {
        assert_eq!(notice(&runner, kind)["by"], "token");
    }
    runner.wait_for_log("checks oth* can be heard of again");
    receiver.wait_until(&runner, "the alert", |received| received.iter().any(|one| told(one) == "alert other"));
    runner.stop();
}

#[test]
fn who_depends_on_what_is_down_is_noticed_and_not_told_of() {
    let receiver = Receiver::new();
    let (parent, child) = (silent_port(), silent_port());
    let home = Home::new(&format!(
        "{BRISK}[notify]\nwindow = \"1s\"\n[[notify.rule]]\nname = \"page\"\nsinks = [\"ops\"]\n{}{}{}",
        hook("ops", &receiver, ""),
        check("router", parent, ""),
        check("server", child, "depends_on = [\"router\"]\n"),
    ));
    let runner = home.start();
    receiver.wait_for(1, &runner);
    runner.wait_for_json("/alerts", "to be suppressed", |all| {
        let server = all["alerts"].as_array().unwrap().iter().find(|alert| alert["check"] == "server").cloned();
        server.is_some_and(|server| server["rules"]["page"]["suppressed_by"] == json!(["check:router"]))
    });
    assert_eq!(runner.check("server").unwrap().status(), "unhealthy", "it is watched all the same");
    assert_eq!(told(&receiver.wait_for(1, &runner)[0]), "alert router");
    let _open = listening_at(parent);
    receiver.wait_until(&runner, "the parent's end, and the child", |received| {
        let told: Vec<String> = received.iter().map(told).collect();
        told.contains(&"resolved router".to_owned()) && told.contains(&"alert server".to_owned())
    });
    runner.stop();
}

#[test]
fn a_circle_of_dependencies_is_refused_when_it_is_loaded() {
    let home =
        Home::new(&format!("{}{}", check("a", 1, "depends_on = [\"b\"]\n"), check("b", 1, "depends_on = [\"a\"]\n")));
    let said = home.refusal();
    assert!(said.contains("probity.toml:1: depends_on: `a` -> `b` -> `a` depend on each other in a circle"), "{said}");

    // By way of a side-car, the one that closes it is left out.
    let home = Home::new(&check("a", 1, "depends_on = [\"hello\"]\n"));
    home.drop_in("hello", &guest::saying("hello"));
    home.put("probes.d/hello.toml", b"[[check]]\ndepends_on = [\"a\"]\n");
    let runner = home.start();
    let flaw = runner.wait_for_flaw("hello.toml");
    assert!(flaw.contains("depend on each other in a circle"), "{flaw}");
    runner.wait_for_checks(&["a"]);
    runner.home.put("probes.d/hello.toml", b"[[check]]\n");
    runner.wait_for_checks(&["a", "hello"]);
    runner.stop();
}

#[test]
fn a_storm_is_one_message() {
    let receiver = Receiver::new();
    let mut config = format!(
        "{BRISK}[notify]\nwindow = \"3s\"\nsummary_above = 3\n[[notify.rule]]\nname = \"page\"\nsinks = [\"ops\"]\n{}",
        hook("ops", &receiver, "")
    );
    for number in 0..20 {
        config += &check(&format!("c{number:02}"), 1, "");
    }
    let runner = Home::new(&config).start();
    let first = receiver.wait_for(1, &runner).remove(0).json();
    assert_eq!((&first["kind"], &first["check"]), (&json!("summary"), &Value::Null));
    assert!(first["items"].as_array().unwrap().len() > 3, "{first}");
    assert!(first["title"].as_str().unwrap().ends_with(" in trouble"), "{first}");
    runner.stop();
}

#[test]
fn rules_and_sinks_change_while_the_runner_runs_and_what_was_told_stays_told() {
    let (old, new) = (Receiver::new(), Receiver::new());
    let port = silent_port();
    let config = |receiver: &Receiver, more: &str| {
        format!(
            "{BRISK}[notify]\nwindow = \"0s\"\n[[notify.rule]]\nname = \"page\"\nsinks = [\"ops\"]\n{more}{}{}",
            hook("ops", receiver, "body = '{\"text\": {{ title }}, \"rule\": {{ rule }}}'\n"),
            check("door", port, "")
        )
    };
    let runner = Home::new(&config(&old, "")).start();
    let first = old.wait_for(1, &runner).remove(0);
    assert_eq!(first.json(), json!({ "text": "door is unhealthy", "rule": "page" }), "a body of one's own");
    // A configuration that is wrong changes nothing.
    runner.home.put("probity.toml", b"[[notify.rule]]\nname = \"page\"\nsinks = [\"nobody\"]\n");
    let flaw = runner.wait_for_flaw("probity.toml");
    assert!(flaw.contains("there is no [[notify.sink]] with name = \"nobody\""), "{flaw}");
    runner.home.put("probity.toml", config(&new, "repeat = \"1s\"\n").as_bytes());
    let reminder = new.wait_for(1, &runner).remove(0);
    assert_eq!(reminder.json()["text"], "door is still unhealthy", "it was told before");
    let _open = listening_at(port);
    new.wait_until(&runner, "the end", |received| {
        received.iter().any(|received| received.json()["text"] == "door is resolved")
    });
    assert_eq!(old.count(), 1);
    runner.stop();
}

#[test]
fn planned_work_and_events_and_standard_output() {
    let home = Home::new(&format!(
        "{BRISK}[notify]\nwindow = \"0s\"\n\
         [[notify.maintenance]]\nname = \"move\"\nchecks = [\"moved\"]\nfrom = 2020-01-01T00:00:00\nto = 2099-01-01T00:00:00\n\
         timezone = \"Europe/Stockholm\"\n\
         [[notify.rule]]\nname = \"page\"\nsinks = [\"out\"]\n\
         [[notify.rule]]\nname = \"changes\"\nsinks = [\"out\"]\nevents = [\"reload\"]\n\
         [[notify.sink]]\nname = \"out\"\ntype = \"stdout\"\n{}{}",
        check("moved", 1, ""),
        check("door", 1, "")
    ));
    let runner = home.start();
    runner.wait_for_log("\"title\":\"door is unhealthy\"");
    runner.wait_for_json("/alerts", "to be suppressed", |all| {
        let moved = all["alerts"].as_array().unwrap().iter().find(|alert| alert["check"] == "moved").cloned();
        moved.is_some_and(|moved| moved["rules"]["page"]["suppressed_by"] == json!(["maintenance:move"]))
    });
    let text = fs::read_to_string(runner.home.path("probity.toml")).unwrap();
    runner.home.put("probity.toml", (text + "\n").as_bytes());
    runner.wait_for_log("\"title\":\"the runner: reload\"");
    assert!(!runner.log().contains("\"title\":\"moved is unhealthy\""), "{}", runner.log());
    runner.stop();
}

#[test]
fn a_queue_that_is_full_is_told_of() {
    let receiver = Receiver::new();
    receiver.answer(500);
    let mut config = format!(
        "{BRISK}[notify]\nwindow = \"0s\"\nmax_queued = 2\nsummary_above = 100\n[[notify.rule]]\nname = \"page\"\nsinks = [\"ops\"]\n{}",
        hook("ops", &receiver, "")
    );
    for number in 0..5 {
        config += &check(&format!("c{number}"), 1, "");
    }
    let runner = Home::new(&config).start();
    runner.wait_for("messages to be given up", || {
        let metrics = runner.get("/metrics").text();
        let is_full = metrics.contains("probity_notifications_dropped_total{sink=\"ops\"} 3\n")
            && metrics.contains("probity_notifications_queued{sink=\"ops\"} 2\n");
        if is_full { Ok(()) } else { Err(metrics) }
    });
    runner.wait_for_log("too many wait for this sink, see `notify.max_queued`");
    let health = runner.wait_for_json("/health", "to tell of it", |health| {
        health["components"]["notifications"]["status"] == "degraded"
    });
    assert!(health["message"].as_str().unwrap().contains("the queue of the sink `ops` is full"), "{health}");
    runner.stop();
}

#[test]
fn a_sink_can_be_tried_out() {
    let receiver = Receiver::new();
    let home = Home::new(&format!(
        "{}[[notify.sink]]\nname = \"nowhere\"\ntype = \"slack\"\nurl = \"http://127.0.0.1:1/T0/s3cret\"\n",
        hook("ops", &receiver, "")
    ));
    let taken = home.run(&["notify", "test", "ops"]);
    assert_eq!((taken.code, taken.stdout.as_str()), (Some(0), "`ops` (webhook) took the test message\n"), "{taken:?}");
    assert_eq!(receiver.received()[0].json()["kind"], "test");
    let refused = home.run(&["notify", "test", "nowhere"]);
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stdout.contains("can't connect to 127.0.0.1:1"), "{refused:?}");
    assert!(!refused.stdout.contains("s3cret"), "an address may be a secret: {refused:?}");
    receiver.answer(400);
    let wrong = home.run(&["notify", "test", "ops"]);
    assert!(wrong.stdout.contains("answered 400 Bad Request: as told"), "{wrong:?}");
    assert!(wrong.stdout.contains("a runner would give such a message up"), "{wrong:?}");
    receiver.answer(302);
    let led = home.run(&["notify", "test", "ops"]);
    assert!(led.stdout.contains("it is not followed") && led.stdout.contains("a runner would try again"), "{led:?}");
    let unknown = home.run(&["notify", "test", "nobody"]);
    assert_eq!(unknown.code, Some(3), "{unknown:?}");
    assert!(
        unknown.stderr.contains("has no [[notify.sink]] with name = \"nobody\"; there is `ops`, `nowhere`"),
        "{unknown:?}"
    );
}
